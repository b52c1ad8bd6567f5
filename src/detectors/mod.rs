//! The detectors: one file each, which states the rule, its reasons, its thresholds and the columns of its table.
//!
//! A new one takes its file, its line in the folder's `mod.rs`, and its line in the catalog below: `explain`, `--help`,
//! options, configuration keys, tables, findings, partial results and `trace` follow. What detectors are made of is in `kit`;
//! what several need of one trace is in [`trace`](crate::trace), what several need of all traces in `gathered`.

mod architecture;
mod data;
pub(crate) mod kit;
mod latency;
mod messaging;
mod monitoring;
mod resilience;

pub(crate) use kit::{
    BesideTable, CallRound, Concluded, Conclusions, Detector, EXPLAINED_BY, Heading, Level, NamedValues, Pattern,
    PatternColumn, RowColumn, RowRule, Rule, TableRules, WhileRead, Whole, duration_text, list_text, size_text,
};
pub use kit::{
    CatalogEntry, Cell, Column, Currency, Description, NotSet, ProblemText, RankedBy, TableRow, Threshold,
    ThresholdKind, Unit,
};
pub(crate) use latency::latency_attribution::{Attribution, AttributionRow, EntryTimes, LatencyAttribution};
pub(crate) use monitoring::sensitive_data::SensitiveData;

kit::catalog! {
    /// More calls to one target in a trace than one request should need.
    n_plus_one: latency::n_plus_one::NPlusOne,
    /// More synchronous hops in a row than one request should wait for.
    sync_chain: latency::sync_chain::SyncChain,
    /// Calls one after the other that need not be.
    serial_fan_out: latency::serial_fan_out::SerialFanOut,
    /// More attempts of one request than one failure deserves.
    retry_storm: resilience::retry_storm::RetryStorm,
    /// One failure that makes several services fail.
    failure_amplification: resilience::failure_amplification::FailureAmplification,
    /// Where failures come from.
    failure_origins: resilience::failure_origins::FailureOrigins,
    /// Operations that fail whenever one target does.
    hard_dependency: resilience::hard_dependency::HardDependency,
    /// Timeouts that are missing or too long, and work that goes on for nobody.
    timeouts: resilience::timeouts::Timeouts,
    /// Calls that a circuit breaker would have saved.
    circuit_breaker: resilience::circuit_breaker::CircuitBreaker,
    /// Calls that are told to slow down.
    throttling: resilience::throttling::Throttling,
    /// Limits that make calls wait.
    saturation: resilience::saturation::Saturation,
    /// Services that use one database.
    shared_database: data::shared_database::SharedDatabase,
    /// Writes and messages that do not belong to one transaction.
    dual_write: data::dual_write::DualWrite,
    /// Steps that stay done though a later one failed.
    uncompensated_saga: data::uncompensated_saga::UncompensatedSaga,
    /// Services that are one deployment.
    distributed_monolith: architecture::distributed_monolith::DistributedMonolith,
    /// Services that do too much, or too little.
    ill_sized_service: architecture::ill_sized_service::IllSizedService,
    /// Services that clients reach without a gateway.
    no_gateway: architecture::no_gateway::NoGateway,
    /// Messages that are processed out of order.
    message_disorder: messaging::message_disorder::MessageDisorder,
    /// Messages that are processed again, and write again.
    duplicate_message: messaging::duplicate_message::DuplicateMessage,
    /// Messages that cannot be processed.
    dead_letter: messaging::dead_letter::DeadLetter,
    /// Messages that wait longer and longer.
    consumer_lag: messaging::consumer_lag::ConsumerLag,
    /// Bodies that should be references.
    large_payload: messaging::large_payload::LargePayload,
    /// Secrets and personal data in spans.
    sensitive_data: monitoring::sensitive_data::SensitiveData,
    /// What traces cannot show.
    trace_quality: monitoring::trace_quality::TraceQuality,
    /// Where the time goes.
    latency_attribution: latency::latency_attribution::LatencyAttribution,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn is_unique<T: Ord>(values: impl IntoIterator<Item = T>) -> bool {
        let mut known = BTreeSet::new();
        values.into_iter().all(|value| known.insert(value))
    }

    /// Every detector can be named, explained and configured, and its table is what its description says.
    #[test]
    fn the_catalog_is_complete() {
        assert!(is_unique(catalog().iter().map(|entry| entry.description.name)));
        assert!(is_unique(catalog().iter().map(|entry| entry.description.table)));
        for CatalogEntry { description, thresholds, columns } in catalog() {
            let name = description.name;
            assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert_eq!(description.table, name.replace('-', "_"));
            assert!(!description.summary.is_empty() && !description.summary.ends_with('.'), "{name}");
            for part in ["## What it does", "## What it looks like", "## When it is wrong", "## References"] {
                assert!(description.documentation.contains(part), "{name} has no part {part}");
            }
            assert!(is_unique(columns.iter().map(|column| column.name)), "{name}");
            assert!(is_unique(thresholds.iter().map(|threshold| threshold.name)), "{name}");
            let has = |wanted: &str| columns.iter().any(|column| column.name == wanted);
            for column in description.terminal_columns {
                assert!(has(column), "{name} shows a column {column}, which its table does not have");
            }
            assert!(!description.ranked_by.is_empty(), "{name} ranks by nothing");
            for rule in description.ranked_by {
                assert!(has(rule.column()), "{name} ranks by {}, which its table does not have", rule.column());
            }
            for column in ["rank", "traces", "weighted_traces", "example_trace_id"] {
                assert!(has(column), "{name} has no column {column}");
            }
            assert!(columns.iter().all(|column| !column.doc.trim().is_empty()), "{name}");
            assert!(thresholds.iter().all(|threshold| !threshold.doc.trim().is_empty()), "{name}");
        }
    }

    /// The name on the command line is the key of the configuration, and every threshold can be set by what it prints.
    #[test]
    fn thresholds_can_be_configured() {
        let settings = toml::Table::try_from(Detectors::default()).unwrap();
        let mut detectors = Detectors::default();
        for (CatalogEntry { description, thresholds, .. }, values) in
            catalog().iter().zip(Detectors::default().thresholds())
        {
            let of_detector = settings[description.name].as_table().unwrap();
            assert_eq!(of_detector.len(), thresholds.len(), "{}", description.name);
            for (threshold, (name, value)) in thresholds.iter().zip(values) {
                assert_eq!((threshold.name, &threshold.default), (name, &value));
                assert!(of_detector.contains_key(threshold.name), "{}", threshold.name);
                detectors.set(description.name, name, &value).unwrap();
            }
        }
        assert_eq!(detectors, Detectors::default());
        assert_eq!(detectors.set("n-plus-two", "max_calls", "1"), Err(NotSet::UnknownDetector));
        assert_eq!(detectors.set("n-plus-one", "max_hops", "1"), Err(NotSet::UnknownThreshold));
    }

    /// What the rules of architecture, data, messaging and monitoring leave open has these names, which configurations hold.
    #[test]
    fn names_of_thresholds_stay() {
        let mut known = BTreeSet::new();
        for CatalogEntry { description, thresholds, .. } in catalog() {
            for Threshold { name, default, .. } in thresholds {
                known.insert(format!("{}.{name} {default}", description.name));
            }
        }
        for named in [
            "dual-write.min_entries 5",
            "dual-write.min_share 0.5",
            "distributed-monolith.deploy_window 600s",
            "ill-sized-service.min_capabilities 8",
            "ill-sized-service.max_work 5ms",
            "no-gateway.min_entries 10",
            "no-gateway.min_services 3",
            "message-disorder.min_gap 10ms",
            "message-disorder.min_gap_across 1s",
            "message-disorder.min_late 3",
            "dead-letter.min_failures 3",
            "consumer-lag.min_messages 20",
            "consumer-lag.max_lag 30s",
            "large-payload.max_message_bytes 256KiB",
            "large-payload.max_body_bytes 1MiB",
            "sensitive-data.min_values 3",
            "sensitive-data.sample_traces 20000",
            "trace-quality.min_spans 5",
            "trace-quality.max_names 100",
        ] {
            assert!(known.contains(named), "{named}");
        }
        let lists = [
            "shared-database.reporting_words",
            "dual-write.notice_words",
            "uncompensated-saga.writing_words",
            "uncompensated-saga.undoing_words",
            "uncompensated-saga.never_undone_words",
            "no-gateway.private_labels",
            "consumer-lag.delay_words",
            "large-payload.file_words",
            "sensitive-data.credential_keys",
            "sensitive-data.url_parameters",
            "sensitive-data.json_fields",
            "sensitive-data.arguments",
            "sensitive-data.masked_words",
        ];
        for list in lists {
            assert!(known.iter().any(|known| known.split(' ').next() == Some(list)), "{list}");
        }
    }

    /// Every detector shows on fixtures where it fires and where it stays silent.
    #[test]
    fn every_detector_has_fixtures() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/detectors");
        for CatalogEntry { description, .. } in catalog().iter().filter(|entry| entry.description.has_findings) {
            for kind in ["fires", "silent"] {
                let folder = folder.join(description.table).join(kind);
                let files = std::fs::read_dir(&folder).map_or(0, Iterator::count);
                assert!(files > 0, "{} has no fixture", folder.display());
            }
        }
    }
}
