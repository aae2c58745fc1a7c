//! Serde's values against the protocol's codec.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use spm_guest::{from_bytes, to_bytes};
use spm_protocol::value::{
    self, Dataclass, DefaultDict, Deque, EnumKey, EnumMember, Namedtuple, Value, tags,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: f64,
    label: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pair(u8, i16);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Metres(f64);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(f64),
    Segment(Pair, Pair),
    Polygon { points: Vec<Point>, closed: bool },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    unit: (),
    flags: (bool, bool),
    small: (i8, u8, i16, u16, i32, u32),
    wide: (i64, u64, i128, u128),
    float: f64,
    narrow: f32,
    character: char,
    text: String,
    bytes: ByteBuf,
    option: Option<u8>,
    list: Vec<i64>,
    array: [i32; 3],
    map: BTreeMap<String, Vec<u8>>,
    keyed: BTreeMap<i64, String>,
    shapes: Vec<Shape>,
    length: Metres,
}

fn point() -> impl Strategy<Value = Point> {
    (any::<i64>(), -1e9..1e9, any::<Option<String>>()).prop_map(|(x, y, label)| Point {
        x,
        y,
        label,
    })
}

fn shape() -> impl Strategy<Value = Shape> {
    let pair = || (any::<u8>(), any::<i16>()).prop_map(|(a, b)| Pair(a, b));
    prop_oneof![
        Just(Shape::Empty),
        (0.0..10.0).prop_map(Shape::Circle),
        (pair(), pair()).prop_map(|(a, b)| Shape::Segment(a, b)),
        (prop::collection::vec(point(), 0..4), any::<bool>())
            .prop_map(|(points, closed)| Shape::Polygon { points, closed }),
    ]
}

prop_compose! {
    fn everything()(
        flags in any::<(bool, bool)>(),
        small in any::<(i8, u8, i16, u16, i32, u32)>(),
        wide in any::<(i64, u64, i128, u128)>(),
        (float, narrow) in (-1e300..1e300, -1e30f32..1e30),
        (character, text) in any::<(char, String)>(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        option in any::<Option<u8>>(),
        list in prop::collection::vec(any::<i64>(), 0..40),
        array in any::<[i32; 3]>(),
        map in prop::collection::btree_map(any::<String>(), any::<Vec<u8>>(), 0..4),
        keyed in prop::collection::btree_map(any::<i64>(), any::<String>(), 0..4),
        shapes in prop::collection::vec(shape(), 0..4),
    ) -> Everything {
        Everything {
            unit: (), flags, small, wide, float, narrow, character, text,
            bytes: ByteBuf::from(bytes), option, list, array, map, keyed,
            shapes, length: Metres(float),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_a_value_of_the_protocol_and_comes_back(given in everything()) {
        let bytes = to_bytes(&given).unwrap();
        let model = value::decode(&bytes).unwrap();
        prop_assert_eq!(&value::encode(&model).unwrap(), &bytes);
        prop_assert_eq!(from_bytes::<Everything>(&bytes).unwrap(), given);
    }

    #[test]
    fn bytes_that_nobody_vouches_for_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        // Whether they are a value does not matter, as long as there is an answer.
        let _ = from_bytes::<Everything>(&bytes);
        let _ = from_bytes::<Vec<Shape>>(&bytes);
    }

    #[test]
    fn values_that_are_damaged_do_no_harm(
        given in everything(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = to_bytes(&given).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = from_bytes::<Everything>(&bytes);
    }
}

fn read<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<T, String> {
    from_bytes(&value::encode(value).unwrap()).map_err(|error| error.to_string())
}

fn text(text: &str) -> Value {
    text.into()
}

#[test]
fn values_are_what_the_table_says() {
    let as_value = |bytes: Vec<u8>| value::decode(&bytes).unwrap();
    assert_eq!(as_value(to_bytes(&()).unwrap()), Value::None);
    assert_eq!(as_value(to_bytes(&(1, "a")).unwrap()), Value::Tuple(vec![1.into(), text("a")]));
    assert_eq!(as_value(to_bytes(&vec![1]).unwrap()), Value::List(vec![1.into()]));
    assert_eq!(as_value(to_bytes(&Metres(0.5)).unwrap()), 0.5.into());
    assert_eq!(as_value(to_bytes(&Shape::Empty).unwrap()), text("Empty"));
    let circle = Value::Dict(vec![(text("Circle"), 2.0.into())]);
    assert_eq!(as_value(to_bytes(&Shape::Circle(2.0)).unwrap()), circle);
}

#[test]
fn sequences_are_taken_from_all_of_pythons_kinds() {
    let items = || vec![3.into(), 1.into()];
    assert_eq!(read::<Vec<i64>>(&Value::Tuple(items())).unwrap(), [3, 1]);
    assert_eq!(read::<Vec<i64>>(&Value::List(items())).unwrap(), [3, 1]);
    assert_eq!(read::<Vec<i64>>(&Value::Set(items())).unwrap(), [1, 3]);
    assert_eq!(read::<Vec<u8>>(&Value::Bytes(vec![3, 1])).unwrap(), [3, 1]);
    assert_eq!(read::<(i64, i64)>(&Value::List(items())).unwrap(), (3, 1));
    let error = read::<(i64,)>(&Value::List(items())).unwrap_err();
    assert_eq!(error, "more items than expected");
}

#[test]
fn instances_are_what_they_hold() {
    let fields = || vec![("x".to_owned(), 1.into()), ("y".to_owned(), 0.5.into())];
    let point = Point { x: 1, y: 0.5, label: None };
    let instance = Value::Dataclass(Box::new(Dataclass { class: 7, fields: fields() }));
    assert_eq!(read::<Point>(&instance).unwrap(), point);
    let items = vec![1.into(), 0.5.into(), Value::None];
    let named = Value::Namedtuple(Box::new(Namedtuple { class: 7, items: items.clone() }));
    assert_eq!(read::<Point>(&named).unwrap(), point);
    let key = EnumKey::Name("Empty".to_owned());
    let member = Value::Enum(Box::new(EnumMember { class: 7, key }));
    assert_eq!(read::<Shape>(&member).unwrap(), Shape::Empty);
    assert_eq!(read::<String>(&member).unwrap(), "Empty");
    let deque = Value::Deque(Box::new(Deque { length_max: Some(9), items }));
    assert_eq!(read::<(i64, f64, ())>(&deque).unwrap(), (1, 0.5, ()));
}

#[test]
fn mappings_and_bytes_are_taken_from_all_of_pythons_kinds() {
    let entries = || vec![(text("a"), 1.into())];
    let expected = BTreeMap::from([("a".to_owned(), 1)]);
    let default = DefaultDict { factory: Some("int"), entries: entries() };
    for value in [
        Value::Dict(entries()),
        Value::Counter(entries()),
        Value::OrderedDict(entries()),
        Value::DefaultDict(Box::new(default)),
    ] {
        assert_eq!(read::<BTreeMap<String, i64>>(&value).unwrap(), expected);
    }
    assert_eq!(read::<ByteBuf>(&Value::Bytearray(vec![1])).unwrap(), [1]);
    assert_eq!(read::<Vec<i64>>(&Value::Frozenset(vec![1.into()])).unwrap(), [1]);
    let error = read::<Vec<i64>>(&Value::Uuid([0; 16])).unwrap_err();
    assert_eq!(error, "a value of a class that guests do not know");
}

#[test]
fn an_int_is_taken_for_a_float_and_nothing_else_for_another() {
    assert_eq!(read::<Vec<f64>>(&Value::List(vec![3.into(), 0.5.into()])).unwrap(), [3.0, 0.5]);
    let error = read::<i64>(&3.5.into()).unwrap_err();
    assert_eq!(error, "expected i64, not a float");
    let error = read::<String>(&Value::Bytes(vec![b'a'])).unwrap_err();
    assert_eq!(error, "expected a string, not bytes");
    let error = read::<ByteBuf>(&text("a")).unwrap_err();
    assert_eq!(error, "expected byte array, not a str");
    let error = read::<u8>(&300.into()).unwrap_err();
    assert_eq!(error, "expected u8, not the int 300");
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let mut bytes = vec![0x81; 300];
    bytes.push(0x80);
    let error = from_bytes::<serde::de::IgnoredAny>(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "nested too deep");
}

#[test]
fn typed_arrays_are_numbers() {
    for (tag, element, expected) in [
        (64_u64, vec![200], 200.0),
        (72, vec![200], -56.0),
        (65, vec![1, 2], 258.0),
        (69, vec![2, 1], 258.0),
        (77, vec![0xfe, 0xff], -2.0),
        (81, 1.5_f32.to_be_bytes().to_vec(), 1.5),
        (86, 2.5_f64.to_le_bytes().to_vec(), 2.5),
    ] {
        let mut bytes = vec![0xd9];
        bytes.extend_from_slice(&(tags::ARRAY as u16).to_be_bytes());
        bytes.extend_from_slice(&[0x82, 0x61, b'd', 0xd8, tag as u8, 0x40 | element.len() as u8]);
        bytes.extend_from_slice(&element);
        assert_eq!(from_bytes::<Vec<f64>>(&bytes).unwrap(), [expected], "{tag}");
    }
}
