//! What stands where a secret was taken out, or where one is to be put in.

use crate::conventions::WordList;

/// Words that stand for a secret.
pub(crate) const MASKED_WORDS: [&str; 25] = [
    "redacted",
    "masked",
    "filtered",
    "hidden",
    "removed",
    "censored",
    "sanitized",
    "secret",
    "password",
    "passwd",
    "token",
    "null",
    "none",
    "undefined",
    "nil",
    "true",
    "false",
    "empty",
    "n/a",
    "changeme",
    "example",
    "dummy",
    "placeholder",
    "<nil>",
    "sanitised",
];

/// Those of them that say that something was taken out; what stands behind them says what.
const WORDS_OF_MASKERS: [&str; 8] =
    ["redacted", "masked", "filtered", "hidden", "removed", "censored", "sanitized", "sanitised"];

/// A run of as many x stands for a secret wherever it is.
const RUNS_OF_X: [&str; 2] = ["xxxxxxxx", "XXXXXXXX"];

/// Schemes of HTTP's authentication, behind which a secret stands.
const SCHEMES: [&str; 3] = ["bearer", "basic", "token"];

/// Whether nothing is given away: the secret was taken out, or is to be put in where the text is used.
/// `masked_words` stand for secrets.
pub(super) fn is_placeholder(value: &str, masked_words: &WordList) -> bool {
    let mut value = value.trim();
    // Each turn takes away at least one character, of a bounded number of pairs.
    for _ in 0..MAX_PAIRS {
        match unwrapped(value) {
            Some(Unwrapped::Inner(inner)) => value = inner.trim(),
            Some(Unwrapped::Name) => return true,
            None => match behind_scheme(value) {
                Some(behind) => value = behind,
                None => break,
            },
        }
    }
    is_plain_placeholder(value, masked_words)
}

/// So many brackets, quotes and schemes are taken off.
const MAX_PAIRS: usize = 8;

enum Unwrapped<'a> {
    /// What is within brackets or quotes.
    Inner(&'a str),
    /// Within brackets there is a name, as in a template: `{token}`, `<your token>`, `${DB_PASSWORD}`.
    Name,
}

fn unwrapped(value: &str) -> Option<Unwrapped<'_>> {
    const PAIRS: [(&str, &str, bool); 14] = [
        ("\\\"", "\\\"", false),
        ("\"", "\"", false),
        ("'", "'", false),
        ("`", "`", false),
        ("[", "]", false),
        ("(", ")", false),
        ("${", "}", true),
        ("{{", "}}", true),
        ("{", "}", true),
        ("%7B", "%7D", true),
        ("<", ">", true),
        ("%3C", "%3E", true),
        ("%5B", "%5D", false),
        ("%22", "%22", false),
    ];
    PAIRS.into_iter().find_map(|(open, close, holds_names)| {
        let inner = value.strip_prefix(open)?.strip_suffix(close)?;
        let is_name = |c: char| c.is_alphabetic() || matches!(c, '_' | '-' | '.' | ' ' | ':' | '$');
        let is_variable = matches!(open, "${" | "{{");
        if holds_names && (is_variable || inner.chars().all(is_name)) {
            return Some(Unwrapped::Name);
        }
        Some(Unwrapped::Inner(inner))
    })
}

fn behind_scheme(value: &str) -> Option<&str> {
    let (scheme, behind) = value.split_once(char::is_whitespace)?;
    SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)).then_some(behind.trim_start())
}

/// Whether a masked word stands within signs, as in `**REDACTED**`, or says what was masked, as in `redacted: password`.
fn says_masked(value: &str, masked_words: &WordList) -> bool {
    let bare = value.trim_matches(['*', '_', '-', '%', '#']);
    let says_what = WORDS_OF_MASKERS.iter().any(|word| {
        let begins = value.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
        begins && masked_words.has(word) && value[word.len()..].starts_with([':', ' ', '_', '-', '='])
    });
    says_what || (bare.len() < value.len() && masked_words.has(bare))
}

fn is_plain_placeholder(value: &str, masked_words: &WordList) -> bool {
    // As URLs write stars.
    if value.contains("%2A") || value.contains("%2a") {
        return is_plain_placeholder(&value.replace("%2A", "*").replace("%2a", "*"), masked_words);
    }
    let is_filler = |c: char| matches!(c, '*' | '•' | '-' | '.' | '?' | '…' | '●');
    let is_x = value.chars().all(|c| matches!(c, 'x' | 'X' | '-' | ' ' | '*'));
    if value.chars().all(|c| is_filler(c) || c == ' ') || (is_x && value.len() >= 3) || value.contains("***") {
        return true;
    }
    if RUNS_OF_X.iter().any(|run| value.contains(run)) || says_masked(value, masked_words) {
        return true;
    }
    if masked_words.has(value) || SCHEMES.iter().any(|word| word.eq_ignore_ascii_case(value)) {
        return true;
    }
    if value.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("your")) && value[4..].starts_with(['-', '_', ' '])
    {
        return true;
    }
    if value.starts_with("${") || value.starts_with("{{") || value.starts_with("$(") || value.starts_with("#{") {
        return true;
    }
    let is_word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match value.as_bytes().first() {
        Some(b'%') => {
            matches!(&value[1..], "s" | "d" | "v" | "q" | "r") || (value.starts_with("%(") && value.ends_with(")s"))
        }
        Some(b':') => is_word(&value[1..]) || is_number(&value[1..]),
        // `$password` is a field in MongoDB's pipelines.
        Some(b'$') => is_number(&value[1..]) || is_all_caps(&value[1..]) || masked_words.has(&value[1..]),
        Some(b'@') => is_word(&value[1..]),
        _ => is_all_caps(value),
    }
}

/// A name of a constant, as documentation puts it where a value belongs: `YOUR_TOKEN`, `SECRET`. Digits are in names of several
/// words only: keys of AWS have no others.
fn is_all_caps(value: &str) -> bool {
    let has_joint = value.contains('_');
    let is_of_name = |byte: u8| byte.is_ascii_uppercase() || byte == b'_' || (has_joint && byte.is_ascii_digit());
    value.starts_with(|c: char| c.is_ascii_uppercase()) && value.bytes().all(is_of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_placeholder(value: &str) -> bool {
        super::is_placeholder(value, &WordList::of(&MASKED_WORDS))
    }

    #[test]
    fn placeholders_give_nothing_away() {
        for value in [
            "***",
            "*",
            "",
            "xxx",
            "XXXX",
            "xxxx-xxxx",
            "•••••",
            "---",
            "...",
            "?",
            "REDACTED",
            "[Filtered]",
            "<redacted>",
            "${DB_PASSWORD}",
            "${db.password:-x1}",
            "{token}",
            "{{ token }}",
            "{{token",
            "$1",
            "%s",
            ":password",
            "@pw",
            "null",
            "None",
            "N/A",
            "changeme",
            "your-api-key",
            "YOUR_API_KEY",
            "your_token_here",
            "SECRET",
            "DB_PASSWORD_2",
            "[\"***\"]",
            "[\"REDACTED\"]",
            "Bearer ***",
            "Bearer [REDACTED]",
            "[\"Bearer <token>\"]",
            "Basic {credentials}",
            "Token xxx",
            "'***'",
            "\"\"",
            "\\\"***\\\"",
            "%7Btoken%7D",
            "<your token>",
            "<nil>",
            "****1234",
            "true",
            "%(password)s",
            "**REDACTED**",
            "__redacted__",
            "%REDACTED%",
            "[REDACTED:JWT]",
            "[Redacted: password]",
            "redacted-by-collector",
            "$password",
            "bP88Q~xxxxxxxxxxxx",
            "#{pw}",
            "Bearer",
        ] {
            assert!(is_placeholder(value), "{value:?}");
        }
        for value in [
            "hunter2",
            "s3cr3t",
            "abc",
            "xx",
            "Passw0rd!",
            "p",
            "[\"hunter2\"]",
            "Bearer abc123",
            "AKIAIOSFODNN7ABCDEFG",
            "x-y-z",
            "{\"a\":1}",
            "$ecret",
            "12345678",
            "yourself",
            "<b1>",
            "tokens",
            ":p@ss",
            "%41",
            "password:hunter2",
            "token_1f8a",
            "redactedness",
            "**hunter2**",
        ] {
            assert!(!is_placeholder(value), "{value:?}");
        }
    }

    /// However many brackets there are.
    #[test]
    fn any_value_is_taken() {
        for text in [
            "[".repeat(5_000),
            "[".repeat(5_000) + &"]".repeat(5_000),
            "é".to_owned(),
            "youré".to_owned(),
            "%é".to_owned(),
        ] {
            is_placeholder(&text);
        }
    }
}
