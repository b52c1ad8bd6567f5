//! What a query text says of the tables that it uses.
//!
//! There is no grammar, because none fits all dialects and because texts may be templates, or cut off: tables are what stands
//! behind certain words.
//!
//! ```text
//! WITH recent AS (SELECT * FROM orders)   recent: a name of WITH, no table     orders: read, behind FROM
//! UPDATE stock s SET n = 0                stock: written, behind UPDATE where a statement can begin
//! FROM items i, recent                    items: read                          recent: no table
//! WHERE EXTRACT(DAY FROM s.at) = 1        s.at: no table, inside EXTRACT
//! ```

use super::operations::{Access, access_of_operation};
use super::table_name::{TableName, TableUse};
use super::tokens::{Token, tokens};

/// A query text, as far as it tells what is done with data.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Statement {
    /// The tables that it uses, each once.
    pub(crate) tables: Vec<TableUse>,
    /// What it does with them, or would if it named any; `None` if its words do not say.
    pub(crate) access: Option<Access>,
    /// Whether something is added that was not there.
    pub(crate) inserts: bool,
    /// Whether to do it twice is as good as once.
    pub(crate) is_idempotent: bool,
}

/// First words of statements that only say how data lies, or who may use it.
const DEFINITIONS: [&str; 14] = [
    "CREATE", "ALTER", "DROP", "GRANT", "COMMENT", "ANALYZE", "VACUUM", "LOCK", "REVOKE", "SHOW", "DESCRIBE", "DESC",
    "USE", "RENAME",
];

/// First words of statements that may be repeated.
const IDEMPOTENT: [&str; 3] = ["MERGE", "UPSERT", "REPLACE"];

/// Words that end a list of tables at their depth.
const END_OF_LIST: [&str; 22] = [
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "MINUS",
    "WINDOW",
    "SET",
    "VALUES",
    "RETURNING",
    "FOR",
    "SELECT",
    "QUALIFY",
    "DUPLICATE",
    "CONFLICT",
    "DO",
    "WHEN",
];

/// Words that are no names of tables unless they are in quotes or qualified.
const KEYWORDS: [&str; 41] = [
    "AND",
    "AS",
    "BETWEEN",
    "BY",
    "CASE",
    "CROSS",
    "DEFAULT",
    "DELETE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXISTS",
    "FROM",
    "FULL",
    "IN",
    "INDEX",
    "INNER",
    "INSERT",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "MERGE",
    "NATURAL",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "OUTER",
    "RECURSIVE",
    "RIGHT",
    "STDIN",
    "TABLE",
    "THEN",
    "TO",
    "UPDATE",
    "USING",
    "VIEW",
    "WITH",
];

/// Words that may stand before the name of a table that is read, or written.
const BEFORE_READ: [&str; 2] = ["ONLY", "LATERAL"];
const BEFORE_WRITTEN: [&str; 11] = [
    "INTO",
    "TABLE",
    "ONLY",
    "IGNORE",
    "LOW_PRIORITY",
    "HIGH_PRIORITY",
    "DELAYED",
    "OVERWRITE",
    "IF",
    "EXISTS",
    "QUICK",
];

/// Functions among whose arguments FROM means something else.
const WITH_FROM: [&str; 5] = ["EXTRACT", "SUBSTRING", "TRIM", "OVERLAY", "POSITION"];

fn is_among(word: &str, listed: &[&str]) -> bool {
    listed.iter().any(|known| known.eq_ignore_ascii_case(word))
}

impl Statement {
    /// That of a query text.
    pub(crate) fn of(text: &str) -> Self {
        let tokens = tokens(text);
        let first = tokens.iter().find_map(|token| if let Token::Word(word) = token { Some(*word) } else { None });
        let Some(first) = first else { return Self::default() };
        if is_among(first, &DEFINITIONS) {
            return Self { access: Some(Access::Nothing), ..Self::default() };
        }
        let mut scan = Scan::new(&tokens);
        scan.run();
        let Scan { tables, inserts, .. } = scan;
        let access = match tables.iter().any(|table| table.is_written) {
            true => Some(Access::Write),
            // `EXPLAIN` says nothing of the statement behind it.
            false if first.eq_ignore_ascii_case("EXPLAIN") && !tables.is_empty() => Some(Access::Read),
            false => access_of_operation(first).or((!tables.is_empty()).then_some(Access::Read)),
        };
        Self { tables, access, inserts, is_idempotent: is_among(first, &IDEMPOTENT) || says_once(&tokens) }
    }
}

/// Whether it says what is to be done if that was done before.
fn says_once(tokens: &[Token<'_>]) -> bool {
    let has = |words: &[&str]| {
        tokens.windows(words.len()).any(|window| window.iter().zip(words).all(|(token, word)| token.is(word)))
    };
    [&["ON", "CONFLICT"][..], &["INSERT", "IGNORE"], &["ON", "DUPLICATE", "KEY"], &["IF", "NOT", "EXISTS"]]
        .into_iter()
        .any(has)
}

/// What is known at a depth of parentheses.
#[derive(Clone, Copy, Default)]
struct Depth {
    /// Whether a comma goes on with a list of tables that are read.
    is_list: bool,
    /// Whether FROM means something else here.
    has_other_from: bool,
    /// Whether the next FROM is that of a DELETE.
    deletes: bool,
    /// Whether USING names a table.
    uses: bool,
}

struct Scan<'a, 't> {
    tokens: &'a [Token<'t>],
    at: usize,
    /// What the name is that comes next: a table that is read or written.
    expected: Option<Access>,
    depths: Vec<Depth>,
    /// Names of WITH.
    named: Vec<&'t str>,
    tables: Vec<TableUse>,
    inserts: bool,
}

impl<'a, 't> Scan<'a, 't> {
    fn new(tokens: &'a [Token<'t>]) -> Self {
        let named = names_of_with(tokens);
        Self {
            tokens,
            at: 0,
            expected: None,
            depths: vec![Depth::default()],
            named,
            tables: Vec::new(),
            inserts: false,
        }
    }

    fn run(&mut self) {
        while let Some(&token) = self.tokens.get(self.at) {
            match token {
                Token::Sign(b'(') => {
                    let is_read = self.expected == Some(Access::Read);
                    let has_other_from =
                        matches!(self.before(1), Some(Token::Word(word)) if is_among(word, &WITH_FROM));
                    self.depths.push(Depth { is_list: is_read, has_other_from, ..Depth::default() });
                    self.expected = self.expected.filter(|_| is_read);
                }
                Token::Sign(b')') => {
                    if self.depths.len() > 1 {
                        self.depths.pop();
                    }
                    self.expected = None;
                }
                Token::Sign(b',') => self.expected = self.depth().is_list.then_some(Access::Read),
                Token::Sign(b';') => {
                    self.depths = vec![Depth::default()];
                    self.expected = None;
                }
                Token::Sign(_) | Token::Value => self.expected = None,
                Token::Quoted(_) => self.take_name(),
                Token::Word(word) => self.see_word(word),
            }
            self.at += 1;
        }
    }

    fn depth(&mut self) -> &mut Depth {
        if self.depths.is_empty() {
            self.depths.push(Depth::default());
        }
        let last = self.depths.len() - 1;
        &mut self.depths[last]
    }

    fn before(&self, distance: usize) -> Option<Token<'t>> {
        self.tokens.get(self.at.checked_sub(distance)?).copied()
    }

    fn next_is(&self, sign: u8) -> bool {
        self.tokens.get(self.at + 1) == Some(&Token::Sign(sign))
    }

    /// Whether a statement can begin here.
    fn can_begin(&self) -> bool {
        match self.before(1) {
            None | Some(Token::Sign(b';' | b'(' | b')')) => true,
            Some(token) => ["BATCH", "EXPLAIN", "BEGIN"].into_iter().any(|word| token.is(word)),
        }
    }

    fn see_word(&mut self, word: &'t str) {
        let is = |other: &str| word.eq_ignore_ascii_case(other);
        let can_begin = self.can_begin();
        if self.next_is(b'.') && self.expected.is_some() {
            self.take_name();
        } else if is("FROM") {
            self.see_from();
        } else if is("JOIN") || is("STRAIGHT_JOIN") {
            self.expected = Some(Access::Read);
        } else if is("APPLY") {
            let is_join = self.before(1).is_some_and(|before| before.is("CROSS") || before.is("OUTER"));
            self.expected = is_join.then_some(Access::Read);
        } else if is("USING") {
            // `DELETE FROM users USING TIMESTAMP ?` is Cassandra's.
            let next_is = |word| self.tokens.get(self.at + 1).is_some_and(|token| token.is(word));
            let is_time = next_is("TIMESTAMP") || next_is("TTL");
            let names_table = self.depth().uses && !self.next_is(b'(') && !is_time;
            self.expected = names_table.then_some(Access::Read);
            self.depth().is_list |= names_table;
        } else if can_begin && (is("INSERT") || is("MERGE") || is("UPSERT") || is("REPLACE")) {
            self.inserts |= is("INSERT");
            self.depth().uses |= is("MERGE");
            self.expected = Some(Access::Write);
        } else if can_begin && (is("UPDATE") || is("TRUNCATE")) {
            self.expected = Some(Access::Write);
        } else if can_begin && is("DELETE") {
            *self.depth() = Depth { deletes: true, uses: true, ..*self.depth() };
            self.expected = None;
        } else if can_begin && is("COPY") {
            self.see_copy();
        } else if is_among(word, &END_OF_LIST) {
            self.depth().is_list = false;
            self.expected = None;
        } else if let Some(access) = self.expected {
            self.see_word_before_name(word, access);
        }
    }

    fn see_from(&mut self) {
        let is_distinct = self.before(1).is_some_and(|before| before.is("DISTINCT"))
            && self.before(2).is_some_and(|before| before.is("IS") || before.is("NOT"));
        if self.depth().has_other_from || is_distinct {
            self.expected = None;
            return;
        }
        let deletes = std::mem::take(&mut self.depth().deletes);
        self.depth().is_list = true;
        self.expected = Some(if deletes { Access::Write } else { Access::Read });
    }

    fn see_word_before_name(&mut self, word: &'t str, access: Access) {
        let before = if access == Access::Read { &BEFORE_READ[..] } else { &BEFORE_WRITTEN[..] };
        if is_among(word, before) {
            return;
        }
        match self.tokens.get(self.at + 1) {
            // `INSERT OR REPLACE`, `UPDATE TOP (5)`
            Some(Token::Word(_)) if word.eq_ignore_ascii_case("OR") => self.at += 1,
            Some(Token::Sign(b'(')) if word.eq_ignore_ascii_case("TOP") => self.at = self.end_of_group(self.at + 1),
            _ => self.take_name(),
        }
    }

    /// `COPY orders (id, total) FROM STDIN` writes; `COPY orders TO STDOUT` is no statement of an application.
    fn see_copy(&mut self) {
        self.expected = None;
        self.at += 1;
        let Some(name) = self.read_name() else {
            self.at -= 1;
            return;
        };
        if self.next_is(b'(') {
            self.at = self.end_of_group(self.at + 1);
        }
        if self.tokens.get(self.at + 1).is_some_and(|token| token.is("FROM")) {
            self.add(name, Access::Write);
            self.at += 1;
        }
    }

    /// The place of the parenthesis that closes the one at `open`.
    fn end_of_group(&self, open: usize) -> usize {
        end_of_group(self.tokens, open)
    }

    /// Takes the name that stands here as the expected table, if one is expected.
    fn take_name(&mut self) {
        let Some(access) = self.expected.take() else { return };
        let Some(name) = self.read_name() else { return };
        let is_function = access == Access::Read && self.next_is(b'(');
        if !is_function {
            self.add(name, access);
        }
    }

    /// The parts of the name that stands here. The last of its tokens is where the scan is then.
    fn read_name(&mut self) -> Option<Vec<&'t str>> {
        let part = |at: usize| match self.tokens.get(at) {
            Some(Token::Word(word) | Token::Quoted(word)) => Some(*word),
            _ => None,
        };
        let mut parts = vec![part(self.at)?];
        let is_word = matches!(self.tokens[self.at], Token::Word(_));
        let mut end = self.at;
        loop {
            let mut next = end + 1;
            // `stock..orders`
            while self.tokens.get(next) == Some(&Token::Sign(b'.')) {
                next += 1;
            }
            match part(next) {
                Some(more) if next > end + 1 => parts.push(more),
                _ => break,
            }
            end = next;
        }
        self.at = end;
        let is_keyword = is_word && parts.len() == 1 && is_among(parts[0], &KEYWORDS);
        (!is_keyword).then_some(parts)
    }

    fn add(&mut self, parts: Vec<&'t str>, access: Access) {
        let Some(name) = TableName::of_parts(parts) else { return };
        if name.unqualified().is_some_and(|own| self.named.iter().any(|named| named.to_lowercase() == own)) {
            return;
        }
        let is_written = access == Access::Write;
        match self.tables.iter_mut().find(|table| table.name == name) {
            Some(known) => known.is_written |= is_written,
            None => self.tables.push(TableUse { name, is_written }),
        }
    }
}

/// The place of the parenthesis that closes the one at `open`, or the last place.
fn end_of_group(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Sign(b'(') => depth += 1,
            Token::Sign(b')') if depth <= 1 => return at,
            Token::Sign(b')') => depth -= 1,
            _ => {}
        }
    }
    tokens.len().saturating_sub(1)
}

/// Names of WITH: what stands before `AS (`, between WITH or a comma and that.
fn names_of_with<'t>(tokens: &[Token<'t>]) -> Vec<&'t str> {
    let Some(first) = tokens.iter().position(|token| token.is("WITH")) else { return Vec::new() };
    let mut names = Vec::new();
    for at in first + 1..tokens.len() {
        let begins =
            ["WITH", "RECURSIVE"].iter().any(|word| tokens[at - 1].is(word)) || tokens[at - 1] == Token::Sign(b',');
        let (Token::Word(name) | Token::Quoted(name), true) = (tokens[at], begins) else { continue };
        let mut next = at + 1;
        if tokens.get(next) == Some(&Token::Sign(b'(')) {
            next = end_of_group(tokens, next) + 1;
        }
        if !tokens.get(next).is_some_and(|token| token.is("AS")) {
            continue;
        }
        next += 1;
        while tokens.get(next).is_some_and(|token| token.is("NOT") || token.is("MATERIALIZED")) {
            next += 1;
        }
        if tokens.get(next) == Some(&Token::Sign(b'(')) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests;
