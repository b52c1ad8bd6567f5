//! Columns that tell the spans that failed and not how the others ended (`error`, `has_error`): a flag, or the text of what
//! went wrong.

use crate::conventions::is_one_of;
use crate::span::StatusCode;

/// What stands for "no error", beside zero and nothing.
const NO_ERROR: [&str; 7] = ["false", "no", "none", "null", "nil", "unset", "status_code_unset"];
const SUCCESS: [&str; 2] = ["ok", "status_code_ok"];
/// What stands for "an error" and says nothing of it, beside one.
const ERROR: [&str; 4] = ["true", "yes", "error", "status_code_error"];

/// The status of a span of which such a column says `text`.
pub(crate) fn status_of_failure(text: &str) -> StatusCode {
    let text = text.trim();
    // What writers that know no nulls put for them is no number either.
    let is_zero = text.parse().is_ok_and(|number: f64| number == 0.0 || number.is_nan());
    if text.is_empty() || is_zero || is_one_of(text, &NO_ERROR) {
        StatusCode::Unset
    } else if is_one_of(text, &SUCCESS) {
        StatusCode::Ok
    } else {
        StatusCode::Error
    }
}

/// What went wrong, if `text` is more than a flag.
pub(crate) fn message_of_failure(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_one = text.parse().is_ok_and(|number: f64| number == 1.0);
    (status_of_failure(text) == StatusCode::Error && !is_one && !is_one_of(text, &ERROR)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One is a failure here, whatever OTLP's number of success is.
    #[test]
    fn flags_and_messages_are_told_apart() {
        for none in ["", " ", "0", "0.0", "-0", "false", "False", "None", "NaN", "null", "Unset"] {
            assert_eq!((status_of_failure(none), message_of_failure(none)), (StatusCode::Unset, None), "{none}");
        }
        for flag in ["1", "1.0", "true", "TRUE", "ERROR", "STATUS_CODE_ERROR"] {
            assert_eq!((status_of_failure(flag), message_of_failure(flag)), (StatusCode::Error, None), "{flag}");
        }
        for message in ["timeout", "404", "dial tcp 10.0.0.1:80: is it ok"] {
            assert_eq!((status_of_failure(message), message_of_failure(message)), (StatusCode::Error, Some(message)));
        }
        assert_eq!((status_of_failure("OK"), message_of_failure("OK")), (StatusCode::Ok, None));
    }
}
