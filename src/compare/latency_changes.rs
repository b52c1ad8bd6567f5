//! Where the time of each entry went, from one run to another: rows add up to the change of its mean duration.

use std::collections::BTreeSet;

use crate::detectors::{Cell, Column, Unit};
use crate::rank::Table;

use super::apportion::means;
use super::compared_run::{ComparedRun, EntryTime, LatencyPlace};
use super::status::EntryName;

/// Columns of the table.
pub(crate) static LATENCY_CHANGE_COLUMNS: [Column; 10] = [
    Column::new("entry_service", Unit::Text, "service where the request came in"),
    Column::new("entry_operation", Unit::Text, "operation that was asked for"),
    Column::new("service", Unit::Text, "service that spent the time"),
    Column::new("operation", Unit::Text, "the span's operation, or the call's"),
    Column::new("component", Unit::Text, "self, network, wait or backoff; other for what the tables of a run sum up"),
    Column::new("target", Unit::Text, "what was waited for or tried again; empty for self"),
    Column::new("old_ns_per_request", Unit::Nanoseconds, "mean over all requests of the entry in the baseline"),
    Column::new("new_ns_per_request", Unit::Nanoseconds, "the same in the new run"),
    Column::new("difference_ns_per_request", Unit::Nanoseconds, "the second less the first"),
    Column::new(
        "share_of_change",
        Unit::Number,
        "its share of the change of the entry's mean duration: 1 is all of it; below 0, or above 1, where others changed the other way",
    ),
];

/// The name of the table.
pub(crate) const LATENCY_CHANGES: &str = "latency_changes";

/// Columns that are shown to people.
static SHOWN: &[&str] = &[
    "entry_service",
    "entry_operation",
    "service",
    "operation",
    "component",
    "target",
    "old_ns_per_request",
    "new_ns_per_request",
    "difference_ns_per_request",
    "share_of_change",
];

/// A row of the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LatencyChange {
    /// The place.
    pub(crate) place: LatencyPlace,
    /// Mean per request in ns, in both runs.
    pub(crate) per_request_ns: [i64; 2],
}

impl LatencyChange {
    /// The second less the first.
    pub(crate) fn difference_ns(&self) -> i64 {
        self.per_request_ns[1] - self.per_request_ns[0]
    }
}

/// What changed for an entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EntryChange {
    /// The entry.
    pub(crate) entry: EntryName,
    /// Mean duration in ns, in both runs.
    pub(crate) mean_ns: [i64; 2],
    /// Requests in the second run.
    pub(crate) requests: u64,
    /// Rows, the largest difference first; they add up to the means.
    pub(crate) rows: Vec<LatencyChange>,
}

/// The entries that are in both runs, the largest change of all their requests' time first.
pub(super) fn latency_changes(old: &ComparedRun, new: &ComparedRun) -> Vec<EntryChange> {
    // Without the times of one run, all of the other's would look new.
    if ![old, new].iter().all(|run| run.is_enabled("latency-attribution")) {
        return Vec::new();
    }
    let in_both = old.times.iter().filter_map(|(entry, old)| Some((entry, [old, new.times.get(entry)?])));
    let in_both = in_both.filter(|(_, times)| times.iter().all(|time| time.requests > 0));
    let mut changes: Vec<EntryChange> = in_both.map(|(entry, times)| change_of_entry(entry, times)).collect();
    changes.sort_by_key(|change| {
        let difference = change.mean_ns[1] - change.mean_ns[0];
        (std::cmp::Reverse(u128::from(difference.unsigned_abs()) * u128::from(change.requests)), change.entry.clone())
    });
    changes
}

fn change_of_entry(entry: &EntryName, times: [&EntryTime; 2]) -> EntryChange {
    let mut places: BTreeSet<&LatencyPlace> = times.iter().flat_map(|time| time.places.keys()).collect();
    // A table of latency has only so many rows: what is beyond them belongs to the entry as well.
    let beyond = times.map(|time| time.duration_ns - time.places.values().sum::<i64>());
    let other = LatencyPlace {
        service: OTHER.to_owned(),
        operation: String::new(),
        component: "other".to_owned(),
        target: String::new(),
    };
    if beyond != [0, 0] {
        places.insert(&other);
    }
    let means_of_run = |run: usize| {
        let part = |place: &&LatencyPlace| {
            if **place == other { beyond[run] } else { times[run].places.get(*place).copied().unwrap_or(0) }
        };
        means(&places.iter().map(part).collect::<Vec<i64>>(), times[run].requests)
    };
    let ((old, old_mean), (new, new_mean)) = (means_of_run(0), means_of_run(1));
    let rows = places.into_iter().zip(old).zip(new);
    let mut rows: Vec<LatencyChange> =
        rows.map(|((place, old), new)| LatencyChange { place: place.clone(), per_request_ns: [old, new] }).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.difference_ns().unsigned_abs()));
    EntryChange { entry: entry.clone(), mean_ns: [old_mean, new_mean], requests: times[1].requests, rows }
}

const OTHER: &str = "(other)";

/// The table of all changes.
pub(crate) fn latency_changes_table(changes: &[EntryChange]) -> Table {
    let mut values: Vec<Vec<Cell>> = vec![Vec::new(); LATENCY_CHANGE_COLUMNS.len()];
    for EntryChange { entry, mean_ns: [old_mean, new_mean], rows, .. } in changes {
        let change = new_mean - old_mean;
        for row in rows {
            let LatencyPlace { service, operation, component, target } = &row.place;
            let texts = [&entry.service, &entry.operation, service, operation, component, target];
            let numbers = [row.per_request_ns[0], row.per_request_ns[1], row.difference_ns()];
            let share = if change == 0 { Cell::None } else { Cell::Float(numbers[2] as f64 / change as f64) };
            let cells = texts.map(|text| Cell::Text(text.clone())).into_iter().chain(numbers.map(Cell::Int));
            values.iter_mut().zip(cells.chain([share])).for_each(|(column, cell)| column.push(cell));
        }
    }
    Table {
        name: LATENCY_CHANGES,
        columns: LATENCY_CHANGE_COLUMNS.to_vec(),
        terminal_columns: SHOWN,
        values,
        summed_up: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> EntryName {
        EntryName { kind: "root".to_owned(), service: "web".to_owned(), operation: "GET /".to_owned() }
    }

    fn place(service: &str) -> LatencyPlace {
        let text = String::new();
        LatencyPlace {
            service: service.to_owned(),
            operation: text.clone(),
            component: "self".to_owned(),
            target: text,
        }
    }

    fn run(requests: u64, duration_ns: i64, places: &[(&str, i64)]) -> ComparedRun {
        let places = places.iter().map(|&(service, time)| (place(service), time)).collect();
        let times = [(entry(), EntryTime { requests, duration_ns, places })].into();
        ComparedRun { times, enabled: vec!["latency-attribution".to_owned()], ..ComparedRun::default() }
    }

    /// Without the times of one run nothing is said, or all of the other's would look new.
    #[test]
    fn both_runs_must_have_times() {
        let (old, new) = (run(3, 100, &[("web", 40)]), run(3, 130, &[("web", 90)]));
        assert_eq!(latency_changes(&old, &new).len(), 1);
        let off = ComparedRun { enabled: vec!["n-plus-one".to_owned()], ..run(3, 100, &[]) };
        assert!(latency_changes(&off, &new).is_empty() && latency_changes(&old, &off).is_empty());
    }

    /// Means are rounded so that they add up, what the tables leave out is a row of its own, and what is in one run only counts.
    #[test]
    fn rows_add_up() {
        let old = run(3, 100, &[("web", 40), ("cart", 50)]);
        let new = run(4, 162, &[("web", 81), ("pay", 81)]);
        let changes = latency_changes(&old, &new);
        let [EntryChange { mean_ns, rows, .. }] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!(*mean_ns, [33, 41]);
        let rows: Vec<(&str, [i64; 2])> =
            rows.iter().map(|row| (row.place.service.as_str(), row.per_request_ns)).collect();
        assert_eq!(rows, [("pay", [0, 21]), ("cart", [17, 0]), ("web", [13, 20]), ("(other)", [3, 0])]);
        let sum = |run: usize| rows.iter().map(|(_, means)| means[run]).sum::<i64>();
        assert_eq!([sum(0), sum(1)], *mean_ns);

        let table = latency_changes_table(&changes);
        let (_, shares) = table.column("share_of_change").unwrap();
        assert_eq!(shares[0], Cell::Float(21.0 / 8.0));
    }

    /// What is in one of the runs only has no mean to compare with; what did not change has no shares.
    #[test]
    fn entries_are_in_both_runs() {
        let here = run(1, 5, &[("web", 5)]);
        assert!(latency_changes(&here, &ComparedRun::default()).is_empty());
        assert!(latency_changes(&ComparedRun::default(), &here).is_empty());
        assert!(latency_changes(&here, &run(0, 0, &[])).is_empty());
        let table = latency_changes_table(&latency_changes(&here, &here));
        assert_eq!(table.column("share_of_change").unwrap().1, [Cell::None]);
    }
}
