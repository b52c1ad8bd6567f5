//! Files and directories that hold no spans that count, told by their names.

/// Where Tempo keeps the spans of a block.
pub(super) const TEMPO_BLOCK: &str = "data.parquet";

/// Where it says what the columns of a block are called.
pub(super) const DESCRIPTION_OF_BLOCK: &str = "meta.json";

/// Whether a file of this name may be of one of Tempo's blocks, so that those beside it tell what it holds.
pub(super) fn belongs_to_tempo_block(name: &str) -> bool {
    name == TEMPO_BLOCK || describes_tempo_block(name)
}

/// What Tempo writes beside the spans of a block: descriptions and indexes.
fn describes_tempo_block(name: &str) -> bool {
    matches!(name, DESCRIPTION_OF_BLOCK | "meta.compacted.json" | "index")
        || name.starts_with("bloom-")
        || name.starts_with("nodes")
}

/// Why a file or directory of this name holds no spans that count, if its name and those beside it say so: hidden files, the
/// markers and logs of table formats, checksums, the indexes that Honeycomb writes beside its archive, and what stands
/// beside Tempo's blocks. A Hive partition may begin with `_`.
pub(crate) fn why_no_spans(name: &str, is_beside: impl Fn(&str) -> bool) -> Option<&'static str> {
    if name == "_delta_log" {
        Some(
            "it is the log of a Delta table, which is not read: files beside it may have been removed from the table, \
             so export the table if spans come out twice or too many",
        )
    } else if name.starts_with('.') || name.starts_with('_') && !name.contains('=') || name.ends_with(".crc") {
        Some("its name says that it is hidden, a marker or a checksum; give it by its own path to read it")
    } else if name == TEMPO_BLOCK && is_beside("meta.compacted.json") {
        Some(
            "meta.compacted.json beside it says that its spans were merged into another block; give it by its own path \
             to read it",
        )
    } else if describes_tempo_block(name) && is_beside(TEMPO_BLOCK) {
        Some("it describes the Tempo block beside it")
    } else if name.starts_with("index_") {
        Some("its name says that it is an index beside an archive; give it by its own path to read it")
    } else {
        None
    }
}
