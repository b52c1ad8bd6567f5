//! What a signature tells of messages: the topic, the group of consumers, and whether its spans send messages or process them.

mod destination_words;

use crate::conventions::{Attribute, SEVERAL_MESSAGES, WordList, is_one_of};
use crate::frame::{Symbol, Symbols};
use crate::span::SpanKind;

use super::target::{Attributes, Class};

pub use destination_words::DeadLetterName;
pub(crate) use destination_words::{dead_letter_name, destination_words, without_dead_letter_words};

/// What the spans of a signature do with messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum MessageRole {
    /// Nothing that anybody asks for.
    #[default]
    None,
    /// They process what came from a topic.
    Process,
    /// They send, or make what is sent.
    Publish,
    /// They receive messages that others may process.
    Receive,
    /// They tell the broker that a message cannot be processed.
    Settle,
}

impl MessageRole {
    /// All roles, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Process, Self::Publish, Self::Receive, Self::Settle];

    /// Whether they take messages from a topic.
    pub fn is_processing(self) -> bool {
        matches!(self, Self::Process | Self::Receive)
    }
}

/// What a signature tells of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MessageFacts {
    /// System and destination; empty if there is no destination.
    pub topic: Symbol,
    /// The group of consumers; empty if the span does not say.
    pub group: Symbol,
    /// What its spans do.
    pub role: MessageRole,
    /// Whether they are about several messages each.
    pub is_batch: bool,
    /// Whether they say that a message cannot be processed.
    pub is_dead_lettered: bool,
    /// Whether the destination's name says that its messages are to wait.
    pub is_delayed: bool,
    /// Whether the destination's name says that its messages could not be processed.
    pub dead_letter: DeadLetterName,
}

/// What is done with messages that is no processing of one.
const NO_PROCESSING: [&str; 7] = ["settle", "ack", "nack", "modack", "send", "publish", "create"];

/// What is done where messages are received and no more.
const RECEIVING: [&str; 2] = ["receive", "poll"];

/// What clients do that send.
const SENDING: [&str; 3] = ["send", "publish", "create"];

/// Operations of AWS that send messages or events.
const SENDING_OF_AWS: [&str; 7] =
    ["SendMessage", "SendMessageBatch", "Publish", "PublishBatch", "PutRecord", "PutRecords", "PutEvents"];

/// What the signature tells; its strings go to `symbols`. Messages of destinations with a word of `delay_words` are to wait.
pub(super) fn facts_of(
    attributes: &Attributes<'_>,
    class: Class,
    delay_words: &WordList,
    symbols: &mut Symbols,
) -> MessageFacts {
    use Attribute as A;
    let kind = attributes.signature.kind;
    let disposition = attributes.get(A::MessagingDisposition);
    let may_tell = matches!(kind, SpanKind::Producer | SpanKind::Consumer) || class == Class::Messaging;
    if !may_tell && disposition.is_none() && !publishes(attributes, class) {
        return MessageFacts::default();
    }
    let operation = attributes.get(A::MessagingOperation).unwrap_or_default();
    let destination = attributes.destination();
    let is_dead_lettered = disposition.is_some_and(|said| {
        let letters = said.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
        matches!(letters.collect::<String>().as_str(), "deadletter" | "deadlettered")
    });
    let role = match kind {
        _ if publishes(attributes, class) => MessageRole::Publish,
        SpanKind::Consumer if destination.is_some() && is_one_of(operation, &RECEIVING) => MessageRole::Receive,
        SpanKind::Consumer if destination.is_some() && !is_one_of(operation, &NO_PROCESSING) => MessageRole::Process,
        _ if is_dead_lettered => MessageRole::Settle,
        _ => MessageRole::None,
    };
    MessageFacts {
        topic: topic_of(attributes).map_or(Symbol::EMPTY, |topic| symbols.intern(&topic)),
        group: attributes.get(A::MessagingGroup).map_or(Symbol::EMPTY, |group| symbols.intern(group)),
        role,
        is_batch: attributes.get(A::MessagingBatch) == Some(SEVERAL_MESSAGES),
        is_dead_lettered,
        is_delayed: destination.is_some_and(|name| delay_words.has_word_of(name)),
        dead_letter: destination.map_or(DeadLetterName::No, dead_letter_name),
    }
}

/// System and destination, if there is one.
pub(super) fn topic_of(attributes: &Attributes<'_>) -> Option<String> {
    let destination = attributes.destination()?;
    let system = attributes.get(Attribute::MessagingSystem).map(broker_name);
    Some(system.iter().map(String::as_str).chain([destination]).collect::<Vec<_>>().join("/"))
}

/// Whether spans of the signature send messages.
pub(super) fn publishes(attributes: &Attributes<'_>, class: Class) -> bool {
    use Attribute as A;
    let operation = attributes.get(A::MessagingOperation).unwrap_or_default();
    match attributes.signature.kind {
        SpanKind::Producer => true,
        SpanKind::Client if class == Class::Messaging && is_one_of(operation, &SENDING) => true,
        SpanKind::Client => {
            let systems = [A::RpcSystem, A::MessagingSystem].map(|system| attributes.get(system).unwrap_or_default());
            let is_aws = |system: &str| {
                let lower = system.to_ascii_lowercase();
                lower.starts_with("aws") || lower.starts_with("amazon")
            };
            let name = attributes.symbols.resolve(attributes.signature.name);
            let said = attributes.get(A::RpcMethod).unwrap_or(name);
            let method = said.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            systems.into_iter().any(is_aws) && [operation, method].iter().any(|name| is_one_of(name, &SENDING_OF_AWS))
        }
        _ => false,
    }
}

/// The name of a broker as it is spelled now, in lower case: `aws_sqs` for `AmazonSQS` and `aws.sqs`.
pub(super) fn broker_name(system: &str) -> String {
    let lower = system.to_ascii_lowercase();
    let of_aws = lower.strip_prefix("amazon").or_else(|| lower.strip_prefix("aws"));
    match of_aws.map(|name| name.trim_start_matches(|c: char| !c.is_alphanumeric())) {
        Some(name) if !name.is_empty() => format!("aws_{name}"),
        _ => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample::Sample;

    /// What the only span of each line tells: role, topic and group.
    fn told(lines: &[&str]) -> Vec<(MessageRole, String, String)> {
        let spans: Vec<String> =
            (1..).zip(lines).map(|(trace, line): (u32, _)| format!("{trace} 1 0 shop {line}")).collect();
        let sample = Sample::of(&spans.join("\n"));
        let told_of = |index: usize| {
            let mut told = None;
            sample.with_trace(index, 0, |trace| {
                let facts = trace.semantics_of(0).messaging;
                let text = |symbol: Symbol| trace.semantics.symbols.resolve(symbol).to_owned();
                told = Some((facts.role, text(facts.topic), text(facts.group)));
            });
            told.unwrap()
        };
        (0..lines.len()).map(told_of).collect()
    }

    /// The type of an operation counts before its name, and who only tells the broker processes nothing.
    #[test]
    fn operations_and_kinds_tell_the_role() {
        use MessageRole as R;
        const ORDERS: &str = "messaging.system=kafka messaging.destination.name=orders";
        let cases = [
            (format!("CONSUMER a 0..1 {ORDERS} messaging.operation.type=process"), R::Process),
            (format!("CONSUMER a 0..1 {ORDERS}"), R::Process),
            (format!("CONSUMER a 0..1 {ORDERS} messaging.operation=deliver"), R::Process),
            (format!("CONSUMER a 0..1 {ORDERS} messaging.operation.type=receive"), R::Receive),
            (
                format!("CONSUMER a 0..1 {ORDERS} messaging.operation.type=process messaging.operation.name=ack"),
                R::Process,
            ),
            (format!("CONSUMER a 0..1 {ORDERS} messaging.operation.name=modack"), R::None),
            (format!("CONSUMER a 0..1 {ORDERS} messaging.operation.type=Settle"), R::None),
            ("CONSUMER a 0..1 messaging.system=kafka".to_owned(), R::None),
            (format!("SERVER a 0..1 {ORDERS} messaging.operation.type=process"), R::None),
            ("PRODUCER a 0..1".to_owned(), R::Publish),
            (format!("CLIENT a 0..1 {ORDERS} messaging.operation=Publish"), R::Publish),
            (format!("CLIENT a 0..1 {ORDERS} messaging.operation.type=receive"), R::None),
            ("CLIENT a 0..1 rpc.system=aws-api rpc.service=SQS rpc.method=SendMessage".to_owned(), R::Publish),
            ("CLIENT SNS.Publish 0..1 rpc.system=aws-api".to_owned(), R::Publish),
            ("CLIENT a 0..1 rpc.system=aws-api rpc.method=GetItem".to_owned(), R::None),
            ("CLIENT a 0..1 rpc.system=grpc rpc.method=Publish".to_owned(), R::None),
            (
                format!(
                    "CLIENT a 0..1 {ORDERS} messaging.operation=settle messaging.servicebus.disposition_status=dead_letter"
                ),
                R::Settle,
            ),
            (format!("CLIENT a 0..1 {ORDERS} messaging.servicebus.disposition_status=complete"), R::None),
        ];
        let lines: Vec<&str> = cases.iter().map(|(line, _)| line.as_str()).collect();
        for ((line, role), (found, ..)) in cases.iter().zip(told(&lines)) {
            assert_eq!(found, *role, "{line}");
        }
    }

    #[test]
    fn topics_are_systems_and_destinations() {
        let cases = [
            ("messaging.system=kafka messaging.destination.name=orders", "kafka/orders"),
            ("messaging.system=AmazonSQS messaging.destination=orders", "aws_sqs/orders"),
            ("messaging.system=aws.sqs messaging.source.name=orders", "aws_sqs/orders"),
            ("messaging.system=aws_sns messaging.destination.name=orders", "aws_sns/orders"),
            (
                "messaging.system=rabbitmq messaging.destination.name=amq.default messaging.rabbitmq.routing_key=q",
                "rabbitmq/q",
            ),
            (
                "messaging.system=rabbitmq messaging.destination.name=<default> messaging.rabbitmq.destination.routing_key=q",
                "rabbitmq/q",
            ),
            ("messaging.system=rabbitmq messaging.rabbitmq.routing_key=q", "rabbitmq/q"),
            ("messaging.system=rabbitmq messaging.destination.name=x messaging.rabbitmq.routing_key=q", "rabbitmq/x"),
            ("messaging.destination.name=orders", "orders"),
            ("messaging.system=kafka messaging.destination.name=t messaging.destination.temporary=true", ""),
        ];
        let lines: Vec<String> = cases.iter().map(|(attributes, _)| format!("CONSUMER a 0..1 {attributes}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for ((attributes, topic), (_, found, _)) in cases.iter().zip(told(&lines)) {
            assert_eq!(found, *topic, "{attributes}");
        }
    }

    #[test]
    fn groups_have_many_spellings() {
        for key in [
            "messaging.consumer.group.name",
            "messaging.kafka.consumer.group",
            "messaging.destination.subscription.name",
            "messaging.servicebus.destination.subscription_name",
            "messaging.rocketmq.client_group",
            "messaging.eventhubs.consumer.group",
        ] {
            let line = format!("CONSUMER a 0..1 messaging.destination.name=t {key}=g");
            assert_eq!(told(&[&line])[0].2, "g", "{key}");
        }
    }
}
