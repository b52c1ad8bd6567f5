//! Whether bytes are all of one message of spans, to the last of them: what tells a message from the middle of another, where
//! nothing else says that one begins.

use super::protobuf_fields::{WireField, WireFields};

/// How many fields may be looked at, however few bytes were read.
const FREE_FIELDS: u64 = 1 << 26;

/// A message has a field in two bytes at most; each may be looked at once where it stands, and in vain from somewhere before it.
const FIELDS_PER_BYTE: u64 = 4;

/// How many fields were looked at in one input. They may be no more than some for every byte that was passed, so that an
/// input made of starts of messages, each around all others, takes no longer than its size allows.
#[derive(Debug)]
pub(crate) struct Effort {
    spent: u64,
    allowed: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Self { spent: 0, allowed: FREE_FIELDS }
    }
}

impl Effort {
    /// Notes that the input was passed up to `offset`.
    pub(crate) fn passed(&mut self, offset: u64) {
        self.allowed = FREE_FIELDS.saturating_add(offset.saturating_mul(FIELDS_PER_BYTE));
    }

    fn spend(&mut self) -> Option<()> {
        self.spent += 1;
        (self.spent <= self.allowed).then_some(())
    }
}

/// The messages that spans stand in, each in the one before it.
#[derive(Clone, Copy)]
enum Level {
    Traces,
    ResourceSpans,
    ScopeSpans,
    Span,
}

/// Whether `message` is TracesData with a span in it, and nothing is left over or missing in it, in its ResourceSpans and
/// ScopeSpans, and in its spans. The values of spans are not looked into.
pub(crate) fn is_whole_message(message: &[u8], effort: &mut Effort) -> bool {
    has_span(message, Level::Traces, effort) == Some(true)
}

/// Whether there is a span; `None` if `message` is not whole.
fn has_span(message: &[u8], level: Level, effort: &mut Effort) -> Option<bool> {
    let mut fields = WireFields::of(message);
    let mut found = false;
    while let Some(key) = fields.rest().first() {
        effort.spend()?;
        // Groups, which OTLP has none of, would be walked through to tell where they end.
        if matches!(key & 7, 3 | 4) {
            return None;
        }
        let field = fields.next()?.ok()?;
        let inner = match (level, field) {
            (_, (_, WireField::Cut(_) | WireField::Group)) => return None,
            (Level::Traces, (1, WireField::Bytes(inner))) => Some((inner, Level::ResourceSpans)),
            (Level::Traces, _) => return None,
            (Level::ResourceSpans, (2 | 1000, WireField::Bytes(inner))) => Some((inner, Level::ScopeSpans)),
            (Level::ScopeSpans, (2, WireField::Bytes(inner))) => Some((inner, Level::Span)),
            (Level::ResourceSpans | Level::ScopeSpans, (1..=3, field)) if !matches!(field, WireField::Bytes(_)) => {
                return None;
            }
            (Level::Span, (1, WireField::Bytes(trace_id))) if trace_id.len() == 16 => {
                found = true;
                None
            }
            _ => None,
        };
        if let Some((inner, level)) = inner {
            found |= has_span(inner, level, effort)?;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_field(key: u8, bytes: &[u8]) -> Vec<u8> {
        [&[key, bytes.len() as u8][..], bytes].concat()
    }

    fn message() -> Vec<u8> {
        let span = [&[0x0a, 16][..], &[7; 16], &[0x12, 8], &[9; 8], &[0x39, 1, 0, 0, 0, 0, 0, 0, 0]].concat();
        in_field(0x0a, &[in_field(0x0a, &[]), in_field(0x12, &in_field(0x12, &span))].concat())
    }

    #[test]
    fn only_all_of_a_message_is_whole() {
        let whole = message();
        for (is_whole, bytes) in [
            (true, whole.clone()),
            (true, whole.repeat(3)),
            (false, Vec::new()),
            (false, whole[2..].to_vec()),
            (false, whole[..whole.len() - 1].to_vec()),
            (false, [&whole[..], &[0]].concat()),
            (false, in_field(0x0a, &in_field(0x12, &[]))),
            (false, [&whole[..], &[0x0b, 0x0c]].concat()),
        ] {
            assert_eq!(is_whole_message(&bytes, &mut Effort::default()), is_whole, "{bytes:x?}");
        }
    }

    /// What was spent in vain is missing later, until more was passed.
    #[test]
    fn effort_is_bounded_by_what_was_passed() {
        let mut effort = Effort { spent: FREE_FIELDS, ..Effort::default() };
        assert!(!is_whole_message(&message(), &mut effort));
        effort.passed(100);
        assert!(is_whole_message(&message(), &mut effort));
    }
}
