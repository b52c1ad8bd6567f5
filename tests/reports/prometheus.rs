//! Prometheus' text is what the textfile collector takes: one group of lines for each gauge, no series twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::inputs;
use crate::report;

/// A sample's labels.
type Labels = BTreeMap<String, String>;

/// Gauges and their samples. Whatever the collector would refuse is a panic.
fn parsed(text: &str) -> BTreeMap<String, Vec<(Labels, f64)>> {
    let mut gauges: BTreeMap<String, Vec<(Labels, f64)>> = BTreeMap::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    assert!(text.ends_with('\n') && !text.contains(['\r', '\0', '\u{2028}']));
    for line in text.split_terminator('\n') {
        if let Some(help) = line.strip_prefix("# HELP ") {
            current = help.split(' ').next().unwrap().to_owned();
            assert!(gauges.insert(current.clone(), Vec::new()).is_none(), "{current} twice");
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            assert_eq!(kind, format!("{current} gauge"));
            continue;
        }
        if line.starts_with("# ") {
            continue;
        }
        let name_end = line.find(['{', ' ']).unwrap();
        let (name, rest) = line.split_at(name_end);
        assert_eq!(name, current, "a sample outside of its group");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
        let (labels, value) = rest.strip_prefix('{').map_or_else(|| (Labels::new(), rest), labels);
        let value = value.strip_prefix(' ').unwrap();
        assert!(!value.contains(' '), "a timestamp: {line}");
        assert!(seen.insert((name.to_owned(), labels.clone())), "twice: {line}");
        gauges.get_mut(name).unwrap().push((labels, value.parse().unwrap()));
    }
    gauges
}

/// The labels before `}`, and what comes after it.
fn labels(text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().expect("a label ends") {
                (_, '\\') => value.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    other => panic!("\\{other} is no escape"),
                }),
                (end, '"') => break end,
                (_, character) => value.push(character),
            }
        };
        labels.insert(name.to_owned(), value);
        rest = &after[end + 1..];
        match rest.as_bytes()[0] {
            b',' => rest = &rest[1..],
            b'}' => return (labels, &rest[1..]),
            other => panic!("{} after a label", char::from(other)),
        }
    }
}

fn one(gauges: &BTreeMap<String, Vec<(Labels, f64)>>, name: &str) -> f64 {
    let samples = &gauges[name];
    assert_eq!(samples.len(), 1, "{name}");
    samples[0].1
}

#[test]
fn it_is_what_the_collector_takes() {
    for input in inputs::all() {
        let text = report(&input.path, ".prom", &[]);
        let gauges = parsed(&text);
        for name in ["saving_seconds", "saving_share", "requests", "failed_requests", "wasted_seconds"] {
            let samples = &gauges[&format!("tracescan_problem_{name}")];
            assert!(samples.len() <= 50, "{name}");
            for (labels, _) in samples {
                let names: Vec<&str> = labels.keys().map(String::as_str).collect();
                assert_eq!(names, ["detector", "operation", "pattern_id", "service", "status", "target"]);
            }
        }
        for name in ["entry_duration_seconds", "entry_requests", "entry_failed_requests"] {
            assert!(gauges.contains_key(&format!("tracescan_{name}")), "{name}");
        }
        assert_eq!(one(&gauges, "tracescan_input_complete"), 1.0);
        assert_eq!(one(&gauges, "tracescan_gate_failed"), 0.0);
        assert!(one(&gauges, "tracescan_last_run_timestamp_seconds") > 1.7e9);
        let problems = &gauges["tracescan_problems"];
        match input.name {
            "incident" => {
                assert_eq!(one(&gauges, "tracescan_requests"), 211.0);
                assert_eq!(one(&gauges, "tracescan_failed_requests"), 7.0);
                assert_eq!(one(&gauges, "tracescan_spans"), 6001.0);
                assert_eq!(one(&gauges, "tracescan_traces"), 211.0);
                let first = &gauges["tracescan_problem_saving_seconds"][0];
                assert_eq!((first.0["detector"].as_str(), first.0["service"].as_str()), ("retry-storm", "checkout"));
                assert!((2.7..2.9).contains(&first.1), "{}", first.1);
            }
            "quiet" => {
                // A detector that is on and finds nothing can be told from one that is off.
                assert!(problems.iter().all(|(labels, value)| *value == 0.0 && labels["status"].is_empty()));
                assert!(problems.iter().any(|(labels, _)| labels["detector"] == "n-plus-one"));
                assert!(problems.iter().all(|(labels, _)| labels["detector"] != "latency-attribution"));
            }
            "many" => {
                assert!(text.contains(" problems beyond the first 50 left out") && text.contains(" more entries "));
                assert!(problems.iter().map(|(_, count)| count).sum::<f64>() >= inputs::MANY as f64);
            }
            _ => assert!(problems.iter().map(|(_, count)| count).sum::<f64>() >= 8.0),
        }
    }
}

/// A gate that fails, and what is left out of the analysis, can be alerted on.
#[test]
fn it_tells_of_the_gate() {
    let text = report(&inputs::incident().path, ".prom", &["--fail-on", "any", "--skip", "n-plus-one"]);
    let gauges = parsed(&text);
    assert_eq!(one(&gauges, "tracescan_gate_failed"), 1.0);
    assert!(gauges["tracescan_problems"].iter().all(|(labels, _)| labels["detector"] != "n-plus-one"));
}
