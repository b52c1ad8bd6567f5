//! Traces, counted.

use crate::partial::{Stored, columns};

/// What a weight of 1 is in [`TraceCount`].
const UNITS_OF_WEIGHT: f64 = 4_294_967_296.0;

fn units(adjusted_count: f64) -> u128 {
    (adjusted_count * UNITS_OF_WEIGHT) as u128
}

columns! {
    /// A number of traces, and the same before sampling.
    #[derive(Copy, Default, PartialEq, Eq)]
    pub(crate) struct TraceCount in TraceCountColumns {
        /// Number of traces.
        traces: u64,
        /// The same, each as often as sampling says, in 2^-32: integers add up to the same in any order.
        weighted_high: u64,
        weighted_low: u64,
    }
}

impl TraceCount {
    /// Counts a trace that stands for `adjusted_count` traces.
    pub(crate) fn add(&mut self, adjusted_count: f64) {
        self.traces += 1;
        self.set_units(self.units().saturating_add(units(adjusted_count)));
    }

    /// Lets a trace that was counted stand for more traces than it did.
    pub(crate) fn raise(&mut self, from: f64, to: f64) {
        self.set_units(self.units().saturating_add(units(to).saturating_sub(units(from))));
    }

    /// Counts other traces too.
    pub(crate) fn merge(&mut self, other: Self) {
        self.traces += other.traces;
        self.set_units(self.units().saturating_add(other.units()));
    }

    /// The number of traces before sampling.
    pub(crate) fn weighted(self) -> f64 {
        self.units() as f64 / UNITS_OF_WEIGHT
    }

    fn units(self) -> u128 {
        u128::from(self.weighted_high) << u64::BITS | u128::from(self.weighted_low)
    }

    fn set_units(&mut self, units: u128) {
        (self.weighted_high, self.weighted_low) = ((units >> u64::BITS) as u64, units as u64);
    }
}

impl TraceCountColumns {
    /// The count of a row.
    pub(crate) fn get(&self, row: usize) -> TraceCount {
        let (weighted_high, weighted_low) = (self.weighted_high[row], self.weighted_low[row]);
        TraceCount { traces: self.traces[row], weighted_high, weighted_low }
    }
}

impl Stored for TraceCount {
    type Column = TraceCountColumns;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partial::Columns as _;

    /// What many small weights add up to does not depend on how they were put together, nor on a file between.
    #[test]
    fn counts_add_up_in_any_order() {
        let counts = [0.1, 1e9, 0.3, f64::NAN, -1.0, f64::INFINITY, 7.0].map(|weight| {
            let mut count = TraceCount::default();
            count.add(weight);
            count
        });
        let sum = |order: &mut dyn Iterator<Item = &TraceCount>| {
            let mut sum = TraceCount::default();
            order.for_each(|&count| sum.merge(count));
            sum
        };
        let mut raised = TraceCount::default();
        raised.add(0.1);
        raised.raise(0.1, 7.0);
        assert_eq!(raised, counts[6]);
        let forwards = sum(&mut counts.iter());
        assert_eq!(forwards, sum(&mut counts.iter().rev()));
        assert_eq!(forwards.traces, 7);
        let mut columns = TraceCountColumns::default();
        counts.iter().for_each(|count| columns.push(*count));
        assert_eq!((0..7).map(|row| columns.get(row)).collect::<Vec<_>>(), counts);
    }
}
