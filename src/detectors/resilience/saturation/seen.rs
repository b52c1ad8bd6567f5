//! What is kept of traces to find queues and pools in all of them.

use std::cmp::Reverse;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::detectors::kit::Seen;
use crate::frame::Symbol;
use crate::gathered::LoggedCall;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::span::SpanId;
use crate::trace::{Row, Target};

use super::queue::Queue;

columns! {
    /// A call that may have waited for its turn: what only its trace tells. All else is in the log of caller spans.
    pub(super) struct LateCallee in LateCallees {
        trace: TraceNumber,
        /// Row of its exit span.
        row: u32,
        span_id: SpanId,
        caller_operation: Symbol,
        /// Critical-path time from its start until its callee began, or it ended if that was earlier, in ns.
        path_ns: i64,
        /// How many traces its trace stands for because of sampling.
        adjusted_count: f64,
    }
}

/// Service and target of a pool.
pub(super) type Pool = [Symbol; 2];

columns! {
    /// Spans that wait for a connection of a pool.
    struct PoolRow in PoolColumns {
        service: Symbol,
        target: Symbol,
        spans: u64,
    }
}

columns! {
    /// Calls of a service that may have waited.
    struct ServiceRow in ServiceColumns {
        service: Symbol,
        calls: u64,
    }
}

/// What is kept beside findings.
#[derive(Default)]
pub(crate) struct Beside {
    /// How many spans wait for a connection of each pool, for however long.
    pub(super) pools: HashMap<Pool, u64, FixedState>,
    /// Calls that may have waited.
    pub(super) late_callees: LateCallees,
    /// How many of them are to each service.
    pub(super) late_callees_of: HashMap<Symbol, u64, FixedState>,
    pub(super) marked: Vec<Row>,
    /// The queues, once the caller spans of all services were seen.
    pub(super) queues: Vec<Queue>,
    /// How long in ns requests that were waited for called which targets, by the place of their queue.
    called: HashMap<(u32, Target), i64, FixedState>,
    /// The traces that requests belong to which were waited for.
    traces_of_predecessors: HashSet<TraceNumber, FixedState>,
}

impl Beside {
    /// Takes a queue.
    pub(super) fn push_queue(&mut self, queue: Queue) {
        self.traces_of_predecessors.extend(queue.predecessors.iter().map(|&(trace, _)| trace));
        self.queues.push(queue);
    }

    /// Takes notice of a call, which a request may have made that was waited for in a `known` queue.
    pub(super) fn add_call(&mut self, call: &LoggedCall, known: &Self) {
        if !known.traces_of_predecessors.contains(&call.trace) {
            return;
        }
        for (place, queue) in (0..).zip(&known.queues) {
            if queue.predecessors.contains(&(call.trace, call.caller_span)) {
                let time = self.called.entry((place, call.target)).or_default();
                *time = time.saturating_add(call.duration);
            }
        }
    }

    /// The target that requests which were waited for spent most time in, and its share of all that they took; by queue.
    pub(super) fn held_by(&self) -> Vec<Option<(Symbol, f64)>> {
        let mut most: Vec<Option<(i64, Reverse<Target>)>> = vec![None; self.queues.len()];
        for (&(queue, target), &time) in &self.called {
            let most = &mut most[queue as usize];
            *most = (*most).max(Some((time, Reverse(target))));
        }
        let share = |(most, queue): (Option<(i64, Reverse<Target>)>, &Queue)| {
            let (time, Reverse(target)) = most.filter(|_| queue.busy_ns > 0)?;
            Some((target.name, time as f64 / queue.busy_ns as f64))
        };
        most.into_iter().zip(&self.queues).map(share).collect()
    }
}

impl Seen for Beside {
    fn merge(&mut self, other: Self) {
        other.pools.into_iter().for_each(|(pool, spans)| *self.pools.entry(pool).or_default() += spans);
        self.late_callees.append(other.late_callees);
        for (service, calls) in other.late_callees_of {
            *self.late_callees_of.entry(service).or_default() += calls;
        }
        for (called, time) in other.called {
            let own = self.called.entry(called).or_default();
            *own = own.saturating_add(time);
        }
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.late_callees.trace.iter_mut().for_each(|trace| *trace = rank_of(*trace));
    }

    fn bytes(&self) -> usize {
        self.pools.capacity() * size_of::<(Pool, u64)>()
            + self.late_callees.bytes()
            + self.late_callees_of.capacity() * size_of::<(Symbol, u64)>()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn marked(&mut self) -> Option<&mut Vec<Row>> {
        Some(&mut self.marked)
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        self.late_callees.write("", group);
        let mut pools: Vec<_> = self.pools.iter().collect();
        pools.sort_unstable();
        let mut columns = PoolColumns::default();
        for (&[service, target], &spans) in pools {
            columns.push(PoolRow { service, target, spans });
        }
        group.beside(POOLS, |group| columns.write("", group));
        let mut services: Vec<_> = self.late_callees_of.iter().collect();
        services.sort_unstable();
        let mut columns = ServiceColumns::default();
        for (&service, &calls) in services {
            columns.push(ServiceRow { service, calls });
        }
        group.beside(SERVICES, |group| columns.write("", group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let mut read = Self { late_callees: LateCallees::read("", group)?, ..Self::default() };
        let pools = group.beside(POOLS, |group| PoolColumns::read("", group))?;
        for (row, &spans) in pools.spans.iter().enumerate() {
            *read.pools.entry([pools.service[row], pools.target[row]]).or_default() += spans;
        }
        let services = group.beside(SERVICES, |group| ServiceColumns::read("", group))?;
        for (&service, &calls) in services.service.iter().zip(&services.calls) {
            *read.late_callees_of.entry(service).or_default() += calls;
        }
        Ok(read)
    }
}

/// Names of groups.
const POOLS: &str = "pools";
const SERVICES: &str = "services";
