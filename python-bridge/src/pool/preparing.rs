//! Says whom a pool waits for, once that takes long: one line where people look, gone when it is over.

use std::time::{Duration, Instant};

use pyo3::intern;
use pyo3::prelude::*;
use spm_protocol::Engine;
use spm_protocol::frame::PrepareStep;

use super::wait::{Patience, wait_for};

/// A wait that is over by then is none.
const SHOWN_AFTER: Duration = Duration::from_millis(500);
/// How often the line is brought up to date.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

/// A host that is waited for: its name, the engine it prepares, what it does, and thousandths of that.
pub(super) type Awaited = (String, &'static str, Option<&'static str>, Option<u32>);

/// One wait. The line is cleared when this is dropped.
pub(super) struct Waiting<'py> {
    py: Python<'py>,
    begun: Instant,
    line: Option<Bound<'py, PyAny>>,
}

impl<'py> Waiting<'py> {
    pub(super) fn new(py: Python<'py>) -> Self {
        Self { py, begun: Instant::now(), line: None }
    }

    /// How long to wait before [`Self::show`].
    pub(super) fn patience(&self) -> Patience {
        let first = SHOWN_AFTER.saturating_sub(self.begun.elapsed());
        Patience::new(Some(first.max(SHOWN_EVERY).as_secs_f64()))
    }

    /// Says who is waited for now.
    pub(super) fn show(&mut self, hosts: Vec<Awaited>) -> PyResult<()> {
        let py = self.py;
        if self.begun.elapsed() < SHOWN_AFTER {
            return Ok(());
        }
        if self.line.is_none() {
            let module = py.import(intern!(py, "spm._preparing"))?;
            self.line = Some(module.getattr(intern!(py, "Line"))?.call0()?);
        }
        if let Some(line) = &self.line {
            line.call_method1(intern!(py, "show"), (hosts,))?;
        }
        Ok(())
    }
}

impl Waiting<'_> {
    /// Says nothing any more, or not yet.
    fn clear(&mut self) -> PyResult<()> {
        if let Some(line) = self.line.take() {
            line.call_method0(intern!(self.py, "clear"))?;
        }
        Ok(())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            // What is left of a line is better than another exception.
            let _ = line.call_method0(intern!(self.py, "clear"));
        }
    }
}

/// As [`wait_for`], and says meanwhile for which hosts tasks wait, if there are such.
pub(super) fn wait_and_say<T: Send>(
    py: Python<'_>,
    patience: Patience,
    mut attempt: impl FnMut(Duration) -> Option<T> + Send,
    busy: impl Fn() -> Vec<Awaited>,
) -> PyResult<Option<T>> {
    let mut waiting = Waiting::new(py);
    loop {
        let found = wait_for(py, patience.or_sooner(waiting.patience()), &mut attempt)?;
        if found.is_some() || patience.is_over() {
            return Ok(found);
        }
        match busy() {
            hosts if hosts.is_empty() => waiting.clear()?,
            hosts => waiting.show(hosts)?,
        }
    }
}

/// What is done, for people.
pub(super) fn step_text(step: PrepareStep) -> &'static str {
    match step {
        PrepareStep::Fetching => "fetching",
        PrepareStep::Compiling => "compiling",
    }
}

/// This process, which compiles for itself.
pub(super) fn compiling_here(engine: Engine) -> Awaited {
    let step = step_text(PrepareStep::Compiling);
    ("this process".to_owned(), engine.name(), Some(step), None)
}
