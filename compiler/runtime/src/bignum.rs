//! Natural numbers of bounded size: what exact conversion between decimal and binary needs.

/// Words of a number: 5120 bits. The largest need is 10**1170 shifted by 64 bits, about 3960 bits.
const WORDS: usize = 160;

/// A natural number, least significant word first.
#[derive(Clone)]
pub struct Natural {
    words: [u32; WORDS],
    length: usize,
}

impl Natural {
    /// A number of 64 bits.
    pub fn from_u64(value: u64) -> Self {
        let mut number = Self { words: [0; WORDS], length: 2 };
        number.words[0] = value as u32;
        number.words[1] = (value >> 32) as u32;
        number.trim();
        number
    }

    #[inline(always)]
    fn word(&self, index: usize) -> u32 {
        debug_assert!(index < WORDS);
        // SAFETY: numbers stay below WORDS words, see there.
        unsafe { *self.words.get_unchecked(index) }
    }

    #[inline(always)]
    fn set(&mut self, index: usize, word: u32) {
        debug_assert!(index < WORDS);
        if index < WORDS {
            self.words[index] = word;
        }
    }

    fn trim(&mut self) {
        while self.length > 0 && self.word(self.length - 1) == 0 {
            self.length -= 1;
        }
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.length == 0
    }

    /// Multiplies by `factor`, then adds `term`.
    pub fn multiply_add(&mut self, factor: u32, term: u32) {
        let mut carry = u64::from(term);
        for index in 0..self.length {
            carry += u64::from(self.word(index)) * u64::from(factor);
            self.set(index, carry as u32);
            carry >>= 32;
        }
        if carry != 0 {
            self.set(self.length, carry as u32);
            self.length += 1;
        }
    }

    /// Multiplies by a power of 5 or 10.
    pub fn multiply_power(&mut self, base: u32, mut exponent: u32) {
        // The largest power in a word: 5**13 or 10**9.
        let (step, factor) = if base == 5 { (13, 1_220_703_125) } else { (9, 1_000_000_000) };
        while exponent >= step {
            self.multiply_add(factor, 0);
            exponent -= step;
        }
        for _ in 0..exponent {
            self.multiply_add(base, 0);
        }
    }

    /// Divides by a word, and returns the rest.
    pub fn divide(&mut self, divisor: u32) -> u32 {
        let mut rest = 0u64;
        for index in (0..self.length).rev() {
            let part = rest << 32 | u64::from(self.word(index));
            self.set(index, (part / u64::from(divisor)) as u32);
            rest = part % u64::from(divisor);
        }
        self.trim();
        rest as u32
    }

    /// Number of bits.
    pub fn bits(&self) -> u32 {
        if self.length == 0 {
            return 0;
        }
        self.length as u32 * 32 - self.word(self.length - 1).leading_zeros()
    }

    /// Multiplies by a power of 2.
    pub fn shift_left(&mut self, bits: u32) {
        let (whole, part) = ((bits / 32) as usize, bits % 32);
        if self.length == 0 {
            return;
        }
        let top = self.length;
        for index in (0..=top).rev() {
            let high = if index < top { self.word(index) } else { 0 };
            let low = if index > 0 { self.word(index - 1) } else { 0 };
            let word = if part == 0 { high } else { high << part | low >> (32 - part) };
            self.set(index + whole, word);
        }
        for index in 0..whole {
            self.set(index, 0);
        }
        self.length = top + whole + 1;
        self.trim();
    }

    /// Whether it is at least `other`.
    pub fn at_least(&self, other: &Self) -> bool {
        if self.length != other.length {
            return self.length > other.length;
        }
        for index in (0..self.length).rev() {
            if self.word(index) != other.word(index) {
                return self.word(index) > other.word(index);
            }
        }
        true
    }

    /// Subtracts a number that is no larger.
    pub fn subtract(&mut self, other: &Self) {
        let mut borrow = 0i64;
        for index in 0..self.length {
            let term = if index < other.length { other.word(index) } else { 0 };
            borrow += i64::from(self.word(index)) - i64::from(term);
            self.set(index, borrow as u32);
            borrow >>= 32;
        }
        self.trim();
    }

    /// Its highest 64 bits, how many bits are below them, and whether any of those is set.
    pub fn top(&self) -> (u64, u32, bool) {
        let bits = self.bits();
        let below = bits.saturating_sub(64);
        let (whole, part) = ((below / 32) as usize, below % 32);
        let word = |index: usize| {
            if index < self.length { u128::from(self.word(index)) } else { 0 }
        };
        let wide = word(whole) | word(whole + 1) << 32 | word(whole + 2) << 64;
        let mut sticky = part != 0 && self.word(whole) << (32 - part) != 0;
        for index in 0..whole {
            sticky |= self.word(index) != 0;
        }
        ((wide >> part) as u64, below, sticky)
    }
}
