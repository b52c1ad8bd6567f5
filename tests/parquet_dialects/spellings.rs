//! Spellings of one field or another that no store has and that tables have which people made themselves.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int8Array, UInt8Array};
use parquet::basic::Compression;
use tracescan::span::StatusCode;

use super::{CHILD, CHILD_NS, CHILD_START, Column, ROOT, ROOT_NS, START, Span, TRACE, int64, nanos, read, text, write};

/// The two spans with little more than what a span must have; columns of `own` replace those of the same name.
fn table(own: Vec<Column>) -> Vec<Column> {
    let usual = vec![
        ("trace_id", text([TRACE; 2])),
        ("span_id", text([ROOT, CHILD])),
        ("parent_span_id", text([None, Some(ROOT)])),
        ("name", text(["GET /cart", "SELECT"])),
        ("kind", text(["server", "client"])),
        ("start_time", nanos([START, CHILD_START])),
        ("duration_ns", int64([ROOT_NS, CHILD_NS])),
        ("service_name", text(["cart"; 2])),
    ];
    let is_replaced = |(name, _): &Column| own.iter().any(|(known, _)| known == name);
    usual.into_iter().filter(|column| !is_replaced(column)).chain(own.iter().cloned()).collect()
}

/// What both ways of reading make of the columns.
fn spans(columns: Vec<Column>) -> [Span; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spans.parquet");
    write(&path, columns, Compression::UNCOMPRESSED);
    let (collected, report, _) = read(&path);
    assert!(report.errors.is_empty() && report.warnings.is_empty(), "{:?} {:?}", report.errors, report.warnings);
    collected.spans.try_into().expect("two spans")
}

/// Whatever says that a span failed, one is a failure and zero is none; a text tells what went wrong, unless another
/// column does.
#[test]
fn columns_of_failures() {
    let flags: [ArrayRef; 5] = [
        Arc::new(UInt8Array::from(vec![Some(0), Some(1)])),
        Arc::new(Int8Array::from(vec![None, Some(1)])),
        Arc::new(Float64Array::from(vec![Some(0.0), Some(1.0)])),
        Arc::new(BooleanArray::from(vec![Some(false), Some(true)])),
        text(["False", "1"]),
    ];
    for name in ["error", "hasError", "is_error", "HAS_ERROR"] {
        for flag in &flags {
            let spans = spans(table(vec![(name, Arc::clone(flag))]));
            let said = spans.map(|span| (span.status, span.message));
            let expected = [StatusCode::Unset, StatusCode::Error].map(|status| (status, String::new()));
            assert_eq!(said, expected, "{name} {flag:?}");
        }
    }
    let child = |own: Vec<Column>| {
        let [root, child] = spans(table(own));
        assert_eq!((root.status, root.message.as_str()), (StatusCode::Unset, ""));
        (child.status, child.message)
    };
    let refused = || ("error", text([None, Some("connection refused")]));
    let flag = || ("has_error", Arc::clone(&flags[3]));
    let message = ("status_message", text([None, Some("timed out")]));
    assert_eq!(child(vec![refused()]), (StatusCode::Error, "connection refused".to_owned()));
    assert_eq!(child(vec![flag(), refused()]), (StatusCode::Error, "connection refused".to_owned()));
    assert_eq!(child(vec![refused(), message]), (StatusCode::Error, "timed out".to_owned()));
}
