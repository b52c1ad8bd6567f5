//! Inputs in object stores: `s3://`, `gs://`, `az://` and `abfs://` with their credentials from the environment, and
//! plain `https://` and `http://`.
//!
//! A URL is given where a path may be, and stays the path of its input as it was typed. [`find`] says which objects it
//! stands for, [`open`] gives one of them in both ways in which formats are read: from its first byte on, and in ranges
//! where the server gives those. What fails on the way is tried again.
//! All this is behind the feature `object-stores`; without it a URL is an error that says so.

#[cfg(feature = "object-stores")]
mod download;
#[cfg(feature = "object-stores")]
mod failure;
#[cfg(feature = "object-stores")]
mod listing;
#[cfg(feature = "object-stores")]
mod location;
#[cfg(feature = "object-stores")]
mod object;
#[cfg(feature = "object-stores")]
mod retry;
#[cfg(feature = "object-stores")]
mod runtime;
#[cfg(feature = "object-stores")]
mod store;
#[cfg(feature = "object-stores")]
mod watching_client;

#[cfg(not(feature = "object-stores"))]
mod absent;

use std::path::Path;
use std::time::Duration;

#[cfg(not(feature = "object-stores"))]
pub(crate) use absent::{find, open, read_beside};
#[cfg(feature = "object-stores")]
pub(crate) use listing::find;
#[cfg(feature = "object-stores")]
pub(crate) use object::{open, read_beside};

/// How much time a request may lose by failures unless something else is said.
pub(crate) const DEFAULT_RETRY_TIMEOUT: Duration = Duration::from_secs(180);

const SCHEMES: [&str; 8] = ["s3", "s3a", "gs", "az", "abfs", "abfss", "https", "http"];

/// Whether a path is the URL of something in an object store.
pub(crate) fn is_url(path: &Path) -> bool {
    let scheme = path.to_str().and_then(|text| text.split_once("://")).map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| SCHEMES.contains(&scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_from_paths() {
        for url in
            ["s3://bucket/key", "gs://bucket/", "az://container", "abfs://c@a/k", "https://host/a?b", "http://h/a"]
        {
            assert!(is_url(Path::new(url)), "{url}");
        }
        for path in ["-", "s3:/bucket", "dir/s3://bucket", "file:///a", "C:\\a", "s3", ""] {
            assert!(!is_url(Path::new(path)), "{path}");
        }
    }
}
