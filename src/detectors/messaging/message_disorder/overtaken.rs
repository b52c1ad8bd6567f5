//! Which message overtook another, and which was still being processed, found without comparing each with each.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::gathered::LoggedMessage;

/// How far apart two messages must start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gaps {
    /// In the same instance, in ns.
    pub(super) within_ns: i64,
    /// In another, or where it is not known, in ns.
    pub(super) across_ns: i64,
}

/// Messages that come in the order of starts, each with its place in the order in which they should.
///
/// Of those with a larger place the first to start is found among those whose place was the largest so far: their places
/// rise with their starts.
#[derive(Debug)]
pub(super) struct Overtaken<'a> {
    gaps: Gaps,
    of_all: Vec<(u64, &'a LoggedMessage)>,
    of_instances: HashMap<u64, Vec<(u64, &'a LoggedMessage)>, FixedState>,
}

impl<'a> Overtaken<'a> {
    pub(super) fn new(gaps: Gaps) -> Self {
        Self { gaps, of_all: Vec::new(), of_instances: HashMap::default() }
    }

    /// Adds a message, which starts no earlier than those before.
    pub(super) fn add(&mut self, message: &'a LoggedMessage, place: u64) {
        let of_instance = (message.instance != 0).then(|| self.of_instances.entry(message.instance).or_default());
        for largest in [Some(&mut self.of_all), of_instance].into_iter().flatten() {
            if largest.last().is_none_or(|&(last, _)| place > last) {
                largest.push((place, message));
            }
        }
    }

    /// The first message to start of those with a larger place than `place` that started long enough before `message`.
    pub(super) fn overtaking(&self, message: &LoggedMessage, place: u64) -> Option<&'a LoggedMessage> {
        let first = |largest: &[(u64, &'a LoggedMessage)], gap_ns: i64| {
            let &(_, other) = largest.get(largest.partition_point(|&(other, _)| other <= place))?;
            (message.start.saturating_sub(other.start) >= gap_ns).then_some(other)
        };
        let of_instance = (message.instance != 0).then(|| self.of_instances.get(&message.instance)).flatten();
        // Whoever started long enough before in any instance started before all others.
        first(&self.of_all, self.gaps.across_ns).or_else(|| first(of_instance?, self.gaps.within_ns))
    }
}

/// Messages that come in the order of starts, and until when they are processed.
///
/// Kept are those that end after all with a smaller offset: of those with a smaller offset than another one the last of
/// these ends last.
#[derive(Debug)]
pub(super) struct Overlapped<'a> {
    gaps: Gaps,
    of_all: BTreeMap<u64, &'a LoggedMessage>,
    of_instances: HashMap<u64, BTreeMap<u64, &'a LoggedMessage>, FixedState>,
}

impl<'a> Overlapped<'a> {
    pub(super) fn new(gaps: Gaps) -> Self {
        Self { gaps, of_all: BTreeMap::new(), of_instances: HashMap::default() }
    }

    /// Adds a message, which starts no earlier than those before.
    pub(super) fn add(&mut self, message: &'a LoggedMessage) {
        let of_instance = (message.instance != 0).then(|| self.of_instances.entry(message.instance).or_default());
        for last in [Some(&mut self.of_all), of_instance].into_iter().flatten() {
            let before = last.range(..=message.offset).next_back();
            if before.is_some_and(|(_, before)| before.end() >= message.end()) {
                continue;
            }
            while let Some((&offset, _)) =
                last.range(message.offset..).next().filter(|(_, behind)| behind.end() <= message.end())
            {
                last.remove(&offset);
            }
            last.insert(message.offset, message);
        }
    }

    /// A message with a smaller offset that is still being processed long enough after `message` has started.
    pub(super) fn running(&self, message: &LoggedMessage) -> Option<&'a LoggedMessage> {
        let last = |last: &BTreeMap<u64, &'a LoggedMessage>, gap_ns: i64| {
            let (_, &other) = last.range(..message.offset).next_back()?;
            (other.end().saturating_sub(message.start) >= gap_ns).then_some(other)
        };
        let of_instance = (message.instance != 0).then(|| self.of_instances.get(&message.instance)).flatten();
        last(&self.of_all, self.gaps.across_ns).or_else(|| last(of_instance?, self.gaps.within_ns))
    }
}
