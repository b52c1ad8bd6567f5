//! Who calls whom, drawn in layers: callers on the left, what they call on the right of them.
//!
//! The layout is that of K. Sugiyama, S. Tagawa and M. Toda (1981) in short: edges that close a cycle are turned round, nodes
//! stand in the layer after their last caller, and within layers in the order of the mean of their neighbours' places.

use hashbrown::HashMap;

use crate::report::kinds::GraphEdge;
use crate::report::text::units;

use super::shown_text::shortened;

/// The map.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceMap {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    /// What is said of what is not drawn; may be empty.
    pub(super) left_out: String,
}

/// A service, or what stands behind one.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) kind: &'static str,
    pub(super) label: String,
    pub(super) title: String,
}

/// An edge.
#[derive(Clone, Debug, Default)]
pub(super) struct Edge {
    /// How it runs.
    pub(super) path: String,
    /// `fail` where calls failed, `async` where nobody waits.
    pub(super) classes: String,
    /// Widths of its line by calls, by failures and by time.
    pub(super) widths: [String; 3],
    pub(super) title: String,
    pub(super) caller: String,
    pub(super) target: String,
    pub(super) figures: [String; 4],
}

const MAX_NODES: usize = 48;
const MAX_EDGES: usize = 120;
pub(super) const NODE_WIDTH: usize = 160;
pub(super) const NODE_HEIGHT: usize = 28;
const LAYER: usize = 222;
const ROW: usize = 40;
const MARGIN: usize = 12;
const MAX_LABEL: usize = 22;
const SWEEPS: usize = 6;

type Name<'a> = (&'a str, &'static str);

impl ServiceMap {
    /// That of `edges`; none if there are none.
    pub(super) fn of(edges: &[GraphEdge]) -> Option<Self> {
        if edges.is_empty() {
            return None;
        }
        let mut drawn: Vec<&GraphEdge> = edges.iter().collect();
        drawn.sort_by_key(|edge| std::cmp::Reverse((edge.path_ns, edge.failed, edge.calls)));
        let mut names: Vec<Name<'_>> = Vec::new();
        let mut numbers: HashMap<Name<'_>, usize> = HashMap::new();
        let mut kept = Vec::new();
        for edge in drawn {
            let ends = [(edge.caller.as_str(), "service"), (edge.target.as_str(), edge.target_kind)];
            let new = ends.iter().filter(|end| !numbers.contains_key(*end)).count();
            if kept.len() >= MAX_EDGES || names.len() + new > MAX_NODES {
                continue;
            }
            let [caller, target] = ends.map(|end| {
                *numbers.entry(end).or_insert_with(|| {
                    names.push(end);
                    names.len() - 1
                })
            });
            kept.push((caller, target, edge));
        }
        let ends: Vec<(usize, usize)> = kept.iter().map(|&(caller, target, _)| (caller, target)).collect();
        let places = places(names.len(), &ends);
        let deepest = places.iter().map(|&(layer, _)| layer).max().unwrap_or(0);
        let mut sizes = vec![0; deepest + 1];
        places.iter().for_each(|&(layer, _)| sizes[layer] += 1);
        let largest = sizes.iter().copied().max().unwrap_or(0);
        let at = |node: usize| {
            let (layer, place) = places[node];
            // Layers stand around one line, which keeps edges short.
            (MARGIN + layer * LAYER, MARGIN + place * ROW + (largest - sizes[layer]) * ROW / 2)
        };
        let mut map = Self::default();
        for (number, &(name, kind)) in names.iter().enumerate() {
            let (left, top) = at(number);
            map.width = map.width.max(left + NODE_WIDTH + MARGIN);
            map.height = map.height.max(top + NODE_HEIGHT + MARGIN);
            let title = if kind == "service" { name.to_owned() } else { format!("{name} ({kind})") };
            map.nodes.push(Node { left, top, kind, label: shortened(name, MAX_LABEL), title: shortened(&title, 300) });
        }
        let most = |of: fn(&GraphEdge) -> i128| kept.iter().map(|(_, _, edge)| of(edge)).max().unwrap_or(0);
        let largest =
            [most(|edge| edge.calls.into()), most(|edge| edge.failed.into()), most(|edge| edge.path_ns.into())];
        map.edges =
            kept.iter().map(|(caller, target, edge)| drawn_edge(edge, at(*caller), at(*target), largest)).collect();
        if kept.len() < edges.len() {
            map.left_out = format!(
                "{} of {} are drawn: those with most time, between at most {MAX_NODES} boxes",
                units::count(kept.len()),
                units::counted(edges.len() as u64, "edge")
            );
        }
        Some(map)
    }
}

fn drawn_edge(edge: &GraphEdge, from: (usize, usize), to: (usize, usize), largest: [i128; 3]) -> Edge {
    let middle = NODE_HEIGHT / 2;
    let (start, end) = ((from.0 + NODE_WIDTH, from.1 + middle), (to.0, to.1 + middle));
    let path = if start.0 < end.0 {
        let half = (start.0 + end.0) / 2;
        format!("M{} {}C{half} {} {half} {} {} {}", start.0, start.1, start.1, end.1, end.0, end.1)
    } else {
        // Back, or to itself: round below both.
        let low = start.1.max(end.1) + NODE_HEIGHT;
        let (right, left) = (start.0 + 30, end.0.saturating_sub(30));
        format!("M{} {}C{right} {low} {left} {low} {} {}", start.0, start.1, end.0, end.1)
    };
    let figures = [edge.calls.into(), edge.failed.into(), i128::from(edge.path_ns)];
    let width = |place: usize| {
        let share = figures[place] as f64 / largest[place].max(1) as f64;
        // As the root, so that small ones are seen beside large ones.
        if figures[place] > 0 { format!("{:.1}", 1.0 + 6.0 * share.sqrt()) } else { "0.6".to_owned() }
    };
    let mut classes = Vec::new();
    if edge.failed > 0 {
        classes.push("fail");
    }
    if !edge.is_synchronous {
        classes.push("async");
    }
    let failed_share = units::share_of(edge.failed, edge.calls);
    let figures = [
        units::count(edge.calls),
        if edge.failed > 0 { format!("{} ({failed_share})", units::count(edge.failed)) } else { "0".to_owned() },
        units::duration(edge.path_ns),
        if edge.is_synchronous { "yes" } else { "no" }.to_owned(),
    ];
    let (caller, target) = (shortened(&edge.caller, 120), shortened(&edge.target, 120));
    Edge {
        path,
        classes: classes.join(" "),
        widths: [0, 1, 2].map(width),
        title: format!(
            "{caller} → {target}: {}, {} failed, {} waited",
            units::counted(edge.calls, "call"),
            figures[1],
            figures[2]
        ),
        caller,
        target,
        figures,
    }
}

/// The layer of each of `count` nodes, and its place in it.
fn places(count: usize, edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let forward = forward(count, edges);
    let mut layers = vec![0; count];
    // Each pass settles one more layer, and there is no cycle.
    for _ in 0..count {
        let mut is_settled = true;
        for &(from, to) in &forward {
            if layers[to] < layers[from] + 1 {
                layers[to] = layers[from] + 1;
                is_settled = false;
            }
        }
        if is_settled {
            break;
        }
    }
    let deepest = layers.iter().max().map_or(0, |deepest| deepest + 1);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); deepest];
    for (node, &layer) in layers.iter().enumerate() {
        rows[layer].push(node);
    }
    let mut place = vec![0.0; count];
    let number = |rows: &[Vec<usize>], place: &mut [f64]| {
        for row in rows {
            for (index, &node) in row.iter().enumerate() {
                place[node] = index as f64;
            }
        }
    };
    number(&rows, &mut place);
    for sweep in 0..SWEEPS {
        for row in &mut rows {
            let mean = |node: usize| {
                let neighbours = forward.iter().filter_map(|&(from, to)| match sweep % 2 {
                    0 if to == node => Some(place[from]),
                    1 if from == node => Some(place[to]),
                    _ => None,
                });
                let (sum, count) = neighbours.fold((0.0, 0), |(sum, count), place| (sum + place, count + 1));
                if count == 0 { place[node] } else { sum / f64::from(count) }
            };
            let mut keyed: Vec<(f64, usize)> = row.iter().map(|&node| (mean(node), node)).collect();
            keyed.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
            *row = keyed.into_iter().map(|(_, node)| node).collect();
        }
        number(&rows, &mut place);
    }
    (0..count).map(|node| (layers[node], place[node] as usize)).collect()
}

/// The edges without those that close a cycle, and without loops.
fn forward(count: usize, edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut kept: Vec<(usize, usize)> = Vec::new();
    for &(from, to) in edges {
        if from != to && !reaches(count, &kept, to, from) {
            kept.push((from, to));
        }
    }
    kept
}

fn reaches(count: usize, edges: &[(usize, usize)], from: usize, to: usize) -> bool {
    let mut is_seen = vec![false; count];
    let mut stack = vec![from];
    while let Some(node) = stack.pop() {
        if node == to {
            return true;
        }
        if !std::mem::replace(&mut is_seen[node], true) {
            stack.extend(edges.iter().filter(|(start, _)| *start == node).map(|&(_, end)| end));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(caller: &str, target: &str, calls: u64) -> GraphEdge {
        GraphEdge {
            caller: caller.to_owned(),
            target: target.to_owned(),
            target_kind: "service",
            is_synchronous: true,
            calls,
            path_ns: calls as i64,
            ..GraphEdge::default()
        }
    }

    /// What is called stands right of who calls it, cycles and loops or not, and no two nodes stand in one place.
    #[test]
    fn callers_stand_before_what_they_call() {
        let edges = [edge("a", "b", 9), edge("b", "c", 8), edge("a", "c", 7), edge("c", "a", 1), edge("b", "b", 1)];
        let map = ServiceMap::of(&edges).unwrap();
        let left = |name: &str| map.nodes.iter().find(|node| node.label == name).unwrap().left;
        assert!(left("a") < left("b") && left("b") < left("c"));
        let mut places: Vec<(usize, usize)> = map.nodes.iter().map(|node| (node.left, node.top)).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!((places.len(), map.edges.len()), (3, 5));
        assert!(map.nodes.iter().all(|node| node.left + NODE_WIDTH < map.width && node.top + NODE_HEIGHT < map.height));
        assert!(ServiceMap::of(&[]).is_none());
    }

    /// Of thousands of services the edges with most time are drawn, and that is said.
    #[test]
    fn large_graphs_are_cut() {
        let edges: Vec<GraphEdge> = (0..3_000u64)
            .map(|number| edge(&format!("s{}", number / 3), &format!("s{}", number + 1), number))
            .collect();
        let map = ServiceMap::of(&edges).unwrap();
        assert!(map.nodes.len() <= MAX_NODES && map.left_out.contains("of 3,000 edges are drawn"), "{}", map.left_out);
        assert_eq!(map.edges[0].figures[0], "2,999");
    }
}
