//! The thread of `spm.serial()` that compiles closures and runs their tasks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use spm_host::sandbox::{
    CompileError, Definition, OutputSink, Ran, Sandbox, SandboxOptions, StopCause, TaskInput,
};
use spm_hub::ClosureDefinition;
use spm_protocol::{ContentId, Engine};

use super::mesh::chain;
use super::run::seed;

/// Compiled components kept, by content.
const DEFINITIONS_MAX: usize = 64;

/// A task for the thread.
pub(super) struct Job {
    pub definition: Arc<ClosureDefinition>,
    pub arguments: Arc<Vec<u8>>,
    pub index: u64,
    pub attempt: u32,
    pub deadline: Option<Duration>,
    pub stop: Arc<StopCause>,
    pub events: Sender<Event>,
}

/// What the thread says of a task.
pub(super) enum Event {
    /// The closure is compiled first, of this engine.
    Compiling(Engine),
    /// And now it runs.
    Compiled,
    Output(Vec<u8>),
    Ended(Ran),
    NotCompiled(String),
}

struct Sink(Sender<Event>);

impl OutputSink for Sink {
    fn write(&self, chunk: Vec<u8>) {
        // Nobody waits any more if the task was given up.
        let _ = self.0.send(Event::Output(chunk));
    }
}

/// What the thread has.
pub(super) struct Thread {
    sandboxes: BTreeMap<Engine, Sandbox>,
    definitions: BTreeMap<(ContentId, Engine, bool), Arc<Definition>>,
}

/// How components of an engine are run. All engines have the native one's limits so far.
fn options_for(engine: Engine) -> SandboxOptions {
    match engine {
        Engine::Native | Engine::Python | Engine::Scientific | Engine::Guest => {
            SandboxOptions::in_process()
        }
    }
}

impl Thread {
    /// With a sandbox for native closures.
    pub(super) fn new(native: Sandbox) -> Self {
        let sandboxes = BTreeMap::from([(Engine::Native, native)]);
        Self { sandboxes, definitions: BTreeMap::new() }
    }

    /// Runs what it is given, until nobody can give it more.
    pub(super) fn work(mut self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            let event = match self.definition(&job) {
                Ok(definition) => Event::Ended(run(&definition, &job)),
                Err(error) => Event::NotCompiled(chain(&error)),
            };
            // Nobody waits any more if the task was given up.
            let _ = job.events.send(event);
        }
    }

    fn definition(&mut self, job: &Job) -> Result<Arc<Definition>, CompileError> {
        let closure = &job.definition;
        let is_fuelled = closure.limits.fuel.is_some();
        let engine = closure.engine;
        let key = (closure.component.id(), engine, is_fuelled);
        if let Some(known) = self.definitions.get(&key) {
            return Ok(Arc::clone(known));
        }
        // Nobody waits any more if the task was given up.
        let _ = job.events.send(Event::Compiling(engine));
        let sandbox = match self.sandboxes.entry(engine) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(Sandbox::new(options_for(engine))?),
        };
        let made = sandbox.compile(closure.component.content(), is_fuelled)?;
        if self.definitions.len() >= DEFINITIONS_MAX {
            self.definitions.pop_first();
        }
        let made = Arc::new(made);
        let _ = job.events.send(Event::Compiled);
        self.definitions.insert(key, Arc::clone(&made));
        Ok(made)
    }
}

fn run(definition: &Definition, job: &Job) -> Ran {
    let closure = &job.definition;
    let input = TaskInput {
        payload: closure.payload.as_ref().map(|payload| payload.content().as_ref()),
        arguments: &job.arguments,
        index: job.index,
        attempt: job.attempt,
        seed: seed(job.index),
        memory_bytes_max: closure.limits.memory_bytes as usize,
        fuel: closure.limits.fuel.unwrap_or(0),
        deadline: job.deadline,
        sink: Some(Arc::new(Sink(job.events.clone()))),
    };
    Sandbox::run(definition, &input, &job.stop)
}
