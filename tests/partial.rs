//! Parts of an input that are analysed for themselves and merged give the tables of one run over everything, to the byte.

use std::fs::{self, File};
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow::array::{Array as _, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::DataType;
use foldhash::fast::FixedState;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

fn tracescan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracescan")).args(arguments).output().expect("the program runs")
}

fn done(arguments: &[&str]) {
    let output = tracescan(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are texts")
}

/// The tables of an output directory, by name.
fn tables(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).expect("an output directory");
    let mut tables: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().is_some_and(|name| name != "run.json"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).expect("a table")))
        .collect();
    tables.sort();
    tables
}

/// `-` is standard output, and what is written there is what a file would hold; nothing is called `-`.
#[test]
fn a_part_may_go_to_standard_output() {
    let directory = tempfile::tempdir().expect("a directory");
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/incident.flat.parquet");
    let run = |partial: &str| {
        let arguments = ["analyze", sample, "--partial", partial, "--threads", "1"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_tracescan"));
        command.current_dir(&directory).args(arguments).output().expect("the program runs")
    };
    let (to_file, piped) = (run("file.partial"), run("-"));
    assert!(to_file.status.success() && to_file.stdout.is_empty());
    assert!(piped.status.success(), "{}", String::from_utf8_lossy(&piped.stderr));
    assert!(String::from_utf8_lossy(&piped.stderr).contains("standard output"));
    assert!(!directory.path().join("-").exists());
    assert!(piped.stdout == fs::read(directory.path().join("file.partial")).expect("the part"));
}

/// Cuts a Parquet file in `count` between traces, which fall to parts by a hash that `seed` decides.
fn cut(file: &Path, directory: &Path, count: usize, seed: u64) -> Vec<PathBuf> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).expect("a file")).expect("Parquet");
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().expect("a reader").map(|batch| batch.expect("a batch")).collect();
    let hasher = FixedState::with_seed(seed);
    let part_of = |batch: &RecordBatch| -> Vec<usize> {
        let ids = batch.column_by_name("trace_id").expect("trace ids");
        (0..ids.len())
            .map(|row| match ids.data_type() {
                DataType::Utf8 => hasher.hash_one(ids.as_string::<i32>().value(row)),
                DataType::Binary => hasher.hash_one(ids.as_binary::<i32>().value(row)),
                DataType::FixedSizeBinary(_) => hasher.hash_one(ids.as_fixed_size_binary().value(row)),
                other => panic!("trace ids are {other}"),
            })
            .map(|hash| (hash % count as u64) as usize)
            .collect()
    };
    let parts_of: Vec<Vec<usize>> = batches.iter().map(part_of).collect();
    (0..count)
        .map(|part| {
            let path = directory.join(format!("part-{part}.parquet"));
            let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), schema.clone(), None).unwrap();
            for (batch, parts) in batches.iter().zip(&parts_of) {
                let own = BooleanArray::from_iter(parts.iter().map(|&of| Some(of == part)));
                writer.write(&filter_record_batch(batch, &own).expect("rows")).expect("rows are written");
            }
            writer.close().expect("a file");
            path
        })
        .collect()
}

/// Analyses a file at once and in parts, and compares.
fn check(file: &Path, counts: &[usize]) {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    done(&["analyze", text(file), "--output", text(&whole)]);
    let expected = tables(&whole);
    assert!(expected.len() > 5, "{expected:?}");
    for &count in counts {
        let folder = directory.path().join(format!("cut-{count}"));
        fs::create_dir(&folder).unwrap();
        let mut partials: Vec<PathBuf> = Vec::new();
        for (number, part) in cut(file, &folder, count, count as u64).into_iter().enumerate() {
            let partial = folder.join(format!("{number}.partial"));
            // How many threads a part had must not show either.
            let threads = (number % 2 + 1).to_string();
            done(&["analyze", text(&part), "--partial", text(&partial), "--allow-empty", "--threads", &threads]);
            partials.push(partial);
        }
        for order in 0..2 {
            if order == 1 {
                partials.reverse();
                let middle = partials.len() / 2;
                partials.rotate_left(middle);
            }
            let merged = folder.join(format!("merged-{order}"));
            let mut arguments = vec!["merge", "--output", text(&merged)];
            arguments.extend(partials.iter().map(|partial| text(partial)));
            done(&arguments);
            for ((name, expected), (merged_name, found)) in expected.iter().zip(tables(&merged)) {
                assert_eq!(name, &merged_name);
                assert!(*expected == found, "{name} of {} in {count} parts differs", file.display());
            }
            let [of_whole, of_merged] = [&whole, &merged].map(|directory| {
                let run = fs::read_to_string(directory.join("run.json")).unwrap();
                let run: serde_json::Value = serde_json::from_str(&run).unwrap();
                (run["totals"].clone(), run["quality"].clone())
            });
            assert_eq!(of_whole, of_merged, "{} in {count} parts", file.display());
        }
    }
}

/// All planted anti-patterns, hosts that are services of other traces, and calls that only others can name.
#[test]
fn generated_traces_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.flat.parquet");
    done(&[
        "generate",
        "--spans",
        "20000",
        "--seed",
        "5",
        "--anti-patterns",
        "0.4",
        "--faults",
        "0.3",
        "--smells",
        "0.2",
        "--output",
        text(&file),
    ]);
    check(&file, &[1, 2, 7, 50]);
}

/// The samples hold an incident: failures, retries, and a callee that never answers; and faults and smells that only many traces show.
#[test]
fn samples_in_parts() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    for name in ["incident.flat.parquet", "healthy.flat.parquet", "faults.flat.parquet", "smells.flat.parquet"] {
        check(&samples.join(name), &[2, 7]);
    }
}

/// Real dumps, among them one whose spans are known by host only.
#[test]
fn real_dumps_in_parts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/real");
    if !folder.is_dir() {
        #[expect(clippy::print_stderr, reason = "says why nothing was tested")]
        {
            eprintln!("skipped: {} is absent", folder.display());
        }
        return;
    }
    for name in ["online-boutique.flat.parquet", "robot-shop.flat.parquet", "media.flat.parquet"] {
        check(&folder.join(name), &[2, 7]);
    }
}

/// One span as a line of JSON.
fn span(service: &str, ids: [u32; 3], kind: u32, name: &str, times: [u64; 2], attributes: &[(&str, &str)]) -> String {
    span_of(service, &[], ids, kind, name, times, attributes)
}

/// The same of a resource that has these attributes too.
fn span_of(
    service: &str,
    of_resource: &[(&str, &str)],
    [trace, id, parent]: [u32; 3],
    kind: u32,
    name: &str,
    [start, end]: [u64; 2],
    attributes: &[(&str, &str)],
) -> String {
    let pairs = |attributes: &[(&str, &str)]| -> Vec<serde_json::Value> {
        let pair = |(key, value): &(&str, &str)| serde_json::json!({"key": key, "value": {"stringValue": value}});
        attributes.iter().map(pair).collect()
    };
    let attributes = pairs(attributes);
    let resource = pairs(&[&[("service.name", service)], of_resource].concat());
    let mut span = serde_json::json!({
        "traceId": format!("{trace:032x}"), "spanId": format!("{id:016x}"), "name": name, "kind": kind,
        "startTimeUnixNano": (1_700_000_000_000_000_000 + start * 1_000_000 + 1).to_string(),
        "endTimeUnixNano": (1_700_000_000_000_000_000 + end * 1_000_000 + 1).to_string(),
        "attributes": attributes,
    });
    if parent != 0 {
        span["parentSpanId"] = format!("{parent:016x}").into();
    }
    serde_json::json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"spans": [span]}],
    }]})
    .to_string()
}

/// A host is a service where any part has a service of that name, and a call without a callee is called what the callees of
/// another part call it. Both change what the first part says alone.
#[test]
fn parts_learn_from_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let caller = |trace: u32, calls: u32, host: &str| -> Vec<String> {
        let mut spans = vec![span("web", [trace, 1, 0], 2, "GET /", [0, 1_000], &[])];
        spans.extend((0..calls).map(|call| {
            let times = [u64::from(call) * 10, u64::from(call) * 10 + 9];
            let attributes = [("server.address", host), ("http.request.method", "GET"), ("url.path", "/quote")];
            span("web", [trace, 2 + call, 1], 3, "GET", times, &attributes)
        }));
        spans
    };
    let first =
        [caller(1, 8, "pay.shop.svc"), caller(2, 8, "elsewhere.example.com"), caller(3, 1, "pay.shop.svc")].concat();
    let mut second = caller(4, 1, "pay.shop.svc");
    second.push(span("pay", [4, 100, 2], 2, "GET /quote/{id}", [1, 8], &[]));
    fs::write(path("first.jsonl"), first.join("\n")).unwrap();
    fs::write(path("second.jsonl"), second.join("\n")).unwrap();
    fs::write(path("both.jsonl"), [first.join("\n"), second.join("\n")].join("\n")).unwrap();

    done(&["analyze", text(&path("both.jsonl")), "--output", text(&path("both"))]);
    done(&["analyze", text(&path("first.jsonl")), "--output", text(&path("alone"))]);
    for (name, counts) in [("first", "20 spans of 3 traces"), ("second", "3 spans of 1 trace ")] {
        let (input, part) = (path(&format!("{name}.jsonl")), path(&format!("{name}.partial")));
        let output = tracescan(&["analyze", text(&input), "--partial", text(&part)]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains(counts), "traces that wait count as well: {said}");
    }
    done(&["merge", text(&path("first.partial")), text(&path("second.partial")), "--output", text(&path("merged"))]);
    done(&["merge", text(&path("first.partial")), "--output", text(&path("merged-alone"))]);
    assert!(tables(&path("merged")) == tables(&path("both")));
    assert!(tables(&path("merged-alone")) == tables(&path("alone")));
    let n_plus_one = |directory: &str| fs::read(path(directory).join("n_plus_one.parquet")).unwrap();
    assert!(n_plus_one("alone") != n_plus_one("both"), "the second part must matter, or this tests nothing");
}

/// What is decided by counts over all traces: whether calls are refused often enough, whether an operation fails with a target
/// often enough, and with which deeper one, and whether calls ever ran at the same time that come one after the other.
#[test]
fn counts_over_all_traces_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut lines = Vec::new();
    for trace in 1..=24 {
        let code = if trace % 2 == 0 { "503" } else { "200" };
        let (failed, refused) = (("http.response.status_code", code), ("http.response.status_code", "429"));
        let (url, retry_after) = (("url.full", "http://a.example/a"), ("http.response.header.retry-after", "[\"9\"]"));
        let last = [if trace % 6 == 0 { 20 } else { 89 }, 97];
        lines.extend([
            span("web", [trace, 1, 0], 2, "GET /", [0, 100], &[failed]),
            span("web", [trace, 2, 1], 3, "GET", [10, 80], &[failed]),
            span("cart", [trace, 3, 2], 2, "GET /cart", [11, 79], &[failed]),
            span("cart", [trace, 4, 3], 3, "GET", [20, 70], &[failed, ("server.address", "stock.example")]),
            span("web", [trace, 5, 1], 3, "GET", [80, 81], &[refused, url, retry_after]),
            span("web", [trace, 6, 1], 3, "GET", [85, 89], &[("http.response.status_code", "200"), url]),
            span("web", [trace, 7, 1], 3, "GET", last, &[("url.full", "http://b.example/b")]),
        ]);
    }
    fs::write(path("all.jsonl"), lines.join("\n")).unwrap();
    done(&["convert", text(&path("all.jsonl")), "--output", text(&path("all.parquet"))]);
    done(&["analyze", text(&path("all.parquet")), "--output", text(&path("out")), "--table-format", "json"]);
    let rows = |table: &str| -> Vec<serde_json::Value> {
        serde_json::from_str(&fs::read_to_string(path("out").join(table)).unwrap()).unwrap()
    };
    let throttled = &rows("throttling.json")[0];
    assert_eq!((&throttled["told_retries"], &throttled["ignored_share"]), (&24.into(), &1.0.into()));
    let hard = rows("hard_dependency.json");
    assert_eq!((hard.len(), &hard[1]["explained_by"]), (2, &hard[0]["pattern_id"]));
    let in_line = rows("serial_fan_out.json");
    assert_eq!((in_line.len(), &in_line[0]["evidence"], &in_line[0]["traces"]), (1, &"overlapped".into(), &20.into()));
    assert_eq!((&in_line[0]["independent_pairs"], &in_line[0]["saving_ns"]), (&2.into(), &(20 * 8_000_000i64).into()));
    check(&path("all.parquet"), &[2, 7, 24]);
}

/// Whether a request waited for another one is told by both of their traces: two instances serve one at a time, a report now and
/// then keeps others waiting, and what the report waits for is in its trace alone.
#[test]
fn queues_over_several_traces_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut lines = Vec::new();
    for trace in 1..=60u32 {
        let (instance, turn) = (["a", "b"][trace as usize % 2], u64::from(trace) / 2 * 50);
        let is_first = trace <= 8;
        let called = |begin: u64, ahead: u64| if is_first { begin - 1 } else { begin - ahead };
        let report = [called(turn + 100, 20), turn + 141];
        let get = [called(turn + 140, 30), turn + 151];
        let instance = [("service.instance.id", instance)];
        lines.extend([
            span("web", [trace, 1, 0], 2, "GET /", [turn, turn + 200], &[]),
            span("web", [trace, 2, 1], 3, "report", report, &[]),
            span_of("search", &instance, [trace, 3, 2], 2, "Report", [turn + 100, turn + 140], &[]),
            span("search", [trace, 4, 3], 3, "SELECT", [turn + 101, turn + 139], &[("db.system", "postgresql")]),
            span("web", [trace, 5, 1], 3, "get", get, &[]),
            span_of("search", &instance, [trace, 6, 5], 2, "Get", [turn + 140, turn + 150], &[]),
            span("web", [trace, 7, 1], 3, "pool.acquire", [turn, turn + 10], &[("db.system", "postgresql")]),
        ]);
    }
    fs::write(path("all.jsonl"), lines.join("\n")).unwrap();
    done(&["convert", text(&path("all.jsonl")), "--output", text(&path("all.parquet"))]);
    done(&["analyze", text(&path("all.parquet")), "--output", text(&path("out")), "--table-format", "json"]);
    let rows: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path("out").join("saturation.json")).unwrap()).unwrap();
    let of = |row: usize, columns: [&str; 5]| columns.map(|column| rows[row][column].to_string()).join(" ");
    assert_eq!(
        of(0, ["kind", "limit", "instances", "holder_operation", "held_by"]),
        r#""queue" 1 2 "Report" "postgresql""#
    );
    assert_eq!(of(1, ["kind", "waits", "calls", "target", "instances"]), r#""pool" 60 60 "postgresql" 1"#);
    check(&path("all.parquet"), &[2, 7]);
}

/// A trace that was cut in two is told, and counted once as a trace.
#[test]
fn traces_in_several_parts_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let lines = |ids: &[u32]| -> String {
        let lines: Vec<String> = ids.iter().map(|&id| span("web", [7, id, 0], 2, "GET /", [0, 10], &[])).collect();
        lines.join("\n")
    };
    fs::write(path("a.jsonl"), lines(&[1, 2])).unwrap();
    fs::write(path("b.jsonl"), lines(&[3])).unwrap();
    for name in ["a", "b"] {
        done(&["analyze", text(&path(&format!("{name}.jsonl"))), "--partial", text(&path(&format!("{name}.partial")))]);
    }
    let output =
        tracescan(&["merge", text(&path("a.partial")), text(&path("b.partial")), "--output", text(&path("out"))]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && told.contains("1 trace cut in two by the parts"), "{told}");
    let run: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path("out").join("run.json")).unwrap()).unwrap();
    assert_eq!((&run["totals"]["traces"], &run["totals"]["spans"]), (&1.into(), &3.into()));
    assert_eq!(run["quality"]["in_several_parts"], 1);
}

/// Parts tell apart what each of them has, which together may be more than one run would.
#[test]
fn more_values_than_one_run_tells_apart_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let name = |number: u32| -> String {
        (0..4).map(|place| char::from(b'a' + (number / 26u32.pow(place) % 26) as u8)).collect()
    };
    for (part, names) in [("few", 0..9_000), ("more", 8_000..16_000), ("many", 16_000..17_000)] {
        let spans: Vec<String> =
            names.map(|id| span("web", [id / 500 + 1, id + 1, 0], 2, &name(id), [0, 10], &[])).collect();
        fs::write(path(&format!("{part}.jsonl")), spans.join("\n")).unwrap();
        done(&["analyze", text(&path(&format!("{part}.jsonl"))), "--partial", text(&path(part))]);
    }
    let merged = |parts: &[&str]| {
        let files: Vec<PathBuf> = parts.iter().map(|part| path(part)).collect();
        let arguments: Vec<&str> = ["merge", "-q"].into_iter().chain(files.iter().map(|file| text(file))).collect();
        let output = tracescan(&arguments);
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let told = "name has 17,000 values in all parts together, and one run tells 16,384 apart";
    assert!(!merged(&["few", "more"]).contains("together"));
    assert!(merged(&["few", "more", "many"]).contains(told));
}

/// That a part shows values that give secrets away is a setting of the whole, too.
#[test]
fn values_that_are_shown_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for (part, show_values) in [(1, false), (2, true)] {
        let [spans, partial] = ["jsonl", "partial"].map(|extension| path(&format!("{part}.{extension}")));
        fs::write(&spans, span("web", [part, 1, 0], 2, "GET /", [0, 10], &[])).unwrap();
        let mut arguments = vec!["analyze", text(&spans), "--partial", text(&partial)];
        arguments.extend(show_values.then_some("--show-values"));
        done(&arguments);
    }
    let (one, both, out) = (path("1.partial"), path("2.partial"), path("out"));
    for (parts, expected) in [(&[&one][..], false), (&[&one, &both], true)] {
        let mut arguments = vec!["merge", "--output", text(&out)];
        arguments.extend(parts.iter().map(|part| text(part)));
        done(&arguments);
        let run: serde_json::Value = serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap();
        assert_eq!(run["settings"]["show_values"].as_bool(), Some(expected));
    }
}

/// What cannot be merged is refused with what differs, and nothing is written.
#[test]
fn parts_of_other_settings_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("a.jsonl"), span("web", [7, 1, 0], 2, "GET /", [0, 10], &[])).unwrap();
    done(&["analyze", text(&path("a.jsonl")), "--partial", text(&path("a.partial"))]);
    done(&["analyze", text(&path("a.jsonl")), "--partial", text(&path("b.partial")), "--set", "sync-chain.max_hops=9"]);
    let refused = |arguments: &[&str], told: &str| {
        let output = tracescan(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(told), "{stderr}");
        assert!(!path("out").exists());
    };
    let (a, b, out) = (path("a.partial"), path("b.partial"), path("out"));
    let with = |files: &[&Path], told: &str| {
        let mut arguments = vec!["merge", "--output", text(&out)];
        arguments.extend(files.iter().map(|file| text(file)));
        refused(&arguments, told);
    };
    with(&[&a, &b], "detectors.sync-chain.max_hops is 9 there, and 3 here");
    fs::write(path("names.toml"), "[names]\nreading_commands = [\"get\"]").unwrap();
    let (c, names) = (path("c.partial"), path("names.toml"));
    done(&["analyze", text(&path("a.jsonl")), "--partial", text(&c), "--config", text(&names)]);
    with(&[&a, &c], "names.reading_commands has \"mget\" here, and not there");
    with(&[&a, &a], "is given twice");
    with(&[&path("a.jsonl")], "holds no partial results");
    with(&[&path("absent.partial")], "absent.partial");
    let whole = fs::read(&a).unwrap();
    fs::write(path("cut.partial"), &whole[..whole.len() / 2]).unwrap();
    with(&[&path("cut.partial")], "was cut short");
}
