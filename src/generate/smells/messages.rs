//! Messages as those who send and process them record them: with ids, or with their places in partitions.

use crate::generate::conventions::{PARTITIONS, put_number, put_text};
use crate::generate::services::Service;
use crate::generate::trace_builder::{Handler, MICROSECOND, MILLISECOND, Scope, TraceBuilder};
use crate::span::SpanKind;

/// A message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) topic: &'static str,
    /// Tells it from others of its topic: its id is made of it, or it is its offset.
    pub(super) number: u64,
    /// The partition that it has a place in; without one it has an id.
    pub(super) partition: Option<usize>,
    /// What it is about, where its order among others of the same matters.
    pub(super) key: Option<u64>,
    /// Size of its body in bytes; 0 if nobody says.
    pub(super) bytes: u64,
}

impl Message {
    pub(super) fn new(topic: &'static str, number: u64) -> Self {
        Self { topic, number, partition: None, key: None, bytes: 0 }
    }

    /// A message in a partition.
    pub(super) fn placed(topic: &'static str, number: u64, partition: usize) -> Self {
        Self { partition: Some(partition), ..Self::new(topic, number) }
    }
}

impl TraceBuilder {
    fn put_message(&mut self, span: usize, message: &Message, operation: &'static str) {
        let &Message { topic, number, partition, key, bytes } = message;
        let attributes = self.attributes(span);
        put_text(attributes, "messaging.system", "kafka");
        put_text(attributes, "messaging.destination.name", topic);
        put_text(attributes, "messaging.operation.type", operation);
        put_text(attributes, "messaging.operation.name", operation);
        match partition {
            None => put_text(attributes, "messaging.message.id", format!("{topic}-{number:08}")),
            Some(partition) => {
                put_text(attributes, "messaging.destination.partition.id", PARTITIONS[partition]);
                put_number(attributes, "messaging.kafka.offset", number as i64);
            }
        }
        if let Some(key) = key {
            put_text(attributes, "messaging.kafka.message.key", format!("{key:06}"));
        }
        if bytes > 0 {
            put_number(attributes, "messaging.message.body.size", bytes as i64);
        }
    }

    /// Sends a message, in vain if there is an error, given as its type. The result is the PRODUCER span.
    pub(super) fn send_message(
        &mut self,
        handler: &mut Handler,
        message: &Message,
        error: Option<&'static str>,
    ) -> usize {
        let (service, name) = (handler.service, format!("send {}", message.topic));
        let span = self.open(Some(handler.span), service, Scope::Messaging, SpanKind::Producer, name, handler.now);
        self.put_message(span, message, "send");
        put_text(self.attributes(span), "server.address", "broker");
        handler.now += self.random.log_normal(400 * MICROSECOND, 0.6).max(50 * MICROSECOND);
        if let Some(error) = error {
            put_text(self.attributes(span), "error.type", error);
            self.fail(span, "the broker did not answer");
        }
        self.end(span, handler.now);
        self.pass(handler);
        span
    }

    /// `receiver` begins to process the message that `producer` sent, so long after it was sent.
    pub(super) fn take_message(
        &mut self,
        producer: usize,
        receiver: Service,
        message: &Message,
        wait_ns: u64,
    ) -> Handler {
        let start = self.spans[producer].record.end_unix_nano + wait_ns;
        let name = format!("process {}", message.topic);
        let span = self.open(Some(producer), receiver, Scope::Messaging, SpanKind::Consumer, name, start);
        self.put_message(span, message, "process");
        put_text(self.attributes(span), "messaging.consumer.group.name", receiver.name());
        put_text(self.attributes(span), "messaging.client.id", format!("{}-1", receiver.name()));
        let mut handler = Handler { span, service: receiver, now: start };
        self.pass(&mut handler);
        handler
    }

    /// Some milliseconds until a message is fetched.
    pub(super) fn poll(&mut self) -> u64 {
        self.random.between(3 * MILLISECOND, 9 * MILLISECOND)
    }
}
