//! Where the critical paths of all requests go, as stacks: which operations are above each other while a request waits, and
//! for how long it does. A flame graph draws them.
//!
//! A stack begins with the entry of its request; each span down to the one that is waited for is a frame, without repeating the
//! one above it (the two halves of a call are often called alike); time that is not the span's own ends in a frame that says
//! what it is: `network`, `wait` or `backoff`, and for whom.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::trace::{Component, NO_ROW, Row, TraceView, total_ns};

/// A frame of a stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Frame {
    /// An operation of a service.
    Operation(Symbol, Symbol),
    /// Time that is not the operation's own, and for whom it is waited; no name where that is not known.
    Beside(Component, Symbol),
}

/// The number of no node: what entries are below.
const TOP: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    above: u32,
    frame: Frame,
    time_ns: i64,
}

/// The stacks of critical paths and the time of each, as a tree of frames.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathStacks {
    nodes: Vec<Node>,
    numbers: HashMap<(u32, Frame), u32, FixedState>,
    /// The node of each span of the trace that is looked at.
    of_rows: Vec<u32>,
    rows: Vec<Row>,
}

impl PathStacks {
    /// Takes notice of the critical paths of one trace.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        (0..trace.tree.path_roots.len()).for_each(|path| self.see_path(trace, path));
    }

    /// Takes notice of one critical path, by the place of its root.
    pub(crate) fn see_path(&mut self, trace: &TraceView<'_>, path: usize) {
        self.of_rows.clear();
        self.of_rows.resize(trace.tree.len(), TOP);
        let root = &trace.tree.path_roots[path];
        let entry = Frame::Operation(trace.service(root.row), trace.entry_operation(root.row));
        self.of_rows[root.row as usize] = self.below(TOP, entry);
        for (section, place) in trace.booked_sections(path) {
            let mut node = self.node_of(trace, section.row);
            if place.component != Component::SelfTime {
                node = self.below(node, Frame::Beside(place.component, place.target));
            }
            let time = &mut self.nodes[node as usize].time_ns;
            *time = total_ns([*time, section.end - section.start]);
        }
    }

    /// The node of a span: that of its parent, and below it one for the span.
    fn node_of(&mut self, trace: &TraceView<'_>, row: Row) -> u32 {
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        let mut above = row;
        while above != NO_ROW && self.of_rows[above as usize] == TOP {
            rows.push(above);
            above = trace.tree.parents[above as usize];
        }
        let mut node = if above == NO_ROW { TOP } else { self.of_rows[above as usize] };
        for &row in rows.iter().rev() {
            let frame = Frame::Operation(trace.service(row), trace.entry_operation(row));
            if node == TOP || self.nodes[node as usize].frame != frame {
                node = self.below(node, frame);
            }
            self.of_rows[row as usize] = node;
        }
        self.rows = rows;
        node
    }

    fn below(&mut self, above: u32, frame: Frame) -> u32 {
        let next = self.nodes.len() as u32;
        let number = *self.numbers.entry((above, frame)).or_insert(next);
        if number == next {
            self.nodes.push(Node { above, frame, time_ns: 0 });
        }
        number
    }

    /// Takes in those of other traces.
    pub(crate) fn merge(&mut self, other: Self) {
        let mut numbers: Vec<u32> = Vec::with_capacity(other.nodes.len());
        // A node is made after the one above it.
        for Node { above, frame, time_ns } in other.nodes {
            let above = if above == TOP { TOP } else { numbers[above as usize] };
            let number = self.below(above, frame);
            let time = &mut self.nodes[number as usize].time_ns;
            *time = total_ns([*time, time_ns]);
            numbers.push(number);
        }
    }

    /// About how many bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.numbers.capacity() * size_of::<((u32, Frame), u32)>()
    }

    /// The stacks in which time was spent, with that in ns, in the order of their frames as `name` says them.
    pub(crate) fn stacks(&self, name: impl Fn(Frame) -> String) -> Vec<(Vec<String>, i64)> {
        let mut names: HashMap<Frame, String, FixedState> = HashMap::default();
        for node in &self.nodes {
            names.entry(node.frame).or_insert_with(|| name(node.frame));
        }
        let timed = (0u32..).zip(&self.nodes).filter(|(_, node)| node.time_ns > 0);
        let mut stacks: Vec<(Vec<String>, i64)> = timed
            .map(|(number, node)| {
                let mut frames = Vec::new();
                let mut above = number;
                while above != TOP {
                    let node = &self.nodes[above as usize];
                    frames.push(names[&node.frame].clone());
                    above = node.above;
                }
                frames.reverse();
                (frames, node.time_ns)
            })
            .collect();
        stacks.sort_unstable();
        // Frames that differ may be said alike.
        stacks.dedup_by(|right, left| {
            let is_same = left.0 == right.0;
            if is_same {
                left.1 = total_ns([left.1, right.1]);
            }
            is_same
        });
        stacks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Symbols;
    use crate::trace::sample::Sample;

    /// A span is a frame below its parent's; the entry is the first; halves of a call that are called alike are one; time
    /// on the way between them has a frame of its own.
    const INPUT: &str = "
        1 11 0  web  SERVER buy   0..100
        1 12 11 web  CLIENT get   10..60
        1 13 12 cart SERVER get   20..50
        1 14 13 cart INTERNAL load 25..45
        2 21 0  web  SERVER buy   0..50
    ";

    fn said(frame: Frame, symbols: &Symbols) -> String {
        match frame {
            Frame::Operation(service, operation) => {
                format!("{} {}", symbols.resolve(service), symbols.resolve(operation))
            }
            Frame::Beside(component, target) => format!("[{}] {}", component.as_str(), symbols.resolve(target)),
        }
    }

    fn lines(stacks: &PathStacks, symbols: &Symbols) -> Vec<String> {
        let stacks = stacks.stacks(|frame| said(frame, symbols));
        stacks.into_iter().map(|(frames, time)| format!("{} {}", frames.join(";"), time / 1_000_000)).collect()
    }

    #[test]
    fn stacks_hold_all_time_of_the_paths() {
        let sample = Sample::of(INPUT);
        let symbols = &sample.semantics.symbols;
        let see = |places: &[usize]| {
            let mut stacks = PathStacks::default();
            places.iter().for_each(|&place| sample.with_trace(place, place as u32, |trace| stacks.see(trace)));
            stacks
        };
        let whole = see(&[0, 1]);
        insta::assert_snapshot!(lines(&whole, symbols).join("\n"), @"
        web buy 100
        web buy;web get;[network] cart 20
        web buy;web get;cart get 10
        web buy;web get;cart get;cart load 20
        ");
        let sum: i64 = whole.nodes.iter().map(|node| node.time_ns).sum();
        assert_eq!(sum, 150_000_000);
        for order in [[0, 1], [1, 0]] {
            let mut merged = PathStacks::default();
            order.iter().for_each(|&place| merged.merge(see(&[place])));
            assert_eq!(lines(&merged, symbols), lines(&whole, symbols));
        }
    }
}
