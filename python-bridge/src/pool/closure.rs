//! A `Specialisation` of `spm/_closure.py`, as runs need it.

use bytes::Bytes;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySequence, PyTuple};
use spm_hub::{Blob, ClosureDefinition};
use spm_protocol::ContentId;
use spm_protocol::manifest::{Capability, Engine, Isolation, TaskLimits, UnknownCapability};

use super::runtime::Runtime;
use crate::codec::{ArgumentTypes, Classes, decode_bytes, encode_row};

/// The closures of a point: one, and what runs the tasks that it cannot.
pub(super) struct Closures {
    main: Closure,
    fallback: Option<Closure>,
}

/// The place of the fallback in a point. The closure it is for is the first.
const FALLBACK: u32 = 1;

impl Closures {
    /// Takes a `Specialisation`, and that which its attribute `fallback` names, if it is not None.
    pub(super) fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fallback = object.getattr(intern!(object.py(), "fallback"))?;
        let fallback = if fallback.is_none() { None } else { Some(Closure::new(&fallback)?) };
        let main = Closure::new(object)?;
        if let Some(fallback) = &fallback {
            main.check_classes(object.py(), fallback)?;
        }
        Ok(Self { main, fallback })
    }

    /// The closures as a session defines them, in the order of their indices.
    pub(super) fn definitions(&self, py: Python<'_>) -> PyResult<Vec<ClosureDefinition>> {
        let mut main = self.main.definition(py)?;
        main.fallback = self.fallback.as_ref().map(|_| FALLBACK);
        let fallback = self.fallback.as_ref().map(|fallback| fallback.definition(py));
        [Some(Ok(main)), fallback].into_iter().flatten().collect()
    }

    /// The closure at an index of the point.
    pub(super) fn get(&self, index: u32) -> &Closure {
        self.fallback.as_ref().filter(|_| index == FALLBACK).unwrap_or(&self.main)
    }

    /// The engine of a closure; of the last, which takes longest to prepare, if none is named.
    pub(super) fn engine_of(&self, index: Option<u32>) -> Engine {
        self.get(index.unwrap_or(FALLBACK)).engine
    }

    /// A call's arguments in CBOR, and the index of the closure that takes them: the fallback, if they are not of the
    /// types that the first was compiled for. Without one that is a `CompileError`.
    pub(super) fn encode<'py>(
        &self,
        py: Python<'py>,
        row: &Bound<'py, PyTuple>,
    ) -> PyResult<(u32, Vec<u8>)> {
        let main = &self.main;
        if let Some(arguments) = main.encode(py, row)? {
            return Ok((0, arguments));
        }
        if let Some(fallback) = &self.fallback
            && main.takes(row.len())
            && let Some(arguments) = fallback.encode(py, row)?
        {
            return Ok((FALLBACK, arguments));
        }
        main.object.call_method1(py, intern!(py, "misfit"), (row,))?;
        Err(PyRuntimeError::new_err("arguments fit no type, and no reason is known"))
    }

    /// What results are decoded with.
    pub(super) fn decodings<'py>(&self, py: Python<'py>) -> PyResult<Decodings<'py>> {
        let fallback = self.fallback.as_ref().map(|fallback| fallback.classes(py));
        Ok(Decodings { main: self.main.classes(py)?, fallback: fallback.transpose()? })
    }
}

/// A closure and what it takes to encode for it.
pub(super) struct Closure {
    object: Py<PyAny>,
    engine: Engine,
    takes: Takes,
    classes: Py<PyTuple>,
}

/// What arguments a closure takes.
enum Takes {
    /// Those of the types it was compiled for.
    Types(Py<ArgumentTypes>),
    /// Any that can cross; these are the parameters' names, for messages.
    Any(Vec<String>),
}

impl Closure {
    fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let arguments = object.getattr(intern!(py, "arguments"))?;
        let takes = if arguments.is_none() {
            Takes::Any(object.getattr(intern!(py, "names"))?.extract()?)
        } else {
            Takes::Types(arguments.cast_into::<ArgumentTypes>()?.unbind())
        };
        let engine: String = object.getattr(intern!(py, "engine"))?.extract()?;
        Ok(Self {
            takes,
            engine: engine_named(&engine)?,
            classes: object.getattr(intern!(py, "classes"))?.cast_into::<PyTuple>()?.unbind(),
            object: object.clone().unbind(),
        })
    }

    /// The `Specialisation` itself.
    pub(super) fn object(&self, py: Python<'_>) -> Py<PyAny> {
        self.object.clone_ref(py)
    }

    /// What made it.
    pub(super) fn engine(&self) -> Engine {
        self.engine
    }

    /// A call's arguments in CBOR, or `None` if the closure was not compiled for them.
    fn encode<'py>(&self, py: Python<'py>, row: &Bound<'py, PyTuple>) -> PyResult<Option<Vec<u8>>> {
        match &self.takes {
            Takes::Types(arguments) => arguments.get().encode_row(row),
            Takes::Any(names) => encode_row(row, names, self.classes(py)?).map(Some),
        }
    }

    /// A task's arguments are not encoded again for the fallback, so that both have to mean the same by an index.
    fn check_classes(&self, py: Python<'_>, fallback: &Self) -> PyResult<()> {
        let (own, others) = (self.classes.bind(py), fallback.classes.bind(py));
        let begins_alike = own.len() <= others.len()
            && own.iter().zip(others.iter()).all(|(one, other)| one.is(&other));
        if begins_alike {
            return Ok(());
        }
        Err(PyValueError::new_err("the fallback's class table does not begin with the closure's"))
    }

    /// Whether it takes so many arguments.
    fn takes(&self, count: usize) -> bool {
        match &self.takes {
            Takes::Types(arguments) => arguments.get().count() == count,
            Takes::Any(_) => true,
        }
    }

    fn classes<'py>(&self, py: Python<'py>) -> PyResult<Classes<'py>> {
        Classes::new(Some(self.classes.bind(py).cast::<PySequence>()?))
    }

    /// The closure as a session defines it.
    fn definition(&self, py: Python<'_>) -> PyResult<ClosureDefinition> {
        let object = self.object.bind(py);
        let get = |name: &str| object.getattr(name);
        let classes = self.classes.bind(py).iter();
        let isolation: String = get("isolation")?.extract()?;
        let capabilities: Vec<String> = get("capabilities")?.extract()?;
        let source: String = get("source")?.extract()?;
        let payload = get("payload")?;
        Ok(ClosureDefinition {
            name: get("name")?.extract()?,
            component: component_of(object)?,
            engine: self.engine,
            payload: if payload.is_none() {
                None
            } else {
                Some(copied(&payload.cast_into::<PyBytes>()?))
            },
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

/// A runtime is shared, and known by its id; a compiled component has a few kB, and is hashed here.
fn component_of(object: &Bound<'_, PyAny>) -> PyResult<Blob> {
    let component = object.getattr(intern!(object.py(), "component"))?;
    if let Ok(runtime) = component.cast::<Runtime>() {
        return Ok(runtime.get().blob());
    }
    let bytes = object.getattr(intern!(object.py(), "component_bytes"))?;
    Ok(copied(&bytes.cast_into::<PyBytes>()?))
}

fn copied(bytes: &Bound<'_, PyBytes>) -> Blob {
    Blob::new(Bytes::copy_from_slice(bytes.as_bytes()))
}

/// Decodes results of the closures of a point, each with its own class table.
pub(super) struct Decodings<'py> {
    main: Classes<'py>,
    fallback: Option<Classes<'py>>,
}

impl<'py> Decodings<'py> {
    /// A value that the closure at `index` returned.
    pub(super) fn decode(
        &self,
        py: Python<'py>,
        index: u32,
        value: &[u8],
    ) -> PyResult<Bound<'py, PyAny>> {
        let fallback = self.fallback.as_ref().filter(|_| index == FALLBACK);
        decode_bytes(py, value, fallback.unwrap_or(&self.main))
    }
}

fn engine_named(name: &str) -> PyResult<Engine> {
    [Engine::Native, Engine::Python, Engine::Scientific, Engine::Guest]
        .into_iter()
        .find(|engine| engine.name() == name)
        .ok_or_else(|| PyValueError::new_err(format!("unknown engine `{name}`")))
}

fn capability_named(name: &str) -> PyResult<Capability> {
    name.parse().map_err(|error: UnknownCapability| PyValueError::new_err(error.to_string()))
}
