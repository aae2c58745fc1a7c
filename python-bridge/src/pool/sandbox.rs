//! One sandbox, for `spm.serial()`.
//!
//! The guest runs on a thread that has the stack it may need; the calling thread waits, so that
//! tasks are still one after the other, Ctrl-C works, and what a task prints shows while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use spm_host::Definer;
use spm_host::sandbox::{Ended, Ran, SandboxOptions, Stop, StopCause, THREAD_STACK_BYTES};
use spm_hub::{ClosureDefinition, Completion, TaskOutcome};
use spm_netmesh::Spin;
use spm_protocol::raised::left_proof;
use spm_protocol::{Engine, Outcome, TaskId};

use super::closure::Closures;
use super::failed::Failed;
use super::fork::ForkSafe;
use super::hosts::spm_error;
use super::mesh::chain;
use super::output::{self, Printer};
use super::preparing::{Waiting, compiling_here};
use super::receive::receive;
use super::run::value_of;
use super::serial_channel::SerialChannel;
use super::serial_thread::{Event, Job, Thread};
use super::wait::{Patience, wait_for};

/// A closure and its fallback, read once for all tasks of a run.
#[pyclass(frozen, module = "spm._spm")]
pub(crate) struct Defined {
    closures: Closures,
    definitions: Vec<Arc<ClosureDefinition>>,
}

#[pymethods]
impl Defined {
    /// Takes a `Specialisation`.
    #[new]
    fn new(py: Python<'_>, closure: &Bound<'_, PyAny>) -> PyResult<Self> {
        let closures = Closures::new(closure)?;
        let definitions = closures.definitions(py)?.into_iter().map(Arc::new).collect();
        Ok(Self { closures, definitions })
    }
}

/// Runs tasks one after the other. See `_serial.py`.
#[pyclass(frozen, module = "spm._spm", name = "Sandbox")]
pub(crate) struct SerialSandbox {
    jobs: ForkSafe<Sender<Job>>,
    /// How long its thread took last.
    spin: Spin,
}

/// The fields of `_execute.Ran`.
type RanRow<'py> = (
    Option<Bound<'py, PyAny>>,
    Option<Failed>,
    u64,
    u32,
    &'static str,
    bool,
    Option<Bound<'py, PyBytes>>,
);

#[pymethods]
impl SerialSandbox {
    #[new]
    fn new() -> PyResult<Self> {
        let failed = |error: &dyn std::error::Error| PyRuntimeError::new_err(chain(error));
        let definer =
            Definer::in_process(SandboxOptions::in_process(), super::cache_dir().as_deref(), 1)
                .map_err(|error| failed(&error))?;
        let (jobs, receiver) = channel();
        std::thread::Builder::new()
            .name("spm-serial".to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || Thread::new(definer).work(&receiver))?;
        Ok(Self { jobs: ForkSafe::new(jobs), spin: Spin::default() })
    }

    /// Runs one task, by the fallback if it leaves its closure, or if its arguments are not that one's. `channel` does
    /// what the task wants of its manager, in this thread: see `_execute.Channel`. One that was asked for anything is not
    /// run again.
    #[pyo3(signature = (defined, row, index, attempt, deadline_s = None, channel = None))]
    #[allow(clippy::too_many_arguments, reason = "each is an argument of its own in Python")]
    fn run<'py>(
        &self,
        py: Python<'py>,
        defined: &Bound<'py, Defined>,
        row: &Bound<'py, PyTuple>,
        index: u64,
        attempt: u32,
        deadline_s: Option<f64>,
        channel: Option<Bound<'py, PyAny>>,
    ) -> PyResult<RanRow<'py>> {
        let Defined { closures, definitions } = defined.get();
        let (mut closure, arguments) = closures.encode(py, row)?;
        let arguments = Arc::new(arguments);
        let deadline = deadline_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let shown = Shown::default();
        let channel = channel.map(SerialChannel::new).transpose()?;
        let mut task =
            Task { index, attempt, deadline, arguments, compiling: None, shown, channel };
        let mut attempted = match self.attempt(py, &definitions[closure as usize], &mut task)? {
            Attempt::Ran(ran) => Attempted::new(ran),
            // Without the first closure there is nothing to run; without the fallback there are other tasks.
            Attempt::Unprepared(why) if closure == 0 => {
                let reasons = BTreeMap::from([("local", why.as_str())]);
                return Err(spm_error(py, "ClosureRefused", (why.clone(), reasons)));
            }
            Attempt::Unprepared(why) => Attempted::nothing(TaskOutcome::Unprepared(why)),
        };
        let (mut left, mut unbacked) = (None, None);
        if let (Some(fallback), TaskOutcome::Raised(record)) =
            (definitions[closure as usize].fallback, &attempted.outcome)
            && left_proof(record).is_some()
            && task.channel.as_ref().is_none_or(|channel| !channel.has_talked)
        {
            task.attempt += 1;
            if let Some(channel) = &task.channel {
                channel.restart()?;
            }
            match self.attempt(py, &definitions[fallback as usize], &mut task)? {
                Attempt::Ran(ran) => {
                    left = Some(PyBytes::new(py, record));
                    closure = fallback;
                    attempted = Attempted::new(ran);
                }
                Attempt::Unprepared(why) => {
                    task.attempt -= 1;
                    unbacked = Some(why);
                }
            }
        }
        task.shown.end(py, index)?;
        let completion = completion(&task, closure, left.is_some(), unbacked, attempted);
        let (run_us, attempts) = (completion.run_us, completion.attempts);
        let engine = closures.get(closure).engine().name();
        let (value, failed) = match value_of(py, closures, &closures.decodings(py)?, completion) {
            Ok(value) => (Some(value), None),
            Err(failed) => (None, Some(failed)),
        };
        Ok((value, failed, run_us, attempts, engine, closure != 0, left))
    }
}

impl SerialSandbox {
    /// Runs a task once.
    fn attempt(
        &self,
        py: Python<'_>,
        definition: &Arc<ClosureDefinition>,
        task: &mut Task<'_>,
    ) -> PyResult<Attempt> {
        let (events, receiver) = channel();
        let receiver = Mutex::new(receiver);
        let stop = Arc::new(StopCause::new());
        let own_ms = definition.limits.deadline_ms.map(Duration::from_millis);
        let job = Job {
            definition: Arc::clone(definition),
            arguments: Arc::clone(&task.arguments),
            index: task.index,
            attempt: task.attempt,
            deadline: task.deadline.or(own_ms),
            stop: Arc::clone(&stop),
            channel: task.channel.as_ref().map(|channel| channel.connect(events.clone())),
            events,
        };
        if self.jobs.send(job).is_err() {
            return Err(PyRuntimeError::new_err("the sandbox's thread has ended"));
        }
        task.shown.printed = 0;
        finish(py, task, &receiver, &self.spin).inspect_err(|_| {
            stop.stop(Stop::Cancelled);
            if task.compiling.is_none() {
                // It ends at the next tick; what it had to say is of no interest any more.
                py.detach(|| while receiver.lock().recv().is_ok() {});
            }
        })
    }
}

/// What became of an attempt.
enum Attempt {
    Ran(Ran),
    /// It was not made: this is why its closure cannot be prepared.
    Unprepared(String),
}

/// An attempt that counts, in a hub's words.
struct Attempted {
    outcome: TaskOutcome,
    run_us: u64,
    pure: bool,
}

impl Attempted {
    fn new(ran: Ran) -> Self {
        let outcome = match ran.ended {
            Ended::Returned(value) => TaskOutcome::Returned(value.into()),
            Ended::Raised(record) => TaskOutcome::Raised(record.into()),
            Ended::Otherwise(outcome) => outcome_of(outcome),
        };
        Self { outcome, run_us: ran.took.as_micros() as u64, pure: ran.is_pure }
    }

    fn nothing(outcome: TaskOutcome) -> Self {
        Self { outcome, run_us: 0, pure: true }
    }
}

/// A task, whichever closure runs it.
struct Task<'py> {
    index: u64,
    attempt: u32,
    deadline: Option<Duration>,
    arguments: Arc<Vec<u8>>,
    /// The engine whose closure is being compiled for it.
    compiling: Option<Engine>,
    shown: Shown,
    channel: Option<SerialChannel<'py>>,
}

/// What of a task's output was shown. The fallback prints the same again.
#[derive(Default)]
struct Shown {
    printer: Printer,
    /// Bytes of it, of whichever attempt.
    bytes: usize,
    /// What the current attempt has printed.
    printed: usize,
}

impl Shown {
    fn show(&mut self, py: Python<'_>, index: u64, chunk: &[u8]) -> PyResult<()> {
        let known = self.bytes.saturating_sub(self.printed).min(chunk.len());
        self.printed += chunk.len();
        self.bytes = self.bytes.max(self.printed);
        self.printer.add(index, &chunk[known..], false);
        output::show(py, &self.printer.take())
    }

    fn end(&mut self, py: Python<'_>, index: u64) -> PyResult<()> {
        self.printer.add(index, &[], true);
        output::show(py, &self.printer.take())
    }
}

/// Waits for the end of a task, and shows what it prints.
fn finish(
    py: Python<'_>,
    task: &mut Task<'_>,
    events: &Mutex<Receiver<Event>>,
    spin: &Spin,
) -> PyResult<Attempt> {
    let mut waiting = None;
    loop {
        let patience = waiting.as_ref().map_or(Patience::new(None), Waiting::patience);
        let event = wait_for(py, patience, |slice| match receive(&events.lock(), spin, slice) {
            Ok(event) => Some(Some(event)),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(None),
        })?;
        let Some(event) = event else {
            if let (Some(waiting), Some(engine)) = (&mut waiting, task.compiling) {
                waiting.show(vec![compiling_here(engine)])?;
            }
            continue;
        };
        match event {
            Some(Event::Compiling(engine)) => {
                task.compiling = Some(engine);
                waiting = Some(Waiting::new(py));
            }
            Some(Event::Compiled) => {
                task.compiling = None;
                waiting = None;
            }
            Some(Event::Called(call, reply)) => {
                if let Some(channel) = &mut task.channel {
                    let answer = channel.answer(call)?;
                    // Nobody waits any more if the task was stopped.
                    let _ = reply.send(answer);
                }
            }
            Some(Event::Output(chunk)) => task.shown.show(py, task.index, &chunk)?,
            Some(Event::Ended(ran)) => {
                task.shown.show(py, task.index, &ran.output)?;
                return Ok(Attempt::Ran(ran));
            }
            Some(Event::NotCompiled(why)) => return Ok(Attempt::Unprepared(why)),
            None => return Err(PyRuntimeError::new_err("the sandbox's thread has ended")),
        }
    }
}

/// What became of a task, as a hub would say it.
fn completion(
    task: &Task<'_>,
    closure: u32,
    is_deopt: bool,
    unbacked: Option<String>,
    attempted: Attempted,
) -> Completion {
    let Attempted { outcome, run_us, pure } = attempted;
    Completion {
        task: TaskId(task.index),
        index: task.index,
        closure,
        host: None,
        attempts: task.attempt,
        is_deopt,
        unbacked,
        outcome,
        run_us,
        total_ms: run_us / 1000,
        output: Vec::new(),
        pure,
    }
}

/// What a sandbox says, as a hub would pass it on.
fn outcome_of(outcome: Outcome) -> TaskOutcome {
    match outcome {
        Outcome::Trapped(code, points) => TaskOutcome::Trapped(code, points),
        Outcome::OutOfFuel(points) => TaskOutcome::OutOfFuel(points),
        Outcome::OutOfMemory(points) => TaskOutcome::OutOfMemory(points),
        Outcome::DeadlineHit(points) => TaskOutcome::DeadlineHit(points),
        Outcome::HostFault(why) => TaskOutcome::HostFault(why),
        Outcome::Refused(why) => TaskOutcome::Refused(why),
        Outcome::Unprepared(why) => TaskOutcome::Unprepared(why),
        Outcome::Cancelled => TaskOutcome::Cancelled,
        // These come as `Ended`'s own variants.
        Outcome::Returned(_) | Outcome::Raised(_) | Outcome::Kept(_) | Outcome::Grown(_) => {
            TaskOutcome::HostFault("the sandbox gave a value where it had none".to_owned())
        }
    }
}
