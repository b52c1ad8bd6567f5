//! What kinds of database systems there are, as far as it matters whose data lies where.

use crate::conventions::words::is_one_of;

/// What kind of database a system is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SystemKind {
    /// Part of the process that asks it: nobody else does.
    Embedded,
    /// Keys and values, which namespaces part.
    KeyValue,
    /// System, host and table say it all: there are no namespaces.
    WithoutNamespaces {
        /// Whether there is one of the system for everybody, so that the host says nothing.
        is_one_for_all: bool,
    },
    /// Tables in namespaces.
    WithNamespaces,
}

const EMBEDDED: [&str; 7] = ["sqlite", "h2", "h2database", "hsqldb", "derby", "duckdb", "sqlite3"];
const KEY_VALUE: [&str; 9] =
    ["redis", "memcached", "valkey", "hazelcast", "ignite", "geode", "infinispan", "etcd", "consul"];
const SEARCH: [&str; 2] = ["elasticsearch", "opensearch"];
const DYNAMODB: [&str; 2] = ["dynamodb", "aws.dynamodb"];

impl SystemKind {
    /// That of the system with this name.
    pub(crate) fn of(system: &str) -> Self {
        match system {
            _ if is_one_of(system, &EMBEDDED) => Self::Embedded,
            _ if is_one_of(system, &KEY_VALUE) => Self::KeyValue,
            _ if is_one_of(system, &SEARCH) => Self::WithoutNamespaces { is_one_for_all: false },
            _ if is_one_of(system, &DYNAMODB) => Self::WithoutNamespaces { is_one_for_all: true },
            _ => Self::WithNamespaces,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_have_kinds() {
        for (system, kind) in [
            ("SQLite", SystemKind::Embedded),
            ("redis", SystemKind::KeyValue),
            ("elasticsearch", SystemKind::WithoutNamespaces { is_one_for_all: false }),
            ("dynamodb", SystemKind::WithoutNamespaces { is_one_for_all: true }),
            ("aws.dynamodb", SystemKind::WithoutNamespaces { is_one_for_all: true }),
            ("postgresql", SystemKind::WithNamespaces),
            ("", SystemKind::WithNamespaces),
        ] {
            assert_eq!(SystemKind::of(system), kind, "{system}");
        }
    }
}
