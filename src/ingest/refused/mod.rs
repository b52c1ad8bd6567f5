//! What is known and not read: told from everything else, so that it can be refused by its name, with what to do instead.

pub(crate) mod bytes;
pub(crate) mod json;

/// A format that is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    /// What it is; fits behind "it is".
    pub(crate) what: &'static str,
    /// What to do instead.
    pub(crate) advice: &'static str,
}
