//! `sensitive-data`: secrets and personal data in spans.

mod seen;

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, Level, NoDetails, ProblemText, RankedBy, RowColumn, TableRow, TableRules,
    Unit, WEIGHTED_TRACES_DOC, WhileRead, Whole, thresholds,
};
use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::partial::TraceNumber;
use crate::sensitive::{
    ARGUMENTS, CREDENTIAL_KEYS, Evidence, JSON_FIELDS, MASKED_WORDS, Place, SecretLists, Secrets, SensitiveFacts,
    SensitiveKind, URL_PARAMETERS, hash_of_place,
};
use crate::trace::TraceView;

pub(crate) use seen::SeenSensitive;

thresholds! {
    /// The detector of secrets and its thresholds.
    pub(crate) struct SensitiveData {
        /// Distinct addresses, or numbers of cards, from which on a service writes such to an attribute whose key does not say so.
        min_values: Count = 3;
        /// In about so many traces secrets are looked for: which ones follows from their ids.
        sample_traces: Count = 20_000;
        /// Last parts of keys whose values are secret; of cookies if they are lists of names and values.
        credential_keys: Names = &CREDENTIAL_KEYS;
        /// Parameters of URLs that hold secrets.
        url_parameters: Names = &URL_PARAMETERS;
        /// Fields of JSON texts that hold secrets.
        json_fields: Names = &JSON_FIELDS;
        /// Arguments of commands that hold secrets, without their dashes.
        arguments: Names = &ARGUMENTS;
        /// Words that stand for a secret that was taken out.
        masked_words: Names = &MASKED_WORDS;
    }
}

static DESCRIPTION: Description = Description {
    name: "sensitive-data",
    table: "sensitive_data",
    summary: "secrets and personal data in spans",
    documentation: "\
## What it does

Looks through names, status messages, and the values of attributes of spans, events and resources (of each the first 4 KiB) in
a sample of about `sample_traces` traces, which their ids choose: the same ones in every run. Each kind is told by its form
and checked: a `jwt` by its decoded header, an `iban` by its check digits, a `bearer` by how random it is. `credential` is a
value whose key ends in password, secret, api_key, authorization, cookie and the like. An `email` is told where an attribute
has `min_values` of them, or one and a key that says mail; a `card` where `min_values` of them are nine tenths of the long
numbers there, or one and a key that says card. What was masked is none: `***`, REDACTED, `${X}`, `?`. Values never leave the
program: nothing of them is printed, not even how long they are. Names in front of secrets, and words that stand for them, are
lists that can be set, and hold for all that is shown; what has a form of its own is known by that alone: keys and tokens of
vendors, numbers of cards and accounts, addresses.

## Why it hurts

Traces are kept for weeks, copied to vendors, and read by everybody who is on call. A token that works is as good there as in
a mail to all of them, and personal data may not be there at all.

## What it looks like

    CLIENT web > auth  POST /login
      http.request.header.authorization = [\"Bearer eyJhbGciOi…\"]        bearer, jwt
      url.full = https://auth.internal/login?user=ann&password=…        url-parameter
      db.query.text = UPDATE users SET password = '…' WHERE id = 7      sql-literal

## How to fix it

Take what is in the table out of use: revoke tokens, change passwords. Then stop it where it is written: do not record headers
that carry credentials, use placeholders in queries, drop the query of URLs. What cannot be stopped there a collector can
redact or hash (its `redaction` and `transform` processors), before anything is stored.

## When it is wrong

Secrets without a form (a bare password in a sentence) are not seen; sampling misses what is in one trace of a million. Spans are
looked at while they are read, so that one without a service name is told under `unknown_service`, where other tables give it to
the service of the span above it, and copies of spans, which other tables leave out, are counted. Traces are sampled of all that
were read: with `--since`, `--until` and `--service` the sample of what was selected is smaller where more of the input had to be
read.

## References

OWASP, \"Logging Cheat Sheet\". OWASP Top 10 (2021), A09 \"Security Logging and Monitoring Failures\". RFC 7519 (JWT). ISO
13616 (IBAN). ISO/IEC 7812-1 (card numbers).",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: Some("min_values"),
    terminal_columns: &[
        "rank",
        "service",
        "attribute",
        "kind",
        "spans",
        "span_share",
        "values",
        "operations",
        "level",
        "traces",
        "last_seen",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::LastIfText("level", "risk"), RankedBy::Largest("spans")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (service, attribute) = (row.text("service"), row.text("attribute"));
    let (what, spans) = (what_it_is(row.text("kind")), row.counted("spans", "span"));
    format!("{service} writes {what} to {attribute} of {spans}")
}

fn what_it_is(kind: &str) -> &'static str {
    match SensitiveKind::ALL.into_iter().find(|known| known.as_str() == kind) {
        Some(SensitiveKind::Argument) => "secrets in command lines",
        Some(SensitiveKind::AwsKey) => "access keys of AWS",
        Some(SensitiveKind::BasicAuth) => "names with passwords",
        Some(SensitiveKind::Bearer) => "bearer tokens",
        Some(SensitiveKind::Card) => "numbers of payment cards",
        Some(SensitiveKind::Email) => "addresses of people",
        Some(SensitiveKind::Iban) => "numbers of bank accounts",
        Some(SensitiveKind::JsonField) => "secrets in JSON",
        Some(SensitiveKind::Jwt) => "signed tokens",
        Some(SensitiveKind::PrivateKey) => "private keys",
        Some(SensitiveKind::SqlLiteral) => "passwords in queries",
        Some(SensitiveKind::UrlParameter) => "secrets in URLs",
        Some(SensitiveKind::UrlPassword) => "URLs with passwords",
        Some(SensitiveKind::VendorToken) => "tokens of vendors",
        Some(SensitiveKind::Credential) | None => "credentials",
    }
}

fn fix(row: &TableRow<'_>) -> &'static str {
    match SensitiveKind::ALL.into_iter().find(|known| known.as_str() == row.text("kind")) {
        Some(SensitiveKind::Card | SensitiveKind::Email | SensitiveKind::Iban) => {
            "leave it out where it is written, or have the collector hash or drop it; then delete what was stored"
        }
        Some(SensitiveKind::SqlLiteral) => "use placeholders for values in queries, and change the passwords",
        Some(SensitiveKind::UrlParameter | SensitiveKind::UrlPassword) => {
            "send it in a header or a body, have the instrumentation drop it from URLs, and replace the secret"
        }
        _ => "revoke it, stop recording it, and have the collector redact the attribute",
    }
}

type Column = RowColumn<SensitiveData>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by level, then spans"),
    Column::pattern_id(|row| row.key.to_vec()),
    Column::new("level", Unit::Text, "problem; risk for addresses of people and numbers of accounts", |row, _| {
        level_of(row.kind).cell()
    }),
    Column::new("service", Unit::Text, "service whose spans have it", |row, whole| whole.name(row.key[0])),
    Column::new(
        "attribute",
        Unit::Text,
        "where: key of an attribute, span.name, status.message, event:KEY or resource:KEY",
        |row, whole| whole.name(row.key[1]),
    ),
    Column::new("kind", Unit::Text, "what it is", |row, _| Cell::Text(row.kind.as_str().to_owned())),
    Column::new("spans", Unit::Count, "spans of the sample that have it: the ranking", |row, _| {
        Cell::Int(row.evidence.spans as i64)
    })
    .adding_up(),
    Column::new(
        "span_share",
        Unit::Share,
        "their share of the spans of the service that have the attribute",
        |row, _| Cell::Float(row.evidence.spans as f64 / row.spans_with_attribute.max(row.evidence.spans) as f64),
    ),
    Column::new("values", Unit::Count, "distinct values", |row, _| Cell::Int(row.evidence.values.len() as i64)),
    Column::new("operations", Unit::Count, "distinct names of these spans", |row, _| {
        Cell::Int(row.evidence.operations.len() as i64)
    }),
    Column::new("traces", Unit::Count, "traces of the sample that have it", |row, _| {
        Cell::Int(row.evidence.traces.len() as i64)
    }),
    Column::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, |_, _| Cell::None),
    Column::new("first_seen", Unit::Time, "start of the first of the spans", |row, _| {
        row.evidence.seen.map_or(Cell::None, |(first, _)| Cell::Int(first))
    }),
    Column::new("last_seen", Unit::Time, "start of the last", |row, _| {
        row.evidence.seen.map_or(Cell::None, |(_, last)| Cell::Int(last))
    }),
    Column::new("example_span_id", Unit::Id, "a span that has it", |row, _| {
        row.evidence.example.map_or(Cell::None, |(_, _, span)| Cell::Text(span.to_string()))
    }),
    Column::new("example_trace_id", Unit::Id, "its trace: the first in the order of ids", |row, _| {
        row.evidence.example.map_or(Cell::None, |(trace, ..)| Cell::Text(trace.to_string()))
    }),
];

/// A row of the table.
pub(crate) struct Row {
    /// Service, attribute, kind.
    key: [Symbol; 3],
    kind: SensitiveKind,
    evidence: Evidence,
    spans_with_attribute: u64,
}

fn level_of(kind: SensitiveKind) -> Level {
    if matches!(kind, SensitiveKind::Email | SensitiveKind::Iban) { Level::Risk } else { Level::Problem }
}

/// The share of numbers as long as those of cards from which on those that may be some are: one in ten of any passes the check.
const MIN_CARD_SHARE: f64 = 0.9;

impl SensitiveData {
    /// What is secret, also while nobody asks for this detector: nothing shows it.
    pub(crate) fn secrets(&self) -> Secrets {
        Secrets::of(&SecretLists {
            credential_keys: self.credential_keys.0.clone(),
            url_parameters: self.url_parameters.0.clone(),
            json_fields: self.json_fields.0.clone(),
            arguments: self.arguments.0.clone(),
            masked_words: self.masked_words.0.clone(),
        })
    }

    /// Whether values that may be of a kind are, by all that stand in the same place.
    fn is_meant(
        &self,
        facts: &SensitiveFacts<Symbol>,
        attribute: &str,
        place: &Place<Symbol>,
        kind: SensitiveKind,
        evidence: &Evidence,
    ) -> bool {
        let values = evidence.values.len();
        let is_many = values >= self.min_values.0 as usize;
        let traits =
            || Secrets::default().traits_of(attribute.trim_start_matches("event:").trim_start_matches("resource:"));
        match kind {
            SensitiveKind::Email => is_many || traits().says_mail,
            SensitiveKind::Card => {
                let is_most = || values as f64 >= MIN_CARD_SHARE * facts.numbers_in(place) as f64;
                traits().says_card || (is_many && is_most())
            }
            _ => true,
        }
    }
}

impl Detector for SensitiveData {
    type Seen = SeenSensitive;
    type Details = NoDetails;
    type Aside = ();
    type Row = Row;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn take_read(&self, read: &mut WhileRead, seen: &mut Self::Seen) {
        if let Some(facts) = read.sensitive.take() {
            seen.facts.merge(facts);
        }
    }

    /// What gives secrets away was looked for while spans were read: nothing is left of it in traces.
    fn see(&self, _trace: &TraceView<'_>, _seen: &mut Self::Seen) {}

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let facts = seen.facts;
        let mut findings = Findings::default();
        let mut rows = Vec::new();
        for ((place, kind), evidence) in facts.found_in_all() {
            let [service, attribute] = [place.service, place.attribute].map(|name| whole.symbols.resolve(name));
            if !self.is_meant(&facts, attribute, &place, kind, &evidence) {
                continue;
            }
            let kind_name = whole.symbols.get(kind.as_str()).unwrap_or_default();
            let row = Row {
                key: [place.service, place.attribute, kind_name],
                kind,
                spans_with_attribute: facts.spans_in(hash_of_place(service, attribute)),
                evidence,
            };
            report(&row, whole, &mut findings);
            rows.push(row);
        }
        Concluded { findings, aside: (), rows }
    }
}

/// A finding at the row's example.
fn report(row: &Row, whole: &Whole<'_>, findings: &mut Findings<NoDetails>) {
    let Some((trace_id, start, span_id)) = row.evidence.example else { return };
    let trace = whole.trace_ids.binary_search(&trace_id).map_or(TraceNumber::NONE, |place| TraceNumber(place as u32));
    let finding = Finding {
        span_id,
        service: row.key[0],
        operation: row.key[1],
        target: None,
        start,
        measured: row.evidence.spans as f64,
        threshold: 1.0,
        impact_ns: 0,
        own_impact: 0,
        induced: false,
        kind: FindingKind::of_text(row.kind.as_str()),
        span_ids: &[span_id],
        key: &row.key,
        details: NoDetails,
    };
    findings.push_of(trace, 1.0, finding);
}
