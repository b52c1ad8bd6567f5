//! Kinds of findings, where one detector tells several.

/// What kind of finding one is, where its detector tells several. The variants are in the order of their names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum FindingKind {
    /// The detector tells no kinds.
    #[default]
    None,
    /// A callee works on after its caller has left.
    AbandonedWork,
    /// A message went where messages go that cannot be processed.
    DeadLetter,
    /// A service that does too much.
    God,
    /// Messages wait longer and longer.
    Growing,
    /// A timeout is known, and nothing else.
    Inferred,
    /// Messages of one key are out of order.
    Key,
    /// A timeout is far longer than calls take.
    LongTimeout,
    /// A queue that others than those who fill it wait in.
    MissingBulkhead,
    /// A service that does too little.
    Nano,
    /// Calls are waited for without end.
    NoTimeout,
    /// A callee may wait for longer than its caller does.
    NotShrinking,
    /// Messages of one key are processed at once.
    Overlap,
    /// Messages of one partition are out of order.
    Partition,
    /// A message cannot be processed, and comes again.
    Poison,
    /// Calls wait for a connection of a pool.
    Pool,
    /// Other traces prove what it tells.
    Proven,
    /// Requests wait for their turn.
    Queue,
    /// Messages wait long.
    Slow,
    /// Nothing proves what it tells.
    Unproven,
}

impl FindingKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 20] = [
        Self::None,
        Self::AbandonedWork,
        Self::DeadLetter,
        Self::God,
        Self::Growing,
        Self::Inferred,
        Self::Key,
        Self::LongTimeout,
        Self::MissingBulkhead,
        Self::Nano,
        Self::NoTimeout,
        Self::NotShrinking,
        Self::Overlap,
        Self::Partition,
        Self::Poison,
        Self::Pool,
        Self::Proven,
        Self::Queue,
        Self::Slow,
        Self::Unproven,
    ];

    /// The name in tables; empty for none.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::AbandonedWork => "abandoned-work",
            Self::DeadLetter => "dead-letter",
            Self::God => "god",
            Self::Growing => "growing",
            Self::Inferred => "inferred",
            Self::Key => "key",
            Self::LongTimeout => "long-timeout",
            Self::MissingBulkhead => "missing-bulkhead",
            Self::Nano => "nano",
            Self::NoTimeout => "no-timeout",
            Self::NotShrinking => "not-shrinking",
            Self::Overlap => "overlap",
            Self::Partition => "partition",
            Self::Poison => "poison",
            Self::Pool => "pool",
            Self::Proven => "proven",
            Self::Queue => "queue",
            Self::Slow => "slow",
            Self::Unproven => "unproven",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers are the places in the order of the names: tables rank by them.
    #[test]
    fn kinds_are_in_the_order_of_their_names() {
        assert!(FindingKind::ALL.is_sorted_by_key(|kind| kind.as_str()));
        assert!((0..).zip(FindingKind::ALL).all(|(number, kind)| kind as usize == number));
    }
}
