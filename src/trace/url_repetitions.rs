//! HTTP requests that only their URL names, and of whose paths one segment varies: `/users/ann/cart`, `/users/bob/cart` and
//! `/users/eve/cart` are one operation, `/users/{}/cart`, where one caller span asks for all of them.
//!
//! Which paths could become one is worked out once, with the strings that they would become; which do is decided trace by
//! trace.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher as _;
use std::ops::Range;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::{Attribute, is_version};
use crate::frame::{Signature, Symbol, Symbols};

use super::calls::Call;
use super::semantics::SpanSemantics;

/// So many values of a segment make it a parameter; fewer may be different things to ask for.
const MIN_VALUES: usize = 3;

/// So many segments of a path are looked at. No API has more, and made-up paths must not cost their square.
const MAX_SEGMENTS: u32 = 16;

/// An operation with one segment of its path as `{}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Variant {
    /// Which segment that is.
    segment: u32,
    /// What the operation becomes.
    operation: Symbol,
}

/// The operations that others differ from in one segment, and what they would become.
#[derive(Debug, Default)]
pub struct UrlRepetitions {
    variants: HashMap<Symbol, Box<[Variant]>, FixedState>,
}

impl UrlRepetitions {
    /// Finds them among `signatures` that only a URL names, which `semantics` tells, and unmarks there those that no other
    /// differs from in one segment.
    pub(super) fn find(
        signatures: &[Signature],
        input: &Symbols,
        semantics: &mut [SpanSemantics],
        symbols: &mut Symbols,
    ) -> Self {
        // By operation: where its path begins.
        let mut paths: HashMap<Symbol, usize, FixedState> = HashMap::default();
        for (signature, semantics) in signatures.iter().zip(&*semantics).filter(|(_, own)| own.is_variant_of_url) {
            let path = input.resolve(signature.get(Attribute::UrlPath));
            let begin = symbols.resolve(semantics.call_operation).len() - path.len();
            paths.insert(semantics.call_operation, begin);
        }
        // By hash: a text is made of none but those that are kept.
        let hasher = FixedState::default();
        let hash_of = |operation: &str, segment: &Segment| {
            hasher.hash_one((segment.number, &operation[..segment.place.start], &operation[segment.place.end..]))
        };
        let mut counts: HashMap<u64, usize, FixedState> = HashMap::default();
        if paths.len() >= MIN_VALUES {
            for (&operation, &path) in &paths {
                let operation = symbols.resolve(operation);
                for segment in parameters(operation, path) {
                    *counts.entry(hash_of(operation, &segment)).or_default() += 1;
                }
            }
            counts.retain(|_, count| *count >= MIN_VALUES);
        }
        let mut repetitions = Self::default();
        if !counts.is_empty() {
            for (operation, path) in paths {
                let text = symbols.resolve(operation);
                let is_repeated = |segment: &Segment| counts.contains_key(&hash_of(text, segment));
                let united = |Segment { number, place }: Segment| {
                    (number, [&text[..place.start], "{}", &text[place.end..]].concat())
                };
                let variants: Vec<(u32, String)> =
                    parameters(text, path).into_iter().filter(is_repeated).map(united).collect();
                let intern = |(segment, text): (u32, String)| Variant { segment, operation: symbols.intern(&text) };
                let variants: Box<[Variant]> = variants.into_iter().map(intern).collect();
                if !variants.is_empty() {
                    repetitions.variants.insert(operation, variants);
                }
            }
        }
        for semantics in semantics.iter_mut().filter(|semantics| semantics.is_variant_of_url) {
            semantics.is_variant_of_url = repetitions.variants.contains_key(&semantics.call_operation);
        }
        repetitions
    }

    /// The same with other numbers of strings.
    pub(super) fn renumbered(mut self, renumbered: &[Symbol]) -> Self {
        let new = |symbol: Symbol| renumbered[symbol.index()];
        let variants = self.variants.drain().map(|(operation, mut variants)| {
            variants.iter_mut().for_each(|variant| variant.operation = new(variant.operation));
            (new(operation), variants)
        });
        Self { variants: variants.collect() }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.variants.is_empty()
    }

    /// Gives those of `calls` one operation that differ in one segment. `named_by_url` are the numbers of those that only their
    /// URL names.
    pub(super) fn unite(&self, calls: &mut [Call], method: impl Fn(&Call) -> Symbol, mut named_by_url: Vec<u32>) {
        let group = |call: &Call| (call.caller_span, call.target, method(call));
        named_by_url.sort_unstable_by_key(|&call| {
            let call = &calls[call as usize];
            (group(call), call.operation)
        });
        let mut together = &named_by_url[..];
        while let Some(&first) = together.first() {
            let of_first = group(&calls[first as usize]);
            let length = together.partition_point(|&call| group(&calls[call as usize]) <= of_first);
            let (members, rest) = together.split_at(length);
            together = rest;
            let mut operations: Vec<Symbol> = members.iter().map(|&call| calls[call as usize].operation).collect();
            operations.dedup();
            if operations.len() < MIN_VALUES {
                continue;
            }
            let united = self.united(&operations);
            for &call in members {
                let operation = &mut calls[call as usize].operation;
                if let Ok(place) = operations.binary_search(operation) {
                    *operation = united[place];
                }
            }
        }
    }

    /// What distinct operations, ascending, become: the segment with most values goes first, then the later, and what has it is
    /// done.
    fn united(&self, operations: &[Symbol]) -> Vec<Symbol> {
        let mut united = operations.to_vec();
        let variants = |place: usize| self.variants.get(&operations[place]).map_or(&[][..], |variants| variants);
        // Operations of one variant have the same segments but one, so they are as many as that segment has values.
        let mut members: HashMap<(u32, Symbol), Vec<usize>, FixedState> = HashMap::default();
        for place in 0..operations.len() {
            for &Variant { segment, operation } in variants(place) {
                members.entry((segment, operation)).or_default().push(place);
            }
        }
        let mut values: HashMap<(u32, Symbol), usize, FixedState> =
            members.iter().map(|(&variant, members)| (variant, members.len())).collect();
        let mut most: BinaryHeap<(usize, u32, Reverse<Symbol>)> =
            values.iter().map(|(&(segment, operation), &values)| (values, segment, Reverse(operation))).collect();
        let mut is_done = vec![false; operations.len()];
        while let Some((count, segment, Reverse(operation))) = most.pop() {
            if count < MIN_VALUES {
                break;
            }
            let variant = (segment, operation);
            let left = values[&variant];
            if left < count {
                most.push((left, segment, Reverse(operation)));
                continue;
            }
            for &place in members[&variant].iter().filter(|&&place| !is_done[place]).collect::<Vec<_>>() {
                is_done[place] = true;
                united[place] = operation;
                for &Variant { segment, operation } in variants(place) {
                    if let Some(values) = values.get_mut(&(segment, operation)) {
                        *values -= 1;
                    }
                }
            }
        }
        united
    }
}

/// A segment of a path.
struct Segment {
    number: u32,
    /// Where it stands in the operation.
    place: Range<usize>,
}

/// The segments of the path in `operation`, which begins at `path`, that may be parameters: what one is a parameter of stands
/// before it.
fn parameters(operation: &str, path: usize) -> Vec<Segment> {
    const PREFIXES: [&str; 2] = ["api", "rest"];
    let mut segments = Vec::new();
    let mut has_noun_before = false;
    let mut start = path;
    for (number, segment) in (0..MAX_SEGMENTS).zip(operation[path..].split('/')) {
        let place = start..start + segment.len();
        start = place.end + 1;
        if has_noun_before && !segment.is_empty() {
            segments.push(Segment { number, place });
        }
        let is_prefix = is_version(segment) || PREFIXES.iter().any(|prefix| prefix.eq_ignore_ascii_case(segment));
        has_noun_before |= !segment.is_empty() && segment != "{}" && !is_prefix;
    }
    segments
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::trace::sample::Sample;

    /// The operations of calls of one span to one host, given their paths; a word that is no path is the method from there on.
    fn operations(paths: &str) -> String {
        let mut lines = vec!["1 1 0 web SERVER root 0..100".to_owned()];
        let mut method = "GET";
        for (number, path) in (2..).zip(paths.split(' ')) {
            if path.starts_with('/') {
                let url = format!("http.method={method} http.url=http://a.io{path}");
                lines.push(format!("1 {number} 1 web CLIENT call {number}..{number} {url}"));
            } else {
                method = path;
            }
        }
        let mut shown = BTreeSet::new();
        Sample::of(&lines.join("\n")).with_trace(0, 0, |trace| {
            shown.extend(
                trace.calls.calls.iter().map(|call| trace.semantics.symbols.resolve(call.operation).to_owned()),
            );
        });
        shown.into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_segment_that_varies_is_a_parameter() {
        for (rule, paths, expected) in [
            ("of three values", "/users/ann /users/bob /users/eve", "GET /users/{}"),
            ("not of two", "/users/ann /users/bob /users/bob", "GET /users/ann GET /users/bob"),
            ("inside too", "/users/ann/cart /users/bob/cart /users/eve/cart", "GET /users/{}/cart"),
            ("not the first", "/ann/x /bob/x /eve/x", "GET /ann/x GET /bob/x GET /eve/x"),
            (
                "not behind what says nothing",
                "/api/v1/ann /api/v1/bob /api/v1/eve /rest/7/a /rest/7/b /rest/7/c",
                "GET /api/v1/ann GET /api/v1/bob GET /api/v1/eve GET /rest/{}/a GET /rest/{}/b GET /rest/{}/c",
            ),
            ("of as many segments", "/u/ann /u/bob /u/eve/cart", "GET /u/ann GET /u/bob GET /u/eve/cart"),
            ("of one method", "/u/ann /u/bob POST /u/eve", "GET /u/ann GET /u/bob POST /u/eve"),
            ("an id is a value", "/u/7 /u/8 /u/me /u/you", "GET /u/{}"),
            ("most values first", "/u/a/x /u/b/x /u/c/x /u/d/x /u/a/y /u/a/z", "GET /u/a/y GET /u/a/z GET /u/{}/x"),
            ("the later of as many", "/u/a/x /u/b/x /u/c/x /u/a/y /u/a/z", "GET /u/a/{} GET /u/b/x GET /u/c/x"),
            ("the rest goes on", "/u/a/x /u/a/y /u/a/z /u/b/x /u/c/x /u/d/x", "GET /u/a/y GET /u/a/z GET /u/{}/x"),
            (
                "what is done is no value any more",
                "/u/a/x /u/a/y /u/a/z /u/b/x /u/c/x",
                "GET /u/a/{} GET /u/b/x GET /u/c/x",
            ),
        ] {
            assert_eq!(operations(paths), expected, "{rule}");
        }
    }
}
