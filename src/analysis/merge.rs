//! Parts of an input, each analysed for itself, as one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;
use rayon::prelude::*;

use crate::conventions::Lists;
use crate::frame::{
    MAX_DISTINCT_VALUES, SignatureId, SignaturePart, SpillStore, Symbol, Vocabulary, parts_with_many_values,
};
use crate::partial::{PartialError, PartialReader, Renumbering, TraceNumber};
use crate::savings::Overlaps;
use crate::span::TraceId;
use crate::trace::{CalleeNames, Semantics, derive_asked};

use super::part::{
    CALLEE_NAMES, CONDITIONAL, KeptRows, OVERLAPS, QUALITY, REQUESTS, ROWS, SERVICES, SETTLED, SIGNATURES, STRINGS,
    TOTALS, TRACES, VOIDING, read_names, read_signatures,
};
use super::pass::{Analysis, AnalysisSettings, Worker, merged, see_targets};
use super::quality::Quality;
use super::requests::Requests;
use super::results::Results;
use super::totals::Totals;

/// Several parts as one.
pub(crate) struct MergedParts {
    /// The results of all traces.
    pub(crate) analysis: Analysis,
    /// What the signatures tell, and the strings.
    pub(crate) semantics: Semantics,
    /// What has more distinct values in all parts together than one run would tell apart, and how many: each part has told its own
    /// apart, and what that made of its traces stays.
    pub(crate) with_many_values: Vec<(SignaturePart, usize)>,
}

/// Merges parts that were analysed with `settings` and `lists`. What was gathered is put aside in `store` where it is too much for memory.
///
/// # Errors
/// If a part cannot be read.
pub(crate) fn merge_parts(
    files: &[PartialReader],
    settings: &AnalysisSettings,
    lists: &Lists,
    store: Option<&Arc<SpillStore>>,
) -> Result<MergedParts, PartialError> {
    let services = files.iter().map(|file| texts(file, SERVICES, "service")).collect::<Result<Vec<_>, _>>()?;
    let is_void =
        files.iter().zip(&services).map(|(file, own)| is_void(file, own, &services)).collect::<Result<Vec<_>, _>>()?;
    let vocabulary = vocabulary_of(files, &services)?;
    let signatures = (0..vocabulary.all.signatures.len() as u32).map(SignatureId);
    let resolved = signatures.map(|id| vocabulary.all.signatures.resolve(id));
    let with_many_values = parts_with_many_values(resolved, MAX_DISTINCT_VALUES);
    let semantics = derive_asked(&vocabulary.all, lists, settings.gathers().of_signatures);
    let symbols: Vec<Vec<Symbol>> = vocabulary
        .strings
        .iter()
        .map(|strings| strings.iter().map(|&symbol| sorted(&vocabulary.all, &semantics, symbol)).collect())
        .collect();
    let (trace_ids, in_several) = trace_ids_of(files)?;

    let mut results = Results::new(settings, store);
    let mut callee_names = CalleeNames::default();
    for ((file, symbols), &is_void) in files.iter().zip(&symbols).zip(&is_void) {
        let own_ids = file.group(TRACES, Renumbering::NONE, |group| group.trace_ids("trace_id"))?;
        let places: Vec<u32> = own_ids.iter().map(|&id| number_of(id, &trace_ids).0).collect();
        let numbers = Renumbering { symbols: Some(symbols), traces: Some(&places) };
        file.group(CALLEE_NAMES, numbers, |group| read_names(group, &mut callee_names))?;
        for prefix in [SETTLED, CONDITIONAL].into_iter().filter(|&prefix| prefix == SETTLED || !is_void) {
            results.totals.merge(file.group(&format!("{prefix}{TOTALS}"), numbers, Totals::read)?);
            results.quality.merge(file.group(&format!("{prefix}{QUALITY}"), numbers, Quality::read)?);
            results.requests.merge(file.group(&format!("{prefix}{REQUESTS}"), numbers, Requests::read)?);
            results.gathered.merge_file(file, prefix, numbers)?;
            results.seen.merge_file(file, prefix, numbers)?;
            results.overlaps.merge(file.group(&format!("{prefix}{OVERLAPS}"), numbers, Overlaps::read)?);
        }
    }
    let late = Late { settings, store, semantics: &semantics, trace_ids: &trace_ids, callee_names: &callee_names };
    let late = late.analyse_rows(files, &vocabulary.signatures, &is_void)?;
    results.merge(late);
    results.totals.traces = trace_ids.len() as u64;
    results.quality.in_several_parts = in_several;
    let analysis = see_targets(Analysis { results, trace_ids, ..Analysis::default() }, settings);
    Ok(MergedParts { analysis, semantics, with_many_values })
}

/// What the rows that were kept are looked at with.
struct Late<'a> {
    settings: &'a AnalysisSettings,
    store: Option<&'a Arc<SpillStore>>,
    semantics: &'a Semantics,
    trace_ids: &'a [TraceId],
    callee_names: &'a CalleeNames,
}

impl Late<'_> {
    /// Looks at the rows that were kept: at those of traces that waited, and at all of a file whose conditional results are
    /// void.
    fn analyse_rows(
        &self,
        files: &[PartialReader],
        signatures: &[Vec<SignatureId>],
        is_void: &[bool],
    ) -> Result<Results, PartialError> {
        let groups: Vec<(usize, &str)> = files
            .iter()
            .enumerate()
            .flat_map(|(file, reader)| reader.names(ROWS).map(move |name| (file, name)))
            .collect();
        let results = groups
            .into_par_iter()
            .try_fold(
                || Worker::new(self.settings, self.store),
                |mut worker, (file, name)| {
                    let (traces, waits) =
                        files[file].group(name, Renumbering::NONE, |group| KeptRows::read(group, &signatures[file]))?;
                    for (index, &waits) in waits.iter().enumerate() {
                        if waits || is_void[file] {
                            let trace = traces.trace(index);
                            let number = number_of(trace.trace_id, self.trace_ids);
                            worker.analyse_late(self.semantics, self.settings, trace, number, self.callee_names);
                        }
                    }
                    Ok(worker)
                },
            )
            .map(|worker: Result<Worker, PartialError>| worker.map(|worker| worker.results))
            .try_reduce(Box::default, |left, right| Ok(merged(left, right)))?;
        Ok(*results)
    }
}

/// Place of a trace among all.
fn number_of(trace_id: TraceId, trace_ids: &[TraceId]) -> TraceNumber {
    trace_ids.binary_search(&trace_id).map_or(TraceNumber::NONE, |place| TraceNumber(place as u32))
}

/// The strings and signatures of several parts.
struct PartVocabulary {
    all: Vocabulary,
    /// The part's strings in those of all.
    strings: Vec<Vec<Symbol>>,
    /// The part's signatures in those of all.
    signatures: Vec<Vec<SignatureId>>,
}

fn vocabulary_of(files: &[PartialReader], services: &[Vec<String>]) -> Result<PartVocabulary, PartialError> {
    let mut all = Vocabulary::default();
    let (mut strings, mut signatures) = (Vec::new(), Vec::new());
    for file in files {
        let own: Vec<Symbol> = file.group(STRINGS, Renumbering::NONE, |group| {
            Ok(group.texts("string")?.iter().map(|text| all.symbols.intern(text.unwrap_or_default())).collect())
        })?;
        let numbers = Renumbering { symbols: Some(&own), traces: None };
        let own_signatures = file.group(SIGNATURES, numbers, read_signatures)?;
        signatures.push(own_signatures.iter().map(|signature| all.signatures.intern(signature)).collect());
        strings.push(own);
    }
    all.other_services = services.iter().flatten().map(|service| all.symbols.intern(service)).collect();
    Ok(PartVocabulary { all, strings, signatures })
}

fn sorted(vocabulary: &Vocabulary, semantics: &Semantics, symbol: Symbol) -> Symbol {
    semantics.symbols.get(vocabulary.symbols.resolve(symbol)).unwrap_or_default()
}

/// The ids of all traces, ascending, and how many of them are in several parts.
fn trace_ids_of(files: &[PartialReader]) -> Result<(Vec<TraceId>, u64), PartialError> {
    let mut all: Vec<TraceId> = Vec::new();
    for file in files {
        all.extend(file.group(TRACES, Renumbering::NONE, |group| group.trace_ids("trace_id"))?);
    }
    all.par_sort_unstable();
    let in_several = all.chunk_by(|left, right| left == right).filter(|same| same.len() > 1).count() as u64;
    all.dedup();
    Ok((all, in_several))
}

/// Whether services of other parts change targets of a part: for a name that matters they are not those that it has itself.
fn is_void(file: &PartialReader, own: &[String], services: &[Vec<String>]) -> Result<bool, PartialError> {
    let mut by_name: HashMap<String, BTreeSet<&str>> = HashMap::new();
    for service in services.iter().flatten() {
        by_name.entry(service.to_ascii_lowercase()).or_default().insert(service);
    }
    let mut own_by_name: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for service in own {
        own_by_name.entry(service.to_ascii_lowercase()).or_default().insert(service);
    }
    let voiding = texts(file, VOIDING, "service")?;
    Ok(voiding.iter().any(|name| by_name.get(name) != own_by_name.get(name)))
}

fn texts(file: &PartialReader, group: &str, column: &str) -> Result<Vec<String>, PartialError> {
    file.group(group, Renumbering::NONE, |group| Ok(group.texts(column)?.iter().flatten().map(str::to_owned).collect()))
}
