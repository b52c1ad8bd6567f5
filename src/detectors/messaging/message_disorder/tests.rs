use super::overtaken::Overlapped;
use super::*;
use crate::frame::Symbol;
use crate::trace::MessageRole;

const MS: i64 = 1_000_000;
const GAPS: Gaps = Gaps { within_ns: 10 * MS, across_ns: 1_000 * MS };

fn message(offset: u64, instance: u64, start_ms: i64, duration_ms: i64) -> LoggedMessage {
    LoggedMessage {
        offset,
        partition: 1,
        key: 9,
        instance,
        start: start_ms * MS,
        duration: duration_ms * MS,
        service: Symbol(1),
        ..LoggedMessage::default()
    }
}

/// Offsets that are left once what was read again is left out.
#[test]
fn what_is_read_again_is_left_out() {
    for (offsets, left) in [
        (&[1, 2, 3][..], &[1, 2, 3][..]),
        (&[1, 3, 2, 4], &[1, 3, 2, 4]),
        (&[1, 2, 3, 2, 3, 4, 5], &[1, 2, 3]),
        (&[1, 2, 2, 1, 5, 3, 4], &[1, 2, 3, 4]),
        (&[4, 3, 2, 1], &[4, 3, 2, 1]),
        (&[], &[]),
    ] {
        let messages: Vec<LoggedMessage> = offsets.iter().map(|&offset| message(offset, 1, 0, 0)).collect();
        let mut replays = Replays::default();
        messages.iter().for_each(|message| replays.see(message));
        replays.end();
        let found: Vec<u64> = offsets.iter().copied().filter(|&offset| !replays.holds(offset)).collect();
        assert_eq!(found, left, "{offsets:?}");
    }
}

/// Searches find what comparing each with each finds, whatever the order, the instances and the durations.
#[test]
fn searches_find_what_comparisons_find() {
    let mut found = [0; 2];
    for round in 0..200u64 {
        let noise = |number: u64| {
            (round * 1_000 + number)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
                .wrapping_mul(0xd134_2543_de82_ef95)
                >> 40
        };
        let mut messages: Vec<LoggedMessage> = (0..60)
            .map(|number| {
                let start = noise(4 * number) % 3_000;
                message(
                    noise(4 * number + 1) % 90 + 1,
                    noise(4 * number + 2) % 3,
                    start as i64,
                    (noise(4 * number + 3) % 1_500) as i64,
                )
            })
            .collect();
        messages.sort_by_key(|message| message.start);
        let (mut overtaken, mut overlapped) = (Overtaken::default(), Overlapped::default());
        for (place, message) in messages.iter().enumerate() {
            let gap_to = |other: &LoggedMessage| {
                let is_same = message.instance != 0 && message.instance == other.instance;
                if is_same { GAPS.within_ns } else { GAPS.across_ns }
            };
            let overtakes =
                |other: &&LoggedMessage| other.offset > message.offset && message.start - other.start >= gap_to(other);
            let first = messages[..place].iter().find(overtakes).map(|other| other.start);
            let timed = Timed::of(message, message.offset);
            assert_eq!(overtaken.overtaking(&timed, timed.place, GAPS).map(|other| other.start), first);
            let is_running =
                |other: &LoggedMessage| other.offset < message.offset && other.end() - message.start >= gap_to(other);
            let any_running = messages[..place].iter().any(is_running);
            let running = overlapped.running(&timed, GAPS);
            assert_eq!(running.is_some(), any_running);
            let is_that = |other: &Other| {
                messages[..place].iter().any(|message| message.start == other.start && is_running(message))
            };
            assert!(running.as_ref().is_none_or(is_that));
            found[0] += usize::from(first.is_some());
            found[1] += usize::from(any_running);
            overtaken.add(&timed);
            overlapped.add(&timed, GAPS);
        }
    }
    assert!(found.iter().all(|&count| count > 1_000), "{found:?}");
}

/// Every group reads a partition again on its own, and topics are judged one by one.
#[test]
fn groups_and_topics_are_judged_apart() {
    let detector = MessageDisorder::default();
    let mut seen = SeenAtTheEnd::<Found>::default();
    let messages_of = |group: u32, offsets: &[u64]| -> Vec<LoggedMessage> {
        let timed = (0..).zip(offsets);
        let message = |(at, &offset)| LoggedMessage {
            group: Symbol(group),
            role: MessageRole::Process,
            ..message(offset, 1, i64::from(at) * 1_000, 1)
        };
        timed.map(message).collect()
    };
    // What was read again is no disorder; one late message is.
    let (again, late) = (&[1, 2, 3, 1, 2, 3, 4][..], &[1, 3, 2, 4][..]);
    for (topic, of_groups) in [(1, [again, again, late]), (2, [late, again, again]), (3, [&[], again, late])] {
        let mut messages: Vec<LoggedMessage> =
            (1..).zip(of_groups).flat_map(|(group, offsets)| messages_of(group, offsets)).collect();
        messages.sort_by_key(|message| message.start);
        for round in [MessageRound::First, MessageRound::Second] {
            messages.iter().for_each(|message| detector.see_message(round, message, &mut seen));
            assert_eq!(detector.end_topic(round, Symbol(topic), &mut seen), round == MessageRound::First);
        }
    }
    let found: Vec<(u32, u32, u64, usize)> = (seen.0.disorders.iter())
        .map(|disorder| (disorder.topic.0, disorder.group.0, disorder.messages, disorder.late.len()))
        .collect();
    assert_eq!(found, [(1, 3, 4, 1), (2, 1, 4, 1), (3, 3, 4, 1)]);
}
