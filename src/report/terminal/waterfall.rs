//! One trace: what was found in it, then a waterfall, with a line for each span or run of alike spans, and bars in which the
//! critical path stands out.

use std::io::{self, Write};

use crate::report::terminal::TerminalStyle;
use crate::report::terminal::distinct_names::ToldApart;
use crate::report::terminal::paint::Paint;
use crate::report::terminal::text_width::{broken, padded, text_width, wrapped};
use crate::report::text::sanitized::sanitized;
use crate::report::text::units;
use crate::report::trace::{Line, ShownSpan, ShownTrace, folded, unfolded};
use crate::report::trace_links::TraceLinks;

/// What of a trace is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WaterfallOptions {
    /// Whether nothing is folded or cut.
    pub all: bool,
    /// Whether attributes stand below their spans.
    pub attributes: bool,
}

/// Lines that are drawn unless all are asked for; nobody reads more.
const MAX_LINES: usize = 500;

/// As many of those that failed are drawn beyond.
const MAX_FAILED_BEYOND: usize = 100;

/// Findings that are listed unless all are asked for.
const MAX_FINDINGS: usize = 20;

/// Bars narrower than this show nothing.
const MIN_BAR: usize = 10;
/// Share of the width that names may take, in percent, and that they may take with what counts a run.
const NAME_PERCENT: usize = 45;
const RUN_PERCENT: usize = 60;
/// So much of a name tells which span a run is of.
const MIN_NAME_OF_RUN: usize = 16;
/// Terminals of at least this width have room for the kinds of spans.
const MIN_WIDTH_FOR_KINDS: usize = 110;
/// Narrowest room for messages and attributes.
const MIN_TEXT_WIDTH: usize = 20;
const MAX_REMARKS: usize = 24;

const ON_PATH: char = '█';
const OFF_PATH: char = '░';

/// Draws the trace.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_waterfall(
    out: &mut impl Write,
    trace: &ShownTrace,
    options: WaterfallOptions,
    style: TerminalStyle,
    links: &TraceLinks,
) -> io::Result<()> {
    write_title(out, trace, style, links)?;
    writeln!(out)?;
    write_findings(out, trace, options, style)?;
    writeln!(out)?;
    let lines = if options.all { unfolded(&trace.spans) } else { folded(&trace.spans) };
    let (shown, left_out) = cut(&trace.spans, lines, options);
    write_legend(out, trace, options, style)?;
    let mut names = ToldApart::default();
    let drawing = Drawing { trace, scale: Scale::of(&trace.spans), layout: Layout::of(trace, &shown, style), style };
    for line in &shown {
        drawing.write_line(out, line, options, &mut names)?;
    }
    if let Some(left_out) = left_out {
        for line in wrapped(&left_out, style.width) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// The lines that are drawn, and what is said of the others: of those, the first that failed are drawn.
fn cut(spans: &[ShownSpan], mut lines: Vec<Line>, options: WaterfallOptions) -> (Vec<Line>, Option<String>) {
    if options.all || lines.len() <= MAX_LINES {
        return (lines, None);
    }
    let mut is_drawn = vec![false; spans.len()];
    let mut failed_beyond = 0;
    let mut index = 0;
    lines.retain(|line| {
        index += 1;
        let failed = matches!(line.spans[..], [span] if spans[span].failed);
        let is_kept = index <= MAX_LINES || (failed && failed_beyond < MAX_FAILED_BEYOND);
        if is_kept {
            failed_beyond += usize::from(index > MAX_LINES);
            line.spans.iter().for_each(|&span| is_drawn[span] = true);
        }
        is_kept
    });
    let left: Vec<&ShownSpan> =
        spans.iter().zip(&is_drawn).filter(|(_, drawn)| !**drawn).map(|(span, _)| span).collect();
    if left.is_empty() {
        return (lines, None);
    }
    let count = |is_meant: &dyn Fn(&ShownSpan) -> bool| left.iter().filter(|span| is_meant(span)).count() as u64;
    let (failed, on_path) = (count(&|span| span.failed), count(&|span| !span.on_path.is_empty()));
    let mut told = format!("… {}", units::counted(left.len() as u64, "more span"));
    if failed > 0 {
        told.push_str(&format!(", {} failed", units::count(failed)));
    }
    if on_path > 0 {
        told.push_str(&format!(", {} on the critical path", units::count(on_path)));
    }
    told.push_str("; --all shows them");
    (lines, Some(told))
}

/// From the first start to the last end.
#[derive(Clone, Copy)]
struct Scale {
    first: i128,
    total: i128,
}

impl Scale {
    fn of(spans: &[ShownSpan]) -> Self {
        let first = spans.iter().map(|span| i128::from(span.start_ns)).min().unwrap_or(0);
        let last = spans.iter().map(ShownSpan::end_ns).max().unwrap_or(0);
        Self { first, total: last - first }
    }

    /// The cells of a bar that a stretch of time touches.
    fn cells(self, start: i128, end: i128, bar: usize) -> std::ops::Range<usize> {
        let bar_cells = bar as i128;
        let total = self.total.max(1);
        let cell = |time: i128| (time - self.first).clamp(0, total) * bar_cells;
        let first = (cell(start) / total).min(bar_cells - 1);
        let last = (cell(end) + total - 1) / total;
        first as usize..last.max(first + 1) as usize
    }
}

/// What a line says beside its bar.
struct Told {
    label: String,
    /// The label without the service, if that is the one of the line above that it belongs to.
    without_service: Option<String>,
    /// What is called, to be put behind the label if there is room.
    target: String,
    /// How many spans, how long and how many of them failed; empty for a single span.
    run: String,
    duration: String,
    remarks: String,
}

impl Told {
    fn of(trace: &ShownTrace, line: &Line) -> Self {
        let span = &trace.spans[line.spans[0]];
        let target = span.target.as_ref().filter(|target| !span.has_callee && !target.is_empty());
        let target = target.map_or(String::new(), |target| format!(" → {target}"));
        let parent = span.parent.map(|parent| trace.spans[parent].service.as_str());
        let members = || line.spans.iter().map(|&place| &trace.spans[place]);
        let total: i128 = members().map(|span| i128::from(span.duration_ns)).sum();
        let failed = members().filter(|span| span.failed).count();
        let mut run = String::new();
        if line.spans.len() > 1 {
            run = format!("×{}  total {}", units::count(line.spans.len()), units::duration(total));
            if failed > 0 {
                run.push_str(&format!("  {} failed", units::count(failed)));
            }
            // Those that failed are told already.
            if line.shown_alone > failed {
                run.push_str(&format!("  {} below", units::count(line.shown_alone)));
            }
        }
        // What begins here if that is not the request itself, then findings.
        let mut remarks: Vec<String> =
            span.root_reason.filter(|&reason| reason != "root").map(str::to_owned).into_iter().collect();
        for finding in 0..trace.findings.len() {
            if members().any(|span| span.findings.contains(&finding)) {
                remarks.push(label(finding));
            } else if members().any(|span| span.evidence_of.contains(&finding)) {
                remarks.push(format!("({})", finding + 1));
            }
        }
        Self {
            label: sanitized(&format!("{}: {}", span.service, span.name)).into_owned(),
            without_service: (parent == Some(span.service.as_str()))
                .then(|| sanitized(&format!("…: {}", span.name)).into_owned()),
            target: sanitized(&target).into_owned(),
            run,
            duration: units::duration(total),
            remarks: sanitized(&remarks.join(" ")).into_owned(),
        }
    }
}

impl Told {
    /// The label in at most `width` columns. What is called is told whole or not at all.
    fn label_within(&self, width: usize, names: &mut ToldApart) -> String {
        let with_target = format!("{}{}", self.label, self.target);
        if text_width(&with_target) <= width {
            return with_target;
        }
        names.fitted(&self.label, self.without_service.as_deref(), width)
    }
}

/// The kind, where it tells anything.
fn kind_of(span: &ShownSpan) -> &str {
    if span.kind == "unspecified" { "" } else { &span.kind }
}

/// What marks the span that a finding is about.
fn label(finding: usize) -> String {
    format!("[{}]", finding + 1)
}

/// Widths of the columns.
struct Layout {
    name: usize,
    kind: usize,
    duration: usize,
    bar: usize,
    remarks: usize,
}

impl Layout {
    fn of(trace: &ShownTrace, lines: &[Line], style: TerminalStyle) -> Self {
        let mut name = 0;
        let (mut name_of_runs, mut kind, mut duration, mut remarks) = (0, 0, 0, 0);
        for line in lines {
            let told = Told::of(trace, line);
            let span = &trace.spans[line.spans[0]];
            let label = text_width(&told.label);
            name = name.max(2 * span.depth + label + text_width(&told.target));
            kind = kind.max(text_width(kind_of(span)));
            remarks = remarks.max(text_width(&told.remarks));
            if told.run.is_empty() {
                duration = duration.max(text_width(&told.duration));
            } else {
                let least = (2 * span.depth).min(style.width / 5) + label.min(MIN_NAME_OF_RUN);
                name_of_runs = name_of_runs.max(least + 2 + text_width(&told.run));
            }
        }
        let kind = if style.width >= MIN_WIDTH_FOR_KINDS { kind } else { 0 };
        let remarks = remarks.min(MAX_REMARKS).min(style.width / 6);
        // Runs may go on where kind and duration of others stand.
        let beside = [kind, duration].into_iter().filter(|&width| width > 0).map(|width| width + 1).sum::<usize>();
        let name = name.min(style.width * NAME_PERCENT / 100);
        let name = name.max(name_of_runs.min(style.width * RUN_PERCENT / 100).saturating_sub(beside));
        let gaps = [kind, duration, remarks].into_iter().filter(|&width| width > 0).count() + 1;
        let taken = 2 + name + kind + duration + remarks + gaps;
        Self { name, kind, duration, remarks, bar: style.width.saturating_sub(taken).max(MIN_BAR) }
    }

    /// Columns before the bar, without the mark of failures and the gap before the bar.
    fn before_bar(&self) -> usize {
        let beside = [self.kind, self.duration].into_iter().filter(|&width| width > 0).map(|width| width + 1);
        self.name + beside.sum::<usize>()
    }
}

fn write_title(out: &mut impl Write, trace: &ShownTrace, style: TerminalStyle, links: &TraceLinks) -> io::Result<()> {
    let mut services: Vec<&str> = trace.spans.iter().map(|span| span.service.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    let failed = trace.spans.iter().filter(|span| span.failed).count();
    let mut title = format!(
        "trace {}: {} of {}, {} from {}",
        trace.trace_id,
        units::counted(trace.spans.len() as u64, "span"),
        units::counted(services.len() as u64, "service"),
        units::duration(Scale::of(&trace.spans).total),
        units::time_to_the_second(trace.start)
    );
    if failed > 0 {
        title.push_str(&format!(", {} failed (!)", units::count(failed)));
    }
    for line in wrapped(&sanitized(&title), style.width) {
        let linked = line.replace(&trace.trace_id, &links.linked(&trace.trace_id, &trace.trace_id));
        writeln!(out, "{}", style.paint().bold(&linked))?;
    }
    Ok(())
}

fn write_legend(
    out: &mut impl Write,
    trace: &ShownTrace,
    options: WaterfallOptions,
    style: TerminalStyle,
) -> io::Result<()> {
    let mut legend = format!("{ON_PATH} on the critical path  {OFF_PATH} off it");
    if trace.spans.iter().any(|span| !span.evidence_of.is_empty()) {
        legend.push_str("  [1] about finding 1  (1) evidence of it");
    }
    for line in wrapped(&legend, style.width) {
        writeln!(out, "{}", style.paint().dim(&line))?;
    }
    if options.attributes {
        let note = "Attributes are those that the analysis asks for, ids in them as {}, numbers and literals as ?; what else was \
                    recorded is not known here.";
        for line in wrapped(note, style.width) {
            writeln!(out, "{}", style.paint().dim(&line))?;
        }
    }
    writeln!(out)
}

/// How lines are drawn.
struct Drawing<'a> {
    trace: &'a ShownTrace,
    scale: Scale,
    layout: Layout,
    style: TerminalStyle,
}

impl Drawing<'_> {
    fn write_line(
        &self,
        out: &mut impl Write,
        line: &Line,
        options: WaterfallOptions,
        names: &mut ToldApart,
    ) -> io::Result<()> {
        let Self { trace, layout, style, .. } = self;
        let paint = style.paint();
        let told = Told::of(trace, line);
        let span = &trace.spans[line.spans[0]];
        let failed = line.spans.len() == 1 && span.failed;
        let indent = (2 * span.depth).min(layout.name / 2);
        let red = |text: &str| if failed { paint.failure(text) } else { text.to_owned() };
        let mut drawn = format!("{} {:indent$}", if failed { red("!") } else { " ".to_owned() }, "");
        if told.run.is_empty() {
            drawn.push_str(&red(&padded(&told.label_within(layout.name - indent, names), layout.name - indent)));
            if layout.kind > 0 {
                drawn.push_str(&format!(" {}", paint.dim(&padded(kind_of(span), layout.kind))));
            }
            if layout.duration > 0 {
                let blanks = layout.duration.saturating_sub(text_width(&told.duration));
                drawn.push_str(&format!(" {:blanks$}{}", "", told.duration));
            }
        } else {
            let width = layout.before_bar() - indent;
            let for_name = width.saturating_sub(text_width(&told.run) + 2);
            let name = told.label_within(for_name, names);
            let rest = width.saturating_sub(text_width(&name) + 2);
            drawn.push_str(&format!("{name}  {}", paint.bold(&padded(&told.run, rest))));
        }
        drawn.push(' ');
        drawn.push_str(&self.bar(line, paint));
        if layout.remarks > 0 {
            drawn.push(' ');
            drawn.push_str(&paint.warning(padded(&told.remarks, layout.remarks).trim_end()));
        }
        writeln!(out, "{}", drawn.trim_end())?;

        let begin = indent + 4;
        let width = style.width.saturating_sub(begin + 2).max(MIN_TEXT_WIDTH);
        if failed && !span.message.is_empty() {
            for (index, text) in broken(&sanitized(&span.message), width).iter().enumerate() {
                let mark = if index == 0 { "└ " } else { "  " };
                writeln!(out, "{:begin$}{}", "", paint.failure(&format!("{mark}{text}")))?;
            }
        }
        if options.attributes && told.run.is_empty() && !span.attributes.is_empty() {
            let attributes: Vec<String> = span
                .attributes
                .iter()
                // A value stays on the line of its name, if it has room there.
                .map(|(name, value)| sanitized(&format!("{name}={value}")).replace(' ', NO_BREAK))
                .collect();
            for text in broken(&attributes.join(" "), width) {
                writeln!(out, "{:begin$}  {}", "", paint.dim(&text.replace(NO_BREAK, " ")))?;
            }
        }
        Ok(())
    }

    fn bar(&self, line: &Line, paint: Paint) -> String {
        let width = self.layout.bar;
        let mut cells = vec![' '; width];
        let spans = || line.spans.iter().map(|&place| &self.trace.spans[place]);
        for span in spans() {
            cells[self.scale.cells(i128::from(span.start_ns), span.end_ns(), width)].fill(OFF_PATH);
        }
        for &(start, end) in spans().flat_map(|span| &span.on_path).filter(|(start, end)| start < end) {
            cells[self.scale.cells(i128::from(start), i128::from(end), width)].fill(ON_PATH);
        }
        let pieces = cells.chunk_by(|left, right| left == right).map(|piece| {
            let text: String = piece.iter().collect();
            if piece[0] == OFF_PATH { paint.dim(&text) } else { text }
        });
        pieces.collect()
    }
}

const NO_BREAK: &str = "\u{a0}";

fn write_findings(
    out: &mut impl Write,
    trace: &ShownTrace,
    options: WaterfallOptions,
    style: TerminalStyle,
) -> io::Result<()> {
    let paint = style.paint();
    let (findings, length_ns) = (&trace.findings, trace.length_ns());
    if findings.is_empty() {
        return writeln!(out, "no findings");
    }
    writeln!(out, "{}", paint.bold(&units::counted(findings.len() as u64, "finding")))?;
    let shown = if options.all { findings.len() } else { findings.len().min(MAX_FINDINGS) };
    for (index, finding) in findings[..shown].iter().enumerate() {
        let target = finding.target.as_ref().filter(|target| !target.is_empty());
        let target = target.map_or(String::new(), |target| format!(" → {target}"));
        let mark = label(index);
        let indent = mark.len() + 1;
        let width = style.width.saturating_sub(indent).max(MIN_TEXT_WIDTH);
        let operation = finding.call_operation.as_ref().unwrap_or(&finding.operation);
        let kind = if finding.kind.is_empty() { String::new() } else { format!(" ({})", finding.kind) };
        let who = [&finding.service, operation].into_iter().filter(|name| !name.is_empty()).map(String::as_str);
        let who = who.collect::<Vec<_>>().join(" ");
        let about = format!("{}{kind}: {who}{target}", finding.detector);
        for (index, line) in broken(&sanitized(&about), width).iter().enumerate() {
            match index {
                0 => writeln!(out, "{} {line}", paint.warning(&mark))?,
                _ => writeln!(out, "{:indent$}{line}", "")?,
            }
        }
        let mut figures = Vec::new();
        if finding.threshold > 0.0 {
            let (measured, threshold) = (units::number(finding.measured), units::number(finding.threshold));
            figures.push(format!("measured {measured}, threshold {threshold}"));
        }
        figures.push(format!("costs {}", units::duration(finding.impact_ns)));
        if finding.saving_ns > 0 {
            let without = units::duration(length_ns - i128::from(finding.saving_ns));
            figures.push(format!("without it {without} instead of {}", units::duration(length_ns)));
        }
        figures.push(format!("span {}", finding.span_id));
        figures.push(format!("pattern {}", finding.pattern_id));
        // What belongs together stays on one line.
        let figures = figures.iter().map(|figure| figure.replace(' ', NO_BREAK)).collect::<Vec<_>>().join(" · ");
        for line in wrapped(&figures, width) {
            let line = line.replace(NO_BREAK, " ");
            writeln!(out, "{:indent$}{}", "", paint.dim(&line))?;
        }
    }
    let more = findings.len() - shown;
    if more > 0 {
        writeln!(out, "… {}; --all shows them", units::counted(more as u64, "more finding"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
