//! The blobs this process holds, and with whom it shares them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use bao_tree::io::outboard::PreOrderMemOutboard;
use bytes::Bytes;
use libp2p::PeerId;
use parking_lot::Mutex;
use spm_protocol::{ContentId, SessionId};

use super::{
    CHUNK_GROUP,
    disk::{Folder, FolderError},
};

/// What a store may hold.
#[derive(Debug, Clone)]
pub struct BlobStoreOptions {
    /// Bytes in memory. Shared blobs stay; the longest unused of the others make room.
    pub memory_bytes_max: usize,
    /// A folder that keeps blobs across restarts, and how many bytes of them.
    pub folder: Option<(PathBuf, u64)>,
}

/// A blob could not be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a blob of {blob_bytes} bytes does not fit: the store holds {shared_bytes} bytes that are shared, and at most {memory_bytes_max} bytes"
)]
pub struct PutError {
    /// Length of the blob.
    pub blob_bytes: usize,
    /// What cannot make room.
    pub shared_bytes: usize,
    /// The limit.
    pub memory_bytes_max: usize,
}

/// A blob could not be shared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// It is not here.
    #[error("blob `{id}` is not in the store")]
    Absent {
        /// The blob.
        id: ContentId,
    },
    /// Others would have too little room: [`BlobStore::fair`].
    #[error(
        "a blob of {blob_bytes} bytes does not fit: this session shares {session_bytes} bytes here that were not fetched \
         or let go of, and the rest of the store is for others"
    )]
    Unfair {
        /// Length of the blob.
        blob_bytes: usize,
        /// What the session shares already.
        session_bytes: usize,
    },
}

/// Blobs by content. Clones are the same store.
///
/// With a folder, [`BlobStore::put`] and [`BlobStore::get`] may wait for the disk.
#[derive(Debug, Clone)]
pub struct BlobStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    memory_bytes_max: usize,
    /// Whether sessions leave room for others.
    is_fair: bool,
    state: Mutex<State>,
    // Never locked while `state` is, so that memory does not wait for the disk.
    folder: Option<Mutex<Folder>>,
}

#[derive(Debug, Default)]
struct State {
    blobs: BTreeMap<ContentId, Blob>,
    sessions: BTreeMap<SessionId, Session>,
    bytes: usize,
    shared_bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Blob {
    content: Arc<Content>,
    used: u64,
    sessions: BTreeSet<SessionId>,
}

#[derive(Debug, Default)]
struct Session {
    members: BTreeSet<PeerId>,
    blobs: BTreeMap<ContentId, Sharing>,
    /// Length of all of them.
    bytes: usize,
}

/// How much more a session of a fair store may share than what it leaves free: alone it has four fifths, and whoever
/// comes after it has four fifths of the rest. These are the dynamic thresholds of A. Choudhury and E. Hahne, "Dynamic
/// queue length thresholds for shared-memory packet switches" (1998).
const SHARED_TO_FREE: usize = 4;

/// Why a blob is shared in a session: as long as one of these holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sharing {
    until_unshared: bool,
    /// Fetches to its end that are still expected.
    fetches_left: usize,
    /// How often it is held.
    holds: usize,
}

impl Sharing {
    fn is_over(self) -> bool {
        !self.until_unshared && self.fetches_left == 0 && self.holds == 0
    }
}

/// Reads a blob, for the first who wants it: its bytes, which must be those of its id, or why there are none.
#[derive(Clone)]
pub struct ReadBlob(Arc<dyn Fn() -> Result<Bytes, String> + Send + Sync>);

impl ReadBlob {
    /// Reads by calling `read`, which may wait for the disk.
    pub fn new(read: impl Fn() -> Result<Bytes, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Reads it.
    ///
    /// # Errors
    /// Says why it cannot be read.
    pub fn read(&self) -> Result<Bytes, String> {
        (self.0)()
    }
}

impl fmt::Debug for ReadBlob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ReadBlob")
    }
}

/// A blob's bytes, at hand or to be read, and, once it was served, its hash tree.
#[derive(Debug)]
pub(super) struct Content {
    length: usize,
    bytes: OnceLock<Bytes>,
    read: Option<ReadBlob>,
    outboard: OnceLock<PreOrderMemOutboard>,
}

impl Content {
    fn here(bytes: Bytes) -> Self {
        let length = bytes.len();
        Self { length, bytes: bytes.into(), read: None, outboard: OnceLock::new() }
    }

    fn later(length: usize, read: ReadBlob) -> Self {
        Self { length, bytes: OnceLock::new(), read: Some(read), outboard: OnceLock::new() }
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The bytes, unless they were to be read and cannot be. May wait for the disk.
    pub(super) fn bytes(&self) -> Option<&Bytes> {
        if let Some(bytes) = self.bytes.get() {
            return Some(bytes);
        }
        match self.read.as_ref()?.read() {
            Ok(bytes) if bytes.len() == self.length => Some(self.bytes.get_or_init(|| bytes)),
            Ok(bytes) => {
                tracing::warn!(length = self.length, found = bytes.len(), "blob has changed");
                None
            }
            Err(reason) => {
                tracing::warn!(reason, "blob cannot be read");
                None
            }
        }
    }

    /// The bytes and their hash tree; made by the first to ask, which takes about a millisecond per MiB.
    pub(super) fn with_outboard(&self) -> Option<(&Bytes, &PreOrderMemOutboard)> {
        let bytes = self.bytes()?;
        let make = || PreOrderMemOutboard::create(bytes, CHUNK_GROUP);
        Some((bytes, self.outboard.get_or_init(make)))
    }
}

impl BlobStore {
    /// Opens a store.
    pub fn open(options: &BlobStoreOptions) -> Result<Self, FolderError> {
        let folder = match &options.folder {
            Some((path, bytes_max)) => Some(Mutex::new(Folder::open(path, *bytes_max)?)),
            None => None,
        };
        let state = Mutex::default();
        Ok(Self {
            inner: Arc::new(Inner {
                memory_bytes_max: options.memory_bytes_max,
                is_fair: false,
                state,
                folder,
            }),
        })
    }

    /// A store in memory only.
    pub fn in_memory(memory_bytes_max: usize) -> Self {
        Self::new(memory_bytes_max, false)
    }

    /// The same for sessions that know nothing of each other: each can share only so much that others have room, too.
    pub fn fair(memory_bytes_max: usize) -> Self {
        Self::new(memory_bytes_max, true)
    }

    fn new(memory_bytes_max: usize, is_fair: bool) -> Self {
        let state = Mutex::default();
        Self { inner: Arc::new(Inner { memory_bytes_max, is_fair, state, folder: None }) }
    }

    /// Takes a blob in and says its id.
    pub fn put(&self, bytes: impl Into<Bytes>) -> Result<ContentId, PutError> {
        let bytes = bytes.into();
        let id = ContentId::of(&bytes);
        self.put_verified(id, &bytes)?;
        Ok(id)
    }

    /// As [`BlobStore::put`], for what is sure to be served: its hash tree, which has its id, is made now and kept.
    pub fn put_to_serve(&self, bytes: impl Into<Bytes>) -> Result<ContentId, PutError> {
        let bytes = bytes.into();
        let outboard = PreOrderMemOutboard::create(&bytes, CHUNK_GROUP);
        let id = ContentId::from_digest(*outboard.root.as_bytes());
        let content = || {
            let content = Content::here(bytes.clone());
            let _ = content.outboard.set(outboard);
            content
        };
        let is_new = self.keep(id, content, bytes.len())?;
        if let Some(folder) = &self.inner.folder
            && is_new
        {
            folder.lock().write(id, &bytes);
        }
        Ok(id)
    }

    /// Takes in a blob whose id the caller made from these very bytes, or has checked.
    pub fn put_verified(&self, id: ContentId, bytes: &Bytes) -> Result<(), PutError> {
        let is_new = self.keep(id, || Content::here(bytes.clone()), bytes.len())?;
        if let Some(folder) = &self.inner.folder
            && is_new
        {
            folder.lock().write(id, bytes);
        }
        Ok(())
    }

    /// Takes in a blob that is read once somebody wants it. Its length counts as if it were in memory, from now on.
    ///
    /// # Errors
    /// If there is no room for it.
    pub fn put_later(&self, id: ContentId, length: usize, read: &ReadBlob) -> Result<(), PutError> {
        self.keep(id, || Content::later(length, read.clone()), length).map(drop)
    }

    /// As [`BlobStore::put_verified`], without waiting for the disk on a task's thread.
    pub(crate) async fn put_fetched(&self, id: ContentId, bytes: Bytes) -> Result<(), PutError> {
        if self.inner.folder.is_none() {
            return self.put_verified(id, &bytes);
        }
        let store = self.clone();
        let put = tokio::task::spawn_blocking(move || store.put_verified(id, &bytes));
        // The runtime is shutting down if this fails, and then the blob is not missed.
        put.await.unwrap_or(Ok(()))
    }

    /// The blob, if it is here.
    pub fn get(&self, id: ContentId) -> Option<Bytes> {
        let found = self.inner.state.lock().find(id);
        if let Some(content) = found {
            // Without the lock: it may have to be read.
            return content.bytes().cloned();
        }
        let bytes = Bytes::from(self.inner.folder.as_ref()?.lock().read(id)?);
        // It need not fit in memory to be used.
        let _ = self.keep(id, || Content::here(bytes.clone()), bytes.len());
        Some(bytes)
    }

    /// As [`BlobStore::get`], without waiting for the disk on a task's thread.
    pub(crate) async fn get_soon(&self, id: ContentId) -> Option<Bytes> {
        if self.inner.folder.is_none() {
            return self.get(id);
        }
        let store = self.clone();
        // The runtime is shutting down if this fails, and then the blob is not missed.
        tokio::task::spawn_blocking(move || store.get(id)).await.ok().flatten()
    }

    /// Whether the blob is here.
    pub fn contains(&self, id: ContentId) -> bool {
        self.inner.state.lock().blobs.contains_key(&id)
            || self.inner.folder.as_ref().is_some_and(|folder| folder.lock().contains(id))
    }

    /// Shares a blob with these members of a session, beside those it has, until
    /// [`BlobStore::unshare_session`]. It stays in memory that long.
    pub fn share(
        &self,
        id: ContentId,
        session: SessionId,
        members: impl IntoIterator<Item = PeerId>,
    ) -> Result<(), ShareError> {
        self.share_as(id, session, members, |sharing| sharing.until_unshared = true)
    }

    /// As [`BlobStore::share`], but only until a member has fetched it to its end: for a value that one peer
    /// waits for. Each call stands for one fetch, and none ends what [`BlobStore::share`] shares.
    pub fn share_until_fetched(
        &self,
        id: ContentId,
        session: SessionId,
        member: PeerId,
    ) -> Result<(), ShareError> {
        self.share_as(id, session, [member], |sharing| sharing.fetches_left += 1)
    }

    /// As [`BlobStore::share`], but only until it was [let go](BlobStore::release) of as often as it was held,
    /// whoever else shares or holds it.
    pub fn hold(
        &self,
        id: ContentId,
        session: SessionId,
        members: impl IntoIterator<Item = PeerId>,
    ) -> Result<(), ShareError> {
        self.share_as(id, session, members, |sharing| sharing.holds += 1)
    }

    /// Ends one [`BlobStore::hold`].
    pub fn release(&self, id: ContentId, session: SessionId) {
        self.end(id, session, |sharing| sharing.holds = sharing.holds.saturating_sub(1));
    }

    fn share_as(
        &self,
        id: ContentId,
        session: SessionId,
        members: impl IntoIterator<Item = PeerId>,
        more: impl FnOnce(&mut Sharing),
    ) -> Result<(), ShareError> {
        let is_here = self.inner.state.lock().find(id).is_some();
        if !is_here {
            // A blob that is only on disk is brought into memory.
            self.get(id).ok_or(ShareError::Absent { id })?;
        }
        let mut state = self.inner.state.lock();
        let state = &mut *state;
        let blob = state.blobs.get_mut(&id).ok_or(ShareError::Absent { id })?;
        let blob_bytes = blob.content.length();
        let entry = state.sessions.entry(session).or_default();
        if !blob.sessions.contains(&session) {
            let more = if blob.sessions.is_empty() { blob_bytes } else { 0 };
            let (session_bytes, shared) = (entry.bytes, state.shared_bytes + more);
            let free = self.inner.memory_bytes_max.saturating_sub(shared);
            if self.inner.is_fair && session_bytes + blob_bytes > SHARED_TO_FREE * free {
                return Err(ShareError::Unfair { blob_bytes, session_bytes });
            }
            state.shared_bytes = shared;
            entry.bytes += blob_bytes;
            blob.sessions.insert(session);
        }
        more(entry.blobs.entry(id).or_default());
        entry.members.extend(members);
        Ok(())
    }

    /// The blob, for its reader in this process: counts as a fetch for [`BlobStore::share_until_fetched`].
    pub fn fetch_here(&self, id: ContentId, session: SessionId) -> Option<Bytes> {
        let bytes = self.get(id)?;
        self.note_fetched(id, session);
        Some(bytes)
    }

    /// Notes that a member has fetched the blob to its end.
    pub(super) fn note_fetched(&self, id: ContentId, session: SessionId) {
        let less = |sharing: &mut Sharing| {
            sharing.fetches_left = sharing.fetches_left.saturating_sub(1);
        };
        self.end(id, session, less);
    }

    /// Says who the members of a session are from now on; nobody else is served its blobs.
    pub fn set_members(&self, session: SessionId, members: impl IntoIterator<Item = PeerId>) {
        let mut state = self.inner.state.lock();
        state.sessions.entry(session).or_default().members = members.into_iter().collect();
    }

    /// Lets these, too, have what is shared in a session.
    pub fn admit(&self, session: SessionId, members: impl IntoIterator<Item = PeerId>) {
        self.inner.state.lock().sessions.entry(session).or_default().members.extend(members);
    }

    /// Shares a blob with nobody in this session any more, unless it is held. It may be dropped to make room.
    pub fn unshare(&self, id: ContentId, session: SessionId) {
        self.end(id, session, |sharing| {
            *sharing = Sharing { holds: sharing.holds, ..Sharing::default() }
        });
    }

    /// Ends what `less` takes away of a sharing, and with the last of that the sharing itself.
    fn end(&self, id: ContentId, session: SessionId, less: impl FnOnce(&mut Sharing)) {
        let mut state = self.inner.state.lock();
        let state = &mut *state;
        let Some(entry) = state.sessions.get_mut(&session) else { return };
        let Some(sharing) = entry.blobs.get_mut(&id) else { return };
        less(sharing);
        if !sharing.is_over() {
            return;
        }
        entry.blobs.remove(&id);
        if let Some(blob) = state.blobs.get_mut(&id)
            && blob.sessions.remove(&session)
        {
            entry.bytes -= blob.content.length();
            if blob.sessions.is_empty() {
                state.shared_bytes -= blob.content.length();
            }
        }
    }

    /// Shares nothing with anyone in this session any more.
    pub fn unshare_session(&self, session: SessionId) {
        let mut state = self.inner.state.lock();
        let state = &mut *state;
        let Some(entry) = state.sessions.remove(&session) else { return };
        for id in entry.blobs.into_keys() {
            if let Some(blob) = state.blobs.get_mut(&id) {
                blob.sessions.remove(&session);
                if blob.sessions.is_empty() {
                    state.shared_bytes -= blob.content.length();
                }
            }
        }
    }

    /// Bytes held in memory.
    pub fn memory_bytes(&self) -> usize {
        self.inner.state.lock().bytes
    }

    /// Bytes held in memory that are shared, and so cannot make room.
    pub fn shared_bytes(&self) -> usize {
        self.inner.state.lock().shared_bytes
    }

    /// The blob, if it is shared with this peer in this session.
    pub(super) fn shared_with(
        &self,
        peer: PeerId,
        session: SessionId,
        id: ContentId,
    ) -> Option<Arc<Content>> {
        let mut state = self.inner.state.lock();
        let entry = state.sessions.get(&session)?;
        if !entry.members.contains(&peer) || !entry.blobs.contains_key(&id) {
            return None;
        }
        state.find(id)
    }

    /// Keeps a blob in memory; says whether it was not there.
    fn keep(
        &self,
        id: ContentId,
        content: impl FnOnce() -> Content,
        blob_bytes: usize,
    ) -> Result<bool, PutError> {
        let memory_bytes_max = self.inner.memory_bytes_max;
        let mut state = self.inner.state.lock();
        if state.find(id).is_some() {
            return Ok(false);
        }
        let shared_bytes = state.shared_bytes;
        if blob_bytes > memory_bytes_max.saturating_sub(shared_bytes) {
            return Err(PutError { blob_bytes, shared_bytes, memory_bytes_max });
        }
        while state.bytes + blob_bytes > memory_bytes_max {
            state.drop_longest_unused();
        }
        state.clock += 1;
        state.bytes += blob_bytes;
        let content = Arc::new(content());
        let used = state.clock;
        state.blobs.insert(id, Blob { content, used, sessions: BTreeSet::new() });
        Ok(true)
    }
}

impl State {
    fn find(&mut self, id: ContentId) -> Option<Arc<Content>> {
        self.clock += 1;
        let blob = self.blobs.get_mut(&id)?;
        blob.used = self.clock;
        Some(Arc::clone(&blob.content))
    }

    fn drop_longest_unused(&mut self) {
        let unshared = self.blobs.iter().filter(|(_, blob)| blob.sessions.is_empty());
        let Some((id, _)) = unshared.min_by_key(|(_, blob)| blob.used) else { return };
        let id = *id;
        if let Some(blob) = self.blobs.remove(&id) {
            self.bytes -= blob.content.length();
        }
    }
}
