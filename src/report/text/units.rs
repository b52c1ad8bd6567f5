//! Numbers as people read them: durations, shares, counts, bytes and times.

use jiff::Timestamp;

const MICROSECOND: u128 = 1_000;
const MILLISECOND: u128 = 1_000_000;
const SECOND: u128 = 1_000_000_000;
const MINUTE: u128 = 60 * SECOND;
const HOUR: u128 = 60 * MINUTE;

/// A duration in ns with two or three digits that matter: `340 ms`, `1.2 s`, `3 min 20 s`, `2.5 h`.
pub(crate) fn duration(ns: impl Into<i128>) -> String {
    let ns: i128 = ns.into();
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let scales = [(MICROSECOND, MILLISECOND, "µs"), (MILLISECOND, SECOND, "ms"), (SECOND, MINUTE, "s")];
    if ns == 0 {
        return "0 s".to_owned();
    }
    if ns < MICROSECOND {
        return format!("{sign}{ns} ns");
    }
    for (unit, next, name) in scales {
        // What rounds up to the next unit is written in it: 999.9 µs is 1.0 ms.
        if rounded(ns, unit) * unit < next {
            return format!("{sign}{} {name}", in_unit(ns, unit));
        }
    }
    let seconds = rounded(ns, SECOND);
    if seconds < 3600 {
        return format!("{sign}{} min {} s", seconds / 60, seconds % 60);
    }
    format!("{sign}{} h", in_unit(ns, HOUR))
}

/// One decimal below ten, none above.
fn in_unit(value: u128, unit: u128) -> String {
    let tenths = rounded(value * 10, unit);
    if tenths < 100 { format!("{}.{}", tenths / 10, tenths % 10) } else { count(rounded(value, unit)) }
}

fn rounded(value: u128, unit: u128) -> u128 {
    (value + unit / 2) / unit
}

/// A share between 0 and 1 in percent. What is not quite nothing or not quite all never looks as if it were.
pub(crate) fn share(share: f64) -> String {
    let percent = share * 100.0;
    if !percent.is_finite() {
        "-".to_owned()
    } else if percent > 0.0 && percent < 0.05 {
        "<0.1 %".to_owned()
    } else if (99.95..100.0).contains(&percent) {
        ">99.9 %".to_owned()
    } else if percent == 0.0 || (9.95..99.0).contains(&percent) || percent >= 100.0 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// The share of a part in a whole; of nothing it is 0.
pub(crate) fn share_of(part: u64, whole: u64) -> String {
    share(if whole == 0 { 0.0 } else { part as f64 / whole as f64 })
}

/// A whole number in groups of three digits: `12,345`.
pub(crate) fn count(number: impl ToString) -> String {
    let plain = number.to_string();
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |digits| ("-", digits));
    let mut grouped = String::with_capacity(plain.len() + plain.len() / 3);
    grouped.push_str(sign);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count with its noun: `1 trace`, `12,345 traces`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A number that may have a fraction, of which one digit matters.
pub(crate) fn number(number: f64) -> String {
    if !number.is_finite() {
        "-".to_owned()
    } else if number.fract() == 0.0 || number.abs() >= 100.0 {
        count(format!("{number:.0}"))
    } else {
        format!("{number:.1}")
    }
}

/// A size in powers of 1,000: `1.2 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let bytes = u128::from(bytes);
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut unit = 1000;
    for name in ["kB", "MB", "GB"] {
        if rounded(bytes, unit) < 1000 {
            return format!("{} {name}", in_unit(bytes, unit));
        }
        unit *= 1000;
    }
    format!("{} TB", in_unit(bytes, unit))
}

/// A number in at most six columns: `123 k`, `1.2 M`, `1e300`.
pub(crate) fn short_number(value: f64) -> String {
    const SCALES: [&str; 7] = ["", " k", " M", " G", " T", " P", " E"];
    if value.abs() < 1000.0 || !value.is_finite() {
        return number(value);
    }
    let mut scaled = value;
    for scale in SCALES {
        // What rounds up to a thousand is one of the next.
        if scaled.abs() < 999.5 {
            let digits = usize::from(scaled.abs() < 9.95);
            return format!("{scaled:.digits$}{scale}");
        }
        scaled /= 1000.0;
    }
    format!("{value:.0e}")
}

/// A duration in ns in at most ten columns: `59 min`, `12 k h`.
pub(crate) fn short_duration(ns: i64) -> String {
    let minute = MINUTE as f64;
    match ns.unsigned_abs() as u128 {
        0..MINUTE => duration(ns),
        MINUTE..HOUR => format!("{:.0} min", ns as f64 / minute),
        _ => format!("{} h", short_number((ns as f64 / (60.0 * minute) * 10.0).round() / 10.0)),
    }
}

/// The time of day in UTC of a time in ns since 1970: `03:04:05`.
pub(crate) fn time_of_day(ns: i64) -> String {
    in_utc(ns, "%H:%M:%S")
}

/// Day and time of day in UTC of a time in ns since 1970: `01-02 03:04:05`.
pub(crate) fn day_and_time(ns: i64) -> String {
    in_utc(ns, "%m-%d %H:%M:%S")
}

/// Whether two times in ns since 1970 are of one day in UTC.
pub(crate) fn are_of_one_day(first: i64, last: i64) -> bool {
    const DAY: i64 = 24 * HOUR as i64;
    first.div_euclid(DAY) == last.div_euclid(DAY)
}

fn in_utc(ns: i64, format: &str) -> String {
    Timestamp::from_nanosecond(i128::from(ns)).map_or_else(|_| ns.to_string(), |time| time.strftime(format).to_string())
}

/// A time in ns since 1970 to the second, for people: `2024-01-02T03:04:05Z`.
pub(crate) fn time_to_the_second(ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(ns)).map_or_else(|_| ns.to_string(), |time| format!("{time:.0}"))
}

/// A time in ns since 1970 as RFC 3339 with all its digits: `2024-01-02T03:04:05.000000006Z`.
pub(crate) fn time(ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(ns)).map_or_else(|_| ns.to_string(), |time| format!("{time:.9}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_the_digits_that_matter() {
        let written: Vec<String> = [
            0,
            850,
            1_000,
            12_340,
            999_949,
            999_999,
            340_000_000,
            1_234_000_000,
            9_960_000_000,
            59_700_000_000,
            200_000_000_000,
            3_599_900_000_000,
            9_000_000_000_000,
            8_000_000_000_000_000,
            -1_500_000,
        ]
        .into_iter()
        .map(|ns: i64| duration(ns))
        .collect();
        insta::assert_snapshot!(written.join("\n"), @"
        0 s
        850 ns
        1.0 µs
        12 µs
        1.0 ms
        1.0 ms
        340 ms
        1.2 s
        10 s
        1 min 0 s
        3 min 20 s
        1.0 h
        2.5 h
        2,222 h
        -1.5 ms
        ");
    }

    #[test]
    fn shares_near_the_ends_are_not_rounded_to_them() {
        let written: Vec<String> =
            [0.0, 0.0001, 0.004, 0.0996, 0.34, 0.994, 0.9999, 1.0, f64::NAN].into_iter().map(share).collect();
        assert_eq!(written, ["0 %", "<0.1 %", "0.4 %", "10 %", "34 %", "99.4 %", ">99.9 %", "100 %", "-"]);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(123), "123");
        assert_eq!(count(-12_345), "-12,345");
        assert_eq!(counted(1, "trace"), "1 trace");
        assert_eq!(number(3.25), "3.2");
        assert_eq!(number(12_345.6), "12,346");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(bytes(12_345_678_901), "12 GB");
    }

    /// Short forms have the room that tables keep for them, whatever the value.
    #[test]
    fn short_forms_are_short() {
        let numbers = [0.0, 12.0, 3.25, 999.0, 999.7, 1_000.0, 12_345.0, 999_600.0, 1_234_567.0, 9.2e18, 1e300, -1e300];
        let written: Vec<String> = numbers.into_iter().map(short_number).collect();
        let told = ["0", "12", "3.2", "999", "1,000", "1.0 k", "12 k", "1.0 M", "1.2 M", "9.2 E", "1e300", "-1e300"];
        assert_eq!(written, told);
        assert!(written.iter().all(|number| number.len() <= 6));
        let durations =
            [0, 999, 59_400_000_000, 200_000_000_000, 3_599_900_000_000, 9_000_000_000_000, i64::MAX, i64::MIN];
        let written: Vec<String> = durations.into_iter().map(short_duration).collect();
        assert_eq!(written, ["0 s", "999 ns", "59 s", "3 min", "60 min", "2.5 h", "2.6 M h", "-2.6 M h"]);
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(time(1_704_164_645_000_000_006), "2024-01-02T03:04:05.000000006Z");
        assert_eq!(time_to_the_second(1_704_164_645_900_000_006), "2024-01-02T03:04:05Z");
        assert_eq!(time_of_day(1_704_164_645_900_000_006), "03:04:05");
        assert_eq!(day_and_time(1_704_164_645_900_000_006), "01-02 03:04:05");
        assert!(are_of_one_day(1_704_164_645_000_000_006, 1_704_200_000_000_000_000));
        assert!(!are_of_one_day(-1, 0));
    }
}
