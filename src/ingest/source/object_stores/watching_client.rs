//! An HTTP client that notices what the clients of stores do not tell: how long a busy server asks to wait, and that it
//! gives the whole of an object where a part was asked for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

use super::failure::Failure;

/// Where a length has to be said and is not known.
pub(super) const UNKNOWN_LENGTH: u64 = i64::MAX as u64;

/// Marks an answer that is the whole object although its first part was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct WholeObject;

/// What is known of a server.
#[derive(Debug, Default)]
pub(crate) struct Host(AtomicU8);

const UNHEARD: u8 = 0;
const ANSWERS: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Host {
    /// Whether it has ever answered: if not, its name may be wrong.
    pub(crate) fn is_unheard(&self) -> bool {
        self.0.load(Ordering::Relaxed) == UNHEARD
    }

    /// Whether a request was given up, and none has had success since.
    pub(crate) fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) == GIVEN_UP
    }

    /// A request was given up.
    pub(crate) fn give_up(&self) {
        self.0.store(GIVEN_UP, Ordering::Relaxed);
    }

    /// A request came to its end.
    pub(crate) fn gave(&self) {
        self.0.store(ANSWERS, Ordering::Relaxed);
    }

    fn heard(&self) {
        let _ = self.0.compare_exchange(UNHEARD, ANSWERS, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Makes clients that watch a host.
#[derive(Debug)]
pub(super) struct WatchingConnector(pub(super) Arc<Host>);

impl HttpConnector for WatchingConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(WatchingClient { client, host: Arc::clone(&self.0) }))
    }
}

#[derive(Debug)]
struct WatchingClient {
    client: HttpClient,
    host: Arc<Host>,
}

impl HttpService for WatchingClient {
    fn call<'client, 'answer>(
        &'client self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'answer>>
    where
        'client: 'answer,
        Self: 'answer,
    {
        Box::pin(async move {
            let range = request.headers().get("range").and_then(|range| range.to_str().ok()).map(str::to_owned);
            let response = self.client.execute(request).await?;
            self.host.heard();
            let status = response.status().as_u16();
            let failure = match status {
                408 | 429 | 500 | 502..=504 | 506..=599 => busy(status, response).await,
                416 => Failure::NoSuchPart,
                200 if range.is_some() => match range.and_then(|range| first_part(response, &range)) {
                    Some(first_part) => return Ok(first_part),
                    None => Failure::NoParts,
                },
                200 => return Ok(with_length(response)),
                _ => return Ok(response),
            };
            Err(HttpError::new(HttpErrorKind::Request, failure))
        })
    }
}

/// What a busy server says; S3 and its like have a code in their XML.
async fn busy(status: u16, response: HttpResponse) -> Failure {
    const LONGEST_WAIT: Duration = Duration::from_secs(5);
    let retry_after = response.headers().get("retry-after").and_then(|value| pause(value.to_str().ok()?));
    let body = tokio::time::timeout(LONGEST_WAIT, response.into_body().bytes()).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    Failure::Busy { status, retry_after, text: code.unwrap_or_default().to_owned() }
}

/// Seconds, or the time when to come back.
fn pause(retry_after: &str) -> Option<Duration> {
    if let Ok(seconds) = retry_after.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let time = rfc2822::DateTimeParser::new().parse_timestamp(retry_after.trim()).ok()?;
    Some(Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or_default())
}

/// The whole object as the answer to the request for its first part, so that the client of the store takes it; `None`
/// if another part was asked for.
fn first_part(response: HttpResponse, range: &str) -> Option<HttpResponse> {
    let last: u64 = range.strip_prefix("bytes=0-")?.parse().ok()?;
    let mut response = with_length(response);
    let length = length_of(&response)?;
    // An object without bytes has no first part.
    let last = last.min(length.checked_sub(1)?);
    response.headers_mut().insert("content-range", format!("bytes 0-{last}/{length}").parse().ok()?);
    response.extensions_mut().insert(WholeObject);
    *response.status_mut() = 206u16.try_into().ok()?;
    Some(response)
}

fn length_of(response: &HttpResponse) -> Option<u64> {
    response.headers().get("content-length")?.to_str().ok()?.parse().ok()
}

/// The clients of stores insist on a length, which servers that make what they send do not know.
fn with_length(mut response: HttpResponse) -> HttpResponse {
    if length_of(&response).is_none()
        && let Ok(length) = UNKNOWN_LENGTH.to_string().parse()
    {
        response.headers_mut().insert("content-length", length);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_when_to_come_back() {
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("Thu, 01 Jan 2026 00:00:00 GMT"), Some(Duration::ZERO), "it is past");
        assert!(pause("Fri, 01 Jan 2100 00:00:00 GMT").is_some_and(|pause| pause > Duration::from_secs(86_400)));
        assert_eq!(pause("soon"), None);
    }

    /// A host that never answered may be a wrong name; one that was given up counts again once a request has had
    /// success.
    #[test]
    fn hosts_are_remembered() {
        let host = Host::default();
        assert!(host.is_unheard());
        host.heard();
        assert!(!host.is_unheard());
        host.give_up();
        host.heard();
        assert!(host.is_given_up());
        host.gave();
        assert!(!host.is_given_up());
    }
}
