//! Options that say what is made of the results.

use std::path::PathBuf;

use clap::Args;

use super::display::DisplayArgs;
use super::gate::GateArgs;
use super::headings::{GATES, RESULTS};
use super::reports::ReportArgs;
use crate::cli::choices::{StdoutFormat, TableFormat, TablesShown, each_of, one_of};

const FORMAT: &str = "What goes to standard output";
const TABLE_FORMAT: &str = "Format of the files in DIR";
const TABLES: &str = "Which tables to print below the problems";

/// Arguments that say what is made of the results.
#[derive(Debug, Args)]
#[command(next_help_heading = RESULTS)]
pub struct ResultsArgs {
    /// Write all tables, the findings and run.json to this directory
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// Which reports are written.
    #[command(flatten)]
    pub reports: ReportArgs,

    /// Format of the files in the output directory.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        hide_possible_values = true,
        help = one_of::<TableFormat>(TABLE_FORMAT),
        long_help = each_of::<TableFormat>(TABLE_FORMAT)
    )]
    pub table_format: Option<TableFormat>,

    /// What goes to standard output.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        hide_possible_values = true,
        help = one_of::<StdoutFormat>("Print"),
        long_help = each_of::<StdoutFormat>(FORMAT)
    )]
    pub format: Option<StdoutFormat>,

    /// Rows of each table to print [default: 5 as tables, else 10]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,

    /// Which tables to print below the problems.
    #[arg(
        long,
        value_enum,
        value_name = "WHICH",
        default_value_t,
        hide_possible_values = true,
        help = one_of::<TablesShown>("Which tables to print"),
        long_help = each_of::<TablesShown>(TABLES)
    )]
    pub tables: TablesShown,

    /// Print notes too: what is worth knowing, and may be meant so
    #[arg(long)]
    pub notes: bool,

    /// Print problems only: neither what was read nor tables
    #[arg(short, long)]
    pub quiet: bool,

    /// How results look.
    #[command(flatten)]
    pub display: DisplayArgs,

    /// When the run fails.
    #[command(flatten)]
    pub gate: GateArgs,

    /// Take an input without spans as a success
    #[arg(long, help_heading = GATES)]
    pub allow_empty: bool,
}
