//! What one look at each byte of a text tells: which searches may find something in it.
//!
//! Most names and values hold nothing that looks like a secret, and to see that costs less than to begin a search: a search for
//! dozens of needles takes a dozen steps a byte and has to be set up, of which there are millions of short texts.

/// Which searches may find something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hints {
    /// One of the needles may be there.
    pub(super) has_needles: bool,
    /// There is a digit.
    pub(super) has_digits: bool,
    /// There is an at, or what it is encoded with.
    pub(super) has_ats: bool,
}

impl Hints {
    /// Whether no search finds anything.
    pub(super) fn are_none(self) -> bool {
        !self.has_needles && !self.has_digits && !self.has_ats
    }
}

/// Bits of a byte that are the same for a letter in either case.
const BITS: usize = 5;
/// So many bytes at the beginning of a needle are looked for.
const BYTES: usize = 3;
const VALUES: usize = 1 << (BITS * BYTES);
const WORDS: usize = VALUES / u64::BITS as usize;

/// How needles begin, whatever the case of their letters: a bit for each value of their first three bytes.
#[derive(Debug)]
pub(super) struct Beginnings(Box<[u64; WORDS]>);

impl Beginnings {
    /// Those of `needles` but for [`URL`], none of which is shorter than three bytes.
    pub(super) fn of<'a>(needles: impl Iterator<Item = &'a str>) -> Self {
        let mut bits = Box::new([0; WORDS]);
        for needle in needles.filter(|&needle| needle != URL) {
            debug_assert!(needle.len() >= BYTES, "{needle}");
            let window = needle.bytes().take(BYTES).fold(0, next);
            bits[window / u64::BITS as usize] |= 1 << (window % u64::BITS as usize);
        }
        Self(bits)
    }

    /// What may be found in `text`.
    pub(super) fn hints(&self, text: &str) -> Hints {
        let (mut window, mut begins, mut kinds) = (0, 0, 0);
        for byte in text.bytes() {
            window = next(window, byte);
            begins |= self.0[window / u64::BITS as usize] >> (window % u64::BITS as usize);
            kinds |= KINDS[usize::from(byte)];
        }
        let has_ats = kinds & AT != 0;
        // Of a URL nothing but a password is secret because it is one.
        let has_needles = begins & 1 == 1 || has_ats && text.contains(URL);
        Hints { has_needles, has_digits: kinds & DIGIT != 0, has_ats }
    }
}

/// The needle that leads to passwords in URLs, behind which there is an at then: most URLs have none.
pub(super) const URL: &str = "://";

const DIGIT: u8 = 1;
const AT: u8 = 2;

/// What kind of byte each is.
static KINDS: [u8; 1 << u8::BITS] = {
    let mut kinds = [0; 1 << u8::BITS];
    let mut digit = b'0';
    while digit <= b'9' {
        kinds[digit as usize] = DIGIT;
        digit += 1;
    }
    kinds[b'@' as usize] = AT;
    kinds[b'%' as usize] = AT;
    kinds
};

/// The last bytes, with one more.
fn next(window: usize, byte: u8) -> usize {
    ((window << BITS) | (usize::from(byte) % (1 << BITS))) % VALUES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needles are seen wherever they stand and in any case; most texts have none.
    #[test]
    fn hints_miss_nothing() {
        let beginnings = Beginnings::of(["://", "api_key", "eyj", "ghp_"].into_iter());
        for text in ["x://y:z@h", "x://y:z%40h", "APi_keY=1", "a.eyJhbGciOiJI", "ghp_", "GHP_", "žghp_"] {
            assert!(beginnings.hints(text).has_needles, "{text}");
        }
        for text in ["", "gh", "work tncgpdkshtbm", "SELECT orders", "GET /api/orders", "http://shop/items"] {
            let Hints { has_needles, has_digits, has_ats } = beginnings.hints(text);
            assert!(!has_digits && !has_ats, "{text}");
            assert!(!has_needles || text.contains("api"), "{text}");
        }
        assert!(
            beginnings.hints("v1").has_digits && beginnings.hints("a%40b").has_ats && beginnings.hints("a@b").has_ats
        );
    }
}
