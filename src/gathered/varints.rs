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

/// How many bytes there are up to the first that ends a number, that one included.
fn bytes_to_first(ends: u64) -> usize {
    ends.trailing_zeros() as usize / 8 + 1
}

/// Takes numbers.
#[derive(Debug, Default)]
pub(super) struct Packer(pub(super) Vec<u8>);

impl Packer {
    /// Adds a number.
    pub(super) fn number(&mut self, mut number: u64) {
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

    /// Passes over some bytes.
    pub(super) fn skip_bytes(&mut self, bytes: usize) {
        self.0 = self.0.get(bytes..).unwrap_or_default();
    }

    /// The next eight bytes.
    pub(super) fn word(&mut self) -> [u8; 8] {
        std::array::from_fn(|_| self.byte())
    }

    /// The next number. Which of the next eight bytes is its last is told by all of them at once: lengths of numbers that follow
    /// each other differ, so that asking byte after byte would mostly be guessed wrong.
    pub(super) fn number(&mut self) -> u64 {
        let Some((word, ends)) = self.word_with_ends() else { return self.long_number() };
        if ends == 0 {
            return self.long_number();
        }
        self.0 = &self.0[bytes_to_first(ends)..];
        // The bits below the first end, and its own seven.
        let word = word & (ends ^ (ends - 1)) & !HAS_NEXT;
        // Sevens of bits become fourteens, then twenty-eights, then one number.
        let word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
        let word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2;
        word & 0x0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4
    }

    /// Passes over some numbers.
    pub(super) fn skip_numbers(&mut self, mut numbers: usize) {
        while numbers > 0 {
            let Some((_, mut ends)) = self.word_with_ends().filter(|&(_, ends)| ends != 0) else {
                self.long_number();
                numbers -= 1;
                continue;
            };
            let passed = numbers.min(ends.count_ones() as usize);
            (1..passed).for_each(|_| ends &= ends - 1);
            self.0 = &self.0[bytes_to_first(ends)..];
            numbers -= passed;
        }
    }

    /// The next eight bytes, the first the lowest, and the highest bit of each that is the last of a number. `None` if there are
    /// fewer.
    fn word_with_ends(&self) -> Option<(u64, u64)> {
        let word = u64::from_le_bytes(*self.0.first_chunk()?);
        Some((word, !word & HAS_NEXT))
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
        /// Numbers of all lengths are written as they are defined and come back, also where some are passed over; where bytes end
        /// too early, the rest is zeros.
        #[test]
        fn numbers_come_back(
            numbers in proptest::collection::vec((any::<u64>(), 0..64u32).prop_map(|(number, shift)| number >> shift), 0..40),
            first in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut packer = Packer::default();
            numbers.iter().for_each(|&number| packer.number(number));
            let packed = packer.0;
            prop_assert_eq!(&packed, &numbers.iter().copied().flat_map(bytes_of).collect::<Vec<_>>());
            let mut unpacker = Unpacker(&packed);
            prop_assert_eq!(&numbers.iter().map(|_| unpacker.number()).collect::<Vec<_>>(), &numbers);
            prop_assert!(unpacker.0.is_empty());
            let first = first.index(numbers.len() + 1);
            let mut unpacker = Unpacker(&packed);
            unpacker.skip_numbers(first);
            let rest: Vec<u64> = numbers[first..].iter().map(|_| unpacker.number()).collect();
            prop_assert_eq!(&rest, &numbers[first..]);
            let mut unpacker = Unpacker(&packed[..cut.index(packed.len() + 1)]);
            unpacker.skip_numbers(numbers.len());
            prop_assert_eq!((unpacker.0.len(), unpacker.number()), (0, 0));
        }
    }
}
