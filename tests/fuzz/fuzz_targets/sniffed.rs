//! Bytes of any format, recognised as a user's file is.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tracescan_fuzz::read(bytes, None));
