//! Which services are deployed together, as the versions tell that traces show.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::components;

/// A new version of a service: never the first one of the input.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Deployment<S> {
    service: S,
    /// When it was seen first, in ns since 1970.
    time: i64,
}

/// Families of which as many that change together are one deployment.
const MIN_FAMILIES: usize = 3;

/// Pairs of services, in order.
pub(super) type Pairs<S> = BTreeMap<[S; 2], u64>;

/// In how many joint deployments pairs of services changed side by side. `first_seen` tells when each version of a service was
/// seen first; `are_linked` whether two services call each other or share a table. Linked services that change within `window_ns`
/// hang together; what hangs together is one deployment if it is of at least three families.
pub(super) fn joint_deployments<S: Copy + Ord, F: Ord>(
    first_seen: impl IntoIterator<Item = (S, i64)>,
    window_ns: i64,
    are_linked: impl Fn(S, S) -> bool,
    family: impl Fn(S) -> F,
) -> Pairs<S> {
    let mut of_services: BTreeMap<S, Vec<i64>> = BTreeMap::new();
    for (service, time) in first_seen {
        of_services.entry(service).or_default().push(time);
    }
    let mut deployments: Vec<Deployment<S>> = Vec::new();
    for (service, mut times) in of_services {
        times.sort_unstable();
        deployments.extend(times.into_iter().skip(1).map(|time| Deployment { service, time }));
    }
    deployments.sort_unstable_by_key(|deployment| (deployment.time, deployment.service));
    let mut links = Vec::new();
    for (place, deployment) in deployments.iter().enumerate() {
        let in_window = |other: &&Deployment<S>| other.time.saturating_sub(deployment.time) <= window_ns;
        for other in deployments[place + 1..].iter().take_while(in_window) {
            if other.service != deployment.service && are_linked(deployment.service, other.service) {
                links.push((*deployment, *other));
            }
        }
    }
    let mut pairs = Pairs::new();
    for joint in components(links.iter().copied()) {
        let families: BTreeSet<F> = joint.iter().map(|deployment| family(deployment.service)).collect();
        if families.len() < MIN_FAMILIES {
            continue;
        }
        let of_joint = links.iter().filter(|(left, _)| joint.contains(left));
        let side_by_side: BTreeSet<[S; 2]> =
            of_joint.map(|(left, right)| [left.service.min(right.service), left.service.max(right.service)]).collect();
        side_by_side.into_iter().for_each(|pair| *pairs.entry(pair).or_default() += 1);
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Services are letters, versions are written as the minutes in which they were seen first; links are pairs of letters; upper
    /// case letters are of the family of the lower case one.
    #[test]
    fn what_changes_together_is_deployed_together() {
        for (first_seen, links, expected) in [
            ("a0 a100 b0 b105 c0 c109", "ab bc", "ab1 bc1"),
            ("a0 a100 b0 b105 c0 c115", "ab bc", "ab1 bc1"),
            ("a0 a100 b0 b105 c0 c116", "ab bc", ""),
            ("a0 a100 b0 b105 c0 c105", "ab", ""),
            ("a0 a100 b0 b105", "ab", ""),
            ("a0 a100 b0 b105 A0 A105", "ab bA", ""),
            ("a0 b0 c0", "ab bc", ""),
            ("a100 b100 c100", "ab bc", ""),
            ("a0 a100 a200 b0 b105 b205 c0 c109 c209 d0 d209", "ab bc ca cd", "ab2 ac2 bc2 cd1"),
        ] {
            let version = |word: &str| (word.chars().next().unwrap(), word[1..].parse::<i64>().unwrap());
            let are_linked =
                |left: char, right: char| links.split(' ').any(|link| link.contains(left) && link.contains(right));
            let pairs = joint_deployments(first_seen.split(' ').map(version), 10, are_linked, |service: char| {
                service.to_ascii_lowercase()
            });
            let text = pairs.iter().map(|([left, right], count)| format!("{left}{right}{count}")).collect::<Vec<_>>();
            assert_eq!(text.join(" "), expected, "{first_seen} {links}");
        }
    }
}
