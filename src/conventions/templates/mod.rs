//! Templates: what repeats in a query, a path or a span name once its literals are taken out, so that a thousand calls
//! with a thousand ids count as one operation.

mod query_language;

use std::borrow::Cow;

use super::data_access::end_of_dollar_quoted;
use query_language::QueryLanguage;

/// Longest template kept, in bytes.
const MAX_TEMPLATE_BYTES: usize = 1000;

/// A query text with literals and numbers as `?`, lists as `IN (?)`, white space folded and comments dropped. A text that
/// is JSON (MongoDB, Elasticsearch) keeps its keys and loses its values. Where the columns that are selected leave no room for
/// what they are selected from, the last of them are left out.
pub fn query_template(text: &str) -> String {
    let mut template = QueryTemplate {
        text,
        language: QueryLanguage::of(text),
        out: String::with_capacity(text.len().min(MAX_TEMPLATE_BYTES)),
        depth: 0,
        has_from: false,
    };
    let at = template.push_from(0);
    if let Some(from) = template.left_out_from(at) {
        let out = &mut template.out;
        truncate(out, 0, MAX_TEMPLATE_BYTES / 2);
        out.truncate(out.rfind(',').map_or(out.len(), |comma| comma + 1));
        out.push_str(" … ");
        template.push_from(from);
    }
    let mut out = template.out;
    out.truncate(out.trim_end().len());
    if out.len() > MAX_TEMPLATE_BYTES {
        truncate(&mut out, 0, MAX_TEMPLATE_BYTES);
        // The rest of an address that is cut off would no longer be known as one.
        let last_word = out.rfind(char::is_whitespace).map_or(0, |space| space + 1);
        if out[last_word..].contains('@') {
            out.truncate(last_word);
        }
    }
    out
}

struct QueryTemplate<'a> {
    text: &'a str,
    language: QueryLanguage,
    out: String,
    /// How many parentheses are open.
    depth: usize,
    /// Whether a FROM was written that is in no parentheses.
    has_from: bool,
}

impl QueryTemplate<'_> {
    /// Adds what stands at `at` and behind it, as far as there is room; the answer is where that ends.
    fn push_from(&mut self, mut at: usize) -> usize {
        let Self { text, language, ref mut out, ref mut depth, ref mut has_from } = *self;
        let bytes = text.as_bytes();
        let is_json = language == QueryLanguage::Json;
        while at < bytes.len() && out.len() < MAX_TEMPLATE_BYTES {
            if let Some(end) = language.end_of_comment(bytes, at) {
                push_space(out);
                at = end;
                continue;
            }
            let byte = bytes[at];
            match byte {
                _ if byte.is_ascii_whitespace() => {
                    push_space(out);
                    at += 1;
                }
                b'\'' => {
                    at = end_of_quoted(bytes, at);
                    out.push('?');
                }
                b'"' if is_json => {
                    let end = end_of_quoted(bytes, at);
                    let is_key = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
                    if is_key {
                        out.push_str(&text[at..end]);
                    } else {
                        out.push('?');
                    }
                    at = end;
                }
                b'"' | b'`' => {
                    let end = end_of_quoted(bytes, at);
                    // In MySQL a literal may have double quotes.
                    let is_literal = byte == b'"' && is_compared(out) && bytes.get(end) != Some(&b'.');
                    out.push_str(if is_literal { "?" } else { &text[at..end] });
                    at = end;
                }
                b'$' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                    at = end_of_digits(bytes, at + 1);
                    out.push('?');
                }
                b'$' if let Some(end) = end_of_dollar_string(bytes, at) => {
                    at = end;
                    out.push('?');
                }
                b'(' => {
                    let list = if ends_with_in(out) { end_of_arguments(text, at) } else { None };
                    out.push('(');
                    *depth += 1;
                    at += 1;
                    if let Some(end) = list {
                        out.push('?');
                        at = end;
                    }
                }
                _ if is_word(byte) => {
                    let end = end_of_word(bytes, at);
                    let word = &text[at..end];
                    if is_literal(word) {
                        if out.ends_with('-')
                            && !out.ends_with("--")
                            && !out[..out.len() - 1].trim_end().ends_with(|c: char| c == '?' || c.is_alphanumeric())
                        {
                            out.pop();
                        }
                        out.push('?');
                    } else {
                        *has_from |= *depth == 0 && word.eq_ignore_ascii_case("from");
                        out.push_str(word);
                    }
                    at = end;
                }
                _ => {
                    *depth = depth.saturating_sub(usize::from(byte == b')'));
                    let length = text[at..].chars().next().map_or(1, char::len_utf8);
                    out.push_str(&text[at..at + length]);
                    at += length;
                }
            }
        }
        at
    }

    /// Where the FROM of a SELECT begins that has no room, if what was written ends at `at`.
    fn left_out_from(&self, mut at: usize) -> Option<usize> {
        let (text, bytes, language, mut depth) = (self.text, self.text.as_bytes(), self.language, self.depth);
        let is_select = text.trim_start().get(.."select".len()).is_some_and(|word| word.eq_ignore_ascii_case("select"));
        if self.has_from || !is_select {
            return None;
        }
        while at < bytes.len() {
            if let Some(end) = end_of_string(bytes, at).or_else(|| language.end_of_comment(bytes, at)) {
                at = end;
                continue;
            }
            match bytes[at] {
                byte if is_word(byte) => {
                    let end = end_of_word(bytes, at);
                    if depth == 0 && text[at..end].eq_ignore_ascii_case("from") {
                        return Some(at);
                    }
                    at = end;
                }
                byte => {
                    depth = (depth + usize::from(byte == b'(')).saturating_sub(usize::from(byte == b')'));
                    at += 1;
                }
            }
        }
        None
    }
}

fn end_of_digits(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether a query that was written so far goes on with what something is compared with, or set to.
fn is_compared(out: &str) -> bool {
    let out = out.trim_end();
    let like = out.len().checked_sub(" like".len()).and_then(|begin| out.get(begin..));
    out.ends_with('=') || like.is_some_and(|word| word.eq_ignore_ascii_case(" like"))
}

/// Whether a query that was written so far goes on with the list of an IN.
fn ends_with_in(out: &str) -> bool {
    let Some((before, word)) = out.trim_end().as_bytes().split_last_chunk::<2>() else { return false };
    word.eq_ignore_ascii_case(b"in") && before.last().is_none_or(|&byte| !is_word(byte))
}

/// Where the list that opens at `open` ends, if it has nothing but arguments: literals, placeholders with or without a cast, and
/// lists of these. It makes no operation of its own how many there are. A list that is cut off ends where the text does.
fn end_of_arguments(text: &str, open: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let word_at = |at: usize| bytes.get(at).is_some_and(|&byte| is_word(byte)).then(|| end_of_word(bytes, at));
    let (mut at, mut depth, mut has_any) = (open + 1, 0usize, false);
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied().unwrap_or_default();
        match byte {
            b')' if depth == 0 => return has_any.then_some(at),
            b')' => {
                depth -= 1;
                at += 1;
                continue;
            }
            b'(' => {
                depth += 1;
                at += 1;
                continue;
            }
            b',' | b'-' | b'+' => {
                at += 1;
                continue;
            }
            _ if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'?' => at += 1,
            b'\'' => at = end_of_quoted(bytes, at),
            b'"' => {
                at = end_of_quoted(bytes, at);
                if bytes.get(at) == Some(&b'.') {
                    return None;
                }
            }
            b'$' if next.is_ascii_digit() => at = end_of_digits(bytes, at + 1),
            // A cast, `?::uuid`.
            b':' if next == b':' && has_any => at = word_at(at + 2)?,
            // `:ids_1`, `:1`, `:?`, `@p0`
            b':' | b'@' if next == b'?' => at += 2,
            b':' | b'@' => at = word_at(at + 1)?,
            b'%' if next == b's' => at += 2,
            // `%(ids_1)s`
            b'%' if next == b'(' => {
                let end = word_at(at + 2)?;
                if !bytes[end..].starts_with(b")s") {
                    return None;
                }
                at = end + 2;
            }
            _ => {
                let end = word_at(at)?;
                let word = &text[at..end];
                let is_prefix = word.len() == 1 && bytes.get(end) == Some(&b'\'');
                let is_constant = ["null", "true", "false"].iter().any(|known| word.eq_ignore_ascii_case(known));
                if !is_literal(word) && !is_prefix && !is_constant {
                    return None;
                }
                at = end;
            }
        }
        has_any = true;
    }
    has_any.then_some(bytes.len())
}

/// What parts the words of keys. Hash tags and the values of fields that are searched have braces.
const KEY_SEPARATORS: [char; 6] = [' ', ':', '/', '*', '{', '}'];

/// A command to a store of keys and values, templated as a query already, with the parts of keys that single things are told by as
/// `?`: by the rule for segments of paths, which knows the ids that are no literals of a query language.
pub(crate) fn command_template(command: &str) -> String {
    let is_of_keys = |byte: &u8| byte.is_ascii_alphanumeric() || b" _-.:@%*/{}?".contains(byte);
    // Scripts, and several commands in one text, are no keys.
    let Some((verb, arguments)) = command.split_once(' ').filter(|_| command.as_bytes().iter().all(is_of_keys)) else {
        return command.to_owned();
    };
    let mut template = format!("{verb} ");
    for part in arguments.split_inclusive(KEY_SEPARATORS) {
        let word = part.trim_end_matches(KEY_SEPARATORS);
        // The name of a field that is searched begins with `@`, and what was a literal is no part of an id any more.
        let is_id = is_id_in_path(&word.trim_start_matches('@').replace('?', ""));
        template.push_str(if is_id { "?" } else { word });
        template.push_str(&part[word.len()..]);
    }
    template
}

/// A query text without its comments: they say who asks rather than what, as the trace that sqlcommenter writes into them.
pub(super) fn without_comments(text: &str) -> Cow<'_, str> {
    if !["/*", "--", "//"].iter().any(|begin| memchr::memmem::find(text.as_bytes(), begin.as_bytes()).is_some()) {
        return Cow::Borrowed(text);
    }
    let (bytes, language) = (text.as_bytes(), QueryLanguage::of(text));
    let (mut kept, mut begin, mut at) = (String::with_capacity(text.len()), 0, 0);
    while at < bytes.len() {
        if let Some(end) = language.end_of_comment(bytes, at) {
            kept.push_str(text[begin..at].trim_end());
            kept.push(' ');
            (begin, at) = (end, end);
        } else {
            at = end_of_string(bytes, at).unwrap_or(at + 1);
        }
    }
    kept.push_str(&text[begin..]);
    Cow::Owned(kept.trim().to_owned())
}

/// Whether a query text leaves its arguments out: it has a placeholder (`?`, `$1`, `$x`, `:1`, `:x`, `%s`, `%(x)s`, `@p`,
/// `{x:String}`) outside its string literals.
pub(super) fn has_placeholder(text: &str) -> bool {
    let bytes = text.as_bytes();
    let language = QueryLanguage::of(text);
    let json = language == QueryLanguage::Json;
    let behind_word = |at: usize| at + bytes[at..].iter().take_while(|&&byte| is_word(byte)).count();
    // A single colon behind it makes a word the name of a field, or a part of a key: `{$gt: 1}`, `@name:ann`, `GET :1:cart`.
    let is_named = |at: usize| {
        let end = behind_word(at);
        !json && end > at && !(bytes.get(end) == Some(&b':') && bytes.get(end + 1) != Some(&b':'))
    };
    let mut at = 0;
    while at < bytes.len() {
        if let Some(end) = end_of_dollar_string(bytes, at) {
            at = end;
            continue;
        }
        let next = bytes.get(at + 1).copied().unwrap_or(b' ');
        let before = if at == 0 { b' ' } else { bytes[at - 1] };
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                let end = end_of_quoted(bytes, at);
                if quote == b'"' && matches!(&bytes[at + 1..end.saturating_sub(1).max(at + 1)], b"?" | b"%s") {
                    return true;
                }
                at = end;
                continue;
            }
            b'?' => return true,
            b'%' if next == b's' => return true,
            b'%' if next == b'(' && bytes[behind_word(at + 2)..].starts_with(b")s") => return true,
            // Names may have a dollar inside: `v$session`.
            b'$' if !is_name(before) && (next.is_ascii_digit() || next.is_ascii_alphabetic() && is_named(at + 1)) => {
                return true;
            }
            b'{' if !json && begins_with_typed_placeholder(&text[at..]) => return true,
            // In Cypher it is the sign of a label.
            b':' if language != QueryLanguage::Cypher
                && next.is_ascii_alphanumeric()
                && is_named(at + 1)
                && !is_word(before)
                && !matches!(before, b':' | b'}' | b']' | b'"' | b'\'' | b'`') =>
            {
                return true;
            }
            b'@' if (next.is_ascii_alphabetic() || next == b'_')
                && is_named(at + 1)
                && !is_word(before)
                && before != b'@' =>
            {
                return true;
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// Families of the types of ClickHouse, of which there are several sizes.
const CLICKHOUSE_TYPES: [&str; 21] = [
    "Array",
    "Bool",
    "Date",
    "DateTime",
    "Decimal",
    "Dynamic",
    "Enum",
    "FixedString",
    "Float",
    "IPv",
    "Identifier",
    "Int",
    "JSON",
    "LowCardinality",
    "Map",
    "Nullable",
    "String",
    "Time",
    "Tuple",
    "UInt",
    "UUID",
];

/// Whether the braces that a text begins with hold a placeholder of ClickHouse, `{id:UInt32}`: a name and, right behind the colon,
/// a type. What else has names before colons is a literal: `{id: 17}`, or the hash tag of a key.
fn begins_with_typed_placeholder(text: &str) -> bool {
    let inside = text.strip_prefix('{').and_then(|text| text.split_once('}'));
    let Some((name, of_type)) = inside.and_then(|(inside, _)| inside.split_once(':')) else { return false };
    let (family, arguments) = of_type.split_at(of_type.find('(').unwrap_or(of_type.len()));
    name.bytes().all(is_word)
        && CLICKHOUSE_TYPES.contains(&family.trim_end_matches(|c: char| c.is_ascii_digit()))
        && (arguments.is_empty() || arguments.ends_with(')'))
}

/// A URL's path, or a request target, with identifiers as `{}`; query string and fragment are dropped.
pub fn path_template(path: &str) -> String {
    let mut template = String::new();
    push_path_template(path, &mut template);
    template
}

/// Appends [`path_template`] of `path` to `out`.
pub(super) fn push_path_template(path: &str, out: &mut String) {
    let path = match behind_http(path) {
        // Hosts are short.
        Some(rest) => match rest.bytes().position(ends_segment) {
            Some(end) if rest.as_bytes()[end] == b'/' => &rest[end..],
            _ => "/",
        },
        None => {
            let path = &path[..memchr::memchr2(b'?', b'#', path.as_bytes()).unwrap_or(path.len())];
            match behind_scheme(path) {
                Some(rest) => memchr::memchr(b'/', rest.as_bytes()).map_or("/", |start| &rest[start..]),
                None => path,
            }
        }
    };
    let start = out.len();
    push_path_segments(path, out);
    truncate(out, start, MAX_TEMPLATE_BYTES);
}

/// What is behind the scheme of most URLs.
fn behind_http(url: &str) -> Option<&str> {
    url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))
}

/// Whether a segment of a path ends here, or the path.
fn ends_segment(byte: u8) -> bool {
    matches!(byte, b'/' | b'?' | b'#')
}

/// What is behind `://` in a URL.
fn behind_scheme(url: &str) -> Option<&str> {
    if let Some(rest) = behind_http(url) {
        return Some(rest);
    }
    // A search for the three of them at once takes longer to prepare than most URLs to be looked through.
    let mut colons = memchr::memchr_iter(b':', url.as_bytes());
    colons.find_map(|colon| url[colon..].strip_prefix("://"))
}

/// A span name with what identifies single things as `{}`, and white space folded. A name that is a path, alone or behind a
/// method, is templated as a path; of others the words that are numbers, UUIDs or 8 or more hexadecimal digits of which one is
/// a digit. A word ends at whatever is no letter or digit.
pub fn name_template(name: &str) -> String {
    let mut template = String::with_capacity(name.len());
    push_name_template(name, &mut template);
    template
}

fn push_name_template(name: &str, out: &mut String) {
    let start = out.len();
    if let Some((method, path)) = method_and_path(name) {
        if let Some(method) = method {
            out.push_str(method);
            out.push(' ');
        }
        push_path_template(path, out);
        return truncate(out, start, MAX_TEMPLATE_BYTES);
    }
    // Splitting at any white space of Unicode takes ten times as long as seeing that there is none.
    if name.bytes().all(|byte| byte.is_ascii_graphic()) {
        push_words(name, out);
    } else {
        for (index, word) in name.split_whitespace().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            push_words(word, out);
        }
    }
    truncate(out, start, MAX_TEMPLATE_BYTES);
}

/// The method, if there is one, and the path of a name that holds nothing else.
fn method_and_path(name: &str) -> Option<(Option<&str>, &str)> {
    let (method, path) = match name.trim().split_once(char::is_whitespace) {
        None => (None, name.trim()),
        Some((method, path)) if is_http_word(method) => (Some(method), path.trim_start()),
        Some(_) => return None,
    };
    (path.starts_with('/') && !path.contains(char::is_whitespace)).then_some((method, path))
}

/// The methods that HTTP registers and instrumentations use as span names.
pub(crate) const HTTP_METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

/// Whether a word is an HTTP method, or says no more than that it is HTTP.
pub(crate) fn is_http_word(word: &str) -> bool {
    HTTP_METHODS.iter().chain(&["HTTP", "_OTHER"]).any(|method| method.eq_ignore_ascii_case(word))
}

/// Numbers of fewer digits are parts of names where `-`, `_` or `.` joins them to others: `gpt-4`, `utf-8`, `v1.2`.
const MIN_DIGITS_OF_JOINED_NUMBER: usize = 3;

fn push_words(text: &str, out: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        let is_joined = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let (joined, behind) = rest.split_at(rest.find(|c| !is_joined(c)).unwrap_or(rest.len()));
        push_joined_words(joined, out);
        let separators = behind.find(is_joined).unwrap_or(behind.len());
        out.push_str(&behind[..separators]);
        rest = &behind[separators..];
    }
}

/// Words that `-`, `_` and `.` join to one.
fn push_joined_words(joined: &str, out: &mut String) {
    if is_identifier(joined) {
        return out.push_str("{}");
    }
    let is_joint = |c: char| matches!(c, '-' | '_' | '.');
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_id = |word: &str| is_identifier(word) && (!is_number(word) || word.len() >= MIN_DIGITS_OF_JOINED_NUMBER);
    if !joined.split(is_joint).any(is_id) {
        return out.push_str(joined);
    }
    let mut rest = joined;
    while let Some(first) = rest.chars().next() {
        let is_id = rest.len() >= 36 && is_uuid(&rest.as_bytes()[..36]);
        let length = match first {
            _ if is_id => 36,
            _ if is_joint(first) => first.len_utf8(),
            _ => rest.find(is_joint).unwrap_or(rest.len()),
        };
        let (word, behind) = rest.split_at(length);
        out.push_str(if is_id || is_identifier(word) { "{}" } else { word });
        rest = behind;
    }
}

fn push_path_segments(path: &str, out: &mut String) {
    let mut rest = path;
    loop {
        // Segments are so short that a search which is quick for long texts takes longer to begin.
        let end = rest.bytes().position(ends_segment).unwrap_or(rest.len());
        push_path_segment(&rest[..end], out);
        if rest.as_bytes().get(end) != Some(&b'/') {
            return;
        }
        out.push('/');
        rest = &rest[end + 1..];
    }
}

fn push_path_segment(segment: &str, out: &mut String) {
    if !is_id_in_path(segment) {
        return out.push_str(segment);
    }
    out.push_str("{}");
    let extension = extension_of(segment).filter(|_| !segment.contains(['@', '%']));
    if let Some((rest, extension)) = extension
        && rest.bytes().any(|byte| byte.is_ascii_digit())
    {
        out.push('.');
        out.push_str(extension);
    }
}

/// What is before and behind the last point, if that is an extension: 1 to 5 letters or digits, the first a letter.
fn extension_of(segment: &str) -> Option<(&str, &str)> {
    let (rest, extension) = segment.rsplit_once('.')?;
    let is_extension = (1..=5).contains(&extension.len())
        && extension.starts_with(|c: char| c.is_ascii_alphabetic())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_extension.then_some((rest, extension))
}

/// Longer segments with so many joints are titles: `how-to-run-a-marathon-in-four-hours`.
const MAX_WORDS_BYTES: usize = 24;
const JOINTS_OF_TITLE: usize = 3;

/// Whether a segment of a path identifies one thing: it is no word, or no few words.
fn is_id_in_path(segment: &str) -> bool {
    if segment.is_empty() || segment.starts_with(['{', ':', '<', '*', '$', '[']) {
        return false;
    }
    // Most segments are one word in lower case.
    if segment.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return is_identifier(segment);
    }
    if is_identifier(segment) || segment.contains(['@', '%']) {
        return true;
    }
    let joints = segment.bytes().filter(|byte| matches!(byte, b'-' | b'_')).count();
    if segment.chars().count() > MAX_WORDS_BYTES && joints >= JOINTS_OF_TITLE {
        return true;
    }
    let rest = extension_of(segment).map_or(segment, |(rest, _)| rest);
    !(is_version(segment)
        || rest
            .split(['-', '_'])
            .all(|part| is_version(part) || part.split('.').filter(|word| !word.is_empty()).all(is_word_of_path)))
}

/// Whether it is letters with at most two digits behind (`oauth2`, `S3`), or lower-case letters with one run of at most two
/// digits inside (`i18n`, `travel2service`).
fn is_word_of_path(word: &str) -> bool {
    const MAX_DIGITS: usize = 2;
    let is_digit = |c: char| c.is_ascii_digit();
    let behind = word.trim_end_matches(is_digit);
    if !behind.is_empty() && behind.chars().all(char::is_alphabetic) {
        return word.len() - behind.len() <= MAX_DIGITS;
    }
    let Some(first) = word.find(is_digit).filter(|&first| first > 0) else { return false };
    let (before, rest) = word.split_at(first);
    let after = rest.trim_start_matches(is_digit);
    rest.len() - after.len() <= MAX_DIGITS && [before, after].iter().all(|part| part.chars().all(char::is_lowercase))
}

/// Whether it is a version: `v2`, `v1.2`, `v1beta1`.
pub(crate) fn is_version(word: &str) -> bool {
    let Some(rest) = word.strip_prefix(['v', 'V']) else { return false };
    let numbers = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    let stage = ["alpha", "beta", "rc"].iter().find_map(|stage| numbers.strip_suffix(stage));
    let numbers = stage.filter(|numbers| !numbers.is_empty()).unwrap_or(rest);
    numbers.split('.').all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The host and port in a URL or connection string; `None` if it has none.
pub fn url_host(url: &str) -> Option<&str> {
    let rest = behind_scheme(url)?;
    // Hosts are short: both in one walk.
    let (mut start, mut end) = (0, rest.len());
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'@' => start = at + 1,
            b'/' | b'?' | b'#' | b';' | b',' => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    Some(&rest[start..end]).filter(|host| !host.is_empty())
}

/// Whether it is an identifier rather than a word wherever it stands: a UUID, a number, or 8 or more hexadecimal digits of
/// which one is a digit.
fn is_identifier(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    if !bytes.first().is_some_and(u8::is_ascii_hexdigit) {
        return false;
    }
    is_uuid(bytes)
        || bytes.iter().all(u8::is_ascii_digit)
        || (bytes.len() >= 8 && bytes.iter().all(u8::is_ascii_hexdigit) && bytes.iter().any(u8::is_ascii_digit))
}

pub(super) fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_literal(word: &str) -> bool {
    word.as_bytes()[0].is_ascii_digit() || is_identifier(word)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Whether it may stand inside the name of a table or column.
fn is_name(byte: u8) -> bool {
    is_word(byte) || byte == b'$'
}

/// The end of the word at `at`: a UUID, a number with point and exponent, or a run of word characters.
fn end_of_word(bytes: &[u8], at: usize) -> usize {
    if bytes.len() >= at + 36 && is_uuid(&bytes[at..at + 36]) {
        return at + 36;
    }
    let number = bytes[at].is_ascii_digit();
    let mut end = at;
    while let Some(&byte) = bytes.get(end) {
        let next_is_digit = bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        let exponent_sign =
            number && matches!(byte, b'+' | b'-') && matches!(bytes[end - 1], b'e' | b'E') && next_is_digit;
        if !(is_word(byte) || (number && byte == b'.' && next_is_digit) || exponent_sign) {
            break;
        }
        end += 1;
    }
    end
}

/// The end of the quoted text at `at`, past its closing quote; the end of all if it is not closed. A quote is escaped by
/// a backslash or by being doubled.
fn end_of_quoted(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut end = at + 1;
    while end < bytes.len() {
        if bytes[end] == b'\\' && quote != b'`' {
            end += 1;
        } else if bytes[end] == quote {
            if bytes.get(end + 1) != Some(&quote) {
                return end + 1;
            }
            end += 1;
        }
        end += 1;
    }
    bytes.len()
}

/// The end of the string like `$tag$…$tag$` that begins at `at`, if one does. A dollar inside a name begins none, nor does one
/// before a number.
fn end_of_dollar_string(bytes: &[u8], at: usize) -> Option<usize> {
    let begins = bytes[at] == b'$'
        && bytes[..at].last().is_none_or(|&before| !is_name(before))
        && bytes.get(at + 1).is_some_and(|next| !next.is_ascii_digit());
    if begins { end_of_dollar_quoted(bytes, at) } else { None }
}

/// The end of the quoted text at `at`, of whatever quotes, if one begins there.
fn end_of_string(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes[at] {
        b'\'' | b'"' | b'`' => Some(end_of_quoted(bytes, at)),
        _ => end_of_dollar_string(bytes, at),
    }
}

fn push_space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

/// Cuts the template that begins at `start` to so many bytes.
fn truncate(text: &mut String, start: usize, bytes: usize) {
    let mut end = text.len().min(start + bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_lose_their_literals() {
        for (query, template) in [
            ("SELECT * FROM t WHERE id = 17", "SELECT * FROM t WHERE id = ?"),
            ("SELECT  *\n FROM t1 -- why\nWHERE a='it''s' AND b=-1.5e-3", "SELECT * FROM t1 WHERE a=? AND b=?"),
            ("select a from b where c in (1, 2,\n3)", "select a from b where c in (?)"),
            ("select min(3) /* hint */ from b", "select min(?) from b"),
            ("SELECT x FROM \"Order\" WHERE id = $12", "SELECT x FROM \"Order\" WHERE id = ?"),
            (r#"{"find": "users", "filter": {"_id": 5}}"#, r#"{"find": ?, "filter": {"_id": ?}}"#),
            ("GET user:550e8400-e29b-41d4-a716-446655440000", "GET user:?"),
            ("SELECT 'open", "SELECT ?"),
            ("select a /* b */ from t", "select a from t"),
            ("select a from t where b in (?, ?, ?)", "select a from t where b in (?)"),
            (
                "select a from t where b in (@p0, @p1) and c in(:ids_0,:ids_1)",
                "select a from t where b in (?) and c in(?)",
            ),
            ("select a from t where b in (%(id_1_0)s, %(id_1_1)s) or 1", "select a from t where b in (?) or ?"),
            ("select a from t where b in ($1::uuid, $2::uuid)", "select a from t where b in (?)"),
            ("select a from t where b in (%s, %s) and c = 1", "select a from t where b in (?) and c = ?"),
            ("select a from t where b IN (N'x', null, -1, :1)", "select a from t where b IN (?)"),
            ("select a from t where (b, c) in ((1, 2), (?, 4))", "select a from t where (b, c) in (?)"),
            ("select a from t where b in (?, ?, ?", "select a from t where b in (?"),
            ("select a from t where b = \"c d\" or b like \"e%\"", "select a from t where b = ? or b like ?"),
            ("select a from t where b in (\"c\", \"d\")", "select a from t where b in (?)"),
            ("select a--b\nfrom t where c = $$ -- d $$ and e = $f$ 'g $f$", "select a from t where c = ? and e = ?"),
            ("MATCH (a)<--(b {id: 7}) // why\nRETURN b", "MATCH (a)<--(b {id: ?}) RETURN b"),
            ("HGET stock--7 a--b", "HGET stock--? a--b"),
            ("SCAN 0 MATCH stock:/* COUNT 9", "SCAN ? MATCH stock:/* COUNT ?"),
            // Others keep what they have.
            ("select a from t where b = \"t\".\"c\"", "select a from t where b = \"t\".\"c\""),
            ("insert into t (\"a\", \"b\") values (1, 2)", "insert into t (\"a\", \"b\") values (?, ?)"),
            (
                "select a from t where b in (select c from d where e = 5)",
                "select a from t where b in (select c from d where e = ?)",
            ),
            ("select a from t where b in (c, 1)", "select a from t where b in (c, ?)"),
            ("select min (1, 2), 1 in ()", "select min (?, ?), ? in ()"),
            ("select a from t where begin(1, 2)", "select a from t where begin(?, ?)"),
        ] {
            assert_eq!(query_template(query), template);
        }
    }

    /// However long a list is, what stands behind it is kept.
    #[test]
    fn long_lists_hide_nothing() {
        for item in ["?", "@p17", "'a b'", "12345678"] {
            let list = vec![item; 900].join(", ");
            let query = format!("SELECT a FROM t WHERE b IN ({list}) AND c IN (SELECT d FROM e)");
            assert_eq!(query_template(&query), "SELECT a FROM t WHERE b IN (?) AND c IN (SELECT d FROM e)");
        }
    }

    /// Of more columns than there is room for the last are left out, and what they are selected from is kept.
    #[test]
    fn long_lists_of_columns_hide_no_tables() {
        let column = |number: usize| format!("o.\u{e9}_{number}_name /* FROM */ AS x, (SELECT 'FROM' FROM p)");
        let long = (0..100).map(column).collect::<Vec<_>>().join(", ");
        let template = query_template(&format!("select {long} from orders o where o.id = 17"));
        assert!(template.ends_with(", … from orders o where o.id = ?"), "{template}");
        assert!(template.len() < MAX_TEMPLATE_BYTES);
        // Of what is no SELECT, or has its FROM early, the beginning is kept.
        for query in [format!("select a from t where {}", "a = b or ".repeat(300)), "x from ".repeat(300)] {
            assert_eq!(query_template(&query), query[..MAX_TEMPLATE_BYTES].trim_end());
        }
        // Without FROM nothing is known of what is behind.
        assert!(query_template(&format!("select {}", "a, ".repeat(900))).starts_with("select a, a, a"));
    }

    #[test]
    fn placeholders_are_told_from_literals() {
        for query in [
            "a = ?",
            "a = $1",
            "a = :id",
            "a = %s",
            "a = @p1",
            r#"{"a": "?"}"#,
            "a = %(id_1)s",
            "a = :1",
            "MATCH (n {id: $id}) RETURN n",
            "a = {id:UInt32}",
            "a IN {ids:Array(Tuple(UInt8, String))}",
            "MATCH (:Person)-[:KNOWS]->(b) WHERE b.id = $id RETURN b",
            "a = @p0::int",
            "a = :id::int",
            "select a[$1:$2]",
            "select $$a$$, $b",
        ] {
            assert!(has_placeholder(query), "{query}");
        }
        for query in [
            "a = '?'",
            "a = 1::text",
            "GET user:abc",
            r#"{"a":true}"#,
            "HGET k f",
            "mail = 'a@b.c'",
            "GET user:17",
            "a LIKE '%(b)s'",
            "a[1:2]",
            r#"{"$match": {"a": 1}}"#,
            "MATCH (:Person {id: 17})-[:KNOWS]->(b:Person:Admin) RETURN b",
            "db.orders.find({total:{$gt:17}, \"id\":5})",
            "INSERT INTO t (a) VALUES ({a:true, 'b':2})",
            "UPDATE t USE KEYS \"k\" SET a = {b:c}",
            "HGET {cart:items}:7 f",
            "GET :1:cart",
            "FT.SEARCH idx @name:bob",
            "SELECT sid FROM v$session, gv$$lock",
            "SELECT a$b, c$1 FROM t",
            "SELECT $tag$ ? :a $1 $tag$, $$ @b $$",
        ] {
            assert!(!has_placeholder(query), "{query}");
        }
    }

    #[test]
    fn keys_lose_their_identifiers() {
        for (command, template) in [
            ("PING", "PING"),
            ("GET session:aX9qPz", "GET session:?"),
            ("HGET cart:? total", "HGET cart:? total"),
            ("GET user:a@b.c:name", "GET user:?:name"),
            ("GET feature_flags", "GET feature_flags"),
            ("GET V2_x8Qz1mN7", "GET ?"),
            ("GET {shop:stock}:?", "GET {shop:stock}:?"),
            ("GET {user:aX9qPz}:profile", "GET {user:?}:profile"),
            ("FT.SEARCH idx @name:bob", "FT.SEARCH idx @name:bob"),
            ("FT.SEARCH idx @tag:{aX9qPz} @mail:a@b.c", "FT.SEARCH idx @tag:{?} @mail:?"),
            ("GET user-? stock.?", "GET user-? stock.?"),
            ("GET aX9qPz-?", "GET ?"),
            ("KEYS stock*", "KEYS stock*"),
            ("GET page:/stock/aX9qPz", "GET page:/stock/?"),
            ("SET k9z8y7 ?; GET k9z8y7", "SET k9z8y7 ?; GET k9z8y7"),
            ("EVAL return redis.call(?) 1 a9b8c7", "EVAL return redis.call(?) 1 a9b8c7"),
        ] {
            assert_eq!(command_template(command), template);
        }
    }

    #[test]
    fn comments_are_no_arguments() {
        for (query, rest) in [
            ("select 1", "select 1"),
            ("select 1 /* traceparent='00-1-2-01' */", "select 1"),
            ("/* a? */ select '/* b */' -- c\n, 2", "select '/* b */' \n, 2"),
            ("select 1 /* goes on", "select 1"),
            (r#"{"a": "--"}"#, r#"{"a": "--"}"#),
            ("select $$ -- a $$ -- b", "select $$ -- a $$"),
            ("MATCH (a)-->(b) // why\nRETURN b", "MATCH (a)-->(b) \nRETURN b"),
            ("DEL stock--7", "DEL stock--7"),
        ] {
            assert_eq!(without_comments(query), rest);
        }
    }

    #[test]
    fn paths_and_names_lose_their_identifiers() {
        assert_eq!(path_template("/a/17/b?c=1"), "/a/{}/b");
        assert_eq!(path_template("http://h:80/a/deadbeef01"), "/a/{}");
        assert_eq!(path_template("http://h"), "/");
        assert_eq!(name_template("GET /u/550e8400-e29b-41d4-a716-446655440000/v1"), "GET /u/{}/v1");
        assert_eq!(name_template("decade facade"), "decade facade");
        assert_eq!(name_template("process  order 17"), "process order {}");
        assert_eq!(path_template("/a/deadbee1"), "/a/{}");
        assert_eq!(path_template("/a/v1/oauth2"), "/a/v1/oauth2");
    }

    /// A template holds 1,000 bytes and ends between characters.
    #[test]
    fn templates_are_cut() {
        assert_eq!(name_template(&"x".repeat(2000)).len(), 1000);
        assert_eq!(query_template(&format!("x{}", "é".repeat(2000))).len(), 999);
    }

    #[test]
    fn hosts_are_found_in_urls() {
        assert_eq!(url_host("https://u:p@h:8443/x"), Some("h:8443"));
        assert_eq!(url_host("jdbc:mysql://db:3306/x"), Some("db:3306"));
        assert_eq!(url_host("/x"), None);
    }

    /// One line a rule of what a path segment is.
    #[test]
    fn segments_that_identify_one_thing() {
        for (path, template) in [
            ("/orders/42", "/orders/{}"),
            ("/orders/6ba7b810-9dad-11d1-80b4-00c04fd430c8/lines", "/orders/{}/lines"),
            ("/blobs/deadbee1", "/blobs/{}"),
            ("/blobs/deadbeef", "/blobs/deadbeef"),
            ("/users/ann@example.org", "/users/{}"),
            ("/files/a%20b.txt", "/files/{}"),
            ("/posts/how-to-run-a-marathon-in-four-hours", "/posts/{}"),
            ("/very_long_but_only_two_joints", "/{}"),
            ("/averylongname-with-twojoints", "/averylongname-with-twojoints"),
            ("/oauth2/S3/i18n/travel2service", "/oauth2/S3/i18n/travel2service"),
            ("/api/v2/v1.2/v1beta1/v1alpha", "/api/v2/v1.2/v1beta1/v1alpha"),
            ("/photos/V2_a81b2c", "/photos/{}"),
            ("/photos/photo123.jpg", "/photos/{}.jpg"),
            ("/photos/main.js", "/photos/main.js"),
            ("/photos/7.jpg?size=2", "/photos/{}.jpg"),
            ("/lib/jquery-3.6.0.min.js", "/lib/{}.js"),
            ("/x/abc123def", "/x/{}"),
            ("/x/ABC123", "/x/{}"),
            ("/x/AbC1dE", "/x/{}"),
            ("/orders/{id}/:line/<int:n>/*/$metadata/[slug]", "/orders/{id}/:line/<int:n>/*/$metadata/[slug]"),
            ("/_search/my_index/_doc", "/_search/my_index/_doc"),
            ("/oteldemo.CartService/GetCart", "/oteldemo.CartService/GetCart"),
            ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Check"),
            ("https://shop.example/cart/9?x=1#y", "/cart/{}"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(path_template(path), template, "{path}");
        }
    }

    /// Names that are paths are paths; of others only what is an identifier anywhere is replaced.
    #[test]
    fn names_that_hold_identifiers() {
        for (name, template) in [
            ("GET /photos/photo123.jpg?x=1", "GET /photos/{}.jpg"),
            ("/users/ann@example.org", "/users/{}"),
            ("HTTP /cart/7", "HTTP /cart/{}"),
            ("process order 4711", "process order {}"),
            ("process order ABC123", "process order ABC123"),
            ("GET /cart of 7", "GET /cart of {}"),
            ("send to ann@example.org", "send to ann@example.org"),
            ("job  deadbee1   done", "job {} done"),
            ("oteldemo.CartService/AddItem", "oteldemo.CartService/AddItem"),
            ("Job import#35907", "Job import#{}"),
            ("user:42:profile(7)", "user:{}:profile({})"),
            ("run task_9912 of tenant-481", "run task_{} of tenant-{}"),
            ("report of 2026-01-05", "report of {}-{}-{}"),
            ("copy x-6ba7b810-9dad-11d1-80b4-00c04fd430c8.tmp", "copy x-{}.tmp"),
            ("chat gpt-4 in utf-8 by v1.2", "chat gpt-4 in utf-8 by v1.2"),
            ("S3.GetObject 10.0.0.7", "S3.GetObject 10.0.0.7"),
        ] {
            assert_eq!(name_template(name), template, "{name}");
        }
    }
}
