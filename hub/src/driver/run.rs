//! One run of the `List` manager.

use std::collections::VecDeque;
use std::time::Duration;

use spm_protocol::TaskId;

use crate::completion::{Delivery, Next, RunStats};
use crate::error::SubmitError;
use crate::options::TaskRequest;

/// Tasks going in, completions coming out. Clones are the same run; dropping the last cancels what it has.
#[derive(Clone)]
pub struct ListRun {}

impl ListRun {
    /// Submits a task, from any thread. It is on its way to a host when this returns, if one has a free slot.
    pub fn submit(&self, request: TaskRequest) -> Result<TaskId, SubmitError> {
        let _ = request;
        todo!()
    }

    /// Submits from the front of `requests` until it is empty or the window is full, under one lock and in as
    /// few frames as it takes. Returns the ids of those that were taken; they count up one by one.
    pub fn submit_many(&self, requests: &mut VecDeque<TaskRequest>) -> Result<Vec<TaskId>, SubmitError> {
        let _ = requests;
        todo!()
    }

    /// How many more tasks the window has room for now.
    pub fn room(&self) -> usize {
        todo!()
    }

    /// The next completion or output, waited for at most `timeout`. For runs without a queue of their own.
    pub fn next(&self, timeout: Option<Duration>) -> Next {
        let _ = timeout;
        todo!()
    }

    /// Like [`Self::next`], but takes up to `count_max` deliveries that are there. Empty if the time passed; the
    /// last is [`Delivery::Finished`] when nothing follows.
    pub fn next_many(&self, count_max: usize, timeout: Option<Duration>) -> Vec<Delivery> {
        let _ = (count_max, timeout);
        todo!()
    }

    /// Cancels a task wherever it is: it ends as cancelled now, and a host that runs it is told to stop.
    /// `false` if it has ended already.
    pub fn cancel(&self, task: TaskId) -> bool {
        let _ = task;
        todo!()
    }

    /// Cancels all tasks and closes the input.
    pub fn cancel_all(&self) {
        todo!()
    }

    /// Says that no more tasks follow.
    pub fn close_input(&self) {
        todo!()
    }

    /// Counts so far.
    pub fn stats(&self) -> RunStats {
        todo!()
    }
}
