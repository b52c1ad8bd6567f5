//! Operations that fail with what they call, and others that do without.

use super::{Case, Fault, visit};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{Sent, TraceBuilder};

const DETECTOR: Detector = Detector::HardDependency;

pub(super) static FAULTS: &[Fault] = &[
    Fault { stages: &[(1, &VERIFIED), (1, &NOT_VERIFIED)] },
    Fault { stages: &[(1, &WITH_NEWS), (1, &WITHOUT_NEWS)] },
];

static VERIFIED: Case = Case { name: "verified", play: verified };
static NOT_VERIFIED: Case = Case { name: "fails-with-its-partner", play: not_verified };
static WITH_NEWS: Case = Case { name: "with-news", play: with_news };
static WITHOUT_NEWS: Case = Case { name: "fallback", play: without_news };

fn verify(builder: &mut TraceBuilder, start: u64, code: u16) {
    visit(builder, &VERIFY, start, |builder, web| {
        builder.reach(web, &VERIFY_IDENTITY, Sent::default(), code);
        if code == 200 { 200 } else { 502 }
    });
}

fn verified(builder: &mut TraceBuilder, start: u64) {
    verify(builder, start, 200);
}

fn not_verified(builder: &mut TraceBuilder, start: u64) {
    verify(builder, start, 503);
    builder.planted(DETECTOR, Service::Web, Some(Partner::Identity.host()));
}

fn with_news(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &NEWS, start, |builder, mobile| {
        builder.reach(mobile, &HEADLINES, Sent::default(), 200);
        200
    });
}

/// The answer has no news in it, and that is fine.
fn without_news(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &NEWS, start, |builder, mobile| {
        builder.reach(mobile, &HEADLINES, Sent::default(), 503);
        builder.work(mobile, "leave out news");
        200
    });
    builder.look_alike(DETECTOR, Service::MobileBff, Some(Partner::News.host()));
}
