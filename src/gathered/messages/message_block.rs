//! Messages one after the other in few bytes.

use crate::frame::Symbol;
use crate::gathered::varints::{Packer, Unpacker};
use crate::partial::TraceNumber;
use crate::span::SpanId;
use crate::trace::{DeadLetterName, MessageRole, Target, TargetKind};

use super::logged_message::{Identity, Inside, LoggedMessage, RepeatableWrite, Sender, SentBy};

/// What is yes or no, or one of a few, as one number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits(pub(super) u32);

impl Bits {
    /// Those of a message.
    pub(super) fn of(message: &LoggedMessage) -> Self {
        let flags = [
            message.failed,
            message.is_batch,
            message.is_delayed,
            message.is_dead_lettered,
            message.is_producer,
            message.is_inner,
            message.may_come_again,
        ];
        let flags = flags.into_iter().rev().fold(0, |bits, flag| bits << 1 | u32::from(flag));
        Self(flags << 5 | (message.dead_letter as u32) << 3 | message.role as u32)
    }

    /// Says them of a message.
    pub(super) fn tell(self, message: &mut LoggedMessage) {
        message.role = MessageRole::ALL.get((self.0 & 7) as usize).copied().unwrap_or_default();
        message.dead_letter = DeadLetterName::ALL.get((self.0 >> 3 & 3) as usize).copied().unwrap_or_default();
        let flags = [
            &mut message.failed,
            &mut message.is_batch,
            &mut message.is_delayed,
            &mut message.is_dead_lettered,
            &mut message.is_producer,
            &mut message.is_inner,
            &mut message.may_come_again,
        ];
        (5..).zip(flags).for_each(|(bit, flag)| *flag = self.0 >> bit & 1 != 0);
    }
}

/// Takes messages.
#[derive(Debug, Default)]
pub(crate) struct MessagePacker {
    packer: Packer,
    len: usize,
    last_start: i64,
}

impl MessagePacker {
    /// Adds a message.
    pub(super) fn push(&mut self, message: &LoggedMessage) {
        let packer = &mut self.packer;
        packer.number(u64::from(Bits::of(message).0));
        for symbol in [message.topic, message.group, message.service, message.operation, message.error_type] {
            packer.number(u64::from(symbol.0));
        }
        packer.number(u64::from(message.trace.0));
        packer.number(u64::from(message.row));
        packer.0.extend_from_slice(&message.span_id.0.to_le_bytes());
        packer.signed(message.start.wrapping_sub(self.last_start));
        self.last_start = message.start;
        packer.signed(message.duration);
        packer.signed(message.path_ns);
        packer.number(message.adjusted_count.to_bits().rotate_left(12));
        if message.role == MessageRole::Publish {
            packer.0.extend_from_slice(&message.link.to_le_bytes());
        }
        if message.role.is_processing() {
            self.push_processing(message);
        } else {
            self.push_inside(message.inside);
        }
        self.len += 1;
    }

    fn push_processing(&mut self, message: &LoggedMessage) {
        self.push_identity(message.identity);
        let packer = &mut self.packer;
        for number in [message.partition, message.offset, message.key, message.deliveries, message.instance] {
            packer.number(number);
        }
        packer.number(u64::from(message.waited_ns.is_some()));
        if let Some(waited_ns) = message.waited_ns {
            packer.signed(waited_ns);
        }
        match message.sent_by {
            SentBy::Unknown => packer.number(0),
            SentBy::Span(sender) => {
                packer.number(1 + u64::from(sender.is_delayed));
                packer.number(u64::from(sender.service.0));
                packer.signed(message.start.wrapping_sub(sender.start));
                packer.signed(message.start.wrapping_sub(sender.end));
            }
            SentBy::Link(link) => {
                packer.number(3);
                packer.0.extend_from_slice(&link.to_le_bytes());
            }
        }
        packer.number(message.writes.len() as u64);
        for write in &message.writes {
            packer.number(u64::from(write.target.name.0));
            packer.number(write.target.kind as u64 | u64::from(write.inserts) << 4);
            packer.number(u64::from(write.operation.0));
        }
    }

    fn push_identity(&mut self, identity: Identity) {
        let packer = &mut self.packer;
        match identity {
            Identity::Unknown => packer.number(0),
            Identity::Id(id) => {
                packer.number(1);
                packer.number(id);
            }
            Identity::Offset(partition, offset) => {
                packer.number(2);
                packer.number(partition);
                packer.number(offset);
            }
        }
    }

    fn push_inside(&mut self, inside: Option<Inside>) {
        self.packer.number(u64::from(inside.is_some()));
        if let Some(inside) = inside {
            self.packer.number(u64::from(inside.topic.0));
            self.packer.number(u64::from(inside.group.0));
            self.push_identity(inside.identity);
            self.packer.number(inside.deliveries);
            self.packer.number(u64::from(inside.bits()));
        }
    }

    /// Number of messages.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.packer.0.capacity()
    }

    /// The messages, packed.
    pub(super) fn packed(&self) -> &[u8] {
        &self.packer.0
    }

    /// Takes the packed messages out.
    pub(super) fn take(&mut self) -> Box<[u8]> {
        std::mem::take(self).packer.0.into_boxed_slice()
    }
}

/// Shows each message that was packed to `take`, which may change it: messages are large, so that there is room for one.
pub(super) fn unpack(bytes: &[u8], mut take: impl FnMut(&mut LoggedMessage)) {
    let mut unpacker = Unpacker(bytes);
    let mut last_start = 0i64;
    let mut message = LoggedMessage::default();
    while !unpacker.0.is_empty() {
        let mut writes = std::mem::take(&mut message.writes);
        writes.clear();
        message = LoggedMessage { writes, ..LoggedMessage::default() };
        Bits(unpacker.number() as u32).tell(&mut message);
        let LoggedMessage { topic, group, service, operation, error_type, .. } = &mut message;
        for symbol in [topic, group, service, operation, error_type] {
            *symbol = unpacker.symbol();
        }
        message.trace = TraceNumber(unpacker.number() as u32);
        message.row = unpacker.number() as u32;
        message.span_id = SpanId(u64::from_le_bytes(unpacker.word()));
        message.start = last_start.wrapping_add(unpacker.signed());
        last_start = message.start;
        message.duration = unpacker.signed();
        message.path_ns = unpacker.signed();
        message.adjusted_count = f64::from_bits(unpacker.number().rotate_right(12));
        if message.role == MessageRole::Publish {
            message.link = u64::from_le_bytes(unpacker.word());
        }
        if message.role.is_processing() {
            unpacker.processing(&mut message);
        } else {
            message.inside = unpacker.inside();
        }
        take(&mut message);
    }
}

impl Unpacker<'_> {
    fn symbol(&mut self) -> Symbol {
        Symbol(self.number() as u32)
    }

    fn processing(&mut self, message: &mut LoggedMessage) {
        message.identity = self.identity();
        let LoggedMessage { partition, offset, key, deliveries, instance, .. } = message;
        for number in [partition, offset, key, deliveries, instance] {
            *number = self.number();
        }
        message.waited_ns = if self.number() == 0 { None } else { Some(self.signed()) };
        message.sent_by = match self.number() {
            0 => SentBy::Unknown,
            3 => SentBy::Link(u64::from_le_bytes(self.word())),
            sent => SentBy::Span(Sender {
                service: self.symbol(),
                start: message.start.wrapping_sub(self.signed()),
                end: message.start.wrapping_sub(self.signed()),
                is_delayed: sent == 2,
            }),
        };
        for _ in 0..self.number() {
            let name = self.symbol();
            let bits = self.number();
            let kind = TargetKind::ALL.get((bits & 0xf) as usize).copied().unwrap_or_default();
            let operation = self.symbol();
            message.writes.push(RepeatableWrite { target: Target { name, kind }, operation, inserts: bits >> 4 != 0 });
        }
    }

    fn identity(&mut self) -> Identity {
        match self.number() {
            1 => Identity::Id(self.number()),
            2 => {
                let partition = self.number();
                Identity::Offset(partition, self.number())
            }
            _ => Identity::Unknown,
        }
    }

    fn inside(&mut self) -> Option<Inside> {
        (self.number() != 0).then(|| {
            let (topic, group) = (self.symbol(), self.symbol());
            let (identity, deliveries) = (self.identity(), self.number());
            Inside { topic, group, identity, deliveries, ..Inside::default() }.with_bits(self.number() as u32)
        })
    }
}
