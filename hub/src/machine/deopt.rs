//! Tasks that leave what their closure has proved are run again by its fallback, from their start.
//!
//! That says nothing about the host, so it costs none of the task's retries. The attempt's number goes on, index and
//! seed stay, and what was printed is not shown again: the fallback prints the same.

use spm_protocol::TaskId;
use spm_protocol::raised::left_proof;

use super::list::{Action, List};
use crate::completion::{Delivery, Deopt, TaskOutcome};

impl List {
    /// Has the fallback run a task whose attempt ended with `outcome`, if that is why there is one. `false` if the
    /// outcome is final.
    ///
    /// A manager whose tasks talk to others must not have one of them run again alone: what says that a task has asked
    /// or sent something is to be looked at here.
    pub(super) fn fall_back(
        &mut self,
        id: TaskId,
        outcome: &TaskOutcome,
        actions: &mut Vec<Action>,
    ) -> bool {
        let TaskOutcome::Raised(record) = outcome else { return false };
        let Some(state) = self.tasks.get_mut(&id).filter(|state| !state.is_deopt) else {
            return false;
        };
        let closure = state.task.closure;
        let Some(fallback) = self.fallbacks.get(closure as usize).copied().flatten() else {
            return false;
        };
        if left_proof(record).is_none() {
            return false;
        }
        state.is_deopt = true;
        state.task.closure = fallback;
        state.wait_again(None);
        self.again.push_back(id);
        self.waiting += 1;
        self.stats.deopts += 1;
        if let Some(stats) = state.last.and_then(|host| self.host_stats.get_mut(&host)) {
            stats.deopts += 1;
        }
        if self.left.insert(closure) {
            let (index, record) = (state.task.index, record.clone());
            let deopt = Deopt { task: id, index, closure, record };
            actions.push(Action::Deliver(Delivery::Deopt(deopt)));
        }
        true
    }
}
