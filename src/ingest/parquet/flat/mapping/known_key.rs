//! Keys of attributes as they stand in column names.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::conventions::{Attribute, attribute_of_key};

/// `name`, or the known key that is `name` but for dots.
pub(crate) fn known_key(name: &str) -> &str {
    if attribute_of_key(name).is_some() {
        return name;
    }
    keys_by_underscored_form().get(name).copied().unwrap_or(name)
}

/// Known keys by what is left of them where dots are not allowed in column names.
fn keys_by_underscored_form() -> &'static HashMap<String, &'static str> {
    static BY_FORM: OnceLock<HashMap<String, &'static str>> = OnceLock::new();
    BY_FORM.get_or_init(|| {
        let keys = Attribute::ALL.iter().flat_map(|attribute| attribute.aliases());
        let mut by_form = HashMap::new();
        for &key in keys {
            by_form.entry(key.replace('.', "_")).or_insert(key);
        }
        by_form
    })
}
