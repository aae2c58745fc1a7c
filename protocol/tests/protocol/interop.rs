//! Agreement with another implementation of CBOR. What each kind of value looks like on the wire is said here a second
//! time, with numbers instead of names, so that neither the table nor the code can change alone.

use ciborium::Value as Cbor;
use num_bigint::{BigInt, Sign};
use proptest::prelude::*;
use spm_protocol::value::{
    ArrayItems, Decimal, DecimalExponent, Dtype, Elements, EnumKey, Fault, Text, Time, TimeUnit,
    Value, Zone, decode, encode,
};

use crate::arbitrary;

proptest! {
    #[test]
    fn another_reader_reads_what_we_write(value in arbitrary::value()) {
        let bytes = encode(&value).unwrap();
        let read: Cbor = match ciborium::from_reader(bytes.as_slice()) {
            Ok(read) => read,
            Err(error) => {
                // It reads bignums of up to 16 bytes as an `i128`, and gives up on those that are none.
                prop_assert!(error.to_string().contains("integer too large"), "{error}");
                return Ok(());
            }
        };
        // Compared as text: NaNs would differ from themselves.
        prop_assert_eq!(format!("{read:?}"), format!("{:?}", tree(&value)));
    }

    #[test]
    fn we_read_what_another_writer_writes(value in arbitrary::value()) {
        let mut bytes = Vec::new();
        ciborium::into_writer(&tree(&value), &mut bytes).unwrap();
        match decode(&bytes) {
            Ok(read) => prop_assert_eq!(read, value),
            // It shortens floats, which we never do.
            Err(error) => prop_assert_eq!(error.fault(), &Fault::NarrowFloat),
        }
    }
}

fn tag(tag: u64, content: Cbor) -> Cbor {
    Cbor::Tag(tag, Box::new(content))
}

fn int(value: impl Into<i128>) -> Cbor {
    Cbor::Integer(value.into().try_into().unwrap())
}

fn big(value: &BigInt) -> Cbor {
    let negative = value.sign() == Sign::Minus;
    let argument = if negative { -value - 1_u8 } else { value.clone() };
    match u64::try_from(&argument) {
        Ok(argument) if negative => int(-1 - i128::from(argument)),
        Ok(argument) => int(argument),
        Err(_) => tag(2 + u64::from(negative), Cbor::Bytes(argument.to_bytes_be().1)),
    }
}

fn text(text: &Text) -> Cbor {
    match text.as_str() {
        Some(text) => Cbor::Text(text.to_owned()),
        None => tag(0xb101, Cbor::Bytes(text.as_bytes().to_vec())),
    }
}

fn array(items: &[Value]) -> Cbor {
    Cbor::Array(items.iter().map(tree).collect())
}

fn map(entries: &[(Value, Value)]) -> Cbor {
    Cbor::Map(entries.iter().map(|(key, value)| (tree(key), tree(value))).collect())
}

fn shape(shape: &[u64]) -> Cbor {
    Cbor::Array(shape.iter().map(|dimension| int(*dimension)).collect())
}

fn zone(zone: &Zone) -> Cbor {
    match zone {
        Zone::Fixed { offset_us, name } => {
            let name = name.as_ref().map_or(Cbor::Null, text);
            tag(0xb113, Cbor::Array(vec![int(*offset_us), name]))
        }
        Zone::Info(key) => tag(0xb114, Cbor::Text(key.clone())),
    }
}

fn time(time: &Time) -> Vec<Cbor> {
    vec![
        int(time.hour),
        int(time.minute),
        int(time.second),
        int(time.microsecond),
        int(u8::from(time.fold)),
        time.zone.as_ref().map_or(Cbor::Null, zone),
    ]
}

fn decimal(decimal: &Decimal) -> Cbor {
    let coefficient = BigInt::from(decimal.coefficient.clone());
    let exponent = match decimal.exponent {
        DecimalExponent::Finite(exponent) => {
            if !decimal.negative {
                return tag(4, Cbor::Array(vec![int(exponent), big(&coefficient)]));
            } else if coefficient != BigInt::ZERO {
                return tag(4, Cbor::Array(vec![int(exponent), big(&-coefficient)]));
            }
            int(exponent)
        }
        DecimalExponent::Infinity => Cbor::Text("F".into()),
        DecimalExponent::Nan => Cbor::Text("n".into()),
        DecimalExponent::SignallingNan => Cbor::Text("N".into()),
    };
    tag(0xb118, Cbor::Array(vec![Cbor::Bool(decimal.negative), exponent, big(&coefficient)]))
}

fn elements(elements: &Elements) -> Cbor {
    let data = Cbor::Bytes(elements.data.clone());
    let time = |unit: TimeUnit, data| {
        let data = tag(if unit.big_endian { 75 } else { 79 }, data);
        Cbor::Array(vec![Cbor::Text(unit.name.into()), int(unit.count), data])
    };
    match elements.dtype {
        Dtype::Bool => tag(0xb131, data),
        Dtype::Number(number) => tag(number.tag(), data),
        Dtype::Complex(number) => tag(0xb132, tag(number.tag(), data)),
        Dtype::Datetime(unit) => tag(0xb133, time(unit, data)),
        Dtype::Timedelta(unit) => tag(0xb134, time(unit, data)),
        Dtype::Text { width, big_endian } => {
            let data = tag(if big_endian { 66 } else { 70 }, data);
            tag(0xb135, Cbor::Array(vec![int(width), data]))
        }
        Dtype::Bytes { width } => tag(0xb136, Cbor::Array(vec![int(width), data])),
    }
}

/// What `value` is in CBOR.
fn tree(value: &Value) -> Cbor {
    match value {
        Value::None => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(*value),
        Value::Int(value) => int(*value),
        Value::Big(value) => big(value),
        Value::Float(float) => Cbor::Float(float.0),
        Value::Complex(complex) => {
            let parts = vec![Cbor::Float(complex.real.0), Cbor::Float(complex.imaginary.0)];
            tag(0xb102, Cbor::Array(parts))
        }
        Value::Str(str) => text(str),
        Value::Bytes(bytes) => Cbor::Bytes(bytes.clone()),
        Value::Bytearray(bytes) => tag(0xb103, Cbor::Bytes(bytes.clone())),
        Value::List(items) => array(items),
        Value::Tuple(items) => tag(0xb100, array(items)),
        Value::Dict(entries) => map(entries),
        Value::Set(items) => tag(258, array(items)),
        Value::Frozenset(items) => tag(0xb104, array(items)),
        Value::Range(range) => {
            let parts = [&range.start, &range.stop, &range.step];
            tag(0xb105, Cbor::Array(parts.into_iter().map(big).collect()))
        }
        Value::Slice(parts) => tag(0xb106, array(parts.as_slice())),
        Value::Deque(deque) => {
            let length_max = deque.length_max.map_or(Cbor::Null, int);
            tag(0xb107, Cbor::Array(vec![length_max, array(&deque.items)]))
        }
        Value::Counter(entries) => tag(0xb108, map(entries)),
        Value::OrderedDict(entries) => tag(0xb109, map(entries)),
        Value::DefaultDict(dict) => {
            let factory = dict.factory.map_or(Cbor::Null, |name| Cbor::Text(name.into()));
            tag(0xb10a, Cbor::Array(vec![factory, map(&dict.entries)]))
        }
        Value::Date(date) => tag(100, int(date.days)),
        Value::Time(value) => tag(0xb110, Cbor::Array(time(value))),
        Value::DateTime(value) => {
            let mut parts = vec![int(value.year), int(value.month), int(value.day)];
            parts.extend(time(&value.time));
            tag(0xb111, Cbor::Array(parts))
        }
        Value::Timedelta(value) => {
            let parts = vec![int(value.days), int(value.seconds), int(value.microseconds)];
            tag(0xb112, Cbor::Array(parts))
        }
        Value::Zone(value) => zone(value),
        Value::Decimal(value) => decimal(value),
        Value::Fraction(value) => {
            tag(30, Cbor::Array(vec![big(&value.numerator), big(&value.denominator)]))
        }
        Value::Uuid(bytes) => tag(37, Cbor::Bytes(bytes.to_vec())),
        Value::Path(path) => {
            tag(0xb11c, Cbor::Array(vec![int(path.flavour as u8), text(&path.text)]))
        }
        Value::Enum(member) => match &member.key {
            EnumKey::Name(name) => {
                tag(0xb120, Cbor::Array(vec![int(member.class), Cbor::Text(name.clone())]))
            }
            EnumKey::Value(value) => tag(0xb121, Cbor::Array(vec![int(member.class), tree(value)])),
        },
        Value::Dataclass(instance) => {
            let fields = instance.fields.iter();
            let fields = fields.map(|(name, value)| (Cbor::Text(name.clone()), tree(value)));
            tag(0xb122, Cbor::Array(vec![int(instance.class), Cbor::Map(fields.collect())]))
        }
        Value::Namedtuple(tuple) => {
            tag(0xb123, Cbor::Array(vec![int(tuple.class), array(&tuple.items)]))
        }
        Value::Array(value) => {
            let items = match &value.items {
                ArrayItems::Numbers(number, data) => tag(number.tag(), Cbor::Bytes(data.clone())),
                ArrayItems::Text(items) => text(items),
            };
            tag(0xb128, Cbor::Array(vec![Cbor::Text(value.typecode.into()), items]))
        }
        Value::Memoryview(view) => {
            let format = Cbor::Text(view.format.into());
            let data = Cbor::Bytes(view.data.clone());
            tag(0xb129, Cbor::Array(vec![format, shape(&view.shape), data]))
        }
        Value::Ndarray(array) => {
            let parts = vec![shape(&array.shape), elements(&array.elements)];
            tag(if array.fortran { 1040 } else { 40 }, Cbor::Array(parts))
        }
        Value::NumpyScalar(scalar) => tag(0xb130, elements(scalar)),
    }
}
