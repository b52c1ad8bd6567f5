//! One cell of a column, as its pages hold it.

/// What a cell holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    /// The value at this place of the column's dictionary.
    Key(u32),
    /// A text.
    Text(&'a str),
    /// Bytes, or a text that was not looked at yet.
    Bytes(&'a [u8]),
    /// An integer.
    Number(i64),
}
