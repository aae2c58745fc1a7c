//! Which pages of a private mapping are the process's own: `PAGEMAP_SCAN`, which Linux has since 6.7.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::OnceLock;

/// Ranges that one call of the kernel reports. There may be more calls.
const RANGES: usize = 256;

/// Categories of pages; only those we ask about.
const FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;
const PFNZERO: u64 = 1 << 5;

/// The page tables of this process.
#[derive(Debug)]
pub(super) struct PageMap {
    file: File,
    /// Whose page tables they are: after a fork, not the child's.
    pid: u32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg` of `linux/fs.h`.
#[repr(C)]
#[derive(Debug, Default)]
struct ScanArguments {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

struct Scan(ScanArguments);

// SAFETY: the number, the direction and the structure are those of `PAGEMAP_SCAN` in `linux/fs.h`, and `vec` is memory of
// `vec_len` regions that is ours for the length of the call.
unsafe impl rustix::ioctl::Ioctl for Scan {
    /// How many regions there are, and where the kernel stopped.
    type Output = (usize, u64);

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> rustix::ioctl::Opcode {
        rustix::ioctl::opcode::read_write::<ScanArguments>(b'f', 16)
    }

    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        (&raw mut self.0).cast()
    }

    unsafe fn output_from_ptr(
        output: rustix::ioctl::IoctlOutput,
        arguments: *mut std::ffi::c_void,
    ) -> rustix::io::Result<Self::Output> {
        // SAFETY: it is what `as_ptr` gave.
        let walk_end = unsafe { (*arguments.cast::<ScanArguments>()).walk_end };
        Ok((output as usize, walk_end))
    }
}

impl PageMap {
    /// This process's, if its kernel can be asked.
    pub(super) fn get() -> Option<&'static Self> {
        static MAP: OnceLock<Option<PageMap>> = OnceLock::new();
        let map = MAP.get_or_init(|| {
            let map =
                Self { file: File::open("/proc/self/pagemap").ok()?, pid: std::process::id() };
            map.private(0..0, |_| {}).ok().map(|()| map)
        });
        map.as_ref().filter(|map| map.pid == std::process::id())
    }

    /// Calls `each` with the addresses of pages in `addresses` that are neither a file's nor the page of zeros, and were
    /// therefore written to; in order.
    pub(super) fn private(
        &self,
        addresses: Range<usize>,
        mut each: impl FnMut(Range<usize>),
    ) -> io::Result<()> {
        let mut regions = [Region::default(); RANGES];
        let end = addresses.end as u64;
        let mut start = addresses.start as u64;
        loop {
            let scan = Scan(ScanArguments {
                size: size_of::<ScanArguments>() as u64,
                start,
                end,
                vec: regions.as_mut_ptr() as u64,
                vec_len: RANGES as u64,
                category_inverted: FILE | PFNZERO,
                category_mask: FILE | PFNZERO,
                category_anyof_mask: PRESENT | SWAPPED,
                ..ScanArguments::default()
            });
            // SAFETY: see the implementation of `Ioctl`; it changes nothing but its arguments.
            let (count, walk_end) = unsafe { rustix::ioctl::ioctl(&self.file, scan)? };
            for region in regions.get(..count).unwrap_or(&regions) {
                each(region.start as usize..region.end as usize);
            }
            if walk_end >= end {
                return Ok(());
            }
            if walk_end <= start {
                return Err(io::Error::other("the scan of page tables does not go on"));
            }
            start = walk_end;
        }
    }
}
