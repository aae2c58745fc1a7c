//! Why a running task is to stop.

use std::sync::atomic::{AtomicU8, Ordering};

/// Why a task is to stop before its end. A deadline is not here: the task's own clock knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stop {
    /// The hub cancelled it.
    Cancelled = 1,
    /// Its point was concluded, its session is over, or the host stops: nobody waits for it.
    Abandoned = 2,
}

/// Set by whoever wants a task to stop; its guest looks at every tick of the epoch.
#[derive(Debug, Default)]
pub struct StopCause(AtomicU8);

impl StopCause {
    /// Nobody wants the task to stop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the task to stop. The first cause stays.
    pub fn stop(&self, stop: Stop) {
        // If another cause was first, that is the answer.
        let _ = self.0.compare_exchange(0, stop as u8, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Why it is to stop, if it is.
    pub fn get(&self) -> Option<Stop> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Stop::Cancelled),
            _ => Some(Stop::Abandoned),
        }
    }

    /// Makes it ready for the next task.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Release);
    }
}
