//! Events and links of a span in the shapes that tables give them: lists side by side (`Events.Name`, …), a list of
//! structs, or JSON text.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use serde_json::Value as Json;

use super::ids::{Id, id_at, of_text};
use super::times::{Unit, read_times, time_of_text};
use crate::ingest::json::attributes::{attributes_of_json, parse_object, value_of_json};
use crate::ingest::parquet::file::cells::{attributes_at, list_at, text_at};
use crate::ingest::parquet::file::json_attributes::attributes_of;
use crate::span::{Event, KeyValue, Link, REF_TYPE, SpanId, Value, is_exception};

/// The columns of one batch that hold events, as far as the table has them.
#[derive(Debug, Default)]
pub(crate) struct EventColumns<'a> {
    /// Lists of structs or JSON texts, or one JSON text.
    pub(crate) whole: Option<&'a ArrayRef>,
    /// Lists of times, or the time of the only event.
    pub(crate) times: Option<&'a ArrayRef>,
    /// Lists of names, or the name of the only event.
    pub(crate) names: Option<&'a ArrayRef>,
    /// Lists of attributes, each a map or JSON text.
    pub(crate) attributes: Option<&'a ArrayRef>,
}

impl<'a> EventColumns<'a> {
    /// The events of the span at `row`.
    pub(crate) fn at(&self, row: usize) -> Vec<Event<'a>> {
        if let Some(names) = self.names.or(self.times) {
            return (0..length_at(names, row))
                .map(|item| Event {
                    time_unix_nano: item_of(self.times, row, item).map_or(0, |(times, at)| instant_at(times, at)),
                    name: item_of(self.names, row, item).map_or(Cow::Borrowed(""), |(names, at)| text_at(names, at)),
                    attributes: item_of(self.attributes, row, item)
                        .map(|(attributes, at)| attributes_at(attributes, at))
                        .unwrap_or_default(),
                })
                .collect();
        }
        items_at(self.whole, row)
            .into_iter()
            .map(|item| {
                named(Event {
                    time_unix_nano: item.instant(&EVENT_TIME),
                    name: item.text(&EVENT_NAME),
                    attributes: item.attributes(),
                })
            })
            .collect()
    }

    /// The exceptions among the events of the span at `row`.
    pub(crate) fn exceptions_at(&self, row: usize) -> impl Iterator<Item = Event<'a>> {
        let events = if self.may_have_exception(row) { self.at(row) } else { Vec::new() };
        events.into_iter().filter(Event::is_exception)
    }

    /// Whether the span at `row` may have an event that tells of an exception: false only if it has none.
    pub(crate) fn may_have_exception(&self, row: usize) -> bool {
        match (self.names, self.whole) {
            (Some(names), _) => (0..length_at(names, row)).any(|item| {
                item_of(Some(names), row, item).is_some_and(|(names, at)| is_exception(&text_at(names, at)))
            }),
            (None, Some(whole)) => match whole.data_type() {
                DataType::List(_) => length_at(whole, row) > 0,
                _ => {
                    let text = text_at(whole, row);
                    text.contains("exception") || text.contains("error")
                }
            },
            (None, None) => false,
        }
    }
}

/// The columns of one batch that hold links, as far as the table has them.
#[derive(Debug, Default)]
pub(crate) struct LinkColumns<'a> {
    /// Lists of structs or JSON texts, or one JSON text.
    pub(crate) whole: Option<&'a ArrayRef>,
    /// Lists of trace ids, or the trace id of the only link.
    pub(crate) trace_ids: Option<&'a ArrayRef>,
    /// Lists of span ids, or the span id of the only link.
    pub(crate) span_ids: Option<&'a ArrayRef>,
    /// Lists of trace states, or the trace state of the only link.
    pub(crate) trace_states: Option<&'a ArrayRef>,
    /// Lists of attributes, each a map or JSON text.
    pub(crate) attributes: Option<&'a ArrayRef>,
}

impl<'a> LinkColumns<'a> {
    /// The links of the span at `row`.
    pub(crate) fn at(&self, row: usize) -> Vec<Link<'a>> {
        if let Some(ids) = self.trace_ids.or(self.span_ids) {
            return (0..length_at(ids, row))
                .map(|item| Link {
                    trace_id: item_of(self.trace_ids, row, item).map(|(ids, at)| id_at(ids, at)).unwrap_or_default(),
                    span_id: item_of(self.span_ids, row, item).map(|(ids, at)| id_at(ids, at)).unwrap_or_default(),
                    trace_state: item_of(self.trace_states, row, item)
                        .map_or(Cow::Borrowed(""), |(states, at)| text_at(states, at)),
                    attributes: item_of(self.attributes, row, item)
                        .map(|(attributes, at)| attributes_at(attributes, at))
                        .unwrap_or_default(),
                })
                .collect();
        }
        items_at(self.whole, row)
            .into_iter()
            .filter(|item| item.text(&[REFERENCE]) != CHILD_OF)
            .map(|item| {
                let mut attributes = item.attributes();
                // That the span does not wait for it, nothing else says.
                if item.text(&[REFERENCE]) == FOLLOWS_FROM && attributes.iter().all(|known| known.key != REF_TYPE) {
                    attributes.push(KeyValue { key: REF_TYPE.into(), value: Value::Str("follows_from".into()) });
                }
                Link {
                    trace_id: item.id(&["traceid"]),
                    span_id: item.id(&["spanid"]),
                    trace_state: item.text(&["tracestate"]),
                    attributes,
                }
            })
            .collect()
    }

    /// How a link of the span at `row` to its parent says that the span refers to it.
    pub(crate) fn ref_type_at(&self, row: usize, parent: SpanId) -> Option<String> {
        if !self.may_have_ref_type(row) {
            return None;
        }
        let links = self.at(row);
        let to_parent = links.iter().filter(|link| link.span_id == parent);
        let mut ref_types = to_parent.flat_map(|link| &link.attributes).filter(|attribute| attribute.key == REF_TYPE);
        ref_types.next_back().map(|attribute| attribute.value.to_text().into_owned())
    }

    /// Whether a link of the span at `row` may have an attribute [`REF_TYPE`]: false only if none has it.
    pub(crate) fn may_have_ref_type(&self, row: usize) -> bool {
        if self.trace_ids.or(self.span_ids).is_some() {
            return self.attributes.is_some_and(|attributes| length_at(attributes, row) > 0);
        }
        self.whole.is_some_and(|whole| match whole.data_type() {
            DataType::List(_) => length_at(whole, row) > 0,
            // The JSON may have the key's parts as objects within each other.
            _ => {
                let text = text_at(whole, row);
                text.contains("ref_type") || text.contains(FOLLOWS_FROM)
            }
        })
    }
}

/// The names of members, lower-case and without `_`.
const EVENT_TIME: [&str; 4] = ["timeunixnano", "timestamp", "time", "eventtimestampnanos"];
const EVENT_NAME: [&str; 2] = ["name", "eventname"];

const ATTRIBUTES: [&str; 7] =
    ["attributes", "attrs", "attributemap", "eventattributes", "spanlinkattributes", "linkattributes", "fields"];

/// Where Jaeger and SigNoz say what a link is; they have one for the parent too.
const REFERENCE: &str = "reftype";
const CHILD_OF: &str = "CHILD_OF";
const FOLLOWS_FROM: &str = "FOLLOWS_FROM";

/// The parent of the span at `row` of a column of references: what it is a child of, or else what it follows from.
pub(crate) fn parent_in(references: &ArrayRef, row: usize) -> Option<SpanId> {
    let items = items_at(Some(references), row);
    let refer = |how: &str| items.iter().find(|item| item.text(&[REFERENCE]).eq_ignore_ascii_case(how));
    refer(CHILD_OF).or_else(|| refer(FOLLOWS_FROM)).map(|item| item.id(&["spanid"]))
}

/// The event, with the name that Jaeger's logs have among their fields.
fn named(mut event: Event<'_>) -> Event<'_> {
    if event.name.is_empty()
        && let Some(place) = event.attributes.iter().position(|attribute| attribute.key == "event")
    {
        event.name = event.attributes.remove(place).value.to_text().into_owned().into();
    }
    event
}

/// Members that are no attributes where attributes stand among them.
const NO_ATTRIBUTES: [&str; 8] =
    ["traceid", "spanid", "tracestate", "context", "flags", "iserror", "droppedattributescount", REFERENCE];

/// How many items the list at `row` has. A single value counts as a list of itself.
fn length_at(list: &ArrayRef, row: usize) -> usize {
    match list.as_list_opt::<i32>() {
        Some(list) => list_at(list, row).1.len(),
        None => usize::from(!text_at(list, row).is_empty()),
    }
}

/// Item number `item` of the list at `row`: the array that holds it and its place there.
fn item_of(list: Option<&ArrayRef>, row: usize, item: usize) -> Option<(&ArrayRef, usize)> {
    match list?.as_list_opt::<i32>() {
        Some(list) => {
            let (values, mut range) = list_at(list, row);
            Some((values, range.nth(item)?))
        }
        None => (item == 0).then_some((list?, row)),
    }
}

fn instant_at(times: &ArrayRef, at: usize) -> u64 {
    let mut instants = Vec::new();
    read_times(&times.slice(at, 1), Unit::ByMagnitude, &mut instants);
    instants.first().copied().flatten().map_or(0, |instant| instant as u64)
}

/// One event or link that is a struct or a JSON object. Members are found by their lower-case names without `_`.
enum Item<'a> {
    Struct(&'a ArrayRef, usize),
    Json(serde_json::Map<String, Json>),
}

fn items_at(whole: Option<&ArrayRef>, row: usize) -> Vec<Item<'_>> {
    let Some(whole) = whole else {
        return Vec::new();
    };
    if let Some(list) = whole.as_list_opt::<i32>() {
        let (values, range) = list_at(list, row);
        return match values.data_type() {
            DataType::Struct(_) => range.map(|at| Item::Struct(values, at)).collect(),
            _ => range.filter_map(|at| item_of_text(&text_at(values, at))).collect(),
        };
    }
    match serde_json::from_str(&text_at(whole, row)) {
        Ok(Json::Array(items)) => items
            .into_iter()
            .filter_map(|item| match item {
                Json::Object(members) => Some(Item::Json(members)),
                Json::String(text) => item_of_text(&text),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn item_of_text<'a>(text: &str) -> Option<Item<'a>> {
    parse_object(text).map(Item::Json)
}

fn is_named(name: &str, names: &[&str]) -> bool {
    let plain: String = name.chars().filter(|&c| c != '_').map(|c| c.to_ascii_lowercase()).collect();
    names.contains(&plain.as_str())
}

impl<'a> Item<'a> {
    fn member(&self, names: &[&str]) -> Option<Member<'a, '_>> {
        match self {
            Self::Struct(values, at) => {
                let values: &'a ArrayRef = values;
                let members = values.as_struct_opt()?;
                let number = members.fields().iter().position(|field| is_named(field.name(), names))?;
                Some(Member::Cell(&members.columns()[number], *at))
            }
            Self::Json(members) => {
                // OpenObserve keeps the ids of a link in an object of their own.
                let context = members.get("context").and_then(Json::as_object).into_iter().flatten();
                let mut all = members.iter().chain(context);
                all.find(|(name, _)| is_named(name, names)).map(|(_, member)| Member::Json(member))
            }
        }
    }

    fn text(&self, names: &[&str]) -> Cow<'a, str> {
        match self.member(names) {
            Some(Member::Cell(column, at)) => text_at(column, at),
            Some(Member::Json(member)) => Cow::Owned(value_of_json(member.clone()).to_text().into_owned()),
            None => Cow::Borrowed(""),
        }
    }

    fn instant(&self, names: &[&str]) -> u64 {
        match self.member(names) {
            Some(Member::Cell(column, at)) => instant_at(column, at),
            Some(Member::Json(member)) => {
                let text = value_of_json(member.clone()).to_text().into_owned();
                time_of_text(&text, Unit::ByMagnitude).map_or(0, |instant| instant as u64)
            }
            None => 0,
        }
    }

    fn id<T: Id>(&self, names: &[&str]) -> T {
        match self.member(names) {
            Some(Member::Cell(column, at)) => id_at(column, at),
            Some(Member::Json(Json::String(text))) => of_text(text).0,
            _ => T::default(),
        }
    }

    fn attributes(&self) -> Vec<KeyValue<'a>> {
        match (self.member(&ATTRIBUTES), self) {
            (Some(Member::Cell(column, at)), _) => attributes_at(column, at),
            (Some(Member::Json(json)), _) => attributes_of(json.clone()),
            (None, Self::Json(members)) => {
                let is_attribute = |name: &str| {
                    ![&EVENT_TIME[..], &EVENT_NAME, &NO_ATTRIBUTES].iter().any(|names| is_named(name, names))
                };
                let attributes = members.iter().filter(|(name, _)| is_attribute(name));
                attributes_of_json(attributes.map(|(name, member)| (name.clone(), member.clone())).collect())
            }
            _ => Vec::new(),
        }
    }
}

enum Member<'a, 'b> {
    Cell(&'a ArrayRef, usize),
    Json(&'b Json),
}
