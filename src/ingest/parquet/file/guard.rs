//! Calls into the Parquet decoder, which may panic on hostile bytes: their panics become errors, told once and not twice.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use parquet::errors::ParquetError;

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Makes work of `work`; its panics become errors.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    let was_guarded = IS_GUARDED.replace(true);
    // What a panic left half done is not looked at: readers are dropped, and spans that were handed on are complete.
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(was_guarded);
    done.unwrap_or_else(|payload| {
        let reason = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no reason given");
        Err(ParquetError::General(format!("the decoder gave up: {reason}")))
    })
}

/// Lets panics that become errors print nothing, for the whole process: the error says what they would.
pub fn keep_caught_panics_quiet() {
    let print = take_hook();
    set_hook(Box::new(move |panic| {
        if !IS_GUARDED.get() {
            print(panic);
        }
    }));
}
