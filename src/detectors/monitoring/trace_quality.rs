//! `trace-quality`: what the traces cannot show, and why.

mod conclusion;
mod contexts;
mod rules;
mod see;
mod seen;

use crate::conventions::{FindingKind, OwnAttribute, OwnAttributes};
use crate::detectors::kit::{
    BesideTable, Cell, Column as AnyColumn, Concluded, Description, Detector, NoDetails, ProblemText, RankedBy,
    RowColumn, TableRow, TableRules, Unit, WEIGHTED_TRACES_DOC, Whole, joined, thresholds,
};
use crate::findings::{Finding, Findings, pattern_id};
use crate::frame::Symbol;
use crate::gathered::Gathers;
use crate::trace::{Target, TargetKind, TraceView};

use conclusion::{Row, Scored};
use seen::SeenQuality;

thresholds! {
    /// The detector of what traces cannot show and its thresholds.
    pub(crate) struct TraceQuality {
        /// Spans, or calls, from which on a row is worth reading.
        min_spans: Count = 5;
        /// Distinct names without a route from which on a service may have too many.
        max_names: Count = 100;
    }
}

static DESCRIPTION: Description = Description {
    name: "trace-quality",
    table: "trace_quality",
    summary: "what the traces cannot show, and why",
    documentation: "\
## What it does

Says of each service what its spans lack. A row needs `min_spans` spans (one for `no-service-name`).

- `orphan`: spans whose parent is not in the input. `missing-root`: traces without any root, at the service of their first
  span. Traces that may be cut, because they begin or end as near to the first or the last time as the longest roots (p99) are
  long, count for neither.
- `client-root`: roots of kind CLIENT that no browser made: who called them is not traced.
- `missing-kind`: spans of kind INTERNAL or none with a parent or a child in another service, or without kind though they say
  of HTTP, RPC, a database or messages; 5 % of the service's spans.
- `error-without-status`: spans with an error type or a code that failed, and no status.
- `unnamed-target`: 5 % of the service's calls go where nothing but the span's name tells.
- `no-service-name`: `unknown_service`.
- `unbounded-names`: over `max_names` names that follow from no route, most of them seen once.
- `clock-skew`: a fifth of the calls to a service have callees that stick out of them by more than 2 ms; `value_ns` is by how
  much the callee's clock is ahead, in the median of all calls. Callees that are longer than their calls are left out. Those
  that begin only when a call that succeeded has ended count where one time by which a clock is ahead explains nine of ten
  of them, or where they are late by similar times (nine of ten within four times the shortest, as several clocks or one
  that drifts have it); else nobody waits for them.
- Calls to a service that recorded no callee: `broken-context`, if nearly all of them hold a root of the callee that could be
  theirs; else `lost-callee`, if the service is in the input, and `uninstrumented-callee`, if it is not.

`score` is that of instrumentation-score 0.1 as far as spans can show it: 100 without the share of the weights of the rules
that failed. The table `trace_quality_score` has it for every service. It is not complete: rules about SDKs, metrics and logs
are not computed.

## Why it hurts

Every other table is made of these traces. A callee that is missing hides what is slow behind a call, a broken context hides
who asked, clocks that differ shift time from one service to another, and names that are too many cannot be grouped.

## What it looks like

    CLIENT web > cart   GET    0 ms … 40 ms      no callee
    SERVER cart         GET    2 ms … 38 ms      a trace of its own: broken-context

## How to fix it

`broken-context`: let the client hand on `traceparent`, and whatever stands between not drop it. `lost-callee`: look for
sampling that each service decides for itself, for exporters that drop, and for timeouts. `orphan`, `missing-root`: sample
whole traces. `no-service-name`: set `OTEL_SERVICE_NAME`. `unbounded-names`: take ids out of span names. `clock-skew`:
synchronise clocks. `missing-kind`, `error-without-status`: use instrumentation libraries, or set kind and status where spans
are made by hand.

## When it is wrong

Tail sampling and dropped batches look like lost callees.

## References

Instrumentation Score, <https://github.com/instrumentation-score/spec>. W3C Trace Context. OpenTelemetry semantic conventions,
\"Recording errors\".",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: Some("min_spans"),
    terminal_columns: &[
        "rank",
        "service",
        "kind",
        "target",
        "spans",
        "share",
        "value_ns",
        "score",
        "rules_failed",
        "level",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[
        RankedBy::LastIfText("level", "note"),
        RankedBy::LastIfText("level", "risk"),
        RankedBy::Largest("spans"),
    ],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (service, target) = (row.text("service"), row.text("target"));
    let [spans, calls, traces, callees] = ["span", "call", "trace", "callee"].map(|noun| row.counted("spans", noun));
    let is_one = row.count("spans") == 1;
    let s = if is_one { "s" } else { "" };
    match FindingKind::of_text(row.text("kind")) {
        FindingKind::BrokenContext => {
            format!("{service} does not hand its context on to {target}: {calls} lead{s} nowhere")
        }
        FindingKind::ClientRoot => format!("{traces} of {service} begin{s} with a call: who asked is not traced"),
        FindingKind::ClockSkew => {
            format!("clocks of {service} and {target} differ: {callees} stick{s} out of the call")
        }
        FindingKind::ErrorWithoutStatus => format!("{spans} of {service} failed without a status"),
        FindingKind::LostCallee => format!("{target} recorded nothing of {calls} of {service}"),
        FindingKind::MissingKind => format!("no kind says whether {spans} of {service} call{s} or serve{s}"),
        FindingKind::MissingRoot => format!("{traces} that begin{s} in {service} lack{s} a root"),
        FindingKind::NoServiceName => {
            let do_not_say =
                if is_one { "does not say which service it is of" } else { "do not say which service they are of" };
            format!("{spans} {do_not_say}")
        }
        FindingKind::Orphan if is_one => format!("the parent of {spans} of {service} is not there"),
        FindingKind::Orphan => format!("the parents of {spans} of {service} are not there"),
        FindingKind::UnboundedNames => format!("{service} has too many names of spans to group them"),
        FindingKind::UninstrumentedCallee => {
            format!("{target}, which {service} calls {}, is not traced", row.times("spans"))
        }
        _ => joined([service, "makes calls of which nobody knows where they go"]),
    }
}

fn fix(row: &TableRow<'_>) -> &'static str {
    match FindingKind::of_text(row.text("kind")) {
        FindingKind::BrokenContext => "hand traceparent on in every request, and let nothing between drop it",
        FindingKind::ClientRoot => "trace who calls: a job's run, or the request that it serves",
        FindingKind::ClockSkew => "synchronise the clocks of both hosts",
        FindingKind::ErrorWithoutStatus => "set the status of spans that fail",
        FindingKind::LostCallee => "sample whole traces, and look for exporters that drop spans",
        FindingKind::MissingKind => "give spans that call or serve the kind CLIENT or SERVER",
        FindingKind::MissingRoot | FindingKind::Orphan => "sample whole traces, and look for exporters that drop spans",
        FindingKind::NoServiceName => "set service.name, for example with OTEL_SERVICE_NAME",
        FindingKind::UnboundedNames => "take ids out of names, and record http.route or url.template",
        FindingKind::UninstrumentedCallee => "instrument it",
        _ => "record server.address, peer.service or the name of the database",
    }
}

type Column = RowColumn<TraceQuality>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by level, then spans"),
    Column::pattern_id(|row| vec![row.service, row.kind_name, row.target]),
    Column::new(
        "level",
        Unit::Text,
        "problem for broken-context and no-service-name, note for client-root and unnamed-target, else risk",
        |row, _| row.level().cell(),
    ),
    Column::new(
        "service",
        Unit::Text,
        "service whose spans lack it; the caller, if it is about calls",
        |row, whole| whole.name(row.service),
    ),
    Column::new("kind", Unit::Text, "what is missing", |row, _| Cell::Text(row.kind.as_str().to_owned())),
    Column::new("target", Unit::Text, "service that is called; empty if it is not about calls to one", |row, whole| {
        whole.name(row.target)
    }),
    Column::new("spans", Unit::Count, "spans, or calls, that lack it: the ranking", |row, _| {
        Cell::Int(row.spans as i64)
    })
    .adding_up(),
    Column::new(
        "share",
        Unit::Share,
        "their share of the service's spans; of calls, of its calls to the target",
        |row, _| Cell::Float(row.share),
    ),
    Column::new(
        "value_ns",
        Unit::Nanoseconds,
        "clock-skew: by how much the target's clock is ahead; empty for others",
        |row, _| row.value_ns.map_or(Cell::None, Cell::Int),
    ),
    Column::new("score", Unit::Count, "score of the service, 0 to 100", |row, _| Cell::Int(rules::score(row.failed))),
    Column::new("rules_failed", Unit::Names, "rules of instrumentation-score that the service fails", |row, _| {
        Cell::Names(rules::ids(row.failed))
    }),
    Column::new("traces", Unit::Count, "traces with such spans", |row, _| Cell::Int(row.sightings.count.traces as i64)),
    Column::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, |row, whole| {
        whole.weighted(row.sightings.count.weighted())
    }),
    Column::new("first_seen", Unit::Time, "start of the first of the spans", |row, _| Cell::Int(row.sightings.first)),
    Column::new("last_seen", Unit::Time, "the same of the trace that was seen last", |row, _| {
        Cell::Int(row.sightings.last)
    }),
    Column::new("example_trace_id", Unit::Id, "the first of these traces in the order of ids", |row, whole| {
        row.sightings.example_cell(whole)
    }),
];

/// The table of scores.
static SCORE_COLUMNS: [AnyColumn; 10] = [
    AnyColumn::new("rank", Unit::Count, "place in the ranking by score, the lowest first, then spans"),
    AnyColumn::new("pattern_id", Unit::Id, "id of the row, the same in every run"),
    AnyColumn::new("level", Unit::Text, "note"),
    AnyColumn::new("service", Unit::Text, "service"),
    AnyColumn::adding_up("spans", Unit::Count, "its spans"),
    AnyColumn::new("score", Unit::Count, "100 without the share of the weights of the rules that failed"),
    AnyColumn::new("rules_failed", Unit::Names, "rules of instrumentation-score that it fails"),
    AnyColumn::new("traces", Unit::Count, "traces that it is part of"),
    AnyColumn::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC),
    AnyColumn::new("example_trace_id", Unit::Id, "the first of these traces in the order of ids"),
];

/// Name of the table of scores.
const SCORES: &str = "trace_quality_score";

fn table_of_scores(scored: &[Scored], whole: &Whole<'_>) -> BesideTable {
    let mut ranked: Vec<&Scored> = scored.iter().collect();
    ranked.sort_by_key(|service| (rules::score(service.failed), std::cmp::Reverse(service.spans), service.service));
    let cell = |name: &str, place: usize, service: &Scored| match name {
        "rank" => Cell::Int(place as i64 + 1),
        "pattern_id" => Cell::Text(pattern_id(SCORES, [whole.symbols.resolve(service.service)])),
        "level" => crate::detectors::kit::Level::Note.cell(),
        "service" => whole.name(service.service),
        "spans" => Cell::Int(service.spans as i64),
        "score" => Cell::Int(rules::score(service.failed)),
        "rules_failed" => Cell::Names(rules::ids(service.failed)),
        "traces" => Cell::Int(service.traces.count.traces as i64),
        "weighted_traces" => whole.weighted(service.traces.count.weighted()),
        "example_trace_id" => service.traces.example_cell(whole),
        other => unreachable!("the table of scores has a column {other} without a rule"),
    };
    let values = |column: &AnyColumn| {
        ranked.iter().enumerate().map(|(place, service)| cell(column.name, place, service)).collect()
    };
    BesideTable { name: SCORES, columns: &SCORE_COLUMNS, values: SCORE_COLUMNS.iter().map(values).collect() }
}

impl Detector for TraceQuality {
    type Seen = SeenQuality;
    type Details = NoDetails;
    /// All services with their scores.
    type Aside = Vec<Scored>;
    type Row = Row;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        let of_resources = OwnAttributes::of(&[OwnAttribute::Kubernetes, OwnAttribute::Browser]);
        let own_attributes = OwnAttributes::INSTANCE.union(of_resources);
        Gathers { own_attributes, resource_attributes: true, ..Gathers::NOTHING }
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        see::see(trace, seen);
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let (rows, scored) = conclusion::conclude(self, seen, whole);
        let mut findings = Findings::default();
        rows.iter().for_each(|row| self.report(row, whole, &mut findings));
        Concluded { findings, aside: scored, rows }
    }

    fn tables_beside(scored: &Vec<Scored>, whole: &Whole<'_>) -> Vec<BesideTable> {
        vec![table_of_scores(scored, whole)]
    }
}

impl TraceQuality {
    /// A finding at the row's example.
    fn report(&self, row: &Row, whole: &Whole<'_>, findings: &mut Findings<NoDetails>) {
        let target = Target { name: row.target, kind: TargetKind::Service };
        let finding = Finding {
            span_id: row.sightings.span_id,
            service: row.service,
            operation: Symbol::EMPTY,
            target: (!row.target.is_empty()).then_some(target),
            start: row.sightings.start,
            measured: row.spans as f64,
            threshold: f64::from(self.min_spans.0),
            impact_ns: 0,
            own_impact: 0,
            induced: false,
            kind: row.kind,
            span_ids: &[row.sightings.span_id],
            key: &[row.service, row.kind_name, row.target],
            details: NoDetails,
        };
        findings.push_of(row.sightings.example(whole), 1.0, finding);
    }
}
