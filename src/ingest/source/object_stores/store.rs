//! A store that makes requests until they are answered: here alone is decided when one is made again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use tokio::time::{Instant, sleep, timeout};

use super::failure::Failure;
use super::retry::{Attempts, random_share};
use super::watching_client::Host;

/// How long to go on with a host that cannot be reached and never answered, because its name may be wrong, and with one for which a
/// request was given up, because the next thousand objects need not each find that out.
const SHORT_RETRY_TIMEOUT: Duration = Duration::from_secs(5);

/// The objects of a bucket or host.
pub(crate) struct Store {
    /// Makes each request once.
    pub(super) client: Arc<dyn ObjectStore>,
    pub(super) host: Arc<Host>,
    retry_timeout: Duration,
}

impl Store {
    pub(super) fn new(client: Arc<dyn ObjectStore>, host: Arc<Host>, retry_timeout: Duration) -> Self {
        Self { client, host, retry_timeout }
    }

    /// For a request that begins.
    pub(super) fn attempts(&self) -> Attempts {
        let is_given_up = self.host.is_given_up();
        Attempts::new(if is_given_up { SHORT_RETRY_TIMEOUT.min(self.retry_timeout) } else { self.retry_timeout })
    }

    /// Makes a request once.
    pub(super) async fn attempt<T>(
        &self,
        attempts: &Attempts,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Failure> {
        let patience = attempts.patience();
        let answer = timeout(patience, request).await.map_err(|_| Failure::Stalled(patience))?;
        answer.map_err(|error| Failure::from(&error))
    }

    /// Pauses after a failure, `since` bytes came last.
    ///
    /// # Errors
    /// If the failure is for good, or there were too many.
    pub(super) async fn recover(
        &self,
        attempts: &mut Attempts,
        failure: Failure,
        since: Instant,
    ) -> Result<(), Failure> {
        if !failure.passes() {
            return Err(failure);
        }
        let may_be_no_host = self.host.is_unheard() && matches!(failure, Failure::Unreachable(_) | Failure::Broken(_));
        let limit = if may_be_no_host { SHORT_RETRY_TIMEOUT } else { Duration::MAX };
        match attempts.pause_after(since.elapsed(), failure.retry_after(), limit, random_share()) {
            Some(pause) => {
                sleep(pause).await;
                Ok(())
            }
            None => {
                self.host.give_up();
                let (attempts, lost) = attempts.failed();
                Err(Failure::GivenUp { last: Box::new(failure), attempts, lost })
            }
        }
    }

    /// Makes a request until it is answered.
    pub(super) async fn persist<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        attempts: &mut Attempts,
        request: impl Fn() -> F,
    ) -> Result<T, Failure> {
        loop {
            let since = Instant::now();
            match self.attempt(attempts, request()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.recover(attempts, failure, since).await?,
            }
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Store").field(&self.client).finish()
    }
}
