//! A hub of one session, just enough to drive a host through pipes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use spm_host::sandbox::SandboxOptions;
use spm_host::{Blobs, CompileMode, Grants, Host, HostOptions, ServedSession, Submitters};
use spm_netmesh::Keypair;
use spm_netmesh::{BlobStore, Pipe};
use spm_protocol::frame::{
    Frame, HostControl, HostWork, HubControl, HubWork, PROTOCOL_VERSION, PrepareStep, Refusal,
    Returns, Role, Task, TaskResult,
};
use spm_protocol::limits::{LEASE_MS, MIB};
use spm_protocol::manifest::{Capability, Isolation, TaskLimits};
use spm_protocol::{
    Arguments, Certified, ContentId, Engine, Manifest, Outcome, Payload, Point, SessionId,
    SignedManifest, TaskId,
};

/// Memory of one task on the hosts of these tests.
pub const TASK_MEMORY_BYTES: u64 = 512 * MIB as u64;

/// A host in this process that anyone may use.
pub fn host(slots: u32) -> Arc<Host> {
    host_for(slots, Submitters::Any)
}

pub fn host_for(slots: u32, submitters: Submitters) -> Arc<Host> {
    host_that_grants(slots, submitters, Grants::These(BTreeSet::new()))
}

pub fn host_that_grants(slots: u32, submitters: Submitters, grants: Grants) -> Arc<Host> {
    Host::start(HostOptions {
        name: "test".to_owned(),
        slots,
        memory_bytes: TASK_MEMORY_BYTES * u64::from(slots),
        labels: Vec::new(),
        submitters,
        grants,
        sandbox: SandboxOptions::in_process(),
        compile: CompileMode::InProcess,
        cache_dir: None,
        engines_dir: None,
        engines: vec![Engine::Native, Engine::Python, Engine::Guest],
        fetches_runtimes: true,
        runtime: None,
    })
    .expect("a host starts")
}

pub struct Hub {
    pub key: Keypair,
    pub session: SessionId,
    pub store: BlobStore,
    pub control: Pipe,
    pub work: Pipe,
    pub point: Point,
    next_task: u64,
    /// What the host said it does to prepare.
    pub steps: Vec<PrepareStep>,
    /// What tasks printed, by task.
    pub printed: BTreeMap<TaskId, Vec<u8>>,
}

impl Hub {
    /// Opens a session with `host`, and gets its greeting.
    pub fn open(host: &Host) -> Self {
        let key = Keypair::generate_ed25519();
        let peer = key.public().to_peer_id();
        let session =
            SessionId::from_bytes(*ContentId::of(&peer.to_bytes()).digest().first_chunk().unwrap());
        let store = BlobStore::in_memory(2048 * MIB);
        let (control, host_control) = Pipe::pair(64);
        let (work, host_work) = Pipe::pair(64);
        host.serve(ServedSession {
            submitter: Certified { owner: peer, transport: peer, expires_unix_ms: u64::MAX },
            session,
            control: host_control,
            work: host_work,
            blobs: Blobs::Store(store.clone()),
        });
        let mut hub = Self {
            key,
            session,
            store,
            control,
            work,
            point: Point(0),
            next_task: 0,
            steps: Vec::new(),
            printed: BTreeMap::new(),
        };
        hub.say(&HubControl::Hello { version: PROTOCOL_VERSION, features: Vec::new() });
        assert!(matches!(hub.hear(), HostControl::Hello { .. }));
        hub
    }

    /// A session in which these closures are online.
    pub fn online(host: &Host, closures: &[Closure]) -> Self {
        let mut hub = Self::open(host);
        hub.prepare(closures).expect("the closures are taken");
        hub.commit();
        hub
    }

    pub fn say(&self, frame: &HubControl) {
        self.control.sender.blocking_send(frame.to_bytes()).expect("the host listens");
    }

    /// The next frame of the host that is about more than the lease.
    pub fn hear(&mut self) -> HostControl {
        loop {
            let frame = self.control.receiver.blocking_recv().expect("the host speaks");
            match HostControl::from_bytes(&frame).expect("a frame") {
                HostControl::LeaseRequest { request } => {
                    self.say(&HubControl::Lease { request, lease_ms: LEASE_MS });
                }
                HostControl::Preparing { step, .. } => self.steps.push(step),
                frame => return frame,
            }
        }
    }

    pub fn prepare(&mut self, closures: &[Closure]) -> Result<(), Vec<Refusal>> {
        let signed = closures
            .iter()
            .map(|closure| SignedManifest::sign(&self.manifest(closure), &self.key))
            .collect();
        self.prepare_signed(signed)
    }

    pub fn prepare_signed(&mut self, closures: Vec<SignedManifest>) -> Result<(), Vec<Refusal>> {
        self.point = Point(self.point.0 + 1);
        self.say(&HubControl::Prepare {
            point: self.point,
            closures,
            members: Vec::new(),
            providers: Vec::new(),
            deadline_ms: 60_000,
            addresses: Vec::new(),
            meet: Vec::new(),
        });
        match self.hear() {
            HostControl::Prepared { .. } => Ok(()),
            HostControl::Refused { refusals, .. } => Err(refusals),
            other => panic!("{other:?}"),
        }
    }

    /// Puts the closure's component in the store, and says what it is.
    pub fn manifest(&self, closure: &Closure) -> Manifest {
        let component = closure.component.clone();
        let component_bytes = component.len() as u64;
        let id = self.store.put(component).expect("there is room");
        let payload = closure.payload.as_ref().map(|payload| {
            (self.store.put(payload.clone()).expect("there is room"), payload.len() as u64)
        });
        Manifest {
            name: "guest".to_owned(),
            component: id,
            component_bytes,
            engine: closure.engine,
            payload,
            fallback: None,
            classes: Vec::new(),
            limits: closure.limits,
            capabilities: closure.capabilities.clone(),
            isolation: closure.isolation,
            source: ContentId::of(b""),
            compiler: "test".to_owned(),
            session: self.session,
            expires_unix_ms: u64::MAX,
        }
    }

    pub fn commit(&mut self) {
        let (members, addresses) = (Vec::new(), Vec::new());
        self.say(&HubControl::Commit { point: self.point, members, addresses });
        assert!(matches!(self.hear(), HostControl::Online { .. }));
    }

    /// A task for the closure of this index, not sent yet.
    pub fn task(&mut self, closure: u32, arguments: &[u8]) -> Task {
        self.next_task += 1;
        Task {
            id: TaskId(self.next_task),
            attempt: 1,
            closure,
            index: self.next_task,
            seed: 99,
            deadline_ms: None,
            arguments: Arguments::inline(arguments.to_vec()),
            returns: Returns::Sent,
            role: Role::Independent,
        }
    }

    pub fn send(&self, tasks: Vec<Task>) {
        let frame = HubWork::Tasks { point: self.point, tasks };
        self.work.sender.blocking_send(frame.to_bytes()).expect("the host listens");
    }

    /// The next results; what tasks print meanwhile is kept.
    pub fn results(&mut self) -> Vec<TaskResult> {
        loop {
            match self.hear_work() {
                HostWork::Results { results, .. } => return results,
                HostWork::Output { .. } | HostWork::Unstarted { .. } | HostWork::Asked { .. } => {}
            }
        }
    }

    /// The next frame of work; output is kept.
    pub fn hear_work(&mut self) -> HostWork {
        let frame = self.work.receiver.blocking_recv().expect("the host works");
        let frame = HostWork::from_bytes(&frame).expect("a frame");
        match &frame {
            HostWork::Output { id, output, .. } => {
                self.printed.entry(*id).or_default().extend(output);
            }
            HostWork::Results { results, .. } => {
                for result in results {
                    self.printed.entry(result.id).or_default().extend(&result.output);
                }
            }
            HostWork::Unstarted { .. } | HostWork::Asked { .. } => {}
        }
        frame
    }

    /// Results of this many tasks, by task.
    pub fn collect(&mut self, count: usize) -> BTreeMap<TaskId, TaskResult> {
        let mut results = BTreeMap::new();
        while results.len() < count {
            for result in self.results() {
                assert_eq!(results.insert(result.id, result), None, "reported twice");
            }
        }
        results
    }

    /// Runs one task to its end.
    pub fn run(&mut self, closure: u32, arguments: &[u8]) -> TaskResult {
        let task = self.task(closure, arguments);
        self.run_task(task)
    }

    pub fn run_task(&mut self, task: Task) -> TaskResult {
        let id = task.id;
        self.send(vec![task]);
        let result = self.results().pop().expect("a result");
        assert_eq!(result.id, id);
        result
    }

    pub fn conclude(&mut self) {
        let point = self.point;
        self.say(&HubControl::Conclude { point });
        assert_eq!(self.hear(), HostControl::Concluded { point });
    }
}

/// What a test declares.
#[derive(Clone)]
pub struct Closure {
    pub component: Vec<u8>,
    pub payload: Option<Vec<u8>>,
    pub limits: TaskLimits,
    pub engine: Engine,
    pub capabilities: Vec<Capability>,
    pub isolation: Isolation,
}

impl Closure {
    pub fn new(component: Vec<u8>) -> Self {
        let limits = TaskLimits { memory_bytes: 64 * MIB as u64, fuel: None, deadline_ms: None };
        Self {
            component,
            payload: None,
            limits,
            engine: Engine::Native,
            capabilities: Vec::new(),
            isolation: Isolation::Task,
        }
    }

    pub fn within_ms(mut self, deadline_ms: u64) -> Self {
        self.limits.deadline_ms = Some(deadline_ms);
        self
    }

    pub fn with_memory(mut self, memory_bytes: u64) -> Self {
        self.limits.memory_bytes = memory_bytes;
        self
    }
}

/// What became of one task of a closure; afterwards the same host and session must serve a harmless one.
pub fn outcome_of(hostile: Closure) -> Outcome {
    let host = host(1);
    let outcome = outcome_on(&host, hostile);
    host.stop();
    outcome
}

pub fn outcome_on(host: &Host, hostile: Closure) -> Outcome {
    let mut hub = Hub::online(host, &[hostile, Closure::new(super::wat::echo())]);
    let outcome = hub.run(0, b"arguments").outcome;
    assert_eq!(
        hub.run(1, b"still there").outcome,
        Outcome::Returned(Payload::Inline(b"still there".to_vec()))
    );
    hub.conclude();
    outcome
}
