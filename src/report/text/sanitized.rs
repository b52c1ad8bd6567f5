//! Names from traces, made harmless for where they go. Anybody who can make a service write a span can choose them.

use std::borrow::Cow;

/// Without characters that steer a terminal or reorder text: white space that breaks lines becomes a space, everything else
/// the replacement character.
pub(crate) fn sanitized(text: &str) -> Cow<'_, str> {
    if !text.chars().any(must_be_escaped) {
        return Cow::Borrowed(text);
    }
    let replaced = text.chars().map(|character| match character {
        '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        _ if must_be_escaped(character) => char::REPLACEMENT_CHARACTER,
        _ => character,
    });
    Cow::Owned(replaced.collect())
}

/// Controls (C0 with ESC, DEL, C1), line separators, marks that change the direction of text, and characters that nobody sees.
pub(in crate::report) fn must_be_escaped(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// For a cell of a spreadsheet: what would start a formula gets an apostrophe in front.
pub(crate) fn sanitized_in_csv(text: &str) -> Cow<'_, str> {
    let starts_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = sanitized(text);
    if starts_formula { Cow::Owned(format!("'{text}")) } else { text }
}

/// For Markdown, in a table's cell too: what would be markup stands for itself.
pub(crate) fn sanitized_in_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in sanitized(text).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '`' | '\\' | '*' | '_' | '[' | ']' | '~' => escaped.extend(['\\', character]),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(sanitized("GET /cart"), "GET /cart");
        assert_eq!(
            sanitized("\u{1b}[31mred\u{9b}2J\nline\u{202e}evil\u{7f}"),
            "\u{fffd}[31mred\u{fffd}2J line\u{fffd}evil\u{fffd}"
        );
    }

    #[test]
    fn nothing_starts_a_formula() {
        assert_eq!(sanitized_in_csv("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(sanitized_in_csv("\t=1"), "' =1");
        assert_eq!(sanitized_in_csv("a=b"), "a=b");
    }

    #[test]
    fn nothing_is_markup() {
        assert_eq!(sanitized_in_markdown("a|b`c`<img src=x>"), r"a\|b\`c\`&lt;img src=x&gt;");
    }
}
