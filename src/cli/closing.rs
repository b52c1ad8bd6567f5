//! What help ends with: examples, exit codes, and what each column means.

use crate::detectors::{CatalogEntry, catalog};

/// Exit codes of all commands.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    --fail-on is met
  2    an error, or some input could not be read, or there was no span
  64   what was typed makes no sense
  130  interrupted";

/// Exit codes of commands that have no gate.
const EXIT_CODES_WITHOUT_GATE: &str = "\
Exit codes:
  0    done
  2    an error, or some input could not be read, or there was no span
  64   what was typed makes no sense
  130  interrupted";

const MAIN_EXAMPLES: &str = "\
Examples:
  What is wrong in a dump, and what to mend first:
    tracescan analyze export/
  Who made these minutes slow, or fail:
    tracescan analyze export/ --window 12:01..12:04
  One trace, by the id that a problem names:
    tracescan trace export/ 7382f0db
  What a finding means, and what a column of a table is:
    tracescan explain n-plus-one
  Every night: tables for dashboards, and a failure if something is new:
    tracescan analyze spans/today -o out/today --baseline out/yesterday --fail-on new,worse";

const ANALYZE_EXAMPLES: &str = "\
Examples:
  What is wrong, and what to mend first:
    tracescan analyze export/
  Who made these minutes slow, or fail, against all others; auto finds the minutes:
    tracescan analyze export/ --window 12:01..12:04
    tracescan analyze export/ --window auto
  Only one service since some time, of many files:
    tracescan analyze 'export/day=*/*.parquet' --service cart --since '2026-01-15 09:30'
  Every night: all tables as files, and a failure if a pattern is new or worse:
    tracescan analyze spans/today -o out/today --baseline out/yesterday --fail-on new,worse
  The first N+1s alone, for an issue:
    tracescan analyze spans.parquet --detector n-plus-one --top 20 --format markdown
  One of many parts of a day; tracescan merge makes one result of them:
    tracescan analyze hour-09/ --partial parts/09.partial";

const MERGE_EXAMPLES: &str = "\
Examples:
  One result of the hours of a day:
    tracescan merge parts/ -o out/today
  The same, beside the day before:
    tracescan merge parts/ -o out/today --baseline out/yesterday --fail-on new,worse";

const COMPARE_EXAMPLES: &str = "\
Examples:
  What became of each pattern since yesterday, and where the time went:
    tracescan compare out/yesterday out/today
  As a gate of a release: fails if a pattern is new or worse and costs a second or more:
    tracescan compare out/before out/after --fail-on new,worse --min-total-impact 1s";

const QUERY_EXAMPLES: &str = "\
Examples:
  Which tables there are, and their columns:
    tracescan query out
  What one service can win:
    tracescan query out \"SELECT title, saving_ns FROM problems WHERE service = 'cart' ORDER BY rank\"
  What is new since yesterday, for a chat:
    tracescan query out/today -f queries/new_since_yesterday.sql --with before=out/yesterday --format markdown";

const TRACE_EXAMPLES: &str = "\
Examples:
  A waterfall with the critical path and the findings; the beginning of the id is enough:
    tracescan trace export/ 7382f0db
  Every span, with attributes:
    tracescan trace export/ 7382f0db --all --attributes
  For Perfetto (ui.perfetto.dev):
    tracescan trace export/ 7382f0db --format chrome > trace.json";

const CONVERT_EXAMPLES: &str = "\
Examples:
  One file of everything, which is read fastest:
    tracescan convert export/ -o spans.parquet
  The traces of one service, for Spark:
    tracescan convert export/ --service cart --timestamps us -o cart.parquet";

/// The end of the help of all commands together.
pub(super) fn main() -> String {
    format!("{MAIN_EXAMPLES}\n\n{EXIT_CODES}")
}

/// The end of the help of `analyze`.
pub(super) fn analyze() -> String {
    format!("{ANALYZE_EXAMPLES}\n\n{EXIT_CODES}\n\n{}", tables())
}

/// The end of the help of `merge`.
pub(super) fn merge() -> String {
    format!("{MERGE_EXAMPLES}\n\n{EXIT_CODES}")
}

/// The end of the help of `compare`.
pub(super) fn compare() -> String {
    format!("{COMPARE_EXAMPLES}\n\n{EXIT_CODES}")
}

/// The end of the help of `query`.
pub(super) fn query() -> String {
    format!("{QUERY_EXAMPLES}\n\n{EXIT_CODES_WITHOUT_GATE}")
}

/// The end of the help of `trace`.
pub(super) fn trace() -> String {
    format!("{TRACE_EXAMPLES}\n\n{EXIT_CODES_WITHOUT_GATE}")
}

/// The end of the help of `convert`.
pub(super) fn convert() -> String {
    format!("{CONVERT_EXAMPLES}\n\n{EXIT_CODES_WITHOUT_GATE}")
}

/// What each column of each table means.
fn tables() -> String {
    let mut help = String::from(
        "Tables and their columns (see also: tracescan explain DETECTOR). In Parquet, a time counts microseconds, and \
         a column NAME_unix_nano beside it nanoseconds:\n",
    );
    for CatalogEntry { description, columns, .. } in catalog() {
        help.push_str(&format!("\n{}: {}\n", description.name, description.summary));
        for column in columns {
            help.push_str(&format!("  {}: {}\n", column.name, column.doc));
        }
    }
    help
}
