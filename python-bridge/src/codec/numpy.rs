//! numpy's arrays and scalars, if the user has numpy: it is imported for decoding only.

use pyo3::exceptions::PyImportError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyTuple};
use spm_protocol::value::{Dtype, Elements, Ndarray, Number, TimeUnit, tags};

use super::encode::Encoder;
use super::encode_library::loaded;
use super::refusal::{Encoded, Refusal};

/// The tag of RFC 8746 for elements of `kind` (`u`, `i` or `f`), `size` bytes each.
pub(super) fn number_tag(kind: u8, size: usize, big_endian: bool) -> Option<u64> {
    let width = match size {
        1 => 0,
        2 => 1,
        4 => 2,
        8 => 3,
        _ => return None,
    };
    let order = if big_endian || size == 1 { 0 } else { 4 };
    match kind {
        b'u' => Some(64 + order + width),
        b'i' => Some(72 + order + width),
        // Floats start at two bytes.
        b'f' if width > 0 => Some(80 + order + width - 1),
        _ => None,
    }
}

/// Whether `value` is one of numpy's scalars.
pub(super) fn is_scalar(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = value.py();
    match loaded(py, intern!(py, "numpy"))? {
        // Half an import, in another thread, has no `generic` yet.
        Some(numpy) => match numpy.getattr_opt(intern!(py, "generic"))? {
            Some(generic) => {
                let module = value.get_type().getattr(intern!(py, "__module__"))?;
                Ok(value.is_instance(&generic)? && module.eq("numpy")?)
            }
            None => Ok(false),
        },
        None => Ok(false),
    }
}

/// A whole array, tag and header included.
pub(super) fn encode_array<'py>(encoder: &mut Encoder<'py>, array: &Bound<'py, PyAny>) -> Encoded {
    let flags = array.getattr("flags")?;
    let shape: Vec<u64> = array.getattr("shape")?.extract()?;
    let fortran = shape.len() >= 2
        && flags.getattr("f_contiguous")?.is_truthy()?
        && !flags.getattr("c_contiguous")?.is_truthy()?;
    encoder.writer.tag(if fortran { tags::NDARRAY_FORTRAN } else { tags::NDARRAY });
    encoder.writer.array(2);
    encoder.writer.array(shape.len());
    for dimension in shape {
        encoder.writer.uint(dimension);
    }
    encode_elements(encoder, array, if fortran { "F" } else { "C" })
}

/// A scalar, tag included.
pub(super) fn encode_scalar<'py>(
    encoder: &mut Encoder<'py>,
    scalar: &Bound<'py, PyAny>,
) -> Encoded {
    encoder.writer.tag(tags::NUMPY_SCALAR);
    let array = encoder.py.import("numpy")?.call_method1("asarray", (scalar,))?;
    encode_elements(encoder, &array, "C")
}

fn encode_elements<'py>(
    encoder: &mut Encoder<'py>,
    array: &Bound<'py, PyAny>,
    order: &str,
) -> Encoded {
    let dtype = array.getattr("dtype")?;
    let kind: char = dtype.getattr("kind")?.extract()?;
    let size: usize = dtype.getattr("itemsize")?.extract()?;
    let byteorder: char = dtype.getattr("byteorder")?.extract()?;
    let big_endian = match byteorder {
        '>' => true,
        '=' => cfg!(target_endian = "big"),
        _ => false,
    };
    let refused = || {
        let name = dtype.str().map_or_else(|_| kind.to_string(), |name| name.to_string());
        Err(Refusal::new(format!("a numpy array of `{name}` cannot cross the sandbox")))
    };
    let number = |kind, size| number_tag(kind, size, big_endian);
    let bytes = |array: &Bound<'py, PyAny>| -> PyResult<Bound<'py, PyBytes>> {
        Ok(array.call_method1("tobytes", (order,))?.cast_into::<PyBytes>()?)
    };
    match kind {
        'u' | 'i' | 'f' => {
            let Some(tag) = number(kind as u8, size) else { return refused() };
            encoder.writer.tag(tag);
            encoder.writer.bytes(bytes(array)?.as_bytes());
        }
        'b' => {
            encoder.writer.tag(tags::NUMPY_BOOL);
            encoder.writer.bytes(bytes(array)?.as_bytes());
        }
        'c' => {
            let Some(tag) = number(b'f', size / 2).filter(|_| size <= 16) else { return refused() };
            encoder.writer.tag(tags::NUMPY_COMPLEX);
            encoder.writer.tag(tag);
            encoder.writer.bytes(bytes(array)?.as_bytes());
        }
        'M' | 'm' => {
            let numpy = encoder.py.import("numpy")?;
            let (unit, count): (String, u64) =
                numpy.call_method1("datetime_data", (&dtype,))?.extract()?;
            encoder.writer.tag(if kind == 'M' {
                tags::NUMPY_DATETIME
            } else {
                tags::NUMPY_TIMEDELTA
            });
            encoder.writer.array(3);
            encoder.writer.text(&unit);
            encoder.writer.uint(count);
            encoder.writer.tag(number(b'i', 8).unwrap_or(tags::NDARRAY));
            encoder.writer.bytes(bytes(array)?.as_bytes());
        }
        'U' => {
            encoder.writer.tag(tags::NUMPY_TEXT);
            encoder.writer.array(2);
            encoder.writer.uint(size as u64 / 4);
            encoder.writer.tag(number(b'u', 4).unwrap_or(tags::NDARRAY));
            encoder.writer.bytes(bytes(array)?.as_bytes());
        }
        'S' => {
            encoder.writer.tag(tags::NUMPY_BYTES);
            encoder.writer.array(2);
            encoder.writer.uint(size as u64);
            encoder.writer.bytes(bytes(array)?.as_bytes());
        }
        _ => return refused(),
    }
    Ok(())
}

/// numpy, or an error that says what is missing.
fn import(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("numpy").map_err(|error| {
        let wanted = PyImportError::new_err(
            "the value holds a numpy array, and numpy cannot be imported here: `pip install numpy`",
        );
        wanted.set_cause(py, Some(error));
        wanted
    })
}

/// An array.
pub(super) fn make_array<'py>(py: Python<'py>, array: &Ndarray) -> PyResult<Bound<'py, PyAny>> {
    let flat = make_elements(py, &array.elements)?;
    let shape = PyTuple::new(py, &array.shape)?;
    let options = PyDict::new(py);
    options.set_item("order", if array.fortran { "F" } else { "C" })?;
    flat.call_method("reshape", (shape,), Some(&options))
}

/// A scalar.
pub(super) fn make_scalar<'py>(
    py: Python<'py>,
    elements: &Elements,
) -> PyResult<Bound<'py, PyAny>> {
    match elements.dtype {
        // numpy cannot tell how many of no width there are.
        Dtype::Text { width: 0, .. } => import(py)?.call_method0("str_"),
        Dtype::Bytes { width: 0 } => import(py)?.call_method0("bytes_"),
        _ => make_elements(py, elements)?.get_item(0),
    }
}

fn make_elements<'py>(py: Python<'py>, elements: &Elements) -> PyResult<Bound<'py, PyAny>> {
    let order = |big_endian: bool| if big_endian { '>' } else { '<' };
    let number_order = |number: Number| order(!number.is_little_endian());
    let time = |letter: char, unit: TimeUnit| {
        let order = order(unit.big_endian);
        match (unit.name, unit.count) {
            ("generic", _) => format!("{order}{letter}8"),
            (name, 1) => format!("{order}{letter}8[{name}]"),
            (name, count) => format!("{order}{letter}8[{count}{name}]"),
        }
    };
    let dtype = match elements.dtype {
        Dtype::Bool => "?".to_owned(),
        Dtype::Number(number) => format!("{}{}", number_order(number), number.numpy_code()),
        Dtype::Complex(number) => format!("{}c{}", number_order(number), 2 * number.size()),
        Dtype::Datetime(unit) => time('M', unit),
        Dtype::Timedelta(unit) => time('m', unit),
        Dtype::Text { width, big_endian } => format!("{}U{width}", order(big_endian)),
        Dtype::Bytes { width } => format!("S{width}"),
    };
    let numpy = import(py)?;
    let dtype = numpy.call_method1("dtype", (dtype,))?;
    // A bytearray makes the array writable, as the one that was sent.
    numpy.call_method1("frombuffer", (PyByteArray::new(py, &elements.data), dtype))
}
