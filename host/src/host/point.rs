//! What a host holds for one session and one of its sequence points.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::future::join_all;
use parking_lot::Mutex;
use spm_netmesh::{BlobStore, Mesh, PendingWake};
use spm_protocol::frame::Frame as _;
use spm_protocol::frame::{
    Answer, HostWork, Member, MemberAddress, PrepareStep, Task, TaskResult, UNMET,
};
use spm_protocol::limits::{INLINE_BYTES_MAX, KEPT_BYTES_MAX};
use spm_protocol::{
    Certified, ContentId, Manifest, Outcome, Payload, PeerId, Point, SessionId, TaskId,
};
use tokio::sync::OnceCell;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

use super::channel::Replies;
use super::outbox::Outbox;
use crate::compile_child::chain;
use crate::sandbox::{Definition, Granted, Keep};
use crate::session::Event;

/// Where a session's blobs come from and go to.
#[derive(Debug, Clone)]
pub enum Blobs {
    /// One store that the submitter and this host share: they are one process. The submitter ends the sharing of
    /// a session's blobs.
    Store(BlobStore),
    /// This host's own store, and its mesh.
    Mesh(Mesh),
}

impl Blobs {
    fn store(&self) -> &BlobStore {
        match self {
            Self::Store(store) => store,
            Self::Mesh(mesh) => mesh.blobs(),
        }
    }

    /// Whether blobs come from other processes, so that they are worth keeping.
    pub(super) fn is_from_elsewhere(&self) -> bool {
        matches!(self, Self::Mesh(_))
    }

    /// Gets a blob of this length.
    pub(super) async fn fetch(
        &self,
        id: ContentId,
        bytes: u64,
        session: SessionId,
        providers: &[PeerId],
        progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Bytes, String> {
        let content = match self {
            Self::Store(store) => store
                .get(id)
                .ok_or_else(|| format!("blob `{id}` is not in the store of this process")),
            Self::Mesh(mesh) => mesh
                .fetch(id, bytes, session, providers, progress)
                .await
                .map_err(|error| chain(&error)),
        }?;
        if content.len() as u64 != bytes {
            return Err(format!("blob `{id}` has {} bytes, not {bytes}", content.len()));
        }
        Ok(content)
    }

    /// Lets members of a session have a blob that was fetched.
    pub(super) fn share(&self, id: ContentId, session: SessionId, members: &[PeerId]) {
        if let Self::Mesh(mesh) = self
            && let Err(error) = mesh.blobs().share(id, session, members.iter().copied())
        {
            // Others have it too, or nobody could have sent it.
            tracing::debug!(%id, %error, "blob is not shared");
        }
    }

    /// Lets these peers have what is shared in a session.
    fn admit(&self, session: SessionId, members: impl IntoIterator<Item = PeerId>) {
        if let Self::Mesh(mesh) = self {
            mesh.blobs().admit(session, members);
        }
    }

    /// Notes where other members listen.
    pub(super) async fn remember(&self, addresses: Vec<MemberAddress>) {
        let Self::Mesh(mesh) = self else { return };
        for MemberAddress { member, address } in addresses {
            if let (Some(peer), Ok(address)) = (member.peer(), address.try_into()) {
                mesh.remember(peer, address).await;
            }
        }
    }

    /// Connects to all of these members. Values are fetched from them later, in the midst of tasks.
    ///
    /// # Errors
    /// Says which cannot be reached, and why.
    pub(super) async fn meet(&self, members: &[Member]) -> Result<(), String> {
        let Self::Mesh(mesh) = self else { return Ok(()) };
        let others = members.iter().filter_map(Member::peer).filter(|peer| *peer != mesh.peer_id());
        let met = others.map(async |peer| match mesh.connect(peer).await {
            Ok(()) => None,
            Err(error) => Some(format!("host `{peer}` ({})", chain(&error))),
        });
        let lost: Vec<String> = join_all(met).await.into_iter().flatten().collect();
        if lost.is_empty() {
            return Ok(());
        }
        Err(format!(
            "host `{}` {UNMET} {}, and this task manager sends values from host to host: open a way between \
             them, or leave one out with `pool.select(hosts=)`",
            mesh.peer_id(),
            lost.join(" and ")
        ))
    }

    /// Stops sharing what [`Self::share`] and results shared.
    pub(super) fn unshare(&self, session: SessionId) {
        if let Self::Mesh(mesh) = self {
            mesh.blobs().unshare_session(session);
        }
    }
}

/// What all threads that work for a session use.
pub(super) struct SessionRun {
    /// Tells sessions of this host apart.
    pub(super) key: u64,
    pub(super) session: SessionId,
    pub(super) submitter: Certified,
    pub(super) blobs: Blobs,
    pub(super) work: Outbox,
    /// When the lease is over.
    pub(super) lease_until_ms: AtomicU64,
    pub(super) events: UnboundedSender<Event>,
}

impl SessionRun {
    /// Tells the session's driver, if it still is there.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    /// Sends a frame of work unless the lease is over: then the hub gave the tasks to others.
    pub(super) fn send_work(&self, frame: &HostWork) {
        self.send_work_then(frame).wake();
    }

    /// The same, and the caller wakes the hub.
    pub(super) fn send_work_then(&self, frame: &HostWork) -> PendingWake {
        if crate::clock::now_ms() >= self.lease_until_ms.load(Ordering::Acquire) {
            return PendingWake::default();
        }
        self.work.send_then(frame.to_bytes()).unwrap_or_else(|unread| {
            self.tell(Event::Broken { reason: unread.to_string() });
            PendingWake::default()
        })
    }

    /// A value as it travels: in the frame, or as a blob that the submitter may fetch.
    pub(super) fn payload(&self, value: Vec<u8>) -> Result<Payload, String> {
        if value.len() <= INLINE_BYTES_MAX {
            return Ok(Payload::Inline(value));
        }
        let bytes = value.len() as u64;
        let store = self.blobs.store();
        let id = store.put(value).map_err(|error| error.to_string())?;
        store
            .share_until_fetched(id, self.session, self.submitter.transport)
            .map_err(|error| error.to_string())?;
        Ok(Payload::Blob { id, bytes })
    }
}

/// A closure that is defined here.
pub(super) struct ClosureRun {
    pub(super) definition: Arc<Definition>,
    /// What becomes of an instance after its task.
    pub(super) keep: Keep,
    pub(super) payload: Option<Bytes>,
    /// What it was granted, if anything.
    pub(super) granted: Option<Arc<Granted>>,
    pub(super) memory_bytes: usize,
    pub(super) fuel: u64,
    pub(super) deadline_ms: Option<u64>,
}

/// A closure of a point.
pub(super) enum Closure {
    /// Prepared with the point.
    Ready(ClosureRun),
    /// A fallback, which is prepared once a task is there for it.
    Later(Box<Fallback>),
}

/// What it takes to prepare a fallback, and what came of that.
pub(super) struct Fallback {
    pub(super) terms: Result<FallbackTerms, String>,
    pub(super) prepared: OnceCell<Result<ClosureRun, String>>,
}

/// A manifest that was verified with its point, and where its blobs come from.
pub(super) struct FallbackTerms {
    pub(super) manifest: Manifest,
    pub(super) origin: Arc<Origin>,
}

/// Who may have the blobs of a point, and who has them.
pub(super) struct Origin {
    pub(super) members: Vec<PeerId>,
    pub(super) sources: BTreeMap<ContentId, Vec<PeerId>>,
}

/// Blobs that are kept: how often, and how long each is; and how long all are.
#[derive(Default)]
struct Held {
    blobs: BTreeMap<ContentId, (usize, u64)>,
    bytes: u64,
}

/// A sequence point on this host. All that is done for it holds it, so that when the last of that is over the
/// session is told that nothing of the point is left.
pub(super) struct PointRun {
    pub(super) session: Arc<SessionRun>,
    pub(super) point: Point,
    /// Set once prepared.
    pub(super) closures: OnceLock<Vec<Closure>>,
    /// Who may have what is kept here for the point: everyone it was prepared for, and who joined since.
    members: Mutex<BTreeSet<PeerId>>,
    /// Bits of the least value that a task of the run is known to have found.
    bound: AtomicU64,
    /// What is kept here for the point.
    held: Mutex<Held>,
    /// Where answers for running tasks go.
    pub(super) asking: Mutex<BTreeMap<(TaskId, u32), Arc<Replies>>>,
    is_abandoned: AtomicBool,
    /// Tasks that ended since the session was told.
    ended: AtomicU32,
    /// Tasks whose arguments are being fetched, or whose closure is being prepared.
    pub(super) fetching: Mutex<BTreeMap<TaskId, (Task, AbortHandle)>>,
}

impl PointRun {
    pub(super) fn new(session: Arc<SessionRun>, point: Point) -> Self {
        Self {
            session,
            point,
            closures: OnceLock::new(),
            members: Mutex::default(),
            bound: AtomicU64::new(f64::INFINITY.to_bits()),
            held: Mutex::default(),
            asking: Mutex::default(),
            is_abandoned: AtomicBool::new(false),
            ended: AtomicU32::new(0),
            fetching: Mutex::default(),
        }
    }

    /// A closure that tasks can be run of.
    pub(super) fn closure(&self, index: u32) -> Option<&ClosureRun> {
        match self.closures.get()?.get(index as usize)? {
            Closure::Ready(closure) => Some(closure),
            Closure::Later(fallback) => fallback.prepared.get()?.as_ref().ok(),
        }
    }

    /// Whether a closure is a fallback that is not prepared.
    pub(super) fn is_unprepared(&self, index: u32) -> bool {
        let closure = self.closures.get().and_then(|closures| closures.get(index as usize));
        matches!(closure, Some(Closure::Later(fallback))
            if !matches!(fallback.prepared.get(), Some(Ok(_))))
    }

    /// Nothing is to be run or sent for it any more.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::SeqCst);
        for (_, fetching) in std::mem::take(&mut *self.fetching.lock()).into_values() {
            fetching.abort();
        }
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::SeqCst)
    }

    /// Sends results, and counts them before the hub can know of them. The caller wakes the hub.
    pub(super) fn send_results(&self, results: Vec<TaskResult>) -> PendingWake {
        if results.is_empty() || self.is_abandoned() {
            return PendingWake::default();
        }
        self.ended.fetch_add(results.len() as u32, Ordering::AcqRel);
        self.session.send_work_then(&HostWork::Results { point: self.point, results })
    }

    /// Answers a task that did not run.
    pub(super) fn answer(&self, id: TaskId, attempt: u32, outcome: Outcome) {
        self.send_results(vec![TaskResult {
            id,
            attempt,
            outcome,
            run_us: 0,
            output: Vec::new(),
            pure: true,
        }])
        .wake();
    }

    /// The least value known.
    pub(super) fn bound(&self) -> f64 {
        f64::from_bits(self.bound.load(Ordering::Acquire))
    }

    /// Notes a value; says whether it is less than the bound was.
    pub(super) fn improve(&self, value: f64) -> bool {
        let less = |bits| (value < f64::from_bits(bits)).then_some(value.to_bits());
        self.bound.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
    }

    /// Gives a running task an answer.
    pub(super) fn reply(&self, id: TaskId, attempt: u32, number: u64, answer: Answer) {
        let replies = self.asking.lock().get(&(id, attempt)).cloned();
        if let Some(replies) = replies {
            replies.put(number, answer);
        }
    }

    /// Lets these have what is kept here.
    pub(super) fn admit(&self, members: impl IntoIterator<Item = PeerId>) {
        let mut mine = self.members.lock();
        mine.extend(members);
        self.session.blobs.admit(self.session.session, mine.iter().copied());
    }

    /// A value that stays here, for members to fetch, until the hub lets go of it or nothing of the point is left: a
    /// blob, unless it is no longer than `inline_max`.
    pub(super) fn hold(&self, value: Vec<u8>, inline_max: usize) -> Result<Payload, String> {
        self.hold_again(value, inline_max, None)
    }

    /// The same, of what may be kept already under the id `before`: to compare bytes takes less than to hash them.
    pub(super) fn hold_again(
        &self,
        value: Vec<u8>,
        inline_max: usize,
        before: Option<ContentId>,
    ) -> Result<Payload, String> {
        if value.len() <= inline_max {
            return Ok(Payload::Inline(value));
        }
        let bytes = value.len() as u64;
        let (store, session) = (self.session.blobs.store(), self.session.session);
        let members: Vec<PeerId> = self.members.lock().iter().copied().collect();
        let mut held = self.held.lock();
        if held.bytes + bytes > KEPT_BYTES_MAX {
            return Err(format!("this host keeps {KEPT_BYTES_MAX} bytes for a session at most"));
        }
        let known = before.filter(|id| {
            held.blobs.contains_key(id) && store.get(*id).is_some_and(|content| content == value)
        });
        let id = match known {
            Some(id) => Ok(id),
            None if self.session.blobs.is_from_elsewhere() => store.put_to_serve(value),
            None => store.put(value),
        };
        let id = id.map_err(|error| error.to_string())?;
        store.hold(id, session, members).map_err(|error| error.to_string())?;
        let count = &mut held.blobs.entry(id).or_insert((0, bytes)).0;
        *count += 1;
        if *count == 1 {
            held.bytes += bytes;
        }
        Ok(Payload::Blob { id, bytes })
    }

    /// Lets go once of each of what was held.
    pub(super) fn release(&self, blobs: &[ContentId]) {
        let mut held = self.held.lock();
        for id in blobs {
            let Some((count, bytes)) = held.blobs.get_mut(id) else { continue };
            *count -= 1;
            if *count == 0 {
                let bytes = *bytes;
                held.blobs.remove(id);
                held.bytes -= bytes;
            }
            self.session.blobs.store().release(*id, self.session.session);
        }
    }

    /// Says that its preparation takes a while.
    pub(super) fn tell_preparing(&self, closure: u32, step: PrepareStep, permille: Option<u32>) {
        self.session.tell(Event::Preparing { point: self.point, closure, step, permille });
    }

    /// Gives tasks back that have not started.
    pub(super) fn give_back(&self, tasks: Vec<(TaskId, u32)>) {
        if self.is_abandoned() {
            return;
        }
        self.ended.fetch_add(tasks.len() as u32, Ordering::AcqRel);
        self.session.send_work(&HostWork::Unstarted { point: self.point, tasks });
    }

    /// How many tasks ended since this was asked last.
    pub(super) fn take_ended(&self) -> u32 {
        self.ended.swap(0, Ordering::AcqRel)
    }
}

impl Drop for PointRun {
    fn drop(&mut self) {
        let (store, session) = (self.session.blobs.store(), self.session.session);
        for (id, (count, _)) in std::mem::take(&mut self.held.get_mut().blobs) {
            (0..count).for_each(|_| store.release(id, session));
        }
        self.session.tell(Event::Dropped { point: self.point });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use spm_netmesh::Pipe;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    /// The other ends of what a session writes to.
    pub(in super::super) struct Ends {
        pub(in super::super) work: Pipe,
        pub(in super::super) events: UnboundedReceiver<Event>,
    }

    /// A point of a session that nobody drives.
    pub(in super::super) fn point_run() -> (Arc<PointRun>, Ends) {
        let peer = spm_netmesh::Keypair::generate_ed25519().public().to_peer_id();
        let (near, work) = Pipe::pair(1024);
        let (events, receiver) = unbounded_channel();
        let session = SessionRun {
            key: 1,
            session: SessionId::from_bytes([1; 16]),
            submitter: Certified { owner: peer, transport: peer, expires_unix_ms: u64::MAX },
            blobs: Blobs::Store(BlobStore::in_memory(1 << 20)),
            work: Outbox::new(near.sender),
            lease_until_ms: AtomicU64::new(u64::MAX),
            events,
        };
        (Arc::new(PointRun::new(Arc::new(session), Point(1))), Ends { work, events: receiver })
    }

    #[test]
    fn the_last_to_let_go_of_a_point_says_so() {
        let (point, mut ends) = point_run();
        let held = Arc::clone(&point);
        drop(point);
        assert!(ends.events.try_recv().is_err());
        drop(held);
        assert_eq!(ends.events.try_recv(), Ok(Event::Dropped { point: Point(1) }));
    }

    #[test]
    fn what_a_point_keeps_goes_with_it_or_before() {
        let (point, _ends) = point_run();
        let (session, store) = (Arc::clone(&point.session), point.session.blobs.store().clone());
        assert_eq!(point.hold(vec![1; 3], 3), Ok(Payload::Inline(vec![1; 3])));
        let keep = |value: u8| match point.hold(vec![value; 4], 3) {
            Ok(Payload::Blob { id, bytes: 4 }) => id,
            other => panic!("{other:?}"),
        };
        let (one, two) = (keep(1), keep(2));
        assert_eq!(keep(1), one);
        point.release(&[one, ContentId::of(b"never heard of")]);
        assert_eq!(store.shared_bytes(), 8, "it was kept twice");
        point.release(&[one, one]);
        assert_eq!(store.shared_bytes(), 4);
        // Who else shares it does not lose it by that.
        store.share(two, session.session, []).unwrap();
        drop(point);
        assert_eq!(store.shared_bytes(), 4);
        store.unshare(two, session.session);
        assert_eq!(store.shared_bytes(), 0);
    }

    #[test]
    fn what_is_kept_already_has_its_id_and_other_content_another() {
        let (point, _ends) = point_run();
        let keep = |value: u8, before| match point.hold_again(vec![value; 4], 3, before) {
            Ok(Payload::Blob { id, bytes: 4 }) => id,
            other => panic!("{other:?}"),
        };
        let one = keep(1, None);
        assert_eq!(keep(1, Some(one)), one);
        assert_eq!(keep(2, Some(one)), ContentId::of(&[2; 4]), "the id was only a guess");
        point.release(&[one, one]);
        assert_eq!(keep(1, Some(one)), one, "it is kept again");
        assert_eq!(point.session.blobs.store().shared_bytes(), 8);
    }

    #[test]
    fn nothing_is_sent_for_an_abandoned_point_or_after_the_lease() {
        let (point, mut ends) = point_run();
        point.answer(TaskId(1), 1, Outcome::Cancelled);
        assert!(ends.work.receiver.try_recv().is_ok());
        point.session.lease_until_ms.store(0, Ordering::Release);
        point.answer(TaskId(2), 1, Outcome::Cancelled);
        point.session.lease_until_ms.store(u64::MAX, Ordering::Release);
        point.abandon();
        point.answer(TaskId(3), 1, Outcome::Cancelled);
        assert!(ends.work.receiver.try_recv().is_err());
        assert_eq!(point.take_ended(), 2);
    }
}
