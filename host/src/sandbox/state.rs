//! What the host keeps for one running task, beside its instance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spm_protocol::TrapCode;
use spm_protocol::limits::{EPOCH_TICK_MS, OUTPUT_BYTES_MAX, TABLE_ELEMENTS_MAX};
use wasmtime::{ResourceLimiter, UpdateDeadline};

use super::channel::Channel;
use super::engine::Bounds;
use super::grants::Granted;
use super::output::{OUTPUT_TICKS, OutputSink};
use super::run::TaskInput;
use super::stop::{Stop, StopCause};
use super::watch::{Watch, may_go_on};

/// Longest wait of a sleeping task between looks at what it printed.
const SLEEP_LOOK: Duration = Duration::from_millis(OUTPUT_TICKS as u64 * EPOCH_TICK_MS);

/// Why the host ended a guest; travels through wasmtime as the error of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ended {
    #[error("stopped from outside")]
    Stopped(Stop),
    #[error("deadline passed")]
    Deadline,
    #[error("{0}")]
    Violation(TrapCode),
    #[error("a message could not be had")]
    Unreachable,
    /// How, the state says.
    #[error("the guest ended its task itself")]
    Itself,
}

/// What a task's instance is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Until `call` begins, there is no task to end.
    Defining,
    Calling,
    /// What runs is the host's own, and nothing stops it.
    Resting,
}

/// How a guest ended its task from within.
#[derive(Debug)]
pub(super) enum Said {
    Returned(Vec<u8>),
    Raised(Vec<u8>),
}

/// What the imports, the limiter and the epoch callback of one task share.
pub(super) struct TaskState {
    bounds: Bounds,
    pub(super) index: u64,
    pub(super) attempt: u32,
    pub(super) seed: u64,
    pub(super) stop: Arc<StopCause>,
    pub(super) deadline: Option<Instant>,
    pub(super) memory_bytes_max: usize,
    pub(super) memory_bytes: usize,
    /// Whether the guest wanted more memory than it may have.
    pub(super) hit_memory_limit: bool,
    /// What the ticker sees of the task, and what it printed.
    pub(super) watch: Arc<Watch>,
    pub(super) output_bytes: usize,
    pub(super) sink: Option<Arc<dyn OutputSink>>,
    /// The task's connection to its manager. What defines a closure has none.
    pub(super) channel: Option<Arc<dyn Channel>>,
    phase: Phase,
    /// Present once the guest has ended its task without returning.
    pub(super) said: Option<Said>,
    /// Whether the task looked at what another attempt would see differently.
    pub(super) is_impure: bool,
    /// What the closure was granted, if anything.
    pub(super) granted: Option<Arc<Granted>>,
    /// What the stub clocks show; it goes on with every look.
    pub(super) clock_ns: u64,
    /// State of the stub's random numbers.
    pub(super) random: u64,
}

/// The state of a task whose closure has just been defined.
#[derive(Debug)]
pub(super) struct Defined {
    output: Vec<u8>,
    clock_ns: u64,
    random: u64,
    pub(super) is_impure: bool,
}

impl TaskState {
    /// For the instance that `stop` stops. Nothing may run yet: it has no memory, and does not see which task it is.
    pub(super) fn new(bounds: Bounds, stop: Arc<StopCause>) -> Self {
        Self {
            bounds,
            watch: Watch::new(Arc::clone(&stop)),
            index: 0,
            attempt: 1,
            seed: 0,
            stop,
            deadline: None,
            memory_bytes_max: 0,
            memory_bytes: 0,
            hit_memory_limit: false,
            output_bytes: 0,
            sink: None,
            channel: None,
            phase: Phase::Defining,
            said: None,
            is_impure: false,
            granted: None,
            clock_ns: 0,
            random: 0,
        }
    }

    /// Begins with what `define` may see of a task: its limits, and where its output goes.
    pub(super) fn begin(&mut self, input: &TaskInput<'_>, now: Instant) {
        self.phase = Phase::Defining;
        self.memory_bytes_max = input.memory_bytes_max;
        self.set_sink(input.sink.clone());
        self.granted.clone_from(&input.granted);
        self.start(now, input.deadline);
    }

    /// Goes on with what `call` sees.
    pub(super) fn begin_call(&mut self, input: &TaskInput<'_>) {
        self.index = input.index;
        self.attempt = input.attempt;
        self.seed = input.seed;
        self.channel.clone_from(&input.channel);
        self.phase = Phase::Calling;
    }

    /// The guest ends its task with this result.
    pub(super) fn exit(&mut self, result: Vec<u8>) -> Ended {
        if self.phase != Phase::Calling {
            return Ended::Violation(TrapCode::ImportDenied);
        }
        self.said = Some(Said::Returned(result));
        Ended::Itself
    }

    /// The guest ends its task, or what defines its closure, with this exception.
    pub(super) fn raise(&mut self, record: Vec<u8>) -> Ended {
        self.said = Some(Said::Raised(record));
        Ended::Itself
    }

    /// What tasks have in common that find the closure defined. Nothing, if some of what it printed is gone already.
    pub(super) fn defined(&self) -> Option<Defined> {
        let output = self.watch.output().waiting.clone();
        (output.len() == self.output_bytes).then_some(Defined {
            output,
            clock_ns: self.clock_ns,
            random: self.random,
            is_impure: self.is_impure,
        })
    }

    /// Begins another task in an instance in which its closure was defined.
    pub(super) fn begin_again(
        &mut self,
        input: &TaskInput<'_>,
        stop: &Arc<StopCause>,
        now: Instant,
        defined: &Defined,
    ) {
        self.stop = Arc::clone(stop);
        self.begin(input, now);
        self.begin_call(input);
        self.hit_memory_limit = false;
        self.watch.output().restart(&defined.output);
        self.output_bytes = defined.output.len();
        self.is_impure = defined.is_impure;
        self.clock_ns = defined.clock_ns;
        self.random = defined.random;
    }

    /// The task is over, and its instance waits for another.
    pub(super) fn rest(&mut self) {
        self.phase = Phase::Resting;
        self.watch.rest();
        self.set_sink(None);
        self.channel = None;
    }

    /// Sets when the task must be done.
    fn start(&mut self, now: Instant, deadline: Option<Duration>) {
        self.deadline = deadline.and_then(|deadline| now.checked_add(deadline));
        self.watch.begin(&self.stop, self.deadline);
    }

    /// Called at every tick while the guest runs.
    pub(super) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if self.phase == Phase::Resting {
            return Ok(UpdateDeadline::Continue(1));
        }
        self.may_go_on(Instant::now())?;
        self.watch.output().tick();
        Ok(UpdateDeadline::Continue(1))
    }

    /// Whether anything ends the task by `now`.
    fn may_go_on(&self, now: Instant) -> Result<(), Ended> {
        may_go_on(&self.stop, self.deadline, now)
    }

    /// Lets the task wait, until something ends it at most.
    pub(super) fn sleep(&mut self, duration: Duration) -> Result<(), Ended> {
        let mut now = Instant::now();
        // What no clock can show is longer than any host runs.
        let until = now.checked_add(duration);
        self.show_output();
        loop {
            self.may_go_on(now)?;
            if until.is_some_and(|until| now >= until) {
                return Ok(());
            }
            if let Some(sink) = &self.sink {
                sink.tick();
            }
            let mut look = now + SLEEP_LOOK;
            for end in [until, self.deadline].into_iter().flatten() {
                look = look.min(end);
            }
            // `may_go_on` finds the cause, too.
            let _ = self.stop.wait_until(look);
            now = Instant::now();
        }
    }

    /// Sends on what was printed, as the task may be about to wait.
    pub(super) fn show_output(&mut self) {
        self.watch.output().show();
    }

    /// Takes what the guest printed.
    pub(super) fn print(&mut self, text: &[u8]) -> Result<(), Ended> {
        self.output_bytes = self.output_bytes.saturating_add(text.len());
        if self.output_bytes > OUTPUT_BYTES_MAX {
            return Err(Ended::Violation(TrapCode::OutputLimit));
        }
        self.watch.output().print(text);
        Ok(())
    }

    fn set_sink(&mut self, sink: Option<Arc<dyn OutputSink>>) {
        self.watch.output().sink.clone_from(&sink);
        self.sink = sink;
    }
}

impl ResourceLimiter for TaskState {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let memory_bytes = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if memory_bytes > self.memory_bytes_max || maximum.is_some_and(|maximum| desired > maximum)
        {
            self.hit_memory_limit = true;
            return Ok(false);
        }
        self.memory_bytes = memory_bytes;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        self.bounds.core_instances as usize
    }

    fn tables(&self) -> usize {
        self.bounds.tables as usize
    }

    fn memories(&self) -> usize {
        self.bounds.memories as usize
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use spm_protocol::limits::OUTPUT_CHUNK_BYTES_MAX;

    use super::super::Profile;
    use super::*;

    const BOUNDS: Bounds = Profile::Small.bounds();

    #[derive(Default)]
    struct Kept(Mutex<Vec<Vec<u8>>>);

    impl OutputSink for Kept {
        fn write(&self, chunk: Vec<u8>) {
            self.0.lock().push(chunk);
        }
    }

    #[test]
    fn chunks_of_output_end_between_characters() {
        let kept = Arc::new(Kept::default());
        let mut state = TaskState::new(BOUNDS, Arc::default());
        state.set_sink(Some(kept.clone()));
        let text = "aü€😀".repeat(5000);
        for piece in text.as_bytes().chunks(7) {
            state.print(piece).unwrap();
        }
        let chunks = std::mem::take(&mut *kept.0.lock());
        assert!(chunks.len() >= 2);
        let mut joined = Vec::new();
        for chunk in chunks {
            assert!(chunk.len() <= OUTPUT_CHUNK_BYTES_MAX);
            assert!(std::str::from_utf8(&chunk).is_ok());
            joined.extend(chunk);
        }
        joined.extend(&state.watch.output().waiting);
        assert_eq!(joined, text.as_bytes());
    }

    #[test]
    fn output_that_is_no_text_still_flows() {
        let mut state = TaskState::new(BOUNDS, Arc::default());
        state.print(&vec![0x80; 3 * OUTPUT_CHUNK_BYTES_MAX]).unwrap();
        assert!(state.watch.output().waiting.len() <= OUTPUT_CHUNK_BYTES_MAX);
        state.print(&vec![0xf0; 3 * OUTPUT_CHUNK_BYTES_MAX]).unwrap();
        assert!(state.watch.output().waiting.len() <= OUTPUT_CHUNK_BYTES_MAX);
    }

    #[test]
    fn output_has_a_limit() {
        let mut state = TaskState::new(BOUNDS, Arc::default());
        let piece = vec![b'x'; OUTPUT_BYTES_MAX];
        assert_eq!(state.print(&piece), Ok(()));
        assert_eq!(state.print(b"x"), Err(Ended::Violation(TrapCode::OutputLimit)));
    }

    #[test]
    fn sleeping_ends_with_its_time_or_the_tasks() {
        let mut state = TaskState::new(BOUNDS, Arc::default());
        let begun = Instant::now();
        assert_eq!(state.sleep(Duration::ZERO), Ok(()));
        assert_eq!(state.sleep(Duration::from_millis(3)), Ok(()));
        assert!(begun.elapsed() >= Duration::from_millis(3));
        state.start(Instant::now(), Some(Duration::from_millis(3)));
        assert_eq!(state.sleep(Duration::MAX), Err(Ended::Deadline));
        assert_eq!(state.sleep(Duration::ZERO), Err(Ended::Deadline));
    }

    #[test]
    fn nothing_stops_what_the_host_does_between_tasks() {
        let stop = Arc::new(StopCause::new());
        let mut state = TaskState::new(BOUNDS, Arc::clone(&stop));
        state.start(Instant::now(), Some(Duration::ZERO));
        assert!(state.tick().is_err());
        stop.stop(Stop::Abandoned);
        state.rest();
        assert!(state.tick().is_ok());
    }

    #[test]
    fn who_stops_a_task_wakes_it() {
        let stop = Arc::new(StopCause::new());
        let mut state = TaskState::new(BOUNDS, Arc::clone(&stop));
        let sleeping = std::thread::spawn(move || state.sleep(Duration::MAX));
        stop.stop(Stop::Abandoned);
        assert_eq!(sleeping.join().unwrap(), Err(Ended::Stopped(Stop::Abandoned)));
    }

    #[test]
    fn what_was_printed_is_not_held_back_by_a_sleep() {
        let kept = Arc::new(Kept::default());
        let mut state = TaskState::new(BOUNDS, Arc::default());
        state.set_sink(Some(kept.clone()));
        state.print(b"going to bed").unwrap();
        assert_eq!(state.sleep(Duration::ZERO), Ok(()));
        assert_eq!(*kept.0.lock(), [b"going to bed".to_vec()]);
    }

    #[test]
    fn memory_is_counted_over_all_memories() {
        let mut state = TaskState::new(BOUNDS, Arc::default());
        state.memory_bytes_max = 10;
        assert!(state.memory_growing(0, 6, None).unwrap());
        assert!(state.memory_growing(0, 4, None).unwrap());
        assert!(!state.hit_memory_limit);
        assert!(!state.memory_growing(4, 5, None).unwrap());
        assert!(state.hit_memory_limit);
    }
}
