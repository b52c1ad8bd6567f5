//! The JSON Schema of the configuration file, by which editors complete and check it.
//!
//! The types here say what the file may hold to editors; what is done with it says [`ConfigFile`](super::file::ConfigFile).
//! A test keeps both alike.

#![expect(dead_code, reason = "the fields are read by nobody but the schema that is made of them")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use clap::ValueEnum;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::cli::{StdoutFormat, TableFormat};
use crate::conventions::{NameLists, THE_OTHERS};
use crate::detectors::{CatalogEntry, Threshold, ThresholdKind, catalog};
use crate::gates::GateWord;

/// Settings of tracescan.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "tracescan.toml")]
struct File {
    /// Run only these detectors.
    detector: Option<Detectors>,
    /// Leave these detectors out.
    skip: Option<Detectors>,
    /// Share of the parent's duration by which consecutive children may overlap; 0 for none.
    #[schemars(range(min = 0, max = 1))]
    overlap_tolerance: Option<f64>,
    /// Number of threads; 0 for all.
    threads: Option<u32>,
    /// Count heartbeats, health checks, pool and transaction plumbing as calls like any other.
    count_every_call: Option<bool>,
    /// Which calls are not counted, and what waits for messages. In its lists "..." stands for the usual entries.
    uncounted_calls: Option<UncountedCalls>,
    /// What goes to standard output.
    format: Option<Choice<StdoutFormat>>,
    /// Format of the files in the output directory.
    table_format: Option<Choice<TableFormat>>,
    /// Rows of each table to print.
    top: Option<u32>,
    /// Exit with 1 if a detector found something (any, or names), a pattern is new or worse than in the baseline, or a budget is
    /// not met.
    fail_on: Option<GateWords>,
    /// Smallest impact of a finding that the gate looks at.
    min_impact: Option<Duration>,
    /// Smallest summed impact of a pattern that the gate looks at.
    min_total_impact: Option<Duration>,
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
    retry_timeout: Option<Duration>,
    /// About how much memory to use, like 2GiB.
    memory_limit: Option<Size>,
    /// Where to put spans aside.
    temp_dir: Option<String>,
    /// Where a trace can be looked at: https://jaeger.example/trace/{trace_id}, or jaeger:BASE and others.
    trace_url: Option<String>,
    /// Files for reports, whose extensions say of which kind.
    #[schemars(default)]
    report: Vec<String>,
    /// Largest size of an HTML report, like 2MB.
    report_size: Option<Size>,
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
    /// Probability that any pattern of two runs that do not differ is said to have changed its rate in all requests of its entries, and as
    /// much again that any has in those of one of several.
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
    expires: Option<Day>,
    /// Its summed impact above which it counts again.
    max_impact: Option<Duration>,
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
    max_p99: Option<Duration>,
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
        properties.insert("names".to_owned(), names_schema());
        for CatalogEntry { description, thresholds, .. } in catalog() {
            properties.insert(description.name.to_owned(), thresholds_schema(description.summary, &thresholds));
        }
    }
    schema
}

fn names_schema() -> Value {
    let lists: serde_json::Map<String, Value> = NameLists::DESCRIBED
        .iter()
        .map(|&(name, meaning, form)| {
            let mut list = list_schema();
            list["description"] = format!("{}: {}", meaning.trim(), form.told()).into();
            (name.to_owned(), list)
        })
        .collect();
    let told = "What names of services, tables and databases mean, for all detectors.";
    json!({"description": told, "type": "object", "additionalProperties": false, "properties": lists})
}

fn list_schema() -> Value {
    json!({"type": "array", "items": {"type": "string", "minLength": 1}, "examples": [[THE_OTHERS, "one-more"]]})
}

fn thresholds_schema(summary: &str, thresholds: &[Threshold]) -> Value {
    let of_threshold = |threshold: &Threshold| {
        let types = match threshold.kind {
            ThresholdKind::Count => json!({"type": ["integer", "string"], "minimum": 0, "maximum": u32::MAX}),
            ThresholdKind::Share => json!({"type": ["number", "string"], "minimum": 0, "maximum": 1}),
            ThresholdKind::Duration => json!({"type": "string"}),
            ThresholdKind::Bytes => json!({"type": ["integer", "string"], "minimum": 0}),
            ThresholdKind::Words | ThresholdKind::Names => list_schema(),
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

fn names(is_meant: impl Fn(&CatalogEntry) -> bool) -> impl Iterator<Item = String> {
    catalog().into_iter().filter(move |entry| is_meant(entry)).map(|entry| entry.description.name.to_owned())
}

/// Declares a type of values by how they are written.
macro_rules! written {
    ($($(#[$doc:meta])* $name:ident$(<$of:ident: $bound:path>)? => $schema:expr;)+) => {$(
        $(#[$doc])*
        struct $name$(<$of>(std::marker::PhantomData<$of>))?;

        impl$(<$of: $bound>)? JsonSchema for $name$(<$of>)? {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+};
}

written! {
    /// Names of detectors.
    Detectors => json_schema!({"type": "array", "items": {"enum": names(|_| true).collect::<Vec<_>>()}});
    /// What a gate looks at.
    GateWords => {
        let words = GateWord::WORDS.into_iter().map(str::to_owned);
        let words: Vec<String> = words.chain(names(|entry| entry.description.has_findings)).collect();
        json_schema!({"type": "array", "items": {"enum": words}})
    };
    /// One of the words of a type.
    Choice<T: ValueEnum> => {
        let named = |variant: &T| variant.to_possible_value().map(|value| value.get_name().to_owned());
        let words: Vec<String> = T::value_variants().iter().filter_map(named).collect();
        json_schema!({"enum": words})
    };
    /// A duration.
    Duration => json_schema!({"type": "string", "examples": ["1ms", "2.5s", "3min"]});
    /// A size of memory.
    Size => json_schema!({"type": "string", "examples": ["512MiB", "2GiB"]});
    /// A day.
    Day => json_schema!({"type": "string", "format": "date", "examples": ["2026-03-01"]});
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
        for table in ["", "uncounted_calls", "names", "compare", "ignore", "budget.\"x\""]
            .map(str::to_owned)
            .into_iter()
            .chain(detectors)
        {
            let mut known = known_keys(&table);
            known.sort();
            assert_eq!(of_table(&table), known, "[{table}]");
        }
    }

    /// What a value breaks of a schema, of the words that this one has.
    fn broken(schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let is = |name: &Value| match name.as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            other => panic!("no type is called {other:?}"),
        };
        let mut broken_here = Vec::new();
        let types = schema.get("type").map(|types| types.as_array().cloned().unwrap_or_else(|| vec![types.clone()]));
        if types.is_some_and(|types| !types.iter().any(is)) {
            broken_here.push(format!("{at}: type"));
        }
        if schema.get("enum").is_some_and(|words| !words.as_array().unwrap().contains(value)) {
            broken_here.push(format!("{at}: enum"));
        }
        let limit = |name: &str| schema.get(name).and_then(Value::as_f64).zip(value.as_f64());
        let is_outside = limit("minimum").is_some_and(|(least, value)| value < least)
            || limit("maximum").is_some_and(|(most, value)| value > most);
        if is_outside {
            broken_here.push(format!("{at}: range"));
        }
        let required = schema.get("required").and_then(Value::as_array);
        for key in required.into_iter().flatten().filter(|key| value.get(key.as_str().unwrap()).is_none()) {
            broken_here.push(format!("{at}: {key} is missing"));
        }
        for (key, inner) in value.as_object().into_iter().flatten() {
            let of_key = schema["properties"].get(key).or_else(|| schema.get("additionalProperties"));
            match of_key {
                Some(Value::Bool(false)) | None => broken_here.push(format!("{at}: {key} is unknown")),
                Some(schema) => broken_here.extend(broken(schema, inner, &format!("{at}.{key}"))),
            }
        }
        let items = value.as_array().into_iter().flatten().enumerate();
        broken_here.extend(items.flat_map(|(index, item)| broken(&schema["items"], item, &format!("{at}[{index}]"))));
        broken_here
    }

    fn broken_by(text: &str) -> Vec<String> {
        let value: toml::Table = toml::from_str(text).unwrap();
        // An editor sees a day as the text that it is.
        let mut value = serde_json::to_value(value).unwrap();
        for rule in value.get_mut("ignore").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(day) = rule.get_mut("expires").filter(|day| day.is_object()) {
                *day = Value::String(day["$__toml_private_datetime"].as_str().unwrap().to_owned());
            }
        }
        broken(configuration_schema().as_value(), &value, "")
    }

    /// The sample means something to the program, and the schema lets it pass; it refuses what the program refuses.
    #[test]
    fn the_sample_fits_the_schema() {
        let sample = include_str!("../../samples/nightly/tracescan.toml");
        assert_eq!(broken_by(sample), Vec::<String>::new());
        crate::config::file::parsed(sample).unwrap();
        for (wrong, told) in [
            ("thread = 1", ": thread is unknown"),
            ("top = \"many\"", ".top: type"),
            ("top = -1", ".top: range"),
            ("format = \"tabel\"", ".format: enum"),
            ("fail_on = [\"latency-attribution\"]", ".fail_on[0]: enum"),
            ("[[ignore]]\nservice = \"x\"", ".ignore[0]: \"reason\" is missing"),
            ("[budget.x]\nmax_failed_share = 2", ".budget.x.max_failed_share: range"),
            ("[n-plus-one]\nmax_call = 2", ".n-plus-one: max_call is unknown"),
            ("[names]\nrole_word = []", ".names: role_word is unknown"),
            ("[names]\nrole_words = \"tier\"", ".names.role_words: type"),
            ("[shared-database]\nreporting_words = [3]", ".shared-database.reporting_words[0]: type"),
        ] {
            assert_eq!(broken_by(wrong), [told], "{wrong}");
            assert!(crate::config::file::parsed(wrong).is_err(), "{wrong}");
        }
    }
}
