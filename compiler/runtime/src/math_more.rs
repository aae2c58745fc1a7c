//! `math`: norms, exact sums, the gamma function, and what returns two things.

use crate::buffer::Buffer;
use crate::gamma::{gamma, log_gamma};
use crate::mem::{P, load, slot, store};
use crate::object::{len, pair, slots};
use crate::raise::{fail, fail_common, value_error};
use crate::shared::{class, common};
use crate::state::{ret_float, truth};

/// Splits a float of 53 bits into two halves.
fn split(x: f64) -> (f64, f64) {
    const SPLITTER: f64 = 134_217_729.0;
    let scaled = x * SPLITTER;
    let high = scaled - (scaled - x);
    (high, x - high)
}

/// A sum that starts from 1 and keeps what is lost below it.
struct Sum {
    total: f64,
    lost: [f64; 3],
}

impl Sum {
    fn add(&mut self, term: f64, which: usize) {
        let before = self.total;
        self.total += term;
        self.lost[which] += (before - self.total) + term;
    }

    fn value(&self) -> f64 {
        self.total - 1.0 + (self.lost[0] + self.lost[1] + self.lost[2])
    }
}

/// The Euclidean norm, by CPython's `vector_norm`: scaled, in doubled precision, with one correction.
fn norm(count: u32, coordinate: impl Fn(u32) -> f64) -> f64 {
    let (mut largest, mut found_nan) = (0.0, false);
    for index in 0..count {
        let x = libm::fabs(coordinate(index));
        found_nan |= x.is_nan();
        if x > largest {
            largest = x;
        }
    }
    if largest == f64::INFINITY {
        return largest;
    }
    if found_nan {
        return f64::NAN;
    }
    if largest == 0.0 || count <= 1 {
        return largest;
    }
    let mut sum = Sum { total: 1.0, lost: [0.0; 3] };
    let (_, exponent) = libm::frexp(largest);
    if exponent < -1023 {
        for index in 0..count {
            let x = libm::fabs(coordinate(index)) / largest;
            sum.add(x * x, 0);
        }
        return largest * crate::float::sqrt(sum.total - 1.0 + sum.lost[0]);
    }
    let scale = libm::ldexp(1.0, -exponent);
    for index in 0..count {
        let (high, low) = split(libm::fabs(coordinate(index)) * scale);
        sum.add(high * high, 0);
        sum.add(2.0 * high * low, 1);
        sum.lost[2] += low * low;
    }
    let root = crate::float::sqrt(sum.value());
    let (high, low) = split(root);
    sum.add(-high * high, 0);
    sum.add(-2.0 * high * low, 1);
    sum.add(-low * low, 2);
    (root + sum.value() / (2.0 * root)) / scale
}

fn float_at(list: P, index: u32) -> f64 {
    f64::from_bits(slot(slots(list), index))
}

/// `math.hypot(x, y)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_hypot(x: f64, y: f64) -> i32 {
    ret_float(Some(norm(2, |index| if index == 0 { x } else { y })))
}

/// `math.hypot(*coordinates)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_hypot_list(coordinates: P) -> i32 {
    ret_float(Some(norm(len(coordinates), |index| float_at(coordinates, index))))
}

/// `math.dist(p, q)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_dist(p: P, q: P) -> i32 {
    ret_float(if len(p) == len(q) {
        Some(norm(len(p), |index| float_at(p, index) - float_at(q, index)))
    } else {
        value_error(b"both points must have the same number of dimensions")
    })
}

/// `math.frexp(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_frexp(x: f64) -> Option<P> {
    let (fraction, exponent) = if x.is_finite() && x != 0.0 { libm::frexp(x) } else { (x, 0) };
    pair(fraction.to_bits(), i64::from(exponent) as u64)
}

/// `math.modf(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_modf(x: f64) -> Option<P> {
    let (fraction, whole) = if x.is_infinite() {
        (libm::copysign(0.0, x), x)
    } else {
        let whole = libm::trunc(x);
        (libm::copysign(x - whole, x), whole)
    };
    pair(fraction.to_bits(), whole.to_bits())
}

/// `math.isclose(a, b, rel_tol=, abs_tol=)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_isclose(a: f64, b: f64, rel_tol: f64, abs_tol: f64) -> i32 {
    if rel_tol < 0.0 || abs_tol < 0.0 {
        return truth(value_error(b"tolerances must be non-negative"));
    }
    if a == b {
        return 1;
    }
    if a.is_infinite() || b.is_infinite() {
        return 0;
    }
    let apart = libm::fabs(b - a);
    (apart <= libm::fabs(rel_tol * b) || apart <= libm::fabs(rel_tol * a) || apart <= abs_tol)
        as i32
}

/// `math.gamma(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_gamma(x: f64) -> i32 {
    if x == f64::NEG_INFINITY || x <= 0.0 && libm::floor(x) == x {
        return ret_float(fail_common(common::MATH_DOMAIN));
    }
    finite_or_range(x, gamma(x))
}

/// `math.lgamma(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_lgamma(x: f64) -> i32 {
    if x.is_finite() && x <= 0.0 && libm::floor(x) == x {
        return ret_float(fail_common(common::MATH_DOMAIN));
    }
    finite_or_range(x, log_gamma(x))
}

fn finite_or_range(x: f64, result: f64) -> i32 {
    ret_float(if result.is_infinite() && x.is_finite() {
        fail_common(common::MATH_RANGE)
    } else {
        Some(result)
    })
}

/// `math.erf(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_erf(x: f64) -> f64 {
    libm::erf(x)
}

/// `math.erfc(x)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_erfc(x: f64) -> f64 {
    crate::erfc::erfc(x)
}

/// `math.prod(xs)` of a list of floats.
#[unsafe(no_mangle)]
pub extern "C" fn math_prod_float(xs: P, start: f64) -> f64 {
    let mut product = start;
    for index in 0..len(xs) {
        product *= float_at(xs, index);
    }
    product
}

/// `math.fsum(xs)`.
#[unsafe(no_mangle)]
pub extern "C" fn math_fsum(xs: P) -> i32 {
    ret_float(exact_sum(xs))
}

/// Shewchuk's exact summation, as CPython's `fsum` has it: partial sums that do not overlap.
fn exact_sum(xs: P) -> Option<f64> {
    let mut partials = Buffer::new();
    let (mut special, mut infinities) = (0.0, 0.0);
    for index in 0..len(xs) {
        let original = float_at(xs, index);
        let mut x = original;
        let mut kept = 0;
        for at in 0..partials.length / 8 {
            let mut y: f64 = load(partials.start + at * 8);
            if libm::fabs(x) < libm::fabs(y) {
                (x, y) = (y, x);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                store(partials.start + kept, low);
                kept += 8;
            }
            x = high;
        }
        partials.length = kept;
        if x == 0.0 {
            continue;
        }
        if x.is_finite() {
            partials.text(&x.to_le_bytes())?;
            continue;
        }
        if original.is_finite() {
            return fail(class::OVERFLOW_ERROR, b"intermediate overflow in fsum");
        }
        if original.is_infinite() {
            infinities += original;
        }
        special += original;
        partials.length = 0;
    }
    if special != 0.0 {
        return if f64::is_nan(infinities) {
            value_error(b"-inf + inf in fsum")
        } else {
            Some(special)
        };
    }
    Some(rounded(&partials))
}

/// The sum of partial sums, correctly rounded.
fn rounded(partials: &Buffer) -> f64 {
    let partial = |at: u32| load::<f64>(partials.start + at * 8);
    let mut at = partials.length / 8;
    if at == 0 {
        return 0.0;
    }
    at -= 1;
    let mut high = partial(at);
    let mut low = 0.0;
    while at > 0 {
        at -= 1;
        let (x, y) = (high, partial(at));
        high = x + y;
        low = y - (high - x);
        if low != 0.0 {
            break;
        }
    }
    // Half-way cases are decided by the sign of what is below.
    if at > 0 && (low < 0.0 && partial(at - 1) < 0.0 || low > 0.0 && partial(at - 1) > 0.0) {
        let doubled = low * 2.0;
        let moved = high + doubled;
        if doubled == moved - high {
            high = moved;
        }
    }
    high
}
