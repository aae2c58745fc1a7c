//! Slots: threads that run one task at a time, and send what became of it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use spm_netmesh::PendingWake;
use spm_protocol::frame::{HostWork, TaskResult};
use spm_protocol::limits::{BATCH_TASKS_MAX, FRAME_BYTES_MAX};
use spm_protocol::{Outcome, Payload, Point, TaskId};

use super::instances::Instances;
use super::keep::{kept_bytes, returned};
use super::point::PointRun;
use super::queue::{Job, Queue};
use crate::sandbox::{Channel, Ended, Keep, OutputSink, Ran, Sandbox, Stop, StopCause, TaskInput};

/// Results gathered into one frame; past this a larger frame saves nothing.
const BATCH_RESULTS_MAX: usize = 256;
/// Bytes of results gathered into one frame: half a frame, so that one more result always fits.
const BATCH_BYTES_MAX: usize = FRAME_BYTES_MAX / 2;
/// How long a result may wait for others to travel with.
const BATCH_WAIT: Duration = Duration::from_millis(1);
/// A task that runs longer than this is sent at once: nothing is gained by waiting for the next.
const BATCHED_TASK: Duration = Duration::from_micros(200);
/// What a result costs in a frame beside its value and output.
const RESULT_HEADER_BYTES: usize = 64;

const _: () = assert!(BATCH_RESULTS_MAX <= BATCH_TASKS_MAX);

/// One slot, as other threads see it.
pub(super) struct Slot {
    running: Mutex<Option<Running>>,
    stop: Arc<StopCause>,
    outbox: Arc<SlotOutbox>,
    instances: Instances,
}

/// The task a slot runs.
struct Running {
    session: u64,
    point: Point,
    id: TaskId,
}

impl Slot {
    /// A slot whose tasks and instances have this much memory.
    pub(super) fn new(memory_bytes: u64) -> Self {
        Self {
            running: Mutex::default(),
            stop: Arc::default(),
            outbox: Arc::default(),
            instances: Instances::new(memory_bytes),
        }
    }

    /// Drops the instances of a point. Nothing may run for it any more that was not stopped.
    pub(super) fn drop_instances(&self, session: u64, point: Point) {
        self.instances.drop_of(session, point);
    }

    /// Stops the task that runs, if it is one of those that `is_meant`.
    pub(super) fn stop_if(&self, stop: Stop, is_meant: impl FnOnce(u64, Point, TaskId) -> bool) {
        let running = self.running.lock();
        if let Some(running) = &*running
            && is_meant(running.session, running.point, running.id)
        {
            self.stop.stop(stop);
        }
    }

    /// Sends what it has.
    pub(super) fn flush(&self) {
        self.outbox.flush();
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.lock().is_some()
    }

    /// Runs jobs until the queue is stopped.
    pub(super) fn work(&self, queue: &Queue) {
        loop {
            let job = queue.try_pop().or_else(|| {
                self.outbox.flush();
                // What the next task would wait for is done while there is none.
                self.instances.make_ready();
                queue.pop()
            });
            let Some(job) = job else { return };
            self.run(job);
        }
    }

    pub(super) fn run(&self, mut job: Job) {
        let running =
            Running { session: job.point.session.key, point: job.point.point, id: job.id };
        {
            let mut slot = self.running.lock();
            self.stop.reset();
            *slot = Some(running);
        }
        // Whoever abandons a point marks it first and looks at the slots then; this looks in the other order.
        if job.point.is_abandoned() {
            *self.running.lock() = None;
            return;
        }
        self.outbox.begin(&job);
        let ran = catch_unwind(AssertUnwindSafe(|| self.call(&job))).unwrap_or_else(|panic| Ran {
            ended: Ended::Otherwise(Outcome::HostFault(describe(panic.as_ref()))),
            output: Vec::new(),
            is_pure: false,
            took: Duration::ZERO,
        });
        *self.running.lock() = None;
        drop(job.permit.take());
        self.outbox.end(&job, ran);
    }

    fn call(&self, job: &Job) -> Ran {
        let Some(closure) = job.point.closure(job.closure) else {
            // The session checks the index, and the driver waits for fallbacks; this is a bug of ours.
            panic!("closure {} is not defined", job.closure);
        };
        let sink: Arc<dyn OutputSink> = Arc::<SlotOutbox>::clone(&self.outbox);
        let input = TaskInput {
            payload: closure.payload.as_deref(),
            arguments: &job.arguments,
            index: job.index,
            attempt: job.attempt,
            seed: job.seed,
            memory_bytes_max: closure.memory_bytes.min(job.memory_bytes_max as usize),
            fuel: closure.fuel,
            deadline: job.deadline_ms.or(closure.deadline_ms).map(Duration::from_millis),
            sink: Some(sink),
            granted: closure.granted.clone(),
            channel: job.channel.clone().map(|channel| channel as Arc<dyn Channel>),
        };
        let (definition, keep) = (&closure.definition, closure.keep);
        if keep == Keep::Nothing {
            return Sandbox::run(definition, &input, &self.stop);
        }
        let mut kept = self.instances.take(&job.point, job.closure, closure.memory_bytes);
        let ran = Sandbox::run_in(definition, &input, &self.stop, keep, &mut kept);
        if let Some(kept) = kept {
            self.instances.put(&job.point, job.closure, kept);
        }
        ran
    }
}

/// What a slot has yet to send.
#[derive(Default)]
struct SlotOutbox {
    batch: Mutex<Batch>,
}

#[derive(Default)]
struct Batch {
    /// What the results, and the running task, belong to.
    point: Option<Arc<PointRun>>,
    results: Vec<TaskResult>,
    bytes: usize,
    since: Option<Instant>,
    running: Option<(TaskId, u32)>,
}

impl Batch {
    fn flush(&mut self) -> PendingWake {
        self.bytes = 0;
        self.since = None;
        let results = std::mem::take(&mut self.results);
        self.point.as_ref().map(|point| point.send_results(results)).unwrap_or_default()
    }
}

impl SlotOutbox {
    /// Sends what there is and lets go of its point. The slot has nothing else to do, so it does for a hub in this
    /// process what that does with results.
    fn flush(&self) {
        let (wake, point) = {
            let mut batch = self.batch.lock();
            (batch.flush(), batch.point.take())
        };
        drop(point);
        wake.run();
    }

    fn begin(&self, job: &Job) {
        let mut batch = self.batch.lock();
        if !batch.point.as_ref().is_some_and(|point| Arc::ptr_eq(point, &job.point)) {
            batch.flush().wake();
            batch.point = Some(Arc::clone(&job.point));
        }
        batch.running = Some((job.id, job.attempt));
    }

    fn end(&self, job: &Job, ran: Ran) {
        let session = &job.point.session;
        let outcome = match ran.ended {
            Ended::Returned(value) => returned(job, value),
            Ended::Raised(raised) => session.payload(raised).map(Outcome::Raised),
            Ended::Otherwise(outcome) => Ok(outcome),
        };
        let outcome = outcome.unwrap_or_else(Outcome::HostFault);
        let value_bytes = match &outcome {
            Outcome::Returned(Payload::Inline(value))
            | Outcome::Raised(Payload::Inline(value))
            | Outcome::Grown(Payload::Inline(value)) => value.len(),
            Outcome::Kept(parts) => parts.iter().map(kept_bytes).sum(),
            // Code points, each of a few bytes.
            Outcome::Trapped(_, points)
            | Outcome::OutOfFuel(points)
            | Outcome::OutOfMemory(points)
            | Outcome::DeadlineHit(points) => 12 * points.len(),
            Outcome::HostFault(reason) | Outcome::Refused(reason) | Outcome::Unprepared(reason) => {
                reason.len()
            }
            Outcome::Returned(_) | Outcome::Raised(_) | Outcome::Grown(_) | Outcome::Cancelled => 0,
        };
        let mut batch = self.batch.lock();
        batch.running = None;
        batch.bytes += RESULT_HEADER_BYTES + value_bytes + ran.output.len();
        batch.results.push(TaskResult {
            id: job.id,
            attempt: job.attempt,
            outcome,
            run_us: ran.took.as_micros() as u64,
            output: ran.output,
            pure: ran.is_pure,
        });
        let waited = batch.since.get_or_insert_with(Instant::now).elapsed();
        let is_full = batch.results.len() >= BATCH_RESULTS_MAX || batch.bytes >= BATCH_BYTES_MAX;
        if is_full || waited >= BATCH_WAIT || ran.took >= BATCHED_TASK {
            batch.flush().wake();
        }
    }
}

impl OutputSink for SlotOutbox {
    fn write(&self, chunk: Vec<u8>) {
        let batch = self.batch.lock();
        if let (Some(point), Some((id, attempt))) = (&batch.point, batch.running)
            && !point.is_abandoned()
        {
            point.session.send_work(&HostWork::Output {
                point: point.point,
                id,
                attempt,
                output: chunk,
            });
        }
    }

    fn tick(&self) {
        // Results of short tasks do not wait for the end of a long one.
        let mut batch = self.batch.lock();
        if !batch.results.is_empty() {
            batch.flush().wake();
        }
    }
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("a bug in SPM's host: {text}")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use spm_protocol::frame::{Frame, Returns};

    use super::super::point::tests::point_run;
    use super::*;

    #[test]
    fn a_panic_ends_its_task_and_not_the_slot() {
        let (point, mut ends) = point_run();
        let queue = Queue::default();
        // The point has no closures, which the session rules out; here it stands for any bug of ours.
        let jobs = (1..3).map(|id| Job {
            point: Arc::clone(&point),
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
        });
        queue.push(1, jobs);
        let slot = Slot::new(0);
        while let Some(job) = queue.try_pop() {
            slot.run(job);
        }
        slot.outbox.flush();
        let frame = ends.work.receiver.try_recv().unwrap();
        let HostWork::Results { results, .. } = HostWork::from_bytes(&frame).unwrap() else {
            panic!("no results");
        };
        assert_eq!(results.len(), 2);
        for result in results {
            assert!(
                matches!(result.outcome, Outcome::HostFault(ref reason) if reason.contains("closure 0"))
            );
        }
        assert!(!slot.is_running());
    }
}
