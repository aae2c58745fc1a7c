//! Exact conversion between floats and decimal digits.

use crate::bignum::Natural;

/// Digits that are kept: the longest exact expansion of a float has 767; one more makes a
/// longer input round as if it were complete.
const DIGITS_MAX: usize = 772;

/// A number in decimal: `0.d1d2d3... * 10**point`.
#[derive(Clone)]
pub struct Decimal {
    digits: [u8; DIGITS_MAX],
    /// How many digits there are; zeros at the end are dropped.
    pub count: usize,
    /// Where the decimal point is, from the left of the digits.
    pub point: i32,
}

impl Decimal {
    /// Zero.
    pub const fn zero() -> Self {
        Self { digits: [0; DIGITS_MAX], count: 0, point: 0 }
    }

    /// Digit `index`, 0 to 9; beyond the last they are all 0.
    #[inline]
    pub fn digit(&self, index: usize) -> u8 {
        if index < self.count && index < DIGITS_MAX { self.digits[index] } else { 0 }
    }

    #[inline]
    fn set(&mut self, index: usize, digit: u8) {
        if index < DIGITS_MAX {
            self.digits[index] = digit;
        }
    }

    /// Appends a digit; what is too long to keep only marks that it was not 0.
    pub fn push(&mut self, digit: u8) {
        if self.count < DIGITS_MAX {
            self.set(self.count, digit);
            self.count += 1;
        } else if digit != 0 {
            self.set(DIGITS_MAX - 1, 1);
        }
    }

    /// Drops zeros at the end.
    pub fn trim(&mut self) {
        while self.count > 0 && self.digit(self.count - 1) == 0 {
            self.count -= 1;
        }
    }

    /// The exact expansion of a float that is finite and not negative.
    pub fn exact(value: f64) -> Self {
        let bits = value.to_bits();
        let exponent = (bits >> 52) as i32 & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        let (significand, exponent) =
            if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
        let mut decimal = Self::zero();
        if significand == 0 {
            return decimal;
        }
        // Without the zeros at its end the significand keeps the number small.
        let zeros = significand.trailing_zeros();
        let (significand, exponent) = (significand >> zeros, exponent + zeros as i32);
        let mut number = Natural::from_u64(significand);
        let places = if exponent >= 0 {
            number.shift_left(exponent as u32);
            0
        } else {
            number.multiply_power(5, -exponent as u32);
            -exponent
        };
        // Nine digits at a time, from the right; then the order is reversed.
        while !number.is_zero() {
            let mut rest = number.divide(1_000_000_000);
            for _ in 0..9 {
                if rest == 0 && number.is_zero() {
                    break;
                }
                decimal.push((rest % 10) as u8);
                rest /= 10;
            }
        }
        let count = decimal.count;
        for index in 0..count / 2 {
            let (left, right) = (decimal.digit(index), decimal.digit(count - 1 - index));
            decimal.set(index, right);
            decimal.set(count - 1 - index, left);
        }
        decimal.point = count as i32 - places;
        decimal.trim();
        decimal
    }

    /// The fewest digits that give this float back, of a finite one that is not negative.
    pub fn shortest(value: f64) -> Self {
        let mut decimal = Self::zero();
        if value == 0.0 {
            return decimal;
        }
        let mut area = ryu::Buffer::new();
        let text = area.format_finite(value).as_bytes();
        let (mut exponent, mut negative, mut in_exponent) = (0, false, false);
        let mut after_point = false;
        for &byte in text {
            match byte {
                b'e' => in_exponent = true,
                b'-' => negative = true,
                b'.' => after_point = true,
                _ if in_exponent => exponent = exponent * 10 + i32::from(byte - b'0'),
                _ => {
                    if decimal.count > 0 || byte != b'0' {
                        decimal.push(byte - b'0');
                        decimal.point += !after_point as i32;
                    } else if after_point {
                        decimal.point -= 1;
                    }
                }
            }
        }
        decimal.point += if negative { -exponent } else { exponent };
        decimal.trim();
        decimal
    }

    /// Rounds to `places` digits after the decimal point, ties to even.
    pub fn round_places(&mut self, places: i32) {
        self.round_digits(self.point.saturating_add(places));
    }

    /// Rounds to this many digits, ties to even; 0 may round up to 1, fewer never do.
    pub fn round_digits(&mut self, keep: i32) {
        if keep >= self.count as i32 {
            return;
        }
        if keep < 0 {
            self.count = 0;
            self.point = 0;
            return;
        }
        let kept = keep as usize;
        let next = self.digit(kept);
        let above_half = next > 5 || next == 5 && self.count > kept + 1;
        let odd = kept > 0 && self.digit(kept - 1) & 1 == 1;
        let up = above_half || next == 5 && odd;
        self.count = kept;
        if up {
            let mut index = kept;
            loop {
                if index == 0 {
                    // All nines: one digit more on the left.
                    self.set(0, 1);
                    self.count = 1;
                    self.point += 1;
                    break;
                }
                index -= 1;
                if self.digit(index) < 9 {
                    let digit = self.digit(index) + 1;
                    self.set(index, digit);
                    self.count = index + 1;
                    break;
                }
            }
        }
        self.trim();
        if self.count == 0 {
            self.point = 0;
        }
    }

    /// The nearest float, ties to even.
    pub fn to_float(&self) -> f64 {
        if self.count == 0 || self.point < -330 {
            return 0.0;
        }
        if self.point > 310 {
            return f64::INFINITY;
        }
        let exponent = self.point - self.count as i32;
        if self.count <= 15 && (-22..=22).contains(&exponent) {
            return self.small_to_float(exponent);
        }
        let mut number = Natural::from_u64(0);
        for index in 0..self.count {
            number.multiply_add(10, u32::from(self.digit(index)));
        }
        if exponent >= 0 {
            number.multiply_power(10, exponent as u32);
            let (top, below, sticky) = number.top();
            return assemble(top, below as i32, sticky);
        }
        let mut divisor = Natural::from_u64(1);
        divisor.multiply_power(10, -exponent as u32);
        // The quotient shall have 63 or 64 bits.
        let shift = divisor.bits() as i32 + 63 - number.bits() as i32;
        if shift >= 0 {
            number.shift_left(shift as u32);
        }
        divisor.shift_left(if shift < 0 { 63 + -shift as u32 } else { 63 });
        let mut quotient = 0u64;
        for _ in 0..64 {
            quotient <<= 1;
            if number.at_least(&divisor) {
                number.subtract(&divisor);
                quotient |= 1;
            }
            number.shift_left(1);
        }
        assemble(quotient, -shift, !number.is_zero())
    }

    /// Up to 15 digits and a small exponent: one operation on exact floats rounds correctly.
    fn small_to_float(&self, exponent: i32) -> f64 {
        let mut digits = 0u64;
        for index in 0..self.count {
            digits = digits * 10 + u64::from(self.digit(index));
        }
        let mut power = 1.0;
        for _ in 0..exponent.abs() {
            power *= 10.0;
        }
        if exponent < 0 { digits as f64 / power } else { digits as f64 * power }
    }
}

/// The float nearest to `(top + something below 1 if sticky) * 2**exponent`, ties to even.
fn assemble(top: u64, exponent: i32, sticky: bool) -> f64 {
    if top == 0 {
        return 0.0;
    }
    let zeros = top.leading_zeros();
    let top = top << zeros;
    // The value lies from 2**scale on, below 2**(scale + 1).
    let scale = exponent - zeros as i32 + 63;
    if scale > 1023 {
        return f64::INFINITY;
    }
    let dropped = if scale >= -1022 { 11 } else { 11 + (-1022 - scale) as u32 };
    if dropped > 64 {
        return 0.0;
    }
    let (kept, rest) =
        if dropped == 64 { (0, top) } else { (top >> dropped, top & ((1 << dropped) - 1)) };
    let half = 1u64 << (dropped - 1);
    let up = rest > half || rest == half && (sticky || kept & 1 == 1);
    let rounded = kept + up as u64;
    let base = if scale >= -1022 { ((scale + 1022) as u64) << 52 } else { 0 };
    f64::from_bits(base + rounded)
}
