//! Panics: they end the task with an exception, as nothing unwinds here.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::exception::{Class, Exception};

/// Has panics become exceptions from here on.
pub(crate) fn install() {
    static IS_INSTALLED: AtomicBool = AtomicBool::new(false);
    if cfg!(target_arch = "wasm32") && !IS_INSTALLED.swap(true, Ordering::Relaxed) {
        std::panic::set_hook(Box::new(|info| crate::imports::raise(&exception(info).to_record())));
    }
}

fn exception(info: &PanicHookInfo<'_>) -> Exception {
    let text = info.payload_as_str().unwrap_or("the closure panicked");
    match info.location() {
        Some(location) => Exception::made(class(text) as u32, text.to_owned(), location),
        None => Exception::new(class(text), text),
    }
}

/// Rust's own panics have texts, and no types.
fn class(text: &str) -> Class {
    if text.starts_with("index out of bounds") || text.starts_with("range ") {
        Class::IndexError
    } else if text.starts_with("attempt to ") && text.ends_with("with overflow") {
        Class::OverflowError
    } else if text.starts_with("attempt to ") && text.ends_with(" zero") {
        Class::ZeroDivisionError
    } else if text.starts_with("assertion ") {
        Class::AssertionError
    } else {
        Class::RuntimeError
    }
}
