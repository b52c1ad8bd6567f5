//! Who touches which tables of which databases.

mod sharing;

use std::cmp::Reverse;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::findings::{Example, TraceCount};
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, Named as _, columns};
use crate::trace::{Call, TablesSeenIn, TargetKind, TraceView, total_ns};

pub(crate) use sharing::Sharing;

/// A database ([`DatabaseName`](crate::conventions::DatabaseName)) and a table of it; an empty one for the database in all.
type Place = [Symbol; 2];

/// What calls of one service to a place are.
#[derive(Clone, Debug)]
struct Touching {
    service: Symbol,
    calls: u64,
    writes: u64,
    /// Path time of the calls in ns.
    critical_ns: i64,
    /// How many calls named tables where, by number of [`TablesSeenIn`].
    seen_in: [u64; SEEN_IN],
    first_call: Example,
    first_write: Option<Example>,
}

/// Number of sources of tables.
const SEEN_IN: usize = TablesSeenIn::ALL.len();

impl Touching {
    /// Counts a call.
    fn see(&mut self, trace: &TraceView<'_>, touch: &Touch<'_>) {
        let weight = u64::from(touch.call.weight);
        self.calls += weight;
        self.critical_ns = total_ns([self.critical_ns, trace.call_path_time(touch.call)]);
        if let Some(source) = touch.seen_in {
            self.seen_in[usize::from(source.number())] += weight;
        }
        if touch.is_before(&self.first_call, trace) {
            self.first_call = touch.example(trace);
        }
        if touch.is_write {
            self.writes += weight;
            if self.first_write.as_ref().is_none_or(|first| touch.is_before(first, trace)) {
                self.first_write = Some(touch.example(trace));
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.calls += other.calls;
        self.writes += other.writes;
        self.critical_ns = total_ns([self.critical_ns, other.critical_ns]);
        self.seen_in.iter_mut().zip(other.seen_in).for_each(|(own, other)| *own += other);
        self.first_call = self.first_call.clone().first(other.first_call);
        self.first_write = match (self.first_write.take(), other.first_write) {
            (Some(own), Some(other)) => Some(own.first(other)),
            (own, other) => own.or(other),
        };
    }
}

/// A call that touches a place.
#[derive(Clone, Copy)]
struct Touch<'a> {
    call: &'a Call,
    is_write: bool,
    seen_in: Option<TablesSeenIn>,
}

impl Touch<'_> {
    fn example(&self, trace: &TraceView<'_>) -> Example {
        Example::of(trace, self.call.row, trace.caller_operation(self.call))
    }

    /// Whether it is to be looked at rather than another example: nearly always the ids of the traces tell.
    fn is_before(&self, example: &Example, trace: &TraceView<'_>) -> bool {
        trace.trace_id < example.trace_id
            || trace.trace_id == example.trace_id && self.example(trace).order() < example.order()
    }
}

/// Who touches a place.
#[derive(Clone, Debug, Default)]
struct Touched {
    /// Traces with calls.
    traces: TraceCount,
    /// Traces with calls of several families.
    joint_traces: u64,
    /// By service, in no particular order: there are few.
    services: Vec<Touching>,
    /// How often a database is called by which name of a target.
    spellings: Vec<(Symbol, u64)>,
    /// The trace that was looked at last.
    last: LastTrace,
}

/// What is known of calls to a place in the trace that was looked at last.
#[derive(Clone, Copy, Debug)]
struct LastTrace {
    number: u32,
    /// The service of its first call.
    service: Symbol,
    /// Whether a service of another family calls too.
    is_joint: bool,
    /// How many traces it stands for because of sampling.
    adjusted_count: f64,
}

/// No trace has that number.
impl Default for LastTrace {
    fn default() -> Self {
        Self { number: u32::MAX, service: Symbol::EMPTY, is_joint: false, adjusted_count: 0.0 }
    }
}

impl Touched {
    /// Counts a call.
    fn see(&mut self, trace: &TraceView<'_>, touch: &Touch<'_>) {
        let service = touch.call.caller_service;
        let adjusted_count = match trace.semantics.has_adjusted_counts {
            true => trace.adjusted_counts().of_evidence(trace, &[trace.span_id(touch.call.row)]),
            false => 1.0,
        };
        let last = &mut self.last;
        if last.number != trace.number {
            *last = LastTrace { number: trace.number, service, is_joint: false, adjusted_count };
            self.traces.add(adjusted_count);
        } else {
            if adjusted_count > last.adjusted_count {
                self.traces.raise(last.adjusted_count, adjusted_count);
                last.adjusted_count = adjusted_count;
            }
            let is_other = || trace.semantics.family(service) != trace.semantics.family(last.service);
            if !last.is_joint && service != last.service && is_other() {
                last.is_joint = true;
                self.joint_traces += 1;
            }
        }
        match self.services.iter_mut().find(|known| known.service == service) {
            Some(known) => known.see(trace, touch),
            None => {
                let mut touching = Touching {
                    service,
                    calls: 0,
                    writes: 0,
                    critical_ns: 0,
                    seen_in: [0; SEEN_IN],
                    first_call: touch.example(trace),
                    first_write: None,
                };
                touching.see(trace, touch);
                self.services.push(touching);
            }
        }
    }

    fn add(&mut self, touching: Touching) {
        match self.services.iter_mut().find(|known| known.service == touching.service) {
            Some(known) => known.merge(touching),
            None => self.services.push(touching),
        }
    }

    fn merge(&mut self, other: Self) {
        self.traces.merge(other.traces);
        self.joint_traces += other.joint_traces;
        other.services.into_iter().for_each(|touching| self.add(touching));
        other.spellings.into_iter().for_each(|(target, calls)| self.add_spelling(target, calls));
    }

    fn add_spelling(&mut self, target: Symbol, calls: u64) {
        match self.spellings.iter_mut().find(|(known, _)| *known == target) {
            Some((_, known)) => *known += calls,
            None => self.spellings.push((target, calls)),
        }
    }

    /// The name of the target by which it is called most often, ties by name.
    fn spelling(&self) -> Symbol {
        let most = self.spellings.iter().max_by_key(|(target, calls)| (*calls, Reverse(*target)));
        most.map_or(Symbol::EMPTY, |(target, _)| *target)
    }
}

/// Who touches which places of all databases.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataTouches {
    places: HashMap<Place, Touched, FixedState>,
}

impl DataTouches {
    /// Takes notice of the calls of a trace.
    pub(super) fn see(&mut self, trace: &TraceView<'_>) {
        for call in &trace.calls.calls {
            let data_use = trace.data_use(call.row);
            let is_shareable = data_use.touches_data && !data_use.database.is_empty();
            if !is_shareable || !call.counts || call.target.kind != TargetKind::Database {
                continue;
            }
            let is_write = data_use.writes_database || data_use.tables.iter().any(|table| table.is_written);
            let touch = Touch { call, is_write, seen_in: data_use.seen_in };
            let database = self.places.entry([data_use.database, Symbol::EMPTY]).or_default();
            database.see(trace, &touch);
            database.add_spelling(call.target.name, u64::from(call.weight));
            for table in &data_use.tables {
                let touch = Touch { is_write: table.is_written, ..touch };
                self.places.entry([data_use.database, table.name]).or_default().see(trace, &touch);
            }
        }
    }

    /// Takes in what was seen of other traces.
    pub(super) fn merge(&mut self, other: Self) {
        for (place, touched) in other.places {
            self.places.entry(place).or_default().merge(touched);
        }
    }

    /// About how many bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let services: usize = self.places.values().map(|touched| touched.services.capacity()).sum();
        self.places.capacity() * size_of::<(Place, Touched)>() + services * size_of::<Touching>()
    }

    /// Writes it as columns.
    pub(super) fn write(&self, group: &mut GroupWriter<'_>) {
        let mut places: Vec<(&Place, &Touched)> = self.places.iter().collect();
        places.sort_unstable_by_key(|&(place, _)| place);
        let (mut traces, mut touchings) = (PlaceColumns::default(), TouchingColumns::default());
        let mut spelled = SpellingColumns::default();
        for (&[database, table], touched) in places {
            traces.push(PlaceRow { database, table, traces: touched.traces, joint_traces: touched.joint_traces });
            let mut spellings = touched.spellings.clone();
            spellings.sort_unstable();
            for (target, calls) in spellings {
                spelled.push(SpellingRow { database, target, calls });
            }
            let mut services: Vec<&Touching> = touched.services.iter().collect();
            services.sort_unstable_by_key(|touching| touching.service);
            for touching in services {
                let [collection, name, query, summary] = touching.seen_in;
                touchings.push(TouchingRow {
                    database,
                    table,
                    service: touching.service,
                    calls: touching.calls,
                    writes: touching.writes,
                    critical_ns: touching.critical_ns,
                    collection,
                    name,
                    query,
                    summary,
                    has_write: touching.first_write.is_some(),
                    first_call: touching.first_call.clone(),
                    first_write: touching.first_write.clone().unwrap_or_else(|| touching.first_call.clone()),
                });
            }
        }
        traces.write("", group);
        group.beside(SERVICES, |group| touchings.write("", group));
        group.beside(SPELLINGS, |group| spelled.write("", group));
    }

    /// Reads what [`DataDataTouches::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(super) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let mut touches = Self::default();
        let places = PlaceColumns::read("", group)?;
        for row in 0..places.database.len() {
            let touched = touches.places.entry([places.database[row], places.table[row]]).or_default();
            touched.traces.merge(places.traces.get(row));
            touched.joint_traces += places.joint_traces[row];
        }
        let read = group.beside(SERVICES, |group| TouchingColumns::read("", group))?;
        for row in 0..read.database.len() {
            touches.places.entry([read.database[row], read.table[row]]).or_default().add(Touching {
                service: read.service[row],
                calls: read.calls[row],
                writes: read.writes[row],
                critical_ns: read.critical_ns[row],
                seen_in: [read.collection[row], read.name[row], read.query[row], read.summary[row]],
                first_call: read.first_call.get(row),
                first_write: read.has_write[row].then(|| read.first_write.get(row)),
            });
        }
        let read = group.beside(SPELLINGS, |group| SpellingColumns::read("", group))?;
        for row in 0..read.database.len() {
            let touched = touches.places.entry([read.database[row], Symbol::EMPTY]).or_default();
            touched.add_spelling(read.target[row], read.calls[row]);
        }
        Ok(touches)
    }
}

/// Names of the groups.
const SERVICES: &str = "services";
const SPELLINGS: &str = "spellings";

columns! {
    /// A place, as it is written.
    struct PlaceRow in PlaceColumns {
        database: Symbol,
        table: Symbol,
        traces: TraceCount,
        joint_traces: u64,
    }
}

columns! {
    /// What a service does with a place, as it is written.
    struct TouchingRow in TouchingColumns {
        database: Symbol,
        table: Symbol,
        service: Symbol,
        calls: u64,
        writes: u64,
        critical_ns: i64,
        collection: u64,
        name: u64,
        query: u64,
        summary: u64,
        has_write: bool,
        first_call: Example,
        first_write: Example,
    }
}

columns! {
    /// By which name a database is called.
    struct SpellingRow in SpellingColumns {
        database: Symbol,
        target: Symbol,
        calls: u64,
    }
}
