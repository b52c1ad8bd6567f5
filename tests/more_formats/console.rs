//! What SDKs print, and OTLP in the spellings of languages' own serialisers.

use tracescan::span::SkipReason;

use super::{CHILD, ROOT, TRACE, assert_request_and_query, outlines, read_whole};

fn python(indent: &str) -> String {
    let span = |name: &str, id: &str, parent: &str, kind: &str, times: [&str; 2], more: &str| {
        format!(
            r#"{{{indent}"name": "{name}",{indent}"context": {{"trace_id": "0x{TRACE}", "span_id": "0x{id}", "trace_state": "['{{key=ot, value=th:8}}']"}},{indent}"kind": "SpanKind.{kind}", "parent_id": {parent},{indent}"start_time": "{}", "end_time": "{}",{indent}{more}, "links": [{{"context": {{"trace_id": "0x{TRACE}", "span_id": "0x01", "trace_state": "[]"}}, "attributes": {{"k": "v"}}}}],{indent}"resource": {{"attributes": {{"service.name": "shop", "host.cpus": 4}}, "schema_url": ""}}{}}}"#,
            times[0],
            times[1],
            &indent[..indent.len().min(1)],
        )
    };
    let query = span(
        "SELECT",
        CHILD,
        &format!("\"0x{ROOT}\""),
        "CLIENT",
        ["2026-01-15T12:00:00.010000Z", "2026-01-15T12:00:00.030000Z"],
        r#""status": {"status_code": "ERROR", "description": "no such table"}, "attributes": {"db.system": "sqlite", "db.statement": "SELECT 1"}, "events": [{"name": "exception", "timestamp": "2026-01-15T12:00:00.029000Z", "attributes": {"exception.type": "OperationalError"}}]"#,
    );
    let request = span(
        "GET /orders",
        ROOT,
        "null",
        "SERVER",
        ["2026-01-15T12:00:00.000000Z", "2026-01-15T12:00:00.050000Z"],
        r#""status": {"status_code": "UNSET"}, "attributes": {"http.route": "/orders", "tries": 2, "tags": ["a"]}, "events": []"#,
    );
    format!("{query}\n{request}\n")
}

/// Pretty-printed as by default, or a span a line, with everything that a span has.
#[test]
fn python_console_spans_are_read() {
    for text in [python(""), python("\n    "), format!("[{}]", python("").trim().replace("}\n{", "},\n{"))] {
        let (spans, format) = read_whole(&text);
        assert_eq!(format, "python_console_json");
        assert_request_and_query(&spans, &text);
        assert_eq!(spans[0].outline(), "shop server unset GET /orders +0 50000");
        assert_eq!(spans[1].outline(), "shop client error SELECT +10000 20000");
        assert_eq!((spans[1].message.as_str(), spans[1].attribute("db.statement")), ("no such table", "SELECT 1"));
        assert_eq!((spans[0].attribute("tries"), spans[0].attribute("tags")), ("2", r#"["a"]"#));
        assert_eq!(spans[0].resource["host.cpus"], "4");
        assert!(spans[1].events[0].contains("1768478400029000000 exception"), "{:?}", spans[1].events);
        assert!(spans[0].links[0].contains("0000000000000001"), "{:?}", spans[0].links);
    }
}

fn go(old: bool) -> String {
    let span = |name: &str, id: &str, parent: &str, kind: u8, times: [&str; 2], status: &str, more: &str| {
        let parent = match old {
            true => format!(r#""ParentSpanID": "{parent}""#),
            false => format!(
                r#""Parent": {{"TraceID": "{TRACE}", "SpanID": "{parent}", "TraceFlags": "01", "TraceState": "", "Remote": false}}"#
            ),
        };
        format!(
            r#"{{
	"Name": "{name}",
	"SpanContext": {{"TraceID": "{TRACE}", "SpanID": "{id}", "TraceFlags": "01", "TraceState": "ot=th:8", "Remote": false}},
	{parent},
	"SpanKind": {kind},
	"StartTime": "{}",
	"EndTime": "{}",
	"Attributes": [{more}],
	"Events": [{{"Name": "retry", "Attributes": [{{"Key": "n", "Value": {{"Type": "INT64", "Value": 2}}}}], "DroppedAttributeCount": 0, "Time": "2026-01-15T13:00:00.02+01:00"}}],
	"Links": null,
	{status},
	"DroppedAttributes": 0, "ChildSpanCount": 1,
	"Resource": [{{"Key": "service.name", "Value": {{"Type": "STRING", "Value": "fib"}}}}],
	"InstrumentationScope": {{"Name": "lib", "Version": "v1", "SchemaURL": ""}}
}}
"#,
            times[0], times[1],
        )
    };
    let failed = if old {
        r#""StatusCode": 2, "StatusMessage": "oh""#
    } else {
        r#""Status": {"Code": "Error", "Description": "oh"}"#
    };
    let unset = if old {
        r#""StatusCode": 0, "StatusMessage": """#
    } else {
        r#""Status": {"Code": "Unset", "Description": ""}"#
    };
    let query = span(
        "Poll",
        CHILD,
        ROOT,
        3,
        ["2026-01-15T12:00:00.01Z", "2026-01-15T12:00:00.03Z"],
        failed,
        r#"{"Key": "db.system", "Value": {"Type": "STRING", "Value": "mysql"}}, {"Key": "ratio", "Value": {"Type": "FLOAT64", "Value": 1}}, {"Key": "ok", "Value": {"Type": "BOOL", "Value": true}}, {"Key": "list", "Value": {"Type": "STRINGSLICE", "Value": ["a","b"]}}"#,
    );
    query
        + &span("Run", ROOT, "0000000000000000", 2, ["2026-01-15T12:00:00Z", "2026-01-15T14:00:00.05+02:00"], unset, "")
}

/// What a program prints beside its spans costs nothing but itself.
#[test]
fn spans_between_other_lines_are_read() {
    for spans in [python("\n    "), python(""), go(false)] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("output.log");
        let text = format!("INFO: started\n * Running on http://127.0.0.1\n{spans}INFO: done\n");
        std::fs::write(&path, text).expect("written");
        let (spans, reports) = super::read(&path);
        assert_eq!(spans.len(), 2, "{reports:?}");
        assert_eq!(reports[0].skipped.total(), 3, "{reports:?}");
    }
}

/// Of versions before 1.0 and after.
#[test]
fn go_stdouttrace_spans_are_read() {
    for old in [false, true] {
        let (spans, format) = read_whole(go(old));
        assert_eq!(format, "go_stdouttrace_json");
        assert_request_and_query(&spans, "stdouttrace");
        assert_eq!(spans[0].outline(), "fib server unset Run +0 50000");
        assert_eq!(spans[1].outline(), "fib client error Poll +10000 20000");
        assert_eq!((spans[1].message.as_str(), spans[1].scope.as_str()), ("oh", "lib"));
        let expected = [("db.system", "mysql"), ("ratio", "1"), ("ok", "true"), ("list", r#"["a","b"]"#)];
        for (key, value) in expected {
            assert_eq!(spans[1].attribute(key), value, "{key}");
        }
        assert_eq!(spans[1].events, ["1768478400020000000 retry {\"n\": \"2\"}"]);
    }
}

/// PHP's exporter prints one array for each batch, and calls times and parents otherwise than Python's.
#[test]
fn php_console_spans_are_read() {
    let span = |name: &str, id: &str, parent: &str, kind: &str, times: [u64; 2], more: &str| {
        format!(
            r#"{{"name": "{name}", "context": {{"trace_id": "{TRACE}", "span_id": "{id}", "trace_state": "", "trace_flags": 1}}, "resource": {{"service.name": "fib", "host.name": "h"}},
                "parent_span_id": "{parent}", "kind": "KIND_{kind}", "start": {}, "end": {}, {more}, "events": [], "links": [], "schema_url": ""}}"#,
            times[0], times[1]
        )
    };
    let start = super::START;
    let text = format!(
        "[\n{}\n]\n[\n{}\n]\n",
        span(
            "Poll",
            CHILD,
            ROOT,
            "PRODUCER",
            [start + 10_000_000, start + 30_000_000],
            r#""attributes": {"messaging.system": "sqs"}, "status": {"code": "Error", "description": "oh"}"#
        ),
        span(
            "Run",
            ROOT,
            "",
            "CONSUMER",
            [start, start + 50_000_000],
            r#""attributes": {}, "status": {"code": "Unset", "description": ""}"#
        )
    );
    let (spans, format) = read_whole(&text);
    assert_eq!(format, "php_console_json");
    assert_request_and_query(&spans, &text);
    assert_eq!(spans[0].outline(), "fib consumer unset Run +0 50000");
    assert_eq!(spans[1].outline(), "fib producer error Poll +10000 20000");
    assert_eq!((spans[1].message.as_str(), spans[1].attribute("messaging.system")), ("oh", "sqs"));
    assert_eq!(spans[0].resource["host.name"], "h");
}

/// What JavaScript's exporter has of a span is told from Zipkin's, whose ids have the same names.
#[test]
fn javascript_console_spans_are_read() {
    let span = |new: bool, name: &str, id: &str, parent: &str, kind: u8, times: [u64; 2], more: &str| {
        let parent = match (new, parent) {
            (_, "") => String::new(),
            (true, parent) => format!(
                r#""parentSpanContext":{{"traceId":"{TRACE}","spanId":"{parent}","traceFlags":1}},"traceState":null,"#
            ),
            (false, parent) => format!(r#""parentId":"{parent}","#),
        };
        let around = match new {
            true => {
                r#""resource":{"attributes":{"service.name":"dice"}},"instrumentationScope":{"name":"lib","version":"1"},"#
            }
            false => "",
        };
        format!(
            r#"{{{around}"traceId":"{TRACE}",{parent}"name":"{name}","id":"{id}","kind":{kind},"timestamp":{},"duration":{}.5,{more}}}"#,
            times[0], times[1]
        )
    };
    let start = super::START / 1_000;
    for new in [false, true] {
        let text = [
            span(
                new,
                "send",
                CHILD,
                ROOT,
                3,
                [start + 10_000, 20_000],
                r#""attributes":{"messaging.system":"sqs"},"status":{"code":2,"message":"oh"},"events":[{"name":"retry","attributes":{"n":1},"time":[1768478400,20000000],"droppedAttributesCount":0}],"links":[{"context":{"traceId":"8e7b3576e667ac62f55d22f7d9fd23ba","spanId":"01"},"attributes":{"k":"v"}}]"#,
            ),
            span(
                new,
                "roll",
                ROOT,
                "",
                1,
                [start, 50_000],
                r#""attributes":{"http.route":"/roll"},"status":{"code":0},"events":[],"links":[]"#,
            ),
        ]
        .join("\n");
        let (spans, format) = read_whole(&text);
        assert_eq!(format, "javascript_console_json");
        assert_request_and_query(&spans, &text);
        let service = if new { "dice" } else { "unknown_service" };
        assert_eq!(spans[0].outline(), format!("{service} server unset roll +0 50000"));
        assert_eq!(spans[1].outline(), format!("{service} producer error send +10000 20000"));
        assert_eq!((spans[1].end - spans[1].start, spans[1].message.as_str()), (20_000_500, "oh"));
        assert_eq!(spans[1].events, ["1768478400020000000 retry {\"n\": \"1\"}"]);
        assert!(spans[1].links[0].contains("0000000000000001"), "{:?}", spans[1].links);
    }
}

/// `encoding/json` on the structs of the protobuf: the oneof is an object around the value, ids are base64.
#[test]
fn otlp_through_gos_encoding_json_is_read() {
    let (spans, format) = read_whole(
        r#"{"resource_spans":[{"resource":{"attributes":[{"key":"service.name","value":{"Value":{"StringValue":"quickstart"}}},{"key":"n","value":{"Value":{"IntValue":5}}}]},
        "scope_spans":[{"scope":{"name":"lib"},"spans":[
        {"trace_id":"jns1duZnrGL1XSL32f0jug==","span_id":"eDmM2vJs3kk=","name":"Simple","kind":2,"start_time_unix_nano":1768478400000000000,"end_time_unix_nano":1768478400050000000,"status":{"message":"m","code":2},
         "attributes":[{"key":"b","value":{"Value":{"BoolValue":true}}},{"key":"d","value":{"Value":{"DoubleValue":0.5}}},{"key":"x","value":{"Value":{"BytesValue":"AAE="}}},
          {"key":"l","value":{"Value":{"ArrayValue":{"values":[{"Value":{"StringValue":"a"}},{"Value":{"IntValue":1}}]}}}},{"key":"m","value":{"Value":{"KvlistValue":{"values":[{"key":"k","value":{"Value":{"StringValue":"v"}}}]}}}},{"key":"none","value":null}]},
        {"trace_id":"jns1duZnrGL1XSL32f0jug==","span_id":"s7nKxJHIpDA=","parent_span_id":"eDmM2vJs3kk=","name":"q","kind":3,"start_time_unix_nano":1768478400010000000,"end_time_unix_nano":1768478400020000000,"status":{}}]}],"schema_url":""}]}"#,
    );
    assert_eq!(format, "otlp_json");
    assert_request_and_query(&spans, "encoding/json");
    assert_eq!(spans[0].outline(), "quickstart server error Simple +0 50000");
    for (key, value) in [("b", "true"), ("d", "0.5"), ("x", "AAE="), ("l", r#"["a",1]"#), ("m", r#"{"k":"v"}"#)] {
        assert_eq!(spans[0].attribute(key), value, "{key}");
    }
    assert_eq!(spans[0].resource["n"], "5");
}

/// Ids as JavaScript, Node.js, Go and Java print bytes.
#[test]
fn ids_as_bytes_are_read() {
    let trace = [142, 123, 53, 118, 230, 103, 172, 98, 245, 93, 34, 247, 217, 253, 35, 186];
    let (root, child) = ([120, 57, 140, 218, 242, 108, 222, 73], [179, 185, 202, 196, 145, 200, 164, 48]);
    let list = |bytes: &[i16]| format!("{bytes:?}");
    let signed = |bytes: &[i16]| {
        format!("{:?}", bytes.iter().map(|&byte| if byte > 127 { byte - 256 } else { byte }).collect::<Vec<_>>())
    };
    let buffer = |bytes: &[i16]| format!(r#"{{"type":"Buffer","data":{bytes:?}}}"#);
    let object = |bytes: &[i16]| {
        let members: Vec<String> =
            bytes.iter().enumerate().map(|(place, byte)| format!(r#""{place}":{byte}"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    type Form<'a> = &'a dyn Fn(&[i16]) -> String;
    let forms: [Form<'_>; 4] = [&list, &signed, &buffer, &object];
    for form in forms {
        let span = |id: &[i16], parent: Option<&[i16]>, more: &str| {
            let parent = parent.map_or("null".to_owned(), form);
            format!(r#"{{"traceId":{},"spanId":{},"parentSpanId":{parent},{more}}}"#, form(&trace), form(id))
        };
        let spans = [
            span(&root, None, r#""name":"GET /","kind":2,"startTimeUnixNano":"1768478400000000000","endTimeUnixNano":"1768478400050000000""#),
            span(&child, Some(&root), r#""name":"q","kind":3,"startTimeUnixNano":"1768478400010000000","endTimeUnixNano":"1768478400030000000""#),
        ]
        .join(",");
        let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
        assert_request_and_query(&read_whole(&text).0, &text);
        // The same in documents of one span each.
        let text = format!(
            "{}\n{}",
            spans.split_once("},{\"traceId").map(|(first, _)| format!("{first}}}")).unwrap(),
            &spans[spans.rfind("{\"traceId").unwrap()..]
        );
        assert_request_and_query(&read_whole(&text).0, &text);
    }
}

/// Whatever a language prints of an enum.
#[test]
fn enums_are_read_in_every_spelling() {
    let kinds = [
        r#""server""#,
        r#""SERVER""#,
        r#""SpanKind.SERVER""#,
        r#""2""#,
        "2.0",
        r#""SPAN_KIND_SERVER""#,
        r#""Server""#,
        "2",
        r#""SpanKind::Server""#,
    ];
    let statuses = [
        r#"{"code":"Error"}"#,
        r#"{"code":"STATUS_CODE_ERROR"}"#,
        r#"{"code":"StatusCode.ERROR"}"#,
        r#"{"code":"2"}"#,
        r#"{"code":2.0}"#,
        r#""ERROR""#,
        r#"{"statusCode":"ERROR"}"#,
        r#"{"status_code":2}"#,
        r#"null,"status_code":"ERROR""#,
    ];
    let span = |number: usize| {
        format!(
            r#"{{"traceId":"{:032x}","spanId":"{:016x}","name":"e","kind":{},"startTimeUnixNano":"1768478400000000000","endTimeUnixNano":"1768478400001000000","status":{}}}"#,
            number + 1,
            number + 1,
            kinds[number],
            statuses[number]
        )
    };
    let spans: Vec<String> = (0..kinds.len()).map(span).collect();
    let otlp = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop"}}}}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    );
    let documents: Vec<String> = spans
        .iter()
        .map(|span| span.replacen('{', r#"{"resource":{"attributes":{"service.name":"shop"}},"#, 1))
        .collect();
    for text in [otlp, documents.join("\n")] {
        let (outlines, _) = outlines(&text);
        assert_eq!(outlines, vec!["shop server error e +0 1000"; kinds.len()], "{text}");
    }
}

/// Behind what a logger writes before it, beside lines of its own and other signals. A line that is cut costs itself.
#[test]
fn otlp_behind_loggers_is_read() {
    let span = |id: &str, parent: &str, name: &str, kind: u8, times: [u64; 2]| {
        format!(
            r#"{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"jsvc"}}}}]}},"scopeSpans":[{{"scope":{{"name":"x"}},"spans":[{{"traceId":"{TRACE}","spanId":"{id}","parentSpanId":"{parent}","name":"{name}","kind":{kind},"startTimeUnixNano":"{}","endTimeUnixNano":"{}"}}]}}]}}"#,
            super::START + times[0],
            super::START + times[1]
        )
    };
    let request = span(ROOT, "", "GET /orders", 2, [0, 50_000_000]);
    let query = span(CHILD, ROOT, "SELECT", 3, [10_000_000, 30_000_000]);
    for prefix in [
        "[otel.javaagent 2026-01-15 12:00:00:123 +0000] [BatchSpanProcessor_WorkerThread-1] INFO io.opentelemetry.exporter.logging.otlp.OtlpJsonLoggingSpanExporter - ",
        "2026-01-15T12:00:00.123+01:00  INFO 1 --- [BatchSpanProcessor_WorkerThread-1] i.o.e.l.o.OtlpJsonLoggingSpanExporter    : ",
        "Jan 15, 2026 12:00:00 PM io.opentelemetry.exporter.logging.otlp.internal.traces.OtlpStdoutSpanExporter export\nINFO: ",
        "12:00:00 [main] DEBUG shop.Spans - ",
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("app.log");
        let metrics = r#"{"resource":{},"scopeMetrics":[{"metrics":[]}]}"#;
        let cut = &request[..request.len() / 3];
        let lines = [&request, cut, metrics, &query].map(|line| format!("{prefix}{line}\n"));
        std::fs::write(&path, lines.concat()).expect("written");
        let (spans, reports) = super::read(&path);
        assert_request_and_query(&spans, &format!("{prefix}: {reports:?}"));
        assert_eq!(reports[0].skipped.counts[&SkipReason::OtherSignal], 1, "{prefix}: {reports:?}");
        // What stands between a line that is cut and the next document goes with it.
        let lines_before = prefix.matches('\n').count() as u64;
        assert_eq!(reports[0].skipped.total(), 2 + 3 * lines_before, "{prefix}: {reports:?}");
    }
}
