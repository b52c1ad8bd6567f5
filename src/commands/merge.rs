//! `tracescan merge`: many parts as one.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::analysis::{MergedParts, merge_parts};
use crate::cli::MergeArgs;
use crate::config::{AnalysedWith, Settings};
use crate::frame::MAX_DISTINCT_VALUES;
use crate::partial::{PartialError, PartialReader};
use crate::report::{BeyondCapSummary, check_report_files, units};

use super::Outcome;
use super::part_description::PartDescription;
use super::process::diagnostics::{say, say_configuration};
use super::process::threads;
use super::results::judged::{Baseline, check_gate, check_gate_over_both};
use super::results::{Phases, Read, present};

/// Reads the parts, ranks what they found together, prints and writes it.
///
/// # Errors
/// If a file cannot be read, or was analysed with other settings than the first.
pub(crate) fn run(args: &MergeArgs) -> anyhow::Result<Outcome> {
    let mut parts = Vec::new();
    for path in paths(&args.files)? {
        let file = PartialReader::open(&path)?;
        let description: PartDescription = serde_json::from_value(file.description().clone())
            .map_err(|_| PartialError::NotPartial { path: path.clone() })?;
        parts.push((file, description));
    }
    let Some((first, description)) = parts.first() else { bail!("there is no file of partial results to merge") };
    let analysed_with = description.analysed_with.clone();
    for (file, description) in &parts {
        if let Some(difference) = difference(&analysed_with, &description.analysed_with)? {
            let (path, first) = (file.path().to_owned(), first.path().to_owned());
            return Err(PartialError::Settings { path, first, difference }.into());
        }
    }
    let mut settings = Settings::for_merge(args, &analysed_with)?;
    settings.show_values = parts.iter().any(|(_, description)| description.shows_values);
    if settings.incident.is_some()
        && let Some((file, _)) = parts.iter().find(|(_, description)| !description.keeps_requests)
    {
        bail!("{} was analysed without --window, and says too little of its requests for it", file.path().display());
    }
    if let Some(report) = settings.reports.iter().find(|report| report.kind.gathers().path_stacks) {
        bail!("files of partial results hold no paths, of which {} is made: analyze writes it", report.path.display());
    }
    say_configuration(&settings);
    check_report_files(&settings.reports)?;
    check_gate(&settings, &settings.enabled, args.baseline.is_some())?;
    let pool = threads::pool(settings.threads)?;
    pool.install(|| merge(args, &settings, parts))
}

fn merge(
    args: &MergeArgs,
    settings: &Settings,
    parts: Vec<(PartialReader, PartDescription)>,
) -> anyhow::Result<Outcome> {
    let mut phases = Phases::default();
    let (files, descriptions): (Vec<PartialReader>, Vec<PartDescription>) = parts.into_iter().unzip();
    let baseline = args.baseline.as_deref().map(Baseline::read).transpose()?;
    if let Some(baseline) = &baseline {
        check_gate_over_both(settings, &baseline.run, &settings.enabled)?;
    }
    let mut read = Read { all_read: true, baseline, ..Read::default() };
    for description in descriptions {
        read.all_read &= description.inputs.iter().all(|input| input.errors.is_empty());
        read.inputs.extend(description.inputs);
        for BeyondCapSummary { attribute, spans, kept } in description.beyond_cap {
            match read.beyond_cap.iter_mut().find(|known| known.attribute == attribute) {
                Some(known) => {
                    known.spans += spans;
                    known.kept = known.kept.max(kept);
                }
                None => read.beyond_cap.push(BeyondCapSummary { attribute, spans, kept }),
            }
        }
        read.counts.end_before_start += description.counts.end_before_start;
        read.counts.inconsistent_sampling += description.counts.inconsistent_sampling;
    }
    let store = settings.reading().spill;
    let MergedParts { mut analysis, semantics, with_many_values } =
        merge_parts(&files, &settings.analysis(), &settings.lists(), store.as_ref())?;
    if let Some(failure) = analysis.results.failure.take() {
        return Err(failure.into());
    }
    semantics.symbols.check()?;
    phases.end("merge");
    for (part, values) in with_many_values {
        say(&format!(
            "warning: {} has {} in all parts together, and one run tells {} apart: its rows would not be these",
            part.as_str(),
            units::counted(values as u64, "value"),
            units::count(MAX_DISTINCT_VALUES)
        ));
    }
    let in_several = analysis.results.quality.in_several_parts;
    if in_several > 0 {
        say(&format!(
            "warning: {} cut in two by the parts, and analysed piece by piece: cut inputs between traces",
            units::counted(in_several, "trace")
        ));
    }
    present(analysis, &semantics, read, settings, args.results.output.as_deref(), phases)
}

/// The files, those of directories by name; each once.
fn paths(given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in given {
        let text = path.to_string_lossy();
        if path.is_dir() {
            let entries = path.read_dir().with_context(|| format!("failed to list {}", path.display()))?;
            let mut files = entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<PathBuf>, _>>()
                .with_context(|| format!("failed to list {}", path.display()))?;
            files.retain(|file| file.is_file());
            files.sort();
            paths.append(&mut files);
        } else if !path.exists() && text.contains(['*', '?', '[']) {
            let matches = glob::glob(&text).with_context(|| format!("{text} is no pattern of file names"))?;
            let mut files = matches.collect::<Result<Vec<PathBuf>, _>>()?;
            if files.is_empty() {
                bail!("no file matches {text}");
            }
            files.sort();
            paths.append(&mut files);
        } else {
            paths.push(path.clone());
        }
    }
    let mut known: Vec<PathBuf> = Vec::new();
    for path in &paths {
        let same = path.canonicalize().unwrap_or_else(|_| path.clone());
        if known.contains(&same) {
            bail!("{} is given twice: its traces would count twice", path.display());
        }
        known.push(same);
    }
    Ok(paths)
}

/// The first setting that differs, in words.
fn difference(first: &AnalysedWith, other: &AnalysedWith) -> anyhow::Result<Option<String>> {
    fn search(path: &str, first: &serde_json::Value, other: &serde_json::Value) -> Option<String> {
        match (first, other) {
            (serde_json::Value::Object(first), serde_json::Value::Object(other)) => {
                let keys = first.keys().chain(other.keys().filter(|key| !first.contains_key(*key)));
                let null = serde_json::Value::Null;
                keys.into_iter().find_map(|key| {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    search(&path, first.get(key).unwrap_or(&null), other.get(key).unwrap_or(&null))
                })
            }
            (serde_json::Value::Array(here), serde_json::Value::Array(there)) if first != other => {
                // Lists of words are long: one word that differs says more than both.
                let missing = |from: &[serde_json::Value], list: &[serde_json::Value]| {
                    list.iter().find(|entry| !from.contains(entry)).cloned()
                };
                let told = match (missing(here, there), missing(there, here)) {
                    (Some(entry), _) => format!("{path} has {entry} there, and not here"),
                    (None, Some(entry)) => format!("{path} has {entry} here, and not there"),
                    (None, None) => format!("{path} is {other} there, and {first} here"),
                };
                Some(told)
            }
            _ => (first != other).then(|| format!("{path} is {other} there, and {first} here")),
        }
    }
    Ok(search("", &serde_json::to_value(first)?, &serde_json::to_value(other)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What differs is named by its key.
    #[test]
    fn different_settings_are_named() {
        let Ok(settings) = Settings::for_analyze(&analyze_args(&["--set", "n-plus-one.max_calls=5"])) else {
            panic!("these are the defaults")
        };
        let first = settings.analysed_with();
        assert_eq!(difference(&first, &first).unwrap(), None);
        let mut other = first.clone();
        other.detectors.set("n-plus-one", "max_calls", "7").unwrap();
        assert_eq!(
            difference(&first, &other).unwrap().as_deref(),
            Some("detectors.n-plus-one.max_calls is 7 there, and 5 here")
        );
        other = AnalysedWith { enabled: vec!["sync-chain".to_owned()], ..first.clone() };
        assert_eq!(
            difference(&first, &other).unwrap().as_deref(),
            Some("enabled has \"n-plus-one\" here, and not there")
        );
        other = first.clone();
        other.detectors.set("shared-database", "reporting_words", "...,lake").unwrap();
        assert_eq!(
            difference(&first, &other).unwrap().as_deref(),
            Some("detectors.shared-database.reporting_words has \"lake\" there, and not here")
        );
    }

    /// A file that is there under two names is one file.
    #[test]
    fn no_part_counts_twice() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.part", "a.part"] {
            std::fs::write(directory.path().join(name), name).unwrap();
        }
        let [a, b] = ["a.part", "b.part"].map(|name| directory.path().join(name));
        assert_eq!(paths(&[directory.path().to_owned()]).unwrap(), [a.clone(), b.clone()]);
        assert_eq!(paths(&[directory.path().join("*.part")]).unwrap(), [a.clone(), b]);
        assert!(paths(&[a.clone(), directory.path().to_owned()]).unwrap_err().to_string().contains("twice"));
        assert!(paths(&[directory.path().join("c*")]).unwrap_err().to_string().contains("no file matches"));
        assert!(paths(&[a]).is_ok());
    }

    fn analyze_args(arguments: &[&str]) -> crate::cli::AnalyzeArgs {
        use clap::Parser as _;
        let all = ["tracescan", "analyze", "x"].iter().chain(arguments);
        match crate::cli::Cli::parse_from(all).command {
            crate::cli::Command::Analyze(args) => *args,
            other => panic!("{other:?}"),
        }
    }
}
