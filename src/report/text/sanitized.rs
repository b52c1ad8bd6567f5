//! Names from traces, made harmless for where they go. Anybody who can make a service write a span can choose them.

use std::borrow::Cow;

/// Without characters that steer a terminal, reorder text or are not seen: white space that breaks lines becomes a
/// space, other controls the replacement character, and what nobody sees an escape like `\u{200b}`, so that names that
/// differ look different.
pub(crate) fn sanitized(text: &str) -> Cow<'_, str> {
    if !text.chars().any(must_be_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => shown.push(' '),
            _ if character.is_control() => shown.push(char::REPLACEMENT_CHARACTER),
            _ if must_be_escaped(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Controls (C0 with ESC, DEL, C1), line separators, marks that change the direction of text, characters that nobody
/// sees, and those that never are any.
pub(in crate::report) fn must_be_escaped(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
        || is_noncharacter(character)
}

/// The code points that Unicode will never assign: the last two of each plane, and 32 others.
fn is_noncharacter(character: char) -> bool {
    u32::from(character) & 0xfffe == 0xfffe || matches!(character, '\u{fdd0}'..='\u{fdef}')
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
            "\u{fffd}[31mred\u{fffd}2J line\\u{202e}evil\u{fffd}"
        );
    }

    /// What takes no room, turns text around or is no character is told by its number, wherever people read it.
    #[test]
    fn nothing_is_invisible() {
        let invisible =
            ["\u{200b}", "\u{200d}", "\u{200f}", "\u{ad}", "\u{202a}", "\u{202e}", "\u{2060}", "\u{2066}", "\u{2069}"];
        for character in
            [&invisible[..], &["\u{feff}", "\u{fdd0}", "\u{fdef}", "\u{ffff}", "\u{1fffe}", "\u{10ffff}"]].concat()
        {
            let name = format!("a{character}b");
            let number = u32::from(character.chars().next().unwrap());
            let told = format!("a\\u{{{number:x}}}b");
            assert_eq!(sanitized(&name), told);
            assert_eq!(sanitized_in_csv(&name), told);
            assert_eq!(sanitized_in_markdown(&name), told.replace('\\', "\\\\"));
        }
        // What is seen stays, also where it takes more than one character.
        let seen = "Zürich e\u{301} \u{1f1e8}\u{1f1ed} \u{1f44d}\u{1f3fd} \u{fffd} \u{a0}日本";
        assert_eq!(sanitized(seen), seen);
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
