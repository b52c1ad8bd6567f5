//! The lists of words by which what spans say is read.
//!
//! A list that one detector alone looks at is a setting of its own and stands in its file. Those that are asked for once a
//! signature, or by several detectors, are here.

use serde::{Deserialize, Serialize};

use super::word_list::{ListForm, WordList};
use crate::conventions::UncountedCalls;

/// All lists of words that are asked for while signatures are read, or by several detectors.
#[derive(Clone, Debug)]
pub struct Lists {
    /// Calls that are not counted.
    pub uncounted: UncountedCalls,
    /// What names of services, tables and databases mean.
    pub names: NameLists,
    /// Words of services that are made to read what others write.
    pub(crate) reporting_words: WordList,
    /// First words of operations that change something.
    pub(crate) writing_words: WordList,
    /// Words of destinations whose messages are to wait.
    pub(crate) delay_words: WordList,
    /// Labels of hosts that the internet does not know.
    pub(crate) private_labels: WordList,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            uncounted: UncountedCalls::default(),
            names: NameLists::default(),
            reporting_words: WordList::of(&REPORTING_WORDS),
            writing_words: WordList::of(&WRITING_WORDS),
            delay_words: WordList::of(&DELAY_WORDS),
            private_labels: WordList::of(&PRIVATE_LABELS),
        }
    }
}

/// Words of services that are made to read what others write.
pub(crate) const REPORTING_WORDS: [&str; 16] = [
    "report",
    "reports",
    "reporting",
    "analytics",
    "bi",
    "etl",
    "elt",
    "warehouse",
    "dwh",
    "dashboard",
    "metabase",
    "superset",
    "looker",
    "tableau",
    "grafana",
    "backup",
];

/// First words of operations that change something.
pub(crate) const WRITING_WORDS: [&str; 36] = [
    "create", "add", "insert", "update", "delete", "remove", "cancel", "reserve", "allocate", "charge", "pay",
    "capture", "debit", "credit", "withdraw", "deposit", "transfer", "book", "place", "submit", "send", "save", "put",
    "register", "confirm", "ship", "dispatch", "issue", "assign", "lock", "hold", "consume", "decrease", "deduct",
    "increase", "redeem",
];

/// Words of destinations whose messages are to wait.
pub(crate) const DELAY_WORDS: [&str; 8] =
    ["delay", "delayed", "retry", "scheduled", "later", "timer", "timeout", "backoff"];

/// Labels of hosts that only a cluster, a company, a container or a test knows.
pub(crate) const PRIVATE_LABELS: [&str; 17] = [
    "svc",
    "cluster",
    "local",
    "localdomain",
    "internal",
    "consul",
    "lan",
    "corp",
    "home",
    "intranet",
    "arpa",
    "test",
    "invalid",
    "example",
    "localhost",
    "docker",
    "pod",
];

/// Declares lists that are a table of the configuration: a field each with what it means, its form and what is usual.
macro_rules! name_lists {
    ($(#[$struct_doc:meta])* $visible:vis struct $lists:ident {
        $($(#[doc = $doc:literal])+ $field:ident: $form:ident = $usual:expr;)*
    }) => {
        $(#[$struct_doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        $visible struct $lists {
            $($(#[doc = $doc])+ pub(crate) $field: WordList,)*
        }

        impl Default for $lists {
            fn default() -> Self {
                Self { $($field: WordList::of(&$usual)),* }
            }
        }

        impl $lists {
            /// Name, meaning and form of each list, in the order of their declaration.
            pub(crate) const DESCRIBED: &[(&str, &str, ListForm)] =
                &[$((stringify!($field), concat!($($doc),+), ListForm::$form)),*];

            /// The list of a name of [`Self::DESCRIBED`].
            pub(crate) fn list_mut(&mut self, name: &str) -> Option<&mut WordList> {
                match name {
                    $(stringify!($field) => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

name_lists! {
    /// What names of services, tables and databases mean, for all detectors.
    pub struct NameLists {
        /// Words behind the name of a service that say what part of it a process plays, or where it runs: without them, and
        /// without versions, it is the family that the service is of
        role_words: Words = [
            "service",
            "svc",
            "api",
            "app",
            "web",
            "server",
            "backend",
            "worker",
            "consumer",
            "producer",
            "job",
            "cron",
            "scheduler",
            "batch",
            "batches",
            "processor",
            "listener",
            "handler",
            "sidekiq",
            "celery",
            "grpc",
            "rest",
            "http",
            "rpc",
            "canary",
            "primary",
            "stable",
            "blue",
            "green",
            "indexer",
            "loader",
            "ingest",
            "importer",
            "projector",
            "query",
            "queries",
            "command",
            "reader",
            "writer",
            "sync",
            "poller",
            "dispatcher",
            "executor",
            "runner",
            "migration",
            "relay",
            "outbox",
            "prod",
            "staging",
            "dev",
            "test",
        ];
        /// Tables that frameworks keep for themselves, and others that belong to no service; all outboxes are such, too
        infrastructure_tables: Patterns = [
            "flyway_schema_history",
            "schema_version",
            "databasechangelog",
            "databasechangeloglock",
            "alembic_version",
            "__efmigrationshistory",
            "django_migrations",
            "schema_migrations",
            "ar_internal_metadata",
            "knex_migrations",
            "knex_migrations_lock",
            "_prisma_migrations",
            "goose_db_version",
            "shedlock",
            "qrtz_*",
            "batch_job_*",
            "batch_step_*",
            "act_*",
            "jobrunr_*",
            "hangfire*",
            "delayed_jobs",
            "*inbox*",
            "spring_session*",
            "sessions",
            "audit_log",
            "*_audit",
        ];
        /// Tables that messages are put into to be sent later, in the transaction that changes the data
        outbox_tables: Patterns = ["*outbox*", "event_publication", "wolverine_*", "cap.*"];
        /// Namespaces that every host of databases has, so that they say nothing without the host
        common_namespaces: Names = [
            "test", "public", "default", "admin", "postgres", "mysql", "master", "main", "local", "db", "database",
            "app", "root", "dbo", "system", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13",
            "14", "15", "16",
        ];
        /// Commands of key-value systems that read; every other writes
        reading_commands: Words = [
            "get",
            "mget",
            "getrange",
            "strlen",
            "exists",
            "ttl",
            "pttl",
            "type",
            "scan",
            "keys",
            "hget",
            "hmget",
            "hgetall",
            "hexists",
            "hkeys",
            "hvals",
            "hlen",
            "lrange",
            "llen",
            "lindex",
            "smembers",
            "sismember",
            "scard",
            "zrange",
            "zrangebyscore",
            "zrevrange",
            "zscore",
            "zcard",
            "xrange",
            "xread",
        ];
        /// What keys of key-value systems begin with, up to the first colon, that says nothing of whose data it is
        common_key_prefixes: Names = [
            "session",
            "sessions",
            "sess",
            "lock",
            "locks",
            "ratelimit",
            "rate_limit",
            "throttle",
            "cache",
            "spring",
            "celery",
            "bull",
            "bullmq",
            "queue",
        ];
    }
}

impl NameLists {
    /// Whether a table, printed as in tables of results, is infrastructure and no data of a service.
    pub(crate) fn is_infrastructure(&self, table: &str) -> bool {
        self.infrastructure_tables.matches(table) || self.is_outbox(table)
    }

    /// Whether messages are put into this table to be sent later, in the transaction that changes the data.
    pub(crate) fn is_outbox(&self, table: &str) -> bool {
        self.outbox_tables.matches(table)
    }

    /// Whether every host has a namespace of this name, so that it says nothing without the host.
    pub(crate) fn everybody_has(&self, namespace: &str) -> bool {
        self.common_namespaces.has(namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every usual entry is one that could be set, and no list holds one twice.
    #[test]
    fn usual_lists_are_of_their_forms() {
        let mut lists = NameLists::default();
        for &(name, meaning, form) in NameLists::DESCRIBED {
            let list = lists.list_mut(name).unwrap();
            let read = WordList::read(list.iter(), form, &WordList::default());
            assert_eq!(read.as_ref(), Ok(&*list), "{name}");
            assert!(!meaning.trim().is_empty(), "{name}");
        }
        assert!(lists.list_mut("other").is_none());
    }

    #[test]
    fn infrastructure_is_known_by_its_names() {
        let lists = NameLists::default();
        for table in [
            "flyway_schema_history",
            "audit.databasechangelog",
            "qrtz_triggers",
            "hangfire.job",
            "hangfirejob",
            "cap.published",
            "order_outbox",
            "shop.inbox_messages",
            "spring_session_attributes",
            "sessions",
            "orders_audit",
        ] {
            assert!(lists.is_infrastructure(table), "{table}");
        }
        for table in ["orders", "audits", "session", "user_sessions", "captures.published", "actors", "job", ""] {
            assert!(!lists.is_infrastructure(table), "{table}");
        }
    }

    #[test]
    fn only_outboxes_send_later() {
        let lists = NameLists::default();
        for table in ["outbox", "shop.outboxevent", "event_publication", "cap.published"] {
            assert!(lists.is_outbox(table), "{table}");
        }
        for table in ["inbox", "audit_log", "orders", "shedlock"] {
            assert!(!lists.is_outbox(table), "{table}");
        }
    }

    #[test]
    fn some_namespaces_are_everywhere() {
        let lists = NameLists::default();
        assert!(["postgres", "PUBLIC", "0", "16"].into_iter().all(|name| lists.everybody_has(name)));
        assert!(!["orders", "17", "postgres2", ""].into_iter().any(|name| lists.everybody_has(name)));
    }
}
