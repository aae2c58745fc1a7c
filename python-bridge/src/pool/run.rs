//! One run of a closure: rows of arguments going in, values coming out, in batches.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use spm_hub::{
    Completion, Delivery, Deopt, ListRun, Session, SubmitError, TaskOutcome, TaskRequest, seed_of,
};

use super::closure::{Closures, Decodings};
use super::failed::Failed;
use super::fork::ForkSafe;
use super::hosts::Fleet;
use super::news::{News, NewsRow};
use super::output::{self, Printer};
use super::preparing::wait_and_say;
use super::wait::{Patience, wait_for};

/// Deliveries taken under one lock. Bounds how long the GIL is held to decode them.
pub(super) const TAKE_MAX: usize = 1024;
/// Longest wait for a run to be concluded once its results are no longer wanted.
pub(super) const CONCLUDE_WAIT: Duration = Duration::from_secs(5);
/// Tasks under way that a run begins with, for each slot.
const WINDOW_PER_SLOT: usize = 32;
/// Tasks under way that a run of short tasks grows to, for each slot.
const WINDOW_PER_SLOT_MAX: usize = 2048;
/// A window that was used up within this time is too small to keep hosts busy.
const WINDOW_GROWS_WITHIN: Duration = Duration::from_millis(40);

/// How many tasks may be under way: submitted, and their results not taken.
pub(super) struct Window {
    tasks: usize,
    tasks_max: usize,
    taken: usize,
    since: Instant,
}

impl Window {
    pub(super) fn new(fixed: Option<usize>, slots: usize) -> Self {
        let slots = slots.max(1);
        let tasks = fixed.unwrap_or(slots * WINDOW_PER_SLOT);
        let tasks_max = fixed.unwrap_or(slots * WINDOW_PER_SLOT_MAX);
        Self { tasks, tasks_max, taken: 0, since: Instant::now() }
    }

    pub(super) fn tasks(&self) -> usize {
        self.tasks
    }

    /// Counts results taken; grows if that many tasks are over in no time.
    pub(super) fn took(&mut self, count: usize) {
        self.taken += count;
        if self.taken < self.tasks {
            return;
        }
        if self.since.elapsed() < WINDOW_GROWS_WITHIN {
            self.tasks = (self.tasks * 2).min(self.tasks_max);
        }
        self.taken = 0;
        self.since = Instant::now();
    }
}

struct State {
    window: Window,
    pushed: u64,
    released: u64,
    /// Deliveries that were fetched and not looked at.
    fetched: VecDeque<Delivery>,
    finished: bool,
    printer: Printer,
    news: News,
    /// Closures and arguments of tasks that may have to be run again.
    kept: BTreeMap<u64, (u32, Vec<u8>)>,
}

/// A run. See `Run` in `spm/_backend.py`.
#[pyclass(frozen, module = "spm._spm")]
pub(crate) struct Run {
    closures: Arc<Closures>,
    live: ForkSafe<Live>,
    /// Whether the session ends with the run.
    owns_session: bool,
    keeps_arguments: bool,
    state: Mutex<State>,
}

/// What ends when a run is dropped, in this order.
struct Live {
    list: ListRun,
    session: Session,
    fleet: Arc<Fleet>,
}

/// How a run is begun.
pub(super) struct RunOptions {
    pub owns_session: bool,
    pub keeps_arguments: bool,
    pub window: Option<usize>,
    pub slots: usize,
}

impl Run {
    pub(super) fn new(
        closures: Arc<Closures>,
        list: ListRun,
        session: Session,
        fleet: Arc<Fleet>,
        options: &RunOptions,
    ) -> Self {
        let news = News::new(Arc::clone(&closures));
        Self {
            closures,
            live: ForkSafe::new(Live { list, session, fleet }),
            owns_session: options.owns_session,
            keeps_arguments: options.keeps_arguments,
            state: Mutex::new(State {
                window: Window::new(options.window, options.slots),
                pushed: 0,
                released: 0,
                fetched: VecDeque::new(),
                finished: false,
                printer: Printer::default(),
                news,
                kept: BTreeMap::new(),
            }),
        }
    }

    /// Waits until there is a delivery, and moves what there is to `fetched`. `false` if the time
    /// passed.
    fn fetch(&self, py: Python<'_>, wait_s: Option<f64>) -> PyResult<bool> {
        {
            let state = self.state.lock();
            if state.finished || !state.fetched.is_empty() {
                return Ok(true);
            }
        }
        let Live { list, fleet, .. } = &*self.live;
        let next = |slice| {
            let deliveries = list.next_many(TAKE_MAX, Some(slice));
            (!deliveries.is_empty()).then_some(deliveries)
        };
        let busy = || {
            let busy = list.busy().into_iter().map(|(peer, busy)| (peer, Some(busy)));
            fleet.describe(busy.collect(), &self.closures)
        };
        let found = wait_and_say(py, Patience::new(wait_s), next, busy)?;
        match found {
            None => Ok(false),
            Some(deliveries) => {
                self.state.lock().fetched.extend(deliveries);
                Ok(true)
            }
        }
    }

    fn submit(&self, py: Python<'_>, mut requests: VecDeque<TaskRequest>) -> PyResult<()> {
        while !requests.is_empty() {
            match py.detach(|| self.live.list.submit_many(&mut requests)) {
                Ok(taken) if taken.is_empty() => {
                    return Err(PyRuntimeError::new_err("the run takes no more tasks for now"));
                }
                Ok(_) => {}
                Err(error) => return Err(submit_error(&error)),
            }
        }
        Ok(())
    }
}

/// What was seen while deliveries were looked at without the lock.
#[derive(Default)]
struct Batch {
    ended: usize,
    by_fallback: u64,
    left: Vec<Deopt>,
}

impl Run {
    fn count(&self, completion: &Completion, batch: &mut Batch) {
        batch.ended += 1;
        batch.by_fallback += u64::from(self.closures.is_fallback(completion.closure));
        self.live.fleet.tally.count(&self.closures, completion);
    }
}

impl State {
    fn tell(&mut self, batch: Batch) {
        self.news.ended_by_fallback(batch.by_fallback);
        batch.left.into_iter().for_each(|deopt| self.news.left(deopt));
    }
}

/// The exception for a task that was not accepted.
pub(super) fn submit_error(error: &SubmitError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

#[pymethods]
impl Run {
    fn room(&self) -> usize {
        let state = self.state.lock();
        state.window.tasks.saturating_sub((state.pushed - state.released) as usize)
    }

    fn refill(&self) -> usize {
        (self.state.lock().window.tasks / 4).max(1)
    }

    fn push<'py>(&self, py: Python<'py>, rows: &Bound<'py, PyList>) -> PyResult<()> {
        let first = self.state.lock().pushed;
        let mut requests = VecDeque::with_capacity(rows.len());
        for (index, row) in (first..).zip(rows.iter()) {
            let row = row.cast::<PyTuple>()?;
            let (closure, arguments) = self.closures.encode(py, row)?;
            if closure != 0 {
                self.state.lock().news.misfit(row);
            }
            if self.keeps_arguments {
                self.state.lock().kept.insert(index, (closure, arguments.clone()));
            }
            requests.push_back(request(closure, index, arguments));
        }
        self.state.lock().pushed += requests.len() as u64;
        self.submit(py, requests)
    }

    fn end_input(&self) {
        // A run whose tasks may be tried again is ended by `close`.
        if !self.keeps_arguments {
            self.live.list.close_input();
        }
    }

    fn retry(&self, py: Python<'_>, index: u64) -> PyResult<()> {
        let kept = self.state.lock().kept.get(&index).cloned();
        let (closure, arguments) =
            kept.ok_or_else(|| PyRuntimeError::new_err("the task's arguments are gone"))?;
        self.submit(py, VecDeque::from([request(closure, index, arguments)]))
    }

    #[pyo3(signature = (wait_s = None))]
    fn take<'py>(
        &self,
        py: Python<'py>,
        wait_s: Option<f64>,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let values = PyList::empty(py);
        let mut failed = None;
        loop {
            if !self.fetch(py, wait_s)? {
                return Ok(None);
            }
            let (mut fetched, mut printer) = {
                let mut state = self.state.lock();
                (std::mem::take(&mut state.fetched), std::mem::take(&mut state.printer))
            };
            let decodings = self.closures.decodings(py)?;
            let mut batch = Batch::default();
            let mut finished = false;
            while failed.is_none()
                && let Some(delivery) = fetched.pop_front()
            {
                match delivery {
                    Delivery::Output(it) => printer.add(it.index, &it.output, false),
                    Delivery::Deopt(deopt) => batch.left.push(deopt),
                    // Only tasks of a `Farm` ask, and those are no tasks of this run.
                    Delivery::Ask(_) => {}
                    Delivery::Finished => finished = true,
                    Delivery::Completion(completion) => {
                        printer.add(completion.index, &completion.output, true);
                        self.count(&completion, &mut batch);
                        match value_of(py, &self.closures, &decodings, completion) {
                            Ok(value) => values.append(value)?,
                            Err(why) => failed = Some(why),
                        }
                    }
                }
            }
            let mut state = self.state.lock();
            state.released += batch.ended as u64;
            state.window.took(batch.ended);
            state.finished |= finished;
            state.tell(batch);
            // What was not looked at comes before what may have been fetched meanwhile.
            fetched.append(&mut state.fetched);
            state.fetched = fetched;
            let (finished, has_notices) = (state.finished, state.news.has_notices());
            let text = printer.take();
            state.printer = printer;
            drop(state);
            output::show(py, &text)?;
            if finished || failed.is_some() || !values.is_empty() || has_notices {
                return Ok(Some((values, failed, finished).into_pyobject(py)?));
            }
        }
    }

    #[pyo3(signature = (wait_s = None))]
    fn take_each<'py>(
        &self,
        py: Python<'py>,
        wait_s: Option<f64>,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        loop {
            if !self.fetch(py, wait_s)? {
                return Ok(None);
            }
            let (fetched, mut printer) = {
                let mut state = self.state.lock();
                (std::mem::take(&mut state.fetched), std::mem::take(&mut state.printer))
            };
            let decodings = self.closures.decodings(py)?;
            let mut batch = Batch::default();
            let mut finished = false;
            let each = PyList::empty(py);
            for delivery in fetched {
                match delivery {
                    Delivery::Output(it) => printer.add(it.index, &it.output, false),
                    Delivery::Deopt(deopt) => batch.left.push(deopt),
                    // Only tasks of a `Farm` ask, and those are no tasks of this run.
                    Delivery::Ask(_) => {}
                    Delivery::Finished => finished = true,
                    Delivery::Completion(completion) => {
                        printer.add(completion.index, &completion.output, true);
                        self.count(&completion, &mut batch);
                        each.append(done(py, &self.closures, &decodings, completion)?)?;
                    }
                }
            }
            let text = printer.take();
            let (finished, has_notices) = {
                let mut state = self.state.lock();
                state.finished |= finished;
                state.printer = printer;
                state.tell(batch);
                (state.finished, state.news.has_notices())
            };
            output::show(py, &text)?;
            if finished || !each.is_empty() || has_notices {
                return Ok(Some((each, finished).into_pyobject(py)?));
            }
        }
    }

    /// What there is to say beside results: see `News` of `spm/_backend.py`.
    fn news<'py>(&self, py: Python<'py>) -> PyResult<Option<NewsRow<'py>>> {
        let fresh = self.state.lock().news.take();
        fresh.map(|fresh| fresh.row(py)).transpose()
    }

    /// A task's result was let out: there is room for another, and it is not run again.
    fn release(&self, index: u64) {
        let mut state = self.state.lock();
        state.kept.remove(&index);
        state.released += 1;
        state.window.took(1);
    }

    fn is_ready(&self) -> bool {
        let mut state = self.state.lock();
        if state.finished || !state.fetched.is_empty() {
            return true;
        }
        let deliveries = self.live.list.next_many(TAKE_MAX, Some(Duration::ZERO));
        state.fetched.extend(deliveries);
        !state.fetched.is_empty()
    }

    #[pyo3(signature = (wait_s = None))]
    fn wait_ready(&self, py: Python<'_>, wait_s: Option<f64>) -> PyResult<()> {
        self.fetch(py, wait_s).map(drop)
    }

    /// Stops everything, and counts the failures among what had ended.
    fn failures_waiting(&self, py: Python<'_>) -> usize {
        py.detach(|| {
            self.live.list.cancel_all();
            let mut state = self.state.lock();
            loop {
                let deliveries = self.live.list.next_many(TAKE_MAX, Some(Duration::ZERO));
                if deliveries.is_empty() || matches!(deliveries.last(), Some(Delivery::Finished)) {
                    state.fetched.extend(deliveries);
                    break;
                }
                state.fetched.extend(deliveries);
            }
            state.finished = true;
            let failed = |delivery: &&Delivery| match delivery {
                Delivery::Completion(completion) => {
                    !matches!(completion.outcome, TaskOutcome::Returned(_) | TaskOutcome::Cancelled)
                }
                Delivery::Output(_)
                | Delivery::Deopt(_)
                | Delivery::Ask(_)
                | Delivery::Finished => false,
            };
            state.fetched.iter().filter(failed).count()
        })
    }

    /// Cancels what is left; whoever waits for results is told.
    fn cancel(&self, py: Python<'_>) {
        py.detach(|| self.live.list.cancel_all());
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let complete = {
            let state = self.state.lock();
            state.finished && state.fetched.is_empty()
        };
        let concluding = py.detach(|| {
            if !complete {
                self.live.list.cancel_all();
            }
            self.live.session.conclude()
        });
        if let Ok(concluding) = concluding
            && !(complete && self.owns_session)
        {
            let patience = Patience::new(Some(CONCLUDE_WAIT.as_secs_f64()));
            wait_for(py, patience, |slice| concluding.wait(Some(slice)).then_some(()))?;
        }
        if self.owns_session {
            py.detach(|| self.live.session.close());
        }
        Ok(())
    }
}

/// A completion as the tuple `Done` of `spm/_backend.py`.
pub(super) fn done<'py>(
    py: Python<'py>,
    closures: &Closures,
    decodings: &Decodings<'py>,
    completion: Completion,
) -> PyResult<Bound<'py, PyTuple>> {
    let index = completion.index;
    let host = completion.host.map(|peer| peer.to_string());
    let (attempts, is_deopt, run_us) =
        (completion.attempts, completion.is_deopt, completion.run_us);
    let engine = closures.get(completion.closure).engine().name();
    let (value, failed) = match value_of(py, closures, decodings, completion) {
        Ok(value) => (Some(value), None),
        Err(failed) => (None, Some(failed)),
    };
    (index, value, failed, host, attempts, run_us, engine, is_deopt).into_pyobject(py)
}

/// What a task returned, or that it did not.
#[allow(clippy::result_large_err, reason = "either way it is moved once, into a Python object")]
pub(super) fn value_of<'py>(
    py: Python<'py>,
    closures: &Closures,
    decodings: &Decodings<'py>,
    completion: Completion,
) -> Result<Bound<'py, PyAny>, Failed> {
    let closure = completion.closure;
    let decoded = match &completion.outcome {
        TaskOutcome::Returned(value) => decodings.decode(py, closure, value).map_err(Some),
        _ => Err(None),
    };
    decoded
        .map_err(|malformed| Failed::new(closures.get(closure).object(py), completion, malformed))
}

/// A task by its index.
pub(super) fn request(closure: u32, index: u64, arguments: Vec<u8>) -> TaskRequest {
    TaskRequest { closure, index, seed: seed_of(index), arguments, ..TaskRequest::default() }
}

/// `spm.task.seed` of the task at `index`.
#[pyfunction(name = "seed_of")]
pub(super) fn seed_of_task(index: u64) -> u64 {
    seed_of(index)
}
