//! Patterns that are known: they stay in the tables and trip no gate.

use glob::Pattern;
use jiff::civil::Date;
use serde::Serialize;

use crate::report::units;

/// An entry of the list of what is known. All that it names must match.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct IgnoreRule {
    /// A pattern's id.
    pub(crate) pattern: Option<String>,
    /// Glob over names of detectors.
    pub(crate) detector: Option<String>,
    /// Glob over services.
    pub(crate) service: Option<String>,
    /// Glob over operations.
    pub(crate) operation: Option<String>,
    /// Glob over targets.
    pub(crate) target: Option<String>,
    /// Why it is ignored.
    pub(crate) reason: String,
    /// Who knows about it.
    pub(crate) owner: Option<String>,
    /// The first day (UTC) on which it counts again.
    #[serde(serialize_with = "as_text")]
    pub(crate) expires: Option<Date>,
    /// The summed impact in ns above which it counts again.
    pub(crate) max_impact_ns: Option<i64>,
    /// The line of the configuration file that it begins in, from 1.
    pub(crate) line: usize,
}

fn as_text<S: serde::Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
    day.map(|day| day.to_string()).serialize(serializer)
}

/// What of a pattern rules look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PatternForIgnore<'a> {
    /// Its id.
    pub(crate) id: &'a str,
    /// Its detector.
    pub(crate) detector: &'a str,
    /// Service.
    pub(crate) service: &'a str,
    /// Operation.
    pub(crate) operation: &'a str,
    /// Target, or empty.
    pub(crate) target: &'a str,
    /// Summed impact in ns.
    pub(crate) impact_ns: i64,
}

impl IgnoreRule {
    /// Whether a text is a glob.
    pub(crate) fn is_glob(text: &str) -> bool {
        Pattern::new(text).is_ok()
    }

    fn matches(&self, pattern: &PatternForIgnore<'_>) -> bool {
        let globs = [
            (&self.detector, pattern.detector),
            (&self.service, pattern.service),
            (&self.operation, pattern.operation),
            (&self.target, pattern.target),
        ];
        let matches = |(glob, text): (&Option<String>, &str)| match glob {
            // Operations hold brackets and question marks themselves, so a text always matches itself.
            Some(glob) => glob == text || Pattern::new(glob).is_ok_and(|glob| glob.matches(text)),
            None => true,
        };
        self.pattern.as_ref().is_none_or(|id| id == pattern.id) && globs.into_iter().all(matches)
    }

    fn names(&self) -> String {
        let names = [
            ("pattern", &self.pattern),
            ("detector", &self.detector),
            ("service", &self.service),
            ("operation", &self.operation),
            ("target", &self.target),
        ];
        let named = names.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
        named.collect::<Vec<String>>().join(", ")
    }

    /// Why a pattern does not count.
    fn told(&self) -> String {
        let owner = self.owner.as_ref().map_or(String::new(), |owner| format!(", {owner}"));
        let until = self.expires.map_or(String::new(), |day| format!(", until {day}"));
        format!("{}{owner}{until}", self.reason)
    }
}

/// Rules, and which of them have met a pattern.
#[derive(Debug)]
pub(crate) struct IgnoredPatterns<'a> {
    rules: &'a [IgnoreRule],
    today: Date,
    has_matched: Vec<bool>,
    above: Vec<Option<i64>>,
}

impl<'a> IgnoredPatterns<'a> {
    /// Rules that nothing was asked of so far.
    pub(crate) fn new(rules: &'a [IgnoreRule], today: Date) -> Self {
        Self { rules, today, has_matched: vec![false; rules.len()], above: vec![None; rules.len()] }
    }

    /// The day that it is, in UTC.
    pub(crate) fn today() -> Date {
        jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    /// Why a pattern is ignored, if it is.
    pub(crate) fn reason(&mut self, pattern: &PatternForIgnore<'_>) -> Option<String> {
        let mut reason = None;
        for (index, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.matches(pattern)) {
            self.has_matched[index] = true;
            if self.is_expired(rule) {
                continue;
            }
            if rule.max_impact_ns.is_some_and(|most| pattern.impact_ns > most) {
                self.above[index] = self.above[index].max(Some(pattern.impact_ns));
                continue;
            }
            reason.get_or_insert_with(|| rule.told());
        }
        reason
    }

    fn is_expired(&self, rule: &IgnoreRule) -> bool {
        rule.expires.is_some_and(|day| day <= self.today)
    }

    /// What is wrong with the rules once all patterns were asked for, in words.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let name = format!("[[ignore]] in line {} ({})", rule.line, rule.names());
            if let Some(day) = rule.expires.filter(|_| self.is_expired(rule)) {
                warnings.push(format!("{name} has expired on {day}: what it names counts again"));
            } else if !self.has_matched[index] {
                warnings.push(format!("{name} matches no pattern"));
            } else if let (Some(impact), Some(most)) = (self.above[index], rule.max_impact_ns) {
                let (impact, most) = (units::duration(impact), units::duration(most));
                warnings
                    .push(format!("{name} no longer holds: an impact of {impact} is above its max_impact of {most}"));
            }
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERN: PatternForIgnore<'static> = PatternForIgnore {
        id: "0123456789abcdef",
        detector: "n-plus-one",
        service: "orders",
        operation: "GET /orders/{id}?",
        target: "postgresql/orders@db",
        impact_ns: 5_000_000,
    };

    fn rule(fields: &[(&str, &str)]) -> IgnoreRule {
        let mut rule = IgnoreRule { reason: "known".to_owned(), line: 7, ..IgnoreRule::default() };
        for (field, value) in fields {
            let text = Some((*value).to_owned());
            match *field {
                "pattern" => rule.pattern = text,
                "detector" => rule.detector = text,
                "service" => rule.service = text,
                "operation" => rule.operation = text,
                "target" => rule.target = text,
                "owner" => rule.owner = text,
                "expires" => rule.expires = Some(value.parse().unwrap()),
                "max_impact_ns" => rule.max_impact_ns = Some(value.parse().unwrap()),
                other => panic!("{other}"),
            }
        }
        rule
    }

    /// What rules ignore, and what they warn of; today is 2026-06-15.
    #[test]
    fn rules_ignore_and_warn() {
        type Fields = &'static [(&'static str, &'static str)];
        let cases: &[(Fields, Option<&str>, &[&str])] = &[
            (&[("pattern", "0123456789abcdef")], Some("known"), &[]),
            (&[("pattern", "0123456789abcdee")], None, &["(pattern 0123456789abcdee) matches no pattern"]),
            (&[("service", "ord*"), ("target", "*@db"), ("owner", "ann")], Some("known, ann"), &[]),
            (&[("service", "ord*"), ("target", "*@dc")], None, &["(service ord*, target *@dc) matches no pattern"]),
            (&[("operation", "GET /orders/{id}?")], Some("known"), &[]),
            (&[("operation", "GET /orders/*")], Some("known"), &[]),
            (&[("detector", "n-*"), ("expires", "2026-06-16")], Some("known, until 2026-06-16"), &[]),
            (&[("detector", "n-*"), ("expires", "2026-06-15")], None, &["has expired on 2026-06-15"]),
            (&[("detector", "n-*"), ("max_impact_ns", "5000000")], Some("known"), &[]),
            (
                &[("detector", "n-*"), ("max_impact_ns", "4999999")],
                None,
                &["no longer holds: an impact of 5.0 ms is above its max_impact of 5.0 ms"],
            ),
        ];
        for (fields, reason, warnings) in cases {
            let rules = [rule(fields)];
            let mut ignored = IgnoredPatterns::new(&rules, "2026-06-15".parse().unwrap());
            assert_eq!(ignored.reason(&PATTERN).as_deref(), *reason, "{fields:?}");
            let told = ignored.warnings();
            assert_eq!(told.len(), warnings.len(), "{fields:?}: {told:?}");
            for (told, expected) in told.iter().zip(*warnings) {
                assert!(told.starts_with("[[ignore]] in line 7 (") && told.contains(expected), "{told}");
            }
        }
    }

    /// The first rule that holds gives the reason; all that match have matched.
    #[test]
    fn several_rules_may_match() {
        let mut rules = [rule(&[("service", "*"), ("expires", "2020-01-01")]), rule(&[("service", "*")]), rule(&[])];
        rules[1].reason = "second".to_owned();
        let mut ignored = IgnoredPatterns::new(&rules, "2026-06-15".parse().unwrap());
        assert_eq!(ignored.reason(&PATTERN).as_deref(), Some("second"));
        assert_eq!(ignored.warnings().len(), 1);
    }
}
