//! What the ranks of a `Team` may do, with the names of mpi4py. In a task without a team it is a team of one.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Exception, imports};

/// The first of the tags that collective operations use; yours are below.
const COLLECTIVE_TAGS: u32 = 1 << 31;
const GATHER: u32 = COLLECTIVE_TAGS;
const SCATTER: u32 = COLLECTIVE_TAGS + 1;
const ANY: i64 = -1;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received<T> {
    /// The rank that sent it.
    pub source: u32,
    /// Its tag.
    pub tag: u32,
    /// What it says.
    pub value: T,
}

fn is_team() -> bool {
    imports::manager() == imports::TEAM
}

/// Which rank this task is, from 0.
pub fn rank() -> u32 {
    if is_team() { imports::rank() } else { 0 }
}

/// How many ranks there are.
pub fn size() -> u32 {
    if is_team() { imports::size() } else { 1 }
}

/// Sends a message. Returns at once unless too much waits for its receiver already.
///
/// # Errors
/// A `ValueError` if there is no such rank or tag, a `TypeError` if the value cannot be written.
#[track_caller]
pub fn send(value: impl Serialize, destination: u32, tag: u32) -> Result<(), Exception> {
    check_rank(destination)?;
    check_tag(tag)?;
    post(&value, destination, tag)
}

/// Waits for the first message of this source and tag; `None` stands for any.
///
/// # Errors
/// A `ValueError` if there is no such rank or tag, a `TypeError` if the message is not of the type.
#[track_caller]
pub fn recv<T: DeserializeOwned>(
    source: impl Into<Option<u32>>,
    tag: impl Into<Option<u32>>,
) -> Result<Received<T>, Exception> {
    let (source, tag) = wanted(source.into(), tag.into())?;
    read(imports::receive(source, tag))
}

/// The same, if there is one by now.
///
/// # Errors
/// As [`recv`].
#[track_caller]
pub fn try_recv<T: DeserializeOwned>(
    source: impl Into<Option<u32>>,
    tag: impl Into<Option<u32>>,
) -> Result<Option<Received<T>>, Exception> {
    let (source, tag) = wanted(source.into(), tag.into())?;
    imports::poll(source, tag).map(read).transpose()
}

/// Every rank's value, in the order of ranks, at `root`; `None` at the others.
///
/// # Errors
/// As [`send`] and [`recv`].
#[track_caller]
pub fn gather<T: Serialize + DeserializeOwned>(
    value: T,
    root: u32,
) -> Result<Option<Vec<T>>, Exception> {
    check_rank(root)?;
    if rank() != root {
        post(&value, root, GATHER)?;
        return Ok(None);
    }
    let mut own = Some(value);
    let mut gathered = Vec::new();
    for source in 0..size() {
        match own.take_if(|_| source == root) {
            Some(value) => gathered.push(value),
            None => gathered.push(take(source, GATHER)?),
        }
    }
    Ok(Some(gathered))
}

/// The value of `root` at every rank.
///
/// # Errors
/// As [`send`] and [`recv`].
#[track_caller]
pub fn bcast<T: Serialize + DeserializeOwned>(value: T, root: u32) -> Result<T, Exception> {
    check_rank(root)?;
    if rank() != root {
        return take(root, SCATTER);
    }
    for destination in (0..size()).filter(|destination| *destination != root) {
        post(&value, destination, SCATTER)?;
    }
    Ok(value)
}

/// Every rank's value, in the order of ranks, at every rank.
///
/// # Errors
/// As [`send`] and [`recv`].
#[track_caller]
pub fn allgather<T: Serialize + DeserializeOwned>(value: T) -> Result<Vec<T>, Exception> {
    let gathered = gather(value, 0)?;
    bcast(gathered.unwrap_or_default(), 0)
}

/// All ranks' values put together, in the order of ranks, at every rank.
///
/// # Errors
/// As [`send`] and [`recv`].
#[track_caller]
pub fn allreduce<T: Serialize + DeserializeOwned>(
    value: T,
    join: impl FnMut(T, T) -> T,
) -> Result<T, Exception> {
    let joined = gather(value, 0)?.and_then(|values| values.into_iter().reduce(join));
    match bcast(joined, 0)? {
        Some(joined) => Ok(joined),
        None => Err(Exception::runtime_error("a team without ranks")),
    }
}

/// Returns when every rank has come here.
///
/// # Errors
/// As [`send`] and [`recv`].
#[track_caller]
pub fn barrier() -> Result<(), Exception> {
    allgather(()).map(|_| ())
}

#[track_caller]
fn post(value: &impl Serialize, destination: u32, tag: u32) -> Result<(), Exception> {
    imports::send(destination, tag, &crate::to_bytes(value)?);
    Ok(())
}

#[track_caller]
fn take<T: DeserializeOwned>(source: u32, tag: u32) -> Result<T, Exception> {
    let received = imports::receive(source.cast_signed(), tag.into());
    Ok(crate::from_bytes(&received.2)?)
}

#[track_caller]
fn read<T: DeserializeOwned>(
    (source, tag, content): imports::Message,
) -> Result<Received<T>, Exception> {
    Ok(Received { source, tag, value: crate::from_bytes(&content)? })
}

#[track_caller]
fn check_rank(rank: u32) -> Result<(), Exception> {
    if rank < size() {
        return Ok(());
    }
    Err(Exception::value_error(format_args!("rank {rank} of a team of {}", size())))
}

#[track_caller]
fn check_tag(tag: u32) -> Result<(), Exception> {
    if tag < COLLECTIVE_TAGS {
        return Ok(());
    }
    Err(Exception::value_error(format_args!("tag {tag}: tags are below {COLLECTIVE_TAGS}")))
}

#[track_caller]
fn wanted(source: Option<u32>, tag: Option<u32>) -> Result<(i32, i64), Exception> {
    source.map_or(Ok(()), check_rank)?;
    tag.map_or(Ok(()), check_tag)?;
    if !is_team() {
        return Err(Exception::runtime_error("nobody sends to a task without a team"));
    }
    Ok((source.map_or(-1, u32::cast_signed), tag.map_or(ANY, i64::from)))
}
