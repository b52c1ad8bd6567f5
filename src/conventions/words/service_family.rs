//! Which services are one in the sense of ownership: `orders-api`, `orders-worker` and `orders-v2` are `orders`.

use super::{is_one_of, words};

/// Words behind the name of a service that say what part of it a process plays, or where it runs.
const ROLES: [&str; 51] = [
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

/// The family of a service: its name in lower case without the words behind it that name a role, a version or an environment.
/// One word always stays; a last `service` that is glued to it is dropped.
pub(crate) fn service_family(service: &str) -> String {
    let mut kept: Vec<String> = words(service).map(str::to_lowercase).collect();
    while kept.len() > 1 && kept.last().is_some_and(|last| is_role(last) || is_version(last)) {
        kept.pop();
    }
    if let Some(last) = kept.last_mut()
        && let Some(stem) = last.strip_suffix("service")
        && !stem.is_empty()
    {
        last.truncate(stem.len());
    }
    if kept.is_empty() { service.to_lowercase() } else { kept.join("-") }
}

fn is_role(word: &str) -> bool {
    is_one_of(word, &ROLES) || word.strip_suffix('s').is_some_and(|one| is_one_of(one, &ROLES))
}

fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_versions_and_environments_are_dropped() {
        for (service, family) in [
            ("orders", "orders"),
            ("orders-api", "orders"),
            ("orders-workers", "orders"),
            ("orders-batches", "orders"),
            ("orders-queries", "orders"),
            ("Orders_Service.v2", "orders"),
            ("orders-2-canary", "orders"),
            ("OrdersService", "orders"),
            ("ordersservice", "orders"),
            ("orderservice-prod", "order"),
            ("order-history-api", "order-history"),
            // What stands before the name is part of it.
            ("api-orders", "api-orders"),
            ("order-api-gateway", "order-api-gateway"),
            // One word stays.
            ("api", "api"),
            ("service", "service"),
            ("web-app", "web"),
            ("v2", "v2"),
            ("--", "--"),
            ("", ""),
        ] {
            assert_eq!(service_family(service), family, "{service}");
        }
    }
}
