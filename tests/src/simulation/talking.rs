//! Simulated tasks that talk to their managers, and what their hosts keep for them.

use std::collections::{BTreeMap, VecDeque};

use spm_protocol::frame::{Answer, HostWork, Member, Question, Role, Task};
use spm_protocol::{ContentId, Payload, Point, TaskId};

use super::Mutation;
use super::host::{HostSession, SimulatedHost, send_work};
use super::network::{ConnectionId, Happening, Network};
use super::random::Random;
use super::scripts::{Op, programs};
use super::work::{answer_to, message_of, number_of, question_of, team_of};

/// How long what is said to be large is said to be.
pub const LARGE_BYTES: u64 = 100_000;
/// Messages without confirmation, in simulations: fewer than in truth, so that it happens.
const UNCONFIRMED_MAX: u32 = 3;

/// A running task that talks.
#[derive(Debug)]
pub struct Talk {
    pub point: Point,
    ops: VecDeque<Op>,
    asked: u64,
    waits: Option<(u64, Wait)>,
    sent: BTreeMap<u32, u32>,
    /// The last message of each rank and tag.
    heard: BTreeMap<(u32, u32), u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wait {
    Answer(Vec<u8>),
    Message { source: Option<u32>, tag: Option<u32> },
    Room,
}

/// A message that a rank fetches.
#[derive(Debug, Clone)]
pub struct Fetching {
    pub connection: ConnectionId,
    pub task: TaskId,
    pub attempt: u32,
    pub holder: Member,
    pub id: ContentId,
    pub source: u32,
    pub tag: u32,
}

impl HostSession {
    /// Keeps a value for the point.
    pub fn keep(&mut self, point: Point, value: Vec<u8>) -> Payload {
        let id = ContentId::of(&value);
        let kept = self.kept.entry(id).or_insert((point, value, 0));
        kept.2 += 1;
        Payload::Blob { id, bytes: LARGE_BYTES }
    }

    /// Keeps none of these any longer; fails if it was not kept.
    pub fn free(&mut self, blobs: &[ContentId]) -> Result<(), String> {
        for id in blobs {
            let Some(kept) = self.kept.get_mut(id) else {
                return Err("it is to free what it does not keep".to_owned());
            };
            kept.2 -= 1;
            if kept.2 == 0 {
                self.kept.remove(id);
            }
        }
        Ok(())
    }
}

impl SimulatedHost {
    /// Begins a task that talks.
    pub fn begin(
        &mut self,
        connection: ConnectionId,
        point: Point,
        task: &Task,
        network: &mut Network,
        random: &mut Random,
    ) {
        let ops = match task.role {
            Role::Asker => vec![Op::Ask; random.between(0, 3) as usize],
            Role::Branch if random.chance(30) => vec![Op::Improve(random.between(0, 1000))],
            Role::Independent | Role::Branch => Vec::new(),
            Role::Rank { rank, .. } => team_of(&task.arguments)
                .and_then(|(seed, size)| programs(seed, size).into_iter().nth(rank as usize))
                .unwrap_or_default(),
        };
        let (sent, heard) = (BTreeMap::new(), BTreeMap::new());
        let state = Talk { point, ops: ops.into(), asked: 0, waits: None, sent, heard };
        let (task, attempt) = (task.id, task.attempt);
        if let Some(session) = self.sessions.get_mut(&connection) {
            session.talks.insert((task, attempt), state);
        }
        let happening = Happening::TaskGoesOn { connection, task, attempt };
        network.after(random.between(0, 20), happening);
    }

    /// A task does the next thing.
    pub fn task_goes_on(
        &mut self,
        connection: ConnectionId,
        key: (TaskId, u32),
        network: &mut Network,
        random: &mut Random,
    ) -> Option<()> {
        let is_lost = self.mutation == Some(Mutation::MessagesVanish) && random.chance(5);
        let session = self.sessions.get_mut(&connection)?;
        let (point, task) = session.running.get(&key)?.clone();
        let state = session.talks.get_mut(&key)?;
        if state.waits.is_some() {
            return None;
        }
        let (id, attempt) = key;
        let Some(op) = state.ops.pop_front() else {
            let happening =
                Happening::TaskEnds { connection, task: id, attempt, is_stopped: false };
            network.after(random.between(0, 10), happening);
            return None;
        };
        state.asked += 1;
        let number = state.asked;
        let question = match op {
            Op::Ask => {
                let value = question_of(task.index, attempt, number);
                state.waits = Some((number, Wait::Answer(answer_to(&value))));
                let (blob, bytes) = (ContentId::of(&value), value.len() as u64);
                Question::Ask(if random.chance(5) {
                    Payload::Blob { id: blob, bytes }
                } else {
                    Payload::Inline(value)
                })
            }
            Op::Improve(value) => {
                let value = value as f64;
                if value >= session.bound {
                    goes_on_later(connection, key, network, random);
                    return None;
                }
                session.bound = value;
                Question::Improve(value.to_bits())
            }
            Op::Receive { source, tag } => {
                state.waits = Some((number, Wait::Message { source, tag }));
                Question::Receive { source, tag }
            }
            Op::Send { to, tag, is_large } => {
                let Role::Rank { rank, .. } = task.role else { return None };
                let count = state.sent.entry(to).or_default();
                *count += 1;
                let confirm = *count % UNCONFIRMED_MAX == 0;
                let first = TaskId(id.0 - u64::from(rank));
                let message = message_of(first, rank, to, tag, *count);
                if confirm {
                    state.waits = Some((number, Wait::Room));
                }
                let message =
                    if is_large { session.keep(point, message) } else { Payload::Inline(message) };
                Question::Send { destination: to, tag, message, confirm }
            }
        };
        let waits = session.talks.get(&key).is_some_and(|state| state.waits.is_some());
        if !(is_lost && matches!(question, Question::Send { .. })) {
            let frame = HostWork::Asked { point, id, attempt, number, question };
            send_work(connection, &frame, network, random);
        }
        if !waits {
            goes_on_later(connection, key, network, random);
        }
        None
    }

    /// An answer arrives; nobody takes one to another question than that which waits.
    pub fn answered(
        &mut self,
        connection: ConnectionId,
        key: (TaskId, u32),
        number: u64,
        answer: Answer,
        network: &mut Network,
        random: &mut Random,
    ) -> Result<(), String> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
        let Some(state) = session.talks.get_mut(&key) else { return Ok(()) };
        let Some((_, wait)) = state.waits.take_if(|(waits, _)| *waits == number) else {
            return Ok(());
        };
        match (wait, answer) {
            (Wait::Answer(expected), Answer::Value(Payload::Inline(found)))
                if found == expected => {}
            (Wait::Answer(expected), Answer::Value(Payload::Blob { id, .. }))
                if id == ContentId::of(&expected) => {}
            (Wait::Room, Answer::Nothing) => {}
            (Wait::Answer(_), Answer::Nothing) => {
                let (task, attempt) = key;
                network.after(0, Happening::TaskFails { connection, task, attempt });
                return Ok(());
            }
            (
                Wait::Message { source, tag },
                Answer::Message { source: found, tag: found_tag, message, holder },
            ) if source.is_none_or(|source| source == found)
                && tag.is_none_or(|tag| tag == found_tag) =>
            {
                match (message, holder) {
                    (Payload::Inline(content), None) => {
                        return self.takes_message(
                            connection,
                            key,
                            (found, found_tag),
                            &content,
                            network,
                            random,
                        );
                    }
                    (Payload::Blob { id, .. }, Some(holder)) => {
                        // It waits on; nothing answers this number any more.
                        state.waits = Some((u64::MAX, Wait::Room));
                        let ((task, attempt), source, tag) = (key, found, found_tag);
                        let fetching =
                            Fetching { connection, task, attempt, holder, id, source, tag };
                        network.after(random.between(1, 40), Happening::RankFetches(fetching));
                        return Ok(());
                    }
                    _ => return Err(format!("rank {} is told of no message", key.0)),
                }
            }
            (wait, answer) => {
                return Err(format!("task {} waits for {wait:?} and has {answer:?}", key.0));
            }
        }
        goes_on_later(connection, key, network, random);
        Ok(())
    }

    /// A rank has a message.
    pub fn takes_message(
        &mut self,
        connection: ConnectionId,
        key: (TaskId, u32),
        (source, tag): (u32, u32),
        content: &[u8],
        network: &mut Network,
        random: &mut Random,
    ) -> Result<(), String> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
        let Some((_, task)) = session.running.get(&key) else { return Ok(()) };
        let Role::Rank { rank, .. } = task.role else { return Ok(()) };
        let Some(state) = session.talks.get_mut(&key) else { return Ok(()) };
        state.waits = None;
        let first = TaskId(key.0.0 - u64::from(rank));
        let number = number_of(content, first, source, rank, tag)
            .ok_or_else(|| format!("rank {rank} has a message of another team"))?;
        let last = state.heard.entry((source, tag)).or_default();
        if number <= *last {
            return Err(format!("rank {rank} has message {number} of {source} after {last}"));
        }
        *last = number;
        goes_on_later(connection, key, network, random);
        Ok(())
    }
}

fn goes_on_later(
    connection: ConnectionId,
    (task, attempt): (TaskId, u32),
    network: &mut Network,
    random: &mut Random,
) {
    let delay_ms = if random.chance(2) { 500 } else { random.between(0, 8) };
    network.after(delay_ms, Happening::TaskGoesOn { connection, task, attempt });
}
