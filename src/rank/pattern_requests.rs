//! The requests in which each pattern was found: what comparisons with other runs and gates need of it.

use std::cmp::Reverse;

use rayon::prelude::*;

use crate::analysis::RequestsByEntry;
use crate::detectors::{Cell, Column, Unit, Whole};
use crate::findings::FindingColumns;
use crate::frame::Symbol;
use crate::partial::TraceNumber;
use crate::trace::total_ns;

use super::entries_table::entry_cells;
use super::median::Median;
use super::ranking::Ranked;
use super::table::{MAX_ROWS, Table};

/// What was found of one pattern.
#[derive(Clone, Debug)]
pub(crate) struct PatternRequests {
    /// The detector.
    pub(crate) detector: &'static str,
    /// The pattern's id.
    pub(crate) pattern_id: String,
    /// Service of its first finding.
    pub(crate) service: Symbol,
    /// Operation of its first finding.
    pub(crate) operation: Symbol,
    /// Target of its first finding.
    pub(crate) target: Symbol,
    /// Findings.
    pub(crate) findings: u64,
    /// Requests with a finding.
    pub(crate) requests: u64,
    /// Sum of the impacts, in ns.
    pub(crate) impact_ns: i64,
    /// The largest impact of a finding that no other explains, in ns, and its trace; of equal ones the smallest trace id.
    pub(crate) largest: Option<(i64, TraceNumber)>,
    /// Failed requests that would not have failed without it.
    pub(crate) failed_requests: u64,
    /// The trace with the largest impact.
    pub(crate) example_trace: TraceNumber,
    /// The impact on a request, in ns.
    impact: Median,
    /// What was found in the requests of each entry.
    of_entries: Vec<PatternOfEntry>,
}

/// What was found of a pattern in the requests that came in by one entry.
#[derive(Clone, Debug)]
struct PatternOfEntry {
    /// The place of the entry.
    entry: usize,
    /// Requests with a finding.
    requests: u64,
    /// Findings.
    findings: u64,
    /// The impact on a request, in ns.
    impact: Median,
}

/// The requests of all patterns, by detector, then as patterns are numbered.
pub(crate) fn pattern_requests(ranked: &[Ranked], requests: &RequestsByEntry) -> Vec<PatternRequests> {
    let mut all = Vec::new();
    for ranked in ranked {
        let Ranked { findings, patterns_of_findings, .. } = ranked;
        let mut order: Vec<usize> = (0..findings.len()).collect();
        order.par_sort_unstable_by_key(|&row| (patterns_of_findings[row], findings.trace[row], row));
        let patterns = order.chunk_by(|&left, &right| patterns_of_findings[left] == patterns_of_findings[right]);
        all.extend(patterns.map(|rows| of_pattern(ranked, rows, requests)));
    }
    all
}

/// Those of one pattern, whose findings are `rows`, by trace.
fn of_pattern(ranked: &Ranked, rows: &[usize], requests: &RequestsByEntry) -> PatternRequests {
    let Ranked { description, findings, patterns_of_findings, pattern_ids, .. } = ranked;
    let FindingColumns { trace, service, operation, target, impact_ns, failed_requests, induced, .. } = findings;
    let first = rows[0];
    let mut of_requests: Vec<(usize, i64, u64)> = Vec::new();
    for of_trace in rows.chunk_by(|&left, &right| trace[left] == trace[right]) {
        // What is found in the whole input is in no request.
        let Some(entry) = requests.entry_of(trace[of_trace[0]]) else { continue };
        of_requests.push((entry, total_ns(of_trace.iter().map(|&row| impact_ns[row])), of_trace.len() as u64));
    }
    let impacts = |of: &[(usize, i64, u64)]| of.iter().map(|&(_, impact, _)| impact).collect::<Vec<i64>>();
    let mut of_all = impacts(&of_requests);
    of_requests.sort_unstable();
    let of_entry = |of: &[(usize, i64, u64)]| PatternOfEntry {
        entry: of[0].0,
        requests: of.len() as u64,
        findings: of.iter().map(|&(.., findings)| findings).sum(),
        impact: Median::of(&mut impacts(of)),
    };
    let of_entries = of_requests.chunk_by(|left, right| left.0 == right.0).map(of_entry).collect();
    let largest = |rows: &mut dyn Iterator<Item = usize>| {
        rows.map(|row| (impact_ns[row], Reverse(trace[row]))).max().map(|(impact, Reverse(trace))| (impact, trace))
    };
    PatternRequests {
        detector: description.name,
        pattern_id: pattern_ids[patterns_of_findings[first] as usize].clone(),
        service: service[first],
        operation: operation[first],
        target: target.get(first).map_or(Symbol::EMPTY, |target| target.name),
        findings: rows.len() as u64,
        requests: of_all.len() as u64,
        impact_ns: total_ns(rows.iter().map(|&row| impact_ns[row])),
        largest: largest(&mut rows.iter().copied().filter(|&row| !induced[row])),
        failed_requests: rows.iter().map(|&row| u64::from(failed_requests[row])).sum(),
        example_trace: largest(&mut rows.iter().copied()).map_or(TraceNumber::NONE, |(_, trace)| trace),
        impact: Median::of(&mut of_all),
        of_entries,
    }
}

/// Columns of the impact on a request.
const IMPACT_COLUMNS: [Column; 4] = [
    Column::new("impact_p50_ns", Unit::Nanoseconds, "median of the impact on each of these requests"),
    Column::new("impact_mad_ns", Unit::Nanoseconds, "median distance from that"),
    Column::new(
        "impact_p50_low_ns",
        Unit::Nanoseconds,
        "the least that the median may be but for chance (99.9 %); empty of few",
    ),
    Column::new("impact_p50_high_ns", Unit::Nanoseconds, "the most that it may be"),
];

/// Their values.
fn impact_cells(impact: &Median) -> [Cell; 4] {
    let bound = |bound: Option<i64>| bound.map_or(Cell::None, Cell::Int);
    let (low, high) = impact.bounds.unzip();
    [Cell::Int(impact.median), Cell::Int(impact.mad), bound(low), bound(high)]
}

const ID_DOC: &str = "id of the pattern, the same in every run";

/// Columns of the table of patterns.
pub(crate) static PATTERN_COLUMNS: [Column; 15] = [
    Column::new("pattern_id", Unit::Id, ID_DOC),
    Column::new("detector", Unit::Text, "detector that reports it"),
    Column::new("service", Unit::Text, "service of the caller, the entry or the origin"),
    Column::new("operation", Unit::Text, "what is called, entered or failed there"),
    Column::new("target", Unit::Text, "what it is about, if that is a target"),
    Column::new("findings", Unit::Count, "findings"),
    Column::new("requests", Unit::Count, "requests with a finding"),
    Column::new("impact_ns", Unit::Nanoseconds, "summed impact"),
    Column::new("largest_impact_ns", Unit::Nanoseconds, "largest impact of a finding that no other explains"),
    Column::new("failed_requests", Unit::Count, "failed requests that would not have failed without it"),
    IMPACT_COLUMNS[0],
    IMPACT_COLUMNS[1],
    IMPACT_COLUMNS[2],
    IMPACT_COLUMNS[3],
    Column::new("example_trace_id", Unit::Id, "the trace with the largest impact"),
];

/// The name of the table of patterns.
pub(crate) const PATTERNS: &str = "patterns";

/// The table of patterns of all detectors.
pub(crate) fn patterns_table(patterns: &[PatternRequests], whole: &Whole<'_>) -> Table {
    let cells = |name: &str| -> Vec<Cell> {
        let cell = |of: &PatternRequests| match name {
            "pattern_id" => Cell::Text(of.pattern_id.clone()),
            "detector" => Cell::Text(of.detector.to_owned()),
            "service" => whole.name(of.service),
            "operation" => whole.name(of.operation),
            "target" => whole.name(of.target),
            "findings" => Cell::Int(of.findings as i64),
            "requests" => Cell::Int(of.requests as i64),
            "impact_ns" => Cell::Int(of.impact_ns),
            "largest_impact_ns" => of.largest.map_or(Cell::None, |(impact, _)| Cell::Int(impact)),
            "failed_requests" => Cell::Int(of.failed_requests as i64),
            "example_trace_id" => whole.trace_id(of.example_trace),
            other => match IMPACT_COLUMNS.iter().position(|column| column.name == other) {
                Some(place) => impact_cells(&of.impact)[place].clone(),
                None => unreachable!("the table of patterns has a column {other} without a rule"),
            },
        };
        patterns.iter().map(cell).collect()
    };
    let values = PATTERN_COLUMNS.iter().map(|column| cells(column.name)).collect();
    let columns = PATTERN_COLUMNS.to_vec();
    Table { name: PATTERNS, columns, terminal_columns: &[], values, summed_up: 0 }.capped(MAX_ROWS)
}

/// Columns of the table of the entries of patterns.
pub(crate) static PATTERN_ENTRY_COLUMNS: [Column; 11] = [
    Column::new("pattern_id", Unit::Id, ID_DOC),
    Column::new("detector", Unit::Text, "detector that reports it"),
    Column::new("entry_kind", Unit::Text, "root, or fragment (the parent is not in the input)"),
    Column::new("entry_service", Unit::Text, "service where requests with the pattern came in"),
    Column::new("entry_operation", Unit::Text, "operation that was asked for"),
    Column::new("requests", Unit::Count, "requests of the entry with a finding"),
    Column::new("findings", Unit::Count, "findings in these"),
    IMPACT_COLUMNS[0],
    IMPACT_COLUMNS[1],
    IMPACT_COLUMNS[2],
    IMPACT_COLUMNS[3],
];

/// The name of the table of entries of patterns.
pub(crate) const PATTERN_ENTRIES: &str = "pattern_entries";

/// The table of the entries by which requests with each pattern came in.
pub(crate) fn pattern_entries_table(
    patterns: &[PatternRequests],
    requests: &RequestsByEntry,
    whole: &Whole<'_>,
) -> Table {
    let mut values: Vec<Vec<Cell>> = vec![Vec::new(); PATTERN_ENTRY_COLUMNS.len()];
    for pattern in patterns {
        for PatternOfEntry { entry, requests: with_finding, findings, impact } in &pattern.of_entries {
            let [kind, service, operation] = entry_cells(&requests.entries[*entry].0, whole);
            let (id, detector) = (Cell::Text(pattern.pattern_id.clone()), Cell::Text(pattern.detector.to_owned()));
            let [with_finding, findings] = [with_finding, findings].map(|&count| Cell::Int(count as i64));
            let cells = [id, detector, kind, service, operation, with_finding, findings];
            let cells = cells.into_iter().chain(impact_cells(impact));
            values.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
        }
    }
    let columns = PATTERN_ENTRY_COLUMNS.to_vec();
    Table { name: PATTERN_ENTRIES, columns, terminal_columns: &[], values, summed_up: 0 }.capped(MAX_ROWS)
}
