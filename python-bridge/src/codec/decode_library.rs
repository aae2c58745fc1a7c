//! From CBOR to Python objects: the standard library's types and the user's classes.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyByteArray, PyBytes, PyComplex, PyDict, PyFrozenSet, PySet, PyString, PyTuple, PyType,
};
use spm_protocol::value::{DECIMAL_BYTES_MAX, FACTORIES, Fault, tags};

use super::decode::Decoder;
use super::encode_classes::{has_builtin_content, slots};
use super::encode_library::EPOCH_ORDINAL;
use super::numpy;

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
            tags::BYTEARRAY => Ok(PyByteArray::new(py, self.bytes()?).into_any()),
            tags::SET => {
                let elements = self.elements()?;
                let set = PySet::new(py, elements.iter())?;
                self.complete(set.len(), elements.len())?;
                Ok(set.into_any())
            }
            tags::FROZENSET => {
                let elements = self.elements()?;
                let set = PyFrozenSet::new(py, elements.iter())?;
                self.complete(set.len(), elements.len())?;
                Ok(set.into_any())
            }
            tags::RANGE => {
                self.array_of(3)?;
                let parts = (self.int()?, self.int()?, self.int()?);
                py.import("builtins")?.call_method1("range", parts)
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
                counter.cast::<PyDict>()?.update(map.as_mapping())?;
                Ok(counter)
            }
            tags::ORDERED_DICT => {
                let map = self.map()?;
                py.import("collections")?.call_method1("OrderedDict", (map,))
            }
            tags::DEFAULT_DICT => self.default_dict(),
            tags::DATE => {
                let days: i64 = self.small()?;
                let date = py.import("datetime")?.getattr("date")?;
                date.call_method1("fromordinal", (days.saturating_add(EPOCH_ORDINAL),))
            }
            tags::TIME => {
                self.array_of(6)?;
                self.clock("time", 4)
            }
            tags::DATETIME => {
                self.array_of(9)?;
                self.clock("datetime", 7)
            }
            tags::TIMEDELTA => {
                self.array_of(3)?;
                let parts: (i64, i64, i64) = (self.small()?, self.small()?, self.small()?);
                if !(0..86_400).contains(&parts.1) || !(0..1_000_000).contains(&parts.2) {
                    return Err(self.invalid("a timedelta is not normalised"));
                }
                py.import("datetime")?.call_method1("timedelta", parts)
            }
            tags::TIMEZONE => self.timezone(),
            tags::ZONE_INFO => {
                let key = self.text()?;
                py.import("zoneinfo")?.call_method1("ZoneInfo", (key,))
            }
            tags::DECIMAL => {
                self.array_of(2)?;
                let exponent: i64 = self.small()?;
                let coefficient = self.coefficient()?;
                let negative = coefficient.lt(0)?;
                let digits = coefficient.call_method0("__abs__")?;
                self.decimal(negative, exponent.into_pyobject(py)?.into_any(), &digits)
            }
            tags::DECIMAL_SPECIAL => {
                self.array_of(3)?;
                let negative = self.bool()?;
                let exponent = self.value()?;
                let coefficient = self.coefficient()?;
                if coefficient.lt(0)? {
                    return Err(self.invalid("a coefficient is negative"));
                }
                self.decimal(negative, exponent, &coefficient)
            }
            tags::FRACTION => {
                self.array_of(2)?;
                let parts = (self.int()?, self.int()?);
                py.import("fractions")?.call_method1("Fraction", parts)
            }
            tags::UUID => {
                let arguments = PyDict::new(py);
                arguments.set_item("bytes", PyBytes::new(py, self.bytes()?))?;
                py.import("uuid")?.getattr("UUID")?.call((), Some(&arguments))
            }
            tags::PATH => self.path(),
            tags::ENUM_NAME => {
                let class = self.class(|class| is_subclass_of(class, "enum", "Enum"))?;
                let name = self.text()?;
                class.getattr(intern!(py, "_member_map_"))?.get_item(name)
            }
            tags::ENUM_VALUE => {
                let class = self.class(|class| is_subclass_of(class, "enum", "Flag"))?;
                let value = self.value()?;
                class.call1((value,))
            }
            tags::DATACLASS => self.dataclass(),
            tags::NAMEDTUPLE => {
                let class = self.class(|class| {
                    Ok(class.is_subclass_of::<PyTuple>()? && class.hasattr("_fields")?)
                })?;
                let items = self.tuple()?;
                if class.getattr("_fields")?.len()? != items.len() {
                    return Err(self.invalid("a namedtuple has the wrong number of items"));
                }
                py.get_type::<PyTuple>().call_method1("__new__", (class, items))
            }
            tags::ARRAY => self.typed_items(),
            tags::MEMORYVIEW => self.memoryview(),
            tags::NDARRAY => numpy::decode_array(self, false),
            tags::NDARRAY_FORTRAN => numpy::decode_array(self, true),
            tags::NUMPY_SCALAR => numpy::decode_scalar(self),
            _ => Err(self.fault(Fault::UnknownTag(tag))),
        }
    }

    fn complete(&self, found: usize, wanted: usize) -> PyResult<()> {
        if found == wanted { Ok(()) } else { Err(self.fault(Fault::Duplicate)) }
    }

    fn deque(&mut self) -> PyResult<Bound<'py, PyAny>> {
        self.array_of(2)?;
        let length_max = self.value()?;
        let items = self.values()?;
        let length = items.len();
        let deque = self.py.import("collections")?.call_method1("deque", (items, length_max))?;
        if deque.len()? != length {
            return Err(self.invalid("a deque is longer than its limit"));
        }
        Ok(deque)
    }

    fn default_dict(&mut self) -> PyResult<Bound<'py, PyAny>> {
        self.array_of(2)?;
        let name = self.value()?;
        let factory = if name.is_none() {
            name
        } else {
            let name: String = name.extract()?;
            if !FACTORIES.contains(&name.as_str()) {
                return Err(self.invalid("a defaultdict's factory is no builtin"));
            }
            self.py.import("builtins")?.getattr(name)?
        };
        let map = self.map()?;
        self.py.import("collections")?.call_method1("defaultdict", (factory, map))
    }

    /// A `time` or `datetime`: `numbers` ints, the fold and the zone.
    fn clock(&mut self, class: &str, numbers: usize) -> PyResult<Bound<'py, PyAny>> {
        let mut parts = Vec::with_capacity(numbers + 1);
        for _ in 0..numbers {
            parts.push(self.small::<i64>()?.into_pyobject(self.py)?.into_any());
        }
        let fold: u8 = self.small()?;
        parts.push(self.value()?);
        let arguments = PyDict::new(self.py);
        arguments.set_item("fold", fold)?;
        let parts = PyTuple::new(self.py, parts)?;
        self.py.import("datetime")?.getattr(class)?.call(parts, Some(&arguments))
    }

    fn timezone(&mut self) -> PyResult<Bound<'py, PyAny>> {
        self.array_of(2)?;
        let microseconds: i64 = self.small()?;
        let name = self.value()?;
        let datetime = self.py.import("datetime")?;
        let offset = datetime.call_method1("timedelta", (0, 0, microseconds))?;
        if name.is_none() {
            // One object, as in Python, if it is UTC.
            return datetime.call_method1("timezone", (offset,));
        }
        datetime.call_method1("timezone", (offset, name))
    }

    fn coefficient(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let coefficient = self.int()?;
        let bits: usize = coefficient.call_method0("bit_length")?.extract()?;
        if bits / 8 >= DECIMAL_BYTES_MAX {
            return Err(self.fault(Fault::IntTooLong(bits / 8)));
        }
        Ok(coefficient)
    }

    fn decimal(
        &self,
        negative: bool,
        exponent: Bound<'py, PyAny>,
        coefficient: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // Not by way of `str`, which Python limits to 4300 digits.
        let coefficient: num_bigint::BigUint = coefficient.extract()?;
        let special = exponent.is_instance_of::<PyString>();
        let digits = if special && coefficient == num_bigint::BigUint::ZERO {
            // A NaN without payload, or an infinity.
            Vec::new()
        } else {
            coefficient.to_radix_be(10)
        };
        let digits = PyTuple::new(self.py, digits)?;
        let parts = (u8::from(negative), digits, exponent);
        self.py.import("decimal")?.call_method1("Decimal", (parts,))
    }

    fn path(&mut self) -> PyResult<Bound<'py, PyAny>> {
        self.array_of(2)?;
        let windows = cfg!(windows);
        let name = match self.small::<u8>()? {
            // A path of the other system cannot be made here; the pure one can do the rest.
            0 if windows => "PurePosixPath",
            0 => "PosixPath",
            1 if windows => "WindowsPath",
            2 => "PurePosixPath",
            1 | 3 => "PureWindowsPath",
            _ => return Err(self.invalid("unknown flavour of path")),
        };
        let text = self.value()?.cast_into::<PyString>()?;
        self.py.import("pathlib")?.call_method1(name, (text,))
    }

    /// The array header and the class index of an instance, for a class that `fits`.
    fn class(
        &mut self,
        fits: impl FnOnce(&Bound<'py, PyType>) -> PyResult<bool>,
    ) -> PyResult<Bound<'py, PyType>> {
        self.array_of(2)?;
        let index: usize = self.small()?;
        let Some(class) = self.classes.get(index).cloned() else {
            return Err(self.invalid("an index beyond the class table"));
        };
        if !fits(&class)? {
            return Err(self.invalid("a class of another kind than its instance"));
        }
        Ok(class)
    }

    fn dataclass(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let class = self.class(|class| {
            let own = class.getattr(intern!(py, "__dict__"))?;
            Ok(own.contains(intern!(py, "__dataclass_fields__"))? && !has_builtin_content(class)?)
        })?;
        let map = self.map()?;
        let instance = py.get_type::<PyAny>().call_method1("__new__", (&class,))?;
        let places = PyDict::new(py);
        for (name, place) in slots(&class)? {
            places.set_item(name, place)?;
        }
        let own = instance.getattr_opt(intern!(py, "__dict__"))?;
        for (name, value) in map.iter() {
            if !name.is_exact_instance_of::<PyString>() {
                return Err(self.fault(Fault::Expected("the name of an attribute")));
            }
            // Straight into slots and `__dict__`: no `__setattr__` of the user's runs, and names
            // such as `__class__` have no effect.
            if let Some(place) = places.get_item(&name)? {
                place.call_method1(intern!(py, "__set__"), (&instance, value))?;
            } else if let Some(own) = &own {
                own.set_item(name, value)?;
            } else {
                return Err(self.invalid("an attribute that the class has no slot for"));
            }
        }
        Ok(instance)
    }

    fn typed_items(&mut self) -> PyResult<Bound<'py, PyAny>> {
        self.array_of(2)?;
        let code = self.text()?;
        let module = self.py.import("array")?;
        if matches!(code, "u" | "w") {
            let text = self.value()?.cast_into::<PyString>()?;
            return module.call_method1("array", (code, text));
        }
        let tag = self.tag()?;
        let Some((kind, size, big_endian)) = numpy::number_of_tag(tag) else {
            return Err(self.fault(Fault::UnknownTag(tag)));
        };
        let fits = match code {
            "b" | "h" | "i" | "l" | "q" => kind == b'i',
            "B" | "H" | "I" | "L" | "Q" => kind == b'u',
            "f" | "d" => kind == b'f',
            _ => false,
        };
        let data = self.bytes()?;
        if !fits || data.len() % size != 0 {
            return Err(self.invalid("an array's typecode does not fit its items"));
        }
        let array = module.call_method1("array", (code,))?;
        let itemsize: usize = array.getattr("itemsize")?.extract()?;
        if itemsize == size {
            array.call_method1("frombytes", (PyBytes::new(self.py, data),))?;
            if big_endian != cfg!(target_endian = "big") && size > 1 {
                array.call_method0("byteswap")?;
            }
            return Ok(array);
        }
        // `l` and `L` are as wide as the C compiler of the sender's Python had them.
        let order = if big_endian { "big" } else { "little" };
        let int = self.py.get_type::<pyo3::types::PyInt>();
        let arguments = PyDict::new(self.py);
        arguments.set_item("signed", kind == b'i')?;
        for item in data.chunks_exact(size) {
            let item = PyBytes::new(self.py, item);
            let number = int.call_method("from_bytes", (item, order), Some(&arguments))?;
            array.call_method1("append", (number,))?;
        }
        Ok(array)
    }

    fn memoryview(&mut self) -> PyResult<Bound<'py, PyAny>> {
        self.array_of(3)?;
        let format = self.text()?;
        let dimensions = self.array()?;
        let mut shape = Vec::with_capacity(dimensions);
        for _ in 0..dimensions {
            shape.push(self.small::<usize>()?);
        }
        let bytes = PyBytes::new(self.py, self.bytes()?);
        let view = self.py.import("builtins")?.call_method1("memoryview", (bytes,))?;
        if shape.len() == 1 {
            let view = view.call_method1("cast", (format,))?;
            if view.len()? != shape[0] {
                return Err(self.invalid("a memoryview's shape does not fit its bytes"));
            }
            return Ok(view);
        }
        view.call_method1("cast", (format, shape))
    }
}

fn is_subclass_of(class: &Bound<'_, PyType>, module: &str, name: &str) -> PyResult<bool> {
    class.is_subclass(&class.py().import(module)?.getattr(name)?)
}
