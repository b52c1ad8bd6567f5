//! A profile for speedscope (speedscope.app): where the critical paths of all requests went.
//!
//! The format is that of <https://www.speedscope.app/file-format-schema.json>: a profile of kind `sampled`, in which each stack
//! is a sample whose weight is its time.

use std::io::{self, Write};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde_json::{Value, json};

use crate::report::json::write_compact;

use super::pattern::told;
use super::write::Report;

/// Writes the profile.
///
/// # Errors
/// If `out` fails.
pub(super) fn write_speedscope_profile(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let mut names: Vec<Value> = Vec::new();
    let mut numbers: HashMap<&str, usize, FixedState> = HashMap::default();
    let (mut samples, mut weights, mut total_ns) = (Vec::new(), Vec::new(), 0_i128);
    for stack in report.path_stacks.iter().flatten().filter(|stack| stack.time_ns > 0) {
        let mut sample = Vec::with_capacity(stack.frames.len());
        for frame in &stack.frames {
            sample.push(*numbers.entry(frame).or_insert_with(|| {
                names.push(json!({"name": told(frame)}));
                names.len() - 1
            }));
        }
        samples.push(sample);
        weights.push(stack.time_ns);
        total_ns += i128::from(stack.time_ns);
    }
    let document = json!({
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": concat!("tracescan ", env!("CARGO_PKG_VERSION")),
        "name": "critical paths of all requests",
        "activeProfileIndex": 0,
        "shared": {"frames": names},
        "profiles": [{
            "type": "sampled",
            "name": "critical paths of all requests",
            "unit": "nanoseconds",
            "startValue": 0,
            // Beyond this the format's numbers are no whole ones either.
            "endValue": i64::try_from(total_ns).unwrap_or(i64::MAX),
            "samples": samples,
            "weights": weights,
        }],
    });
    write_compact(out, &document)?;
    out.write_all(b"\n")
}
