//! Columns of instants and durations, in any unit and any type, as nanoseconds.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt32Type, UInt64Type,
};

use parquet::errors::ParquetError;

use crate::ingest::parquet::file::cell::Cell;
use crate::ingest::parquet::file::cells::text_at;
use crate::ingest::parquet::file::pages::ColumnPages;

/// What one step of a number of a time column means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// An instant in whichever unit puts it into our times.
    ByMagnitude,
}

impl Unit {
    /// The units with a fixed length, the finest first.
    pub(crate) const FIXED: [Self; 4] = [Self::Nanoseconds, Self::Microseconds, Self::Milliseconds, Self::Seconds];

    /// The unit that a column's type says.
    pub(crate) fn of_type(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Timestamp(unit, _) | DataType::Duration(unit) => Some(match unit {
                TimeUnit::Nanosecond => Self::Nanoseconds,
                TimeUnit::Microsecond => Self::Microseconds,
                TimeUnit::Millisecond => Self::Milliseconds,
                TimeUnit::Second => Self::Seconds,
            }),
            _ => None,
        }
    }

    /// The unit that a column's name ends in.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        const SUFFIXES: [(Unit, &[&str]); 4] = [
            (Unit::Nanoseconds, &["nano", "nanos", "nanoseconds", "ns"]),
            (Unit::Microseconds, &["micro", "micros", "microseconds", "us"]),
            (Unit::Milliseconds, &["milli", "millis", "milliseconds", "ms"]),
            (Unit::Seconds, &["sec", "secs", "seconds", "_s"]),
        ];
        let name = name.to_ascii_lowercase();
        SUFFIXES
            .iter()
            .find(|(_, suffixes)| suffixes.iter().any(|suffix| name.ends_with(suffix)))
            .map(|&(unit, _)| unit)
    }

    /// How the mapping is printed.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::ByMagnitude => "unit by magnitude",
        }
    }

    /// `number` of this unit in nanoseconds; `None` if that is more than 64 bits hold.
    pub(crate) fn nanoseconds(self, number: i64) -> Option<i64> {
        number.checked_mul(self.step(number))
    }

    /// Its length in ns; of one that goes by magnitude, that of the finest.
    pub(crate) fn length_ns(self) -> f64 {
        match self {
            Self::ByMagnitude => 1.0,
            unit => unit.step(0) as f64,
        }
    }

    /// Nanoseconds from `number` of this unit to the next.
    fn step(self, number: i64) -> i64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
            // Since 1973 an instant has had at least so many of the unit, and one of a coarser unit will not have for
            // a thousand years.
            Self::ByMagnitude => match number.unsigned_abs() {
                100_000_000_000_000_000.. => 1,
                100_000_000_000_000.. => 1_000,
                100_000_000_000.. => 1_000_000,
                _ => 1_000_000_000,
            },
        }
    }
}

/// Fills `times` with nanoseconds, one a row; `None` where there is no value or it cannot be read.
pub(crate) fn read_times(column: &ArrayRef, unit: Unit, times: &mut Vec<Option<i64>>) {
    times.clear();
    match column.data_type() {
        DataType::Timestamp(_, _) | DataType::Duration(_) => {
            let unit = Unit::of_type(column.data_type()).unwrap_or(unit);
            match column.data_type() {
                DataType::Timestamp(TimeUnit::Nanosecond, _) => numbers::<TimestampNanosecondType>(column, unit, times),
                DataType::Timestamp(TimeUnit::Microsecond, _) => {
                    numbers::<TimestampMicrosecondType>(column, unit, times);
                }
                DataType::Timestamp(TimeUnit::Millisecond, _) => {
                    numbers::<TimestampMillisecondType>(column, unit, times);
                }
                DataType::Timestamp(TimeUnit::Second, _) => numbers::<TimestampSecondType>(column, unit, times),
                _ => times.resize(column.len(), None),
            }
        }
        DataType::Int64 => numbers::<Int64Type>(column, unit, times),
        DataType::Int32 => {
            let column = column.as_primitive::<Int32Type>();
            times.extend(column.iter().map(|number| unit.nanoseconds(i64::from(number?))));
        }
        DataType::UInt32 => {
            let column = column.as_primitive::<UInt32Type>();
            times.extend(column.iter().map(|number| unit.nanoseconds(i64::from(number?))));
        }
        DataType::UInt64 => {
            // A duration that wrapped is negative again as a signed number.
            let column = column.as_primitive::<UInt64Type>();
            times.extend(column.iter().map(|number| unit.nanoseconds(number? as i64)));
        }
        DataType::Float64 => {
            let column = column.as_primitive::<Float64Type>();
            times.extend(column.iter().map(|number| fractional_nanoseconds(unit, number?)));
        }
        DataType::Utf8 | DataType::Binary | DataType::Dictionary(_, _) => {
            times.extend((0..column.len()).map(|row| time_of_text(&text_at(column, row), unit)));
        }
        // Small integers, decimals, dates.
        data_type if !data_type.is_nested() => {
            times.extend((0..column.len()).map(|row| time_of_text(&text_at(column, row), unit)));
        }
        _ => times.resize(column.len(), None),
    }
}

/// The same for the next `rows` rows of a column of 64-bit integers.
pub(crate) fn read_times_of_pages(
    pages: &mut ColumnPages,
    unit: Unit,
    rows: usize,
    times: &mut Vec<Option<i64>>,
) -> Result<(), ParquetError> {
    times.clear();
    times.resize(rows, None);
    let dictionary = pages.dictionary()?.and_then(|dictionary| dictionary.as_primitive_opt::<Int64Type>()).cloned();
    pages.for_each_value(rows, |row, cell| {
        let number = match (cell, &dictionary) {
            (Cell::Number(number), _) => Some(number),
            (Cell::Key(key), Some(dictionary)) => Some(dictionary.value(key as usize)),
            _ => None,
        };
        times[row] = number.and_then(|number| unit.nanoseconds(number));
    })
}

fn numbers<T: ArrowPrimitiveType<Native = i64>>(column: &ArrayRef, unit: Unit, times: &mut Vec<Option<i64>>) {
    let column = column.as_primitive::<T>();
    if unit == Unit::Nanoseconds && column.null_count() == 0 {
        times.extend(column.values().iter().map(|&number| Some(number)));
    } else {
        times.extend(column.iter().map(|number| unit.nanoseconds(number?)));
    }
}

fn fractional_nanoseconds(unit: Unit, number: f64) -> Option<i64> {
    let whole = number.trunc() as i64;
    let rest = number.fract() * unit.step(whole) as f64;
    unit.nanoseconds(whole)?.checked_add(rest.round() as i64)
}

/// A decimal number in text, to the last digit.
fn decimal_nanoseconds(unit: Unit, text: &str) -> Option<i64> {
    let (whole_text, fraction) = text.split_once('.')?;
    let whole = whole_text.parse().ok()?;
    let digits = &fraction[..fraction.bytes().take(MOST_DIGITS).take_while(u8::is_ascii_digit).count()];
    if digits.is_empty() || digits.len() < fraction.len().min(MOST_DIGITS) {
        return None;
    }
    let step = i128::from(unit.step(whole));
    let rest = digits.parse::<i128>().ok()? * step / 10i128.pow(digits.len() as u32);
    let rest = i64::try_from(rest).ok()?;
    let whole = unit.nanoseconds(whole)?;
    if whole_text.starts_with('-') { whole.checked_sub(rest) } else { whole.checked_add(rest) }
}

/// Digits behind the point that are looked at; more are less than a nanosecond.
const MOST_DIGITS: usize = 18;

/// The length of a span from its start, its end and its duration, of which the more exact one counts.
pub(crate) fn length(start: i64, end: Option<i64>, duration: Option<i64>, end_is_finer: bool) -> i64 {
    let to_end = end.map(|end| end.saturating_sub(start));
    let length = if end_is_finer { to_end.or(duration) } else { duration.or(to_end) };
    length.unwrap_or(0)
}

/// A length in text that says its unit: `50ms`, `1m 2s`, `PT0.05S`, `00:00:00.05`.
pub(crate) fn length_of_text(text: &str) -> Option<i64> {
    let length: jiff::SignedDuration = text.parse().ok()?;
    i64::try_from(length.as_nanos()).ok()
}

/// A number in text, or a date and time, which is taken as UTC where it does not say its zone, or a length.
pub(crate) fn time_of_text(text: &str, unit: Unit) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return unit.nanoseconds(number);
    }
    if let Some(nanoseconds) = decimal_nanoseconds(unit, text) {
        return Some(nanoseconds);
    }
    // An instant has a unit of its own or goes by its magnitude, and is never spelled so.
    if unit != Unit::ByMagnitude
        && let Some(nanoseconds) = length_of_text(text)
    {
        return Some(nanoseconds);
    }
    let without_space = match text.rsplit_once(' ') {
        Some((instant, "UTC" | "GMT" | "Z")) => Some(format!("{instant}Z")),
        Some((instant, zone)) if zone.starts_with(['+', '-']) => Some(format!("{instant}{zone}")),
        _ => None,
    };
    let text = without_space.as_deref().unwrap_or(text);
    let timestamp = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let local = text.parse::<jiff::civil::DateTime>().ok()?;
        local.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    i64::try_from(timestamp.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array, StringArray, TimestampMillisecondArray};
    use std::sync::Arc;

    fn read(column: impl Array + 'static, unit: Unit) -> Vec<Option<i64>> {
        let mut times = Vec::new();
        read_times(&(Arc::new(column) as ArrayRef), unit, &mut times);
        times
    }

    const INSTANT: i64 = 1_661_273_967_000_000_000;

    #[test]
    fn one_instant_in_every_unit_and_type() {
        let numbers = Int64Array::from(vec![1_661_273_967, 1_661_273_967_000, 1_661_273_967_000_000, INSTANT]);
        assert_eq!(read(numbers, Unit::ByMagnitude), [Some(INSTANT); 4]);
        assert_eq!(read(TimestampMillisecondArray::from(vec![1_661_273_967_000]), Unit::Nanoseconds), [Some(INSTANT)]);
        let texts = ["2022-08-23T16:59:27Z", "2022-08-23 16:59:27", "2022-08-23T18:59:27+02:00", "1661273967"];
        assert_eq!(read(StringArray::from(texts.to_vec()), Unit::ByMagnitude), [Some(INSTANT); 4]);
        let zones = ["2022-08-23 16:59:27.000 UTC", "2022-08-23 18:59:27 +0200", "2022-08-23T16:59:27.0000000Z"];
        assert_eq!(read(StringArray::from(zones.to_vec()), Unit::ByMagnitude), [Some(INSTANT); 3]);
        let decimals = ["1661273967.000000001", "1661273967000.000001", "none", "1.", "2022.08.23"];
        let exact = Some(INSTANT + 1);
        assert_eq!(read(StringArray::from(decimals.to_vec()), Unit::ByMagnitude), [exact, exact, None, None, None]);
        assert_eq!(read(Float64Array::from(vec![0.25, 1.5]), Unit::Milliseconds), [Some(250_000), Some(1_500_000)]);
        assert_eq!(read(StringArray::from(vec!["-0.5", "-1.5"]), Unit::Microseconds), [Some(-500), Some(-1_500)]);
        assert_eq!(read(Float64Array::from(vec![1_661_273_967.5]), Unit::ByMagnitude), [Some(INSTANT + 500_000_000)]);
    }

    #[test]
    fn lengths_say_their_units() {
        let texts = StringArray::from(vec!["50ms", "1m 2s", "PT0.05S", "00:00:00.05", "1.5s", "7", "", "soon"]);
        let lengths = [50_000_000, 62_000_000_000, 50_000_000, 50_000_000, 1_500_000_000, 7].map(Some);
        assert_eq!(read(texts, Unit::Nanoseconds), [&lengths[..], &[None, None]].concat());
    }

    #[test]
    fn overflow_is_no_time() {
        assert_eq!(read(Int64Array::from(vec![i64::MAX]), Unit::Seconds), [None]);
    }

    #[test]
    fn units_of_names() {
        assert_eq!(Unit::of_name("startTimeUnixNano"), Some(Unit::Nanoseconds));
        assert_eq!(Unit::of_name("duration_us"), Some(Unit::Microseconds));
        assert_eq!(Unit::of_name("Duration"), None);
    }
}
