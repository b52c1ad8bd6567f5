//! The texts of a column, each once, and which of them its rows have.

pub(crate) mod dictionary_indices;
pub(crate) mod file_dictionary;
pub(crate) mod normalised_dictionary;
pub(crate) mod text_dictionary;
