//! `tracescan config`: what is set, and by whom.

use std::io::Write as _;

use crate::cli::ConfigArgs;
use crate::config::{configuration_schema, resolved_settings};
use crate::conventions::THE_OTHERS;
use crate::report::sanitized;

use super::Outcome;
use super::process::standard_output;

/// Prints the settings as a configuration file that says where each comes from, or the schema of such files.
///
/// # Errors
/// If the settings make no sense, or standard output fails.
pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<Outcome> {
    if args.schema {
        let schema = serde_json::to_string_pretty(&configuration_schema())?;
        standard_output::write(|out| writeln!(out, "{schema}"))?;
        return Ok(Outcome::Done);
    }
    let settings = resolved_settings(args)?;
    standard_output::write(|out| {
        writeln!(out, "# In lists of words and names \"{THE_OTHERS}\" stands for what they hold by default.")?;
        for setting in settings {
            if setting.begins_table {
                writeln!(out, "\n{}", sanitized(&setting.table))?;
            }
            let line = match setting.value {
                Some(value) => format!("{} = {value}  # {}", setting.key, setting.source),
                None => format!("# {} is not set", setting.key),
            };
            writeln!(out, "{}", sanitized(&line))?;
        }
        Ok(())
    })?;
    Ok(Outcome::Done)
}
