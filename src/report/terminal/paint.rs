//! Emphasis on a terminal that wants it.

/// Emphasises text, or leaves it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paint {
    /// Whether escape sequences are written.
    pub colour: bool,
}

impl Paint {
    /// For titles.
    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// For what may be overlooked.
    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// For what should not be trusted.
    pub(crate) fn warning(self, text: &str) -> String {
        self.with("33", text)
    }

    /// For what failed.
    pub(crate) fn failure(self, text: &str) -> String {
        self.with("31", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
