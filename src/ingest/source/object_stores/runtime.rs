//! Where requests run: threads of their own, which whoever needs an answer waits for.
//!
//! The waiting thread runs no part of the request, so it may be of any pool, and any number may wait at once.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};

use tokio::runtime::{Builder, Runtime};

/// Requests wait for the network nearly all the time.
const THREADS: usize = 2;

/// An answer that is on its way.
#[derive(Debug)]
pub(crate) struct Pending<T>(Receiver<T>);

impl<T> Pending<T> {
    /// Waits for the answer.
    pub(crate) fn wait(self) -> io::Result<T> {
        self.0.recv().map_err(|_| io::Error::other("the request was abandoned"))
    }
}

/// Starts a request.
pub(crate) fn start<T: Send + 'static>(request: impl Future<Output = T> + Send + 'static) -> io::Result<Pending<T>> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    let build = || Builder::new_multi_thread().worker_threads(THREADS).enable_all().thread_name("requests").build();
    let runtime =
        RUNTIME.get_or_init(build).as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
    let (sender, receiver) = sync_channel(1);
    runtime.spawn(async move {
        // Nobody waits any more if reading has stopped early.
        let _ = sender.send(request.await);
    });
    Ok(Pending(receiver))
}

/// Makes a request and waits for its answer.
pub(crate) fn answer<T: Send + 'static>(request: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
    start(request)?.wait()
}
