//! Messages with a length before each: the collector's file exporter (4 bytes, big-endian), varint-delimited protobuf,
//! and captured gRPC streams (a flag byte, then 4 bytes, big-endian).

use super::proto;
use crate::ingest::json::opening::{looks_like_json, text_start};
use crate::ingest::source::compression::Compression;
use crate::ingest::source::limits::MAX_MESSAGE_BYTES;

/// The most bytes that a length takes.
pub(crate) const MAX_HEADER_BYTES: usize = 10;

/// How many frames are looked at to recognise a framing.
const FRAMES_LOOKED_AT: usize = 64;

/// How messages are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// 4 bytes of length, big-endian.
    BigEndian32,
    /// A varint of length.
    Varint,
    /// A flag byte and 4 bytes of length, big-endian.
    Grpc,
}

/// What stands before a message.
pub(crate) enum FrameHeader {
    /// So many bytes, and then a message of so many.
    Frame { bytes: usize, length: u64 },
    /// It is cut off.
    Cut,
    /// It is none.
    Invalid,
}

impl Framing {
    /// In the order in which they are tried: nearly all bytes are a varint, few begin with a length of 4 bytes that fits.
    const ALL: [Self; 3] = [Self::BigEndian32, Self::Grpc, Self::Varint];

    /// What `bytes` begin with.
    pub(crate) fn header(self, bytes: &[u8]) -> FrameHeader {
        let big_endian = |bytes: &[u8]| bytes.first_chunk().map(|bytes| u64::from(u32::from_be_bytes(*bytes)));
        match self {
            Self::BigEndian32 => {
                big_endian(bytes).map_or(FrameHeader::Cut, |length| FrameHeader::Frame { bytes: 4, length })
            }
            Self::Grpc => match bytes.split_first() {
                None => FrameHeader::Cut,
                Some((0 | 1, rest)) => {
                    big_endian(rest).map_or(FrameHeader::Cut, |length| FrameHeader::Frame { bytes: 5, length })
                }
                Some(_) => FrameHeader::Invalid,
            },
            Self::Varint => {
                let mut rest = bytes;
                match prost::encoding::decode_varint(&mut rest) {
                    Ok(length) => FrameHeader::Frame { bytes: bytes.len() - rest.len(), length },
                    Err(_) if bytes.len() < 10 => FrameHeader::Cut,
                    Err(_) => FrameHeader::Invalid,
                }
            }
        }
    }

    /// How many bytes, all of them 0, a frame without anything in it has.
    pub(crate) fn empty_frame_bytes(self) -> usize {
        match self {
            Self::BigEndian32 => 4,
            Self::Varint => 1,
            Self::Grpc => 5,
        }
    }

    /// Whether a file can begin with `head`, which is all of it if `ended`.
    fn fits(self, head: &[u8], ended: bool) -> bool {
        let mut rest = head;
        let mut messages = 0;
        while messages < FRAMES_LOOKED_AT {
            let zeros = leading_zeros(rest);
            rest = &rest[zeros - zeros % self.empty_frame_bytes()..];
            if rest.is_empty() {
                break;
            }
            let (bytes, length) = match self.header(rest) {
                FrameHeader::Frame { bytes, length } => (bytes, length),
                FrameHeader::Cut => break,
                FrameHeader::Invalid => return false,
            };
            rest = &rest[bytes..];
            if length > 0 {
                if rest.is_empty() {
                    break;
                }
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let payload = &rest[..length.min(rest.len())];
                if !looks_like_payload(payload) || length > MAX_MESSAGE_BYTES {
                    return false;
                }
                messages += 1;
                rest = &rest[payload.len()..];
            }
        }
        // Zero bytes alone are no file of empty messages.
        messages > 0 && (ended || !head.is_empty())
    }
}

/// How many bytes of 0 `bytes` begin with.
pub(crate) fn leading_zeros(bytes: &[u8]) -> usize {
    const AT_ONCE: usize = 64;
    let chunks = bytes.chunks_exact(AT_ONCE).take_while(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0);
    let zeros = chunks.count() * AT_ONCE;
    zeros + bytes[zeros..].iter().take_while(|&&byte| byte == 0).count()
}

fn looks_like_payload(payload: &[u8]) -> bool {
    Compression::of(payload).is_some() || looks_like_json(text_start(payload)) || proto::looks_like_message(payload)
}

/// The framing of a file that begins with `head`, which is all of it if `ended`.
pub(crate) fn recognise_framing(head: &[u8], ended: bool) -> Option<Framing> {
    Framing::ALL.into_iter().find(|framing| framing.fits(head, ended))
}
