//! What callers choose, spelled out.

use std::sync::Arc;

use spm_protocol::limits::PREPARE_DEADLINE_MS;

use crate::driver::CompletionQueue;
use crate::limits::{RETRIES_DEFAULT, WINDOW_TASKS_DEFAULT};

/// Which hosts a sequence point waits for. The others join when they are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The first host that is ready; a `List` needs no more to start.
    ForOne,
    /// Every host answers, or the deadline passes; one that is ready is enough.
    ForAll,
    /// Every host has to be ready, or the definition fails.
    Strict,
}

/// How closures are defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefineOptions {
    /// Which hosts are waited for.
    pub wait: Wait,
    /// How long hosts may take to prepare. Where a closure is of the `scientific` engine, at least so long as fetching and
    /// compiling that may take.
    pub deadline_ms: u64,
}

impl Default for DefineOptions {
    fn default() -> Self {
        Self { wait: Wait::ForAll, deadline_ms: PREPARE_DEADLINE_MS }
    }
}

/// How a `List` runs.
#[derive(Debug, Clone)]
pub struct ListOptions {
    /// Completions are given out in the order of submission, not as they come.
    pub ordered: bool,
    /// Tasks that may be submitted and not yet taken as completions. Bounds the hub's memory.
    /// `usize::MAX` leaves that to the caller.
    pub window_tasks: usize,
    /// Attempts after the first that infrastructure outcomes may cost a task.
    pub retries: u32,
    /// Whether a task whose deadline passed is tried again, too.
    pub retry_deadline_hit: bool,
    /// Milliseconds each task may run, unless its own request says otherwise.
    pub task_deadline_ms: Option<u64>,
    /// Milliseconds the whole run may take. What has not ended by then ends as `RunDeadline`.
    pub run_deadline_ms: Option<u64>,
    /// Where completions go, and the tag they carry there. With none, [`crate::ListRun::next`] gives them out.
    pub queue: Option<(Arc<CompletionQueue>, u64)>,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self {
            ordered: true,
            window_tasks: WINDOW_TASKS_DEFAULT,
            retries: RETRIES_DEFAULT,
            retry_deadline_hit: false,
            task_deadline_ms: None,
            run_deadline_ms: None,
            queue: None,
        }
    }
}

/// One task to submit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskRequest {
    /// Index of the closure in the point.
    pub closure: u32,
    /// What `spm.task.index` is.
    pub index: u64,
    /// What `spm.task.seed` is.
    pub seed: u64,
    /// Milliseconds it may run, if not the run's or the closure's.
    pub deadline_ms: Option<u64>,
    /// Its arguments: a CBOR array.
    pub arguments: Vec<u8>,
}
