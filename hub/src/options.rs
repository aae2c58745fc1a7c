//! What callers choose, spelled out.

use std::sync::Arc;

use spm_protocol::frame::{Returns, Role};
use spm_protocol::limits::PREPARE_DEADLINE_MS;

use crate::driver::CompletionQueue;
use crate::limits::{RETRIES_DEFAULT, WINDOW_TASKS_DEFAULT};
use crate::machine::TaskPiece;

/// Which hosts a sequence point waits for. The others join when they are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The first host that is ready; a `List` needs no more to start.
    ForOne,
    /// Every host answers, or the deadline passes; one that is ready is enough.
    ForAll,
    /// As [`Wait::ForAll`], and then every host that is in has to be online: what runs there talks to all others.
    Together,
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
    /// Whether values will go from host to host, so that one that does not reach the others is left out.
    pub meets: bool,
}

impl Default for DefineOptions {
    fn default() -> Self {
        Self { wait: Wait::ForAll, deadline_ms: PREPARE_DEADLINE_MS, meets: false }
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

/// `spm.task.seed` of the task at `index`: the same on every kind of pool, for every attempt (`SplitMix64`). Of 63 bits,
/// so that it is an int of every engine.
pub fn seed_of(index: u64) -> u64 {
    let mut mixed = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) >> 1
}

/// `priority` as an integer of the same order.
pub fn priority_of(priority: f64) -> i64 {
    let bits = priority.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
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
    /// Its arguments in pieces, some of which hosts keep; if there are any, `arguments` is not looked at.
    pub pieces: Vec<TaskPiece>,
    /// Where what it returns goes.
    pub returns: Returns,
    /// What it is to its manager.
    pub role: Role,
    /// Tasks of a higher priority are sent first: see [`priority_of`].
    pub priority: i64,
    /// Attempts at it in earlier submissions: its own go on from there.
    pub attempts_before: u32,
}
