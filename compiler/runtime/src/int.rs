//! Arithmetic on 64-bit ints. What does not fit leaves native code.

use crate::raise::{fail_common, leave, overflow, value_error};
use crate::shared::{common, deopt, op};
use crate::state::{ret_float, ret_int};

/// `a // b` and `a % b` for `b` other than 0.
fn divide(a: i64, b: i64) -> Option<(i64, i64)> {
    if b == -1 {
        return match a.checked_neg() {
            Some(quotient) => Some((quotient, 0)),
            None => overflow(),
        };
    }
    // `b` is neither 0 nor -1, so the wrapping forms are exact and never trap.
    let (quotient, rest) = (a.wrapping_div(b), a.wrapping_rem(b));
    if rest != 0 && (rest ^ b) < 0 {
        return Some((quotient - 1, rest + b));
    }
    Some((quotient, rest))
}

/// `a // b`.
#[unsafe(no_mangle)]
pub extern "C" fn int_floordiv(a: i64, b: i64) -> i32 {
    ret_int(if b == 0 {
        fail_common(common::INT_FLOORDIV)
    } else {
        divide(a, b).map(|(quotient, _)| quotient)
    })
}

/// `a % b`, for `b` other than 0.
pub fn modulo(a: i64, b: i64) -> i64 {
    if b == -1 {
        return 0;
    }
    let rest = a.wrapping_rem(b);
    if rest != 0 && (rest ^ b) < 0 { rest + b } else { rest }
}

/// `a % b`.
#[unsafe(no_mangle)]
pub extern "C" fn int_mod(a: i64, b: i64) -> i32 {
    ret_int(if b == 0 { fail_common(common::INT_MODULO) } else { Some(modulo(a, b)) })
}

/// The product of two ints, if it fits.
#[inline]
pub fn product(a: i64, b: i64) -> Option<i64> {
    match a.checked_mul(b) {
        Some(product) => Some(product),
        None => overflow(),
    }
}

/// `a * b`.
#[unsafe(no_mangle)]
pub extern "C" fn int_mul(a: i64, b: i64) -> i32 {
    ret_int(product(a, b))
}

/// `a ** b` for `b` of 0 or more.
fn power(a: i64, b: i64) -> Option<i64> {
    match a {
        _ if b == 0 => return Some(1),
        0 | 1 => return Some(a),
        -1 => return Some(if b & 1 == 0 { 1 } else { -1 }),
        _ if b > 63 => return overflow(),
        _ => {}
    }
    let (mut base, mut left, mut result) = (a, b, 1i64);
    loop {
        if left & 1 == 1 {
            result = product(result, base)?;
        }
        left >>= 1;
        if left == 0 {
            return Some(result);
        }
        base = product(base, base)?;
    }
}

/// `a ** b`.
#[unsafe(no_mangle)]
pub extern "C" fn int_pow(a: i64, b: i64) -> i32 {
    ret_int(if b < 0 { leave(deopt::TYPE_NOT_PROVED) } else { power(a, b) })
}

/// `a ** b` as a float: what Python does for negative `b`.
#[unsafe(no_mangle)]
pub extern "C" fn int_pow_float(a: i64, b: i64) -> i32 {
    crate::float::float_pow(a as f64, b as f64)
}

/// `pow(a, b, m)`.
#[unsafe(no_mangle)]
pub extern "C" fn int_pow_mod(a: i64, b: i64, m: i64) -> i32 {
    ret_int(power_modulo(a, b, m))
}

fn power_modulo(a: i64, b: i64, m: i64) -> Option<i64> {
    if m == 0 {
        return value_error(b"pow() 3rd argument cannot be 0");
    }
    let size = m.unsigned_abs();
    let mut base = residue(a, size);
    let mut left = b.unsigned_abs();
    if b < 0 {
        base = inverse(base, size)?;
    }
    let mut result = 1 % size;
    while left != 0 {
        if left & 1 == 1 {
            result = multiply_modulo(result, base, size);
        }
        base = multiply_modulo(base, base, size);
        left >>= 1;
    }
    // The result has the sign of the modulus.
    Some(if m < 0 && result != 0 { (result as i64).wrapping_add(m) } else { result as i64 })
}

/// `a` modulo a positive number.
fn residue(a: i64, size: u64) -> u64 {
    let rest = a.unsigned_abs() % size;
    if a < 0 && rest != 0 { size - rest } else { rest }
}

fn multiply_modulo(a: u64, b: u64, size: u64) -> u64 {
    if a < 1 << 32 && b < 1 << 32 {
        return a * b % size;
    }
    let product = u128::from(a) * u128::from(b);
    remainder_wide((product >> 64) as u64, product as u64, size)
}

/// `(high * 2**64 + low) % size` for `high < size`, bit by bit: 128-bit division is not worth its
/// code here.
fn remainder_wide(high: u64, low: u64, size: u64) -> u64 {
    let mut rest = high;
    for bit in (0..64).rev() {
        let carry = rest >> 63;
        rest = rest << 1 | (low >> bit & 1);
        if carry == 1 || rest >= size {
            rest = rest.wrapping_sub(size);
        }
    }
    rest
}

/// The inverse of `a` modulo `size`, by Euclid's algorithm; coefficients stay within 65 bits.
fn inverse(a: u64, size: u64) -> Option<u64> {
    let (mut r0, mut r1) = (size, a);
    let (mut t0, mut t1) = (0i128, 1i128);
    while r1 != 0 {
        let quotient = r0 / r1;
        (r0, r1) = (r1, r0 - quotient * r1);
        (t0, t1) = (t1, t0 - i128::from(quotient) * t1);
    }
    if r0 != 1 {
        return value_error(b"base is not invertible for the given modulus");
    }
    Some((if t0 < 0 { t0 + i128::from(size) } else { t0 }) as u64 % size)
}

/// `a / b`, correctly rounded.
#[unsafe(no_mangle)]
pub extern "C" fn int_truediv(a: i64, b: i64) -> i32 {
    ret_float(if b == 0 { fail_common(common::DIVISION) } else { Some(true_quotient(a, b)) })
}

fn true_quotient(a: i64, b: i64) -> f64 {
    const EXACT: u64 = 1 << 53;
    let (x, y) = (a.unsigned_abs(), b.unsigned_abs());
    if x <= EXACT && y <= EXACT {
        return a as f64 / b as f64;
    }
    // Long division to 62 significant bits or more, then a sticky one; then one rounding.
    let mut quotient = x / y;
    let mut rest = x % y;
    let mut exponent = 0;
    while quotient >> 62 == 0 && rest != 0 {
        let carry = rest >> 63;
        rest <<= 1;
        quotient <<= 1;
        if carry == 1 || rest >= y {
            rest = rest.wrapping_sub(y);
            quotient |= 1;
        }
        exponent -= 1;
    }
    quotient |= (rest != 0) as u64;
    let scale = f64::from_bits(((1023 + exponent) as u64) << 52);
    let magnitude = quotient as f64 * scale;
    if (a < 0) == (b < 0) { magnitude } else { -magnitude }
}

/// `a << b`.
#[unsafe(no_mangle)]
pub extern "C" fn int_shl(a: i64, b: i64) -> i32 {
    ret_int(shifted_left(a, b))
}

fn shifted_left(a: i64, b: i64) -> Option<i64> {
    if b < 0 {
        return fail_common(common::NEGATIVE_SHIFT);
    }
    if a == 0 {
        return Some(0);
    }
    let shifted = a.wrapping_shl(b as u32);
    if b > 63 || shifted.wrapping_shr(b as u32) != a {
        return overflow();
    }
    Some(shifted)
}

/// `a >> b`.
#[unsafe(no_mangle)]
pub extern "C" fn int_shr(a: i64, b: i64) -> i32 {
    ret_int(if b < 0 {
        fail_common(common::NEGATIVE_SHIFT)
    } else {
        Some(a.wrapping_shr(if b > 63 { 63 } else { b as u32 }))
    })
}

/// `a.bit_length()`.
#[unsafe(no_mangle)]
pub extern "C" fn int_bit_length(a: i64) -> i64 {
    64 - i64::from(a.unsigned_abs().leading_zeros())
}

/// `a.bit_count()`.
#[unsafe(no_mangle)]
pub extern "C" fn int_bit_count(a: i64) -> i64 {
    i64::from(a.unsigned_abs().count_ones())
}

/// `round(a, digits)`.
#[unsafe(no_mangle)]
pub extern "C" fn int_round(a: i64, digits: i64) -> i32 {
    ret_int(rounded(a, digits))
}

fn rounded(a: i64, digits: i64) -> Option<i64> {
    if digits >= 0 {
        return Some(a);
    }
    if digits < -19 {
        return Some(0);
    }
    let mut unit = 1u64;
    for _ in 0..-digits {
        unit = unit.wrapping_mul(10);
    }
    // 10**19 still fits an unsigned word.
    let magnitude = a.unsigned_abs();
    let (mut units, rest) = (magnitude / unit, magnitude % unit);
    let other = unit - rest;
    if rest > other || rest == other && units & 1 == 1 {
        units += 1;
    }
    let value = u128::from(units) * u128::from(unit);
    if value > i64::MAX as u128 + (a < 0) as u128 {
        return overflow();
    }
    let value = value as i64;
    Some(if a < 0 { value.wrapping_neg() } else { value })
}

/// Exact comparison of an int with a float.
#[unsafe(no_mangle)]
pub extern "C" fn int_compare_float(a: i64, b: f64, operator: u32) -> i32 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if b.is_nan() {
        return (operator == op::NE) as i32;
    }
    let order = if b >= LIMIT {
        core::cmp::Ordering::Less
    } else if b < -LIMIT {
        core::cmp::Ordering::Greater
    } else {
        let whole = b as i64;
        let fraction = b - whole as f64;
        a.cmp(&whole).then(if fraction > 0.0 {
            core::cmp::Ordering::Less
        } else if fraction < 0.0 {
            core::cmp::Ordering::Greater
        } else {
            core::cmp::Ordering::Equal
        })
    };
    crate::compare::holds(order, operator) as i32
}
