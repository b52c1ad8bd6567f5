//! What rows about many messages have in common: the traces that they are about, and figures of them.

use std::collections::BTreeMap;

use crate::detectors::kit::Cell;
use crate::gathered::LoggedMessage;
use crate::partial::TraceNumber;

/// The traces that a row is about, each with how many traces it stands for because of sampling.
#[derive(Clone, Debug, Default)]
pub(super) struct TracesOfRow(BTreeMap<TraceNumber, f64>);

impl TracesOfRow {
    /// Takes notice of a message.
    pub(super) fn add(&mut self, message: &LoggedMessage) {
        self.add_trace(message.trace, message.adjusted_count);
    }

    /// Takes notice of a trace.
    pub(super) fn add_trace(&mut self, trace: TraceNumber, adjusted_count: f64) {
        let count = self.0.entry(trace).or_insert(adjusted_count);
        *count = count.max(adjusted_count);
    }

    /// Number of traces.
    pub(super) fn count(&self) -> Cell {
        Cell::Int(self.0.len() as i64)
    }

    /// How many traces they stand for.
    pub(super) fn weighted(&self) -> f64 {
        self.0.values().sum()
    }

    /// The one with the smallest id.
    pub(super) fn smallest(&self) -> TraceNumber {
        self.0.keys().next().copied().unwrap_or(TraceNumber::NONE)
    }
}

/// The quantile by nearest rank, ⌈q n⌉, of values in ascending order; `None` of none.
pub(super) fn quantile(ascending: &[i64], q: f64) -> Option<i64> {
    let rank = ((q * ascending.len() as f64).ceil() as usize).max(1);
    ascending.get(rank - 1).copied()
}

/// The median by nearest rank of values in any order.
pub(super) fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    quantile(&values, 0.5)
}

/// The most frequent value, ties to the smallest.
pub(super) fn most_frequent<T: Ord>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut times: BTreeMap<T, u64> = BTreeMap::new();
    values.into_iter().for_each(|value| *times.entry(value).or_default() += 1);
    times.into_iter().rev().max_by_key(|(_, times)| *times).map(|(value, _)| value)
}

/// A number, or no value.
pub(super) fn int(value: Option<i64>) -> Cell {
    value.map_or(Cell::None, Cell::Int)
}

/// The share; no value of none.
pub(super) fn share(part: u64, all: u64) -> Cell {
    if all > 0 { Cell::Float(part as f64 / all as f64) } else { Cell::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        assert_eq!((quantile(&[], 0.5), median(vec![4, 1, 3, 2])), (None, Some(2)));
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!([0.5, 0.95, 1.0, 0.0].map(|q| quantile(&hundred, q)), [Some(50), Some(95), Some(100), Some(1)]);
    }

    #[test]
    fn ties_go_to_the_smallest() {
        assert_eq!(most_frequent([3, 1, 3, 1, 2]), Some(1));
        assert_eq!(most_frequent([3, 1, 3]), Some(3));
        assert_eq!(most_frequent(Vec::<u8>::new()), None);
    }
}
