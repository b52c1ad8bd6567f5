//! What all traces show of the order in which a service calls others.
//!
//! An *item* is what one span calls of one operation of one target. Only spans of one operation that call the same items are compared,
//! for they took the same path through the code. How two items of such a set lie to each other is kept for each pair, as one bit for
//! each thing that a trace can show:
//!
//! ```text
//! set: web GET /cart ─▶ cart.Get, rates.Get, user.Get
//!
//!   pair                    trace 1  2  3  4 │ counts of earlier traces
//!   cart.Get – rates.Get          ◀  ◀  ═  ◀ │ ◀ 812  ▶ 0  ═ 3  …
//!   cart.Get – user.Get           ◀  ▶  ◀  ◀ │ …
//!   rates.Get – user.Get          …
//! ```
//!
//! Most sets are seen in a few traces only where there are many of them: the last four traces take a byte a pair and trace, and only
//! where there are more, counts are kept.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};

use super::call_order::Order;

/// Number of the pairs of so many items.
pub(super) fn pairs_of(items: usize) -> usize {
    items * items.saturating_sub(1) / 2
}

/// Place of a pair among those of so many items.
pub(super) fn place_of_pair(items: usize, first: usize, second: usize) -> usize {
    debug_assert!(first < second && second < items);
    first * items - first * (first + 1) / 2 + (second - first - 1)
}

/// What a trace shows of a pair of items: a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Shown(pub(super) u8);

impl Shown {
    const FIRST_BEFORE: u8 = 1;
    const SECOND_BEFORE: u8 = 1 << 1;
    const OVERLAPPING: u8 = 1 << 2;
    const AFTER_OUTAGE_OF_FIRST: u8 = 1 << 3;
    const AFTER_SUCCESS_OF_FIRST: u8 = 1 << 4;
    const AFTER_OUTAGE_OF_SECOND: u8 = 1 << 5;
    const AFTER_SUCCESS_OF_SECOND: u8 = 1 << 6;

    /// What one span shows. `outages` tells of each of the two whether its last call was an outage.
    pub(super) fn of(order: Order, outages: [bool; 2]) -> Self {
        Self(match (order, outages) {
            (Order::FirstBefore, [true, _]) => Self::FIRST_BEFORE | Self::AFTER_OUTAGE_OF_FIRST,
            (Order::FirstBefore, [false, _]) => Self::FIRST_BEFORE | Self::AFTER_SUCCESS_OF_FIRST,
            (Order::SecondBefore, [_, true]) => Self::SECOND_BEFORE | Self::AFTER_OUTAGE_OF_SECOND,
            (Order::SecondBefore, [_, false]) => Self::SECOND_BEFORE | Self::AFTER_SUCCESS_OF_SECOND,
            (Order::Overlapping, _) => Self::OVERLAPPING,
            (Order::Mixed, _) => 0,
        })
    }

    /// Whether the first came before the second, all of it.
    pub(super) fn first_is_before(self) -> bool {
        self.0 & Self::FIRST_BEFORE != 0
    }

    /// Whether the second came before the first, all of it.
    pub(super) fn second_is_before(self) -> bool {
        self.0 & Self::SECOND_BEFORE != 0
    }
}

/// In how many traces which bit of [`Shown`] is set, and last, in how many one came before the other.
const COUNTS: usize = 8;
const IN_SERIES: usize = 7;

fn count(counts: &mut [u32], shown: u8) {
    for (bit, count) in counts[..IN_SERIES].iter_mut().enumerate() {
        *count += u32::from(shown >> bit & 1);
    }
    counts[IN_SERIES] += u32::from(shown & (Shown::FIRST_BEFORE | Shown::SECOND_BEFORE) != 0);
}

/// What so many traces show of a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct PairCounts([u32; COUNTS]);

impl PairCounts {
    fn of_bit(self, bit: u8) -> u32 {
        self.0[bit.trailing_zeros() as usize]
    }

    /// Traces in which one came before the other, whichever.
    pub(super) fn in_series(self) -> u32 {
        self.0[IN_SERIES]
    }

    /// Traces in which they ran at the same time.
    pub(super) fn overlapping(self) -> u32 {
        self.of_bit(Shown::OVERLAPPING)
    }

    /// Traces in which the first came before the second, and in which it was the other way around.
    pub(super) fn by_order(self) -> [u32; 2] {
        [Shown::FIRST_BEFORE, Shown::SECOND_BEFORE].map(|bit| self.of_bit(bit))
    }

    /// The same, but only those in which the last call of what came before was an outage.
    pub(super) fn after_outage(self) -> [u32; 2] {
        [Shown::AFTER_OUTAGE_OF_FIRST, Shown::AFTER_OUTAGE_OF_SECOND].map(|bit| self.of_bit(bit))
    }

    /// The same, but only those in which it was none.
    pub(super) fn after_success(self) -> [u32; 2] {
        [Shown::AFTER_SUCCESS_OF_FIRST, Shown::AFTER_SUCCESS_OF_SECOND].map(|bit| self.of_bit(bit))
    }
}

/// Traces of which each shows a byte in a word of [`ItemSet::recent`].
const RECENT: u32 = 4;

/// Spans of one operation that call the same items.
#[derive(Clone, Debug)]
pub(super) struct ItemSet {
    /// Traces with such a span.
    traces: u32,
    /// Some of them: as many as a proof needs, or all.
    sample: Vec<TraceNumber>,
    /// The trace that was looked at last.
    last: TraceNumber,
    /// Traces that `counts` holds.
    counted: u32,
    /// What the traces that it does not hold show of each pair, a byte each.
    recent: Vec<u32>,
    /// Counts of each pair, one behind the other; empty while all traces are recent.
    counts: Vec<u32>,
}

impl Default for ItemSet {
    fn default() -> Self {
        let last = TraceNumber::NONE;
        Self { traces: 0, sample: Vec::new(), last, counted: 0, recent: Vec::new(), counts: Vec::new() }
    }
}

impl ItemSet {
    /// Takes what a span of `trace` shows of its pairs; nothing of sets that are too small to be a finding. `sample_size` is how many
    /// traces a proof needs.
    pub(super) fn add(&mut self, trace: TraceNumber, shown: &[Shown], sample_size: u32) {
        if self.last != trace {
            self.last = trace;
            if self.sample.len() < sample_size as usize {
                self.sample.push(trace);
            }
            self.make_room(shown.len());
            self.traces += 1;
        }
        let shift = 8 * (self.traces - self.counted - 1);
        for (recent, shown) in self.recent.iter_mut().zip(shown) {
            *recent |= u32::from(shown.0) << shift;
        }
    }

    /// Makes room for what another trace shows of so many pairs.
    fn make_room(&mut self, pairs: usize) {
        if self.recent.len() < pairs {
            self.recent.resize(pairs, 0);
        }
        if self.traces - self.counted < RECENT {
            return;
        }
        self.counts.resize(self.recent.len() * COUNTS, 0);
        for (recent, counts) in self.recent.iter_mut().zip(self.counts.chunks_exact_mut(COUNTS)) {
            std::mem::take(recent).to_le_bytes().into_iter().for_each(|shown| count(counts, shown));
        }
        self.counted = self.traces;
    }

    fn merge(&mut self, other: Self) {
        self.last = TraceNumber::NONE;
        self.sample.extend(other.sample);
        for lane in 0..other.traces - other.counted {
            self.make_room(other.recent.len());
            let shift = 8 * (self.traces - self.counted);
            for (recent, others) in self.recent.iter_mut().zip(&other.recent) {
                *recent |= (others >> (8 * lane) & 0xff) << shift;
            }
            self.traces += 1;
        }
        self.traces += other.counted;
        self.counted += other.counted;
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(other.counts).for_each(|(count, others)| *count += others);
    }

    /// Traces with such a span.
    pub(super) fn traces(&self) -> u32 {
        self.traces
    }

    /// Some of them: as many as a proof needs, or all.
    pub(super) fn sample(&self) -> &[TraceNumber] {
        &self.sample
    }

    /// What they show of the pair at a place.
    pub(super) fn pair(&self, place: usize) -> PairCounts {
        let mut counts = [0; COUNTS];
        if let Some(counted) = self.counts.get(place * COUNTS..(place + 1) * COUNTS) {
            counts.copy_from_slice(counted);
        }
        let recent = self.recent.get(place).copied().unwrap_or(0);
        recent.to_le_bytes().into_iter().for_each(|shown| count(&mut counts, shown));
        PairCounts(counts)
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.sample) + size_of_val(&*self.recent) + size_of_val(&*self.counts)
    }
}

/// Kind of the target, target and operation: in this order the items of a set are sorted.
pub(super) type Item = [Symbol; 3];

/// The sets, by service and operation of their spans and their items, one behind the other.
#[derive(Clone, Debug, Default)]
pub(super) struct ItemSets {
    numbers: HashMap<Box<[Symbol]>, u32, FixedState>,
    sets: Vec<ItemSet>,
}

/// Service and operation of the spans of the set with a key, and its items.
pub(super) fn parts_of(key: &[Symbol]) -> ([Symbol; 2], &[Item]) {
    let (operation, items) = key.split_first_chunk().unwrap_or((&[Symbol::EMPTY; 2], &[]));
    (*operation, items.as_chunks().0)
}

impl ItemSets {
    /// The number of the set with a key, and the set.
    pub(super) fn entry(&mut self, key: &[Symbol]) -> (u32, &mut ItemSet) {
        let number = match self.numbers.get(key) {
            Some(&number) => number,
            None => {
                let number = self.sets.len() as u32;
                self.sets.push(ItemSet::default());
                self.numbers.insert(key.into(), number);
                number
            }
        };
        (number, &mut self.sets[number as usize])
    }

    /// Takes in other sets; the answer are the own numbers of theirs.
    pub(super) fn merge(&mut self, other: Self) -> Vec<u32> {
        let mut own = vec![0; other.sets.len()];
        let mut sets: Vec<Option<ItemSet>> = other.sets.into_iter().map(Some).collect();
        for (key, number) in other.numbers {
            let next = self.sets.len() as u32;
            let own_number = *self.numbers.entry(key).or_insert(next);
            own[number as usize] = own_number;
            let Some(set) = sets[number as usize].take() else { continue };
            match self.sets.get_mut(own_number as usize) {
                Some(known) => known.merge(set),
                None => self.sets.push(set),
            }
        }
        own
    }

    /// Gives each trace its new number.
    pub(super) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        for set in &mut self.sets {
            set.last = TraceNumber::NONE;
            set.sample.iter_mut().for_each(|trace| *trace = rank_of(*trace));
        }
    }

    /// Bytes of memory that they take.
    pub(super) fn bytes(&self) -> usize {
        let keys: usize = self.numbers.keys().map(|key| size_of_val(&**key)).sum();
        let sets: usize = self.sets.iter().map(ItemSet::bytes).sum();
        keys + sets + self.numbers.capacity() * size_of::<(Box<[Symbol]>, u32)>() + size_of_val(&*self.sets)
    }

    /// The set with a number.
    pub(super) fn get(&self, number: u32) -> &ItemSet {
        &self.sets[number as usize]
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }

    /// The keys by number.
    pub(super) fn keys(&self) -> Vec<&[Symbol]> {
        let mut keys: Vec<&[Symbol]> = vec![&[]; self.sets.len()];
        self.numbers.iter().for_each(|(key, &number)| keys[number as usize] = key);
        keys
    }

    /// Numbers of the sets in the order of their keys.
    fn in_order(&self) -> Vec<(&[Symbol], u32)> {
        let mut in_order: Vec<(&[Symbol], u32)> = self.numbers.iter().map(|(key, &number)| (&**key, number)).collect();
        in_order.sort_unstable();
        in_order
    }

    /// Writes them in the order of their keys; the answer are the places of the sets there.
    pub(super) fn write(&self, group: &mut GroupWriter<'_>) -> Vec<u32> {
        let mut places = vec![0; self.sets.len()];
        let mut columns = SetColumns::default();
        for (place, (key, number)) in (0u32..).zip(self.in_order()) {
            places[number as usize] = place;
            let ItemSet { traces, sample, counted, recent, counts, .. } = self.sets[number as usize].clone();
            columns.push(SetRow { key: key.to_vec(), traces, sample, counted, recent, counts });
        }
        columns.write("", group);
        places
    }

    /// Reads what [`ItemSets::write`] wrote: numbers are the places there.
    ///
    /// # Errors
    /// If a column is not there or has another type, or what is there was never written.
    pub(super) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = SetColumns::read("", group)?;
        let mut read = Self::default();
        for row in 0..columns.traces.len() {
            let (key, traces, counted) = (columns.key.get(row), columns.traces[row], columns.counted[row]);
            let (recent, counts) = (columns.recent.get(row).to_vec(), columns.counts.get(row).to_vec());
            let is_sound = traces.checked_sub(counted).is_some_and(|recent| recent <= RECENT)
                && counts.len().is_multiple_of(COUNTS)
                && read.numbers.insert(key.into(), row as u32).is_none();
            if !is_sound {
                return Err(ArrowError::ParseError(format!("set {row} of items was never written so")));
            }
            let sample = columns.sample.get(row).to_vec();
            read.sets.push(ItemSet { traces, sample, last: TraceNumber::NONE, counted, recent, counts });
        }
        Ok(read)
    }
}

columns! {
    /// A set of items.
    struct SetRow in SetColumns {
        key: Vec<Symbol>,
        traces: u32,
        sample: Vec<TraceNumber>,
        counted: u32,
        recent: Vec<u32>,
        counts: Vec<u32>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partial::{Renumbering, written};

    const OUTAGES: [[bool; 2]; 4] = [[false, false], [true, false], [false, true], [true, true]];

    /// What spans of these traces show of the only pair: `<` and `>` which came first, `!` behind them if its last call was an
    /// outage, `=` both at once, `-` nothing.
    fn shown(text: &str) -> Vec<(TraceNumber, Shown)> {
        let words = text.split_whitespace().map(|word| {
            let (trace, how) = word.split_once(':').unwrap();
            let outage = how.ends_with('!');
            let shown = match &how[..1] {
                "<" => Shown::of(Order::FirstBefore, [outage, true]),
                ">" => Shown::of(Order::SecondBefore, [true, outage]),
                "=" => Shown::of(Order::Overlapping, [true, true]),
                _ => Shown::of(Order::Mixed, [true, true]),
            };
            (TraceNumber(trace.parse().unwrap()), shown)
        });
        words.collect()
    }

    const KEY: [Symbol; 8] = [Symbol(0), Symbol(1), Symbol(2), Symbol(3), Symbol(4), Symbol(2), Symbol(3), Symbol(5)];

    fn sets_of(text: &str) -> ItemSets {
        let mut sets = ItemSets::default();
        for (trace, shown) in shown(text) {
            sets.entry(&KEY).1.add(trace, &[shown], 2);
        }
        sets
    }

    /// Traces, then those of each count.
    fn counts(sets: &ItemSets) -> (u32, [u32; COUNTS]) {
        let set = sets.get(0);
        (set.traces(), set.pair(0).0)
    }

    /// A trace counts once for each thing that one of its spans shows, however many traces there are.
    #[test]
    fn traces_are_counted_by_what_they_show() {
        for (text, traces, expected) in [
            ("1:<", 1, [1, 0, 0, 0, 1, 0, 0, 1]),
            ("1:< 2:>! 3:= 4:-", 4, [1, 1, 1, 0, 1, 1, 0, 2]),
            // Both orders in one trace are once in series.
            ("1:< 1:> 1:< 2:<!", 2, [2, 1, 0, 1, 1, 0, 1, 2]),
            ("1:<! 1:< 2:> 3:> 4:= 5:= 6:=  6:< 7:< 8:- 9:>!", 9, [3, 3, 3, 1, 3, 1, 2, 6]),
        ] {
            assert_eq!(counts(&sets_of(text)), (traces, expected), "{text}");
        }
    }

    /// However traces are dealt out, and whether by way of a file, the counts are those of all.
    #[test]
    fn sets_merge() {
        let text = "1:<! 1:< 2:> 3:> 4:= 5:= 6:= 6:< 7:< 8:- 9:>! 10:< 11:< 12:< 13:=";
        let words: Vec<&str> = text.split_whitespace().collect();
        let expected = counts(&sets_of(text));
        let directory = tempfile::tempdir().unwrap();
        for first in (0..=words.len()).filter(|&first| first == 0 || first > 1) {
            let parts = [&words[..first], &words[first..]].map(|part| sets_of(&part.join(" ")));
            // A trace is seen whole.
            if words.get(first).is_some_and(|word| word.starts_with("6:<")) {
                continue;
            }
            let [mut merged, others] = parts.clone();
            assert_eq!(merged.merge(others), vec![0; parts[1].len()]);
            assert_eq!(counts(&merged), expected, "{first}");

            let files = [0, 1].map(|part| {
                written(&directory.path().join(format!("{first}-{part}")), |file| {
                    let write = |group: &mut GroupWriter<'_>| _ = parts[part].write(group);
                    file.group("sets", Renumbering::NONE, write).unwrap();
                })
            });
            let [mut read, others] = files.map(|file| file.group("sets", Renumbering::NONE, ItemSets::read).unwrap());
            read.merge(others);
            assert_eq!(counts(&read), expected, "{first}");
            assert_eq!(read.keys(), [&KEY]);
        }
    }

    #[test]
    fn pairs_have_places() {
        for items in 0..9 {
            let pairs = (0..items).flat_map(|first| (first + 1..items).map(move |second| (first, second)));
            let places: Vec<usize> = pairs.map(|(first, second)| place_of_pair(items, first, second)).collect();
            assert_eq!(places, (0..pairs_of(items)).collect::<Vec<_>>(), "{items}");
        }
    }

    /// An outage says something only of what came before.
    #[test]
    fn only_what_came_before_matters() {
        for outages in OUTAGES {
            let [first, second] = outages;
            assert_eq!(Shown::of(Order::FirstBefore, outages), Shown::of(Order::FirstBefore, [first, !second]));
            assert_eq!(Shown::of(Order::SecondBefore, outages), Shown::of(Order::SecondBefore, [!first, second]));
            assert_eq!(Shown::of(Order::Mixed, outages), Shown::default());
        }
    }
}
