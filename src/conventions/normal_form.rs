//! What is kept of values that are too many to be kept: a normal form, and a hash that tells arguments apart.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;

use super::attributes::Attribute;
use super::kept_values::{SEVERAL_MESSAGES, id_hash, number_of};
use super::message_template::message_template;
use super::templates::{has_placeholder, push_path_template, query_template, url_host, without_comments};
use crate::sensitive::{Secrets, masked, without_tokens};

/// Parts the host of a normalised URL from its path. No host has one.
pub(crate) const END_OF_HOST: char = '\n';

/// Fills `normal` with what is kept of an attribute's value: of URLs, paths, query texts and messages, which are too many to
/// be kept, host and template, without `secrets`; of ids nothing; of a number of messages whether these are several. The answer is the hash of a URL, a path, an id, or a query text that says
/// its arguments, and 0 for others.
pub fn normalise(attribute: Attribute, value: &str, secrets: Secrets, normal: &mut String) -> u64 {
    normal.clear();
    match attribute {
        Attribute::UrlFull => {
            normal.push_str(url_host(value).unwrap_or_default());
            normal.push(END_OF_HOST);
            push_path_template(value, normal);
            return nonzero_hash(value);
        }
        Attribute::UrlPath => {
            push_path_template(value, normal);
            return nonzero_hash(value);
        }
        Attribute::DbQueryText => {
            // A template keeps parts of what it takes for several words.
            normal.push_str(&query_template(&without_tokens(value, secrets)));
            let value = without_comments(value);
            return if has_placeholder(&value) { 0 } else { nonzero_hash(&value) };
        }
        Attribute::RequestId => return id_hash(value),
        Attribute::MessagingBatch if number_of(value) > 1 => normal.push_str(SEVERAL_MESSAGES),
        Attribute::MessagingBatch => {}
        Attribute::StatusMessage | Attribute::ExceptionMessage => {
            normal.push_str(&message_template(&masked(value, secrets.without_key())));
        }
        Attribute::DbConnectionString => normal.push_str(url_host(value).unwrap_or_default()),
        _ => normal.push_str(value),
    }
    0
}

/// Arguments are compared by this hash alone; 0 stands for "not known". The seed is fixed, so that runs agree.
pub(crate) fn nonzero_hash(text: &str) -> u64 {
    FixedState::with_seed(0x7472_6163_6573_6361).hash_one(text).max(1)
}
