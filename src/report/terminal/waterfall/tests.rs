//! Waterfalls as people see them, and what holds for any.

use super::*;
use crate::report::trace::samples::trace;

fn drawn_with(trace: &ShownTrace, options: WaterfallOptions, width: usize) -> String {
    let mut out = Vec::new();
    let style = TerminalStyle { width, colour: false };
    write_waterfall(&mut out, trace, options, style, &TraceLinks::default()).unwrap();
    String::from_utf8(out).unwrap()
}

fn drawn(trace: &ShownTrace, width: usize) -> String {
    drawn_with(trace, WaterfallOptions::default(), width)
}

fn all(trace: &ShownTrace, width: usize) -> String {
    drawn_with(trace, WaterfallOptions { all: true, attributes: true }, width)
}

/// A root and `count` calls of a database, every hundredth of which failed.
fn many(count: usize) -> ShownTrace {
    let mut trace = trace();
    trace.spans.truncate(1);
    trace.spans.extend((0..count).map(|index| ShownSpan {
        parent: Some(0),
        depth: 1,
        service: "cart".to_owned(),
        name: "SELECT".to_owned(),
        start_ns: index as i64 * 50_000,
        duration_ns: 40_000,
        failed: index % 100 == 99,
        message: "deadlock".to_owned(),
        ..ShownSpan::default()
    }));
    trace
}

#[test]
fn the_critical_path_stands_out() {
    insta::assert_snapshot!(drawn(&trace(), 90), @"
    trace 4bf92f3577b34da6a3ce929d0e0e4736: 4 spans of 3 services, 125 ms from
    1970-01-01T00:00:00Z, 1 failed (!)

    1 finding
    [1] n-plus-one: cart SELECT items → postgresql/carts
        measured 12, threshold 5 · costs 40 ms · span 0000000000000002 ·
        pattern 0123456789abcdef

    █ on the critical path  ░ off it  [1] about finding 1  (1) evidence of it

      web: GET /cart                           100 ms ███░░░░░░░░░░░░░░█████████
    !   cart: GetCart                           60 ms   ████████████████               [1]
          └ no such cart
          cart: SELECT items…Y added LIMIT 100    0 s      ░                           (1)
        mail: send                              35 ms                        ░░░░░░░░░ segment
    ");
}

#[test]
fn attributes_are_shown_if_asked_for() {
    insta::assert_snapshot!(all(&trace(), 80), @"
    trace 4bf92f3577b34da6a3ce929d0e0e4736: 4 spans of 3 services, 125 ms from
    1970-01-01T00:00:00Z, 1 failed (!)

    1 finding
    [1] n-plus-one: cart SELECT items → postgresql/carts
        measured 12, threshold 5 · costs 40 ms · span 0000000000000002 ·
        pattern 0123456789abcdef

    █ on the critical path  ░ off it  [1] about finding 1  (1) evidence of it
    Attributes are those that the analysis asks for, ids in them as {}, numbers and
    literals as ?; what else was recorded is not known here.

      web: GET /cart                       100 ms ███░░░░░░░░░░░███████
    !   cart: GetCart                       60 ms   █████████████            [1]
          └ no such cart
            rpc.system.name=grpc
          cart: SELECT ite…added LIMIT 100    0 s     ░                      (1)
        mail: send                          35 ms                   ░░░░░░░░ segment
    ");
}

#[test]
fn a_run_is_a_line_and_its_failures_are_seen() {
    insta::assert_snapshot!(drawn(&many(300), 100), @"
    trace 4bf92f3577b34da6a3ce929d0e0e4736: 301 spans of 2 services, 100 ms from 1970-01-01T00:00:00Z, 3
    failed (!)

    1 finding
    [1] n-plus-one: cart SELECT items → postgresql/carts
        measured 12, threshold 5 · costs 40 ms · span 0000000000000002 · pattern 0123456789abcdef

    █ on the critical path  ░ off it

      web: GET /cart                       100 ms ██████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░█████████████████
        cart: SELECT  ×300  total 12 ms  3 failed ░░░░░░░░░
    !   cart: SELECT                        40 µs   ░
          └ deadlock
    !   cart: SELECT                        40 µs      ░
          └ deadlock
    !   cart: SELECT                        40 µs         ░
          └ deadlock
    ");
    let text = all(&many(300), 100);
    assert_eq!(text.matches("cart: SELECT").count(), 300);
}

#[test]
fn lines_fit() {
    for width in 60..200 {
        for trace in [trace(), many(300)] {
            for text in [drawn(&trace, width), all(&trace, width)] {
                for line in text.lines() {
                    assert!(text_width(line) <= width, "{width}: {line}");
                }
            }
        }
    }
    drawn(&trace(), 1);
    drawn(&ShownTrace::default(), 80);
}

/// Depth and number of spans come from the input, and neither may flood the terminal; those that failed are seen.
#[test]
fn deep_and_wide_traces_are_cut() {
    let span = |depth: usize| ShownSpan {
        depth,
        parent: depth.checked_sub(1),
        service: "web".to_owned(),
        name: "a".to_owned(),
        start_ns: i64::MAX,
        duration_ns: i64::MAX,
        failed: depth >= 1_000,
        on_path: if depth >= 1_990 { vec![(0, 1)] } else { Vec::new() },
        ..ShownSpan::default()
    };
    let trace = ShownTrace { spans: (0..2_000).map(span).collect(), ..ShownTrace::default() };
    let text = drawn(&trace, 80);
    assert!(text.contains("… 1,400 more spans, 900 failed, 10 on the critical path; --all shows them"), "{text}");
    assert_eq!(text.matches("\n! ").count(), 100);
    assert!(text.lines().all(|line| text_width(line) <= 110));
    assert_eq!(all(&trace, 80).matches("web: a").count(), 2_000);
}

/// Names of spans cannot steer the terminal, and wide ones keep the bars below each other.
#[test]
fn hostile_names_are_harmless() {
    let mut trace = trace();
    trace.spans[1].name = "订单\u{1b}[31m\u{202e}\n服务".to_owned();
    trace.spans[1].message = "\u{1b}]8;;http://evil\u{7}x".to_owned();
    let text = all(&trace, 100);
    assert!(!text.contains(|character: char| character.is_control() && character != '\n'), "{text:?}");
    let column = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.contains(name)).unwrap();
        text_width(&line[..line.find(['█', '░']).unwrap()])
    };
    let scale = trace.spans[0].duration_ns / 60;
    assert!(scale > 0 && column(&text, "web: GET") < column(&text, "订单"), "{text}");
}
