//! Teams, as the owner of their run sees them.

use std::collections::BTreeMap;

use spm_hub::machine::{Action, Conversation};
use spm_hub::{Completion, TaskOutcome};
use spm_protocol::{Payload, TaskId};

use super::host::{CLOSURE, value_of};
use super::random::Random;
use super::scripts::{ends, programs};
use super::work::team_arguments;

/// The teams of one run.
#[derive(Debug, Default)]
pub struct Crew {
    seed: u64,
    size: u32,
    /// Ranks that have not ended.
    flying: BTreeMap<TaskId, u32>,
    outcomes: Vec<TaskOutcome>,
    /// How often one may still begin.
    begins_left: u64,
    is_cancelled: bool,
    pub begun: u64,
    pub returned: u64,
    pub deadlocks: u64,
}

impl Crew {
    pub fn new(random: &mut Random) -> Self {
        Self { begins_left: random.between(1, 3), ..Self::default() }
    }

    pub fn is_done(&self) -> bool {
        self.flying.is_empty() && self.begins_left == 0
    }

    /// Begins a team if it is time. Returns the ranks.
    pub fn begin(
        &mut self,
        hub: &mut Conversation,
        now_ms: u64,
        random: &mut Random,
        actions: &mut Vec<Action>,
    ) -> Vec<(TaskId, u32)> {
        if !self.flying.is_empty() || self.begins_left == 0 {
            return Vec::new();
        }
        self.begins_left -= 1;
        let Some(first) = hub.list().map(spm_hub::machine::list::List::next_task) else {
            return Vec::new();
        };
        self.seed = random.between(0, u64::MAX / 2);
        self.size = random.between(1, 6) as u32;
        self.outcomes.clear();
        let arguments = Payload::Inline(team_arguments(self.seed, self.size));
        if hub.start_team(now_ms, CLOSURE, &arguments, self.size, actions).is_err() {
            return Vec::new();
        }
        self.begun += 1;
        let ranks = (0..self.size).map(|rank| (TaskId(first.0 + u64::from(rank)), rank));
        self.flying = ranks.collect();
        self.flying.clone().into_iter().collect()
    }

    /// Notes that the owner cancels some of it.
    pub fn cancel(&mut self) {
        self.is_cancelled = true;
    }

    /// Takes the end of a rank, and with the last of them looks at the team.
    pub fn take(&mut self, completion: &Completion) -> Result<(), String> {
        let task = completion.task;
        let Some(rank) = self.flying.remove(&task) else {
            return Err(format!("task {task} is no rank"));
        };
        if completion.attempts > 1 || completion.is_deopt {
            return Err(format!("rank {rank} was tried again"));
        }
        if let TaskOutcome::Returned(value) = &completion.outcome
            && *value != value_of(u64::from(rank), CLOSURE)
        {
            return Err(format!("rank {rank} has the result of another"));
        }
        self.outcomes.push(completion.outcome.clone());
        if self.flying.is_empty() { self.look() } else { Ok(()) }
    }

    fn look(&mut self) -> Result<(), String> {
        let can_end = ends(&programs(self.seed, self.size));
        let all = |is: fn(&TaskOutcome) -> bool| self.outcomes.iter().all(is);
        let any = |is: fn(&TaskOutcome) -> bool| self.outcomes.iter().any(is);
        let is_returned = |it: &TaskOutcome| matches!(it, TaskOutcome::Returned(_));
        let is_deadlock = |it: &TaskOutcome| matches!(it, TaskOutcome::Deadlock(_));
        let said = format!("team {} of {}: {:?}", self.seed, self.size, self.outcomes);
        if any(is_deadlock) {
            self.deadlocks += 1;
            if can_end {
                return Err(format!("a deadlock where there is none: {said}"));
            }
            let is_expected = |it: &TaskOutcome| {
                matches!(
                    it,
                    TaskOutcome::Returned(_) | TaskOutcome::Deadlock(_) | TaskOutcome::Cancelled
                )
            };
            if !all(is_expected) {
                return Err(format!("a deadlock beside another failure: {said}"));
            }
        } else if all(is_returned) {
            self.returned += 1;
            if !can_end {
                return Err(format!("a deadlock that nobody noticed: {said}"));
            }
        } else if !self.is_cancelled
            && all(|it| matches!(it, TaskOutcome::Returned(_) | TaskOutcome::Cancelled))
        {
            return Err(format!("a team was cancelled for no reason: {said}"));
        }
        Ok(())
    }
}
