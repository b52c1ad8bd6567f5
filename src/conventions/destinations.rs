//! What the names of topics and queues say.

use super::words::{is_one_of, words};

/// Words of topics that take notice of what happens and that nothing depends on.
const NOTICES: [&str; 14] = [
    "log",
    "logs",
    "logging",
    "audit",
    "audits",
    "metric",
    "metrics",
    "telemetry",
    "trace",
    "traces",
    "tracing",
    "analytics",
    "heartbeat",
    "heartbeats",
];

/// Whether a destination of this name takes logs, audits, metrics, traces, analytics or heartbeats.
pub(crate) fn takes_notices(destination: &str) -> bool {
    words(destination).any(|word| is_one_of(word, &NOTICES))
}

/// Words that alone name a dead-letter destination, wherever they stand.
const DEAD: [&str; 6] =
    ["dlq", "deadletter", "deadletters", "deadletterqueue", "deadlettertopic", "deadletterexchange"];

/// Two words that do so together.
const DEAD_PAIRS: [[&str; 2]; 4] = [["dead", "letter"], ["dead", "letters"], ["dead", "queue"], ["parking", "lot"]];

/// Words that do so at the end.
const DEAD_ENDS: [&str; 3] = ["dlt", "dlx", "poison"];

/// Words that may stand behind these.
const BEHIND_DEAD_END: [&str; 4] = ["queue", "topic", "messages", "exchange"];

/// Words that do so behind the name of another destination.
const FAILED: [&str; 4] = ["error", "errors", "failed", "skipped"];

/// Whether messages go to a destination of this name because they cannot be processed. `is_known` says whether the input has a
/// destination whose words are these, in lower case.
pub(crate) fn is_dead_letter(destination: &str, is_known: impl Fn(&[String]) -> bool) -> bool {
    let words: Vec<String> = words(destination).map(str::to_lowercase).collect();
    let is = |word: &String, listed: &[&str]| listed.contains(&word.as_str());
    let has_pair = words.windows(2).any(|pair| DEAD_PAIRS.iter().any(|dead| pair.iter().eq(dead.iter())));
    let Some((last, before)) = words.split_last() else { return false };
    has_pair
        || words.iter().any(|word| is(word, &DEAD))
        || is(last, &DEAD_ENDS)
        || is(last, &BEHIND_DEAD_END) && before.last().is_some_and(|word| is(word, &DEAD_ENDS))
        || is(last, &FAILED) && !before.is_empty() && is_known(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letters_are_known_by_words() {
        let is_known = |words: &[String]| words == ["orders"];
        for destination in [
            "orders-dlq",
            "orders.DLQ.eu",
            "DeadLetterQueue",
            "dead-letters",
            "orders_deadletter",
            "orders.dead.queue",
            "parking-lot-orders",
            "orders.DLT",
            "orders-dlx",
            "orders-poison-queue",
            "orders_error",
            "orders.failed",
        ] {
            assert!(is_dead_letter(destination, is_known), "{destination}");
        }
        for destination in [
            "orders",
            "deadline-reached",
            "error-reports",
            "dlt-ledger-entries",
            "poison-control-calls",
            "payment-failed",
            "failed",
            "letters",
            "",
        ] {
            assert!(!is_dead_letter(destination, is_known), "{destination}");
        }
    }

    #[test]
    fn notices_are_known_by_words() {
        assert!(["audit-log", "order.metrics", "userAnalytics"].into_iter().all(takes_notices));
        assert!(!["orders", "catalog", "login", "tracer"].into_iter().any(takes_notices));
    }
}
