//! GitLab's code quality report: an array with an issue for each pattern.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::json::write_compact;
use crate::report::text::units;

use super::pattern::{Pattern, Severity, file_of};
use super::write::Report;

/// So many patterns have an issue.
const MAX_ISSUES: usize = 5_000;

/// Share of all request time from which on a problem is a major one.
const MAJOR_SHARE: f64 = 0.1;

/// Writes the report.
///
/// # Errors
/// If `out` fails.
pub(super) fn write_code_quality(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let (patterns, summed_up) = Pattern::all(report);
    let left_out = patterns.clone().skip(MAX_ISSUES).count() as u64 + summed_up;
    let file = file_of(report);
    let mut issues: Vec<Value> = patterns.take(MAX_ISSUES).map(|pattern| issue_of(&pattern)).collect();
    if left_out > 0 {
        let patterns = units::counted(left_out, "pattern");
        let text = format!("{patterns} beyond the first {MAX_ISSUES} left out: table problems has them");
        issues.push(issue("tracescan", "left-out", "info", &text, (file, 1)));
    }
    write_compact(out, &Value::Array(issues))?;
    out.write_all(b"\n")
}

fn issue_of(pattern: &Pattern<'_>) -> Value {
    let severity = match pattern.severity() {
        Severity::Error if pattern.trips_gate() => "blocker",
        Severity::Error => "critical",
        Severity::Warning if pattern.share("saving_share") >= MAJOR_SHARE => "major",
        Severity::Warning => "minor",
        Severity::Note => "info",
    };
    let text = format!("{}. {}", pattern.title(), pattern.details());
    issue(pattern.detector(), pattern.id(), severity, &text, pattern.place())
}

fn issue(check: &str, fingerprint: &str, severity: &str, text: &str, (path, line): (String, u32)) -> Value {
    json!({
        "description": text,
        "check_name": check,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {"path": path, "lines": {"begin": line}},
    })
}
