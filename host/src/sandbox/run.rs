//! One task: an instance, its closure, its call, and what became of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spm_protocol::limits::{RAISED_BYTES_MAX, VALUE_BYTES_MAX};
use spm_protocol::{Outcome, TrapCode};
use wasmtime::Store;
use wasmtime::component::Instance;

use super::channel::Channel;
use super::grants::Granted;
use super::kept::{AfterDefine, Keep, Kept};
use super::outcome::outcome_of;
use super::output::OutputSink;
use super::pages::with_image;
use super::state::{Said, TaskState};
use super::stop::StopCause;
use super::watch::Watch;
use super::{Definition, Sandbox};

pub(super) type DefineResult = Result<(), Vec<u8>>;
pub(super) type CallResult = Result<Vec<u8>, Vec<u8>>;

/// What a task is given.
pub struct TaskInput<'a> {
    /// What `define` is given, for closures that have a payload. Without one it is not called. It cannot see which task
    /// it is called for.
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
    /// What its closure was granted.
    pub granted: Option<Arc<Granted>>,
    /// Its connection to its manager, if that is not one of independent tasks.
    pub channel: Option<Arc<dyn Channel>>,
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
        Self::run_in(definition, input, stop, Keep::Nothing, &mut None)
    }

    /// The same in an instance that an earlier task of the same closure left in `kept`; what it leaves there is for the
    /// next one. It leaves none after a trap.
    pub fn run_in(
        definition: &Definition,
        input: &TaskInput<'_>,
        stop: &Arc<StopCause>,
        keep: Keep,
        kept: &mut Option<Kept>,
    ) -> Ran {
        let begun = Instant::now();
        let taken = kept.take().and_then(Kept::ready);
        let used = match taken {
            Some(kept) => definition.use_again(kept, input, stop, begun),
            None => definition.use_fresh(input, stop, begun, keep),
        };
        let Used { ended, mut store, after } = used;
        let state = store.data_mut();
        let output = std::mem::take(&mut state.watch.output().waiting);
        let is_pure = !state.is_impure && keep != Keep::AsItIs;
        let is_over = matches!(ended, Err(_) | Ok(Ended::Otherwise(_)));
        let ended = ended.unwrap_or_else(|error| match state.said.take() {
            Some(Said::Returned(result)) => Ended::Returned(result),
            Some(Said::Raised(record)) => Ended::Raised(record),
            None => {
                Ended::Otherwise(outcome_of(&error, state.hit_memory_limit, state.watch.ended()))
            }
        });
        match after {
            Some(after) if !is_over => *kept = Some(Kept::after_task(store, after)),
            // The instance goes back to its pool within the time that is the task's.
            _ => drop(store),
        }
        Ran { ended, output, is_pure, took: begun.elapsed() }
    }
}

/// A store after its task.
struct Used {
    ended: wasmtime::Result<Ended>,
    store: Store<TaskState>,
    /// The instance in it, if it may be used again.
    after: Option<AfterDefine>,
}

impl Definition {
    /// Runs a task in a new instance.
    fn use_fresh(
        &self,
        input: &TaskInput<'_>,
        stop: &Arc<StopCause>,
        begun: Instant,
        keep: Keep,
    ) -> Used {
        let bounds = self.engine.profile().bounds();
        let mut store = Store::new(&self.runs, TaskState::new(bounds, Arc::clone(stop)));
        store.limiter(|state| state);
        store.epoch_deadline_callback(|mut store| store.data_mut().tick());
        // What a closure does when it is defined is the same for all tasks.
        store.data_mut().begin(input, begun);
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(VALUE_BYTES_MAX);
        let mut after = None;
        let ticking = self.engine.ticker.begin(self.watch(&store));
        let ended = self.fresh(&mut store, input, keep, &mut after);
        drop(ticking);
        Used { ended, store, after }
    }

    /// What the ticker is to look at, if the guest polls.
    pub(super) fn watch(&self, store: &Store<TaskState>) -> Option<Arc<Watch>> {
        self.is_polled.then(|| Arc::clone(&store.data().watch))
    }

    fn fresh(
        &self,
        store: &mut Store<TaskState>,
        input: &TaskInput<'_>,
        keep: Keep,
        after: &mut Option<AfterDefine>,
    ) -> wasmtime::Result<Ended> {
        if self.is_fuelled {
            store.set_fuel(input.fuel)?;
        }
        let (instance, pages) = match &self.beside.image {
            None => (self.instance.instantiate(&mut *store)?, None),
            Some(image) => {
                let (instance, pages) = with_image(image, self.watch(store), || {
                    self.instance.instantiate(&mut *store)
                })?;
                (instance, Some(pages))
            }
        };
        if let Some(payload) = input.payload {
            let define =
                instance.get_typed_func::<(&[u8],), (DefineResult,)>(&mut *store, self.define)?;
            if let (Err(raised),) = define.call(&mut *store, (payload,))? {
                return Ok(raised_within_limit(raised));
            }
        }
        if keep != Keep::Nothing {
            *after = AfterDefine::new(self, store, instance, pages, input, keep)?;
        }
        store.data_mut().begin_call(input);
        self.call(store, instance, input)
    }

    /// Runs a task in an instance in which the closure is defined.
    fn use_again(
        &self,
        kept: Kept,
        input: &TaskInput<'_>,
        stop: &Arc<StopCause>,
        begun: Instant,
    ) -> Used {
        let (mut store, after) = kept.into_parts();
        store.data_mut().begin_again(input, stop, begun, &after.state);
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(VALUE_BYTES_MAX);
        let ticking = self.engine.ticker.begin(self.watch(&store));
        let ended = self.again(&mut store, input, &after);
        drop(ticking);
        Used { ended, store, after: Some(after) }
    }

    fn again(
        &self,
        store: &mut Store<TaskState>,
        input: &TaskInput<'_>,
        after: &AfterDefine,
    ) -> wasmtime::Result<Ended> {
        if self.is_fuelled {
            // What defining it took is every task's to pay.
            store.set_fuel(input.fuel.saturating_sub(after.fuel))?;
        }
        self.call(store, after.instance, input)
    }

    fn call(
        &self,
        store: &mut Store<TaskState>,
        instance: Instance,
        input: &TaskInput<'_>,
    ) -> wasmtime::Result<Ended> {
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
