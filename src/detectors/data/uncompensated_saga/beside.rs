//! What is known beside the steps that were not undone: those that were, and which services record their databases.

use std::collections::BTreeSet;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::conventions::FindingKind;
use crate::detectors::kit::Seen;
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;

use super::behind::Condition;

/// Service, operation, service and operation of the step, target and operation that failed.
pub(super) type SagaKey = [Symbol; 6];

/// What is told of steps, what proves that they wrote, and what that takes for granted of other services.
type Told = (SagaKey, FindingKind, Condition);

/// What is kept beside findings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// Traces in which all such steps were undone.
    compensated: HashMap<Told, u64, FixedState>,
    /// Services of which calls of databases are recorded.
    pub(super) with_database: HashSet<Symbol, FixedState>,
}

impl Beside {
    /// Whether what `evidence` proves of a service holds: names of operations prove nothing where calls of databases are
    /// recorded.
    pub(super) fn holds(&self, service: Symbol, evidence: FindingKind) -> bool {
        evidence != FindingKind::Verb || !self.with_database.contains(&service)
    }

    pub(super) fn add_compensated(&mut self, told: Told, traces: u64) {
        *self.compensated.entry(told).or_default() += traces;
    }

    /// Keeps what holds where these services pass requests on.
    pub(super) fn settle(&mut self, pass_through: &BTreeSet<Symbol>) {
        for ((key, evidence, condition), traces) in std::mem::take(&mut self.compensated) {
            if self.holds(key[2], evidence) && Condition::holds(&condition.passing, &condition.answering, pass_through)
            {
                self.add_compensated((key, evidence, Condition::default()), traces);
            }
        }
    }

    /// Traces in which all steps of a key were undone, once it is settled what holds.
    pub(super) fn compensated(&self, key: SagaKey, evidence: FindingKind) -> u64 {
        self.compensated.get(&(key, evidence, Condition::default())).copied().unwrap_or_default()
    }
}

impl Seen for Beside {
    fn merge(&mut self, other: Self) {
        other.compensated.into_iter().for_each(|(told, traces)| self.add_compensated(told, traces));
        self.with_database.extend(other.with_database);
    }

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        self.compensated.capacity() * size_of::<(Told, u64)>() + self.with_database.capacity() * size_of::<Symbol>()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut compensated: Vec<(&Told, &u64)> = self.compensated.iter().collect();
        compensated.sort_unstable();
        let mut written = CompensatedColumns::default();
        for ((key, evidence, condition), &traces) in compensated {
            let [service, operation, step_service, step_operation, failed_target, failed_operation] = *key;
            let Condition { passing, answering } = condition.clone();
            written.push(CompensatedRow {
                service,
                operation,
                step_service,
                step_operation,
                failed_target,
                failed_operation,
                evidence: *evidence,
                passing,
                answering,
                traces,
            });
        }
        written.write("", group);
        let mut services: Vec<Symbol> = self.with_database.iter().copied().collect();
        services.sort_unstable();
        group.beside(WITH_DATABASE, |group| services.write(SERVICE, group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let mut beside = Self::default();
        let read = CompensatedColumns::read("", group)?;
        for row in 0..read.traces.len() {
            let key = [
                read.service[row],
                read.operation[row],
                read.step_service[row],
                read.step_operation[row],
                read.failed_target[row],
                read.failed_operation[row],
            ];
            // Symbols have new numbers, but their order is that of their strings as before.
            let condition =
                Condition { passing: read.passing.get(row).to_vec(), answering: read.answering.get(row).to_vec() };
            beside.add_compensated((key, read.evidence.get(row), condition), read.traces[row]);
        }
        let services = group.beside(WITH_DATABASE, |group| Vec::<Symbol>::read(SERVICE, group))?;
        beside.with_database.extend(services);
        Ok(beside)
    }
}

/// Names of a group and its column.
const WITH_DATABASE: &str = "with_database";
const SERVICE: &str = "service";

columns! {
    /// Steps that were undone, as they are written.
    struct CompensatedRow in CompensatedColumns {
        service: Symbol,
        operation: Symbol,
        step_service: Symbol,
        step_operation: Symbol,
        failed_target: Symbol,
        failed_operation: Symbol,
        evidence: FindingKind,
        passing: Vec<Symbol>,
        answering: Vec<Symbol>,
        traces: u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partial::{Renumbering, written};

    /// Kept beside findings: steps that were undone, one for what each service turns out to be.
    fn beside() -> Beside {
        let mut beside = Beside::default();
        let key = |step: u32| [1, 2, step, 4, 5, 6].map(Symbol);
        let condition = |passing: &[u32], answering: &[u32]| Condition {
            passing: passing.iter().copied().map(Symbol).collect(),
            answering: answering.iter().copied().map(Symbol).collect(),
        };
        beside.add_compensated((key(3), FindingKind::Database, condition(&[], &[7, 8])), 10);
        beside.add_compensated((key(9), FindingKind::Verb, condition(&[7], &[8])), 20);
        beside.add_compensated((key(9), FindingKind::Verb, condition(&[7, 8], &[])), 30);
        beside.add_compensated((key(9), FindingKind::Verb, condition(&[], &[])), 40);
        beside.with_database.insert(Symbol(3));
        beside
    }

    /// What holds depends on which services pass requests on, and comes back from a file as it was.
    #[test]
    fn what_holds_is_settled_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = written(&directory.path().join("partial"), |file| {
            file.group("beside", Renumbering::NONE, |group| beside().write(group)).unwrap();
        });
        for (pass_through, at_three, at_nine) in
            [(&[][..], 10, 40), (&[7], 0, 60), (&[7, 8], 0, 70), (&[8], 0, 40), (&[1], 10, 40)]
        {
            let read = file.group("beside", Renumbering::NONE, Beside::read).unwrap();
            let mut merged = Beside::default();
            merged.merge(read);
            for mut settled in [beside(), merged] {
                settled.settle(&pass_through.iter().copied().map(Symbol).collect());
                let compensated =
                    |step: u32, evidence| settled.compensated([1, 2, step, 4, 5, 6].map(Symbol), evidence);
                assert_eq!(compensated(3, FindingKind::Database), at_three, "{pass_through:?}");
                assert_eq!(compensated(9, FindingKind::Verb), at_nine, "{pass_through:?}");
            }
        }
    }
}
