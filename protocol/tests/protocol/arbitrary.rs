//! Any [`Value`], in the form that decoding gives it.

use num_bigint::{BigInt, BigUint, Sign};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use spm_protocol::value::{
    Array, ArrayItems, Complex, Dataclass, Date, DateTime, Decimal, DecimalExponent, DefaultDict,
    Deque, Dtype, Elements, EnumKey, EnumMember, FACTORIES, Float, Fraction, Memoryview,
    Namedtuple, Ndarray, Number, Path, PathFlavour, Range, Text, Time, TimeUnit, Timedelta, Value,
    Zone, encode,
};

/// Any value.
pub fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 64, 8, |inner| {
        let items = vec(inner.clone(), 0..8);
        let pairs = vec((inner.clone(), inner.clone()), 0..8).prop_map(distinct);
        let fields = vec((name(), inner.clone()), 0..4).prop_map(distinct_names);
        prop_oneof![
            4 => items.clone().prop_map(Value::List),
            4 => items.clone().prop_map(Value::Tuple),
            4 => pairs.clone().prop_map(Value::Dict),
            1 => pairs.clone().prop_map(Value::Counter),
            1 => pairs.clone().prop_map(Value::OrderedDict),
            1 => (option::of(0..FACTORIES.len()), pairs).prop_map(|(factory, entries)| {
                let factory = factory.map(|index| FACTORIES[index]);
                Value::DefaultDict(Box::new(DefaultDict { factory, entries }))
            }),
            2 => items.clone().prop_map(|items| Value::Set(in_order(items))),
            1 => items.clone().prop_map(|items| Value::Frozenset(in_order(items))),
            1 => [inner.clone(), inner.clone(), inner.clone()]
                .prop_map(|parts| Value::Slice(Box::new(parts))),
            1 => (items.clone(), option::of(0..100_u64)).prop_map(|(items, room)| {
                let length_max = room.map(|room| items.len() as u64 + room);
                Value::Deque(Box::new(Deque { length_max, items }))
            }),
            1 => (any::<u32>(), inner.clone()).prop_map(|(class, value)| {
                Value::Enum(Box::new(EnumMember { class, key: EnumKey::Value(value) }))
            }),
            1 => (any::<u32>(), fields)
                .prop_map(|(class, fields)| Value::Dataclass(Box::new(Dataclass { class, fields }))),
            1 => (any::<u32>(), items)
                .prop_map(|(class, items)| Value::Namedtuple(Box::new(Namedtuple { class, items }))),
        ]
    })
}

/// Any value that holds no others.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::None),
        1 => any::<bool>().prop_map(Value::Bool),
        4 => int().prop_map(Value::from),
        2 => float().prop_map(Value::Float),
        1 => (float(), float())
            .prop_map(|(real, imaginary)| Value::Complex(Complex { real, imaginary })),
        4 => text().prop_map(Value::Str),
        1 => vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        1 => vec(any::<u8>(), 0..30).prop_map(Value::Bytearray),
        1 => (int(), int(), nonzero())
            .prop_map(|(start, stop, step)| Value::Range(Box::new(Range { start, stop, step }))),
        4 => calendar(),
        1 => decimal().prop_map(|decimal| Value::Decimal(Box::new(decimal))),
        1 => (int(), nonzero()).prop_map(|(numerator, other)| {
            let denominator = BigInt::from(other.magnitude().clone());
            Value::Fraction(Box::new(Fraction { numerator, denominator }))
        }),
        1 => any::<[u8; 16]>().prop_map(Value::Uuid),
        1 => (0..4_usize, text()).prop_map(|(flavour, text)| {
            use PathFlavour::{Posix, PurePosix, PureWindows, Windows};
            let flavour = [Posix, Windows, PurePosix, PureWindows][flavour];
            Value::Path(Box::new(Path { flavour, text }))
        }),
        1 => (any::<u32>(), name()).prop_map(|(class, name)| {
            Value::Enum(Box::new(EnumMember { class, key: EnumKey::Name(name) }))
        }),
        4 => array(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_é]{0,8}"
}

fn text() -> impl Strategy<Value = Text> {
    let character = prop_oneof![
        8 => any::<char>().prop_map(|character| character.to_string().into_bytes()),
        // Surrogates, which is where Python's text and UTF-8 part.
        1 => (0xa0..=0xbf_u8, 0x80..=0xbf_u8).prop_map(|(a, b)| vec![0xed, a, b]),
    ];
    let pieces = vec(character, 0..40);
    pieces.prop_map(|pieces| Text::from_surrogatepass(pieces.concat()).expect("is made of text"))
}

fn int() -> impl Strategy<Value = BigInt> {
    let edge =
        (0..70_u32, -2..=2_i128).prop_map(|(bits, offset)| BigInt::from((1_i128 << bits) + offset));
    prop_oneof![
        2 => (-300..300_i64).prop_map(BigInt::from),
        2 => edge.clone(),
        2 => edge.prop_map(|edge| -edge),
        1 => any::<i64>().prop_map(BigInt::from),
        1 => any::<i128>().prop_map(BigInt::from),
        1 => (any::<bool>(), vec(any::<u8>(), 0..40)).prop_map(|(minus, magnitude)| {
            let sign = if minus { Sign::Minus } else { Sign::Plus };
            BigInt::from_bytes_be(sign, &magnitude)
        }),
    ]
}

fn nonzero() -> impl Strategy<Value = BigInt> {
    int().prop_map(|int| if int == BigInt::ZERO { BigInt::from(1) } else { int })
}

fn float() -> impl Strategy<Value = Float> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (-1000..1000_i32).prop_map(f64::from),
        prop_oneof![Just(0.0), Just(-0.0), Just(f64::INFINITY), Just(f64::NAN), Just(5e-324)],
        Just(f64::from_bits(0x7ff0_0000_dead_beef)),
    ]
    .prop_map(Float)
}

fn zone() -> impl Strategy<Value = Zone> {
    prop_oneof![
        (-86_399_999_999..=86_399_999_999_i64, option::of(text()))
            .prop_map(|(offset_us, name)| Zone::Fixed { offset_us, name }),
        prop_oneof![Just("UTC"), Just("Europe/Paris"), Just("Etc/GMT+5"), Just("America/St_Johns")]
            .prop_map(|key| Zone::Info(key.to_owned())),
    ]
}

fn time() -> impl Strategy<Value = Time> {
    let parts = (0..24_u8, 0..60_u8, 0..60_u8, 0..1_000_000_u32);
    (parts, any::<bool>(), option::of(zone())).prop_map(
        |((hour, minute, second, microsecond), fold, zone)| Time {
            hour,
            minute,
            second,
            microsecond,
            fold,
            zone,
        },
    )
}

fn calendar() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-719_162..=2_932_896_i32).prop_map(|days| Value::Date(Date { days })),
        time().prop_map(|time| Value::Time(Box::new(time))),
        (1..=9999_u16, 1..=12_u8, 1..=28_u8, time()).prop_map(|(year, month, day, time)| {
            Value::DateTime(Box::new(DateTime { year, month, day, time }))
        }),
        (-999_999_999..=999_999_999_i32, 0..86_400_u32, 0..1_000_000_u32).prop_map(
            |(days, seconds, microseconds)| {
                Value::Timedelta(Timedelta { days, seconds, microseconds })
            }
        ),
        zone().prop_map(|zone| Value::Zone(Box::new(zone))),
    ]
}

fn decimal() -> impl Strategy<Value = Decimal> {
    let exponent = prop_oneof![
        4 => (-30..30_i64).prop_map(DecimalExponent::Finite),
        // As far as Python's Decimal goes, with the digits that an int may have.
        1 => (-1_999_999_999_999_999_997..999_999_999_999_900_000_i64)
            .prop_map(DecimalExponent::Finite),
        1 => Just(DecimalExponent::Infinity),
        1 => Just(DecimalExponent::Nan),
        1 => Just(DecimalExponent::SignallingNan),
    ];
    (any::<bool>(), exponent, int()).prop_map(|(negative, exponent, int)| {
        let coefficient = match exponent {
            DecimalExponent::Infinity => BigUint::ZERO,
            _ => int.magnitude().clone(),
        };
        Decimal { negative, exponent, coefficient }
    })
}

fn number() -> impl Strategy<Value = Number> {
    let tags: Vec<u64> = (64..88).filter(|tag| Number::from_tag(*tag).is_some()).collect();
    proptest::sample::select(tags).prop_map(|tag| Number::from_tag(tag).expect("was filtered"))
}

fn dtype() -> impl Strategy<Value = Dtype> {
    let names = proptest::sample::select(TimeUnit::NAMES.to_vec());
    let unit = (names, 1..1000_u32, any::<bool>()).prop_map(|(name, count, big_endian)| {
        let count = if name == "generic" { 1 } else { count };
        TimeUnit { name, count, big_endian }
    });
    prop_oneof![
        Just(Dtype::Bool),
        number().prop_map(Dtype::Number),
        prop_oneof![Just(Number::F32), Just(Number::F64)].prop_map(Dtype::Complex),
        Just(Dtype::Complex(Number::F64.byte_swapped())),
        unit.clone().prop_map(Dtype::Datetime),
        unit.prop_map(Dtype::Timedelta),
        (1..4_u32, any::<bool>()).prop_map(|(width, big_endian)| Dtype::Text { width, big_endian }),
        (1..9_u32).prop_map(|width| Dtype::Bytes { width }),
    ]
}

/// `count` elements.
fn elements(dtype: Dtype, count: usize) -> impl Strategy<Value = Elements> {
    vec(any::<u8>(), dtype.size() * count).prop_map(move |mut data| {
        for (index, byte) in data.iter_mut().enumerate() {
            match dtype {
                Dtype::Bool => *byte &= 1,
                // Two of four bytes keep the code point in range.
                Dtype::Text { big_endian, .. } if (index % 4 < 2) == big_endian => *byte = 0,
                _ => {}
            }
        }
        Elements { dtype, data }
    })
}

fn array() -> impl Strategy<Value = Value> {
    let ndarray =
        (dtype(), vec(0..4_u64, 0..4), any::<bool>()).prop_flat_map(|(dtype, shape, fortran)| {
            let count = shape.iter().product::<u64>() as usize;
            let fortran = fortran && shape.len() >= 2;
            elements(dtype, count).prop_map(move |elements| {
                Value::Ndarray(Box::new(Ndarray { shape: shape.clone(), fortran, elements }))
            })
        });
    let scalar = dtype().prop_flat_map(|dtype| {
        elements(dtype, 1).prop_map(|elements| Value::NumpyScalar(Box::new(elements)))
    });
    let typecodes = vec![
        ('b', Number::I8),
        ('B', Number::U8),
        ('h', Number::I16),
        ('H', Number::U16),
        ('i', Number::I32),
        ('I', Number::U32),
        ('l', Number::I32),
        ('l', Number::I64),
        ('L', Number::U64),
        ('q', Number::I64),
        ('Q', Number::U64),
        ('f', Number::F32),
        ('d', Number::F64),
    ];
    let numbers = (proptest::sample::select(typecodes), 0..9_usize)
        .prop_flat_map(|((typecode, number), count)| {
            vec(any::<u8>(), number.size() * count)
                .prop_map(move |data| (typecode, ArrayItems::Numbers(number, data)))
        })
        .prop_map(|(typecode, items)| Value::Array(Box::new(Array { typecode, items })));
    let characters = (prop_oneof![Just('u'), Just('w')], text()).prop_map(|(typecode, text)| {
        Value::Array(Box::new(Array { typecode, items: ArrayItems::Text(text) }))
    });
    let formats = vec![('B', 1_u64), ('?', 1), ('e', 2), ('f', 4), ('l', 4), ('l', 8), ('d', 8)];
    let view = (proptest::sample::select(formats), vec(0..4_u64, 0..3)).prop_flat_map(
        |((format, size), shape)| {
            let bytes = shape.iter().product::<u64>() * size;
            vec(any::<u8>(), bytes as usize).prop_map(move |data| {
                Value::Memoryview(Box::new(Memoryview { format, shape: shape.clone(), data }))
            })
        },
    );
    prop_oneof![3 => ndarray, 2 => scalar, 1 => numbers, 1 => characters, 1 => view]
}

fn encoded(value: &Value) -> Vec<u8> {
    encode(value).expect("what is generated is valid")
}

fn in_order(mut items: Vec<Value>) -> Vec<Value> {
    items.sort_by_cached_key(encoded);
    items.dedup_by_key(|item| encoded(item));
    items
}

fn distinct(pairs: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    let mut seen = std::collections::BTreeSet::new();
    pairs.into_iter().filter(|(key, _)| seen.insert(encoded(key))).collect()
}

fn distinct_names(fields: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let mut seen = std::collections::BTreeSet::new();
    fields.into_iter().filter(|(name, _)| seen.insert(name.clone())).collect()
}
