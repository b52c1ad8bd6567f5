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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Symbol;
    use crate::trace::MessageRole;

    fn message(group: u32, id: u64) -> LoggedMessage {
        let (role, identity) = (MessageRole::Process, Identity::Id(id));
        LoggedMessage { topic: Symbol(1), group: Symbol(group), role, identity, ..LoggedMessage::default() }
    }

    /// What comes again is known, each group by itself, and of what comes once little is taken for that.
    #[test]
    fn what_comes_again_is_known() {
        const COUNT: u64 = 10_000;
        let once: Vec<LoggedMessage> = (0..COUNT).map(|id| message(2 + (id % 3) as u32, id / 3)).collect();
        let again: Vec<LoggedMessage> = (0..COUNT / 10).map(|id| message(1, id)).collect();
        let repeats = Repeats::of(COUNT + 2 * COUNT / 10);
        once.iter().chain(&again).chain(&again).for_each(|message| repeats.take(message));
        assert!(again.iter().all(|message| repeats.may_come_again(message)));
        let taken = once.iter().filter(|message| repeats.may_come_again(message)).count() as u64;
        assert!(taken < COUNT / 5, "{taken}");
        let unknown = LoggedMessage { identity: Identity::Unknown, ..message(1, 0) };
        let sent = LoggedMessage { role: MessageRole::Publish, ..message(1, 0) };
        assert!(!repeats.may_come_again(&unknown) && !repeats.may_come_again(&sent));
    }
}
