//! One run of the `List` manager.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::MutexGuard;
use spm_protocol::limits::INLINE_BYTES_MAX;
use spm_protocol::{Payload, PeerId, TaskId};

use super::core::State;
use super::queue::Feeder;
use super::{CompletionQueue, Session};
use crate::closure::Blob;
use crate::completion::{Ask, Delivery, Kept, Next, RunStats};
use crate::connect::FetchError;
use crate::error::SubmitError;
use crate::machine::host::Busy;
use crate::machine::list::{Event, List, NewTask};
use crate::machine::{TaskArguments, TaskPiece};
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
            // Large arguments are hashed without the lock.
            let is_ready = is_inline(front);
            let large = if is_ready {
                None
            } else {
                // Checked before that work, and again when it is submitted.
                let (closure, bytes) = (front.closure, front.arguments.len());
                let check = handle.look(|list| list.check(closure, bytes));
                match check.unwrap_or(Err(SubmitError::Closed)) {
                    Ok(()) => {}
                    Err(error) if ids.is_empty() => return Err(error),
                    Err(_) => return Ok(ids),
                }
                Some(self.share_arguments(front))
            };
            let Some(state) = handle.lock() else {
                if let Some(arguments) = large {
                    self.take_back(&arguments);
                }
                return if ids.is_empty() { Err(SubmitError::Closed) } else { Ok(ids) };
            };
            let result = core.with_locked(state, |conversation, now_ms, actions| {
                let count = handle.feeder.taken.swap(0, Ordering::AcqRel);
                if count > 0 {
                    conversation.handle_list(now_ms, Event::Taken { count }, actions);
                }
                let mut large = large;
                let mut result = Ok(());
                while let Some(request) = requests.front_mut() {
                    let arguments = match large.take() {
                        Some(arguments) => arguments,
                        None if !is_inline(request) => break,
                        None => inline_arguments(request),
                    };
                    let TaskRequest { closure, index, seed, deadline_ms, .. } = *request;
                    let TaskRequest { returns, role, priority, attempts_before, .. } = *request;
                    if let Err(error) = conversation.check(closure, &arguments) {
                        put_back(request, arguments);
                        result = Err(error);
                        break;
                    }
                    let task = NewTask {
                        closure,
                        index,
                        seed,
                        deadline_ms,
                        arguments,
                        returns,
                        role,
                        priority,
                        pinned: None,
                        attempts_before,
                    };
                    match conversation.submit(now_ms, task) {
                        Ok(id) => ids.push(id),
                        Err(error) => {
                            result = Err(error);
                            break;
                        }
                    }
                    requests.pop_front();
                }
                conversation.pump(now_ms, actions);
                result
            });
            match result {
                Ok(()) => {}
                Err(error) if ids.is_empty() => return Err(error),
                Err(_) => return Ok(ids),
            }
        }
        Ok(ids)
    }

    /// Makes blobs of what is too large for a frame.
    fn share_arguments(&self, request: &mut TaskRequest) -> TaskArguments {
        let core = self.handle.session.core();
        if request.pieces.is_empty() {
            return TaskArguments::Whole(self.payload(std::mem::take(&mut request.arguments)));
        }
        let pieces = std::mem::take(&mut request.pieces).into_iter().map(|piece| match piece {
            TaskPiece::Bytes(bytes) if bytes.len() > PIECE_BYTES_MAX => {
                let blob = Blob::new(bytes);
                core.blobs.add(core.id, &blob);
                TaskPiece::Blob { id: blob.id(), bytes: blob.length() as u64 }
            }
            other => other,
        });
        TaskArguments::Pieces(pieces.collect())
    }

    /// A value as it travels: in a frame, or as a blob of the hub's.
    fn payload(&self, value: Vec<u8>) -> Payload {
        if value.len() <= INLINE_BYTES_MAX {
            return Payload::Inline(value);
        }
        let core = self.handle.session.core();
        let blob = Blob::new(value);
        core.blobs.add(core.id, &blob);
        Payload::Blob { id: blob.id(), bytes: blob.length() as u64 }
    }

    /// Takes back the blobs of arguments that are not submitted.
    fn take_back(&self, arguments: &TaskArguments) {
        let core = self.handle.session.core();
        arguments.blobs().into_iter().for_each(|id| core.blobs.remove(core.id, id));
    }

    /// Starts a team of `size` ranks, with the same arguments, in a run without tasks. Ranks are the indices of its
    /// tasks; they fail as one.
    ///
    /// # Errors
    /// If the hosts do not take so many ranks.
    pub fn start_team(
        &self,
        closure: u32,
        arguments: Vec<u8>,
        size: u32,
    ) -> Result<(), SubmitError> {
        let handle = &*self.handle;
        let core = handle.session.core();
        let arguments = self.payload(arguments);
        let blob = match arguments {
            Payload::Blob { id, .. } => Some(id),
            Payload::Inline(_) => None,
        };
        // Each rank gives back what it was given.
        (1..size).for_each(|_| blob.iter().for_each(|id| core.blobs.add_again(core.id, *id)));
        let started = handle.lock().map_or(Err(SubmitError::Closed), |state| {
            core.with_locked(state, |conversation, now_ms, actions| {
                let count = handle.feeder.taken.swap(0, Ordering::AcqRel);
                if count > 0 {
                    conversation.handle_list(now_ms, Event::Taken { count }, actions);
                }
                conversation.start_team(now_ms, closure, arguments, size, actions)
            })
        });
        let unused = if started.is_err() { size.max(1) } else { u32::from(size == 0) };
        (0..unused).for_each(|_| blob.iter().for_each(|id| core.blobs.remove(core.id, *id)));
        started
    }

    /// Answers a question, if its task still waits; says whether it does.
    pub fn answer(&self, ask: &Ask, value: Vec<u8>) -> bool {
        let handle = &*self.handle;
        let core = handle.session.core();
        let payload = self.payload(value);
        let blob = match payload {
            Payload::Blob { id, .. } => Some(id),
            Payload::Inline(_) => None,
        };
        let answered = handle.lock().and_then(|state| {
            core.with_locked(state, |conversation, now_ms, actions| {
                let answer = |list: &mut List, actions: &mut Vec<_>| {
                    list.answer(ask.task, ask.attempt, ask.number, payload, actions)
                };
                conversation.with_list(now_ms, answer, actions)
            })
        });
        if let (Some(id), None | Some(false)) = (blob, answered) {
            core.blobs.remove(core.id, id);
        }
        answered == Some(true)
    }

    /// Nobody needs these results any more, which hosts keep.
    pub fn release(&self, kept: &[Kept]) {
        let core = self.handle.session.core();
        if let Some(state) = self.handle.lock() {
            core.with_locked(state, |conversation, now_ms, actions| {
                conversation.with_list(
                    now_ms,
                    |list, actions| {
                        kept.iter().for_each(|kept| list.release(kept));
                        if kept.len() > 1 {
                            list.pump(now_ms, actions);
                        }
                    },
                    actions,
                );
            });
        }
    }

    /// Whether a kept result can be had.
    pub fn is_there(&self, kept: &Kept) -> bool {
        match kept {
            Kept::Here(_) => true,
            Kept::There { .. } => self.handle.look(|list| list.is_there(kept)).unwrap_or(false),
        }
    }

    /// Fetches a kept result.
    ///
    /// # Errors
    /// Says why it cannot be had.
    pub fn fetch(&self, kept: &Kept) -> Result<Bytes, FetchError> {
        let (host, id, bytes) = match kept {
            Kept::Here(value) => return Ok(value.clone()),
            Kept::There { host, id, bytes, .. } => (*host, *id, *bytes),
        };
        let gone = || FetchError { id, reason: "its host was lost, or the run is over".to_owned() };
        if !self.is_there(kept) {
            return Err(gone());
        }
        let core = self.handle.session.core();
        let connect = core.state.lock().connects.get(&host).cloned().ok_or_else(gone)?;
        core.runtime.block_on(connect.fetch(core.id, id, bytes))
    }

    /// The least value that a task of the run is known to have found.
    pub fn bound(&self) -> f64 {
        self.handle.look(List::bound).unwrap_or(f64::INFINITY)
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
            Some(Delivery::Ask(ask)) => Next::Ask(ask),
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

/// Bytes of a piece that travels in a frame.
const PIECE_BYTES_MAX: usize = 4096;

/// Whether a request's arguments travel in a frame as they are.
fn is_inline(request: &TaskRequest) -> bool {
    let is_short = |piece: &TaskPiece| match piece {
        TaskPiece::Bytes(bytes) => bytes.len() <= PIECE_BYTES_MAX,
        TaskPiece::Blob { .. } | TaskPiece::Kept(_) => true,
    };
    request.arguments.len() <= INLINE_BYTES_MAX && request.pieces.iter().all(is_short)
}

fn inline_arguments(request: &mut TaskRequest) -> TaskArguments {
    if request.pieces.is_empty() {
        return TaskArguments::Whole(Payload::Inline(std::mem::take(&mut request.arguments)));
    }
    TaskArguments::Pieces(std::mem::take(&mut request.pieces))
}

/// Gives a request that was not submitted its arguments again.
fn put_back(request: &mut TaskRequest, arguments: TaskArguments) {
    match arguments {
        TaskArguments::Whole(Payload::Inline(value)) => request.arguments = value,
        // What is a blob by now stays one.
        TaskArguments::Whole(Payload::Blob { id, bytes }) => {
            request.pieces = vec![TaskPiece::Blob { id, bytes }];
        }
        TaskArguments::Pieces(pieces) => request.pieces = pieces,
    }
}
