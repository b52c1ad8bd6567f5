//! Messages after their lengths as varints.
#![no_main]

use tracescan::ingest::InputFormat;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tracescan_fuzz::read(bytes, Some(InputFormat::VarintDelimited)));
