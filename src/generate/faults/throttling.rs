//! Calls that are told to slow down, and others to a target that is only busy.

use super::{Case, Fault, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, Sent, TraceBuilder};

const DETECTOR: Detector = Detector::Throttling;

pub(super) static FAULTS: &[Fault] = &[Fault { stages: &[(1, &IMPATIENT)] }, Fault { stages: &[(1, &BUSY)] }];

static IMPATIENT: Case = Case { name: "impatient-client", play: impatient };
static BUSY: Case = Case { name: "waits-for-a-busy-host", play: waits_for_a_busy_host };

/// Told to wait 2 s, it comes back after a tenth of that.
fn impatient(builder: &mut TraceBuilder, start: u64) {
    request(builder, &INVITE, start, |builder, web| {
        for (attempt, code) in [429, 429, 200].into_iter().enumerate() {
            builder.reach(web, &SEND_TEXT, Sent::with_argument(1 + start % 1_000), code);
            if code == 429 {
                builder.ask_to_wait(2);
                web.now += (attempt as u64 + 1) * 200 * MILLISECOND;
            }
        }
    });
    builder.planted(DETECTOR, Service::Web, Some(Partner::Texts.host()));
}

/// Busy is not throttled, and this one waits as long as it is told to.
fn waits_for_a_busy_host(builder: &mut TraceBuilder, start: u64) {
    request(builder, &MAP, start, |builder, mobile| {
        for code in [503, 200] {
            builder.reach(mobile, &GET_TILE, Sent::with_argument(1 + start % 1_000), code);
            if code == 503 {
                builder.ask_to_wait(1);
                mobile.now += 1_050 * MILLISECOND;
            }
        }
    });
    builder.look_alike(DETECTOR, Service::MobileBff, Some(Partner::Tiles.host()));
}
