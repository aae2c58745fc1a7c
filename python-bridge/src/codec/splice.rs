//! Places in arguments where a value goes that a host keeps.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// What stands for a value that is elsewhere, in arguments of a task: the base of `_spm.Stored`.
#[pyclass(subclass, frozen, module = "spm._spm")]
pub(crate) struct Splice;

impl Row {
    /// The bytes, if they are all there.
    pub(crate) fn whole(self) -> PyResult<Vec<u8>> {
        if self.splices.is_empty() {
            return Ok(self.bytes);
        }
        Err(PyTypeError::new_err("a value that a host keeps can only be an argument of a task"))
    }
}

/// Arguments in CBOR, without the values that are elsewhere, and where in them those go.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) bytes: Vec<u8>,
    /// In the order of their places.
    pub(crate) splices: Vec<(usize, Py<PyAny>)>,
}
