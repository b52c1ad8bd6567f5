//! Documents of Elasticsearch and OpenSearch, in every mapping and around them what exports and searches write.

use std::fs;

use super::{CHILD, ROOT, TRACE, assert_request_and_query, read, read_whole};

/// The mapping of the collector's exporter, mode `otel`: times as text, or milliseconds with a fraction.
fn otel(times: [&str; 2]) -> [String; 2] {
    [
        format!(
            r#"{{"@timestamp":"{}","data_stream":{{"type":"traces","dataset":"generic.otel","namespace":"default"}},"trace_id":"{TRACE}","span_id":"{ROOT}","name":"GET /","kind":"Server","duration":50000000,"attributes":{{"http.request.method":"GET","n":{{"a":1}}}},"links":[{{"trace_id":"{TRACE}","span_id":"01","attributes":{{"k":"v"}}}}],"status":{{"code":"Unset"}},"resource":{{"schema_url":"u","attributes":{{"service.name":"shop","host.name":"h"}}}},"scope":{{"name":"lib","version":"1"}}}}"#,
            times[0]
        ),
        format!(
            r#"{{"@timestamp":"{}","trace_id":"{TRACE}","span_id":"{CHILD}","parent_span_id":"{ROOT}","name":"SELECT","kind":"Client","duration":20000000,"attributes":{{"db.system":"mysql"}},"status":{{"message":"oh","code":"Error"}},"resource":{{"attributes":{{"service.name":"shop","host.name":"h"}}}},"scope":{{"name":"lib"}}}}"#,
            times[1]
        ),
    ]
}

/// The same exporter, mode `none`.
fn old() -> [String; 2] {
    let span = |id: &str, parent: &str, times: [&str; 2], more: &str| {
        format!(
            r#"{{"@timestamp":"2026-01-15T12:00:00.{}000Z","Duration":50000,"EndTimestamp":"2026-01-15T12:00:00.{}000Z","Link":"[{{\"attribute\":{{\"k\":\"v\"}},\"spanID\":\"01\",\"traceID\":\"{TRACE}\"}}]","ParentSpanId":"{parent}","Resource.host.name":"h","Resource.service.name":"shop","Scope.name":"lib","SpanId":"{id}","TraceId":"{TRACE}",{more}}}"#,
            times[0], times[1]
        )
    };
    [
        span(
            ROOT,
            "",
            ["000000", "050000"],
            r#""Attributes.http.request.method":"GET","Attributes.n.a":1,"Kind":"SPAN_KIND_SERVER","Name":"GET /","TraceStatus":0,"TraceStatusDescription":"""#,
        ),
        span(
            CHILD,
            ROOT,
            ["010000", "030000"],
            r#""Attributes.db.system":"mysql","Kind":"SPAN_KIND_CLIENT","Name":"SELECT","TraceStatus":2,"TraceStatusDescription":"oh""#,
        ),
    ]
}

/// Data Prepper's index, and the simple schema of the collector's OpenSearch exporter.
fn data_prepper() -> [String; 2] {
    let span = |id: &str, parent: &str, times: [&str; 2], more: &str| {
        format!(
            r#"{{"traceId":"{TRACE}","spanId":"{id}","traceState":"","parentSpanId":"{parent}","startTime":"2026-01-15T12:00:00.{}Z","endTime":"2026-01-15T12:00:00.{}Z","durationInNanos":1,"serviceName":"shop","links":[{{"traceId":"{TRACE}","spanId":"01","attributes":{{"k":"v"}}}}],"droppedAttributesCount":0,"traceGroup":"GET /","traceGroupFields":{{"endTime":"2026-01-15T12:00:00.05Z","durationInNanos":50000000,"statusCode":0}},"resource.attributes.host@name":"h","resource.attributes.service@name":"shop","instrumentationScope.name":"lib",{more}}}"#,
            times[0], times[1]
        )
    };
    [
        span(
            ROOT,
            "",
            ["000000000", "050000000"],
            r#""name":"GET /","kind":"SPAN_KIND_SERVER","status.code":0,"span.attributes.http@request@method":"GET","span.attributes.n@a":"1""#,
        ),
        span(
            CHILD,
            ROOT,
            ["010000000", "030000000"],
            r#""name":"SELECT","kind":"SPAN_KIND_CLIENT","status.code":2,"status.message":"oh","span.attributes.db@system":"mysql""#,
        ),
    ]
}

fn simple_schema() -> [String; 2] {
    let span = |id: &str, parent: &str, times: [&str; 2], more: &str| {
        format!(
            r#"{{"traceId":"{TRACE}","spanId":"{id}","parentSpanId":"{parent}","startTime":"2026-01-15T12:00:00.{}Z","endTime":"2026-01-15T12:00:00.{}Z","links":[{{"traceId":"{TRACE}","spanId":"01","attributes":{{"k":"v"}}}}],"resource":{{"service.name":"shop","host.name":"h"}},"instrumentationScope":{{"name":"lib"}},{more}}}"#,
            times[0], times[1]
        )
    };
    [
        span(
            ROOT,
            "",
            ["0", "05"],
            r#""name":"GET /","kind":"Server","status":{"code":"Unset"},"attributes":{"http.request.method":"GET","n.a":1}"#,
        ),
        span(
            CHILD,
            ROOT,
            ["01", "03"],
            r#""name":"SELECT","kind":"Client","status":{"code":"Error","message":"oh"},"attributes":{"db.system":"mysql"}"#,
        ),
    ]
}

/// The ways in which documents leave an index.
fn exports(documents: &[String; 2]) -> Vec<String> {
    let sources = documents
        .each_ref()
        .map(|document| format!(r#"{{"_index":"traces","_id":"1","_score":1,"_source":{document}}}"#));
    let hits = sources.join(",\n");
    let bulk = documents.each_ref().map(|document| format!("{{\"create\":{{\"_index\":\"traces\"}}}}\n{document}"));
    let hits = format!(
        r#"{{"took":3,"timed_out":false,"_shards":{{"total":1}},"hits":{{"total":{{"value":2,"relation":"eq"}},"max_score":1,"hits":[{hits}]}}}}"#
    );
    vec![
        documents.join("\n"),
        format!("[{}]", documents.join(",")),
        sources.join("\n"),
        bulk.join("\n"),
        format!(r#"{{"took":3,"responses":[{hits}]}}"#),
        format!(r#"{{"id":"x","rawResponse":{hits}}}"#),
        hits,
    ]
}

/// Every mapping of every exporter gives the same spans, however they were exported.
#[test]
fn documents_of_all_mappings_are_read() {
    let mappings = [
        otel(["2026-01-15T12:00:00.000000000Z", "2026-01-15T12:00:00.010000000Z"]),
        otel(["1768478400000.0", "1768478400010.000000"]),
        old(),
        data_prepper(),
        simple_schema(),
    ];
    for documents in mappings {
        for text in exports(&documents) {
            let (spans, format) = read_whole(&text);
            assert_eq!(format, "span_documents_json", "{text}");
            assert_request_and_query(&spans, &text);
            assert_eq!(spans[0].outline(), "shop server unset GET / +0 50000", "{text}");
            assert_eq!(spans[1].outline(), "shop client error SELECT +10000 20000", "{text}");
            assert_eq!(spans[1].attribute("db.system"), "mysql", "{text}");
            assert_eq!((spans[0].attribute("http.request.method"), spans[0].attribute("n.a")), ("GET", "1"), "{text}");
            assert_eq!((spans[0].resource["host.name"].as_str(), spans[0].scope.as_str()), ("h", "lib"), "{text}");
            assert_eq!(spans[1].message, "oh", "{text}");
            let has_link = spans[0].links.iter().any(|link| link.ends_with("0000000000000001 {\"k\": \"v\"}"));
            assert!(has_link || !text.contains("inks") && !text.contains("Link"), "{:?}", spans[0].links);
        }
    }
}

/// Hits without their sources have their fields, each a list, named with dots.
#[test]
fn fields_of_hits_are_read() {
    let hit = |fields: &str| {
        format!(
            r#"{{"_index":"traces","_id":"1","fields":{{"trace_id":["{TRACE}"],"resource.attributes.service.name":["shop"],"scope.name":["lib"],{fields}}}}}"#
        )
    };
    let hits = [
        hit(&format!(
            r#""@timestamp":["2026-01-15T12:00:00.000Z"],"span_id":["{ROOT}"],"name":["GET /"],"kind":["Server"],"duration":[50000000],"attributes.http.request.method":["GET"],"status.code":["Unset"]"#
        )),
        hit(&format!(
            r#""@timestamp":["2026-01-15T12:00:00.010Z"],"span_id":["{CHILD}"],"parent_span_id":["{ROOT}"],"name":["SELECT"],"kind":["Client"],"duration":[20000000],"attributes.db.system":["mysql"],"status.code":["Error"]"#
        )),
    ];
    let text = format!(r#"{{"hits":{{"hits":[{}]}}}}"#, hits.join(","));
    let (spans, _) = read_whole(&text);
    assert_request_and_query(&spans, &text);
    assert_eq!(spans[0].outline(), "shop server unset GET / +0 50000");
    assert_eq!(spans[1].outline(), "shop client error SELECT +10000 20000");
    assert_eq!((spans[1].attribute("db.system"), spans[1].scope.as_str()), ("mysql", "lib"));
}

/// MLflow's traces: the spans of version 3 have OTLP's keys, those of version 2 Python's.
#[test]
fn spans_of_mlflow_are_read() {
    let version_3 = r#"{"info":{"trace_id":"tr-1","state":"OK"},"data":{"spans":[
        {"trace_id":"jns1duZnrGL1XSL32f0jug==","span_id":"eDmM2vJs3kk=","parent_span_id":null,"name":"agent","start_time_unix_nano":1768478400000000000,"end_time_unix_nano":1768478400050000000,"status":{"code":"STATUS_CODE_OK"},"attributes":{"mlflow.spanType":"\"AGENT\""},"events":[]},
        {"trace_id":"jns1duZnrGL1XSL32f0jug==","span_id":"s7nKxJHIpDA=","parent_span_id":"eDmM2vJs3kk=","name":"llm","start_time_unix_nano":1768478400010000000,"end_time_unix_nano":1768478400030000000,"status":{"code":"STATUS_CODE_ERROR"},"attributes":{"mlflow.spanType":"\"LLM\""}}]}}"#;
    let version_2 = format!(
        r#"{{"request":"{{}}","spans":[
        {{"name":"agent","context":{{"span_id":"0x{ROOT}","trace_id":"0x{TRACE}"}},"parent_id":null,"start_time":1768478400000000000,"end_time":1768478400050000000,"status_code":"OK","status_message":"","attributes":{{"mlflow.spanType":"\"AGENT\""}},"events":[]}},
        {{"name":"llm","context":{{"span_id":"0x{CHILD}","trace_id":"0x{TRACE}"}},"parent_id":"0x{ROOT}","start_time":1768478400010000000,"end_time":1768478400030000000,"status_code":"ERROR","status_message":"","attributes":{{"mlflow.spanType":"\"LLM\""}},"events":[]}}]}}"#
    );
    for text in [version_3, &version_2] {
        let (spans, _) = read_whole(text);
        assert_request_and_query(&spans, text);
        assert_eq!(spans[0].outline(), "unknown_service unspecified ok agent +0 50000");
        assert_eq!(spans[1].outline(), "unknown_service unspecified error llm +10000 20000");
        assert_eq!(spans[1].attribute("mlflow.spanType"), "\"LLM\"");
    }
}

/// Rows of stores are the same spans in JSON as in Parquet: what their columns are called and what is in them is known.
#[test]
fn rows_of_stores_are_read() {
    let row = |id: &str, more: &[&str]| format!(r#"{{"trace_id":"{TRACE}","span_id":"{id}",{}}}"#, more.join(","));
    let signoz = |id: &str, parent: &str, time: &str, length: u32, more: &str| {
        let times = format!(r#""timestamp":"2026-01-15 12:00:00.{time}","duration_nano":{length}"#);
        let parent = format!(r#""parent_span_id":"{parent}""#);
        row(id, &[&parent, &times, r#""ts_bucket_start":1,"flags":1,"resources_string":{"service.name":"shop"}"#, more])
    };
    let openobserve = |id: &str, parent: &str, start: u64, length: u32, more: &str| {
        let end = start + u64::from(length) * 1_000;
        let times = format!(r#""start_time":{start},"end_time":{end},"duration":{length}"#);
        let parent = format!(r#""reference_parent_span_id":"{parent}""#);
        row(id, &[&parent, &times, r#""_timestamp":1,"service_name":"shop","service_service_version":"3""#, more])
    };
    let start = super::START;
    let parent = format!(r#""parentId":"{ROOT}""#);
    let stores = [
        [
            signoz(
                ROOT,
                "",
                "000000000",
                50_000_000,
                r#""name":"GET /","kind":2,"kind_string":"Server","has_error":false,"status_code":0,"attributes_string":{"http.method":"GET"},"attributes_number":{"size":7},"attributes_bool":{"cached":true}"#,
            ),
            signoz(
                CHILD,
                ROOT,
                "010000000",
                20_000_000,
                r#""name":"SELECT","kind_string":"Client","has_error":true,"status_code_string":"Error","attributes_string":{"db.system":"mysql"},"attributes_number":{}"#,
            ),
        ],
        [
            openobserve(
                ROOT,
                "",
                start,
                50_000,
                r#""operation_name":"GET /","span_kind":"2","span_status":"UNSET","http_method":"GET","size":7,"cached":true"#,
            ),
            openobserve(
                CHILD,
                ROOT,
                start + 10_000_000,
                20_000,
                r#""operation_name":"SELECT","span_kind":"3","span_status":"ERROR","db_system":"mysql""#,
            ),
        ],
        [
            row(
                ROOT,
                &[
                    r#""parentId":null,"start":1768478400000,"durationMs":50,"operation":"GET /","service":"shop""#,
                    r#""kind_string":"SERVER","tags":{"http.method":"GET","size":7,"cached":true}"#,
                ],
            ),
            row(
                CHILD,
                &[
                    &parent,
                    r#""start":1768478400010,"durationMs":20,"operation":"SELECT","service":"shop","kind_string":"CLIENT""#,
                    r#""is_error":1,"tags":{"db.system":"mysql"}"#,
                ],
            ),
        ],
    ];
    for rows in stores {
        let text = rows.join("\n");
        let (spans, _) = read_whole(&text);
        assert_request_and_query(&spans, &text);
        assert_eq!(spans[0].outline(), "shop server unset GET / +0 50000", "{text}");
        assert_eq!(spans[1].outline(), "shop client error SELECT +10000 20000", "{text}");
        for (key, value) in [("http.method", "GET"), ("size", "7"), ("cached", "true")] {
            assert_eq!(spans[0].attribute(key), value, "{key} of {text}");
        }
        assert_eq!(spans[1].attribute("db.system"), "mysql", "{text}");
        if text.contains("service_service_version") {
            assert_eq!(spans[0].resource["service.version"], "3");
        }
    }
}

/// Documents whose dots became objects, and hits whose fields are lists, say the same.
#[test]
fn lists_and_objects_say_the_same() {
    type Object = serde_json::Map<String, serde_json::Value>;
    let object_of = |document: &str| serde_json::from_str::<Object>(document).expect("JSON");
    let nested = |document: &str| {
        let mut nested = Object::new();
        for (key, value) in object_of(document) {
            match key.split_once('.') {
                Some((outer, inner)) => {
                    let outer = nested.entry(outer).or_insert_with(|| Object::new().into());
                    outer[inner] = value;
                }
                None => drop(nested.insert(key, value)),
            }
        }
        serde_json::Value::Object(nested).to_string()
    };
    let fields = |document: &str| {
        let lists: Object =
            object_of(document).into_iter().map(|(key, value)| (key, serde_json::Value::Array(vec![value]))).collect();
        format!(r#"{{"_index":"traces","_id":"1","fields":{}}}"#, serde_json::Value::Object(lists))
    };
    for form in [&nested as &dyn Fn(&str) -> String, &fields] {
        let text = old().each_ref().map(|document| form(document)).join("\n");
        let (spans, _) = read_whole(&text);
        assert_request_and_query(&spans, &text);
        assert_eq!(spans[0].outline(), "shop server unset GET / +0 50000", "{text}");
        assert_eq!(spans[1].outline(), "shop client error SELECT +10000 20000", "{text}");
        assert_eq!((spans[0].resource["host.name"].as_str(), spans[0].scope.as_str()), ("h", "lib"), "{text}");
        assert_eq!(spans[1].attribute("db.system"), "mysql", "{text}");
    }
}

/// Lines of a log carry the ids of the span that they were written in. They are no spans, and are counted; those that say whose
/// other signal they are, as such.
#[test]
fn lines_of_logs_are_no_spans() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("logs.jsonl");
    let lines = [
        format!(
            r#"{{"timestamp":"2026-01-15T12:00:00Z","level":"info","message":"hello","trace_id":"{TRACE}","span_id":"{ROOT}"}}"#
        ),
        format!(
            r#"{{"@timestamp":"2026-01-15T12:00:00Z","body":{{"text":"x"}},"severity_text":"INFO","trace_id":"{TRACE}","span_id":"{ROOT}","resource":{{"attributes":{{}}}}}}"#
        ),
        format!(
            r#"{{"@timestamp":"2026-01-15T12:00:00Z","processor":{{"event":"error"}},"trace":{{"id":"{TRACE}"}},"transaction":{{"id":"{ROOT}"}},"error":{{"id":"1"}}}}"#
        ),
    ];
    fs::write(&path, lines.join("\n")).expect("written");
    let (spans, reports) = read(&path);
    assert!(spans.is_empty(), "{spans:?}");
    assert_eq!(reports[0].skipped.total(), 3, "{reports:?}");
    assert_eq!(
        reports[0].skipped.counts.keys().map(|reason| reason.as_str()).collect::<Vec<_>>(),
        ["other_signal", "unknown_content"]
    );
}
