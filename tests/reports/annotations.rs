//! GitHub's workflow commands and GitLab's code quality: names of traces are told, and command nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::inputs::{self, MANY};
use crate::{assert_valid, report};

#[test]
fn github_gets_ten_of_each_kind() {
    for input in inputs::all() {
        let text = report(&input.path, ".github", &[]);
        let mut counts = [0; 3];
        assert!(!text.contains("##["), "{text}");
        for line in text.lines() {
            let Some(command) = line.strip_prefix("::") else {
                assert!(line.starts_with("tracescan: ") && !line.contains("::"), "{line}");
                continue;
            };
            let (kind, rest) = command.split_once(" title=tracescan ").unwrap();
            let place = ["error", "warning", "notice"].iter().position(|known| *known == kind).unwrap();
            counts[place] += 1;
            let (title, message) = rest.split_once("::").unwrap();
            assert!(title.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{title}");
            assert!(!message.is_empty() && !message.chars().any(char::is_control), "{message}");
            // A percent sign of a name must not be taken for an escape.
            assert!(
                message.split('%').skip(1).all(|after| ["25", "0A", "0D"].iter().any(|known| after.starts_with(known)))
            );
            assert!(message.chars().count() < 600, "{message}");
        }
        assert!(counts.iter().all(|&count| count <= 10), "{counts:?}");
        match input.name {
            "quiet" => {
                assert_eq!(counts, [0; 3]);
                assert!(text.starts_with("tracescan: no problem found in "), "{text}");
            }
            "many" => {
                assert_eq!(counts[0], 10);
                assert!(text.contains(&format!("left out: {} errors", thousands(MANY - 10))), "{text}");
            }
            "hostile" => assert!(counts[0] > 5),
            "real" => assert_eq!(counts, [7, 2, 3]),
            _ => assert!(counts[0] > 0 && counts[1] == 10 && text.contains("left out: "), "{text}"),
        }
    }
}

fn thousands(number: usize) -> String {
    format!("{},{:03}", number / 1_000, number % 1_000)
}

/// What trips the gate is an error, whatever else there is.
#[test]
fn github_is_told_why_the_run_fails() {
    let text = report(&inputs::incident().path, ".github", &["--fail-on", "sync-chain"]);
    assert!(text.contains("::error title=tracescan sync-chain::"), "{text}");
    assert!(text.contains("\ntracescan: failed: "), "{text}");
}

#[test]
fn code_quality_is_what_gitlab_takes() {
    for input in inputs::all() {
        let document: Value = serde_json::from_str(&report(&input.path, ".codequality.json", &[])).unwrap();
        assert_valid("gitlab-code-quality.json", &document);
        let issues = document.as_array().unwrap();
        let fingerprints: BTreeSet<&str> = issues.iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
        assert_eq!(fingerprints.len(), issues.len());
        match input.name {
            "quiet" => assert!(issues.is_empty()),
            "many" => {
                assert_eq!(issues.len(), 5_001);
                let last = issues[5_000]["description"].as_str().unwrap();
                assert!(last.starts_with(&format!("{} patterns beyond the first 5000", MANY - 5_000)), "{last}");
            }
            _ => assert!(issues.iter().any(|issue| issue["severity"] == "critical")),
        }
    }
    let gated = report(&inputs::incident().path, ".codequality.json", &["--fail-on", "sync-chain"]);
    let gated: Value = serde_json::from_str(&gated).unwrap();
    let is_blocker = |issue: &&Value| issue["severity"] == "blocker";
    let blockers: Vec<&Value> = gated.as_array().unwrap().iter().filter(is_blocker).collect();
    assert!(!blockers.is_empty() && blockers.iter().all(|issue| issue["check_name"] == "sync-chain"));
}

/// Where spans say which code made them, annotations stand there: at the span that failed, or at the one above it of the same
/// service.
#[test]
fn annotations_stand_at_the_code() {
    let input = inputs::with_code();
    let at = |path: &str, line: u64| (path.to_owned(), line);
    let sarif: Value = serde_json::from_str(&report(&input.path, ".sarif", &[])).unwrap();
    let places: BTreeSet<(String, u64)> = sarif["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            let path = place["artifactLocation"]["uri"].as_str().unwrap();
            at(path, place["region"]["startLine"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(places, BTreeSet::from([at("app/cart%20service.py", 17), at("tracescan.toml", 1)]));
    let quality: Value = serde_json::from_str(&report(&input.path, ".codequality.json", &[])).unwrap();
    let location = |issue: &Value| {
        let location = &issue["location"];
        at(location["path"].as_str().unwrap(), location["lines"]["begin"].as_u64().unwrap())
    };
    let places: BTreeSet<(String, u64)> = quality.as_array().unwrap().iter().map(location).collect();
    assert_eq!(places, BTreeSet::from([at("app/cart service.py", 17), at("tracescan.toml", 1)]));
    let github = report(&input.path, ".github", &[]);
    assert!(github.contains("file=app/cart service.py,line=17,title="), "{github}");
}
