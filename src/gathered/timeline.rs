//! Requests by time: how many came in, how many failed, how often calls were retried, and how long requests took.
//!
//! Times are counted in steps that get longer as more of them are not empty, so that a dump of a minute is told by
//! hundredths of seconds and one of a month by hours, in the same room. Each step holds whole ones of the width before, and
//! the width is the least at which few enough of all steps are not empty: it depends on the requests alone, never on the order
//! in which they, or parts, come.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::partial::{Columns as _, GroupReader, GroupWriter, columns};
use crate::trace::{RootReason, TraceView};

const MS: i64 = 1_000_000;
const MINUTE: i64 = 60_000 * MS;
const DAY: i64 = 1_440 * MINUTE;

/// Widths of steps in ns: each divides the next.
const WIDTHS: [i64; 10] =
    [10 * MS, 100 * MS, 1_000 * MS, 10_000 * MS, MINUTE, 10 * MINUTE, 60 * MINUTE, 360 * MINUTE, DAY, 365 * DAY];

/// Steps that are kept at most: several for each that a picture shows. The last width has no more than 585 between the
/// earliest and the latest time.
const MAX_STEPS: usize = 4_096;

/// Requests by time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Timeline {
    /// The place of the width among all.
    width: usize,
    steps: HashMap<i64, Step, FixedState>,
}

/// The requests that came in within one step of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Step {
    /// How many.
    pub(crate) requests: u64,
    /// Those that failed.
    pub(crate) failed: u64,
    /// Calls in their traces that were made again after a failure: attempts beyond the first.
    pub(crate) retries: u64,
    /// How many of them took how long: class and count, ascending.
    durations: Vec<(u16, u64)>,
}

impl Step {
    /// A quantile of their durations in ns by nearest rank, off by at most 6 %.
    pub(crate) fn duration_quantile_ns(&self, percent: u64) -> i64 {
        let rank = self.requests.saturating_mul(percent).div_ceil(100).max(1);
        let mut below = 0;
        for &(class, count) in &self.durations {
            below = count.saturating_add(below);
            if below >= rank {
                return middle_of(class);
            }
        }
        0
    }

    /// Takes in those of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.failed = self.failed.saturating_add(other.failed);
        self.retries = self.retries.saturating_add(other.retries);
        for &(class, count) in &other.durations {
            self.add_duration(class, count);
        }
    }

    fn add_duration(&mut self, class: u16, count: u64) {
        match self.durations.binary_search_by_key(&class, |&(known, _)| known) {
            Ok(place) => self.durations[place].1 = self.durations[place].1.saturating_add(count),
            Err(place) => self.durations.insert(place, (class, count)),
        }
    }
}

/// Bits after the first that tell classes of durations apart.
const BITS: u32 = 3;

/// The class of a duration: those that agree in their exponent and their first three bits.
fn class_of(duration: i64) -> u16 {
    let duration = duration.max(0) as u64;
    let shift = (u64::BITS - duration.leading_zeros()).saturating_sub(BITS + 1);
    ((u64::from(shift) << BITS) + (duration >> shift)) as u16
}

fn middle_of(class: u16) -> i64 {
    let shift = u32::from(class >> BITS).saturating_sub(1);
    let first = (u64::from(class) - (u64::from(shift) << BITS)) << shift;
    (first + (1u64 << shift) / 2).min(i64::MAX as u64) as i64
}

columns! {
    /// A step and its figures.
    struct StepRow in StepColumns {
        width: u32,
        number: i64,
        requests: u64,
        failed: u64,
        retries: u64,
    }
}

columns! {
    /// How many requests of a step took how long.
    struct DurationRow in DurationColumns {
        row: u32,
        class: u32,
        count: u64,
    }
}

impl Timeline {
    /// Takes notice of one trace: of its roots, or of its first fragment where it has none.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        let roots = &trace.tree.path_roots;
        let is_root = |reason: RootReason| reason == RootReason::Root;
        let Some(first) = roots.iter().position(|root| is_root(root.reason)).or((!roots.is_empty()).then_some(0))
        else {
            return;
        };
        let has_root = is_root(roots[first].reason);
        // Nothing is tried again where nothing fails or says that it is sent anew.
        let again = trace.retries().is_retry.iter().filter(|&&is_retry| is_retry).count() as u64;
        for (index, root) in roots.iter().enumerate().skip(first) {
            if index > first && !(has_root && is_root(root.reason)) {
                continue;
            }
            let retries = if index == first { again } else { 0 };
            let failed = trace.calls.roles[root.row as usize].failed;
            self.add(trace.start(root.row), trace.duration(root.row), failed, retries);
        }
    }

    /// Takes notice of a request.
    pub(crate) fn add(&mut self, start: i64, duration: i64, failed: bool, retries: u64) {
        let step = self.steps.entry(start.div_euclid(self.width_ns())).or_default();
        step.requests += 1;
        step.failed += u64::from(failed);
        step.retries += retries;
        step.add_duration(class_of(duration), 1);
        self.keep_few();
    }

    /// Width of a step in ns.
    pub(crate) fn width_ns(&self) -> i64 {
        WIDTHS[self.width]
    }

    /// The steps in which a request came in, with when they begin (in ns since 1970), in the order of time.
    pub(crate) fn steps(&self) -> Vec<(i64, &Step)> {
        let mut steps: Vec<(i64, &Step)> =
            self.steps.iter().map(|(number, step)| (number.saturating_mul(self.width_ns()), step)).collect();
        steps.sort_unstable_by_key(|&(start, _)| start);
        steps
    }

    /// Takes in those of other traces.
    pub(crate) fn merge(&mut self, mut other: Self) {
        let width = self.width.max(other.width);
        self.widen(width);
        other.widen(width);
        for (number, step) in other.steps {
            self.steps.entry(number).or_default().merge(&step);
        }
        self.keep_few();
    }

    fn keep_few(&mut self) {
        while self.steps.len() > MAX_STEPS && self.width + 1 < WIDTHS.len() {
            self.widen(self.width + 1);
        }
    }

    fn widen(&mut self, width: usize) {
        if width == self.width {
            return;
        }
        let ratio = WIDTHS[width] / self.width_ns();
        self.width = width;
        for (number, step) in std::mem::take(&mut self.steps) {
            self.steps.entry(number.div_euclid(ratio)).or_default().merge(&step);
        }
    }

    /// About how many bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        let durations: usize = self.steps.values().map(|step| step.durations.capacity()).sum();
        self.steps.capacity() * size_of::<(i64, Step)>() + durations * size_of::<(u16, u64)>()
    }

    /// Writes the steps.
    pub(crate) fn write(&self, group: &mut GroupWriter<'_>) {
        let (mut steps, mut durations) = (StepColumns::default(), DurationColumns::default());
        let mut numbers: Vec<(&i64, &Step)> = self.steps.iter().collect();
        numbers.sort_unstable_by_key(|(number, _)| **number);
        for (row, (&number, step)) in (0u32..).zip(numbers) {
            let &Step { requests, failed, retries, .. } = step;
            steps.push(StepRow { width: self.width as u32, number, requests, failed, retries });
            for &(class, count) in &step.durations {
                durations.push(DurationRow { row, class: class.into(), count });
            }
        }
        steps.write("", group);
        group.beside("durations", |group| durations.write("", group));
    }

    /// Reads what [`Timeline::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type, or says what no timeline says.
    pub(crate) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let rows = StepColumns::read("", group)?;
        let durations = group.beside("durations", |group| DurationColumns::read("", group))?;
        let wrong = || ArrowError::SchemaError("a timeline that cannot be".to_owned());
        let mut steps: Vec<Step> = (0..group.len())
            .map(|row| Step {
                requests: rows.requests[row],
                failed: rows.failed[row],
                retries: rows.retries[row],
                durations: Vec::new(),
            })
            .collect();
        for ((&row, &class), &count) in durations.row.iter().zip(&durations.class).zip(&durations.count) {
            let (step, class) = (steps.get_mut(row as usize), u16::try_from(class).ok());
            let class = class.filter(|&class| class <= class_of(i64::MAX)).ok_or_else(wrong)?;
            step.ok_or_else(wrong)?.add_duration(class, count);
        }
        let width = rows.width.first().map_or(0, |&width| width as usize);
        if width >= WIDTHS.len() || rows.width.iter().any(|&other| other as usize != width) {
            return Err(wrong());
        }
        Ok(Self { width, steps: rows.number.iter().copied().zip(steps).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partial::{PartialReader, PartialWriter, Renumbering};
    use crate::trace::sample::Sample;

    fn of(requests: impl IntoIterator<Item = (i64, i64, bool)>) -> Timeline {
        let mut timeline = Timeline::default();
        requests.into_iter().for_each(|(start, duration, failed)| timeline.add(start, duration, failed, 0));
        timeline
    }

    /// Steps get wider only when they are too many, and then each request is still in the step of its time.
    #[test]
    fn steps_widen_with_their_number() {
        let few = of((0..4_000).map(|number| (number * 10 * MS, MS, false)));
        assert_eq!((few.width_ns(), few.steps().len()), (10 * MS, 4_000));
        let many = of((0..5_000).map(|number| (number * 10 * MS, MS, number % 100 == 0)));
        assert_eq!((many.width_ns(), many.steps().len()), (100 * MS, 500));
        assert!(many.steps().iter().all(|(_, step)| step.requests == 10));
        assert_eq!(many.steps().iter().map(|(_, step)| step.failed).sum::<u64>(), 50);
        // One request of another century costs a step, not the width of all.
        let far = of((0..4_000)
            .map(|number| (number * 10 * MS, MS, false))
            .chain([(i64::MAX, 1, true), (i64::MIN, 1, true)]));
        assert_eq!((far.width_ns(), far.steps().len()), (10 * MS, 4_002));
        // Times from all of the range that there is never are too many for the last width.
        let all = of((-5_000..5_000).map(|number| (number * (i64::MAX / 5_000), number, false)));
        assert!(all.steps.len() <= MAX_STEPS && all.width_ns() == 365 * DAY);
    }

    /// Whichever parts there are, in whatever order they come, the whole is the same; through files as well.
    #[test]
    fn parts_merge() {
        let requests: Vec<(i64, i64, bool)> =
            (0..9_000i64).map(|number| (number * number % 70_001 * 7 * MS, number * number, number % 7 == 0)).collect();
        let whole = of(requests.iter().copied());
        assert!(whole.width > 0);
        for parts in [2, 3, 11] {
            let cut = |part: usize| of(requests.iter().copied().skip(part).step_by(parts));
            let mut forward = Timeline::default();
            (0..parts).for_each(|part| forward.merge(cut(part)));
            let mut backward = Timeline::default();
            (0..parts).rev().for_each(|part| backward.merge(through_a_file(&cut(part))));
            assert_eq!(forward, whole);
            assert_eq!(backward, whole);
        }
    }

    fn through_a_file(timeline: &Timeline) -> Timeline {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        let mut writer = PartialWriter::new(std::fs::File::create(&path).unwrap()).unwrap();
        writer.group("timeline", Renumbering::NONE, |group| timeline.write(group)).unwrap();
        writer.finish(serde_json::Value::Null).unwrap();
        PartialReader::open(&path).unwrap().group("timeline", Renumbering::NONE, Timeline::read).unwrap()
    }

    /// Classes are at most an eighth wide, so their middles are off by at most a sixteenth.
    #[test]
    fn durations_are_near() {
        for exponent in 0..62 {
            for part in 0..100 {
                let duration = ((1i128 << exponent) * (100 + part) / 100) as i64;
                let middle = middle_of(class_of(duration));
                assert!((middle - duration).abs() as f64 <= duration as f64 / 16.0, "{duration} {middle}");
            }
        }
        let step = of((1..=100).map(|number| (0, number * MS, false))).steps()[0].1.clone();
        for percent in [50, 99] {
            let off = step.duration_quantile_ns(percent) - percent as i64 * MS;
            assert!(off.abs() < percent as i64 * MS / 16, "{percent} {off}");
        }
    }

    /// Roots are requests, and where there is none, the first fragment is one. What was tried again is counted once for its
    /// trace.
    #[test]
    fn requests_are_counted_by_trace() {
        let sample = Sample::of(
            "
            1 11 0  web  SERVER  buy  0..100 ERROR
            1 12 11 web  CLIENT  get  10..20 ERROR
            1 16 12 cart SERVER  get  11..19 ERROR
            1 13 11 web  CLIENT  get  30..40 ERROR
            1 17 13 cart SERVER  get  31..39 ERROR
            1 14 11 web  CLIENT  get  50..60
            1 18 14 cart SERVER  get  51..59
            1 15 0  cron INTERNAL tick 0..7
            2 21 99 web  SERVER  buy  0..50
            2 22 98 web  SERVER  buy  0..50
        ",
        );
        let mut timeline = Timeline::default();
        (0..2).for_each(|place| sample.with_trace(place, place as u32, |trace| timeline.see(trace)));
        let steps = timeline.steps();
        let sums = steps.iter().fold([0; 3], |[requests, failed, retries], (_, step)| {
            [requests + step.requests, failed + step.failed, retries + step.retries]
        });
        assert_eq!(sums, [3, 1, 2]);
    }
}
