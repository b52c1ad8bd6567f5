//! Where a piece of a borrowed buffer stands in its input, told by its address, so that decoders need not count.

/// Maps pieces of one buffer to offsets in the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// Where the buffer begins in the input.
    offset: u64,
    /// Where the buffer begins in memory; `None` if its bytes do not stand in the input as they are.
    address: Option<usize>,
}

impl Position {
    /// The buffer stands at `offset`.
    pub(crate) fn of(buffer: &[u8], offset: u64) -> Self {
        Self { offset, address: Some(buffer.as_ptr().addr()) }
    }

    /// The buffer was made from what stands at `offset`, which is then the position of all its pieces.
    pub(crate) fn fixed(offset: u64) -> Self {
        Self { offset, address: None }
    }

    /// Where `piece` of the buffer begins in the input.
    pub(crate) fn offset_of(self, piece: &[u8]) -> u64 {
        self.offset_of_address(piece.as_ptr().addr())
    }

    /// Where the byte of the buffer at `address` stands in the input.
    pub(crate) fn offset_of_address(self, address: usize) -> u64 {
        match self.address {
            Some(start) if address >= start => self.offset + (address - start) as u64,
            _ => self.offset,
        }
    }
}
