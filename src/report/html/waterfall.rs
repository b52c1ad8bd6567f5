//! A trace as a list of its spans with bars, of which the critical path stands out, and what proves a finding.

use crate::report::text::units;
use crate::report::trace::{Line, ShownSpan, ShownTrace, folded};

use super::shown_text::{Colours, percent, shortened, shown};

/// A trace that shows a problem.
#[derive(Clone, Debug, Default)]
pub(super) struct Waterfall {
    /// Its id.
    pub(super) trace_id: String,
    /// Where it can be looked at; empty if that is not known.
    pub(super) href: String,
    /// How long it took, of how much, and by how much the problem made it longer.
    pub(super) about: String,
    /// Its lines.
    pub(super) rows: Vec<Row>,
    /// What is said of lines that are not shown; empty if all are.
    pub(super) cut: String,
}

/// A line: a span, or a run of alike ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// How far it stands in, from 0 to 10.
    pub(super) depth: usize,
    /// Its service.
    pub(super) service: String,
    /// Its name, and what it calls.
    pub(super) name: String,
    /// How many spans, if not one.
    pub(super) run: String,
    /// What it has to do with the problem: `about`, `proof` or nothing.
    pub(super) mark: &'static str,
    /// Whether it, or one of the run, failed, in words.
    pub(super) failed: String,
    /// What it says of its failure.
    pub(super) message: String,
    /// How long it took.
    pub(super) duration: String,
    /// The class of its service's colour.
    pub(super) colour: String,
    /// Left edges and widths in percent: when it ran, and when the critical path went through it.
    pub(super) bars: Vec<[String; 2]>,
    pub(super) on_path: Vec<[String; 2]>,
}

/// Bars of a line: of more, those that are next to each other are drawn as one.
const MAX_BARS: usize = 40;

/// Narrower bars are not seen.
const MIN_WIDTH: f64 = 0.002;

const MAX_DEPTH: usize = 10;
const MAX_NAME: usize = 140;
const MAX_MESSAGE: usize = 240;

impl Waterfall {
    /// `trace` in at most `most` lines, with the findings of a pattern marked.
    pub(super) fn of(trace: &ShownTrace, pattern_id: &str, href: String, colours: &Colours, most: usize) -> Self {
        let first = trace.spans.iter().map(|span| i128::from(span.start_ns)).min().unwrap_or(0);
        let last = trace.spans.iter().map(ShownSpan::end_ns).max().unwrap_or(0);
        let is_meant: Vec<bool> = trace.findings.iter().map(|finding| finding.pattern_id == pattern_id).collect();
        let drawing = Drawing { trace, first, total: (last - first).max(1), is_meant, colours };
        let lines = folded(&trace.spans);
        let kept = drawing.kept(&lines, most);
        let left_out: usize =
            lines.iter().zip(&kept).filter(|(_, kept)| !**kept).map(|(line, _)| line.spans.len()).sum();
        let rows = lines.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(line, _)| drawing.row(line)).collect();
        let cut = match left_out {
            0 => String::new(),
            left_out => format!("{} not shown", units::counted(left_out as u64, "more span")),
        };
        Self { trace_id: trace.trace_id.clone(), href, about: drawing.about(), rows, cut }
    }
}

struct Drawing<'a> {
    trace: &'a ShownTrace,
    first: i128,
    total: i128,
    is_meant: Vec<bool>,
    colours: &'a Colours,
}

impl Drawing<'_> {
    fn about(&self) -> String {
        let spans = &self.trace.spans;
        let mut services: Vec<&str> = spans.iter().map(|span| span.service.as_str()).collect();
        services.sort_unstable();
        services.dedup();
        let mut parts = vec![
            units::duration(self.total),
            units::counted(spans.len() as u64, "span"),
            units::counted(services.len() as u64, "service"),
        ];
        let failed = spans.iter().filter(|span| span.failed).count();
        if failed > 0 {
            parts.push(format!("{} failed", units::count(failed)));
        }
        parts.push(format!("from {}", units::time_to_the_second(self.trace.start)));
        let meant = self.trace.findings.iter().zip(&self.is_meant).filter(|(_, is_meant)| **is_meant);
        let saving: i128 = meant.map(|(finding, _)| i128::from(finding.saving_ns)).sum();
        if saving > 0 {
            parts.push(format!("{} shorter without this problem", units::duration(saving)));
        }
        parts.join(" · ")
    }

    fn mark(&self, line: &Line) -> &'static str {
        let any = |of: fn(&ShownSpan) -> &[usize]| {
            line.spans.iter().any(|&span| of(&self.trace.spans[span]).iter().any(|&finding| self.is_meant[finding]))
        };
        if any(|span| &span.findings) {
            "about"
        } else if any(|span| &span.evidence_of) {
            "proof"
        } else {
            ""
        }
    }

    /// Which lines are shown: those that matter first (what the finding is about, what is above that, what proves it, what
    /// failed, what the request waited for), then the others in their order.
    fn kept(&self, lines: &[Line], most: usize) -> Vec<bool> {
        if lines.len() <= most {
            return vec![true; lines.len()];
        }
        let spans = &self.trace.spans;
        let mut is_above = vec![false; spans.len()];
        for line in lines.iter().filter(|line| self.mark(line) == "about") {
            let mut above = spans[line.spans[0]].parent;
            while let Some(span) = above.filter(|&span| !is_above[span]) {
                is_above[span] = true;
                above = spans[span].parent;
            }
        }
        let importance = |line: &Line| {
            let any = |is: &dyn Fn(&ShownSpan) -> bool| line.spans.iter().any(|&span| is(&spans[span]));
            match self.mark(line) {
                "about" => 0,
                _ if spans[line.spans[0]].parent.is_none() || line.spans.iter().any(|&span| is_above[span]) => 1,
                "proof" => 2,
                _ if any(&|span| span.failed) => 3,
                _ if any(&|span| !span.on_path.is_empty()) => 4,
                _ => 5,
            }
        };
        let mut order: Vec<usize> = (0..lines.len()).collect();
        order.sort_by_key(|&line| (importance(&lines[line]), line));
        let mut kept = vec![false; lines.len()];
        order.into_iter().take(most).for_each(|line| kept[line] = true);
        kept
    }

    fn row(&self, line: &Line) -> Row {
        let spans = &self.trace.spans;
        let members = || line.spans.iter().map(|&place| &spans[place]);
        let span = &spans[line.spans[0]];
        let total: i128 = members().map(|span| i128::from(span.duration_ns)).sum();
        let failed = members().filter(|span| span.failed).count();
        let is_run = line.spans.len() > 1;
        let target = span.target.as_ref().filter(|target| !span.has_callee && !target.is_empty());
        let name = match target {
            Some(target) => format!("{} → {target}", span.name),
            None => span.name.clone(),
        };
        let failed_in_words = match failed {
            0 => String::new(),
            _ if !is_run => "failed".to_owned(),
            failed => format!("{} failed", units::count(failed)),
        };
        let when = members().map(|span| (i128::from(span.start_ns), span.end_ns())).collect();
        let on_path = members().flat_map(|span| &span.on_path);
        let on_path = on_path.filter(|(start, end)| start < end);
        let on_path = on_path.map(|&(start, end)| (i128::from(start), i128::from(end))).collect();
        Row {
            depth: span.depth.min(MAX_DEPTH),
            service: shortened(&span.service, MAX_NAME),
            name: shortened(&name, MAX_NAME),
            run: if is_run { format!("×{}", units::count(line.spans.len())) } else { String::new() },
            mark: self.mark(line),
            failed: failed_in_words,
            message: if is_run { String::new() } else { shortened(&span.message, MAX_MESSAGE) },
            duration: units::duration(total),
            colour: self.colours.class(&shown(&span.service)),
            bars: self.bars(when),
            on_path: self.bars(on_path),
        }
    }

    /// Bars for stretches of time: those that overlap or nearly meet are one, so that there are few.
    fn bars(&self, mut stretches: Vec<(i128, i128)>) -> Vec<[String; 2]> {
        stretches.sort_unstable();
        let share = |time: i128| (time - self.first) as f64 / self.total as f64;
        let mut gap = 0.0;
        loop {
            let mut bars: Vec<(f64, f64)> = Vec::new();
            for &(start, end) in &stretches {
                let (start, end) = (share(start), share(end));
                match bars.last_mut() {
                    Some(last) if start - last.1 <= gap => last.1 = last.1.max(end),
                    _ => bars.push((start, end)),
                }
            }
            if bars.len() <= MAX_BARS {
                let drawn = |(start, end): (f64, f64)| {
                    let width = (end - start).max(MIN_WIDTH);
                    [percent(start.min(1.0 - MIN_WIDTH)), percent(width)]
                };
                return bars.into_iter().map(drawn).collect();
            }
            gap = if gap == 0.0 { MIN_WIDTH } else { gap * 2.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::trace::samples;

    fn drawn(trace: &ShownTrace, most: usize) -> Waterfall {
        let colours = Colours::of(["web", "cart"].into_iter());
        Waterfall::of(trace, "0123456789abcdef", String::new(), &colours, most)
    }

    /// Bars stand where spans are, the critical path within them, and what the finding is about is marked.
    #[test]
    fn lines_show_spans() {
        let waterfall = drawn(&samples::trace(), 10);
        assert_eq!(waterfall.about, "125 ms · 4 spans · 3 services · 1 failed · from 1970-01-01T00:00:00Z");
        let row = &waterfall.rows[1];
        assert_eq!((row.service.as_str(), row.name.as_str(), row.mark, row.depth), ("cart", "GetCart", "about", 1));
        assert_eq!((row.failed.as_str(), row.message.as_str(), row.colour.as_str()), ("failed", "no such cart", "c1"));
        assert_eq!(row.bars, [["8", "48"]]);
        assert_eq!(waterfall.rows[0].on_path, [["0", "8"], ["56", "24"]]);
        assert_eq!(waterfall.rows[2].mark, "proof");
        assert!(waterfall.rows[2].name.ends_with(" → postgresql/carts") && waterfall.cut.is_empty());
    }

    /// With room for few lines, those that the finding is about and what is above them stay, in their order.
    #[test]
    fn what_matters_is_never_cut() {
        let mut trace = samples::trace();
        let others = (0..30).map(|number| ShownSpan {
            parent: Some(0),
            depth: 1,
            name: format!("other {number}"),
            ..ShownSpan::default()
        });
        trace.spans.extend(others);
        let waterfall = drawn(&trace, 3);
        let names: Vec<&str> = waterfall.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(&names[..2], ["GET /cart", "GetCart"]);
        assert_eq!((names.len(), waterfall.cut.as_str()), (3, "31 more spans not shown"));
    }

    /// A run of thousands is a few bars, which cover all of them.
    #[test]
    fn runs_are_few_bars() {
        let mut trace = ShownTrace::default();
        let root = ShownSpan { duration_ns: 1_000_000, ..ShownSpan::default() };
        let calls = (0..1_000).map(|number| ShownSpan {
            parent: Some(0),
            depth: 1,
            start_ns: number * 1_000,
            duration_ns: 500,
            name: "SELECT".to_owned(),
            ..ShownSpan::default()
        });
        trace.spans = std::iter::once(root).chain(calls).collect();
        let waterfall = drawn(&trace, 10);
        assert_eq!(waterfall.rows.len(), 2);
        let row = &waterfall.rows[1];
        assert!(row.run == "×1,000" && row.bars.len() <= MAX_BARS, "{row:?}");
    }
}
