//! Values as people write them, on the command line and in the configuration file.

use super::error::ConfigError;
use super::memory::MIN_MEMORY_BYTES;
use crate::gates::IgnoreRule;
use crate::report::{ReportFile, TraceUrl};

/// A form of values: how people are told to write them, and how they are read.
pub(super) struct Form<T> {
    /// What fits after "must be".
    pub(super) told: &'static str,
    /// The value, if the text is one.
    pub(super) parse: fn(&str) -> Option<T>,
}

impl<T> Form<T> {
    /// The value of an option.
    ///
    /// # Errors
    /// If the text is none.
    pub(super) fn argument(&self, option: &'static str, text: &str) -> Result<T, ConfigError> {
        let wrong = || ConfigError::Argument { option, form: self.told, given: text.to_owned() };
        (self.parse)(text).ok_or_else(wrong)
    }
}

/// A duration, in ns.
pub(super) const DURATION: Form<i64> = Form { told: "a duration like 1ms or 2.5s", parse: duration_ns };

/// A size of memory, in bytes.
pub(super) const MEMORY: Form<u64> =
    Form { told: "a size of memory like 512MiB or 2GiB, and at least 64MiB", parse: memory_bytes };

/// A share.
pub(super) const SHARE: Form<f64> = Form { told: "a number between 0 and 1", parse: share };

/// A day.
pub(super) const DAY: Form<jiff::civil::Date> = Form { told: "a day like 2026-03-01", parse: |text| text.parse().ok() };

/// A pattern of names.
pub(super) const GLOB: Form<String> = Form {
    told: "a name, in which * and ? may stand for others",
    parse: |text| IgnoreRule::is_glob(text).then(|| text.to_owned()),
};

/// Any text but an empty one.
pub(super) const TEXT: Form<String> =
    Form { told: "a text", parse: |text| (!text.trim().is_empty()).then(|| text.to_owned()) };

/// A number of things.
pub(super) const COUNT: Form<u64> = Form { told: "a whole number", parse: |text| text.parse().ok() };

/// A time, in ns since 1970.
pub(super) const TIME: Form<i64> =
    Form { told: "a time like 2026-03-01T10:00:00Z, 2026-03-01 10:00 (UTC) or 2026-03-01", parse: time_unix_nano };

/// Where a trace can be looked at.
pub(super) const TRACE_URL: Form<TraceUrl> = Form { told: TraceUrl::FORM, parse: TraceUrl::parse };

/// Largest size of a page, in bytes.
pub(super) const REPORT_SIZE: Form<u64> = Form {
    told: "a size like 2MB, and at least 200kB",
    parse: |text| text.parse().ok().map(|size: bytesize::ByteSize| size.as_u64()).filter(|&bytes| bytes >= 200_000),
};

/// A file for a report.
pub(super) const REPORT: Form<ReportFile> = Form { told: ReportFile::FORM, parse: ReportFile::parse };

fn duration_ns(text: &str) -> Option<i64> {
    let duration: jiff::SignedDuration = text.parse().ok()?;
    i64::try_from(duration.as_nanos()).ok().filter(|&duration| duration >= 0)
}

fn memory_bytes(text: &str) -> Option<u64> {
    let size: bytesize::ByteSize = text.parse().ok()?;
    Some(size.as_u64()).filter(|&bytes| bytes >= MIN_MEMORY_BYTES)
}

fn share(text: &str) -> Option<f64> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share))
}

/// A time with its offset from UTC, a date and time of day in UTC, or the beginning of a day in UTC.
fn time_unix_nano(text: &str) -> Option<i64> {
    let in_utc = |time: jiff::civil::DateTime| time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp());
    let time = text.parse::<jiff::Timestamp>().ok().or_else(|| in_utc(text.parse().ok()?))?;
    i64::try_from(time.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text that means a value gives it; any other is refused in a sentence that says what would.
    #[test]
    fn arguments_are_read_as_people_write_them() {
        assert_eq!(DURATION.argument("--min-impact", "1ms").unwrap(), 1_000_000);
        assert_eq!(DURATION.argument("--min-impact", "2.5s").unwrap(), 2_500_000_000);
        assert_eq!(MEMORY.argument("--memory-limit", "2GiB").unwrap(), 2 << 30);
        assert_eq!(SHARE.argument("--overlap-tolerance", "1").unwrap(), 1.0);
        assert_eq!(TIME.argument("--since", "1970-01-01T01:00:00+01:00").unwrap(), 0);
        assert_eq!(TIME.argument("--since", "1970-01-02").unwrap(), 86_400_000_000_000);
        assert_eq!(TIME.argument("--since", "1970-01-01 00:01").unwrap(), 60_000_000_000);
        let refused = [
            (
                DURATION.argument("--min-impact", "soon").map(drop),
                "--min-impact must be a duration like 1ms or 2.5s, not soon",
            ),
            (
                DURATION.argument("--min-impact", "-1ms").map(drop),
                "--min-impact must be a duration like 1ms or 2.5s, not -1ms",
            ),
            (
                MEMORY.argument("--memory-limit", "1MiB").map(drop),
                "--memory-limit must be a size of memory like 512MiB or 2GiB, and at least 64MiB, not 1MiB",
            ),
            (
                SHARE.argument("--overlap-tolerance", "NaN").map(drop),
                "--overlap-tolerance must be a number between 0 and 1, not NaN",
            ),
            (
                TIME.argument("--since", "to\nday").map(drop),
                "--since must be a time like 2026-03-01T10:00:00Z, 2026-03-01 10:00 (UTC) or 2026-03-01, not to\\nday",
            ),
        ];
        for (refused, told) in refused {
            assert_eq!(refused.unwrap_err().to_string(), told);
        }
    }
}
