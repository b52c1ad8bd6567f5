//! Ten seconds at a time: when entries were not as usual.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::SpillError;
use crate::gathered::RequestLog;
use crate::trace::Entry;

use super::statistics::{Usual, median};
use super::window::{TimeRange, contains};

/// Length of a bucket; they begin at multiples of it.
pub(super) const BUCKET_NS: i64 = 10_000_000_000;

/// With fewer requests a bucket says nothing.
const MIN_REQUESTS: usize = 10;

/// How many buckets between two that are off may be as usual, thin or empty for both to be of one run.
const MAX_GAP: i64 = 2;

/// The least deviation of a share of failed requests.
const LEAST_SHARE: f64 = 0.01;

/// The least deviation of a duration, as a share of the median.
pub(super) const LEAST_DURATION_SHARE: f64 = 0.05;

/// The bucket of a time.
pub(super) fn bucket_of(time: i64) -> i64 {
    time.div_euclid(BUCKET_NS)
}

/// Buckets in which an entry was off, near each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    /// The entry.
    pub(crate) entry: Entry,
    /// From the first bucket's start to the last one's end.
    pub(crate) range: TimeRange,
    /// How many of its buckets were off.
    pub(crate) off: u64,
}

/// The requests of one entry in ten seconds.
#[derive(Clone, Debug, Default)]
struct Bucket {
    failed: usize,
    durations: Vec<i64>,
}

/// The requests of all entries.
#[derive(Clone, Debug, Default)]
pub(super) struct EntryBuckets {
    entries: HashMap<Entry, BTreeMap<i64, Bucket>, FixedState>,
    /// From the first request's start to after the last one's.
    pub(super) requests: Option<TimeRange>,
}

impl EntryBuckets {
    /// The buckets of all requests.
    pub(super) fn of(log: &RequestLog) -> Result<Self, SpillError> {
        let mut buckets = Self::default();
        log.for_each_block(|block| {
            for trace in block.traces().filter(|trace| trace.has_root) {
                for entry in trace.entries {
                    let name = block.entry_names.all()[entry.entry as usize];
                    buckets.add(name, trace.start, entry.duration, entry.failed);
                }
            }
        })?;
        Ok(buckets)
    }

    fn add(&mut self, entry: Entry, start: i64, duration: i64, failed: bool) {
        let bucket = self.entries.entry(entry).or_default().entry(bucket_of(start)).or_default();
        bucket.failed += usize::from(failed);
        bucket.durations.push(duration);
        let end = start.saturating_add(1);
        let known = self.requests.get_or_insert(TimeRange { start, end });
        known.start = known.start.min(start);
        known.end = known.end.max(end);
    }

    /// How many of the buckets that have requests and do not begin in `window` begin in one of `ranges`, which are ascending and do
    /// not overlap: a share, 0..1.
    pub(super) fn share_within(&self, ranges: &[TimeRange], window: TimeRange) -> f64 {
        let mut buckets: Vec<i64> = self.entries.values().flat_map(|buckets| buckets.keys().copied()).collect();
        buckets.sort_unstable();
        buckets.dedup();
        buckets.retain(|bucket| !contains(&[window], bucket.saturating_mul(BUCKET_NS)));
        let is_within = |bucket: &&i64| contains(ranges, bucket.saturating_mul(BUCKET_NS));
        buckets.iter().filter(is_within).count() as f64 / buckets.len().max(1) as f64
    }

    /// When each entry was off: the longest runs first, then those with most buckets that were, then the earliest.
    pub(super) fn off_runs(&mut self) -> Vec<Run> {
        let mut runs = Vec::new();
        for (&entry, buckets) in &mut self.entries {
            let off = off_buckets(buckets);
            let is_near = |left: &i64, right: &i64| right - left <= MAX_GAP + 1;
            runs.extend(off.chunk_by(is_near).map(|run| Run {
                entry,
                range: TimeRange {
                    start: run[0].saturating_mul(BUCKET_NS),
                    end: (run[run.len() - 1] + 1).saturating_mul(BUCKET_NS),
                },
                off: run.len() as u64,
            }));
        }
        runs.sort_unstable_by_key(|run| {
            let length = i128::from(run.range.end) - i128::from(run.range.start);
            (-length, std::cmp::Reverse(run.off), run.range.start, run.entry)
        });
        runs
    }
}

/// The buckets of one entry that are off, ascending.
fn off_buckets(buckets: &mut BTreeMap<i64, Bucket>) -> Vec<i64> {
    let enough = buckets.iter_mut().filter(|(_, bucket)| bucket.durations.len() >= MIN_REQUESTS);
    let values: Vec<(i64, f64, f64)> = enough
        .filter_map(|(&number, bucket)| {
            let failed_share = bucket.failed as f64 / bucket.durations.len() as f64;
            let duration = median(&mut bucket.durations, Ord::cmp)?;
            Some((number, failed_share, duration as f64))
        })
        .collect();
    let shares = Usual::of(values.iter().map(|&(_, share, _)| share), |_| LEAST_SHARE);
    let durations = Usual::of(values.iter().map(|&(.., duration)| duration), |median| LEAST_DURATION_SHARE * median);
    let Some((shares, durations)) = shares.zip(durations) else { return Vec::new() };
    let is_off = |&&(_, share, duration): &&(i64, f64, f64)| shares.is_off(share) || durations.is_off(duration);
    values.iter().filter(is_off).map(|&(number, ..)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Symbol;
    use crate::trace::RootReason;

    fn entry(number: u32) -> Entry {
        Entry { kind: RootReason::Root, service: Symbol(number), operation: Symbol(number) }
    }

    /// Runs of the buckets that some letters tell: `.` as usual, `x` slow, `f` with failures, `t` slow but thin, ` ` empty.
    fn runs(entries: &[&str]) -> Vec<(u32, i64, i64, u64)> {
        let mut buckets = EntryBuckets::default();
        for (number, letters) in (1..).zip(entries) {
            for (bucket, letter) in (0i64..).zip(letters.chars()) {
                let (requests, duration, failed) = match letter {
                    '.' => (10, 100, 0),
                    'x' => (10, 131, 0),
                    'f' => (10, 100, 1),
                    't' => (9, 500, 9),
                    _ => (0, 0, 0),
                };
                for request in 0..requests {
                    buckets.add(entry(number), bucket * BUCKET_NS + request, duration, request < failed);
                }
            }
        }
        let runs = buckets.off_runs().into_iter();
        runs.map(|run| (run.entry.service.0, run.range.start / BUCKET_NS, run.range.end / BUCKET_NS, run.off)).collect()
    }

    /// Slow or failing buckets make a run across gaps of at most two, thin or empty ones too. The longest run comes first, then
    /// that with most buckets that are off, then the earliest.
    #[test]
    fn runs_go_across_small_gaps() {
        for (entries, expected) in [
            (vec!["............"], vec![]),
            (vec![".....x......"], vec![(1, 5, 6, 1)]),
            (vec![".....x..f..."], vec![(1, 5, 9, 2)]),
            (vec![".....x...f.."], vec![(1, 5, 6, 1), (1, 9, 10, 1)]),
            (vec![".....x tx..."], vec![(1, 5, 9, 2)]),
            (vec!["...tt......."], vec![]),
            (vec!["....x.....xx"], vec![(1, 10, 12, 2), (1, 4, 5, 1)]),
            (vec![".....x..x.....", "..xxxx........"], vec![(2, 2, 6, 4), (1, 5, 9, 2)]),
            (vec!["......xx......", "..xx.........."], vec![(2, 2, 4, 2), (1, 6, 8, 2)]),
        ] {
            assert_eq!(runs(&entries), expected, "{entries:?}");
        }
    }

    /// Faster is off as well, and an entry that always fails is not.
    #[test]
    fn what_is_usual_is_not_off() {
        let mut buckets = EntryBuckets::default();
        for bucket in 0..20i64 {
            for request in 0..10 {
                let duration = if bucket == 7 { 69 } else { 100 };
                buckets.add(entry(1), bucket * BUCKET_NS + request, duration, true);
            }
        }
        let off: Vec<i64> = buckets.off_runs().iter().map(|run| run.range.start / BUCKET_NS).collect();
        assert_eq!(off, [7]);
    }

    /// Times before 1970 lie in buckets that begin before them.
    #[test]
    fn buckets_begin_at_multiples() {
        assert_eq!([-1, 0, BUCKET_NS - 1, BUCKET_NS].map(bucket_of), [-1, 0, 0, 1]);
    }
}
