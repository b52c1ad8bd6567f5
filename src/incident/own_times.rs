//! The time of each suspect, request by request: when it changed, by how much, and which traces show it.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::SpillError;
use crate::gathered::RequestLog;
use crate::partial::TraceNumber;
use crate::trace::Target;

use super::buckets::{BUCKET_NS, LEAST_DURATION_SHARE, bucket_of};
use super::comparison::{BASELINE, Comparison, Sides, WINDOW, blamed_for};
use super::statistics::{Usual, median};
use super::window::TimeRange;

/// Requests whose times are kept at once, of one suspect or of several; what is beyond takes another pass over all requests.
const TIMES_AT_ONCE: u64 = 1 << 20;

/// So many requests on both sides tell how the median changed.
pub(super) const MIN_REQUESTS_FOR_RATIO: usize = 3;

/// The time of a suspect in one request.
#[derive(Clone, Copy, Debug)]
struct OwnTime {
    trace: TraceNumber,
    start: i64,
    time: i64,
}

/// What the times of a suspect tell.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct OwnTimes {
    /// Requests on both sides that spend time there.
    pub(super) requests: [usize; 2],
    /// Median of their times, in ns.
    pub(super) median_ns: [Option<i64>; 2],
    /// The request of the window with the most time, of equals that with the lowest number.
    pub(super) example: Option<TraceNumber>,
    /// The request of the baseline with the median time.
    pub(super) baseline_example: Option<TraceNumber>,
    /// The start of the first bucket in the window in which the time is off, in ns since 1970.
    pub(super) onset: Option<i64>,
}

impl OwnTimes {
    /// How many times the median of the baseline that of the window is; `None` where too few requests tell.
    pub(super) fn ratio(&self) -> Option<f64> {
        let [Some(window), Some(baseline)] = self.median_ns else { return None };
        let enough = self.requests.iter().all(|&requests| requests >= MIN_REQUESTS_FOR_RATIO);
        enough.then(|| window as f64 / baseline as f64)
    }

    fn of(times: Vec<OwnTime>, sides: &Sides) -> Self {
        let onset = onset(&times, sides.window);
        let mut of_sides = [Vec::new(), Vec::new()];
        for time in times {
            if let Some(side) = sides.side_of(time.start) {
                of_sides[side].push(time);
            }
        }
        let example = of_sides[WINDOW].iter().max_by_key(|time| (time.time, std::cmp::Reverse(time.trace)));
        let example = example.map(|time| time.trace);
        let requests = [WINDOW, BASELINE].map(|side| of_sides[side].len());
        let by_time = |left: &OwnTime, right: &OwnTime| (left.time, left.trace).cmp(&(right.time, right.trace));
        let medians = of_sides.each_mut().map(|times| median(times, by_time));
        Self {
            requests,
            median_ns: medians.map(|time| time.map(|time| time.time)),
            example,
            baseline_example: medians[BASELINE].map(|time| time.trace),
            onset,
        }
    }
}

/// The first bucket that begins in the window in which the median is off, among all buckets in which there is one: many suspects
/// are needed by few requests.
fn onset(times: &[OwnTime], window: TimeRange) -> Option<i64> {
    let mut of_buckets: HashMap<i64, Vec<i64>, FixedState> = HashMap::default();
    for time in times {
        of_buckets.entry(bucket_of(time.start)).or_default().push(time.time);
    }
    let mut medians: Vec<(i64, f64)> = of_buckets
        .into_iter()
        .filter_map(|(bucket, mut times)| Some((bucket, median(&mut times, Ord::cmp)? as f64)))
        .collect();
    medians.sort_unstable_by_key(|&(bucket, _)| bucket);
    let usual = Usual::of(medians.iter().map(|&(_, median)| median), |median| LEAST_DURATION_SHARE * median)?;
    let starts = medians.iter().map(|&(bucket, median)| (bucket.saturating_mul(BUCKET_NS), median));
    let mut off = starts.filter(|&(start, median)| window.contains(start) && usual.is_off(median));
    off.next().map(|(start, _)| start)
}

/// The times of `suspects`, in their order.
pub(super) fn own_times(
    log: &RequestLog,
    comparison: &Comparison,
    sides: &Sides,
    suspects: &[Target],
) -> Result<Vec<OwnTimes>, SpillError> {
    let mut counts = vec![0u64; suspects.len()];
    for_each_time(log, comparison, suspects, |suspect, _| counts[suspect] += 1)?;
    let mut told = Vec::with_capacity(suspects.len());
    while told.len() < suspects.len() {
        let first = told.len();
        let mut left = TIMES_AT_ONCE;
        let fits = |&&count: &&u64| {
            left = left.saturating_sub(count);
            left > 0
        };
        let at_once = counts[first..].iter().take_while(fits).count().max(1);
        let mut times = vec![Vec::new(); at_once];
        for_each_time(log, comparison, &suspects[first..first + at_once], |suspect, time| times[suspect].push(time))?;
        told.extend(times.into_iter().map(|times| OwnTimes::of(times, sides)));
    }
    Ok(told)
}

/// Shows the time of each of `suspects`, by place, in each request of an entry that can be compared.
fn for_each_time(
    log: &RequestLog,
    comparison: &Comparison,
    suspects: &[Target],
    mut show: impl FnMut(usize, OwnTime),
) -> Result<(), SpillError> {
    let places: HashMap<Target, usize, FixedState> = suspects.iter().copied().zip(0..).collect();
    let mut of_trace: Vec<i64> = vec![0; suspects.len()];
    let mut in_trace: Vec<usize> = Vec::new();
    log.for_each_block(|block| {
        let entries: Vec<bool> =
            block.entry_names.all().iter().map(|entry| comparison.comparable(entry).is_some()).collect();
        let spent: Vec<Vec<usize>> = block
            .spent_names
            .all()
            .iter()
            .map(|spent| blamed_for(spent).filter_map(|target| places.get(&target).copied()).collect())
            .collect();
        for trace in block.traces() {
            for time in trace.times {
                if !entries[trace.entries[time.entry as usize].entry as usize] {
                    continue;
                }
                for &suspect in &spent[time.spent as usize] {
                    if of_trace[suspect] == 0 {
                        in_trace.push(suspect);
                    }
                    of_trace[suspect] = of_trace[suspect].saturating_add(time.time);
                }
            }
            for suspect in in_trace.drain(..) {
                let time = std::mem::take(&mut of_trace[suspect]);
                show(suspect, OwnTime { trace: trace.trace, start: trace.start, time });
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(of: impl Iterator<Item = (u32, i64, i64)>) -> Vec<OwnTime> {
        of.map(|(trace, start, time)| OwnTime { trace: TraceNumber(trace), start, time }).collect()
    }

    fn sides(start: i64, end: i64) -> Sides {
        Sides { window: TimeRange { start, end }, baseline: None, left_out: Vec::new() }
    }

    /// Of equal times the lower number is the example, and the median of an even number is the lower one.
    #[test]
    fn examples_and_medians() {
        let window = [(3, 100, 7), (2, 101, 7), (9, 102, 1)];
        let baseline = [(5, 10, 4), (4, 11, 4), (6, 12, 1), (7, 13, 9)];
        let told = OwnTimes::of(times(window.into_iter().chain(baseline)), &sides(100, 200));
        assert_eq!(told.requests, [3, 4]);
        assert_eq!(told.median_ns, [Some(7), Some(4)]);
        assert_eq!(told.example, Some(TraceNumber(2)));
        assert_eq!(told.baseline_example, Some(TraceNumber(4)));
        assert_eq!(told.ratio(), Some(1.75));
        let few = OwnTimes::of(times(window[..2].iter().copied().chain(baseline)), &sides(100, 200));
        assert_eq!((few.median_ns, few.ratio()), ([Some(7), Some(4)], None));
    }

    /// The onset is the first ten seconds that begin in the window and are off, in either direction.
    #[test]
    fn the_onset_is_the_first_bucket_that_is_off() {
        let bucket = |number: i64, time: i64| {
            (0..2u32).map(move |request| (request, number * BUCKET_NS + i64::from(request), time))
        };
        let usual = (0..20).filter(|number| !(7..=10).contains(number));
        let mut all: Vec<(u32, i64, i64)> = usual.flat_map(|number| bucket(number, 100)).collect();
        all.extend(bucket(7, 200).chain(bucket(8, 130)).chain(bucket(9, 120)).chain(bucket(10, 20)));
        let onset = |start: i64, end: i64| {
            onset(&times(all.iter().copied()), TimeRange { start, end }).map(|onset| onset / BUCKET_NS)
        };
        assert_eq!(onset(7 * BUCKET_NS, 20 * BUCKET_NS), Some(7));
        assert_eq!(onset(7 * BUCKET_NS + 1, 20 * BUCKET_NS), Some(10));
        assert_eq!(onset(11 * BUCKET_NS, 20 * BUCKET_NS), None);
        assert_eq!(onset(0, 7 * BUCKET_NS), None);
    }
}
