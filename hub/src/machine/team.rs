//! Messages between the ranks of a team, which all pass the hub.
//!
//! The hub knows what every rank waits for, and every message that is on its way, since a rank's messages reach it before
//! the rank's next wait. So it knows, without a doubt and at once, when ranks wait for one another for ever. What is
//! large stays where it was sent; the hub hands on where that is.

use std::collections::VecDeque;
use std::fmt::Write as _;

use spm_protocol::frame::{Answer, Member};
use spm_protocol::limits::{INBOX_BYTES_MAX, INBOX_MESSAGES_MAX, MIB, SENDS_UNCONFIRMED_MAX};
use spm_protocol::{ContentId, Payload, TaskId};

use super::HostId;

/// What ranks may have sent beyond what an inbox takes before they hear of it, for each rank.
const AHEAD_BYTES: usize = 2 * MIB;
/// The same in messages.
const AHEAD_MESSAGES: usize = SENDS_UNCONFIRMED_MAX as usize;

/// A host that keeps a message, and which time it is online: what it kept before is gone.
pub(super) type Keeper = (HostId, u64);

/// A message on its way.
#[derive(Debug)]
struct Letter {
    source: u32,
    tag: u32,
    message: Payload,
    /// Where it is kept, if it is a blob.
    keeper: Keeper,
    holder: Member,
}

impl Letter {
    fn bytes(&self) -> usize {
        match &self.message {
            Payload::Inline(value) => value.len(),
            Payload::Blob { .. } => 0,
        }
    }

    fn blob(&self) -> Option<(Keeper, ContentId)> {
        match self.message {
            Payload::Inline(_) => None,
            Payload::Blob { id, .. } => Some((self.keeper, id)),
        }
    }

    fn suits(&self, source: Option<u32>, tag: Option<u32>) -> bool {
        source.is_none_or(|source| source == self.source) && tag.is_none_or(|tag| tag == self.tag)
    }
}

/// What a rank waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// A message that is not there.
    Message { source: Option<u32>, tag: Option<u32> },
    /// Room at a rank that has too much to receive.
    Room { destination: u32 },
}

#[derive(Debug)]
struct Rank {
    task: TaskId,
    inbox: VecDeque<Letter>,
    inbox_bytes: usize,
    /// What it waits for, and the number of its question.
    waits: Option<(Wait, u64)>,
    /// A large message that it was told of last: once it asks again, it has it.
    fetching: Option<(Keeper, ContentId)>,
    has_ended: bool,
}

impl Rank {
    fn is_full(&self) -> bool {
        self.inbox.len() >= INBOX_MESSAGES_MAX || self.inbox_bytes >= INBOX_BYTES_MAX
    }

    fn take(&mut self, source: Option<u32>, tag: Option<u32>) -> Option<Letter> {
        let place = self.inbox.iter().position(|letter| letter.suits(source, tag))?;
        let letter = self.inbox.remove(place)?;
        self.inbox_bytes -= letter.bytes();
        Some(letter)
    }
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Answer a rank's question.
    Answer { task: TaskId, number: u64, answer: Answer },
    /// A host need not keep this any longer.
    Free { keeper: Keeper, blob: ContentId },
}

/// The ranks of a run.
#[derive(Debug)]
pub(super) struct Team {
    ranks: Vec<Rank>,
}

/// One rank that sends a message.
#[derive(Debug)]
pub(super) struct Parcel {
    pub source: u32,
    pub destination: u32,
    pub tag: u32,
    pub message: Payload,
    /// The sender's host.
    pub keeper: Keeper,
    pub holder: Member,
    /// The number of the question, if the sender waits for room.
    pub confirm: Option<u64>,
}

impl Team {
    /// A team of these tasks, by rank.
    pub(super) fn new(tasks: impl IntoIterator<Item = TaskId>) -> Self {
        let rank = |task| Rank {
            task,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            waits: None,
            fetching: None,
            has_ended: false,
        };
        Self { ranks: tasks.into_iter().map(rank).collect() }
    }

    /// Takes a message.
    ///
    /// # Errors
    /// Says how its host broke the rules.
    pub(super) fn send(&mut self, parcel: Parcel, acts: &mut Vec<Act>) -> Result<(), String> {
        let Parcel { source, destination, tag, message, keeper, holder, confirm } = parcel;
        let bytes_max = INBOX_BYTES_MAX + self.ranks.len() * AHEAD_BYTES;
        let messages_max = INBOX_MESSAGES_MAX + self.ranks.len() * AHEAD_MESSAGES;
        self.is_awake(source, acts);
        let sender = self.ranks.get(source as usize).map(|rank| rank.task);
        let (Some(sender), Some(rank)) = (sender, self.ranks.get_mut(destination as usize)) else {
            return Err(format!("it let rank {source} send to rank {destination}, which is none"));
        };
        let letter = Letter { source, tag, message, keeper, holder };
        if rank.has_ended {
            acts.extend(letter.blob().map(|(keeper, blob)| Act::Free { keeper, blob }));
        } else if let Some((Wait::Message { source, tag }, number)) = rank.waits
            && letter.suits(source, tag)
        {
            rank.waits = None;
            acts.push(deliver(rank, letter, number));
        } else {
            rank.inbox_bytes += letter.bytes();
            rank.inbox.push_back(letter);
            if rank.inbox_bytes > bytes_max || rank.inbox.len() > messages_max {
                return Err(format!(
                    "it let rank {source} send more than rank {destination} has room for"
                ));
            }
        }
        let is_full = !rank.has_ended && rank.is_full();
        if let Some(number) = confirm {
            if is_full {
                self.ranks[source as usize].waits = Some((Wait::Room { destination }, number));
            } else {
                acts.push(Act::Answer { task: sender, number, answer: Answer::Nothing });
            }
        }
        Ok(())
    }

    /// Gives a rank the first message that suits, now or when it comes.
    pub(super) fn receive(
        &mut self,
        rank: u32,
        number: u64,
        source: Option<u32>,
        tag: Option<u32>,
        acts: &mut Vec<Act>,
    ) {
        self.look(rank, number, source, tag, true, acts);
    }

    /// The same, but does not wait for it.
    pub(super) fn poll(
        &mut self,
        rank: u32,
        number: u64,
        source: Option<u32>,
        tag: Option<u32>,
        acts: &mut Vec<Act>,
    ) {
        self.look(rank, number, source, tag, false, acts);
    }

    fn look(
        &mut self,
        rank: u32,
        number: u64,
        source: Option<u32>,
        tag: Option<u32>,
        waits: bool,
        acts: &mut Vec<Act>,
    ) {
        self.is_awake(rank, acts);
        let Some(entry) = self.ranks.get_mut(rank as usize) else { return };
        match entry.take(source, tag) {
            Some(letter) => {
                acts.push(deliver(entry, letter, number));
                let has_room = !entry.is_full();
                if has_room {
                    self.make_room(rank, acts);
                }
            }
            None if waits => entry.waits = Some((Wait::Message { source, tag }, number)),
            None => acts.push(Act::Answer { task: entry.task, number, answer: Answer::Nothing }),
        }
    }

    /// A rank has ended.
    pub(super) fn end(&mut self, rank: u32, acts: &mut Vec<Act>) {
        self.is_awake(rank, acts);
        let Some(entry) = self.ranks.get_mut(rank as usize) else { return };
        entry.has_ended = true;
        entry.waits = None;
        entry.inbox_bytes = 0;
        let unread = std::mem::take(&mut entry.inbox);
        let blobs = unread.iter().filter_map(Letter::blob);
        acts.extend(blobs.map(|(keeper, blob)| Act::Free { keeper, blob }));
        self.make_room(rank, acts);
    }

    /// Which rank a task is.
    pub(super) fn rank_of(&self, task: TaskId) -> Option<u32> {
        self.ranks.iter().position(|rank| rank.task == task).map(|rank| rank as u32)
    }

    /// Who waits for whom, if that is for ever, and the tasks that do.
    pub(super) fn deadlock(&self) -> Option<(String, Vec<TaskId>)> {
        let is_stuck = self.stuck();
        let stuck = self.ranks.iter().enumerate().filter(|(index, _)| is_stuck[*index]);
        let tasks: Vec<TaskId> = stuck.clone().map(|(_, rank)| rank.task).collect();
        let mut text = String::new();
        for (count, (index, rank)) in stuck.enumerate() {
            if count == RANKS_TOLD_MAX {
                text.push_str("; and others");
                break;
            }
            let Some((wait, _)) = rank.waits else { continue };
            let separator = if count == 0 { "the ranks wait for ever: " } else { "; " };
            // Writing to a String does not fail.
            let _ = write!(text, "{separator}rank {index} {}", self.describe(wait));
        }
        (!tasks.is_empty()).then_some((text, tasks))
    }

    /// Which ranks wait for ever, whatever the others do: those that wait for nobody but one another, and for ranks that
    /// have ended.
    fn stuck(&self) -> Vec<bool> {
        let mut is_stuck: Vec<bool> = self.ranks.iter().map(|rank| rank.waits.is_some()).collect();
        let mut has_changed = is_stuck.contains(&true);
        // Ranks that do something, or may once others have.
        let mut moving = self.ranks.iter().filter(|it| !it.has_ended && it.waits.is_none()).count();
        while has_changed {
            has_changed = false;
            for (index, rank) in self.ranks.iter().enumerate() {
                let Some((wait, _)) = rank.waits.filter(|_| is_stuck[index]) else { continue };
                let may_go_on = match wait {
                    Wait::Message { source: None, .. } => moving > 0,
                    Wait::Message { source: Some(other), .. }
                    | Wait::Room { destination: other } => {
                        let other = other as usize;
                        self.ranks.get(other).is_some_and(|rank| !rank.has_ended)
                            && !is_stuck[other]
                    }
                };
                if may_go_on {
                    is_stuck[index] = false;
                    moving += 1;
                    has_changed = true;
                }
            }
        }
        is_stuck
    }

    fn describe(&self, wait: Wait) -> String {
        match wait {
            Wait::Room { destination } => {
                format!("cannot send to rank {destination}, which has too much to receive")
            }
            Wait::Message { source, tag } => {
                let whose = source.map_or("any rank".to_owned(), |source| {
                    let has_ended =
                        self.ranks.get(source as usize).is_none_or(|rank| rank.has_ended);
                    let ended = if has_ended { ", which has ended" } else { "" };
                    format!("rank {source}{ended}")
                });
                match tag {
                    // Collective operations have the tags above those of users.
                    Some(tag) if tag >= COLLECTIVE_TAG => {
                        format!("is in a collective operation with {whose}")
                    }
                    Some(tag) => format!("waits for {whose}, tag {tag}"),
                    None => format!("waits for {whose}"),
                }
            }
        }
    }

    /// A rank that asks waits for nothing else, and has what it was told of.
    fn is_awake(&mut self, rank: u32, acts: &mut Vec<Act>) {
        if let Some(entry) = self.ranks.get_mut(rank as usize) {
            entry.waits = None;
            acts.extend(entry.fetching.take().map(|(keeper, blob)| Act::Free { keeper, blob }));
        }
    }

    /// Lets those go on that wait for room at a rank.
    fn make_room(&mut self, rank: u32, acts: &mut Vec<Act>) {
        for entry in &mut self.ranks {
            if let Some((Wait::Room { destination }, number)) = entry.waits
                && destination == rank
            {
                entry.waits = None;
                acts.push(Act::Answer { task: entry.task, number, answer: Answer::Nothing });
            }
        }
    }
}

/// Ranks that a report on a deadlock names.
const RANKS_TOLD_MAX: usize = 16;
/// The first tag of collective operations.
const COLLECTIVE_TAG: u32 = 1 << 30;

fn deliver(rank: &mut Rank, letter: Letter, number: u64) -> Act {
    rank.fetching = letter.blob();
    let Letter { source, tag, message, holder, .. } = letter;
    let holder = rank.fetching.map(|_| holder);
    Act::Answer {
        task: rank.task,
        number,
        answer: Answer::Message { source, tag, message, holder },
    }
}

#[cfg(test)]
mod tests;
