//! The component calling convention, as far as a closure's own exports need it. What is unsafe is here and in `imports`.

use std::sync::OnceLock;

use serde::Serialize;

use crate::codec::ClassTable;
use crate::exception::Exception;
use crate::signature::Function;

/// What `define` was told: names of the classes that Python has, and their index.
static CLASSES: OnceLock<Vec<(String, u32)>> = OnceLock::new();

/// Names of structs and exceptions that Python has a class for.
pub(crate) fn class_table() -> &'static ClassTable {
    CLASSES.get().map_or(&[], Vec::as_slice)
}

/// What a call returns, where the canonical ABI looks for it: which case, and a list.
#[repr(C)]
#[derive(Debug)]
pub struct Returned {
    is_error: u32,
    pointer: *mut u8,
    length: usize,
}

fn returned_list(is_error: bool, bytes: Vec<u8>) -> *mut Returned {
    let bytes = Box::leak(bytes.into_boxed_slice());
    let returned =
        Returned { is_error: is_error.into(), pointer: bytes.as_mut_ptr(), length: bytes.len() };
    Box::into_raw(Box::new(returned))
}

/// Frees what a call returned, and its list.
///
/// # Safety
/// `returned` comes from [`call`] or [`define`], and is not used again.
pub unsafe fn free_returned(returned: *mut Returned) {
    // SAFETY: `returned_list` made both of boxes.
    unsafe {
        let returned = Box::from_raw(returned);
        drop(list(returned.pointer, returned.length));
    }
}

/// A list that the host wrote, or that was made by `returned_list`.
///
/// # Safety
/// It is one allocation of `length` bytes without alignment, and nobody else's.
pub(crate) unsafe fn list(pointer: *mut u8, length: usize) -> Vec<u8> {
    let bytes = std::ptr::slice_from_raw_parts_mut(pointer, length);
    // SAFETY: see above; `cabi_realloc` and boxed slices allocate alike.
    unsafe { Box::from_raw(bytes) }.into_vec()
}

/// Runs a closure for one task.
///
/// # Safety
/// The arguments are a list that the host wrote.
pub unsafe fn call(
    pointer: *mut u8,
    length: usize,
    function: &'static Function,
    run: fn(&[u8]) -> Result<Vec<u8>, Exception>,
) -> *mut Returned {
    // SAFETY: the caller's promise.
    let arguments = unsafe { list(pointer, length) };
    function.enter();
    crate::panic::install();
    match run(&arguments) {
        Ok(value) => returned_list(false, value),
        Err(exception) => returned_list(true, exception.to_record()),
    }
}

/// Takes the class table: an array of names, each of a class at its place.
///
/// # Safety
/// The payload is a list that the host wrote.
pub unsafe fn define(
    pointer: *mut u8,
    length: usize,
    function: &'static Function,
) -> *mut Returned {
    // SAFETY: the caller's promise.
    let payload = unsafe { list(pointer, length) };
    function.enter();
    match crate::from_bytes::<Vec<String>>(&payload) {
        Ok(names) => {
            // A second definition of an instance says the same.
            let _ = CLASSES.set(names.into_iter().zip(0..).collect());
            returned_list(false, Vec::new())
        }
        Err(error) => returned_list(true, Exception::at(function, &error).to_record()),
    }
}

/// What a closure returned, in the codec.
///
/// # Errors
/// If it cannot be written.
pub fn returned<T: Serialize>(
    value: &T,
    function: &'static Function,
) -> Result<Vec<u8>, Exception> {
    crate::to_bytes(value).map_err(|error| {
        Exception::at(function, &format!("the result of {}(): {error}", function.name))
    })
}

/// How the host gets memory for what it hands over.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_size: usize,
    align: usize,
    size: usize,
) -> *mut u8 {
    use std::alloc::{Layout, alloc, handle_alloc_error, realloc};
    if size == 0 {
        return std::ptr::without_provenance_mut(align);
    }
    // SAFETY: hosts give a power of two, and what this returned before.
    unsafe {
        let layout = Layout::from_size_align_unchecked(size, align);
        let made = if old_size == 0 {
            alloc(layout)
        } else {
            realloc(old, Layout::from_size_align_unchecked(old_size, align), size)
        };
        if made.is_null() { handle_alloc_error(layout) } else { made }
    }
}
