//! Services that write one table, and others that only have one database.

use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::SharedDatabase;

pub(super) static SMELLS: &[Smell] =
    &[Smell { name: "two-writers", play: two_writers }, Smell { name: "schema-for-each", play: schema_for_each }];

static RENT_STALL: Operation = http!(Stalls "POST" "/stalls" []);
static MOVE_KIOSK: Operation = http!(Kiosks "POST" "/kiosks" []);
static ADD_BENCH: Operation = http!(Benches "POST" "/benches" []);
static ADD_DESK: Operation = http!(Desks "POST" "/desks" []);

queries! {
    INSERT_STAND = MarketDb "INSERT" "stands",
        "INSERT INTO stands (id, place, tenant) VALUES ($1, $2, $3)", 2 * MILLISECOND;
    UPDATE_STAND = MarketDb "UPDATE" "stands", "UPDATE stands SET place = $1 WHERE id = $2", 2 * MILLISECOND;
    INSERT_BENCH_PART = YardDb "INSERT" "bench.parts",
        "INSERT INTO bench.parts (id, length) VALUES ($1, $2)", 2 * MILLISECOND;
    INSERT_DESK_PART = YardDb "INSERT" "desk.parts",
        "INSERT INTO desk.parts (id, length) VALUES ($1, $2)", 2 * MILLISECOND;
}

fn write(builder: &mut TraceBuilder, start: u64, (entry, query): (&'static Operation, &'static Query)) {
    request(builder, entry, start, |builder, handler| {
        builder.ask(handler, query);
        201
    });
}

/// Stalls own the stands, and kiosks move them.
fn two_writers(builder: &mut TraceBuilder, start: u64, number: u64) {
    let is_foreign = number % 3 == 2;
    write(builder, start, if is_foreign { (&MOVE_KIOSK, &UPDATE_STAND) } else { (&RENT_STALL, &INSERT_STAND) });
    builder.planted(DETECTOR, Service::Stalls, Some(Store::MarketDb.semantics().target));
    builder.of_kind("several-writers");
}

/// Tables of one name in schemas of their own.
fn schema_for_each(builder: &mut TraceBuilder, start: u64, number: u64) {
    let is_desk = number % 2 == 1;
    write(builder, start, if is_desk { (&ADD_DESK, &INSERT_DESK_PART) } else { (&ADD_BENCH, &INSERT_BENCH_PART) });
    let service = if is_desk { Service::Desks } else { Service::Benches };
    builder.look_alike(DETECTOR, service, Some(Store::YardDb.semantics().target));
}
