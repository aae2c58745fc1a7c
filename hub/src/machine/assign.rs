//! Which waiting task goes to which host, and when.
//!
//! A host is sent enough to keep its slots busy for [`LOOKAHEAD_US`], judged by how long its tasks take: many
//! tiny ones, or no more than its slots hold of long ones. What there is goes to the least loaded hosts first,
//! in as few frames as that takes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use spm_protocol::limits::{BATCH_TASKS_MAX, INLINE_BYTES_MAX};
use spm_protocol::{Payload, TaskId};

use super::HostId;
use super::list::{Action, List};
use super::recall::Progress;
use super::talk::{TaskArguments, TaskPiece};
use super::task::{NewTask, Place};
use crate::completion::{Kept, TaskOutcome};
use crate::limits::{
    BATCH_BYTES_MAX, CANCEL_DEADLINE_MS, HOST_BYTES_MAX, LOOKAHEAD_US, SUBMIT_BATCH_TASKS,
};

/// A load is compared in units this fine, for each slot.
const LOAD_SCALE: u64 = 1024;
/// Into how many portions for each host a pile of tasks is split when it is dealt out.
const PORTIONS: usize = 16;

/// What a host has, and what it can take.
#[derive(Debug)]
pub(super) struct HostLoad {
    pub slots: u32,
    pub credits: u32,
    /// Tasks sent and not reported back, cancelled ones included: each holds a credit.
    pub in_flight: u32,
    in_flight_bytes: usize,
    /// How long its tasks take, leaning to the longer ones.
    average_us: Option<u64>,
    /// Cancelled tasks it has not reported: their bytes, and when it should have.
    abandoned: BTreeMap<(TaskId, u32), (usize, u64)>,
    pub(super) progress: Progress,
}

impl HostLoad {
    pub(super) fn new(slots: u32, credits: u32) -> Self {
        Self {
            slots: slots.max(1),
            credits,
            in_flight: 0,
            in_flight_bytes: 0,
            average_us: None,
            abandoned: BTreeMap::new(),
            progress: Progress::new(),
        }
    }

    /// Takes the end of a task.
    pub(super) fn end(&mut self, now_ms: u64, bytes: usize, run_us: u64) {
        self.progress.ended(now_ms);
        self.unsend(bytes);
        let average_us = self.average_us.unwrap_or(run_us);
        self.average_us = Some(if run_us > average_us {
            u64::midpoint(average_us, run_us)
        } else {
            average_us - (average_us - run_us) / 16
        });
    }

    /// Takes a task back.
    pub(super) fn unsend(&mut self, bytes: usize) {
        self.in_flight -= 1;
        self.in_flight_bytes -= bytes;
    }

    /// Notes that a task there is not wanted any more.
    pub(super) fn abandon(&mut self, now_ms: u64, task: TaskId, attempt: u32, bytes: usize) {
        let until_ms = now_ms.saturating_add(CANCEL_DEADLINE_MS);
        self.abandoned.insert((task, attempt), (bytes, until_ms));
    }

    /// Takes the end of a task that was not wanted any more. `false` if there was no such task.
    pub(super) fn forget(&mut self, task: TaskId, attempt: u32) -> bool {
        let found = self.abandoned.remove(&(task, attempt));
        if let Some((bytes, _)) = found {
            self.unsend(bytes);
        }
        found.is_some()
    }

    /// Whether it has tasks that are still wanted.
    pub(super) fn has_live_tasks(&self) -> bool {
        self.in_flight as usize > self.abandoned.len()
    }

    /// Whether a task sent now would start at once, for all we know.
    pub(super) fn is_idle(&self) -> bool {
        if self.progress.is_behind { self.in_flight == 0 } else { self.in_flight < self.slots }
    }

    pub(super) fn abandoned(&self) -> usize {
        self.abandoned.len()
    }

    /// When the first of the cancelled tasks should be reported at the latest.
    pub(super) fn abandoned_until_ms(&self) -> Option<u64> {
        self.abandoned.values().map(|(_, until_ms)| *until_ms).min()
    }

    /// How many more tasks it takes.
    pub(super) fn free_credits(&self) -> u32 {
        self.credits.saturating_sub(self.in_flight)
    }

    fn target(&self) -> u32 {
        let ahead = self.average_us.map_or(0, |average_us| LOOKAHEAD_US / (average_us + 1));
        let target = u64::from(self.slots) * (1 + ahead);
        target.min(u64::from(self.credits)) as u32
    }

    fn bytes_max(&self) -> usize {
        HOST_BYTES_MAX.max(self.slots as usize * INLINE_BYTES_MAX)
    }

    /// How many more tasks it should be sent now. While its slots are busy it can wait for a fuller frame.
    fn room(&self, can_wait: bool) -> u32 {
        let target = self.target();
        let room = target.saturating_sub(self.in_flight);
        let is_busy = self.in_flight >= self.slots;
        if (is_busy && (can_wait || room < target / 4)) || self.is_full() {
            return 0;
        }
        room
    }

    /// How many more tasks it should be sent although it is behind.
    fn room_behind(&self) -> u32 {
        let room = self.slots.min(self.credits).saturating_sub(self.in_flight);
        if self.is_full() { 0 } else { room }
    }

    fn is_full(&self) -> bool {
        self.in_flight_bytes >= self.bytes_max()
    }

    fn scaled(&self, tasks: u32) -> u64 {
        u64::from(tasks) * LOAD_SCALE / u64::from(self.slots)
    }
}

impl NewTask {
    /// Bytes of arguments that travel in the frame.
    pub(super) fn arguments_bytes(&self) -> usize {
        match &self.arguments {
            TaskArguments::Whole(Payload::Inline(bytes)) => bytes.len(),
            TaskArguments::Whole(Payload::Blob { .. }) => 0,
            TaskArguments::Pieces(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    TaskPiece::Bytes(bytes) | TaskPiece::Kept(Kept::Here(bytes)) => bytes.len(),
                    TaskPiece::Blob { .. } | TaskPiece::Kept(Kept::There { .. }) => PIECE_BYTES,
                })
                .sum(),
        }
    }
}

/// What a piece that is a blob takes in a frame, about.
const PIECE_BYTES: usize = 96;
/// A host that can take tasks now, and those that it is to get.
struct Share {
    host: HostId,
    /// How loaded it is, with its share.
    load: u64,
    load_per_task: u64,
    room: u32,
    tasks: Vec<TaskId>,
}

impl Share {
    fn take(&mut self, task: TaskId) {
        self.tasks.push(task);
        self.room -= 1;
        self.load += self.load_per_task;
    }
}

impl List {
    /// Sends what should be sent now. Without `flush`, a few tasks may be held back until more are there, if
    /// every slot is busy.
    pub(super) fn assign(&mut self, now_ms: u64, flush: bool, actions: &mut Vec<Action>) {
        if self.waiting == 0 {
            return;
        }
        let can_wait = !flush && self.waiting < SUBMIT_BATCH_TASKS;
        self.fail_arguments(now_ms, actions);
        self.launch_pinned(now_ms, actions);
        let mut shares = self.shares(false, |load| load.room(can_wait));
        if shares.is_empty() {
            shares = self.shares(true, HostLoad::room_behind);
        }
        if shares.is_empty() {
            return;
        }
        self.share_again(&mut shares);
        self.share_fresh(&mut shares);
        for share in shares {
            self.send(now_ms, share.host, share.tasks, actions);
        }
    }

    /// The hosts with room that are behind, or those that are not.
    fn shares(&self, is_behind: bool, room: impl Fn(&HostLoad) -> u32) -> Vec<Share> {
        self.hosts
            .iter()
            .filter(|(_, load)| load.progress.is_behind == is_behind)
            .map(|(&host, load)| Share {
                host,
                load: load.scaled(load.in_flight),
                load_per_task: load.scaled(1),
                room: room(load),
                tasks: Vec::new(),
            })
            .filter(|share| share.room > 0)
            .collect()
    }

    /// Shares out the tasks to be tried again. One that failed on a host goes to another, if there is one; one
    /// that did not start there preferably.
    fn share_again(&mut self, shares: &mut [Share]) {
        let mut room: u64 = shares.iter().map(|share| u64::from(share.room)).sum();
        // Many may wait, if most tasks leave their closure: no more are looked at than can be sent.
        let mut passed_over = Vec::new();
        while room > 0
            && let Some(id) = self.again.pop_front()
        {
            let Some(state) = self.tasks.get(&id).filter(|state| state.place == Place::Waiting)
            else {
                continue;
            };
            let closure = state.task.closure;
            let can_prepare = |share: &Share| self.can_prepare(share.host, closure);
            let is_last = |share: &Share| state.last == Some(share.host);
            // Where nobody else can prepare its closure, it goes back to where it failed.
            let may_return = state.failure.is_none()
                || !self
                    .hosts
                    .keys()
                    .any(|&host| state.last != Some(host) && self.can_prepare(host, closure));
            let suits = |share: &&mut Share| {
                share.room > 0 && can_prepare(share) && (may_return || !is_last(share))
            };
            let rank = |share: &&mut Share| (is_last(share), share.load);
            match shares.iter_mut().filter(suits).min_by_key(rank) {
                Some(share) => {
                    share.take(id);
                    room -= 1;
                }
                None => passed_over.push(id),
            }
        }
        for id in passed_over.into_iter().rev() {
            self.again.push_front(id);
        }
    }

    /// Deals out fresh tasks, the least loaded host first.
    fn share_fresh(&mut self, shares: &mut [Share]) {
        let portion = (self.fresh.len() / (shares.len() * PORTIONS)).max(1);
        let mut open: BinaryHeap<Reverse<(u64, usize)>> = shares
            .iter()
            .enumerate()
            .filter(|(_, share)| share.room > 0)
            .map(|(index, share)| Reverse((share.load, index)))
            .collect();
        while let Some(Reverse((_, index))) = open.pop() {
            if shares[index].room == 0 {
                // Others were nearer to what its tasks need.
                continue;
            }
            let room = shares[index].room as usize;
            for _ in 0..portion.min(room) {
                let Some(id) = self.next_fresh() else { return };
                match self.nearer(id, shares, index) {
                    Some(nearer) => shares[nearer].take(id),
                    None => shares[index].take(id),
                }
            }
            let share = &shares[index];
            if share.room > 0 {
                open.push(Reverse((share.load, index)));
            }
        }
    }

    /// The host with the most of a task's arguments, if that is much, and it has room, and is another than `index`.
    fn nearer(&self, id: TaskId, shares: &[Share], index: usize) -> Option<usize> {
        let task = &self.tasks.get(&id)?.task;
        let TaskArguments::Pieces(_) = task.arguments else { return None };
        let kept = task.arguments.kept_bytes();
        let near = shares.iter().enumerate().filter(|(_, share)| share.room > 0);
        let (nearest, bytes) = near
            .filter_map(|(place, share)| Some((place, *kept.get(&share.host)?)))
            .max_by_key(|(place, bytes)| (*bytes, Reverse(*place)))?;
        let here = kept.get(&shares[index].host).copied().unwrap_or(0);
        (nearest != index && shares[index].room > 0 && bytes > here + INLINE_BYTES_MAX as u64)
            .then_some(nearest)
    }

    /// Ends the tasks that wait for a host and need what was lost with another.
    fn fail_arguments(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        for id in std::mem::take(&mut self.suspects) {
            let state = self.tasks.get(&id).filter(|state| state.place == Place::Waiting);
            if let Some(reason) = state.and_then(|state| self.missing(state)) {
                self.complete(now_ms, id, TaskOutcome::ArgumentLost(reason), actions);
            }
        }
    }

    /// Sends the tasks that one host alone may run.
    fn launch_pinned(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let mut places: BTreeMap<HostId, Vec<TaskId>> = BTreeMap::new();
        for id in std::mem::take(&mut self.pinned) {
            if let Some(host) = self.tasks.get(&id).and_then(|state| state.task.pinned) {
                places.entry(host).or_default().push(id);
            }
        }
        for (host, ids) in places {
            if self.hosts.contains_key(&host) {
                self.send(now_ms, host, ids, actions);
                continue;
            }
            for id in ids {
                let reason = "the host was lost before its team began".to_owned();
                self.complete(now_ms, id, TaskOutcome::HostLost(reason), actions);
            }
        }
    }

    fn next_fresh(&mut self) -> Option<TaskId> {
        loop {
            let (_, id) = self.fresh.pop_front()?;
            // Those that ended meanwhile are skipped.
            if self.tasks.get(&id).is_some_and(|state| state.place == Place::Waiting) {
                return Some(id);
            }
        }
    }

    fn send(&mut self, now_ms: u64, host: HostId, ids: Vec<TaskId>, actions: &mut Vec<Action>) {
        let Some(load) = self.hosts.get_mut(&host) else { return };
        load.progress.sent(now_ms, !load.has_live_tasks());
        let mut tasks = Vec::with_capacity(ids.len());
        let mut frame_bytes = 0;
        let mut sent = 0;
        let (mut queue_ms, mut argument_bytes) = (0, 0);
        for id in ids {
            let Some(state) = self.tasks.get_mut(&id) else { continue };
            if load.in_flight_bytes >= load.bytes_max() && state.task.pinned.is_none() {
                self.again.push_back(id);
                continue;
            }
            let bytes = state.task.arguments_bytes();
            if frame_bytes + bytes > BATCH_BYTES_MAX || tasks.len() == BATCH_TASKS_MAX {
                actions.push(Action::Send { host, tasks: std::mem::take(&mut tasks) });
                frame_bytes = 0;
            }
            state.sent_ms = now_ms;
            queue_ms += now_ms.saturating_sub(state.submitted_ms);
            argument_bytes += state.task.arguments.bytes();
            tasks.push(state.start(id, host, self.rules.task_deadline_ms));
            frame_bytes += bytes;
            sent += 1;
            load.in_flight += 1;
            load.in_flight_bytes += bytes;
        }
        self.waiting -= sent;
        if let Some(stats) = self.host_stats.get_mut(&host) {
            stats.sent += sent as u64;
            stats.queue_ms += queue_ms;
            stats.argument_bytes += argument_bytes;
        }
        if !tasks.is_empty() {
            actions.push(Action::Send { host, tasks });
        }
    }
}
