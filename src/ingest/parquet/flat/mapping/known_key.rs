//! Keys of attributes as they stand in column names.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::conventions::{Attribute, AttributeClass, OwnAttribute, OwnAttributes, attribute_of_key};

/// `name`, or the known key that is `name` but for dots.
pub(crate) fn known_key(name: &str) -> &str {
    if is_key_of_span(name) {
        return name;
    }
    keys_by_underscored_form().get(name).copied().unwrap_or(name)
}

pub(super) fn is_key_of_span(key: &str) -> bool {
    attribute_of_key(key).is_some() || OwnAttributes::ALL.of_key(key).is_some()
}

/// Known keys by what is left of them where dots are not allowed in column names.
fn keys_by_underscored_form() -> &'static HashMap<String, &'static str> {
    static BY_FORM: OnceLock<HashMap<String, &'static str>> = OnceLock::new();
    BY_FORM.get_or_init(|| {
        let of_spans = Attribute::ALL.iter().filter(|attribute| attribute.class() == AttributeClass::Shape);
        let own = OwnAttribute::ALL.iter().filter(|own| own.class() == AttributeClass::Shape);
        let own = own.flat_map(|own| own.aliases());
        let keys = of_spans.flat_map(|attribute| attribute.aliases()).chain(own);
        let mut by_form = HashMap::new();
        for &key in keys {
            by_form.entry(key.replace('.', "_")).or_insert(key);
        }
        by_form
    })
}
