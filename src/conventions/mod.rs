//! What the attributes of spans mean: spellings, normal forms, templates, error classes, sampling weights;
//! and the names of kinds that findings have.

mod arguments;
mod attributes;
mod canonical;
mod client_side;
mod data_access;
mod error_class;
mod finding_kind;
mod kept_values;
mod message_template;
mod normal_form;
mod sampling;
mod spellings;
mod templates;
mod uncounted;
mod words;

pub use arguments::{ArgumentKind, arguments_of};
pub(crate) use attributes::is_key_of_resource;
pub use attributes::{
    ATTRIBUTE_COUNT, Attribute, AttributeClass, OwnAttribute, OwnAttributes, attribute_of_key, attribute_of_key_bytes,
    exception_attribute_of_key, resource_attribute_of_key,
};
pub(crate) use canonical::{CANONICAL_VERSION, CANONICAL_VERSION_KEY};
pub(crate) use client_side::public_host;
pub(crate) use data_access::{
    Access, DatabaseName, Statement, SystemKind, TableUse, access_of_operation, creates_document, is_insert,
    key_prefix, key_value_access, listed_names, listed_tables, tables_of_name, tables_of_summary, verb_of_summary,
};
pub(crate) use error_class::says_breaker_is_open;
pub use error_class::{
    ErrorClass, RpcCode, RpcStatus, class_of_message, classify, says_it_is_there_already, says_nothing_is_there,
};
pub use finding_kind::FindingKind;
pub(crate) use kept_values::{SEVERAL_MESSAGES, is_id_unique, only_link_text, signed_value};
pub use normal_form::normalise;
pub(crate) use normal_form::{END_OF_HOST, nonzero_hash};
pub use sampling::TraceStateSampling;
pub(crate) use sampling::{count_of_attribute, count_of_jaeger_sampler};
pub(crate) use templates::{HTTP_METHODS, command_template, is_http_word, is_version};
pub use templates::{name_template, path_template, query_template, url_host};
pub use uncounted::UncountedCalls;
pub(crate) use uncounted::acquires_connection;
pub(crate) use words::{
    DELAY_WORDS, PRIVATE_LABELS, REPORTING_WORDS, THE_OTHERS, WRITING_WORDS, is_one_of, service_family, words,
};
pub use words::{ListForm, Lists, NameLists, WordList};
