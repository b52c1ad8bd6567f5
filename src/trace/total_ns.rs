//! Sums of times.

/// The sum of times in ns. Where clocks were not set a span may last for decades, so it stays at the largest number of 64
/// bits instead of going around.
pub fn total_ns(times: impl IntoIterator<Item = i64>) -> i64 {
    times.into_iter().fold(0, i64::saturating_add)
}
