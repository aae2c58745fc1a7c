//! One sandbox, for `spm.serial()`.
//!
//! The guest runs on a thread that has the stack it may need; the calling thread waits, so that
//! tasks are still one after the other, Ctrl-C works, and what a task prints shows while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use spm_host::sandbox::{
    Definition, Ended, OutputSink, Ran, Sandbox, SandboxOptions, Stop, StopCause,
    THREAD_STACK_BYTES, TaskInput,
};
use spm_hub::{ClosureDefinition, Completion, TaskOutcome};
use spm_protocol::{Outcome, TaskId};

use super::closure::Closure;
use super::failed::Failed;
use super::fork::ForkSafe;
use super::mesh::chain;
use super::output::{self, Printer};
use super::run::{seed, value_of};
use super::wait::{Patience, wait_for};

/// Compiled components kept, by content.
const DEFINITIONS_MAX: usize = 64;

/// A task for the thread.
struct Job {
    definition: Arc<Definition>,
    limits: spm_protocol::manifest::TaskLimits,
    arguments: Vec<u8>,
    index: u64,
    attempt: u32,
    deadline: Option<Duration>,
    stop: Arc<StopCause>,
    events: Sender<Event>,
}

enum Event {
    Output(Vec<u8>),
    Ended(Ran),
}

struct Sink(Sender<Event>);

impl OutputSink for Sink {
    fn write(&self, chunk: Vec<u8>) {
        // Nobody waits any more if the task was given up.
        let _ = self.0.send(Event::Output(chunk));
    }
}

/// Runs tasks one after the other. See `_serial.py`.
#[pyclass(frozen, module = "spm._spm", name = "Sandbox")]
pub(crate) struct SerialSandbox {
    inner: ForkSafe<Inner>,
}

struct Inner {
    sandbox: Sandbox,
    definitions: Mutex<BTreeMap<(String, bool), Arc<Definition>>>,
    jobs: Sender<Job>,
}

fn work(jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        let input = TaskInput {
            payload: None,
            arguments: &job.arguments,
            index: job.index,
            attempt: job.attempt,
            seed: seed(job.index),
            memory_bytes_max: job.limits.memory_bytes as usize,
            fuel: job.limits.fuel.unwrap_or(0),
            deadline: job.deadline,
            sink: Some(Arc::new(Sink(job.events.clone()))),
        };
        let ran = Sandbox::run(&job.definition, &input, &job.stop);
        // Nobody waits any more if the task was given up.
        let _ = job.events.send(Event::Ended(ran));
    }
}

#[pymethods]
impl SerialSandbox {
    #[new]
    fn new() -> PyResult<Self> {
        let failed = |error: &dyn std::error::Error| PyRuntimeError::new_err(chain(error));
        let sandbox = Sandbox::new(SandboxOptions::in_process()).map_err(|error| failed(&error))?;
        let (jobs, receiver) = channel();
        std::thread::Builder::new()
            .name("spm-serial".to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || work(&receiver))?;
        let definitions = Mutex::new(BTreeMap::new());
        Ok(Self { inner: ForkSafe::new(Inner { sandbox, definitions, jobs }) })
    }

    /// Runs one task: its value, or its `Failed`, and the microseconds it took.
    #[pyo3(signature = (closure, row, index, attempt, deadline_s = None))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        closure: &Bound<'py, PyAny>,
        row: &Bound<'py, PyTuple>,
        index: u64,
        attempt: u32,
        deadline_s: Option<f64>,
    ) -> PyResult<(Option<Bound<'py, PyAny>>, Option<Failed>, u64)> {
        let closure = Closure::new(closure)?;
        let arguments = closure.encode(py, row)?;
        let described = closure.definition(py)?;
        let definition = py.detach(|| self.inner.definition(&described))?;
        let limits = described.limits;
        let own_ms = limits.deadline_ms.map(Duration::from_millis);
        let deadline = match deadline_s {
            Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            None => own_ms,
        };
        let (events, receiver) = channel();
        let receiver = Mutex::new(receiver);
        let stop = Arc::new(StopCause::new());
        let job = Job {
            definition,
            limits,
            arguments,
            index,
            attempt,
            deadline,
            stop: Arc::clone(&stop),
            events,
        };
        if self.inner.jobs.send(job).is_err() {
            return Err(PyRuntimeError::new_err("the sandbox's thread has ended"));
        }
        let ran = finish(py, index, &receiver).inspect_err(|_| {
            stop.stop(Stop::Cancelled);
            // It ends at the next tick; what it had to say is of no interest any more.
            py.detach(|| while receiver.lock().recv().is_ok() {});
        })?;
        let run_us = ran.took.as_micros() as u64;
        let outcome = match ran.ended {
            Ended::Returned(value) => TaskOutcome::Returned(value.into()),
            Ended::Raised(record) => TaskOutcome::Raised(record.into()),
            Ended::Otherwise(outcome) => outcome_of(outcome),
        };
        let completion = Completion {
            task: TaskId(index),
            index,
            closure: 0,
            host: None,
            attempts: attempt,
            is_deopt: false,
            outcome,
            run_us,
            total_ms: run_us / 1000,
            output: Vec::new(),
            pure: ran.is_pure,
        };
        let decoding = closure.classes(py)?;
        Ok(match value_of(py, &closure, &decoding, completion) {
            Ok(value) => (Some(value), None, run_us),
            Err(failed) => (None, Some(failed), run_us),
        })
    }
}

/// Waits for the end of a task, and shows what it prints.
fn finish(py: Python<'_>, index: u64, events: &Mutex<Receiver<Event>>) -> PyResult<Ran> {
    let mut printer = Printer::default();
    loop {
        let event =
            wait_for(py, Patience::new(None), |slice| match events.lock().recv_timeout(slice) {
                Ok(event) => Some(Some(event)),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => None,
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Some(None),
            })?;
        match event.flatten() {
            Some(Event::Output(chunk)) => {
                printer.add(index, &chunk, false);
                output::show(py, &printer.take())?;
            }
            Some(Event::Ended(ran)) => {
                printer.add(index, &ran.output, true);
                output::show(py, &printer.take())?;
                return Ok(ran);
            }
            None => return Err(PyRuntimeError::new_err("the sandbox's thread has ended")),
        }
    }
}

impl Inner {
    fn definition(&self, closure: &ClosureDefinition) -> PyResult<Arc<Definition>> {
        let is_fuelled = closure.limits.fuel.is_some();
        let key = (closure.component.id().to_string(), is_fuelled);
        let mut definitions = self.definitions.lock();
        if let Some(known) = definitions.get(&key) {
            return Ok(Arc::clone(known));
        }
        let made = self
            .sandbox
            .compile(closure.component.content(), is_fuelled)
            .map_err(|error| PyRuntimeError::new_err(chain(&error)))?;
        if definitions.len() >= DEFINITIONS_MAX {
            definitions.pop_first();
        }
        let made = Arc::new(made);
        definitions.insert(key, Arc::clone(&made));
        Ok(made)
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
        Outcome::Cancelled => TaskOutcome::Cancelled,
        // These come as `Ended`'s own variants.
        Outcome::Returned(_) | Outcome::Raised(_) => {
            TaskOutcome::HostFault("the sandbox gave a value where it had none".to_owned())
        }
    }
}
