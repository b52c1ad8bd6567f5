//! Which patterns of a detector show what another of its patterns shows, a level further down.
//!
//! A service that is down fails its callers, and they fail theirs: detectors that look at one edge find the same failure along
//! each. Of these edges the deepest is to be mended, and the others are explained by it.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::detectors::kit::Seen;
use crate::findings::FindingColumns;
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::trace::{NO_ROW, Row, TraceView};

/// A finding of a trace, by what makes it a pattern and the spans that it is about.
pub(super) struct Occurrence<'a> {
    pub(super) key: &'a [Symbol],
    pub(super) rows: &'a [Row],
}

/// The key of the pattern that explains each pattern that another explains.
pub(crate) type Explained = HashMap<Box<[Symbol]>, Box<[Symbol]>, FixedState>;

/// A deeper pattern, after the number of findings that it is below.
type Candidate<'a> = (u64, &'a [Symbol]);

/// How many spans of findings above one are looked at: a chain of failures that is longer is a chain without end.
const MAX_LEVELS: usize = 64;

/// How many findings of a pattern have a span of another pattern below their own, through edges that are waited for.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeeperPatterns {
    /// By both keys, one behind the other: the upper pattern's, then the deeper one's, which is as long.
    counts: HashMap<Box<[Symbol]>, u64, FixedState>,
}

impl DeeperPatterns {
    /// Looks at the findings of a trace.
    pub(super) fn add(&mut self, trace: &TraceView<'_>, findings: &[Occurrence<'_>]) {
        if findings.iter().all(|finding| finding.key == findings[0].key) {
            return;
        }
        let numbered = (0u32..).zip(findings);
        let mut owners: Vec<(Row, u32)> =
            numbered.flat_map(|(number, finding)| finding.rows.iter().map(move |&row| (row, number))).collect();
        owners.sort_unstable();
        let owners_of = |row: Row| {
            let first = owners.partition_point(|&(owned, _)| owned < row);
            owners[first..].iter().take_while(move |&&(owned, _)| owned == row).map(|&(_, number)| number)
        };
        let above = nearest_above(trace, |row| owners_of(row).next().is_some());
        let mut pairs: Vec<(u32, &[Symbol])> = Vec::new();
        for finding in findings {
            for &row in finding.rows {
                let next = |row: Row| Some(above[row as usize]).filter(|&above| above != NO_ROW);
                for upper in std::iter::successors(next(row), |&row| next(row)).take(MAX_LEVELS) {
                    let others = owners_of(upper).filter(|&number| findings[number as usize].key != finding.key);
                    pairs.extend(others.map(|number| (number, finding.key)));
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        for (upper, deeper) in pairs {
            *self.counts.entry([findings[upper as usize].key, deeper].concat().into()).or_default() += 1;
        }
    }

    /// The pattern that explains each pattern that another explains, by key; `findings_of` says how many findings a pattern
    /// has, and nothing of what is no pattern.
    ///
    /// One explains another if over half of the findings of that have a span of it below. Of several it is the one below most
    /// of them, ties by key, of those that nothing explains.
    fn explained(&self, findings_of: impl Fn(&[Symbol]) -> Option<u64>) -> Explained {
        let mut candidates: HashMap<&[Symbol], Vec<Candidate<'_>>, FixedState> = HashMap::default();
        for (keys, &count) in &self.counts {
            let (upper, deeper) = keys.split_at(keys.len() / 2);
            let is_most = findings_of(upper).is_some_and(|findings| count * 2 > findings);
            if is_most && findings_of(deeper).is_some() {
                candidates.entry(upper).or_default().push((count, deeper));
            }
        }
        let cause = |deeper: &[Candidate<'_>]| -> Option<Box<[Symbol]>> {
            let unexplained = deeper.iter().filter(|(_, key)| !candidates.contains_key(key));
            unexplained.max_by_key(|&&(count, key)| (count, std::cmp::Reverse(key))).map(|&(_, key)| key.into())
        };
        candidates.iter().filter_map(|(&upper, deeper)| Some((upper.into(), cause(deeper)?))).collect()
    }
}

/// The pattern that explains each of the patterns of all these findings that another explains.
pub(super) fn explained_by_most(deeper: &DeeperPatterns, findings: &FindingColumns) -> Explained {
    let mut patterns: HashMap<&[Symbol], u64, FixedState> = HashMap::default();
    for row in 0..findings.len() {
        *patterns.entry(findings.key.get(row)).or_default() += 1;
    }
    deeper.explained(|key| patterns.get(key).copied())
}

/// The nearest span strictly above each span, through edges that are waited for, of those of which `is_wanted` holds.
fn nearest_above(trace: &TraceView<'_>, is_wanted: impl Fn(Row) -> bool) -> Vec<Row> {
    let mut above = vec![NO_ROW; trace.tree.len()];
    for &row in &trace.tree.top_down {
        let waiting = trace.tree.waiting_parent(row);
        if waiting != NO_ROW {
            above[row as usize] = if is_wanted(waiting) { waiting } else { above[waiting as usize] };
        }
    }
    above
}

/// Which spans lie above which, of those that may be part of findings once all traces were seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpansAbove(AboveColumns);

columns! {
    /// A span, and the nearest above it.
    struct AboveRow in AboveColumns {
        trace: TraceNumber,
        row: Row,
        above: Row,
    }
}

/// A finding that only all traces together show: its trace, what makes it a pattern, and its spans.
pub(super) struct LateOccurrence<'a> {
    pub(super) trace: TraceNumber,
    pub(super) key: &'a [Symbol],
    pub(super) rows: &'a [Row],
}

impl SpansAbove {
    /// Takes in the spans of a trace that may be part of findings, ascending.
    pub(super) fn add(&mut self, trace: &TraceView<'_>, rows: &[Row]) {
        if rows.len() < 2 {
            return;
        }
        let above = nearest_above(trace, |row| rows.binary_search(&row).is_ok());
        for &row in rows.iter().filter(|&&row| above[row as usize] != NO_ROW) {
            self.0.push(AboveRow { trace: TraceNumber(trace.number), row, above: above[row as usize] });
        }
    }

    /// Which patterns have spans of others below theirs. `explains` says of a finding and of one above it, by their places, and
    /// of the spans by which they meet, whether the first may explain the second.
    pub(super) fn patterns(
        &self,
        findings: &[LateOccurrence<'_>],
        explains: impl Fn((usize, Row), (usize, Row)) -> bool,
    ) -> DeeperPatterns {
        let mut by_span: Vec<(TraceNumber, Row, usize)> = Vec::new();
        for (number, finding) in findings.iter().enumerate() {
            by_span.extend(finding.rows.iter().map(|&row| (finding.trace, row, number)));
        }
        by_span.sort_unstable();
        let owners_of = |trace: TraceNumber, row: Row| {
            let first = by_span.partition_point(|&(other, owned, _)| (other, owned) < (trace, row));
            let own = by_span[first..].iter().take_while(move |&&(other, owned, _)| (other, owned) == (trace, row));
            own.map(|&(_, _, number)| number)
        };
        let Self(AboveColumns { trace, row, above }) = self;
        let mut links: Vec<(TraceNumber, Row, Row)> =
            (0..row.len()).map(|place| (trace[place], row[place], above[place])).collect();
        links.sort_unstable();
        let next = |trace: TraceNumber, row: Row| {
            let place = links.binary_search_by_key(&(trace, row), |&(trace, row, _)| (trace, row));
            place.ok().map(|place| links[place].2)
        };
        let mut pairs: Vec<(usize, &[Symbol])> = Vec::new();
        for (number, finding) in findings.iter().enumerate() {
            for &row in finding.rows {
                let uppers = std::iter::successors(next(finding.trace, row), |&row| next(finding.trace, row));
                for upper in uppers.take(MAX_LEVELS) {
                    let others = owners_of(finding.trace, upper).filter(|&other| findings[other].key != finding.key);
                    let explained = others.filter(|&other| explains((number, row), (other, upper)));
                    pairs.extend(explained.map(|other| (other, finding.key)));
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut deeper = DeeperPatterns::default();
        for (upper, below) in pairs {
            *deeper.counts.entry([findings[upper].key, below].concat().into()).or_default() += 1;
        }
        deeper
    }
}

impl Seen for SpansAbove {
    fn merge(&mut self, other: Self) {
        self.0.append(other.0);
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.0.trace.iter_mut().for_each(|trace| *trace = rank_of(*trace));
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        self.0.write("", group);
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        AboveColumns::read("", group).map(Self)
    }
}

impl Seen for DeeperPatterns {
    fn merge(&mut self, other: Self) {
        for (keys, count) in other.counts {
            *self.counts.entry(keys).or_default() += count;
        }
    }

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        let entry = 2 * size_of::<(Box<[Symbol]>, u64)>();
        self.counts.keys().map(|keys| size_of_val(&**keys) + entry).sum()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut counts: Vec<(&[Symbol], u64)> = self.counts.iter().map(|(keys, &count)| (&**keys, count)).collect();
        counts.sort_unstable();
        let mut columns = CountColumns::default();
        for (keys, findings) in counts {
            columns.push(CountRow { keys: keys.to_vec(), findings });
        }
        columns.write("", group);
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = CountColumns::read("", group)?;
        let mut read = Self::default();
        for (row, &findings) in columns.findings.iter().enumerate() {
            *read.counts.entry(columns.keys.get(row).into()).or_default() += findings;
        }
        Ok(read)
    }
}

columns! {
    /// Findings of a pattern below which another is.
    struct CountRow in CountColumns {
        keys: Vec<Symbol>,
        findings: u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Patterns have keys of one symbol, and ten findings each.
    fn explained(counts: &[(u32, u32, u64)], patterns: std::ops::Range<u32>) -> Vec<(u32, u32)> {
        let counts = counts.iter().map(|&(upper, deeper, count)| ([Symbol(upper), Symbol(deeper)].into(), count));
        let deeper = DeeperPatterns { counts: counts.collect() };
        let explained = deeper.explained(|key| patterns.contains(&key[0].0).then_some(10));
        let mut explained: Vec<(u32, u32)> =
            explained.iter().map(|(upper, deeper)| (upper[0].0, deeper[0].0)).collect();
        explained.sort_unstable();
        explained
    }

    #[test]
    fn the_deepest_below_most_findings_explains() {
        for (counts, expected) in [
            // Half of the findings are not over half of them.
            (&[(1, 2, 5)][..], &[][..]),
            (&[(1, 2, 6)], &[(1, 2)]),
            // What is explained itself explains nothing, however often it is there.
            (&[(1, 2, 10), (2, 3, 6), (1, 3, 6)], &[(1, 3), (2, 3)]),
            // The deepest is not below most findings of the topmost: nobody explains that.
            (&[(1, 2, 10), (2, 3, 6), (1, 3, 5)], &[(2, 3)]),
            // Of two, the one below more findings, then the first by key.
            (&[(1, 2, 6), (1, 3, 7)], &[(1, 3)]),
            (&[(1, 3, 7), (1, 2, 7)], &[(1, 2)]),
            // Two that explain each other explain nothing.
            (&[(1, 2, 10), (2, 1, 10)], &[]),
            // What was dropped explains nothing and is not explained.
            (&[(1, 9, 10), (9, 2, 10)], &[]),
        ] {
            assert_eq!(explained(counts, 0..9), expected, "{counts:?}");
        }
    }
}
