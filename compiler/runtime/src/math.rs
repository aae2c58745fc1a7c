//! `math`: functions of floats, with CPython's special cases and errors.

use crate::raise::fail_common;
use crate::shared::common;
use crate::state::ret_float;

fn domain() -> Option<f64> {
    fail_common(common::MATH_DOMAIN)
}

fn range() -> Option<f64> {
    fail_common(common::MATH_RANGE)
}

/// CPython's `math_1`: a NaN from a number is a domain error, an infinity from a finite one a range
/// or domain error.
fn checked(x: f64, result: f64, overflows: bool) -> i32 {
    ret_float(if result.is_nan() && !x.is_nan() {
        domain()
    } else if result.is_infinite() && x.is_finite() {
        if overflows { range() } else { domain() }
    } else {
        Some(result)
    })
}

/// `math.sin(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_sin(x: f64) -> i32 {
    checked(x, libm::sin(x), false)
}

/// `math.cos(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_cos(x: f64) -> i32 {
    checked(x, libm::cos(x), false)
}

/// `math.tan(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_tan(x: f64) -> i32 {
    checked(x, libm::tan(x), false)
}

/// `math.asin(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_asin(x: f64) -> i32 {
    checked(x, libm::asin(x), false)
}

/// `math.acos(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_acos(x: f64) -> i32 {
    checked(x, libm::acos(x), false)
}

/// `math.atan(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_atan(x: f64) -> f64 {
    libm::atan(x)
}

/// `math.atan2(y, x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_atan2(y: f64, x: f64) -> f64 {
    libm::atan2(y, x)
}

/// `math.sinh(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_sinh(x: f64) -> i32 {
    checked(x, crate::elementary::sinh(x), true)
}

/// `math.cosh(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_cosh(x: f64) -> i32 {
    checked(x, crate::elementary::cosh(x), true)
}

/// `math.tanh(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_tanh(x: f64) -> f64 {
    crate::elementary::tanh(x)
}

/// `math.asinh(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_asinh(x: f64) -> f64 {
    crate::elementary::asinh(x)
}

/// `math.acosh(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_acosh(x: f64) -> i32 {
    checked(x, crate::elementary::acosh(x), false)
}

/// `math.atanh(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_atanh(x: f64) -> i32 {
    checked(x, crate::elementary::atanh(x), false)
}

/// `math.exp(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_exp(x: f64) -> i32 {
    checked(x, libm::exp(x), true)
}

/// `math.exp2(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_exp2(x: f64) -> i32 {
    checked(x, libm::exp2(x), true)
}

/// `math.expm1(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_expm1(x: f64) -> i32 {
    checked(x, libm::expm1(x), true)
}

/// What all logarithms have in common: the domain.
fn logarithm(x: f64, of: impl FnOnce(f64) -> f64) -> Option<f64> {
    if x.is_nan() || x == f64::INFINITY {
        return Some(x);
    }
    if x <= 0.0 { domain() } else { Some(of(x)) }
}

/// `math.log(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_log(x: f64) -> i32 {
    ret_float(logarithm(x, libm::log))
}

/// `math.log(x, base)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_log_base(x: f64, base: f64) -> i32 {
    ret_float(quotient_of_logs(x, base))
}

fn quotient_of_logs(x: f64, base: f64) -> Option<f64> {
    let above = logarithm(x, libm::log)?;
    let below = logarithm(base, libm::log)?;
    if below == 0.0 { fail_common(common::FLOAT_DIVISION) } else { Some(above / below) }
}

/// `math.log2(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_log2(x: f64) -> i32 {
    ret_float(logarithm(x, libm::log2))
}

/// `math.log10(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_log10(x: f64) -> i32 {
    ret_float(logarithm(x, crate::elementary::log10))
}

/// `math.log1p(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_log1p(x: f64) -> i32 {
    checked(x, libm::log1p(x), false)
}

/// `math.sqrt(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_sqrt(x: f64) -> i32 {
    ret_float(if x < 0.0 { domain() } else { Some(crate::float::sqrt(x)) })
}

/// `math.cbrt(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_cbrt(x: f64) -> f64 {
    crate::elementary::cbrt(x)
}

/// `math.pow(x, y)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_pow(x: f64, y: f64) -> i32 {
    ret_float(power(x, y))
}

fn power(x: f64, y: f64) -> Option<f64> {
    let result = libm::pow(x, y);
    if !x.is_finite() || !y.is_finite() {
        return Some(result);
    }
    if result.is_nan() {
        return domain();
    }
    if result.is_infinite() {
        return if x == 0.0 { domain() } else { range() };
    }
    Some(result)
}

/// `math.fmod(x, y)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_fmod(x: f64, y: f64) -> i32 {
    ret_float(if y.is_infinite() && x.is_finite() {
        Some(x)
    } else {
        let result = libm::fmod(x, y);
        if result.is_nan() && !x.is_nan() && !y.is_nan() { domain() } else { Some(result) }
    })
}

/// `math.remainder(x, y)`: exact, ties to even, as CPython's `m_remainder` does it.
#[unsafe(no_mangle)]
pub extern "C" fn math_remainder(x: f64, y: f64) -> i32 {
    ret_float(remainder(x, y))
}

fn remainder(x: f64, y: f64) -> Option<f64> {
    if x.is_nan() {
        return Some(x);
    }
    if y.is_nan() {
        return Some(y);
    }
    if x.is_infinite() || y == 0.0 {
        return domain();
    }
    if y.is_infinite() {
        return Some(x);
    }
    let (size, step) = (libm::fabs(x), libm::fabs(y));
    let below = libm::fmod(size, step);
    let above = step - below;
    let rest = if below < above {
        below
    } else if below > above {
        -above
    } else {
        below - 2.0 * libm::fmod(0.5 * (size - below), step)
    };
    Some(libm::copysign(1.0, x) * rest)
}

/// `math.ldexp(x, exponent)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_ldexp(x: f64, exponent: i64) -> i32 {
    ret_float(if x == 0.0 || !x.is_finite() {
        Some(x)
    } else if exponent > i64::from(i32::MAX) {
        range()
    } else if exponent < i64::from(i32::MIN) {
        Some(libm::copysign(0.0, x))
    } else {
        let result = libm::ldexp(x, exponent as i32);
        if result.is_infinite() { range() } else { Some(result) }
    })
}

/// `math.degrees(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_degrees(x: f64) -> f64 {
    x * (180.0 / core::f64::consts::PI)
}

/// `math.radians(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_radians(x: f64) -> f64 {
    x * (core::f64::consts::PI / 180.0)
}

/// `math.copysign(x, y)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_copysign(x: f64, y: f64) -> f64 {
    libm::copysign(x, y)
}

/// `math.nextafter(x, y)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_nextafter(x: f64, y: f64) -> f64 {
    libm::nextafter(x, y)
}

/// `math.ulp(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_ulp(x: f64) -> f64 {
    let x = libm::fabs(x);
    if !x.is_finite() {
        return x;
    }
    let above = f64::from_bits(x.to_bits() + 1);
    if above.is_infinite() { x - f64::from_bits(x.to_bits() - 1) } else { above - x }
}
