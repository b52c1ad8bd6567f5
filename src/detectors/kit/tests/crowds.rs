//! Kind c: looks at all caller spans of a service in time order, and then once more at the calls that some of them made.

use arrow::error::ArrowError;

use crate::detectors::kit::{
    CallRound, Cell, Concluded, Description, Detector, NoDetails, RankedBy, RowColumn, Seen, TableRules, Unit, Whole,
    thresholds,
};
use crate::frame::Symbol;
use crate::gathered::{CallerSpansOfService, Gathers, LoggedCall};
use crate::partial::{GroupReader, GroupWriter, TraceNumber};
use crate::savings::Unsettled;
use crate::trace::TraceView;

thresholds! {
    /// Finds services that work on several requests at once.
    pub(crate) struct Crowds {
        /// So many requests at once are still fine.
        max_at_once: Count = 1;
    }
}

/// A service that works on several requests at once.
pub(crate) struct Crowd {
    service: Symbol,
    at_once: usize,
    /// The requests that came when others were there.
    crowded: Vec<(TraceNumber, u32)>,
    /// Calls that were made for them.
    calls: i64,
}

#[derive(Default)]
pub(crate) struct SeenCrowds {
    traces: i64,
    crowds: Vec<Crowd>,
    /// Calls that were made for those of each.
    calls: Vec<i64>,
}

impl Seen for SeenCrowds {
    fn merge(&mut self, other: Self) {
        self.traces += other.traces;
        self.calls.resize(self.calls.len().max(other.calls.len()), 0);
        self.calls.iter_mut().zip(other.calls).for_each(|(own, other)| *own += other);
    }

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        0
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        group.i64s("traces", std::iter::once(self.traces));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Ok(Self { traces: group.i64s("traces")?.into_iter().sum(), ..Self::default() })
    }
}

static DESCRIPTION: Description = Description {
    name: "crowds",
    table: "crowds",
    summary: "services that work on several requests at once",
    documentation: "",
    currency: None,
    has_findings: false,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &["rank"],
    ranked_by: &[RankedBy::Largest("at_once")],
    problem: None,
};

type Column = RowColumn<Crowds>;

static COLUMNS: &[Column] = &[
    Column::rank("place"),
    Column::new("service", Unit::Text, "service", |row, whole| whole.name(row.service)),
    Column::new("at_once", Unit::Count, "most requests at once", |row, _| Cell::Int(row.at_once as i64)),
    Column::new("crowded", Unit::Count, "those that came then", |row, _| Cell::Int(row.crowded.len() as i64)),
    Column::new("calls", Unit::Count, "calls made for them", |row, _| Cell::Int(row.calls)),
];

impl Detector for Crowds {
    type Seen = SeenCrowds;
    type Details = NoDetails;
    type Aside = ();
    type Row = Crowd;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        Gathers { calls: true, caller_spans: true, ..Gathers::NOTHING }
    }

    fn see(&self, _trace: &TraceView<'_>, seen: &mut Self::Seen) {
        seen.traces += 1;
    }

    fn wants_service(&self, _service: Symbol, seen: &Self::Seen) -> bool {
        seen.traces > 1
    }

    fn see_service(&self, spans: &CallerSpansOfService<'_>, seen: &mut Self::Seen) {
        let CallerSpansOfService { service, spans } = *spans;
        let at_once = |moment: i64| spans.iter().filter(|span| span.start <= moment && moment < span.end()).count();
        let is_crowded = |moment: i64| at_once(moment) > self.max_at_once.0 as usize;
        let crowded: Vec<_> =
            spans.iter().filter(|span| is_crowded(span.start)).map(|span| (span.trace, span.row)).collect();
        let most = spans.iter().map(|span| at_once(span.start)).max().unwrap_or_default();
        if !crowded.is_empty() {
            seen.crowds.push(Crowd { service, at_once: most, crowded, calls: 0 });
        }
    }

    fn wants_calls(&self, round: CallRound, seen: &mut Self::Seen) -> bool {
        round == CallRound::Last && !seen.crowds.is_empty()
    }

    fn see_call(&self, _round: CallRound, call: &LoggedCall, known: &Self::Seen, learned: &mut Self::Seen) {
        learned.calls.resize(known.crowds.len(), 0);
        for (crowd, calls) in known.crowds.iter().zip(&mut learned.calls) {
            *calls += i64::from(crowd.crowded.contains(&(call.trace, call.caller_span)));
        }
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        let with_calls = |(crowd, calls)| Crowd { calls, ..crowd };
        Concluded::rows(seen.crowds.into_iter().zip(seen.calls).map(with_calls).collect())
    }
}
