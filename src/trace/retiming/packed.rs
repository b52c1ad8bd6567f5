//! Segments with the edits of several patterns, kept until it is known which pattern is mended first.

use arrow::error::ArrowError;

use super::{Edit, Retiming, Window};
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, columns};

columns! {
    /// One segment. Its numbers are words of 32 bits, a larger one three of them: most times are below 4.3 s, and there may be as
    /// many windows as spans.
    struct SegmentRow in SegmentColumns {
        /// Start, length and number of children of each window.
        windows: Vec<u32>,
        /// Of each pattern: its detector, the length of its key, the number of its edits, and each of these as place, kind and cap.
        edits: Vec<u32>,
        /// The keys of the patterns, one behind the other.
        keys: Vec<Symbol>,
    }
}

/// Segments that several patterns would shorten.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackedSegments(SegmentColumns);

/// A segment that is about to be packed.
#[derive(Debug)]
pub(crate) struct SegmentToPack {
    windows: Vec<u32>,
    edits: Vec<u32>,
    keys: Vec<Symbol>,
}

const CUT: u32 = 0;
const LEAD: u32 = 1;
const CAP: u32 = 2;

/// Stands before a number of two words.
const LARGE: u32 = u32::MAX;

fn pack(number: i64, words: &mut Vec<u32>) {
    match u32::try_from(number) {
        Ok(word) if word != LARGE => words.push(word),
        _ => words.extend([LARGE, number as u32, (number >> 32) as u32]),
    }
}

/// Words that are read one after the other. What is missing is 0: files may hold anything.
struct Words<'a>(std::slice::Iter<'a, u32>);

impl Words<'_> {
    fn word(&mut self) -> u32 {
        self.0.next().copied().unwrap_or(0)
    }

    fn number(&mut self) -> i64 {
        match self.word() {
            LARGE => (i64::from(self.word()) | i64::from(self.word()) << 32).max(0),
            word => i64::from(word),
        }
    }

    fn is_done(&self) -> bool {
        self.0.as_slice().is_empty()
    }
}

impl SegmentToPack {
    /// A segment without edits so far.
    pub(crate) fn new(retiming: &Retiming) -> Self {
        let mut windows = Vec::with_capacity(retiming.windows.len() * 3);
        for window in &retiming.windows {
            pack(window.start, &mut windows);
            pack(window.length, &mut windows);
            windows.push(window.children.1 - window.children.0);
        }
        Self { windows, edits: Vec::new(), keys: Vec::new() }
    }

    /// Adds the edits of one pattern, which is one of the detector of this number.
    pub(crate) fn push(&mut self, detector: u8, key: &[Symbol], edits: &[(u32, Edit)]) {
        self.edits.extend([u32::from(detector), key.len() as u32, edits.len() as u32]);
        self.keys.extend(key);
        for &(place, edit) in edits {
            self.edits.push(place);
            match edit {
                Edit::Cut => self.edits.push(CUT),
                Edit::Lead => self.edits.push(LEAD),
                Edit::Cap(most) => {
                    self.edits.push(CAP);
                    pack(most, &mut self.edits);
                }
            }
        }
    }
}

/// A segment, unpacked.
#[derive(Debug)]
pub(crate) struct Unpacked<'a> {
    /// Its windows.
    pub(crate) retiming: Retiming,
    /// What each pattern changes.
    pub(crate) patterns: Vec<PatternEdits<'a>>,
}

/// What a pattern changes of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PatternEdits<'a> {
    /// Number of its detector in the catalog.
    pub(crate) detector: u8,
    /// Its key.
    pub(crate) key: &'a [Symbol],
    /// Places of windows, and what is changed of each.
    pub(crate) edits: Vec<(u32, Edit)>,
}

impl PackedSegments {
    /// Adds a segment.
    pub(crate) fn push(&mut self, segment: SegmentToPack) {
        let SegmentToPack { windows, edits, keys } = segment;
        self.0.push(SegmentRow { windows, edits, keys });
    }

    /// Number of segments.
    pub(crate) fn len(&self) -> usize {
        self.0.windows.len()
    }

    /// A segment.
    pub(crate) fn get(&self, index: usize) -> Unpacked<'_> {
        let mut words = Words(self.0.windows.get(index).iter());
        let mut windows = Vec::new();
        let mut next = 1;
        while !words.is_done() {
            let (start, length, children) = (words.number(), words.number(), words.word());
            windows.push(Window { start, length, children: (next, next.saturating_add(children)) });
            next = next.saturating_add(children);
        }
        // Files may hold anything.
        let count = windows.len() as u32;
        for window in &mut windows {
            window.children = (window.children.0.min(count), window.children.1.min(count));
        }
        let mut keys = self.0.keys.get(index);
        let mut words = Words(self.0.edits.get(index).iter());
        let mut patterns = Vec::new();
        while !words.is_done() {
            let (detector, key_length, edits) = (words.word(), words.word() as usize, words.word());
            let (key, others) = keys.split_at(key_length.min(keys.len()));
            keys = others;
            let mut edits_of_pattern = Vec::new();
            for _ in 0..edits {
                if words.is_done() {
                    break;
                }
                let place = words.word();
                let edit = match words.word() {
                    LEAD => Edit::Lead,
                    CAP => Edit::Cap(words.number()),
                    _ => Edit::Cut,
                };
                if place < count {
                    edits_of_pattern.push((place, edit));
                }
            }
            patterns.push(PatternEdits { detector: detector as u8, key, edits: edits_of_pattern });
        }
        Unpacked { retiming: Retiming::of(windows), patterns }
    }

    /// Takes in those of other traces.
    pub(crate) fn merge(&mut self, other: Self) {
        self.0.append(other.0);
    }

    /// About how many bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// Writes them as columns.
    pub(crate) fn write(&self, group: &mut GroupWriter<'_>) {
        self.0.write("", group);
    }

    /// Reads what [`PackedSegments::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(crate) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Ok(Self(SegmentColumns::read("", group)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is packed comes back: numbers of any size, segments without children, patterns without edits.
    #[test]
    fn segments_come_back() {
        let window = |start, length, children| Window { start, length, children };
        let large = i64::from(u32::MAX);
        let retimings = [
            vec![window(0, 7, (1, 1))],
            vec![
                window(0, i64::MAX / 2, (1, 3)),
                window(3, large - 1, (3, 4)),
                window(large, large, (4, 4)),
                window(1, 2, (4, 4)),
            ],
        ];
        let edits =
            [(0, Edit::Cut), (2, Edit::Lead), (3, Edit::Cap(0)), (1, Edit::Cap(large)), (1, Edit::Cap(large * 9))];
        let mut packed = PackedSegments::default();
        for windows in &retimings {
            let mut segment = SegmentToPack::new(&Retiming::of(windows.clone()));
            segment.push(3, &[Symbol(5), Symbol(0)], &edits[..windows.len().min(2) - 1]);
            segment.push(0, &[], &[]);
            segment.push(7, &[Symbol(9)], &edits[..if windows.len() > 1 { 5 } else { 1 }]);
            packed.push(segment);
        }
        assert_eq!(packed.len(), 2);
        for (index, windows) in retimings.iter().enumerate() {
            let Unpacked { retiming, patterns } = packed.get(index);
            assert_eq!(retiming.windows, *windows);
            let few = &edits[..windows.len().min(2) - 1];
            let many = &edits[..if windows.len() > 1 { 5 } else { 1 }];
            let of = |detector, key, edits: &[_]| PatternEdits { detector, key, edits: edits.to_vec() };
            let two = [Symbol(5), Symbol(0)];
            assert_eq!(patterns, [of(3, &two, few), of(0, &[], &[]), of(7, &[Symbol(9)], many)]);
        }
    }

    /// Files may hold anything: words that make no sense give a segment that makes none, and no panic.
    #[test]
    fn any_words_are_read() {
        use rand::{RngExt as _, SeedableRng as _};
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        for _ in 0..2_000 {
            let mut words = |most: u32| -> Vec<u32> {
                let count = random.random_range(0..12);
                let mut word = || if random.random_bool(0.1) { LARGE } else { random.random_range(0..most) };
                (0..count).map(|_| word()).collect()
            };
            let segment =
                SegmentToPack { windows: words(5), edits: words(4), keys: words(3).into_iter().map(Symbol).collect() };
            let mut packed = PackedSegments::default();
            packed.push(segment);
            let Unpacked { retiming, patterns } = packed.get(0);
            for PatternEdits { edits, .. } in patterns {
                retiming.length_with(edits, &mut super::super::RetimingBuffers::default());
            }
        }
    }
}
