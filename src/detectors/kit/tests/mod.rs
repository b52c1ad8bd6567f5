//! A detector of each kind, each one file and one line of a catalog, and what they find of one small input: whole, in parts
//! that are merged in any order, and by way of files.

#![expect(unreachable_pub, reason = "the catalog of the program is declared by the same macro, and public")]

mod asked_again;
mod crowds;
mod failures_in_a_row;
mod fan_in;
mod slow_roots;

use std::fs::File;
use std::sync::Arc;

use super::{CallRound, WhileRead, Whole};
use crate::conventions::{Lists, OwnAttribute, OwnAttributes};
use crate::detectors::Cell;
use crate::frame::{SpillStore, Symbol, Symbols};
use crate::gathered::{Gathered, Gathers};
use crate::partial::{PartialReader, PartialWriter, Renumbering, TraceNumber};
use crate::rank::{FindingsTable, Ranking, Rows};
use crate::savings::{Overlaps, Settling};
use crate::span::TraceId;
use crate::trace::sample::Sample;

super::catalog! {
    /// Kind a.
    slow_roots: slow_roots::SlowRoots,
    /// Kind b.
    fan_in: fan_in::FanIn,
    /// Kind c.
    failures_in_a_row: failures_in_a_row::FailuresInARow,
    /// Kind c, with caller spans, and calls that are shown once more.
    crowds: crowds::Crowds,
    /// Kind d.
    asked_again: asked_again::AskedAgain,
}

/// Two services wait for the stock, which fails from 100 ms on: for trace 1, twice for trace 2 and for trace 3, before it
/// answers trace 4, fails it once and answers again. Traces 1, 3 and 4 send the database the same message.
const INPUT: &str = "
    1 11 0  web  SERVER buy 0..140
    1 12 11 web  CLIENT get 100..130 ERROR
    1 13 12 stock SERVER get 105..129 ERROR
    1 14 13 stock CLIENT query 106..110 db.system.name=mysql db.namespace=s db.query.text=SELECT messaging.message.id=m1
    2 21 0  web  SERVER buy 90..280
    2 22 21 web  CLIENT get 110..180 ERROR
    2 23 22 stock SERVER get 115..179 ERROR
    2 24 21 web  CLIENT get 190..270 ERROR
    2 25 24 stock SERVER get 191..269 ERROR
    3 31 0  shop SERVER list 110..190
    3 32 31 shop CLIENT get 120..125 ERROR
    3 33 32 stock SERVER get 121..124 ERROR
    3 34 33 stock CLIENT query 122..123 db.system.name=mysql db.namespace=s db.query.text=SELECT messaging.message.id=m1
    3 35 33 stock CLIENT query 123..124 db.system.name=mysql db.namespace=s db.query.text=SELECT messaging.message.id=m2
    4 41 0  shop SERVER list 280..430
    4 42 41 shop CLIENT get 300..310
    4 43 42 stock SERVER get 301..309
    4 44 43 stock CLIENT query 302..303 db.system.name=mysql db.namespace=s db.query.text=SELECT messaging.message.id=m1
    4 45 41 shop CLIENT get 320..330 ERROR
    4 46 45 stock SERVER get 321..329 ERROR
    4 47 41 shop CLIENT get 400..410
    4 48 47 stock SERVER get 401..409
";

/// The rows of all tables, and the findings.
const EXPECTED: &str = "
slow_roots: 1 web buy 2 0.5 190000000 2
slow_roots: 2 shop list 1 0.25 150000000 4
fan_in: 1 df409c47d9672b4c stock shop+web 7 5 215000000
failures_in_a_row: 1 stock 1 4 3 3 185000000 1
crowds: 1 stock 3 2 2
crowds: 2 web 2 1 2
asked_again: 1 mysql/s 1 3 1
findings: slow-roots - 1 b web buy - - - 1700000000000000000 0.14 0.1 40000000 b - problem
findings: slow-roots - 2 15 web buy - - - 1700000000090000000 0.19 0.1 90000000 15 - problem
findings: slow-roots - 4 29 shop list - - - 1700000000280000000 0.15 0.1 50000000 29 - problem
findings: fan-in df409c47d9672b4c - - stock - - stock service 0 2 1 0 - - problem
findings: failures-in-a-row - 1 c web buy - stock service 1700000000100000000 4 2 185000000 c+16+20+18 - problem
";

const TRACES: usize = 4;

fn is_on(_name: &str) -> bool {
    true
}

/// A value as text: of ids without the zeros before them, and a dash for nothing.
fn text_of(cell: Cell) -> String {
    let text = match cell {
        Cell::None => String::new(),
        Cell::Int(value) => value.to_string(),
        Cell::Float(value) => value.to_string(),
        Cell::Flag(value) => value.to_string(),
        Cell::Text(text) => {
            let is_id = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_id { text.trim_start_matches('0').to_owned() } else { text }
        }
        Cell::Names(names) => names.into_iter().map(|name| text_of(Cell::Text(name))).collect::<Vec<_>>().join("+"),
        Cell::Ints(values) => values.iter().map(i64::to_string).collect::<Vec<_>>().join("+"),
    };
    if text.is_empty() { "-".to_owned() } else { text }
}

fn text_of_rows(rows: &dyn Rows) -> String {
    let columns: Vec<_> =
        (0..rows.columns().len()).map(|column| rows.cells(column, 0..rows.row_count()).into_owned()).collect();
    let line = |row: usize| {
        let cells: Vec<String> = columns.iter().map(|cells| text_of(cells[row].clone())).collect();
        format!("{}: {}\n", rows.name(), cells.join(" "))
    };
    (0..rows.row_count()).map(line).collect()
}

/// What detectors have seen of some traces.
struct Part {
    seen: SeenByAll,
    gathered: Gathered,
    overlaps: Overlaps,
}

impl Part {
    fn new(detectors: &Detectors, store: Option<&Arc<SpillStore>>) -> Self {
        let gathered = Gathered::new(detectors.gathers(is_on), store);
        Self { seen: SeenByAll::new(is_on), gathered, overlaps: Overlaps::default() }
    }

    /// Those of the traces at some places of a sample.
    fn of(sample: &Sample, places: impl Iterator<Item = usize>, number: impl Fn(usize) -> u32) -> Self {
        let detectors = Detectors::default();
        let mut part = Self::new(&detectors, None);
        for place in places {
            sample.with_trace(place, number(place), |trace| {
                part.gathered.see(&[*trace]);
                part.seen.see(&detectors, &[*trace], &mut [Settling::default()], &mut part.overlaps);
            });
        }
        part.seen.take_read(&detectors, WhileRead::default());
        assert_eq!(part.seen.sampled_traces(), None);
        part
    }

    fn merge(&mut self, other: Self) {
        self.seen.merge(other.seen);
        self.gathered.merge(other.gathered);
        self.overlaps.merge(other.overlaps);
    }

    /// Lets detectors look at all calls; the answer is whether any wants to.
    fn see_calls(&mut self, round: CallRound) -> bool {
        let detectors = Detectors::default();
        let Some(nothing) = self.seen.begin_round(&detectors, round) else { return false };
        let learned = self.gathered.calls.as_ref().unwrap().for_each_call(
            |edge| self.seen.wants_calls_along(&detectors, round, edge, &nothing),
            || nothing.emptied(),
            |learned, call| self.seen.see_call(&detectors, round, call, learned),
        );
        learned.unwrap().into_iter().for_each(|learned| self.seen.merge(learned));
        true
    }

    /// All tables as text.
    fn conclude(mut self, symbols: &Symbols, trace_ids: &[TraceId]) -> String {
        let detectors = Detectors::default();
        for round in CallRound::BEFORE_TARGETS {
            self.see_calls(round);
        }
        let (calls, spans) = (self.gathered.calls.as_ref().unwrap(), self.gathered.caller_spans.as_ref().unwrap());
        let mut wanted = calls.edges();
        wanted.retain(|&edge, _| self.seen.wants_edge(&detectors, edge));
        let is_wanted = |edge| wanted.contains_key(&edge);
        calls.for_each_target(is_wanted, |calls| self.seen.see_target(&detectors, calls)).unwrap();
        let wanted = spans.services().filter(|&service| self.seen.wants_service(&detectors, service)).collect();
        spans.for_each_service(wanted, |spans| self.seen.see_service(&detectors, spans)).unwrap();
        if let Some(messages) = &self.gathered.messages {
            messages.for_each_topic(|messages| self.seen.see_topic(&detectors, messages)).unwrap();
        }
        assert!(self.see_calls(CallRound::Last));
        let lists = &Lists::default();
        let whole = Whole { symbols, lists, trace_ids, is_weighted: false, gathered: &self.gathered };
        let mut ranking = Ranking::new(&whole, &|| ());
        self.seen.conclude(&detectors, &whole, &mut self.overlaps, &mut ranking);
        let ranked = ranking.ranked.unwrap();
        let tables: String = ranked.iter().map(|ranked| text_of_rows(&ranked.table)).collect();
        tables + &text_of_rows(&FindingsTable::new(&ranked, &whole))
    }
}

/// All orders of so many parts.
fn orders(parts: usize) -> Vec<Vec<usize>> {
    let all = [vec![0, 1, 2], vec![0, 2, 1], vec![1, 0, 2], vec![1, 2, 0], vec![2, 0, 1], vec![2, 1, 0]];
    let mut orders: Vec<Vec<usize>> =
        all.into_iter().map(|order| order.into_iter().filter(|&part| part < parts).collect()).collect();
    orders.sort();
    orders.dedup();
    orders
}

/// Each kind of detector finds what it must, whatever the parts that are merged and their order.
#[test]
fn every_kind_merges() {
    let sample = Sample::of(INPUT);
    for parts in 1..=3 {
        for order in orders(parts) {
            // As threads meet them, traces have numbers that say nothing.
            let number = |place: usize| (place as u32 * 7 + 3) % 10;
            let place = |trace: TraceNumber| {
                TraceNumber((0..TRACES).position(|place| number(place) == trace.0).unwrap_or(99) as u32)
            };
            let mut whole = Part::new(&Detectors::default(), None);
            for &part in &order {
                whole.merge(Part::of(&sample, (0..TRACES).filter(|place| place % parts == part), number));
            }
            whole.seen.renumber_traces(&place);
            whole.gathered.renumber_traces(&place);
            whole.overlaps.renumber_traces(&place);
            assert_eq!(
                whole.conclude(&sample.semantics.symbols, sample.trace_ids()),
                EXPECTED.trim_start(),
                "{order:?}"
            );
        }
    }
}

/// The same by way of files, each of which has strings and traces of its own.
#[test]
fn every_kind_is_written_and_read() {
    let directory = tempfile::tempdir().unwrap();
    for parts in 1..=3 {
        let samples: Vec<Sample> = (0..parts)
            .map(|part| {
                let is_here = |line: &&str| line.trim()[..1].parse().is_ok_and(|trace: usize| trace % parts == part);
                let lines: Vec<&str> = INPUT.trim().lines().filter(is_here).collect();
                Sample::of(&lines.join("\n"))
            })
            .collect();
        let (mut all, mut trace_ids) = (Symbols::default(), Vec::new());
        let symbols: Vec<Vec<Symbol>> = samples.iter().map(|sample| all.absorb(&sample.semantics.symbols)).collect();
        let (all, sorted) = all.sorted();
        samples.iter().for_each(|sample| trace_ids.extend_from_slice(sample.trace_ids()));
        trace_ids.sort_unstable();
        let path = |part: usize| directory.path().join(format!("{part}-of-{parts}"));
        for (part, sample) in samples.iter().enumerate() {
            let of_part = Part::of(sample, 0..sample.trace_ids().len(), |place| place as u32);
            let mut file = PartialWriter::new(File::create(path(part)).unwrap()).unwrap();
            of_part.seen.write(&mut file, "", Renumbering::NONE).unwrap();
            of_part.gathered.write(&mut file, "", Renumbering::NONE).unwrap();
            file.group("overlaps", Renumbering::NONE, |group| of_part.overlaps.write(group)).unwrap();
            file.finish(serde_json::Value::Null).unwrap();
        }
        for order in orders(parts) {
            let store = Arc::new(SpillStore::new(directory.path(), 0));
            let mut whole = Part::new(&Detectors::default(), Some(&store));
            for &part in &order {
                let symbols: Vec<Symbol> = symbols[part].iter().map(|symbol| sorted[symbol.index()]).collect();
                let place = |trace_id: &TraceId| trace_ids.binary_search(trace_id).unwrap() as u32;
                let traces: Vec<u32> = samples[part].trace_ids().iter().map(place).collect();
                let numbers = Renumbering { symbols: Some(&symbols), traces: Some(&traces) };
                let file = PartialReader::open(&path(part)).unwrap();
                whole.seen.merge_file(&file, "", numbers).unwrap();
                whole.gathered.merge_file(&file, "", numbers).unwrap();
                whole.overlaps.merge(file.group("overlaps", numbers, Overlaps::read).unwrap());
            }
            assert_eq!(whole.conclude(&all, &trace_ids), EXPECTED.trim_start(), "{order:?}");
        }
    }
}

/// What no detector that is on asks for is not gathered and takes no memory.
#[test]
fn only_what_is_asked_for_is_gathered() {
    let sample = Sample::of(INPUT);
    let detectors = Detectors::default();
    for (on, asked) in [
        ("slow-roots", Gathers::NOTHING),
        ("asked-again", <asked_again::AskedAgain as super::Detector>::gathers()),
        ("fan-in", Gathers { service_graph: true, ..Gathers::NOTHING }),
        ("failures-in-a-row", Gathers { calls: true, ..Gathers::NOTHING }),
        ("crowds", Gathers { calls: true, caller_spans: true, ..Gathers::NOTHING }),
    ] {
        assert_eq!(detectors.gathers(|name| name == on), asked, "{on}");
        let store = Arc::new(SpillStore::new(&std::env::temp_dir(), 0));
        let mut gathered = Gathered::new(asked, Some(&store));
        (0..TRACES).for_each(|place| sample.with_trace(place, place as u32, |trace| gathered.see(&[*trace])));
        assert_eq!((gathered.service_graph.is_some(), gathered.calls.is_some()), (asked.service_graph, asked.calls));
        assert_eq!(gathered.caller_spans.is_some(), asked.caller_spans);
        let takes_memory = asked.service_graph || asked.calls;
        assert_eq!(gathered.bytes() > 0, takes_memory, "{on}");
        assert_eq!(store.is_full(), takes_memory, "{on} counts towards the memory limit");
    }
    // Whoever wants to know what the program asks for by default finds it here.
    let production = crate::detectors::Detectors::default();
    let own = |attributes: &[OwnAttribute]| OwnAttributes::of(attributes);
    for (on, asked) in [
        ("n-plus-one", Gathers::NOTHING),
        ("serial-fan-out", Gathers::NOTHING),
        ("hard-dependency", Gathers::NOTHING),
        ("throttling", Gathers { calls: true, own_attributes: own(&[OwnAttribute::RetryAfter]), ..Gathers::NOTHING }),
        ("timeouts", Gathers { calls: true, ..Gathers::NOTHING }),
        ("consumer-lag", Gathers::MESSAGES),
        (
            "circuit-breaker",
            Gathers { calls: true, caller_spans: true, own_attributes: OwnAttributes::INSTANCE, ..Gathers::NOTHING },
        ),
        (
            "saturation",
            Gathers { calls: true, caller_spans: true, own_attributes: OwnAttributes::INSTANCE, ..Gathers::NOTHING },
        ),
    ] {
        assert_eq!(production.gathers(|name| name == on), asked, "{on}");
    }
}

/// A catalog is named, described and configured from its lines.
#[test]
fn a_line_is_all_that_a_catalog_needs() {
    let names: Vec<&str> = catalog().iter().map(|entry| entry.description.name).collect();
    assert_eq!(names, ["slow-roots", "fan-in", "failures-in-a-row", "crowds", "asked-again"]);
    let mut detectors = Detectors::default();
    detectors.set("slow-roots", "max_duration", "2s").unwrap();
    assert_eq!(detectors.thresholds()[0], [("max_duration", "2s".to_owned())]);
    let seen = SeenByAll::new(|name| name == "fan-in");
    assert_eq!(seen.bytes(), [("fan-in", 0)]);
}
