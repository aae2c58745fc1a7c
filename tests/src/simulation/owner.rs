//! Who uses the hub: defines, runs a list, takes what comes, cancels now and then, concludes, and again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::OnceLock;

use libp2p_identity::Keypair;
use spm_hub::machine::list::{Event as ListEvent, List, NewTask, Rules};
use spm_hub::machine::session::Definition;
use spm_hub::machine::{Action, Conversation};
use spm_hub::{Completion, DefineError, DefineOptions, Delivery, TaskOutcome, Wait};
use spm_protocol::manifest::{Engine, Isolation, TaskLimits};
use spm_protocol::raised::left_proof;
use spm_protocol::{
    ContentId, Manifest, Payload, PeerId, Point, SessionId, SignedManifest, TaskId,
};

use super::Mutation;
use super::host::{CLOSURE, FALLBACK, leaves, output_of, record_of, value_of};
use super::random::Random;

/// How a definition ended.
type DefineResult = Result<(Point, Vec<(PeerId, String)>), DefineError>;

/// Largest number of tasks of one run.
const TASKS_MAX: u64 = 120;
/// Definitions that may fail before the owner gives up: some hosts refuse everything.
const FAILURES_MAX: u64 = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Offline,
    Defining,
    Running,
    Concluding,
    Done,
}

/// The script of one simulation, and what it has seen.
pub struct Owner {
    step: Step,
    rounds: u64,
    to_submit: u64,
    window_tasks: usize,
    is_ordered: bool,
    /// Attempts at a task that may be in vain.
    attempts_max: u32,
    /// Tasks of this run that were submitted and not completed: their index and closure.
    open: BTreeMap<TaskId, (u64, u32)>,
    /// The task that was the first in this run to leave its closure.
    first_left: Option<TaskId>,
    mutation: Option<Mutation>,
    last_task: TaskId,
    outputs: BTreeMap<TaskId, Vec<u8>>,
    deliveries: VecDeque<Delivery>,
    is_finished: bool,
    /// Whether it cancels and concludes in mid-run.
    cancels: bool,
    failures: u64,
    pub submitted: u64,
    pub completed: u64,
    pub returned: u64,
    pub deopts: u64,
    pub unbacked: u64,
    pub points: u64,
}

impl Owner {
    pub fn new(random: &mut Random, mutation: Option<Mutation>) -> Self {
        Self {
            step: Step::Offline,
            rounds: random.between(1, 3),
            to_submit: 0,
            window_tasks: 0,
            is_ordered: false,
            attempts_max: 0,
            open: BTreeMap::new(),
            first_left: None,
            mutation,
            last_task: TaskId(0),
            outputs: BTreeMap::new(),
            deliveries: VecDeque::new(),
            is_finished: false,
            cancels: random.chance(50),
            failures: 0,
            submitted: 0,
            completed: 0,
            returned: 0,
            deopts: 0,
            unbacked: 0,
            points: 0,
        }
    }

    pub fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    /// Where it is, for people.
    pub fn state(&self) -> String {
        format!("{:?}, {} tasks open, {} to submit", self.step, self.open.len(), self.to_submit)
    }

    pub fn defined(&mut self, result: &DefineResult) {
        if self.step == Step::Defining && result.is_err() {
            self.step = Step::Offline;
            self.failures += 1;
            if self.failures == FAILURES_MAX {
                self.rounds = 0;
            }
        }
    }

    pub fn concluded(&mut self) {
        if self.step == Step::Concluding {
            self.step = Step::Offline;
        }
    }

    pub fn deliver(&mut self, delivery: Delivery) {
        self.deliveries.push_back(delivery);
    }

    /// Does the next thing.
    pub fn act(
        &mut self,
        hub: &mut Conversation,
        now_ms: u64,
        is_calm: bool,
        random: &mut Random,
        actions: &mut Vec<Action>,
    ) -> Result<(), String> {
        match self.step {
            Step::Offline if self.rounds == 0 => self.step = Step::Done,
            Step::Offline => {
                let wait = [Wait::ForOne, Wait::ForAll, Wait::ForAll, Wait::Strict];
                let wait = if is_calm { Wait::ForOne } else { wait[random.between(0, 3) as usize] };
                let options = DefineOptions { wait, deadline_ms: random.between(200, 20_000) };
                let is_forgotten = self.mutation == Some(Mutation::FallbackForgotten);
                let definition = Definition {
                    closures: vec![closure(); 2],
                    fallbacks: vec![(!is_forgotten).then_some(FALLBACK), None],
                    providers: Vec::new(),
                    options,
                };
                hub.define(now_ms, definition, actions).map_err(|error| error.to_string())?;
                self.step = Step::Defining;
            }
            Step::Defining => {
                if hub.session().online().is_some() {
                    self.start(hub, now_ms, random, actions)?;
                } else if random.chance(1) {
                    hub.conclude(now_ms, actions).map_err(|error| error.to_string())?;
                    self.step = Step::Concluding;
                }
            }
            Step::Running => self.run(hub, now_ms, is_calm, random, actions)?,
            Step::Concluding | Step::Done => {}
        }
        Ok(())
    }

    fn start(
        &mut self,
        hub: &mut Conversation,
        now_ms: u64,
        random: &mut Random,
        actions: &mut Vec<Action>,
    ) -> Result<(), String> {
        self.step = Step::Running;
        self.points += 1;
        self.to_submit = random.between(0, TASKS_MAX);
        self.window_tasks = random.between(1, 64) as usize;
        self.is_ordered = random.chance(50);
        self.is_finished = false;
        self.first_left = None;
        let retries = random.between(0, 4) as u32;
        self.attempts_max = retries + 1;
        let is_short = self.mutation == Some(Mutation::OneRetryLess);
        let rules = Rules {
            ordered: self.is_ordered,
            window_tasks: self.window_tasks,
            retries: retries.saturating_sub(u32::from(is_short)),
            retry_deadline_hit: random.chance(30),
            task_deadline_ms: random.chance(30).then(|| random.between(1, 1_000)),
            until_ms: random.chance(20).then(|| now_ms + random.between(1, 30_000)),
        };
        hub.start_list(now_ms, rules, actions).map_err(|error| error.to_string())
    }

    fn run(
        &mut self,
        hub: &mut Conversation,
        now_ms: u64,
        is_calm: bool,
        random: &mut Random,
        actions: &mut Vec<Action>,
    ) -> Result<(), String> {
        for _ in 0..random.between(0, 40) {
            if self.to_submit == 0 {
                break;
            }
            if !self.submit(hub, now_ms, random) {
                break;
            }
        }
        hub.pump(now_ms, actions);
        if self.to_submit == 0 {
            hub.handle_list(now_ms, ListEvent::CloseInput, actions);
        }
        // In the end every task must get through without help.
        let is_fickle = self.cancels && !is_calm && random.chance(3);
        if is_fickle && let Some(&task) = self.open.keys().nth(random.between(0, 20) as usize) {
            hub.handle_list(now_ms, ListEvent::Cancel { task }, actions);
        }
        if is_fickle && random.chance(10) {
            self.to_submit = 0;
            hub.handle_list(now_ms, ListEvent::CancelAll, actions);
        }
        let is_over = self.is_finished && self.deliveries.is_empty();
        if is_over && !self.open.is_empty() {
            return Err(format!("run finished, and tasks {:?} never ended", self.open.keys()));
        }
        if is_over || (is_fickle && random.chance(10)) {
            hub.conclude(now_ms, actions).map_err(|error| error.to_string())?;
            self.step = Step::Concluding;
            self.rounds -= 1;
        }
        Ok(())
    }

    fn submit(&mut self, hub: &mut Conversation, now_ms: u64, random: &mut Random) -> bool {
        let index = self.submitted;
        let arguments = index.to_be_bytes().to_vec();
        let bytes = arguments.len();
        let closure = if random.chance(10) { FALLBACK } else { CLOSURE };
        let task = NewTask {
            closure,
            index,
            seed: index,
            deadline_ms: random.chance(5).then(|| random.between(1, 5_000)),
            arguments: Payload::Inline(arguments),
        };
        match hub.submit(now_ms, task, bytes) {
            Ok(id) => {
                self.open.insert(id, (index, closure));
                self.submitted += 1;
                self.to_submit -= 1;
                true
            }
            Err(spm_hub::SubmitError::Closed) => {
                self.to_submit = 0;
                false
            }
            Err(_) => false,
        }
    }

    /// Takes some of what was delivered, and checks it. Returns how many completions there were.
    pub fn take(&mut self, random: &mut Random) -> Result<usize, String> {
        let mut count = 0;
        for _ in 0..random.between(0, 60) {
            let Some(delivery) = self.deliveries.pop_front() else { break };
            match delivery {
                Delivery::Finished => self.is_finished = true,
                Delivery::Deopt(deopt) => {
                    if self.first_left.replace(deopt.task).is_some() {
                        return Err(format!("task {} leaves its closure as the first", deopt.task));
                    }
                    if deopt.closure != CLOSURE || deopt.record != record_of(deopt.index) {
                        return Err(format!("task {} left another closure", deopt.task));
                    }
                }
                Delivery::Output(output) => {
                    self.outputs.entry(output.task).or_default().extend(output.output);
                    self.check_output(output.task, false)?;
                }
                Delivery::Completion(completion) => {
                    count += 1;
                    self.completed += 1;
                    let task = completion.task;
                    let Some((index, closure)) = self.open.remove(&task) else {
                        return Err(format!("task {task} ended twice, or was never submitted"));
                    };
                    if index != completion.index {
                        return Err(format!(
                            "task {task} has index {index}, not {}",
                            completion.index
                        ));
                    }
                    if self.is_ordered && task <= self.last_task {
                        return Err(format!("task {task} ended after task {}", self.last_task));
                    }
                    self.last_task = task;
                    self.outputs.entry(task).or_default().extend(&completion.output);
                    self.check_closure(&completion, closure)?;
                    self.check_attempts(&completion)?;
                    let is_whole = matches!(completion.outcome, TaskOutcome::Returned(_));
                    self.returned += u64::from(is_whole);
                    self.deopts += u64::from(is_whole && completion.is_deopt);
                    self.unbacked += u64::from(completion.unbacked.is_some());
                    self.check_output(task, is_whole)?;
                    self.outputs.remove(&task);
                }
            }
        }
        Ok(count)
    }

    /// All deliveries of a concluded run, at once.
    pub fn take_rest(&mut self, random: &mut Random) -> Result<(), String> {
        while !self.deliveries.is_empty() {
            self.take(random)?;
        }
        self.outputs.clear();
        if self.open.is_empty() {
            return Ok(());
        }
        Err(format!("point concluded, and tasks {:?} never ended", self.open.keys()))
    }

    /// Whether a task that was submitted for `closure` was ended by the closure that had to, and only once.
    fn check_closure(&self, completion: &Completion, closure: u32) -> Result<(), String> {
        let (task, index) = (completion.task, completion.index);
        let must_leave = closure == CLOSURE && leaves(index);
        let ended_by = if completion.is_deopt { FALLBACK } else { closure };
        if completion.closure != ended_by || (completion.is_deopt && !must_leave) {
            return Err(format!("task {task} ended by closure {}", completion.closure));
        }
        if completion.is_deopt && self.first_left.is_none() {
            return Err(format!("task {task} left its closure, and nobody was told"));
        }
        if completion.unbacked.is_some() {
            // No host had an engine for the fallback: the task ended as it had left.
            let record = TaskOutcome::Raised(record_of(index).into());
            let is_right = must_leave && !completion.is_deopt && completion.outcome == record;
            return if is_right { Ok(()) } else { Err(format!("task {task} was to be run again")) };
        }
        if matches!(completion.outcome, TaskOutcome::Unprepared(_)) && closure != FALLBACK {
            return Err(format!("task {task} ended as if it were for the fallback"));
        }
        let (TaskOutcome::Returned(value) | TaskOutcome::Raised(value)) = &completion.outcome
        else {
            return Ok(());
        };
        if left_proof(value).is_some() {
            return Err(format!("task {task} left its closure, and that was the end of it"));
        }
        if *value != value_of(index, completion.closure) {
            return Err(format!("task {task} has the result of another"));
        }
        if must_leave && !completion.is_deopt {
            return Err(format!("task {task} did not leave its closure"));
        }
        Ok(())
    }

    /// Whether a task was tried as often as was said, the attempt that left its closure aside.
    fn check_attempts(&self, completion: &Completion) -> Result<(), String> {
        let attempts = completion.attempts - u32::from(completion.is_deopt);
        let gave_up = matches!(
            completion.outcome,
            TaskOutcome::HostFault(_) | TaskOutcome::Refused(_) | TaskOutcome::HostLost(_)
        );
        if attempts > self.attempts_max || (gave_up && attempts < self.attempts_max) {
            let (task, max) = (completion.task, self.attempts_max);
            return Err(format!("task {task} ended after {attempts} attempts of {max}"));
        }
        Ok(())
    }

    fn check_output(&self, task: TaskId, is_whole: bool) -> Result<(), String> {
        let empty = Vec::new();
        let shown = self.outputs.get(&task).unwrap_or(&empty);
        let whole = output_of(task);
        if whole.starts_with(shown) && (!is_whole || whole.len() == shown.len()) {
            return Ok(());
        }
        Err(format!("task {task} showed `{}`", String::from_utf8_lossy(shown)))
    }

    /// Whether the window is kept.
    pub fn check_window(&self, list: &List) -> Result<(), String> {
        if list.held() > self.window_tasks {
            return Err(format!("{} tasks held in a window of {}", list.held(), self.window_tasks));
        }
        Ok(())
    }

    pub fn is_concluding(&self) -> bool {
        self.step == Step::Concluding
    }
}

/// A closure. Nobody verifies it here; what counts is that there is one.
fn closure() -> SignedManifest {
    static CLOSURE: OnceLock<SignedManifest> = OnceLock::new();
    let signed = CLOSURE.get_or_init(|| {
        let manifest = Manifest {
            name: "f".to_owned(),
            component: ContentId::of(b"component"),
            component_bytes: 9,
            engine: Engine::Native,
            payload: None,
            fallback: None,
            classes: Vec::new(),
            limits: TaskLimits { memory_bytes: 1 << 20, fuel: None, deadline_ms: None },
            capabilities: Vec::new(),
            isolation: Isolation::Task,
            source: ContentId::of(b"source"),
            compiler: "simulation".to_owned(),
            session: SessionId::from_bytes([0; 16]),
            expires_unix_ms: u64::MAX,
        };
        let key = Keypair::ed25519_from_bytes([99; 32]).expect("32 bytes are a key");
        SignedManifest::sign(&manifest, &key)
    });
    signed.clone()
}
