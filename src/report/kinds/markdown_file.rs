//! The report as a Markdown file. Where such files are shown (summaries of jobs, comments, chats) there is a limit to their
//! size, so tables get fewer rows until it is kept.

use std::io::{self, Write};

use crate::report::markdown::{MarkdownStyle, write_markdown, write_markdown_tables};
use crate::report::text::sanitized::sanitized_in_markdown;

use super::write::Report;

/// GitHub shows summaries of jobs up to this size.
const MAX_BYTES: usize = 1 << 20;

/// Rows of each table that are tried, one after the other.
const ROWS: [usize; 6] = [100, 50, 20, 10, 5, 1];

/// Writes the report.
///
/// # Errors
/// If `out` fails.
pub(super) fn write_markdown_file(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let mut text = Vec::new();
    for rows in ROWS {
        text.clear();
        write_gate(&mut text, report)?;
        let style = MarkdownStyle { rows, rest: |_| "the tables of --output hold all".to_owned(), links: report.links };
        write_markdown(&mut text, report.summary, report.problems, report.detectors, style)?;
        write_markdown_tables(&mut text, report.compared, style)?;
        if text.len() <= MAX_BYTES {
            break;
        }
    }
    out.write_all(&cut(&text, MAX_BYTES))
}

fn write_gate(out: &mut Vec<u8>, report: &Report<'_>) -> io::Result<()> {
    for failure in &report.gate.failures {
        writeln!(out, "> **failed**: {}\n", sanitized_in_markdown(failure))?;
    }
    Ok(())
}

/// As many whole lines of `text` as `most` bytes hold, and a last one that says what is missing.
fn cut(text: &[u8], most: usize) -> Vec<u8> {
    if text.len() <= most {
        return text.to_vec();
    }
    let room = &text[..most - CUT.len()];
    let end = room.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    [&room[..end], CUT].concat()
}

/// What the last line says of what is missing.
const CUT: &[u8] =
    b"\nCut here: files of this kind are shown up to 1 MiB only. The tables of --output hold the rest.\n";

#[cfg(test)]
mod tests {
    use super::*;

    /// What is too much goes line by line, and that is said within the limit.
    #[test]
    fn a_cut_is_said() {
        let text = "a line of words\n".repeat(20);
        assert_eq!(cut(text.as_bytes(), text.len()), text.as_bytes());
        let most = 200;
        let cut = String::from_utf8(cut(text.as_bytes(), most)).unwrap();
        assert!(cut.len() <= most && cut.contains("a line of words\n\nCut here"), "{cut}");
        assert_eq!(cut.matches("words\n").count(), (most - CUT.len()) / 16);
    }
}
