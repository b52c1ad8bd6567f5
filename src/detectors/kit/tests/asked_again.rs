//! Kind d: looks at a value that is unique to a span, here what a call asks for.

use std::collections::BTreeMap;

use arrow::error::ArrowError;

use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, NoDetails, RankedBy, RowColumn, Seen, TableRules, Unit, Whole, thresholds,
};
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::trace::{Target, TraceView};

thresholds! {
    /// Finds what is asked for by one trace after the other.
    pub(crate) struct AskedAgain {
        /// Traces that ask for the same that are still fine.
        max_traces: Count = 1;
    }
}

columns! {
    /// What a call asks for.
    struct Asked in AskedColumns {
        target: Option<Target>,
        arguments: u64,
        trace: TraceNumber,
    }
}

/// What calls ask for.
#[derive(Default)]
pub(crate) struct AllAsked(AskedColumns);

impl Seen for AllAsked {
    fn merge(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.0.trace.iter_mut().for_each(|trace| *trace = rank_of(*trace));
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        self.0.write("", group);
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        AskedColumns::read("", group).map(Self)
    }
}

/// A target that is asked for the same again.
pub(crate) struct Row {
    target: Symbol,
    arguments: i64,
    calls: i64,
    example_trace: TraceNumber,
}

static DESCRIPTION: Description = Description {
    name: "asked-again",
    table: "asked_again",
    summary: "what is asked for by one trace after the other",
    documentation: "",
    currency: None,
    has_findings: false,
    terminal_columns: &["rank"],
    ranked_by: &[RankedBy::Largest("calls")],
};

type Column = RowColumn<AskedAgain>;

static COLUMNS: &[Column] = &[
    Column::rank("place"),
    Column::new("target", Unit::Text, "target", |row, whole| whole.name(row.target)),
    Column::new("arguments", Unit::Count, "different things", |row, _| Cell::Int(row.arguments)),
    Column::new("calls", Unit::Count, "calls that ask for them", |row, _| Cell::Int(row.calls)),
    Column::new("example_trace_id", Unit::Id, "the first trace", |row, whole| whole.trace_id(row.example_trace)),
];

impl Detector for AskedAgain {
    type Seen = AllAsked;
    type Details = NoDetails;
    type Aside = ();
    type Row = Row;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        for call in trace.calls.calls.iter().filter(|call| call.counts) {
            let arguments = trace.tree.arguments[call.row as usize];
            if arguments != 0 {
                seen.0.push(Asked { target: Some(call.target), arguments, trace: TraceNumber(trace.number) });
            }
        }
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        let mut traces: BTreeMap<(Target, u64), Vec<TraceNumber>> = BTreeMap::new();
        for row in 0..seen.0.trace.len() {
            let target = seen.0.target.get(row).unwrap_or_default();
            traces.entry((target, seen.0.arguments[row])).or_default().push(seen.0.trace[row]);
        }
        let mut rows: BTreeMap<Target, Row> = BTreeMap::new();
        for ((target, _), mut traces) in traces {
            let calls = traces.len() as i64;
            traces.sort_unstable();
            traces.dedup();
            if traces.len() <= self.max_traces.0 as usize {
                continue;
            }
            let none = Row { target: target.name, arguments: 0, calls: 0, example_trace: traces[0] };
            let row = rows.entry(target).or_insert(none);
            row.arguments += 1;
            row.calls += calls;
            row.example_trace = row.example_trace.min(traces[0]);
        }
        Concluded::rows(rows.into_values().collect())
    }
}
