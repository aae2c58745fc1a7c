//! A task that is also run by whoever brings it a frame, on that thread.
//!
//! Waking a task costs a switch to a thread of its runtime. Where a frame is all that is waited for, and its
//! handling is short, the thread that sends the frame may as well handle it: [`directly`] makes of a future a task
//! for the runtime that [`PendingWake::run`] can poll from any other thread, too. Two threads never poll it at the
//! same time: the second leaves word, and the runtime polls once more.
//!
//! **Invariant:** a future is polled outside the runtime by [`PendingWake::run`] only, so whoever calls that must
//! hold no lock that the future may want. Every other wake goes to the runtime.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::runtime::Handle;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A future that more than the runtime may poll. Made by [`directly`].
pub struct Direct {
    stage: Mutex<Stage>,
    /// The runtime's, known once it has polled.
    home: Mutex<Option<(Waker, Handle)>>,
}

enum Stage {
    Idle(Work),
    /// Some thread polls it; `again` says that it was woken since.
    Running {
        again: bool,
    },
    Over,
}

/// The runtime's part of a [`Direct`]; the future ends with it.
#[derive(Debug)]
pub struct Directly {
    direct: Arc<Direct>,
}

/// Makes a task of the future that `make` returns. That should pass what it is given to
/// [`PipeReceiver::bring_to`](super::PipeReceiver::bring_to).
pub fn directly<F>(make: impl FnOnce(Arc<Direct>) -> F) -> Directly
where
    F: Future<Output = ()> + Send + 'static,
{
    let direct = Arc::new(Direct { stage: Mutex::new(Stage::Over), home: Mutex::new(None) });
    let work: Work = Box::pin(make(Arc::clone(&direct)));
    *direct.stage.lock() = Stage::Idle(work);
    Directly { direct }
}

impl Direct {
    /// Polls the future on this thread, unless it is being polled or the runtime has not begun with it.
    fn run(&self) {
        let Some((waker, runtime)) = self.home.lock().clone() else { return };
        let _entered = runtime.enter();
        // What wakes the runtime's task lets that see what became of it here.
        let _ = self.poll(&waker);
    }

    /// Whether the future is over.
    fn poll(&self, waker: &Waker) -> bool {
        let mut work = {
            let mut stage = self.stage.lock();
            match std::mem::replace(&mut *stage, Stage::Running { again: false }) {
                Stage::Idle(work) => work,
                Stage::Running { .. } => {
                    *stage = Stage::Running { again: true };
                    return false;
                }
                Stage::Over => {
                    *stage = Stage::Over;
                    return true;
                }
            }
        };
        let mut context = Context::from_waker(waker);
        // As in any task, a panic ends the task and not its thread, which may be someone else's.
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut context)));
        let is_over = !matches!(polled, Ok(Poll::Pending));
        let mut stage = self.stage.lock();
        let again = match *stage {
            Stage::Running { again } => again,
            // It was given up meanwhile.
            Stage::Idle(_) | Stage::Over => {
                drop(stage);
                drop(work);
                return true;
            }
        };
        if is_over {
            *stage = Stage::Over;
            drop(stage);
            drop(work);
            waker.wake_by_ref();
            return true;
        }
        *stage = Stage::Idle(work);
        drop(stage);
        if again {
            waker.wake_by_ref();
        }
        false
    }
}

impl Future for Directly {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        {
            let mut home = self.direct.home.lock();
            if !home.as_ref().is_some_and(|(waker, _)| waker.will_wake(context.waker())) {
                *home = Some((context.waker().clone(), Handle::current()));
            }
        }
        if self.direct.poll(context.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Directly {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut *self.direct.stage.lock(), Stage::Over);
        let home = self.direct.home.lock().take();
        drop(stage);
        drop(home);
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Direct").finish_non_exhaustive()
    }
}

/// Someone who is to be woken for a frame that was queued.
#[derive(Debug, Default)]
#[must_use = "the receiver is not woken otherwise"]
pub struct PendingWake(Option<Receiver>);

#[derive(Debug)]
struct Receiver {
    waker: Waker,
    direct: Option<Arc<Direct>>,
}

impl PendingWake {
    pub(super) fn new(waker: Option<Waker>, direct: Option<&Arc<Direct>>) -> Self {
        Self(waker.map(|waker| Receiver { waker, direct: direct.cloned() }))
    }

    /// Wakes the task or thread that receives. May be called under any lock.
    pub fn wake(self) {
        if let Some(Receiver { waker, .. }) = self.0 {
            waker.wake();
        }
    }

    /// Lets this thread do what the receiver would, if it can, or wakes it. The caller holds no lock.
    pub fn run(self) {
        match self.0 {
            Some(Receiver { direct: Some(direct), .. }) => direct.run(),
            Some(Receiver { waker, direct: None }) => waker.wake(),
            None => {}
        }
    }

    /// Whether there is nobody to wake.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::super::Pipe;
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    /// Starts a task that passes on what it receives, and the thread that it was on.
    fn start(
        runtime: &Handle,
        pipe: Pipe,
    ) -> std::sync::mpsc::Receiver<(Vec<u8>, std::thread::ThreadId)> {
        let (seen, seeing) = std::sync::mpsc::channel();
        let mut receiver = pipe.receiver;
        let sender = pipe.sender;
        drop(runtime.spawn(directly(move |direct| async move {
            let _sender = sender;
            receiver.bring_to(&direct);
            while let Some(frame) = receiver.recv().await {
                seen.send((frame, std::thread::current().id())).unwrap();
            }
        })));
        seeing
    }

    #[test]
    fn the_sending_thread_does_the_work() {
        let runtime = runtime();
        let (near, far) = Pipe::pair(16);
        let seeing = start(runtime.handle(), far);
        // Whoever polls first, the runtime must have begun before anyone else may.
        near.sender.try_send(vec![0]).unwrap();
        assert_eq!(seeing.recv().unwrap().0, [0]);
        let here = std::thread::current().id();
        let mut is_direct = false;
        for number in 0..10_000_u16 {
            let frame = number.to_be_bytes().to_vec();
            near.sender.try_send_then(frame.clone()).unwrap().run();
            let (seen, thread) = seeing.recv().unwrap();
            assert_eq!(seen, frame);
            // The runtime may be about to wait, and take it.
            is_direct |= thread == here;
        }
        assert!(is_direct, "the runtime did all of it");
        drop(near);
        assert!(seeing.recv().is_err(), "it is over with its pipe");
    }

    #[test]
    fn nothing_is_lost_or_reordered_between_threads() {
        const FRAMES: usize = 20_000;
        let runtime = runtime();
        let (near, far) = Pipe::pair(8);
        let sum = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sum);
        let (done, ended) = std::sync::mpsc::channel();
        let mut receiver = far.receiver;
        drop(runtime.spawn(directly(move |direct| async move {
            receiver.bring_to(&direct);
            let mut lasts = [0; 4];
            while let Some(frame) = receiver.recv().await {
                let number = usize::from(frame[1]) << 8 | usize::from(frame[2]);
                assert!(number > lasts[usize::from(frame[0])]);
                lasts[usize::from(frame[0])] = number;
                count.fetch_add(1, Ordering::Relaxed);
            }
            done.send(()).unwrap();
        })));
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let sender = near.sender.clone();
                scope.spawn(move || {
                    for number in 1..=FRAMES / 4 {
                        let mut frame = vec![thread, (number >> 8) as u8, number as u8];
                        loop {
                            match sender.try_send_then(frame) {
                                Ok(wake) => break wake.run(),
                                Err(super::super::TrySendError::Full(back)) => frame = back,
                                Err(error) => panic!("{error}"),
                            }
                            std::thread::yield_now();
                        }
                    }
                });
            }
        });
        drop(near);
        ended.recv_timeout(Duration::from_mins(1)).unwrap();
        assert_eq!(sum.load(Ordering::Relaxed), FRAMES);
    }

    #[test]
    fn a_task_that_is_aborted_lets_go_of_its_pipe() {
        let runtime = runtime();
        let (near, far) = Pipe::pair(16);
        let mut receiver = far.receiver;
        let (begun, beginning) = std::sync::mpsc::channel();
        let task = runtime.spawn(directly(move |direct| async move {
            receiver.bring_to(&direct);
            begun.send(()).unwrap();
            while receiver.recv().await.is_some() {}
        }));
        beginning.recv().unwrap();
        task.abort();
        runtime.block_on(near.sender.closed());
        assert!(near.sender.try_send_then(vec![1]).is_err());
    }
}
