//! `random`: the Mersenne Twister MT19937 of Matsumoto and Nishimura (1998, with the initialisation of
//! 2002), as `CPython` seeds and reads it. Its state begins with the task's seed.

use crate::alloc::{alloc, free};
use crate::mem::{load, store};
use crate::raise::{overflow, value_error};
use crate::state::{RANDOM, ret_float, ret_int, status};
use crate::task::host_seed;

const N: u32 = 624;
const M: u32 = 397;
/// The state: its words, how many of them were read, whether there is a second `gauss`, and that.
const INDEX: u32 = N * 4;
const HAS_NEXT: u32 = INDEX + 4;
const NEXT: u32 = INDEX + 8;
const STATE_BYTES: u32 = NEXT + 8;

/// The state of a generator, by address.
#[derive(Clone, Copy)]
struct Generator(u32);

impl Generator {
    #[inline(always)]
    fn word(self, at: u32) -> u32 {
        load(self.0 + at * 4)
    }

    #[inline(always)]
    fn set(self, at: u32, value: u32) {
        store(self.0 + at * 4, value);
    }

    /// `init_genrand`.
    fn init(self, seed: u32) {
        let mut word = seed;
        self.set(0, word);
        for at in 1..N {
            word = 1_812_433_253u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(at);
            self.set(at, word);
        }
    }

    /// `init_by_array` with the words of a number.
    fn seed(self, number: u64) {
        let key = [number as u32, (number >> 32) as u32];
        let length = if key[1] == 0 { 1 } else { 2 };
        self.init(19_650_218);
        let mixed = |at: u32, factor: u32| {
            let before = self.word(at - 1);
            self.word(at) ^ (before ^ (before >> 30)).wrapping_mul(factor)
        };
        let (mut at, mut used) = (1, 0);
        for _ in 0..N {
            let word = if used == 0 { key[0] } else { key[1] };
            self.set(at, mixed(at, 1_664_525).wrapping_add(word).wrapping_add(used));
            at += 1;
            used += 1;
            if at >= N {
                self.set(0, self.word(N - 1));
                at = 1;
            }
            if used >= length {
                used = 0;
            }
        }
        for _ in 1..N {
            self.set(at, mixed(at, 1_566_083_941).wrapping_sub(at));
            at += 1;
            if at >= N {
                self.set(0, self.word(N - 1));
                at = 1;
            }
        }
        self.set(0, 0x8000_0000);
        store(self.0 + INDEX, N);
        store(self.0 + HAS_NEXT, 0u32);
    }

    /// Makes the next words.
    #[inline(never)]
    fn refill(self) {
        for at in 0..N {
            let next = if at + 1 < N { at + 1 } else { 0 };
            let far = if at + M < N { at + M } else { at + M - N };
            let both = (self.word(at) & 0x8000_0000) | (self.word(next) & 0x7FFF_FFFF);
            let twist = if both & 1 == 0 { 0 } else { 0x9908_B0DF };
            self.set(at, self.word(far) ^ (both >> 1) ^ twist);
        }
        store(self.0 + INDEX, 0u32);
    }

    /// `genrand_uint32`.
    #[inline]
    fn next(self) -> u32 {
        if load::<u32>(self.0 + INDEX) >= N {
            self.refill();
        }
        let at: u32 = load(self.0 + INDEX);
        store(self.0 + INDEX, at + 1);
        let mut word = self.word(at);
        word ^= word >> 11;
        word ^= (word << 7) & 0x9D2C_5680;
        word ^= (word << 15) & 0xEFC6_0000;
        word ^ (word >> 18)
    }

    /// A float of 53 random bits, below 1.
    #[inline]
    fn float(self) -> f64 {
        let (high, low) = (self.next() >> 5, self.next() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) * (1.0 / 9_007_199_254_740_992.0)
    }
}

/// The task's generator, made if need be.
#[inline]
fn generator() -> Option<Generator> {
    match RANDOM.get() {
        0 => first(),
        address => Some(Generator(address)),
    }
}

#[inline(never)]
fn first() -> Option<Generator> {
    let generator = Generator(alloc(u64::from(STATE_BYTES))?);
    RANDOM.set(generator.0);
    generator.seed(host_seed());
    Some(generator)
}

/// Forgets the generator: the next task begins with its own seed.
pub fn forget() {
    if RANDOM.get() != 0 {
        free(RANDOM.get(), STATE_BYTES);
        RANDOM.set(0);
    }
}

/// `random.seed(number)`.
#[unsafe(no_mangle)]
pub extern "C" fn random_seed(number: i64) -> i32 {
    status(generator().map(|generator| generator.seed(number.unsigned_abs())))
}

/// `random.random()`.
#[unsafe(no_mangle)]
pub extern "C" fn random_random() -> i32 {
    ret_float(generator().map(Generator::float))
}

/// `random.getrandbits(count)`.
#[unsafe(no_mangle)]
pub extern "C" fn random_bits(count: i64) -> i32 {
    ret_int(bits(count))
}

fn bits(count: i64) -> Option<i64> {
    if count < 0 {
        return value_error(b"number of bits must be non-negative");
    }
    if count == 0 {
        return Some(0);
    }
    let generator = generator()?;
    if count <= 32 {
        return Some(i64::from(generator.next() >> (32 - count as u32)));
    }
    if count > 64 {
        return overflow();
    }
    let low = u64::from(generator.next());
    let high = u64::from(generator.next() >> (64 - count as u32));
    let number = (high << 32) | low;
    if number > i64::MAX as u64 { overflow() } else { Some(number as i64) }
}

/// `random.gauss(mu, sigma)`.
#[unsafe(no_mangle)]
pub extern "C" fn random_gauss(mu: f64, sigma: f64) -> i32 {
    ret_float(generator().map(|generator| {
        let state = generator.0;
        let z = if load::<u32>(state + HAS_NEXT) == 0 {
            let turn = generator.float() * core::f64::consts::TAU;
            let radius = crate::float::sqrt(-2.0 * libm::log(1.0 - generator.float()));
            let (sin, cos) = libm::sincos(turn);
            store(state + NEXT, (sin * radius).to_bits());
            store(state + HAS_NEXT, 1u32);
            cos * radius
        } else {
            store(state + HAS_NEXT, 0u32);
            f64::from_bits(load(state + NEXT))
        };
        mu + z * sigma
    }))
}
