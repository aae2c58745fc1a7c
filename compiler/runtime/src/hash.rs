//! CPython's hashes, on which the order of a set depends.
//!
//! Those of `str` and `bytes` are random in each process of CPython, and that of `None` is an
//! address: any will do. They are the same on every host here.

use crate::compare::{Items, hash_text, unwrap};
use crate::mem::{P, slot};
use crate::object::{Desc, member};
use crate::raise::leave;
use crate::set::frozen_hash;
use crate::shared::{deopt, kind};

/// Numbers are hashed modulo 2**61 - 1, so that equal ones of different types have equal hashes.
const BITS: u32 = 61;
const MODULUS: u64 = (1 << BITS) - 1;
const INFINITY: i64 = 314_159;
const NONE: u64 = 0x0fca_8642;

/// -1 says in CPython that there was an exception, and is no hash.
fn number(negative: bool, rest: u64) -> u64 {
    match (negative, rest) {
        (true, 1) => -2_i64 as u64,
        (true, _) => rest.wrapping_neg(),
        _ => rest,
    }
}

fn float(x: f64) -> u64 {
    if x.is_infinite() {
        return (if x > 0.0 { INFINITY } else { -INFINITY }) as u64;
    }
    let bits = x.to_bits();
    let (exponent, fraction) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
    let (fraction, exponent) =
        if exponent == 0 { (fraction, 1) } else { (fraction | 1 << 52, exponent) };
    // The number is the fraction times 2 to the exponent less 1075. Doubling modulo 2**61 - 1 is a
    // rotation of 61 bits; 18 times 61 keeps the count of them above 0.
    let by = (exponent as u32 + 18 * BITS - 1075) % BITS;
    let rest = (fraction << by) & MODULUS | fraction >> (BITS - by);
    number(x < 0.0, rest)
}

/// CPython's hash of an element; none if there is a NaN in it.
pub fn python_hash(value: u64, desc: Desc) -> Option<u64> {
    let object = P::from_slot(value);
    Some(match desc.kind() {
        kind::INT | kind::BOOL => {
            let value = value as i64;
            number(value < 0, value.unsigned_abs() % MODULUS)
        }
        kind::FLOAT => {
            let value = f64::from_bits(value);
            if value.is_nan() {
                return None;
            }
            float(value)
        }
        kind::STR | kind::BYTES => u64::from(hash_text(object)),
        kind::TUPLE | kind::VTUPLE => return tuple(&Items::of(value, desc)),
        kind::OBJECT.. => crate::objects::hash(value, desc)?,
        kind::FROZENSET => frozen_hash(object),
        kind::OPTIONAL => match unwrap(value, desc) {
            (value, Some(desc)) => python_hash(value, desc)?,
            (_, None) => NONE,
        },
        kind::UNION => {
            let (value, member) = member(object, desc);
            python_hash(value, member)?
        }
        _ => NONE,
    })
}

/// The round function of xxHash's 64-bit variant, once for each item.
fn tuple(items: &Items) -> Option<u64> {
    const PRIMES: [u64; 3] =
        [11_400_714_785_074_694_791, 14_029_467_366_897_019_727, 2_870_177_450_012_600_261];
    let mut sum = PRIMES[2];
    for index in 0..items.count {
        let item = python_hash(slot(items.start, index), items.element(index))?;
        sum = sum.wrapping_add(item.wrapping_mul(PRIMES[1])).rotate_left(31);
        sum = sum.wrapping_mul(PRIMES[0]);
    }
    sum = sum.wrapping_add(u64::from(items.count) ^ (PRIMES[2] ^ 0x35_d373));
    Some(if sum == u64::MAX { 1_546_275_796 } else { sum })
}

/// The hash of what is to become an element; one with a NaN leaves native code, because CPython
/// would look at its identity.
pub fn insertion_hash(value: u64, desc: Desc) -> Option<u64> {
    match python_hash(value, desc) {
        Some(hash) => Some(hash),
        None => leave(deopt::TYPE_NOT_PROVED),
    }
}
