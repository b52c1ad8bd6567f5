//! Kinds of findings, where one detector tells several.

/// Makes the type of the lines below: a kind and its name in tables each.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)+) => {
        /// What kind of finding one is, where its detector tells several. The variants are in the order of their names.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        #[repr(u8)]
        pub enum FindingKind {
            /// The detector tells no kinds.
            #[default]
            None,
            $($(#[$doc])* $kind,)+
        }

        impl FindingKind {
            /// All kinds, in the order of their numbers.
            pub const ALL: &'static [Self] = &[Self::None, $(Self::$kind),+];

            /// The kind with this name in tables; [`Self::None`] if there is none.
            pub fn of_text(text: &str) -> Self {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == text).unwrap_or_default()
            }

            /// The name in tables; empty for none.
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::None => "",
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

kinds! {
    /// A callee works on after its caller has left.
    AbandonedWork = "abandoned-work",
    /// A secret in a command line.
    Argument = "argument",
    /// An access key of AWS.
    AwsKey = "aws-key",
    /// A name with its password.
    BasicAuth = "basic-auth",
    /// A bearer token.
    Bearer = "bearer",
    /// Calls that do not hand the context on.
    BrokenContext = "broken-context",
    /// A number of a payment card.
    Card = "card",
    /// A root that is a call.
    ClientRoot = "client-root",
    /// Clocks that differ.
    ClockSkew = "clock-skew",
    /// Several services read what nobody writes here.
    CommonReader = "common-reader",
    /// A value whose key says that it is secret.
    Credential = "credential",
    /// Calls of a database prove what it tells.
    Database = "database",
    /// A message went where messages go that cannot be processed.
    DeadLetter = "dead-letter",
    /// An address of a person.
    Email = "email",
    /// A failure that the status does not tell.
    ErrorWithoutStatus = "error-without-status",
    /// Services read what another one writes.
    ForeignReader = "foreign-reader",
    /// A message was published of a change that did not stay.
    Ghost = "ghost",
    /// A service that does too much.
    God = "god",
    /// Messages wait longer and longer.
    Growing = "growing",
    /// A number of a bank account.
    Iban = "iban",
    /// A timeout is known, and nothing else.
    Inferred = "inferred",
    /// A secret in JSON.
    JsonField = "json-field",
    /// A signed token.
    Jwt = "jwt",
    /// Messages of one key are out of order.
    Key = "key",
    /// A timeout is far longer than calls take.
    LongTimeout = "long-timeout",
    /// A change stayed of which no message was published.
    Lost = "lost",
    /// Calls whose callee is missing.
    LostCallee = "lost-callee",
    /// A message that is too large.
    Message = "message",
    /// A queue that others than those who fill it wait in.
    MissingBulkhead = "missing-bulkhead",
    /// Spans without the kind that they should have.
    MissingKind = "missing-kind",
    /// A trace without a root.
    MissingRoot = "missing-root",
    /// A service that does too little.
    Nano = "nano",
    /// Spans without the name of a service.
    NoServiceName = "no-service-name",
    /// Calls are waited for without end.
    NoTimeout = "no-timeout",
    /// A callee may wait for longer than its caller does.
    NotShrinking = "not-shrinking",
    /// A span whose parent is not there.
    Orphan = "orphan",
    /// Messages of one key are processed at once.
    Overlap = "overlap",
    /// Messages of one partition are out of order.
    Partition = "partition",
    /// A message cannot be processed, and comes again.
    Poison = "poison",
    /// Calls wait for a connection of a pool.
    Pool = "pool",
    /// A private key.
    PrivateKey = "private-key",
    /// Other traces prove what it tells.
    Proven = "proven",
    /// Requests wait for their turn.
    Queue = "queue",
    /// A body of a request that is too large.
    Request = "request",
    /// A body of a response that is too large.
    Response = "response",
    /// Several services have their tables in one schema.
    SameSchema = "same-schema",
    /// Several services write one table.
    SeveralWriters = "several-writers",
    /// Messages wait long.
    Slow = "slow",
    /// A password in a query.
    SqlLiteral = "sql-literal",
    /// Names that are too many to group by.
    UnboundedNames = "unbounded-names",
    /// Calls to what is not traced.
    UninstrumentedCallee = "uninstrumented-callee",
    /// Calls of which nobody knows where they go.
    UnnamedTarget = "unnamed-target",
    /// Nothing proves what it tells.
    Unproven = "unproven",
    /// A secret in a URL.
    UrlParameter = "url-parameter",
    /// A URL with a password.
    UrlPassword = "url-password",
    /// A token of a vendor.
    VendorToken = "vendor-token",
    /// Names of operations tell it, and nothing else.
    Verb = "verb",
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers are the places in the order of the names: tables rank by them.
    #[test]
    fn kinds_are_in_the_order_of_their_names() {
        assert!(FindingKind::ALL.is_sorted_by_key(|kind| kind.as_str()));
        assert!((0..).zip(FindingKind::ALL).all(|(number, kind)| *kind as usize == number));
    }
}
