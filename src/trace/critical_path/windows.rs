//! The window of every span, on a path or not: when whoever waits for it would have noticed a change of its length.

use super::{CriticalPaths, OverlapTolerance};
use crate::trace::semantics::Semantics;
use crate::trace::tree::{NO_ROW, Row, Tree};

/// Where the critical path would run if it went through every span. A span is cut to its parent's window; where the walk from
/// that window's end takes a sibling that overlaps a little as sequential, the sibling ends where the next one starts.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    walk: CriticalPaths,
}

impl Windows {
    /// Works out the windows of `tree`.
    pub(crate) fn rebuild(&mut self, tree: &Tree, semantics: &Semantics, tolerance: OverlapTolerance) {
        let walk = &mut self.walk;
        walk.cut_windows(tree);
        for &row in &tree.top_down {
            let parent = tree.waiting_parent(row);
            if parent != NO_ROW {
                // The parent's may have been clipped since.
                let (row, end) = (row as usize, walk.window_ends[parent as usize]);
                walk.window_ends[row] = walk.window_ends[row].min(end).max(walk.window_starts[row]);
            }
            walk.enter(tree, row, walk.window_ends[row as usize]);
            if let Some(mut visit) = walk.stack.pop() {
                while let Some((child, end)) = walk.next_child(tree, semantics, tolerance, &mut visit) {
                    walk.window_ends[child.row as usize] = end;
                    visit.cursor = child.start;
                }
                walk.siblings.clear();
                walk.sibling_starts.clear();
            }
            // Sections are those of another walk.
            walk.sections.clear();
        }
    }

    /// Start and end of the window of a span in ns since 1970; equal for one that holds no time.
    pub(crate) fn of(&self, row: Row) -> (i64, i64) {
        (self.walk.window_starts[row as usize], self.walk.window_ends[row as usize])
    }
}
