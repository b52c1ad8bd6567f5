//! Thresholds of detectors: an option for any of them, and options of their own for some.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::headings::ANALYSIS;
use crate::detectors::{CatalogEntry, Detectors, NotSet, catalog};

/// Thresholds as typed: `--set`, and the options that some thresholds have of their own.
#[derive(Clone, Debug, Default)]
pub struct ThresholdArgs {
    /// (detector, threshold, value), in the order in which they take effect.
    pub values: Vec<(String, String, String)>,
}

/// Name of the option that sets any threshold.
const SET: &str = "set";

impl Args for ThresholdArgs {
    fn augment_args(mut command: Command) -> Command {
        for CatalogEntry { description, thresholds, .. } in catalog() {
            for threshold in thresholds {
                let Some(option) = threshold.option else { continue };
                let name = format!("{} of {} [default: {}]", threshold.name, description.name, threshold.default);
                let meaning = threshold.doc.trim_end_matches('.');
                command = command.arg(
                    Arg::new(option)
                        .long(option)
                        .value_name("N")
                        .value_parser(clap::value_parser!(u32))
                        .help_heading(ANALYSIS)
                        .long_help(format!("{meaning}: {name}"))
                        .help(name),
                );
            }
        }
        command.arg(
            Arg::new(SET)
                .long(SET)
                .value_name("DETECTOR.NAME=VALUE")
                .action(clap::ArgAction::Append)
                .value_parser(parse_threshold)
                .help_heading(ANALYSIS)
                .help("Set a threshold or a list; tracescan explain DETECTOR lists them"),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// `DETECTOR.NAME=VALUE`, of which all three parts are known to make sense.
fn parse_threshold(text: &str) -> Result<(String, String, String), String> {
    let form = "write it like n-plus-one.max_calls=10";
    let (name, value) = text.split_once('=').ok_or(form)?;
    let (detector, threshold) = name.split_once('.').ok_or(form)?;
    match Detectors::default().set(detector, threshold, value) {
        Ok(()) => Ok((detector.to_owned(), threshold.to_owned(), value.to_owned())),
        Err(error) => {
            let known: Vec<String> = catalog()
                .into_iter()
                .flat_map(|entry| {
                    let name = entry.description.name;
                    entry.thresholds.into_iter().map(move |threshold| format!("{name}.{}", threshold.name))
                })
                .collect();
            match error {
                NotSet::WrongValue(wrong) => Err(wrong.to_string()),
                unknown => Err(format!("{unknown}; there are {}", known.join(", "))),
            }
        }
    }
}

impl FromArgMatches for ThresholdArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut thresholds = Self::default();
        thresholds.update_from_arg_matches(matches)?;
        Ok(thresholds)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for CatalogEntry { description, thresholds, .. } in catalog() {
            for threshold in thresholds {
                if let Some(option) = threshold.option
                    && let Some(value) = matches.get_one::<u32>(option)
                {
                    self.values.push((description.name.to_owned(), threshold.name.to_owned(), value.to_string()));
                }
            }
        }
        self.values.extend(matches.get_many::<(String, String, String)>(SET).into_iter().flatten().cloned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::{Cli, Command};

    /// Later ones win, and what makes no sense is refused with what does.
    #[test]
    fn any_threshold_can_be_set() {
        let parse = |arguments: &[&str]| {
            let all = ["tracescan", "analyze", "x"].iter().chain(arguments);
            match Cli::try_parse_from(all).map(|cli| cli.command) {
                Ok(Command::Analyze(args)) => Ok(args.analysis.thresholds.values),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.to_string()),
            }
        };
        let set = |detector: &str, name: &str, value: &str| (detector.to_owned(), name.to_owned(), value.to_owned());
        assert_eq!(
            parse(&["--set", "n-plus-one.max_calls=10", "--max-hops", "4", "--set", "n-plus-one.max_calls=9"]).unwrap(),
            [
                set("sync-chain", "max_hops", "4"),
                set("n-plus-one", "max_calls", "10"),
                set("n-plus-one", "max_calls", "9")
            ]
        );
        for (wrong, told) in [
            ("max_calls=1", "n-plus-one.max_calls=10"),
            ("n-plus-one.max_call=1", "there is no such threshold; there are n-plus-one.max_calls"),
            ("n-plus-two.max_calls=1", "there is no such detector"),
            ("n-plus-one.max_calls=many", "a whole number"),
        ] {
            let error = parse(&["--set", wrong]).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
