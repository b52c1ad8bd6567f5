//! Text and numbers as the page shows them.

use crate::report::text::sanitized::sanitized;

/// A text from traces: what steers or reorders text is made visible. The templates escape it.
pub(super) fn shown(text: &str) -> String {
    sanitized(text).into_owned()
}

/// The same, at most so many characters of it, for places that have room for no more.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let text = sanitized(text);
    if text.chars().count() <= most {
        return text.into_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A share 0..1 as a percentage for drawing, with two decimals.
pub(super) fn percent(share: f64) -> String {
    let percent = if share.is_finite() { (share * 100.0).clamp(0.0, 100.0) } else { 0.0 };
    let text = format!("{percent:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// JSON that may stand in an element of a page: nothing in it ends the element or begins a comment.
pub(super) fn json_in_page(value: &serde_json::Value) -> String {
    let mut escaped = String::new();
    for character in value.to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escaped.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// What tells services apart by colour: the same one in every drawing.
#[derive(Clone, Debug, Default)]
pub(super) struct Colours {
    known: hashbrown::HashMap<String, usize>,
}

/// Colours that eyes tell apart.
const COLOURS: usize = 10;

impl Colours {
    /// Colours for services: the first of them get the ones that differ most.
    pub(super) fn of<'a>(services: impl Iterator<Item = &'a str>) -> Self {
        let mut known = hashbrown::HashMap::new();
        for service in services {
            let next = known.len();
            known.entry(service.to_owned()).or_insert(next);
        }
        Self { known }
    }

    /// The class of a service's colour.
    pub(super) fn class(&self, service: &str) -> String {
        match self.known.get(service) {
            Some(number) => format!("c{}", number % COLOURS),
            None => "cx".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_cannot_leave_its_element() {
        let value = serde_json::json!({ "name": "</script><!-- \u{2028} & \"quoted\"" });
        let text = json_in_page(&value);
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn percentages_stay_within_their_drawing() {
        for (share, told) in
            [(0.0, "0"), (1.0, "100"), (0.123_456, "12.35"), (7.0, "100"), (-1.0, "0"), (f64::NAN, "0")]
        {
            assert_eq!(percent(share), told);
        }
    }

    #[test]
    fn long_texts_say_that_they_go_on() {
        assert_eq!(shortened("checkout", 8), "checkout");
        assert_eq!(shortened("checkout-service", 8), "checkou…");
        assert_eq!(shortened("a\u{202e}b", 20), "a\\u{202e}b");
    }
}
