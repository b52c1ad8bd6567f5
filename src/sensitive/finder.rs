//! Finds all of it in a text.

mod hints;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;

use super::card::{LENGTHS, is_card, is_grouped};
use super::email::{ENCODED_AT, ats, email};
use super::fields::{argument, json_field, name_around, sql_literal, url_parameter, url_password};
use super::iban::end_of_iban;
use super::key::{Credential, KeyTraits};
use super::kind::SensitiveKind;
use super::placeholder::is_placeholder;
use super::secret_names::Secrets;
use super::tokens::{aws_key, basic_auth, bearer, end_of, jwt, private_key, vendor_prefixes, vendor_token};
use hints::{Beginnings, Hints, URL};

/// Of a value no more is looked at.
const MAX_BYTES: usize = 4 << 10;

/// Takes what is found.
pub(crate) trait Finds {
    /// Takes a secret that stands at `range`; `value` is it without what does not matter.
    fn secret(&mut self, kind: SensitiveKind, range: Range<usize>, value: &str);

    /// Takes a number that is as long as one of a card, whether it is one or not.
    fn number(&mut self, _digits: &str) {}
}

/// Finds everything in the first 4 KiB of the value `text`, which stands under a key with `traits`. Addresses and numbers of cards
/// are found wherever they may be some: whether they are follows from the others under that key.
pub(crate) fn find(text: &str, traits: KeyTraits, finds: &mut impl Finds) {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    find_all(text, traits, needles().beginnings.hints(text), finds);
}

fn find_all(text: &str, traits: KeyTraits, hints: Hints, finds: &mut impl Finds) {
    let mut has_form = false;
    {
        let mut tell = |kind, range: Range<usize>| {
            has_form = true;
            let value = &text[range.clone()];
            finds.secret(kind, range, value);
        };
        find_needles(text, traits, hints, &mut tell);
    }
    if hints.has_ats && !traits.has_no_mail {
        for at in ats(text) {
            if let Some(range) = email(text, at) {
                has_form |= traits.says_mail;
                let address = text[range.clone()].to_ascii_lowercase().replace(ENCODED_AT, "@");
                finds.secret(SensitiveKind::Email, range, &address);
            }
        }
    }
    has_form |= hints.has_digits && find_numbers(text, traits.says_card, finds);
    if !has_form && traits.credential.is_some_and(|credential| is_credential(text, credential, traits.secrets)) {
        finds.secret(SensitiveKind::Credential, 0..text.len(), text);
    }
}

/// Whether a value is secret because of its key. Of a list, as headers are recorded, one value is enough.
fn is_credential(text: &str, credential: Credential, secrets: Secrets) -> bool {
    match serde_json::from_str::<Vec<String>>(text) {
        Ok(values) if text.starts_with('[') => values.iter().any(|value| is_one_credential(value, credential, secrets)),
        _ => is_one_credential(text, credential, secrets),
    }
}

fn is_one_credential(text: &str, credential: Credential, secrets: Secrets) -> bool {
    let is_secret =
        |value: &str| value.len() >= MIN_CREDENTIAL && !is_placeholder(value, &secrets.names().masked_words);
    match credential {
        Credential::Any => is_secret(text),
        // Stars in one cookie do not mask the others.
        Credential::WithEquals if text.contains(';') && text.contains("***") => {
            text.split(';').filter_map(|pair| pair.split_once('=')).any(|(_, value)| is_secret(value))
        }
        Credential::WithEquals => text.contains('=') && is_secret(text),
    }
}

/// Shorter values are none that anybody would keep secret.
const MIN_CREDENTIAL: usize = 4;

/// What the search for needles leads to.
#[derive(Clone, Copy)]
enum Lead {
    PrivateKey,
    Jwt,
    Bearer,
    BasicAuth,
    AwsKey,
    Url,
    VendorToken,
    /// A name in front of a value.
    Name,
}

/// The needles, in any case, and what each leads to.
struct Needles {
    search: AhoCorasick,
    leads: Vec<Lead>,
    beginnings: Beginnings,
}

fn needles() -> &'static Needles {
    static NEEDLES: OnceLock<Needles> = OnceLock::new();
    const NAMES: [&str; 18] = [
        "passw",
        "passphrase",
        "pwd",
        "secret",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "api.key",
        "private_key",
        "privatekey",
        "sig",
        "accesskeyid",
        "card_number",
        "cardnumber",
        "cvv",
        "ssn",
        "identified",
    ];
    NEEDLES.get_or_init(|| {
        let forms = [
            ("-----begin ", Lead::PrivateKey),
            ("eyj", Lead::Jwt),
            ("bearer", Lead::Bearer),
            ("basic", Lead::BasicAuth),
            ("akia", Lead::AwsKey),
            ("asia", Lead::AwsKey),
            ("abia", Lead::AwsKey),
            ("acca", Lead::AwsKey),
            ("a3t", Lead::AwsKey),
            (URL, Lead::Url),
        ];
        let vendors = vendor_prefixes().map(|prefix| (prefix, Lead::VendorToken));
        let names = NAMES.iter().map(|&name| (name, Lead::Name));
        let (texts, leads): (Vec<&str>, Vec<Lead>) = forms.into_iter().chain(vendors).chain(names).unzip();
        let beginnings = Beginnings::of(texts.iter().copied());
        let search = AhoCorasick::builder().ascii_case_insensitive(true).build(texts);
        Needles { search: search.expect("a few short needles"), leads, beginnings }
    })
}

/// Whether signed tokens are made of such bytes.
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn find_needles(text: &str, traits: KeyTraits, hints: Hints, tell: &mut impl FnMut(SensitiveKind, Range<usize>)) {
    let Needles { search, leads, .. } = needles();
    let names = traits.secrets.names();
    // Several needles may lie in one name, in one key and in one token.
    let (mut end_of_names, mut end_of_key, mut end_of_token) = (0, 0, 0);
    for needle in hints.has_needles.then(|| search.find_iter(text)).into_iter().flatten() {
        let at = needle.start();
        let (kind, found) = match leads[needle.pattern().as_usize()] {
            Lead::PrivateKey if at >= end_of_key => (SensitiveKind::PrivateKey, private_key(text, at)),
            Lead::PrivateKey => continue,
            Lead::Jwt if at >= end_of_token => {
                end_of_token = end_of(text, at, is_of_token);
                (SensitiveKind::Jwt, jwt(text, at))
            }
            Lead::Jwt => continue,
            Lead::Bearer => (SensitiveKind::Bearer, bearer(text, at, &names.masked_words)),
            Lead::BasicAuth => (SensitiveKind::BasicAuth, basic_auth(text, at)),
            Lead::AwsKey => (SensitiveKind::AwsKey, aws_key(text, at)),
            Lead::Url => (SensitiveKind::UrlPassword, url_password(text, at, names)),
            Lead::VendorToken => (SensitiveKind::VendorToken, vendor_token(text, at)),
            Lead::Name if at >= end_of_names => {
                let name = name_around(text, at);
                end_of_names = find_behind_name(text, name, traits, tell);
                continue;
            }
            Lead::Name => continue,
        };
        if let Some(range) = found {
            if kind == SensitiveKind::PrivateKey {
                end_of_key = range.end;
            }
            tell(kind, range);
        }
    }
    // In a search of their own: one needle within another would hide it.
    end_of_names = 0;
    for needle in names.needles.iter().flat_map(|search| search.find_iter(text)) {
        if needle.start() >= end_of_names {
            end_of_names = find_behind_name(text, name_around(text, needle.start()), traits, tell);
        }
    }
}

/// Finds what stands behind a name. The answer is from where on there may be another name: what stands in a value is none.
fn find_behind_name(
    text: &str,
    name: Range<usize>,
    traits: KeyTraits,
    tell: &mut impl FnMut(SensitiveKind, Range<usize>),
) -> usize {
    let names = traits.secrets.names();
    let named = [
        (SensitiveKind::UrlParameter, url_parameter(text, &name, names)),
        (SensitiveKind::Argument, argument(text, &name, names)),
        (SensitiveKind::JsonField, json_field(text, &name, names)),
        (SensitiveKind::SqlLiteral, if traits.is_query { sql_literal(text, &name, names) } else { None }),
    ];
    let mut end = name.end;
    for (kind, range) in named.into_iter().filter_map(|(kind, found)| Some((kind, found?))) {
        end = end.max(range.end);
        tell(kind, range);
    }
    end
}

/// Finds numbers: of accounts, of cards, and those that are as long as these. Whether any of them is what it seems to be:
/// one number of a card is one only where `says_card`.
fn find_numbers(text: &str, says_card: bool, finds: &mut impl Finds) -> bool {
    let bytes = text.as_bytes();
    let mut found = false;
    let mut at = 0;
    while let Some(first) = bytes[at..].iter().position(u8::is_ascii_digit).map(|first| at + first) {
        let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let country = first.checked_sub(2).filter(|&country| {
            bytes[country..first].iter().all(u8::is_ascii_uppercase)
                && (country == 0 || !is_of_word(&bytes[country - 1]))
        });
        if let Some((country, end)) = country.and_then(|country| Some((country, end_of_iban(text, country)?))) {
            let value: String = text[country..end].chars().filter(|c| *c != ' ').collect();
            finds.secret(SensitiveKind::Iban, country..end, &value);
            found = true;
            at = end;
            continue;
        }
        let run = DigitRun::read(text, first);
        at = run.end;
        // A number behind a plus is one of a telephone.
        let is_inside =
            first > 0 && (is_of_word(&bytes[first - 1]) || bytes[first - 1] == b'+' || is_fraction(bytes, first));
        run.numbers(text, is_inside, &mut |range, digits: &str| {
            finds.number(digits);
            if is_card(digits) {
                found |= says_card;
                finds.secret(SensitiveKind::Card, range, digits);
            }
        });
    }
    found
}

/// Whether digits at `at` stand behind the point of a number.
fn is_fraction(bytes: &[u8], at: usize) -> bool {
    at >= 2 && bytes[at - 1] == b'.' && bytes[at - 2].is_ascii_digit()
}

/// Numbers of cards have no more groups.
const MAX_GROUPS: usize = 4;

/// Groups of digits with the same single separator between them, a space or a dash: so many of them at most, and one more.
struct DigitRun {
    groups: [Range<usize>; MAX_GROUPS + 1],
    count: usize,
    end: usize,
}

impl DigitRun {
    fn read(text: &str, first: usize) -> Self {
        let bytes = text.as_bytes();
        let digits_from = |at| at..end_of(text, at, |byte| byte.is_ascii_digit());
        let mut groups = [const { 0..0 }; MAX_GROUPS + 1];
        groups[0] = digits_from(first);
        let (mut count, mut end) = (1, groups[0].end);
        let separator = bytes.get(end).copied().filter(|byte| matches!(byte, b' ' | b'-'));
        while let Some(separator) = separator
            && count < groups.len()
            && bytes.get(end) == Some(&separator)
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)
        {
            groups[count] = digits_from(end + 1);
            end = groups[count].end;
            count += 1;
        }
        Self { groups, count, end }
    }

    /// Tells numbers that are as long as those of cards. `is_inside` says that the run begins within a word or a number.
    fn numbers(&self, text: &str, is_inside: bool, tell: &mut impl FnMut(Range<usize>, &str)) {
        let bytes = text.as_bytes();
        let goes_on = bytes.get(self.end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            || (bytes.get(self.end) == Some(&b'.') && bytes.get(self.end + 1).is_some_and(u8::is_ascii_digit));
        let groups = &self.groups[..self.count];
        if groups.len() > 1 && is_grouped(groups.iter().map(Range::len)) && !is_inside && !goes_on {
            let digits: String = groups.iter().map(|group| &text[group.clone()]).collect();
            return tell(groups[0].start..self.end, &digits);
        }
        for (place, group) in groups.iter().enumerate() {
            let is_cut = (place == 0 && is_inside) || (place + 1 == groups.len() && goes_on);
            if LENGTHS.contains(&group.len()) && !is_cut {
                tell(group.clone(), &text[group.clone()]);
            }
        }
    }
}

/// The text with what it gives away as `{}`: what [`find`] finds, and whatever may be a piece of a signed token.
pub(crate) fn masked(text: &str, traits: KeyTraits) -> Cow<'_, str> {
    struct Ranges(Vec<Range<usize>>);

    impl Finds for Ranges {
        fn secret(&mut self, _kind: SensitiveKind, range: Range<usize>, _value: &str) {
            self.0.push(range);
        }
    }

    let hints = needles().beginnings.hints(text);
    if hints.are_none() && traits.credential.is_none() && traits.secrets.names().needles.is_none() {
        return Cow::Borrowed(text);
    }
    let mut ranges = Ranges(Vec::new());
    // Names of spans may be statements, too.
    find_all(text, KeyTraits { is_query: true, ..traits }, hints, &mut ranges);
    let Ranges(ranges) = ranges;
    without(text, hints, ranges)
}

/// The text with tokens, and whatever else has a form of its own, as `{}`.
pub(crate) fn without_tokens(text: &str, secrets: Secrets) -> Cow<'_, str> {
    let mut ranges = Vec::new();
    let traits = KeyTraits { is_query: true, ..secrets.without_key() };
    let hints = needles().beginnings.hints(text);
    find_needles(text, traits, hints, &mut |_, range| ranges.push(range));
    without(text, hints, ranges)
}

/// The text with what stands in `ranges`, and whatever may be a piece of a signed token, as `{}`.
fn without(text: &str, hints: Hints, mut ranges: Vec<Range<usize>>) -> Cow<'_, str> {
    let mut end = 0;
    // Most texts are shorter than what it takes to prepare a search.
    static BEGINNING: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("eyJ"));
    // Tokens begin with a needle.
    let begins = hints.has_needles.then(|| BEGINNING.find_iter(text.as_bytes())).into_iter().flatten();
    for at in begins {
        if at >= end {
            // What templates leave out is a question mark.
            end = end_of(text, at, |byte| is_of_token(byte) || byte == b'?');
            if end - at >= MIN_PIECE_OF_TOKEN {
                ranges.push(at..end);
            }
        }
    }
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        if range.start >= at {
            out.push_str(&text[at..range.start]);
            out.push_str("{}");
        }
        at = at.max(range.end);
    }
    out.push_str(&text[at..]);
    Cow::Owned(out)
}

/// `eyJ` and ten more.
const MIN_PIECE_OF_TOKEN: usize = 13;

#[cfg(test)]
mod tests {
    use super::*;

    /// The quick look misses none of the needles, in whatever case and wherever they stand.
    #[test]
    fn no_needle_is_missed() {
        let Needles { search, beginnings, .. } = needles();
        let vendors = vendor_prefixes().map(str::to_owned);
        let texts =
            ["-----BEGIN ", "eyJ", "Bearer", "basic", "AKIA", "a3t", "passw", "api_key", "sig", "cvv", "identified"];
        for needle in vendors.chain(texts.map(str::to_owned)) {
            for text in [needle.clone(), needle.to_ascii_uppercase(), format!("a {needle}"), format!("é{needle}9")] {
                assert!(search.is_match(&text) && beginnings.hints(&text).has_needles, "{text}");
            }
        }
        for text in ["amqp://user:pass@host", "https://user:pass%40x@host/p"] {
            assert!(beginnings.hints(text).has_needles, "{text}");
        }
    }
}
