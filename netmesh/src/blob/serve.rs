//! Serves shared blobs to members.

use std::{collections::BTreeMap, error::Error, io, sync::Arc};

use futures::AsyncWriteExt;
use libp2p::PeerId;
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::{
    BlobStore,
    store::Content,
    turns::{Turn, Turns},
    verify::{Encoder, is_start},
    wire::{Answer, Request},
};
use crate::{
    limits::{
        BLOB_SERVES_MAX, BLOB_SERVES_PER_PEER_MAX, BLOB_STALL_TIMEOUT, BLOB_WAIT_INTERVAL,
        BLOB_WAIT_TIMEOUT, PREAMBLE_TIMEOUT, PREAMBLES_PER_PEER_MAX, PUMP_BATCH_BYTES,
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
    desk: Arc<Desk>,
}

/// Who is served, and how to reach those who are to stop, and those who wait.
struct Desk {
    turns: Mutex<Turns>,
    /// Of each serve under way.
    stops: Mutex<BTreeMap<u64, Arc<Notify>>>,
    freed: Notify,
    epoch: Instant,
}

/// One serve's slot; given back when dropped.
struct Slot {
    desk: Arc<Desk>,
    ticket: u64,
    /// Told when the slot is to be given to another.
    stop: Arc<Notify>,
}

impl Slot {
    /// Waits for a slot. Dropping what is not ready yet gives the place in the queue up.
    async fn take(desk: Arc<Desk>, peer: PeerId) -> Self {
        let ticket = desk.turns.lock().enter(peer);
        let slot = Self { desk, ticket, stop: Arc::default() };
        slot.desk.stops.lock().insert(ticket, Arc::clone(&slot.stop));
        loop {
            let freed = slot.desk.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            match slot.desk.turns.lock().turn(slot.desk.epoch.elapsed(), ticket) {
                Turn::Yours => break,
                Turn::Wait => {}
                Turn::GiveWay(slowest) => {
                    if let Some(stop) = slot.desk.stops.lock().get(&slowest) {
                        stop.notify_one();
                    }
                }
            }
            let _ = timeout(BLOB_WAIT_INTERVAL, freed).await;
        }
        slot
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.desk.turns.lock().leave(self.ticket);
        self.desk.stops.lock().remove(&self.ticket);
        self.desk.freed.notify_waiters();
    }
}

impl BlobServer {
    pub(crate) fn new(store: BlobStore) -> Self {
        Self {
            store,
            requests: PeerLimit::new(PREAMBLES_PER_PEER_MAX),
            per_peer: PeerLimit::new(BLOB_SERVES_PER_PEER_MAX),
            desk: Arc::new(Desk {
                turns: Mutex::new(Turns::new(BLOB_SERVES_MAX)),
                stops: Mutex::default(),
                freed: Notify::new(),
                epoch: Instant::now(),
            }),
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
            .filter(|content| is_start(request.first_chunk, content.length() as u64));
        let Some(content) = shared else {
            tracing::debug!(%peer, session = %request.session, id = %request.id, "blob is not shared with this peer");
            timeout(PREAMBLE_TIMEOUT, message::write(stream, &Answer::NotShared)).await??;
            return Ok(timeout(PREAMBLE_TIMEOUT, stream.close()).await??);
        };
        let permit = self.per_peer.try_acquire(peer);
        let slot = match &permit {
            Some(_) => timeout(BLOB_WAIT_TIMEOUT, Slot::take(self.desk.clone(), peer)).await.ok(),
            None => None,
        };
        let Some(slot) = slot else {
            timeout(PREAMBLE_TIMEOUT, message::write(stream, &Answer::Busy)).await??;
            return Ok(timeout(PREAMBLE_TIMEOUT, stream.close()).await??);
        };
        let bytes = content.length() as u64;
        timeout(PREAMBLE_TIMEOUT, message::write(stream, &Answer::Follows { bytes })).await??;
        tokio::select! {
            sent = send(stream, content, request.first_chunk, &slot) => sent?,
            () = slot.stop.notified() => {
                return Err("it reads too slowly, and another waits".into());
            }
        }
        self.store.note_fetched(request.id, request.session);
        Ok(())
    }
}

async fn send(
    stream: &mut PeerStream,
    content: Arc<Content>,
    first_chunk: u64,
    slot: &Slot,
) -> io::Result<()> {
    // Making a large blob's hash tree takes too long for a task among others.
    let content = tokio::task::spawn_blocking(move || {
        content.with_outboard();
        content
    })
    .await
    .map_err(io::Error::other)?;
    let (bytes, outboard) = content
        .with_outboard()
        .ok_or_else(|| io::Error::other("the blob cannot be read any more"))?;
    let mut encoder = Encoder::new(bytes, outboard, first_chunk);
    let mut batch = Vec::new();
    while encoder.fill(&mut batch, PUMP_BATCH_BYTES)? {
        timeout(BLOB_STALL_TIMEOUT, stream.write_all(&batch)).await??;
        slot.desk.turns.lock().sent(slot.ticket, batch.len());
        batch.clear();
    }
    timeout(BLOB_STALL_TIMEOUT, stream.close()).await?
}
