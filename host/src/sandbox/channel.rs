//! What connects a running task with its manager: the host's side of the interfaces `hub`, `tree` and `team`.

use std::time::Instant;

use super::output::OutputSink;
use super::state::Ended;
use super::stop::StopCause;

/// Which manager a task belongs to: what `task.manager` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Manager {
    /// Tasks that know nothing of one another.
    Independent = 0,
    /// Tasks that ask the hub.
    Farm = 1,
    /// Tasks that make tasks.
    Template = 2,
    /// Ranks that talk to one another.
    Team = 3,
}

/// A message to a rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The rank that sent it.
    pub source: u32,
    /// Its tag.
    pub tag: u32,
    /// One CBOR value.
    pub content: Vec<u8>,
}

/// Why a channel did not do what it was asked for: the task is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct Over(pub(super) Ended);

impl Over {
    /// The guest wants more of its manager than it may.
    pub fn violation(code: spm_protocol::TrapCode) -> Self {
        Self(Ended::Violation(code))
    }

    /// What the task needs cannot be had; the host is to blame, or the network.
    pub fn unreachable() -> Self {
        Self(Ended::Unreachable)
    }
}

/// How long a task may wait.
pub struct Patience<'a> {
    pub(super) stop: &'a StopCause,
    pub(super) deadline: Option<Instant>,
    pub(super) sink: Option<&'a dyn OutputSink>,
}

impl<'a> Patience<'a> {
    /// Until the task is stopped, or its deadline.
    pub fn new(stop: &'a StopCause, deadline: Option<Instant>) -> Self {
        Self { stop, deadline, sink: None }
    }

    /// Fails once the task is stopped or its deadline has passed. To be asked every few milliseconds of a wait: a sink
    /// of output has its tick by it, too.
    ///
    /// # Errors
    /// Says why the task is over.
    pub fn check(&self) -> Result<(), Over> {
        if let Some(stop) = self.stop.get() {
            return Err(Over(Ended::Stopped(stop)));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Over(Ended::Deadline));
        }
        if let Some(sink) = self.sink {
            sink.tick();
        }
        Ok(())
    }
}

/// A task's connection to its manager. All of it is called from the thread that runs the task.
pub trait Channel: Send + Sync {
    /// Which manager this is of. The functions of others are not called.
    fn manager(&self) -> Manager;

    /// Asks the hub, and waits for the answer.
    ///
    /// # Errors
    /// If the task is over.
    fn ask(&self, question: Vec<u8>, patience: &Patience<'_>) -> Result<Vec<u8>, Over>;

    /// Makes a task.
    ///
    /// # Errors
    /// If it makes too many.
    fn spawn(&self, arguments: Vec<u8>, priority: f64) -> Result<(), Over>;

    /// The least value known.
    fn bound(&self) -> f64;

    /// Tells of a value.
    fn improve(&self, value: f64);

    /// Which rank it is.
    fn rank(&self) -> u32;

    /// Of how many.
    fn size(&self) -> u32;

    /// Sends a message to a rank that there is.
    ///
    /// # Errors
    /// If the task is over.
    fn send(
        &self,
        destination: u32,
        tag: u32,
        message: Vec<u8>,
        patience: &Patience<'_>,
    ) -> Result<(), Over>;

    /// Waits for a message; `None` stands for any source, or tag.
    ///
    /// # Errors
    /// If the task is over.
    fn receive(
        &self,
        source: Option<u32>,
        tag: Option<u32>,
        patience: &Patience<'_>,
    ) -> Result<Message, Over>;

    /// A message that is there already.
    ///
    /// # Errors
    /// If the task is over.
    fn poll(
        &self,
        source: Option<u32>,
        tag: Option<u32>,
        patience: &Patience<'_>,
    ) -> Result<Option<Message>, Over>;
}
