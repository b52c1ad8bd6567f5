//! Row numbers of a trace by span id.

use crate::span::SpanId;

use super::tree::{NO_ROW, Row};

/// A table with open addressing, at most half full. Reused from trace to trace.
#[derive(Debug, Default)]
pub(super) struct RowsById {
    slots: Vec<Row>,
    shift: u32,
}

/// Steps over taken slots that a row may cost on average. Ids that are not made to fall together cost less than one.
const MAX_STEPS_PER_ROW: usize = 4;

impl RowsById {
    /// Takes in the ids of rows 0, 1, …; false if an id occurs twice, or if they were chosen to fall together: then the
    /// table is of no use.
    pub(super) fn fill(&mut self, span_ids: &[SpanId]) -> bool {
        let slots = (2 * span_ids.len()).next_power_of_two().max(2);
        self.shift = 64 - slots.trailing_zeros();
        self.slots.clear();
        self.slots.resize(slots, NO_ROW);
        let mut steps_left = MAX_STEPS_PER_ROW * span_ids.len();
        for (row, &id) in (0..).zip(span_ids) {
            let mut slot = self.first_slot(id);
            while self.slots[slot] != NO_ROW {
                if span_ids[self.slots[slot] as usize] == id || steps_left == 0 {
                    return false;
                }
                steps_left -= 1;
                slot = (slot + 1) & (slots - 1);
            }
            self.slots[slot] = row;
        }
        true
    }

    /// The row with this id; [`NO_ROW`] if there is none. `span_ids` are those that were taken in.
    pub(super) fn row_of(&self, id: SpanId, span_ids: &[SpanId]) -> Row {
        let mut slot = self.first_slot(id);
        loop {
            let row = self.slots[slot];
            if row == NO_ROW || span_ids[row as usize] == id {
                return row;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// Ids may be random or counted up: multiplying by the golden ratio spreads both.
    fn first_slot(&self, id: SpanId) -> usize {
        (id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found() {
        let mut rows = RowsById::default();
        for count in [0u64, 1, 2, 1_000] {
            let ids: Vec<SpanId> = (1..=count).map(|number| SpanId(number << 20)).collect();
            assert!(rows.fill(&ids));
            assert!(ids.iter().zip(0..).all(|(&id, row)| rows.row_of(id, &ids) == row));
            assert_eq!(rows.row_of(SpanId(7), &ids), NO_ROW);
        }
    }

    /// Neither ids that repeat nor ids that were made to share a slot are taken.
    #[test]
    fn what_does_not_fit_is_refused() {
        let mut rows = RowsById::default();
        assert!(!rows.fill(&[SpanId(1), SpanId(2), SpanId(1)]));
        const INVERSE_OF_RATIO: u64 = 0xf1de_83e1_9937_733d;
        let ids: Vec<SpanId> = (1..=1_000u64).map(|number| SpanId(number.wrapping_mul(INVERSE_OF_RATIO))).collect();
        assert!(!rows.fill(&ids));
    }
}
