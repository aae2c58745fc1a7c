//! Ranks of teams. They wait for one another, so each has a thread of its own beside the slots: one that waits uses no
//! processor, and none waits for a slot that another holds.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use spm_protocol::Outcome;
use spm_protocol::limits::RANKS_PER_SLOT_MAX;

use super::Shared;
use super::queue::Job;
use super::slot::Slot;
use crate::sandbox::THREAD_STACK_BYTES;

/// The ranks that a host runs.
#[derive(Default)]
pub(super) struct Ranks {
    running: Mutex<Running>,
    ended: Condvar,
}

#[derive(Default)]
struct Running {
    slots: Vec<Arc<Slot>>,
    is_stopped: bool,
}

impl Ranks {
    /// Those that run.
    pub(super) fn slots(&self) -> Vec<Arc<Slot>> {
        self.running.lock().slots.clone()
    }

    /// Starts no more.
    pub(super) fn stop(&self) {
        self.running.lock().is_stopped = true;
    }

    /// Waits for the last to end, until `deadline`.
    pub(super) fn wait(&self, deadline: Instant) {
        let mut running = self.running.lock();
        while !running.slots.is_empty() {
            if self.ended.wait_until(&mut running, deadline).timed_out() {
                tracing::warn!(ranks = running.slots.len(), "ranks did not end in time");
                return;
            }
        }
    }

    fn begin(&self, limit: usize, slot: &Arc<Slot>) -> Result<(), String> {
        let mut running = self.running.lock();
        if running.is_stopped {
            return Err("the host stops".to_owned());
        }
        if running.slots.len() >= limit {
            return Err(format!("this host runs {limit} ranks of teams at most"));
        }
        running.slots.push(Arc::clone(slot));
        Ok(())
    }

    fn end(&self, slot: &Arc<Slot>) {
        self.running.lock().slots.retain(|running| !Arc::ptr_eq(running, slot));
        self.ended.notify_all();
    }
}

/// Runs a rank in a thread of its own.
pub(super) fn start(host: &Arc<Shared>, job: Job) {
    let limit = host.slots.len() * RANKS_PER_SLOT_MAX as usize;
    let slot = Arc::new(Slot::new(job.memory_bytes_max));
    let (point, id, attempt) = (Arc::clone(&job.point), job.id, job.attempt);
    let begun = host.ranks.begin(limit, &slot).and_then(|()| {
        let (shared, running) = (Arc::clone(host), Arc::clone(&slot));
        let thread = std::thread::Builder::new()
            .name("spm-rank".to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                running.run(job);
                running.flush();
                shared.ranks.end(&running);
            });
        thread.map(drop).map_err(|error| {
            host.ranks.end(&slot);
            format!("the host has no thread for a rank: {error}")
        })
    });
    if let Err(reason) = begun {
        point.answer(id, attempt, Outcome::Refused(reason));
    }
}
