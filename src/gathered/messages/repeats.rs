//! Which messages may be processed more than once, in two bytes a message.

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::FixedState;

use super::logged_message::{Identity, LoggedMessage};

/// Bits for each message: of eight that come once, one shares its bit with another.
const BITS_OF_MESSAGE: u64 = 8;

/// A Bloom filter with one hash, twice: what came once, and what came again. B. H. Bloom, "Space/Time Trade-offs in Hash Coding
/// with Allowable Errors", Communications of the ACM 13(7), 1970.
#[derive(Debug)]
pub(super) struct Repeats {
    once: Box<[AtomicU64]>,
    again: Box<[AtomicU64]>,
    bits: u64,
}

impl Repeats {
    /// For about so many messages.
    pub(super) fn of(messages: u64) -> Self {
        let bits = messages.max(8).saturating_mul(BITS_OF_MESSAGE).next_multiple_of(u64::BITS.into());
        let words = || (0..bits / u64::from(u64::BITS)).map(|_| AtomicU64::default()).collect();
        Self { once: words(), again: words(), bits }
    }

    /// Takes notice of a message, in any order, on any thread.
    pub(super) fn take(&self, message: &LoggedMessage) {
        if let Some((word, bit)) = self.place_of(message)
            && self.once[word].fetch_or(bit, Ordering::Relaxed) & bit != 0
        {
            self.again[word].fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether its group may process a message of its identity more than once, once notice was taken of all.
    pub(super) fn may_come_again(&self, message: &LoggedMessage) -> bool {
        self.place_of(message).is_some_and(|(word, bit)| self.again[word].load(Ordering::Relaxed) & bit != 0)
    }

    fn place_of(&self, message: &LoggedMessage) -> Option<(usize, u64)> {
        if !message.role.is_processing() || message.identity == Identity::Unknown {
            return None;
        }
        let hash = FixedState::default().hash_one((message.topic, message.group, message.identity));
        let place = ((u128::from(hash) * u128::from(self.bits)) >> u64::BITS) as u64;
        Some(((place / u64::from(u64::BITS)) as usize, 1 << (place % u64::from(u64::BITS))))
    }
}
