//! From a question to its answer.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use polars::prelude::{DataFrame, DataType, LazyFrame, PolarsError, Schema};
use polars::sql::SQLContext;

use crate::config::nearest;
use crate::rank::Table;

use super::QueryError;
use super::answer::table_of;
use super::statement::{AnswerColumn, Statement};
use super::tables::RunTables;

/// What `sql` asks of the tables.
///
/// # Errors
/// If it is no question, asks for what there is not, or cannot be answered.
pub(crate) fn answer(tables: &RunTables, sql: &str) -> Result<Answer, QueryError> {
    let work = || answer_on_this_stack(tables, sql);
    let on_large_stack = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        Some(
            thread
                .ok()?
                .join()
                .unwrap_or_else(|_| Err(QueryError::Engine { reason: "the thread that asked ended early".to_owned() })),
        )
    });
    on_large_stack.unwrap_or_else(work)
}

/// Room for a question as long as any that is read, most of which is operators. Memory that is not touched costs nothing.
const STACK_BYTES: usize = 1 << 30;

/// The rows that answer a question.
pub(crate) struct Answer {
    /// The rows.
    pub(crate) table: Table,
    /// Whether a LIMIT within the question may have taken other rows than the next time.
    pub(crate) has_inner_limit: bool,
}

fn answer_on_this_stack(tables: &RunTables, sql: &str) -> Result<Answer, QueryError> {
    let statement = Statement::parse(sql, &tables.names())?;
    let mut frames = Vec::new();
    for name in &statement.tables {
        frames.push((name.as_str(), tables.frame(name)?));
    }
    without_panics(|| match answered(&statement, &frames) {
        Ok(frame) => Ok(Answer { table: table_of(&frame), has_inner_limit: statement.has_inner_limit }),
        Err(error) => Err(in_words(&error, &frames)),
    })
}

/// The rows, in an order that leaves nothing open where Polars can sort them.
fn answered(statement: &Statement, frames: &[(&str, LazyFrame)]) -> Result<DataFrame, PolarsError> {
    let mut context = SQLContext::new();
    for (name, frame) in frames {
        context.register(name, frame.clone());
    }
    let mut plan = context.execute(&statement.to_sql())?;
    let columns = comparable(&*plan.collect_schema()?);
    if let Some(ordered) = statement.in_total_order(&columns)
        && let Ok(frame) = context.execute(&ordered.to_sql()).and_then(LazyFrame::collect)
    {
        return Ok(frame);
    }
    plan.collect()
}

/// The columns whose values have an order, or can be made to have one.
fn comparable(schema: &Schema) -> Vec<AnswerColumn> {
    let columns = schema.iter().filter_map(|(name, data_type)| {
        let is_list = match data_type {
            DataType::List(inner) if **inner == DataType::String => true,
            DataType::List(_) | DataType::Struct(_) | DataType::Null => return None,
            _ => false,
        };
        Some(AnswerColumn { name: name.to_string(), is_list })
    });
    columns.collect()
}

/// Makes an error of a panic. Polars answers some questions that make no sense with one, on threads of its own too, and nobody
/// who asks is helped by a backtrace of it; the frames that it leaves behind are not looked at again.
fn without_panics<T>(work: impl FnOnce() -> Result<T, QueryError>) -> Result<T, QueryError> {
    let print = take_hook();
    set_hook(Box::new(|_| ()));
    let done = catch_unwind(AssertUnwindSafe(work));
    set_hook(print);
    done.unwrap_or_else(|payload| {
        let reason = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no reason given");
        Err(QueryError::Engine { reason: format!("Polars gave up: {reason}") })
    })
}

/// The error as one sentence, with what there is where something is missing.
fn in_words(error: &PolarsError, frames: &[(&str, LazyFrame)]) -> QueryError {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let mut columns: Vec<String> = Vec::new();
    for (_, frame) in frames {
        let schema = frame.clone().collect_schema();
        columns.extend(
            schema.into_iter().flat_map(|schema| schema.iter_names().map(ToString::to_string).collect::<Vec<_>>()),
        );
    }
    columns.sort();
    columns.dedup();
    match missing_column(first).filter(|name| !columns.iter().any(|known| known == name)) {
        Some(name) => QueryError::UnknownColumn {
            name: name.to_owned(),
            near: nearest(name, &columns).map(str::to_owned),
            known: columns.join(", "),
        },
        None => QueryError::Engine { reason: first.to_owned() },
    }
}

/// The column that an error of Polars is about.
fn missing_column(text: &str) -> Option<&str> {
    let (_, rest) =
        ["unable to find column \"", "no column named '"].iter().find_map(|words| text.split_once(words))?;
    rest.split(['"', '\'']).next()
}
