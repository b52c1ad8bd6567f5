//! Which traces are compared with which: windows as people ask for them, and as times once the dump is known.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::frame::SpillError;

/// A moment as people tell it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    /// In ns since 1970.
    At(i64),
    /// So many ns before the end of the dump.
    BeforeEnd(i64),
    /// A time of day (UTC), of the day of the dump.
    OClock(Time),
}

/// A window as people ask for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AskedWindow {
    /// The option, with its dashes.
    pub(crate) option: &'static str,
    /// What was typed.
    pub(crate) text: String,
    /// When it begins; the dump's beginning if nothing is said.
    pub(crate) from: Option<Moment>,
    /// Before when it ends; the dump's end if nothing is said.
    pub(crate) to: Option<Moment>,
}

impl Serialize for AskedWindow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// How the window of an incident is chosen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WindowChoice {
    /// The longest time in which an entry is not as usual.
    Auto,
    /// What was asked for.
    #[serde(untagged)]
    Asked(AskedWindow),
}

/// What to compare.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct AskedIncident {
    /// The window.
    pub(crate) window: WindowChoice,
    /// What it is compared with; all other traces if nothing is said.
    pub(crate) baseline_window: Option<AskedWindow>,
}

/// Times from `start` to before `end`, in ns since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct TimeRange {
    /// The first time.
    pub(crate) start: i64,
    /// The time after the last one.
    pub(crate) end: i64,
}

impl TimeRange {
    /// Whether a time lies in it.
    pub(crate) fn contains(self, time: i64) -> bool {
        self.start <= time && time < self.end
    }

    /// Whether some time lies in both.
    pub(super) fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// Whether a time lies in one of `ranges`, which are ascending and do not overlap.
pub(super) fn contains(ranges: &[TimeRange], time: i64) -> bool {
    let next = ranges.partition_point(|range| range.end <= time);
    ranges.get(next).is_some_and(|range| range.contains(time))
}

/// Times in the order of time, those that overlap or touch as one.
pub(super) fn united(ranges: impl Iterator<Item = TimeRange>) -> Vec<TimeRange> {
    let mut ranges: Vec<TimeRange> = ranges.collect();
    ranges.sort_unstable();
    ranges.dedup_by(|later, first| {
        let touches = later.start <= first.end;
        if touches {
            first.end = first.end.max(later.end);
        }
        touches
    });
    ranges
}

/// Why nothing can be compared.
#[derive(Debug, Error)]
pub(crate) enum IncidentError {
    /// A window that ends before it begins.
    #[error("{option} {text} ends before it begins; the dump is from {dump}")]
    Backwards {
        /// The option.
        option: &'static str,
        /// What was typed.
        text: String,
        /// The times of the dump, in words.
        dump: String,
    },
    /// A time of day on several days.
    #[error("{option} {text} is at several days of the dump, which is from {dump}: write dates, like {example}")]
    SeveralDays {
        /// The option.
        option: &'static str,
        /// What was typed.
        text: String,
        /// The times of the dump, in words.
        dump: String,
        /// What could be meant.
        example: String,
    },
    /// A window in which nothing begins.
    #[error("no request begins within {window}; requests of the dump begin from {requests}")]
    Empty {
        /// The option and its times, in words.
        window: String,
        /// The times of the dump's requests, in words.
        requests: String,
    },
    /// Nothing to compare with.
    #[error(
        "nothing is left to compare the window with: {what}; requests of the dump begin from {requests} (--baseline-window says which to take)"
    )]
    NoBaseline {
        /// Why.
        what: String,
        /// The times of the dump's requests, in words.
        requests: String,
    },
    /// Requests that were put aside cannot be brought back.
    #[error(transparent)]
    Spill(#[from] SpillError),
}

/// Times as people read them, to the second.
pub(crate) fn in_words(range: TimeRange) -> String {
    use crate::report::units::time_to_the_second;
    format!("{} to {}", time_to_the_second(range.start), time_to_the_second(range.end))
}

/// Days that are looked at for a time of day: of a dump with times of decades nobody knows which day is meant.
const MAX_DAYS: usize = 400;

impl AskedWindow {
    /// The times that are meant, where the dump has these.
    ///
    /// # Errors
    /// If it ends before it begins, or a time of day is meant and the dump is of several days.
    pub(crate) fn resolve(&self, dump: TimeRange) -> Result<TimeRange, IncidentError> {
        let is_clock = |moment: Option<Moment>| matches!(moment, Some(Moment::OClock(_)));
        if !is_clock(self.from) && !is_clock(self.to) {
            return self.on_day(Date::ZERO, dump).ok_or_else(|| self.backwards(dump));
        }
        let first = date_of(dump.start).unwrap_or(Date::ZERO);
        // A window that goes past midnight may have begun on the day before the dump.
        let goes_past_midnight =
            matches!((self.from, self.to), (Some(Moment::OClock(from)), Some(Moment::OClock(to))) if to <= from);
        // Of one day, it is both the end and the beginning only of a window that was typed the wrong way round.
        let is_of_one_day = date_of(dump.end) == Some(first);
        let first = if goes_past_midnight { first.yesterday().unwrap_or(first) } else { first };
        let last = date_of(dump.end).unwrap_or(first);
        let of_dump: Vec<TimeRange> = first
            .series(jiff::Span::new().days(1))
            .take_while(|&day| day <= last)
            .take(MAX_DAYS)
            .filter_map(|day| self.on_day(day, dump))
            .filter(|range| range.overlaps(dump))
            .collect();
        match of_dump[..] {
            [range] => Ok(range),
            [_, ..] if goes_past_midnight && is_of_one_day => Err(self.backwards(dump)),
            [first, ..] => Err(IncidentError::SeveralDays {
                option: self.option,
                text: self.text.clone(),
                dump: in_words(dump),
                example: in_words(first).replace(" to ", ".."),
            }),
            // Nothing begins in it then, which is said where requests are looked at.
            [] => {
                let day = date_of(dump.start).unwrap_or(Date::ZERO);
                self.on_day(day, dump).ok_or_else(|| self.backwards(dump))
            }
        }
    }

    fn backwards(&self, dump: TimeRange) -> IncidentError {
        IncidentError::Backwards { option: self.option, text: self.text.clone(), dump: in_words(dump) }
    }

    /// The times if times of day are those of `day`; none if it would end before it begins.
    fn on_day(&self, day: Date, dump: TimeRange) -> Option<TimeRange> {
        let at = |moment: Moment, day: Date| match moment {
            Moment::At(time) => Some(time),
            Moment::BeforeEnd(distance) => Some(dump.end.saturating_sub(distance)),
            Moment::OClock(time) => unix_nano(day.to_datetime(time)),
        };
        let start = self.from.map_or(Some(dump.start), |from| at(from, day))?;
        let end = match (self.from, self.to) {
            // From before to after midnight.
            (Some(Moment::OClock(from)), Some(Moment::OClock(to))) if to <= from => {
                at(Moment::OClock(to), day.tomorrow().ok()?)?
            }
            (_, Some(to)) => at(to, day)?,
            (_, None) => dump.end,
        };
        (start < end).then_some(TimeRange { start, end })
    }
}

fn date_of(time: i64) -> Option<Date> {
    let timestamp = jiff::Timestamp::from_nanosecond(time.into()).ok()?;
    Some(timestamp.to_zoned(TimeZone::UTC).date())
}

fn unix_nano(time: DateTime) -> Option<i64> {
    i64::try_from(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> i64 {
        let timestamp: jiff::Timestamp = text.parse().unwrap();
        timestamp.as_nanosecond() as i64
    }

    fn o_clock(text: &str) -> Option<Moment> {
        Some(Moment::OClock(text.parse().unwrap()))
    }

    fn resolved(
        (from, to): (Option<Moment>, Option<Moment>),
        (first, last): (&str, &str),
    ) -> Result<String, IncidentError> {
        let window = AskedWindow { option: "--window", text: "A..B".to_owned(), from, to };
        window.resolve(TimeRange { start: time(first), end: time(last) }).map(in_words)
    }

    /// Times of day are those of the dump's day, also across midnight; distances are before its end; an open side is that of the
    /// dump.
    #[test]
    fn windows_are_told_by_the_dump() {
        const SECOND: i64 = 1_000_000_000;
        let day = ("2026-01-15T12:00:00Z", "2026-01-15T12:04:17Z");
        let night = ("2026-01-15T23:50:00Z", "2026-01-16T00:20:00Z");
        let before = |seconds: i64| Some(Moment::BeforeEnd(seconds * SECOND));
        for (window, dump, expected) in [
            ((o_clock("12:01"), o_clock("12:04")), day, "2026-01-15T12:01:00Z to 2026-01-15T12:04:00Z"),
            ((o_clock("12:01"), None), day, "2026-01-15T12:01:00Z to 2026-01-15T12:04:17Z"),
            ((None, o_clock("12:01")), day, "2026-01-15T12:00:00Z to 2026-01-15T12:01:00Z"),
            ((before(17), None), day, "2026-01-15T12:04:00Z to 2026-01-15T12:04:17Z"),
            ((before(77), before(17)), day, "2026-01-15T12:03:00Z to 2026-01-15T12:04:00Z"),
            ((o_clock("12:03"), before(17)), day, "2026-01-15T12:03:00Z to 2026-01-15T12:04:00Z"),
            ((Some(Moment::At(time(day.0) + SECOND)), None), day, "2026-01-15T12:00:01Z to 2026-01-15T12:04:17Z"),
            ((o_clock("23:55"), o_clock("00:05")), night, "2026-01-15T23:55:00Z to 2026-01-16T00:05:00Z"),
            ((o_clock("00:10"), o_clock("00:15")), night, "2026-01-16T00:10:00Z to 2026-01-16T00:15:00Z"),
            ((o_clock("23:00"), o_clock("12:01")), day, "2026-01-14T23:00:00Z to 2026-01-15T12:01:00Z"),
            // Nothing begins then, which is said where requests are looked at.
            ((o_clock("14:00"), o_clock("15:00")), day, "2026-01-15T14:00:00Z to 2026-01-15T15:00:00Z"),
        ] {
            assert_eq!(resolved(window, dump).unwrap(), expected, "{window:?}");
        }
    }

    /// What ends before it begins is none, and a time of day on several days is not guessed.
    #[test]
    fn wrong_windows_are_told() {
        let days = ("2026-01-14T06:00:00Z", "2026-01-16T06:00:00Z");
        let error = |window| resolved(window, days).unwrap_err().to_string();
        assert_eq!(
            error((o_clock("12:01"), o_clock("12:04"))),
            "--window A..B is at several days of the dump, which is from 2026-01-14T06:00:00Z to 2026-01-16T06:00:00Z: write \
             dates, like 2026-01-14T12:01:00Z..2026-01-14T12:04:00Z"
        );
        let backwards = "--window A..B ends before it begins; the dump is from";
        assert!(error((Some(Moment::At(7)), Some(Moment::At(7)))).starts_with(backwards));
        assert!(error((Some(Moment::BeforeEnd(5)), Some(Moment::BeforeEnd(6)))).starts_with(backwards));
        // Of a dump of one day it would be the evening before and the morning after.
        let day = ("2026-01-15T12:00:00Z", "2026-01-15T12:04:17Z");
        let turned = resolved((o_clock("12:04"), o_clock("12:01")), day).unwrap_err().to_string();
        assert!(turned.starts_with(backwards), "{turned}");
        let far = ("1970-01-01T00:00:00Z", "2026-01-16T06:00:00Z");
        assert!(resolved((o_clock("12:01"), None), far).is_err());
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let range = |(start, end)| TimeRange { start, end };
        let all = [(10, 20), (0, 5), (20, 25), (12, 14), (30, 31)].map(range);
        let ranges = united(all.into_iter());
        assert_eq!(ranges, [(0, 5), (10, 25), (30, 31)].map(range));
        let within: Vec<i64> = (0..40).filter(|&time| contains(&ranges, time)).collect();
        assert_eq!(within, (0..5).chain(10..25).chain([30]).collect::<Vec<_>>());
    }
}
