//! `wasi:random`.

use alloc::vec::Vec;

use super::handles::trap;
use super::layout::{Layout, give};
use crate::world;

#[unsafe(export_name = "wasi:random/random.get-random-u64")]
extern "C" fn get_random_u64() -> u64 {
    world::random()
}

#[unsafe(export_name = "wasi:random/random.get-random-bytes")]
extern "C" fn get_random_bytes(length: u64, to: u32) {
    let mut bytes = Vec::new();
    // More than its memory can hold is not to be had.
    if length > world::memory_bytes() || bytes.try_reserve(length as usize + 8).is_err() {
        trap();
    }
    while (bytes.len() as u64) < length {
        bytes.extend(world::random().to_le_bytes());
    }
    Layout::<8>::new().list(0, give(&bytes[..length as usize])).write(to);
}

#[unsafe(export_name = "wasi:random/insecure.get-insecure-random-u64")]
extern "C" fn get_insecure_random_u64() -> u64 {
    world::random()
}

#[unsafe(export_name = "wasi:random/insecure.get-insecure-random-bytes")]
extern "C" fn get_insecure_random_bytes(length: u64, to: u32) {
    get_random_bytes(length, to);
}

#[unsafe(export_name = "wasi:random/insecure-seed.insecure-seed")]
extern "C" fn insecure_seed(to: u32) {
    Layout::<16>::new().u64(0, world::random()).u64(8, world::random()).write(to);
}
