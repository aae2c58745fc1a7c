//! Linear memory: addresses, loads and stores.
//!
//! The one place with `unsafe` accesses. They are sound in the sense that matters here: an address
//! may come from a bug, but the sandbox bounds what it can reach to this instance's own memory.

use core::num::NonZeroU32;

/// Address of an object.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct P(NonZeroU32);

impl P {
    /// The object at `address`, if it is not 0.
    #[inline(always)]
    pub fn at(address: u32) -> Option<Self> {
        NonZeroU32::new(address).map(Self)
    }

    /// The object whose address is in a slot that is known to hold one.
    #[inline(always)]
    pub fn from_slot(slot: u64) -> Self {
        // Callers that handle all kinds make the address before they know the kind, so 0 must be let
        // pass; as an address it is never used.
        Self(NonZeroU32::new(slot as u32).unwrap_or(NonZeroU32::MIN))
    }

    /// Its address.
    #[inline(always)]
    pub fn address(self) -> u32 {
        self.0.get()
    }

    /// Its address as a slot.
    #[inline(always)]
    pub fn slot(self) -> u64 {
        self.0.get() as u64
    }

    /// The 32-bit field at `offset`.
    #[inline(always)]
    pub fn u32(self, offset: u32) -> u32 {
        load(self.0.get() + offset)
    }

    /// Sets the 32-bit field at `offset`.
    #[inline(always)]
    pub fn set_u32(self, offset: u32, value: u32) {
        store(self.0.get() + offset, value);
    }
}

/// Reads a `T`.
#[inline(always)]
pub fn load<T: Copy>(address: u32) -> T {
    // SAFETY: see the module; every bit pattern of the integers and floats read is valid.
    unsafe { (address as usize as *const T).read_unaligned() }
}

/// Writes a `T`.
#[inline(always)]
pub fn store<T: Copy>(address: u32, value: T) {
    // SAFETY: see the module.
    unsafe { (address as usize as *mut T).write_unaligned(value) }
}

/// Reads slot `index` of an array of slots.
#[inline(always)]
pub fn slot(slots: u32, index: u32) -> u64 {
    load(slots + index * 8)
}

/// Writes slot `index` of an array of slots.
#[inline(always)]
pub fn set_slot(slots: u32, index: u32, value: u64) {
    store(slots + index * 8, value);
}

/// Copies `length` bytes; the areas may overlap.
#[inline(always)]
pub fn copy(to: u32, from: u32, length: u32) {
    // SAFETY: see the module.
    unsafe {
        core::ptr::copy(from as usize as *const u8, to as usize as *mut u8, length as usize);
    }
}

/// Sets `length` bytes to 0.
#[inline(always)]
pub fn zero(to: u32, length: u32) {
    fill(to, length, 0);
}

/// Sets `length` bytes to `byte`.
#[inline(always)]
pub fn fill(to: u32, length: u32, byte: u8) {
    // SAFETY: see the module.
    unsafe { core::ptr::write_bytes(to as usize as *mut u8, byte, length as usize) }
}

/// A view of bytes. It must not outlive what is there.
#[inline(always)]
pub fn bytes(address: u32, length: u32) -> &'static [u8] {
    // SAFETY: see the module; callers use the view before they free or change the object.
    unsafe { core::slice::from_raw_parts(address as usize as *const u8, length as usize) }
}

/// Copies a byte slice to memory.
#[inline(always)]
pub fn put(to: u32, from: &[u8]) {
    copy(to, from.as_ptr() as usize as u32, from.len() as u32);
}

/// Byte `index` of a slice, which the caller knows to be inside: no panic code.
#[inline(always)]
pub fn byte(bytes: &[u8], index: usize) -> u8 {
    debug_assert!(index < bytes.len());
    // SAFETY: the caller checked the index.
    unsafe { *bytes.get_unchecked(index) }
}

/// A part of a slice whose bounds the caller knows to be in order and inside: no panic code.
#[inline(always)]
pub fn part(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    debug_assert!(from <= to && to <= bytes.len());
    // SAFETY: the caller checked the bounds.
    unsafe { bytes.get_unchecked(from..to) }
}
