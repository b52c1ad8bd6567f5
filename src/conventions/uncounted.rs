//! Calls that detectors do not count: heartbeats, health checks and plumbing. And what looks like a call but waits for
//! messages.
//!
//! They are one per request or per interval whatever the code does, so they are neither chatty nor retried. The totals
//! count them. Polls are no calls at all, for detectors and for totals. The words are settings, because every driver invents
//! its own.

use serde::{Deserialize, Serialize};

/// The words that mark calls which are not counted, and polls. All are matched without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UncountedCalls {
    /// Database operations that only ask whether the server is there.
    pub heartbeats: Vec<String>,
    /// Last words of health checks, of any kind of call.
    pub health_checks: Vec<String>,
    /// Parts of names that mark health checks.
    pub health_check_parts: Vec<String>,
    /// Last words of what prepares a call: connections, pools, name look-ups, handshakes. Only calls without a recorded
    /// callee that are no HTTP or RPC requests are matched.
    pub plumbing: Vec<String>,
    /// Whole names of spans that do the same, of databases and of what has no protocol (datasource-micrometer's).
    pub plumbing_spans: Vec<String>,
    /// First words of SQL statements that do no work of their own.
    pub sql_plumbing: Vec<String>,
    /// Parts of names of systems whose calls may wait for messages.
    pub brokers: Vec<String>,
    /// Methods by which these are waited for.
    pub broker_polls: Vec<String>,
    /// Database operations that wait for messages, or read on where a cursor is.
    pub database_polls: Vec<String>,
}

impl Default for UncountedCalls {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        Self {
            heartbeats: words(&["isMaster", "hello", "ping"]),
            health_checks: words(&["health", "healthz", "healthcheck", "livez", "readyz", "liveness", "readiness"]),
            health_check_parts: words(&[
                "grpc.health.",
                "/health/live",
                "/health/ready",
                "/health/startup",
                "/health/started",
                "/health-check",
                "/_health",
            ]),
            plumbing: words(&["connect", "lookup", "acquire", "getConnection", "dns", "tls", "handshake"]),
            plumbing_spans: words(&["connection", "result-set"]),
            sql_plumbing: words(&["BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "FETCH"]),
            brokers: words(&["SQS", "Pub/Sub", "pubsub", "Kinesis", "Kafka"]),
            broker_polls: words(&["ReceiveMessage", "Pull", "StreamingPull", "GetRecords", "poll"]),
            database_polls: words(&[
                "BLPOP",
                "BRPOP",
                "BRPOPLPUSH",
                "BLMOVE",
                "BLMPOP",
                "BZPOPMIN",
                "BZPOPMAX",
                "BZMPOP",
                "XREAD",
                "XREADGROUP",
                "getMore",
            ]),
        }
    }
}

impl UncountedCalls {
    /// No list at all: every call counts.
    pub fn none() -> Self {
        Self {
            heartbeats: Vec::new(),
            health_checks: Vec::new(),
            health_check_parts: Vec::new(),
            plumbing: Vec::new(),
            plumbing_spans: Vec::new(),
            sql_plumbing: Vec::new(),
            // To wait for messages is no call, however many calls are counted.
            ..Self::default()
        }
    }

    /// Whether a database call with this name is a heartbeat.
    pub fn is_heartbeat(&self, name: &str) -> bool {
        ends_with_one_of(name, &self.heartbeats)
    }

    /// Whether a call with this name is a health check.
    pub fn is_health_check(&self, name: &str) -> bool {
        ends_with_one_of(name, &self.health_checks) || contains_one_of(name, &self.health_check_parts)
    }

    /// Whether a call with this name prepares another.
    pub fn is_plumbing(&self, name: &str) -> bool {
        ends_with_one_of(name, &self.plumbing)
    }

    /// Whether a span of this name prepares calls or reads what they answered.
    pub fn is_plumbing_span(&self, name: &str) -> bool {
        self.plumbing_spans.iter().any(|span| span.eq_ignore_ascii_case(name))
    }

    /// Whether a system of this name gives messages to those who wait for them.
    pub fn is_broker(&self, system: &str) -> bool {
        contains_one_of(system, &self.brokers)
    }

    /// Whether a broker's method of this name waits for messages.
    pub fn is_poll_of_broker(&self, method: &str) -> bool {
        ends_with_one_of(method, &self.broker_polls)
    }

    /// Whether a database's operation of this name waits for messages or reads on.
    pub fn is_poll_of_database(&self, operation: &str) -> bool {
        self.database_polls.iter().any(|poll| poll.eq_ignore_ascii_case(operation))
    }

    /// Whether a text does no work of its own: all its statements begin so.
    pub fn is_sql_plumbing(&self, text: &str) -> bool {
        let mut statements = text.split(';').filter_map(|statement| {
            statement.split(|c: char| !c.is_alphanumeric() && c != '_').find(|word| !word.is_empty())
        });
        let is_plumbing = |first: &str| self.sql_plumbing.iter().any(|word| word.eq_ignore_ascii_case(first));
        statements.next().is_some_and(|first| is_plumbing(first) && statements.all(is_plumbing))
    }
}

/// Last words of names of spans that wait for a connection of a pool.
const ACQUIRING: [&str; 3] = ["acquire", "getConnection", "checkout"];

/// Whether a span of this name waits for a connection of a pool. Spans that do are plumbing for their callers; here they are
/// looked for, so that the words are no setting.
pub(crate) fn acquires_connection(name: &str) -> bool {
    let last = words_from_the_end(name).next().unwrap_or_default();
    let is_acquiring = ACQUIRING.iter().any(|word| word.eq_ignore_ascii_case(last));
    is_acquiring || {
        let lower = name.to_ascii_lowercase();
        lower.contains("pool") && lower.ends_with("connect") && !lower.ends_with("disconnect")
    }
}

/// Whether the last words of `name` (split at `.`, `/`, `:`, white space) are those of one of `entries`.
fn ends_with_one_of(name: &str, entries: &[String]) -> bool {
    let last = words_from_the_end(name).next();
    entries.iter().any(|entry| {
        let mut wanted = words_from_the_end(entry);
        let is_same = |word: Option<&str>, wanted: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(wanted));
        // Most differ in the last word, which of the name is found once.
        wanted.next().is_none_or(|wanted| is_same(last, wanted)) && {
            let mut before = words_from_the_end(name).skip(1);
            wanted.all(|wanted| is_same(before.next(), wanted))
        }
    })
}

/// Whether one of `parts` is in `name`.
fn contains_one_of(name: &str, parts: &[String]) -> bool {
    let lower = name.to_ascii_lowercase();
    parts.iter().any(|part| match part.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => lower.contains(&part.to_ascii_lowercase()),
        false => lower.contains(part.as_str()),
    })
}

fn words_from_the_end(name: &str) -> impl Iterator<Item = &str> {
    name.rsplit(|c: char| matches!(c, '.' | '/' | ':') || c.is_whitespace()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_decide() {
        let lists = UncountedCalls::default();
        assert!(lists.is_heartbeat("mongodb.isMaster") && lists.is_heartbeat("PING"));
        assert!(!lists.is_heartbeat("shipping"));
        assert!(lists.is_plumbing("pg-pool.connect") && lists.is_plumbing("dns.lookup"));
        assert!(lists.is_plumbing("tls.handshake") && lists.is_plumbing("POOL/acquire"));
        assert!(!lists.is_plumbing("lookup.user") && !lists.is_plumbing("connection.list"));
        assert!(lists.is_plumbing_span("Result-Set") && !lists.is_plumbing_span("jdbc connection"));
        assert!(lists.is_health_check("GET /health") && lists.is_health_check("/grpc.health.v1.Health/Check"));
        assert!(lists.is_sql_plumbing("begin") && lists.is_sql_plumbing("COMMIT;"));
        assert!(lists.is_sql_plumbing("SET a = ?; BEGIN") && !lists.is_sql_plumbing("SET NOCOUNT ON; INSERT INTO t"));
        assert!(!lists.is_sql_plumbing("") && !lists.is_sql_plumbing(";"));
        assert!(!lists.is_sql_plumbing("SELECT ?") && !lists.is_sql_plumbing("beginning"));
    }

    #[test]
    fn pools_are_known_by_their_words() {
        for name in
            ["pool.acquire", "HikariDataSource.getConnection", "db:CHECKOUT", "pg-pool.connect", "PgPoolConnect"]
        {
            assert!(acquires_connection(name), "{name}");
        }
        for name in ["connect", "pool.disconnect", "pool.connected", "acquired", "lock_acquire", "checkout order", ""] {
            assert!(!acquires_connection(name), "{name}");
        }
    }
}
