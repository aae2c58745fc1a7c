//! Blobs by content: a store, and `/spm/blob/1`, which moves them between members of a session.
//!
//! A blob's id is its BLAKE3 hash, so each chunk group of 16 KiB can be verified as it arrives. A provider
//! that sends a bad one is dropped, and the next goes on after the last good one.

mod disk;
mod fetch;
mod patience;
mod serve;
mod store;
mod turns;
mod verify;
pub(crate) mod wire;

use bao_tree::BlockSize;

pub use disk::FolderError;
pub use fetch::{FetchError, ProviderError};
pub use store::{BlobStore, BlobStoreOptions, PutError, ReadBlob, ShareError};

pub(crate) use fetch::fetch_from;
pub(crate) use patience::Patience;
pub(crate) use serve::BlobServer;

/// Chunk groups of 16 KiB: hashes are 0.4 % of a transfer, and a bad byte costs that much again.
const CHUNK_GROUP: BlockSize = BlockSize::from_chunk_log(4);

#[cfg(test)]
pub(crate) mod tests;
