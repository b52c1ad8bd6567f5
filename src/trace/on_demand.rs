//! A fact about one trace that is worked out when somebody asks for it first, and not at all if nobody does.

use std::sync::{Mutex, OnceLock, PoisonError};

/// A fact, or the buffers in which it was worked out for the trace before. It is moved between the two for each trace, so it is
/// moved as a pointer.
#[derive(Debug, Default)]
pub(crate) struct OnDemand<T> {
    fact: OnceLock<Box<T>>,
    /// Buffers are allocated once, not for each trace. Only the first that asks takes them, so nobody waits here.
    buffers: Mutex<Option<Box<T>>>,
}

impl<T: Default> OnDemand<T> {
    /// The fact. `work_out` fills buffers that may hold those of another trace.
    pub(crate) fn get(&self, work_out: impl FnOnce(&mut T)) -> &T {
        self.fact.get_or_init(|| {
            let mut fact = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
            work_out(&mut fact);
            fact
        })
    }

    /// Says that another trace comes.
    pub(crate) fn forget(&mut self) {
        if let Some(fact) = self.fact.take() {
            *self.buffers.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(fact);
        }
    }
}
