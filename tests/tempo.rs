//! Blocks of Grafana Tempo: every form gives everything that was put into it, both ways of reading agree, and damage
//! costs only what it hits.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1 as common;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use parquet::basic::{ConvertedType, Repetition, Type as PhysicalType};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::Type;
use prost::Message as _;
use serde_json::{Value as Json, json};
use tracescan::conventions::{Attribute, AttributeClass, OwnAttribute, OwnAttributes};
use tracescan::frame::{FrameBuilder, SpanSink, Symbol, group};
use tracescan::ingest::{IngestError, IngestWarning, InputReport, ReadFrames, ReadOptions, read_frames, read_records};
use tracescan::report::CanonicalWriter;
use tracescan::span::{KeyValue, Origin, SkipReason, SpanKind, SpanRecord, StatusCode, TraceId};

/// A form of blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Third,
    Fourth,
    Fifth,
}

const FORMS: [Form; 3] = [Form::Third, Form::Fourth, Form::Fifth];

const START: u64 = 1_700_000_000_000_000_000;

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Third => "tempo_vparquet3",
            Self::Fourth => "tempo_vparquet4",
            Self::Fifth => "tempo_vparquet5",
        }
    }

    /// A repeated group `name` of `fields`.
    fn groups(self, name: &str, fields: &str) -> String {
        match self {
            Self::Fifth => format!("repeated group {name} {{ {fields} }}"),
            _ => format!(
                "required group {name} (LIST) {{ repeated group list {{ required group element {{ {fields} }} }} }}"
            ),
        }
    }

    /// A repeated value `name`.
    fn values(self, name: &str, kind: &str, annotation: &str) -> String {
        match self {
            Self::Fifth => format!("repeated {kind} {name} {annotation};"),
            _ => format!(
                "required group {name} (LIST) {{ repeated group list {{ required {kind} element {annotation}; }} }}"
            ),
        }
    }

    fn attributes(self) -> String {
        let fields = match self {
            Self::Third => "required binary Key (UTF8); optional binary Value (UTF8); optional int64 ValueInt;
                optional double ValueDouble; optional boolean ValueBool; optional binary ValueKVList (UTF8);
                optional binary ValueArray (UTF8);"
                .to_owned(),
            _ => format!(
                "required binary Key (UTF8); required boolean IsArray; {} {} {} {} optional binary ValueUnsupported (UTF8);",
                self.values("Value", "binary", "(UTF8)"),
                self.values("ValueInt", "int64", ""),
                self.values("ValueDouble", "double", ""),
                self.values("ValueBool", "boolean", ""),
            ),
        };
        self.groups("Attrs", &fields)
    }

    fn dedicated(self) -> &'static str {
        match self {
            Self::Fifth => {
                "required group DedicatedAttributes { repeated binary String01 (UTF8); repeated binary String02 (UTF8);
                 repeated int64 Int01; }"
            }
            _ => {
                "required group DedicatedAttributes { optional binary String01 (UTF8); optional binary String02 (UTF8); }"
            }
        }
    }

    fn schema(self) -> String {
        let attributes = self.attributes();
        let dedicated = self.dedicated();
        let dropped = "required int32 DroppedAttributesCount;";
        let resource = match self {
            Self::Fifth => String::new(),
            _ => "optional binary Cluster (UTF8); optional binary K8sPodName (UTF8);".to_owned(),
        };
        let resource = format!("required binary ServiceName (UTF8); {resource} {attributes} {dropped} {dedicated}");
        let scope = match self {
            Self::Third => String::new(),
            _ => format!("{attributes} {dropped}"),
        };
        let events = match self {
            Self::Third => {
                let attributes = self.groups("Attrs", "required binary Key (UTF8); required binary Value;");
                format!("required int64 TimeUnixNano (INTEGER(64,false)); required binary Name (UTF8); {attributes}")
            }
            Self::Fourth => format!(
                "required int64 TimeSinceStartNano (INTEGER(64,false)); required binary Name (UTF8); {attributes} {dropped}"
            ),
            Self::Fifth => format!(
                "required int64 TimeSinceStartNano (INTEGER(64,false)); required binary Name (UTF8); {attributes} {dropped} {dedicated}"
            ),
        };
        let links = match self {
            Self::Third => "required binary Links;".to_owned(),
            _ => {
                let ids = "required binary TraceID; required binary SpanID; required binary TraceState (UTF8);";
                self.groups("Links", &format!("{ids} {attributes}"))
            }
        };
        let of_form = match self {
            Self::Fifth => "required int32 StartTimeRounded15 (INTEGER(32,false)); required int32 ChildCount;",
            _ => "optional binary HttpMethod (UTF8); optional binary HttpUrl (UTF8); optional int64 HttpStatusCode;",
        };
        let span = format!(
            "required binary SpanID; required binary ParentSpanID; required int32 ParentID;
             required binary Name (UTF8); required int64 Kind; required binary TraceState (UTF8);
             required int64 StartTimeUnixNano (INTEGER(64,false)); required int64 DurationNano (INTEGER(64,false));
             required int64 StatusCode; required binary StatusMessage (UTF8); {attributes} {} {links} {of_form} {dedicated}",
            self.groups("Events", &events),
        );
        let count = if self == Self::Fifth { "required int32 SpanCount;" } else { "" };
        let scopes = format!(
            "required group Scope {{ required binary Name (UTF8); required binary Version (UTF8); {scope} }} {} {count}",
            self.groups("Spans", &span)
        );
        let resources = format!("required group Resource {{ {resource} }} {}", self.groups("ss", &scopes));
        format!(
            "message Trace {{ required binary TraceID; required binary TraceIDText (UTF8);
             required int64 StartTimeUnixNano (INTEGER(64,false)); required binary RootServiceName (UTF8); {} }}",
            self.groups("rs", &resources)
        )
    }

    /// An attribute whose value is text, a number, a boolean, an array of texts, an object or nothing.
    fn attribute(self, key: &str, value: Json) -> Json {
        let otlp_value = |value: &Json| match value {
            Json::String(text) => json!({"stringValue": text}),
            Json::Number(number) => json!({"intValue": number.to_string()}),
            other => json!({"boolValue": other}),
        };
        let as_otlp = match &value {
            Json::Array(values) => json!({"arrayValue": {"values": values.iter().map(otlp_value).collect::<Json>()}}),
            Json::Object(members) => {
                let entry = |(key, value): (&String, &Json)| json!({"key": key, "value": otlp_value(value)});
                json!({"kvlistValue": {"values": members.iter().map(entry).collect::<Json>()}})
            }
            _ => Json::Null,
        };
        let mut attribute = json!({"Key": key, "IsArray": false});
        let (name, is_mixed) = match &value {
            Json::Null => return attribute,
            Json::String(_) => ("Value", false),
            Json::Bool(_) => ("ValueBool", false),
            Json::Number(number) => (if number.is_f64() { "ValueDouble" } else { "ValueInt" }, false),
            Json::Array(values) => ("Value", !values.iter().all(Json::is_string)),
            Json::Object(_) => ("", true),
        };
        if self == Self::Third {
            let name = match &value {
                Json::Array(_) => "ValueArray",
                Json::Object(_) => "ValueKVList",
                _ => name,
            };
            attribute[name] = if as_otlp.is_null() { value } else { as_otlp.to_string().into() };
        } else if is_mixed {
            attribute["ValueUnsupported"] = as_otlp.to_string().into();
        } else {
            attribute["IsArray"] = value.is_array().into();
            attribute[name] = if value.is_array() { value } else { json!([value]) };
        }
        attribute
    }

    /// A dedicated column's value.
    fn dedicated_value(self, value: Json) -> Json {
        if self == Self::Fifth { json!([value]) } else { value }
    }

    fn event(self, offset: i64, name: &str, key: &str, value: &str) -> Json {
        if self == Self::Third {
            let value = common::any_value::Value::StringValue(value.to_owned());
            let value = common::AnyValue { value: Some(value) }.encode_to_vec();
            let time = START.wrapping_add_signed(offset);
            return json!({"TimeUnixNano": time, "Name": name, "Attrs": [{"Key": key, "Value": hex(&value)}]});
        }
        let attribute = self.attribute(key, value.into());
        json!({"TimeSinceStartNano": offset as u64, "Name": name, "Attrs": [attribute]})
    }

    fn links(self) -> Json {
        if self == Self::Third {
            let value = common::any_value::Value::StringValue("follows_from".to_owned());
            let attribute = common::KeyValue {
                key: "opentracing.ref_type".to_owned(),
                value: Some(common::AnyValue { value: Some(value) }),
                ..Default::default()
            };
            let link = otlp::span::Link {
                trace_id: [7; 16].to_vec(),
                span_id: [9; 8].to_vec(),
                trace_state: "a=b".to_owned(),
                attributes: vec![attribute],
                ..Default::default()
            };
            let link = link.encode_to_vec();
            return hex(&[&[0x0a, link.len() as u8][..], &link].concat()).into();
        }
        let attribute = self.attribute("opentracing.ref_type", "follows_from".into());
        json!([{"TraceID": hex(&[7; 16]), "SpanID": hex(&[9; 8]), "TraceState": "a=b", "Attrs": [attribute]}])
    }

    /// A trace of two spans that has something in every column, and one whose id is short.
    fn traces(self) -> Vec<Json> {
        let attribute = |key: &str, value: Json| self.attribute(key, value);
        let attributes = json!([
            attribute("text", "a".into()),
            attribute("int", (-7).into()),
            attribute("double", 0.5.into()),
            attribute("bool", true.into()),
            attribute("texts", json!(["a", "b"])),
            attribute("one", json!(["a"])),
            attribute("mixed", json!(["a", 1])),
            attribute("map", json!({"k": "v"})),
            attribute("nothing", Json::Null),
            attribute("db.system", "redis".into()),
        ]);
        let mut first = json!({
            "SpanID": "0100000000000000", "ParentSpanID": "", "Name": "root", "Kind": 2, "TraceState": "ot=th:8",
            "StartTimeUnixNano": START, "DurationNano": 1000, "StatusCode": 2, "StatusMessage": "failed",
            "Attrs": attributes, "Links": if self == Self::Third { json!("") } else { json!([]) },
            "Events": [self.event(250, "exception", "exception.type", "Timeout"), self.event(-3, "early", "k", "v")],
            "DedicatedAttributes": {"String02": self.dedicated_value("de-1".into())},
        });
        let mut second = json!({
            "SpanID": "0200000000000000", "ParentSpanID": hex(&[9; 8]), "Name": "child", "Kind": 3,
            "StartTimeUnixNano": START, "DurationNano": (-5i64) as u64, "Links": self.links(), "Attrs": [], "Events": [],
            "DedicatedAttributes": {"String01": self.dedicated_value("GET".into())},
        });
        let mut resource = json!({
            "ServiceName": "shop", "Attrs": [attribute("host", "h".into())],
            "DedicatedAttributes": {"String01": self.dedicated_value("10.0.0.1".into())},
        });
        if self == Self::Fifth {
            second["DedicatedAttributes"]["Int01"] = json!([200]);
            first["Events"][0]["DedicatedAttributes"] = json!({"String01": ["at x"]});
        } else {
            first["HttpMethod"] = "POST".into();
            first["HttpUrl"] = "http://shop/cart/1".into();
            first["HttpStatusCode"] = 503.into();
            resource["Cluster"] = "blue".into();
            resource["K8sPodName"] = "shop-0".into();
        }
        let scope = json!({"Name": "lib", "Version": "1.0", "Attrs": [attribute("scoped", "s".into())]});
        let lonely = json!({
            "SpanID": "0300000000000000", "Name": "lonely", "Kind": 9, "StartTimeUnixNano": START + 1, "DurationNano": 1,
            "StatusCode": 1, "Attrs": [], "Events": [], "Links": if self == Self::Third { json!("") } else { json!([]) },
        });
        vec![
            json!({"TraceID": hex(&[1; 16]), "rs": [
                {"Resource": resource, "ss": [{"Scope": scope, "Spans": [first]}, {"Scope": {}, "Spans": [second]}]},
            ]}),
            json!({"TraceID": "0203040506070809", "rs": [
                {"Resource": {"ServiceName": "", "Attrs": []}, "ss": []},
                {"Resource": {"ServiceName": "", "Attrs": []}, "ss": [{"Scope": {}, "Spans": [lonely]}]},
            ]}),
        ]
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of_hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hexadecimal")).collect()
}

/// What goes into one column: a value where the definition level says so, and the levels.
#[derive(Default)]
struct Shredded {
    values: Vec<Json>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

/// Where in the nesting a value stands.
#[derive(Clone, Copy, Default)]
struct Level {
    definition: i16,
    repetition: i16,
    /// The repetition level of the innermost list so far.
    depth: i16,
}

/// Puts `value`, which is of `node`, into the columns of `node`, which begin at `leaf`.
fn shred(node: &Type, value: &Json, level: Level, leaf: &mut usize, columns: &mut [Shredded]) {
    let first = *leaf;
    let defined = Level { definition: level.definition + 1, ..level };
    match node.get_basic_info().repetition() {
        Repetition::REQUIRED => shred_content(node, Some(value), level, leaf, columns),
        Repetition::OPTIONAL if value.is_null() => shred_content(node, None, level, leaf, columns),
        Repetition::OPTIONAL => shred_content(node, Some(value), defined, leaf, columns),
        Repetition::REPEATED => {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            if items.is_empty() {
                shred_content(node, None, level, leaf, columns);
            }
            for (number, item) in items.iter().enumerate() {
                *leaf = first;
                let depth = level.depth + 1;
                let repetition = if number == 0 { level.repetition } else { depth };
                let level = Level { repetition, depth, ..defined };
                shred_content(node, Some(item), level, leaf, columns);
            }
        }
    }
}

/// `value` is `None` where a list or an optional field around it is empty.
fn shred_content(node: &Type, value: Option<&Json>, level: Level, leaf: &mut usize, columns: &mut [Shredded]) {
    if node.is_primitive() {
        let column = &mut columns[*leaf];
        column.values.extend(value.cloned());
        column.definitions.push(level.definition);
        column.repetitions.push(level.repetition);
        *leaf += 1;
        return;
    }
    for field in node.get_fields() {
        match (value, field.name()) {
            (None, _) => shred_content(field, None, level, leaf, columns),
            (Some(items), "list") => {
                let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
                let items: Vec<Json> = items.iter().map(|item| json!({"element": item})).collect();
                shred(field, &items.into(), level, leaf, columns);
            }
            (Some(value), name) => shred(field, &value[name], level, leaf, columns),
        }
    }
}

/// Writes row groups of traces.
fn write_block(path: &Path, form: Form, row_groups: &[Vec<Json>]) {
    let schema = Arc::new(parse_message_type(&form.schema()).expect("a schema"));
    let file = fs::File::create(path).expect("a new file");
    let mut writer = SerializedFileWriter::new(file, Arc::clone(&schema), Arc::default()).expect("a writer");
    let leaves = writer.schema_descr().columns().to_vec();
    for traces in row_groups {
        let mut columns: Vec<Shredded> = leaves.iter().map(|_| Shredded::default()).collect();
        for trace in traces {
            let mut leaf = 0;
            for field in schema.get_fields() {
                shred(field, &trace[field.name()], Level::default(), &mut leaf, &mut columns);
            }
        }
        let mut row_group = writer.next_row_group().expect("a row group");
        for (column, leaf) in columns.iter().zip(&leaves) {
            let mut column_writer = row_group.next_column().expect("a column").expect("as many as there are leaves");
            let (definitions, repetitions) = (Some(&column.definitions[..]), Some(&column.repetitions[..]));
            let is_text = leaf.converted_type() == ConvertedType::UTF8;
            let bytes_of = |value: &Json| {
                let text = value.as_str().unwrap_or_default();
                ByteArray::from(if is_text { text.as_bytes().to_vec() } else { bytes_of_hex(text) })
            };
            let integer_of = |value: &Json| value.as_i64().unwrap_or(value.as_u64().unwrap_or_default() as i64);
            match column_writer.untyped() {
                ColumnWriter::ByteArrayColumnWriter(writer) => {
                    let values: Vec<ByteArray> = column.values.iter().map(bytes_of).collect();
                    writer.write_batch(&values, definitions, repetitions)
                }
                ColumnWriter::Int64ColumnWriter(writer) => {
                    let values: Vec<i64> = column.values.iter().map(integer_of).collect();
                    writer.write_batch(&values, definitions, repetitions)
                }
                ColumnWriter::Int32ColumnWriter(writer) => {
                    let values: Vec<i32> = column.values.iter().map(|value| integer_of(value) as i32).collect();
                    writer.write_batch(&values, definitions, repetitions)
                }
                ColumnWriter::DoubleColumnWriter(writer) => {
                    let values: Vec<f64> = column.values.iter().map(|v| v.as_f64().unwrap_or_default()).collect();
                    writer.write_batch(&values, definitions, repetitions)
                }
                ColumnWriter::BoolColumnWriter(writer) => {
                    let values: Vec<bool> = column.values.iter().map(|v| v.as_bool().unwrap_or_default()).collect();
                    writer.write_batch(&values, definitions, repetitions)
                }
                _ => panic!("no column is {}", PhysicalType::INT96),
            }
            .expect("written");
            column_writer.close().expect("closed");
        }
        row_group.close().expect("closed");
    }
    writer.close().expect("closed");
}

/// Spans as text, with the offsets that they were told by.
#[derive(Default)]
struct Texts {
    spans: Vec<String>,
    offsets: Vec<u64>,
    skipped: Vec<(SkipReason, u64)>,
}

fn attributes(attributes: &[KeyValue<'_>]) -> String {
    let texts: Vec<String> = attributes.iter().map(|pair| format!("{}={:?}", pair.key, pair.value)).collect();
    texts.join(" ")
}

impl SpanSink for Texts {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
        let mut text = format!(
            "{}/{}<{} {} {:?} {:?} {:?} {:?} {:+} {}",
            span.trace_id,
            span.span_id,
            span.parent_span_id,
            span.name,
            span.kind,
            span.status,
            span.status_message,
            span.trace_state,
            span.start_unix_nano.wrapping_sub(START),
            span.end_unix_nano.wrapping_sub(span.start_unix_nano) as i64,
        );
        text.push_str(&format!("\nresource {}", attributes(&origin.resource_attributes)));
        let scope_attributes = attributes(&origin.scope_attributes);
        text.push_str(&format!("\nscope {} {} {scope_attributes}", origin.scope_name, origin.scope_version));
        text.push_str(&format!("\nattributes {}", attributes(&span.attributes)));
        for event in &span.events {
            let time = event.time_unix_nano.wrapping_sub(START) as i64;
            text.push_str(&format!("\nevent {} {time} {}", event.name, attributes(&event.attributes)));
        }
        for link in &span.links {
            let ids = format!("{}/{} {}", link.trace_id, link.span_id, link.trace_state);
            text.push_str(&format!("\nlink {ids} {}", attributes(&link.attributes)));
        }
        self.spans.push(text);
        self.offsets.push(offset);
    }

    fn skip(&mut self, reason: SkipReason, offset: u64) {
        self.skipped.push((reason, offset));
    }

    fn wants_everything(&self) -> bool {
        true
    }
}

fn collect(path: &Path) -> (Texts, InputReport) {
    let mut texts = Texts::default();
    let mut reports = read_records(&[path.to_owned()], &ReadOptions::default(), &mut texts, &());
    assert_eq!(reports.len(), 1);
    (texts, reports.remove(0))
}

fn analysed(path: &Path, threads: usize) -> (Vec<FrameBuilder>, InputReport) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    let ReadFrames { builders, mut reports, .. } =
        pool.install(|| read_frames(&[path.to_owned()], &ReadOptions::default(), &()));
    assert_eq!(reports.len(), 1);
    (builders, reports.remove(0))
}

fn count(builders: &[FrameBuilder]) -> usize {
    builders.iter().map(FrameBuilder::len).sum()
}

/// All that the analysis knows of each span, as text, in an order that does not depend on how it was read.
fn rows(builders: Vec<FrameBuilder>) -> Vec<String> {
    let (vocabulary, frame) = group(builders);
    let mut rows: Vec<String> = (0..frame.len())
        .map(|row| {
            let signature = vocabulary.signatures.resolve(frame.signatures_of_rows[row]);
            let text = |symbol: Symbol| vocabulary.symbols.resolve(symbol);
            let ids = (frame.span_ids[row], frame.parent_span_ids[row], frame.starts[row], frame.durations[row]);
            let (service, name) = (text(signature.service), text(signature.name));
            let attributes = signature.attributes.map(text);
            let arguments = frame.arguments[row];
            format!("{ids:?} {service} {name} {:?} {:?} {attributes:?} {arguments}", signature.kind, signature.status)
        })
        .collect();
    rows.sort();
    rows
}

/// Writes what it is given as canonical Parquet.
struct Converter(CanonicalWriter<fs::File>);

impl SpanSink for Converter {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        self.0.write(origin, span).expect("written");
    }

    fn skip(&mut self, _reason: SkipReason, _offset: u64) {}

    fn wants_everything(&self) -> bool {
        true
    }
}

/// The fast way, the complete way and canonical Parquet made of the block agree.
fn assert_ways_agree(path: &Path) {
    let fast = rows(analysed(path, 4).0);
    let mut by_records = FrameBuilder::default();
    read_records(&[path.to_owned()], &ReadOptions::default(), &mut by_records, &());
    assert_eq!(fast, rows(vec![by_records]));
    let folder = tempfile::tempdir().expect("a folder");
    let canonical = folder.path().join("spans.parquet");
    let output = fs::File::create(&canonical).expect("a new file");
    let mut converter = Converter(CanonicalWriter::new(output).expect("a writer"));
    read_records(&[path.to_owned()], &ReadOptions::default(), &mut converter, &());
    converter.0.finish().expect("finished");
    assert_eq!(fast, rows(analysed(&canonical, 1).0));
}

const META: &str = r#"{"format":"vParquet4","dedicatedColumns":[{"s":"resource","n":"ip"},{"n":"http.request.method"},
    {"n":"region","o":["array"]},{"n":"http.response.status_code","t":"int"},{"s":"event","n":"place"}]}"#;

/// Scenario: a block has something in every column. Guarantees: every form gives all of it, and the same but for what its
/// columns cannot tell.
#[test]
fn every_form_gives_everything() {
    for form in FORMS {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data.parquet");
        write_block(&path, form, &[form.traces()]);
        fs::write(folder.path().join("meta.json"), META).expect("written");
        let (texts, report) = collect(&path);
        assert!(report.errors.is_empty() && report.warnings.is_empty(), "{form:?}: {report:?}");
        assert_eq!((report.format, report.spans), (form.name(), 3), "{form:?}");
        assert!(report.mapping.contains("resource attribute ip = String01"), "{}", report.mapping);
        assert_eq!(texts.offsets, [0, 0, 1]);

        let (ones, pod, http, code, place) = if form == Form::Fifth {
            (r#"Json("[\"de-1\"]")"#, "", "", " http.response.status_code=Int(200)", r#"place=Str("at x") "#)
        } else {
            let http = r#"http.method=Str("POST") http.url=Str("http://shop/cart/1") http.status_code=Int(503) "#;
            (r#"Str("de-1")"#, r#"cluster=Str("blue") k8s.pod.name=Str("shop-0") "#, http, "", "")
        };
        let scoped = if form == Form::Third { "" } else { r#"scoped=Str("s")"# };
        let resource = format!(r#"resource service.name=Str("shop") {pod}ip=Str("10.0.0.1") host=Str("h")"#);
        let id = "01".repeat(16);
        let first = format!(
            r#"{id}/0100000000000000<0000000000000000 root Server Error "failed" "ot=th:8" +0 1000
{resource}
scope lib 1.0 {scoped}
attributes {http}region={ones} text=Str("a") int=Int(-7) double=Double(0.5) bool=Bool(true) texts=Json("[\"a\",\"b\"]") one=Json("[\"a\"]") mixed=Json("[\"a\",1]") map=Json("{{\"k\":\"v\"}}") nothing=Empty db.system=Str("redis")
event exception 250 {place}exception.type=Str("Timeout")
event early -3 k=Str("v")"#
        );
        let second = format!(
            r#"{id}/0200000000000000<0909090909090909 child Client Unset "" "" +0 -5
{resource}
scope   
attributes http.request.method=Str("GET"){code}
link 07070707070707070707070707070707/0909090909090909 a=b opentracing.ref_type=Str("follows_from")"#
        );
        let third = r#"00000000000000000203040506070809/0300000000000000<0000000000000000 lonely Unspecified Ok "" "" +1 1
resource 
scope   
attributes "#;
        assert_eq!(texts.spans, [&first, &second, third], "{form:?}");

        let (builders, _) = analysed(&path, 1);
        assert_eq!(builders.iter().map(FrameBuilder::end_before_start).sum::<u64>(), 1, "{form:?}");
        let told = rows(builders).concat();
        for text in ["Timeout", "GET", "redis", "follows_from", "unknown_service"] {
            assert!(told.contains(text), "{form:?}: {text} in {told}");
        }
        assert_ways_agree(&path);
    }
}

fn warning_of(report: &InputReport) -> String {
    report.warnings.iter().map(IngestWarning::to_string).collect()
}

/// Without `meta.json`, or with one that cannot be read, nothing is lost but the names.
#[test]
fn columns_that_nothing_names_are_kept() {
    for form in FORMS {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("block.parquet");
        write_block(&path, form, &[form.traces()]);
        let (texts, report) = collect(&path);
        let told = texts.spans.concat();
        assert!(warning_of(&report).contains("no meta.json"), "{form:?}: {report:?}");
        let keys = if form == Form::Fifth {
            assert_eq!(analysed(&path, 1).1.warnings, report.warnings);
            [
                "k8s.cluster.name=Str(\"10.0.0.1\")",
                "url.path=Str(\"de-1\")",
                "tempo.dedicated.event.string01=Str(\"at x\")",
            ]
        } else {
            let resource = "tempo.dedicated.resource.string01=Str(\"10.0.0.1\")";
            [resource, "tempo.dedicated.span.string02=Str(\"de-1\")", "tempo.dedicated.span.string01=Str(\"GET\")"]
        };
        for key in keys {
            assert!(told.contains(key), "{form:?}: {key} in {told}");
        }
        assert_ways_agree(&path);

        let fewer = r#"{"format":"vParquet4","dedicatedColumns":[{"s":"span","n":"http.method"}]}"#;
        fs::write(folder.path().join("block.meta.json"), fewer).expect("written");
        let (_, report) = collect(&path);
        assert_eq!(warning_of(&report).contains("does not name all"), form != Form::Fifth, "{form:?}: {report:?}");

        fs::write(folder.path().join("block.meta.json"), "{broken").expect("written");
        let (again, report) = collect(&path);
        assert_eq!(again.spans, texts.spans);
        assert!(warning_of(&report).contains("block.meta.json is no description of a block"), "{report:?}");
    }
}

/// Many traces of one span each, numbered.
fn many_traces(form: Form, numbers: std::ops::Range<u64>) -> Vec<Json> {
    let links = || if form == Form::Third { json!("") } else { json!([]) };
    numbers
        .map(|number| {
            let span = json!({
                "SpanID": format!("{number:016x}"), "Name": format!("span {number}"), "StartTimeUnixNano": START,
                "DurationNano": number, "Attrs": [form.attribute("http.route", "/".into())], "Events": [],
                "Links": links(),
            });
            let resource = json!({"ServiceName": format!("s{}", number % 5), "Attrs": []});
            json!({"TraceID": format!("{number:032x}"), "rs": [{"Resource": resource, "ss": [{"Scope": {}, "Spans": [span]}]}]})
        })
        .collect()
}

/// Threads change nothing but how many builders there are, whether there are more or fewer of them than row groups.
#[test]
fn row_groups_are_read_in_pieces() {
    for form in FORMS {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data.parquet");
        write_block(&path, form, &[many_traces(form, 1..1501), many_traces(form, 1501..1601)]);
        let (one, _) = analysed(&path, 1);
        assert_eq!((one.len(), count(&one)), (1, 1600), "{form:?}");
        let (many, report) = analysed(&path, 8);
        assert!(report.errors.is_empty(), "{report:?}");
        assert!(many.len() > 2, "{form:?}: {}", many.len());
        assert_eq!(rows(many), rows(one), "{form:?}");
        assert_ways_agree(&path);
    }
}

/// Damage costs the rest of its row group, however many threads read it, and is told by the trace's row.
#[test]
fn damage_costs_its_row_group() {
    for form in FORMS {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data.parquet");
        write_block(&path, form, &[many_traces(form, 1..1001), many_traces(form, 1001..1031)]);
        let mut bytes = fs::read(&path).expect("readable");
        bytes[4..40].fill(0xff);
        fs::write(&path, &bytes).expect("writable");
        let (texts, report) = collect(&path);
        assert_eq!((texts.spans.len(), &texts.skipped[..]), (30, &[(SkipReason::MalformedMessage, 0)][..]), "{form:?}");
        assert!(matches!(report.errors[..], [IngestError::Parquet { row: 0, .. }]), "{form:?}: {report:?}");
        assert!(report.errors[0].to_string().contains("row group 0"), "{report:?}");
        for threads in [1, 8] {
            let (builders, report) = analysed(&path, threads);
            assert_eq!(count(&builders), 30, "{form:?}");
            assert_eq!(report.errors.len(), 1, "{form:?}: {report:?}");
            assert_eq!(report.skipped.total(), 1, "{form:?}: {report:?}");
        }
    }
}

/// Wherever a block is cut or changed, reading ends with what could be read.
#[test]
fn damage_never_panics() {
    for form in FORMS {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data.parquet");
        write_block(&path, form, &[form.traces()]);
        let bytes = fs::read(&path).expect("readable");
        for place in (0..bytes.len()).step_by(61) {
            fs::write(&path, &bytes[..place]).expect("writable");
            assert_eq!(collect(&path).0.spans.len(), 0, "{form:?} cut to {place} bytes");
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << (place % 8);
            fs::write(&path, &damaged).expect("writable");
            let _ = collect(&path);
            let _ = analysed(&path, 2);
        }
    }
}

/// Ids that are missing are counted, as they are of other inputs. A start of 0 is a time.
#[test]
fn unusable_spans_are_counted() {
    let form = Form::Fourth;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.parquet");
    let mut traces = many_traces(form, 0..3);
    traces[2]["rs"][0]["ss"][0]["Spans"][0]["StartTimeUnixNano"] = 0.into();
    write_block(&path, form, &[traces]);
    let expected = BTreeMap::from([(SkipReason::InvalidTraceId, 1)]);
    for report in [collect(&path).1, analysed(&path, 2).1] {
        assert_eq!((report.spans, &report.skipped.counts), (2, &expected));
        assert_eq!(report.skipped.first_offsets, [0]);
    }
}

/// Scenario: a bucket with a block, and with one that was merged into it. Guarantees: only the first is read, unless the
/// other is asked for.
#[test]
fn merged_blocks_are_left_out_of_a_bucket() {
    let bucket = tempfile::tempdir().expect("a folder");
    for (block, meta) in [("a", "meta.json"), ("b", "meta.compacted.json")] {
        let folder = bucket.path().join("tenant").join(block);
        fs::create_dir_all(&folder).expect("a folder");
        write_block(&folder.join("data.parquet"), Form::Fourth, &[Form::Fourth.traces()]);
        fs::write(folder.join(meta), META).expect("written");
        fs::write(folder.join("bloom-0"), [0; 64]).expect("written");
    }
    let ReadFrames { builders, reports, .. } = read_frames(&[bucket.path().to_owned()], &ReadOptions::default(), &());
    assert_eq!(count(&builders), 3);
    assert!(reports.iter().all(|report| report.errors.is_empty()), "{reports:?}");
    let merged = bucket.path().join("tenant/b/data.parquet");
    let report = reports.iter().find(|report| report.path == merged).expect("it is told of");
    assert!(warning_of(report).contains("merged into another block"), "{report:?}");
    let (texts, report) = collect(&merged);
    assert!(texts.spans.len() == 3 && texts.spans[0].contains("ip=Str"), "{report:?}");

    // An archive of the bucket is read like the bucket, in whatever order its files come.
    let told = |reports: &[InputReport], root: &Path| {
        let told = |report: &InputReport| {
            let path = report.path.strip_prefix(root).expect("below it").display().to_string();
            (path, report.spans, report.format, report.warnings.len(), report.errors.len())
        };
        let mut told: Vec<_> = reports.iter().map(told).collect();
        told.sort_unstable();
        told
    };
    let expected = (rows(builders), told(&reports, bucket.path()));
    for names in [["meta", "data.parquet", "bloom-0"], ["data.parquet", "bloom-0", "meta"]] {
        let mut tar = tar::Builder::new(Vec::new());
        for (block, meta) in [("a", "meta.json"), ("b", "meta.compacted.json")] {
            for name in names {
                let name = if name == "meta" { meta } else { name };
                let path = format!("tenant/{block}/{name}");
                tar.append_path_with_name(bucket.path().join(&path), &path).expect("packed");
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let archive = folder.path().join("bucket.tar");
        fs::write(&archive, tar.into_inner().expect("packed")).expect("written");
        let ReadFrames { builders, reports, .. } =
            read_frames(std::slice::from_ref(&archive), &ReadOptions::default(), &());
        assert_eq!((rows(builders), told(&reports, &archive)), expected, "{names:?}");
    }
}

/// A file of the data that lies beside the repository, if it is there.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn shared(file: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/formats/tempo")).join(file);
    if !path.exists() {
        eprintln!("skipped what needs shared data: {} is absent", path.display());
        return None;
    }
    Some(path)
}

/// Counts what the samples hold.
#[derive(Default)]
struct Counts {
    spans: usize,
    traces: std::collections::BTreeSet<TraceId>,
    kinds: BTreeMap<SpanKind, usize>,
    errors: usize,
    sampler_types: BTreeMap<String, usize>,
    urls: usize,
}

impl SpanSink for Counts {
    fn span(&mut self, _origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        self.spans += 1;
        self.traces.insert(span.trace_id);
        *self.kinds.entry(span.kind).or_default() += 1;
        self.errors += usize::from(span.status == StatusCode::Error);
        for attribute in &span.attributes {
            if attribute.key == "sampler.type" {
                *self.sampler_types.entry(attribute.value.to_text().into_owned()).or_default() += 1;
            }
            self.urls += usize::from(attribute.key == "http.url");
        }
    }

    fn skip(&mut self, _reason: SkipReason, _offset: u64) {}

    fn wants_everything(&self) -> bool {
        true
    }
}

/// Blocks that Tempo wrote hold what its own readers count.
#[test]
fn blocks_of_tempo_hold_as_many_spans_as_counted() {
    for (name, format, spans, traces) in
        [("vparquet4", "tempo_vparquet4", 570, 134), ("vparquet5", "tempo_vparquet5", 566, 133)]
    {
        let Some(path) = shared(&format!("{name}.data.parquet")) else { return };
        let mut counts = Counts::default();
        let reports = read_records(std::slice::from_ref(&path), &ReadOptions::default(), &mut counts, &());
        assert!(reports[0].errors.is_empty() && reports[0].warnings.is_empty(), "{name}: {reports:?}");
        assert!(reports[0].skipped.total() == 0 && reports[0].format == format, "{name}: {reports:?}");
        assert_eq!(
            (counts.spans, counts.traces.len(), counts.errors, counts.urls),
            (spans, traces, 3, spans),
            "{name}"
        );
        assert_eq!(counts.kinds, BTreeMap::from([(SpanKind::Unspecified, spans)]), "{name}");
        assert_eq!(counts.sampler_types.keys().collect::<Vec<_>>(), ["const"], "{name}");
        let (builders, report) = analysed(&path, 2);
        assert_eq!((count(&builders), report.spans), (spans, spans as u64), "{name}");
        assert_ways_agree(&path);
    }
}

/// Attributes of the resource are parts of signatures, in lists as in dedicated columns; those of spans with their names are
/// not. Own values are there if they are asked for.
#[test]
fn attributes_of_resources_and_own_values_are_read() {
    for form in FORMS {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data.parquet");
        let meta = r#"{"format":"vParquet4","dedicatedColumns":[{"s":"resource","n":"service.namespace"},{"n":"messaging.message_id"}]}"#;
        fs::write(folder.path().join("meta.json"), meta).expect("written");
        let attribute = |key: &str, value: &str| form.attribute(key, value.into());
        let resource = json!({
            "ServiceName": "cart",
            "Attrs": [attribute("service.version", "1.2"), attribute("host", "h"), attribute("host.name", "node-1")],
            "DedicatedAttributes": {"String01": form.dedicated_value("shop".into())},
            "K8sPodName": "cart-1",
        });
        let span = json!({
            "SpanID": "0100000000000000", "ParentSpanID": "", "Name": "send", "Kind": 4, "StartTimeUnixNano": START,
            "DurationNano": 1000, "Links": if form == Form::Third { json!("") } else { json!([]) }, "Events": [],
            "Attrs": [attribute("k8s.deployment.name", "no"), attribute("service.instance.id", "no"), attribute("messaging.message.body.size", "17")],
            "DedicatedAttributes": {"String01": form.dedicated_value("m-1".into())},
        });
        let trace =
            json!({"TraceID": hex(&[1; 16]), "rs": [{"Resource": resource, "ss": [{"Scope": {}, "Spans": [span]}]}]});
        write_block(&path, form, &[vec![trace]]);
        assert_ways_agree(&path);
        for own_attributes in [OwnAttributes::NONE, OwnAttributes::ALL] {
            let options = ReadOptions { own_attributes, resource_attributes: true, ..ReadOptions::default() };
            let (vocabulary, frame) = group(read_frames(std::slice::from_ref(&path), &options, &()).builders);
            assert_eq!(frame.len(), 1, "{form:?}");
            let signature = vocabulary.signatures.resolve(frame.signatures_of_rows[0]);
            let of_resources = Attribute::ALL.iter().filter(|attribute| attribute.class() == AttributeClass::Resource);
            let texts: Vec<&str> =
                of_resources.map(|&attribute| vocabulary.symbols.resolve(signature.get(attribute))).collect();
            assert_eq!(texts, ["1.2", "shop", "", ""], "{form:?}");
            let own = |attribute| frame.own_values.get(0).get(attribute);
            let asked = !own_attributes.is_empty();
            let id = OwnAttribute::MessageId.value_of("m-1");
            assert_eq!(own(OwnAttribute::MessageId), asked.then_some(id), "{form:?}");
            assert_eq!(own(OwnAttribute::MessageBodySize), asked.then_some(17 + 1), "{form:?}");
            // Only the older forms have columns for names of pods.
            let pod = (asked && form != Form::Fifth).then(|| OwnAttribute::PodName.value_of("cart-1"));
            assert_eq!(own(OwnAttribute::PodName), pod, "{form:?}");
            let host = OwnAttribute::HostName.value_of("node-1");
            assert_eq!(own(OwnAttribute::HostName), asked.then_some(host), "{form:?}");
        }
        let meta = r#"{"format":"vParquet4","dedicatedColumns":[{"s":"resource","n":"service.instance.id"}]}"#;
        fs::write(folder.path().join("meta.json"), meta).expect("written");
        let own_attributes = OwnAttributes::of(&[OwnAttribute::Instance]);
        let options = ReadOptions { own_attributes, ..ReadOptions::default() };
        let (_, frame) = group(read_frames(std::slice::from_ref(&path), &options, &()).builders);
        let instance = OwnAttribute::Instance.value_of("shop");
        assert_eq!(frame.own_values.get(0).get(OwnAttribute::Instance), Some(instance), "{form:?}");
    }
}
