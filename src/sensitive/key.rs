//! What the key of a value says of it.

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
    pub(crate) fn of(key: &str) -> Self {
        let words = words_of(key);
        let is = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
        Self {
            says_mail: words.iter().any(|word| word.contains("mail")),
            says_card: is(&CARD_WORDS),
            has_no_mail: is(&["client", "consumer", "host", "hostname", "node"])
                || key.to_ascii_lowercase().starts_with("db.user"),
            is_query: QUERY_KEYS.iter().any(|query| query.eq_ignore_ascii_case(key)),
            credential: credential_of(key),
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
const CREDENTIALS: [&str; 27] = [
    "access_token",
    "api_key",
    "apikey",
    "auth_token",
    "authorization",
    "authtoken",
    "card_number",
    "client_secret",
    "credit_card",
    "cvc",
    "cvv",
    "iban",
    "id_token",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "proxy_authorization",
    "pwd",
    "refresh_token",
    "secret",
    "secret_access_key",
    "secret_key",
    "session_token",
    "ssn",
    "x_api_key",
    "x_auth_token",
];

fn credential_of(key: &str) -> Option<Credential> {
    let last = key.rsplit(['.', ':', '/']).next().unwrap_or(key);
    let lower = last.to_ascii_lowercase().replace('-', "_");
    let split = words_of(last).join("_");
    let is = |names: &[&str]| names.contains(&lower.as_str()) || names.contains(&split.as_str());
    if is(&["cookie", "set_cookie"]) {
        Some(Credential::WithEquals)
    } else if is(&CREDENTIALS) {
        Some(Credential::Any)
    } else {
        None
    }
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
            assert_eq!(
                KeyTraits::of(key),
                KeyTraits { says_mail, says_card, has_no_mail, is_query, credential },
                "{key}"
            );
        }
        for key in ["http.request.header.cookie", "http.response.header.set-cookie", "Set_Cookie"] {
            assert_eq!(KeyTraits::of(key).credential, Some(Credential::WithEquals), "{key}");
        }
    }
}
