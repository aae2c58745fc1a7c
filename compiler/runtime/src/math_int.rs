//! `math`: functions of ints.

use crate::int::product;
use crate::mem::{P, slot};
use crate::object::{len, slots};
use crate::raise::{overflow, value_error};
use crate::state::ret_int;

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn signed(value: u64) -> Option<i64> {
    if value > i64::MAX as u64 { overflow() } else { Some(value as i64) }
}

/// `math.gcd(a, b)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_gcd(a: i64, b: i64) -> i32 {
    ret_int(signed(common_divisor(a.unsigned_abs(), b.unsigned_abs())))
}

/// `math.lcm(a, b)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_lcm(a: i64, b: i64) -> i32 {
    let (a, b) = (a.unsigned_abs(), b.unsigned_abs());
    if a == 0 || b == 0 {
        return ret_int(Some(0));
    }
    ret_int(match (a / common_divisor(a, b)).checked_mul(b) {
        Some(multiple) => signed(multiple),
        None => overflow(),
    })
}

/// `math.factorial(n)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_factorial(n: i64) -> i32 {
    if n < 0 {
        return ret_int(value_error(b"factorial() not defined for negative values"));
    }
    let mut result = Some(1);
    let mut factor = 2;
    while let Some(known) = result
        && factor <= n
    {
        result = product(known, factor);
        factor += 1;
    }
    ret_int(result)
}

fn check(n: i64, k: i64) -> Option<()> {
    if n < 0 {
        return value_error(b"n must be a non-negative integer");
    }
    if k < 0 {
        return value_error(b"k must be a non-negative integer");
    }
    Some(())
}

/// `math.comb(n, k)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_comb(n: i64, k: i64) -> i32 {
    ret_int(combinations(n, k))
}

fn combinations(n: i64, k: i64) -> Option<i64> {
    check(n, k)?;
    if k > n {
        return Some(0);
    }
    let k = if k > n - k { n - k } else { k };
    let mut result = 1;
    for index in 1..=k {
        // Dividing first keeps every step exact and no larger than the result.
        let shared = common_divisor(result as u64, index as u64) as i64;
        let factor = (n - k + index) / (index / shared);
        result = product(result / shared, factor)?;
    }
    Some(result)
}

/// `math.perm(n, k)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_perm(n: i64, k: i64) -> i32 {
    ret_int(permutations(n, k))
}

fn permutations(n: i64, k: i64) -> Option<i64> {
    check(n, k)?;
    if k > n {
        return Some(0);
    }
    let mut result = 1;
    for index in 0..k {
        result = product(result, n - index)?;
    }
    Some(result)
}

/// `math.isqrt(n)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_isqrt(n: i64) -> i32 {
    if n < 0 {
        return ret_int(value_error(b"isqrt() argument must be nonnegative"));
    }
    let mut root = crate::float::sqrt(n as f64) as i64;
    // The float may be off by one; squares are compared as 64-bit words without a sign.
    if root as u64 * root as u64 > n as u64 {
        root -= 1;
    } else if (root + 1) as u64 * (root + 1) as u64 <= n as u64 {
        root += 1;
    }
    ret_int(Some(root))
}

/// `math.prod(xs)` of a list of ints.
#[unsafe(no_mangle)]
pub extern "C" fn math_prod_int(xs: P, start: i64) -> i32 {
    let (from, count) = (slots(xs), len(xs));
    // A zero anywhere makes the product 0, however large the factors before it.
    for index in 0..count {
        if slot(from, index) == 0 {
            return ret_int(Some(0));
        }
    }
    let mut result = start;
    for index in 0..count {
        match product(result, slot(from, index) as i64) {
            Some(next) => result = next,
            None => return 1,
        }
    }
    ret_int(Some(result))
}
