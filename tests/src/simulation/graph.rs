//! A graph of tasks whose results stay at hosts, as the owner of the run sees it.

use std::collections::{BTreeMap, BTreeSet};

use spm_hub::machine::list::{List, NewTask};
use spm_hub::machine::{Action, Conversation, TaskArguments, TaskPiece};
use spm_hub::{Completion, Kept, TaskOutcome};
use spm_protocol::frame::UNFETCHED;
use spm_protocol::{ContentId, TaskId};

use super::host::CLOSURE;
use super::random::Random;
use super::work::{NODES_MAX, parents_of, parts_of, returns_of};

/// Tasks without a host after which a graph is given up: the last host may have refused it.
const VAIN_MAX: u64 = 200;

#[derive(Debug, Default)]
pub struct Graph {
    nodes: u64,
    /// Results that are kept.
    made: BTreeMap<u64, Vec<Kept>>,
    /// Tasks under way, and what they were given.
    flying: BTreeMap<TaskId, (u64, Vec<Kept>)>,
    /// Nodes that were made once, whatever became of that.
    finished: BTreeSet<u64>,
    /// Tasks for which there was no host.
    in_vain: u64,
    /// Nodes that were made again because their results were lost.
    pub remade: u64,
}

impl Graph {
    pub fn new(random: &mut Random) -> Self {
        Self { nodes: random.between(1, NODES_MAX), ..Self::default() }
    }

    pub fn is_done(&self) -> bool {
        let is_made = self.finished.len() as u64 == self.nodes;
        (is_made || self.in_vain > VAIN_MAX) && self.flying.is_empty()
    }

    /// Nodes that are to be made: those that never were, and what these need and is lost.
    fn wanted(&self) -> BTreeSet<u64> {
        let mut open: Vec<u64> =
            (0..self.nodes).filter(|node| !self.finished.contains(node)).collect();
        let mut wanted = BTreeSet::new();
        while let Some(node) = open.pop() {
            if wanted.insert(node) {
                open.extend(parents_of(node).iter().filter(|it| !self.made.contains_key(it)));
            }
        }
        wanted
    }

    fn is_flying(&self, node: u64) -> bool {
        self.flying.values().any(|(flying, _)| *flying == node)
    }

    /// Tasks that can be submitted now.
    pub fn ready(&mut self, list: &List) -> Vec<NewTask> {
        if self.in_vain > VAIN_MAX {
            return Vec::new();
        }
        self.made.retain(|_, kept| kept.iter().all(|kept| list.is_there(kept)));
        let is_made = |parent: &u64| self.made.contains_key(parent);
        self.wanted()
            .into_iter()
            .filter(|node| !self.is_flying(*node) && parents_of(*node).iter().all(is_made))
            .map(|node| self.task(node))
            .collect()
    }

    fn given(&self, node: u64) -> Vec<Kept> {
        parents_of(node).iter().flat_map(|parent| self.made[parent].clone()).collect()
    }

    fn task(&self, node: u64) -> NewTask {
        let begin = TaskPiece::Bytes(node.to_be_bytes().to_vec().into());
        let kept = self.given(node).into_iter().map(TaskPiece::Kept);
        NewTask {
            arguments: TaskArguments::Pieces(std::iter::once(begin).chain(kept).collect()),
            returns: returns_of(node),
            seed: node,
            ..NewTask::new(CLOSURE, node, Vec::new())
        }
    }

    pub fn submitted(&mut self, id: TaskId, node: u64) {
        let given = self.given(node);
        self.flying.insert(id, (node, given));
    }

    /// Takes the end of a task.
    pub fn take(&mut self, completion: &Completion, list: Option<&List>) -> Result<(), String> {
        let task = completion.task;
        let Some((node, given)) = self.flying.remove(&task) else {
            return Err(format!("task {task} is of no graph"));
        };
        match &completion.outcome {
            TaskOutcome::Kept(kept) => {
                let is_right = |(kept, part): (&Kept, &Vec<u8>)| match kept {
                    Kept::Here(value) => value == part,
                    Kept::There { id, .. } => *id == ContentId::of(part),
                };
                if kept.len() != parts_of(node).len()
                    || !kept.iter().zip(parts_of(node)).all(is_right)
                {
                    return Err(format!("node {node} has the result of another"));
                }
                self.remade += u64::from(!self.finished.insert(node));
                self.made.insert(node, kept.clone());
                Ok(())
            }
            // What could not be fetched may be there once the holder is heard of again.
            TaskOutcome::ArgumentLost(reason)
                if !reason.starts_with(UNFETCHED)
                    && list.is_some_and(|list| given.iter().all(|kept| list.is_there(kept))) =>
            {
                Err(format!("node {node} is said to have lost what is there"))
            }
            TaskOutcome::NoHosts(_) => {
                self.in_vain += 1;
                Ok(())
            }
            TaskOutcome::Returned(_) | TaskOutcome::Grown(..) | TaskOutcome::Deadlock(_) => {
                Err(format!("node {node} ended as {:?}", completion.outcome))
            }
            _ => Ok(()),
        }
    }

    /// Lets go of what nobody needs: all of it, or what is of nodes whose dependants are made.
    pub fn release(
        &mut self,
        all: bool,
        hub: &mut Conversation,
        now_ms: u64,
        actions: &mut Vec<Action>,
    ) {
        let wanted = self.wanted();
        let is_needed = |node: u64| {
            let needs_it = |other: &u64| parents_of(*other).contains(&node);
            wanted.contains(&node)
                || (0..self.nodes)
                    .filter(needs_it)
                    .any(|other| wanted.contains(&other) || self.is_flying(other))
        };
        let over: Vec<u64> =
            self.made.keys().copied().filter(|node| all || !is_needed(*node)).collect();
        for node in over {
            let kept = self.made.remove(&node).unwrap_or_default();
            hub.with_list(
                now_ms,
                |list, _| kept.iter().for_each(|kept| list.release(kept)),
                actions,
            );
        }
    }
}
