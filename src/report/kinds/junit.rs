//! JUnit's XML, for what shows results of tests: a suite for each detector with a case for each pattern, and one of budgets.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report as JUnitReport, TestCase, TestCaseStatus, TestSuite};

use crate::detectors::{Cell, TableRow};
use crate::gates::BUDGETS;
use crate::report::text::units;

use super::pattern::{Pattern, told};
use super::write::Report;

/// So many patterns have cases. What shows tests shows no more.
const MAX_CASES: usize = 5_000;

/// Writes the report.
///
/// A pattern's case fails if the gate fails because of it, or, where there is no gate, if it is a problem that no other explains; it
/// is skipped if it is known.
///
/// # Errors
/// If `out` fails.
pub(super) fn write_junit(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let mut document = JUnitReport::new("tracescan");
    let (patterns, summed_up) = Pattern::all(report);
    let left_out = patterns.clone().skip(MAX_CASES).count() as u64 + summed_up;
    let has_gate = !report.gate.fail_on.is_empty();
    for table in report.detectors.iter().filter(|table| table.description.problem.is_some()) {
        let mut suite = TestSuite::new(table.description.name);
        let own = patterns.clone().take(MAX_CASES).filter(|pattern| pattern.detector() == table.description.name);
        suite.add_test_cases(own.map(|pattern| case_of_pattern(&pattern, has_gate)));
        if suite.test_cases.is_empty() && left_out == 0 {
            suite.add_test_case(case("none found", table.description.name, TestCaseStatus::success()));
        }
        document.add_test_suite(suite);
    }
    if left_out > 0 {
        let mut suite = TestSuite::new("left out");
        let patterns = units::counted(left_out, "pattern");
        let name = format!("{patterns} beyond the first {MAX_CASES}: table problems has them");
        suite.add_test_case(case(&name, "left out", TestCaseStatus::skipped()));
        document.add_test_suite(suite);
    }
    document.add_test_suites(budgets(report));
    // A document of no suites at all is none to many readers.
    if document.test_suites.is_empty() {
        let mut suite = TestSuite::new("tracescan");
        suite.add_test_case(case("no detector that finds problems was on", "tracescan", TestCaseStatus::skipped()));
        document.add_test_suite(suite);
    }
    let text = document.to_string().map_err(io::Error::other)?;
    out.write_all(without_skipped_in_sum(&text).as_bytes())
}

/// Jenkins' schema knows how many cases of a suite were skipped, and no such number for all suites.
fn without_skipped_in_sum(text: &str) -> String {
    let Some((before, after)) = text.split_once(" skipped=\"") else { return text.to_owned() };
    match after.split_once('"') {
        Some((_, rest)) if !before.contains("<testsuite ") => format!("{before}{rest}"),
        _ => text.to_owned(),
    }
}

fn case(name: &str, suite: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("tracescan.{suite}"));
    case
}

fn failure(kind: &str, message: &str, text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind).set_message(message).set_description(text);
    status
}

fn case_of_pattern(pattern: &Pattern<'_>, has_gate: bool) -> TestCase {
    let (title, details) = (pattern.title(), pattern.details());
    let is_alone = pattern.name("explained_by").is_empty() && pattern.is_problem();
    let fails = if has_gate { pattern.trips_gate() } else { is_alone };
    let status = if pattern.is_ignored() {
        let mut status = TestCaseStatus::skipped();
        status.set_message(told(pattern.name("status_reason")));
        status
    } else if fails {
        let address = pattern.trace_address().map_or(String::new(), |address| format!("\n{address}"));
        failure(pattern.detector(), &title, &format!("{details}{address}"))
    } else {
        TestCaseStatus::success()
    };
    let mut case = case(&format!("{title} [{}]", pattern.id()), pattern.detector(), status);
    if !fails {
        case.set_system_out(details);
    }
    case
}

/// The suite of budgets, if there are any.
fn budgets(report: &Report<'_>) -> Option<TestSuite> {
    let table = report.compared.iter().find(|table| table.name == BUDGETS)?;
    let mut suite = TestSuite::new(BUDGETS);
    for row in 0..table.row_count() {
        let row = TableRow { columns: &table.columns, values: &table.values, row };
        let name = told(&format!("{} {}", row.text("entry"), row.text("budget")));
        let number = |column: &str| units::number(row.number(column));
        let told_of = format!("{} {}, at most {}", number("value"), row.text("unit"), number("limit"));
        let met = table.column("met").and_then(|(_, cells)| cells.get(row.row));
        let status = match met {
            Some(Cell::Flag(true)) => TestCaseStatus::success(),
            Some(Cell::Flag(false)) => {
                failure("budget", &told_of, &format!("{told_of}, trace {}", row.text("worst_trace_id")))
            }
            _ => TestCaseStatus::skipped(),
        };
        suite.add_test_case(case(&name, BUDGETS, status));
    }
    Some(suite)
}
