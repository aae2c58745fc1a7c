//! Arithmetic on floats, with CPython's signs and errors.

use crate::raise::{fail, fail_common, fail_erange, leave, overflow};
use crate::shared::{class, common, deopt};
use crate::state::{ret_float, ret_int};

#[link(wasm_import_module = "spm:instruction")]
unsafe extern "C" {
    #[link_name = "f64.sqrt"]
    safe fn f64_sqrt(x: f64) -> f64;
}

/// The square root. The linker puts the instruction in the place of the call, which `core` has no stable name for.
#[inline(always)]
pub fn sqrt(x: f64) -> f64 {
    f64_sqrt(x)
}

/// `a // b` and `a % b` for `b` other than 0, as CPython's `_float_div_mod` computes them.
pub fn divmod(a: f64, b: f64) -> (f64, f64) {
    let mut rest = libm::fmod(a, b);
    let mut quotient = (a - rest) / b;
    if rest != 0.0 {
        if (b < 0.0) != (rest < 0.0) {
            rest += b;
            quotient -= 1.0;
        }
    } else {
        rest = libm::copysign(0.0, b);
    }
    let floor = if quotient != 0.0 {
        let floor = libm::floor(quotient);
        if quotient - floor > 0.5 { floor + 1.0 } else { floor }
    } else {
        libm::copysign(0.0, a / b)
    };
    (floor, rest)
}

/// `a // b`.
#[unsafe(no_mangle)]
pub extern "C" fn float_floordiv(a: f64, b: f64) -> i32 {
    ret_float(if b == 0.0 { fail_common(common::FLOAT_FLOORDIV) } else { Some(divmod(a, b).0) })
}

/// `a % b`.
#[unsafe(no_mangle)]
pub extern "C" fn float_mod(a: f64, b: f64) -> i32 {
    if b == 0.0 {
        return ret_float(fail_common(common::FLOAT_MODULO));
    }
    let mut rest = libm::fmod(a, b);
    if rest != 0.0 {
        if (b < 0.0) != (rest < 0.0) {
            rest += b;
        }
    } else {
        rest = libm::copysign(0.0, b);
    }
    ret_float(Some(rest))
}

/// `a ** b`.
#[unsafe(no_mangle)]
pub extern "C" fn float_pow(a: f64, b: f64) -> i32 {
    ret_float(power(a, b))
}

fn is_odd(x: f64) -> bool {
    libm::fmod(libm::fabs(x), 2.0) == 1.0
}

fn power(a: f64, b: f64) -> Option<f64> {
    if b == 0.0 || a == 1.0 {
        return Some(1.0);
    }
    if a.is_nan() || b.is_nan() {
        return Some(f64::NAN);
    }
    if b.is_infinite() {
        let size = libm::fabs(a);
        return Some(if size == 1.0 {
            1.0
        } else if (b > 0.0) == (size > 1.0) {
            libm::fabs(b)
        } else {
            0.0
        });
    }
    if a.is_infinite() {
        let odd = is_odd(b);
        return Some(match (b > 0.0, odd) {
            (true, true) => a,
            (true, false) => libm::fabs(a),
            (false, true) => libm::copysign(0.0, a),
            (false, false) => 0.0,
        });
    }
    if a == 0.0 {
        if b < 0.0 {
            return fail(class::ZERO_DIVISION_ERROR, b"0.0 cannot be raised to a negative power");
        }
        return Some(if is_odd(b) { a } else { 0.0 });
    }
    if a < 0.0 && b != libm::floor(b) {
        // The result is complex.
        return leave(deopt::TYPE_NOT_PROVED);
    }
    if a == -1.0 {
        return Some(if is_odd(b) { -1.0 } else { 1.0 });
    }
    let result = libm::pow(a, b);
    if result.is_infinite() { fail_erange() } else { Some(result) }
}

/// A float without fraction as an int.
pub fn to_int(x: f64) -> Option<i64> {
    if x.is_nan() {
        return fail(class::VALUE_ERROR, b"cannot convert float NaN to integer");
    }
    if x.is_infinite() {
        return fail(class::OVERFLOW_ERROR, b"cannot convert float infinity to integer");
    }
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x) {
        return Some(x as i64);
    }
    overflow()
}

/// `int(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn int_from_float(x: f64) -> i32 {
    ret_int(to_int(x))
}

/// `round(x)`: ties to even.
#[unsafe(no_mangle)]
pub extern "C" fn float_round(x: f64) -> i32 {
    ret_int(to_int(libm::rint(x)))
}

/// `math.floor(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn float_floor(x: f64) -> i32 {
    ret_int(to_int(libm::floor(x)))
}

/// `math.ceil(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn float_ceil(x: f64) -> i32 {
    ret_int(to_int(libm::ceil(x)))
}

/// `x.is_integer()`.
#[unsafe(no_mangle)]
pub extern "C" fn float_is_integer(x: f64) -> i32 {
    (x.is_finite() && libm::floor(x) == x) as i32
}

/// `round(x, digits)`, correctly rounded.
#[unsafe(no_mangle)]
pub extern "C" fn float_round_digits(x: f64, digits: i64) -> i32 {
    ret_float(round_digits(x, digits))
}

fn round_digits(x: f64, digits: i64) -> Option<f64> {
    if !x.is_finite() || x == 0.0 || digits > 323 {
        return Some(x);
    }
    if digits < -308 {
        return Some(libm::copysign(0.0, x));
    }
    let mut decimal = crate::decimal::Decimal::exact(libm::fabs(x));
    decimal.round_places(digits as i32);
    let result = decimal.to_float();
    if result.is_infinite() {
        return fail(class::OVERFLOW_ERROR, b"rounded value too large to represent");
    }
    Some(libm::copysign(result, x))
}
