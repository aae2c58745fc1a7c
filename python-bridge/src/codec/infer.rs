//! What Python values are to the native engine: their types, and constants it can hold.

use num_bigint::BigInt;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PySet, PyString, PyTuple};
use spm_compiler::{Literal, ValueType as Type};
use spm_protocol::value::DEPTH_MAX;

use super::class_types::ClassTypes;
use super::refusal::{Encoded, Refusal, Step, short_repr};
use super::typed::ValueType;

/// The native engine's type of a value, or `TypeError` with the path of what it has none for.
#[pyfunction]
#[pyo3(name = "infer", signature = (value, root = "the value", classes = None))]
pub(super) fn infer_type(
    value: &Bound<'_, PyAny>,
    root: &str,
    classes: Option<&ClassTypes>,
) -> PyResult<ValueType> {
    type_of(value, classes, 0).map(ValueType).map_err(|refusal| refusal.into_error(root))
}

fn type_of(value: &Bound<'_, PyAny>, classes: Option<&ClassTypes>, depth: usize) -> Encoded<Type> {
    if depth > DEPTH_MAX {
        return Err(Refusal::new("a value that is nested so deep cannot cross the sandbox"));
    }
    if value.is_none() {
        return Ok(Type::None);
    }
    if value.is_exact_instance_of::<PyBool>() {
        return Ok(Type::Bool);
    }
    if value.is_exact_instance_of::<PyInt>() {
        if small_int(value).is_none() {
            return Err(Refusal::new("an int beyond 64 bits is no value of the native engine"));
        }
        return Ok(Type::Int);
    }
    if value.is_exact_instance_of::<PyFloat>() {
        return Ok(Type::Float);
    }
    if let Ok(text) = value.cast_exact::<PyString>() {
        return match text.to_str() {
            Ok(_) => Ok(Type::Str),
            Err(_) => {
                Err(Refusal::new("a str with lone surrogates is no value of the native engine"))
            }
        };
    }
    if value.is_exact_instance_of::<PyBytes>() {
        return Ok(Type::Bytes);
    }
    if let Ok(list) = value.cast_exact::<PyList>() {
        let mut element = Type::Never;
        for (index, item) in list.iter().enumerate() {
            let found = type_of(&item, classes, depth + 1)
                .map_err(|refusal| refusal.within(Step::Index(index)))?;
            element = join(element, found);
        }
        return Ok(Type::List(Box::new(element)));
    }
    if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        let items = tuple.iter().enumerate().map(|(index, item)| {
            type_of(&item, classes, depth + 1).map_err(|refusal| refusal.within(Step::Index(index)))
        });
        return Ok(Type::Tuple(items.collect::<Result<_, _>>()?));
    }
    if let Ok(set) = value.cast_exact::<PySet>() {
        let mut element = Type::Never;
        for item in set.iter() {
            let found = type_of(&item, classes, depth + 1)
                .map_err(|refusal| refusal.within(Step::Element(short_repr(&item))))?;
            element = join(element, found);
        }
        return Ok(Type::Set(Box::new(element)));
    }
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        let (mut keys, mut values) = (Type::Never, Type::Never);
        for (key, value) in dict.iter() {
            let within = |step| move |refusal: Refusal| refusal.within(step);
            let found = type_of(&key, classes, depth + 1)
                .map_err(within(Step::KeyItself(short_repr(&key))));
            keys = join(keys, found?);
            let found =
                type_of(&value, classes, depth + 1).map_err(within(Step::Key(short_repr(&key))));
            values = join(values, found?);
        }
        return Ok(Type::Dict(Box::new(keys), Box::new(values)));
    }
    if let Some(classes) = classes {
        let found = classes.type_of(value, &|held| type_of(held, Some(classes), depth + 1))?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    let class = value.get_type().qualname()?;
    Err(Refusal::new(format!("a `{class}` is no value of the native engine")))
}

/// An int of 64 bits.
pub(super) fn small_int(value: &Bound<'_, PyAny>) -> Option<i64> {
    let mut overflow = 0;
    // SAFETY: `value` is an int, as all callers have checked; `overflow` outlives the call.
    let small = unsafe { ffi::PyLong_AsLongLongAndOverflow(value.as_ptr(), &raw mut overflow) };
    (overflow == 0).then_some(small)
}

/// The type of a value that is of either type.
pub(super) fn join(one: Type, other: Type) -> Type {
    match (one, other) {
        (one, other) if one == other => one,
        (Type::Never, other) => other,
        (one, Type::Never) => one,
        (Type::List(one), Type::List(other)) => Type::List(Box::new(join(*one, *other))),
        (Type::Set(one), Type::Set(other)) => Type::Set(Box::new(join(*one, *other))),
        (Type::Dict(key, value), Type::Dict(other_key, other_value)) => {
            Type::Dict(Box::new(join(*key, *other_key)), Box::new(join(*value, *other_value)))
        }
        (Type::Tuple(one), Type::Tuple(other)) if one.len() == other.len() => {
            Type::Tuple(one.into_iter().zip(other).map(|(one, other)| join(one, other)).collect())
        }
        (one, other) => {
            let mut members = Vec::new();
            for side in [one, other] {
                match side {
                    Type::Union(inner) => members.extend(inner),
                    single => members.push(single),
                }
            }
            // One order, whatever came first: equal types must be equal keys.
            members.sort();
            members.dedup();
            Type::Union(members)
        }
    }
}

/// Whether a captured value can be a constant of the native engine.
#[pyfunction]
#[pyo3(name = "is_literal")]
pub(super) fn is_literal_value(value: &Bound<'_, PyAny>) -> bool {
    literal(value).is_some()
}

/// A captured value as the compiler takes it.
pub(crate) fn literal(value: &Bound<'_, PyAny>) -> Option<Literal> {
    literal_at(value, 0)
}

fn literal_at(value: &Bound<'_, PyAny>, depth: usize) -> Option<Literal> {
    let many = |items: &mut dyn Iterator<Item = Bound<'_, PyAny>>| -> Option<Vec<Literal>> {
        items.map(|item| literal_at(&item, depth + 1)).collect()
    };
    if depth > DEPTH_MAX {
        return None;
    }
    if value.is_none() {
        Some(Literal::None)
    } else if value.is_exact_instance_of::<PyBool>() {
        Some(Literal::Bool(value.extract().ok()?))
    } else if value.is_exact_instance_of::<PyInt>() {
        Some(match small_int(value) {
            Some(small) => Literal::Int(small),
            None => Literal::BigInt(value.extract::<BigInt>().ok()?.to_string()),
        })
    } else if value.is_exact_instance_of::<PyFloat>() {
        Some(Literal::Float(value.extract().ok()?))
    } else if let Ok(text) = value.cast_exact::<PyString>() {
        Some(Literal::Str(text.to_str().ok()?.to_owned()))
    } else if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        Some(Literal::Bytes(bytes.as_bytes().to_vec()))
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        many(&mut list.iter()).map(Literal::List)
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        many(&mut tuple.iter()).map(Literal::Tuple)
    } else if let Ok(set) = value.cast_exact::<PySet>() {
        many(&mut set.iter()).map(Literal::Set)
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        dict.iter()
            .map(|(key, value)| {
                Some((literal_at(&key, depth + 1)?, literal_at(&value, depth + 1)?))
            })
            .collect::<Option<_>>()
            .map(Literal::Dict)
    } else {
        None
    }
}
