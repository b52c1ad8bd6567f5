//! When a run fails: which patterns trip it, which are known and do not, and what requests may cost at most.

mod budgets;
mod gate;
mod ignores;

pub(crate) use budgets::{BUDGET_COLUMNS, BUDGETS, Budget, CheckedBudget, budgets_table, check_budgets};
pub(crate) use gate::{Gate, GateWord, PatternForGate, Thresholds, Tripped};
pub(crate) use ignores::{IgnoreRule, IgnoredPatterns, PatternForIgnore};
