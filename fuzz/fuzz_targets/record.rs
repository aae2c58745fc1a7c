//! Any bytes as records.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spm_fuzz::record(bytes));
