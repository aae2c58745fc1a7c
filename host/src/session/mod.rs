//! A host's side of a session: a state machine without clock, streams or threads.
//!
//! Whoever drives a [`Session`] gives it what happened ([`Event`]) with the time, and does what it says
//! ([`Action`]), in that order. The real driver is [`crate::Host`]; the simulation in `tests/` is another.
//!
//! ```text
//! Greeting --Hello--> Offline --Prepare--> Preparing --Prepared--> Ready --Commit, lease--> Online
//!                       ^  ^                   | refused              |                        |
//!                       |  +-------------------+                      | Conclude               | Conclude
//!                       +---------------------------------------------+------------------------+
//! ```
//!
//! What holds, whatever a hub sends and in whatever order time passes:
//!
//! * [`Action::Run`] is only ever for the point that was committed last, under a live lease, and after every
//!   earlier point was dropped.
//! * Once the lease is over, by a clock that counts suspension, the next event of any kind closes the session.
//! * After [`Action::Close`] there is no further action.

mod lease;

use std::collections::BTreeSet;

use spm_protocol::frame::{
    Answer, HostControl, HostInfo, HostWork, HubControl, HubWork, Member, MemberAddress,
    PROTOCOL_VERSION,
};
use spm_protocol::frame::{PrepareStep, Provider, Refusal, Task, TaskResult};
use spm_protocol::limits::{BATCH_TASKS_MAX, PREPARE_LONG_DEADLINE_MS, TASKS_PER_SLOT_MAX};
use spm_protocol::{ContentId, Outcome, Point, SignedManifest, TaskId};

use lease::Lease;

/// Ids of tasks cancelled before they arrived that are remembered; past it the smallest are forgotten.
/// A cancel and its task travel on two streams, so either may come first.
const CANCELLED_MAX: usize = 16 * BATCH_TASKS_MAX;
/// Points that are being dropped at the same time. A hub has one, or a few that it abandoned.
const DROPPING_MAX: usize = 64;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A frame came on the control stream.
    Control(HubControl),
    /// A frame came on the work stream.
    Work(HubWork),
    /// An [`Action::Prepare`] was carried out.
    Prepared {
        /// Its point.
        point: Point,
        /// How long fetching took, in microseconds.
        fetch_us: u64,
        /// How long verifying and compiling took, in microseconds.
        compile_us: u64,
    },
    /// An [`Action::Prepare`] takes a while.
    Preparing {
        /// Its point.
        point: Point,
        /// Index of the closure that it is busy with.
        closure: u32,
        /// What it does.
        step: PrepareStep,
        /// How far it is with that, in thousandths, if that is known.
        permille: Option<u32>,
    },
    /// An [`Action::Prepare`] failed, and nothing of it is left.
    PrepareFailed {
        /// Its point.
        point: Point,
        /// Why, at least one.
        refusals: Vec<Refusal>,
    },
    /// So many tasks of the point ended since the last event that said so, whatever their outcome. To be given
    /// no later than their results are sent, for they give credits back.
    TasksEnded {
        /// The point.
        point: Point,
        /// How many.
        count: u32,
    },
    /// An [`Action::Drop`] was carried out: no task, definition or message of the point is left.
    Dropped {
        /// Its point.
        point: Point,
    },
    /// Time passed; due at [`Session::wake_ms`].
    Tick,
    /// A stream broke, or carried what is no frame.
    Broken {
        /// How, for people.
        reason: String,
    },
    /// The host stops.
    Stopping {
        /// Why, for people.
        reason: String,
    },
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this on the control stream.
    SendControl(HostControl),
    /// Send this on the work stream.
    SendWork(HostWork),
    /// Let these members have what is kept here, and note where they listen.
    Admit {
        /// The members.
        members: Vec<Member>,
        /// Where they listen.
        addresses: Vec<MemberAddress>,
    },
    /// Fetch, verify and compile closures, then give [`Event::Prepared`] or [`Event::PrepareFailed`].
    Prepare {
        /// The point they are for.
        point: Point,
        /// The closures.
        closures: Vec<SignedManifest>,
        /// Who may have and ask for their blobs.
        members: Vec<Member>,
        /// Who has their blobs.
        providers: Vec<Provider>,
        /// Where members listen.
        addresses: Vec<MemberAddress>,
        /// Members that have to be reached.
        meet: Vec<Member>,
    },
    /// Run these tasks. Their results go out on the work stream without passing through the session; tell it of
    /// their number with [`Event::TasksEnded`].
    Run {
        /// The point they belong to.
        point: Point,
        /// The tasks.
        tasks: Vec<Task>,
    },
    /// Take these tasks back out of the queue, as far as they have not started, and send
    /// [`HostWork::Unstarted`] of those, even if there are none; they count as ended.
    Recall {
        /// The point they belong to.
        point: Point,
        /// The tasks.
        tasks: Vec<TaskId>,
    },
    /// Give a task of the point that is online the answer to one of its questions, if it is still here.
    Answer {
        /// The task.
        id: TaskId,
        /// The attempt that asked.
        attempt: u32,
        /// The number of its question.
        number: u64,
        /// The answer.
        answer: Answer,
    },
    /// Show tasks of the point that is online the least value that one of them is known to have found.
    Bound {
        /// Bits of an `f64`.
        bound: u64,
    },
    /// Let go of what was kept for the point that is online.
    Free {
        /// The blobs, each as often as it was kept.
        blobs: Vec<ContentId>,
    },
    /// Stop these tasks if they are here. Each ends as `Cancelled`, or as it did if it was quicker.
    Cancel {
        /// The point they belong to.
        point: Point,
        /// The tasks.
        tasks: Vec<TaskId>,
    },
    /// Stop preparing and running this point, send no result of it any more, drop everything of it, then give
    /// [`Event::Dropped`].
    Drop {
        /// The point.
        point: Point,
    },
    /// Stop and drop everything of the session, then close its streams. No event is wanted after this.
    Close {
        /// Why, for people.
        reason: String,
    },
}

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Offline,
    Preparing { point: Point, closures: u32, until_ms: u64, limit_ms: u64 },
    Ready { point: Point, closures: u32, is_committed: bool },
    Online { point: Point, closures: u32 },
    Closed,
}

/// One session on one host.
#[derive(Debug)]
pub struct Session {
    info: HostInfo,
    credits: u32,
    phase: Phase,
    /// The newest point a hub asked to prepare. Frames about older ones are stale.
    newest: Point,
    /// Points concluded here whose [`Event::Dropped`] is not in yet.
    dropping: BTreeSet<Point>,
    /// Those of `dropping` whose end the hub waits for.
    concluding: BTreeSet<Point>,
    lease: Lease,
    /// Tasks of the current point that are here.
    held: u32,
    cancelled: BTreeSet<TaskId>,
}

impl Session {
    /// A session that waits for the hub's first frame. It must come, and with it a lease, within
    /// [`LEASE_MS`](spm_protocol::limits::LEASE_MS) of `now_ms`.
    pub fn new(info: HostInfo, now_ms: u64) -> Self {
        let credits = info.slots.saturating_mul(TASKS_PER_SLOT_MAX).max(1);
        Self {
            info,
            credits,
            phase: Phase::Greeting,
            newest: Point(0),
            dropping: BTreeSet::new(),
            concluding: BTreeSet::new(),
            lease: Lease::new(now_ms),
            held: 0,
            cancelled: BTreeSet::new(),
        }
    }

    /// The point in force here, if one is.
    pub fn online(&self) -> Option<Point> {
        match self.phase {
            Phase::Online { point, .. } => Some(point),
            _ => None,
        }
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// When the lease is over, unless it is renewed. Nothing may be done for the hub from then on.
    pub fn lease_until_ms(&self) -> u64 {
        self.lease.until_ms()
    }

    /// When [`Event::Tick`] is due next, or nothing once the session is closed.
    pub fn wake_ms(&self) -> Option<u64> {
        let mut wake_ms = self.lease.until_ms();
        match self.phase {
            Phase::Closed => return None,
            Phase::Greeting => {}
            Phase::Preparing { until_ms, .. } => {
                wake_ms = wake_ms.min(until_ms).min(self.lease.renewal_ms());
            }
            _ => wake_ms = wake_ms.min(self.lease.renewal_ms()),
        }
        Some(wake_ms)
    }

    /// Takes in what happened at `now_ms`, and appends what is to be done about it.
    ///
    /// `now_ms` must never go back, and must go on while the machine is suspended.
    pub fn handle(&mut self, now_ms: u64, event: Event, actions: &mut Vec<Action>) {
        if self.is_closed() {
            return;
        }
        if now_ms >= self.lease.until_ms() {
            self.leave("the lease of this session is over", actions);
            return;
        }
        self.pass_time(now_ms, actions);
        match event {
            Event::Control(frame) => self.handle_control(now_ms, frame, actions),
            Event::Work(HubWork::Tasks { point, tasks }) => self.take_tasks(point, tasks, actions),
            Event::Work(HubWork::Recall { point, tasks }) => {
                if self.online() == Some(point) {
                    actions.push(Action::Recall { point, tasks });
                }
            }
            Event::Work(HubWork::Answered { point, id, attempt, number, answer }) => {
                if self.online() == Some(point) {
                    actions.push(Action::Answer { id, attempt, number, answer });
                }
            }
            Event::Work(HubWork::Bound { point, bound }) => {
                if self.online() == Some(point) {
                    actions.push(Action::Bound { bound });
                }
            }
            Event::Work(HubWork::Free { point, blobs }) => {
                if self.online() == Some(point) {
                    actions.push(Action::Free { blobs });
                }
            }
            Event::Prepared { point, fetch_us, compile_us } => {
                if let Phase::Preparing { point: current, closures, .. } = self.phase
                    && current == point
                {
                    self.phase = Phase::Ready { point, closures, is_committed: false };
                    actions.push(Action::SendControl(HostControl::Prepared {
                        point,
                        fetch_us,
                        compile_us,
                    }));
                }
            }
            Event::Preparing { point, closure, step, permille } => {
                if matches!(self.phase,
                    Phase::Preparing { point: current, .. } | Phase::Online { point: current, .. }
                    if current == point)
                {
                    actions.push(Action::SendControl(HostControl::Preparing {
                        point,
                        closure,
                        step,
                        permille,
                    }));
                }
            }
            Event::PrepareFailed { point, refusals } => {
                if matches!(self.phase, Phase::Preparing { point: current, .. } if current == point)
                {
                    self.phase = Phase::Offline;
                    actions.push(Action::SendControl(HostControl::Refused { point, refusals }));
                }
            }
            Event::TasksEnded { point, count } => {
                if self.online() == Some(point) {
                    self.held = self.held.saturating_sub(count);
                }
            }
            Event::Dropped { point } => {
                self.dropping.remove(&point);
                if self.concluding.remove(&point) {
                    actions.push(Action::SendControl(HostControl::Concluded { point }));
                }
                self.go_online_if_ready(actions);
            }
            Event::Tick => {}
            Event::Broken { reason } => self.close(reason, actions),
            Event::Stopping { reason } => self.leave(&reason, actions),
        }
    }

    fn pass_time(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if self.phase == Phase::Greeting {
            return;
        }
        if let Some(request) = self.lease.renew(now_ms) {
            actions.push(Action::SendControl(HostControl::LeaseRequest { request }));
        }
        if let Phase::Preparing { point, until_ms, limit_ms, .. } = self.phase
            && now_ms >= until_ms
        {
            let reason = format!("preparing took longer than the {limit_ms} ms it was given");
            let refusals = vec![Refusal { closure: None, reason }];
            actions.push(Action::SendControl(HostControl::Refused { point, refusals }));
            self.drop_current(actions);
        }
    }

    fn handle_control(&mut self, now_ms: u64, frame: HubControl, actions: &mut Vec<Action>) {
        if self.phase == Phase::Greeting
            && !matches!(frame, HubControl::Hello { .. } | HubControl::Bye)
        {
            self.leave("the first frame of a session must be its greeting", actions);
            return;
        }
        match frame {
            HubControl::Hello { version, .. } => self.greet(now_ms, version, actions),
            HubControl::Prepare {
                point,
                closures,
                members,
                providers,
                deadline_ms,
                addresses,
                meet,
            } => {
                if point <= self.newest {
                    return;
                }
                if self.online().is_some() {
                    self.leave("a sequence point cannot be prepared while one is online: conclude it first", actions);
                    return;
                }
                if self.dropping.len() >= DROPPING_MAX {
                    self.leave("the hub drops sequence points faster than they end", actions);
                    return;
                }
                self.drop_current(actions);
                self.newest = point;
                let limit_ms = deadline_ms.min(PREPARE_LONG_DEADLINE_MS);
                self.phase = Phase::Preparing {
                    point,
                    closures: closures.len() as u32,
                    until_ms: now_ms.saturating_add(limit_ms),
                    limit_ms,
                };
                actions.push(Action::Prepare {
                    point,
                    closures,
                    members,
                    providers,
                    addresses,
                    meet,
                });
            }
            HubControl::Commit { point, members, addresses } => {
                let is_current = matches!(self.phase,
                    Phase::Ready { point: current, .. } | Phase::Online { point: current, .. }
                    if current == point);
                if is_current {
                    actions.push(Action::Admit { members, addresses });
                }
                if let Phase::Ready { point: current, closures, .. } = self.phase
                    && current == point
                {
                    self.phase = Phase::Ready { point, closures, is_committed: true };
                    self.go_online_if_ready(actions);
                }
            }
            HubControl::Conclude { point } => self.conclude(point, actions),
            HubControl::Cancel { point, tasks } => {
                if self.online() == Some(point) {
                    self.cancelled.extend(&tasks);
                    while self.cancelled.len() > CANCELLED_MAX {
                        self.cancelled.pop_first();
                    }
                    actions.push(Action::Cancel { point, tasks });
                }
            }
            HubControl::Lease { request, lease_ms } => {
                self.lease.grant(request, lease_ms);
                self.go_online_if_ready(actions);
            }
            HubControl::Bye => self.close("the hub ended the session".to_owned(), actions),
        }
    }

    fn greet(&mut self, now_ms: u64, version: u32, actions: &mut Vec<Action>) {
        if self.phase != Phase::Greeting {
            self.leave("a session is greeted once", actions);
            return;
        }
        if version != PROTOCOL_VERSION {
            let reason = format!(
                "this host speaks version {PROTOCOL_VERSION} of the protocol, the hub version {version}: \
                 install the same SPM on both"
            );
            self.leave(&reason, actions);
            return;
        }
        self.phase = Phase::Offline;
        actions.push(Action::SendControl(HostControl::Hello {
            version: PROTOCOL_VERSION,
            features: Vec::new(),
            info: self.info.clone(),
        }));
        if let Some(request) = self.lease.renew(now_ms) {
            actions.push(Action::SendControl(HostControl::LeaseRequest { request }));
        }
    }

    fn conclude(&mut self, point: Point, actions: &mut Vec<Action>) {
        if self.current() == Some(point) {
            self.drop_current(actions);
        }
        if self.dropping.contains(&point) {
            self.concluding.insert(point);
        } else {
            // Refused, dropped or never heard of: nothing of it is here.
            actions.push(Action::SendControl(HostControl::Concluded { point }));
        }
    }

    /// Takes tasks of the point that is online, and answers those that cannot run.
    fn take_tasks(&mut self, point: Point, mut tasks: Vec<Task>, actions: &mut Vec<Action>) {
        let Phase::Online { point: online, closures } = self.phase else {
            if self.current() == Some(point) {
                let reason = format!("sequence point {point} is not committed on this host");
                answer(point, &tasks, &Outcome::Refused(reason), actions);
            }
            return;
        };
        if online != point {
            return;
        }
        if !self.cancelled.is_empty() {
            let cancelled = &mut self.cancelled;
            let stopped: Vec<Task> =
                tasks.extract_if(.., |task| cancelled.remove(&task.id)).collect();
            answer(point, &stopped, &Outcome::Cancelled, actions);
        }
        if tasks.iter().any(|task| task.closure >= closures) {
            let strays: Vec<Task> = tasks.extract_if(.., |task| task.closure >= closures).collect();
            let reason =
                format!("sequence point {point} has {closures} closures, none of this index");
            answer(point, &strays, &Outcome::Refused(reason), actions);
        }
        let count = tasks.len() as u32;
        if count == 0 {
            return;
        }
        if self.held.saturating_add(count) > self.credits {
            let reason = format!("the hub sent more tasks than its {} credits allow", self.credits);
            self.leave(&reason, actions);
            return;
        }
        self.held += count;
        actions.push(Action::Run { point, tasks });
    }

    fn go_online_if_ready(&mut self, actions: &mut Vec<Action>) {
        if let Phase::Ready { point, closures, is_committed: true } = self.phase
            && self.lease.is_granted()
            && self.dropping.is_empty()
        {
            self.phase = Phase::Online { point, closures };
            self.held = 0;
            self.cancelled.clear();
            actions.push(Action::SendControl(HostControl::Online { point, credits: self.credits }));
        }
    }

    /// The point that is being prepared, is ready or online.
    fn current(&self) -> Option<Point> {
        match self.phase {
            Phase::Preparing { point, .. }
            | Phase::Ready { point, .. }
            | Phase::Online { point, .. } => Some(point),
            Phase::Greeting | Phase::Offline | Phase::Closed => None,
        }
    }

    fn drop_current(&mut self, actions: &mut Vec<Action>) {
        if let Some(point) = self.current() {
            self.dropping.insert(point);
            actions.push(Action::Drop { point });
            self.phase = Phase::Offline;
        }
    }

    /// Says goodbye, and closes.
    fn leave(&mut self, reason: &str, actions: &mut Vec<Action>) {
        actions.push(Action::SendControl(HostControl::Bye { reason: reason.to_owned() }));
        self.close(reason.to_owned(), actions);
    }

    fn close(&mut self, reason: String, actions: &mut Vec<Action>) {
        self.phase = Phase::Closed;
        actions.push(Action::Close { reason });
    }
}

/// Answers tasks that never ran.
fn answer(point: Point, tasks: &[Task], outcome: &Outcome, actions: &mut Vec<Action>) {
    if tasks.is_empty() {
        return;
    }
    let results = tasks
        .iter()
        .map(|task| TaskResult {
            id: task.id,
            attempt: task.attempt,
            outcome: outcome.clone(),
            run_us: 0,
            output: Vec::new(),
            pure: true,
        })
        .collect();
    actions.push(Action::SendWork(HostWork::Results { point, results }));
}

#[cfg(test)]
mod tests;
