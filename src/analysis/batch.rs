//! Traces that are looked at together.

use crate::frame::TraceRows;
use crate::partial::TraceNumber;
use crate::savings::Settling;
use crate::span::TraceId;
use crate::trace::{Semantics, TraceModel, TraceView};

use super::pass::AnalysisSettings;
use super::results::Results;

/// Traces of a batch, at most. What each detector has counted so far lies in tables of its own, too large together for the
/// caches that are near: with a few traces at a time these are fetched once for all of them. Traces must still be near when the
/// last detector looks at them: with four times as many the first six detectors took a tenth longer (half a MB of cache a core).
const MOST_TRACES: usize = 8;

/// Spans of a batch, at most, unless one trace alone has more: the buffers of this many spans of a batch stay allocated.
const MOST_SPANS: usize = 1 << 8;

/// Buffers for a few traces at a time, which every detector looks at before the next detector does.
#[derive(Default)]
pub(super) struct TraceBatch {
    /// One more than there are traces in the batch, or as many as were ever needed.
    models: Vec<TraceModel>,
    settlings: Vec<Settling>,
    traces: Vec<(TraceId, TraceNumber)>,
    spans: usize,
}

impl TraceBatch {
    /// Whether what is in the batch must be booked before a trace with this many spans comes. A trace that is too large for any
    /// batch finds an empty one, so that only the buffers of the first model ever grow beyond those of a batch.
    pub(super) fn is_full_for(&self, spans: usize) -> bool {
        !self.traces.is_empty() && (self.traces.len() >= MOST_TRACES || self.spans + spans > MOST_SPANS)
    }

    /// Rebuilds a trace in the buffers after those of the batch, of which it is no part yet. The answer is that of
    /// [`TraceModel::rebuild`].
    pub(super) fn rebuild(&mut self, trace: TraceRows<'_>, semantics: &Semantics) -> bool {
        self.next().rebuild(trace, semantics)
    }

    /// The trace that was rebuilt last and is no part of the batch.
    pub(super) fn next(&mut self) -> &mut TraceModel {
        let place = self.traces.len();
        if place == self.models.len() {
            self.models.push(TraceModel::default());
            self.settlings.push(Settling::default());
        }
        &mut self.models[place]
    }

    /// Makes the trace that was rebuilt last part of the batch.
    pub(super) fn keep(&mut self, trace: TraceRows<'_>, number: TraceNumber) {
        self.spans += trace.span_ids.len();
        self.traces.push((trace.trace_id, number));
    }

    /// Books the traces of the batch, in their order, and empties it.
    pub(super) fn book(&mut self, results: &mut Results, semantics: &Semantics, settings: &AnalysisSettings) {
        let Self { models, settlings, traces, spans } = self;
        let views: Vec<TraceView<'_>> = models
            .iter_mut()
            .zip(traces.drain(..))
            .map(|(model, (trace_id, number))| model.view(number.0, trace_id, semantics, settings.overlap_tolerance))
            .collect();
        for view in &views {
            results.totals.count(view);
            results.requests.see(view);
            results.quality.see(view);
        }
        results.gathered.see(&views);
        results.seen.see(&settings.detectors, &views, settlings, &mut results.overlaps);
        *spans = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::Detectors;
    use crate::frame::{Collecting, FrameBuilder, group};
    use crate::gathered::Gathers;
    use crate::trace::OverlapTolerance;
    use crate::trace::sample::push_sample;

    /// A batch has neither too many traces nor too many spans, but for a trace that has too many itself; every trace is booked.
    #[test]
    fn batches_are_small() {
        let sizes = [1; 70].into_iter().chain([600, 600, 3, 5_000, 2, 1_024, 1]);
        let mut lines = String::new();
        for (trace, size) in (1..).zip(sizes) {
            (1..=size).for_each(|span| lines += &format!("{trace} {span} {} a SERVER x 0..9\n", u32::from(span > 1)));
        }
        let mut builder = FrameBuilder::of(&Collecting::default());
        push_sample(&mut builder, &lines);
        let (vocabulary, frame) = group(vec![builder]);
        let semantics = crate::trace::derive(&vocabulary, &crate::conventions::UncountedCalls::default());
        let settings = AnalysisSettings {
            detectors: Detectors::default(),
            enabled: Vec::new(),
            gathers: Gathers::NOTHING,
            overlap_tolerance: OverlapTolerance { millionths: 0 },
        };
        let (mut batch, mut results, mut booked) = (TraceBatch::default(), Results::default(), Vec::new());
        for index in 0..frame.trace_count() {
            let trace = frame.trace(index);
            if batch.is_full_for(trace.span_ids.len()) {
                booked.push((batch.traces.len(), batch.spans));
                batch.book(&mut results, &semantics, &settings);
            }
            batch.rebuild(trace, &semantics);
            batch.keep(trace, TraceNumber(index as u32));
        }
        booked.push((batch.traces.len(), batch.spans));
        batch.book(&mut results, &semantics, &settings);
        let is_small =
            |&(traces, spans): &(usize, usize)| traces <= MOST_TRACES && (spans <= MOST_SPANS || traces == 1);
        assert!(booked.iter().all(is_small) && booked.len() > 5, "{booked:?}");
        assert_eq!(results.totals.spans, frame.len() as u64);
        assert_eq!(results.totals.traces, frame.trace_count() as u64);
        assert!(!batch.is_full_for(5_000), "a trace of any size fits in an empty one");
    }
}
