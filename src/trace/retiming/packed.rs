//! Segments that are kept until all traces were seen: those with the edits of several patterns, because it is known only then
//! which is mended first, and those with spans that are edited only if all traces say so.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::super::tree::{NO_ROW, Row};
use super::{Edit, Retiming, Window};
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};

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
        /// Its trace; [`TraceNumber::NONE`] if nothing is marked.
        trace: TraceNumber,
        /// Row, place of the window and root of the request of each [`Mark`].
        marks: Vec<u32>,
    }
}

/// Segments that are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackedSegments {
    columns: SegmentColumns,
    /// What patterns that were found once all traces were seen change, by segment.
    late: HashMap<usize, Vec<LateEdits>, FixedState>,
}

/// What a pattern changes of a segment that was packed without it.
#[derive(Clone, Debug)]
struct LateEdits {
    detector: u8,
    key: Box<[Symbol]>,
    edits: Vec<(u32, Edit)>,
}

/// A span that is edited if all traces say so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Mark {
    /// The span.
    pub(crate) row: Row,
    /// Place of its window; none if it holds no time or nobody waits for it.
    pub(crate) place: Option<u32>,
    /// Root of the request that it belongs to, if that was recorded.
    pub(crate) request: Option<Row>,
}

/// A segment that is about to be packed.
#[derive(Debug)]
pub(crate) struct SegmentToPack {
    windows: Vec<u32>,
    edits: Vec<u32>,
    keys: Vec<Symbol>,
    trace: TraceNumber,
    marks: Vec<u32>,
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
        Self { windows, edits: Vec::new(), keys: Vec::new(), trace: TraceNumber::NONE, marks: Vec::new() }
    }

    /// Marks spans of it, which is a segment of this trace.
    pub(crate) fn mark(&mut self, trace: TraceNumber, marks: impl IntoIterator<Item = Mark>) {
        self.trace = trace;
        for Mark { row, place, request } in marks {
            self.marks.extend([row, place.unwrap_or(NO_ROW), request.unwrap_or(NO_ROW)]);
        }
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
        let SegmentToPack { windows, edits, keys, trace, marks } = segment;
        self.columns.push(SegmentRow { windows, edits, keys, trace, marks });
    }

    /// Number of segments.
    pub(crate) fn len(&self) -> usize {
        self.columns.windows.len()
    }

    /// The traces of segments with marks, and the numbers of the segments; in the order of both.
    pub(crate) fn marked(&self) -> Vec<(TraceNumber, usize)> {
        let numbered = self.columns.trace.iter().copied().zip(0..);
        let mut marked: Vec<(TraceNumber, usize)> = numbered.filter(|(trace, _)| trace.index().is_some()).collect();
        marked.sort_unstable();
        marked
    }

    /// The marks of a segment.
    pub(crate) fn marks(&self, index: usize) -> impl Iterator<Item = Mark> {
        let known = |number: u32| (number != NO_ROW).then_some(number);
        let marks = self.columns.marks.get(index).chunks_exact(3);
        marks.map(move |mark| Mark { row: mark[0], place: known(mark[1]), request: known(mark[2]) })
    }

    /// Adds what a pattern changes of a segment that was packed without it.
    pub(crate) fn push_late(&mut self, index: usize, detector: u8, key: &[Symbol], edits: Vec<(u32, Edit)>) {
        self.late.entry(index).or_default().push(LateEdits { detector, key: key.into(), edits });
    }

    /// Gives each trace its place among all traces in the order of their ids.
    pub(crate) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.columns.trace.iter_mut().for_each(|trace| *trace = rank_of(*trace));
    }

    /// A segment.
    pub(crate) fn get(&self, index: usize) -> Unpacked<'_> {
        let mut words = Words(self.columns.windows.get(index).iter());
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
        let mut keys = self.columns.keys.get(index);
        let mut words = Words(self.columns.edits.get(index).iter());
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
        for LateEdits { detector, key, edits } in self.late.get(&index).into_iter().flatten() {
            let edits = edits.iter().copied().filter(|&(place, _)| place < count).collect();
            patterns.push(PatternEdits { detector: *detector, key, edits });
        }
        Unpacked { retiming: Retiming::of(windows), patterns }
    }

    /// Takes in those of other traces.
    pub(crate) fn merge(&mut self, other: Self) {
        debug_assert!(self.late.is_empty() && other.late.is_empty(), "all traces were seen before edits come late");
        self.columns.append(other.columns);
    }

    /// About how many bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.columns.bytes()
    }

    /// Writes them as columns.
    pub(crate) fn write(&self, group: &mut GroupWriter<'_>) {
        self.columns.write("", group);
    }

    /// Reads what [`PackedSegments::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(crate) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Ok(Self { columns: SegmentColumns::read("", group)?, ..Self::default() })
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
            let segment = SegmentToPack {
                windows: words(5),
                edits: words(4),
                keys: words(3).into_iter().map(Symbol).collect(),
                trace: TraceNumber(0),
                marks: words(6),
            };
            let mut packed = PackedSegments::default();
            packed.push(segment);
            let Unpacked { retiming, patterns } = packed.get(0);
            for PatternEdits { edits, .. } in patterns {
                retiming.length_with(edits, &mut super::super::RetimingBuffers::default());
            }
            packed.marks(0).for_each(drop);
        }
    }
}
