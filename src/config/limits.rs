//! What the configuration file says of what is known, what requests may cost, and when runs differ.

use toml::de::DeValue;

use super::error::{ConfigError, FileProblem};
use super::keys::Keys;
use super::values::{COUNT, DAY, DURATION, Form, GLOB, SHARE, TEXT};
use crate::compare::ComparisonRules;
use crate::gates::{Budget, IgnoreRule};

/// How much larger something must be: at least as large.
const RATIO: Form<f64> = Form {
    told: "a number of at least 1, like 1.5",
    parse: |text| text.parse().ok().filter(|ratio: &f64| ratio.is_finite() && *ratio >= 1.0),
};

/// What is ignored, in the order of the file.
///
/// # Errors
/// If a rule says nothing of what it ignores or why, or something that makes no sense.
pub(super) fn ignore_rules(keys: &mut Keys<'_>) -> Result<Vec<IgnoreRule>, ConfigError> {
    keys.tables("ignore")?.into_iter().map(ignore_rule).collect()
}

fn ignore_rule(mut keys: Keys<'_>) -> Result<IgnoreRule, ConfigError> {
    let line = keys.line();
    let mut rule = IgnoreRule {
        pattern: keys.text("pattern", &TEXT)?,
        detector: keys.text("detector", &GLOB)?,
        service: keys.text("service", &GLOB)?,
        operation: keys.text("operation", &GLOB)?,
        target: keys.text("target", &GLOB)?,
        owner: keys.text("owner", &TEXT)?,
        max_impact_ns: keys.text("max_impact", &DURATION)?,
        expires: keys.value("expires", DAY.told, |value| match value {
            DeValue::Datetime(day) => (DAY.parse)(&day.to_string()),
            other => (DAY.parse)(other.as_str()?),
        })?,
        line,
        reason: String::new(),
    };
    let reason = keys.text("reason", &TEXT)?;
    let missing = |needed| Err(keys.error(FileProblem::Missing { table: "[[ignore]]", needed }));
    let IgnoreRule { pattern, detector, service, operation, target, .. } = &rule;
    if [pattern, detector, service, operation, target].into_iter().all(Option::is_none) {
        return missing("a pattern, or one of detector, service, operation and target");
    }
    let Some(reason) = reason else { return missing("a reason") };
    rule.reason = reason;
    keys.finish()?;
    Ok(rule)
}

/// What requests may cost, in the order of the file.
///
/// # Errors
/// If a limit makes no sense.
pub(super) fn budgets(keys: &mut Keys<'_>) -> Result<Vec<Budget>, ConfigError> {
    let budget = |(entry, mut keys): (String, Keys<'_>)| {
        let budget = Budget {
            entry,
            max_calls: keys.number("max_calls", &COUNT)?,
            max_database_calls: keys.number("max_database_calls", &COUNT)?,
            max_depth: keys.number("max_depth", &COUNT)?,
            max_p99_ns: keys.text("max_p99", &DURATION)?,
            max_failed_share: keys.number("max_failed_share", &SHARE)?,
        };
        keys.finish()?;
        Ok(budget)
    };
    keys.named_tables("budget")?.into_iter().map(budget).collect()
}

/// When runs differ.
///
/// # Errors
/// If a value makes no sense.
pub(super) fn comparison_rules(keys: &mut Keys<'_>) -> Result<ComparisonRules, ConfigError> {
    let usual = ComparisonRules::default();
    let Some(mut keys) = keys.table("compare")? else { return Ok(usual) };
    let rules = ComparisonRules {
        min_requests: keys.number("min_requests", &COUNT)?.unwrap_or(usual.min_requests),
        min_ratio: keys.number("min_ratio", &RATIO)?.unwrap_or(usual.min_ratio),
        chance: keys.number("chance", &SHARE)?.unwrap_or(usual.chance),
    };
    keys.finish()?;
    Ok(rules)
}
