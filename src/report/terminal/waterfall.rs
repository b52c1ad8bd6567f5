//! One trace as a waterfall: a line for each span, with a bar in which the critical path stands out.

use std::io::{self, Write};

use crate::report::terminal::TerminalStyle;
use crate::report::terminal::text_width::{padded, text_width, wrapped};
use crate::report::text::sanitized::sanitized;
use crate::report::text::units;

/// A trace, ready to be drawn. Times are offsets in ns from any one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waterfall {
    /// Id of the trace.
    pub trace_id: String,
    /// When it began, in ns since 1970.
    pub start: Option<i64>,
    /// Its spans, children after their parent.
    pub rows: Vec<WaterfallRow>,
    /// What was found in it.
    pub findings: Vec<WaterfallFinding>,
}

/// A span.
#[derive(Clone, Debug, Default)]
pub(crate) struct WaterfallRow {
    /// How many spans are above it.
    pub depth: usize,
    /// Its service.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its kind; may be empty.
    pub kind: String,
    /// When it began.
    pub start_ns: i64,
    /// How long it took.
    pub duration_ns: i64,
    /// Where the critical path goes through it: start and end.
    pub on_path: Vec<(i64, i64)>,
    /// Whether it failed.
    pub failed: bool,
    /// Labels of the findings that point at it.
    pub markers: Vec<String>,
    /// Why a critical path begins here, where it does: `root`, `segment` or `fragment`.
    pub root_reason: Option<&'static str>,
}

/// A finding.
#[derive(Clone, Debug, Default)]
pub(crate) struct WaterfallFinding {
    /// The label that marks its span.
    pub label: String,
    /// The detector.
    pub detector: String,
    /// Its row in the detector's table.
    pub pattern_id: String,
    /// The span to look at.
    pub span_id: String,
    /// The service that it is about.
    pub service: String,
    /// The operation that it is about.
    pub operation: String,
    /// The target, if it is about one.
    pub target: Option<String>,
    /// What was measured.
    pub measured: f64,
    /// What that was compared with.
    pub threshold: f64,
    /// What it costs, in ns.
    pub impact_ns: i64,
}

/// Spans that are shown unless all are asked for; nobody reads more.
const MAX_ROWS: usize = 500;

/// Bars narrower than this show nothing.
const MIN_BAR: usize = 10;
/// Share of the width that names may take, in percent.
const NAME_PERCENT: usize = 45;
/// Terminals of at least this width have room for the kinds of spans.
const MIN_WIDTH_FOR_KINDS: usize = 110;
const MAX_MARKERS: usize = 24;

const ON_PATH: char = '█';
const OFF_PATH: char = '░';

/// Draws the trace and lists its findings. Without `all`, only the first few hundred spans are drawn.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_waterfall(
    out: &mut impl Write,
    trace: &Waterfall,
    all: bool,
    style: TerminalStyle,
) -> io::Result<()> {
    write_title(out, trace, style)?;
    let shown = if all { &trace.rows[..] } else { &trace.rows[..trace.rows.len().min(MAX_ROWS)] };
    let scale = Scale::of(&trace.rows);
    let layout = Layout::of(shown, style);
    for row in shown {
        write_row(out, row, scale, &layout, style)?;
    }
    let hidden = trace.rows.len() - shown.len();
    if hidden > 0 {
        writeln!(out, "… {}; --all shows them", units::counted(hidden as u64, "more span"))?;
    }
    writeln!(out)?;
    write_findings(out, &trace.findings, style)
}

/// From the first start to the last end.
#[derive(Clone, Copy)]
struct Scale {
    first: i128,
    total: i128,
}

impl Scale {
    fn of(rows: &[WaterfallRow]) -> Self {
        let first = rows.iter().map(|row| i128::from(row.start_ns)).min().unwrap_or(0);
        let last = rows.iter().map(WaterfallRow::end).max().unwrap_or(0);
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

impl WaterfallRow {
    fn end(&self) -> i128 {
        i128::from(self.start_ns) + i128::from(self.duration_ns)
    }

    fn label(&self) -> String {
        sanitized(&format!("{}: {}", self.service, self.name)).into_owned()
    }

    /// Findings, and what begins here if that is not the request itself.
    fn remarks(&self) -> String {
        let reason = self.root_reason.filter(|&reason| reason != "root").map(str::to_owned);
        sanitized(&reason.into_iter().chain(self.markers.iter().cloned()).collect::<Vec<_>>().join(", ")).into_owned()
    }
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
    fn of(rows: &[WaterfallRow], style: TerminalStyle) -> Self {
        let widest = |width: &dyn Fn(&WaterfallRow) -> usize| rows.iter().map(width).max().unwrap_or(0);
        let name = widest(&|row| 2 * row.depth + text_width(&row.label())).min(style.width * NAME_PERCENT / 100);
        let kind = if style.width >= MIN_WIDTH_FOR_KINDS { widest(&|row| text_width(&row.kind)) } else { 0 };
        let duration = widest(&|row| text_width(&units::duration(row.duration_ns)));
        let remarks = widest(&|row| text_width(&row.remarks())).min(MAX_MARKERS).min(style.width / 6);
        let gaps = [kind, duration, remarks].into_iter().filter(|&width| width > 0).count() + 1;
        let taken = 2 + name + kind + duration + remarks + gaps;
        Self { name, kind, duration, remarks, bar: style.width.saturating_sub(taken).max(MIN_BAR) }
    }
}

fn write_title(out: &mut impl Write, trace: &Waterfall, style: TerminalStyle) -> io::Result<()> {
    let mut services: Vec<&str> = trace.rows.iter().map(|row| row.service.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    let failed = trace.rows.iter().filter(|row| row.failed).count();
    let mut title = format!(
        "trace {}: {} of {}, {}",
        trace.trace_id,
        units::counted(trace.rows.len() as u64, "span"),
        units::counted(services.len() as u64, "service"),
        units::duration(Scale::of(&trace.rows).total)
    );
    if let Some(start) = trace.start {
        title.push_str(&format!(" from {}", units::time_to_the_second(start)));
    }
    if failed > 0 {
        title.push_str(&format!(", {} failed (!)", units::count(failed)));
    }
    for line in wrapped(&sanitized(&title), style.width) {
        writeln!(out, "{}", style.paint().bold(&line))?;
    }
    writeln!(out, "{}", style.paint().dim(&format!("{ON_PATH} on the critical path  {OFF_PATH} off it")))?;
    writeln!(out)
}

fn write_row(
    out: &mut impl Write,
    row: &WaterfallRow,
    scale: Scale,
    layout: &Layout,
    style: TerminalStyle,
) -> io::Result<()> {
    let paint = style.paint();
    let indent = (2 * row.depth).min(layout.name / 2);
    let name = padded(&row.label(), layout.name - indent);
    let name = if row.failed { paint.failure(&name) } else { name };
    let mark = if row.failed { paint.failure("!") } else { " ".to_owned() };
    let mut line = format!("{mark} {:indent$}{name} ", "");
    if layout.kind > 0 {
        line.push_str(&paint.dim(&padded(&sanitized(&row.kind), layout.kind)));
        line.push(' ');
    }
    let duration = units::duration(row.duration_ns);
    line.extend(std::iter::repeat_n(' ', layout.duration.saturating_sub(text_width(&duration))));
    line.push_str(&duration);
    line.push(' ');
    line.push_str(&bar(row, scale, layout.bar));
    if layout.remarks > 0 {
        line.push(' ');
        line.push_str(&paint.warning(padded(&row.remarks(), layout.remarks).trim_end()));
    }
    writeln!(out, "{}", line.trim_end())
}

fn bar(row: &WaterfallRow, scale: Scale, width: usize) -> String {
    let mut cells = vec![' '; width];
    cells[scale.cells(i128::from(row.start_ns), row.end(), width)].fill(OFF_PATH);
    for &(start, end) in row.on_path.iter().filter(|(start, end)| start < end) {
        cells[scale.cells(i128::from(start), i128::from(end), width)].fill(ON_PATH);
    }
    cells.into_iter().collect()
}

fn write_findings(out: &mut impl Write, findings: &[WaterfallFinding], style: TerminalStyle) -> io::Result<()> {
    if findings.is_empty() {
        return writeln!(out, "no findings");
    }
    writeln!(out, "{}", style.paint().bold(&units::counted(findings.len() as u64, "finding")))?;
    for finding in findings {
        let target = finding.target.as_ref().map_or(String::new(), |target| format!(" → {target}"));
        let text = format!(
            "{} {}: {} {}{target}; measured {}, threshold {}; costs {}; span {}, pattern {}",
            finding.label,
            finding.detector,
            finding.service,
            finding.operation,
            units::number(finding.measured),
            units::number(finding.threshold),
            units::duration(finding.impact_ns),
            finding.span_id,
            finding.pattern_id
        );
        for (index, line) in wrapped(sanitized(&text).trim_start(), style.width.saturating_sub(4)).iter().enumerate() {
            writeln!(out, "{}{line}", if index == 0 { "  " } else { "    " })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(depth: usize, service: &str, name: &str, start_ns: i64, duration_ns: i64) -> WaterfallRow {
        WaterfallRow {
            depth,
            service: service.to_owned(),
            name: name.to_owned(),
            kind: "server".to_owned(),
            start_ns,
            duration_ns,
            ..Default::default()
        }
    }

    fn drawn(trace: &Waterfall, all: bool, width: usize) -> String {
        let mut out = Vec::new();
        write_waterfall(&mut out, trace, all, TerminalStyle { width, colour: false }).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn trace() -> Waterfall {
        let mut rows = vec![
            row(0, "web", "GET /cart", 0, 100_000_000),
            row(1, "cart", "GetCart", 10_000_000, 60_000_000),
            row(2, "cart", "SELECT items FROM carts WHERE user = ? ORDER BY added LIMIT 100", 20_000_000, 0),
            row(1, "mail", "send", 90_000_000, 35_000_000),
        ];
        rows[0].on_path = vec![(0, 10_000_000), (70_000_000, 100_000_000)];
        rows[1].on_path = vec![(10_000_000, 70_000_000)];
        rows[1].failed = true;
        rows[1].markers = vec!["a".to_owned()];
        rows[3].root_reason = Some("segment");
        let finding = WaterfallFinding {
            label: "a".to_owned(),
            detector: "n-plus-one".to_owned(),
            pattern_id: "0123456789abcdef".to_owned(),
            span_id: "00f067aa0ba902b7".to_owned(),
            service: "cart".to_owned(),
            operation: "SELECT items".to_owned(),
            target: Some("postgresql/carts".to_owned()),
            measured: 12.0,
            threshold: 5.0,
            impact_ns: 40_000_000,
        };
        Waterfall {
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
            start: Some(0),
            rows,
            findings: vec![finding],
        }
    }

    #[test]
    fn the_critical_path_stands_out() {
        insta::assert_snapshot!(drawn(&trace(), false, 90), @"
        trace 4bf92f3577b34da6a3ce929d0e0e4736: 4 spans of 3 services, 125 ms from
        1970-01-01T00:00:00Z, 1 failed (!)
        █ on the critical path  ░ off it

          web: GET /cart                           100 ms ███░░░░░░░░░░░░░░█████████
        !   cart: GetCart                           60 ms   ████████████████               a
              cart: SELECT items…Y added LIMIT 100    0 s      ░
            mail: send                              35 ms                        ░░░░░░░░░ segment

        1 finding
          a n-plus-one: cart SELECT items → postgresql/carts; measured 12, threshold 5; costs 40
            ms; span 00f067aa0ba902b7, pattern 0123456789abcdef
        ");
    }

    #[test]
    fn lines_fit() {
        for width in 60..200 {
            for line in drawn(&trace(), false, width).lines() {
                assert!(text_width(line) <= width, "{width}: {line}");
            }
        }
        drawn(&trace(), false, 1);
        drawn(&Waterfall::default(), false, 80);
    }

    /// Depth and number of spans come from the input, and neither may flood the terminal.
    #[test]
    fn deep_and_wide_traces_are_cut() {
        let rows: Vec<WaterfallRow> = (0..2_000).map(|depth| row(depth, "web", "a", i64::MAX, i64::MAX)).collect();
        let trace = Waterfall { rows, ..Default::default() };
        let text = drawn(&trace, false, 80);
        assert!(text.contains("… 1,500 more spans; --all shows them"));
        assert!(text.lines().all(|line| text_width(line) <= 110));
        assert_eq!(drawn(&trace, true, 80).matches("web: a").count(), 2_000);
    }
}
