//! What to compare, as people type it: `12:01..12:04`, `-15min..`, `2026-03-01T10:00:00Z..2026-03-01T10:30:00Z`, `auto`.

use jiff::civil::Time;

use super::error::ConfigError;
use super::values::{DURATION, TIME};
use crate::cli::IncidentArgs;
use crate::incident::{AskedIncident, AskedWindow, Moment, WindowChoice};

macro_rules! form {
    () => {
        "FROM..TO with times like 12:01 (UTC), 2026-03-01 12:01, 2026-03-01T12:01:00+01:00, seconds since 1970 or -15min \
         (before the end of the dump), one of which may be left out"
    };
}

/// What a window is told as.
const FORM: &str = form!();

/// The same, where something else may be said.
const FORM_OR_AUTO: &str = concat!("auto, or ", form!());

/// What the arguments ask to compare, if they do.
///
/// # Errors
/// If a window is none.
pub(super) fn incident(args: &IncidentArgs) -> Result<Option<AskedIncident>, ConfigError> {
    let Some(window) = &args.window else { return Ok(None) };
    let window = match window.as_str() {
        "auto" => WindowChoice::Auto,
        text => WindowChoice::Asked(asked_window("--window", text)?),
    };
    let baseline_window =
        args.baseline_window.as_deref().map(|text| asked_window("--baseline-window", text)).transpose()?;
    Ok(Some(AskedIncident { window, baseline_window }))
}

fn asked_window(option: &'static str, text: &str) -> Result<AskedWindow, ConfigError> {
    let form = if option == "--window" { FORM_OR_AUTO } else { FORM };
    let wrong = || ConfigError::Argument { option, form, given: text.to_owned() };
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let side = |text: &str| if text.is_empty() { Ok(None) } else { moment(text).map(Some).ok_or_else(wrong) };
    let (from, to) = (side(from.trim())?, side(to.trim())?);
    if from.is_none() && to.is_none() {
        return Err(wrong());
    }
    Ok(AskedWindow { option, text: text.to_owned(), from, to })
}

fn moment(text: &str) -> Option<Moment> {
    if let Some(distance) = text.strip_prefix('-') {
        return (DURATION.parse)(distance).map(Moment::BeforeEnd);
    }
    if text.chars().all(|character| character.is_ascii_digit() || character == '.') {
        return seconds_unix_nano(text).map(Moment::At);
    }
    let o_clock = || text.parse::<Time>().ok().map(Moment::OClock);
    (TIME.parse)(text).map(Moment::At).or_else(o_clock)
}

/// A decimal number of seconds as ns, to the last digit.
fn seconds_unix_nano(text: &str) -> Option<i64> {
    const DIGITS: usize = 9;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > DIGITS {
        return None;
    }
    let nanoseconds: i64 = format!("{fraction:0<DIGITS$}").parse().ok()?;
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every form in which people tell a time, and what is none of them.
    #[test]
    fn windows_are_read_as_people_write_them() {
        let at = |seconds: i64| Some(Moment::At(seconds * 1_000_000_000));
        let o_clock = |hour, minute, second| Some(Moment::OClock(jiff::civil::time(hour, minute, second, 0)));
        for (text, from, to) in [
            ("12:01..12:04", o_clock(12, 1, 0), o_clock(12, 4, 0)),
            ("12:01:30 .. 12:04", o_clock(12, 1, 30), o_clock(12, 4, 0)),
            ("-15min..", Some(Moment::BeforeEnd(900_000_000_000)), None),
            ("-1h..-30min", Some(Moment::BeforeEnd(3_600_000_000_000)), Some(Moment::BeforeEnd(1_800_000_000_000))),
            ("..12:04", None, o_clock(12, 4, 0)),
            ("1970-01-01T01:00:07+01:00..1970-01-01T00:01:00Z", at(7), at(60)),
            ("1970-01-01 00:01..1970-01-02", at(60), at(86_400)),
            ("60..86400", at(60), at(86_400)),
            ("0.5..1.000000001", Some(Moment::At(500_000_000)), Some(Moment::At(1_000_000_001))),
        ] {
            let window = asked_window("--window", text).unwrap();
            assert_eq!((window.from, window.to), (from, to), "{text}");
        }
        for text in [
            "",
            "..",
            "12:01",
            "12:01...12:04",
            "soon..",
            "12:01..later",
            "-soon..",
            "1661140434000000000..",
            "--5min..",
        ] {
            let error = asked_window("--window", text).unwrap_err().to_string();
            assert!(error.starts_with("--window must be auto, or FROM..TO"), "{error}");
        }
    }

    /// Nothing is compared unless a window is asked for.
    #[test]
    fn a_window_must_be_asked_for() {
        let asked = |window: Option<&str>, baseline_window: Option<&str>| {
            let [window, baseline_window] = [window, baseline_window].map(|text| text.map(str::to_owned));
            incident(&IncidentArgs { window, baseline_window })
        };
        assert_eq!(asked(None, None).unwrap(), None);
        let auto = asked(Some("auto"), Some("..12:00")).unwrap().unwrap();
        assert_eq!(auto.window, WindowChoice::Auto);
        assert_eq!(
            serde_json::to_value(&auto).unwrap(),
            serde_json::json!({"window": "auto", "baseline_window": "..12:00"})
        );
        let refused = asked(Some("auto"), Some("auto")).unwrap_err().to_string();
        assert!(refused.starts_with("--baseline-window must be FROM..TO"), "{refused}");
    }
}
