//! Numbers in as many bytes as they need, as in Protocol Buffers: small ones take a byte, and signed ones are zigzag.

/// A time in whole units of so many ns. Those that clocks have are named one by one: by what the compiler knows it divides several
/// times as fast, and every call and every span has some times.
pub(super) fn in_units(time_ns: i64, unit_ns: i64) -> i64 {
    match unit_ns {
        1 => time_ns,
        1_000 => time_ns / 1_000,
        1_000_000 => time_ns / 1_000_000,
        _ => time_ns / unit_ns,
    }
}

/// The bit of each of eight bytes that says that its number goes on.
const HAS_NEXT: u64 = 0x8080_8080_8080_8080;

/// Takes numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Packer(pub(super) Vec<u8>);

impl Packer {
    /// Adds a number. Most are of one byte: rows, and what is known by a number. Those of times are made all at once, as
    /// [`Unpacker::number`] reads them, for the same reason.
    #[inline]
    pub(super) fn number(&mut self, number: u64) {
        if number < 0x80 {
            self.0.push(number as u8);
        } else {
            self.large_number(number);
        }
    }

    fn large_number(&mut self, number: u64) {
        if number >= 1 << 56 {
            return self.long_number(number);
        }
        let bytes = (u64::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize;
        // One number becomes twenty-eights of bits, then fourteens, then sevens.
        let word = number & 0x0fff_ffff | (number & 0x00ff_ffff_f000_0000) << 4;
        let word = word & 0x0000_3fff_0000_3fff | (word & 0x0fff_c000_0fff_c000) << 2;
        let word = word & 0x007f_007f_007f_007f | (word & 0x3f80_3f80_3f80_3f80) << 1;
        let but_the_last = (1u64 << (8 * (bytes - 1))) - 1;
        let end = self.0.len() + bytes;
        self.0.extend_from_slice(&(word | HAS_NEXT & but_the_last).to_le_bytes());
        self.0.truncate(end);
    }

    fn long_number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Adds a number that may be below zero.
    pub(super) fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63) as u64);
    }
}

/// Gives the numbers back in the same order, zeros where there are no more.
pub(super) struct Unpacker<'a>(pub(super) &'a [u8]);

impl Unpacker<'_> {
    /// The next byte.
    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// The bytes that follow the number that says how many they are, or as many as there are.
    pub(super) fn part(&mut self) -> Self {
        let bytes = usize::try_from(self.number()).unwrap_or(usize::MAX).min(self.0.len());
        let (part, rest) = self.0.split_at(bytes);
        self.0 = rest;
        Self(part)
    }

    /// The next eight bytes.
    pub(super) fn word(&mut self) -> [u8; 8] {
        std::array::from_fn(|_| self.byte())
    }

    /// The next number. Which of the next eight bytes is its last is told by all of them at once: lengths of numbers that follow
    /// each other differ, so that asking byte after byte would mostly be guessed wrong.
    pub(super) fn number(&mut self) -> u64 {
        let Some(&bytes) = self.0.first_chunk() else { return self.long_number() };
        // The first byte is the lowest.
        let word = u64::from_le_bytes(bytes);
        let ends = !word & HAS_NEXT;
        if ends == 0 {
            return self.long_number();
        }
        self.0 = &self.0[ends.trailing_zeros() as usize / 8 + 1..];
        // The bits below the first end, and its own seven.
        let word = word & (ends ^ (ends - 1)) & !HAS_NEXT;
        // Sevens of bits become fourteens, then twenty-eights, then one number.
        let word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
        let word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2;
        word & 0x0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4
    }

    fn long_number(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    /// The next number that may be below zero.
    pub(super) fn signed(&mut self) -> i64 {
        let number = self.number();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the encoding is defined.
    fn bytes_of(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    proptest! {
        /// Numbers of all lengths are written as they are defined and come back; where bytes end too early, the rest is zeros.
        #[test]
        fn numbers_come_back(
            numbers in proptest::collection::vec((any::<u64>(), 0..64u32).prop_map(|(number, shift)| number >> shift), 0..40),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut packer = Packer::default();
            numbers.iter().for_each(|&number| packer.number(number));
            let packed = packer.0;
            prop_assert_eq!(&packed, &numbers.iter().copied().flat_map(bytes_of).collect::<Vec<_>>());
            let mut unpacker = Unpacker(&packed);
            prop_assert_eq!(&numbers.iter().map(|_| unpacker.number()).collect::<Vec<_>>(), &numbers);
            prop_assert!(unpacker.0.is_empty());
            let mut unpacker = Unpacker(&packed[..cut.index(packed.len() + 1)]);
            numbers.iter().for_each(|_| _ = unpacker.number());
            prop_assert_eq!((unpacker.0.len(), unpacker.number()), (0, 0));
        }
    }
}
