//! What a run read, counted and doubts: the header of every report, and most of `run.json`.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::detectors::catalog;
use crate::frame::{BEYOND_CAP, BeyondCap};
use crate::report::incident::IncidentSummary;
use crate::report::text::units;

/// What was read and counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    /// The inputs, in the order in which they were given.
    pub inputs: Vec<InputSummary>,
    /// Which traces were analysed, if not all.
    pub selection: Option<SelectionSummary>,
    /// What was counted.
    pub totals: TotalsSummary,
    /// What was odd about the data.
    pub quality: QualitySummary,
    /// What the comparison of a window with others says, if one was asked for.
    pub incident: Option<IncidentSummary>,
}

/// What was read of one input.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct InputSummary {
    /// The path as it was given; `-` for standard input.
    pub path: String,
    /// The format, as its bytes say.
    pub format: String,
    /// Bytes read, before decompression.
    pub bytes: u64,
    /// Spans that can be analysed.
    pub spans: u64,
    /// What was left out: how many, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Where the first few of those stood: bytes of the decompressed input, or rows for Parquet.
    pub first_offsets: Vec<u64>,
    /// What failed.
    pub errors: Vec<String>,
    /// What of the results is in doubt because of it.
    #[serde(default)]
    pub cautions: Vec<String>,
}

/// Which traces were analysed: those with a span that fulfils all of it, and those whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SelectionSummary {
    /// The earliest start, in ns since 1970; written as RFC 3339.
    #[serde(serialize_with = "as_time", deserialize_with = "from_time")]
    pub since: Option<i64>,
    /// The time before which it starts, in ns since 1970; written as RFC 3339.
    #[serde(serialize_with = "as_time", deserialize_with = "from_time")]
    pub until: Option<i64>,
    /// The services, any if there are none.
    pub services: Vec<String>,
    /// Spans that were read and belong to other traces.
    pub spans_left_out: u64,
    /// Row groups of Parquet files that were proved to hold only other traces, and so were not read.
    pub row_groups_not_read: u64,
    /// The spans in them.
    pub spans_not_read: u64,
}

impl SelectionSummary {
    /// What was asked for, and what that left out.
    pub(in crate::report) fn in_words(&self) -> String {
        let of_services = match &self.services[..] {
            [] => None,
            services => Some(format!("of {}", services.join(" or "))),
        };
        let mut times = Vec::new();
        if let Some(since) = self.since {
            times.push(format!("that starts at {} or later", units::time(since)));
        }
        if let Some(until) = self.until {
            times.push(format!("that starts before {}", units::time(until)));
        }
        let of_times = Some(times.join(" and ")).filter(|times| !times.is_empty());
        let not_read = match self.row_groups_not_read {
            0 => String::new(),
            row_groups => format!(
                ", {} of them in {} that need not be read",
                units::count(self.spans_not_read),
                units::counted(row_groups, "row group")
            ),
        };
        format!(
            "whole traces with a span {}; {} of other traces left out{not_read}",
            of_services.into_iter().chain(of_times).collect::<Vec<_>>().join(" "),
            units::counted(self.spans_left_out + self.spans_not_read, "span")
        )
    }
}

/// What was counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TotalsSummary {
    /// Spans kept after duplicates were dropped.
    pub spans: u64,
    /// Traces.
    pub traces: u64,
    /// Services.
    pub services: u64,
    /// Spans without parent id.
    pub roots: u64,
    /// Calls by kind of their target; kinds that do not occur are left out.
    pub calls: BTreeMap<String, u64>,
    /// Summed durations of the roots, in ns.
    pub root_duration_ns: i128,
    /// Spans that failed, by their status or by an HTTP or RPC code.
    pub failed_spans: u64,
    /// Traces with a span that failed.
    pub failed_traces: u64,
    /// Roots that failed.
    pub failed_roots: u64,
    /// Summed durations of all segments, asynchronous ones and fragments too, in ns.
    pub segment_duration_ns: i128,
    /// Start of the first span, in ns since 1970; written as RFC 3339.
    #[serde(serialize_with = "as_time", deserialize_with = "from_time")]
    pub first_start: Option<i64>,
    /// End of the last span, in ns since 1970; written as RFC 3339.
    #[serde(serialize_with = "as_time", deserialize_with = "from_time")]
    pub last_end: Option<i64>,
}

/// What was odd about the data.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct QualitySummary {
    /// Spans whose parent id is not in the input.
    pub orphans: u64,
    /// Traces without a span that has no parent id.
    pub missing_roots: u64,
    /// Exact re-exports that were dropped.
    pub duplicates: u64,
    /// Spans that share an id with another span.
    pub id_collisions: u64,
    /// SERVER halves that share their CLIENT half's id.
    pub shared_ids: u64,
    /// Cycles of parents that were cut.
    pub cycles: u64,
    /// Spans without a service name.
    pub without_service: u64,
    /// Those of them that belong to the service of a span above.
    pub inherited_services: u64,
    /// Spans cut to their parent's window.
    pub clamped: u64,
    /// Spans without kind.
    pub without_kind: u64,
    /// Spans with a status, OK or error.
    pub with_status: u64,
    /// Spans without one that have an HTTP or RPC code.
    pub with_code: u64,
    /// Spans that say how many they stand for because of sampling.
    pub with_adjusted_count: u64,
    /// Spans whose sampling threshold says that they were not kept; what it says is not used.
    pub inconsistent_sampling: u64,
    /// Whether those are enough for weighted counts.
    pub is_weighted: bool,
    /// Traces that are in several parts of the input: each piece was analysed for itself.
    pub in_several_parts: u64,
    /// Calls whose target is known only by the span's name.
    pub without_target: u64,
    /// Spans whose end lies before their start.
    pub end_before_start: u64,
    /// Spans that start before 1971.
    pub before_1971: u64,
    /// Spans that start after the time of the run.
    pub in_future: u64,
    /// Roots that take more than 24 hours.
    pub long_roots: u64,
    /// Parts of what spans say whose values were too many to be told apart; left out where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beyond_cap: Vec<BeyondCapSummary>,
    /// Server spans that stick out of their client span, by caller and callee.
    pub clock_skew: Vec<ClockSkewSummary>,
}

/// How far the server spans of a service stick out of a caller's client spans.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ClockSkewSummary {
    /// The service that calls.
    pub caller: String,
    /// The service that is called.
    pub callee: String,
    /// Number of such spans.
    pub spans: u64,
    /// The largest distance in ns.
    pub max_ns: i64,
}

/// How often values of one part of what spans say were too many to be told apart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct BeyondCapSummary {
    /// The attribute, or `name`.
    pub attribute: String,
    /// Spans whose value became [`BEYOND_CAP`].
    pub spans: u64,
    /// Distinct values that were kept.
    pub kept: u64,
}

impl From<BeyondCap> for BeyondCapSummary {
    fn from(BeyondCap { part, spans, kept }: BeyondCap) -> Self {
        Self { attribute: part.as_str().to_owned(), spans, kept }
    }
}

/// Share of orphans above which traces are called incomplete.
const MAX_ORPHAN_SHARE: f64 = 0.01;

/// Share of spans that start after the time of the run above which their times are doubted.
const MAX_FUTURE_SHARE: f64 = 0.01;

/// Share of spans without kind above which calls are called partly inferred.
const MAX_KINDLESS_SHARE: f64 = 0.5;

/// Names with commas between, the last one behind an `and`.
fn joined_by_and(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        names => names.concat(),
    }
}

/// Share of calls without a named target above which the detectors that leave them out are doubted.
const MAX_UNNAMED_SHARE: f64 = 0.1;

/// What was read of all inputs of one format.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct FormatSummary {
    /// Number of inputs.
    pub inputs: u64,
    /// Bytes read, before decompression.
    pub bytes: u64,
    /// Spans that can be analysed.
    pub spans: u64,
    /// What was left out: how many, by reason.
    pub skipped: BTreeMap<String, u64>,
}

/// What of a summary stands in `run.json`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RecordedSummary {
    inputs: Vec<InputSummary>,
    selection: Option<SelectionSummary>,
    totals: TotalsSummary,
    quality: QualitySummary,
}

impl Summary {
    /// The summary of the run whose `run.json` is `text`, without its comparison of a window.
    ///
    /// # Errors
    /// If it is no such text.
    pub(crate) fn recorded(text: &[u8]) -> serde_json::Result<Self> {
        let RecordedSummary { inputs, selection, totals, quality } = serde_json::from_slice(text)?;
        Ok(Self { inputs, selection, totals, quality, incident: None })
    }

    /// Whether everything could be read.
    pub(crate) fn is_complete(&self) -> bool {
        self.incomplete_inputs() == 0
    }

    /// How many inputs could not be read, or not to the end.
    pub(crate) fn incomplete_inputs(&self) -> u64 {
        self.inputs.iter().filter(|input| !input.errors.is_empty()).count() as u64
    }

    /// What was read, by format.
    pub(crate) fn by_format(&self) -> BTreeMap<&str, FormatSummary> {
        let mut formats: BTreeMap<&str, FormatSummary> = BTreeMap::new();
        for input in &self.inputs {
            let format = formats.entry(&input.format).or_default();
            format.inputs += 1;
            format.bytes += input.bytes;
            format.spans += input.spans;
            for (reason, count) in &input.skipped {
                *format.skipped.entry(reason.clone()).or_default() += count;
            }
        }
        formats
    }

    /// Whether hardly a span says whether it failed, by a status, a code or otherwise.
    pub(crate) fn tells_no_outcome(&self) -> bool {
        let Self { quality, totals, .. } = self;
        // A code is recorded at one end of a call, or at both. Where a gateway alone has codes, nobody knows of the calls behind it.
        let calls: u64 = totals.calls.values().sum();
        let has_codes = quality.with_code > 0 && quality.with_code >= calls / 2;
        quality.with_status == 0 && !has_codes && totals.failed_spans == 0
    }

    /// Sentences on results that are not to be trusted, and why. None for sound data.
    pub(crate) fn doubts(&self) -> Vec<String> {
        let Self { totals, quality, .. } = self;
        let mut doubts = Vec::new();
        if totals.spans == 0 {
            return doubts;
        }
        doubts.extend(self.doubts_of_inputs());
        doubts.extend(self.doubts_of_times());
        if self.tells_no_outcome() {
            let in_need = catalog().into_iter().filter(|entry| entry.description.needs_failures);
            let in_need: Vec<&str> = in_need.map(|entry| entry.description.name).collect();
            doubts.push(format!(
                "no span has a status and no HTTP or RPC code tells of a failure: failures cannot be seen, so {} may \
                 miss everything",
                joined_by_and(&in_need)
            ));
        }
        if quality.without_kind == totals.spans {
            doubts.push(
                "no span has a kind: calls are inferred from changes of service and from attributes, so calls to what \
                 was not traced are missing"
                    .to_owned(),
            );
        }
        if quality.without_kind < totals.spans && quality.without_kind as f64 > MAX_KINDLESS_SHARE * totals.spans as f64
        {
            doubts.push(format!(
                "{} of all spans have no kind: where calls leave a service is partly inferred",
                units::share_of(quality.without_kind, totals.spans)
            ));
        }
        if totals.services == 1 && totals.calls.keys().all(|kind| kind != "service") {
            doubts.push(
                "all spans are of one service: chains of calls and failures that spread cannot be seen, check that \
                 service.name is recorded"
                    .to_owned(),
            );
        }
        let calls: u64 = totals.calls.values().sum();
        if quality.without_target as f64 > MAX_UNNAMED_SHARE * calls as f64 {
            doubts.push(format!(
                "{} of all calls do not name what they reach: n-plus-one and retry-storm leave those out",
                units::share_of(quality.without_target, calls)
            ));
        }
        let has_several_of_a_trace = totals.spans > totals.traces;
        if totals.roots == totals.spans && has_several_of_a_trace {
            doubts.push(
                "no span has a parent: calls, chains and retries cannot be seen, check that parent ids were exported"
                    .to_owned(),
            );
        }
        if quality.orphans > 0 && quality.orphans + totals.roots == totals.spans && has_several_of_a_trace {
            doubts.push(
                "no parent id is the id of a span of its trace: calls, chains and retries cannot be seen, check that both \
                 ids were exported alike"
                    .to_owned(),
            );
        } else if quality.orphans as f64 > MAX_ORPHAN_SHARE * totals.spans as f64 {
            doubts.push(format!(
                "{} of all spans have a parent that is not in the input: traces are incomplete, so counts and chains come \
                 out too small",
                units::share_of(quality.orphans, totals.spans)
            ));
        }
        doubts
    }

    /// What is in doubt because of what inputs do not say. Inputs with the same doubt share a sentence.
    fn doubts_of_inputs(&self) -> Vec<String> {
        let mut inputs_by_doubt: Vec<(&str, &str, u64)> = Vec::new();
        for input in &self.inputs {
            for doubt in &input.cautions {
                match inputs_by_doubt.iter_mut().find(|(known, _, _)| known == doubt) {
                    Some((_, _, inputs)) => *inputs += 1,
                    None => inputs_by_doubt.push((doubt, &input.path, 1)),
                }
            }
        }
        let in_words = |(doubt, path, inputs): (&str, &str, u64)| match inputs {
            1 => format!("{path} {doubt}"),
            _ => format!("{path}, as {} like it, {doubt}", units::counted(inputs - 1, "input")),
        };
        inputs_by_doubt.into_iter().map(in_words).collect()
    }

    /// What is in doubt because times cannot be.
    fn doubts_of_times(&self) -> Vec<String> {
        let Self { totals, quality, .. } = self;
        let mut doubts = Vec::new();
        if quality.before_1971 > 0 {
            doubts.push(format!(
                "{} of 1970 ({} of all): unless they are made up, their times are in another unit than they should be, or \
                 were never set",
                units::counted(quality.before_1971, "span"),
                units::share_of(quality.before_1971, totals.spans)
            ));
        }
        if quality.long_roots > 0 {
            doubts.push(format!(
                "{} more than 24 h: check the units of times, and that clocks were set",
                if quality.long_roots == 1 {
                    "1 root takes".to_owned()
                } else {
                    format!("{} roots take", units::count(quality.long_roots))
                }
            ));
        }
        if quality.in_future as f64 > MAX_FUTURE_SHARE * totals.spans as f64 {
            doubts.push(format!(
                "{} of all spans start after now: check the units and the time zone of times, and the clock of this machine",
                units::share_of(quality.in_future, totals.spans)
            ));
        }
        doubts
    }

    /// What was odd about the data, in words; what did not occur is left out.
    pub(in crate::report) fn oddities(&self) -> Vec<String> {
        let Self { totals, quality, .. } = self;
        let calls: u64 = totals.calls.values().sum();
        let plain = |count: u64, one: &str, many: &str| {
            (count > 0).then(|| format!("{} {}", units::count(count), if count == 1 { one } else { many }))
        };
        let with_share = |count: u64, whole: u64, one: &str, many: &str| {
            plain(count, one, many).map(|counted| format!("{counted} ({})", units::share_of(count, whole)))
        };
        let counts = [
            with_share(
                quality.orphans,
                totals.spans,
                "span whose parent is not in the input",
                "spans whose parent is not in the input",
            ),
            with_share(quality.missing_roots, totals.traces, "trace without root", "traces without root"),
            plain(quality.duplicates, "duplicate dropped", "duplicates dropped"),
            plain(quality.id_collisions, "span that shares another's id", "spans that share another's id"),
            plain(quality.shared_ids, "server span with its client's id", "server spans with their client's id"),
            plain(quality.cycles, "cycle of parents cut", "cycles of parents cut"),
            with_share(
                quality.inherited_services,
                totals.spans,
                "span without a service name, taken for one of the service above it",
                "spans without a service name, taken for spans of the service above them",
            ),
            with_share(
                quality.without_service.saturating_sub(quality.inherited_services),
                totals.spans,
                "span without a service name, and none above it",
                "spans without a service name, and none above them",
            ),
            with_share(
                quality.clamped,
                totals.spans,
                "span cut to its parent's time",
                "spans cut to their parent's time",
            ),
            plain(quality.end_before_start, "span that ends before it starts", "spans that end before they start"),
            plain(
                quality.inconsistent_sampling,
                "span with a sampling threshold by which it was not kept, left unused",
                "spans with a sampling threshold by which they were not kept, left unused",
            ),
            with_share(quality.without_kind, totals.spans, "span without kind", "spans without kind"),
            with_share(
                quality.without_target,
                calls,
                "call whose target is not named",
                "calls whose target is not named",
            ),
        ];
        let mut oddities: Vec<String> = counts.into_iter().flatten().collect();
        if quality.in_several_parts > 0 {
            oddities.push(format!(
                "{} cut in two by the parts of the input, and analysed piece by piece",
                units::counted(quality.in_several_parts, "trace")
            ));
        }
        oddities.extend(quality.beyond_cap.iter().map(|BeyondCapSummary { attribute, spans, kept }| {
            format!(
                "{} with {BEYOND_CAP} in place of {attribute}, which has more than {} values",
                units::counted(*spans, "span"),
                units::count(*kept)
            )
        }));
        oddities.extend(self.clock_skew());
        oddities.extend(self.sampling());
        oddities
    }

    /// What is known of how many spans each stands for.
    fn sampling(&self) -> Option<String> {
        let share = || units::share_of(self.quality.with_adjusted_count, self.totals.spans);
        match self.quality.with_adjusted_count {
            _ if self.totals.spans == 0 => None,
            0 if self.quality.inconsistent_sampling > 0 => None,
            0 => Some("no span says how it was sampled: counts are of recorded spans".to_owned()),
            _ if self.quality.is_weighted => Some(format!(
                "{} of all spans say how many they stand for because of sampling: weighted_traces counts those",
                share()
            )),
            _ => Some(format!(
                "only {} of all spans say how many they stand for because of sampling, so nothing is multiplied: counts \
                 are of recorded spans",
                share()
            )),
        }
    }

    /// The largest distance, and how many pairs of services there are.
    fn clock_skew(&self) -> Option<String> {
        let skew = &self.quality.clock_skew;
        let worst = skew.iter().reduce(|worst, pair| if pair.max_ns > worst.max_ns { pair } else { worst })?;
        let spans: u64 = skew.iter().map(|pair| pair.spans).sum();
        let (s, their) = if spans == 1 { ("s", "its call") } else { ("", "their calls") };
        Some(format!(
            "clock skew: {} of {} of services stick{s} out of {their}, by up to {} from {} to {}",
            units::counted(spans, "callee"),
            units::counted(skew.len() as u64, "pair"),
            units::duration(worst.max_ns),
            worst.caller,
            worst.callee
        ))
    }

    /// Calls by kind, the most frequent first.
    pub(in crate::report) fn calls_by_kind(&self) -> String {
        let mut kinds: Vec<(&String, u64)> = self.totals.calls.iter().map(|(kind, &count)| (kind, count)).collect();
        kinds.sort_by_key(|&(kind, count)| (std::cmp::Reverse(count), kind));
        let kinds: Vec<String> =
            kinds.into_iter().map(|(kind, count)| format!("{} {kind}", units::count(count))).collect();
        if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
    }

    /// From the first start to the last end.
    pub(in crate::report) fn time_range(&self) -> Option<String> {
        let (start, end) = (self.totals.first_start?, self.totals.last_end?);
        Some(format!(
            "{} to {} ({})",
            units::time_to_the_second(start),
            units::time_to_the_second(end),
            units::duration(i128::from(end) - i128::from(start))
        ))
    }
}

/// What was left out, to be put behind what was read.
fn left_out(skipped: &BTreeMap<String, u64>) -> String {
    if skipped.is_empty() {
        return String::new();
    }
    let reasons: Vec<String> = skipped
        .iter()
        .map(|(reason, &count)| format!("{} {}", units::count(count), reason.replace('_', " ")))
        .collect();
    format!("; left out: {}", reasons.join(", "))
}

impl FormatSummary {
    pub(in crate::report) fn in_words(&self, format: &str) -> String {
        let Self { inputs, bytes, spans, skipped } = self;
        let (inputs, spans) = (units::counted(*inputs, "input"), units::counted(*spans, "span"));
        format!("{format}: {inputs}, {}, {spans}{}", units::bytes(*bytes), left_out(skipped))
    }
}

impl InputSummary {
    /// Format, size, and what was left out, in words.
    pub(in crate::report) fn in_words(&self) -> String {
        let mut words =
            format!("{}, {}, {}", self.format, units::bytes(self.bytes), units::counted(self.spans, "span"));
        words.push_str(&left_out(&self.skipped));
        if !self.errors.is_empty() {
            words.push_str(&format!("; {}", units::counted(self.errors.len() as u64, "error")));
        }
        words
    }

    /// Whether all of it was read.
    pub(in crate::report) fn is_complete(&self) -> bool {
        self.skipped.is_empty() && self.errors.is_empty()
    }
}

/// The time that [`as_time`] wrote.
pub(in crate::report) fn from_time<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
    i64::try_from(time.as_nanosecond()).map(Some).map_err(D::Error::custom)
}

pub(in crate::report) fn as_time<S: Serializer>(time: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(ns) => serializer.serialize_str(&units::time(*ns)),
        None => serializer.serialize_none(),
    }
}
