//! From Python objects to CBOR: instances of the user's classes, and the refusals.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use spm_protocol::value::tags;

use super::encode::Encoder;
use super::encode_library::loaded;
use super::numpy;
use super::refusal::{Encoded, Refusal, Step};

impl<'py> Encoder<'py> {
    /// An Enum member, an instance of a dataclass or of another plain class, a namedtuple or a numpy scalar; all else
    /// is refused.
    pub(super) fn class_instance(
        &mut self,
        value: &Bound<'py, PyAny>,
        class: &Bound<'py, PyType>,
    ) -> Encoded {
        let py = self.py;
        if numpy::is_scalar(value)? {
            return self.nested(value, 2, |encoder| numpy::encode_scalar(encoder, value));
        }
        if is_enum(value)? {
            let index = self.class_index(class)?;
            let name = value.getattr(intern!(py, "_name_"))?;
            let members = class.getattr(intern!(py, "_member_map_"))?;
            let named = !name.is_none() && members.get_item(&name).is_ok_and(|it| it.is(value));
            let tag = if named { tags::ENUM_NAME } else { tags::ENUM_VALUE };
            return self.leaf(value, tag, 2, |encoder| {
                encoder.writer.uint(index as u64);
                if named {
                    return encoder.value(&name);
                }
                let inner = value.getattr(intern!(encoder.py, "_value_"))?;
                encoder
                    .value(&inner)
                    .map_err(|refusal| refusal.within(Step::Attribute("value".to_owned())))
            });
        }
        let own = class.getattr(intern!(py, "__dict__"))?;
        if own.contains(intern!(py, "__dataclass_fields__"))? {
            if has_builtin_content(class)? {
                return Err(refused(value, class)?);
            }
            return self.instance(value, class);
        }
        if let Ok(tuple) = value.cast::<PyTuple>()
            && class.hasattr(intern!(py, "_fields"))?
            && instance_dict(value)?.is_none_or(|dict| dict.is_empty())
        {
            return self.namedtuple(value, tuple, class);
        }
        if is_plain(class)? && !is_closure(class)? {
            return self.instance(value, class);
        }
        Err(refused(value, class)?)
    }

    fn class_index(&self, class: &Bound<'py, PyType>) -> Encoded<usize> {
        match self.classes.index_of(class) {
            Some(index) => Ok(index),
            None => Err(Refusal::new(format!(
                "the class `{}` cannot cross the sandbox: the closure does not refer to it",
                class.qualname()?.to_string_lossy()
            ))),
        }
    }

    /// An instance that is nothing but its attributes.
    fn instance(&mut self, value: &Bound<'py, PyAny>, class: &Bound<'py, PyType>) -> Encoded {
        let index = self.class_index(class)?;
        let attributes = attributes(value, class)?;
        self.nested(value, 2, |encoder| {
            encoder.writer.tag(tags::DATACLASS);
            encoder.writer.array(2);
            encoder.writer.uint(index as u64);
            encoder.writer.map(attributes.len());
            for (name, attribute) in attributes.iter() {
                encoder.value(&name)?;
                encoder
                    .value(&attribute)
                    .map_err(|refusal| refusal.within(Step::Attribute(name.to_string())))?;
            }
            Ok(())
        })
    }

    fn namedtuple(
        &mut self,
        value: &Bound<'py, PyAny>,
        tuple: &Bound<'py, PyTuple>,
        class: &Bound<'py, PyType>,
    ) -> Encoded {
        let index = self.class_index(class)?;
        let fields = class.getattr(intern!(self.py, "_fields"))?;
        self.nested(value, 2, |encoder| {
            encoder.writer.tag(tags::NAMEDTUPLE);
            encoder.writer.array(2);
            encoder.writer.uint(index as u64);
            encoder.writer.array(tuple.len());
            for (at, item) in tuple.iter().enumerate() {
                encoder.value(&item).map_err(|refusal| {
                    refusal.within(match fields.get_item(at) {
                        Ok(field) => Step::Attribute(field.to_string()),
                        Err(_) => Step::Index(at),
                    })
                })?;
            }
            Ok(())
        })
    }
}

pub(super) fn is_enum(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = value.py();
    match loaded(py, intern!(py, "enum"))? {
        Some(module) => value.is_instance(&module.getattr(intern!(py, "Enum"))?),
        None => Ok(false),
    }
}

fn instance_dict<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    match value.getattr_opt(intern!(value.py(), "__dict__"))? {
        Some(dict) => Ok(dict.cast_into::<PyDict>().ok()),
        None => Ok(None),
    }
}

/// Whether instances hold more than attributes, as those of a subclass of `list` do.
pub(super) fn has_builtin_content(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let object = class.py().get_type::<PyAny>();
    for base in class.mro().iter() {
        let module = base.getattr(intern!(class.py(), "__module__"))?;
        if module.eq("builtins")? && !base.is(&object) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `Py_TPFLAGS_HEAPTYPE`: a class statement makes a type of this kind.
const HEAP_TYPE: u64 = 1 << 9;

/// Whether instances are nothing but their attributes, and leave it to Python to copy them.
///
/// Types written in C may be on the heap, too: their instances are larger than a `__dict__`, a list of weak
/// references and slots explain.
pub(super) fn is_plain(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = class.py();
    let flags: u64 = class.getattr(intern!(py, "__flags__"))?.extract()?;
    let itemsize: isize = class.getattr(intern!(py, "__itemsize__"))?.extract()?;
    if flags & HEAP_TYPE == 0 || itemsize != 0 || has_builtin_content(class)? {
        return Ok(false);
    }
    let object = py.get_type::<PyAny>();
    for name in ["__reduce_ex__", "__reduce__", "__getstate__"] {
        let (own, of_object) = (class.getattr(name)?, object.getattr_opt(name)?);
        // `object` has a `__getstate__` from Python 3.11 on.
        if !of_object.is_some_and(|of_object| own.is(&of_object)) {
            return Ok(false);
        }
    }
    let size = |class: &Bound<'_, PyType>| -> PyResult<isize> {
        class.getattr(intern!(py, "__basicsize__"))?.extract()
    };
    let has = |offset: &Bound<'_, PyString>| -> PyResult<isize> {
        Ok(isize::from(class.getattr(offset)?.extract::<isize>()? > 0))
    };
    let mut words = slots(class)?.len() as isize;
    words += has(intern!(py, "__dictoffset__"))? + has(intern!(py, "__weakrefoffset__"))?;
    Ok(size(class)? == size(&object)? + words * size_of::<usize>() as isize)
}

/// Whether this is the package's own class for functions that are closures.
fn is_closure(class: &Bound<'_, PyType>) -> PyResult<bool> {
    Ok(class.qualname()?.to_string_lossy() == "Closure")
}

/// What an instance holds: its `__dict__`, and the slots of all its classes that are filled.
pub(super) fn attributes<'py>(
    value: &Bound<'py, PyAny>,
    class: &Bound<'py, PyType>,
) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(value.py());
    for (name, descriptor) in slots(class)? {
        if let Ok(held) = descriptor.call_method1(intern!(value.py(), "__get__"), (value, class)) {
            found.set_item(name, held)?;
        }
    }
    if let Some(dict) = instance_dict(value)? {
        found.update(dict.as_mapping())?;
    }
    Ok(found)
}

/// The slots of a class and its bases, by name.
pub(super) fn slots<'py>(
    class: &Bound<'py, PyType>,
) -> PyResult<Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>> {
    let py = class.py();
    let member = py.import("types")?.getattr("MemberDescriptorType")?;
    let mut found = Vec::new();
    for base in class.mro().iter().rev() {
        let own = base.getattr(intern!(py, "__dict__"))?;
        if !own.contains(intern!(py, "__slots__"))? {
            continue;
        }
        for pair in own.call_method0("items")?.try_iter()? {
            let (name, descriptor): (Bound<'py, PyAny>, Bound<'py, PyAny>) = pair?.extract()?;
            if descriptor.is_instance(&member)? {
                found.push((name.cast_into::<PyString>()?, descriptor));
            }
        }
    }
    Ok(found)
}

/// The reason to refuse `value`.
#[cold]
fn refused(value: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> PyResult<Refusal> {
    let py = value.py();
    let name = class.qualname()?.to_string_lossy().into_owned();
    let what = match name.as_str() {
        "function" | "builtin_function_or_method" | "method" | "Closure" => "a function".to_owned(),
        "module" => "a module".to_owned(),
        "type" => "a class".to_owned(),
        "generator" => "a generator".to_owned(),
        _ if class.is_subclass(&py.get_type::<PyType>())? => "a class".to_owned(),
        _ => {
            let article = if name.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) {
                "an"
            } else {
                "a"
            };
            format!("{article} `{name}`")
        }
    };
    for base in class.mro().iter().skip(1) {
        let module = base.getattr(intern!(py, "__module__"))?;
        let base = base.cast_into::<PyType>()?;
        if module.eq("builtins")? && !base.is(py.get_type::<PyAny>()) {
            let base = base.qualname()?.to_string_lossy().into_owned();
            if base == "type" || base == "Exception" || base == "BaseException" {
                break;
            }
            return Ok(Refusal::new(format!(
                "{what} cannot cross the sandbox, and it is not sent as the `{base}` it derives from"
            )));
        }
    }
    Ok(Refusal::new(format!("{what} cannot cross the sandbox")))
}
