//! What the key of a value says of it.

use super::secret_names::{Secrets, as_key};
use crate::conventions::words;

/// What a key says of the values that stand under it. Worked out once a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct KeyTraits {
    /// Values are addresses of people: one is enough.
    pub(crate) says_mail: bool,
    /// Values are numbers of cards: one is enough.
    pub(crate) says_card: bool,
    /// What looks like an address names a machine or a client.
    pub(crate) has_no_mail: bool,
    /// Values are query texts.
    pub(crate) is_query: bool,
    /// Values are secret.
    pub(crate) credential: Option<Credential>,
    /// What is set of secrets.
    pub(crate) secrets: Secrets,
}

/// How a value is secret because of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Credential {
    /// Whatever it is.
    Any,
    /// If it is a list of names and values, as cookies are.
    WithEquals,
}

impl KeyTraits {
    /// What `key` says, as instrumentations spell it.
    pub(super) fn of(key: &str, secrets: Secrets) -> Self {
        let words = words_of(key);
        let is = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
        Self {
            says_mail: words.iter().any(|word| word.contains("mail")),
            says_card: is(&CARD_WORDS),
            has_no_mail: is(&["client", "consumer", "host", "hostname", "node"])
                || key.to_ascii_lowercase().starts_with("db.user"),
            is_query: QUERY_KEYS.iter().any(|query| query.eq_ignore_ascii_case(key)),
            credential: credential_of(key, secrets),
            secrets,
        }
    }
}

/// Words of keys that hold numbers of cards.
const CARD_WORDS: [&str; 9] =
    ["card", "cards", "cardnumber", "cardno", "creditcard", "pan", "cc", "payment", "payments"];

/// Keys of query texts.
const QUERY_KEYS: [&str; 8] = [
    "db.query.text",
    "db.statement",
    "sql.query",
    "db.query",
    "cassandra.query",
    "jdbc.query[0]",
    "db.query_text",
    "sql",
];

/// Last parts of keys whose values are secret.
pub(crate) const CREDENTIAL_KEYS: [&str; 29] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "client_secret",
    "api_key",
    "apikey",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "authtoken",
    "private_key",
    "secret_key",
    "secret_access_key",
    "session_token",
    "authorization",
    "proxy_authorization",
    "cookie",
    "set_cookie",
    "x_api_key",
    "x_auth_token",
    "credit_card",
    "card_number",
    "cvv",
    "cvc",
    "ssn",
    "iban",
];

/// Those of them whose values are lists of names and values.
const LISTS: [&str; 2] = ["cookie", "set_cookie"];

fn credential_of(key: &str, secrets: Secrets) -> Option<Credential> {
    let last = key.rsplit(['.', ':', '/']).next().unwrap_or(key);
    let (whole, split) = (as_key(last), words_of(last).join("_"));
    let known = secrets.names().credential_keys.iter().find(|&name| *name == whole || *name == split)?;
    Some(if LISTS.contains(&known.as_str()) { Credential::WithEquals } else { Credential::Any })
}

/// The words of a name in lower case.
fn words_of(name: &str) -> Vec<String> {
    words(name).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_what_stands_under_them() {
        for (key, says_mail, says_card, has_no_mail, is_query, is_credential) in [
            ("user.email", true, false, false, false, false),
            ("mailTo", true, false, false, false, false),
            ("customer.e-mail", true, false, false, false, false),
            ("app.card.number", false, true, false, false, false),
            ("cardNumber", false, true, false, false, true),
            ("payment.pan", false, true, false, false, false),
            ("discard", false, false, false, false, false),
            ("company", false, false, false, false, false),
            ("messaging.client.id", false, false, true, false, false),
            ("messaging.kafka.consumer.group", false, false, true, false, false),
            ("server.hostname", false, false, true, false, false),
            ("erlang.node", false, false, true, false, false),
            ("db.user", false, false, true, false, false),
            ("db.query.text", false, false, false, true, false),
            ("db.statement", false, false, false, true, false),
            ("http.request.header.authorization", false, false, false, false, true),
            ("http.request.header.X-Api-Key", false, false, false, false, true),
            ("secretKey", false, false, false, false, true),
            ("clientSecret", false, false, true, false, true),
            ("user.PASSWORD", false, false, false, false, true),
            ("password.length", false, false, false, false, false),
            ("db_password", false, false, false, false, false),
            ("token", false, false, false, false, false),
            ("", false, false, false, false, false),
        ] {
            let credential = is_credential.then_some(Credential::Any);
            let secrets = Secrets::default();
            assert_eq!(
                secrets.traits_of(key),
                KeyTraits { says_mail, says_card, has_no_mail, is_query, credential, secrets },
                "{key}"
            );
        }
        for key in ["http.request.header.cookie", "http.response.header.set-cookie", "Set_Cookie"] {
            assert_eq!(Secrets::default().traits_of(key).credential, Some(Credential::WithEquals), "{key}");
        }
    }
}
