//! A `Specialisation` of `spm/_closure.py`, as runs need it.

use bytes::Bytes;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySequence, PyTuple};
use spm_hub::{Blob, ClosureDefinition};
use spm_protocol::ContentId;
use spm_protocol::manifest::{Capability, Engine, Isolation, TaskLimits};

use crate::codec::{ArgumentTypes, Classes, decode_bytes};

/// A closure and what it takes to encode for it.
pub(super) struct Closure {
    object: Py<PyAny>,
    arguments: Py<ArgumentTypes>,
    classes: Py<PyTuple>,
}

impl Closure {
    pub(super) fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        Ok(Self {
            arguments: object
                .getattr(intern!(py, "arguments"))?
                .cast_into::<ArgumentTypes>()?
                .unbind(),
            classes: object.getattr(intern!(py, "classes"))?.cast_into::<PyTuple>()?.unbind(),
            object: object.clone().unbind(),
        })
    }

    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            object: self.object.clone_ref(py),
            arguments: self.arguments.clone_ref(py),
            classes: self.classes.clone_ref(py),
        }
    }

    /// The `Specialisation` itself.
    pub(super) fn object(&self, py: Python<'_>) -> Py<PyAny> {
        self.object.clone_ref(py)
    }

    /// A call's arguments in CBOR; a `CompileError` if the closure was not compiled for them.
    pub(super) fn encode<'py>(
        &self,
        py: Python<'py>,
        row: &Bound<'py, PyTuple>,
    ) -> PyResult<Vec<u8>> {
        if let Some(bytes) = self.arguments.get().encode_row(row)? {
            return Ok(bytes);
        }
        self.object.call_method1(py, intern!(py, "misfit"), (row,))?;
        Err(PyRuntimeError::new_err("arguments fit no type, and no reason is known"))
    }

    /// What results are decoded with.
    pub(super) fn classes<'py>(&self, py: Python<'py>) -> PyResult<Decoding<'py>> {
        Ok(Decoding(Classes::new(Some(self.classes.bind(py).cast::<PySequence>()?))?))
    }

    /// The closure as a session defines it.
    pub(super) fn definition(&self, py: Python<'_>) -> PyResult<ClosureDefinition> {
        let object = self.object.bind(py);
        let get = |name: &str| object.getattr(name);
        let component = get("component_bytes")?.cast_into::<PyBytes>()?;
        let classes = self.classes.bind(py).iter();
        let engine: String = get("engine")?.extract()?;
        let isolation: String = get("isolation")?.extract()?;
        let capabilities: Vec<String> = get("capabilities")?.extract()?;
        let source: String = get("source")?.extract()?;
        Ok(ClosureDefinition {
            name: get("name")?.extract()?,
            component: Blob::new(Bytes::copy_from_slice(component.as_bytes())),
            engine: engine_named(&engine)?,
            payload: None,
            fallback: None,
            classes: classes
                .map(|class| class.getattr("__qualname__")?.extract())
                .collect::<PyResult<_>>()?,
            limits: TaskLimits {
                memory_bytes: get("memory_bytes")?.extract()?,
                fuel: get("fuel")?.extract()?,
                deadline_ms: get("deadline_ms")?.extract()?,
            },
            capabilities: capabilities
                .iter()
                .map(|name| capability_named(name))
                .collect::<PyResult<_>>()?,
            isolation: if isolation == "session" { Isolation::Session } else { Isolation::Task },
            source: ContentId::of(source.as_bytes()),
            compiler: get("compiler")?.extract()?,
        })
    }
}

/// Decodes results of one closure.
pub(super) struct Decoding<'py>(Classes<'py>);

impl<'py> Decoding<'py> {
    pub(super) fn decode(&self, py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        decode_bytes(py, value, &self.0)
    }
}

fn engine_named(name: &str) -> PyResult<Engine> {
    [Engine::Native, Engine::Python, Engine::Scientific, Engine::Guest]
        .into_iter()
        .find(|engine| engine.name() == name)
        .ok_or_else(|| PyValueError::new_err(format!("unknown engine `{name}`")))
}

fn capability_named(name: &str) -> PyResult<Capability> {
    if let Some(variable) = name.strip_prefix("env:") {
        return Ok(Capability::Environment(variable.to_owned()));
    }
    if let Some(folder) = name.strip_prefix("fs:ro:") {
        return Ok(Capability::ReadOnlyFolder(folder.to_owned()));
    }
    match name {
        "clock" => Ok(Capability::Clock),
        "random" => Ok(Capability::Random),
        _ => Err(PyValueError::new_err(format!("unknown capability `{name}`"))),
    }
}
