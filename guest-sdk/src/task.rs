//! What a task may know and do, as `spm.task` has it in Python.

use std::time::Duration;

use serde::Serialize;

use crate::codec::head;
use crate::{Error, Exception, imports};

/// Its index within the run, from 0.
pub fn index() -> u64 {
    imports::index()
}

/// Which attempt at this task it is, from 1.
pub fn attempt() -> u32 {
    imports::attempt()
}

/// A seed for pseudo-random numbers: the same for every attempt at the task.
pub fn seed() -> u64 {
    imports::seed()
}

/// Waits. A task that is cancelled or reaches its deadline meanwhile ends at once.
pub fn sleep(duration: Duration) {
    imports::sleep(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
}

/// Makes a task of a `Template` with these arguments, a tuple: it counts once this one has returned. Those of a higher
/// priority run first.
///
/// # Errors
/// A `RuntimeError` where the task is none of a `Template`, a `TypeError` if the arguments are no tuple or cannot be written.
#[track_caller]
pub fn spawn(arguments: impl Serialize, priority: f64) -> Result<(), Exception> {
    check("task::spawn")?;
    imports::spawn(&self::arguments(&arguments)?, priority);
    Ok(())
}

/// The least value that any task of a `Template` is known to have found; infinity at first.
///
/// # Errors
/// A `RuntimeError` where the task is none of a `Template`.
#[track_caller]
pub fn bound() -> Result<f64, Exception> {
    check("task::bound")?;
    Ok(imports::bound())
}

/// Tells all tasks of a `Template` of a value. It has no effect unless it is less than the bound.
///
/// # Errors
/// A `RuntimeError` where the task is none of a `Template`.
#[track_caller]
pub fn improve(value: f64) -> Result<(), Exception> {
    check("task::improve")?;
    imports::improve(value);
    Ok(())
}

#[track_caller]
fn check(what: &str) -> Result<(), Exception> {
    if imports::manager() == imports::TEMPLATE {
        return Ok(());
    }
    Err(Exception::runtime_error(format_args!("{what} is for tasks of a Template")))
}

/// A tuple as an array of positional arguments: without the tag that makes it a tuple in Python.
pub(crate) fn arguments<T: Serialize>(tuple: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = crate::to_bytes(tuple)?;
    if matches!(bytes.first(), Some(&head::NONE)) {
        // `()` is Python's `None` everywhere else.
        return Ok(vec![head::ARRAY << 5]);
    }
    let mut tag = Vec::new();
    head::write(&mut tag, head::TAG, head::TUPLE);
    if !bytes.starts_with(&tag) {
        return Err(Error::new("arguments must be a tuple"));
    }
    Ok(bytes.split_off(tag.len()))
}
