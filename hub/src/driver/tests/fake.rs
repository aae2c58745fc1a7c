//! A host that answers as its script says, over in-process pipes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::BoxFuture;
use libp2p_identity::Keypair;
use parking_lot::Mutex;
use spm_netmesh::{Pipe, PipeSender};
use spm_protocol::frame::{
    Frame, HostControl, HostInfo, HostWork, HubControl, HubWork, PROTOCOL_VERSION, Refusal, Task,
    TaskResult,
};
use spm_protocol::{
    Arguments, ContentId, Incarnation, Outcome, Payload, PeerId, Piece, Point, Raised, SessionId,
    TaskId, TrapCode,
};

use super::PATIENCE;
use crate::{Blob, Blobs, Connect, ConnectError, FetchError, SessionChannel};

/// What a fake host does with tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Returns the arguments.
    Echo,
    /// Returns the arguments as a blob.
    EchoBlob,
    /// Keeps every task until it is cancelled.
    Hold,
    /// Breaks its streams when it gets tasks.
    Break,
    /// Fails every task.
    Fault,
    /// Refuses every point.
    Refuse,
    /// Cannot be reached.
    Absent,
    /// Prints "hello " and returns.
    Print,
    /// Leaves closure 0, and returns the arguments from others.
    Leave,
}

/// A host in this process.
pub struct FakeHost {
    peer: PeerId,
    script: Mutex<Script>,
    slots: u32,
    pub connects: AtomicUsize,
    pub tasks: AtomicUsize,
    pub cancels: AtomicUsize,
    pub blobs: Arc<FakeBlobs>,
}

impl FakeHost {
    pub fn new(script: Script, blobs: &Arc<FakeBlobs>) -> Arc<Self> {
        Arc::new(Self {
            peer: Keypair::generate_ed25519().public().to_peer_id(),
            script: Mutex::new(script),
            slots: 2,
            connects: AtomicUsize::new(0),
            tasks: AtomicUsize::new(0),
            cancels: AtomicUsize::new(0),
            blobs: Arc::clone(blobs),
        })
    }

    pub fn set_script(&self, script: Script) {
        *self.script.lock() = script;
    }

    /// Returns once the host has been given a task.
    pub fn wait_for_tasks(&self) {
        let began = std::time::Instant::now();
        while self.tasks.load(Ordering::Acquire) == 0 {
            assert!(Some(began.elapsed()) < PATIENCE, "the host was given no task");
            std::thread::yield_now();
        }
    }

    fn script(&self) -> Script {
        *self.script.lock()
    }

    fn info(&self) -> HostInfo {
        HostInfo {
            incarnation: Incarnation(self.connects.load(Ordering::Relaxed) as u64),
            name: "fake".to_owned(),
            slots: self.slots,
            memory_bytes: 1 << 30,
            engines: vec!["native".to_owned()],
            labels: Vec::new(),
            pid: 1,
        }
    }

    async fn serve(self: Arc<Self>, session: SessionId, channel: SessionChannel) {
        let (control, mut controls) = channel.control.split();
        let (work, mut works) = channel.work.split();
        let mut held = BTreeSet::new();
        loop {
            tokio::select! {
                biased;
                frame = controls.recv() => {
                    let Some(frame) = frame else { return };
                    let frame = HubControl::from_bytes(&frame).expect("the hub sends frames");
                    if self.control(frame, &control, &work, &mut held).await.is_none() {
                        return;
                    }
                }
                frame = works.recv() => {
                    let Some(frame) = frame else { return };
                    let frame = HubWork::from_bytes(&frame).expect("the hub sends frames");
                    let answered = match frame {
                        HubWork::Tasks { point, tasks } => {
                            self.work(session, point, tasks, &work, &mut held).await
                        }
                        HubWork::Recall { point, .. } => {
                            // It starts every task at once.
                            let frame = HostWork::Unstarted { point, tasks: Vec::new() };
                            work.send(frame.to_bytes()).await.ok()
                        }
                        HubWork::Answered { .. } | HubWork::Bound { .. } | HubWork::Free { .. } => {
                            Some(())
                        }
                    };
                    if answered.is_none() {
                        return;
                    }
                }
            }
        }
    }

    async fn control(
        &self,
        frame: HubControl,
        control: &PipeSender,
        work: &PipeSender,
        held: &mut BTreeSet<(TaskId, u32)>,
    ) -> Option<()> {
        let answers = match frame {
            HubControl::Hello { version, .. } => vec![
                HostControl::Hello { version, features: Vec::new(), info: self.info() },
                HostControl::LeaseRequest { request: 1 },
            ],
            HubControl::Prepare { point, closures, .. } if self.script() == Script::Refuse => {
                let refusals = (0..closures.len() as u32)
                    .map(|closure| Refusal {
                        closure: Some(closure),
                        reason: "not today".to_owned(),
                    })
                    .collect();
                vec![HostControl::Refused { point, refusals }]
            }
            HubControl::Prepare { point, .. } => {
                vec![HostControl::Prepared { point, fetch_us: 0, compile_us: 0 }]
            }
            HubControl::Commit { point, .. } => vec![HostControl::Online { point, credits: 64 }],
            HubControl::Conclude { point } => vec![HostControl::Concluded { point }],
            HubControl::Cancel { point, tasks } => {
                self.cancels.fetch_add(tasks.len(), Ordering::Relaxed);
                let stopped: Vec<_> =
                    held.iter().filter(|(id, _)| tasks.contains(id)).copied().collect();
                held.retain(|(id, _)| !tasks.contains(id));
                let results = stopped
                    .into_iter()
                    .map(|(id, attempt)| result(id, attempt, Outcome::Cancelled))
                    .collect();
                work.send(HostWork::Results { point, results }.to_bytes()).await.ok()?;
                Vec::new()
            }
            HubControl::Lease { .. } => Vec::new(),
            HubControl::Bye => return None,
        };
        for answer in answers {
            control.send(answer.to_bytes()).await.ok()?;
        }
        Some(())
    }

    fn blob(&self, session: SessionId, id: ContentId) -> Vec<u8> {
        self.blobs.get(session, id).expect("the hub added it").to_vec()
    }

    async fn work(
        &self,
        session: SessionId,
        point: Point,
        tasks: Vec<Task>,
        work: &PipeSender,
        held: &mut BTreeSet<(TaskId, u32)>,
    ) -> Option<()> {
        // Read before the tasks are counted: a test that saw them may change it for the next ones.
        let script = self.script();
        self.tasks.fetch_add(tasks.len(), Ordering::Release);
        let mut results = Vec::with_capacity(tasks.len());
        for task in tasks {
            let arguments = match &task.arguments {
                Arguments::Whole(Payload::Inline(bytes)) => bytes.clone(),
                Arguments::Whole(Payload::Blob { id, .. }) => self.blob(session, *id),
                Arguments::Pieces(pieces) => pieces
                    .iter()
                    .flat_map(|piece| match piece {
                        Piece::Bytes(bytes) => bytes.clone(),
                        Piece::Blob { id, .. } => self.blob(session, *id),
                    })
                    .collect(),
            };
            let outcome = match script {
                Script::Echo | Script::Refuse | Script::Absent => {
                    Outcome::Returned(Payload::Inline(arguments))
                }
                Script::EchoBlob => {
                    let blob = Blob::new(arguments);
                    self.blobs.add(session, &blob);
                    let (id, bytes) = (blob.id(), blob.length() as u64);
                    Outcome::Returned(Payload::Blob { id, bytes })
                }
                Script::Print => {
                    let output = b"hello ".to_vec();
                    let TaskKey { id, attempt } = TaskKey::of(&task);
                    work.send(HostWork::Output { point, id, attempt, output }.to_bytes())
                        .await
                        .ok()?;
                    Outcome::Returned(Payload::Inline(arguments))
                }
                Script::Leave if task.closure == 0 => {
                    let trap = Some(TrapCode::IntegerOverflow);
                    let record = Raised { trap, ..Raised::default() };
                    Outcome::Raised(Payload::Inline(record.to_bytes()))
                }
                Script::Leave => Outcome::Returned(Payload::Inline(arguments)),
                Script::Hold => {
                    held.insert((task.id, task.attempt));
                    continue;
                }
                Script::Break => return None,
                Script::Fault => Outcome::HostFault("out of order".to_owned()),
            };
            results.push(result(task.id, task.attempt, outcome));
        }
        work.send(HostWork::Results { point, results }.to_bytes()).await.ok()
    }
}

struct TaskKey {
    id: TaskId,
    attempt: u32,
}

impl TaskKey {
    fn of(task: &Task) -> Self {
        Self { id: task.id, attempt: task.attempt }
    }
}

fn result(id: TaskId, attempt: u32, outcome: Outcome) -> TaskResult {
    TaskResult { id, attempt, outcome, run_us: 1, output: Vec::new(), pure: true }
}

/// As [`Connect`] wants it: a fake host behind an `Arc`.
pub struct Reach(pub Arc<FakeHost>);

impl Connect for Reach {
    fn peer(&self) -> PeerId {
        self.0.peer
    }

    fn connect(
        &self,
        session: SessionId,
    ) -> BoxFuture<'static, Result<SessionChannel, ConnectError>> {
        let host = Arc::clone(&self.0);
        Box::pin(async move {
            host.connects.fetch_add(1, Ordering::Relaxed);
            if host.script() == Script::Absent {
                return Err(ConnectError::Unreachable { reason: "nobody is there".to_owned() });
            }
            let (control, host_control) = Pipe::pair(256);
            let (work, host_work) = Pipe::pair(256);
            let there = SessionChannel { control: host_control, work: host_work };
            tokio::spawn(host.serve(session, there));
            Ok(SessionChannel { control, work })
        })
    }

    fn fetch(
        &self,
        session: SessionId,
        id: ContentId,
        _bytes: u64,
    ) -> BoxFuture<'static, Result<Bytes, FetchError>> {
        let found = self.0.blobs.get(session, id);
        Box::pin(async move {
            found.ok_or_else(|| FetchError { id, reason: "it is not here".to_owned() })
        })
    }
}

/// Blobs in a list, one entry for each time they were added.
#[derive(Default)]
pub struct FakeBlobs {
    blobs: Mutex<Vec<(SessionId, ContentId, Bytes)>>,
}

impl FakeBlobs {
    pub fn get(&self, session: SessionId, id: ContentId) -> Option<Bytes> {
        let blobs = self.blobs.lock();
        blobs.iter().find(|blob| blob.0 == session && blob.1 == id).map(|blob| blob.2.clone())
    }

    pub fn count(&self) -> usize {
        self.blobs.lock().len()
    }
}

impl Blobs for FakeBlobs {
    fn add(&self, session: SessionId, blob: &Blob) {
        let content = blob.read().expect("it can be read");
        self.blobs.lock().push((session, blob.id(), content));
    }

    fn add_again(&self, session: SessionId, id: ContentId) {
        let content = self.get(session, id).expect("it was added before");
        self.blobs.lock().push((session, id, content));
    }

    fn remove(&self, session: SessionId, id: ContentId) {
        let mut blobs = self.blobs.lock();
        if let Some(index) = blobs.iter().position(|blob| blob.0 == session && blob.1 == id) {
            blobs.remove(index);
        }
    }

    fn admit(&self, _session: SessionId, _members: &[PeerId]) {}

    fn end(&self, session: SessionId) {
        self.blobs.lock().retain(|blob| blob.0 != session);
    }
}

const _: () = assert!(PROTOCOL_VERSION == 2, "the script speaks version 2");
