//! A pattern's id: the same for the same pattern in every run and every version.

/// The id of the pattern of `detector` with `key`: 16 hexadecimal digits.
///
/// FNV-1a with 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv) over the detector's name and the parts of the key, each
/// closed by a zero byte. The function is part of the output's contract and must never change.
pub(crate) fn pattern_id<'a>(detector: &'a str, key: impl IntoIterator<Item = &'a str>) -> String {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = OFFSET_BASIS;
    for part in std::iter::once(detector).chain(key) {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dashboards keep these ids: a change of this value breaks them.
    #[test]
    fn ids_never_change() {
        assert_eq!(pattern_id("n-plus-one", ["web", "GET /", "cart", "GetCart"]), "da61be35ad831d0a");
        assert_ne!(pattern_id("n-plus-one", ["ab", "c"]), pattern_id("n-plus-one", ["a", "bc"]));
    }
}
