//! Tokens of query texts: no grammar, so that every dialect will do, and templates as well as raw texts.

/// A token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token<'t> {
    /// A word.
    Word(&'t str),
    /// An identifier in quotes, which are left out.
    Quoted(&'t str),
    /// A literal, a placeholder, a variable or a temporary table: whatever stands there is no table.
    Value,
    /// Any other character.
    Sign(u8),
}

impl Token<'_> {
    /// Whether it is the word `word`, which is in upper case.
    pub(super) fn is(self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own.eq_ignore_ascii_case(word))
    }
}

/// The tokens of a query text; white space and comments are none.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied().unwrap_or(b' ');
        let (token, end) = match byte {
            _ if byte.is_ascii_whitespace() => (None, at + 1),
            b'-' if next == b'-' => (None, end_of_line(bytes, at)),
            b'#' if !is_word(next) && next != b'#' => (None, end_of_line(bytes, at)),
            b'/' if next == b'*' => (None, past(bytes, at + 2, b"*/")),
            b'\'' => (Some(Token::Value), end_of_quoted(bytes, at, b'\'')),
            b'"' | b'`' => {
                let end = end_of_quoted(bytes, at, byte);
                (Some(Token::Quoted(inside(text, at, end))), end)
            }
            b'[' if is_first_of_word(next) => match memchr::memchr(b']', &bytes[at..]) {
                Some(length) => (Some(Token::Quoted(&text[at + 1..at + length])), at + length + 1),
                None => (Some(Token::Sign(byte)), at + 1),
            },
            b'$' if next == b'$' || is_first_of_word(next) => match end_of_dollar_quoted(bytes, at) {
                Some(end) => (Some(Token::Value), end),
                None => (Some(Token::Value), end_of_word(bytes, at + 1)),
            },
            b':' if next == b':' => (Some(Token::Sign(byte)), at + 2),
            b'$' | b'@' | b'#' | b':' if is_word(next) || next == byte => {
                (Some(Token::Value), end_of_word(bytes, at + 1))
            }
            b'%' if next == b's' || next == b'd' => (Some(Token::Value), at + 2),
            b'?' => (Some(Token::Value), at + 1),
            _ if byte.is_ascii_digit() => (Some(Token::Value), end_of_word(bytes, at)),
            _ if is_first_of_word(byte) => {
                let end = end_of_word(bytes, at);
                (Some(Token::Word(&text[at..end])), end)
            }
            _ => (Some(Token::Sign(byte)), at + 1),
        };
        tokens.extend(token);
        at = end;
    }
    tokens
}

fn is_first_of_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word(byte: u8) -> bool {
    is_first_of_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// The end of the word at `at`, which may begin with any character; signs that double the first are part of it.
fn end_of_word(bytes: &[u8], at: usize) -> usize {
    let first =
        bytes[at..].iter().position(|&byte| !matches!(byte, b'@' | b'#')).map_or(bytes.len(), |length| at + length);
    bytes[first..].iter().position(|&byte| !is_word(byte)).map_or(bytes.len(), |length| first + length)
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length)
}

/// Past the next `end` at or behind `from`; the end of all if there is none.
fn past(bytes: &[u8], from: usize, end: &[u8]) -> usize {
    let from = from.min(bytes.len());
    memchr::memmem::find(&bytes[from..], end).map_or(bytes.len(), |length| from + length + end.len())
}

/// Past the closing quote; a quote is escaped by being doubled, or by a backslash where it is that of a string.
fn end_of_quoted(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut end = at + 1;
    while end < bytes.len() {
        if bytes[end] == b'\\' && quote == b'\'' {
            end += 1;
        } else if bytes[end] == quote {
            if bytes.get(end + 1) != Some(&quote) {
                return end + 1;
            }
            end += 1;
        }
        end += 1;
    }
    bytes.len()
}

/// What stands between the quotes at `at` and before `end`.
fn inside(text: &str, at: usize, end: usize) -> &str {
    let quote = text.as_bytes()[at];
    let is_closed = end > at + 1 && text.as_bytes()[end - 1] == quote;
    text.get(at + 1..if is_closed { end - 1 } else { end }).unwrap_or_default()
}

/// Past a string like `$$…$$` or `$tag$…$tag$` at `at`, if there is one.
pub(in crate::conventions) fn end_of_dollar_quoted(bytes: &[u8], at: usize) -> Option<usize> {
    let is_tag = |byte: u8| is_word(byte) && byte != b'$';
    let tag = bytes[at + 1..].iter().position(|&byte| !is_tag(byte)).map(|length| at + 1 + length)?;
    let delimiter = (bytes[tag] == b'$').then(|| &bytes[at..=tag])?;
    Some(past(bytes, tag + 1, delimiter))
}

#[cfg(test)]
mod tests {
    use super::Token::{Quoted, Sign, Value, Word};
    use super::*;

    #[test]
    fn texts_fall_into_tokens() {
        for (text, expected) in [
            ("SELECT a_1", &[Word("SELECT"), Word("a_1")][..]),
            ("-- x\n/* y */ z", &[Word("z")]),
            ("# x", &[]),
            ("#tmp ##all @x @@y $1 :name ?1 %s", &[Value; 9][..]),
            ("'it''s' 'a\\'b' $$x 'y$$ $t$ ' $t$ $x", &[Value; 5]),
            ("\"a b\" `c` [d e]", &[Quoted("a b"), Quoted("c"), Quoted("d e")]),
            ("x::int", &[Word("x"), Sign(b':'), Word("int")]),
            ("a[1]", &[Word("a"), Sign(b'['), Value, Sign(b']')]),
            ("12.5", &[Value, Sign(b'.'), Value]),
            ("źć", &[Word("źć")]),
            // What is cut off is closed by the end.
            ("'a", &[Value]),
            ("\"a", &[Quoted("a")]),
            ("\"", &[Quoted("")]),
            ("/* a", &[]),
            ("/*", &[]),
            ("[a", &[Sign(b'['), Word("a")]),
            ("$a$ b", &[Value]),
            ("$", &[Sign(b'$')]),
            ("'\\", &[Value]),
            ("", &[]),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }
}
