//! Requests that wait for others, and what only looks so.

use super::{Case, Fault, visit};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{Ending, Handler, MICROSECOND, MILLISECOND, Sent, TraceBuilder};

const DETECTOR: Detector = Detector::Saturation;

pub(super) static FAULTS: &[Fault] = &[Fault { stages: &[(1, &RECEIPTS)] }, Fault { stages: &[(1, &LATE)] }];

static RECEIPTS: Case = Case { name: "receipts-wait-for-invoices", play: receipts_wait_for_invoices };
static LATE: Case = Case { name: "begins-late", play: begins_late };

/// What an instance of the renderer takes for an operation, on average.
const INVOICE_NS: u64 = 30 * MILLISECOND;
const RECEIPT_NS: u64 = 3 * MILLISECOND;

/// Asks for documents all at once, of an instance that serves one at a time; the result is when the last one is there.
fn render(builder: &mut TraceBuilder, mut caller: Handler, documents: &[(&'static Operation, u64)]) -> u64 {
    let (mut free, mut last) = (0, 0);
    for &(operation, median_ns) in documents {
        let pending = builder.open_client(&caller, operation, Sent::default());
        let mut callee = builder.receive_when_free(pending, operation, free);
        callee.now += builder.random.log_normal(median_ns, 0.2);
        let span = callee.span;
        let answered = builder.answer(callee, operation, 200);
        builder.close_client(pending, Ending::Answer(200), answered);
        (free, last) = (builder.spans[span].record.end_unix_nano, answered.max(last));
        builder.pass(&mut caller);
    }
    last
}

/// Receipts are done in no time, but not before the invoice that came first.
fn receipts_wait_for_invoices(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &DOCUMENTS_PAGE, start, |builder, web| {
        let [first, second] = [0, 1].map(|instance| {
            let (invoice, receipt) = (&RENDER_INVOICE[instance], &RENDER_RECEIPT[instance]);
            let receipts = [(receipt, RECEIPT_NS); 2];
            let documents = [(invoice, INVOICE_NS), receipts[0], receipts[1]];
            // Of five calls no page is chatty.
            render(builder, *web, &documents[..3 - instance])
        });
        web.now = first.max(second);
        builder.pass(web);
        200
    });
    builder.planted(DETECTOR, Service::Web, Some(Service::RendererA.name()));
}

/// The callee takes its time before it begins, whoever is there.
fn begins_late(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &DOCUMENTS_PAGE, start, |builder, web| {
        let (mut caller, mut last) = (*web, 0);
        for _ in 0..5 {
            let pending = builder.open_client(&caller, &SCAN, Sent::default());
            let begins = pending.start + builder.random.log_normal(30 * MILLISECOND, 0.4);
            let mut callee = builder.receive_when_free(pending, &SCAN, begins);
            callee.now += builder.random.between(900 * MICROSECOND, 1_100 * MICROSECOND);
            let answered = builder.answer(callee, &SCAN, 200);
            builder.close_client(pending, Ending::Answer(200), answered);
            last = answered.max(last);
            builder.pass(&mut caller);
        }
        web.now = last;
        builder.pass(web);
        200
    });
    builder.look_alike(DETECTOR, Service::Web, Some(Service::Scanner.name()));
}
