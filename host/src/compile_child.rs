//! Compiling strangers' components in a child process, with limits on its time and memory.
//!
//! A child reads requests on its standard input: a byte that says what the component is compiled for, or that it is only
//! to be validated, its length in eight bytes, little-endian, and the component. It answers each on its standard output: a
//! byte that says whether there is an artefact, and in the same way the artefact, which is empty for what is valid, or why
//! there is none.
//!
//! One child is started ahead, and waits: compiling a small component takes less time than starting a process. It
//! compiles something of its own meanwhile, and after a component it waits for the next, since what was compiled
//! before makes that quicker. What it is given never outlives an answer, and it is replaced when it has used
//! `CHILD_TIME_MAX`. A child that somebody took over could make this host run what he likes by its first answer: to
//! use it again costs nothing in safety.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{
    Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitCode, ExitStatus, Stdio,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use spm_protocol::limits::{
    COMPILE_LONG_SECONDS_MAX, COMPILE_MEMORY_BYTES_MAX, COMPILE_SECONDS_MAX, COMPONENT_BYTES_MAX,
    KIB, MIB,
};

use crate::sandbox::{Kind, Profile, Sandbox, SandboxOptions};
use crate::verify;

/// The hidden subcommand of `spm-host` that is such a child.
pub const COMMAND: &str = "compile-child";
/// Largest artefact a child may write.
const ARTEFACT_BYTES_MAX: u64 = 512 * MIB as u64;
/// Largest artefact of a small component. Code becomes ten times as long at most, unless it was written to be worse.
const SMALL_ARTEFACT_BYTES_MAX: usize = 128 * MIB;
/// Stands where a request says what is compiled, for one that only asks whether a component is valid.
const VALIDATE: u8 = 0x80;
/// How long a child may have compiled to be used again. Its limit on CPU time counts from its start, so this is what
/// a component can lose of that.
const CHILD_TIME_MAX: Duration = Duration::from_secs(1);
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
    /// It found that the component is not valid.
    #[error("{reason}")]
    Invalid {
        /// What is wrong.
        reason: String,
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
    spare: Mutex<Option<Spare>>,
    is_stopped: AtomicBool,
}

/// A child that waits for a component.
#[derive(Debug)]
struct Spare {
    child: KilledChild,
    input: ChildStdin,
    output: ChildStdout,
    errors: ChildStderr,
    /// How long it has compiled.
    spent: Duration,
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
        if let Some(spare) = &mut *self.spare.lock() {
            // It may have died by itself.
            let _ = spare.child.0.kill();
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
    pub fn compile(&self, component: &[u8], kind: Kind) -> Result<Vec<u8>, CompileChildError> {
        self.compile_until(component, kind, &|| false)
    }

    /// Compiles a component, unless `is_abandoned` before that is done: then the child is killed. Blocks.
    ///
    /// # Errors
    /// As [`Self::compile`], or if it was abandoned.
    pub fn compile_until(
        &self,
        component: &[u8],
        kind: Kind,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, CompileChildError> {
        let timeout = match kind.profile {
            Profile::Small | Profile::Python => self.timeout,
            Profile::Scientific => self.timeout.max(Duration::from_secs(COMPILE_LONG_SECONDS_MAX)),
        };
        self.ask(component, flags(kind), timeout, is_abandoned)
    }

    /// Checks that a component is valid, unless `is_abandoned` before that is done. Blocks.
    ///
    /// # Errors
    /// As [`Self::compile_until`].
    pub fn validate_until(
        &self,
        component: &[u8],
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<(), CompileChildError> {
        match self.ask(component, VALIDATE, self.timeout, is_abandoned) {
            Ok(_) => Ok(()),
            Err(CompileChildError::Failed { reason }) => Err(CompileChildError::Invalid { reason }),
            Err(error) => Err(error),
        }
    }

    /// Has a child do what `flags` say with a component.
    fn ask(
        &self,
        component: &[u8],
        flags: u8,
        timeout: Duration,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, CompileChildError> {
        if is_abandoned() {
            return Err(abandoned());
        }
        let spare = self.spare.lock().take();
        if let Some(spare) = spare {
            match self.feed(spare, component, flags, timeout, is_abandoned) {
                // It may have died while it waited, so that says nothing about the component.
                None | Some(Err(CompileChildError::Died { .. })) => {}
                Some(result) => return result,
            }
        }
        let spare = self.start().map_err(CompileChildError::Start)?;
        self.feed(spare, component, flags, timeout, is_abandoned).unwrap_or_else(|| {
            Err(CompileChildError::Failed { reason: "the process died".to_owned() })
        })
    }

    fn start(&self) -> io::Result<Spare> {
        let mut child = Command::new(&self.executable)
            .arg(COMMAND)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map(KilledChild)?;
        let streams = (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take());
        let (Some(input), Some(output), Some(errors)) = streams else {
            return Err(io::Error::other("a child without its streams"));
        };
        Ok(Spare { child, input, output, errors, spent: Duration::ZERO })
    }

    /// Keeps a child that is not worn out for the next component.
    fn keep(&self, child: Spare) {
        let mut spare = self.spare.lock();
        let is_wanted = child.spent < CHILD_TIME_MAX && !self.is_stopped.load(Ordering::SeqCst);
        let surplus = if is_wanted && spare.is_none() { spare.replace(child) } else { Some(child) };
        drop(spare);
        drop(surplus);
    }

    /// Gives a child its component and waits for what it makes of it; nothing if it was dead.
    fn feed(
        &self,
        spare: Spare,
        component: &[u8],
        flags: u8,
        timeout: Duration,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Option<Result<Vec<u8>, CompileChildError>> {
        let begun = Instant::now();
        let Spare { mut child, mut input, mut output, mut errors, spent } = spare;
        let mut header = vec![flags];
        header.extend_from_slice(&(component.len() as u64).to_le_bytes());
        // The child reads everything before it does anything, so this cannot wait for long.
        input.write_all(&header).and_then(|()| input.write_all(component)).ok()?;
        let (sender, receiver) = mpsc::channel();
        let reader = std::thread::Builder::new().name("spm-compile".to_owned()).spawn(move || {
            let answer = read_answer(&mut output);
            // Nobody listens any more after a time-out.
            let _ = sender.send((answer, output));
        });
        let Ok(reader) = reader else {
            return Some(Err(CompileChildError::Failed {
                reason: "no thread for its output".to_owned(),
            }));
        };
        let result = match self.wait(&receiver, timeout, is_abandoned) {
            Err(error) => Err(error),
            Ok((Ok(answer), output)) => {
                let spent = spent + begun.elapsed();
                self.keep(Spare { child, input, output, errors, spent });
                let _ = reader.join();
                return Some(answer.map_err(|reason| CompileChildError::Failed { reason }));
            }
            Ok((Err(_), _)) => {
                // It wrote no whole answer, so it is ending, or worse.
                let _ = child.0.kill();
                let mut reason = Vec::new();
                let read = (&mut errors).take(REASON_BYTES_MAX).read_to_end(&mut reason);
                match (child.0.wait(), read) {
                    (Ok(_), Ok(count)) if count > 0 => Err(CompileChildError::Failed {
                        reason: String::from_utf8_lossy(&reason).trim().to_owned(),
                    }),
                    (Ok(status), _) => Err(CompileChildError::Died { status }),
                    (Err(error), _) => Err(CompileChildError::Failed { reason: error.to_string() }),
                }
            }
        };
        // Ends the child's output, and so the thread that reads it.
        drop(child);
        let _ = reader.join();
        Some(result)
    }

    fn wait<T>(
        &self,
        receiver: &mpsc::Receiver<T>,
        timeout: Duration,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<T, CompileChildError> {
        let deadline = Instant::now() + timeout;
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
                    return Err(CompileChildError::TimedOut { timeout });
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

/// Says what a component is compiled for, in the byte before it.
fn flags(kind: Kind) -> u8 {
    let profile = match kind.profile {
        Profile::Small => 0,
        Profile::Python => 1,
        Profile::Scientific => 2,
    };
    u8::from(kind.is_fuelled) | profile << 1
}

fn kind(flags: u8) -> Kind {
    let profile = match flags >> 1 {
        0 => Profile::Small,
        1 => Profile::Python,
        _ => Profile::Scientific,
    };
    Kind { profile, is_fuelled: flags & 1 != 0 }
}

fn abandoned() -> CompileChildError {
    CompileChildError::Failed { reason: "nobody waits for it any more".to_owned() }
}

/// Reads an artefact, or why there is none.
fn read_answer(output: &mut impl Read) -> io::Result<Result<Vec<u8>, String>> {
    let (flag, length) = read_header(output)?;
    let is_artefact = flag != 0;
    let length_max = if is_artefact { ARTEFACT_BYTES_MAX } else { REASON_BYTES_MAX };
    if length > length_max {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let content = read_exactly(output, length)?;
    Ok(if is_artefact { Ok(content) } else { Err(String::from_utf8_lossy(&content).into_owned()) })
}

/// Reads the flag and the length that are before each component and each answer.
fn read_header(stream: &mut impl Read) -> io::Result<(u8, u64)> {
    let mut flag = [0];
    stream.read_exact(&mut flag)?;
    let mut length = [0; 8];
    stream.read_exact(&mut length)?;
    Ok((flag[0], u64::from_le_bytes(length)))
}

fn read_exactly(stream: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    stream.take(length).read_to_end(&mut content)?;
    if content.len() as u64 == length {
        Ok(content)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// What the child does: see [`crate::compile_child`].
pub fn run_child() -> ExitCode {
    match compile_from_stdin() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Compiles until its input ends.
fn compile_from_stdin() -> Result<(), String> {
    set_limits();
    // Made before anything is known of the component: for a child that waits this costs nobody time.
    let small = sandbox(Profile::Small)?;
    // Brings in what of the compiler is used first. It is valid; if it were not, that would do no harm.
    let _ = small.precompile_core(PRACTICE);
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let mut is_watched = false;
    loop {
        let (flags, length) = match read_header(&mut input) {
            Ok(header) => header,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        if !is_watched {
            watch_parent().map_err(|error| error.to_string())?;
            is_watched = true;
        }
        if length > COMPONENT_BYTES_MAX as u64 {
            return Err(format!("a component of {length} bytes"));
        }
        let component = read_exactly(&mut input, length).map_err(|error| error.to_string())?;
        limit_time(COMPILE_SECONDS_MAX);
        let made = if flags == VALIDATE {
            verify::validate(&component).map(|()| Vec::new()).map_err(|error| chain(&error))
        } else {
            compile(&small, &component, kind(flags))
        };
        let (is_artefact, mut content) = match made {
            Ok(artefact) => (1, artefact),
            Err(reason) => (0, reason.into_bytes()),
        };
        if is_artefact == 0 {
            content.truncate(REASON_BYTES_MAX as usize);
        }
        let mut header = vec![is_artefact];
        header.extend_from_slice(&(content.len() as u64).to_le_bytes());
        output
            .write_all(&header)
            .and_then(|()| output.write_all(&content))
            .and_then(|()| output.flush())
            .map_err(|error| error.to_string())?;
    }
}

fn sandbox(profile: Profile) -> Result<Sandbox, String> {
    Sandbox::new(SandboxOptions::compile_child().with(profile)).map_err(|error| chain(&error))
}

/// Compiles a component.
fn compile(small: &Sandbox, component: &[u8], kind: Kind) -> Result<Vec<u8>, String> {
    let Kind { profile, is_fuelled } = kind;
    let precompiled = match profile {
        Profile::Small => small.precompile(component, is_fuelled),
        Profile::Python => sandbox(profile)?.precompile(component, is_fuelled),
        Profile::Scientific => {
            limit_time(COMPILE_LONG_SECONDS_MAX);
            sandbox(profile)?.precompile(component, is_fuelled)
        }
    };
    let artefact = precompiled.map_err(|error| chain(&error))?;
    if profile == Profile::Small && artefact.len() > SMALL_ARTEFACT_BYTES_MAX {
        let (bytes, limit) = (artefact.len(), SMALL_ARTEFACT_BYTES_MAX);
        return Err(format!("its machine code has {bytes} bytes, this host takes {limit}"));
    }
    Ok(artefact)
}

/// A module of one function, `(i64, i64) -> i64`, that loops, branches, calls itself and uses memory.
const PRACTICE: &[u8] = &[
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // magic, version
    0x01, 0x07, 0x01, 0x60, 0x02, 0x7e, 0x7e, 0x01, 0x7e, // its type
    0x03, 0x02, 0x01, 0x00, // the function
    0x05, 0x03, 0x01, 0x00, 0x01, // a memory of a page
    0x0a, 0x32, 0x01, 0x30, 0x00, // its code
    0x03, 0x40, // loop
    0x20, 0x00, 0x20, 0x01, 0x7e, 0x21, 0x00, // 0 = 0 * 1
    0x41, 0x08, 0x20, 0x00, 0x37, 0x03, 0x00, // [8] = 0
    0x20, 0x01, 0x42, 0x01, 0x7d, 0x22, 0x01, 0x50, 0x45, // 1 = 1 - 1; is it not zero?
    0x0d, 0x00, 0x0b, // again; end
    0x41, 0x08, 0x29, 0x03, 0x00, 0x50, // is [8] zero?
    0x04, 0x7e, 0x42, 0x07, 0x05, // then 7, else
    0x20, 0x00, 0x20, 0x01, 0x10, 0x00, 0x0b, // itself; end
    0x0b,
];

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
    limit_time(COMPILE_SECONDS_MAX);
    limit(Resource::As, COMPILE_MEMORY_BYTES_MAX);
    limit(Resource::Core, 0);
}

/// Limits the processor time that this process takes from here on. The system ends it at the soft limit.
fn limit_time(seconds: u64) {
    let taken = clock_gettime(ClockId::ProcessCPUTime).tv_sec.unsigned_abs();
    let maximum = COMPILE_LONG_SECONDS_MAX;
    let limit = Rlimit { current: Some((taken + seconds).min(maximum)), maximum: Some(maximum) };
    // A limit that is lower already stays.
    let _ = setrlimit(Resource::Cpu, limit);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_to_practise_on_is_valid() {
        let sandbox = Sandbox::new(SandboxOptions::compile_child()).unwrap();
        sandbox.precompile_core(PRACTICE).unwrap();
    }
}
