//! As much of the value codec as a program's arguments and results take.
//!
//! What is read comes from the submitter's own codec. What is not as it should be ends the task with a trap.

use alloc::vec::Vec;

pub const UINT: u8 = 0;
pub const BYTES: u8 = 2;
pub const TEXT: u8 = 3;
pub const ARRAY: u8 = 4;
pub const MAP: u8 = 5;
const TAG: u8 = 6;

/// An instance of a class: `[class, {attribute: value}]`; see `protocol/src/value/tags.rs`.
const INSTANCE: u64 = 0xb122;

pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            core::arch::wasm32::unreachable()
        };
        self.rest = rest;
        taken
    }

    /// The number of a head of this major type.
    pub fn head(&mut self, major: u8) -> usize {
        let first = self.take(1)[0];
        if first >> 5 != major {
            core::arch::wasm32::unreachable();
        }
        let follow = match first & 31 {
            small @ 0..24 => return small as usize,
            24 => 1,
            25 => 2,
            26 => 4,
            _ => core::arch::wasm32::unreachable(),
        };
        self.take(follow).iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    pub fn text(&mut self) -> &'a [u8] {
        let length = self.head(TEXT);
        self.take(length)
    }

    pub fn bytes(&mut self) -> &'a [u8] {
        let length = self.head(BYTES);
        self.take(length)
    }
}

#[derive(Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    pub fn head(&mut self, major: u8, number: usize) {
        let major = major << 5;
        match number {
            0..24 => self.bytes.push(major + number as u8),
            24..0x100 => self.bytes.extend([major + 24, number as u8]),
            0x100..0x1_0000 => {
                self.bytes.push(major + 25);
                self.bytes.extend((number as u16).to_be_bytes());
            }
            _ => {
                self.bytes.push(major + 26);
                self.bytes.extend((number as u32).to_be_bytes());
            }
        }
    }

    pub fn text(&mut self, text: &[u8]) {
        self.head(TEXT, text.len());
        self.bytes.extend_from_slice(text);
    }

    pub fn blob(&mut self, blob: &[u8]) {
        self.head(BYTES, blob.len());
        self.bytes.extend_from_slice(blob);
    }

    /// Begins an instance of a class of the closure's table.
    pub fn instance(&mut self, class: usize, attributes: usize) {
        self.head(TAG, INSTANCE as usize);
        self.head(ARRAY, 2);
        self.head(UINT, class);
        self.head(MAP, attributes);
    }
}
