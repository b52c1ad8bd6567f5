//! Traces that show best what patterns cost.

use std::cmp::Reverse;

use hashbrown::HashMap;

use crate::partial::TraceNumber;
use crate::span::SpanId;

use super::ranking::Ranked;

/// What decides which trace shows a pattern better: a larger saving, then a larger impact, then the smaller id.
type Worth = (Reverse<i64>, Reverse<i64>, TraceNumber);

/// At most `most` traces of each of the patterns whose ids are `wanted`, the best first, by the id of the pattern.
pub(crate) fn example_traces<'a>(
    ranked: &[Ranked],
    wanted: impl Iterator<Item = &'a str>,
    most: usize,
) -> HashMap<String, Vec<TraceNumber>> {
    let wanted: hashbrown::HashSet<&str> = wanted.collect();
    let mut examples = HashMap::new();
    for Ranked { findings, patterns_of_findings, pattern_ids, .. } in ranked {
        let is_wanted: Vec<bool> = pattern_ids.iter().map(|id| wanted.contains(id.as_str())).collect();
        if !is_wanted.contains(&true) {
            continue;
        }
        let mut best: HashMap<u32, Vec<Worth>> = HashMap::new();
        for (row, &pattern) in patterns_of_findings.iter().enumerate() {
            let trace = findings.trace[row];
            if is_wanted[pattern as usize] && trace.index().is_some() {
                let worth = (Reverse(findings.saving_ns[row]), Reverse(findings.impact_ns[row]), trace);
                keep_best(best.entry(pattern).or_default(), worth, most);
            }
        }
        for (pattern, traces) in best {
            let traces = traces.into_iter().map(|(_, _, trace)| trace).collect();
            examples.insert(pattern_ids[pattern as usize].clone(), traces);
        }
    }
    examples
}

/// The span that the finding is about which shows best what a pattern costs, with its trace, of each of the patterns whose ids
/// are `wanted`, by the id of the pattern.
pub(crate) fn example_spans<'a>(
    ranked: &[Ranked],
    wanted: impl Iterator<Item = &'a str>,
) -> HashMap<String, (TraceNumber, SpanId)> {
    let wanted: hashbrown::HashSet<&str> = wanted.collect();
    let mut examples = HashMap::new();
    for Ranked { findings, patterns_of_findings, pattern_ids, .. } in ranked {
        let mut best: HashMap<u32, (Worth, SpanId)> = HashMap::new();
        for (row, &pattern) in patterns_of_findings.iter().enumerate() {
            let worth = (Reverse(findings.saving_ns[row]), Reverse(findings.impact_ns[row]), findings.trace[row]);
            let found = (worth, findings.span_id[row]);
            best.entry(pattern).and_modify(|known| *known = (*known).min(found)).or_insert(found);
        }
        for (pattern, ((_, _, trace), span)) in best {
            let id = &pattern_ids[pattern as usize];
            if wanted.contains(id.as_str()) && trace.index().is_some() {
                examples.insert(id.clone(), (trace, span));
            }
        }
    }
    examples
}

/// Takes `worth` in if it is among the `most` best; a trace is there once.
fn keep_best(best: &mut Vec<Worth>, worth: Worth, most: usize) {
    match best.iter().position(|known| known.2 == worth.2) {
        Some(place) if best[place] <= worth => return,
        Some(place) => drop(best.remove(place)),
        None => {}
    }
    let place = best.partition_point(|known| *known < worth);
    if place < most {
        best.insert(place, worth);
        best.truncate(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best come first and each once, whatever the order in which they are met.
    #[test]
    fn the_best_are_kept() {
        let worth = |saving: i64, impact: i64, trace: u32| (Reverse(saving), Reverse(impact), TraceNumber(trace));
        let all = [worth(5, 1, 3), worth(9, 1, 7), worth(5, 2, 4), worth(0, 8, 7), worth(9, 1, 2), worth(0, 99, 1)];
        for turn in 0..all.len() {
            let mut best = Vec::new();
            all.iter().cycle().skip(turn).take(all.len()).for_each(|&worth| keep_best(&mut best, worth, 3));
            assert_eq!(best.iter().map(|worth| worth.2.0).collect::<Vec<_>>(), [2, 7, 4], "{turn}");
        }
    }
}
