//! A session and the run at its current point, as one machine: what a driver talks to.

use bytes::Bytes;
use spm_protocol::frame::{HostInfo, HostWork, HubControl, HubWork, Task};
use spm_protocol::{ContentId, Payload, PeerId, Point, TaskId};

use super::list::{self, List, NewTask, Rules};
use super::session::{self, Definition, Session};
use super::{HostId, LinkId, TaskArguments};
use crate::completion::{Delivery, RunStats};
use crate::error::{DefineError, SequenceError, SubmitError};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something about hosts, streams or time.
    Session(session::Event),
    /// A frame came on a work stream.
    Work {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
        /// The frame.
        frame: HostWork,
    },
    /// An [`Action::Fetch`] was carried out.
    Fetched {
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// The number of the question whose value it is; 0 for the result.
        number: u64,
        /// The content, or why there is none.
        result: Result<Bytes, String>,
    },
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Open the streams to a host, then give [`session::Event::Opened`] or [`session::Event::OpenFailed`].
    Open {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
    },
    /// Close this life of the streams, having sent what was to be sent.
    Close {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
    },
    /// Send this on the control stream.
    SendControl {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
        /// The frame.
        frame: HubControl,
    },
    /// Send these tasks on the work stream.
    SendTasks {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
        /// The point they belong to.
        point: Point,
        /// The tasks.
        tasks: Vec<Task>,
    },
    /// Ask for tasks back on the work stream.
    Recall {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
        /// The point they belong to.
        point: Point,
        /// The tasks.
        tasks: Vec<TaskId>,
    },
    /// Send this on the work stream.
    SendWork {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
        /// The frame.
        frame: HubWork,
    },
    /// Fetch a result, or a question, from a host, then give [`Event::Fetched`].
    Fetch {
        /// The host.
        host: HostId,
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
        /// The number of the question whose value it is; 0 for the result.
        number: u64,
        /// The result's content id.
        id: ContentId,
        /// Its length.
        bytes: u64,
    },
    /// This blob is not needed any more for the arguments of one task.
    Release {
        /// The blob.
        id: ContentId,
    },
    /// Give this out to the owner of the run.
    Deliver(Delivery),
    /// The definition ended.
    Defined(Result<(Point, Vec<(PeerId, String)>), DefineError>),
    /// The conclusion ended.
    Concluded(Point),
    /// A host answers.
    HostUp {
        /// The host.
        host: HostId,
        /// What it is.
        info: HostInfo,
    },
    /// A host does not (any more).
    HostLost {
        /// The host.
        host: HostId,
        /// Why.
        reason: String,
        /// It is not tried again.
        is_final: bool,
    },
}

/// A host that is online at the current point.
#[derive(Debug, Clone)]
struct OnlineHost {
    host: HostId,
    link: LinkId,
    peer: PeerId,
    credits: u32,
    slots: u32,
}

/// One session with its run.
#[derive(Debug)]
pub struct Conversation {
    session: Session,
    list: Option<List>,
    online: Vec<OnlineHost>,
    no_hosts: Option<Vec<(PeerId, String)>>,
    next_task: TaskId,
    session_actions: Vec<session::Action>,
    list_actions: Vec<list::Action>,
}

impl Conversation {
    /// A session of the hub `hub`, without hosts.
    pub fn new(hub: PeerId) -> Self {
        Self {
            session: Session::new(hub),
            list: None,
            online: Vec::new(),
            no_hosts: None,
            next_task: TaskId(1),
            session_actions: Vec::new(),
            list_actions: Vec::new(),
        }
    }

    /// Gives no host more tasks at once than this.
    pub fn limit_slots(&mut self, slots_max: u32) {
        self.session.limit_slots(slots_max);
    }

    /// The session's machine.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The run's machine, if there is a run.
    pub fn list(&self) -> Option<&List> {
        self.list.as_ref()
    }

    /// The hosts the current point is in force on.
    pub fn online_hosts(&self) -> impl Iterator<Item = (HostId, PeerId)> {
        self.online.iter().map(|online| (online.host, online.peer))
    }

    /// When [`session::Event::Tick`] is due next.
    pub fn wake_ms(&self) -> Option<u64> {
        let list = self.list.as_ref().and_then(List::wake_ms);
        self.session.wake_ms().into_iter().chain(list).min()
    }

    /// Starts bringing hosts to the next point.
    pub fn define(
        &mut self,
        now_ms: u64,
        definition: Definition,
        actions: &mut Vec<Action>,
    ) -> Result<Point, SequenceError> {
        let result = self.session.define(now_ms, definition, &mut self.session_actions);
        self.follow(now_ms, actions);
        result
    }

    /// Starts a run at the point in force.
    pub fn start_list(
        &mut self,
        now_ms: u64,
        rules: Rules,
        actions: &mut Vec<Action>,
    ) -> Result<(), SequenceError> {
        if self.session.is_closed() {
            return Err(SequenceError::Closed);
        }
        let Some(point) = self.session.online() else { return Err(SequenceError::Offline) };
        if self.list.as_ref().is_some_and(|list| !list.is_finished()) {
            return Err(SequenceError::ManagerOnline { point });
        }
        let before = self.list.take();
        let fallbacks = self.session.fallbacks().to_vec();
        self.list = Some(List::new(point, fallbacks, self.next_task, rules));
        for online in self.online.clone() {
            let OnlineHost { host, peer, credits, slots, .. } = online;
            self.tell(now_ms, list::Event::HostOnline { host, peer, credits, slots });
        }
        if let (Some(list), Some(before)) = (&mut self.list, before) {
            list.inherit(before);
        }
        if let Some(reasons) = self.no_hosts.clone() {
            self.tell(now_ms, list::Event::NoHosts { reasons });
        }
        self.follow(now_ms, actions);
        Ok(())
    }

    /// Submits a task to the run. [`Self::pump`] sends it.
    pub fn submit(&mut self, now_ms: u64, task: NewTask) -> Result<TaskId, SubmitError> {
        let list = self.list.as_mut().ok_or(SubmitError::Closed)?;
        list.check_arguments(task.closure, &task.arguments)?;
        let id = list.submit(now_ms, task);
        self.next_task = list.next_task();
        Ok(id)
    }

    /// Starts the ranks of a team, in a run that has no tasks.
    pub fn start_team(
        &mut self,
        now_ms: u64,
        closure: u32,
        arguments: Payload,
        size: u32,
        actions: &mut Vec<Action>,
    ) -> Result<(), SubmitError> {
        let list = self.list.as_mut().ok_or(SubmitError::Closed)?;
        list.start_team(now_ms, closure, arguments, size)?;
        self.next_task = list.next_task();
        self.pump(now_ms, actions);
        Ok(())
    }

    /// Does something with the run's machine, and what follows from it.
    pub fn with_list<R>(
        &mut self,
        now_ms: u64,
        act: impl FnOnce(&mut List, &mut Vec<list::Action>) -> R,
        actions: &mut Vec<Action>,
    ) -> Option<R> {
        let mut list_actions = std::mem::take(&mut self.list_actions);
        let result = self.list.as_mut().map(|list| act(list, &mut list_actions));
        self.list_actions = list_actions;
        self.follow(now_ms, actions);
        result
    }

    /// Whether a task would be accepted now.
    pub fn check(&self, closure: u32, arguments: &TaskArguments) -> Result<(), SubmitError> {
        self.list.as_ref().ok_or(SubmitError::Closed)?.check_arguments(closure, arguments)
    }

    /// Sends what was submitted, as far as it should be sent now.
    pub fn pump(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if let Some(list) = &mut self.list {
            list.pump(now_ms, &mut self.list_actions);
        }
        self.follow(now_ms, actions);
    }

    /// Gives the run an event of its own.
    pub fn handle_list(&mut self, now_ms: u64, event: list::Event, actions: &mut Vec<Action>) {
        self.tell(now_ms, event);
        self.follow(now_ms, actions);
    }

    /// Starts concluding the point. What the run still has ends as cancelled.
    pub fn conclude(
        &mut self,
        now_ms: u64,
        actions: &mut Vec<Action>,
    ) -> Result<Point, SequenceError> {
        self.end_run(now_ms, actions);
        let result = self.session.conclude(now_ms, &mut self.session_actions);
        self.follow(now_ms, actions);
        result
    }

    /// Counts of the run, if there is one.
    pub fn stats(&self) -> Option<RunStats> {
        self.list.as_ref().map(List::stats)
    }

    /// Takes in what happened at `now_ms`, and appends what is to be done about it.
    pub fn handle(&mut self, now_ms: u64, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Session(event) => {
                match event {
                    session::Event::Close => self.end_run(now_ms, actions),
                    session::Event::Tick => self.tell(now_ms, list::Event::Tick),
                    _ => {}
                }
                self.session.handle(now_ms, event, &mut self.session_actions);
            }
            Event::Work { host, link, frame } => {
                // The session knows which life of the streams is current; online hosts are on that one.
                if self.online.iter().any(|online| online.host == host && online.link == link) {
                    self.tell(now_ms, list::Event::Work { host, frame });
                }
            }
            Event::Fetched { task, attempt, number, result } => {
                self.tell(now_ms, list::Event::Fetched { task, attempt, number, result });
            }
        }
        self.follow(now_ms, actions);
    }

    fn tell(&mut self, now_ms: u64, event: list::Event) {
        if let Some(list) = &mut self.list {
            list.handle(now_ms, event, &mut self.list_actions);
        }
    }

    /// Cancels what the run has, while its hosts can still be told.
    fn end_run(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        self.tell(now_ms, list::Event::CancelAll);
        self.follow(now_ms, actions);
        self.list = None;
    }

    /// Passes on what the two machines want, to each other or to the driver, until they want no more.
    fn follow(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        while !self.session_actions.is_empty() || !self.list_actions.is_empty() {
            let mut session_actions = std::mem::take(&mut self.session_actions);
            for action in session_actions.drain(..) {
                self.follow_session(now_ms, action, actions);
            }
            if self.session_actions.is_empty() {
                self.session_actions = session_actions;
            }
            let mut list_actions = std::mem::take(&mut self.list_actions);
            for action in list_actions.drain(..) {
                self.follow_list(now_ms, action, actions);
            }
            if self.list_actions.is_empty() {
                self.list_actions = list_actions;
            }
        }
    }

    fn follow_session(&mut self, now_ms: u64, action: session::Action, actions: &mut Vec<Action>) {
        match action {
            session::Action::Open { host, link } => actions.push(Action::Open { host, link }),
            session::Action::Close { host, link } => actions.push(Action::Close { host, link }),
            session::Action::Send { host, link, frame } => {
                actions.push(Action::SendControl { host, link, frame });
            }
            session::Action::HostUp { host, info } => actions.push(Action::HostUp { host, info }),
            session::Action::HostLost { host, reason, is_final } => {
                actions.push(Action::HostLost { host, reason, is_final });
            }
            session::Action::HostOnline { host, link, peer, credits, slots } => {
                self.no_hosts = None;
                self.online.push(OnlineHost { host, link, peer, credits, slots });
                self.tell(now_ms, list::Event::HostOnline { host, peer, credits, slots });
            }
            session::Action::HostOffline { host, reason } => {
                self.online.retain(|online| online.host != host);
                self.tell(now_ms, list::Event::HostOffline { host, reason });
            }
            session::Action::NoHosts { reasons } => {
                self.no_hosts = Some(reasons.clone());
                self.tell(now_ms, list::Event::NoHosts { reasons });
            }
            session::Action::Defined(result) => actions.push(Action::Defined(result)),
            session::Action::Concluded(point) => {
                self.online.clear();
                self.no_hosts = None;
                actions.push(Action::Concluded(point));
            }
        }
    }

    fn follow_list(&mut self, now_ms: u64, action: list::Action, actions: &mut Vec<Action>) {
        let find = |host| self.online.iter().find(|online| online.host == host);
        match action {
            list::Action::Send { host, tasks } => {
                if let (Some(online), Some(point)) = (find(host), self.session.online()) {
                    actions.push(Action::SendTasks { host, link: online.link, point, tasks });
                }
            }
            list::Action::Recall { host, tasks } => {
                if let (Some(online), Some(point)) = (find(host), self.session.online()) {
                    actions.push(Action::Recall { host, link: online.link, point, tasks });
                }
            }
            list::Action::Cancel { host, tasks } => {
                if let (Some(online), Some(point)) = (find(host), self.session.online()) {
                    let frame = HubControl::Cancel { point, tasks };
                    actions.push(Action::SendControl { host, link: online.link, frame });
                }
            }
            list::Action::Answer { host, task: id, attempt, number, answer } => {
                if let (Some(online), Some(point)) = (find(host), self.session.online()) {
                    let frame = HubWork::Answered { point, id, attempt, number, answer };
                    actions.push(Action::SendWork { host, link: online.link, frame });
                }
            }
            list::Action::Bound { host, bound } => {
                if let (Some(online), Some(point)) = (find(host), self.session.online()) {
                    let frame = HubWork::Bound { point, bound };
                    actions.push(Action::SendWork { host, link: online.link, frame });
                }
            }
            list::Action::Free { host, blobs } => {
                if let (Some(online), Some(point)) = (find(host), self.session.online()) {
                    let frame = HubWork::Free { point, blobs };
                    actions.push(Action::SendWork { host, link: online.link, frame });
                }
            }
            list::Action::Fetch { host, task, attempt, number, id, bytes } => {
                actions.push(Action::Fetch { host, task, attempt, number, id, bytes });
            }
            list::Action::Release { id } => actions.push(Action::Release { id }),
            list::Action::Deliver(delivery) => actions.push(Action::Deliver(delivery)),
            list::Action::Misbehaved { host, reason } => {
                if let Some(link) = find(host).map(|online| online.link) {
                    let event = session::Event::Broken { host, link, reason };
                    self.session.handle(now_ms, event, &mut self.session_actions);
                }
            }
        }
    }
}
