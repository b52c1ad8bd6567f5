//! The tree of one trace: duplicates dropped, parents resolved to row numbers, cycles cut, asynchronous children split off.
//!
//! After [`Tree::rebuild`] rows are numbered by start time, and every vector here is indexed by that number. Nothing in
//! this module recurses: a trace may be one chain of a million spans.

use std::cmp::Reverse;
use std::ops::{Not as _, Range};
use std::sync::OnceLock;

use crate::frame::{OwnRows, SignatureId, Symbol, TraceRows};
use crate::span::{SpanId, SpanKind};

use super::rows_by_id::RowsById;
use super::semantics::{Semantics, SpanSemantics};

/// Row number within a trace.
pub type Row = u32;

/// No row.
pub const NO_ROW: Row = Row::MAX;

/// Why a critical path begins at a span.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum RootReason {
    /// The parent is not in the input, or the span closes a cycle of parents.
    Fragment,
    /// The span has no parent id.
    Root,
    /// The span is an asynchronous child: nobody waits for it.
    Segment,
}

impl RootReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Fragment, Self::Root, Self::Segment];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fragment => "fragment",
            Self::Root => "root",
            Self::Segment => "segment",
        }
    }
}

/// The coarsest of a millisecond, a microsecond and a nanosecond (0) in which all times are whole numbers. Most clocks tell
/// by their first time.
fn resolution_ns(times: impl Iterator<Item = i64>) -> i64 {
    const MICROSECOND: i64 = 1_000;
    const MILLISECOND: i64 = 1_000_000;
    let mut resolution = MILLISECOND;
    for time in times {
        if time % resolution != 0 {
            if time % MICROSECOND != 0 {
                return 0;
            }
            resolution = MICROSECOND;
        }
    }
    resolution
}

/// A span at which a critical path begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PathRoot {
    /// The span.
    pub row: Row,
    /// Why the path begins there.
    pub reason: RootReason,
}

/// What was odd about the ids and parents of a trace.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct TreeCounts {
    /// Spans whose parent id is not in the input.
    pub orphans: u64,
    /// Exact re-exports that were dropped.
    pub duplicates: u64,
    /// Spans that share an id with an earlier one and are neither re-export nor shared half.
    pub id_collisions: u64,
    /// SERVER halves of spans whose id client and server share (Zipkin's B3).
    pub shared_ids: u64,
    /// Cycles of parents that were cut.
    pub cycles: u64,
    /// Spans without a service name.
    pub without_service: u64,
    /// Those of them that belong to the service of a span above.
    pub inherited_services: u64,
}

/// The tree of one trace. Reused from trace to trace, so that its buffers are allocated once.
#[derive(Debug, Default)]
pub struct Tree {
    /// Span ids.
    pub span_ids: Vec<SpanId>,
    /// Signatures.
    pub signatures: Vec<SignatureId>,
    /// Start times in ns since 1970; ascending.
    pub starts: Vec<i64>,
    /// End times in ns since 1970.
    pub ends: Vec<i64>,
    /// Hash of the arguments, 0 where not known.
    pub arguments: Vec<u64>,
    /// Own values; empty unless they are asked for.
    pub own_values: OwnRows,
    /// Parent rows, synchronous or not; [`NO_ROW`] for roots and fragments.
    pub parents: Vec<Row>,
    /// Whether the span has a parent that does not wait for it.
    pub is_async: Vec<bool>,
    /// Rows with every parent before its children.
    pub top_down: Vec<Row>,
    /// Where paths begin, by row number.
    pub path_roots: Vec<PathRoot>,
    /// How far apart times of the trace may lie by rounding alone, in ns: a millisecond or a microsecond if all its starts and
    /// ends are whole ones (Jaeger and Zipkin record microseconds, some stores milliseconds), else 0.
    pub resolution_ns: i64,
    /// What was odd.
    pub counts: TreeCounts,
    /// Services of rows, empty where every row belongs to the service that it names: a span without a service name belongs
    /// to that of the nearest span above that has one, a proxy between a caller and a callee to the caller's.
    services: Vec<Symbol>,
    /// Which rows are proxies between a caller and a callee; empty if none is.
    interceptors: Vec<bool>,
    child_starts: Vec<u32>,
    children: Vec<Row>,
    depth_first: OnceLock<DepthFirst>,
    order: Vec<u32>,
    keys: Vec<u64>,
    rows_by_id: RowsById,
    by_id: Vec<(SpanId, Row)>,
    parent_ids: Vec<SpanId>,
    state: Vec<u8>,
}

/// What only findings ask for.
#[derive(Debug)]
struct DepthFirst {
    positions: Vec<u32>,
    subtree_sizes: Vec<u32>,
    path_roots: Vec<Row>,
}

impl Tree {
    /// Number of spans kept.
    pub fn len(&self) -> usize {
        self.span_ids.len()
    }

    /// Whether there is no span.
    pub fn is_empty(&self) -> bool {
        self.span_ids.is_empty()
    }

    /// Whether the parent that a span names is not in the input.
    pub(crate) fn is_orphan(&self, row: Row) -> bool {
        let (row, parent_id) = (row as usize, self.parent_ids[row as usize]);
        // Where a cycle was cut a span is its own parent.
        self.parents[row] == NO_ROW && !parent_id.is_none() && parent_id != self.span_ids[row]
    }

    /// Rows of the children of `row`, synchronous or not, by start.
    pub fn children(&self, row: Row) -> &[Row] {
        &self.children[self.child_starts[row as usize] as usize..self.child_starts[row as usize + 1] as usize]
    }

    /// The parent that waits for `row`; [`NO_ROW`] if there is none.
    pub fn waiting_parent(&self, row: Row) -> Row {
        if self.is_async[row as usize] { NO_ROW } else { self.parents[row as usize] }
    }

    /// Whether a span waits for `callee` at or below it: neither that nor what lies between them roots a segment of its own.
    pub fn waits_for(&self, row: Row, callee: Row) -> bool {
        let mut below = callee;
        while !self.is_async[below as usize] {
            if below == row || self.parents[below as usize] == row {
                return true;
            }
            below = self.parents[below as usize];
        }
        false
    }

    /// Whether `row` is `ancestor` or lies below it, through parents of any kind.
    pub fn is_at_or_below(&self, row: Row, ancestor: Row) -> bool {
        self.subtree(ancestor).contains(&self.position(row))
    }

    /// Place of `row` in depth-first order.
    pub fn position(&self, row: Row) -> u32 {
        self.depth_first().positions[row as usize]
    }

    /// Places of `row` and everything below it.
    pub fn subtree(&self, row: Row) -> Range<u32> {
        let first = self.position(row);
        first..first + self.depth_first().subtree_sizes[row as usize]
    }

    /// The path root at or above `row`.
    pub fn path_root_of(&self, row: Row) -> Row {
        self.depth_first().path_roots[row as usize]
    }

    /// Makes this the tree of `trace`.
    pub fn rebuild(&mut self, trace: TraceRows<'_>, semantics: &Semantics) {
        self.counts = TreeCounts::default();
        self.take_rows(trace, semantics);
        self.resolve_parents(semantics);
        self.cut_cycles();
        self.list_children();
        self.order_top_down();
        self.settle_services(semantics);
        self.split_off_async(semantics);
        self.depth_first.take();
    }

    /// Copies the rows in order of start, re-exports dropped: of those the record with the later end stays, then the one
    /// with the larger parent id.
    fn take_rows(&mut self, trace: TraceRows<'_>, semantics: &Semantics) {
        let semantics_of = |row: u32| &semantics.by_signature[trace.signatures[row as usize].index()];
        let identity = |row: u32| {
            let SpanSemantics { kind, service, name, .. } = *semantics_of(row);
            (trace.span_ids[row as usize], kind, service, name)
        };
        // Nearly always the start alone decides, and start and row together fit one word.
        const ROW_BITS: u32 = 24;
        const ROW_MASK: u64 = (1 << ROW_BITS) - 1;
        let start_of = |row: u32| trace.starts[row as usize];
        let rows = 0..trace.starts.len() as u32;
        let first = trace.starts.iter().copied().min().unwrap_or(0);
        let last = trace.starts.iter().copied().max().unwrap_or(0);
        self.order.clear();
        if last.abs_diff(first) >> (u64::BITS - ROW_BITS) == 0 && u64::from(rows.end) <= ROW_MASK {
            self.keys.clear();
            self.keys.extend(rows.map(|row| start_of(row).abs_diff(first) << ROW_BITS | u64::from(row)));
            self.keys.sort_unstable();
            self.order.extend(self.keys.iter().map(|&key| (key & ROW_MASK) as u32));
        } else {
            self.order.extend(rows);
            self.order.sort_unstable_by_key(|&row| (start_of(row), row));
        }
        let same_start = |left: &u32, right: &u32| start_of(*left) == start_of(*right);
        for together in self.order.chunk_by_mut(same_start).filter(|rows| rows.len() > 1) {
            together.sort_unstable_by(|&left, &right| {
                let preference = |row: u32| {
                    (
                        trace.durations[row as usize],
                        trace.parent_span_ids[row as usize],
                        semantics_of(row).order,
                        trace.arguments[row as usize],
                        trace.own_values.get(row as usize),
                    )
                };
                identity(left).cmp(&identity(right)).then_with(|| preference(right).cmp(&preference(left)))
            });
        }
        let before = self.order.len();
        self.order.dedup_by(|later, first| same_start(later, first) && identity(*later) == identity(*first));
        self.counts.duplicates = (before - self.order.len()) as u64;

        fn fill<T>(column: &mut Vec<T>, order: &[u32], value: impl Fn(usize) -> T) {
            column.clear();
            column.extend(order.iter().map(|&row| value(row as usize)));
        }
        fill(&mut self.span_ids, &self.order, |row| trace.span_ids[row]);
        fill(&mut self.parent_ids, &self.order, |row| trace.parent_span_ids[row]);
        fill(&mut self.signatures, &self.order, |row| trace.signatures[row]);
        fill(&mut self.starts, &self.order, |row| trace.starts[row]);
        fill(&mut self.ends, &self.order, |row| trace.starts[row] + trace.durations[row]);
        fill(&mut self.arguments, &self.order, |row| trace.arguments[row]);
        let own_order = if trace.own_values.is_empty() { &[] } else { &*self.order };
        self.own_values.clear();
        own_order.iter().for_each(|&row| self.own_values.push_from(trace.own_values, row as usize));
        self.resolution_ns = resolution_ns(self.starts.iter().chain(&self.ends).copied());
    }

    fn resolve_parents(&mut self, semantics: &Semantics) {
        if !self.rows_by_id.fill(&self.span_ids) {
            return self.resolve_parents_of_shared_ids(semantics);
        }
        self.parents.clear();
        for &parent_id in &self.parent_ids {
            let parent = if parent_id.is_none() { NO_ROW } else { self.rows_by_id.row_of(parent_id, &self.span_ids) };
            self.counts.orphans += u64::from(parent == NO_ROW && !parent_id.is_none());
            self.parents.push(parent);
        }
    }

    /// The same where several rows may have one id.
    fn resolve_parents_of_shared_ids(&mut self, semantics: &Semantics) {
        self.by_id.clear();
        self.by_id.extend(self.span_ids.iter().copied().zip(0..));
        self.by_id.sort_unstable();
        let some_share_ids = self.by_id.is_sorted_by(|left, right| left.0 < right.0).not();
        let semantics_of = |row: Row| &semantics.by_signature[self.signatures[row as usize].index()];
        let with_id = |id: SpanId| {
            let start = self.by_id.partition_point(|&(known, _)| known < id);
            let length = self.by_id[start..].iter().take_while(|&&(known, _)| known == id).count();
            &self.by_id[start..start + length]
        };
        let first_of_kind =
            |rows: &[(SpanId, Row)], kind| rows.iter().map(|&(_, row)| row).find(|&row| semantics_of(row).kind == kind);

        self.parents.clear();
        for row in 0..self.span_ids.len() as Row {
            if some_share_ids
                && semantics_of(row).kind == SpanKind::Server
                && let same_id = with_id(self.span_ids[row as usize])
                && same_id.len() > 1
                && let Some(client) = first_of_kind(same_id, SpanKind::Client)
            {
                self.counts.shared_ids += 1;
                // Where a proxy passed the id on to its application, it stands between that and the client.
                let is_proxy = |&row: &Row| semantics_of(row).kind == SpanKind::Server && semantics_of(row).is_proxy;
                let proxy = same_id.iter().map(|&(_, row)| row).find(is_proxy).filter(|_| !is_proxy(&row));
                self.parents.push(proxy.unwrap_or(client));
                continue;
            }
            let parent_id = self.parent_ids[row as usize];
            if parent_id.is_none() {
                self.parents.push(NO_ROW);
                continue;
            }
            let candidates = with_id(parent_id);
            let parent = match candidates {
                [] => NO_ROW,
                [(_, only)] => *only,
                several => {
                    let service = semantics_of(row).service;
                    let holds = |candidate: Row| {
                        self.starts[candidate as usize] <= self.starts[row as usize]
                            && self.ends[row as usize] <= self.ends[candidate as usize]
                    };
                    let holder_or_first = |among: &mut dyn Iterator<Item = Row>| {
                        let mut first = None;
                        for candidate in among {
                            if holds(candidate) {
                                return Some(candidate);
                            }
                            first = first.or(Some(candidate));
                        }
                        first
                    };
                    let server = first_of_kind(several, SpanKind::Server);
                    let client = first_of_kind(several, SpanKind::Client);
                    let shared = client.zip(server);
                    let own_service = |candidate: &Row| semantics_of(*candidate).service == service;
                    let own_server =
                        |candidate: &Row| own_service(candidate) && semantics_of(*candidate).kind == SpanKind::Server;
                    let all = || several.iter().map(|&(_, row)| row);
                    // What names no service belongs where requests are served.
                    let served = shared.filter(|_| service == semantics.unknown_service).map(|(_, server)| server);
                    served
                        .or_else(|| shared.and_then(|_| holder_or_first(&mut all().filter(own_server))))
                        .or_else(|| holder_or_first(&mut all().filter(own_service)))
                        .or_else(|| {
                            // Behind two proxies it is the one that serves that leads on.
                            let of_proxies = |&row: &Row| semantics_of(row).is_proxy;
                            shared.map(
                                |(client, server)| {
                                    if [client, server].iter().all(of_proxies) { server } else { client }
                                },
                            )
                        })
                        .or_else(|| holder_or_first(&mut all()))
                        .unwrap_or(NO_ROW)
                }
            };
            if parent == NO_ROW {
                self.counts.orphans += 1;
            }
            self.parents.push(parent);
        }

        if !some_share_ids {
            return;
        }
        for same_id in self.by_id.chunk_by(|left, right| left.0 == right.0) {
            if same_id.len() > 1 {
                let halves = first_of_kind(same_id, SpanKind::Client).is_some()
                    && first_of_kind(same_id, SpanKind::Server).is_some();
                self.counts.id_collisions += same_id.len() as u64 - 1 - u64::from(halves);
            }
        }
    }

    /// Whether every parent has a smaller row number than its children, as where no clock is off.
    fn is_numbered_top_down(&self) -> bool {
        (0..).zip(&self.parents).all(|(row, &parent)| parent < row || parent == NO_ROW)
    }

    /// Cuts every cycle of parents at its earliest span (then that with the later end, then the lower id), which then roots a
    /// fragment.
    fn cut_cycles(&mut self) {
        if self.is_numbered_top_down() {
            return;
        }
        const UNSEEN: u8 = 0;
        const ON_WAY: u8 = 1;
        const DONE: u8 = 2;
        self.state.clear();
        self.state.resize(self.parents.len(), UNSEEN);
        for row in 0..self.parents.len() as Row {
            let mut at = row;
            while at != NO_ROW && self.state[at as usize] == UNSEEN {
                self.state[at as usize] = ON_WAY;
                at = self.parents[at as usize];
            }
            let closes_at = at;
            let closes_cycle = at != NO_ROW && self.state[at as usize] == ON_WAY;
            let mut at = row;
            while at != NO_ROW && self.state[at as usize] == ON_WAY {
                self.state[at as usize] = DONE;
                at = self.parents[at as usize];
            }
            if closes_cycle {
                let place = |row: Row| {
                    let index = row as usize;
                    (self.starts[index], Reverse(self.ends[index]), self.span_ids[index], row)
                };
                let mut earliest = closes_at;
                let mut member = self.parents[closes_at as usize];
                while member != closes_at {
                    earliest = if place(member) < place(earliest) { member } else { earliest };
                    member = self.parents[member as usize];
                }
                self.parents[earliest as usize] = NO_ROW;
                // A shared half may have no parent id of its own: it is no root for all that.
                self.parent_ids[earliest as usize] = self.span_ids[earliest as usize];
                self.counts.cycles += 1;
            }
        }
    }

    /// The service that a span belongs to.
    pub fn service(&self, row: Row, semantics: &Semantics) -> Symbol {
        match self.services.get(row as usize) {
            Some(&service) => service,
            None => semantics.by_signature[self.signatures[row as usize].index()].service,
        }
    }

    /// Whether a span is a proxy's between a caller and a callee: as good as an interceptor of the caller.
    pub fn is_interceptor(&self, row: Row) -> bool {
        self.interceptors.get(row as usize).is_some_and(|&is_interceptor| is_interceptor)
    }

    /// Whether services of rows may be others than those that they name.
    pub(crate) fn has_settled_services(&self) -> bool {
        !self.services.is_empty()
    }

    /// Whether a proxy lies between a caller and a callee.
    pub(super) fn has_interceptors(&self) -> bool {
        !self.interceptors.is_empty()
    }

    /// Finds whose spans without a service name are, and which proxies lie between a caller and a callee. Where neither occurs,
    /// nothing is written down.
    fn settle_services(&mut self, semantics: &Semantics) {
        self.services.clear();
        self.interceptors.clear();
        if !semantics.has_unknown_services && !semantics.has_proxies {
            return;
        }
        let of_row = |signature: &SignatureId| &semantics.by_signature[signature.index()];
        let is_unknown = |own: &SpanSemantics| own.service == semantics.unknown_service;
        let (mut some_unknown, mut some_proxies) = (false, false);
        for own in self.signatures.iter().map(of_row) {
            some_unknown |= is_unknown(own);
            some_proxies |= own.is_proxy;
        }
        if some_unknown || some_proxies {
            self.services.extend(self.signatures.iter().map(|signature| of_row(signature).service));
        }
        if some_unknown {
            self.inherit_services(semantics);
        }
        if some_proxies {
            self.find_interceptors(semantics);
        }
    }

    /// Gives spans without a service name that of the nearest span above that has one.
    fn inherit_services(&mut self, semantics: &Semantics) {
        for &row in &self.top_down {
            if self.services[row as usize] != semantics.unknown_service {
                continue;
            }
            self.counts.without_service += 1;
            let inherited = self.services.get(self.parents[row as usize] as usize).copied();
            if let Some(service) = inherited.filter(|&service| service != semantics.unknown_service) {
                self.services[row as usize] = service;
                self.counts.inherited_services += 1;
            }
        }
    }

    /// Makes proxies interceptors that have a span of an application above them and an application's entry span below them,
    /// both through proxies only.
    fn find_interceptors(&mut self, semantics: &Semantics) {
        let of_row = |row: Row| &semantics.by_signature[self.signatures[row as usize].index()];
        let mut application_above = vec![NO_ROW; self.parents.len()];
        for &row in &self.top_down {
            let parent = self.parents[row as usize];
            if parent != NO_ROW {
                let is_through = of_row(parent).is_proxy;
                application_above[row as usize] = if is_through { application_above[parent as usize] } else { parent };
            }
        }
        let mut leads_to_entry = vec![false; self.parents.len()];
        for &row in self.top_down.iter().rev() {
            let parent = self.parents[row as usize];
            let above = application_above[row as usize];
            if parent == NO_ROW || above == NO_ROW || !of_row(parent).is_proxy {
                continue;
            }
            let is_entry = matches!(of_row(row).kind, SpanKind::Server | SpanKind::Consumer)
                || self.services[row as usize] != self.services[above as usize];
            let leads = if of_row(row).is_proxy { leads_to_entry[row as usize] } else { is_entry };
            leads_to_entry[parent as usize] |= leads;
        }
        let is_interceptor = |row: Row| {
            of_row(row).is_proxy && application_above[row as usize] != NO_ROW && leads_to_entry[row as usize]
        };
        self.interceptors.extend((0..self.parents.len() as Row).map(is_interceptor));
        if !self.interceptors.contains(&true) {
            self.interceptors.clear();
        }
        for (row, _) in self.interceptors.iter().enumerate().filter(|&(_, &is_interceptor)| is_interceptor) {
            self.services[row] = self.services[application_above[row] as usize];
        }
    }

    /// Kind of a span; that of an interceptor is INTERNAL.
    pub fn kind(&self, row: Row, semantics: &Semantics) -> SpanKind {
        if self.is_interceptor(row) {
            SpanKind::Internal
        } else {
            semantics.by_signature[self.signatures[row as usize].index()].kind
        }
    }

    /// Finds where paths begin. Nobody waits for a CONSUMER, for what follows from its parent, or for what starts when its
    /// parent has ended and goes on by more than times are rounded.
    fn split_off_async(&mut self, semantics: &Semantics) {
        self.is_async.clear();
        self.path_roots.clear();
        for row in 0..self.parents.len() {
            let parent = self.parents[row];
            let is_async = parent != NO_ROW && (self.is_late(row as Row) || self.is_handed_over(row as Row, semantics));
            self.is_async.push(is_async);
            let reason = match (parent, is_async) {
                (NO_ROW, _) if self.parent_ids[row].is_none() => RootReason::Root,
                (NO_ROW, _) => RootReason::Fragment,
                (_, true) => RootReason::Segment,
                (_, false) => continue,
            };
            self.path_roots.push(PathRoot { row: row as Row, reason });
        }
    }

    /// Whether a span starts when its parent has ended, and goes on.
    fn is_late(&self, row: Row) -> bool {
        let end_above = self.ends[self.parents[row as usize] as usize];
        let row = row as usize;
        self.starts[row] >= end_above && self.ends[row] > end_above.saturating_add(self.resolution_ns)
    }

    /// Whether a span is what its parent has sent, or follows from it.
    fn is_handed_over(&self, row: Row, semantics: &Semantics) -> bool {
        let own = &semantics.by_signature[self.signatures[row as usize].index()];
        own.follows_from || (own.kind == SpanKind::Consumer && self.receives(row, semantics))
    }

    /// Whether a span roots a segment for no other reason than that it is late.
    pub(crate) fn is_only_late(&self, row: Row, semantics: &Semantics) -> bool {
        self.is_async[row as usize] && !self.is_handed_over(row, semantics)
    }

    /// Whether a CONSUMER gets what its parent sent: from a PRODUCER, or from another service.
    fn receives(&self, row: Row, semantics: &Semantics) -> bool {
        let parent = self.parents[row as usize];
        self.kind(row, semantics) == SpanKind::Consumer
            && (self.kind(parent, semantics) == SpanKind::Producer
                || self.service(parent, semantics) != self.service(row, semantics))
    }

    fn list_children(&mut self) {
        let count = self.parents.len();
        self.child_starts.clear();
        self.child_starts.resize(count + 2, 0);
        for &parent in self.parents.iter().filter(|&&parent| parent != NO_ROW) {
            self.child_starts[parent as usize + 2] += 1;
        }
        for index in 2..self.child_starts.len() {
            self.child_starts[index] += self.child_starts[index - 1];
        }
        self.children.clear();
        self.children.resize(self.child_starts[count + 1] as usize, NO_ROW);
        for row in 0..count {
            let parent = self.parents[row];
            if parent != NO_ROW {
                let next = &mut self.child_starts[parent as usize + 1];
                self.children[*next as usize] = row as Row;
                *next += 1;
            }
        }
        self.child_starts.truncate(count + 1);
    }

    fn order_top_down(&mut self) {
        let mut top_down = std::mem::take(&mut self.top_down);
        top_down.clear();
        if self.is_numbered_top_down() {
            top_down.extend(0..self.parents.len() as Row);
        } else {
            top_down.extend((0..self.parents.len() as Row).filter(|&row| self.parents[row as usize] == NO_ROW));
            let mut next = 0;
            while let Some(&row) = top_down.get(next) {
                top_down.extend_from_slice(self.children(row));
                next += 1;
            }
        }
        debug_assert_eq!(top_down.len(), self.len(), "every span lies below a root once cycles are cut");
        self.top_down = top_down;
    }

    fn depth_first(&self) -> &DepthFirst {
        self.depth_first.get_or_init(|| DepthFirst::of(self))
    }
}

impl DepthFirst {
    fn of(tree: &Tree) -> Self {
        let count = tree.len();
        let mut path_roots = vec![NO_ROW; count];
        for &row in &tree.top_down {
            let parent = tree.waiting_parent(row);
            path_roots[row as usize] = if parent == NO_ROW { row } else { path_roots[parent as usize] };
        }
        let mut subtree_sizes = vec![1; count];
        for &row in tree.top_down.iter().rev() {
            let parent = tree.parents[row as usize];
            if parent != NO_ROW {
                subtree_sizes[parent as usize] += subtree_sizes[row as usize];
            }
        }
        // The rows below a row are those numbered directly after it.
        let mut positions = vec![0; count];
        let mut next_root = 0;
        for &row in &tree.top_down {
            if tree.parents[row as usize] == NO_ROW {
                positions[row as usize] = next_root;
                next_root += subtree_sizes[row as usize];
            }
            let mut next_child = positions[row as usize] + 1;
            for &child in tree.children(row) {
                positions[child as usize] = next_child;
                next_child += subtree_sizes[child as usize];
            }
        }
        Self { positions, subtree_sizes, path_roots }
    }
}

#[cfg(test)]
mod tests;
