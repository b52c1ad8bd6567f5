//! Facts about all traces that several detectors share, gathered only if one that is on asks.

mod call_log;
mod service_graph;

use arrow::error::ArrowError;

use crate::partial::{GroupReader, GroupWriter, TraceNumber};
use crate::trace::TraceView;

pub(crate) use call_log::{CallLog, CallsOfTarget, LoggedCall};
pub(crate) use service_graph::{Edge, EdgeFigures, ServiceGraph};

/// What is to be gathered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gathers {
    /// Who calls whom, how often and with what outcome.
    pub(crate) service_graph: bool,
    /// Every counted call, by target and time.
    pub(crate) calls: bool,
}

impl Gathers {
    /// Nothing.
    pub(crate) const NOTHING: Self = Self { service_graph: false, calls: false };

    /// What either asks for.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { service_graph: self.service_graph || other.service_graph, calls: self.calls || other.calls }
    }
}

/// What was gathered: nothing that nobody asked for.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// Who calls whom.
    pub(crate) service_graph: Option<ServiceGraph>,
    /// Every counted call.
    pub(crate) calls: Option<CallLog>,
}

impl Gathered {
    /// Nothing so far of what is asked for.
    pub(crate) fn new(asked: Gathers) -> Self {
        Self {
            service_graph: asked.service_graph.then(ServiceGraph::default),
            calls: asked.calls.then(CallLog::default),
        }
    }

    /// Takes notice of one trace.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        if let Some(graph) = &mut self.service_graph {
            graph.see(trace);
        }
        if let Some(calls) = &mut self.calls {
            calls.see(trace);
        }
    }

    /// Takes in what was gathered of other traces.
    pub(crate) fn merge(&mut self, other: Self) {
        match (&mut self.service_graph, other.service_graph) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
        match (&mut self.calls, other.calls) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
    }

    /// Gives each trace its place among all traces in the order of their ids.
    pub(crate) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        if let Some(calls) = &mut self.calls {
            calls.renumber_traces(rank_of);
        }
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.service_graph.as_ref().map_or(0, ServiceGraph::bytes) + self.calls.as_ref().map_or(0, CallLog::bytes)
    }

    /// Writes it, each fact as a group beside this one.
    pub(crate) fn write(&self, group: &mut GroupWriter<'_>) {
        if let Some(graph) = &self.service_graph {
            group.beside("service_graph", |group| graph.write(group));
        }
        if let Some(calls) = &self.calls {
            group.beside("calls", |group| calls.write(group));
        }
    }

    /// Reads what is asked for of what [`Gathered::write`] wrote.
    ///
    /// # Errors
    /// If it is not there or has another form.
    pub(crate) fn read(asked: Gathers, group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Ok(Self {
            service_graph: asked
                .service_graph
                .then(|| group.beside("service_graph", ServiceGraph::read))
                .transpose()?,
            calls: asked.calls.then(|| group.beside("calls", CallLog::read)).transpose()?,
        })
    }
}
