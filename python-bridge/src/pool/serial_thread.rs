//! The thread of `spm.serial()` that compiles closures and runs their tasks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use bytes::Bytes;
use spm_host::Definer;
use spm_host::sandbox::{
    Channel, Definition, Granted, Keep, Kept, Kind, OutputSink, Profile, Ran, Sandbox, StopCause,
    TaskInput,
};
use spm_hub::{Blob, ClosureDefinition, seed_of};
use spm_netmesh::Spin;
use spm_protocol::{ContentId, Engine};

use super::receive::receive;
use super::serial_channel::{Call, Reply};

/// Compiled components kept, by content.
const DEFINITIONS_MAX: usize = 64;

/// One wait for a task; without any, another follows.
const IDLE: Duration = Duration::from_hours(1);

/// A task for the thread.
pub(super) struct Job {
    pub definition: Arc<ClosureDefinition>,
    pub arguments: Arc<Vec<u8>>,
    pub index: u64,
    pub attempt: u32,
    pub deadline: Option<Duration>,
    pub stop: Arc<StopCause>,
    /// What connects the task with its manager.
    pub channel: Option<Arc<dyn Channel>>,
    pub events: Sender<Event>,
}

/// What the thread says of a task.
pub(super) enum Event {
    /// The closure is compiled first, of this engine.
    Compiling(Engine),
    /// And now it runs.
    Compiled,
    Output(Vec<u8>),
    /// The task wants something of its manager, and waits for it.
    Called(Call, Sender<Reply>),
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
    definer: Definer,
    definitions: BTreeMap<(ContentId, Kind), Arc<Definition>>,
    /// The instance that the last task left, and the closure it is of.
    kept: Option<(Arc<ClosureDefinition>, Kept)>,
}

impl Thread {
    /// With what makes definitions.
    pub(super) fn new(definer: Definer) -> Self {
        Self { definer, definitions: BTreeMap::new(), kept: None }
    }

    /// Runs what it is given, until nobody can give it more.
    pub(super) fn work(mut self, jobs: &Receiver<Job>) {
        let spin = Spin::default();
        loop {
            let job = match receive(jobs, &spin, IDLE) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let granted = Granted::new(&job.definition.capabilities);
            let event = match (self.prepared(&job), granted) {
                (Ok((definition, payload)), Ok(granted)) => {
                    let granted = granted.map(Arc::new);
                    Event::Ended(self.run(&definition, payload.as_deref(), &job, granted))
                }
                (Err(reason), _) => Event::NotCompiled(reason),
                (_, Err(error)) => Event::NotCompiled(error.to_string()),
            };
            // Nobody waits any more if the task was given up.
            let _ = job.events.send(event);
        }
    }

    /// What a job's closure is compiled to, and its payload.
    fn prepared(&mut self, job: &Job) -> Result<(Arc<Definition>, Option<Bytes>), String> {
        let payload = job.definition.payload.as_ref().map(Blob::read).transpose()?;
        Ok((self.definition(job)?, payload))
    }

    fn definition(&mut self, job: &Job) -> Result<Arc<Definition>, String> {
        let closure = &job.definition;
        let engine = closure.engine;
        let is_fuelled = closure.limits.fuel.is_some();
        let kind = Kind { profile: Profile::of(engine), is_fuelled };
        let id = closure.component.id();
        let key = (id, kind);
        if let Some(known) = self.definitions.get(&key) {
            return Ok(Arc::clone(known));
        }
        // Nobody waits any more if the task was given up.
        let _ = job.events.send(Event::Compiling(engine));
        let is_abandoned = || job.stop.get().is_some();
        let component = closure.component.read()?;
        let made = self.definer.define(id, &component, kind, 0, &is_abandoned);
        let made = made.map_err(|error| error.reason())?;
        if self.definitions.len() >= DEFINITIONS_MAX {
            self.definitions.pop_first();
        }
        let _ = job.events.send(Event::Compiled);
        self.definitions.insert(key, Arc::clone(&made));
        Ok(made)
    }

    fn run(
        &mut self,
        definition: &Definition,
        payload: Option<&[u8]>,
        job: &Job,
        granted: Option<Arc<Granted>>,
    ) -> Ran {
        let closure = &job.definition;
        let keep = Keep::of(closure.isolation, Profile::of(closure.engine));
        let kept = self.kept.take().filter(|(of, _)| Arc::ptr_eq(of, closure));
        let mut kept = kept.map(|(_, kept)| kept);
        let input = TaskInput {
            payload,
            arguments: &job.arguments,
            index: job.index,
            attempt: job.attempt,
            seed: seed_of(job.index),
            memory_bytes_max: closure.limits.memory_bytes as usize,
            fuel: closure.limits.fuel.unwrap_or(0),
            deadline: job.deadline,
            sink: Some(Arc::new(Sink(job.events.clone()))),
            granted,
            channel: job.channel.clone(),
        };
        let ran = Sandbox::run_in(definition, &input, &job.stop, keep, &mut kept);
        self.kept = kept.map(|kept| (Arc::clone(closure), kept));
        ran
    }
}
