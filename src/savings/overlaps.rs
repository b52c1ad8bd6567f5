//! What several patterns would change, and which patterns explain others.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::trace::PackedSegments;

use super::PatternKey;

/// What several patterns would change in the same trace, and which patterns explain others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overlaps {
    /// Segments that several patterns would shorten, or some only if all traces say so.
    pub(super) segments: PackedSegments,
    /// Failed roots that several patterns would mend, by the patterns.
    mended: HashMap<Box<[u32]>, u64, FixedState>,
    /// Findings of a pattern that another explains, by both.
    explained: HashMap<Box<[u32]>, u64, FixedState>,
}

/// Patterns one behind the other: detector, length of the key, key.
fn flat<'a>(patterns: impl Iterator<Item = PatternKey<'a>>) -> Box<[u32]> {
    let mut words = Vec::new();
    for (detector, key) in patterns {
        words.extend([u32::from(detector), key.len() as u32]);
        words.extend(key.iter().map(|part| part.0));
    }
    words.into()
}

/// The patterns that [`flat`] was given.
fn patterns_of(mut words: &[u32]) -> Vec<(u8, Vec<Symbol>)> {
    let mut patterns = Vec::new();
    while let [detector, length, others @ ..] = words {
        let (key, others) = others.split_at((*length as usize).min(others.len()));
        patterns.push((*detector as u8, key.iter().copied().map(Symbol).collect()));
        words = others;
    }
    patterns
}

impl Overlaps {
    /// Says that all these patterns would mend a failed root.
    pub(super) fn push_mended<'a>(&mut self, patterns: impl Iterator<Item = PatternKey<'a>>) {
        *self.mended.entry(flat(patterns)).or_default() += 1;
    }

    /// Says that a finding of `pattern` is explained by one of `by`.
    pub(super) fn explain(&mut self, pattern: PatternKey<'_>, by: PatternKey<'_>) {
        *self.explained.entry(flat([pattern, by].into_iter())).or_default() += 1;
    }

    /// The patterns that would mend the same failed roots, and how many roots.
    pub(super) fn mended(&self) -> impl Iterator<Item = (Vec<(u8, Vec<Symbol>)>, u64)> {
        self.mended.iter().map(|(patterns, &count)| (patterns_of(patterns), count))
    }

    /// Patterns, the patterns that explain them, and for how many findings; in no particular order.
    pub(crate) fn explained(&self) -> impl Iterator<Item = ([(u8, Vec<Symbol>); 2], u64)> {
        self.explained.iter().filter_map(|(both, &count)| Some((patterns_of(both).try_into().ok()?, count)))
    }

    /// Takes in those of other traces.
    pub(crate) fn merge(&mut self, other: Self) {
        self.segments.merge(other.segments);
        for (own, other) in [(&mut self.mended, other.mended), (&mut self.explained, other.explained)] {
            for (patterns, count) in other {
                *own.entry(patterns).or_default() += count;
            }
        }
    }

    /// Gives each trace its place among all traces in the order of their ids.
    pub(crate) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.segments.renumber_traces(rank_of);
    }

    /// About how many bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        let of_counts = |counts: &HashMap<Box<[u32]>, u64, FixedState>| -> usize {
            counts.keys().map(|patterns| size_of_val(&**patterns) + 2 * size_of::<(Box<[u32]>, u64)>()).sum()
        };
        self.segments.bytes() + of_counts(&self.mended) + of_counts(&self.explained)
    }

    /// Writes them as columns.
    pub(crate) fn write(&self, group: &mut GroupWriter<'_>) {
        self.segments.write(group);
        for (name, counts) in [(MENDED, &self.mended), (EXPLAINED, &self.explained)] {
            let mut counts: Vec<(&[u32], u64)> = counts.iter().map(|(patterns, &count)| (&**patterns, count)).collect();
            counts.sort_unstable();
            let mut columns = CountColumns::default();
            for (patterns, count) in counts {
                let patterns = patterns_of(patterns);
                columns.push(CountRow {
                    detectors: patterns.iter().map(|(detector, _)| u32::from(*detector)).collect(),
                    lengths: patterns.iter().map(|(_, key)| key.len() as u32).collect(),
                    keys: patterns.into_iter().flat_map(|(_, key)| key).collect(),
                    count,
                });
            }
            group.beside(name, |group| columns.write("", group));
        }
    }

    /// Reads what [`Overlaps::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(crate) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let mut overlaps = Self { segments: PackedSegments::read(group)?, ..Self::default() };
        for (name, counts) in [(MENDED, &mut overlaps.mended), (EXPLAINED, &mut overlaps.explained)] {
            let columns = group.beside(name, |group| CountColumns::read("", group))?;
            for (row, &count) in columns.count.iter().enumerate() {
                let mut keys = columns.keys.get(row);
                let lengths = columns.lengths.get(row);
                let patterns = columns.detectors.get(row).iter().zip(lengths).map(|(&detector, &length)| {
                    let (key, others) = keys.split_at((length as usize).min(keys.len()));
                    keys = others;
                    (detector as u8, key)
                });
                *counts.entry(flat(patterns)).or_default() += count;
            }
        }
        Ok(overlaps)
    }
}

/// Names of the groups.
const MENDED: &str = "mended";
const EXPLAINED: &str = "explained";

columns! {
    /// How often these patterns occur together.
    struct CountRow in CountColumns {
        detectors: Vec<u32>,
        lengths: Vec<u32>,
        keys: Vec<Symbol>,
        count: u64,
    }
}
