//! When a provider that was busy is asked again. No clock: times come in.

use std::time::Duration;

use crate::limits::{BLOB_BUSY_PAUSE_MAX, BLOB_BUSY_PAUSE_MIN, BLOB_BUSY_TIMEOUT};

/// The pauses of one fetch, each twice as long as the one before.
#[derive(Debug)]
pub(crate) struct Patience {
    pause: Duration,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { pause: BLOB_BUSY_PAUSE_MIN }
    }

    /// How long to wait before providers are asked again; nothing once that would be too late.
    pub(crate) fn pause(&mut self, elapsed: Duration) -> Option<Duration> {
        let pause = self.pause;
        self.pause = (pause * 2).min(BLOB_BUSY_PAUSE_MAX);
        (elapsed + pause <= BLOB_BUSY_TIMEOUT).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_end_with_the_time() {
        let mut patience = Patience::new();
        let mut elapsed = Duration::ZERO;
        let mut pauses = Vec::new();
        while let Some(pause) = patience.pause(elapsed) {
            elapsed += pause;
            pauses.push(pause);
        }
        assert_eq!(pauses[0], BLOB_BUSY_PAUSE_MIN);
        assert_eq!(pauses[1], 2 * BLOB_BUSY_PAUSE_MIN);
        assert!(pauses.is_sorted());
        assert_eq!(pauses.last(), Some(&BLOB_BUSY_PAUSE_MAX));
        assert!(elapsed <= BLOB_BUSY_TIMEOUT);
        assert!(elapsed + BLOB_BUSY_PAUSE_MAX > BLOB_BUSY_TIMEOUT, "it gave up too early");
    }
}
