//! `uncompensated-saga`: a step was done, a later one failed, nobody undid the first.

mod behind;
mod beside;
mod undoing;

use crate::conventions::{FindingKind, WRITING_WORDS};
use crate::detectors::kit::{
    self, Cell, Concluded, Description, Detector, FindingsBeside, NoRow, Pattern, PatternColumn, ProblemText, RankedBy,
    TableRow, TableRules, Unit, Whole, joined, thresholds,
};
use crate::findings::{Finding, Remedy};
use crate::frame::Symbol;
use crate::gathered::Gathers;
use crate::partial::columns;
use crate::span::SpanId;
use crate::trace::{Asked, Call, Row, Target, TargetKind, TraceView};

use behind::{Assumed, CallsOfRequests, Condition, asks_the_same};
use beside::{Beside, SagaKey};
use undoing::{DatabaseWrites, Undoing, has_writing_word, is_delete, succeeded};

thresholds! {
    /// The detector of sagas that are not compensated.
    pub(crate) struct UncompensatedSaga {
        /// First words of operations that change something, where a service records no database.
        writing_words: Words = &WRITING_WORDS;
        /// Words of operations that undo what others did.
        undoing_words: Words = &[
            "release",
            "refund",
            "cancel",
            "delete",
            "rollback",
            "revert",
            "undo",
            "void",
            "compensate",
            "restore",
            "unreserve",
            "reverse",
            "abort",
            "expire",
            "return",
            "remove",
            "restock",
            "unlock",
            "reject",
            "fail",
            "close",
        ];
        /// Words of services that do things that nobody undoes.
        never_undone_words: Words = &[
            "auth",
            "audit",
            "log",
            "logs",
            "logger",
            "logging",
            "notification",
            "notifications",
            "notify",
            "notifier",
            "mailer",
            "mail",
            "email",
            "sms",
            "metrics",
            "analytics",
            "telemetry",
            "history",
            "tracking",
            "recommendation",
        ];
    }
}

columns! {
    /// What a finding of a step that was not undone says.
    pub(crate) struct Details in DetailColumns {
        /// What proves that the step wrote something.
        evidence: FindingKind,
        /// Type of the error of the call that failed.
        error_type: Vec<Symbol>,
        /// Services that it takes for ones that pass requests on.
        passing: Vec<Symbol>,
        /// Services that it takes for ones that do not.
        answering: Vec<Symbol>,
    }
}

static DESCRIPTION: Description = Description {
    name: "uncompensated-saga",
    table: "uncompensated_saga",
    summary: "steps that stay done though a later one failed",
    documentation: "\
## What it does

Looks at requests that failed, or were answered with a refusal (HTTP 400 and above, an RPC status that is not OK), because of
a call that failed last. If an earlier call to another service succeeded and wrote something, somebody must undo that: a later
call to the same service that deletes, has a word like release, refund or cancel in its name, or writes after the failure; or
any message that is published after it, for somebody may react. Where none is in the trace the step is told. That it wrote is
known from its database calls (`database`) or, where that service records none, from a word like reserve or charge that its
operation begins with (`verb`). Services that do what nobody undoes, such as mails and audits, are left out. A call to a service
that only passes requests on, such as a gateway, is taken as one to the service behind it.

## Why it hurts

No transaction spans services. What the first did stays when the second fails: stock is reserved for an order that does not
exist, a card is charged for nothing. Each such request leaves a little that does not fit, and somebody finds and mends it by
hand.

## What it looks like

    SERVER orders  POST /orders                       failed
      CLIENT orders > stock    Reserve                ok        INSERT INTO reservations …
      CLIENT orders > payment  Charge                 402
                                                      no Release

## How to fix it

Give each step that writes one that undoes it, and call it when a later step fails; an orchestrator that keeps what was done
survives its own crash, too. Steps that cannot be undone go last. Or reserve with a time limit, so that what nobody confirms
goes away by itself. `compensated_share` tells whether it is done in other requests.

## When it is wrong

Reservations that expire by themselves, reconciliation jobs, clients that repeat the whole request; choreographed sagas (each
step a consumer) are not covered: their failures show in `dead-letter`.

## References

H. Garcia-Molina, K. Salem, \"Sagas\", SIGMOD 1987. C. Richardson, \"Microservices Patterns\", 2018, chapter 4.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: false,
    needs_failures: true,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "service",
        "operation",
        "step_service",
        "step_operation",
        "failed_target",
        "failed_operation",
        "error_type",
        "compensated",
        "compensated_share",
        "evidence",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::Largest("traces")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let step = joined([row.text("step_service"), row.text("step_operation")]);
    let failed = joined([row.text("failed_target"), row.text("failed_operation")]);
    let service = row.text("service");
    format!("{service} does not undo {step} when {failed} fails: {}", row.times("traces"))
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.count("compensated") > 0 {
        "undo the step in every case: in other requests it is undone"
    } else {
        "undo the step when a later one fails, or do it last, or let it expire"
    }
}

type Column = PatternColumn<UncompensatedSaga>;
type Rule = kit::Rule<UncompensatedSaga>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by traces"),
    Column::PATTERN_ID,
    Column::PROBLEM_LEVEL,
    Column::new("service", Unit::Text, "service whose request failed", Rule::Key(0)),
    Column::new("operation", Unit::Text, "the request", Rule::Key(1)),
    Column::new("step_service", Unit::Text, "service that had done something for it", Rule::Key(2)),
    Column::new("step_operation", Unit::Text, "what it had done", Rule::Key(3)),
    Column::new("failed_target", Unit::Text, "what failed later", Rule::Key(4)),
    Column::new("failed_operation", Unit::Text, "what was asked for there", Rule::Key(5)),
    Column::new(
        "compensated",
        Unit::Count,
        "traces in which the same step was undone after the same failure",
        Rule::Derived(|pattern| Cell::Int(compensated(pattern) as i64)),
    ),
    Column::new(
        "compensated_share",
        Unit::Share,
        "their share of these traces and of those in which it was not",
        Rule::Derived(|pattern| {
            let compensated = compensated(pattern) as f64;
            Cell::Float(compensated / (compensated + traces(pattern) as f64))
        }),
    ),
    Column::new(
        "evidence",
        Unit::Text,
        "how it is known that the step wrote: database, or verb: by its name",
        Rule::MostFrequent(|details| (&details.evidence).into()),
    ),
    Column::new(
        "error_type",
        Unit::Text,
        "most frequent type of the error of what failed",
        Rule::MostFrequentName(|details| &details.error_type),
    ),
    Column::TRACES,
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::FIRST_SEEN,
    Column::LAST_SEEN,
    Column::example_trace("the first trace in which it was not undone"),
];

/// Traces in which what a pattern tells was undone.
fn compensated(pattern: &Pattern<'_, UncompensatedSaga>) -> u64 {
    let key: SagaKey = [0, 1, 2, 3, 4, 5].map(|part| pattern.key(part));
    let traces = |evidence| pattern.aside.compensated(key, evidence);
    traces(FindingKind::Database) + traces(FindingKind::Verb)
}

/// Traces in which it was not.
fn traces(pattern: &Pattern<'_, UncompensatedSaga>) -> usize {
    let traces = &pattern.findings.common.trace;
    pattern.rows.chunk_by(|&left, &right| traces[left] == traces[right]).count()
}

impl Detector for UncompensatedSaga {
    type Seen = FindingsBeside<DetailColumns, Beside>;
    type Details = DetailColumns;
    type Aside = Beside;
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn gathers() -> Gathers {
        Gathers { of_signatures: Asked { data_use: true }, ..Gathers::SERVICE_ENTRIES }
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        let mut last = Symbol::EMPTY;
        for call in &trace.calls.calls {
            // Most calls of a service come one after the other.
            if call.caller_service != last && trace.data_use(call.row).is_of_database {
                last = call.caller_service;
                seen.beside.with_database.insert(last);
            }
        }
        if !trace.calls.has_failures {
            return;
        }
        let mut steps = self.steps_before_failures(trace);
        // What names of operations tell may not hold, nor what is taken for granted of services, so that it is kept apart. Of equal
        // steps those that were not undone come first.
        steps.sort_by(|left, right| {
            let place = |step: &Step| (step.is_compensated, step.caller_span, step.row);
            left.told().cmp(&right.told()).then_with(|| place(left).cmp(&place(right)))
        });
        for equal in steps.chunk_by(|left, right| left.told() == right.told()) {
            let left_done = &equal[..equal.partition_point(|step| !step.is_compensated)];
            if left_done.is_empty() {
                let Step { key, evidence, condition, .. } = &equal[0];
                seen.beside.add_compensated((*key, *evidence, condition.clone()), 1);
            }
            for of_request in left_done.chunk_by(|left, right| left.caller_span == right.caller_span) {
                report(trace, of_request, seen);
            }
        }
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let FindingsBeside { mut findings, mut beside } = seen;
        let entries = whole.gathered.service_entries.as_ref();
        let pass_through = entries.map(|entries| entries.pass_through()).unwrap_or_default();
        beside.settle(&pass_through);
        findings.retain(|findings, finding| {
            let step_service = findings.common.key.get(finding)[2];
            let (passing, answering) = (findings.details.passing.get(finding), findings.details.answering.get(finding));
            beside.holds(step_service, findings.common.kind.get(finding))
                && Condition::holds(passing, answering, &pass_through)
        });
        Concluded { findings, aside: beside, rows: Vec::new() }
    }
}

/// A step of a request that failed later.
struct Step {
    key: SagaKey,
    is_compensated: bool,
    evidence: FindingKind,
    condition: Condition,
    caller_span: Row,
    /// The span of the call that did it.
    row: Row,
    /// That of the call that failed.
    failed: Row,
}

impl Step {
    /// What is told of it, and what makes that hold.
    fn told(&self) -> (&SagaKey, FindingKind, &Condition) {
        (&self.key, self.evidence, &self.condition)
    }
}

impl UncompensatedSaga {
    /// The steps of all requests of a trace that failed later.
    fn steps_before_failures(&self, trace: &TraceView<'_>) -> Vec<Step> {
        let roles = &trace.calls.roles;
        let fails_request = |call: &Call| {
            let data_use = trace.data_use(call.row);
            call.counts && roles[call.row as usize].failed && !data_use.publishes && !data_use.is_key_value
        };
        let failed_or_refused = |row: Row| roles[row as usize].failed || trace.semantics_of(row).failed_as_client;
        let mut steps = Vec::new();
        if !trace.calls.calls.iter().any(|call| fails_request(call) && failed_or_refused(call.caller_span)) {
            return steps;
        }
        let calls = CallsOfRequests::of(trace);
        let writes = DatabaseWrites::of(trace);
        let undoing = Undoing::of(trace, &writes, &self.undoing_words.0);
        for of_request in calls.requests() {
            if !failed_or_refused(of_request[0].caller_span) {
                continue;
            }
            let Some(place) = of_request.iter().rposition(|call| fails_request(call)) else { continue };
            let failed = of_request[place];
            let after = of_request[place + 1..].iter().copied().filter(|call| succeeded(trace, call)).collect();
            let request =
                Request { detector: self, trace, calls: &calls, failed, after, writes: &writes, undoing: &undoing };
            for step in of_request.iter().filter(|step| request.may_be_step(step)) {
                let mut assumed = Assumed::default();
                loop {
                    steps.extend(request.step(step, &mut assumed));
                    if !assumed.turn() {
                        break;
                    }
                }
            }
        }
        steps
    }
}

/// A request that failed.
struct Request<'a> {
    detector: &'a UncompensatedSaga,
    trace: &'a TraceView<'a>,
    calls: &'a CallsOfRequests<'a>,
    /// The call that failed it.
    failed: &'a Call,
    /// Its calls that succeeded after that.
    after: Vec<&'a Call>,
    writes: &'a DatabaseWrites,
    undoing: &'a Undoing,
}

impl<'a> Request<'a> {
    /// Whether a call of the request may be a step that is to be undone, whatever is behind its target.
    fn may_be_step(&self, step: &Call) -> bool {
        step.target.kind == TargetKind::Service
            && self.trace.start(step.row) < self.trace.end(self.failed.row)
            && succeeded(self.trace, step)
    }

    /// A call of the request as a step that is to be undone, if it is one.
    fn step(&self, step: &'a Call, assumed: &mut Assumed) -> Option<Step> {
        let Self { detector, trace, calls, failed, writes, undoing, .. } = *self;
        let symbols = &trace.semantics.symbols;
        let (reached, failed_at) = (calls.reached(step, assumed), calls.reached(failed, assumed));
        let is_elsewhere = reached.target.name != failed_at.target.name && reached.target.name != step.caller_service;
        if !is_elsewhere
            || !succeeded(trace, reached)
            || is_delete(trace, step)
            || is_delete(trace, reached)
            || detector.undoing_words.0.has_word_of(symbols.resolve(reached.operation))
            || detector.never_undone_words.0.has_word_of(symbols.resolve(reached.target.name))
        {
            return None;
        }
        let evidence = if writes.are_below(trace, reached) {
            FindingKind::Database
        } else if has_writing_word(trace, step) || has_writing_word(trace, reached) {
            FindingKind::Verb
        } else {
            return None;
        };
        let heals = |call: &&'a Call| calls.may_reach(call, failed_at);
        if self
            .after
            .iter()
            .filter(|call| heals(call))
            .any(|call| asks_the_same(calls.reached(call, assumed), failed_at))
        {
            return None;
        }
        let (done, failure) = (trace.end(step.row), trace.start(failed.row));
        let key = [
            step.caller_service,
            trace.caller_operation(step),
            reached.target.name,
            reached.operation,
            failed_at.target.name,
            failed_at.operation,
        ];
        Some(Step {
            key,
            is_compensated: undoing.undo(reached, done, failure, evidence == FindingKind::Verb),
            evidence,
            condition: assumed.condition(),
            caller_span: step.caller_span,
            row: step.row,
            failed: failed.row,
        })
    }
}

/// Reports the same step of a request, which may have been done several times.
fn report(trace: &TraceView<'_>, steps: &[Step], seen: &mut FindingsBeside<DetailColumns, Beside>) {
    let Step { key, evidence, ref condition, caller_span, row, failed, .. } = steps[0];
    let rows = steps.iter().map(|step| step.row).chain([failed]);
    let span_ids: Vec<SpanId> = rows.map(|row| trace.span_id(row)).collect();
    let finding = Finding {
        span_id: span_ids[0],
        service: key[0],
        operation: key[1],
        target: Some(Target { name: key[2], kind: TargetKind::Service }),
        start: trace.start(row),
        measured: 1.0,
        threshold: 0.0,
        impact_ns: 0,
        own_impact: 0,
        induced: false,
        kind: evidence,
        span_ids: &span_ids,
        key: &key,
        details: Details {
            evidence,
            error_type: vec![trace.semantics_of(failed).error_type],
            passing: condition.passing.clone(),
            answering: condition.answering.clone(),
        },
    };
    seen.findings.push(trace, finding, Remedy::none(caller_span));
}
