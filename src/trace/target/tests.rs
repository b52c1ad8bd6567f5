use super::*;
use crate::conventions::UncountedCalls;
use crate::frame::{FrameBuilder, SpanSink as _, group};
use crate::span::{KeyValue, Origin, SpanId, SpanKind, SpanRecord, TraceId, Value};
use crate::trace::derive;

/// Ties between kinds are broken by number, so numbers must follow the names.
#[test]
fn kinds_are_numbered_by_name() {
    assert!(TargetKind::ALL.is_sorted_by_key(|kind| kind.as_str()));
}

/// Services that the input has beside the caller, `web`. Two of them must never be found by a host.
const OTHER_SERVICES: [&str; 4] = ["cart", "Ads", "10", "localhost"];

/// Kind and name of the target, and the operation, that a CLIENT span of the service `web` tells, given its name and its
/// attributes as `key=value | key=value`.
fn told_by(name: &str, attributes: &str) -> (String, String) {
    let text =
        |key: &str, value: &str| KeyValue { key: key.to_owned().into(), value: Value::Str(value.to_owned().into()) };
    let mut builder = FrameBuilder::default();
    let mut push = |number: u8, service: &str, name: &str, attributes: &str| {
        let pairs = attributes.split(" | ").filter_map(|pair| pair.split_once('='));
        let record = SpanRecord {
            trace_id: TraceId([number; 16]),
            span_id: SpanId(1),
            name: name.to_owned().into(),
            kind: SpanKind::Client,
            start_unix_nano: 1,
            end_unix_nano: 2,
            attributes: pairs.map(|(key, value)| text(key, value)).collect(),
            ..SpanRecord::default()
        };
        let origin = Origin { resource_attributes: vec![text("service.name", service)], ..Origin::default() };
        builder.span(&origin, &record, 0);
    };
    push(1, "web", name, attributes);
    for (number, service) in (2..).zip(OTHER_SERVICES) {
        push(number, service, "work", "");
    }
    let (vocabulary, traces) = group(vec![builder]);
    let semantics = derive(&vocabulary, &UncountedCalls::default());
    let span = &semantics.by_signature[traces.trace(0).signatures[0].index()];
    let target = format!("{} {}", span.target.kind.as_str(), semantics.symbols.resolve(span.target.name));
    (target, semantics.symbols.resolve(span.call_operation).to_owned())
}

/// What a call reaches if it recorded no callee: the first source that says it, in an order for each class.
#[test]
fn targets() {
    for (rule, attributes, target) in [
        // Classes, in this order.
        ("a database before messaging", "db.system=redis | messaging.system=kafka | http.method=GET", "database redis"),
        ("messaging before RPC", "messaging.destination.name=jobs | rpc.system=aws-api", "messaging jobs"),
        ("RPC before FaaS", "rpc.system=grpc | rpc.service=shop.Cart | faas.invoked_name=resize", "external shop.Cart"),
        // Peer names.
        ("the peer's name before its older form", "service.peer.name=pay | peer.service=old", "service pay"),
        ("a peer name before the host", "peer.service=pay | server.address=pay.example.com", "service pay"),
        ("a peer name is a service that need not be in the input", "peer.service=billing", "service billing"),
        (
            "the caller's own name is ignored",
            "peer.service=web | server.address=api.example.com",
            "external api.example.com",
        ),
        ("so that the next peer name counts", "service.peer.name=web | peer.service=pay", "service pay"),
        // Databases: system/namespace@host.
        (
            "a database's name",
            "db.system=postgresql | db.namespace=orders | server.address=orders-db | server.port=5432",
            "database postgresql/orders@orders-db",
        ),
        (
            "older spellings",
            "db.system=mysql | db.name=orders | net.peer.name=orders-db",
            "database mysql/orders@orders-db",
        ),
        ("no system", "db.namespace=orders | server.address=orders-db", "database orders@orders-db"),
        ("no namespace", "db.system=redis | server.address=cache", "database redis@cache"),
        ("no host", "db.system=redis | db.namespace=0", "database redis/0"),
        ("the system alone", "db.system=redis", "database redis"),
        ("the host alone", "db.query.text=SELECT 1 | server.address=orders-db", "database orders-db"),
        (
            "the host of a connection string",
            "db.system=mysql | db.connection_string=mysql://orders-db:3306/orders",
            "database mysql@orders-db",
        ),
        (
            "the host before that of a connection string",
            "db.system=mysql | server.address=a | db.connection_string=mysql://b/c",
            "database mysql@a",
        ),
        (
            "an address where nothing else is told",
            "db.query.text=SELECT 1 | network.peer.address=10.0.0.7",
            "database 10.0.0.7",
        ),
        ("no address beside a system", "db.system=mysql | network.peer.address=10.0.0.7", "database mysql"),
        (
            "a loopback host is the caller's",
            "db.system=postgresql | db.namespace=orders | server.address=localhost",
            "database postgresql/orders@localhost@web",
        ),
        ("a database whatever the peer's name", "db.system=mysql | peer.service=orders-db", "database mysql"),
        (
            "the peer's name where it has none of its own",
            "db.query.text=SELECT 1 | peer.service=orders-db",
            "database orders-db",
        ),
        ("a database's host is no service", "db.system=mysql | server.address=cart", "database mysql@cart"),
        ("nothing told", "db.query.text=SELECT 1", "unnamed call {}"),
        // Messaging: system/destination.
        (
            "a destination",
            "messaging.system=kafka | messaging.destination.name=orders | server.address=broker",
            "messaging kafka/orders",
        ),
        (
            "a template before the name",
            "messaging.system=rabbitmq | messaging.destination.template=user.{id} | messaging.destination.name=user.7",
            "messaging rabbitmq/user.{id}",
        ),
        ("older spellings", "messaging.system=kafka | messaging.destination=orders", "messaging kafka/orders"),
        ("a topic", "messaging.system=kafka | kafka.topic=orders", "messaging kafka/orders"),
        (
            "a temporary name is none: the host",
            "messaging.system=rabbitmq | messaging.destination.name=gen-7 | messaging.destination.temporary=true | server.address=mq | server.port=5672",
            "messaging mq:5672",
        ),
        (
            "an anonymous name is none: the system",
            "messaging.system=rabbitmq | messaging.destination.name=gen-7 | messaging.destination.anonymous=true",
            "messaging rabbitmq",
        ),
        (
            "RabbitMQ's default exchange: the routing key",
            "messaging.system=rabbitmq | messaging.destination.name=<default> | messaging.rabbitmq.destination.routing_key=mails",
            "messaging rabbitmq/mails",
        ),
        (
            "by its other name",
            "messaging.system=RabbitMQ | messaging.destination=amq.default | messaging.rabbitmq.routing_key=mails",
            "messaging RabbitMQ/mails",
        ),
        (
            "without a name",
            "messaging.system=rabbitmq | messaging.rabbitmq.destination.routing_key=mails",
            "messaging rabbitmq/mails",
        ),
        (
            "not another exchange",
            "messaging.system=rabbitmq | messaging.destination.name=orders | messaging.rabbitmq.destination.routing_key=mails",
            "messaging rabbitmq/orders",
        ),
        (
            "nor a temporary queue",
            "messaging.system=rabbitmq | messaging.rabbitmq.destination.routing_key=gen-7 | messaging.destination.temporary=true",
            "messaging rabbitmq",
        ),
        (
            "a loopback host is the caller's",
            "messaging.system=rabbitmq | server.address=127.0.0.1",
            "messaging 127.0.0.1@web",
        ),
        (
            "messaging whatever the peer's name",
            "messaging.system=kafka | messaging.destination.name=orders | peer.service=cart",
            "messaging kafka/orders",
        ),
        // Hosts, in this order.
        ("the current form", "server.address=a.io | net.peer.name=b.io", "external a.io"),
        ("the older form", "net.peer.name=a.io | net.peer.port=9200 | http.host=b.io", "external a.io:9200"),
        ("the Host header", "http.host=a.io:8080 | http.server_name=b.io", "external a.io:8080"),
        ("the server's name", "http.server_name=a.io | url.full=https://b.io/x", "external a.io"),
        ("the URL", "url.full=https://a.io:8443/x?y=z | net.sock.peer.name=b.io", "external a.io:8443"),
        ("the socket's name", "net.sock.peer.name=a.io | network.peer.address=10.0.0.7", "external a.io"),
        ("a port of its own", "server.address=a.io | server.port=8443", "external a.io:8443"),
        ("default ports are dropped", "server.address=a.io | server.port=443", "external a.io"),
        ("default ports are dropped", "http.host=a.io:80", "external a.io"),
        ("an IPv6 address", "server.address=2001:db8::7 | server.port=9200", "external 2001:db8::7:9200"),
        ("an IPv6 address with its port", "http.host=[2001:db8::7]:9200", "external [2001:db8::7]:9200"),
        // Hosts that are services.
        ("a host that is a service", "server.address=cart | server.port=8080", "service cart"),
        ("whatever the case", "server.address=ADS", "service Ads"),
        ("its first label", "server.address=cart.shop.svc.cluster.local", "service cart"),
        ("not any other label", "server.address=shop.cart", "external shop.cart"),
        ("an address has no labels", "server.address=10.0.0.7 | server.port=9200", "external 10.0.0.7:9200"),
        ("the caller itself", "server.address=web", "service web"),
        ("RPC too", "rpc.system=grpc | rpc.service=shop.Cart | server.address=cart", "service cart"),
        ("a loopback host is no service", "server.address=localhost | server.port=8080", "external localhost:8080@web"),
        ("nor is any other loopback name", "server.address=cart.localhost", "external cart.localhost@web"),
        ("nor is a loopback address", "http.host=127.0.0.1:8080", "external 127.0.0.1:8080@web"),
        ("nor is one of IPv6", "http.host=[::1]:8080", "external [::1]:8080@web"),
        // The rest.
        (
            "RPC: the host before the service",
            "rpc.system=grpc | rpc.service=shop.Cart | server.address=a.io",
            "external a.io",
        ),
        ("RPC: the service of the method", "rpc.system.name=grpc | rpc.method=shop.Cart/Get", "external shop.Cart"),
        (
            "RPC: the service before the address",
            "rpc.system=grpc | rpc.service=shop.Cart | network.peer.address=10.0.0.7",
            "external shop.Cart",
        ),
        (
            "FaaS: the function before the host",
            "faas.invoked_provider=aws | faas.invoked_region=eu-west-1 | faas.invoked_name=resize | server.address=a.io",
            "external aws/eu-west-1/resize",
        ),
        ("FaaS: what is told of it", "faas.invoked_name=resize", "external resize"),
        ("FaaS: a peer name before it", "faas.invoked_name=resize | peer.service=images", "service images"),
        ("a resource of a cloud", "aws.s3.bucket=images", "external images"),
        ("a host before it", "aws.s3.bucket=images | server.address=s3.amazonaws.com", "external s3.amazonaws.com"),
        (
            "the address behind the socket",
            "network.peer.address=10.0.0.7 | network.peer.port=9200",
            "external 10.0.0.7:9200",
        ),
        ("older spellings", "net.sock.peer.addr=10.0.0.7 | net.peer.port=9200", "external 10.0.0.7:9200"),
        ("a loopback address is the caller's", "net.peer.ip=127.0.0.1", "external 127.0.0.1@web"),
        ("nothing told: the span's name as a template", "thread.id=1", "unnamed call {}"),
    ] {
        assert_eq!(told_by("call 42", attributes).0, target, "{rule}: {attributes}");
    }
}

/// What repeats, as far as the caller's span says.
#[test]
fn operations() {
    for (rule, name, attributes, operation) in [
        (
            "a database's summary",
            "x",
            "db.query.summary=SELECT orders | db.query.text=SELECT * FROM orders",
            "SELECT orders",
        ),
        (
            "a query's template before its operation",
            "x",
            "db.statement=SELECT * FROM orders WHERE id = 7 | db.operation=SELECT",
            "SELECT * FROM orders WHERE id = ?",
        ),
        (
            "operation and collection",
            "x",
            "db.operation.name=find | db.collection.name=orders | db.system=mongodb",
            "find orders",
        ),
        (
            "operation and the only one of a list of tables",
            "x",
            "db.operation=PutItem | aws.dynamodb.table_names=[\"orders\"] | db.system=dynamodb",
            "PutItem orders",
        ),
        (
            "operation and a list of tables",
            "x",
            "db.operation=BatchGetItem | aws.dynamodb.table_names=[\"orders\",\"items\"] | db.system=dynamodb",
            "BatchGetItem orders, items",
        ),
        ("operation alone", "x", "db.operation=GET | db.system=redis", "GET"),
        ("no collection alone", "load 42", "db.collection.name=orders | db.system=mongodb", "load {}"),
        ("a database's span's name", "load 42", "db.system=mongodb", "load {}"),
        (
            "an RPC's full method",
            "x",
            "rpc.system.name=grpc | rpc.method=shop.Cart/Get | rpc.service=old",
            "shop.Cart/Get",
        ),
        ("a leading slash is dropped", "x", "rpc.system=grpc | rpc.method=/shop.Cart/Get", "shop.Cart/Get"),
        ("service and method", "x", "rpc.system=grpc | rpc.service=shop.Cart | rpc.method=Get", "shop.Cart/Get"),
        ("method alone", "x", "rpc.system=grpc | rpc.method=Get", "Get"),
        ("an RPC's span's name", "shop.Cart/Get", "rpc.system=grpc | rpc.service=shop.Cart", "shop.Cart/Get"),
        (
            "what is done with which destination",
            "x",
            "messaging.operation.type=send | messaging.destination.name=orders",
            "send orders",
        ),
        (
            "identifiers of a destination",
            "x",
            "messaging.operation=publish | messaging.destination.name=user/42",
            "publish user/{}",
        ),
        (
            "a temporary destination is none",
            "x",
            "messaging.system=rabbitmq | messaging.operation=publish | messaging.destination=gen-7 | messaging.temp_destination=true",
            "publish",
        ),
        ("a messaging span's name", "orders send", "messaging.system=kafka", "orders send"),
        (
            "the template of a URL before the route",
            "GET",
            "http.request.method=GET | url.template=/a/{id} | http.route=/b",
            "GET /a/{id}",
        ),
        (
            "the route before the path",
            "GET",
            "http.request.method=GET | http.route=/b/:id | url.path=/b/7",
            "GET /b/:id",
        ),
        ("the template of a path", "GET", "http.method=GET | http.target=/orders/42?page=2", "GET /orders/{}"),
        (
            "the template of a URL's path",
            "GET",
            "http.method=GET | http.url=https://a.io/orders/42?page=2",
            "GET /orders/{}",
        ),
        ("methods are upper case", "x", "http.method=post | url.path=/orders", "POST /orders"),
        ("the name's method where none is recorded", "HTTP get", "url.path=/orders", "GET /orders"),
        ("a path without method", "fetch", "url.path=/orders", "/orders"),
        ("a method without path: the span's name", "HTTP GET", "http.method=GET | server.address=a.io", "HTTP GET"),
        ("the name of any other span", "call 42", "server.address=a.io", "call {}"),
        ("of a function too", "resize 42", "faas.invoked_name=resize", "resize {}"),
    ] {
        assert_eq!(told_by(name, attributes).1, operation, "{rule}: {attributes}");
    }
}
