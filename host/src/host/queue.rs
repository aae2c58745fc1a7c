//! Tasks that wait for a slot, fair between sessions: slots take from each in turn.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use spm_netmesh::Spin;
use spm_protocol::TaskId;
use spm_protocol::frame::Returns;

use super::channel::TaskChannel;
use super::point::PointRun;

/// A task with its arguments at hand.
pub(super) struct Job {
    pub(super) point: Arc<PointRun>,
    pub(super) id: TaskId,
    pub(super) attempt: u32,
    pub(super) closure: u32,
    pub(super) index: u64,
    pub(super) seed: u64,
    pub(super) deadline_ms: Option<u64>,
    pub(super) arguments: Bytes,
    pub(super) returns: Returns,
    /// Its connection to its manager, if it has one to talk to.
    pub(super) channel: Option<Arc<TaskChannel>>,
    /// Most memory it may have, beside its closure's own limit.
    pub(super) memory_bytes_max: u64,
    /// Bounds how many large arguments are in memory.
    pub(super) permit: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// The queue of a host.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    /// Jobs that wait, for those who look without the lock.
    count: AtomicUsize,
    spin: Spin,
}

#[derive(Default)]
struct State {
    /// Jobs of each session, by the session's key.
    lanes: BTreeMap<u64, VecDeque<Job>>,
    /// Sessions with jobs, the one whose turn it is first.
    turns: VecDeque<u64>,
    /// Jobs in all lanes.
    count: usize,
    waiting_slots: usize,
    is_stopped: bool,
}

impl State {
    fn pop(&mut self) -> Option<Job> {
        let session = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&session)?;
        let job = lane.pop_front();
        self.count -= usize::from(job.is_some());
        if lane.is_empty() {
            self.lanes.remove(&session);
        } else {
            self.turns.push_back(session);
        }
        job
    }
}

impl Queue {
    /// Adds jobs of a session, in order, and wakes as many slots as have something to do.
    pub(super) fn push(&self, session: u64, jobs: impl IntoIterator<Item = Job>) {
        let mut state = self.state.lock();
        if state.is_stopped {
            return;
        }
        let lane = state.lanes.entry(session).or_default();
        let was_empty = lane.is_empty();
        let before = lane.len();
        lane.extend(jobs);
        let added = lane.len() - before;
        if added == 0 && was_empty {
            state.lanes.remove(&session);
        } else if was_empty {
            state.turns.push_back(session);
        }
        state.count += added;
        self.count.store(state.count, Ordering::Release);
        let woken = added.min(state.waiting_slots);
        drop(state);
        for _ in 0..woken {
            self.ready.notify_one();
        }
    }

    /// The next job, if one waits.
    pub(super) fn try_pop(&self) -> Option<Job> {
        let mut state = self.state.lock();
        let job = state.pop();
        self.count.store(state.count, Ordering::Release);
        job
    }

    /// The next job, waited for; nothing once the queue is stopped.
    pub(super) fn pop(&self) -> Option<Job> {
        let began = Instant::now();
        self.spin.look(|| self.count.load(Ordering::Acquire) > 0);
        let mut state = self.state.lock();
        loop {
            if state.is_stopped {
                return None;
            }
            if let Some(job) = state.pop() {
                self.count.store(state.count, Ordering::Release);
                self.spin.waited(began.elapsed());
                return Some(job);
            }
            state.waiting_slots += 1;
            self.ready.wait(&mut state);
            state.waiting_slots -= 1;
        }
    }

    /// Takes the jobs of a session that `is_taken` picks out of the queue.
    pub(super) fn take(&self, session: u64, mut is_taken: impl FnMut(&Job) -> bool) -> Vec<Job> {
        let mut state = self.state.lock();
        let Some(lane) = state.lanes.remove(&session) else {
            return Vec::new();
        };
        let (taken, left): (VecDeque<Job>, VecDeque<Job>) =
            lane.into_iter().partition(&mut is_taken);
        if left.is_empty() {
            state.turns.retain(|turn| *turn != session);
        } else {
            state.lanes.insert(session, left);
        }
        state.count -= taken.len();
        self.count.store(state.count, Ordering::Release);
        taken.into()
    }

    /// Jobs that wait.
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Drops all jobs and lets slots go.
    pub(super) fn stop(&self) {
        let mut state = self.state.lock();
        state.is_stopped = true;
        let lanes = std::mem::take(&mut state.lanes);
        state.turns.clear();
        state.count = 0;
        self.count.store(0, Ordering::Release);
        drop(state);
        drop(lanes);
        self.ready.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::super::point::tests::point_run;
    use super::*;

    fn job(point: &Arc<PointRun>, id: u64) -> Job {
        Job {
            point: Arc::clone(point),
            id: TaskId(id),
            attempt: 1,
            closure: 0,
            index: 0,
            seed: 0,
            deadline_ms: None,
            arguments: Bytes::new(),
            returns: Returns::Sent,
            channel: None,
            memory_bytes_max: u64::MAX,
            permit: None,
        }
    }

    fn order(queue: &Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.try_pop()).map(|job| job.id.0).collect()
    }

    #[test]
    fn sessions_take_turns() {
        let (point, _pipes) = point_run();
        let queue = Queue::default();
        queue.push(1, (10..14).map(|id| job(&point, id)));
        queue.push(2, (20..22).map(|id| job(&point, id)));
        queue.push(3, [job(&point, 30)]);
        assert_eq!(queue.len(), 7);
        assert_eq!(order(&queue), [10, 20, 30, 11, 21, 12, 13]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn jobs_can_be_taken_out() {
        let (point, _pipes) = point_run();
        let queue = Queue::default();
        queue.push(1, (10..14).map(|id| job(&point, id)));
        queue.push(2, [job(&point, 20)]);
        let taken: Vec<u64> =
            queue.take(1, |job| job.id.0 % 2 == 0).iter().map(|job| job.id.0).collect();
        assert_eq!(taken, [10, 12]);
        assert_eq!(queue.take(2, |_| true).len(), 1);
        assert_eq!(queue.take(3, |_| true).len(), 0);
        queue.push(1, std::iter::empty());
        queue.push(2, std::iter::empty());
        assert_eq!(order(&queue), [11, 13]);
    }

    #[test]
    fn a_stopped_queue_lets_go() {
        let (point, _pipes) = point_run();
        let queue = Queue::default();
        queue.push(1, [job(&point, 1)]);
        queue.stop();
        assert!(queue.pop().is_none());
        queue.push(1, [job(&point, 2)]);
        assert!(queue.try_pop().is_none());
        assert_eq!(Arc::strong_count(&point), 1);
    }
}
