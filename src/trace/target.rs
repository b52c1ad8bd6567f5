//! What a call reaches, as far as the calling span says: class, target, operation.
//!
//! A recorded callee says more than any attribute and goes first; that is decided per trace, in `calls`. Here is what a
//! span's own attributes tell, worked out once for each signature. The order of sources follows the semantic
//! conventions' own recommendations for naming a remote: peer name, then host, then protocol, then socket.

mod served;

use std::collections::BTreeMap;

use crate::conventions::{
    Attribute, HTTP_METHODS, UncountedCalls, command_template, is_one_of, listed_names, name_template,
};
use crate::frame::{Signature, Symbol, Symbols};

/// Kind of a target, with the names in tables.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum TargetKind {
    /// A database: `postgresql/orders@orders-db`.
    Database,
    /// A host or resource outside the traced services: `api.example.com`.
    External,
    /// A topic or queue: `kafka/orders`.
    Messaging,
    /// A service: `cart`.
    Service,
    /// Known only by the span's name.
    #[default]
    Unnamed,
}

impl TargetKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Database, Self::External, Self::Messaging, Self::Service, Self::Unnamed];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::External => "external",
            Self::Messaging => "messaging",
            Self::Service => "service",
            Self::Unnamed => "unnamed",
        }
    }
}

/// What a call reaches: a name and a kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Target {
    /// The name as printed.
    pub name: Symbol,
    /// Its kind.
    pub kind: TargetKind,
}

/// What kind of protocol a span speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::trace) enum Class {
    Database,
    Messaging,
    Rpc,
    Faas,
    GenAi,
    Http,
    Other,
}

/// The services of the input by lower-case name; of names that differ by case only, all.
pub(super) type Services = BTreeMap<String, Vec<(String, Symbol)>>;

/// The signature's attributes as strings.
pub(super) struct Attributes<'a> {
    pub(super) symbols: &'a Symbols,
    pub(super) signature: &'a Signature,
}

impl<'a> Attributes<'a> {
    pub(super) fn get(&self, attribute: Attribute) -> Option<&'a str> {
        let value = self.signature.get(attribute);
        (!value.is_empty()).then(|| self.symbols.resolve(value))
    }

    pub(super) fn has(&self, attributes: &[Attribute]) -> bool {
        attributes.iter().any(|&attribute| !self.signature.get(attribute).is_empty())
    }

    pub(super) fn class(&self) -> Class {
        use Attribute as A;
        let database =
            [A::DbSystem, A::DbNamespace, A::DbQueryText, A::DbQuerySummary, A::DbOperation, A::DbCollection];
        if self.has(&database) {
            Class::Database
        } else if self.has(&[A::MessagingSystem, A::MessagingDestination, A::MessagingDestinationTemplate]) {
            Class::Messaging
        } else if self.has(&[A::RpcSystem]) {
            Class::Rpc
        } else if self.has(&[A::FaasInvokedName]) {
            Class::Faas
        } else if self.has(&[A::GenAiProvider]) {
            Class::GenAi
        } else if self.has(&[
            A::HttpMethod,
            A::HttpStatusCode,
            A::UrlFull,
            A::UrlHost,
            A::UrlPath,
            A::HttpHost,
            A::HttpRoute,
        ]) {
            Class::Http
        } else {
            Class::Other
        }
    }

    /// Whether an RPC or a database operation waits for messages, or reads on where a cursor is.
    pub(super) fn is_poll(&self, class: Class, lists: &UncountedCalls) -> bool {
        let name = self.symbols.resolve(self.signature.name);
        let broker = [self.get(Attribute::MessagingSystem), self.rpc_service()];
        if broker.into_iter().flatten().any(|system| lists.is_broker(system)) {
            let method = self.get(Attribute::RpcMethod).unwrap_or(name);
            if lists.is_poll_of_broker(method) {
                return true;
            }
        }
        let operation = || {
            let text = self.get(Attribute::DbOperation).or_else(|| self.get(Attribute::DbQueryText)).unwrap_or(name);
            text.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty()).unwrap_or_default()
        };
        class == Class::Database && lists.is_poll_of_database(operation())
    }

    /// Name and kind of the target without a recorded callee, if `caller` calls.
    pub(super) fn target(&self, class: Class, services: &Services, caller: &str) -> (String, TargetKind) {
        let unnamed = || (name_template(self.symbols.resolve(self.signature.name)), TargetKind::Unnamed);
        let named = match class {
            Class::Database => {
                let name = self.database(caller).or_else(|| self.peer_service(caller).map(str::to_owned));
                return name.map_or_else(unnamed, |name| (name, TargetKind::Database));
            }
            Class::Messaging => {
                return self.messaging(caller).map_or_else(unnamed, |name| (name, TargetKind::Messaging));
            }
            _ => self.peer_service(caller).map(|name| (name.to_owned(), TargetKind::Service)),
        };
        let by_host = || {
            let host = self.host()?;
            let service = if host.is_loopback() { None } else { host.service(services) };
            Some(match service {
                Some(service) => (service.to_owned(), TargetKind::Service),
                None => (host.keyed_with(caller), TargetKind::External),
            })
        };
        let external = |name: String| (name, TargetKind::External);
        let faas = || (class == Class::Faas).then(|| self.function()).flatten().map(external);
        let cloud = || self.get(Attribute::CloudRemote).map(|name| external(name.to_owned()));
        let rpc = || (class == Class::Rpc).then(|| self.rpc_service()).flatten().map(|name| external(name.to_owned()));
        let socket = || self.socket_peer().map(|host| external(host.keyed_with(caller)));
        named.or_else(faas).or_else(by_host).or_else(cloud).or_else(rpc).or_else(socket).unwrap_or_else(unnamed)
    }

    /// Names of services that would be the target if the input had them: those that the host may be the name of. None where
    /// nothing that other services are called can matter.
    pub(super) fn names_of_host(&self, class: Class, services: &Services) -> Vec<&'a str> {
        let caller = self.symbols.resolve(self.signature.service);
        let is_named = matches!(class, Class::Database | Class::Messaging)
            || self.peer_service(caller).is_some()
            || (class == Class::Faas && self.function().is_some());
        let Some(host) = self.host().filter(|host| !is_named && !host.is_loopback()) else { return Vec::new() };
        // A service of exactly this name comes before all others.
        if host.service(services) == Some(host.name) { Vec::new() } else { host.names_of_service() }
    }

    /// The logical name of the callee that the caller gives, unless it is the caller's own name.
    fn peer_service(&self, caller: &str) -> Option<&'a str> {
        self.peer_names().find(|&name| name != caller)
    }

    /// The logical names of the callee that the caller gives.
    pub(super) fn peer_names(&self) -> impl Iterator<Item = &'a str> {
        [Attribute::ServicePeerName, Attribute::PeerService].into_iter().filter_map(|attribute| self.get(attribute))
    }

    fn database(&self, caller: &str) -> Option<String> {
        let system = self.get(Attribute::DbSystem);
        let namespace = self.get(Attribute::DbNamespace);
        let host = match self.database_host() {
            None if system.is_none() && namespace.is_none() => Some(self.socket_peer()?),
            host => host,
        };
        let mut name = [system, namespace].into_iter().flatten().collect::<Vec<_>>().join("/");
        if let Some(host) = host {
            if !name.is_empty() {
                name.push('@');
            }
            name.push_str(&Host { port: None, ..host }.keyed_with(caller));
        }
        Some(name)
    }

    /// The host that is recorded of a database.
    pub(super) fn database_host(&self) -> Option<Host<'a>> {
        let connection = || self.get(Attribute::DbConnectionString).map(|text| Host::parse(text, None));
        self.host().or_else(connection)
    }

    fn messaging(&self, caller: &str) -> Option<String> {
        let system = self.get(Attribute::MessagingSystem);
        let destination = self.destination();
        if let Some(destination) = destination {
            return Some(system.into_iter().chain([destination]).collect::<Vec<_>>().join("/"));
        }
        self.host().map(|host| host.keyed_with(caller)).or_else(|| system.map(str::to_owned))
    }

    /// Topic or queue, unless its name is made up for one conversation.
    pub(super) fn destination(&self) -> Option<&'a str> {
        let template = self.get(Attribute::MessagingDestinationTemplate);
        if template.is_none() && self.get(Attribute::MessagingTemporary) == Some("true") {
            return None;
        }
        let destination = template.or_else(|| self.get(Attribute::MessagingDestination));
        // RabbitMQ's default exchange takes every queue's messages: the routing key tells them apart.
        const DEFAULT_EXCHANGES: [&str; 2] = ["<default>", "amq.default"];
        let is_default = destination.is_none_or(|name| DEFAULT_EXCHANGES.contains(&name));
        let is_rabbitmq = |system: &str| system.eq_ignore_ascii_case("rabbitmq");
        let routing_key = self.get(Attribute::MessagingRoutingKey);
        let names_queue = is_default && self.get(Attribute::MessagingSystem).is_some_and(is_rabbitmq);
        routing_key.filter(|_| names_queue).or(destination)
    }

    /// The HTTP method, upper case: as recorded, else the span's name if that begins with one.
    pub(super) fn http_method(&self) -> Option<String> {
        let recorded = self.get(Attribute::HttpMethod);
        let name = self.symbols.resolve(self.signature.name);
        let first_word = || name.split_whitespace().find(|word| !word.eq_ignore_ascii_case("HTTP"));
        let named = || first_word().filter(|word| HTTP_METHODS.iter().any(|method| method.eq_ignore_ascii_case(word)));
        recorded.or_else(named).map(str::to_ascii_uppercase)
    }

    fn function(&self) -> Option<String> {
        let name = self.get(Attribute::FaasInvokedName)?;
        let parts = [self.get(Attribute::FaasInvokedProvider), self.get(Attribute::FaasInvokedRegion), Some(name)];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
    }

    fn host(&self) -> Option<Host<'a>> {
        use Attribute as A;
        self.get(A::ServerAddress)
            .map(|host| Host::parse(host, self.get(A::ServerPort)))
            .or_else(|| self.get(A::NetPeerName).map(|host| Host::parse(host, self.get(A::NetPeerPort))))
            .or_else(|| self.get(A::HttpHost).map(|host| Host::parse(host, None)))
            .or_else(|| self.get(A::HttpServerName).map(|host| Host::parse(host, None)))
            .or_else(|| self.get(A::UrlHost).map(|host| Host::parse(host, None)))
            .or_else(|| self.get(A::SocketPeerName).map(|host| Host::parse(host, None)))
    }

    fn socket_peer(&self) -> Option<Host<'a>> {
        let port = self.get(Attribute::NetworkPeerPort).or_else(|| self.get(Attribute::NetPeerPort));
        self.get(Attribute::NetworkPeerAddress).map(|address| Host::parse(address, port))
    }

    fn rpc_service(&self) -> Option<&'a str> {
        self.get(Attribute::RpcService).or_else(|| {
            let (service, _) = self.get(Attribute::RpcMethod)?.trim_start_matches('/').rsplit_once('/')?;
            Some(service)
        })
    }

    /// The path that alone names an HTTP request: no template or route does.
    pub(super) fn path_alone(&self, class: Class) -> Option<&'a str> {
        let is_named = self.has(&[Attribute::UrlTemplate, Attribute::HttpRoute]);
        self.get(Attribute::UrlPath).filter(|_| class == Class::Http && !is_named)
    }

    /// What repeats, as far as the caller's span says, and whether that is a query text.
    pub(super) fn operation(&self, class: Class) -> (String, bool) {
        use Attribute as A;
        let by_name = || name_template(self.symbols.resolve(self.signature.name));
        match class {
            Class::Database => {
                if let Some(summary) = self.get(A::DbQuerySummary) {
                    return (summary.to_owned(), false);
                }
                if let Some(query) = self.get(A::DbQueryText) {
                    let has_keys = self.get(A::DbSystem).is_some_and(has_commands_of_keys);
                    return (if has_keys { command_template(query) } else { query.to_owned() }, true);
                }
                let operation = self.get(A::DbOperation);
                let collections = operation.and(self.get(A::DbCollection)).map(listed_names);
                let words: Vec<&str> = operation.into_iter().chain(collections.as_deref()).collect();
                (if words.is_empty() { by_name() } else { words.join(" ") }, false)
            }
            Class::Rpc => match (self.get(A::RpcService), self.get(A::RpcMethod)) {
                (_, Some(method)) if method.contains('/') => (method.trim_start_matches('/').to_owned(), false),
                (Some(service), Some(method)) => (format!("{service}/{method}"), false),
                (None, Some(method)) => (method.to_owned(), false),
                _ => (by_name(), false),
            },
            Class::Messaging => {
                let words: Vec<&str> = self.get(A::MessagingOperation).into_iter().chain(self.destination()).collect();
                (if words.is_empty() { by_name() } else { name_template(&words.join(" ")) }, false)
            }
            Class::Http => {
                let path = self.get(A::UrlTemplate).or_else(|| self.get(A::HttpRoute)).or_else(|| self.get(A::UrlPath));
                match (self.http_method(), path) {
                    (Some(method), Some(path)) => (format!("{method} {path}"), false),
                    (None, Some(path)) => (path.to_owned(), false),
                    _ => (by_name(), false),
                }
            }
            Class::Faas | Class::GenAi | Class::Other => (by_name(), false),
        }
    }
}

/// Whether a database's query texts are commands with keys.
fn has_commands_of_keys(system: &str) -> bool {
    is_one_of(system, &["redis", "valkey", "memcached"])
}

/// A host, as recorded.
#[derive(Clone, Copy)]
pub(super) struct Host<'a> {
    name: &'a str,
    port: Option<&'a str>,
}

impl<'a> Host<'a> {
    /// A host with its port, which may be given apart or behind the name. The default ports of HTTP are dropped.
    fn parse(text: &'a str, port: Option<&'a str>) -> Self {
        let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (name, own_port) = match text.rsplit_once(':') {
            Some((name, port)) if is_port(port) && (!name.contains(':') || name.ends_with(']')) => (name, Some(port)),
            _ => (text, None),
        };
        let port = port.or(own_port).filter(|&port| port != "80" && port != "443");
        Self { name, port }
    }

    /// Whether it is the host of whoever says so.
    pub(super) fn is_loopback(self) -> bool {
        let name = self.name.trim_matches(['[', ']']).to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || name.starts_with("localhost.localdomain")
            // A socket of the machine.
            || name.starts_with('/')
            || name == "::1"
            || (is_ipv4(&name) && name.starts_with("127."))
    }

    /// The service that this host is: the one whose name equals it, or equals its first DNS label.
    fn service(self, services: &Services) -> Option<&str> {
        let by_name = |name: &str| {
            let same = services.get(&name.to_ascii_lowercase())?;
            let exact = same.iter().find(|(service, _)| service == name);
            Some(exact.or(same.first())?.0.as_str())
        };
        self.names_of_service().into_iter().find_map(by_name)
    }

    /// What a service would be called that this host is, the likelier name first: the host, or its first DNS label.
    fn names_of_service(self) -> Vec<&'a str> {
        match self.name.split_once('.') {
            Some((label, _)) if !is_ipv4(self.name) && !self.name.contains(':') => vec![self.name, label],
            _ => vec![self.name],
        }
    }

    /// The name by which hosts are compared: its first DNS label, unless it is an address, in lower case.
    pub(super) fn short_name(self) -> String {
        let is_address = is_ipv4(self.name) || self.name.contains(':');
        let name = if is_address { self.name } else { self.name.split('.').next().unwrap_or_default() };
        name.to_ascii_lowercase()
    }

    /// The name as printed. A loopback host is another host for every caller.
    fn keyed_with(self, caller: &str) -> String {
        let mut name = self.name.to_owned();
        if let Some(port) = self.port {
            name = format!("{name}:{port}");
        }
        if self.is_loopback() {
            name = format!("{name}@{caller}");
        }
        name
    }
}

fn is_ipv4(name: &str) -> bool {
    name.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests;
