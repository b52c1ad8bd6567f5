//! How many columns of a terminal a text takes, and texts cut to fit.

/// Columns that a text takes: none for combining marks, two for East Asian wide characters and emoji, one for the rest.
pub(super) fn text_width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// The blocks of Unicode as a whole rather than its table by character: all that is lost is a column in a rare case.
fn char_width(character: char) -> usize {
    match character {
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// The text in at most `width` columns: if it is longer, `…` stands for its middle, since names differ at both ends.
pub(super) fn shortened(text: &str, width: usize) -> String {
    if text_width(text) <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let for_tail = (width - 1) / 2;
    let for_head = width - 1 - for_tail;
    let head = fitting(text.chars(), for_head);
    let tail = fitting(text.chars().rev(), for_tail);
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

fn fitting(characters: impl Iterator<Item = char>, mut width: usize) -> Vec<char> {
    let mut taken = Vec::new();
    for character in characters {
        let Some(rest) = width.checked_sub(char_width(character)) else { break };
        width = rest;
        taken.push(character);
    }
    taken
}

/// The text in exactly `width` columns.
pub(super) fn padded(text: &str, width: usize) -> String {
    let mut padded = shortened(text, width);
    padded.extend(std::iter::repeat_n(' ', width.saturating_sub(text_width(&padded))));
    padded
}

/// The text in lines of at most `width` columns, broken at spaces. Only a word that is longer alone makes a longer line.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
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
    fn lines_break_at_spaces() {
        assert_eq!(wrapped("a bb ccc dddddddd e", 6), ["a bb", "ccc", "dddddddd", "e"]);
    }
}
