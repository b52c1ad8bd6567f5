//! Runs of alike siblings as one line.
//!
//! Siblings are alike if they have the same service, name and target, and the same below them: a loop that makes three
//! calls each time is three lines, however often it runs and however many of its spans there are.
//!
//! ```text
//! orders: GET /orders                       orders: GET /orders
//!   orders: GET ─ catalog: GET ─ SELECT       orders: GET  ×1,200
//!   orders: GET ─ catalog: GET ─ SELECT   ▶     catalog: GET  ×1,200
//!   …                                             SELECT  ×1,200
//! ```
//!
//! What someone looks for is never folded away: a span that failed, or that a finding is about, or that has one below it,
//! has a line of its own, beside the line that counts it. So have spans of the critical path and those that prove a
//! finding where they stand out, because there are few of them; where a whole run is of that kind, its line shows it.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::shown::ShownSpan;

/// Fewer are not worth a line that counts them.
const MIN_FOLDED: usize = 3;

/// As many of a run stand out; more are what the run is made of.
const MAX_STANDING_OUT: usize = 5;

/// One line of a waterfall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) struct Line {
    /// The places of the spans that it shows, at least one.
    pub(in crate::report) spans: Vec<usize>,
    /// How many of them have a line of their own as well.
    pub(in crate::report) shown_alone: usize,
}

impl Line {
    fn of(span: usize) -> Self {
        Self { spans: vec![span], shown_alone: 0 }
    }
}

/// A line for each span.
pub(in crate::report) fn unfolded(spans: &[ShownSpan]) -> Vec<Line> {
    (0..spans.len()).map(Line::of).collect()
}

/// The lines of `spans`, in which children come after their parents.
pub(in crate::report) fn folded(spans: &[ShownSpan]) -> Vec<Line> {
    let shapes = Shapes::of(spans);
    let mut lines = Vec::new();
    // A stack, because a trace may be one deep chain.
    let mut stack = shapes.lines_of(&shapes.tops);
    stack.reverse();
    while let Some(line) = stack.pop() {
        let below = match line.spans[..] {
            [span] => shapes.lines_of(&shapes.children[span]),
            _ => shapes.below_run(&line.spans),
        };
        stack.extend(below.into_iter().rev());
        lines.push(line);
    }
    lines
}

/// What decides which spans are alike.
struct Shapes {
    tops: Vec<usize>,
    children: Vec<Vec<usize>>,
    /// Equal for spans that are alike, with all that is below them.
    shapes: Vec<u32>,
    /// Whether a span at or below each must have a line of its own.
    must_be_seen: Vec<bool>,
    /// The same of what must be seen where it is rare.
    may_stand_out: Vec<bool>,
}

impl Shapes {
    fn of(spans: &[ShownSpan]) -> Self {
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
        let mut tops = Vec::new();
        for (index, span) in spans.iter().enumerate() {
            match span.parent {
                Some(parent) => children[parent].push(index),
                None => tops.push(index),
            }
        }
        let mut known: HashMap<_, u32, FixedState> = HashMap::default();
        let mut shapes = vec![0; spans.len()];
        let mut must_be_seen: Vec<bool> = spans.iter().map(|span| span.failed || !span.findings.is_empty()).collect();
        let is_notable =
            |span: &ShownSpan| !span.evidence_of.is_empty() || span.on_path.iter().any(|(start, end)| start < end);
        let mut may_stand_out: Vec<bool> = spans.iter().map(is_notable).collect();
        for (index, span) in spans.iter().enumerate().rev() {
            let mut below: Vec<u32> = children[index].iter().map(|&child| shapes[child]).collect();
            // How often something is done in a row makes no difference.
            below.dedup();
            let next = known.len() as u32;
            let shape = (&span.service, &span.name, &span.target, span.root_reason, below);
            shapes[index] = *known.entry(shape).or_insert(next);
            if let Some(parent) = span.parent {
                must_be_seen[parent] |= must_be_seen[index];
                may_stand_out[parent] |= may_stand_out[index];
            }
        }
        Self { tops, children, shapes, must_be_seen, may_stand_out }
    }

    /// The runs of `siblings`.
    fn runs<'a>(&self, siblings: &'a [usize]) -> impl Iterator<Item = &'a [usize]> {
        siblings.chunk_by(|&left, &right| self.shapes[left] == self.shapes[right])
    }

    /// The lines of siblings.
    fn lines_of(&self, siblings: &[usize]) -> Vec<Line> {
        let mut lines = Vec::new();
        for run in self.runs(siblings) {
            let notable = run.iter().filter(|&&span| self.may_stand_out[span]).count();
            let stands_out = |span: usize| notable <= MAX_STANDING_OUT && self.may_stand_out[span];
            let is_alone = |&span: &usize| self.must_be_seen[span] || stands_out(span);
            let alone: Vec<usize> = run.iter().copied().filter(is_alone).collect();
            if run.len() - alone.len() < MIN_FOLDED {
                lines.extend(run.iter().copied().map(Line::of));
            } else {
                lines.push(Line { spans: run.to_vec(), shown_alone: alone.len() });
                lines.extend(alone.into_iter().map(Line::of));
            }
        }
        lines
    }

    /// The lines below one that shows many: what is alike below them is one line each.
    fn below_run(&self, members: &[usize]) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for (index, &member) in members.iter().enumerate() {
            for (place, run) in self.runs(&self.children[member]).enumerate() {
                if index == 0 {
                    lines.push(Line { spans: Vec::new(), shown_alone: 0 });
                }
                lines[place].spans.extend_from_slice(run);
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spans by depth and name, one after the other.
    fn spans(tree: &[(usize, &str)]) -> Vec<ShownSpan> {
        let mut above: Vec<usize> = Vec::new();
        let mut spans = Vec::new();
        for (index, &(depth, name)) in tree.iter().enumerate() {
            above.truncate(depth);
            spans.push(ShownSpan {
                parent: above.last().copied(),
                depth,
                service: "web".to_owned(),
                name: name.to_owned(),
                ..ShownSpan::default()
            });
            above.push(index);
        }
        spans
    }

    /// A root with `count` alike children.
    fn run(count: usize) -> Vec<ShownSpan> {
        spans(&std::iter::once((0, "GET /")).chain(std::iter::repeat_n((1, "SELECT"), count)).collect::<Vec<_>>())
    }

    /// How many spans each line shows.
    fn counts(spans: &[ShownSpan]) -> Vec<usize> {
        folded(spans).iter().map(|line| line.spans.len()).collect()
    }

    #[test]
    fn runs_of_alike_siblings_are_one_line() {
        assert_eq!(counts(&run(1_200)), [1, 1_200]);
        assert_eq!(counts(&run(2)), [1, 1, 1]);
        // Others between them part runs; other names, services, targets and roots are others.
        assert_eq!(counts(&spans(&[(0, "r"), (1, "a"), (1, "a"), (1, "b"), (1, "a")])), [1; 5]);
        let change: [fn(&mut ShownSpan); 4] = [
            |span| span.name.push('x'),
            |span| span.service.push('x'),
            |span| span.target = Some("x".to_owned()),
            |span| span.root_reason = Some("segment"),
        ];
        for change in change {
            let mut spans = run(7);
            change(&mut spans[4]);
            assert_eq!(counts(&spans), [1, 3, 1, 3]);
        }
    }

    #[test]
    fn what_is_below_alike_siblings_is_folded_with_them() {
        let iteration = [(1, "GET"), (2, "GET /p"), (3, "SELECT"), (3, "SELECT"), (2, "log")];
        let loops = |times: usize| std::iter::once((0, "r")).chain(iteration.repeat(times)).collect::<Vec<_>>();
        let lines = folded(&spans(&loops(3)));
        assert_eq!(lines.iter().map(|line| line.spans.len()).collect::<Vec<_>>(), [1, 3, 3, 6, 3]);
        assert_eq!(lines[3].spans, [3, 4, 8, 9, 13, 14]);
        // How often it is done below makes no difference, what is done does.
        let mut uneven = loops(3);
        uneven.insert(4, (3, "SELECT"));
        assert_eq!(counts(&spans(&uneven)), [1, 3, 3, 7, 3]);
        uneven.push((2, "other"));
        // The three queries of the first round are all that is still alike.
        let counts = counts(&spans(&uneven));
        assert_eq!(counts.iter().filter(|&&count| count > 1).collect::<Vec<_>>(), [&3]);
    }

    /// Failures, wherever they are, and what findings are about have lines of their own.
    #[test]
    fn failures_and_findings_are_never_folded_away() {
        let marks: [fn(&mut ShownSpan); 2] = [|span| span.failed = true, |span| span.findings.push(0)];
        for mark in marks {
            let mut spans = run(1_200);
            let marked: Vec<usize> = (1..=1_200).step_by(100).collect();
            marked.iter().for_each(|&span| mark(&mut spans[span]));
            let lines = folded(&spans);
            assert_eq!((lines[1].spans.len(), lines[1].shown_alone), (1_200, 12));
            assert_eq!(
                lines[2..].iter().map(|line| line.spans.clone()).collect::<Vec<_>>(),
                marked.iter().map(|&span| vec![span]).collect::<Vec<_>>()
            );
            // All of a run: nothing is folded.
            let mut spans = run(30);
            spans.iter_mut().for_each(mark);
            assert_eq!(counts(&spans), [1; 31]);
        }
        // Deep below one of them.
        let tree: Vec<(usize, &str)> =
            std::iter::once((0, "r")).chain([(1, "GET"), (2, "GET /p"), (3, "SELECT")].repeat(5)).collect();
        let mut spans = spans(&tree);
        spans[6].failed = true;
        let lines = folded(&spans);
        assert_eq!(lines.iter().map(|line| line.spans.len()).collect::<Vec<_>>(), [1, 5, 5, 5, 1, 1, 1]);
        assert_eq!(lines[4..].iter().map(|line| line.spans[0]).collect::<Vec<_>>(), [4, 5, 6]);
    }

    /// Of calls side by side the one that was waited for is seen; of calls one after the other the line shows them all.
    #[test]
    fn the_critical_path_is_seen() {
        let marks: [fn(&mut ShownSpan); 2] = [|span| span.on_path.push((0, 1)), |span| span.evidence_of.push(0)];
        for mark in marks {
            let mut spans = run(20);
            mark(&mut spans[7]);
            let lines = folded(&spans);
            assert_eq!(lines[1..], [Line { spans: (1..=20).collect(), shown_alone: 1 }, Line::of(7)]);
            spans.iter_mut().for_each(mark);
            assert_eq!(counts(&spans), [1, 20]);
        }
        let mut spans = run(20);
        spans[7].on_path.push((5, 5));
        assert_eq!(counts(&spans), [1, 20]);
    }

    /// Every span is in a line, and no depth is too deep.
    #[test]
    fn nothing_is_lost() {
        let deep: Vec<(usize, &str)> = (0..20_000).map(|depth| (depth, "a")).collect();
        assert_eq!(counts(&spans(&deep)).len(), 20_000);
        let odd: Vec<(usize, &str)> =
            (0..400).map(|index| (index * 7 % 5, if index % 3 == 0 { "a" } else { "b" })).collect();
        let mut odd = spans(&odd);
        odd[70].failed = true;
        let mut seen: Vec<usize> = folded(&odd).into_iter().flat_map(|line| line.spans).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (0..400).collect::<Vec<_>>());
        assert_eq!(unfolded(&odd).len(), 400);
        assert_eq!(folded(&[]), []);
    }
}
