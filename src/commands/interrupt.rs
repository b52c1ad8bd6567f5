//! Ctrl-C: ends the run at once with exit code 130, and leaves no unfinished file.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::report::remove_unfinished_files;

use super::Outcome;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether an interrupt came; long work looks at this.
pub fn flag() -> &'static AtomicBool {
    &INTERRUPTED
}

/// Makes Ctrl-C end the run.
pub fn listen() {
    let handler = || {
        INTERRUPTED.store(true, Ordering::SeqCst);
        remove_unfinished_files();
        std::process::exit(i32::from(Outcome::Interrupted.exit_code()));
    };
    // A handler that is set already (by an embedding program) stays.
    let _ = ctrlc::set_handler(handler);
}
