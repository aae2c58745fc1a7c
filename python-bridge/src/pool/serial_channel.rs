//! What a task of `spm.serial()` wants of its manager, done by Python in the thread that runs the manager.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use spm_host::sandbox::{Channel, Manager, Message, Over, Patience};

use super::serial_thread::Event;

/// Longest wait of a task between looks at whether it is over.
const LOOK: Duration = Duration::from_millis(5);

/// What a task wants.
pub(super) enum Call {
    Ask(Vec<u8>),
    Spawn(Vec<u8>, f64),
    Bound,
    Improve(f64),
    Send { destination: u32, tag: u32, message: Vec<u8> },
    Receive { source: Option<u32>, tag: Option<u32> },
    Poll { source: Option<u32>, tag: Option<u32> },
}

/// What it is given.
pub(super) enum Reply {
    Done,
    Value(Vec<u8>),
    Bound(f64),
    Message(Option<Message>),
}

/// The Python object that answers.
pub(super) struct SerialChannel<'py> {
    object: Bound<'py, PyAny>,
    manager: Manager,
    rank: u32,
    size: u32,
    /// Whether the task has asked or sent something.
    pub(super) has_talked: bool,
}

impl<'py> SerialChannel<'py> {
    pub(super) fn new(object: Bound<'py, PyAny>) -> PyResult<Self> {
        let manager = match object.getattr("manager")?.extract::<u32>()? {
            0 => Manager::Independent,
            1 => Manager::Farm,
            2 => Manager::Template,
            3 => Manager::Team,
            other => return Err(PyValueError::new_err(format!("{other} is no kind of manager"))),
        };
        let (rank, size) = (object.getattr("rank")?.extract()?, object.getattr("size")?.extract()?);
        Ok(Self { object, manager, rank, size, has_talked: false })
    }

    /// The task's end of it.
    pub(super) fn connect(&self, events: Sender<Event>) -> Arc<dyn Channel> {
        let events = Mutex::new(events);
        Arc::new(TaskEnd { events, manager: self.manager, rank: self.rank, size: self.size })
    }

    /// The task is run again: what it has made does not count.
    pub(super) fn restart(&self) -> PyResult<()> {
        self.object.call_method0(intern!(self.object.py(), "restart")).map(drop)
    }

    /// Has Python do what the task wants.
    pub(super) fn answer(&mut self, call: Call) -> PyResult<Reply> {
        let py = self.object.py();
        let any = |number: Option<u32>| number.map_or(-1, i64::from);
        Ok(match call {
            Call::Ask(question) => {
                self.has_talked = true;
                let question = PyBytes::new(py, &question);
                let answer = self.object.call_method1(intern!(py, "ask"), (question,))?;
                Reply::Value(answer.extract()?)
            }
            Call::Spawn(arguments, priority) => {
                let arguments = PyBytes::new(py, &arguments);
                self.object.call_method1(intern!(py, "spawn"), (arguments, priority))?;
                Reply::Done
            }
            Call::Bound => Reply::Bound(self.object.call_method0(intern!(py, "bound"))?.extract()?),
            Call::Improve(value) => {
                self.object.call_method1(intern!(py, "improve"), (value,))?;
                Reply::Done
            }
            Call::Send { destination, tag, message } => {
                self.has_talked = true;
                let message = PyBytes::new(py, &message);
                self.object.call_method1(intern!(py, "send"), (destination, tag, message))?;
                Reply::Done
            }
            Call::Receive { source, tag } => {
                self.has_talked = true;
                let arguments = (any(source), any(tag));
                let found = self.object.call_method1(intern!(py, "receive"), arguments)?;
                Reply::Message(Some(message(&found)?))
            }
            Call::Poll { source, tag } => {
                self.has_talked = true;
                let arguments = (any(source), any(tag));
                let found = self.object.call_method1(intern!(py, "poll"), arguments)?;
                Reply::Message(if found.is_none() { None } else { Some(message(&found)?) })
            }
        })
    }
}

fn message(found: &Bound<'_, PyAny>) -> PyResult<Message> {
    let (source, tag, content) = found.extract()?;
    Ok(Message { source, tag, content })
}

/// The end of a channel in the thread that runs the task.
struct TaskEnd {
    events: Mutex<Sender<Event>>,
    manager: Manager,
    rank: u32,
    size: u32,
}

impl TaskEnd {
    fn call(&self, call: Call, patience: Option<&Patience<'_>>) -> Result<Reply, Over> {
        let (sender, replies) = channel();
        if self.events.lock().send(Event::Called(call, sender)).is_err() {
            return Err(Over::unreachable());
        }
        loop {
            match replies.recv_timeout(LOOK) {
                Ok(reply) => return Ok(reply),
                Err(RecvTimeoutError::Disconnected) => return Err(Over::unreachable()),
                Err(RecvTimeoutError::Timeout) => patience.map_or(Ok(()), Patience::check)?,
            }
        }
    }

    fn message(&self, call: Call, patience: &Patience<'_>) -> Result<Option<Message>, Over> {
        match self.call(call, Some(patience))? {
            Reply::Message(message) => Ok(message),
            _ => Err(Over::unreachable()),
        }
    }
}

impl Channel for TaskEnd {
    fn manager(&self) -> Manager {
        self.manager
    }

    fn ask(&self, question: Vec<u8>, patience: &Patience<'_>) -> Result<Vec<u8>, Over> {
        match self.call(Call::Ask(question), Some(patience))? {
            Reply::Value(value) => Ok(value),
            _ => Err(Over::unreachable()),
        }
    }

    fn spawn(&self, arguments: Vec<u8>, priority: f64) -> Result<(), Over> {
        self.call(Call::Spawn(arguments, priority), None).map(drop)
    }

    fn bound(&self) -> f64 {
        match self.call(Call::Bound, None) {
            Ok(Reply::Bound(bound)) => bound,
            // The task is given up, and what it sees does not matter.
            _ => f64::INFINITY,
        }
    }

    fn improve(&self, value: f64) {
        // If nobody listens, the task is given up.
        let _ = self.call(Call::Improve(value), None);
    }

    fn rank(&self) -> u32 {
        self.rank
    }

    fn size(&self) -> u32 {
        self.size
    }

    fn send(
        &self,
        destination: u32,
        tag: u32,
        message: Vec<u8>,
        patience: &Patience<'_>,
    ) -> Result<(), Over> {
        self.call(Call::Send { destination, tag, message }, Some(patience)).map(drop)
    }

    fn receive(
        &self,
        source: Option<u32>,
        tag: Option<u32>,
        patience: &Patience<'_>,
    ) -> Result<Message, Over> {
        self.message(Call::Receive { source, tag }, patience)?.ok_or_else(Over::unreachable)
    }

    fn poll(
        &self,
        source: Option<u32>,
        tag: Option<u32>,
        patience: &Patience<'_>,
    ) -> Result<Option<Message>, Over> {
        self.message(Call::Poll { source, tag }, patience)
    }
}
