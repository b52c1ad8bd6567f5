//! Prometheus' text format, for the textfile collector of node_exporter: gauges without timestamps.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::detectors::TableRow;
use crate::report::text::units;

use super::pattern::Pattern;
use super::write::Report;

/// So many problems, and so many entries, have series of their own.
const MAX_ROWS: usize = 50;

const NS_PER_SECOND: f64 = 1e9;

/// Writes the report.
///
/// # Errors
/// If `out` fails.
pub(super) fn write_prometheus(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let (patterns, summed_up) = Pattern::all(report);
    let left_out = patterns.clone().skip(MAX_ROWS).count() as u64 + summed_up;
    if left_out > 0 {
        let problems = units::counted(left_out, "problem");
        writeln!(out, "# {problems} beyond the first {MAX_ROWS} left out; tracescan_problems counts all.")?;
    }
    let shown: Vec<Pattern<'_>> = patterns.clone().take(MAX_ROWS).collect();
    let seconds = |nanoseconds: i64| nanoseconds as f64 / NS_PER_SECOND;
    type Value = fn(&Pattern<'_>) -> f64;
    let of_problems: [(&str, &str, Value); 5] = [
        ("saving_seconds", "By how much all requests would have been shorter without the problem.", |pattern| {
            pattern.count("saving_ns") as f64 / NS_PER_SECOND
        }),
        ("saving_share", "That as a share of all request time.", |pattern| pattern.share("saving_share")),
        ("requests", "Requests that the problem is part of.", |pattern| pattern.count("requests") as f64),
        ("failed_requests", "Requests that would not have failed without the problem.", |pattern| {
            pattern.count("failed_requests") as f64
        }),
        ("wasted_seconds", "Work that nobody waited for or used.", |pattern| {
            pattern.count("wasted_ns") as f64 / NS_PER_SECOND
        }),
    ];
    for (name, help, value) in of_problems {
        let mut gauge = Gauge::begin(out, &format!("problem_{name}"), help)?;
        for pattern in &shown {
            gauge.sample(&labels_of(pattern), value(pattern))?;
        }
    }
    write_counts(out, report, patterns)?;

    let totals = &report.summary.totals;
    write_entries(out, report)?;
    for (name, help, value) in [
        ("requests", "Requests: spans without a parent.", totals.roots as f64),
        ("failed_requests", "Requests that failed.", totals.failed_roots as f64),
        ("spans", "Spans that were analysed.", totals.spans as f64),
        ("traces", "Traces that were analysed.", totals.traces as f64),
        (
            "request_time_seconds",
            "Summed durations of all requests, their asynchronous parts too: what shares are of.",
            totals.segment_duration_ns as f64 / NS_PER_SECOND,
        ),
        ("gate_failed", "Whether --fail-on was met.", f64::from(u8::from(!report.gate.failures.is_empty()))),
        ("input_complete", "Whether all of the input could be read.", f64::from(u8::from(report.is_complete))),
        ("last_run_timestamp_seconds", "When the run ended.", seconds(now_ns())),
    ] {
        Gauge::begin(out, name, help)?.sample(&[], value)?;
    }
    Ok(())
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn labels_of<'a>(pattern: &Pattern<'a>) -> [(&'static str, &'a str); 6] {
    ["detector", "pattern_id", "service", "operation", "target", "status"].map(|label| (label, pattern.name(label)))
}

/// Patterns by detector and status. Detectors that found nothing have a series as well, so that one can tell them from those
/// that are off.
fn write_counts<'a>(
    out: &mut impl Write,
    report: &Report<'a>,
    patterns: impl Iterator<Item = Pattern<'a>>,
) -> io::Result<()> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for pattern in patterns {
        *counts.entry((pattern.detector(), pattern.status())).or_default() += 1;
    }
    for table in report.detectors.iter().filter(|table| table.description.problem.is_some()) {
        let name = table.description.name;
        if !counts.keys().any(|(detector, _)| *detector == name) {
            counts.insert((name, ""), 0);
        }
    }
    let mut gauge =
        Gauge::begin(out, "problems", "Patterns, by detector and by what became of them since the baseline.")?;
    for ((detector, status), count) in counts {
        gauge.sample(&[("detector", detector), ("status", status)], count as f64)?;
    }
    Ok(())
}

/// The entries with most requests.
fn write_entries(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let Some(table) = report.entries else { return Ok(()) };
    let row = |row| TableRow { columns: &table.columns, values: &table.values, row };
    let mut rows: Vec<TableRow<'_>> =
        (0..table.row_count()).map(row).filter(|row| row.text("entry_kind") == "root").collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(row.count("requests")), row.row));
    if let Some(left_out) = rows.len().checked_sub(MAX_ROWS).filter(|&left_out| left_out > 0) {
        writeln!(out, "# {left_out} more entries with fewer requests left out.")?;
    }
    rows.truncate(MAX_ROWS);
    fn labels<'a>(row: &TableRow<'a>) -> [(&'static str, &'a str); 2] {
        [("service", row.text("entry_service")), ("operation", row.text("entry_operation"))]
    }
    let mut gauge = Gauge::begin(out, "entry_duration_seconds", "Durations of requests, by entry.")?;
    for row in &rows {
        let [service, operation] = labels(row);
        for (quantile, column) in [("0.5", "p50_ns"), ("0.99", "p99_ns")] {
            gauge.sample(&[service, operation, ("quantile", quantile)], row.count(column) as f64 / NS_PER_SECOND)?;
        }
    }
    for (name, column, help) in [
        ("entry_requests", "requests", "Requests, by entry."),
        ("entry_failed_requests", "failed_requests", "Requests that failed, by entry."),
    ] {
        let mut gauge = Gauge::begin(out, name, help)?;
        for row in &rows {
            gauge.sample(&labels(row), row.count(column) as f64)?;
        }
    }
    Ok(())
}

/// A gauge that is being written.
struct Gauge<'a, W: Write> {
    out: &'a mut W,
    name: String,
}

impl<'a, W: Write> Gauge<'a, W> {
    fn begin(out: &'a mut W, name: &str, help: &str) -> io::Result<Self> {
        let name = format!("tracescan_{name}");
        writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge")?;
        Ok(Self { out, name })
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: f64) -> io::Result<()> {
        write!(self.out, "{}", self.name)?;
        for (index, (label, text)) in labels.iter().enumerate() {
            write!(self.out, "{}{label}=\"{}\"", if index == 0 { "{" } else { "," }, escaped(text))?;
        }
        writeln!(self.out, "{} {value}", if labels.is_empty() { "" } else { "}" })
    }
}

/// A label's value. Names stay different from each other, since two series of one name and equal labels spoil the whole file.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            // Some readers take these for the end of a line, or of everything.
            _ if character.is_control() || "\u{2028}\u{2029}".contains(character) => {
                escaped.push_str(&format!("\\\\{}", &character.escape_unicode().to_string()[1..]));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}
