//! The class of an error: what kind of thing went wrong, whatever protocol said so.

use super::attributes::Attribute;
use super::words::is_one_of;

/// Class of a failed span's error. The variants are in the order of their names, by which ties are broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum ErrorClass {
    /// The request itself was wrong: retrying it cannot help.
    Caller,
    /// Whoever asked gave up.
    Cancelled,
    /// Anything else that went wrong where the request was served.
    #[default]
    Server,
    /// Refused for load.
    Throttled,
    /// No answer in time.
    Timeout,
    /// Nobody there, or not ready.
    Unavailable,
}

impl ErrorClass {
    /// All classes, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Caller, Self::Cancelled, Self::Server, Self::Throttled, Self::Timeout, Self::Unavailable];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Cancelled => "cancelled",
            Self::Server => "server",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The class that the recorded error type, HTTP status (0 if none) and RPC status (`None` if none) tell.
///
/// The words are those of the exceptions that common clients raise; a word says more than a code, because a client that
/// timed out often has no code at all.
pub fn classify(error_type: &str, http_status: u16, rpc_status: Option<RpcStatus>) -> ErrorClass {
    // Most signatures tell of no error, and there are many.
    if error_type.is_empty() && http_status == 0 && rpc_status.is_none() {
        return ErrorClass::Server;
    }
    let text = error_type.to_ascii_lowercase();
    let contains = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if contains(&["timeout", "timed out", "timed_out", "time out", "time-out", "timedout", "time_out", "deadline"]) {
        return ErrorClass::Timeout;
    }
    let http_status = if http_status == 0 { text.parse().unwrap_or(0) } else { http_status };
    let rpc_status = rpc_status.or_else(|| RpcStatus::from_name(error_type));
    if let Some(class) = rpc_status.and_then(RpcStatus::class) {
        return class;
    }
    match http_status {
        // Amazon's services tell so who asks too much.
        400 if contains(&THROTTLED_WORDS) => return ErrorClass::Throttled,
        408 | 504 => return ErrorClass::Timeout,
        429 => return ErrorClass::Throttled,
        502 | 503 => return ErrorClass::Unavailable,
        499 => return ErrorClass::Cancelled,
        400..=498 => return ErrorClass::Caller,
        500.. => return ErrorClass::Server,
        _ => {}
    }
    if contains(&["cancel", "aborterror"]) {
        ErrorClass::Cancelled
    } else if contains(&THROTTLED_WORDS) {
        ErrorClass::Throttled
    } else if contains(&UNAVAILABLE_WORDS)
        || says_nobody_is_found(&text)
        || has_word(&text, "enotfound")
        || has_word(&text, "epipe")
    {
        ErrorClass::Unavailable
    } else {
        ErrorClass::Server
    }
}

/// What refusals for load are called, those of Amazon's services too.
const THROTTLED_WORDS: [&str; 10] = [
    "too many requests",
    "toomanyrequests",
    "throttl",
    "rate limit",
    "ratelimit",
    "rate_limit",
    "resource_exhausted",
    "throughputexceeded",
    "requestlimitexceeded",
    "slowdown",
];

/// What the message of an error says of its class where its type says nothing: HTTP clients of .NET cancel what takes too long, and
/// errors of Go's and of drivers have one type for all. A word alone is not enough: `timeout` may be what is set wrongly.
pub fn class_of_message(message: &str) -> Option<ErrorClass> {
    const TOO_LATE: [&str; 11] = [
        "timed out",
        "deadline exceeded",
        "exceeded time limit",
        "i/o timeout",
        "statement timeout",
        "timeout exceeded",
        "timeout expired",
        "timeout elapsed",
        "timeout period elapsed",
        "timeout waiting for",
        "httpclient.timeout",
    ];
    const GAVE_UP: [&str; 5] = [
        "context canceled",
        "operation was canceled",
        "operation was cancelled",
        "operation was aborted",
        "request was aborted",
    ];
    // Most signatures have none.
    if message.is_empty() {
        return None;
    }
    let text = message.to_ascii_lowercase();
    let contains = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // `timeout of 5000ms exceeded`
    let of_so_long = || text.split_once("timeout of ").is_some_and(|(_, rest)| rest.contains("exceeded"));
    if contains(&TOO_LATE) || of_so_long() {
        return Some(ErrorClass::Timeout);
    }
    contains(&GAVE_UP).then_some(ErrorClass::Cancelled)
}

/// What the errors of connections are called: by people, by the system's calls and their names in Go, Java, Node.js, Python and
/// .NET, and by the semantic conventions.
const UNAVAILABLE_WORDS: [&str; 28] = [
    "connect",
    "unavailable",
    "refused",
    "econn",
    "unreachable",
    "hostunreach",
    "netunreach",
    "noroutetohost",
    "unknownhost",
    "no such host",
    "name_resolution",
    "gaierror",
    "eai_again",
    "dnserror",
    "broken pipe",
    "brokenpipe",
    "reset by peer",
    "nohttpresponse",
    "socketexception",
    "net.operror",
    "networkerror",
    "communicationsexception",
    "hang up",
    "unresolvedaddress",
    "closedchannel",
    "und_err_socket",
    "err_network",
    "dns_error",
];

/// Whether a text in small letters says that there is nobody to ask, as Redis' Sentinel does, replica sets, and those who look up
/// hosts. Whatever else is not found may be what was asked for.
fn says_nobody_is_found(text: &str) -> bool {
    const NOBODY: [&str; 9] =
        ["host", "server", "master", "slave", "primary", "replica", "leader", "coordinator", "broker"];
    let joined = text.replace([' ', '_'], "");
    joined.match_indices("notfound").any(|(at, _)| NOBODY.iter().any(|nobody| joined[..at].ends_with(nobody)))
}

/// Whether a text in small letters has this word: a `FileNotFoundException` is no `ENOTFOUND`, a `MessagePipelineException` no
/// `EPIPE`.
fn has_word(text: &str, wanted: &str) -> bool {
    text.split(|character: char| !character.is_ascii_alphanumeric()).any(|word| word == wanted)
}

/// Whether a database's error type or message says that what was asked for is not there: an answer rather than a failure. Where
/// the host is not there, something failed.
pub fn says_nothing_is_there(text: &str) -> bool {
    const NOTHING: [&str; 16] = [
        "redis: nil",
        "not found",
        "not_found",
        "notfound",
        "no rows",
        "no such key",
        "nosuchkey",
        "no documents",
        "cache miss",
        "cachemiss",
        "noresult",
        "emptyresult",
        "no data found",
        "doesnotexist",
        "key does not exist",
        "contains no elements",
    ];
    const NOBODY: [&str; 2] = ["getaddrinfo", "connection not found"];
    let text = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    says(&NOTHING) && !says(&NOBODY) && !says_nobody_is_found(&text) && !has_word(&text, "enotfound")
}

/// Whether a database's error type or message says that what was to be added is there already: as good an answer. By words, and by
/// the codes of SQL's standard, MySQL, MongoDB and Oracle.
pub fn says_it_is_there_already(text: &str) -> bool {
    const THERE: [&str; 8] = [
        "duplicate key",
        "duplicatekey",
        "duplicate entry",
        "duplicateentry",
        "unique constraint",
        "unique key constraint",
        "unique violation",
        "uniqueviolation",
    ];
    let text = text.to_ascii_lowercase();
    THERE.iter().any(|there| text.contains(there))
        || ["23505", "e11000"].iter().any(|code| has_word(&text, code))
        || text.contains("ora-00001")
        || text.trim() == "1062"
}

/// Whether the type or the message of an error says that a circuit breaker rejected the call: those of resilience4j, Polly,
/// Hystrix, gobreaker, Sentinel, opossum, pybreaker and Envoy.
pub(crate) fn says_breaker_is_open(text: &str) -> bool {
    const WORDS: [&str; 13] = [
        "callnotpermitted",
        "brokencircuit",
        "isolatedcircuit",
        "opencircuit",
        "circuitopen",
        "circuitbreakeropen",
        "circuitbreakererror",
        "circuit breaker is open",
        "circuit is open",
        "circuit open",
        "breaker is open",
        "short-circuit",
        "short circuit",
    ];
    let text = text.to_ascii_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}

/// The code that an RPC was answered with, as recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RpcCode<'t> {
    /// A number or a name of gRPC, or of what has the same codes.
    Grpc(&'t str),
    /// A number of JSON-RPC: most are the application's own.
    JsonRpc(&'t str),
}

impl<'t> RpcCode<'t> {
    /// The one that the attributes of a span tell. The semantic conventions keep codes of all systems under one name; below 0 only
    /// JSON-RPC has some.
    pub fn of(value_of: impl Fn(Attribute) -> Option<&'t str>) -> Option<Self> {
        let Some(code) = value_of(Attribute::RpcStatusCode) else {
            return value_of(Attribute::JsonRpcErrorCode).map(Self::JsonRpc);
        };
        let is_json_rpc = || value_of(Attribute::RpcSystem).is_some_and(|system| is_one_of(system, &["jsonrpc"]));
        Some(if code.trim_start().starts_with('-') || is_json_rpc() { Self::JsonRpc(code) } else { Self::Grpc(code) })
    }

    /// What it amounts to; `None` if it is no code.
    pub fn status(self) -> Option<RpcStatus> {
        match self {
            Self::Grpc(code) => RpcStatus::parse(code),
            Self::JsonRpc(code) => code.trim().parse().ok().map(RpcStatus::of_json_rpc),
        }
    }
}

/// A gRPC status code, 0 to 16.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RpcStatus(pub u8);

const RPC_STATUS_NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The letters of a name, in capitals.
fn bare(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(|&byte| byte != b'_').map(|byte| byte.to_ascii_uppercase())
}

impl RpcStatus {
    /// The call succeeded.
    const OK: Self = Self(0);
    /// Nothing more is known.
    const UNKNOWN: Self = Self(2);
    /// The request is wrong.
    const INVALID_ARGUMENT: Self = Self(3);
    /// The method is not there.
    const UNIMPLEMENTED: Self = Self(12);
    /// Refused: a quota or another limit is used up.
    pub const RESOURCE_EXHAUSTED: Self = Self(8);
    /// Nobody is there.
    pub const UNAVAILABLE: Self = Self(14);

    /// The code written as a number or as a name in any case; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().parse::<u8>() {
            Ok(number) if number <= 16 => Some(Self(number)),
            Ok(_) => None,
            Err(_) => Self::from_name(text),
        }
    }

    /// What an error of JSON-RPC 2.0 amounts to, by the codes that it reserves and those that it leaves to servers and applications:
    /// <https://www.jsonrpc.org/specification#error_object>. Who records 0 had no error.
    fn of_json_rpc(code: i64) -> Self {
        match code {
            0 => Self::OK,
            -32_700 | -32_600 | -32_602 => Self::INVALID_ARGUMENT,
            -32_601 => Self::UNIMPLEMENTED,
            _ => Self::UNKNOWN,
        }
    }

    /// The code named `text` (`DeadlineExceeded` and `DEADLINE_EXCEEDED` alike).
    pub fn from_name(text: &str) -> Option<Self> {
        let wanted = text.trim();
        let wanted = if wanted.eq_ignore_ascii_case("CANCELED") { "CANCELLED" } else { wanted };
        RPC_STATUS_NAMES.iter().position(|name| bare(name).eq(bare(wanted))).map(|number| Self(number as u8))
    }

    /// Whether the call succeeded.
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// Whether the semantic conventions call it an error of the server.
    pub fn is_server_error(self) -> bool {
        matches!(self.0, 2 | 4 | 12 | 13 | 14 | 15)
    }

    fn class(self) -> Option<ErrorClass> {
        match self.0 {
            0 => None,
            1 => Some(ErrorClass::Cancelled),
            3 | 5 | 6 | 7 | 9 | 11 | 12 | 16 => Some(ErrorClass::Caller),
            4 => Some(ErrorClass::Timeout),
            8 => Some(ErrorClass::Throttled),
            14 => Some(ErrorClass::Unavailable),
            _ => Some(ErrorClass::Server),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_tell_the_class() {
        for (error_type, http, rpc, class) in [
            ("java.net.SocketTimeoutException", 0, None, ErrorClass::Timeout),
            ("", 504, None, ErrorClass::Timeout),
            ("", 0, Some(4), ErrorClass::Timeout),
            ("429", 0, None, ErrorClass::Throttled),
            ("ConnectionRefusedError", 0, None, ErrorClass::Unavailable),
            ("EHOSTUNREACH", 0, None, ErrorClass::Unavailable),
            ("java.net.NoRouteToHostException", 0, None, ErrorClass::Unavailable),
            ("BrokenPipeError", 0, None, ErrorClass::Unavailable),
            ("write EPIPE", 0, None, ErrorClass::Unavailable),
            ("socket hang up", 0, None, ErrorClass::Unavailable),
            ("MessagePipelineException", 0, None, ErrorClass::Server),
            ("socket.gaierror", 0, None, ErrorClass::Unavailable),
            ("*net.OpError", 0, None, ErrorClass::Unavailable),
            ("*net.DNSError", 0, None, ErrorClass::Unavailable),
            ("name_resolution_error", 0, None, ErrorClass::Unavailable),
            ("Error: getaddrinfo ENOTFOUND cart", 0, None, ErrorClass::Unavailable),
            ("java.io.FileNotFoundException", 0, None, ErrorClass::Server),
            ("ModuleNotFoundError", 0, None, ErrorClass::Server),
            ("UserNotFound", 0, None, ErrorClass::Server),
            ("redis.sentinel.SlaveNotFoundError", 0, None, ErrorClass::Unavailable),
            ("httplib2.error.ServerNotFoundError", 0, None, ErrorClass::Unavailable),
            ("LeaderNotFoundException", 0, None, ErrorClass::Unavailable),
            ("host_not_found", 0, None, ErrorClass::Unavailable),
            ("", 503, None, ErrorClass::Unavailable),
            ("UNAVAILABLE", 0, None, ErrorClass::Unavailable),
            ("", 499, None, ErrorClass::Cancelled),
            ("", 404, None, ErrorClass::Caller),
            ("", 0, Some(12), ErrorClass::Caller),
            ("", 0, Some(13), ErrorClass::Server),
            ("", 500, None, ErrorClass::Server),
            ("error", 0, None, ErrorClass::Server),
            ("", 408, None, ErrorClass::Timeout),
            ("DeadlineExceeded", 0, None, ErrorClass::Timeout),
            ("", 429, None, ErrorClass::Throttled),
            ("", 0, Some(8), ErrorClass::Throttled),
            ("", 502, None, ErrorClass::Unavailable),
            ("", 0, Some(14), ErrorClass::Unavailable),
            ("", 0, Some(1), ErrorClass::Cancelled),
            ("CANCELED", 0, None, ErrorClass::Cancelled),
            ("", 400, None, ErrorClass::Caller),
            ("", 0, Some(3), ErrorClass::Caller),
            ("", 0, Some(5), ErrorClass::Caller),
            ("", 0, Some(6), ErrorClass::Caller),
            ("", 0, Some(7), ErrorClass::Caller),
            ("", 0, Some(9), ErrorClass::Caller),
            ("", 0, Some(11), ErrorClass::Caller),
            ("", 0, Some(16), ErrorClass::Caller),
            ("", 0, Some(2), ErrorClass::Server),
            ("", 0, Some(10), ErrorClass::Server),
            ("", 0, Some(15), ErrorClass::Server),
            ("", 0, None, ErrorClass::Server),
        ] {
            assert_eq!(classify(error_type, http, rpc.map(RpcStatus)), class, "{error_type} {http} {rpc:?}");
        }
    }

    #[test]
    fn messages_tell_what_types_do_not() {
        for (message, class) in [
            (
                "The request was canceled due to the configured HttpClient.Timeout of ? seconds elapsing.",
                Some(ErrorClass::Timeout),
            ),
            ("canceling statement due to statement timeout", Some(ErrorClass::Timeout)),
            ("Get \"http://quote:8080\": context deadline exceeded", Some(ErrorClass::Timeout)),
            ("Execution Timeout Expired.  The timeout period elapsed", Some(ErrorClass::Timeout)),
            ("timeout of ? exceeded", Some(ErrorClass::Timeout)),
            ("Read timed out", Some(ErrorClass::Timeout)),
            ("operation exceeded time limit", Some(ErrorClass::Timeout)),
            ("Get \"http://quote:8080\": context canceled", Some(ErrorClass::Cancelled)),
            ("The operation was aborted.", Some(ErrorClass::Cancelled)),
            ("timeout must be a number", None),
            ("License expired; session timeout is 30", None),
            ("max connections reached; connect timeout", None),
            ("An established connection was aborted by the software in your host machine", None),
            ("Transaction was aborted. It was wounded by a higher priority transaction", None),
            ("out of stock", None),
            ("", None),
        ] {
            assert_eq!(class_of_message(message), class, "{message}");
        }
        for throttled in ["ProvisionedThroughputExceededException", "TooManyRequestsException", "RequestLimitExceeded"]
        {
            for status in [0, 400] {
                assert_eq!(classify(throttled, status, None), ErrorClass::Throttled, "{throttled}");
            }
        }
    }

    /// Codes of JSON-RPC are numbers that gRPC has too, and are none of its codes.
    #[test]
    fn codes_are_read_by_their_system() {
        for (system, status_code, json_rpc_code, status) in [
            ("", "14", "", Some(RpcStatus::UNAVAILABLE)),
            ("grpc", "RESOURCE_EXHAUSTED", "", Some(RpcStatus::RESOURCE_EXHAUSTED)),
            ("grpc", "100", "", None),
            ("", "-32602", "", Some(RpcStatus::INVALID_ARGUMENT)),
            ("jsonrpc", "-32601", "", Some(RpcStatus::UNIMPLEMENTED)),
            ("JsonRpc", "14", "", Some(RpcStatus::UNKNOWN)),
            ("jsonrpc", "0", "", Some(RpcStatus::OK)),
            ("jsonrpc", "soon", "", None),
            ("", "", "8", Some(RpcStatus::UNKNOWN)),
            ("jsonrpc", "", " 1 ", Some(RpcStatus::UNKNOWN)),
            ("jsonrpc", "", "4001", Some(RpcStatus::UNKNOWN)),
            ("jsonrpc", "", "-32700", Some(RpcStatus::INVALID_ARGUMENT)),
            ("jsonrpc", "", "0", Some(RpcStatus::OK)),
            ("grpc", "", "", None),
        ] {
            let value_of = |attribute| {
                let value = match attribute {
                    Attribute::RpcSystem => system,
                    Attribute::RpcStatusCode => status_code,
                    _ => json_rpc_code,
                };
                (!value.is_empty()).then_some(value)
            };
            let found = RpcCode::of(value_of).and_then(RpcCode::status);
            assert_eq!(found, status, "{system} {status_code} {json_rpc_code}");
        }
    }

    #[test]
    fn an_empty_answer_is_told_from_nobody_there() {
        for text in [
            "redis: nil",
            "sql: no rows in result set",
            "NoSuchKey",
            "key not found",
            "ResourceNotFoundException",
            "FileNotFoundException",
            "UserNotFound",
            "answer of the server: not found",
            "memcache: cache miss",
            "javax.persistence.NoResultException",
            "ORA-01403: no data found",
            "Customer.DoesNotExist",
        ] {
            assert!(says_nothing_is_there(text), "{text}");
        }
        for text in [
            "",
            "ENOTFOUND",
            "getaddrinfo: name not found",
            "host not found",
            "connection not found",
            "redis.sentinel.SlaveNotFoundError",
            "PrimaryNotFoundException",
            "coordinator not found",
            "deadlock detected",
            "nil pointer",
        ] {
            assert!(!says_nothing_is_there(text), "{text}");
        }
    }

    #[test]
    fn what_is_there_already_is_told() {
        for text in [
            "ERROR: duplicate key value violates unique constraint \"t_pkey\"",
            "org.springframework.dao.DuplicateKeyException",
            "Duplicate entry '?' for key 'PRIMARY'",
            "psycopg2.errors.UniqueViolation",
            "SQLITE_CONSTRAINT: UNIQUE constraint failed: t.id",
            "Violation of UNIQUE KEY constraint 'a'",
            "E11000 duplicate key error collection: i.t",
            "ORA-00001: unique",
            "23505",
            "1062",
        ] {
            assert!(says_it_is_there_already(text), "{text}");
        }
        for text in [
            "",
            "40001",
            "23503",
            "error 11062 of 1062 rows",
            "NET-00001",
            "foreign key constraint",
            "connection refused",
        ] {
            assert!(!says_it_is_there_already(text), "{text}");
        }
    }

    #[test]
    fn open_breakers_are_told() {
        for text in [
            "io.github.resilience4j.circuitbreaker.CallNotPermittedException",
            "Polly.CircuitBreaker.BrokenCircuitException",
            "gobreaker: circuit breaker is open",
            "The circuit is now short-circuited",
            "hystrix: circuit open",
            "Circuit is OPEN",
        ] {
            assert!(says_breaker_is_open(text), "{text}");
        }
        for text in ["", "circuit breaker is closed", "connection refused", "shortcut circuit", "open file limit"] {
            assert!(!says_breaker_is_open(text), "{text}");
        }
    }

    /// Ties between classes are broken by number, so numbers must follow the names.
    #[test]
    fn classes_are_numbered_by_name() {
        assert!(ErrorClass::ALL.is_sorted_by_key(|class| class.as_str()));
    }
}
