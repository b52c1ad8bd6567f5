//! The service graph: who calls whom, how often, how much of it failed, and how long requests waited for it.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, columns};
use crate::trace::{NO_ROW, Target, TraceView, total_ns};

/// Who calls what, and whether the caller waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Edge {
    /// The caller.
    pub(crate) caller: Symbol,
    /// What is called.
    pub(crate) target: Target,
    /// Whether the caller waits for it.
    pub(crate) is_synchronous: bool,
}

/// Figures of an edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct EdgeFigures {
    /// Counted calls, pruned ones included.
    pub(crate) calls: u64,
    /// Those that failed.
    pub(crate) failed: u64,
    /// Critical-path time of the calls and what lies below them, in ns.
    pub(crate) path_ns: i64,
    /// Traces with such a call.
    pub(crate) traces: u64,
}

columns! {
    /// An edge and its figures.
    struct EdgeRow in EdgeColumns {
        caller: Symbol,
        target: Option<Target>,
        is_synchronous: bool,
        calls: u64,
        failed: u64,
        path_ns: i64,
        traces: u64,
    }
}

/// The edges between services, and from services to databases, topics and hosts.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceGraph {
    edges: HashMap<Edge, EdgeFigures, FixedState>,
    of_trace: Vec<Edge>,
}

impl ServiceGraph {
    /// Takes notice of the calls of one trace.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        self.of_trace.clear();
        for call in trace.calls.calls.iter().filter(|call| call.counts) {
            let edge = Edge {
                caller: call.caller_service,
                target: call.target,
                is_synchronous: call.callee == NO_ROW || trace.tree.waits_for(call.row, call.callee),
            };
            let weight = u64::from(call.weight);
            let figures = self.edges.entry(edge).or_default();
            figures.calls += weight;
            figures.failed += if trace.calls.roles[call.row as usize].failed { weight } else { 0 };
            figures.path_ns = total_ns([figures.path_ns, trace.call_path_time(call)]);
            self.of_trace.push(edge);
        }
        self.of_trace.sort_unstable();
        self.of_trace.dedup();
        for edge in &self.of_trace {
            self.edges.entry(*edge).or_default().traces += 1;
        }
    }

    /// The edges in the order of their names.
    pub(crate) fn edges(&self) -> Vec<(Edge, EdgeFigures)> {
        let mut edges: Vec<(Edge, EdgeFigures)> = self.edges.iter().map(|(&edge, &figures)| (edge, figures)).collect();
        edges.sort_unstable_by_key(|&(edge, _)| edge);
        edges
    }

    /// Takes in the edges of other traces.
    pub(crate) fn merge(&mut self, other: Self) {
        for (edge, figures) in other.edges {
            self.add(edge, figures);
        }
    }

    fn add(&mut self, edge: Edge, figures: EdgeFigures) {
        let own = self.edges.entry(edge).or_default();
        own.calls += figures.calls;
        own.failed += figures.failed;
        own.path_ns = total_ns([own.path_ns, figures.path_ns]);
        own.traces += figures.traces;
    }

    /// About how many bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.edges.capacity() * size_of::<(Edge, EdgeFigures)>()
    }

    /// Writes the edges.
    pub(crate) fn write(&self, group: &mut GroupWriter<'_>) {
        let mut columns = EdgeColumns::default();
        for (Edge { caller, target, is_synchronous }, EdgeFigures { calls, failed, path_ns, traces }) in self.edges() {
            columns.push(EdgeRow { caller, target: Some(target), is_synchronous, calls, failed, path_ns, traces });
        }
        columns.write("", group);
    }

    /// Reads what [`ServiceGraph::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(crate) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = EdgeColumns::read("", group)?;
        let mut graph = Self::default();
        for row in 0..group.len() {
            let target = columns.target.get(row).unwrap_or_default();
            let edge = Edge { caller: columns.caller[row], target, is_synchronous: columns.is_synchronous[row] };
            let figures = EdgeFigures {
                calls: columns.calls[row],
                failed: columns.failed[row],
                path_ns: columns.path_ns[row],
                traces: columns.traces[row],
            };
            graph.add(edge, figures);
        }
        Ok(graph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Symbols;
    use crate::partial::{PartialReader, PartialWriter, Renumbering};
    use crate::trace::sample::Sample;

    /// Trace 1: the cart is asked twice at once, one of the two fails, and a message goes to a topic whose consumer works on.
    /// Trace 2: the cart is asked once, and a span stands for 20 queries. Trace 3: the same, with a failed query, and somebody
    /// is told for whom nobody waits.
    const INPUT: &str = "
        1 11 0  web   SERVER   buy     0..100
        1 12 11 web   CLIENT   get     10..40
        1 13 12 cart  SERVER   get     11..39
        1 14 11 web   CLIENT   get     10..30 ERROR
        1 15 14 cart  SERVER   get     11..29 ERROR
        1 16 11 web   PRODUCER publish 50..60 messaging.system=kafka messaging.destination.name=orders
        1 17 16 mail  CONSUMER process 70..170 messaging.system=kafka messaging.destination.name=orders
        2 21 0  web   SERVER   buy     0..50
        2 22 21 web   CLIENT   get     10..40
        2 23 22 cart  SERVER   get     11..39
        2 24 23 cart  CLIENT   query   12..38 db.system.name=mysql db.namespace=c composite.count=20
        3 31 0  web   SERVER   buy     0..50
        3 32 31 web   CLIENT   get     10..40
        3 33 32 cart  SERVER   get     11..39
        3 34 33 cart  CLIENT   query   12..13 db.system.name=mysql db.namespace=c ERROR
        3 35 31 audit SERVER   log     55..70
    ";

    fn lines_of(is_here: impl Fn(usize) -> bool) -> String {
        let lines = INPUT.trim().lines().filter(|line| is_here(line.trim()[..1].parse().unwrap_or_default()));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn graph_of(sample: &Sample, places: impl Iterator<Item = usize>) -> ServiceGraph {
        let mut graph = ServiceGraph::default();
        places.for_each(|place| sample.with_trace(place, place as u32, |trace| graph.see(trace)));
        graph
    }

    fn text_of(graph: &ServiceGraph, symbols: &Symbols) -> Vec<String> {
        let line = |(edge, figures): (Edge, EdgeFigures)| {
            let Edge { caller, target, is_synchronous } = edge;
            let EdgeFigures { calls, failed, path_ns, traces } = figures;
            let (arrow, ms) = (if is_synchronous { "->" } else { "~>" }, path_ns / 1_000_000);
            let (caller, target) = (symbols.resolve(caller), symbols.resolve(target.name));
            format!("{caller} {arrow} {target}: {calls} calls, {failed} failed, {ms} ms, {traces} traces")
        };
        graph.edges().into_iter().map(line).collect()
    }

    const EXPECTED: [&str; 4] = [
        "cart -> mysql/c: 21 calls, 1 failed, 27 ms, 2 traces",
        "web ~> audit: 1 calls, 0 failed, 0 ms, 1 traces",
        "web -> cart: 4 calls, 1 failed, 90 ms, 3 traces",
        "web -> kafka/orders: 1 calls, 0 failed, 10 ms, 1 traces",
    ];

    /// Edges count calls (pruned ones too), failures and traces, and say for how long requests waited; parts merge in any
    /// order.
    #[test]
    fn edges_merge() {
        let sample = Sample::of(&lines_of(|_| true));
        let whole = graph_of(&sample, 0..3);
        assert_eq!(text_of(&whole, &sample.semantics.symbols), EXPECTED);
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let mut merged = ServiceGraph::default();
            order.into_iter().for_each(|place| merged.merge(graph_of(&sample, place..place + 1)));
            assert_eq!(merged.edges(), whole.edges());
        }
    }

    /// Written and read, they are those of the whole, with its strings.
    #[test]
    fn edges_of_files_merge() {
        let folder = tempfile::tempdir().unwrap();
        let mut all = Symbols::default();
        let parts: Vec<(Sample, Vec<Symbol>)> = (1..=3)
            .map(|trace| {
                let sample = Sample::of(&lines_of(|here| here == trace));
                let symbols = all.absorb(&sample.semantics.symbols);
                (sample, symbols)
            })
            .collect();
        let (all, sorted) = all.sorted();
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let mut merged = ServiceGraph::default();
            for part in order {
                let (sample, symbols) = &parts[part];
                let path = folder.path().join("part");
                let mut file = PartialWriter::new(std::fs::File::create(&path).unwrap()).unwrap();
                let graph = graph_of(sample, 0..1);
                file.group("graph", Renumbering::NONE, |group| graph.write(group)).unwrap();
                file.finish(serde_json::Value::Null).unwrap();
                let symbols: Vec<Symbol> = symbols.iter().map(|symbol| sorted[symbol.index()]).collect();
                let numbers = Renumbering { symbols: Some(&symbols), traces: None };
                let file = PartialReader::open(&path).unwrap();
                merged.merge(file.group("graph", numbers, ServiceGraph::read).unwrap());
            }
            assert_eq!(text_of(&merged, &all), EXPECTED);
        }
    }
}
