//! [`Value`]: a Python value as Rust data.

use num_bigint::{BigInt, BigUint};

use super::arrays::{Array, Elements, Memoryview, Ndarray};
use super::calendar::{Date, DateTime, Time, Timedelta, Zone, ensure};
use super::error::Fault;
use super::text::Text;

/// A Python value.
///
/// Equality is that of the encoding, not Python's: floats compare by their bits, `1` is not `1.0`, and dicts differ
/// where their order does. Decoding gives one form each: [`Value::Big`] only where [`Value::Int`] cannot be, and sets in
/// the order of their encoding (any order will do for encoding).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `None`.
    None,
    /// `bool`.
    Bool(bool),
    /// `int` of 64 bits.
    Int(i64),
    /// Any other `int`.
    Big(Box<BigInt>),
    /// `float`.
    Float(Float),
    /// `complex`.
    Complex(Complex),
    /// `str`.
    Str(Text),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `bytearray`.
    Bytearray(Vec<u8>),
    /// `list`.
    List(Vec<Value>),
    /// `tuple`.
    Tuple(Vec<Value>),
    /// `dict`, in insertion order.
    Dict(Vec<(Value, Value)>),
    /// `set`.
    Set(Vec<Value>),
    /// `frozenset`.
    Frozenset(Vec<Value>),
    /// `range`.
    Range(Box<Range>),
    /// `slice`: start, stop, step.
    Slice(Box<[Value; 3]>),
    /// `collections.deque`.
    Deque(Box<Deque>),
    /// `collections.Counter`.
    Counter(Vec<(Value, Value)>),
    /// `collections.OrderedDict`.
    OrderedDict(Vec<(Value, Value)>),
    /// `collections.defaultdict`.
    DefaultDict(Box<DefaultDict>),
    /// `datetime.date`.
    Date(Date),
    /// `datetime.time`.
    Time(Box<Time>),
    /// `datetime.datetime`.
    DateTime(Box<DateTime>),
    /// `datetime.timedelta`.
    Timedelta(Timedelta),
    /// `datetime.timezone` or `zoneinfo.ZoneInfo`.
    Zone(Box<Zone>),
    /// `decimal.Decimal`.
    Decimal(Box<Decimal>),
    /// `fractions.Fraction`.
    Fraction(Box<Fraction>),
    /// `uuid.UUID`.
    Uuid([u8; 16]),
    /// `pathlib` paths.
    Path(Box<Path>),
    /// Member of an `enum.Enum`.
    Enum(Box<EnumMember>),
    /// Instance of a dataclass or of another plain class.
    Dataclass(Box<Dataclass>),
    /// Instance of a namedtuple class.
    Namedtuple(Box<Namedtuple>),
    /// `array.array`.
    Array(Box<Array>),
    /// `memoryview`.
    Memoryview(Box<Memoryview>),
    /// `numpy.ndarray`.
    Ndarray(Box<Ndarray>),
    /// A numpy scalar: one element.
    NumpyScalar(Box<Elements>),
}

// A hostile array of one-byte items costs this much for each byte received.
const _: () = assert!(size_of::<Value>() <= 32);

impl Value {
    /// Whether a set or a dict may hold it twice: something in it, such as a NaN, need not equal what has the same bytes.
    pub(super) fn may_repeat(&self) -> bool {
        match self {
            Self::Float(float) => float.0.is_nan(),
            Self::Complex(complex) => complex.real.0.is_nan() || complex.imaginary.0.is_nan(),
            Self::Tuple(items) | Self::Frozenset(items) => items.iter().any(Self::may_repeat),
            Self::Namedtuple(tuple) => tuple.items.iter().any(Self::may_repeat),
            Self::Slice(parts) => parts.iter().any(Self::may_repeat),
            Self::Decimal(decimal) => {
                let exponent = decimal.exponent;
                matches!(exponent, DecimalExponent::Nan | DecimalExponent::SignallingNan)
            }
            // Elements compare as floats, or units of time that may be NaT; instances as their class has it, which may be
            // by identity.
            Self::NumpyScalar(_) | Self::Dataclass(_) => true,
            _ => false,
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<BigInt> for Value {
    fn from(value: BigInt) -> Self {
        i64::try_from(&value).map_or_else(|_| Self::Big(Box::new(value)), Self::Int)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(Float(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Str(value.into())
    }
}

/// A float whose equality is that of its bits.
#[derive(Debug, Clone, Copy)]
pub struct Float(pub f64);

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Float {}

/// `complex`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complex {
    /// `.real`
    pub real: Float,
    /// `.imag`
    pub imaginary: Float,
}

/// `range`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// `.start`
    pub start: BigInt,
    /// `.stop`
    pub stop: BigInt,
    /// `.step`, not 0.
    pub step: BigInt,
}

impl Range {
    pub(super) fn check(&self) -> Result<(), Fault> {
        ensure(self.step != BigInt::ZERO, "a range has step 0")
    }
}

/// `collections.deque`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deque {
    /// `.maxlen`; not below the number of items.
    pub length_max: Option<u64>,
    /// The items.
    pub items: Vec<Value>,
}

/// What a `defaultdict` may have for a factory.
pub const FACTORIES: [&str; 12] = [
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "set",
    "str",
    "tuple",
];

/// `collections.defaultdict`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultDict {
    /// The name of its factory, one of [`FACTORIES`].
    pub factory: Option<&'static str>,
    /// The entries.
    pub entries: Vec<(Value, Value)>,
}

/// `decimal.Decimal`, as `as_tuple()` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    /// Its sign.
    pub negative: bool,
    /// The exponent, or what stands in its place.
    pub exponent: DecimalExponent,
    /// The digits; a NaN's payload; 0 for an infinity.
    pub coefficient: BigUint,
}

/// The exponent of a [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalExponent {
    /// Of a finite number.
    Finite(i64),
    /// `"F"`
    Infinity,
    /// `"n"`
    Nan,
    /// `"N"`
    SignallingNan,
}

/// `fractions.Fraction`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fraction {
    /// `.numerator`
    pub numerator: BigInt,
    /// `.denominator`, above 0. Whether the two have a common factor is not checked: `Fraction()` reduces.
    pub denominator: BigInt,
}

impl Fraction {
    pub(super) fn check(&self) -> Result<(), Fault> {
        ensure(self.denominator > BigInt::ZERO, "a denominator is not above 0")
    }
}

/// A path of `pathlib`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Its class.
    pub flavour: PathFlavour,
    /// Its text.
    pub text: Text,
}

/// The classes of `pathlib`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathFlavour {
    /// `PosixPath`.
    Posix = 0,
    /// `WindowsPath`.
    Windows = 1,
    /// `PurePosixPath`.
    PurePosix = 2,
    /// `PureWindowsPath`.
    PureWindows = 3,
}

/// Member of an `enum.Enum`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumMember {
    /// Index of its class in the manifest's class table.
    pub class: u32,
    /// Which member.
    pub key: EnumKey,
}

/// Which member of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnumKey {
    /// By name.
    Name(String),
    /// By value: combinations of flags have no name.
    Value(Value),
}

/// Instance of a dataclass or of another plain class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataclass {
    /// Index of its class in the manifest's class table.
    pub class: u32,
    /// Its attributes.
    pub fields: Vec<(String, Value)>,
}

/// Instance of a namedtuple class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namedtuple {
    /// Index of its class in the manifest's class table.
    pub class: u32,
    /// Its items.
    pub items: Vec<Value>,
}
