//! Which column of a table holds which field of a span, and in which unit.
//!
//! Tables are told apart by the columns that they have, never by file names or the writer's name, since every store adds
//! columns and every view drops some. A known dialect ([`DIALECTS`]) says what cannot be guessed; everything else, and
//! every unknown table, is resolved by [`ALIASES`].

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use arrow::datatypes::{DataType, Schema};

use super::times::Unit;
use crate::frame::{Attribute, attribute_of_key};

macro_rules! fields {
    ($($variant:ident, $label:literal, [$($alias:literal),+ $(,)?];)+) => {
        /// A field of a span.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Field {
            $($variant),+
        }

        impl Field {
            /// Every field.
            pub(super) const ALL: &[Self] = &[$(Self::$variant),+];
        }

        /// How many fields there are.
        const FIELD_COUNT: usize = Field::ALL.len();

        /// Every field, what it is called in messages, and its column's names in order of preference: lower-case and
        /// without `_`, `.`, `-` and space. A struct's column goes by its name and the struct's together.
        const ALIASES: [(Field, &str, &[&str]); FIELD_COUNT] = [$((Field::$variant, $label, &[$($alias),+])),+];
    };
}

fields! {
    TraceId, "trace id", ["traceid", "spantraceid", "tracetraceid", "contexttraceid", "oteltraceid"];
    SpanId, "span id", ["spanid", "spanspanid", "tracespanid", "contextspanid", "id"];
    ParentSpanId, "parent span id", [
        "parentspanid", "parentid", "referenceparentspanid", "spanparentspanid", "parentspan", "recordparentspanid",
    ];
    Name, "name", ["spanname", "name", "operationname", "operation", "resourcename", "recordname"];
    Kind, "kind", ["spankind", "kind", "kindstring", "spankinddescription", "recordkind"];
    Start, "start", [
        "starttimeunixnano", "spanstarttimestampnanos", "spanstarttimeunixnano", "starttime", "starttimestamp",
        "timestamp", "time", "start",
    ];
    End, "end", [
        "endtimeunixnano", "spanendtimestampnanos", "spanendtimeunixnano", "endtime", "endtimestamp", "timestampend", "end",
    ];
    Duration, "duration", [
        "durationnano", "durationns", "durationtimeunixnano", "spandurationns", "durationus", "durationmicros",
        "durationms", "spandurationmillis", "duration",
    ];
    Status, "status", [
        "statuscode", "spanstatuscode", "status", "statuscodestring", "spanstatus", "recordstatuscode", "haserror", "error",
    ];
    StatusMessage, "status message", [
        "statusmessage", "spanstatusmessage", "statusstatusmessage", "recordstatusmessage",
    ];
    Service, "service", ["servicename", "service", "resourceservicename", "resourceattributesservicename"];
    TraceState, "trace state", ["tracestate", "spantracestate"];
    ScopeName, "scope name", ["scopename", "instrumentationscopename", "otelscopename"];
    ScopeVersion, "scope version", ["scopeversion", "instrumentationscopeversion", "otelscopeversion"];
    ScopeAttributes, "scope attributes", ["scopeattributes", "instrumentationscopeattributes"];
    ResourceAttributes, "resource attributes", [
        "resourceattributes", "resource", "resources", "resourcestring", "resourcesstring",
    ];
    Attributes, "attributes", [
        "spanattributes", "attributes", "traceattributes", "tags", "recordattributes", "attributesstring",
    ];
    Events, "events", ["events", "eventsjson", "spanevents"];
    EventTimes, "event times", ["eventstimestamp"];
    EventNames, "event names", ["eventsname"];
    EventAttributes, "event attributes", ["eventsattributes"];
    Links, "links", ["links", "linksjson", "spanlinks"];
    LinkTraceIds, "link trace ids", ["linkstraceid"];
    LinkSpanIds, "link span ids", ["linksspanid"];
    LinkTraceStates, "link trace states", ["linkstracestate"];
    LinkAttributes, "link attributes", ["linksattributes"];
}

/// A table that is known by name.
struct Dialect {
    /// The format, as `run.json` names it.
    format: &'static str,
    /// The columns, in exact case, that tell it from others.
    has: &'static [&'static str],
    /// Columns that [`ALIASES`] does not lead to, as `struct.field` where one is in a struct.
    columns: &'static [(Field, &'static str)],
    /// The unit of its durations, if their column does not say it.
    duration: Option<Unit>,
}

/// The first whose columns are all there is it.
const DIALECTS: &[Dialect] = &[
    Dialect {
        format: "parquet_otlp2parquet",
        has: &["TraceId", "SpanId", "SpanName", "EventsTimestamp"],
        columns: &[],
        duration: Some(Unit::Nanoseconds),
    },
    Dialect {
        format: "parquet_clickhouse",
        has: &["TraceId", "SpanId", "SpanName", "Timestamp"],
        columns: &[],
        duration: Some(Unit::Nanoseconds),
    },
    Dialect {
        format: "parquet_otlp2records",
        has: &["start_time_unix_nano", "duration_time_unix_nano", "trace_id", "span_id", "name"],
        columns: &[],
        duration: Some(Unit::Nanoseconds),
    },
    Dialect {
        format: "parquet_openobserve",
        has: &["_timestamp", "operation_name", "trace_id", "span_id"],
        columns: &[],
        duration: Some(Unit::Microseconds),
    },
    Dialect {
        format: "parquet_rotel",
        has: &["span_name", "span_attributes", "duration", "timestamp", "events_timestamp"],
        columns: &[],
        duration: Some(Unit::Nanoseconds),
    },
];

const CANONICAL: Dialect =
    Dialect { format: "parquet_canonical", has: &[], columns: &[], duration: Some(Unit::Nanoseconds) };

const UNKNOWN: Dialect = Dialect { format: "parquet_flat", has: &[], columns: &[], duration: None };

/// Where a column stands: its root, and its place in that if the root is a struct.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Number of the root field.
    pub(super) root: usize,
    /// Number of the struct's field.
    pub(super) child: Option<usize>,
}

/// A column that holds a field.
#[derive(Clone, Debug)]
pub(super) struct Mapped {
    /// Where it stands.
    pub(super) place: Place,
    /// Its name, for messages.
    pub(super) name: String,
    /// For times: the unit of its numbers, if known.
    pub(super) unit: Option<Unit>,
}

/// A column that holds one attribute.
#[derive(Clone, Debug)]
pub(super) struct FlatAttribute {
    /// Number of the root field.
    pub(super) root: usize,
    /// The attribute's key.
    pub(super) key: String,
    /// Whether the attribute is one of the resource.
    pub(super) of_resource: bool,
    /// The attribute that the analysis keeps it as, and the rank of its spelling.
    pub(super) known: Option<(Attribute, u8)>,
}

/// The columns of a table, resolved.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    /// The format, as `run.json` names it.
    pub(super) format: &'static str,
    /// Whether the attribute map repeats the attributes that have columns of their own.
    pub(super) columns_repeat_attributes: bool,
    fields: [Option<Mapped>; FIELD_COUNT],
    /// The attributes that have columns of their own.
    pub(super) flat: Vec<FlatAttribute>,
}

/// The fields without which a table is no table of spans, and the columns that it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Unresolved {
    /// What was looked for in vain.
    pub(super) missing: String,
    /// The columns found.
    pub(super) found: String,
}

impl Mapping {
    /// Resolves the columns of `schema`. Units are taken from `restored`, which has the types that the writer's Arrow
    /// schema gives to the same columns.
    pub(super) fn resolve(schema: &Schema, restored: &Schema, canonical: bool) -> Result<Self, Unresolved> {
        let has = |name: &&str| schema.fields().iter().any(|field| field.name() == name);
        let dialect = if canonical {
            &CANONICAL
        } else {
            DIALECTS.iter().find(|dialect| dialect.has.iter().all(&has)).unwrap_or(&UNKNOWN)
        };
        let columns = Columns::of(schema);
        let mut mapping = Self {
            format: dialect.format,
            columns_repeat_attributes: canonical,
            fields: [const { None }; FIELD_COUNT],
            flat: Vec::new(),
        };
        for (field, _, aliases) in ALIASES {
            let named = dialect.columns.iter().find(|(named, _)| *named == field);
            let column = match named {
                Some((_, name)) => columns.0.iter().find(|column| column.name == *name),
                None => aliases.iter().find_map(|alias| columns.find(alias, field)),
            };
            mapping.fields[field as usize] = column.map(|column| Mapped {
                place: column.place,
                name: column.name.clone(),
                unit: unit_of(field, column, restored, dialect),
            });
        }
        let has_parent = mapping.field(Field::ParentSpanId).is_some();
        if !has_parent && mapping.field(Field::SpanId).is_some_and(|column| column.name.eq_ignore_ascii_case("id")) {
            mapping.fields[Field::SpanId as usize] = None;
        }
        mapping.check(&columns)?;
        mapping.flat = flat_attributes(schema, &mapping);
        Ok(mapping)
    }

    fn check(&self, columns: &Columns<'_>) -> Result<(), Unresolved> {
        let has = |field| self.field(field).is_some();
        let mut missing: Vec<String> = [Field::TraceId, Field::SpanId, Field::Name, Field::Start]
            .into_iter()
            .filter(|&field| !has(field))
            .map(looked_for)
            .collect();
        if !has(Field::End) && !has(Field::Duration) {
            missing.push(format!("{} or {}", looked_for(Field::Duration), looked_for(Field::End)));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let found: Vec<&str> = columns.0.iter().map(|column| column.name.as_str()).collect();
        Err(Unresolved { missing: missing.join(", "), found: found.join(", ") })
    }

    /// The column of `field`, if the table has it.
    pub(super) fn field(&self, field: Field) -> Option<&Mapped> {
        self.fields[field as usize].as_ref()
    }

    /// Sets the unit of the numbers of `field`'s column.
    pub(super) fn set_unit(&mut self, field: Field, unit: Unit) {
        if let Some(column) = &mut self.fields[field as usize] {
            column.unit = Some(unit);
        }
    }

    /// The unit of the numbers of `field`'s column.
    pub(super) fn unit(&self, field: Field) -> Unit {
        self.field(field).and_then(|column| column.unit).unwrap_or(Unit::Nanoseconds)
    }
}

/// One line for each field: `trace id = TraceId`.
impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.format)?;
        for (field, label, _) in ALIASES {
            if let Some(column) = self.field(field) {
                write!(f, "\n  {label} = {}", column.name)?;
                if let Some(unit) = column.unit {
                    write!(f, " ({})", unit.as_str())?;
                }
            }
        }
        for flat in self.flat.iter().filter(|flat| flat.known.is_some()) {
            write!(f, "\n  attribute {}", flat.key)?;
        }
        Ok(())
    }
}

fn looked_for(field: Field) -> String {
    let (_, label, aliases) = ALIASES[field as usize];
    format!("{label} ({})", aliases.join(", "))
}

/// All columns of a table, those in structs after their struct.
struct Columns<'a>(Vec<Column<'a>>);

struct Column<'a> {
    place: Place,
    name: String,
    normal_name: String,
    data_type: &'a DataType,
}

impl<'a> Columns<'a> {
    fn of(schema: &'a Schema) -> Self {
        let mut columns = Vec::new();
        for (root, field) in schema.fields().iter().enumerate() {
            let place = Place { root, child: None };
            columns.push(Column::new(place, field.name().clone(), field.data_type()));
            if let DataType::Struct(children) = field.data_type() {
                for (child, inner) in children.iter().enumerate() {
                    let place = Place { root, child: Some(child) };
                    let name = format!("{}.{}", field.name(), inner.name());
                    columns.push(Column::new(place, name, inner.data_type()));
                }
            }
        }
        Self(columns)
    }

    fn find(&self, alias: &str, field: Field) -> Option<&Column<'a>> {
        self.0.iter().find(|column| column.normal_name == alias && can_hold(column.data_type, field))
    }
}

impl<'a> Column<'a> {
    fn new(place: Place, name: String, data_type: &'a DataType) -> Self {
        Self { place, normal_name: normalised(&name), name, data_type }
    }
}

fn normalised(name: &str) -> String {
    name.chars()
        .filter(|character| !matches!(character, '_' | '.' | '-' | ' '))
        .map(|character| character.to_ascii_lowercase())
        .collect()
}

/// Whether a column of this type can hold `field`.
fn can_hold(data_type: &DataType, field: Field) -> bool {
    // A column without any value has no type.
    if *data_type == DataType::Null {
        return true;
    }
    let is_text = matches!(data_type, DataType::Utf8 | DataType::Binary);
    match field {
        Field::TraceId | Field::SpanId | Field::ParentSpanId => {
            is_text || matches!(data_type, DataType::FixedSizeBinary(_) | DataType::Int64 | DataType::UInt64)
        }
        Field::Start | Field::End | Field::Duration => {
            is_text
                || data_type.is_integer()
                || matches!(data_type, DataType::Timestamp(_, _) | DataType::Duration(_) | DataType::Float64)
        }
        Field::Name | Field::Service | Field::StatusMessage | Field::TraceState => is_text,
        Field::Kind | Field::Status => is_text || data_type.is_integer() || *data_type == DataType::Boolean,
        Field::ScopeName | Field::ScopeVersion => is_text,
        Field::ScopeAttributes | Field::ResourceAttributes | Field::Attributes => {
            is_text || matches!(data_type, DataType::Map(_, _) | DataType::Struct(_))
        }
        Field::Events | Field::Links => {
            is_text || matches!(data_type, DataType::List(item) if matches!(item.data_type(), DataType::Struct(_)))
        }
        Field::EventTimes
        | Field::EventNames
        | Field::EventAttributes
        | Field::LinkTraceIds
        | Field::LinkSpanIds
        | Field::LinkTraceStates
        | Field::LinkAttributes => matches!(data_type, DataType::List(_)),
    }
}

fn unit_of(field: Field, column: &Column<'_>, restored: &Schema, dialect: &Dialect) -> Option<Unit> {
    if !matches!(field, Field::Start | Field::End | Field::Duration) {
        return None;
    }
    let restored = match restored.fields().get(column.place.root).map(|field| field.data_type()) {
        Some(DataType::Struct(children)) => {
            column.place.child.and_then(|child| children.get(child)).map(|field| field.data_type())
        }
        data_type => data_type,
    };
    let said = Unit::of_type(column.data_type).or_else(|| restored.and_then(Unit::of_type));
    let said = said.or_else(|| Unit::of_name(&column.name));
    match field {
        Field::Duration => said.or(dialect.duration),
        _ => said.or(Some(Unit::ByMagnitude)),
    }
}

/// The columns that hold no field but an attribute each.
fn flat_attributes(schema: &Schema, mapping: &Mapping) -> Vec<FlatAttribute> {
    let is_field =
        |root: usize| mapping.fields.iter().flatten().any(|column| column.place == Place { root, child: None });
    schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(root, field)| !is_field(*root) && !field.data_type().is_nested())
        .filter_map(|(root, field)| {
            let (key, of_resource) = key_of_column(field.name())?;
            let known = if of_resource { None } else { attribute_of_key(&key) };
            Some(FlatAttribute { root, key, of_resource, known })
        })
        .collect()
}

/// The attribute that a column of this name holds, and whether it is one of the resource.
fn key_of_column(name: &str) -> Option<(String, bool)> {
    for (prefix, of_resource) in [
        ("span_attributes.", false),
        ("spanattributes.", false),
        ("attributes.", false),
        ("resource_attributes.", true),
        ("resourceattributes.", true),
        ("resource.", true),
    ] {
        if let Some(start) = name.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix)) {
            return Some((name[start.len()..].into(), of_resource));
        }
    }
    if attribute_of_key(name).is_some() {
        return Some((name.into(), false));
    }
    if let Some(&key) = keys_by_underscored_form().get(name) {
        return Some((key.into(), false));
    }
    name.contains('.').then(|| (name.into(), false))
}

/// Known keys by what is left of them where dots are not allowed in column names.
fn keys_by_underscored_form() -> &'static HashMap<String, &'static str> {
    static BY_FORM: OnceLock<HashMap<String, &'static str>> = OnceLock::new();
    BY_FORM.get_or_init(|| {
        let keys = Attribute::ALL.iter().flat_map(|attribute| attribute.aliases());
        let mut by_form = HashMap::new();
        for &key in keys {
            by_form.entry(key.replace('.', "_")).or_insert(key);
        }
        by_form
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{Field as ArrowField, TimeUnit};

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        Schema::new(
            columns.iter().map(|(name, data_type)| ArrowField::new(*name, data_type.clone(), true)).collect::<Vec<_>>(),
        )
    }

    fn resolve(columns: &[(&str, DataType)]) -> Result<Mapping, Unresolved> {
        let schema = schema(columns);
        Mapping::resolve(&schema, &schema, false)
    }

    fn name(mapping: &Mapping, field: Field) -> Option<&str> {
        mapping.field(field).map(|column| column.name.as_str())
    }

    /// [`ALIASES`] is indexed by field.
    #[test]
    fn aliases_stand_in_the_order_of_fields() {
        for (number, (field, _, aliases)) in ALIASES.iter().enumerate() {
            assert_eq!(*field as usize, number);
            for alias in *aliases {
                assert_eq!(normalised(alias), *alias);
            }
        }
    }

    #[test]
    fn an_unknown_table_is_resolved_by_aliases() {
        let mapping = resolve(&[
            ("Trace-ID", DataType::Utf8),
            ("id", DataType::Utf8),
            ("parentId", DataType::Utf8),
            ("operation", DataType::Utf8),
            ("start_time", DataType::Timestamp(TimeUnit::Microsecond, None)),
            ("duration_ms", DataType::Float64),
            ("has_error", DataType::Boolean),
            ("attributes.db.system", DataType::Utf8),
            ("http_request_method", DataType::Utf8),
            ("resource.host.name", DataType::Utf8),
        ])
        .expect("resolvable");
        assert_eq!(name(&mapping, Field::SpanId), Some("id"));
        assert_eq!(mapping.unit(Field::Start), Unit::Microseconds);
        assert_eq!(mapping.unit(Field::Duration), Unit::Milliseconds);
        assert_eq!(name(&mapping, Field::Status), Some("has_error"));
        let flat: Vec<(&str, bool)> = mapping.flat.iter().map(|flat| (flat.key.as_str(), flat.of_resource)).collect();
        assert_eq!(flat, [("db.system", false), ("http.request.method", false), ("host.name", true)]);
    }

    #[test]
    fn fields_of_structs_are_found() {
        let status = DataType::Struct(vec![ArrowField::new("code", DataType::Utf8, true)].into());
        let mapping = resolve(&[
            ("trace_id", DataType::Utf8),
            ("span_id", DataType::Utf8),
            ("name", DataType::Utf8),
            ("start_time_unix_nano", DataType::Int64),
            ("end_time_unix_nano", DataType::Int64),
            ("status", status),
        ])
        .expect("resolvable");
        assert_eq!(mapping.field(Field::Status).map(|column| column.place), Some(Place { root: 5, child: Some(0) }));
    }

    #[test]
    fn a_table_without_spans_is_refused_by_name() {
        let unresolved = resolve(&[("TraceId", DataType::Utf8), ("Start", DataType::Int64), ("End", DataType::Int64)])
            .expect_err("has no span ids");
        assert_eq!(unresolved.found, "TraceId, Start, End");
        assert!(unresolved.missing.starts_with("span id (spanid"), "{}", unresolved.missing);
    }
}
