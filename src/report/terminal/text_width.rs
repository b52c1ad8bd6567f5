//! How many columns of a terminal a text takes, and texts cut to fit.

use unicode_width::UnicodeWidthStr as _;

/// Columns that a text takes. Characters that are drawn as one (an emoji of several, a flag) count as that one.
pub(in crate::report) fn text_width(text: &str) -> usize {
    text.width()
}

/// What stands between the characters of one emoji that is made of several.
const JOINER: char = '\u{200d}';

/// The pieces of a text that must not be cut, because what they are made of is drawn as one.
pub(in crate::report) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut flag_letters) = (0, 0);
    let mut before = None;
    for (at, character) in text.char_indices() {
        let is_flag_letter = matches!(character, '\u{1f1e6}'..='\u{1f1ff}');
        if let Some((place, previous)) = before
            && !is_one(&text[place..at + character.len_utf8()], &text[at..at + character.len_utf8()])
            && previous != JOINER
            && !(is_flag_letter && flag_letters % 2 == 1)
        {
            pieces.push(&text[start..at]);
            start = at;
        }
        flag_letters = if is_flag_letter { flag_letters + 1 } else { 0 };
        before = Some((at, character));
    }
    pieces.push(&text[start..]);
    pieces
}

/// Whether the last character of `pair` takes no room of its own behind the first, as an accent or the colour of a hand.
fn is_one(pair: &str, last: &str) -> bool {
    let first = &pair[..pair.len() - last.len()];
    let is_control = pair.chars().any(char::is_control);
    !is_control && (text_width(last) == 0 || text_width(pair) <= text_width(first))
}

/// The text in at most `width` columns: if it is longer, `…` stands for its middle, since names differ at both ends.
pub(in crate::report) fn shortened(text: &str, width: usize) -> String {
    if text_width(text) <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let for_tail = (width - 1) / 2;
    let for_head = width - 1 - for_tail;
    let pieces = pieces(text);
    let head = fitting(pieces.iter().copied(), for_head);
    let tail = fitting(pieces[head.len()..].iter().rev().copied(), for_tail);
    head.into_iter().chain(["…"]).chain(tail.into_iter().rev()).collect()
}

fn fitting<'a>(pieces: impl Iterator<Item = &'a str>, mut width: usize) -> Vec<&'a str> {
    let mut taken = Vec::new();
    for piece in pieces {
        let Some(rest) = width.checked_sub(text_width(piece)) else { break };
        width = rest;
        taken.push(piece);
    }
    taken
}

/// The text in exactly `width` columns.
pub(in crate::report) fn padded(text: &str, width: usize) -> String {
    let mut padded = shortened(text, width);
    padded.extend(std::iter::repeat_n(' ', width.saturating_sub(text_width(&padded))));
    padded
}

/// The text in lines of at most `width` columns, broken at spaces. Only a word that is longer alone makes a longer line.
pub(in crate::report) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && text_width(&line) + 1 + text_width(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// The text in lines of at most `width` columns, broken at spaces, and within words that are longer alone.
pub(in crate::report) fn broken(text: &str, width: usize) -> Vec<String> {
    // The widest pieces take two.
    let width = width.max(2);
    let mut lines = Vec::new();
    for line in wrapped(text, width) {
        let mut rest = line.as_str();
        while text_width(rest) > width {
            let head = fitting(pieces(rest).into_iter(), width).concat();
            rest = &rest[head.len()..];
            lines.push(head);
        }
        lines.push(rest.to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_long_names_goes() {
        assert_eq!(shortened("postgresql/orders@orders-db", 12), "postgr…rs-db");
        assert_eq!(shortened("cart", 4), "cart");
        assert_eq!(shortened("cart", 1), "…");
        assert_eq!(shortened("订单服务系统", 7), "订…统");
        assert_eq!(padded("订单", 6), "订单  ");
    }

    #[test]
    fn what_is_drawn_as_one_counts_as_one() {
        for (text, width) in [
            ("cart", 4),
            ("订单", 4),
            ("カート", 6),
            ("e\u{301}", 1),
            ("\u{200b}\u{200d}\u{feff}", 0),
            ("👩‍👩‍👧‍👦", 2),
            ("👍🏽", 2),
            ("❤️", 2),
            ("🇩🇪🇫🇷", 4),
            ("🛒 cart", 7),
        ] {
            assert_eq!(text_width(text), width, "{text:?}");
        }
    }

    #[test]
    fn what_is_drawn_as_one_is_not_cut() {
        assert_eq!(pieces("a👩‍👩‍👧‍👦e\u{301}🇩🇪🇫🇷👍🏽❤️单"), ["a", "👩‍👩‍👧‍👦", "e\u{301}", "🇩🇪", "🇫🇷", "👍🏽", "❤️", "单"]);
        assert_eq!(pieces("\u{1b}[0m"), ["\u{1b}", "[", "0", "m"]);
        assert_eq!(shortened("👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 5), "👩‍👩‍👧‍👦…👩‍👩‍👧‍👦");
        assert_eq!(shortened("🇩🇪🇫🇷🇮🇹", 4), "🇩🇪…");
        let odd = "订e\u{301}👩‍👧🇩🇪x\u{200d}y\u{200b}👍🏽ﻻ\u{7}❤️カ\u{3099}1️⃣".repeat(3);
        for width in 0..60 {
            assert!(text_width(&shortened(&odd, width)) <= width, "{width}");
            assert_eq!(text_width(&padded(&odd, width)), width, "{width}");
        }
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrapped("a bb ccc dddddddd e", 6), ["a bb", "ccc", "dddddddd", "e"]);
        assert_eq!(broken("a bb ccc dddddddd e", 6), ["a bb", "ccc", "dddddd", "dd", "e"]);
        assert_eq!(broken("订单服务", 1), ["订", "单", "服", "务"]);
    }
}
