//! What can be wrong with settings, in whole sentences: people read them after `error: `.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Why settings cannot be resolved.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {path} cannot be read: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in the file is wrong.
    #[error("{path}, line {line}, column {column}: {problem}", path = path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong there.
        problem: Box<FileProblem>,
    },
    /// The value of an option is none.
    #[error("{option} must be {form}, not {given}", given = given.escape_debug())]
    Argument {
        /// The option, with its dashes.
        option: &'static str,
        /// What it takes.
        form: &'static str,
        /// What was given.
        given: String,
    },
    /// No time lies between the bounds.
    #[error("--since {since} must be earlier than --until {until}")]
    NoTimeBetween {
        /// The earliest time.
        since: String,
        /// The time before which to end.
        until: String,
    },
}

impl ConfigError {
    /// Whether it is what was typed that is wrong.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Argument { .. } | Self::NoTimeBetween { .. })
    }
}

/// What is wrong at a place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileProblem {
    /// The file is no text.
    NotUtf8,
    /// The text is not TOML.
    NotToml {
        /// Why.
        reason: String,
    },
    /// There is no such key.
    UnknownKey {
        /// The key.
        key: String,
        /// The table that it is in; empty for the whole file.
        table: String,
        /// The keys that there are.
        known: Vec<String>,
    },
    /// A value cannot be what it is.
    WrongValue {
        /// Its key.
        key: String,
        /// The table that the key is in; empty for the whole file.
        table: String,
        /// What it must be.
        form: String,
        /// What it is.
        given: String,
    },
    /// A table has not what it must have.
    Missing {
        /// The table.
        table: &'static str,
        /// What it needs.
        needed: &'static str,
    },
    /// A word is none of those that there are.
    UnknownWord {
        /// The key of its value.
        key: String,
        /// The word.
        word: String,
        /// The words that there are.
        known: Vec<String>,
    },
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("the file is not text in UTF-8"),
            Self::NotToml { reason } => write!(f, "the file is not TOML: {}", reason.replace('\n', ", ")),
            Self::UnknownKey { key, table, known } => {
                write!(f, "there is no key {}{}", Key(key), InTable(table))?;
                match nearest(key, known) {
                    Some(near) => write!(f, "; did you mean {near}?"),
                    None if known.is_empty() => f.write_str(", which takes none"),
                    None => write!(f, "; there {} {}", if known.len() == 1 { "is" } else { "are" }, known.join(", ")),
                }
            }
            Self::WrongValue { key, table, form, given } => {
                write!(f, "{}{} must be {form}, not {given}", Key(key), InTable(table))
            }
            Self::Missing { table, needed } => write!(f, "{table} needs {needed}"),
            Self::UnknownWord { key, word, known } => {
                write!(f, "{} cannot be {word:?}; ", Key(key))?;
                match nearest(word, known) {
                    Some(near) => write!(f, "did you mean {near:?}?"),
                    None => write!(f, "it can be {}", known.join(", ")),
                }
            }
        }
    }
}

/// A key as one writes it in TOML, without what a terminal might obey.
struct Key<'a>(&'a str);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !self.0.is_empty() && self.0.chars().all(is_bare) { f.write_str(self.0) } else { write!(f, "{:?}", self.0) }
    }
}

struct InTable<'a>(&'a str);

impl fmt::Display for InTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " in [{}]", self.0) }
    }
}

/// The known word that someone who wrote `word` is likely to have meant: at most one letter in three is another one, one too
/// many, missing, or changed places with its neighbour. Case does not count, nor do `-` and `_`.
pub(crate) fn nearest<'a>(word: &str, known: &'a [String]) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let word = plain(word);
    let distance = |known: &String| {
        let known = plain(known);
        let letters = word.chars().count().max(known.chars().count());
        let distance = strsim::osa_distance(&word, &known);
        (distance * 3 <= letters).then_some(distance)
    };
    let near = known.iter().filter_map(|known| Some((distance(known)?, known)));
    near.min().map(|(_, known)| known.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_what_was_meant() {
        let known = ["max_calls", "min_calls", "n-plus-one", "top"].map(str::to_owned);
        for (word, near) in [
            ("max_call", Some("max_calls")),
            ("MAX-CALLS", Some("max_calls")),
            ("min_clals", Some("min_calls")),
            ("n_plus_on", Some("n-plus-one")),
            ("tpo", Some("top")),
            ("tp", Some("top")),
            ("calls", None),
            ("t", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &known), near, "{word}");
        }
    }
}
