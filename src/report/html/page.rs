//! The page as a whole: what is in it, how large it may be, and what browsers are told not to do.

use std::io::{self, Write};

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::detectors::Cell;
use crate::report::kinds::Report;
use crate::report::text::units;

use super::flame_graph::Flames;
use super::html_table::HtmlTable;
use super::problem_cards::{Card, Room, cards};
use super::service_map::{NODE_HEIGHT, NODE_WIDTH, ServiceMap};
use super::shown_text::{Colours, json_in_page, shortened, shown};
use super::timeline::{TimelineView, WIDTH};
use super::verdict::Verdict;

const STYLE: &str = concat!(include_str!("assets/page.css"), include_str!("vendor/uPlot-1.6.32.min.css"));
const SCRIPT: &str = concat!(include_str!("vendor/uPlot-1.6.32.iife.min.js"), "\n", include_str!("assets/page.js"));

/// How much is shown, from all that anybody reads to the least; the first that fits is taken.
const ROOMS: [Room; 9] = [
    Room { cards: 300, with_traces: 40, lines: 40, rows: 50, flames: 6, drawings: true },
    Room { cards: 200, with_traces: 25, lines: 30, rows: 30, flames: 6, drawings: true },
    Room { cards: 150, with_traces: 15, lines: 24, rows: 20, flames: 4, drawings: true },
    Room { cards: 100, with_traces: 10, lines: 20, rows: 15, flames: 3, drawings: true },
    Room { cards: 50, with_traces: 5, lines: 16, rows: 10, flames: 2, drawings: true },
    Room { cards: 20, with_traces: 2, lines: 12, rows: 5, flames: 1, drawings: true },
    Room { cards: 10, with_traces: 1, lines: 8, rows: 3, flames: 0, drawings: false },
    Room { cards: 5, with_traces: 0, lines: 0, rows: 1, flames: 0, drawings: false },
    Room { cards: 1, with_traces: 0, lines: 0, rows: 0, flames: 0, drawings: false },
];

/// Entries in the menu of services; nobody reads more.
const MAX_OPTIONS: usize = 200;

/// Characters of all arguments.
const MAX_ARGUMENTS: usize = 2_000;

/// Characters of a setting.
const MAX_SETTING: usize = 300;

/// Settings of the machine, which say nothing of the results.
const SETTINGS_LEFT_OUT: [&str; 3] = ["temp_dir", "threads", "memory_limit_bytes"];

#[derive(Template)]
#[template(path = "page.html", config = "src/report/html/askama.toml")]
struct Page<'a> {
    policy: String,
    style: &'a str,
    script: &'a str,
    version: &'a str,
    verdict: &'a Verdict,
    cards: Vec<Card>,
    cards_left_out: String,
    detectors: Vec<String>,
    services: Vec<String>,
    timeline: Option<&'a TimelineView>,
    timeline_width: i64,
    has_static_timeline: bool,
    map: Option<&'a ServiceMap>,
    node_width: usize,
    node_height: usize,
    flames: &'a [Flames],
    entries: Option<HtmlTable>,
    incident: Option<Incident>,
    comparison: Option<ComparisonView>,
    compared: Vec<HtmlTable>,
    tables: Vec<HtmlTable>,
    silent: Vec<String>,
    settings: Vec<[String; 2]>,
    arguments: String,
    data: String,
}

/// The comparison of a window with other times.
struct Incident {
    verdict: String,
    left_out: Vec<String>,
    tables: Vec<HtmlTable>,
}

/// The comparison with another run.
struct ComparisonView {
    baseline: String,
    counts: Vec<[String; 2]>,
    doubts: Vec<String>,
}

/// Writes the page in at most `max_bytes`, or else in its least form: the answer is how many bytes it has.
///
/// # Errors
/// If `out` fails.
pub(in crate::report) fn write_page(out: &mut impl Write, report: &Report<'_>, max_bytes: u64) -> io::Result<u64> {
    let made = Made::of(report);
    let mut text = String::new();
    for room in ROOMS {
        text = made.page(report, room).render().map_err(io::Error::other)?;
        if text.len() as u64 <= max_bytes {
            break;
        }
    }
    out.write_all(text.as_bytes())?;
    Ok(text.len() as u64)
}

/// What is the same in every size of the page.
struct Made {
    verdict: Verdict,
    colours: Colours,
    timeline: Option<TimelineView>,
    map: Option<ServiceMap>,
    flames: Vec<Flames>,
}

impl Made {
    fn of(report: &Report<'_>) -> Self {
        let (first, _) = report.problems.first(1);
        let colours = Colours::of(services_by_time(report).iter().map(String::as_str));
        let problems = report.problems;
        let first_seen: Vec<(i64, i64, String)> = (0..problems.patterns())
            .filter(|&row| problems.text("explained_by", row).is_empty())
            .filter_map(|row| match problems.cell("first_seen", row) {
                Cell::Int(time) => Some((*time, problems.int("rank", row), problems.text("title", row).to_owned())),
                _ => None,
            })
            .collect();
        let paths = report.evidence.map_or(&[][..], |evidence| &evidence.paths);
        Self {
            verdict: Verdict::of(report, first.first()),
            timeline: report
                .timeline
                .and_then(|timeline| TimelineView::of(timeline, &first_seen, report.summary.quality.missing_roots)),
            map: report.service_graph.as_deref().and_then(ServiceMap::of),
            flames: paths.iter().map(|paths| Flames::of(paths, &colours)).collect(),
            colours,
        }
    }

    fn page<'a>(&'a self, report: &'a Report<'_>, room: Room) -> Page<'a> {
        let cards = cards(report, &self.colours, room);
        let links = report.links;
        let table = |table, about: &str| HtmlTable::of(table, shown(about), room.rows, links, &["pattern_id"]);
        let mut services: Vec<String> = cards.iter().map(|card| card.service.clone()).collect();
        services.sort();
        services.dedup();
        services.retain(|name| !name.is_empty());
        services.truncate(MAX_OPTIONS);
        let mut detectors: Vec<String> = cards.iter().map(|card| card.detector.clone()).collect();
        detectors.sort();
        detectors.dedup();
        let found =
            |empty: bool| report.detectors.iter().filter(move |detector| (detector.table.row_count() == 0) == empty);
        let incident = report.summary.incident.as_ref().map(|incident| Incident {
            verdict: shown(&incident.verdict()),
            left_out: incident.left_out().iter().map(|note| shown(note)).collect(),
            tables: report.incident.iter().map(|of_incident| table(of_incident, "")).collect(),
        });
        let comparison = report.comparison.map(|comparison| ComparisonView {
            baseline: shown(&comparison.baseline),
            counts: comparison
                .counts
                .iter()
                .map(|(status, count)| [status.replace('_', " "), units::count(count)])
                .collect(),
            doubts: comparison.doubts.iter().map(|doubt| shown(doubt)).collect(),
        });
        Page {
            policy: policy(),
            style: STYLE,
            script: SCRIPT,
            version: env!("CARGO_PKG_VERSION"),
            verdict: &self.verdict,
            cards_left_out: cards_left_out(report, &cards, room),
            detectors,
            services,
            timeline: self.timeline.as_ref(),
            timeline_width: WIDTH,
            map: self.map.as_ref().filter(|_| room.drawings),
            has_static_timeline: room.drawings,
            node_width: NODE_WIDTH,
            node_height: NODE_HEIGHT,
            flames: &self.flames[..self.flames.len().min(room.flames)],
            entries: report
                .entries
                .map(|entries| HtmlTable::of(entries, String::new(), room.rows, links, &ENTRY_COLUMNS_HIDDEN)),
            incident,
            comparison,
            compared: report.compared.iter().map(|compared| table(compared, "")).collect(),
            tables: found(false).map(|detector| table(detector.table, detector.description.summary)).collect(),
            silent: found(true).map(|detector| shown(&detector.found_nothing())).collect(),
            settings: settings(report.settings),
            arguments: shortened(&report.arguments.join(" "), MAX_ARGUMENTS),
            data: json_in_page(&json!({ "timeline": self.timeline.as_ref().map(|timeline| &timeline.data) })),
            cards,
        }
    }
}

/// Columns of entries that say too little for their width.
const ENTRY_COLUMNS_HIDDEN: [&str; 6] = [
    "entry_kind",
    "database_calls_max",
    "failed_trace_id",
    "most_calls_trace_id",
    "most_database_calls_trace_id",
    "deepest_trace_id",
];

/// Services, those first that are seen most in what is drawn.
fn services_by_time(report: &Report<'_>) -> Vec<String> {
    let mut time: hashbrown::HashMap<String, i128> = hashbrown::HashMap::new();
    let evidence = report.evidence.into_iter();
    for span in evidence.flat_map(|evidence| evidence.traces.values()).flat_map(|trace| &trace.spans) {
        *time.entry(shown(&span.service)).or_default() += i128::from(span.duration_ns);
    }
    let mut services: Vec<(String, i128)> = time.into_iter().collect();
    services.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    services.into_iter().map(|(service, _)| service).collect()
}

fn cards_left_out(report: &Report<'_>, cards: &[Card], room: Room) -> String {
    let (patterns, _) = report.problems.counts();
    let left_out = patterns - cards.len() as u64;
    let mut notes = Vec::new();
    if left_out > 0 {
        notes.push(format!(
            "{} not shown: the table problems of --output holds all",
            units::counted(left_out, "more pattern")
        ));
    }
    if report.evidence.is_none() && !cards.is_empty() {
        notes.push("traces are not shown, because their spans are not at hand: tracescan trace shows them".to_owned());
    } else if room.with_traces == 0 && !cards.is_empty() {
        notes.push("there is no room for traces: --report-size gives more".to_owned());
    } else if cards.len() > room.with_traces {
        notes.push(format!("the first {} come with their traces", units::count(room.with_traces)));
    }
    notes.join("; ")
}

/// What browsers are to run and load: this style and this script, and nothing from anywhere.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

fn settings(settings: &serde_json::Value) -> Vec<[String; 2]> {
    let fields = settings.as_object().into_iter().flatten();
    let fields = fields.filter(|(name, value)| {
        !SETTINGS_LEFT_OUT.contains(&name.as_str())
            && !value.is_null()
            && value.as_array().is_none_or(|list| !list.is_empty())
    });
    fields.map(|(name, value)| [shown(name), shortened(&value.to_string(), MAX_SETTING)]).collect()
}
