//! Receiving from a channel whose other end answers soon, without going to sleep first.

use std::cell::Cell;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use spm_netmesh::Spin;

/// Waits for what comes next, for so long at most.
pub(super) fn receive<T>(
    receiver: &Receiver<T>,
    spin: &Spin,
    timeout: Duration,
) -> Result<T, RecvTimeoutError> {
    let began = Instant::now();
    let found = Cell::new(Err(RecvTimeoutError::Timeout));
    spin.look(|| {
        found.set(match receiver.try_recv() {
            Ok(item) => Ok(item),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => return began.elapsed() >= timeout,
        });
        true
    });
    let next = match found.into_inner() {
        Err(RecvTimeoutError::Timeout) => {
            receiver.recv_timeout(timeout.saturating_sub(began.elapsed()))
        }
        found => found,
    };
    spin.waited(began.elapsed());
    next
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn all_that_was_sent_comes_in_order_and_then_the_end() {
        let (sender, receiver) = channel();
        let (ask, asked) = channel();
        let (spin, other) = (Spin::default(), Spin::default());
        let thread = std::thread::spawn(move || {
            while receive(&asked, &other, LONG) == Ok(()) {
                sender.send(1).unwrap();
                sender.send(2).unwrap();
            }
        });
        for _ in 0..1000 {
            ask.send(()).unwrap();
            assert_eq!(receive(&receiver, &spin, LONG), Ok(1));
            assert_eq!(receive(&receiver, &spin, LONG), Ok(2));
        }
        drop(ask);
        assert_eq!(receive(&receiver, &spin, LONG), Err(RecvTimeoutError::Disconnected));
        thread.join().unwrap();
    }

    #[test]
    fn what_does_not_come_is_not_waited_for_longer() {
        let (_sender, receiver) = channel::<()>();
        let spin = Spin::default();
        for timeout in [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(2)] {
            let began = Instant::now();
            assert_eq!(receive(&receiver, &spin, timeout), Err(RecvTimeoutError::Timeout));
            assert!(began.elapsed() >= timeout);
        }
    }
}
