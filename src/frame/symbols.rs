//! Strings as numbers. A string is stored once; after ingest the analysis compares integers.
//!
//! While reading, numbers follow the order of arrival. [`Symbols::sorted`] renumbers them by the strings' bytes, so that
//! comparing symbols compares strings and no result depends on the order of input.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use rayon::slice::ParallelSliceMut as _;
use std::hash::BuildHasher;

/// A string of the input or one derived from it, as a number: see [`Symbols`](super::Symbols).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Symbol(pub u32);

impl Symbol {
    /// The empty string, which also stands for "absent".
    pub const EMPTY: Self = Self(0);

    /// Whether this is [`Symbol::EMPTY`].
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As an index into per-symbol tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An interner. The empty string is always [`Symbol::EMPTY`].
#[derive(Clone, Debug)]
pub struct Symbols {
    text: String,
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: FixedState,
}

impl Default for Symbols {
    fn default() -> Self {
        let mut symbols =
            Self { text: String::new(), ends: Vec::new(), table: HashTable::new(), hasher: FixedState::default() };
        symbols.intern("");
        symbols
    }
}

impl Symbols {
    /// The symbol of `text`, new or known.
    ///
    /// # Panics
    /// If the distinct strings together exceed 4 GiB.
    pub fn intern(&mut self, text: &str) -> Symbol {
        let hash = self.hasher.hash_one(text);
        let Self { text: all, ends, table, hasher } = self;
        if let Some(&number) = table.find(hash, |&number| resolve(all, ends, number) == text) {
            return Symbol(number);
        }
        let number = u32::try_from(ends.len()).expect("fewer than 2^32 distinct strings");
        all.push_str(text);
        ends.push(u32::try_from(all.len()).expect("distinct strings of less than 4 GiB"));
        table.insert_unique(hash, number, |&number| hasher.hash_one(resolve(all, ends, number)));
        Symbol(number)
    }

    /// The symbol of `text` if it is known.
    pub fn get(&self, text: &str) -> Option<Symbol> {
        let hash = self.hasher.hash_one(text);
        self.table.find(hash, |&number| resolve(&self.text, &self.ends, number) == text).map(|&number| Symbol(number))
    }

    /// The string of `symbol`.
    pub fn resolve(&self, symbol: Symbol) -> &str {
        resolve(&self.text, &self.ends, symbol.0)
    }

    /// Number of symbols.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Never true: the empty string is always there.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Takes in all strings of `other`; the answer maps `other`'s symbols to this interner's.
    pub fn absorb(&mut self, other: &Self) -> Vec<Symbol> {
        (0..other.len() as u32).map(|number| self.intern(other.resolve(Symbol(number)))).collect()
    }

    /// The same strings numbered by their bytes, and the map from old symbols to new.
    pub fn sorted(&self) -> (Self, Vec<Symbol>) {
        let mut order: Vec<Symbol> = (0..self.len() as u32).map(Symbol).collect();
        order.par_sort_unstable_by_key(|&symbol| self.resolve(symbol));
        let mut sorted = Self::default();
        let mut renumbered = vec![Symbol::EMPTY; self.len()];
        for symbol in order {
            renumbered[symbol.index()] = sorted.intern(self.resolve(symbol));
        }
        (sorted, renumbered)
    }
}

fn resolve<'a>(text: &'a str, ends: &[u32], number: u32) -> &'a str {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] as usize };
    &text[start..ends[number] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_symbols_order_as_their_strings() {
        let mut symbols = Symbols::default();
        let old: Vec<Symbol> = ["b", "", "a", "ab", "b"].map(|text| symbols.intern(text)).into();
        let (sorted, renumbered) = symbols.sorted();
        let new: Vec<Symbol> = old.iter().map(|symbol| renumbered[symbol.index()]).collect();
        assert_eq!(new.iter().map(|&symbol| sorted.resolve(symbol)).collect::<Vec<_>>(), ["b", "", "a", "ab", "b"]);
        assert!(new[1] < new[2] && new[2] < new[3] && new[3] < new[4]);
        assert_eq!(new[1], Symbol::EMPTY);
    }
}
