//! The bytes of an object, or of a part of it, in spite of failures: what broke goes on where it broke, and nothing
//! comes twice.
//!
//! A part is asked for on condition that the object is still the one that was opened, and goes on with a request for
//! the rest. From a server that gives whole objects only, what came already is read once more and dropped, after a look
//! whether it is the same.

use std::ops::Range;
use std::time::Duration;

use flate2::Crc;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, GetResult, ObjectMeta, ObjectStoreExt as _};
use prost::bytes::{Bytes, BytesMut};
use std::sync::Arc;
use tokio::time::{Instant, timeout};

use super::failure::Failure;
use super::retry::Attempts;
use super::store::Store;
use super::watching_client::{UNKNOWN_LENGTH, WholeObject};

/// The first request takes what it takes to recognise the content, and tells how long the object is.
pub(super) const HEAD_BYTES: u64 = 64 << 10;

/// An object as it was when it was opened.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) store: Arc<Store>,
    pub(super) key: Key,
    pub(super) length: u64,
    /// Says whether the object is still the same one.
    e_tag: Option<String>,
    /// In ms since 1970; where the server does not tell, always the same.
    last_modified: i64,
}

/// What opening gives.
#[derive(Debug)]
pub(super) enum Opened {
    /// The object can be read in parts; these are its first bytes.
    InParts(Object, Bytes),
    /// The server gives it from its first byte on only.
    Whole(Download),
}

impl Object {
    fn new(store: Arc<Store>, meta: ObjectMeta) -> Self {
        let last_modified = meta.last_modified.timestamp_millis();
        Self { store, key: meta.location, length: meta.size, e_tag: meta.e_tag, last_modified }
    }

    /// Opens the object.
    pub(super) async fn open(store: Arc<Store>, key: Key) -> Result<Opened, Failure> {
        let mut attempts = store.attempts();
        let first_part = GetOptions { range: Some(GetRange::Bounded(0..HEAD_BYTES)), ..GetOptions::default() };
        let got = match store.persist(&mut attempts, || store.client.get_opts(&key, first_part.clone())).await {
            Ok(got) => got,
            // An object of no bytes has no part either, and some servers refuse what they do not know.
            Err(failure @ (Failure::NoSuchPart | Failure::NoParts | Failure::Other(_))) => {
                let whole = store.persist(&mut attempts, || store.client.get(&key)).await;
                return Ok(Opened::Whole(Download::of_whole(&store, whole.map_err(|_| failure)?, attempts)));
            }
            Err(failure) => return Err(failure),
        };
        if got.extensions.get::<WholeObject>().is_some() {
            return Ok(Opened::Whole(Download::of_whole(&store, got, attempts)));
        }
        let object = Self::new(store, got.meta.clone());
        let (start, length) = (got.range.start, got.range.end - got.range.start);
        let head = Download { body: Some(got.into_stream()), ..Download::new(object.clone(), start..start + length) };
        Ok(Opened::InParts(object, head.collect().await?))
    }

    /// The bytes of a range, all of which the object has.
    pub(super) async fn range(self, range: Range<u64>) -> Result<Bytes, Failure> {
        Download::new(self, range).collect().await
    }

    /// Whether an answer is about the same object. Servers that are many may agree on tags and not on times.
    fn is_still(&self, meta: &ObjectMeta) -> bool {
        let is_same = match (&self.e_tag, &meta.e_tag) {
            (Some(tag), Some(now)) => tag == now,
            _ => self.last_modified == meta.last_modified.timestamp_millis(),
        };
        is_same && (self.length == meta.size || self.length == UNKNOWN_LENGTH || meta.size == UNKNOWN_LENGTH)
    }
}

/// See the module.
pub(super) struct Download {
    object: Object,
    /// Where the next byte stands in the object.
    position: u64,
    end: u64,
    body: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    attempts: Attempts,
    /// When bytes came, or a pause ended.
    since: Instant,
    whole: Option<Whole>,
}

/// What is known of the bytes that came, where they may have to be read again.
#[derive(Default)]
struct Whole {
    seen: Crc,
    /// How many bytes of the present answer are still to be dropped, and what was.
    to_drop: u64,
    dropped: Crc,
}

impl Download {
    fn new(object: Object, range: Range<u64>) -> Self {
        let attempts = object.store.attempts();
        let Range { start: position, end } = range;
        Self { object, position, end, body: None, attempts, since: Instant::now(), whole: None }
    }

    fn of_whole(store: &Arc<Store>, got: GetResult, attempts: Attempts) -> Self {
        let object = Object::new(Arc::clone(store), got.meta.clone());
        let end = object.length;
        let body = Some(got.into_stream());
        Self { body, attempts, whole: Some(Whole::default()), ..Self::new(object, 0..end) }
    }

    /// All bytes that are left.
    async fn collect(mut self) -> Result<Bytes, Failure> {
        let length = self.end - self.position;
        self.piece(length).await
    }

    /// The next `length` bytes, or what there is before the end.
    pub(super) async fn piece(&mut self, length: u64) -> Result<Bytes, Failure> {
        // What whoever reads took for the piece before is no time that the server cost.
        self.since = Instant::now();
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        let mut missing = length;
        while missing > 0
            && let Some(bytes) = self.next().await?
        {
            missing = missing.saturating_sub(bytes.len() as u64);
            if first.is_empty() && all.is_empty() {
                first = bytes;
                continue;
            }
            if all.is_empty() {
                all.reserve(usize::try_from(length).unwrap_or(0));
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&bytes);
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }

    /// The bytes that come next; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if self.position >= self.end && self.end != UNKNOWN_LENGTH {
                self.object.store.host.gave();
                return Ok(None);
            }
            let failure = match self.received().await {
                Ok(Some(bytes)) if bytes.is_empty() => continue,
                Ok(Some(bytes)) => return Ok(Some(bytes)),
                Ok(None) if self.end == UNKNOWN_LENGTH && !self.is_dropping() => {
                    self.end = self.position;
                    continue;
                }
                Ok(None) => Failure::Broken("it ended before all was sent".to_owned()),
                Err(failure) => failure,
            };
            self.body = None;
            self.object.store.recover(&mut self.attempts, failure, self.since).await?;
            self.since = Instant::now();
        }
    }

    /// What the present request gives next, without what came before.
    async fn received(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut body = match self.body.take() {
            Some(body) => body,
            None => self.request().await?,
        };
        let received = timeout(self.patience(), body.next()).await.map_err(|_| Failure::Stalled(self.patience()))?;
        let Some(bytes) = received else { return Ok(None) };
        let bytes = bytes.map_err(|error| Failure::from(&error))?;
        self.body = Some(body);
        self.since = Instant::now();
        let bytes = self.take(bytes)?;
        if !bytes.is_empty() {
            self.attempts.progressed(bytes.len() as u64);
        }
        Ok(Some(bytes))
    }

    fn patience(&self) -> Duration {
        self.attempts.patience()
    }

    /// Asks for what is missing.
    async fn request(&mut self) -> Result<BoxStream<'static, object_store::Result<Bytes>>, Failure> {
        let Object { store, key, e_tag, .. } = &self.object;
        // A weak tag never matches.
        let if_match = e_tag.clone().filter(|tag| !tag.starts_with("W/"));
        let range = self.whole.is_none().then_some(GetRange::Bounded(self.position..self.end));
        let options = GetOptions { range, if_match, ..GetOptions::default() };
        let got = store.attempt(&self.attempts, store.client.get_opts(key, options)).await;
        let got = got.map_err(|failure| match failure {
            // It was there, and had these bytes.
            Failure::Absent | Failure::NoSuchPart => Failure::Changed,
            other => other,
        })?;
        if !self.object.is_still(&got.meta) {
            return Err(Failure::Changed);
        }
        match &mut self.whole {
            Some(whole) => (whole.to_drop, whole.dropped) = (self.position, Crc::new()),
            None if got.extensions.get::<WholeObject>().is_some() => return Err(Failure::NoParts),
            None => {}
        }
        Ok(got.into_stream())
    }

    fn is_dropping(&self) -> bool {
        self.whole.as_ref().is_some_and(|whole| whole.to_drop > 0)
    }

    /// The new ones of bytes that came.
    fn take(&mut self, mut bytes: Bytes) -> Result<Bytes, Failure> {
        if let Some(whole) = &mut self.whole {
            let dropped = bytes.split_to(usize::try_from(whole.to_drop).unwrap_or(usize::MAX).min(bytes.len()));
            whole.to_drop -= dropped.len() as u64;
            whole.dropped.update(&dropped);
            if !dropped.is_empty() && whole.to_drop == 0 && whole.dropped.sum() != whole.seen.sum() {
                return Err(Failure::Changed);
            }
        }
        bytes.truncate(usize::try_from(self.end - self.position).unwrap_or(usize::MAX));
        if let Some(whole) = &mut self.whole {
            whole.seen.update(&bytes);
        }
        self.position += bytes.len() as u64;
        Ok(bytes)
    }
}

impl std::fmt::Debug for Download {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Download").field("object", &self.object.key).field("position", &self.position).finish()
    }
}
