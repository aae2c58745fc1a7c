//! One task: a fresh instance, its closure, its call, and what became of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spm_protocol::limits::{RAISED_BYTES_MAX, VALUE_BYTES_MAX};
use spm_protocol::{Outcome, TrapCode};
use wasmtime::Store;

use super::outcome::outcome_of;
use super::state::{OutputSink, TaskState};
use super::stop::StopCause;
use super::{Definition, Sandbox};

pub(super) type DefineResult = Result<(), Vec<u8>>;
pub(super) type CallResult = Result<Vec<u8>, Vec<u8>>;

/// What a task is given.
pub struct TaskInput<'a> {
    /// What `define` is given, for closures that have a payload. Without one it is not called.
    pub payload: Option<&'a [u8]>,
    /// What `call` is given.
    pub arguments: &'a [u8],
    /// What `task.index` is.
    pub index: u64,
    /// What `task.attempt` is.
    pub attempt: u32,
    /// What `task.seed` is.
    pub seed: u64,
    /// Linear memory it may use, in bytes, all its memories together.
    pub memory_bytes_max: usize,
    /// Fuel it may use; only counted in definitions compiled for it.
    pub fuel: u64,
    /// How long it may run.
    pub deadline: Option<Duration>,
    /// Takes what it prints while it runs; without one only the last chunk is kept.
    pub sink: Option<Arc<dyn OutputSink>>,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With this value.
    Returned(Vec<u8>),
    /// With this exception.
    Raised(Vec<u8>),
    /// In another way; never `Returned` or `Raised`.
    Otherwise(Outcome),
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// What it printed and no sink took.
    pub output: Vec<u8>,
    /// Whether no non-deterministic import was used.
    pub is_pure: bool,
    /// From instantiation to the end.
    pub took: Duration,
}

impl Sandbox {
    /// Runs a task in the calling thread, which must have a stack of
    /// [`THREAD_STACK_BYTES`](super::THREAD_STACK_BYTES). Returns early if `stop` is set.
    pub fn run(definition: &Definition, input: &TaskInput<'_>, stop: &Arc<StopCause>) -> Ran {
        let begun = Instant::now();
        let mut state = TaskState::new(
            definition.engine.profile().bounds(),
            Arc::clone(stop),
            input.memory_bytes_max,
        );
        state.index = input.index;
        state.attempt = input.attempt;
        state.seed = input.seed;
        state.sink.clone_from(&input.sink);
        state.start(begun, input.deadline);
        let mut store = Store::new(&definition.engine.engine, state);
        store.limiter(|state| state);
        store.epoch_deadline_callback(|mut store| store.data_mut().tick());
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(VALUE_BYTES_MAX);

        let running = definition.engine.ticker.begin();
        let called = definition.call_in(&mut store, input);
        drop(running);
        let state = store.data_mut();
        let output = std::mem::take(&mut state.output);
        let is_pure = !state.is_impure;
        let ended = called
            .unwrap_or_else(|error| Ended::Otherwise(outcome_of(&error, state.hit_memory_limit)));
        // The instance goes back to its pool within the time that is the task's.
        drop(store);
        Ran { ended, output, is_pure, took: begun.elapsed() }
    }
}

impl Definition {
    fn call_in(
        &self,
        store: &mut Store<TaskState>,
        input: &TaskInput<'_>,
    ) -> wasmtime::Result<Ended> {
        if self.is_fuelled {
            store.set_fuel(input.fuel)?;
        }
        let instance = self.instance.instantiate(&mut *store)?;
        if let Some(payload) = input.payload {
            let define =
                instance.get_typed_func::<(&[u8],), (DefineResult,)>(&mut *store, self.define)?;
            if let (Err(raised),) = define.call(&mut *store, (payload,))? {
                return Ok(raised_within_limit(raised));
            }
        }
        let call = instance.get_typed_func::<(&[u8],), (CallResult,)>(&mut *store, self.call)?;
        Ok(match call.call(&mut *store, (input.arguments,))? {
            (Ok(value),) => Ended::Returned(value),
            (Err(raised),) => raised_within_limit(raised),
        })
    }
}

fn raised_within_limit(raised: Vec<u8>) -> Ended {
    if raised.len() > RAISED_BYTES_MAX {
        Ended::Otherwise(Outcome::Trapped(TrapCode::ResultLimit, Vec::new()))
    } else {
        Ended::Raised(raised)
    }
}
