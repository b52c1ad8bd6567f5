//! What calls reach behind services that only pass requests on.
//!
//! Which services do is known once all traces were seen, and a request is judged while its trace is. So a call that may have been
//! passed on is judged both ways, and each verdict keeps what was taken for granted:
//!
//! ```text
//! orders ─▶ gateway ─▶ stock         gateway passes on: a step at stock       gateway does not: a step at the gateway
//! ```

use std::collections::BTreeSet;

use crate::frame::Symbol;
use crate::trace::{Call, NO_ROW, Row, TargetKind, TraceView};

/// Services in a row that pass a request on. More are no gateways and meshes, and each of them doubles the verdicts.
const MOST_IN_A_ROW: usize = 4;

/// What is taken for granted of services that may pass requests on, each in order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(super) struct Condition {
    pub(super) passing: Vec<Symbol>,
    pub(super) answering: Vec<Symbol>,
}

impl Condition {
    /// Whether it holds where these services pass requests on.
    pub(super) fn holds(passing: &[Symbol], answering: &[Symbol], pass_through: &BTreeSet<Symbol>) -> bool {
        passing.iter().all(|service| pass_through.contains(service))
            && answering.iter().all(|service| !pass_through.contains(service))
    }
}

/// Answers to whether services pass requests on, in the order of the questions: the first time none does.
#[derive(Default)]
pub(super) struct Assumed {
    answers: Vec<(Symbol, bool)>,
}

impl Assumed {
    fn passes_on(&mut self, service: Symbol) -> bool {
        match self.answers.iter().find(|(known, _)| *known == service) {
            Some(&(_, answer)) => answer,
            None => {
                self.answers.push((service, false));
                false
            }
        }
    }

    /// Turns to the next answers that change something; none are left if it does not.
    pub(super) fn turn(&mut self) -> bool {
        while self.answers.pop_if(|(_, answer)| *answer).is_some() {}
        self.answers.last_mut().is_some_and(|(_, answer)| {
            *answer = true;
            true
        })
    }

    /// What was taken for granted.
    pub(super) fn condition(&self) -> Condition {
        let answered = |sought: bool| {
            let answers = self.answers.iter().filter(|(_, answer)| *answer == sought);
            let mut services: Vec<Symbol> = answers.map(|&(service, _)| service).collect();
            services.sort_unstable();
            services
        };
        Condition { passing: answered(true), answering: answered(false) }
    }
}

/// The counted calls of a trace, by the requests that make them.
pub(super) struct CallsOfRequests<'a> {
    trace: &'a TraceView<'a>,
    /// In the order of caller span, start and row.
    calls: Vec<&'a Call>,
}

impl<'a> CallsOfRequests<'a> {
    pub(super) fn of(trace: &'a TraceView<'a>) -> Self {
        let mut calls: Vec<&Call> = trace.calls.calls.iter().filter(|call| call.counts).collect();
        calls.sort_by_key(|call| (call.caller_span, trace.start(call.row), call.row));
        Self { trace, calls }
    }

    /// The calls of each request, in the order of their starts.
    pub(super) fn requests(&self) -> impl Iterator<Item = &[&'a Call]> {
        self.calls.chunk_by(|left, right| left.caller_span == right.caller_span)
    }

    fn of_request(&self, caller_span: Row) -> &[&'a Call] {
        let from = &self.calls[self.calls.partition_point(|call| call.caller_span < caller_span)..];
        &from[..from.partition_point(|call| call.caller_span == caller_span)]
    }

    /// The only call that the callee makes for a call, to a service; of several attempts the last.
    fn passed_on(&self, call: &Call) -> Option<&'a Call> {
        if call.callee == NO_ROW || !self.trace.tree.waits_for(call.row, call.callee) {
            return None;
        }
        let made = self.of_request(call.callee);
        let last = *made.last()?;
        let is_one = last.target.kind == TargetKind::Service
            && made.iter().all(|call| call.target == last.target && call.weight == 1);
        is_one.then_some(last)
    }

    /// The call that a call is taken as: itself, or what a service that passes requests on makes of it.
    pub(super) fn reached(&self, call: &'a Call, assumed: &mut Assumed) -> &'a Call {
        let mut reached = call;
        for _ in 0..MOST_IN_A_ROW {
            match self.passed_on(reached) {
                Some(next) if assumed.passes_on(reached.target.name) => reached = next,
                _ => break,
            }
        }
        reached
    }

    /// Whether a call may be taken as one for the same as another, whatever services do.
    pub(super) fn may_reach(&self, call: &'a Call, sought: &Call) -> bool {
        let mut reached = Some(call);
        for _ in 0..=MOST_IN_A_ROW {
            let Some(call) = reached else { return false };
            if asks_the_same(call, sought) {
                return true;
            }
            reached = self.passed_on(call);
        }
        false
    }
}

/// Whether two calls ask the same target for the same.
pub(super) fn asks_the_same(left: &Call, right: &Call) -> bool {
    left.target == right.target && left.operation == right.operation
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question that is asked only after some answers is answered both ways there, and nowhere else.
    #[test]
    fn all_answers_that_matter_come_once() {
        let [mesh, gateway, orders] = [Symbol(3), Symbol(1), Symbol(2)];
        let mut assumed = Assumed::default();
        let mut conditions = Vec::new();
        loop {
            if assumed.passes_on(mesh) && assumed.passes_on(gateway) {
                assumed.passes_on(mesh);
            } else {
                assumed.passes_on(orders);
            }
            let Condition { passing, answering } = assumed.condition();
            conditions.push((passing, answering));
            if !assumed.turn() {
                break;
            }
        }
        let expected = [
            (vec![], vec![orders, mesh]),
            (vec![orders], vec![mesh]),
            (vec![mesh], vec![gateway, orders]),
            (vec![orders, mesh], vec![gateway]),
            (vec![gateway, mesh], vec![]),
        ];
        assert_eq!(conditions, expected);
        let of_mesh = BTreeSet::from([mesh]);
        let holding = expected.iter().filter(|(passing, answering)| Condition::holds(passing, answering, &of_mesh));
        assert_eq!(holding.collect::<Vec<_>>(), [&expected[2]], "one verdict holds, whatever services do");
    }
}
