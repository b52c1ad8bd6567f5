//! Tables that belong to no service: those of migrations, schedulers, outboxes, sessions and audits.

/// Whole names of tables that frameworks keep for themselves.
const NAMES: [&str; 18] = [
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
    "delayed_jobs",
    "event_publication",
    "sessions",
    "audit_log",
];

/// What the names of others begin with.
const BEGINNINGS: [&str; 8] =
    ["qrtz_", "batch_job_", "batch_step_", "act_", "jobrunr_", "hangfire", "wolverine_", "spring_session"];

/// Whether a table, printed as in tables of results, is infrastructure and no data of a service.
pub(crate) fn is_infrastructure(table: &str) -> bool {
    let name = name_of(table);
    NAMES.contains(&name)
        || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning) || table.starts_with(beginning))
        || table.starts_with("cap.")
        || name.contains("outbox")
        || name.contains("inbox")
        || name.ends_with("_audit")
}

/// Whether messages are put into this table to be sent later, in the transaction that changes the data.
pub(crate) fn is_outbox(table: &str) -> bool {
    let name = name_of(table);
    name.contains("outbox")
        || name == "event_publication"
        || name.starts_with("wolverine_")
        || table.starts_with("cap.")
}

/// The name without what qualifies it.
fn name_of(table: &str) -> &str {
    table.rsplit_once('.').map_or(table, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infrastructure_is_known_by_its_names() {
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
            assert!(is_infrastructure(table), "{table}");
        }
        for table in ["orders", "audits", "session", "user_sessions", "captures.published", "actors", "job", ""] {
            assert!(!is_infrastructure(table), "{table}");
        }
    }

    #[test]
    fn only_outboxes_send_later() {
        assert!(["outbox", "shop.outboxevent", "event_publication", "cap.published"].into_iter().all(is_outbox));
        assert!(!["inbox", "audit_log", "orders", "shedlock"].into_iter().any(is_outbox));
    }
}
