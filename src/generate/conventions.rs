//! The attributes that instrumentations put on spans, in the current semantic conventions and in the older generation
//! that part of the shop still uses.

use std::borrow::Cow;

use super::shop::{Endpoint, Generation, Operation, Query, Service, Topic, Transport};
use crate::span::{KeyValue, Value};

/// Attributes under construction.
pub(super) type Attributes = Vec<KeyValue<'static>>;

pub(super) fn put_text(attributes: &mut Attributes, key: &'static str, value: impl Into<Cow<'static, str>>) {
    attributes.push(KeyValue { key: Cow::Borrowed(key), value: Value::Str(value.into()) });
}

pub(super) fn put_number(attributes: &mut Attributes, key: &'static str, value: i64) {
    attributes.push(KeyValue { key: Cow::Borrowed(key), value: Value::Int(value) });
}

const HTTP_PORT: i64 = 8080;
const GRPC_PORT: i64 = 9090;

/// `route` with `argument` in the place of its parameter.
fn path_of(route: &'static str, argument: u64) -> Cow<'static, str> {
    match route.split_once("{id}") {
        Some((before, after)) => Cow::Owned(format!("{before}{argument}{after}")),
        None => Cow::Borrowed(route),
    }
}

/// What a client says before the answer is known.
pub(super) fn put_client(attributes: &mut Attributes, caller: Service, operation: &'static Operation, argument: u64) {
    match (operation.transport, caller.semantics().generation) {
        (Transport::Http, generation) => {
            let host = operation.service.name();
            let url = match operation.route.split_once("{id}") {
                Some((before, after)) => format!("http://{host}:{HTTP_PORT}{before}{argument}{after}"),
                None => format!("http://{host}:{HTTP_PORT}{}", operation.route),
            };
            put_http_client(attributes, generation, operation.method, host, HTTP_PORT, url);
        }
        (Transport::Grpc, Generation::Current) => {
            put_rpc(attributes, Generation::Current, operation);
            put_text(attributes, "server.address", operation.service.name());
            put_number(attributes, "server.port", GRPC_PORT);
        }
        (Transport::Grpc, Generation::Older) => {
            put_rpc(attributes, Generation::Older, operation);
            put_text(attributes, "net.peer.name", operation.service.name());
            put_number(attributes, "net.peer.port", GRPC_PORT);
        }
    }
}

/// What a client says of a request to a host outside.
pub(super) fn put_outside(attributes: &mut Attributes, caller: Service, endpoint: &'static Endpoint, argument: u64) {
    let host = endpoint.partner.host();
    let url = format!("https://{host}{}", path_of(endpoint.path, argument));
    put_http_client(attributes, caller.semantics().generation, endpoint.method, host, 443, url);
}

fn put_http_client(
    attributes: &mut Attributes,
    generation: Generation,
    method: &'static str,
    host: &'static str,
    port: i64,
    url: String,
) {
    match generation {
        Generation::Current => {
            put_text(attributes, "http.request.method", method);
            put_text(attributes, "url.full", url);
            put_text(attributes, "server.address", host);
            put_number(attributes, "server.port", port);
        }
        Generation::Older => {
            put_text(attributes, "http.method", method);
            put_text(attributes, "http.url", url);
            put_text(attributes, "net.peer.name", host);
            put_number(attributes, "net.peer.port", port);
        }
    }
}

fn put_rpc(attributes: &mut Attributes, generation: Generation, operation: &'static Operation) {
    match generation {
        Generation::Current => {
            put_text(attributes, "rpc.system.name", "grpc");
            put_text(attributes, "rpc.method", operation.route);
        }
        Generation::Older => {
            let (service, method) = operation.route.split_once('/').unwrap_or(("", operation.route));
            put_text(attributes, "rpc.system", "grpc");
            put_text(attributes, "rpc.service", service);
            put_text(attributes, "rpc.method", method);
        }
    }
}

/// What a server says before it has answered.
pub(super) fn put_server(attributes: &mut Attributes, operation: &'static Operation, argument: u64) {
    match (operation.transport, operation.service.semantics().generation) {
        (Transport::Http, Generation::Current) => {
            put_text(attributes, "http.request.method", operation.method);
            put_text(attributes, "http.route", operation.route);
            put_text(attributes, "url.path", path_of(operation.route, argument));
            put_text(attributes, "url.scheme", "http");
        }
        (Transport::Http, Generation::Older) => {
            put_text(attributes, "http.method", operation.method);
            put_text(attributes, "http.route", operation.route);
            put_text(attributes, "http.target", path_of(operation.route, argument));
            put_text(attributes, "http.scheme", "http");
        }
        (Transport::Grpc, generation) => put_rpc(attributes, generation, operation),
    }
}

/// The answer's code, given as HTTP's, in the terms of `transport`. For a failed one also `error.type`.
pub(super) fn put_code(attributes: &mut Attributes, service: Service, transport: Transport, code: u16, failed: bool) {
    let generation = service.semantics().generation;
    match (transport, generation) {
        (Transport::Http, Generation::Current) => {
            put_number(attributes, "http.response.status_code", i64::from(code));
        }
        (Transport::Http, Generation::Older) => put_number(attributes, "http.status_code", i64::from(code)),
        (Transport::Grpc, Generation::Current) => put_text(attributes, "rpc.response.status_code", rpc_code(code).1),
        (Transport::Grpc, Generation::Older) => put_number(attributes, "rpc.grpc.status_code", rpc_code(code).0),
    }
    if failed && generation == Generation::Current {
        match transport {
            Transport::Http => put_text(attributes, "error.type", code_text(code)),
            Transport::Grpc => put_text(attributes, "error.type", rpc_code(code).1),
        }
    }
}

fn code_text(code: u16) -> Cow<'static, str> {
    Cow::Borrowed(match code {
        401 => "401",
        404 => "404",
        429 => "429",
        500 => "500",
        502 => "502",
        503 => "503",
        504 => "504",
        _ => return Cow::Owned(code.to_string()),
    })
}

/// The gRPC status, number and name, that stands for an HTTP status.
fn rpc_code(code: u16) -> (i64, &'static str) {
    match code {
        200..=399 => (0, "OK"),
        401 => (16, "UNAUTHENTICATED"),
        404 => (5, "NOT_FOUND"),
        429 => (8, "RESOURCE_EXHAUSTED"),
        502 | 503 => (14, "UNAVAILABLE"),
        504 => (4, "DEADLINE_EXCEEDED"),
        _ => (13, "INTERNAL"),
    }
}

/// What a database client says.
pub(super) fn put_query(attributes: &mut Attributes, caller: Service, query: &'static Query) {
    let store = query.store.semantics();
    match caller.semantics().generation {
        Generation::Current => {
            put_text(attributes, "db.system.name", store.system);
            put_text(attributes, "db.namespace", store.namespace);
            if !query.collection.is_empty() {
                put_text(attributes, "db.collection.name", query.collection);
            }
            put_text(attributes, "db.operation.name", query.operation);
            put_text(attributes, "db.query.summary", query.summary.trim_end());
            put_text(attributes, "db.query.text", query.text);
            put_text(attributes, "server.address", store.host);
            put_number(attributes, "server.port", i64::from(store.port));
        }
        Generation::Older => {
            put_text(attributes, "db.system", store.system);
            put_text(attributes, "db.name", store.namespace);
            match store.system {
                _ if query.collection.is_empty() => {}
                "mongodb" => put_text(attributes, "db.mongodb.collection", query.collection),
                _ => put_text(attributes, "db.sql.table", query.collection),
            }
            put_text(attributes, "db.operation", query.operation);
            put_text(attributes, "db.statement", query.text);
            put_text(attributes, "net.peer.name", store.host);
            put_number(attributes, "net.peer.port", i64::from(store.port));
        }
    }
}

/// What a driver says of work for a store that is no query: pool connects and heartbeats.
pub(super) fn put_store(
    attributes: &mut Attributes,
    caller: Service,
    query: &'static Query,
    operation: Option<&'static str>,
) {
    let store = query.store.semantics();
    let (system, namespace, verb, host, port) = match caller.semantics().generation {
        Generation::Current => ("db.system.name", "db.namespace", "db.operation.name", "server.address", "server.port"),
        Generation::Older => ("db.system", "db.name", "db.operation", "net.peer.name", "net.peer.port"),
    };
    put_text(attributes, system, store.system);
    put_text(attributes, namespace, store.namespace);
    if let Some(operation) = operation {
        put_text(attributes, verb, operation);
    }
    put_text(attributes, host, store.host);
    put_number(attributes, port, i64::from(store.port));
}

/// What a sender says of a message.
pub(super) fn put_publish(attributes: &mut Attributes, sender: Service, topic: Topic, partition: u64) {
    put_text(attributes, "messaging.system", "kafka");
    match sender.semantics().generation {
        Generation::Current => {
            put_text(attributes, "messaging.destination.name", topic.name());
            put_text(attributes, "messaging.operation.type", "send");
            put_text(attributes, "messaging.operation.name", "send");
            put_text(attributes, "messaging.destination.partition.id", PARTITIONS[partition as usize]);
            put_text(attributes, "server.address", "broker");
        }
        Generation::Older => {
            put_text(attributes, "messaging.destination", topic.name());
            put_text(attributes, "messaging.operation", "publish");
            put_text(attributes, "net.peer.name", "broker");
        }
    }
}

/// What a receiver says of a message.
pub(super) fn put_process(attributes: &mut Attributes, receiver: Service, topic: Topic, partition: u64) {
    put_text(attributes, "messaging.system", "kafka");
    match receiver.semantics().generation {
        Generation::Current => {
            put_text(attributes, "messaging.destination.name", topic.name());
            put_text(attributes, "messaging.operation.type", "process");
            put_text(attributes, "messaging.operation.name", "process");
            put_text(attributes, "messaging.consumer.group.name", receiver.name());
            put_text(attributes, "messaging.destination.partition.id", PARTITIONS[partition as usize]);
        }
        Generation::Older => {
            put_text(attributes, "messaging.destination", topic.name());
            put_text(attributes, "messaging.operation", "process");
            put_text(attributes, "messaging.kafka.consumer.group", receiver.name());
        }
    }
}

/// Ids of a topic's partitions.
pub(super) const PARTITIONS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];
