//! Where detectors put findings: columns, one row a finding.

use arrow::error::ArrowError;

use crate::frame::Symbol;
use crate::partial::{Columns, GroupReader, GroupWriter, TraceNumber, columns};
use crate::span::SpanId;
use crate::trace::{Target, TraceView};

/// One finding, as a detector hands it over. Numbers only: no sentence is formed before it is printed.
#[derive(Clone, Debug)]
pub(crate) struct Finding<'a, D> {
    /// The span to look at first.
    pub(crate) span_id: SpanId,
    /// The caller's, the entry's or the origin's service.
    pub(crate) service: Symbol,
    /// What is called, entered or failed there.
    pub(crate) operation: Symbol,
    /// What it is about, if that is a target.
    pub(crate) target: Option<Target>,
    /// When it began, in ns since 1970.
    pub(crate) start: i64,
    /// What was measured.
    pub(crate) measured: f64,
    /// What that is compared with.
    pub(crate) threshold: f64,
    /// Critical-path time that it costs, in ns.
    pub(crate) impact_ns: i64,
    /// What it costs in the detector's own currency ([`Description::currency`](crate::detectors::Description::currency)).
    pub(crate) own_impact: i64,
    /// Whether another finding of the trace is its cause.
    pub(crate) induced: bool,
    /// The spans that prove it.
    pub(crate) span_ids: &'a [SpanId],
    /// What makes findings the same pattern.
    pub(crate) key: &'a [Symbol],
    /// What only this detector says.
    pub(crate) details: D,
}

columns! {
    /// What every finding says, whichever detector it is of.
    pub(crate) struct FindingRow in FindingColumns {
        /// Its trace; [`TraceNumber::NONE`] if it is about the whole input.
        trace: TraceNumber,
        /// The span to look at first.
        span_id: SpanId,
        /// The caller's, the entry's or the origin's service.
        service: Symbol,
        /// What is called, entered or failed there.
        operation: Symbol,
        /// What it is about.
        target: Option<Target>,
        /// When it began, in ns since 1970.
        start: i64,
        /// What was measured.
        measured: f64,
        /// What that is compared with.
        threshold: f64,
        /// Critical-path time that it costs, in ns.
        impact_ns: i64,
        /// What it costs in the detector's own currency.
        own_impact: i64,
        /// Whether another finding is the cause.
        induced: bool,
        /// How many traces the finding's trace stands for because of sampling; 1 where that is not known.
        adjusted_count: f64,
        /// The spans that prove it.
        evidence: Vec<SpanId>,
        /// What makes findings the same pattern.
        key: Vec<Symbol>,
    }
}

impl FindingColumns {
    /// Number of findings.
    pub(crate) fn len(&self) -> usize {
        self.trace.len()
    }

    /// Rows in an order that does not depend on threads: by trace, then as the detector found them.
    pub(crate) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&row| self.trace[row]);
        order
    }
}

/// Findings of one detector, as columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings<D> {
    /// What all findings say.
    pub(crate) common: FindingColumns,
    /// What only this detector says.
    pub(crate) details: D,
}

impl<D: Columns> Findings<D> {
    /// Adds a finding in `trace`.
    pub(crate) fn push(&mut self, trace: &TraceView<'_>, finding: Finding<'_, D::Row>) {
        let adjusted_count = trace.adjusted_counts().of_evidence(trace, finding.span_ids);
        self.push_of(TraceNumber(trace.number), adjusted_count, finding);
    }

    /// Adds a finding about the whole input.
    #[cfg_attr(not(test), expect(dead_code, reason = "all detectors of the catalog find something in a trace so far"))]
    pub(crate) fn push_without_trace(&mut self, finding: Finding<'_, D::Row>) {
        self.push_of(TraceNumber::NONE, 1.0, finding);
    }

    /// Adds a finding in a trace that was seen earlier, which stands for `adjusted_count` traces because of sampling.
    pub(crate) fn push_of(&mut self, trace: TraceNumber, adjusted_count: f64, finding: Finding<'_, D::Row>) {
        let common = &mut self.common;
        common.trace.push(trace);
        common.span_id.push(finding.span_id);
        common.service.push(finding.service);
        common.operation.push(finding.operation);
        Columns::push(&mut common.target, finding.target);
        common.start.push(finding.start);
        common.measured.push(finding.measured);
        common.threshold.push(finding.threshold);
        common.impact_ns.push(finding.impact_ns);
        common.own_impact.push(finding.own_impact);
        common.induced.push(finding.induced);
        common.adjusted_count.push(adjusted_count);
        common.evidence.push_slice(finding.span_ids);
        common.key.push_slice(finding.key);
        self.details.push(finding.details);
    }

    /// Number of findings.
    pub(crate) fn len(&self) -> usize {
        self.common.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in the findings of other traces.
    pub(crate) fn merge(&mut self, mut other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.common.append(&mut other.common);
        self.details.append(&mut other.details);
    }

    /// Gives each trace its new number.
    pub(crate) fn renumber_traces(&mut self, rank_of: &dyn Fn(TraceNumber) -> TraceNumber) {
        self.common.trace.iter_mut().for_each(|trace| *trace = rank_of(*trace));
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.common.bytes() + self.details.bytes()
    }

    /// Writes them as columns of a group.
    pub(crate) fn write(&self, group: &mut GroupWriter<'_>) {
        self.common.write("", group);
        self.details.write("detail_", group);
    }

    /// Reads what [`Findings::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(crate) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Ok(Self { common: FindingColumns::read("", group)?, details: D::read("detail_", group)? })
    }
}
