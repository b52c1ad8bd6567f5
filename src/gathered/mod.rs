//! Facts about all traces that several detectors share, gathered only if one that is on asks.

mod call_block;
mod call_log;
mod caller_span_block;
mod caller_spans;
mod data_touches;
mod messages;
mod packed_block;
mod path_stacks;
mod request_block;
mod request_log;
mod service_entries;
mod service_graph;
mod time_slices;
mod timeline;
mod varints;

use std::io::{self, Write};
use std::sync::Arc;

use crate::conventions::{OwnAttribute, OwnAttributes};
use crate::frame::SpillStore;
use crate::partial::{PartialError, PartialReader, PartialWriter, Renumbering, TraceNumber};
use crate::trace::{Asked, TraceView};

pub(crate) use call_block::EdgeOfCalls;
pub(crate) use call_log::{CallLog, CallsOfTarget, LoggedCall};
#[cfg(test)]
pub(crate) use caller_spans::AnsweredCall;
pub(crate) use caller_spans::{CallerSpan, CallerSpanLog, CallerSpansOfService, InstanceAbove};
pub(crate) use data_touches::{DataTouches, Sharing};
pub(crate) use messages::{
    Identity, Inside, LoggedMessage, MessageLog, MessagesOfTopic, RepeatableWrite, TopicFacts, has_outer_message,
};
pub(crate) use path_stacks::{Frame, PathStacks};
pub(crate) use request_block::{CallerOperation, RequestBlock, Spent, TraceRequests};
pub(crate) use request_log::RequestLog;
pub(crate) use service_entries::ServiceEntries;
pub(crate) use service_graph::ServiceGraph;
pub(crate) use timeline::{Step, Timeline};

/// What is to be gathered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gathers {
    /// Who calls whom, how often and with what outcome.
    pub(crate) service_graph: bool,
    /// What services do with the requests that come in.
    pub(crate) service_entries: bool,
    /// Every counted call, by target and time.
    pub(crate) calls: bool,
    /// Every caller span, by service and time.
    pub(crate) caller_spans: bool,
    /// Which services touch which tables of databases.
    pub(crate) data_touches: bool,
    /// Every message that was sent or processed, by topic and time.
    pub(crate) messages: bool,
    /// What each trace says of the requests in it.
    pub(crate) requests: bool,
    /// How many requests came in when, and what became of them.
    pub(crate) timeline: bool,
    /// Where the critical paths of all requests go. Files of partial results do not hold it.
    pub(crate) path_stacks: bool,
    /// Values that are unique to spans, of which readers must know: [`TraceView::own`] gives those of these attributes.
    pub(crate) own_attributes: OwnAttributes,
    /// What is worked out of signatures beside what always is.
    pub(crate) of_signatures: Asked,
    /// The attributes of resources, of which readers must know too: some formats give a map of them with every span.
    pub(crate) resource_attributes: bool,
}

impl Gathers {
    /// Nothing.
    pub const NOTHING: Self = Self {
        service_graph: false,
        service_entries: false,
        calls: false,
        caller_spans: false,
        data_touches: false,
        messages: false,
        requests: false,
        timeline: false,
        path_stacks: false,
        own_attributes: OwnAttributes::NONE,
        of_signatures: Asked::NOTHING,
        resource_attributes: false,
    };

    /// Who touches which tables, and what signatures say of that.
    pub(crate) const DATA_TOUCHES: Self =
        Self { data_touches: true, of_signatures: Asked { data_use: true }, ..Self::NOTHING };

    /// What services do with the requests that come in, and which of these only ask whether they are there.
    pub(crate) const SERVICE_ENTRIES: Self =
        Self { service_entries: true, own_attributes: OwnAttributes::of(&[OwnAttribute::Probe]), ..Self::NOTHING };

    /// Every message, and what its spans say that is unique to them.
    pub(crate) const MESSAGES: Self = Self {
        messages: true,
        own_attributes: OwnAttributes::of(&[
            OwnAttribute::MessageId,
            OwnAttribute::MessagingClient,
            OwnAttribute::MessagePartition,
            OwnAttribute::MessageOffset,
            OwnAttribute::MessageKey,
            OwnAttribute::MessageDeliveries,
            OwnAttribute::MessageQueueTime,
            OwnAttribute::MessageEnqueuedTime,
            OwnAttribute::MessageDelay,
            OwnAttribute::OnlyLink,
        ])
        .union(OwnAttributes::INSTANCE),
        ..Self::NOTHING
    };

    /// What either asks for.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            service_graph: self.service_graph || other.service_graph,
            service_entries: self.service_entries || other.service_entries,
            calls: self.calls || other.calls,
            caller_spans: self.caller_spans || other.caller_spans,
            data_touches: self.data_touches || other.data_touches,
            messages: self.messages || other.messages,
            requests: self.requests || other.requests,
            timeline: self.timeline || other.timeline,
            path_stacks: self.path_stacks || other.path_stacks,
            own_attributes: self.own_attributes.union(other.own_attributes),
            of_signatures: self.of_signatures.or(other.of_signatures),
            resource_attributes: self.resource_attributes || other.resource_attributes,
        }
    }
}

/// What was gathered: nothing that nobody asked for.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// Who calls whom.
    pub(crate) service_graph: Option<ServiceGraph>,
    /// What services do with requests.
    pub(crate) service_entries: Option<ServiceEntries>,
    /// Every counted call.
    pub(crate) calls: Option<CallLog>,
    /// Every caller span.
    pub(crate) caller_spans: Option<CallerSpanLog>,
    /// Who touches which tables.
    pub(crate) data_touches: Option<DataTouches>,
    /// Every message.
    pub(crate) messages: Option<MessageLog>,
    /// What traces say of requests.
    pub(crate) requests: Option<RequestLog>,
    /// Requests by time.
    pub(crate) timeline: Option<Timeline>,
    /// Where critical paths go.
    pub(crate) path_stacks: Option<PathStacks>,
    /// Where calls are put aside, and which is told how much memory is taken.
    store: Option<Arc<SpillStore>>,
    /// Bytes of the service graph of which the store was told.
    told_bytes: u64,
}

impl Gathered {
    /// Nothing so far of what is asked for. Beyond the limit of `store`, calls are put aside there.
    pub(crate) fn new(asked: Gathers, store: Option<&Arc<SpillStore>>) -> Self {
        Self {
            service_graph: asked.service_graph.then(ServiceGraph::default),
            service_entries: asked.service_entries.then(ServiceEntries::default),
            calls: asked.calls.then(|| CallLog::new(store)),
            caller_spans: asked.caller_spans.then(|| CallerSpanLog::new(store)),
            data_touches: asked.data_touches.then(DataTouches::default),
            messages: asked.messages.then(|| MessageLog::new(store)),
            requests: asked.requests.then(|| RequestLog::new(store)),
            timeline: asked.timeline.then(Timeline::default),
            path_stacks: asked.path_stacks.then(PathStacks::default),
            store: store.filter(|_| asked.service_graph || asked.calls).cloned(),
            told_bytes: 0,
        }
    }

    /// Takes notice of some traces, one after the other.
    pub(crate) fn see(&mut self, traces: &[TraceView<'_>]) {
        if let Some(graph) = &mut self.service_graph {
            traces.iter().for_each(|trace| graph.see(trace));
            self.tell_store();
        }
        if let Some(entries) = &mut self.service_entries {
            traces.iter().for_each(|trace| entries.see(trace));
        }
        if let Some(calls) = &mut self.calls {
            traces.iter().for_each(|trace| calls.see(trace));
        }
        if let Some(spans) = &mut self.caller_spans {
            traces.iter().for_each(|trace| spans.see(trace));
        }
        if let Some(touches) = &mut self.data_touches {
            traces.iter().for_each(|trace| touches.see(trace));
        }
        if let Some(messages) = &mut self.messages {
            traces.iter().for_each(|trace| messages.see(trace));
        }
        if let Some(requests) = &mut self.requests {
            traces.iter().for_each(|trace| requests.see(trace));
        }
        if let Some(timeline) = &mut self.timeline {
            traces.iter().for_each(|trace| timeline.see(trace));
        }
        if let Some(stacks) = &mut self.path_stacks {
            traces.iter().for_each(|trace| stacks.see(trace));
        }
    }

    /// Tells the store how much more memory the service graph takes: it is too small to be put aside itself, but others make
    /// room for it.
    fn tell_store(&mut self) {
        if let Some((store, graph)) = self.store.as_ref().zip(self.service_graph.as_ref()) {
            let bytes = graph.bytes() as u64;
            store.grow(bytes.saturating_sub(self.told_bytes));
            self.told_bytes = self.told_bytes.max(bytes);
        }
    }

    /// Takes in what was gathered of other traces.
    pub(crate) fn merge(&mut self, other: Self) {
        if let Some(store) = &other.store {
            store.shrink(other.told_bytes);
        }
        match (&mut self.service_graph, other.service_graph) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
        self.tell_store();
        match (&mut self.service_entries, other.service_entries) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
        match (&mut self.calls, other.calls) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
        match (&mut self.caller_spans, other.caller_spans) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
        match (&mut self.data_touches, other.data_touches) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
        match (&mut self.messages, other.messages) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
        match (&mut self.requests, other.requests) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
        match (&mut self.timeline, other.timeline) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
        match (&mut self.path_stacks, other.path_stacks) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
    }

    /// Gives each trace its place among all traces in the order of their ids.
    pub(crate) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        if let Some(calls) = &mut self.calls {
            calls.renumber_traces(rank_of);
        }
        if let Some(spans) = &mut self.caller_spans {
            spans.renumber_traces(rank_of);
        }
        if let Some(messages) = &mut self.messages {
            messages.renumber_traces(rank_of);
        }
        if let Some(requests) = &mut self.requests {
            requests.renumber_traces(rank_of);
        }
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.service_graph.as_ref().map_or(0, ServiceGraph::bytes)
            + self.service_entries.as_ref().map_or(0, ServiceEntries::bytes)
            + self.calls.as_ref().map_or(0, CallLog::bytes)
            + self.caller_spans.as_ref().map_or(0, CallerSpanLog::bytes)
            + self.data_touches.as_ref().map_or(0, DataTouches::bytes)
            + self.messages.as_ref().map_or(0, MessageLog::bytes)
            + self.requests.as_ref().map_or(0, RequestLog::bytes)
            + self.timeline.as_ref().map_or(0, Timeline::bytes)
            + self.path_stacks.as_ref().map_or(0, PathStacks::bytes)
    }

    /// Writes each fact as groups below its name.
    ///
    /// # Errors
    /// If the file cannot be written, or what was put aside cannot be brought back.
    pub(crate) fn write<W: Write>(
        &self,
        file: &mut PartialWriter<W>,
        part: &str,
        numbers: Renumbering<'_>,
    ) -> io::Result<()> {
        if let Some(graph) = &self.service_graph {
            file.group(&format!("{part}{SERVICE_GRAPH}"), numbers, |group| graph.write(group))?;
        }
        if let Some(entries) = &self.service_entries {
            file.group(&format!("{part}{SERVICE_ENTRIES}"), numbers, |group| entries.write(group))?;
        }
        if let Some(calls) = &self.calls {
            calls.write(file, &format!("{part}{CALLS}"), numbers)?;
        }
        if let Some(spans) = &self.caller_spans {
            spans.write(file, &format!("{part}{CALLER_SPANS}"), numbers)?;
        }
        if let Some(touches) = &self.data_touches {
            file.group(&format!("{part}{DATA_TOUCHES}"), numbers, |group| touches.write(group))?;
        }
        if let Some(messages) = &self.messages {
            messages.write(file, &format!("{part}{MESSAGES}"), numbers)?;
        }
        if let Some(requests) = &self.requests {
            requests.write(file, &format!("{part}{REQUESTS}"), numbers)?;
        }
        if let Some(timeline) = &self.timeline {
            file.group(&format!("{part}{TIMELINE}"), numbers, |group| timeline.write(group))?;
        }
        Ok(())
    }

    /// Takes in what was written of the traces of a file, as far as it was asked for.
    ///
    /// # Errors
    /// If it is not there or cannot be decoded.
    pub(crate) fn merge_file(
        &mut self,
        file: &PartialReader,
        part: &str,
        numbers: Renumbering<'_>,
    ) -> Result<(), PartialError> {
        if let Some(graph) = &mut self.service_graph {
            graph.merge(file.group(&format!("{part}{SERVICE_GRAPH}"), numbers, ServiceGraph::read)?);
            self.tell_store();
        }
        if let Some(entries) = &mut self.service_entries {
            entries.merge(file.group(&format!("{part}{SERVICE_ENTRIES}"), numbers, ServiceEntries::read)?);
        }
        if let Some(calls) = &mut self.calls {
            calls.merge_file(file, &format!("{part}{CALLS}"), numbers)?;
        }
        if let Some(spans) = &mut self.caller_spans {
            spans.merge_file(file, &format!("{part}{CALLER_SPANS}"), numbers)?;
        }
        if let Some(touches) = &mut self.data_touches {
            touches.merge(file.group(&format!("{part}{DATA_TOUCHES}"), numbers, DataTouches::read)?);
        }
        if let Some(messages) = &mut self.messages {
            messages.merge_file(file, &format!("{part}{MESSAGES}"), numbers)?;
        }
        if let Some(requests) = &mut self.requests {
            requests.merge_file(file, &format!("{part}{REQUESTS}"), numbers)?;
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.merge(file.group(&format!("{part}{TIMELINE}"), numbers, Timeline::read)?);
        }
        Ok(())
    }
}

/// Names of the groups of a file.
const SERVICE_GRAPH: &str = "gathered/service_graph";
const SERVICE_ENTRIES: &str = "gathered/service_entries";
const CALLS: &str = "gathered/calls";
const CALLER_SPANS: &str = "gathered/caller_spans";
const DATA_TOUCHES: &str = "gathered/data_touches";
const MESSAGES: &str = "gathered/messages";
const REQUESTS: &str = "gathered/requests";
const TIMELINE: &str = "gathered/timeline";
