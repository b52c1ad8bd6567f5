//! What the program says of itself: pages of `explain`, completions of shells, and manual pages.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tracescan");

fn tracescan(arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env("COLUMNS", "100").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

fn printed(arguments: &[&str]) -> String {
    let output = tracescan(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Where a program is there, it is run; where not, that is said and the answer is none.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn run_if_there(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => Some(output),
        Err(_) => {
            eprintln!("skipped: there is no {program} on this machine");
            None
        }
    }
}

/// Whoever does not know the names gets them, and every page has a text and a Markdown form.
#[test]
fn all_pages_are_listed_and_written() {
    let list = printed(&["explain"]);
    let (detectors, topics) = list.split_once("\ntopics\n").expect("there are detectors and topics");
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let (detectors, topics) = (names(detectors), names(topics));
    assert!(detectors.contains(&"n-plus-one".to_owned()), "{list}");
    for topic in ["problems", "findings", "entries", "incident", "compare", "budgets", "run.json"] {
        assert!(topics.contains(&topic.to_owned()), "{topic}: {list}");
    }
    let (text, book) = (printed(&["explain", "--all"]), printed(&["explain", "--all", "--format", "markdown"]));
    for name in detectors.iter().chain(&topics) {
        let page = printed(&["explain", name]);
        assert!(page.starts_with(&format!("# {name}\n")) && text.contains(&page), "{name}");
        let markdown = printed(&["explain", name, "--format", "markdown"]);
        let anchor = name.replace('.', "");
        assert!(markdown.starts_with(&format!("# {name}\n\n")) && markdown.contains("\n## "), "{markdown}");
        assert!(
            book.contains(&format!("\n- [{name}](#{anchor}): ")) && book.contains(&format!("\n## {name}\n")),
            "{name}"
        );
    }
    assert_eq!(tracescan(&["explain", "problems", "--all"]).status.code(), Some(64));
}

/// Thresholds are told with their default and how to set them, columns with their unit.
#[test]
fn pages_tell_thresholds_and_units() {
    let page = printed(&["explain", "n-plus-one", "--format", "markdown"]);
    for told in [
        "\n- `max\\_calls`: ".replace('\\', ""),
        "Default 5; option --max-calls N; --set n-plus-one.max\\_calls=VALUE; key max\\_calls of \\[n-plus-one\\] in tracescan.toml".to_owned(),
        "\n| `saving_ns` | ns | ".to_owned(),
        "\n| `trace_share` | 0 to 1 | ".to_owned(),
    ] {
        assert!(page.contains(&told), "{told}\n{page}");
    }
}

/// The keys of a document, as the documentation names them; `open` are those below which names are data.
fn keys(value: &Value, path: &str, open: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let data = open.iter().find(|open| open.rsplit_once('.').is_some_and(|(parent, _)| parent == path));
            for (name, value) in fields {
                let path = match (data, path) {
                    (Some(data), _) => data.clone(),
                    (None, "") => name.clone(),
                    (None, path) => format!("{path}.{name}"),
                };
                let is_list_of_objects = value.as_array().is_some_and(|list| list.iter().any(Value::is_object));
                let path = if is_list_of_objects { format!("{path}[]") } else { path };
                found.insert(path.clone());
                keys(value, &path, open, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, path, open, found)),
        _ => {}
    }
}

fn documented(heading: &str) -> BTreeSet<String> {
    let page = printed(&["explain", "run.json", "--format", "markdown"]);
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).expect("the page has the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned)).collect()
}

/// What is in `run.json` is documented, and nothing else is.
#[test]
fn all_of_run_json_is_documented() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(
        path("tracescan.toml"),
        "trace_url = \"https://example.com/{trace_id}\"\n\
         [[ignore]]\nservice = \"nobody\"\nreason = \"a test\"\n\
         [budget.\"web GET /orders\"]\nmax_calls = 60\n",
    )
    .unwrap();
    fs::write(path("odd.jsonl"), odd_spans()).unwrap();
    let (config, odd, sample) = (path("tracescan.toml"), path("odd.jsonl"), "samples/incident.otlp.jsonl.gz");
    let (first, second, third) = (path("first"), path("second"), path("third"));
    printed(&[
        "analyze",
        sample,
        "--output",
        &first,
        "--config",
        &config,
        "--window",
        "12:01..12:02",
        "--baseline-window",
        "12:02..",
    ]);
    printed(&["analyze", sample, "--output", &second, "--config", &config, "--service", "web", "--window", "auto"]);
    let of_odd = tracescan(&["analyze", &odd, "--output", &third, "--config", &config]);
    assert_eq!(of_odd.status.code(), Some(2), "{}", String::from_utf8_lossy(&of_odd.stderr));
    fs::write(path("faults.jsonl"), two_faults()).unwrap();
    let (faults, fourth) = (path("faults.jsonl"), path("fourth"));
    printed(&["analyze", &faults, "--output", &fourth, "--window", "auto"]);
    let compared = path("compared");
    printed(&["compare", &second, &first, "--output", &compared]);

    for (heading, directories) in [
        ("Fields of run.json", &[&first, &second, &third, &fourth][..]),
        ("Fields of run.json of compare", &[&compared][..]),
    ] {
        let documented = documented(heading);
        let open: BTreeSet<String> = documented.iter().filter(|path| path.ends_with('}')).cloned().collect();
        let mut found = BTreeSet::new();
        for directory in directories {
            let text = fs::read_to_string(Path::new(directory).join("run.json")).unwrap();
            keys(&serde_json::from_str(&text).unwrap(), "", &open, &mut found);
        }
        // Settings of a comparison are those of a run, and lists are empty here that are documented by their items.
        let is_of_settings = |path: &&String| heading.ends_with("compare") && path.starts_with("settings.");
        let is_empty_list = |path: &&String| documented.contains(&format!("{path}[]"));
        let missing: Vec<&String> =
            found.difference(&documented).filter(|path| !is_of_settings(path) && !is_empty_list(path)).collect();
        let stale: Vec<&String> = documented.difference(&found).collect();
        assert!(missing.is_empty(), "{heading} does not tell {missing:?}");
        assert!(stale.is_empty(), "{heading} tells {stale:?}, which no run has");
    }
}

/// A line of OTLP with one span; a parent of 0 is none.
fn span(
    trace: u64,
    service: &str,
    [id, parent]: [u64; 2],
    name: &str,
    [kind, status]: [u8; 2],
    [start, end]: [u64; 2],
) -> String {
    let parent = if parent == 0 { String::new() } else { format!("{parent:016x}") };
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}},"scopeSpans":[{{"spans":[{{"traceId":"{trace:032x}","spanId":"{id:016x}","parentSpanId":"{parent}","name":"{name}","kind":{kind},"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","status":{{"code":{status}}}}}]}}]}}]}}"#
    )
}

/// Requests of two minutes, which fail in two times of different length.
fn two_faults() -> String {
    let second = 1_000_000_000;
    let of_bucket = |bucket: u64| (0..12).map(move |number| (bucket, number));
    let spans = (0..14).flat_map(of_bucket).map(|(bucket, number)| {
        let start = (1_700_000_000 + bucket * 10) * second + number * second / 2;
        let status = if [3, 9, 10].contains(&bucket) { 2 } else { 1 };
        span(1 + bucket * 12 + number, "web", [1, 0], "GET /", [2, status], [start, start + second])
    });
    spans.collect::<Vec<_>>().join("\n")
}

/// Spans that show what sound data does not: clocks apart, a line that is none, and more names than are told apart.
fn odd_spans() -> String {
    let mut spans = Vec::new();
    let span = |service: &str, id: u64, parent: u64, name: &str, kind: u8, start: u64, end: u64| {
        span(1, service, [id, parent], name, [kind, 0], [start, end])
    };
    let second = 1_000_000_000;
    let start = 1_700_000_000 * second;
    spans.push(span("web", 1, 0, "GET /", 2, start, start + 9 * second));
    spans.push(span("web", 2, 1, "GET", 3, start + second, start + 2 * second));
    spans.push(span("cart", 3, 2, "GET /cart", 2, start + second - 50_000_000, start + 2 * second));
    spans.push("{\"resourceSpans\": 7".to_owned());
    let word = |number: u64| {
        let letters = [number / 17_576 % 26, number / 676 % 26, number / 26 % 26, number % 26];
        letters.iter().map(|&letter| char::from(b'a' + letter as u8)).collect::<String>()
    };
    spans.extend((0..17_000).map(|number| span("web", 10 + number, 1, &word(number), 1, start, start + 1)));
    spans.join("\n")
}

/// A shell that sources them completes commands, options and values.
#[test]
fn bash_completes() {
    let script = printed(&["completions", "bash"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracescan.bash");
    fs::write(&path, script).unwrap();
    let path = path.to_str().unwrap();
    let Some(checked) = run_if_there("bash", &["-n", path]) else { return };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    for (typed, current, completed) in [
        ("tracescan ana", 1, "analyze"),
        ("tracescan analyze --base", 2, "--baseline"),
        ("tracescan analyze --detector n-", 3, "n-plus-one"),
        ("tracescan explain run", 2, "run.json"),
    ] {
        let words: Vec<&str> = typed.split(' ').collect();
        let line = format!(
            "source {path}; COMP_WORDS=({typed}); COMP_CWORD={current}; _tracescan tracescan '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words[current],
            words[current - 1]
        );
        let output = run_if_there("bash", &["--norc", "-c", &line]).expect("it was there");
        let replies = String::from_utf8_lossy(&output.stdout);
        assert!(replies.lines().any(|reply| reply == completed), "{typed}: {replies}");
    }
}

/// Completions of other shells are at least programs of those.
#[test]
fn other_shells_read_their_completions() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, check) in [("zsh", &["-n"][..]), ("fish", &["--no-execute"][..]), ("elvish", &["-compileonly"][..])] {
        let script = printed(&["completions", shell]);
        assert!(script.contains("analyze") && script.contains("baseline-window"), "{shell}");
        let path = folder.path().join(shell);
        fs::write(&path, script).unwrap();
        let arguments = [check, &[path.to_str().unwrap()]].concat();
        if let Some(checked) = run_if_there(shell, &arguments) {
            assert!(checked.status.success(), "{shell}: {}", String::from_utf8_lossy(&checked.stderr));
        }
    }
    assert!(printed(&["completions", "powershell"]).contains("analyze"));
    assert_eq!(tracescan(&["completions", "csh"]).status.code(), Some(64));
}

/// There is a page for each command, and one with the options of all; who formats manuals has nothing to say against them.
#[test]
fn manual_pages_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("man");
    assert!(tracescan(&["man", "--output", directory.to_str().unwrap()]).status.success());
    let mut names: Vec<String> =
        fs::read_dir(&directory).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for command in [
        "analyze",
        "trace",
        "compare",
        "merge",
        "explain",
        "config",
        "convert",
        "generate",
        "completions",
        "man",
        "query",
    ] {
        assert!(names.contains(&format!("tracescan-{command}.1")), "{names:?}");
    }
    let main = fs::read_to_string(directory.join("tracescan.1")).unwrap();
    assert_eq!(printed(&["man"]), main);
    for told in [".TH TRACESCAN 1", ".SH \"EXIT STATUS\"", "\\-\\-baseline\\-window", "12:01..12:04"] {
        assert!(main.contains(told), "{told}");
    }
    for name in &names {
        let path = directory.join(name);
        assert!(fs::read(&path).unwrap().is_ascii(), "{name}");
        let path = path.to_str().unwrap();
        if let Some(formatted) = run_if_there("groff", &["-man", "-ww", "-z", "-Tutf8", path]) {
            assert!(
                formatted.status.success() && formatted.stderr.is_empty(),
                "{name}: {}",
                String::from_utf8_lossy(&formatted.stderr)
            );
        }
        if let Some(linted) = run_if_there("mandoc", &["-T", "lint", "-W", "warning", path]) {
            // Pages have no date, so that they are the same bytes whenever they are made.
            let said = String::from_utf8_lossy(&linted.stdout);
            let warnings: Vec<&str> = said.lines().filter(|line| !line.contains("missing date")).collect();
            assert!(warnings.is_empty(), "{name}: {warnings:#?}");
        }
    }
}

/// What the README shows of runs over samples is what the program says, up to the line where it breaks off.
#[test]
fn the_readme_shows_what_is_printed() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks: Vec<&str> =
        readme.split("```text\n$ ").skip(1).filter_map(|block| block.split("\n```").next()).collect();
    let results = tempfile::tempdir().unwrap();
    let analysed = Command::new(PROGRAM)
        .args(["analyze", "samples/incident.otlp.jsonl.gz", "-q", "-o"])
        .arg(results.path().join("out"))
        .output()
        .unwrap();
    assert!(analysed.status.success(), "{}", String::from_utf8_lossy(&analysed.stderr));
    let mut checked = 0;
    for block in blocks {
        let (command, shown) = block.split_once('\n').expect("a command and what it prints");
        let arguments = command.strip_prefix("tracescan ").expect("a command of tracescan");
        let mut program = Command::new(PROGRAM);
        program.env_remove("COLUMNS");
        if let Some((before, rest)) = arguments.split_once(" \"") {
            let (query, behind) = rest.split_once("\" ").expect("a query");
            program.args(before.split(' ')).arg(query).args(behind.split(' ')).current_dir(results.path());
        } else {
            program.args(arguments.split(' '));
        }
        // With its tables a run is shown as on a terminal of usual width.
        if !arguments.ends_with(" -q") {
            program.env("COLUMNS", "100");
        }
        let output = program.output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let shown = shown.strip_suffix('…').unwrap_or(shown);
        assert!(printed.starts_with(shown), "{command}\n{printed}");
        checked += 1;
    }
    assert!(checked >= 4, "there are four such blocks");
}
