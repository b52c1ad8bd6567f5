//! Counts by something and ten seconds: when what is looked for was at its worst.

use std::hash::{BuildHasher as _, Hash};

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};

/// Length of a window in ns; windows start at its multiples.
const WINDOW_NS: i64 = 10_000_000_000;

/// Fewest of all in a window whose share says something.
const MIN_CALLS: u64 = 20;

/// Counts of all, and of those that are looked for, by `K` and window. Every call and every request served is counted, so that
/// this costs one look-up each, and none where the one before was of the same kind and time.
#[derive(Clone, Debug)]
pub(super) struct WindowCounts<K> {
    rows: Vec<Row<K>>,
    /// Places in `rows`.
    table: HashTable<u32>,
    hasher: FixedState,
    /// The row that was counted last.
    last: usize,
}

#[derive(Clone, Copy, Debug)]
struct Row<K> {
    of: K,
    window: i64,
    all: u64,
    looked_for: u64,
}

impl<K> Default for WindowCounts<K> {
    fn default() -> Self {
        Self { rows: Vec::new(), table: HashTable::new(), hasher: FixedState::default(), last: 0 }
    }
}

/// The window with the highest share of what is looked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Peak {
    /// That over all, 0..1.
    pub(crate) share: f64,
    /// Start of the window in ns since 1970.
    pub(crate) start: i64,
}

impl<K: Copy + Eq + Hash> WindowCounts<K> {
    /// Counts `all` at `time` (ns since 1970), of which so many are looked for.
    pub(super) fn add(&mut self, of: K, time: i64, all: u64, looked_for: u64) {
        self.add_in(of, time.div_euclid(WINDOW_NS), all, looked_for);
    }

    /// The same in the window of this number.
    pub(super) fn add_in(&mut self, of: K, window: i64, all: u64, looked_for: u64) {
        let is_last = |row: &Row<K>| row.window == window && row.of == of;
        if !self.rows.get(self.last).is_some_and(is_last) {
            self.last = self.place_of(of, window);
        }
        let row = &mut self.rows[self.last];
        row.all += all;
        row.looked_for += looked_for;
    }

    fn place_of(&mut self, of: K, window: i64) -> usize {
        let Self { rows, table, hasher, .. } = self;
        let hash_of = |row: &Row<K>| hasher.hash_one((row.of, row.window));
        let new = Row { of, window, all: 0, looked_for: 0 };
        let hash = hash_of(&new);
        let is_same = |&place: &u32| rows[place as usize].window == window && rows[place as usize].of == of;
        if let Some(&place) = table.find(hash, is_same) {
            return place as usize;
        }
        let place = u32::try_from(rows.len()).expect("fewer than 2^32 windows, which are 4 GiB at least");
        rows.push(new);
        table.insert_unique(hash, place, |&place| hash_of(&rows[place as usize]));
        place as usize
    }

    /// What is counted, the number of the window, all, and those that are looked for.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, i64, u64, u64)> {
        self.rows.iter().map(|row| (row.of, row.window, row.all, row.looked_for))
    }

    /// Takes in other counts.
    pub(super) fn merge(&mut self, other: Self) {
        if self.rows.is_empty() {
            *self = other;
            return;
        }
        for Row { of, window, all, looked_for } in other.rows {
            self.add_in(of, window, all, looked_for);
        }
    }

    /// The worst window of each that has a window with enough of all, the earliest of equals.
    pub(super) fn peaks(&self) -> HashMap<K, Peak, FixedState> {
        let mut peaks: HashMap<K, Peak, FixedState> = HashMap::default();
        for row in self.rows.iter().filter(|row| row.all >= MIN_CALLS) {
            let new = Peak { share: row.looked_for as f64 / row.all as f64, start: row.window * WINDOW_NS };
            let peak = peaks.entry(row.of).or_insert(new);
            if new.share.total_cmp(&peak.share).then(peak.start.cmp(&new.start)).is_gt() {
                *peak = new;
            }
        }
        peaks
    }

    /// About how many bytes of memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row<K>>() + self.table.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever order things are counted in, and however they are merged, counts are those of all.
    #[test]
    fn counts_are_those_of_all() {
        let time = |number: i64| (number * 7 % 50 - 20) * WINDOW_NS / 4;
        let count = |numbers: &mut dyn Iterator<Item = i64>| {
            let mut counts = WindowCounts::<u8>::default();
            numbers.for_each(|number| counts.add((number % 5) as u8, time(number), 2, (number % 3) as u64));
            counts
        };
        let sorted = |counts: &WindowCounts<u8>| {
            let mut rows: Vec<_> = counts.iter().collect();
            rows.sort_unstable();
            rows
        };
        let all = sorted(&count(&mut (0..1_000)));
        assert_eq!(all.iter().map(|row| row.2).sum::<u64>(), 2_000);
        assert!(all.iter().any(|row| row.1 < 0), "times before 1970 have windows of their own");
        assert_eq!(sorted(&count(&mut (0..1_000).rev())), all);
        let mut merged = count(&mut (0..10));
        merged.merge(count(&mut (10..1_000).step_by(2)));
        merged.merge(count(&mut (11..1_000).step_by(2)));
        assert_eq!(sorted(&merged), all);
    }

    #[test]
    fn the_worst_window_is_the_earliest_of_equals() {
        let mut counts = WindowCounts::default();
        for (window, all, looked_for) in [(9, 40, 20), (3, 20, 10), (5, 100, 49), (1, MIN_CALLS - 1, 19)] {
            counts.add("a", window * WINDOW_NS + 7, all, looked_for);
        }
        assert_eq!(counts.peaks()["a"], Peak { share: 0.5, start: 3 * WINDOW_NS });
        assert_eq!(counts.peaks().get("b"), None);
    }
}
