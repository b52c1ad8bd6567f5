use std::collections::BTreeMap;

use super::*;
use crate::partial::written;
use crate::trace::DeadLetterName;
use crate::trace::sample::{SAMPLE_START, Sample};

const MESSAGES: u32 = 40_000;
const TRACES: u32 = 3_000;

/// Messages of all roles with and without everything that they may have; half of them of one topic, and starts repeat.
fn message(number: u32) -> LoggedMessage {
    let mixed = number.wrapping_mul(2_654_435_761) >> 8;
    let has = |one_in: u32| mixed.is_multiple_of(one_in);
    let role = MessageRole::ALL[1 + (mixed % 4) as usize];
    let identity = match mixed % 3 {
        0 => Identity::Unknown,
        1 => Identity::Id(u64::from(mixed) << 30 | 1),
        _ => Identity::Offset(u64::from(mixed % 7) + 1, u64::from(mixed)),
    };
    let start = SAMPLE_START + i64::from(mixed % 5_000) * 1_000;
    let of_role = if role.is_processing() {
        let sender = Sender { service: Symbol(mixed % 6), start: start - 900, end: start - 500, is_delayed: has(4) };
        let write = |place: u32| RepeatableWrite {
            target: Target { name: Symbol(mixed % 11), kind: TargetKind::ALL[(place % 4) as usize] },
            operation: Symbol(place),
            inserts: place.is_multiple_of(2),
        };
        LoggedMessage {
            identity,
            partition: u64::from(mixed % 3),
            offset: u64::from(mixed % 1_000),
            key: u64::from(mixed % 5) << 40,
            deliveries: u64::from(mixed % 4),
            waited_ns: has(2).then_some(i64::from(mixed % 100) - 50),
            instance: u64::from(mixed % 2) << 35,
            sent_by: [SentBy::Unknown, SentBy::Span(sender), SentBy::Link(u64::from(mixed % MESSAGES) + 7)]
                [mixed as usize % 3],
            writes: (0..mixed % 3).map(write).collect(),
            ..LoggedMessage::default()
        }
    } else {
        let inside = Inside {
            topic: Symbol(mixed % 9),
            group: Symbol(mixed % 8),
            identity,
            deliveries: u64::from(mixed % 3),
            dead_letter: DeadLetterName::ALL[(mixed % 3) as usize],
            failed: mixed.is_multiple_of(2),
            is_dead_lettered: mixed.is_multiple_of(5),
        };
        let link = if role == MessageRole::Publish { u64::from(number) + 7 } else { 0 };
        LoggedMessage { inside: has(2).then_some(inside), link, ..LoggedMessage::default() }
    };
    LoggedMessage {
        topic: Symbol(if has(2) { 1 } else { mixed % 20 }),
        group: Symbol(mixed % 5),
        service: Symbol(mixed % 4),
        operation: Symbol(mixed % 3),
        role,
        trace: TraceNumber(number % TRACES),
        row: number / TRACES,
        span_id: SpanId(u64::from(number) << 17),
        start,
        duration: i64::from(mixed % 977),
        failed: has(5),
        is_batch: has(13),
        is_delayed: has(7),
        is_dead_lettered: has(6),
        is_producer: has(2),
        is_inner: has(9),
        dead_letter: DeadLetterName::ALL[(number % 3) as usize],
        error_type: Symbol(mixed % 2),
        path_ns: i64::from(mixed) - 1_000,
        adjusted_count: f64::from(mixed % 3) / 2.0,
        ..of_role
    }
}

fn logs(parts: u32, store: Option<&Arc<SpillStore>>, number: impl Fn(TraceNumber) -> TraceNumber) -> Vec<MessageLog> {
    let log_of = |part: u32| {
        let mut log = MessageLog { at_once: Some(15_000), ..MessageLog::new(store) };
        for message in (0..MESSAGES).map(message).filter(|message| message.trace.0 % parts == part) {
            log.push(&LoggedMessage { trace: number(message.trace), ..message });
        }
        log
    };
    (0..parts).map(log_of).collect()
}

fn merged(logs: impl Iterator<Item = MessageLog>) -> MessageLog {
    logs.reduce(|mut left, right| {
        left.merge(right);
        left
    })
    .unwrap()
}

fn shown(log: &MessageLog) -> Vec<(Symbol, Vec<LoggedMessage>)> {
    let mut shown = Vec::new();
    let show = |of: &MessagesOfTopic<'_>| {
        let mut all = Vec::new();
        of.for_each(|message| all.push(message.clone()));
        let mut again = 0;
        of.for_each(|_| again += 1);
        assert_eq!(all.len(), again, "they can be asked for again");
        shown.push((of.subject, all));
    };
    log.for_each_topic(show).unwrap();
    // What may come again may be less than that.
    for (_, messages) in &mut shown {
        let mut times: HashMap<(Symbol, Identity), (u32, bool)> = HashMap::default();
        for message in messages.iter().filter(|message| message.role.is_processing()) {
            let (times, may_come_again) = times.entry((message.group, message.identity)).or_insert((0, true));
            *times += 1;
            *may_come_again &= message.may_come_again;
        }
        assert!(times.iter().all(|((_, identity), (times, may_come_again))| {
            *identity == Identity::Unknown || *times < 2 || *may_come_again
        }));
        assert!(messages.iter().all(|message| !message.may_come_again || message.identity != Identity::Unknown));
        messages.iter_mut().for_each(|message| message.may_come_again = false);
    }
    shown
}

/// What must be shown: each topic once, in time order, what links lead to, and no message that was received where it is processed.
fn expected() -> Vec<(Symbol, Vec<LoggedMessage>)> {
    let all: Vec<LoggedMessage> = (0..MESSAGES).map(message).collect();
    let senders: HashMap<u64, &LoggedMessage> =
        all.iter().filter(|sent| sent.link != 0 && !sent.is_batch).map(|sent| (sent.link, sent)).collect();
    let processed: HashSet<(Symbol, Symbol)> = all
        .iter()
        .filter(|message| message.role == MessageRole::Process)
        .map(|message| (message.topic, message.service))
        .collect();
    let is_shown = |message: &&LoggedMessage| {
        !message.topic.is_empty()
            && (message.role != MessageRole::Publish || message.dead_letter != DeadLetterName::No)
            && (message.role != MessageRole::Receive || !processed.contains(&(message.topic, message.service)))
    };
    let mut messages: Vec<LoggedMessage> = all.iter().filter(is_shown).cloned().collect();
    for message in &mut messages {
        if let SentBy::Link(link) = message.sent_by {
            message.sent_by = senders.get(&link).map_or(SentBy::Unknown, |sent| {
                SentBy::Span(Sender {
                    service: sent.service,
                    start: sent.start,
                    end: sent.end(),
                    is_delayed: sent.is_delayed,
                })
            });
        }
    }
    messages.sort_by_key(|message| (message.topic, message.start, message.trace, message.row));
    messages
        .chunk_by(|left, right| left.topic == right.topic)
        .map(|messages| (messages[0].topic, messages.to_vec()))
        .collect()
}

/// What is known of topics: how many messages were sent there, and whether the name of any says that they could not be processed.
fn facts(log: &MessageLog) -> BTreeMap<Symbol, (u64, DeadLetterName)> {
    log.topics().map(|(topic, facts)| (topic, (facts.published, facts.dead_letter))).collect()
}

fn expected_facts() -> BTreeMap<Symbol, (u64, DeadLetterName)> {
    let mut facts: BTreeMap<Symbol, (u64, DeadLetterName)> = BTreeMap::new();
    for message in (0..MESSAGES).map(message).filter(|message| !message.topic.is_empty()) {
        let (published, dead_letter) = facts.entry(message.topic).or_default();
        *published += u64::from(message.role == MessageRole::Publish && !message.is_inner);
        *dead_letter = message.dead_letter.max(*dead_letter);
    }
    facts
}

/// Every topic is shown once, whatever parts were merged in what order, whether traces were renumbered before or after, and
/// whether there was memory for the messages or not.
#[test]
fn topics_are_shown_once_in_time_order() {
    let expected = expected();
    let folder = tempfile::tempdir().unwrap();
    let backwards = |trace: TraceNumber| TraceNumber(TRACES - 1 - trace.0);
    for limit in [None, Some(0), Some(u64::MAX)] {
        let store = limit.map(|limit| Arc::new(SpillStore::new(folder.path(), limit)));
        for parts in [1, 3] {
            let whole = merged(logs(parts, store.as_ref(), |trace| trace).into_iter());
            assert!(shown(&whole) == expected, "{limit:?} {parts}");
            assert_eq!(facts(&whole), expected_facts());
            let mut renumbered = merged(logs(parts, store.as_ref(), backwards).into_iter().rev());
            renumbered.renumber_traces(&backwards);
            assert!(shown(&renumbered) == expected, "{limit:?} {parts}");
            assert_eq!(facts(&renumbered), expected_facts());
        }
        let spilled = store.as_ref().map_or(0, |store| store.spilled_bytes());
        assert_eq!(spilled > 0, limit.is_some_and(|limit| limit < u64::MAX), "{limit:?}");
    }
}

/// Written and read, the messages of several files are those of one log, with strings and traces of the whole.
#[test]
fn files_merge() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere: Vec<u32> = (0..TRACES).rev().collect();
    let back: Vec<u32> = elsewhere.clone();
    let files: Vec<PartialReader> = logs(3, None, |trace| trace)
        .iter()
        .enumerate()
        .map(|(part, log)| {
            let numbers = Renumbering { traces: Some(&elsewhere), ..Renumbering::NONE };
            written(&folder.path().join(part.to_string()), |file| log.write(file, "messages", numbers).unwrap())
        })
        .collect();
    let numbers = Renumbering { traces: Some(&back), ..Renumbering::NONE };
    for order in [[0, 1, 2], [2, 0, 1]] {
        let mut whole = MessageLog::default();
        order.iter().for_each(|&part| whole.merge_file(&files[part], "messages", numbers).unwrap());
        assert!(shown(&whole) == expected());
    }
    assert!(MessageLog::default().merge_file(&files[0], "others", numbers).is_err());
}

/// What the spans of some traces tell, topic by topic: role, service, group, identity, and who has sent it.
fn told(lines: &str) -> Vec<String> {
    let sample = Sample::of(lines);
    let mut log = MessageLog::default();
    for (index, number) in (0..sample.trace_ids().len()).zip(0..) {
        sample.with_trace(index, number, |trace| log.see(trace));
    }
    let name = |symbol: Symbol| sample.semantics.symbols.resolve(symbol);
    let mut told = Vec::new();
    let show = |of: &MessagesOfTopic<'_>| {
        of.for_each(|message| {
            let identity = match message.identity {
                Identity::Unknown => "",
                Identity::Id(_) => " id",
                Identity::Offset(..) => " offset",
            };
            let sender = message.sender().map_or(String::new(), |sender| {
                format!(" from {} {}ms", name(sender.service), (message.start - sender.end) / 1_000_000)
            });
            let inside = message.inside.map_or(String::new(), |inside| format!(" inside {}", name(inside.topic)));
            told.push(format!(
                "{:?} {} {} {}{identity}{sender}{inside}",
                message.role,
                name(of.subject),
                name(message.service),
                name(message.group)
            ));
        });
    };
    log.for_each_topic(show).unwrap();
    let topics: BTreeMap<Symbol, &TopicFacts> = log.topics().collect();
    for (topic, facts) in topics {
        told.push(format!("{} sent to {}", facts.published, name(topic)));
    }
    told
}

/// A framework's span around its client's is one processing; what was received is none where it is processed; a message that is
/// sent on is another.
#[test]
fn one_message_is_told_once() {
    const T: &str = "messaging.destination.name=t";
    let lines = format!(
        "
        1 1 0 web  PRODUCER send    0..10  {T}
        1 2 1 work CONSUMER outer   30..90 {T} messaging.message.id=12345678
        1 3 2 work INTERNAL listen  31..80
        1 4 3 work CONSUMER inner   32..70 {T} messaging.message.id=12345678
        1 5 4 work PRODUCER again   33..40 {T}
        1 7 4 work PRODUCER aside   34..41 {T}.dlq
        1 6 5 work CONSUMER third   95..96 {T}
        2 1 0 work CONSUMER receive 0..10  {T} messaging.operation.type=receive
        2 2 1 work CONSUMER process 5..9   {T} messaging.operation.type=process messaging.consumer.group.name=g
        3 1 0 idle CONSUMER receive 0..10  {T} messaging.operation.type=receive
        "
    );
    assert_eq!(
        told(&lines),
        [
            "Receive t idle idle",
            "Process t work g",
            "Process t work work id from web 20ms",
            "Process t work work from work 55ms",
            "Publish t.dlq work work inside t",
            "2 sent to t",
            "1 sent to t.dlq",
        ]
    );
}

/// Who has sent a message: the parent, but not where several messages were sent or are processed at once. A short id tells nothing.
#[test]
fn batches_and_short_ids_tell_nothing() {
    const T: &str = "messaging.destination.name=t";
    const SEVERAL: &str = "messaging.batch.message_count=2";
    const PLACE: &str = "messaging.destination.partition.id=0 messaging.kafka.offset=0";
    let lines = format!(
        "
        1 1 0 web  PRODUCER send    0..10  {T} {SEVERAL}
        1 2 1 work CONSUMER process 20..30 {T} messaging.message.id=1234567
        2 1 0 web  PRODUCER send    0..10  {T}
        2 2 1 work CONSUMER process 21..30 {T} {SEVERAL} messaging.message.id=12345678 {PLACE}
        3 1 0 web  PRODUCER send    0..10  {T} messaging.batch.message_count=1
        3 2 1 work CONSUMER process 22..30 {T} {PLACE} messaging.message.id=1
        4 1 0 web  SERVER   post    0..10
        4 2 1 work CONSUMER process 23..30 {T} messaging.destination.partition.id=0
        "
    );
    let processed: Vec<String> = told(&lines).into_iter().filter(|told| told.starts_with("Process")).collect();
    assert_eq!(
        processed,
        [
            "Process t work work",
            "Process t work work",
            "Process t work work offset from web 12ms",
            "Process t work work",
        ]
    );
}
