//! A hub of one session, which waits for nothing longer than a host in good health takes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use spm_netmesh::{BlobStore, Keypair, Mesh, PeerId, Pipe};
use spm_protocol::frame::{
    Answer, Frame, HostControl, HostWork, HubControl, HubWork, Member, PROTOCOL_VERSION, Provider,
    Question, Refusal, Returns, Role, Task, TaskResult,
};
use spm_protocol::limits::{LEASE_MS, MIB};
use spm_protocol::manifest::{Isolation, TaskLimits};
use spm_protocol::{
    Arguments, ContentId, Manifest, Payload, Point, SessionId, SignedManifest, TaskId,
};

use super::file::{CorpusFile, HubManner};

/// Longer than a busy machine needs for anything that these tests do.
const PATIENCE: Duration = Duration::from_mins(4);

/// The other end of a session.
pub struct Submitter {
    pub key: Keypair,
    pub session: SessionId,
    pub store: BlobStore,
    pub control: Pipe,
    pub work: Pipe,
    /// The mesh and the host, if that is another process.
    pub remote: Option<(Mesh, PeerId)>,
    pub point: Point,
    pub next_task: u64,
    /// Bytes that each task has printed.
    pub printed: BTreeMap<TaskId, usize>,
    /// Tasks to cancel once they have printed something.
    pub cancels: bool,
    /// Whether it answers what tasks ask.
    pub answers: bool,
}

impl Submitter {
    pub fn greet(&mut self) {
        self.say(&HubControl::Hello { version: PROTOCOL_VERSION, features: Vec::new() });
        let greeting = self.hear();
        assert!(matches!(greeting, HostControl::Hello { .. }), "{greeting:?}");
    }

    fn say(&self, frame: &HubControl) {
        // If the host has ended the session, what is heard next says so.
        let _ = self.control.sender.blocking_send(frame.to_bytes());
    }

    fn tell(&self, frame: &HubWork) {
        let _ = self.work.sender.blocking_send(frame.to_bytes());
    }

    /// The next frame of the host, of either stream, that is about more than the lease.
    fn either(&mut self) -> Result<HostControl, HostWork> {
        let begun = Instant::now();
        loop {
            while let Ok(frame) = self.control.receiver.try_recv() {
                match HostControl::from_bytes(&frame).expect("a frame") {
                    HostControl::LeaseRequest { request } => {
                        self.say(&HubControl::Lease { request, lease_ms: LEASE_MS });
                    }
                    HostControl::Preparing { .. } => {}
                    frame => return Ok(frame),
                }
            }
            if let Ok(frame) = self.work.receiver.recv_timeout(Duration::from_millis(1)) {
                return Err(HostWork::from_bytes(&frame).expect("a frame"));
            }
            assert!(begun.elapsed() < PATIENCE, "the host says nothing");
        }
    }

    /// The next word of the host; work that is still on its way is dropped.
    fn hear(&mut self) -> HostControl {
        loop {
            if let Ok(frame) = self.either() {
                return frame;
            }
        }
    }

    /// Has the host prepare a closure, and puts it into force.
    pub fn define(&mut self, file: &CorpusFile) -> Result<(), Vec<Refusal>> {
        let members = self.begin_to_define(file);
        match self.hear() {
            HostControl::Prepared { .. } => {}
            HostControl::Refused { refusals, .. } => return Err(refusals),
            other => panic!("{other:?}"),
        }
        self.say(&HubControl::Commit { point: self.point, members, addresses: Vec::new() });
        let online = self.hear();
        assert!(matches!(online, HostControl::Online { .. }), "{online:?}");
        Ok(())
    }

    /// Has the host prepare a closure, and does not wait for that. Returns the members of the point.
    pub fn begin_to_define(&mut self, file: &CorpusFile) -> Vec<Member> {
        self.point = Point(self.point.0 + 1);
        let manifest = self.manifest(file);
        let members = self.remote.as_ref().map(|(mesh, host)| [mesh.peer_id(), *host]);
        let members: Vec<Member> = members.into_iter().flatten().map(Member::from).collect();
        let provider = |id, bytes| Provider { id, bytes, peers: members.clone() };
        let blobs = [(manifest.component, manifest.component_bytes)];
        let providers =
            blobs.into_iter().chain(manifest.payload).map(|(id, bytes)| provider(id, bytes));
        self.say(&HubControl::Prepare {
            point: self.point,
            closures: vec![SignedManifest::sign(&manifest, &self.key)],
            providers: providers.collect(),
            members: members.clone(),
            deadline_ms: 180_000,
            addresses: Vec::new(),
            meet: Vec::new(),
        });
        members
    }

    fn put(&self, content: &[u8]) -> (ContentId, u64) {
        let id = self.store.put(content.to_vec()).expect("there is room");
        if let Some((_, host)) = &self.remote {
            self.store.share(id, self.session, [*host]).expect("it was just put there");
        }
        (id, content.len() as u64)
    }

    fn manifest(&self, file: &CorpusFile) -> Manifest {
        let (component, component_bytes) = self.put(&file.component);
        Manifest {
            name: file.name.clone(),
            component,
            component_bytes,
            engine: file.engine,
            payload: file.payload.as_ref().map(|payload| self.put(payload)),
            fallback: None,
            classes: Vec::new(),
            limits: TaskLimits {
                memory_bytes: file.memory_mib * MIB as u64,
                fuel: file.fuel,
                deadline_ms: file.deadline_ms,
            },
            capabilities: Vec::new(),
            isolation: Isolation::Task,
            source: ContentId::of(b""),
            compiler: "test".to_owned(),
            session: self.session,
            expires_unix_ms: u64::MAX,
        }
    }

    /// Runs the file's tasks to their ends.
    pub fn run(&mut self, file: &CorpusFile) -> Result<Vec<TaskResult>, String> {
        self.cancels = file.hub == HubManner::Cancels;
        self.answers = file.hub == HubManner::Answers;
        let tasks = (0..file.tasks).map(|_| self.task(file)).collect();
        self.tell(&HubWork::Tasks { point: self.point, tasks });
        let mut results = Vec::new();
        while results.len() < file.tasks {
            match self.either() {
                Ok(HostControl::Bye { reason }) => return Err(reason),
                Ok(other) => panic!("{other:?}"),
                Err(HostWork::Results { results: more, .. }) => results.extend(more),
                Err(HostWork::Output { id, output, .. }) => self.hear_output(id, &output),
                Err(HostWork::Asked { id, attempt, number, question, .. }) => {
                    self.answer(id, attempt, number, &question);
                }
                Err(HostWork::Unstarted { .. }) => panic!("nothing was recalled"),
            }
        }
        Ok(results)
    }

    fn task(&mut self, file: &CorpusFile) -> Task {
        self.next_task += 1;
        Task {
            id: TaskId(self.next_task),
            attempt: 1,
            closure: 0,
            index: self.next_task,
            seed: 99,
            deadline_ms: None,
            arguments: Arguments::inline(file.arguments.clone()),
            returns: Returns::Sent,
            role: match file.manager.as_deref() {
                None => Role::Independent,
                Some("farm") => Role::Asker,
                Some("template") => Role::Branch,
                Some("team") => Role::Rank { rank: 0, size: 2, here: 1 },
                Some(other) => panic!("{}: no manager is called `{other}`", file.name),
            },
        }
    }

    fn hear_output(&mut self, id: TaskId, output: &[u8]) {
        *self.printed.entry(id).or_default() += output.len();
        if self.cancels {
            self.say(&HubControl::Cancel { point: self.point, tasks: vec![id] });
        }
    }

    fn answer(&self, id: TaskId, attempt: u32, number: u64, question: &Question) {
        let answer = match question {
            Question::Ask(_) if self.answers => Answer::Value(Payload::Inline(b"answer".to_vec())),
            Question::Send { confirm: true, .. } | Question::Poll { .. } if self.answers => {
                Answer::Nothing
            }
            _ => return,
        };
        self.tell(&HubWork::Answered { point: self.point, id, attempt, number, answer });
    }

    /// Ends the sequence point: the host answers once nothing of it is left.
    pub fn conclude(&mut self) {
        let point = self.point;
        self.say(&HubControl::Conclude { point });
        assert_eq!(self.hear(), HostControl::Concluded { point });
    }

    /// A blob that a result is, which the host shares with this submitter alone.
    pub fn fetched(&self, payload: &Payload, wait: &tokio::runtime::Runtime) -> Vec<u8> {
        let Payload::Blob { id, bytes } = payload else {
            let Payload::Inline(value) = payload else { unreachable!() };
            return value.clone();
        };
        match &self.remote {
            None => self.store.fetch_here(*id, self.session).expect("it is shared").to_vec(),
            Some((mesh, host)) => {
                let providers = [*host];
                let fetching = mesh.fetch(*id, *bytes, self.session, &providers, |_, _| {});
                wait.block_on(fetching).expect("it is shared").to_vec()
            }
        }
    }
}
