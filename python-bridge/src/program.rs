//! Stand-alone programs: components of the modules that compilers for WASI make.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use spm_protocol::ContentId;

/// Makes a component of a program, and returns it with its content id. What is none is a `ValueError` that says why.
#[pyfunction]
fn adapt_program<'py>(py: Python<'py>, program: &[u8]) -> PyResult<(Bound<'py, PyBytes>, String)> {
    let component = py
        .detach(|| spm_programs::adapt(program))
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok((PyBytes::new(py, &component), ContentId::of(&component).to_string()))
}

/// Adds it to the module `spm._spm`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(adapt_program, module)?)
}
