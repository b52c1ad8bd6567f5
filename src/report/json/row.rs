//! Rows of tables as JSON objects, and JSON that is harmless when it is printed on a terminal.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use crate::detectors::{Cell, Column, Unit};
use crate::rank::{Rows, for_each_row};

use crate::report::text::sanitized::must_be_escaped;
use crate::report::text::units;

/// A row of a table.
pub(in crate::report) struct JsonRow<'a> {
    /// The table's name, if it comes first.
    pub(in crate::report) name: Option<&'static str>,
    /// The table's columns.
    pub(in crate::report) columns: &'a [Column],
    /// The values.
    pub(in crate::report) cells: &'a [&'a Cell],
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len() + usize::from(self.name.is_some())))?;
        if let Some(name) = self.name {
            map.serialize_entry("table", name)?;
        }
        for (column, cell) in self.columns.iter().zip(self.cells) {
            map.serialize_entry(column.name, &JsonCell { column, cell })?;
        }
        map.end()
    }
}

struct JsonCell<'a> {
    column: &'a Column,
    cell: &'a Cell,
}

impl Serialize for JsonCell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.cell {
            Cell::None => serializer.serialize_none(),
            Cell::Int(ns) if self.column.unit == Unit::Time => serializer.serialize_str(&units::time(*ns)),
            Cell::Int(value) => serializer.serialize_i64(*value),
            Cell::Float(value) => serializer.serialize_f64(*value),
            Cell::Flag(flag) => serializer.serialize_bool(*flag),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Names(names) => names.serialize(serializer),
            Cell::Ints(values) => values.serialize(serializer),
        }
    }
}

/// Writes a value on one line.
pub(in crate::report) fn write_compact(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(out, Escaping(CompactFormatter));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Writes a value with a line for each of its parts.
pub(in crate::report) fn write_pretty(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(out, Escaping(PrettyFormatter::new()));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Writes the rows of a table as an array, a line each.
pub(in crate::report) fn write_rows(out: &mut impl Write, table: &dyn Rows, top: usize) -> io::Result<()> {
    let columns = table.columns();
    let mut is_first = true;
    out.write_all(b"[")?;
    for_each_row(table, top, |cells| {
        out.write_all(if is_first { b"\n" } else { b",\n" })?;
        is_first = false;
        write_compact(out, &JsonRow { name: None, columns, cells })
    })?;
    out.write_all(if is_first { b"]" } else { b"\n]" })
}

/// Escapes what JSON allows in strings but a terminal obeys; who parses it gets the same strings.
struct Escaping<F>(F);

impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, character)) = rest.char_indices().find(|&(_, character)| must_be_escaped(character)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + character.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_key(writer)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is parsed is what was written, and nothing on the way steers a terminal.
    #[test]
    fn strings_are_escaped_and_stay_the_same() {
        let name = "a\u{1b}[2J\u{9b}\u{202e}\"\\\u{e0041}ü";
        let mut out = Vec::new();
        write_compact(&mut out, &name).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.chars().any(must_be_escaped), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), name);
    }
}
