use super::*;
use crate::conventions::UncountedCalls;
use crate::frame::{FrameBuilder, SpanSink as _, group};
use crate::span::{KeyValue, Origin, SpanId, SpanKind, SpanRecord, TraceId, Value};
use crate::trace::{RootReason, TraceModel, derive};

/// When the root of every case begins; a multiple of no coarser unit than a nanosecond.
const START: i64 = 1_700_000_000_000_000_001;

/// The root of every case: `P`, of the service `web`, from 0 to 1000.
const ROOT: &str = "P:0..1000";

/// The critical path of the root and the number of spans that were clamped, given the spans below it: `NAME:start..end` in
/// ns after the root's start, each with one letter as its name, whose place in the alphabet is that of its id; `NAME@service`
/// where that is not the root's, `NAME^PARENT` where that is not the root, `!` before what is a message's consumer.
fn path(spans: &str, tolerance: OverlapTolerance) -> (String, u64) {
    let text =
        |key: &str, value: &str| KeyValue { key: key.to_owned().into(), value: Value::Str(value.to_owned().into()) };
    let id = |name: &str| SpanId(name.bytes().map(u64::from).sum());
    let mut builder = FrameBuilder::default();
    for span in [ROOT].into_iter().chain(spans.split_whitespace()) {
        let (names, times) = span.rsplit_once(':').expect("names:times");
        let (start, end) = times.split_once("..").expect("start..end");
        let at = |offset: &str| (START + offset.parse::<i64>().expect("an offset")) as u64;
        let is_consumer = names.starts_with('!');
        let (names, parent) =
            names.trim_start_matches('!').split_once('^').unwrap_or((names.trim_start_matches('!'), "P"));
        let (name, service) = names.split_once('@').unwrap_or((names, "web"));
        let record = SpanRecord {
            trace_id: TraceId([1; 16]),
            span_id: id(name),
            parent_span_id: if name == "P" { SpanId::NONE } else { id(parent) },
            name: name.to_owned().into(),
            kind: if is_consumer { SpanKind::Consumer } else { SpanKind::Internal },
            start_unix_nano: at(start),
            end_unix_nano: at(end),
            ..SpanRecord::default()
        };
        let origin = Origin { resource_attributes: vec![text("service.name", service)], ..Origin::default() };
        builder.span(&origin, &record, 0);
    }
    let (vocabulary, traces) = group(vec![builder]);
    let semantics = derive(&vocabulary, &UncountedCalls::default());
    let mut model = TraceModel::default();
    model.rebuild(traces.trace(0), &semantics);
    let view = model.view(0, TraceId([1; 16]), &semantics, tolerance);
    let root = view.tree.path_roots.iter().position(|root| root.reason == RootReason::Root).expect("a root");
    let section = |section: &Section| {
        let name = semantics.symbols.resolve(view.semantics_of(section.row).name);
        format!("{name} {}..{}", section.start - START, section.end - START)
    };
    let sections: Vec<String> = view.paths.sections_of(root).iter().map(section).collect();
    (sections.join(", "), view.paths.clamped)
}

const NO_TOLERANCE: OverlapTolerance = OverlapTolerance { millionths: 0 };
const ONE_PERCENT: OverlapTolerance = OverlapTolerance { millionths: 10_000 };

/// The walk from the window's end: what was waited for last, then what before that, and gaps are the parent's own.
#[test]
fn the_walk() {
    for (rule, spans, sections) in [
        ("no children", "", "P 0..1000"),
        ("gaps are the parent's", "a:100..300 b:500..900", "P 0..100, a 100..300, P 300..500, b 500..900, P 900..1000"),
        ("no gaps, nothing for the parent", "a:0..400 b:400..1000", "a 0..400, b 400..1000"),
        ("gaps of every level", "a:100..900 b^a:200..400", "P 0..100, a 100..200, b 200..400, a 400..900, P 900..1000"),
        ("the child that ends last is waited for", "a:0..600 b:400..1000", "P 0..400, b 400..1000"),
        (
            "before it, the one that ended by its start",
            "a:0..600 b:400..1000 c:100..400",
            "P 0..100, c 100..400, b 400..1000",
        ),
        ("a nanosecond later is too late", "a:100..401 b:400..1000", "P 0..400, b 400..1000"),
        ("what runs beside is not waited for", "a:100..900 b:200..800", "P 0..100, a 100..900, P 900..1000"),
        ("nor is what lies below that", "a:100..900 b:200..800 c^b:300..400", "P 0..100, a 100..900, P 900..1000"),
        ("equal ends: the earlier start", "a:500..1000 b:300..1000", "P 0..300, b 300..1000"),
        ("equal ends and starts: the lower id", "b:300..1000 a:300..1000", "P 0..300, a 300..1000"),
        ("a span without length holds no time", "a:500..500", "P 0..1000"),
        ("also where it would end last", "a:1000..1000 b:500..900", "P 0..500, b 500..900, P 900..1000"),
        ("asynchronous spans are on no path but their own", "!a@cart:100..500", "P 0..1000"),
        ("nor is what lies below them", "!a@cart:100..500 b@cart^a:200..300", "P 0..1000"),
    ] {
        assert_eq!(path(spans, NO_TOLERANCE), (sections.to_owned(), 0), "{rule}: {spans}");
    }
}

/// A child is cut to its parent's window, as that itself was cut, and counted.
#[test]
fn children_are_cut_to_their_parents_window() {
    for (rule, spans, sections, clamped) in [
        ("at the start", "a:-100..200", "a 0..200, P 200..1000", 1),
        ("at the end", "a:900..1200", "P 0..900, a 900..1000", 1),
        ("on both sides", "a:-5..1005", "a 0..1000", 1),
        ("to the parent's cut window", "a:900..1200 b^a:950..1100", "P 0..900, a 900..950, b 950..1000", 2),
        ("wholly before: no time", "a:-200..-100 b:0..500", "b 0..500, P 500..1000", 1),
        ("what fits is not counted", "a:0..1000 b^a:0..1000", "b 0..1000", 0),
    ] {
        assert_eq!(path(spans, NO_TOLERANCE), (sections.to_owned(), clamped), "{rule}: {spans}");
    }
    assert_eq!(path("a:1100..1200", NO_TOLERANCE).0, "P 0..1000", "wholly after: no time");
}

/// A sibling that passes the start of the one waited for by little counts as having ended there.
#[test]
fn small_overlaps_are_sequential() {
    const SEQUENTIAL: &str = "P 0..100, a 100..500, b 500..900, P 900..1000";
    const PARALLEL: &str = "P 0..500, b 500..900, P 900..1000";
    for (rule, spans, sections) in [
        ("less than 1 % of the parent's window", "a:100..509 b:500..900", SEQUENTIAL),
        ("1 % of it is too much", "a:100..510 b:500..900", PARALLEL),
        (
            "the window is that of the direct parent",
            "a:0..500 b^a:50..254 c^a:250..450",
            "a 0..50, b 50..250, c 250..450, a 450..500, P 500..1000",
        ),
        ("which may be small", "a:0..500 b^a:50..255 c^a:250..450", "a 0..250, c 250..450, a 450..500, P 500..1000"),
        (
            "of the same service, less than 5 % of its own length",
            "a:328..509 b:500..900",
            "P 0..328, a 328..500, b 500..900, P 900..1000",
        ),
        ("5 % of it is too much", "a:329..509 b:500..900", PARALLEL),
        (
            "of another service, its length does not matter",
            "a@cart:490..509 b:500..900",
            "P 0..490, a 490..500, b 500..900, P 900..1000",
        ),
        ("nor does it if the other is", "a:490..509 b@cart:500..900", "P 0..490, a 490..500, b 500..900, P 900..1000"),
        ("no third start inside the overlap", "a:100..509 b:500..900 c:505..700", PARALLEL),
        ("nor at its end", "a:100..509 b:500..900 c:509..700", PARALLEL),
        ("nor at its start", "a:100..509 b:500..900 c:500..700", PARALLEL),
        ("behind it does not matter", "a:100..509 b:500..900 c:510..700", SEQUENTIAL),
        (
            "no third end at its start",
            "a:100..509 b:500..900 c:200..500",
            "P 0..200, c 200..500, b 500..900, P 900..1000",
        ),
        ("nor at its end", "a:100..509 b:500..900 c:200..509", PARALLEL),
        (
            "of two that qualify, the one that ends first",
            "a:100..509 b:500..900 c:300..505",
            "P 0..300, c 300..500, b 500..900, P 900..1000",
        ),
        ("spans without length are ignored", "a:100..509 b:500..900 c:505..505", SEQUENTIAL),
        ("it competes by its unclipped end", "a:100..509 b:500..900 c:300..490", SEQUENTIAL),
        (
            "what lies below it is clipped too",
            "a:100..509 b:500..900 c^a:400..509",
            "P 0..100, a 100..400, c 400..500, b 500..900, P 900..1000",
        ),
        (
            "one after the other",
            "a:100..305 b:301..503 c:500..900",
            "P 0..100, a 100..301, b 301..500, c 500..900, P 900..1000",
        ),
    ] {
        assert_eq!(path(spans, ONE_PERCENT), (sections.to_owned(), 0), "{rule}: {spans}");
    }
    assert_eq!(path("a:100..501 b:500..900", NO_TOLERANCE).0, PARALLEL, "0 turns it off");
    let half = OverlapTolerance { millionths: 500_000 };
    assert_eq!(path("a@cart:100..700 b:500..900", half).0, SEQUENTIAL, "the share is a setting");
}
