//! What a terminal shows, as someone with ten minutes sees it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

const WIDTHS: [usize; 4] = [80, 100, 120, 200];

fn sample(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name).display().to_string()
}

/// A real dump; `None`, with a message, where the folder of shared data is absent.
fn real(name: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/real");
    if folder.is_dir() {
        return Some(folder.join(name).display().to_string());
    }
    #[expect(clippy::print_stderr, reason = "says why nothing was tested")]
    {
        eprintln!("skipped what needs shared data: {} is absent", folder.display());
    }
    None
}

fn tracescan(width: usize, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracescan"))
        .args(args)
        .env("COLUMNS", width.to_string())
        .env_remove("NO_COLOR")
        .output()
        .expect("the binary runs")
}

fn shown(width: usize, args: &[&str]) -> String {
    let output = tracescan(width, args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The lines of a detector's table: its title, its head, its rule, its rows.
fn table<'a>(text: &'a str, detector: &str) -> Vec<&'a str> {
    let begin = format!("{detector}: ");
    let lines = text.lines().skip_while(|line| !line.starts_with(&begin));
    lines.take_while(|line| !line.is_empty()).collect()
}

/// The words of a table's head, in any order.
fn head(table: &[&str]) -> Vec<String> {
    let rule = table.iter().position(|line| line.starts_with('─')).expect("a rule");
    let first = table.iter().position(|line| line.ends_with("rows)") || line.ends_with("row)")).expect("a title") + 1;
    let mut words: Vec<String> =
        table[first..rule].iter().flat_map(|line| line.split_whitespace()).map(str::to_owned).collect();
    words.sort();
    words
}

fn count(words: &[String], word: &String) -> usize {
    words.iter().filter(|known| *known == word).count()
}

/// Whatever the width, lines fit, ids are whole, and each table says what, where, how often, at what cost, and in which trace.
#[test]
fn tables_answer_on_any_terminal() {
    for width in WIDTHS {
        let text = shown(width, &["analyze", &sample("incident.flat.parquet")]);
        for line in text.lines() {
            assert!(line.width() <= width, "{width}: {line}");
        }
        assert!(!text.contains('\u{1b}'), "colours where nobody asked for them");
        let storms = table(&text, "retry-storm");
        let rule = storms.iter().position(|line| line.starts_with('─')).expect("a rule");
        let first: Vec<&str> = storms[rule + 1].split_whitespace().collect();
        assert_eq!(first[..5], ["1", "checkout", "payment", "POST", "/charges"], "{width}");
        assert!(first.contains(&"2.8") && first.contains(&"4"), "{width}: {first:?}");
        let ranks = storms[rule + 1..].iter().filter_map(|line| line.get(..4)?.trim().parse::<usize>().ok());
        assert_eq!(ranks.collect::<Vec<_>>(), [1, 2, 3, 4, 5], "{width}");
        assert!(text.contains("7382f0db29fa3860b8279190526e13ba"), "{width}");
        // The message stands below its row, the entry's own figures in its heading, and heads tell sums apart.
        let origins = table(&text, "failure-origins").join("\n");
        assert!(origins.contains("└ connection refused"), "{origins}");
        let latency = table(&text, "latency-attribution");
        assert!(
            latency.iter().any(|line| line.starts_with("web POST /checkout  39 traces · 5.9 s in all · p50 9.4 ms"))
        );
        assert!(head(&table(&text, "n-plus-one")).contains(&"all".to_owned()), "{width}");
        // The detector with the worst pattern comes first.
        let place = |detector: &str| text.find(&format!("\n{detector}: ")).unwrap_or_else(|| panic!("{detector}"));
        assert!(place("retry-storm") < place("n-plus-one") && place("n-plus-one") < place("latency-attribution"));
    }
}

/// Which columns there are depends on the width alone, and more of it shows more.
#[test]
fn columns_are_the_same_for_any_dump() {
    let detectors = ["retry-storm", "failure-origins", "n-plus-one", "sync-chain", "latency-attribution"];
    let other = tempfile::tempdir().expect("a directory");
    let file = other.path().join("other.flat.parquet").display().to_string();
    let generated =
        tracescan(80, &["generate", "--spans", "20000", "--seed", "7", "--anti-patterns", "0.4", "-o", &file]);
    assert!(generated.status.success());
    let mut before: Vec<Vec<String>> = vec![Vec::new(); detectors.len()];
    for width in (70..=210).step_by(10) {
        let (incident, other) =
            (shown(width, &["analyze", &sample("incident.flat.parquet")]), shown(width, &["analyze", &file]));
        for (detector, before) in detectors.iter().zip(&mut before) {
            let words = head(&table(&incident, detector));
            // What is common to all names of a column is said in its head, which depends on the names.
            let of_other: Vec<String> =
                head(&table(&other, detector)).into_iter().filter(|word| !word.contains('…')).collect();
            assert_eq!(
                words.iter().filter(|word| !word.contains('…')).cloned().collect::<Vec<_>>(),
                of_other,
                "{width} {detector}"
            );
            for word in before.iter() {
                assert!(
                    count(before, word) <= count(&words, word),
                    "{width} {detector}: {word} of {before:?} is not in {words:?}"
                );
            }
            *before = of_other;
        }
    }
}

/// What is not wanted is not shown, and what found nothing is one line.
#[test]
fn what_is_shown_can_be_chosen() {
    let incident = sample("incident.flat.parquet");
    let without = shown(100, &["analyze", &incident, "--tables", "none"]);
    assert!(without.contains("6,001 in 211 traces") && !without.contains("\nretry-storm: "), "{without}");
    let two = shown(100, &["analyze", &incident, "--detector", "n-plus-one,sync-chain", "--top", "1"]);
    assert!(two.contains("\nn-plus-one: ") && two.contains("\nsync-chain: ") && !two.contains("retry"), "{two}");
    assert_eq!(table(&two, "n-plus-one").iter().filter(|line| line.starts_with("   1  ")).count(), 1);
    assert!(two.contains("(1 of 10 rows)") && two.contains("--top N shows more rows"), "{two}");
    let healthy = shown(100, &["analyze", &sample("healthy.flat.parquet")]);
    let nothing: Vec<&str> =
        healthy.lines().skip_while(|line| !line.starts_with("nothing  found by ")).take(4).map(str::trim).collect();
    let nothing = nothing.join(" ");
    for detector in ["n-plus-one (max_calls = 5)", "sync-chain (max_hops = 3)", "retry-storm (max_attempts = 3)"] {
        assert!(nothing.contains(detector), "{healthy}");
    }
    let quiet = shown(100, &["analyze", &incident, "-q"]);
    assert!(!quiet.contains("input ") && !quiet.contains("n-plus-one: "), "{quiet}");
}

/// Escapes are written where they are asked for, ids become links, and addresses that are none are refused.
#[test]
fn colours_and_links() {
    let incident = sample("incident.flat.parquet");
    let id = "7382f0db29fa3860b8279190526e13ba";
    let linked = |address: &str| format!("\u{1b}]8;;{address}\u{1b}\\{id}\u{1b}]8;;\u{1b}\\");
    let coloured =
        shown(100, &["analyze", &incident, "--color", "always", "--trace-url", "jaeger:http://localhost:16686"]);
    assert!(coloured.contains("\u{1b}[1mretry-storm\u{1b}[0m"));
    assert!(coloured.contains(&linked(&format!("http://localhost:16686/trace/{id}"))), "{coloured:?}");
    // Times are those of the dump for a row, of the trace for a trace.
    let url = "https://x.example/{trace_id}?from={start}&to={end}";
    let coloured = shown(200, &["analyze", &incident, "--color", "always", "--trace-url", url]);
    assert!(
        coloured.contains(&linked(&format!("https://x.example/{id}?from=1768478400000&to=1768478657352"))),
        "{coloured:?}"
    );
    let of_trace = shown(200, &["trace", &incident, id, "--color", "always", "--trace-url", url]);
    assert!(
        of_trace.contains(&linked(&format!("https://x.example/{id}?from=1768478621668&to=1768478623113"))),
        "{of_trace:?}"
    );
    for color in ["never", "auto"] {
        let plain = shown(100, &["analyze", &incident, "--color", color, "--trace-url", url]);
        assert!(!plain.contains('\u{1b}'), "{color}");
    }
    let refused = tracescan(100, &["analyze", &incident, "--trace-url", "javascript:alert(1)"]);
    assert_eq!(refused.status.code(), Some(64));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("--trace-url must be an http or https address with {trace_id} in it"), "{said}");

    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("tracescan.toml").display().to_string();
    std::fs::write(&config, "trace_url = \"signoz:https://signoz.example\"\n").expect("a file");
    let coloured = shown(100, &["analyze", &incident, "--color", "always", "--config", &config]);
    assert!(coloured.contains(&linked(&format!("https://signoz.example/trace/{id}"))));
    std::fs::write(&config, "trace_url = \"ftp://x.example/{trace_id}\"\n").expect("a file");
    let refused = tracescan(100, &["analyze", &incident, "--config", &config]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("tracescan.toml, line 1, column 13: trace_url must be an http"), "{said}");
}

/// Findings come before the waterfall, a loop is a line, and what failed has its own.
#[test]
fn a_trace_is_told_at_a_glance() {
    let incident = sample("incident.flat.parquet");
    for width in WIDTHS {
        let text = shown(width, &["trace", &incident, "42790c7a"]);
        assert!(text.lines().count() <= 40 && text.lines().all(|line| line.width() <= width), "{text}");
        let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in\n{text}"));
        assert!(place("[1] n-plus-one: orders GET /products/{id} → catalog") < place("on the critical path"));
        let folded = text.lines().find(|line| line.contains("orders: GET  ×18  total 37 ms  1 below"));
        let folded = folded.expect("a line for the loop");
        assert!(folded.contains('█'), "the loop is on the critical path");
        let unfolded = shown(width, &["trace", &incident, "42790c7a", "--all"]);
        assert!(!unfolded.contains('×') && unfolded.lines().count() > 68, "{unfolded}");
    }
    let failing = shown(100, &["trace", &incident, "7382f0db"]);
    assert_eq!(failing.lines().filter(|line| line.starts_with('!')).count(), 8, "{failing}");
    let with_attributes = shown(100, &["trace", &incident, "7382f0db", "--attributes"]);
    assert!(with_attributes.contains("http.response.status_code=503") && with_attributes.contains("is not known here"));
}

/// What programs get of a trace: every span, with what is known of it.
#[test]
fn a_trace_for_programs() {
    let incident = sample("incident.flat.parquet");
    let parsed = |format: &str| -> Value {
        serde_json::from_str(&shown(80, &["trace", &incident, "7382f0db", "--format", format])).expect("JSON")
    };
    let document = parsed("json");
    let spans = document["spans"].as_array().expect("spans");
    assert_eq!(spans.len(), 31);
    assert_eq!(spans.iter().filter(|span| span["failed"] == true).count(), 8);
    let critical: i64 = spans.iter().map(|span| span["critical_ns"].as_i64().expect("a number")).sum();
    let durations: i64 =
        document["roots"].as_array().expect("roots").iter().map(|root| root["duration_ns"].as_i64().expect("ns")).sum();
    assert_eq!(critical, durations, "each moment of each path belongs to one span");
    for span in spans {
        let time = |key: &str| span[key].as_str().expect("a string").parse::<i64>().expect("ns");
        assert_eq!(time("end_unix_nano") - time("start_unix_nano"), span["duration_ns"].as_i64().expect("ns"));
        let parent = &span["parent_span_id"];
        assert!(parent.is_null() || spans.iter().any(|other| other["span_id"] == *parent));
    }
    let storm = document["findings"][0]["pattern_id"].clone();
    assert!(spans.iter().any(|span| span["findings"].as_array().expect("a list").contains(&storm)));

    let events = parsed("chrome")["traceEvents"].as_array().expect("events").clone();
    let of_spans = |event: &&Value| event["ph"] == "X" && event["args"].get("kind").is_some();
    assert_eq!(events.iter().filter(of_spans).count(), 31);
    let profiles = parsed("speedscope");
    assert_eq!(profiles["$schema"], "https://www.speedscope.app/file-format-schema.json");
    assert_eq!(profiles["profiles"][0]["type"], "evented");
}

/// The refused connections of a real incident are on the first screen, with what they say.
#[test]
fn robot_shop_says_what_was_refused() {
    let Some(dump) = real("robot-shop.flat.parquet") else { return };
    for width in WIDTHS {
        let text = shown(width, &["analyze", &dump]);
        let screen: Vec<&str> = text.lines().take(40).collect();
        assert!(screen.iter().any(|line| line.contains("connect ECONNREFUSED")), "{width}: {text}");
        assert!(text.lines().all(|line| line.width() <= width), "{width}");
    }
}

/// What costs nothing is listed by how sure its harm is, and was seen when the table of its detector says so; a row that has examples
/// only says nothing of that.
#[test]
fn structure_is_listed_by_level_with_its_own_times() {
    let smells = sample("smells.flat.parquet");
    let document = shown(80, &["analyze", &smells, "--format", "json", "--top", "1000"]);
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let rows = |table: &str| document["tables"][table].as_array().expect("a table").clone();
    let problems = rows("problems");
    let numbers = ["saving_ns", "failed_requests", "wasted_ns"];
    let costs_nothing = |row: &Value| numbers.iter().all(|name| row[*name] == 0);
    let of_structure = ["shared-database", "dual-write", "no-gateway", "sensitive-data", "trace-quality"];
    let levels: Vec<&str> = problems
        .iter()
        .filter(|row| costs_nothing(row) && of_structure.iter().any(|name| row["detector"] == *name))
        .map(|row| row["level"].as_str().expect("a level"))
        .collect();
    let place = |level: &&str| ["problem", "risk", "note"].iter().position(|known| known == level);
    assert!(levels.is_sorted_by_key(place), "{levels:?}");
    assert!(["problem", "risk", "note"].iter().all(|level| levels.contains(level)), "{levels:?}");

    let mut found = 0;
    for table in ["sensitive_data", "trace_quality", "distributed_monolith", "no_gateway"] {
        for own in rows(table) {
            let problem = problems.iter().find(|row| row["pattern_id"] == own["pattern_id"]).expect("its problem");
            for time in ["first_seen", "last_seen"] {
                assert_eq!(problem[time], own[time], "{own}");
            }
            found += usize::from(own["first_seen"] != own["last_seen"]);
        }
    }
    assert!(found > 10, "{found}");
    let with_examples = problems.iter().find(|row| row["detector"] == "shared-database").expect("a row");
    assert!(with_examples["first_seen"].is_null(), "{with_examples}");
}
