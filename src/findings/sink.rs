//! Where detectors put findings: columns, one row a finding.

use arrow::error::ArrowError;

use crate::conventions::FindingKind;
use crate::frame::Symbol;
use crate::partial::{Columns, GroupReader, GroupWriter, Same, TraceNumber, columns};
use crate::span::SpanId;
use crate::trace::{Target, TraceView};

use super::remedy::{Remedies, Remedy};

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
    /// What kind of finding it is, where the detector tells several.
    pub(crate) kind: FindingKind,
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
        threshold: Same<f64>,
        /// Critical-path time that it costs, in ns.
        impact_ns: i64,
        /// What it costs in the detector's own currency.
        own_impact: Same<i64>,
        /// Whether another finding is the cause.
        induced: bool,
        /// What kind of finding it is.
        kind: FindingKind,
        /// How many traces the finding's trace stands for because of sampling; 1 where that is not known.
        adjusted_count: Same<f64>,
        /// Requests that the pattern is part of in the trace; 0 on all but the first of its findings there, as what follows.
        requests: u32,
        /// By how many ns the trace would be shorter without the pattern.
        saving_ns: i64,
        /// Failed roots of the trace that would not have failed without it.
        failed_requests: Same<u32>,
        /// Work of the trace that nobody waited for or used, in ns.
        wasted_ns: Same<i64>,
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
    /// Remedies of those of the trace that is looked at.
    pub(crate) remedies: Remedies,
}

impl<D: Columns> Findings<D> {
    /// Adds a finding in `trace`, and what a fix would change there.
    pub(crate) fn push(&mut self, trace: &TraceView<'_>, finding: Finding<'_, D::Row>, remedy: Remedy<'_>) {
        let adjusted_count = trace.adjusted_counts().of_evidence(trace, finding.span_ids);
        self.remedies.push(self.common.len(), remedy);
        self.push_of(TraceNumber(trace.number), adjusted_count, finding);
    }

    /// Adds a finding about the whole input.
    pub(crate) fn push_without_trace(&mut self, finding: Finding<'_, D::Row>) {
        self.push_of(TraceNumber::NONE, 1.0, finding);
    }

    /// Adds a finding in a trace that was seen earlier, which stands for `adjusted_count` traces because of sampling, and what a
    /// fix would change there of the spans that were marked when it was seen
    /// ([`Seen::marked`](crate::detectors::kit::Seen::marked)).
    pub(crate) fn push_late(
        &mut self,
        trace: TraceNumber,
        adjusted_count: f64,
        finding: Finding<'_, D::Row>,
        remedy: Remedy<'_>,
    ) {
        self.remedies.push(self.common.len(), remedy);
        self.push_of(trace, adjusted_count, finding);
    }

    /// Adds a finding in a trace that was seen earlier, of which nobody knows what a fix would change.
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
        Columns::push(&mut common.kind, finding.kind);
        common.adjusted_count.push(adjusted_count);
        common.requests.push(0);
        common.saving_ns.push(0);
        common.failed_requests.push(0);
        common.wasted_ns.push(0);
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
    pub(crate) fn merge(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.common.append(other.common);
        self.details.append(other.details);
    }

    /// Drops the findings whose key is none that `keep` holds of.
    pub(crate) fn retain_keys(&mut self, keep: impl Fn(&[Symbol]) -> bool) {
        self.retain(|findings, row| keep(findings.common.key.get(row)));
    }

    /// Drops the findings of which `keep` does not hold, by their numbers.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Self, usize) -> bool) {
        let kept: Vec<bool> = (0..self.len()).map(|row| keep(self, row)).collect();
        self.common.retain(&|row| kept[row]);
        self.details.retain(&|row| kept[row]);
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
        let (common, details) = (FindingColumns::read("", group)?, D::read("detail_", group)?);
        Ok(Self { common, details, remedies: Remedies::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partial::{Renumbering, written};
    use crate::trace::TargetKind;

    columns! {
        /// What findings of these tests say.
        struct Details in DetailColumns {
            count: i64,
            names: Vec<Symbol>,
        }
    }

    /// Findings with these numbers, each of the trace of that number, every third of none.
    fn findings(numbers: impl IntoIterator<Item = u32>) -> Findings<DetailColumns> {
        let mut findings = Findings::<DetailColumns>::default();
        for number in numbers {
            let spans: Vec<SpanId> = (0..number % 4).map(|span| SpanId(u64::from(number * 10 + span))).collect();
            findings.push_without_trace(Finding {
                span_id: SpanId(u64::from(number)),
                service: Symbol(number),
                operation: Symbol(number + 1),
                target: (number % 2 == 0).then_some(Target { name: Symbol(number), kind: TargetKind::Database }),
                start: i64::from(number) - 5,
                measured: f64::from(number) / 3.0,
                threshold: 2.0,
                impact_ns: i64::from(number) * 7,
                own_impact: -i64::from(number),
                induced: number % 5 == 0,
                kind: FindingKind::None,
                span_ids: &spans,
                key: &[Symbol(number), Symbol(0)],
                details: Details { count: i64::from(number), names: (0..number % 3).map(Symbol).collect() },
            });
            if number % 3 != 0 {
                *findings.common.trace.last_mut().unwrap() = TraceNumber(number);
            }
        }
        findings
    }

    fn text(findings: &Findings<DetailColumns>) -> String {
        format!("{findings:?}")
    }

    /// Whatever is merged, every column of every finding stays with it, in the order of merging.
    #[test]
    fn merged_findings_are_those_of_all() {
        for (first, second) in [(0, 0), (0, 12), (5, 12), (12, 12)] {
            let mut merged = findings(0..first);
            merged.merge(findings(first..second));
            merged.merge(Findings::default());
            assert_eq!(text(&merged), text(&findings(0..second)), "{first} of {second}");
            assert_eq!(merged.bytes(), findings(0..second).bytes());
            assert_eq!(merged.is_empty(), second == 0);
        }
    }

    /// Findings about the whole input have no trace, whatever the traces are called.
    #[test]
    fn traces_get_new_numbers() {
        let mut findings = findings(0..6);
        findings.renumber_traces(&|trace| trace.index().map_or(trace, |index| TraceNumber(100 - index as u32)));
        let none = TraceNumber::NONE.0;
        assert_eq!(findings.common.trace.iter().map(|trace| trace.0).collect::<Vec<_>>(), [none, 99, 98, none, 96, 95]);
        assert_eq!(findings.common.order(), [5, 4, 2, 1, 0, 3], "by trace, those of none last");
    }

    /// What is written is read again: strings and traces by their numbers in the whole, all else as it was.
    #[test]
    fn findings_come_back() {
        const COUNT: u32 = 20;
        let directory = tempfile::tempdir().unwrap();
        let places: Vec<u32> = (0..COUNT).rev().collect();
        let own = Renumbering { traces: Some(&places), ..Renumbering::NONE };
        let file = written(&directory.path().join("partial"), |file| {
            file.group("some", own, |group| findings(0..COUNT).write(group)).unwrap();
            file.group("none", own, |group| findings(0..0).write(group)).unwrap();
        });
        let symbols: Vec<Symbol> = (0..=COUNT).map(|symbol| Symbol(symbol * 2)).collect();
        let traces: Vec<u32> = (0..COUNT).map(|place| 1_000 + place).collect();
        let of_whole = Renumbering { symbols: Some(&symbols), traces: Some(&traces) };
        let read = |name: &str| file.group(name, of_whole, Findings::<DetailColumns>::read).unwrap();

        let mut expected = findings(0..COUNT);
        expected.renumber_traces(&|trace| trace.index().map_or(trace, |index| TraceNumber(1_000 + places[index])));
        let FindingColumns { service, operation, target, key, .. } = &mut expected.common;
        for (row, number) in (0..COUNT).enumerate() {
            service[row] = Symbol(number * 2);
            operation[row] = Symbol(number * 2 + 2);
        }
        (*target, *key) = Default::default();
        expected.details.names = Default::default();
        for number in 0..COUNT {
            let of_whole = Target { name: Symbol(number * 2), kind: TargetKind::Database };
            Columns::push(target, (number % 2 == 0).then_some(of_whole));
            key.push_slice(&[Symbol(number * 2), Symbol(0)]);
            let names: Vec<Symbol> = (0..number % 3).map(|symbol| Symbol(symbol * 2)).collect();
            expected.details.names.push_slice(&names);
        }
        assert_eq!(text(&read("some")), text(&expected));
        assert_eq!(text(&read("none")), text(&Findings::default()));
    }
}
