//! What became of each pattern from one run to another.
//!
//! A pattern that is not there says nothing if nobody came by, and one that is there once may have been missed before. So
//! counts of requests are compared with what could have been seen: with the requests of the same entries in the other run, and
//! with what chance does to counts.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use crate::report::units;

use super::chance::{Counts, level_of_each};

/// What became of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Status {
    /// It was not there, although its entries were.
    New,
    /// It is in a larger share of requests, or costs more in each.
    Worse,
    /// Its entries were not there.
    UnseenEntry,
    /// It is not there any more, although its entries are.
    Gone,
    /// It is in a smaller share of requests, or costs less in each.
    Better,
    /// Its entries are not there any more.
    NotExercised,
    /// Nothing that chance would not do.
    Same,
    /// It is known and does not count.
    Ignored,
}

impl Status {
    /// The name in tables.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Worse => "worse",
            Self::UnseenEntry => "unseen_entry",
            Self::Gone => "gone",
            Self::Better => "better",
            Self::NotExercised => "not_exercised",
            Self::Same => "same",
            Self::Ignored => "ignored",
        }
    }
}

/// When runs differ.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct ComparisonRules {
    /// Fewest requests of an entry in the baseline for what it did not do to be told, and of a pattern in both runs for its
    /// impact to be compared.
    pub(crate) min_requests: u64,
    /// Smallest factor between two rates, or two impacts, that is told.
    pub(crate) min_ratio: f64,
    /// Probability that any pattern of two runs that do not differ is said to have changed its rate in all requests of its entries, and as
    /// much again that any has in those of one of several.
    pub(crate) chance: f64,
}

impl Default for ComparisonRules {
    fn default() -> Self {
        Self { min_requests: 20, min_ratio: 1.5, chance: 0.01 }
    }
}

/// Where requests come in: kind, service and operation of their first root.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct EntryName {
    /// `root`, or `fragment` where the root is not in the input.
    pub(crate) kind: String,
    /// The root's service.
    pub(crate) service: String,
    /// The root's operation.
    pub(crate) operation: String,
}

/// A pattern in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PatternSeen {
    /// The same of the requests of each entry.
    pub(crate) of_entries: BTreeMap<EntryName, EntrySeen>,
    /// Requests with the pattern.
    pub(crate) requests: u64,
    /// In how many requests the other run may have it and its detector is silent, because they are too few.
    pub(crate) untold: u64,
    /// Its impact in each of these.
    pub(crate) impact: ImpactSeen,
}

/// A pattern in the requests of one entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EntrySeen {
    /// Requests with the pattern.
    pub(crate) requests: u64,
    /// Its impact in each of these; none if the run did not record it by entry.
    pub(crate) impact: Option<ImpactSeen>,
}

/// What a pattern costs in each request that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ImpactSeen {
    /// The median, in ns.
    pub(crate) p50_ns: i64,
    /// Median of the distances from that, in ns.
    pub(crate) mad_ns: i64,
    /// Between which values, in ns, that median lies but for chance; none if there are too few requests to tell.
    pub(crate) bounds_ns: Option<(i64, i64)>,
}

/// One run.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunSeen {
    /// Requests of each entry.
    pub(crate) requests: HashMap<EntryName, u64>,
    /// The patterns by their ids.
    pub(crate) patterns: BTreeMap<String, PatternSeen>,
}

impl RunSeen {
    fn requests_of(&self, entry: &EntryName) -> u64 {
        self.requests.get(entry).copied().unwrap_or(0)
    }
}

/// What became of a pattern, and why that is said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// What became of it.
    pub(crate) status: Status,
    /// Why, in words.
    pub(crate) reason: String,
    /// Requests with the pattern for 1,000 of its entries' requests; none if no request came in there.
    pub(crate) old_rate: Option<f64>,
    /// The same in the second run.
    pub(crate) new_rate: Option<f64>,
}

/// What became of each pattern of two runs, by its id.
pub(crate) fn verdicts(old: &RunSeen, new: &RunSeen, rules: &ComparisonRules) -> BTreeMap<String, Verdict> {
    let ids: BTreeSet<&String> = old.patterns.keys().chain(new.patterns.keys()).collect();
    let compared: Vec<(&String, Exposure)> = ids.into_iter().map(|id| (id, Exposure::new(id, old, new))).collect();
    let of_patterns = compared.iter().filter_map(|(_, exposure)| exposure.counts.as_ref());
    let of_entries = compared.iter().flat_map(|(_, exposure)| exposure.tested(rules).map(|entry| &entry.counts));
    let levels = Levels {
        of_patterns: level_of_each(of_patterns, rules.chance),
        of_entries: level_of_each(of_entries, rules.chance),
    };
    let compared = compared.into_iter();
    compared
        .map(|(id, exposure)| (id.clone(), exposure.verdict([&old.patterns, &new.patterns], rules, &levels)))
        .collect()
}

/// At which probability counts are no longer chance.
struct Levels {
    /// Those of a pattern.
    of_patterns: f64,
    /// Those of a pattern in the requests of one entry, of patterns that are in several: as many tests of their own.
    of_entries: f64,
}

/// A pattern in both runs, and what it could have been seen in.
struct Exposure<'a> {
    id: &'a str,
    /// Requests with it, in both runs.
    with: [u64; 2],
    /// Requests of its entries, in both runs.
    out_of: [u64; 2],
    /// Requests with it, in both runs, of entries that are in both.
    with_in_both: [u64; 2],
    /// Those to compare, if an entry is in both runs.
    counts: Option<Counts>,
    /// The entries that are in both runs.
    shared: Vec<SharedEntry<'a>>,
    /// In how many requests it may be in a run that does not have it.
    untold: u64,
}

/// An entry that is in both runs.
struct SharedEntry<'a> {
    name: &'a EntryName,
    /// Its requests.
    out_of: [u64; 2],
    /// Those with the pattern.
    counts: Counts,
}

impl SharedEntry<'_> {
    fn difference(&self) -> u64 {
        self.counts.new.abs_diff(self.counts.old)
    }

    fn reason(&self) -> String {
        let EntryName { service, operation, .. } = self.name;
        let [now, before] =
            [(self.counts.new, 1), (self.counts.old, 0)].map(|(with, run)| seen_in(with, self.out_of[run]));
        format!("at {service} {operation} in {now}; {before} before")
    }
}

impl<'a> Exposure<'a> {
    fn new(id: &'a str, old: &'a RunSeen, new: &'a RunSeen) -> Self {
        let patterns = [old.patterns.get(id), new.patterns.get(id)];
        let of_entry = |run: usize, entry: &EntryName| {
            patterns[run].and_then(|pattern| pattern.of_entries.get(entry)).map_or(0, |seen| seen.requests)
        };
        let entries: BTreeSet<&'a EntryName> =
            patterns.iter().flatten().flat_map(|pattern| pattern.of_entries.keys()).collect();
        let (mut with, mut out_of, mut with_in_both) = ([0; 2], [0; 2], [0; 2]);
        let mut shared = Vec::new();
        // Each request with the pattern could as well have been in either run, in proportion to the requests of its own entry:
        // that one entry is used more than before makes nothing worse.
        let mut expected_new = 0.0;
        for name in entries {
            let requests = [old.requests_of(name), new.requests_of(name)];
            let own = [of_entry(0, name), of_entry(1, name)];
            for run in 0..2 {
                with[run] += own[run];
                out_of[run] += requests[run];
            }
            if requests.iter().all(|&requests| requests > 0) {
                let expected_new_share = requests[1] as f64 / (requests[0] + requests[1]) as f64;
                expected_new += (own[0] + own[1]) as f64 * expected_new_share;
                with_in_both[0] += own[0];
                with_in_both[1] += own[1];
                let counts = Counts { old: own[0], new: own[1], expected_new_share };
                shared.push(SharedEntry { name, out_of: requests, counts });
            }
        }
        let in_both = with_in_both[0] + with_in_both[1];
        let counts = (in_both > 0).then(|| Counts {
            old: with_in_both[0],
            new: with_in_both[1],
            expected_new_share: expected_new / in_both as f64,
        });
        let untold = patterns.iter().flatten().map(|pattern| pattern.untold).max().unwrap_or(0);
        Self { id, with, out_of, with_in_both, counts, shared, untold }
    }

    /// The entries that are tested alone: those of several with enough requests in both runs. One alone is told by the counts of all.
    fn tested(&self, rules: &ComparisonRules) -> impl Iterator<Item = &SharedEntry<'a>> {
        let least = rules.min_requests;
        let is_enough = move |entry: &&SharedEntry<'_>| entry.out_of.iter().all(|&requests| requests >= least);
        self.shared.iter().filter(move |_| self.shared.len() > 1).filter(is_enough)
    }

    fn verdict(
        &self,
        patterns: [&BTreeMap<String, PatternSeen>; 2],
        rules: &ComparisonRules,
        levels: &Levels,
    ) -> Verdict {
        let (status, reason) = self.status(patterns, rules, levels);
        let rate = |run: usize| (self.out_of[run] > 0).then(|| self.with[run] as f64 * 1e3 / self.out_of[run] as f64);
        Verdict { status, reason, old_rate: rate(0), new_rate: rate(1) }
    }

    fn status(
        &self,
        patterns: [&BTreeMap<String, PatternSeen>; 2],
        rules: &ComparisonRules,
        levels: &Levels,
    ) -> (Status, String) {
        let [old, new] = self.with;
        if old == 0 && self.out_of[0] < rules.min_requests {
            return match self.out_of[0] {
                0 => (Status::UnseenEntry, "no request of its entries was in the baseline".to_owned()),
                few => {
                    let requests = units::counted(few, "request");
                    (Status::UnseenEntry, format!("only {requests} of its entries in the baseline"))
                }
            };
        }
        if new == 0 && self.out_of[1] == 0 {
            return (Status::NotExercised, "no request of its entries is in the new run".to_owned());
        }
        let Some(counts) = self.counts else {
            return (Status::UnseenEntry, "none of its entries is in both runs".to_owned());
        };
        // What most of its requests came in by was not there: that it is also seen elsewhere decides nothing.
        let elsewhere = new - self.with_in_both[1];
        let differs = counts.p_value_where_none(self.untold) < levels.of_patterns;
        let [of_old, of_new] = [0, 1].map(|run| seen_in(self.with[run], self.out_of[run]));
        let seen = format!("in {of_new} of its entries; {of_old} before");
        if old == 0 || new == 0 {
            let changed = if old == 0 { Status::New } else { Status::Gone };
            let at_one = || {
                let differs = |entry: &&SharedEntry<'_>| {
                    entry.counts.old + entry.counts.new > 0
                        && entry.counts.p_value_where_none(self.untold) < levels.of_entries
                };
                self.tested(rules).filter(differs).max_by_key(|entry| entry.counts.new.max(entry.counts.old))
            };
            if differs {
                return (changed, seen);
            }
            if let Some(entry) = at_one() {
                return (changed, entry.reason());
            }
            if old == 0 && elsewhere > self.with_in_both[1] {
                let reason = "most of its requests came in by entries that were not in the baseline";
                return (Status::UnseenEntry, reason.to_owned());
            }
            let untold = match self.untold {
                0 => String::new(),
                untold => {
                    let run = if old == 0 { "the baseline" } else { "the new run" };
                    format!(", and up to {} in {run} would not have been told", units::count(untold))
                }
            };
            return (Status::Same, format!("{seen}{untold}: may be chance"));
        }
        let by_rate = if differs { by_ratio(counts.ratio(), rules) } else { Status::Same };
        let (by_rate, of_rate) = self.by_entries(by_rate, seen.clone(), rules, levels);
        let (by_impact, of_impact) = self.by_impact(patterns, rules).unwrap_or((Status::Same, String::new()));
        let status = by_rate.min(by_impact);
        let reasons = [(by_rate, of_rate), (by_impact, of_impact)];
        let told: Vec<String> =
            reasons.into_iter().filter(|(by, _)| *by != Status::Same).map(|(_, reason)| reason).collect();
        (status, if told.is_empty() { seen } else { told.join("; ") })
    }

    /// What rates say, where those of all entries together say `of_all`, for the reason `seen`. What became worse at one entry is not
    /// made good by another, where it became better or stayed as frequent as it was.
    fn by_entries(&self, of_all: Status, seen: String, rules: &ComparisonRules, levels: &Levels) -> (Status, String) {
        let changed = |wanted: Status| {
            let differs = |entry: &&SharedEntry<'_>| {
                entry.counts.p_value() < levels.of_entries && by_ratio(entry.counts.ratio(), rules) == wanted
            };
            self.tested(rules).filter(differs).max_by_key(|entry| entry.difference())
        };
        if of_all != Status::Worse
            && let Some(entry) = changed(Status::Worse)
        {
            return (Status::Worse, entry.reason());
        }
        if of_all == Status::Same
            && let Some(entry) = changed(Status::Better)
        {
            return (Status::Better, entry.reason());
        }
        // Where entries are used more or less than before, the sums may say the reverse of what each of them does.
        let [old, new] = [0, 1].map(|run| self.with[run] as f64 / self.out_of[run].max(1) as f64);
        let contradicts = (of_all == Status::Worse && new <= old) || (of_all == Status::Better && new >= old);
        let of_same = self.shared.iter().filter(|entry| by_ratio(entry.counts.ratio(), rules) == of_all);
        match of_same.max_by_key(|entry| entry.difference()).filter(|_| contradicts) {
            Some(entry) => (of_all, entry.reason()),
            None => (of_all, seen),
        }
    }

    /// What the impact on single requests says, if there are enough of them. Requests of an entry are compared with those of the same:
    /// they may cost more than others, and that there are more of them makes nothing worse.
    fn by_impact(
        &self,
        patterns: [&BTreeMap<String, PatternSeen>; 2],
        rules: &ComparisonRules,
    ) -> Option<(Status, String)> {
        let [old, new] = [patterns[0].get(self.id)?, patterns[1].get(self.id)?];
        let least = rules.min_requests;
        let by_entry = |of: &PatternSeen| of.of_entries.values().all(|seen| seen.impact.is_some());
        let has_many = |of: &PatternSeen| of.of_entries.values().any(|seen| seen.requests >= least);
        // Of few requests by each entry all together have to do, and of a run that has not recorded more.
        if !(by_entry(old) && by_entry(new)) || !(has_many(old) || has_many(new)) {
            (old.requests.min(new.requests) >= least).then_some(())?;
            return changed_impact(old.impact, new.impact, rules);
        }
        let of_entry = |name: &'a EntryName| {
            let [old, new] = [old.of_entries.get(name)?, new.of_entries.get(name)?];
            (old.requests.min(new.requests) >= least).then_some(())?;
            Some((name, old.impact?, new.impact?))
        };
        let of_entries = self.shared.iter().filter_map(|entry| of_entry(entry.name));
        let is_only = self.shared.len() == 1 && old.of_entries.len() == 1 && new.of_entries.len() == 1;
        let changed = of_entries.filter_map(|(name, old, new)| {
            let (status, reason) = changed_impact(old, new, rules)?;
            let reason = if is_only { reason } else { format!("at {} {} {reason}", name.service, name.operation) };
            Some((status, new.p50_ns.abs_diff(old.p50_ns), reason))
        });
        let (status, _, reason) =
            changed.min_by_key(|&(status, difference, _)| (status, std::cmp::Reverse(difference)))?;
        Some((status, reason))
    }
}

/// What a rate became that is so many times the one before.
fn by_ratio(ratio: f64, rules: &ComparisonRules) -> Status {
    if ratio >= rules.min_ratio {
        Status::Worse
    } else if ratio * rules.min_ratio <= 1.0 {
        Status::Better
    } else {
        Status::Same
    }
}

/// What the impact on a request became, and why that is said; none if it is what it was, but for chance.
fn changed_impact(old: ImpactSeen, new: ImpactSeen, rules: &ComparisonRules) -> Option<(Status, String)> {
    if new.p50_ns.abs_diff(old.p50_ns) <= old.mad_ns.max(new.mad_ns).unsigned_abs() {
        return None;
    }
    // Where impacts are of two sizes, the median of few jumps from one to the other by chance, and the MAD does not tell.
    let (Some((old_low, old_high)), Some((new_low, new_high))) = (old.bounds_ns, new.bounds_ns) else { return None };
    if old_high >= new_low && new_high >= old_low {
        return None;
    }
    let [old_ns, new_ns] = [old.p50_ns as f64, new.p50_ns as f64];
    let status = if new_ns >= rules.min_ratio * old_ns {
        Status::Worse
    } else if old_ns >= rules.min_ratio * new_ns {
        Status::Better
    } else {
        return None;
    };
    let [old, new] = [old.p50_ns, new.p50_ns].map(units::duration);
    Some((status, format!("median impact on a request {new}, {old} before")))
}

fn seen_in(with: u64, out_of: u64) -> String {
    format!("{} of {}", units::count(with), units::counted(out_of, "request"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: &str) -> EntryName {
        EntryName { kind: "root".to_owned(), service: "web".to_owned(), operation: operation.to_owned() }
    }

    /// An impact of median and MAD in ms.
    fn impact_of((median, mad): (i64, i64)) -> ImpactSeen {
        let p50_ns = median * 1_000_000;
        ImpactSeen { p50_ns, mad_ns: mad * 1_000_000, bounds_ns: Some((p50_ns, p50_ns)) }
    }

    /// A run of one pattern: (operation, requests, requests with the pattern) of each entry, median impact and MAD in ms.
    fn run(entries: &[(&str, u64, u64)], impact: (i64, i64)) -> RunSeen {
        let of_entries = entries.iter().filter(|(_, _, with)| *with > 0);
        let impact = impact_of(impact);
        let seen = PatternSeen {
            of_entries: of_entries
                .map(|&(operation, _, with)| (entry(operation), EntrySeen { requests: with, impact: Some(impact) }))
                .collect(),
            requests: entries.iter().map(|(_, _, with)| with).sum(),
            untold: 0,
            impact,
        };
        RunSeen {
            requests: entries.iter().map(|&(operation, all, _)| (entry(operation), all)).collect(),
            patterns: (seen.requests > 0).then(|| ("1".to_owned(), seen)).into_iter().collect(),
        }
    }

    fn status(old: &RunSeen, new: &RunSeen) -> Status {
        verdicts(old, new, &ComparisonRules::default())["1"].status
    }

    /// Nine of a thousand that a detector did not tell may have been there.
    #[test]
    fn what_may_not_have_been_told_is_not_new() {
        let none = run(&[("a", 1_000, 0)], (5, 0));
        for (with, untold, is_told) in [(20, 0, true), (20, 9, false), (40, 9, true), (9, 9, false), (40, 900, false)] {
            let mut some = run(&[("a", 1_000, with)], (5, 0));
            some.patterns.values_mut().for_each(|pattern| pattern.untold = untold);
            let [appeared, vanished] = [status(&none, &some), status(&some, &none)];
            let expected = if is_told { [Status::New, Status::Gone] } else { [Status::Same; 2] };
            assert_eq!([appeared, vanished], expected, "{with} {untold}");
        }
    }

    /// Every status by counts, each beside what just misses it.
    #[test]
    fn counts_decide() {
        use Status::*;
        type Entries = &'static [(&'static str, u64, u64)];
        let cases: &[(&str, Entries, Entries, Status)] = &[
            ("8 of 100 are beyond chance", &[("a", 100, 0)], &[("a", 100, 8)], New),
            ("7 of 100 are not", &[("a", 100, 0)], &[("a", 100, 7)], Same),
            ("20 requests are enough to tell", &[("a", 20, 0)], &[("a", 20, 20)], New),
            ("19 are not", &[("a", 19, 0)], &[("a", 19, 19)], UnseenEntry),
            ("what nobody did is not new", &[("b", 1000, 0)], &[("a", 1000, 900)], UnseenEntry),
            ("more traffic is not new", &[("a", 100, 0)], &[("a", 10_000, 8)], Same),
            ("most comes in where nobody came before", &[("a", 100, 0)], &[("a", 100, 3), ("b", 100, 90)], UnseenEntry),
            ("but what is new at a known entry is new", &[("a", 100, 0)], &[("a", 100, 30), ("b", 100, 90)], New),
            ("the reverse of new", &[("a", 100, 8)], &[("a", 100, 0)], Gone),
            ("and what may be chance", &[("a", 100, 7)], &[("a", 100, 0)], Same),
            ("nobody came by any more", &[("a", 100, 90)], &[("b", 100, 0)], NotExercised),
            ("fewer came by", &[("a", 10_000, 100)], &[("a", 30, 0)], Same),
            ("three times the rate", &[("a", 1000, 20)], &[("a", 1000, 60)], Worse),
            ("a third", &[("a", 1000, 60)], &[("a", 1000, 20)], Better),
            ("twice the rate of few", &[("a", 1000, 10)], &[("a", 1000, 20)], Same),
            ("surely more, but not by half", &[("a", 100_000, 10_000)], &[("a", 100_000, 14_000)], Same),
            ("by half", &[("a", 100_000, 10_000)], &[("a", 100_000, 15_000)], Worse),
            ("three times the requests", &[("a", 1000, 20)], &[("a", 3000, 60)], Same),
            (
                "an entry that always had it is used more",
                &[("a", 100, 50), ("b", 100_000, 100)],
                &[("a", 300, 150), ("b", 100_000, 100)],
                Same,
            ),
            (
                "an entry that was not there has it too",
                &[("a", 1000, 100)],
                &[("a", 1000, 100), ("b", 99_000, 1)],
                Same,
            ),
            ("it has moved", &[("a", 100, 50)], &[("b", 100, 50)], UnseenEntry),
            (
                "it has moved to an entry that was there",
                &[("a", 1000, 100), ("b", 1000, 0)],
                &[("a", 1000, 0), ("b", 1000, 100)],
                Worse,
            ),
            (
                "what one entry has more of is little beside another",
                &[("a", 10_000, 5_000), ("b", 1000, 0)],
                &[("a", 10_000, 5_000), ("b", 1000, 300)],
                Worse,
            ),
            (
                "the same of less",
                &[("a", 10_000, 5_000), ("b", 1000, 300)],
                &[("a", 10_000, 5_000), ("b", 1000, 0)],
                Better,
            ),
            (
                "an entry of few requests tells nothing",
                &[("a", 10_000, 5_000), ("b", 19, 0)],
                &[("a", 10_000, 5_000), ("b", 1000, 900)],
                Same,
            ),
            (
                "better in all, worse in one",
                &[("a", 1000, 900), ("b", 1000, 5)],
                &[("a", 1000, 90), ("b", 1000, 95)],
                Worse,
            ),
        ];
        for (name, old, new, expected) in cases {
            assert_eq!(status(&run(old, (0, 0)), &run(new, (0, 0))), *expected, "{name}");
        }
    }

    /// What a pattern costs is compared where 20 requests have it in both runs.
    #[test]
    fn impacts_decide() {
        let run = |requests, impact| run(&[("a", 1000, requests)], impact);
        for (name, old, new, expected) in [
            ("by half", run(20, (10, 2)), run(20, (15, 4)), Status::Worse),
            ("by less", run(20, (100, 2)), run(20, (149, 4)), Status::Same),
            ("within the spread of either", run(20, (10, 2)), run(20, (15, 5)), Status::Same),
            ("too few", run(19, (10, 2)), run(25, (40, 2)), Status::Same),
            ("the reverse", run(20, (15, 4)), run(20, (10, 2)), Status::Better),
            ("from nothing", run(20, (0, 0)), run(20, (1, 0)), Status::Worse),
            ("nothing at all", run(20, (0, 0)), run(20, (0, 0)), Status::Same),
            ("rarer, but dearer", run(100, (10, 1)), run(20, (30, 1)), Status::Worse),
        ] {
            assert_eq!(status(&old, &new), expected, "{name}");
        }
    }

    /// What the median of few may be by chance is no change.
    #[test]
    fn medians_that_may_be_the_same_do_not_differ() {
        let with = |median, bounds| {
            let mut run = run(&[("a", 1000, 20)], (median, 0));
            let pattern = run.patterns.get_mut("1").unwrap();
            pattern.impact.bounds_ns = bounds;
            pattern.of_entries.values_mut().for_each(|seen| seen.impact = Some(pattern.impact));
            run
        };
        for (old, new, expected) in [
            (Some((0, 10)), Some((11, 20)), Status::Worse),
            (Some((0, 11)), Some((11, 20)), Status::Same),
            (Some((0, 30)), Some((11, 20)), Status::Same),
            (None, Some((11, 20)), Status::Same),
            (Some((0, 10)), None, Status::Same),
        ] {
            assert_eq!(status(&with(5, old), &with(15, new)), expected, "{old:?} {new:?}");
        }
        assert_eq!(status(&with(15, Some((11, 20))), &with(5, Some((0, 10)))), Status::Better);
    }

    /// Requests of one entry cost more than those of another: that there are more of them makes no pattern dearer.
    #[test]
    fn impacts_are_compared_entry_by_entry() {
        let run = |entries: &[(&str, u64, (i64, i64))], of_all: (i64, i64)| {
            let counts: Vec<(&str, u64, u64)> = entries.iter().map(|&(name, with, _)| (name, with * 2, with)).collect();
            let mut run = run(&counts, of_all);
            let pattern = run.patterns.get_mut("1").unwrap();
            for &(name, _, impact) in entries {
                pattern.of_entries.get_mut(&entry(name)).unwrap().impact = Some(impact_of(impact));
            }
            run
        };
        let old = run(&[("a", 900, (27, 1)), ("b", 100, (87, 1))], (27, 1));
        let other_mix = run(&[("a", 100, (27, 1)), ("b", 900, (87, 1))], (87, 1));
        assert_eq!(status(&old, &other_mix), Status::Same);
        assert_eq!(status(&other_mix, &old), Status::Same);
        let dearer = run(&[("a", 900, (27, 1)), ("b", 100, (260, 1))], (27, 1));
        let verdict = &verdicts(&old, &dearer, &ComparisonRules::default())["1"];
        assert_eq!(verdict.status, Status::Worse);
        assert_eq!(verdict.reason, "at web b median impact on a request 260 ms, 87 ms before");
        assert_eq!(status(&dearer, &old), Status::Better);
        let few = run(&[("a", 900, (27, 1)), ("b", 19, (260, 1))], (27, 1));
        assert_eq!(status(&old, &few), Status::Same, "19 tell nothing");
        // What comes in by an entry that was not there is compared with nothing.
        let one = run(&[("a", 100, (27, 1))], (27, 1));
        assert_eq!(status(&one, &run(&[("a", 100, (27, 1)), ("b", 900, (87, 1))], (87, 1))), Status::Same);
        let [mostly_a, mostly_b] = [
            run(&[("a", 900, (27, 1)), ("b", 19, (87, 1))], (27, 1)),
            run(&[("a", 19, (27, 1)), ("b", 900, (87, 1))], (87, 1)),
        ];
        assert_eq!(status(&mostly_a, &mostly_b), Status::Same);
    }

    /// Where entries are used more or less than before, sums may say the reverse of what each of them does.
    #[test]
    fn reasons_agree_with_what_they_are_for() {
        let old = run(&[("a", 1000, 500), ("b", 1000, 10)], (0, 0));
        let new = run(&[("a", 100, 90), ("b", 10_000, 1_000)], (0, 0));
        let verdict = &verdicts(&old, &new, &ComparisonRules::default())["1"];
        assert_eq!(verdict.status, Status::Worse);
        assert_eq!(verdict.reason, "at web b in 1,000 of 10,000 requests; 10 of 1,000 requests before");
        let only_a = verdicts(
            &run(&[("a", 1000, 20), ("b", 1000, 900)], (0, 0)),
            &run(&[("a", 1000, 60)], (0, 0)),
            &ComparisonRules::default(),
        );
        assert_eq!(only_a["1"].status, Status::Worse);
        assert_eq!(only_a["1"].reason, "at web a in 60 of 1,000 requests; 20 of 1,000 requests before");
    }

    #[test]
    fn rates_are_of_a_thousand_requests_of_the_entries() {
        let old = run(&[("a", 1000, 20), ("b", 1000, 0)], (0, 0));
        let new = run(&[("a", 1000, 60), ("b", 1000, 60)], (0, 0));
        let verdict = &verdicts(&old, &new, &ComparisonRules::default())["1"];
        assert_eq!((verdict.old_rate, verdict.new_rate), (Some(10.0), Some(60.0)));
        assert_eq!(verdict.reason, "in 120 of 2,000 requests of its entries; 20 of 2,000 requests before");
        let nowhere = &verdicts(&run(&[], (0, 0)), &new, &ComparisonRules::default())["1"];
        assert_eq!((nowhere.old_rate, nowhere.new_rate), (None, Some(60.0)));
    }

    /// Of a thousand patterns that do not differ, some have counts that one alone would not have by chance.
    #[test]
    fn many_patterns_are_tested_more_strictly() {
        let with = |id: usize, requests: u64| {
            (
                id.to_string(),
                PatternSeen {
                    of_entries: [(entry("a"), EntrySeen { requests, impact: None })].into(),
                    requests,
                    ..PatternSeen::default()
                },
            )
        };
        let all = |first: u64| RunSeen {
            requests: [(entry("a"), 1000)].into(),
            patterns: (2..1000).map(|id| with(id, 20)).chain([with(1, first)]).collect(),
        };
        let status = |old, new| verdicts(&all(old), &all(new), &ComparisonRules::default())["1"].status;
        assert_eq!(status(10, 30), Status::Same, "0.002 is nothing among 1,000");
        assert_eq!(status(10, 60), Status::Worse);
    }
}
