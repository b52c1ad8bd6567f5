//! Collected rows in about half of their bytes: what is collected first is most of what a run keeps in memory, and memory
//! that is touched for the first time takes longer than the few steps that packing takes.
//!
//! A row is a head of two bytes, then its numbers, each in as many bytes as it needs: starts as the distance from that of the
//! row before, zigzag, and nothing at all for a parent or arguments that it has not.

use crate::span::SpanId;

use super::partitions::CollectedRow;
use super::signatures::SignatureId;

/// Bytes of the first block, and of the largest.
const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 1 << 9..=1 << 16;

/// Bytes of the longest row, and those that are written behind it for a moment.
const MAX_ROW_BYTES: usize = 2 + 6 * WORD + WORD;

const WORD: usize = size_of::<u64>();

/// Rows in order of arrival. They lie in blocks, so that none is moved when more arrive.
#[derive(Clone, Debug, Default)]
pub(super) struct PackedRows {
    blocks: Vec<Vec<u8>>,
    len: usize,
    last_start: i64,
}

impl PackedRows {
    /// Adds a row; the answer is how many bytes that took anew.
    #[inline]
    pub(super) fn push(&mut self, row: CollectedRow) -> usize {
        let mut new_bytes = 0;
        if self.blocks.last().is_none_or(|block| block.len() + MAX_ROW_BYTES > block.capacity()) {
            new_bytes = self.add_block();
        }
        let Some(block) = self.blocks.last_mut() else { return new_bytes };
        let step = zigzag(row.start.wrapping_sub(self.last_start));
        let duration = row.duration as u64;
        let signature = u64::from(row.signature.0);
        let has_parent = !row.parent_span_id.is_none();
        let has_arguments = row.arguments != 0;
        let head = Head {
            step: bytes_of(step),
            duration: bytes_of(duration),
            signature: bytes_of(signature),
            has_parent,
            has_arguments,
        };
        block.extend_from_slice(&head.to_bytes());
        push_word(block, row.span_id.0, WORD);
        push_word(block, row.parent_span_id.0, usize::from(has_parent) * WORD);
        push_word(block, step, head.step);
        push_word(block, duration, head.duration);
        push_word(block, signature, head.signature);
        push_word(block, row.arguments, usize::from(has_arguments) * WORD);
        self.last_start = row.start;
        self.len += 1;
        new_bytes
    }

    #[cold]
    fn add_block(&mut self) -> usize {
        let bytes =
            self.blocks.last().map_or(*BLOCK_BYTES.start(), |last| (2 * last.capacity()).min(*BLOCK_BYTES.end()));
        let block = Vec::with_capacity(bytes);
        let new_bytes = block.capacity();
        self.blocks.push(block);
        new_bytes
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The rows, in order of arrival.
    pub(super) fn iter(&self) -> UnpackedRows<'_> {
        UnpackedRows { bytes: &[], blocks: self.blocks.iter(), last_start: 0 }
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// How long the numbers of a row are, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Head {
    step: usize,
    duration: usize,
    signature: usize,
    has_parent: bool,
    has_arguments: bool,
}

impl Head {
    const PARENT: u8 = 1 << 3;
    const ARGUMENTS: u8 = 1 << 4;

    fn to_bytes(self) -> [u8; 2] {
        let flags = (u8::from(self.has_parent) * Self::PARENT) | (u8::from(self.has_arguments) * Self::ARGUMENTS);
        [(self.step | self.duration << 4) as u8, self.signature as u8 | flags]
    }

    fn of_bytes([lengths, rest]: [u8; 2]) -> Self {
        Self {
            step: usize::from(lengths & 0xf),
            duration: usize::from(lengths >> 4),
            signature: usize::from(rest & 0x7),
            has_parent: rest & Self::PARENT != 0,
            has_arguments: rest & Self::ARGUMENTS != 0,
        }
    }
}

/// Rows that are unpacked one after the other.
pub(super) struct UnpackedRows<'a> {
    bytes: &'a [u8],
    blocks: std::slice::Iter<'a, Vec<u8>>,
    last_start: i64,
}

impl Iterator for UnpackedRows<'_> {
    type Item = CollectedRow;

    #[inline]
    fn next(&mut self) -> Option<CollectedRow> {
        while self.bytes.is_empty() {
            self.bytes = self.blocks.next()?;
        }
        let (head, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        let head = Head::of_bytes(*head);
        let span_id = self.take_word(WORD);
        let parent_span_id = self.take_word(usize::from(head.has_parent) * WORD);
        let step = self.take_word(head.step);
        let duration = self.take_word(head.duration);
        let signature = self.take_word(head.signature);
        let arguments = self.take_word(usize::from(head.has_arguments) * WORD);
        self.last_start = self.last_start.wrapping_add(unzigzag(step));
        Some(CollectedRow {
            span_id: SpanId(span_id),
            parent_span_id: SpanId(parent_span_id),
            start: self.last_start,
            duration: duration as i64,
            arguments,
            signature: SignatureId(signature as u32),
        })
    }
}

impl UnpackedRows<'_> {
    /// The number in the next `length` bytes.
    #[inline]
    fn take_word(&mut self, length: usize) -> u64 {
        let word = match self.bytes.first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => word_of_few(self.bytes),
        };
        self.bytes = self.bytes.get(length..).unwrap_or_default();
        word & MASKS[length & 0xf]
    }
}

#[cold]
fn word_of_few(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// The bits of so many bytes.
const MASKS: [u64; 16] = {
    let mut masks = [u64::MAX; 16];
    let mut length = 0;
    while length < WORD {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
};

/// Appends the first `length` bytes of `word`, to where all of it has room.
#[inline]
fn push_word(block: &mut Vec<u8>, word: u64, length: usize) {
    let end = block.len() + length;
    block.extend_from_slice(&word.to_le_bytes());
    block.truncate(end);
}

/// How many bytes `word` needs.
#[inline]
fn bytes_of(word: u64) -> usize {
    (u64::BITS - word.leading_zeros()).div_ceil(8) as usize
}

/// Small numbers of either sign as small numbers.
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of numbers of all lengths come back as they were, in order, whatever came before them.
    #[test]
    fn rows_come_back() {
        let noise = |number: u64| {
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xd134_2543_de82_ef95)
        };
        let some = |number: u64| noise(number) >> (noise(number + 1) % 64) as u32;
        let row = |number: u64| CollectedRow {
            span_id: SpanId(some(10 * number)),
            parent_span_id: SpanId(if number.is_multiple_of(3) { 0 } else { some(10 * number + 1) }),
            start: (some(10 * number + 2) as i64).wrapping_mul(if number.is_multiple_of(2) { 1 } else { -1 }),
            duration: (some(10 * number + 3) >> 1) as i64,
            arguments: some(10 * number + 4) * (number % 2),
            signature: SignatureId(some(10 * number + 5) as u32),
        };
        let extremes = [(i64::MIN, 0), (i64::MAX, i64::MAX), (0, 1), (i64::MIN, i64::MAX)];
        let extremes = extremes.map(|(start, duration)| CollectedRow { start, duration, ..row(0) });
        let rows: Vec<CollectedRow> = (0..20_000).map(row).chain(extremes).collect();
        let mut packed = PackedRows::default();
        let bytes: usize = rows.iter().map(|row| packed.push(*row)).sum();
        assert_eq!(packed.len(), rows.len());
        assert!(packed.iter().eq(rows.iter().copied()));
        assert!(packed.blocks.len() > 5 && bytes < rows.len() * size_of::<CollectedRow>());
        assert!(packed.blocks.iter().all(|block| block.capacity() <= *BLOCK_BYTES.end()), "none has grown");
        packed.clear();
        assert_eq!((packed.len(), packed.iter().count()), (0, 0));
    }
}
