//! Ctrl-C: ends the run at once with exit code 130, and leaves no unfinished file. If that takes long (a file system that
//! does not answer), a second signal ends the run without it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::report::remove_unfinished_files;

use crate::commands::Outcome;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether an interrupt came; long work looks at this.
pub fn flag() -> &'static AtomicBool {
    &INTERRUPTED
}

/// Makes Ctrl-C end the run.
pub fn listen() {
    listen_and(remove_unfinished_files);
}

/// What must be done first has a thread of its own, so that the one that hears signals hears the second. The thread is
/// there from the beginning: later there may be no room for another.
fn listen_and(clean_up: impl FnOnce() + Send + 'static) {
    static IS_CLEAN: AtomicBool = AtomicBool::new(false);
    let (interrupt, interrupted) = mpsc::channel::<()>();
    let clean_up_and_end = move || {
        // Without a sender nobody listens, and there is nothing to wait for.
        if interrupted.recv().is_ok() {
            clean_up();
            IS_CLEAN.store(true, Ordering::SeqCst);
            end();
        }
    };
    let cleaner = thread::Builder::new().name("clean-up".to_owned()).spawn(clean_up_and_end);
    let handler = move || {
        let is_first = !INTERRUPTED.swap(true, Ordering::SeqCst);
        if is_first && cleaner.is_ok() && interrupt.send(()).is_ok() {
            return;
        }
        // Whoever ends a process waits for whoever began to end it before, so if that does not come to its end, all that is
        // left is to fall over.
        if IS_CLEAN.load(Ordering::SeqCst) {
            std::process::abort();
        }
        end();
    };
    // A handler that is set already (by an embedding program) stays.
    let _ = ctrlc::set_handler(handler);
}

fn end() {
    std::process::exit(i32::from(Outcome::Interrupted.exit_code()));
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    /// Set for the process that gets the signals.
    const IS_CHILD: &str = "TRACESCAN_TEST_IS_INTERRUPTED";
    const CLEANING_UP: &str = "cleaning up";

    /// The clean-up of this test's own process, started once more, never ends.
    #[test]
    fn a_second_signal_does_not_wait_for_the_first() {
        const READY: &str = "ready";
        if std::env::var_os(IS_CHILD).is_some() {
            listen_and(|| {
                let _ = writeln!(std::io::stderr(), "{CLEANING_UP}");
                thread::sleep(Duration::from_secs(60));
            });
            let _ = writeln!(std::io::stderr(), "{READY}");
            thread::sleep(Duration::from_secs(60));
            return;
        }
        let name = concat!(module_path!(), "::a_second_signal_does_not_wait_for_the_first");
        let (_, name) = name.split_once("::").expect("a crate");
        let mut child = Command::new(std::env::current_exe().expect("a test"))
            .args([name, "--exact", "--nocapture"])
            .env(IS_CHILD, "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the test runs");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        let process = child.id().to_string();
        let signal = || Command::new("kill").args(["-s", "TERM", &process]).status().expect("kill runs");
        assert!(said.any(|line| line == READY));
        signal();
        assert!(said.any(|line| line == CLEANING_UP));
        let since = Instant::now();
        signal();
        assert_eq!(child.wait().expect("an end").code(), Some(130));
        assert!(since.elapsed() < Duration::from_secs(30));
    }
}
