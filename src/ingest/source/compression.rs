//! Compression, which is taken off layer by layer.
//!
//! All kinds may come in many pieces one after the other (gzip members, zstd frames, streams of bzip2 and xz), with white space or
//! zeros between them, which is what appending to a blob leaves. How much comes out is bounded by what went in.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream as XzStream;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::byte_stream::ByteStream;

/// How many layers of compression are taken off.
pub(crate) const MAX_LAYERS: usize = 3;

/// More than any telemetry shrinks by (gzip cannot exceed 1,032), and less than a bomb does.
pub(crate) const MAX_EXPANSION: u64 = 4096;

/// Expansion is not looked at before so many bytes have come out, because small inputs may be all repetition.
pub(crate) const FREE_EXPANSION_BYTES: u64 = 256 << 20;

/// What a file of xz may ask for to be decompressed: four times what `xz -9` needs.
const XZ_MEMORY_BYTES: u64 = 256 << 20;

/// So many bytes tell the compression.
pub(crate) const MAGIC_BYTES: usize = 10;

/// An input that has given no span once that is looked at may expand so many times.
const MAX_EXPANSION_WITHOUT_SPANS: u64 = 1000;

/// An input is given up because it is almost all empty.
#[derive(Debug, thiserror::Error)]
#[error("it expands more than {MAX_EXPANSION_WITHOUT_SPANS} times and gave no span within 256 MB")]
pub(crate) struct AlmostAllEmpty;

impl AlmostAllEmpty {
    /// Whether this is why reading failed.
    pub(crate) fn is_cause_of(failure: &io::Error) -> bool {
        failure.get_ref().is_some_and(|cause| cause.is::<Self>())
    }
}

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const XZ_MAGIC: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// What the first block of a stream of bzip2 begins with, or, if it has none, its end.
const BZIP2_BLOCKS: [&[u8]; 2] = [&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], &[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];

/// The compression that `bytes` begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Compression {
    /// The compression of a stream whose first [`MAGIC_BYTES`] bytes, as far as there are so many, are `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(GZIP_MAGIC) {
            Some(Self::Gzip)
        } else if bytes.starts_with(ZSTD_MAGIC) || is_skippable_zstd_frame(bytes) {
            Some(Self::Zstd)
        } else if bytes.starts_with(XZ_MAGIC) {
            Some(Self::Xz)
        } else if is_bzip2(bytes) {
            Some(Self::Bzip2)
        } else {
            None
        }
    }
}

fn is_skippable_zstd_frame(bytes: &[u8]) -> bool {
    matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

fn is_bzip2(bytes: &[u8]) -> bool {
    matches!(bytes, [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..] if BZIP2_BLOCKS.iter().any(|block| rest.starts_with(block)))
}

/// The input is compressed in more layers than are taken off.
#[derive(Debug)]
pub(crate) struct TooManyLayers;

/// Takes the layers of compression off. `raw_bytes` counts what is read of the input itself, and `gave_spans` says whether
/// there were any in it so far.
pub(crate) fn decompress(
    mut stream: ByteStream,
    raw_bytes: &Arc<AtomicU64>,
    gave_spans: &Arc<AtomicBool>,
) -> Result<ByteStream, TooManyLayers> {
    for _ in 0..MAX_LAYERS {
        let Some(compression) = Compression::of(stream.fill(MAGIC_BYTES)) else {
            return Ok(stream);
        };
        stream = ByteStream::new(Decompressor::new(compression, stream, raw_bytes, gave_spans));
    }
    if Compression::of(stream.fill(MAGIC_BYTES)).is_some() { Err(TooManyLayers) } else { Ok(stream) }
}

/// Decompresses bytes that are in memory, as far as they can be, into at most `limit` bytes.
pub(crate) fn decompress_slice(compression: Compression, bytes: &[u8], limit: usize) -> (Vec<u8>, io::Result<()>) {
    let mut out = Vec::new();
    let ended = match compression {
        Compression::Gzip => flate2::read::MultiGzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut out),
        Compression::Zstd => {
            ZstdDecoder::with_buffer(bytes).and_then(|decoder| decoder.take(limit as u64 + 1).read_to_end(&mut out))
        }
        Compression::Bzip2 => bzip2::read::MultiBzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut out),
        Compression::Xz => {
            xz_stream().and_then(|xz| XzDecoder::new_stream(bytes, xz).take(limit as u64 + 1).read_to_end(&mut out))
        }
    };
    let ended = ended.and_then(|_| {
        if out.len() > limit {
            return Err(io::Error::other(format!("it expands to more than {limit} bytes")));
        }
        Ok(())
    });
    (out, ended)
}

fn xz_stream() -> io::Result<XzStream> {
    Ok(XzStream::new_stream_decoder(XZ_MEMORY_BYTES, 0)?)
}

/// The longest piece that is known to be empty, unless it is one to be skipped.
const MAX_EMPTY_PIECE: usize = 64;

/// The length of the piece that `bytes` begin with, if nothing comes out of it. To set up a decoder for each takes a
/// thousand times as long, and a file may hold millions of them.
fn empty_piece(bytes: &[u8]) -> Option<usize> {
    if is_skippable_zstd_frame(bytes) {
        let length = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize + 8;
        return (length <= bytes.len()).then_some(length);
    }
    if bytes.starts_with(GZIP_MAGIC) {
        // Deflate without flags: a block of fixed codes or a stored one, both empty, and then a checksum and a length of 0.
        const TRAILER: [u8; 8] = [0; 8];
        let body = bytes.get(10..).filter(|_| bytes[2..4] == [8, 0])?;
        let block = [&[3, 0][..], &[1, 0, 0, 0xff, 0xff]].into_iter().find(|block| body.starts_with(block))?;
        return body[block.len()..].starts_with(&TRAILER).then_some(10 + block.len() + TRAILER.len());
    }
    let descriptor = *bytes.strip_prefix(ZSTD_MAGIC)?.first()?;
    let is_single_segment = descriptor & 0x20 != 0;
    let dictionary_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size_bytes = match descriptor >> 6 {
        0 => usize::from(is_single_segment),
        exponent => 1 << exponent,
    };
    let header = ZSTD_MAGIC.len() + 1 + usize::from(!is_single_segment) + dictionary_bytes + size_bytes;
    let checksum_bytes = if descriptor & 4 != 0 { 4 } else { 0 };
    // The last block, raw, of no length.
    let length = header + 3 + checksum_bytes;
    (bytes.get(header..header + 3)? == [1, 0, 0] && length <= bytes.len()).then_some(length)
}

/// Decompresses piece after piece.
struct Decompressor {
    piece: Piece,
    raw_bytes: Arc<AtomicU64>,
    gave_spans: Arc<AtomicBool>,
    produced: u64,
}

enum Piece {
    Gzip(Box<GzDecoder<ByteStream>>),
    Zstd(Box<ZstdDecoder<'static, ByteStream>>),
    Bzip2(Box<BzDecoder<ByteStream>>),
    Xz(Box<XzDecoder<ByteStream>>),
    Ended,
}

impl Piece {
    fn new(compression: Compression, stream: ByteStream) -> io::Result<Self> {
        match compression {
            Compression::Gzip => Ok(Self::Gzip(Box::new(GzDecoder::new(stream)))),
            Compression::Zstd => Ok(Self::Zstd(Box::new(ZstdDecoder::with_buffer(stream)?.single_frame()))),
            Compression::Bzip2 => Ok(Self::Bzip2(Box::new(BzDecoder::new(stream)))),
            Compression::Xz => Ok(Self::Xz(Box::new(XzDecoder::new_stream(stream, xz_stream()?)))),
        }
    }
}

impl Decompressor {
    fn new(
        compression: Compression,
        stream: ByteStream,
        raw_bytes: &Arc<AtomicU64>,
        gave_spans: &Arc<AtomicBool>,
    ) -> Self {
        // Only the allocation of a context can fail here, and then nothing can be read.
        let piece = Piece::new(compression, stream).unwrap_or(Piece::Ended);
        Self { piece, raw_bytes: Arc::clone(raw_bytes), gave_spans: Arc::clone(gave_spans), produced: 0 }
    }

    /// Goes on to the piece after one that has ended; `false` if there is none.
    fn next_piece(&mut self) -> io::Result<bool> {
        let (mut stream, compression) = match std::mem::replace(&mut self.piece, Piece::Ended) {
            Piece::Gzip(decoder) => (decoder.into_inner(), Compression::Gzip),
            Piece::Zstd(decoder) => (decoder.finish(), Compression::Zstd),
            Piece::Bzip2(decoder) => (decoder.into_inner(), Compression::Bzip2),
            Piece::Xz(decoder) => (decoder.into_inner(), Compression::Xz),
            Piece::Ended => return Ok(false),
        };
        loop {
            let window = stream.fill(MAX_EMPTY_PIECE);
            if let Some(length) = empty_piece(window) {
                stream.advance(length);
                continue;
            }
            if Compression::of(window) == Some(compression) {
                self.piece = Piece::new(compression, stream)?;
                return Ok(true);
            }
            match window.first() {
                Some(byte) if byte.is_ascii_whitespace() || *byte == 0 => stream.advance(1),
                Some(_) => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("what follows byte {} of the compressed data is not compressed", stream.offset()),
                    ));
                }
                None => return stream.take_failure().map_or(Ok(false), Err),
            }
        }
    }
}

impl Read for Decompressor {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = match &mut self.piece {
                Piece::Gzip(decoder) => decoder.read(target)?,
                Piece::Zstd(decoder) => decoder.read(target)?,
                Piece::Bzip2(decoder) => decoder.read(target)?,
                Piece::Xz(decoder) => decoder.read(target)?,
                Piece::Ended => return Ok(0),
            };
            if count == 0 {
                if self.next_piece()? {
                    continue;
                }
                return Ok(0);
            }
            self.produced += count as u64;
            let raw_bytes = self.raw_bytes.load(Ordering::Relaxed);
            let is_beyond = |times: u64| self.produced > raw_bytes.saturating_mul(times).max(FREE_EXPANSION_BYTES);
            if is_beyond(MAX_EXPANSION_WITHOUT_SPANS) && !self.gave_spans.load(Ordering::Relaxed) {
                return Err(io::Error::other(AlmostAllEmpty));
            }
            if is_beyond(MAX_EXPANSION) {
                return Err(io::Error::other(format!(
                    "it expands to more than {MAX_EXPANSION} times its size, which telemetry never does"
                )));
            }
            return Ok(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 1).unwrap()
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_all(bytes: Vec<u8>) -> (Vec<u8>, Option<io::Error>) {
        let raw_bytes = Arc::new(AtomicU64::new(bytes.len() as u64));
        let mut stream = decompress(ByteStream::new(io::Cursor::new(bytes)), &raw_bytes, &Arc::default()).unwrap();
        let out = stream.fill(1 << 30).to_vec();
        (out, stream.take_failure())
    }

    /// Pieces from which nothing comes are told as what they are, whoever wrote them; all others are not.
    #[test]
    fn empty_pieces_are_told() {
        let with_checksum = || {
            let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.finish().unwrap()
        };
        let stored = || {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
            encoder.write_all(b"").unwrap();
            encoder.finish().unwrap()
        };
        let skipped = vec![0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9];
        for piece in [gzip(b""), stored(), zstd(b""), zstd::bulk::compress(b"", 1).unwrap(), with_checksum(), skipped] {
            assert_eq!(empty_piece(&[&piece[..], b"more"].concat()), Some(piece.len()), "{piece:02x?}");
            assert_eq!(empty_piece(&piece[..piece.len() - 1]), None, "{piece:02x?}");
        }
        for piece in [gzip(b"x"), zstd(b"x"), b"text".to_vec(), Vec::new()] {
            assert_eq!(empty_piece(&piece), None, "{piece:02x?}");
        }
        let text = [gzip(b"one "), gzip(b"").repeat(100_000), gzip(b"two")].concat();
        assert_eq!(read_all(text).0, b"one two");
    }

    /// Without a span, an input may expand less.
    #[test]
    fn what_is_almost_all_empty_is_given_up() {
        let zeros = zstd::stream::encode_all(io::repeat(0).take(257 << 20), 1).unwrap();
        let raw_bytes = Arc::new(AtomicU64::new(257 << 10));
        for (gave_spans, is_read) in [(false, false), (true, true)] {
            let stream = ByteStream::new(io::Cursor::new(zeros.clone()));
            let mut stream = decompress(stream, &raw_bytes, &Arc::new(AtomicBool::new(gave_spans))).unwrap();
            assert_eq!(stream.skip(257 << 20), is_read);
            assert_eq!(stream.take_failure().is_some_and(|failure| AlmostAllEmpty::is_cause_of(&failure)), !is_read);
        }
    }

    /// Every piece is read, whatever padding stands between, and layers of both kinds come off.
    #[test]
    fn pieces_and_layers_are_taken_off() {
        let two_members = [gzip(b"one "), b"\n".to_vec(), gzip(b""), gzip(b"two")].concat();
        let two_frames = [zstd(b"one "), vec![0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9], zstd(b""), zstd(b"two")].concat();
        let two_streams = [bzip2(b"one "), bzip2(b""), bzip2(b"two")].concat();
        let two_padded = [xz(b"one "), vec![0; 8], xz(b"two")].concat();
        for bytes in [
            two_members.clone(),
            two_frames.clone(),
            gzip(&two_frames),
            zstd(&gzip(&two_members)),
            two_streams.clone(),
            two_padded.clone(),
            xz(&bzip2(&two_padded)),
        ] {
            let (out, failure) = read_all(bytes);
            assert_eq!(out, b"one two");
            assert!(failure.is_none(), "{failure:?}");
        }
        let four_layers = gzip(&gzip(&gzip(&gzip(b"x"))));
        assert!(decompress(ByteStream::new(io::Cursor::new(four_layers)), &Arc::default(), &Arc::default()).is_err());
    }

    #[test]
    fn a_cut_stream_gives_its_start_and_a_failure() {
        let text: Vec<u8> = (0..100_000u32).flat_map(|number| number.to_le_bytes()).collect();
        for mut bytes in [gzip(&text), zstd(&text), bzip2(&text), xz(&text)] {
            bytes.truncate(bytes.len() - 10);
            let (out, failure) = read_all(bytes);
            assert!(!out.is_empty() && text.starts_with(&out));
            assert_eq!(failure.unwrap().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    /// Text that begins like bzip2 is no bzip2.
    #[test]
    fn compression_is_told_by_more_than_a_few_letters() {
        for (bytes, compression) in
            [(bzip2(b"x"), Compression::Bzip2), (bzip2(b""), Compression::Bzip2), (xz(b""), Compression::Xz)]
        {
            assert_eq!(Compression::of(&bytes), Some(compression));
        }
        assert_eq!(Compression::of(b"BZh9 is a word"), None);
        assert_eq!(Compression::of(b""), None);
    }

    #[test]
    fn a_bomb_is_stopped() {
        let bomb = zstd::stream::encode_all(io::repeat(0).take(300 << 20), 1).unwrap();
        let raw_bytes = Arc::new(AtomicU64::new(bomb.len() as u64));
        let mut stream =
            decompress(ByteStream::new(io::Cursor::new(bomb)), &raw_bytes, &Arc::new(AtomicBool::new(true))).unwrap();
        assert!(!stream.skip(u64::MAX));
        assert!(stream.offset() < 300 << 20);
        assert!(stream.take_failure().is_some());
    }
}
