//! Tasks that a host does not come to are taken back for hosts that are idle.
//!
//! The slots of a host may be busy with a long task, or with tasks of other sessions and hubs, of which a session
//! knows nothing. So once a host has said nothing for a while, and another has a slot free, what was sent to it is
//! asked back; it returns what has not started. Such a host is behind: until it ends a task again it gets no more
//! than its slots hold, and that only while no other host has room. There the tasks are asked back again, after
//! pauses that grow, so that they find a slot that others leave on any host.

use spm_protocol::TaskId;
use spm_protocol::limits::BATCH_TASKS_MAX;

use super::HostId;
use super::list::{Action, List};
use super::task::Place;
use crate::limits::{RECALL_MAX_MS, RECALL_MIN_MS};

/// How far a host is with what it was sent.
#[derive(Debug)]
pub(super) struct Progress {
    /// When it last ended a task, was asked for tasks, or got one while it had none.
    heard_ms: u64,
    /// How long it may say nothing before it is asked.
    pause_ms: u64,
    /// It was sent tasks since it was asked last, so that some may not have started.
    is_unsure: bool,
    /// It gave tasks back, and ended none since.
    pub(super) is_behind: bool,
    /// Questions that it has not answered.
    asked: usize,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { heard_ms: 0, pause_ms: RECALL_MIN_MS, is_unsure: false, is_behind: false, asked: 0 }
    }

    /// Notes that it is sent tasks.
    pub(super) fn sent(&mut self, now_ms: u64, had_none: bool) {
        if had_none {
            self.heard_ms = now_ms;
        }
        self.is_unsure = true;
    }

    /// Notes that it ended a task.
    pub(super) fn ended(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
        self.pause_ms = RECALL_MIN_MS;
        self.is_behind = false;
    }

    fn ask(&mut self, now_ms: u64, frames: usize) {
        self.heard_ms = now_ms;
        self.is_unsure = false;
        self.asked += frames;
    }

    /// Notes an answer. `false` if there was no question.
    fn answered(&mut self, gives_back: bool) -> bool {
        if self.asked == 0 {
            return false;
        }
        self.asked -= 1;
        if gives_back {
            self.is_behind = true;
            self.pause_ms = (2 * self.pause_ms).min(RECALL_MAX_MS);
        }
        true
    }

    /// When it is to be asked, if it may have tasks that have not started.
    fn due_ms(&self) -> Option<u64> {
        self.is_unsure.then(|| self.heard_ms.saturating_add(self.pause_ms))
    }
}

impl List {
    /// When [`Self::recall`] has something to do next, unless hosts say something before.
    pub(super) fn recall_ms(&self) -> Option<u64> {
        self.hosts
            .iter()
            .filter(|(_, load)| load.has_live_tasks())
            .filter_map(|(&host, load)| Some((host, load.progress.due_ms()?)))
            .filter(|(host, _)| self.is_idle_elsewhere(*host))
            .map(|(_, due_ms)| due_ms)
            .min()
    }

    /// Asks hosts that have said nothing for a while for their tasks, if others are idle.
    pub(super) fn recall(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if self.hosts.len() < 2 || self.recall_ms().is_none_or(|due_ms| now_ms < due_ms) {
            return;
        }
        let due: Vec<HostId> = self
            .hosts
            .iter()
            .filter(|(_, load)| load.has_live_tasks())
            .filter(|(_, load)| load.progress.due_ms().is_some_and(|due_ms| due_ms <= now_ms))
            .map(|(&host, _)| host)
            .filter(|host| self.is_idle_elsewhere(*host))
            .collect();
        for host in due {
            let there: Vec<TaskId> = self
                .tasks
                .iter()
                .filter(|(_, state)| state.place == Place::Running(host))
                .map(|(&id, _)| id)
                .collect();
            let frames = there.chunks(BATCH_TASKS_MAX);
            if let Some(load) = self.hosts.get_mut(&host) {
                load.progress.ask(now_ms, frames.len());
            }
            for tasks in frames {
                actions.push(Action::Recall { host, tasks: tasks.to_vec() });
            }
        }
    }

    /// Takes what a host gave back: the tasks wait again, as if they had never been sent.
    pub(super) fn take_back(
        &mut self,
        host: HostId,
        tasks: Vec<(TaskId, u32)>,
        actions: &mut Vec<Action>,
    ) {
        let Some(load) = self.hosts.get_mut(&host) else { return };
        if !load.progress.answered(!tasks.is_empty()) {
            let reason = "it gave back tasks that it was not asked for".to_owned();
            actions.push(Action::Misbehaved { host, reason });
            return;
        }
        for (id, attempt) in tasks {
            let state = self
                .tasks
                .get_mut(&id)
                .filter(|state| state.place == Place::Running(host) && state.attempts == attempt);
            let Some(state) = state else {
                load.forget(id, attempt);
                self.stats.dropped += 1;
                continue;
            };
            load.unsend(state.task.arguments_bytes());
            state.place = Place::Waiting;
            state.attempts -= 1;
            if state.task.arguments.has_kept() {
                self.suspects.push(id);
            }
            self.waiting += 1;
            self.again.push_back(id);
            if let Some(stats) = self.host_stats.get_mut(&host) {
                stats.sent -= 1;
            }
        }
    }

    /// Whether a host other than `host` has a slot free, for all we know.
    fn is_idle_elsewhere(&self, host: HostId) -> bool {
        self.hosts.iter().any(|(other, load)| *other != host && load.is_idle())
    }
}
