//! Stand-alone programs: components of the modules that compilers for WASI make.

use std::collections::BTreeMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use spm_protocol::ContentId;

/// A component, its content id, and names of the program's functions by their index in it.
type AdaptedRow<'py> = (Bound<'py, PyBytes>, String, BTreeMap<u32, String>);

/// Makes a component of a program. What is none is a `ValueError` that says why.
#[pyfunction]
fn adapt_program<'py>(py: Python<'py>, program: &[u8]) -> PyResult<AdaptedRow<'py>> {
    let adapted = py
        .detach(|| spm_programs::adapt(program))
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    let component = PyBytes::new(py, &adapted.component);
    let id = ContentId::of(&adapted.component).to_string();
    Ok((component, id, adapted.functions.into_iter().collect()))
}

/// Adds it to the module `spm._spm`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(adapt_program, module)?)
}
