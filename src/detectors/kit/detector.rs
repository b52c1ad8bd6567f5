//! What a detector is.
//!
//! ```text
//! every trace ──see──▶ Seen ─┐                      (one for each thread, and for each part of the input)
//!                            ├─merge─▶ Seen ──see_call (all calls, in any order, twice)──▶ Seen
//! every trace ──see──▶ Seen ─┘              ──see_target (all calls to one target, in time order)──▶ Seen
//!                                           ──see_service (all caller spans of one service)──▶ Seen
//!                                           ──see_message (all messages of one topic, in time order)──▶ Seen
//!                                           ──see_call──▶ Seen ──conclude──▶ findings, rows
//! ```

use arrow::error::ArrowError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::conventions::{Lists, service_family};
use crate::findings::Findings;
use crate::frame::{Symbol, Symbols};
use crate::gathered::{CallerSpansOfService, CallsOfTarget, EdgeOfCalls, Gathered, Gathers, LoggedCall, LoggedMessage};
use crate::partial::{Columns, GroupReader, GroupWriter, TraceNumber};
use crate::savings::Unsettled;
use crate::sensitive::SensitiveFacts;
use crate::span::TraceId;
use crate::trace::{Row, TraceView};

use super::description::{Cell, Column, Description};
use super::rules::{Heading, TableRules};
use super::thresholds::Thresholds;

/// Finds one anti-pattern: a value with typed thresholds, which knows no other detector, does no I/O and prints nothing.
///
/// | kind | looks at | in |
/// |---|---|---|
/// | a | one trace, and pushes findings into what it has seen | `see` |
/// | b | aggregates over all traces, its own or those that it lets gather | `see`, `conclude` |
/// | c | all calls, in any order | `see_call` |
/// | c | all calls to one target, or all caller spans of one service, in time order | `see_target`, `see_service` |
/// | c | all messages of one topic, in time order | `see_message` |
/// | d | values that are unique to a span ([`Gathers::own_attributes`]) | `see` |
pub(crate) trait Detector:
    Thresholds + Clone + Default + Send + Sync + Serialize + DeserializeOwned + 'static
{
    /// What it keeps of what it has seen.
    type Seen: Seen;
    /// What its findings say beside what all findings say.
    type Details: Columns + Clone + std::fmt::Debug;
    /// What it knows beside its findings that rules of its columns need.
    type Aside: Send + Sync;
    /// A row of its own, for tables that are not made of patterns.
    type Row: Send + Sync;

    /// What it is, for people.
    const DESCRIPTION: &'static Description;
    /// Its table.
    const TABLE: TableRules<Self>;
    /// What people see its rows below, if it has rows of its own and they come in groups.
    const HEADING: Option<Heading<Self>> = None;

    /// What is to be gathered for it, and what readers must know of attributes. What no detector that is on asks for is not
    /// worked out.
    fn gathers() -> Gathers {
        Gathers::NOTHING
    }

    /// Takes what was found while spans were read, once for all traces of an input or of a part of it.
    fn take_read(&self, _read: &mut WhileRead, _seen: &mut Self::Seen) {}

    /// Looks at one trace.
    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen);

    /// Whether it wants to look at calls in this round, for which it can make ready. Only if its [`Detector::gathers`] asks for calls.
    fn wants_calls(&self, _round: CallRound, _seen: &mut Self::Seen) -> bool {
        false
    }

    /// Whether it wants those of a service to a target in this round: to look at others takes time for nothing.
    fn wants_calls_along(&self, _round: CallRound, _edge: EdgeOfCalls, _seen: &Self::Seen) -> bool {
        true
    }

    /// Looks at a call, of those that somebody wants in this round. All threads do, so that calls come in no order that means
    /// anything; what is learned is merged into what is `known` once the round is over.
    fn see_call(&self, _round: CallRound, _call: &LoggedCall, _known: &Self::Seen, _learned: &mut Self::Seen) {}

    /// Whether it wants to look at the calls of a service to a target: to bring them back and to sort them takes time, so that
    /// whoever does not say so may see none.
    fn wants_edge(&self, _edge: EdgeOfCalls, _seen: &Self::Seen) -> bool {
        false
    }

    /// Looks at all calls to one target along edges that somebody wants, in time order, once all traces were seen: what it has seen of these is at hand. Only
    /// if its [`Detector::gathers`] asks for calls. Targets come in a fixed order, which is not that of their names.
    fn see_target(&self, _calls: &CallsOfTarget<'_>, _seen: &mut Self::Seen) {}

    /// Whether it wants to look at the caller spans of a service, once all targets were shown: the same holds for
    /// these.
    fn wants_service(&self, _service: Symbol, _seen: &Self::Seen) -> bool {
        false
    }

    /// Looks at all caller spans of one service, in time order, once all targets were shown. Only if its [`Detector::gathers`]
    /// asks for caller spans. Services come in the order of their names.
    fn see_service(&self, _spans: &CallerSpansOfService<'_>, _seen: &mut Self::Seen) {}

    /// Looks at a message, once all traces were seen: those of one topic come in time order, topic by topic in the order of names.
    /// Only if its [`Detector::gathers`] asks for messages. A topic may have so many that none is kept that need not be.
    fn see_message(&self, _round: MessageRound, _message: &LoggedMessage, _seen: &mut Self::Seen) {}

    /// Takes notice that all messages of a topic were shown. Whoever says so after the first round sees them again.
    fn end_topic(&self, _round: MessageRound, _topic: Symbol, _seen: &mut Self::Seen) -> bool {
        false
    }

    /// Tables beside the one of its description.
    fn tables_beside(_aside: &Self::Aside, _whole: &Whole<'_>) -> Vec<BesideTable> {
        Vec::new()
    }

    /// Says what was found, once everything was seen.
    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self>;
}

/// How often the messages of a topic were shown so far. A second round is for all detectors if it is for any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MessageRound {
    /// They are shown for the first time.
    First,
    /// They are shown again.
    Second,
}

/// When detectors may look at all calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CallRound {
    /// Once all traces were seen.
    First,
    /// After that.
    Second,
    /// Once all targets and services were shown.
    Last,
}

impl CallRound {
    /// The rounds before targets are shown.
    pub(crate) const BEFORE_TARGETS: [Self; 2] = [Self::First, Self::Second];
}

/// What a detector has seen. What two of them have seen of disjoint sets of traces merges into what one would have seen of
/// all, in any order.
pub(crate) trait Seen: Default + Send + Sync {
    /// Takes in what was seen of other traces.
    fn merge(&mut self, other: Self);

    /// Gives each trace its place among all traces in the order of their ids.
    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync));

    /// About how many bytes of memory it takes.
    fn bytes(&self) -> usize;

    /// Its findings, if it has any before it concludes, and what fixes of them would change in the trace that was looked at last.
    fn unsettled(&mut self) -> Option<Unsettled<'_>>;

    /// Spans of the trace that was looked at last that a fix would change if all traces say that something is wrong with them:
    /// whoever asks empties it. Findings that are pushed when it concludes may change these spans and no others.
    fn marked(&mut self) -> Option<&mut Vec<Row>> {
        None
    }

    /// How many traces it looked at, if they are a sample of those that there are.
    fn sampled_traces(&self) -> Option<u64> {
        None
    }

    /// Writes it as columns.
    fn write(&self, group: &mut GroupWriter<'_>);

    /// Reads what [`Seen::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError>;
}

/// For detectors that see one trace at a time, their findings are all that is kept.
impl<D: Columns + Clone + std::fmt::Debug> Seen for Findings<D> {
    fn merge(&mut self, other: Self) {
        Findings::merge(self, other);
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        Findings::renumber_traces(self, rank_of);
    }

    fn bytes(&self) -> usize {
        Findings::bytes(self)
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        Some(Unsettled { findings: &mut self.common, remedies: &mut self.remedies })
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        Findings::write(self, group);
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Findings::read(group)
    }
}

/// What was found while spans were read.
#[derive(Default)]
pub(crate) struct WhileRead {
    /// What gives secrets away, if somebody asked.
    pub(crate) sensitive: Option<SensitiveFacts<Symbol>>,
}

/// Facts about the whole input.
pub(crate) struct Whole<'a> {
    /// The strings.
    pub(crate) symbols: &'a Symbols,
    /// The lists of words by which signatures were read.
    pub(crate) lists: &'a Lists,
    /// The ids of the traces by number.
    pub(crate) trace_ids: &'a [TraceId],
    /// Whether enough spans say how many they stand for.
    pub(crate) is_weighted: bool,
    /// What was gathered for the detectors that asked.
    pub(crate) gathered: &'a Gathered,
}

impl Whole<'_> {
    /// A string, as a value of a table.
    pub(crate) fn name(&self, symbol: Symbol) -> Cell {
        Cell::Text(self.symbols.resolve(symbol).to_owned())
    }

    /// Several strings.
    pub(crate) fn names(&self, symbols: &[Symbol]) -> Cell {
        Cell::Names(symbols.iter().map(|&symbol| self.symbols.resolve(symbol).to_owned()).collect())
    }

    /// The name of the family of a service.
    pub(crate) fn family_name(&self, service: Symbol) -> String {
        service_family(self.symbols.resolve(service), &self.lists.names.role_words)
    }

    /// The id of a trace; no value for none.
    pub(crate) fn trace_id(&self, trace: TraceNumber) -> Cell {
        trace.index().and_then(|index| self.trace_ids.get(index)).map_or(Cell::None, |id| Cell::Text(id.to_string()))
    }

    /// A count that sampling weighs; no value where too few spans say how many they stand for.
    pub(crate) fn weighted(&self, count: f64) -> Cell {
        if self.is_weighted { Cell::Float(count) } else { Cell::None }
    }
}

/// What a detector says of everything that it has seen.
pub(crate) struct Concluded<D: Detector> {
    /// Its findings.
    pub(crate) findings: Findings<D::Details>,
    /// What rules of columns need beside them.
    pub(crate) aside: D::Aside,
    /// Rows of its own, in the order of their keys.
    pub(crate) rows: Vec<D::Row>,
}

impl<D: Detector<Aside = ()>> Concluded<D> {
    /// Findings alone.
    pub(crate) fn findings(findings: Findings<D::Details>) -> Self {
        Self { findings, aside: (), rows: Vec::new() }
    }

    /// Rows alone.
    pub(crate) fn rows(rows: Vec<D::Row>) -> Self {
        Self { findings: Findings::default(), aside: (), rows }
    }
}

/// A table beside the one of a detector's description, whose rows are in the order of their ranks.
pub(crate) struct BesideTable {
    /// Name: file name and key in JSON.
    pub(crate) name: &'static str,
    /// Columns.
    pub(crate) columns: &'static [Column],
    /// Values by column, then row.
    pub(crate) values: Vec<Vec<Cell>>,
}

/// Rows of detectors whose tables are made of patterns: there are none.
pub(crate) enum NoRow {}

/// Details of findings that say only what all findings say.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoDetails;

impl Columns for NoDetails {
    type Row = Self;

    fn push(&mut self, _row: Self) {}

    fn append(&mut self, _other: Self) {}

    fn retain(&mut self, _keep: &dyn Fn(usize) -> bool) {}

    fn bytes(&self) -> usize {
        0
    }

    fn write(&self, _name: &str, _group: &mut GroupWriter<'_>) {}

    fn read(_name: &str, _group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Ok(Self)
    }
}
