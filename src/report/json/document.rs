//! All tables as one JSON document: `{"version", "totals", "quality", "cautions", "inputs", "tables": {name: [row, …]}}`, and
//! `incident` if requests were compared.
//!
//! A row is an object with the table's columns as keys, on a line of its own. Integers are numbers of 64 bits (the sum of
//! root durations may need more), times RFC 3339 with nanoseconds, lists arrays; what has no value is null.

use std::io::{self, Write};

use crate::rank::Table;

use super::row::{write_compact, write_rows};
use crate::report::summary::Summary;

/// Writes the document with at most `top` rows of each table.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_json(out: &mut impl Write, summary: &Summary, tables: &[&Table], top: usize) -> io::Result<()> {
    out.write_all(b"{\"version\":")?;
    write_compact(out, &env!("CARGO_PKG_VERSION"))?;
    out.write_all(b",\n\"totals\":")?;
    write_compact(out, &summary.totals)?;
    out.write_all(b",\n\"quality\":")?;
    write_compact(out, &summary.quality)?;
    if let Some(incident) = &summary.incident {
        out.write_all(b",\n\"incident\":")?;
        write_compact(out, incident)?;
    }
    out.write_all(b",\n\"cautions\":")?;
    write_compact(out, &summary.doubts())?;
    out.write_all(b",\n\"inputs\":")?;
    write_compact(out, &summary.inputs)?;
    write_tables(out, tables, top)
}

/// Writes tables alone, as one document.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_json_tables(out: &mut impl Write, tables: &[&Table], top: usize) -> io::Result<()> {
    out.write_all(b"{\"version\":")?;
    write_compact(out, &env!("CARGO_PKG_VERSION"))?;
    write_tables(out, tables, top)
}

/// Writes all rows of one table as an array of objects, without its name.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_json_table(out: &mut impl Write, table: &Table) -> io::Result<()> {
    write_rows(out, table, usize::MAX)?;
    out.write_all(b"\n")
}

fn write_tables(out: &mut impl Write, tables: &[&Table], top: usize) -> io::Result<()> {
    out.write_all(b",\n\"tables\":{")?;
    for (index, table) in tables.iter().enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        write_compact(out, &table.name)?;
        out.write_all(b":")?;
        write_rows(out, *table, top)?;
    }
    out.write_all(b"\n}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_row_is_a_line() {
        let table = samples::table();
        let mut out = Vec::new();
        write_json(&mut out, &samples::summary(), &samples::tables(&table), 1).unwrap();
        let text = String::from_utf8(out).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r#"
        {"version":"VERSION",
        "totals":{"spans":12345,"traces":678,"services":9,"roots":670,"calls":{"database":4000,"service":5000},"root_duration_ns":9000000000000,"failed_spans":7,"failed_traces":4,"failed_roots":3,"segment_duration_ns":9000000000000,"first_start":"2024-01-02T03:04:05.000000006Z","last_end":"2024-01-02T04:04:05.000000006Z"},
        "quality":{"orphans":400,"missing_roots":8,"duplicates":0,"id_collisions":0,"shared_ids":0,"cycles":0,"without_service":0,"inherited_services":0,"clamped":0,"without_kind":0,"with_status":0,"with_code":0,"with_adjusted_count":0,"inconsistent_sampling":0,"is_weighted":false,"in_several_parts":0,"without_target":0,"end_before_start":0,"before_1971":0,"in_future":0,"long_roots":0,"clock_skew":[{"caller":"web","callee":"cart","spans":3,"max_ns":1500000}]},
        "cautions":["3.2 % of all spans have a parent that is not in the input: traces are incomplete, so counts and chains come out too small"],
        "inputs":[{"path":"spans.parquet","format":"parquet","bytes":1234567,"spans":12000,"skipped":{},"first_offsets":[],"errors":[],"cautions":[]},{"path":"collector\u001b.jsonl","format":"otlp-json","bytes":999,"spans":345,"skipped":{"invalid_trace_id":2,"truncated":1},"first_offsets":[17,400],"errors":["collector.jsonl ends in the middle of a line"],"cautions":[]}],
        "tables":{
        "sample":[
        {"rank":1,"caller_service":"checkout","operation":"SELECT quantity, price FROM order_items WHERE order_id = ? AND product_id = ?","chain":["web","checkout","inventory"],"induced":false,"calls_p50":12345,"trace_share":0.34,"attempts_mean":3.5,"first_seen":"2024-01-02T03:04:05.000000006Z","saving_ns":200000000000,"example_trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}
        ],
        "empty":[]
        }}
        "#);
    }
}
