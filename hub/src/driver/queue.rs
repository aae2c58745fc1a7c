//! Where completions wait to be taken: by one thread in `next`, or in batches by a dispatcher that serves many
//! runs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::completion::Delivery;

/// A queue of deliveries, each with the tag of its run. Bounded by the windows of the runs that feed it.
#[derive(Debug, Default)]
pub struct CompletionQueue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    deliveries: VecDeque<(u64, Delivery)>,
    takers: usize,
    interrupted: bool,
}

impl CompletionQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up to `count_max` deliveries, waiting for the first at most `timeout`, or without end if there is
    /// none. Appends nothing if the time passed, or if [`Self::interrupt`] was called.
    pub fn drain(&self, count_max: usize, timeout: Option<Duration>, into: &mut Vec<(u64, Delivery)>) {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut waiting = self.waiting.lock();
        while waiting.deliveries.is_empty() && !waiting.interrupted {
            waiting.takers += 1;
            let timed_out = match deadline {
                Some(deadline) => self.arrived.wait_until(&mut waiting, deadline).timed_out(),
                None => {
                    self.arrived.wait(&mut waiting);
                    false
                }
            };
            waiting.takers -= 1;
            if timed_out {
                break;
            }
        }
        waiting.interrupted = false;
        let count = count_max.min(waiting.deliveries.len());
        into.extend(waiting.deliveries.drain(..count));
    }

    /// Makes one [`Self::drain`], the current or the next, return at once.
    pub fn interrupt(&self) {
        self.waiting.lock().interrupted = true;
        self.arrived.notify_all();
    }

    /// Deliveries that wait now.
    pub fn len(&self) -> usize {
        self.waiting.lock().deliveries.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds deliveries in order. Whether somebody waits and must be woken by [`Self::wake`], which can be done
    /// without the caller's locks.
    pub(crate) fn push(&self, tag: u64, deliveries: &mut Vec<Delivery>) -> bool {
        let mut waiting = self.waiting.lock();
        waiting.deliveries.extend(deliveries.drain(..).map(|delivery| (tag, delivery)));
        waiting.takers > 0
    }

    pub(crate) fn wake(&self) {
        self.arrived.notify_one();
    }
}
