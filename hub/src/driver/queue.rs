//! Where completions wait to be taken: by one thread in `next`, or in batches by a dispatcher that serves many
//! runs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use spm_netmesh::Spin;

use crate::completion::Delivery;
use crate::limits::OUTPUT_PENDING_BYTES_MAX;

/// A queue of deliveries, each with the tag of its run. Bounded by the windows of the runs that feed it.
#[derive(Debug, Default)]
pub struct CompletionQueue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    /// Whether something waits, for those who look before they sleep.
    has_some: AtomicBool,
    spin: Spin,
}

#[derive(Debug, Default)]
struct Waiting {
    deliveries: VecDeque<(u64, Delivery)>,
    output_bytes: usize,
    feeders: BTreeMap<u64, Arc<Feeder>>,
    takers: usize,
    interrupted: bool,
}

/// What a run and the queue it feeds tell one another.
#[derive(Debug, Default)]
pub(super) struct Feeder {
    /// Completions taken that the run has not heard of.
    pub taken: AtomicUsize,
    /// Output that nobody read in time.
    pub output_dropped_bytes: AtomicU64,
}

impl CompletionQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up to `count_max` deliveries, waiting for the first at most `timeout`, or without end if there is
    /// none. Appends nothing if the time passed, or if [`Self::interrupt`] was called.
    pub fn drain(
        &self,
        count_max: usize,
        timeout: Option<Duration>,
        into: &mut Vec<(u64, Delivery)>,
    ) {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut waiting = self.waiting.lock();
        let began = waiting.is_quiet().then(Instant::now);
        if began.is_some() && timeout.is_none_or(|timeout| !timeout.is_zero()) {
            drop(waiting);
            self.spin.look(|| self.has_some.load(Ordering::Acquire));
            waiting = self.waiting.lock();
        }
        while waiting.is_quiet() {
            waiting.takers += 1;
            let timed_out = if let Some(deadline) = deadline {
                self.arrived.wait_until(&mut waiting, deadline).timed_out()
            } else {
                self.arrived.wait(&mut waiting);
                false
            };
            waiting.takers -= 1;
            if timed_out {
                break;
            }
        }
        if let Some(began) = began {
            self.spin.waited(began.elapsed());
        }
        waiting.interrupted = false;
        waiting.take(count_max, into);
        self.has_some.store(!waiting.is_quiet(), Ordering::Release);
    }

    /// Makes one [`Self::drain`], the current or the next, return at once.
    pub fn interrupt(&self) {
        let mut waiting = self.waiting.lock();
        waiting.interrupted = true;
        self.has_some.store(true, Ordering::Release);
        drop(waiting);
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

    /// Lets a run feed the queue under `tag`.
    pub(super) fn register(&self, tag: u64, feeder: &Arc<Feeder>) {
        self.waiting.lock().feeders.insert(tag, Arc::clone(feeder));
    }

    /// Forgets a run; what it delivered can still be taken.
    pub(super) fn unregister(&self, tag: u64, feeder: &Arc<Feeder>) {
        let mut waiting = self.waiting.lock();
        if waiting.feeders.get(&tag).is_some_and(|known| Arc::ptr_eq(known, feeder)) {
            waiting.feeders.remove(&tag);
        }
    }

    /// Adds deliveries in order. Says whether somebody waits and must be woken by [`Self::wake`], which is
    /// best done without the caller's locks.
    pub(super) fn push(&self, tag: u64, deliveries: &mut Vec<Delivery>) -> bool {
        let mut waiting = self.waiting.lock();
        for delivery in deliveries.drain(..) {
            if let Delivery::Output(output) = &delivery {
                let bytes = output.output.len();
                if waiting.output_bytes + bytes > OUTPUT_PENDING_BYTES_MAX {
                    if let Some(feeder) = waiting.feeders.get(&tag) {
                        feeder.output_dropped_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                    }
                    continue;
                }
                waiting.output_bytes += bytes;
            }
            waiting.deliveries.push_back((tag, delivery));
        }
        self.has_some.store(!waiting.is_quiet(), Ordering::Release);
        waiting.takers > 0 && !waiting.deliveries.is_empty()
    }

    pub(super) fn wake(&self) {
        self.arrived.notify_one();
    }
}

impl Waiting {
    fn is_quiet(&self) -> bool {
        self.deliveries.is_empty() && !self.interrupted
    }

    fn take(&mut self, count_max: usize, into: &mut Vec<(u64, Delivery)>) {
        let count = count_max.min(self.deliveries.len());
        let mut taken = 0;
        let mut taken_of = None;
        for (tag, delivery) in self.deliveries.drain(..count) {
            match &delivery {
                Delivery::Completion(_) => {
                    if taken_of != Some(tag) {
                        credit(&self.feeders, taken_of, taken);
                        (taken, taken_of) = (0, Some(tag));
                    }
                    taken += 1;
                }
                Delivery::Output(output) => self.output_bytes -= output.output.len(),
                Delivery::Deopt(_) | Delivery::Ask(_) | Delivery::Finished => {}
            }
            into.push((tag, delivery));
        }
        credit(&self.feeders, taken_of, taken);
        if self.deliveries.is_empty() && self.deliveries.capacity() > 1024 {
            // A burst must not be remembered for ever.
            self.deliveries.shrink_to(64);
        }
    }
}

fn credit(feeders: &BTreeMap<u64, Arc<Feeder>>, tag: Option<u64>, taken: usize) {
    if let Some(feeder) = tag.and_then(|tag| feeders.get(&tag)) {
        feeder.taken.fetch_add(taken, Ordering::AcqRel);
    }
}
