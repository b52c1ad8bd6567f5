//! Every message, by topic and time: what a topic's consumers have done, and who has sent it.
//!
//! ```text
//! see ──pack──▶ blocks ──beyond the memory limit──▶ a temporary file
//!                  ├── what links lead to, of those that some message has
//!                  └── slices by topic and time: unpack, sort ──▶ the messages of each topic
//! ```

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use crate::frame::{SpillError, SpillStore, Symbol};
use crate::gathered::packed_block::{PackedBlock, bytes_of_ranks, renumber_blocks};
use crate::gathered::time_slices::{Logged, OfSubject, Sample, TimeSlices, for_each_subject, sort_by_short_keys};
use crate::partial::{Columns as _, PartialError, PartialReader, PartialWriter, Renumbering, TraceNumber, columns};
use crate::span::SpanId;
use crate::trace::{DeadLetterName, MessageRole, Row, Target, TargetKind, TraceView};

use super::by_hash::ByHash;
use super::logged_message::{Identity, Inside, LoggedMessage, RepeatableWrite, Sender, SentBy};
use super::message_block::{Bits, MessagePacker, unpack};
use super::repeats::Repeats;

/// Messages of a block, and of a group of a file.
const MESSAGES_PER_BLOCK: usize = 1 << 14;

/// Messages that are unpacked at once: that takes some 40 MB.
const MESSAGES_AT_ONCE: u64 = 1 << 17;

/// So many slices may be unpacked at once: one is shown while the next is sorted.
const SLICES_AT_ONCE: u64 = 4;

/// Messages of one topic that were processed or could not be, in the order of start, trace and row. What was sent to an ordinary
/// topic is only counted ([`TopicFacts::published`]).
pub(crate) type MessagesOfTopic<'a> = OfSubject<'a, LoggedMessage>;

impl Logged for LoggedMessage {
    type Subject = Symbol;
    type Packer = MessagePacker;

    const PER_BLOCK: usize = 1 << 9;

    fn subject(&self) -> Symbol {
        self.topic
    }

    fn start(&self) -> i64 {
        self.start
    }

    fn sort(messages: &mut [Self]) {
        sort_by_short_keys(messages, |message| (message.topic, message.start, message.trace, message.row));
    }

    fn pack(&self, packer: &mut MessagePacker) {
        packer.push(self);
    }

    fn block_of(packer: &mut MessagePacker) -> Box<[u8]> {
        packer.take()
    }

    fn unpack(block: &[u8], mut take: impl FnMut(Self)) {
        unpack(block, |message| take(std::mem::take(message)));
    }
}

columns! {
    /// One message, as it is written.
    struct MessageRow in MessageColumns {
        bits: u32,
        topic: Symbol,
        group: Symbol,
        service: Symbol,
        operation: Symbol,
        error_type: Symbol,
        trace: TraceNumber,
        row: u32,
        span_id: SpanId,
        start: i64,
        duration: i64,
        path_ns: i64,
        adjusted_count: f64,
        link: u64,
        identity: u32,
        identity_first: u64,
        identity_second: u64,
        partition: u64,
        offset: u64,
        key: u64,
        deliveries: u64,
        instance: u64,
        has_waited: bool,
        waited_ns: i64,
        sent_by: u32,
        sender_service: Symbol,
        sender_start: i64,
        sender_end: i64,
        sender_link: u64,
        inside: u32,
        inside_topic: Symbol,
        inside_group: Symbol,
        inside_deliveries: u64,
        write_targets: Vec<Symbol>,
        write_kinds: Vec<u32>,
        write_operations: Vec<Symbol>,
    }
}

/// An identity as three numbers.
fn numbers_of(identity: Identity) -> (u32, u64, u64) {
    match identity {
        Identity::Unknown => (0, 0, 0),
        Identity::Id(id) => (1, id, 0),
        Identity::Offset(partition, offset) => (2, partition, offset),
    }
}

fn identity_of(numbers: (u32, u64, u64)) -> Identity {
    match numbers {
        (1, id, _) => Identity::Id(id),
        (2, partition, offset) => Identity::Offset(partition, offset),
        _ => Identity::Unknown,
    }
}

impl From<LoggedMessage> for MessageRow {
    fn from(message: LoggedMessage) -> Self {
        let (sent_by, sender, sender_link) = match message.sent_by {
            SentBy::Unknown => (0, Sender::default(), 0),
            SentBy::Span(sender) => (1 + u32::from(sender.is_delayed), sender, 0),
            SentBy::Link(link) => (3, Sender::default(), link),
        };
        let inside = message.inside.unwrap_or_default();
        // Processings are in none.
        let identity = if message.inside.is_some() { inside.identity } else { message.identity };
        let (identity, identity_first, identity_second) = numbers_of(identity);
        let writes = &message.writes;
        Self {
            bits: Bits::of(&message).0,
            topic: message.topic,
            group: message.group,
            service: message.service,
            operation: message.operation,
            error_type: message.error_type,
            trace: message.trace,
            row: message.row,
            span_id: message.span_id,
            start: message.start,
            duration: message.duration,
            path_ns: message.path_ns,
            adjusted_count: message.adjusted_count,
            link: message.link,
            identity,
            identity_first,
            identity_second,
            partition: message.partition,
            offset: message.offset,
            key: message.key,
            deliveries: message.deliveries,
            instance: message.instance,
            has_waited: message.waited_ns.is_some(),
            waited_ns: message.waited_ns.unwrap_or_default(),
            sent_by,
            sender_service: sender.service,
            sender_start: sender.start,
            sender_end: sender.end,
            sender_link,
            inside: message.inside.map_or(0, |inside| 1 + inside.bits()),
            inside_topic: inside.topic,
            inside_group: inside.group,
            inside_deliveries: inside.deliveries,
            write_targets: writes.iter().map(|write| write.target.name).collect(),
            write_kinds: writes.iter().map(|write| write.target.kind as u32 | u32::from(write.inserts) << 4).collect(),
            write_operations: writes.iter().map(|write| write.operation).collect(),
        }
    }
}

impl MessageColumns {
    fn get(&self, row: usize) -> LoggedMessage {
        let identity = identity_of((self.identity[row], self.identity_first[row], self.identity_second[row]));
        let sender = |is_delayed| Sender {
            service: self.sender_service[row],
            start: self.sender_start[row],
            end: self.sender_end[row],
            is_delayed,
        };
        let inside = self.inside[row].checked_sub(1).map(|bits| {
            let (topic, group) = (self.inside_topic[row], self.inside_group[row]);
            let deliveries = self.inside_deliveries[row];
            Inside { topic, group, identity, deliveries, ..Inside::default() }.with_bits(bits)
        });
        let write = |((&name, &bits), &operation): ((&Symbol, &u32), &Symbol)| {
            let kind = TargetKind::ALL.get((bits & 0xf) as usize).copied().unwrap_or_default();
            RepeatableWrite { target: Target { name, kind }, operation, inserts: bits >> 4 != 0 }
        };
        let (names, kinds) = (self.write_targets.get(row).iter(), self.write_kinds.get(row));
        let mut message = LoggedMessage {
            topic: self.topic[row],
            group: self.group[row],
            service: self.service[row],
            operation: self.operation[row],
            error_type: self.error_type[row],
            trace: self.trace[row],
            row: self.row[row],
            span_id: self.span_id[row],
            start: self.start[row],
            duration: self.duration[row],
            path_ns: self.path_ns[row],
            adjusted_count: self.adjusted_count[row],
            link: self.link[row],
            identity: if inside.is_some() { Identity::Unknown } else { identity },
            partition: self.partition[row],
            offset: self.offset[row],
            key: self.key[row],
            deliveries: self.deliveries[row],
            instance: self.instance[row],
            waited_ns: self.has_waited[row].then_some(self.waited_ns[row]),
            sent_by: match self.sent_by[row] {
                0 => SentBy::Unknown,
                3 => SentBy::Link(self.sender_link[row]),
                sent => SentBy::Span(sender(sent == 2)),
            },
            inside,
            writes: names.zip(kinds).zip(self.write_operations.get(row)).map(write).collect(),
            ..LoggedMessage::default()
        };
        Bits(self.bits[row]).tell(&mut message);
        message
    }
}

/// Whether a message is brought back: what was sent to an ordinary topic tells nothing more than that, but who has sent it.
fn is_shown(message: &LoggedMessage) -> bool {
    message.role != MessageRole::Publish || message.dead_letter != DeadLetterName::No
}

/// All messages.
#[derive(Debug, Default)]
pub(crate) struct MessageLog {
    /// Where blocks go once too much is in memory, the spans' part included.
    store: Option<Arc<SpillStore>>,
    pending: MessagePacker,
    /// Those of the trace that is looked at.
    of_trace: Vec<LoggedMessage>,
    blocks: Vec<PackedBlock>,
    bytes_of_blocks: usize,
    topics: HashMap<Symbol, TopicFacts, FixedState>,
    /// Whether any message has a link that its sender may be found by.
    has_links: bool,
    /// One more than the largest number of a trace in blocks without ranks.
    trace_numbers: u32,
    /// Instead of [`MESSAGES_AT_ONCE`].
    at_once: Option<u64>,
}

/// What is known of a topic before its messages are brought back.
#[derive(Debug, Default)]
pub(crate) struct TopicFacts {
    /// Those that are brought back.
    messages: u64,
    /// Services that process its messages: they need not only receive them.
    processed_by: HashSet<Symbol, FixedState>,
    /// Messages that were sent to it.
    pub(crate) published: u64,
    /// Whether its name says that its messages could not be processed: what tells the broker of one need not have that name.
    pub(crate) dead_letter: DeadLetterName,
}

impl MessageLog {
    /// An empty log, whose messages are put aside in `store` beyond its limit.
    pub(crate) fn new(store: Option<&Arc<SpillStore>>) -> Self {
        Self { store: store.cloned(), ..Self::default() }
    }

    /// Takes notice of the messages of one trace.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        let roles = &trace.semantics.message_roles;
        if roles.is_empty() {
            return;
        }
        let mut messages = std::mem::take(&mut self.of_trace);
        let may_tell = (0..).zip(&trace.tree.signatures).filter(|(_, id)| roles[id.index()] != MessageRole::None);
        messages.extend(may_tell.filter_map(|(row, _)| LoggedMessage::of(trace, row as Row)));
        LoggedMessage::learn_of_writes(&mut messages, trace);
        messages.iter().for_each(|message| self.push(message));
        messages.clear();
        self.of_trace = messages;
    }

    fn push(&mut self, message: &LoggedMessage) {
        if let Some(index) = message.trace.index() {
            self.trace_numbers = self.trace_numbers.max(index as u32 + 1);
        }
        self.has_links |= matches!(message.sent_by, SentBy::Link(_));
        let facts = self.topics.entry(message.topic).or_default();
        facts.messages += u64::from(is_shown(message));
        facts.published += u64::from(message.role == MessageRole::Publish && !message.is_inner);
        facts.dead_letter = facts.dead_letter.max(message.dead_letter);
        if message.role == MessageRole::Process {
            facts.processed_by.insert(message.service);
        }
        self.pending.push(message);
        if self.pending.len() == MESSAGES_PER_BLOCK {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        if self.pending.len() == 0 {
            return;
        }
        let block = PackedBlock::new(self.pending.take());
        let bytes = block.bytes_in_memory();
        self.bytes_of_blocks += bytes;
        self.blocks.push(block);
        self.make_room(bytes);
    }

    /// Takes notice of more bytes in memory, and puts blocks aside if that is too much.
    fn make_room(&mut self, bytes: usize) {
        let Some(store) = &self.store else { return };
        if store.grow(bytes as u64) && self.bytes_of_blocks as u64 >= store.least_bytes() {
            self.bytes_of_blocks -= self.blocks.iter_mut().map(|block| block.put_aside(store)).sum::<usize>();
        }
    }

    /// What is known of the topics that have messages, in no order that means anything.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (Symbol, &TopicFacts)> {
        self.topics.iter().map(|(&topic, facts)| (topic, facts)).filter(|(topic, _)| !topic.is_empty())
    }

    /// Shows the messages of each topic that has some to be shown, in the order of their names.
    ///
    /// # Errors
    /// If messages that were put aside cannot be brought back.
    pub(crate) fn for_each_topic(&self, show: impl FnMut(&MessagesOfTopic<'_>)) -> Result<(), SpillError> {
        let senders = self.senders()?;
        // Tells of a message that is to be shown who has sent it.
        let resolve = |message: &mut LoggedMessage| {
            let Some(facts) = self.topics.get(&message.topic).filter(|_| !message.topic.is_empty()) else {
                return false;
            };
            if let SentBy::Link(link) = message.sent_by {
                message.sent_by = senders.get(link).map_or(SentBy::Unknown, |&sender| SentBy::Span(sender));
            }
            is_shown(message)
                && !(message.role == MessageRole::Receive && facts.processed_by.contains(&message.service))
        };
        let count = self.topics().map(|(_, facts)| facts.messages).sum();
        let at_once = self.at_once.unwrap_or(MESSAGES_AT_ONCE);
        let repeats = Repeats::of(count);
        if count <= at_once {
            let mut messages = self.collected(|message| resolve(message).then(|| std::mem::take(message)))?;
            messages.iter().for_each(|message| repeats.take(message));
            messages.iter_mut().for_each(|message| message.may_come_again = repeats.may_come_again(message));
            for_each_subject(messages, show);
            return Ok(());
        }
        let samples = self.on_all_threads(Sample::default, |sample, message| {
            if resolve(message) {
                repeats.take(message);
                sample.take(message);
            }
        })?;
        let sample = samples.into_iter().reduce(Sample::merge).unwrap_or_default();
        let empty = TimeSlices::new(sample, (at_once / SLICES_AT_ONCE) as usize, self.store.as_ref());
        let dealt = self.on_all_threads(
            || empty.emptied(),
            |slices, message| {
                if resolve(message) {
                    message.may_come_again = repeats.may_come_again(message);
                    slices.push(message);
                }
            },
        )?;
        let mut slices = empty;
        dealt.into_iter().for_each(|dealt| slices.merge(dealt));
        slices.for_each_subject(show)
    }

    /// Lets all threads take messages, with the numbers of their traces, in no order that means anything. Each thread begins with
    /// something `new`; the answer is what they have made of it.
    fn on_all_threads<T: Send>(
        &self,
        new: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, &mut LoggedMessage) + Sync,
    ) -> Result<Vec<T>, SpillError> {
        let next = AtomicUsize::new(0);
        let taken_by = |thread: usize| {
            let mut taken = new();
            while let Some(block) = self.blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
                unpack(&block.bytes()?, |message| {
                    message.trace = block.rank_of(message.trace);
                    take(&mut taken, message);
                });
            }
            if thread == 0 {
                unpack(self.pending.packed(), |message| take(&mut taken, message));
            }
            Ok(taken)
        };
        (0..rayon::current_num_threads()).into_par_iter().with_max_len(1).map(taken_by).collect()
    }

    /// Shows what is packed, block by block.
    fn for_each_block(&self, mut show: impl FnMut(&[u8], Option<&PackedBlock>)) -> Result<(), SpillError> {
        for block in &self.blocks {
            show(&block.bytes()?, Some(block));
        }
        show(self.pending.packed(), None);
        Ok(())
    }

    /// The publishes of single messages that some message has a link to, by what the links are told by.
    fn senders(&self) -> Result<ByHash<Sender>, SpillError> {
        if !self.has_links {
            return Ok(ByHash::of(Vec::new()));
        }
        let link =
            |message: &LoggedMessage| if let SentBy::Link(link) = message.sent_by { Some((link, ())) } else { None };
        let links = ByHash::of(self.collected(|message| link(message))?);
        let senders = self.collected(|message| {
            let is_asked =
                message.role == MessageRole::Publish && !message.is_batch && links.get(message.link).is_some();
            let sender = Sender {
                service: message.service,
                start: message.start,
                end: message.end(),
                is_delayed: message.is_delayed,
            };
            is_asked.then_some((message.link, sender))
        })?;
        Ok(ByHash::of(senders))
    }

    /// What `of` makes of the messages, in no order that means anything.
    fn collected<T: Send>(&self, of: impl Fn(&mut LoggedMessage) -> Option<T> + Sync) -> Result<Vec<T>, SpillError> {
        let of_threads = self.on_all_threads(Vec::new, |found, message| found.extend(of(message)))?;
        Ok(of_threads.into_iter().flatten().collect())
    }

    /// Takes in the messages of other traces.
    pub(crate) fn merge(&mut self, mut other: Self) {
        other.close_block();
        self.trace_numbers = self.trace_numbers.max(other.trace_numbers);
        self.has_links |= other.has_links;
        for (topic, facts) in std::mem::take(&mut other.topics) {
            let own = self.topics.entry(topic).or_default();
            own.messages += facts.messages;
            own.published += facts.published;
            own.dead_letter = own.dead_letter.max(facts.dead_letter);
            own.processed_by.extend(facts.processed_by);
        }
        self.bytes_of_blocks += other.bytes_of_blocks;
        self.blocks.append(&mut other.blocks);
        self.make_room(0);
    }

    /// Gives each trace its place among all traces in the order of their ids.
    pub(crate) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.close_block();
        renumber_blocks(self.blocks.iter_mut(), self.trace_numbers, rank_of);
        self.trace_numbers = 0;
    }

    /// About how many bytes of memory they take: what was put aside takes none.
    pub(crate) fn bytes(&self) -> usize {
        self.pending.bytes()
            + self.blocks.capacity() * size_of::<PackedBlock>()
            + self.bytes_of_blocks
            + bytes_of_ranks(self.blocks.iter())
            + self.topics.capacity() * size_of::<(Symbol, TopicFacts)>()
    }

    /// Writes the messages, block by block, each as a group below the group `name` that tells how many groups there are.
    ///
    /// # Errors
    /// If the file cannot be written, or messages that were put aside cannot be brought back.
    pub(crate) fn write<W: Write>(
        &self,
        file: &mut PartialWriter<W>,
        name: &str,
        numbers: Renumbering<'_>,
    ) -> io::Result<()> {
        let mut groups = 0;
        let mut write = |columns: MessageColumns| {
            let group = format!("{name}/{groups}");
            groups += 1;
            file.group(&group, numbers, |group| columns.write("", group))
        };
        let mut written = Ok(());
        let unpacked = self.for_each_block(|bytes, block| {
            let mut columns = MessageColumns::default();
            unpack(bytes, |message| {
                message.trace = block.map_or(message.trace, |block| block.rank_of(message.trace));
                columns.push(std::mem::take(message).into());
            });
            if written.is_ok() {
                written = write(columns);
            }
        });
        unpacked.map_err(io::Error::other)?;
        written?;
        file.group(name, numbers, |group| group.u32s("groups", std::iter::once(groups)))
    }

    /// Takes in what [`MessageLog::write`] wrote.
    ///
    /// # Errors
    /// If it is not there or cannot be decoded.
    pub(crate) fn merge_file(
        &mut self,
        file: &PartialReader,
        name: &str,
        numbers: Renumbering<'_>,
    ) -> Result<(), PartialError> {
        let groups = file.group(name, numbers, |group| group.u32s("groups"))?;
        for group in 0..groups.first().copied().unwrap_or_default() {
            let columns = file.group(&format!("{name}/{group}"), numbers, |group| MessageColumns::read("", group))?;
            (0..columns.start.len()).for_each(|row| self.push(&columns.get(row)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
