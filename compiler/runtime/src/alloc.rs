//! The allocator: free lists by size class over a growing heap.
//!
//! Blocks have no header; whoever frees one knows its size. Classes are multiples of 16 bytes up to
//! 128, then four to each doubling. The topmost block of the heap grows and shrinks in place.

use crate::mem::{load, store};
use crate::raise::memory_error;
use crate::state::{BUMP, FREE, LIMIT, heap_start};

const PAGE_BYTES: u64 = 65536;
/// Memory is asked for in steps of 16 pages, if that many are to be had.
const STEP_PAGES: u64 = 16;
/// Largest block: half of what can be addressed.
const BLOCK_BYTES_MAX: u64 = 1 << 31;

/// Number and rounded size of the class for `size`, which is at most [`BLOCK_BYTES_MAX`].
#[inline]
fn class(size: u32) -> (u32, u32) {
    if size <= 128 {
        let steps = (size + 15) >> 4;
        let steps = if steps == 0 { 1 } else { steps };
        return (steps - 1, steps << 4);
    }
    let shift = 29 - (size - 1).leading_zeros();
    let quarters = ((size - 1) >> shift) + 1;
    (shift * 4 + quarters - 17, quarters << shift)
}

/// Allocates `size` bytes, aligned to 16.
#[inline(never)]
pub fn alloc(size: u64) -> Option<u32> {
    if size > BLOCK_BYTES_MAX {
        return memory_error();
    }
    let (class, size) = class(size as u32);
    let head = FREE + class * 4;
    let block: u32 = load(head);
    if block != 0 {
        store(head, load::<u32>(block));
        return Some(block);
    }
    extend(size)
}

/// Takes `size` bytes from the end of the heap.
#[inline(never)]
fn extend(size: u32) -> Option<u32> {
    let mut bump = BUMP.get();
    if bump == 0 {
        bump = heap_start();
        LIMIT.set(pages_end(memory_pages()));
    }
    let end = u64::from(bump) + u64::from(size);
    if end > u64::from(LIMIT.get()) && !grow(end) {
        return memory_error();
    }
    BUMP.set(end as u32);
    Some(bump)
}

fn grow(end: u64) -> bool {
    let pages = memory_pages();
    let missing = (end - pages * PAGE_BYTES).div_ceil(PAGE_BYTES);
    if end >= 1 << 32 {
        return false;
    }
    let wanted = if missing < STEP_PAGES { STEP_PAGES } else { missing + missing / 8 };
    if memory_grow(wanted) || memory_grow(missing) {
        LIMIT.set(pages_end(memory_pages()));
        return true;
    }
    false
}

/// End of memory; the very last 16 bytes are left unused so that it fits.
fn pages_end(pages: u64) -> u32 {
    let end = pages * PAGE_BYTES;
    if end >= 1 << 32 { 0xffff_fff0 } else { end as u32 }
}

fn memory_pages() -> u64 {
    core::arch::wasm32::memory_size(0) as u64
}

fn memory_grow(pages: u64) -> bool {
    pages <= 65536 && core::arch::wasm32::memory_grow(0, pages as usize) != usize::MAX
}

/// Frees a block of `size` bytes, as it was asked for. What a constant held is left alone.
#[inline(never)]
pub fn free(block: u32, size: u32) {
    if block < heap_start() {
        return;
    }
    let (class, size) = class(size);
    if size > 128 && block + size == BUMP.get() {
        BUMP.set(block);
        return;
    }
    let head = FREE + class * 4;
    store(block, load::<u32>(head));
    store(head, block);
}

/// Moves a block to a larger or smaller one, with its first bytes.
#[inline(never)]
pub fn resize(block: u32, old: u32, new: u64) -> Option<u32> {
    if new > BLOCK_BYTES_MAX {
        return memory_error();
    }
    let old_size = class(old).1;
    let new_size = class(new as u32).1;
    // A constant's elements end where they end; only blocks of ours fill their class.
    if old_size == new_size && block >= heap_start() {
        return Some(block);
    }
    if new_size > old_size && old_size > 128 && block + old_size == BUMP.get() {
        extend(new_size - old_size)?;
        return Some(block);
    }
    let moved = alloc(new)?;
    let kept = if (new as u32) < old { new as u32 } else { old };
    crate::mem::copy(moved, block, kept);
    free(block, old);
    Some(moved)
}

/// The canonical ABI's allocation function: the host calls it for arguments and messages.
#[unsafe(no_mangle)]
pub extern "C" fn cabi_realloc(_old: u32, _old_size: u32, _align: u32, size: u32) -> u32 {
    match alloc(u64::from(size)) {
        Some(block) => block,
        None => core::arch::wasm32::unreachable(),
    }
}
