//! Lists of words and names that are settings.

use serde::{Deserialize, Serialize};

use super::words;

/// Stands in a setting for the entries that the list has without it.
pub(crate) const THE_OTHERS: &str = "...";

/// Words or names by which something is known, in lower case and in the order in which they were given. They are compared
/// whatever the case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WordList(Vec<String>);

/// What entries of a list are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListForm {
    /// Words as names are split into: another entry could never be found.
    Words,
    /// Whole names.
    Names,
    /// Whole names, in which `*` stands for anything.
    Patterns,
}

impl ListForm {
    /// How lists of the form are written: what fits after "must be".
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Words => "a list of words of letters and digits, in which \"...\" stands for the usual ones",
            Self::Names => "a list of names without spaces and commas, in which \"...\" stands for the usual ones",
            Self::Patterns => {
                "a list of names without spaces and commas, in which * stands for anything and \"...\" for the usual ones"
            }
        }
    }

    /// The entry that a text is; `None` if it is none of the form.
    pub(crate) fn entry(self, text: &str) -> Option<String> {
        let entry = text.trim().to_lowercase();
        let is_entry = match self {
            Self::Words => words(&entry).eq([entry.as_str()]),
            Self::Names => !entry.contains('*'),
            Self::Patterns => entry.contains(|c| c != '*'),
        };
        let is_plain = !entry.is_empty()
            && entry != THE_OTHERS
            && !entry.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',');
        (is_entry && is_plain).then_some(entry)
    }
}

impl WordList {
    /// A list of entries that are in lower case.
    pub(crate) fn of(entries: &[&str]) -> Self {
        debug_assert!(entries.iter().all(|entry| entry.to_lowercase() == *entry), "{entries:?}");
        Self(entries.iter().map(|&entry| entry.to_owned()).collect())
    }

    /// A list as it is set, where it was `before`; each entry once.
    ///
    /// # Errors
    /// The first text that is no entry of the form.
    pub(crate) fn read<'t>(
        texts: impl IntoIterator<Item = &'t str>,
        form: ListForm,
        before: &Self,
    ) -> Result<Self, &'t str> {
        let mut read = Self::default();
        for text in texts {
            if text.trim() == THE_OTHERS {
                before.0.iter().for_each(|entry| read.add(entry.clone()));
            } else {
                read.add(form.entry(text).ok_or(text)?);
            }
        }
        Ok(read)
    }

    fn add(&mut self, entry: String) {
        if !self.0.contains(&entry) {
            self.0.push(entry);
        }
    }

    /// The entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether a word is an entry.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.0.iter().any(|entry| entry.eq_ignore_ascii_case(word))
    }

    /// Whether a word is an entry, or the plural of one.
    pub(crate) fn has_one_of(&self, word: &str) -> bool {
        self.has(word) || word.strip_suffix(['s', 'S']).is_some_and(|one| self.has(one))
    }

    /// Whether a word of a name is an entry.
    pub(crate) fn has_word_of(&self, name: &str) -> bool {
        words(name).any(|word| self.has(word))
    }

    /// Whether a pattern of the list matches a name in lower case: one that begins with `*` its last part between points, any
    /// other that or the whole name.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
        self.iter().any(|pattern| matches(pattern, last) || (!pattern.starts_with('*') && matches(pattern, name)))
    }
}

/// Whether a name is what a pattern says, in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(begin) else { return false };
    let (between, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    // What comes first leaves most for what follows.
    for part in between.split('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_add_to_what_they_were() {
        let before = WordList::of(&["api", "worker"]);
        for (texts, expected) in [
            (&["tier"][..], Ok(&["tier"][..])),
            (&["...", "tier"], Ok(&["api", "worker", "tier"])),
            (&["Tier", " ... ", "API"], Ok(&["tier", "api", "worker"])),
            (&[], Ok(&[])),
            (&["tier", ""], Err("")),
            (&["my-tier"], Err("my-tier")),
            (&["my tier"], Err("my tier")),
            (&["*"], Err("*")),
        ] {
            let read = WordList::read(texts.iter().copied(), ListForm::Words, &before);
            assert_eq!(read, expected.map(WordList::of), "{texts:?}");
        }
    }

    #[test]
    fn forms_say_what_entries_are() {
        use ListForm::{Names, Patterns, Words};
        for (form, text, expected) in [
            (Words, "Größe2", Some("größe2")),
            (Words, "aB", Some("ab")),
            (Words, "a_b", None),
            (Names, "X-Api-Key", Some("x-api-key")),
            (Names, "a*", None),
            (Names, "a,b", None),
            (Names, "a b", None),
            (Patterns, "QRTZ_*", Some("qrtz_*")),
            (Patterns, "**", None),
            (Patterns, "...", None),
            (Patterns, "", None),
        ] {
            assert_eq!(form.entry(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("sessions", "sessions", true),
            ("sessions", "shop.sessions", true),
            ("sessions", "user_sessions", false),
            ("qrtz_*", "qrtz_triggers", true),
            ("qrtz_*", "shop.qrtz_triggers", true),
            ("hangfire*", "hangfire.job", true),
            ("cap.*", "cap.published", true),
            ("cap.*", "captures.published", false),
            ("*outbox*", "shop.order_outbox_v2", true),
            ("*outbox*", "outbox.orders", false),
            ("*_audit", "orders_audit", true),
            ("*_audit", "audits", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(WordList::of(&[pattern]).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn words_are_compared_whatever_the_case() {
        let list = WordList::of(&["report", "api"]);
        assert!(list.has("API") && list.has_word_of("Monthly-REPORT") && list.has_one_of("Reports"));
        assert!(!list.has("apis") && !list.has_word_of("reporter") && !list.has_word_of(""));
    }
}
