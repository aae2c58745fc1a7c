//! Linear memory of our own making: it begins as an image, and can be put back to an earlier state.
//!
//! Wasmtime asks a [`Creator`] for each memory. Its address space is reserved at once; its first part is a private
//! mapping of an [`Image`], whose pages the kernel copies when they are first written to. So the pages that differ from
//! the image are those that are no longer the file's, and Linux can be asked which these are (`PAGEMAP_SCAN`, since 6.7).
//!
//! A [`Saved`] state is the contents of the pages that differ at some moment. To restore it, every page that differs from
//! the image is given its saved content if it has one, or else the image's.

use std::cell::RefCell;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::pagemap::PageMap;

/// Bytes that a task may leave changed, beyond what its closure changed before, for them to be restored in place. More
/// is given back: that costs page faults, and this costs memory while nothing runs.
const RESIDENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a page of this machine.
pub(super) fn page_bytes() -> usize {
    rustix::param::page_size()
}

/// Contents that memories begin with.
#[derive(Debug)]
pub(super) struct Image {
    file: File,
    bytes: usize,
    /// All of it, to read.
    view: Mapping,
}

impl Image {
    /// An image of so many bytes, whole pages, which `fill` writes.
    pub(super) fn new(bytes: usize, fill: impl FnOnce(&mut [u8])) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(rustix::fs::memfd_create("spm-image", flags)?);
        file.set_len(bytes as u64)?;
        {
            let mapping = Mapping::file(&file, bytes, ProtFlags::READ | ProtFlags::WRITE)?;
            // SAFETY: the mapping is ours alone, of this length, and outlives the slice.
            fill(unsafe { std::slice::from_raw_parts_mut(mapping.base.as_ptr(), bytes) });
        }
        // Nobody can change it any more, and so what memories begin with stays what it is.
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals)?;
        let view = Mapping::file(&file, bytes, ProtFlags::READ)?;
        Ok(Self { file, bytes, view })
    }

    /// What it has at `range`.
    fn content(&self, range: Range<usize>) -> &[u8] {
        assert!(range.start <= range.end && range.end <= self.bytes, "beyond the image");
        // SAFETY: the range is within the mapping, which nobody can write to.
        unsafe { std::slice::from_raw_parts(self.view.base.as_ptr().add(range.start), range.len()) }
    }
}

/// A range of address space that is unmapped when it is dropped.
#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is an address, and whoever uses it says why that is safe.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn file(file: &File, bytes: usize, protection: ProtFlags) -> io::Result<Self> {
        // SAFETY: a mapping at an address of the kernel's choice touches nothing that is there.
        let base = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), bytes, protection, MapFlags::SHARED, file, 0)?
        };
        Self::new(base, bytes)
    }

    /// Addresses that cannot be used yet.
    fn reserve(bytes: usize) -> io::Result<Self> {
        // SAFETY: as in `file`.
        let base = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                bytes,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )?
        };
        Self::new(base, bytes)
    }

    fn new(base: *mut c_void, bytes: usize) -> io::Result<Self> {
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at 0"))?;
        Ok(Self { base, bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is ours, and whoever could use it is gone. If it fails, which it does for wrong arguments only,
        // addresses are lost.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// A linear memory.
#[derive(Debug)]
pub(super) struct Pages {
    mapping: Mapping,
    /// Bytes that the guest may use.
    bytes: AtomicUsize,
    image: Option<Arc<Image>>,
}

impl Pages {
    fn new(bytes: usize, reserved: usize, image: Option<Arc<Image>>) -> io::Result<Self> {
        let mapping = Mapping::reserve(reserved)?;
        let pages = Self { mapping, bytes: AtomicUsize::new(0), image };
        if let Some(image) = &pages.image {
            if image.bytes > bytes {
                return Err(io::Error::other("the image is larger than the memory"));
            }
            // SAFETY: the range is within the reservation, which nobody uses yet.
            unsafe {
                rustix::mm::mmap(
                    pages.mapping.base.as_ptr().cast(),
                    image.bytes,
                    ProtFlags::READ | ProtFlags::WRITE,
                    MapFlags::PRIVATE | MapFlags::FIXED,
                    &image.file,
                    0,
                )?;
            }
        }
        pages.bytes.store(pages.image_bytes(), Ordering::Relaxed);
        pages.grow_to(bytes)?;
        Ok(pages)
    }

    fn image_bytes(&self) -> usize {
        self.image.as_ref().map_or(0, |image| image.bytes)
    }

    /// Bytes that the guest may use.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn grow_to(&self, bytes: usize) -> io::Result<()> {
        let old = self.bytes();
        if bytes > self.mapping.bytes {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        if bytes > old {
            // SAFETY: the range is within the reservation, and no part of the memory yet. A wasm page is whole pages
            // of the machine.
            unsafe {
                rustix::mm::mprotect(
                    self.mapping.base.as_ptr().add(old).cast(),
                    bytes - old,
                    MprotectFlags::READ | MprotectFlags::WRITE,
                )?;
            }
            self.bytes.store(bytes, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Calls `each` with the ranges of offsets that differ from the image, in order.
    fn differing(&self, map: &PageMap, mut each: impl FnMut(Range<usize>)) -> io::Result<()> {
        let base = self.mapping.base.as_ptr() as usize;
        map.private(base..base + self.bytes(), |range| {
            each(range.start - base..range.end - base);
        })
    }

    /// The state it is in.
    ///
    /// # Safety
    /// Nobody writes to the memory meanwhile.
    pub(super) unsafe fn save(&self, map: &PageMap) -> io::Result<Saved> {
        let page_bytes = page_bytes();
        let mut saved = Saved { bytes: self.bytes(), pages: Vec::new(), contents: Vec::new() };
        self.differing(map, |range| {
            saved.pages.extend(range.clone().step_by(page_bytes));
            // SAFETY: the range is of the memory, which the caller keeps from being written to.
            saved.contents.extend_from_slice(unsafe {
                std::slice::from_raw_parts(self.mapping.base.as_ptr().add(range.start), range.len())
            });
        })?;
        saved.contents.shrink_to_fit();
        Ok(saved)
    }

    /// Puts it back into a state that it was in, and says how many bytes of it are no longer the image's. Nothing if it
    /// has grown since: no memory shrinks.
    ///
    /// # Safety
    /// Nobody uses the memory meanwhile.
    pub(super) unsafe fn restore(&self, saved: &Saved, map: &PageMap) -> io::Result<Option<usize>> {
        if self.bytes() != saved.bytes {
            return Ok(None);
        }
        let page_bytes = page_bytes();
        let mut changed = Vec::new();
        self.differing(map, |range| changed.push(range))?;
        let bytes: usize = changed.iter().map(ExactSizeIterator::len).sum();
        let is_kept = bytes <= saved.contents.len() + RESIDENT_BYTES_MAX;
        let mut own = saved.pages.iter().copied().peekable();
        for range in changed {
            for offset in range.step_by(page_bytes) {
                while own.next_if(|page| *page < offset).is_some() {}
                if own.peek() != Some(&offset) {
                    // SAFETY: the page is of the memory, which the caller keeps from being used.
                    unsafe { self.reset(offset..offset + page_bytes, is_kept)? };
                }
            }
        }
        for (offset, content) in saved.pages.iter().zip(saved.contents.chunks_exact(page_bytes)) {
            // SAFETY: as above; the contents of a page are a page.
            unsafe {
                let page = self.mapping.base.as_ptr().add(*offset);
                page.copy_from_nonoverlapping(content.as_ptr(), page_bytes);
            }
        }
        Ok(Some(if is_kept { bytes } else { saved.contents.len() }))
    }

    /// Gives a page the content that the image has there, or zeros beyond it.
    ///
    /// # Safety
    /// The page is of the memory, and nobody uses it meanwhile.
    unsafe fn reset(&self, page: Range<usize>, is_kept: bool) -> io::Result<()> {
        // SAFETY: the caller says that it is of the memory, and so of the mapping.
        let address = unsafe { self.mapping.base.as_ptr().add(page.start) };
        if !is_kept {
            // SAFETY: the page is ours; it is the image's again, or zeros, when it is touched next.
            unsafe {
                rustix::mm::madvise(address.cast(), page.len(), Advice::LinuxDontNeed)?;
            }
            return Ok(());
        }
        match &self.image {
            Some(image) if page.start < image.bytes => {
                let content = image.content(page);
                // SAFETY: two pages, one of which is of the image's own mapping.
                unsafe { address.copy_from_nonoverlapping(content.as_ptr(), content.len()) };
            }
            // SAFETY: it is a page.
            _ => unsafe { address.write_bytes(0, page.len()) },
        }
        Ok(())
    }
}

/// A state of a memory.
#[derive(Debug)]
pub(super) struct Saved {
    /// Bytes that the guest could use.
    bytes: usize,
    /// Offsets of the pages that differed from the image, in order.
    pages: Vec<usize>,
    /// Their contents.
    contents: Vec<u8>,
}

impl Saved {
    /// Bytes that differ from the image.
    pub(super) fn private_bytes(&self) -> usize {
        self.contents.len()
    }
}

/// What wasmtime has of a memory.
struct Linear(Arc<Pages>);

// SAFETY: the base stays where it is, all bytes up to the size can be used, and all from there to the end of the
// reservation cannot.
unsafe impl LinearMemory for Linear {
    fn byte_size(&self) -> usize {
        self.0.bytes()
    }

    fn byte_capacity(&self) -> usize {
        self.0.mapping.bytes
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        Ok(self.0.grow_to(new_size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.0.mapping.base.as_ptr()
    }
}

thread_local! {
    /// What the next memory made in this thread begins with, and that memory.
    static MAKING: RefCell<Making> = const { RefCell::new(Making { image: None, made: None }) };
}

struct Making {
    image: Option<Arc<Image>>,
    made: Option<Arc<Pages>>,
}

/// Calls `make`, which makes an instance whose only memory begins as `image`. Returns that memory, too.
pub(super) fn with_image<T>(
    image: &Arc<Image>,
    make: impl FnOnce() -> wasmtime::Result<T>,
) -> wasmtime::Result<(T, Arc<Pages>)> {
    MAKING.set(Making { image: Some(Arc::clone(image)), made: None });
    let result = make();
    let Making { image, made } = MAKING.replace(Making { image: None, made: None });
    let made = made.filter(|_| image.is_none());
    Ok((result?, made.ok_or_else(|| wasmtime::Error::msg("no memory was made"))?))
}

/// Makes the memories of an engine.
#[derive(Debug)]
pub(super) struct Creator;

// SAFETY: what it reserves is what it is asked for, the guard included, and memories do not move.
unsafe impl MemoryCreator for Creator {
    fn new_memory(
        &self,
        _ty: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved_size_in_bytes: Option<usize>,
        guard_size_in_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let reserved = reserved_size_in_bytes.unwrap_or(minimum).max(minimum);
        let reserved = reserved.checked_add(guard_size_in_bytes).ok_or("a memory too large")?;
        let image = MAKING.with_borrow_mut(|making| making.image.take());
        let has_image = image.is_some();
        let pages = Pages::new(minimum, reserved, image)
            .map_err(|error| format!("the host is out of memory: {error}"))?;
        let pages = Arc::new(pages);
        if has_image {
            MAKING.with_borrow_mut(|making| making.made = Some(Arc::clone(&pages)));
        }
        Ok(Box::new(Linear(pages)))
    }
}
