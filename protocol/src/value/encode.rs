//! From [`Value`] to bytes.

use num_bigint::{BigInt, Sign};

use super::error::{EncodeError, Fault};
use super::model::{Decimal, DecimalExponent, EnumKey, Value};
use super::writer::Writer;
use super::{DECIMAL_BYTES_MAX, DEPTH_MAX, INT_BYTES_MAX, VALUE_BYTES_MAX, entries, tags};

/// The bytes of `value`.
pub fn encode(value: &Value) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    write(value, &mut writer)?;
    Ok(writer.into_bytes())
}

/// Appends `value`. What is written decodes; on an error, part of it may have been written.
pub fn write(value: &Value, writer: &mut Writer) -> Result<(), EncodeError> {
    let start = writer.len();
    let mut encoder = Encoder { writer, depth: 0 };
    encoder.value(value)?;
    if writer.len() - start > VALUE_BYTES_MAX {
        return Err(Fault::TooLong.into());
    }
    Ok(())
}

struct Encoder<'w> {
    writer: &'w mut Writer,
    depth: usize,
}

impl Encoder<'_> {
    /// Accounts for `levels` of arrays and maps that are about to be open at once.
    fn enter(&mut self, levels: usize) -> Result<(), Fault> {
        self.depth += levels;
        if self.depth > DEPTH_MAX { Err(Fault::TooDeep) } else { Ok(()) }
    }

    fn leave(&mut self, levels: usize) {
        self.depth -= levels;
    }

    /// Writes what has no values inside: `levels` deep at most.
    fn leaf(&mut self, levels: usize, leaf: impl FnOnce(&mut Writer)) -> Result<(), Fault> {
        self.enter(levels)?;
        leaf(self.writer);
        self.leave(levels);
        Ok(())
    }

    fn value(&mut self, value: &Value) -> Result<(), Fault> {
        match value {
            Value::None => self.writer.null(),
            Value::Bool(value) => self.writer.bool(*value),
            Value::Int(value) => self.writer.int(*value),
            Value::Big(value) => self.big(value)?,
            Value::Float(float) => self.writer.float(float.0),
            Value::Complex(complex) => self.leaf(1, |writer| {
                writer.tag(tags::COMPLEX);
                writer.array(2);
                writer.float(complex.real.0);
                writer.float(complex.imaginary.0);
            })?,
            Value::Str(text) => self.writer.any_text(text),
            Value::Bytes(bytes) => self.writer.bytes(bytes),
            Value::Bytearray(bytes) => {
                self.writer.tag(tags::BYTEARRAY);
                self.writer.bytes(bytes);
            }
            Value::List(items) => self.array(items)?,
            Value::Tuple(items) => {
                self.writer.tag(tags::TUPLE);
                self.array(items)?;
            }
            Value::Dict(entries) => self.map(entries)?,
            Value::Set(elements) => self.set(tags::SET, elements)?,
            Value::Frozenset(elements) => self.set(tags::FROZENSET, elements)?,
            Value::Range(range) => {
                range.check()?;
                self.writer.tag(tags::RANGE);
                self.enter(1)?;
                self.writer.array(3);
                self.big(&range.start)?;
                self.big(&range.stop)?;
                self.big(&range.step)?;
                self.leave(1);
            }
            Value::Slice(parts) => {
                self.writer.tag(tags::SLICE);
                self.array(parts.as_slice())?;
            }
            Value::Deque(deque) => {
                self.writer.tag(tags::DEQUE);
                self.enter(1)?;
                self.writer.array(2);
                entries::check_deque(deque.length_max, deque.items.len())?;
                match deque.length_max {
                    None => self.writer.null(),
                    Some(length) => self.writer.uint(length),
                }
                self.array(&deque.items)?;
                self.leave(1);
            }
            Value::Counter(entries) => {
                self.writer.tag(tags::COUNTER);
                self.map(entries)?;
            }
            Value::OrderedDict(entries) => {
                self.writer.tag(tags::ORDERED_DICT);
                self.map(entries)?;
            }
            Value::DefaultDict(dict) => {
                self.writer.tag(tags::DEFAULT_DICT);
                self.enter(1)?;
                self.writer.array(2);
                match dict.factory {
                    None => self.writer.null(),
                    Some(name) => self.writer.text(entries::factory(name)?),
                }
                self.map(&dict.entries)?;
                self.leave(1);
            }
            Value::Date(date) => {
                date.check()?;
                date.write(self.writer);
            }
            Value::Time(time) => {
                time.check()?;
                self.leaf(1 + usize::from(time.is_fixed()), |writer| time.write(writer))?;
            }
            Value::DateTime(value) => {
                value.check()?;
                self.leaf(1 + usize::from(value.time.is_fixed()), |writer| value.write(writer))?;
            }
            Value::Timedelta(value) => {
                value.check()?;
                self.leaf(1, |writer| value.write(writer))?;
            }
            Value::Zone(zone) => {
                zone.check()?;
                self.leaf(usize::from(zone.is_fixed()), |writer| zone.write(writer))?;
            }
            Value::Decimal(decimal) => self.decimal(decimal)?,
            Value::Fraction(fraction) => {
                fraction.check()?;
                self.writer.tag(tags::FRACTION);
                self.enter(1)?;
                self.writer.array(2);
                self.big(&fraction.numerator)?;
                self.big(&fraction.denominator)?;
                self.leave(1);
            }
            Value::Uuid(bytes) => {
                self.writer.tag(tags::UUID);
                self.writer.bytes(bytes);
            }
            Value::Path(path) => self.leaf(1, |writer| {
                writer.tag(tags::PATH);
                writer.array(2);
                writer.uint(path.flavour as u64);
                writer.any_text(&path.text);
            })?,
            Value::Enum(member) => self.class(
                if matches!(member.key, EnumKey::Name(_)) {
                    tags::ENUM_NAME
                } else {
                    tags::ENUM_VALUE
                },
                member.class,
                |encoder| match &member.key {
                    EnumKey::Name(name) => {
                        encoder.writer.text(name);
                        Ok(())
                    }
                    EnumKey::Value(value) => encoder.value(value),
                },
            )?,
            Value::Dataclass(instance) => {
                self.class(tags::DATACLASS, instance.class, |encoder| {
                    encoder.fields(&instance.fields)
                })?;
            }
            Value::Namedtuple(tuple) => {
                self.class(tags::NAMEDTUPLE, tuple.class, |encoder| encoder.array(&tuple.items))?;
            }
            Value::Array(array) => {
                array.check()?;
                self.leaf(1, |writer| array.write(writer))?;
            }
            Value::Memoryview(view) => {
                view.check()?;
                self.leaf(2, |writer| view.write(writer))?;
            }
            Value::Ndarray(array) => {
                array.check()?;
                self.leaf(2, |writer| array.write(writer))?;
            }
            Value::NumpyScalar(elements) => {
                elements.check_scalar()?;
                self.writer.tag(tags::NUMPY_SCALAR);
                self.leaf(elements.levels(), |writer| elements.write(writer))?;
            }
        }
        Ok(())
    }

    fn big(&mut self, value: &BigInt) -> Result<(), Fault> {
        let bytes = value.bits().div_ceil(8) as usize;
        if bytes > INT_BYTES_MAX {
            return Err(Fault::IntTooLong(bytes));
        }
        self.writer.big(value);
        Ok(())
    }

    fn array(&mut self, items: &[Value]) -> Result<(), Fault> {
        self.enter(1)?;
        self.writer.array(items.len());
        for item in items {
            self.value(item)?;
        }
        self.leave(1);
        Ok(())
    }

    fn map(&mut self, pairs: &[(Value, Value)]) -> Result<(), Fault> {
        self.enter(1)?;
        self.writer.map(pairs.len());
        let mut keys = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let start = self.writer.len();
            self.value(key)?;
            if !key.may_repeat() {
                keys.push(start..self.writer.len());
            }
            self.value(value)?;
        }
        let written = self.writer.as_bytes();
        entries::check_keys(keys.into_iter().map(|range| &written[range]))?;
        self.leave(1);
        Ok(())
    }

    fn fields(&mut self, fields: &[(String, Value)]) -> Result<(), Fault> {
        self.enter(1)?;
        self.writer.map(fields.len());
        for (name, value) in fields {
            self.writer.text(name);
            self.value(value)?;
        }
        entries::check_keys(fields.iter().map(|(name, _)| name.as_bytes()))?;
        self.leave(1);
        Ok(())
    }

    fn set(&mut self, tag: u64, elements: &[Value]) -> Result<(), Fault> {
        self.enter(1)?;
        let mut set = self.writer.begin_set(tag, elements.len());
        let mut whole = Vec::with_capacity(elements.len());
        for element in elements {
            let start = self.writer.len();
            self.value(element)?;
            self.writer.end_element(&mut set);
            if !element.may_repeat() {
                whole.push(start..self.writer.len());
            }
        }
        let written = self.writer.as_bytes();
        entries::check_keys(whole.into_iter().map(|range| &written[range]))?;
        self.writer.end_set(set);
        self.leave(1);
        Ok(())
    }

    fn class(
        &mut self,
        tag: u64,
        class: u32,
        content: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.writer.tag(tag);
        self.enter(1)?;
        self.writer.array(2);
        self.writer.uint(class.into());
        content(self)?;
        self.leave(1);
        Ok(())
    }

    fn decimal(&mut self, decimal: &Decimal) -> Result<(), Fault> {
        let bytes = decimal.coefficient.bits().div_ceil(8) as usize;
        if bytes > DECIMAL_BYTES_MAX {
            return Err(Fault::IntTooLong(bytes));
        }
        entries::check_decimal(decimal)?;
        let sign = if decimal.negative { Sign::Minus } else { Sign::Plus };
        let coefficient = BigInt::from_biguint(sign, decimal.coefficient.clone());
        self.leaf(1, |writer| match (decimal.exponent, entries::is_plain_decimal(decimal)) {
            (DecimalExponent::Finite(exponent), true) => {
                writer.tag(tags::DECIMAL);
                writer.array(2);
                writer.int(exponent);
                writer.big(&coefficient);
            }
            (exponent, _) => {
                writer.tag(tags::DECIMAL_SPECIAL);
                writer.array(3);
                writer.bool(decimal.negative);
                match exponent {
                    DecimalExponent::Finite(exponent) => writer.int(exponent),
                    DecimalExponent::Infinity => writer.text("F"),
                    DecimalExponent::Nan => writer.text("n"),
                    DecimalExponent::SignallingNan => writer.text("N"),
                }
                writer.big(&decimal.coefficient.clone().into());
            }
        })
    }
}
