//! Archives of trace files, and every compression.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use tracescan::frame::FrameBuilder;
use tracescan::ingest::{InputReport, ReadFrames, ReadOptions, read_frames};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use super::{Described, read};

/// A span of trace `number`.
fn file(number: u8) -> Vec<u8> {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{number:032x}","spanId":"{number:016x}","name":"{number}","startTimeUnixNano":"1768478400000000000","endTimeUnixNano":"1768478400001000000"}}]}}]}}]}}"#
    )
    .into_bytes()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, contents) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *contents).expect("packed");
    }
    builder.into_inner().expect("packed")
}

fn zip(files: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_directory("d/", SimpleFileOptions::default()).expect("packed");
    for (name, contents) in files {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).expect("packed");
        writer.write_all(contents).expect("packed");
    }
    writer.finish().expect("packed").into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

/// What is read of an input `name` that holds `bytes`, by both ways of reading.
fn read_bytes(name: &str, bytes: &[u8]) -> (Vec<Described>, Vec<InputReport>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    fs::write(&path, bytes).expect("written");
    let (spans, mut reports) = read(&path);
    let ReadFrames { builders, reports: of_frames, .. } = read_frames(&[path], &ReadOptions::default(), &());
    assert_eq!(builders.iter().map(FrameBuilder::len).sum::<usize>(), spans.len(), "{of_frames:?}");
    assert_eq!(of_frames.len(), reports.len());
    for report in &mut reports {
        report.path = report.path.strip_prefix(directory.path()).expect("below").to_owned();
    }
    (spans, reports)
}

/// The paths of the reports with the spans of each.
fn counts(reports: &[InputReport]) -> Vec<String> {
    reports.iter().map(|report| format!("{} {} {}", report.path.display(), report.spans, report.format)).collect()
}

/// Whatever packs and compresses the files: they are read like those of a directory, each under its own name.
#[test]
fn archives_are_read_like_directories() {
    let (one, two) = (file(1), gzip(&file(2)));
    let long = format!("d/{}/c.json", "x".repeat(150));
    let three = file(3);
    let files: Vec<(&str, &[u8])> = vec![("a.json", &one), ("d/b.json.gz", &two), (&long, &three)];
    let archives = [
        tar(&files),
        gzip(&tar(&files)),
        bzip2(&tar(&files)),
        xz(&tar(&files)),
        zstd::encode_all(&tar(&files)[..], 1).expect("compressed"),
        zip(&files, CompressionMethod::Stored),
        zip(&files, CompressionMethod::Deflated),
        zip(&files, CompressionMethod::Bzip2),
        gzip(&zip(&files, CompressionMethod::Zstd)),
    ];
    for bytes in archives {
        let (spans, reports) = read_bytes("t", &bytes);
        assert_eq!(spans.len(), 3);
        let expected = [
            "t/a.json 1 otlp_json".to_owned(),
            "t/d/b.json.gz 1 otlp_json".to_owned(),
            format!("t/{long} 1 otlp_json"),
        ];
        assert_eq!(counts(&reports), expected);
        assert!(reports.iter().all(|report| report.errors.is_empty() && report.warnings.is_empty()), "{reports:?}");
        assert_eq!(reports[0].bytes, one.len() as u64);
    }
    // In archives within archives, and Parquet that has to be read from its end.
    let parquet: &[u8] = include_bytes!("checksums.parquet");
    let inner = zip(&[("in.json", &one), ("spans.parquet", parquet)], CompressionMethod::Deflated);
    let (spans, reports) = read_bytes("t", &gzip(&tar(&[("inner.zip", &inner)])));
    assert_eq!(spans.len(), 7);
    assert_eq!(counts(&reports)[..1], ["t/inner.zip/in.json 1 otlp_json"]);
    assert!(counts(&reports)[1].starts_with("t/inner.zip/spans.parquet 6 "), "{reports:?}");
}

/// bzip2 and xz alone, whatever the name.
#[test]
fn every_compression_is_taken_off() {
    for bytes in [bzip2(&file(1)), xz(&file(1)), xz(&gzip(&bzip2(&file(1)))), [bzip2(&file(1)), bzip2(b"\n")].concat()]
    {
        let (spans, reports) = read_bytes("t.json", &bytes);
        assert_eq!((spans.len(), reports[0].errors.len()), (1, 0), "{reports:?}");
    }
}

/// Markers and hidden files are left out as in directories, and what is no trace is told by the name of its file.
#[test]
fn what_is_no_trace_is_left_out() {
    let one = file(1);
    let files: Vec<(&str, &[u8])> =
        vec![("__MACOSX/._a.json", b"x"), ("d/.hidden", b"x"), ("d/read.me", b"Dear Sir"), ("a.json", &one)];
    for bytes in [tar(&files), zip(&files, CompressionMethod::Deflated)] {
        let (spans, reports) = read_bytes("t", &bytes);
        assert_eq!(spans.len(), 1);
        assert_eq!(reports.len(), 4);
        for (report, name) in reports.iter().zip(["t/__MACOSX/._a.json", "t/d/.hidden", "t/d/read.me"]) {
            assert_eq!(report.path, Path::new(name));
            assert_eq!(report.skipped.total(), 1, "{report:?}");
        }
    }
}

/// Wherever an archive is cut: what stands before is read, and the loss is an error with the name of the file.
#[test]
fn cut_archives_are_read_as_far_as_they_go() {
    let (one, two) = (file(1), file(2));
    let files: Vec<(&str, &[u8])> = vec![("a.json", &one), ("b.json", &two)];
    for whole in [tar(&files), gzip(&tar(&files)), zip(&files, CompressionMethod::Stored)] {
        for cut in (20..whole.len()).step_by(53) {
            let (spans, reports) = read_bytes("t", &whole[..cut]);
            assert!(spans.len() <= 2);
            let is_told = reports.iter().any(|report| !report.errors.is_empty() || !report.warnings.is_empty());
            assert!(is_told || spans.len() == 2, "{cut}: {reports:?}");
        }
    }
    let whole = tar(&files);
    let (spans, reports) = read_bytes("t", &whole[..3 * 512 + 100]);
    assert_eq!(spans.len(), 1);
    let message = reports[1].errors.iter().map(ToString::to_string).collect::<String>();
    assert!(message.contains("t/b.json"), "{message}");
}

/// Depth and expansion are bounded, and hostile names lead nowhere.
#[test]
fn hostile_archives_are_stopped() {
    let mut nested = file(1);
    for _ in 0..5 {
        nested = zip(&[("x", &nested)], CompressionMethod::Stored);
    }
    let (spans, reports) = read_bytes("t", &nested);
    assert!(spans.is_empty());
    assert!(
        reports[0].errors[0].to_string().contains("t/x/x/x is compressed or packed more than 3 times over"),
        "{reports:?}"
    );
    let empty = zip(&[], CompressionMethod::Stored);
    let (_, reports) = read_bytes("t", &empty);
    assert_eq!((reports.len(), reports[0].warnings.len()), (1, 1));
    let one = file(1);
    let (spans, reports) = read_bytes("t", &zip(&[("../../etc/a.json", &one)], CompressionMethod::Stored));
    assert_eq!((spans.len(), counts(&reports)), (1, vec!["t/etc/a.json 1 otlp_json".to_owned()]));
}

/// A file of which nothing can be unpacked is counted, and those beside it are read.
#[test]
fn a_damaged_file_of_an_archive_is_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("traces.zip");
    for method in [CompressionMethod::Deflated, CompressionMethod::Bzip2, CompressionMethod::Zstd] {
        let one = file(1);
        let mut archive = zip(&[("a.json", &one), ("b.json", &file(2))], method);
        let name = archive.windows(6).position(|bytes| bytes == b"a.json").expect("a name");
        archive[name + 6..name + 26].fill(0xff);
        fs::write(&path, archive).expect("written");
        let (spans, reports) = read(&path);
        assert_eq!(spans.len(), 1, "{method:?}: {reports:?}");
        assert_eq!((reports[0].errors.len(), reports[0].skipped.total()), (1, 1), "{method:?}: {reports:?}");
    }
}
