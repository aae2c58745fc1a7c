//! A session: closures are defined, then a task manager runs on them, then it is concluded; and again.

use std::time::Duration;

use spm_protocol::{PeerId, Point, SessionId};

use super::ListRun;
use crate::closure::ClosureDefinition;
use crate::error::{BeginDefineError, DefineError, SequenceError};
use crate::options::{DefineOptions, ListOptions};

/// One conversation with the hosts of a pool. Clones are the same session; dropping the last closes it.
#[derive(Clone)]
pub struct Session {}

impl Session {
    /// Its random id.
    pub fn id(&self) -> SessionId {
        todo!()
    }

    /// Starts bringing closures into force at the next sequence point. Tasks name them by their place in the
    /// list.
    pub fn define(
        &self,
        closures: Vec<ClosureDefinition>,
        options: DefineOptions,
    ) -> Result<Defining, BeginDefineError> {
        let _ = (closures, options);
        todo!()
    }

    /// Starts a run of the `List` manager on the point in force.
    pub fn list(&self, options: ListOptions) -> Result<ListRun, SequenceError> {
        let _ = options;
        todo!()
    }

    /// Starts concluding the point in force. What its manager still has ends as cancelled. Without a point in
    /// force this is done at once.
    pub fn conclude(&self) -> Result<Concluding, SequenceError> {
        todo!()
    }

    /// The point in force, and the hosts it is in force on now.
    pub fn online(&self) -> Option<(Point, Vec<PeerId>)> {
        todo!()
    }

    /// Ends the session: hosts drop everything of it. What its manager still has ends as cancelled.
    pub fn close(&self) {
        todo!()
    }
}

/// A definition under way.
#[derive(Clone)]
pub struct Defining {}

impl Defining {
    /// Waits for the point to come into force, for `timeout` at most, or as long as it takes. Returns the point
    /// and why hosts that are out of it are out, or `None` if the time passed.
    pub fn wait(
        &self,
        timeout: Option<Duration>,
    ) -> Option<Result<(Point, Vec<(PeerId, String)>), DefineError>> {
        let _ = timeout;
        todo!()
    }
}

/// A conclusion under way.
#[derive(Clone)]
pub struct Concluding {}

impl Concluding {
    /// Waits until every host that can be reached has nothing left of the point. `false` if the time passed.
    /// With no `timeout` this still ends: a host that does not answer is lost when its lease is over.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        let _ = timeout;
        todo!()
    }
}
