//! Serves shared blobs to members.

use std::{error::Error, io, sync::Arc};

use futures::AsyncWriteExt;
use libp2p::PeerId;
use tokio::{sync::Semaphore, time::timeout};

use super::{
    BlobStore,
    store::Content,
    verify::{Encoder, is_start},
    wire::{Answer, Request},
};
use crate::{
    limits::{
        BLOB_SERVES_MAX, BLOB_SERVES_PER_PEER_MAX, BLOB_STALL_TIMEOUT, PREAMBLE_TIMEOUT,
        PREAMBLES_PER_PEER_MAX, PUMP_BATCH_BYTES,
    },
    mesh::streams::PeerStream,
    message,
    permits::PeerLimit,
};

/// Serves blobs. Clones share limits and store.
#[derive(Clone)]
pub(crate) struct BlobServer {
    store: BlobStore,
    requests: PeerLimit,
    per_peer: PeerLimit,
    all: Arc<Semaphore>,
}

impl BlobServer {
    pub(crate) fn new(store: BlobStore) -> Self {
        Self {
            store,
            requests: PeerLimit::new(PREAMBLES_PER_PEER_MAX),
            per_peer: PeerLimit::new(BLOB_SERVES_PER_PEER_MAX),
            all: Arc::new(Semaphore::new(BLOB_SERVES_MAX)),
        }
    }

    /// Serves one stream to its end.
    pub(crate) async fn serve(&self, peer: PeerId, mut stream: PeerStream) {
        let Some(_request) = self.requests.try_acquire(peer) else {
            tracing::warn!(%peer, "blob stream dropped: too many of this peer's requests wait");
            return;
        };
        if let Err(error) = self.answer(peer, &mut stream).await {
            tracing::debug!(%peer, error = &*error, "blob stream dropped");
        }
    }

    async fn answer(
        &self,
        peer: PeerId,
        stream: &mut PeerStream,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let request: Request = timeout(PREAMBLE_TIMEOUT, message::read(stream)).await??;
        let shared = self
            .store
            .shared_with(peer, request.session, request.id)
            .filter(|content| is_start(request.first_chunk, content.bytes.len() as u64));
        let Some(content) = shared else {
            tracing::debug!(%peer, session = %request.session, id = %request.id, "blob is not shared with this peer");
            timeout(PREAMBLE_TIMEOUT, message::write(stream, &Answer::NotShared)).await??;
            return Ok(timeout(PREAMBLE_TIMEOUT, stream.close()).await??);
        };
        let (Some(_permit), Ok(_slot)) = (self.per_peer.try_acquire(peer), self.all.try_acquire())
        else {
            timeout(PREAMBLE_TIMEOUT, message::write(stream, &Answer::Busy)).await??;
            return Ok(timeout(PREAMBLE_TIMEOUT, stream.close()).await??);
        };
        let bytes = content.bytes.len() as u64;
        timeout(PREAMBLE_TIMEOUT, message::write(stream, &Answer::Follows { bytes })).await??;
        send(stream, content, request.first_chunk).await?;
        self.store.note_fetched(request.id, request.session);
        Ok(())
    }
}

async fn send(stream: &mut PeerStream, content: Arc<Content>, first_chunk: u64) -> io::Result<()> {
    // Making a large blob's hash tree takes too long for a task among others.
    let content = tokio::task::spawn_blocking(move || {
        content.outboard();
        content
    })
    .await
    .map_err(io::Error::other)?;
    let mut encoder = Encoder::new(&content.bytes, content.outboard(), first_chunk);
    let mut batch = Vec::new();
    while encoder.fill(&mut batch, PUMP_BATCH_BYTES)? {
        timeout(BLOB_STALL_TIMEOUT, stream.write_all(&batch)).await??;
        batch.clear();
    }
    timeout(BLOB_STALL_TIMEOUT, stream.close()).await?
}
