//! Tables that are named elsewhere than in a query text: in its summary, in an attribute of their own, in the span's name, or
//! as the beginning of keys.

use std::borrow::Cow;

use super::operations::{Access, access_of_operation};
use super::table_name::{TableName, TableUse};
use crate::conventions::words::{WordList, is_one_of};

/// Words of SQL that may stand anywhere in a summary.
const VERBS: [&str; 14] = [
    "select", "insert", "update", "delete", "merge", "replace", "upsert", "truncate", "create", "alter", "drop",
    "call", "exec", "execute",
];

/// Words and signs that a summary may take over from its statement, and that name no table.
const NO_TABLES: [&str; 6] = ["table", "tables", "into", "from", "only", "*"];

/// The words of a summary, without the signs around them. What is in quotes is one.
fn words_of_summary(summary: &str) -> impl Iterator<Item = &str> {
    let mut closing = None;
    let parts = summary.split(move |c: char| {
        match (closing, c) {
            (Some(end), c) if c == end => closing = None,
            (None, '"' | '`') => closing = Some(c),
            (None, '[') => closing = Some(']'),
            _ => {}
        }
        closing.is_none() && c.is_whitespace()
    });
    let words = parts.map(|word| word.trim_matches(|c| matches!(c, ';' | ',' | '(' | ')')));
    words.filter(|word| !word.is_empty())
}

/// Whether the word at a place of a summary says what is done.
fn is_verb(place: usize, word: &str) -> bool {
    place == 0 || is_one_of(word, &VERBS) || is_one_of(word, &["batch"])
}

/// The verb of a summary that says what its call does: the first that writes, else the first that says anything.
pub(crate) fn verb_of_summary(summary: &str) -> Option<&str> {
    let verbs = words_of_summary(summary).enumerate().filter(|&(place, word)| is_verb(place, word));
    let known: Vec<_> = verbs.filter_map(|(_, word)| Some((word, access_of_operation(word)?))).collect();
    let writing = known.iter().find(|(_, access)| *access == Access::Write);
    writing.or(known.first()).map(|&(word, _)| word)
}

/// The tables of a summary such as `INSERT orders SELECT stock`: verbs say what is done with those behind them.
pub(crate) fn tables_of_summary(summary: &str) -> Vec<TableUse> {
    let mut tables: Vec<TableUse> = Vec::new();
    let mut access = None;
    for (place, word) in words_of_summary(summary).enumerate() {
        if is_verb(place, word) {
            access = access_of_operation(word).or(access);
            continue;
        }
        if is_one_of(word, &NO_TABLES) || access == Some(Access::Nothing) {
            continue;
        }
        let is_written = access == Some(Access::Write);
        let Some(name) = TableName::of_text(word) else { continue };
        match tables.iter_mut().find(|table| table.name == name) {
            Some(known) => known.is_written |= is_written,
            None => tables.push(TableUse { name, is_written }),
        }
    }
    tables
}

/// The names that an attribute lists, as people write them: with commas between where the attribute is an array, which is JSON.
pub(crate) fn listed_names(listed: &str) -> Cow<'_, str> {
    let names = serde_json::from_str::<Vec<String>>(listed).ok().filter(|names| !names.is_empty());
    names.map_or(Cow::Borrowed(listed), |names| Cow::Owned(names.join(", ")))
}

/// The tables that an attribute lists: one, or several as JSON has them.
pub(crate) fn listed_tables(listed: &str, is_written: bool) -> Vec<TableUse> {
    let listed = listed.trim();
    let names: Vec<Option<TableName>> = match listed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) if inside.contains('"') => inside.split(',').map(|name| TableName::of_text(name.trim())).collect(),
        _ => vec![TableName::of_text(listed)],
    };
    names.into_iter().flatten().map(|name| TableUse { name, is_written }).collect()
}

/// The table of a span's name such as `SELECT shop.orders`.
pub(crate) fn tables_of_name(name: &str) -> Vec<TableUse> {
    let mut words = name.split_whitespace();
    let (Some(verb), Some(table), None) = (words.next(), words.next(), words.next()) else { return Vec::new() };
    let access = access_of_operation(verb).filter(|&access| access != Access::Nothing && table.contains('.'));
    let name = access.and_then(|_| TableName::of_text(table));
    name.map(|name| TableUse { name, is_written: access == Some(Access::Write) }).into_iter().collect()
}

/// What the keys of a command begin with, as the name of a table: `cart:*` for `GET cart:17`. None if it is one of `common` ones,
/// which say nothing of whose data it is.
pub(crate) fn key_prefix(command: &str, common: &WordList) -> Option<TableUse> {
    const LENGTHS: std::ops::RangeInclusive<usize> = 2..=41;
    let key = command.split_whitespace().nth(1)?;
    let prefix = &key[..key.find([':', '|'])?];
    let is_name = prefix.starts_with(|c: char| c.is_ascii_alphabetic())
        && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && LENGTHS.contains(&prefix.len());
    let name = (is_name && !common.has(prefix)).then(|| format!("{prefix}:*"))?;
    Some(TableUse { name: TableName::of_parts([name.as_str()])?, is_written: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::NameLists;

    #[test]
    fn summaries_say_what_is_done() {
        for (summary, verb) in [
            ("INSERT orders", Some("INSERT")),
            ("BATCH INSERT orders", Some("INSERT")),
            ("SELECT stock INSERT orders", Some("INSERT")),
            ("select stock SELECT orders", Some("select")),
            ("create table orders;", Some("create")),
            ("orders update", Some("update")),
            ("orders", None),
            ("", None),
        ] {
            assert_eq!(verb_of_summary(summary), verb, "{summary}");
        }
    }

    /// Tables as printed, those that are written with a `!`.
    fn printed(tables: &[TableUse]) -> String {
        let one =
            |table: &TableUse| format!("{}{}", table.name.printed("shop"), if table.is_written { "!" } else { "" });
        tables.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn summaries_switch_between_reading_and_writing() {
        for (summary, tables) in [
            ("SELECT orders", "orders"),
            ("INSERT orders SELECT shop.stock", "orders! stock"),
            ("SELECT orders; DELETE \"cart\"", "orders cart!"),
            ("find orders", "orders"),
            ("insert stock.items", "stock.items!"),
            ("BATCH INSERT orders", "orders!"),
            ("CREATE TABLE orders", ""),
            ("TRUNCATE TABLE orders", "orders!"),
            ("INSERT INTO orders SELECT * FROM stock", "orders! stock"),
            ("INSERT \"order items\" SELECT [dbo].[all items]", "order items! all items"),
            ("DELETE `order items", "order items!"),
            ("EXECUTE dbo.GetOrders", ""),
            ("CALL refresh", ""),
            ("SELECT", ""),
            ("", ""),
        ] {
            assert_eq!(printed(&tables_of_summary(summary)), tables, "{summary}");
        }
    }

    #[test]
    fn attributes_and_names_name_tables() {
        for (listed, names) in [
            ("orders", "orders"),
            ("[\"orders\"]", "orders"),
            ("[\"orders\",\"Shop.Items\"]", "orders, Shop.Items"),
            ("[ \"orders\" , \"items\" ]", "orders, items"),
            ("[dbo].[orders]", "[dbo].[orders]"),
            ("[\"orders", "[\"orders"),
            ("[1]", "[1]"),
            ("[]", "[]"),
            ("", ""),
        ] {
            assert_eq!(listed_names(listed), names);
        }
        assert_eq!(printed(&listed_tables("orders", true)), "orders!");
        assert_eq!(printed(&listed_tables("[\"Orders\", \"items\"]", false)), "orders items");
        assert_eq!(printed(&listed_tables("[dbo].[orders]", false)), "orders");
        for (name, tables) in [
            ("SELECT shop.orders", "orders"),
            ("INSERT stock.items", "stock.items!"),
            ("find shop.orders", "orders"),
            // Only the namespace.
            ("SELECT shop", ""),
            ("CREATE shop.orders", ""),
            ("mongodb shop.orders", ""),
            ("SELECT a.b from x", ""),
        ] {
            assert_eq!(printed(&tables_of_name(name)), tables, "{name}");
        }
    }

    #[test]
    fn keys_have_prefixes() {
        for (command, prefix) in [
            ("GET cart:17", Some("cart:*")),
            ("HGETALL Cart-items|?", Some("cart-items:*")),
            ("GET a:1", None),
            ("GET session:17", None),
            ("GET 17:cart", None),
            ("GET ca?t:1", None),
            ("GET cart", None),
            ("GET", None),
            ("", None),
        ] {
            let common = NameLists::default().common_key_prefixes;
            assert_eq!(
                key_prefix(command, &common).map(|table| table.name.printed("0")).as_deref(),
                prefix,
                "{command}"
            );
        }
    }
}
