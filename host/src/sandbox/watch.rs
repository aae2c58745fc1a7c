//! What the ticker looks at while a task runs whose guest polls.
//!
//! Code of interpreters is compiled with looks at a flag, see [`super::split`]: it lies in a memory that the guest cannot
//! name. The ticker raises it when the task must end, and nothing lowers it then but the host. So what else is
//! done at every tick, such as sending on what was printed, the ticker does, too.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use super::output::Output;
use super::pages::Pages;
use super::state::Ended;
use super::stop::StopCause;

/// Offsets in the flag's memory: what code looks at, and what then ends it.
const LOOK: usize = 0;
const END: usize = 4;

/// A task that may be running, as others see it.
pub(super) struct Watch {
    /// Set as soon as there is the memory, before the guest can run.
    flag: OnceLock<Arc<Pages>>,
    /// What was printed.
    output: Mutex<Output>,
    watched: Mutex<Watched>,
}

struct Watched {
    stop: Arc<StopCause>,
    deadline: Option<Instant>,
    is_resting: bool,
    ended: Option<Ended>,
}

impl Watch {
    pub(super) fn new(stop: Arc<StopCause>) -> Arc<Self> {
        let watched = Watched { stop, deadline: None, is_resting: false, ended: None };
        Arc::new(Self {
            flag: OnceLock::new(),
            output: Mutex::default(),
            watched: Mutex::new(watched),
        })
    }

    /// The memory that the flag is in.
    pub(super) fn set_flag(&self, memory: Arc<Pages>) {
        // An instance has one; if there were another, code would still look at the first.
        let _ = self.flag.set(memory);
    }

    /// A task begins, which must end by `deadline`, or when `stop` says so.
    pub(super) fn begin(&self, stop: &Arc<StopCause>, deadline: Option<Instant>) {
        let mut watched = self.watched.lock();
        watched.stop = Arc::clone(stop);
        watched.deadline = deadline;
        watched.is_resting = false;
        watched.ended = None;
        self.set(0);
    }

    /// Until the next task, what runs is the host's own, and nothing ends it.
    pub(super) fn rest(&self) {
        let mut watched = self.watched.lock();
        watched.is_resting = true;
        self.set(0);
    }

    /// Why the flag was raised, if it was.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.watched.lock().ended
    }

    pub(super) fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock()
    }

    /// Raises the flag if the task must end by `now`; says whether the task goes on.
    pub(super) fn look(&self, now: Instant) -> bool {
        let mut watched = self.watched.lock();
        if watched.is_resting {
            return false;
        }
        let Err(ended) = may_go_on(&watched.stop, watched.deadline, now) else { return true };
        watched.ended.get_or_insert(ended);
        // Again at every tick: where memory is weakly ordered, code may have looked too early for the second word.
        self.set(1);
        false
    }

    fn set(&self, value: u32) {
        if let Some(flag) = self.flag.get() {
            flag.store(END, value);
            flag.store(LOOK, value);
        }
    }
}

/// Whether anything ends a task by `now`.
pub(super) fn may_go_on(
    stop: &StopCause,
    deadline: Option<Instant>,
    now: Instant,
) -> Result<(), Ended> {
    match stop.get() {
        Some(stop) => Err(Ended::Stopped(stop)),
        None if deadline.is_some_and(|deadline| now >= deadline) => Err(Ended::Deadline),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
