//! Files of other kinds, told by their first bytes.

use super::Refused;

/// How many first bytes of text are looked at.
const TEXT_BYTES: usize = 4096;

const COLLECTOR: &str = "let the OpenTelemetry Collector that handles the spans write them with the exporter `file` as well, and \
                         give what that writes";

/// What begins with these bytes.
const MAGICS: &[(&[u8], Refused)] = &[
    (
        b"Obj\x01",
        Refused {
            what: "an Avro file",
            advice: "make it Parquet: duckdb -c \"INSTALL avro; LOAD avro; COPY (FROM read_avro('FILE')) TO 'spans.parquet'\"",
        },
    ),
    (
        b"ORC",
        Refused {
            what: "an ORC file",
            advice: "make it Parquet: python3 -c \"import pyarrow.orc as o, pyarrow.parquet as p; \
                     p.write_table(o.read_table('FILE'), 'spans.parquet')\"",
        },
    ),
    (
        b"PARE",
        Refused { what: "an encrypted Parquet file", advice: "write it without encryption, with what has its keys" },
    ),
    (
        b"FEA1",
        Refused {
            what: "a Feather file of version 1",
            advice: "make it Parquet: python3 -c \"import pyarrow.feather as f; f.read_feather('FILE').to_parquet('spans.parquet')\"",
        },
    ),
    (b"\xd4\xc3\xb2\xa1", PCAP),
    (b"\xa1\xb2\xc3\xd4", PCAP),
    (b"\x4d\x3c\xb2\xa1", PCAP),
    (b"\xa1\xb2\x3c\x4d", PCAP),
    (b"\x0a\x0d\x0d\x0a", PCAP),
    (
        b"SQLite format 3\0",
        Refused {
            what: "an SQLite database",
            advice: "export the table of spans: duckdb -c \"INSTALL sqlite; LOAD sqlite; COPY (FROM sqlite_scan('FILE', 'spans')) \
                     TO 'spans.parquet'\"",
        },
    ),
    (
        b"\x89HDF\r\n\x1a\n",
        Refused {
            what: "an HDF5 file",
            advice: "make it Parquet: python3 -c \"import pandas; pandas.read_hdf('FILE').to_parquet('spans.parquet')\"",
        },
    ),
    (b"\x04\x22\x4d\x18", Refused { what: "an LZ4 file", advice: "decompress it: lz4 -d FILE spans" }),
    (
        b"\xff\x06\x00\x00sNaPpY",
        Refused { what: "a Snappy stream", advice: "decompress it: python3 -m snappy -d FILE spans" },
    ),
    (b"7z\xbc\xaf\x27\x1c", Refused { what: "a 7-Zip archive", advice: "unpack it: 7z x FILE" }),
    (b"Rar!\x1a\x07", Refused { what: "a RAR archive", advice: "unpack it: unrar x FILE" }),
    (
        b"version https://git-lfs.github.com/spec/",
        Refused { what: "a pointer of Git LFS and not the file itself", advice: "fetch the file: git lfs pull" },
    ),
    (
        b"/annex/objects/",
        Refused {
            what: "a pointer of git-annex and not the file itself",
            advice: "fetch the file: git annex get FILE",
        },
    ),
    (b"-----BEGIN PGP MESSAGE", ENCRYPTED),
    (b"age-encryption.org/", ENCRYPTED),
];

const PCAP: Refused = Refused {
    what: "a capture of network packets (pcap)",
    advice: "spans in it stand in pieces of connections: let the OpenTelemetry Collector that was captured write them with the \
             exporter `file`, and give what that writes",
};

const ENCRYPTED: Refused =
    Refused { what: "an encrypted file", advice: "decrypt it: gpg -d FILE > spans, or age -d FILE > spans" };

const UTF_16: Refused = Refused {
    what: "text in UTF-16",
    advice: "make it UTF-8: iconv -f UTF-16 -t UTF-8 FILE > spans.json (PowerShell writes UTF-16 with `>`; there: \
             `| Out-File -Encoding utf8 spans.json`)",
};

const UTF_32: Refused =
    Refused { what: "text in UTF-32", advice: "make it UTF-8: iconv -f UTF-32 -t UTF-8 FILE > spans.json" };

const CSV: Refused = Refused {
    what: "CSV",
    advice: "make it Parquet: duckdb -c \"COPY (FROM read_csv('FILE', all_varchar = true)) TO 'spans.parquet'\", or let the \
             store write Parquet (ClickHouse: `FORMAT Parquet`)",
};

const JAVASCRIPT_CONSOLE: Refused = Refused {
    what: "what the console exporter of OpenTelemetry for JavaScript prints, which is no JSON",
    advice: "use the exporter for OTLP over HTTP with JSON, or let a collector write them with the exporter `file`",
};

const DOTNET_CONSOLE: Refused =
    Refused { what: "what the console exporter of OpenTelemetry for .NET prints", advice: COLLECTOR };

const JAVA_LOGGING: Refused = Refused {
    what: "what the logging exporter of OpenTelemetry for Java prints",
    advice: "set OTEL_TRACES_EXPORTER=experimental-otlp/stdout, which prints OTLP JSON, or let a collector write them with the \
             exporter `file`",
};

const COLLECTOR_DEBUG: Refused = Refused {
    what: "what the collector's exporter `debug` prints",
    advice: "use the exporter `file` beside it, and give what that writes",
};

const DUCKDB: Refused = Refused {
    what: "a DuckDB database",
    advice: "export the table of spans: duckdb FILE -c \"COPY spans TO 'spans.parquet'\"",
};

/// What a file that begins with `head` is, if that is known for certain, may hold spans and is not read.
pub(crate) fn of_magic(head: &[u8]) -> Option<Refused> {
    if let Some((_, refused)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(*refused);
    }
    if head.get(8..12) == Some(b"DUCK") {
        return Some(DUCKDB);
    }
    wide_text(head)
}

/// Text of more than a byte for each character. Without a mark at its start, it is told by the zeros beside `{` or `[`.
fn wide_text(head: &[u8]) -> Option<Refused> {
    const PAIRS: usize = 8;
    // Messages with their lengths before them begin with zeros as well, but do not go on with them.
    let pairs = || head.chunks_exact(2).take(PAIRS);
    let is_ascii = |low: u8, high: u8| low.is_ascii() && low != 0 && high == 0;
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some(UTF_32),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(UTF_16),
        [b'{' | b'[', 0, ..] if pairs().all(|pair| is_ascii(pair[0], pair[1])) => Some(UTF_16),
        [0, b'{' | b'[', ..] if pairs().all(|pair| is_ascii(pair[1], pair[0])) => Some(UTF_16),
        _ => None,
    }
}

/// The same of text that is nothing else that is known.
pub(crate) fn of_text(head: &[u8]) -> Option<Refused> {
    let head = &head[..head.len().min(TEXT_BYTES)];
    let end = std::str::from_utf8(head).map_or_else(|error| error.valid_up_to(), str::len);
    // A character may be cut at the end of what is looked at; anything else makes it no text.
    if head.len() - end > 3 {
        return None;
    }
    let text = std::str::from_utf8(&head[..end]).unwrap_or_default().trim_start_matches('\u{feff}').trim_start();
    let has = |part: &str| text.contains(part);
    if text.starts_with('{') && has("traceId: '") && has("\n") {
        return Some(JAVASCRIPT_CONSOLE);
    }
    if has("Activity.TraceId:") {
        return Some(DOTNET_CONSOLE);
    }
    // What the exporter of OTLP logs is read: its name ends like the other one's.
    if has("LoggingSpanExporter") && !has("OtlpJsonLoggingSpanExporter") || has("[tracer: ") {
        return Some(JAVA_LOGGING);
    }
    if has("ResourceSpans #0") || has("    Trace ID       : ") {
        return Some(COLLECTOR_DEBUG);
    }
    is_csv(text).then_some(CSV)
}

/// Whether the first lines have one separator equally often, and no line of them is JSON.
fn is_csv(text: &str) -> bool {
    // The last line may be cut.
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let Some(header) = lines.next().filter(|line| !line.starts_with(['{', '[', '<', '#'])) else {
        return false;
    };
    let second = lines.next().unwrap_or_default();
    [',', '\t', ';', '|'].into_iter().any(|separator| {
        let columns: Vec<&str> = header.split(separator).map(|name| name.trim_matches([' ', '"', '\''])).collect();
        let is_name = |name: &&str| !name.is_empty() && name.len() <= 64 && name.chars().all(is_of_name);
        let names_trace =
            columns.iter().any(|name| name.to_ascii_lowercase().replace(['_', '.', '-', ' '], "").contains("traceid"));
        columns.len() >= 3
            && columns.iter().all(is_name)
            && (names_trace || second.matches(separator).count() >= columns.len() - 1)
    })
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(character, '_' | '.' | '-' | ' ' | '/' | '(' | ')' | ':' | '[' | ']' | '\'' | '$')
}

/// What a file that begins with `head` is, if it is markup: an answer of a server rather than what was asked for.
pub(crate) fn markup(head: &[u8]) -> Option<Refused> {
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |tag: &[u8]| start.len() >= tag.len() && start[..tag.len()].eq_ignore_ascii_case(tag);
    if begins(b"<!doctype html") || begins(b"<html") {
        let what = "a web page, perhaps a log-in page or an error that a server answered instead of traces";
        return Some(Refused { what, advice: "look at it, and fetch the traces again" });
    }
    begins(b"<?xml").then_some(Refused { what: "XML", advice: "look at it: a store may have answered with an error" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(head: &[u8]) -> &'static str {
        of_magic(head).or_else(|| of_text(head)).map_or("", |refused| refused.what)
    }

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let utf_16: Vec<u8> = "{\"resourceSpans\":[]}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf_16_be: Vec<u8> = "[{\"traceId\":\"1\"}]".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for text in
            [utf_16.clone(), [&b"\xff\xfe"[..], &utf_16].concat(), [&b"\xfe\xff"[..], &utf_16_be].concat(), utf_16_be]
        {
            assert_eq!(what(&text), UTF_16.what, "{text:?}");
        }
        assert_eq!(what(b"\0{\0\x22\x0a\x9f\x01\x12"), "", "a length of four bytes");
        assert_eq!(what(b"Obj\x01\x04\x14avro.codec"), "an Avro file");
        assert_eq!(what(b"ORC\x01\x02"), "an ORC file");
        assert_eq!(what(b"\x0a\x0d\x0d\x0a\x1c\0\0\0"), PCAP.what);
        assert_eq!(what(b"\xd4\xc3\xb2\xa1\x02\0\x04\0"), PCAP.what);
        assert_eq!(what(b"\x01\x02\x03\x04\x05\x06\x07\x08DUCK\x40\0"), DUCKDB.what);
        assert_eq!(
            what(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n"),
            "a pointer of Git LFS and not the file itself"
        );
        assert_eq!(what(b"{\n  resource: {\n    attributes: {}\n  },\n  traceId: '3f1f',\n"), JAVASCRIPT_CONSOLE.what);
        assert_eq!(what(b"Activity.TraceId:            4bf92f\nActivity.SpanId: 1\n"), DOTNET_CONSOLE.what);
    }

    #[test]
    fn tables_of_text_are_told_from_prose() {
        for text in [
            "trace_id,span_id,name,start\n1,2,\"a, b\",3\n",
            "TraceId\tSpanId\tTimestamp\n",
            "\"Trace ID\";\"Span ID\";\"Duration (ms)\"\na;b;7\n",
            "time,value,host\n1,2,3\n",
        ] {
            assert_eq!(what(text.as_bytes()), CSV.what, "{text}");
        }
        for text in [
            "Dear Sir or Madam,\nthese, my friend, are no spans\n",
            "a,b\n",
            "{\"a\":1,\"b\":2,\"c\":3}\n",
            "a, b, c",
            "",
        ] {
            assert_eq!(what(text.as_bytes()), "", "{text}");
        }
    }

    #[test]
    fn web_pages_are_no_traces() {
        assert!(markup(b"\n<!DOCTYPE HTML><html>").is_some_and(|refused| refused.what.contains("web page")));
        assert!(markup(b"<span>").is_none());
    }
}
