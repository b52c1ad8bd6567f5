//! The order in which spans reach a dump.
//!
//! A service's SDK sees a span when it ends, and sends a batch when that is full or some seconds old. So a dump holds
//! batches, each of one service and of many traces, children mostly before their parents, and a trace is scattered over
//! all of it. Only the traces that are still open or not yet sent are held.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::shop::Service;
use super::trace_builder::Span;

/// The most spans in a batch: an SDK's default.
const BATCH_SPANS: usize = 512;
/// An SDK's default time between two batches.
const BATCH_NS: u64 = 5_000_000_000;

/// So many services send one after the other in that time. It is no count of them, so that another service changes nothing of when
/// those before it send.
const SERVICES_IN_TURN: u64 = 35;

/// Spans that one service sends together, in the order of their ends.
pub(super) struct Batch {
    pub(super) service: Service,
    pub(super) spans: Vec<Span>,
}

/// Takes traces in the order of their starts and gives batches.
pub(super) struct Collector {
    open: BinaryHeap<Reverse<(u64, usize)>>,
    slots: Vec<Option<Span>>,
    free: Vec<usize>,
    buffers: Vec<Vec<Span>>,
    /// When each service sends next, whatever it has.
    due: Vec<u64>,
}

impl Collector {
    pub(super) fn new(start: u64) -> Self {
        let services = Service::ALL.len();
        Self {
            open: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            buffers: (0..services).map(|_| Vec::new()).collect(),
            due: (1..=services as u64).map(|number| start + BATCH_NS * number / SERVICES_IN_TURN).collect(),
        }
    }

    /// Takes the spans of one trace.
    pub(super) fn add(&mut self, spans: &mut Vec<Span>) {
        for span in spans.drain(..) {
            let end = span.record.end_unix_nano;
            let slot = match self.free.pop() {
                Some(slot) => {
                    self.slots[slot] = Some(span);
                    slot
                }
                None => {
                    self.slots.push(Some(span));
                    self.slots.len() - 1
                }
            };
            self.open.push(Reverse((end, slot)));
        }
    }

    /// Lets time pass up to `now`: no span that is added later may end before it. Full and due batches go to `send`.
    pub(super) fn advance<E>(&mut self, now: u64, send: &mut impl FnMut(Batch) -> Result<(), E>) -> Result<(), E> {
        while let Some(&Reverse((end, slot))) = self.open.peek() {
            if end > now {
                break;
            }
            self.open.pop();
            self.free.push(slot);
            let Some(span) = self.slots[slot].take() else { continue };
            let service = span.service;
            if end > self.due[service as usize] {
                self.flush(service, send)?;
                self.due[service as usize] = end + BATCH_NS;
            }
            self.buffers[service as usize].push(span);
            if self.buffers[service as usize].len() == BATCH_SPANS {
                self.flush(service, send)?;
            }
        }
        Ok(())
    }

    /// Sends all that is left.
    pub(super) fn finish<E>(mut self, send: &mut impl FnMut(Batch) -> Result<(), E>) -> Result<(), E> {
        self.advance(u64::MAX, send)?;
        Service::ALL.iter().try_for_each(|&service| self.flush(service, send))
    }

    fn flush<E>(&mut self, service: Service, send: &mut impl FnMut(Batch) -> Result<(), E>) -> Result<(), E> {
        let buffer = &mut self.buffers[service as usize];
        if buffer.is_empty() {
            return Ok(());
        }
        let spans = std::mem::replace(buffer, Vec::with_capacity(buffer.len()));
        send(Batch { service, spans })
    }
}
