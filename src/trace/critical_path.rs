//! The critical path: for every root, which span the time was waiting for at each moment.
//!
//! ```text
//! parent  |======================================|     walk from the right:
//! child A      |=========|                             gap -> parent, B, gap -> parent, A, gap -> parent
//! child B                    |===========|             C ends after B began: B is waited for, C is not
//! child C           |=========|
//! ```
//!
//! The sections of a root partition its interval exactly, in integer nanoseconds. The walk is that of Uber's CRISP
//! (Zhang et al., USENIX ATC 2022) with children cut to their parent's window and a tolerance for small overlaps.

mod windows;

use super::semantics::Semantics;
use super::tree::{NO_ROW, Row, Tree};

pub(crate) use windows::Windows;

/// A piece of a critical path: from `start` to `end` (ns since 1970) the root was waiting for `row` itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section {
    /// The span.
    pub row: Row,
    /// Start in ns since 1970.
    pub start: i64,
    /// End in ns since 1970; later than `start`.
    pub end: i64,
}

/// How far siblings may overlap and still count as sequential: share of the parent's window, in millionths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OverlapTolerance {
    /// Millionths of the parent's window; 0 turns the tolerance off.
    pub millionths: u32,
}

impl OverlapTolerance {
    /// Percent of its own length by which a sibling of the same service may overlap. One service's own consecutive steps
    /// overlap by microseconds; two workers of it that share a twentieth of their time are parallel.
    const SAME_SERVICE_PERCENT: i128 = 5;
}

/// The critical paths of one trace. Reused from trace to trace.
#[derive(Debug, Default)]
pub struct CriticalPaths {
    /// The sections of all paths, in the order of [`Tree::path_roots`], then in time order.
    pub sections: Vec<Section>,
    /// Where the sections of each path begin; one more for the end of all.
    pub section_starts: Vec<usize>,
    /// Path time of each row itself, in ns.
    pub own: Vec<i64>,
    /// Path time of each row and everything below it on the same path, in ns.
    pub inclusive: Vec<i64>,
    /// Spans that were cut to their parent's window.
    pub clamped: u64,
    window_starts: Vec<i64>,
    window_ends: Vec<i64>,
    siblings: Vec<Sibling>,
    /// Starts of the same siblings, the latest first.
    sibling_starts: Vec<i64>,
    stack: Vec<Visit>,
}

#[derive(Clone, Copy, Debug)]
struct Sibling {
    row: Row,
    start: i64,
    end: i64,
}

/// A span on the way down. Its children lie in `siblings[first..first + count]`, latest end first.
#[derive(Clone, Copy, Debug)]
struct Visit {
    row: Row,
    window: i64,
    start: i64,
    cursor: i64,
    first: usize,
    count: usize,
    next: usize,
    last: usize,
}

const NO_SIBLING: usize = usize::MAX;

impl CriticalPaths {
    /// Works out the paths of `tree`.
    pub fn rebuild(&mut self, tree: &Tree, semantics: &Semantics, tolerance: OverlapTolerance) {
        self.cut_windows(tree);
        self.sections.clear();
        self.section_starts.clear();
        self.section_starts.push(0);
        for root in &tree.path_roots {
            let first = self.sections.len();
            self.walk(tree, semantics, tolerance, root.row);
            self.sections[first..].reverse();
            self.section_starts.push(self.sections.len());
        }
        self.own.clear();
        self.own.resize(tree.len(), 0);
        for section in &self.sections {
            self.own[section.row as usize] += section.end - section.start;
        }
        self.inclusive.clear();
        self.inclusive.extend_from_slice(&self.own);
        for &row in tree.top_down.iter().rev() {
            let parent = tree.waiting_parent(row);
            if parent != NO_ROW {
                let below = self.inclusive[row as usize];
                let inclusive = &mut self.inclusive[parent as usize];
                *inclusive = inclusive.saturating_add(below);
            }
        }
    }

    /// The sections of path number `index`, in time order.
    pub fn sections_of(&self, index: usize) -> &[Section] {
        &self.sections[self.section_starts[index]..self.section_starts[index + 1]]
    }

    /// Cuts every child to its parent's already cut window. A window without length stands for "holds no time".
    fn cut_windows(&mut self, tree: &Tree) {
        self.clamped = 0;
        self.window_starts.clear();
        self.window_starts.extend_from_slice(&tree.starts);
        self.window_ends.clear();
        self.window_ends.extend_from_slice(&tree.ends);
        for &row in &tree.top_down {
            let parent = tree.waiting_parent(row);
            if parent == NO_ROW {
                continue;
            }
            let (row, parent) = (row as usize, parent as usize);
            let start = tree.starts[row].max(self.window_starts[parent]);
            let end = tree.ends[row].min(self.window_ends[parent]);
            if start != tree.starts[row] || end != tree.ends[row] {
                self.clamped += 1;
            }
            self.window_starts[row] = start;
            self.window_ends[row] = end.max(start);
        }
    }

    fn walk(&mut self, tree: &Tree, semantics: &Semantics, tolerance: OverlapTolerance, root: Row) {
        debug_assert!(self.stack.is_empty() && self.siblings.is_empty());
        self.enter(tree, root, self.window_ends[root as usize]);
        while let Some(mut visit) = self.stack.pop() {
            match self.next_child(tree, semantics, tolerance, &mut visit) {
                Some((child, end)) => {
                    if end < visit.cursor {
                        self.sections.push(Section { row: visit.row, start: end, end: visit.cursor });
                    }
                    visit.cursor = child.start;
                    self.stack.push(visit);
                    self.enter(tree, child.row, end);
                }
                None => {
                    if visit.start < visit.cursor {
                        self.sections.push(Section { row: visit.row, start: visit.start, end: visit.cursor });
                    }
                    self.siblings.truncate(visit.first);
                    self.sibling_starts.truncate(visit.first);
                }
            }
        }
    }

    /// Puts `row` on the stack with its window cut at `end`.
    fn enter(&mut self, tree: &Tree, row: Row, end: i64) {
        let start = self.window_starts[row as usize];
        let first = self.siblings.len();
        // Those that start last first: that is nearly the order wanted.
        for &child in tree.children(row).iter().rev() {
            if tree.is_async[child as usize] {
                continue;
            }
            let child_start = self.window_starts[child as usize];
            let child_end = self.window_ends[child as usize].min(end);
            if child_start < child_end {
                self.siblings.push(Sibling { row: child, start: child_start, end: child_end });
                self.sibling_starts.push(child_start);
            }
        }
        let count = self.siblings.len() - first;
        if count == 0 {
            if start < end {
                self.sections.push(Section { row, start, end });
            }
            return;
        }
        self.siblings[first..].sort_unstable_by(|left, right| {
            let id = |sibling: &Sibling| (tree.span_ids[sibling.row as usize], sibling.row);
            right.end.cmp(&left.end).then(left.start.cmp(&right.start)).then_with(|| id(left).cmp(&id(right)))
        });
        debug_assert!(self.sibling_starts[first..].is_sorted_by(|left, right| left >= right), "rows are by start");
        self.stack.push(Visit {
            row,
            window: end - start,
            start,
            cursor: end,
            first,
            count,
            next: 0,
            last: NO_SIBLING,
        });
    }

    /// The child that was waited for just before the cursor, and the end of its window.
    fn next_child(
        &self,
        tree: &Tree,
        semantics: &Semantics,
        tolerance: OverlapTolerance,
        visit: &mut Visit,
    ) -> Option<(Sibling, i64)> {
        let siblings = &self.siblings[visit.first..visit.first + visit.count];
        while siblings.get(visit.next).is_some_and(|sibling| sibling.end > visit.cursor) {
            visit.next += 1;
        }
        if visit.last != NO_SIBLING
            && tolerance.millionths > 0
            && let Some(index) = self.overlapping_sibling(tree, semantics, tolerance, visit, siblings)
        {
            visit.last = index;
            return Some((siblings[index], visit.cursor));
        }
        let sibling = *siblings.get(visit.next)?;
        visit.last = visit.next;
        visit.next += 1;
        Some((sibling, sibling.end))
    }

    /// The sibling that passes the cursor by so little that it counts as having ended there.
    ///
    /// Only the sibling with the smallest end beyond the cursor can qualify: for any other, that end lies inside its
    /// overlap.
    fn overlapping_sibling(
        &self,
        tree: &Tree,
        semantics: &Semantics,
        tolerance: OverlapTolerance,
        visit: &Visit,
        siblings: &[Sibling],
    ) -> Option<usize> {
        let mut beyond = (0..visit.next).rev().filter(|&index| index != visit.last);
        let index = beyond.next()?;
        let sibling = siblings[index];
        let overlap = sibling.end - visit.cursor;
        if sibling.start >= visit.cursor || overlap <= 0 {
            return None;
        }
        if i128::from(overlap) * 1_000_000 >= i128::from(tolerance.millionths) * i128::from(visit.window) {
            return None;
        }
        let service = |sibling: &Sibling| tree.service(sibling.row, semantics);
        let same_service = service(&sibling) == service(&siblings[visit.last]);
        let length = i128::from(sibling.end - sibling.start);
        if same_service && i128::from(overlap) * 100 >= OverlapTolerance::SAME_SERVICE_PERCENT * length {
            return None;
        }
        let ends_at_cursor = siblings.get(visit.next).is_some_and(|next| next.end == visit.cursor);
        let ends_inside = beyond.next().is_some_and(|next| siblings[next].end <= sibling.end);
        if ends_at_cursor || ends_inside {
            return None;
        }
        let starts = &self.sibling_starts[visit.first..visit.first + visit.count];
        let inside = starts.partition_point(|&start| start >= visit.cursor)
            - starts.partition_point(|&start| start > sibling.end);
        // The child chosen last starts at the cursor; a second start inside is a third sibling's.
        (inside == 1).then_some(index)
    }
}

#[cfg(test)]
mod tests;
