//! Which trace is meant by what was typed: an id as systems write it, or how one begins.

use std::collections::BTreeSet;

use anyhow::bail;

use crate::frame::Collection;
use crate::span::TraceId;

/// Fewer digits than these are an id that is short, not the beginning of one.
const LEAST_DIGITS_OF_PREFIX: usize = 8;

/// So many are named where several are meant.
const NAMED: usize = 5;

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TypedTraceId {
    /// Hexadecimal digits in lower case.
    digits: String,
    /// The id if these are all its digits.
    whole: TraceId,
}

impl TypedTraceId {
    /// Up to 32 hexadecimal digits, or a UUID with its dashes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
        let text = text.trim();
        let is_uuid = text.split('-').map(str::len).eq(GROUPS);
        let digits = if is_uuid { text.replace('-', "") } else { text.to_owned() }.to_ascii_lowercase();
        let whole = TraceId::from_hex(&digits)?;
        Some(Self { digits, whole })
    }

    /// The one trace of `collection` that is meant.
    ///
    /// # Errors
    /// If there is none or more than one, or if spans that were put aside cannot be brought back.
    pub(super) fn find(&self, collection: &Collection) -> anyhow::Result<TraceId> {
        let may_be_prefix = self.digits.len() >= LEAST_DIGITS_OF_PREFIX;
        let meant = collection.trace_ids(|id| id == self.whole || may_be_prefix && self.begins(id))?;
        if meant.contains(&self.whole) {
            return Ok(self.whole);
        }
        match meant.first() {
            Some(&only) if meant.len() == 1 => Ok(only),
            Some(_) => bail!("{} begins {}; give more digits", self.digits, list(&meant)),
            None => {
                let hint = if may_be_prefix { "" } else { "; of the beginning of an id, give at least 8 digits" };
                let (digits, spans) = (&self.digits, collection.len());
                bail!("trace {digits} is not among the traces of the input, which has {spans} spans{hint}")
            }
        }
    }

    /// Whether an id begins so, as 32 digits or, where it has no more than 64 bits, as 16.
    fn begins(&self, id: TraceId) -> bool {
        let digits = id.to_string();
        let short = digits.strip_prefix("0000000000000000");
        digits.starts_with(&self.digits) || short.is_some_and(|short| short.starts_with(&self.digits))
    }
}

fn list(ids: &BTreeSet<TraceId>) -> String {
    let named: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    let more = ids.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} trace ids: {}{more}", ids.len(), named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> TypedTraceId {
        TypedTraceId::parse(text).unwrap_or_else(|| panic!("{text} is an id"))
    }

    #[test]
    fn ids_are_read_as_systems_write_them() {
        let whole = typed("7382f0db29fa3860b8279190526e13ba");
        assert_eq!(typed(" 7382F0DB-29FA-3860-B827-9190526E13BA "), whole);
        assert_eq!(typed("1").whole.to_string(), "00000000000000000000000000000001");
        for wrong in ["", "7382f0db-29fa3860b8279190526e13ba", "xyz", "7382f0db29fa3860b8279190526e13ba0", "-"] {
            assert_eq!(TypedTraceId::parse(wrong), None, "{wrong:?}");
        }
    }

    /// An id of 64 bits begins where systems begin to write it.
    #[test]
    fn prefixes_are_of_ids_as_they_are_written() {
        let long = TraceId::from_hex("7382f0db29fa3860b8279190526e13ba").unwrap();
        let short = TraceId::from_hex("7382f0db29fa3860").unwrap();
        assert!(typed("7382f0db2").begins(long) && typed("7382f0db2").begins(short));
        assert!(!typed("b8279190").begins(long) && !typed("29fa3860").begins(short));
        assert!(typed("00000000").begins(short));
    }

    #[test]
    fn many_ids_are_named_in_part() {
        let ids: BTreeSet<TraceId> = (1..8u8).map(|number| TraceId([number; 16])).collect();
        assert!(list(&ids).starts_with("7 trace ids: 01010101010101010101010101010101, 0202"));
        assert!(list(&ids).ends_with(", 05050505050505050505050505050505 and 2 more"));
    }
}
