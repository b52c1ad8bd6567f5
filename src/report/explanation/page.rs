//! What a page of documentation holds. What is declared elsewhere (columns, thresholds) is taken from there.

use std::borrow::Cow;

use crate::detectors::{CatalogEntry, Column, Threshold, Unit};

/// A page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// What it is asked for by.
    pub(crate) name: &'static str,
    /// What it is about, in a line without a full stop.
    pub(crate) summary: &'static str,
    /// The sentence that it begins with.
    pub(crate) opening: String,
    /// Markdown, with headings of the second level.
    pub(crate) documentation: &'static str,
    /// Thresholds, of a detector.
    pub(crate) thresholds: Vec<Threshold>,
    /// Tables that it is about.
    pub(crate) tables: Vec<ExplainedTable>,
    /// Documents that it is about.
    pub(crate) documents: Vec<ExplainedDocument>,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct ExplainedTable {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its columns.
    pub(crate) columns: Vec<Column>,
}

/// A document of nested fields.
#[derive(Clone, Debug)]
pub(crate) struct ExplainedDocument {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Its fields.
    pub(crate) fields: Vec<Field>,
}

/// A field of a document.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Names from the outside in, with dots between; `[]` behind those of lists, `{…}` for names that are data.
    pub(crate) path: Cow<'static, str>,
    /// What its values are; empty where they are objects.
    pub(crate) unit: &'static str,
    /// What it means.
    pub(crate) doc: Cow<'static, str>,
}

impl Page {
    /// The page of a detector.
    pub(crate) fn of_detector(entry: CatalogEntry) -> Self {
        let CatalogEntry { description, thresholds, columns } = entry;
        Self {
            name: description.name,
            summary: description.summary,
            opening: format!("Finds {}.", description.summary),
            documentation: description.documentation,
            thresholds,
            tables: vec![ExplainedTable { name: description.table, columns }],
            documents: Vec::new(),
        }
    }

    /// A page about tables.
    pub(crate) fn of_tables(
        name: &'static str,
        summary: &'static str,
        documentation: &'static str,
        tables: Vec<ExplainedTable>,
    ) -> Self {
        let mut opening = summary.to_owned();
        opening[..1].make_ascii_uppercase();
        opening.push('.');
        Self { name, summary, opening, documentation, thresholds: Vec::new(), tables, documents: Vec::new() }
    }

    /// What a threshold means and how it is set.
    pub(in crate::report) fn threshold_in_words(&self, threshold: &Threshold) -> String {
        let Threshold { name, doc, kind, default, option } = threshold;
        let doc = doc.trim_end_matches('.');
        let option = option.map_or(String::new(), |option| format!("; option --{option} N"));
        format!(
            "{doc}, {}. Default {default}{option}; --set {detector}.{name}=VALUE; key {name} of [{detector}] in \
             tracescan.toml",
            kind.form(),
            detector = self.name
        )
    }
}

/// What the values of a column are.
pub(in crate::report) fn unit_in_words(unit: Unit) -> &'static str {
    match unit {
        Unit::Text => "text",
        Unit::Id => "id",
        Unit::Count => "whole number",
        Unit::Nanoseconds => "ns",
        Unit::Share => "0 to 1",
        Unit::Number => "number",
        Unit::Flag => "yes or no",
        Unit::Time => "time (UTC)",
        Unit::Names => "list of texts",
        Unit::Durations => "list of ns",
    }
}
