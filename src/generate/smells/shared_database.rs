//! Services that write one table, and others that only have one database.

use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::SharedDatabase;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "two-writers", play: two_writers },
    Smell { name: "schema-for-each", play: schema_for_each },
    Smell { name: "reads-what-others-write", play: reads_what_others_write },
    Smell { name: "made-for-reading", play: made_for_reading },
    Smell { name: "all-read-it", play: all_read_it },
    Smell { name: "one-family-reads-it", play: one_family_reads_it },
];

static RENT_STALL: Operation = http!(Stalls "POST" "/stalls" []);
static MOVE_KIOSK: Operation = http!(Kiosks "POST" "/kiosks" []);
static ADD_BENCH: Operation = http!(Benches "POST" "/benches" []);
static ADD_DESK: Operation = http!(Desks "POST" "/desks" []);
static POST_ENTRY: Operation = http!(Ledgers "POST" "/entries" []);
static GET_BALANCE: Operation = http!(Tellers "GET" "/balances/{id}" []);
static ADD_TAKINGS: Operation = http!(Takings "POST" "/takings" []);
static SHOW_TAKINGS: Operation = http!(TakingsDashboard "GET" "/charts/{id}" []);
static GET_ISSUE: Operation = http!(Gazette "GET" "/issues/{id}" []);
static GET_YEAR: Operation = http!(Almanac "GET" "/years/{id}" []);
static GET_FEAST: Operation = http!(FeastsApi "GET" "/feasts/{id}" []);
static GREET: Operation = http!(FeastsWorker "POST" "/greetings" []);

queries! {
    INSERT_STAND = MarketDb "INSERT" "stands",
        "INSERT INTO stands (id, place, tenant) VALUES ($1, $2, $3)", 2 * MILLISECOND;
    UPDATE_STAND = MarketDb "UPDATE" "stands", "UPDATE stands SET place = $1 WHERE id = $2", 2 * MILLISECOND;
    INSERT_BENCH_PART = YardDb "INSERT" "bench.parts",
        "INSERT INTO bench.parts (id, length) VALUES ($1, $2)", 2 * MILLISECOND;
    INSERT_DESK_PART = YardDb "INSERT" "desk.parts",
        "INSERT INTO desk.parts (id, length) VALUES ($1, $2)", 2 * MILLISECOND;
    INSERT_ENTRY = BooksDb "INSERT" "entries",
        "INSERT INTO entries (id, account, amount) VALUES ($1, $2, $3)", 2 * MILLISECOND;
    SELECT_ENTRIES = BooksDb "SELECT" "entries", "SELECT amount FROM entries WHERE account = $1", 2 * MILLISECOND;
    INSERT_TAKINGS = TillDb "INSERT" "takings",
        "INSERT INTO takings (id, till, amount) VALUES ($1, $2, $3)", 2 * MILLISECOND;
    SUM_TAKINGS = TillDb "SELECT" "takings", "SELECT till, sum(amount) FROM takings GROUP BY till", 2 * MILLISECOND;
    SELECT_DATE = DatesDb "SELECT" "days", "SELECT name FROM days WHERE day = $1", 2 * MILLISECOND;
    SELECT_FEAST = FeastsDb "SELECT" "feasts", "SELECT name FROM feasts WHERE day = $1", 2 * MILLISECOND;
}

fn write(builder: &mut TraceBuilder, start: u64, (entry, query): (&'static Operation, &'static Query)) {
    request(builder, entry, start, |builder, handler| {
        builder.ask(handler, query);
        201
    });
}

/// Of three requests the first two are of the owner.
fn of_two(
    builder: &mut TraceBuilder,
    (start, number): (u64, u64),
    own: (&'static Operation, &'static Query),
    foreign: (&'static Operation, &'static Query),
) {
    write(builder, start, if number % 3 == 2 { foreign } else { own });
}

/// Stalls own the stands, and kiosks move them.
fn two_writers(builder: &mut TraceBuilder, start: u64, number: u64) {
    of_two(builder, (start, number), (&RENT_STALL, &INSERT_STAND), (&MOVE_KIOSK, &UPDATE_STAND));
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

/// Tellers look up what ledgers write.
fn reads_what_others_write(builder: &mut TraceBuilder, start: u64, number: u64) {
    of_two(builder, (start, number), (&POST_ENTRY, &INSERT_ENTRY), (&GET_BALANCE, &SELECT_ENTRIES));
    builder.planted(DETECTOR, Service::Ledgers, Some(Store::BooksDb.semantics().target));
    builder.of_kind("foreign-reader");
}

/// A dashboard is there to read what others write.
fn made_for_reading(builder: &mut TraceBuilder, start: u64, number: u64) {
    of_two(builder, (start, number), (&ADD_TAKINGS, &INSERT_TAKINGS), (&SHOW_TAKINGS, &SUM_TAKINGS));
    builder.look_alike(DETECTOR, Service::Takings, Some(Store::TillDb.semantics().target));
    builder.of_kind("foreign-reader");
}

/// Two services read a table that nobody writes: a note.
fn all_read_it(builder: &mut TraceBuilder, start: u64, number: u64) {
    of_two(builder, (start, number), (&GET_ISSUE, &SELECT_DATE), (&GET_YEAR, &SELECT_DATE));
    builder.planted(DETECTOR, Service::Gazette, Some(Store::DatesDb.semantics().target));
    builder.of_kind("common-reader");
}

/// An API and its worker are one service.
fn one_family_reads_it(builder: &mut TraceBuilder, start: u64, number: u64) {
    of_two(builder, (start, number), (&GET_FEAST, &SELECT_FEAST), (&GREET, &SELECT_FEAST));
    builder.look_alike(DETECTOR, Service::FeastsApi, Some(Store::FeastsDb.semantics().target));
    builder.of_kind("common-reader");
}
