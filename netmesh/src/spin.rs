//! Waiting for what comes soon without going to sleep.
//!
//! Waking a thread takes tens of microseconds where its processor sleeps too: more than a short task and its messages
//! take together. So a thread whose last wait was short looks around for a while before it sleeps, and lets others run
//! between looks. No more threads of a process do than there are processors, and none where there is only one.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a thread looks around, and how short its last wait must have been: a round trip to another process and
/// back. What a thread burns in vain is as much, once, after its last short wait.
const SPIN_MAX: Duration = Duration::from_micros(500);

/// Threads of this process that look around.
static LOOKING: AtomicUsize = AtomicUsize::new(0);

/// Where threads wait for one another, and how long that took last.
#[derive(Debug, Default)]
pub struct Spin {
    last_us: AtomicU32,
}

impl Spin {
    /// Looks around until `is_there`, if it is likely to come soon. Whoever calls this then waits as usual, and
    /// says with [`Self::waited`] how long all of it took.
    pub fn look(&self, is_there: impl Fn() -> bool) {
        if self.last_us.load(Ordering::Relaxed) >= SPIN_MAX.as_micros() as u32 {
            return;
        }
        if LOOKING.fetch_add(1, Ordering::AcqRel) >= looking_max() {
            LOOKING.fetch_sub(1, Ordering::AcqRel);
            return;
        }
        let began = Instant::now();
        while !is_there() && began.elapsed() < SPIN_MAX {
            std::thread::yield_now();
        }
        LOOKING.fetch_sub(1, Ordering::AcqRel);
    }

    /// Notes how long a wait took.
    pub fn waited(&self, time: Duration) {
        let us = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        self.last_us.store(us, Ordering::Relaxed);
    }
}

/// How many threads may look around: as many as there are processors, if there are several.
fn looking_max() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    let count = *PROCESSORS
        .get_or_init(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    if count > 1 { count } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn only_what_came_soon_is_looked_for_and_not_for_long() {
        let spin = Spin::default();
        let looks = Cell::new(0);
        let never = || {
            looks.set(looks.get() + 1);
            false
        };
        spin.waited(SPIN_MAX);
        spin.look(never);
        assert_eq!(looks.get(), 0);
        // Ends although nothing comes; another test may be looking around.
        spin.waited(Duration::ZERO);
        spin.look(never);
        looks.set(0);
        spin.look(|| {
            looks.set(looks.get() + 1);
            true
        });
        assert!(looks.get() <= 1);
    }
}
