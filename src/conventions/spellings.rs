//! What each key spells, found with a look at few of its bytes.

use std::num::NonZeroU16;
use std::sync::LazyLock;

use super::attributes::{Attribute, AttributeClass, OwnAttribute};

/// What a key spells: an attribute that is part of signatures, one that may be unique to a span, or both.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Spelled {
    attribute: Option<(Attribute, u8)>,
    /// The one that is kept beside rows.
    pub(super) own: Option<(OwnAttribute, u8)>,
}

impl Spelled {
    /// The one that is part of signatures, if it is of `class`.
    pub(super) fn attribute_of(self, class: AttributeClass) -> Option<(Attribute, u8)> {
        self.attribute.filter(|(attribute, _)| attribute.class() == class)
    }
}

/// What `key` spells, if anything.
pub(super) fn spelled(key: &[u8]) -> Option<Spelled> {
    static SPELLINGS: LazyLock<Spellings> = LazyLock::new(Spellings::new);
    SPELLINGS.find(key)
}

/// All spellings, and what each spells.
fn all_spelled() -> impl Iterator<Item = (&'static str, Spelled)> {
    let in_signatures = Attribute::ALL.iter().flat_map(|&attribute| {
        (0u8..)
            .zip(attribute.aliases())
            .map(move |(rank, &key)| (key, Spelled { attribute: Some((attribute, rank)), ..Spelled::default() }))
    });
    let beside = OwnAttribute::ALL.iter().flat_map(|&own| {
        (0u8..)
            .zip(own.aliases())
            .map(move |(rank, &key)| (key, Spelled { own: Some((own, rank)), ..Spelled::default() }))
    });
    in_signatures.chain(beside)
}

/// All spellings in a table that few others fall into, because most keys of most spans are asked for in vain.
struct Spellings {
    /// Numbers in `keys`, from the slot of the key on.
    slots: [Option<NonZeroU16>; SLOTS],
    /// The first is none.
    keys: Vec<(&'static str, Spelled)>,
}

const SLOT_BITS: u32 = 10;
const SLOTS: usize = 1 << SLOT_BITS;

impl Spellings {
    fn new() -> Self {
        let mut spellings = Self { slots: [None; SLOTS], keys: vec![("", Spelled::default())] };
        for (key, what) in all_spelled() {
            let mut slot = slot_of(key.as_bytes());
            while let Some(number) = spellings.slots[slot]
                && spellings.keys[usize::from(number.get())].0 != key
            {
                slot = (slot + 1) % SLOTS;
            }
            let number = spellings.slots[slot].map_or(spellings.keys.len(), |known| usize::from(known.get()));
            if number == spellings.keys.len() {
                let number = u16::try_from(number).ok().and_then(NonZeroU16::new);
                spellings.slots[slot] = Some(number.expect("fewer than 65,536 spellings"));
                spellings.keys.push((key, Spelled::default()));
            }
            let known = &mut spellings.keys[number].1;
            let is_new = known.attribute.and(what.attribute).is_none() && known.own.and(what.own).is_none();
            assert!(is_new, "{key} spells two attributes");
            *known = Spelled { attribute: known.attribute.or(what.attribute), own: known.own.or(what.own) };
        }
        spellings
    }

    fn find(&self, key: &[u8]) -> Option<Spelled> {
        let mut slot = slot_of(key);
        while let Some(number) = self.slots[slot] {
            let (known, what) = self.keys[usize::from(number.get())];
            if known.as_bytes() == key {
                return Some(what);
            }
            slot = (slot + 1) % SLOTS;
        }
        None
    }
}

/// Where the search for `key` begins, told by its length, its first eight bytes and its last eight.
fn slot_of(key: &[u8]) -> usize {
    let word = |bytes: [u8; 8]| u64::from_le_bytes(bytes);
    let (first, last) = match (key.first_chunk(), key.last_chunk()) {
        (Some(first), Some(last)) => (word(*first), word(*last)),
        _ => (key.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
    };
    let mixed = (first ^ last.rotate_left(29) ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - SLOT_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::{attribute_of_key, attribute_of_key_bytes};

    /// No key may spell two attributes of one kind, or the second would never be read.
    #[test]
    fn every_spelling_belongs_to_one_attribute() {
        for (key, what) in all_spelled() {
            let found = spelled(key.as_bytes()).expect(key);
            assert!(what.attribute.is_none_or(|attribute| found.attribute == Some(attribute)), "{key}");
            assert!(what.own.is_none_or(|own| found.own == Some(own)), "{key}");
        }
    }

    #[test]
    fn other_keys_spell_none() {
        for key in ["", "x", "error2", "http.metho", "http.method ", "http.methoe", "thread.id", "service.peer.names"] {
            assert_eq!(attribute_of_key(key), None, "{key}");
        }
        assert_eq!(attribute_of_key_bytes(b"http.meth\xffd"), None);
    }
}
