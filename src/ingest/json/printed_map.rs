//! Attributes in a text: as JSON, as JSON that was made a text once more, or as a map is printed by ClickHouse and Python,
//! `{'http.method':'GET'}`.

use serde_json::{Map, Value as Json};

/// The object or list that `text` holds; `None` if it holds neither.
pub(crate) fn json_of_text(text: &str) -> Option<Json> {
    let text = text.trim();
    if !text.starts_with(['{', '[', '"']) {
        return None;
    }
    match serde_json::from_str(text).ok().or_else(|| printed_map(text).map(Json::Object))? {
        // It has two characters less, of a bounded number.
        Json::String(inner) => json_of_text(&inner),
        json @ (Json::Object(_) | Json::Array(_)) => Some(json),
        _ => None,
    }
}

fn printed_map(text: &str) -> Option<Map<String, Json>> {
    let mut rest = text.strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut map = Map::new();
    while !rest.is_empty() {
        let (key, behind) = quoted(rest)?;
        rest = behind.trim_start().strip_prefix(':')?.trim_start();
        let (value, behind) = match quoted(rest) {
            Some((value, behind)) => (Json::String(value), behind),
            None => plain(rest)?,
        };
        map.insert(key, value);
        rest = behind.trim_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start();
        }
    }
    Some(map)
}

/// The text in quotes that `text` begins with, and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                '0' => '\0',
                other => other,
            }),
            c if c == quote => return Some((value, &text[at + 1..])),
            c => value.push(c),
        }
    }
    None
}

/// The number, the truth value or the nothing that `text` begins with, and what is behind it.
fn plain(text: &str) -> Option<(Json, &str)> {
    let (word, behind) = text.split_at(text.find(',').unwrap_or(text.len()));
    let value = match word.trim() {
        "True" | "true" => Json::Bool(true),
        "False" | "false" => Json::Bool(false),
        "None" | "NULL" | "null" => Json::Null,
        number => serde_json::from_str(number).ok().filter(Json::is_number)?,
    };
    Some((value, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_attributes_are_read() {
        for (text, json) in [
            (r#"{"a":1}"#, Some(r#"{"a":1}"#)),
            (r#""{\"a\":1}""#, Some(r#"{"a":1}"#)),
            (r#"[{"key":"a"}]"#, Some(r#"[{"key":"a"}]"#)),
            ("{'a':'b','c.d':'it\\'s \\\\'}", Some(r#"{"a":"b","c.d":"it's \\"}"#)),
            (
                "{'a': \"it's\", 'b': 7, 'c': True, 'd': None, 'e': 0.5}",
                Some(r#"{"a":"it's","b":7,"c":true,"d":null,"e":0.5}"#),
            ),
            (" {} ", Some("{}")),
            ("{'a':'b'", None),
            ("{'a':b}", None),
            ("{'a'}", None),
            ("{'a':'b' 'c':'d'}", None),
            ("\"a\"", None),
            ("a", None),
            ("", None),
        ] {
            let expected = json.map(|json| serde_json::from_str::<Json>(json).expect("JSON"));
            assert_eq!(json_of_text(text), expected, "{text}");
        }
    }
}
