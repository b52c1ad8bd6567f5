//! What is counted whatever the detectors find.

use std::collections::BTreeSet;

use arrow::error::ArrowError;

use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, columns};
use crate::trace::{RootReason, TargetKind, TraceView};

/// What is counted whatever the detectors find.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Spans kept after duplicates were dropped.
    pub spans: u64,
    /// Traces.
    pub traces: u64,
    /// Spans without parent id.
    pub roots: u64,
    /// Calls by number of [`TargetKind`](crate::trace::TargetKind), heartbeats and plumbing included.
    pub calls: [u64; 5],
    /// Summed durations of the roots, in ns.
    pub root_duration_ns: i128,
    /// Summed durations of all segments, asynchronous ones and fragments too, in ns.
    pub segment_duration_ns: i128,
    /// Roots that failed.
    pub failed_roots: u64,
    /// Traces with a span that failed.
    pub failed_traces: u64,
    /// Start of the first span, in ns since 1970.
    pub first_start: Option<i64>,
    /// End of the last span, in ns since 1970.
    pub last_end: Option<i64>,
    /// Spans that failed, by status or by protocol code.
    pub failed_spans: u64,
    /// Services that spans belong to.
    pub services: BTreeSet<Symbol>,
}

/// Number of kinds of targets.
const TARGET_KINDS: usize = TargetKind::ALL.len();

columns! {
    /// The totals as numbers of 64 bits.
    struct TotalsRow in TotalsColumns {
        spans: u64,
        traces: u64,
        roots: u64,
        calls: Vec<u64>,
        root_duration_high: i64,
        root_duration_low: u64,
        segment_duration_high: i64,
        segment_duration_low: u64,
        failed_roots: u64,
        failed_traces: u64,
        first_start: Vec<i64>,
        last_end: Vec<i64>,
        failed_spans: u64,
        services: Vec<Symbol>,
    }
}

impl Totals {
    /// Counts one trace.
    pub(super) fn count(&mut self, trace: &TraceView<'_>) {
        let tree = trace.tree;
        self.traces += 1;
        self.spans += tree.len() as u64;
        for call in &trace.calls.calls {
            self.calls[call.target.kind as usize] += u64::from(call.weight);
        }
        self.first_start = self.first_start.into_iter().chain(tree.starts.first().copied()).min();
        self.last_end = self.last_end.into_iter().chain(tree.ends.iter().copied().max()).max();
        for root in tree.path_roots.iter().filter(|root| root.reason == RootReason::Root) {
            self.roots += 1;
            self.root_duration_ns += i128::from(trace.duration(root.row));
            self.failed_roots += u64::from(trace.calls.roles[root.row as usize].failed);
        }
        let of_segments = tree.path_roots.iter().map(|root| i128::from(trace.duration(root.row)));
        self.segment_duration_ns += of_segments.sum::<i128>();
        let failed_spans = trace.calls.roles.iter().filter(|role| role.failed).count() as u64;
        self.failed_spans += failed_spans;
        self.failed_traces += u64::from(failed_spans > 0);
        if tree.has_settled_services() {
            let services = (0..tree.len() as u32).map(|row| trace.service(row));
            self.services.extend(services.filter(|service| !trace.semantics.certain_services.contains(service)));
        }
    }

    /// Takes in those of other traces.
    pub(super) fn merge(&mut self, other: Self) {
        self.spans += other.spans;
        self.traces += other.traces;
        self.roots += other.roots;
        self.failed_spans += other.failed_spans;
        self.services.extend(other.services);
        self.root_duration_ns += other.root_duration_ns;
        self.segment_duration_ns += other.segment_duration_ns;
        self.failed_roots += other.failed_roots;
        self.failed_traces += other.failed_traces;
        for (own, calls) in self.calls.iter_mut().zip(other.calls) {
            *own += calls;
        }
        self.first_start = self.first_start.into_iter().chain(other.first_start).min();
        self.last_end = self.last_end.into_iter().chain(other.last_end).max();
    }

    /// Writes them.
    pub(super) fn write(&self, group: &mut GroupWriter<'_>) {
        let mut columns = TotalsColumns::default();
        columns.push(TotalsRow {
            spans: self.spans,
            traces: self.traces,
            roots: self.roots,
            calls: self.calls.to_vec(),
            root_duration_high: (self.root_duration_ns >> u64::BITS) as i64,
            root_duration_low: self.root_duration_ns as u64,
            segment_duration_high: (self.segment_duration_ns >> u64::BITS) as i64,
            segment_duration_low: self.segment_duration_ns as u64,
            failed_roots: self.failed_roots,
            failed_traces: self.failed_traces,
            first_start: self.first_start.into_iter().collect(),
            last_end: self.last_end.into_iter().collect(),
            failed_spans: self.failed_spans,
            services: self.services.iter().copied().collect(),
        });
        columns.write("", group);
    }

    /// Reads what [`Totals::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(super) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = TotalsColumns::read("", group)?;
        let mut totals = Self::default();
        for row in 0..group.len() {
            let mut calls = [0; TARGET_KINDS];
            calls.iter_mut().zip(columns.calls.get(row)).for_each(|(own, &count)| *own = count);
            let wide = |high: i64, low: u64| i128::from(high) << u64::BITS | i128::from(low);
            totals.merge(Self {
                spans: columns.spans[row],
                traces: columns.traces[row],
                roots: columns.roots[row],
                calls,
                root_duration_ns: wide(columns.root_duration_high[row], columns.root_duration_low[row]),
                segment_duration_ns: wide(columns.segment_duration_high[row], columns.segment_duration_low[row]),
                failed_roots: columns.failed_roots[row],
                failed_traces: columns.failed_traces[row],
                first_start: columns.first_start.get(row).first().copied(),
                last_end: columns.last_end.get(row).first().copied(),
                failed_spans: columns.failed_spans[row],
                services: columns.services.get(row).iter().copied().collect(),
            });
        }
        Ok(totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample::Sample;

    /// Services are those that spans belong to, not those that they name.
    #[test]
    fn services_are_counted_as_resolved() {
        for (spans, expected) in [
            ("1 0 a SERVER get 0..9 | 2 1 unknown_service INTERNAL help 1..8 | 3 2 b SERVER get 2..7", "a b"),
            ("1 0 unknown_service SERVER get 0..9 | 2 1 b SERVER get 2..7", "b unknown_service"),
            ("1 0 a SERVER get 0..9 | 2 1 mesh CLIENT get 1..8 component=proxy | 3 2 b SERVER get 2..7", "a b"),
            ("2 0 mesh CLIENT get 1..8 component=proxy | 3 2 b SERVER get 2..7", "b mesh"),
        ] {
            let lines: Vec<String> = spans.split(" | ").map(|span| format!("1 {span}")).collect();
            let sample = Sample::of(&lines.join("\n"));
            let mut totals = Totals { services: sample.semantics.certain_services.clone(), ..Totals::default() };
            sample.with_trace(0, 0, |trace| totals.count(trace));
            let names = totals.services.iter().map(|&service| sample.semantics.symbols.resolve(service));
            assert_eq!(names.collect::<Vec<_>>().join(" "), expected, "{spans}");
        }
    }
}
