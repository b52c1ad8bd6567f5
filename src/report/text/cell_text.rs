//! Values of tables as text: for people, and for CSV.

use crate::detectors::{Cell, Column, Unit};

use crate::report::text::units;

/// The value as people read it, not yet made harmless. Lists that people are shown are paths.
pub(in crate::report) fn for_people(column: &Column, cell: &Cell) -> String {
    match (column.unit, cell) {
        (_, Cell::None) => "-".to_owned(),
        (Unit::Nanoseconds, Cell::Int(value)) => units::duration(*value),
        (Unit::Time, Cell::Int(value)) => units::time_to_the_second(*value),
        (_, Cell::Int(value)) => units::count(value),
        (Unit::Share, Cell::Float(value)) => units::share(*value),
        (_, Cell::Float(value)) => units::number(*value),
        (_, Cell::Flag(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
        (_, Cell::Text(text)) => text.clone(),
        (_, Cell::Names(names)) => names.join(" → "),
        (_, Cell::Ints(values)) => values.iter().map(|&value| units::duration(value)).collect::<Vec<_>>().join(", "),
    }
}

/// What columns are documented as that somebody has named who asks in SQL: their names say what he wants, not what ours do.
pub(crate) const NAMED_BY_ASKER: &str = "as asked for";

/// The title of a column: its name without unit, as words. Of times it says whether they are sums over all traces or those
/// of one request, because people confuse these.
pub(in crate::report) fn title(column: &Column) -> String {
    if column.doc == NAMED_BY_ASKER {
        return column.name.strip_suffix("_ns").unwrap_or(column.name).replace('_', " ");
    }
    let Some(name) = column.name.strip_suffix("_ns") else { return column.name.replace('_', " ") };
    let (what, statistic) = match name.rsplit_once('_') {
        Some((what, statistic)) if STATISTICS.contains(&statistic) => (what, statistic),
        None if STATISTICS.contains(&name) => ("", name),
        _ if column.adds_up => {
            let what = name.strip_suffix("_total").unwrap_or(name);
            return format!("{} in all", words(what));
        }
        _ => return words(name),
    };
    let of = if OF_REQUESTS.contains(&what) { " per request" } else { "" };
    format!("{} {statistic}{of}", words(what)).trim_start().to_owned()
}

/// What names of columns end with that tell of single requests.
const STATISTICS: [&str; 5] = ["p50", "p95", "p99", "max", "mean"];

/// What a request has of each once: other times are those of calls, of messages, or of pauses between them.
const OF_REQUESTS: [&str; 5] = ["", "duration", "impact", "saving", "serial"];

fn words(name: &str) -> String {
    if name == "saving" { "saved".to_owned() } else { name.replace("saving_", "saved_").replace('_', " ") }
}

/// Whether values are compared by size, so that their last digits belong below each other.
pub(in crate::report) fn is_numeric(column: &Column) -> bool {
    matches!(column.unit, Unit::Count | Unit::Nanoseconds | Unit::Share | Unit::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sum over all traces and what one request has are never called alike.
    #[test]
    fn titles_tell_sums_from_what_a_request_has() {
        let column = |name, unit, adds_up| title(&Column { name, unit, doc: "", adds_up });
        for (name, adds_up, told) in [
            ("saving_ns", true, "saved in all"),
            ("saving_p95_ns", false, "saved p95 per request"),
            ("saving_per_request_ns", false, "saved per request"),
            ("time_total_ns", true, "time in all"),
            ("deep_critical_ns", true, "deep critical in all"),
            ("p50_ns", false, "p50 per request"),
            ("lag_p50_ns", false, "lag p50"),
            ("max_ns", false, "max per request"),
            ("difference_ns", false, "difference"),
        ] {
            assert_eq!(column(name, Unit::Nanoseconds, adds_up), told);
        }
        assert_eq!(column("calls_p50", Unit::Count, false), "calls p50");
        assert_eq!(column("caller_service", Unit::Text, false), "caller service");
    }
}
