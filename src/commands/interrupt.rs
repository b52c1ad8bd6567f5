//! Ctrl-C: ends the run within a moment with exit code 130, but not in the middle of writing a file.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Outcome;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static WRITING: AtomicBool = AtomicBool::new(false);

/// Whether an interrupt came; long work looks at this.
pub fn flag() -> &'static AtomicBool {
    &INTERRUPTED
}

/// Makes Ctrl-C end the run. While files are written the run ends by itself, so that no temporary file stays behind.
pub fn listen() {
    let handler = || {
        INTERRUPTED.store(true, Ordering::SeqCst);
        if !WRITING.load(Ordering::SeqCst) {
            std::process::exit(i32::from(Outcome::Interrupted.exit_code()));
        }
    };
    // A handler that is set already (by an embedding program) stays.
    let _ = ctrlc::set_handler(handler);
}

/// Holds interrupts back while `write` runs; they end the run directly after.
pub(super) fn while_writing<T>(write: impl FnOnce() -> T) -> T {
    WRITING.store(true, Ordering::SeqCst);
    let result = write();
    WRITING.store(false, Ordering::SeqCst);
    if INTERRUPTED.load(Ordering::SeqCst) {
        std::process::exit(i32::from(Outcome::Interrupted.exit_code()));
    }
    result
}
