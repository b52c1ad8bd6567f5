//! What was gathered for reports, with names instead of symbols.

use crate::frame::Symbols;
use crate::gathered::{Frame, Gathered, PathStacks};
use crate::report::{GraphEdge, PathStack};

/// Who calls whom, in the order of names.
pub(in crate::commands) fn service_graph(gathered: &Gathered, symbols: &Symbols) -> Option<Vec<GraphEdge>> {
    let name = |symbol| symbols.resolve(symbol).to_owned();
    let edges = gathered.service_graph.as_ref()?.edges();
    let mut edges: Vec<GraphEdge> = edges
        .into_iter()
        .map(|(edge, figures)| GraphEdge {
            caller: name(edge.caller),
            target: name(edge.target.name),
            target_kind: edge.target.kind.as_str(),
            is_synchronous: edge.is_synchronous,
            calls: figures.calls,
            failed: figures.failed,
            path_ns: figures.path_ns,
            traces: figures.traces,
        })
        .collect();
    // Symbols are numbered in the order of arrival.
    edges.sort_by(|left, right| {
        let key = |edge: &GraphEdge| (edge.target_kind, !edge.is_synchronous);
        let names = |edge: &GraphEdge| (edge.caller.clone(), edge.target.clone());
        names(left).cmp(&names(right)).then_with(|| key(left).cmp(&key(right)))
    });
    Some(edges)
}

/// Where critical paths went, in the order of frames.
pub(in crate::commands) fn path_stacks(gathered: &Gathered, symbols: &Symbols) -> Option<Vec<PathStack>> {
    Some(stacks_in_words(gathered.path_stacks.as_ref()?, symbols))
}

/// Stacks in the order of frames.
pub(super) fn stacks_in_words(stacks: &PathStacks, symbols: &Symbols) -> Vec<PathStack> {
    let stacks = stacks.stacks(|frame| said(frame, symbols));
    stacks.into_iter().map(|(frames, time_ns)| PathStack { frames, time_ns }).collect()
}

/// A frame in words.
fn said(frame: Frame, symbols: &Symbols) -> String {
    let (first, second) = match frame {
        Frame::Operation(service, operation) => (symbols.resolve(service).to_owned(), operation),
        Frame::Beside(component, target) => (format!("[{}]", component.as_str()), target),
    };
    match symbols.resolve(second) {
        "" => first,
        second => format!("{first} {second}"),
    }
}
