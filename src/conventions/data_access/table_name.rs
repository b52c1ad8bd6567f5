//! Names of tables.

/// Schemas of a system's own: their tables are nobody's data.
const SYSTEM_SCHEMAS: [&str; 15] = [
    "information_schema",
    "pg_catalog",
    "pg_toast",
    "pg_temp",
    "performance_schema",
    "sys",
    "mysql",
    "syscat",
    "sysibm",
    "system",
    "system_schema",
    "system_auth",
    "tempdb",
    "temp",
    "crdb_internal",
];

/// Schemas that are there anyway.
const USUAL_SCHEMAS: [&str; 2] = ["public", "dbo"];

/// A table's name as a text has it: its parts in lower case, the table's own the last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TableName {
    parts: Vec<String>,
}

/// A table that a call uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TableUse {
    /// The table.
    pub(crate) name: TableName,
    /// Whether it is written.
    pub(crate) is_written: bool,
}

impl TableName {
    /// A name of these parts; `None` if it is none of a table that holds data.
    pub(crate) fn of_parts<'t>(parts: impl IntoIterator<Item = &'t str>) -> Option<Self> {
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        let name = Self { parts: parts.map(str::to_lowercase).collect() };
        let (own, qualifiers) = name.parts.split_last()?;
        let is_of_system = qualifiers.iter().any(|part| SYSTEM_SCHEMAS.contains(&part.as_str()));
        let is_none = qualifiers.is_empty() && (own == "dual" || own.starts_with("pg_"));
        (!is_of_system && !is_none).then_some(name)
    }

    /// A name of parts between points, each of which may be in quotes.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let is_quote = |c: char| matches!(c, '"' | '`' | '[' | ']' | '\'');
        Self::of_parts(text.split('.').map(|part| part.trim_matches(is_quote)))
    }

    /// The name if it is one word that nothing qualifies.
    pub(super) fn unqualified(&self) -> Option<&str> {
        if let [own] = self.parts.as_slice() { Some(own) } else { None }
    }

    /// As printed: without what every table of `namespace` is qualified by.
    pub(crate) fn printed(&self, namespace: &str) -> String {
        let Some((own, qualifiers)) = self.parts.split_last() else { return String::new() };
        let says_something =
            |part: &&String| *part != &namespace.to_lowercase() && !USUAL_SCHEMAS.contains(&part.as_str());
        let kept = qualifiers.iter().filter(says_something).chain([own]);
        kept.map(String::as_str).collect::<Vec<_>>().join(".")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualifiers_that_say_nothing_are_dropped() {
        for (name, printed) in [
            ("Orders", Some("orders")),
            ("public.orders", Some("orders")),
            ("[dbo].[Order Lines]", Some("order lines")),
            ("Shop.orders", Some("orders")),
            ("stock.orders", Some("stock.orders")),
            ("shop.dbo.orders", Some("orders")),
            ("stock.dbo.orders", Some("stock.orders")),
            ("stock..orders", Some("stock.orders")),
            ("information_schema.tables", None),
            ("shop.sys.objects", None),
            ("pg_class", None),
            ("DUAL", None),
            ("shop.dual", Some("dual")),
            ("", None),
        ] {
            assert_eq!(TableName::of_text(name).map(|name| name.printed("shop")).as_deref(), printed, "{name}");
        }
    }
}
