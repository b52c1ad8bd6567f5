//! Which objects a URL stands for: one, all below a prefix, or those whose keys match a pattern.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use glob::{MatchOptions, Pattern};
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStoreExt as _};
use tokio::time::{Instant, timeout};

use super::failure::Failure;
use super::location::Location;
use super::runtime::answer;
use super::store::Store;
use crate::ingest::IngestError;
use crate::ingest::source::input::{Input, NotRead};
use crate::ingest::source::no_spans::why_no_spans;

/// The objects in the order of their names.
pub(crate) fn find(url: &Path, retry_timeout: Duration) -> Vec<Result<Input, NotRead>> {
    find_below(url, retry_timeout).unwrap_or_else(|error| vec![Err(NotRead::Failed(error))])
}

fn find_below(url: &Path, retry_timeout: Duration) -> Result<Vec<Result<Input, NotRead>>, IngestError> {
    let location = Location::of(url, Some(retry_timeout))?;
    let given = || Ok(vec![Ok(Input { path: url.to_owned(), found: false })]);
    if location.key.is_empty() || location.key.ends_with('/') {
        return all_below(&location, location.key.trim_end_matches('/'));
    }
    if !location.has_listing() {
        return given();
    }
    if location.key.contains(['*', '?', '[']) {
        return all_matching(&location);
    }
    let key = location.object()?;
    let store = Arc::clone(&location.store);
    let head = answer(async move { store.persist(&mut store.attempts(), || store.client.head(&key)).await });
    match head.map_err(|error| location.io_error(&error))? {
        Ok(_) => given(),
        Err(absent @ Failure::Absent) => {
            // Who may not list sees no less than that there is no such object.
            let found = all_below(&location, &location.key).ok();
            found.ok_or_else(|| location.error(&absent))
        }
        Err(error) => Err(location.error(&error)),
    }
}

/// The objects below `directory`, which has no slash at its end.
fn all_below(location: &Location, directory: &str) -> Result<Vec<Result<Input, NotRead>>, IngestError> {
    let keys = list(location, directory)?;
    if keys.is_empty() {
        return Err(location.nothing_found("there is no object below it"));
    }
    Ok(inputs(location, directory, &keys))
}

fn all_matching(location: &Location) -> Result<Vec<Result<Input, NotRead>>, IngestError> {
    let pattern = Pattern::new(&location.key)
        .map_err(|error| location.nothing_found(&format!("its key is no pattern: {error}")))?;
    let literal = location.key.split(['*', '?', '[']).next().unwrap_or_default();
    let directory = literal.rsplit_once('/').map_or("", |(directory, _)| directory);
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
    let mut keys = list(location, directory)?;
    keys.retain(|key| pattern.matches_with(key, options));
    if keys.is_empty() {
        return Err(location.nothing_found("no object matches"));
    }
    Ok(inputs(location, directory, &keys))
}

/// The keys below `directory` as a walk through directories would come to them.
fn list(location: &Location, directory: &str) -> Result<Vec<String>, IngestError> {
    let prefix = Key::parse(directory).map_err(|error| location.nothing_found(&error.to_string()))?;
    let store = Arc::clone(&location.store);
    let listed = answer(async move { all_objects(&store, &prefix).await });
    let listed = listed.map_err(|error| location.io_error(&error))?.map_err(|error| location.error(&error))?;
    // Consoles mark directories by objects of no bytes.
    let mut keys: Vec<String> =
        listed.into_iter().filter(|object| object.size > 0).map(|object| object.location.to_string()).collect();
    keys.sort_by(|one, other| one.split('/').cmp(other.split('/')));
    Ok(keys)
}

/// The objects below `prefix`, in the order in which stores list them: after a failure the list goes on behind the last
/// one.
async fn all_objects(store: &Store, prefix: &Key) -> Result<Vec<ObjectMeta>, Failure> {
    let mut attempts = store.attempts();
    let mut objects: Vec<ObjectMeta> = Vec::new();
    loop {
        let mut listing = match objects.last() {
            Some(last) => store.client.list_with_offset(Some(prefix), &last.location),
            None => store.client.list(Some(prefix)),
        };
        let mut since = Instant::now();
        let failure = loop {
            let patience = attempts.patience();
            match timeout(patience, listing.next()).await {
                Ok(Some(Ok(object))) => {
                    attempts.progressed(0);
                    objects.push(object);
                    since = Instant::now();
                }
                Ok(None) => return Ok(objects),
                Ok(Some(Err(error))) => break Failure::from(&error),
                Err(_) => break Failure::Stalled(patience),
            }
        };
        store.recover(&mut attempts, failure, since).await?;
    }
}

fn inputs(location: &Location, directory: &str, keys: &[String]) -> Vec<Result<Input, NotRead>> {
    let mut inputs = Vec::new();
    let mut last_left_out = None;
    let all: HashSet<&str> = keys.iter().map(String::as_str).collect();
    for key in keys {
        let Some((left_out, reason)) = named_as_no_spans(directory, key, &all) else {
            inputs.push(Ok(Input { path: location.url_of(key), found: true }));
            continue;
        };
        if last_left_out != Some(left_out) {
            inputs.push(Err(NotRead::LeftOut { path: location.url_of(left_out), reason }));
        }
        last_left_out = Some(left_out);
    }
    inputs
}

/// The key of the object, or of what would be the directory above it, whose name says that it holds no spans, and why.
fn named_as_no_spans<'a>(directory: &str, key: &'a str, keys: &HashSet<&str>) -> Option<(&'a str, &'static str)> {
    let below = key.strip_prefix(directory).unwrap_or(key);
    let mut start = key.len() - below.len();
    for name in below.split('/') {
        let end = start + name.len();
        let is_beside = |beside: &str| keys.contains(format!("{}{beside}", &key[..start]).as_str());
        if let Some(reason) = why_no_spans(name, is_beside) {
            return Some((&key[..end], reason));
        }
        start = end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_the_prefix_count() {
        assert_eq!(
            named_as_no_spans("", "a/_delta_log/0.json", &HashSet::new()).map(|(key, _)| key),
            Some("a/_delta_log")
        );
        assert_eq!(named_as_no_spans("a", "a/_SUCCESS", &HashSet::new()).map(|(key, _)| key), Some("a/_SUCCESS"));
        assert_eq!(named_as_no_spans("_a", "_a/b", &HashSet::new()).map(|(key, _)| key), None);
        assert_eq!(named_as_no_spans("a", "a/b/c.parquet", &HashSet::new()).map(|(key, _)| key), None);
    }
}
