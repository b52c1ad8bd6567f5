//! Counts by something and ten seconds: when what is looked for was at its worst.

use std::hash::Hash;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Length of a window in ns; windows start at its multiples.
const WINDOW_NS: i64 = 10_000_000_000;

/// Fewest of all in a window whose share says something.
const MIN_CALLS: u64 = 20;

/// Counts of one window that lie side by side.
const CHUNK: usize = 32;

/// Counts of all, and of those that are looked for, by `K` and window. Every call and every request served is counted, and two
/// traces that are seen one after the other are of different windows: so counts of all are as small as they can be, and side by
/// side for a window, which keeps them in the processor's cache. What is looked for is rare and has a place of its own.
#[derive(Clone, Debug)]
pub(super) struct WindowCounts<K> {
    numbers: HashMap<K, u32, FixedState>,
    by_number: Vec<K>,
    /// Places in `windows`.
    places: HashMap<i64, u32, FixedState>,
    windows: Vec<Window>,
    /// The place of the window that was counted last.
    last: usize,
    chunks: Vec<[u16; CHUNK]>,
    /// What does not fit there, by number and place of the window.
    large: HashMap<(u32, u32), u64, FixedState>,
    /// Those that are looked for, by number and place of the window.
    looked_for: HashMap<(u32, u32), u64, FixedState>,
}

#[derive(Clone, Debug)]
struct Window {
    number: i64,
    /// Its chunks, by the numbers of what is counted; [`NO_CHUNK`] where there is none.
    chunks: Vec<u32>,
}

const NO_CHUNK: u32 = u32::MAX;

impl<K> Default for WindowCounts<K> {
    fn default() -> Self {
        Self {
            numbers: HashMap::default(),
            by_number: Vec::new(),
            places: HashMap::default(),
            windows: Vec::new(),
            last: 0,
            chunks: Vec::new(),
            large: HashMap::default(),
            looked_for: HashMap::default(),
        }
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
        let number = self.number_of(of);
        if self.windows.get(self.last).is_none_or(|last| last.number != window) {
            self.last = self.place_of(window);
        }
        let (place, within) = (number as usize / CHUNK, number as usize % CHUNK);
        let chunks = &mut self.windows[self.last].chunks;
        if chunks.len() <= place {
            chunks.resize(place + 1, NO_CHUNK);
        }
        if chunks[place] == NO_CHUNK {
            chunks[place] = u32::try_from(self.chunks.len()).expect("fewer than 2^32 chunks, which are a terabyte");
            self.chunks.push([0; CHUNK]);
        }
        let count = &mut self.chunks[chunks[place] as usize][within];
        let sum = u64::from(*count) + all;
        *count = u16::try_from(sum).unwrap_or_else(|_| {
            *self.large.entry((number, self.last as u32)).or_default() += sum;
            0
        });
        if looked_for > 0 {
            *self.looked_for.entry((number, self.last as u32)).or_default() += looked_for;
        }
    }

    fn number_of(&mut self, of: K) -> u32 {
        let next = self.by_number.len() as u32;
        let number = *self.numbers.entry(of).or_insert(next);
        if number == next {
            self.by_number.push(of);
        }
        number
    }

    fn place_of(&mut self, window: i64) -> usize {
        let next = self.windows.len();
        let place = *self.places.entry(window).or_insert(next as u32) as usize;
        if place == next {
            self.windows.push(Window { number: window, chunks: Vec::new() });
        }
        place
    }

    /// What is counted, the number of the window, all, and those that are looked for.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, i64, u64, u64)> {
        self.windows.iter().zip(0u32..).flat_map(move |(window, place)| {
            let chunks = window.chunks.iter().zip((0u32..).step_by(CHUNK)).filter(|(chunk, _)| **chunk != NO_CHUNK);
            let counts = chunks.flat_map(|(&chunk, first)| self.chunks[chunk as usize].iter().zip(first..));
            counts.filter_map(move |(&all, number)| {
                let at = |counts: &HashMap<_, u64, _>| counts.get(&(number, place)).copied().unwrap_or_default();
                let all = u64::from(all) + at(&self.large);
                (all > 0).then(|| (self.by_number[number as usize], window.number, all, at(&self.looked_for)))
            })
        })
    }

    /// Takes in other counts.
    pub(super) fn merge(&mut self, other: Self) {
        if self.by_number.is_empty() {
            *self = other;
            return;
        }
        for (of, window, all, looked_for) in other.iter() {
            self.add_in(of, window, all, looked_for);
        }
    }

    /// The worst window of each that has a window with enough of all, the earliest of equals.
    pub(super) fn peaks(&self) -> HashMap<K, Peak, FixedState> {
        let mut peaks: HashMap<K, Peak, FixedState> = HashMap::default();
        for (of, window, all, looked_for) in self.iter().filter(|&(_, _, all, _)| all >= MIN_CALLS) {
            let new = Peak { share: looked_for as f64 / all as f64, start: window * WINDOW_NS };
            let peak = peaks.entry(of).or_insert(new);
            if new.share.total_cmp(&peak.share).then(peak.start.cmp(&new.start)).is_gt() {
                *peak = new;
            }
        }
        peaks
    }

    /// About how many bytes of memory they take.
    pub(super) fn bytes(&self) -> usize {
        let of_windows: usize = self.windows.iter().map(|window| window.chunks.capacity() * size_of::<u32>()).sum();
        of_windows
            + self.chunks.capacity() * size_of::<[u16; CHUNK]>()
            + self.windows.capacity() * (size_of::<Window>() + size_of::<(i64, u32)>())
            + self.numbers.capacity() * 2 * size_of::<(K, u32)>()
            + (self.large.capacity() + self.looked_for.capacity()) * size_of::<((u32, u32), u64)>()
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

    /// Counts are exact beyond what fits where they lie.
    #[test]
    fn large_counts_are_exact() {
        let mut counts = WindowCounts::default();
        let most = u64::from(u32::MAX);
        for all in [most, most, 1, 40 * most] {
            counts.add("a", 0, all, all / 2);
            counts.add("b", 0, 1, 1);
        }
        let mut rows: Vec<_> = counts.iter().collect();
        rows.sort_unstable();
        assert_eq!(rows, [("a", 0, 42 * most + 1, 2 * (most / 2) + 20 * most), ("b", 0, 4, 4)]);
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
