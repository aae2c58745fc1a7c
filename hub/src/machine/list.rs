//! The `List` manager: independent tasks, a bounded window, results in order or as they come.
//!
//! A task is waiting here, running at a host, or having its result fetched; when it ends it is completed once,
//! and forgotten. What arrives later for it is dropped: results are accepted only from the host that has the
//! task, for the attempt it was given. A cancelled task ends here at once, while its host keeps the credit until
//! it has said what became of it.

mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use words::{Action, Event};

use bytes::Bytes;
use spm_protocol::frame::{HostWork, Returns, Role, TaskResult, UNFETCHED};
use spm_protocol::limits::{BATCH_TASKS_MAX, OUTPUT_BYTES_MAX, RAISED_BYTES_MAX, VALUE_BYTES_MAX};
use spm_protocol::{ContentId, Outcome, Payload, PeerId, Point, TaskId};

use super::HostId;
use super::assign::HostLoad;
use super::talk::{Asker, TaskArguments, check_pieces};
pub use super::task::NewTask;
use super::task::{Arrived, Place, TaskState, ValueKind, arrive, outcome_bytes, value_outcome};
use super::team::Team;
use crate::completion::{Completion, Delivery, HostRunStats, RunStats, TaskOutcome, TaskOutput};
use crate::error::SubmitError;

/// How a run goes about it: [`crate::ListOptions`] without what is the driver's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Completions are given out in the order of submission.
    pub ordered: bool,
    /// Tasks that may be submitted and not yet taken as completions.
    pub window_tasks: usize,
    /// Attempts after the first that infrastructure outcomes may cost a task.
    pub retries: u32,
    /// Whether a task whose deadline passed is tried again, too.
    pub retry_deadline_hit: bool,
    /// Milliseconds each task may run, unless it says otherwise.
    pub task_deadline_ms: Option<u64>,
    /// When the run is over at the latest.
    pub until_ms: Option<u64>,
}

/// One run.
#[derive(Debug)]
pub struct List {
    pub(super) point: Point,
    pub(super) rules: Rules,
    /// For each closure, the one that runs what it cannot.
    pub(super) fallbacks: Vec<Option<u32>>,
    /// Closures that a task has left.
    pub(super) left: BTreeSet<u32>,
    /// For each fallback, the hosts that cannot prepare it, and why.
    pub(super) unprepared: BTreeMap<u32, BTreeMap<HostId, String>>,
    first_task: TaskId,
    next_task: TaskId,
    pub(super) tasks: BTreeMap<TaskId, TaskState>,
    /// Fresh tasks, with their priorities, in the order in which they are sent; those that ended meanwhile are skipped.
    pub(super) fresh: VecDeque<(i64, TaskId)>,
    /// Fresh tasks that one host alone may run.
    pub(super) pinned: Vec<TaskId>,
    /// Tasks to be tried again; they come first.
    pub(super) again: VecDeque<TaskId>,
    /// Tasks whose place is `Waiting`.
    pub(super) waiting: usize,
    pub(super) hosts: BTreeMap<HostId, HostLoad>,
    /// The next task to be given out, if in order, and what ended before its turn.
    next_delivery: TaskId,
    early: BTreeMap<TaskId, Completion>,
    untaken: usize,
    is_closed: bool,
    is_finished: bool,
    /// Why there are no hosts, while there are none.
    no_hosts: Option<Vec<(PeerId, String)>>,
    pub(super) stats: RunStats,
    pub(super) host_stats: BTreeMap<HostId, HostRunStats>,
    /// How often each host has come online.
    pub(super) lives: BTreeMap<HostId, u64>,
    /// What hosts are to be told that they need not keep.
    pub(super) unneeded: BTreeMap<HostId, Vec<ContentId>>,
    /// Bits of the least value that a task is known to have found.
    pub(super) bound: u64,
    /// The ranks, if it is the run of a team, and whether it is to end because one of them failed.
    pub(super) team: Option<Team>,
    pub(super) is_failing: bool,
    /// Tasks whose arguments may have been lost by the time they wait.
    pub(super) suspects: Vec<TaskId>,
}

impl List {
    /// A run at `point`, whose tasks count up from `first_task`. `fallbacks` has an entry for each closure.
    pub fn new(
        point: Point,
        fallbacks: Vec<Option<u32>>,
        first_task: TaskId,
        rules: Rules,
    ) -> Self {
        Self {
            point,
            rules,
            fallbacks,
            left: BTreeSet::new(),
            unprepared: BTreeMap::new(),
            first_task,
            next_task: first_task,
            tasks: BTreeMap::new(),
            fresh: VecDeque::new(),
            pinned: Vec::new(),
            again: VecDeque::new(),
            waiting: 0,
            hosts: BTreeMap::new(),
            next_delivery: first_task,
            early: BTreeMap::new(),
            untaken: 0,
            is_closed: false,
            is_finished: false,
            no_hosts: None,
            stats: RunStats::default(),
            host_stats: BTreeMap::new(),
            lives: BTreeMap::new(),
            unneeded: BTreeMap::new(),
            bound: f64::INFINITY.to_bits(),
            team: None,
            is_failing: false,
            suspects: Vec::new(),
        }
    }

    /// Takes over what is known of the hosts from a finished run at the same point: how fast they are, which cancelled
    /// tasks still hold credits, and which results they keep.
    pub(super) fn inherit(&mut self, before: Self) {
        self.lives = before.lives;
        for (host, load) in before.hosts {
            if let Some(mine) = self.hosts.get_mut(&host) {
                *mine = load;
            }
        }
    }

    /// The point it runs at.
    pub fn point(&self) -> Point {
        self.point
    }

    /// The id the next task will have.
    pub fn next_task(&self) -> TaskId {
        self.next_task
    }

    /// How many more tasks the window has room for.
    pub fn room(&self) -> usize {
        if self.is_closed { 0 } else { self.rules.window_tasks.saturating_sub(self.untaken) }
    }

    /// Whether everything was given out.
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Whether a task has not ended.
    pub fn has_task(&self, task: TaskId) -> bool {
        self.tasks.contains_key(&task)
    }

    /// The index a task was submitted with, while it has not ended.
    pub fn index_of(&self, task: TaskId) -> Option<u64> {
        self.tasks.get(&task).map(|state| state.task.index)
    }

    /// When [`Event::Tick`] is due.
    pub fn wake_ms(&self) -> Option<u64> {
        let run = self.rules.until_ms.filter(|_| !self.tasks.is_empty() || !self.is_closed);
        let hosts = self.hosts.values().filter_map(HostLoad::abandoned_until_ms).min();
        run.into_iter().chain(hosts).chain(self.recall_ms()).min()
    }

    /// Counts so far.
    pub fn stats(&self) -> RunStats {
        let mut stats = self.stats.clone();
        stats.waiting = self.waiting;
        stats.running = self.tasks.len() - self.waiting;
        stats.hosts = self.host_stats.values().cloned().collect();
        stats
    }

    /// For each host, the tasks it has by our count and the most it may have.
    pub fn credits(&self) -> Vec<(HostId, u32, u32)> {
        self.hosts.iter().map(|(&host, load)| (host, load.in_flight, load.credits)).collect()
    }

    /// How many tasks and completions are held here.
    pub fn held(&self) -> usize {
        self.tasks.len() + self.early.len()
    }

    /// Whether a task would be accepted now.
    pub fn check(&self, closure: u32, argument_bytes: usize) -> Result<(), SubmitError> {
        if self.is_closed {
            return Err(SubmitError::Closed);
        }
        let count = self.fallbacks.len();
        if closure as usize >= count {
            return Err(SubmitError::NoSuchClosure { closure, count });
        }
        if argument_bytes > VALUE_BYTES_MAX {
            return Err(SubmitError::TooLarge { bytes: argument_bytes, limit: VALUE_BYTES_MAX });
        }
        if self.room() == 0 {
            return Err(SubmitError::Full { window_tasks: self.rules.window_tasks });
        }
        Ok(())
    }

    /// The same for a task whose arguments are these.
    pub fn check_arguments(
        &self,
        closure: u32,
        arguments: &TaskArguments,
    ) -> Result<(), SubmitError> {
        match arguments {
            TaskArguments::Whole(Payload::Inline(value)) => self.check(closure, value.len()),
            TaskArguments::Whole(Payload::Blob { bytes, .. }) => {
                self.check(closure, usize::try_from(*bytes).unwrap_or(usize::MAX))
            }
            TaskArguments::Pieces(pieces) => {
                self.check(closure, 0)?;
                check_pieces(pieces)
            }
        }
    }

    /// Takes a task that passed [`Self::check`]. [`Self::pump`] sends it.
    pub fn submit(&mut self, now_ms: u64, task: NewTask) -> TaskId {
        let id = self.next_task;
        self.next_task = TaskId(id.0 + 1);
        self.untaken += 1;
        self.waiting += 1;
        self.stats.submitted += 1;
        self.stats.argument_bytes += task.arguments.bytes();
        if task.arguments.has_kept() {
            self.suspects.push(id);
        }
        // Not every host takes those that come again.
        let is_picky = self.unprepared.contains_key(&task.closure);
        if task.pinned.is_some() {
            self.pinned.push(id);
        } else if is_picky {
            self.again.push_back(id);
        } else {
            self.queue_fresh(task.priority, id);
        }
        self.tasks.insert(id, TaskState::new(task, now_ms));
        id
    }

    fn queue_fresh(&mut self, priority: i64, id: TaskId) {
        if self.fresh.back().is_none_or(|(last, _)| *last >= priority) {
            self.fresh.push_back((priority, id));
        } else {
            let place = self.fresh.partition_point(|(other, _)| *other >= priority);
            self.fresh.insert(place, (priority, id));
        }
    }

    /// Sends what was submitted, as far as hosts have slots free or frames are full.
    pub fn pump(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        self.free(actions);
        self.fail_without_hosts(now_ms, actions);
        self.fail_unprepared(now_ms, actions);
        self.assign(now_ms, false, actions);
        self.recall(now_ms, actions);
    }

    /// Takes in what happened at `now_ms`, and appends what is to be done about it.
    pub fn handle(&mut self, now_ms: u64, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::HostOnline { host, peer, credits, slots } => {
                self.no_hosts = None;
                self.hosts.insert(host, HostLoad::new(slots, credits));
                *self.lives.entry(host).or_insert(self.point.0 << 32) += 1;
                if self.bound() < f64::INFINITY {
                    actions.push(Action::Bound { host, bound: self.bound });
                }
                self.host_stats.entry(host).or_insert_with(|| HostRunStats {
                    peer,
                    sent: 0,
                    results: 0,
                    lost: 0,
                    deopts: 0,
                    run_us: 0,
                    queue_ms: 0,
                    ship_ms: 0,
                    argument_bytes: 0,
                    result_bytes: 0,
                });
            }
            Event::HostOffline { host, reason } => self.lose_host(now_ms, host, &reason, actions),
            Event::NoHosts { reasons } => {
                self.no_hosts = Some(reasons);
                self.fail_without_hosts(now_ms, actions);
            }
            Event::Work { host, frame } => self.hear(now_ms, host, frame, actions),
            Event::Fetched { task, attempt, number: 0, result } => {
                self.take_fetched(now_ms, task, attempt, result, actions);
            }
            Event::Fetched { task, attempt, number, result } => {
                self.take_question(task, attempt, number, result.ok(), actions);
            }
            Event::Cancel { task } => {
                self.stop(now_ms, &[task], &TaskOutcome::Cancelled, actions);
            }
            Event::CancelAll => self.stop_all(now_ms, &TaskOutcome::Cancelled, actions),
            Event::CloseInput => self.is_closed = true,
            Event::Taken { count } => self.untaken = self.untaken.saturating_sub(count),
            Event::Flush => {}
            Event::Tick => self.pass_time(now_ms, actions),
        }
        self.end_team(now_ms, actions);
        self.fail_unprepared(now_ms, actions);
        self.assign(now_ms, true, actions);
        self.recall(now_ms, actions);
        self.free(actions);
        if self.is_closed && !self.is_finished && self.tasks.is_empty() && self.early.is_empty() {
            self.is_finished = true;
            actions.push(Action::Deliver(Delivery::Finished));
        }
    }

    fn pass_time(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if self.rules.until_ms.is_some_and(|until_ms| now_ms >= until_ms) {
            self.stop_all(now_ms, &TaskOutcome::RunDeadline, actions);
        }
        for (&host, load) in &self.hosts {
            if load.abandoned_until_ms().is_some_and(|until_ms| now_ms >= until_ms) {
                let reason = "it did not stop cancelled tasks in time".to_owned();
                actions.push(Action::Misbehaved { host, reason });
            }
        }
    }

    fn hear(&mut self, now_ms: u64, host: HostId, frame: HostWork, actions: &mut Vec<Action>) {
        match frame {
            HostWork::Results { point, results } => {
                if point != self.point || !self.hosts.contains_key(&host) {
                    self.stats.dropped += results.len() as u64;
                    return;
                }
                for result in results {
                    self.take_result(now_ms, host, result, actions);
                }
            }
            HostWork::Unstarted { point, tasks } => {
                if point == self.point {
                    self.take_back(host, tasks, actions);
                }
            }
            HostWork::Asked { point, id, attempt, number, question } => {
                if point == self.point && self.hosts.contains_key(&host) {
                    let asker = Asker { host, task: id, attempt, number };
                    self.hear_question(now_ms, asker, question, actions);
                }
            }
            HostWork::Output { point, id, attempt, output } => {
                if point != self.point {
                    return;
                }
                let Some(state) = self.tasks.get_mut(&id) else { return };
                if state.place != Place::Running(host) || state.attempts != attempt {
                    return;
                }
                let output = state.show(output);
                let index = state.task.index;
                if state.printed_bytes > OUTPUT_BYTES_MAX as u64 {
                    let reason = format!("it let a task print more than {OUTPUT_BYTES_MAX} bytes");
                    actions.push(Action::Misbehaved { host, reason });
                } else if !output.is_empty() {
                    let output = TaskOutput { task: id, index, output };
                    actions.push(Action::Deliver(Delivery::Output(output)));
                }
            }
        }
    }

    fn take_result(
        &mut self,
        now_ms: u64,
        host: HostId,
        result: TaskResult,
        actions: &mut Vec<Action>,
    ) {
        let Some(load) = self.hosts.get_mut(&host) else { return };
        let TaskResult { id, attempt, outcome, run_us, output, pure } = result;
        let is_expected = self
            .tasks
            .get(&id)
            .is_some_and(|state| state.place == Place::Running(host) && state.attempts == attempt);
        if !is_expected {
            // The end of what was cancelled gives its credit back; anything else was never asked for.
            let is_abandoned = load.forget(id, attempt);
            self.stats.dropped += 1;
            if let Outcome::Kept(parts) = &outcome
                && is_abandoned
            {
                self.let_go_all(host, parts);
            }
            return;
        }
        let Some(state) = self.tasks.get_mut(&id) else { return };
        load.end(now_ms, state.task.arguments_bytes(), run_us);
        if let Some(stats) = self.host_stats.get_mut(&host) {
            stats.results += 1;
            stats.run_us = stats.run_us.saturating_add(run_us);
            let away_ms = now_ms.saturating_sub(state.sent_ms);
            stats.ship_ms += away_ms.saturating_sub(run_us / 1000);
            stats.result_bytes += outcome_bytes(&outcome);
        }
        state.run_us = run_us;
        state.pure = pure;
        state.output = state.show(output);
        let arrived = match unasked(&state.task, &outcome) {
            Some(reason) => {
                if let Outcome::Kept(parts) = &outcome {
                    self.let_go_all(host, parts);
                }
                Arrived::Outcome(TaskOutcome::HostFault(reason.to_owned()))
            }
            None => arrive(outcome),
        };
        let Some(state) = self.tasks.get_mut(&id) else { return };
        match arrived {
            Arrived::Outcome(outcome) => self.settle(now_ms, id, outcome, actions),
            Arrived::Kept(parts) => {
                let kept = self.kept(host, parts);
                self.settle(now_ms, id, TaskOutcome::Kept(kept), actions);
            }
            Arrived::Unprepared(reason) => self.take_unprepared(id, host, reason),
            Arrived::Blob { id: blob, bytes, kind } => {
                let limit = match kind {
                    ValueKind::Raised => RAISED_BYTES_MAX,
                    ValueKind::Returned => VALUE_BYTES_MAX,
                    ValueKind::Grown => 2 * VALUE_BYTES_MAX,
                };
                if bytes > limit as u64 {
                    let reason =
                        format!("it gave a result of {bytes} bytes, over the limit of {limit}");
                    self.settle(now_ms, id, TaskOutcome::HostFault(reason), actions);
                    return;
                }
                state.place = Place::Fetching(host);
                state.fetching = kind;
                actions.push(Action::Fetch { host, task: id, attempt, number: 0, id: blob, bytes });
            }
        }
    }

    fn take_fetched(
        &mut self,
        now_ms: u64,
        task: TaskId,
        attempt: u32,
        result: Result<Bytes, String>,
        actions: &mut Vec<Action>,
    ) {
        let Some(state) = self.tasks.get_mut(&task) else { return };
        if !matches!(state.place, Place::Fetching(_)) || state.attempts != attempt {
            return;
        }
        let outcome = match result {
            Ok(value) => value_outcome(value, state.fetching),
            Err(reason) => TaskOutcome::HostLost(reason),
        };
        self.settle(now_ms, task, outcome, actions);
    }

    /// Takes the end of an attempt: completes the task, or has it tried again, by its closure or the fallback.
    fn settle(&mut self, now_ms: u64, id: TaskId, outcome: TaskOutcome, actions: &mut Vec<Action>) {
        let may_retry = match &outcome {
            TaskOutcome::HostFault(_) | TaskOutcome::Refused(_) | TaskOutcome::HostLost(_) => true,
            TaskOutcome::DeadlineHit(_) => self.rules.retry_deadline_hit,
            _ => false,
        };
        let Some(state) = self.tasks.get(&id) else { return };
        if may_retry && let Some(reason) = self.missing(state) {
            // To try again is in vain, and this may be why it failed.
            self.complete(now_ms, id, TaskOutcome::ArgumentLost(reason), actions);
            return;
        }
        if let TaskOutcome::HostFault(reason) = &outcome
            && reason.starts_with(UNFETCHED)
            && state.task.arguments.has_kept()
        {
            // The next attempt would go to the holder, which may be silent. Its manager has the value made again, and
            // need not wait until a lease is over.
            let reason = reason.clone();
            self.complete(now_ms, id, TaskOutcome::ArgumentLost(reason), actions);
            return;
        }
        // Others have heard of a rank.
        let may_retry = may_retry && !matches!(state.task.role, Role::Rank { .. });
        if may_retry && state.failed_attempts() <= self.rules.retries {
            self.wait_again(id, Some(outcome));
            self.stats.retries += 1;
            return;
        }
        if !self.fall_back(id, &outcome, actions) {
            self.complete(now_ms, id, outcome, actions);
        }
    }

    /// Has a task wait again, for `failure` or for none.
    pub(super) fn wait_again(&mut self, id: TaskId, failure: Option<TaskOutcome>) {
        let Some(state) = self.tasks.get_mut(&id) else { return };
        state.wait_again(failure);
        if state.task.arguments.has_kept() {
            self.suspects.push(id);
        }
        self.again.push_back(id);
        self.waiting += 1;
    }

    pub(super) fn complete(
        &mut self,
        now_ms: u64,
        id: TaskId,
        outcome: TaskOutcome,
        actions: &mut Vec<Action>,
    ) {
        let Some(state) = self.tasks.remove(&id) else { return };
        if state.place == Place::Waiting {
            self.waiting -= 1;
        }
        let blobs = state.task.arguments.blobs().into_iter().chain(state.answers);
        actions.extend(blobs.map(|id| Action::Release { id }));
        let is_returned = match &outcome {
            TaskOutcome::Returned(value) | TaskOutcome::Grown(value, _) => {
                self.stats.result_bytes += value.len() as u64;
                true
            }
            TaskOutcome::Raised(value) => {
                self.stats.result_bytes += value.len() as u64;
                false
            }
            TaskOutcome::Kept(_) => true,
            _ => false,
        };
        self.end_rank(id, is_returned, actions);
        self.stats.completed += 1;
        let host = state.last.and_then(|host| self.host_stats.get(&host)).map(|stats| stats.peer);
        let completion = Completion {
            task: id,
            index: state.task.index,
            closure: state.task.closure,
            host,
            attempts: state.attempts,
            is_deopt: state.left.is_some(),
            unbacked: state.unbacked,
            outcome,
            run_us: state.run_us,
            total_ms: now_ms.saturating_sub(state.submitted_ms),
            output: state.output,
            pure: state.pure,
        };
        if !self.rules.ordered {
            actions.push(Action::Deliver(Delivery::Completion(completion)));
            return;
        }
        if id != self.next_delivery {
            self.early.insert(id, completion);
            return;
        }
        actions.push(Action::Deliver(Delivery::Completion(completion)));
        self.next_delivery = TaskId(id.0 + 1);
        while let Some(completion) = self.early.remove(&self.next_delivery) {
            actions.push(Action::Deliver(Delivery::Completion(completion)));
            self.next_delivery = TaskId(self.next_delivery.0 + 1);
        }
    }

    fn lose_host(&mut self, now_ms: u64, host: HostId, reason: &str, actions: &mut Vec<Action>) {
        if self.hosts.remove(&host).is_none() {
            return;
        }
        let there = [Place::Running(host), Place::Fetching(host)];
        let lost: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|(_, state)| there.contains(&state.place))
            .map(|(&id, _)| id)
            .collect();
        if let Some(stats) = self.host_stats.get_mut(&host) {
            stats.lost += lost.len() as u64;
        }
        let needs_it = self
            .tasks
            .iter()
            .filter(|(_, state)| state.place == Place::Waiting && state.task.arguments.has_kept());
        self.suspects.extend(needs_it.map(|(&id, _)| id));
        self.unneeded.remove(&host);
        for id in lost {
            self.settle(now_ms, id, TaskOutcome::HostLost(reason.to_owned()), actions);
        }
    }

    /// While there are no hosts, what waits for one fails.
    fn fail_without_hosts(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let Some(reasons) = self.no_hosts.clone() else { return };
        let ids: Vec<TaskId> = self
            .again
            .drain(..)
            .chain(self.fresh.drain(..).map(|(_, id)| id))
            .chain(self.pinned.drain(..))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        for id in ids {
            if self.tasks.get(&id).is_some_and(|state| state.place == Place::Waiting) {
                self.complete(now_ms, id, TaskOutcome::NoHosts(reasons.clone()), actions);
            }
        }
    }

    fn stop_all(&mut self, now_ms: u64, outcome: &TaskOutcome, actions: &mut Vec<Action>) {
        self.is_closed = true;
        self.stop_tasks(now_ms, outcome, actions);
    }

    /// Ends all tasks that there are.
    pub(super) fn stop_tasks(
        &mut self,
        now_ms: u64,
        outcome: &TaskOutcome,
        actions: &mut Vec<Action>,
    ) {
        let ids: Vec<TaskId> = self.tasks.keys().copied().collect();
        self.stop(now_ms, &ids, outcome, actions);
        self.fresh.clear();
        self.again.clear();
        self.pinned.clear();
    }

    /// Ends tasks here and now, and tells the hosts that have them.
    pub(super) fn stop(
        &mut self,
        now_ms: u64,
        ids: &[TaskId],
        outcome: &TaskOutcome,
        actions: &mut Vec<Action>,
    ) {
        let mut told: BTreeMap<HostId, Vec<TaskId>> = BTreeMap::new();
        for &id in ids {
            let Some(state) = self.tasks.get(&id) else { continue };
            if let Place::Running(host) = state.place
                && let Some(load) = self.hosts.get_mut(&host)
            {
                load.abandon(now_ms, id, state.attempts, state.task.arguments_bytes());
                told.entry(host).or_default().push(id);
            }
            self.complete(now_ms, id, outcome.clone(), actions);
        }
        for (host, tasks) in told {
            for tasks in tasks.chunks(BATCH_TASKS_MAX) {
                actions.push(Action::Cancel { host, tasks: tasks.to_vec() });
            }
        }
    }

    /// What is wrong with the machine itself, if anything: for simulations and tests.
    pub fn broken_invariant(&self) -> Option<String> {
        let waiting = self.tasks.values().filter(|state| state.place == Place::Waiting).count();
        if waiting != self.waiting {
            return Some(format!("{waiting} tasks wait, {} are counted", self.waiting));
        }
        if self.untaken > self.rules.window_tasks {
            return Some(format!(
                "{} tasks in a window of {}",
                self.untaken, self.rules.window_tasks
            ));
        }
        let ended = self.stats.completed - self.early.len() as u64;
        let submitted = self.next_task.0 - self.first_task.0;
        if ended + self.held() as u64 != submitted {
            return Some(format!(
                "{ended} tasks given out and {} held of {submitted}",
                self.held()
            ));
        }
        for (host, load) in &self.hosts {
            let running =
                self.tasks.values().filter(|state| state.place == Place::Running(*host)).count();
            if load.in_flight as usize != running + load.abandoned() {
                return Some(format!(
                    "{} tasks counted at {host:?}, {running} running",
                    load.in_flight
                ));
            }
            if load.in_flight > load.credits {
                return Some(format!(
                    "{} tasks at {host:?}, which takes {}",
                    load.in_flight, load.credits
                ));
            }
        }
        None
    }
}

/// Why a host may not end a task like this, if it may not.
fn unasked(task: &NewTask, outcome: &Outcome) -> Option<&'static str> {
    let fits = match (outcome, task.returns) {
        (Outcome::Returned(_) | Outcome::Grown(_), Returns::Kept | Returns::KeptInParts(_)) => {
            return Some("it did not keep what it was to keep");
        }
        (Outcome::Kept(_), Returns::Sent) => false,
        (Outcome::Kept(parts), Returns::Kept) => parts.len() == 1,
        (Outcome::Kept(parts), Returns::KeptInParts(count)) => parts.len() == count as usize,
        (Outcome::Grown(_), Returns::Sent) if task.role != Role::Branch => {
            return Some("it let a task make tasks that may not");
        }
        _ => true,
    };
    (!fits).then_some("it kept what it was not to keep")
}

#[cfg(test)]
mod tests;
