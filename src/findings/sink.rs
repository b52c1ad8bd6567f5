//! Where detectors put findings: columns, one row a finding.

use crate::frame::Symbol;
use crate::span::SpanId;
use crate::trace::{Target, TargetKind};

/// One finding, as a detector hands it over. Numbers only: no sentence is formed before it is printed.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// Number of the trace.
    pub trace: u32,
    /// The span to look at first.
    pub span_id: SpanId,
    /// The caller's, the entry's or the origin's service.
    pub service: Symbol,
    /// What is called, entered or failed there.
    pub operation: Symbol,
    /// What it is about, if that is a target.
    pub target: Option<Target>,
    /// When it began, in ns since 1970.
    pub start: i64,
    /// What was measured, to be compared with the threshold.
    pub measured: f64,
    /// Critical-path time that it costs, in ns.
    pub impact_ns: i64,
    /// Whether another finding of the trace is its cause.
    pub induced: bool,
    /// The spans that prove it.
    pub span_ids: &'a [SpanId],
    /// What makes findings the same pattern: symbols, as numbers.
    pub key: &'a [i64],
    /// The detector's own numbers, in the order of its declaration.
    pub details: &'a [i64],
    /// The detector's own lists, in the order of its declaration.
    pub lists: &'a [&'a [i64]],
}

/// Lists of numbers, one a row, end to end.
#[derive(Clone, Debug, Default)]
pub struct Lists<T> {
    ends: Vec<usize>,
    values: Vec<T>,
}

impl<T: Copy> Lists<T> {
    fn push(&mut self, list: &[T]) {
        self.values.extend_from_slice(list);
        self.ends.push(self.values.len());
    }

    /// The list of `row`.
    pub fn get(&self, row: usize) -> &[T] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.values[start..self.ends[row]]
    }

    fn append(&mut self, other: &Self) {
        for row in 0..other.ends.len() {
            self.push(other.get(row));
        }
    }
}

/// Findings of one detector, as columns.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Numbers of the traces.
    pub traces: Vec<u32>,
    /// The spans to look at.
    pub span_ids: Vec<SpanId>,
    /// Services.
    pub services: Vec<Symbol>,
    /// Operations.
    pub operations: Vec<Symbol>,
    /// Targets.
    pub targets: Vec<Option<Target>>,
    /// Start times in ns since 1970.
    pub starts: Vec<i64>,
    /// What was measured.
    pub measured: Vec<f64>,
    /// Impacts in ns.
    pub impacts: Vec<i64>,
    /// Whether another finding is the cause.
    pub induced: Vec<bool>,
    /// How many traces the finding's trace stands for because of sampling; 1 where that is not known.
    pub adjusted_counts: Vec<f64>,
    /// The spans that prove it.
    pub evidence: Lists<SpanId>,
    /// What makes findings the same pattern.
    pub keys: Lists<i64>,
    /// The detector's own numbers: a column for each.
    pub details: Vec<Vec<i64>>,
    /// The detector's own lists: a column for each.
    pub lists: Vec<Lists<i64>>,
}

impl Findings {
    /// Number of findings.
    pub fn len(&self) -> usize {
        self.traces.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// Adds a finding.
    pub fn push(&mut self, finding: Finding<'_>) {
        self.details.resize_with(finding.details.len(), Vec::new);
        self.lists.resize_with(finding.lists.len(), Lists::default);
        self.traces.push(finding.trace);
        self.span_ids.push(finding.span_id);
        self.services.push(finding.service);
        self.operations.push(finding.operation);
        self.targets.push(finding.target);
        self.starts.push(finding.start);
        self.measured.push(finding.measured);
        self.impacts.push(finding.impact_ns);
        self.induced.push(finding.induced);
        self.adjusted_counts.push(1.0);
        self.evidence.push(finding.span_ids);
        self.keys.push(finding.key);
        for (column, &value) in self.details.iter_mut().zip(finding.details) {
            column.push(value);
        }
        for (column, list) in self.lists.iter_mut().zip(finding.lists) {
            column.push(list);
        }
    }

    /// Takes in the findings of other traces.
    pub fn merge(&mut self, mut other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.traces.append(&mut other.traces);
        self.span_ids.append(&mut other.span_ids);
        self.services.append(&mut other.services);
        self.operations.append(&mut other.operations);
        self.targets.append(&mut other.targets);
        self.starts.append(&mut other.starts);
        self.measured.append(&mut other.measured);
        self.impacts.append(&mut other.impacts);
        self.induced.append(&mut other.induced);
        self.adjusted_counts.append(&mut other.adjusted_counts);
        self.evidence.append(&other.evidence);
        self.keys.append(&other.keys);
        for (column, mut values) in self.details.iter_mut().zip(other.details) {
            column.append(&mut values);
        }
        for (column, values) in self.lists.iter_mut().zip(&other.lists) {
            column.append(values);
        }
    }

    /// Rows in an order that does not depend on threads: by trace, then as the detector found them.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&row| self.traces[row]);
        order
    }

    /// The target's kind of a row, if it has a target.
    pub fn target_kind(&self, row: usize) -> Option<TargetKind> {
        self.targets[row].map(|target| target.kind)
    }
}
