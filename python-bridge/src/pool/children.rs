//! `spm-host` processes of a pool: started together, and ended with it.
//!
//! A child ends when its standard input does, which the system closes whatever becomes of Python. It
//! is in a process group of its own, so that Ctrl-C in a terminal is for Python to handle.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use spm_netmesh::Multiaddr;
use spm_protocol::PeerId;

/// What a host prints before its address, when it can be dialled.
const READY: &str = "ready ";
/// How long a child may take to end by itself.
const END_WAIT: Duration = Duration::from_secs(2);
/// Longest log that is shown of a child that would not start.
const LOG_BYTES_MAX: u64 = 4096;

/// What one child reports.
#[derive(Debug)]
pub(super) enum Report {
    /// It can be dialled there.
    Ready(Multiaddr),
    /// It ended before it could be, and this is its log.
    Failed(String),
}

/// One child.
pub(super) struct HostChild {
    process: Arc<Mutex<Child>>,
    /// Kept open for as long as the child is to live.
    stdin: Option<ChildStdin>,
    reader: Option<std::thread::JoinHandle<()>>,
    /// Disconnected when the child has ended.
    alive: Receiver<()>,
}

/// What all children of a pool are started with.
pub(super) struct ChildOptions<'a> {
    pub program: &'a str,
    pub owner: PeerId,
    pub memory_mib: u64,
    pub state_dir: &'a Path,
    /// Where compiled components are kept; in the state folder, if nowhere.
    pub cache_dir: Option<&'a Path>,
    /// Where the runtimes of engines are; where the program looks, if nowhere.
    pub engines: Option<&'a Path>,
}

impl HostChild {
    /// Starts child `number`. It reports to `reports`; `ended` is called when it is gone.
    pub(super) fn start(
        options: &ChildOptions<'_>,
        number: usize,
        reports: Sender<Report>,
        ended: impl FnOnce(Option<PeerId>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let folder = options.state_dir.join(number.to_string());
        std::fs::create_dir_all(&folder)?;
        let log = folder.join("log");
        let mut command = Command::new(options.program);
        command.arg("run");
        for (name, folder) in [("--cache-dir", options.cache_dir), ("--engines", options.engines)] {
            if let Some(folder) = folder {
                command.arg(name).arg(folder);
            }
        }
        let mut child = command
            .args(["--listen", "/ip4/127.0.0.1/tcp/0"])
            .args(["--allow", &options.owner.to_string()])
            .args(["--slots", "1"])
            .args(["--memory-mib", &options.memory_mib.to_string()])
            .arg("--state-dir")
            .arg(&folder)
            .arg("--exit-with-stdin")
            .arg("--of-submitter")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log)?)
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let process = Arc::new(Mutex::new(child));
        let watched = Arc::clone(&process);
        let (living, alive) = channel::<()>();
        let reader =
            std::thread::Builder::new().name("spm-host-watch".to_owned()).spawn(move || {
                let peer = stdout.and_then(|stdout| watch(stdout, &log, &reports));
                // Its standard output is closed, so it has ended or is about to.
                let _ = watched.lock().wait();
                drop(living);
                ended(peer);
            })?;
        Ok(Self { process, stdin, reader: Some(reader), alive })
    }

    /// Lets the child know that it is to end.
    pub(super) fn release(&mut self) {
        self.stdin = None;
    }

    /// Waits until the child has ended, and ends it if it does not by `deadline`.
    pub(super) fn end(&mut self, deadline: Instant) {
        self.release();
        let Some(reader) = self.reader.take() else { return };
        let left = deadline.saturating_duration_since(Instant::now());
        if self.alive.recv_timeout(left) == Err(RecvTimeoutError::Timeout)
            && let Some(mut process) = self.process.try_lock()
        {
            // It may have ended this very moment; then there is nothing to kill.
            let _ = process.kill();
        }
        // It ends by a panic only, which has been reported.
        let _ = reader.join();
    }
}

/// Ends all children, together.
pub(super) fn end_all(children: &mut [HostChild]) {
    for child in children.iter_mut() {
        child.release();
    }
    let deadline = Instant::now() + END_WAIT;
    for child in children {
        child.end(deadline);
    }
}

/// Reads what the child prints until it ends; returns its peer id, if it came that far.
fn watch(stdout: impl Read, log: &Path, reports: &Sender<Report>) -> Option<PeerId> {
    let mut peer = None;
    // A child that prints what is no UTF-8 is none of ours, and is treated as one that ended.
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let address =
            line.strip_prefix(READY).and_then(|text| text.trim().parse::<Multiaddr>().ok());
        if let (None, Some(address)) = (peer, address) {
            peer = super::hosts::peer_of(&address);
            // Nobody waits any more if the pool was given up meanwhile.
            let _ = reports.send(Report::Ready(address));
        }
    }
    if peer.is_none() {
        let _ = reports.send(Report::Failed(tail(log)));
    }
    peer
}

fn tail(log: &Path) -> String {
    let mut text = Vec::new();
    if let Ok(file) = std::fs::File::open(log) {
        // What cannot be read is left out; there is no better place to say so.
        let _ = file.take(LOG_BYTES_MAX).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// The channel that children report through.
pub(super) fn reports() -> (Sender<Report>, Receiver<Report>) {
    channel()
}
