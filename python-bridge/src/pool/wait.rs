//! Waiting without the GIL, and without missing Ctrl-C.

use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// Longest wait between two looks at Python's signals.
const SIGNAL_POLL: Duration = Duration::from_millis(50);

/// A time to wait, as Python gives it: seconds, or None for no end.
#[derive(Clone, Copy)]
pub(super) struct Patience(Option<Instant>);

impl Patience {
    /// Until `wait_s` seconds from now. A negative time, or none that is a number, is over at once.
    pub(super) fn new(wait_s: Option<f64>) -> Self {
        let end = |seconds: f64| {
            let wait = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
            Instant::now().checked_add(wait)
        };
        Self(wait_s.and_then(end))
    }

    /// This, or the other if that is sooner.
    pub(super) fn or_sooner(self, other: Self) -> Self {
        Self(self.0.into_iter().chain(other.0).min())
    }

    /// Whether the time is over.
    pub(super) fn is_over(self) -> bool {
        self.slice().is_none()
    }

    /// How long the next wait may be, or `None` if the time is over.
    fn slice(self) -> Option<Duration> {
        match self.0 {
            None => Some(SIGNAL_POLL),
            Some(end) => match end.checked_duration_since(Instant::now()) {
                None | Some(Duration::ZERO) => None,
                Some(left) => Some(left.min(SIGNAL_POLL)),
            },
        }
    }
}

/// Calls `attempt` without the GIL, with a time to wait, until it gives something. `None` if the
/// time is over; an error if a signal handler raised.
pub(super) fn wait_for<T: Send>(
    py: Python<'_>,
    patience: Patience,
    mut attempt: impl FnMut(Duration) -> Option<T> + Send,
) -> PyResult<Option<T>> {
    loop {
        let slice = patience.slice();
        let found = py.detach(|| attempt(slice.unwrap_or(Duration::ZERO)));
        if found.is_some() {
            return Ok(found);
        }
        py.check_signals()?;
        if slice.is_none() {
            return Ok(None);
        }
    }
}
