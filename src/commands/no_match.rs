//! What is said when a selection matches no trace: not that there are no spans, but what could have been selected.

use crate::config::nearest;
use crate::ingest::{Offered, Selection};
use crate::report::units;

/// So many services are listed.
const LISTED: usize = 20;

/// What was asked for, and what there is.
pub(super) fn no_match(selection: &Selection, offered: &Offered) -> String {
    let mut asked = String::new();
    if !selection.services.is_empty() {
        asked.push_str(&format!(" --service {}", selection.services.join(",")));
    }
    for (option, time) in [("--since", selection.since_unix_nano), ("--until", selection.until_unix_nano)] {
        if let Some(time) = time {
            asked.push_str(&format!(" {option} {}", units::time(time)));
        }
    }
    let mut told = format!("no trace matches{asked}");
    let services: Vec<String> = offered.services.iter().cloned().collect();
    let unknown: Vec<&String> =
        selection.services.iter().filter(|&service| !offered.services.contains(service)).collect();
    if !unknown.is_empty() && !services.is_empty() {
        let listed = services[..services.len().min(LISTED)].join(", ");
        told.push_str(&format!("; services are {listed}"));
        if services.len() > LISTED {
            told.push_str(&format!(" and {} more", units::count(services.len() - LISTED)));
        }
        let mut meant: Vec<&str> = unknown.iter().filter_map(|service| nearest(service, &services)).collect();
        meant.dedup();
        if !meant.is_empty() {
            told.push_str(&format!("; did you mean {}?", meant.join(", ")));
        }
    }
    let asks_for_time = selection.since_unix_nano.is_some() || selection.until_unix_nano.is_some();
    if let Some((first, last)) = offered.starts.filter(|_| asks_for_time) {
        told.push_str(&format!("; spans start between {} and {}", units::time(first), units::time(last)));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(services: &[&str], since: Option<i64>) -> String {
        let services = services.iter().map(|&service| service.to_owned()).collect();
        let selection = Selection { services, since_unix_nano: since, until_unix_nano: None };
        let names = ["cart", "checkout", "web"].map(str::to_owned);
        no_match(&selection, &Offered { services: names.into(), starts: Some((0, 5_000_000_000)) })
    }

    #[test]
    fn what_there_is_is_told() {
        let services = "services are cart, checkout, web";
        assert_eq!(
            told(&["chekout"], None),
            format!("no trace matches --service chekout; {services}; did you mean checkout?")
        );
        assert_eq!(told(&["cart", "mail"], None), format!("no trace matches --service cart,mail; {services}"));
        assert_eq!(
            told(&["cart"], Some(6_000_000_000)),
            "no trace matches --service cart --since 1970-01-01T00:00:06.000000000Z; spans start between \
             1970-01-01T00:00:00.000000000Z and 1970-01-01T00:00:05.000000000Z"
        );
    }

    #[test]
    fn many_services_are_told_in_part() {
        let services = (0..50).map(|number| format!("service-{number:02}")).collect();
        let selection = Selection { services: vec!["x".to_owned()], ..Selection::default() };
        let told = no_match(&selection, &Offered { services, starts: None });
        assert!(told.ends_with("service-18, service-19 and 30 more"), "{told}");
    }
}
