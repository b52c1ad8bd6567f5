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
    /// Several services read what nobody writes here.
    CommonReader,
    /// Calls of a database prove what it tells.
    Database,
    /// Services read what another one writes.
    ForeignReader,
    /// A message was published of a change that did not stay.
    Ghost,
    /// A timeout is known, and nothing else.
    Inferred,
    /// A timeout is far longer than calls take.
    LongTimeout,
    /// A change stayed of which no message was published.
    Lost,
    /// A queue that others than those who fill it wait in.
    MissingBulkhead,
    /// Calls are waited for without end.
    NoTimeout,
    /// A callee may wait for longer than its caller does.
    NotShrinking,
    /// Calls wait for a connection of a pool.
    Pool,
    /// Other traces prove what it tells.
    Proven,
    /// Requests wait for their turn.
    Queue,
    /// Several services have their tables in one schema.
    SameSchema,
    /// Several services write one table.
    SeveralWriters,
    /// Nothing proves what it tells.
    Unproven,
    /// Names of operations tell it, and nothing else.
    Verb,
}

impl FindingKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 19] = [
        Self::None,
        Self::AbandonedWork,
        Self::CommonReader,
        Self::Database,
        Self::ForeignReader,
        Self::Ghost,
        Self::Inferred,
        Self::LongTimeout,
        Self::Lost,
        Self::MissingBulkhead,
        Self::NoTimeout,
        Self::NotShrinking,
        Self::Pool,
        Self::Proven,
        Self::Queue,
        Self::SameSchema,
        Self::SeveralWriters,
        Self::Unproven,
        Self::Verb,
    ];

    /// The name in tables; empty for none.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::AbandonedWork => "abandoned-work",
            Self::CommonReader => "common-reader",
            Self::Database => "database",
            Self::ForeignReader => "foreign-reader",
            Self::Ghost => "ghost",
            Self::Inferred => "inferred",
            Self::LongTimeout => "long-timeout",
            Self::Lost => "lost",
            Self::MissingBulkhead => "missing-bulkhead",
            Self::NoTimeout => "no-timeout",
            Self::NotShrinking => "not-shrinking",
            Self::Pool => "pool",
            Self::Proven => "proven",
            Self::Queue => "queue",
            Self::SameSchema => "same-schema",
            Self::SeveralWriters => "several-writers",
            Self::Unproven => "unproven",
            Self::Verb => "verb",
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
