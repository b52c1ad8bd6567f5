//! What can be chosen from, and how help tells the choices.

use clap::ValueEnum;

/// What `analyze` writes to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StdoutFormat {
    /// Tables for people
    #[default]
    Table,
    /// Tables in Markdown
    Markdown,
    /// Tables as comma-separated values
    Csv,
    /// One JSON document
    Json,
    /// One JSON object a row
    Ndjson,
}

/// Which tables are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TablesShown {
    /// None
    None,
    /// One of each detector that found something
    #[default]
    All,
}

/// Whether output has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Wherever it goes
    Always,
    /// Nowhere
    Never,
}

/// What `trace` writes to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// A waterfall for people
    #[default]
    Table,
    /// Spans, critical paths and findings as JSON
    Json,
    /// Chrome's trace events as JSON, for Perfetto (ui.perfetto.dev)
    Chrome,
    /// Profiles for speedscope (speedscope.app)
    Speedscope,
}

/// How documentation is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// Text for a terminal
    #[default]
    Text,
    /// Markdown (GitHub's dialect)
    Markdown,
}

/// What start times count in Parquet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Timestamps {
    /// Nanoseconds
    #[default]
    Ns,
    /// Microseconds
    Us,
}

/// Format of table files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableFormat {
    /// Parquet
    #[default]
    Parquet,
    /// Comma-separated values
    Csv,
    /// A JSON array of objects
    Json,
}

/// A line of help that ends with the names of the choices.
pub(super) fn one_of<T: ValueEnum + 'static>(what: &str) -> String {
    let names: Vec<String> = choices::<T>().map(|(name, _)| name).collect();
    match names.split_last() {
        Some((last, [])) => format!("{what} {last}"),
        Some((last, others)) => format!("{what}: {} or {last}", others.join(", ")),
        None => what.to_owned(),
    }
}

/// Help that tells what each choice means.
pub(super) fn each_of<T: ValueEnum + 'static>(what: &str) -> String {
    let mut help = format!("{what}\n");
    for (name, meaning) in choices::<T>() {
        help.push_str(&format!("\n- {name}: {meaning}"));
    }
    help
}

/// Names and meanings.
fn choices<T: ValueEnum + 'static>() -> impl Iterator<Item = (String, String)> {
    let shown =
        T::value_variants().iter().filter_map(ValueEnum::to_possible_value).filter(|value| !value.is_hide_set());
    shown.map(|value| (value.get_name().to_owned(), value.get_help().map(ToString::to_string).unwrap_or_default()))
}
