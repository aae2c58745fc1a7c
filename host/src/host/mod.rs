//! A host: slots that run tasks, and the sessions they run them for.
//!
//! A [`Host`] serves sessions over pipes and does not know whether a pipe ends in this process or on another machine.
//! Each session is driven by an async task (`drive`); a work frame goes from there straight into the queue, and the
//! slot that runs a task sends its result itself.
//!
//! **Invariant:** all that runs for a sequence point holds its `PointRun`, and the hub hears that the point is
//! concluded when the last holder is gone.

mod arguments;
mod channel;
mod drive;
mod instances;
mod keep;
mod outbox;
mod point;
mod prepare;
mod queue;
mod ranks;
mod runtime;
mod slot;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use spm_netmesh::directly;
use spm_protocol::frame::{Frame, HostControl, HostInfo};
use spm_protocol::limits::SESSIONS_PER_PEER_MAX;
use spm_protocol::{Engine, Incarnation, PeerId};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub use drive::ServedSession;
pub use point::Blobs;
pub use runtime::RuntimeStatus;

use crate::cache::{ArtefactCache, CACHE_BYTES_MAX, CacheError};
use crate::define::{CompileMode, Definer};
use crate::runtimes::Runtimes;
use crate::sandbox::{CONCURRENT_TASKS_MAX, SandboxError, SandboxOptions, THREAD_STACK_BYTES};
use crate::session::Event;
use crate::verify::{Grants, Offer, Submitters};

use queue::Queue;
use ranks::Ranks;
use slot::Slot;

/// How long [`Host::stop`] waits for sessions to say goodbye, and for what they compile.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Engines whose components this version runs.
pub const ENGINES: &[Engine] = &[Engine::Native, Engine::Python, Engine::Scientific, Engine::Guest];

/// How a host is started. There is no default: the caller decides.
#[derive(Debug)]
pub struct HostOptions {
    /// A name for people.
    pub name: String,
    /// Tasks it runs at the same time; at least 1.
    pub slots: u32,
    /// Memory for the tasks of all slots together, in bytes.
    pub memory_bytes: u64,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// Whose closures it runs.
    pub submitters: Submitters,
    /// What they may use beyond computing.
    pub grants: Grants,
    /// How its sandboxes are made.
    pub sandbox: SandboxOptions,
    /// Where it compiles.
    pub compile: CompileMode,
    /// Folder that keeps compiled components across restarts; hosts in the submitter's process keep only runtimes
    /// there. Several hosts may use one.
    pub cache_dir: Option<PathBuf>,
    /// Folder with the runtimes of engines that came with SPM.
    pub engines_dir: Option<PathBuf>,
    /// Engines whose closures it runs, of [`ENGINES`].
    pub engines: Vec<Engine>,
    /// Whether it asks others for runtimes that it does not have.
    pub fetches_runtimes: bool,
    /// Where sessions are driven; without one the host has a thread of its own for that.
    pub runtime: Option<Handle>,
}

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// More or fewer slots than a process can have.
    #[error("{slots} slots: a host has from 1 to {CONCURRENT_TASKS_MAX}")]
    Slots {
        /// What was asked for.
        slots: u32,
    },
    /// No engine.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// No cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// No random number for its incarnation.
    #[error("the system has no random numbers")]
    Random(#[source] getrandom::Error),
}

/// How a host is doing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HostStatus {
    /// Its name.
    pub name: String,
    /// Tasks it runs at the same time.
    pub slots: usize,
    /// Tasks it runs now.
    pub running: usize,
    /// Tasks that wait for a slot.
    pub queued: usize,
    /// Sessions that are open.
    pub sessions: usize,
    /// Memory for all tasks together, in bytes.
    pub memory_bytes: u64,
    /// The runtimes of engines that came with SPM, by their files' names.
    pub runtimes: BTreeMap<String, RuntimeStatus>,
}

/// What slots, sessions and the handle share.
pub(crate) struct Shared {
    info: HostInfo,
    offer: Offer,
    definer: Definer,
    runtimes: Runtimes,
    /// Whether it asks others for runtimes that it does not have.
    fetches_runtimes: bool,
    /// How far the runtimes that came with SPM are, by their files' names.
    runtime_states: Mutex<BTreeMap<String, RuntimeStatus>>,
    queue: Queue,
    slots: Vec<Slot>,
    ranks: Ranks,
    sessions: Mutex<Sessions>,
    session_ended: Condvar,
}

#[derive(Default)]
struct Sessions {
    next_key: u64,
    open: BTreeMap<u64, (PeerId, UnboundedSender<Event>)>,
    is_stopping: bool,
}

/// A session's place among those of its host.
struct Registered {
    key: u64,
    events: UnboundedSender<Event>,
    receiver: UnboundedReceiver<Event>,
}

impl Shared {
    /// Gives a session of this owner a place, or says why there is none.
    fn register(&self, owner: PeerId) -> Result<Registered, String> {
        let mut sessions = self.sessions.lock();
        if sessions.is_stopping {
            return Err("the host stops".to_owned());
        }
        let count = sessions.open.values().filter(|(peer, _)| *peer == owner).count();
        if count >= SESSIONS_PER_PEER_MAX {
            return Err(format!("`{owner}` has {count} sessions open here, and may have no more"));
        }
        sessions.next_key += 1;
        let key = sessions.next_key;
        let (events, receiver) = unbounded_channel();
        sessions.open.insert(key, (owner, events.clone()));
        Ok(Registered { key, events, receiver })
    }

    /// Does something to all slots, those of ranks included.
    fn each_slot(&self, act: impl Fn(&Slot)) {
        self.slots.iter().for_each(&act);
        self.ranks.slots().iter().for_each(|slot| act(slot));
    }

    fn forget(&self, key: u64) {
        self.sessions.lock().open.remove(&key);
        self.session_ended.notify_all();
    }
}

/// A running host. It stops with [`Host::stop`], or when it is dropped.
pub struct Host {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The thread that compiles runtimes ahead.
    compiling: Mutex<Option<JoinHandle<()>>>,
    handle: Handle,
    /// The runtime, if it is the host's own.
    runtime: Mutex<Option<Runtime>>,
}

impl Host {
    /// Starts a host.
    ///
    /// # Errors
    /// Says what it lacks. Nothing is left running then.
    pub fn start(options: HostOptions) -> Result<Arc<Self>, HostError> {
        let HostOptions {
            name,
            slots,
            memory_bytes,
            labels,
            submitters,
            grants,
            sandbox,
            compile,
            cache_dir,
            engines_dir,
            engines,
            fetches_runtimes,
            runtime,
        } = options;
        if slots == 0 || slots > CONCURRENT_TASKS_MAX {
            return Err(HostError::Slots { slots });
        }
        let definer = if compile == CompileMode::InProcess {
            Definer::in_process(sandbox, cache_dir.as_deref(), slots)?
        } else {
            let cache = cache_dir.as_deref().map(|dir| ArtefactCache::open(dir, CACHE_BYTES_MAX));
            Definer::new(sandbox, &compile, cache.transpose()?, slots)?
        };
        let runtimes = Runtimes::new(engines_dir.as_deref(), cache_dir.as_deref());
        let own_runtime =
            if runtime.is_none() { Some(own_runtime().map_err(HostError::Thread)?) } else { None };
        let handle = match (&own_runtime, runtime) {
            (Some(runtime), _) => runtime.handle().clone(),
            (None, Some(handle)) => handle,
            (None, None) => unreachable!("one of them was just made"),
        };
        let incarnation = getrandom::u64().map_err(HostError::Random)?;
        let info = HostInfo {
            incarnation: Incarnation(incarnation),
            name,
            slots,
            memory_bytes,
            engines: engines.iter().map(|engine| engine.name().to_owned()).collect(),
            labels,
            pid: std::process::id(),
        };
        let offer = Offer {
            submitters,
            engines,
            grants,
            task_memory_bytes: memory_bytes / u64::from(slots),
        };
        let shared = Arc::new(Shared {
            info,
            offer,
            definer,
            runtimes,
            fetches_runtimes,
            runtime_states: Mutex::default(),
            queue: Queue::default(),
            slots: (0..slots).map(|_| Slot::new(memory_bytes / u64::from(slots))).collect(),
            ranks: Ranks::default(),
            sessions: Mutex::default(),
            session_ended: Condvar::new(),
        });
        let host = Arc::new(Self {
            shared: Arc::clone(&shared),
            threads: Mutex::default(),
            compiling: Mutex::default(),
            handle,
            runtime: Mutex::new(own_runtime),
        });
        for index in 0..slots as usize {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new()
                .name(format!("spm-slot-{index}"))
                .stack_size(THREAD_STACK_BYTES)
                .spawn(move || shared.slots[index].work(&shared.queue))
                .map_err(HostError::Thread)?;
            host.threads.lock().push(thread);
        }
        Ok(host)
    }

    /// Starts what makes the first compilation quicker. Returns soon; to be called when there is time.
    pub fn warm_up(&self) {
        self.shared.definer.warm_up();
    }

    /// Compiles the runtimes that came with SPM, in a thread of its own, so that nobody waits for that later.
    ///
    /// # Errors
    /// If there is no thread.
    pub fn compile_runtimes(&self) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let handle = self.handle.clone();
        let thread = std::thread::Builder::new()
            .name("spm-runtimes".to_owned())
            .spawn(move || runtime::compile_all(&shared, &handle))?;
        *self.compiling.lock() = Some(thread);
        Ok(())
    }

    /// What it says of itself.
    pub fn info(&self) -> &HostInfo {
        &self.shared.info
    }

    /// Serves a session until it ends. Returns at once.
    pub fn serve(&self, served: ServedSession) {
        let owner = served.submitter.owner;
        match self.shared.register(owner) {
            Ok(registered) => {
                tracing::info!(session = %served.session, %owner, "session opened");
                let host = Arc::clone(&self.shared);
                let driving = directly(|direct| drive::drive(host, served, registered, direct));
                drop(self.handle.spawn(driving));
            }
            Err(reason) => {
                tracing::warn!(session = %served.session, %owner, reason, "session refused");
                // If the pipe is full or closed, the hub learns it from its end.
                let _ = served.control.sender.try_send(HostControl::Bye { reason }.to_bytes());
            }
        }
    }

    /// How it is doing.
    pub fn status(&self) -> HostStatus {
        let shared = &self.shared;
        HostStatus {
            name: shared.info.name.clone(),
            slots: shared.slots.len(),
            running: shared.slots.iter().filter(|slot| slot.is_running()).count()
                + shared.ranks.slots().len(),
            queued: shared.queue.len(),
            sessions: shared.sessions.lock().open.len(),
            memory_bytes: shared.info.memory_bytes,
            runtimes: shared.runtime_states.lock().clone(),
        }
    }

    /// Stops its tasks and sessions, and waits until no thread and no process of it is left, a few seconds at
    /// most. Must not be called from an async task. Stopping twice is stopping once.
    pub fn stop(&self) {
        let shared = &self.shared;
        let deadline = Instant::now() + STOP_TIMEOUT;
        {
            let mut sessions = shared.sessions.lock();
            sessions.is_stopping = true;
            for (_, events) in sessions.open.values() {
                // One that is over needs no telling.
                let _ = events.send(Event::Stopping { reason: "the host stops".to_owned() });
            }
            while !sessions.open.is_empty() {
                if shared.session_ended.wait_until(&mut sessions, deadline).timed_out() {
                    tracing::warn!(sessions = sessions.open.len(), "sessions did not end in time");
                    break;
                }
            }
        }
        shared.queue.stop();
        shared.ranks.stop();
        shared.each_slot(|slot| slot.stop_if(crate::sandbox::Stop::Abandoned, |_, _, _| true));
        shared.ranks.wait(deadline);
        for thread in std::mem::take(&mut *self.threads.lock()) {
            // Slots catch panics; one that got out was printed.
            let _ = thread.join();
        }
        shared.definer.stop();
        let compiling = self.compiling.lock().take();
        if let Some(thread) = compiling {
            // It ends by a panic only, which was printed.
            let _ = thread.join();
        }
        let runtime = self.runtime.lock().take();
        if let Some(runtime) = runtime {
            runtime.shutdown_timeout(deadline.saturating_duration_since(Instant::now()));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Host").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// One thread that drives sessions. It waits for pipes and time only, never for sockets.
fn own_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(2)
        .thread_name("spm-host")
        .enable_time()
        .build()
}
