//! What requests of an entry may cost at most.

use serde::Serialize;

use crate::analysis::{EntryRequests, Largest, RequestsByEntry};
use crate::detectors::{Cell, Column, Unit, Whole};
use crate::rank::Table;
use crate::report::units;
use crate::trace::RootReason;

/// The limits of an entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Budget {
    /// Service and operation of the entry, with a space between.
    pub(crate) entry: String,
    /// Most calls in the trace of a request.
    pub(crate) max_calls: Option<u64>,
    /// Most calls to databases.
    pub(crate) max_database_calls: Option<u64>,
    /// Most synchronous hops in a row.
    pub(crate) max_depth: Option<u64>,
    /// Largest 99th percentile of durations, in ns.
    pub(crate) max_p99_ns: Option<i64>,
    /// Largest share of requests that fail, 0..1.
    pub(crate) max_failed_share: Option<f64>,
}

impl Budget {
    /// Whether anything is limited.
    pub(crate) fn has_limit(&self) -> bool {
        let Self { entry: _, max_calls, max_database_calls, max_depth, max_p99_ns, max_failed_share } = self;
        max_calls.or(*max_database_calls).or(*max_depth).is_some() || max_p99_ns.is_some() || max_failed_share.is_some()
    }
}

/// A limit and what it was compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CheckedBudget {
    /// The entry, as the configuration names it.
    pub(crate) entry: String,
    /// Which limit.
    pub(crate) budget: &'static str,
    /// What limit and value count.
    unit: &'static str,
    /// The limit.
    limit: f64,
    /// The value, if there was a request.
    value: Option<f64>,
    /// The trace that is worst.
    worst_trace_id: Option<String>,
}

impl CheckedBudget {
    /// Whether the limit is met, if there was a request.
    pub(crate) fn is_met(&self) -> Option<bool> {
        self.value.map(|value| value <= self.limit)
    }

    /// The limit, the value and the trace, in words.
    pub(crate) fn told(&self) -> String {
        let shown = |number: f64| match self.unit {
            NANOSECONDS => units::duration(number as i64),
            SHARE => units::share(number),
            unit => format!("{} {unit}", units::number(number)),
        };
        let value = self.value.map_or("no request".to_owned(), shown);
        let trace = self.worst_trace_id.as_ref().map_or(String::new(), |trace| format!(" (trace {trace})"));
        format!("{} {}: {value}, at most {}{trace}", self.entry, self.budget, shown(self.limit))
    }
}

const CALLS: &str = "calls";
const HOPS: &str = "hops";
const NANOSECONDS: &str = "ns";
const SHARE: &str = "share";

/// Compares what requests cost with their budgets: a row for each limit, in the order of the budgets.
pub(crate) fn check_budgets(budgets: &[Budget], requests: &RequestsByEntry, whole: &Whole<'_>) -> Vec<CheckedBudget> {
    let mut checked = Vec::new();
    for budget in budgets {
        let is_meant = |service: &str, operation: &str| {
            budget.entry.strip_prefix(service).and_then(|rest| rest.strip_prefix(' ')) == Some(operation)
        };
        let name = |symbol| whole.symbols.resolve(symbol);
        let roots = requests.entries.iter().filter(|(entry, _)| entry.kind == RootReason::Root);
        let found = roots.into_iter().find(|(entry, _)| is_meant(name(entry.service), name(entry.operation)));
        let found = found.map(|(_, requests)| requests);
        let largest = |of: fn(&EntryRequests) -> Option<Largest>| found.and_then(of);
        let mut check = |limit: Option<f64>, budget_name, unit, value: Option<f64>, worst: Option<Largest>| {
            let Some(limit) = limit else { return };
            let worst_trace_id = worst.map(|worst| worst.trace_id().to_string());
            let entry = budget.entry.clone();
            checked.push(CheckedBudget { entry, budget: budget_name, unit, limit, value, worst_trace_id });
        };
        let limit = |limit: Option<u64>| limit.map(|limit| limit as f64);
        let value = |largest: Option<Largest>| largest.map(|largest| largest.value as f64);
        let (calls, database_calls) = (largest(|of| of.most_calls), largest(|of| of.most_database_calls));
        let (deepest, longest) = (largest(|of| of.deepest), largest(|of| of.longest));
        check(limit(budget.max_calls), "max_calls", CALLS, value(calls), calls);
        check(limit(budget.max_database_calls), "max_database_calls", CALLS, value(database_calls), database_calls);
        check(limit(budget.max_depth), "max_depth", HOPS, value(deepest), deepest);
        let p99 = found.map(|requests| requests.duration_quantile_ns(99) as f64);
        check(budget.max_p99_ns.map(|limit| limit as f64), "max_p99", NANOSECONDS, p99, longest);
        let failed = found.map(|requests| requests.failed as f64 / requests.requests.max(1) as f64);
        check(budget.max_failed_share, "max_failed_share", SHARE, failed, largest(|of| of.longest_failed));
    }
    checked
}

/// The name of the table.
pub(crate) const BUDGETS: &str = "budgets";

/// Columns of the table.
pub(crate) static BUDGET_COLUMNS: [Column; 7] = [
    Column::new("entry", Unit::Text, "service and operation of the requests"),
    Column::new(
        "budget",
        Unit::Text,
        "the limit: max_calls, max_database_calls, max_depth, max_p99 or max_failed_share",
    ),
    Column::new("unit", Unit::Text, "what limit and value count: calls, hops, ns or share"),
    Column::new(
        "value",
        Unit::Number,
        "the largest, of all requests; of max_p99 the 99th percentile, of max_failed_share the share; empty if there was no request",
    ),
    Column::new("limit", Unit::Number, "the most that it may be"),
    Column::new("met", Unit::Flag, "whether it is at most that; empty if there was no request"),
    Column::new(
        "worst_trace_id",
        Unit::Id,
        "the trace with the largest value; the slowest, the slowest of those that failed",
    ),
];

/// Columns that are shown to people.
static SHOWN: &[&str] = &["entry", "budget", "value", "limit", "unit", "met", "worst_trace_id"];

/// The table of budgets.
pub(crate) fn budgets_table(checked: &[CheckedBudget]) -> Table {
    let mut values: Vec<Vec<Cell>> = vec![Vec::new(); BUDGET_COLUMNS.len()];
    for row in checked {
        let cells = [
            Cell::Text(row.entry.clone()),
            Cell::Text(row.budget.to_owned()),
            Cell::Text(row.unit.to_owned()),
            row.value.map_or(Cell::None, Cell::Float),
            Cell::Float(row.limit),
            row.is_met().map_or(Cell::None, Cell::Flag),
            row.worst_trace_id.clone().map_or(Cell::None, Cell::Text),
        ];
        values.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
    }
    Table { name: BUDGETS, columns: BUDGET_COLUMNS.to_vec(), terminal_columns: SHOWN, values, summed_up: 0 }
}
