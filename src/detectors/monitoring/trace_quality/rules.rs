//! The rules of instrumentation-score 0.1 that spans can show (<https://github.com/instrumentation-score/spec>).

/// A rule. The variants are in the order of their ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// Spans say which instance made them.
    Instance,
    /// An instance is in one place.
    Place,
    /// What runs in Kubernetes says in which pod.
    PodUid,
    /// Services have names.
    ServiceName,
    /// Traces do not show how a service works inside.
    Internal,
    /// Parents are there.
    Orphan,
    /// There are few names.
    Names,
    /// No call is a root.
    ClientRoot,
    /// There are few short spans.
    Short,
}

impl Rule {
    const ALL: [Self; 9] = [
        Self::Instance,
        Self::Place,
        Self::PodUid,
        Self::ServiceName,
        Self::Internal,
        Self::Orphan,
        Self::Names,
        Self::ClientRoot,
        Self::Short,
    ];

    /// Tells it from others among bits.
    pub(super) fn bit(self) -> u32 {
        1 << self as u32
    }

    fn id(self) -> &'static str {
        match self {
            Self::Instance => "RES-001",
            Self::Place => "RES-002",
            Self::PodUid => "RES-003",
            Self::ServiceName => "RES-005",
            Self::Internal => "SPA-001",
            Self::Orphan => "SPA-002",
            Self::Names => "SPA-003",
            Self::ClientRoot => "SPA-004",
            Self::Short => "SPA-005",
        }
    }

    fn weight(self) -> u32 {
        match self {
            Self::ServiceName => 40,
            Self::Place | Self::PodUid | Self::Names | Self::ClientRoot | Self::Short => 30,
            Self::Instance | Self::Internal | Self::Orphan => 20,
        }
    }
}

/// The ids of the rules with these bits.
pub(super) fn ids(failed: u32) -> Vec<String> {
    Rule::ALL.into_iter().filter(|rule| failed & rule.bit() != 0).map(|rule| rule.id().to_owned()).collect()
}

/// 100 without the share of the weights of the rules with these bits, rounded.
pub(super) fn score(failed: u32) -> i64 {
    let weights = |rules: &mut dyn Iterator<Item = Rule>| rules.map(Rule::weight).sum::<u32>();
    let all = weights(&mut Rule::ALL.into_iter());
    let of_failed = weights(&mut Rule::ALL.into_iter().filter(|rule| failed & rule.bit() != 0));
    (100.0 * (1.0 - f64::from(of_failed) / f64::from(all))).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_failed_rules_are_taken_off() {
        let all = Rule::ALL.into_iter().fold(0, |bits, rule| bits | rule.bit());
        for (failed, expected, names) in [
            (0, 100, ""),
            (Rule::Instance.bit(), 92, "RES-001"),
            (Rule::ServiceName.bit() | Rule::Instance.bit(), 76, "RES-001 RES-005"),
            (Rule::Names.bit() | Rule::ClientRoot.bit(), 76, "SPA-003 SPA-004"),
            (all, 0, "RES-001 RES-002 RES-003 RES-005 SPA-001 SPA-002 SPA-003 SPA-004 SPA-005"),
        ] {
            assert_eq!((score(failed), ids(failed).join(" ").as_str()), (expected, names));
        }
    }
}
