//! numpy's arrays and scalars, if the user has numpy: it is imported for decoding only.

use pyo3::exceptions::{PyImportError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyTuple};
use spm_protocol::value::tags;

use super::decode::Decoder;
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

/// The reverse of [`number_tag`].
pub(super) fn number_of_tag(tag: u64) -> Option<(u8, usize, bool)> {
    for kind in *b"uif" {
        for size in [1, 2, 4, 8] {
            for big_endian in [false, true] {
                if number_tag(kind, size, big_endian) == Some(tag) {
                    return Some((kind, size, big_endian && size > 1));
                }
            }
        }
    }
    None
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

/// An array whose tag has been read.
pub(super) fn decode_array<'py>(
    decoder: &mut Decoder<'py, '_>,
    fortran: bool,
) -> PyResult<Bound<'py, PyAny>> {
    decoder.array_of(2)?;
    let dimensions = decoder.array()?;
    let mut shape = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        shape.push(decoder.small::<usize>()?);
    }
    let flat = decode_elements(decoder)?;
    let shape = PyTuple::new(decoder.py, shape)?;
    let options = pyo3::types::PyDict::new(decoder.py);
    options.set_item("order", if fortran { "F" } else { "C" })?;
    flat.call_method("reshape", (shape,), Some(&options))
}

/// A scalar whose tag has been read.
pub(super) fn decode_scalar<'py>(decoder: &mut Decoder<'py, '_>) -> PyResult<Bound<'py, PyAny>> {
    let flat = decode_elements(decoder)?;
    if flat.len()? != 1 {
        return Err(PyValueError::new_err("a numpy scalar must be exactly one element"));
    }
    flat.get_item(0)
}

fn decode_elements<'py>(decoder: &mut Decoder<'py, '_>) -> PyResult<Bound<'py, PyAny>> {
    let py = decoder.py;
    let tag = decoder.tag()?;
    let (dtype, data): (String, &[u8]) = match tag {
        tags::NUMPY_BOOL => {
            let data = decoder.bytes()?;
            if data.iter().any(|byte| *byte > 1) {
                return Err(PyValueError::new_err("a numpy bool is neither 0 nor 1"));
            }
            ("?".to_owned(), data)
        }
        tags::NUMPY_COMPLEX => {
            let (kind, size, order, data) = numbers(decoder)?;
            if kind != b'f' || size < 4 {
                return Err(PyValueError::new_err("complex numbers are made of floats"));
            }
            (format!("{order}c{}", size * 2), data)
        }
        tags::NUMPY_DATETIME | tags::NUMPY_TIMEDELTA => {
            decoder.array_of(3)?;
            let unit = decoder.text()?;
            let count: u64 = decoder.small()?;
            let (kind, size, order, data) = numbers(decoder)?;
            if (kind, size) != (b'i', 8) {
                return Err(PyValueError::new_err("numpy's times are 64-bit ints"));
            }
            let letter = if tag == tags::NUMPY_DATETIME { 'M' } else { 'm' };
            let unit = match (unit, count) {
                ("generic", _) => String::new(),
                (unit, 1) => format!("[{unit}]"),
                (unit, count) => format!("[{count}{unit}]"),
            };
            (format!("{order}{letter}8{unit}"), data)
        }
        tags::NUMPY_TEXT => {
            decoder.array_of(2)?;
            let width: u64 = decoder.small()?;
            let (kind, size, order, data) = numbers(decoder)?;
            if (kind, size) != (b'u', 4) {
                return Err(PyValueError::new_err("numpy's text is 32-bit code points"));
            }
            let beyond = |point: &[u8]| {
                let bytes = point.try_into().unwrap_or([0xff; 4]);
                let point = if order == '>' {
                    u32::from_be_bytes(bytes)
                } else {
                    u32::from_le_bytes(bytes)
                };
                point > u32::from(char::MAX)
            };
            if data.chunks_exact(4).any(beyond) {
                return Err(PyValueError::new_err("a code point is out of range"));
            }
            (format!("{order}U{width}"), data)
        }
        tags::NUMPY_BYTES => {
            decoder.array_of(2)?;
            let width: u64 = decoder.small()?;
            (format!("S{width}"), decoder.bytes()?)
        }
        tag => {
            let (kind, size, order, data) = numbers_tagged(decoder, tag)?;
            (format!("{order}{}{size}", char::from(kind)), data)
        }
    };
    let numpy = import(py)?;
    let dtype = numpy.call_method1("dtype", (dtype,))?;
    let size: usize = dtype.getattr("itemsize")?.extract()?;
    if size == 0 {
        // Text or bytes of no width: numpy cannot tell how many there are.
        return Err(PyValueError::new_err("numpy elements without a width"));
    }
    if data.len() % size != 0 {
        return Err(PyValueError::new_err("numpy data ends inside an element"));
    }
    // A bytearray makes the array writable, as the one that was sent.
    numpy.call_method1("frombuffer", (PyByteArray::new(py, data), dtype))
}

type Numbers<'a> = (u8, usize, char, &'a [u8]);

fn numbers<'a>(decoder: &mut Decoder<'_, 'a>) -> PyResult<Numbers<'a>> {
    let tag = decoder.tag()?;
    numbers_tagged(decoder, tag)
}

fn numbers_tagged<'a>(decoder: &mut Decoder<'_, 'a>, tag: u64) -> PyResult<Numbers<'a>> {
    let Some((kind, size, big_endian)) = number_of_tag(tag) else {
        return Err(PyValueError::new_err(format!("unknown tag {tag} for numpy elements")));
    };
    let data = decoder.bytes()?;
    if data.len() % size != 0 {
        return Err(PyValueError::new_err("a typed array ends inside an element"));
    }
    Ok((kind, size, if big_endian { '>' } else { '<' }, data))
}
