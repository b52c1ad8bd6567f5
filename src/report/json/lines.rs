//! All tables as lines of JSON: one object a row, whose first key `table` names the table. Values are as in `json`.

use std::io::{self, Write};

use crate::rank::{Table, for_each_row};

use super::row::{JsonRow, write_compact};

/// Writes at most `top` rows of each table.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_ndjson(out: &mut impl Write, tables: &[&Table], top: usize) -> io::Result<()> {
    for table in tables {
        for_each_row(*table, top, |cells| {
            write_compact(out, &JsonRow { name: Some(table.name), columns: &table.columns, cells })?;
            out.write_all(b"\n")
        })?;
    }
    Ok(())
}

/// Writes all rows of one table, without its name.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_ndjson_table(out: &mut impl Write, table: &Table) -> io::Result<()> {
    for_each_row(table, usize::MAX, |cells| {
        write_compact(out, &JsonRow { name: None, columns: &table.columns, cells })?;
        out.write_all(b"\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn each_line_names_its_table() {
        let table = samples::table();
        let mut out = Vec::new();
        write_ndjson(&mut out, &samples::tables(&table), 2).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        {"table":"sample","rank":1,"caller_service":"checkout","operation":"SELECT quantity, price FROM order_items WHERE order_id = ? AND product_id = ?","chain":["web","checkout","inventory"],"induced":false,"calls_p50":12345,"trace_share":0.34,"attempts_mean":3.5,"first_seen":"2024-01-02T03:04:05.000000006Z","saving_ns":200000000000,"example_trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}
        {"table":"sample","rank":2,"caller_service":"=HYPERLINK(\"x\")","operation":"\u001b[31mred | `x` <b>","chain":[],"induced":true,"calls_p50":6,"trace_share":0.0004,"attempts_mean":null,"first_seen":null,"saving_ns":340000000,"example_trace_id":"00000000000000000000000000000002"}
        "#);
    }
}
