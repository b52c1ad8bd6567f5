//! Waits that are too long, callees that go on for nobody, and a job that is long by design.

use super::{Case, Fault, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, Sent, TraceBuilder};

const DETECTOR: Detector = Detector::Timeouts;

const SECOND: u64 = 1_000 * MILLISECOND;

pub(super) static FAULTS: &[Fault] = &[
    Fault { stages: &[(2, &DOCUMENT), (1, &LEFT)] },
    Fault { stages: &[(11, &FROM_ARCHIVE), (1, &WAITS)] },
    Fault { stages: &[(1, &JOB)] },
];

static DOCUMENT: Case = Case { name: "export-in-time", play: export_in_time };
static LEFT: Case = Case { name: "works-for-nobody", play: works_for_nobody };
static FROM_ARCHIVE: Case = Case { name: "archive-in-time", play: archive_in_time };
static WAITS: Case = Case { name: "waits-without-end", play: waits_without_end };
static JOB: Case = Case { name: "job-that-is-long-by-design", play: long_by_design };

fn ask(
    builder: &mut TraceBuilder,
    [page, operation]: [&'static Operation; 2],
    start: u64,
    [shortest, longest]: [u64; 2],
) {
    request(builder, page, start, |builder, handler| {
        builder.send(handler, operation, Sent::default(), |builder, callee| {
            callee.now += builder.random.between(shortest, longest);
            200
        });
    });
}

fn export_in_time(builder: &mut TraceBuilder, start: u64) {
    ask(builder, [&EXPORT_PAGE, &EXPORT], start, [80 * MILLISECOND, 160 * MILLISECOND]);
}

/// The page leaves after 3 s and goes on without; the exporter works on for some seconds.
fn works_for_nobody(builder: &mut TraceBuilder, start: u64) {
    request(builder, &EXPORT_PAGE, start, |builder, web| {
        let overrun = builder.random.between(2 * SECOND, 6 * SECOND);
        builder.call_timed_out(web, &EXPORT, 3 * SECOND, overrun);
    });
    builder.planted(DETECTOR, Service::Web, Some(Service::Exporter.name()));
}

fn archive_in_time(builder: &mut TraceBuilder, start: u64) {
    ask(builder, [&ARCHIVE_PAGE, &FROM_TAPE], start, [200 * MILLISECOND, 400 * MILLISECOND]);
}

fn waits_without_end(builder: &mut TraceBuilder, start: u64) {
    ask(builder, [&ARCHIVE_PAGE, &FROM_TAPE], start, [31 * SECOND, 45 * SECOND]);
    builder.planted(DETECTOR, Service::PartnerApi, Some(Service::Exporter.name()));
}

fn long_by_design(builder: &mut TraceBuilder, start: u64) {
    ask(builder, [&REPORTS, &YEARLY_REPORT], start, [20 * SECOND, 40 * SECOND]);
    builder.look_alike(DETECTOR, Service::Admin, Some(Service::Exporter.name()));
}
