//! Options that say how results look.

use clap::Args;

use super::headings::RESULTS;
use crate::cli::choices::{ColorChoice, each_of, one_of};

const COLOR: &str = "Whether to print in colours";
const TRACE_URL: &str = "Make links of trace ids, to where a trace can be looked at\n\n\
    A URL with {trace_id}, like https://jaeger.example/trace/{trace_id}, also with {start} and {end} in ms; or jaeger:BASE, \
    grafana-tempo:BASE, datadog:BASE, honeycomb:BASE, signoz:BASE. Key trace_url of tracescan.toml.";

/// Arguments that say how results look.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = RESULTS)]
pub struct DisplayArgs {
    /// Whether to print in colours.
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        help = one_of::<ColorChoice>(COLOR),
        long_help = each_of::<ColorChoice>(COLOR)
    )]
    pub color: ColorChoice,

    /// Make links of trace ids, to where a trace can be looked at
    #[arg(long, value_name = "URL", long_help = TRACE_URL)]
    pub trace_url: Option<String>,
}
