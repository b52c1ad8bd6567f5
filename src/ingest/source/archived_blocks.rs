//! Files of Tempo's blocks in archives, which are held until those beside them are known: whether a block was merged into another,
//! and what its columns are called, is said in files that may come before it or behind it.
//!
//! Archives list directory by directory, so that files are held until another directory begins.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashSet;
use tempfile::SpooledTempFile;

use super::archive::{Entry, Failing, TakeEntries};
use super::input::NotRead;
use super::no_spans::{DESCRIPTION_OF_BLOCK, TEMPO_BLOCK, belongs_to_tempo_block, why_no_spans};

/// Descriptions are a few hundred bytes.
const MAX_DESCRIPTION_BYTES: u64 = 16 << 20;

/// The files that are held of one directory.
#[derive(Default)]
pub(super) struct ArchivedBlocks {
    held: Vec<Held>,
    /// Directories whose blocks were handed on: what comes of them later is beside a block.
    done: HashSet<PathBuf>,
}

struct Held {
    path: PathBuf,
    contents: SpooledTempFile,
    failure: Failing,
}

impl Held {
    fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }
}

impl ArchivedBlocks {
    /// Whether a file must be held that may be of a block.
    pub(super) fn holds(path: &Path) -> bool {
        path.file_name().and_then(|name| name.to_str()).is_some_and(belongs_to_tempo_block)
    }

    /// Holds a file, and hands on those of another directory.
    pub(super) fn hold(
        &mut self,
        path: PathBuf,
        contents: SpooledTempFile,
        failure: Failing,
        take: &mut dyn TakeEntries,
    ) {
        if self.held.first().is_some_and(|first| first.path.parent() != path.parent()) {
            self.hand_on(take);
        }
        self.held.push(Held { path, contents, failure });
    }

    /// Hands on what is held, now that all of it is there.
    pub(super) fn hand_on(&mut self, take: &mut dyn TakeEntries) {
        let mut held = std::mem::take(&mut self.held);
        let Some(directory) = held.first().and_then(|first| first.path.parent()).map(Path::to_owned) else { return };
        let names: HashSet<String> = held.iter().map(|held| held.name().to_owned()).collect();
        let is_beside = |name: &str| names.contains(name) || name == TEMPO_BLOCK && self.done.contains(&directory);
        let description = held.iter_mut().find(|held| held.name() == DESCRIPTION_OF_BLOCK).and_then(|held| {
            let mut bytes = Vec::new();
            held.contents.by_ref().take(MAX_DESCRIPTION_BYTES).read_to_end(&mut bytes).ok()?;
            std::io::Seek::rewind(&mut held.contents).ok()?;
            Some(Arc::from(bytes))
        });
        for held in held {
            let Held { path, contents, failure } = held;
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            take(match why_no_spans(name, is_beside) {
                Some(reason) => Err(NotRead::LeftOut { path, reason }),
                None => Ok(Entry {
                    description: description.clone().filter(|_| name == TEMPO_BLOCK),
                    contents: Box::new(contents.chain(failure)),
                    path,
                }),
            });
        }
        if names.contains(TEMPO_BLOCK) {
            self.done.insert(directory);
        }
    }
}
