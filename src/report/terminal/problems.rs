//! The list of problems on a terminal.

use std::io::{self, Write};

use crate::report::problem_list::{ProblemInWords, ProblemList, SEPARATOR};
use crate::report::text::sanitized::sanitized;
use crate::report::text::units;
use crate::report::trace_links::TraceLinks;

use super::all_tables::TerminalStyle;
use super::text_width::{broken, shortened, text_width};

/// Lines that a title may take; what is longer loses its middle.
const TITLE_LINES: usize = 3;

/// Patterns that a problem causes which are named with it.
const MOST_CAUSES: usize = 2;

/// Writes at most `most` problems.
///
/// # Errors
/// If `out` fails.
pub(super) fn write_problems(
    out: &mut impl Write,
    problems: &ProblemList<'_>,
    most: usize,
    links: &TraceLinks,
    style: TerminalStyle,
) -> io::Result<()> {
    let (shown, more) = problems.first(most);
    let Some(last) = shown.last() else { return Ok(()) };
    let paint = style.paint();
    let indent = last.rank.to_string().len() + 2;
    let width = style.width.saturating_sub(indent).max(20);
    let gap = " ".repeat(indent);
    for problem in &shown {
        let title = shortened(&sanitized(&problem.title), width * TITLE_LINES);
        for (index, line) in broken(&title, width).iter().enumerate() {
            let rank = if index == 0 { problem.rank.to_string() } else { String::new() };
            writeln!(out, "{rank:indent$}{}", paint.bold(line))?;
        }
        for line in lines_of_parts(&parts(problem), width) {
            writeln!(out, "{gap}{}", with_link(&line, problem, links))?;
        }
        for cause in problem.causes.iter().take(MOST_CAUSES) {
            let cause = shortened(&sanitized(cause), width.saturating_sub(2));
            writeln!(out, "{gap}{}", paint.dim(&format!("↳ {cause}")))?;
        }
        if problem.causes.len() > MOST_CAUSES {
            let more = problem.causes.len() - MOST_CAUSES;
            writeln!(out, "{gap}{}", paint.dim(&format!("↳ {} more", units::count(more))))?;
        }
    }
    if more > 0 {
        let text = format!("{} more: --top N shows more of them", units::count(more));
        writeln!(out, "{gap}{}", paint.dim(&text))?;
    }
    Ok(())
}

fn parts(problem: &ProblemInWords) -> Vec<String> {
    let mut parts = problem.costs.clone();
    if !problem.trace_id.is_empty() {
        parts.push(trace_part(problem));
    }
    parts.push(format!("tracescan explain {}", problem.detector));
    parts
}

fn trace_part(problem: &ProblemInWords) -> String {
    format!("trace {}", problem.short_trace_id())
}

/// Parts in lines of at most `width` columns, never broken within one.
fn lines_of_parts(parts: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if text_width(line) + text_width(SEPARATOR) + text_width(part) <= width => {
                line.push_str(SEPARATOR);
                line.push_str(part);
            }
            _ => lines.push(part.clone()),
        }
    }
    lines.iter().flat_map(|line| broken(line, width)).collect()
}

/// The line, in which the trace's id leads to the trace.
fn with_link(line: &str, problem: &ProblemInWords, links: &TraceLinks) -> String {
    let id = problem.short_trace_id();
    let shown = trace_part(problem);
    match line.find(&shown) {
        Some(at) if !id.is_empty() => {
            let (before, after) = (&line[..at], &line[at + shown.len()..]);
            format!("{before}trace {}{after}", links.linked(&problem.trace_id, id))
        }
        _ => line.to_owned(),
    }
}
