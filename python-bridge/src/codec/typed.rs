//! Types of the native engine as Python sees them, and arguments that must be of them.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PySet, PyString, PyTuple};
use spm_compiler::ValueType as Type;
use spm_protocol::value::DEPTH_MAX;

use super::argument_root;
use super::class_types::ClassTypes;
use super::classes::Classes;
use super::encode::Encoder;
use super::infer::small_int;
use super::splice::{Row, Splice};

/// The type of a value that the native engine can hold.
#[pyclass(frozen, module = "spm._spm")]
#[derive(Clone)]
pub(crate) struct ValueType(pub(crate) Type);

#[pymethods]
impl ValueType {
    /// Makes `kind` of `items`: `int`, `list` of one, `tuple` and `union` of any number.
    #[new]
    #[pyo3(signature = (kind, *items))]
    #[allow(clippy::needless_pass_by_value, reason = "pyo3 gives variable arguments by value")]
    fn new(kind: &str, items: Vec<PyRef<'_, Self>>) -> PyResult<Self> {
        let mut items = items.iter().map(|item| item.0.clone());
        let mut next =
            || items.next().ok_or_else(|| PyValueError::new_err("a container takes element types"));
        Ok(Self(match kind {
            "None" => Type::None,
            "bool" => Type::Bool,
            "int" => Type::Int,
            "float" => Type::Float,
            "str" => Type::Str,
            "bytes" => Type::Bytes,
            "list" => Type::List(Box::new(next()?)),
            "set" => Type::Set(Box::new(next()?)),
            "dict" => Type::Dict(Box::new(next()?), Box::new(next()?)),
            "tuple..." => Type::VariadicTuple(Box::new(next()?)),
            "tuple" => Type::Tuple(items.collect()),
            "union" => {
                let mut members: Vec<Type> = items.collect();
                members.sort();
                members.dedup();
                if members.len() == 1 { members.remove(0) } else { Type::Union(members) }
            }
            _ => return Err(PyValueError::new_err(format!("unknown type `{kind}`"))),
        }))
    }

    /// Whether `value` is of this type, exactly: no `bool` is an `int` here.
    #[pyo3(signature = (value, classes = None))]
    fn holds(&self, value: &Bound<'_, PyAny>, classes: Option<&ClassTypes>) -> bool {
        holds(&self.0, value, classes, 0)
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<ValueType {}>", self.0)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().0 == self.0)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }
}

/// Whether a value is of a type. What a host keeps is taken to be: its task says so if it is not.
pub(super) fn holds(
    wanted: &Type,
    value: &Bound<'_, PyAny>,
    classes: Option<&ClassTypes>,
    depth: usize,
) -> bool {
    depth <= DEPTH_MAX && is_of(wanted, value, classes, depth) || value.cast::<Splice>().is_ok()
}

fn is_of(
    wanted: &Type,
    value: &Bound<'_, PyAny>,
    classes: Option<&ClassTypes>,
    depth: usize,
) -> bool {
    let holds = |wanted: &Type, value: &Bound<'_, PyAny>| holds(wanted, value, classes, depth + 1);
    match wanted {
        Type::None => value.is_none(),
        Type::Bool => value.is_exact_instance_of::<PyBool>(),
        Type::Int => value.is_exact_instance_of::<PyInt>() && small_int(value).is_some(),
        Type::Float => value.is_exact_instance_of::<PyFloat>(),
        Type::Str => value.cast_exact::<PyString>().is_ok_and(|text| text.to_str().is_ok()),
        Type::Bytes => value.is_exact_instance_of::<PyBytes>(),
        Type::List(element) => value
            .cast_exact::<PyList>()
            .is_ok_and(|list| list.iter().all(|item| holds(element, &item))),
        Type::Tuple(items) => value.cast_exact::<PyTuple>().is_ok_and(|tuple| {
            tuple.len() == items.len()
                && items.iter().zip(tuple.iter()).all(|(wanted, item)| holds(wanted, &item))
        }),
        Type::VariadicTuple(element) => value
            .cast_exact::<PyTuple>()
            .is_ok_and(|tuple| tuple.iter().all(|item| holds(element, &item))),
        Type::Dict(key_type, value_type) => value.cast_exact::<PyDict>().is_ok_and(|dict| {
            dict.iter().all(|(key, value)| holds(key_type, &key) && holds(value_type, &value))
        }),
        Type::Set(element) => value
            .cast_exact::<PySet>()
            .is_ok_and(|set| set.iter().all(|item| holds(element, &item))),
        Type::Union(members) => members.iter().any(|member| holds(member, value)),
        Type::Object { class, .. } => {
            classes.is_some_and(|classes| classes.holds(*class, value, depth))
        }
        Type::Never => false,
    }
}

/// The parameters a closure was compiled for: encodes arguments that fit, and no others.
#[pyclass(frozen, module = "spm._spm")]
pub(crate) struct ArgumentTypes {
    names: Vec<String>,
    types: Vec<Type>,
    classes: Option<Py<ClassTypes>>,
    /// The class table, if it is another than the classes alone.
    table: Option<Py<PyTuple>>,
}

#[pymethods]
impl ArgumentTypes {
    /// Parameters by position: their names and types.
    #[new]
    #[allow(clippy::needless_pass_by_value, reason = "pyo3 gives arguments by value")]
    #[pyo3(signature = (names, types, classes = None, table = None))]
    fn new(
        names: Vec<String>,
        types: Vec<PyRef<'_, ValueType>>,
        classes: Option<Py<ClassTypes>>,
        table: Option<Py<PyTuple>>,
    ) -> Self {
        let types = types.iter().map(|it| it.0.clone()).collect();
        Self { names, types, classes, table }
    }

    /// The arguments as CBOR, or None if one of them is not of its parameter's type.
    fn encode<'py>(
        &self,
        arguments: &Bound<'py, PyTuple>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let encoded = self.encode_row(arguments)?.map(Row::whole).transpose()?;
        Ok(encoded.map(|bytes| PyBytes::new(arguments.py(), &bytes)))
    }

    /// The position of the first argument that is not of its parameter's type.
    fn first_misfit(&self, arguments: &Bound<'_, PyTuple>) -> Option<usize> {
        if arguments.len() != self.types.len() {
            return Some(self.types.len().min(arguments.len()));
        }
        (0..self.types.len()).find(|index| {
            arguments.get_borrowed_item(*index).map_or(true, |argument| {
                let classes = self.classes.as_ref().map(Py::get);
                !holds(&self.types[*index], &argument, classes, 0)
            })
        })
    }

    /// The parameters' types, as text.
    #[getter]
    fn types(&self) -> Vec<String> {
        self.types.iter().map(ToString::to_string).collect()
    }

    /// The parameters' names.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }
}

impl ArgumentTypes {
    /// How many arguments there are to be.
    pub(crate) fn count(&self) -> usize {
        self.types.len()
    }

    /// The same as `encode`, for Rust.
    pub(crate) fn encode_row(&self, arguments: &Bound<'_, PyTuple>) -> PyResult<Option<Row>> {
        if self.first_misfit(arguments).is_some() {
            return Ok(None);
        }
        let py = arguments.py();
        let classes = match (&self.table, &self.classes) {
            (Some(table), _) => Classes::new(Some(table.bind(py).as_sequence()))?,
            (None, Some(classes)) => Classes::new(Some(classes.get().classes(py)?.as_sequence()))?,
            (None, None) => Classes::new(None)?,
        };
        let mut encoder = Encoder::new(py, classes);
        encoder.writer.array(arguments.len());
        for (index, argument) in arguments.iter_borrowed().enumerate() {
            encoder
                .borrowed(argument)
                .map_err(|refusal| refusal.into_error(&argument_root(&self.names, index)))?;
        }
        Ok(Some(encoder.into_row()))
    }
}
