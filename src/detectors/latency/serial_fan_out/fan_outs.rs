//! What `serial-fan-out` keeps of the traces that it has seen: what all of them show of the order of calls, and the spans that may
//! turn out to be findings.

use std::ops::Range;

use arrow::error::ArrowError;

use crate::detectors::kit::Seen;
use crate::detectors::resilience::edge_calls::is_outage;
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::span::SpanId;
use crate::trace::{Call, Row, TargetKind, TraceView, total_ns};

use super::call_order::{TimedCall, order_of};
use super::item_sets::{ItemSets, Shown, pairs_of, parts_of, place_of_pair};

/// Items of a span up to which their order is looked at: what calls more is a loop over data, and each pair takes memory.
pub(super) const MAX_ITEMS: usize = 64;

/// What makes a span worth a look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Fewest items.
    pub(super) min_items: usize,
    /// Traces that prove something.
    pub(super) min_proof: u32,
    /// Time in ns by which calls may overlap and still come one after the other.
    pub(super) tolerance_ns: i64,
    /// Least share of the span's path time that must be possible to save.
    pub(super) min_share: f64,
}

/// Least time that must be possible to save, in ns.
const MIN_POSSIBLE_NS: i64 = 1_000_000;

impl Limits {
    /// Whether so much, of so much path time, is worth saving; both in ns.
    pub(super) fn is_enough(self, possible_ns: i64, path_ns: i64) -> bool {
        possible_ns >= MIN_POSSIBLE_NS && possible_ns as f64 >= self.min_share * path_ns as f64
    }
}

columns! {
    /// A span that makes calls one after the other: a finding, if all traces say so. Its items are those with path time, by their first
    /// start.
    pub(super) struct FanOut in FanOutColumns {
        trace: TraceNumber,
        /// How many traces its trace stands for.
        adjusted_count: f64,
        /// The span.
        row: u32,
        /// Its path time, in ns.
        path_ns: i64,
        /// Number of the set of all its items.
        set: u32,
        /// Place in the set, then number of calls of each item.
        items: Vec<u32>,
        /// First start in ns since 1970, then path time in ns of each item.
        times: Vec<i64>,
        /// A bit for each pair of items: whether all of the first was done when the second began.
        in_series: Vec<u32>,
        /// Spans of the calls, item by item.
        calls: Vec<u32>,
        /// Their ids.
        span_ids: Vec<SpanId>,
    }
}

/// What is kept.
#[derive(Default)]
pub(crate) struct FanOuts {
    pub(super) sets: ItemSets,
    pub(super) candidates: FanOutColumns,
    marked: Vec<Row>,
    buffers: Buffers,
}

/// Buffers that are reused from trace to trace.
#[derive(Default)]
struct Buffers {
    calls: Vec<CallOfItem>,
    items: Vec<ItemOfSpan>,
    timed: Vec<TimedCall>,
    key: Vec<Symbol>,
    shown: Vec<Shown>,
}

/// A call, in the order of caller spans and items; those of one item by start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct CallOfItem {
    caller_span: Row,
    kind: TargetKind,
    target: Symbol,
    operation: Symbol,
    number: u32,
}

impl CallOfItem {
    fn item(&self) -> (TargetKind, Symbol, Symbol) {
        (self.kind, self.target, self.operation)
    }
}

/// An item of one span.
struct ItemOfSpan {
    /// Its calls among those of the span.
    calls: Range<usize>,
    /// Whether the last one was an outage.
    ends_in_outage: bool,
}

impl FanOuts {
    /// Looks at a trace.
    pub(super) fn look(&mut self, trace: &TraceView<'_>, limits: Limits) {
        let mut buffers = std::mem::take(&mut self.buffers);
        buffers.calls.clear();
        for (number, call) in (0u32..).zip(&trace.calls.calls) {
            if is_call_of_item(trace, call) {
                let Call { caller_span, target, operation, .. } = *call;
                buffers.calls.push(CallOfItem {
                    caller_span,
                    kind: target.kind,
                    target: target.name,
                    operation,
                    number,
                });
            }
        }
        buffers.calls.sort_unstable();
        let calls = std::mem::take(&mut buffers.calls);
        for of_span in calls.chunk_by(|left, right| left.caller_span == right.caller_span) {
            self.look_at_span(trace, limits, of_span, &mut buffers);
        }
        buffers.calls = calls;
        self.buffers = buffers;
    }

    fn look_at_span(&mut self, trace: &TraceView<'_>, limits: Limits, calls: &[CallOfItem], buffers: &mut Buffers) {
        let Buffers { items, timed, key, shown, .. } = buffers;
        let row = calls[0].caller_span;
        key.clear();
        key.extend([trace.service(row), trace.entry_operation(row)]);
        items.clear();
        for of_item in calls.chunk_by(|left, right| left.item() == right.item()) {
            key.extend([trace.semantics.kind_name(of_item[0].kind), of_item[0].target, of_item[0].operation]);
            let first = items.last().map_or(0, |before: &ItemOfSpan| before.calls.end);
            items.push(ItemOfSpan { calls: first..first + of_item.len(), ends_in_outage: false });
        }
        let is_compared = (limits.min_items..=MAX_ITEMS).contains(&items.len());
        shown.clear();
        if is_compared {
            let call = |call: &CallOfItem| &trace.calls.calls[call.number as usize];
            timed.clear();
            timed.extend(calls.iter().map(call).map(|call| TimedCall {
                start: trace.start(call.row),
                end: trace.end(call.row),
                has_exit_span: call.callee != call.row,
            }));
            if trace.calls.has_failures {
                for item in &mut *items {
                    item.ends_in_outage = is_outage(trace, call(&calls[item.calls.end - 1]));
                }
            }
            show_pairs(items, timed, limits.tolerance_ns, shown);
        }
        let number = TraceNumber(trace.number);
        let (set, known) = self.sets.entry(key);
        known.add(number, shown, limits.min_proof);
        if is_compared {
            self.keep(trace, limits, set, calls, buffers);
        }
    }

    /// Keeps a span if all traces may say that it loses time: as if all that is in series with something usually was so, and needed
    /// nothing of each other, so that the largest alone would be waited for. Whatever turns out not to be so leaves less to be saved.
    fn keep(&mut self, trace: &TraceView<'_>, limits: Limits, set: u32, calls: &[CallOfItem], buffers: &Buffers) {
        let Buffers { items, timed, shown, .. } = buffers;
        let row = calls[0].caller_span;
        let path_ns = trace.path_time(row);
        let call = |call: &CallOfItem| &trace.calls.calls[call.number as usize];
        let weight = |item: &ItemOfSpan| {
            total_ns(calls[item.calls.clone()].iter().map(|of_item| trace.call_path_time(call(of_item))))
        };
        let mut weighted: Vec<(i64, usize, i64)> = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let weight = weight(item);
            if weight > 0 {
                weighted.push((timed[item.calls.start].start, place, weight));
            }
        }
        let may_be_enough = |weights: &mut dyn Iterator<Item = i64>| {
            let (mut number, mut all_ns, mut largest_ns) = (0, 0, 0);
            for weight in weights {
                (number, all_ns, largest_ns) = (number + 1, total_ns([all_ns, weight]), largest_ns.max(weight));
            }
            number >= limits.min_items && limits.is_enough(all_ns - largest_ns, path_ns)
        };
        if !may_be_enough(&mut weighted.iter().map(|&(.., weight)| weight)) {
            return;
        }
        weighted.sort_unstable();
        let is_in_series = |first: usize, second: usize| {
            let (first, second) = (weighted[first].1, weighted[second].1);
            match first < second {
                true => shown[place_of_pair(items.len(), first, second)].first_is_before(),
                false => shown[place_of_pair(items.len(), second, first)].second_is_before(),
            }
        };
        let has_series = |&item: &usize| {
            (0..item).any(|other| is_in_series(other, item))
                || (item + 1..weighted.len()).any(|other| is_in_series(item, other))
        };
        if !may_be_enough(&mut (0..weighted.len()).filter(has_series).map(|item| weighted[item].2)) {
            return;
        }

        let mut in_series = vec![0u32; pairs_of(weighted.len()).div_ceil(32)];
        for second in 0..weighted.len() {
            for first in (0..second).filter(|&first| is_in_series(first, second)) {
                let place = place_of_pair(weighted.len(), first, second);
                in_series[place / 32] |= 1 << (place % 32);
            }
        }
        let of_items = weighted.iter().flat_map(|&(_, place, _)| &calls[items[place].calls.clone()]);
        let rows: Vec<Row> = of_items.map(|of_item| call(of_item).row).collect();
        let span_ids: Vec<SpanId> = rows.iter().map(|&row| trace.span_id(row)).collect();
        self.marked.push(row);
        self.marked.extend(&rows);
        self.candidates.push(FanOut {
            trace: TraceNumber(trace.number),
            adjusted_count: trace.adjusted_counts().of_evidence(trace, &span_ids),
            row,
            path_ns,
            set,
            items: weighted.iter().flat_map(|&(_, place, _)| [place as u32, items[place].calls.len() as u32]).collect(),
            times: weighted.iter().flat_map(|&(start, _, weight)| [start, weight]).collect(),
            in_series,
            calls: rows,
            span_ids,
        });
    }
}

impl FanOutColumns {
    /// Whether the items of a row are those of a set, and have all that items have.
    fn is_sound(&self, row: usize, keys_of_sets: &[&[Symbol]]) -> bool {
        let Some(key) = keys_of_sets.get(self.set[row] as usize) else { return false };
        let (items, rest) = self.items.get(row).as_chunks::<2>();
        let has_item = |&[place, _]: &[u32; 2]| (place as usize) < parts_of(key).1.len();
        let calls: usize = items.iter().map(|&[_, calls]| calls as usize).sum();
        rest.is_empty()
            && items.iter().all(|item| has_item(item) && item[1] > 0)
            && self.times.get(row).len() == 2 * items.len()
            && self.calls.get(row).len() == calls
            && self.span_ids.get(row).len() == calls
    }
}

/// Whether a call is one of those whose order matters: to a service or a host, on its own, by a span that calls others.
fn is_call_of_item(trace: &TraceView<'_>, call: &Call) -> bool {
    matches!(call.target.kind, TargetKind::Service | TargetKind::External)
        && call.weight == 1
        && call.row != call.caller_span
        && trace.is_edge_call(call)
        && trace.is_caller_span(call.caller_span)
}

/// What a span shows of each pair of its items.
fn show_pairs(items: &[ItemOfSpan], timed: &[TimedCall], tolerance_ns: i64, shown: &mut Vec<Shown>) {
    for (place, first) in items.iter().enumerate() {
        for second in &items[place + 1..] {
            let order = order_of(&timed[first.calls.clone()], &timed[second.calls.clone()], tolerance_ns);
            shown.push(Shown::of(order, [first.ends_in_outage, second.ends_in_outage]));
        }
    }
}

impl Seen for FanOuts {
    fn merge(&mut self, mut other: Self) {
        let numbers = self.sets.merge(other.sets);
        other.candidates.set.iter_mut().for_each(|set| *set = numbers[*set as usize]);
        self.candidates.append(other.candidates);
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.sets.renumber_traces(rank_of);
        self.candidates.trace.iter_mut().for_each(|trace| *trace = rank_of(*trace));
    }

    fn bytes(&self) -> usize {
        self.sets.bytes() + self.candidates.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn marked(&mut self) -> Option<&mut Vec<Row>> {
        Some(&mut self.marked)
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut places = Vec::new();
        group.beside(SETS, |group| places = self.sets.write(group));
        let mut candidates = self.candidates.clone();
        candidates.set.iter_mut().for_each(|set| *set = places[*set as usize]);
        candidates.write("", group);
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let sets = group.beside(SETS, ItemSets::read)?;
        let candidates = FanOutColumns::read("", group)?;
        let keys = sets.keys();
        if !(0..candidates.trace.len()).all(|place| candidates.is_sound(place, &keys)) {
            return Err(ArrowError::ParseError("a span makes calls that its set of items does not have".to_owned()));
        }
        Ok(Self { sets, candidates, ..Self::default() })
    }
}

/// Name of the group.
const SETS: &str = "sets";
