//! Runs of task managers: tasks of several closures, whose results may stay on hosts, and which may talk to their manager.
//!
//! What a manager *does* is Python, in `spm/_dag.py` and beside it; this is what it does it with.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use spm_hub::{
    Ask, Completion, Delivery, HostRunStats, Kept, ListRun, Session, TaskOutcome, TaskPiece,
    TaskRequest, priority_of, seed_of,
};
use spm_protocol::frame::{Returns, Role, Spawned};
use spm_protocol::limits::PARTS_MAX;

use super::closure::{Closures, Decodings};
use super::failed::Failed;
use super::fork::ForkSafe;
use super::hosts::{Fleet, spm_error};
use super::mesh::chain;
use super::news::{News, NewsRow};
use super::output::{self, Printer};
use super::preparing::wait_and_say;
use super::run::{CONCLUDE_WAIT, TAKE_MAX, Window, submit_error, value_of};
use super::wait::{Patience, wait_for};
use crate::codec::{Row, Splice, encode_bytes};

/// Kept results that nobody needs any more, told to the hub at once.
const RELEASED_MAX: usize = 256;

/// Tasks that failed whose attempts are remembered, for their manager may submit them again.
const FAILED_MAX: usize = 65_536;

/// What ends when a run is dropped, in this order.
struct Live {
    list: ListRun,
    session: Session,
    fleet: Arc<Fleet>,
    /// Kept results that nobody needs any more.
    released: Mutex<Vec<Kept>>,
}

impl Live {
    /// Notes that nobody needs a kept result.
    fn let_go(&self, kept: Kept) {
        let full = {
            let mut released = self.released.lock();
            released.push(kept);
            (released.len() >= RELEASED_MAX).then(|| std::mem::take(&mut *released))
        };
        if let Some(released) = full {
            self.list.release(&released);
        }
    }

    fn release(&self) {
        let released = std::mem::take(&mut *self.released.lock());
        if !released.is_empty() {
            self.list.release(&released);
        }
    }
}

/// What a task returned, and a host keeps. Dropping it frees that.
#[pyclass(frozen, extends = Splice, module = "spm._spm")]
pub(crate) struct Stored {
    kept: Kept,
    closures: Arc<Closures>,
    closure: u32,
    live: ForkSafe<Arc<Live>>,
}

#[pymethods]
impl Stored {
    /// How many bytes it has in CBOR.
    #[getter]
    fn bytes(&self) -> u64 {
        self.kept.bytes()
    }

    /// The host that keeps it; none if it is so small that it is here.
    #[getter]
    fn host(&self) -> Option<String> {
        match &self.kept {
            Kept::Here(_) => None,
            Kept::There { peer, .. } => Some(peer.to_string()),
        }
    }

    /// Whether it is gone with its host.
    #[getter]
    fn is_lost(&self, py: Python<'_>) -> bool {
        match self.kept {
            Kept::Here(_) => false,
            Kept::There { .. } => py.detach(|| !self.live.list.is_there(&self.kept)),
        }
    }

    /// The value. Raises `HostLost` if it is gone.
    fn fetch<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fetched = py.detach(|| self.live.list.fetch(&self.kept));
        let value = fetched.map_err(|error| spm_error(py, "HostLost", (chain(&error),)))?;
        self.closures.decodings(py)?.decode(py, self.closure, &value)
    }

    fn __repr__(&self) -> String {
        match &self.kept {
            Kept::Here(value) => format!("<Stored of {} bytes>", value.len()),
            Kept::There { peer, bytes, .. } => format!("<Stored of {bytes} bytes at {peer}>"),
        }
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        if let Kept::There { .. } = self.kept
            && self.live.is_own()
        {
            self.live.let_go(self.kept.clone());
        }
    }
}

/// The arguments of a task that a task has made.
#[pyclass(frozen, module = "spm._spm")]
pub(crate) struct Raw(Bytes);

#[pymethods]
impl Raw {
    /// How many bytes they have in CBOR.
    #[getter]
    fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// A question of a task.
#[pyclass(frozen, module = "spm._spm", name = "Ask")]
pub(crate) struct Question {
    ask: Ask,
    value: Py<PyAny>,
}

#[pymethods]
impl Question {
    #[getter]
    fn index(&self) -> u64 {
        self.ask.index
    }

    #[getter]
    fn attempt(&self) -> u32 {
        self.ask.attempt
    }

    #[getter]
    fn host(&self) -> Option<String> {
        self.ask.host.map(|peer| peer.to_string())
    }

    #[getter]
    fn value(&self, py: Python<'_>) -> Py<PyAny> {
        self.value.clone_ref(py)
    }
}

struct State {
    window: Window,
    outstanding: usize,
    /// Deliveries that were fetched and not looked at.
    fetched: VecDeque<Delivery>,
    printer: Printer,
    news: News,
    /// Tasks whose results are kept as lists of one item.
    lists_of_one: BTreeSet<u64>,
    /// Attempts at tasks that failed, which their manager may submit again.
    attempts: BTreeMap<u64, u32>,
}

/// A run of a task manager. See `ManagerRun` in `spm/_backend.py`.
#[pyclass(frozen, module = "spm._spm")]
pub(crate) struct ManagerRun {
    closures: Arc<Closures>,
    live: ForkSafe<Arc<Live>>,
    role: Role,
    state: Mutex<State>,
}

/// The fields of `Done` in `spm/_backend.py`.
type DoneRow<'py> = (
    u64,
    Option<Bound<'py, PyAny>>,
    Option<Failed>,
    Option<String>,
    u32,
    u64,
    &'static str,
    bool,
    Option<Bound<'py, PyList>>,
    f64,
);

impl ManagerRun {
    pub(super) fn new(
        closures: Arc<Closures>,
        list: ListRun,
        session: Session,
        fleet: Arc<Fleet>,
        role: Role,
        window: Option<usize>,
        slots: usize,
    ) -> Self {
        let news = News::new(Arc::clone(&closures));
        let live = Live { list, session, fleet, released: Mutex::default() };
        Self {
            closures,
            live: ForkSafe::new(Arc::new(live)),
            role,
            state: Mutex::new(State {
                window: Window::new(window, slots),
                outstanding: 0,
                fetched: VecDeque::new(),
                printer: Printer::default(),
                news,
                lists_of_one: BTreeSet::new(),
                attempts: BTreeMap::new(),
            }),
        }
    }

    fn request(
        &self,
        py: Python<'_>,
        closure: u32,
        index: u64,
        row: &Bound<'_, PyAny>,
        priority: f64,
        keep: i64,
    ) -> PyResult<TaskRequest> {
        let returns = match keep {
            0 => Returns::Kept,
            count if count < 0 => Returns::Sent,
            count if count as usize <= PARTS_MAX => Returns::KeptInParts(count as u32),
            _ => return Err(PyValueError::new_err("a result is kept in too many parts")),
        };
        let attempts_before = self.state.lock().attempts.remove(&index).unwrap_or(0);
        let request = TaskRequest {
            closure,
            index,
            attempts_before,
            seed: seed_of(index),
            returns,
            role: self.role,
            priority: priority_of(priority),
            ..TaskRequest::default()
        };
        if let Ok(raw) = row.cast::<Raw>() {
            return Ok(TaskRequest { arguments: raw.get().0.to_vec(), ..request });
        }
        let row = row.cast::<PyTuple>()?;
        let (closure, encoded) = self.closures.encode_for(py, closure, row)?;
        if self.closures.is_fallback(closure) {
            self.state.lock().news.misfit(row);
        }
        if encoded.splices.is_empty() {
            return Ok(TaskRequest { closure, arguments: encoded.bytes, ..request });
        }
        Ok(TaskRequest { closure, pieces: pieces(py, encoded)?, ..request })
    }

    fn value<'py>(
        &self,
        py: Python<'py>,
        decodings: &Decodings<'py>,
        completion: Completion,
        is_list: bool,
    ) -> PyResult<DoneRow<'py>> {
        let index = completion.index;
        let host = completion.host.map(|peer| peer.to_string());
        let (attempts, run_us) = (completion.attempts, completion.run_us);
        let closure = completion.closure;
        let engine = self.closures.get(closure).engine().name();
        let is_deopt = completion.is_deopt;
        let mut children = None;
        let (value, failed) = match completion.outcome {
            TaskOutcome::Kept(parts) => {
                let stored = parts.into_iter().map(|kept| {
                    let stored = Stored {
                        kept,
                        closures: Arc::clone(&self.closures),
                        closure,
                        live: ForkSafe::new(Arc::clone(&self.live)),
                    };
                    Bound::new(py, PyClassInitializer::from(Splice).add_subclass(stored))
                });
                let mut stored = stored.collect::<PyResult<Vec<_>>>()?;
                let value = if stored.len() == 1 && !is_list {
                    stored.remove(0).into_any()
                } else {
                    PyList::new(py, stored)?.into_any()
                };
                (Some(value), None)
            }
            TaskOutcome::Grown(value, tasks) => {
                children = Some(spawned(py, tasks)?);
                let completion = Completion { outcome: TaskOutcome::Returned(value), ..completion };
                split(value_of(py, &self.closures, decodings, completion))
            }
            _ => split(value_of(py, &self.closures, decodings, completion)),
        };
        let ended_s = 0.0;
        Ok((index, value, failed, host, attempts, run_us, engine, is_deopt, children, ended_s))
    }

    /// Waits until there is a delivery, and moves what there is to `fetched`. `false` if the time passed.
    fn fetch(&self, py: Python<'_>, wait_s: Option<f64>) -> PyResult<bool> {
        if !self.state.lock().fetched.is_empty() {
            return Ok(true);
        }
        let live = &**self.live;
        py.detach(|| live.release());
        let next = |slice| {
            let deliveries = live.list.next_many(TAKE_MAX, Some(slice));
            (!deliveries.is_empty()).then_some(deliveries)
        };
        let busy = || {
            let busy = live.list.busy().into_iter().map(|(peer, busy)| (peer, Some(busy)));
            live.fleet.describe(busy.collect(), &self.closures)
        };
        let found = wait_and_say(py, Patience::new(wait_s), next, busy)?;
        let Some(deliveries) = found else { return Ok(false) };
        self.state.lock().fetched.extend(deliveries);
        Ok(true)
    }
}

#[allow(clippy::result_large_err, reason = "either way it is moved once, into a Python object")]
fn split(value: Result<Bound<'_, PyAny>, Failed>) -> (Option<Bound<'_, PyAny>>, Option<Failed>) {
    match value {
        Ok(value) => (Some(value), None),
        Err(failed) => (None, Some(failed)),
    }
}

fn spawned(py: Python<'_>, tasks: Vec<Spawned>) -> PyResult<Bound<'_, PyList>> {
    let children = tasks.into_iter().map(|task| {
        let raw = Bound::new(py, Raw(task.arguments.into()))?;
        (f64::from_bits(task.priority), raw).into_pyobject(py)
    });
    PyList::new(py, children.collect::<PyResult<Vec<_>>>()?)
}

/// Arguments in pieces: what is between the values that hosts keep, and these.
fn pieces(py: Python<'_>, row: Row) -> PyResult<Vec<TaskPiece>> {
    let Row { bytes, splices } = row;
    let bytes = Bytes::from(bytes);
    let mut pieces: Vec<TaskPiece> = Vec::with_capacity(2 * splices.len() + 1);
    // Small values become one piece with what is around them: pieces are counted.
    let mut around = Vec::new();
    let mut done = 0;
    for (at, stored) in splices {
        around.extend_from_slice(&bytes[done..at]);
        done = at;
        let stored = stored.into_bound(py).cast_into::<Stored>().map_err(PyErr::from)?;
        match &stored.get().kept {
            Kept::Here(value) => around.extend_from_slice(value),
            kept @ Kept::There { .. } => {
                if !around.is_empty() {
                    pieces.push(TaskPiece::Bytes(std::mem::take(&mut around).into()));
                }
                pieces.push(TaskPiece::Kept(kept.clone()));
            }
        }
    }
    around.extend_from_slice(&bytes[done..]);
    if !around.is_empty() {
        pieces.push(TaskPiece::Bytes(around.into()));
    }
    Ok(pieces)
}

#[pymethods]
impl ManagerRun {
    fn room(&self) -> usize {
        let state = self.state.lock();
        state.window.tasks().saturating_sub(state.outstanding)
    }

    fn submit(&self, py: Python<'_>, jobs: &Bound<'_, PyList>) -> PyResult<()> {
        let mut requests = VecDeque::with_capacity(jobs.len());
        let mut lists_of_one = Vec::new();
        for job in jobs.iter() {
            let job = job.cast_into::<PyTuple>()?;
            let (closure, index, row, priority, keep): (u32, u64, Bound<'_, PyAny>, f64, i64) =
                job.extract()?;
            if keep == 1 {
                lists_of_one.push(index);
            }
            requests.push_back(self.request(py, closure, index, &row, priority, keep)?);
        }
        {
            let mut state = self.state.lock();
            state.outstanding += requests.len();
            state.lists_of_one.extend(lists_of_one);
        }
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

    #[pyo3(signature = (closure, row, size, *, fallback = false))]
    fn start_team(
        &self,
        py: Python<'_>,
        closure: u32,
        row: &Bound<'_, PyTuple>,
        size: u32,
        fallback: bool,
    ) -> PyResult<()> {
        let closure = if fallback {
            self.closures
                .fallback_of(closure)
                .ok_or_else(|| PyValueError::new_err("the closure has no fallback"))?
        } else {
            closure
        };
        let (closure, encoded) = self.closures.encode_for(py, closure, row)?;
        if self.closures.is_fallback(closure) && !fallback {
            self.state.lock().news.misfit(row);
        }
        let arguments = encoded.whole()?;
        self.state.lock().outstanding += size as usize;
        py.detach(|| self.live.list.start_team(closure, arguments, size))
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    #[pyo3(signature = (wait_s = None))]
    fn take<'py>(
        &self,
        py: Python<'py>,
        wait_s: Option<f64>,
    ) -> PyResult<Option<(Bound<'py, PyList>, Bound<'py, PyList>)>> {
        let (done, asks) = (PyList::empty(py), PyList::empty(py));
        loop {
            if !self.fetch(py, wait_s)? {
                return Ok(None);
            }
            let (fetched, mut printer) = {
                let mut state = self.state.lock();
                (std::mem::take(&mut state.fetched), std::mem::take(&mut state.printer))
            };
            let decodings = self.closures.decodings(py)?;
            let now_s: f64 = py
                .import(intern!(py, "time"))?
                .call_method0(intern!(py, "monotonic"))?
                .extract()?;
            let (mut ended, mut by_fallback, mut left) = (0, 0, Vec::new());
            let mut is_over = false;
            for delivery in fetched {
                match delivery {
                    Delivery::Output(it) => printer.add(it.index, &it.output, false),
                    Delivery::Deopt(deopt) => left.push(deopt),
                    Delivery::Finished => is_over = true,
                    Delivery::Ask(ask) => {
                        let value = decodings.decode(py, ask.closure, &ask.value)?.unbind();
                        asks.append(Bound::new(py, Question { ask, value })?)?;
                    }
                    Delivery::Completion(completion) => {
                        printer.add(completion.index, &completion.output, true);
                        ended += 1;
                        by_fallback += u64::from(self.closures.is_fallback(completion.closure));
                        self.live.fleet.tally.count(&self.closures, &completion);
                        let is_list = self.state.lock().lists_of_one.remove(&completion.index);
                        let mut row = self.value(py, &decodings, completion, is_list)?;
                        row.9 = now_s;
                        if row.2.is_some() {
                            let attempts = &mut self.state.lock().attempts;
                            attempts.insert(row.0, row.4);
                            if attempts.len() > FAILED_MAX {
                                attempts.pop_first();
                            }
                        }
                        done.append(row)?;
                    }
                }
            }
            let text = printer.take();
            let has_notices = {
                let mut state = self.state.lock();
                state.outstanding = state.outstanding.saturating_sub(ended);
                state.window.took(ended);
                state.printer = printer;
                state.news.ended_by_fallback(by_fallback);
                for deopt in left {
                    state.news.left(deopt);
                }
                state.news.has_notices()
            };
            output::show(py, &text)?;
            if is_over || !done.is_empty() || !asks.is_empty() || has_notices {
                return Ok(Some((done, asks)));
            }
        }
    }

    /// Answers a question; nothing happens if its task is gone.
    fn answer(
        &self,
        py: Python<'_>,
        ask: &Bound<'_, Question>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let ask = &ask.get().ask;
        let classes = self.closures.classes(py, ask.closure)?;
        let bytes = encode_bytes(value, classes, "the answer")?;
        py.detach(|| self.live.list.answer(ask, bytes));
        Ok(())
    }

    /// The least value that a task of the run is known to have found.
    fn bound(&self, py: Python<'_>) -> f64 {
        py.detach(|| self.live.list.bound())
    }

    /// What there is to say beside results: see `News` of `spm/_backend.py`.
    fn news<'py>(&self, py: Python<'py>) -> PyResult<Option<NewsRow<'py>>> {
        let fresh = self.state.lock().news.take();
        fresh.map(|fresh| fresh.row(py)).transpose()
    }

    /// For each host its peer id, seconds its tasks waited here and were on their way, and bytes of arguments and results:
    /// `HostRow` of `spm/_backend.py`.
    fn host_rows(&self, py: Python<'_>) -> Vec<(String, f64, f64, u64, u64)> {
        let stats = py.detach(|| self.live.list.stats());
        let seconds = |ms| Duration::from_millis(ms).as_secs_f64();
        let row = |host: &HostRunStats| {
            let (queue_s, ship_s) = (seconds(host.queue_ms), seconds(host.ship_ms));
            (host.peer.to_string(), queue_s, ship_s, host.argument_bytes, host.result_bytes)
        };
        stats.hosts.iter().map(row).collect()
    }

    /// Cancels what is left; whoever waits for results is told.
    fn cancel(&self, py: Python<'_>) {
        py.detach(|| self.live.list.cancel_all());
    }

    /// Cancels what is left, and waits until no host has anything of the run.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let concluding = py.detach(|| {
            self.live.list.cancel_all();
            self.live.session.conclude()
        });
        if let Ok(concluding) = concluding {
            let patience = Patience::new(Some(CONCLUDE_WAIT.as_secs_f64()));
            wait_for(py, patience, |slice| concluding.wait(Some(slice)).then_some(()))?;
        }
        Ok(())
    }
}

/// What tasks of a kind of manager are to it.
pub(super) fn role_of(kind: &str) -> PyResult<Role> {
    match kind {
        "farm" => Ok(Role::Asker),
        "template" => Ok(Role::Branch),
        "list" | "dag" | "aggregate" | "team" => Ok(Role::Independent),
        _ => Err(PyValueError::new_err(format!("`{kind}` is no kind of manager"))),
    }
}
