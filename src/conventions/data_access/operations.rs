//! What operations do with data, by their words.

use crate::conventions::words::{WordList, is_one_of};

/// What is done with data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Access {
    /// Nothing: the data is described or prepared.
    Nothing,
    /// It is read.
    Read,
    /// It is changed.
    Write,
}

/// Operations that do nothing with data.
const NOTHING: [&str; 21] = [
    "alter",
    "grant",
    "revoke",
    "comment",
    "analyze",
    "vacuum",
    "lock",
    "unlock",
    "show",
    "use",
    "begin",
    "commit",
    "rollback",
    "savepoint",
    "set",
    "start",
    "call",
    "exec",
    "execute",
    "rename",
    "killcursors",
];

/// What others begin with that do nothing with it: `createIndex`.
const NOTHING_BEGINNINGS: [&str; 10] = [
    "create",
    "drop",
    "describe",
    "explain",
    "listcollections",
    "listindexes",
    "listdatabases",
    "listtables",
    "indices.",
    "cluster.",
];

/// What operations begin with that change data; `findAndModify` is looked for before `find`.
const WRITES: [&str; 20] = [
    "findandmodify",
    "findoneand",
    "insert",
    "update",
    "delete",
    "remove",
    "save",
    "upsert",
    "replace",
    "put",
    "bulk",
    "index",
    "write",
    "merge",
    "truncate",
    "copy",
    "batchwrite",
    "transactwrite",
    "patch",
    "reindex",
];

/// What operations begin with that read it.
const READS: [&str; 17] = [
    "select",
    "find",
    "aggregate",
    "count",
    "distinct",
    "get",
    "query",
    "scan",
    "search",
    "list",
    "read",
    "fetch",
    "msearch",
    "mget",
    "batchget",
    "transactget",
    "exists",
];

/// What an operation of this name does; `None` if its name does not say. Works for statements of SQL by their first word and
/// for operations of MongoDB, Elasticsearch and DynamoDB.
pub(crate) fn access_of_operation(operation: &str) -> Option<Access> {
    let lower = operation.trim().to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
    let is_of_table = lower.len() > "table".len() && lower.ends_with("table");
    match () {
        () if NOTHING.contains(&lower.as_str()) || begins(&NOTHING_BEGINNINGS) || is_of_table => Some(Access::Nothing),
        () if begins(&WRITES) => Some(Access::Write),
        () if begins(&READS) => Some(Access::Read),
        () => None,
    }
}

/// Whether an operation adds a document: where documents are made by `create`, what holds them is made by an operation that names
/// it (`createIndex`, `indices.create`).
pub(crate) fn creates_document(system: &str, operation: &str) -> bool {
    const SYSTEMS: [&str; 4] = ["elasticsearch", "opensearch", "cosmosdb", "azure.cosmosdb"];
    const HOLDERS: [&str; 6] = ["index", "indices", "collection", "table", "database", "container"];
    let lower = operation.trim().to_ascii_lowercase();
    is_one_of(system, &SYSTEMS) && lower.starts_with("create") && !HOLDERS.iter().any(|holder| lower.contains(holder))
}

/// Whether an operation of this name adds something that was not there.
pub(crate) fn is_insert(operation: &str) -> bool {
    let lower = operation.trim().to_ascii_lowercase();
    ["insert", "put", "bulk"].iter().any(|word| lower.starts_with(word))
}

/// What a command of a key-value system does, of which `reading` are those that read.
pub(crate) fn key_value_access(command: &str, reading: &WordList) -> Access {
    if reading.has(command) { Access::Read } else { Access::Write }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::NameLists;

    #[test]
    fn words_tell_what_operations_do() {
        for (operation, access) in [
            ("SELECT", Some(Access::Read)),
            ("Insert", Some(Access::Write)),
            ("CREATE", Some(Access::Nothing)),
            ("find", Some(Access::Read)),
            ("findOne", Some(Access::Read)),
            ("findAndModify", Some(Access::Write)),
            ("findOneAndUpdate", Some(Access::Write)),
            ("aggregate", Some(Access::Read)),
            ("createIndexes", Some(Access::Nothing)),
            ("listCollections", Some(Access::Nothing)),
            ("GetItem", Some(Access::Read)),
            ("BatchGetItem", Some(Access::Read)),
            ("BatchWriteItem", Some(Access::Write)),
            ("TransactWriteItems", Some(Access::Write)),
            ("PutItem", Some(Access::Write)),
            ("DescribeTable", Some(Access::Nothing)),
            ("DeleteTable", Some(Access::Nothing)),
            ("index", Some(Access::Write)),
            ("indices.refresh", Some(Access::Nothing)),
            ("update_by_query", Some(Access::Write)),
            ("reindex", Some(Access::Write)),
            ("patch_item", Some(Access::Write)),
            ("EXECUTE", Some(Access::Nothing)),
            ("mongodb", None),
            ("", None),
        ] {
            assert_eq!(access_of_operation(operation), access, "{operation}");
        }
        for (system, operation, creates) in [
            ("elasticsearch", "create", true),
            ("azure.cosmosdb", "create_item", true),
            ("cosmosdb", "CreateItem", true),
            ("elasticsearch", "createIndex", false),
            ("azure.cosmosdb", "create_container", false),
            ("opensearch", "index", false),
            ("postgresql", "CREATE", false),
        ] {
            assert_eq!(creates_document(system, operation), creates, "{system} {operation}");
        }
        assert!(["INSERT", "insertMany", "PutItem", "bulk"].into_iter().all(is_insert));
        assert!(!["UPDATE", "save", "index", ""].into_iter().any(is_insert));
    }

    #[test]
    fn commands_write_unless_they_are_known_to_read() {
        let access = |command| key_value_access(command, &NameLists::default().reading_commands);
        assert_eq!(["GET", "hgetall", "XREAD"].map(access), [Access::Read; 3]);
        assert_eq!(["SET", "incr", "getset", "EXPIRE"].map(access), [Access::Write; 4]);
    }
}
