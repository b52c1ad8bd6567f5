//! What every fuzz target does with its bytes.

use std::path::Path;

use tracescan::frame::SpanSink;
use tracescan::ingest::{InputFormat, ReadOptions, read_bytes};
use tracescan::span::{Origin, SkipReason, SpanRecord};

/// Takes everything and keeps nothing.
struct Everything;

impl SpanSink for Everything {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        std::hint::black_box((origin, span));
    }

    fn skip(&mut self, _reason: SkipReason, _offset: u64) {}

    fn wants_everything(&self) -> bool {
        true
    }
}

/// Reads `bytes` as `format`, or as what they look like.
pub fn read(bytes: &[u8], format: Option<InputFormat>) {
    let options = ReadOptions { format, ..ReadOptions::default() };
    let report = read_bytes(Path::new("fuzz"), bytes.to_vec(), &options, &mut Everything);
    std::hint::black_box(report);
}
