//! Messages that failed at least once, and all attempts to process them.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::gathered::{Identity, LoggedMessage};
use crate::partial::TraceNumber;
use crate::span::SpanId;

/// Messages that failed.
#[derive(Default)]
pub(super) struct FailedMessages {
    /// Those that have an identity, by topic and group.
    known: HashMap<(Symbol, Symbol), BTreeMap<Identity, FailedMessage>, FixedState>,
    /// Those that nothing tells from others: each attempt stands for one.
    unknown: Vec<FailedMessage>,
    /// Of the topic that is shown: those that failed, or may come again.
    of_topic: HashMap<(Symbol, Identity), FailedMessage, FixedState>,
}

/// A message that failed.
#[derive(Clone, Debug)]
pub(super) struct FailedMessage {
    pub(super) topic: Symbol,
    pub(super) group: Symbol,
    /// The service that failed first.
    pub(super) service: Symbol,
    /// In the order of time.
    pub(super) attempts: Vec<Attempt>,
}

/// An attempt to process a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) trace: TraceNumber,
    pub(super) adjusted_count: f64,
    pub(super) span_id: SpanId,
    pub(super) operation: Symbol,
    pub(super) start: i64,
    pub(super) failed: bool,
    end: i64,
    deliveries: u64,
    error_type: Symbol,
    path_ns: i64,
}

impl Attempt {
    fn of(message: &LoggedMessage) -> Self {
        Self {
            trace: message.trace,
            adjusted_count: message.adjusted_count,
            span_id: message.span_id,
            operation: message.operation,
            start: message.start,
            failed: message.failed,
            end: message.end(),
            deliveries: message.deliveries,
            error_type: message.error_type,
            path_ns: message.path_ns,
        }
    }
}

impl FailedMessages {
    /// Takes notice of a message that is processed, in time order.
    pub(super) fn see(&mut self, message: &LoggedMessage) {
        let new = || FailedMessage {
            topic: message.topic,
            group: message.group,
            service: message.service,
            attempts: Vec::new(),
        };
        if message.identity != Identity::Unknown {
            // What comes once and does not fail is none of these.
            if message.failed || message.may_come_again {
                let same = self.of_topic.entry((message.group, message.identity)).or_insert_with(new);
                if message.failed && same.attempts.iter().all(|attempt| !attempt.failed) {
                    same.service = message.service;
                }
                same.attempts.push(Attempt::of(message));
            }
        } else if message.failed && message.deliveries > 0 {
            self.unknown.push(FailedMessage { attempts: vec![Attempt::of(message)], ..new() });
        }
    }

    /// Takes notice that all messages of a topic were seen.
    pub(super) fn end_topic(&mut self) {
        for ((group, identity), message) in std::mem::take(&mut self.of_topic) {
            if message.failures().next().is_some() {
                self.known.entry((message.topic, group)).or_default().insert(identity, message);
            }
        }
    }

    /// The message with this identity, if it failed.
    pub(super) fn get(&self, topic: Symbol, group: Symbol, identity: Identity) -> Option<&FailedMessage> {
        self.known.get(&(topic, group))?.get(&identity)
    }

    /// Those that failed so often, or were delivered so often and failed, by topic and group.
    pub(super) fn poison(&self, min_failures: u64) -> Vec<&FailedMessage> {
        let all = self.known.values().flat_map(BTreeMap::values).chain(&self.unknown);
        let mut poison: Vec<&FailedMessage> = all.filter(|message| message.times() >= min_failures).collect();
        poison.sort_by_key(|message| {
            let first = message.attempts.first().map(|attempt| (attempt.start, attempt.trace, attempt.span_id));
            (message.topic, message.group, first)
        });
        poison
    }
}

impl FailedMessage {
    fn failures(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.failed)
    }

    /// How often it failed, or was delivered until then if that is more.
    pub(super) fn times(&self) -> u64 {
        let delivered = self.failures().map(|attempt| attempt.deliveries).max().unwrap_or(0);
        (self.failures().count() as u64).max(delivered)
    }

    /// From the end of each attempt to the start of the next, in ns.
    pub(super) fn gaps(&self) -> impl Iterator<Item = i64> {
        self.attempts.windows(2).map(|pair| pair[1].start.saturating_sub(pair[0].end))
    }

    /// What the deepest failure of each attempt was.
    pub(super) fn error_types(&self) -> impl Iterator<Item = Symbol> {
        self.failures().map(|attempt| attempt.error_type)
    }

    /// Whether it was processed after it had failed.
    pub(super) fn has_recovered(&self) -> bool {
        self.attempts.iter().skip_while(|attempt| !attempt.failed).any(|attempt| !attempt.failed)
    }

    /// Path time of the attempts after the first, in ns.
    pub(super) fn critical_ns(&self) -> i64 {
        self.attempts.iter().skip(1).fold(0, |sum: i64, attempt| sum.saturating_add(attempt.path_ns))
    }
}
