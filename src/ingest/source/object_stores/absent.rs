//! What stands for object stores in a program that was built without them.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use crate::ingest::IngestError;
use crate::ingest::source::input::{Input, NotRead};
use crate::ingest::source::shared_file::SharedFile;

pub(crate) fn find(url: &Path, _retry_timeout: Duration) -> Vec<Result<Input, NotRead>> {
    vec![Err(NotRead::Failed(not_built(url)))]
}

pub(crate) fn open(
    url: &Path,
    _retry_timeout: Duration,
) -> Result<(Box<dyn Read + Send>, Option<SharedFile>), IngestError> {
    Err(not_built(url))
}

pub(crate) fn read_beside(_url: &Path, _name: &str, _limit: u64) -> Option<io::Result<Vec<u8>>> {
    None
}

fn not_built(url: &Path) -> IngestError {
    IngestError::NoObjectStores { path: url.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_an_error_that_says_what_to_do() {
        let found = find(Path::new("s3://bucket/key"), Duration::ZERO);
        let [Err(NotRead::Failed(error))] = &found[..] else {
            panic!("{found:?}");
        };
        let message = error.to_string();
        assert!(message.contains("s3://bucket/key") && message.contains("--features object-stores"), "{message}");
    }
}
