//! What tasks of a `Farm` may do.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Exception, imports};

/// Asks the hub, and waits for its answer: what `on_message` returned.
///
/// # Errors
/// A `RuntimeError` where the task is none of a `Farm`, a `TypeError` if the question cannot be written or the answer is not
/// of the type.
#[track_caller]
pub fn ask<T: DeserializeOwned>(question: impl Serialize) -> Result<T, Exception> {
    if imports::manager() != imports::FARM {
        return Err(Exception::runtime_error("hub::ask is for tasks of a Farm"));
    }
    Ok(crate::from_bytes(&imports::ask(&crate::to_bytes(&question)?))?)
}
