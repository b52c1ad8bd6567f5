//! What is kept of a column of values that are no part of signatures: of each value of the file's dictionary it is worked out
//! once.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int32Type;

use super::cells::text_at;
use super::dictionaries::file_dictionary::FileDictionary;
use crate::conventions::OwnAttribute;

/// What is kept of the values of one column.
#[derive(Debug, Default)]
pub(crate) struct OwnTexts {
    dictionary: FileDictionary,
    /// By the keys of the file's dictionary, as values of what.
    of_keys: Vec<Option<(OwnAttribute, u64)>>,
}

impl OwnTexts {
    /// Prepares [`Self::kept_at`] for the rows of `column`.
    pub(crate) fn begin(&mut self, column: &ArrayRef) {
        if let Some(column) = column.as_dictionary_opt::<Int32Type>()
            && self.dictionary.changes_to(column.values())
        {
            self.of_keys.clear();
            self.of_keys.resize(column.values().len(), None);
        }
    }

    /// What is kept of the value of `attribute` at `row` of the column that was begun last; 0 if there is none.
    pub(crate) fn kept_at(&mut self, attribute: OwnAttribute, column: &ArrayRef, row: usize) -> u64 {
        if column.is_null(row) {
            return 0;
        }
        match column.as_dictionary_opt::<Int32Type>() {
            Some(column) => self.kept_of_key(attribute, column.values(), column.keys().value(row) as usize),
            None => attribute.value_of(&text_at(column, row)),
        }
    }

    /// What is kept of the value of `attribute` with the key `key` of the dictionary that was begun last.
    pub(crate) fn kept_of_key(&mut self, attribute: OwnAttribute, dictionary: &ArrayRef, key: usize) -> u64 {
        let Some(known) = self.of_keys.get_mut(key) else { return 0 };
        if let Some((of, kept)) = *known
            && of == attribute
        {
            return kept;
        }
        let kept = attribute.value_of(&text_at(dictionary, key));
        *known = Some((attribute, kept));
        kept
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{DictionaryArray, Int32Array, StringArray};

    use super::*;

    /// Rows of dictionaries and of texts say the same, whatever was kept of another dictionary or as another attribute.
    #[test]
    fn dictionaries_say_what_texts_say() {
        let mut texts = OwnTexts::default();
        for values in [["a", "7", ""], ["8", "b", "c"]] {
            let keys = [Some(1), Some(0), None, Some(1), Some(2), Some(0)];
            let rows: ArrayRef =
                Arc::new(keys.iter().map(|key| key.map(|key: i32| values[key as usize])).collect::<StringArray>());
            let dictionary: ArrayRef = Arc::new(DictionaryArray::new(
                Int32Array::from(keys.to_vec()),
                Arc::new(StringArray::from(values.to_vec())),
            ));
            for column in [dictionary, rows] {
                texts.begin(&column);
                for attribute in [OwnAttribute::Instance, OwnAttribute::MessageBodySize, OwnAttribute::Instance] {
                    let kept: Vec<u64> = (0..keys.len()).map(|row| texts.kept_at(attribute, &column, row)).collect();
                    let value = |key: i32| attribute.value_of(values[key as usize]);
                    let expected: Vec<u64> = keys.iter().map(|key| key.map_or(0, value)).collect();
                    assert_eq!(kept, expected, "{attribute:?}");
                }
            }
        }
    }
}
