//! Grouping by trace: columns in order of arrival become columns in trace order.
//!
//! Trace ids are hashed to dense numbers once, the numbers are put in the order of the ids, and every column is moved by
//! a counting sort: linear in the spans, and no trace is ever looked up again.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::{Frame, FrameBuilder, SignatureId, Signatures, Symbols, TraceId};

/// Joins what several decoders read.
pub fn group(builders: Vec<FrameBuilder>) -> Frame {
    let mut symbols = Symbols::default();
    let mut signatures = Signatures::default();
    let renumbered: Vec<Vec<SignatureId>> = builders
        .iter()
        .map(|builder| {
            let symbol_map = symbols.absorb(&builder.symbols);
            signatures.absorb(&builder.signatures, &symbol_map)
        })
        .collect();

    let (trace_ids, trace_of_row) = number_traces(&builders);
    let mut trace_starts = vec![0usize; trace_ids.len() + 1];
    for &trace in &trace_of_row {
        trace_starts[trace as usize + 1] += 1;
    }
    for index in 1..trace_starts.len() {
        trace_starts[index] += trace_starts[index - 1];
    }
    let mut next = trace_starts.clone();
    let destinations: Vec<u32> = trace_of_row
        .iter()
        .map(|&trace| {
            let destination = next[trace as usize];
            next[trace as usize] += 1;
            u32::try_from(destination).expect("fewer than 2^32 spans in memory")
        })
        .collect();
    drop((trace_of_row, next));

    let columns = |column: fn(&FrameBuilder) -> usize| builders.iter().map(column).sum::<usize>();
    debug_assert_eq!(columns(|builder| builder.span_ids.len()), destinations.len());
    Frame {
        trace_ids,
        trace_starts,
        span_ids: scatter(&destinations, builders.iter().flat_map(|builder| builder.span_ids.iter().copied())),
        parent_span_ids: scatter(
            &destinations,
            builders.iter().flat_map(|builder| builder.parent_span_ids.iter().copied()),
        ),
        starts: scatter(&destinations, builders.iter().flat_map(|builder| builder.starts.iter().copied())),
        durations: scatter(&destinations, builders.iter().flat_map(|builder| builder.durations.iter().copied())),
        signatures_of_rows: scatter(
            &destinations,
            builders.iter().zip(&renumbered).flat_map(|(builder, renumbered)| {
                builder.signatures_of_rows.iter().map(|signature| renumbered[signature.index()])
            }),
        ),
        arguments: scatter(&destinations, builders.iter().flat_map(|builder| builder.arguments.iter().copied())),
        symbols,
        signatures,
    }
}

/// The distinct trace ids, ascending, and for each row in order of arrival the place of its trace among them.
fn number_traces(builders: &[FrameBuilder]) -> (Vec<TraceId>, Vec<u32>) {
    let mut numbers: HashMap<TraceId, u32, FixedState> = HashMap::default();
    let mut arrived: Vec<TraceId> = Vec::new();
    let mut trace_of_row: Vec<u32> = Vec::with_capacity(builders.iter().map(FrameBuilder::len).sum());
    for &trace_id in builders.iter().flat_map(|builder| &builder.trace_ids) {
        let number = *numbers.entry(trace_id).or_insert_with(|| {
            arrived.push(trace_id);
            arrived.len() as u32 - 1
        });
        trace_of_row.push(number);
    }
    let mut order: Vec<u32> = (0..arrived.len() as u32).collect();
    order.sort_unstable_by_key(|&number| arrived[number as usize]);
    let mut rank = vec![0u32; arrived.len()];
    for (place, &number) in (0u32..).zip(&order) {
        rank[number as usize] = place;
    }
    for number in &mut trace_of_row {
        *number = rank[*number as usize];
    }
    (order.iter().map(|&number| arrived[number as usize]).collect(), trace_of_row)
}

fn scatter<T: Copy + Default>(destinations: &[u32], values: impl Iterator<Item = T>) -> Vec<T> {
    let mut column = vec![T::default(); destinations.len()];
    for (&destination, value) in destinations.iter().zip(values) {
        column[destination as usize] = value;
    }
    column
}
