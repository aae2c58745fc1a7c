//! From Python objects to CBOR: the builtin types, which almost all values are made of.

use num_bigint::BigInt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use pyo3::{Borrowed, ffi};
use spm_protocol::value::{DEPTH_MAX, INT_BYTES_MAX, VALUE_BYTES_MAX, Writer, tags};

use super::classes::Classes;
use super::refusal::{Encoded, Refusal, Step, short_repr};
use super::splice::{Row, Splice};

/// Appends Python objects to a [`Writer`].
pub(crate) struct Encoder<'py> {
    pub(super) py: Python<'py>,
    pub(super) writer: Writer,
    pub(super) classes: Classes<'py>,
    /// Addresses of the containers that are open, outermost first: for the limit on depth, and to
    /// tell a cycle from a value that is merely deep.
    ancestors: Vec<usize>,
    splices: Vec<(usize, Py<PyAny>)>,
}

impl<'py> Encoder<'py> {
    pub(crate) fn new(py: Python<'py>, classes: Classes<'py>) -> Self {
        Self { py, writer: Writer::new(), classes, ancestors: Vec::new(), splices: Vec::new() }
    }

    pub(crate) fn into_row(self) -> Row {
        Row { bytes: self.writer.into_bytes(), splices: self.splices }
    }

    /// Appends one value.
    pub(crate) fn value(&mut self, value: &Bound<'py, PyAny>) -> Encoded {
        self.borrowed(value.as_borrowed())
    }

    /// Appends one value. The exact builtin types come first, the most frequent ones foremost.
    pub(super) fn borrowed(&mut self, value: Borrowed<'_, 'py, PyAny>) -> Encoded {
        let pointer = value.as_ptr();
        // SAFETY: `pointer` is a live object; reading its type, and comparing it with the types
        // that the interpreter owns, has no further conditions.
        let class = unsafe { ffi::Py_TYPE(pointer) };
        if class == &raw mut ffi::PyLong_Type {
            return self.int(value);
        }
        if class == &raw mut ffi::PyFloat_Type {
            // SAFETY: `pointer` is exactly a float.
            self.writer.float(unsafe { ffi::PyFloat_AsDouble(pointer) });
            return Ok(());
        }
        if class == &raw mut ffi::PyUnicode_Type {
            return self.text(value);
        }
        if class == &raw mut ffi::PyBool_Type {
            self.writer.bool(value.is_truthy()?);
            return Ok(());
        }
        if value.is_none() {
            self.writer.null();
            return Ok(());
        }
        if let Ok(list) = value.cast_exact::<PyList>() {
            return self.nested(&value, 1, |encoder| encoder.list(&list));
        }
        if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            return self.nested(&value, 1, |encoder| {
                encoder.writer.tuple(tuple.len());
                encoder.items(tuple.iter_borrowed().enumerate())
            });
        }
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            return self.nested(&value, 1, |encoder| encoder.entries(&dict));
        }
        if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            self.writer.bytes(bytes.as_bytes());
            return self.within_size();
        }
        if value.cast::<Splice>().is_ok() {
            self.splices.push((self.writer.len(), value.to_owned().unbind()));
            return Ok(());
        }
        self.library_value(&value)
    }

    /// Opens `levels` arrays or maps for `container`, does `work`, and closes them.
    pub(super) fn nested(
        &mut self,
        container: &Bound<'py, PyAny>,
        levels: usize,
        work: impl FnOnce(&mut Self) -> Encoded,
    ) -> Encoded {
        let address = container.as_ptr() as usize;
        if self.ancestors.len() + levels > DEPTH_MAX {
            return Err(if self.ancestors.contains(&address) {
                Refusal::new("a value that contains itself cannot cross the sandbox")
            } else {
                Refusal::new(format!(
                    "a value nested deeper than {DEPTH_MAX} cannot cross the sandbox"
                ))
            });
        }
        self.ancestors.extend(std::iter::repeat_n(address, levels));
        let done = work(self);
        self.ancestors.truncate(self.ancestors.len() - levels);
        done?;
        self.within_size()
    }

    fn within_size(&self) -> Encoded {
        if self.writer.len() > VALUE_BYTES_MAX {
            return Err(Refusal::new(format!(
                "a value of more than {VALUE_BYTES_MAX} bytes cannot cross the sandbox"
            )));
        }
        Ok(())
    }

    /// An int of any size.
    pub(super) fn int(&mut self, value: Borrowed<'_, 'py, PyAny>) -> Encoded {
        let mut overflow = 0;
        // SAFETY: `value` is an int; `overflow` outlives the call.
        let small = unsafe { ffi::PyLong_AsLongLongAndOverflow(value.as_ptr(), &raw mut overflow) };
        if overflow == 0 {
            self.writer.int(small);
            return Ok(());
        }
        let big: BigInt = value.extract()?;
        if big.bits() / 8 >= INT_BYTES_MAX as u64 {
            return Err(Refusal::new("an int of so many digits cannot cross the sandbox"));
        }
        self.writer.big(&big);
        Ok(())
    }

    fn text(&mut self, value: Borrowed<'_, 'py, PyAny>) -> Encoded {
        let text = value.cast::<PyString>().map_err(PyErr::from)?;
        if let Ok(text) = text.to_str() {
            self.writer.text(text);
        } else {
            let bytes = value.call_method1("encode", ("utf-8", "surrogatepass"))?;
            self.writer.tag(tags::SURROGATE_TEXT);
            self.writer.bytes(bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
        }
        self.within_size()
    }

    fn list(&mut self, list: &Bound<'py, PyList>) -> Encoded {
        let length = list.len();
        self.writer.array(length);
        for index in 0..length {
            // SAFETY: `list` is a list; an index beyond its end gives null and an exception.
            let item = unsafe { ffi::PyList_GetItem(list.as_ptr(), index as ffi::Py_ssize_t) };
            if item.is_null() {
                // The exception that says so is replaced by one that says why.
                drop(PyErr::take(self.py));
                return Err(changed());
            }
            // SAFETY: not null, so a borrowed reference to an item of the list. Numbers run no code
            // that could change the list.
            if unsafe { self.number(item) } {
                continue;
            }
            // SAFETY: as above; the reference becomes our own before anything changes the list.
            let item = unsafe { Borrowed::from_ptr(self.py, item) }.to_owned();
            self.value(&item).map_err(|refusal| refusal.within(Step::Index(index)))?;
        }
        if list.len() == length { Ok(()) } else { Err(changed()) }
    }

    /// A float, or an int of 64 bits, if that is what `item` is: the short cut for long lists.
    ///
    /// # Safety
    /// `item` is a live object.
    #[inline]
    unsafe fn number(&mut self, item: *mut ffi::PyObject) -> bool {
        // SAFETY: `item` is live. The conversions are called on exactly the types they are for.
        unsafe {
            let class = ffi::Py_TYPE(item);
            if class == &raw mut ffi::PyFloat_Type {
                self.writer.float(ffi::PyFloat_AsDouble(item));
                return true;
            }
            if class == &raw mut ffi::PyLong_Type {
                let mut overflow = 0;
                let small = ffi::PyLong_AsLongLongAndOverflow(item, &raw mut overflow);
                if overflow == 0 {
                    self.writer.int(small);
                    return true;
                }
            }
        }
        false
    }

    /// Items of a sequence that cannot change.
    pub(super) fn items<'a>(
        &mut self,
        items: impl Iterator<Item = (usize, Borrowed<'a, 'py, PyAny>)>,
    ) -> Encoded
    where
        'py: 'a,
    {
        for (index, item) in items {
            self.borrowed(item).map_err(|refusal| refusal.within(Step::Index(index)))?;
        }
        Ok(())
    }

    /// A map, header included.
    pub(super) fn entries(&mut self, dict: &Bound<'py, PyDict>) -> Encoded {
        let length = dict.len();
        self.writer.map(length);
        let mut at: ffi::Py_ssize_t = 0;
        let mut seen = 0;
        loop {
            let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
            // SAFETY: `dict` is a dict, and the other arguments outlive the call. A dict that
            // changes in the meantime gives other entries, or ends early, and is found out below.
            let more = unsafe {
                ffi::PyDict_Next(dict.as_ptr(), &raw mut at, &raw mut key, &raw mut value)
            };
            if more == 0 || seen == length {
                break;
            }
            seen += 1;
            // SAFETY: `PyDict_Next` gave borrowed references; they become our own at once.
            let (key, value) = unsafe {
                (
                    Borrowed::from_ptr(self.py, key).to_owned(),
                    Borrowed::from_ptr(self.py, value).to_owned(),
                )
            };
            self.value(&key)
                .map_err(|refusal| refusal.within(Step::KeyItself(short_repr(&key))))?;
            self.value(&value).map_err(|refusal| refusal.within(Step::Key(short_repr(&key))))?;
        }
        if seen == length && dict.len() == length { Ok(()) } else { Err(changed()) }
    }

    /// A set or frozenset, by its tag.
    pub(super) fn set(&mut self, tag: u64, set: &Bound<'py, PyAny>) -> Encoded {
        // A list of its own: encoding an element may run code that changes the set.
        let elements = PyList::empty(self.py);
        elements.call_method1("extend", (set,))?;
        let mut mark = self.writer.begin_set(tag, elements.len());
        for element in elements.iter() {
            self.value(&element)
                .map_err(|refusal| refusal.within(Step::Element(short_repr(&element))))?;
            self.writer.end_element(&mut mark);
        }
        self.writer.end_set(mark);
        Ok(())
    }
}

#[cold]
fn changed() -> Refusal {
    Refusal::new("the value changed while it was encoded")
}
