//! What a span's signature alone tells, worked out once for each signature instead of once for each span.

mod data_use;

use std::collections::BTreeSet;

use rayon::iter::ParallelIterator as _;
use rayon::slice::{ParallelSlice as _, ParallelSliceMut as _};

use crate::conventions::{
    Attribute, ErrorClass, FindingKind, Lists, RpcCode, RpcStatus, UncountedCalls, acquires_connection,
    class_of_message, classify, count_of_jaeger_sampler, is_http_word, name_template, says_breaker_is_open,
    says_it_is_there_already, says_nothing_is_there,
};
use crate::frame::{Signature, SignatureId, Symbol, Symbols, Vocabulary};
use crate::span::{SpanKind, StatusCode, UNKNOWN_SERVICE};

use super::heirs::TargetsOfHeirs;
use super::messages::{MessageFacts, MessageRole, facts_of};
use super::target::{Attributes, Class, Services, Target, TargetKind};
use super::url_repetitions::UrlRepetitions;
use data_use::DataUses;
pub(crate) use data_use::{DataUse, TablesSeenIn, TransactionEnd};

/// What a signature tells.
#[derive(Clone, Debug)]
pub struct SpanSemantics {
    /// The service.
    pub service: Symbol,
    /// The version of the service; empty if it is not known or nobody asks for attributes of resources.
    pub version: Symbol,
    /// The span's name as recorded.
    pub name: Symbol,
    /// The span's name, templated: what a section of self time is booked under.
    pub operation: Symbol,
    /// The name of an entry span: where the span is named only by a method or a wildcard, method and route.
    pub entry_operation: Symbol,
    /// Whether even `entry_operation` is only a method or a wildcard.
    pub entry_operation_is_bare: bool,
    /// The span's kind.
    pub kind: SpanKind,
    /// The status code.
    pub status: StatusCode,
    /// Whether this is a poll: a CLIENT span that receives messages.
    pub is_poll: bool,
    /// Whether it is a proxy's of a service mesh.
    pub is_proxy: bool,
    /// Whether it is about messages.
    pub is_messaging: bool,
    /// What it tells of messages.
    pub messaging: MessageFacts,
    /// Whether it asks a generative model.
    pub is_gen_ai: bool,
    /// Whether it is an HTTP request.
    pub is_http: bool,
    /// Whether what repeats is told by nothing but a URL, and other URLs of the input differ from it in one segment
    /// ([`Semantics::repetitions`]).
    pub is_variant_of_url: bool,
    /// Whether the span carries a database system.
    pub has_database_system: bool,
    /// What the span reaches if it is a call without recorded callee.
    pub target: Target,
    /// Whether that would be another one if other services were in the input: it is known by its host.
    pub depends_on_services: bool,
    /// What repeats if it is a call, as far as the caller's span says.
    pub call_operation: Symbol,
    /// HTTP method, upper case; empty if there is none.
    pub method: Symbol,
    /// Whether that is GET or HEAD: all that is asked for stands in the URL.
    pub is_read: bool,
    /// Whether the own attributes say that it failed, with status unset, if it is a client's span.
    pub failed_as_client: bool,
    /// The same if it is a server's span.
    pub failed_as_server: bool,
    /// `error.type`, else exception type, else protocol status, else `error`.
    pub error_type: Symbol,
    /// Class of the error, if it failed.
    pub error_class: ErrorClass,
    /// Template of the message of the status, else of the exception; empty if there is none.
    pub message: Symbol,
    /// HTTP status code; 0 if there is none.
    pub http_status: u16,
    /// Whether it says which deployment of Kubernetes made it.
    pub names_deployment: bool,
    /// Whether it does not say of which service it is.
    pub lacks_service_name: bool,
    /// Whether it tells of an error, by its type or a code, and has no status.
    pub lacks_error_status: bool,
    /// Whether it says of HTTP, an RPC, a database or messages.
    pub has_protocol: bool,
    /// Whether its name follows from a route, a template or a method, of which there are few.
    pub has_route: bool,
    /// The host that was asked for, if the internet knows it and the span serves a request; else empty.
    pub public_host: Symbol,
    /// What the service offers, if a request comes in here: RPC service, destination or first part of the path, in lower case;
    /// empty if nothing says it.
    pub capability: Symbol,
    /// Whether the span has an HTTP or RPC status code.
    pub has_protocol_code: bool,
    /// Whether a call of this signature is answered by "elsewhere" or "who are you": 3xx, 401 or 407.
    pub is_redirect_or_challenge: bool,
    /// Whether it says that more was asked for than is allowed: HTTP 429 or RPC RESOURCE_EXHAUSTED.
    pub says_throttled: bool,
    /// Whether a message of it says that what was sent is too large, for which RPC has the same code.
    pub says_too_large: bool,
    /// Whether its own error says that a circuit breaker rejected it.
    pub says_breaker_is_open: bool,
    /// Whether no protocol says that anybody answered: no HTTP status, and of RPC none or UNAVAILABLE.
    pub lacks_answer: bool,
    /// Whether the call was sent before (a re-send count of 1 or more).
    pub is_resend: bool,
    /// Whether repeating it may do something twice: POST, PATCH, an INSERT, a publish.
    pub is_non_idempotent: bool,
    /// Whether it is a heartbeat or a health check.
    pub is_heartbeat: bool,
    /// Whether it is plumbing, if it is a call without recorded callee.
    pub is_plumbing: bool,
    /// Whether its name says that it waits for a connection of a pool.
    pub acquires_connection: bool,
    /// Whether it follows from its parent instead of being waited for.
    pub follows_from: bool,
    /// How many spans it stands for.
    pub weight: u32,
    /// How many spans one of these stands for because of sampling, if it says so.
    pub adjusted_count: Option<f64>,
    /// How many traces the trace stands for, if the sampler of its root says so.
    pub trace_adjusted_count: Option<f64>,
    /// Place among all signatures ordered by content.
    pub order: u32,
}

impl SpanSemantics {
    /// The strings that were worked out of the signature.
    fn derived_mut(&mut self) -> [&mut Symbol; 10] {
        [
            &mut self.operation,
            &mut self.entry_operation,
            &mut self.target.name,
            &mut self.call_operation,
            &mut self.method,
            &mut self.error_type,
            &mut self.messaging.topic,
            &mut self.messaging.group,
            &mut self.public_host,
            &mut self.capability,
        ]
    }
}

/// So many signatures are one piece of work.
const SIGNATURES_OF_PIECE: usize = 1 << 10;

/// What all signatures tell, and all strings, numbered by their bytes.
#[derive(Debug, Default)]
pub struct Semantics {
    /// By [`SignatureId`](crate::frame::SignatureId).
    pub by_signature: Vec<SpanSemantics>,
    /// Strings of the input and derived ones. Comparing symbols compares strings.
    pub symbols: Symbols,
    /// Services that some span certainly belongs to: whether any belongs to others depends on the spans above it
    /// ([`Tree::service`](super::Tree::service)).
    pub certain_services: BTreeSet<Symbol>,
    /// Operations that become one where they repeat.
    pub repetitions: UrlRepetitions,
    /// What spans without a service name reach where it depends on the service that they belong to.
    targets_of_heirs: TargetsOfHeirs,
    /// What signatures do with data; nothing unless it is asked for.
    data_uses: DataUses,
    /// The lists of words by which all this was told.
    pub(crate) lists: Lists,
    /// Whether any signature says how many spans or traces it stands for.
    pub has_adjusted_counts: bool,
    /// Whether any signature asks a generative model.
    pub has_gen_ai: bool,
    /// What the spans of signatures do with messages, by [`SignatureId`](crate::frame::SignatureId); empty if none do anything.
    pub message_roles: Vec<MessageRole>,
    /// Whether any signature waits for a connection of a pool.
    pub has_pools: bool,
    /// Whether spans without a service name occur.
    pub has_unknown_services: bool,
    /// Whether spans of a mesh's proxies occur.
    pub has_proxies: bool,
    /// The symbol of `unknown_service`.
    pub unknown_service: Symbol,
    /// The symbol of `*`, which stands for several services.
    pub any_service: Symbol,
    /// The symbols of the names of kinds of targets, by number.
    target_kinds: [Symbol; TargetKind::ALL.len()],
    /// The symbols of the names of kinds of findings, by number.
    finding_kinds: Vec<Symbol>,
}

impl Semantics {
    /// What a span of `signature` that belongs to `service` reaches if it is a call without recorded callee.
    pub(super) fn target_of(&self, signature: SignatureId, service: Symbol) -> Target {
        let own = &self.by_signature[signature.index()];
        if own.service == service { own.target } else { self.targets_of_heirs.get(signature, service, own.target) }
    }

    /// What a span of `signature` does with data if it is a call. Only if a detector asks ([`Asked::data_use`]).
    pub(crate) fn data_use(&self, signature: SignatureId) -> &DataUse {
        self.data_uses.get(signature)
    }

    /// The family of a service: services of one family own what one of them owns. Only if a detector asks
    /// ([`Asked::data_use`]).
    pub(crate) fn family(&self, service: Symbol) -> Symbol {
        self.data_uses.family(service)
    }

    /// The name of a kind of targets, for keys of patterns.
    pub(crate) fn kind_name(&self, kind: TargetKind) -> Symbol {
        self.target_kinds[kind as usize]
    }

    /// The name of a kind of findings, for keys of patterns.
    pub(crate) fn finding_kind_name(&self, kind: FindingKind) -> Symbol {
        self.finding_kinds[kind as usize]
    }
}

/// The names, in lower case, of services that would change targets of these signatures if the input had them, beside those
/// that it has.
pub(crate) fn services_that_matter(vocabulary: &Vocabulary) -> BTreeSet<String> {
    let mut services = Services::new();
    let signatures: Vec<Signature> =
        (0..vocabulary.signatures.len() as u32).map(|id| vocabulary.signatures.resolve(SignatureId(id))).collect();
    for signature in &signatures {
        let name = vocabulary.symbols.resolve(signature.service);
        services.entry(name.to_ascii_lowercase()).or_default().push((name.to_owned(), signature.service));
    }
    signatures
        .iter()
        .flat_map(|signature| {
            let attributes = Attributes { symbols: &vocabulary.symbols, signature };
            attributes.names_of_host(attributes.class(), &services)
        })
        .map(str::to_ascii_lowercase)
        .collect()
}

/// What stands for several services in one row.
pub const ANY_SERVICE: &str = "*";

/// What signatures tell that only some detectors ask for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Asked {
    /// What calls do with data, and families of services.
    pub(crate) data_use: bool,
}

impl Asked {
    /// Nothing.
    pub(crate) const NOTHING: Self = Self { data_use: false };
    /// Everything.
    #[cfg(test)]
    pub(crate) const ALL: Self = Self { data_use: true };

    /// What either asks for.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { data_use: self.data_use || other.data_use }
    }
}

/// Works out what all signatures tell that everybody needs.
pub fn derive(vocabulary: &Vocabulary, uncounted: &UncountedCalls) -> Semantics {
    let lists = Lists { uncounted: uncounted.clone(), ..Lists::default() };
    derive_asked(vocabulary, &lists, Asked::NOTHING)
}

/// The same, and what is asked for beside that.
pub(crate) fn derive_asked(vocabulary: &Vocabulary, lists: &Lists, asked: Asked) -> Semantics {
    let mut symbols = vocabulary.symbols.clone();
    let mut signatures: Vec<Signature> =
        (0..vocabulary.signatures.len() as u32).map(|id| vocabulary.signatures.resolve(SignatureId(id))).collect();
    let mut services = Services::new();
    let mut add = |service: Symbol| {
        let name = vocabulary.symbols.resolve(service);
        let same = services.entry(name.to_ascii_lowercase()).or_default();
        if same.iter().all(|(known, _)| known != name) {
            same.push((name.to_owned(), service));
            same.sort_unstable();
        }
    };
    signatures.iter().for_each(|signature| add(signature.service));
    for &service in &vocabulary.other_services {
        add(service);
    }
    // What is worked out of signatures is mostly texts, so each piece of work has strings of its own, which are joined.
    let pieces: Vec<(Vec<SpanSemantics>, Symbols)> = signatures
        .par_chunks(SIGNATURES_OF_PIECE)
        .map(|signatures| {
            let mut derived = Symbols::default();
            let semantics_of = |signature| semantics_of(signature, &vocabulary.symbols, &mut derived, &services, lists);
            (signatures.iter().map(semantics_of).collect(), derived)
        })
        .collect();
    let mut by_signature: Vec<SpanSemantics> = Vec::with_capacity(signatures.len());
    for (semantics, derived) in pieces {
        let joined = symbols.absorb(&derived);
        by_signature.extend(semantics.into_iter().map(|mut semantics| {
            semantics.derived_mut().into_iter().for_each(|symbol| *symbol = joined[symbol.index()]);
            semantics
        }));
    }
    symbols.intern(UNKNOWN_SERVICE);
    symbols.intern(ANY_SERVICE);
    TargetKind::ALL.iter().for_each(|kind| _ = symbols.intern(kind.as_str()));
    FindingKind::ALL.iter().for_each(|kind| _ = symbols.intern(kind.as_str()));
    let repetitions = UrlRepetitions::find(&signatures, &vocabulary.symbols, &mut by_signature, &mut symbols);
    let known = |id: SignatureId| by_signature[id.index()].target;
    let targets_of_heirs = TargetsOfHeirs::find(&signatures, known, &vocabulary.symbols, &services, &mut symbols);
    let data_uses = match asked.data_use {
        true => DataUses::find(&signatures, &by_signature, vocabulary, lists, &mut symbols),
        false => DataUses::default(),
    };

    let (symbols, renumbered) = symbols.sorted();
    let repetitions = repetitions.renumbered(&renumbered);
    let targets_of_heirs = targets_of_heirs.renumbered(&renumbered);
    let data_uses = data_uses.renumbered(&renumbered);
    for semantics in &mut by_signature {
        let SpanSemantics { service, version, name, message, .. } = semantics;
        for symbol in [service, version, name, message] {
            *symbol = renumbered[symbol.index()];
        }
        semantics.derived_mut().into_iter().for_each(|symbol| *symbol = renumbered[symbol.index()]);
    }
    for signature in &mut signatures {
        signature.service = renumbered[signature.service.index()];
        signature.name = renumbered[signature.name.index()];
        signature.attributes = signature.attributes.map(|symbol| renumbered[symbol.index()]);
    }
    let mut order: Vec<usize> = (0..signatures.len()).collect();
    order.par_sort_unstable_by_key(|&index| &signatures[index]);
    for (place, index) in (0u32..).zip(order) {
        by_signature[index].order = place;
    }
    let unknown_service = symbols.get(UNKNOWN_SERVICE).unwrap_or_default();
    let any_service = symbols.get(ANY_SERVICE).unwrap_or_default();
    let target_kinds = TargetKind::ALL.map(|kind| symbols.get(kind.as_str()).unwrap_or_default());
    let name_of = |kind: &FindingKind| symbols.get(kind.as_str()).unwrap_or_default();
    let finding_kinds = FindingKind::ALL.iter().map(name_of).collect();
    let has_adjusted_counts =
        by_signature.iter().any(|semantics| semantics.adjusted_count.or(semantics.trace_adjusted_count).is_some());
    let has_unknown_services = by_signature.iter().any(|semantics| semantics.service == unknown_service);
    let has_proxies = by_signature.iter().any(|semantics| semantics.is_proxy);
    let has_pools = by_signature.iter().any(|semantics| semantics.acquires_connection);
    let has_gen_ai = by_signature.iter().any(|semantics| semantics.is_gen_ai);
    let mut message_roles: Vec<MessageRole> = by_signature.iter().map(|semantics| semantics.messaging.role).collect();
    if message_roles.iter().all(|&role| role == MessageRole::None) {
        message_roles = Vec::new();
    }
    let is_certain = |semantics: &&SpanSemantics| !semantics.is_proxy && semantics.service != unknown_service;
    let certain_services = by_signature.iter().filter(is_certain).map(|semantics| semantics.service).collect();
    Semantics {
        by_signature,
        symbols,
        certain_services,
        repetitions,
        targets_of_heirs,
        data_uses,
        lists: lists.clone(),
        has_adjusted_counts,
        has_gen_ai,
        message_roles,
        has_pools,
        has_unknown_services,
        has_proxies,
        unknown_service,
        any_service,
        target_kinds,
        finding_kinds,
    }
}

fn semantics_of(
    signature: &Signature,
    input: &Symbols,
    symbols: &mut Symbols,
    services: &Services,
    lists: &Lists,
) -> SpanSemantics {
    use Attribute as A;
    let uncounted = &lists.uncounted;
    let attributes = Attributes { symbols: input, signature };
    let name = input.resolve(signature.name);
    let class = attributes.class();
    let (target, target_kind) = attributes.target(class, services, input.resolve(signature.service));
    let depends_on_services = !attributes.names_of_host(class, services).is_empty();
    let (call_operation, is_query) = attributes.operation(class);
    let method = attributes.http_method().unwrap_or_default();
    let operation = name_template(name);
    let (entry_operation, entry_operation_is_bare) = entry_operation(&attributes, &operation, &method);

    let http_status: u16 = attributes.get(A::HttpStatusCode).and_then(|code| code.trim().parse().ok()).unwrap_or(0);
    let rpc_code = RpcCode::of(|attribute| attributes.get(attribute));
    let rpc_status = rpc_code.and_then(RpcCode::status);
    let (error, exception) = (attributes.get(A::ErrorType), attributes.get(A::ExceptionType));
    let recorded_error = error.or(exception);
    let is_database = class == Class::Database;
    let message = [A::StatusMessage, A::ExceptionMessage].map(|message| signature.get(message));
    let mut error_class = classify(recorded_error.unwrap_or_default(), http_status, rpc_status);
    if error_class == ErrorClass::Server {
        error_class = classify(exception.unwrap_or_default(), http_status, rpc_status);
    }
    // Where no code says it, types are as general as errors of Go's are, or say that a client cancelled what took too long.
    let is_code = |error: &str| error.trim().parse::<u16>().is_ok() || RpcStatus::from_name(error).is_some();
    let has_code = http_status != 0 || rpc_status.is_some() || recorded_error.is_some_and(is_code);
    let aborted = recorded_error.is_some_and(|error| error.eq_ignore_ascii_case("ECONNABORTED"));
    if !has_code && (matches!(error_class, ErrorClass::Server | ErrorClass::Cancelled) || aborted) {
        let said = message.into_iter().find_map(|message| class_of_message(input.resolve(message)));
        error_class = said.filter(|&said| !aborted || said == ErrorClass::Timeout).unwrap_or(error_class);
    }
    if error_class == ErrorClass::Server && is_database {
        let said = message.map(|message| input.resolve(message)).into_iter().chain(error).chain(exception);
        if said.into_iter().any(|text| says_nothing_is_there(text) || says_it_is_there_already(text)) {
            error_class = ErrorClass::Caller;
        }
    }
    let error_type = match (recorded_error, rpc_status) {
        (Some(recorded), _) => recorded.to_owned(),
        (None, _) if http_status >= 400 => format!("http {http_status}"),
        (None, Some(status)) if !status.is_ok() => match rpc_code {
            Some(RpcCode::JsonRpc(code)) => format!("jsonrpc {code}"),
            _ => format!("grpc {}", status.0),
        },
        _ => "error".to_owned(),
    };
    let failed_as_client = http_status >= 400 || rpc_status.is_some_and(|status| !status.is_ok());
    let failed_as_server = http_status >= 500 || rpc_status.is_some_and(RpcStatus::is_server_error);

    let names_of_operation = if is_query { [name, ""] } else { [name, call_operation.as_str()] };
    let is_heartbeat = (is_database && names_of_operation.iter().any(|name| uncounted.is_heartbeat(name)))
        || names_of_operation.iter().any(|name| uncounted.is_health_check(name));
    let has_method = match class {
        Class::Http => !method.is_empty(),
        Class::Rpc => attributes.get(A::RpcMethod).is_some(),
        _ => false,
    };
    let is_sql = is_database && attributes.get(A::DbSystem).is_some_and(is_sql_system);
    let statement = attributes.get(A::DbQueryText).unwrap_or(name);
    let verbs = [statement, attributes.get(A::DbOperation).unwrap_or_default()];
    let is_plumbing = (!has_method && names_of_operation.iter().any(|name| uncounted.is_plumbing(name)))
        || (is_sql && verbs.iter().any(|text| uncounted.is_sql_plumbing(text)))
        || (matches!(class, Class::Database | Class::Other) && uncounted.is_plumbing_span(name));
    let is_insert = is_database && first_word(&call_operation).eq_ignore_ascii_case("insert");
    let messaging_operation = attributes.get(A::MessagingOperation).unwrap_or_default();
    let is_publish = signature.kind == SpanKind::Producer
        || (class == Class::Messaging && matches!(messaging_operation, "publish" | "send" | "create"));
    // A type of operation tells it; where only a system's own name for it is given, that may be the name of a poll.
    let is_poll = messaging_operation.eq_ignore_ascii_case("receive")
        || (!TYPES_OF_SENDING.iter().any(|of_type| of_type.eq_ignore_ascii_case(messaging_operation))
            && attributes.is_poll(class, uncounted));
    let is_summary = attributes.get(A::IsSummary) == Some("true");
    let stands_for = |attribute| attributes.get(attribute).and_then(|count| count.parse::<u32>().ok());
    let weight = stands_for(A::SpanCount).filter(|_| is_summary).or_else(|| stands_for(A::CompositeCount)).unwrap_or(1);

    SpanSemantics {
        service: signature.service,
        version: signature.get(A::ServiceVersion),
        name: signature.name,
        operation: symbols.intern(&operation),
        entry_operation: symbols.intern(&entry_operation),
        entry_operation_is_bare,
        kind: signature.kind,
        status: signature.status,
        is_poll: signature.kind == SpanKind::Client && is_poll,
        is_proxy: attributes.get(A::Component).is_some_and(|component| component.eq_ignore_ascii_case("proxy"))
            || attributes.get(A::UpstreamCluster).is_some()
            || is_linkerd(input.resolve(signature.service)),
        is_messaging: class == Class::Messaging,
        messaging: facts_of(&attributes, class, &lists.delay_words, symbols),
        // An API of a cloud says what it is too.
        is_gen_ai: class == Class::GenAi || (class == Class::Rpc && attributes.has(&[A::GenAiProvider])),
        is_http: class == Class::Http,
        // Whether others differ in one segment is seen when all are known.
        is_variant_of_url: !signature.kind.is_served() && attributes.path_alone(class).is_some(),
        has_database_system: !signature.get(A::DbSystem).is_empty(),
        target: Target { name: symbols.intern(&target), kind: target_kind },
        depends_on_services,
        call_operation: symbols.intern(&call_operation),
        method: symbols.intern(&method),
        is_read: matches!(method.as_str(), "GET" | "HEAD"),
        failed_as_client,
        failed_as_server,
        error_type: symbols.intern(&error_type),
        error_class,
        message: message.into_iter().find(|message| !message.is_empty()).unwrap_or_default(),
        http_status,
        names_deployment: attributes.has(&[A::K8sDeployment]),
        lacks_service_name: input.resolve(signature.service).starts_with(UNKNOWN_SERVICE),
        lacks_error_status: signature.status == StatusCode::Unset
            && (error.is_some()
                || (signature.kind.is_served() && failed_as_server)
                || (matches!(signature.kind, SpanKind::Client | SpanKind::Producer) && failed_as_client)),
        has_protocol: matches!(class, Class::Http | Class::Rpc | Class::Database | Class::Messaging),
        has_route: attributes.has(&[A::HttpRoute, A::UrlTemplate, A::RpcMethod]),
        public_host: symbols.intern(&attributes.public_host(&lists.private_labels).unwrap_or_default()),
        capability: symbols.intern(&attributes.capability(class).unwrap_or_default()),
        has_protocol_code: http_status != 0 || rpc_status.is_some(),
        is_redirect_or_challenge: matches!(http_status, 300..=399 | 401 | 407),
        says_throttled: http_status == 429 || rpc_status == Some(RpcStatus::RESOURCE_EXHAUSTED),
        says_too_large: message.iter().any(|&message| input.resolve(message).contains(TOO_LARGE)),
        says_breaker_is_open: message
            .map(|message| input.resolve(message))
            .into_iter()
            .chain(error)
            .chain(exception)
            .any(says_breaker_is_open),
        lacks_answer: http_status == 0 && rpc_status.is_none_or(|status| status == RpcStatus::UNAVAILABLE),
        is_resend: attributes
            .get(A::ResendCount)
            .and_then(|count| count.trim().parse::<f64>().ok())
            .is_some_and(|count| count >= 1.0),
        is_non_idempotent: matches!(method.as_str(), "POST" | "PATCH") || is_insert || is_publish,
        is_heartbeat,
        is_plumbing,
        acquires_connection: method.is_empty() && acquires_connection(name),
        follows_from: attributes.get(A::RefType).is_some_and(|ref_type| ref_type.eq_ignore_ascii_case("follows_from")),
        weight: weight.max(1),
        adjusted_count: attributes.get(A::AdjustedCount).and_then(|count| count.parse().ok()),
        trace_adjusted_count: count_of_jaeger_sampler(
            attributes.get(A::SamplerType).unwrap_or_default(),
            attributes.get(A::SamplerParam).unwrap_or_default(),
        ),
        order: 0,
    }
}

/// Whether a service of this name is a proxy of Linkerd's, whose spans have no attribute that says so.
fn is_linkerd(service: &str) -> bool {
    const NAME: &str = "linkerd-proxy";
    service.strip_suffix(NAME).is_some_and(|before| before.is_empty() || before.ends_with('-'))
}

/// What libraries for RPC say where a message is larger than they take.
const TOO_LARGE: &str = "larger than max";

/// Types of what is done with messages that are no wait for them.
const TYPES_OF_SENDING: [&str; 6] = ["create", "send", "publish", "process", "deliver", "settle"];

/// The operation of a root or a callee, and whether it is still no more than a method or a wildcard.
fn entry_operation(attributes: &Attributes<'_>, operation: &str, method: &str) -> (String, bool) {
    if !is_method_or_wildcard(operation) {
        return (operation.to_owned(), false);
    }
    let path = attributes.get(Attribute::HttpRoute).or_else(|| attributes.get(Attribute::UrlPath));
    match path.filter(|path| !is_method_or_wildcard(path)) {
        Some(path) => {
            let words: Vec<&str> = [method, path].into_iter().filter(|word| !word.is_empty()).collect();
            (words.join(" "), false)
        }
        None => (operation.to_owned(), true),
    }
}

/// Whether a name is only an HTTP method, a wildcard, or both.
fn is_method_or_wildcard(name: &str) -> bool {
    !name.is_empty()
        && name
            .split_whitespace()
            .all(|word| is_http_word(word) || word.trim_matches(['/', '*']).is_empty() && word.contains('*'))
}

fn is_sql_system(system: &str) -> bool {
    const SQL_SYSTEMS: [&str; 28] = [
        "postgresql",
        "postgres",
        "mysql",
        "mariadb",
        "microsoft.sql_server",
        "mssql",
        "mssqlcompact",
        "oracle",
        "oracle.db",
        "sqlite",
        "ibm.db2",
        "db2",
        "h2",
        "h2database",
        "hsqldb",
        "derby",
        "cockroachdb",
        "redshift",
        "aws.redshift",
        "snowflake",
        "clickhouse",
        "trino",
        "spanner",
        "gcp.spanner",
        "teradata",
        "vertica",
        "other_sql",
        "sql",
    ];
    SQL_SYSTEMS.iter().any(|sql| sql.eq_ignore_ascii_case(system))
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty()).unwrap_or_default()
}
