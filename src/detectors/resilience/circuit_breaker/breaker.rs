//! A circuit breaker, replayed over calls that were made without one.
//!
//! ```text
//!            half of the last calls are outages              wait is over
//!   closed ────────────────────────────────────▶ open ─────────────────────▶ half-open
//!     ▲                                            ▲  half of the trials are outages │
//!     │                                            └─────────────────────────────────┤
//!     └──────────────────────────── fewer are ───────────────────────────────────────┘
//! ```
//!
//! Permission is asked for when a call starts, and its outcome counts when it ends, in the spell of the state that permitted it
//! alone. M. Nygard, "Release It!", 2nd edition, 2018, chapter 5; the counting is that of resilience4j's count-based window.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// What a breaker goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BreakerRules {
    /// So many last outcomes are looked at, once there are as many.
    pub(super) window: u32,
    /// How long it rejects in ns before it tries again.
    pub(super) wait_ns: i64,
    /// How many calls it tries then.
    pub(super) trials: u32,
}

impl BreakerRules {
    /// The defaults of resilience4j 2: `slidingWindowSize` and `minimumNumberOfCalls`, `waitDurationInOpenState`,
    /// `permittedNumberOfCallsInHalfOpenState`.
    pub(super) const RESILIENCE4J: Self = Self { window: 100, wait_ns: 60_000_000_000, trials: 10 };

    /// A pause between two starts of so many waits makes it begin anew.
    const WAITS_OF_PAUSE: i64 = 10;
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Outcome {
    /// The target answered, be it that the caller asked for the wrong thing.
    Fine,
    /// The target failed.
    Outage,
    /// The caller left, which says nothing of the target.
    Cancelled,
}

/// A time during which the breaker was not closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Opening {
    /// When it opened, in ns since 1970.
    pub(super) start: i64,
    /// When it closed again; the largest time if it did not.
    pub(super) end: i64,
    /// Start of the last outage that it rejected.
    pub(super) last_avoided: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open { until: i64 },
    HalfOpen { permitted: u32, ended: u32, outages: u32 },
}

/// A breaker in the middle of a replay.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    rules: BreakerRules,
    state: State,
    /// Number of the spell of the state.
    spell: u32,
    /// Whether each of the last outcomes while closed was an outage.
    outcomes: VecDeque<bool>,
    /// How many of these were.
    outages: usize,
    /// Permitted calls that have not ended: end, number, spell, outcome.
    running: BinaryHeap<Reverse<(i64, u64, u32, Outcome)>>,
    permitted: u64,
    last_start: Option<i64>,
    openings: Vec<Opening>,
}

impl Breaker {
    /// A closed breaker.
    pub(super) fn new(rules: BreakerRules) -> Self {
        Self {
            rules,
            state: State::Closed,
            spell: 0,
            outcomes: VecDeque::new(),
            outages: 0,
            running: BinaryHeap::new(),
            permitted: 0,
            last_start: None,
            openings: Vec::new(),
        }
    }

    /// Takes the next call by start; the answer is whether it is permitted.
    pub(super) fn call(&mut self, start: i64, end: i64, outcome: Outcome) -> bool {
        self.end_until(start);
        let pause = self.rules.wait_ns.saturating_mul(BreakerRules::WAITS_OF_PAUSE);
        if let Some(last) = self.last_start.filter(|&last| start.saturating_sub(last) > pause) {
            self.close(last);
        }
        self.last_start = Some(start);
        if let State::Open { until } = self.state
            && start >= until
        {
            self.enter(State::HalfOpen { permitted: 0, ended: 0, outages: 0 });
        }
        let is_permitted = match &mut self.state {
            State::Closed => true,
            State::Open { .. } => false,
            State::HalfOpen { permitted, .. } => {
                let is_trial = *permitted < self.rules.trials;
                *permitted += u32::from(is_trial);
                is_trial
            }
        };
        if is_permitted {
            self.running.push(Reverse((end, self.permitted, self.spell, outcome)));
            self.permitted += 1;
        } else if outcome == Outcome::Outage
            && let Some(opening) = self.openings.last_mut()
        {
            opening.last_avoided = Some(start);
        }
        is_permitted
    }

    /// The times during which it was not closed, once all calls have ended.
    pub(super) fn openings(mut self) -> Vec<Opening> {
        self.end_until(i64::MAX);
        self.openings
    }

    fn end_until(&mut self, time: i64) {
        while let Some(&Reverse((end, _, spell, outcome))) = self.running.peek()
            && end <= time
        {
            self.running.pop();
            if spell == self.spell {
                self.count(end, outcome);
            }
        }
    }

    /// Counts an outcome in the spell that permitted its call.
    fn count(&mut self, end: i64, outcome: Outcome) {
        let is_outage = outcome == Outcome::Outage;
        match &mut self.state {
            State::Open { .. } => {}
            State::Closed if outcome == Outcome::Cancelled => {}
            State::Closed => {
                self.outcomes.push_back(is_outage);
                self.outages += usize::from(is_outage);
                if self.outcomes.len() > self.rules.window as usize {
                    self.outages -= usize::from(self.outcomes.pop_front() == Some(true));
                }
                if self.outcomes.len() == self.rules.window as usize && self.outages * 2 >= self.outcomes.len() {
                    self.openings.push(Opening { start: end, end: i64::MAX, last_avoided: None });
                    self.open(end);
                }
            }
            State::HalfOpen { permitted, .. } if outcome == Outcome::Cancelled => *permitted -= 1,
            State::HalfOpen { ended, outages, .. } => {
                *ended += 1;
                *outages += u32::from(is_outage);
                if *ended == self.rules.trials {
                    if *outages * 2 >= *ended { self.open(end) } else { self.close(end) }
                }
            }
        }
    }

    fn open(&mut self, time: i64) {
        self.enter(State::Open { until: time.saturating_add(self.rules.wait_ns) });
    }

    fn close(&mut self, time: i64) {
        if let Some(opening) = self.openings.last_mut().filter(|opening| opening.end == i64::MAX) {
            opening.end = time;
        }
        self.enter(State::Closed);
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.spell += 1;
        self.outcomes.clear();
        self.outages = 0;
    }
}

/// Whether one of the openings, which are in order, was on at `time`.
pub(super) fn is_open_at(openings: &[Opening], time: i64) -> bool {
    let begun = openings.partition_point(|opening| opening.start <= time);
    openings[..begun].last().is_some_and(|opening| time < opening.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTBOOK: BreakerRules = BreakerRules { window: 10, wait_ns: 30 * SECOND, trials: 1 };
    const SECOND: i64 = 1_000_000_000;

    /// What becomes of calls, written one after the other: `f` for fine, `o` for an outage, `c` for a cancelled one, each a
    /// second after the one before and half a second long; a number is a pause of so many seconds before the next, and `~` makes
    /// the next call last 100 s. The answer has a capital letter for each call that was rejected, and the openings in seconds.
    fn replay(rules: BreakerRules, calls: &str) -> (String, Vec<(i64, Option<i64>)>) {
        let mut breaker = Breaker::new(rules);
        let (mut start, mut length) = (0, SECOND / 2);
        let mut told = String::new();
        for word in calls.split_whitespace() {
            if let Ok(pause) = word.parse::<i64>() {
                start += pause * SECOND;
                continue;
            }
            for call in word.chars() {
                let outcome = match call {
                    '~' => {
                        length = 100 * SECOND;
                        continue;
                    }
                    'o' => Outcome::Outage,
                    'c' => Outcome::Cancelled,
                    _ => Outcome::Fine,
                };
                let is_permitted = breaker.call(start, start + length, outcome);
                told.push(if is_permitted { call } else { call.to_ascii_uppercase() });
                (start, length) = (start + SECOND, SECOND / 2);
            }
        }
        let seconds = |time: i64| time / SECOND;
        let openings = breaker.openings();
        (told, openings.iter().map(|o| (seconds(o.start), (o.end < i64::MAX).then(|| seconds(o.end)))).collect())
    }

    /// Rejections of the textbook's breaker, and of resilience4j's.
    #[test]
    fn calls_are_rejected() {
        let tenth = "o".repeat(10);
        let after_ten = |calls: &str, told: &str| (format!("{tenth} {calls}"), format!("{tenth}{told}"));
        let told_as_given = |calls: &str| (calls.to_owned(), calls.replace(' ', ""));
        for ((calls, expected), openings) in [
            // Nine are too few to judge by; ten with five outages open it, and the tenth's end counts.
            (told_as_given("ooooooooo"), vec![]),
            (("fffffooooo oo".to_owned(), "fffffoooooOO".to_owned()), vec![(9, None)]),
            (("ffffffoooo oo".to_owned(), "ffffffoooooO".to_owned()), vec![(10, None)]),
            // Cancelled ones count for nothing.
            (told_as_given("cccccccccc ooooo ff"), vec![]),
            // After 30 s one trial: fine closes it with an empty window.
            (after_ten("o 29 f oo", "Ofoo"), vec![(9, Some(40))]),
            // An outage opens it for 30 s more, and is no second opening.
            (after_ten("30 o o 28 ff f", "oOFff"), vec![(9, Some(71))]),
            // While the trial runs all others are rejected, however long that takes.
            (after_ten("30 ~f fo", "fFO"), vec![(9, Some(140))]),
            // A cancelled trial gives its permit back.
            (after_ten("30 c f oo", "cfoo"), vec![(9, Some(41))]),
            // What was permitted before it opened does not count afterwards.
            (("fffff ~o ooooo 30 o o 63 f f".to_owned(), "fffffoooooooOff".to_owned()), vec![(10, Some(106))]),
            // A pause of more than ten waits begins anew, and ends the opening at the last start.
            (after_ten("ooo 301 o", "OOOo"), vec![(9, Some(12))]),
            (after_ten("ooo 299 o", "OOOo"), vec![(9, None)]),
        ] {
            assert_eq!(replay(TEXTBOOK, &calls), (expected, openings), "{calls}");
        }
        let (fifty, hundred) = ("f".repeat(50), "o".repeat(100));
        for (calls, expected, openings) in [
            (format!("{fifty}{} f o", &hundred[..49]), format!("{fifty}{}fo", &hundred[..49]), 1),
            (format!("{} f", &hundred[..99]), format!("{}f", &hundred[..99]), 1),
            (format!("{} c o", &hundred[..98]), format!("{}co", &hundred[..98]), 0),
            // Ten trials: five outages open it again, four do not.
            (format!("{hundred} oo 60 fffffooooo f"), format!("{hundred}OOfffffoooooF"), 1),
            (format!("{hundred} oo 60 ffffffoooo f"), format!("{hundred}OOffffffoooof"), 1),
        ] {
            let (told, opened) = replay(BreakerRules::RESILIENCE4J, &calls);
            assert_eq!((told, opened.len()), (expected, openings), "{calls}");
        }
    }

    #[test]
    fn openings_are_found_by_time() {
        let opening = |start, end| Opening { start, end, last_avoided: None };
        let openings = [opening(10, 20), opening(30, i64::MAX)];
        let open: Vec<i64> = (0..40).step_by(5).filter(|&time| is_open_at(&openings, time)).collect();
        assert_eq!(open, [10, 15, 30, 35]);
    }
}
