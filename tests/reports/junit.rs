//! JUnit's XML is what Jenkins' schema says, and its cases fail as the gate does.

use std::fs;
use std::path::Path;

use quick_junit::{Report, TestCaseStatus};

use crate::inputs::{self, MANY};
use crate::{read_by, report};

fn parsed(text: &str) -> Report {
    Report::deserialize_from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn failed(report: &Report, suite: &str) -> usize {
    let suite = report.test_suites.iter().find(|known| known.name.as_str() == suite);
    let cases = suite.into_iter().flat_map(|suite| &suite.test_cases);
    cases.filter(|case| matches!(case.status, TestCaseStatus::NonSuccess { .. })).count()
}

#[test]
fn it_is_valid_whatever_the_input() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports/schemas/junit-10.xsd");
    for input in inputs::all() {
        let text = report(&input.path, ".xml", &[]);
        let document = parsed(&text);
        assert!(document.test_suites.iter().all(|suite| !suite.test_cases.is_empty()) || input.name == "many");
        if let Some(linted) =
            read_by("xmllint", &["--noout", "--huge", "--schema", schema.to_str().unwrap()], &text, ".xml")
        {
            assert!(linted.status.success(), "{}: {}", input.name, String::from_utf8_lossy(&linted.stderr));
        }
        let failures: usize = document.test_suites.iter().map(|suite| suite.failures).sum();
        match input.name {
            "quiet" => assert_eq!(failures, 0),
            "many" => {
                let name = format!("{} patterns beyond the first 5000: table problems has them", MANY - 5_000);
                let suite = document.test_suites.last().unwrap();
                assert_eq!(suite.test_cases[0].name.as_str(), name);
            }
            // A risk is none.
            "real" => assert_eq!(failures, 8),
            _ => assert!(failures > 10, "{}: {failures}", input.name),
        }
    }
}

/// With a gate, what does not trip it is no failure; without one, what another pattern explains is none.
#[test]
fn cases_fail_as_the_gate_does() {
    let incident = inputs::incident();
    let gated = parsed(&report(&incident.path, ".xml", &["--fail-on", "sync-chain"]));
    assert!(failed(&gated, "sync-chain") > 0);
    assert_eq!((failed(&gated, "n-plus-one"), failed(&gated, "retry-storm")), (0, 0));
    let open = parsed(&report(&incident.path, ".xml", &[]));
    assert!(failed(&open, "n-plus-one") > 0 && failed(&open, "retry-storm") > 0);
}

/// Budgets are cases: met, not met, or not looked at.
#[test]
fn budgets_are_cases() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tracescan.toml");
    let of = |entry: &str, most: u32| format!("[budget.\"{entry}\"]\nmax_calls = {most}\n");
    let budgets = [of("web POST /checkout", 1), of("web GET /nowhere", 1), of("web GET /", 100_000)].concat();
    fs::write(&config, budgets).unwrap();
    let arguments = ["--fail-on", "budget", "--config", config.to_str().unwrap()];
    let document = parsed(&report(&inputs::incident().path, ".xml", &arguments));
    let suite = document.test_suites.iter().find(|suite| suite.name.as_str() == "budgets").unwrap();
    let told: Vec<(&str, &str)> = suite
        .test_cases
        .iter()
        .map(|case| {
            let status = match case.status {
                TestCaseStatus::Success { .. } => "met",
                TestCaseStatus::NonSuccess { .. } => "not met",
                TestCaseStatus::Skipped { .. } => "not looked at",
            };
            (case.name.as_str(), status)
        })
        .collect();
    assert!(told.contains(&("web POST /checkout max_calls", "not met")), "{told:?}");
    assert!(told.contains(&("web GET / max_calls", "met")), "{told:?}");
    assert!(told.contains(&("web GET /nowhere max_calls", "not looked at")), "{told:?}");
}
