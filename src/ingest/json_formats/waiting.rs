//! Spans that wait for what the rest of their input says: the unit of their durations, or the upper half of their trace ids.
//!
//! Both are facts of the input and not of a span, so that they are the same wherever the input is cut for several threads
//! and in whatever order its spans stand. What cannot be known is what other inputs say.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};

use crate::frame::SpanSink as _;
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::parquet::flat::calibration::{Calibration, Durations};
use crate::ingest::parquet::flat::times::Unit;
use crate::span::{Origin, SpanRecord, TraceId};

/// So many spans wait for a unit, so that inputs of any size can be read; what comes later says nothing of those.
const MAX_WAITING: usize = 100_000;

/// So many spans wait for the upper half of their trace ids: the span that has it is sent together with them.
const MAX_WAITING_FOR_HALVES: usize = 1 << 14;

/// So many halves are remembered, and as many of those before.
const MAX_HALVES: usize = 100_000;

/// So many rows are compared at once.
const MAX_COMPARED: usize = 4_096;

/// What a span waits for.
pub(crate) enum Missing {
    /// The unit of its duration.
    Unit {
        /// The number that it has.
        duration: f64,
        /// What it stands under.
        column: String,
    },
    /// The upper half of its trace id.
    UpperHalf,
}

struct WaitingSpan {
    origin: Origin<'static>,
    span: SpanRecord<'static>,
    offset: u64,
    missing: Missing,
}

/// The spans of one input, or of a part of it, that wait, and what it says so far.
#[derive(Default)]
pub(crate) struct Waiting {
    spans: Vec<WaitingSpan>,
    calibration: Calibration,
    /// Starts, ends and durations that are still to be compared.
    compared: (Vec<Option<i64>>, Vec<Option<i64>>, Vec<f64>),
    /// The unit that was assumed for spans that wait no more: the input has no other.
    assumed: Option<Unit>,
    waiting_for_halves: usize,
    upper_halves: HashMap<u64, u64>,
    /// Those that came before: the spans that they are for come near them.
    earlier_halves: HashMap<u64, u64>,
}

impl Waiting {
    /// Takes notice of a span whose length is known and whose duration is a number without a unit.
    pub(crate) fn compare(&mut self, start: u64, end: u64, duration: f64) {
        let (starts, ends, durations) = &mut self.compared;
        starts.push(i64::try_from(start).ok());
        ends.push(i64::try_from(end).ok());
        durations.push(duration);
        if durations.len() >= MAX_COMPARED {
            self.calibrate();
        }
    }

    fn calibrate(&mut self) {
        let (starts, ends, durations) = std::mem::take(&mut self.compared);
        if !durations.is_empty() {
            let durations: ArrayRef = Arc::new(Float64Array::from(durations));
            self.calibration.see(&starts, &ends, &durations);
        }
    }

    /// Should there be several upper halves, the smallest counts, whichever comes first.
    fn note_upper_half(&mut self, lower: u64, upper: u64) {
        let known = self.upper_halves.entry(lower).or_insert(upper);
        *known = upper.min(*known);
        if self.upper_halves.len() >= MAX_HALVES {
            self.earlier_halves = std::mem::take(&mut self.upper_halves);
        }
    }

    fn upper_half(&self, lower: u64) -> u64 {
        let known = [&self.upper_halves, &self.earlier_halves].into_iter().filter_map(|halves| halves.get(&lower));
        known.min().copied().unwrap_or(0)
    }

    /// Adds what a later part of the input says.
    pub(crate) fn add(&mut self, mut later: Self) {
        self.calibrate();
        later.calibrate();
        self.calibration = self.calibration.merge(later.calibration);
        self.spans.append(&mut later.spans);
        self.assumed = self.assumed.or(later.assumed);
        self.waiting_for_halves += later.waiting_for_halves;
        later.earlier_halves.into_iter().for_each(|(lower, upper)| self.note_upper_half(lower, upper));
        later.upper_halves.into_iter().for_each(|(lower, upper)| self.note_upper_half(lower, upper));
    }

    /// Whether spans should be handed on before the input has ended.
    pub(crate) fn is_full(&self) -> bool {
        self.spans.len() >= MAX_WAITING || self.waiting_for_halves >= MAX_WAITING_FOR_HALVES
    }

    /// The unit of all durations, and whether it is proved.
    fn unit(&mut self) -> (Unit, bool) {
        self.calibrate();
        if let Durations::Proved(unit) = self.calibration.conclude() {
            return (unit, true);
        }
        let is_fraction =
            |span: &WaitingSpan| matches!(span.missing, Missing::Unit { duration, .. } if duration.fract() != 0.0);
        // Nobody writes parts of nanoseconds.
        let of_these = || if self.spans.iter().any(is_fraction) { Unit::Milliseconds } else { Unit::Nanoseconds };
        (self.assumed.unwrap_or_else(of_these), false)
    }
}

/// Takes notice of the two halves of a trace id.
pub(crate) fn note_halves(lower: u64, upper: u64, sink: &mut CountingSink<'_>) {
    sink.waiting.note_upper_half(lower, upper);
}

/// Keeps a span, which stands at `offset`, until it is known what is `missing`.
pub(crate) fn wait(
    origin: Origin<'static>,
    span: SpanRecord<'static>,
    offset: u64,
    missing: Missing,
    sink: &mut CountingSink<'_>,
) {
    sink.waiting.waiting_for_halves += usize::from(matches!(missing, Missing::UpperHalf));
    sink.waiting.spans.push(WaitingSpan { origin, span, offset, missing });
    if sink.waiting.is_full() {
        release(sink);
    }
}

/// Hands on what waits, with what is known by now.
pub(crate) fn release(sink: &mut CountingSink<'_>) {
    let (unit, is_proved) = sink.waiting.unit();
    let spans = std::mem::take(&mut sink.waiting.spans);
    sink.waiting.waiting_for_halves = 0;
    for WaitingSpan { origin, mut span, offset, missing } in spans {
        match missing {
            Missing::Unit { duration, column } => {
                let length = (duration * unit.length_ns()).round() as i64;
                span.end_unix_nano = span.start_unix_nano.saturating_add_signed(length);
                if !is_proved {
                    sink.waiting.assumed = Some(unit);
                    sink.tally.assumed_unit.get_or_insert((column, unit.as_str()));
                }
            }
            Missing::UpperHalf => {
                let lower = u128::from_be_bytes(span.trace_id.0) as u64;
                let upper = sink.waiting.upper_half(lower);
                span.trace_id = TraceId((u128::from(upper) << 64 | u128::from(lower)).to_be_bytes());
            }
        }
        sink.span(&origin, &span, offset);
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::read::tests::read_bytes;

    fn row(number: u8, end: &str, duration: &str) -> String {
        format!(
            r#"{{"trace_id":"{number:032x}","span_id":"{number:016x}","name":"n","start_time":"2026-01-15T12:00:00Z","end_time":{end},"duration":{duration}}}"#
        )
    }

    fn lengths(text: &str) -> (Vec<u64>, Vec<String>) {
        let (collected, report) = read_bytes(text.as_bytes());
        let end_of = |span: &String| span.split("end_unix_nano: ").nth(1)?.split(',').next()?.parse::<u64>().ok();
        let mut spans = collected.spans.clone();
        spans.sort_by_key(|span| span.split("span_id: ").nth(1).map(str::to_owned));
        let lengths = spans.iter().filter_map(end_of).map(|end| end - 1_768_478_400_000_000_000).collect();
        (lengths, report.warnings.iter().map(ToString::to_string).collect())
    }

    /// One span that has both its end and its duration says what the durations of all are, wherever it stands.
    #[test]
    fn ends_tell_the_unit_of_all_durations() {
        let (timed, first, second) =
            (row(1, r#""2026-01-15T12:00:00.250Z""#, "250"), row(2, "null", "40"), row(3, "null", r#""7.5""#));
        for text in [[&*timed, &first, &second], [&first, &second, &timed]] {
            assert_eq!(lengths(&text.join("\n")), (vec![250_000_000, 40_000_000, 7_500_000], vec![]));
        }
    }

    /// Without such a span a unit is assumed, and said; no length becomes nothing.
    #[test]
    fn assumed_units_are_said() {
        for (durations, expected, unit) in
            [(["40", "3"], [40, 3], "taken as ns"), (["0.5", "12"], [500_000, 12_000_000], "taken as ms")]
        {
            let rows = [row(1, "null", durations[0]), row(2, "null", durations[1])];
            let (lengths, warnings) = lengths(&rows.join("\n"));
            assert_eq!(lengths, expected);
            assert!(
                warnings.len() == 1 && warnings[0].contains(unit) && warnings[0].contains("(duration)"),
                "{warnings:?}"
            );
        }
        // Text that says its unit, and names that say theirs, need no guess.
        let named = row(2, "null", "40").replace("\"duration\"", "\"duration_us\"");
        assert_eq!(lengths(&[row(1, "null", r#""3ms""#), named].join("\n")), (vec![3_000_000, 40_000], vec![]));
    }
}
