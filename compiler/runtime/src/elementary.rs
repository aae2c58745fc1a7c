//! Functions for which the `libm` crate's way differs from that of C libraries in more than the
//! last place, or that lack a check of their domain.

pub use libm::{asinh, atanh};

use crate::precise;

/// `sinh`, from `expm1` and `exp` as glibc does it.
pub fn sinh(x: f64) -> f64 {
    let size = libm::fabs(x);
    if size < 3.725_290_298_461_914e-9 || !x.is_finite() {
        return x;
    }
    let result = if size < 22.0 {
        let above = libm::expm1(size);
        if size < 1.0 {
            0.5 * (2.0 * above - above * above / (above + 1.0))
        } else {
            0.5 * (above + above / (above + 1.0))
        }
    } else {
        half_exp(size)
    };
    libm::copysign(result, x)
}

/// `cosh`, from `expm1` and `exp` as glibc does it.
pub fn cosh(x: f64) -> f64 {
    let size = libm::fabs(x);
    if !x.is_finite() {
        return size;
    }
    if size < 0.5 * core::f64::consts::LN_2 {
        let above = libm::expm1(size);
        let whole = 1.0 + above;
        // The square would be subnormal.
        return if size < 2.775_557_561_562_891_4e-17 {
            whole
        } else {
            1.0 + (above * above) / (whole + whole)
        };
    }
    if size < 22.0 {
        let exp = precise::exp(size);
        return 0.5 * exp + 0.5 / exp;
    }
    half_exp(size)
}

/// Half the exponential of a float from 22 on, which is finite up to 710.475.
fn half_exp(size: f64) -> f64 {
    if size < 709.0 {
        return 0.5 * precise::exp(size);
    }
    if size > 711.0 {
        return f64::INFINITY;
    }
    let root = precise::exp(0.5 * size);
    0.5 * root * root
}

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

/// `cbrt`, by the polynomial and the step of Halley's that glibc has up to 2.40.
///
/// Its error is up to 2.5 units in the last place, where the `libm` crate rounds correctly. This one
/// was taken because a closure is to return what the function returns where it was written, and that
/// is the C library of most machines; a result differs from a correctly rounded `cbrt` (glibc from
/// 2.41 on) by no more than glibc's own did.
pub fn cbrt(x: f64) -> f64 {
    const CBRT_2: f64 = 1.259_921_049_894_873_164_8;
    const CBRT_4: f64 = 1.587_401_051_968_199_474_8;
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let (fraction, exponent) = libm::frexp(libm::fabs(x));
    let coefficients = [
        -0.145_263_899_385_486_367,
        0.784_932_344_976_639_262,
        -1.834_692_774_836_130_86,
        2.446_931_225_635_344_3,
        -2.114_994_941_673_712_87,
        1.508_191_937_815_848_96,
        0.354_895_765_043_919_860,
    ];
    let root = coefficients.iter().fold(0.0, |sum, coefficient| sum * fraction + coefficient);
    let cube = root * root * root;
    let better = root * (cube + 2.0 * fraction) / (2.0 * cube + fraction);
    let factor = match exponent % 3 {
        -2 => 1.0 / CBRT_4,
        -1 => 1.0 / CBRT_2,
        0 => 1.0,
        1 => CBRT_2,
        _ => CBRT_4,
    };
    libm::copysign(libm::ldexp(better * factor, exponent / 3), x)
}
