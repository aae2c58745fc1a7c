//! Linear memory of our own making: it begins as an image, and can be put back to an earlier state.
//!
//! Wasmtime asks a [`Creator`] for each memory. Its address space is reserved at once; its first part is a private
//! mapping of an [`Image`], whose pages the kernel copies when they are first written to. So the pages that differ from
//! the image are those that are no longer the file's, and Linux can be asked which these are (`PAGEMAP_SCAN`, since 6.7).
//!
//! A [`Saved`] state is an image of the pages that differ at some moment, which the memory maps from then on. To restore
//! it, every page that is no longer a file's is given what it had: of the saved state's, or else of the first image's.

use std::cell::RefCell;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::pagemap::PageMap;
use super::watch::Watch;

/// Bytes that a task may leave changed for them to be restored in place. More is given back: that costs page faults, and
/// this costs memory while nothing runs.
const RESIDENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Pages that do not differ, between such that do, and are saved with them: a process has 65 530 mappings.
const GAP_PAGES_MAX: usize = 8;

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
    pub(super) fn new(bytes: usize, write: impl FnOnce(&mut [u8])) -> io::Result<Self> {
        let file = unnamed_file()?;
        file.set_len(bytes as u64)?;
        {
            let mapping = Mapping::file(&file, bytes, ProtFlags::READ | ProtFlags::WRITE)?;
            // SAFETY: the mapping is ours alone, of this length, and outlives the slice.
            write(unsafe { std::slice::from_raw_parts_mut(mapping.base.as_ptr(), bytes) });
        }
        // Nobody can change it any more, and so what memories begin with stays what it is.
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::SealFlags;
            let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
            rustix::fs::fcntl_add_seals(&file, seals)?;
        }
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

#[cfg(target_os = "linux")]
fn unnamed_file() -> io::Result<File> {
    use rustix::fs::MemfdFlags;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    Ok(rustix::fs::memfd_create("spm-image", flags)?.into())
}

#[cfg(not(target_os = "linux"))]
fn unnamed_file() -> io::Result<File> {
    tempfile::tempfile()
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
            unsafe { pages.map_image(&(0..image.bytes), image, 0)? };
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

    /// The state it is in. Its pages that differ become a file's, too: those that differ later were written to since.
    ///
    /// # Safety
    /// Nobody uses the memory meanwhile.
    pub(super) unsafe fn save(&self, map: &PageMap) -> io::Result<Saved> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        self.differing(map, |range| match runs.last_mut() {
            // Fewer mappings are worth a few pages more.
            Some(last) if range.start - last.end <= GAP_PAGES_MAX * page_bytes() => {
                last.end = range.end;
            }
            _ => runs.push(range),
        })?;
        let bytes: usize = runs.iter().map(ExactSizeIterator::len).sum();
        let image = Image::new(bytes.max(page_bytes()), |file| {
            let mut at = 0;
            for run in &runs {
                // SAFETY: the range is of the memory, which the caller keeps from being used.
                let content =
                    unsafe { std::slice::from_raw_parts(self.address(run.start), run.len()) };
                file[at..at + run.len()].copy_from_slice(content);
                at += run.len();
            }
        })?;
        let mut at = 0;
        for run in &runs {
            // SAFETY: the range is of the memory, which the caller keeps from being used, and which has the same content
            // after this, also if it fails: then it has it where it had it.
            unsafe { self.map_image(run, &image, at)? };
            at += run.len();
        }
        Ok(Saved { bytes: self.bytes(), runs, image })
    }

    /// What it has now.
    ///
    /// # Safety
    /// Nobody uses the memory meanwhile.
    pub(super) unsafe fn content(&self) -> Vec<u8> {
        // SAFETY: all bytes up to the size can be read, and nobody writes to them.
        unsafe { std::slice::from_raw_parts(self.address(0), self.bytes()) }.to_vec()
    }

    /// Writes a word while a guest may be running.
    pub(super) fn store(&self, offset: usize, value: u32) {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.bytes(), "beyond the memory");
        // SAFETY: it is within the memory and aligned, and nobody has a reference to what is there.
        unsafe { AtomicU32::from_ptr(self.address(offset).cast()) }.store(value, Ordering::Release);
    }

    fn address(&self, offset: usize) -> *mut u8 {
        self.mapping.base.as_ptr().wrapping_add(offset)
    }

    /// Maps what an image has from `at` on.
    ///
    /// # Safety
    /// The range is of the reservation, and nobody uses it meanwhile.
    unsafe fn map_image(&self, range: &Range<usize>, image: &Image, at: usize) -> io::Result<()> {
        // SAFETY: the caller's promise.
        unsafe {
            rustix::mm::mmap(
                self.address(range.start).cast(),
                range.len(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::FIXED,
                &image.file,
                at as u64,
            )?;
        }
        Ok(())
    }

    /// Puts it back into the state that it was in when `saved` was, which was the last of its states to be saved. Says how
    /// many bytes are its own now; nothing if it has grown since: no memory shrinks.
    ///
    /// # Safety
    /// Nobody uses the memory meanwhile.
    pub(super) unsafe fn restore(&self, saved: &Saved, map: &PageMap) -> io::Result<Option<usize>> {
        if self.bytes() != saved.bytes {
            return Ok(None);
        }
        let mut changed = Vec::new();
        self.differing(map, |range| changed.push(range))?;
        let bytes: usize = changed.iter().map(ExactSizeIterator::len).sum();
        let is_kept = bytes <= RESIDENT_BYTES_MAX;
        let mut parts = Parts::new(saved);
        for range in changed {
            let mut offset = range.start;
            while offset < range.end {
                let (part, content) = parts.at(offset..range.end, self.image.as_deref());
                offset = part.end;
                // SAFETY: the part is of the memory, which the caller keeps from being used.
                unsafe { self.reset(part, content, is_kept)? };
            }
        }
        Ok(Some(if is_kept { bytes } else { 0 }))
    }

    /// Gives a part the content it had; none stands for zeros.
    ///
    /// # Safety
    /// The part is of the memory, and nobody uses it meanwhile.
    unsafe fn reset(
        &self,
        part: Range<usize>,
        content: Option<&[u8]>,
        is_kept: bool,
    ) -> io::Result<()> {
        let address = self.address(part.start);
        match content {
            // SAFETY: the pages are ours; they are a file's again, or zeros, when they are touched next.
            _ if !is_kept => unsafe {
                rustix::mm::madvise(address.cast(), part.len(), Advice::LinuxDontNeed)?;
            },
            Some(content) => {
                assert_eq!(content.len(), part.len(), "the content is the part's");
                // SAFETY: as long as the part, and of another mapping.
                unsafe { address.copy_from_nonoverlapping(content.as_ptr(), content.len()) };
            }
            // SAFETY: the part is of the memory.
            None => unsafe { address.write_bytes(0, part.len()) },
        }
        Ok(())
    }
}

/// A state of a memory.
#[derive(Debug)]
pub(super) struct Saved {
    /// Bytes that the guest could use.
    bytes: usize,
    /// What differed from the memory's own image, in order, and a little between.
    runs: Vec<Range<usize>>,
    /// What it had there, one run after the other.
    image: Image,
}

impl Saved {
    /// Bytes that it takes.
    pub(super) fn own_bytes(&self) -> usize {
        self.image.bytes
    }
}

/// Finds what a memory had where. Offsets ascend.
struct Parts<'a> {
    saved: &'a Saved,
    /// The run that is looked at, and where its content is.
    run: usize,
    at: usize,
}

impl<'a> Parts<'a> {
    fn new(saved: &'a Saved) -> Self {
        Self { saved, run: 0, at: 0 }
    }

    /// As much of the start of `range` as comes from one place, and what the memory had there; none for zeros.
    fn at(
        &mut self,
        range: Range<usize>,
        image: Option<&'a Image>,
    ) -> (Range<usize>, Option<&'a [u8]>) {
        let runs = &self.saved.runs;
        while runs.get(self.run).is_some_and(|run| run.end <= range.start) {
            self.at += runs[self.run].len();
            self.run += 1;
        }
        let start = range.start;
        match runs.get(self.run) {
            Some(run) if run.start <= start => {
                let end = run.end.min(range.end);
                let at = self.at + start - run.start;
                (start..end, Some(self.saved.image.content(at..at + end - start)))
            }
            next => {
                let end = next.map_or(range.end, |run| run.start.min(range.end));
                match image {
                    Some(image) if start < image.bytes => {
                        let end = end.min(image.bytes);
                        (start..end, Some(image.content(start..end)))
                    }
                    _ => (start..end, None),
                }
            }
        }
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
    static MAKING: RefCell<Making> = const { RefCell::new(Making::NOTHING) };
}

struct Making {
    image: Option<Arc<Image>>,
    memory: Option<Arc<Pages>>,
    /// Whose flag is made, where there is one.
    watch: Option<Arc<Watch>>,
}

impl Making {
    const NOTHING: Self = Self { image: None, memory: None, watch: None };
}

/// Calls `make`, which makes an instance whose only memory begins as `image`, but for that of the flag of a `watch`. Returns
/// that memory, too.
pub(super) fn with_image<T>(
    image: &Arc<Image>,
    watch: Option<Arc<Watch>>,
    make: impl FnOnce() -> wasmtime::Result<T>,
) -> wasmtime::Result<(T, Arc<Pages>)> {
    MAKING.set(Making { image: Some(Arc::clone(image)), memory: None, watch });
    let result = make();
    let making = MAKING.replace(Making::NOTHING);
    Ok((result?, making.memory.ok_or_else(|| wasmtime::Error::msg("no memory was made"))?))
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
        // Wasmtime's own memories, for exceptions, are smaller than any image.
        let image =
            MAKING.with_borrow_mut(|making| making.image.take_if(|image| image.bytes <= minimum));
        let has_image = image.is_some();
        let pages = Pages::new(minimum, reserved, image)
            .map_err(|error| format!("the host is out of memory: {error}"))?;
        let pages = Arc::new(pages);
        MAKING.with_borrow_mut(|making| {
            if has_image {
                making.memory = Some(Arc::clone(&pages));
            } else if let Some(watch) = making.watch.take_if(|_| making.memory.is_some()) {
                // It is the second of the module, and so the second that is made.
                watch.set_flag(Arc::clone(&pages));
            }
        });
        Ok(Box::new(Linear(pages)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGES: usize = 3000;
    const IMAGE_PAGES: usize = 1000;

    fn memory() -> Pages {
        let image = Image::new(IMAGE_PAGES * page_bytes(), |image| {
            for (index, page) in image.chunks_mut(page_bytes()).enumerate() {
                page[7] = index as u8;
            }
        });
        let bytes = PAGES * page_bytes();
        Pages::new(bytes, 2 * bytes, Some(Arc::new(image.unwrap()))).unwrap()
    }

    fn bytes_of(pages: &mut Pages) -> &mut [u8] {
        // SAFETY: no guest has this memory.
        unsafe { std::slice::from_raw_parts_mut(pages.address(0), pages.bytes()) }
    }

    fn write(pages: &mut Pages, ranges: &[(usize, usize)]) {
        for &(start, count) in ranges {
            for page in start..(start + count).min(PAGES) {
                bytes_of(pages)[page * page_bytes() + 11] ^= 0x55;
            }
        }
    }

    /// Ranges of pages: mostly few, sometimes more than are restored in place.
    fn ranges() -> impl Strategy<Value = Vec<(usize, usize)>> {
        let count = prop_oneof![4 => 0..40_usize, 1 => 0..PAGES];
        proptest::collection::vec((0..PAGES, count), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
        #[test]
        fn whatever_is_written_is_undone(
            before in ranges(),
            after in proptest::collection::vec(ranges(), 1..5),
        ) {
            let Some(map) = PageMap::get() else { return Ok(()) };
            let mut pages = memory();
            write(&mut pages, &before);
            let expected = bytes_of(&mut pages).to_vec();
            // SAFETY: no guest has this memory.
            let saved = unsafe { pages.save(map) }.unwrap();
            prop_assert!(*bytes_of(&mut pages) == expected, "saving changes nothing");
            for ranges in after {
                write(&mut pages, &ranges);
                // SAFETY: as above.
                let kept = unsafe { pages.restore(&saved, map) }.unwrap();
                prop_assert!(kept.unwrap() <= RESIDENT_BYTES_MAX);
                prop_assert!(*bytes_of(&mut pages) == expected, "all of it is restored");
            }
        }
    }

    #[test]
    fn a_memory_that_has_grown_is_not_restored() {
        let Some(map) = PageMap::get() else { return };
        let mut pages = memory();
        // SAFETY: no guest has this memory.
        let saved = unsafe { pages.save(map) }.unwrap();
        pages.grow_to(pages.bytes() + 64 * 1024).unwrap();
        bytes_of(&mut pages)[PAGES * page_bytes()] = 1;
        // SAFETY: as above.
        assert_eq!(unsafe { pages.restore(&saved, map) }.unwrap(), None);
        assert!(pages.grow_to(3 * PAGES * page_bytes()).is_err(), "beyond what is reserved");
    }
}
