//! Which column of a table holds which field of a span, and in which unit.
//!
//! Tables are told apart by the columns that they have, never by file names or the writer's name, since every store adds
//! columns and every view drops some. A known dialect ([`DIALECTS`]) says what cannot be guessed; everything else, and
//! every unknown table, is resolved by [`ALIASES`].

use std::fmt;

use arrow::datatypes::{DataType, Schema};

use super::field::{ALIASES, FAILURES, FIELD_COUNT, Field};
use super::known_key::{is_key_of_span, known_key};
use super::partition_values::PartitionValue;
use super::stores::{CANONICAL, DIALECTS, Dialect, Others, Owner, UNKNOWN, refused};
use crate::conventions::{
    Attribute, AttributeClass, OwnAttribute, OwnAttributes, attribute_of_key, resource_attribute_of_key,
};
use crate::ingest::parquet::file::cells::{is_key_value, is_variant, is_variant_type};
use crate::ingest::parquet::flat::derived::Derived;
use crate::ingest::parquet::flat::failure::status_of_failure;
use crate::ingest::parquet::flat::times::Unit;
use crate::span::StatusCode;

/// Where a column stands: its root, and its place in that if the root is a struct. The roots past the last are columns
/// that the file does not have ([`Mapping::derived`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Number of the root field.
    pub(crate) root: usize,
    /// Number of the struct's field.
    pub(crate) child: Option<usize>,
}

/// A column that holds a field.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    /// Where it stands.
    pub(crate) place: Place,
    /// Its name, for messages.
    pub(crate) name: String,
    /// For times: the unit of its numbers, if known.
    pub(crate) unit: Option<Unit>,
}

/// A column that holds one attribute.
#[derive(Clone, Debug)]
pub(crate) struct FlatAttribute {
    /// Number of the root field.
    pub(crate) root: usize,
    /// The attribute's key.
    pub(crate) key: String,
    /// What the attribute is one of.
    pub(crate) owner: Owner,
    /// The attribute that the analysis keeps it as, and the rank of its spelling.
    pub(crate) known: Option<(Attribute, u8)>,
    /// The attribute that is kept beside rows, and the rank of its spelling.
    pub(crate) own: Option<(OwnAttribute, u8)>,
}

impl FlatAttribute {
    fn of(root: usize, key: String, owner: Owner) -> Self {
        let known = match owner {
            Owner::Span => attribute_of_key(&key),
            Owner::Resource => resource_attribute_of_key(&key),
            Owner::Scope => None,
        };
        let own = match owner {
            Owner::Span => OwnAttributes::ALL.of_key(&key),
            Owner::Resource => OwnAttributes::ALL.of_resource_key(&key),
            Owner::Scope => None,
        };
        Self { root, key, owner, known, own }
    }
}

/// The columns of a table, resolved.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    /// The format, as `run.json` names it.
    pub(crate) format: &'static str,
    /// Whether the attribute map repeats the attributes that have columns of their own.
    pub(crate) columns_repeat_attributes: bool,
    fields: [Option<Mapped>; FIELD_COUNT],
    /// The attributes that have columns of their own.
    pub(crate) flat: Vec<FlatAttribute>,
    /// The columns that are made of the file's, or of its path.
    pub(crate) derived: Vec<Derived>,
    /// The values in the file's path that have columns.
    pub(crate) path_values: Vec<PartitionValue>,
    /// What the record type of a span is, if there are other rows than spans.
    pub(crate) only: Option<&'static str>,
    /// The status that a text in its column stands for.
    pub(crate) status_of: fn(&str) -> StatusCode,
    /// Whether a span's length is better known from its end than from its duration.
    pub(crate) end_is_finer: bool,
    /// The columns of type VARIANT, which are not read.
    pub(crate) variants: Vec<String>,
}

/// Why a table is no table of spans.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unresolved {
    /// Fields that spans must have stand in none of its columns.
    Missing {
        /// What was looked for in vain.
        missing: String,
        /// The columns found.
        found: String,
    },
    /// It is known to be something else.
    Refused {
        /// What it is.
        what: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
}

impl Mapping {
    /// Whether every spelling of every attribute of a class has a column. A file that was written before one had lacks it, and
    /// has what it says in the attribute map only.
    pub(crate) fn has_all_columns(&self, class: AttributeClass) -> bool {
        let has = |known| self.flat.iter().any(|flat| flat.known == Some(known));
        let of_class = Attribute::ALL.iter().filter(|attribute| attribute.class() == class);
        let recorded = of_class.filter(|attribute| attribute.is_recorded());
        recorded.copied().all(|attribute| (0u8..).zip(attribute.aliases()).all(|(rank, _)| has((attribute, rank))))
    }

    /// Whether the preferred spelling of `attribute` has a column.
    pub(crate) fn has_column_of(&self, attribute: Attribute) -> bool {
        self.flat.iter().any(|flat| flat.known == Some((attribute, 0)))
    }

    /// Whether every spelling of the own attributes `asked` for has a column.
    pub(crate) fn has_all_own_columns(&self, asked: OwnAttributes) -> bool {
        let has = |known| self.flat.iter().any(|flat| flat.own == Some(known));
        asked.iter().all(|own| (0u8..).zip(own.aliases()).all(|(rank, _)| has((own, rank))))
    }

    /// Resolves the columns of `schema`. Units are taken from `restored`, which has the types that the writer's Arrow
    /// schema gives to the same columns.
    /// Where `schema` has no column of their names, `path_values` are columns, too.
    pub(crate) fn resolve(
        schema: &Schema,
        restored: &Schema,
        mut path_values: Vec<PartitionValue>,
        canonical: bool,
    ) -> Result<Self, Unresolved> {
        path_values.retain(|value| schema.fields().iter().all(|field| *field.name() != value.name));
        let has = &|name: &&str| {
            schema.fields().iter().any(|field| field.name() == name)
                || path_values.iter().any(|value| value.name == **name)
        };
        let dialect = if canonical {
            &CANONICAL
        } else if let Some(table) = refused(has) {
            return Err(Unresolved::Refused { what: table.what, advice: table.advice });
        } else {
            DIALECTS.iter().find(|dialect| dialect.has.iter().all(has)).unwrap_or(&UNKNOWN)
        };
        let columns = Columns::of(schema, &path_values);
        let mut mapping = Self {
            format: dialect.format,
            columns_repeat_attributes: canonical,
            fields: [const { None }; FIELD_COUNT],
            flat: Vec::new(),
            derived: (0..path_values.len()).map(|number| Derived::PathValue { number }).collect(),
            path_values: path_values.clone(),
            only: dialect.only,
            status_of: StatusCode::from_text,
            end_is_finer: false,
            variants: columns.variants(),
        };
        for (field, _, aliases) in ALIASES {
            let named = dialect.columns.iter().find(|(named, _)| *named == field);
            let column = named.and_then(|(_, names)| names.iter().find_map(|name| columns.named(name, field)));
            if column.is_none() && mapping.derive_member(field, dialect, &columns, schema) {
                continue;
            }
            let by_alias = || {
                let in_file = aliases.iter().find_map(|alias| columns.find(alias, field, false));
                in_file.or_else(|| aliases.iter().find_map(|alias| columns.find(alias, field, true)))
            };
            let column = if named.is_some() { column } else { by_alias() };
            if column.is_none() && mapping.derive_tag(field, dialect, &columns, schema) {
                continue;
            }
            mapping.fields[field as usize] = column.map(|column| Mapped {
                place: column.place,
                name: column.name.clone(),
                unit: unit_of(field, column, restored, dialect),
            });
        }
        if let Some(status) = mapping.field(Field::Status)
            && FAILURES.contains(&normalised(&status.name).as_str())
        {
            mapping.status_of = status_of_failure;
            mapping.derive_failure_message(&columns, schema);
        }
        mapping.derive_parent(&columns, schema);
        let has_parent = mapping.field(Field::ParentSpanId).is_some();
        if !has_parent && mapping.field(Field::SpanId).is_some_and(|column| column.name.eq_ignore_ascii_case("id")) {
            mapping.fields[Field::SpanId as usize] = None;
        }
        mapping.check(&columns)?;
        mapping.end_is_finer = mapping.has_finer_end(schema);
        mapping.add_flat_attributes(schema, dialect);
        Ok(mapping)
    }

    /// Maps `field` to a member of a JSON object, if it is one in this dialect.
    fn derive_member(&mut self, field: Field, dialect: &Dialect, columns: &Columns<'_>, schema: &Schema) -> bool {
        let member = dialect.members.iter().find(|(of, _, _)| *of == field);
        let Some((&(_, name, path), source)) = member.and_then(|member| Some((member, columns.root(member.1)?))) else {
            return false;
        };
        let place = self.derive(schema, Derived::Member { source, path });
        self.fields[field as usize] = Some(Mapped { place, name: format!("{name}:{path}"), unit: None });
        true
    }

    /// Maps `field` to an attribute of spans, if it is one in this dialect.
    fn derive_tag(&mut self, field: Field, dialect: &Dialect, columns: &Columns<'_>, schema: &Schema) -> bool {
        let tag = dialect.tags.iter().find(|(of, _, _)| *of == field);
        let Some((&(_, name, keys), source)) = tag.and_then(|tag| Some((tag, columns.root(tag.1)?))) else {
            return false;
        };
        if field == Field::Status {
            self.status_of = status_of_failure;
        }
        let place = self.derive(schema, Derived::Attribute { source, keys });
        self.fields[field as usize] = Some(Mapped { place, name: format!("{name}:{}", keys[0]), unit: None });
        true
    }

    /// Takes parents from where Jaeger has them, if they have no column.
    fn derive_parent(&mut self, columns: &Columns<'_>, schema: &Schema) {
        let references = columns.find("references", Field::Links, false).filter(|column| column.place.child.is_none());
        if self.field(Field::ParentSpanId).is_none()
            && let Some(column) = references
        {
            let place = self.derive(schema, Derived::Parent { source: column.place.root });
            let name = column.name.clone();
            self.fields[Field::ParentSpanId as usize] = Some(Mapped { place, name, unit: None });
        }
    }

    /// Takes the text of what went wrong for the status message, if a column tells failed spans by it and no other has it.
    fn derive_failure_message(&mut self, columns: &Columns<'_>, schema: &Schema) {
        let mut texts = FAILURES.iter().rev().filter_map(|alias| columns.find(alias, Field::StatusMessage, false));
        if self.field(Field::StatusMessage).is_none()
            && let Some(column) = texts.find(|column| column.place.child.is_none())
        {
            let place = self.derive(schema, Derived::FailureMessage { source: column.place.root });
            let name = column.name.clone();
            self.fields[Field::StatusMessage as usize] = Some(Mapped { place, name, unit: None });
        }
    }

    fn derive(&mut self, schema: &Schema, derived: Derived) -> Place {
        self.derived.push(derived);
        Place { root: schema.fields().len() + self.derived.len() - 1, child: None }
    }

    /// Sets the unit of durations, which the columns do not tell.
    pub(crate) fn set_unit_of_durations(&mut self, unit: Unit, schema: &Schema) {
        if let Some(column) = &mut self.fields[Field::Duration as usize] {
            column.unit = Some(unit);
        }
        self.end_is_finer = self.has_finer_end(schema);
    }

    /// Leaves durations unread, so that lengths are those from start to end.
    pub(crate) fn forget_durations(&mut self) {
        self.fields[Field::Duration as usize] = None;
    }

    /// Whether start and end count nanoseconds and the duration counts whole steps of something coarser.
    fn has_finer_end(&self, schema: &Schema) -> bool {
        let unit = |field| self.field(field).and_then(|column| column.unit);
        let is_coarse = |unit| matches!(unit, Unit::Microseconds | Unit::Milliseconds | Unit::Seconds);
        let is_whole = |place: Place| {
            schema.fields().get(place.root).is_some_and(|field| place.child.is_none() && field.data_type().is_integer())
        };
        let duration = self.field(Field::Duration);
        [Field::Start, Field::End].into_iter().all(|field| unit(field) == Some(Unit::Nanoseconds))
            && duration.is_some_and(|column| column.unit.is_some_and(is_coarse) && is_whole(column.place))
    }

    /// Finds the columns that hold an attribute each.
    fn add_flat_attributes(&mut self, schema: &Schema, dialect: &Dialect) {
        let has_all_elsewhere = matches!(dialect.others, Others::Copies) && self.field(Field::Attributes).is_some();
        for (root, field) in schema.fields().iter().enumerate() {
            let is_field = self.fields.iter().flatten().any(|column| column.place == Place { root, child: None });
            let is_source = self.derived.iter().any(|derived| derived.source() == Some(root));
            if is_field || is_source || has_all_elsewhere {
                continue;
            }
            let Some((owner, key)) = attribute_in(field.name(), field.data_type(), dialect) else {
                continue;
            };
            let root = if dialect.binary_is_json && *field.data_type() == DataType::Binary {
                self.derive(schema, Derived::JsonText { source: root }).root
            } else {
                root
            };
            self.flat.push(FlatAttribute::of(root, key, owner));
        }
        for number in 0..self.path_values.len() {
            let root = schema.fields().len() + number;
            let is_field = self.fields.iter().flatten().any(|column| column.place.root == root);
            if !is_field
                && !self.columns_repeat_attributes
                && let Some((owner, key)) = key_of_column(&self.path_values[number].name)
            {
                self.flat.push(FlatAttribute::of(root, key, owner));
            }
        }
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
        Err(Unresolved::Missing { missing: missing.join(", "), found: found.join(", ") })
    }

    /// The column of `field`, if the table has it.
    pub(crate) fn field(&self, field: Field) -> Option<&Mapped> {
        self.fields[field as usize].as_ref()
    }

    /// The unit of the numbers of `field`'s column.
    pub(crate) fn unit(&self, field: Field) -> Unit {
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
            let owner = if flat.owner == Owner::Resource { "resource attribute" } else { "attribute" };
            write!(f, "\n  {owner} {}", flat.key)?;
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
    /// Whether its value stands in the file's path.
    is_in_path: bool,
}

impl<'a> Columns<'a> {
    fn of(schema: &'a Schema, path_values: &[PartitionValue]) -> Self {
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
        for (number, value) in path_values.iter().enumerate() {
            let place = Place { root: schema.fields().len() + number, child: None };
            let column = Column::new(place, value.name.clone(), &DataType::Utf8);
            columns.push(Column { is_in_path: true, ..column });
        }
        Self(columns)
    }

    fn named(&self, name: &str, field: Field) -> Option<&Column<'a>> {
        self.0.iter().find(|column| column.name == name && column.can_hold(field))
    }

    /// Number of the root field of this name.
    fn root(&self, name: &str) -> Option<usize> {
        let mut roots = self.0.iter().filter(|column| column.place.child.is_none() && !column.is_in_path);
        roots.find(|column| column.name == name).map(|column| column.place.root)
    }

    fn variants(&self) -> Vec<String> {
        let mut names = Vec::new();
        for column in &self.0 {
            match column.data_type {
                DataType::Struct(fields) if is_variant(fields) => names.push(column.name.clone()),
                DataType::List(item) => {
                    if let DataType::Struct(fields) = item.data_type() {
                        let members = fields.iter().filter(|field| is_variant_type(field.data_type()));
                        names.extend(members.map(|field| format!("{}.{}", column.name, field.name())));
                    }
                }
                _ => {}
            }
        }
        names
    }

    /// The column of the file, or `in_path`, that `alias` leads to.
    fn find(&self, alias: &str, field: Field, in_path: bool) -> Option<&Column<'a>> {
        let is_it = |column: &&Column<'_>| column.is_in_path == in_path && column.normal_name == alias;
        self.0.iter().filter(is_it).find(|column| column.can_hold(field))
    }
}

impl<'a> Column<'a> {
    fn new(place: Place, name: String, data_type: &'a DataType) -> Self {
        Self { place, normal_name: normalised(&name), name, data_type, is_in_path: false }
    }

    fn can_hold(&self, field: Field) -> bool {
        can_hold(self.data_type, field) && (!self.is_in_path || PartitionValue::may_hold(field))
    }
}

pub(crate) fn normalised(name: &str) -> String {
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
        Field::TraceId | Field::SpanId | Field::ParentSpanId => match data_type {
            DataType::List(bytes) => bytes.data_type().is_integer(),
            DataType::FixedSizeBinary(_) | DataType::Int64 | DataType::UInt64 | DataType::Decimal128(_, 0) => true,
            _ => is_text,
        },
        Field::Start | Field::End | Field::Duration => {
            is_text
                || data_type.is_integer()
                || matches!(
                    data_type,
                    DataType::Timestamp(_, _) | DataType::Duration(_) | DataType::Float64 | DataType::Decimal128(_, _)
                )
                // Too coarse for an instant.
                || field == Field::Duration && *data_type == DataType::Float32
        }
        Field::Name
        | Field::Service
        | Field::StatusMessage
        | Field::TraceState
        | Field::ScopeName
        | Field::ScopeVersion
        | Field::RecordType => is_text,
        // Data frames make floating-point numbers of integers among which some are missing.
        Field::Kind | Field::Status => {
            is_text || data_type.is_integer() || data_type.is_floating() || *data_type == DataType::Boolean
        }
        Field::ScopeAttributes
        | Field::ResourceAttributes
        | Field::Attributes
        | Field::NumberAttributes
        | Field::BoolAttributes => match data_type {
            DataType::Struct(_) => !is_variant_type(data_type),
            DataType::List(item) => is_key_value(item.data_type()),
            _ => is_text || matches!(data_type, DataType::Map(_, _)),
        },
        Field::Events | Field::Links => match data_type {
            DataType::List(item) => {
                matches!(item.data_type(), DataType::Struct(_) | DataType::Utf8 | DataType::Binary)
            }
            _ => is_text,
        },
        Field::EventTimes | Field::LinkTraceIds | Field::LinkSpanIds => {
            is_text
                || data_type.is_integer()
                || matches!(data_type, DataType::List(_) | DataType::Timestamp(_, _) | DataType::FixedSizeBinary(_))
        }
        Field::EventNames | Field::LinkTraceStates => is_text || matches!(data_type, DataType::List(_)),
        Field::EventAttributes | Field::LinkAttributes => matches!(data_type, DataType::List(_)),
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
        _ => said.or(dialect.instants).or(Some(Unit::ByMagnitude)),
    }
}

/// The attribute that a column holds in which no field stands, if it holds one.
fn attribute_in(name: &str, data_type: &DataType, dialect: &Dialect) -> Option<(Owner, String)> {
    if let Some((_, key, owner)) = dialect.attributes.iter().find(|(column, _, _)| *column == name) {
        return Some((*owner, (*key).into()));
    }
    match dialect.others {
        Others::Attributes { but, but_affixed, key } => {
            let is_affixed = |affix: &&str| name.starts_with(affix) || name.ends_with(affix);
            (!but.contains(&name) && !but_affixed.iter().any(is_affixed)).then(|| key(name))
        }
        _ if name.starts_with(MATERIALISED) => None,
        _ if data_type.is_nested() && (!is_list_of_values(data_type) || is_of_events_or_links(name)) => None,
        Others::AttributesOfAnyName => {
            key_of_column(name).or_else(|| may_be_attribute(name).then(|| (Owner::Span, name.into())))
        }
        Others::AttributesByName | Others::Copies => key_of_column(name),
    }
}

/// Whether a column may hold an attribute although its name does not look like it: unless it says what a field does in
/// another column, or what OTLP has beside attributes, or numbers the rows of a data frame.
fn may_be_attribute(name: &str) -> bool {
    let name_of_field = normalised(name);
    let is_field = ALIASES.iter().any(|(_, _, aliases)| aliases.contains(&name_of_field.as_str()));
    let is_beside_attributes = matches!(name_of_field.as_str(), "flags" | "spanflags" | "traceflags")
        || name_of_field.ends_with("schemaurl")
        || name_of_field.starts_with("dropped") && name_of_field.ends_with("count");
    let is_row_number = matches!(name_of_field.as_str(), "" | "index" | "level0") || name.starts_with("Unnamed: ");
    !is_field && !is_beside_attributes && !is_row_number && !name.starts_with('_')
}

/// Whether this is what an attribute that is an array may have a column of.
fn is_list_of_values(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(item) if !item.data_type().is_nested())
}

/// Whether a column of lists by its name is one of those that together hold the events or the links of spans.
fn is_of_events_or_links(name: &str) -> bool {
    ["event", "link"].iter().any(|part| name.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part)))
}

/// What HyperDX puts before the names of columns that repeat an attribute.
const MATERIALISED: &str = "__hdx_materialized_";

/// The attribute that a column of this name holds, as far as the name tells.
fn key_of_column(name: &str) -> Option<(Owner, String)> {
    for (prefix, owner) in [
        ("span_attributes.", Owner::Span),
        ("spanattributes.", Owner::Span),
        ("attributes.", Owner::Span),
        ("resource_attributes.", Owner::Resource),
        ("resourceattributes.", Owner::Resource),
        ("resource.", Owner::Resource),
        ("scope_attributes.", Owner::Scope),
        ("scopeattributes.", Owner::Scope),
        ("scope.", Owner::Scope),
    ] {
        if let Some(start) = name.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix)) {
            return Some((owner, name[start.len()..].into()));
        }
    }
    let key = known_key(name);
    (is_key_of_span(key) || name.contains('.')).then(|| (Owner::Span, key.into()))
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
        Mapping::resolve(&schema, &schema, Vec::new(), false)
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
        let flat: Vec<(&str, Owner)> = mapping.flat.iter().map(|flat| (flat.key.as_str(), flat.owner)).collect();
        let expected =
            [("db.system", Owner::Span), ("http.request.method", Owner::Span), ("host.name", Owner::Resource)];
        assert_eq!(flat, expected);
    }

    /// A value in the path is a column, unless the file has one of that name or one that says the same.
    #[test]
    fn values_in_paths_are_columns() {
        let with = |more: &[(&str, DataType)]| {
            let columns = [
                ("trace_id", DataType::Utf8),
                ("span_id", DataType::Utf8),
                ("name", DataType::Utf8),
                ("start_time_unix_nano", DataType::Int64),
                ("duration_ns", DataType::Int64),
            ];
            let schema = schema(&[&columns[..], more].concat());
            let path = "date=2026-01-15/service_name=cart/start=7/db.system=redis/data.parquet";
            Mapping::resolve(&schema, &schema, PartitionValue::all_in(path.as_ref()), false).expect("resolvable")
        };
        let mapping = with(&[]);
        let place = |mapping: &Mapping, field| mapping.field(field).map(|column| column.place.root);
        assert_eq!((place(&mapping, Field::Service), place(&mapping, Field::Start)), (Some(6), Some(3)));
        let flat: Vec<(usize, &str)> = mapping.flat.iter().map(|flat| (flat.root, flat.key.as_str())).collect();
        assert_eq!(flat, [(8, "db.system")]);
        assert_eq!(place(&with(&[("service_name", DataType::Utf8)]), Field::Service), Some(5));
        assert_eq!(place(&with(&[("service", DataType::Utf8)]), Field::Service), Some(5));
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
        let unresolved = resolve(&[("TraceId", DataType::Utf8), ("Begin", DataType::Int64), ("End", DataType::Int64)])
            .expect_err("has no span ids");
        let Unresolved::Missing { missing, found } = unresolved else { panic!("{unresolved:?}") };
        assert_eq!(found, "TraceId, Begin, End");
        assert!(missing.starts_with("span id (spanid"), "{missing}");
    }
}
