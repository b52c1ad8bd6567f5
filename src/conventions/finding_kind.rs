//! Kinds of findings, where one detector tells several.

/// What kind of finding one is, where its detector tells several. The variants are in the order of their names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum FindingKind {
    /// The detector tells no kinds.
    #[default]
    None,
    /// A callee works on after its caller has left.
    AbandonedWork,
    /// A secret in a command line.
    Argument,
    /// An access key of AWS.
    AwsKey,
    /// A name with its password.
    BasicAuth,
    /// A bearer token.
    Bearer,
    /// Calls that do not hand the context on.
    BrokenContext,
    /// A number of a payment card.
    Card,
    /// A root that is a call.
    ClientRoot,
    /// Clocks that differ.
    ClockSkew,
    /// A value whose key says that it is secret.
    Credential,
    /// An address of a person.
    Email,
    /// A failure that the status does not tell.
    ErrorWithoutStatus,
    /// A service that does too much.
    God,
    /// A number of a bank account.
    Iban,
    /// A timeout is known, and nothing else.
    Inferred,
    /// A secret in JSON.
    JsonField,
    /// A signed token.
    Jwt,
    /// A timeout is far longer than calls take.
    LongTimeout,
    /// Calls whose callee is missing.
    LostCallee,
    /// A message that is too large.
    Message,
    /// A queue that others than those who fill it wait in.
    MissingBulkhead,
    /// Spans without the kind that they should have.
    MissingKind,
    /// A trace without a root.
    MissingRoot,
    /// A service that does too little.
    Nano,
    /// Spans without the name of a service.
    NoServiceName,
    /// Calls are waited for without end.
    NoTimeout,
    /// A callee may wait for longer than its caller does.
    NotShrinking,
    /// A span whose parent is not there.
    Orphan,
    /// Calls wait for a connection of a pool.
    Pool,
    /// A private key.
    PrivateKey,
    /// Other traces prove what it tells.
    Proven,
    /// Requests wait for their turn.
    Queue,
    /// A body of a request that is too large.
    Request,
    /// A body of a response that is too large.
    Response,
    /// A password in a query.
    SqlLiteral,
    /// Names that are too many to group by.
    UnboundedNames,
    /// Calls to what is not traced.
    UninstrumentedCallee,
    /// Calls of which nobody knows where they go.
    UnnamedTarget,
    /// Nothing proves what it tells.
    Unproven,
    /// A secret in a URL.
    UrlParameter,
    /// A URL with a password.
    UrlPassword,
}

impl FindingKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 42] = [
        Self::None,
        Self::AbandonedWork,
        Self::Argument,
        Self::AwsKey,
        Self::BasicAuth,
        Self::Bearer,
        Self::BrokenContext,
        Self::Card,
        Self::ClientRoot,
        Self::ClockSkew,
        Self::Credential,
        Self::Email,
        Self::ErrorWithoutStatus,
        Self::God,
        Self::Iban,
        Self::Inferred,
        Self::JsonField,
        Self::Jwt,
        Self::LongTimeout,
        Self::LostCallee,
        Self::Message,
        Self::MissingBulkhead,
        Self::MissingKind,
        Self::MissingRoot,
        Self::Nano,
        Self::NoServiceName,
        Self::NoTimeout,
        Self::NotShrinking,
        Self::Orphan,
        Self::Pool,
        Self::PrivateKey,
        Self::Proven,
        Self::Queue,
        Self::Request,
        Self::Response,
        Self::SqlLiteral,
        Self::UnboundedNames,
        Self::UninstrumentedCallee,
        Self::UnnamedTarget,
        Self::Unproven,
        Self::UrlParameter,
        Self::UrlPassword,
    ];

    /// The name in tables; empty for none.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::AbandonedWork => "abandoned-work",
            Self::Argument => "argument",
            Self::AwsKey => "aws-key",
            Self::BasicAuth => "basic-auth",
            Self::Bearer => "bearer",
            Self::BrokenContext => "broken-context",
            Self::Card => "card",
            Self::ClientRoot => "client-root",
            Self::ClockSkew => "clock-skew",
            Self::Credential => "credential",
            Self::Email => "email",
            Self::ErrorWithoutStatus => "error-without-status",
            Self::God => "god",
            Self::Iban => "iban",
            Self::Inferred => "inferred",
            Self::JsonField => "json-field",
            Self::Jwt => "jwt",
            Self::LongTimeout => "long-timeout",
            Self::LostCallee => "lost-callee",
            Self::Message => "message",
            Self::MissingBulkhead => "missing-bulkhead",
            Self::MissingKind => "missing-kind",
            Self::MissingRoot => "missing-root",
            Self::Nano => "nano",
            Self::NoServiceName => "no-service-name",
            Self::NoTimeout => "no-timeout",
            Self::NotShrinking => "not-shrinking",
            Self::Orphan => "orphan",
            Self::Pool => "pool",
            Self::PrivateKey => "private-key",
            Self::Proven => "proven",
            Self::Queue => "queue",
            Self::Request => "request",
            Self::Response => "response",
            Self::SqlLiteral => "sql-literal",
            Self::UnboundedNames => "unbounded-names",
            Self::UninstrumentedCallee => "uninstrumented-callee",
            Self::UnnamedTarget => "unnamed-target",
            Self::Unproven => "unproven",
            Self::UrlParameter => "url-parameter",
            Self::UrlPassword => "url-password",
        }
    }

    /// The kind of that name; [`Self::None`] if there is none.
    pub(crate) fn of_text(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers are the places in the order of the names: tables rank by them.
    #[test]
    fn kinds_are_in_the_order_of_their_names() {
        assert!(FindingKind::ALL.is_sorted_by_key(|kind| kind.as_str()));
        assert!((0..).zip(FindingKind::ALL).all(|(number, kind)| kind as usize == number));
    }
}
