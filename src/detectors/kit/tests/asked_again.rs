//! Kind d: looks at a value that is unique to a span, here the id of the message by which a call asks.

use std::collections::BTreeMap;

use arrow::error::ArrowError;

use crate::conventions::{OwnAttribute, OwnAttributes};
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, NoDetails, RankedBy, RowColumn, Seen, TableRules, Unit, Whole, thresholds,
};
use crate::frame::Symbol;
use crate::gathered::Gathers;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::trace::{Target, TraceView};

thresholds! {
    /// Finds messages that are sent by one trace after the other.
    pub(crate) struct AskedAgain {
        /// Traces that send the same that are still fine.
        max_traces: Count = 1;
    }
}

columns! {
    /// A call that asks by a message.
    struct Asked in AskedColumns {
        target: Option<Target>,
        message: u64,
        trace: TraceNumber,
    }
}

/// Calls that ask by a message.
#[derive(Default)]
pub(crate) struct AllAsked(AskedColumns);

impl Seen for AllAsked {
    fn merge(&mut self, other: Self) {
        self.0.append(other.0);
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.0.trace.iter_mut().for_each(|trace| *trace = rank_of(*trace));
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        self.0.write("", group);
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        AskedColumns::read("", group).map(Self)
    }
}

/// A target that is sent the same again.
pub(crate) struct Row {
    target: Symbol,
    messages: i64,
    calls: i64,
    example_trace: TraceNumber,
}

static DESCRIPTION: Description = Description {
    name: "asked-again",
    table: "asked_again",
    summary: "messages that are sent by one trace after the other",
    documentation: "",
    currency: None,
    has_findings: false,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &["rank"],
    ranked_by: &[RankedBy::Largest("calls")],
    problem: None,
};

type Column = RowColumn<AskedAgain>;

static COLUMNS: &[Column] = &[
    Column::rank("place"),
    Column::new("target", Unit::Text, "target", |row, whole| whole.name(row.target)),
    Column::new("messages", Unit::Count, "different messages", |row, _| Cell::Int(row.messages)),
    Column::new("calls", Unit::Count, "calls that send them", |row, _| Cell::Int(row.calls)),
    Column::new("example_trace_id", Unit::Id, "the first trace", |row, whole| whole.trace_id(row.example_trace)),
];

impl Detector for AskedAgain {
    type Seen = AllAsked;
    type Details = NoDetails;
    type Aside = ();
    type Row = Row;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        Gathers { own_attributes: OwnAttributes::of(&[OwnAttribute::MessageId]), ..Gathers::NOTHING }
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        for call in trace.calls.calls.iter().filter(|call| call.counts) {
            if let Some(message) = trace.own(call.row, OwnAttribute::MessageId) {
                seen.0.push(Asked { target: Some(call.target), message, trace: TraceNumber(trace.number) });
            }
        }
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        let mut traces: BTreeMap<(Target, u64), Vec<TraceNumber>> = BTreeMap::new();
        for row in 0..seen.0.trace.len() {
            let target = seen.0.target.get(row).unwrap_or_default();
            traces.entry((target, seen.0.message[row])).or_default().push(seen.0.trace[row]);
        }
        let mut rows: BTreeMap<Target, Row> = BTreeMap::new();
        for ((target, _), mut traces) in traces {
            let calls = traces.len() as i64;
            traces.sort_unstable();
            traces.dedup();
            if traces.len() <= self.max_traces.0 as usize {
                continue;
            }
            let none = Row { target: target.name, messages: 0, calls: 0, example_trace: traces[0] };
            let row = rows.entry(target).or_insert(none);
            row.messages += 1;
            row.calls += calls;
            row.example_trace = row.example_trace.min(traces[0]);
        }
        Concluded::rows(rows.into_values().collect())
    }
}
