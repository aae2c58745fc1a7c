//! Python objects as CBOR and back, with no model in between.
//!
//! The format is [`spm_protocol::value::tags`]; the list of types is closed, and nothing that a
//! peer sends is ever unpickled, imported or run. Shared references become copies, cycles are
//! refused, and a subclass instance is encoded as itself or refused, never as its base.
//!
//! Classes cross as indices into a table that both calls are given. Instances are made without
//! `__init__`, `__post_init__` or `__setstate__`.

mod class_types;
mod classes;
mod decode;
mod decode_library;
mod encode;
mod encode_classes;
mod encode_library;
mod infer;
mod leaves;
mod numpy;
mod refusal;
mod splice;
mod typed;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySequence, PyTuple};
use spm_protocol::value::Reader;

pub(crate) use class_types::ClassTypes;
pub(crate) use infer::literal;
pub(crate) use splice::{Row, Splice};
pub(crate) use typed::{ArgumentTypes, ValueType};

pub(crate) use classes::Classes;
use decode::Decoder;
use encode::Encoder;

/// Encodes one value. `root` is what messages call it.
#[pyfunction]
#[pyo3(name = "encode", signature = (value, classes = None, root = "the value"))]
fn encode_value<'py>(
    value: &Bound<'py, PyAny>,
    classes: Option<&Bound<'py, PySequence>>,
    root: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = encode_bytes(value, Classes::new(classes)?, root)?;
    Ok(PyBytes::new(value.py(), &bytes))
}

/// Encodes the positional arguments of a call: an array. `names` are the parameters'.
#[pyfunction]
#[pyo3(signature = (arguments, names, classes = None))]
#[allow(clippy::needless_pass_by_value, reason = "pyo3 gives arguments by value")]
fn encode_arguments<'py>(
    arguments: &Bound<'py, PyTuple>,
    names: Vec<String>,
    classes: Option<&Bound<'py, PySequence>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let row = encode_row(arguments, &names, Classes::new(classes)?)?;
    row.whole().map(|bytes| PyBytes::new(arguments.py(), &bytes))
}

/// The same as [`encode_arguments`], for Rust.
pub(crate) fn encode_row<'py>(
    arguments: &Bound<'py, PyTuple>,
    names: &[String],
    classes: Classes<'py>,
) -> PyResult<Row> {
    let mut encoder = Encoder::new(arguments.py(), classes);
    encoder.writer.array(arguments.len());
    for (index, argument) in arguments.iter().enumerate() {
        encoder
            .value(&argument)
            .map_err(|refusal| refusal.into_error(&argument_root(names, index)))?;
    }
    Ok(encoder.into_row())
}

/// One value, for Rust. `root` is what messages call it.
pub(crate) fn encode_bytes<'py>(
    value: &Bound<'py, PyAny>,
    classes: Classes<'py>,
    root: &str,
) -> PyResult<Vec<u8>> {
    let mut encoder = Encoder::new(value.py(), classes);
    encoder.value(value).map_err(|refusal| refusal.into_error(root))?;
    encoder.into_row().whole()
}

/// What messages call the argument at `index`.
fn argument_root(names: &[String], index: usize) -> String {
    match names.get(index) {
        Some(name) => format!("argument `{name}`"),
        None => format!("argument {}", index + 1),
    }
}

/// Decodes one value. Raises `ValueError` if `data` is not one.
#[pyfunction]
#[pyo3(name = "decode", signature = (data, classes = None))]
fn decode_value<'py>(
    py: Python<'py>,
    data: &[u8],
    classes: Option<&Bound<'py, PySequence>>,
) -> PyResult<Bound<'py, PyAny>> {
    decode_bytes(py, data, &Classes::new(classes)?)
}

/// Decodes one value, makes nothing of it, and raises `ValueError` if `data` is none: what the other
/// implementations of the codec take. Classes, keys and time zones are not looked up.
#[pyfunction]
fn check_value(data: &[u8]) -> PyResult<()> {
    spm_protocol::value::decode(data).map(|_| ()).map_err(decode::malformed)
}

/// The same as [`decode_value`], for Rust.
pub(crate) fn decode_bytes<'py>(
    py: Python<'py>,
    data: &[u8],
    classes: &Classes<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let reader = Reader::new(data).map_err(decode::malformed)?;
    let mut decoder = Decoder::new(py, reader, classes);
    let value = decoder.value()?;
    decoder.finish()?;
    Ok(value)
}

/// Adds the codec to the module `spm._spm`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(encode_value, module)?)?;
    module.add_function(wrap_pyfunction!(encode_arguments, module)?)?;
    module.add_function(wrap_pyfunction!(decode_value, module)?)?;
    module.add_function(wrap_pyfunction!(check_value, module)?)?;
    module.add_function(wrap_pyfunction!(infer::infer_type, module)?)?;
    module.add_function(wrap_pyfunction!(infer::is_literal_value, module)?)?;
    module.add_class::<ValueType>()?;
    module.add_class::<ClassTypes>()?;
    module.add_class::<ArgumentTypes>()?;
    module.add_class::<Splice>()?;
    Ok(())
}
