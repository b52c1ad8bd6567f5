//! Which attributes stand in the anonymous columns of a Tempo block, `String01`, `Int01` and so on. Only the block's
//! `meta.json` tells.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::ingest::source::input::STANDARD_INPUT;
use crate::ingest::source::object_stores;

/// What Tempo calls the file of a block that holds the spans.
const DATA_FILE: &str = "data.parquet";

/// More than any list of attributes needs.
const MAX_SIDECAR_BYTES: u64 = 16 << 20;

/// The names that vParquet5 uses where nothing else is configured.
const DEFAULTS: [(Scope, &str, &[&str]); 3] = [
    (Scope::Resource, STRING, &["k8s.cluster.name", "k8s.namespace.name", "k8s.pod.name", "k8s.container.name"]),
    (
        Scope::Span,
        STRING,
        &["http.request.method", "url.path", "url.route", "server.address", "http.method", "http.url", "http.route"],
    ),
    (Scope::Span, INT, &["http.response.status_code", "server.port", "http.status_code"]),
];

const STRING: &str = "String";
const INT: &str = "Int";

/// What a dedicated column belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// The resource.
    Resource,
    /// The span.
    Span,
    /// An event of the span.
    Event,
}

impl Scope {
    /// How `meta.json` writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Span => "span",
            Self::Event => "event",
        }
    }
}

/// A dedicated column and the attribute in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Dedicated {
    /// What it belongs to.
    pub(crate) scope: Scope,
    /// The column's name, for instance `String01`.
    pub(crate) column: String,
    /// The attribute's key.
    pub(crate) key: String,
    /// Whether its values are arrays.
    pub(crate) is_array: bool,
}

impl Dedicated {
    /// A column that nothing names keeps its place as its key.
    pub(crate) fn unnamed(scope: Scope, column: &str) -> Self {
        let key = format!("tempo.dedicated.{}.{}", scope.as_str(), column.to_ascii_lowercase());
        Self { scope, column: column.to_owned(), key, is_array: false }
    }
}

/// What Tempo names where nothing else is configured.
pub(crate) fn defaults() -> Vec<Dedicated> {
    let mut dedicated = Vec::new();
    for (scope, kind, keys) in DEFAULTS {
        for (number, key) in (1..).zip(keys) {
            let column = format!("{kind}{number:02}");
            dedicated.push(Dedicated { scope, column, key: (*key).to_owned(), is_array: false });
        }
    }
    dedicated
}

/// The part of `meta.json` that is needed.
#[derive(Deserialize)]
struct Meta {
    #[expect(dead_code, reason = "a file without it is another's")]
    format: String,
    #[serde(default, rename = "dedicatedColumns")]
    dedicated_columns: Option<Vec<MetaColumn>>,
}

#[derive(Deserialize)]
struct MetaColumn {
    #[serde(default, rename = "s")]
    scope: String,
    #[serde(rename = "n")]
    name: String,
    #[serde(default, rename = "t")]
    kind: String,
    #[serde(default, rename = "o")]
    options: Option<Vec<String>>,
}

/// What the `meta.json` of the block at `path` names, which is `known` or lies beside it, `None` if there is none; or why it cannot be
/// told.
pub(crate) fn read(path: &Path, known: Option<&[u8]>) -> Result<Option<Vec<Dedicated>>, String> {
    let known = known.map(|bytes| (path.with_file_name("meta.json"), Ok(bytes.to_vec())));
    let Some((path, bytes)) = known.or_else(|| sidecar(path)) else {
        return Ok(None);
    };
    let bytes = bytes.map_err(|error| format!("{} cannot be read ({error})", path.display()))?;
    let dedicated = parse(&bytes).map_err(|error| format!("{} is no description of a block ({error})", path.display()));
    dedicated.map(Some)
}

/// The file that describes the block at `path`, and its bytes. `meta.json` is called `meta.compacted.json` once a block
/// was merged into another.
fn sidecar(path: &Path) -> Option<(PathBuf, io::Result<Vec<u8>>)> {
    let name = path.file_name()?.to_string_lossy();
    if path.as_os_str() == STANDARD_INPUT {
        return None;
    }
    let mut names = Vec::new();
    names.extend(name.strip_suffix(DATA_FILE).map(|prefix| format!("{prefix}meta.json")));
    names.extend(path.file_stem().map(|stem| format!("{}.meta.json", stem.to_string_lossy())));
    names.extend(["meta.json".to_owned(), "meta.compacted.json".to_owned()]);
    if object_stores::is_url(path) {
        let beside = |name: String| {
            Some((path.with_file_name(&name), object_stores::read_beside(path, &name, MAX_SIDECAR_BYTES)?))
        };
        return names.into_iter().find_map(beside);
    }
    names.into_iter().map(|name| path.with_file_name(name)).find_map(|path| {
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(MAX_SIDECAR_BYTES).read_to_end(&mut bytes)) {
            // Below a file there is nothing: an archive has its own.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            read => Some((path, read.map(|_| bytes))),
        }
    })
}

/// Columns are counted for each scope and type, in the order of the list.
fn parse(meta: &[u8]) -> Result<Vec<Dedicated>, serde_json::Error> {
    let meta: Meta = serde_json::from_slice(meta)?;
    let mut dedicated: Vec<Dedicated> = Vec::new();
    for MetaColumn { scope, name, kind, options } in meta.dedicated_columns.unwrap_or_default() {
        let scope = match scope.as_str() {
            "resource" => Scope::Resource,
            "" | "span" => Scope::Span,
            "event" => Scope::Event,
            _ => continue,
        };
        let kind = match kind.as_str() {
            "" | "string" => STRING,
            "int" => INT,
            _ => continue,
        };
        let before = dedicated.iter().filter(|known| known.scope == scope && known.column.starts_with(kind)).count();
        let is_array = options.is_some_and(|options| options.iter().any(|option| option == "array"));
        dedicated.push(Dedicated { scope, column: format!("{kind}{:02}", before + 1), key: name, is_array });
    }
    Ok(dedicated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_by_scope_and_type() {
        let meta =
            br#"{"format":"vParquet5","dedicatedColumns":[{"s":"resource","n":"ip"},{"n":"a"},{"n":"n","t":"int"},
            {"n":"b","o":["array"]},{"s":"event","n":"e"},{"s":"other","n":"o"},{"n":"f","t":"float"},{"n":"c"}]}"#;
        let told: Vec<String> = parse(meta)
            .expect("JSON")
            .into_iter()
            .map(|of| format!("{} {} {} {}", of.scope.as_str(), of.column, of.key, of.is_array))
            .collect();
        assert_eq!(
            told,
            [
                "resource String01 ip false",
                "span String01 a false",
                "span Int01 n false",
                "span String02 b true",
                "event String01 e false",
                "span String03 c false"
            ]
        );
        assert!(parse(br#"{"a":1}"#).is_err());
    }

    #[test]
    fn the_nearest_description_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let key_beside = |name: &str| {
            let read = read(&folder.path().join(name), None).expect("readable");
            read.map(|dedicated| dedicated[0].key.clone())
        };
        assert_eq!(key_beside("data.parquet"), None);
        for name in ["meta.compacted.json", "meta.json", "x.meta.json", "y.meta.json"] {
            let meta = format!(r#"{{"format":"vParquet4","dedicatedColumns":[{{"n":"{name}"}}]}}"#);
            std::fs::write(folder.path().join(name), meta).expect("written");
            if name == "meta.compacted.json" {
                assert_eq!(key_beside("data.parquet").as_deref(), Some(name));
            }
        }
        assert_eq!(key_beside("data.parquet").as_deref(), Some("meta.json"));
        assert_eq!(key_beside("x.data.parquet").as_deref(), Some("x.meta.json"));
        assert_eq!(key_beside("y.parquet").as_deref(), Some("y.meta.json"));
        assert_eq!(read(Path::new(STANDARD_INPUT), None), Ok(None));
    }
}
