//! Any bytes as frames.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spm_fuzz::frame(bytes));
