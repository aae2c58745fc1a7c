//! From CBOR to Python objects: the builtin types.
//!
//! The bytes come from a guest that may be hostile. The reader vouches for lengths and depth, and the
//! protocol's decoder for kinds that hold no other values (`leaves.rs`); what is left to check here is
//! that the parts make the object they say. What is taken here the protocol's decoder takes too; it
//! knows nothing of what only Python can tell: which keys have no hash or equal one another, what the
//! class table holds, which time zones are installed.
//!
//! Whatever the bytes are, the error is a `ValueError` that names the place; an `ImportError` if the
//! value takes numpy and there is none.

use pyo3::exceptions::{PyException, PyImportError, PyMemoryError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use spm_protocol::value::{DecodeError, Fault, Item, Reader, read_tagged};

use super::classes::Classes;
use super::leaves;

/// Bytes that are no value.
#[cold]
#[allow(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
pub(super) fn malformed(error: DecodeError) -> PyErr {
    PyValueError::new_err(format!("malformed value: {error}"))
}

/// Makes Python objects of what a [`Reader`] finds.
pub(crate) struct Decoder<'py, 'a> {
    pub(super) py: Python<'py>,
    reader: Reader<'a>,
    pub(super) classes: &'a Classes<'py>,
}

impl<'py, 'a> Decoder<'py, 'a> {
    pub(super) fn new(py: Python<'py>, reader: Reader<'a>, classes: &'a Classes<'py>) -> Self {
        Self { py, reader, classes }
    }

    pub(super) fn finish(self) -> PyResult<()> {
        self.reader.finish().map_err(malformed)
    }

    /// The next value.
    pub(super) fn value(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let item = self.reader.item().map_err(malformed)?;
        self.object(item)
    }

    fn object(&mut self, item: Item<'a>) -> PyResult<Bound<'py, PyAny>> {
        match item {
            Item::None => Ok(self.py.None().into_bound(self.py)),
            Item::Bool(value) => Ok(value.into_pyobject(self.py)?.to_owned().into_any()),
            Item::Int(value) => Ok(value.into_pyobject(self.py)?.into_any()),
            Item::Float(value) => Ok(value.into_pyobject(self.py)?.into_any()),
            Item::Big { .. } => {
                Ok(item.big_int().unwrap_or_default().into_pyobject(self.py)?.into_any())
            }
            Item::Text(text) => Ok(PyString::new(self.py, text).into_any()),
            Item::SurrogateText(bytes) => {
                PyBytes::new(self.py, bytes).call_method1("decode", ("utf-8", "surrogatepass"))
            }
            Item::Bytes(bytes) => Ok(PyBytes::new(self.py, bytes).into_any()),
            Item::Array(length) => Ok(self.list(length)?.into_any()),
            Item::Map(length) => Ok(self.entries(length)?.into_any()),
            Item::Tag(tag) => self.tagged(tag),
        }
    }

    fn list(&mut self, length: usize) -> PyResult<Bound<'py, PyList>> {
        // SAFETY: the reader vouches that `length` items are there, one byte each at least, so it
        // is far below the limit. A null result is an exception, which `from_owned_ptr_or_err` takes.
        let list = unsafe {
            let list = ffi::PyList_New(length as ffi::Py_ssize_t);
            Bound::from_owned_ptr_or_err(self.py, list)?.cast_into_unchecked::<PyList>()
        };
        for index in 0..length {
            let item = self.reader.item().map_err(malformed)?;
            // SAFETY: both functions make a new object, or return null and set an exception; we
            // hold the GIL. `index` is inside the list, nobody else has seen the list yet, and the
            // reference to the item is given away.
            unsafe {
                let item = match item {
                    Item::Int(value) => ffi::PyLong_FromLongLong(value),
                    Item::Float(value) => ffi::PyFloat_FromDouble(value),
                    other => self.object(other)?.into_ptr(),
                };
                if item.is_null() {
                    return Err(PyErr::fetch(self.py));
                }
                ffi::PyList_SetItem(list.as_ptr(), index as ffi::Py_ssize_t, item);
            }
        }
        Ok(list)
    }

    /// A list whose header is the next item.
    pub(super) fn values(&mut self) -> PyResult<Bound<'py, PyList>> {
        let length = self.array()?;
        self.list(length)
    }

    /// A tuple whose header is the next item.
    pub(super) fn tuple(&mut self) -> PyResult<Bound<'py, PyTuple>> {
        Ok(self.values()?.to_tuple())
    }

    fn entries(&mut self, length: usize) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(self.py);
        for _ in 0..length {
            let key = self.value()?;
            let value = self.value()?;
            self.made(dict.set_item(key, value))?;
        }
        if dict.len() != length {
            return Err(self.fault(Fault::Duplicate));
        }
        Ok(dict)
    }

    /// A dict whose header is the next item.
    pub(super) fn map(&mut self) -> PyResult<Bound<'py, PyDict>> {
        let length = self.map_header()?;
        self.entries(length)
    }

    pub(super) fn map_header(&mut self) -> PyResult<usize> {
        self.reader.map().map_err(malformed)
    }

    /// The elements of a set, in the order of their bytes.
    pub(super) fn elements(&mut self) -> PyResult<Bound<'py, PyList>> {
        let length = self.array()?;
        let list = PyList::empty(self.py);
        let mut previous: &[u8] = &[];
        for _ in 0..length {
            let start = self.reader.position();
            list.append(self.value()?)?;
            let bytes = self.reader.since(start);
            if bytes < previous {
                return Err(self.fault(Fault::Unordered));
            }
            previous = bytes;
        }
        Ok(list)
    }

    /// An error about the latest item.
    #[cold]
    pub(super) fn fault(&self, fault: Fault) -> PyErr {
        malformed(self.reader.error(fault))
    }

    /// An error about the parts of the latest item.
    #[cold]
    pub(super) fn invalid(&self, why: &'static str) -> PyErr {
        self.fault(Fault::Invalid(why))
    }

    pub(super) fn array(&mut self) -> PyResult<usize> {
        self.reader.array().map_err(malformed)
    }

    pub(super) fn array_of(&mut self, length: usize) -> PyResult<()> {
        self.reader.array_of(length).map_err(malformed)
    }

    /// The next item or header, for what [`Decoder::value`] would be too much.
    pub(super) fn item(&mut self) -> PyResult<Item<'a>> {
        self.reader.item().map_err(malformed)
    }

    /// The value whose tag has been read, if it is of a kind that holds no others.
    pub(super) fn leaf(&mut self, tag: u64) -> PyResult<Bound<'py, PyAny>> {
        let value = read_tagged(&mut self.reader, tag).map_err(malformed)?;
        self.made(leaves::make(self.py, &value))?.ok_or_else(|| self.fault(Fault::UnknownTag(tag)))
    }

    /// What Python `made` of parts, or an error that says where it would not.
    pub(super) fn made<T>(&self, made: PyResult<T>) -> PyResult<T> {
        made.map_err(|error| self.unmade(error))
    }

    #[cold]
    fn unmade(&self, error: PyErr) -> PyErr {
        let py = self.py;
        // An interrupt, want of memory or of numpy says nothing about the bytes.
        if !error.is_instance_of::<PyException>(py)
            || error.is_instance_of::<PyMemoryError>(py)
            || error.is_instance_of::<PyImportError>(py)
        {
            return error;
        }
        let unmade = self.invalid("Python makes no object of these parts");
        let text = format!("{}: {error}", unmade.value(py));
        let unmade = PyValueError::new_err(text);
        unmade.set_cause(py, Some(error));
        unmade
    }

    pub(super) fn text(&mut self) -> PyResult<&'a str> {
        self.reader.text().map_err(malformed)
    }

    pub(super) fn float(&mut self) -> PyResult<f64> {
        self.reader.float().map_err(malformed)
    }

    pub(super) fn small<T: TryFrom<i64>>(&mut self) -> PyResult<T> {
        self.reader.small().map_err(malformed)
    }
}
