//! What a fix of a finding would change in its trace.

use std::ops::Range;

use crate::trace::{Edit, NO_ROW, Row};

/// What a fix of a finding would change in its trace, and what explains the finding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remedy<'a> {
    /// The span whose request it is.
    pub(crate) row: Row,
    /// Spans that would take less.
    pub(crate) edits: &'a [(Row, Edit)],
    /// The failed root that would not have failed.
    pub(crate) mends: Option<Row>,
    /// Work that nobody waited for or used, in ns.
    pub(crate) wasted_ns: i64,
    /// The spans of the calls that it is about, by which others may be explained.
    pub(crate) calls: &'a [Row],
    /// What explains it, if something does.
    pub(crate) explained: Option<Explained<'a>>,
}

impl Remedy<'_> {
    /// That of a finding in the request of a span, of which nobody knows what would change.
    pub(crate) fn none(row: Row) -> Self {
        Self { row, edits: &[], mends: None, wasted_ns: 0, calls: &[], explained: None }
    }
}

/// The finding of the same trace that explains another one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Explained<'a> {
    /// That of this detector with the same key.
    BySameKey(&'static str),
    /// That of this detector to which over half of these calls belong; of several the one with most.
    ByMostOf(&'static str, &'a [Row]),
}

/// Remedies of findings of the trace that is looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remedies {
    of_findings: Vec<RemedyOf>,
    edits: Vec<(Row, Edit)>,
    calls: Vec<Row>,
}

/// A remedy in [`Remedies`].
#[derive(Clone, Debug)]
struct RemedyOf {
    finding: usize,
    row: Row,
    edits: Range<usize>,
    mends: Row,
    wasted_ns: i64,
    calls: Range<usize>,
    explained: Option<(bool, &'static str)>,
    explained_calls: Range<usize>,
}

impl Remedies {
    /// Adds that of a finding by its number among all of the detector.
    pub(super) fn push(&mut self, finding: usize, remedy: Remedy<'_>) {
        let Remedy { row, edits, mends, wasted_ns, calls, explained } = remedy;
        let mut keep = |rows: &[Row]| {
            let first = self.calls.len();
            self.calls.extend_from_slice(rows);
            first..self.calls.len()
        };
        let calls = keep(calls);
        let (explained, explained_calls) = match explained {
            None => (None, 0..0),
            Some(Explained::BySameKey(detector)) => (Some((true, detector)), 0..0),
            Some(Explained::ByMostOf(detector, rows)) => (Some((false, detector)), keep(rows)),
        };
        let first_edit = self.edits.len();
        self.edits.extend_from_slice(edits);
        let edits = first_edit..self.edits.len();
        let mends = mends.unwrap_or(NO_ROW);
        self.of_findings.push(RemedyOf { finding, row, edits, mends, wasted_ns, calls, explained, explained_calls });
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.of_findings.is_empty()
    }

    /// Each remedy, and the number of its finding.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, Remedy<'_>)> {
        self.of_findings.iter().map(|of| {
            let explained = of.explained.map(|(by_key, detector)| match by_key {
                true => Explained::BySameKey(detector),
                false => Explained::ByMostOf(detector, &self.calls[of.explained_calls.clone()]),
            });
            let remedy = Remedy {
                row: of.row,
                edits: &self.edits[of.edits.clone()],
                mends: (of.mends != NO_ROW).then_some(of.mends),
                wasted_ns: of.wasted_ns,
                calls: &self.calls[of.calls.clone()],
                explained,
            };
            (of.finding, remedy)
        })
    }

    /// Makes room for those of the next trace.
    pub(crate) fn clear(&mut self) {
        self.of_findings.clear();
        self.edits.clear();
        self.calls.clear();
    }
}
