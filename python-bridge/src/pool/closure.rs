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
use crate::codec::{ArgumentTypes, Classes, Row, decode_bytes, encode_row};

/// The closures of a point: some, and behind them those that run the tasks which they cannot.
pub(super) struct Closures {
    all: Vec<Closure>,
    /// For each, the place of its fallback.
    fallbacks: Vec<Option<u32>>,
}

impl Closures {
    /// Takes a `Specialisation`, and that which its attribute `fallback` names, if it is not None.
    pub(super) fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::many(std::slice::from_ref(object))
    }

    /// Takes several, each with its fallback. They have the places that they have in `objects`.
    pub(super) fn many(objects: &[Bound<'_, PyAny>]) -> PyResult<Self> {
        let mut all = objects.iter().map(Closure::new).collect::<PyResult<Vec<_>>>()?;
        let mut fallbacks = vec![None; objects.len()];
        for (place, object) in objects.iter().enumerate() {
            let fallback = object.getattr(intern!(object.py(), "fallback"))?;
            if fallback.is_none() {
                continue;
            }
            let fallback = Closure::new(&fallback)?;
            all[place].check_classes(object.py(), &fallback)?;
            fallbacks[place] = Some(all.len() as u32);
            all.push(fallback);
        }
        fallbacks.resize(all.len(), None);
        Ok(Self { all, fallbacks })
    }

    /// The closures as a session defines them, in the order of their indices.
    pub(super) fn definitions(&self, py: Python<'_>) -> PyResult<Vec<ClosureDefinition>> {
        let definitions = self.all.iter().zip(&self.fallbacks).map(|(closure, fallback)| {
            Ok(ClosureDefinition { fallback: *fallback, ..closure.definition(py)? })
        });
        definitions.collect()
    }

    /// The closure at an index of the point.
    pub(super) fn get(&self, index: u32) -> &Closure {
        self.all.get(index as usize).unwrap_or(&self.all[0])
    }

    /// The place of a closure's fallback.
    pub(super) fn fallback_of(&self, index: u32) -> Option<u32> {
        self.fallbacks.get(index as usize).copied().flatten()
    }

    /// Whether the closure at an index is another's fallback.
    pub(super) fn is_fallback(&self, index: u32) -> bool {
        self.fallbacks.contains(&Some(index))
    }

    /// The engine of a closure; of the last, which takes longest to prepare, if none is named.
    pub(super) fn engine_of(&self, index: Option<u32>) -> Engine {
        self.get(index.unwrap_or(self.all.len() as u32 - 1)).engine
    }

    /// A call's arguments in CBOR, and the index of the closure that takes them: the fallback, if they are not of the
    /// types that the first was compiled for. Without one that is a `CompileError`.
    pub(super) fn encode<'py>(
        &self,
        py: Python<'py>,
        row: &Bound<'py, PyTuple>,
    ) -> PyResult<(u32, Vec<u8>)> {
        let (closure, row) = self.encode_for(py, 0, row)?;
        Ok((closure, row.whole()?))
    }

    /// The same for the closure at an index, and with values that hosts keep.
    pub(super) fn encode_for<'py>(
        &self,
        py: Python<'py>,
        index: u32,
        row: &Bound<'py, PyTuple>,
    ) -> PyResult<(u32, Row)> {
        let main = self
            .all
            .get(index as usize)
            .ok_or_else(|| PyValueError::new_err(format!("there is no closure {index}")))?;
        if let Some(arguments) = main.encode(py, row)? {
            return Ok((index, arguments));
        }
        if let Some(place) = self.fallback_of(index)
            && main.takes(row.len())
            && let Some(arguments) = self.get(place).encode(py, row)?
        {
            return Ok((place, arguments));
        }
        main.object.call_method1(py, intern!(py, "misfit"), (row,))?;
        Err(PyRuntimeError::new_err("arguments fit no type, and no reason is known"))
    }

    /// The class table of the closure at an index.
    pub(super) fn classes<'py>(&self, py: Python<'py>, index: u32) -> PyResult<Classes<'py>> {
        self.get(index).classes(py)
    }

    /// What results are decoded with.
    pub(super) fn decodings<'py>(&self, py: Python<'py>) -> PyResult<Decodings<'py>> {
        let all = self.all.iter().map(|closure| closure.classes(py));
        Ok(Decodings { all: all.collect::<PyResult<_>>()? })
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
    fn encode<'py>(&self, py: Python<'py>, row: &Bound<'py, PyTuple>) -> PyResult<Option<Row>> {
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
    all: Vec<Classes<'py>>,
}

impl<'py> Decodings<'py> {
    /// A value that the closure at `index` returned.
    pub(super) fn decode(
        &self,
        py: Python<'py>,
        index: u32,
        value: &[u8],
    ) -> PyResult<Bound<'py, PyAny>> {
        let classes = self.all.get(index as usize).or_else(|| self.all.first());
        let classes = classes.ok_or_else(|| PyRuntimeError::new_err("a point has a closure"))?;
        decode_bytes(py, value, classes)
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
