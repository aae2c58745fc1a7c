//! Verified streaming: what a provider writes for a blob, and how its reader checks each piece.
//!
//! Both ends walk the same tree in the same order (`bao-tree`'s). For each parent 64 bytes travel, the
//! hashes of its children; for each leaf, a chunk group. The reader holds the hash that the next piece must
//! have before it reads it.

use std::io;

use bao_tree::{
    BaoTree, ChunkNum, ChunkRanges,
    io::{
        outboard::PreOrderMemOutboard,
        sync::{Outboard, truncate_ranges},
    },
    iter::{BaoChunk, ResponseIterRef},
};
use blake3::{
    Hash,
    hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root},
};
use futures::{AsyncRead, AsyncReadExt};

use super::CHUNK_GROUP;

const CHUNK_BYTES: u64 = 1024;

/// The chunk that byte `offset` starts. Offsets that occur are multiples of a chunk group.
pub(super) fn chunk_at(offset: usize) -> u64 {
    offset as u64 / CHUNK_BYTES
}

/// Whether a request may start here.
pub(super) fn is_start(first_chunk: u64, bytes: u64) -> bool {
    let chunk_group = 1 << CHUNK_GROUP.chunk_log();
    first_chunk == 0
        || (first_chunk.is_multiple_of(chunk_group)
            && first_chunk.checked_mul(CHUNK_BYTES).is_some_and(|offset| offset < bytes))
}

/// Writes a blob's pieces, from a chunk on, in batches.
pub(super) struct Encoder<'a> {
    content: &'a [u8],
    outboard: &'a PreOrderMemOutboard,
    pieces: std::vec::IntoIter<BaoChunk>,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(
        content: &'a [u8],
        outboard: &'a PreOrderMemOutboard,
        first_chunk: u64,
    ) -> Self {
        let ranges = ChunkRanges::from(ChunkNum(first_chunk)..);
        let tree = outboard.tree();
        let pieces: Vec<_> =
            ResponseIterRef::new(tree, truncate_ranges(&ranges, tree.size())).collect();
        Self { content, outboard, pieces: pieces.into_iter() }
    }

    /// Fills `out`, which was emptied, with `batch_bytes` bytes and up to a piece more, or with what is left;
    /// false when nothing was.
    pub(super) fn fill(&mut self, out: &mut Vec<u8>, batch_bytes: usize) -> io::Result<bool> {
        let before = out.len();
        while out.len() < batch_bytes {
            match self.pieces.next() {
                None => break,
                Some(BaoChunk::Parent { node, .. }) => {
                    let (left, right) =
                        self.outboard.load(node)?.ok_or(io::ErrorKind::InvalidData)?;
                    out.extend_from_slice(left.as_bytes());
                    out.extend_from_slice(right.as_bytes());
                }
                Some(BaoChunk::Leaf { start_chunk, size, .. }) => {
                    let start = start_chunk.to_bytes() as usize;
                    let leaf = self.content.get(start..start + size);
                    out.extend_from_slice(leaf.ok_or(io::ErrorKind::InvalidData)?);
                }
            }
        }
        Ok(out.len() > before)
    }
}

/// Why a verified stream was given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("stream broke")]
    Io(#[from] io::Error),
    #[error("bytes at {offset} are not the blob's")]
    Bad { offset: u64 },
}

/// Checks pieces as they are read.
pub(super) struct Decoder {
    /// The pieces to come, in reverse.
    pieces: Vec<BaoChunk>,
    /// The hashes that the next subtrees must have, the next one last.
    expected: Vec<Hash>,
    leaf: Vec<u8>,
    offset: u64,
}

impl Decoder {
    /// Reads the blob with this hash and length from `first_chunk` on. The length may be a lie; then some
    /// piece will not be verified.
    pub(super) fn new(root: [u8; 32], bytes: u64, first_chunk: u64) -> Self {
        let tree = BaoTree::new(bytes, CHUNK_GROUP);
        let ranges = ChunkRanges::from(ChunkNum(first_chunk)..);
        let mut pieces: Vec<_> =
            ResponseIterRef::new(tree, truncate_ranges(&ranges, bytes)).collect();
        pieces.reverse();
        Self {
            pieces,
            expected: vec![Hash::from(root)],
            leaf: Vec::new(),
            offset: first_chunk * CHUNK_BYTES,
        }
    }

    /// The next verified bytes of the blob, or `None` after the last.
    pub(super) async fn next(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Result<Option<&[u8]>, DecodeError> {
        loop {
            let Some(piece) = self.pieces.pop() else { return Ok(None) };
            let bad = DecodeError::Bad { offset: self.offset };
            let Some(expected) = self.expected.pop() else { return Err(bad) };
            match piece {
                BaoChunk::Parent { is_root, left, right, .. } => {
                    let mut pair = [[0; 32]; 2];
                    stream.read_exact(pair.as_flattened_mut()).await?;
                    if parent_hash(&pair, is_root) != expected {
                        return Err(bad);
                    }
                    if right {
                        self.expected.push(Hash::from(pair[1]));
                    }
                    if left {
                        self.expected.push(Hash::from(pair[0]));
                    }
                }
                BaoChunk::Leaf { start_chunk, size, is_root, .. } => {
                    // At most a chunk group, whatever the announced length.
                    self.leaf.resize(size, 0);
                    stream.read_exact(&mut self.leaf).await?;
                    if leaf_hash(start_chunk.0, &self.leaf, is_root) != expected {
                        return Err(bad);
                    }
                    self.offset = start_chunk.to_bytes() + size as u64;
                    return Ok(Some(&self.leaf));
                }
            }
        }
    }
}

fn parent_hash(pair: &[[u8; 32]; 2], is_root: bool) -> Hash {
    let [left, right] = pair;
    if is_root {
        merge_subtrees_root(left, right, Mode::Hash)
    } else {
        Hash::from(merge_subtrees_non_root(left, right, Mode::Hash))
    }
}

fn leaf_hash(start_chunk: u64, leaf: &[u8], is_root: bool) -> Hash {
    if is_root {
        return blake3::hash(leaf);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(start_chunk * CHUNK_BYTES);
    hasher.update(leaf);
    Hash::from(hasher.finalize_non_root())
}
