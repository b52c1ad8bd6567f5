use crate::trace::sample::Sample;
use crate::trace::{NO_ROW, TraceView};

use super::Row;

/// The spans of a trace by start: `NAME@SERVICE<PARENT`, and `!` before those that nobody waits for, `?` before those that root a
/// fragment.
fn shown(trace: &TraceView<'_>) -> String {
    let tree = trace.tree;
    let name = |row: Row| trace.semantics.symbols.resolve(trace.semantics_of(row).name);
    let service = |row: Row| trace.semantics.symbols.resolve(trace.service(row));
    let one = |row: Row| {
        let parent = tree.parents[row as usize];
        let mark = match tree.path_roots.iter().find(|root| root.row == row).map(|root| root.reason.as_str()) {
            Some("segment") => "!",
            Some("fragment") => "?",
            _ => "",
        };
        let above = if parent == NO_ROW { String::new() } else { format!("<{}", name(parent)) };
        format!("{mark}{}@{}{above}", name(row), service(row))
    };
    (0..tree.len() as Row).map(one).collect::<Vec<_>>().join(" ")
}

fn check(cases: &[(&str, &str, &str)]) {
    for (rule, spans, expected) in cases {
        let lines: Vec<String> = spans.split(" | ").map(|span| format!("1 {span}")).collect();
        let sample = Sample::of(&lines.join("\n"));
        sample.with_trace(0, 0, |trace| assert_eq!(shown(trace), *expected, "{rule}"));
    }
}

/// What closes a cycle of parents roots a fragment.
#[test]
fn cycles_are_cut() {
    check(&[
        (
            "at the earliest span",
            "2 3 a INTERNAL late 5..9 | 3 1 a INTERNAL later 6..9 | 1 2 a INTERNAL first 0..9",
            "?first@a late@a<later later@a<first",
        ),
        (
            "of those that begin together at the one that ends last",
            "1 2 a INTERNAL short 0..5 | 2 1 a INTERNAL long 0..9",
            "short@a<long ?long@a",
        ),
        (
            "of those that are equally long at the one with the lower id",
            "2 1 a INTERNAL second 0..9 | 1 2 a INTERNAL first 0..9",
            "?first@a second@a<first",
        ),
        (
            "whatever the edges are",
            "1 2 a INTERNAL first 0..9 opentracing.ref_type=follows_from | 2 1 b CONSUMER second 5..9",
            "?first@a !second@b<first",
        ),
    ]);
}

/// A child that begins when its parent has ended, and goes on by more than times are rounded, roots a segment.
#[test]
fn late_children_are_not_waited_for() {
    check(&[
        ("from the end on", "1 0 a SERVER root 0..10 | 2 1 a INTERNAL late 10..20", "root@a !late@a<root"),
        ("not before it", "1 0 a SERVER root 0..10 | 2 1 a INTERNAL over 9..20", "root@a over@a<root"),
        ("without length", "1 0 a SERVER root 0..10 | 2 1 a INTERNAL none 10..10", "root@a none@a<root"),
        ("by rounding to ms", "1 0 a SERVER root 0..10 | 2 1 a INTERNAL same 10..11", "root@a same@a<root"),
        ("by rounding to us", "1 0 a SERVER root 0..10 | 2 1 a INTERNAL same 10..10.001", "root@a same@a<root"),
        (
            "where one end is finer than ms",
            "1 0 a SERVER root 0..10 | 2 1 a INTERNAL late 10..11 | 3 1 a INTERNAL fine 1..2.5",
            "root@a fine@a<root !late@a<root",
        ),
        (
            "below a parent that is late itself",
            "1 0 a SERVER root 0..10 | 2 1 a INTERNAL late 20..30 | 3 2 a INTERNAL child 21..29",
            "root@a !late@a<root child@a<late",
        ),
        ("a CONSUMER too", "1 0 a CONSUMER get 0..10 | 2 1 a CONSUMER use 12..20", "get@a !use@a<get"),
        ("a CONSUMER in time", "1 0 a CONSUMER get 0..10 | 2 1 a CONSUMER use 2..9", "get@a use@a<get"),
    ]);
}

/// A span without a service name belongs to the service of the nearest span above that has one.
#[test]
fn services_are_inherited() {
    const SHARED: &str = "1 0 a SERVER root 0..100 | 2 1 a CLIENT call 10..90 | 2 1 b SERVER serve 20..80";
    check(&[
        (
            "from the nearest, over others without one",
            "1 0 a SERVER root 0..9 | 2 1 unknown_service INTERNAL one 1..8 | 3 2 unknown_service CLIENT two 2..7",
            "root@a one@a<root two@a<one",
        ),
        (
            "over any edge, before it is asked who waits",
            "1 0 a SERVER root 0..9 | 2 1 unknown_service CONSUMER got 1..8 | \
             3 2 unknown_service INTERNAL then 2..7 opentracing.ref_type=follows_from",
            "root@a got@a<root !then@a<got",
        ),
        (
            "only where one has one",
            "1 0 unknown_service SERVER root 0..9 | 2 1 unknown_service INTERNAL one 1..8 | 3 2 b SERVER get 2..7",
            "root@unknown_service one@unknown_service<root get@b<one",
        ),
        (
            "below a shared id from the half that serves",
            &format!("{SHARED} | 3 2 unknown_service INTERNAL work 30..40"),
            "root@a call@a<root serve@b<call work@b<serve",
        ),
        (
            "while a known one has its place by its service",
            &format!("{SHARED} | 3 2 a INTERNAL wait 30..40"),
            "root@a call@a<root serve@b<call wait@a<call",
        ),
    ]);
}

/// A link that a half follows from may name the other half or what that hangs below.
#[test]
fn a_shared_half_may_follow() {
    check(&[
        (
            "from the parent of the client's half",
            "1 0 a SERVER root 0..100 | 2 1 a CLIENT call 10..90 | 2 1 b SERVER serve 20..80 opentracing.ref_type=follows_from",
            "root@a call@a<root !serve@b<call",
        ),
        (
            "from the client's half",
            "1 0 a SERVER root 0..100 | 2 1 a CLIENT call 10..90 | 2 2 b SERVER serve 20..80 opentracing.ref_type=follows_from",
            "root@a call@a<root !serve@b<call",
        ),
    ]);
}

/// A proxy belongs to the caller if it lies between an application's span and an application's entry span.
#[test]
fn proxies_between_two_services_belong_to_the_caller() {
    check(&[
        (
            "through proxies only",
            "1 0 a SERVER root 0..9 | 2 1 m CLIENT out 1..8 component=proxy | 3 2 n SERVER in 2..7 upstream_cluster=b | \
             4 3 b SERVER serve 3..6",
            "root@a out@a<root in@a<out serve@b<in",
        ),
        (
            "with an application above",
            "2 0 m CLIENT out 1..8 component=proxy | 3 2 n SERVER in 2..7 component=proxy | 4 3 b SERVER serve 3..6",
            "out@m in@n<out serve@b<in",
        ),
        (
            "with an entry span below",
            "1 0 a SERVER root 0..9 | 2 1 m CLIENT out 1..8 component=proxy | 3 2 a INTERNAL work 3..6",
            "root@a out@m<root work@a<out",
        ),
        (
            "that share an id",
            "1 0 a SERVER root 0..9 | 2 1 m CLIENT out 1..8 component=proxy | 2 1 n SERVER in 2..7 component=proxy | \
             3 2 b SERVER serve 3..6",
            "root@a out@a<root in@a<out serve@b<in",
        ),
        (
            "that share it with their application",
            "1 0 a SERVER root 0..9 | 2 1 m CLIENT out 1..8 component=proxy | 2 1 n SERVER in 2..7 component=proxy | \
             2 1 b SERVER serve 3..6",
            "root@a out@a<root in@a<out serve@b<in",
        ),
        (
            "other components are no proxies",
            "1 0 a SERVER root 0..9 | 2 1 m CLIENT out 1..8 component=grpc | 3 2 b SERVER serve 3..6",
            "root@a out@m<root serve@b<out",
        ),
    ]);
}
