//! What became of the requests of each operation, and of its calls to each target.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::detectors::kit::Seen;
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;

/// Service and operation.
pub(super) type OperationKey = [Symbol; 2];

/// Caller service, caller operation, kind of the target, target.
pub(super) type DependencyKey = [Symbol; 4];

/// Requests of an operation that were not cancelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    pub(super) all: u64,
    pub(super) failed: u64,
}

/// Requests of an operation that were not cancelled and called a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calling {
    pub(super) all: u64,
    /// Those for which the target was bad.
    pub(super) bad: u64,
    /// Those of them that failed.
    pub(super) failed_with_bad: u64,
    /// Those that failed though the target was fine.
    pub(super) failed_with_fine: u64,
}

/// Requests by operation, and by operation and target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcomes {
    pub(super) operations: HashMap<OperationKey, Requests, FixedState>,
    pub(super) targets: HashMap<DependencyKey, Calling, FixedState>,
}

impl Outcomes {
    /// Counts requests of an operation.
    pub(super) fn add_requests(&mut self, operation: OperationKey, requests: Requests) {
        let own = self.operations.entry(operation).or_default();
        own.all += requests.all;
        own.failed += requests.failed;
    }

    /// Counts requests that called a target.
    pub(super) fn add_calling(&mut self, target: DependencyKey, calling: Calling) {
        let own = self.targets.entry(target).or_default();
        own.all += calling.all;
        own.bad += calling.bad;
        own.failed_with_bad += calling.failed_with_bad;
        own.failed_with_fine += calling.failed_with_fine;
    }
}

impl Seen for Outcomes {
    fn merge(&mut self, other: Self) {
        other.operations.into_iter().for_each(|(key, requests)| self.add_requests(key, requests));
        other.targets.into_iter().for_each(|(key, calling)| self.add_calling(key, calling));
    }

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        self.operations.capacity() * size_of::<(OperationKey, Requests)>()
            + self.targets.capacity() * size_of::<(DependencyKey, Calling)>()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut keys: Vec<&OperationKey> = self.operations.keys().collect();
        keys.sort_unstable();
        let mut operations = RequestsColumns::default();
        for key in keys {
            let Requests { all, failed } = self.operations[key];
            operations.push(RequestsRow { service: key[0], operation: key[1], all, failed });
        }
        operations.write("", group);

        let mut keys: Vec<&DependencyKey> = self.targets.keys().collect();
        keys.sort_unstable();
        let mut targets = CallingColumns::default();
        for key in keys {
            let Calling { all, bad, failed_with_bad, failed_with_fine } = self.targets[key];
            let [service, operation, kind, target] = *key;
            let row = CallingRow { service, operation, kind, target, all, bad, failed_with_bad, failed_with_fine };
            targets.push(row);
        }
        group.beside(TARGETS, |group| targets.write("", group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let mut read = Self::default();
        let operations = RequestsColumns::read("", group)?;
        for row in 0..operations.all.len() {
            let requests = Requests { all: operations.all[row], failed: operations.failed[row] };
            read.add_requests([operations.service[row], operations.operation[row]], requests);
        }
        let targets = group.beside(TARGETS, |group| CallingColumns::read("", group))?;
        for row in 0..targets.all.len() {
            let key = [targets.service[row], targets.operation[row], targets.kind[row], targets.target[row]];
            let calling = Calling {
                all: targets.all[row],
                bad: targets.bad[row],
                failed_with_bad: targets.failed_with_bad[row],
                failed_with_fine: targets.failed_with_fine[row],
            };
            read.add_calling(key, calling);
        }
        Ok(read)
    }
}

/// Name of the group.
const TARGETS: &str = "targets";

columns! {
    /// Requests of an operation.
    struct RequestsRow in RequestsColumns {
        service: Symbol,
        operation: Symbol,
        all: u64,
        failed: u64,
    }
}

columns! {
    /// Requests of an operation that called a target.
    struct CallingRow in CallingColumns {
        service: Symbol,
        operation: Symbol,
        kind: Symbol,
        target: Symbol,
        all: u64,
        bad: u64,
        failed_with_bad: u64,
        failed_with_fine: u64,
    }
}
