//! From a URL to its store and key, and from a store's errors to what the user should check.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};
use url::{Position, Url};

use super::DEFAULT_RETRY_TIMEOUT;
use super::failure::{Failure, one_line};
use super::store::Store;
use super::watching_client::{Host, WatchingConnector};
use crate::ingest::IngestError;

/// A slow network may take long over a request as long as something comes; whether it does is looked at here.
const REQUEST_TIMEOUT: &str = "30d";

/// Where a URL leads.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    /// The URL as it was typed.
    pub(crate) url: PathBuf,
    pub(crate) store: Arc<Store>,
    /// What follows the bucket or host, as it is written in the store; it may be empty, end in `/` or be a pattern.
    pub(crate) key: String,
    /// What precedes the key in a URL.
    root: String,
    /// What follows the key in a URL, such as a signature.
    query: String,
    scheme: Scheme,
}

/// Whose protocol a store speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    S3,
    Gcs,
    Azure,
    Http,
}

impl Scheme {
    fn of(name: &str) -> Self {
        match name {
            "gs" => Self::Gcs,
            "az" | "abfs" | "abfss" => Self::Azure,
            "http" | "https" => Self::Http,
            _ => Self::S3,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::S3 => {
                "check the bucket and key, and AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL \
                 in the environment; AWS_SKIP_SIGNATURE=true reads what is public, AWS_ALLOW_HTTP=true endpoints \
                 without TLS"
            }
            Self::Gcs => "check the bucket and key, and GOOGLE_APPLICATION_CREDENTIALS in the environment",
            Self::Azure => {
                "check the container and key, and AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY in the \
                 environment"
            }
            Self::Http => "check the URL",
        }
    }
}

impl Location {
    /// Where `url` leads. Requests to its store go on as long as was said when the store was first asked for, which is
    /// now if this is `Some`.
    pub(crate) fn of(url: &Path, retry_timeout: Option<Duration>) -> Result<Self, IngestError> {
        let text = url.to_str().unwrap_or_default();
        let (scheme_name, rest) = text.split_once("://").unwrap_or_default();
        let scheme = Scheme::of(scheme_name);
        let fail = |reason| unreachable_object(url, scheme, reason);
        let (root, key, query) = if scheme == Scheme::Http {
            let parsed = Url::parse(text).map_err(|error| fail(error.to_string()))?;
            let key = Key::from_url_path(parsed.path()).map_err(|error| fail(error.to_string()))?;
            let slash = if parsed.path().ends_with('/') { "/" } else { "" };
            let query = parsed[Position::AfterPath..Position::AfterQuery].to_owned();
            (parsed[..Position::BeforePath].to_owned(), format!("{key}{slash}"), query)
        } else {
            // Keys are taken as they are written: a `?` or `#` in one begins no query.
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            (format!("{scheme_name}://{bucket}"), key.to_owned(), String::new())
        };
        let store = store(scheme, &root, &query, retry_timeout).map_err(|error| fail(one_line(&error.to_string())))?;
        Ok(Self { url: url.to_owned(), store, key, root, query, scheme })
    }

    /// The key of an object, if it can be one.
    pub(crate) fn object(&self) -> Result<Key, IngestError> {
        Key::parse(&self.key).map_err(|error| unreachable_object(&self.url, self.scheme, error.to_string()))
    }

    /// Whether the store can tell cheaply what lies below a key.
    pub(crate) fn has_listing(&self) -> bool {
        self.scheme != Scheme::Http
    }

    /// The URL of another object of this store.
    pub(crate) fn url_of(&self, key: &str) -> PathBuf {
        let plain = || format!("{}/{key}", self.root);
        if self.scheme != Scheme::Http {
            return plain().into();
        }
        let url = Url::parse(&self.root).map(|mut url| {
            url.set_path(&key.replace('%', "%25"));
            format!("{url}{}", self.query)
        });
        url.unwrap_or_else(|_| plain()).into()
    }

    pub(super) fn error(&self, failure: &Failure) -> IngestError {
        let advice = failure.advice().unwrap_or(self.scheme.advice());
        IngestError::ObjectStore { path: self.url.clone(), reason: failure.to_string(), advice }
    }

    pub(crate) fn io_error(&self, error: &io::Error) -> IngestError {
        unreachable_object(&self.url, self.scheme, error.to_string())
    }

    pub(crate) fn nothing_found(&self, reason: &str) -> IngestError {
        unreachable_object(&self.url, self.scheme, reason.to_owned())
    }
}

fn unreachable_object(url: &Path, scheme: Scheme, reason: String) -> IngestError {
    IngestError::ObjectStore { path: url.to_owned(), reason, advice: scheme.advice() }
}

/// The store of a bucket or host. One is kept for each, with its connections, its credentials, and what is known of the
/// host.
fn store(scheme: Scheme, root: &str, query: &str, retry_timeout: Option<Duration>) -> object_store::Result<Arc<Store>> {
    static STORES: Mutex<Option<HashMap<String, Arc<Store>>>> = Mutex::new(None);
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    let stores = stores.get_or_insert_default();
    let name = format!("{root}/{query}");
    if let Some(store) = stores.get(&name) {
        return Ok(Arc::clone(store));
    }
    let host = Arc::new(Host::default());
    let client = client(scheme, root, &name, &host)?;
    let store = Arc::new(Store::new(client, host, retry_timeout.unwrap_or(DEFAULT_RETRY_TIMEOUT)));
    stores.insert(name, Arc::clone(&store));
    Ok(store)
}

/// A client that makes each request once: when to make it again is decided in [`Store`], for all stores alike.
fn client(scheme: Scheme, root: &str, name: &str, host: &Arc<Host>) -> object_store::Result<Arc<dyn ObjectStore>> {
    let connector = WatchingConnector(Arc::clone(host));
    let retry = RetryConfig { max_retries: 0, backoff: BackoffConfig::default(), retry_timeout: Duration::ZERO };
    Ok(match scheme {
        Scheme::S3 => {
            let key = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
            let builder = AmazonS3Builder::from_env().with_config(key, REQUEST_TIMEOUT).with_url(root);
            Arc::new(builder.with_http_connector(connector).with_retry(retry).build()?)
        }
        Scheme::Gcs => {
            let key = GoogleConfigKey::Client(ClientConfigKey::Timeout);
            let builder = GoogleCloudStorageBuilder::from_env().with_config(key, REQUEST_TIMEOUT).with_url(root);
            Arc::new(builder.with_http_connector(connector).with_retry(retry).build()?)
        }
        Scheme::Azure => {
            let key = AzureConfigKey::Client(ClientConfigKey::Timeout);
            let builder = MicrosoftAzureBuilder::from_env().with_config(key, REQUEST_TIMEOUT).with_url(root);
            Arc::new(builder.with_http_connector(connector).with_retry(retry).build()?)
        }
        Scheme::Http => {
            let options = ClientOptions::new()
                .with_config(ClientConfigKey::Timeout, REQUEST_TIMEOUT)
                .with_allow_http(root.starts_with("http://"));
            let builder = HttpBuilder::new().with_url(name).with_client_options(options);
            Arc::new(builder.with_http_connector(connector).with_retry(retry).build()?)
        }
    })
}
