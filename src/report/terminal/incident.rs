//! The comparison of a window with other times, on a terminal: a verdict and the first suspects.

use std::io::{self, Write};

use crate::report::incident::IncidentSummary;
use crate::report::terminal::TerminalStyle;
use crate::report::terminal::text_width::wrapped;
use crate::report::text::sanitized::sanitized;

/// Width of ranks, with the gap after them.
const RANK_WIDTH: usize = 3;

/// Narrowest room for text.
const MIN_TEXT_WIDTH: usize = 20;

/// The label of the verdict.
const LABEL: &str = "incident";

/// Writes the verdict, the first suspects, and what was left out.
pub(in crate::report) fn write_incident(
    out: &mut impl Write,
    incident: &IncidentSummary,
    style: TerminalStyle,
) -> io::Result<()> {
    let paint = style.paint();
    let verdict = format!("{LABEL} {}", incident.verdict());
    for (index, line) in wrapped(&sanitized(&verdict), style.width).iter().enumerate() {
        match line.strip_prefix(LABEL) {
            Some(rest) if index == 0 => writeln!(out, "{}{rest}", paint.bold(LABEL))?,
            _ => writeln!(out, "{line}")?,
        }
    }
    for (rank, suspect) in (1..).zip(&incident.first_suspects) {
        let text = sanitized(&suspect.in_words()).into_owned();
        let name = sanitized(&suspect.name).into_owned();
        let width = style.width.saturating_sub(RANK_WIDTH).max(MIN_TEXT_WIDTH);
        for (index, line) in wrapped(&text, width).iter().enumerate() {
            let rank = if index == 0 { format!("{rank}") } else { String::new() };
            let line = match line.strip_prefix(&name) {
                Some(rest) if index == 0 => format!("{}{rest}", paint.bold(&name)),
                _ => line.clone(),
            };
            writeln!(out, "{rank:RANK_WIDTH$}{line}")?;
        }
    }
    for note in incident.left_out() {
        for line in wrapped(&sanitized(&note), style.width) {
            writeln!(out, "{}", paint.dim(&line))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use crate::report::terminal::text_width::text_width;

    fn shown(incident: &IncidentSummary, width: usize) -> String {
        let mut out = Vec::new();
        write_incident(&mut out, incident, TerminalStyle { width, colour: false }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_verdict_comes_with_its_first_suspects() {
        insta::assert_snapshot!(shown(&samples::incident(), 80), @r"
        incident 2024-01-02T03:14:05Z to 2024-01-02T03:17:05Z, 512 requests compared
        with 10,233 at other times: clear
        1  cart: +53 % of the window's request time, most of it between web and cart
           (GetCart); 249 ms per request, 9.0 ms before; since 03:14:10; trace
           4bf92f3577b34da6a3ce929d0e0e4736
        2  orders�[31m (database): 12 calls fewer than expected
        left out: 2 requests of entries with fewer than 3 requests to compare with, 1 of
        which failed
        also not as usual, and not compared with: 2024-01-02T03:20:45Z to
        2024-01-02T03:20:55Z (web GET /cart), 2024-01-02T03:22:25Z to
        2024-01-02T03:22:35Z (web GET /cart), 2024-01-02T03:24:05Z to
        2024-01-02T03:24:15Z (web GET /cart) and 1 more
        also not as usual: 2024-01-02T03:27:25Z to 2024-01-02T03:27:35Z (web GET /cart)
        ");
    }

    /// What is not sure says so in its first line.
    #[test]
    fn a_quiet_window_says_so() {
        let verdict = |incident: &IncidentSummary| shown(incident, 200).lines().next().unwrap_or_default().to_owned();
        let quiet = IncidentSummary { confidence: "quiet", ..samples::incident() };
        assert!(
            verdict(&quiet)
                .ends_with("10,233 at other times: quiet, such differences are seen when nothing happens too")
        );
        let nothing = IncidentSummary { suspects: 0, ..quiet };
        assert!(verdict(&nothing).ends_with(": quiet, nothing takes longer or fails more often"));
        assert_eq!(
            verdict(&IncidentSummary::default()),
            "incident no entry was off in any ten seconds with at least 10 of its requests, so there is no window (--window A..B names one)"
        );
    }

    /// Whatever the width, no line is longer and nothing steers the terminal.
    #[test]
    fn lines_fit() {
        for width in 40..200 {
            for line in shown(&samples::incident(), width).lines() {
                assert!(text_width(line) <= width && !line.contains('\u{1b}'), "{width}: {line}");
            }
        }
    }
}
