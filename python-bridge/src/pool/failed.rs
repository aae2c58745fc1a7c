//! Outcomes of tasks on their way to Python.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use spm_hub::{Completion, TaskOutcome};
use spm_protocol::outcome::CodePoint;
use spm_protocol::raised::left_proof;

/// A task that did not return: everything that its exception is made of.
#[pyclass(frozen, module = "spm._spm")]
pub(crate) struct Failed {
    closure: Py<PyAny>,
    index: u64,
    host: Option<String>,
    attempts: u32,
    outcome: TaskOutcome,
    /// Why the fallback could not take over.
    unbacked: Option<String>,
    /// Why a returned value cannot be decoded.
    malformed: Option<PyErr>,
}

#[pymethods]
impl Failed {
    /// The exception that the submitter sees.
    fn error<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let module = py.import("spm._outcome")?;
        let (closure, host) = (self.closure.bind(py), self.host.as_deref());
        if let Some(error) = &self.malformed {
            let arguments = (closure, self.index, host, self.attempts, error.value(py));
            return module.call_method1("malformed", arguments);
        }
        let outcome = outcome_tuple(py, &self.outcome)?;
        let unbacked = self.unbacked.as_deref();
        let arguments = (closure, self.index, host, self.attempts, outcome, unbacked);
        module.call_method1("exception", arguments)
    }

    /// Whether it was cancelled.
    #[getter]
    fn is_cancelled(&self) -> bool {
        self.outcome == TaskOutcome::Cancelled
    }

    /// Whether a value that it needed is gone with its host.
    #[getter]
    fn is_lost_argument(&self) -> bool {
        matches!(self.outcome, TaskOutcome::ArgumentLost(_))
    }

    /// Whether it left what its closure has proved, and was not run again.
    #[getter]
    fn left_proof(&self) -> bool {
        matches!(&self.outcome, TaskOutcome::Raised(record) if left_proof(record).is_some())
    }
}

impl Failed {
    /// What became of a task that `closure`, a `Specialisation`, ended.
    pub(super) fn new(
        closure: Py<PyAny>,
        completion: Completion,
        malformed: Option<PyErr>,
    ) -> Self {
        Self {
            closure,
            index: completion.index,
            host: completion.host.map(|peer| peer.to_string()),
            attempts: completion.attempts,
            outcome: completion.outcome,
            unbacked: completion.unbacked,
            malformed,
        }
    }
}

/// An outcome as `spm._errors` takes it: a tuple that begins with its name.
fn outcome_tuple<'py>(py: Python<'py>, outcome: &TaskOutcome) -> PyResult<Bound<'py, PyTuple>> {
    match outcome {
        TaskOutcome::Returned(value) => ("returned", PyBytes::new(py, value)).into_pyobject(py),
        TaskOutcome::Raised(record) => ("raised", PyBytes::new(py, record)).into_pyobject(py),
        TaskOutcome::Trapped(code, points) => {
            ("trapped", *code as u8, point_tuples(points)).into_pyobject(py)
        }
        TaskOutcome::OutOfFuel(points) => ("out of fuel", point_tuples(points)).into_pyobject(py),
        TaskOutcome::OutOfMemory(points) => {
            ("out of memory", point_tuples(points)).into_pyobject(py)
        }
        TaskOutcome::DeadlineHit(points) => ("deadline", point_tuples(points)).into_pyobject(py),
        TaskOutcome::HostFault(why) => ("host fault", why).into_pyobject(py),
        TaskOutcome::Refused(why) => ("refused", why).into_pyobject(py),
        TaskOutcome::Unprepared(why) => ("unprepared", why).into_pyobject(py),
        TaskOutcome::HostLost(why) => ("host lost", why).into_pyobject(py),
        TaskOutcome::ArgumentLost(why) => ("argument lost", why).into_pyobject(py),
        TaskOutcome::Deadlock(why) => ("deadlock", why).into_pyobject(py),
        // What is kept or has grown is no failure.
        TaskOutcome::Kept(_) | TaskOutcome::Grown(..) => ("returned",).into_pyobject(py),
        TaskOutcome::Cancelled => ("cancelled",).into_pyobject(py),
        TaskOutcome::RunDeadline => ("run deadline",).into_pyobject(py),
        TaskOutcome::NoHosts(reasons) => {
            let reasons: Vec<(String, &str)> =
                reasons.iter().map(|(peer, why)| (peer.to_string(), why.as_str())).collect();
            ("no hosts", reasons).into_pyobject(py)
        }
    }
}

fn point_tuples(points: &[CodePoint]) -> Vec<(u32, u32)> {
    points.iter().map(|point| (point.function, point.offset)).collect()
}
