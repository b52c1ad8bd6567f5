//! Names of what is secret, and words that stand for secrets that were taken out: settings.

use std::fmt;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;

use super::fields::{JSON_FIELDS, URL_PARAMETERS};
use super::key::{CREDENTIAL_KEYS, KeyTraits};
use super::placeholder::MASKED_WORDS;
use crate::conventions::{Attribute, WordList};

/// Names of command-line arguments that hold secrets, behind two dashes.
pub(crate) const ARGUMENTS: [&str; 9] =
    ["password", "passwd", "pwd", "secret", "client-secret", "api-key", "access-token", "auth-token", "token"];

/// What is set of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretLists {
    /// Last parts of keys whose values are secret.
    pub(crate) credential_keys: WordList,
    /// Parameters of URLs that hold secrets.
    pub(crate) url_parameters: WordList,
    /// Fields of JSON that do.
    pub(crate) json_fields: WordList,
    /// Arguments of commands that do.
    pub(crate) arguments: WordList,
    /// Words that stand for a secret that was taken out.
    pub(crate) masked_words: WordList,
}

impl Default for SecretLists {
    fn default() -> Self {
        Self {
            credential_keys: WordList::of(&CREDENTIAL_KEYS),
            url_parameters: WordList::of(&URL_PARAMETERS),
            json_fields: WordList::of(&JSON_FIELDS),
            arguments: WordList::of(&ARGUMENTS),
            masked_words: WordList::of(&MASKED_WORDS),
        }
    }
}

/// What is set of secrets, made ready to be looked for. Every look at a value needs it, on all threads, and a run sets it once:
/// it is kept for as long as the program runs.
#[derive(Clone, Copy)]
pub struct Secrets(&'static SecretNames);

/// Names in the one spelling in which they are compared.
pub(super) struct SecretNames {
    /// With `_`.
    pub(super) credential_keys: Vec<String>,
    /// With `_`.
    pub(super) url_parameters: Vec<String>,
    /// Without anything between words.
    pub(super) json_fields: Vec<String>,
    /// With `-`.
    pub(super) arguments: Vec<String>,
    pub(super) masked_words: WordList,
    /// Finds names that the usual search does not lead to; nothing if there are none.
    pub(super) needles: Option<AhoCorasick>,
    /// What the preferred spellings of attributes say of their values.
    traits_of_attributes: OnceLock<Vec<KeyTraits>>,
}

impl SecretNames {
    fn of(lists: &SecretLists) -> Self {
        let spelled = |list: &WordList, spell: fn(&str) -> String| list.iter().map(spell).collect();
        Self {
            credential_keys: spelled(&lists.credential_keys, as_key),
            url_parameters: spelled(&lists.url_parameters, as_parameter),
            json_fields: spelled(&lists.json_fields, as_field),
            arguments: spelled(&lists.arguments, as_argument),
            masked_words: lists.masked_words.clone(),
            needles: needles_of(lists),
            traits_of_attributes: OnceLock::new(),
        }
    }
}

/// The spelling in which keys are compared.
pub(super) fn as_key(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

/// The spelling in which parameters of URLs are compared.
pub(super) fn as_parameter(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '.'], "_")
}

/// The spelling in which fields of JSON are compared.
pub(super) fn as_field(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '-'], "")
}

/// The spelling in which arguments are compared.
pub(super) fn as_argument(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Finds the names in front of values that are not usual, by their longest part: it is the same however the parts are joined.
fn needles_of(lists: &SecretLists) -> Option<AhoCorasick> {
    let usual = SecretLists::default();
    let pairs = [
        (&lists.url_parameters, &usual.url_parameters),
        (&lists.json_fields, &usual.json_fields),
        (&lists.arguments, &usual.arguments),
    ];
    let new = pairs.into_iter().flat_map(|(list, usual)| list.iter().filter(|name| !usual.has(name)));
    let longest = |name: &str| {
        let parts = name.split(|c: char| !c.is_alphanumeric());
        parts.max_by_key(|part| part.len()).filter(|part| !part.is_empty()).map(str::to_owned)
    };
    let mut needles: Vec<String> = new.filter_map(longest).collect();
    needles.sort_unstable();
    needles.dedup();
    let build = || AhoCorasick::builder().ascii_case_insensitive(true).build(&needles);
    (!needles.is_empty()).then(|| build().expect("a few short needles"))
}

impl Secrets {
    /// What is set.
    pub(crate) fn of(lists: &SecretLists) -> Self {
        match *lists == SecretLists::default() {
            true => Self::default(),
            false => Self(Box::leak(Box::new(SecretNames::of(lists)))),
        }
    }

    /// What `key` says of the values that stand under it.
    pub(crate) fn traits_of(self, key: &str) -> KeyTraits {
        KeyTraits::of(key, self)
    }

    /// The same of a value of which no key says anything.
    pub(crate) fn without_key(self) -> KeyTraits {
        KeyTraits { secrets: self, ..KeyTraits::default() }
    }

    /// What the preferred spelling of an attribute says of its values.
    pub(crate) fn traits_of_attribute(self, attribute: Attribute) -> KeyTraits {
        let of_all = || Attribute::ALL.iter().map(|attribute| self.traits_of(attribute.aliases()[0])).collect();
        self.0.traits_of_attributes.get_or_init(of_all)[attribute as usize]
    }

    pub(super) fn names(self) -> &'static SecretNames {
        self.0
    }
}

impl Default for Secrets {
    fn default() -> Self {
        static USUAL: OnceLock<SecretNames> = OnceLock::new();
        Self(USUAL.get_or_init(|| SecretNames::of(&SecretLists::default())))
    }
}

impl PartialEq for Secrets {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Secrets {}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SensitiveKind, masked};
    use super::*;

    fn added(lists: impl FnOnce(&mut SecretLists)) -> Secrets {
        let mut all = SecretLists::default();
        lists(&mut all);
        Secrets::of(&all)
    }

    fn list(names: &[&str]) -> WordList {
        WordList::of(names)
    }

    /// A name that is set is found in every spelling, as usual ones are; one that is not is none.
    #[test]
    fn names_that_are_set_are_found() {
        let secrets = added(|lists| {
            lists.url_parameters = list(&["pin-code", "password"]);
            lists.json_fields = list(&["pin_code", "password"]);
            lists.arguments = list(&["pin_code"]);
        });
        for (text, shown) in [
            ("https://x.example/?a=1&pin_code=424242", "https://x.example/?a=1&pin_code={}"),
            ("https://x.example/?PIN.CODE=424242", "https://x.example/?PIN.CODE={}"),
            ("{\"pinCode\":\"424242\"}", "{\"pinCode\":\"{}\"}"),
            ("{\"pin-code\":\"424242\"}", "{\"pin-code\":\"{}\"}"),
            ("run --pin-code=424242", "run --pin-code={}"),
            ("?password=424242&pincode=424242", "?password={}&pincode=424242"),
            ("{\"secret\":\"424242\"}", "{\"secret\":\"424242\"}"),
        ] {
            assert_eq!(masked(text, secrets.without_key()), shown, "{text}");
        }
        assert_eq!(masked("?pin_code=424242", Secrets::default().without_key()), "?pin_code=424242");
    }

    #[test]
    fn keys_and_masks_are_set() {
        let secrets = added(|lists| {
            lists.credential_keys = list(&["pin-code"]);
            lists.masked_words = list(&["scrubbed"]);
        });
        for (key, value, shown) in [
            ("user.pin_code", "424242", "{}"),
            ("user.pinCode", "424242", "{}"),
            ("user.pin_code", "[Scrubbed]", "[Scrubbed]"),
            ("user.pin_code", "redacted", "{}"),
            ("user.password", "424242", "424242"),
        ] {
            assert_eq!(masked(value, secrets.traits_of(key)), shown, "{key} {value}");
        }
        assert_eq!(SensitiveKind::Credential.as_str(), "credential");
    }

    #[test]
    fn usual_lists_are_made_once() {
        assert_eq!(Secrets::of(&SecretLists::default()), Secrets::default());
        assert!(Secrets::default().names().needles.is_none());
        assert_ne!(added(|lists| lists.masked_words = list(&[])), Secrets::default());
    }
}
