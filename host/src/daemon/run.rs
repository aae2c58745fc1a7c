//! `spm-host run`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustix::fs::{FlockOperation, flock};
use spm_host::host::ENGINES;
use spm_host::sandbox::SandboxOptions;
use spm_host::{Blobs, CompileMode, Grants, Host, HostOptions, ServedSession, Submitters};
use spm_netmesh::{
    BlobStore, Identity, IncomingSession, Mesh, MeshEvent, MeshOptions, Multiaddr, PeerId,
    Transport,
};
use spm_protocol::Engine;
use spm_protocol::limits::{COMPILE_SECONDS_MAX, MIB};
use spm_protocol::manifest::Capability;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing::level_filters::LevelFilter;

use super::status::StatusSocket;
use super::{DaemonError, StateArgs, machine};

/// Where a host listens unless told otherwise: nobody on another machine reaches it.
const LISTEN_DEFAULT: &str = "/ip4/127.0.0.1/tcp/0";
/// Blobs held in memory: components on their way to be compiled, and large values.
const BLOB_BYTES_MAX: usize = 1024 * MIB;
/// Held by the process that uses a state folder.
const LOCK_FILE: &str = "host.lock";

/// What `spm-host run` is told. Help is broken into lines here, for terminals of 80 columns.
#[derive(Debug, Args)]
#[command(next_line_help = true)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Address to listen on, such as `/ip4/0.0.0.0/udp/4001/quic-v1`;
    /// port 0 takes a free one. May be given often
    /// [default: a free TCP port of the loopback interface]
    #[arg(long, value_name = "MULTIADDR", verbatim_doc_comment)]
    listen: Vec<Multiaddr>,
    /// Address of a peer to keep connected. May be given often
    #[arg(long, value_name = "MULTIADDR")]
    bootstrap: Vec<Multiaddr>,
    /// Peer id of a submitter whose closures may run here;
    /// without any, nobody's may. May be given often
    #[arg(long, value_name = "PEER ID", verbatim_doc_comment)]
    allow: Vec<PeerId>,
    /// Folder with the runtimes of engines, such as `python.wasm`
    /// [default: that of the package this program is part of]
    #[arg(long, value_name = "DIR", verbatim_doc_comment)]
    engines: Option<PathBuf>,
    /// Engine whose closures may run here: `native`, `python`,
    /// `scientific`, `guest`. May be given often [default: all of them]
    #[arg(long = "engine", value_name = "NAME", verbatim_doc_comment, value_parser = engine)]
    engines_offered: Vec<Engine>,
    /// Fetches no runtimes of engines: closures run only where those are
    /// here already, and are refused otherwise
    #[arg(long, verbatim_doc_comment)]
    no_fetch: bool,
    /// Folder for compiled components; several hosts may use one
    /// [default: the state folder]
    #[arg(long, value_name = "DIR", verbatim_doc_comment)]
    cache_dir: Option<PathBuf>,
    /// What closures may use beyond computing, if they ask for it:
    /// `clock`, `random`, `env:NAME`. May be given often
    #[arg(long = "grant", value_name = "CAPABILITY", verbatim_doc_comment)]
    grants: Vec<Capability>,
    /// Tasks to run at the same time [default: one for each processor]
    #[arg(long, value_name = "N")]
    slots: Option<u32>,
    /// Memory for all tasks together
    /// [default: three quarters of the machine's]
    #[arg(long, value_name = "N", verbatim_doc_comment)]
    memory_mib: Option<u64>,
    /// Name for people [default: the machine's]
    #[arg(long)]
    name: Option<String>,
    /// Label that submitters can select hosts by. May be given often
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Tells others in the local network of this host
    #[arg(long)]
    mdns: bool,
    /// Writes logs as JSON, one object a line
    #[arg(long)]
    json_logs: bool,
    /// Least severe log that is written
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
    /// Stops when standard input ends: with the process that started it,
    /// however that ends
    #[arg(long, verbatim_doc_comment)]
    exit_with_stdin: bool,
    /// Is of the submitter's own machine, started by its pool: grants what
    /// closures ask for, and loads runtimes of engines when one needs them
    #[arg(long, verbatim_doc_comment)]
    of_submitter: bool,
}

/// Runs a host until it is told to stop.
pub(crate) fn run(args: RunArgs) -> Result<(), DaemonError> {
    start_logs(args.json_logs, args.log_level);
    let folder = args.state.folder()?;
    let _lock = lock(&folder)?;
    let labels = args.labels.iter().map(|text| label(text)).collect::<Result<_, _>>()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Frames are moved by one thread; more would only take processors from tasks.
        .worker_threads(1)
        .thread_name("spm-host")
        .enable_all()
        .build()
        .map_err(DaemonError::Start)?;
    let identity = Identity::load_or_create(&folder)?;
    let slots = args.slots.unwrap_or_else(machine::slots);
    let memory_bytes =
        args.memory_mib.map_or_else(machine::memory_bytes, |mib| mib.saturating_mul(MIB as u64));
    for capability in &args.grants {
        if let Capability::ReadOnlyFolder(folder) = capability {
            return Err(DaemonError::Folder { folder: folder.clone() });
        }
    }
    let executable = std::env::current_exe().map_err(DaemonError::Start)?;
    let engines_dir = args.engines.clone().or_else(|| machine::engines_dir(&executable));
    if engines_dir.is_none() {
        tracing::warn!("no runtimes of engines are found: submitters' hubs send theirs");
    }
    let host = Host::start(HostOptions {
        name: args.name.clone().unwrap_or_else(machine_name),
        slots,
        memory_bytes,
        labels,
        submitters: Submitters::Owners(args.allow.iter().copied().collect::<BTreeSet<_>>()),
        grants: if args.of_submitter {
            Grants::Any
        } else {
            Grants::These(args.grants.iter().cloned().collect())
        },
        sandbox: SandboxOptions::own_process(),
        compile: CompileMode::Child {
            executable,
            timeout: Duration::from_secs(COMPILE_SECONDS_MAX),
        },
        cache_dir: Some(args.cache_dir.clone().unwrap_or_else(|| folder.clone())),
        engines_dir,
        engines: if args.engines_offered.is_empty() {
            ENGINES.to_vec()
        } else {
            args.engines_offered.clone()
        },
        fetches_runtimes: !args.no_fetch,
        runtime: Some(runtime.handle().clone()),
    })?;
    let served = runtime.block_on(serve(args, &folder, identity, &host));
    host.stop();
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

/// An engine, by its name.
fn engine(name: &str) -> Result<Engine, String> {
    let found = ENGINES.iter().copied().find(|engine| engine.name() == name);
    found.ok_or_else(|| "there is no such engine".to_owned())
}

/// Serves until a signal, or the end of standard input, says to stop.
async fn serve(
    args: RunArgs,
    folder: &Path,
    identity: Identity,
    host: &Arc<Host>,
) -> Result<(), DaemonError> {
    // From here on a signal is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(DaemonError::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Start)?;
    let owner = identity.owner_id();
    let listen = if args.listen.is_empty() {
        vec![LISTEN_DEFAULT.parse().map_err(|error| DaemonError::Start(io::Error::other(error)))?]
    } else {
        args.listen
    };
    let mesh = Mesh::start(MeshOptions {
        identity,
        listen,
        bootstrap: args.bootstrap,
        mdns: args.mdns,
        transport: Transport::Network,
        blobs: BlobStore::fair(BLOB_BYTES_MAX),
    })
    .await?;
    let mut sessions = mesh.incoming_sessions();
    let mut events = mesh.events();
    let addresses: Vec<String> =
        mesh.listen_addresses().await.iter().map(ToString::to_string).collect();
    let socket = StatusSocket::open(folder, host, owner.to_string(), addresses.clone());
    if let Err(error) = &socket {
        tracing::warn!(%error, "`spm-host status` will not work");
    }
    let info = host.info();
    tracing::info!(peer = %owner, name = info.name, slots = info.slots, memory_bytes = info.memory_bytes, ?addresses, "ready");
    if args.allow.is_empty() {
        tracing::warn!(
            "nobody may run anything here: allow a submitter with --allow and its peer id"
        );
    }
    print_ready(&addresses).map_err(DaemonError::Start)?;
    // The first tasks of a pool would share the processors with it, and most pools need no runtime.
    if !args.of_submitter {
        host.compile_runtimes().map_err(DaemonError::Start)?;
    }
    let warming = Arc::clone(host);
    tokio::task::spawn_blocking(move || warming.warm_up());
    let stdin_ended =
        if args.exit_with_stdin { Some(watch_stdin().map_err(DaemonError::Start)?) } else { None };
    let mut stdin_ended = std::pin::pin!(async {
        match stdin_ended {
            // The sender is dropped when the thread ends, whatever it read.
            Some(ended) => drop(ended.await),
            None => std::future::pending().await,
        }
    });
    let reason = loop {
        tokio::select! {
            _ = terminate.recv() => break "SIGTERM",
            _ = interrupt.recv() => break "SIGINT",
            () = &mut stdin_ended => break "standard input ended",
            session = sessions.recv() => match session {
                Some(session) => host.serve(served(session, &mesh)),
                None => break "the mesh stopped",
            },
            Some(event) = events.recv() => log_event(&event),
        }
    };
    tracing::info!(reason, "stopping");
    let stopping = Arc::clone(host);
    if tokio::task::spawn_blocking(move || stopping.stop()).await.is_err() {
        tracing::error!("stopping the host failed");
    }
    mesh.stop().await;
    Ok(())
}

fn served(session: IncomingSession, mesh: &Mesh) -> ServedSession {
    let IncomingSession { session, channel, .. } = session;
    ServedSession {
        submitter: channel.remote,
        session,
        control: channel.control,
        work: channel.work,
        blobs: Blobs::Mesh(mesh.clone()),
    }
}

fn log_event(event: &MeshEvent) {
    match event {
        MeshEvent::Connected { peer } => tracing::info!(%peer, "connected"),
        MeshEvent::Disconnected { peer, cause } => tracing::info!(%peer, cause, "disconnected"),
        MeshEvent::Discovered { peer, address } => tracing::debug!(%peer, %address, "discovered"),
        MeshEvent::Unreachable { error } => {
            tracing::warn!(%error, "bootstrap address is unreachable");
        }
        MeshEvent::Missed { count } => tracing::debug!(count, "mesh events missed"),
    }
}

/// Says where the host can be reached: a line for each address.
fn print_ready(addresses: &[String]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for address in addresses {
        writeln!(stdout, "ready {address}")?;
    }
    stdout.flush()
}

/// Ends when standard input does.
fn watch_stdin() -> io::Result<oneshot::Receiver<()>> {
    let (ended, receiver) = oneshot::channel();
    // The thread waits for as long as the process lives.
    std::thread::Builder::new().name("spm-stdin".to_owned()).spawn(move || {
        let mut buffer = [0; 64];
        let mut stdin = io::stdin().lock();
        loop {
            match stdin.read(&mut buffer) {
                Ok(0) => break,
                Err(error) if error.kind() != io::ErrorKind::Interrupted => break,
                _ => {}
            }
        }
        drop(ended);
    })?;
    Ok(receiver)
}

/// Takes the state folder for this process alone, and makes it if need be.
fn lock(folder: &Path) -> Result<File, DaemonError> {
    let failed = |source| DaemonError::StateDir { path: folder.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let path: PathBuf = folder.join(LOCK_FILE);
    let file = File::create(path).map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(DaemonError::Running { path: folder.to_owned() }),
        Err(error) => Err(failed(error.into())),
    }
}

fn label(text: &str) -> Result<(String, String), DaemonError> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(DaemonError::Label { text: text.to_owned() }),
    }
}

fn machine_name() -> String {
    let name = fs::read_to_string("/etc/hostname").unwrap_or_default();
    if name.trim().is_empty() { "spm-host".to_owned() } else { name.trim().to_owned() }
}

fn start_logs(json: bool, level: LevelFilter) {
    let logs = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(level);
    if json {
        logs.json().init();
    } else {
        logs.with_ansi(false).init();
    }
}
