//! Memory for guests. It begins with what is left of a module's first pages, so that a small task never asks its host for
//! more: that takes longer than all else a fresh instance does.
//!
//! Blocks have sizes of a few classes, four for each power of two, and a freed block waits for another of its class. Nothing
//! is put together again: what a task frees in small pieces it cannot have back as a large one.

use std::alloc::Layout;

/// Every size is a multiple of this, and every block is aligned to it.
const STEP: usize = 16;
/// Classes of sizes up to 4 GiB.
const CLASSES: usize = 4 * 28;

/// Blocks that are free, by class, and memory that was never used.
pub(crate) struct Heap {
    free: [usize; CLASSES],
    next: usize,
    end: usize,
}

/// The class of a size, and the size of that class's blocks.
fn class_of(size: usize) -> Option<(usize, usize)> {
    let steps = size.max(1).div_ceil(STEP);
    if steps <= 4 {
        return Some((steps - 1, steps * STEP));
    }
    // Of the size less one, its highest bit and the two after that.
    let shift = (usize::BITS - 1 - (steps - 1).leading_zeros()) - 2;
    let rounded = ((steps - 1) >> shift) + 1;
    let class = 4 * shift as usize + rounded - 1;
    (class < CLASSES).then(|| (class, (rounded << shift) * STEP))
}

impl Heap {
    pub(crate) const fn new(next: usize, end: usize) -> Self {
        Self { free: [0; CLASSES], next, end }
    }

    /// The address of a block, or 0. `grow` is asked for more memory: so many bytes; it says where they begin and end.
    ///
    /// # Safety
    /// The memory from `new` and `grow` is the heap's alone.
    pub(crate) unsafe fn allocate(
        &mut self,
        layout: Layout,
        grow: impl FnOnce(usize) -> Option<(usize, usize)>,
    ) -> usize {
        let Some((class, size)) = class_of(layout.size()) else { return 0 };
        let align = layout.align().max(STEP);
        let head = self.free[class];
        if align == STEP && head != 0 {
            // SAFETY: a free block begins with the address of the next one.
            self.free[class] = unsafe { *std::ptr::with_exposed_provenance::<usize>(head) };
            return head;
        }
        if let Some(block) = self.cut(size, align) {
            return block;
        }
        let Some((start, end)) = grow(size + align) else { return 0 };
        if start != self.end {
            self.next = start;
        }
        self.end = end;
        self.cut(size, align).unwrap_or(0)
    }

    fn cut(&mut self, size: usize, align: usize) -> Option<usize> {
        let block = self.next.checked_next_multiple_of(align)?;
        let after = block.checked_add(size)?;
        (after <= self.end).then(|| {
            self.next = after;
            block
        })
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// It is one of this heap's, and of this layout.
    pub(crate) unsafe fn free(&mut self, block: usize, layout: Layout) {
        let Some((class, _)) = class_of(layout.size()) else { return };
        // SAFETY: it is large enough, and nobody else's.
        unsafe {
            *std::ptr::with_exposed_provenance_mut::<usize>(block) = self.free[class];
        }
        self.free[class] = block;
    }

    /// Whether a block has room for another size: because it is of that class, or the last one and can be made longer.
    pub(crate) fn resize(&mut self, block: usize, layout: Layout, size: usize) -> bool {
        let (Some((class, before)), Some((wanted, after))) =
            (class_of(layout.size()), class_of(size))
        else {
            return false;
        };
        if class == wanted {
            return true;
        }
        let is_last = block + before == self.next;
        let fits = block.checked_add(after).is_some_and(|end| end <= self.end);
        if is_last && fits {
            self.next = block + after;
        }
        is_last && fits
    }
}

#[cfg(all(target_arch = "wasm32", feature = "allocator"))]
mod global {
    use std::alloc::{GlobalAlloc, Layout};
    use std::cell::UnsafeCell;

    use super::Heap;

    const PAGE_BYTES: usize = 64 << 10;

    struct Global(UnsafeCell<Heap>);

    // SAFETY: guests have one thread.
    unsafe impl Sync for Global {}

    #[global_allocator]
    static HEAP: Global = Global(UnsafeCell::new(Heap::new(0, 0)));

    unsafe extern "C" {
        /// What lies here is the first byte that the linker did not use.
        static __heap_base: u8;
    }

    fn grow(bytes: usize) -> Option<(usize, usize)> {
        use std::arch::wasm32::{memory_grow, memory_size};
        static mut IS_BEGUN: bool = false;
        // SAFETY: guests have one thread.
        let is_first = !unsafe { std::mem::replace(&mut *(&raw mut IS_BEGUN), true) };
        let end = memory_size::<0>() * PAGE_BYTES;
        if is_first {
            let start = (&raw const __heap_base).expose_provenance();
            if start + bytes <= end {
                return Some((start, end));
            }
        }
        let before = memory_grow::<0>(bytes.div_ceil(PAGE_BYTES));
        if before == usize::MAX {
            return None;
        }
        let start = if is_first {
            (&raw const __heap_base).expose_provenance()
        } else {
            before * PAGE_BYTES
        };
        Some((start, memory_size::<0>() * PAGE_BYTES))
    }

    // SAFETY: blocks are of their size and alignment, and no two overlap.
    unsafe impl GlobalAlloc for Global {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: one thread, and the memory is the heap's.
            let block = unsafe { (*self.0.get()).allocate(layout, grow) };
            std::ptr::with_exposed_provenance_mut(block)
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: one thread; the caller's promise.
            unsafe { (*self.0.get()).free(block.expose_provenance(), layout) }
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            // SAFETY: one thread; the caller's promise.
            unsafe {
                if (*self.0.get()).resize(block.expose_provenance(), layout, size) {
                    return block;
                }
                let made = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                if !made.is_null() {
                    block.copy_to_nonoverlapping(made, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                made
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn classes_ascend_and_hold_their_sizes() {
        let mut before = (0, STEP);
        for size in 1..100_000 {
            let (class, bytes) = class_of(size).unwrap();
            assert!(bytes >= size && bytes % STEP == 0, "{size}");
            assert!(bytes <= (size + size / 4).next_multiple_of(STEP), "{size} takes {bytes}");
            assert!((class, bytes) == before || (class > before.0 && bytes > before.1), "{size}");
            assert_eq!(class_of(bytes), Some((class, bytes)));
            before = (class, bytes);
        }
        assert!(class_of(u32::MAX as usize).is_some());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Take(usize, u32),
        Free(prop::sample::Index),
        Resize(prop::sample::Index, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let size = || prop_oneof![1..100_usize, 1..5000_usize];
        prop_oneof![
            (size(), 0..8_u32).prop_map(|(size, align)| Step::Take(size, align)),
            any::<prop::sample::Index>().prop_map(Step::Free),
            (any::<prop::sample::Index>(), size()).prop_map(|(at, size)| Step::Resize(at, size)),
        ]
    }

    proptest! {
        #[test]
        fn blocks_are_apart(steps in prop::collection::vec(step(), 1..200)) {
            const BYTES: usize = 1 << 20;
            let mut arena = vec![0_u64; BYTES / 8];
            let start = arena.as_mut_ptr().expose_provenance();
            let mut heap = Heap::new(start, start + BYTES / 2);
            let mut rest = Some((start + BYTES / 2, start + BYTES));
            let mut blocks: Vec<(usize, Layout)> = Vec::new();
            for step in steps {
                match step {
                    Step::Take(size, align) => {
                        let layout = Layout::from_size_align(size, 1 << align).unwrap();
                        // SAFETY: the arena is the heap's.
                        let block = unsafe { heap.allocate(layout, |_| rest.take()) };
                        if block != 0 {
                            prop_assert_eq!(block % layout.align(), 0);
                            blocks.push((block, layout));
                        }
                    }
                    Step::Free(at) if !blocks.is_empty() => {
                        let (block, layout) = blocks.swap_remove(at.index(blocks.len()));
                        // SAFETY: it was allocated so.
                        unsafe { heap.free(block, layout) }
                    }
                    Step::Resize(at, size) if !blocks.is_empty() => {
                        let at = at.index(blocks.len());
                        let (block, layout) = &mut blocks[at];
                        if heap.resize(*block, *layout, size) {
                            *layout = Layout::from_size_align(size, layout.align()).unwrap();
                        }
                    }
                    _ => {}
                }
                let mut spans: Vec<_> =
                    blocks.iter().map(|(block, layout)| (*block, block + layout.size())).collect();
                spans.sort_unstable();
                prop_assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0));
                prop_assert!(spans.iter().all(|span| span.0 >= start && span.1 <= start + BYTES));
            }
        }
    }
}
