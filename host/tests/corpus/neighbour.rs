//! The other submitter of the same host, who does nothing wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use spm_protocol::{Engine, Outcome, Payload};

use super::file::{CorpusFile, HubManner};
use super::hosts::TestHost;
use super::submitter::Submitter;

/// Tasks from whose times the undisturbed one is taken.
const UNDISTURBED_TASKS: usize = 50;

/// Does a little: a hundred thousand steps of a shift register, from its arguments.
const HONEST: &str = r#"
  (module (memory (export "memory") 1) {world} {return}
    (func (export "call") (param $at i32) (param $length i32) (result i32)
      (local $state i64) (local $steps i32)
      (local.set $state (i64.load (local.get $at)))
      (local.set $steps (i32.const 100000))
      (loop $more
        (local.set $state (i64.xor (local.get $state) (i64.shl (local.get $state) (i64.const 13))))
        (local.set $state (i64.xor (local.get $state) (i64.shr_u (local.get $state) (i64.const 7))))
        (local.set $state (i64.xor (local.get $state) (i64.shl (local.get $state) (i64.const 17))))
        (local.set $steps (i32.sub (local.get $steps) (i32.const 1)))
        (br_if $more (local.get $steps)))
      (i64.store (i32.const 64) (local.get $state))
      (call $return (i32.const 64) (i32.const 8))))
"#;

/// What that returns.
fn honest_answer(mut state: u64) -> u64 {
    for _ in 0..100_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    state
}

/// The neighbour's closure.
pub fn honest() -> CorpusFile {
    CorpusFile {
        name: "honest".to_owned(),
        component: super::file::component_of("honest", HONEST),
        outcome: "returned".to_owned(),
        value: None,
        record: None,
        memory_mib: 64,
        deadline_ms: None,
        fuel: None,
        payload: None,
        arguments: Vec::new(),
        engine: Engine::Guest,
        manager: None,
        hub: HubManner::Answers,
        tasks: 1,
        patience_s: None,
    }
}

/// A session whose closure is in force.
pub struct Neighbour {
    submitter: Submitter,
    closure: CorpusFile,
    seed: u64,
    /// The time of a task that nobody disturbs.
    pub undisturbed: Duration,
}

impl Neighbour {
    pub fn new(host: &TestHost) -> Self {
        let (submitter, closure) = (host.session(), honest());
        let mut neighbour = Self { submitter, closure, seed: 1, undisturbed: Duration::ZERO };
        neighbour.submitter.define(&neighbour.closure).expect("it is taken");
        let mut times: Vec<_> = (0..UNDISTURBED_TASKS).map(|_| neighbour.task()).collect();
        times.sort();
        neighbour.undisturbed = times[UNDISTURBED_TASKS / 2];
        neighbour
    }

    /// Runs a task, checks its answer, and says how long it took.
    fn task(&mut self) -> Duration {
        self.seed += 1;
        self.closure.arguments = self.seed.to_le_bytes().to_vec();
        let begun = Instant::now();
        let results = self.submitter.run(&self.closure).expect("the session goes on");
        let took = begun.elapsed();
        let answer = honest_answer(self.seed).to_le_bytes().to_vec();
        assert_eq!(results[0].outcome, Outcome::Returned(Payload::Inline(answer)));
        took
    }

    /// Runs one task after another until it is [ended](Working::end).
    pub fn work(mut self) -> Working {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut slowest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                slowest = slowest.max(self.task());
            }
            (self, slowest)
        });
        Working { is_over, thread }
    }
}

/// A neighbour at work.
pub struct Working {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(Neighbour, Duration)>,
}

impl Working {
    /// The neighbour, and what its slowest task took longer than one that nobody disturbs.
    pub fn end(self) -> (Neighbour, Duration) {
        self.is_over.store(true, Ordering::Relaxed);
        let (neighbour, slowest) = self.thread.join().expect("the neighbour's answers are right");
        let delay = slowest.saturating_sub(neighbour.undisturbed);
        (neighbour, delay)
    }
}
