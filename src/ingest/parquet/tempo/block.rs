//! Blocks of Grafana Tempo: vParquet3, vParquet4 and vParquet5, those from before their releases included.
//!
//! A row is what a block has of one trace, with resources, scopes and spans nested in it. Both ways of reading go through
//! span records; the fast one reads only the columns that the analysis asks for, and several row groups, or parts of one,
//! at once. A row group is the unit of damage: what cannot be decoded costs the rest of it and nothing else.

use std::ops::Range;

use arrow::datatypes::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescriptor;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::attributes::WantedAttributes;
use super::dedicated::{self, Dedicated, Scope};
use super::spans::{RESOURCE_COLUMNS, SPAN_COLUMNS, read_batch};
use crate::conventions::OwnAttributes;
use crate::frame::{Collecting, FrameBuilder, SpanSink, Wanted as WantedOfSpans};
use crate::ingest::parquet::file::footer::Footer;
use crate::ingest::parquet::file::guard::guarded;
use crate::ingest::parquet::outcome::ParquetRead;
use crate::ingest::{IngestError, IngestWarning, Progress};
use crate::span::{Origin, SkipReason, SpanRecord};

/// About so many spans are decoded at once.
const BATCH_SPANS: u64 = 8 * 1024;

/// At most so many traces are decoded at once.
const MAX_BATCH_ROWS: u64 = 256;

/// Columns without which there are no spans.
const NEEDED: [&str; 4] =
    ["rs.ss.Spans.SpanID", "rs.ss.Spans.Name", "rs.ss.Spans.StartTimeUnixNano", "rs.ss.Spans.DurationNano"];

/// The columns beside attributes that the analysis needs.
const ANALYSED: [&str; 14] = [
    "TraceID",
    "rs.Resource.ServiceName",
    "rs.ss.Spans.SpanID",
    "rs.ss.Spans.ParentSpanID",
    "rs.ss.Spans.Name",
    "rs.ss.Spans.Kind",
    "rs.ss.Spans.TraceState",
    "rs.ss.Spans.StartTimeUnixNano",
    "rs.ss.Spans.DurationNano",
    "rs.ss.Spans.StatusCode",
    "rs.ss.Spans.StatusMessage",
    "rs.ss.Spans.Events.Name",
    "rs.ss.Spans.Links",
    "rs.ss.Spans.Links.SpanID",
];

/// Attribute lists that the analysis needs.
const ANALYSED_LISTS: [&str; 4] =
    ["rs.Resource.Attrs.", "rs.ss.Spans.Attrs.", "rs.ss.Spans.Events.Attrs.", "rs.ss.Spans.Links.Attrs."];

/// Where dedicated columns stand.
const DEDICATED_GROUPS: [(Scope, &str); 3] = [
    (Scope::Resource, "rs.Resource.DedicatedAttributes."),
    (Scope::Span, "rs.ss.Spans.DedicatedAttributes."),
    (Scope::Event, "rs.ss.Spans.Events.DedicatedAttributes."),
];

/// Whether the file's columns are those of a block.
pub(crate) fn is_block(footer: &Footer) -> bool {
    let type_of = |name| footer.metadata.schema().field_with_name(name).ok().map(|field| field.data_type());
    matches!(type_of("rs"), Some(DataType::List(_))) && matches!(type_of("TraceID"), Some(DataType::Binary))
}

/// An open block.
#[derive(Debug)]
struct Block {
    footer: Footer,
    format: &'static str,
    /// Where each of the file's columns stands, without what only says that something is a list.
    paths: Vec<String>,
    dedicated: Vec<Dedicated>,
    warning: Option<IngestWarning>,
}

impl Block {
    /// Finds the columns, and the names of those that do not say them.
    fn of(footer: Footer) -> Result<Self, IngestError> {
        let columns = footer.parquet().file_metadata().schema_descr().columns();
        let paths: Vec<String> = columns.iter().map(|column| plain_path(column)).collect();
        let has = |path: &str| paths.iter().any(|known| known == path);
        if let Some(missing) = NEEDED.into_iter().find(|needed| !has(needed)) {
            return Err(IngestError::Unsupported {
                path: footer.path,
                what: format!("a Tempo block without the column {missing}"),
                advice: "give blocks of vParquet3 or later, to which Tempo's compactor brings older ones".to_owned(),
            });
        }
        let is_fifth = has("rs.ss.SpanCount") || has("rs.ss.Spans.StartTimeRounded15");
        let has_lists_of_values = has("rs.ss.Spans.Attrs.IsArray") || has("rs.ss.Spans.Attrs.ValueType");
        let format = match (is_fifth, has_lists_of_values) {
            (true, _) => "tempo_vparquet5",
            (false, true) => "tempo_vparquet4",
            (false, false) => "tempo_vparquet3",
        };
        let in_groups = || {
            DEDICATED_GROUPS.into_iter().flat_map(|(scope, group)| {
                let places = paths.iter().enumerate();
                places.filter_map(move |(place, path)| Some((scope, path.strip_prefix(group)?, place)))
            })
        };
        let mut reason = None;
        let named = dedicated::read(&footer.path, footer.file.description()).unwrap_or_else(|error| {
            reason = Some(error);
            None
        });
        let is_named = |scope: Scope, column: &str| {
            named.iter().flatten().any(|known: &Dedicated| known.scope == scope && known.column == column)
        };
        // Older blocks have these columns whether or not anything is kept in them.
        let lacks_a_name =
            || in_groups().any(|(scope, column, place)| !is_named(scope, column) && holds_values(&footer, place));
        let reason = reason.or_else(|| match &named {
            None if is_fifth || lacks_a_name() => Some("no meta.json lies beside it".to_owned()),
            Some(_) if !is_fifth && lacks_a_name() => {
                Some("its meta.json does not name all of those that hold something".to_owned())
            }
            _ => None,
        });
        let warning = reason.filter(|_| in_groups().next().is_some()).map(|reason| IngestWarning::UnnamedColumns {
            path: footer.path.clone(),
            reason,
            taken: if is_fifth {
                "the names that Tempo has by default"
            } else {
                "tempo.dedicated.span.string01 and so on"
            },
        });
        let named = named.unwrap_or_else(|| if is_fifth { dedicated::defaults() } else { Vec::new() });
        let dedicated = in_groups()
            .map(|(scope, column, _)| {
                let known = named.iter().find(|known| known.scope == scope && known.column == column);
                known.cloned().unwrap_or_else(|| Dedicated::unnamed(scope, column))
            })
            .collect();
        Ok(Self { footer, format, paths, dedicated, warning })
    }

    fn report(&mut self) -> ParquetRead {
        let mut mapping = format!("{}:", self.format);
        let is_named = |column: &&Dedicated| **column != Dedicated::unnamed(column.scope, &column.column);
        for Dedicated { scope, column, key, .. } in self.dedicated.iter().filter(is_named) {
            mapping.push_str(&format!("\n  {} attribute {key} = {column}", scope.as_str()));
        }
        let mut read = ParquetRead::new(self.format, mapping);
        read.warnings.extend(self.warning.take());
        read
    }

    /// Whether the analysis needs the column at `path`.
    fn is_analysed(&self, path: &str, wanted: WantedOfSpans) -> bool {
        let is_dedicated = || {
            DEDICATED_GROUPS.into_iter().any(|(scope, group)| {
                let of_scope = match scope {
                    Scope::Resource => WantedAttributes::KnownOfResources(wanted.own),
                    Scope::Span => WantedAttributes::Known(wanted),
                    Scope::Event => WantedAttributes::OfExceptions,
                };
                let mut columns = self.dedicated.iter().filter(|dedicated| dedicated.scope == scope);
                path.strip_prefix(group).is_some_and(|column| {
                    columns.any(|dedicated| dedicated.column == column && of_scope.takes(&dedicated.key))
                })
            })
        };
        let is_span_column = || {
            let of_span = path.strip_prefix("rs.ss.Spans.");
            of_span.is_some_and(|of_span| SPAN_COLUMNS.iter().any(|(column, _)| *column == of_span))
        };
        let is_resource_column = || {
            let of_resource = path.strip_prefix("rs.Resource.");
            let is_asked = |key: &str| wanted.own.of_resource_key(key).is_some();
            of_resource.is_some_and(|of_resource| {
                RESOURCE_COLUMNS.iter().any(|(column, key)| *column == of_resource && is_asked(key))
            })
        };
        ANALYSED.contains(&path)
            || ANALYSED_LISTS.iter().any(|list| path.starts_with(list))
            || is_span_column()
            || is_resource_column()
            || (wanted.takes_links() && path == "rs.ss.Spans.Links.TraceID")
            || is_dedicated()
    }

    fn columns(&self, wanted: WantedOfSpans) -> ProjectionMask {
        let leaves = self.paths.iter().enumerate().filter(|(_, path)| {
            let is_of_spans = path.starts_with("rs.") || *path == "TraceID";
            is_of_spans && (wanted.everything || self.is_analysed(path, wanted))
        });
        let schema = self.footer.parquet().file_metadata().schema_descr();
        ProjectionMask::leaves(schema, leaves.map(|(leaf, _)| leaf))
    }

    /// How many rows are decoded at once, going by how many spans a trace has in this row group.
    fn batch_rows(&self, row_group: usize) -> u64 {
        let span_ids = self.paths.iter().position(|path| path == NEEDED[0]);
        let chunk = span_ids.and_then(|leaf| self.footer.parquet().row_group(row_group).columns().get(leaf));
        let spans = chunk.map_or(0, |chunk| u64::try_from(chunk.num_values()).unwrap_or(0));
        let spans_of_row = spans / self.footer.rows_of(row_group).max(1);
        (BATCH_SPANS / spans_of_row.max(1)).clamp(1, MAX_BATCH_ROWS)
    }

    /// Hands every span of a piece to `sink`.
    fn read(&self, piece: &Piece, sink: &mut dyn SpanSink) -> Result<(), IngestError> {
        let mut row = self.footer.first_row_of(piece.row_group).saturating_add(piece.rows.start);
        // A panic while a batch is taken is as much the fault of hostile bytes as one while it is decoded.
        let read = guarded(|| self.read_batches(piece, sink, &mut row));
        read.map_err(|error| {
            sink.skip(SkipReason::MalformedMessage, row);
            self.footer.failure(piece.row_group, row, &error)
        })
    }

    fn read_batches(&self, piece: &Piece, sink: &mut dyn SpanSink, row: &mut u64) -> Result<(), ParquetError> {
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.footer.file.clone(), self.footer.metadata.clone())
                .with_projection(self.columns(sink.wanted().of_any_trace()))
                .with_row_groups(vec![piece.row_group])
                .with_batch_size(self.batch_rows(piece.row_group) as usize);
        if !piece.is_whole {
            let rows = (piece.rows.end - piece.rows.start) as usize;
            builder = builder.with_offset(piece.rows.start as usize).with_limit(rows);
        }
        for batch in builder.build()? {
            read_batch(&batch?, &self.dedicated, sink, row);
        }
        Ok(())
    }

    /// The row groups in at most `shares` shares, of about as many rows each; if there are fewer row groups than that, each
    /// is cut into pieces, always between the batches that would be decoded without a cut.
    fn shares(&self, shares: usize) -> Vec<Vec<Piece>> {
        let row_groups = self.footer.row_groups();
        if row_groups >= shares {
            let rows: Vec<u64> = (0..row_groups).map(|row_group| self.footer.rows_of(row_group)).collect();
            let ranges = even_ranges(&rows, shares).into_iter();
            return ranges.map(|range| range.map(|row_group| self.whole(row_group)).collect()).collect();
        }
        // A fault costs the batch that it is in and those behind it. With cuts between batches these are the same rows for any
        // number of threads.
        let pieces_of_each = (shares / row_groups.max(1)) as u64;
        let mut all = Vec::new();
        for row_group in 0..row_groups {
            let rows = self.footer.rows_of(row_group);
            let batch_rows = self.batch_rows(row_group);
            let rows_of_piece = rows.div_ceil(pieces_of_each).next_multiple_of(batch_rows);
            if rows_of_piece >= rows {
                all.push(vec![self.whole(row_group)]);
                continue;
            }
            let mut start = 0;
            while start < rows {
                let end = start.saturating_add(rows_of_piece).min(rows);
                all.push(vec![Piece { row_group, rows: start..end, is_whole: false }]);
                start = end;
            }
        }
        all
    }

    fn whole(&self, row_group: usize) -> Piece {
        Piece { row_group, rows: 0..self.footer.rows_of(row_group), is_whole: true }
    }

    fn bytes_of(&self, piece: &Piece) -> u64 {
        let rows = self.footer.rows_of(piece.row_group).max(1);
        let share = (piece.rows.end - piece.rows.start) as f64 / rows as f64;
        (self.footer.bytes_of(piece.row_group) as f64 * share) as u64
    }
}

/// Rows of a row group that are read by one thread. They are numbered within their row group.
#[derive(Clone, Debug)]
struct Piece {
    row_group: usize,
    rows: Range<u64>,
    is_whole: bool,
}

/// Whether some row has a value in the leaf column at `place`, as far as statistics tell.
fn holds_values(footer: &Footer, place: usize) -> bool {
    footer.parquet().row_groups().iter().any(|row_group| {
        let column = row_group.column(place);
        let nulls = column.statistics().and_then(|statistics| statistics.null_count_opt());
        nulls.is_some_and(|nulls| nulls < column.num_values() as u64)
    })
}

/// Where a column stands, without the levels that only say that something is a list. Their names are lower-case, and
/// those of Tempo's groups but for the outer two are not.
fn plain_path(column: &ColumnDescriptor) -> String {
    let names = column.path().parts().iter().map(String::as_str);
    let names: Vec<&str> = names.filter(|name| !matches!(*name, "list" | "element" | "item" | "array")).collect();
    names.join(".")
}

/// What one share gave.
struct ReadShare {
    builder: FrameBuilder,
    failures: Vec<(usize, IngestError)>,
}

/// Reads what the analysis needs, with as many threads as there are.
pub(crate) fn read_columns(
    footer: Footer,
    collecting: &Collecting,
    progress: &dyn Progress,
) -> Result<(Vec<FrameBuilder>, ParquetRead), IngestError> {
    let mut block = Block::of(footer)?;
    let mut read = block.report();
    let read_share = |pieces: Vec<Piece>| {
        let mut share = ReadShare { builder: FrameBuilder::of(collecting), failures: Vec::new() };
        let is_continued = !pieces[0].is_whole && pieces[0].rows.start > 0;
        let continues = is_continued.then_some(pieces[0].row_group);
        for piece in pieces {
            let before = share.builder.len();
            if let Err(failure) = block.read(&piece, &mut share.builder) {
                share.failures.push((piece.row_group, failure));
            }
            progress.advance(block.bytes_of(&piece), (share.builder.len() - before) as u64);
        }
        (continues, share)
    };
    let shares: Vec<(Option<usize>, ReadShare)> =
        block.shares(rayon::current_num_threads()).into_par_iter().map(read_share).collect();
    let mut builders = Vec::with_capacity(shares.len());
    let mut failed = None;
    for (continues, share) in shares {
        // Damage costs the rest of a row group however many threads read it.
        if continues.is_some() && continues == failed {
            continue;
        }
        for (row_group, failure) in share.failures {
            failed = Some(row_group);
            read.fail(failure);
        }
        builders.push(share.builder);
    }
    Ok((builders, read))
}

/// Hands every span, complete, to `sink`, in the order of the file.
pub(crate) fn read_records(
    footer: Footer,
    sink: &mut dyn SpanSink,
    progress: &dyn Progress,
) -> Result<ParquetRead, IngestError> {
    let mut block = Block::of(footer)?;
    let mut read = block.report();
    for row_group in 0..block.footer.row_groups() {
        let mut counted = CountedSpans { sink, spans: 0 };
        let piece = block.whole(row_group);
        if let Err(failure) = block.read(&piece, &mut counted) {
            read.fail(failure);
        }
        progress.advance(block.bytes_of(&piece), counted.spans);
    }
    Ok(read)
}

/// Counts the spans that pass through.
struct CountedSpans<'a> {
    sink: &'a mut dyn SpanSink,
    spans: u64,
}

impl SpanSink for CountedSpans<'_> {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
        self.spans += 1;
        self.sink.span(origin, span, offset);
    }

    fn skip(&mut self, reason: SkipReason, offset: u64) {
        self.sink.skip(reason, offset);
    }

    fn wants_everything(&self) -> bool {
        self.sink.wants_everything()
    }

    fn own_attributes(&self) -> OwnAttributes {
        self.sink.own_attributes()
    }

    fn sampled_level(&self) -> Option<u32> {
        self.sink.sampled_level()
    }
}

/// Row groups, whose numbers of rows are `rows`, in at most `shares` ranges of about as many rows each.
fn even_ranges(rows: &[u64], shares: usize) -> Vec<Range<usize>> {
    let rows_of_share = rows.iter().fold(0u64, |sum, &rows| sum.saturating_add(rows)).div_ceil(shares.max(1) as u64);
    let mut ranges = Vec::new();
    let (mut start, mut rows_so_far) = (0, 0u64);
    for (number, &rows_of_group) in rows.iter().enumerate() {
        rows_so_far = rows_so_far.saturating_add(rows_of_group);
        if rows_so_far >= rows_of_share || number + 1 == rows.len() {
            ranges.push(start..number + 1);
            (start, rows_so_far) = (number + 1, 0);
        }
    }
    ranges
}
