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
    /// Probability that any pattern of two runs that do not differ is said to have changed its rate.
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
    /// Requests with the pattern, by entry.
    pub(crate) requests_of_entries: BTreeMap<EntryName, u64>,
    /// Requests with the pattern.
    pub(crate) requests: u64,
    /// In how many requests the other run may have it and its detector is silent, because they are too few.
    pub(crate) untold: u64,
    /// Median of its impact in each of these, in ns.
    pub(crate) impact_p50_ns: i64,
    /// Median of the distances from that, in ns.
    pub(crate) impact_mad_ns: i64,
    /// Between which values, in ns, that median lies but for chance; none if there are too few requests to tell.
    pub(crate) impact_bounds_ns: Option<(i64, i64)>,
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
    let level = level_of_each(compared.iter().filter_map(|(_, exposure)| exposure.counts.as_ref()), rules.chance);
    let compared = compared.into_iter();
    compared
        .map(|(id, exposure)| (id.clone(), exposure.verdict([&old.patterns, &new.patterns], rules, level)))
        .collect()
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
    /// In how many requests it may be in a run that does not have it.
    untold: u64,
}

impl<'a> Exposure<'a> {
    fn new(id: &'a str, old: &RunSeen, new: &RunSeen) -> Self {
        let patterns = [old.patterns.get(id), new.patterns.get(id)];
        let of_entry = |run: usize, entry: &EntryName| {
            patterns[run].and_then(|pattern| pattern.requests_of_entries.get(entry)).copied().unwrap_or(0)
        };
        let entries: BTreeSet<&EntryName> =
            patterns.iter().flatten().flat_map(|pattern| pattern.requests_of_entries.keys()).collect();
        let (mut with, mut out_of, mut with_in_both) = ([0; 2], [0; 2], [0; 2]);
        // Each request with the pattern could as well have been in either run, in proportion to the requests of its own entry:
        // that one entry is used more than before makes nothing worse.
        let mut expected_new = 0.0;
        for entry in entries {
            let requests = [old.requests_of(entry), new.requests_of(entry)];
            for run in 0..2 {
                with[run] += of_entry(run, entry);
                out_of[run] += requests[run];
            }
            if requests.iter().all(|&requests| requests > 0) {
                let all = requests[0] + requests[1];
                let own = [of_entry(0, entry), of_entry(1, entry)];
                expected_new += (own[0] + own[1]) as f64 * (requests[1] as f64 / all as f64);
                with_in_both[0] += own[0];
                with_in_both[1] += own[1];
            }
        }
        let in_both = with_in_both[0] + with_in_both[1];
        let counts = (in_both > 0).then(|| Counts {
            old: with_in_both[0],
            new: with_in_both[1],
            expected_new_share: expected_new / in_both as f64,
        });
        let untold = patterns.iter().flatten().map(|pattern| pattern.untold).max().unwrap_or(0);
        Self { id, with, out_of, with_in_both, counts, untold }
    }

    fn verdict(&self, patterns: [&BTreeMap<String, PatternSeen>; 2], rules: &ComparisonRules, level: f64) -> Verdict {
        let (status, reason) = self.status(patterns, rules, level);
        let rate = |run: usize| (self.out_of[run] > 0).then(|| self.with[run] as f64 * 1e3 / self.out_of[run] as f64);
        Verdict { status, reason, old_rate: rate(0), new_rate: rate(1) }
    }

    fn status(
        &self,
        patterns: [&BTreeMap<String, PatternSeen>; 2],
        rules: &ComparisonRules,
        level: f64,
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
        let differs = counts.p_value_where_none(self.untold) < level;
        let [of_old, of_new] = [self.seen_in(0), self.seen_in(1)];
        let seen = format!("in {of_new} of its entries; {of_old} before");
        if old == 0 {
            return match differs {
                true => (Status::New, seen),
                false if elsewhere > self.with_in_both[1] => (
                    Status::UnseenEntry,
                    "most of its requests came in by entries that were not in the baseline".to_owned(),
                ),
                false => (Status::Same, format!("{seen}: may be chance")),
            };
        }
        if new == 0 {
            return match differs {
                true => (Status::Gone, seen),
                false => (Status::Same, format!("{seen}: may be chance")),
            };
        }
        let ratio = counts.ratio();
        let by_rate = if !differs {
            Status::Same
        } else if ratio >= rules.min_ratio {
            Status::Worse
        } else if ratio * rules.min_ratio <= 1.0 {
            Status::Better
        } else {
            Status::Same
        };
        let impact = self.impact(patterns, rules);
        let of_impact = |impact: Option<(Status, String)>| impact.unwrap_or((Status::Same, String::new()));
        let (by_impact, impact) = of_impact(impact);
        let status = by_rate.min(by_impact);
        let reasons = [(by_rate, seen.clone()), (by_impact, impact)];
        let told: Vec<String> =
            reasons.into_iter().filter(|(by, _)| *by != Status::Same).map(|(_, reason)| reason).collect();
        (status, if told.is_empty() { seen } else { told.join("; ") })
    }

    /// What the impact on single requests says, if there are enough of them.
    fn impact(
        &self,
        patterns: [&BTreeMap<String, PatternSeen>; 2],
        rules: &ComparisonRules,
    ) -> Option<(Status, String)> {
        let [old, new] = [patterns[0].get(self.id)?, patterns[1].get(self.id)?];
        if old.requests.min(new.requests) < rules.min_requests {
            return None;
        }
        let difference = new.impact_p50_ns.abs_diff(old.impact_p50_ns);
        if difference <= old.impact_mad_ns.max(new.impact_mad_ns).unsigned_abs() {
            return None;
        }
        // Where impacts are of two sizes, the median of few jumps from one to the other by chance, and the MAD does not tell.
        let (Some((old_low, old_high)), Some((new_low, new_high))) = (old.impact_bounds_ns, new.impact_bounds_ns)
        else {
            return None;
        };
        if old_high >= new_low && new_high >= old_low {
            return None;
        }
        let [old_ns, new_ns] = [old.impact_p50_ns as f64, new.impact_p50_ns as f64];
        let status = if new_ns >= rules.min_ratio * old_ns {
            Status::Worse
        } else if old_ns >= rules.min_ratio * new_ns {
            Status::Better
        } else {
            return None;
        };
        let [old, new] = [old.impact_p50_ns, new.impact_p50_ns].map(units::duration);
        Some((status, format!("median impact on a request {new}, {old} before")))
    }

    fn seen_in(&self, run: usize) -> String {
        let (with, out_of) = (units::count(self.with[run]), units::counted(self.out_of[run], "request"));
        format!("{with} of {out_of}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: &str) -> EntryName {
        EntryName { kind: "root".to_owned(), service: "web".to_owned(), operation: operation.to_owned() }
    }

    /// A run of one pattern: (operation, requests, requests with the pattern) of each entry, median impact and MAD in ms.
    fn run(entries: &[(&str, u64, u64)], impact: (i64, i64)) -> RunSeen {
        let of_entries = entries.iter().filter(|(_, _, with)| *with > 0);
        let seen = PatternSeen {
            requests_of_entries: of_entries.map(|&(operation, _, with)| (entry(operation), with)).collect(),
            requests: entries.iter().map(|(_, _, with)| with).sum(),
            untold: 0,
            impact_p50_ns: impact.0 * 1_000_000,
            impact_mad_ns: impact.1 * 1_000_000,
            impact_bounds_ns: Some((impact.0 * 1_000_000, impact.0 * 1_000_000)),
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
            run.patterns.get_mut("1").unwrap().impact_bounds_ns = bounds;
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
                    requests_of_entries: [(entry("a"), requests)].into(),
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
