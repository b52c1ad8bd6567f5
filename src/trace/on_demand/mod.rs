//! Facts about one trace that are worked out when somebody asks for them first, and not at all if nobody does: retries and the
//! pauses between them, failures, the calls to each target, hops, sampling.

mod adjusted_counts;
mod backoffs;
mod calls_by_target;
mod failure_chains;
mod failure_origins;
mod first_operations;
mod hops;
mod retries;
mod services;
mod sole_callees;

use std::sync::{Mutex, OnceLock, PoisonError};

pub(super) use adjusted_counts::AdjustedCounts;
pub(crate) use backoffs::Backoff;
pub(super) use backoffs::Backoffs;
pub(super) use calls_by_target::CallsByTarget;
pub(crate) use failure_origins::FailureOrigin;
pub(super) use failure_origins::Failures;
pub(super) use first_operations::FirstOperations;
pub(crate) use hops::Hop;
pub(super) use hops::Hops;
pub use retries::{Attempt, RetrySequences, Sequence};
pub(super) use services::Services;
pub(crate) use sole_callees::SoleCallee;
pub(super) use sole_callees::SoleCallees;

/// A fact, or the buffers in which it was worked out for the trace before. It is moved between the two for each trace, so it is
/// moved as a pointer.
#[derive(Debug, Default)]
pub(super) struct OnDemand<T> {
    fact: OnceLock<Box<T>>,
    /// Buffers are allocated once, not for each trace. Only the first that asks takes them, so nobody waits here.
    buffers: Mutex<Option<Box<T>>>,
}

impl<T: Default> OnDemand<T> {
    /// The fact. `work_out` fills buffers that may hold those of another trace.
    pub(super) fn get(&self, work_out: impl FnOnce(&mut T)) -> &T {
        self.fact.get_or_init(|| {
            let mut fact = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
            work_out(&mut fact);
            fact
        })
    }

    /// Says that another trace comes.
    pub(super) fn forget(&mut self) {
        if let Some(fact) = self.fact.take() {
            *self.buffers.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(fact);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A fact is worked out by the first that asks and not again until another trace comes.
    #[test]
    fn a_fact_is_worked_out_once_for_a_trace() {
        let mut demanded = OnDemand::<Vec<u32>>::default();
        assert_eq!(demanded.get(|fact| fact.push(1)), &[1]);
        assert_eq!(demanded.get(|_| panic!("it is known")), &[1]);
        demanded.forget();
        let next = demanded.get(|fact| {
            fact.clear();
            fact.push(2);
        });
        assert_eq!(next, &[2]);
    }

    /// Buffers outlive the traces that they were filled for, also those for which nobody asked.
    #[test]
    fn buffers_are_reused() {
        let mut demanded = OnDemand::<Vec<u32>>::default();
        let buffer = demanded.get(|fact| fact.extend(0..100)).as_ptr();
        demanded.forget();
        demanded.forget();
        let next = demanded.get(|fact| {
            assert_eq!(fact.len(), 100, "whoever works it out clears what the trace before left");
            fact.clear();
            fact.extend(0..50);
        });
        assert_eq!((next.len(), next.as_ptr()), (50, buffer));
    }

    /// Whoever asks at the same time gets the same fact.
    #[test]
    fn threads_share_a_fact() {
        const THREADS: usize = 4;
        let demanded = OnDemand::<Vec<usize>>::default();
        let (worked_out, start) = (AtomicUsize::new(0), Barrier::new(THREADS));
        let ask = || {
            start.wait();
            let fact = demanded.get(|fact| {
                worked_out.fetch_add(1, Ordering::Relaxed);
                fact.extend(0..1_000);
            });
            (fact.as_ptr() as usize, fact.len())
        };
        let semantics: Vec<_> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(worked_out.into_inner(), 1);
        assert!(semantics.iter().all(|&fact| fact == semantics[0] && fact.1 == 1_000), "{semantics:?}");
    }
}
