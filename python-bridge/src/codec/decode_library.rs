//! From CBOR to Python objects: containers of the standard library, and the user's classes.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyComplex, PyDict, PyFrozenSet, PySet, PyTuple, PyType};
use spm_protocol::value::{FACTORIES, Fault, Item, tags};

use super::decode::Decoder;
use super::encode_classes::{has_builtin_content, is_plain, slots};

impl<'py> Decoder<'py, '_> {
    /// The value whose tag has been read.
    pub(super) fn tagged(&mut self, tag: u64) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        match tag {
            tags::TUPLE => Ok(self.tuple()?.into_any()),
            tags::COMPLEX => {
                self.array_of(2)?;
                let (real, imaginary) = (self.float()?, self.float()?);
                Ok(PyComplex::from_doubles(py, real, imaginary).into_any())
            }
            tags::SET => {
                let elements = self.elements()?;
                let set = self.made(PySet::new(py, elements.iter()))?;
                self.complete(set.len(), elements.len())?;
                Ok(set.into_any())
            }
            tags::FROZENSET => {
                let elements = self.elements()?;
                let set = self.made(PyFrozenSet::new(py, elements.iter()))?;
                self.complete(set.len(), elements.len())?;
                Ok(set.into_any())
            }
            tags::SLICE => {
                self.array_of(3)?;
                let parts = (self.value()?, self.value()?, self.value()?);
                py.import("builtins")?.call_method1("slice", parts)
            }
            tags::DEQUE => self.deque(),
            tags::COUNTER => {
                let map = self.map()?;
                // `Counter(map)` would run `update`; an empty one filled as a dict is the same.
                let counter = py.import("collections")?.call_method0("Counter")?;
                self.made(counter.cast::<PyDict>()?.update(map.as_mapping()))?;
                Ok(counter)
            }
            tags::ORDERED_DICT => {
                let map = self.map()?;
                self.made(py.import("collections")?.call_method1("OrderedDict", (map,)))
            }
            tags::DEFAULT_DICT => self.default_dict(),
            tags::ENUM_NAME => {
                let class = self.class(|class| is_subclass_of(class, "enum", "Enum"))?;
                let name = self.text()?;
                self.made(class.getattr(intern!(py, "_member_map_"))?.get_item(name))
            }
            tags::ENUM_VALUE => {
                let class = self.class(|class| is_subclass_of(class, "enum", "Flag"))?;
                let value = self.value()?;
                self.made(class.call1((value,)))
            }
            tags::DATACLASS => self.instance(),
            tags::NAMEDTUPLE => {
                let class = self.class(|class| {
                    Ok(class.is_subclass_of::<PyTuple>()? && class.hasattr("_fields")?)
                })?;
                let items = self.tuple()?;
                if class.getattr("_fields")?.len()? != items.len() {
                    return Err(self.invalid("a namedtuple has the wrong number of items"));
                }
                self.made(py.get_type::<PyTuple>().call_method1("__new__", (class, items)))
            }
            _ => self.leaf(tag),
        }
    }

    fn complete(&self, found: usize, wanted: usize) -> PyResult<()> {
        if found == wanted { Ok(()) } else { Err(self.fault(Fault::Duplicate)) }
    }

    fn deque(&mut self) -> PyResult<Bound<'py, PyAny>> {
        self.array_of(2)?;
        let length_max = match self.item()? {
            Item::None => None,
            Item::Int(length) if length >= 0 => Some(length),
            _ => return Err(self.fault(Fault::Expected("a length"))),
        };
        let items = self.values()?;
        if length_max.is_some_and(|max| max < items.len() as i64) {
            return Err(self.invalid("a deque is longer than its limit"));
        }
        self.made(self.py.import("collections")?.call_method1("deque", (items, length_max)))
    }

    fn default_dict(&mut self) -> PyResult<Bound<'py, PyAny>> {
        self.array_of(2)?;
        let factory = match self.item()? {
            Item::None => None,
            Item::Text(name) if FACTORIES.contains(&name) => {
                Some(self.py.import("builtins")?.getattr(name)?)
            }
            _ => return Err(self.fault(Fault::Expected("the name of a builtin factory"))),
        };
        let map = self.map()?;
        self.made(self.py.import("collections")?.call_method1("defaultdict", (factory, map)))
    }

    /// The array header and the class index of an instance, for a class that `fits`.
    fn class(
        &mut self,
        fits: impl FnOnce(&Bound<'py, PyType>) -> PyResult<bool>,
    ) -> PyResult<Bound<'py, PyType>> {
        self.array_of(2)?;
        let index: u32 = self.small()?;
        let Some(class) = self.classes.get(index as usize).cloned() else {
            return Err(self.invalid("an index beyond the class table"));
        };
        if !fits(&class)? {
            return Err(self.invalid("a class of another kind than its instance"));
        }
        Ok(class)
    }

    /// An instance of a dataclass or of another plain class.
    fn instance(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let class = self.class(|class| {
            let own = class.getattr(intern!(py, "__dict__"))?;
            if own.contains(intern!(py, "__dataclass_fields__"))? {
                return Ok(!has_builtin_content(class)?);
            }
            is_plain(class)
        })?;
        let instance = self.made(py.get_type::<PyAny>().call_method1("__new__", (&class,)))?;
        let places = PyDict::new(py);
        for (name, place) in slots(&class)? {
            places.set_item(name, place)?;
        }
        let own = instance.getattr_opt(intern!(py, "__dict__"))?;
        let names = PySet::empty(py)?;
        let length = self.map_header()?;
        for _ in 0..length {
            let name = self.text()?;
            let value = self.value()?;
            names.add(name)?;
            // Straight into slots and `__dict__`: no `__setattr__` of the user's runs, and names
            // such as `__class__` have no effect.
            if let Some(place) = places.get_item(name)? {
                self.made(place.call_method1(intern!(py, "__set__"), (&instance, value)))?;
            } else if let Some(own) = &own {
                self.made(own.set_item(name, value))?;
            } else {
                return Err(self.invalid("an attribute that the class has no slot for"));
            }
        }
        self.complete(names.len(), length)?;
        Ok(instance)
    }
}

fn is_subclass_of(class: &Bound<'_, PyType>, module: &str, name: &str) -> PyResult<bool> {
    class.is_subclass(&class.py().import(module)?.getattr(name)?)
}
