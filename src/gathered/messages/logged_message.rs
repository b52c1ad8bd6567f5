//! What is known of a message from the span that sends or processes it.

use crate::conventions::{OwnAttribute, is_id_unique, only_link_text, signed_value};
use crate::frame::Symbol;
use crate::partial::TraceNumber;
use crate::span::{SpanId, SpanKind};
use crate::trace::{DeadLetterName, MessageRole, NO_ROW, Row, Target, TraceView};

/// A message as one span knows it: a processing, a publish, or what was told the broker of it. What a role does not have is as
/// it is by default.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct LoggedMessage {
    /// Its topic; empty for what was sent nobody knows where to.
    pub(crate) topic: Symbol,
    /// The group of consumers, else the service.
    pub(crate) group: Symbol,
    /// The service.
    pub(crate) service: Symbol,
    /// What the service was doing.
    pub(crate) operation: Symbol,
    /// What the span does.
    pub(crate) role: MessageRole,
    /// Its trace.
    pub(crate) trace: TraceNumber,
    /// Row of its span in the trace.
    pub(crate) row: u32,
    /// Its span.
    pub(crate) span_id: SpanId,
    /// Start in ns since 1970.
    pub(crate) start: i64,
    /// Duration in ns.
    pub(crate) duration: i64,
    /// Whether it failed.
    pub(crate) failed: bool,
    /// Whether it is about several messages.
    pub(crate) is_batch: bool,
    /// Whether it was to wait before it is processed.
    pub(crate) is_delayed: bool,
    /// Whether the broker was told that it cannot be processed.
    pub(crate) is_dead_lettered: bool,
    /// Of a publish: whether a PRODUCER span tells it, which may only have made the message.
    pub(crate) is_producer: bool,
    /// Of a publish: whether it lies within another one of the same kind, which is counted.
    pub(crate) is_inner: bool,
    /// Of a processing: whether its group may process a message of this identity more than once, as far as is known before all were
    /// shown. Where it is not set nothing need be remembered of it.
    pub(crate) may_come_again: bool,
    /// Whether the name of its destination says that its messages could not be processed.
    pub(crate) dead_letter: DeadLetterName,
    /// What tells it from others of its topic.
    pub(crate) identity: Identity,
    /// Its partition; 0 if that is not known, as what follows.
    pub(crate) partition: u64,
    /// Its place in the partition, and one more.
    pub(crate) offset: u64,
    /// What it shares with others whose order matters.
    pub(crate) key: u64,
    /// How often it was delivered so far.
    pub(crate) deliveries: u64,
    /// How long it has waited in the topic, in ns, as its attributes say.
    pub(crate) waited_ns: Option<i64>,
    /// The instance that processed it; 0 if that is not known.
    pub(crate) instance: u64,
    /// Who has sent it.
    pub(crate) sent_by: SentBy,
    /// Of a publish: what links to its span are told by ([`OwnAttribute::OnlyLink`]).
    pub(crate) link: u64,
    /// The error of the deepest failure, if it failed; of a publish or a settlement that of the processing that it is a part of.
    pub(crate) error_type: Symbol,
    /// Critical-path time of its span and what lies below, in ns.
    pub(crate) path_ns: i64,
    /// How many traces its trace stands for because of sampling, as far as this span is evidence; 1 where that is not known.
    pub(crate) adjusted_count: f64,
    /// The processing that a publish or a settlement is a part of.
    pub(crate) inside: Option<Inside>,
    /// Writes that succeeded while it was processed, and do something more when they are repeated; only where it has an identity.
    pub(crate) writes: Vec<RepeatableWrite>,
}

/// What tells a message from others of its topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) enum Identity {
    /// Nothing does.
    #[default]
    Unknown,
    /// Its id.
    Id(u64),
    /// Its place: partition and offset.
    Offset(u64, u64),
}

/// Who has sent a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum SentBy {
    /// Nobody knows.
    #[default]
    Unknown,
    /// A span.
    Span(Sender),
    /// Whatever this link leads to, until all publishes are known.
    Link(u64),
}

/// A span that has sent a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Sender {
    /// Its service.
    pub(crate) service: Symbol,
    /// Start in ns since 1970.
    pub(crate) start: i64,
    /// End in ns since 1970.
    pub(crate) end: i64,
    /// Whether it wants the message to wait.
    pub(crate) is_delayed: bool,
}

/// The processing that something happens in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Inside {
    /// Its topic.
    pub(crate) topic: Symbol,
    /// Its group.
    pub(crate) group: Symbol,
    /// The message.
    pub(crate) identity: Identity,
    /// How often that was delivered so far; 0 if that is not known.
    pub(crate) deliveries: u64,
    /// Whether its messages could not be processed elsewhere.
    pub(crate) dead_letter: DeadLetterName,
    /// Whether it failed.
    pub(crate) failed: bool,
    /// Whether it says itself that the broker was told that the message cannot be processed.
    pub(crate) is_dead_lettered: bool,
}

impl Inside {
    /// What is yes or no of it, or one of a few, as one number.
    pub(super) fn bits(&self) -> u32 {
        self.dead_letter as u32 | u32::from(self.failed) << 2 | u32::from(self.is_dead_lettered) << 3
    }

    /// The same with what these bits say.
    pub(super) fn with_bits(self, bits: u32) -> Self {
        Self {
            dead_letter: DeadLetterName::ALL.get((bits & 3) as usize).copied().unwrap_or_default(),
            failed: bits >> 2 & 1 != 0,
            is_dead_lettered: bits >> 3 & 1 != 0,
            ..self
        }
    }
}

/// A write that does something more when it is repeated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct RepeatableWrite {
    /// What it writes to.
    pub(crate) target: Target,
    /// What it does there.
    pub(crate) operation: Symbol,
    /// Whether that adds something.
    pub(crate) inserts: bool,
}

impl LoggedMessage {
    /// End in ns since 1970.
    pub(crate) fn end(&self) -> i64 {
        self.start.wrapping_add(self.duration)
    }

    /// Whoever has sent it, if that is known.
    pub(crate) fn sender(&self) -> Option<&Sender> {
        if let SentBy::Span(sender) = &self.sent_by { Some(sender) } else { None }
    }

    /// The message that the span at `row` of a trace is about; `None` if another span above tells of the same.
    pub(super) fn of(trace: &TraceView<'_>, row: Row) -> Option<Self> {
        let facts = trace.semantics_of(row).messaging;
        let is_inner = is_inner(trace, row);
        if is_inner && facts.role.is_processing() {
            return None;
        }
        let role = &trace.calls.roles[row as usize];
        let service = trace.service(row);
        let is_delayed = facts.is_delayed || trace.own(row, OwnAttribute::MessageDelay).is_some();
        let mut message = Self {
            topic: facts.topic,
            group: if facts.group.is_empty() { service } else { facts.group },
            service,
            operation: trace.entry_operation(if role.is_entry { row } else { role.caller_span }),
            role: facts.role,
            trace: TraceNumber(trace.number),
            row,
            span_id: trace.span_id(row),
            start: trace.start(row),
            duration: trace.duration(row),
            failed: role.failed,
            is_batch: facts.is_batch,
            is_delayed,
            is_dead_lettered: facts.is_dead_lettered,
            dead_letter: facts.dead_letter,
            path_ns: trace.path_time(row),
            adjusted_count: trace.adjusted_counts().of_evidence(trace, &[trace.span_id(row)]),
            ..Self::default()
        };
        if facts.role.is_processing() {
            message.learn_of_processing(trace, row);
        } else {
            let around = processing_around(trace, row);
            message.inside = around.map(|around| inside(trace, around));
            if let Some(around) = around.filter(|&around| trace.calls.roles[around as usize].failed) {
                message.error_type = trace.semantics_of(deepest_failure(trace, around)).error_type;
            }
            // What tells the broker of a message need not say where that came from.
            if let Some(inside) =
                message.inside.filter(|_| message.topic.is_empty() && facts.role == MessageRole::Settle)
            {
                message.topic = inside.topic;
            }
        }
        if facts.role == MessageRole::Publish {
            message.is_producer = trace.semantics_of(row).kind == SpanKind::Producer;
            message.is_inner = is_inner;
            message.link = OwnAttribute::OnlyLink.value_of(&only_link_text(trace.trace_id, message.span_id));
        }
        Some(message)
    }

    fn learn_of_processing(&mut self, trace: &TraceView<'_>, row: Row) {
        let own = |attribute| trace.own(row, attribute);
        let number = |attribute| own(attribute).unwrap_or(0);
        self.identity = identity(trace, row);
        self.partition = number(OwnAttribute::MessagePartition);
        self.offset = number(OwnAttribute::MessageOffset);
        self.key = number(OwnAttribute::MessageKey);
        self.deliveries = number(OwnAttribute::MessageDeliveries);
        self.waited_ns = own(OwnAttribute::MessageQueueTime)
            .map(signed_value)
            .or_else(|| Some(self.start.wrapping_sub(own(OwnAttribute::MessageEnqueuedTime)? as i64)));
        self.instance = trace.instance(row).or_else(|| own(OwnAttribute::MessagingClient)).unwrap_or(0);
        if !self.is_batch {
            self.sent_by = sent_by(trace, row);
        }
        if self.failed {
            self.error_type = trace.semantics_of(deepest_failure(trace, row)).error_type;
        }
    }
}

impl LoggedMessage {
    /// Tells the messages of a trace what was written while they were processed, if anybody asks what calls do with data
    /// ([`Asked::data_use`](crate::trace::Asked)).
    pub(super) fn learn_of_writes(messages: &mut [Self], trace: &TraceView<'_>) {
        let may_come_again = |message: &Self| message.identity != Identity::Unknown;
        if !messages.iter().any(may_come_again) {
            return;
        }
        for call in &trace.calls.calls {
            let data_use = trace.data_use(call.row);
            if !trace.is_write(call) || data_use.is_idempotent || trace.calls.roles[call.row as usize].failed {
                continue;
            }
            let write = RepeatableWrite { target: call.target, operation: call.operation, inserts: data_use.inserts };
            let mut above = trace.tree.waiting_parent(call.row);
            while above != NO_ROW {
                let processing = messages.iter_mut().find(|message| message.row == above && may_come_again(message));
                processing.into_iter().for_each(|processing| processing.writes.push(write));
                above = trace.tree.waiting_parent(above);
            }
        }
        for message in messages {
            message.writes.sort_unstable();
            message.writes.dedup();
        }
    }
}

/// What tells a message from others of its topic: its id if that is long enough, else its place.
fn identity(trace: &TraceView<'_>, row: Row) -> Identity {
    if trace.semantics_of(row).messaging.is_batch {
        return Identity::Unknown;
    }
    if let Some(id) = trace.own(row, OwnAttribute::MessageId).filter(|&id| is_id_unique(id)) {
        return Identity::Id(id);
    }
    let place = trace.own(row, OwnAttribute::MessagePartition).zip(trace.own(row, OwnAttribute::MessageOffset));
    place.map_or(Identity::Unknown, |(partition, offset)| Identity::Offset(partition, offset))
}

/// Who has sent what the span at `row` processes.
fn sent_by(trace: &TraceView<'_>, row: Row) -> SentBy {
    let parent = trace.tree.parents[row as usize];
    if parent != NO_ROW && trace.message_role(parent) == MessageRole::Publish {
        let facts = trace.semantics_of(parent).messaging;
        if facts.is_batch {
            return SentBy::Unknown;
        }
        return SentBy::Span(Sender {
            service: trace.service(parent),
            start: trace.start(parent),
            end: trace.end(parent),
            is_delayed: facts.is_delayed || trace.own(parent, OwnAttribute::MessageDelay).is_some(),
        });
    }
    trace.own(row, OwnAttribute::OnlyLink).map_or(SentBy::Unknown, SentBy::Link)
}

/// The span above that tells of the same message, in the same role: a framework's around its client's. Between two there is
/// neither another service nor another request, and no message was sent. A processing that nobody above waits for is around none.
fn outer(trace: &TraceView<'_>, row: Row) -> Option<Row> {
    let (service, role) = (trace.service(row), trace.message_role(row));
    let parent = |row: Row| {
        if role.is_processing() { trace.tree.waiting_parent(row) } else { trace.tree.parents[row as usize] }
    };
    let mut above = parent(row);
    while above != NO_ROW && trace.service(above) == service {
        match trace.message_role(above) {
            found if found == role => return Some(above),
            MessageRole::Publish if role.is_processing() => return None,
            found if found.is_processing() && !role.is_processing() => return None,
            _ => {}
        }
        if trace.semantics_of(above).kind == SpanKind::Server {
            return None;
        }
        above = parent(above);
    }
    None
}

/// Whether a span above tells of the same message.
pub(crate) fn has_outer_message(trace: &TraceView<'_>, row: Row) -> bool {
    outer(trace, row).is_some()
}

fn is_inner(trace: &TraceView<'_>, row: Row) -> bool {
    let kind = |row: Row| trace.semantics_of(row).kind;
    outer(trace, row).is_some_and(|above| {
        // A client sends what a producer has made.
        trace.message_role(row) != MessageRole::Publish || kind(above) == kind(row)
    })
}

/// The processing that the span at `row` is a part of, over any edges.
fn processing_around(trace: &TraceView<'_>, row: Row) -> Option<Row> {
    let mut above = trace.tree.parents[row as usize];
    while above != NO_ROW && !trace.message_role(above).is_processing() {
        above = trace.tree.parents[above as usize];
    }
    if above == NO_ROW {
        return None;
    }
    while let Some(outer) = outer(trace, above) {
        above = outer;
    }
    Some(above)
}

/// What is known of the processing at `row` by what happens in it.
fn inside(trace: &TraceView<'_>, row: Row) -> Inside {
    let facts = trace.semantics_of(row).messaging;
    Inside {
        topic: facts.topic,
        group: if facts.group.is_empty() { trace.service(row) } else { facts.group },
        identity: identity(trace, row),
        deliveries: trace.own(row, OwnAttribute::MessageDeliveries).unwrap_or(0),
        dead_letter: facts.dead_letter,
        failed: trace.calls.roles[row as usize].failed,
        is_dead_lettered: facts.is_dead_lettered,
    }
}

/// The failed span farthest below `row`, which failed, through spans that are waited for; of several the first.
fn deepest_failure(trace: &TraceView<'_>, row: Row) -> Row {
    let mut deepest = (0, row);
    let mut open = vec![(0, row)];
    while let Some((depth, row)) = open.pop() {
        if trace.calls.roles[row as usize].failed && depth > deepest.0 {
            deepest = (depth, row);
        }
        let children = trace.tree.children(row).iter().rev();
        open.extend(children.filter(|&&child| !trace.tree.is_async[child as usize]).map(|&child| (depth + 1, child)));
    }
    deepest.1
}
