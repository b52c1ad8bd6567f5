//! What kind of operation a span is, and how it ended, with OTLP's numbers and all spellings.

/// A span's kind, with OTLP's numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum SpanKind {
    /// Not said.
    #[default]
    Unspecified = 0,
    /// Work within a service.
    Internal = 1,
    /// A request served.
    Server = 2,
    /// A request sent.
    Client = 3,
    /// A message sent.
    Producer = 4,
    /// A message received or processed.
    Consumer = 5,
}

impl SpanKind {
    /// Whether spans of this kind serve a request.
    pub fn is_served(self) -> bool {
        matches!(self, Self::Server | Self::Consumer)
    }

    /// The kind with OTLP's number `number`; [`SpanKind::Unspecified`] for numbers that OTLP does not define.
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }

    /// The kind named `text` in any case, with or without `SPAN_KIND_`, `KIND_` or the name of a type before it
    /// (`SpanKind.SERVER`), or given as a number in text; [`SpanKind::Unspecified`] for anything else.
    pub fn from_text(text: &str) -> Self {
        let name = strip_prefix_ignore_case(strip_prefix_ignore_case(without_type(text.trim()), "SPAN_"), "KIND_");
        [Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(name))
            .unwrap_or_else(|| number_in(text).map_or(Self::Unspecified, Self::from_number))
    }

    /// Whether `text` says that nothing is said of the kind.
    pub(crate) fn is_unspecified(text: &str) -> bool {
        let name = strip_prefix_ignore_case(strip_prefix_ignore_case(without_type(text.trim()), "SPAN_"), "KIND_");
        matches!(name, "" | "0") || name.eq_ignore_ascii_case("unspecified")
    }

    /// The lower-case name that canonical Parquet uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// A span's status code, with OTLP's numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum StatusCode {
    /// Not said: neither success nor failure was recorded.
    #[default]
    Unset = 0,
    /// Success, said explicitly.
    Ok = 1,
    /// Failure.
    Error = 2,
}

impl StatusCode {
    /// The code with OTLP's number `number`; [`StatusCode::Unset`] for numbers that OTLP does not define.
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }

    /// The code named `text` in any case, with or without `STATUS_CODE_` or the name of a type before it
    /// (`StatusCode.ERROR`), given as a number in text, or as a `has_error` boolean; [`StatusCode::Unset`] for anything else.
    pub fn from_text(text: &str) -> Self {
        let name = strip_prefix_ignore_case(without_type(text.trim()), "STATUS_CODE_");
        if name.eq_ignore_ascii_case("ok") {
            Self::Ok
        } else if name.eq_ignore_ascii_case("error") || name.eq_ignore_ascii_case("true") {
            Self::Error
        } else {
            number_in(text).map_or(Self::Unset, Self::from_number)
        }
    }

    /// The same, if `text` names a status at all: elsewhere a status may be HTTP's.
    pub(crate) fn said_by(text: &str) -> Option<Self> {
        let code = Self::from_text(text);
        let name = strip_prefix_ignore_case(without_type(text.trim()), "STATUS_CODE_");
        let is_unset = name.eq_ignore_ascii_case("unset") || matches!(name, "" | "0" | "false");
        (code != Self::Unset || is_unset).then_some(code)
    }

    /// The lower-case name that canonical Parquet uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

/// `SERVER` of `SpanKind.SERVER`: what languages print of an enum's value.
fn without_type(text: &str) -> &str {
    text.rsplit(['.', ':']).next().unwrap_or(text)
}

/// The whole number that `text` is, with a fraction of zeros or none.
fn number_in(text: &str) -> Option<i64> {
    let text = text.trim();
    let whole = text.split_once('.').filter(|(_, zeros)| zeros.bytes().all(|digit| digit == b'0'));
    whole.map_or(text, |(whole, _)| whole).parse().ok()
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> &'a str {
    match text.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => &text[prefix.len()..],
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a language prints of an enum is understood, and nothing else is.
    #[test]
    fn every_spelling_of_a_kind_is_read() {
        let spellings = [
            "server",
            "SERVER",
            " Server ",
            "SPAN_KIND_SERVER",
            "span_kind_server",
            "KIND_SERVER",
            "SpanKind.SERVER",
            "SpanKind::Server",
        ];
        for text in spellings.into_iter().chain(["Kind.SERVER", "SpanKind.SPAN_KIND_SERVER", "2", "2.0"]) {
            assert_eq!(SpanKind::from_text(text), SpanKind::Server, "{text}");
        }
        for text in ["", "0", "2.5", "servers", "99", "x.2", "SpanKind."] {
            assert_eq!(SpanKind::from_text(text), SpanKind::Unspecified, "{text}");
        }
    }

    #[test]
    fn every_spelling_of_a_status_is_read() {
        for text in ["error", "Error", "STATUS_CODE_ERROR", "StatusCode.ERROR", "status_code_error", "2", "2.0", "true"]
        {
            assert_eq!(StatusCode::from_text(text), StatusCode::Error, "{text}");
        }
        for text in ["", "unset", "StatusCode.UNSET", "false", "0", "errors"] {
            assert_eq!(StatusCode::from_text(text), StatusCode::Unset, "{text}");
        }
        assert_eq!(StatusCode::from_text("StatusCode.OK"), StatusCode::Ok);
        let said = ["200", "failed", "STATUS_CODE_UNSET", "0", "ok"].map(StatusCode::said_by);
        assert_eq!(said, [None, None, Some(StatusCode::Unset), Some(StatusCode::Unset), Some(StatusCode::Ok)]);
    }
}
