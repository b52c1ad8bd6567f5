//! One part of an input, analysed for itself: what holds whatever the other parts are, and what must be looked at again.
//!
//! Two facts about the whole input decide what a trace says: a host that is called like a service *is* that service, and calls
//! that recorded no callee take the name that others recorded. So a part is kept as
//!
//! - *settled* results, of traces that nothing else can change;
//! - *conditional* results, of traces that call hosts which other parts may know as services: they hold unless one does, and
//!   the rows of these traces are kept for that case;
//! - rows of traces that *wait* for what others call an operation.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow::error::ArrowError;

use crate::conventions::OwnAttribute;
use crate::frame::{Frame, OwnRows, OwnValues, Signature, SignatureId, Symbol, Symbols, Vocabulary};
use crate::partial::{Columns as _, GroupReader, GroupWriter, PartialWriter, Renumbering, columns};
use crate::span::{SpanId, TraceId};
use crate::trace::{CalleeNames, Semantics, services_that_matter};

use super::results::{AnalysisError, Results};

/// Groups of settled results begin so.
pub(super) const SETTLED: &str = "settled/";
/// Groups of conditional results begin so.
pub(super) const CONDITIONAL: &str = "conditional/";
/// Groups of rows begin so.
pub(super) const ROWS: &str = "rows/";
/// All strings of the part, in the order of their numbers.
pub(super) const STRINGS: &str = "strings";
/// The part's services.
pub(super) const SERVICES: &str = "services";
/// Names, in lower case, of services that void the conditional results if other parts have them.
pub(super) const VOIDING: &str = "voiding";
/// Signatures that rows refer to.
pub(super) const SIGNATURES: &str = "signatures";
/// The ids of the part's traces, ascending: others refer to a trace by its place.
pub(super) const TRACES: &str = "traces";
/// What the part's callees call their operations.
pub(super) const CALLEE_NAMES: &str = "callee_names";
/// Numbers that results end with.
pub(super) const TOTALS: &str = "totals";
pub(super) const QUALITY: &str = "quality";
/// Requests by entry.
pub(super) const REQUESTS: &str = "requests";
/// What several patterns would change.
pub(super) const OVERLAPS: &str = "overlaps";

columns! {
    /// A trace whose rows are kept.
    struct KeptTrace in KeptTraces {
        trace_id: TraceId,
        spans: u32,
        /// Whether it waits for names; else its results are conditional.
        waits: bool,
    }
}

columns! {
    /// A span of such a trace.
    struct KeptSpan in KeptSpans {
        span_id: SpanId,
        parent_span_id: SpanId,
        start: i64,
        duration: i64,
        signature: u32,
        arguments: u64,
    }
}

columns! {
    /// What a callee calls an operation.
    struct NameRow in NameColumns {
        caller: Symbol,
        target: Symbol,
        operation: Symbol,
        is_one: bool,
        name: Symbol,
    }
}

columns! {
    /// A signature, its attributes by their places.
    struct SignatureRow in SignatureColumns {
        service: Symbol,
        name: Symbol,
        kind: u32,
        status: u32,
        attributes: Vec<u32>,
        values: Vec<Symbol>,
    }
}

/// The rows of traces that must be kept, of one partition.
#[derive(Debug, Default)]
pub(super) struct KeptRows {
    traces: Frame,
    waits: Vec<bool>,
}

impl KeptRows {
    pub(super) fn push(&mut self, trace: crate::frame::TraceRows<'_>, waits: bool) {
        self.traces.push_trace(trace);
        self.waits.push(waits);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut traces = KeptTraces::default();
        let mut spans = KeptSpans::default();
        for (index, &waits) in self.waits.iter().enumerate() {
            let trace = self.traces.trace(index);
            traces.push(KeptTrace { trace_id: trace.trace_id, spans: trace.span_ids.len() as u32, waits });
            for row in 0..trace.span_ids.len() {
                spans.push(KeptSpan {
                    span_id: trace.span_ids[row],
                    parent_span_id: trace.parent_span_ids[row],
                    start: trace.starts[row],
                    duration: trace.durations[row],
                    signature: trace.signatures[row].0,
                    arguments: trace.arguments[row],
                });
            }
        }
        traces.write("", group);
        group.beside("spans", |group| {
            spans.write("", group);
            if !self.traces.own_values.is_empty() {
                for &attribute in OwnAttribute::ALL {
                    let values = self.traces.own_values.all().iter().map(|values| values.get(attribute).unwrap_or(0));
                    group.u64s(&own_column(attribute), values);
                }
            }
        });
    }

    /// The traces, and whether each waits; `signatures` are the numbers in the whole by those of the part.
    pub(super) fn read(group: &GroupReader<'_>, signatures: &[SignatureId]) -> Result<(Frame, Vec<bool>), ArrowError> {
        let traces = KeptTraces::read("", group)?;
        let (spans, own_values) =
            group.beside("spans", |group| Ok((KeptSpans::read("", group)?, read_own_values(group)?)))?;
        let wrong = |what: &str| ArrowError::ParseError(format!("rows of traces name {what} that is not there"));
        let mut frame = Frame { trace_starts: vec![0], ..Frame::default() };
        let mut end = 0usize;
        for &length in &traces.spans {
            end += length as usize;
            frame.trace_starts.push(end);
        }
        if end != spans.start.len() {
            return Err(wrong("a span"));
        }
        let known = spans.signature.iter().map(|&number| signatures.get(number as usize).copied());
        frame.signatures_of_rows = known.collect::<Option<_>>().ok_or_else(|| wrong("a signature"))?;
        let overflows = |(start, duration): (&i64, &i64)| *duration < 0 || start.checked_add(*duration).is_none();
        if spans.start.iter().zip(&spans.duration).any(overflows) {
            return Err(wrong("a time"));
        }
        frame.trace_ids = traces.trace_id;
        frame.span_ids = spans.span_id;
        frame.parent_span_ids = spans.parent_span_id;
        frame.starts = spans.start;
        frame.durations = spans.duration;
        frame.arguments = spans.arguments;
        frame.own_values = own_values;
        Ok((frame, traces.waits))
    }
}

/// The column of an own attribute, which is there only if it was asked for.
fn own_column(attribute: OwnAttribute) -> String {
    format!("own.{}", attribute.aliases()[0])
}

/// The own values of all spans of a group; none if nobody asked for them.
fn read_own_values(group: &GroupReader<'_>) -> Result<OwnRows, ArrowError> {
    let mut own_values = Vec::new();
    for &attribute in OwnAttribute::ALL {
        let column = own_column(attribute);
        if group.has(&column) {
            own_values.resize(group.len(), OwnValues::default());
            own_values.iter_mut().zip(group.u64s(&column)?).for_each(|(values, value)| values.set(attribute, value));
        }
    }
    let mut rows = OwnRows::default();
    rows.resize(own_values.len());
    (0..).zip(&own_values).for_each(|(row, values)| rows.set(row, values));
    Ok(rows)
}

/// The file that a part goes to: rows while its traces are analysed, all else once that is done.
pub(super) struct PartFile<W: Write> {
    writer: Mutex<PartialWriter<W>>,
}

impl<W: Write> PartFile<W> {
    pub(super) fn new(writer: PartialWriter<W>) -> Self {
        Self { writer: Mutex::new(writer) }
    }

    fn lock(&self) -> MutexGuard<'_, PartialWriter<W>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes rows of one partition.
    pub(super) fn write_rows(&self, part: usize, rows: &KeptRows) -> Result<(), AnalysisError> {
        let name = format!("{ROWS}{part:03}");
        self.lock().group(&name, Renumbering::NONE, |group| rows.write(group)).map_err(AnalysisError::Write)
    }

    /// Writes everything else.
    pub(super) fn finish(
        self,
        part: &Part,
        vocabulary: &Vocabulary,
        semantics: &Semantics,
        description: serde_json::Value,
    ) -> std::io::Result<()> {
        let mut writer = self.writer.into_inner().unwrap_or_else(PoisonError::into_inner);
        let numbers = Renumbering { symbols: None, traces: Some(&part.places) };
        let none = Renumbering::NONE;
        writer.group(STRINGS, none, |group| write_strings(&semantics.symbols, group))?;
        let services: BTreeSet<&str> = vocabulary.services().collect();
        writer.group(SERVICES, none, |group| group.texts("service", services.into_iter()))?;
        let voiding = services_that_matter(vocabulary);
        writer.group(VOIDING, none, |group| group.texts("service", voiding.iter().map(String::as_str)))?;
        writer.group(SIGNATURES, none, |group| signatures_of(vocabulary, semantics).write("", group))?;
        writer.group(TRACES, none, |group| part.trace_ids.write("trace_id", group))?;
        writer.group(CALLEE_NAMES, none, |group| names_of(&part.settled.callee_names).write("", group))?;
        for (prefix, results) in [(SETTLED, &part.settled), (CONDITIONAL, &part.conditional)] {
            writer.group(&format!("{prefix}{TOTALS}"), numbers, |group| results.totals.write(group))?;
            writer.group(&format!("{prefix}{QUALITY}"), numbers, |group| results.quality.write(group))?;
            writer.group(&format!("{prefix}{REQUESTS}"), numbers, |group| results.requests.write(group))?;
            results.gathered.write(&mut writer, prefix, numbers)?;
            results.seen.write(&mut writer, prefix, numbers)?;
            writer.group(&format!("{prefix}{OVERLAPS}"), numbers, |group| results.overlaps.write(group))?;
        }
        writer.finish(description)
    }
}

/// Results of a part.
pub(super) struct Part {
    pub(super) settled: Results,
    pub(super) conditional: Results,
    /// Ids of the traces, ascending.
    pub(super) trace_ids: Vec<TraceId>,
    /// Place of each trace among them by its number.
    pub(super) places: Vec<u32>,
}

fn write_strings(symbols: &Symbols, group: &mut GroupWriter<'_>) {
    group.texts("string", (0..symbols.len() as u32).map(|number| symbols.resolve(Symbol(number))));
}

fn names_of(names: &CalleeNames) -> NameColumns {
    let mut entries: Vec<_> = names.entries().collect();
    entries.sort_unstable();
    let mut columns = NameColumns::default();
    for ([caller, target, operation], name) in entries {
        let (is_one, name) = (name.is_some(), name.unwrap_or_default());
        columns.push(NameRow { caller, target, operation, is_one, name });
    }
    columns
}

/// Takes in names that were written.
pub(super) fn read_names(group: &GroupReader<'_>, names: &mut CalleeNames) -> Result<(), ArrowError> {
    let columns = NameColumns::read("", group)?;
    for row in 0..group.len() {
        let key = [columns.caller[row], columns.target[row], columns.operation[row]];
        names.learnt(key, columns.is_one[row].then_some(columns.name[row]));
    }
    Ok(())
}

/// The signatures in the numbers of sorted strings.
fn signatures_of(vocabulary: &Vocabulary, semantics: &Semantics) -> SignatureColumns {
    let sorted = |symbol: Symbol| semantics.symbols.get(vocabulary.symbols.resolve(symbol)).unwrap_or_default();
    let mut columns = SignatureColumns::default();
    for number in 0..vocabulary.signatures.len() as u32 {
        let signature = vocabulary.signatures.resolve(SignatureId(number));
        let set = || (0u32..).zip(signature.attributes).filter(|(_, value)| !value.is_empty());
        columns.push(SignatureRow {
            service: sorted(signature.service),
            name: sorted(signature.name),
            kind: signature.kind as u32,
            status: signature.status as u32,
            attributes: set().map(|(attribute, _)| attribute).collect(),
            values: set().map(|(_, value)| sorted(value)).collect(),
        });
    }
    columns
}

/// Signatures that were written, in the numbers that the reader gives strings.
pub(super) fn read_signatures(group: &GroupReader<'_>) -> Result<Vec<Signature>, ArrowError> {
    let columns = SignatureColumns::read("", group)?;
    let signature = |row: usize| {
        let mut signature = Signature {
            service: columns.service[row],
            name: columns.name[row],
            kind: crate::span::SpanKind::from_number(i64::from(columns.kind[row])),
            status: crate::span::StatusCode::from_number(i64::from(columns.status[row])),
            attributes: [Symbol::EMPTY; crate::conventions::ATTRIBUTE_COUNT],
        };
        for (&attribute, &value) in columns.attributes.get(row).iter().zip(columns.values.get(row)) {
            let place = signature.attributes.get_mut(attribute as usize);
            *place.ok_or_else(|| ArrowError::ParseError(format!("there is no attribute number {attribute}")))? = value;
        }
        Ok(signature)
    };
    (0..group.len()).map(signature).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::partial::PartialReader;

    /// Rows that are kept come back from a file, with their own values where somebody asked for them.
    #[test]
    fn kept_rows_come_back() {
        let own = |number: u64| {
            let mut values = OwnValues::default();
            values.set(OwnAttribute::MessageId, number * number);
            values.set(OwnAttribute::MessageBodySize, number / 2);
            values.set(OwnAttribute::RetryAfter, number % 3);
            values.set(OwnAttribute::Instance, 7 + number % 2);
            values
        };
        for asks in [false, true] {
            let mut all = Frame::default();
            for trace in 1..=3u128 {
                let rows = trace as usize;
                let mut own_rows = OwnRows::default();
                own_rows.resize(if asks { rows } else { 0 });
                (0..own_rows.len()).for_each(|row| own_rows.set(row, &own(row as u64)));
                all.push_trace(crate::frame::TraceRows {
                    trace_id: TraceId(trace.to_be_bytes()),
                    span_ids: &vec![SpanId(trace as u64); rows],
                    parent_span_ids: &vec![SpanId::NONE; rows],
                    starts: &vec![7; rows],
                    durations: &vec![1; rows],
                    signatures: &vec![SignatureId(0); rows],
                    arguments: &vec![5; rows],
                    own_values: own_rows.all(),
                });
            }
            let mut kept = KeptRows::default();
            (0..all.trace_count()).for_each(|index| kept.push(all.trace(index), index == 1));
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("part");
            let mut writer = PartialWriter::new(File::create(&path).unwrap()).unwrap();
            writer.group("rows/000", Renumbering::NONE, |group| kept.write(group)).unwrap();
            writer.finish(serde_json::Value::Null).unwrap();
            let file = PartialReader::open(&path).unwrap();
            let read = |group: &GroupReader<'_>| KeptRows::read(group, &[SignatureId(0)]);
            let (traces, waits) = file.group("rows/000", Renumbering::NONE, read).unwrap();
            assert_eq!(waits, [false, true, false]);
            assert_eq!(format!("{traces:?}"), format!("{all:?}"));
            assert_eq!(traces.own_values.len(), if asks { 6 } else { 0 });
        }
    }
}
