//! Why a request gave nothing, and whether it may give something later.

use std::error::Error;
use std::time::Duration;

use object_store::client::{HttpError, HttpErrorKind};

use crate::report::units;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("there is no such object")]
    Absent,
    #[error("access was denied")]
    Denied,
    #[error("the credentials are missing or wrong")]
    Unauthenticated,
    /// It has another tag, length or time than when it was opened, or is gone.
    #[error("the object was changed while it was read")]
    Changed,
    /// The object ends before the range begins, or is empty.
    #[error("the object has no such part")]
    NoSuchPart,
    /// The server answered with a status that asks to come back.
    #[error("the server answered {status}{}", said(text))]
    Busy { status: u16, retry_after: Option<Duration>, text: String },
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// Nothing came for so long.
    #[error("the server gave nothing for {}", seconds(*.0))]
    Stalled(Duration),
    /// The connection ended in the middle.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Parts of the object were given before, and the whole is now.
    #[error("the server gives the whole object where a part was asked for")]
    NoParts,
    #[error("{0}")]
    Other(String),
    /// The last failure of many.
    #[error(
        "{last}; given up after {attempts} failed attempts that cost {}{}",
        seconds(*lost),
        asks_for(last.retry_after())
    )]
    GivenUp { last: Box<Failure>, attempts: u32, lost: Duration },
}

impl Failure {
    /// Whether another attempt may have more luck.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Unreachable(_) | Self::Stalled(_) | Self::Broken(_) | Self::NoParts)
    }

    /// How long the server asks to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        if let Self::Busy { retry_after, .. } = self { *retry_after } else { None }
    }

    /// What to do about it, if that is the same for all stores.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Changed => Some("give it again once nobody writes to it"),
            Self::GivenUp { last, .. } if matches!(**last, Self::Busy { .. } | Self::Stalled(_)) => {
                Some("try again later, or for longer with --retry-timeout")
            }
            // Its name may be wrong.
            _ => None,
        }
    }
}

impl From<&object_store::Error> for Failure {
    fn from(error: &object_store::Error) -> Self {
        use object_store::Error as StoreError;
        match error {
            StoreError::NotFound { .. } => return Self::Absent,
            StoreError::PermissionDenied { .. } => return Self::Denied,
            StoreError::Unauthenticated { .. } => return Self::Unauthenticated,
            StoreError::Precondition { .. } => return Self::Changed,
            _ => {}
        }
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(failure) = error.downcast_ref::<Self>() {
                return failure.clone();
            }
            if let Some(http) = error.downcast_ref::<HttpError>()
                && !http.source().is_some_and(|source| source.is::<Self>())
            {
                let reason = one_line(&innermost(http));
                return match http.kind() {
                    HttpErrorKind::Connect | HttpErrorKind::Timeout => Self::Unreachable(reason),
                    _ => Self::Broken(reason),
                };
            }
            cause = error.source();
        }
        Self::Other(one_line(&error.to_string()))
    }
}

impl From<Failure> for std::io::Error {
    fn from(failure: Failure) -> Self {
        let advice = failure.advice().map(|advice| format!(" ({advice})")).unwrap_or_default();
        Self::other(format!("{failure}{advice}"))
    }
}

/// What the innermost error says: those around it say that there is one.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Stores answer with pages of XML.
pub(crate) fn one_line(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({})", one_line(text)) }
}

fn seconds(duration: Duration) -> String {
    units::duration(i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX))
}

fn asks_for(pause: Option<Duration>) -> String {
    pause.map(|pause| format!(" (it asks to come back in {})", seconds(pause))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        Failure::from(&object_store::Error::Generic { store: "HTTP", source: source.into() })
    }

    /// What the client found out is found again, however deep it lies in the errors of others.
    #[test]
    fn failures_are_told_from_errors() {
        let busy = Failure::Busy { status: 503, retry_after: None, text: "SlowDown".to_owned() };
        assert_eq!(of(HttpError::new(HttpErrorKind::Request, busy.clone())), busy);
        assert_eq!(busy.to_string(), "the server answered 503 (SlowDown)");
        let refused = std::io::Error::other("connection refused");
        let unreachable = of(HttpError::new(HttpErrorKind::Connect, refused));
        assert_eq!(unreachable, Failure::Unreachable("connection refused".to_owned()));
        let cut = of(HttpError::new(HttpErrorKind::Decode, std::io::Error::other("end of file")));
        assert!(cut.passes() && matches!(cut, Failure::Broken(_)), "{cut:?}");
        let other = of("a page\n  of   words");
        assert!(!other.passes() && other.to_string().ends_with("a page of words"), "{other:?}");
    }

    #[test]
    fn giving_up_tells_what_was_tried() {
        let last = Failure::Busy { status: 429, retry_after: Some(Duration::from_secs(600)), text: String::new() };
        let given_up = Failure::GivenUp { last: Box::new(last), attempts: 3, lost: Duration::from_secs(2) };
        assert_eq!(
            given_up.to_string(),
            "the server answered 429; given up after 3 failed attempts that cost 2.0 s (it asks to come back in 10 min 0 s)"
        );
    }
}
