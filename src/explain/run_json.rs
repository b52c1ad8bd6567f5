//! What `explain run.json` says.

use std::borrow::Cow;

use crate::conventions::NameLists;
use crate::detectors::{CatalogEntry, ThresholdKind, catalog};
use crate::report::{ExplainedDocument, Field, Page};

const DOCUMENTATION: &str = "\
## What it is

The file beside the tables of an output directory that says how they came about: what was read and what was left out, with which
settings, what was counted, what is odd about the data, and what the run took. `compare --output` writes one as well, with the
fields listed last.

## Why it matters

A number is worth what is known of where it came from. `cautions` says in words which results are not to be trusted and why; a
dashboard that shows numbers should show those first. `version` and `settings` say whether two runs can be compared.

## What it looks like

    {
      \"version\": \"0.1.0\",
      \"inputs\": [{\"path\": \"spans.parquet\", \"format\": \"parquet\", \"bytes\": 1234567, \"spans\": 12000, \"skipped\": {}}],
      \"totals\": {\"spans\": 12000, \"traces\": 678, \"roots\": 670, \"failed_roots\": 3, \"root_duration_ns\": 9000000000000},
      \"cautions\": [\"3.2 % of all spans have a parent that is not in the input: traces are incomplete, …\"]
    }

## How to use it

    jq -r '.cautions[]' out/run.json
    jq '.totals.failed_roots / .totals.roots' out/run.json

Names in braces below stand for what differs from run to run, and `[]` for the items of a list. Fields that do not apply are null,
or not there where it says so.

## When it is wrong

`phases`, `peak_memory_bytes`, `spilled_bytes` and `kept_bytes` differ from run to run; everything else is the same whatever the
number of threads and the order of the input. Counts are of recorded spans, not of what was there before sampling.";

const TEXT: &str = "text";
const TEXTS: &str = "list of texts";
const COUNT: &str = "whole number";
const BYTES: &str = "bytes";
const NS: &str = "ns";
const SHARE: &str = "0 to 1";
const FLAG: &str = "true or false";
const TIME: &str = "RFC 3339, UTC";
const UNIX_NS: &str = "ns since 1970";
const SECONDS: &str = "seconds";
const OBJECT: &str = "";

/// Fields before those of the detectors' thresholds.
const BEFORE_THRESHOLDS: &[(&str, &str, &str)] = &[
    ("version", TEXT, "version of tracescan"),
    ("arguments", TEXTS, "what was typed, without the program's name"),
    ("settings", OBJECT, "what that and the configuration file mean together"),
    ("settings.configuration", TEXT, "the configuration file that was read; null if none was"),
    ("settings.enabled", TEXTS, "detectors that were on"),
];

const AFTER_THRESHOLDS: &[(&str, &str, &str)] = &[
    ("settings.overlap_tolerance", SHARE, "share of the parent's duration by which consecutive children may overlap"),
    ("settings.uncounted_calls", OBJECT, "words by which calls are told that detectors do not count"),
    ("settings.uncounted_calls.heartbeats", TEXTS, "database operations that only ask whether the server is there"),
    ("settings.uncounted_calls.health_checks", TEXTS, "last words of health checks"),
    ("settings.uncounted_calls.health_check_parts", TEXTS, "parts of names that mark health checks"),
    ("settings.uncounted_calls.plumbing", TEXTS, "last words of what prepares a call: connections, pools, look-ups"),
    ("settings.uncounted_calls.plumbing_spans", TEXTS, "whole names of spans that do the same"),
    ("settings.uncounted_calls.sql_plumbing", TEXTS, "first words of SQL statements that do no work of their own"),
    ("settings.uncounted_calls.brokers", TEXTS, "parts of names of systems whose calls may wait for messages"),
    ("settings.uncounted_calls.broker_polls", TEXTS, "methods by which these are waited for"),
    ("settings.uncounted_calls.database_polls", TEXTS, "database operations that wait for messages"),
    ("settings.threads", COUNT, "threads; 0 for all"),
    ("settings.report", TEXTS, "files for reports"),
    ("settings.report_size_bytes", BYTES, "largest size of an HTML report"),
    ("settings.format", TEXT, "what went to standard output"),
    ("settings.table_format", TEXT, "format of the files"),
    ("settings.top", COUNT, "rows of each table that were printed"),
    ("settings.tables", TEXT, "which tables were printed: all or none"),
    ("settings.notes", FLAG, "whether rows of level note were printed too"),
    ("settings.quiet", FLAG, "whether problems alone were printed"),
    ("settings.show_values", FLAG, "whether values were shown that give secrets away"),
    ("settings.trace_url", TEXT, "where a trace can be looked at; null if it is not set"),
    ("settings.fail_on", TEXTS, "what made the run fail: any, new, worse, budget, detectors"),
    ("settings.min_impact_ns", NS, "smallest impact of a finding that the gate looked at"),
    ("settings.min_total_impact_ns", NS, "smallest summed impact of a pattern; null if it is not set"),
    ("settings.min_failed_requests", COUNT, "fewest failed requests of a pattern; null if it is not set"),
    ("settings.compare", OBJECT, "when patterns of two runs differ"),
    ("settings.compare.min_requests", COUNT, "fewest requests of an entry for what it did not do to be told"),
    ("settings.compare.min_ratio", "number", "smallest factor between two rates, or two impacts, that is told"),
    (
        "settings.compare.chance",
        SHARE,
        "probability that any pattern of two runs that do not differ is said to have changed",
    ),
    ("settings.ignore[]", OBJECT, "patterns that are known: entries of [[ignore]]"),
    ("settings.ignore[].pattern", TEXT, "id of the pattern, or null"),
    ("settings.ignore[].detector", TEXT, "glob over detectors, or null"),
    ("settings.ignore[].service", TEXT, "glob over services, or null"),
    ("settings.ignore[].operation", TEXT, "glob over operations, or null"),
    ("settings.ignore[].target", TEXT, "glob over targets, or null"),
    ("settings.ignore[].reason", TEXT, "why it is ignored"),
    ("settings.ignore[].owner", TEXT, "who knows about it, or null"),
    ("settings.ignore[].expires", "date", "the first day (UTC) on which it counts again, or null"),
    ("settings.ignore[].max_impact_ns", NS, "summed impact above which it counts again, or null"),
    ("settings.ignore[].line", COUNT, "line of the configuration file that it begins in, from 1"),
    ("settings.budgets[]", OBJECT, "what requests may cost: tables [budget.ENTRY]"),
    ("settings.budgets[].entry", TEXT, "service and operation, with a space between"),
    ("settings.budgets[].max_calls", COUNT, "most calls in the trace of a request, or null"),
    ("settings.budgets[].max_database_calls", COUNT, "most calls to databases, or null"),
    ("settings.budgets[].max_depth", COUNT, "most synchronous hops in a row, or null"),
    ("settings.budgets[].max_p99_ns", NS, "largest 99th percentile of durations, or null"),
    ("settings.budgets[].max_failed_share", SHARE, "largest share of requests that fail, or null"),
    ("settings.allow_empty", FLAG, "whether an input without spans is a success"),
    ("settings.input_format", TEXT, "what the inputs were said to be; null if their bytes told"),
    ("settings.retry_timeout_ns", NS, "how much time a request to an object store may lose by failures"),
    ("settings.selection", OBJECT, "which traces were asked for"),
    ("settings.selection.since_unix_nano", UNIX_NS, "the earliest start, or null"),
    ("settings.selection.until_unix_nano", UNIX_NS, "the time before which a span starts, or null"),
    ("settings.selection.services", TEXTS, "the services; any if there are none"),
    ("settings.incident", OBJECT, "what --window and --baseline-window asked for; not there without them"),
    ("settings.incident.window", TEXT, "--window as it was typed"),
    ("settings.incident.baseline_window", TEXT, "--baseline-window as it was typed, or null"),
    ("settings.memory_limit_bytes", BYTES, "about how much memory was allowed"),
    ("settings.temp_dir", TEXT, "where spans were put aside beyond that"),
    ("inputs[]", OBJECT, "what was read, in the order in which it was given"),
    ("inputs[].path", TEXT, "path as it was given, or a file in it; - for standard input"),
    ("inputs[].format", TEXT, "format, as its bytes say"),
    ("inputs[].bytes", BYTES, "bytes read, before decompression"),
    ("inputs[].spans", COUNT, "spans that can be analysed"),
    ("inputs[].skipped", OBJECT, "what was left out"),
    ("inputs[].skipped.{reason}", COUNT, "how many, by reason"),
    (
        "inputs[].first_offsets",
        "list of whole numbers",
        "where the first of those stood: bytes after decompression, rows for Parquet",
    ),
    ("inputs[].errors", TEXTS, "what failed"),
    ("inputs[].cautions", TEXTS, "what of the results is in doubt because of it"),
    ("formats", OBJECT, "the same, summed up by format"),
    ("formats.{format}", OBJECT, "inputs of that format"),
    ("formats.{format}.inputs", COUNT, "how many"),
    ("formats.{format}.bytes", BYTES, "bytes read, before decompression"),
    ("formats.{format}.spans", COUNT, "spans that can be analysed"),
    ("formats.{format}.skipped", OBJECT, "what was left out"),
    ("formats.{format}.skipped.{reason}", COUNT, "how many, by reason"),
    ("selection", OBJECT, "which traces were analysed; not there if all were"),
    ("selection.since", TIME, "the earliest start, or null"),
    ("selection.until", TIME, "the time before which a span starts, or null"),
    ("selection.services", TEXTS, "the services; any if there are none"),
    ("selection.spans_left_out", COUNT, "spans that were read and belong to other traces"),
    ("selection.row_groups_not_read", COUNT, "row groups of Parquet that hold only other traces, and were not read"),
    ("selection.spans_not_read", COUNT, "spans in them"),
    ("totals", OBJECT, "what was counted"),
    ("totals.spans", COUNT, "spans kept after duplicates were dropped"),
    ("totals.traces", COUNT, "traces"),
    ("totals.services", COUNT, "services"),
    ("totals.roots", COUNT, "requests: spans without a parent id"),
    ("totals.calls", OBJECT, "calls between services and to what they use"),
    ("totals.calls.{kind}", COUNT, "calls by kind of their target: service, database, messaging, external, unnamed"),
    ("totals.root_duration_ns", NS, "summed durations of the roots"),
    ("totals.failed_spans", COUNT, "spans that failed, by their status or by an HTTP or RPC code"),
    ("totals.failed_traces", COUNT, "traces with a span that failed"),
    ("totals.failed_roots", COUNT, "requests that failed"),
    ("totals.segment_duration_ns", NS, "summed durations of all segments: roots, asynchronous work, fragments"),
    ("totals.first_start", TIME, "start of the first span; null without spans"),
    ("totals.last_end", TIME, "end of the last span; null without spans"),
    ("quality", OBJECT, "what is odd about the data"),
    ("quality.orphans", COUNT, "spans whose parent is not in the input"),
    ("quality.missing_roots", COUNT, "traces in which every span has a parent id"),
    ("quality.duplicates", COUNT, "exact re-exports that were dropped"),
    ("quality.id_collisions", COUNT, "spans that share an id with another span"),
    ("quality.shared_ids", COUNT, "SERVER halves that share their CLIENT half's id, as Zipkin's do"),
    ("quality.cycles", COUNT, "cycles of parents that were cut"),
    ("quality.without_service", COUNT, "spans without a service name"),
    ("quality.inherited_services", COUNT, "those of them that belong to the service of a span above"),
    ("quality.clamped", COUNT, "spans cut to their parent's time"),
    ("quality.without_kind", COUNT, "spans without a kind"),
    ("quality.with_status", COUNT, "spans with a status, OK or error"),
    ("quality.with_code", COUNT, "spans without a status that have an HTTP or RPC code"),
    ("quality.with_adjusted_count", COUNT, "spans that say how many they stand for because of sampling"),
    ("quality.inconsistent_sampling", COUNT, "spans whose sampling threshold says that they were not kept"),
    ("quality.is_weighted", FLAG, "whether enough spans say so for weighted_traces"),
    (
        "quality.in_several_parts",
        COUNT,
        "traces that are in several parts of a merge: each piece was analysed for itself",
    ),
    ("quality.without_target", COUNT, "calls whose target is known only by the span's name"),
    ("quality.end_before_start", COUNT, "spans whose end lies before their start"),
    ("quality.before_1971", COUNT, "spans that start before 1971"),
    ("quality.in_future", COUNT, "spans that start after the time of the run"),
    ("quality.long_roots", COUNT, "roots that take more than 24 hours"),
    ("quality.beyond_cap[]", OBJECT, "what had more distinct values than are told apart; not there if nothing had"),
    ("quality.beyond_cap[].attribute", TEXT, "the attribute, or name"),
    ("quality.beyond_cap[].spans", COUNT, "spans whose value became …"),
    ("quality.beyond_cap[].kept", COUNT, "distinct values that were told apart"),
    ("quality.clock_skew[]", OBJECT, "server spans that stick out of their client span, by pair of services"),
    ("quality.clock_skew[].caller", TEXT, "the service that calls"),
    ("quality.clock_skew[].callee", TEXT, "the service that is called"),
    ("quality.clock_skew[].spans", COUNT, "such spans"),
    ("quality.clock_skew[].max_ns", NS, "the largest distance"),
    ("incident", OBJECT, "what --window found (tracescan explain incident); not there without it"),
    ("incident.window", OBJECT, "the window; null if no entry was ever off"),
    ("incident.window.start", TIME, "its first time, or null if that side is open"),
    ("incident.window.end", TIME, "the time after it, or null"),
    ("incident.baseline_window", OBJECT, "what it was compared with; null for all other requests"),
    ("incident.baseline_window.start", TIME, "its first time, or null"),
    ("incident.baseline_window.end", TIME, "the time after it, or null"),
    ("incident.window_requests", COUNT, "requests of the window that were compared"),
    ("incident.baseline_requests", COUNT, "requests that they were compared with"),
    ("incident.window_requests_left_out", COUNT, "requests of the window whose entries have too few in the baseline"),
    ("incident.window_failed_left_out", COUNT, "those of them that failed"),
    ("incident.baseline_requests_left_out", COUNT, "requests of the baseline with such entries"),
    ("incident.other_runs[]", OBJECT, "other times in which entries were off, the longest first"),
    ("incident.other_runs[].entry_service", TEXT, "service of the entry"),
    ("incident.other_runs[].entry_operation", TEXT, "operation of the entry"),
    ("incident.other_runs[].start", TIME, "the first time"),
    ("incident.other_runs[].end", TIME, "the time after it"),
    ("incident.other_runs[].off_buckets", COUNT, "how many of its ten seconds were off"),
    ("incident.other_runs[].left_out", FLAG, "whether it was left out of the baseline"),
    ("incident.confidence", TEXT, "how sure the first suspect is: clear or quiet"),
    ("incident.suspects", COUNT, "rows of table suspects"),
    ("cautions", TEXTS, "results that are not to be trusted, and why"),
    ("sensitive_traces", OBJECT, "the sample of traces in which secrets were looked for, if they were"),
    ("sensitive_traces.read", COUNT, "traces of the sample"),
    ("sensitive_traces.of", COUNT, "all traces"),
    ("phases", OBJECT, "how long each phase took"),
    ("phases.{phase}", SECONDS, "wall-clock time, in the order in which phases passed"),
    ("peak_memory_bytes", BYTES, "the most memory in use; null if the system does not tell"),
    ("spilled_bytes", BYTES, "spans that were put aside in files because they were too many for memory"),
    ("kept_bytes", OBJECT, "memory of what is kept of all traces"),
    ("kept_bytes.{name}", BYTES, "by detector, and by what several detectors use"),
    ("files", TEXTS, "names of the files beside it"),
];

/// Fields of a comparison's document that are not those of a run.
const COMPARISON: &[(&str, &str, &str)] = &[
    ("version", TEXT, "version of tracescan"),
    ("arguments", TEXTS, "what was typed, without the program's name"),
    ("settings", OBJECT, "settings, as above"),
    ("baseline", TEXT, "output directory of the run that was compared with"),
    ("run", TEXT, "output directory of the run that was compared"),
    ("totals", OBJECT, "patterns"),
    ("totals.{status}", COUNT, "how many have that status"),
    ("quality", OBJECT, "what makes the comparison doubtful"),
    ("quality.doubts", TEXTS, "in words"),
    ("files", TEXTS, "names of the files beside it"),
];

/// The page.
pub(super) fn page() -> Page {
    let written = |fields: &[(&'static str, &'static str, &'static str)]| -> Vec<Field> {
        let field = |&(path, unit, doc)| Field { path: Cow::Borrowed(path), unit, doc: Cow::Borrowed(doc) };
        fields.iter().map(field).collect()
    };
    let mut fields = written(BEFORE_THRESHOLDS);
    fields.extend(thresholds());
    fields.extend(name_lists());
    fields.extend(written(AFTER_THRESHOLDS));
    let summary = "what the file run.json of an output directory says";
    let mut page = Page::of_tables("run.json", summary, DOCUMENTATION, Vec::new());
    page.documents = vec![
        ExplainedDocument { name: "run.json", fields },
        ExplainedDocument { name: "run.json of compare", fields: written(COMPARISON) },
    ];
    page
}

/// The lists of names and words.
fn name_lists() -> Vec<Field> {
    let told = "what names of services, tables and databases mean, for all detectors";
    let mut fields = vec![Field { path: "settings.names".into(), unit: OBJECT, doc: told.into() }];
    fields.extend(NameLists::DESCRIBED.iter().map(|&(name, meaning, _)| {
        let mut doc = meaning.trim().to_owned();
        doc[..1].make_ascii_lowercase();
        Field { path: format!("settings.names.{name}").into(), unit: TEXTS, doc: doc.into() }
    }));
    fields
}

/// The thresholds of all detectors.
fn thresholds() -> Vec<Field> {
    let mut fields = Vec::new();
    for CatalogEntry { description, thresholds, .. } in catalog() {
        let name = description.name;
        let of_detector = format!("thresholds of {name}");
        fields.push(Field { path: format!("settings.{name}").into(), unit: OBJECT, doc: of_detector.into() });
        fields.extend(thresholds.into_iter().map(|threshold| Field {
            path: format!("settings.{name}.{}", threshold.name).into(),
            unit: match threshold.kind {
                ThresholdKind::Count => COUNT,
                ThresholdKind::Share => SHARE,
                ThresholdKind::Duration => "duration with its unit, like 30s",
                ThresholdKind::Bytes => BYTES,
                ThresholdKind::Words | ThresholdKind::Names => TEXTS,
            },
            doc: threshold.doc.trim_end_matches('.').into(),
        }));
    }
    fields
}
