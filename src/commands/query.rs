//! `tracescan query`: the tables of output directories in SQL.

use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;

use crate::cli::{QueryArgs, StdoutFormat};
use crate::query::{Answer, RunTables, answer};
use crate::rank::Table;
use crate::report::{
    write_csv_table, write_json_table, write_markdown_table, write_ndjson_table, write_query_answer, write_table_list,
};

use super::Outcome;
use super::process::diagnostics::say;
use super::process::standard_output;

/// Answers a question, or lists the tables.
///
/// # Errors
/// If a directory holds no run, the SQL makes no sense, or standard output fails.
pub(crate) fn run(args: &QueryArgs) -> anyhow::Result<Outcome> {
    let mut tables = RunTables::default();
    tables.add(&args.directory, None)?;
    for (name, directory) in &args.with {
        tables.add(directory, Some(name))?;
    }
    let sql = match (&args.sql, &args.file) {
        (Some(sql), _) => Some(sql.clone()),
        (None, Some(file)) => Some(text_of(file)?),
        (None, None) => None,
    };
    let (table, is_list) = match sql {
        Some(sql) => {
            let Answer { table, has_inner_limit } = answer(&tables, &sql)?;
            if has_inner_limit {
                say("warning: a LIMIT within the query takes any of equal rows: give it an ORDER BY without ties");
            }
            (table, false)
        }
        None => (tables.listed()?, true),
    };
    write(args, table, is_list)?;
    Ok(Outcome::Done)
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).context("failed to read the SQL from standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("failed to read the SQL in {}", file.display()))
}

fn write(args: &QueryArgs, mut table: Table, is_list: bool) -> anyhow::Result<()> {
    let (top, style) = (args.top.unwrap_or(usize::MAX), standard_output::style(args.color));
    let rows = table.row_count();
    table.values.iter_mut().for_each(|cells| cells.truncate(top));
    standard_output::write(|out| match args.format {
        StdoutFormat::Table if is_list => write_table_list(out, &table, style),
        StdoutFormat::Table => write_query_answer(out, &table, rows, style),
        StdoutFormat::Markdown => write_markdown_table(out, &table),
        StdoutFormat::Csv => write_csv_table(out, &table),
        StdoutFormat::Json => write_json_table(out, &table),
        StdoutFormat::Ndjson => write_ndjson_table(out, &table),
    })
}
