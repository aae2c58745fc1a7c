//! What running tasks want of their manager: answers, a bound, messages to one another; and what hosts keep for them.

use std::collections::BTreeMap;

use bytes::Bytes;
use spm_protocol::frame::{Answer, Member, Question, Returns, Role};
use spm_protocol::limits::{BATCH_TASKS_MAX, RANKS_PER_SLOT_MAX, VALUE_BYTES_MAX};
use spm_protocol::{Arguments, ContentId, Payload, Piece, TaskId};

use super::HostId;
use super::list::{Action, List};
use super::task::{NewTask, Place, TaskState};
use super::team::{Act, Parcel, Team};
use crate::completion::{Ask, Delivery, Kept, TaskOutcome};
use crate::error::SubmitError;

/// Arguments of a task as the machine has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskArguments {
    /// As one value.
    Whole(Payload),
    /// As pieces, some of which hosts keep.
    Pieces(Vec<TaskPiece>),
}

/// A piece of a task's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskPiece {
    /// Bytes that travel with the task.
    Bytes(Bytes),
    /// A blob of the hub's.
    Blob {
        /// Its id.
        id: ContentId,
        /// Its length.
        bytes: u64,
    },
    /// What another task returned.
    Kept(Kept),
}

impl TaskArguments {
    /// Blobs of the hub's that they are made of.
    pub(crate) fn blobs(&self) -> Vec<ContentId> {
        match self {
            Self::Whole(Payload::Blob { id, .. }) => vec![*id],
            Self::Whole(Payload::Inline(_)) => Vec::new(),
            Self::Pieces(pieces) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    TaskPiece::Blob { id, .. } => Some(*id),
                    TaskPiece::Bytes(_) | TaskPiece::Kept(_) => None,
                })
                .collect(),
        }
    }

    /// Whether a host keeps some of them.
    pub(super) fn has_kept(&self) -> bool {
        let is_kept = |piece: &TaskPiece| matches!(piece, TaskPiece::Kept(Kept::There { .. }));
        matches!(self, Self::Pieces(pieces) if pieces.iter().any(is_kept))
    }

    /// How many bytes there are, wherever they are.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Whole(Payload::Inline(value)) => value.len() as u64,
            Self::Whole(Payload::Blob { bytes, .. }) => *bytes,
            Self::Pieces(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    TaskPiece::Bytes(bytes) => bytes.len() as u64,
                    TaskPiece::Blob { bytes, .. } => *bytes,
                    TaskPiece::Kept(kept) => kept.bytes(),
                })
                .sum(),
        }
    }

    /// How many of their bytes each host keeps.
    pub(super) fn kept_bytes(&self) -> BTreeMap<HostId, u64> {
        let mut bytes = BTreeMap::new();
        if let Self::Pieces(pieces) = self {
            for piece in pieces {
                if let TaskPiece::Kept(Kept::There { host, bytes: count, .. }) = piece {
                    *bytes.entry(*host).or_default() += count;
                }
            }
        }
        bytes
    }
}

/// What a question needs to be known by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub host: HostId,
    pub task: TaskId,
    pub attempt: u32,
    pub number: u64,
}

impl List {
    /// Takes a question of a task.
    pub(super) fn hear_question(
        &mut self,
        now_ms: u64,
        asker: Asker,
        question: Question,
        actions: &mut Vec<Action>,
    ) {
        let Asker { host, task, attempt, number } = asker;
        let state = self
            .tasks
            .get_mut(&task)
            .filter(|state| state.place == Place::Running(host) && state.attempts == attempt);
        if number == 0 {
            let reason = "it numbered a question 0".to_owned();
            actions.push(Action::Misbehaved { host, reason });
            return;
        }
        let Some(state) = state else {
            // The task is not wanted any more, nor is what it says.
            if let Question::Send { message: Payload::Blob { id, .. }, .. } = question {
                self.let_go(host, id);
            }
            return;
        };
        match (state.task.role, question) {
            (Role::Asker, Question::Ask(Payload::Blob { bytes, .. }))
                if bytes > VALUE_BYTES_MAX as u64 =>
            {
                let limit = VALUE_BYTES_MAX;
                let reason = format!("it let a task ask {bytes} bytes, over the limit of {limit}");
                actions.push(Action::Misbehaved { host, reason });
            }
            (Role::Asker, Question::Ask(payload)) if state.asking.is_none() => {
                state.asking = Some(number);
                state.has_talked = true;
                match payload {
                    Payload::Inline(value) => self.deliver_question(task, value.into(), actions),
                    Payload::Blob { id, bytes } => {
                        actions.push(Action::Fetch { host, task, attempt, number, id, bytes });
                    }
                }
            }
            (Role::Branch, Question::Improve(bits)) => {
                self.improve(f64::from_bits(bits), Some(host), actions);
            }
            (Role::Rank { rank, .. }, question) => {
                state.has_talked = true;
                self.hear_rank(now_ms, rank, asker, question, actions);
            }
            (role, _) => {
                let reason = format!("it let a task ask what it may not: {role:?}");
                actions.push(Action::Misbehaved { host, reason });
            }
        }
    }

    /// A question that was too large for a frame; none, if it could not be fetched.
    pub(super) fn take_question(
        &mut self,
        task: TaskId,
        attempt: u32,
        number: u64,
        content: Option<Bytes>,
        actions: &mut Vec<Action>,
    ) {
        let Some(state) = self.tasks.get_mut(&task) else { return };
        let Place::Running(host) = state.place else { return };
        if state.attempts != attempt || state.asking != Some(number) {
            return;
        }
        if let Some(value) = content {
            self.deliver_question(task, value, actions);
        } else {
            // There is no answer to what nobody has read: its host ends the task, whose other attempts ask again.
            state.asking = None;
            let answer = Answer::Nothing;
            actions.push(Action::Answer { host, task, attempt, number, answer });
        }
    }

    fn deliver_question(&mut self, task: TaskId, value: Bytes, actions: &mut Vec<Action>) {
        let Some(state) = self.tasks.get(&task) else { return };
        let (Place::Running(host), Some(number)) = (state.place, state.asking) else { return };
        let ask = Ask {
            task,
            index: state.task.index,
            attempt: state.attempts,
            number,
            closure: state.task.closure,
            host: self.host_stats.get(&host).map(|stats| stats.peer),
            value,
        };
        actions.push(Action::Deliver(Delivery::Ask(ask)));
    }

    /// Takes the manager's answer to a task's question; says whether the task still waits for it. `blob` is the hub's
    /// own, and given back with the task.
    pub fn answer(
        &mut self,
        task: TaskId,
        attempt: u32,
        number: u64,
        answer: Payload,
        actions: &mut Vec<Action>,
    ) -> bool {
        let state = self
            .tasks
            .get_mut(&task)
            .filter(|state| state.attempts == attempt && state.asking == Some(number));
        let Some(state) = state else { return false };
        let Place::Running(host) = state.place else { return false };
        state.asking = None;
        if let Payload::Blob { id, .. } = answer {
            state.answers.push(id);
        }
        let answer = Answer::Value(answer);
        actions.push(Action::Answer { host, task, attempt, number, answer });
        true
    }

    /// Takes a value that a task, or the manager, has found.
    pub(super) fn improve(&mut self, value: f64, from: Option<HostId>, actions: &mut Vec<Action>) {
        if value >= self.bound() || value.is_nan() {
            return;
        }
        self.bound = value.to_bits();
        let others = self.hosts.keys().copied().filter(|host| Some(*host) != from);
        actions.extend(others.map(|host| Action::Bound { host, bound: value.to_bits() }));
    }

    /// The least value that a task is known to have found.
    pub fn bound(&self) -> f64 {
        f64::from_bits(self.bound)
    }

    /// Starts a team of `size` ranks with the same arguments; ranks are the indices of its tasks.
    ///
    /// # Errors
    /// If the hosts, or the window, have no room for so many.
    pub fn start_team(
        &mut self,
        now_ms: u64,
        closure: u32,
        arguments: &Payload,
        size: u32,
    ) -> Result<(), SubmitError> {
        let bytes = match arguments {
            Payload::Inline(value) => value.len(),
            Payload::Blob { bytes, .. } => usize::try_from(*bytes).unwrap_or(usize::MAX),
        };
        self.check(closure, bytes)?;
        if size as usize > self.room() || !self.tasks.is_empty() {
            return Err(SubmitError::Full { window_tasks: self.rules.window_tasks });
        }
        let places = self.places(size)?;
        let mut here: BTreeMap<HostId, u32> = BTreeMap::new();
        for host in &places {
            *here.entry(*host).or_default() += 1;
        }
        let mut tasks = Vec::new();
        for (rank, host) in (0..).zip(places) {
            let task = NewTask {
                closure,
                index: u64::from(rank),
                seed: crate::options::seed_of(u64::from(rank)),
                deadline_ms: None,
                arguments: TaskArguments::Whole(arguments.clone()),
                returns: Returns::Sent,
                role: Role::Rank { rank, size, here: here[&host] },
                priority: 0,
                pinned: Some(host),
                attempts_before: 0,
            };
            tasks.push(self.submit(now_ms, task));
        }
        self.team = Some(Team::new(tasks));
        self.is_failing = false;
        Ok(())
    }

    /// A host for each rank: slot by slot, and again from the first, as far as hosts take more.
    fn places(&self, size: u32) -> Result<Vec<HostId>, SubmitError> {
        // Ranks of a team before this one may not have stopped everywhere.
        let mut room: BTreeMap<HostId, u32> = self
            .hosts
            .iter()
            .map(|(&host, load)| (host, load.free_credits().min(load.slots * RANKS_PER_SLOT_MAX)))
            .collect();
        let slots = self.hosts.iter().flat_map(|(&host, load)| (0..load.slots).map(move |_| host));
        let slots: Vec<HostId> = slots.collect();
        let limit: usize = room.values().map(|room| *room as usize).sum();
        if size as usize > limit {
            return Err(SubmitError::TeamTooLarge { size, slots: slots.len(), limit });
        }
        let mut places = Vec::with_capacity(size as usize);
        for host in slots.iter().cycle() {
            if places.len() == size as usize {
                break;
            }
            if let Some(room) = room.get_mut(host).filter(|room| **room > 0) {
                *room -= 1;
                places.push(*host);
            }
        }
        Ok(places)
    }

    fn hear_rank(
        &mut self,
        now_ms: u64,
        rank: u32,
        asker: Asker,
        question: Question,
        actions: &mut Vec<Action>,
    ) {
        let Asker { host, number, .. } = asker;
        let Some(team) = &mut self.team else { return };
        let mut acts = Vec::new();
        let heard = match question {
            Question::Send { destination, tag, message, confirm } => {
                let Some(holder) = self.host_stats.get(&host).map(|stats| Member::from(stats.peer))
                else {
                    return;
                };
                let keeper = (host, self.lives.get(&host).copied().unwrap_or(0));
                let confirm = confirm.then_some(number);
                let source = rank;
                let parcel = Parcel { source, destination, tag, message, keeper, holder, confirm };
                team.send(parcel, &mut acts)
            }
            Question::Receive { source, tag } => {
                team.receive(rank, number, source, tag, &mut acts);
                Ok(())
            }
            Question::Poll { source, tag } => {
                team.poll(rank, number, source, tag, &mut acts);
                Ok(())
            }
            Question::Ask(_) | Question::Improve(_) => {
                Err("it let a rank ask what it may not".to_owned())
            }
        };
        self.carry_out(acts, actions);
        match heard {
            Ok(()) => self.look_for_deadlock(now_ms, actions),
            Err(reason) => actions.push(Action::Misbehaved { host, reason }),
        }
    }

    /// A rank has ended: nobody can receive from it any more, and if it failed, all have.
    pub(super) fn end_rank(&mut self, task: TaskId, is_returned: bool, actions: &mut Vec<Action>) {
        let Some(team) = &mut self.team else { return };
        let Some(rank) = team.rank_of(task) else { return };
        let mut acts = Vec::new();
        team.end(rank, &mut acts);
        self.is_failing |= !is_returned;
        self.carry_out(acts, actions);
    }

    /// Ends a team of which a rank has failed, or whose ranks wait for ever.
    pub(super) fn end_team(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if self.team.is_none() {
            return;
        }
        self.look_for_deadlock(now_ms, actions);
        if self.is_failing && !self.tasks.is_empty() {
            self.stop_tasks(now_ms, &TaskOutcome::Cancelled, actions);
        }
    }

    fn look_for_deadlock(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if self.is_failing {
            return;
        }
        if let Some((text, stuck)) = self.team.as_ref().and_then(Team::deadlock) {
            self.is_failing = true;
            self.stop(now_ms, &stuck, &TaskOutcome::Deadlock(text), actions);
            // Ranks that were still at work, and ended just before or after, are not among those that wait.
            self.stop_tasks(now_ms, &TaskOutcome::Cancelled, actions);
        }
    }

    fn carry_out(&mut self, acts: Vec<Act>, actions: &mut Vec<Action>) {
        for act in acts {
            match act {
                Act::Answer { task, number, answer } => {
                    if let Some(state) = self.tasks.get(&task)
                        && let Place::Running(host) = state.place
                    {
                        let attempt = state.attempts;
                        actions.push(Action::Answer { host, task, attempt, number, answer });
                    }
                }
                Act::Free { keeper: (host, life), blob } => {
                    if self.life_of(host) == Some(life) {
                        self.let_go(host, blob);
                    }
                }
            }
        }
    }

    /// Notes that nobody needs what a host keeps. [`Self::free`] tells it.
    fn let_go(&mut self, host: HostId, blob: ContentId) {
        if self.hosts.contains_key(&host) {
            self.unneeded.entry(host).or_default().push(blob);
        }
    }

    /// Nobody needs a kept result any more.
    pub fn release(&mut self, kept: &Kept) {
        if let Kept::There { host, life, id, .. } = *kept
            && self.life_of(host) == Some(life)
        {
            self.let_go(host, id);
        }
    }

    /// What a host keeps of an attempt that is not wanted.
    pub(super) fn let_go_all(&mut self, host: HostId, parts: &[Payload]) {
        for part in parts {
            if let Payload::Blob { id, .. } = part {
                self.let_go(host, *id);
            }
        }
    }

    /// Tells hosts what they need not keep.
    pub(super) fn free(&mut self, actions: &mut Vec<Action>) {
        for (host, blobs) in std::mem::take(&mut self.unneeded) {
            for blobs in blobs.chunks(BATCH_TASKS_MAX) {
                actions.push(Action::Free { host, blobs: blobs.to_vec() });
            }
        }
    }

    /// Which time a host is online in this run, if it is.
    pub(super) fn life_of(&self, host: HostId) -> Option<u64> {
        self.hosts.contains_key(&host).then(|| self.lives.get(&host).copied()).flatten()
    }

    /// Whether a kept result can be had.
    pub fn is_there(&self, kept: &Kept) -> bool {
        match kept {
            Kept::Here(_) => true,
            Kept::There { host, life, .. } => self.life_of(*host) == Some(*life),
        }
    }

    /// Results that stay at a host, as the manager is given them.
    pub(super) fn kept(&self, host: HostId, parts: Vec<Payload>) -> Vec<Kept> {
        let life = self.lives.get(&host).copied().unwrap_or(0);
        let peer = self.host_stats.get(&host).map(|stats| stats.peer);
        parts
            .into_iter()
            .map(|part| match (part, peer) {
                (Payload::Blob { id, bytes }, Some(peer)) => {
                    Kept::There { host, life, peer, id, bytes }
                }
                (Payload::Blob { .. }, None) => Kept::Here(Bytes::new()),
                (Payload::Inline(value), _) => Kept::Here(value.into()),
            })
            .collect()
    }

    /// Whether a task's arguments can be put together, or why not.
    pub(super) fn missing(&self, state: &TaskState) -> Option<String> {
        let TaskArguments::Pieces(pieces) = &state.task.arguments else { return None };
        pieces.iter().find_map(|piece| match piece {
            TaskPiece::Kept(kept @ Kept::There { peer, .. }) if !self.is_there(kept) => {
                Some(format!("what another task returned was lost with its host `{peer}`"))
            }
            _ => None,
        })
    }
}

/// A task's arguments as they travel.
pub(super) fn travelling(arguments: &TaskArguments) -> Arguments {
    match arguments {
        TaskArguments::Whole(payload) => Arguments::Whole(payload.clone()),
        TaskArguments::Pieces(pieces) => {
            Arguments::Pieces(pieces.iter().map(travelling_piece).collect())
        }
    }
}

fn travelling_piece(piece: &TaskPiece) -> Piece {
    match piece {
        TaskPiece::Bytes(bytes) | TaskPiece::Kept(Kept::Here(bytes)) => {
            Piece::Bytes(bytes.to_vec())
        }
        TaskPiece::Blob { id, bytes } => Piece::Blob { id: *id, bytes: *bytes, holder: None },
        TaskPiece::Kept(Kept::There { peer, id, bytes, .. }) => {
            Piece::Blob { id: *id, bytes: *bytes, holder: Some(Member::from(*peer)) }
        }
    }
}

/// Why pieces make no task, if they do not.
pub(super) fn check_pieces(pieces: &[TaskPiece]) -> Result<(), SubmitError> {
    use spm_protocol::limits::{PIECES_BYTES_MAX, PIECES_MAX};
    let arguments = Arguments::Pieces(pieces.iter().map(travelling_piece).collect());
    let inline: usize = pieces
        .iter()
        .map(|piece| match piece {
            TaskPiece::Bytes(bytes) | TaskPiece::Kept(Kept::Here(bytes)) => bytes.len(),
            _ => 0,
        })
        .sum();
    let bytes = usize::try_from(arguments.bytes()).unwrap_or(usize::MAX);
    if bytes > VALUE_BYTES_MAX {
        return Err(SubmitError::TooLarge { bytes, limit: VALUE_BYTES_MAX });
    }
    if pieces.len() > PIECES_MAX || inline > PIECES_BYTES_MAX {
        let (count, limit) = (pieces.len(), PIECES_MAX);
        return Err(SubmitError::TooManyPieces { count, limit });
    }
    Ok(())
}
