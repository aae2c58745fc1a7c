//! Growing byte buffers: for CBOR and for text under construction.

use crate::alloc::{alloc, free, resize};
use crate::mem::{put, store};

/// A growing buffer.
pub struct Buffer {
    /// Address of the bytes, 0 while there are none.
    pub start: u32,
    /// Bytes in use.
    pub length: u32,
    /// Bytes allocated.
    pub capacity: u32,
}

impl Buffer {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self { start: 0, length: 0, capacity: 0 }
    }

    /// Makes room for `more` bytes.
    #[inline]
    pub fn reserve(&mut self, more: u64) -> Option<()> {
        let needed = u64::from(self.length) + more;
        if needed <= u64::from(self.capacity) {
            return Some(());
        }
        self.enlarge(needed)
    }

    #[inline(never)]
    fn enlarge(&mut self, needed: u64) -> Option<()> {
        let doubled = u64::from(self.capacity) * 2;
        let wanted = if needed > doubled { needed } else { doubled };
        let wanted = if wanted < 32 { 32 } else { wanted };
        self.start = if self.start == 0 {
            alloc(wanted)?
        } else {
            resize(self.start, self.capacity, wanted)?
        };
        self.capacity = wanted as u32;
        Some(())
    }

    /// Appends a byte.
    #[inline(never)]
    pub fn byte(&mut self, byte: u8) -> Option<()> {
        self.reserve(1)?;
        store(self.start + self.length, byte);
        self.length += 1;
        Some(())
    }

    /// Appends bytes.
    #[inline(never)]
    pub fn text(&mut self, text: &[u8]) -> Option<()> {
        self.reserve(text.len() as u64)?;
        put(self.start + self.length, text);
        self.length += text.len() as u32;
        Some(())
    }

    /// Appends bytes by address.
    pub fn copy(&mut self, from: u32, length: u32) -> Option<()> {
        self.text(crate::mem::bytes(from, length))
    }

    /// Appends a character in UTF-8.
    pub fn char(&mut self, char: u32) -> Option<()> {
        self.reserve(4)?;
        self.length += crate::text::write_char(self.start + self.length, char);
        Some(())
    }

    /// Appends `count` copies of a character.
    pub fn repeat(&mut self, char: u32, count: u64) -> Option<()> {
        self.reserve(count.saturating_mul(4))?;
        for _ in 0..count {
            self.length += crate::text::write_char(self.start + self.length, char);
        }
        Some(())
    }

    /// The bytes so far.
    pub fn bytes(&self) -> &'static [u8] {
        crate::mem::bytes(self.start, self.length)
    }

    /// Frees the buffer.
    pub fn free(self) {
        if self.start != 0 {
            free(self.start, self.capacity);
        }
    }

    /// A `str` of the bytes, which are UTF-8; frees the buffer.
    pub fn into_str(self) -> Option<crate::mem::P> {
        let text = crate::object::new_str(self.bytes())?;
        self.free();
        Some(text)
    }
}
