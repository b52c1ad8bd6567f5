//! The attributes that the analysis asks for: each once, with every spelling that instrumentations have given it.
//!
//! Sources of the spellings: the OpenTelemetry semantic conventions 1.44 and their older generations, OpenTracing, and
//! Zipkin's Brave. A span that carries several spellings of one attribute is read by the first in the list.

use super::client_side::{probe, public_address};
use super::kept_values::{delay_of, id_hash, milliseconds_of, number_of, place_of, short_hash, time_of};
use super::normal_form::nonzero_hash;
use super::spellings::spelled;

/// Makes the types of the table below. The class of a line says what the attribute is one of, and what it costs:
///
/// - `shape`: an attribute of the span that is part of its signature. Its distinct values multiply signatures, so they are
///   capped, and it takes four bytes of every signature and a column of canonical Parquet for each spelling.
/// - `resource`: an attribute of the span's resource that is part of its signature. The same, but that it is looked up once
///   for all spans of a resource where the format tells them so. A span attribute of that name does not count.
/// - `own(hash)`, `own(number)`, `own(seconds)` and others: an attribute of the span that may be unique to it. It is no part of the
///   signature: what is kept is the hash of its text, its number, or the ns that it says in seconds and one more, in a column of
///   its own beside the span's row. That takes up to nine bytes a span that has it, one byte any other span, and nothing at all
///   unless a detector that is on asks for it.
/// - `own_of_resource(short_hash)`: the same of the span's resource, and of that alone. Few resources make many spans, so what is
///   kept takes a byte of a span, and six of one whose resource is new.
macro_rules! attributes {
    (
        signature { $($(#[$doc:meta])* $variant:ident: $class:ident = [$($alias:literal),+ $(,)?],)+ }
        beside { $($(#[$own_doc:meta])* $own:ident: $own_class:ident($kept:ident) = [$($own_alias:literal),+ $(,)?],)+ }
    ) => {
        /// An attribute that is part of signatures, whatever its spelling in the input.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Attribute {
            $($(#[$doc])* $variant,)+
        }

        impl Attribute {
            /// All attributes, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// What it is an attribute of.
            pub const fn class(self) -> AttributeClass {
                match self {
                    $(Self::$variant => attributes!(@class $class),)+
                }
            }

            /// Whether only a normalised form of its values is kept ([`normalise`](super::normalise)): they are too many.
            pub fn is_normalised(self) -> bool {
                let is_short = matches!(
                    self,
                    Self::UrlFull | Self::UrlPath | Self::DbConnectionString | Self::RequestId | Self::MessagingBatch
                );
                is_short || self.is_long_text()
            }

            /// Whether signatures have its values under the same attribute. Others become a part of it, a flag or a number.
            pub const fn is_kept_as_said(self) -> bool {
                !matches!(self, Self::UrlFull | Self::ErrorFlag | Self::AdjustedCount)
            }

            /// Whether its values take long to normalise, and often come again.
            pub fn is_long_text(self) -> bool {
                matches!(self, Self::DbQueryText | Self::StatusMessage | Self::ExceptionMessage)
            }

            /// Whether spans have it under its own name. The others are made of something else that they say.
            pub const fn is_recorded(self) -> bool {
                !matches!(self, Self::UrlHost | Self::StatusMessage)
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
            pub const fn aliases(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$($alias),+],)+
                }
            }
        }

        /// An attribute that may be unique to a span, or to a resource, whatever its spelling in the input.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum OwnAttribute {
            $($(#[$own_doc])* $own,)+
        }

        impl OwnAttribute {
            /// All attributes, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$own),+];

            /// The spellings, the preferred one first.
            pub const fn aliases(self) -> &'static [&'static str] {
                match self {
                    $(Self::$own => &[$($own_alias),+],)+
                }
            }

            /// What it is an attribute of.
            pub const fn class(self) -> AttributeClass {
                match self {
                    $(Self::$own => attributes!(@class $own_class),)+
                }
            }

            /// What is kept of the value that `text` is: a number or a hash, the same in every run, and 0 if there is none.
            pub fn value_of(self, text: &str) -> u64 {
                match self {
                    $(Self::$own => attributes!(@value $kept text),)+
                }
            }
        }
    };
    (@class shape) => { AttributeClass::Shape };
    (@class resource) => { AttributeClass::Resource };
    (@class own) => { AttributeClass::Shape };
    (@class own_of_resource) => { AttributeClass::Resource };
    (@value hash $text:ident) => { if $text.is_empty() { 0 } else { nonzero_hash($text) } };
    (@value short_hash $text:ident) => { short_hash($text) };
    (@value number $text:ident) => { number_of($text) };
    (@value id $text:ident) => { id_hash($text) };
    (@value place $text:ident) => { place_of($text) };
    (@value milliseconds $text:ident) => { milliseconds_of($text) };
    (@value time $text:ident) => { time_of($text) };
    (@value any $text:ident) => { u64::from(!matches!($text.trim(), "" | "0")) };
    (@value presence $text:ident) => { u64::from(!$text.is_empty()) };
    (@value browser $text:ident) => { u64::from($text.eq_ignore_ascii_case("webjs")) };
    (@value public_address $text:ident) => { public_address($text) };
    (@value probe $text:ident) => { probe($text) };
    (@value seconds $text:ident) => { delay_of($text) };
}

/// What an attribute is an attribute of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttributeClass {
    /// The span.
    Shape,
    /// The span's resource.
    Resource,
}

attributes! {
    signature {
        /// Logical name of the service that is called.
        ServicePeerName: shape = ["service.peer.name"],
        /// Its older form, often set by hand.
        PeerService: shape = ["peer.service"],
        /// Host name of the server, current form.
        ServerAddress: shape = ["server.address"],
        /// Port of the server, current form.
        ServerPort: shape = ["server.port"],
        /// Host name of the server, older form.
        NetPeerName: shape = ["net.peer.name", "peer.hostname", "db.hostname"],
        /// Port of the server, older form.
        NetPeerPort: shape = ["net.peer.port"],
        /// Value of the HTTP `Host` header.
        HttpHost: shape = ["http.host"],
        /// Server name of an HTTP request.
        HttpServerName: shape = ["http.server_name"],
        /// Server name of an HTTP request, older form: on the server's side the host that was asked for.
        NetHostName: shape = ["net.host.name"],
        /// Full URL of an HTTP request. Kept as host, templated path and a hash.
        UrlFull: shape = ["url.full", "http.url"],
        /// Host and port of the full URL.
        UrlHost: shape = ["tracescan.url.host"],
        /// Path of an HTTP request, kept templated.
        UrlPath: shape = ["url.path", "http.target", "http.path", "http.uri"],
        /// Host name behind the socket.
        SocketPeerName: shape = ["net.sock.peer.name"],
        /// Address behind the socket.
        NetworkPeerAddress: shape = ["network.peer.address", "net.sock.peer.addr", "net.peer.ip", "peer.address", "peer.ipv4"],
        /// Port behind the socket.
        NetworkPeerPort: shape = ["network.peer.port", "net.sock.peer.port"],
        /// HTTP method.
        HttpMethod: shape = ["http.request.method", "http.method"],
        /// HTTP status code.
        HttpStatusCode: shape = ["http.response.status_code", "http.status_code"],
        /// How often this request was sent before.
        ResendCount: shape = ["http.request.resend_count", "http.resend_count", "http.retry_count", "grpc.previous-rpc-attempts"],
        /// Template of the URL's path.
        UrlTemplate: shape = ["url.template"],
        /// Route that the server matched.
        HttpRoute: shape = ["http.route"],
        /// RPC system.
        RpcSystem: shape = ["rpc.system.name", "rpc.system"],
        /// RPC service, older form.
        RpcService: shape = ["rpc.service"],
        /// RPC method, fully qualified in the current form.
        RpcMethod: shape = ["rpc.method"],
        /// RPC status, a name or a number: which it is of, the RPC system says.
        RpcStatusCode: shape = [
            "rpc.status_code",
            "rpc.response.status_code",
            "rpc.grpc.status_code",
            "rpc.connect_rpc.error_code",
            "grpc.code",
            "grpc.status_code",
        ],
        /// Error code of JSON-RPC.
        JsonRpcErrorCode: shape = ["rpc.jsonrpc.error_code"],
        /// Database system.
        DbSystem: shape = ["db.system.name", "db.system", "db.type"],
        /// Database namespace.
        DbNamespace: shape = [
            "db.namespace",
            "db.name",
            "db.instance",
            "db.elasticsearch.cluster.name",
            "db.redis.database_index",
            "db.mssql.instance_name",
        ],
        /// Table, collection or container.
        DbCollection: shape = [
            "db.collection.name",
            "db.sql.table",
            "db.mongodb.collection",
            "db.cassandra.table",
            "db.cosmosdb.container",
            "aws.dynamodb.table_names",
            "db.elasticsearch.path_parts.index",
        ],
        /// Database operation.
        DbOperation: shape = ["db.operation.name", "db.operation"],
        /// Low-cardinality summary of the query.
        DbQuerySummary: shape = ["db.query.summary"],
        /// Query text, kept as a template and a hash.
        DbQueryText: shape = ["db.query.text", "db.statement", "sql.query", "cassandra.query", "jdbc.query[0]"],
        /// Connection string, kept as its host.
        DbConnectionString: shape = ["db.connection_string"],
        /// Messaging system.
        MessagingSystem: shape = ["messaging.system"],
        /// Template of the destination's name.
        MessagingDestinationTemplate: shape = ["messaging.destination.template"],
        /// Destination: topic or queue.
        MessagingDestination: shape = [
            "messaging.destination.name",
            "messaging.destination",
            "message_bus.destination",
            "kafka.topic",
            "messaging.source.name",
        ],
        /// Whether the destination is temporary or anonymous: then its name identifies nothing.
        MessagingTemporary: shape =
            ["messaging.destination.temporary", "messaging.destination.anonymous", "messaging.temp_destination"],
        /// Id of what is asked for or sent: a document's or a message's. Only its hash is kept, as the span's arguments.
        RequestId: shape = [
            "messaging.message.id",
            "messaging.message_id",
            "db.elasticsearch.path_parts.doc_id",
            "db.elasticsearch.path_parts.id",
        ],
        /// What is done with the message.
        MessagingOperation: shape = ["messaging.operation.type", "messaging.operation", "messaging.operation.name"],
        /// Routing key of RabbitMQ, which names a queue where the exchange is the default one.
        MessagingRoutingKey: shape = ["messaging.rabbitmq.destination.routing_key", "messaging.rabbitmq.routing_key"],
        /// Group of consumers that share the messages of a topic, each of which one of them gets.
        MessagingGroup: shape = [
            "messaging.consumer.group.name",
            "messaging.kafka.consumer.group",
            "messaging.destination.subscription.name",
            "messaging.servicebus.destination.subscription_name",
            "messaging.rocketmq.client_group",
            "messaging.eventhubs.consumer.group",
        ],
        /// How many messages the span is about. Kept is whether these are several.
        MessagingBatch: shape = ["messaging.batch.message_count"],
        /// What a broker is told to do with a message that was received.
        MessagingDisposition: shape = ["messaging.servicebus.disposition_status"],
        /// What part of a system made the span: `proxy` for those of a service mesh.
        Component: shape = ["component"],
        /// The cluster that an Envoy proxy sends a request to.
        UpstreamCluster: shape = ["upstream_cluster", "upstream_cluster.name"],
        /// Function that is invoked.
        FaasInvokedName: shape = ["faas.invoked_name"],
        /// Cloud provider of that function.
        FaasInvokedProvider: shape = ["faas.invoked_provider"],
        /// Region of that function.
        FaasInvokedRegion: shape = ["faas.invoked_region"],
        /// Resource of a cloud provider's API.
        CloudRemote: shape = ["aws.remote.service", "aws.s3.bucket", "aws.sqs.queue.url"],
        /// Provider of a generative model.
        GenAiProvider: shape = ["gen_ai.provider.name", "gen_ai.system"],
        /// Source file of the code that made the span.
        CodeFilePath: shape = ["code.file.path", "code.filepath"],
        /// Line in that file.
        CodeLineNumber: shape = ["code.line.number", "code.lineno"],
        /// Class of the error.
        ErrorType: shape = ["error.type"],
        /// Type of the exception, an attribute of the span or of its event `exception`.
        ExceptionType: shape = ["exception.type"],
        /// The message of the span's status, kept templated, and only of spans that failed.
        StatusMessage: shape = ["tracescan.status.message"],
        /// The message of the exception, an attribute of the span or of its event `exception`, kept in the same way.
        ExceptionMessage: shape = ["exception.message"],
        /// OpenTracing's error flag.
        ErrorFlag: shape = ["error"],
        /// How the span refers to its parent (OpenTracing).
        RefType: shape = ["opentracing.ref_type"],
        /// Whether the span stands for several that were pruned.
        IsSummary: shape = ["aggregation.is_summary"],
        /// How many spans it stands for.
        SpanCount: shape = ["aggregation.span_count"],
        /// The same in Elastic's form.
        CompositeCount: shape = ["composite.count"],
        /// How many spans this one stands for because of sampling: counts for the first two spellings, ratios for the others.
        AdjustedCount: shape = [
            "tracescan.adjusted_count",
            "SampleRate",
            "X-SampleRatio",
            "sampling.probability",
            "_dd.rule_psr",
            "_dd.agent_psr",
        ],
        /// Jaeger's sampler, on roots.
        SamplerType: shape = ["sampler.type"],
        /// What the sampler was set to.
        SamplerParam: shape = ["sampler.param"],
        /// Version of the service, to tell a deployment from the one before.
        ServiceVersion: resource = ["service.version"],
        /// Group of services that the service belongs to.
        ServiceNamespace: resource = ["service.namespace"],
        /// Where the service is deployed, such as `production`.
        DeploymentEnvironment: resource = ["deployment.environment.name", "deployment.environment"],
        /// Kubernetes' name of the deployment.
        K8sDeployment: resource = ["k8s.deployment.name"],
    }
    beside {
        /// Id of a message, by which its sender and its receivers are brought together.
        MessageId: own(id) = ["messaging.message.id", "messaging.message_id"],
        /// Bytes of a message's body, and one more, since a body may be empty.
        MessageBodySize: own(place) = [
            "messaging.message.body.size",
            "messaging.message.payload_size_bytes",
            "messaging.message_payload_size_bytes",
            "messaging.message.envelope.size",
        ],
        /// Bytes of the body of an HTTP request, and one more.
        RequestBodySize: own(place) = [
            "http.request.body.size",
            "http.request_content_length",
            "http.request_content_length_uncompressed",
        ],
        /// Bytes of the body of the answer, and one more.
        ResponseBodySize: own(place) = [
            "http.response.body.size",
            "http.response_content_length",
            "http.response_content_length_uncompressed",
        ],
        /// How long the server asked to wait before the next request, and one ns more, so that no wait is told from none asked.
        RetryAfter: own(seconds) = ["http.response.header.retry-after", "http.response.header.retry_after"],
        /// Which instance of its service made the span. Instances are compared and counted, and nobody reads their names.
        Instance: own_of_resource(short_hash) = ["service.instance.id"],
        /// The pod that it ran in.
        PodName: own_of_resource(short_hash) = ["k8s.pod.name"],
        /// The same by its id.
        PodUid: own_of_resource(short_hash) = ["k8s.pod.uid"],
        /// The host that it ran on.
        HostName: own_of_resource(short_hash) = ["host.name"],
        /// Whether its resource says anything else of Kubernetes; the name of the deployment is part of its signature.
        Kubernetes: own_of_resource(presence) = [
            "k8s.namespace.name",
            "k8s.node.name",
            "k8s.cluster.name",
            "k8s.container.name",
            "k8s.replicaset.name",
            "k8s.statefulset.name",
            "k8s.daemonset.name",
            "k8s.job.name",
            "k8s.cronjob.name",
            "k8s.pod.ip",
            "k8s.pod.start_time",
            "k8s.deployment.uid",
            "k8s.replicaset.uid",
            "k8s.node.uid",
            "k8s.cluster.uid",
            "k8s.namespace.uid",
            "k8s.container.restart_count",
        ],
        /// Whether a browser made it.
        Browser: own_of_resource(browser) = ["telemetry.sdk.language"],
        /// The client of a broker, which tells instances where resources do not.
        MessagingClient: own(short_hash) = ["messaging.client.id", "messaging.client_id", "messaging.consumer.id"],
        /// The partition that a message lies in.
        MessagePartition: own(hash) = [
            "messaging.destination.partition.id",
            "messaging.kafka.destination.partition",
            "messaging.kafka.source.partition",
            "messaging.kafka.partition",
        ],
        /// The place of a message in its partition, and one more, since the first has place 0.
        MessageOffset: own(place) = ["messaging.kafka.offset", "messaging.kafka.message.offset", "kafka.offset"],
        /// What messages share whose order matters.
        MessageKey: own(hash) = [
            "messaging.kafka.message.key",
            "messaging.kafka.message_key",
            "messaging.gcp_pubsub.message.ordering_key",
            "messaging.rocketmq.message.group",
        ],
        /// How often a message was delivered so far.
        MessageDeliveries: own(number) =
            ["messaging.servicebus.message.delivery_count", "messaging.gcp_pubsub.message.delivery_attempt"],
        /// How long a message has waited in its topic, which may be less than no time where clocks differ.
        MessageQueueTime: own(milliseconds) = ["kafka.record.queue_time_ms"],
        /// When a message came into its topic, in ns since 1970.
        MessageEnqueuedTime: own(time) =
            ["messaging.servicebus.message.enqueued_time", "messaging.eventhubs.message.enqueued_time"],
        /// Whether a message was to be delivered later.
        MessageDelay: own(any) =
            ["messaging.rocketmq.message.delay_time_level", "messaging.rocketmq.message.delivery_timestamp"],
        /// The span that the only link of a CONSUMER span leads to, which has sent its message.
        OnlyLink: own(hash) = ["tracescan.only_link"],
        /// Whether the internet knows the address at the other end of the connection.
        PublicPeer: own(public_address) =
            ["network.peer.address", "net.sock.peer.addr", "net.peer.ip", "peer.address", "peer.ipv4", "peer.ipv6"],
        /// Whether a health check or a monitor asked.
        Probe: own(probe) = ["user_agent.original", "http.user_agent"],
    }
}

/// Attributes that detectors ask for, of those that may be unique to a span or to a resource.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OwnAttributes(u32);

const _: () = assert!(OwnAttribute::ALL.len() <= u32::BITS as usize);

impl OwnAttribute {
    /// Whether spans have it under its own name. The others are made of something else that they say.
    pub const fn is_recorded(self) -> bool {
        !matches!(self, Self::OnlyLink)
    }
}

impl OwnAttributes {
    /// None.
    pub const NONE: Self = Self(0);
    /// All that there are.
    pub const ALL: Self = Self::of(OwnAttribute::ALL);
    /// What tells instances of a service apart.
    pub const INSTANCE: Self =
        Self::of(&[OwnAttribute::Instance, OwnAttribute::PodName, OwnAttribute::PodUid, OwnAttribute::HostName]);

    /// Those of `attributes`.
    pub const fn of(attributes: &[OwnAttribute]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < attributes.len() {
            bits |= 1 << attributes[index] as u8;
            index += 1;
        }
        Self(bits)
    }

    /// These and those of `other`.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `attribute` is among them.
    pub const fn contains(self, attribute: OwnAttribute) -> bool {
        self.0 & 1 << attribute as u8 != 0
    }

    /// Whether all of `other` are among them.
    pub const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those among them that are attributes of `class`.
    pub(crate) const fn of_class(self, class: AttributeClass) -> Self {
        match class {
            AttributeClass::Shape => Self(self.0 & !OF_RESOURCES.0),
            AttributeClass::Resource => Self(self.0 & OF_RESOURCES.0),
        }
    }

    /// Whether there are none: then no key needs to be looked up.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// They, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = OwnAttribute> {
        OwnAttribute::ALL.iter().copied().filter(move |&attribute| self.contains(attribute))
    }

    /// The one among them that `key` of a span spells, and how far back in the list of its spellings it stands.
    pub fn of_key(self, key: &str) -> Option<(OwnAttribute, u8)> {
        self.of_key_bytes(key.as_bytes())
    }

    /// The same of a key that need not be UTF-8.
    pub fn of_key_bytes(self, key: &[u8]) -> Option<(OwnAttribute, u8)> {
        let asked = self.of_class(AttributeClass::Shape);
        if asked.is_empty() {
            return None;
        }
        spelled(key)?.own.filter(|(attribute, _)| asked.contains(*attribute))
    }

    /// The one among them that `key` of a resource spells, and how far back in the list of its spellings it stands. As
    /// [`resource_attribute_of_key`], it may be asked of every attribute of every span's resource.
    pub fn of_resource_key(self, key: &str) -> Option<(OwnAttribute, u8)> {
        let asked = self.of_class(AttributeClass::Resource);
        if asked.is_empty() || !has_length(OWN_RESOURCE_KEY_LENGTHS, key) {
            return None;
        }
        spelled(key.as_bytes())?.own.filter(|(attribute, _)| asked.contains(*attribute))
    }

    /// The one among them that the spelling number `rank` of `other` spells too.
    pub(crate) fn of_spelling(self, other: Attribute, rank: u8) -> Option<(OwnAttribute, u8)> {
        self.of_key(other.aliases().get(usize::from(rank))?)
    }
}

/// All that are attributes of resources.
const OF_RESOURCES: OwnAttributes = {
    let mut bits = 0;
    let mut index = 0;
    while index < OwnAttribute::ALL.len() {
        if matches!(OwnAttribute::ALL[index].class(), AttributeClass::Resource) {
            bits |= 1 << index;
        }
        index += 1;
    }
    OwnAttributes(bits)
};

/// Number of attributes.
pub const ATTRIBUTE_COUNT: usize = Attribute::ALL.len();

/// The attribute of spans that `key` spells, and how far back in the list of its spellings it stands (0 is preferred).
pub fn attribute_of_key(key: &str) -> Option<(Attribute, u8)> {
    attribute_of_key_bytes(key.as_bytes())
}

/// The same of a key that need not be UTF-8.
pub fn attribute_of_key_bytes(key: &[u8]) -> Option<(Attribute, u8)> {
    spelled(key)?.attribute_of(AttributeClass::Shape)
}

/// The attribute of an exception that `key` spells among the attributes of an event; OpenTracing has names of its own for its
/// message.
pub fn exception_attribute_of_key(key: &str) -> Option<Attribute> {
    match key {
        "exception.type" => Some(Attribute::ExceptionType),
        "exception.message" | "message" | "error.object" => Some(Attribute::ExceptionMessage),
        _ => None,
    }
}

/// The attribute of resources that `key` spells, and how far back in the list of its spellings it stands.
///
/// It may be asked of every attribute of every span's resource, so nearly all keys are told by their lengths alone.
pub fn resource_attribute_of_key(key: &str) -> Option<(Attribute, u8)> {
    if !has_length(RESOURCE_KEY_LENGTHS, key) {
        return None;
    }
    spelled(key.as_bytes())?.attribute_of(AttributeClass::Resource)
}

/// Whether `key` of a resource spells any attribute that the analysis may ask for, the service's name aside.
pub(crate) fn is_key_of_resource(key: &str) -> bool {
    resource_attribute_of_key(key).is_some() || OwnAttributes::ALL.of_resource_key(key).is_some()
}

/// A bit for each length that a spelling of a resource's attribute has.
const RESOURCE_KEY_LENGTHS: u64 = {
    let mut lengths = 0;
    let mut index = 0;
    while index < Attribute::ALL.len() {
        if matches!(Attribute::ALL[index].class(), AttributeClass::Resource) {
            lengths |= lengths_of(Attribute::ALL[index].aliases());
        }
        index += 1;
    }
    lengths
};

/// The same of those that are kept beside rows.
const OWN_RESOURCE_KEY_LENGTHS: u64 = {
    let mut lengths = 0;
    let mut index = 0;
    while index < OwnAttribute::ALL.len() {
        if matches!(OwnAttribute::ALL[index].class(), AttributeClass::Resource) {
            lengths |= lengths_of(OwnAttribute::ALL[index].aliases());
        }
        index += 1;
    }
    lengths
};

const fn lengths_of(aliases: &[&str]) -> u64 {
    let mut lengths = 0;
    let mut rank = 0;
    while rank < aliases.len() {
        lengths |= 1 << aliases[rank].len();
        rank += 1;
    }
    lengths
}

/// Whether `lengths` has a bit for the length of `key`.
fn has_length(lengths: u64, key: &str) -> bool {
    key.len() < 64 && lengths >> key.len() & 1 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a key spells counts only where the attribute may stand, and only if it is asked for.
    #[test]
    fn a_key_spells_by_its_class() {
        let deployment = Some((Attribute::DeploymentEnvironment, 1));
        assert_eq!(attribute_of_key("deployment.environment"), None);
        assert_eq!(resource_attribute_of_key("deployment.environment"), deployment);
        assert_eq!(attribute_of_key("http.route"), Some((Attribute::HttpRoute, 0)));
        assert_eq!(resource_attribute_of_key("http.route"), None);
        assert_eq!(attribute_of_key("messaging.message.body.size"), None);
        assert_eq!(attribute_of_key("messaging.message_id"), Some((Attribute::RequestId, 1)));
        assert_eq!(OwnAttributes::ALL.of_key("messaging.message_id"), Some((OwnAttribute::MessageId, 1)));
        assert_eq!(OwnAttributes::of(&[OwnAttribute::MessageBodySize]).of_key("messaging.message_id"), None);
        assert_eq!(OwnAttributes::ALL.of_resource_key("messaging.message_id"), None);
        assert_eq!(OwnAttributes::of(&[OwnAttribute::MessageId]).of_resource_key("host.name"), None);
        for own in OwnAttributes::INSTANCE.iter() {
            let key = own.aliases()[0];
            assert_eq!(OwnAttributes::ALL.of_resource_key(key), Some((own, 0)), "{key}");
            assert_eq!((OwnAttributes::ALL.of_key(key), resource_attribute_of_key(key)), (None, None), "{key}");
        }
        for &attribute in Attribute::ALL.iter().filter(|attribute| attribute.class() == AttributeClass::Resource) {
            for (rank, key) in (0u8..).zip(attribute.aliases()) {
                assert_eq!(resource_attribute_of_key(key), Some((attribute, rank)), "{key}");
            }
        }
    }

    #[test]
    fn own_values_are_numbers_or_hashes() {
        let size = |text| OwnAttribute::MessageBodySize.value_of(text);
        assert_eq!(["17", " 17 ", "17.0", "0", "-1", "", "many", "NaN"].map(size), [18, 18, 18, 1, 0, 0, 0, 0]);
        let deliveries = |text| OwnAttribute::MessageDeliveries.value_of(text);
        assert_eq!(["17", "17.0", "0", "-1", "many"].map(deliveries), [17, 17, 0, 0, 0]);
        let delay = |text| OwnAttribute::RetryAfter.value_of(text);
        let second = 1_000_000_000;
        assert_eq!(
            ["0", "7", "[\"30\"]", "['1.5']", "2, 9"].map(delay).map(|ns| 2 * (ns - 1) / second),
            [0, 14, 60, 3, 4]
        );
        let dates_and_others = ["", "[]", "-1", "NaN", "inf", "1e12", "soon", "[\"Wed, 21 Oct 2015 07:28:00 GMT\"]"];
        assert_eq!(dates_and_others.map(delay), [0; 8]);
        let id = |text| OwnAttribute::MessageId.value_of(text);
        assert_eq!(id(""), 0);
        assert!(id("a") != 0 && id("a") != id("b") && id("a") == id("a"));
        let instance = |number: u32| OwnAttribute::Instance.value_of(&format!("cart-{number}"));
        let instances: std::collections::BTreeSet<u64> = (0..10_000).map(instance).collect();
        assert_eq!((instances.len(), OwnAttribute::Instance.value_of("")), (10_000, 0));
        assert!(instances.iter().all(|&hash| hash != 0 && hash < 1 << 40));
    }
}
