//! Span signatures: all that is said of a span but its ids, times and arguments.
//!
//! Production traces repeat: a million spans have a few thousand signatures. So what depends on the signature alone
//! (class, target, operation, own failure, …) is worked out once for each, and a span's row holds one number.

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use std::hash::BuildHasher;

use crate::conventions::{ATTRIBUTE_COUNT, Attribute};
use crate::span::{SpanKind, StatusCode};

use super::number_table::NumberTable;
use super::symbols::Symbol;
use super::value_caps::SignaturePart;

/// All that is said of a span but its ids, times and arguments, as a number: see
/// [`Signatures`](super::Signatures).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SignatureId(pub u32);

impl SignatureId {
    /// As an index into per-signature tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A signature with its attributes spread out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Signature {
    /// `service.name`.
    pub service: Symbol,
    /// The span's name.
    pub name: Symbol,
    /// The span's kind.
    pub kind: SpanKind,
    /// The status code.
    pub status: StatusCode,
    /// Values by [`Attribute`]; [`Symbol::EMPTY`] where absent.
    pub attributes: [Symbol; ATTRIBUTE_COUNT],
}

impl Signature {
    /// The values of all parts that are capped, [`Symbol::EMPTY`] where absent.
    pub(super) fn parts(&self) -> impl Iterator<Item = (SignaturePart, Symbol)> {
        SignaturePart::all().zip(self.attributes.into_iter().chain([self.name, self.service]))
    }

    /// The value of `attribute`, [`Symbol::EMPTY`] where absent.
    pub fn get(&self, attribute: Attribute) -> Symbol {
        self.attributes[attribute as usize]
    }
}

/// How many distinct values the parts of some signatures have, of those that have more than `most`.
pub(crate) fn parts_with_many_values(
    signatures: impl IntoIterator<Item = Signature>,
    most: usize,
) -> Vec<(SignaturePart, usize)> {
    let mut values: Vec<HashSet<Symbol, FixedState>> = vec![HashSet::default(); SignaturePart::COUNT];
    for signature in signatures {
        for (part, value) in signature.parts().filter(|(_, value)| !value.is_empty()) {
            values[part.index()].insert(value);
        }
    }
    let counted = SignaturePart::all().zip(values.iter().map(HashSet::len));
    counted.filter(|&(_, values)| values > most).collect()
}

/// An interner of signatures, stored as words: service, name, kind and status, then pairs of attribute and value.
#[derive(Clone, Debug, Default)]
pub struct Signatures {
    words: Vec<u32>,
    ends: Vec<usize>,
    table: NumberTable,
    hasher: FixedState,
    scratch: Vec<u32>,
}

impl Signatures {
    /// The number of the signature, new or known.
    pub fn intern(&mut self, signature: &Signature) -> SignatureId {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend([signature.service.0, signature.name.0, signature.kind as u32 | (signature.status as u32) << 8]);
        for (attribute, value) in (0u32..).zip(&signature.attributes) {
            if !value.is_empty() {
                scratch.extend([attribute, value.0]);
            }
        }
        let id = self.intern_words(&scratch);
        self.scratch = scratch;
        id
    }

    fn intern_words(&mut self, new: &[u32]) -> SignatureId {
        let hash = self.hasher.hash_one(new);
        let Self { words, ends, table, .. } = self;
        if let Some(number) = table.find(hash, |number| words_of(words, ends, number) == new) {
            return SignatureId(number);
        }
        let number = u32::try_from(ends.len()).expect("fewer than 2^32 signatures");
        words.extend_from_slice(new);
        ends.push(words.len());
        table.add(hash, number);
        SignatureId(number)
    }

    /// The signature with number `id`.
    pub fn resolve(&self, id: SignatureId) -> Signature {
        let words = words_of(&self.words, &self.ends, id.0);
        let mut attributes = [Symbol::EMPTY; ATTRIBUTE_COUNT];
        for pair in words[3..].chunks_exact(2) {
            attributes[pair[0] as usize] = Symbol(pair[1]);
        }
        Signature {
            service: Symbol(words[0]),
            name: Symbol(words[1]),
            kind: SpanKind::from_number(i64::from(words[2] & 0xff)),
            status: StatusCode::from_number(i64::from(words[2] >> 8)),
            attributes,
        }
    }

    /// Number of signatures.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The service of each signature, in the order of their numbers.
    pub(crate) fn services(&self) -> impl Iterator<Item = Symbol> {
        (0..self.len() as u32).map(|number| Symbol(words_of(&self.words, &self.ends, number)[0]))
    }

    /// Forgets the signatures that `ids` do not name; the answer gives the new number of each that they do.
    pub(crate) fn keep_only(&mut self, ids: impl Iterator<Item = SignatureId>) -> Vec<Option<SignatureId>> {
        let mut kept = Self::default();
        let mut renumbered: Vec<Option<SignatureId>> = vec![None; self.len()];
        for id in ids {
            let number = id.index();
            renumbered[number]
                .get_or_insert_with(|| kept.intern_words(words_of(&self.words, &self.ends, number as u32)));
        }
        *self = kept;
        renumbered
    }

    /// Takes in all signatures of `other`, of whose parts `symbol_of` gives this side's symbols; the answer maps `other`'s
    /// signature numbers to this side's.
    pub(super) fn absorb(
        &mut self,
        other: &Self,
        mut symbol_of: impl FnMut(SignaturePart, Symbol) -> Symbol,
    ) -> Vec<SignatureId> {
        let mut words = Vec::new();
        (0..other.len() as u32)
            .map(|number| {
                words.clear();
                words.extend_from_slice(words_of(&other.words, &other.ends, number));
                words[0] = symbol_of(SignaturePart::SERVICE, Symbol(words[0])).0;
                words[1] = symbol_of(SignaturePart::NAME, Symbol(words[1])).0;
                for pair in words[3..].chunks_exact_mut(2) {
                    let attribute = Attribute::ALL[pair[0] as usize];
                    pair[1] = symbol_of(attribute.into(), Symbol(pair[1])).0;
                }
                self.intern_words(&words)
            })
            .collect()
    }
}

fn words_of<'a>(words: &'a [u32], ends: &[usize], number: u32) -> &'a [u32] {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] };
    &words[start..ends[number]]
}
