//! From Python objects to CBOR: the standard library's types.

use num_bigint::{BigInt, BigUint, Sign};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyComplex, PyDict, PyList, PyString, PyTuple, PyType};
use spm_protocol::value::{DECIMAL_BYTES_MAX, FACTORIES, tags};

use super::encode::Encoder;
use super::numpy;
use super::refusal::{Encoded, Refusal, Step, short_repr};

/// `date(1970, 1, 1).toordinal()`.
pub(super) const EPOCH_ORDINAL: i64 = 719_163;

/// Declares the types by module and name, and the order they are numbered in.
macro_rules! kinds {
    ($($name:ident: $module:literal, $class:literal;)+) => {
        /// What an exact type of the standard library is to the codec.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        enum Kind { $($name),+ }

        impl Kind {
            const ALL: &'static [Self] = &[$(Self::$name),+];

            fn named(module: &str, class: &str) -> Option<Self> {
                // From 3.13 on `pathlib` is a package.
                let module = if module == "pathlib._local" { "pathlib" } else { module };
                match (module, class) {
                    $(($module, $class) => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    Complex: "builtins", "complex";
    Bytearray: "builtins", "bytearray";
    Set: "builtins", "set";
    Frozenset: "builtins", "frozenset";
    Range: "builtins", "range";
    Slice: "builtins", "slice";
    Memoryview: "builtins", "memoryview";
    Deque: "collections", "deque";
    Counter: "collections", "Counter";
    OrderedDict: "collections", "OrderedDict";
    DefaultDict: "collections", "defaultdict";
    Date: "datetime", "date";
    Time: "datetime", "time";
    DateTime: "datetime", "datetime";
    Timedelta: "datetime", "timedelta";
    Timezone: "datetime", "timezone";
    ZoneInfo: "zoneinfo", "ZoneInfo";
    Decimal: "decimal", "Decimal";
    Fraction: "fractions", "Fraction";
    Uuid: "uuid", "UUID";
    PosixPath: "pathlib", "PosixPath";
    WindowsPath: "pathlib", "WindowsPath";
    PurePosixPath: "pathlib", "PurePosixPath";
    PureWindowsPath: "pathlib", "PureWindowsPath";
    Array: "array", "array";
    Ndarray: "numpy", "ndarray";
}

/// From types to the number of their kind. Holds classes of the standard library and numpy only,
/// which live as long as the process.
static KNOWN: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

fn kind_of(class: &Bound<'_, PyType>) -> PyResult<Option<Kind>> {
    let py = class.py();
    let known = KNOWN.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    if let Some(number) = known.get_item(class)? {
        return Ok(Kind::ALL.get(number.extract::<usize>()?).copied());
    }
    let (Ok(module), Ok(name)) =
        (class.getattr(intern!(py, "__module__")), class.getattr(intern!(py, "__name__")))
    else {
        return Ok(None);
    };
    let (Ok(module), Ok(name)) = (module.cast_into::<PyString>(), name.cast_into::<PyString>())
    else {
        return Ok(None);
    };
    let Some(kind) = Kind::named(&module.to_string_lossy(), &name.to_string_lossy()) else {
        return Ok(None);
    };
    // Anyone may call a class `Decimal`: it must be the one its module holds.
    if !loaded(py, &module)?
        .is_some_and(|module| module.getattr(&name).is_ok_and(|it| it.is(class)))
    {
        return Ok(None);
    }
    known.set_item(class, kind as u8)?;
    Ok(Some(kind))
}

/// A module, if it has been imported already.
pub(super) fn loaded<'py>(
    py: Python<'py>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    modules.cast::<PyDict>()?.get_item(name)
}

impl<'py> Encoder<'py> {
    /// Whatever is none of the frequent builtin types.
    pub(super) fn library_value(&mut self, value: &Bound<'py, PyAny>) -> Encoded {
        let class = value.get_type();
        let Some(kind) = kind_of(&class)? else {
            return self.class_instance(value, &class);
        };
        match kind {
            Kind::Complex => {
                let complex = value.cast::<PyComplex>().map_err(PyErr::from)?;
                let (real, imaginary): (f64, f64) =
                    (complex.getattr("real")?.extract()?, complex.getattr("imag")?.extract()?);
                self.leaf(value, tags::COMPLEX, 2, |encoder| {
                    encoder.writer.float(real);
                    encoder.writer.float(imaginary);
                    Ok(())
                })
            }
            Kind::Bytearray => {
                let bytes = value
                    .call_method0("__bytes__")
                    .or_else(|_| self.py.get_type::<PyBytes>().call1((value,)))?;
                self.tagged_bytes(tags::BYTEARRAY, &bytes)
            }
            Kind::Set => self.nested(value, 1, |encoder| encoder.set(tags::SET, value)),
            Kind::Frozenset => self.nested(value, 1, |encoder| encoder.set(tags::FROZENSET, value)),
            Kind::Range => self.attributes(value, tags::RANGE, &["start", "stop", "step"]),
            Kind::Slice => self.attributes(value, tags::SLICE, &["start", "stop", "step"]),
            Kind::Memoryview => self.memoryview(value),
            Kind::Deque => self.nested(value, 2, |encoder| {
                encoder.writer.tag(tags::DEQUE);
                encoder.writer.array(2);
                encoder.value(&value.getattr("maxlen")?)?;
                let items = encoder.listed(value)?;
                encoder.writer.array(items.len());
                for (index, item) in items.iter().enumerate() {
                    encoder.value(&item).map_err(|refusal| refusal.within(Step::Index(index)))?;
                }
                Ok(())
            }),
            Kind::Counter => self.nested(value, 1, |encoder| {
                encoder.writer.tag(tags::COUNTER);
                encoder.pairs(value)
            }),
            Kind::OrderedDict => self.nested(value, 1, |encoder| {
                encoder.writer.tag(tags::ORDERED_DICT);
                encoder.pairs(value)
            }),
            Kind::DefaultDict => self.default_dict(value),
            Kind::Date => {
                let ordinal: i64 = value.call_method0("toordinal")?.extract()?;
                self.writer.tag(tags::DATE);
                self.writer.int(ordinal - EPOCH_ORDINAL);
                Ok(())
            }
            Kind::Time => self.attributes(
                value,
                tags::TIME,
                &["hour", "minute", "second", "microsecond", "fold", "tzinfo"],
            ),
            Kind::DateTime => self.attributes(
                value,
                tags::DATETIME,
                &[
                    "year",
                    "month",
                    "day",
                    "hour",
                    "minute",
                    "second",
                    "microsecond",
                    "fold",
                    "tzinfo",
                ],
            ),
            Kind::Timedelta => {
                self.attributes(value, tags::TIMEDELTA, &["days", "seconds", "microseconds"])
            }
            Kind::Timezone => self.timezone(value),
            Kind::ZoneInfo => {
                let key = value.getattr("key")?;
                if key.is_none() {
                    return Err(Refusal::new(
                        "a `ZoneInfo` without a key cannot cross the sandbox",
                    ));
                }
                self.writer.tag(tags::ZONE_INFO);
                self.value(&key)
            }
            Kind::Decimal => self.decimal(value),
            Kind::Fraction => self.attributes(value, tags::FRACTION, &["numerator", "denominator"]),
            Kind::Uuid => self.tagged_bytes(tags::UUID, &value.getattr("bytes")?),
            Kind::PosixPath => self.path(value, 0),
            Kind::WindowsPath => self.path(value, 1),
            Kind::PurePosixPath => self.path(value, 2),
            Kind::PureWindowsPath => self.path(value, 3),
            Kind::Array => self.array(value),
            Kind::Ndarray => self.nested(value, 2, |encoder| numpy::encode_array(encoder, value)),
        }
    }

    /// A tag, and an array of `length` items that `work` appends.
    pub(super) fn leaf(
        &mut self,
        value: &Bound<'py, PyAny>,
        tag: u64,
        length: usize,
        work: impl FnOnce(&mut Self) -> Encoded,
    ) -> Encoded {
        self.nested(value, 1, |encoder| {
            encoder.writer.tag(tag);
            encoder.writer.array(length);
            work(encoder)
        })
    }

    fn attributes(&mut self, value: &Bound<'py, PyAny>, tag: u64, names: &[&str]) -> Encoded {
        self.leaf(value, tag, names.len(), |encoder| {
            for name in names {
                encoder
                    .value(&value.getattr(*name)?)
                    .map_err(|refusal| refusal.within(Step::Attribute((*name).to_owned())))?;
            }
            Ok(())
        })
    }

    fn tagged_bytes(&mut self, tag: u64, bytes: &Bound<'py, PyAny>) -> Encoded {
        self.writer.tag(tag);
        self.writer.bytes(bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
        Ok(())
    }

    /// A copy of the items, which nothing can change.
    fn listed(&self, items: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(self.py);
        list.call_method1("extend", (items,))?;
        Ok(list)
    }

    /// The map of a dict subclass, in its own order.
    fn pairs(&mut self, dict: &Bound<'py, PyAny>) -> Encoded {
        let pairs = self.listed(&dict.call_method0("items")?)?;
        self.writer.map(pairs.len());
        for pair in pairs.iter() {
            let (key, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = pair.extract()?;
            self.value(&key)
                .map_err(|refusal| refusal.within(Step::KeyItself(short_repr(&key))))?;
            self.value(&value).map_err(|refusal| refusal.within(Step::Key(short_repr(&key))))?;
        }
        Ok(())
    }

    fn default_dict(&mut self, value: &Bound<'py, PyAny>) -> Encoded {
        let factory = value.getattr("default_factory")?;
        let name = FACTORIES.iter().find(|name| {
            self.py
                .import("builtins")
                .and_then(|builtins| builtins.getattr(**name))
                .is_ok_and(|builtin| builtin.is(&factory))
        });
        if name.is_none() && !factory.is_none() {
            return Err(Refusal::new(
                "a `defaultdict` whose factory is no builtin cannot cross the sandbox",
            )
            .within(Step::Attribute("default_factory".to_owned())));
        }
        self.nested(value, 2, |encoder| {
            encoder.writer.tag(tags::DEFAULT_DICT);
            encoder.writer.array(2);
            match name {
                Some(name) => encoder.writer.text(name),
                None => encoder.writer.null(),
            }
            encoder.pairs(value)
        })
    }

    fn timezone(&mut self, value: &Bound<'py, PyAny>) -> Encoded {
        // The offset, and the name if it was given one.
        let given = value.call_method0("__getinitargs__")?;
        let given = given.cast::<PyTuple>().map_err(PyErr::from)?;
        let offset = given.get_item(0)?;
        let days: i64 = offset.getattr("days")?.extract()?;
        let seconds: i64 = offset.getattr("seconds")?.extract()?;
        let microseconds: i64 = offset.getattr("microseconds")?.extract()?;
        self.leaf(value, tags::TIMEZONE, 2, |encoder| {
            encoder.writer.int((days * 86_400 + seconds) * 1_000_000 + microseconds);
            if let Ok(name) = given.get_item(1) {
                return encoder.value(&name);
            }
            encoder.writer.null();
            Ok(())
        })
    }

    fn decimal(&mut self, value: &Bound<'py, PyAny>) -> Encoded {
        let parts = value.call_method0("as_tuple")?;
        let negative = parts.getattr("sign")?.extract::<u8>()? == 1;
        let exponent = parts.getattr("exponent")?;
        let digits: Vec<u8> = parts.getattr("digits")?.extract::<Vec<u8>>()?;
        let coefficient = BigUint::from_radix_be(&digits, 10).unwrap_or_default();
        if coefficient.bits() / 8 >= DECIMAL_BYTES_MAX as u64 {
            return Err(Refusal::new("a `Decimal` of so many digits cannot cross the sandbox"));
        }
        match exponent.extract::<i64>() {
            Ok(exponent) if !(negative && coefficient == BigUint::ZERO) => {
                self.leaf(value, tags::DECIMAL, 2, |encoder| {
                    encoder.writer.int(exponent);
                    let sign = if negative { Sign::Minus } else { Sign::Plus };
                    encoder.writer.big(&BigInt::from_biguint(sign, coefficient));
                    Ok(())
                })
            }
            // Minus zero, the infinities and NaNs, whose exponent is a letter.
            _ => self.leaf(value, tags::DECIMAL_SPECIAL, 3, |encoder| {
                encoder.writer.bool(negative);
                encoder.value(&exponent)?;
                // CPython gives an infinity the digit 0.
                encoder.writer.big(&coefficient.into());
                Ok(())
            }),
        }
    }

    fn path(&mut self, value: &Bound<'py, PyAny>, flavour: i64) -> Encoded {
        self.leaf(value, tags::PATH, 2, |encoder| {
            encoder.writer.int(flavour);
            encoder.value(value.str()?.as_any())
        })
    }

    fn array(&mut self, value: &Bound<'py, PyAny>) -> Encoded {
        let code: String = value.getattr("typecode")?.extract()?;
        self.leaf(value, tags::ARRAY, 2, |encoder| {
            encoder.writer.text(&code);
            if matches!(code.as_str(), "u" | "w") {
                return encoder.value(&value.call_method0("tounicode")?);
            }
            let size: usize = value.getattr("itemsize")?.extract()?;
            let kind = match code.as_str() {
                "f" | "d" => b'f',
                code if code.chars().all(char::is_uppercase) => b'u',
                _ => b'i',
            };
            let Some(tag) = numpy::number_tag(kind, size, cfg!(target_endian = "big")) else {
                return Err(Refusal::new(format!(
                    "an `array` of type `{code}` cannot cross the sandbox"
                )));
            };
            encoder.tagged_bytes(tag, &value.call_method0("tobytes")?)
        })
    }

    fn memoryview(&mut self, value: &Bound<'py, PyAny>) -> Encoded {
        let buffer = PyUntypedBuffer::get(value)?;
        let format: String = value.getattr("format")?.extract()?;
        let shape = buffer.shape().to_vec();
        let empty_grid = shape.len() != 1 && shape.contains(&0);
        let single = format.trim_start_matches('@');
        if single.len() != 1 || !"cbB?hHiIlLqQnNfd".contains(single) || empty_grid {
            return Err(Refusal::new(format!(
                "a `memoryview` of format `{format}` and shape {shape:?} cannot cross the sandbox"
            )));
        }
        self.nested(value, 2, |encoder| {
            encoder.writer.tag(tags::MEMORYVIEW);
            encoder.writer.array(3);
            encoder.writer.text(&format);
            encoder.writer.array(shape.len());
            for dimension in &shape {
                encoder.writer.uint(*dimension as u64);
            }
            let bytes = value.call_method0("tobytes")?;
            encoder.writer.bytes(bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
            Ok(())
        })
    }
}
