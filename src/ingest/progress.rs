//! How far reading has come, told by any thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Is told how far reading has come, by any thread.
pub trait Progress: Sync {
    /// So many more bytes of inputs, before decompression, and so many more spans were read.
    fn advance(&self, bytes: u64, spans: u64);
}

/// Nobody wants to know.
impl Progress for () {
    fn advance(&self, _bytes: u64, _spans: u64) {}
}

/// Tells how far an input has been read, from any thread.
pub(crate) struct Meter<'a> {
    progress: &'a dyn Progress,
    raw_bytes: Arc<AtomicU64>,
    told_bytes: AtomicU64,
    gave_spans: Arc<AtomicBool>,
}

impl<'a> Meter<'a> {
    /// `raw_bytes` counts what is read of the input before decompression.
    pub(crate) fn new(progress: &'a dyn Progress, raw_bytes: &Arc<AtomicU64>) -> Self {
        Self { progress, raw_bytes: Arc::clone(raw_bytes), told_bytes: AtomicU64::new(0), gave_spans: Arc::default() }
    }

    /// The same, which notes in `gave_spans` when there are any.
    pub(crate) fn noting(self, gave_spans: &Arc<AtomicBool>) -> Self {
        Self { gave_spans: Arc::clone(gave_spans), ..self }
    }

    pub(crate) fn advance(&self, spans: u64) {
        if spans > 0 {
            self.gave_spans.store(true, Ordering::Relaxed);
        }
        let bytes = self.raw_bytes.load(Ordering::Relaxed);
        let told = self.told_bytes.fetch_max(bytes, Ordering::Relaxed);
        self.progress.advance(bytes.saturating_sub(told), spans);
    }
}
