//! Why a suspect is one, in a sentence.

use std::collections::BTreeMap;

use crate::frame::Symbols;
use crate::report::units;
use crate::trace::{Component, Place};

use super::own_times::OwnTimes;
use super::ranking::Scored;

/// Of counts that are less than this nobody would say that they differ.
const LEAST_COUNT: f64 = 0.5;

/// The sentence: its share of the time and where, failures, time per request, calls, and since when.
pub(super) fn evidence(suspect: &Scored, times: &OwnTimes, requests: u64, symbols: &Symbols) -> String {
    let Scored { blamed, blame_share, .. } = suspect;
    let mut parts = Vec::new();
    if blamed.blame_ns != 0 {
        let sign = if blamed.blame_ns > 0 { "+" } else { "-" };
        let place = place_of_blame(suspect, symbols).map_or(String::new(), |place| format!(", {place}"));
        parts.push(format!("{sign}{} of the window's request time{place}", units::share(blame_share.abs())));
    }
    if blamed.excess_failures.abs() >= LEAST_COUNT {
        let (count, more) = (blamed.excess_failures.abs().round(), more_or_fewer(blamed.excess_failures));
        let of = units::counted(requests, "request");
        parts.push(format!("{} {more} than expected of {of}", counted(count, "failure")));
    }
    if let ([Some(window), Some(baseline)], Some(_)) = (times.median_ns, times.ratio()) {
        let [window, baseline] = [window, baseline].map(units::duration);
        if window != baseline {
            parts.push(format!("{window} per request, {baseline} before"));
        }
    }
    // Calls of some operations may be missing while there are more of others.
    let changed: Vec<String> = [(blamed.vanished_calls, -1.0), (blamed.appeared_calls, 1.0)]
        .into_iter()
        .filter(|(calls, _)| *calls >= LEAST_COUNT)
        .map(|(calls, sign)| format!("{} {}", counted(calls.round(), "call"), more_or_fewer(sign)))
        .collect();
    if !changed.is_empty() {
        parts.push(format!("{} than expected", changed.join(" of some operations and ")));
    }
    if let Some(onset) = times.onset {
        parts.push(format!("since {}", time_of_day(onset)));
    }
    if parts.is_empty() { "next to nothing differs".to_owned() } else { parts.join("; ") }
}

fn counted(count: f64, noun: &str) -> String {
    units::counted(count as u64, noun)
}

fn more_or_fewer(difference: f64) -> &'static str {
    if difference > 0.0 { "more" } else { "fewer" }
}

/// The time of day (UTC), as in `04:27:10`.
fn time_of_day(time: i64) -> String {
    let text = units::time_to_the_second(time);
    text.split_once('T').map_or(text.clone(), |(_, time)| time.trim_end_matches('Z').to_owned())
}

/// Where most of the blame lies, over all entries; nothing if time was saved.
fn place_of_blame(suspect: &Scored, symbols: &Symbols) -> Option<String> {
    let mut places: BTreeMap<Place, i128> = BTreeMap::new();
    for row in &suspect.blamed.rows {
        *places.entry(row.spent.place).or_default() += i128::from(row.difference_ns());
    }
    let blame = i128::from(suspect.blamed.blame_ns);
    let most = places.values().copied().max().filter(|&most| blame > 0 && most > 0)?;
    let (place, _) = places.iter().find(|&(_, &time)| time == most)?;
    let name = |symbol| symbols.resolve(symbol);
    let operation = name(place.operation);
    let (own, target) = (name(place.service), name(place.target));
    let is_own = place.service == suspect.target.name;
    let text = match place.component {
        Component::SelfTime => format!("in its own work ({operation})"),
        Component::Network => format!("between {own} and {target} ({operation})"),
        Component::Wait if is_own => format!("waiting for {target} ({operation})"),
        Component::Wait => format!("{own} waiting for it ({operation})"),
        Component::Backoff => format!("{own} pausing before {target} is tried again ({operation})"),
    };
    let how_much = if most.saturating_mul(2) > blame { "most of it" } else { "the largest part" };
    Some(format!("{how_much} {text}"))
}
