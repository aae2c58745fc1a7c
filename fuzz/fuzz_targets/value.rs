//! Any bytes as values.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spm_fuzz::value(bytes));
