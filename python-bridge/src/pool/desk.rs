//! Where the tasks of `submit` go, and come back from: many closures, one queue of completions.
//!
//! Somebody has to take completions from the queue and settle futures. A thread that waits for a
//! result *leads*: it does that itself, so that a result wakes one thread and not two. Otherwise
//! the pool's dispatcher thread does: at once, when somebody *watches* (a callback, `wait`, a second
//! waiting thread), or within [`LAZY_POLL`], when nobody seems to be in a hurry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use spm_hub::{CompletionQueue, Delivery, ListRun, Session};
use spm_protocol::TaskId;

use super::closure::Closures;
use super::fork::ForkSafe;
use super::hosts::Fleet;
use super::news::News;
use super::output::{self, Printer};
use super::preparing::{Awaited, wait_and_say};
use super::run::{done, request, submit_error};
use super::wait::Patience;

/// Completions settled in one go. Bounds how long the GIL is held to decode them.
const COLLECT_MAX: usize = 256;
/// How long a result, or what a task printed, may lie in the queue while nobody waits for it.
const LAZY_POLL: Duration = Duration::from_millis(5);
/// How long the dispatcher looks on after the last task, before it sleeps until the next.
const LINGER: Duration = Duration::from_secs(1);
/// How long the dispatcher waits for a completion before it looks at what is asked of it.
const WATCH_SLICE: Duration = Duration::from_millis(100);
/// How often the dispatcher looks for runs that nobody uses any more.
const IDLE_LOOK: Duration = Duration::from_secs(10);
/// Task ids below this are told apart from the tag of their run within one key.
const TAG_SHIFT: u32 = 40;

#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a role of its own, and any may be held")]
struct Roles {
    leads: bool,
    watches: bool,
    sleeps: bool,
    /// The dispatcher has taken deliveries and not settled them: who led now would wait for what is taken.
    settles: bool,
    stopped: bool,
    /// When to look for idle runs, while there are any runs.
    look_at: Option<Instant>,
}

struct Entry {
    closures: Arc<Closures>,
    news: News,
    live: ForkSafe<Live>,
    pushed: u64,
    outstanding: usize,
}

/// What ends when a run is dropped, in this order.
struct Live {
    list: ListRun,
    session: Session,
    fleet: Arc<Fleet>,
}

/// The desk of one pool. See `Desk` in `spm/_backend.py`.
#[pyclass(frozen, module = "spm._spm")]
pub(crate) struct Desk {
    queue: Arc<CompletionQueue>,
    entries: Mutex<BTreeMap<u64, Entry>>,
    next_tag: Mutex<u64>,
    outstanding: AtomicUsize,
    has_notices: AtomicBool,
    printer: Mutex<Printer>,
    roles: Mutex<Roles>,
    changed: Condvar,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            queue: Arc::new(CompletionQueue::new()),
            entries: Mutex::new(BTreeMap::new()),
            next_tag: Mutex::new(0),
            outstanding: AtomicUsize::new(0),
            has_notices: AtomicBool::new(false),
            printer: Mutex::new(Printer::default()),
            roles: Mutex::new(Roles::default()),
            changed: Condvar::new(),
        }
    }

    /// The queue for a new run, and the tag that tells it apart.
    pub(super) fn new_tag(&self) -> (Arc<CompletionQueue>, u64) {
        let mut next_tag = self.next_tag.lock();
        *next_tag += 1;
        (Arc::clone(&self.queue), *next_tag)
    }

    /// Takes a run whose completions come here.
    pub(super) fn add(
        &self,
        tag: u64,
        closures: Arc<Closures>,
        list: ListRun,
        session: Session,
        fleet: Arc<Fleet>,
    ) {
        let live = ForkSafe::new(Live { list, session, fleet });
        let news = News::new(Arc::clone(&closures));
        let entry = Entry { closures, news, live, pushed: 0, outstanding: 0 };
        self.entries.lock().insert(tag, entry);
        self.roles.lock().look_at.get_or_insert_with(|| Instant::now() + IDLE_LOOK);
    }

    /// Completions for Python: a list of `(key, Done)`.
    fn settled<'py>(
        &self,
        py: Python<'py>,
        deliveries: Vec<(u64, Delivery)>,
    ) -> PyResult<Bound<'py, PyList>> {
        let settled = PyList::empty(py);
        let mut ended = 0;
        for (tag, delivery) in deliveries {
            match delivery {
                Delivery::Output(it) => {
                    self.printer.lock().add(key_of(tag, it.task), &it.output, false);
                }
                Delivery::Deopt(deopt) => {
                    if let Some(entry) = self.entries.lock().get_mut(&tag) {
                        entry.news.left(deopt);
                        self.has_notices.store(true, Ordering::Release);
                    }
                }
                // Only tasks of a `Farm` ask.
                Delivery::Ask(_) | Delivery::Finished => {}
                Delivery::Completion(completion) => {
                    let key = key_of(tag, completion.task);
                    self.printer.lock().add(key, &completion.output, true);
                    let closures = {
                        let mut entries = self.entries.lock();
                        let Some(entry) = entries.get_mut(&tag) else { continue };
                        entry.outstanding -= 1;
                        entry.live.fleet.tally.count(&entry.closures, &completion);
                        Arc::clone(&entry.closures)
                    };
                    ended += 1;
                    let decodings = closures.decodings(py)?;
                    settled.append((key, done(py, &closures, &decodings, completion)?))?;
                }
            }
        }
        self.outstanding.fetch_sub(ended, Ordering::AcqRel);
        let text = self.printer.lock().take();
        output::show(py, &text)?;
        Ok(settled)
    }

    /// Hosts that tasks wait for, and what those do.
    fn busy(&self) -> Vec<Awaited> {
        let entries = self.entries.lock();
        let busy = entries.values().filter(|entry| entry.outstanding > 0).map(|entry| {
            let busy = entry.live.list.busy().into_iter().map(|(peer, busy)| (peer, Some(busy)));
            entry.live.fleet.describe(busy.collect(), &entry.closures)
        });
        busy.flatten().collect()
    }

    /// What the dispatcher is to settle next; `None` when it is to end.
    fn next_deliveries(&self) -> Option<Vec<(u64, Delivery)>> {
        let mut idle_since = None;
        let mut deliveries = Vec::new();
        let mut roles = self.roles.lock();
        roles.settles = false;
        loop {
            if roles.stopped && self.outstanding.load(Ordering::Acquire) == 0 {
                return None;
            }
            if roles.look_at.is_some_and(|look_at| look_at <= Instant::now()) {
                let has_runs = !self.entries.lock().is_empty();
                roles.look_at = has_runs.then(|| Instant::now() + IDLE_LOOK);
                // Nothing is delivered: that is how Python is told to look.
                return Some(Vec::new());
            }
            let outstanding = self.outstanding.load(Ordering::Acquire) > 0;
            if roles.leads {
                self.changed.wait_for(&mut roles, WATCH_SLICE);
                continue;
            }
            let watches = outstanding && (roles.watches || roles.stopped);
            if !outstanding {
                roles.watches = false;
            }
            if !watches {
                let since = *idle_since.get_or_insert_with(Instant::now);
                if outstanding {
                    idle_since = None;
                }
                if outstanding || since.elapsed() < LINGER {
                    self.changed.wait_for(&mut roles, LAZY_POLL);
                } else {
                    roles.sleeps = true;
                    match roles.look_at {
                        None => self.changed.wait(&mut roles),
                        Some(look_at) => _ = self.changed.wait_until(&mut roles, look_at),
                    }
                    roles.sleeps = false;
                }
                if roles.leads || self.queue.is_empty() {
                    continue;
                }
            }
            roles.settles = true;
            drop(roles);
            let patience = if watches { WATCH_SLICE } else { Duration::ZERO };
            self.queue.drain(COLLECT_MAX, Some(patience), &mut deliveries);
            if !deliveries.is_empty() {
                return Some(deliveries);
            }
            roles = self.roles.lock();
            roles.settles = false;
        }
    }
}

fn key_of(tag: u64, task: TaskId) -> u64 {
    (tag << TAG_SHIFT) | task.0
}

#[pymethods]
impl Desk {
    /// Submits a task to the run `tag`; returns its key and its index.
    fn submit<'py>(
        &self,
        py: Python<'py>,
        tag: u64,
        row: &Bound<'py, PyTuple>,
    ) -> PyResult<(u64, u64)> {
        let (closures, list, index) = {
            let mut entries = self.entries.lock();
            let entry = entries.get_mut(&tag);
            let entry = entry.ok_or_else(|| PyKeyError::new_err("run is gone"))?;
            let index = entry.pushed;
            entry.pushed += 1;
            entry.outstanding += 1;
            (Arc::clone(&entry.closures), entry.live.list.clone(), index)
        };
        self.outstanding.fetch_add(1, Ordering::AcqRel);
        let submitted = closures.encode(py, row).and_then(|(closure, arguments)| {
            if closure != 0
                && let Some(entry) = self.entries.lock().get_mut(&tag)
            {
                entry.news.misfit(row);
                self.has_notices.fetch_or(entry.news.has_notices(), Ordering::AcqRel);
            }
            py.detach(|| list.submit(request(closure, index, arguments)))
                .map_err(|error| submit_error(&error))
        });
        match submitted {
            Ok(task) => {
                if self.roles.lock().sleeps {
                    self.changed.notify_one();
                }
                Ok((key_of(tag, task), index))
            }
            Err(error) => {
                self.outstanding.fetch_sub(1, Ordering::AcqRel);
                if let Some(entry) = self.entries.lock().get_mut(&tag) {
                    entry.outstanding -= 1;
                }
                Err(error)
            }
        }
    }

    /// What the user is to be warned of, as `Notice` of `spm/_backend.py`.
    fn notices<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        if !self.has_notices.swap(false, Ordering::AcqRel) {
            return Ok(Vec::new());
        }
        let fresh: Vec<_> =
            self.entries.lock().values_mut().filter_map(|entry| entry.news.take()).collect();
        let mut notices = Vec::new();
        for fresh in fresh {
            notices.extend(fresh.row(py)?.1);
        }
        Ok(notices)
    }

    /// Stops a task, wherever it is.
    fn cancel(&self, py: Python<'_>, key: u64) {
        let list =
            self.entries.lock().get(&(key >> TAG_SHIFT)).map(|entry| entry.live.list.clone());
        if let Some(list) = list {
            py.detach(|| list.cancel(TaskId(key & ((1 << TAG_SHIFT) - 1))));
        }
    }

    /// Whether a run has no tasks under way.
    fn is_idle(&self, tag: u64) -> bool {
        self.entries.lock().get(&tag).is_none_or(|entry| entry.outstanding == 0)
    }

    /// How many tasks a run has had so far, or None while some are under way.
    fn submitted(&self, tag: u64) -> Option<u64> {
        let entries = self.entries.lock();
        entries.get(&tag).filter(|entry| entry.outstanding == 0).map(|entry| entry.pushed)
    }

    /// Makes the dispatcher look for idle runs now.
    fn wake(&self) {
        self.roles.lock().look_at = Some(Instant::now());
        self.changed.notify_one();
    }

    /// Ends a run; what it still has ends as cancelled, and is not heard of again.
    fn close(&self, py: Python<'_>, tag: u64) {
        let Some(entry) = self.entries.lock().remove(&tag) else { return };
        self.outstanding.fetch_sub(entry.outstanding, Ordering::AcqRel);
        py.detach(|| {
            entry.live.list.cancel_all();
            entry.live.session.close();
        });
    }

    /// Tasks under way.
    fn outstanding(&self) -> usize {
        self.outstanding.load(Ordering::Acquire)
    }

    /// Makes the calling thread the one that settles futures, if no other does.
    fn lead(&self) -> bool {
        let mut roles = self.roles.lock();
        if roles.leads || roles.watches || roles.settles || roles.stopped {
            return false;
        }
        roles.leads = true;
        true
    }

    /// Ends what `lead` began.
    fn follow(&self) {
        let mut roles = self.roles.lock();
        roles.leads = false;
        if roles.watches || roles.stopped {
            self.changed.notify_one();
        }
    }

    /// Says that somebody wants to hear of every task at once.
    fn watch(&self) {
        let mut roles = self.roles.lock();
        roles.watches = true;
        if !roles.leads {
            self.changed.notify_one();
        }
    }

    /// Waits for completions, as the leader. An empty list if the time passed.
    #[pyo3(signature = (wait_s = None))]
    fn collect<'py>(&self, py: Python<'py>, wait_s: Option<f64>) -> PyResult<Bound<'py, PyList>> {
        let next = |slice| {
            let mut deliveries = Vec::new();
            self.queue.drain(COLLECT_MAX, Some(slice), &mut deliveries);
            (!deliveries.is_empty()).then_some(deliveries)
        };
        let found = wait_and_say(py, Patience::new(wait_s), next, || self.busy())?;
        self.settled(py, found.unwrap_or_default())
    }

    /// Waits for completions, as the dispatcher. None when it is to end.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        match py.detach(|| self.next_deliveries()) {
            None => Ok(None),
            Some(deliveries) => self.settled(py, deliveries).map(Some),
        }
    }

    /// Makes the dispatcher end when no task is under way any more.
    fn stop(&self) {
        self.roles.lock().stopped = true;
        self.changed.notify_all();
        self.queue.interrupt();
    }
}
