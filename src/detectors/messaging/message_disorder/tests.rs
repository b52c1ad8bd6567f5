use super::*;
use crate::frame::Symbol;

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
        let messages: Vec<&LoggedMessage> = messages.iter().collect();
        let found: Vec<u64> = without_replays(&messages).iter().map(|message| message.offset).collect();
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
        let (mut overtaken, mut overlapped) = (Overtaken::new(GAPS), Overlapped::new(GAPS));
        for (place, message) in messages.iter().enumerate() {
            let gap_to = |other: &LoggedMessage| {
                let is_same = message.instance != 0 && message.instance == other.instance;
                if is_same { GAPS.within_ns } else { GAPS.across_ns }
            };
            let overtakes =
                |other: &&LoggedMessage| other.offset > message.offset && message.start - other.start >= gap_to(other);
            let first = messages[..place].iter().find(overtakes).map(|other| other.start);
            assert_eq!(overtaken.overtaking(message, message.offset).map(|other| other.start), first);
            let is_running =
                |other: &LoggedMessage| other.offset < message.offset && other.end() - message.start >= gap_to(other);
            let any_running = messages[..place].iter().any(is_running);
            let running = overlapped.running(message);
            assert_eq!(running.is_some(), any_running);
            assert!(running.is_none_or(is_running));
            found[0] += usize::from(first.is_some());
            found[1] += usize::from(any_running);
            overtaken.add(message, message.offset);
            overlapped.add(message);
        }
    }
    assert!(found.iter().all(|&count| count > 1_000), "{found:?}");
}
