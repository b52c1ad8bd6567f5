//! `tracescan query`: what it answers, what it refuses, and that the files in `queries/` say what the sample is known to hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracescan"));
    command.args(arguments).env("COLUMNS", "110");
    command
}

fn tracescan(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are texts")
}

/// Standard output of a run that must succeed.
fn done(arguments: &[&str]) -> String {
    let output = tracescan(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// Output directories of both samples, the one with anti-patterns in every format.
struct Runs {
    directory: tempfile::TempDir,
}

impl Runs {
    fn get() -> &'static Self {
        static RUNS: OnceLock<Runs> = OnceLock::new();
        RUNS.get_or_init(|| {
            let runs = Self { directory: tempfile::tempdir().unwrap() };
            for format in ["parquet", "csv", "json"] {
                let output = runs.path(format);
                done(&[
                    "analyze",
                    "samples/incident.flat.parquet",
                    "-o",
                    text(&output),
                    "--table-format",
                    format,
                    "-q",
                ]);
            }
            done(&["analyze", "samples/healthy.flat.parquet", "-o", text(&runs.path("healthy")), "-q"]);
            runs
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The answer to `arguments` of the incident.
    fn answer(&self, arguments: &[&str]) -> String {
        done(&[&["query", text(&self.path("parquet"))], arguments].concat())
    }

    fn output(&self, arguments: &[&str]) -> Output {
        tracescan(&[&["query", text(&self.path("parquet"))], arguments].concat())
    }
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir("queries").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    files
}

/// The answer to a file in `queries/`, of the incident after the good day.
fn rows(file: &str) -> Vec<Value> {
    let runs = Runs::get();
    let (file, with) = (format!("queries/{file}"), format!("before={}", text(&runs.path("healthy"))));
    let answer = runs.answer(&["-f", &file, "--with", &with, "--format", "json"]);
    serde_json::from_str(&answer).unwrap()
}

/// Each is opened by a question, listed with it, and has an answer on the sample.
#[test]
fn every_file_answers_its_question() {
    let list = fs::read_to_string("queries/README.md").unwrap();
    let files = files();
    assert_eq!(files.len(), 15, "queries/README.md says how many there are");
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let sql = fs::read_to_string(&file).unwrap();
        let question = sql.lines().next().and_then(|line| line.strip_prefix("-- ")).expect("it begins with a comment");
        assert!(question.ends_with('?'), "{name}: {question}");
        assert!(list.contains(&format!("| {question} | [{name}]({name}) |")), "{name} is not listed with its question");
        assert!(!rows(name).is_empty(), "{name} has no answer");
    }
}

/// What is known of the sample, by what was planted there, is what the files say of it.
#[test]
fn answers_are_what_was_planted() {
    let labels = fs::read_to_string("samples/incident.labels.jsonl").unwrap();
    let labels: Vec<Value> = labels.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_planted = |detector: &str, case: &str, trace: &Value| {
        labels.iter().any(|label| {
            label["trace_id"] == *trace
                && label["kind"] == "planted"
                && label["detector"] == detector
                && label["case"] == case
        })
    };

    let first = &rows("what_failed_first.sql")[0];
    assert_eq!((&first["onset_rank"], &first["origin_service"]), (&Value::from(1), &Value::from("payment")), "{first}");
    assert!(is_planted("failure-amplification", "retries-exhausted", &first["example_trace_id"]), "{first}");

    let loops = rows("n_plus_one_to_fix_first.sql");
    let pairs: Vec<[&str; 2]> =
        loops.iter().take(2).map(|row| ["caller_service", "target"].map(|name| row[name].as_str().unwrap())).collect();
    assert_eq!(pairs, [["orders", "catalog"], ["orders", "postgresql/orders@orders-db"]]);
    assert!(is_planted("n-plus-one", "loop-service-that-queries", &loops[0]["example_trace_id"]), "{}", loops[0]);

    let retries = &rows("retries_that_amplify.sql")[0];
    assert_eq!((retries["layers"].as_i64(), retries["amplification_max"].as_i64()), (Some(2), Some(9)), "{retries}");
    assert!(is_planted("retry-storm", "nested-three-by-three", &retries["example_trace_id"]), "{retries}");

    let chain = &rows("deepest_chains.sql")[0];
    assert_eq!(chain["chain"], "mobile-bff > checkout > orders > pricing > orders > inventory");
    assert!(is_planted("sync-chain", "hops-with-revisit", &chain["example_trace_id"]), "{chain}");

    // Of what is new, nothing was there on the good day, whose problems are four failures.
    let new = rows("new_since_yesterday.sql");
    let titles = |rows: &[Value]| rows.iter().map(|row| row["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let healthy = done(&[
        "query",
        text(&Runs::get().path("healthy")),
        "SELECT title FROM problems WHERE level = 'problem' ORDER BY rank",
        "--format",
        "json",
    ]);
    let healthy = titles(&serde_json::from_str::<Vec<Value>>(&healthy).unwrap());
    assert_eq!(healthy.len(), 4);
    assert!(titles(&new).iter().all(|title| !healthy.contains(title)), "{new:?}");
}

/// Shares of a whole add up, and what is claimed to come first does.
#[test]
fn answers_add_up() {
    let shares: f64 = rows("slowest_entries.sql").iter().map(|row| row["time_share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 0.01, "{shares}");
    let so_far: Vec<f64> =
        rows("what_to_mend_first.sql").iter().map(|row| row["so_far_share"].as_f64().unwrap()).collect();
    assert!(so_far.is_sorted() && so_far.last() <= Some(&1.0), "{so_far:?}");
    for service in rows("own_work_or_waiting.sql") {
        let number = |name: &str| service[name].as_f64().unwrap();
        let parts: f64 = ["own_ms", "network_ms", "wait_ms", "backoff_ms"].map(number).iter().sum();
        assert!((parts - number("all_ms")).abs() < 0.3, "{service}");
    }
}

/// A number with a fraction is read from JSON to about its last digit.
fn to_ten_digits(field: &str) -> String {
    let number = field.parse::<f64>().ok().filter(|_| field.contains('.'));
    number.map_or_else(|| field.to_owned(), |number| format!("{number:.10e}"))
}

/// The format of the tables does not show in answers.
#[test]
fn tables_of_any_format_give_the_same_answers() {
    let runs = Runs::get();
    for file in files() {
        let answers = ["parquet", "csv", "json"].map(|format| {
            let with = format!("before={}", text(&runs.path(format)));
            let answer =
                done(&["query", text(&runs.path(format)), "-f", text(&file), "--with", &with, "--format", "csv"]);
            answer.lines().map(|line| line.split(',').map(to_ten_digits).collect()).collect::<Vec<Vec<String>>>()
        });
        // What a run says of itself names its format.
        if !file.ends_with("can_it_be_trusted.sql") {
            assert_eq!(answers[0], answers[1], "{} of CSV", file.display());
        }
        assert_eq!(answers[0], answers[2], "{} of JSON", file.display());
    }
    let types =
        "SELECT rank + 1 AS rank, last_seen - first_seen AS lasted, upper_bound, first_seen_unix_nano FROM problems";
    let answers = ["parquet", "csv", "json"]
        .map(|format| done(&["query", text(&runs.path(format)), types, "--format", "ndjson"]));
    assert!(answers[0].contains(r#""upper_bound":true"#));
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

/// Neither the number of threads nor chance shows, also where the order is left open.
#[test]
fn order_is_the_same_on_any_number_of_threads() {
    for sql in [
        "SELECT service, count(*) AS n FROM findings GROUP BY service",
        "SELECT DISTINCT target, operation FROM latency_attribution",
        "SELECT trace_id FROM findings ORDER BY detector",
        "SELECT f.trace_id, p.title FROM findings AS f JOIN problems AS p ON p.pattern_id = f.pattern_id",
        "SELECT chain FROM sync_chain GROUP BY chain",
    ] {
        let directory = Runs::get().path("parquet");
        let answers = ["1", "2", "7"].map(|threads| {
            let mut command = command(&["query", text(&directory), sql, "--format", "csv"]);
            String::from_utf8(command.env("POLARS_MAX_THREADS", threads).output().unwrap().stdout).unwrap()
        });
        assert!(answers[0].lines().count() > 2, "{sql}");
        assert_eq!(answers[0], answers[1], "{sql}");
        assert_eq!(answers[0], answers[2], "{sql}");
    }
}

#[test]
fn people_see_the_columns_that_they_asked_for() {
    let runs = Runs::get();
    insta::assert_snapshot!(
        runs.answer(&["SELECT saving_ns, title, upper_bound FROM problems ORDER BY rank", "--top", "2"]),
        @"
    saving  title                                                                                     upper bound
    ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
     2.8 s  checkout tries payment POST /charges up to 5 times, always after the same pause           no
     1.6 s  web tries orders GET /orders up to 3 times, 9 over 2 layers, always after the same pause  no
    2 of 53 rows
    "
    );
    // Traces go below the table before columns go beside each other no more.
    let sql = "SELECT service, operation, target, saving_ns, first_seen, title, example_trace_id FROM problems WHERE rank <= 2 ORDER BY rank";
    insta::assert_snapshot!(runs.answer(&[sql]), @"
    service   operation      target   saving  first seen      title               example trace id
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
    checkout  POST /charges  payment   2.8 s  01-15 12:01:00  checkout …5 times,  7382f0db29fa3860b8279190526e13ba
    web       GET /orders    orders    1.6 s  01-15 12:01:13  web tries… layers,  21130da83f376fcc5e6f4562c7a2e50d
    title: … always after the same pause
    2 rows
    ");
    let sql = "SELECT service, operation, target, title, fix, explained_by, pattern_id, first_seen, last_seen FROM problems WHERE rank = 1";
    insta::assert_snapshot!(runs.answer(&[sql]), @"
    row 1
    service       checkout
    operation     POST /charges
    target        payment
    title         checkout tries payment POST /charges up to 5 times, always after the same pause
    fix           fewer attempts, exponential backoff with jitter, a retry budget; give up fast while the target
                  is down
    explained by
    pattern id    44dc42c5f45a505c
    first seen    2026-01-15T12:01:00Z
    last seen     2026-01-15T12:04:03Z
    1 row
    ");
    insta::assert_snapshot!(runs.answer(&["SELECT rank FROM problems WHERE rank > 1000"]), @r#"
    rank
    ────
    no rows
    "#);
    let list = runs.answer(&[]);
    let run = list.lines().skip_while(|line| !line.starts_with("run ")).nth(1);
    assert_eq!(run, Some("  section, name, value, text"), "{list}");
    let tables = runs.answer(&["--format", "csv"]);
    assert!(tables.starts_with("table,rows,columns\ncircuit_breaker,0,rank;"), "{tables}");
    assert!(tables.contains("\nentries,11,rank;entry_kind;entry_service;"), "{tables}");
}

#[test]
fn programs_get_rows_and_nothing_else() {
    let sql = "SELECT p.rank, saving_share, chain, first_seen FROM problems AS p LEFT JOIN sync_chain AS c ON c.pattern_id = p.pattern_id \
               WHERE p.rank IN (1, 41) ORDER BY p.rank";
    let answer = |format: &str| Runs::get().answer(&[sql, "--format", format]);
    insta::assert_snapshot!(answer("csv"), @r#"
    rank,saving_share,chain,first_seen
    1,0.20486145021127597,,2026-01-15T12:01:00.204633000Z
    41,0.00032900267877476324,mobile-bff;checkout;orders;pricing;orders;inventory,2026-01-15T12:00:50.272891000Z
    "#);
    insta::assert_snapshot!(answer("ndjson"), @r#"
    {"rank":1,"saving_share":0.20486145021127597,"chain":null,"first_seen":"2026-01-15T12:01:00.204633000Z"}
    {"rank":41,"saving_share":0.00032900267877476324,"chain":["mobile-bff","checkout","orders","pricing","orders","inventory"],"first_seen":"2026-01-15T12:00:50.272891000Z"}
    "#);
    insta::assert_snapshot!(answer("markdown"), @r#"
    | rank | saving share | chain | first seen |
    | ---: | ---: | --- | --- |
    | 1 | 20 % | - | 2026-01-15T12:01:00Z |
    | 41 | &lt;0.1 % | mobile-bff → checkout → orders → pricing → orders → inventory | 2026-01-15T12:00:50Z |
    "#);
    let json: Value = serde_json::from_str(&answer("json")).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(2));
}

/// SQL may come from a file and from standard input, with comments.
#[test]
fn sql_comes_from_anywhere() {
    let runs = Runs::get();
    let file = runs.path("question.sql");
    fs::write(&file, "-- how many?\nSELECT count(*) AS n /* all */ FROM problems;\n").unwrap();
    let expected = runs.answer(&["SELECT count(*) AS n FROM problems", "--format", "csv"]);
    assert_eq!(expected, "n\n53\n");
    assert_eq!(runs.answer(&["-f", text(&file), "--format", "csv"]), expected);
    let mut command = command(&["query", text(&runs.path("parquet")), "-f", "-", "--format", "csv"]);
    command.stdin(fs::File::open(&file).unwrap());
    assert_eq!(String::from_utf8(command.output().unwrap().stdout).unwrap(), expected);
}

/// What is wrong is said in one line with what there is instead, and never by a panic.
#[test]
fn errors_say_what_there_is() {
    let runs = Runs::get();
    for (sql, code, told) in [
        ("SELECT * FROM problem", 64, "no table problem; tables are circuit_breaker, consumer_lag, dead_letter, "),
        ("SELECT * FROM problem", 64, "; did you mean problems?"),
        ("SELECT savin_ns FROM problems", 64, "no column savin_ns; columns are "),
        ("SELECT p.savin_ns FROM problems AS p WHERE p.rank > 1", 64, "; did you mean saving_ns?"),
        ("SELECT rank FROM problems WHERE", 64, "the SQL makes no sense: Expected: an expression, found: EOF"),
        ("SELEC rank FROM problems", 64, "found: SELEC at Line: 1, Column: 1"),
        ("SELECT 1; SELECT 2", 64, "there are 2 statements"),
        ("DROP TABLE problems", 64, "DROP is refused"),
        ("SELECT * FROM read_csv('/etc/passwd')", 64, "read_csv(…) is refused"),
        ("SELECT * FROM before.problems", 64, "no table before.problems"),
        ("SELECT no_such_function(rank) FROM problems", 2, "unsupported function 'no_such_function'"),
        ("SELECT rank + title FROM problems", 2, "the query cannot be answered: arithmetic on"),
        // Polars subtracts one from it, whatever it is.
        ("SELECT rank FROM problems ORDER BY 0", 2, "the query cannot be answered: "),
        ("SELECT rank FROM problems LIMIT 99999999999999999999", 2, "the query cannot be answered: "),
        ("SELECT regexp_like(title, '(') FROM problems", 2, "the query cannot be answered: "),
    ] {
        let output = runs.output(&[sql]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{sql}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(told), "{sql}: {stderr}");
        assert_eq!((stderr.lines().count(), output.stdout.len()), (1, 0), "{sql}: {stderr}");
    }
}

/// Whatever is asked, the program ends as it says it does.
#[test]
fn odd_questions_are_answered_or_refused() {
    for sql in [
        "SELECT",
        "SELECT * FROM problems, problems",
        "SELECT * FROM problems JOIN findings",
        "SELECT *, * FROM problems",
        "SELECT rank AS a, title AS a FROM problems",
        "SELECT first_seen - rank FROM problems",
        "SELECT sum(title) FROM problems",
        "SELECT rank OVER () FROM problems",
        "SELECT CAST(title AS INT) FROM problems",
        "SELECT substr(title, -5, 99999999999) FROM problems",
        "SELECT array_get(chain, 99) FROM sync_chain",
        "SELECT unnest(chain) FROM sync_chain",
        "SELECT (SELECT rank FROM problems) FROM findings",
        "SELECT rank FROM problems GROUP BY 1 HAVING 2 ORDER BY 3 LIMIT 4 OFFSET 99999999",
        "WITH RECURSIVE x AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM x) SELECT * FROM x",
        "SELECT strptime(title, '%Y') FROM problems",
        "SELECT 1e999, -1e308 * 10, 1 / 0, 0 % 0",
        "SELECT left(title, -1), lpad(title, 3, ''), repeat(title, 99999999) FROM problems",
        "SELECT INTERVAL '99999999999 years'",
        "SELECT * FROM (VALUES (1, 2), (3)) AS t",
        "SELECT * FROM problems TABLESAMPLE (10)",
        "SELECT \u{1f600} FROM problems",
        "TABLE problems",
        "VALUES (1)",
    ] {
        let output = Runs::get().output(&[sql, "--format", "ndjson"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 2 | 64)), "{sql}: {stderr}");
        assert!(!stderr.contains("panicked"), "{sql}: {stderr}");
    }
}

/// Only what a run wrote is a table, whatever its `run.json` has become.
#[test]
fn directories_that_hold_no_run_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let of = |directory: &Path, sql: &str| {
        let output = tracescan(&["query", text(directory), sql]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, stderr) = of(scratch.path(), "SELECT 1");
    assert_eq!(code, Some(2));
    assert!(stderr.contains("is no output directory of tracescan: "), "{stderr}");
    let (code, stderr) = of(&scratch.path().join("absent"), "SELECT 1");
    assert_eq!(code, Some(2), "{stderr}");

    let run = scratch.path().join("run.json");
    let healthy = Runs::get().path("healthy");
    let mut said: Value = serde_json::from_slice(&fs::read(healthy.join("run.json")).unwrap()).unwrap();
    let outside = Runs::get().path("outside.csv");
    fs::write(&outside, "a\n1\n").unwrap();
    fs::write(scratch.path().join("problems.parquet"), "PAR1 and no more").unwrap();
    fs::write(scratch.path().join("odd.json"), "{\"a\": 1}").unwrap();
    said["files"] = serde_json::json!([text(&outside), "../outside.csv", "problems.parquet", "odd.json", "gone.csv"]);
    fs::write(&run, said.to_string()).unwrap();
    for (table, code, told) in [
        ("outside", 64, "no table outside; tables are problems, odd, gone, run"),
        ("problems", 2, "problems.parquet cannot be read: "),
        ("odd", 2, "odd.json cannot be read: "),
        ("gone", 2, "gone.csv cannot be read: "),
    ] {
        let (found, stderr) = of(scratch.path(), &format!("SELECT * FROM {table}"));
        assert_eq!(found, Some(code), "{stderr}");
        assert!(stderr.contains(told) && stderr.lines().count() == 1, "{stderr}");
    }
}

/// Lists of durations are numbers in every format, and people read them as durations.
#[test]
fn lists_of_durations_are_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("timeouts.jsonl");
    std::fs::write(&input, calls_that_end_after(&[(30, 100, 0), (15, 2_000, 2), (10, 5_000, 2)])).unwrap();
    let run = |format: &str| {
        let output = directory.path().join(format);
        done(&["analyze", text(&input), "-o", text(&output), "--table-format", format, "-q"]);
        output
    };
    let sql = "SELECT timeout_ns, other_timeouts FROM timeouts";
    for format in ["parquet", "csv", "json"] {
        let output = run(format);
        let answer = |format: &str| done(&["query", text(&output), sql, "--format", format]);
        assert_eq!(answer("ndjson"), "{\"timeout_ns\":2000000000,\"other_timeouts\":[5000000000]}\n", "{format}");
        assert_eq!(answer("csv"), "timeout_ns,other_timeouts\n2000000000,5000000000\n");
        assert!(answer("markdown").ends_with("| 2.0 s | 5.0 s |\n"), "{}", answer("markdown"));
    }
}

/// So many calls to a database that take so many ms, with so a status, as OTLP: each in a trace of its own.
fn calls_that_end_after(calls: &[(u32, u64, u8)]) -> String {
    let calls = calls.iter().flat_map(|&(count, ms, status)| (0..count).map(move |_| (ms, status)));
    let line = |(number, (ms, status)): (u64, (u64, u8))| {
        let start = 1_700_000_000_000_000_000 + number * 60_000_000_000;
        let span = |id: u64, parent: &str, kind: u8, from: u64, to: u64| {
            serde_json::json!({
                "traceId": format!("{:032x}", number + 1), "spanId": format!("{:016x}", number * 2 + id), "parentSpanId": parent,
                "name": "call", "kind": kind, "status": { "code": status },
                "startTimeUnixNano": (start + from * 1_000_000).to_string(), "endTimeUnixNano": (start + to * 1_000_000).to_string(),
                "attributes": if kind == 3 { serde_json::json!([
                    { "key": "db.system.name", "value": { "stringValue": "postgresql" } },
                    { "key": "server.address", "value": { "stringValue": "db" } },
                    { "key": "db.namespace", "value": { "stringValue": "orders" } },
                ]) } else { serde_json::json!([]) },
            })
        };
        let caller = span(1, "", 2, 0, ms + 20);
        let called = span(2, &format!("{:016x}", number * 2 + 1), 3, 10, ms + 10);
        let service = serde_json::json!([{ "key": "service.name", "value": { "stringValue": "web" } }]);
        let document = serde_json::json!({ "resourceSpans": [{
            "resource": { "attributes": service }, "scopeSpans": [{ "spans": [caller, called] }],
        }] });
        format!("{document}\n")
    };
    (0..).zip(calls).map(line).collect()
}
