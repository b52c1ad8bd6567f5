//! `tracescan man`: the command line as manual pages.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::{ManArgs, command};

use crate::commands::Outcome;
use crate::commands::process::diagnostics::say;
use crate::commands::process::standard_output;

/// The section of manuals that commands stand in.
const SECTION: &str = "1";

/// Prints one page with the options of all commands, or writes a page for each command.
///
/// # Errors
/// If the files cannot be written, or standard output fails.
pub(crate) fn run(args: &ManArgs) -> anyhow::Result<Outcome> {
    let mut main = command().disable_help_subcommand(true);
    main.build();
    let mut pages = vec![(file_name(&main), in_ascii(&main_page(&main)?))];
    let Some(directory) = &args.output else {
        standard_output::write(|out| out.write_all(&pages[0].1))?;
        return Ok(Outcome::Done);
    };
    for command in main.get_subcommands() {
        pages.push((file_name(command), in_ascii(&command_page(command)?)));
    }
    write_pages(directory, &pages).with_context(|| format!("failed to write pages to {}", directory.display()))?;
    say(&format!(
        "wrote {} pages to {}: man -l {}",
        pages.len(),
        directory.display(),
        directory.join(&pages[0].0).display()
    ));
    Ok(Outcome::Done)
}

/// Other characters as escapes: which encoding a page has, formatters must be told.
fn in_ascii(page: &[u8]) -> Vec<u8> {
    let mut escaped = String::with_capacity(page.len());
    for character in String::from_utf8_lossy(page).chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            escaped.push_str(&format!("\\[u{:04X}]", u32::from(character)));
        }
    }
    escaped.into_bytes()
}

fn write_pages(directory: &Path, pages: &[(String, Vec<u8>)]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    pages.iter().try_for_each(|(name, page)| fs::write(directory.join(name), page))
}

fn file_name(command: &Command) -> String {
    format!("{}.{SECTION}", page_name(command))
}

/// What a command's page is called: `tracescan-analyze`.
fn page_name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The page of a command.
fn command_page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = opening(command)?;
    write_options(&mut page, command, "SH")?;
    write_closing(&mut page, command, "SH")?;
    write_see_also(&mut page, &["tracescan"])?;
    Ok(page)
}

/// The page of all commands, with their options.
fn main_page(main: &Command) -> io::Result<Vec<u8>> {
    let mut page = opening(main)?;
    for command in main.get_subcommands() {
        let mut roff = Roff::default();
        roff.control("SH", [command.get_bin_name().unwrap_or_default().to_uppercase().as_str()]);
        let about = command.get_long_about().or_else(|| command.get_about());
        paragraphs(&mut roff, &about.map(ToString::to_string).unwrap_or_default());
        roff.to_writer(&mut page)?;
        write_options(&mut page, command, "SS")?;
        write_closing(&mut page, command, "SS")?;
    }
    write_closing(&mut page, main, "SH")?;
    let names: Vec<&str> = main.get_subcommands().map(page_name).collect();
    write_see_also(&mut page, &names)?;
    Ok(page)
}

/// The options, in groups with a heading each. Items of lists stand in lines of their own, as in help.
fn write_options(page: &mut Vec<u8>, command: &Command, heading: &str) -> io::Result<()> {
    let mut options = Vec::new();
    Man::new(command.clone()).render_options_section(&mut options)?;
    let mut lines = options.split_inclusive(|&byte| byte == b'\n').peekable();
    let mut after_break = false;
    while let Some(line) = lines.next() {
        // Of breaks in a row one is enough, and two make formatters complain.
        let is_break = |line: &[u8]| [&b".br\n"[..], b".sp\n", b"\n"].contains(&line);
        if is_break(line) && lines.peek().is_some_and(|next| is_break(next)) {
            continue;
        }
        if line.starts_with(b"\\- ") && !after_break {
            page.extend(b".br\n");
        }
        after_break = is_break(line);
        match line.strip_prefix(b".SH ") {
            Some(title) => page.extend([format!(".{heading} ").as_bytes(), title].concat()),
            None => page.extend(line),
        }
    }
    Ok(())
}

/// Title, name, synopsis and description.
fn opening(command: &Command) -> io::Result<Vec<u8>> {
    let title = page_name(command).to_uppercase();
    let version = env!("CARGO_PKG_VERSION");
    // The page has no date: what is built from one commit is the same bytes on any day.
    let mut page = format!(".TH {title} {SECTION} \"\" \"tracescan {version}\" \"User Commands\"\n").into_bytes();
    let man = Man::new(command.clone());
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    let mut roff = Roff::default();
    roff.control("SH", ["DESCRIPTION"]);
    let about = command.get_long_about().or_else(|| command.get_about());
    paragraphs(&mut roff, &about.map(ToString::to_string).unwrap_or_default());
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn paragraphs(roff: &mut Roff, text: &str) {
    for (index, paragraph) in text.split("\n\n").enumerate() {
        if index > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(paragraph.split_whitespace().collect::<Vec<_>>().join(" "))]);
    }
}

/// What help ends with: its examples and exit codes have headings of their own here. Tables are what `explain` tells.
fn write_closing(page: &mut Vec<u8>, command: &Command, heading: &str) -> io::Result<()> {
    let Some(closing) = command.get_after_long_help() else { return Ok(()) };
    let closing = closing.to_string();
    for part in closing.split("\n\n") {
        let Some((title, lines)) = part.split_once('\n') else { continue };
        let name = match title {
            "Examples:" => "EXAMPLES",
            "Exit codes:" => "EXIT STATUS",
            _ => continue,
        };
        let mut roff = Roff::default();
        roff.control(heading, [name]);
        roff.control("nf", []);
        for line in lines.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
        roff.to_writer(page)?;
    }
    Ok(())
}

fn write_see_also(page: &mut Vec<u8>, names: &[&str]) -> io::Result<()> {
    let mut roff = Roff::default();
    roff.control("SH", ["SEE ALSO"]);
    let mut words = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            words.push(roman(", "));
        }
        words.extend([bold(*name), roman(format!("({SECTION})"))]);
    }
    roff.text(words);
    roff.to_writer(page)
}
