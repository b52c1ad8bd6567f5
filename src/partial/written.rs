//! Files of partial results for tests: what is written in one line can be read in the next.

use std::fs::File;
use std::path::Path;

use super::file::{PartialReader, PartialWriter};

/// Writes a file at `path` with the groups that `write` puts, and opens it.
pub(crate) fn written(path: &Path, write: impl FnOnce(&mut PartialWriter<File>)) -> PartialReader {
    let mut file = PartialWriter::new(File::create(path).unwrap()).unwrap();
    write(&mut file);
    file.finish(serde_json::Value::Null).unwrap();
    PartialReader::open(path).unwrap()
}
