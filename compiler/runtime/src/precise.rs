//! Logarithm, exponential, power, sine and cosine with about 64 correct bits, rounded once.
//!
//! Several times slower than those of the `libm` crate, which are right but for the last place. Used
//! where such an error would grow: in the gamma and error functions, `log10` and the hyperbolic
//! functions. What is rounded like this is nearly always what a C library has, too: glibc's `exp`
//! and `log` are off by 0.52 units, and differ from these for one argument in a thousand.

/// An unevaluated sum of two floats, the second no more than half a unit of the first.
#[derive(Clone, Copy)]
struct Double {
    high: f64,
    low: f64,
}

/// The natural logarithm of 2 in three parts, the first two with zeros at their ends, so that small
/// multiples are exact.
const LN2: [f64; 3] =
    [0.693_147_180_559_208_2, 7.371_002_565_161_996e-13, 5.802_988_983_595_690_5e-25];

impl Double {
    const fn new(high: f64, low: f64) -> Self {
        Self { high, low }
    }

    /// The exact sum of two floats.
    fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let part = high - a;
        Self { high, low: (a - (high - part)) + (b - part) }
    }

    /// The exact product of two floats.
    fn product(a: f64, b: f64) -> Self {
        const SPLITTER: f64 = 134_217_729.0;
        let split = |x: f64| {
            let scaled = x * SPLITTER;
            let high = scaled - (scaled - x);
            (high, x - high)
        };
        let ((a_high, a_low), (b_high, b_low)) = (split(a), split(b));
        let high = a * b;
        let low = ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low;
        Self { high, low }
    }

    fn add(self, other: Self) -> Self {
        let sum = Self::sum(self.high, other.high);
        let low = Self::sum(self.low, other.low);
        let first = Self::sum(sum.high, sum.low + low.high);
        Self::sum(first.high, first.low + low.low)
    }

    fn multiply(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        Self::sum(product.high, product.low + (self.high * other.low + self.low * other.high))
    }

    fn divide(self, other: Self) -> Self {
        let quotient = self.high / other.high;
        let back = other.multiply(Self::new(quotient, 0.0));
        let rest = self.add(Self::new(-back.high, -back.low));
        Self::sum(quotient, rest.high / other.high)
    }
}

/// The logarithm of a finite float above 0.
fn log_double(x: f64) -> Double {
    let (mut fraction, mut exponent) = libm::frexp(x);
    if fraction < core::f64::consts::FRAC_1_SQRT_2 {
        fraction *= 2.0;
        exponent -= 1;
    }
    // log(m) = 2 atanh(s), s = (m - 1) / (m + 1), and s is 0.172 at most.
    let s = Double::sum(fraction, -1.0).divide(Double::sum(fraction, 1.0));
    let square = s.multiply(s);
    let z = square.high;
    let mut tail = 0.0;
    for odd in (0..13).rev() {
        tail = tail * z + 1.0 / f64::from(2 * odd + 9);
    }
    // The first terms count most: they are summed in doubled precision.
    let mut sum = Double::sum(1.0 / 7.0, tail * z);
    for odd in [5.0, 3.0, 1.0] {
        let term = Double::new(1.0, 0.0).divide(Double::new(odd, 0.0));
        sum = term.add(square.multiply(sum));
    }
    let log = s.multiply(sum);
    let log = Double::new(2.0 * log.high, 2.0 * log.low);
    let power = f64::from(exponent);
    let scale = Double::sum(power * LN2[0], power * LN2[1]);
    Double::new(scale.high, scale.low + power * LN2[2]).add(log)
}

/// The exponential of a sum whose value is within the range where the result is finite.
fn exp_double(x: Double) -> f64 {
    let power = libm::rint(x.high * core::f64::consts::LOG2_E);
    let scale = Double::sum(-power * LN2[0], -power * LN2[1]);
    let rest = x.add(Double::new(scale.high, scale.low - power * LN2[2]));
    // The rest is 0.35 at most; a 64th of it needs few terms. Six squarings undo that.
    let small = Double::new(rest.high / 64.0, rest.low / 64.0);
    let mut sum = Double::new(1.0, 0.0);
    for term in (1..=11).rev() {
        let scaled = small.multiply(sum).divide(Double::new(f64::from(term), 0.0));
        sum = Double::new(1.0, 0.0).add(scaled);
    }
    for _ in 0..6 {
        sum = sum.multiply(sum);
    }
    libm::ldexp(sum.high + sum.low, power as i32)
}

/// The logarithm of a finite float above 0.
pub fn log(x: f64) -> f64 {
    let log = log_double(x);
    log.high + log.low
}

/// The exponential of a float up to 709.7; 0 far below 0.
pub fn exp(x: f64) -> f64 {
    exp_double(Double::new(x, 0.0))
}

/// A power of a finite float above 0, where that is between the least and greatest normal float.
pub fn pow(x: f64, y: f64) -> f64 {
    exp_double(log_double(x).multiply(Double::new(y, 0.0)))
}

/// `1 - z / a + z^2 / (a * b) - ...`, with the products of `divisors`, of a `z` up to 0.62.
fn alternating(square: Double, divisors: [f64; 12]) -> Double {
    let mut tail = 0.0;
    for &divisor in divisors[4..].iter().rev() {
        tail = (1.0 - tail) * square.high / divisor;
    }
    // The first terms count most: they are summed in doubled precision.
    let mut sum = Double::sum(1.0, -tail);
    for &divisor in divisors[..4].iter().rev() {
        let term = square.multiply(sum).divide(Double::new(divisor, 0.0));
        sum = Double::new(1.0, 0.0).add(Double::new(-term.high, -term.low));
    }
    sum
}

/// The sine of a float from -0.79 to 0.79.
pub fn sin(x: f64) -> f64 {
    let divisors = core::array::from_fn(|index| {
        let odd = 2.0 * index as f64 + 3.0;
        odd * (odd - 1.0)
    });
    let sum = alternating(Double::product(x, x), divisors).multiply(Double::new(x, 0.0));
    sum.high + sum.low
}

/// The cosine of a float from -0.79 to 0.79.
pub fn cos(x: f64) -> f64 {
    let divisors = core::array::from_fn(|index| {
        let even = 2.0 * index as f64 + 2.0;
        even * (even - 1.0)
    });
    let sum = alternating(Double::product(x, x), divisors);
    sum.high + sum.low
}
