//! The hosts of a pool, wherever they are, and the sessions on them.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyRuntimeWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use spm_hub::{
    BeginDefineError, Busy, DefineError, DefineOptions, Defining, HostSnapshot, HostState, Hub,
    ListOptions, SequenceError, Session, Wait,
};
use spm_netmesh::{BlobStore, Identity, Mesh, MeshOptions, Multiaddr, Transport};
use spm_protocol::PeerId;
use spm_protocol::frame::UNMET;

use super::cache_dir;
use super::children::{self, ChildOptions, HostChild, Report};
use super::closure::Closures;
use super::desk::Desk;
use super::fork::ForkSafe;
use super::local::LocalHosts;
use super::manager::{ManagerRun, role_of};
use super::mesh::{BLOB_BYTES_MAX, Connects, HubBlobs, MeshHost, chain};
use super::preparing::{Awaited, Waiting, step_text};
use super::run::{Run, RunOptions};
use super::tally::Tally;
use super::wait::{Patience, wait_for};

/// How long hosts that are started here may take to be ready.
const START_WAIT: Duration = Duration::from_secs(30);
/// How long hosts elsewhere may take to answer, before a pool begins with those that did.
const CONNECT_WAIT: Duration = Duration::from_secs(15);

/// How often a pool looks whether a host was found.
const FIND_POLL: Duration = Duration::from_millis(5);

/// What keeps a pool's hosts alive.
enum Kind {
    /// Hosts in this process.
    Local(LocalHosts),
    /// Children, in a folder that is removed with them.
    Children { children: Mutex<Vec<HostChild>>, mesh: Mesh, _folder: tempfile::TempDir },
    /// Hosts that are not ours.
    Remote(Mesh),
}

/// A hub, its pool, and the hosts that are ours. The last clone of its `Arc` ends them all.
pub(super) struct Fleet {
    pub(super) hub: Hub,
    pub(super) pool: spm_hub::Pool,
    pub(super) tally: Tally,
    kind: Kind,
    is_closed: AtomicBool,
}

impl Fleet {
    fn close(&self) {
        if self.is_closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.pool.close();
        match &self.kind {
            Kind::Local(hosts) => hosts.stop(),
            Kind::Children { children, mesh, .. } => {
                children::end_all(&mut children.lock());
                self.stop_mesh(mesh);
            }
            Kind::Remote(mesh) => self.stop_mesh(mesh),
        }
    }

    fn stop_mesh(&self, mesh: &Mesh) {
        if let Ok(runtime) = self.hub.runtime() {
            runtime.block_on(mesh.stop());
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.close();
    }
}

/// Hosts for Python. See `HostBackend` in `spm/_hosts.py`.
#[pyclass(frozen, module = "spm._spm")]
pub(crate) struct Hosts {
    fleet: ForkSafe<Arc<Fleet>>,
    pool: ForkSafe<spm_hub::Pool>,
    /// The session of task managers, opened by the first.
    session: ForkSafe<Mutex<Option<Session>>>,
}

impl Hosts {
    fn new(fleet: Arc<Fleet>, pool: spm_hub::Pool) -> Self {
        Self {
            fleet: ForkSafe::new(fleet),
            pool: ForkSafe::new(pool),
            session: ForkSafe::new(Mutex::new(None)),
        }
    }

    fn of(hub: Hub, pool: spm_hub::Pool, kind: Kind) -> Self {
        let (tally, is_closed) = (Tally::default(), AtomicBool::new(false));
        let fleet = Fleet { hub, pool: pool.clone(), tally, kind, is_closed };
        Self::new(Arc::new(fleet), pool)
    }

    fn up(&self) -> Vec<HostSnapshot> {
        let mut hosts = self.pool.hosts();
        hosts.retain(|host| host.state == HostState::Up);
        hosts
    }

    /// Brings closures into force in `session`.
    fn define(&self, py: Python<'_>, session: &Session, closures: &Closures) -> PyResult<()> {
        self.define_for(py, session, closures, Wait::ForOne, false)
    }

    /// The same, waiting for these hosts, which have to reach one another if `meets`.
    fn define_for(
        &self,
        py: Python<'_>,
        session: &Session,
        closures: &Closures,
        wait: Wait,
        meets: bool,
    ) -> PyResult<()> {
        let definitions = closures.definitions(py)?;
        let options = DefineOptions { wait, meets, ..DefineOptions::default() };
        let begun = py.detach(|| session.define(definitions, options));
        let defining = begun.map_err(|error| begin_error(py, &error))?;
        let mut waiting = Waiting::new(py);
        loop {
            match wait_for(py, waiting.patience(), |slice| defining.wait(Some(slice)))? {
                Some(Ok((_, out))) if wait == Wait::Together => return warn_of_unmet(py, &out),
                Some(Ok(_)) => return Ok(()),
                Some(Err(error)) => return Err(define_error(py, error)),
                None => waiting.show(self.awaited(&defining, closures))?,
            }
        }
    }

    /// Who has not prepared yet.
    fn awaited(&self, defining: &Defining, closures: &Closures) -> Vec<Awaited> {
        self.fleet.describe(defining.awaited(), closures)
    }
}

impl Fleet {
    /// Hosts that are waited for, and what they do, for people.
    pub(super) fn describe(
        &self,
        awaited: Vec<(PeerId, Option<Busy>)>,
        closures: &Closures,
    ) -> Vec<Awaited> {
        if awaited.is_empty() {
            return Vec::new();
        }
        let hosts = self.pool.hosts();
        let name_of = |peer| {
            let host = hosts.iter().find(|host| host.peer == peer);
            let info = host.and_then(|host| host.info.as_ref());
            info.map_or_else(|| peer.to_string(), |info| info.name.clone())
        };
        let awaited = awaited.into_iter().map(|(peer, busy)| {
            let engine = closures.engine_of(busy.map(|busy| busy.closure)).name();
            let step = busy.map(|busy| step_text(busy.step));
            (name_of(peer), engine, step, busy.and_then(|busy| busy.permille))
        });
        awaited.collect()
    }
}

/// An exception of `spm._errors` by its name.
pub(super) fn spm_error<'py>(
    py: Python<'py>,
    name: &str,
    arguments: impl pyo3::call::PyCallArgs<'py>,
) -> PyErr {
    let made = py
        .import("spm._errors")
        .and_then(|module| module.getattr(name))
        .and_then(|class| class.call1(arguments));
    match made {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

pub(super) fn sequence_error(py: Python<'_>, error: SequenceError) -> PyErr {
    spm_error(py, "SequenceError", (error.to_string(),))
}

fn begin_error(py: Python<'_>, error: &BeginDefineError) -> PyErr {
    match error {
        BeginDefineError::Sequence(error) => sequence_error(py, *error),
        BeginDefineError::ClosureCount { .. }
        | BeginDefineError::Fallback { .. }
        | BeginDefineError::BlobTooLarge { .. } => {
            spm_error(py, "ClosureRefused", (error.to_string(),))
        }
    }
}

/// Says which hosts a team does without because they do not reach others.
fn warn_of_unmet(py: Python<'_>, out: &[(PeerId, String)]) -> PyResult<()> {
    for (peer, reason) in out.iter().filter(|(_, reason)| reason.contains(UNMET)) {
        let text = CString::new(format!("host `{peer}` takes no part: {reason}"))?;
        PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 1)?;
    }
    Ok(())
}

fn define_error(py: Python<'_>, error: DefineError) -> PyErr {
    let text = error.to_string();
    match error {
        DefineError::Refused { reasons } => {
            let reasons: std::collections::BTreeMap<String, String> =
                reasons.into_iter().map(|(peer, why)| (peer.to_string(), why)).collect();
            spm_error(py, "ClosureRefused", (text, reasons))
        }
        DefineError::NoHosts { .. } => spm_error(py, "NoHosts", (text,)),
        DefineError::Abandoned => spm_error(py, "SequenceError", (text,)),
        DefineError::Sequence(error) => sequence_error(py, error),
    }
}

fn milliseconds(seconds: Option<f64>) -> Option<u64> {
    seconds.map(|seconds| (seconds * 1e3).ceil().clamp(1.0, 1e15) as u64)
}

/// The peer id at the end of an address.
pub(super) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    let text = address.to_string();
    let (_, peer) = text.rsplit_once("/p2p/")?;
    peer.parse().ok()
}

fn identity_in(folder: &str) -> PyResult<Identity> {
    Identity::load_or_create_with_fresh_transport(Path::new(folder))
        .map_err(|error| PyOSError::new_err(chain(&error)))
}

/// The peer id of the owner's key in a folder; made there if need be.
#[pyfunction]
pub(super) fn identity_of(folder: &str) -> PyResult<String> {
    Ok(identity_in(folder)?.owner_id().to_string())
}

fn os_error(error: std::io::Error) -> PyErr {
    PyErr::from(error)
}

/// A hub whose blobs are served by a mesh of its own.
fn hub_on_mesh(py: Python<'_>, identity: Identity, mdns: bool) -> PyResult<(Hub, Mesh)> {
    let store = BlobStore::in_memory(BLOB_BYTES_MAX);
    let blobs = Arc::new(HubBlobs::new(store.clone()));
    let hub = Hub::new(identity.transport_keypair().clone(), blobs);
    let runtime = hub.runtime().map_err(os_error)?;
    let options = MeshOptions {
        identity,
        listen: Vec::new(),
        bootstrap: Vec::new(),
        mdns,
        transport: Transport::Network,
        blobs: store,
    };
    let started = py.detach(|| runtime.block_on(Mesh::start(options)));
    let mesh = started.map_err(|error| spm_error(py, "MeshError", (chain(&error),)))?;
    Ok((hub, mesh))
}

/// Waits until `count` hosts are up.
fn wait_up(py: Python<'_>, pool: &spm_hub::Pool, count: usize, wait: Duration) -> PyResult<usize> {
    let mut up = 0;
    let patience = Patience::new(Some(wait.as_secs_f64()));
    wait_for(py, patience, |slice| {
        let began = std::time::Instant::now();
        up = pool.wait_ready(count, slice);
        // It returns early when every host is up, or known not to be.
        (up >= count || began.elapsed() < slice / 2).then_some(())
    })?;
    Ok(up)
}

/// Waits until a host was found, and is up. Others may be found later.
fn wait_found(py: Python<'_>, pool: &spm_hub::Pool, wait: Duration) -> PyResult<usize> {
    let patience = Patience::new(Some(wait.as_secs_f64()));
    let found = wait_for(py, patience, |slice| {
        let began = std::time::Instant::now();
        let up = pool.wait_ready(1, slice);
        if up == 0 {
            // It returns at once while no host is known.
            std::thread::sleep(slice.saturating_sub(began.elapsed()).min(FIND_POLL));
        }
        (up > 0).then_some(up)
    })?;
    Ok(found.unwrap_or(0))
}

#[pymethods]
impl Hosts {
    /// Hosts in this process, with one slot each.
    #[staticmethod]
    #[pyo3(signature = (hosts, memory_mib, engines = None))]
    #[allow(clippy::needless_pass_by_value, reason = "pyo3 gives arguments by value")]
    fn in_process(
        py: Python<'_>,
        hosts: usize,
        memory_mib: u64,
        engines: Option<PathBuf>,
    ) -> PyResult<Self> {
        let (hub, local, connects) = py
            .detach(|| LocalHosts::start(hosts, memory_mib << 20, engines.as_deref()))
            .map_err(|error| spm_error(py, "MeshError", (chain(&error),)))?;
        let pool = hub.pool(connects).map_err(os_error)?;
        let this = Self::of(hub, pool, Kind::Local(local));
        wait_up(py, &this.pool, hosts, START_WAIT)?;
        Ok(this)
    }

    /// Real `spm-host` processes on loopback, with one slot each.
    #[staticmethod]
    #[pyo3(signature = (hosts, memory_mib, program, engines = None))]
    #[allow(clippy::needless_pass_by_value, reason = "pyo3 gives arguments by value")]
    fn processes(
        py: Python<'_>,
        hosts: usize,
        memory_mib: u64,
        program: &str,
        engines: Option<PathBuf>,
    ) -> PyResult<Self> {
        let folder = tempfile::Builder::new().prefix("spm-").tempdir().map_err(os_error)?;
        let identity = Identity::ephemeral();
        let owner = identity.owner_id();
        let cache_dir = cache_dir();
        let options = ChildOptions {
            program,
            owner,
            memory_mib,
            state_dir: folder.path(),
            cache_dir: cache_dir.as_deref(),
            engines: engines.as_deref(),
        };
        let (sender, receiver) = children::reports();
        // The pool exists only after the children do; until then nobody needs to be told.
        let lost: Arc<Mutex<Option<spm_hub::Pool>>> = Arc::default();
        let mut started = Vec::with_capacity(hosts);
        for number in 0..hosts {
            let lost = Arc::clone(&lost);
            let ended = move |peer: Option<PeerId>| {
                if let (Some(pool), Some(peer)) = (lost.lock().clone(), peer) {
                    pool.remove_host(peer, true);
                }
            };
            match HostChild::start(&options, number, sender.clone(), ended) {
                Ok(child) => started.push(child),
                Err(error) => {
                    py.detach(|| children::end_all(&mut started));
                    return Err(os_error(error));
                }
            }
        }
        let began = Self::join_children(py, hosts, identity, &Mutex::new(receiver));
        let (hub, mesh, connects) = match began {
            Ok(began) => began,
            Err(error) => {
                py.detach(|| children::end_all(&mut started));
                return Err(error);
            }
        };
        let pool = hub.pool(connects).map_err(os_error)?;
        *lost.lock() = Some(pool.clone());
        let children = Mutex::new(started);
        let this = Self::of(hub, pool, Kind::Children { children, mesh, _folder: folder });
        let up = wait_up(py, &this.pool, hosts, START_WAIT)?;
        if up == 0 {
            return Err(spm_error(py, "NoHosts", ("no host process could be reached",)));
        }
        Ok(this)
    }

    /// Hosts elsewhere, by address, or found by mDNS if they are trusted.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value, reason = "pyo3 gives arguments by value")]
    fn connect(
        py: Python<'_>,
        addresses: Vec<String>,
        trust: Vec<String>,
        key_folder: &str,
    ) -> PyResult<Self> {
        let addresses =
            addresses.iter().map(|text| parse_address(text)).collect::<PyResult<Vec<_>>>()?;
        let mut owners =
            trust.iter().map(|text| parse_peer(text)).collect::<PyResult<BTreeSet<_>>>()?;
        owners.extend(addresses.iter().filter_map(peer_of));
        if owners.is_empty() {
            return Err(PyValueError::new_err(
                "an address without a peer id (`/p2p/...`) needs `trust=` to say whose host may answer",
            ));
        }
        let wanted = owners.clone();
        let owners = Arc::new(owners);
        let (hub, mesh) = hub_on_mesh(py, identity_in(key_folder)?, addresses.is_empty())?;
        let runtime = hub.runtime().map_err(os_error)?;
        let dials: Vec<_> = addresses
            .iter()
            .map(|address| {
                let (mesh, address) = (mesh.clone(), address.clone());
                runtime.spawn(async move { (mesh.dial(address.clone()).await, address) })
            })
            .collect();
        let mut connects: Connects = Vec::new();
        let mut unreachable = Vec::new();
        for dial in dials {
            let dialled = py.detach(|| runtime.block_on(dial));
            let (result, address) =
                dialled.map_err(|error| spm_error(py, "InternalError", (error.to_string(),)))?;
            match (result, peer_of(&address)) {
                (Ok(peer), _) => {
                    let owners = Arc::clone(&owners);
                    let host = MeshHost::new(mesh.clone(), peer, owners, Some(address));
                    connects.push(Arc::new(host));
                }
                (Err(error), known) => {
                    unreachable.push(chain(&error));
                    if let Some(peer) = known {
                        py.detach(|| runtime.block_on(mesh.add_bootstrap(address.clone())));
                        let owners = Arc::clone(&owners);
                        let host = MeshHost::new(mesh.clone(), peer, owners, Some(address));
                        connects.push(Arc::new(host));
                    }
                }
            }
        }
        let count = connects.len().max(1);
        let pool = hub.pool(connects).map_err(os_error)?;
        if addresses.is_empty() {
            super::discover::admit(&runtime, &mesh, &pool, wanted, &owners);
        }
        let this = Self::of(hub, pool, Kind::Remote(mesh));
        let up = if addresses.is_empty() {
            wait_found(py, &this.pool, CONNECT_WAIT)?
        } else {
            wait_up(py, &this.pool, count, CONNECT_WAIT)?
        };
        if up == 0 {
            return Err(no_hosts(py, &this.pool, &unreachable));
        }
        Ok(this)
    }

    /// Rows of the fields of `spm.Host`, for hosts that can be reached.
    fn snapshot(&self) -> Vec<HostRow> {
        self.up().into_iter().filter_map(host_row).collect()
    }

    /// Tasks that run at the same time.
    fn slots(&self) -> usize {
        self.up().iter().filter_map(|host| host.info.as_ref()).map(|info| info.slots as usize).sum()
    }

    /// A desk for futures.
    #[allow(clippy::unused_self, reason = "a desk belongs to hosts")]
    fn desk(&self) -> Desk {
        Desk::new()
    }

    /// Counts of all tasks given to these hosts: see `spm.PoolStats`.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<(u64, u64, u64, u64, Bound<'py, PyDict>)> {
        self.fleet.tally.row(py)
    }

    /// Brings a closure into force in a child session, and begins a run whose tasks go to `desk`.
    fn submit_run(
        &self,
        py: Python<'_>,
        desk: &Bound<'_, Desk>,
        closure: &Bound<'_, PyAny>,
        retries: u32,
        task_deadline_s: Option<f64>,
    ) -> PyResult<u64> {
        let closures = Arc::new(Closures::new(closure)?);
        let session = py.detach(|| self.pool.open_session());
        self.define(py, &session, &closures)?;
        let (queue, tag) = desk.get().new_tag();
        let options = ListOptions {
            ordered: false,
            window_tasks: usize::MAX,
            retries,
            retry_deadline_hit: false,
            task_deadline_ms: milliseconds(task_deadline_s),
            run_deadline_ms: None,
            queue: Some((queue, tag)),
        };
        let list =
            py.detach(|| session.list(options)).map_err(|error| sequence_error(py, error))?;
        desk.get().add(tag, closures, list, session, Arc::clone(&self.fleet));
        Ok(tag)
    }

    /// Brings a closure into force, and begins a run.
    #[pyo3(signature = (
        closure, *, manager, ordered, keeps_arguments, window, retries, task_deadline_s, run_deadline_s
    ))]
    #[allow(clippy::too_many_arguments, reason = "each is a keyword of its own in Python")]
    fn run(
        &self,
        py: Python<'_>,
        closure: &Bound<'_, PyAny>,
        manager: bool,
        ordered: bool,
        keeps_arguments: bool,
        window: Option<usize>,
        retries: u32,
        task_deadline_s: Option<f64>,
        run_deadline_s: Option<f64>,
    ) -> PyResult<Run> {
        let closures = Arc::new(Closures::new(closure)?);
        let session = if manager {
            let mut session = self.session.lock();
            session.get_or_insert_with(|| self.pool.open_session()).clone()
        } else {
            py.detach(|| self.pool.open_session())
        };
        self.define(py, &session, &closures)?;
        let options = ListOptions {
            ordered,
            window_tasks: usize::MAX,
            retries,
            retry_deadline_hit: false,
            task_deadline_ms: milliseconds(task_deadline_s),
            run_deadline_ms: milliseconds(run_deadline_s),
            queue: None,
        };
        let list =
            py.detach(|| session.list(options)).map_err(|error| sequence_error(py, error))?;
        let options =
            RunOptions { owns_session: !manager, keeps_arguments, window, slots: self.slots() };
        Ok(Run::new(closures, list, session, Arc::clone(&self.fleet), &options))
    }

    /// Brings closures into force, and begins the run of a task manager that is none of independent tasks.
    #[pyo3(signature = (closures, *, kind, window, retries, task_deadline_s, run_deadline_s))]
    #[allow(clippy::needless_pass_by_value, reason = "pyo3 gives arguments by value")]
    #[allow(clippy::too_many_arguments, reason = "each is a keyword of its own in Python")]
    fn run_manager(
        &self,
        py: Python<'_>,
        closures: Vec<Bound<'_, PyAny>>,
        kind: &str,
        window: Option<usize>,
        retries: u32,
        task_deadline_s: Option<f64>,
        run_deadline_s: Option<f64>,
    ) -> PyResult<ManagerRun> {
        let role = role_of(kind)?;
        let closures = Arc::new(Closures::many(&closures)?);
        let session = {
            let mut session = self.session.lock();
            session.get_or_insert_with(|| self.pool.open_session()).clone()
        };
        // Ranks of a team talk to one another: none begins before all hosts are there.
        let wait = if kind == "team" { Wait::Together } else { Wait::ForOne };
        let meets = matches!(kind, "dag" | "aggregate" | "team");
        self.define_for(py, &session, &closures, wait, meets)?;
        let options = ListOptions {
            ordered: false,
            window_tasks: usize::MAX,
            retries,
            retry_deadline_hit: false,
            task_deadline_ms: milliseconds(task_deadline_s),
            run_deadline_ms: milliseconds(run_deadline_s),
            queue: None,
        };
        let list =
            py.detach(|| session.list(options)).map_err(|error| sequence_error(py, error))?;
        let (fleet, slots) = (Arc::clone(&self.fleet), self.slots());
        Ok(ManagerRun::new(closures, list, session, fleet, role, window, slots))
    }

    /// Those hosts only, with sessions of their own.
    #[allow(clippy::needless_pass_by_value, reason = "pyo3 gives arguments by value")]
    #[pyo3(signature = (peers, slots = None))]
    fn select(&self, peers: Vec<String>, slots: Option<u32>) -> PyResult<Self> {
        let peers = peers.iter().map(|text| parse_peer(text)).collect::<PyResult<Vec<_>>>()?;
        Ok(Self::new(Arc::clone(&self.fleet), self.pool.select(&peers, slots)))
    }

    /// Ends every session, and the hosts if they are ours.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.fleet.close());
    }
}

impl Hosts {
    /// Waits for children, and connects to them.
    fn join_children(
        py: Python<'_>,
        hosts: usize,
        identity: Identity,
        reports: &Mutex<Receiver<Report>>,
    ) -> PyResult<(Hub, Mesh, Connects)> {
        let (hub, mesh) = hub_on_mesh(py, identity, false)?;
        let runtime = hub.runtime().map_err(os_error)?;
        let mut dials = Vec::new();
        let mut connects: Connects = Vec::new();
        for _ in 0..hosts {
            let patience = Patience::new(Some(START_WAIT.as_secs_f64()));
            let report = wait_for(py, patience, |slice| reports.lock().recv_timeout(slice).ok())?;
            let address = match report {
                Some(Report::Ready(address)) => address,
                Some(Report::Failed(log)) => {
                    let text = format!("a host process ended before it was ready: {log}");
                    return Err(spm_error(py, "NoHosts", (text,)));
                }
                None => {
                    let text =
                        format!("a host process was not ready in {} s", START_WAIT.as_secs());
                    return Err(spm_error(py, "NoHosts", (text,)));
                }
            };
            let mesh = mesh.clone();
            dials.push(runtime.spawn(async move { (mesh.dial(address.clone()).await, address) }));
        }
        for dial in dials {
            let peer = py.detach(|| runtime.block_on(dial));
            let (peer, address) =
                peer.map_err(|error| spm_error(py, "InternalError", (error.to_string(),)))?;
            let peer = peer.map_err(|error| spm_error(py, "MeshError", (chain(&error),)))?;
            let owners = Arc::new(BTreeSet::from([peer]));
            connects.push(Arc::new(MeshHost::new(mesh.clone(), peer, owners, Some(address))));
        }
        Ok((hub, mesh, connects))
    }
}

const NONE_FOUND: &str = "none of those to trust was found in the local network; \
    hosts tell of themselves with `--mdns`";

fn no_hosts(py: Python<'_>, pool: &spm_hub::Pool, unreachable: &[String]) -> PyErr {
    let mut refused = false;
    let mut reasons = Vec::new();
    for host in pool.hosts() {
        match host.state {
            HostState::Refused { reason } => {
                refused = true;
                reasons.push(format!("`{}`: {reason}", host.peer));
            }
            HostState::Lost { reason } => reasons.push(format!("`{}`: {reason}", host.peer)),
            HostState::Connecting | HostState::Up => {}
        }
    }
    if reasons.is_empty() {
        reasons.extend(unreachable.iter().cloned());
    }
    let reasons = if reasons.is_empty() { NONE_FOUND.to_owned() } else { reasons.join("; ") };
    let name = if refused { "NotAuthorized" } else { "NoHosts" };
    spm_error(py, name, (format!("no host can be used: {reasons}"),))
}

type HostRow = (
    String,
    String,
    std::collections::BTreeMap<String, String>,
    u32,
    Vec<String>,
    u64,
    u64,
    Option<u32>,
);

fn host_row(host: HostSnapshot) -> Option<HostRow> {
    let info = host.info?;
    Some((
        host.peer.to_string(),
        info.name,
        info.labels.into_iter().collect(),
        info.slots,
        info.engines,
        info.memory_bytes,
        info.incarnation.0,
        (info.pid != 0).then_some(info.pid),
    ))
}

fn parse_address(text: &str) -> PyResult<Multiaddr> {
    text.parse().map_err(|error| PyValueError::new_err(format!("`{text}` is no address: {error}")))
}

fn parse_peer(text: &str) -> PyResult<PeerId> {
    text.parse().map_err(|error| PyValueError::new_err(format!("`{text}` is no peer id: {error}")))
}
