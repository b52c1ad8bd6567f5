//! The service graph in Graphviz's language: who calls whom, how often, with which failures, and how long requests wait for it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::report::text::sanitized::sanitized;
use crate::report::text::units;

use super::pattern::cut;
use super::write::{GraphEdge, Report};

/// Edges that a picture can hold: those that requests wait for longest.
const MAX_EDGES: usize = 400;

/// Characters of a name.
const MOST_CHARACTERS: usize = 80;

/// The widest edge, in points.
const WIDEST: f64 = 6.0;

/// Writes the graph.
///
/// # Errors
/// If `out` fails.
pub(super) fn write_dot(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let all: Vec<&GraphEdge> = report.service_graph.iter().flatten().collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse((all[index].path_ns, all[index].calls)), index));
    order.truncate(MAX_EDGES);
    order.sort_unstable();
    let edges: Vec<&GraphEdge> = order.into_iter().map(|index| all[index]).collect();

    let mut label = "critical-path time of calls".to_owned();
    if all.len() > edges.len() {
        let left_out = units::counted((all.len() - edges.len()) as u64, "edge");
        label.push_str(&format!("; {left_out} with less path time left out"));
    }
    writeln!(out, "digraph tracescan {{")?;
    writeln!(out, "  graph [rankdir=LR, label={}, labelloc=t, fontname=\"sans-serif\"];", quoted(&label))?;
    writeln!(out, "  node [fontname=\"sans-serif\", style=filled, fillcolor=\"#f5f5f5\"];")?;
    writeln!(out, "  edge [fontname=\"sans-serif\", fontsize=10];")?;
    let mut nodes: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for edge in &edges {
        nodes.entry(("service", &edge.caller)).or_default();
        nodes.entry((edge.target_kind, &edge.target)).or_default();
    }
    for (number, ((kind, name), node)) in nodes.iter_mut().enumerate() {
        *node = number;
        let shape = match *kind {
            "service" => "box",
            "database" => "cylinder",
            "messaging" => "cds",
            "external" => "ellipse",
            _ => "plaintext",
        };
        writeln!(out, "  n{number} [label={}, shape={shape}];", quoted(name))?;
    }
    let longest = edges.iter().map(|edge| edge.path_ns).max().unwrap_or(0).max(1) as f64;
    for edge in edges {
        let (from, to) = (nodes[&("service", &*edge.caller)], nodes[&(edge.target_kind, &*edge.target)]);
        let mut told = units::counted(edge.calls, "call");
        if edge.failed > 0 {
            told.push_str(&format!(", {} failed", units::count(edge.failed)));
        }
        if edge.path_ns > 0 {
            told.push_str(&format!(", {}", units::duration(edge.path_ns)));
        }
        let style = if edge.is_synchronous { "solid" } else { "dashed" };
        let color = if edge.failed > 0 { "#b3261e" } else { "#555555" };
        let width = 1.0 + (WIDEST - 1.0) * edge.path_ns.max(0) as f64 / longest;
        writeln!(
            out,
            "  n{from} -> n{to} [label={}, style={style}, color=\"{color}\", penwidth={width:.1}];",
            quoted(&told)
        )?;
    }
    writeln!(out, "}}")
}

/// A text in quotes, in which nothing means anything but itself.
fn quoted(text: &str) -> String {
    let text = cut(&sanitized(text), MOST_CHARACTERS);
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
