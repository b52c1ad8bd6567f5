//! What `trace` understands.

use clap::Args;

use super::choices::{TraceFormat, each_of, one_of};
use super::closing;
use super::options::headings::RESULTS;
use super::options::{AnalysisArgs, DisplayArgs, HelpArgs, InputArgs, MemoryArgs};

/// Arguments of `trace`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true, after_long_help = closing::trace())]
pub struct TraceArgs {
    /// What goes to standard output.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        help_heading = RESULTS,
        hide_possible_values = true,
        help = one_of::<TraceFormat>("Print"),
        long_help = each_of::<TraceFormat>("What goes to standard output")
    )]
    pub format: TraceFormat,

    /// Show all spans, however many: nothing is folded or cut
    #[arg(long, help_heading = RESULTS)]
    pub all: bool,

    /// Show the attributes of spans, as far as they are kept
    #[arg(long, help_heading = RESULTS)]
    pub attributes: bool,

    /// How results look.
    #[command(flatten)]
    pub display: DisplayArgs,

    // The inputs are typed before the id.
    /// What is read.
    #[command(flatten)]
    pub input: InputArgs,

    /// Id of the trace; 8 digits are enough if one id begins so
    ///
    /// Up to 32 hexadecimal digits or a UUID; 8 or more digits that only one id begins with are enough.
    #[arg(required = true, value_name = "TRACE_ID", help_heading = None)]
    pub trace_id: String,

    /// What both `analyze` and `trace` understand.
    #[command(flatten)]
    pub analysis: AnalysisArgs,

    /// How much memory is used.
    #[command(flatten)]
    pub memory: MemoryArgs,

    /// Help.
    #[command(flatten)]
    pub help: HelpArgs,
}
