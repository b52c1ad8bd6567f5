//! Whether callees that recorded nothing of their calls recorded them elsewhere: as traces of their own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::frame::Symbol;

/// When something began and ended, in ns since 1970.
pub(super) type Time = (i64, i64);

/// A call to a service that recorded no callee.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct LoneCall {
    pub(super) target: Symbol,
    /// Empty if there is none.
    pub(super) method: Symbol,
    pub(super) time: Time,
    pub(super) caller: Symbol,
}

/// A root that serves a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct ServedRoot {
    pub(super) service: Symbol,
    pub(super) method: Symbol,
    pub(super) time: Time,
}

/// How many calls along an edge hold a root of the target, each one of its own.
pub(super) fn held_roots(mut calls: Vec<LoneCall>, roots: &[ServedRoot]) -> BTreeMap<(Symbol, Symbol), u64> {
    let mut of_key: HashMap<(Symbol, Symbol), Vec<Time>> = HashMap::new();
    for root in roots {
        of_key.entry((root.service, root.method)).or_default().push(root.time);
    }
    // Calls that end early have the fewest roots to choose from. Of what is left to choose the one that begins first is of use to the
    // fewest of the others.
    calls.sort_unstable_by_key(|call| (call.target, call.method, call.time.1, call.time.0, call.caller));
    let mut held: BTreeMap<(Symbol, Symbol), u64> = BTreeMap::new();
    for calls in calls.chunk_by(|left, right| (left.target, left.method) == (right.target, right.method)) {
        let Some(mut roots) = of_key.remove(&(calls[0].target, calls[0].method)) else { continue };
        roots.sort_unstable_by_key(|&(start, end)| (end, start));
        let mut next = roots.iter().copied().enumerate().peekable();
        let mut ended: BTreeSet<(i64, usize)> = BTreeSet::new();
        for call in calls {
            while let Some((number, (start, _))) = next.next_if(|(_, (_, end))| *end <= call.time.1) {
                ended.insert((start, number));
            }
            if let Some(&root) = ended.range((call.time.0, 0)..).next() {
                ended.remove(&root);
                *held.entry((call.caller, call.target)).or_default() += 1;
            }
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Symbol = Symbol(1);
    const POST: Symbol = Symbol(2);
    const WEB: Symbol = Symbol(10);
    const CART: Symbol = Symbol(11);

    #[test]
    fn each_root_is_held_once() {
        let call = |method, time| LoneCall { target: CART, method, time, caller: WEB };
        let root = |method, time| ServedRoot { service: CART, method, time };
        for (calls, roots, expected) in [
            (vec![call(GET, (0, 10))], vec![root(GET, (1, 9))], 1),
            (vec![call(GET, (0, 10)), call(GET, (0, 10))], vec![root(GET, (1, 9))], 1),
            (vec![call(GET, (0, 10))], vec![root(POST, (1, 9))], 0),
            (vec![call(GET, (0, 10))], vec![root(GET, (1, 11))], 0),
            (vec![call(GET, (0, 10)), call(GET, (2, 8))], vec![root(GET, (3, 7)), root(GET, (1, 9))], 2),
            (vec![call(GET, (0, 6)), call(GET, (4, 20))], vec![root(GET, (5, 6)), root(GET, (1, 3))], 2),
            (vec![call(GET, (0, 9)), call(GET, (5, 10))], vec![root(GET, (1, 2)), root(GET, (6, 7))], 2),
        ] {
            let held = held_roots(calls.clone(), &roots);
            assert_eq!(held.get(&(WEB, CART)).copied().unwrap_or(0), expected, "{calls:?} {roots:?}");
        }
    }
}
