//! Compiling strangers' components in a child process, with limits on its time and memory.
//!
//! The child reads a byte that says whether fuel is counted, then a component, on its standard input; it writes the
//! artefact on its standard output, or why there is none on its standard error. One child compiles one component.
//! The next one is started ahead, and waits: compiling a small component takes less time than starting a process.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, setrlimit};
use spm_protocol::limits::{
    COMPILE_MEMORY_BYTES_MAX, COMPILE_SECONDS_MAX, COMPONENT_BYTES_MAX, KIB, MIB,
};

use crate::sandbox::{Sandbox, SandboxOptions};

/// The hidden subcommand of `spm-host` that is such a child.
pub const COMMAND: &str = "compile-child";
/// Largest artefact a child may write.
const ARTEFACT_BYTES_MAX: u64 = 512 * MIB as u64;
/// Most that is read of why there is no artefact.
const REASON_BYTES_MAX: u64 = 4 * KIB as u64;
/// How often a child that compiles looks whether its parent still is there.
const PARENT_LOOK: Duration = Duration::from_millis(250);
/// How often a parent that waits looks whether it is to stop, or nobody wants what it waits for.
const STOP_LOOK: Duration = Duration::from_millis(50);

/// Why a child made no artefact.
#[derive(Debug, thiserror::Error)]
pub enum CompileChildError {
    /// It cannot be started.
    #[error("cannot start the process that compiles")]
    Start(#[source] io::Error),
    /// It took too long.
    #[error("compiling took longer than {timeout:?}")]
    TimedOut {
        /// What it was given.
        timeout: Duration,
    },
    /// It was killed, by a limit or from outside, or crashed.
    #[error("the process that compiles was stopped by a limit or a fault ({status})")]
    Died {
        /// How it ended.
        status: ExitStatus,
    },
    /// It ended without an artefact.
    #[error("compiling failed: {reason}")]
    Failed {
        /// What the child said, or how it ended.
        reason: String,
    },
}

/// Starts compile children.
#[derive(Debug)]
pub struct ChildCompiler {
    executable: PathBuf,
    timeout: Duration,
    /// A child that waits for a component.
    spare: Mutex<Option<KilledChild>>,
    is_stopped: AtomicBool,
}

/// A child that does not outlive its handle.
#[derive(Debug)]
struct KilledChild(Child);

impl Drop for KilledChild {
    fn drop(&mut self) {
        // If it has ended already, there is nothing to kill, and waiting only collects it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl ChildCompiler {
    /// A compiler whose children are `executable compile-child`.
    pub fn new(executable: &Path) -> Self {
        Self::with_timeout(executable, Duration::from_secs(COMPILE_SECONDS_MAX))
    }

    /// The same with another limit on wall-clock time.
    pub fn with_timeout(executable: &Path, timeout: Duration) -> Self {
        Self {
            executable: executable.to_owned(),
            timeout,
            spare: Mutex::new(None),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// Starts the next child ahead. If that fails, the compilation that needs it will say so.
    pub fn warm_up(&self) {
        let mut spare = self.spare.lock();
        if spare.is_none() && !self.is_stopped.load(Ordering::SeqCst) {
            *spare = self.start().ok();
        }
    }

    /// Kills the child that waits, as a system short of memory might.
    pub fn kill_spare(&self) {
        if let Some(KilledChild(child)) = &mut *self.spare.lock() {
            // It may have died by itself.
            let _ = child.kill();
        }
    }

    /// Kills the child that waits and those that compile, and starts none ahead any more.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        self.spare.lock().take();
    }

    /// Compiles a component. Blocks.
    ///
    /// # Errors
    /// If the child cannot be started, takes too long, or finds the component invalid.
    pub fn compile(
        &self,
        component: &[u8],
        is_fuelled: bool,
    ) -> Result<Vec<u8>, CompileChildError> {
        self.compile_until(component, is_fuelled, &|| false)
    }

    /// Compiles a component, unless `is_abandoned` before that is done: then the child is killed. Blocks.
    ///
    /// # Errors
    /// As [`Self::compile`], or if it was abandoned.
    pub fn compile_until(
        &self,
        component: &[u8],
        is_fuelled: bool,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, CompileChildError> {
        if is_abandoned() {
            return Err(abandoned());
        }
        let spare = self.spare.lock().take();
        if let Some(child) = spare {
            match self.feed(child, component, is_fuelled, is_abandoned) {
                // It may have died while it waited, so that says nothing about the component.
                None | Some(Err(CompileChildError::Died { .. })) => {}
                Some(result) => return result,
            }
        }
        let child = self.start().map_err(CompileChildError::Start)?;
        self.feed(child, component, is_fuelled, is_abandoned).unwrap_or_else(|| {
            Err(CompileChildError::Failed { reason: "the process died".to_owned() })
        })
    }

    fn start(&self) -> io::Result<KilledChild> {
        Command::new(&self.executable)
            .arg(COMMAND)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map(KilledChild)
    }

    /// Gives a child its component and waits for what it makes of it; nothing if it was dead.
    fn feed(
        &self,
        mut child: KilledChild,
        component: &[u8],
        is_fuelled: bool,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Option<Result<Vec<u8>, CompileChildError>> {
        let mut input = child.0.stdin.take()?;
        let (output, errors) = (child.0.stdout.take()?, child.0.stderr.take()?);
        // The child reads everything before it does anything, so this cannot wait for long.
        input.write_all(&[u8::from(is_fuelled)]).and_then(|()| input.write_all(component)).ok()?;
        drop(input);
        let (sender, receiver) = mpsc::channel();
        let reader = std::thread::Builder::new().name("spm-compile".to_owned()).spawn(move || {
            let mut artefact = Vec::new();
            let mut reason = Vec::new();
            let read = output
                .take(ARTEFACT_BYTES_MAX)
                .read_to_end(&mut artefact)
                .and_then(|_| errors.take(REASON_BYTES_MAX).read_to_end(&mut reason));
            // Nobody listens any more after a time-out.
            let _ = sender.send(read.map(|_| (artefact, reason)));
        });
        let Ok(reader) = reader else {
            return Some(Err(CompileChildError::Failed {
                reason: "no thread for its output".to_owned(),
            }));
        };
        let output = self.wait(&receiver, is_abandoned);
        let result = match output {
            Err(error) => Err(error),
            Ok(Err(error)) => Err(CompileChildError::Failed { reason: error.to_string() }),
            Ok(Ok((artefact, reason))) => match child.0.wait() {
                Ok(status) if status.success() => Ok(artefact),
                Ok(status) if reason.is_empty() => Err(CompileChildError::Died { status }),
                Ok(_) => Err(CompileChildError::Failed {
                    reason: String::from_utf8_lossy(&reason).trim().to_owned(),
                }),
                Err(error) => Err(CompileChildError::Failed { reason: error.to_string() }),
            },
        };
        // Ends the child's output, and so the thread that reads it.
        drop(child);
        let _ = reader.join();
        Some(result)
    }

    fn wait<T>(
        &self,
        receiver: &mpsc::Receiver<T>,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<T, CompileChildError> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(left.min(STOP_LOOK)) {
                Ok(value) => return Ok(value),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(CompileChildError::Failed {
                        reason: "its output was lost".to_owned(),
                    });
                }
                Err(mpsc::RecvTimeoutError::Timeout) if left.is_zero() => {
                    return Err(CompileChildError::TimedOut { timeout: self.timeout });
                }
                Err(mpsc::RecvTimeoutError::Timeout) if self.is_stopped.load(Ordering::SeqCst) => {
                    return Err(CompileChildError::Failed { reason: "the host stops".to_owned() });
                }
                Err(mpsc::RecvTimeoutError::Timeout) if is_abandoned() => return Err(abandoned()),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

fn abandoned() -> CompileChildError {
    CompileChildError::Failed { reason: "nobody waits for it any more".to_owned() }
}

/// What the child does: see [`crate::compile_child`].
pub fn run_child() -> ExitCode {
    match compile_from_stdin() {
        Ok(artefact) => match io::stdout().write_all(&artefact) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn compile_from_stdin() -> Result<Vec<u8>, String> {
    set_limits();
    // Made before anything is known of the component: for a child that waits this costs nobody time.
    let sandbox = Sandbox::new(SandboxOptions::compile_child()).map_err(|error| chain(&error))?;
    let mut input = io::stdin().lock();
    let mut is_fuelled = [0];
    input.read_exact(&mut is_fuelled).map_err(|error| error.to_string())?;
    watch_parent().map_err(|error| error.to_string())?;
    let mut component = Vec::new();
    input
        .take(COMPONENT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut component)
        .map_err(|error| error.to_string())?;
    sandbox.precompile(&component, is_fuelled[0] != 0).map_err(|error| chain(&error))
}

fn set_limits() {
    #[cfg(target_os = "linux")]
    {
        // Not to outlive a host that was killed. If it cannot be set, the limits below end the child.
        let _ =
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    }
    let limit = |resource, value| {
        // A limit that is lower already stays.
        let _ = setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    };
    limit(Resource::Cpu, COMPILE_SECONDS_MAX);
    limit(Resource::As, COMPILE_MEMORY_BYTES_MAX);
    limit(Resource::Core, 0);
}

/// Ends this process when its parent does: nobody else would stop it before its limits do.
fn watch_parent() -> io::Result<()> {
    let parent = rustix::process::getppid();
    std::thread::Builder::new().name("spm-parent".to_owned()).spawn(move || {
        while rustix::process::getppid() == parent {
            std::thread::sleep(PARENT_LOOK);
        }
        std::process::exit(1);
    })?;
    Ok(())
}

/// An error and its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
