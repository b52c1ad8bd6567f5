//! Strings as numbers. A string is stored once; after ingest the analysis compares integers.
//!
//! While reading, numbers follow the order of arrival. [`Symbols::sorted`] renumbers them by the strings' bytes, so that
//! comparing symbols compares strings and no result depends on the order of input.

use foldhash::fast::FixedState;
use rayon::slice::ParallelSliceMut as _;
use std::hash::BuildHasher;

use super::number_table::NumberTable;

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

/// Bytes of distinct strings that numbers reach.
const MOST_BYTES: usize = u32::MAX as usize - 1;

/// Bytes of strings from which on a cache begins anew: so few that what one batch of rows adds still has room.
pub(crate) const MANY_TEXT_BYTES: usize = 1 << 30;

/// The distinct strings are too many bytes.
#[derive(Debug, thiserror::Error)]
#[error(
    "the distinct names of services, spans and attribute values take more than 4 GiB together, which is the most that one run can hold; analyse fewer traces at a time, for example with --since and --until"
)]
pub struct TooManyStrings;

/// An interner. The empty string is always [`Symbol::EMPTY`].
///
/// It takes no more than 4 GiB. Where that would be a check for each string or a panic in a place that cannot help it, what
/// comes beyond is no more than remembered: before anything is made of the strings, [`Symbols::check`] must be asked.
#[derive(Clone, Debug)]
pub struct Symbols {
    text: String,
    most_bytes: usize,
    is_full: bool,
    ends: Vec<u32>,
    table: NumberTable,
    hasher: FixedState,
}

impl Default for Symbols {
    fn default() -> Self {
        let mut symbols = Self {
            text: String::new(),
            most_bytes: MOST_BYTES,
            is_full: false,
            ends: Vec::new(),
            table: NumberTable::default(),
            hasher: FixedState::default(),
        };
        symbols.intern("");
        symbols
    }
}

impl Symbols {
    /// The symbol of `text`, new or known; [`Symbol::EMPTY`] if there is no room for it, which [`Symbols::check`] tells.
    pub fn intern(&mut self, text: &str) -> Symbol {
        let hash = self.hasher.hash_one(text);
        if let Some(known) = self.find(hash, text) {
            return known;
        }
        self.add(hash, text)
    }

    fn find(&self, hash: u64, text: &str) -> Option<Symbol> {
        self.table.find(hash, |number| resolve(&self.text, &self.ends, number) == text).map(Symbol)
    }

    /// The symbol of `text`, which is none of the known ones.
    fn add(&mut self, hash: u64, text: &str) -> Symbol {
        let Self { text: all, ends, table, .. } = self;
        if text.len() > self.most_bytes - all.len() {
            self.is_full = true;
            return Symbol::EMPTY;
        }
        // Distinct strings are no more than their bytes, so that their numbers fit too.
        let number = ends.len() as u32;
        all.push_str(text);
        ends.push(all.len() as u32);
        table.add(hash, number);
        Symbol(number)
    }

    /// Whether every string that came is here.
    ///
    /// # Errors
    /// If there was no room for one of them, so that nothing that is made of symbols can be relied on.
    pub fn check(&self) -> Result<(), TooManyStrings> {
        if self.is_full { Err(TooManyStrings) } else { Ok(()) }
    }

    /// The symbol of `text` if it is known.
    pub fn get(&self, text: &str) -> Option<Symbol> {
        self.find(self.hasher.hash_one(text), text)
    }

    /// The string of `symbol`.
    pub fn resolve(&self, symbol: Symbol) -> &str {
        resolve(&self.text, &self.ends, symbol.0)
    }

    /// Number of symbols.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all strings.
    pub(crate) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Never true: the empty string is always there.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Takes in all strings of `other`; the answer maps `other`'s symbols to this interner's.
    pub fn absorb(&mut self, other: &Self) -> Vec<Symbol> {
        self.is_full |= other.is_full;
        (0..other.len() as u32).map(|number| self.intern(other.resolve(Symbol(number)))).collect()
    }

    /// The same strings numbered by their bytes, and the map from old symbols to new.
    pub fn sorted(&self) -> (Self, Vec<Symbol>) {
        let mut order: Vec<Symbol> = (0..self.len() as u32).map(Symbol).collect();
        order.par_sort_unstable_by_key(|&symbol| self.resolve(symbol));
        let mut sorted = Self { is_full: self.is_full, ..Self::default() };
        let mut renumbered = vec![Symbol::EMPTY; self.len()];
        for symbol in order {
            let text = self.resolve(symbol);
            renumbered[symbol.index()] =
                if text.is_empty() { Symbol::EMPTY } else { sorted.add(sorted.hasher.hash_one(text), text) };
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

    /// Beyond the limit nothing is lost in silence, whatever is made of the strings, and what is known stays known.
    #[test]
    fn too_many_strings_are_told() {
        let mut symbols = Symbols { most_bytes: 8, ..Symbols::default() };
        let known = symbols.intern("cart");
        assert_ne!(symbols.intern("mail"), Symbol::EMPTY);
        assert!(symbols.check().is_ok());
        assert_eq!(symbols.intern("a"), Symbol::EMPTY);
        assert_eq!((symbols.intern("cart"), symbols.resolve(known), symbols.len()), (known, "cart", 3));
        assert!(symbols.check().is_err() && symbols.clone().check().is_err() && symbols.sorted().0.check().is_err());
        let mut joined = Symbols::default();
        joined.absorb(&symbols);
        assert!(joined.check().is_err());

        // Each fits alone, but not both together.
        let mut small = Symbols { most_bytes: 8, ..Symbols::default() };
        small.intern("orders");
        let mut other = Symbols::default();
        other.intern("mail");
        small.absorb(&other);
        assert!(other.check().is_ok() && small.check().is_err());
    }

    /// Half of a hash is enough to tell strings apart that have most of themselves in common.
    #[test]
    fn halves_of_hashes_tell_strings_apart() {
        let symbols = Symbols::default();
        let half_of = |number: u32| symbols.hasher.hash_one(format!("orders-{number:08}")) >> u32::BITS;
        let halves: std::collections::HashSet<u64> = (0..100_000).map(half_of).collect();
        // Of random ones 1.2 would be there already.
        assert!(halves.len() > 99_990, "{}", halves.len());
    }

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
