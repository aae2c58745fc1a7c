//! How a running host tells how it is: a socket in its state folder, answered with one line of JSON.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Serialize;
use spm_host::{Host, HostStatus};

use super::{DaemonError, StateArgs};

const SOCKET: &str = "status.sock";
/// How long either end waits for the other.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Longest answer.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// What is answered.
#[derive(Serialize)]
struct Answer<'a> {
    peer: &'a str,
    pid: u32,
    listen: &'a [String],
    #[serde(flatten)]
    host: HostStatus,
}

/// Prints what the host of the state folder answers.
pub(crate) fn status(args: &StateArgs) -> Result<(), DaemonError> {
    let folder = args.folder()?;
    let mut stream = match UnixStream::connect(folder.join(SOCKET)) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Err(DaemonError::NotRunning { path: folder });
        }
        Err(error) => return Err(DaemonError::Status(error)),
    };
    let mut answer = String::new();
    stream
        .set_read_timeout(Some(TIMEOUT))
        .and_then(|()| Read::by_ref(&mut stream).take(ANSWER_BYTES_MAX).read_to_string(&mut answer))
        .map_err(DaemonError::Status)?;
    print!("{answer}");
    Ok(())
}

/// Answers for a host until it is dropped.
pub(super) struct StatusSocket {
    path: PathBuf,
}

impl StatusSocket {
    /// Opens the socket in the state folder. The caller holds the folder's lock: a socket found there is a dead
    /// host's.
    pub(super) fn open(
        folder: &Path,
        host: &Arc<Host>,
        peer: String,
        listen: Vec<String>,
    ) -> io::Result<Self> {
        let path = folder.join(SOCKET);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        let host = Arc::downgrade(host);
        // It waits for the socket for as long as the process lives, and holds nothing that must be dropped.
        std::thread::Builder::new()
            .name("spm-status".to_owned())
            .spawn(move || answer_all(&listener, &host, &peer, &listen))?;
        Ok(Self { path })
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        // If someone removed it already, so it is gone.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn answer_all(listener: &UnixListener, host: &Weak<Host>, peer: &str, listen: &[String]) {
    for stream in listener.incoming() {
        let Some(host) = host.upgrade() else { return };
        let answer = Answer { peer, pid: std::process::id(), listen, host: host.status() };
        drop(host);
        let answered = stream.and_then(|mut stream| {
            stream.set_write_timeout(Some(TIMEOUT))?;
            let mut line = serde_json::to_vec(&answer)?;
            line.push(b'\n');
            stream.write_all(&line)
        });
        if let Err(error) = answered {
            tracing::debug!(%error, "status was not told");
        }
    }
}
