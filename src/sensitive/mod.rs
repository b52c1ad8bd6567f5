//! Secrets and personal data in texts: what they look like, and what only looks so.
//!
//! Everything here is a pure function of a text and of the key that it stands under. Nothing is quadratic: each look at a place
//! reads a bounded number of bytes before it, and what follows it once.

mod card;
mod email;
mod evidence;
mod fields;
mod finder;
mod iban;
mod key;
mod kind;
mod placeholder;
mod sampling;
mod scan;
mod secret_names;
mod tokens;

pub(crate) use evidence::{Bucket, Evidence, Place, SensitiveFacts, hash_of_place};
pub(crate) use fields::{JSON_FIELDS, URL_PARAMETERS};
pub(crate) use finder::{masked, without_tokens};
pub(crate) use key::CREDENTIAL_KEYS;
pub(crate) use kind::SensitiveKind;
pub(crate) use placeholder::MASKED_WORDS;
pub use sampling::Sampling;
pub(crate) use sampling::{SampledTraces, level_of};
pub(crate) use scan::{Glance, KeyLists, Said, SaidKey, Scan, Spot};
pub use secret_names::Secrets;
pub(crate) use secret_names::{ARGUMENTS, SecretLists};

#[cfg(test)]
mod tests;
