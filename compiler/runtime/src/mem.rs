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

/// Copies `length` bytes; the areas may overlap. Few are copied here: the engine's own instruction for it is a
/// call.
#[inline(never)]
pub fn copy(to: u32, from: u32, length: u32) {
    match length {
        0 => return,
        1 => return store::<u8>(to, load(from)),
        2..=3 => return both::<u16>(to, from, length - 2),
        4..=7 => return both::<u32>(to, from, length - 4),
        8..=16 => return both::<u64>(to, from, length - 8),
        17..=32 => {
            let (first, second): (u64, u64) = (load(from), load(from + 8));
            both::<u64>(to + length - 16, from + length - 16, 8);
            store(to, first);
            return store(to + 8, second);
        }
        _ => {}
    }
    // SAFETY: see the module.
    unsafe {
        core::ptr::copy(from as usize as *const u8, to as usize as *mut u8, length as usize);
    }
}

/// Copies the first word and the last, which may be the same in part.
#[inline(always)]
fn both<T: Copy>(to: u32, from: u32, apart: u32) {
    let (first, last): (T, T) = (load(from), load(from + apart));
    store(to, first);
    store(to + apart, last);
}

/// Sets `count` words of 64 bits to 0. Few are set here: the engine's own instruction for it is a call.
#[inline]
pub fn zero_slots(to: u32, count: u32) {
    if count > 8 {
        return zero(to, count * 8);
    }
    for index in 0..count {
        // SAFETY: see the module. A plain store would become that instruction again.
        unsafe { ((to + index * 8) as usize as *mut u64).write_volatile(0) }
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
