//! What `generate` plants of what only many traces show together is what `analyze` finds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Those of which one trace says too little.
const DETECTORS: [&str; 6] =
    ["serial-fan-out", "hard-dependency", "timeouts", "circuit-breaker", "throttling", "saturation"];

/// How rows of a detector of smells tell the service and the kind that labels name.
struct Smells {
    detector: &'static str,
    /// The column of the service; of a list the first.
    service: &'static str,
    /// The column of the kind; none if rows have no kind.
    kind: Option<&'static str>,
    /// Whether each planted trace is a finding. For the others one trace stands for all of them.
    each: bool,
}

const fn smells(detector: &'static str, service: &'static str, kind: Option<&'static str>, each: bool) -> Smells {
    Smells { detector, service, kind, each }
}

const SMELLS: [Smells; 13] = [
    smells("shared-database", "owner", Some("kind"), false),
    smells("dual-write", "service", None, true),
    smells("uncompensated-saga", "service", Some("evidence"), true),
    smells("distributed-monolith", "services", None, false),
    smells("ill-sized-service", "service", Some("kind"), false),
    smells("no-gateway", "service", None, false),
    smells("message-disorder", "group", Some("kind"), true),
    smells("duplicate-message", "group", None, true),
    smells("dead-letter", "service", Some("kind"), true),
    smells("consumer-lag", "group", Some("kind"), false),
    smells("large-payload", "service", Some("direction"), true),
    smells("sensitive-data", "service", Some("kind"), false),
    smells("trace-quality", "service", Some("kind"), false),
];

fn done(arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_tracescan")).args(arguments).output().expect("the binary runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What is known of a generated dump: its labels, and the directory that `analyze` has written of it.
struct Analysed {
    folder: tempfile::TempDir,
    labels: Vec<Value>,
}

impl Analysed {
    /// 20,000 spans of a seed, a share of whose traces is as asked for.
    fn of(seed: &str, shares: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (spans, labels, out) = (path("spans.flat.parquet"), path("labels.jsonl"), path("out"));
        let options = ["generate", "--spans", "20000", "--seed", seed, "-o", &spans, "--labels", &labels];
        done(&[&options, shares].concat());
        done(&["analyze", &spans, "--output", &out, "--table-format", "json"]);
        let labels = read_labels(Path::new(&labels));
        Self { folder, labels }
    }

    /// A sample.
    fn of_sample(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
        let spans = samples.join(format!("{name}.flat.parquet")).display().to_string();
        let out = folder.path().join("out").display().to_string();
        done(&["analyze", &spans, "--output", &out, "--table-format", "json"]);
        let labels = read_labels(&samples.join(format!("{name}.labels.jsonl")));
        Self { folder, labels }
    }

    fn table(&self, name: &str) -> Vec<Value> {
        let path = self.folder.path().join("out").join(name).with_extension("json");
        serde_json::from_str(&fs::read_to_string(path).expect("a table")).expect("JSON")
    }

    fn labels_of(&self, detector: &str, kind: &str) -> Vec<&Value> {
        self.labels.iter().filter(|label| label["detector"] == detector && label["kind"] == kind).collect()
    }
}

fn read_labels(path: &Path) -> Vec<Value> {
    let labels = fs::read_to_string(path).expect("labels");
    labels.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn traces<'a>(rows: impl IntoIterator<Item = &'a Value>) -> BTreeSet<&'a str> {
    rows.into_iter().map(|row| row["trace_id"].as_str().expect("an id")).collect()
}

/// Every planted trace is a problem of its detector, and no other trace is: neither look-alikes nor ordinary traffic.
#[test]
fn what_many_traces_show_is_what_was_planted() {
    for seed in ["1", "2"] {
        let analysed = Analysed::of(seed, &["--anti-patterns", "0.1", "--faults", "0.6"]);
        let findings = analysed.table("findings");
        for detector in DETECTORS {
            let problems = findings.iter().filter(|row| row["detector"] == detector && row["level"] == "problem");
            let found = traces(problems);
            let planted = traces(analysed.labels_of(detector, "planted"));
            let look_alikes = traces(analysed.labels_of(detector, "look_alike"));
            assert!(planted.len() > 5 && !look_alikes.is_empty(), "{detector}");
            assert!(found.is_disjoint(&look_alikes), "{detector} finds a look-alike");
            let missing = planted.difference(&found).count();
            let beside: Vec<&&str> = found.difference(&planted).collect();
            // A breaker lets a call through now and then, and the first failures after others may open it sooner.
            let (may_miss, may_find) = if detector == "circuit-breaker" { (0.2, 0.3) } else { (0.0, 0.0) };
            assert!(
                missing as f64 <= may_miss * planted.len() as f64,
                "{detector} misses {missing} of {}",
                planted.len()
            );
            assert!(beside.len() as f64 <= may_find * planted.len() as f64, "{detector} finds {beside:?}");
        }
    }
}

/// Kinds of smells that are never more than a note. Ordinary traffic may have others of them.
const NOTES: [&str; 3] = ["common-reader", "client-root", "unnamed-target"];

/// Every planted smell is a row of its detector with its service and kind, and there is no other that is more than a note; of a
/// look-alike whose kind is told there is not even that. Every finding is in a trace where it was planted, and where each is one
/// there is no trace without.
#[test]
fn smells_are_what_was_planted() {
    let generated = |seed| Analysed::of(seed, &["--anti-patterns", "0", "--smells", "0.9"]);
    for analysed in [generated("1"), generated("2"), Analysed::of_sample("smells")] {
        let findings = analysed.table("findings");
        for Smells { detector, service, kind, each } in SMELLS {
            let planted = analysed.labels_of(detector, "planted");
            let names_of_label = |label: &Value| -> [String; 2] {
                [&label["service"], if kind.is_some() { &label["finding"] } else { &Value::Null }]
                    .map(|name| name.as_str().unwrap_or_default().to_owned())
            };
            let expected = planted.iter().map(|label| names_of_label(label));
            let table = analysed.table(&detector.replace('-', "_"));
            let names = |row: &'_ Value| -> [String; 2] {
                let service = if row[service].is_array() { &row[service][0] } else { &row[service] };
                [service, kind.map_or(&Value::Null, |kind| &row[kind])]
                    .map(|name| name.as_str().unwrap_or_default().to_owned())
            };
            let names_of = |is_note: bool| -> BTreeSet<[String; 2]> {
                table.iter().filter(|row| (row["level"] == "note") == is_note).map(names).collect()
            };
            let (more, notes) = (names_of(false), names_of(true));
            let (as_notes, as_more): (BTreeSet<_>, BTreeSet<_>) =
                expected.partition(|[_, kind]| NOTES.contains(&kind.as_str()));
            assert_eq!(more, as_more, "{detector}");
            assert!(as_notes.is_subset(&notes), "{detector}: {as_notes:?} of {notes:?}");
            for label in analysed.labels_of(detector, "look_alike").iter().filter(|label| label["finding"].is_string())
            {
                let look_alike = names_of_label(label);
                assert!(!more.contains(&look_alike) && !notes.contains(&look_alike), "{detector}: {look_alike:?}");
            }

            let found =
                traces(findings.iter().filter(|finding| finding["detector"] == detector && finding["level"] != "note"));
            let planted = traces(planted);
            let look_alikes = traces(analysed.labels_of(detector, "look_alike"));
            assert!(!found.is_empty() && look_alikes.len() > 5, "{detector}");
            let beside: Vec<&&str> = found.difference(&planted).collect();
            assert!(beside.is_empty(), "{detector} finds {beside:?}");
            assert!(!each || found == planted, "{detector} misses some of {planted:?}");
        }
    }
}

/// On a good day nothing is more than a note, as far as detectors of smells can tell.
#[test]
fn a_healthy_shop_smells_of_nothing() {
    let folder = tempfile::tempdir().expect("a directory");
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/healthy.flat.parquet");
    let out = folder.path().join("out").display().to_string();
    done(&["analyze", sample, "--output", &out, "--table-format", "json"]);
    for Smells { detector, .. } in SMELLS {
        let path = Path::new(&out).join(detector.replace('-', "_")).with_extension("json");
        let rows: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).expect("a table")).expect("JSON");
        let more: Vec<&Value> = rows.iter().filter(|row| row["level"] != "note").collect();
        assert!(more.is_empty(), "{detector}: {more:?}");
    }
}

/// Samples are what the commands in their README write, to the byte.
#[test]
fn samples_are_generated_as_their_readme_says() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let readme = fs::read_to_string(samples.join("README.md")).expect("a README");
    let folder = tempfile::tempdir().expect("a directory");
    let mut names = BTreeSet::new();
    for command in readme.lines().filter_map(|line| line.strip_prefix("tracescan generate ")) {
        let words = command.split(' ').map(|word| match word.strip_prefix("samples/") {
            Some(name) => {
                names.insert(name.to_owned());
                folder.path().join(name).display().to_string()
            }
            None => word.to_owned(),
        });
        let words: Vec<String> = std::iter::once("generate".to_owned()).chain(words).collect();
        done(&words.iter().map(String::as_str).collect::<Vec<&str>>());
    }
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        let bytes = |folder: &Path| fs::read(folder.join(&name)).expect("a file");
        assert!(bytes(folder.path()) == bytes(&samples), "{name} is another than what is generated");
    }
}
