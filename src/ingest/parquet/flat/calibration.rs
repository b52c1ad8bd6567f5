//! In which unit durations are, where neither a type nor a name tells it: the one by which they agree with `end - start`.
//!
//! All rows that have both have a say, since the first ones may be of one kind. Durations of 0 agree with every unit, and
//! have none.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};

use super::times::{Unit, length_of_text};
use crate::ingest::parquet::file::cells::text_at;

/// What durations are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Durations {
    /// Numbers of this unit, as the ends of spans prove.
    Proved(Unit),
    /// Something else than what the ends of spans say, which hold.
    Disproved,
    /// Numbers of this unit, as nothing says otherwise.
    Assumed(Unit),
}

/// What the rows that were seen say.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Calibration {
    votes: [u64; Unit::FIXED.len()],
    /// Rows whose duration can be compared.
    compared: u64,
    has_ends: bool,
    has_fractions: bool,
    /// Whether there are texts that say their unit.
    has_units: bool,
}

impl Calibration {
    /// Takes in the rows of a batch: instants in ns, and durations as they stand in their column.
    pub(crate) fn see(&mut self, starts: &[Option<i64>], ends: &[Option<i64>], durations: &ArrayRef) {
        self.has_units |= has_units(durations);
        let resolution = resolution_of(starts.iter().chain(ends));
        for_each_number(durations, |row, duration| {
            self.has_fractions |= duration.fract() != 0.0;
            let length = starts.get(row).copied().flatten().zip(ends.get(row).copied().flatten());
            let Some(length) = length.map(|(start, end)| end.saturating_sub(start) as f64) else { return };
            self.has_ends = true;
            if duration <= 0.0 || length <= 0.0 {
                return;
            }
            self.compared += 1;
            let error_of = |unit: Unit| (duration * unit.length_ns() - length).abs();
            let best = (0..Unit::FIXED.len())
                .min_by(|&one, &other| error_of(Unit::FIXED[one]).total_cmp(&error_of(Unit::FIXED[other])));
            let Some(best) = best else { return };
            // Whole numbers were cut or rounded; and clocks that measure durations do not run as those that tell the time.
            let step = if duration.fract() == 0.0 { Unit::FIXED[best].length_ns() } else { 0.0 };
            if error_of(Unit::FIXED[best]) <= step.max(2.0 * resolution).max(length / 10.0) {
                self.votes[best] += 1;
            }
        });
    }

    /// Takes in what other rows say.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.votes.iter_mut().zip(other.votes).for_each(|(own, votes)| *own += votes);
        self.compared += other.compared;
        self.has_ends |= other.has_ends;
        self.has_fractions |= other.has_fractions;
        self.has_units |= other.has_units;
        self
    }

    /// What they come to.
    pub(crate) fn conclude(self) -> Durations {
        let most = self.votes.iter().copied().max().unwrap_or(0);
        let winner = self.votes.iter().position(|&votes| votes == most && votes > 0);
        match winner {
            Some(unit) if most > self.compared / 2 => Durations::Proved(Unit::FIXED[unit]),
            // What is read then is the unit that each says; the rest are few.
            _ if self.has_units && self.compared == 0 => Durations::Proved(Unit::Nanoseconds),
            _ if self.has_ends => Durations::Disproved,
            // Nobody writes parts of nanoseconds.
            _ if self.has_fractions => Durations::Assumed(Unit::Milliseconds),
            _ => Durations::Assumed(Unit::Nanoseconds),
        }
    }
}

/// The coarsest of 1 s, 1 ms and 1 µs of which all `instants` are multiples, in ns, else 1.
fn resolution_of<'a>(instants: impl Iterator<Item = &'a Option<i64>> + Clone) -> f64 {
    let all_multiples = |step: i64| instants.clone().flatten().all(|instant| instant % step == 0);
    let steps = [1_000_000_000, 1_000_000, 1_000];
    steps.into_iter().find(|&step| all_multiples(step)).unwrap_or(1) as f64
}

/// Whether the first text of a column is a length that says its unit.
fn has_units(column: &ArrayRef) -> bool {
    let is_text = matches!(column.data_type(), DataType::Utf8 | DataType::Binary);
    let first = (0..column.len()).filter(|_| is_text).find(|&row| column.is_valid(row));
    first.is_some_and(|row| {
        let text = text_at(column, row);
        text.trim().parse::<f64>().is_err() && length_of_text(text.trim()).is_some()
    })
}

/// Tells each row that has a number, and the number.
fn for_each_number(column: &ArrayRef, mut tell: impl FnMut(usize, f64)) {
    let mut tell_finite = |row, number: f64| {
        if number.is_finite() {
            tell(row, number);
        }
    };
    let rows = (0..column.len()).filter(|&row| column.is_valid(row));
    match column.data_type() {
        DataType::Float64 => {
            let column = column.as_primitive::<Float64Type>();
            rows.for_each(|row| tell_finite(row, column.value(row)));
        }
        DataType::Int64 => {
            let column = column.as_primitive::<Int64Type>();
            rows.for_each(|row| tell_finite(row, column.value(row) as f64));
        }
        DataType::UInt64 => {
            let column = column.as_primitive::<UInt64Type>();
            rows.for_each(|row| tell_finite(row, column.value(row) as i64 as f64));
        }
        _ => rows.for_each(|row| {
            if let Ok(number) = text_at(column, row).trim().parse() {
                tell_finite(row, number);
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use arrow::array::{Float64Array, Int64Array, StringArray};

    const SECOND: i64 = 1_000_000_000;

    fn conclude(lengths: &[Option<i64>], durations: ArrayRef) -> Durations {
        let starts = vec![Some(1_700_000_000 * SECOND); lengths.len()];
        let ends: Vec<Option<i64>> =
            starts.iter().zip(lengths).map(|(start, length)| Some((*start)? + (*length)?)).collect();
        let mut calibration = Calibration::default();
        calibration.see(&starts, &ends, &durations);
        calibration.conclude()
    }

    fn floats(numbers: &[f64]) -> ArrayRef {
        Arc::new(Float64Array::from(numbers.to_vec()))
    }

    #[test]
    fn ends_prove_the_unit() {
        let lengths = [Some(50_000_000), Some(20_000_000), Some(1_500_000_000)];
        for (numbers, unit) in [
            ([0.05, 0.02, 1.5], Unit::Seconds),
            ([50.0, 20.0, 1_500.0], Unit::Milliseconds),
            ([5e4, 2e4, 1.5e6], Unit::Microseconds),
            ([5e7, 2e7, 1.5e9], Unit::Nanoseconds),
        ] {
            assert_eq!(conclude(&lengths, floats(&numbers)), Durations::Proved(unit));
            let texts: ArrayRef = Arc::new(StringArray::from_iter_values(numbers.map(|number| number.to_string())));
            assert_eq!(conclude(&lengths, texts), Durations::Proved(unit));
        }
        // Whole seconds, most of them 0: those do not count.
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![0, 0, 1]));
        assert_eq!(conclude(&lengths, whole), Durations::Proved(Unit::Seconds));
    }

    #[test]
    fn ends_hold_where_nothing_fits() {
        let lengths = [Some(50_000_000), Some(20_000_000)];
        assert_eq!(conclude(&lengths, floats(&[7.0, 7e5])), Durations::Disproved);
        assert_eq!(conclude(&lengths, floats(&[0.0, 0.0])), Durations::Disproved);
    }

    #[test]
    fn a_unit_is_assumed_without_ends() {
        assert_eq!(conclude(&[None, None], floats(&[50.0, 20.0])), Durations::Assumed(Unit::Nanoseconds));
        assert_eq!(conclude(&[None, None], floats(&[50.5, 20.0])), Durations::Assumed(Unit::Milliseconds));
    }

    #[test]
    fn texts_may_say_their_units() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["50ms", "1.5s"]));
        assert_eq!(conclude(&[None, None], texts), Durations::Proved(Unit::Nanoseconds));
    }

    /// Many rows without a say, and few with one.
    #[test]
    fn all_rows_that_have_both_decide() {
        let mut lengths = vec![None; 500];
        lengths.extend([Some(3_000_000), Some(4_000_000), Some(5_000_000)]);
        let mut numbers = vec![9.0; 500];
        numbers.extend([3.0, 4.0, 5.0]);
        assert_eq!(conclude(&lengths, floats(&numbers)), Durations::Proved(Unit::Milliseconds));
    }
}
