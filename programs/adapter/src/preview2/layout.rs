//! Results of functions as the canonical ABI lays them out in the program's memory.

use alloc::vec::Vec;

use crate::errno::Errno;
use crate::world;

/// A result of so many bytes, which is written at once.
pub struct Layout<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Layout<BYTES> {
    /// All zero: the first case of variants, `none`, `ok`, and `false`.
    pub fn new() -> Self {
        Self([0; BYTES])
    }

    pub fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub fn u8(self, at: usize, value: u8) -> Self {
        self.put(at, &[value])
    }

    pub fn u32(self, at: usize, value: u32) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    pub fn u64(self, at: usize, value: u64) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    /// A list or string, which is in the program's memory already.
    pub fn list(self, at: usize, (place, length): (u32, u32)) -> Self {
        self.u32(at, place).u32(at + 4, length)
    }

    /// Nanoseconds as a `datetime`.
    pub fn datetime(self, at: usize, time_ns: u64) -> Self {
        self.u64(at, time_ns / SECOND_NS).u32(at + 8, (time_ns % SECOND_NS) as u32)
    }

    pub fn write(self, to: u32) {
        world::write(to, &self.0);
    }
}

pub const SECOND_NS: u64 = 1_000_000_000;

/// Puts a list of bytes, or a string, into the program's memory. The program makes room for it, so this is not for use
/// within [`crate::state::with`].
pub fn give(bytes: &[u8]) -> (u32, u32) {
    give_aligned(bytes, 1, bytes.len() as u32)
}

/// The same for a list of `count` elements.
pub fn give_aligned(bytes: &[u8], align: u32, count: u32) -> (u32, u32) {
    if bytes.is_empty() {
        return (align, 0);
    }
    let place = world::make_room(align, bytes.len() as u32);
    world::write(place, bytes);
    (place, count)
}

/// The bytes of a list of words.
pub fn words(words: impl IntoIterator<Item = u32>) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// `wasi:filesystem/types.error-code`.
pub fn error_code(errno: Errno) -> u8 {
    match errno {
        Errno::Badf => 3,
        Errno::Exist => 7,
        Errno::Ilseq => 9,
        Errno::Inval => 12,
        Errno::Isdir => 14,
        Errno::Mlink => 16,
        Errno::Nametoolong => 18,
        Errno::Noent => 20,
        Errno::Mfile => 22,
        Errno::Nospc => 23,
        Errno::Notdir => 24,
        Errno::Notempty => 25,
        Errno::Nosys | Errno::Notsup => 27,
        Errno::Perm => 31,
        Errno::Spipe => 34,
    }
}

/// What an `error` says of itself.
pub fn error_text(errno: Errno) -> &'static [u8] {
    match errno {
        Errno::Badf => b"bad descriptor",
        Errno::Exist => b"it exists already",
        Errno::Ilseq => b"a name is not UTF-8",
        Errno::Inval => b"invalid argument",
        Errno::Isdir => b"it is a folder",
        Errno::Mlink => b"too many links",
        Errno::Nametoolong => b"a name is too long",
        Errno::Noent => b"no such file or folder",
        Errno::Mfile => b"too much is open",
        Errno::Nospc => b"no space is left",
        Errno::Notdir => b"it is no folder",
        Errno::Notempty => b"the folder is not empty",
        Errno::Nosys | Errno::Notsup => b"not supported",
        Errno::Perm => b"not permitted",
        Errno::Spipe => b"it cannot seek",
    }
}
