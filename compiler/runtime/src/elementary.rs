//! Functions for which the `libm` crate's way differs from that of C libraries in more than the
//! last place, or that lack a check of their domain.

pub use libm::{asinh, atanh, cosh, sinh};

/// `acosh`, which is a NaN below 1.
pub fn acosh(x: f64) -> f64 {
    if x < 1.0 { f64::NAN } else { libm::acosh(x) }
}

/// `tanh`, from `expm1` as glibc does it.
pub fn tanh(x: f64) -> f64 {
    let size = libm::fabs(x);
    if x.is_nan() || size < 2.775_557_561_562_891_4e-17 {
        return x;
    }
    let result = if size >= 22.0 {
        1.0
    } else if size >= 1.0 {
        1.0 - 2.0 / (libm::expm1(2.0 * size) + 2.0)
    } else {
        let below = libm::expm1(-2.0 * size);
        -below / (below + 2.0)
    };
    libm::copysign(result, x)
}

/// `log10` of a finite number above 0, from `log` as glibc does it.
pub fn log10(x: f64) -> f64 {
    const LOG10_2_HIGH: f64 = 3.010_299_956_636_117_713_06e-1;
    const LOG10_2_LOW: f64 = 3.694_239_077_158_930_786_16e-13;
    let (fraction, exponent) = libm::frexp(x);
    // A fraction from 1 on for numbers of that size, below 1 for smaller ones: no cancellation.
    let (fraction, power) =
        if exponent > 0 { (fraction * 2.0, exponent - 1) } else { (fraction, exponent) };
    let power = f64::from(power);
    (power * LOG10_2_LOW + core::f64::consts::LOG10_E * crate::precise::log(fraction))
        + power * LOG10_2_HIGH
}
