//! Messages with a length before each: the collector's file exporter (4 bytes, big-endian), varint-delimited protobuf,
//! and captured gRPC streams (a flag byte, then 4 bytes, big-endian).

use super::proto;
use super::whole_message::{Effort, is_whole_message};
use crate::ingest::json::opening::{looks_like_json, text_start};
use crate::ingest::source::compression::Compression;
use crate::ingest::source::limits::MAX_MESSAGE_BYTES;

/// The most bytes that a length takes.
pub(crate) const MAX_HEADER_BYTES: usize = 10;

/// How much of a frame tells whether it may be one: its header, and a start of its message that has the fields that are
/// looked at.
pub(crate) const LOOKED_AT_BYTES: usize = MAX_HEADER_BYTES + 256;

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
            match self.start_of(rest) {
                Start::Frame { end, is_empty } => {
                    messages += usize::from(!is_empty);
                    rest = &rest[end.min(rest.len())..];
                }
                Start::End => break,
                Start::Other => return false,
            }
        }
        // Zero bytes alone are no file of empty messages.
        messages > 0 && (ended || !head.is_empty())
    }

    /// What `bytes` begin with once empty frames are passed over.
    fn start_of(self, bytes: &[u8]) -> Start {
        let zeros = leading_zeros(bytes);
        let empty = zeros - zeros % self.empty_frame_bytes();
        let rest = &bytes[empty..];
        if rest.is_empty() {
            return Start::End;
        }
        let (header_bytes, length) = match self.header(rest) {
            FrameHeader::Frame { bytes, length } => (bytes, length),
            FrameHeader::Cut => return Start::End,
            FrameHeader::Invalid => return Start::Other,
        };
        let available = &rest[header_bytes..];
        if available.is_empty() {
            return Start::End;
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let payload = &available[..length.min(available.len())];
        if length == 0 || looks_like_payload(payload) && length <= MAX_MESSAGE_BYTES {
            Start::Frame { end: empty + header_bytes + length, is_empty: length == 0 }
        } else {
            Start::Other
        }
    }

    /// What stands in `rest`, behind the end of a frame. It is not looked far.
    fn behind_frame(self, rest: &[u8]) -> Start {
        self.start_of(&rest[..rest.len().min(LOOKED_AT_BYTES)])
    }

    /// Whether `rest`, behind the end of a frame, is what can be there: another frame, or nothing.
    pub(crate) fn goes_on(self, rest: &[u8]) -> bool {
        !matches!(self.behind_frame(rest), Start::Other)
    }

    /// Where in `bytes`, at `from` or after it, the first frame begins that is all there and is one without regard to what
    /// stands before it: its message is whole, or if it is none of protobuf, it goes on with another frame. Almost all
    /// places are passed over by what their first bytes say, and the others by no more than `effort`.
    pub(crate) fn find_whole(self, bytes: &[u8], from: usize, effort: &mut Effort) -> Option<usize> {
        (from..bytes.len()).find(|&at| self.whole_frame(&bytes[at..], effort).is_some())
    }

    /// The length of the frame that `bytes` begin with, if it is all there and one by itself.
    fn whole_frame(self, bytes: &[u8], effort: &mut Effort) -> Option<usize> {
        let FrameHeader::Frame { bytes: header_bytes, length } = self.header(bytes) else {
            return None;
        };
        let payload = bytes[header_bytes..].get(..usize::try_from(length).ok()?)?;
        let head = &payload[..payload.len().min(LOOKED_AT_BYTES)];
        if !looks_like_payload(head) {
            return None;
        }
        let end = header_bytes + payload.len();
        let is_frame = if proto::looks_like_message(head) {
            is_whole_message(payload, effort)
        } else {
            // Of text, any character is the length of something.
            self != Self::Varint && self.goes_on(&bytes[end..])
        };
        is_frame.then_some(end)
    }

    /// Where the first frame in `bytes` begins that is one by itself and goes on with another.
    fn find_two(self, bytes: &[u8], effort: &mut Effort) -> Option<usize> {
        let mut from = 0;
        while let Some(at) = self.find_whole(bytes, from, effort) {
            let end = at + self.whole_frame(&bytes[at..], effort)?;
            if matches!(self.behind_frame(&bytes[end..]), Start::Frame { .. }) {
                return Some(at);
            }
            from = at + 1;
        }
        None
    }
}

/// What bytes begin with.
enum Start {
    /// A frame, or the start of one, that ends at `end`, which may be behind the bytes.
    Frame { end: usize, is_empty: bool },
    /// Nothing, or too little to tell.
    End,
    /// No frame.
    Other,
}

/// How many bytes of 0 `bytes` begin with.
pub(crate) fn leading_zeros(bytes: &[u8]) -> usize {
    const AT_ONCE: usize = 64;
    let chunks = bytes.chunks_exact(AT_ONCE).take_while(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0);
    let zeros = chunks.count() * AT_ONCE;
    zeros + bytes[zeros..].iter().take_while(|&&byte| byte == 0).count()
}

/// Whether `payload`, or the start of it, can be a message.
pub(crate) fn looks_like_payload(payload: &[u8]) -> bool {
    Compression::of(payload).is_some() || looks_like_json(text_start(payload)) || proto::looks_like_message(payload)
}

/// The framing of a file that begins with `head`, which is all of it if `ended`.
pub(crate) fn recognise_framing(head: &[u8], ended: bool) -> Option<Framing> {
    Framing::ALL.into_iter().find(|framing| framing.fits(head, ended))
}

/// The framing of a file that begins with `head` and is damaged there: the one in which a frame follows another soonest.
pub(crate) fn recognise_damaged(head: &[u8]) -> Option<Framing> {
    let mut effort = Effort::default();
    let places = Framing::ALL.into_iter().filter_map(|framing| Some((framing.find_two(head, &mut effort)?, framing)));
    places.min_by_key(|(at, _)| *at).map(|(_, framing)| framing)
}
