//! Why a running task is to stop.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

/// Why a task is to stop before its end. A deadline is not here: the task's own clock knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stop {
    /// The hub cancelled it.
    Cancelled = 1,
    /// Its point was concluded, its session is over, or the host stops: nobody waits for it.
    Abandoned = 2,
}

/// Set by whoever wants a task to stop; its guest looks at every tick of the epoch, or is woken if it sleeps.
#[derive(Debug, Default)]
pub struct StopCause {
    cause: AtomicU8,
    sleeping: Mutex<()>,
    wake: Condvar,
}

impl StopCause {
    /// Nobody wants the task to stop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the task to stop. The first cause stays.
    pub fn stop(&self, stop: Stop) {
        // If another cause was first, that is the answer.
        let _ = self.cause.compare_exchange(0, stop as u8, Ordering::AcqRel, Ordering::Acquire);
        // Taking the lock orders this after a sleeper that saw no cause began to wait.
        drop(self.sleeping.lock());
        self.wake.notify_all();
    }

    /// Why it is to stop, if it is.
    pub fn get(&self) -> Option<Stop> {
        match self.cause.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Stop::Cancelled),
            _ => Some(Stop::Abandoned),
        }
    }

    /// Waits until `until`, but no longer than there is no cause; returns the cause.
    pub(super) fn wait_until(&self, until: Instant) -> Option<Stop> {
        let mut sleeping = self.sleeping.lock();
        while self.get().is_none() {
            if self.wake.wait_until(&mut sleeping, until).timed_out() {
                break;
            }
        }
        self.get()
    }

    /// Makes it ready for the next task.
    pub fn reset(&self) {
        self.cause.store(0, Ordering::Release);
    }
}
