//! What was found in sampled traces, as what a detector has seen.

use arrow::error::ArrowError;

use crate::detectors::kit::Seen;
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::sensitive::{Bucket, Evidence, Place, SampledTraces, SensitiveFacts, SensitiveKind};
use crate::span::{SpanId, TraceId};

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenSensitive {
    pub(super) facts: SensitiveFacts<Symbol>,
}

columns! {
    /// How the traces were chosen.
    struct SampleRow in SampleColumns {
        most: u64,
        level: u32,
    }
}

columns! {
    /// What was found of a kind in a place.
    struct FoundRow in FoundColumns {
        level: u32,
        service: Symbol,
        attribute: Symbol,
        kind: u32,
        spans: u64,
        traces: Vec<u64>,
        values: Vec<u64>,
        operations: Vec<u64>,
        first: i64,
        last: i64,
        example_trace: TraceId,
        example_start: i64,
        example_span: SpanId,
    }
}

columns! {
    /// Numbers in a place.
    struct NumbersRow in NumbersColumns {
        level: u32,
        service: Symbol,
        attribute: Symbol,
        numbers: Vec<u64>,
    }
}

columns! {
    /// Spans that say something in a place.
    struct SpansRow in SpansColumns {
        level: u32,
        place: u64,
        spans: u64,
    }
}

/// Names of the groups.
const TRACES: &str = "traces";
const FOUND: &str = "found";
const NUMBERS: &str = "numbers";
const SPANS: &str = "spans";

fn sorted<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values
}

impl Seen for SeenSensitive {
    fn merge(&mut self, other: Self) {
        self.facts.merge(other.facts);
    }

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        self.facts.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn sampled_traces(&self) -> Option<u64> {
        Some(self.facts.traces.len() as u64)
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let SensitiveFacts { traces, found, numbers, spans } = &self.facts;
        let mut sample = SampleColumns::default();
        sample.push(SampleRow { most: traces.most() as u64, level: traces.level() });
        sample.write("", group);
        let ids = sorted(traces.iter());
        group.beside(TRACES, |group| ids.write("trace_id", group));

        let mut columns = FoundColumns::default();
        let mut rows: Vec<_> = found.iter().collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        for ((bucket, place, kind), evidence) in rows {
            let (first, last) = evidence.seen.unwrap_or_default();
            let (example_trace, example_start, example_span) = evidence.example.unwrap_or_default();
            columns.push(FoundRow {
                level: bucket.level(),
                service: place.service,
                attribute: place.attribute,
                kind: *kind as u32,
                spans: evidence.spans,
                traces: sorted(evidence.traces.iter().copied()),
                values: sorted(evidence.values.iter().copied()),
                operations: sorted(evidence.operations.iter().copied()),
                first,
                last,
                example_trace,
                example_start,
                example_span,
            });
        }
        group.beside(FOUND, |group| columns.write("", group));

        let mut columns = NumbersColumns::default();
        let mut rows: Vec<_> = numbers.iter().collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        for ((bucket, place), numbers) in rows {
            let numbers = sorted(numbers.iter().copied());
            let (service, attribute) = (place.service, place.attribute);
            columns.push(NumbersRow { level: bucket.level(), service, attribute, numbers });
        }
        group.beside(NUMBERS, |group| columns.write("", group));

        let mut columns = SpansColumns::default();
        for (&(bucket, place), &spans) in sorted(spans.iter()) {
            columns.push(SpansRow { level: bucket.level(), place, spans });
        }
        group.beside(SPANS, |group| columns.write("", group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let sample = SampleColumns::read("", group)?;
        let (most, level) = (sample.most.first().copied(), sample.level.first().copied());
        let ids = group.beside(TRACES, |group| Vec::<TraceId>::read("trace_id", group))?;
        let traces = SampledTraces::of(most.unwrap_or(0) as usize, level.unwrap_or(0), ids);
        let mut facts = SensitiveFacts { traces, ..SensitiveFacts::default() };

        let found = group.beside(FOUND, |group| FoundColumns::read("", group))?;
        for row in 0..found.level.len() {
            let kind = SensitiveKind::ALL.get(found.kind[row] as usize).copied();
            let number = found.kind[row];
            let kind =
                kind.ok_or_else(|| ArrowError::ParseError(format!("there is no kind of secret number {number}")))?;
            let place = Place { service: found.service[row], attribute: found.attribute[row] };
            let evidence = Evidence {
                spans: found.spans[row],
                traces: found.traces.get(row).iter().copied().collect(),
                values: found.values.get(row).iter().copied().collect(),
                operations: found.operations.get(row).iter().copied().collect(),
                seen: Some((found.first[row], found.last[row])),
                example: Some((found.example_trace[row], found.example_start[row], found.example_span[row])),
            };
            facts.found.insert((Bucket::of_level(found.level[row]), place, kind), evidence);
        }
        let numbers = group.beside(NUMBERS, |group| NumbersColumns::read("", group))?;
        for row in 0..numbers.level.len() {
            let place = Place { service: numbers.service[row], attribute: numbers.attribute[row] };
            let of_place = numbers.numbers.get(row).iter().copied().collect();
            facts.numbers.insert((Bucket::of_level(numbers.level[row]), place), of_place);
        }
        let spans = group.beside(SPANS, |group| SpansColumns::read("", group))?;
        for row in 0..spans.level.len() {
            facts.spans.insert((Bucket::of_level(spans.level[row]), spans.place[row]), spans.spans[row]);
        }
        Ok(Self { facts })
    }
}
