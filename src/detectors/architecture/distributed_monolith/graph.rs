//! Small graphs: what hangs together, what goes around, and the shortest way around.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Sets of nodes that links connect, each in order; sets in the order of their first nodes.
pub(super) fn components<N: Copy + Ord>(links: impl IntoIterator<Item = (N, N)>) -> Vec<BTreeSet<N>> {
    let mut neighbours: BTreeMap<N, BTreeSet<N>> = BTreeMap::new();
    for (left, right) in links {
        neighbours.entry(left).or_default().insert(right);
        neighbours.entry(right).or_default().insert(left);
    }
    let mut known: BTreeSet<N> = BTreeSet::new();
    let mut components = Vec::new();
    for &node in neighbours.keys() {
        if known.contains(&node) {
            continue;
        }
        let (mut component, mut waiting) = (BTreeSet::new(), vec![node]);
        while let Some(node) = waiting.pop() {
            if component.insert(node) {
                waiting.extend(&neighbours[&node]);
            }
        }
        known.extend(&component);
        components.push(component);
    }
    components
}

/// Who is reached from whom by how many calls.
pub(super) type Edges<N> = BTreeMap<N, BTreeMap<N, u64>>;

/// Strongly connected components of two nodes or more, each in order (R. Tarjan, "Depth-First Search and Linear Graph Algorithms",
/// 1972; with a stack of its own, since a chain of services may be long).
pub(super) fn cycles<N: Copy + Ord>(edges: &Edges<N>) -> Vec<BTreeSet<N>> {
    let nothing = BTreeMap::new();
    let next_of = |node: &N| edges.get(node).unwrap_or(&nothing);
    let mut index: BTreeMap<N, usize> = BTreeMap::new();
    let mut low: BTreeMap<N, usize> = BTreeMap::new();
    let (mut stack, mut on_stack) = (Vec::new(), BTreeSet::new());
    let mut found = Vec::new();
    for &root in edges.keys() {
        if index.contains_key(&root) {
            continue;
        }
        let mut visits = vec![(root, next_of(&root).keys())];
        index.insert(root, index.len());
        low.insert(root, index[&root]);
        stack.push(root);
        on_stack.insert(root);
        while let Some((node, next)) = visits.last_mut() {
            let node = *node;
            if let Some(&target) = next.next() {
                if let Some(&known) = index.get(&target) {
                    if on_stack.contains(&target) {
                        low.insert(node, low[&node].min(known));
                    }
                } else {
                    let number = index.len();
                    index.insert(target, number);
                    low.insert(target, number);
                    stack.push(target);
                    on_stack.insert(target);
                    visits.push((target, next_of(&target).keys()));
                }
                continue;
            }
            visits.pop();
            if let Some((above, _)) = visits.last() {
                low.insert(*above, low[above].min(low[&node]));
            }
            if low[&node] == index[&node] {
                let mut component = BTreeSet::new();
                while let Some(member) = stack.pop() {
                    on_stack.remove(&member);
                    component.insert(member);
                    if member == node {
                        break;
                    }
                }
                if component.len() > 1 {
                    found.push(component);
                }
            }
        }
    }
    found.sort();
    found
}

/// The shortest way around within `nodes`, of those the one with most calls, of those the one whose nodes are smaller; it begins at
/// its smallest node, which is told again at its end.
pub(super) fn shortest_cycle<N: Copy + Ord>(edges: &Edges<N>, nodes: &BTreeSet<N>) -> Vec<N> {
    let mut best: Option<(usize, std::cmp::Reverse<u64>, Vec<N>)> = None;
    for &start in nodes {
        // Of nodes at one distance, the busiest way to each: all ways there have the same length.
        let mut ways: BTreeMap<N, (usize, u64, Vec<N>)> = BTreeMap::from([(start, (0, 0, vec![start]))]);
        let mut waiting = VecDeque::from([start]);
        while let Some(node) = waiting.pop_front() {
            let (length, calls, way) = ways[&node].clone();
            for (&target, &of_edge) in edges.get(&node).into_iter().flatten() {
                // Ways around begin at their smallest node, so that each is found once.
                if target == start {
                    let around = (length + 1, std::cmp::Reverse(calls + of_edge), [&way[..], &[start]].concat());
                    best = Some(best.map_or(around.clone(), |best| best.min(around)));
                } else if target > start && nodes.contains(&target) {
                    let longer = (length + 1, calls + of_edge, [&way[..], &[target]].concat());
                    match ways.get(&target) {
                        None => {
                            ways.insert(target, longer);
                            waiting.push_back(target);
                        }
                        Some((known, of_known, way))
                            if *known == longer.0
                                && (*of_known < longer.1 || *of_known == longer.1 && *way > longer.2) =>
                        {
                            ways.insert(target, longer);
                        }
                        Some(_) => {}
                    }
                }
            }
        }
    }
    best.map_or(Vec::new(), |(_, _, way)| way)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(text: &str) -> Edges<char> {
        let mut edges = Edges::new();
        for edge in text.split_whitespace() {
            let letters: Vec<char> = edge.chars().collect();
            let calls = edge[2..].parse().unwrap_or(1);
            edges.entry(letters[0]).or_default().insert(letters[1], calls);
        }
        edges
    }

    fn text(sets: &[BTreeSet<char>]) -> String {
        sets.iter().map(|set| set.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn links_connect() {
        for (links, expected) in [("ab bc de", "abc de"), ("ca cb", "abc"), ("aa", "a"), ("", "")] {
            let links =
                links.split_whitespace().map(|link| (link.chars().next().unwrap(), link.chars().last().unwrap()));
            assert_eq!(text(&components(links)), expected);
        }
    }

    #[test]
    fn what_goes_around_is_found() {
        for (graph, expected) in [
            ("ab bc", ""),
            ("ab ba", "ab"),
            ("ab bc ca cd", "abc"),
            ("ab ba bc cd dc", "ab cd"),
            ("ab bc cb ca", "abc"),
            ("za ab bc ca ad de ed", "abc de"),
            ("aa ab", ""),
        ] {
            assert_eq!(text(&cycles(&edges(graph))), expected, "{graph}");
        }
    }

    #[test]
    fn the_shortest_way_around_is_told() {
        for (graph, expected) in [
            ("ab bc ca", "abca"),
            ("bc ca ab", "abca"),
            ("ab bc ca cb", "bcb"),
            ("ab5 ba5 ac9 ca9", "aca"),
            ("ab1 bd1 ac9 cd9 da1", "acda"),
            ("ab2 ba2 cd2 dc2 bc1 cb1", "aba"),
            ("ab bc", ""),
        ] {
            let edges = edges(graph);
            let nodes: BTreeSet<char> =
                edges.iter().flat_map(|(node, next)| next.keys().chain([node])).copied().collect();
            assert_eq!(shortest_cycle(&edges, &nodes).into_iter().collect::<String>(), expected, "{graph}");
        }
    }

    /// A long chain is no deep recursion.
    #[test]
    fn long_ways_around_are_found() {
        let count = 20_000u32;
        let edges: Edges<u32> = (0..count).map(|node| (node, BTreeMap::from([((node + 1) % count, 1)]))).collect();
        assert_eq!(cycles(&edges)[0].len(), count as usize);
    }
}
