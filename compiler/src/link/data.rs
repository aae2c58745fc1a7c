//! Where things are in linear memory: cells, runtime data, blobs, stack, heap.

use std::collections::BTreeMap;

use super::runtime::{Runtime, Target};
use super::{LinkError, UserModule};
use crate::abi::{cell, kind};

/// Bytes for the runtime's shadow stack. It holds the buffers of number formatting, about 3 KiB,
/// and frames as deep as types nest; user functions use none of it.
const STACK_BYTES: u32 = 16 * 1024;
/// Bytes of a page of memory.
const PAGE_BYTES: u32 = 64 * 1024;
/// End of what static data may take.
const DATA_END_MAX: u64 = 1 << 31;

/// The layout of memory.
pub(super) struct Layout {
    segments: BTreeMap<u32, u32>,
    /// Address of each blob.
    pub blobs: Vec<u32>,
    /// Where the stack begins; it grows down.
    pub stack_top: u32,
    /// First free address.
    pub heap_start: u32,
}

fn aligned(address: u64, alignment: u64) -> u64 {
    address.next_multiple_of(alignment)
}

impl Layout {
    /// Places the given segments of the runtime, and all blobs.
    pub fn new(
        module: &UserModule,
        segments: impl Iterator<Item = u32>,
        has_stack: bool,
    ) -> Result<Self, LinkError> {
        let runtime = Runtime::get();
        let mut at = u64::from(cell::END);
        let mut placed = BTreeMap::new();
        for index in segments {
            let segment = &runtime.segments[index as usize];
            at = aligned(at, 1 << segment.alignment);
            placed.insert(index, at as u32);
            at += segment.bytes.len() as u64;
        }
        let mut blobs = Vec::with_capacity(module.blobs.len());
        for blob in &module.blobs {
            at = aligned(at, 8);
            blobs.push(at as u32);
            at += blob.bytes.len() as u64;
            if at > DATA_END_MAX {
                return Err(LinkError::TooMuchData);
            }
        }
        at = aligned(at, 16);
        if has_stack {
            at += u64::from(STACK_BYTES);
        }
        Ok(Self { segments: placed, blobs, stack_top: at as u32, heap_start: at as u32 })
    }

    /// Address of a place in a segment.
    pub fn address(&self, segment: u32, offset: u32) -> u32 {
        self.segments[&segment].wrapping_add(offset)
    }

    /// Pages of memory at the start: at least a few KiB of heap.
    pub fn pages(&self) -> u32 {
        (self.heap_start + PAGE_BYTES / 16).div_ceil(PAGE_BYTES)
    }

    /// The initial contents: address and bytes of each piece, in order.
    pub fn contents(&self, module: &UserModule) -> Result<Vec<(u32, Vec<u8>)>, LinkError> {
        let runtime = Runtime::get();
        let mut pieces = vec![(cell::HEAP_START, self.heap_start.to_le_bytes().to_vec())];
        for (&index, &address) in &self.segments {
            let segment = &runtime.segments[index as usize];
            let mut bytes = segment.bytes.to_vec();
            for reference in &segment.references {
                if let Target::MemoryWord { segment, offset } = reference.target {
                    let word = self.address(segment, offset).to_le_bytes();
                    bytes[reference.at..reference.at + 4].copy_from_slice(&word);
                }
            }
            pieces.push((address, bytes));
        }
        for (blob, &address) in module.blobs.iter().zip(&self.blobs) {
            let mut bytes = blob.bytes.clone();
            for &(at, target) in &blob.addresses {
                let start = at as usize;
                let missing = LinkError::Missing { what: "offset in a blob", index: at };
                let Some(place) = bytes.get_mut(start..start + 4) else { return Err(missing) };
                let mut word = [0; 4];
                word.copy_from_slice(place);
                let word = u32::from_le_bytes(word).wrapping_add(self.blob(target)?);
                place.copy_from_slice(&word.to_le_bytes());
            }
            pieces.push((address, bytes));
        }
        Ok(merged(pieces))
    }

    /// Address of a blob.
    pub fn blob(&self, index: u32) -> Result<u32, LinkError> {
        let found = self.blobs.get(index as usize).copied();
        found.ok_or(LinkError::Missing { what: "blob", index })
    }
}

/// Joins pieces that are closer than what a segment of its own costs, and drops empty ones.
fn merged(pieces: Vec<(u32, Vec<u8>)>) -> Vec<(u32, Vec<u8>)> {
    const SEGMENT_OVERHEAD: usize = 8;
    let mut joined: Vec<(u32, Vec<u8>)> = Vec::new();
    for (address, bytes) in pieces {
        if bytes.is_empty() {
            continue;
        }
        if let Some((start, last)) = joined.last_mut() {
            let gap = (address - *start) as usize - last.len();
            if gap <= SEGMENT_OVERHEAD {
                last.resize(last.len() + gap, 0);
                last.extend_from_slice(&bytes);
                continue;
            }
        }
        joined.push((address, bytes));
    }
    joined
}

/// A type descriptor among the blobs.
#[derive(Clone, Copy)]
pub(super) struct Descriptor<'a> {
    module: &'a UserModule,
    /// Which blob.
    pub blob: u32,
}

impl<'a> Descriptor<'a> {
    pub fn new(module: &'a UserModule, blob: u32) -> Result<Self, LinkError> {
        let found = module.blobs.get(blob as usize).filter(|blob| blob.bytes.len() >= 8);
        found.ok_or(LinkError::Missing { what: "descriptor", index: blob })?;
        Ok(Self { module, blob })
    }

    /// Its kind.
    pub fn kind(self) -> u32 {
        let bytes = &self.module.blobs[self.blob as usize].bytes;
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// Its elements, in order.
    pub fn elements(self) -> Result<Vec<Self>, LinkError> {
        let mut addresses = self.module.blobs[self.blob as usize].addresses.clone();
        addresses.sort_unstable();
        addresses.into_iter().map(|(_, blob)| Self::new(self.module, blob)).collect()
    }

    /// Whether it is of a dict or set.
    pub fn is_table(self) -> bool {
        matches!(self.kind(), kind::DICT | kind::SET | kind::FROZENSET)
    }
}
