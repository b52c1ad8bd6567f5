//! What may be asked: one SELECT over tables that there are.
//!
//! The text is read with the grammar that Polars reads it with, looked at, and handed on as text again. On the way, tables of
//! other runs, `before.problems`, become one name, because Polars knows no schemas.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Query, SetExpr,
    Statement as Parsed, TableAlias, TableFactor, Value, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError, ParserOptions};

use crate::config::nearest;

use super::QueryError;

/// Longer questions are not read: each operator is a level for those who go through the parts of a question, and these levels
/// must have room on a stack ([`super::execution`]).
const MAX_BYTES: usize = 1 << 14;

/// A question.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    query: Box<Query>,
    /// The tables of runs that it reads, each once.
    pub(super) tables: Vec<String>,
    /// Whether a LIMIT within it may take other rows each time: where that has ties, nothing decides between them.
    pub(super) has_inner_limit: bool,
}

impl Statement {
    /// The question in `sql`, which may name the tables in `known`.
    ///
    /// # Errors
    /// If it is none, more than one, or of other tables.
    pub(super) fn parse(sql: &str, known: &[String]) -> Result<Self, QueryError> {
        if sql.len() > MAX_BYTES {
            let reason = format!("it has {} bytes, and {MAX_BYTES} are read", sql.len());
            return Err(QueryError::Syntax { reason });
        }
        let options = ParserOptions { trailing_commas: true, ..ParserOptions::default() };
        let parser = Parser::new(&GenericDialect).with_options(options).try_with_sql(sql);
        let mut statements = parser.and_then(|mut parser| parser.parse_statements()).map_err(syntax)?;
        let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
            let several = statements.len() + 1;
            let reason = if several > 1 { format!("there are {several} statements") } else { "it is empty".to_owned() };
            return Err(QueryError::Syntax { reason });
        };
        let mut query = match statement {
            Parsed::Query(query) => query,
            other => {
                let text = other.to_string();
                return Err(QueryError::Refused {
                    what: text.split_whitespace().next().unwrap_or_default().to_owned(),
                });
            }
        };
        let mut named = NamedInside::default();
        let _ = Visit::visit(&*query, &mut named);
        let mut tables = TablesOfRuns { known, named: &named.names, used: Vec::new() };
        if let ControlFlow::Break(error) = VisitMut::visit(&mut *query, &mut tables) {
            return Err(error);
        }
        let is_limited = query.limit_clause.is_some() || query.fetch.is_some();
        let has_inner_limit = named.limits > usize::from(is_limited);
        Ok(Self { query, tables: tables.used, has_inner_limit })
    }

    /// As text.
    pub(super) fn to_sql(&self) -> String {
        self.query.to_string()
    }

    /// The same with an order that leaves nothing open, if it has rows in no order or ties: `columns` decide between them.
    pub(super) fn in_total_order(&self, columns: &[AnswerColumn]) -> Option<Self> {
        let ties = columns.iter().filter_map(|column| {
            let (options, with_fill) = (OrderByOptions::default(), None);
            Some(OrderByExpr { expr: column.comparable()?, options, with_fill })
        });
        let expressions = match &self.query.order_by {
            Some(OrderBy { kind: OrderByKind::Expressions(given), .. }) => given.iter().cloned().chain(ties).collect(),
            None if !self.keeps_order_of_table() => ties.collect(),
            _ => return None,
        };
        let mut ordered = self.clone();
        ordered.query.order_by = Some(OrderBy { kind: OrderByKind::Expressions(expressions), interpolate: None });
        Some(ordered)
    }

    /// Whether the rows come as they stand in the one table that they are from.
    fn keeps_order_of_table(&self) -> bool {
        let SetExpr::Select(select) = &*self.query.body else { return false };
        let [from] = &select.from[..] else { return select.from.is_empty() };
        let TableFactor::Table { name, .. } = &from.relation else { return false };
        let is_grouped = match &select.group_by {
            sqlparser::ast::GroupByExpr::Expressions(by, _) => !by.is_empty(),
            sqlparser::ast::GroupByExpr::All(_) => true,
        };
        let is_of_run = self.tables.contains(&joined(name));
        is_of_run && from.joins.is_empty() && !is_grouped && select.distinct.is_none()
    }
}

/// A column of the answer.
#[derive(Clone, Debug)]
pub(super) struct AnswerColumn {
    /// Its name.
    pub(super) name: String,
    /// Whether its values are lists of names, which Polars cannot compare.
    pub(super) is_list: bool,
}

impl AnswerColumn {
    /// What its values are compared by.
    fn comparable(&self) -> Option<Expr> {
        let name = Ident::with_quote('"', &self.name);
        if !self.is_list {
            return Some(Expr::Identifier(name));
        }
        let joined = format!("array_to_string({name}, ';')");
        Parser::new(&GenericDialect).try_with_sql(&joined).and_then(|mut parser| parser.parse_expr()).ok()
    }
}

/// What the parser says, without its own name.
fn syntax(error: ParserError) -> QueryError {
    let reason = match error {
        ParserError::TokenizerError(reason) | ParserError::ParserError(reason) => reason,
        ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
    };
    QueryError::Syntax { reason }
}

/// The parts of a name with points between them.
fn joined(name: &ObjectName) -> String {
    let parts = name.0.iter().map(|part| part.as_ident().map_or_else(|| part.to_string(), |ident| ident.value.clone()));
    parts.collect::<Vec<_>>().join(".")
}

/// Tables that the question makes itself (`WITH name AS …`), and what else is seen of all queries in it.
#[derive(Default)]
struct NamedInside {
    names: Vec<String>,
    /// How many of all queries have a LIMIT.
    limits: usize,
}

impl Visitor for NamedInside {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let with = query.with.iter().flat_map(|with| &with.cte_tables);
        self.names.extend(with.map(|table| table.alias.name.value.clone()));
        self.limits += usize::from(query.limit_clause.is_some() || query.fetch.is_some());
        ControlFlow::Continue(())
    }
}

/// Finds the tables of runs, makes one name of each, and stops at what is none. Writes what Polars cannot read as what it can.
struct TablesOfRuns<'a> {
    known: &'a [String],
    named: &'a [String],
    used: Vec<String>,
}

impl VisitorMut for TablesOfRuns<'_> {
    type Break = QueryError;

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<QueryError> {
        // `1e6`, which is how people make milliseconds of nanoseconds, is no number for Polars.
        if let Value::Number(digits, _) = &mut value.value
            && digits.contains(['e', 'E'])
            && let Ok(number) = digits.parse::<f64>()
            && number.is_finite()
        {
            let plain = number.to_string();
            *digits = if plain.contains('.') { plain } else { format!("{plain}.0") };
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<QueryError> {
        let TableFactor::Table { name, alias, args, .. } = factor else { return ControlFlow::Continue(()) };
        let full = joined(name);
        if args.is_some() {
            // read_csv('/etc/passwd') and its like: what is read is what was named on the command line.
            return ControlFlow::Break(QueryError::Refused { what: format!("{full}(…)") });
        }
        if name.0.len() == 1 && self.named.contains(&full) {
            return ControlFlow::Continue(());
        }
        if !self.known.contains(&full) {
            return ControlFlow::Break(QueryError::UnknownTable {
                known: self.known.join(", "),
                near: nearest(&full, self.known).map(str::to_owned),
                name: full,
            });
        }
        if let [_, last] = &name.0[..] {
            // As in engines with schemas, it is called by its last part where it is given no other name.
            if let (None, Some(last)) = (&alias, last.as_ident()) {
                *alias = Some(TableAlias { explicit: true, name: last.clone(), columns: Vec::new(), at: None });
            }
            *name = ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote('"', &full))]);
        }
        if !self.used.contains(&full) {
            self.used.push(full);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(sql: &str) -> Result<Statement, String> {
        let known = ["problems", "findings", "before.problems"].map(str::to_owned);
        Statement::parse(sql, &known).map_err(|error| error.to_string())
    }

    #[test]
    fn tables_of_other_runs_become_one_name() {
        let statement = parsed(
            "WITH old AS (SELECT * FROM before.problems) -- yesterday
             SELECT p.rank FROM problems AS p WHERE p.rank NOT IN (SELECT rank FROM old) \
             AND p.rank IN (SELECT rank FROM before.problems AS b)",
        )
        .unwrap();
        assert_eq!(statement.tables, ["before.problems", "problems"]);
        assert_eq!(
            statement.to_sql(),
            "WITH old AS (SELECT * FROM \"before.problems\" AS problems) SELECT p.rank FROM problems AS p \
             WHERE p.rank NOT IN (SELECT rank FROM old) AND p.rank IN (SELECT rank FROM \"before.problems\" AS b)"
        );
    }

    #[test]
    fn numbers_with_exponents_are_written_out() {
        let statement = parsed("SELECT 1e6, 25E-2, 1.5e3, 12, '1e6' FROM problems").unwrap();
        assert_eq!(statement.to_sql(), "SELECT 1000000.0, 0.25, 1500.0, 12, '1e6' FROM problems");
    }

    /// Whatever is no question is told as what it is.
    #[test]
    fn only_questions_are_answered() {
        for (sql, told) in [
            ("", "it is empty"),
            ("-- nothing", "it is empty"),
            ("SELECT 1; SELECT 2", "there are 2 statements"),
            ("SELEC 1", "Expected: an SQL statement, found: SELEC at Line: 1, Column: 1"),
            ("SELECT rank FROM problems WHERE", "Expected: an expression, found: EOF"),
            ("SELECT 'open FROM problems", "Unterminated string literal"),
            ("DROP TABLE problems", "DROP is refused"),
            ("CREATE TABLE x AS SELECT * FROM problems", "CREATE is refused"),
            ("DELETE FROM problems", "DELETE is refused"),
            ("TRUNCATE TABLE problems", "TRUNCATE is refused"),
            ("INSERT INTO problems SELECT * FROM problems", "INSERT is refused"),
            ("EXPLAIN SELECT * FROM problems", "EXPLAIN is refused"),
            ("SHOW TABLES", "SHOW is refused"),
            ("SELECT * FROM read_csv('/etc/passwd')", "read_csv(…) is refused"),
            ("SELECT * FROM problems JOIN read_parquet('x') AS x ON true", "read_parquet(…) is refused"),
            ("SELECT * FROM problems WHERE rank IN (SELECT a FROM read_json('x'))", "read_json(…) is refused"),
            ("SELECT * FROM '/etc/passwd'", "no table /etc/passwd; tables are problems, findings, before.problems"),
            ("SELECT * FROM problem", "; did you mean problems?"),
            ("SELECT * FROM befor.problems", "; did you mean before.problems?"),
        ] {
            let error = parsed(sql).map(|statement| statement.to_sql()).unwrap_err();
            assert!(error.contains(told), "{sql}: {error}");
        }
        assert!(parsed("SELECT 1;").is_ok());
    }

    /// Where rows have no order, and between rows that are alike in what they are ordered by, the columns decide.
    #[test]
    fn no_order_is_left_open() {
        let columns = [AnswerColumn { name: "a".to_owned(), is_list: false }];
        for (sql, ordered) in [
            ("SELECT a FROM problems LIMIT 3", None),
            ("SELECT a FROM problems ORDER BY b DESC LIMIT 3", Some("ORDER BY b DESC, \"a\" LIMIT 3")),
            ("SELECT a FROM problems GROUP BY a", Some("GROUP BY a ORDER BY \"a\"")),
            ("SELECT DISTINCT a FROM problems", Some("FROM problems ORDER BY \"a\"")),
            ("SELECT a FROM problems UNION SELECT a FROM findings LIMIT 2", Some("ORDER BY \"a\" LIMIT 2")),
            ("WITH p AS (SELECT a FROM problems GROUP BY a) SELECT a FROM p", Some("FROM p ORDER BY \"a\"")),
            ("SELECT a FROM problems JOIN findings USING (b)", Some("USING(b) ORDER BY \"a\"")),
        ] {
            let total = parsed(sql).unwrap().in_total_order(&columns).map(|statement| statement.to_sql());
            match (total, ordered) {
                (Some(total), Some(ordered)) => assert!(total.ends_with(ordered), "{total}"),
                (total, ordered) => assert_eq!(total.as_deref(), ordered, "{sql}"),
            }
        }
        let names = AnswerColumn { name: "a\"b".to_owned(), is_list: true };
        assert_eq!(names.comparable().unwrap().to_string(), r#"array_to_string("a""b", ';')"#);
    }
}
