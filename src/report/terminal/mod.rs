//! What a terminal shows: tables, waterfalls, explanations.

mod all_tables;
mod columns;
mod comparison;
mod distinct_names;
mod explain;
mod incident;
mod paint;
mod problems;
mod query_answer;
mod table;
mod text_width;
mod waterfall;

pub(crate) use all_tables::{TerminalReport, TerminalStyle, write_terminal};
pub(in crate::report) use columns::Role;
pub(crate) use comparison::{ChangedEntry, ChangedPattern, ComparisonSummary, write_comparison};
pub(crate) use explain::{write_catalog, write_page};
pub(crate) use query_answer::{write_query_answer, write_table_list};
pub(crate) use waterfall::{WaterfallOptions, write_waterfall};
