//! What services do with the requests that come in: which of them only pass requests on.

use std::collections::BTreeSet;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, columns};
use crate::span::SpanKind;
use crate::trace::{Row, SoleCallee, TraceView};

/// Requests that came in at one service.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Entries {
    /// Entry spans and spans without parent, health checks left out.
    all: u64,
    /// Those that make one counted call, to a service, and no other.
    passed_on: u64,
    /// SERVER spans, whatever they serve.
    served: u64,
    /// To which services requests are passed on.
    passed_to: BTreeSet<Symbol>,
}

impl Entries {
    /// Fewer requests tell nothing of what a service is.
    const ENOUGH: u64 = 5;

    fn are_passed_on(&self) -> bool {
        self.all >= Self::ENOUGH && self.passed_on * 10 >= self.all * 9 && self.passed_to.len() >= 2
    }
}

columns! {
    /// How many requests came in at a service.
    struct EntryRow in EntryColumns {
        service: Symbol,
        all: u64,
        passed_on: u64,
        served: u64,
    }
}

columns! {
    /// A service that another passes requests on to.
    struct PassedRow in PassedColumns {
        service: Symbol,
        target: Symbol,
    }
}

/// What all services do with the requests that come in.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceEntries {
    services: HashMap<Symbol, Entries, FixedState>,
}

impl ServiceEntries {
    /// Takes notice of the requests of one trace.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        let callees = trace.sole_callees();
        for row in 0..trace.tree.len() as Row {
            let own = trace.semantics_of(row);
            let is_caller_span = trace.is_caller_span(row);
            let is_served = own.kind == SpanKind::Server;
            if !is_caller_span && !is_served {
                continue;
            }
            let entries = self.services.entry(trace.service(row)).or_default();
            entries.served += u64::from(is_served);
            if !is_caller_span || own.is_heartbeat || trace.is_probe(row) {
                continue;
            }
            entries.all += 1;
            let SoleCallee { calls, service, .. } = callees.of(row);
            if calls == 1 && service != Symbol::EMPTY {
                entries.passed_on += 1;
                // Nearly always it is known.
                if !entries.passed_to.contains(&service) {
                    entries.passed_to.insert(service);
                }
            }
        }
    }

    /// Services that pass requests on: gateways, meshes, proxies. At least 5 requests, 9 of 10 of which make one counted call, to
    /// a service, and no other; to two services or more.
    pub(crate) fn pass_through(&self) -> BTreeSet<Symbol> {
        self.services.iter().filter(|(_, entries)| entries.are_passed_on()).map(|(&service, _)| service).collect()
    }

    /// Number of a service's SERVER spans.
    pub(crate) fn served(&self, service: Symbol) -> u64 {
        self.services.get(&service).map_or(0, |entries| entries.served)
    }

    /// Takes in the requests of other traces.
    pub(crate) fn merge(&mut self, other: Self) {
        for (service, entries) in other.services {
            let own = self.services.entry(service).or_default();
            own.all += entries.all;
            own.passed_on += entries.passed_on;
            own.served += entries.served;
            own.passed_to.extend(entries.passed_to);
        }
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.services.capacity() * size_of::<(Symbol, Entries)>()
    }

    /// Writes what is known of services.
    pub(crate) fn write(&self, group: &mut GroupWriter<'_>) {
        let mut services: Vec<(&Symbol, &Entries)> = self.services.iter().collect();
        services.sort_unstable_by_key(|&(service, _)| service);
        let (mut columns, mut passed) = (EntryColumns::default(), PassedColumns::default());
        for (&service, entries) in services {
            columns.push(EntryRow { service, all: entries.all, passed_on: entries.passed_on, served: entries.served });
            entries.passed_to.iter().for_each(|&target| passed.push(PassedRow { service, target }));
        }
        columns.write("", group);
        group.beside(PASSED, |group| passed.write("", group));
    }

    /// Reads what [`ServiceEntries::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(crate) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = EntryColumns::read("", group)?;
        let passed = group.beside(PASSED, |group| PassedColumns::read("", group))?;
        let mut read = Self::default();
        for row in 0..columns.service.len() {
            let (all, passed_on, served) = (columns.all[row], columns.passed_on[row], columns.served[row]);
            let entries = Entries { all, passed_on, served, passed_to: BTreeSet::new() };
            read.services.insert(columns.service[row], entries);
        }
        for (service, &target) in passed.service.iter().zip(&passed.target) {
            read.services.entry(*service).or_default().passed_to.insert(target);
        }
        Ok(read)
    }
}

/// Name of a group.
const PASSED: &str = "passed";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample::Sample;

    /// A gateway passes requests on to two services; a service that calls one other, or now and then two, does not.
    #[test]
    fn pass_through_services_are_known_by_what_they_do() {
        let mut text = String::new();
        let mut trace = |number: usize, of_service: &str, calls: &[&str]| {
            text += &format!("{number} 1 0 {of_service} SERVER get 0..9\n");
            for (call, target) in (2..).zip(calls) {
                text +=
                    &format!("{number} {call} 1 {of_service} CLIENT call {call}..{} peer.service={target}\n", call + 1);
            }
        };
        for number in 0..10 {
            trace(number * 5 + 1, "gateway", &[["cart", "user"][number % 2]]);
            trace(number * 5 + 2, "cart", &["price"]);
            trace(number * 5 + 3, "often", &[["cart", "user"][number % 2], "user"][..1 + usize::from(number == 3)]);
            trace(number * 5 + 4, "seldom", &[["cart", "user"][number % 2], "user"][..1 + usize::from(number < 2)]);
            if number < 4 {
                trace(number * 5 + 5, "few", &[["cart", "user"][number % 2]]);
            }
        }
        let sample = Sample::of(&text);
        let mut halves = [ServiceEntries::default(), ServiceEntries::default()];
        let mut all = ServiceEntries::default();
        for index in 0..sample.trace_ids().len() {
            sample.with_trace(index, index as u32, |trace| {
                halves[index % 2].see(trace);
                all.see(trace);
            });
        }
        let [mut merged, other] = halves;
        merged.merge(other);
        assert_eq!(merged.services, all.services);
        let names: Vec<&str> =
            all.pass_through().into_iter().map(|service| sample.semantics.symbols.resolve(service)).collect();
        assert_eq!(names, ["gateway", "often"]);
    }
}
