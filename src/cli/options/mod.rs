//! Options that several commands understand, by what they are about.

mod analysis;
mod comparison;
mod display;
mod gate;
mod help;
mod input;
mod memory;
mod reports;
mod results;
mod selection;
mod thresholds;

pub use analysis::AnalysisArgs;
pub use comparison::IncidentArgs;
pub use display::DisplayArgs;
pub use gate::GateArgs;
pub use help::HelpArgs;
pub use input::InputArgs;
pub use memory::MemoryArgs;
pub use reports::ReportArgs;
pub use results::ResultsArgs;
pub use selection::SelectionArgs;
pub use thresholds::ThresholdArgs;

/// Headings of the groups of options in help, where options of one group stand in several structs.
pub(super) mod headings {
    /// What is compared with what.
    pub(in crate::cli) const COMPARISON: &str = "Comparison (tracescan explain incident, tracescan explain compare)";
    /// When the run fails.
    pub(in crate::cli) const GATES: &str = "Gates (all thresholds that are set must be reached)";
    /// What is read.
    pub(in crate::cli) const INPUT: &str = "Input";
    /// What is used of the machine.
    pub(in crate::cli) const MACHINE: &str = "Machine";
    /// How traces are analysed.
    pub(in crate::cli) const ANALYSIS: &str = "Detectors (tracescan explain DETECTOR says more)";
    /// What the results become.
    pub(in crate::cli) const RESULTS: &str = "Results";
    /// What belongs nowhere else.
    pub(in crate::cli) const OTHER: &str = "Other";
}
