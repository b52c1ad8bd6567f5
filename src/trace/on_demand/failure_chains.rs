//! Where failures go: from each span up through those that failed with it, as far as that goes.
//!
//! What is above a span is the same for everything below it, so it is worked out once for each span, from the top down: a
//! deep trace with a failure at each level costs no more than a flat one.

use crate::conventions::ErrorClass;
use crate::frame::Symbol;

use super::failure_origins::{counts_for_service, goes_on_to};
use crate::trace::tree::{NO_ROW, Row};
use crate::trace::view::TraceView;

/// No service.
const NONE: u32 = u32::MAX;

/// The failed spans from a span up to where its failure ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailureChain {
    /// The lowest; [`NO_ROW`] if there is none.
    first: Row,
    /// The one above that.
    second: Row,
    /// The highest.
    pub(crate) top: Row,
    /// How many.
    pub(crate) len: u32,
    /// Whether someone above them waited and did not fail.
    pub(crate) is_absorbed: bool,
    /// Whether one of them says something else than the one below it.
    pub(crate) is_misclassified: bool,
    /// The service that was added last.
    services: u32,
}

impl FailureChain {
    const EMPTY: Self = Self {
        first: NO_ROW,
        second: NO_ROW,
        top: NO_ROW,
        len: 0,
        is_absorbed: false,
        is_misclassified: false,
        services: NONE,
    };
}

/// The chains of all spans of a trace.
#[derive(Debug, Default)]
pub(crate) struct FailureChains {
    chains: Vec<FailureChain>,
    services: Vec<ListedService>,
}

/// A service, and how many it is the last of.
#[derive(Debug)]
struct ListedService {
    service: Symbol,
    before: u32,
    count: u32,
}

impl FailureChains {
    pub(in crate::trace) fn rebuild(&mut self, trace: &TraceView<'_>) {
        let tree = trace.tree;
        self.services.clear();
        self.chains.clear();
        self.chains.resize(tree.len(), FailureChain::EMPTY);
        for &row in &tree.top_down {
            let parent = goes_on_to(trace, row);
            let above = if parent == NO_ROW { FailureChain::EMPTY } else { self.chains[parent as usize] };
            self.chains[row as usize] = if trace.calls.roles[row as usize].failed {
                self.extended(trace, row, above)
            } else if trace.calls.roles[row as usize].looked_through {
                above
            } else {
                FailureChain { is_absorbed: true, ..FailureChain::EMPTY }
            };
        }
    }

    fn extended(&mut self, trace: &TraceView<'_>, row: Row, above: FailureChain) -> FailureChain {
        let service = trace.service(row);
        let services = if counts_for_service(trace, row) && self.listed(above).all(|listed| listed != service) {
            let count = self.service_count(above) as u32 + 1;
            self.services.push(ListedService { service, before: above.services, count });
            self.services.len() as u32 - 1
        } else {
            above.services
        };
        let is_first = above.first == NO_ROW;
        FailureChain {
            first: row,
            second: above.first,
            top: if is_first { row } else { above.top },
            len: above.len + 1,
            is_absorbed: above.is_absorbed,
            is_misclassified: above.is_misclassified || !is_first && is_misclassified(trace, row, above.first),
            services,
        }
    }

    /// The chain of a failed span.
    pub(crate) fn get(&self, row: Row) -> FailureChain {
        self.chains[row as usize]
    }

    /// The spans of a chain, from the lowest.
    pub(crate) fn rows(&self, chain: FailureChain) -> impl Iterator<Item = Row> {
        let some = |row| (row != NO_ROW).then_some(row);
        std::iter::successors(some(chain.first), move |&row| some(self.chains[row as usize].second))
    }

    /// How many services failed in a chain.
    pub(crate) fn service_count(&self, chain: FailureChain) -> usize {
        self.services.get(chain.services as usize).map_or(0, |listed| listed.count as usize)
    }

    /// The services that failed in a chain, each once, in no particular order.
    pub(crate) fn listed(&self, chain: FailureChain) -> impl Iterator<Item = Symbol> {
        let last = self.services.get(chain.services as usize);
        std::iter::successors(last, |listed| self.services.get(listed.before as usize)).map(|listed| listed.service)
    }
}

/// Whether the upper span says something else than the lower one: it blames the caller where the callee did not, or the
/// other way round, or hides that waiting or coming back later would help.
fn is_misclassified(trace: &TraceView<'_>, lower: Row, upper: Row) -> bool {
    use ErrorClass::{Caller, Server, Throttled, Timeout, Unavailable};
    if !trace.semantics_of(upper).has_protocol_code {
        return false;
    }
    let (lower, upper) = (trace.error_class_of(lower), trace.error_class_of(upper));
    let blames_someone_else = (lower == Caller) != (upper == Caller);
    let hides_cause = matches!(lower, Timeout | Throttled | Unavailable) && upper == Server;
    blames_someone_else || hides_cause
}
