//! What a terminal shows: tables, waterfalls, explanations.

mod all_tables;
mod comparison;
mod explain;
mod paint;
mod table;
mod text_width;
mod waterfall;

pub(crate) use all_tables::{TerminalStyle, write_terminal};
pub(crate) use comparison::{ChangedEntry, ChangedPattern, ComparisonSummary, write_comparison};
pub(crate) use explain::{write_catalog, write_explanation};
pub(crate) use waterfall::{Waterfall, WaterfallFinding, WaterfallRow, write_waterfall};
