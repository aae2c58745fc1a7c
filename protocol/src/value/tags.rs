//! The CBOR tags of the value codec. This table is the wire format; numbers never change.
//!
//! # Untagged
//!
//! | Python | CBOR |
//! | --- | --- |
//! | `None`, `False`, `True` | simple values 22, 20, 21 |
//! | `int` from -2^64 to 2^64-1 | major type 0 or 1, shortest form |
//! | `float` | always the 8-byte form `fb`, bits kept as they are (NaN payloads and -0.0 too) |
//! | `str` without lone surrogates | text string |
//! | `bytes` | byte string |
//! | `list` | array |
//! | `dict` | map, in insertion order |
//!
//! Lengths are definite and shortest. `undefined`, other simple values, 2- and 4-byte floats, indefinite lengths and a
//! tag that is not listed here are refused.
//!
//! # Registered tags
//!
//! | Python | tag | content |
//! | --- | --- | --- |
//! | `int` beyond 64 bits | 2, 3 | byte string, big endian, no leading zero byte, at least 9 bytes |
//! | finite `Decimal` other than minus zero | 4 | `[exponent, coefficient]` |
//! | `Fraction` | 30 | `[numerator, denominator]`, denominator above 0 |
//! | `UUID` | 37 | 16 bytes |
//! | `numpy.ndarray` in C order | 40 | `[[dimension, ...], elements]` |
//! | `numpy.ndarray` in Fortran order, 2 dimensions or more | 1040 | the same |
//! | `date` | 100 | days since 1970-01-01, an int |
//! | `set` | 258 | array, see below |
//! | (elements of arrays) | 64-67, 69-75, 77-82, 84-86 | typed arrays of RFC 8746; never a value by themselves |
//!
//! Tags 0 and 1 cannot hold what a `datetime` may have (no zone, a zone by name, offsets finer than a minute, `fold`),
//! so that every `datetime` has one private form instead of two partial ones.
//!
//! # Private tags
//!
//! One family, [`FAMILY`] to [`FAMILY`]` + 0xff`, in the first-come-first-served space:
//!
//! | Python | tag | content |
//! | --- | --- | --- |
//! | `tuple` | [`TUPLE`] | array |
//! | `str` with lone surrogates | [`SURROGATE_TEXT`] | byte string: UTF-8 as Python's `surrogatepass` writes it, with at least one surrogate |
//! | `complex` | [`COMPLEX`] | `[real, imaginary]`, floats |
//! | `bytearray` | [`BYTEARRAY`] | byte string |
//! | `frozenset` | [`FROZENSET`] | array, as a `set` |
//! | `range` | [`RANGE`] | `[start, stop, step]`, ints of any size, step not 0 |
//! | `slice` | [`SLICE`] | `[start, stop, step]`, any values |
//! | `deque` | [`DEQUE`] | `[maxlen or null, [item, ...]]` |
//! | `Counter` | [`COUNTER`] | map |
//! | `OrderedDict` | [`ORDERED_DICT`] | map |
//! | `defaultdict` | [`DEFAULT_DICT`] | `[null or the factory's name as text, map]` |
//! | `time` | [`TIME`] | `[hour, minute, second, microsecond, fold, zone]` |
//! | `datetime` | [`DATETIME`] | `[year, month, day, hour, minute, second, microsecond, fold, zone]` |
//! | `timedelta` | [`TIMEDELTA`] | `[days, seconds, microseconds]`, normalised as Python does |
//! | `timezone` | [`TIMEZONE`] | `[offset in microseconds, null or name]` |
//! | `ZoneInfo` | [`ZONE_INFO`] | text: its key |
//! | `Decimal`: minus zero, infinities, NaNs | [`DECIMAL_SPECIAL`] | `[negative, exponent or "F", "n", "N", coefficient]`, as `as_tuple()` has them |
//! | `Path` family | [`PATH`] | `[flavour, str]`; 0 `PosixPath`, 1 `WindowsPath`, 2 `PurePosixPath`, 3 `PureWindowsPath` |
//! | `Enum` member with a name | [`ENUM_NAME`] | `[class, name as text]` |
//! | `Flag` combination without one | [`ENUM_VALUE`] | `[class, value]` |
//! | instance of a dataclass or of another plain class | [`DATACLASS`] | `[class, {attribute name as text: value}]` |
//! | namedtuple | [`NAMEDTUPLE`] | `[class, [item, ...]]` |
//! | `array.array` | [`ARRAY`] | `[typecode as text, typed array]`; for `u` and `w` a str in its place |
//! | `memoryview` | [`MEMORYVIEW`] | `[format as text, [dimension, ...], byte string]`, in C order |
//! | numpy scalar | [`NUMPY_SCALAR`] | elements: exactly one |
//!
//! A zone is `null`, a `timezone` or a `ZoneInfo`. A class is an index into the manifest's class table.
//!
//! # Elements of numpy arrays
//!
//! | dtype | content |
//! | --- | --- |
//! | (u)int8 to 64, float16 to 64, either byte order | typed array of RFC 8746 |
//! | `bool` | [`NUMPY_BOOL`]: byte string of 0 and 1 |
//! | `complex64`, `complex128` | [`NUMPY_COMPLEX`]: typed array of floats, real and imaginary in turn |
//! | `datetime64` | [`NUMPY_DATETIME`]: `[unit as text, count, typed array of int64]` |
//! | `timedelta64` | [`NUMPY_TIMEDELTA`]: the same |
//! | `str_` of fixed width | [`NUMPY_TEXT`]: `[width in code points, typed array of uint32]` |
//! | `bytes_` of fixed width | [`NUMPY_BYTES`]: `[width, byte string]` |
//!
//! # Sets
//!
//! The elements of a set come in ascending order of their encoded bytes, so that equal sets encode equally. The same
//! bytes twice are refused, unless they hold what need not equal itself: a NaN, or an
//! instance of the user's class (`{nan, nan}` may be two objects in Python).

/// `int` above 64 bits.
pub const BIGNUM: u64 = 2;
/// `int` below 64 bits: -1 - n.
pub const BIGNUM_NEGATIVE: u64 = 3;
/// `decimal.Decimal`, where finite and not minus zero.
pub const DECIMAL: u64 = 4;
/// `fractions.Fraction`.
pub const FRACTION: u64 = 30;
/// `uuid.UUID`.
pub const UUID: u64 = 37;
/// `numpy.ndarray`, row-major.
pub const NDARRAY: u64 = 40;
/// `datetime.date`.
pub const DATE: u64 = 100;
/// `set`.
pub const SET: u64 = 258;
/// `numpy.ndarray`, column-major.
pub const NDARRAY_FORTRAN: u64 = 1040;

/// First of the private tags. All of them take three bytes: `d9 b1 xx`.
pub const FAMILY: u64 = 0xb100;
/// `tuple`.
pub const TUPLE: u64 = FAMILY;
/// `str` with lone surrogates.
pub const SURROGATE_TEXT: u64 = FAMILY + 0x01;
/// `complex`.
pub const COMPLEX: u64 = FAMILY + 0x02;
/// `bytearray`.
pub const BYTEARRAY: u64 = FAMILY + 0x03;
/// `frozenset`.
pub const FROZENSET: u64 = FAMILY + 0x04;
/// `range`.
pub const RANGE: u64 = FAMILY + 0x05;
/// `slice`.
pub const SLICE: u64 = FAMILY + 0x06;
/// `collections.deque`.
pub const DEQUE: u64 = FAMILY + 0x07;
/// `collections.Counter`.
pub const COUNTER: u64 = FAMILY + 0x08;
/// `collections.OrderedDict`.
pub const ORDERED_DICT: u64 = FAMILY + 0x09;
/// `collections.defaultdict`.
pub const DEFAULT_DICT: u64 = FAMILY + 0x0a;
/// `datetime.time`.
pub const TIME: u64 = FAMILY + 0x10;
/// `datetime.datetime`.
pub const DATETIME: u64 = FAMILY + 0x11;
/// `datetime.timedelta`.
pub const TIMEDELTA: u64 = FAMILY + 0x12;
/// `datetime.timezone`.
pub const TIMEZONE: u64 = FAMILY + 0x13;
/// `zoneinfo.ZoneInfo`.
pub const ZONE_INFO: u64 = FAMILY + 0x14;
/// `decimal.Decimal`: minus zero, infinities and NaNs.
pub const DECIMAL_SPECIAL: u64 = FAMILY + 0x18;
/// `pathlib` paths.
pub const PATH: u64 = FAMILY + 0x1c;
/// `enum.Enum` member by name.
pub const ENUM_NAME: u64 = FAMILY + 0x20;
/// `enum.Flag` combination by value.
pub const ENUM_VALUE: u64 = FAMILY + 0x21;
/// Instance of a dataclass, or of another class whose instances are nothing but their attributes.
pub const DATACLASS: u64 = FAMILY + 0x22;
/// Instance of a namedtuple class.
pub const NAMEDTUPLE: u64 = FAMILY + 0x23;
/// `array.array`.
pub const ARRAY: u64 = FAMILY + 0x28;
/// `memoryview`.
pub const MEMORYVIEW: u64 = FAMILY + 0x29;
/// `numpy.generic` scalar.
pub const NUMPY_SCALAR: u64 = FAMILY + 0x30;
/// Elements of dtype `bool`.
pub const NUMPY_BOOL: u64 = FAMILY + 0x31;
/// Elements of a complex dtype.
pub const NUMPY_COMPLEX: u64 = FAMILY + 0x32;
/// Elements of dtype `datetime64`.
pub const NUMPY_DATETIME: u64 = FAMILY + 0x33;
/// Elements of dtype `timedelta64`.
pub const NUMPY_TIMEDELTA: u64 = FAMILY + 0x34;
/// Elements of a fixed-width `str_` dtype.
pub const NUMPY_TEXT: u64 = FAMILY + 0x35;
/// Elements of a fixed-width `bytes_` dtype.
pub const NUMPY_BYTES: u64 = FAMILY + 0x36;
