//! The thread that moves an engine's epoch on, so that guests look for a reason to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use spm_protocol::limits::EPOCH_TICK_MS;
use wasmtime::EngineWeak;

use super::watch::Watch;

/// Ticks without any task after which the thread sleeps until one starts. Long enough that a task that comes
/// soon after another does not pay for waking it.
const IDLE_TICKS: u32 = (1000 / EPOCH_TICK_MS) as u32;

/// Moves the epoch on every [`EPOCH_TICK_MS`] while tasks run.
pub(crate) struct Ticker {
    /// Tasks that ever began. Only whether it changes matters.
    begun: AtomicU64,
    running: AtomicU64,
    is_asleep: AtomicBool,
    is_stopped: Mutex<bool>,
    wake: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Tasks whose guests poll.
    watches: Mutex<Vec<Arc<Watch>>>,
}

impl Ticker {
    pub(super) fn start(engine: EngineWeak) -> Arc<Self> {
        let ticker = Arc::new(Self {
            begun: AtomicU64::new(0),
            running: AtomicU64::new(0),
            is_asleep: AtomicBool::new(false),
            is_stopped: Mutex::new(false),
            wake: Condvar::new(),
            thread: Mutex::new(None),
            watches: Mutex::default(),
        });
        let ticking = Arc::clone(&ticker);
        let thread = std::thread::Builder::new()
            .name("spm-ticker".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || ticking.tick(&engine));
        *ticker.thread.lock() = thread.ok();
        ticker
    }

    /// Whether there is a thread that ticks. Without it nothing could be interrupted.
    pub(super) fn is_started(&self) -> bool {
        self.thread.lock().is_some()
    }

    /// Ends the thread and waits for it.
    pub(super) fn stop(&self) {
        *self.is_stopped.lock() = true;
        self.wake.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // A panic there was printed already, and there is nothing to do about it here.
            let _ = thread.join();
        }
    }

    /// To be called before a guest runs; it ticks until the guard is dropped.
    /// A guest that polls has a `watch`.
    pub(super) fn begin(&self, watch: Option<Arc<Watch>>) -> Running<'_> {
        if let Some(watch) = &watch {
            self.watches.lock().push(Arc::clone(watch));
        }
        self.running.fetch_add(1, Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::Relaxed);
        if self.is_asleep.load(Ordering::SeqCst) {
            // Taking the lock orders this after the thread began to wait.
            drop(self.is_stopped.lock());
            self.wake.notify_all();
        }
        Running { ticker: self, watch }
    }

    fn tick(&self, engine: &EngineWeak) {
        let mut idle_ticks = 0;
        let mut begun = 0;
        let mut is_stopped = self.is_stopped.lock();
        while !*is_stopped {
            if idle_ticks >= IDLE_TICKS {
                self.is_asleep.store(true, Ordering::SeqCst);
                if self.running.load(Ordering::SeqCst) == 0 {
                    self.wake.wait(&mut is_stopped);
                }
                self.is_asleep.store(false, Ordering::SeqCst);
                idle_ticks = 0;
                continue;
            }
            self.wake.wait_for(&mut is_stopped, Duration::from_millis(EPOCH_TICK_MS));
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
            self.look();
            let now_begun = self.begun.load(Ordering::Relaxed);
            let is_idle = self.running.load(Ordering::SeqCst) == 0 && now_begun == begun;
            idle_ticks = if is_idle { idle_ticks + 1 } else { 0 };
            begun = now_begun;
        }
    }
}

impl Ticker {
    /// Ends tasks that must end, and does for the others what there is to do at a tick.
    fn look(&self) {
        let now = Instant::now();
        let mut watches = self.watches.lock().clone();
        watches.retain(|watch| watch.look(now));
        for watch in watches {
            watch.output().tick();
        }
    }
}

/// A guest runs.
pub(super) struct Running<'a> {
    ticker: &'a Ticker,
    watch: Option<Arc<Watch>>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            self.ticker.watches.lock().retain(|other| !Arc::ptr_eq(other, watch));
        }
        self.ticker.running.fetch_sub(1, Ordering::SeqCst);
    }
}
