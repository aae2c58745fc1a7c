//! What a WebAssembly file is made of, and whether hosts take it, for people who ask.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use spm_host::sandbox::Profile;
use spm_host::verify::{self, Contents, Range};
use spm_protocol::Engine;
use spm_protocol::limits::{COMPONENT_BYTES_MAX, MEMORY_BYTES_MAX, TABLE_ELEMENTS_MAX};

fn profile(engine: &str) -> PyResult<Profile> {
    let engines = [Engine::Native, Engine::Python, Engine::Scientific, Engine::Guest];
    match engines.into_iter().find(|known| known.name() == engine) {
        Some(engine) => Ok(Profile::of(engine)),
        None => Err(PyValueError::new_err(format!("there is no engine `{engine}`"))),
    }
}

/// Checks a component as hosts do, and returns how many bytes of linear memory it begins with.
#[pyfunction]
#[pyo3(signature = (component, engine = "guest"))]
fn check_component(py: Python<'_>, component: &[u8], engine: &str) -> PyResult<u64> {
    let bounds = profile(engine)?.bounds();
    py.detach(|| verify::check_component(component, bounds, MEMORY_BYTES_MAX))
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

/// What a component or a core module consists of. What cannot be read is a `ValueError`.
#[pyfunction]
fn contents<'py>(py: Python<'py>, binary: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    match py.detach(|| verify::contents(binary)) {
        Ok(found) => as_dict(py, found),
        Err(error) => Err(PyValueError::new_err(error.to_string())),
    }
}

fn as_dict(py: Python<'_>, found: Contents) -> PyResult<Bound<'_, PyDict>> {
    let range = |range: &Range| (range.initial, range.maximum);
    let dict = PyDict::new(py);
    dict.set_item("is_component", found.is_component)?;
    dict.set_item("code_bytes", found.code_bytes)?;
    dict.set_item("data_bytes", found.data_bytes)?;
    dict.set_item("custom_bytes", found.custom_bytes)?;
    dict.set_item("modules", found.modules)?;
    dict.set_item("functions", found.functions)?;
    dict.set_item("memories", found.memories.iter().map(range).collect::<Vec<_>>())?;
    dict.set_item("tables", found.tables.iter().map(range).collect::<Vec<_>>())?;
    let imports = found.imports.into_iter();
    let imports = imports.map(|import| (import.name, import.is_allowed, import.items));
    dict.set_item("imports", imports.collect::<Vec<_>>())?;
    let exports = found.exports.into_iter().map(|export| (export.name, export.what));
    dict.set_item("exports", exports.collect::<Vec<_>>())?;
    dict.set_item("invalid", found.invalid.map(|error| error.to_string()))?;
    Ok(dict)
}

/// What every host allows a component of the small kind.
#[pyfunction]
fn host_bounds(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let bounds = Profile::of(Engine::Guest).bounds();
    let dict = PyDict::new(py);
    dict.set_item("component_bytes", COMPONENT_BYTES_MAX)?;
    dict.set_item("memory_bytes", MEMORY_BYTES_MAX)?;
    dict.set_item("memories", bounds.memories)?;
    dict.set_item("tables", bounds.tables)?;
    dict.set_item("table_elements", TABLE_ELEMENTS_MAX)?;
    Ok(dict)
}

/// Adds all of it to the module `spm._spm`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(check_component, module)?)?;
    module.add_function(wrap_pyfunction!(contents, module)?)?;
    module.add_function(wrap_pyfunction!(host_bounds, module)?)
}
