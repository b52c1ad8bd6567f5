//! The JSON Schema of the configuration file, by which editors complete and check it.
//!
//! The types here say what the file may hold to editors; what is done with it says [`ConfigFile`](super::file::ConfigFile).
//! A test keeps both alike.

#![expect(dead_code, reason = "the fields are read by nobody but the schema that is made of them")]

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Value, json};

use crate::cli::{StdoutFormat, TableFormat};
use crate::detectors::{CatalogEntry, Threshold, ThresholdKind, catalog};
use crate::gates::GateWord;

/// Settings of tracescan.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "tracescan.toml")]
struct File {
    /// Run only these detectors.
    #[schemars(schema_with = "names_of_detectors")]
    detector: Option<()>,
    /// Leave these detectors out.
    #[schemars(schema_with = "names_of_detectors")]
    skip: Option<()>,
    /// Share of the parent's duration by which consecutive children may overlap; 0 for none.
    #[schemars(range(min = 0, max = 1))]
    overlap_tolerance: Option<f64>,
    /// Number of threads; 0 for all.
    threads: Option<u32>,
    /// Count heartbeats, health checks, pool and transaction plumbing as calls like any other.
    count_every_call: Option<bool>,
    /// Which calls are not counted, and what waits for messages.
    uncounted_calls: Option<UncountedCalls>,
    /// What goes to standard output.
    #[schemars(schema_with = "choice_of::<StdoutFormat>")]
    format: Option<()>,
    /// Format of the files in the output directory.
    #[schemars(schema_with = "choice_of::<TableFormat>")]
    table_format: Option<()>,
    /// Rows of each table to print.
    top: Option<u32>,
    /// Exit with 1 if a detector found something (any, or names), a pattern is new or worse than in the baseline, or a budget is
    /// not met.
    #[schemars(schema_with = "words_of_gates")]
    fail_on: Option<()>,
    /// Smallest impact of a finding that the gate looks at.
    #[schemars(schema_with = "duration")]
    min_impact: Option<()>,
    /// Smallest summed impact of a pattern that the gate looks at.
    #[schemars(schema_with = "duration")]
    min_total_impact: Option<()>,
    /// Fewest failed requests of a pattern that the gate looks at.
    min_failed_requests: Option<u64>,
    /// When patterns of two runs differ.
    compare: Option<Compare>,
    /// Patterns that are known: they stay in the tables with the status ignored, and trip no gate.
    #[schemars(default)]
    ignore: Vec<Ignore>,
    /// What requests may cost, by entry: service and operation with a space between.
    #[schemars(default)]
    budget: BTreeMap<String, EntryBudget>,
    /// Take an input without spans as a success.
    allow_empty: Option<bool>,
    /// How much time a request to an object store may lose by failures.
    #[schemars(schema_with = "duration")]
    retry_timeout: Option<()>,
    /// About how much memory to use, like 2GiB.
    #[schemars(schema_with = "size")]
    memory_limit: Option<()>,
    /// Where to put spans aside.
    temp_dir: Option<String>,
}

/// Words by which calls are told that detectors do not count.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct UncountedCalls {
    /// Database calls that only ask whether somebody is there.
    heartbeats: Option<Vec<String>>,
    /// Operations of health checks.
    health_checks: Option<Vec<String>>,
    /// Parts of operations of health checks.
    health_check_parts: Option<Vec<String>>,
    /// Plumbing of pools and connections.
    plumbing: Option<Vec<String>>,
    /// Whole names of spans that are plumbing.
    plumbing_spans: Option<Vec<String>>,
    /// Plumbing of SQL databases.
    sql_plumbing: Option<Vec<String>>,
    /// Systems that messages are polled from.
    brokers: Option<Vec<String>>,
    /// Methods that poll for messages.
    broker_polls: Option<Vec<String>>,
    /// Database operations that wait for something.
    database_polls: Option<Vec<String>>,
}

/// When patterns of two runs differ.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Compare {
    /// Fewest requests of an entry in the baseline for what it did not do to be told, and of a pattern in both runs for its impact
    /// to be compared.
    min_requests: Option<u64>,
    /// Smallest factor between two rates, or two impacts, that is told.
    #[schemars(range(min = 1))]
    min_ratio: Option<f64>,
    /// Probability that any pattern of two runs that do not differ is said to have changed its rate.
    #[schemars(range(min = 0, max = 1))]
    chance: Option<f64>,
}

/// A pattern that is known, by its id or by globs that all must match.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ignore {
    /// Id of the pattern.
    pattern: Option<String>,
    /// Glob over names of detectors.
    detector: Option<String>,
    /// Glob over services.
    service: Option<String>,
    /// Glob over operations.
    operation: Option<String>,
    /// Glob over targets.
    target: Option<String>,
    /// Why it is ignored.
    reason: String,
    /// Who knows about it.
    owner: Option<String>,
    /// The first day (UTC) on which it counts again.
    #[schemars(schema_with = "day")]
    expires: Option<()>,
    /// Its summed impact above which it counts again.
    #[schemars(schema_with = "duration")]
    max_impact: Option<()>,
}

/// What requests of an entry may cost at most.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct EntryBudget {
    /// Most calls in the trace of a request, without heartbeats and plumbing.
    max_calls: Option<u64>,
    /// Most such calls to databases.
    max_database_calls: Option<u64>,
    /// Most synchronous hops in a row.
    max_depth: Option<u64>,
    /// Largest 99th percentile of durations.
    #[schemars(schema_with = "duration")]
    max_p99: Option<()>,
    /// Largest share of requests that fail.
    #[schemars(range(min = 0, max = 1))]
    max_failed_share: Option<f64>,
}

/// The schema of the configuration file.
pub(crate) fn configuration_schema() -> Schema {
    // TOML has no null: what is not set is left out.
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings
        .with_transform(schemars::transform::RecursiveTransform(without_null))
        .into_generator()
        .into_root_schema_for::<File>();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for CatalogEntry { description, thresholds, .. } in catalog() {
            properties.insert(description.name.to_owned(), thresholds_schema(description.summary, &thresholds));
        }
    }
    schema
}

fn thresholds_schema(summary: &str, thresholds: &[Threshold]) -> Value {
    let of_threshold = |threshold: &Threshold| {
        let types = match threshold.kind {
            ThresholdKind::Count => json!({"type": ["integer", "string"], "minimum": 0, "maximum": u32::MAX}),
            ThresholdKind::Share => json!({"type": ["number", "string"], "minimum": 0, "maximum": 1}),
            ThresholdKind::Duration => json!({"type": "string"}),
            ThresholdKind::Bytes => json!({"type": ["integer", "string"], "minimum": 0}),
        };
        let Value::Object(mut schema) = types else { unreachable!("it is an object") };
        let told = format!("{} [default: {}]", threshold.doc, threshold.default);
        schema.insert("description".to_owned(), told.into());
        (threshold.name.to_owned(), Value::Object(schema))
    };
    let properties: serde_json::Map<String, Value> = thresholds.iter().map(of_threshold).collect();
    json!({"description": summary, "type": "object", "additionalProperties": false, "properties": properties})
}

fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(any)) = schema.get_mut("anyOf") {
        any.retain(|variant| variant.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = any.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            // What the key is for says more than what its table is.
            for (key, value) in only {
                if schema.get(&key).is_none() {
                    schema.insert(key, value);
                }
            }
        }
    }
}

fn list_of(words: Vec<String>) -> Schema {
    json_schema!({"type": "array", "items": {"enum": words}})
}

fn names(is_meant: impl Fn(&CatalogEntry) -> bool) -> impl Iterator<Item = String> {
    catalog().into_iter().filter(move |entry| is_meant(entry)).map(|entry| entry.description.name.to_owned())
}

fn names_of_detectors(_: &mut schemars::SchemaGenerator) -> Schema {
    list_of(names(|_| true).collect())
}

fn words_of_gates(_: &mut schemars::SchemaGenerator) -> Schema {
    let words = GateWord::WORDS.into_iter().map(str::to_owned);
    list_of(words.chain(names(|entry| entry.description.has_findings)).collect())
}

fn choice_of<T: clap::ValueEnum>(_: &mut schemars::SchemaGenerator) -> Schema {
    let named = |variant: &T| variant.to_possible_value().map(|value| value.get_name().to_owned());
    let words: Vec<String> = T::value_variants().iter().filter_map(named).collect();
    json_schema!({"enum": words})
}

fn duration(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "examples": ["1ms", "2.5s", "3min"]})
}

fn size(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "examples": ["512MiB", "2GiB"]})
}

fn day(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date", "examples": ["2026-03-01"]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::known_keys;

    /// The schema knows the keys that are read, and no others.
    #[test]
    fn the_schema_and_the_reader_know_the_same_keys() {
        let schema = configuration_schema();
        let keys = |schema: &Value| -> Vec<String> {
            let mut keys: Vec<String> =
                schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
            keys.sort();
            keys
        };
        let of_table = |table: &str| {
            let root = schema.as_value();
            match table {
                "" => keys(root),
                "ignore" => keys(&root["properties"]["ignore"]["items"]),
                "budget.\"x\"" => keys(&root["properties"]["budget"]["additionalProperties"]),
                table => keys(&root["properties"][table]),
            }
        };
        let detectors = names(|_| true);
        for table in
            ["", "uncounted_calls", "compare", "ignore", "budget.\"x\""].map(str::to_owned).into_iter().chain(detectors)
        {
            let mut known = known_keys(&table);
            known.sort();
            assert_eq!(of_table(&table), known, "[{table}]");
        }
    }
}
