//! What trace states say of sampling, each looked at once.

use arrow::array::RecordBatch;

use super::mapping::dialect::Place;
use super::table::BatchColumns;
use crate::conventions::TraceStateSampling;
use crate::ingest::parquet::file::dictionaries::text_dictionary::TextDictionary;
use crate::span::TraceId;

/// The column of trace states.
pub(crate) struct TraceStates {
    pub(crate) place: Place,
    indices: Vec<u32>,
    texts: TextDictionary,
    of_indices: Vec<Option<TraceStateSampling>>,
    /// The adjusted counts that occurred; a row's is named by its number here plus 1.
    counts: Vec<f64>,
}

impl TraceStates {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            indices: Vec::new(),
            texts: TextDictionary::default(),
            of_indices: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Whether so many texts are kept that it is time to begin anew.
    pub(crate) fn is_large(&self) -> bool {
        self.texts.is_large()
    }

    /// Reads the rows of a batch.
    pub(crate) fn read(&mut self, columns: &BatchColumns, batch: &RecordBatch) {
        self.indices.clear();
        if let Some(column) = columns.get(batch, self.place) {
            self.texts.read(column, &mut self.indices);
        }
        let texts = &self.texts;
        let looked_at = self.of_indices.len();
        self.of_indices.extend((looked_at..texts.len()).map(|index| TraceStateSampling::of(texts.text(index as u32))));
    }

    /// Number of the adjusted count of the span at `row`; 0 for none.
    pub(crate) fn number_at(&mut self, row: usize, trace_id: TraceId, inconsistent: &mut u64) -> u32 {
        let Some(&index) = self.indices.get(row) else { return 0 };
        let Some(sampling) = self.of_indices[index as usize] else { return 0 };
        let Some(count) = sampling.adjusted_count(trace_id) else {
            *inconsistent += 1;
            return 0;
        };
        let number = self.counts.iter().position(|known| *known == count).unwrap_or_else(|| {
            self.counts.push(count);
            self.counts.len() - 1
        });
        number as u32 + 1
    }

    /// The adjusted count with the number `number`; `None` for 0.
    pub(crate) fn count(&self, number: u32) -> Option<f64> {
        self.counts.get(number.checked_sub(1)? as usize).copied()
    }
}
