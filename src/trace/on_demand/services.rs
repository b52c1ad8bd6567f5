//! The services of a trace, and whose each span is.

use crate::frame::Symbol;
use crate::trace::{Row, TraceView};

/// The services of a trace, in the order in which their first spans come.
#[derive(Debug, Default)]
pub(crate) struct Services {
    names: Vec<Symbol>,
    place_of_row: Vec<u32>,
}

impl Services {
    pub(in crate::trace) fn rebuild(&mut self, trace: &TraceView<'_>) {
        self.names.clear();
        self.place_of_row.clear();
        let (mut last, names) = (0, &mut self.names);
        let places = (0..trace.tree.len() as Row).map(|row| {
            let service = trace.service(row);
            if names.get(last) != Some(&service) {
                // There are few, and those that came lately come again.
                last = names.iter().rposition(|&known| known == service).unwrap_or_else(|| {
                    names.push(service);
                    names.len() - 1
                });
            }
            last as u32
        });
        self.place_of_row.extend(places);
    }

    /// Their names.
    pub(crate) fn names(&self) -> &[Symbol] {
        &self.names
    }

    /// The place of the service of a span among [the names](Self::names).
    pub(crate) fn place_of(&self, row: Row) -> usize {
        self.place_of_row[row as usize] as usize
    }
}

#[cfg(test)]
mod tests {
    use crate::trace::sample::Sample;

    #[test]
    fn each_span_is_of_its_service() {
        let sample = Sample::of(
            "1 1 0 a SERVER x 0..9\n1 2 1 a CLIENT x 1..8\n1 3 2 b SERVER x 2..7\n1 4 3 c SERVER x 3..6\n1 5 4 a SERVER x 4..5",
        );
        sample.with_trace(0, 0, |trace| {
            let services = trace.services();
            let names: Vec<&str> = services.names().iter().map(|&name| trace.semantics.symbols.resolve(name)).collect();
            assert_eq!(names, ["a", "b", "c"]);
            assert_eq!([0, 1, 2, 3, 4].map(|row| services.place_of(row)), [0, 0, 1, 2, 0]);
        });
    }
}
