//! The way down through the hops of a trace: which services lie on it, told step by step, so that neither a long way nor many of them
//! cost more than their steps.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use super::shapes::in_order;
use crate::frame::Symbol;
use crate::trace::Hop;

/// No hop has this number.
pub(super) const NO_HOP: usize = usize::MAX;

/// Which hops lie below which.
#[derive(Debug, Default)]
pub(super) struct Below {
    /// The first that lies below none.
    pub(super) first: usize,
    /// The first below each.
    pub(super) first_below: Vec<usize>,
    /// The next below the same.
    pub(super) next: Vec<usize>,
}

impl Below {
    pub(super) fn link(&mut self, hops: &[Hop]) {
        self.first = NO_HOP;
        for numbers in [&mut self.first_below, &mut self.next] {
            numbers.clear();
            numbers.resize(hops.len(), NO_HOP);
        }
        for (number, hop) in hops.iter().enumerate().rev() {
            let first = self.first_below.get_mut(hop.before).unwrap_or(&mut self.first);
            self.next[number] = std::mem::replace(first, number);
        }
    }
}

/// The way down to a hop.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Number of each hop and place of its service; at the beginning the service of who made the first call.
    steps: Vec<(usize, usize)>,
    /// How many of them are at the service of each place.
    visits: Vec<u32>,
    /// The services of each chain of the trace.
    chains: HashSet<Vec<Symbol>, FixedState>,
    chain: Vec<Symbol>,
}

impl Way {
    pub(super) fn begin(&mut self, services: usize) {
        self.steps.clear();
        self.visits.clear();
        self.visits.resize(services, 0);
        self.chains.clear();
    }

    pub(super) fn begin_below(&mut self, caller: Option<usize>) {
        self.steps.drain(..).for_each(|(_, place)| self.visits[place] = 0);
        if let Some(place) = caller {
            self.go_down(NO_HOP, place);
        }
    }

    pub(super) fn go_up_to(&mut self, hop: usize) {
        while let Some((_, place)) = self.steps.pop_if(|(number, _)| *number != hop) {
            self.visits[place] -= 1;
        }
    }

    pub(super) fn comes_by(&self, place: usize) -> bool {
        self.visits[place] > 0
    }

    pub(super) fn go_down(&mut self, hop: usize, place: usize) {
        self.steps.push((hop, place));
        self.visits[place] += 1;
    }

    /// Adds the services of the way to `chains`, if they are no others'.
    pub(super) fn take_chain(&mut self, names: &[Symbol], chains: &mut Vec<Symbol>) {
        self.chain.clear();
        match self.steps.len() < names.len() {
            true => self.chain.extend(self.steps.iter().map(|&(_, place)| names[place])),
            false => self
                .chain
                .extend(names.iter().zip(&self.visits).filter(|(_, visits)| **visits > 0).map(|(name, _)| *name)),
        }
        in_order(&mut self.chain);
        if !self.chains.contains(&self.chain) {
            self.chains.insert(self.chain.clone());
            chains.extend_from_slice(&self.chain);
            chains.push(Symbol::EMPTY);
        }
    }
}
