//! From the protocol's model to Python objects: the kinds that hold no other values.
//!
//! What may be in them is decided in one place, [`spm_protocol::value`]; here they are only made.

use num_bigint::{BigInt, BigUint, Sign};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyInt, PyString, PyTuple};
use spm_protocol::value::{
    Array, ArrayItems, Decimal, DecimalExponent, Memoryview, Number, Path, PathFlavour, Text, Time,
    Value, Zone,
};

use super::encode_library::EPOCH_ORDINAL;
use super::numpy;

/// The object that `value` is, or `None` if it is of a kind that holds others.
pub(super) fn make<'py>(py: Python<'py>, value: &Value) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(Some(match value {
        Value::Bytearray(bytes) => PyByteArray::new(py, bytes).into_any(),
        Value::Range(range) => py
            .import("builtins")?
            .call_method1("range", (&range.start, &range.stop, &range.step))?,
        Value::Date(date) => {
            let class = py.import("datetime")?.getattr("date")?;
            class.call_method1("fromordinal", (i64::from(date.days) + EPOCH_ORDINAL,))?
        }
        Value::Time(time) => clock(py, "time", &[], time)?,
        Value::DateTime(it) => {
            clock(py, "datetime", &[it.year.into(), it.month.into(), it.day.into()], &it.time)?
        }
        Value::Timedelta(delta) => {
            let parts = (delta.days, delta.seconds, delta.microseconds);
            py.import("datetime")?.call_method1("timedelta", parts)?
        }
        Value::Zone(zone) => make_zone(py, zone)?,
        Value::Decimal(decimal) => make_decimal(py, decimal)?,
        Value::Fraction(fraction) => {
            let parts = (&fraction.numerator, &fraction.denominator);
            py.import("fractions")?.call_method1("Fraction", parts)?
        }
        Value::Uuid(bytes) => {
            let arguments = PyDict::new(py);
            arguments.set_item("bytes", PyBytes::new(py, bytes))?;
            py.import("uuid")?.getattr("UUID")?.call((), Some(&arguments))?
        }
        Value::Path(path) => make_path(py, path)?,
        Value::Array(array) => make_array(py, array)?,
        Value::Memoryview(view) => make_memoryview(py, view)?,
        Value::Ndarray(array) => numpy::make_array(py, array)?,
        Value::NumpyScalar(elements) => numpy::make_scalar(py, elements)?,
        _ => return Ok(None),
    }))
}

fn make_text<'py>(py: Python<'py>, text: &Text) -> PyResult<Bound<'py, PyAny>> {
    match text.as_str() {
        Some(text) => Ok(PyString::new(py, text).into_any()),
        None => {
            PyBytes::new(py, text.as_bytes()).call_method1("decode", ("utf-8", "surrogatepass"))
        }
    }
}

/// A `time`, or a `datetime` with its `date`.
fn clock<'py>(
    py: Python<'py>,
    class: &str,
    date: &[u32],
    time: &Time,
) -> PyResult<Bound<'py, PyAny>> {
    let of_day = [time.hour.into(), time.minute.into(), time.second.into(), time.microsecond];
    let parts = PyTuple::new(py, [date, &of_day].concat())?;
    let arguments = PyDict::new(py);
    arguments.set_item("fold", u8::from(time.fold))?;
    if let Some(zone) = &time.zone {
        arguments.set_item("tzinfo", make_zone(py, zone)?)?;
    }
    py.import("datetime")?.getattr(class)?.call(parts, Some(&arguments))
}

fn make_zone<'py>(py: Python<'py>, zone: &Zone) -> PyResult<Bound<'py, PyAny>> {
    match zone {
        Zone::Info(key) => py.import("zoneinfo")?.call_method1("ZoneInfo", (key,)),
        Zone::Fixed { offset_us, name } => {
            let datetime = py.import("datetime")?;
            let offset = datetime.call_method1("timedelta", (0, 0, *offset_us))?;
            match name {
                // One object, as in Python, if it is UTC.
                None => datetime.call_method1("timezone", (offset,)),
                Some(name) => datetime.call_method1("timezone", (offset, make_text(py, name)?)),
            }
        }
    }
}

fn make_decimal<'py>(py: Python<'py>, decimal: &Decimal) -> PyResult<Bound<'py, PyAny>> {
    let exponent = match decimal.exponent {
        DecimalExponent::Finite(exponent) => exponent.into_pyobject(py)?.into_any(),
        DecimalExponent::Infinity => PyString::new(py, "F").into_any(),
        DecimalExponent::Nan => PyString::new(py, "n").into_any(),
        DecimalExponent::SignallingNan => PyString::new(py, "N").into_any(),
    };
    let is_finite = matches!(decimal.exponent, DecimalExponent::Finite(_));
    // Not by way of `str`, which Python limits to 4300 digits.
    let digits = if !is_finite && decimal.coefficient == BigUint::ZERO {
        // A NaN without payload, or an infinity.
        Vec::new()
    } else {
        decimal.coefficient.to_radix_be(10)
    };
    let parts = (u8::from(decimal.negative), PyTuple::new(py, digits)?, exponent);
    py.import("decimal")?.call_method1("Decimal", (parts,))
}

fn make_path<'py>(py: Python<'py>, path: &Path) -> PyResult<Bound<'py, PyAny>> {
    let windows = cfg!(windows);
    let name = match path.flavour {
        // A path of the other system cannot be made here; the pure one can do the rest.
        PathFlavour::Posix if !windows => "PosixPath",
        PathFlavour::Windows if windows => "WindowsPath",
        PathFlavour::Posix | PathFlavour::PurePosix => "PurePosixPath",
        PathFlavour::Windows | PathFlavour::PureWindows => "PureWindowsPath",
    };
    py.import("pathlib")?.call_method1(name, (make_text(py, &path.text)?,))
}

fn make_array<'py>(py: Python<'py>, array: &Array) -> PyResult<Bound<'py, PyAny>> {
    let module = py.import("array")?;
    let (number, data) = match &array.items {
        ArrayItems::Text(text) => {
            return module.call_method1("array", (array.typecode, make_text(py, text)?));
        }
        ArrayItems::Numbers(number, data) => (*number, data),
    };
    let made = module.call_method1("array", (array.typecode,))?;
    let itemsize: usize = made.getattr("itemsize")?.extract()?;
    if itemsize == number.size() {
        made.call_method1("frombytes", (PyBytes::new(py, data),))?;
        if number.size() > 1 && number.is_little_endian() == cfg!(target_endian = "big") {
            made.call_method0("byteswap")?;
        }
        return Ok(made);
    }
    // `l` and `L` are as wide as the C compiler of the sender's Python had them.
    for item in data.chunks_exact(number.size()) {
        made.call_method1("append", (make_int(py, number, item)?,))?;
    }
    Ok(made)
}

fn make_int<'py>(py: Python<'py>, number: Number, item: &[u8]) -> PyResult<Bound<'py, PyInt>> {
    let value = match (number.is_signed(), number.is_little_endian()) {
        (true, true) => BigInt::from_signed_bytes_le(item),
        (true, false) => BigInt::from_signed_bytes_be(item),
        (false, true) => BigInt::from_bytes_le(Sign::Plus, item),
        (false, false) => BigInt::from_bytes_be(Sign::Plus, item),
    };
    value.into_pyobject(py)
}

fn make_memoryview<'py>(py: Python<'py>, view: &Memoryview) -> PyResult<Bound<'py, PyAny>> {
    let bytes = PyBytes::new(py, &view.data);
    let made = py.import("builtins")?.call_method1("memoryview", (bytes,))?;
    match view.shape[..] {
        // `cast` takes no shape that has a zero in it, and needs none here.
        [_] => made.call_method1("cast", (view.format,)),
        _ => made.call_method1("cast", (view.format, view.shape.clone())),
    }
}
