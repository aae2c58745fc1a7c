//! Who uses the hub: defines, runs a list, takes what comes, cancels now and then, concludes, and again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::OnceLock;

use libp2p_identity::Keypair;
use spm_hub::machine::list::{Event as ListEvent, List, NewTask, Rules};
use spm_hub::machine::session::Definition;
use spm_hub::machine::{Action, Conversation};
use spm_hub::{Ask, Completion, DefineError, DefineOptions, Delivery, TaskOutcome, Wait};
use spm_protocol::frame::Role;
use spm_protocol::manifest::{Engine, Isolation, TaskLimits};
use spm_protocol::raised::left_proof;
use spm_protocol::{
    ContentId, Manifest, Payload, PeerId, Point, SessionId, SignedManifest, TaskId,
};

use super::Mutation;
use super::crew::Crew;
use super::graph::Graph;
use super::host::{CLOSURE, FALLBACK, leaves, output_of, record_of, value_of};
use super::random::Random;
use super::work::{answer_to, arguments_of, children_of, question_of};

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

/// Which manager a run is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    List,
    Farm,
    Template,
    Dag,
    Team,
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
    manager: Manager,
    /// Depths of tasks that may make tasks, and those that were made and not submitted.
    depths: BTreeMap<TaskId, u8>,
    children: VecDeque<u8>,
    /// Questions that were not answered.
    asks: Vec<Ask>,
    graph: Graph,
    crew: Crew,
    /// When a run is concluded that is over: a while later, to see what is left of it.
    settles_until_ms: Option<u64>,
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
    pub answered: u64,
    pub grown: u64,
    pub remade: u64,
    pub teams: u64,
    pub teams_returned: u64,
    pub deadlocks: u64,
    pub settled: u64,
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
            manager: Manager::List,
            depths: BTreeMap::new(),
            children: VecDeque::new(),
            asks: Vec::new(),
            graph: Graph::default(),
            crew: Crew::default(),
            settles_until_ms: None,
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
            answered: 0,
            grown: 0,
            remade: 0,
            teams: 0,
            teams_returned: 0,
            deadlocks: 0,
            settled: 0,
        }
    }

    /// Whether a run is over for so long that nothing of it should be left.
    pub fn is_settled(&self, now_ms: u64) -> bool {
        self.step == Step::Running
            && self.settles_until_ms.is_some_and(|until_ms| now_ms >= until_ms)
    }

    pub fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    /// Where it is, for people.
    pub fn state(&self) -> String {
        let (step, manager, open) = (self.step, self.manager, self.open.len());
        format!("{step:?} of {manager:?}, {open} tasks open, {} to submit", self.to_submit)
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
                let options =
                    DefineOptions { wait, deadline_ms: random.between(200, 20_000), meets: false };
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
        self.manager = match random.between(0, 9) {
            0..=4 => Manager::List,
            5 => Manager::Farm,
            6 => Manager::Template,
            7 => Manager::Dag,
            _ => Manager::Team,
        };
        self.to_submit = match self.manager {
            Manager::List | Manager::Farm => random.between(0, TASKS_MAX),
            Manager::Template => random.between(0, TASKS_MAX / 8),
            Manager::Dag | Manager::Team => 0,
        };
        self.children.clear();
        self.depths.clear();
        self.asks.clear();
        self.graph = Graph::new(random);
        self.crew = Crew::new(random);
        self.settles_until_ms = None;
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
        let is_plain = matches!(self.manager, Manager::List | Manager::Farm);
        let until_ms = rules.until_ms.filter(|_| is_plain);
        let rules = Rules { until_ms, ordered: self.is_ordered && is_plain, ..rules };
        self.is_ordered = rules.ordered;
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
        self.manage(hub, now_ms, random, actions)?;
        hub.pump(now_ms, actions);
        if self.has_no_more() {
            hub.handle_list(now_ms, ListEvent::CloseInput, actions);
        }
        // In the end every task must get through without help.
        let is_fickle = self.cancels && !is_calm && random.chance(3);
        if is_fickle {
            self.crew.cancel();
        }
        if is_fickle && let Some(&task) = self.open.keys().nth(random.between(0, 20) as usize) {
            hub.handle_list(now_ms, ListEvent::Cancel { task }, actions);
        }
        if is_fickle && random.chance(10) {
            self.to_submit = 0;
            hub.handle_list(now_ms, ListEvent::CancelAll, actions);
        }
        let is_over = self.is_finished && self.deliveries.is_empty();
        if is_over && self.settles_until_ms.is_none() {
            self.graph.release(true, hub, now_ms, actions);
            hub.pump(now_ms, actions);
            let is_patient = self.open.is_empty() && random.chance(20);
            let calm_ms = super::CHAOS_MS + 40_000;
            self.settles_until_ms = is_patient.then(|| calm_ms.max(now_ms + 40_000));
        }
        if self.settles_until_ms.is_some_and(|until_ms| now_ms < until_ms) {
            return Ok(());
        }
        self.settled += u64::from(self.settles_until_ms.is_some());
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

    /// Whether nothing will be submitted any more.
    fn has_no_more(&self) -> bool {
        self.to_submit == 0
            && match self.manager {
                Manager::List | Manager::Farm => true,
                Manager::Template => self.open.is_empty() && self.children.is_empty(),
                Manager::Dag => self.graph.is_done(),
                Manager::Team => self.crew.is_done(),
            }
    }

    /// Does what its manager does.
    fn manage(
        &mut self,
        hub: &mut Conversation,
        now_ms: u64,
        random: &mut Random,
        actions: &mut Vec<Action>,
    ) -> Result<(), String> {
        match self.manager {
            Manager::List => {}
            Manager::Farm => self.answer(hub, now_ms, random, actions)?,
            Manager::Template => {
                while let Some(depth) = self.children.front().copied()
                    && self.submit_at(depth, hub, now_ms, random)
                {
                    self.children.pop_front();
                }
            }
            Manager::Dag => {
                self.graph.release(false, hub, now_ms, actions);
                let Some(list) = hub.list() else { return Ok(()) };
                for task in self.graph.ready(list) {
                    let node = task.index;
                    let Ok(id) = hub.submit(now_ms, task) else { break };
                    self.graph.submitted(id, node);
                    self.open.insert(id, (node, CLOSURE));
                    self.submitted += 1;
                }
            }
            Manager::Team => {
                let ranks = self.crew.begin(hub, now_ms, random, actions);
                self.submitted += ranks.len() as u64;
                let ranks = ranks.into_iter();
                self.open.extend(ranks.map(|(id, rank)| (id, (u64::from(rank), CLOSURE))));
            }
        }
        Ok(())
    }

    /// Answers some of what was asked, and sometimes what nobody waits for.
    fn answer(
        &mut self,
        hub: &mut Conversation,
        now_ms: u64,
        random: &mut Random,
        actions: &mut Vec<Action>,
    ) -> Result<(), String> {
        for ask in std::mem::take(&mut self.asks) {
            if random.chance(30) {
                self.asks.push(ask);
                continue;
            }
            let value = answer_to(&ask.value);
            let (id, bytes) = (ContentId::of(&value), value.len() as u64);
            let payload = if random.chance(10) {
                Payload::Blob { id, bytes }
            } else {
                Payload::Inline(value)
            };
            let mut tell = |attempt, number| {
                let payload = payload.clone();
                let answer = |list: &mut List, actions: &mut Vec<_>| {
                    list.answer(ask.task, attempt, number, payload, actions)
                };
                hub.with_list(now_ms, answer, actions) == Some(true)
            };
            if tell(ask.attempt + 100, ask.number) || tell(ask.attempt, ask.number + 100) {
                return Err(format!("task {} takes an answer to another question", ask.task));
            }
            self.answered += u64::from(tell(ask.attempt, ask.number));
            if tell(ask.attempt, ask.number) {
                return Err(format!("task {} takes an answer twice", ask.task));
            }
        }
        Ok(())
    }

    fn submit(&mut self, hub: &mut Conversation, now_ms: u64, random: &mut Random) -> bool {
        let is_taken = self.submit_at(0, hub, now_ms, random);
        self.to_submit = self.to_submit.saturating_sub(u64::from(is_taken));
        is_taken
    }

    fn submit_at(
        &mut self,
        depth: u8,
        hub: &mut Conversation,
        now_ms: u64,
        random: &mut Random,
    ) -> bool {
        let index = self.submitted;
        let closure = if random.chance(10) { FALLBACK } else { CLOSURE };
        let role = match self.manager {
            Manager::Farm => Role::Asker,
            Manager::Template => Role::Branch,
            Manager::List | Manager::Dag | Manager::Team => Role::Independent,
        };
        let task = NewTask {
            seed: index,
            deadline_ms: random.chance(5).then(|| random.between(1, 5_000)),
            role,
            priority: random.between(0, 3) as i64,
            ..NewTask::new(closure, index, arguments_of(index, role, depth))
        };
        match hub.submit(now_ms, task) {
            Ok(id) => {
                self.open.insert(id, (index, closure));
                self.depths.insert(id, depth);
                self.submitted += 1;
                true
            }
            Err(spm_hub::SubmitError::Closed) => {
                self.to_submit = 0;
                self.children.clear();
                false
            }
            Err(_) => false,
        }
    }

    /// Takes some of what was delivered, and checks it. Returns how many completions there were.
    pub fn take(&mut self, list: Option<&List>, random: &mut Random) -> Result<usize, String> {
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
                Delivery::Ask(ask) => {
                    let expected = question_of(ask.index, ask.attempt, ask.number);
                    if self.manager != Manager::Farm || ask.value != expected {
                        return Err(format!("task {} asks what it did not", ask.task));
                    }
                    self.asks.push(ask);
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
                    match self.manager {
                        Manager::Dag => self.graph.take(&completion, list)?,
                        Manager::Team => self.crew.take(&completion)?,
                        _ => self.check_closure(&completion, closure)?,
                    }
                    self.take_children(&completion)?;
                    if self.manager != Manager::Team {
                        self.check_attempts(&completion)?;
                    }
                    let is_whole = matches!(
                        completion.outcome,
                        TaskOutcome::Returned(_) | TaskOutcome::Grown(..) | TaskOutcome::Kept(_)
                    );
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

    /// Takes the tasks that a task made.
    fn take_children(&mut self, completion: &Completion) -> Result<(), String> {
        let depth = self.depths.remove(&completion.task).unwrap_or(0);
        let expected = children_of(completion.index, depth);
        match &completion.outcome {
            TaskOutcome::Grown(_, tasks) if *tasks == expected && !tasks.is_empty() => {
                self.grown += 1;
                self.children.extend(tasks.iter().map(|_| depth + 1));
                Ok(())
            }
            TaskOutcome::Grown(..) => {
                Err(format!("task {} made tasks that it did not", completion.task))
            }
            TaskOutcome::Returned(_)
                if self.manager == Manager::Template && !expected.is_empty() =>
            {
                Err(format!("task {} made tasks, and they are lost", completion.task))
            }
            _ => Ok(()),
        }
    }

    /// All deliveries of a concluded run, at once.
    pub fn take_rest(&mut self, random: &mut Random) -> Result<(), String> {
        while !self.deliveries.is_empty() {
            self.take(None, random)?;
        }
        self.outputs.clear();
        self.asks.clear();
        self.remade += std::mem::take(&mut self.graph.remade);
        self.teams += std::mem::take(&mut self.crew.begun);
        self.teams_returned += std::mem::take(&mut self.crew.returned);
        self.deadlocks += std::mem::take(&mut self.crew.deadlocks);
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
        if matches!(completion.outcome, TaskOutcome::Kept(_) | TaskOutcome::Deadlock(_)) {
            return Err(format!("task {task} ended as {:?}", completion.outcome));
        }
        let (TaskOutcome::Returned(value)
        | TaskOutcome::Raised(value)
        | TaskOutcome::Grown(value, _)) = &completion.outcome
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
