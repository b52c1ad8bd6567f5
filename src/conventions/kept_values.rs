//! What is kept of values that are no part of signatures: a number that says enough of each, the same in every run, and 0 of none.

use super::normal_form::nonzero_hash;
use crate::span::{SpanId, TraceId};

/// A hash of 40 bits, 0 for no text. There are as many values as resources, so that of 10,000 any two have the same one has a
/// chance of one in 20,000.
pub(super) fn short_hash(text: &str) -> u64 {
    const BITS: u32 = 40;
    if text.is_empty() { 0 } else { (nonzero_hash(text) >> (u64::BITS - BITS)).max(1) }
}

/// The hash of an id, odd if the id is long enough to be one message's alone.
pub(super) fn id_hash(text: &str) -> u64 {
    if text.is_empty() {
        return 0;
    }
    let is_unique = text.chars().nth(SHORTEST_UNIQUE_ID - 1).is_some();
    (nonzero_hash(text) & !1 | u64::from(is_unique)).max(2)
}

/// Ids of fewer characters are mostly counters, which begin again.
const SHORTEST_UNIQUE_ID: usize = 8;

/// Whether an id of which this was kept is that of one message alone.
pub(crate) fn is_id_unique(id: u64) -> bool {
    id & 1 != 0
}

/// The whole number that `text` is, and one more; 0 if it is none.
pub(super) fn place_of(text: &str) -> u64 {
    let text = text.trim();
    let number: Option<u64> = text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        (number >= 0.0 && number.fract() == 0.0).then_some(number as u64)
    });
    number.map_or(0, |number| number.saturating_add(1))
}

/// The ns that `text` says in milliseconds, as [`signed_value`] tells them; 0 if it says none.
pub(super) fn milliseconds_of(text: &str) -> u64 {
    const MOST_MILLISECONDS: f64 = 1e12;
    let milliseconds: Option<f64> = text.trim().parse().ok().filter(|ms: &f64| ms.abs() <= MOST_MILLISECONDS);
    milliseconds.map_or(0, |ms| {
        let ns = (ms * 1e6).round() as i64;
        ((ns << 1 ^ ns >> 63) as u64).saturating_add(1)
    })
}

/// The number, which may be below zero, of which this was kept.
pub(crate) fn signed_value(kept: u64) -> i64 {
    let zigzag = kept.saturating_sub(1);
    (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)
}

/// The ns since 1970 that `text` says in seconds; 0 if it says none.
pub(super) fn time_of(text: &str) -> u64 {
    const DIGITS_OF_NS: usize = 9;
    let (seconds, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(seconds) = seconds.parse::<u32>().ok().filter(|_| is_number(fraction)) else { return 0 };
    let fraction = fraction.bytes().chain(std::iter::repeat(b'0')).take(DIGITS_OF_NS);
    let ns = fraction.fold(0, |ns, digit| 10 * ns + u64::from(digit - b'0'));
    u64::from(seconds) * 1_000_000_000 + ns
}

/// How a link to a span is told as a text.
pub(crate) fn only_link_text(trace_id: TraceId, span_id: SpanId) -> String {
    // Every publish and every link needs one, and formatting numbers digit by digit takes several times as long.
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let hex = |byte: u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]];
    let mut text = Vec::with_capacity(49);
    text.extend(trace_id.0.into_iter().flat_map(hex));
    text.push(b'-');
    text.extend(span_id.0.to_be_bytes().into_iter().flat_map(hex));
    String::from_utf8(text).unwrap_or_default()
}

/// What is kept of [`Attribute::MessagingBatch`] where a span is about several messages.
pub(crate) const SEVERAL_MESSAGES: &str = "several";

/// The whole number, not negative, that `text` is; 0 if it is none.
pub(super) fn number_of(text: &str) -> u64 {
    let text = text.trim();
    text.parse().unwrap_or_else(|_| text.parse().map_or(0, |number: f64| number as u64))
}

/// The ns, and one more, that `text` says in seconds; 0 if it says none. Headers are recorded as lists of texts, so it may be a
/// list, of which the first counts. A date is none: clocks of two hosts differ by more than servers ask to wait.
pub(super) fn delay_of(text: &str) -> u64 {
    const MOST_SECONDS: f64 = 1e9;
    let is_around = |c: char| c.is_whitespace() || matches!(c, '[' | ']' | '"' | '\'');
    let first = text.split(',').next().unwrap_or_default().trim_matches(is_around);
    let seconds: Option<f64> = first.parse().ok().filter(|seconds| (0.0..=MOST_SECONDS).contains(seconds));
    seconds.map_or(0, |seconds| (seconds * 1e9) as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids are told apart whatever their length, and it is known which are long enough to be unique.
    #[test]
    fn short_ids_are_known() {
        assert_eq!(id_hash(""), 0);
        for (id, is_unique) in
            [("1", false), ("1234567", false), ("12345678", true), ("äöüäöüä", false), ("äöüäöüäö", true)]
        {
            assert_eq!((id_hash(id) != 0, is_id_unique(id_hash(id))), (true, is_unique), "{id}");
        }
        assert_ne!(id_hash("1"), id_hash("2"));
    }

    /// Links are told as ids are written.
    #[test]
    fn links_are_told_by_ids() {
        let (trace_id, span_id) = (TraceId(std::array::from_fn(|place| place as u8 * 17)), SpanId(0x0a_1b2c));
        assert_eq!(only_link_text(trace_id, span_id), format!("{trace_id}-{span_id}"));
    }

    #[test]
    fn places_begin_at_zero() {
        assert_eq!(["0", " 41 ", "7.0", "-1", "", "x", "1.5"].map(place_of), [1, 42, 8, 0, 0, 0, 0]);
        assert_eq!(place_of("18446744073709551615"), u64::MAX);
    }

    /// A time below zero, which clocks make, is told from none.
    #[test]
    fn milliseconds_come_back() {
        for (text, ns) in [("0", 0), ("1500", 1_500_000_000), ("-20", -20_000_000), ("0.5", 500_000)] {
            assert_ne!(milliseconds_of(text), 0, "{text}");
            assert_eq!(signed_value(milliseconds_of(text)), ns, "{text}");
        }
        assert_eq!(["", "soon", "NaN", "inf"].map(milliseconds_of), [0; 4]);
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(
            ["1700000000", " 1700000000.25 ", "", "-1", "1.x"].map(time_of),
            [1_700_000_000_000_000_000, 1_700_000_000_250_000_000, 0, 0, 0]
        );
    }
}
