//! Kinds of secrets and personal data.

/// What a text gives away. The variants are in the order of their names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub(crate) enum SensitiveKind {
    /// `--password=…`.
    Argument,
    /// An access key of AWS.
    AwsKey,
    /// A user's name and password, as HTTP's basic authentication writes them.
    BasicAuth,
    /// What is behind `Bearer`.
    Bearer,
    /// The number of a payment card.
    Card,
    /// A value whose key says that it is secret.
    Credential,
    /// An address of a person.
    Email,
    /// The number of a bank account.
    Iban,
    /// A secret in a JSON object.
    JsonField,
    /// A signed token.
    Jwt,
    /// A private key.
    PrivateKey,
    /// A password in the text of a query.
    SqlLiteral,
    /// A secret in the query of a URL.
    UrlParameter,
    /// A password in a URL.
    UrlPassword,
    /// A token by whose form one knows who issued it.
    VendorToken,
}

impl SensitiveKind {
    /// All kinds, in the order of their numbers.
    pub(crate) const ALL: [Self; 15] = [
        Self::Argument,
        Self::AwsKey,
        Self::BasicAuth,
        Self::Bearer,
        Self::Card,
        Self::Credential,
        Self::Email,
        Self::Iban,
        Self::JsonField,
        Self::Jwt,
        Self::PrivateKey,
        Self::SqlLiteral,
        Self::UrlParameter,
        Self::UrlPassword,
        Self::VendorToken,
    ];

    /// The name in tables.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::AwsKey => "aws-key",
            Self::BasicAuth => "basic-auth",
            Self::Bearer => "bearer",
            Self::Card => "card",
            Self::Credential => "credential",
            Self::Email => "email",
            Self::Iban => "iban",
            Self::JsonField => "json-field",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private-key",
            Self::SqlLiteral => "sql-literal",
            Self::UrlParameter => "url-parameter",
            Self::UrlPassword => "url-password",
            Self::VendorToken => "vendor-token",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_in_the_order_of_their_names() {
        assert!(SensitiveKind::ALL.is_sorted_by_key(|kind| kind.as_str()));
        assert!((0..).zip(SensitiveKind::ALL).all(|(number, kind)| kind as usize == number));
    }
}
