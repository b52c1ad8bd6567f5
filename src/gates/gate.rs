//! What makes a run fail.

use std::fmt;
use std::str::FromStr;

use crate::compare::Status;
use crate::report::units;

/// What a gate looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GateWord {
    /// Any finding.
    Any,
    /// Patterns that the baseline has not.
    New,
    /// Patterns that the baseline has less of.
    Worse,
    /// Budgets that are not met.
    Budget,
    /// Findings of a detector.
    Detector(String),
}

impl GateWord {
    /// Those that are no detector.
    pub(crate) const WORDS: [&'static str; 4] = ["any", "new", "worse", "budget"];
}

impl FromStr for GateWord {
    type Err = std::convert::Infallible;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word {
            "any" => Self::Any,
            "new" => Self::New,
            "worse" => Self::Worse,
            "budget" => Self::Budget,
            detector => Self::Detector(detector.to_owned()),
        })
    }
}

impl fmt::Display for GateWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::New => "new",
            Self::Worse => "worse",
            Self::Budget => "budget",
            Self::Detector(name) => name,
        })
    }
}

/// What is too small to trip a gate. All that are set must be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thresholds {
    /// Smallest impact of a finding, in ns.
    pub(crate) min_impact_ns: i64,
    /// Whether somebody has set one: if nobody has, a failure of any impact counts.
    pub(crate) is_set: bool,
    /// Smallest summed impact of a pattern, in ns.
    pub(crate) min_total_impact_ns: Option<i64>,
    /// Fewest failed requests of a pattern.
    pub(crate) min_failed_requests: Option<u64>,
}

impl Thresholds {
    /// Whether a finding counts, which another may explain, and which may be of a failure.
    pub(crate) fn counts(&self, impact_ns: i64, is_induced: bool, is_failure: bool) -> bool {
        let is_large = impact_ns >= self.min_impact_ns || (is_failure && !self.is_set);
        is_large && !is_induced
    }
}

/// What a gate looks at of a pattern.
#[derive(Clone, Debug, Default)]
pub(crate) struct PatternForGate {
    /// Its id.
    pub(crate) pattern_id: String,
    /// The detector.
    pub(crate) detector: String,
    /// The pattern in a few words.
    pub(crate) title: String,
    /// Findings that count.
    pub(crate) findings: u64,
    /// Whether those that are too small are known, so that they are not among these.
    pub(crate) has_counted_findings: bool,
    /// Findings that are too small, but count whatever their impact if the gate asks for more than any finding: for the detector, or for
    /// what became of the pattern ([`Description::gates_at_any_impact`](crate::detectors::Description::gates_at_any_impact)).
    pub(crate) findings_if_singled_out: u64,
    /// The largest impact of these in ns, and its trace.
    pub(crate) worst: Option<(i64, String)>,
    /// Summed impact in ns.
    pub(crate) impact_ns: i64,
    /// Requests that failed because of it.
    pub(crate) failed_requests: u64,
    /// What became of it since the baseline; ignored if it is known.
    pub(crate) status: Option<Status>,
}

/// A gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate<'a> {
    /// What it looks at.
    pub(crate) words: &'a [GateWord],
    /// What is too small.
    pub(crate) thresholds: Thresholds,
}

/// What tripped a gate.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tripped {
    /// Findings, if they were counted.
    pub(crate) findings: Option<u64>,
    /// Patterns.
    pub(crate) patterns: u64,
    /// The worst of them.
    pub(crate) worst: String,
}

impl fmt::Display for Tripped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(findings) = self.findings {
            write!(f, "{} of ", units::counted(findings, "finding"))?;
        }
        write!(f, "{}, worst: {}", units::counted(self.patterns, "pattern"), self.worst)
    }
}

impl Gate<'_> {
    /// What trips it, if anything does.
    pub(crate) fn tripped_by(&self, patterns: &[PatternForGate]) -> Option<Tripped> {
        let tripping: Vec<&PatternForGate> = patterns.iter().filter(|pattern| self.trips(pattern)).collect();
        let worst = tripping.iter().max_by_key(|pattern| (pattern.failed_requests, pattern.impact_ns))?;
        let mut told = worst.title.clone();
        if worst.failed_requests > 0 {
            told.push_str(&format!(", {} failed", units::counted(worst.failed_requests, "request")));
        }
        told.push_str(&format!(", {}", units::duration(worst.impact_ns)));
        if let Some((_, trace)) = worst.worst.as_ref().filter(|(_, trace)| !trace.is_empty()) {
            told.push_str(&format!(" (trace {trace})"));
        }
        let counted = |pattern: &&PatternForGate| pattern.has_counted_findings.then(|| self.findings(pattern));
        let findings = tripping.iter().map(counted).sum();
        Some(Tripped { findings, patterns: tripping.len() as u64, worst: told })
    }

    /// The words that mean a pattern.
    fn words_for<'a>(&'a self, pattern: &'a PatternForGate) -> impl Iterator<Item = &'a GateWord> {
        self.words.iter().filter(|word| match word {
            GateWord::Any => true,
            GateWord::New => pattern.status == Some(Status::New),
            GateWord::Worse => pattern.status == Some(Status::Worse),
            GateWord::Budget => false,
            GateWord::Detector(name) => *name == pattern.detector,
        })
    }

    /// How many findings of a pattern count.
    fn findings(&self, pattern: &PatternForGate) -> u64 {
        let is_singled_out = self.words_for(pattern).any(|word| *word != GateWord::Any);
        pattern.findings + if is_singled_out { pattern.findings_if_singled_out } else { 0 }
    }

    /// Whether it fails because of a pattern. What costs no time is not measured by it.
    pub(crate) fn trips(&self, pattern: &PatternForGate) -> bool {
        let Thresholds { min_total_impact_ns, min_failed_requests, .. } = self.thresholds;
        let is_large = pattern.findings > 0
            && min_total_impact_ns.is_none_or(|least| pattern.impact_ns >= least)
            && min_failed_requests.is_none_or(|least| pattern.failed_requests >= least);
        let is_enough = |word: &GateWord| is_large || *word != GateWord::Any && pattern.findings_if_singled_out > 0;
        pattern.status != Some(Status::Ignored) && self.words_for(pattern).any(is_enough)
    }

    /// What of it can see nothing: a word, and why. `has_findings` says whether any detector that is on has some, `has_limits`
    /// whether any budget has one.
    ///
    /// # Errors
    /// If somebody asked for what is not there: a detector that is off, or statuses without a baseline.
    pub(crate) fn check(
        &self,
        is_enabled: impl Fn(&str) -> bool,
        has_findings: bool,
        has_baseline: bool,
        has_limits: bool,
    ) -> Result<(), BlindGate> {
        for word in self.words {
            let blind = match word {
                GateWord::Detector(name) if !is_enabled(name) => Some("that detector is off"),
                GateWord::New | GateWord::Worse if !has_baseline => {
                    Some("there is no baseline: --baseline DIR names one")
                }
                GateWord::Any | GateWord::New | GateWord::Worse if !has_findings => {
                    Some("no detector that is on has findings")
                }
                GateWord::Budget if !has_limits => Some("the configuration has no [budget] table with a limit"),
                _ => None,
            };
            if let Some(reason) = blind {
                return Err(BlindGate { word: word.to_string(), reason });
            }
        }
        Ok(())
    }
}

/// A gate that can see nothing.
#[derive(Debug, thiserror::Error)]
#[error("--fail-on {word} would see nothing: {reason}")]
pub(crate) struct BlindGate {
    word: String,
    reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSET: Thresholds =
        Thresholds { min_impact_ns: 1_000_000, is_set: false, min_total_impact_ns: None, min_failed_requests: None };

    fn words(text: &str) -> Vec<GateWord> {
        text.split(',').map(|word| word.parse().unwrap()).collect()
    }

    fn pattern(detector: &str, status: Option<Status>, impact_ms: i64, failed_requests: u64) -> PatternForGate {
        PatternForGate {
            pattern_id: String::new(),
            detector: detector.to_owned(),
            title: format!("{detector} of {impact_ms}"),
            findings: 2,
            has_counted_findings: true,
            findings_if_singled_out: 0,
            worst: Some((1, "ab".to_owned())),
            impact_ns: impact_ms * 1_000_000,
            failed_requests,
            status,
        }
    }

    /// Findings count by their size, unless they are of failures and nobody has said how large they must be.
    #[test]
    fn failures_of_any_size_count() {
        for (is_set, impact_ns, is_induced, is_failure, counts) in [
            (false, 1_000_000, false, false, true),
            (false, 999_999, false, false, false),
            (false, 0, false, true, true),
            (true, 999_999, false, true, false),
            (true, 1_000_000, false, true, true),
            (false, 9_000_000, true, true, false),
        ] {
            let thresholds = Thresholds { is_set, ..UNSET };
            let told = format!("{is_set} {impact_ns} {is_induced} {is_failure}");
            assert_eq!(thresholds.counts(impact_ns, is_induced, is_failure), counts, "{told}");
        }
    }

    #[test]
    fn words_and_thresholds_decide() {
        let patterns = [
            pattern("n-plus-one", Some(Status::Same), 40, 0),
            pattern("n-plus-one", Some(Status::New), 5, 0),
            pattern("failure-origins", Some(Status::Worse), 1, 3),
            pattern("retry-storm", Some(Status::Ignored), 900, 9),
            PatternForGate { findings: 0, ..pattern("sync-chain", Some(Status::New), 800, 0) },
        ];
        let trips = |on: &str, min_total_impact_ms: Option<i64>, min_failed_requests: Option<u64>| {
            let min_total_impact_ns = min_total_impact_ms.map(|ms| ms * 1_000_000);
            let thresholds = Thresholds { min_total_impact_ns, min_failed_requests, ..UNSET };
            let words = words(on);
            let gate = Gate { words: &words, thresholds };
            gate.tripped_by(&patterns).map(|tripped| (tripped.patterns, tripped.worst))
        };
        let failure = "failure-origins of 1, 3 requests failed, 1.0 ms (trace ab)".to_owned();
        let loop_of_40 = "n-plus-one of 40, 40 ms (trace ab)".to_owned();
        assert_eq!(trips("any", None, None), Some((3, failure.clone())));
        assert_eq!(trips("n-plus-one", None, None), Some((2, loop_of_40.clone())));
        assert_eq!(trips("new", None, None), Some((1, "n-plus-one of 5, 5.0 ms (trace ab)".to_owned())));
        assert_eq!(trips("worse", None, None), Some((1, failure.clone())));
        assert_eq!(trips("new,worse", None, None).map(|(patterns, _)| patterns), Some(2));
        assert_eq!(trips("any", Some(40), None), Some((1, loop_of_40)));
        assert_eq!(trips("any", Some(41), None), None);
        assert_eq!(trips("any", None, Some(3)), Some((1, failure)));
        assert_eq!(trips("any", None, Some(4)), None);
        for nothing in ["retry-storm", "sync-chain", "budget"] {
            assert_eq!(trips(nothing, None, None), None, "{nothing}");
        }
    }

    /// What costs no time trips gates that name its detector or what became of it, however large findings must be.
    #[test]
    fn what_costs_no_time_counts_where_it_is_singled_out() {
        let new = Some(Status::New);
        let lost = PatternForGate { findings: 0, findings_if_singled_out: 3, ..pattern("dual-write", new, 0, 0) };
        for (on, is_set, findings) in [
            ("dual-write", false, Some(3)),
            ("any,dual-write", false, Some(3)),
            ("dual-write", true, Some(3)),
            ("new", true, Some(3)),
            ("worse", true, None),
            ("any", false, None),
            ("n-plus-one", false, None),
        ] {
            let words = words(on);
            let min_total_impact_ns = is_set.then_some(1);
            let gate = Gate { words: &words, thresholds: Thresholds { is_set, min_total_impact_ns, ..UNSET } };
            let tripped = gate.tripped_by(std::slice::from_ref(&lost));
            assert_eq!(tripped.and_then(|tripped| tripped.findings), findings, "{on} {is_set}");
        }
    }

    #[test]
    fn what_tripped_is_told_in_one_line() {
        let words = words("any");
        let gate = Gate { words: &words, thresholds: UNSET };
        let tripped = gate.tripped_by(&[pattern("n-plus-one", None, 40, 0), pattern("sync-chain", None, 4, 0)]);
        assert_eq!(tripped.unwrap().to_string(), "4 findings of 2 patterns, worst: n-plus-one of 40, 40 ms (trace ab)");
        let recorded = PatternForGate { has_counted_findings: false, ..pattern("n-plus-one", None, 40, 0) };
        let tripped = gate.tripped_by(&[recorded]);
        assert_eq!(tripped.unwrap().to_string(), "1 pattern, worst: n-plus-one of 40, 40 ms (trace ab)");
    }

    /// A gate that could not trip whatever happened is a mistake of whoever set it.
    #[test]
    fn blind_gates_are_errors() {
        for (on, has_baseline, has_limits, told) in [
            ("any", false, false, None),
            ("new", true, false, None),
            (
                "new",
                false,
                false,
                Some("--fail-on new would see nothing: there is no baseline: --baseline DIR names one"),
            ),
            (
                "any,worse",
                false,
                false,
                Some("--fail-on worse would see nothing: there is no baseline: --baseline DIR names one"),
            ),
            ("budget", false, true, None),
            (
                "budget",
                false,
                false,
                Some("--fail-on budget would see nothing: the configuration has no [budget] table with a limit"),
            ),
            ("n-plus-one", false, false, None),
            ("retry-storm", false, false, Some("--fail-on retry-storm would see nothing: that detector is off")),
        ] {
            let words = words(on);
            let gate = Gate { words: &words, thresholds: UNSET };
            let checked = gate.check(|name| name == "n-plus-one", true, has_baseline, has_limits);
            assert_eq!(checked.err().map(|error| error.to_string()).as_deref(), told, "{on}");
            let of_no_findings = gate.check(|_| true, false, true, true);
            assert_eq!(of_no_findings.is_err(), !["budget", "n-plus-one", "retry-storm"].contains(&on), "{on}");
        }
    }
}
