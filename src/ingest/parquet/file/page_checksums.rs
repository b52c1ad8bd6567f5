//! Where in a file the page stands whose checksum does not fit.
//!
//! Checksums are checked as pages are read, by the `parquet` crate, which tells neither the column nor the place. This is looked
//! for afterwards, page by page, through the few fields of a page's header that are needed: the header is a struct in Thrift's
//! compact protocol, <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift> `PageHeader`.

use parquet::errors::{ParquetError, Result};
use parquet::file::reader::ChunkReader as _;

use crate::ingest::source::shared_file::SharedFile;

/// A header is longer only where statistics of long texts stand in it.
const HEADER_BYTES: u64 = 64 << 10;

/// Whether `error` says that a checksum does not fit.
pub(crate) fn is_of_checksum(error: &ParquetError) -> bool {
    error.to_string().contains("CRC checksum mismatch")
}

/// The place of the first page between `start` and `end` whose checksum does not fit.
pub(crate) fn first_damaged(file: &SharedFile, mut start: u64, end: u64) -> Result<Option<u64>> {
    while start < end {
        let head = file.get_bytes(start, (end - start).min(HEADER_BYTES) as usize)?;
        let Some(header) = PageHeader::read(&head) else { return Ok(None) };
        let page = start + header.length as u64;
        if header.bytes > end.saturating_sub(page) {
            return Ok(None);
        }
        if let Some(checksum) = header.checksum
            && crc32fast::hash(&file.get_bytes(page, header.bytes as usize)?) != checksum
        {
            return Ok(Some(start));
        }
        start = page + header.bytes;
    }
    Ok(None)
}

/// What is needed of the header of a page.
#[derive(Debug, PartialEq)]
struct PageHeader {
    /// Bytes of the header itself.
    length: usize,
    /// Bytes of the page behind it.
    bytes: u64,
    checksum: Option<u32>,
}

impl PageHeader {
    fn read(bytes: &[u8]) -> Option<Self> {
        const COMPRESSED_BYTES: i16 = 3;
        const CHECKSUM: i16 = 4;
        let mut thrift = Thrift { bytes, at: 0 };
        let (mut page_bytes, mut checksum) = (None, None);
        let mut field = 0;
        while let Some(field_type) = thrift.next_field(&mut field)? {
            match (field, field_type) {
                (COMPRESSED_BYTES, Thrift::I32) => page_bytes = Some(u64::try_from(thrift.integer()?).ok()?),
                (CHECKSUM, Thrift::I32) => checksum = Some(i32::try_from(thrift.integer()?).ok()?.cast_unsigned()),
                _ => thrift.skip(field_type, 0)?,
            }
        }
        Some(Self { length: thrift.at, bytes: page_bytes?, checksum })
    }
}

/// Thrift's compact protocol, as far as headers of pages need it.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    const I32: u8 = 5;
    /// Structs nest no deeper in a header.
    const MAX_DEPTH: u8 = 8;

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Signed numbers are written in zigzag: 0, -1, 1, -2, …
    fn integer(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// The type of the next field, whose number is put into `field`; the inner `None` at the end of the struct.
    #[expect(clippy::option_option, reason = "the outer one is text that ends too early")]
    fn next_field(&mut self, field: &mut i16) -> Option<Option<u8>> {
        let head = self.byte()?;
        if head == 0 {
            return Some(None);
        }
        *field = match head >> 4 {
            0 => i16::try_from(self.integer()?).ok()?,
            step => field.checked_add(step.into())?,
        };
        Some(Some(head & 0x0f))
    }

    fn skip(&mut self, field_type: u8, depth: u8) -> Option<()> {
        match field_type {
            1 | 2 => {}
            3 => self.at += 1,
            4..=6 => drop(self.unsigned()?),
            7 => self.at += 8,
            8 => {
                let length = usize::try_from(self.unsigned()?).ok()?;
                self.at = self.at.checked_add(length)?;
            }
            12 if depth < Self::MAX_DEPTH => {
                let mut field = 0;
                while let Some(field_type) = self.next_field(&mut field)? {
                    self.skip(field_type, depth + 1)?;
                }
            }
            // Lists and maps do not occur in headers.
            _ => return None,
        }
        (self.at <= self.bytes.len()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_far_as_needed() {
        // type 0, 20 bytes, 10 compressed, checksum -2, a struct with a number and a text, the end
        let header = [0x15, 0, 0x15, 40, 0x15, 20, 0x15, 3, 0x1c, 0x15, 2, 0x18, 2, b'x', 0, 0x11, 0, 0];
        let read = PageHeader { length: header.len(), bytes: 10, checksum: Some(u32::MAX - 1) };
        assert_eq!(PageHeader::read(&header), Some(read));
        for length in 0..header.len() {
            assert_eq!(PageHeader::read(&header[..length]), None);
        }
    }
    /// Whichever page is damaged: it is found, and no other.
    #[test]
    fn the_damaged_page_is_found() {
        const WHOLE: &[u8] = include_bytes!("../../../../tests/more_formats/checksums.parquet");
        let found = |bytes: &[u8], start, end| {
            let mut file = tempfile::tempfile().expect("a file");
            std::io::Write::write_all(&mut file, bytes).expect("written");
            first_damaged(&SharedFile::new(file).expect("a file"), start, end).expect("pages")
        };
        // The name and the kind of the second row group: a dictionary and a page of values each.
        for (start, values, end) in [(1320, 1361, 1415), (1497, 1535, 1614)] {
            assert_eq!(found(WHOLE, start, end), None);
            for (at, page) in [(values - 1, start), (end - 1, values)] {
                let mut damaged = WHOLE.to_vec();
                damaged[at as usize] ^= 1;
                assert_eq!(found(&damaged, start, end), Some(page), "{at}");
            }
        }
    }
}
