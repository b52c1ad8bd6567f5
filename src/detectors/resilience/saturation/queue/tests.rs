//! What is a queue and what only looks like one.

use super::*;
use crate::gathered::AnsweredCall;

const MS: i64 = 1_000_000;
const SERVICE: Symbol = Symbol(1);
const GET: Symbol = Symbol(10);
const REPORT: Symbol = Symbol(11);
const WEB: InstanceAbove = InstanceAbove { service: Symbol(5), instance: 0 };
const APP: InstanceAbove = InstanceAbove { service: Symbol(5), instance: 7 };

const MINIMUMS: Minimums = Minimums { waits: 8, share: 0.4 };

/// An entry that works from `start` to `end` on a call that was made so long `before` it began; times in ms.
fn entry(before: i64, start: i64, end: i64) -> CallerSpan {
    let (start, end) = (start * MS, end * MS);
    CallerSpan {
        service: SERVICE,
        operation: GET,
        start,
        duration: end - start,
        is_entry: true,
        above: Some(WEB),
        call: Some(AnsweredCall { start: start - before * MS, duration: before * MS + end - start + MS, row: 1 }),
        ..CallerSpan::default()
    }
}

/// Requests of 20 ms one after the other from `start` on, each made 11 ms before its turn.
fn turns(start: i64, count: i64) -> Vec<CallerSpan> {
    (0..count).map(|turn| entry(11, start + turn * 20, start + turn * 20 + 20)).collect()
}

/// The queue of some entries, of which each is of a trace of its own. A tenth of the calls of each caller take 1 ms on their way.
fn queue(mut entries: Vec<CallerSpan>) -> Option<Queue> {
    let callers: HashSet<(Option<InstanceAbove>, u64)> =
        entries.iter().map(|entry| (entry.above, entry.instance)).collect();
    let fast = entries.len() / 10 + 1;
    for (above, instance) in callers {
        entries.extend(std::iter::repeat_n(CallerSpan { above, instance, ..entry(1, -90, -80) }, fast));
    }
    (0..).zip(&mut entries).for_each(|(number, entry)| entry.trace = TraceNumber(number));
    entries.sort_by_key(|entry| (entry.start, entry.trace, entry.row));
    queue_of(&CallerSpansOfService { service: SERVICE, spans: &entries }, MINIMUMS)
}

/// Limit and number of waits of a queue.
fn found(entries: Vec<CallerSpan>) -> Option<(i64, usize)> {
    queue(entries).map(|queue| (queue.limit, queue.waits.len()))
}

fn with(mut entries: Vec<CallerSpan>, change: impl Fn(usize, &mut CallerSpan)) -> Vec<CallerSpan> {
    (0..).zip(&mut entries).for_each(|(number, entry)| change(number, entry));
    entries
}

/// Of a row of turns the first has nobody before it.
#[test]
fn turns_are_a_queue() {
    assert_eq!(found(turns(0, 9)), Some((1, 8)));
    assert_eq!(found(turns(0, 8)), None, "seven waits");
    let two_lanes = [turns(0, 9), turns(10, 9)].concat();
    assert_eq!(found(two_lanes.clone()), Some((2, 16)));
    let others = with(turns(10, 9), |_, entry| entry.instance = 3);
    assert_eq!(found([turns(0, 9), others].concat()), Some((1, 16)), "levels are those of an instance");
    let messages = with(turns(10, 9), |_, entry| entry.is_consumer = true);
    assert_eq!(found([turns(0, 9), messages].concat()), Some((1, 8)), "messages wait elsewhere");
    let own = with(turns(10, 9), |_, entry| entry.is_entry = false);
    assert_eq!(found([turns(0, 9), own].concat()), Some((1, 8)), "what no request began takes no place");
    let roots = with(turns(10, 9), |_, entry| (entry.above, entry.call) = (None, None));
    assert_eq!(found([turns(0, 9), roots].concat()), Some((2, 8)), "requests of whoever takes one");
}

/// What one entry of a row of ten turns must be to count, by what is changed of all but the first.
#[test]
fn who_begins_when_another_ends() {
    let gap = |ns: i64| {
        found(with(turns(0, 10), |number, entry| {
            let shift = ns * number as i64;
            entry.start += shift;
            if let Some(call) = &mut entry.call {
                call.start += shift;
            }
        }))
    };
    assert_eq!(gap(2 * MS), Some((1, 9)), "a tenth of the time is near");
    assert_eq!(gap(2 * MS + 1), None, "more is not");
    let called = |before: i64| {
        found(with(turns(0, 10), |_, entry| {
            if let Some(call) = &mut entry.call {
                (call.start, call.duration) = (entry.start - before, entry.duration + before);
            }
        }))
    };
    assert_eq!(called(6 * MS), Some((1, 9)));
    assert_eq!(called(6 * MS - 1), None, "5 ms longer than 1 ms");
    let after_the_end = |ns: i64| {
        let entries = (0..10).map(|turn| entry(10, turn * 210, turn * 210 + 200));
        found(with(entries.collect(), |_, entry| {
            if let Some(call) = &mut entry.call {
                call.start += ns;
            }
        }))
    };
    assert_eq!(after_the_end(-1), Some((1, 9)));
    assert_eq!(after_the_end(0), None, "who is called when the one before has ended waits for something else");
    let zero_long = with(turns(0, 10), |_, entry| entry.duration = 0);
    assert_eq!(found(zero_long), None, "nobody is there when the next begins");
    // Something that takes no time ends as each begins, and began no earlier: it is nobody's predecessor, and takes no place.
    let blips = (0..10).map(|turn| CallerSpan { above: None, call: None, ..entry(0, turn * 20, turn * 20) });
    assert_eq!(found(turns(0, 10).into_iter().chain(blips).collect()), Some((1, 9)));
}

/// Of two that end at the same moment, the one that began last was waited for.
#[test]
fn the_last_to_begin_is_the_predecessor() {
    let short = (1..10).map(|turn| CallerSpan {
        operation: REPORT,
        above: None,
        call: None,
        ..entry(0, turn * 20 - 4, turn * 20)
    });
    let queue = queue(turns(0, 10).into_iter().chain(short).collect()).unwrap();
    assert_eq!((queue.holder, queue.holder_share, queue.limit), (REPORT, 1.0, 1));
    assert!(queue.waits.iter().all(|wait| wait.work_ns == 4 * MS));
}

/// A clock that ticks too slowly says nothing: neither that somebody waited for his turn nor that he did not.
#[test]
fn coarse_clocks_count_for_nothing() {
    let ticking = |ms: i64| with(turns(0, 10), move |_, entry| entry.resolution_ns = ms * MS);
    assert_eq!(found(ticking(1)), Some((1, 9)));
    assert_eq!(found(ticking(3)), None, "11 ms are no five ticks");
    let of_four = |resolution_ns: i64| {
        let lanes: Vec<CallerSpan> = (0..4).flat_map(|lane| turns(lane * 5, 10)).collect();
        with(lanes, move |_, entry| entry.resolution_ns = resolution_ns)
    };
    assert_eq!(found(of_four(0)), Some((4, 36)));
    assert_eq!(found(of_four(MS)), None, "two ticks for each of four are more than 6 ms");
    let coarse = (0..4).flat_map(|lane| turns(10_000 + lane * 5, 10)).collect();
    let coarse = with(coarse, |_, entry| entry.resolution_ns = MS);
    let coarse_and_fine = [turns(0, 9), coarse].concat();
    assert_eq!(found(coarse_and_fine), Some((1, 8)), "and they are no waits for anything else");
}

/// Waits that were handed over are 40 % of all, however long the others are.
#[test]
fn most_waits_are_for_a_turn() {
    let slow = |count: i64, before: i64| {
        (0..count).map(move |number| entry(before, 10_000 + number * 100, 10_010 + number * 100))
    };
    let of = |count: i64, before: i64| found(turns(0, 9).into_iter().chain(slow(count, before)).collect());
    // Eight of twenty waits are for a turn: that of the first is for nobody.
    assert_eq!(of(11, 11), Some((1, 8)));
    assert_eq!(of(12, 11), None);
    assert_eq!(of(11, 90), Some((1, 8)), "longer ones count as much as the median");
    assert_eq!(of(22, 6), Some((1, 8)), "shorter ones for what they are");
    assert_eq!(of(23, 6), None);
}

/// The limit is where half of the waits are.
#[test]
fn one_level_is_the_limit() {
    let at_two = |count: i64| [turns(1_000, count), turns(1_010, count)].concat();
    assert_eq!(found([turns(0, 17), at_two(9)].concat()), Some((1, 16)), "16 and 16: the lower one");
    assert_eq!(found([turns(0, 17), at_two(10)].concat()), Some((2, 18)));
    let at_three: Vec<CallerSpan> = (0..3).flat_map(|lane| turns(2_000 + lane * 7, 9)).collect();
    assert_eq!(found([turns(0, 17), at_two(9), at_three].concat()), None, "none has half of them");
}

/// The fastest of twenty calls that one instance makes to another says what a call takes that does not wait.
#[test]
fn floors_are_those_of_callers() {
    let far = with(turns(0, 10), |_, entry| {
        if let Some(call) = &mut entry.call {
            call.start -= 50 * MS;
        }
    });
    let waits = |entries: &[CallerSpan]| {
        let entries: Vec<&CallerSpan> = entries.iter().collect();
        floors_of(&entries)[&WEB]
    };
    assert_eq!(waits(&far), 61 * MS);
    let fast = |count: usize| -> Vec<CallerSpan> { std::iter::repeat_n(entry(-3, 0, 1), count).collect() };
    assert_eq!(waits(&[far[..9].to_vec(), fast(1)].concat()), 0, "what begins before its call did not wait");
    assert_eq!(waits(&[turns(0, 18), fast(1)].concat()), 0, "of 19 the first");
    assert_eq!(waits(&[turns(0, 19), fast(1)].concat()), 11 * MS, "of 20 the second");
    assert_eq!(waits(&[turns(0, 38), fast(2)].concat()), 11 * MS, "of 40 the third");
}

/// Whether callers wait for each other or for themselves tells where the limit is.
#[test]
fn limits_are_with_the_target_or_with_its_callers() {
    let alternating = |every: usize| {
        let entries =
            with(turns(0, 41), |number, entry| entry.above = Some(if number % every == 0 { APP } else { WEB }));
        queue(entries).unwrap().limit_at
    };
    assert_eq!(alternating(2), LimitAt::Target);
    assert_eq!(alternating(10), LimitAt::Target, "8 of 40 follow one of another caller");
    assert_eq!(alternating(11), LimitAt::Unknown, "7 do");
    let apart = [turns(0, 10), with(turns(5_000, 10), |_, entry| entry.above = Some(APP))].concat();
    assert_eq!(queue(apart).unwrap().limit_at, LimitAt::Caller);
    assert_eq!(queue(turns(0, 10)).unwrap().limit_at, LimitAt::Unknown, "one caller waits for itself in any case");
}

/// Who holds the places is told by time, not by number, and all others that waited often enough are victims.
#[test]
fn the_busiest_operation_holds_the_places() {
    let mixed = |reports: usize| {
        // Each report takes 60 ms, so that whoever comes next begins later.
        let mut start = 0;
        let entries = (0..30).map(|number| {
            let is_report = number % (30 / reports) == 0;
            let work = if is_report { 60 } else { 20 };
            start += work;
            CallerSpan { operation: if is_report { REPORT } else { GET }, ..entry(11, start - work, start) }
        });
        let queue = queue(entries.collect()).unwrap();
        (queue.holder, queue.victims)
    };
    assert_eq!(mixed(3), (GET, vec![]), "three reports take 180 ms, 26 gets 520 ms; and two waits are too few");
    assert_eq!(mixed(10), (REPORT, vec![GET]), "ten take 600 ms, 19 gets 380 ms");
    let all = queue(turns(0, 10)).unwrap();
    assert_eq!((all.busy_ns, all.predecessors.len(), all.calls), (180 * MS, 9, 12));
}

/// Nothing that a file can say is a panic.
#[test]
fn times_may_be_anything() {
    let wild = [i64::MIN, -1, 0, 1, i64::MAX].map(|time| {
        (0..10).map(move |number| {
            let call = AnsweredCall { start: time.wrapping_mul(number), duration: time, row: 0 };
            CallerSpan {
                start: time,
                duration: time.wrapping_sub(number),
                call: Some(call),
                resolution_ns: time,
                ..entry(0, 0, 0)
            }
        })
    });
    let _ = queue(wild.into_iter().flatten().collect());
    assert_eq!(queue(Vec::new()), None);
}
