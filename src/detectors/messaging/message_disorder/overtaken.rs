//! Which message overtook another, and which was still being processed, found without comparing each with each.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::gathered::LoggedMessage;
use crate::partial::TraceNumber;

/// How far apart two messages must start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gaps {
    /// In the same instance, in ns.
    pub(super) within_ns: i64,
    /// In another, or where it is not known, in ns.
    pub(super) across_ns: i64,
}

/// What messages are compared by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    /// The place in the order in which they should come.
    pub(super) place: u64,
    /// Start in ns since 1970.
    pub(super) start: i64,
    /// End in ns since 1970.
    pub(super) end: i64,
    /// The instance; 0 if that is not known.
    pub(super) instance: u64,
    /// The trace.
    pub(super) trace: TraceNumber,
}

impl Timed {
    /// That of a message with this place.
    pub(super) fn of(message: &LoggedMessage, place: u64) -> Self {
        let LoggedMessage { start, instance, trace, .. } = *message;
        Self { place, start, end: message.end(), instance, trace }
    }
}

/// The message that another one is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Other {
    /// Start in ns since 1970.
    pub(super) start: i64,
    /// The trace.
    pub(super) trace: TraceNumber,
}

/// Messages that come in the order of starts, each with its place in the order in which they should.
///
/// Of those with a larger place the first to start is found among those whose place was the largest so far: their places
/// rise with their starts.
#[derive(Debug, Default)]
pub(super) struct Overtaken {
    of_all: Vec<(u64, Other)>,
    of_instances: HashMap<u64, Vec<(u64, Other)>, FixedState>,
}

impl Overtaken {
    /// Adds a message, which starts no earlier than those before.
    pub(super) fn add(&mut self, message: &Timed) {
        let other = Other { start: message.start, trace: message.trace };
        let of_instance = (message.instance != 0).then(|| self.of_instances.entry(message.instance).or_default());
        for largest in [Some(&mut self.of_all), of_instance].into_iter().flatten() {
            if largest.last().is_none_or(|&(last, _)| message.place > last) {
                largest.push((message.place, other));
            }
        }
    }

    /// The first message to start of those with a larger place than `place` that started long enough before `message`.
    pub(super) fn overtaking(&self, message: &Timed, place: u64, gaps: Gaps) -> Option<Other> {
        let first = |largest: &[(u64, Other)], gap_ns: i64| {
            let &(_, other) = largest.get(largest.partition_point(|&(other, _)| other <= place))?;
            (message.start.saturating_sub(other.start) >= gap_ns).then_some(other)
        };
        let of_instance = (message.instance != 0).then(|| self.of_instances.get(&message.instance)).flatten();
        // Whoever started long enough before in any instance started before all others.
        first(&self.of_all, gaps.across_ns).or_else(|| first(of_instance?, gaps.within_ns))
    }
}

/// Messages that come in the order of starts, and until when they are processed.
///
/// Kept are those that end after all with a smaller place: of those with a smaller place than another one the last of
/// these ends last. Of these again only those that have not ended long since.
#[derive(Debug, Default)]
pub(super) struct Overlapped {
    of_all: BTreeMap<u64, Timed>,
    of_instances: HashMap<u64, BTreeMap<u64, Timed>, FixedState>,
}

impl Overlapped {
    /// Adds a message, which starts no earlier than those before.
    pub(super) fn add(&mut self, message: &Timed, gaps: Gaps) {
        let of_instance = (message.instance != 0).then(|| self.of_instances.entry(message.instance).or_default());
        let gap_ns = gaps.within_ns.min(gaps.across_ns);
        for last in [Some(&mut self.of_all), of_instance].into_iter().flatten() {
            // Ends rise with places.
            while let Some(first) = last.first_entry()
                && first.get().end.saturating_sub(message.start) < gap_ns
            {
                first.remove();
            }
            let before = last.range(..=message.place).next_back();
            if before.is_some_and(|(_, before)| before.end >= message.end) {
                continue;
            }
            while let Some((&place, _)) =
                last.range(message.place..).next().filter(|(_, behind)| behind.end <= message.end)
            {
                last.remove(&place);
            }
            last.insert(message.place, *message);
        }
    }

    /// A message with a smaller place that is still being processed long enough after `message` has started.
    pub(super) fn running(&self, message: &Timed, gaps: Gaps) -> Option<Other> {
        let last = |last: &BTreeMap<u64, Timed>, gap_ns: i64| {
            let (_, other) = last.range(..message.place).next_back()?;
            let is_running = other.end.saturating_sub(message.start) >= gap_ns;
            is_running.then_some(Other { start: other.start, trace: other.trace })
        };
        let of_instance = (message.instance != 0).then(|| self.of_instances.get(&message.instance)).flatten();
        last(&self.of_all, gaps.across_ns).or_else(|| last(of_instance?, gaps.within_ns))
    }
}

/// All messages of one key. Most keys of many topics come once.
#[derive(Debug)]
pub(super) struct OfKey {
    first: Timed,
    several: Option<Box<(Overtaken, Overlapped)>>,
}

impl OfKey {
    /// One message.
    pub(super) fn one(first: Timed) -> Self {
        Self { first, several: None }
    }

    /// What is known of those so far, as soon as there is another.
    pub(super) fn several(&mut self, gaps: Gaps) -> &mut (Overtaken, Overlapped) {
        self.several.get_or_insert_with(|| {
            let mut several = Box::<(Overtaken, Overlapped)>::default();
            several.0.add(&self.first);
            several.1.add(&self.first, gaps);
            several
        })
    }
}
