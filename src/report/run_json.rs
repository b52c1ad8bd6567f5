//! `run.json`: how the results came about.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::incident::IncidentSummary;
use super::json::write_pretty;
use super::summary::{FormatSummary, InputSummary, QualitySummary, SelectionSummary, Summary, TotalsSummary};

/// What `run.json` holds beside the summary.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// The arguments as they were given, without the program's name.
    pub arguments: Vec<String>,
    /// The settings as resolved.
    pub settings: serde_json::Value,
    /// Seconds by phase, in the order in which they passed.
    pub phases: Vec<(String, f64)>,
    /// The most memory that was in use, if the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Bytes of spans that were put aside in files because they were too many for memory.
    pub spilled_bytes: u64,
    /// Bytes of memory that each detector keeps, by name.
    pub kept_bytes: Vec<(&'static str, usize)>,
    /// The traces in which secrets were looked for, if they were.
    pub sensitive_traces: Option<SensitiveTraces>,
}

/// How many traces a sample holds.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct SensitiveTraces {
    /// Traces that were looked at.
    pub read: u64,
    /// All traces.
    pub of: u64,
}

#[derive(serde::Serialize)]
struct Document<'a> {
    version: &'static str,
    arguments: &'a [String],
    settings: &'a serde_json::Value,
    inputs: &'a [InputSummary],
    formats: BTreeMap<&'a str, FormatSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selection: Option<&'a SelectionSummary>,
    totals: &'a TotalsSummary,
    quality: &'a QualitySummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<&'a IncidentSummary>,
    cautions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitive_traces: Option<SensitiveTraces>,
    phases: Phases<'a>,
    peak_memory_bytes: Option<u64>,
    spilled_bytes: u64,
    kept_bytes: BTreeMap<&'static str, usize>,
    files: &'a [String],
}

struct Phases<'a>(&'a [(String, f64)]);

impl Serialize for Phases<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, seconds) in self.0 {
            map.serialize_entry(name, seconds)?;
        }
        map.end()
    }
}

/// Writes the document. `files` are the names of the files beside it.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_run_json(out: &mut impl Write, run: &Run, summary: &Summary, files: &[String]) -> io::Result<()> {
    let document = Document {
        version: env!("CARGO_PKG_VERSION"),
        arguments: &run.arguments,
        settings: &run.settings,
        inputs: &summary.inputs,
        formats: summary.by_format(),
        selection: summary.selection.as_ref(),
        totals: &summary.totals,
        quality: &summary.quality,
        incident: summary.incident.as_ref(),
        cautions: summary.doubts(),
        sensitive_traces: run.sensitive_traces,
        phases: Phases(&run.phases),
        peak_memory_bytes: run.peak_memory_bytes,
        spilled_bytes: run.spilled_bytes,
        kept_bytes: run.kept_bytes.iter().copied().collect(),
        files,
    };
    write_pretty(out, &document)?;
    out.write_all(b"\n")
}

/// What the `run.json` of a comparison holds.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct ComparisonRun {
    /// The arguments as they were given, without the program's name.
    pub arguments: Vec<String>,
    /// The settings as resolved.
    pub settings: serde_json::Value,
    /// The output directory of the run that was compared with.
    pub baseline: String,
    /// That of the run that was compared.
    pub run: String,
    /// Patterns by status.
    pub totals: BTreeMap<&'static str, u64>,
    /// What makes the comparison doubtful.
    pub quality: ComparisonQuality,
}

/// What makes a comparison doubtful.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct ComparisonQuality {
    /// In words.
    pub doubts: Vec<String>,
}

/// Writes the document of a comparison. `files` are the names of the files beside it.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_comparison_json(
    out: &mut impl Write,
    comparison: &ComparisonRun,
    files: &[String],
) -> io::Result<()> {
    #[derive(serde::Serialize)]
    struct Document<'a> {
        version: &'static str,
        #[serde(flatten)]
        comparison: &'a ComparisonRun,
        files: &'a [String],
    }
    write_pretty(out, &Document { version: env!("CARGO_PKG_VERSION"), comparison, files })?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn it_says_how_the_results_came_about() {
        let run = Run {
            kept_bytes: vec![("n-plus-one", 640)],
            sensitive_traces: None,
            arguments: vec!["analyze".to_owned(), "spans.parquet".to_owned()],
            settings: serde_json::json!({"top": 10}),
            phases: vec![("read".to_owned(), 0.5), ("analyse".to_owned(), 0.25)],
            peak_memory_bytes: Some(1024),
            spilled_bytes: 0,
        };
        let mut out = Vec::new();
        write_run_json(&mut out, &run, &samples::summary(), &["n_plus_one.csv".to_owned()]).unwrap();
        let text = String::from_utf8(out).unwrap().replace(env!("CARGO_PKG_VERSION"), "VERSION");
        insta::assert_snapshot!(text, @r#"
        {
          "version": "VERSION",
          "arguments": [
            "analyze",
            "spans.parquet"
          ],
          "settings": {
            "top": 10
          },
          "inputs": [
            {
              "path": "spans.parquet",
              "format": "parquet",
              "bytes": 1234567,
              "spans": 12000,
              "skipped": {},
              "first_offsets": [],
              "errors": [],
              "cautions": []
            },
            {
              "path": "collector\u001b.jsonl",
              "format": "otlp-json",
              "bytes": 999,
              "spans": 345,
              "skipped": {
                "invalid_trace_id": 2,
                "truncated": 1
              },
              "first_offsets": [
                17,
                400
              ],
              "errors": [
                "collector.jsonl ends in the middle of a line"
              ],
              "cautions": []
            }
          ],
          "formats": {
            "otlp-json": {
              "inputs": 1,
              "bytes": 999,
              "spans": 345,
              "skipped": {
                "invalid_trace_id": 2,
                "truncated": 1
              }
            },
            "parquet": {
              "inputs": 1,
              "bytes": 1234567,
              "spans": 12000,
              "skipped": {}
            }
          },
          "totals": {
            "spans": 12345,
            "traces": 678,
            "services": 9,
            "roots": 670,
            "calls": {
              "database": 4000,
              "service": 5000
            },
            "root_duration_ns": 9000000000000,
            "failed_spans": 7,
            "failed_traces": 4,
            "failed_roots": 3,
            "segment_duration_ns": 9000000000000,
            "first_start": "2024-01-02T03:04:05.000000006Z",
            "last_end": "2024-01-02T04:04:05.000000006Z"
          },
          "quality": {
            "orphans": 400,
            "missing_roots": 8,
            "duplicates": 0,
            "id_collisions": 0,
            "shared_ids": 0,
            "cycles": 0,
            "without_service": 0,
            "inherited_services": 0,
            "clamped": 0,
            "without_kind": 0,
            "with_status": 0,
            "with_code": 0,
            "with_adjusted_count": 0,
            "inconsistent_sampling": 0,
            "is_weighted": false,
            "in_several_parts": 0,
            "without_target": 0,
            "end_before_start": 0,
            "before_1971": 0,
            "in_future": 0,
            "long_roots": 0,
            "clock_skew": [
              {
                "caller": "web",
                "callee": "cart",
                "spans": 3,
                "max_ns": 1500000
              }
            ]
          },
          "cautions": [
            "3.2 % of all spans have a parent that is not in the input: traces are incomplete, so counts and chains come out too small"
          ],
          "phases": {
            "read": 0.5,
            "analyse": 0.25
          },
          "peak_memory_bytes": 1024,
          "spilled_bytes": 0,
          "kept_bytes": {
            "n-plus-one": 640
          },
          "files": [
            "n_plus_one.csv"
          ]
        }
        "#);
    }
}
