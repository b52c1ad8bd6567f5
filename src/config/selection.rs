//! Which traces are read.

use super::error::ConfigError;
use super::values::TIME;
use crate::cli::SelectionArgs;
use crate::ingest::Selection;

/// Which traces the arguments ask for.
///
/// # Errors
/// If a time is none, or none lies between the bounds.
pub(crate) fn selection(args: &SelectionArgs) -> Result<Selection, ConfigError> {
    let time = |option, text: &Option<String>| text.as_deref().map(|text| TIME.argument(option, text)).transpose();
    let selection = Selection {
        since_unix_nano: time("--since", &args.since)?,
        until_unix_nano: time("--until", &args.until)?,
        services: args.service.clone(),
    };
    if let (Some(since), Some(until)) = (selection.since_unix_nano, selection.until_unix_nano)
        && since >= until
    {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        return Err(ConfigError::NoTimeBetween { since: text(&args.since), until: text(&args.until) });
    }
    Ok(selection)
}
