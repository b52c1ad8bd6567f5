//! Builds one trace by playing it: a handler has a clock, and whatever it does moves the clock on.
//!
//! Since every child begins after its parent's clock and moves it past its own end, parents cover their synchronous
//! children and siblings never overlap unless a scenario branches the clock on purpose.

use std::borrow::Cow;

use super::conventions::{
    Attributes, PARTITIONS, put_client, put_code, put_number, put_outside, put_process, put_publish, put_query,
    put_server, put_store, put_text,
};
use super::labels::{Detector, Label, LabelKind};
use super::random::Random;
use super::shop::{Endpoint, Generation, Language, Operation, Query, Service, Topic, Transport};
use crate::span::{Event, KeyValue, SpanId, SpanKind, SpanRecord, StatusCode, TraceId, Value};

pub(super) const MICROSECOND: u64 = 1_000;
pub(super) const MILLISECOND: u64 = 1_000_000;

/// Which library instruments a span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Scope {
    HttpServer,
    HttpClient,
    Grpc,
    Database,
    Messaging,
    Code,
}

impl Scope {
    pub(super) const ALL: [Self; 6] =
        [Self::HttpServer, Self::HttpClient, Self::Grpc, Self::Database, Self::Messaging, Self::Code];
}

/// A generated span, and where it comes from.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) service: Service,
    pub(super) scope: Scope,
    pub(super) record: SpanRecord<'static>,
}

/// A span that is still running, and its clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handler {
    pub(super) span: usize,
    pub(super) service: Service,
    pub(super) now: u64,
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) span: usize,
    pub(super) start: u64,
    transport: Transport,
    argument: u64,
}

/// What sets one request apart from the next of the same operation.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Sent {
    /// What stands in the place of the route's parameter; 0 for any.
    pub(super) argument: u64,
    /// How often the client library says that it sent the request before.
    pub(super) resend_count: u64,
}

impl Sent {
    pub(super) fn with_argument(argument: u64) -> Self {
        Self { argument, resend_count: 0 }
    }
}

/// How a request ended for its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// With an answer: an HTTP status, or its equivalent for gRPC.
    Answer(u16),
    /// The client gave up waiting.
    Timeout,
    /// Nobody listened.
    Refused,
    /// The client no longer needs the answer.
    Cancelled,
}

fn new_trace_id(random: &mut Random) -> TraceId {
    let [high, low] = [random.bits(), random.bits().max(1)];
    let mut id = [0; 16];
    id[..8].copy_from_slice(&high.to_be_bytes());
    id[8..].copy_from_slice(&low.to_be_bytes());
    TraceId(id)
}

/// One trace under construction.
pub(super) struct TraceBuilder {
    pub(super) random: Random,
    pub(super) spans: Vec<Span>,
    pub(super) labels: Vec<Label>,
    /// Name of the planted case, for labels.
    pub(super) case: &'static str,
    trace_id: TraceId,
    /// How many traces the spans are of: more than one where a context is not handed on.
    pub(super) traces: u64,
}

impl TraceBuilder {
    pub(super) fn new(mut random: Random) -> Self {
        let trace_id = new_trace_id(&mut random);
        Self { random, spans: Vec::with_capacity(32), labels: Vec::new(), case: "", trace_id, traces: 1 }
    }

    /// Gives the spans of a service a trace of their own, as if it had not heard of the one that they are part of.
    pub(super) fn lose_context(&mut self, service: Service) {
        let (own, ours) = (new_trace_id(&mut self.random), |span: &Span| span.service == service);
        let ids: Vec<SpanId> = self.spans.iter().filter(|span| ours(span)).map(|span| span.record.span_id).collect();
        for span in self.spans.iter_mut().filter(|span| ours(span)) {
            span.record.trace_id = own;
            if !ids.contains(&span.record.parent_span_id) {
                span.record.parent_span_id = SpanId::NONE;
            }
        }
        self.traces += 1;
    }

    pub(super) fn planted(&mut self, detector: Detector, service: Service, target: Option<&'static str>) {
        self.label(detector, LabelKind::Planted, service.name(), target);
    }

    pub(super) fn look_alike(&mut self, detector: Detector, service: Service, target: Option<&'static str>) {
        self.label(detector, LabelKind::LookAlike, service.name(), target);
    }

    pub(super) fn label(
        &mut self,
        detector: Detector,
        kind: LabelKind,
        service: &'static str,
        target: Option<&'static str>,
    ) {
        let (trace_id, case) = (self.trace_id, self.case);
        self.labels.push(Label { trace_id, detector, kind, case, service, target, finding: None });
    }

    /// Says the kind of what the last label is about.
    pub(super) fn of_kind(&mut self, finding: &'static str) {
        if let Some(label) = self.labels.last_mut() {
            label.finding = Some(finding);
        }
    }

    pub(super) fn open(
        &mut self,
        parent: Option<usize>,
        service: Service,
        scope: Scope,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        start: u64,
    ) -> usize {
        let record = SpanRecord {
            trace_id: self.trace_id,
            span_id: SpanId(self.random.bits().max(1)),
            parent_span_id: parent.map_or(SpanId::NONE, |parent| self.spans[parent].record.span_id),
            name: name.into(),
            kind,
            start_unix_nano: start,
            attributes: Vec::with_capacity(12),
            ..SpanRecord::default()
        };
        self.spans.push(Span { service, scope, record });
        self.spans.len() - 1
    }

    pub(super) fn attributes(&mut self, span: usize) -> &mut Attributes {
        &mut self.spans[span].record.attributes
    }

    pub(super) fn end(&mut self, span: usize, end: u64) {
        debug_assert!(end > self.spans[span].record.start_unix_nano, "every span lasts");
        self.spans[span].record.end_unix_nano = end;
    }

    pub(super) fn fail(&mut self, span: usize, message: &'static str) {
        let record = &mut self.spans[span].record;
        record.status = StatusCode::Error;
        record.status_message = Cow::Borrowed(message);
    }

    /// Lets a few microseconds pass in the handler's own code.
    pub(super) fn pass(&mut self, handler: &mut Handler) {
        handler.now += self.random.between(8 * MICROSECOND, 90 * MICROSECOND);
    }

    fn network(&mut self) -> u64 {
        self.random.log_normal(180 * MICROSECOND, 0.6).max(40 * MICROSECOND)
    }

    fn argument(&mut self, sent: Sent) -> u64 {
        if sent.argument == 0 { self.random.between(1_000, 999_999) } else { sent.argument }
    }

    /// A request from outside the shop arrives at `start`.
    pub(super) fn arrive(&mut self, operation: &'static Operation, start: u64) -> Handler {
        let argument = self.random.between(1_000, 999_999);
        let handler = self.open_server(None, operation, start, argument);
        let agent = *self.random.choose(&AGENTS);
        let key = match operation.service.semantics().generation {
            Generation::Current => "user_agent.original",
            Generation::Older => "http.user_agent",
        };
        put_text(self.attributes(handler.span), key, agent);
        handler
    }

    /// The answer to a request from outside the shop.
    pub(super) fn depart(&mut self, handler: Handler, operation: &'static Operation, code: u16) {
        self.close_server(handler, operation.transport, code);
    }

    fn open_server(
        &mut self,
        parent: Option<usize>,
        operation: &'static Operation,
        start: u64,
        argument: u64,
    ) -> Handler {
        let scope = match operation.transport {
            Transport::Http => Scope::HttpServer,
            Transport::Grpc => Scope::Grpc,
        };
        let span = self.open(parent, operation.service, scope, SpanKind::Server, operation.name, start);
        put_server(self.attributes(span), operation, argument);
        let mut handler = Handler { span, service: operation.service, now: start };
        self.pass(&mut handler);
        handler
    }

    fn close_server(&mut self, mut handler: Handler, transport: Transport, code: u16) {
        self.pass(&mut handler);
        let failed = code >= 500;
        put_code(self.attributes(handler.span), handler.service, transport, code, failed);
        if failed {
            self.fail(handler.span, "");
        }
        self.end(handler.span, handler.now);
    }

    /// Begins a call to `operation`.
    pub(super) fn open_client(&mut self, handler: &Handler, operation: &'static Operation, sent: Sent) -> Pending {
        let argument = self.argument(sent);
        let (scope, name) = match (operation.transport, handler.service.semantics().generation) {
            (Transport::Grpc, _) => (Scope::Grpc, operation.name),
            (Transport::Http, Generation::Current) => (Scope::HttpClient, operation.method),
            (Transport::Http, Generation::Older) => {
                (Scope::HttpClient, if operation.method == "GET" { "HTTP GET" } else { "HTTP POST" })
            }
        };
        let span = self.open(Some(handler.span), handler.service, scope, SpanKind::Client, name, handler.now);
        put_client(self.attributes(span), handler.service, operation, argument);
        self.put_resend_count(span, handler.service, sent);
        Pending { span, start: handler.now, transport: operation.transport, argument }
    }

    fn put_resend_count(&mut self, span: usize, service: Service, sent: Sent) {
        if sent.resend_count > 0 {
            let key = match service.semantics().generation {
                Generation::Current => "http.request.resend_count",
                Generation::Older => "http.resend_count",
            };
            put_number(self.attributes(span), key, sent.resend_count as i64);
        }
    }

    /// The callee of `pending` begins to serve it. `parent` is the CLIENT span, or an interceptor's span below it.
    pub(super) fn receive(&mut self, parent: usize, pending: Pending, operation: &'static Operation) -> Handler {
        let start = self.spans[parent].record.start_unix_nano.max(pending.start) + self.network();
        self.open_server(Some(parent), operation, start, pending.argument)
    }

    /// The same of a callee that begins soon after it is `free`, but not before it has heard of the request.
    pub(super) fn receive_when_free(&mut self, pending: Pending, operation: &'static Operation, free: u64) -> Handler {
        let soon = self.random.between(8 * MICROSECOND, 90 * MICROSECOND);
        let start = (pending.start + self.network()).max(free + soon);
        self.open_server(Some(pending.span), operation, start, pending.argument)
    }

    /// The callee answers; the result is the time when the answer has reached the client.
    pub(super) fn answer(&mut self, callee: Handler, operation: &'static Operation, code: u16) -> u64 {
        self.close_server(callee, operation.transport, code);
        self.spans[callee.span].record.end_unix_nano + self.network()
    }

    /// Ends a call for its client.
    pub(super) fn close_client(&mut self, pending: Pending, ending: Ending, end: u64) {
        let Span { service, .. } = self.spans[pending.span];
        match ending {
            Ending::Answer(code) => {
                let failed = code >= 400;
                put_code(self.attributes(pending.span), service, pending.transport, code, failed);
                if failed {
                    self.fail(pending.span, "");
                }
            }
            Ending::Timeout => {
                let error = match service.semantics().language {
                    Language::Java => "java.net.SocketTimeoutException",
                    Language::Go => "context deadline exceeded",
                    Language::Node => "ETIMEDOUT",
                    Language::Python => "asyncio.TimeoutError",
                };
                put_text(self.attributes(pending.span), "error.type", error);
                self.fail(pending.span, "the request timed out");
            }
            Ending::Refused => {
                let error = match service.semantics().language {
                    Language::Java => "java.net.ConnectException",
                    Language::Go => "connection refused",
                    Language::Node => "ECONNREFUSED",
                    Language::Python => "ConnectionRefusedError",
                };
                put_text(self.attributes(pending.span), "error.type", error);
                self.fail(pending.span, "connection refused");
            }
            Ending::Cancelled => {
                put_text(self.attributes(pending.span), "error.type", "CANCELLED");
                self.fail(pending.span, "cancelled by the caller");
            }
        }
        self.end(pending.span, end);
    }

    /// Calls `operation` and waits; `serve` plays the callee and says the code of its answer.
    pub(super) fn send(
        &mut self,
        handler: &mut Handler,
        operation: &'static Operation,
        sent: Sent,
        serve: impl FnOnce(&mut Self, &mut Handler) -> u16,
    ) -> u16 {
        let pending = self.open_client(handler, operation, sent);
        let mut callee = self.receive(pending.span, pending, operation);
        let code = serve(self, &mut callee);
        let end = self.answer(callee, operation, code);
        self.close_client(pending, Ending::Answer(code), end);
        handler.now = end;
        self.pass(handler);
        code
    }

    /// Calls `operation`, which does what `serve` says and succeeds.
    pub(super) fn call(
        &mut self,
        handler: &mut Handler,
        operation: &'static Operation,
        serve: impl FnOnce(&mut Self, &mut Handler),
    ) {
        self.send(handler, operation, Sent::default(), |builder, callee| {
            serve(builder, callee);
            200
        });
    }

    /// Calls `operation`, which works by itself and answers `code`.
    pub(super) fn call_leaf(&mut self, handler: &mut Handler, operation: &'static Operation, sent: Sent, code: u16) {
        self.send(handler, operation, sent, |builder, callee| {
            builder.work(callee, "handle request");
            code
        });
    }

    /// Calls `operation`, but nobody listens.
    pub(super) fn call_refused(&mut self, handler: &mut Handler, operation: &'static Operation, sent: Sent) {
        let pending = self.open_client(handler, operation, sent);
        handler.now += self.network();
        self.close_client(pending, Ending::Refused, handler.now);
        self.pass(handler);
    }

    /// Calls `operation` and gives up after `patience`; the callee goes on for `overrun` and then succeeds.
    pub(super) fn call_timed_out(
        &mut self,
        handler: &mut Handler,
        operation: &'static Operation,
        patience: u64,
        overrun: u64,
    ) {
        let pending = self.open_client(handler, operation, Sent::default());
        let mut callee = self.receive(pending.span, pending, operation);
        handler.now = pending.start + patience;
        self.close_client(pending, Ending::Timeout, handler.now);
        let mut slow = self.enter(&mut callee, "wait for lock");
        slow.now = handler.now + overrun;
        self.leave(&mut callee, slow);
        self.answer(callee, operation, 200);
        self.pass(handler);
    }

    /// Calls a host outside the shop.
    pub(super) fn reach(&mut self, handler: &mut Handler, endpoint: &'static Endpoint, sent: Sent, code: u16) {
        let argument = self.argument(sent);
        let name = match handler.service.semantics().generation {
            Generation::Current => endpoint.method,
            Generation::Older if endpoint.method == "GET" => "HTTP GET",
            Generation::Older => "HTTP POST",
        };
        let span =
            self.open(Some(handler.span), handler.service, Scope::HttpClient, SpanKind::Client, name, handler.now);
        put_outside(self.attributes(span), handler.service, endpoint, argument);
        self.put_resend_count(span, handler.service, sent);
        let pending = Pending { span, start: handler.now, transport: Transport::Http, argument };
        handler.now += self.random.log_normal(endpoint.median_ns, 0.5).max(MILLISECOND);
        self.close_client(pending, Ending::Answer(code), handler.now);
        self.pass(handler);
    }

    /// Who answered last, outside the shop, asks to wait so many seconds.
    pub(super) fn ask_to_wait(&mut self, seconds: i64) {
        if let Some(Span { record, .. }) = self.spans.last_mut() {
            put_number(&mut record.attributes, "http.response.header.retry-after", seconds);
        }
    }

    /// Does not call a host outside the shop, because a circuit breaker is open.
    pub(super) fn reject(&mut self, handler: &mut Handler, endpoint: &'static Endpoint) {
        let argument = self.argument(Sent::default());
        let (service, now) = (handler.service, handler.now);
        let span = self.open(Some(handler.span), service, Scope::HttpClient, SpanKind::Client, endpoint.method, now);
        put_outside(self.attributes(span), service, endpoint, argument);
        put_text(self.attributes(span), "error.type", "OpenCircuitError");
        self.fail(span, "the circuit breaker is open");
        self.pass(handler);
        self.end(span, handler.now);
    }

    /// Queries a store with success.
    pub(super) fn ask(&mut self, handler: &mut Handler, query: &'static Query) {
        self.ask_with(handler, query, None);
    }

    /// Queries a store; the query fails if there is an error, given as its type.
    pub(super) fn ask_with(&mut self, handler: &mut Handler, query: &'static Query, error: Option<&'static str>) {
        let name = query.summary.trim_end();
        let span = self.open(Some(handler.span), handler.service, Scope::Database, SpanKind::Client, name, handler.now);
        put_query(self.attributes(span), handler.service, query);
        if let Some(error) = error {
            put_text(self.attributes(span), "error.type", error);
            self.fail(span, "the statement failed");
        }
        handler.now += self.random.log_normal(query.median_ns, 0.7).max(60 * MICROSECOND);
        self.end(span, handler.now);
        self.pass(handler);
    }

    /// Queries a store through an object-relational mapper, whose own span lies around the driver's.
    pub(super) fn ask_through_orm(
        &mut self,
        handler: &mut Handler,
        query: &'static Query,
        name: &'static str,
        kind: SpanKind,
    ) {
        let span = self.open(Some(handler.span), handler.service, Scope::Database, kind, name, handler.now);
        put_store(self.attributes(span), handler.service, query, None);
        let mut mapper = Handler { span, ..*handler };
        self.pass(&mut mapper);
        self.ask(&mut mapper, query);
        self.end(span, mapper.now);
        handler.now = mapper.now;
        self.pass(handler);
    }

    /// What a driver does besides queries: `name` is a pool connect or a heartbeat.
    pub(super) fn plumb(
        &mut self,
        handler: &mut Handler,
        query: &'static Query,
        name: &'static str,
        operation: Option<&'static str>,
    ) {
        let span = self.open(Some(handler.span), handler.service, Scope::Database, SpanKind::Client, name, handler.now);
        put_store(self.attributes(span), handler.service, query, operation);
        handler.now += self.random.log_normal(150 * MICROSECOND, 0.5).max(20 * MICROSECOND);
        self.end(span, handler.now);
        self.pass(handler);
    }

    /// Sends a message and returns the PRODUCER span, for [`TraceBuilder::process`].
    pub(super) fn publish(&mut self, handler: &mut Handler, topic: Topic) -> usize {
        let name = topic.send_name(handler.service.semantics().generation);
        let span =
            self.open(Some(handler.span), handler.service, Scope::Messaging, SpanKind::Producer, name, handler.now);
        let partition = self.random.below(PARTITIONS.len() as u64);
        put_publish(self.attributes(span), handler.service, topic, partition);
        handler.now += self.random.log_normal(400 * MICROSECOND, 0.6).max(50 * MICROSECOND);
        self.end(span, handler.now);
        self.pass(handler);
        span
    }

    /// `receiver` begins to process the message that `producer` sent, some time after it was sent.
    pub(super) fn process(&mut self, producer: usize, receiver: Service, topic: Topic) -> Handler {
        let start = self.spans[producer].record.end_unix_nano + self.random.log_normal(6 * MILLISECOND, 1.0);
        let name = topic.process_name(receiver.semantics().generation);
        let span = self.open(Some(producer), receiver, Scope::Messaging, SpanKind::Consumer, name, start);
        let partition = self.random.below(PARTITIONS.len() as u64);
        put_process(self.attributes(span), receiver, topic, partition);
        let mut handler = Handler { span, service: receiver, now: start };
        self.pass(&mut handler);
        handler
    }

    /// Ends the processing of a message.
    pub(super) fn processed(&mut self, mut handler: Handler, error: Option<&'static str>) {
        self.pass(&mut handler);
        if let Some(error) = error {
            put_text(self.attributes(handler.span), "error.type", error);
            self.fail(handler.span, "processing failed");
        }
        self.end(handler.span, handler.now);
    }

    /// Begins work in a span of its own.
    pub(super) fn enter(&mut self, handler: &mut Handler, name: &'static str) -> Handler {
        let span = self.open(Some(handler.span), handler.service, Scope::Code, SpanKind::Internal, name, handler.now);
        put_text(self.attributes(span), "code.function.name", name);
        let mut inner = Handler { span, ..*handler };
        self.pass(&mut inner);
        inner
    }

    /// Ends work in a span of its own.
    pub(super) fn leave(&mut self, handler: &mut Handler, inner: Handler) {
        self.end(inner.span, inner.now);
        handler.now = inner.now;
        self.pass(handler);
    }

    /// Works in a span of its own.
    pub(super) fn work(&mut self, handler: &mut Handler, name: &'static str) {
        let mut inner = self.enter(handler, name);
        inner.now += self.random.log_normal(250 * MICROSECOND, 1.0);
        self.leave(handler, inner);
    }

    /// An exception is thrown in the handler's span, as its instrumentation records it.
    pub(super) fn throw(&mut self, handler: &Handler, exception: &'static str, message: &'static str) {
        let attribute = |key, value| KeyValue { key: Cow::Borrowed(key), value: Value::Str(Cow::Borrowed(value)) };
        self.spans[handler.span].record.events.push(Event {
            time_unix_nano: handler.now,
            name: Cow::Borrowed("exception"),
            attributes: vec![attribute("exception.type", exception), attribute("exception.message", message)],
        });
    }
}

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15",
    "shop-android/8.3.1",
    "okhttp/4.12.0",
];
