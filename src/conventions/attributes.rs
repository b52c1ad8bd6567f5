//! The attributes that the analysis asks for: each once, with every spelling that instrumentations have given it.
//!
//! Sources of the spellings: the OpenTelemetry semantic conventions 1.44 and their older generations, OpenTracing, and
//! Zipkin's Brave. A span that carries several spellings of one attribute is read by the first in the list.

use std::num::NonZeroU8;
use std::sync::LazyLock;

macro_rules! attributes {
    ($($(#[$doc:meta])* $variant:ident = [$($alias:literal),+ $(,)?],)+) => {
        /// An attribute that the analysis keeps, whatever its spelling in the input.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Attribute {
            $($(#[$doc])* $variant,)+
        }

        impl Attribute {
            /// All attributes, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Whether only a normalised form of its values is kept ([`normalise`](super::normalise)): they are too many.
            pub fn is_normalised(self) -> bool {
                matches!(self, Self::UrlFull | Self::UrlPath | Self::DbConnectionString | Self::DbQueryText)
            }

            /// Whether it tells who is at the other end of a connection. The peer of a served request
            /// ([`SpanKind::is_served`](crate::span::SpanKind::is_served)) is its client, whose address and port are as many as there
            /// are clients, so that there they are no part of a signature.
            pub fn is_peer(self) -> bool {
                matches!(
                    self,
                    Self::NetPeerName
                        | Self::NetPeerPort
                        | Self::SocketPeerName
                        | Self::NetworkPeerAddress
                        | Self::NetworkPeerPort
                )
            }

            /// The spellings, the preferred one first.
            pub fn aliases(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$($alias),+],)+
                }
            }
        }
    };
}

attributes! {
    /// Logical name of the service that is called.
    ServicePeerName = ["service.peer.name"],
    /// Its older form, often set by hand.
    PeerService = ["peer.service"],
    /// Host name of the server, current form.
    ServerAddress = ["server.address"],
    /// Port of the server, current form.
    ServerPort = ["server.port"],
    /// Host name of the server, older form.
    NetPeerName = ["net.peer.name", "peer.hostname", "db.hostname"],
    /// Port of the server, older form.
    NetPeerPort = ["net.peer.port"],
    /// Value of the HTTP `Host` header.
    HttpHost = ["http.host"],
    /// Server name of an HTTP request.
    HttpServerName = ["http.server_name"],
    /// Full URL of an HTTP request. Kept as host, templated path and a hash.
    UrlFull = ["url.full", "http.url"],
    /// Host and port of the full URL.
    UrlHost = ["tracescan.url.host"],
    /// Path of an HTTP request, kept templated.
    UrlPath = ["url.path", "http.target"],
    /// Host name behind the socket.
    SocketPeerName = ["net.sock.peer.name"],
    /// Address behind the socket.
    NetworkPeerAddress = ["network.peer.address", "net.sock.peer.addr", "net.peer.ip", "peer.address", "peer.ipv4"],
    /// Port behind the socket.
    NetworkPeerPort = ["network.peer.port", "net.sock.peer.port"],
    /// HTTP method.
    HttpMethod = ["http.request.method", "http.method"],
    /// HTTP status code.
    HttpStatusCode = ["http.response.status_code", "http.status_code"],
    /// How often this request was sent before.
    ResendCount = ["http.request.resend_count", "http.resend_count", "http.retry_count", "grpc.previous-rpc-attempts"],
    /// Template of the URL's path.
    UrlTemplate = ["url.template"],
    /// Route that the server matched.
    HttpRoute = ["http.route"],
    /// RPC system.
    RpcSystem = ["rpc.system.name", "rpc.system"],
    /// RPC service, older form.
    RpcService = ["rpc.service"],
    /// RPC method, fully qualified in the current form.
    RpcMethod = ["rpc.method"],
    /// RPC status, a name or a number.
    RpcStatusCode = [
        "rpc.status_code",
        "rpc.response.status_code",
        "rpc.grpc.status_code",
        "rpc.connect_rpc.error_code",
        "grpc.code",
        "grpc.status_code",
    ],
    /// Database system.
    DbSystem = ["db.system.name", "db.system", "db.type"],
    /// Database namespace.
    DbNamespace = [
        "db.namespace",
        "db.name",
        "db.instance",
        "db.elasticsearch.cluster.name",
        "db.redis.database_index",
        "db.mssql.instance_name",
    ],
    /// Table, collection or container.
    DbCollection = [
        "db.collection.name",
        "db.sql.table",
        "db.mongodb.collection",
        "db.cassandra.table",
        "db.cosmosdb.container",
        "aws.dynamodb.table_names",
    ],
    /// Database operation.
    DbOperation = ["db.operation.name", "db.operation"],
    /// Low-cardinality summary of the query.
    DbQuerySummary = ["db.query.summary"],
    /// Query text, kept as a template and a hash.
    DbQueryText = ["db.query.text", "db.statement", "sql.query", "cassandra.query"],
    /// Connection string, kept as its host.
    DbConnectionString = ["db.connection_string"],
    /// Messaging system.
    MessagingSystem = ["messaging.system"],
    /// Template of the destination's name.
    MessagingDestinationTemplate = ["messaging.destination.template"],
    /// Destination: topic or queue.
    MessagingDestination =
        ["messaging.destination.name", "messaging.destination", "message_bus.destination", "kafka.topic"],
    /// Whether the destination is temporary or anonymous: then its name identifies nothing.
    MessagingTemporary =
        ["messaging.destination.temporary", "messaging.destination.anonymous", "messaging.temp_destination"],
    /// What is done with the message.
    MessagingOperation = ["messaging.operation.type", "messaging.operation", "messaging.operation.name"],
    /// Function that is invoked.
    FaasInvokedName = ["faas.invoked_name"],
    /// Cloud provider of that function.
    FaasInvokedProvider = ["faas.invoked_provider"],
    /// Region of that function.
    FaasInvokedRegion = ["faas.invoked_region"],
    /// Resource of a cloud provider's API.
    CloudRemote = ["aws.remote.service", "aws.s3.bucket", "aws.sqs.queue.url"],
    /// Provider of a generative model.
    GenAiProvider = ["gen_ai.provider.name", "gen_ai.system"],
    /// Class of the error.
    ErrorType = ["error.type"],
    /// Type of the exception, an attribute of the span or of its event `exception`.
    ExceptionType = ["exception.type"],
    /// OpenTracing's error flag.
    ErrorFlag = ["error"],
    /// How the span refers to its parent (OpenTracing).
    RefType = ["opentracing.ref_type"],
    /// Whether the span stands for several that were pruned.
    IsSummary = ["aggregation.is_summary"],
    /// How many spans it stands for.
    SpanCount = ["aggregation.span_count"],
    /// The same in Elastic's form.
    CompositeCount = ["composite.count"],
    /// How many spans this one stands for because of sampling: counts for the first two spellings, ratios for the others.
    AdjustedCount = [
        "tracescan.adjusted_count",
        "SampleRate",
        "X-SampleRatio",
        "sampling.probability",
        "_dd.rule_psr",
        "_dd.agent_psr",
    ],
    /// Jaeger's sampler, on roots.
    SamplerType = ["sampler.type"],
    /// What the sampler was set to.
    SamplerParam = ["sampler.param"],
}

/// Number of attributes.
pub const ATTRIBUTE_COUNT: usize = Attribute::ALL.len();

/// The attribute that `key` spells, and how far back in the list of its spellings it stands (0 is preferred).
pub fn attribute_of_key(key: &str) -> Option<(Attribute, u8)> {
    attribute_of_key_bytes(key.as_bytes())
}

/// The same of a key that need not be UTF-8.
pub fn attribute_of_key_bytes(key: &[u8]) -> Option<(Attribute, u8)> {
    static SPELLINGS: LazyLock<Spellings> = LazyLock::new(Spellings::new);
    SPELLINGS.find(key)
}

/// All spellings in a table that few others fall into, because most keys of most spans are asked for in vain.
struct Spellings {
    /// Numbers in `keys`, from the slot of the key on.
    slots: [Option<NonZeroU8>; SLOTS],
    /// The first is none.
    keys: Vec<(&'static str, Attribute, u8)>,
}

const SLOT_BITS: u32 = 10;
const SLOTS: usize = 1 << SLOT_BITS;

impl Spellings {
    fn new() -> Self {
        let mut spellings = Self { slots: [None; SLOTS], keys: vec![("", Attribute::ServicePeerName, 0)] };
        for &attribute in Attribute::ALL {
            for (rank, &key) in (0u8..).zip(attribute.aliases()) {
                let mut slot = slot_of(key.as_bytes());
                while spellings.slots[slot].is_some() {
                    slot = (slot + 1) % SLOTS;
                }
                let number = u8::try_from(spellings.keys.len()).ok().and_then(NonZeroU8::new);
                spellings.slots[slot] = Some(number.expect("fewer than 256 spellings"));
                spellings.keys.push((key, attribute, rank));
            }
        }
        spellings
    }

    fn find(&self, key: &[u8]) -> Option<(Attribute, u8)> {
        let mut slot = slot_of(key);
        while let Some(number) = self.slots[slot] {
            let (known, attribute, rank) = self.keys[usize::from(number.get())];
            if known.as_bytes() == key {
                return Some((attribute, rank));
            }
            slot = (slot + 1) % SLOTS;
        }
        None
    }
}

/// Where the search for `key` begins, told by its length, its first eight bytes and its last eight.
fn slot_of(key: &[u8]) -> usize {
    let word = |bytes: [u8; 8]| u64::from_le_bytes(bytes);
    let (first, last) = match (key.first_chunk(), key.last_chunk()) {
        (Some(first), Some(last)) => (word(*first), word(*last)),
        _ => (key.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
    };
    let mixed = (first ^ last.rotate_left(29) ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - SLOT_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No key may spell two attributes, or the second would never be read.
    #[test]
    fn every_spelling_belongs_to_one_attribute() {
        for &attribute in Attribute::ALL {
            for (rank, key) in (0u8..).zip(attribute.aliases()) {
                assert_eq!(attribute_of_key(key), Some((attribute, rank)), "{key}");
            }
        }
    }
    #[test]
    fn other_keys_spell_none() {
        for key in ["", "x", "error2", "http.metho", "http.method ", "http.methoe", "thread.id", "service.peer.names"] {
            assert_eq!(attribute_of_key(key), None, "{key}");
        }
        assert_eq!(attribute_of_key_bytes(b"http.meth\xffd"), None);
    }
}
