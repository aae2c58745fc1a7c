//! Things that only the process that made them may end.

use std::mem::ManuallyDrop;
use std::ops::Deref;

/// Owns a value that is dropped in the process that made it, and nowhere else: a forked child shares
/// its sockets and children, but has none of its threads, and must finalise nothing.
pub(super) struct ForkSafe<T> {
    value: ManuallyDrop<T>,
    process: u32,
}

impl<T> ForkSafe<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value: ManuallyDrop::new(value), process: std::process::id() }
    }

    /// Whether this process made it.
    pub(super) fn is_own(&self) -> bool {
        self.process == std::process::id()
    }
}

impl<T> Deref for ForkSafe<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for ForkSafe<T> {
    fn drop(&mut self) {
        if self.is_own() {
            // SAFETY: this is the only place that drops it, and `self` is not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}
