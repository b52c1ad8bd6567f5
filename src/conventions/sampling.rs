//! Adjusted counts: how many spans a sampled span stands for.
//!
//! Sources: OpenTelemetry, "TraceState: Probability Sampling" (the member `ot` with `th` and `rv`, before 2024 `p` and
//! `r`); the agents of Elastic APM (`es`); and attributes of Honeycomb, Tempo, Jaeger and Datadog.

use crate::span::{SpanRecord, TraceId};

/// Thresholds and randomness have so many bits.
const BITS: u32 = 56;
const RANGE: u64 = 1 << BITS;

/// What a W3C trace state says of sampling.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum TraceStateSampling {
    /// The span was kept if its randomness is not below the rejection threshold.
    Threshold {
        /// The threshold T, below 2^56.
        rejection: u64,
        /// The randomness R, if the trace state has it; else it is the end of the trace id.
        randomness: Option<u64>,
    },
    /// The span stands for so many.
    AdjustedCount(f64),
}

impl TraceStateSampling {
    /// What the trace state of `span` says, if it has one.
    pub fn of_span(span: &SpanRecord<'_>) -> Option<Self> {
        if span.trace_state.is_empty() { None } else { Self::of(&span.trace_state) }
    }

    /// What `trace_state` says: `ot=th`, else `ot=p`, else `es=s`.
    pub fn of(trace_state: &str) -> Option<Self> {
        let members = || trace_state.split(',').filter_map(|member| member.trim().split_once('='));
        let member = |key: &str| members().find(|(known, _)| *known == key).map(|(_, value)| value);
        let value = |member: &'_ str, key: &str| {
            let fields = member.split(';').filter_map(|field| field.split_once(':'));
            fields.into_iter().find(|(known, _)| *known == key).map(|(_, value)| value.to_owned())
        };
        if let Some(ot) = member("ot") {
            if let Some(rejection) = value(ot, "th").and_then(|digits| threshold(&digits)) {
                let randomness = value(ot, "rv").filter(|digits| digits.len() == 14);
                let randomness = randomness.and_then(|digits| u64::from_str_radix(&digits, 16).ok());
                return Some(Self::Threshold { rejection, randomness });
            }
            if let Some(power) =
                value(ot, "p").and_then(|power| power.parse::<i32>().ok()).filter(|p| (0..64).contains(p))
            {
                // 63 stands for a probability of zero.
                return Some(Self::AdjustedCount(if power == 63 { 0.0 } else { 2f64.powi(power) }));
            }
        }
        let rate: f64 = value(member("es")?, "s")?.parse().ok()?;
        match rate {
            0.0 => Some(Self::AdjustedCount(0.0)),
            _ => count_of_ratio(rate).map(Self::AdjustedCount),
        }
    }

    /// How many spans one of the trace `trace_id` stands for; `None` if the threshold says that it cannot have been kept.
    pub fn adjusted_count(self, trace_id: TraceId) -> Option<f64> {
        match self {
            Self::AdjustedCount(count) => Some(count),
            Self::Threshold { rejection, randomness } => {
                let of_trace_id = (u128::from_be_bytes(trace_id.0) as u64) % RANGE;
                let is_consistent = randomness.unwrap_or(of_trace_id) >= rejection;
                is_consistent.then(|| RANGE as f64 / (RANGE - rejection) as f64)
            }
        }
    }
}

/// The threshold: up to 14 hexadecimal digits, trailing zeros left out.
fn threshold(digits: &str) -> Option<u64> {
    if digits.is_empty() || digits.len() > 14 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(&format!("{digits:0<14}"), 16).ok()
}

/// 1 / `ratio`, for a probability above 0 and at most 1.
fn count_of_ratio(ratio: f64) -> Option<f64> {
    (ratio > 0.0 && ratio <= 1.0).then(|| 1.0 / ratio)
}

/// The adjusted count that an attribute of spelling number `rank` of
/// [`AdjustedCount`](super::Attribute::AdjustedCount) says: a count for the first two, a ratio for the others.
pub(crate) fn count_of_attribute(rank: u8, value: &str) -> Option<f64> {
    let number: f64 = value.trim().parse().ok()?;
    match rank {
        0 => Some(number).filter(|count| count.is_finite() && *count >= 0.0),
        1 => Some(number.max(1.0)).filter(|count| count.is_finite()),
        _ => count_of_ratio(number),
    }
}

/// The adjusted count that Jaeger's sampler tags say; only a probabilistic sampler says any.
pub(crate) fn count_of_jaeger_sampler(sampler_type: &str, sampler_param: &str) -> Option<f64> {
    if sampler_type != "probabilistic" {
        return None;
    }
    count_of_ratio(sampler_param.trim().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(trace_state: &str, end_of_trace_id: u64) -> Option<f64> {
        let trace_id = TraceId(u128::from(end_of_trace_id).to_be_bytes());
        TraceStateSampling::of(trace_state)?.adjusted_count(trace_id)
    }

    /// The examples of the specification.
    #[test]
    fn thresholds_are_probabilities() {
        const ALWAYS: u64 = RANGE - 1;
        for (text, expected) in [("th:0", 1.0), ("th:8", 2.0), ("th:c", 4.0), ("th:e", 8.0), ("th:f", 16.0)] {
            assert_eq!(count(&format!("x=y,ot={text}"), ALWAYS), Some(expected), "{text}");
        }
        assert!((count("ot=th:fd70a", ALWAYS).unwrap() - 99.998).abs() < 1e-3);
        assert_eq!(count("ot=th:", ALWAYS), None);
        assert_eq!(count("ot=th:xyz", ALWAYS), None);
        assert_eq!(count("ot=th:012345678901234", ALWAYS), None);
    }

    /// A span whose randomness is below the threshold was not kept by it, so its threshold says nothing.
    #[test]
    fn inconsistent_thresholds_are_unknown() {
        assert_eq!(count("ot=th:8", RANGE / 2), Some(2.0));
        assert_eq!(count("ot=th:8", RANGE / 2 - 1), None);
        assert_eq!(count("ot=th:8;rv:80000000000000", 0), Some(2.0));
        assert_eq!(count("ot=rv:7fffffffffffff;th:8", RANGE - 1), None);
    }

    #[test]
    fn older_members_are_read() {
        assert_eq!(count("ot=p:3;r:5", 0), Some(8.0));
        assert_eq!(count("ot=p:63", 0), Some(0.0));
        assert_eq!(count("es=s:0.25", 0), Some(4.0));
        assert_eq!(count("es=s:0", 0), Some(0.0));
        assert_eq!(count("es=s:2", 0), None);
        assert_eq!(count("", 0), None);
    }

    #[test]
    fn attributes_are_counts_or_ratios() {
        assert_eq!(count_of_attribute(1, "20"), Some(20.0));
        assert_eq!(count_of_attribute(1, "0"), Some(1.0));
        assert_eq!(count_of_attribute(2, "0.5"), Some(2.0));
        assert_eq!(count_of_attribute(2, "0"), None);
        assert_eq!(count_of_attribute(0, "NaN"), None);
        assert_eq!(count_of_jaeger_sampler("probabilistic", "0.1"), Some(10.0));
        assert_eq!(count_of_jaeger_sampler("const", "true"), None);
    }
}
