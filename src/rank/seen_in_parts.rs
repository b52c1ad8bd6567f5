//! What detectors have seen of parts of an input is, once it is merged, what one would have seen of all: to the byte, in any
//! order, and by way of files.

mod architecture;
mod data;
mod messages;
mod monitoring;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use crate::analysis::see_gathered;
use crate::conventions::{Lists, OwnAttributes};
use crate::detectors::{Detectors, SeenByAll, WhileRead, Whole, catalog};
use crate::frame::{Collecting, Frame, FrameBuilder, Symbol, Symbols, group};
use crate::gathered::Gathered;
use crate::generate::{Compression, GenerateOptions, OutputFormat, generate};
use crate::ingest::{ReadOptions, read_bytes};
use crate::partial::{PartialReader, PartialWriter, Renumbering, TraceNumber, written};
use crate::rank::{FindingsTable, Ranking, Table};
use crate::savings::{Overlaps, Settling};
use crate::sensitive::{Sampling, SensitiveFacts};
use crate::span::TraceId;
use crate::trace::sample::push_sample;
use crate::trace::{Asked, CalleeNames, OverlapTolerance, Semantics, TraceModel, derive_asked};

use architecture::architecture;
use data::data;
use messages::messages;

const PARTS: [usize; 3] = [1, 2, 7];

/// What detectors have seen of some traces, and what was gathered for them.
struct SeenOfPart {
    seen: SeenByAll,
    gathered: Gathered,
    overlaps: Overlaps,
}

impl SeenOfPart {
    fn new(is_on: impl Fn(&str) -> bool) -> Self {
        let gathered = Gathered::new(Detectors::default().gathers(&is_on), None);
        Self { seen: SeenByAll::new(is_on), gathered, overlaps: Overlaps::default() }
    }

    fn merge(&mut self, other: Self) {
        self.seen.merge(other.seen);
        self.gathered.merge(other.gathered);
        self.overlaps.merge(other.overlaps);
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.seen.renumber_traces(rank_of);
        self.gathered.renumber_traces(rank_of);
        self.overlaps.renumber_traces(rank_of);
    }

    fn write<W: Write>(&self, file: &mut PartialWriter<W>, part: &str, numbers: Renumbering<'_>) {
        self.seen.write(file, part, numbers).unwrap();
        self.gathered.write(file, part, numbers).unwrap();
        file.group(&format!("{part}overlaps"), numbers, |group| self.overlaps.write(group)).unwrap();
    }

    fn merge_file(&mut self, file: &PartialReader, part: &str, numbers: Renumbering<'_>) {
        self.seen.merge_file(file, part, numbers).unwrap();
        self.gathered.merge_file(file, part, numbers).unwrap();
        self.overlaps.merge(file.group(&format!("{part}overlaps"), numbers, Overlaps::read).unwrap());
    }
}

/// Traces that show every planted anti-pattern.
struct Dump {
    frame: Frame,
    semantics: Semantics,
    callee_names: CalleeNames,
    sensitive: SensitiveFacts<Box<str>>,
}

impl Dump {
    fn new() -> Self {
        let options = GenerateOptions { spans: 3_000, seed: 3, anti_patterns: 0.6, ..GenerateOptions::default() };
        let mut bytes = Vec::new();
        let format = OutputFormat::OtlpProto(Compression::None);
        generate(options, format, &mut bytes, None::<Vec<u8>>, &|_| ()).unwrap();
        let own_attributes = OwnAttributes::ALL;
        let sampling = Some(Arc::new(Sampling::new(10_000, true)));
        let mut builder = FrameBuilder::of(&Collecting { own_attributes, sampling, ..Collecting::default() });
        read_bytes(Path::new("dump"), bytes, &ReadOptions { own_attributes, ..ReadOptions::default() }, &mut builder);
        push_sample(&mut builder, &not_planted());
        push_sample(&mut builder, &in_line());
        push_sample(&mut builder, &down());
        push_sample(&mut builder, &one_after_the_other());
        push_sample(&mut builder, &architecture());
        push_sample(&mut builder, &data());
        push_sample(&mut builder, &messages());
        push_sample(&mut builder, &monitoring::tells_too_much());
        push_sample(&mut builder, &monitoring::sends_too_much());
        let sensitive = builder.take_sensitive_facts().unwrap();
        let (mut vocabulary, frame) = group(vec![builder]);
        sensitive.names().for_each(|name| _ = vocabulary.symbols.intern(name));
        let semantics = derive_asked(&vocabulary, &Lists::default(), Asked::ALL);
        let (mut model, mut callee_names) = (TraceModel::default(), CalleeNames::default());
        for index in 0..frame.trace_count() {
            model.rebuild(frame.trace(index), &semantics);
            callee_names.learn(&model);
        }
        Self { frame, semantics, callee_names, sensitive }
    }

    /// What was found in some traces while they were read.
    fn read_of(&self, traces: &[usize]) -> WhileRead {
        let mut facts = self.sensitive.clone();
        let ids: Vec<TraceId> = traces.iter().map(|&index| self.frame.trace_ids[index]).collect();
        facts.retain_traces(|trace_id| ids.contains(&trace_id));
        let sensitive = facts.by_level(|name| self.semantics.symbols.get(name).unwrap());
        WhileRead { sensitive: Some(sensitive) }
    }

    /// Lets detectors see a trace, which has this number among those that are seen.
    fn see(&self, part: &mut SeenOfPart, model: &mut TraceModel, index: usize, number: u32) {
        model.rebuild(self.frame.trace(index), &self.semantics);
        model.name_operations(&self.callee_names);
        let tolerance = OverlapTolerance { millionths: 10_000 };
        let view = model.view(number, self.frame.trace_ids[index], &self.semantics, tolerance);
        part.gathered.see(&[view]);
        part.seen.see(&Detectors::default(), &[view], &mut [Settling::default()], &mut part.overlaps);
    }

    /// What detectors have seen of some traces, which get numbers in this order from `first` on.
    fn seen_of(&self, traces: &[usize], first: u32) -> SeenOfPart {
        let (mut seen, mut model) = (SeenOfPart::new(|_| true), TraceModel::default());
        for (&index, number) in traces.iter().zip(first..) {
            self.see(&mut seen, &mut model, index, number);
        }
        seen.seen.take_read(&Detectors::default(), self.read_of(traces));
        seen
    }

    /// The tables, that of findings as the last.
    fn tables(&self, part: SeenOfPart, symbols: &Symbols) -> Vec<Table> {
        let SeenOfPart { mut seen, gathered, mut overlaps } = part;
        see_gathered(&mut seen, &gathered, &Detectors::default()).unwrap();
        let (trace_ids, lists) = (&self.frame.trace_ids, &Lists::default());
        let whole = Whole { symbols, lists, trace_ids, is_weighted: true, gathered: &gathered };
        let mut ranking = Ranking::new(&whole, &|| ());
        seen.conclude(&Detectors::default(), &whole, &mut overlaps, &mut ranking);
        let ranked = ranking.ranked.unwrap();
        let findings = Table::of(&FindingsTable::new(&ranked, &whole));
        ranked.into_iter().map(|ranked| ranked.table).chain([findings]).collect()
    }

    /// Those of one that saw every trace, each in buffers of its own.
    fn expected(&self) -> String {
        let mut seen = SeenOfPart::new(|_| true);
        for (index, number) in (0..self.frame.trace_count()).zip(0..) {
            self.see(&mut seen, &mut TraceModel::default(), index, number);
        }
        let all: Vec<usize> = (0..self.frame.trace_count()).collect();
        seen.seen.take_read(&Detectors::default(), self.read_of(&all));
        let tables = self.tables(seen, &self.semantics.symbols);
        assert_eq!(tables.len(), catalog().len() + 1);
        let few: Vec<&str> = tables.iter().filter(|table| table.row_count() < 2).map(|table| table.name).collect();
        assert!(few.is_empty(), "every detector has found something, but {few:?}");
        text_of(&tables)
    }

    /// Ways to deal the traces out to `count` parts; within a part they come in the order in which threads met them.
    fn dealt_out(&self, count: usize) -> Vec<Vec<Vec<usize>>> {
        let traces = self.frame.trace_count();
        let by = |part_of: &dyn Fn(usize) -> usize| {
            let mut parts = vec![Vec::new(); count];
            (0..traces).for_each(|index| parts[part_of(index)].push(index));
            parts
        };
        let mut scattered = by(&|index| (index.wrapping_mul(0x9e37_79b9) >> 7) % count);
        scattered.iter_mut().for_each(|part| part.reverse());
        // The last part has only the last trace, and with seven parts those between have none.
        let lopsided = by(&|index| if index + 1 == traces { count - 1 } else { 0 });
        let mut ways = vec![by(&|index| index % count), by(&|index| index * count / traces), scattered, lopsided];
        ways.dedup();
        ways
    }
}

/// Traces that show what is not planted: a database that fails two services, two hosts that refuse calls, and a pool that is
/// waited for.
fn not_planted() -> String {
    let mut lines = String::new();
    for trace in 1..=24 {
        let status = if trace % 2 == 0 { "ERROR" } else { "" };
        lines += &format!(
            "{trace} 1 0 front SERVER page 0..100 {status}
             {trace} 2 1 front CLIENT get 10..90 {status} rpc.system=grpc
             {trace} 3 2 basket SERVER Get 11..89 {status}
             {trace} 4 3 basket CLIENT read 20..80 {status} db.system=postgresql db.namespace=baskets
             {trace} 5 1 front CLIENT GET 90..91 http.response.status_code=429 url.full=http://a.example/a
             {trace} 6 1 front CLIENT GET 95..99 http.response.status_code=200 url.full=http://a.example/a
             {trace} 7 3 basket CLIENT GET 80..81 http.response.status_code=429 url.full=http://b.example/b \
             http.response.header.retry-after={trace}
             {trace} 8 1 front INTERNAL pool.acquire 20..31\n"
        );
    }
    lines
}

/// Traces whose calls come one after the other: of one operation some do not, and of the other some have failed or are not there.
fn in_line() -> String {
    let mut lines = String::new();
    for trace in 101..=118 {
        let (start, status) = if trace % 4 == 0 { (10, "ERROR") } else { (40, "") };
        lines += &format!(
            "{trace} 1 0 mall SERVER window 0..100
             {trace} 2 1 mall CLIENT GET 10..40 url.full=http://c.example/c
             {trace} 3 1 mall CLIENT GET {start}..60 url.full=http://d.example/d
             {trace} 4 1 mall CLIENT GET 60..90 url.full=http://e.example/e
             {trace} 5 0 mall SERVER door 0..100
             {trace} 6 5 mall CLIENT GET 10..40 {status} url.full=http://c.example/c
             {trace} 7 5 mall CLIENT GET 40..60 url.full=http://d.example/d\n"
        );
        if trace % 3 != 0 {
            lines += &format!("{trace} 8 5 mall CLIENT GET 60..90 url.full=http://e.example/e\n");
        }
    }
    lines
}

/// Traces one after the other in which a host is down, and callees go on after their callers have left.
fn down() -> String {
    let mut lines = String::new();
    for trace in 201..=260 {
        let at = 1_000 * (trace - 200);
        let (end, late, status) = (at + 500, at + 900, if trace > 215 { "ERROR" } else { "" });
        lines += &format!(
            "{trace} 1 0 shop SERVER buy {at}..{late} {status}
             {trace} 2 1 shop CLIENT GET {at}..{end} {status} url.full=http://f.example/f
             {trace} 3 1 shop CLIENT pay {at}..{end} {status} rpc.system=grpc
             {trace} 4 3 till SERVER Pay {at}..{late}
             {trace} 5 4 till CLIENT GET {at}..{late} {status} url.full=http://f.example/f\n"
        );
    }
    lines
}

/// Requests of several traces, one after the other: two hosts do not answer them for long, and a service serves one at a time.
fn one_after_the_other() -> String {
    let mut lines = String::new();
    for number in 0..40 {
        let (trace, start) = (301 + number, number * 20);
        let called = if number < 4 { start + 21 } else { start + 10 };
        lines += &format!(
            "{trace} 1 0 mill SERVER grind {start}..{}
             {trace} 2 1 mill CLIENT GET {}..{} ERROR error.type=timeout url.full=http://t.example/t
             {trace} 3 1 mill CLIENT GET {}..{} ERROR error.type=timeout url.full=http://u.example/u
             {trace} 4 1 mill CLIENT turn {called}..{}
             {trace} 5 4 lathe SERVER turn {}..{} resource.host.name=l1
             {trace} 6 5 lathe CLIENT cut {}..{} url.full=http://v.example/v\n",
            start + 200,
            start + 10,
            start + 70,
            start + 80,
            start + 160,
            start + 43,
            start + 22,
            start + 42,
            start + 23,
            start + 40,
        );
    }
    lines
}

fn text_of(tables: &[Table]) -> String {
    tables.iter().map(|table| format!("{} {:?}\n", table.name, table.values)).collect()
}

/// Orders in which so many parts may come.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut middle_first: Vec<usize> = (0..count).collect();
    middle_first.rotate_left(count / 2);
    let mut orders = vec![(0..count).collect(), (0..count).rev().collect(), middle_first];
    orders.dedup();
    orders
}

/// What threads have seen merges.
#[test]
fn parts_merge_in_any_order() {
    let dump = Dump::new();
    let expected = dump.expected();
    for count in PARTS {
        for (parts, order) in dump.dealt_out(count).iter().zip(orders(count).iter().cycle()) {
            // Numbers follow the order of parts, so that they are not those of the traces in the order of ids.
            let mut places = Vec::new();
            let mut whole = SeenOfPart::new(|_| true);
            for &part in order {
                whole.merge(dump.seen_of(&parts[part], places.len() as u32));
                places.extend(parts[part].iter().map(|&index| TraceNumber(index as u32)));
            }
            whole.renumber_traces(&|trace| trace.index().map_or(trace, |index| places[index]));
            let found = text_of(&dump.tables(whole, &dump.semantics.symbols));
            let differs = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
            assert!(differs.is_none(), "{count} parts, {order:?}: {differs:?}");
        }
    }
}

/// What parts have written merges, though strings and traces have other numbers in the whole.
#[test]
fn parts_merge_by_way_of_files() {
    let dump = Dump::new();
    let expected = dump.expected();
    // Other parts had other strings, between those of this dump.
    let mut symbols = Symbols::default();
    let unsorted = symbols.absorb(&dump.semantics.symbols);
    for string in ["!", "GET /of another part", "m", "~"] {
        symbols.intern(string);
    }
    let (symbols, sorted) = symbols.sorted();
    let symbols_of_whole: Vec<Symbol> = unsorted.iter().map(|symbol| sorted[symbol.index()]).collect();
    assert!(symbols_of_whole.iter().zip(0..).any(|(&symbol, number)| symbol != Symbol(number)));

    let directory = tempfile::tempdir().unwrap();
    for count in PARTS {
        for parts in dump.dealt_out(count) {
            let files: Vec<(PartialReader, Vec<u32>)> = parts
                .iter()
                .enumerate()
                .map(|(part, traces)| {
                    // In the file traces are places in the order of ids, whatever numbers they had.
                    let mut by_id = traces.clone();
                    by_id.sort_unstable();
                    let place = |index: &usize| by_id.binary_search(index).unwrap() as u32;
                    let places: Vec<u32> = traces.iter().map(place).collect();
                    let own = Renumbering { traces: Some(&places), ..Renumbering::NONE };
                    let seen = dump.seen_of(traces, 0);
                    let path = directory.path().join(part.to_string());
                    let file = written(&path, |file| seen.write(file, "settled/", own));
                    (file, by_id.iter().map(|&index| index as u32).collect())
                })
                .collect();
            for order in orders(count) {
                let mut whole = SeenOfPart::new(|_| true);
                for &part in &order {
                    let (file, traces) = &files[part];
                    let numbers = Renumbering { symbols: Some(&symbols_of_whole), traces: Some(traces) };
                    whole.merge_file(file, "settled/", numbers);
                }
                assert!(text_of(&dump.tables(whole, &symbols)) == expected, "{count} parts, {order:?}");
            }
        }
    }
}

/// A detector that is off has seen nothing, also of a file in which others wrote what it would have seen.
#[test]
fn what_is_off_is_not_read() {
    let dump = Dump::new();
    let seen = dump.seen_of(&(0..dump.frame.trace_count()).collect::<Vec<_>>(), 0);
    let directory = tempfile::tempdir().unwrap();
    let file = written(&directory.path().join("all"), |file| seen.write(file, "", Renumbering::NONE));
    let names = |tables: Vec<Table>| tables.iter().map(|table| table.name).collect::<Vec<_>>();
    let mut few = SeenOfPart::new(|name| name == "retry-storm");
    few.merge_file(&file, "", Renumbering::NONE);
    assert_eq!(names(dump.tables(few, &dump.semantics.symbols)), ["retry_storm", "findings"]);
    let mut all = SeenOfPart::new(|_| true);
    assert!(all.seen.merge_file(&file, "other/", Renumbering::NONE).is_err(), "what is not there is an error");
}
