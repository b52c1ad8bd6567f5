//! What `generate` understands.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// About how many spans to write; the last trace is written whole
    #[arg(long, value_name = "N")]
    pub spans: u64,

    /// The file to write; its extension says the format
    ///
    /// .flat.parquet, .hex.parquet, .otel_traces.parquet, .parquet, .jsonl, .binpb, the last two also with .gz or .zst
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// Where to write which traces hold an anti-pattern, as JSON lines
    ///
    /// Look-alikes, which must not be found, are listed too.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,

    /// Share of traces with an anti-pattern or a look-alike
    ///
    /// Between 0 and 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub anti_patterns: f64,

    /// Share of traces of a fault or a look-alike
    ///
    /// Faults go wrong for a while, and only many traces together show them. Between 0 and 1, and with the other share no more
    /// than 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub faults: f64,

    /// Share of traces of a smell or a look-alike
    ///
    /// Smells lie in how a system is cut, in its data, messages and traces, and only the whole input shows them. Between 0 and 1,
    /// and with the other shares no more than 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub smells: f64,

    /// The same seed gives the same traces, on any machine
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
}
