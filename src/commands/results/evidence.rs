//! What reports show of single traces: those that show best what problems cost, and of each important entry where the time of
//! typical and of slow requests goes. They are looked at again once all were seen, because only then it is known which.

use std::collections::BTreeSet;
use std::ops::Range;

use hashbrown::HashMap;

use crate::analysis::{Again, RequestsByEntry};
use crate::conventions::Attribute;
use crate::detectors::{TableRow, Whole};
use crate::frame::{SignatureId, SpillError, Vocabulary};
use crate::gathered::PathStacks;
use crate::partial::TraceNumber;
use crate::rank::{Ranked, Table, example_spans, example_traces};
use crate::report::{CodeLocation, Evidence, PathStack, PathsOfEntry, PathsOfRequests, ShownTrace};
use crate::span::{SpanId, TraceId};
use crate::trace::{NO_ROW, RootReason, Row, TraceView};

use super::report_facts::stacks_in_words;
use crate::commands::shown_trace::{Found, shown_trace};

/// Problems of which traces are shown, and traces of each.
const MAX_PROBLEMS: usize = 40;
const EXAMPLES: usize = 3;

/// Traces with more spans are not drawn, and that is said: nobody reads them on a page, and they take long.
const MAX_SPANS: usize = 100_000;

/// Entries whose critical paths are shown, and how many of the requests of each are looked at.
const MAX_ENTRIES: usize = 6;
const REQUESTS_OF_ENTRY: usize = 1_000;

/// What is made of a trace that is looked at again.
struct Looked {
    shown: Option<ShownTrace>,
    spans: usize,
    /// How long its first root took, in ns, and where its critical path went.
    paths: Option<(i64, PathStacks)>,
}

/// Looks at the traces again that show something of `problems` and of the entries with most time.
///
/// # Errors
/// If spans that were put aside cannot be brought back.
pub(in crate::commands) fn evidence(
    again: Again<'_>,
    ranked: &[Ranked],
    problems: &Table,
    requests: &RequestsByEntry,
    whole: &Whole<'_>,
) -> Result<Evidence, SpillError> {
    let first: Vec<TableRow<'_>> = (0..problems.row_count().min(MAX_PROBLEMS))
        .map(|row| TableRow { columns: &problems.columns, values: &problems.values, row })
        .collect();
    let mut examples = example_traces(ranked, first.iter().map(|row| row.text("pattern_id")), EXAMPLES);
    for row in &first {
        // The trace that the list of problems names comes first.
        let named = number_of(row.text("example_trace_id"), whole);
        let traces = examples.entry(row.text("pattern_id").to_owned()).or_default();
        traces.retain(|&trace| Some(trace) != named);
        traces.splice(0..0, named);
        traces.truncate(EXAMPLES);
    }
    let sampled: Vec<(usize, Vec<TraceNumber>)> = sampled(requests);
    let id = |trace: &TraceNumber| whole.trace_ids.get(trace.index()?).copied();
    let to_show: BTreeSet<TraceId> = examples.values().flatten().filter_map(id).collect();
    let to_follow: BTreeSet<TraceId> = sampled.iter().flat_map(|(_, traces)| traces).filter_map(id).collect();
    let wanted: BTreeSet<TraceId> = to_show.union(&to_follow).copied().collect();

    let found = findings_of(ranked, examples.values().flatten().copied());
    let looked = again.look_at(&wanted, |view| Looked {
        shown: (to_show.contains(&view.trace_id) && view.tree.len() <= MAX_SPANS).then(|| {
            let number = whole
                .trace_ids
                .binary_search(&view.trace_id)
                .map_or(TraceNumber::NONE, |place| TraceNumber(place as u32));
            let found = found.get(&number).into_iter().flatten().copied();
            shown_trace(view, &again.collection.vocabulary, found)
        }),
        spans: view.tree.len(),
        paths: to_follow.contains(&view.trace_id).then(|| first_path(view)).flatten(),
    })?;
    let mut looked: HashMap<TraceId, Looked> = looked.into_iter().collect();
    let paths = sampled.iter().map(|(place, traces)| {
        let (entry, of) = &requests.entries[*place];
        let name = |symbol| whole.symbols.resolve(symbol);
        let followed = traces.iter().filter_map(|trace| looked.get(&id(trace)?));
        let mut followed: Vec<&(i64, PathStacks)> = followed.filter_map(|looked| looked.paths.as_ref()).collect();
        followed.sort_by_key(|(duration, _)| *duration);
        let some = |range: Range<usize>| paths_of(&followed[range], whole);
        let count = followed.len();
        PathsOfEntry {
            entry: format!("{} {}", name(entry.service), name(entry.operation)).trim().to_owned(),
            requests: of.requests,
            looked_at: count as u64,
            typical: some(count * 2 / 5..(count * 3).div_ceil(5)),
            slow: some(count - count.div_ceil(20)..count),
        }
    });
    let paths = paths.filter(|paths| paths.looked_at > 0).collect();
    let too_large = to_show.iter().filter_map(|id| Some((id.to_string(), looked.get(id)?.spans as u64)));
    let too_large = too_large.filter(|&(_, spans)| spans > MAX_SPANS as u64).collect();
    let traces = to_show.iter().filter_map(|id| Some((id.to_string(), looked.get_mut(id)?.shown.take()?))).collect();
    let examples = examples.drain().map(|(pattern, traces)| {
        let ids = traces.iter().filter_map(id).map(|id| id.to_string()).collect();
        (pattern, ids)
    });
    Ok(Evidence { traces, too_large, examples: examples.collect(), paths })
}

/// What was found in each of the `wanted` traces.
fn findings_of(ranked: &[Ranked], wanted: impl Iterator<Item = TraceNumber>) -> HashMap<TraceNumber, Vec<Found<'_>>> {
    let mut found: HashMap<TraceNumber, Vec<Found<'_>>> = wanted.map(|trace| (trace, Vec::new())).collect();
    for &Ranked { description, ref findings, caller_operation, .. } in ranked {
        for (row, trace) in findings.trace.iter().enumerate() {
            if let Some(found) = found.get_mut(trace) {
                found.push(Found { detector: description.name, findings, caller_operation, row });
            }
        }
    }
    found
}

/// The number of the trace with an id.
fn number_of(trace_id: &str, whole: &Whole<'_>) -> Option<TraceNumber> {
    let place = whole.trace_ids.binary_search(&TraceId::from_hex(trace_id)?).ok()?;
    u32::try_from(place).ok().map(TraceNumber)
}

/// Patterns of which it is said where in the code they come from: as many as any report names.
const MAX_WITH_CODE: usize = 5_000;

/// Whether any span says where in the code it was made.
pub(in crate::commands) fn names_code(vocabulary: &Vocabulary) -> bool {
    let signatures = &vocabulary.signatures;
    let path = |number: usize| signatures.resolve(SignatureId(number as u32)).get(Attribute::CodeFilePath);
    (0..signatures.len()).any(|number| !path(number).is_empty())
}

/// Where in the code patterns come from, by their ids: what the span says that shows a pattern best, or one above it of the same
/// service.
///
/// # Errors
/// If spans that were put aside cannot be brought back.
pub(super) fn code_locations(
    again: Again<'_>,
    ranked: &[Ranked],
    problems: &Table,
    whole: &Whole<'_>,
) -> Result<HashMap<String, CodeLocation>, SpillError> {
    let rows = (0..problems.row_count().min(MAX_WITH_CODE)).map(|row| TableRow {
        columns: &problems.columns,
        values: &problems.values,
        row,
    });
    let spans = example_spans(ranked, rows.map(|row| row.text("pattern_id")));
    let mut by_trace: HashMap<TraceId, Vec<(&str, SpanId)>> = HashMap::new();
    for (pattern, &(trace, span)) in &spans {
        if let Some(&id) = trace.index().and_then(|index| whole.trace_ids.get(index)) {
            by_trace.entry(id).or_default().push((pattern, span));
        }
    }
    let wanted: BTreeSet<TraceId> = by_trace.keys().copied().collect();
    let looked = again.look_at(&wanted, |view| {
        let of_trace = by_trace.get(&view.trace_id).into_iter().flatten();
        let found = of_trace.filter_map(|&(pattern, span)| {
            Some((pattern.to_owned(), code_location(view, &again.collection.vocabulary, span)?))
        });
        found.collect::<Vec<_>>()
    })?;
    Ok(looked.into_iter().flat_map(|(_, found)| found).collect())
}

fn code_location(view: &TraceView<'_>, vocabulary: &Vocabulary, span: SpanId) -> Option<CodeLocation> {
    let mut row = (0..view.tree.len() as Row).find(|&row| view.span_id(row) == span)?;
    let service = view.service(row);
    while row != NO_ROW && view.service(row) == service {
        let signature = vocabulary.signatures.resolve(view.tree.signatures[row as usize]);
        let [path, line] = [Attribute::CodeFilePath, Attribute::CodeLineNumber]
            .map(|attribute| vocabulary.symbols.resolve(signature.get(attribute)));
        if !path.is_empty() {
            let line = line.parse().ok().filter(|&line| line > 0).unwrap_or(1);
            return Some(CodeLocation { path: path.to_owned(), line });
        }
        row = view.tree.parents[row as usize];
    }
    None
}

/// The critical path of the request that a trace is booked for: of its first root, or else its first fragment.
fn first_path(view: &TraceView<'_>) -> Option<(i64, PathStacks)> {
    let roots = &view.tree.path_roots;
    let first = roots.iter().position(|root| root.reason == RootReason::Root).or((!roots.is_empty()).then_some(0))?;
    let mut paths = PathStacks::default();
    paths.see_path(view, first);
    Some((view.duration(roots[first].row), paths))
}

fn paths_of(followed: &[&(i64, PathStacks)], whole: &Whole<'_>) -> PathsOfRequests {
    let mut all = PathStacks::default();
    followed.iter().for_each(|(_, paths)| all.merge(paths.clone()));
    let stacks: Vec<PathStack> = stacks_in_words(&all, whole.symbols);
    let durations_ns = match followed {
        [(shortest, _), .., (longest, _)] => (*shortest, *longest),
        [(only, _)] => (*only, *only),
        [] => (0, 0),
    };
    PathsOfRequests { requests: followed.len() as u64, durations_ns, stacks }
}

/// The entries with most time, by their places, and some traces of each: evenly over all, in the order of their ids.
fn sampled(requests: &RequestsByEntry) -> Vec<(usize, Vec<TraceNumber>)> {
    let mut order: Vec<usize> = (0..requests.entries.len()).collect();
    order.sort_by_key(|&place| (std::cmp::Reverse(requests.entries[place].1.duration_ns), place));
    order.truncate(MAX_ENTRIES);
    let mut traces: HashMap<usize, Vec<TraceNumber>> = order.iter().map(|&place| (place, Vec::new())).collect();
    for (trace, entry) in requests.entries_of_traces() {
        if let Some(traces) = entry.and_then(|entry| traces.get_mut(&entry)) {
            traces.push(trace);
        }
    }
    let some = |place: usize| {
        let all = traces.remove(&place).unwrap_or_default();
        let count = all.len().min(REQUESTS_OF_ENTRY);
        (place, (0..count).map(|index| all[index * all.len() / count]).collect())
    };
    order.into_iter().map(some).collect()
}
