//! The service graph: who calls whom, how often, how much of it failed, and how long requests waited for it.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, columns};
use crate::trace::{NO_ROW, Target, TraceView, total_ns};

/// Who calls what, and whether the caller waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Edge {
    /// The caller.
    pub(crate) caller: Symbol,
    /// What is called.
    pub(crate) target: Target,
    /// Whether the caller waits for it.
    pub(crate) is_synchronous: bool,
}

/// Figures of an edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct EdgeFigures {
    /// Counted calls, pruned ones included.
    pub(crate) calls: u64,
    /// Those that failed.
    pub(crate) failed: u64,
    /// Critical-path time of the calls and what lies below them, in ns.
    pub(crate) path_ns: i64,
    /// Traces with such a call.
    pub(crate) traces: u64,
}

columns! {
    /// An edge and its figures.
    struct EdgeRow in EdgeColumns {
        caller: Symbol,
        target: Option<Target>,
        is_synchronous: bool,
        calls: u64,
        failed: u64,
        path_ns: i64,
        traces: u64,
    }
}

/// The edges between services, and from services to databases, topics and hosts.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceGraph {
    edges: HashMap<Edge, EdgeFigures, FixedState>,
    of_trace: Vec<Edge>,
}

impl ServiceGraph {
    /// Takes notice of the calls of one trace.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        self.of_trace.clear();
        for call in trace.calls.calls.iter().filter(|call| call.counts) {
            let edge = Edge {
                caller: call.caller_service,
                target: call.target,
                is_synchronous: call.callee == NO_ROW || !trace.tree.is_async[call.callee as usize],
            };
            let weight = u64::from(call.weight);
            let figures = self.edges.entry(edge).or_default();
            figures.calls += weight;
            figures.failed += if trace.calls.roles[call.row as usize].failed { weight } else { 0 };
            figures.path_ns = total_ns([figures.path_ns, trace.path_time(call.row)]);
            self.of_trace.push(edge);
        }
        self.of_trace.sort_unstable();
        self.of_trace.dedup();
        for edge in &self.of_trace {
            self.edges.entry(*edge).or_default().traces += 1;
        }
    }

    /// The edges in the order of their names.
    pub(crate) fn edges(&self) -> Vec<(Edge, EdgeFigures)> {
        let mut edges: Vec<(Edge, EdgeFigures)> = self.edges.iter().map(|(&edge, &figures)| (edge, figures)).collect();
        edges.sort_unstable_by_key(|&(edge, _)| edge);
        edges
    }

    /// Takes in the edges of other traces.
    pub(crate) fn merge(&mut self, other: Self) {
        for (edge, figures) in other.edges {
            self.add(edge, figures);
        }
    }

    fn add(&mut self, edge: Edge, figures: EdgeFigures) {
        let own = self.edges.entry(edge).or_default();
        own.calls += figures.calls;
        own.failed += figures.failed;
        own.path_ns = total_ns([own.path_ns, figures.path_ns]);
        own.traces += figures.traces;
    }

    /// About how many bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.edges.capacity() * size_of::<(Edge, EdgeFigures)>()
    }

    /// Writes the edges.
    pub(crate) fn write(&self, group: &mut GroupWriter<'_>) {
        let mut columns = EdgeColumns::default();
        for (Edge { caller, target, is_synchronous }, EdgeFigures { calls, failed, path_ns, traces }) in self.edges() {
            columns.push(EdgeRow { caller, target: Some(target), is_synchronous, calls, failed, path_ns, traces });
        }
        columns.write("", group);
    }

    /// Reads what [`ServiceGraph::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(crate) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = EdgeColumns::read("", group)?;
        let mut graph = Self::default();
        for row in 0..group.len() {
            let target = columns.target.get(row).unwrap_or_default();
            let edge = Edge { caller: columns.caller[row], target, is_synchronous: columns.is_synchronous[row] };
            let figures = EdgeFigures {
                calls: columns.calls[row],
                failed: columns.failed[row],
                path_ns: columns.path_ns[row],
                traces: columns.traces[row],
            };
            graph.add(edge, figures);
        }
        Ok(graph)
    }
}
