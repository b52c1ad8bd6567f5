//! Nights against each other: what was added, made worse and taken away is told, and nothing else.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use arrow::array::{Array as _, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

fn tracescan(arguments: &[&str]) -> Output {
    tracescan_in(Path::new("."), arguments)
}

fn tracescan_in(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracescan"));
    command.args(arguments).current_dir(directory).output().expect("the program runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are texts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

fn done(arguments: &[&str]) {
    let output = tracescan(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
}

/// A night of the made-up shop, with about 25 requests of each planted case.
struct Night {
    directory: tempfile::TempDir,
}

impl Night {
    fn new(seed: u64) -> Self {
        let night = Self { directory: tempfile::tempdir().unwrap() };
        let seed = seed.to_string();
        let (spans, labels) = (night.spans(), night.path("labels.jsonl"));
        let arguments = ["generate", "--spans", "50000", "--anti-patterns", "0.7", "--seed", &seed];
        done(&[&arguments[..], &["--output", text(&spans), "--labels", text(&labels)]].concat());
        night
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn spans(&self) -> PathBuf {
        self.path("spans.flat.parquet")
    }

    /// The traces that hold a case.
    fn traces_of(&self, case: &str) -> Vec<String> {
        let labels = fs::read_to_string(self.path("labels.jsonl")).unwrap();
        let labels = labels.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let of_case = labels.filter(|label| label["case"] == case);
        let ids: HashSet<String> = of_case.map(|label| label["trace_id"].as_str().unwrap().to_owned()).collect();
        let mut ids: Vec<String> = ids.into_iter().collect();
        ids.sort();
        ids
    }

    /// A file of the night without some of the traces of a case.
    fn without(&self, case: &str, keep: usize) -> PathBuf {
        let dropped: HashSet<String> = self.traces_of(case).into_iter().skip(keep).collect();
        assert!(dropped.len() > 15, "{case}");
        let path = self.path(&format!("without-{case}.flat.parquet"));
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(self.spans()).unwrap()).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), reader.schema().clone(), None).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let kept = BooleanArray::from_iter(trace_ids(&batch).map(|id| Some(!dropped.contains(&id))));
            writer.write(&filter_record_batch(&batch, &kept).unwrap()).unwrap();
        }
        writer.close().unwrap();
        fs::rename(&path, self.spans()).unwrap();
        self.spans()
    }

    /// Analyses it and gives the output directory.
    fn analysed(&self) -> PathBuf {
        let output = self.path("out");
        done(&["analyze", text(&self.spans()), "--output", text(&output)]);
        output
    }
}

fn trace_ids(batch: &RecordBatch) -> impl Iterator<Item = String> {
    let ids = batch.column_by_name("trace_id").expect("trace ids").clone();
    (0..ids.len()).map(move |row| {
        let bytes = match ids.as_binary_opt::<i32>() {
            Some(ids) => ids.value(row),
            None => ids.as_fixed_size_binary().value(row),
        };
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    })
}

/// The rows of a table in an output directory.
fn table(directory: &Path, name: &str) -> Vec<RecordBatch> {
    let file = File::open(directory.join(format!("{name}.parquet"))).unwrap();
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<String> {
    let column = batch.column_by_name(column).expect("a column").as_string::<i32>();
    column.iter().map(|text| text.unwrap_or_default().to_owned()).collect()
}

fn numbers(batch: &RecordBatch, column: &str) -> Vec<i64> {
    batch.column_by_name(column).expect("a column").as_primitive::<Int64Type>().values().to_vec()
}

/// Status, detector, service and target of the patterns that changed.
fn changed(directory: &Path) -> Vec<String> {
    let mut changed = Vec::new();
    for batch in table(directory, "changes") {
        let columns = ["status", "detector", "service", "target"].map(|column| texts(&batch, column));
        for row in 0..batch.num_rows() {
            let words: Vec<&str> = columns.iter().map(|column| column[row].as_str()).collect();
            if words[0] != "same" {
                changed.push(words.join(" "));
            }
        }
    }
    changed
}

/// Unchanged nights of several seeds, and the output directory of each.
fn unchanged_nights() -> &'static [(Night, PathBuf)] {
    static NIGHTS: OnceLock<Vec<(Night, PathBuf)>> = OnceLock::new();
    NIGHTS.get_or_init(|| {
        let night = |seed| {
            let night = Night::new(seed);
            let output = night.analysed();
            (night, output)
        };
        (1..=5).map(night).collect()
    })
}

/// What is not changed is the same, whatever the seed: no gate trips. Rows of latency add up to the change of each entry's mean.
#[test]
fn unchanged_nights_are_the_same() {
    for (number, pair) in unchanged_nights().windows(2).enumerate() {
        let [(night, old), (_, new)] = pair else { unreachable!("windows of two") };
        let output = night.path("comparison");
        let compared =
            tracescan(&["compare", text(old), text(new), "--fail-on", "new,worse", "--output", text(&output)]);
        assert_eq!(code(&compared), 0, "{number}: {}", stderr(&compared));
        assert_eq!(changed(&output), Vec::<String>::new(), "{number}");

        let means = |directory: &Path| -> Vec<(String, i64, i64)> {
            let rows = table(directory, "entries").into_iter().flat_map(|batch| {
                let [kinds, services, operations] =
                    ["entry_kind", "entry_service", "entry_operation"].map(|column| texts(&batch, column));
                let [requests, durations] = ["requests", "duration_ns"].map(|column| numbers(&batch, column));
                (0..batch.num_rows())
                    .filter_map(move |row| {
                        let name = format!("{} {}", services[row], operations[row]);
                        (kinds[row] == "root").then_some((name, requests[row], durations[row]))
                    })
                    .collect::<Vec<_>>()
            });
            rows.collect()
        };
        let (of_old, of_new) = (means(old), means(new));
        let mut entries = 0;
        for (name, requests, duration) in &of_new {
            let Some((_, old_requests, old_duration)) = of_old.iter().find(|(other, ..)| other == name) else {
                continue;
            };
            let rounded = |duration: i64, requests: i64| (2 * duration + requests) / (2 * requests);
            let expected = [rounded(*old_duration, *old_requests), rounded(*duration, *requests)];
            let mut sums = [0; 3];
            for batch in table(&output, "latency_changes") {
                let [services, operations] = ["entry_service", "entry_operation"].map(|column| texts(&batch, column));
                let columns = ["old_ns_per_request", "new_ns_per_request", "difference_ns_per_request"]
                    .map(|column| numbers(&batch, column));
                for row in
                    (0..batch.num_rows()).filter(|&row| format!("{} {}", services[row], operations[row]) == *name)
                {
                    (0..3).for_each(|sum| sums[sum] += columns[sum][row]);
                }
            }
            assert_eq!(sums, [expected[0], expected[1], expected[1] - expected[0]], "{name}");
            entries += 1;
        }
        assert!(entries > 8, "{entries}");
    }
}

/// One pattern is added, one comes seven times as often, one is gone: these three are told, and `new` trips the gate.
#[test]
fn what_was_changed_is_told() {
    let (old, new) = (Night::new(21), Night::new(22));
    old.without("redundant-query", 0);
    old.without("loop-database-orm", 4);
    new.without("scattered", 0);
    let (old, new_out) = (old.analysed(), new.analysed());
    let output = new.path("comparison");
    let compared = tracescan(&["compare", text(&old), text(&new_out), "--fail-on", "new", "--output", text(&output)]);
    assert_eq!(code(&compared), 1, "{}", stderr(&compared));
    assert_eq!(
        changed(&output),
        [
            "new n-plus-one tax postgresql/pricing@pricing-db",
            "worse n-plus-one orders postgresql/orders@orders-db",
            "gone n-plus-one account mysql/account@account-db",
        ]
    );
    let told = stderr(&compared);
    assert!(told.starts_with("failed: 1 pattern, worst: ") && told.contains("(trace "), "{told}");

    // The run itself says the same of its baseline.
    let (again, spans) = (new.path("again"), new.spans());
    let arguments = ["analyze", text(&spans), "--baseline", text(&old), "--output", text(&again)];
    let analysed = tracescan(&[&arguments[..], &["--fail-on", "worse", "--table-format", "parquet"]].concat());
    assert_eq!(code(&analysed), 1, "{}", stderr(&analysed));
    assert!(stderr(&analysed).contains(" findings of 1 pattern, worst: "), "{}", stderr(&analysed));
    let bytes = |directory: &Path, name: &str| fs::read(directory.join(name)).unwrap();
    for name in ["changes.parquet", "latency_changes.parquet"] {
        assert!(bytes(&output, name) == bytes(&again, name), "{name}");
    }

    // What is known trips nothing.
    let directory = tempfile::tempdir().unwrap();
    let known = "[[ignore]]\nservice = \"tax\"\ntarget = \"postgresql/*\"\nreason = \"to be cached\"\n";
    fs::write(directory.path().join("tracescan.toml"), known).unwrap();
    let compared = tracescan_in(
        directory.path(),
        &["compare", text(&old), text(&new_out), "--fail-on", "new", "--output", text(&output)],
    );
    assert_eq!(code(&compared), 0, "{}", stderr(&compared));
    assert_eq!(stderr(&compared), "configuration: tracescan.toml\n");
    assert!(changed(&output).contains(&"ignored n-plus-one tax postgresql/pricing@pricing-db".to_owned()));
}

/// What cannot be compared is refused with the reason.
#[test]
fn what_cannot_be_compared_is_told() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/incident.flat.parquet");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (ours, csv) = (path("ours"), path("csv"));
    done(&["analyze", text(&sample), "--output", text(&ours)]);
    done(&["analyze", text(&sample), "--output", text(&csv), "--table-format", "csv"]);
    let (older, cut) = (path("older"), path("cut"));
    for copy in [&older, &cut] {
        fs::create_dir(copy).unwrap();
        for entry in fs::read_dir(&ours).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    fs::remove_file(older.join("patterns.parquet")).unwrap();
    fs::write(cut.join("entries.parquet"), "PAR1").unwrap();
    for (old, told) in [
        (path("none"), "is no output directory of tracescan"),
        (csv, "holds its tables as CSV, and only Parquet can be compared"),
        (older, "has no patterns.parquet"),
        (cut, "entries.parquet cannot be read"),
    ] {
        for arguments in [
            vec!["compare", text(&old), text(&ours)],
            vec!["compare", text(&ours), text(&old)],
            vec!["analyze", text(&sample), "--baseline", text(&old)],
        ] {
            let refused = tracescan(&arguments);
            assert_eq!(code(&refused), 2, "{arguments:?}");
            assert!(stderr(&refused).contains(told), "{arguments:?}: {}", stderr(&refused));
        }
    }
    let replaced = tracescan(&["compare", text(&ours), text(&ours), "--output", text(&ours)]);
    assert_eq!(code(&replaced), 2);
    assert!(stderr(&replaced).contains("would replace the tables of a run that is compared"), "{}", stderr(&replaced));
}

/// What makes a comparison doubtful is said, and kept with it.
#[test]
fn what_is_missing_of_a_run_is_told() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/incident.otlp.jsonl.gz");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (whole, cut, of_one, compared) = (path("whole"), path("cut"), path("of-one"), path("compared"));
    done(&["analyze", text(&sample), "--output", text(&whole)]);
    done(&["analyze", text(&sample), "--service", "orders", "--output", text(&of_one)]);
    let bytes = fs::read(&sample).unwrap();
    let cut_sample = path("cut.otlp.jsonl.gz");
    fs::write(&cut_sample, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(code(&tracescan(&["analyze", text(&cut_sample), "--output", text(&cut)])), 2);
    for (old, new, told) in [
        (&whole, &cut, "1 input of the new run could not be read to the end"),
        (&cut, &whole, "1 input of the baseline could not be read to the end"),
        (&whole, &of_one, "traces of all services are in the baseline, of orders in the new run"),
    ] {
        done(&["compare", text(old), text(new), "--output", text(&compared)]);
        let run: serde_json::Value = serde_json::from_slice(&fs::read(compared.join("run.json")).unwrap()).unwrap();
        assert!(run["quality"]["doubts"][0].as_str().unwrap().contains(told), "{run}");
    }
    done(&["compare", text(&whole), text(&whole), "--output", text(&compared)]);
    let run: serde_json::Value = serde_json::from_slice(&fs::read(compared.join("run.json")).unwrap()).unwrap();
    assert_eq!(run["quality"]["doubts"], serde_json::json!([]));

    // No gate looks at risks: who names a detector that finds nothing else is told.
    for arguments in [
        vec!["analyze", text(&sample), "--fail-on", "large-payload,n-plus-one", "--min-total-impact", "1h"],
        vec!["compare", text(&whole), text(&whole), "--fail-on", "large-payload", "--min-total-impact", "1h"],
    ] {
        let gated = tracescan(&arguments);
        let said = stderr(&gated);
        assert_eq!(code(&gated), 0, "{said}");
        assert!(
            said.contains("warning: --fail-on large-payload never fails") && !said.contains("n-plus-one never"),
            "{said}"
        );
    }
}

/// What each gate does with the sample, and what it says.
#[test]
fn gates() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/incident.flat.parquet");
    let healthy = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/healthy.flat.parquet");
    let directory = tempfile::tempdir().unwrap();
    let config = |name: &str, content: &str| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let budgets = config(
        "budgets.toml",
        "[budget.\"web POST /checkout\"]\nmax_calls = 1000\nmax_database_calls = 1\nmax_depth = 50\nmax_failed_share = 1\n\
         [budget.\"web GET /nowhere\"]\nmax_p99 = \"1s\"\n",
    );
    let old = config("old.toml", "[[ignore]]\nservice = \"*\"\nreason = \"x\"\nexpires = 2001-01-01\n");
    let known = config("known.toml", "[[ignore]]\nservice = \"*\"\nreason = \"all known\"\n");
    let (sample, healthy) = (text(&sample), text(&healthy));
    for (arguments, exit, told) in [
        (vec![sample, "--fail-on", "any"], 1, "failed: "),
        (vec![sample, "--fail-on", "n-plus-one"], 1, "worst: "),
        (vec![sample, "--fail-on", "n-plus-one", "--min-impact", "1h"], 0, ""),
        (vec![sample, "--fail-on", "any", "--min-total-impact", "1h"], 0, ""),
        (vec![sample, "--fail-on", "any", "--min-failed-requests", "1000"], 0, ""),
        (vec![sample, "--fail-on", "any", "--min-failed-requests", "1"], 1, "failed, "),
        (vec![healthy, "--fail-on", "n-plus-one,sync-chain,retry-storm"], 0, ""),
        // Failures that somebody coped with are as small as they cost.
        (vec![healthy, "--fail-on", "any"], 0, ""),
        // One that a request failed of trips it, however quick it was.
        (vec![sample, "--fail-on", "failure-origins"], 1, "failed, "),
        (vec![healthy, "--fail-on", "any", "--min-impact", "1h"], 0, ""),
        (vec![sample, "--fail-on", "budget", "--config", text(&budgets)], 1, "max_database_calls: "),
        (vec![sample, "--config", text(&budgets)], 0, "warning: no request for [budget] web GET /nowhere max_p99"),
        (vec![sample, "--fail-on", "budget"], 2, "the configuration has no [budget] table"),
        (vec![sample, "--fail-on", "new"], 2, "there is no baseline"),
        (vec![sample, "--fail-on", "n-plus-one", "--skip", "n-plus-one"], 2, "that detector is off"),
        (vec![sample, "--fail-on", "any", "--config", text(&known)], 0, "configuration: "),
        (vec![sample, "--fail-on", "any", "--config", text(&old)], 1, "has expired on 2001-01-01"),
        (vec![sample, "--fail-on", "everything"], 64, "everything"),
        (vec![sample, "--min-impact", "soon"], 64, "--min-impact must be a duration"),
        (vec![], 64, "INPUT"),
    ] {
        let output = tracescan(&[&["analyze"], &arguments[..]].concat());
        assert_eq!(code(&output), exit, "{arguments:?}: {}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains(told) && (exit != 0 || !said.contains("failed: ")), "{arguments:?}: {said}");
    }
    // Runs that have no detector in common say nothing of each other's patterns.
    let baseline = directory.path().join("one_detector");
    let made = tracescan(&["analyze", healthy, "--detector", "n-plus-one", "--output", text(&baseline)]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let blind = [sample, "--detector", "retry-storm", "--baseline", text(&baseline), "--fail-on", "new"];
    let output = tracescan(&[&["analyze"], &blind[..]].concat());
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("no detector was on in both runs"), "{}", stderr(&output));
}

/// Budgets are a table, a row for each limit.
#[test]
fn budgets_are_a_table() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/incident.flat.parquet");
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("budgets.toml");
    fs::write(
        &config,
        "[budget.\"web POST /checkout\"]\nmax_calls = 1000\nmax_p99 = \"1ms\"\n[budget.\"x y\"]\nmax_depth = 1\n",
    )
    .unwrap();
    let output = directory.path().join("out");
    done(&["analyze", text(&sample), "--config", text(&config), "--output", text(&output), "--table-format", "json"]);
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(output.join("budgets.json")).unwrap()).unwrap();
    let shown: Vec<String> =
        rows.iter().map(|row| format!("{} {} {} {}", row["entry"], row["budget"], row["unit"], row["met"])).collect();
    assert_eq!(
        shown,
        [
            r#""web POST /checkout" "max_calls" "calls" true"#,
            r#""web POST /checkout" "max_p99" "ns" false"#,
            r#""x y" "max_depth" "hops" null"#,
        ]
    );
    assert!(rows[1]["value"].as_f64() > rows[1]["limit"].as_f64() && rows[1]["worst_trace_id"].is_string());
}

/// `config` prints a file that means what is set, and the schema of such files.
#[test]
fn settings_are_printed_with_their_sources() {
    let directory = tempfile::tempdir().unwrap();
    let written = "top = 3\n[compare]\nmin_requests = 50\n[[ignore]]\nservice = \"web\"\nreason = \"known\"\n[budget.\"web GET /\"]\nmax_calls = 5\n";
    fs::write(directory.path().join("tracescan.toml"), written).unwrap();
    let printed = tracescan_in(directory.path(), &["config", "--max-calls", "9"]);
    assert_eq!(code(&printed), 0, "{}", stderr(&printed));
    let printed = String::from_utf8(printed.stdout).unwrap();
    for line in [
        "top = 3  # tracescan.toml",
        "max_calls = 9  # command line",
        "min_requests = 50  # tracescan.toml",
        "min_ratio = 1.5  # default",
        "# min_total_impact is not set",
        "[[ignore]]",
        "[budget.\"web GET /\"]",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in {printed}");
    }
    let copy = tempfile::tempdir().unwrap();
    fs::write(copy.path().join("tracescan.toml"), &printed).unwrap();
    let again = String::from_utf8(tracescan_in(copy.path(), &["config"]).stdout).unwrap();
    let values =
        |text: &str| text.lines().map(|line| line.split("  # ").next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(values(&printed), values(&again));

    let schema = tracescan(&["config", "--schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert_eq!(schema["properties"]["ignore"]["items"]["required"], serde_json::json!(["reason"]));
    assert_eq!(schema["properties"]["n-plus-one"]["properties"]["max_calls"]["minimum"], 0);
}
