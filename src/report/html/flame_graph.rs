//! Where the time of requests goes, as a flame graph: what is called stands below who calls it, as wide as requests waited.

use crate::report::kinds::{PathStack, PathsOfEntry, PathsOfRequests};
use crate::report::text::units;

use super::shown_text::{Colours, percent, shortened};

/// A flame graph for typical requests of an entry, and one for slow ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Flames {
    pub(super) entry: String,
    pub(super) note: String,
    pub(super) graphs: Vec<Flame>,
}

/// A flame graph.
#[derive(Clone, Debug, Default)]
pub(super) struct Flame {
    pub(super) heading: String,
    pub(super) height: usize,
    pub(super) frames: Vec<FlameFrame>,
    /// What is said of frames that are too narrow to be drawn; may be empty.
    pub(super) left_out: String,
}

/// A frame: its place in percent and pixels.
#[derive(Clone, Debug, Default)]
pub(super) struct FlameFrame {
    pub(super) left: String,
    pub(super) width: String,
    pub(super) top: usize,
    pub(super) colour: String,
    /// What stands in it; empty where it is too narrow.
    pub(super) label: String,
    pub(super) title: String,
}

const ROW: usize = 20;
const MAX_DEPTH: usize = 24;
const MIN_SHARE: f64 = 0.004;
const MIN_SHARE_FOR_LABEL: f64 = 0.05;
const MAX_LABEL: usize = 80;
const MAX_TITLE: usize = 200;

impl Flames {
    /// Those of an entry.
    pub(super) fn of(paths: &PathsOfEntry, colours: &Colours) -> Self {
        let seen = if paths.looked_at < paths.requests {
            format!("{} of {} looked at", units::count(paths.looked_at), units::counted(paths.requests, "request"))
        } else {
            units::counted(paths.requests, "request")
        };
        let graphs =
            [("typical (middle fifth by duration)", &paths.typical), ("slow (slowest twentieth)", &paths.slow)];
        Self {
            entry: shortened(&paths.entry, MAX_TITLE),
            note: seen,
            graphs: graphs.into_iter().map(|(name, some)| Flame::of(name, some, colours)).collect(),
        }
    }
}

/// A frame with those below it.
#[derive(Default)]
struct Node<'a> {
    frame: &'a str,
    time: i128,
    below: Vec<Node<'a>>,
}

impl<'a> Node<'a> {
    /// The tree of stacks, which come in the order of their frames.
    fn of(stacks: &'a [PathStack]) -> Self {
        let mut top = Self::default();
        for stack in stacks {
            let time = i128::from(stack.time_ns);
            top.time += time;
            let mut node = &mut top;
            for frame in stack.frames.iter().take(MAX_DEPTH) {
                if node.below.last().is_none_or(|last| last.frame != frame) {
                    node.below.push(Node { frame, time: 0, below: Vec::new() });
                }
                let Some(last) = node.below.last_mut() else { break };
                node = last;
                node.time += time;
            }
        }
        top
    }
}

impl Flame {
    fn of(name: &str, some: &PathsOfRequests, colours: &Colours) -> Self {
        let tree = Node::of(&some.stacks);
        let (shortest, longest) = some.durations_ns;
        let range = if shortest == longest {
            units::duration(shortest)
        } else {
            format!("{} to {}", units::duration(shortest), units::duration(longest))
        };
        let mut flame = Self {
            heading: format!("{name}: {}, {range}", units::counted(some.requests, "request")),
            ..Self::default()
        };
        let (mut deepest, mut left_out) = (0, 0);
        let mut stack: Vec<(&Node<'_>, f64, usize)> = vec![(&tree, 0.0, 0)];
        while let Some((node, left, depth)) = stack.pop() {
            let mut left = left;
            let mut below: Vec<&Node<'_>> = node.below.iter().collect();
            below.sort_by_key(|below| std::cmp::Reverse(below.time));
            for child in below {
                let share = child.time as f64 / tree.time.max(1) as f64;
                if share >= MIN_SHARE {
                    deepest = deepest.max(depth + 1);
                    flame.frames.push(frame(child, left, share, depth, some.requests, colours));
                    stack.push((child, left, depth + 1));
                } else {
                    left_out += 1;
                }
                left += share;
            }
        }
        flame.height = deepest * ROW;
        let mut notes = Vec::new();
        if left_out > 0 {
            notes.push(format!("{} narrower than 0.4 % not drawn", units::counted(left_out, "frame")));
        }
        let deepest_stack = some.stacks.iter().map(|stack| stack.frames.len()).max().unwrap_or(0);
        if deepest_stack > MAX_DEPTH {
            notes.push(format!("the first {MAX_DEPTH} of {deepest_stack} levels are drawn"));
        }
        flame.left_out = notes.join("; ");
        flame
    }
}

fn frame(node: &Node<'_>, left: f64, share: f64, depth: usize, requests: u64, colours: &Colours) -> FlameFrame {
    let per_request = node.time / i128::from(requests.max(1));
    let service = node.frame.split(' ').next().unwrap_or_default();
    let label = if share >= MIN_SHARE_FOR_LABEL { shortened(node.frame, MAX_LABEL) } else { String::new() };
    FlameFrame {
        left: percent(left),
        width: percent(share),
        top: depth * ROW,
        colour: colours.class(service),
        label,
        title: format!(
            "{}: {} per request, {}",
            shortened(node.frame, MAX_TITLE),
            units::duration(per_request),
            units::share(share)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame is as wide as the time in it and below it, and stands below the frame that called it.
    #[test]
    fn frames_are_as_wide_as_their_time() {
        let stack = |frames: &[&str], time_ns| PathStack {
            frames: frames.iter().map(|&frame| frame.to_owned()).collect(),
            time_ns,
        };
        let stacks = vec![
            stack(&["web buy"], 20),
            stack(&["web buy", "cart get"], 30),
            stack(&["web buy", "cart get", "[wait] db"], 50),
        ];
        let some = PathsOfRequests { requests: 2, durations_ns: (40, 60), stacks };
        let flame = Flame::of("typical", &some, &Colours::of(["web", "cart"].into_iter()));
        let drawn: Vec<(&str, &str, usize)> =
            flame.frames.iter().map(|frame| (frame.label.as_str(), frame.width.as_str(), frame.top)).collect();
        assert_eq!(drawn, [("web buy", "100", 0), ("cart get", "80", ROW), ("[wait] db", "50", 2 * ROW)]);
        assert_eq!(flame.frames[1].title, "cart get: 40 ns per request, 80 %");
        assert_eq!((flame.height, flame.frames[2].colour.as_str()), (3 * ROW, "cx"));
    }
}
