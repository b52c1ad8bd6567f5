//! SARIF 2.1.0, for code scanning: a result for each pattern.
//!
//! What GitHub asks for beyond the schema is kept: each result has a fingerprint, a place in a file of the repository, and a
//! rule with a text to read. Patterns are about running services, so the file is the configuration, where they can be ignored.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::detectors::Description;
use crate::report::json::write_compact;
use crate::report::text::units;

use super::pattern::{Pattern, Severity, told};
use super::write::Report;

/// GitHub shows so many results of a run.
const MAX_RESULTS: usize = 5_000;

/// Writes the report.
///
/// # Errors
/// If `out` fails.
pub(super) fn write_sarif(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let descriptions: Vec<&Description> = report.detectors.iter().map(|table| table.description).collect();
    let rules: Vec<Value> = descriptions.iter().map(|description| rule(description)).collect();
    let (patterns, summed_up) = Pattern::all(report);
    let left_out = patterns.clone().skip(MAX_RESULTS).count() as u64 + summed_up;
    let results: Vec<Value> = patterns
        .take(MAX_RESULTS)
        .map(|pattern| {
            let rule = descriptions.iter().position(|description| description.name == pattern.detector());
            result(&pattern, rule, report.comparison.is_some())
        })
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "tracescan",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "automationDetails": {"id": "tracescan/"},
            "invocations": [{
                "executionSuccessful": report.is_complete,
                "toolExecutionNotifications": notifications(report, left_out),
            }],
            "results": results,
        }],
    });
    write_compact(out, &document)?;
    out.write_all(b"\n")
}

/// Text of a message, in which a number in braces would be an argument (SARIF 2.1.0, section 3.11.5), and text in brackets before an
/// address a link (3.11.6).
fn message(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}").replace("](", "] (")
}

/// What the reader must know beside the results.
fn notifications(report: &Report<'_>, left_out: u64) -> Vec<Value> {
    let notification = |level: &str, text: String| json!({"level": level, "message": {"text": message(&text)}});
    let mut all = Vec::new();
    if left_out > 0 {
        let patterns = units::counted(left_out, "pattern");
        all.push(notification(
            "note",
            format!("{patterns} beyond the first {MAX_RESULTS} left out: table problems has them"),
        ));
    }
    if !report.is_complete {
        all.push(notification("warning", "some input could not be read: results are of the rest".to_owned()));
    }
    all.extend(report.summary.doubts().iter().map(|doubt| notification("warning", told(doubt))));
    all.extend(report.gate.failures.iter().map(|failure| notification("error", told(failure))));
    all
}

fn rule(description: &Description) -> Value {
    let summary = format!("Finds {}.", description.summary);
    json!({
        "id": description.name,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": summary},
        "help": {
            "text": description.documentation,
            "markdown": format!("# {}\n\n{summary}\n\n{}", description.name, description.documentation),
        },
        "defaultConfiguration": {"level": "warning"},
        "properties": {"tags": ["performance", "reliability"], "precision": "high"},
    })
}

/// A path as a URI without scheme: whatever is not plain is percent-encoded.
fn uri(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn result(pattern: &Pattern<'_>, rule: Option<usize>, is_compared: bool) -> Value {
    let level = match pattern.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let text = message(&format!("{}. {}", pattern.title(), pattern.details()));
    let (path, line) = pattern.place();
    let service = told(pattern.name("service"));
    let places = [("service", "module"), ("operation", "function")].map(|(column, kind)| {
        let name = told(pattern.name(column));
        let full = if column == "service" { name.clone() } else { format!("{service} {name}") };
        json!({"name": name, "fullyQualifiedName": full, "kind": kind})
    });
    let places: Vec<Value> = places.into_iter().filter(|place| place["name"] != "").collect();
    let mut result = json!({
        "ruleId": pattern.detector(),
        "level": level,
        "message": {"text": text},
        "rank": (pattern.score() * 1e4).round() / 100.0,
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": uri(&path)}, "region": {"startLine": line}},
            "logicalLocations": places,
        }],
        "partialFingerprints": {"patternId/v1": pattern.id()},
        "properties": {
            "requests": pattern.count("requests"),
            "saving_ns": pattern.count("saving_ns"),
            "failed_requests": pattern.count("failed_requests"),
            "wasted_ns": pattern.count("wasted_ns"),
            "impact_ns": pattern.count("impact_ns"),
            "explained_by": pattern.name("explained_by"),
            "example_trace_id": pattern.name("example_trace_id"),
        },
    });
    if let Some(rule) = rule {
        result["ruleIndex"] = json!(rule);
    }
    if is_compared {
        result["baselineState"] = json!(match pattern.status() {
            "new" | "unseen_entry" => "new",
            "worse" | "better" => "updated",
            _ => "unchanged",
        });
    }
    if pattern.is_ignored() {
        let reason = told(pattern.name("status_reason"));
        result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": reason}]);
    }
    if let Some(address) = pattern.trace_address() {
        result["hostedViewerUri"] = json!(address);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_neither_arguments_nor_links() {
        assert_eq!(message("GET /a/{id} fails: [see](https://x)"), "GET /a/{{id}} fails: [see] (https://x)");
        assert_eq!(message("{0} }{"), "{{0}} }}{{");
    }
}
