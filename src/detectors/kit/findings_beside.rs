//! Findings, and what a detector keeps beside them.

use arrow::error::ArrowError;

use super::detector::Seen;
use crate::findings::Findings;
use crate::partial::{Columns, GroupReader, GroupWriter, TraceNumber};
use crate::savings::Unsettled;
use crate::trace::Row;

/// What detectors keep that need more of all traces than their findings.
#[derive(Default)]
pub(crate) struct FindingsBeside<D, S> {
    /// The findings.
    pub(crate) findings: Findings<D>,
    /// What else was seen.
    pub(crate) beside: S,
}

impl<D: Columns + Clone + std::fmt::Debug, S: Seen> Seen for FindingsBeside<D, S> {
    fn merge(&mut self, other: Self) {
        self.findings.merge(other.findings);
        self.beside.merge(other.beside);
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.findings.renumber_traces(rank_of);
        self.beside.renumber_traces(rank_of);
    }

    fn bytes(&self) -> usize {
        self.findings.bytes() + self.beside.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        self.findings.unsettled()
    }

    fn marked(&mut self) -> Option<&mut Vec<Row>> {
        self.beside.marked()
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        self.findings.write(group);
        group.beside("beside", |group| self.beside.write(group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Ok(Self { findings: Findings::read(group)?, beside: group.beside("beside", S::read)? })
    }
}
