//! How many threads a run gets.

use std::num::NonZero;
use std::thread::available_parallelism;

use super::diagnostics::say;

/// Threads for each core at most. A thread that has nothing to do looks at the queue of every other before it sleeps, so
/// thousands keep each other from working, and whoever listens for signals from ever being heard.
const MOST_FOR_A_CORE: usize = 4;

/// What the pool of threads would ask for the number, were it not told.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// The pool that a run works on: `asked` threads, 0 for as many as there are cores.
pub(in crate::commands) fn pool(asked: usize) -> anyhow::Result<rayon::ThreadPool> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    let asked = match asked {
        0 => std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok()).filter(|&number| number > 0),
        _ => Some(asked),
    };
    let asked = asked.unwrap_or(cores);
    let threads = at_most(asked, cores);
    if threads < asked {
        say(&format!("warning: {asked} threads are too many for {cores} cores, so {threads} are used"));
    }
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?)
}

fn at_most(asked: usize, cores: usize) -> usize {
    asked.min(cores.saturating_mul(MOST_FOR_A_CORE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_threads_for_a_core_are_the_most() {
        assert_eq!((at_most(1, 2), at_most(8, 2), at_most(9, 2), at_most(usize::MAX, 2)), (1, 8, 8, 8));
    }
}
