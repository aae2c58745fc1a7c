//! Memory of the adapter's own: blocks of powers of two, and the end of the heap for what grows.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{copy_nonoverlapping, null_mut};

const PAGE_BYTES: usize = 64 * 1024;
const SMALLEST: u32 = 4;
/// Blocks of this size and more are given out as whole pages.
const LARGE: usize = 1 << 20;

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Blocks { free: [0; 32], next: 0, end: 0 }));

struct Heap(UnsafeCell<Blocks>);

/// Freed blocks by the logarithm of their size, each with the address of the next in it, and what was never used.
struct Blocks {
    free: [usize; 32],
    next: usize,
    end: usize,
}

// SAFETY: a sandbox has one thread.
unsafe impl Sync for Heap {}

/// What a block for this layout takes.
fn class_of(layout: Layout) -> u32 {
    let bytes = layout.size().max(layout.align()).max(1 << SMALLEST);
    usize::BITS - (bytes - 1).leading_zeros()
}

impl Blocks {
    fn take(&mut self, class: u32) -> usize {
        let Some(first) = self.free.get_mut(class as usize) else { return 0 };
        if *first == 0 {
            return self.grow(1 << class);
        }
        let block = *first;
        // SAFETY: a freed block is ours, and begins with the address of the next.
        *first = unsafe { *(block as *const usize) };
        block
    }

    /// A block that was never used.
    fn grow(&mut self, bytes: usize) -> usize {
        if self.next == 0 {
            let begin = core::arch::wasm32::memory_size(0) * PAGE_BYTES;
            (self.next, self.end) = (begin, begin);
        }
        let align = bytes.min(PAGE_BYTES);
        let begin = self.next.next_multiple_of(align);
        if self.reserve(begin, bytes) {
            self.next = begin + bytes;
            begin
        } else {
            0
        }
    }

    /// Whether there is memory from `begin` on.
    fn reserve(&mut self, begin: usize, bytes: usize) -> bool {
        let Some(end) = begin.checked_add(bytes) else { return false };
        if end <= self.end {
            return true;
        }
        let pages = (end - self.end).div_ceil(PAGE_BYTES);
        if core::arch::wasm32::memory_grow(0, pages) == usize::MAX {
            return false;
        }
        self.end += pages * PAGE_BYTES;
        true
    }
}

// SAFETY: blocks are aligned to their size or a page, and no two overlap.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: there is one thread, and nothing here is called again from within.
        unsafe { (*self.0.get()).take(class_of(layout)) as *mut u8 }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; the block is nobody's any more, and has room for an address.
        unsafe {
            let first = &mut (*self.0.get()).free[class_of(layout) as usize];
            (block as usize as *mut usize).write(*first);
            *first = block as usize;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; the caller promises that the new layout is one.
        unsafe {
            let new = Layout::from_size_align_unchecked(size, layout.align());
            let (old_class, new_class) = (class_of(layout), class_of(new));
            if old_class == new_class {
                return block;
            }
            let heap = &mut *self.0.get();
            let (begin, bytes) = (block as usize, 1 << old_class);
            // The last block grows where it is: a large file is not copied, and leaves nothing behind.
            if bytes >= LARGE && new_class > old_class && begin + bytes == heap.next {
                let wanted = 1usize.checked_shl(new_class).unwrap_or(usize::MAX);
                if !heap.reserve(begin, wanted) {
                    return null_mut();
                }
                heap.next = begin + wanted;
                return block;
            }
            let moved = self.alloc(new);
            if !moved.is_null() {
                copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
