//! Words of names.

mod lists;
mod service_family;
mod word_list;

pub(crate) use lists::{DELAY_WORDS, PRIVATE_LABELS, REPORTING_WORDS, WRITING_WORDS};
pub use lists::{Lists, NameLists};
pub(crate) use service_family::service_family;
pub(crate) use word_list::THE_OTHERS;
pub use word_list::{ListForm, WordList};

/// The words of a name: it is split at what is no letter or digit, and between a lower-case letter and an upper-case one.
pub(crate) fn words(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        if rest.is_empty() {
            return None;
        }
        let mut before = None;
        let end = rest.char_indices().find_map(|(at, c)| {
            let is_joint = before.replace(c).is_some_and(char::is_lowercase) && c.is_uppercase();
            (!c.is_alphanumeric() || is_joint).then_some(at)
        });
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        Some(word)
    })
}

/// Whether `word` is one of `listed`, whatever the case.
pub(crate) fn is_one_of(word: &str, listed: &[&str]) -> bool {
    listed.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words() {
        for (name, expected) in [
            ("orders-api", &["orders", "api"][..]),
            ("OrdersService", &["Orders", "Service"]),
            ("shop.Cart/addItem_2", &["shop", "Cart", "add", "Item", "2"]),
            ("HTTPServer", &["HTTPServer"]),
            ("v2Api", &["v2Api"]),
            ("größeÄndern--", &["größe", "Ändern"]),
            ("--", &[]),
            ("", &[]),
        ] {
            assert_eq!(words(name).collect::<Vec<_>>(), expected, "{name}");
        }
    }
}
