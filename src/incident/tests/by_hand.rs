//! Small dumps, whose differences can be worked out by hand.

use std::fs::File;
use std::sync::Arc;

use crate::detectors::{Cell, Whole};
use crate::frame::SpillStore;
use crate::gathered::{Gathered, Gathers};
use crate::incident::ranking::Confidence;
use crate::incident::{AskedIncident, AskedWindow, Incident, IncidentError, Moment, TimeRange, WindowChoice, conclude};
use crate::partial::{PartialReader, PartialWriter, Renumbering, TraceNumber};
use crate::trace::sample::{SAMPLE_START, Sample};

const MILLISECOND: i64 = 1_000_000;

/// When windows begin, in ms after the sample's start. What begins before is the baseline.
const WINDOW_MS: i64 = 1_000_000;

/// What a request takes, in ms: web works, the network to cart takes time, cart works, and waits for redis.
struct Took {
    web: i64,
    network: i64,
    cart: i64,
    redis: i64,
    /// What is said of the call of redis.
    redis_says: &'static str,
}

const USUAL: Took = Took { web: 10, network: 10, cart: 10, redis: 10, redis_says: "" };

/// The lines of a sample, trace by trace.
#[derive(Default)]
struct Lines {
    lines: String,
    traces: i64,
}

impl Lines {
    /// Adds a trace of these spans.
    fn add(mut self, spans: &[String]) -> Self {
        self.traces += 1;
        for span in spans {
            self.lines.push_str(&format!("{} {span}\n", self.traces));
        }
        self
    }

    /// Adds a request that begins at some ms.
    fn request(self, begins: i64, took: &Took) -> Self {
        let Took { web, network, cart, redis, redis_says } = took;
        let calls = begins + web;
        let arrives = calls + network;
        let asks = arrives + cart;
        let end = asks + redis;
        let spans = [
            format!("1 0 web SERVER buy {begins}..{end}"),
            format!("2 1 web CLIENT call {calls}..{end}"),
            format!("3 2 cart SERVER Get {arrives}..{end}"),
            format!("4 3 cart CLIENT find {asks}..{end} db.system=redis {redis_says}"),
        ];
        self.add(&spans)
    }

    /// Four usual requests of the baseline, and then those of the window.
    fn with_window(window: &[Took]) -> Self {
        let usual = (0..4).fold(Self::default(), |lines, number| lines.request(1_000 * number, &USUAL));
        window.iter().zip(0..).fold(usual, |lines, (took, number)| lines.request(WINDOW_MS + 1_000 * number, took))
    }
}

fn at(ms: i64) -> i64 {
    SAMPLE_START + ms * MILLISECOND
}

fn window_from(ms: i64) -> WindowChoice {
    let (option, text) = ("--window", format!("{ms}.."));
    WindowChoice::Asked(AskedWindow { option, text, from: Some(Moment::At(at(ms))), to: None })
}

const ASKED: Gathers = Gathers { requests: true, ..Gathers::NOTHING };

fn conclude_from(
    sample: &Sample,
    gathered: &Gathered,
    window: WindowChoice,
    baseline_window: Option<AskedWindow>,
) -> Result<Incident, IncidentError> {
    let semantics = &sample.semantics;
    let whole = Whole {
        symbols: &semantics.symbols,
        lists: &semantics.lists,
        trace_ids: sample.trace_ids(),
        is_weighted: false,
        gathered,
    };
    let dump = TimeRange { start: at(0), end: at(2 * WINDOW_MS) };
    let asked = AskedIncident { window, baseline_window };
    conclude(&asked, gathered.requests.as_ref().unwrap(), &whole, Some(dump))
}

fn compared(lines: &Lines, window: WindowChoice) -> Result<Incident, IncidentError> {
    let sample = Sample::of(&lines.lines);
    let mut gathered = Gathered::new(ASKED, None);
    for (index, number) in (0..sample.trace_ids().len()).zip(0u32..) {
        sample.with_trace(index, number, |trace| gathered.see(&[*trace]));
    }
    conclude_from(&sample, &gathered, window, None)
}

fn incident_of(lines: &Lines) -> Incident {
    compared(lines, window_from(WINDOW_MS)).unwrap()
}

/// Values of some columns of the suspects, each row as a text.
fn told(incident: &Incident, columns: &[&str]) -> Vec<String> {
    told_of(incident, 0, columns)
}

fn told_of(incident: &Incident, table: usize, columns: &[&str]) -> Vec<String> {
    let table = &incident.tables[table];
    let text = |cell: &Cell| match cell {
        Cell::None => "-".to_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::Float(number) => format!("{number:.3}"),
        Cell::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let cells: Vec<_> = columns.iter().map(|column| table.column(column).unwrap().1).collect();
    (0..table.row_count())
        .map(|row| cells.iter().map(|cells| text(&cells[row])).collect::<Vec<_>>().join(" "))
        .collect()
}

/// Two requests of the window against four usual ones, so that those count half. Work is blamed on who works, waiting on what
/// is waited for, the network on both ends; who saves time is no suspect.
#[test]
fn blame_is_time_beyond_what_is_usual() {
    for (window, expected, confidence) in [
        // 2 × 40 − 4 × 10 / 2 = 60 of 2 × 70.
        (
            [Took { redis: 40, ..USUAL }, Took { redis: 40, ..USUAL }],
            vec!["redis database 60000000 0.429 0.429 -"],
            Confidence::Clear,
        ),
        // 2 × 50 − 20 = 80 of 2 × 80, once for each end; that which is called comes first.
        (
            [Took { network: 50, ..USUAL }, Took { network: 50, ..USUAL }],
            vec!["cart service 80000000 0.500 0.500 -", "web service 80000000 0.500 0.500 -"],
            Confidence::Clear,
        ),
        // 45 + 12 − 20 = 37 of 72 + 42; cart saves 3.
        (
            [Took { web: 45, cart: 7, ..USUAL }, Took { web: 12, ..USUAL }],
            vec!["web service 37000000 0.325 0.325 -"],
            Confidence::Clear,
        ),
        ([USUAL, Took { cart: 14, ..USUAL }], vec!["cart service 4000000 0.048 0.048 -"], Confidence::Quiet),
        ([USUAL, USUAL], vec![], Confidence::Quiet),
    ] {
        let incident = incident_of(&Lines::with_window(&window));
        let columns = ["suspect", "kind", "blame_ns", "blame_share", "score", "time_ratio"];
        assert_eq!(told(&incident, &columns), expected);
        assert_eq!(incident.confidence, confidence, "{expected:?}");
        assert_eq!((incident.requests, incident.requests_left_out), ([2, 4], [0, 0]));
    }
}

/// Rows are those of latency attribution over the window, and their differences add up to the blame.
#[test]
fn rows_add_up_to_the_blame() {
    let incident = incident_of(&Lines::with_window(&[Took { cart: 30, network: 20, ..USUAL }, USUAL]));
    let columns = ["suspect", "entry_operation", "service", "component", "target", "traces", "critical_ns", "max_ns"];
    let sums = ["window_ns", "baseline_ns", "difference_ns"];
    assert_eq!(
        told_of(&incident, 1, &[&columns[..], &sums].concat()),
        [
            "cart buy cart self  2 40000000 30000000 40000000 20000000 20000000",
            "cart buy web network cart 2 30000000 20000000 30000000 20000000 10000000",
            "web buy web network cart 2 30000000 20000000 30000000 20000000 10000000",
            "web buy web self  2 20000000 10000000 20000000 20000000 0",
        ]
    );
    assert_eq!(told(&incident, &["suspect", "blame_ns"]), ["cart 30000000", "web 10000000"]);
}

/// Failures are blamed on what was not reached, else on where they began, and counted entry by entry.
#[test]
fn failures_are_those_beyond_what_is_usual() {
    let failing = |redis_says| Took { redis_says, ..USUAL };
    let columns = ["suspect", "kind", "excess_failures", "excess_failure_share", "score", "example_trace_id"];
    let with_one_before = |lines: Lines| lines.request(5_000, &failing("ERROR error.type=ECONNREFUSED"));
    // Of five requests one failed before, so that of two 0.4 would.
    for (says, expected) in [
        ("ERROR error.type=ECONNREFUSED", "redis database 1.600 0.800"),
        ("ERROR error.type=TimeoutException", "redis database 1.600 0.800"),
        ("ERROR error.type=SyntaxError", "cart service 2.000 1.000"),
    ] {
        let incident = incident_of(&with_one_before(Lines::with_window(&[failing(says), failing(says)])));
        let suspects = told(&incident, &columns);
        assert!(suspects[0].starts_with(expected), "{suspects:?}");
        assert_eq!(incident.confidence, Confidence::Clear);
    }
    // What fails always is not pooled with what is asked more often now.
    let checks = |lines: Lines, begins: i64, count: i64| {
        (0..count).fold(lines, |lines, number| {
            let begins = begins + number;
            lines.add(&[format!("1 0 health SERVER check {begins}..{} ERROR", begins + 1)])
        })
    };
    let incident = incident_of(&checks(checks(Lines::with_window(&[USUAL]), 10_000, 5), WINDOW_MS, 50));
    assert_eq!((told(&incident, &columns), incident.requests), (vec![], [51, 9]));
}

/// Traces without a root count for failures only, and a trace belongs to where its first root begins.
#[test]
fn first_roots_decide() {
    let fragment = |lines: Lines, begins: i64, says: &str| {
        lines.add(&[format!("1 99 cart SERVER Get {begins}..{} {says}", begins + 500)])
    };
    let usual = (0..3).fold(Lines::with_window(&[USUAL]), |lines, number| fragment(lines, 100 * number, ""));
    let incident = incident_of(&fragment(usual, WINDOW_MS + 10, "ERROR"));
    assert_eq!(told(&incident, &["suspect", "excess_failures", "blame_ns"]), ["cart 1.000 0"]);
    assert_eq!(incident.requests, [1, 4]);

    let two_roots = |first: i64, second: i64| {
        let root = |number: i64, begins: i64| format!("{number} 0 web SERVER buy {begins}..{}", begins + 40);
        Lines::with_window(&[USUAL]).add(&[root(1, first), root(2, second)])
    };
    for (first, second, expected) in [(900, WINDOW_MS + 5, [1, 5]), (WINDOW_MS + 5, WINDOW_MS + 900, [2, 4])] {
        assert_eq!(incident_of(&two_roots(first, second)).requests, expected);
    }
}

/// Entries with fewer than three requests in the baseline cannot be compared: they are counted, and their time is in no share.
#[test]
fn rare_entries_are_left_out() {
    let rare =
        |lines: Lines, begins: i64| lines.add(&[format!("1 0 web SERVER rare {begins}..{} ERROR", begins + 500)]);
    let lines = rare(rare(rare(Lines::with_window(&[Took { redis: 40, ..USUAL }]), 7_000), 8_000), WINDOW_MS + 50);
    let incident = incident_of(&lines);
    assert_eq!((incident.requests, incident.requests_left_out, incident.failed_left_out), ([1, 4], [1, 2], 1));
    assert_eq!(told(&incident, &["suspect", "blame_share"]), ["redis 0.429"]);
}

/// Calls that were not there before are told of both ends, and do not rank.
#[test]
fn calls_appear_and_vanish() {
    let request = |lines: Lines, begins: i64, calls: &[i64]| {
        let mut spans = vec![format!("1 0 web SERVER buy {begins}..{}", begins + 100)];
        for (call, number) in calls.iter().zip(1..) {
            spans.push(format!("{} 1 web CLIENT call {}..{}", 10 * number, begins + call, begins + call + 10));
            spans.push(format!(
                "{} {} cart SERVER Get {}..{}",
                10 * number + 1,
                10 * number,
                begins + call,
                begins + call + 10
            ));
        }
        lines.add(&spans)
    };
    let dump = |before: &[i64], in_window: &[i64]| {
        let lines = (0..20).fold(Lines::default(), |lines, number| request(lines, 1_000 * number, before));
        (0..4).fold(lines, |lines, number| request(lines, WINDOW_MS + 1_000 * number, in_window))
    };
    let columns = ["suspect", "vanished_calls", "appeared_calls"];
    let mut appeared = told(&incident_of(&dump(&[0], &[0, 20])), &columns);
    appeared.sort_unstable();
    assert_eq!(appeared, ["cart 0.000 4.000", "web 0.000 4.000"]);
    let mut vanished = told(&incident_of(&dump(&[0, 20], &[0])), &columns);
    vanished.sort_unstable();
    assert_eq!(vanished, ["cart 4.000 0.000", "web 4.000 0.000"]);
    assert!(told(&incident_of(&dump(&[0], &[0])), &columns).is_empty());
}

/// Where nothing begins in a window, or at no other time, that is said with the times of the dump.
#[test]
fn empty_windows_are_errors() {
    let lines = Lines::with_window(&[USUAL, USUAL]);
    let error = |ms: i64| compared(&lines, window_from(ms)).unwrap_err().to_string();
    assert_eq!(
        error(WINDOW_MS + 1_001),
        "no request begins within --window 1001001.. (2023-11-14T22:30:01Z to 2023-11-14T22:46:40Z); requests of the dump \
         begin from 2023-11-14T22:13:20Z to 2023-11-14T22:30:01Z"
    );
    assert!(error(0).starts_with("nothing is left to compare the window with: too few requests begin at other times"));
    let nothing = compared(&Lines::default(), window_from(0)).unwrap();
    assert_eq!((nothing.window, nothing.tables[0].row_count()), (None, 0));
}

/// Twelve times ten seconds of ten requests, of which two are slow: `auto` finds those, and compares them with all others.
#[test]
fn auto_finds_the_slow_seconds() {
    let dump = |slow: std::ops::Range<i64>| {
        (0..120).fold(Lines::default(), |lines, number| {
            let took = if slow.contains(&(number / 10)) { Took { cart: 60, ..USUAL } } else { USUAL };
            lines.request(1_000 * number, &took)
        })
    };
    let incident = compared(&dump(5..7), WindowChoice::Auto).unwrap();
    assert_eq!(incident.window, Some(TimeRange { start: at(50_000), end: at(70_000) }));
    assert_eq!((incident.requests, incident.confidence), ([20, 100], Confidence::Clear));
    let onset = at(50_000);
    assert_eq!(
        told(&incident, &["suspect", "blame_ns", "time_ratio", "onset", "evidence"]),
        [format!(
            "cart 1000000000 3.500 {onset} +56 % of the window's request time, most of it in its own work (Get); 70 ms per \
             request, 20 ms before; since 22:14:10"
        )]
    );
    let nothing = compared(&dump(0..0), WindowChoice::Auto).unwrap();
    assert_eq!((nothing.window, nothing.confidence), (None, Confidence::Quiet));
}

/// A run that goes on after the window is no part of the baseline; neither is another one, unless much of the dump is off.
#[test]
fn other_runs_are_left_out() {
    let dump = |buckets: i64, slow: &[i64]| {
        (0..10 * buckets).fold(Lines::default(), |lines, number| {
            let took = if slow.contains(&(number / 10)) { Took { cart: 60, ..USUAL } } else { USUAL };
            lines.request(1_000 * number, &took)
        })
    };
    let window = || {
        let (option, text) = ("--window", String::new());
        let (from, to) = (Some(Moment::At(at(50_000))), Some(Moment::At(at(60_000))));
        WindowChoice::Asked(AskedWindow { option, text, from, to })
    };
    for (buckets, slow, baseline, left_out) in [
        (40, vec![5, 6, 20], 370, vec![true, true]),
        (20, vec![5, 6, 15], 180, vec![true, false]),
        (11, vec![5, 9], 90, vec![true]),
        (10, vec![5, 9], 90, vec![false]),
    ] {
        let incident = compared(&dump(buckets, &slow), window()).unwrap();
        let told: Vec<bool> = incident.other_runs.iter().map(|other| other.is_left_out).collect();
        assert_eq!((incident.requests, told), ([10, baseline], left_out), "{slow:?} of {buckets}");
    }
}

/// A baseline that is asked for is taken as it is, but for the window.
#[test]
fn a_baseline_can_be_asked_for() {
    let lines = Lines::with_window(&[USUAL]).request(500_000, &Took { redis: 500, ..USUAL });
    let sample = Sample::of(&lines.lines);
    let mut gathered = Gathered::new(ASKED, None);
    for (index, number) in (0..sample.trace_ids().len()).zip(0u32..) {
        sample.with_trace(index, number, |trace| gathered.see(&[*trace]));
    }
    let until = |ms: i64| AskedWindow {
        option: "--baseline-window",
        text: format!("..{ms}"),
        from: None,
        to: Some(Moment::At(at(ms))),
    };
    let compared = |ms: i64| conclude_from(&sample, &gathered, window_from(WINDOW_MS), Some(until(ms)));
    assert_eq!(compared(400_000).unwrap().requests, [1, 4]);
    assert_eq!(compared(2 * WINDOW_MS).unwrap().requests, [1, 5]);
    let error = compared(2_000).unwrap_err().to_string();
    assert!(error.contains("too few requests begin within --baseline-window ..2000"), "{error}");
}

/// However traces are spread over threads and parts, in whatever order, in memory, put aside or in files: the tables are the
/// same.
#[test]
fn parts_give_the_same() {
    let lines = (0..30).fold(Lines::with_window(&[Took { redis: 33, ..USUAL }, USUAL]), |lines, number| {
        let took = Took { web: 10 + number % 7, cart: 10 + number * number % 11, ..USUAL };
        lines.request(if number % 3 == 0 { WINDOW_MS + 10_000 } else { 20_000 } + number * 777, &took)
    });
    let sample = Sample::of(&lines.lines);
    let traces = sample.trace_ids().len();
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SpillStore::new(folder.path(), 0));
    let tables = |gathered: &Gathered| {
        let incident = conclude_from(&sample, gathered, window_from(WINDOW_MS), None).unwrap();
        format!("{:?}", incident.tables)
    };
    // Numbers in the order of meeting are those of ids in reverse.
    let number_of = |index: usize| (traces - 1 - index) as u32;
    let rank_of = |number: TraceNumber| TraceNumber(number_of(number.0 as usize));
    let parts = |count: usize, store: Option<&Arc<SpillStore>>| -> Vec<Gathered> {
        let mut parts: Vec<Gathered> = (0..count).map(|_| Gathered::new(ASKED, store)).collect();
        for index in 0..traces {
            sample.with_trace(index, number_of(index), |trace| parts[index * 7 % count].see(&[*trace]));
        }
        parts
    };
    let merged = |parts: Vec<Gathered>| {
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap();
        parts.for_each(|part| all.merge(part));
        all.renumber_traces(&rank_of);
        all
    };
    let expected = tables(&merged(parts(1, None)));
    assert!(expected.contains("redis"));
    for count in [2, 3] {
        assert_eq!(tables(&merged(parts(count, None))), expected);
        assert_eq!(tables(&merged(parts(count, Some(&store)))), expected);
        assert_eq!(tables(&merged(parts(count, None).into_iter().rev().collect())), expected);
    }
    assert!(store.spilled_bytes() > 0 && store.take_failure().is_none());

    let ranks: Vec<u32> = (0..traces).map(number_of).collect();
    let mut of_files = Gathered::new(ASKED, None);
    for (part, number) in parts(3, None).into_iter().zip(0..) {
        let path = folder.path().join(format!("{number}"));
        let mut file = PartialWriter::new(File::create(&path).unwrap()).unwrap();
        part.write(&mut file, "part/", Renumbering::NONE).unwrap();
        file.finish(serde_json::Value::Null).unwrap();
        let file = PartialReader::open(&path).unwrap();
        of_files.merge_file(&file, "part/", Renumbering { symbols: None, traces: Some(&ranks) }).unwrap();
    }
    assert_eq!(tables(&of_files), expected);
}
