//! From bytes to [`Value`].

use num_bigint::{BigInt, Sign};

use super::arrays::{Array, Elements, Memoryview, Ndarray};
use super::calendar::{Date, DateTime, Time, Timedelta, Zone};
use super::error::{DecodeError, Fault};
use super::model::{
    Complex, Dataclass, Decimal, DecimalExponent, DefaultDict, Deque, EnumKey, EnumMember, Float,
    Fraction, Namedtuple, Path, PathFlavour, Range, Value,
};
use super::reader::{Item, Reader};
use super::text::Text;
use super::{DECIMAL_BYTES_MAX, entries, tags};

/// The value that `bytes` are, from end to end.
pub fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut reader = Reader::new(bytes)?;
    let value = read(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// Reads the next value.
pub fn read(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let item = reader.item()?;
    Ok(match item {
        Item::None => Value::None,
        Item::Bool(value) => Value::Bool(value),
        Item::Int(value) => Value::Int(value),
        Item::Big { .. } => Value::Big(Box::new(item.big_int().unwrap_or_default())),
        Item::Float(value) => value.into(),
        Item::Text(_) | Item::SurrogateText(_) => Value::Str(Text::read(item, reader)?),
        Item::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        Item::Array(length) => Value::List(values(reader, length)?),
        Item::Map(length) => Value::Dict(pairs(reader, length)?),
        Item::Tag(tag) => read_tagged(reader, tag)?,
    })
}

/// Reads the value whose `tag` has just been read.
pub fn read_tagged(reader: &mut Reader<'_>, tag: u64) -> Result<Value, DecodeError> {
    Ok(match tag {
        tags::TUPLE => Value::Tuple(array(reader)?),
        tags::COMPLEX => {
            reader.array_of(2)?;
            let (real, imaginary) = (Float(reader.float()?), Float(reader.float()?));
            Value::Complex(Complex { real, imaginary })
        }
        tags::BYTEARRAY => Value::Bytearray(reader.bytes()?.to_vec()),
        tags::SET => Value::Set(elements(reader)?),
        tags::FROZENSET => Value::Frozenset(elements(reader)?),
        tags::RANGE => {
            reader.array_of(3)?;
            let range = Range { start: reader.big()?, stop: reader.big()?, step: reader.big()? };
            range.check().map_err(|fault| reader.error(fault))?;
            Value::Range(Box::new(range))
        }
        tags::SLICE => {
            reader.array_of(3)?;
            Value::Slice(Box::new([read(reader)?, read(reader)?, read(reader)?]))
        }
        tags::DEQUE => Value::Deque(Box::new(deque(reader)?)),
        tags::COUNTER => Value::Counter(map(reader)?),
        tags::ORDERED_DICT => Value::OrderedDict(map(reader)?),
        tags::DEFAULT_DICT => {
            reader.array_of(2)?;
            let factory = match reader.item()? {
                Item::None => None,
                Item::Text(name) => {
                    Some(entries::factory(name).map_err(|fault| reader.error(fault))?)
                }
                _ => return Err(reader.error(Fault::Expected("the name of a builtin factory"))),
            };
            Value::DefaultDict(Box::new(DefaultDict { factory, entries: map(reader)? }))
        }
        tags::DATE => Value::Date(Date::read(reader)?),
        tags::TIME => Value::Time(Box::new(Time::read(reader)?)),
        tags::DATETIME => Value::DateTime(Box::new(DateTime::read(reader)?)),
        tags::TIMEDELTA => Value::Timedelta(Timedelta::read(reader)?),
        tags::TIMEZONE | tags::ZONE_INFO => Value::Zone(Box::new(Zone::read(tag, reader)?)),
        tags::DECIMAL | tags::DECIMAL_SPECIAL => Value::Decimal(Box::new(decimal(reader, tag)?)),
        tags::FRACTION => {
            reader.array_of(2)?;
            let fraction = Fraction { numerator: reader.big()?, denominator: reader.big()? };
            fraction.check().map_err(|fault| reader.error(fault))?;
            Value::Fraction(Box::new(fraction))
        }
        tags::UUID => {
            let bytes = reader.bytes()?.try_into();
            Value::Uuid(bytes.map_err(|_| reader.error(Fault::Expected("16 bytes")))?)
        }
        tags::PATH => Value::Path(Box::new(path(reader)?)),
        tags::ENUM_NAME => {
            let class = class(reader)?;
            let key = EnumKey::Name(reader.text()?.to_owned());
            Value::Enum(Box::new(EnumMember { class, key }))
        }
        tags::ENUM_VALUE => {
            let class = class(reader)?;
            let key = EnumKey::Value(read(reader)?);
            Value::Enum(Box::new(EnumMember { class, key }))
        }
        tags::DATACLASS => {
            let class = class(reader)?;
            Value::Dataclass(Box::new(Dataclass { class, fields: fields(reader)? }))
        }
        tags::NAMEDTUPLE => {
            let class = class(reader)?;
            Value::Namedtuple(Box::new(Namedtuple { class, items: array(reader)? }))
        }
        tags::ARRAY => Value::Array(Box::new(Array::read(reader)?)),
        tags::MEMORYVIEW => Value::Memoryview(Box::new(Memoryview::read(reader)?)),
        tags::NDARRAY | tags::NDARRAY_FORTRAN => {
            Value::Ndarray(Box::new(Ndarray::read(reader, tag == tags::NDARRAY_FORTRAN)?))
        }
        tags::NUMPY_SCALAR => {
            let elements = Elements::read(reader)?;
            elements.check_scalar().map_err(|fault| reader.error(fault))?;
            Value::NumpyScalar(Box::new(elements))
        }
        _ => return Err(reader.error(Fault::UnknownTag(tag))),
    })
}

// Capacities below are lengths the reader has vouched for: no more than there are bytes left.

fn values(reader: &mut Reader<'_>, length: usize) -> Result<Vec<Value>, DecodeError> {
    let mut values = Vec::with_capacity(length);
    for _ in 0..length {
        values.push(read(reader)?);
    }
    Ok(values)
}

fn array(reader: &mut Reader<'_>) -> Result<Vec<Value>, DecodeError> {
    let length = reader.array()?;
    values(reader, length)
}

fn pairs(reader: &mut Reader<'_>, length: usize) -> Result<Vec<(Value, Value)>, DecodeError> {
    let mut pairs = Vec::with_capacity(length);
    let mut keys = Vec::with_capacity(length);
    for _ in 0..length {
        let start = reader.position();
        let key = read(reader)?;
        if !key.may_repeat() {
            keys.push(reader.since(start));
        }
        pairs.push((key, read(reader)?));
    }
    entries::check_keys(keys.into_iter()).map_err(|fault| reader.error(fault))?;
    Ok(pairs)
}

fn map(reader: &mut Reader<'_>) -> Result<Vec<(Value, Value)>, DecodeError> {
    let length = reader.map()?;
    pairs(reader, length)
}

fn fields(reader: &mut Reader<'_>) -> Result<Vec<(String, Value)>, DecodeError> {
    let length = reader.map()?;
    let mut fields = Vec::with_capacity(length);
    for _ in 0..length {
        let name = reader.text()?.to_owned();
        fields.push((name, read(reader)?));
    }
    let names = fields.iter().map(|(name, _)| name.as_bytes());
    entries::check_keys(names).map_err(|fault| reader.error(fault))?;
    Ok(fields)
}

fn elements(reader: &mut Reader<'_>) -> Result<Vec<Value>, DecodeError> {
    let length = reader.array()?;
    let mut elements = Vec::with_capacity(length);
    let mut previous: &[u8] = &[];
    for _ in 0..length {
        let start = reader.position();
        let element = read(reader)?;
        let bytes = reader.since(start);
        if bytes < previous {
            return Err(reader.error(Fault::Unordered));
        }
        if bytes == previous && !element.may_repeat() {
            return Err(reader.error(Fault::Duplicate));
        }
        previous = bytes;
        elements.push(element);
    }
    Ok(elements)
}

fn deque(reader: &mut Reader<'_>) -> Result<Deque, DecodeError> {
    reader.array_of(2)?;
    let length_max = match reader.item()? {
        Item::None => None,
        Item::Int(length) => {
            Some(u64::try_from(length).map_err(|_| reader.error(Fault::Expected("a length")))?)
        }
        _ => return Err(reader.error(Fault::Expected("a length"))),
    };
    let items = array(reader)?;
    entries::check_deque(length_max, items.len()).map_err(|fault| reader.error(fault))?;
    Ok(Deque { length_max, items })
}

fn decimal(reader: &mut Reader<'_>, tag: u64) -> Result<Decimal, DecodeError> {
    let (negative, exponent, coefficient) = if tag == tags::DECIMAL {
        reader.array_of(2)?;
        let exponent = DecimalExponent::Finite(reader.int()?);
        let (sign, coefficient) = coefficient(reader)?.into_parts();
        (sign == Sign::Minus, exponent, coefficient)
    } else {
        reader.array_of(3)?;
        let negative = reader.bool()?;
        let exponent = match reader.item()? {
            Item::Int(exponent) => DecimalExponent::Finite(exponent),
            Item::Text("F") => DecimalExponent::Infinity,
            Item::Text("n") => DecimalExponent::Nan,
            Item::Text("N") => DecimalExponent::SignallingNan,
            _ => return Err(reader.error(Fault::Expected("an exponent"))),
        };
        let coefficient = coefficient(reader)?.to_biguint();
        let not_negative = || reader.error(Fault::Invalid("a coefficient is negative"));
        (negative, exponent, coefficient.ok_or_else(not_negative)?)
    };
    let decimal = Decimal { negative, exponent, coefficient };
    entries::check_decimal(&decimal).map_err(|fault| reader.error(fault))?;
    if tag == tags::DECIMAL_SPECIAL && entries::is_plain_decimal(&decimal) {
        return Err(reader.error(Fault::NotShortest));
    }
    Ok(decimal)
}

fn coefficient(reader: &mut Reader<'_>) -> Result<BigInt, DecodeError> {
    let item = reader.item()?;
    match item {
        Item::Big { magnitude, .. } if magnitude.len() > DECIMAL_BYTES_MAX => {
            Err(reader.error(Fault::IntTooLong(magnitude.len())))
        }
        _ => item.big_int().ok_or_else(|| reader.error(Fault::Expected("an int"))),
    }
}

fn path(reader: &mut Reader<'_>) -> Result<Path, DecodeError> {
    reader.array_of(2)?;
    let flavour = match reader.int()? {
        0 => PathFlavour::Posix,
        1 => PathFlavour::Windows,
        2 => PathFlavour::PurePosix,
        3 => PathFlavour::PureWindows,
        _ => return Err(reader.error(Fault::Expected("a flavour of path"))),
    };
    let item = reader.item()?;
    Ok(Path { flavour, text: Text::read(item, reader)? })
}

/// The header of `[class, ...]`, and the class.
fn class(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    reader.array_of(2)?;
    reader.small()
}
