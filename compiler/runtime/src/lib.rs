//! The guest runtime: what compiled Python calls inside its sandbox.
//!
//! A library for one Wasm memory, not a program: the compiler's linker copies the functions that a
//! closure reaches. `compiler/src/abi.rs` is its reference; [`shared`] holds the numbers both sides
//! use. There are no statics but read-only ones (all state is at fixed addresses, see
//! [`state`]), no function tables, and no panics: data would have to come along with every closure.
#![no_std]
#![allow(
    non_snake_case,
    reason = "`__flat` marks the variant of a function without dicts and sets, `__plain` that without classes, `__whole` that \
              without floats, `__mute` that without text, `__sole` that without unions"
)]

mod alloc;
mod bignum;
mod buffer;
mod bytes;
mod call;
mod case;
mod cbor_text;
mod collectives;
mod compare;
mod decimal;
mod decode;
mod dict;
mod elementary;
mod encode;
mod erfc;
mod exception;
mod float;
mod float_text;
mod format;
mod format_float;
mod format_spec;
mod gamma;
mod hash;
mod int;
mod int_text;
mod list;
mod list_column;
mod list_search;
mod list_slice;
mod list_sort;
mod managed;
mod math;
mod math_int;
mod math_more;
mod mem;
mod message;
mod object;
mod objects;
mod precise;
mod print;
mod raise;
mod random;
mod range;
mod repr;
mod set;
mod set_items;
#[allow(dead_code, reason = "some numbers are for the compiler alone")]
mod shared;
mod state;
mod str_find;
mod str_is;
mod str_make;
mod str_split;
mod table;
mod task;
mod team;
mod text;
mod unicode;
mod unicode_tables;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
