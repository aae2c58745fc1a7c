//! The value codec: what is written is read, nothing else is.

use proptest::prelude::*;
use spm_protocol::value::{
    DEPTH_MAX, EncodeError, Fault, INT_BYTES_MAX, Item, Reader, Value, Writer, decode, encode, tags,
};

use crate::arbitrary;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_written_is_read(value in arbitrary::value()) {
        let bytes = encode(&value).unwrap();
        prop_assert_eq!(decode(&bytes).unwrap(), value);
    }

    #[test]
    fn no_part_of_an_encoding_is_one(value in arbitrary::value(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&value).unwrap();
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
        let longer = [bytes.as_slice(), &[0]].concat();
        let error = decode(&longer).unwrap_err();
        prop_assert_eq!((error.fault(), error.offset()), (&Fault::Trailing, bytes.len()));
    }

    #[test]
    fn skipping_ends_where_reading_does(value in arbitrary::value()) {
        let bytes = encode(&value).unwrap();
        let mut reader = Reader::new(&bytes).unwrap();
        reader.skip().unwrap();
        prop_assert_eq!(reader.since(0), bytes.as_slice());
        reader.finish().unwrap();
    }

    #[test]
    fn sets_encode_alike_in_any_order(ints in prop::collection::btree_set(any::<i64>(), 0..40)) {
        let upwards: Vec<Value> = ints.iter().copied().map(Value::Int).collect();
        let downwards: Vec<Value> = ints.iter().rev().copied().map(Value::Int).collect();
        prop_assert_eq!(encode(&Value::Set(upwards)), encode(&Value::Set(downwards)));
    }
}

/// Asserts that `hex` is refused with `fault`, at `offset`, in `path`.
fn check(hex: &str, fault: &Fault, offset: usize, path: &str) {
    let error = decode(&bytes(hex)).expect_err(hex);
    assert_eq!((error.fault(), error.offset(), error.path()), (fault, offset, path), "{hex}");
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
    let pairs = digits.chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn there_is_one_way_to_write_a_value() {
    check("1817", &Fault::NotShortest, 0, "");
    check("82 00 1900ff", &Fault::NotShortest, 2, "[1]");
    check("3a0000ffff", &Fault::NotShortest, 0, "");
    check("1b00000000ffffffff", &Fault::NotShortest, 0, "");
    check("7801 61", &Fault::NotShortest, 0, "");
    check("c2 48 ffffffffffffffff", &Fault::NotShortest, 1, "");
    check("c2 49 00ffffffffffffffff", &Fault::NotShortest, 1, "");
    check("9f ff", &Fault::Indefinite, 0, "");
    check("81 5f 41 00 ff", &Fault::Indefinite, 1, "[0]");
    check("ff", &Fault::Indefinite, 0, "");
    check("f9 3c00", &Fault::NarrowFloat, 0, "");
    check("fa 3f800000", &Fault::NarrowFloat, 0, "");
    check("f7", &Fault::Simple(23), 0, "");
    check("f820", &Fault::Simple(32), 0, "");
    check("1c", &Fault::Reserved(0x1c), 0, "");
    check("fe", &Fault::Reserved(0xfe), 0, "");
    check("d9b101 41 61", &Fault::NotShortest, 3, "");
    check("d90102 82 02 01", &Fault::Unordered, 5, "[1]");
    check("d90102 82 01 01", &Fault::Duplicate, 5, "[1]");
    check("a2 01 02 01 03", &Fault::Duplicate, 4, ".value(1)");
    check("d9b118 83 f4 00 01", &Fault::NotShortest, 6, "[2]");
}

#[test]
fn faults_are_found_where_they_are() {
    check("", &Fault::Truncated, 0, "");
    check("82 01", &Fault::Promise(2), 0, "");
    check("81 a1 01 82 00 1c", &Fault::Reserved(0x1c), 5, "[0].value(0)[1]");
    check("a1 1c 00", &Fault::Reserved(0x1c), 1, ".key(0)");
    check("61 ff", &Fault::NotUtf8, 0, "");
    check("d9b101 42 edff", &Fault::NotUtf8, 3, "");
    check("d9dead 00", &Fault::UnknownTag(0xdead), 0, "");
    check("81 c0 60", &Fault::UnknownTag(0), 1, "[0]");
    check("d840 41 00", &Fault::UnknownTag(64), 0, "");
    check("d9b100 00", &Fault::Expected("an array"), 3, "");
    check("d9b100 d9b100 80", &Fault::Expected("an array"), 3, "");
    check("d825 41 00", &Fault::Expected("16 bytes"), 2, "");
    check("d9b105 83 00 00 00", &Fault::Invalid("a range has step 0"), 6, "[2]");
    check("01 02", &Fault::Trailing, 1, "");
    let error = decode(&bytes("82 00 81 1c")).unwrap_err();
    assert_eq!(error.to_string(), "reserved initial byte `0x1c` at byte 3, in `[1][0]`");
}

#[test]
fn nonsense_in_good_form_is_refused() {
    for hex in [
        "d864 1a 002cc0a1",                                   // a date in the year 10000
        "d9b110 86 18 18 00 00 00 00 f6",                     // 24 o'clock
        "d9b110 86 00 00 00 00 02 f6",                        // fold 2
        "d9b111 89 1907d1 02 18 1d 00 00 00 00 00 f6",        // 2001-02-29
        "d9b112 83 00 1a 00015180 00",                        // a timedelta not normalised
        "d9b113 82 1b 000000141dd76000 f6",                   // a zone a day away
        "d9b114 6a 2e2e2f2e2e2f6574 632f", // a zone that climbs out of its folder
        "d81e 82 01 00",                   // a denominator of 0
        "d9b10a 82 66 73797374656d a0",    // a factory called `system`
        "d9b107 82 01 82 01 02",           // a deque over its limit
        "d828 82 81 03 d840 42 0102",      // a shape that does not fit
        "d90410 82 81 02 d840 42 0102",    // Fortran order of one dimension
        "d828 82 82 00 1b 7fffffffffffffff d841 40", // an empty array, too large
        "d828 82 81 01 d9b131 41 02",      // a bool that is 2
        "d9b130 d840 42 0102",             // a scalar of two elements
        "d9b130 d9b133 83 61 78 01 d84f 48 0000000000000000", // a unit called `x`
        "d9b130 d9b135 82 01 d846 44 00001100", // a code point out of range
        "d9b128 82 61 62 d84f 48 0000000000000000", // int64 as typecode `b`
        "d9b129 83 61 50 81 01 48 0000000000000000", // a memoryview of pointers
        "d9b118 83 f4 61 46 01",           // an infinity with digits
        "d9b122 82 00 a2 61 61 00 61 61 00", // a field twice
    ] {
        let error = decode(&bytes(hex)).expect_err(hex);
        let known =
            matches!(error.fault(), Fault::Invalid(_) | Fault::Expected(_) | Fault::Duplicate);
        assert!(known, "{hex}: {error}");
    }
}

#[test]
fn nesting_has_one_limit_for_both_directions() {
    let nested = |depth| (1..depth).fold(Value::List(vec![]), |inner, _| Value::Tuple(vec![inner]));
    let bytes = encode(&nested(DEPTH_MAX)).unwrap();
    assert_eq!(decode(&bytes), Ok(nested(DEPTH_MAX)));
    assert_eq!(encode(&nested(DEPTH_MAX + 1)), Err(EncodeError(Fault::TooDeep)));
    let mut deeper = vec![0x81; DEPTH_MAX];
    deeper.push(0x80);
    assert_eq!(decode(&deeper).unwrap_err().fault(), &Fault::TooDeep);
}

#[test]
fn chains_of_tags_do_not_recurse() {
    for tag in [&[0xc2][..], &[0xd9, 0xb1, 0x00], &[0xd9, 0xb1, 0x30], &[0xd9, 0xb1, 0x32]] {
        let chain = tag.repeat(1_000_000);
        assert!(decode(&chain).is_err());
        assert!(Reader::new(&chain).unwrap().skip().is_err());
    }
}

#[test]
fn promises_add_up() {
    // Each header alone promises no more than there are bytes left; together they promise more.
    let filling = [0; 60];
    let input = [&[0x98, 50, 0x98, 40][..], &filling].concat();
    let mut reader = Reader::new(&input).unwrap();
    assert_eq!(reader.array().unwrap(), 50);
    assert_eq!(reader.array().unwrap_err().fault(), &Fault::Promise(40));
    check("9b ffffffffffffffff", &Fault::Promise(u64::MAX), 0, "");
    check("bb 8000000000000000", &Fault::Promise(1 << 63), 0, "");
    check("5b ffffffffffffffff", &Fault::Promise(u64::MAX), 0, "");
}

#[test]
fn ints_have_a_limit_for_both_directions() {
    let most = num_bigint::BigInt::from(1_u8) << (8 * INT_BYTES_MAX - 1);
    let bytes = encode(&most.clone().into()).unwrap();
    assert_eq!(decode(&bytes), Ok(most.clone().into()));
    let more: num_bigint::BigInt = most << 1_u8;
    assert_eq!(
        encode(&more.clone().into()),
        Err(EncodeError(Fault::IntTooLong(INT_BYTES_MAX + 1)))
    );
    let mut writer = Writer::new();
    writer.big(&more);
    let error = decode(writer.as_bytes()).unwrap_err();
    assert_eq!(error.fault(), &Fault::IntTooLong(INT_BYTES_MAX + 1));
}

#[test]
fn the_reader_says_when_nothing_is_left() {
    let mut reader = Reader::new(&[0x81, 0x01]).unwrap();
    assert_eq!(reader.item().unwrap(), Item::Array(1));
    assert_eq!(reader.clone().finish().unwrap_err().fault(), &Fault::Truncated);
    assert_eq!(reader.item().unwrap(), Item::Int(1));
    assert_eq!(reader.clone().item().unwrap_err().fault(), &Fault::Expected("nothing more"));
    reader.finish().unwrap();
    let mut reader = Reader::new(&[0xd9, 0xb1, 0x00, 0x80]).unwrap();
    assert_eq!(reader.item().unwrap(), Item::Tag(tags::TUPLE));
    assert_eq!(reader.clone().finish().unwrap_err().fault(), &Fault::Truncated);
    assert_eq!(reader.item().unwrap(), Item::Array(0));
    reader.finish().unwrap();
}

#[test]
fn two_nans_are_two_elements() {
    let nan = || Value::from(f64::NAN);
    let set = Value::Set(vec![nan(), nan()]);
    assert_eq!(decode(&encode(&set).unwrap()), Ok(set));
    let dict = Value::Dict(vec![(nan(), Value::None), (nan(), Value::None)]);
    assert_eq!(decode(&encode(&dict).unwrap()), Ok(dict));
    let twice = Value::Set(vec![1.5.into(), 1.5.into()]);
    assert_eq!(encode(&twice), Err(EncodeError(Fault::Duplicate)));
    let twice = Value::Dict((0..20).map(|n| (Value::Int(n / 2), Value::None)).collect());
    assert_eq!(encode(&twice), Err(EncodeError(Fault::Duplicate)));
}
