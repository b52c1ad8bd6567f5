//! The arguments of a request, as one word: what tells requests of one operation apart.

/// What the arguments of a request are known by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgumentKind {
    /// A query text without placeholders.
    Query,
    /// The id of a message or a document.
    Id,
    /// The full URL.
    Url,
    /// The path, of which neither the host nor, often, the query is known.
    Path,
}

/// The bits of the word that say what the arguments are known by.
const KIND: u64 = 0b111;

impl ArgumentKind {
    /// What the word `arguments` is made of; `None` for 0, which stands for "not known".
    pub fn of(arguments: u64) -> Option<Self> {
        match arguments & KIND {
            1 => Some(Self::Query),
            2 => Some(Self::Id),
            3 => Some(Self::Url),
            4 => Some(Self::Path),
            _ => None,
        }
    }
}

/// The word for the arguments of a request, of which the hashes of query text, id, URL and path are given, 0 where there is none.
/// What says most counts.
pub fn arguments_of(hashes: [u64; 4]) -> u64 {
    let hashes = hashes.into_iter().zip(1..);
    hashes.into_iter().find(|(hash, _)| *hash != 0).map_or(0, |(hash, kind)| hash & !KIND | kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query text says more than an id, that more than a URL, and that more than a path; equal hashes of different things differ.
    #[test]
    fn what_says_most_counts() {
        assert_eq!(ArgumentKind::of(arguments_of([0; 4])), None);
        for (hashes, kind) in [
            ([4, 5, 6, 7], ArgumentKind::Query),
            ([0, 5, 6, 7], ArgumentKind::Id),
            ([0, 0, 6, 7], ArgumentKind::Url),
            ([0, 0, 0, 7], ArgumentKind::Path),
            ([1, 0, 0, 0], ArgumentKind::Query),
        ] {
            assert_eq!(ArgumentKind::of(arguments_of(hashes)), Some(kind), "{hashes:?}");
        }
        assert_ne!(arguments_of([8, 0, 0, 0]), arguments_of([0, 8, 0, 0]));
        assert_ne!(arguments_of([8, 0, 0, 0]), arguments_of([16, 0, 0, 0]));
    }
}
