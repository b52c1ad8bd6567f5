//! What vendors give as JSON: Elastic APM, AWS, Honeycomb, Datadog.

use base64::Engine as _;
use std::io::Write as _;

use super::{CHILD, ROOT, TRACE, assert_request_and_query, outlines, read_whole};

const APM_TRANSACTION: &str = r#"{"container":{"id":"c"},"process":{"pid":6},"agent":{"name":"java","version":"1"},"processor":{"name":"transaction","event":"transaction"},
    "url":{"path":"/api/orders","full":"http://shop/api/orders"},"trace":{"id":"8e7b3576e667ac62f55d22f7d9fd23ba"},"@timestamp":"2026-01-15T12:00:00.000Z","ecs":{"version":"1"},
    "service":{"name":"checkout","environment":"production","version":"2","framework":{"name":"spring"}},"http":{"request":{"method":"get"},"response":{"status_code":500}},
    "transaction":{"duration":{"us":50000},"result":"HTTP 5xx","name":"GET /api/orders","id":"78398cdaf26cde49","type":"request","sampled":true},"event":{"outcome":"failure"},"labels":{"tenant":"t"},"timestamp":{"us":1768478400000000}}"#;
const APM_SPAN: &str = r#"{"processor":{"name":"transaction","event":"span"},"trace":{"id":"8e7b3576e667ac62f55d22f7d9fd23ba"},"parent":{"id":"78398cdaf26cde49"},"transaction":{"id":"78398cdaf26cde49"},
    "@timestamp":"2026-01-15T12:00:00.010Z","service":{"name":"checkout"},"span":{"id":"b3b9cac491c8a430","name":"SELECT FROM orders","type":"db","subtype":"postgresql","action":"query","sync":true,
    "db":{"statement":"SELECT * FROM orders","type":"sql","instance":"shop"},"destination":{"service":{"resource":"postgresql"}},"duration":{"us":20000}},"destination":{"address":"db1","port":5432},"timestamp":{"us":1768478400010000}}"#;

/// Documents in the order of keys that the server writes, sorted, and with dots instead of objects.
#[test]
fn documents_of_elastic_apm_are_read() {
    let dotted = |json: &str| {
        let mut members = Vec::new();
        flatten("", &serde_json::from_str(json).expect("JSON"), &mut members);
        format!("{{{}}}", members.join(","))
    };
    let sorted = |json: &str| {
        let object: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(json).expect("JSON");
        serde_json::to_string(&object).expect("JSON")
    };
    let without_lines = |json: &str| json.replace('\n', "");
    for form in [&without_lines as &dyn Fn(&str) -> String, &sorted, &dotted] {
        let hits =
            [APM_SPAN, APM_TRANSACTION].map(|document| format!(r#"{{"_index":"apm","_source":{}}}"#, form(document)));
        for text in [hits.join("\n"), [form(APM_SPAN), form(APM_TRANSACTION)].join("\n")] {
            let (spans, format) = read_whole(&text);
            assert_eq!(format, "elastic_apm_json", "{text}");
            assert_request_and_query(&spans, &text);
            assert_eq!(spans[0].outline(), "checkout server error GET /api/orders +0 50000");
            assert_eq!(spans[1].outline(), "checkout client unset SELECT FROM orders +10000 20000");
            for (key, value) in [
                ("url.path", "/api/orders"),
                ("http.request.method", "get"),
                ("http.response.status_code", "500"),
                ("tenant", "t"),
            ] {
                assert_eq!(spans[0].attribute(key), value, "{key} of {:?}", spans[0].attributes);
            }
            for (key, value) in [
                ("db.system.name", "postgresql"),
                ("db.query.text", "SELECT * FROM orders"),
                ("db.namespace", "shop"),
                ("server.address", "db1"),
                ("server.port", "5432"),
                ("span.action", "query"),
            ] {
                assert_eq!(spans[1].attribute(key), value, "{key} of {:?}", spans[1].attributes);
            }
            assert_eq!(
                (
                    spans[0].resource["service.version"].as_str(),
                    spans[0].resource["deployment.environment.name"].as_str()
                ),
                ("2", "production")
            );
            assert_eq!(spans[0].scope, "spring");
        }
    }
}

/// What stands beside spans in indices of APM is counted as other signals, nested and with dots.
#[test]
fn errors_and_metrics_of_elastic_apm_are_no_spans() {
    let text = [
        APM_SPAN.replace('\n', ""),
        r#"{"processor":{"event":"error"},"trace":{"id":"a1"},"error":{"id":"e"},"timestamp":{"us":1768478400000000}}"#
            .to_owned(),
        r#"{"processor.event":"error","trace.id":"a1","error.id":"e"}"#.to_owned(),
        r#"{"processor":{"event":"metric"},"metricset":{"name":"x"}}"#.to_owned(),
        r#"{"processor.event":"metric","metricset.name":"x"}"#.to_owned(),
    ];
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("apm.jsonl");
    std::fs::write(&path, text.join("\n")).expect("written");
    let (spans, reports) = super::read(&path);
    assert_eq!((spans.len(), reports[0].errors.len()), (1, 0), "{:?}", reports[0].errors);
    let counts: Vec<(&str, u64)> =
        reports[0].skipped.counts.iter().map(|(reason, &count)| (reason.as_str(), count)).collect();
    assert_eq!(counts, [("other_signal", 4)]);
}

fn flatten(prefix: &str, json: &serde_json::Value, members: &mut Vec<String>) {
    match json {
        serde_json::Value::Object(object) => object.iter().for_each(|(key, value)| {
            flatten(&format!("{prefix}{}{key}", if prefix.is_empty() { "" } else { "." }), value, members)
        }),
        value => members.push(format!("\"{prefix}\":{value}")),
    }
}

/// Kinds are told by types, and calls of other services find their hosts.
#[test]
fn types_of_elastic_apm_tell_kinds() {
    let span = |number: u8, more: &str| {
        format!(
            r#"{{"processor":{{"event":"span"}},"trace":{{"id":"{TRACE}"}},"transaction":{{"id":"{ROOT}"}},"service":{{"name":"s"}},"timestamp":{{"us":1768478400000000}},"span":{{"id":"{number:016x}","name":"n","duration":{{"us":1}},{more}}}}}"#
        )
    };
    let text = [
        span(1, r#""type":"external","subtype":"http","destination":{"service":{"resource":"cart:3000"}},"http":{"method":"POST"}"#),
        span(2, r#""type":"messaging","subtype":"kafka","action":"send","message":{"queue":{"name":"orders"}}"#),
        span(3, r#""type":"app""#),
        span(4, r#""kind":"SERVER""#),
        // As agents wrote types before version 6.5.
        span(5, r#""type":"db.redis.command""#),
        span(6, r#""type":"messaging.rabbitmq.send""#),
    ]
    .join("\n");
    let (spans, _) = read_whole(&text);
    assert_eq!(
        spans.iter().map(|span| span.kind).collect::<Vec<_>>(),
        ["client", "producer", "internal", "server", "client", "producer"]
    );
    assert_eq!((spans[4].attribute("db.system.name"), spans[5].attribute("messaging.system")), ("redis", "rabbitmq"));
    assert_eq!((spans[0].attribute("server.address"), spans[0].attribute("server.port")), ("cart", "3000"));
    assert_eq!(
        (spans[1].attribute("messaging.system"), spans[1].attribute("messaging.destination.name")),
        ("kafka", "orders")
    );
    assert_eq!(spans[0].ids[2], ROOT, "a span without parent is its transaction's");
}

const SEGMENT: &str = r#"{"id":"78398cdaf26cde49","trace_id":"1-8e7b3576-e667ac62f55d22f7d9fd23ba","name":"shop","start_time":1768478400.0,"end_time":1.76847840005E9,"fault":true,"user":"u",
    "http":{"request":{"method":"GET","url":"https://x/","client_ip":"10.0.0.1"},"response":{"status":500,"content_length":12}},"service":{"version":"2"},"origin":"AWS::ECS::Container",
    "aws":{"account_id":"1","ecs":{"container":"c"},"xray":{"sdk":"X-Ray for Go","sdk_version":"1"}},"annotations":{"tenant":"t"},"metadata":{"default":{"k":1}},
    "cause":{"working_directory":"/","exceptions":[{"id":"e","type":"Boom","message":"no","stack":[{"path":"a","line":1}]}]},
    "subsegments":[{"id":"b3b9cac491c8a430","name":"DynamoDB","start_time":1768478400.01,"end_time":1768478400.03,"namespace":"aws","throttle":true,"aws":{"operation":"GetItem","table_name":"t","retries":2},"http":{"response":{"status":400}},
        "subsegments":[{"id":"0000000000000003","name":"attempt","start_time":1768478400.011,"end_time":1768478400.029}]},
      {"id":"0000000000000004","name":"api.example.com","start_time":1768478400.04,"in_progress":true,"namespace":"remote"},
      {"id":"0000000000000005","name":"orders@db1","start_time":1768478400.041,"end_time":1768478400.042,"namespace":"remote","sql":{"sanitized_query":"SELECT 1","database_type":"PostgreSQL"}}]}"#;

/// Segments alone, as the daemon gets them, and as strings in the answer of `batch-get-traces`.
#[test]
fn segments_of_xray_are_read() {
    let document = serde_json::Value::from(SEGMENT);
    let batch = format!(
        r#"{{"Traces":[{{"Id":"1-8e7b3576-e667ac62f55d22f7d9fd23ba","Duration":0.05,"Segments":[{{"Id":"78398cdaf26cde49","Document":{document}}}]}}],"UnprocessedTraceIds":[]}}"#
    );
    let parsed = format!(
        r#"{{"Id":"1-8e7b3576-e667ac62f55d22f7d9fd23ba","Segments":[{{"Id":"78398cdaf26cde49","Document":{SEGMENT}}}]}}"#
    );
    for text in [
        SEGMENT,
        &format!("{{\"format\": \"json\", \"version\": 1}}\n{SEGMENT}"),
        &format!("[{SEGMENT}]"),
        &batch,
        &parsed,
    ] {
        let (spans, format) = read_whole(text);
        assert_eq!(format, "xray_json", "{text}");
        let outlines: Vec<String> = spans.iter().map(super::Described::outline).collect();
        assert_eq!(
            outlines,
            [
                "shop server error shop +0 50000",
                "shop client error DynamoDB +10000 20000",
                "shop internal unset attempt +11000 18000",
                "shop client unset api.example.com +40000 0",
                "shop client unset orders@db1 +41000 1000",
            ]
        );
        assert_request_and_query(&spans[..2], text);
        assert_eq!(spans[2].ids[2], CHILD);
        for (span, key, value) in [
            (0, "http.response.status_code", "500"),
            (0, "url.full", "https://x/"),
            (0, "tenant", "t"),
            (0, "aws.xray.metadata.default.k", "1"),
            (1, "rpc.method", "GetItem"),
            (1, "db.collection.name", "t"),
            (1, "aws.retries", "2"),
            (1, "error.type", "throttled"),
            (3, "server.address", "api.example.com"),
            (4, "db.query.text", "SELECT 1"),
            (4, "db.system.name", "postgresql"),
            (4, "server.address", "db1"),
        ] {
            assert_eq!(spans[span].attribute(key), value, "{key} of {:?}", spans[span].attributes);
        }
        assert_eq!((spans[0].message.as_str(), spans[0].resource["service.version"].as_str()), ("no", "2"));
        assert!(spans[0].events[0].contains("Boom"), "{:?}", spans[0].events);
    }
}

/// What X-Ray infers of a call from its subsegment is no second span.
#[test]
fn inferred_segments_are_their_subsegments() {
    let inferred = r#"{"id":"0000000000000009","trace_id":"1-8e7b3576-e667ac62f55d22f7d9fd23ba","parent_id":"b3b9cac491c8a430","name":"DynamoDB","start_time":1768478400.01,"end_time":1768478400.03,"inferred":true,"origin":"AWS::DynamoDB::Table"}"#;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("segments.json");
    std::fs::write(&path, format!("{SEGMENT}\n{inferred}")).expect("written");
    let (spans, reports) = super::read(&path);
    assert_eq!((spans.len(), reports[0].errors.len()), (5, 0));
    assert_eq!(reports[0].skipped.counts.keys().map(|reason| reason.as_str()).collect::<Vec<_>>(), ["joined_record"]);
}

fn aws_span() -> String {
    format!(
        r#"{{"resource":{{"attributes":{{"service.name":"lam"}}}},"scope":{{"name":"x"}},"traceId":"{TRACE}","spanId":"{ROOT}","flags":256,"name":"handler","kind":"SERVER","startTimeUnixNano":1768478400000000000,"endTimeUnixNano":1768478400050000000,"durationNano":50000000,"attributes":{{"faas.trigger":"http"}},"status":{{"code":"OK"}}}}"#
    )
}

/// A span of CloudWatch is the same bare and in whatever CloudWatch wraps it.
#[test]
fn wrappers_of_cloudwatch_are_taken_off() {
    let span = aws_span();
    let message = serde_json::Value::from(span.as_str());
    let envelope = format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"aws/spans","logStream":"default","subscriptionFilters":["f"],"logEvents":[{{"id":"1","timestamp":1768478400000,"message":{message}}}]}}"#
    );
    let control = r#"{"messageType":"CONTROL_MESSAGE","owner":"1","logGroup":"","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(envelope.as_bytes()).expect("compressed");
    let packed = base64::engine::general_purpose::STANDARD.encode(gzip.finish().expect("compressed"));
    for text in [
        span.clone(),
        format!("2026-01-15T12:00:00.000Z {span}\n"),
        format!("2026-01-15T12:00:00.123456789Z stdout F {span}\n"),
        envelope.clone(),
        format!("{control}{envelope}"),
        format!(r#"{{"awslogs":{{"data":"{packed}"}}}}"#),
        format!(
            r#"{{"Records":[{{"kinesis":{{"partitionKey":"1","data":"{packed}"}},"eventSource":"aws:kinesis"}}]}}"#
        ),
        format!(
            r#"{{"events":[{{"timestamp":1768478400000,"message":{message},"ingestionTime":1}}],"nextForwardToken":"f"}}"#
        ),
        format!(
            r#"{{"results":[[{{"field":"@timestamp","value":"2026-01-15 12:00:00.000"}},{{"field":"@message","value":{message}}},{{"field":"@ptr","value":"C"}}]],"status":"Complete"}}"#
        ),
        format!(
            r#"{{"log":{},"stream":"stdout","time":"2026-01-15T12:00:00Z"}}"#,
            serde_json::Value::from(format!("{span}\n"))
        ),
    ] {
        let (outlines, format) = outlines(&text);
        assert_eq!(
            (outlines, format),
            (vec!["lam server ok handler +0 50000".to_owned()], "span_documents_json"),
            "{text}"
        );
    }
    let lines = format!("2026-01-15T12:00:00.000Z {span}\n").repeat(3) + "2026-01-15T12:00:00.000Z " + &span;
    assert_eq!(outlines(&lines).0.len(), 4);
}

/// A query of Logs Insights may name the fields of the spans. Rows of other fields are told.
#[test]
fn fields_of_queries_are_read() {
    let field = |(name, value): (&str, &str)| format!("{{\n  \"field\": \"{name}\", \"value\": \"{value}\"}}");
    let row =
        |fields: &[(&str, &str)]| format!("[{}]", fields.iter().copied().map(field).collect::<Vec<_>>().join(","));
    let root = row(&[
        ("@timestamp", "2026-01-15 12:00:00.000"),
        ("trace_id", TRACE),
        ("span_id", ROOT),
        ("name", "GET /"),
        ("kind", "SERVER"),
        ("start_time_unix_nano", "1768478400000000000"),
        ("end_time_unix_nano", "1768478400050000000"),
        ("attributes.http.route", "/"),
        ("resource.attributes.service.name", "shop"),
    ]);
    let child = row(&[
        ("traceId", TRACE),
        ("spanId", CHILD),
        ("parentSpanId", ROOT),
        ("name", "SELECT"),
        ("kind", "CLIENT"),
        ("startTimeUnixNano", "1768478400010000000"),
        ("endTimeUnixNano", "1768478400030000000"),
    ]);
    let (spans, _) = read_whole(format!(r#"{{"results": [{root},{child}], "status": "Complete"}}"#));
    assert_request_and_query(&spans, "rows");
    assert_eq!(
        (spans[0].outline().as_str(), spans[0].attribute("http.route")),
        ("shop server unset GET / +0 50000", "/")
    );
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("answer.json");
    let other = row(&[("bin(5m)", "2026-01-15 12:00:00.000"), ("count(*)", "7")]);
    std::fs::write(&path, format!(r#"{{"results": [{root},{other},{other}], "status": "Complete"}}"#))
        .expect("written");
    let (spans, reports) = super::read(&path);
    assert_eq!((spans.len(), reports[0].skipped.total()), (1, 2), "{reports:?}");
    assert!(reports[0].errors[0].to_string().contains("count(*)"), "{reports:?}");
}

/// Wrappers may stand in wrappers, but not without end.
#[test]
fn wrappers_nest_only_so_deep() {
    let nested = |times: usize| {
        let wrap = |text: String, _| format!(r#"{{"message":{}}}"#, serde_json::Value::from(text));
        (0..times).fold(aws_span(), wrap)
    };
    assert_eq!(outlines(nested(4)).0.len(), 1);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("nested.json");
    std::fs::write(&path, nested(5)).expect("written");
    let (spans, reports) = super::read(&path);
    assert!(spans.is_empty());
    assert!(reports[0].errors[0].to_string().contains("without spans (its keys: message)"), "{reports:?}");
}

/// Rows of a query and events of the API, alone and in batches.
#[test]
fn events_of_honeycomb_are_read() {
    let row = |id: &str, parent: &str, offset: u8, more: &str| {
        format!(
            r#"{{"Timestamp":"2026-01-15T12:00:00.{offset:03}Z","duration_ms":20.5,"service.name":"shop","library.name":"lib","trace.trace_id":"{TRACE}","trace.span_id":"{id}"{parent},{more}}}"#
        )
    };
    let rows = [
        row(ROOT, "", 0, r#""name":"GET /","span.kind":"server","status_code":0,"http.status_code":200"#),
        row(
            CHILD,
            &format!(r#","trace.parent_id":"{ROOT}""#),
            10,
            r#""name":"SELECT","span.kind":"client","error":true,"status_message":"oh","db.system":"mysql""#,
        ),
    ];
    let event = |row: &String| {
        let start = row.find("Z\"").expect("a time");
        format!(
            r#"{{"time":"2026-01-15T12:00:00.{},"samplerate":4,"data":{{{}}}"#,
            &row[start - 3..start + 2],
            &row[start + 3..]
        )
    };
    let data_first = |row: &String| {
        let start = row.find("Z\"").expect("a time");
        format!(
            r#"{{"data":{{{},"time":"2026-01-15T12:00:00.{},"samplerate":4}}"#,
            &row[start + 3..],
            &row[start - 3..start + 2]
        )
    };
    for text in [
        rows.join("\n"),
        format!("[{}]", rows.join(",")),
        format!("[{}]", rows.each_ref().map(event).join(",")),
        rows.each_ref().map(data_first).join("\n"),
        format!(
            r#"{{"data":{{"series":[],"results":[{}]}}}}"#,
            rows.each_ref().map(|row| format!(r#"{{"data":{row}}}"#)).join(",")
        ),
    ] {
        let (spans, format) = read_whole(&text);
        assert_eq!(format, "honeycomb_json", "{text}");
        assert_request_and_query(&spans, &text);
        assert_eq!(spans[0].outline(), "shop server unset GET / +0 20500");
        assert_eq!(spans[1].outline(), "shop client error SELECT +10000 20500");
        assert_eq!(
            (spans[1].attribute("db.system"), spans[1].message.as_str(), spans[1].scope.as_str()),
            ("mysql", "oh", "lib")
        );
        assert_eq!(spans[0].attribute("http.status_code"), "200");
        assert_eq!(spans[0].attribute("SampleRate"), if text.contains("samplerate") { "4" } else { "" });
    }
}

/// What the API answers, what the interface gives of one trace, and what a tracer sends. Ids are decimal.
#[test]
fn spans_of_datadog_are_read() {
    let [trace, root, child] =
        [u64::from_str_radix(&TRACE[16..], 16), u64::from_str_radix(ROOT, 16), u64::from_str_radix(CHILD, 16)]
            .map(|id| id.expect("hexadecimal"));
    let item = |span: u64, parent: u64, times: [&str; 2], more: &str| {
        format!(
            r#"{{"id":"AAA","type":"spans","attributes":{{"trace_id":"{trace}","span_id":"{span}","parent_id":"{parent}","start_timestamp":"2026-01-15T12:00:00.{}Z","end_timestamp":"2026-01-15T12:00:00.{}Z","service":"shop","env":"prod","host":"h","tags":["team:a"],"single_span":false,{more}}}}}"#,
            times[0], times[1]
        )
    };
    let api = format!(
        r#"{{"data":[{},{}],"meta":{{"elapsed":1,"status":"done"}},"links":{{"next":"u"}}}}"#,
        item(
            root,
            0,
            ["000", "050"],
            r#""type":"web","resource_name":"GET /","operation_name":"http.server","custom":{"duration":50000000,"http":{"method":"GET"},"span":{"kind":"server"}}"#
        ),
        item(
            child,
            root,
            ["010", "030"],
            r#""type":"sql","resource_name":"SELECT 1","operation_name":"postgresql.query","status":"error","custom":{"duration":20000123,"db":{"system":"postgresql"},"error":{"message":"oh"}}"#
        ),
    );
    let span = |id: u64, parent: u64, times: [&str; 2], more: &str| {
        format!(
            r#"{{"trace_id":{trace},"span_id":{id},"parent_id":{parent},"service":"shop","start":{},"duration":{},{more}}}"#,
            times[0], times[1]
        )
    };
    let (web, sql) = (
        r#""resource":"GET /","name":"http.server","type":"web","error":0,"meta":{"http.method":"GET","env":"prod"},"metrics":{"_sampling_priority_v1":1}"#,
        r#""resource":"SELECT 1","name":"postgresql.query","type":"sql","error":1,"meta":{"db.system":"postgresql","error.message":"oh","out.host":"db1"}"#,
    );
    let tracer = format!(
        "[[{},{}]]",
        span(root, 0, ["1768478400000000000", "50000000"], web),
        span(child, root, ["1768478400010000000", "20000123"], sql)
    );
    let interface = format!(
        r#"{{"trace":{{"root_id":"{root}","spans":{{"{root}":{},"{child}":{}}}}},"orchestrated":[]}}"#,
        span(root, 0, ["1768478400.0", "0.05"], web),
        span(child, root, ["1768478400.01", "0.020000123"], sql)
    );
    let lambda = format!(r#"{{"traces":{tracer}}}"#);
    for text in [api, tracer, lambda, interface] {
        let (spans, format) = read_whole(&text);
        assert_eq!(format, "datadog_json", "{text}");
        assert_eq!(spans.len(), 2, "{text}");
        assert_eq!(spans[0].ids, [format!("{}{}", "0".repeat(16), &TRACE[16..]), ROOT.to_owned(), String::new()]);
        assert_eq!(spans[1].ids[1..], [CHILD, ROOT]);
        assert_eq!(spans[0].outline(), "shop server unset GET / +0 50000");
        assert_eq!(spans[1].outline(), "shop client error SELECT 1 +10000 20000");
        assert_eq!(spans[1].end - spans[1].start, 20_000_123);
        assert_eq!(
            (spans[1].attribute("db.system"), spans[1].attribute("db.statement"), spans[1].message.as_str()),
            ("postgresql", "SELECT 1", "oh")
        );
        assert_eq!(spans[0].attribute("http.method"), "GET");
    }
}

/// The upper half of a trace id, which one span of those that are sent together has, is that of all of them.
#[test]
fn halves_of_datadogs_trace_ids_are_joined() {
    let span = |trace: u64, id: u64, parent: u64, tags: &str| {
        format!(
            r#"{{"trace_id":{trace},"span_id":{id},"parent_id":{parent},"service":"shop","resource":"r","name":"n","start":1768478400000000000,"duration":9,"meta":{{{tags}}}}}"#
        )
    };
    let (tagged, other) = (span(7, 1, 0, r#""_dd.p.tid":"6968d50000000000""#), span(7, 2, 1, ""));
    let alone = span(8, 3, 0, r#""k":"v""#);
    let texts = [
        format!("[[{tagged},{other}],[{alone}]]"),
        format!("[[{alone}],[{other},{tagged}]]"),
        format!("{other}\n{alone}\n{tagged}\n"),
    ];
    for text in texts {
        let (mut spans, _) = read_whole(&text);
        spans.sort_by(|one, other| one.ids[1].cmp(&other.ids[1]));
        let traces: Vec<&str> = spans.iter().map(|span| span.ids[0].as_str()).collect();
        let whole = "6968d500000000000000000000000007";
        assert_eq!(traces, [whole, whole, "00000000000000000000000000000008"], "{text}");
    }
}

/// Members that tracers leave out, or write as null, cost no span.
#[test]
fn spans_of_datadog_need_not_have_everything() {
    let text = r#"[[{"trace_id":7,"span_id":1,"parent_id":0,"name":"worker.run","service":"jobs","type":"worker","resource":null,"meta":null,"start":1768478400000000000,"duration":5000,"error":0},
        {"trace_id":7,"span_id":2,"parent_id":1,"name":"redis.command","resource":"GET","start":1768478400000000000,"duration":3000,"error":1,"metrics":{"n":1}}]]"#;
    let (mut spans, format) = read_whole(text);
    spans.sort_by(|one, other| one.ids[1].cmp(&other.ids[1]));
    assert_eq!(format, "datadog_json");
    let outlines: Vec<String> = spans.iter().map(super::Described::outline).collect();
    assert_eq!(outlines, ["jobs consumer unset worker.run +0 5", "unknown_service unspecified error GET +0 3"]);
}

/// Hits of Elasticsearch whose fields are lists.
#[test]
fn fields_of_elastic_apm_may_be_lists() {
    let hit = |document: &str| {
        let mut members = Vec::new();
        flatten("", &serde_json::from_str(document).expect("JSON"), &mut members);
        let lists = members.iter().map(|member| {
            let (key, value) = member.split_once("\":").expect("a member");
            format!("{key}\":[{value}]")
        });
        format!(r#"{{"_index":"apm","_id":"1","fields":{{{}}}}}"#, lists.collect::<Vec<_>>().join(","))
    };
    let text = format!(r#"{{"hits":{{"hits":[{},{}]}}}}"#, hit(APM_TRANSACTION), hit(APM_SPAN));
    let (spans, _) = read_whole(&text);
    assert_request_and_query(&spans, &text);
    assert_eq!(spans[0].outline(), "checkout server error GET /api/orders +0 50000");
    assert_eq!(spans[1].outline(), "checkout client unset SELECT FROM orders +10000 20000");
    assert_eq!((spans[1].attribute("db.system.name"), spans[1].attribute("server.address")), ("postgresql", "db1"));
}

/// Dynatrace's spans have ids as Elastic's have, and are none of its.
#[test]
fn spans_of_dynatrace_are_read() {
    let span = |id: &str, parent: &str, times: [&str; 2], more: &str| {
        format!(
            r#"{{"trace.id":"{TRACE}","span.id":"{id}","span.parent_id":{parent},"start_time":"2026-01-15T12:00:00.{}Z","end_time":"2026-01-15T12:00:00.{}Z","duration":"1","service.name":"shop","dt.entity.service":"SERVICE-1",{more}}}"#,
            times[0], times[1]
        )
    };
    let text = [
        span(ROOT, "null", ["000000000", "050000000"], r#""span.name":"GET /","span.kind":"server","http.route":"/""#),
        span(
            CHILD,
            &format!("\"{ROOT}\""),
            ["010000000", "030000000"],
            r#""span.name":"SELECT","span.kind":"client","span.status_code":"error","span.status_message":"oh""#,
        ),
    ]
    .join("\n");
    let (spans, format) = read_whole(&text);
    assert_eq!(format, "span_documents_json");
    assert_request_and_query(&spans, &text);
    assert_eq!(spans[0].outline(), "shop server unset GET / +0 50000");
    assert_eq!(spans[1].outline(), "shop client error SELECT +10000 20000");
    assert_eq!((spans[1].message.as_str(), spans[0].attribute("http.route")), ("oh", "/"));
    assert_eq!(spans[0].attribute("dt.entity.service"), "SERVICE-1");
}
