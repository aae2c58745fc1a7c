//! A simulated host: the real session machine, with pretended tasks, a clock that drifts, and bad luck.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use spm_host::session::{Action, Event, Session};
use spm_hub::machine::HostId;
use spm_protocol::frame::{
    Frame, HostControl, HostInfo, HostWork, Member, PrepareStep, Refusal, Returns, Role, Task,
    TaskResult, UNFETCHED,
};
use spm_protocol::raised::{Raised, RaisedFrame};
use spm_protocol::{Arguments, ContentId, Incarnation, Outcome, Payload, Point, TaskId, TrapCode};

use super::Mutation;
use super::network::{ConnectionId, FromHost, FromHub, Happening, Network, Way};
use super::random::Random;
use super::talking::Talk;
use super::work::{children_of, grown_of, is_given_its_own, parts_of};

/// One session on a host, and the tasks it runs.
pub struct HostSession {
    pub machine: Session,
    waiting: VecDeque<(Point, Task)>,
    pub running: BTreeMap<(TaskId, u32), (Point, Task)>,
    /// What the tasks of `running` have to say that talk to their managers.
    pub talks: BTreeMap<(TaskId, u32), Talk>,
    /// What is kept: for which point, what, and how often.
    pub kept: BTreeMap<ContentId, (Point, Vec<u8>, usize)>,
    /// The least value known at the current point, and the last that the hub told of.
    pub bound: f64,
    told_bound: f64,
    /// Who may have what is kept.
    pub members: BTreeSet<Member>,
    /// When the hub opened the session.
    pub since_ms: u64,
    /// Tasks of dropped points that have not quite stopped.
    dying: BTreeMap<(TaskId, u32), Point>,
    preparing: BTreeSet<Point>,
    tick_ms: Option<u64>,
}

impl HostSession {
    /// Whether a task of `point` or an earlier one is here, in whatever state.
    pub fn has_work_of(&self, point: Point) -> bool {
        self.waiting.iter().any(|(of, _)| *of <= point)
            || self.running.values().any(|(of, _)| *of <= point)
            || self.dying.values().any(|of| *of <= point)
            || self.talks.values().any(|talk| talk.point <= point)
            || self.kept.values().any(|(of, ..)| *of <= point)
    }

    /// Whether this attempt at a task is here.
    pub fn has_attempt(&self, task: TaskId, attempt: u32) -> bool {
        self.running.contains_key(&(task, attempt))
            || self.waiting.iter().any(|(_, waits)| (waits.id, waits.attempt) == (task, attempt))
    }

    /// Whether anything is done for the hub, or would be if it sent tasks.
    pub fn is_working(&self) -> bool {
        !self.machine.is_closed()
            && (self.machine.online().is_some() || self.has_work_of(Point(u64::MAX)))
    }
}

/// A machine that runs a host.
#[allow(clippy::struct_excessive_bools, reason = "each is a property of its own")]
pub struct SimulatedHost {
    pub id: HostId,
    pub is_in_pool: bool,
    pub is_alive: bool,
    pub suspended_until_ms: u64,
    pub sessions: BTreeMap<ConnectionId, HostSession>,
    slots: u32,
    life: u64,
    /// Its clock: where it started, and how many of its milliseconds pass in a thousand.
    clock_start_ms: u64,
    clock_permille: u64,
    /// Time its clock does not count, if it is a clock that stops.
    uncounted_ms: u64,
    refuses: bool,
    /// It cannot prepare fallbacks.
    is_without_engine: bool,
    /// What it says that its tasks take: the hub sends ahead as many as it thinks are quick.
    says_us: u64,
    pub mutation: Option<Mutation>,
    /// What should never happen, and did.
    pub violation: Option<String>,
}

/// The closure that tasks are submitted for, unless their arguments are not of its types.
pub const CLOSURE: u32 = 0;
/// What runs the tasks that it cannot.
pub const FALLBACK: u32 = 1;

/// Whether a task leaves what [`CLOSURE`] has proved, wherever it is run.
pub fn leaves(index: u64) -> bool {
    index % 6 == 1
}

/// What a task returns. That one closure's results are not the other's is for the checks alone.
pub fn value_of(index: u64, closure: u32) -> Vec<u8> {
    [&index.to_be_bytes()[..], &closure.to_be_bytes()].concat()
}

/// What a task's end is when it leaves its closure.
pub fn record_of(index: u64) -> Vec<u8> {
    let trap = Some(TrapCode::IntegerOverflow);
    let frames = vec![RaisedFrame::Site(index as u32)];
    Raised { trap, frames, ..Raised::default() }.to_bytes()
}

/// All that a task prints, however often it is run.
pub fn output_of(task: TaskId) -> Vec<u8> {
    if task.0.is_multiple_of(5) {
        format!("task {task} says hello").into_bytes()
    } else {
        Vec::new()
    }
}

/// What a task's first half prints before its result.
const OUTPUT_SPLIT: usize = 7;
/// What it prints of the rest before it leaves its closure.
const OUTPUT_BEFORE_LEFT: usize = 4;

impl SimulatedHost {
    pub fn new(id: HostId, random: &mut Random, mutation: Option<Mutation>) -> Self {
        let clock_permille = match mutation {
            Some(Mutation::ClocksTooSlow) => 700,
            _ => random.between(900, 1_100),
        };
        Self {
            id,
            is_in_pool: false,
            is_alive: true,
            suspended_until_ms: 0,
            sessions: BTreeMap::new(),
            slots: random.between(1, 3) as u32,
            life: 1,
            clock_start_ms: random.between(0, 1_000_000),
            clock_permille,
            uncounted_ms: 0,
            refuses: random.chance(5),
            is_without_engine: random.chance(20),
            says_us: if random.chance(50) { 100 } else { 20_000 },
            mutation,
            violation: None,
        }
    }

    fn clock_ms(&self, now_ms: u64) -> u64 {
        self.clock_start_ms + (now_ms - self.uncounted_ms.min(now_ms)) * self.clock_permille / 1000
    }

    /// When its clock will show `clock_ms`.
    fn real_ms(&self, clock_ms: u64) -> u64 {
        (clock_ms.saturating_sub(self.clock_start_ms) * 1000).div_ceil(self.clock_permille)
            + self.uncounted_ms
    }

    pub fn is_suspended(&self, now_ms: u64) -> bool {
        now_ms < self.suspended_until_ms
    }

    pub fn suspend(&mut self, now_ms: u64, for_ms: u64) {
        self.suspended_until_ms = self.suspended_until_ms.max(now_ms + for_ms);
        if self.mutation == Some(Mutation::ClocksStopWhileSuspended) {
            self.uncounted_ms += for_ms;
        }
    }

    /// Its process ends, and everything in it.
    pub fn crash(&mut self) {
        self.is_alive = false;
        self.sessions.clear();
    }

    pub fn restart(&mut self) {
        self.is_alive = true;
        self.life += 1;
    }

    /// A hub opens a session.
    pub fn accept(&mut self, connection: ConnectionId, network: &mut Network) {
        let info = HostInfo {
            incarnation: Incarnation(self.life),
            name: format!("host {}", self.id.0),
            slots: self.slots,
            memory_bytes: 1 << 30,
            engines: vec!["native".to_owned()],
            labels: Vec::new(),
            pid: 1,
        };
        let session = HostSession {
            machine: Session::new(info, self.clock_ms(network.now_ms)),
            waiting: VecDeque::new(),
            running: BTreeMap::new(),
            talks: BTreeMap::new(),
            kept: BTreeMap::new(),
            bound: f64::INFINITY,
            told_bound: f64::INFINITY,
            members: BTreeSet::new(),
            since_ms: network.now_ms,
            dying: BTreeMap::new(),
            preparing: BTreeSet::new(),
            tick_ms: None,
        };
        self.sessions.insert(connection, session);
        self.set_timer(connection, network);
    }

    /// Gives the machine an event and does what it wants. Returns why it closed, if it did.
    pub fn handle(
        &mut self,
        connection: ConnectionId,
        event: Event,
        network: &mut Network,
        random: &mut Random,
    ) -> Option<String> {
        let clock_ms = self.clock_ms(network.now_ms);
        let mut actions = Vec::new();
        self.sessions.get_mut(&connection)?.machine.handle(clock_ms, event, &mut actions);
        let mut closed = None;
        for action in actions {
            closed = self.act(connection, action, network, random).or(closed);
        }
        self.start_tasks(connection, network, random);
        self.set_timer(connection, network);
        closed
    }

    fn act(
        &mut self,
        connection: ConnectionId,
        action: Action,
        network: &mut Network,
        random: &mut Random,
    ) -> Option<String> {
        let mutation = self.mutation;
        let session = self.sessions.get_mut(&connection)?;
        match action {
            Action::SendControl(frame) => send_control(connection, &frame, network, random),
            Action::SendWork(frame) => send_work(connection, &frame, network, random),
            Action::Admit { members, .. } => session.members.extend(members),
            Action::Prepare { point, members, .. } => {
                session.members = members.into_iter().collect();
                session.preparing.insert(point);
                if random.chance(20) {
                    let step = PrepareStep::Compiling;
                    let frame = HostControl::Preparing { point, closure: 1, step, permille: None };
                    send_control(connection, &frame, network, random);
                }
                let is_refused = self.refuses || random.chance(3);
                let delay_ms = if random.chance(5) {
                    random.between(1_000, 30_000)
                } else {
                    random.between(1, 50)
                };
                network.after(delay_ms, Happening::HostPrepared { connection, point, is_refused });
            }
            Action::Run { point, tasks } => {
                let loses = mutation == Some(Mutation::TasksVanish);
                let tasks = tasks.into_iter().filter(|_| !(loses && random.chance(2)));
                let is_rank = |task: &Task| matches!(task.role, Role::Rank { .. });
                let (ranks, tasks): (Vec<_>, Vec<_>) = tasks.partition(is_rank);
                session.waiting.extend(tasks.into_iter().map(|task| (point, task)));
                for task in ranks {
                    // Ranks do not wait for slots.
                    self.start(connection, point, task, network, random);
                }
            }
            Action::Recall { point, tasks } => {
                let waiting = std::mem::take(&mut session.waiting);
                let (unstarted, left): (VecDeque<_>, VecDeque<_>) =
                    waiting.into_iter().partition(|(_, task)| tasks.contains(&task.id));
                session.waiting = left;
                let tasks: Vec<_> =
                    unstarted.iter().map(|(_, task)| (task.id, task.attempt)).collect();
                if mutation == Some(Mutation::RecallsLie) {
                    session.waiting.extend(unstarted);
                }
                let event = Event::TasksEnded { point, count: tasks.len() as u32 };
                let closed = self.handle(connection, event, network, random);
                if closed.is_none() {
                    let frame = HostWork::Unstarted { point, tasks };
                    send_work(connection, &frame, network, random);
                }
                return closed;
            }
            Action::Cancel { tasks, .. } => {
                for (&(task, attempt), _) in
                    session.running.iter().filter(|((task, _), _)| tasks.contains(task))
                {
                    let happening =
                        Happening::TaskEnds { connection, task, attempt, is_stopped: true };
                    network.after(random.between(0, 20), happening);
                }
                let is_stopped = |(_, task): &&(Point, Task)| tasks.contains(&task.id);
                let waiting = session.waiting.iter().filter(is_stopped);
                let stopped: Vec<_> =
                    waiting.map(|(point, task)| (*point, task.id, task.attempt)).collect();
                session.waiting.retain(|(_, task)| !tasks.contains(&task.id));
                for (point, task, attempt) in stopped {
                    self.finish(
                        connection,
                        point,
                        result(task, attempt, Outcome::Cancelled),
                        network,
                        random,
                    );
                }
            }
            Action::Drop { point } => {
                session.preparing.remove(&point);
                session.waiting.retain(|(of, _)| *of != point);
                session.bound = f64::INFINITY;
                session.told_bound = f64::INFINITY;
                if mutation != Some(Mutation::ConclusionsLie) {
                    let dying = session.running.extract_if(.., |_, (of, _)| *of == point);
                    session.dying.extend(dying.map(|(key, (of, _))| (key, of)));
                }
                network.after(random.between(0, 100), Happening::HostDropped { connection, point });
            }
            Action::Answer { id, attempt, number, answer } => {
                let key = (id, attempt);
                let answered = self.answered(connection, key, number, answer, network, random);
                self.violation = answered.err().or(self.violation.take());
            }
            Action::Bound { bound } => {
                let bound = f64::from_bits(bound);
                if bound >= session.told_bound {
                    self.violation = Some(format!("the bound rises to {bound}"));
                }
                session.told_bound = bound;
                session.bound = session.bound.min(bound);
            }
            Action::Free { blobs } if mutation != Some(Mutation::NothingFreed) => {
                self.violation = session.free(&blobs).err().or(self.violation.take());
            }
            Action::Free { .. } => {}
            Action::Close { reason } => {
                self.sessions.remove(&connection);
                network.close(connection, false, random);
                return Some(reason);
            }
        }
        None
    }

    /// A frame of the hub arrives.
    pub fn hear(
        &mut self,
        connection: ConnectionId,
        frame: FromHub,
        network: &mut Network,
        random: &mut Random,
    ) -> Option<String> {
        let event = match frame {
            FromHub::Control(frame) => Event::Control(frame),
            FromHub::Work(frame) => Event::Work(frame),
        };
        self.handle(connection, event, network, random)
    }

    pub fn prepared(
        &mut self,
        connection: ConnectionId,
        point: Point,
        is_refused: bool,
        network: &mut Network,
        random: &mut Random,
    ) -> Option<String> {
        if !self.sessions.get_mut(&connection)?.preparing.remove(&point) {
            return None;
        }
        let event = if is_refused {
            let refusals = vec![Refusal { closure: Some(0), reason: "bad luck".to_owned() }];
            Event::PrepareFailed { point, refusals }
        } else {
            Event::Prepared { point, fetch_us: 1, compile_us: 1 }
        };
        self.handle(connection, event, network, random)
    }

    pub fn dropped(
        &mut self,
        connection: ConnectionId,
        point: Point,
        network: &mut Network,
        random: &mut Random,
    ) -> Option<String> {
        let keeps = self.mutation == Some(Mutation::KeptForEver);
        let session = self.sessions.get_mut(&connection)?;
        session.dying.retain(|_, of| *of != point);
        session.talks.retain(|_, talk| talk.point != point);
        session.kept.retain(|_, (of, ..)| keeps || *of != point);
        self.handle(connection, Event::Dropped { point }, network, random)
    }

    pub fn task_ends(
        &mut self,
        connection: ConnectionId,
        key: (TaskId, u32),
        is_stopped: bool,
        can_fetch: bool,
        network: &mut Network,
        random: &mut Random,
    ) -> Option<String> {
        let session = self.sessions.get_mut(&connection)?;
        let (point, task) = session.running.remove(&key)?;
        session.talks.remove(&key);
        let outcome = match (is_stopped, can_fetch) {
            (true, _) => Outcome::Cancelled,
            (_, false) => Outcome::HostFault(UNFETCHED.to_owned()),
            _ => self.outcome(&task, random),
        };
        let outcome = match outcome {
            Outcome::Kept(parts) => {
                let session = self.sessions.get_mut(&connection)?;
                Outcome::Kept(
                    parts
                        .into_iter()
                        .map(|part| match part {
                            Payload::Inline(value) if random.chance(80) => {
                                session.keep(point, value)
                            }
                            small => small,
                        })
                        .collect(),
                )
            }
            other => other,
        };
        let has_left = can_leave(&task)
            && task.closure == CLOSURE
            && leaves(task.index)
            && matches!(outcome, Outcome::Raised(_));
        let mut result = result(task.id, task.attempt, outcome);
        result.run_us = self.says_us;
        if !is_stopped {
            let mut output = output_of(task.id);
            output.drain(..OUTPUT_SPLIT.min(output.len()));
            if has_left {
                output.truncate(OUTPUT_BEFORE_LEFT);
            }
            result.output = output;
        }
        let closed = self.finish(connection, point, result, network, random);
        self.start_tasks(connection, network, random);
        closed
    }

    fn outcome(&self, task: &Task, random: &mut Random) -> Outcome {
        if task.closure == FALLBACK && self.is_without_engine {
            return Outcome::Unprepared("it has no such engine".to_owned());
        }
        outcome(task, self.mutation, random)
    }

    /// Tells the machine of a task's end, then sends the result, if there is still somebody to send it to.
    fn finish(
        &mut self,
        connection: ConnectionId,
        point: Point,
        result: TaskResult,
        network: &mut Network,
        random: &mut Random,
    ) -> Option<String> {
        let closed =
            self.handle(connection, Event::TasksEnded { point, count: 1 }, network, random);
        if closed.is_none() && self.sessions.contains_key(&connection) {
            let frame = HostWork::Results { point, results: vec![result] };
            // A retransmission is not part of the protocol, but a hub must not mind one.
            if random.chance(2) {
                send_work(connection, &frame, network, random);
            }
            send_work(connection, &frame, network, random);
        }
        closed
    }

    fn start_tasks(
        &mut self,
        connection: ConnectionId,
        network: &mut Network,
        random: &mut Random,
    ) {
        let Some(session) = self.sessions.get_mut(&connection) else { return };
        let is_rank = |(_, task): &&(Point, Task)| matches!(task.role, Role::Rank { .. });
        let ranks = session.running.values().filter(is_rank).count();
        let mut free = (self.slots as usize).saturating_sub(session.running.len() - ranks);
        while free > 0
            && let Some(session) = self.sessions.get_mut(&connection)
            && let Some((point, task)) = session.waiting.pop_front()
        {
            free -= 1;
            self.start(connection, point, task, network, random);
        }
    }

    fn start(
        &mut self,
        connection: ConnectionId,
        point: Point,
        task: Task,
        network: &mut Network,
        random: &mut Random,
    ) {
        let (id, attempt) = (task.id, task.attempt);
        if task.role == Role::Independent {
            let run_ms = if random.chance(1) {
                random.between(5_000, 40_000)
            } else {
                random.between(0, 40)
            };
            let end_ms = task.deadline_ms.map_or(run_ms, |deadline_ms| run_ms.min(deadline_ms));
            let happening =
                Happening::TaskEnds { connection, task: id, attempt, is_stopped: false };
            network.after(end_ms, happening);
        } else {
            self.begin(connection, point, &task, network, random);
        }
        if let Some(session) = self.sessions.get_mut(&connection) {
            let mut output = output_of(id);
            output.truncate(OUTPUT_SPLIT);
            if !output.is_empty() {
                let frame = HostWork::Output { point, id, attempt, output };
                send_work(connection, &frame, network, random);
            }
            session.running.insert((id, attempt), (point, task));
        }
    }

    fn set_timer(&mut self, connection: ConnectionId, network: &mut Network) {
        let Some(wake_ms) =
            self.sessions.get(&connection).and_then(|session| session.machine.wake_ms())
        else {
            return;
        };
        let at_ms = self.real_ms(wake_ms).max(network.now_ms);
        if let Some(session) = self.sessions.get_mut(&connection)
            && session.tick_ms.is_none_or(|tick_ms| at_ms < tick_ms)
        {
            session.tick_ms = Some(at_ms);
            network.at(at_ms, Happening::HostTick { connection });
        }
    }

    pub fn tick(
        &mut self,
        connection: ConnectionId,
        network: &mut Network,
        random: &mut Random,
    ) -> Option<String> {
        self.sessions.get_mut(&connection)?.tick_ms = None;
        self.handle(connection, Event::Tick, network, random)
    }
}

fn outcome(task: &Task, mutation: Option<Mutation>, random: &mut Random) -> Outcome {
    if !is_given_its_own(task) {
        return Outcome::Refused("arguments are those of another task".to_owned());
    }
    let closure = if mutation == Some(Mutation::FallbacksIgnored) { CLOSURE } else { task.closure };
    let kind = random.between(0, 99);
    let is_rank = matches!(task.role, Role::Rank { .. });
    let infrastructure = match kind {
        _ if is_rank && kind != 3 => None,
        3..=5 => Some(Outcome::HostFault("out of memory".to_owned())),
        6 => Some(Outcome::Refused("no room".to_owned())),
        8..=9 => Some(Outcome::DeadlineHit(Vec::new())),
        _ => None,
    };
    if let Some(outcome) = infrastructure {
        return outcome;
    }
    let has_left = can_leave(task) && closure == CLOSURE && leaves(task.index);
    let value = if has_left { record_of(task.index) } else { value_of(task.index, closure) };
    let payload = |value: Vec<u8>| match kind {
        10..=13 => Payload::Blob { id: ContentId::of(&value), bytes: value.len() as u64 },
        _ => Payload::Inline(value),
    };
    match kind {
        _ if has_left => Outcome::Raised(payload(value)),
        1..=7 if is_rank => Outcome::Returned(payload(value)),
        0..=2 => Outcome::Raised(payload(value)),
        7 => Outcome::Trapped(TrapCode::Unreachable, Vec::new()),
        _ if task.returns != Returns::Sent => {
            let parts = parts_of(task.index).iter();
            Outcome::Kept(parts.map(|part| Payload::Inline(part.clone())).collect())
        }
        _ => match &task.arguments {
            Arguments::Whole(Payload::Inline(arguments))
                if task.role == Role::Branch
                    && !children_of(task.index, arguments[8]).is_empty() =>
            {
                Outcome::Grown(payload(grown_of(task.index, closure, arguments[8])))
            }
            _ => Outcome::Returned(payload(value)),
        },
    }
}

/// Whether a task may leave its closure.
fn can_leave(task: &Task) -> bool {
    task.returns == Returns::Sent && !matches!(task.role, Role::Rank { .. })
}

fn result(id: TaskId, attempt: u32, outcome: Outcome) -> TaskResult {
    TaskResult { id, attempt, outcome, run_us: 20_000, output: Vec::new(), pure: true }
}

fn send_control(
    connection: ConnectionId,
    frame: &HostControl,
    network: &mut Network,
    random: &mut Random,
) {
    let frame = HostControl::from_bytes(&frame.to_bytes()).expect("a host sends frames");
    let happening = Happening::HubHears { connection, frame: FromHost::Control(frame) };
    network.send(connection, Way::ControlToHub, random, happening);
}

pub fn send_work(
    connection: ConnectionId,
    frame: &HostWork,
    network: &mut Network,
    random: &mut Random,
) {
    let frame = HostWork::from_bytes(&frame.to_bytes()).expect("a host sends frames");
    let happening = Happening::HubHears { connection, frame: FromHost::Work(frame) };
    network.send(connection, Way::WorkToHub, random, happening);
}
