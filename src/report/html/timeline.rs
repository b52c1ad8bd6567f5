//! Requests, failures, retries and durations by time: a drawing, and the numbers from which scripts make one with a brush.

use serde_json::json;

use crate::gathered::{Step, Timeline};
use crate::report::text::units;

use super::shown_text::shortened;

/// The timeline of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct TimelineView {
    /// What stands below the drawing.
    pub(super) about: String,
    /// Columns of requests: left edge and width, top and height, then top and height of those that failed, in pixels.
    pub(super) columns: Vec<Column>,
    /// Points of the lines of the median and the 99th percentile.
    pub(super) p50: String,
    pub(super) p99: String,
    pub(super) most: String,
    pub(super) longest: String,
    /// Times along the axis: place in pixels, and text.
    pub(super) times: Vec<(i64, String)>,
    /// When problems were first seen: place in pixels, and which.
    pub(super) seen: Vec<(i64, String)>,
    /// What scripts draw.
    pub(super) data: serde_json::Value,
}

/// A column of the drawing.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    pub(super) left: String,
    pub(super) width: String,
    pub(super) top: String,
    pub(super) height: String,
    pub(super) failed_top: String,
    pub(super) failed_height: String,
    pub(super) title: String,
}

/// Size of the drawing in pixels: two panels, one below the other.
pub(super) const WIDTH: i64 = 1100;
const PANEL: f64 = 90.0;
const GAP: f64 = 16.0;
/// Columns at most.
const MAX_COLUMNS: i64 = 240;
/// Times that are further away than so many times the length of all others are not drawn.
const FAR: i64 = 20;
/// Times that a column may last, in ns: people count in these.
const COLUMN_WIDTHS: [i64; 27] = {
    const MS: i64 = 1_000_000;
    const S: i64 = 1_000 * MS;
    const H: i64 = 3_600 * S;
    const D: i64 = 24 * H;
    [
        10 * MS,
        20 * MS,
        50 * MS,
        100 * MS,
        200 * MS,
        500 * MS,
        S,
        2 * S,
        5 * S,
        10 * S,
        20 * S,
        30 * S,
        60 * S,
        120 * S,
        300 * S,
        600 * S,
        1_200 * S,
        1_800 * S,
        H,
        2 * H,
        6 * H,
        12 * H,
        D,
        7 * D,
        30 * D,
        365 * D,
        3_650 * D,
    ]
};
const TIMES: i64 = 6;
const MAX_SEEN: usize = 12;
const MAX_TITLE: usize = 200;
const NS_PER_MS: f64 = 1e6;
const NS_PER_S: f64 = 1e9;

impl TimelineView {
    /// That of `timeline`, with when problems were `first_seen` (ns since 1970, rank, title), and how many of its requests are of
    /// traces without a root. None if there is nothing to draw.
    pub(super) fn of(timeline: &Timeline, first_seen: &[(i64, i64, String)], without_root: u64) -> Option<Self> {
        let steps = timeline.steps();
        let (steps, far) = near(&steps);
        let (&(first, _), &(last, _)) = (steps.first()?, steps.last()?);
        let width = timeline.width_ns();
        let count = last.saturating_sub(first) / width + 1;
        let fits = |column: &i64| column % width == 0 && count.saturating_mul(width) / column < MAX_COLUMNS;
        let column_ns =
            COLUMN_WIDTHS.iter().copied().find(fits).unwrap_or(width.saturating_mul(count / MAX_COLUMNS + 1));
        let first = first.div_euclid(column_ns).saturating_mul(column_ns);
        let place = |start: i64| ((i128::from(start) - i128::from(first)) / i128::from(column_ns)).max(0) as usize;
        let columns = place(last) + 1;
        let mut sums: Vec<Step> = vec![Step::default(); columns];
        for (start, step) in steps {
            sums[place(*start)].merge(step);
        }
        let mut view = Self { about: about(&sums, column_ns, far, without_root), ..Self::default() };
        view.draw(&sums, first, column_ns);
        view.mark(first_seen, first, column_ns.saturating_mul(columns as i64));
        view.data = data(&sums, first, column_ns, first_seen);
        Some(view)
    }

    fn draw(&mut self, sums: &[Step], first: i64, column_ns: i64) {
        let most = sums.iter().map(|step| step.requests).max().unwrap_or(0).max(1);
        let longest = sums.iter().map(|step| step.duration_quantile_ns(99)).max().unwrap_or(0).max(1);
        let width = WIDTH as f64 / sums.len() as f64;
        let (mut p50, mut p99) = (Vec::new(), Vec::new());
        for (place, step) in sums.iter().enumerate().filter(|(_, step)| step.requests > 0) {
            let left = place as f64 * width;
            let height = |count: u64| PANEL * count as f64 / most as f64;
            let (all, failed) = (height(step.requests), height(step.failed));
            let start = start_of(first, place, column_ns);
            let [median, tail] = [50, 99].map(|percent| step.duration_quantile_ns(percent));
            self.columns.push(Column {
                left: pixels(left),
                width: pixels((width - 0.5).max(0.5)),
                top: pixels(PANEL - all),
                height: pixels(all),
                failed_top: pixels(PANEL - failed),
                failed_height: pixels(failed),
                title: format!(
                    "{}: {}, {} failed, {} retries; p50 {}, p99 {}",
                    units::time_to_the_second(start),
                    units::counted(step.requests, "request"),
                    units::count(step.failed),
                    units::count(step.retries),
                    units::duration(median),
                    units::duration(tail)
                ),
            });
            let point = |duration: i64| {
                let top = PANEL + GAP + PANEL * (1.0 - duration as f64 / longest as f64);
                format!("{},{}", pixels(left + width / 2.0), pixels(top))
            };
            p50.push(point(median));
            p99.push(point(tail));
        }
        self.p50 = p50.join(" ");
        self.p99 = p99.join(" ");
        self.most = format!("{} in {}", units::counted(most, "request"), units::duration(column_ns));
        self.longest = units::duration(longest);
        let all = column_ns as i128 * sums.len() as i128;
        self.times = (0..=TIMES)
            .map(|place| {
                let time = i128::from(first) + all * i128::from(place) / i128::from(TIMES);
                let time = i64::try_from(time).unwrap_or(i64::MAX);
                let is_day = units::are_of_one_day(first, first.saturating_add(all as i64));
                let text = if is_day { units::time_of_day(time) } else { units::day_and_time(time) };
                (WIDTH * place / TIMES, text)
            })
            .collect();
    }

    fn mark(&mut self, first_seen: &[(i64, i64, String)], first: i64, length: i64) {
        for (time, rank, title) in first_seen.iter().take(MAX_SEEN) {
            let place = (i128::from(*time) - i128::from(first)) * i128::from(WIDTH) / i128::from(length.max(1));
            if (0..=i128::from(WIDTH)).contains(&place) {
                let is_of_one_day = units::are_of_one_day(first, first.saturating_add(length));
                let when = if is_of_one_day { units::time_of_day(*time) } else { units::day_and_time(*time) };
                let told = format!("{rank}: {}, first seen {when}", shortened(title, MAX_TITLE));
                self.seen.push((place as i64, told));
            }
        }
    }
}

/// When a column begins. Times of damaged inputs may lie anywhere.
fn start_of(first: i64, place: usize, column_ns: i64) -> i64 {
    first.saturating_add(column_ns.saturating_mul(place as i64))
}

fn pixels(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn about(sums: &[Step], column_ns: i64, far: u64, without_root: u64) -> String {
    let total = |of: fn(&Step) -> u64| sums.iter().map(of).sum::<u64>();
    let mut text = format!(
        "{}, of which {} failed, and {} retries of calls in them, in steps of {}; durations to 6 %",
        units::counted(total(|step| step.requests), "request"),
        units::count(total(|step| step.failed)),
        units::count(total(|step| step.retries)),
        units::duration(column_ns)
    );
    if without_root > 0 {
        text.push_str(&format!("; {} without a root count as requests here", units::counted(without_root, "trace")));
    }
    if far > 0 {
        text.push_str(&format!("; {} at times far from all others are not drawn", units::counted(far, "request")));
    }
    text
}

/// The steps without those few that are far from all others (a clock that stands at 1970), and how many requests are in
/// these.
fn near<'a, 'b>(steps: &'a [(i64, &'b Step)]) -> (&'a [(i64, &'b Step)], u64) {
    let total: u64 = steps.iter().map(|(_, step)| step.requests).sum();
    // A few of a hundred requests may be far away; more are a time of their own.
    let most_far = total / 50;
    let (mut below, mut first, mut last) = (0, None, None);
    for (start, step) in steps {
        below += step.requests;
        first = first.or((below > most_far).then_some(*start));
        last = last.or((below >= total - most_far).then_some(*start));
    }
    let (Some(first), Some(last)) = (first, last) else { return (steps, 0) };
    let near = last.saturating_sub(first).saturating_mul(FAR);
    let is_near = |start: i64| start >= first.saturating_sub(near) && start <= last.saturating_add(near);
    let begin = steps.partition_point(|&(start, _)| start < first && !is_near(start));
    let end = steps.partition_point(|&(start, _)| start <= last || is_near(start));
    let kept = &steps[begin..end];
    (kept, total - kept.iter().map(|(_, step)| step.requests).sum::<u64>())
}

/// Columns of numbers: seconds since 1970, requests, failures, retries, then the median and the 99th percentile in ms.
fn data(sums: &[Step], first: i64, column_ns: i64, first_seen: &[(i64, i64, String)]) -> serde_json::Value {
    let start = |place: usize| start_of(first, place, column_ns) as f64 / NS_PER_S;
    let ms = |step: &Step, percent: u64| {
        (step.requests > 0).then(|| (step.duration_quantile_ns(percent) as f64 / NS_PER_MS * 100.0).round() / 100.0)
    };
    json!({
        "step": column_ns as f64 / NS_PER_S,
        "t": (0..sums.len()).map(start).collect::<Vec<f64>>(),
        "requests": sums.iter().map(|step| step.requests).collect::<Vec<u64>>(),
        "failed": sums.iter().map(|step| step.failed).collect::<Vec<u64>>(),
        "retries": sums.iter().map(|step| step.retries).collect::<Vec<u64>>(),
        "p50": sums.iter().map(|step| ms(step, 50)).collect::<Vec<_>>(),
        "p99": sums.iter().map(|step| ms(step, 99)).collect::<Vec<_>>(),
        "seen": first_seen.iter().take(MAX_SEEN).map(|(time, rank, title)| {
            json!([*time as f64 / NS_PER_S, rank, shortened(title, MAX_TITLE)])
        }).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample::Sample;

    fn timeline(lines: &str, traces: usize) -> Timeline {
        let sample = Sample::of(lines);
        let mut timeline = Timeline::default();
        (0..traces).for_each(|place| sample.with_trace(place, place as u32, |trace| timeline.see(trace)));
        timeline
    }

    /// All requests are drawn, in columns of the same width, and marks stand where their times are.
    #[test]
    fn columns_hold_all_requests() {
        let lines: Vec<String> = (1..=40)
            .map(|trace| format!("{trace} {trace}1 0 web SERVER buy {}..{}", trace * 50, trace * 50 + 20))
            .collect();
        let timeline = timeline(&lines.join("\n"), 40);
        let start = timeline.steps()[0].0;
        let seen = vec![(start, 1, "first".to_owned()), (i64::MAX / 2, 2, "never".to_owned())];
        let view = TimelineView::of(&timeline, &seen, 0).unwrap();
        let sum: u64 = view.data["requests"].as_array().unwrap().iter().filter_map(|count| count.as_u64()).sum();
        assert_eq!((sum, view.columns.len()), (40, 40));
        assert_eq!((view.seen.len(), view.seen[0].0), (1, 0));
        assert!(view.about.starts_with("40 requests, of which 0 failed, and 0 retries"), "{}", view.about);
        assert!(TimelineView::of(&Timeline::default(), &[], 0).is_none());
    }

    /// Wherever times of damaged inputs lie, something is drawn.
    #[test]
    fn no_time_is_too_far() {
        let mut timeline = Timeline::default();
        for start in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX] {
            timeline.add(start, i64::MAX, true, 0);
        }
        let view =
            TimelineView::of(&timeline, &[(i64::MAX, 1, "last".to_owned()), (i64::MIN, 2, "first".to_owned())], 0);
        let drawn = view.unwrap();
        assert!(
            !drawn.columns.is_empty() && drawn.columns.len() <= MAX_COLUMNS as usize + 1,
            "{}",
            drawn.columns.len()
        );
    }

    /// A clock that stands at 1970 does not make a line of all others; half of the requests are never far.
    #[test]
    fn few_requests_far_away_are_left_out() {
        let one = || {
            let mut step = Step::default();
            step.requests = 1;
            step
        };
        let of = |starts: &[i64]| starts.iter().map(|&start| (start, one())).collect();
        let kept = |steps: Vec<(i64, Step)>| {
            let steps: Vec<(i64, &Step)> = steps.iter().map(|(start, step)| (*start, step)).collect();
            let (kept, far) = near(&steps);
            (kept.len(), far)
        };
        let close: Vec<i64> = (1_000_000..1_000_100).collect();
        assert_eq!(kept(of(&close)), (100, 0));
        assert_eq!(kept(of(&[&[0], &close[..]].concat())), (100, 1));
        assert_eq!(kept(of(&[&close[..], &[i64::MAX]].concat())), (100, 1));
        assert_eq!(kept(of(&[&[0], &close[..], &[i64::MAX]].concat())), (100, 2));
        assert_eq!(kept(of(&[0, 1, 1_000_000, 1_000_001])), (4, 0));
    }
}
