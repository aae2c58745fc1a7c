//! Tasks that leave what their closure has proved are run again by its fallback, from their start.
//!
//! That says nothing about the host, so it costs none of the task's retries. The attempt's number goes on, index and
//! seed stay, and what was printed is not shown again: the fallback prints the same.
//!
//! Hosts prepare a fallback when the first task needs it. One that cannot is given no more such tasks; once that is so
//! of every host, those tasks end as they did when they left their closure.

use std::collections::BTreeSet;

use spm_protocol::TaskId;
use spm_protocol::frame::Role;
use spm_protocol::raised::left_proof;

use super::HostId;
use super::list::{Action, List};
use super::task::{Left, Place};
use crate::completion::{Delivery, Deopt, TaskOutcome};

/// Why a task that left its closure is not run again.
const HAS_TALKED: &str = "it is not run again alone, as others have heard of it";

impl List {
    /// Has the fallback run a task whose attempt ended with `outcome`, if that is why there is one. `false` if the
    /// outcome is final.
    ///
    /// One that has asked or sent something is not run again alone: others have heard of it.
    pub(super) fn fall_back(
        &mut self,
        id: TaskId,
        outcome: &TaskOutcome,
        actions: &mut Vec<Action>,
    ) -> bool {
        let TaskOutcome::Raised(record) = outcome else { return false };
        let Some(state) = self.tasks.get_mut(&id).filter(|state| state.left.is_none()) else {
            return false;
        };
        let closure = state.task.closure;
        let Some(fallback) = self.fallbacks.get(closure as usize).copied().flatten() else {
            return false;
        };
        if left_proof(record).is_none() {
            return false;
        }
        if state.has_talked || matches!(state.task.role, Role::Rank { .. }) {
            state.unbacked = Some(HAS_TALKED.to_owned());
            return false;
        }
        let record = record.clone();
        state.left = Some(Left { closure, attempts: state.attempts, record: record.clone() });
        state.task.closure = fallback;
        let (index, last) = (state.task.index, state.last);
        self.wait_again(id, None);
        self.stats.deopts += 1;
        if let Some(stats) = last.and_then(|host| self.host_stats.get_mut(&host)) {
            stats.deopts += 1;
        }
        if self.left.insert(closure) {
            let deopt = Deopt { task: id, index, closure, record };
            actions.push(Action::Deliver(Delivery::Deopt(deopt)));
        }
        true
    }

    /// Takes that a host cannot prepare a task's closure. That was no attempt: it goes to the others.
    pub(super) fn take_unprepared(&mut self, id: TaskId, host: HostId, reason: String) {
        let Some(state) = self.tasks.get_mut(&id) else { return };
        let closure = state.task.closure;
        state.attempts -= 1;
        self.wait_again(id, None);
        let hosts = self.unprepared.entry(closure).or_default();
        if hosts.insert(host, reason).is_none() && hosts.len() == 1 {
            // Fresh tasks go to any host.
            let tasks = &self.tasks;
            let is_for_it =
                |id: &TaskId| tasks.get(id).is_some_and(|state| state.task.closure == closure);
            self.again.extend(self.fresh.iter().map(|(_, id)| *id).filter(is_for_it));
            self.fresh.retain(|(_, id)| !is_for_it(id));
        }
    }

    /// Whether a host may be given tasks of a closure.
    pub(super) fn can_prepare(&self, host: HostId, closure: u32) -> bool {
        !self.unprepared.get(&closure).is_some_and(|hosts| hosts.contains_key(&host))
    }

    /// Ends the tasks that wait for a fallback which no host that is online can prepare.
    pub(super) fn fail_unprepared(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if self.unprepared.is_empty() || self.hosts.is_empty() {
            return;
        }
        let nowhere: Vec<u32> = self
            .unprepared
            .iter()
            .filter(|(_, hosts)| self.hosts.keys().all(|host| hosts.contains_key(host)))
            .map(|(&closure, _)| closure)
            .collect();
        if nowhere.is_empty() {
            return;
        }
        let (tasks, mut ids) = (&self.tasks, Vec::new());
        self.again.retain(|&id| {
            let is_over = tasks.get(&id).is_some_and(|state| {
                state.place == Place::Waiting && nowhere.contains(&state.task.closure)
            });
            if is_over {
                ids.push(id);
            }
            !is_over
        });
        for id in ids {
            self.end_unprepared(now_ms, id, actions);
        }
    }

    fn end_unprepared(&mut self, now_ms: u64, id: TaskId, actions: &mut Vec<Action>) {
        let Some(state) = self.tasks.get_mut(&id) else { return };
        let hosts = self.unprepared.get(&state.task.closure);
        // Most often all have the same reason.
        let reasons: BTreeSet<&str> = hosts.into_iter().flatten().map(|(_, why)| &**why).collect();
        let reason = reasons.into_iter().collect::<Vec<_>>().join("; ");
        let outcome = match state.left.take() {
            Some(Left { closure, attempts, record }) => {
                state.task.closure = closure;
                state.attempts = attempts;
                state.unbacked = Some(reason);
                self.stats.deopts -= 1;
                TaskOutcome::Raised(record)
            }
            None => TaskOutcome::Unprepared(reason),
        };
        self.complete(now_ms, id, outcome, actions);
    }
}
