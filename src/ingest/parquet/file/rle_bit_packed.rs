//! Parquet's RLE/bit-packed hybrid, in which definition levels and dictionary indices are written
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>).
//!
//! Runs of two sorts follow one another. The lowest bit of a run's header, a varint, tells which it is:
//!
//! ```text
//! count << 1        number               count times the same number, in as few whole bytes as have its bits
//! groups << 1 | 1   numbers, packed      eight numbers a group, without gaps, the lowest bit of a byte first
//! ```
//!
//! No byte says how many numbers there are: whoever reads knows, and what pads the last group is never asked for.

use arrow::array::BooleanBufferBuilder;
use prost::bytes::Bytes;

/// The numbers of one page.
#[derive(Clone, Debug, Default)]
pub(crate) struct RleBitPacked {
    bytes: Bytes,
    /// Where the next run begins.
    at: usize,
    bit_width: u32,
    run: Run,
}

/// What is left of the run that is being read.
#[derive(Clone, Copy, Debug)]
enum Run {
    /// So many times the same number.
    Repeated { value: u32, count: usize },
    /// So many numbers of `bit_width` bits, from this bit of all bytes on.
    BitPacked { bit: usize, count: usize },
}

impl Default for Run {
    fn default() -> Self {
        Self::Repeated { value: 0, count: 0 }
    }
}

impl RleBitPacked {
    /// The numbers of `bit_width` bits, at most 32, in `bytes`.
    pub(crate) fn new(bytes: Bytes, bit_width: u32) -> Self {
        Self { bytes, at: 0, bit_width: bit_width.min(u32::BITS), run: Run::default() }
    }

    /// Appends the next `count` numbers; `None` if there are not so many.
    pub(crate) fn read(&mut self, count: usize, numbers: &mut Vec<u32>) -> Option<()> {
        let mut left = count;
        while left > 0 {
            left -= match self.take(left)? {
                Run::Repeated { value, count } => {
                    numbers.resize(numbers.len() + count, value);
                    count
                }
                Run::BitPacked { bit, count } => {
                    self.unpack(bit, count, numbers);
                    count
                }
            };
        }
        Some(())
    }

    /// Appends the next `count` numbers, which are bits; `None` if there are not so many.
    pub(crate) fn read_bits(&mut self, count: usize, bits: &mut BooleanBufferBuilder) -> Option<()> {
        debug_assert_eq!(self.bit_width, 1, "bits");
        let mut left = count;
        while left > 0 {
            left -= match self.take(left)? {
                Run::Repeated { value, count } => {
                    bits.append_n(count, value != 0);
                    count
                }
                Run::BitPacked { bit, count } => {
                    bits.append_packed_range(bit..bit + count, &self.bytes);
                    count
                }
            };
        }
        Some(())
    }

    /// Takes at most `most` numbers of the current run, of which there is one if `most` is one or more.
    fn take(&mut self, most: usize) -> Option<Run> {
        loop {
            match &mut self.run {
                Run::Repeated { count: 0, .. } | Run::BitPacked { count: 0, .. } => self.begin_run()?,
                Run::Repeated { value, count } => {
                    let taken = most.min(*count);
                    *count -= taken;
                    return Some(Run::Repeated { value: *value, count: taken });
                }
                Run::BitPacked { bit, count } => {
                    let taken = Run::BitPacked { bit: *bit, count: most.min(*count) };
                    *bit += most.min(*count) * self.bit_width as usize;
                    *count -= most.min(*count);
                    return Some(taken);
                }
            }
        }
    }

    fn begin_run(&mut self) -> Option<()> {
        let header = self.varint()?;
        // A run of nothing is refused, so that every run that is begun brings the reader on.
        let count = usize::try_from(header >> 1).ok().filter(|count| *count > 0)?;
        let width = self.bit_width as usize;
        let rest = self.bytes.len() - self.at;
        if header & 1 == 1 {
            // Eight numbers of `width` bits are `width` bytes. Writers may leave out what pads the last group, so that a last
            // run is shorter than it says. Numbers of no bits, of a dictionary with one value, take no bytes at all.
            let bytes = count.checked_mul(width)?.min(rest);
            let count = match (bytes * 8).checked_div(width) {
                Some(count) => count,
                None => count.checked_mul(8)?,
            };
            self.run = Run::BitPacked { bit: self.at * 8, count };
            self.at += bytes;
            (count > 0).then_some(())
        } else {
            let bytes = self.bytes.get(self.at..self.at + width.div_ceil(8))?;
            let value = bytes.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte));
            self.at += bytes.len();
            self.run = Run::Repeated { value, count };
            Some(())
        }
    }

    /// Appends `count` packed numbers, the first of which begins at bit number `bit`.
    fn unpack(&self, bit: usize, count: usize, numbers: &mut Vec<u32>) {
        let width = self.bit_width as usize;
        // At most 7 bits before it and its own 32: a number always lies within the eight bytes from where it begins.
        let mask = (1u64 << width) - 1;
        let number = |word: u64, bit: usize| (word >> (bit % 8) & mask) as u32;
        let bit_of = |index: usize| bit + index * width;
        // Numbers that begin with at least eight bytes ahead are cut out of one word.
        let begin_of_last_word = (self.bytes.len() * 8).saturating_sub(u64::BITS as usize);
        let in_words = match begin_of_last_word.checked_sub(bit) {
            Some(room) if width > 0 => count.min(room / width),
            _ => 0,
        };
        let bytes = &*self.bytes;
        numbers.extend((0..in_words).map(|index| {
            let bit = bit_of(index);
            let word = bytes[bit / 8..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
            number(word, bit)
        }));
        numbers.extend((in_words..count).map(|index| {
            let bit = bit_of(index);
            let rest = bytes[bit / 8..].iter().take(size_of::<u64>());
            number(rest.rev().fold(0, |word, &byte| word << 8 | u64::from(byte)), bit)
        }));
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All numbers, read in pieces.
    fn all(bytes: &[u8], bit_width: u32, piece: usize) -> Vec<u32> {
        let mut numbers_of_page = RleBitPacked::new(Bytes::copy_from_slice(bytes), bit_width);
        let mut numbers = Vec::new();
        while numbers_of_page.read(piece, &mut numbers).is_some() {}
        numbers
    }

    /// The example of Parquet's documentation, between runs, in pieces of any length.
    #[test]
    fn runs_and_packed_numbers_alternate() {
        let bytes = [0x0a, 6, 0x03, 0x88, 0xc6, 0xfa, 0x04, 1];
        let expected = [6, 6, 6, 6, 6, 0, 1, 2, 3, 4, 5, 6, 7, 1, 1];
        for piece in [1, 2, 3, 7, 100] {
            assert_eq!(all(&bytes, 3, piece), expected, "in pieces of {piece}");
        }
        assert_eq!(all(&[0x08], 0, 1), [0; 4]);
        assert_eq!(all(&[0x03], 0, 1), [0; 8]);
    }

    /// Every width, against a reading bit by bit; the numbers at the end too, behind which there is no whole word.
    #[test]
    fn packed_numbers_of_every_width() {
        let noise: Vec<u8> = (0..128u32).map(|byte| (byte.wrapping_mul(0x9e37_79b9) >> 13) as u8).collect();
        for width in 1..=32usize {
            let bytes = [&[0x07], &noise[..3 * width]].concat();
            let bit = |number: usize| u32::from(bytes[1 + number / 8] >> (number % 8) & 1);
            let value = |index: usize| (0..width).fold(0, |value, at| value | bit(index * width + at) << at);
            assert_eq!(all(&bytes, width as u32, 5), (0..24).map(value).collect::<Vec<u32>>(), "{width} bits");
        }
    }

    #[test]
    fn bits_are_numbers_of_one_bit() {
        let bytes = [0x05, 0b1010_0110, 0x0f, 0x06, 1, 0x00, 0x06, 0];
        let mut bits = BooleanBufferBuilder::new(0);
        let mut numbers_of_page = RleBitPacked::new(Bytes::copy_from_slice(&bytes), 1);
        for piece in [3, 9, 6] {
            numbers_of_page.read_bits(piece, &mut bits).expect("so many bits");
        }
        let numbers: Vec<u32> = (0..bits.len()).map(|bit| bits.get_bit(bit).into()).collect();
        assert_eq!(numbers, all(&bytes, 1, 1)[..18]);
    }

    /// Whatever bytes come, numbers end.
    #[test]
    fn what_is_cut_ends() {
        let bytes = [0x03, 0x88, 0xc6, 0xfa, 0xff, 0xff, 0xff, 0x7f];
        for length in 0..bytes.len() {
            assert!(all(&bytes[..length], 3, 1).len() <= 8, "{length} bytes");
        }
        assert_eq!(all(&bytes[..3], 3, 1).len(), 5);
    }
}
