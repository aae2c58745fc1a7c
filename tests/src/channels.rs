//! Task managers that are nothing but mailboxes and lists, for tests of what runs in a sandbox.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use spm_host::sandbox::{
    Channel, Definition, Keep, Manager, Message, Over, Patience, Ran, Sandbox, StopCause,
    THREAD_STACK_BYTES, TaskInput,
};

/// How often who waits looks whether the task is over.
const LOOK: Duration = Duration::from_millis(5);
/// Longest a task of a test takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// The hub of a farm, which answers what this function makes of a question.
#[derive(Debug)]
pub struct Farm(pub fn(Vec<u8>) -> Vec<u8>);

/// The hub of a template: what was spawned, and the bound.
#[derive(Debug)]
pub struct Template {
    /// Arguments and priorities, in the order they came.
    pub spawned: Mutex<Vec<(Vec<u8>, f64)>>,
    /// The least value known.
    pub bound: Mutex<f64>,
}

impl Default for Template {
    fn default() -> Self {
        Self { spawned: Mutex::default(), bound: Mutex::new(f64::INFINITY) }
    }
}

/// Mailboxes of the ranks of a team.
#[derive(Debug)]
pub struct Team {
    boxes: Mutex<Vec<VecDeque<Message>>>,
    changed: Condvar,
}

impl Team {
    /// Of as many ranks.
    pub fn new(size: usize) -> Self {
        Self { boxes: Mutex::new(vec![VecDeque::new(); size]), changed: Condvar::new() }
    }

    /// The channel of one of its ranks.
    pub fn rank(self: &Arc<Self>, rank: u32) -> Arc<dyn Channel> {
        Arc::new(Rank { team: Arc::clone(self), rank })
    }

    /// Puts a message into the mailbox of a rank.
    pub fn put(&self, rank: u32, message: Message) {
        self.boxes.lock()[rank as usize].push_back(message);
        self.changed.notify_all();
    }

    /// Messages that nobody has received.
    pub fn left(&self) -> usize {
        self.boxes.lock().iter().map(VecDeque::len).sum()
    }
}

#[derive(Debug)]
struct Rank {
    team: Arc<Team>,
    rank: u32,
}

impl Rank {
    fn take(
        boxes: &mut [VecDeque<Message>],
        rank: u32,
        source: Option<u32>,
        tag: Option<u32>,
    ) -> Option<Message> {
        let waiting = &mut boxes[rank as usize];
        let place = waiting.iter().position(|message| {
            source.is_none_or(|source| source == message.source)
                && tag.is_none_or(|tag| tag == message.tag)
        })?;
        waiting.remove(place)
    }
}

/// The functions of managers that a channel is not of: nobody calls them.
macro_rules! not_called {
    (ask) => {
        fn ask(&self, _: Vec<u8>, _: &Patience<'_>) -> Result<Vec<u8>, Over> {
            unreachable!()
        }
    };
    (tree) => {
        fn spawn(&self, _: Vec<u8>, _: f64) -> Result<(), Over> {
            unreachable!()
        }
        fn bound(&self) -> f64 {
            unreachable!()
        }
        fn improve(&self, _: f64) {
            unreachable!()
        }
    };
    (team) => {
        fn rank(&self) -> u32 {
            unreachable!()
        }
        fn size(&self) -> u32 {
            unreachable!()
        }
        fn send(&self, _: u32, _: u32, _: Vec<u8>, _: &Patience<'_>) -> Result<(), Over> {
            unreachable!()
        }
        fn receive(
            &self,
            _: Option<u32>,
            _: Option<u32>,
            _: &Patience<'_>,
        ) -> Result<Message, Over> {
            unreachable!()
        }
        fn poll(
            &self,
            _: Option<u32>,
            _: Option<u32>,
            _: &Patience<'_>,
        ) -> Result<Option<Message>, Over> {
            unreachable!()
        }
    };
}

impl Channel for Farm {
    fn manager(&self) -> Manager {
        Manager::Farm
    }
    fn ask(&self, question: Vec<u8>, patience: &Patience<'_>) -> Result<Vec<u8>, Over> {
        patience.check()?;
        Ok((self.0)(question))
    }
    not_called!(tree);
    not_called!(team);
}

impl Channel for Template {
    fn manager(&self) -> Manager {
        Manager::Template
    }
    not_called!(ask);
    fn spawn(&self, arguments: Vec<u8>, priority: f64) -> Result<(), Over> {
        self.spawned.lock().push((arguments, priority));
        Ok(())
    }
    fn bound(&self) -> f64 {
        *self.bound.lock()
    }
    fn improve(&self, value: f64) {
        let mut bound = self.bound.lock();
        if value < *bound {
            *bound = value;
        }
    }
    not_called!(team);
}

impl Channel for Rank {
    fn manager(&self) -> Manager {
        Manager::Team
    }
    not_called!(ask);
    not_called!(tree);
    fn rank(&self) -> u32 {
        self.rank
    }
    fn size(&self) -> u32 {
        u32::try_from(self.team.boxes.lock().len()).unwrap_or(u32::MAX)
    }
    fn send(
        &self,
        destination: u32,
        tag: u32,
        content: Vec<u8>,
        patience: &Patience<'_>,
    ) -> Result<(), Over> {
        patience.check()?;
        self.team.put(destination, Message { source: self.rank, tag, content });
        Ok(())
    }
    fn receive(
        &self,
        source: Option<u32>,
        tag: Option<u32>,
        patience: &Patience<'_>,
    ) -> Result<Message, Over> {
        let mut boxes = self.team.boxes.lock();
        loop {
            if let Some(message) = Self::take(&mut boxes, self.rank, source, tag) {
                return Ok(message);
            }
            patience.check()?;
            self.team.changed.wait_for(&mut boxes, LOOK);
        }
    }
    fn poll(
        &self,
        source: Option<u32>,
        tag: Option<u32>,
        patience: &Patience<'_>,
    ) -> Result<Option<Message>, Over> {
        patience.check()?;
        Ok(Self::take(&mut self.team.boxes.lock(), self.rank, source, tag))
    }
}

/// A task to run: what differs between those of the tests.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// What is defined, if the component is an interpreter's.
    pub payload: Option<&'a [u8]>,
    /// What it is called with.
    pub arguments: &'a [u8],
    /// How long it may take.
    pub deadline: Duration,
}

impl<'a> Task<'a> {
    /// A task of a component that is the closure itself.
    pub fn new(arguments: &'a [u8]) -> Self {
        Self { payload: None, arguments, deadline: DEADLINE }
    }

    /// Runs it once in a fresh instance, in the calling thread.
    pub fn run(self, definition: &Definition, channel: Option<Arc<dyn Channel>>) -> Ran {
        let index = channel.as_ref().map_or(0, |channel| match channel.manager() {
            Manager::Team => channel.rank(),
            _ => 0,
        });
        let input = TaskInput {
            payload: self.payload,
            arguments: self.arguments,
            index: index.into(),
            attempt: 1,
            seed: 7,
            memory_bytes_max: 512 << 20,
            fuel: 0,
            deadline: Some(self.deadline),
            sink: None,
            granted: None,
            channel,
        };
        let stop = Arc::new(StopCause::new());
        Sandbox::run_in(definition, &input, &stop, Keep::Nothing, &mut None)
    }

    /// Runs one task for each rank of a team, each in a thread of its own. Returns what became of them, by rank.
    ///
    /// # Panics
    /// If a thread does, or messages are left.
    pub fn run_team(self, definition: &Definition, size: u32) -> Vec<Ran> {
        let team = Arc::new(Team::new(size as usize));
        let results = thread::scope(|scope| {
            let threads: Vec<_> = (0..size)
                .map(|rank| {
                    let channel = team.rank(rank);
                    let thread = thread::Builder::new().stack_size(THREAD_STACK_BYTES);
                    let run = move || self.run(definition, Some(channel));
                    thread.spawn_scoped(scope, run).expect("there are threads")
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(team.left(), 0, "messages were not received");
        results
    }
}
