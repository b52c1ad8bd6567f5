//! The language of a query text, as far as comments and placeholders depend on it. Values are normalised one by one, before it is
//! known what system a text is for, so that its first words must tell.

/// A family of query languages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum QueryLanguage {
    /// Documents, as of MongoDB and Elasticsearch.
    Json,
    /// SQL and what resembles it.
    Sql,
    /// Cypher, in which `--` is a relation.
    Cypher,
    /// Any other, as commands to a store of keys, which may hold whatever begins a comment elsewhere.
    Other,
}

/// First words of SQL. Those that commands to Redis or Memcached begin with too are not among them, but `SELECT`, whose argument is
/// a number there.
const SQL: [&str; 28] = [
    "alter",
    "analyze",
    "begin",
    "call",
    "commit",
    "create",
    "declare",
    "describe",
    "do",
    "drop",
    "execute",
    "fetch",
    "grant",
    "insert",
    "lock",
    "merge",
    "refresh",
    "revoke",
    "rollback",
    "savepoint",
    "select",
    "show",
    "start",
    "truncate",
    "update",
    "upsert",
    "values",
    "with",
];

/// First and second words of SQL, where the first alone may be a command to Memcached.
const SQL_BY_TWO: [[&str; 2]; 2] = [["delete", "from"], ["replace", "into"]];

/// First words of Cypher.
const CYPHER: [&str; 7] = ["cypher", "detach", "foreach", "match", "optional", "return", "unwind"];

/// First words of Cypher where a pattern follows; in SQL a word does.
const CYPHER_BEFORE_PATTERNS: [&str; 2] = ["create", "merge"];

/// First words that ask how the statement behind them is worked out.
const BEFORE_STATEMENTS: [&str; 2] = ["explain", "profile"];

impl QueryLanguage {
    /// That of a query text.
    pub(super) fn of(text: &str) -> Self {
        if text.trim_start().starts_with(['{', '[']) {
            return Self::Json;
        }
        let (first, behind) = split_word(first_statement(text));
        let (second, _) = split_word(first_statement(behind));
        let is_first = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(first));
        let is_sql = |[known, next]: [&str; 2]| known.eq_ignore_ascii_case(first) && next.eq_ignore_ascii_case(second);
        match () {
            () if is_first(&BEFORE_STATEMENTS) => Self::of(behind),
            () if is_first(&CYPHER) || (is_first(&CYPHER_BEFORE_PATTERNS) && behind.starts_with('(')) => Self::Cypher,
            () if is_first(&SQL) || SQL_BY_TWO.into_iter().any(is_sql) => Self::Sql,
            () => Self::Other,
        }
    }

    /// Where the comment ends that begins at `at`, if one does.
    pub(super) fn end_of_comment(self, bytes: &[u8], at: usize) -> Option<usize> {
        let end_of_line = || memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length);
        match (bytes[at], bytes.get(at + 1)?) {
            (b'-', b'-') => {
                let is_comment = match self {
                    Self::Json | Self::Cypher => false,
                    // What begins as SQL may be Cypher, or hold some.
                    Self::Sql => !is_relation(bytes, at),
                    Self::Other => (begins_line(bytes, at) || stands_apart(bytes, at)) && !is_relation(bytes, at),
                };
                is_comment.then(end_of_line)
            }
            (b'/', b'/') if self == Self::Cypher => Some(end_of_line()),
            (b'/', b'*') => {
                let end = memchr::memmem::find(&bytes[at + 2..], b"*/").map(|length| at + length + 4);
                match self {
                    // Where no word was ended before, it stands behind the first, and in no key.
                    Self::Other => {
                        let is_behind_first = !bytes[..at].iter().any(u8::is_ascii_whitespace);
                        end.filter(|_| is_behind_first || is_apart_before(bytes, at))
                    }
                    _ => Some(end.unwrap_or(bytes.len())),
                }
            }
            _ => None,
        }
    }
}

/// The text from its first statement on: without white space, comments and parentheses before it.
fn first_statement(text: &str) -> &str {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ';'));
        let end = match rest.get(..2) {
            Some("--" | "//") => "\n",
            Some("/*") => "*/",
            _ => return rest,
        };
        rest = rest.split_once(end).map_or("", |(_, behind)| behind);
    }
}

/// The word that a text begins with, and what stands behind it and white space.
fn split_word(text: &str) -> (&str, &str) {
    let (word, behind) = text.split_at(text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len()));
    (word, behind.trim_start())
}

/// Whether `--` at `at` joins two nodes of a pattern: `(a)-->(b)`, `(a)<--(b)`, `(a) -- (b)`.
fn is_relation(bytes: &[u8], at: usize) -> bool {
    matches!(bytes[..at].trim_ascii_end().last(), Some(b')' | b'<'))
        && matches!(bytes[at + 2..].trim_ascii_start().first(), Some(b'(' | b'>'))
}

fn begins_line(bytes: &[u8], at: usize) -> bool {
    matches!(bytes[..at].last(), None | Some(b'\n'))
}

/// Whether white space, or nothing, stands on both sides of the two signs at `at`.
fn stands_apart(bytes: &[u8], at: usize) -> bool {
    is_apart_before(bytes, at) && bytes.get(at + 2).is_none_or(u8::is_ascii_whitespace)
}

/// Whether what stands before `at` ends a word or a statement.
fn is_apart_before(bytes: &[u8], at: usize) -> bool {
    bytes[..at].last().is_none_or(|&byte| byte.is_ascii_whitespace() || matches!(byte, b';' | b')'))
}

#[cfg(test)]
mod tests {
    use super::QueryLanguage::{Cypher, Json, Other, Sql};
    use super::*;

    #[test]
    fn first_words_tell_the_language() {
        for (text, language) in [
            ("SELECT 1", Sql),
            ("/* who */ (select 1) union (select 2)", Sql),
            ("-- who\nWITH a AS (SELECT 1) SELECT * FROM a", Sql),
            ("explain analyze select 1", Sql),
            ("delete /* why */ from t", Sql),
            ("REPLACE INTO t VALUES (1)", Sql),
            ("CREATE TABLE t (a int)", Sql),
            ("MERGE INTO t USING s ON x", Sql),
            ("MATCH (a) RETURN a", Cypher),
            ("PROFILE OPTIONAL MATCH (a) RETURN a", Cypher),
            ("create (a:Person {id: 1})", Cypher),
            ("MERGE(a) RETURN a", Cypher),
            ("// who\nUNWIND [1] AS a RETURN a", Cypher),
            (" {\"find\": \"orders\"}", Json),
            ("[{}]", Json),
            ("GET cart", Other),
            ("delete cart", Other),
            ("replace cart", Other),
            ("db.orders.find({id: 1})", Other),
            ("FT.SEARCH idx @name:ann", Other),
            ("selected", Other),
            ("explain", Other),
            ("/* open", Other),
            ("", Other),
        ] {
            assert_eq!(QueryLanguage::of(text), language, "{text}");
        }
    }

    /// What is before the first sign of a comment, and what is behind the comment if it is one.
    #[test]
    fn comments_are_those_of_the_language() {
        for (before, comment, behind) in [
            ("select 1", "--why", "\n, 2"),
            ("select (1)", "-- why", ""),
            ("select 1", "/*why*/", ", 2"),
            ("select 1 ", "/* goes on", ""),
            ("with a as (select 1", "--why", "\n) select * from a"),
            ("MATCH (a) ", "// why", "\nRETURN a"),
            ("MATCH (a)", "/* why */", "RETURN a"),
            ("exec p ", "-- why", ""),
            ("exec p\n", "--why", "\n"),
            ("exec p ", "/* why */", ""),
            ("exec p;", "/*why*/", ""),
            ("exec", "/*why*/", "p"),
        ] {
            let text = format!("{before}{comment}{behind}");
            let end = QueryLanguage::of(&text).end_of_comment(text.as_bytes(), before.len());
            assert_eq!(end, Some(before.len() + comment.len()), "{text}");
        }
        for (before, behind) in [
            ("MATCH (a)", "-->(b)"),
            ("MATCH (a) ", "-- (b)"),
            ("WITH 1 AS x MATCH (a)", "--(b)"),
            ("CALL { MATCH (a)<", "--(b) RETURN a }"),
            ("select 1 ", "// 2"),
            ("DEL cart", "--17"),
            ("DEL cart", "-- stock"),
            ("DEL ", "--cart"),
            ("SCAN 0 MATCH cart:", "/* COUNT 9"),
            ("MGET cart:", "/*a*/b"),
            ("KEYS ", "/*"),
            ("GET a:", "//b"),
            ("{\"a\": 1, ", "--"),
            ("GET cart", "-"),
        ] {
            let text = format!("{before}{behind}");
            let end = QueryLanguage::of(&text).end_of_comment(text.as_bytes(), before.len());
            assert_eq!(end, None, "{text}");
        }
    }
}
