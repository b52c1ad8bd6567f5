//! What is saved in one trace.

use std::ops::Range;

use hashbrown::HashMap;

use crate::findings::{Explained, FindingColumns, Remedies};
use crate::frame::Symbol;
use crate::partial::TraceNumber;
use crate::trace::{Edit, EditedSegment, Mark, NO_ROW, RetimingBuffers, RootReason, Row, SegmentToPack, TraceView};

use super::overlaps::Overlaps;

/// Findings of one detector, and remedies of those that were found last.
pub(crate) struct Unsettled<'a> {
    /// All its findings so far.
    pub(crate) findings: &'a mut FindingColumns,
    /// Remedies of those of the trace that is looked at.
    pub(crate) remedies: &'a mut Remedies,
}

/// Works out what remedies save in a trace. Buffers are reused from trace to trace.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    items: Vec<Item>,
    keys: Vec<Symbol>,
    edits: Vec<(Row, Edit)>,
    calls: Vec<Row>,
    marked: Vec<Row>,
    retiming: RetimingBuffers,
    saved: Vec<Saved>,
}

/// A finding with its remedy.
#[derive(Clone, Debug)]
struct Item {
    detector: u8,
    name: &'static str,
    key: Range<usize>,
    finding: usize,
    row: Row,
    mends: Row,
    wasted_ns: i64,
    edits: Range<usize>,
    calls: Range<usize>,
    explained: Option<Cause>,
}

#[derive(Clone, Debug)]
enum Cause {
    SameKey(&'static str),
    MostOf(&'static str, Range<usize>),
}

/// What a pattern saves in the trace; stands on the first of its findings there.
#[derive(Clone, Copy, Debug, Default)]
struct Saved {
    detector: u8,
    finding: usize,
    requests: u32,
    saving_ns: i64,
    failed_requests: u32,
    wasted_ns: i64,
}

/// An edit of a pattern in a segment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct PlacedEdit {
    root: Row,
    pattern: u32,
    row: Row,
    edit: Edit,
}

impl Settling {
    /// Takes the remedies of the trace that a detector has found; the detector is this one of the catalog.
    pub(crate) fn take(&mut self, detector: u8, name: &'static str, unsettled: Unsettled<'_>) {
        let Unsettled { findings, remedies } = unsettled;
        if remedies.is_empty() {
            return;
        }
        for (finding, remedy) in remedies.iter() {
            let (first_key, first_edit) = (self.keys.len(), self.edits.len());
            self.keys.extend_from_slice(findings.key.get(finding));
            self.edits.extend_from_slice(remedy.edits);
            let mut keep = |rows: &[Row]| {
                let first = self.calls.len();
                self.calls.extend_from_slice(rows);
                first..self.calls.len()
            };
            let calls = keep(remedy.calls);
            let explained = remedy.explained.map(|explained| match explained {
                Explained::BySameKey(by) => Cause::SameKey(by),
                Explained::ByMostOf(by, rows) => Cause::MostOf(by, keep(rows)),
            });
            self.items.push(Item {
                detector,
                name,
                key: first_key..self.keys.len(),
                finding,
                row: remedy.row,
                mends: remedy.mends.unwrap_or(NO_ROW),
                wasted_ns: remedy.wasted_ns,
                edits: first_edit..self.edits.len(),
                calls,
                explained,
            });
        }
        remedies.clear();
    }

    /// Takes the spans of the trace that a detector may change once all traces were seen.
    pub(crate) fn mark(&mut self, rows: &mut Vec<Row>) {
        self.marked.append(rows);
    }

    /// Whether nothing was found in the trace, and nothing may be found later.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.marked.is_empty()
    }

    /// Works out what was taken, and keeps in `overlaps` what several patterns change.
    pub(crate) fn settle(&mut self, trace: &TraceView<'_>, overlaps: &mut Overlaps) {
        let keys = &self.keys;
        self.items.sort_by(|left, right| {
            let pattern = |item: &Item| (item.detector, &keys[item.key.clone()]);
            pattern(left).cmp(&pattern(right)).then(left.finding.cmp(&right.finding))
        });
        let is_same = |left: &Item, right: &Item| {
            left.detector == right.detector && keys[left.key.clone()] == keys[right.key.clone()]
        };
        let patterns: Vec<&[Item]> = self.items.chunk_by(is_same).collect();
        self.saved.clear();
        let roots = Roots::of(trace);
        for &items in &patterns {
            self.saved.push(Saved {
                detector: items[0].detector,
                finding: items[0].finding,
                requests: distinct(items.iter().filter_map(|item| roots.above(item.row))),
                wasted_ns: items.iter().fold(0, |sum: i64, item| sum.saturating_add(item.wasted_ns)),
                ..Saved::default()
            });
        }
        let numbered = || (0u32..).zip(&patterns);
        let key = |pattern: u32| {
            let item = &patterns[pattern as usize][0];
            (item.detector, &keys[item.key.clone()])
        };

        let mended = |(pattern, items): (u32, &&[Item])| -> Vec<(Row, u32)> {
            let rows = items.iter().map(|item| item.mends).filter(|&row| row != NO_ROW && roots.is_request(row));
            rows.map(|row| (row, pattern)).collect()
        };
        let mut mended: Vec<(Row, u32)> = numbered().flat_map(mended).collect();
        mended.sort_unstable();
        mended.dedup();
        for of_root in mended.chunk_by(|left, right| left.0 == right.0) {
            of_root.iter().for_each(|&(_, pattern)| self.saved[pattern as usize].failed_requests += 1);
            if of_root.len() > 1 {
                overlaps.push_mended(of_root.iter().map(|&(_, pattern)| key(pattern)));
            }
        }

        let mut placed: Vec<PlacedEdit> = Vec::new();
        for (pattern, items) in numbered() {
            let edits = items.iter().flat_map(|item| &self.edits[item.edits.clone()]);
            // Nobody waited for the root of a segment that is late.
            let edits = edits.filter(|&&(row, _)| !trace.tree.is_only_late(row, trace.semantics));
            placed.extend(edits.map(|&(row, edit)| PlacedEdit {
                root: trace.tree.path_root_of(row),
                pattern,
                row,
                edit,
            }));
        }
        let mut marked: Vec<(Row, Row)> = self.marked.iter().map(|&row| (trace.tree.path_root_of(row), row)).collect();
        marked.sort_unstable();
        marked.dedup();
        if !placed.is_empty() || !marked.is_empty() {
            placed.sort_unstable();
            placed.dedup();
            let rows = placed.iter().map(|placed| placed.row).chain(marked.iter().map(|&(_, row)| row));
            let segments = EditedSegment::of_trace(trace.tree, trace.windows(), rows);
            let (mut placed, mut marked) = (&placed[..], &marked[..]);
            for segment in &segments {
                let (of_root, others) = placed.split_at(placed.partition_point(|placed| placed.root <= segment.root()));
                let (marks, later) = marked.split_at(marked.partition_point(|&(root, _)| root <= segment.root()));
                (placed, marked) = (others, later);
                let of_patterns = || of_root.chunk_by(|left, right| left.pattern == right.pattern);
                let is_kept = of_patterns().nth(1).is_some() || !marks.is_empty();
                let mut packed = is_kept.then(|| SegmentToPack::new(&segment.retiming));
                if let Some(packed) = packed.as_mut().filter(|_| !marks.is_empty()) {
                    let mark = |&(_, row): &(Row, Row)| Mark {
                        row,
                        place: segment.place_of(row).filter(|_| !trace.tree.is_only_late(row, trace.semantics)),
                        request: roots.above(row),
                    };
                    packed.mark(TraceNumber(trace.number), marks.iter().map(mark));
                }
                for of_pattern in of_patterns() {
                    let places = of_pattern.iter().filter_map(|edit| Some((segment.place_of(edit.row)?, edit.edit)));
                    let edits: Vec<(u32, Edit)> = places.collect();
                    let pattern = of_pattern[0].pattern;
                    let length = segment.retiming.length_with(edits.iter().copied(), &mut self.retiming);
                    let saved = &mut self.saved[pattern as usize].saving_ns;
                    *saved = saved.saturating_add(segment.retiming.length() - length);
                    if let Some(packed) = &mut packed {
                        let (detector, key) = key(pattern);
                        packed.push(detector, key, &edits);
                    }
                }
                if let Some(packed) = packed {
                    overlaps.segments.push(packed);
                }
            }
        }
        self.explain(&patterns, overlaps);
    }

    /// Tells `overlaps` which patterns explain others.
    fn explain(&self, patterns: &[&[Item]], overlaps: &mut Overlaps) {
        let key = |item: &Item| (item.detector, &self.keys[item.key.clone()]);
        let mut owners: HashMap<&'static str, Vec<(Row, u32)>> = HashMap::new();
        for (pattern, items) in (0u32..).zip(patterns) {
            for item in items.iter() {
                let calls = self.calls[item.calls.clone()].iter().map(|&row| (row, pattern));
                if !item.calls.is_empty() {
                    owners.entry(item.name).or_default().extend(calls);
                }
            }
        }
        for owners in owners.values_mut() {
            owners.sort_unstable();
            owners.dedup();
        }
        for (pattern, items) in (0u32..).zip(patterns) {
            for item in items.iter() {
                let by = match &item.explained {
                    None => continue,
                    Some(Cause::SameKey(by)) => patterns
                        .iter()
                        .find(|others| others[0].name == *by && key(&others[0]).1 == key(item).1)
                        .copied(),
                    Some(Cause::MostOf(by, rows)) => {
                        let rows = &self.calls[rows.clone()];
                        let owners = owners.get(by).map_or(&[][..], Vec::as_slice);
                        let mut owned: HashMap<u32, usize> = HashMap::new();
                        for &row in rows {
                            let first = owners.partition_point(|&(owned, _)| owned < row);
                            for &(_, owner) in owners[first..].iter().take_while(|&&(owned, _)| owned == row) {
                                *owned.entry(owner).or_default() += 1;
                            }
                        }
                        let others =
                            owned.into_iter().filter(|&(owner, count)| owner != pattern && count * 2 > rows.len());
                        let most = others.max_by_key(|&(owner, count)| (count, std::cmp::Reverse(owner)));
                        most.map(|(owner, _)| patterns[owner as usize])
                    }
                };
                if let Some(by) = by {
                    overlaps.explain(key(item), key(&by[0]));
                }
            }
        }
    }

    /// Gives the findings of a detector of the catalog what they save.
    pub(crate) fn give(&self, detector: u8, findings: &mut FindingColumns) {
        for saved in self.saved.iter().filter(|saved| saved.detector == detector) {
            findings.requests[saved.finding] = saved.requests;
            findings.saving_ns[saved.finding] = saved.saving_ns;
            findings.failed_requests.set(saved.finding, saved.failed_requests);
            findings.wasted_ns.set(saved.finding, saved.wasted_ns);
        }
    }

    /// Makes room for the next trace.
    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.keys.clear();
        self.edits.clear();
        self.calls.clear();
        self.marked.clear();
        self.saved.clear();
    }
}

fn distinct(rows: impl Iterator<Item = Row>) -> u32 {
    let mut rows: Vec<Row> = rows.collect();
    rows.sort_unstable();
    rows.dedup();
    rows.len() as u32
}

/// The topmost spans of a trace by their depth-first places.
struct Roots<'a> {
    trace: &'a TraceView<'a>,
    tops: Vec<(u32, Row)>,
}

impl<'a> Roots<'a> {
    fn of(trace: &'a TraceView<'a>) -> Self {
        let tree = trace.tree;
        let rows = tree.path_roots.iter().map(|root| root.row).filter(|&row| tree.parents[row as usize] == NO_ROW);
        let mut tops: Vec<(u32, Row)> = rows.map(|row| (tree.position(row), row)).collect();
        tops.sort_unstable();
        Self { trace, tops }
    }

    /// The request that a span belongs to, however it was handed over on the way; none if its root is missing.
    fn above(&self, row: Row) -> Option<Row> {
        let place = self.trace.tree.position(row);
        let after = self.tops.partition_point(|&(top, _)| top <= place);
        let (_, top) = self.tops[..after].last()?;
        self.is_request(*top).then_some(*top)
    }

    /// Whether a span is the root of a trace.
    fn is_request(&self, row: Row) -> bool {
        let roots = &self.trace.tree.path_roots;
        let index = roots.binary_search_by_key(&row, |root| root.row);
        index.is_ok_and(|index| roots[index].reason == RootReason::Root)
    }
}
