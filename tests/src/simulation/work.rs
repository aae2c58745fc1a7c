//! What simulated tasks are given and give: pure functions, which hosts carry out and owners check.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use spm_protocol::frame::{Returns, Role, Spawned, Task};
use spm_protocol::outcome::Piece;
use spm_protocol::parts::grown;
use spm_protocol::{Arguments, ContentId, Payload, TaskId};

use super::host::value_of;

/// How deep tasks make tasks.
pub const DEPTH_MAX: u8 = 3;
/// Nodes of the largest graph.
pub const NODES_MAX: u64 = 40;

/// The arguments of a task that is none of a graph or team. `depth` is for those that make tasks.
pub fn arguments_of(index: u64, role: Role, depth: u8) -> Vec<u8> {
    let mut arguments = index.to_be_bytes().to_vec();
    if role == Role::Branch {
        arguments.push(depth);
    }
    arguments
}

/// Whether a host was given what it was to be given.
pub fn is_given_its_own(task: &Task) -> bool {
    match (&task.arguments, task.returns) {
        (Arguments::Whole(Payload::Inline(found)), Returns::Sent) => match task.role {
            Role::Rank { rank, .. } => u64::from(rank) == task.index && found.len() == 12,
            Role::Branch => found[..8] == task.index.to_be_bytes(),
            Role::Independent | Role::Asker => *found == task.index.to_be_bytes(),
        },
        (Arguments::Pieces(pieces), Returns::Kept | Returns::KeptInParts(_)) => {
            pieces.iter().map(id_of_piece).eq(pieces_of(task.index))
        }
        _ => false,
    }
}

/// The tasks that a task makes.
pub fn children_of(index: u64, depth: u8) -> Vec<Spawned> {
    if depth >= DEPTH_MAX {
        return Vec::new();
    }
    let child = |number: u64| Spawned {
        priority: (number as f64).to_bits(),
        arguments: [&index.to_be_bytes()[..], &[depth + 1, number as u8]].concat(),
    };
    (0..index % 3).map(child).collect()
}

/// What a task that makes tasks gives.
pub fn grown_of(index: u64, closure: u32, depth: u8) -> Vec<u8> {
    grown(children_of(index, depth), &value_of(index, closure))
}

/// A question, and its answer.
pub fn question_of(index: u64, attempt: u32, number: u64) -> Vec<u8> {
    [&b"question"[..], &index.to_be_bytes(), &attempt.to_be_bytes(), &number.to_be_bytes()].concat()
}

pub fn answer_to(question: &[u8]) -> Vec<u8> {
    [b"answer to ", question].concat()
}

/// A message between ranks, of which the first is this task.
pub fn message_of(first: TaskId, source: u32, to: u32, tag: u32, number: u32) -> Vec<u8> {
    [&first.0.to_be_bytes()[..], &[source, to, tag, number].map(u32::to_be_bytes).concat()].concat()
}

/// The number in a message, if it is one of this team from `source` to `to`.
pub fn number_of(message: &[u8], first: TaskId, source: u32, to: u32, tag: u32) -> Option<u32> {
    let number = u32::from_be_bytes(message.last_chunk().copied()?);
    (message_of(first, source, to, tag, number) == message).then_some(number)
}

/// The arguments of a team.
pub fn team_arguments(seed: u64, size: u32) -> Vec<u8> {
    [&seed.to_be_bytes()[..], &size.to_be_bytes()].concat()
}

/// What seed and size a team has.
pub fn team_of(arguments: &Arguments) -> Option<(u64, u32)> {
    let Arguments::Whole(Payload::Inline(bytes)) = arguments else { return None };
    let size = u32::from_be_bytes(bytes.last_chunk().copied()?);
    Some((u64::from_be_bytes(bytes.first_chunk().copied()?), size))
}

/// The nodes whose results a node needs.
pub fn parents_of(node: u64) -> BTreeSet<u64> {
    (0..node.min(node % 4)).map(|number| (node * 7 + number * 13) % node).collect()
}

/// What a node returns, part by part.
pub fn parts_of(node: u64) -> &'static [Vec<u8>] {
    static PARTS: OnceLock<Vec<Vec<Vec<u8>>>> = OnceLock::new();
    let parts = PARTS.get_or_init(|| {
        let mut all: Vec<Vec<Vec<u8>>> = Vec::new();
        for node in 0..NODES_MAX {
            let mut value = [&b"node"[..], &node.to_be_bytes()].concat();
            for part in parents_of(node).iter().flat_map(|parent| &all[*parent as usize]) {
                value.extend_from_slice(
                    &minicbor::to_vec(ContentId::of(part)).expect("it is short"),
                );
            }
            let count = if node % 5 == 0 { 2 } else { 1 };
            all.push((0..count).map(|number| [&value[..], &[number]].concat()).collect());
        }
        all
    });
    &parts[node as usize]
}

pub fn returns_of(node: u64) -> Returns {
    match parts_of(node).len() {
        1 => Returns::Kept,
        count => Returns::KeptInParts(count as u32),
    }
}

/// The contents of the pieces of a node's arguments.
fn pieces_of(node: u64) -> impl Iterator<Item = ContentId> {
    let parts = parents_of(node).into_iter().flat_map(parts_of);
    std::iter::once(ContentId::of(&node.to_be_bytes())).chain(parts.map(|part| ContentId::of(part)))
}

fn id_of_piece(piece: &Piece) -> ContentId {
    match piece {
        Piece::Bytes(bytes) => ContentId::of(bytes),
        Piece::Blob { id, .. } => *id,
    }
}
