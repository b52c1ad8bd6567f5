use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::trace::TraceView;
use crate::trace::sample::Sample;

/// Lets `check` look at the only trace of a sample, at its windows and at a way to tell rows by span ids.
fn with_windows(lines: &str, check: impl FnOnce(&TraceView<'_>, &Windows)) {
    let sample = Sample::of(lines);
    sample.with_trace(0, 0, |trace| {
        let mut windows = Windows::default();
        windows.rebuild(trace.tree, trace.semantics, crate::trace::OverlapTolerance { millionths: 0 });
        check(trace, &windows);
    });
}

/// The length in ms of the segment of span 1 with edits of spans by their ids, or of all segments that have edits.
fn length_ms(lines: &str, edits: &[(u64, Edit)]) -> f64 {
    let mut length = 0;
    with_windows(lines, |trace, windows| {
        let row = |id: u64| trace.tree.span_ids.iter().position(|span| span.0 == id).expect("a span") as Row;
        let mut edits: Vec<(Row, Edit)> = edits.iter().map(|&(id, edit)| (row(id), edit)).collect();
        edits.sort_unstable();
        let rows: Vec<Row> = edits.iter().map(|&(row, _)| row).collect();
        let segments = EditedSegment::of_trace(trace.tree, windows, rows.into_iter());
        let mut buffers = RetimingBuffers::default();
        length = segments.iter().map(|segment| length_with(segment, &edits, &mut buffers)).sum();
    });
    length as f64 / 1e6
}

/// The length of a segment with those of the edits that are of its spans.
fn length_with(segment: &EditedSegment, edits: &[(Row, Edit)], buffers: &mut RetimingBuffers) -> i64 {
    let placed = edits.iter().filter_map(|&(row, edit)| Some((segment.place_of(row)?, edit)));
    segment.retiming.length_with(placed, buffers)
}

const MS: i64 = 1_000_000;

/// One line a rule: what is there, what is edited, what is left in ms.
#[test]
fn lengths_with_edits() {
    let serial =
        "1 1 0 web SERVER GET 0..100\n1 2 1 web CLIENT a 10..30\n1 3 1 web CLIENT b 40..60\n1 4 1 web CLIENT c 60..90";
    let parallel =
        "1 1 0 web SERVER GET 0..100\n1 2 1 web CLIENT a 10..90\n1 3 1 web CLIENT b 10..70\n1 4 1 web CLIENT c 20..40";
    let nested = "1 1 0 web SERVER GET 0..100\n1 2 1 web INTERNAL a 10..90\n1 3 2 web CLIENT b 20..80\n1 4 1 web CLIENT c 92..95";
    let retried = "1 1 0 web SERVER GET 0..100\n1 2 1 web CLIENT a 0..10 ERROR\n1 3 1 web CLIENT a 40..50 ERROR\n1 4 1 web CLIENT a 80..90";
    type Case<'a> = (&'a str, &'a [(u64, Edit)], f64);
    let cases: &[Case<'_>] = &[
        // What is not changed is not, wherever something of no effect is edited.
        (serial, &[(2, Edit::Cap(20 * MS))], 100.0),
        // The gap after what is cut stays, and what comes after it moves.
        (serial, &[(2, Edit::Cut)], 80.0),
        (serial, &[(2, Edit::Cut), (3, Edit::Cut), (4, Edit::Cut)], 30.0),
        (serial, &[(3, Edit::Lead)], 90.0),
        (serial, &[(3, Edit::Lead), (3, Edit::Cut)], 70.0),
        (serial, &[(4, Edit::Cap(5 * MS))], 75.0),
        // Where others run at the same time, the longest that is left decides.
        (parallel, &[(2, Edit::Cut)], 80.0),
        (parallel, &[(4, Edit::Cut)], 100.0),
        (parallel, &[(2, Edit::Cut), (3, Edit::Cut)], 50.0),
        // What was led starts where the window does: nothing came before it.
        (parallel, &[(2, Edit::Lead)], 90.0),
        // What lies above what is shorter is shorter.
        (nested, &[(3, Edit::Cut)], 40.0),
        (nested, &[(3, Edit::Cut), (2, Edit::Cap(15 * MS))], 35.0),
        (nested, &[(2, Edit::Cut)], 20.0),
        (nested, &[(1, Edit::Cut)], 0.0),
        (nested, &[(1, Edit::Cap(7 * MS)), (3, Edit::Cut)], 7.0),
        (nested, &[(2, Edit::Cap(-5))], 20.0),
        // Attempts after the first, and what was waited for before them.
        (retried, &[(3, Edit::Cut), (3, Edit::Lead), (4, Edit::Cut), (4, Edit::Lead)], 20.0),
        (retried, &[(3, Edit::Cut), (4, Edit::Cut)], 80.0),
    ];
    for (lines, edits, expected) in cases {
        assert_eq!(length_ms(lines, edits), *expected, "{lines}\n{edits:?}");
    }
}

/// Nobody waits for an asynchronous child: it is a segment of its own, and what is cut of it shortens nothing else.
#[test]
fn segments_are_apart() {
    let lines = "1 1 0 web SERVER GET 0..100\n1 2 1 web PRODUCER send 10..20\n1 3 2 mail CONSUMER send 30..300\n1 4 3 mail CLIENT db 40..290";
    assert_eq!(length_ms(lines, &[(4, Edit::Cut)]), 20.0);
    assert_eq!(length_ms(lines, &[(2, Edit::Cut), (4, Edit::Cut)]), 90.0 + 20.0);
}

/// A random trace of one segment, in ms; with spans that stick out of their parents, touch, overlap or hold no time.
fn random_trace(random: &mut impl rand::Rng) -> String {
    let mut lines = "1 1 0 s0 SERVER root 0..100\n".to_owned();
    for id in 2..=random.random_range(2..14u64) {
        let parent = random.random_range(1..id);
        let start = random.random_range(0..100u64);
        let end = start + random.random_range(0..60u64);
        let service = random.random_range(0..2);
        lines += &format!("1 {id} {parent} s{service} INTERNAL work {start}..{end}\n");
    }
    lines
}

fn random_edits(random: &mut impl rand::Rng, spans: usize) -> Vec<(Row, Edit)> {
    let mut edits = Vec::new();
    for row in 0..spans as Row {
        match random.random_range(0..6) {
            0 => edits.push((row, Edit::Cut)),
            1 => edits.push((row, Edit::Lead)),
            2 => edits.push((row, Edit::Cap(random.random_range(0..40) * MS))),
            3 => edits.extend([(row, Edit::Cut), (row, Edit::Lead)]),
            _ => {}
        }
    }
    edits
}

/// On any trace: without edits a length is what it was, more edits never make one longer, what is kept of a segment for some
/// edits gives what the whole segment gives, and a cut saves at most the path time of what is cut.
#[test]
fn what_holds_on_any_trace() {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(13);
    let mut buffers = RetimingBuffers::default();
    for _ in 0..3_000 {
        let lines = random_trace(&mut random);
        with_windows(&lines, |trace, windows| {
            let spans = trace.tree.len();
            let all: Vec<Row> = (0..spans as Row).collect();
            let whole = |edits: &[(Row, Edit)], buffers: &mut RetimingBuffers| -> i64 {
                let segments = EditedSegment::of_trace(trace.tree, windows, all.iter().copied());
                segments.iter().map(|segment| length_with(segment, edits, buffers)).sum()
            };
            let old: i64 = trace.tree.path_roots.iter().map(|root| trace.duration(root.row)).sum();
            assert_eq!(whole(&[], &mut buffers), old, "{lines}");

            let edits = random_edits(&mut random, spans);
            let few: Vec<(Row, Edit)> = edits.iter().copied().filter(|_| random.random_bool(0.5)).collect();
            let (with_all, with_few) = (whole(&edits, &mut buffers), whole(&few, &mut buffers));
            assert!(0 <= with_all && with_all <= with_few && with_few <= old, "{lines}{edits:?}\n{few:?}");

            let rows: Vec<Row> = edits.iter().map(|&(row, _)| row).collect();
            let kept = EditedSegment::of_trace(trace.tree, windows, rows.into_iter());
            let saved =
                |segment: &EditedSegment| segment.retiming.length() - length_with(segment, &edits, &mut buffers);
            let saved: i64 = kept.iter().map(saved).sum();
            assert_eq!(saved, old - with_all, "{lines}{edits:?}");

            let row = random.random_range(0..spans as Row);
            let saved = old - whole(&[(row, Edit::Cut)], &mut buffers);
            assert!(saved <= trace.path_time(row), "{lines}cut {row}: {saved} of {}", trace.path_time(row));
        });
    }
}

/// The dumps that retiming is tried on: the samples, and real ones where they are.
fn dumps() -> Vec<std::path::PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut dumps = vec![root.join("samples/incident.flat.parquet"), root.join("samples/healthy.flat.parquet")];
    for name in ["media", "robot-shop", "online-boutique"] {
        let path = root.join(format!("../shared/data/real/{name}.flat.parquet"));
        if path.is_file() {
            dumps.push(path);
        } else {
            #[expect(clippy::print_stderr, reason = "says why nothing was tested")]
            {
                eprintln!("skipped: {} is absent", path.display());
            }
        }
    }
    dumps
}

/// The same on every trace of dumps, whose clocks and tolerances are those of life.
#[test]
fn what_holds_on_every_trace_of_dumps() {
    use crate::frame::group;
    use crate::ingest::{ReadFrames, ReadOptions, read_frames};
    use crate::trace::{TraceModel, derive};

    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(14);
    let mut buffers = RetimingBuffers::default();
    for path in dumps() {
        let ReadFrames { builders, .. } = read_frames(&[path], &ReadOptions::default(), &());
        let (vocabulary, frame) = group(builders);
        let semantics = derive(&vocabulary, &crate::conventions::UncountedCalls::default());
        let mut model = TraceModel::default();
        for index in 0..frame.trace_count() {
            model.rebuild(frame.trace(index), &semantics);
            let tolerance = crate::trace::OverlapTolerance { millionths: 10_000 };
            let trace = model.view(index as u32, frame.trace_ids[index], &semantics, tolerance);
            let segments = EditedSegment::of_trace(trace.tree, trace.windows(), 0..trace.tree.len() as Row);
            let length = |edits: &[(Row, Edit)], buffers: &mut RetimingBuffers| -> i64 {
                segments.iter().map(|segment| length_with(segment, edits, buffers)).sum()
            };
            let old: i64 = trace.tree.path_roots.iter().map(|root| trace.duration(root.row)).sum();
            assert_eq!(length(&[], &mut buffers), old, "{}", trace.trace_id);
            let edits = random_edits(&mut random, trace.tree.len());
            let few: Vec<(Row, Edit)> = edits.iter().copied().filter(|_| random.random_bool(0.5)).collect();
            let (with_all, with_few) = (length(&edits, &mut buffers), length(&few, &mut buffers));
            assert!(0 <= with_all && with_all <= with_few && with_few <= old, "{}", trace.trace_id);
            for _ in 0..3 {
                let row = random.random_range(0..trace.tree.len() as Row);
                let saved = old - length(&[(row, Edit::Cut)], &mut buffers);
                assert!(saved <= trace.path_time(row), "{} {}", trace.trace_id, trace.span_id(row));
            }
        }
    }
}
