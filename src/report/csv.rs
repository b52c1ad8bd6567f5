//! Tables as comma-separated values (RFC 4180, lines end with LF).
//!
//! Text is made harmless for spreadsheets. Times are RFC 3339 with nanoseconds, flags `true` and `false`, the names of a list
//! are joined by `;`, and what has no value is empty.
//!
//! Tables have different columns, so on standard output each is a block with a header of its own, and an empty line parts the
//! blocks. The first column of each block is `table` and holds the table's name: a line that is taken out of context, by
//! `grep` or by `split`, still says what it is.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::detectors::{Cell, Column, Unit};
use crate::rank::{Rows, Table, for_each_row};

use crate::report::text::sanitized::sanitized_in_csv;
use crate::report::text::units;

/// Writes at most `top` rows of each table.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_csv(out: &mut impl Write, tables: &[&Table], top: usize) -> io::Result<()> {
    for (index, table) in tables.iter().enumerate() {
        if index > 0 {
            out.write_all(b"\n")?;
        }
        write_table(out, *table, top, true)?;
    }
    Ok(())
}

/// Writes all rows of one table.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_csv_table(out: &mut impl Write, table: &dyn Rows) -> io::Result<()> {
    write_table(out, table, usize::MAX, false)
}

fn write_table(out: &mut impl Write, table: &dyn Rows, top: usize, is_named: bool) -> io::Result<()> {
    let columns = table.columns();
    write_line(out, is_named.then_some("table"), columns.iter().map(|column| Cow::Borrowed(column.name)))?;
    for_each_row(table, top, |cells| {
        let cells = columns.iter().zip(cells).map(|(column, cell)| text(column, cell));
        write_line(out, is_named.then_some(table.name()), cells)
    })
}

fn write_line<'a>(
    out: &mut impl Write,
    first: Option<&'a str>,
    fields: impl Iterator<Item = Cow<'a, str>>,
) -> io::Result<()> {
    for (index, field) in first.map(Cow::Borrowed).into_iter().chain(fields).enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        if field.contains([',', '"', '\n', '\r']) {
            write!(out, "\"{}\"", field.replace('"', "\"\""))?;
        } else {
            out.write_all(field.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

fn text<'a>(column: &Column, cell: &'a Cell) -> Cow<'a, str> {
    match cell {
        Cell::None => Cow::Borrowed(""),
        Cell::Int(ns) if column.unit == Unit::Time => Cow::Owned(units::time(*ns)),
        Cell::Int(value) => Cow::Owned(value.to_string()),
        Cell::Float(value) if value.is_finite() => Cow::Owned(value.to_string()),
        Cell::Float(_) => Cow::Borrowed(""),
        Cell::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Cell::Text(text) => sanitized_in_csv(text),
        Cell::Names(names) => Cow::Owned(sanitized_in_csv(&names.join(";")).into_owned()),
        Cell::Ints(values) => Cow::Owned(values.iter().map(i64::to_string).collect::<Vec<_>>().join(";")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn tables_are_blocks_that_say_what_they_are() {
        let table = samples::table();
        let mut out = Vec::new();
        write_csv(&mut out, &samples::tables(&table), 2).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        table,rank,caller_service,operation,chain,induced,calls_p50,trace_share,attempts_mean,first_seen,saving_ns,example_trace_id
        sample,1,checkout,"SELECT quantity, price FROM order_items WHERE order_id = ? AND product_id = ?",web;checkout;inventory,false,12345,0.34,3.5,2024-01-02T03:04:05.000000006Z,200000000000,4bf92f3577b34da6a3ce929d0e0e4736
        sample,2,"'=HYPERLINK(""x"")",�[31mred | `x` <b>,,true,6,0.0004,,,340000000,00000000000000000000000000000002

        table,rank,caller_service,operation,chain,induced,calls_p50,trace_share,attempts_mean,first_seen,saving_ns,example_trace_id
        "#);
    }
}
