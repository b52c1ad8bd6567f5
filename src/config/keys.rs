//! A table of the configuration file, read key by key.
//!
//! Whoever reads a table asks for every key that there is; what is in the table beyond them is unknown. So the keys stand
//! once, where they are read, and every problem has its place in the file, because the values still have theirs.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use clap::ValueEnum;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, FileProblem};
use super::values::Form;
use crate::conventions::{ListForm, THE_OTHERS};

/// A configuration file as it is written.
pub(super) struct FileText<'a> {
    /// The file.
    pub(super) path: &'a Path,
    /// What is in it.
    pub(super) text: &'a str,
    /// The keys in it that were asked for, with those of the tables that they are in.
    pub(super) written: RefCell<BTreeSet<String>>,
}

impl<'a> FileText<'a> {
    /// A file of which nothing was asked so far.
    pub(super) fn new(path: &'a Path, text: &'a str) -> Self {
        Self { path, text, written: RefCell::default() }
    }

    /// The error that there is a problem at a byte of the text.
    pub(super) fn error(&self, byte: usize, problem: FileProblem) -> ConfigError {
        let before = &self.text[..self.text.floor_char_boundary(byte)];
        let start_of_line = before.rfind('\n').map_or(0, |end| end + 1);
        // A byte order mark is no character of the first line.
        let column = before[start_of_line..].trim_start_matches('\u{feff}').chars().count() + 1;
        let line = self.line_of(byte);
        ConfigError::InFile { path: self.path.to_owned(), line, column, problem: Box::new(problem) }
    }

    /// The line of a byte, from 1.
    fn line_of(&self, byte: usize) -> usize {
        self.text[..self.text.floor_char_boundary(byte)].matches('\n').count() + 1
    }

    /// A value as it is written, where that is short.
    fn given(&self, value: &Spanned<DeValue<'_>>) -> String {
        const LONGEST: usize = 40;
        let written = self.text.get(value.span()).unwrap_or_default();
        let is_plain = !written.is_empty() && written.len() <= LONGEST && !written.contains(char::is_control);
        let kind = || match value.get_ref() {
            DeValue::String(_) => "such a text",
            DeValue::Integer(_) | DeValue::Float(_) => "such a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        match value.get_ref() {
            // The text of a table may be that of its header only.
            DeValue::Table(_) => kind().to_owned(),
            _ if is_plain => written.to_owned(),
            _ => kind().to_owned(),
        }
    }
}

/// A table and the keys that were asked for.
pub(super) struct Keys<'a> {
    file: &'a FileText<'a>,
    /// What it is called in messages; empty for the whole file.
    name: String,
    /// Where it begins.
    start: usize,
    table: &'a DeTable<'a>,
    asked: Vec<&'static str>,
}

impl<'a> Keys<'a> {
    /// Those of the whole file.
    pub(super) fn of_file(file: &'a FileText<'a>, table: &'a DeTable<'a>) -> Self {
        Self { file, name: String::new(), start: 0, table, asked: Vec::new() }
    }

    fn find(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.push(key);
        let is_there = self.table.iter().any(|(known, _)| known.get_ref() == key);
        if is_there {
            let dot = if self.name.is_empty() { "" } else { "." };
            self.file.written.borrow_mut().insert(format!("{}{dot}{key}", self.name));
        }
        self.table.iter().find(|(known, _)| known.get_ref() == key).map(|(_, value)| value)
    }

    fn wrong_value(&self, key: &str, form: &str, value: &Spanned<DeValue<'_>>) -> ConfigError {
        let (key, table) = (key.to_owned(), self.name.clone());
        let problem = FileProblem::WrongValue { key, table, form: form.to_owned(), given: self.file.given(value) };
        self.file.error(value.span().start, problem)
    }

    /// The value of a key, of which `read` makes something if it has the form.
    ///
    /// # Errors
    /// If it has not.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        form: &str,
        read: impl FnOnce(&DeValue<'_>) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.find(key) else { return Ok(None) };
        read(value.get_ref()).map(Some).ok_or_else(|| self.wrong_value(key, form, value))
    }

    /// A value that is written as text.
    ///
    /// # Errors
    /// If it is not, or the text has not the form.
    pub(super) fn text<T>(&mut self, key: &'static str, form: &Form<T>) -> Result<Option<T>, ConfigError> {
        self.value(key, form.told, |value| (form.parse)(value.as_str()?))
    }

    /// A number that is written as one.
    ///
    /// # Errors
    /// If it is not, or has not the form.
    pub(super) fn number<T>(&mut self, key: &'static str, form: &Form<T>) -> Result<Option<T>, ConfigError> {
        self.value(key, form.told, |value| (form.parse)(&number_text(value)?))
    }

    /// One of the words that a type has for its values.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn choice<T: ValueEnum>(&mut self, key: &'static str) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.find(key) else { return Ok(None) };
        let named = |variant: &T| variant.to_possible_value().map(|value| value.get_name().to_owned());
        let known: Vec<String> = T::value_variants().iter().filter_map(named).collect();
        let word = self.word(key, value, "a text", &known)?;
        Ok(T::value_variants().iter().find(|variant| named(variant).as_ref() == Some(&word)).cloned())
    }

    /// A list of words, all of them known.
    ///
    /// # Errors
    /// If it is no list, or a word is not known.
    pub(super) fn words(&mut self, key: &'static str, known: &[String]) -> Result<Option<Vec<String>>, ConfigError> {
        self.list(key, |keys, item| keys.word(key, item, TEXTS, known))
    }

    /// A list of texts that all have the form.
    ///
    /// # Errors
    /// If it is no list, or a text has not the form.
    pub(super) fn forms<T>(&mut self, key: &'static str, form: &Form<T>) -> Result<Option<Vec<T>>, ConfigError> {
        self.list(key, |keys, item| {
            let read = item.get_ref().as_str().and_then(form.parse);
            read.ok_or_else(|| keys.wrong_value(key, form.told, item))
        })
    }

    /// A list of any texts but empty ones, in which [`THE_OTHERS`] stands for the `usual` ones.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn texts(&mut self, key: &'static str, usual: Vec<String>) -> Result<Vec<String>, ConfigError> {
        let texts = self.list(key, |keys, item| {
            let text = item.get_ref().as_str().filter(|text| !text.trim().is_empty());
            text.map(str::to_owned).ok_or_else(|| keys.wrong_value(key, TEXTS_AND_OTHERS, item))
        })?;
        let Some(texts) = texts else { return Ok(usual) };
        let all = texts.into_iter().flat_map(|text| if text == THE_OTHERS { usual.clone() } else { vec![text] });
        Ok(all.collect())
    }

    /// The entries of a list of a form, which may be [`THE_OTHERS`].
    ///
    /// # Errors
    /// If it is no list, or a text is no entry.
    pub(super) fn entries(&mut self, key: &'static str, form: ListForm) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(value) = self.find(key) else { return Ok(None) };
        let items = value.get_ref().as_array().ok_or_else(|| self.wrong_value(key, form.told(), value))?;
        let entry = |item: &Spanned<DeValue<'_>>| {
            let text = item.get_ref().as_str();
            let entry = text.filter(|text| text.trim() == THE_OTHERS || form.entry(text).is_some());
            entry.map(str::to_owned).ok_or_else(|| self.wrong_value(key, form.told(), item))
        };
        items.iter().map(entry).collect::<Result<_, _>>().map(Some)
    }

    fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Self, &Spanned<DeValue<'_>>) -> Result<T, ConfigError>,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let Some(value) = self.find(key) else { return Ok(None) };
        let items = value.get_ref().as_array().ok_or_else(|| self.wrong_value(key, TEXTS, value))?;
        items.iter().map(|item| read(self, item)).collect::<Result<_, _>>().map(Some)
    }

    fn word(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        form: &str,
        known: &[String],
    ) -> Result<String, ConfigError> {
        let word = value.get_ref().as_str().ok_or_else(|| self.wrong_value(key, form, value))?;
        if known.iter().any(|known| known == word) {
            return Ok(word.to_owned());
        }
        let problem = FileProblem::UnknownWord { key: key.to_owned(), word: word.to_owned(), known: known.to_vec() };
        Err(self.file.error(value.span().start, problem))
    }

    /// A table within this one.
    ///
    /// # Errors
    /// If the key's value is none.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<Self>, ConfigError> {
        let Some(value) = self.find(key) else { return Ok(None) };
        let table = value.get_ref().as_table().ok_or_else(|| self.wrong_value(key, "a table", value))?;
        Ok(Some(self.within(key.to_owned(), value.span().start, table)))
    }

    fn within(&self, name: String, start: usize, table: &'a DeTable<'a>) -> Self {
        Self { file: self.file, name, start, table, asked: Vec::new() }
    }

    /// The tables of a list of tables, in their order.
    ///
    /// # Errors
    /// If the key's value is none.
    pub(super) fn tables(&mut self, key: &'static str) -> Result<Vec<Self>, ConfigError> {
        let Some(value) = self.find(key) else { return Ok(Vec::new()) };
        let items = value.get_ref().as_array().ok_or_else(|| self.wrong_value(key, TABLES, value))?;
        let table = |item: &'a Spanned<DeValue<'a>>| {
            let table = item.get_ref().as_table().ok_or_else(|| self.wrong_value(key, TABLES, item))?;
            Ok(self.within(key.to_owned(), item.span().start, table))
        };
        items.iter().map(table).collect()
    }

    /// The tables within a table that have names of any kind, in the order of the file.
    ///
    /// # Errors
    /// If the key's value is no table, or holds something else.
    pub(super) fn named_tables(&mut self, key: &'static str) -> Result<Vec<(String, Self)>, ConfigError> {
        let Some(named) = self.table(key)? else { return Ok(Vec::new()) };
        let table = |(name, value): (&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>)| {
            let name = name.get_ref().to_string();
            let table = value.get_ref().as_table().ok_or_else(|| named.wrong_value(&name, "a table", value))?;
            let within = named.within(format!("{key}.{name:?}"), value.span().start, table);
            Ok((name, within))
        };
        let mut tables = named.table.iter().map(table).collect::<Result<Vec<_>, _>>()?;
        tables.sort_by_key(|(_, table)| table.start);
        Ok(tables)
    }

    /// The line in which the table begins, from 1.
    pub(super) fn line(&self) -> usize {
        self.file.line_of(self.start)
    }

    /// The problem that a table as a whole has.
    pub(super) fn error(&self, problem: FileProblem) -> ConfigError {
        self.file.error(self.start, problem)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// If the table has a key that was not asked for: the first of them.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let unknown = self.table.keys().filter(|key| !self.asked.contains(&key.get_ref().as_ref()));
        let Some(first) = unknown.min_by_key(|key| key.span().start) else { return Ok(()) };
        let problem = FileProblem::UnknownKey {
            key: first.get_ref().to_string(),
            table: self.name.clone(),
            known: self.asked.into_iter().map(str::to_owned).collect(),
        };
        Err(self.file.error(first.span().start, problem))
    }
}

const TEXTS: &str = "a list of texts";
const TEXTS_AND_OTHERS: &str = "a list of texts, in which \"...\" stands for the usual ones";
const TABLES: &str = "a list of tables";

/// A number in decimal.
pub(super) fn number_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::Integer(number) => Some(i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string()),
        DeValue::Float(number) => Some(number.as_str().parse::<f64>().ok()?.to_string()),
        _ => None,
    }
}
