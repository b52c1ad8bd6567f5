//! What `explain` says: a page for each detector, and one for each topic beside them.
//!
//! Pages are text about what is declared elsewhere: columns, units and thresholds come from the declarations.

mod budgets;
mod compare;
mod entries;
mod findings;
mod incident;
mod not_visible;
mod problems;
mod run_json;

use crate::detectors::catalog;
use crate::report::Page;

/// The pages of the detectors.
pub(crate) fn detector_pages() -> Vec<Page> {
    catalog().into_iter().map(Page::of_detector).collect()
}

/// The pages of everything else.
pub(crate) fn topic_pages() -> Vec<Page> {
    vec![
        problems::page(),
        findings::page(),
        entries::page(),
        incident::page(),
        compare::page(),
        budgets::page(),
        run_json::page(),
        not_visible::page(),
    ]
}

/// The names of all pages.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    detector_pages().into_iter().chain(topic_pages()).map(|page| page.name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A stranger finds on each page what it is, why it matters, what it looks like, what to do, and when it is wrong.
    #[test]
    fn pages_answer_what_strangers_ask() {
        for page in detector_pages().into_iter().chain(topic_pages()) {
            let headings: Vec<&str> = page.documentation.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            let has = |names: &[&str]| names.iter().any(|name| headings.contains(name));
            for names in [
                &["What it does", "What it is"][..],
                &["Why it hurts", "Why it matters"],
                &["What it looks like"],
                &["How to fix it", "How to use it"],
                &["When it is wrong"],
            ] {
                assert!(has(names), "{} has no part {names:?}: {headings:?}", page.name);
            }
            assert!(!page.summary.ends_with('.') && page.opening.ends_with('.'), "{}", page.name);
            assert!(page.documentation.lines().all(|line| line.chars().count() <= 130), "{}", page.name);
        }
        let all: Vec<&str> = names().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
    }
}
