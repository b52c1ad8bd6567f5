//! Flame graphs and the service graph are read by who draws them, and their times are those of the run.

use serde_json::Value;

use crate::inputs;
use crate::{assert_valid, read_by, report};

/// The lines of folded stacks, as flamegraph.pl takes them apart.
fn folded(text: &str) -> Vec<(Vec<&str>, i64)> {
    text.lines()
        .map(|line| {
            let (stack, time) = line.rsplit_once(' ').unwrap();
            (stack.split(';').collect(), time.parse().unwrap())
        })
        .collect()
}

#[test]
fn flame_graphs_hold_all_time() {
    for input in inputs::all() {
        let text = report(&input.path, ".folded", &[]);
        let stacks = folded(&text);
        assert!(!stacks.is_empty());
        assert!(stacks.iter().all(|(stack, time)| *time > 0 && !stack.is_empty()), "{}", input.name);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n') && !text.contains(['\u{2028}', '\u{202e}']));
        let total: i64 = stacks.iter().map(|(_, time)| time).sum();

        let profile: Value = serde_json::from_str(&report(&input.path, ".speedscope.json", &[])).unwrap();
        assert_valid("speedscope.json", &profile);
        let [frames, samples, weights] =
            [&profile["shared"]["frames"], &profile["profiles"][0]["samples"], &profile["profiles"][0]["weights"]]
                .map(|list| list.as_array().unwrap());
        assert_eq!((samples.len(), weights.len()), (stacks.len(), stacks.len()));
        assert_eq!(profile["profiles"][0]["endValue"], total);
        assert_eq!(weights.iter().map(|weight| weight.as_i64().unwrap()).sum::<i64>(), total);
        for (sample, (stack, _)) in samples.iter().zip(&stacks) {
            let sample = sample.as_array().unwrap();
            assert_eq!(sample.len(), stack.len());
            let names = sample.iter().map(|frame| frames[frame.as_u64().unwrap() as usize]["name"].as_str().unwrap());
            assert!(names.zip(stack).all(|(name, frame)| name.replace(';', ":") == *frame), "{sample:?} {stack:?}");
        }
        if input.name == "incident" {
            let seconds = total as f64 / 1e9;
            assert!((13.0..15.0).contains(&seconds), "{seconds}");
            assert!(stacks.iter().any(|(stack, _)| stack[0] == "web POST /checkout" && stack.len() > 2), "{stacks:?}");
        }
    }
}

#[test]
fn graphviz_draws_the_service_graph() {
    for input in inputs::all() {
        let text = report(&input.path, ".dot", &[]);
        assert!(text.starts_with("digraph tracescan {\n") && text.ends_with("}\n"));
        let edges = text.lines().filter(|line| line.split_whitespace().nth(1) == Some("->")).count();
        let Some(drawn) = read_by("dot", &["-Tsvg"], &text, ".dot") else { continue };
        let told = String::from_utf8_lossy(&drawn.stderr);
        assert!(drawn.status.success() && !told.contains("syntax error"), "{}: {told}", input.name);
        let svg = String::from_utf8_lossy(&drawn.stdout);
        assert_eq!(svg.matches("class=\"edge\"").count(), edges, "{}", input.name);
        match input.name {
            "incident" => assert!(edges > 20 && text.contains("label=\"checkout\", shape=box")),
            "hostile" => assert_eq!(edges, inputs::hostile_names().len()),
            "many" => assert_eq!(edges, 0),
            "real" => assert!(edges > 5),
            _ => assert!(edges == 1 && text.contains("label=\"20 calls, ") && !text.contains("failed"), "{text}"),
        }
    }
}
