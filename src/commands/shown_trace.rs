//! What `tracescan trace` shows of a trace, without the numbers that the analysis has for names.

use hashbrown::HashMap;

use crate::conventions::Attribute;
use crate::findings::{FindingColumns, pattern_id};
use crate::frame::{Symbol, Vocabulary};
use crate::report::{ShownFinding, ShownPath, ShownSection, ShownSpan, ShownTrace};
use crate::trace::{NO_CALL, NO_ROW, Row, TraceView};

/// A finding.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    /// The name of its detector.
    pub(super) detector: &'static str,
    /// All findings of that.
    pub(super) findings: &'a FindingColumns,
    /// The part of their keys that is the caller's operation, where findings name the operation that is called.
    pub(super) caller_operation: Option<usize>,
    /// Its place among them.
    pub(super) row: usize,
}

/// The trace with what was found in it. `vocabulary` is that of the input.
pub(super) fn shown_trace<'a>(
    view: &TraceView<'_>,
    vocabulary: &Vocabulary,
    found: impl Iterator<Item = Found<'a>>,
) -> ShownTrace {
    let tree = view.tree;
    let found: Vec<ShownFinding> = found.map(|found| finding(view, found)).collect();
    let start = tree.starts.first().copied().unwrap_or(0);
    let mut on_path = vec![Vec::new(); tree.len()];
    for section in &view.paths.sections {
        on_path[section.row as usize].push((section.start - start, section.end - start));
    }
    let mut about: HashMap<String, Vec<usize>> = HashMap::new();
    let mut evidence: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, finding) in found.iter().enumerate() {
        about.entry(finding.span_id.clone()).or_default().push(place);
        for span_id in &finding.span_ids {
            evidence.entry(span_id.clone()).or_default().push(place);
        }
    }

    // Depth first, children by start; a stack, because a trace may be one deep chain.
    let mut spans: Vec<ShownSpan> = Vec::with_capacity(tree.len());
    let mut places = vec![0; tree.len()];
    let tops = (0..tree.len() as Row).rev().filter(|&row| tree.parents[row as usize] == NO_ROW);
    let mut stack: Vec<(Row, Option<usize>)> = tops.map(|row| (row, None)).collect();
    while let Some((row, parent)) = stack.pop() {
        let place = spans.len();
        places[row as usize] = place;
        let span_id = view.span_id(row).to_string();
        let of = |findings: &HashMap<String, Vec<usize>>| findings.get(&span_id).cloned().unwrap_or_default();
        let (findings, evidence_of) = (of(&about), of(&evidence));
        let depth = parent.map_or(0, |parent: usize| spans[parent].depth + 1);
        let on_path = std::mem::take(&mut on_path[row as usize]);
        spans.push(ShownSpan {
            span_id,
            parent,
            depth,
            findings,
            evidence_of,
            on_path,
            ..span(view, vocabulary, row, start)
        });
        stack.extend(tree.children(row).iter().rev().map(|&child| (child, Some(place))));
    }
    let paths = (0..tree.path_roots.len()).map(|path| shown_path(view, path, &places, start)).collect();
    ShownTrace { trace_id: view.trace_id.to_string(), start, spans, paths, findings: found }
}

fn name(view: &TraceView<'_>, symbol: Symbol) -> String {
    view.semantics.symbols.resolve(symbol).to_owned()
}

/// What the span itself says.
fn span(view: &TraceView<'_>, vocabulary: &Vocabulary, row: Row, start: i64) -> ShownSpan {
    let semantics = view.semantics_of(row);
    let role = &view.calls.roles[row as usize];
    let call = (role.call_of_exit != NO_CALL).then(|| &view.calls.calls[role.call_of_exit as usize]);
    let path_roots = &view.tree.path_roots;
    let root = path_roots.binary_search_by_key(&row, |root| root.row).ok().map(|index| path_roots[index]);
    ShownSpan {
        service: name(view, view.service(row)),
        name: name(view, semantics.name),
        kind: semantics.kind.as_str().to_owned(),
        target: call.map(|call| name(view, call.target.name)),
        has_callee: call.is_some_and(|call| call.callee != NO_ROW),
        start_ns: view.start(row) - start,
        duration_ns: view.duration(row),
        failed: role.failed,
        message: name(view, semantics.message),
        attributes: attributes(view, vocabulary, row),
        root_reason: root.map(|root| root.reason.as_str()),
        ..ShownSpan::default()
    }
}

/// What is kept of the span's attributes, under their preferred names.
fn attributes(view: &TraceView<'_>, vocabulary: &Vocabulary, row: Row) -> Vec<(&'static str, String)> {
    let signature = vocabulary.signatures.resolve(view.tree.signatures[row as usize]);
    let known = Attribute::ALL.iter().filter(|attribute| attribute.is_recorded());
    let values = known.filter_map(|&attribute| {
        let value = vocabulary.symbols.resolve(signature.get(attribute));
        let name = attribute.aliases()[0];
        // What has no name of its own was made of something else that the span says.
        let is_shown = !value.is_empty() && !name.starts_with("tracescan.");
        is_shown.then(|| (name, value.to_owned()))
    });
    values.collect()
}

fn shown_path(view: &TraceView<'_>, path: usize, places: &[usize], start: i64) -> ShownPath {
    let sections = view.booked_sections(path).into_iter().map(|(section, place)| ShownSection {
        span: places[section.row as usize],
        service: name(view, place.service),
        operation: name(view, place.operation),
        component: place.component.as_str(),
        target: name(view, place.target),
        start_ns: section.start - start,
        end_ns: section.end - start,
    });
    ShownPath { root: places[view.tree.path_roots[path].row as usize], sections: sections.collect() }
}

fn finding(view: &TraceView<'_>, found: Found<'_>) -> ShownFinding {
    let Found { detector, findings, caller_operation, row } = found;
    let caller_operation = caller_operation.map(|part| findings.key.get(row)[part]);
    let operation = findings.operation[row];
    let key = findings.key.get(row).iter().map(|&part| view.semantics.symbols.resolve(part));
    let target = findings.target.get(row);
    ShownFinding {
        detector,
        kind: findings.kind.get(row).as_str(),
        pattern_id: pattern_id(detector, key),
        span_id: findings.span_id[row].to_string(),
        service: name(view, findings.service[row]),
        operation: name(view, caller_operation.unwrap_or(operation)),
        call_operation: caller_operation.map(|_| name(view, operation)),
        target: target.map(|target| name(view, target.name)),
        target_kind: target.map(|target| target.kind.as_str()),
        start_unix_nano: findings.start[row].to_string(),
        measured: findings.measured[row],
        threshold: findings.threshold[row],
        impact_ns: findings.impact_ns[row],
        saving_ns: findings.saving_ns[row],
        span_ids: findings.evidence.get(row).iter().map(ToString::to_string).collect(),
    }
}
