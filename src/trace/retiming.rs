//! Retiming: how long a request would have taken if some of its spans had taken less.
//!
//! ```text
//! window  |--A-----|  |--B---|                 A cut:  ||  |--B---|
//!             |----C-------|                             |----C-------|      C did not wait for A, and now takes longest
//! ```
//!
//! A gap to what came before is kept, spans that overlapped still do, and a shorter span shortens only what waited for it:
//! what starts after another one's end is taken to have waited for it. Without edits every length is what it was, to the
//! nanosecond; more edits never make one longer; a cut saves at most the path time of what is cut.

mod packed;

use super::critical_path::Windows;
use super::tree::{NO_ROW, Row, Tree};

pub(crate) use packed::{Mark, PackedSegments, PatternEdits, SegmentToPack};

/// What a fix changes of a span.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Edit {
    /// It takes no time.
    Cut,
    /// It starts without the gap before it.
    Lead,
    /// It takes so many ns at most.
    Cap(i64),
}

/// As much of the windows of one segment as edits of some of its spans can change: those spans, what they lie below, and the
/// siblings of both. What lies below any other span goes on as it was.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Retiming {
    /// The segment's root, then the children of each span side by side, in the order of (start, end, id), before those of any
    /// span further down.
    windows: Vec<Window>,
    /// The same places, those of the children of each span in the order of their ends.
    by_end: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Window {
    /// In ns after the start of the parent's window.
    start: i64,
    /// In ns; more than 0 but for a root.
    length: i64,
    /// Where the children stand in the list.
    children: (u32, u32),
}

impl Window {
    fn end(&self) -> i64 {
        // What a file says may be too much.
        self.start.saturating_add(self.length)
    }
}

/// A segment that has edited spans.
#[derive(Clone, Debug, Default)]
pub(crate) struct EditedSegment {
    /// Its windows.
    pub(crate) retiming: Retiming,
    /// The place of each of its windows by its row, by row.
    places: Vec<(Row, u32)>,
}

impl EditedSegment {
    /// The segments of a trace that have spans of `edited`, by the rows of their roots.
    pub(crate) fn of_trace(tree: &Tree, windows: &Windows, edited: impl Iterator<Item = Row>) -> Vec<Self> {
        let mut is_opened = vec![false; tree.len()];
        let mut roots = Vec::new();
        for row in edited {
            let mut top = row;
            loop {
                let above = tree.waiting_parent(top);
                if above == NO_ROW {
                    roots.push(top);
                    break;
                }
                if is_opened[above as usize] {
                    break;
                }
                is_opened[above as usize] = true;
                top = above;
            }
        }
        roots.sort_unstable();
        roots.dedup();
        roots.into_iter().map(|root| Self::below(tree, windows, root, &is_opened)).collect()
    }

    fn below(tree: &Tree, windows: &Windows, root: Row, is_opened: &[bool]) -> Self {
        let (start, end) = windows.of(root);
        let mut below = vec![Window { start: 0, length: end - start, children: (0, 0) }];
        let mut rows = vec![root];
        let mut children = Vec::new();
        let mut next = 0;
        while let Some(&row) = rows.get(next) {
            if is_opened[row as usize] {
                let (window_start, _) = windows.of(row);
                let waited_for = tree.children(row).iter().filter(|&&child| !tree.is_async[child as usize]);
                children.clear();
                children.extend(waited_for.filter_map(|&child| {
                    let (start, end) = windows.of(child);
                    let (start, length) = (start - window_start, end - start);
                    (length > 0).then_some((start, length, tree.span_ids[child as usize], child))
                }));
                children.sort_unstable();
                let first = below.len();
                for &(start, length, _, child) in &children {
                    below.push(Window { start, length, children: (0, 0) });
                    rows.push(child);
                }
                below[next].children = (first as u32, below.len() as u32);
            }
            next += 1;
        }
        let mut places: Vec<(Row, u32)> = rows.into_iter().zip(0..).collect();
        places.sort_unstable();
        Self { retiming: Retiming::of(below), places }
    }

    /// The segment's root.
    pub(crate) fn root(&self) -> Row {
        let root = self.places.iter().find(|&&(_, place)| place == 0);
        root.map_or(NO_ROW, |&(row, _)| row)
    }

    /// The place of the window of a span; none if it holds no time.
    pub(crate) fn place_of(&self, row: Row) -> Option<u32> {
        let index = self.places.binary_search_by_key(&row, |&(row, _)| row).ok()?;
        Some(self.places[index].1)
    }
}

impl Retiming {
    /// Of windows in that order. Many patterns may be tried on one segment, and ends stay in order whatever is edited.
    fn of(windows: Vec<Window>) -> Self {
        let mut by_end: Vec<u32> = (0..windows.len() as u32).collect();
        for window in &windows {
            let children = window.children.0 as usize..window.children.1 as usize;
            by_end[children].sort_unstable_by_key(|&child| windows[child as usize].end());
        }
        Self { windows, by_end }
    }

    /// Length of the segment in ns.
    pub(crate) fn length(&self) -> i64 {
        self.windows.first().map_or(0, |root| root.length)
    }

    /// What its length in ns would be with `edits` of windows by their places, in any order.
    pub(crate) fn length_with(
        &self,
        edits: impl IntoIterator<Item = (u32, Edit)>,
        buffers: &mut RetimingBuffers,
    ) -> i64 {
        let RetimingBuffers { lengths, ends, is_led, caps } = buffers;
        is_led.clear();
        is_led.resize(self.windows.len(), false);
        caps.clear();
        caps.resize(self.windows.len(), i64::MAX);
        for (place, edit) in edits {
            let cap = &mut caps[place as usize];
            match edit {
                Edit::Cut => *cap = 0,
                Edit::Cap(most) => *cap = (*cap).min(most.max(0)),
                Edit::Lead => is_led[place as usize] = true,
            }
        }
        lengths.clear();
        lengths.extend(self.windows.iter().map(|window| window.length));
        ends.clear();
        ends.resize(self.windows.len(), 0);
        // What lies further down comes later.
        for (index, window) in self.windows.iter().enumerate().rev() {
            let children = window.children.0 as usize..window.children.1 as usize;
            if !children.is_empty() {
                let by_end = &self.by_end[children.clone()];
                let mut ended = by_end.iter().map(|&child| child as usize).peekable();
                // Of the siblings that had ended: the latest end as it was, and as it would be.
                let (mut old_end, mut new_end) = (0, 0);
                for child in children {
                    let start = self.windows[child].start;
                    while let Some(before) = ended.next_if(|&before| self.windows[before].end() <= start) {
                        old_end = self.windows[before].end();
                        new_end = ends[before].max(new_end);
                    }
                    let gap = if is_led[child] { 0 } else { start - old_end };
                    ends[child] = new_end.saturating_add(gap).saturating_add(lengths[child]);
                }
                let last_end = by_end.last().map_or(0, |&child| self.windows[child as usize].end());
                let new_end = ends[window.children.0 as usize..window.children.1 as usize].iter().copied().max();
                let new_end = new_end.unwrap_or_default();
                lengths[index] = new_end.saturating_add(window.length - last_end);
            }
            lengths[index] = lengths[index].min(caps[index]);
        }
        lengths.first().copied().unwrap_or(0)
    }
}

/// Allocated once, not for each trace.
#[derive(Debug, Default)]
pub(crate) struct RetimingBuffers {
    lengths: Vec<i64>,
    ends: Vec<i64>,
    is_led: Vec<bool>,
    caps: Vec<i64>,
}

#[cfg(test)]
mod tests;
