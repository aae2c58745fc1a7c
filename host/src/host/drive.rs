//! Drives one session: its pipes, its clock, and what its state machine says to do.

use std::collections::BTreeSet;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use spm_netmesh::{Direct, Pipe, PipeReceiver};
use spm_protocol::frame::{Frame, HubControl, HubWork, Member, Role, Task};
use spm_protocol::{Arguments, Certified, Outcome, Payload, SessionId, TaskId};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep, sleep};

use super::arguments::{gather, too_long};
use super::channel::TaskChannel;
use super::outbox::Outbox;
use super::point::{Blobs, PointRun, SessionRun};
use super::prepare::{Preparation, prepare, prepare_fallback};
use super::queue::Job;
use super::{Registered, Shared, ranks};
use crate::clock::now_ms;
use crate::sandbox::Stop;
use crate::session::{Action, Event, Session};

/// Longest sleep between looks at the clock. Timers do not run while the machine is suspended, leases do.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// A session that a submitter opened on this host.
#[derive(Debug)]
pub struct ServedSession {
    /// What the submitter's certificate proved.
    pub submitter: Certified,
    /// The session.
    pub session: SessionId,
    /// This host's end of the control stream.
    pub control: Pipe,
    /// This host's end of the work stream.
    pub work: Pipe,
    /// Where its blobs come from and go to.
    pub blobs: Blobs,
}

/// Drives a session to its end. When this returns, nothing of it is left. `direct` is the task that it is: whoever
/// sends work runs it, so that a task goes from the hub's thread straight to a slot.
pub(super) async fn drive(
    host: Arc<Shared>,
    served: ServedSession,
    registered: Registered,
    direct: Arc<Direct>,
) {
    let ServedSession { submitter, session, control, work, blobs } = served;
    let (events, receiver) = (registered.events.clone(), registered.receiver);
    let (control_sender, control_receiver) = control.split();
    let (work_sender, work_receiver) = work.split();
    work_receiver.bring_to(&direct);
    drop(direct);
    let machine = Session::new(host.info.clone(), now_ms());
    let run = Arc::new(SessionRun {
        key: registered.key,
        session,
        submitter,
        blobs,
        work: Outbox::new(work_sender),
        lease_until_ms: AtomicU64::new(machine.lease_until_ms()),
        events,
    });
    let control = Outbox::new(control_sender);
    let reason = {
        let mut drain = pin!(async { tokio::join!(control.drain(), run.work.drain()) });
        let mut driver = Driver {
            large: Arc::new(Semaphore::new(host.slots.len() + 2)),
            host: Arc::clone(&host),
            run: Arc::clone(&run),
            control: &control,
            session: machine,
            current: None,
            preparing: None,
            points_alive: 0,
        };
        let mut inputs = Inputs {
            events: receiver,
            control: control_receiver,
            work: work_receiver,
            alarm: Box::pin(sleep(SLEEP_MAX)),
        };
        let ending = driver.until_closed(&mut inputs);
        let reason = tokio::select! {
            reason = ending => reason,
            _ = &mut drain => "its pipes ended".to_owned(),
        };
        driver.abandon();
        driver.until_dropped(&mut inputs.events).await;
        reason
    };
    run.blobs.unshare(session);
    tracing::info!(%session, reason, "session ended");
    host.forget(run.key);
}

/// What happens to a session comes from here.
struct Inputs {
    events: UnboundedReceiver<Event>,
    control: PipeReceiver,
    work: PipeReceiver,
    alarm: Pin<Box<Sleep>>,
}

impl Inputs {
    /// The next event, or a tick after `wake` at the latest.
    async fn next(&mut self, wake: Duration) -> Event {
        let due = Instant::now() + wake;
        // A timer costs more than a tick too many.
        if due < self.alarm.deadline() || self.alarm.is_elapsed() {
            self.alarm.as_mut().reset(due);
        }
        let broken = |receiver: &PipeReceiver| {
            let reason = receiver
                .closed_reason()
                .map_or_else(|| "the stream ended".to_owned(), |why| why.to_string());
            Event::Broken { reason }
        };
        tokio::select! {
            biased;
            Some(event) = self.events.recv() => event,
            frame = self.control.recv() => match frame.as_deref().map(HubControl::from_bytes) {
                Some(Ok(frame)) => Event::Control(frame),
                Some(Err(error)) => Event::Broken { reason: error.to_string() },
                None => broken(&self.control),
            },
            frame = self.work.recv() => match frame.as_deref().map(HubWork::from_bytes) {
                Some(Ok(frame)) => Event::Work(frame),
                Some(Err(error)) => Event::Broken { reason: error.to_string() },
                None => broken(&self.work),
            },
            () = &mut self.alarm => Event::Tick,
        }
    }
}

struct Driver<'a> {
    host: Arc<Shared>,
    run: Arc<SessionRun>,
    control: &'a Outbox,
    session: Session,
    current: Option<Arc<PointRun>>,
    preparing: Option<AbortHandle>,
    /// Points whose `Dropped` is not in yet.
    points_alive: usize,
    /// Bounds how many large arguments are in memory.
    large: Arc<Semaphore>,
}

impl Driver<'_> {
    /// Runs the session until it is closed, and says why it is.
    async fn until_closed(&mut self, inputs: &mut Inputs) -> String {
        let mut actions = Vec::new();
        loop {
            let wake_ms = self.session.wake_ms().unwrap_or(0);
            let wake = Duration::from_millis(wake_ms.saturating_sub(now_ms())).min(SLEEP_MAX);
            let event = inputs.next(wake).await;
            if matches!(event, Event::Dropped { .. }) {
                self.points_alive -= 1;
            }
            let now_ms = now_ms();
            if let Some(current) = &self.current {
                let count = current.take_ended();
                if count > 0 {
                    self.session.handle(
                        now_ms,
                        Event::TasksEnded { point: current.point, count },
                        &mut actions,
                    );
                }
            }
            self.session.handle(now_ms, event, &mut actions);
            self.run.lease_until_ms.store(self.session.lease_until_ms(), Ordering::Release);
            for action in actions.drain(..) {
                if let Some(reason) = self.act(action) {
                    return reason;
                }
            }
        }
    }

    /// Waits until nothing of any point is left.
    async fn until_dropped(&mut self, events: &mut UnboundedReceiver<Event>) {
        while self.points_alive > 0 {
            match events.recv().await {
                Some(Event::Dropped { .. }) => self.points_alive -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Does what the session says; returns why it is closed, if it is.
    fn act(&mut self, action: Action) -> Option<String> {
        match action {
            Action::SendControl(frame) => {
                if let Err(unread) = self.control.send(frame.to_bytes()) {
                    self.run.tell(Event::Broken { reason: unread.to_string() });
                }
            }
            Action::SendWork(frame) => self.run.send_work(&frame),
            Action::Prepare { point, closures, members, providers, addresses, meet } => {
                let point = Arc::new(PointRun::new(Arc::clone(&self.run), point));
                self.points_alive += 1;
                self.current = Some(Arc::clone(&point));
                let host = Arc::clone(&self.host);
                let preparation = Preparation { closures, members, providers, addresses, meet };
                let preparing = tokio::spawn(async move {
                    let session = Arc::clone(&point.session);
                    let event = prepare(Arc::clone(&host), point, preparation).await;
                    session.tell(event);
                    // For the next one; nobody waits for this.
                    let _ = tokio::task::spawn_blocking(move || host.definer.warm_up()).await;
                });
                self.preparing = Some(preparing.abort_handle());
            }
            Action::Admit { members, addresses } => {
                if let Some(current) = &self.current {
                    current.admit(members.iter().filter_map(Member::peer));
                }
                let session = Arc::clone(&self.run);
                tokio::spawn(async move { session.blobs.remember(addresses).await });
            }
            Action::Run { tasks, .. } => self.start(tasks),
            Action::Recall { tasks, .. } => self.recall(&tasks),
            Action::Answer { id, attempt, number, answer } => {
                if let Some(current) = &self.current {
                    current.reply(id, attempt, number, answer);
                }
            }
            Action::Bound { bound } => {
                if let Some(current) = &self.current {
                    current.improve(f64::from_bits(bound));
                }
            }
            Action::Free { blobs } => {
                if let Some(current) = &self.current {
                    current.release(&blobs);
                }
            }
            Action::Cancel { tasks, .. } => self.cancel(&tasks),
            Action::Drop { .. } => {
                self.abandon();
                self.run.blobs.unshare(self.run.session);
            }
            Action::Close { reason } => return Some(reason),
        }
        None
    }

    fn start(&self, tasks: Vec<Task>) {
        let Some(current) = &self.current else { return };
        let mut jobs = Vec::with_capacity(tasks.len());
        for mut task in tasks {
            if current.is_unprepared(task.closure) {
                self.complete(current, task);
                continue;
            }
            match std::mem::replace(&mut task.arguments, Arguments::inline(Vec::new())) {
                Arguments::Whole(Payload::Inline(arguments)) => {
                    jobs.push(job(&self.host, current, &task, Bytes::from(arguments)));
                }
                elsewhere => {
                    task.arguments = elsewhere;
                    self.complete(current, task);
                }
            }
        }
        put(&self.host, self.run.key, jobs);
    }

    /// Queues a task once its closure is prepared and its arguments are here.
    fn complete(&self, point: &Arc<PointRun>, task: Task) {
        let (task_id, attempt) = (task.id, task.attempt);
        if let Some(reason) = too_long(&task.arguments) {
            point.answer(task_id, attempt, Outcome::Refused(reason));
            return;
        }
        let (host, large, run) =
            (Arc::clone(&self.host), Arc::clone(&self.large), Arc::clone(point));
        let mut fetching = point.fetching.lock();
        let fetched_task = task.clone();
        let handle = tokio::spawn(async move {
            let mut task = fetched_task;
            let arguments = std::mem::replace(&mut task.arguments, Arguments::inline(Vec::new()));
            let completed = match prepare_fallback(&host, &run, task.closure).await {
                Ok(()) => gather(&run, &large, arguments).await.map_err(Outcome::HostFault),
                Err(reason) => Err(Outcome::Unprepared(reason)),
            };
            if run.fetching.lock().remove(&task.id).is_none() {
                // Cancelled, and answered, by then.
                return;
            }
            match completed {
                Ok((arguments, permit)) => {
                    let mut job = job(&host, &run, &task, arguments);
                    job.permit = permit;
                    put(&host, run.session.key, vec![job]);
                }
                Err(outcome) => run.answer(task.id, task.attempt, outcome),
            }
        });
        fetching.insert(task_id, (task, handle.abort_handle()));
    }

    /// Takes tasks that have not started out of where they wait.
    fn take_unstarted(&self, current: &PointRun, tasks: &[TaskId]) -> Vec<(TaskId, u32)> {
        let wanted: BTreeSet<TaskId> = tasks.iter().copied().collect();
        let queued = self.host.queue.take(self.run.key, |job| wanted.contains(&job.id));
        let mut taken: Vec<_> = queued.into_iter().map(|job| (job.id, job.attempt)).collect();
        let mut fetching = current.fetching.lock();
        for id in wanted {
            if let Some((task, handle)) = fetching.remove(&id) {
                handle.abort();
                taken.push((task.id, task.attempt));
            }
        }
        taken
    }

    fn recall(&self, tasks: &[TaskId]) {
        let Some(current) = &self.current else { return };
        current.give_back(self.take_unstarted(current, tasks));
    }

    fn cancel(&self, tasks: &[TaskId]) {
        let Some(current) = &self.current else { return };
        let key = self.run.key;
        for (id, attempt) in self.take_unstarted(current, tasks) {
            current.answer(id, attempt, Outcome::Cancelled);
        }
        self.host.each_slot(|slot| {
            slot.stop_if(Stop::Cancelled, |session, point, id| {
                session == key && point == current.point && tasks.contains(&id)
            });
        });
    }

    /// Stops all that is done for the current point. What still holds it ends soon.
    fn abandon(&mut self) {
        if let Some(preparing) = self.preparing.take() {
            preparing.abort();
        }
        let Some(current) = self.current.take() else { return };
        current.abandon();
        let key = self.run.key;
        drop(self.host.queue.take(key, |job| job.point.point == current.point));
        self.host.each_slot(|slot| {
            slot.stop_if(Stop::Abandoned, |session, point, _| {
                session == key && point == current.point
            });
            slot.drop_instances(key, current.point);
        });
    }
}

/// Has jobs run: ranks at once, all others as slots get free.
fn put(host: &Arc<Shared>, session: u64, jobs: Vec<Job>) {
    let is_rank = |job: &Job| job.channel.as_ref().is_some_and(|channel| channel.is_rank());
    if !jobs.iter().any(is_rank) {
        host.queue.push(session, jobs);
        return;
    }
    for job in jobs {
        if is_rank(&job) {
            ranks::start(host, job);
        } else {
            host.queue.push(session, [job]);
        }
    }
}

/// The job of a task with all its arguments. To be made where a runtime is.
fn job(host: &Shared, point: &Arc<PointRun>, task: &Task, arguments: Bytes) -> Job {
    let sharers = if let Role::Rank { here, .. } = task.role { here } else { 1 };
    let sharers = u64::from(sharers).max(host.slots.len() as u64);
    Job {
        returns: task.returns,
        channel: TaskChannel::new(point, task.id, task.attempt, task.role, Handle::current()),
        memory_bytes_max: host.info.memory_bytes / sharers,
        point: Arc::clone(point),
        id: task.id,
        attempt: task.attempt,
        closure: task.closure,
        index: task.index,
        seed: task.seed,
        deadline_ms: task.deadline_ms,
        arguments,
        permit: None,
    }
}
