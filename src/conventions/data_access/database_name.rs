//! Names by which databases are compared.

use super::systems::SystemKind;

/// What tells one database from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DatabaseName<'a> {
    /// The system, in lower case.
    pub(crate) system: &'a str,
    /// The namespace; empty for systems without.
    pub(crate) namespace: &'a str,
    /// The host, without domain and port; empty if none is recorded.
    pub(crate) host: &'a str,
}

/// Parts the parts of a name in its text, which nobody reads.
const SEPARATOR: char = '\u{1f}';

impl<'a> DatabaseName<'a> {
    /// The name as one text: equal texts are one database.
    pub(crate) fn text(&self) -> String {
        let Self { system, namespace, host } = self;
        format!("{system}{SEPARATOR}{namespace}{SEPARATOR}{host}")
    }

    /// The name with this text.
    pub(crate) fn of_text(text: &'a str) -> Self {
        let mut parts = text.splitn(3, SEPARATOR);
        let mut next = || parts.next().unwrap_or_default();
        Self { system: next(), namespace: next(), host: next() }
    }

    /// How surely the name means one database: as tables say it.
    pub(crate) fn identity(&self) -> &'static str {
        match (self.host, self.namespace) {
            ("", _) => "no host",
            (_, "") => "no namespace",
            _ => "full",
        }
    }

    /// Whether the database has a schema that services can share: a namespace of tables.
    pub(crate) fn has_schema(&self) -> bool {
        !self.namespace.is_empty() && !self.is_key_value()
    }

    /// Whether it holds keys and values.
    pub(crate) fn is_key_value(&self) -> bool {
        SystemKind::of(self.system) == SystemKind::KeyValue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_texts_and_back() {
        for (system, namespace, host, identity, has_schema) in [
            ("postgresql", "a/b", "db@1", "full", true),
            ("postgresql", "shop", "", "no host", true),
            ("elasticsearch", "", "es", "no namespace", false),
            ("dynamodb", "", "", "no host", false),
            ("redis", "0", "cache", "full", false),
        ] {
            let name = DatabaseName { system, namespace, host };
            let text = name.text();
            assert_eq!(DatabaseName::of_text(&text), name);
            assert_eq!((name.identity(), name.has_schema()), (identity, has_schema), "{system}");
        }
        assert_eq!(DatabaseName::of_text("x"), DatabaseName { system: "x", namespace: "", host: "" });
    }
}
