//! What words in the names of topics and queues say of their messages.

use crate::conventions::{is_one_of, words};

/// Whether the name of a destination says that its messages could not be processed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum DeadLetterName {
    /// No.
    #[default]
    No,
    /// If another destination has the name that is left without its last word: `orders_error` beside `orders`.
    Beside,
    /// Yes.
    Always,
}

impl DeadLetterName {
    /// All, in the order of their numbers.
    pub(crate) const ALL: [Self; 3] = [Self::No, Self::Beside, Self::Always];
}

/// Words of dead-letter destinations.
const DEAD_LETTERS: [&str; 6] =
    ["dlq", "deadletter", "deadletters", "deadletterqueue", "deadlettertopic", "deadletterexchange"];

/// Two words in a row of such.
const DEAD_LETTER_PAIRS: [[&str; 2]; 4] =
    [["dead", "letter"], ["dead", "letters"], ["dead", "queue"], ["parking", "lot"]];

/// Last words of such, or words before one of [`KINDS`] that is the last.
const DEAD_LETTER_ENDS: [&str; 3] = ["dlt", "dlx", "poison"];

/// Words for what a destination is.
const KINDS: [&str; 4] = ["queue", "topic", "messages", "exchange"];

/// Last words of destinations for failed messages beside those that they failed in.
const ENDS_BESIDE: [&str; 4] = ["error", "errors", "failed", "skipped"];

/// The words of a destination in lower case.
pub(crate) fn destination_words(destination: &str) -> Vec<String> {
    words(destination).map(str::to_lowercase).collect()
}

/// Whether a destination is one of messages that could not be processed.
pub(crate) fn dead_letter_name(destination: &str) -> DeadLetterName {
    let words = destination_words(destination);
    match words.last() {
        _ if words.iter().enumerate().any(|(at, _)| dead_letter_words_at(&words, at) > 0) => DeadLetterName::Always,
        Some(last) if words.len() > 1 && is_one_of(last, &ENDS_BESIDE) => DeadLetterName::Beside,
        _ => DeadLetterName::No,
    }
}

/// How many words from `at` on say that messages could not be processed.
fn dead_letter_words_at(words: &[String], at: usize) -> usize {
    let rest = &words[at..];
    let ends = |behind: &[String]| match behind {
        [] => true,
        [kind] => is_one_of(kind, &KINDS),
        _ => false,
    };
    match rest {
        [first, ..] if is_one_of(first, &DEAD_LETTERS) => 1,
        [first, second, ..] if DEAD_LETTER_PAIRS.iter().any(|[one, two]| first == one && second == two) => 2,
        [first, behind @ ..] if is_one_of(first, &DEAD_LETTER_ENDS) && ends(behind) => 1,
        _ => 0,
    }
}

/// What may be left of the words of a dead-letter destination without those that make it one: the words of the destination that
/// its messages come from, the likelier first.
pub(crate) fn without_dead_letter_words(destination: &str) -> Vec<Vec<String>> {
    let words = destination_words(destination);
    let without = |drops_kind: bool| {
        let mut left = Vec::new();
        let mut at = 0;
        while at < words.len() {
            match dead_letter_words_at(&words, at) {
                0 => {
                    left.push(words[at].clone());
                    at += 1;
                }
                count => {
                    at += count;
                    if drops_kind && words.get(at).is_some_and(|word| is_one_of(word, &KINDS)) {
                        at += 1;
                    }
                }
            }
        }
        left
    };
    match dead_letter_name(destination) {
        DeadLetterName::No => Vec::new(),
        DeadLetterName::Beside => vec![words[..words.len() - 1].to_vec()],
        DeadLetterName::Always => {
            let mut left = vec![without(true), without(false)];
            left.dedup();
            left.retain(|words| !words.is_empty());
            left
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letters_are_known_by_words() {
        use DeadLetterName as D;
        for (name, expected) in [
            ("orders-dlq", D::Always),
            ("ordersDLQ", D::Always),
            ("OrdersDlq", D::Always),
            ("dlq.orders", D::Always),
            ("orders/$DeadLetterQueue", D::Always),
            ("orders_deadletter", D::Always),
            ("dead-letters", D::Always),
            ("orders.dead.queue", D::Always),
            ("orders-parking-lot", D::Always),
            ("orders.DLT", D::Always),
            ("orders-dlt-topic", D::Always),
            ("orders.dlx", D::Always),
            ("poison-messages", D::Always),
            ("orders_error", D::Beside),
            ("payment-failed", D::Beside),
            ("payments.skipped", D::Beside),
            ("error", D::No),
            ("error-reports", D::No),
            ("deadline-reached", D::No),
            ("dlt-ledger-entries", D::No),
            ("poison-control-calls", D::No),
            ("orders", D::No),
            ("dead-orders", D::No),
            ("", D::No),
        ] {
            assert_eq!(dead_letter_name(name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_left_is_the_source() {
        for (name, left) in [
            ("orders-dlq", &["orders"][..]),
            ("dlq.orders", &["orders"]),
            ("orders-dead-letter-queue", &["orders", "orders queue"]),
            ("shop.orders.dlt", &["shop orders"]),
            ("orders_error", &["orders"]),
            ("dlq", &[]),
            ("orders", &[]),
        ] {
            let found: Vec<String> = without_dead_letter_words(name).iter().map(|words| words.join(" ")).collect();
            assert_eq!(found, left, "{name}");
        }
    }
}
