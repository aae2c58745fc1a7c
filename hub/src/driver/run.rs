//! One run of the `List` manager.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::MutexGuard;
use spm_protocol::limits::INLINE_BYTES_MAX;
use spm_protocol::{ContentId, Payload, PeerId, TaskId};

use super::core::{Core, State};
use super::queue::Feeder;
use super::{CompletionQueue, Session};
use crate::closure::Blob;
use crate::completion::{Delivery, Next, RunStats};
use crate::error::SubmitError;
use crate::machine::host::Busy;
use crate::machine::list::{Event, List, NewTask};
use crate::options::TaskRequest;

/// Tasks going in, completions coming out. Clones are the same run; dropping the last cancels what it has.
#[derive(Clone)]
pub struct ListRun {
    handle: Arc<RunHandle>,
}

struct RunHandle {
    session: Session,
    number: u64,
    queue: Arc<CompletionQueue>,
    feeder: Arc<Feeder>,
}

impl Drop for RunHandle {
    fn drop(&mut self) {
        self.tell(Event::CancelAll);
    }
}

impl RunHandle {
    /// Locks the session, if this is still its run.
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.session.core().state.lock();
        state.run.as_ref().is_some_and(|run| run.number == self.number).then_some(state)
    }

    fn tell(&self, event: Event) {
        if let Some(state) = self.lock() {
            self.session.core().with_locked(state, |conversation, now_ms, actions| {
                conversation.handle_list(now_ms, event, actions);
            });
        }
    }

    /// Looks at the run's machine, which knows of everything taken so far.
    fn look<T>(&self, look: impl FnOnce(&List) -> T) -> Option<T> {
        let state = self.lock()?;
        let core = self.session.core();
        core.with_locked(state, |conversation, now_ms, actions| {
            let count = self.feeder.taken.swap(0, Ordering::AcqRel);
            if count > 0 {
                conversation.handle_list(now_ms, Event::Taken { count }, actions);
            }
            conversation.list().map(look)
        })
    }
}

/// Arguments as they travel: in a frame, or as a blob that was added for them.
enum Arguments {
    Inline(Vec<u8>),
    Blob { id: ContentId, bytes: usize },
}

impl ListRun {
    pub(super) fn new(
        session: Session,
        number: u64,
        queue: Arc<CompletionQueue>,
        feeder: Arc<Feeder>,
    ) -> Self {
        Self { handle: Arc::new(RunHandle { session, number, queue, feeder }) }
    }

    /// Submits a task, from any thread. It is on its way to a host when this returns, if one has a free slot.
    pub fn submit(&self, request: TaskRequest) -> Result<TaskId, SubmitError> {
        let mut requests = VecDeque::from([request]);
        let ids = self.submit_many(&mut requests)?;
        ids.first().copied().ok_or(SubmitError::Closed)
    }

    /// Submits from the front of `requests` until it is empty or the window is full, under one lock and in as
    /// few frames as it takes. Returns the ids of those that were taken; they count up one by one.
    ///
    /// # Errors
    /// If not even the first was taken, which then stays at the front.
    pub fn submit_many(
        &self,
        requests: &mut VecDeque<TaskRequest>,
    ) -> Result<Vec<TaskId>, SubmitError> {
        let handle = &*self.handle;
        let core = handle.session.core();
        let mut ids = Vec::with_capacity(requests.len());
        while let Some(front) = requests.front_mut() {
            let large = if front.arguments.len() > INLINE_BYTES_MAX {
                // Checked before the work of hashing, and again when it is submitted.
                let (closure, bytes) = (front.closure, front.arguments.len());
                let check = handle.look(|list| list.check(closure, bytes));
                match check.unwrap_or(Err(SubmitError::Closed)) {
                    Ok(()) => {}
                    Err(error) if ids.is_empty() => return Err(error),
                    Err(_) => return Ok(ids),
                }
                Some(share(core, &front.arguments))
            } else {
                None
            };
            let Some(state) = handle.lock() else {
                unshare(core, large);
                return if ids.is_empty() { Err(SubmitError::Closed) } else { Ok(ids) };
            };
            let submitted = core.with_locked(state, |conversation, now_ms, actions| {
                let count = handle.feeder.taken.swap(0, Ordering::AcqRel);
                if count > 0 {
                    conversation.handle_list(now_ms, Event::Taken { count }, actions);
                }
                let mut large = large;
                let mut result = Ok(());
                while let Some(request) = requests.front_mut() {
                    let arguments = match large.take() {
                        Some((id, bytes)) => Arguments::Blob { id, bytes },
                        None if request.arguments.len() > INLINE_BYTES_MAX => break,
                        None => Arguments::Inline(std::mem::take(&mut request.arguments)),
                    };
                    let (arguments, bytes) = match arguments {
                        Arguments::Inline(value) => {
                            let bytes = value.len();
                            (Payload::Inline(value), bytes)
                        }
                        Arguments::Blob { id, bytes } => {
                            (Payload::Blob { id, bytes: bytes as u64 }, bytes)
                        }
                    };
                    let TaskRequest { closure, index, seed, deadline_ms, .. } = *request;
                    if let Err(error) = conversation.check(closure, bytes) {
                        match arguments {
                            Payload::Inline(value) => request.arguments = value,
                            Payload::Blob { id, bytes } => large = Some((id, bytes as usize)),
                        }
                        result = Err(error);
                        break;
                    }
                    let task = NewTask { closure, index, seed, deadline_ms, arguments };
                    match conversation.submit(now_ms, task, bytes) {
                        Ok(id) => ids.push(id),
                        Err(error) => {
                            result = Err(error);
                            break;
                        }
                    }
                    requests.pop_front();
                }
                conversation.pump(now_ms, actions);
                (result, large)
            });
            let (result, unused) = submitted;
            unshare(core, unused);
            match result {
                Ok(()) => {}
                Err(error) if ids.is_empty() => return Err(error),
                Err(_) => return Ok(ids),
            }
        }
        Ok(ids)
    }

    /// How many more tasks the window has room for now.
    pub fn room(&self) -> usize {
        self.handle.look(List::room).unwrap_or(0)
    }

    /// The next completion or output, waited for at most `timeout`. For runs without a queue of their own.
    pub fn next(&self, timeout: Option<Duration>) -> Next {
        match self.next_many(1, timeout).pop() {
            None => Next::TimedOut,
            Some(Delivery::Completion(completion)) => Next::Completion(completion),
            Some(Delivery::Output(output)) => Next::Output(output),
            Some(Delivery::Deopt(deopt)) => Next::Deopt(deopt),
            Some(Delivery::Finished) => Next::Finished,
        }
    }

    /// Like [`Self::next`], but takes up to `count_max` deliveries that are there. Empty if the time passed; the
    /// last is [`Delivery::Finished`] when nothing follows, and it is given again to whoever asks again.
    pub fn next_many(&self, count_max: usize, timeout: Option<Duration>) -> Vec<Delivery> {
        let handle = &*self.handle;
        if handle.queue.is_empty() {
            // Whoever waits wants what is held back for fuller frames to go out.
            handle.tell(Event::Flush);
        }
        let mut taken = Vec::new();
        if handle.queue.is_empty() && self.is_over() {
            return vec![Delivery::Finished];
        }
        handle.queue.drain(count_max.max(1), timeout, &mut taken);
        taken.into_iter().map(|(_, delivery)| delivery).collect()
    }

    /// Whether everything was delivered, or would be if anybody still listened.
    fn is_over(&self) -> bool {
        let finished = self.handle.look(List::is_finished);
        finished.unwrap_or(true) && self.handle.queue.is_empty()
    }

    /// Cancels a task wherever it is: it ends as cancelled now, and a host that runs it is told to stop.
    /// `false` if it has ended already.
    pub fn cancel(&self, task: TaskId) -> bool {
        let is_there = self.handle.look(|list| list.has_task(task)).unwrap_or(false);
        if is_there {
            self.handle.tell(Event::Cancel { task });
        }
        is_there
    }

    /// Cancels all tasks and closes the input.
    pub fn cancel_all(&self) {
        self.handle.tell(Event::CancelAll);
    }

    /// Says that no more tasks follow.
    pub fn close_input(&self) {
        self.handle.tell(Event::CloseInput);
    }

    /// Hosts that prepare a fallback that tasks wait for, and what they say that they do. For people.
    pub fn busy(&self) -> Vec<(PeerId, Busy)> {
        let state = self.handle.lock();
        state.map_or_else(Vec::new, |state| state.conversation.session().busy())
    }

    /// Counts so far.
    pub fn stats(&self) -> RunStats {
        let mut stats = self.handle.look(List::stats).unwrap_or_default();
        stats.output_dropped_bytes =
            self.handle.feeder.output_dropped_bytes.load(Ordering::Relaxed);
        stats
    }
}

/// Adds large arguments to the blobs.
fn share(core: &Core, arguments: &[u8]) -> (ContentId, usize) {
    let blob = Blob::new(Bytes::copy_from_slice(arguments));
    core.blobs.add(core.id, &blob);
    (blob.id(), blob.length())
}

fn unshare(core: &Core, unused: Option<(ContentId, usize)>) {
    if let Some((id, _)) = unused {
        core.blobs.remove(core.id, id);
    }
}
