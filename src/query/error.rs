//! What can be wrong with a question, in whole sentences: people read them after `error: `.

use std::path::PathBuf;

use crate::compare::CompareError;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// The directory holds no run.
    #[error(transparent)]
    NoRun(#[from] CompareError),
    /// A table of the directory cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Two directories have the same name.
    #[error("--with {name} is given twice")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The text is no SQL.
    #[error("the SQL makes no sense: {reason}")]
    Syntax {
        /// What stands where something else should.
        reason: String,
    },
    /// Something else than a question.
    #[error("{what} is refused: a query is one SELECT, also WITH … SELECT, over the tables of the directory")]
    Refused {
        /// What it would do.
        what: String,
    },
    /// There is no such table.
    #[error("no table {name}; tables are {known}{}", did_you_mean(near))]
    UnknownTable {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
        /// The nearest of them.
        near: Option<String>,
    },
    /// There is no such column.
    #[error("no column {name}; columns are {known}{}", did_you_mean(near))]
    UnknownColumn {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
        /// The nearest of them.
        near: Option<String>,
    },
    /// The engine cannot answer it.
    #[error("the query cannot be answered: {reason}")]
    Engine {
        /// What it said.
        reason: String,
    },
}

impl QueryError {
    /// Whether it is what was typed that is wrong.
    pub(crate) fn is_usage(&self) -> bool {
        !matches!(self, Self::NoRun(_) | Self::Unreadable { .. } | Self::Engine { .. })
    }
}

fn did_you_mean(near: &Option<String>) -> String {
    near.as_ref().map_or_else(String::new, |near| format!("; did you mean {near}?"))
}
