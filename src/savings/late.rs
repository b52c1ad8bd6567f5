//! What is saved by fixes of findings that only all traces together show.
//!
//! Whoever may find something late marks the spans that a fix would change while it looks at their trace; their segments are
//! kept, and here they are found again.

use crate::findings::{FindingColumns, Remedies, Remedy};
use crate::partial::TraceNumber;
use crate::trace::{Edit, RetimingBuffers, Row};

use super::overlaps::Overlaps;

/// Works out what remedies save in traces that were seen earlier.
pub(crate) struct LateSettling<'a> {
    overlaps: &'a mut Overlaps,
    /// Segments with marks by trace; looked up when the first remedy comes.
    marked: Option<Vec<(TraceNumber, usize)>>,
    retiming: RetimingBuffers,
}

impl<'a> LateSettling<'a> {
    /// With the segments that `overlaps` has kept.
    pub(crate) fn new(overlaps: &'a mut Overlaps) -> Self {
        Self { overlaps, marked: None, retiming: RetimingBuffers::default() }
    }

    /// Gives the findings of a detector of the catalog what their remedies save, and forgets these.
    pub(crate) fn settle(&mut self, detector: u8, findings: &mut FindingColumns, remedies: &mut Remedies) {
        if remedies.is_empty() {
            return;
        }
        let mut items: Vec<(usize, Remedy<'_>)> = remedies.iter().collect();
        let pattern_in_trace = |finding: usize| (findings.trace[finding], findings.key.get(finding));
        items.sort_by(|(left, _), (right, _)| {
            pattern_in_trace(*left).cmp(&pattern_in_trace(*right)).then(left.cmp(right))
        });
        let patterns: Vec<&[(usize, Remedy<'_>)]> =
            items.chunk_by(|(left, _), (right, _)| pattern_in_trace(*left) == pattern_in_trace(*right)).collect();
        for items in patterns {
            let first = items[0].0;
            let saved = self.of_pattern(detector, findings, items);
            let wasted = items.iter().fold(0, |sum: i64, (_, remedy)| sum.saturating_add(remedy.wasted_ns));
            findings.requests[first] = saved.requests;
            findings.saving_ns[first] = saved.saving_ns;
            findings.wasted_ns.set(first, wasted);
        }
        remedies.clear();
    }

    /// What a pattern saves in one trace.
    fn of_pattern(&mut self, detector: u8, findings: &FindingColumns, items: &[(usize, Remedy<'_>)]) -> Saved {
        let Self { overlaps, marked, retiming } = self;
        let first = items[0].0;
        let (trace, key) = (findings.trace[first], findings.key.get(first));
        let marked = marked.get_or_insert_with(|| overlaps.segments.marked());
        let of_trace = &marked[marked.partition_point(|&(other, _)| other < trace)..];
        let of_trace = &of_trace[..of_trace.partition_point(|&(other, _)| other == trace)];
        let mut edits: Vec<(Row, Edit)> = items.iter().flat_map(|(_, remedy)| remedy.edits).copied().collect();
        edits.sort_unstable();
        edits.dedup();
        let mut saved = Saved::default();
        let mut requests: Vec<Row> = Vec::new();
        for &(_, index) in of_trace {
            let mut placed: Vec<(u32, Edit)> = Vec::new();
            for mark in overlaps.segments.marks(index) {
                let own = &edits[edits.partition_point(|&(row, _)| row < mark.row)..];
                let own = own.iter().take_while(|&&(row, _)| row == mark.row);
                placed
                    .extend(mark.place.into_iter().flat_map(|place| own.clone().map(move |&(_, edit)| (place, edit))));
                if items.iter().any(|(_, remedy)| remedy.row == mark.row) {
                    requests.extend(mark.request);
                }
            }
            if !placed.is_empty() {
                let segment = overlaps.segments.get(index).retiming;
                let length = segment.length_with(placed.iter().copied(), retiming);
                saved.saving_ns = saved.saving_ns.saturating_add(segment.length() - length);
                overlaps.segments.push_late(index, detector, key, placed);
            }
        }
        requests.sort_unstable();
        requests.dedup();
        saved.requests = requests.len() as u32;
        saved
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Saved {
    requests: u32,
    saving_ns: i64,
}
