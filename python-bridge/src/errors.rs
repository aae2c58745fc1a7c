//! What Python needs to make exceptions: records read, traps by number, frames out of sight.
//!
//! `pool/failed.rs` hands outcomes over, and `spm._outcome` is the one place where they become
//! exceptions. The decorator [`Hidden`] keeps SPM's own frames out of the tracebacks users see.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use spm_protocol::raised::{
    BUILTIN_EXCEPTIONS, CLASS_TABLE_BASE, Raised, RaisedFrame, SourceFrame,
};
use spm_protocol::trap::TrapCode;

/// A frame as the fields of `spm._task.Frame`.
pub(crate) fn frame_tuple<'py>(
    py: Python<'py>,
    frame: &SourceFrame,
) -> PyResult<Bound<'py, PyTuple>> {
    (
        &frame.file,
        frame.line,
        frame.column,
        frame.end_line,
        frame.end_column,
        &frame.function,
        &frame.source,
    )
        .into_pyobject(py)
}

/// A `raised` record as a dict; values in it stay encoded.
#[pyfunction]
fn read_raised<'py>(py: Python<'py>, record: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    match Raised::from_bytes(record) {
        Ok(raised) => raised_dict(py, &raised),
        Err(error) => Err(PyValueError::new_err(format!("malformed exception record: {error}"))),
    }
}

fn raised_dict<'py>(py: Python<'py>, raised: &Raised) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let (builtin, class) = match raised.class.checked_sub(CLASS_TABLE_BASE) {
        Some(index) => (None, Some(index)),
        None => (BUILTIN_EXCEPTIONS.get(raised.class as usize), None),
    };
    dict.set_item("builtin", builtin)?;
    dict.set_item("class", class)?;
    dict.set_item("args", PyBytes::new(py, &raised.args))?;
    dict.set_item("state", PyBytes::new(py, &raised.state))?;
    dict.set_item("notes", &raised.notes)?;
    let chained =
        |link: &Option<Box<Raised>>| link.as_deref().map(|link| raised_dict(py, link)).transpose();
    dict.set_item("cause", chained(&raised.cause)?)?;
    dict.set_item("context", chained(&raised.context)?)?;
    dict.set_item("suppress_context", raised.suppress_context)?;
    let members = raised.members.iter().map(|member| raised_dict(py, member));
    dict.set_item("members", members.collect::<PyResult<Vec<_>>>()?)?;
    let frames = PyList::empty(py);
    for frame in &raised.frames {
        match frame {
            RaisedFrame::Site(site) => frames.append(site)?,
            RaisedFrame::Source(frame) => frames.append(frame_tuple(py, frame)?)?,
        }
    }
    dict.set_item("frames", frames)?;
    dict.set_item("frames_left_out", raised.frames_left_out)?;
    dict.set_item("context_is_cause", raised.context_is_cause)?;
    dict.set_item("trap", raised.trap.map(|trap| trap as u8))?;
    Ok(dict)
}

/// Every trap: its number, text and the name of its exception.
fn trap_rows() -> Vec<(u8, &'static str, &'static str)> {
    TrapCode::ALL.iter().map(|code| (*code as u8, code.text(), code.python_name())).collect()
}

/// A function whose exceptions show no frames of SPM's. Made by [`hidden`].
///
/// It is no Python function, so it adds no frame of its own.
#[pyclass(dict, frozen, module = "spm._spm")]
pub(crate) struct Hidden {
    function: Py<PyAny>,
}

#[pymethods]
impl Hidden {
    #[pyo3(signature = (*arguments, **keywords))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(py).call(arguments, keywords).map_err(|error| hide(py, error))
    }

    fn __get__<'py>(
        this: Bound<'py, Self>,
        instance: Option<&Bound<'py, PyAny>>,
        owner: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = owner;
        let py = this.py();
        match instance.filter(|instance| !instance.is_none()) {
            None => Ok(this.into_any()),
            Some(instance) => {
                let method = py.import(intern!(py, "types"))?.getattr(intern!(py, "MethodType"))?;
                method.call1((this, instance))
            }
        }
    }
}

/// The same exception, its traceback without SPM's frames.
#[cold]
fn hide(py: Python<'_>, error: PyErr) -> PyErr {
    let hidden = || -> PyResult<PyErr> {
        let value = error.value(py);
        value.setattr(intern!(py, "__traceback__"), error.traceback(py))?;
        let module = py.import(intern!(py, "spm._traceback"))?;
        module.call_method1(intern!(py, "hide"), (value,))?;
        Ok(PyErr::from_value(value.clone().into_any()))
    };
    // A traceback with too many frames is better than another exception.
    hidden().unwrap_or(error)
}

/// Decorates a function so that its exceptions show no frames of SPM's.
#[pyfunction]
fn hidden<'py>(py: Python<'py>, function: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let made = Bound::new(py, Hidden { function: function.clone().unbind() })?;
    py.import(intern!(py, "functools"))?
        .call_method1(intern!(py, "update_wrapper"), (made, function))
}

/// Adds what `spm._errors` needs to the module `spm._spm`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read_raised, module)?)?;
    module.add_function(wrap_pyfunction!(hidden, module)?)?;
    module.add("TRAPS", trap_rows())?;
    let leaving = TrapCode::ALL.iter().filter(|code| code.leaves_proof());
    module.add("LEAVES_PROOF", leaving.map(|code| u32::from(*code as u8)).collect::<Vec<_>>())?;
    module.add("BUILTIN_EXCEPTIONS", BUILTIN_EXCEPTIONS.to_vec())?;
    Ok(())
}
