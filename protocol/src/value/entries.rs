//! Rules that both directions check.

use std::collections::HashSet;

use num_bigint::BigUint;

use super::DECIMAL_BYTES_MAX;
use super::calendar::ensure;
use super::error::Fault;
use super::model::{Decimal, DecimalExponent, FACTORIES};

/// Up to so many keys are compared each with each, which is quicker than to hash them.
const PAIRWISE_MAX: usize = 8;

/// The largest exponent of a decimal's first digit, and the smallest of its last, where ints have 64 bits.
const DECIMAL_EXPONENT_MAX: i64 = 999_999_999_999_999_999;
const DECIMAL_EXPONENT_MIN: i64 = -1_999_999_999_999_999_997;
/// No decimal has more digits.
const DECIMAL_DIGITS_MAX: i64 = 3 * DECIMAL_BYTES_MAX as i64;

/// Refuses keys that come twice. Keys are compared as encoded: that `1` and `True` are one key to Python is for those to
/// see who make the dict.
pub(super) fn check_keys<'a>(keys: impl Iterator<Item = &'a [u8]>) -> Result<(), Fault> {
    let keys: Vec<&[u8]> = keys.collect();
    let twice = if keys.len() <= PAIRWISE_MAX {
        keys.iter().enumerate().any(|(index, key)| keys[..index].contains(key))
    } else {
        let mut seen = HashSet::with_capacity(keys.len());
        !keys.iter().all(|key| seen.insert(*key))
    };
    if twice { Err(Fault::Duplicate) } else { Ok(()) }
}

pub(super) fn check_deque(length_max: Option<u64>, length: usize) -> Result<(), Fault> {
    let fits = length_max.is_none_or(|max| i64::try_from(max).is_ok() && length as u64 <= max);
    ensure(fits, "a deque is longer than its limit")
}

pub(super) fn factory(name: &str) -> Result<&'static str, Fault> {
    let known = FACTORIES.into_iter().find(|known| *known == name);
    known.ok_or(Fault::Expected("the name of a builtin factory"))
}

/// Whether tag 4 can hold `decimal`.
pub(super) fn is_plain_decimal(decimal: &Decimal) -> bool {
    let minus_zero = decimal.negative && decimal.coefficient == BigUint::ZERO;
    matches!(decimal.exponent, DecimalExponent::Finite(_)) && !minus_zero
}

pub(super) fn check_decimal(decimal: &Decimal) -> Result<(), Fault> {
    let zero = decimal.coefficient == BigUint::ZERO;
    match decimal.exponent {
        DecimalExponent::Infinity => ensure(zero, "an infinity has digits"),
        DecimalExponent::Nan | DecimalExponent::SignallingNan => Ok(()),
        DecimalExponent::Finite(exponent) => {
            let top = if zero || exponent <= DECIMAL_EXPONENT_MAX - DECIMAL_DIGITS_MAX {
                exponent
            } else {
                exponent.saturating_add(decimal.coefficient.to_string().len() as i64 - 1)
            };
            let range = exponent >= DECIMAL_EXPONENT_MIN && top <= DECIMAL_EXPONENT_MAX;
            ensure(range, "a decimal's exponent is out of range")
        }
    }
}
