//! The least that reading a file can cost: arrow-rs decodes the columns that an analysis of calls cannot do without, on all
//! threads, and does nothing else; of other files the bytes are read once.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Instant;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;

/// Ids, times, and what tells one call from another.
const NEEDED: [&str; 24] = [
    "trace_id",
    "span_id",
    "parent_span_id",
    "service_name",
    "name",
    "kind",
    "status_code",
    "start_time_unix_nano",
    "start_time",
    "duration_ns",
    "db.system.name",
    "server.address",
    "TraceId",
    "SpanId",
    "ParentSpanId",
    "ServiceName",
    "SpanName",
    "SpanKind",
    "StatusCode",
    "Timestamp",
    "Duration",
    "SpanAttributes",
    "attributes.key_value.key",
    "http.request.method",
];

fn rows_of_parquet(path: &Path) -> usize {
    let open = || ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("a file")).expect("Parquet");
    let row_groups = open().metadata().num_row_groups();
    (0..row_groups)
        .into_par_iter()
        .map(|row_group| {
            let builder = open();
            let names: Vec<usize> = (builder.schema().fields().iter().enumerate())
                .filter(|(_, field)| NEEDED.contains(&field.name().as_str()))
                .map(|(index, _)| index)
                .collect();
            let columns = ProjectionMask::roots(builder.parquet_schema(), names);
            let reader = builder.with_projection(columns).with_row_groups(vec![row_group]).with_batch_size(16_384);
            reader.build().expect("a reader").map(|batch| batch.expect("a batch").num_rows()).sum::<usize>()
        })
        .sum()
}

#[expect(clippy::print_stdout, reason = "seconds and rows or bytes are what it is for")]
fn main() {
    let path = std::env::args().nth(1).expect("usage: floor FILE");
    let path = Path::new(&path);
    let since = Instant::now();
    let read = if path.extension().is_some_and(|extension| extension == "parquet") {
        rows_of_parquet(path)
    } else {
        let mut file = File::open(path).expect("a file");
        let mut buffer = vec![0; 1 << 20];
        let mut bytes = 0;
        while let count @ 1.. = file.read(&mut buffer).expect("bytes") {
            bytes += std::hint::black_box(&buffer[..count]).len();
        }
        bytes
    };
    println!("{} {read}", since.elapsed().as_secs_f64());
}
