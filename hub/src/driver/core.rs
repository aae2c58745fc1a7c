//! A session's machine under its lock, with the streams, tasks and timer that serve it.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use spm_netmesh::{Direct, PendingWake, PipeReceiver, directly};
use spm_protocol::frame::{Frame, HostControl, HostWork, HubWork};
use spm_protocol::{ContentId, PeerId, Point, SessionId};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{sleep_until, timeout};

use super::CompletionQueue;
use super::outgoing::Outgoing;
use super::queue::Feeder;
use super::tracking::Tracking;
use crate::completion::Delivery;
use crate::connect::{Blobs, Connect, ConnectError, SessionChannel};
use crate::error::DefineError;
use crate::limits::{CONNECT_DEADLINE_MS, FETCHES_MAX, FRAMES_PER_TURN_BYTES};
use crate::machine::session::Event as SessionEvent;
use crate::machine::{Action, Conversation, Event, HostId, LinkId};

pub(super) type DefineResult = Result<(Point, Vec<(PeerId, String)>), DefineError>;

/// One session, for as long as its streams live.
pub(super) struct Core {
    pub id: SessionId,
    pub runtime: Handle,
    pub blobs: Arc<dyn Blobs>,
    started: Instant,
    pub state: Mutex<State>,
    /// Something that a [`super::Defining`] or [`super::Concluding`] waits for may have happened.
    pub changed: Condvar,
    rearm: Notify,
    fetches: Arc<Semaphore>,
    /// Who is told which hosts answer.
    tracking: Weak<Tracking>,
}

pub(super) struct State {
    pub conversation: Conversation,
    pub connects: BTreeMap<HostId, Arc<dyn Connect>>,
    links: BTreeMap<HostId, Streams>,
    actions: Vec<Action>,
    deliveries: Vec<Delivery>,
    /// Hosts that were sent something, and are told without the lock.
    wakes: Vec<PendingWake>,
    pub run: Option<Run>,
    pub runs: u64,
    pub defining: Option<Arc<OnceLock<DefineResult>>>,
    pub concluding: Vec<Arc<AtomicBool>>,
    /// Blobs of the closures of the current point.
    pub definition_blobs: Vec<ContentId>,
    /// When the timer is set to go off.
    armed_ms: u64,
}

/// Where the deliveries of the current run go.
pub(super) struct Run {
    pub number: u64,
    pub queue: Arc<CompletionQueue>,
    pub tag: u64,
    pub feeder: Arc<Feeder>,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.queue.unregister(self.tag, &self.feeder);
    }
}

struct Streams {
    link: LinkId,
    control: Outgoing,
    work: Outgoing,
    receivers: [AbortHandle; 2],
}

impl Drop for Streams {
    fn drop(&mut self) {
        // A receiving task that does this itself stops at its next await.
        self.receivers.iter().for_each(AbortHandle::abort);
    }
}

impl Core {
    pub(super) fn start(
        id: SessionId,
        hub: &super::Hub,
        runtime: Handle,
        hosts: Vec<(HostId, Arc<dyn Connect>)>,
        tracking: Weak<Tracking>,
        slots_max: Option<u32>,
    ) -> Arc<Self> {
        let mut conversation = Conversation::new(hub.peer());
        if let Some(slots_max) = slots_max {
            conversation.limit_slots(slots_max);
        }
        let core = Arc::new(Self {
            id,
            runtime,
            blobs: Arc::clone(hub.blobs()),
            started: hub.started(),
            state: Mutex::new(State {
                conversation,
                connects: BTreeMap::new(),
                links: BTreeMap::new(),
                actions: Vec::new(),
                deliveries: Vec::new(),
                wakes: Vec::new(),
                run: None,
                runs: 0,
                defining: None,
                concluding: Vec::new(),
                definition_blobs: Vec::new(),
                armed_ms: u64::MAX,
            }),
            changed: Condvar::new(),
            rearm: Notify::new(),
            fetches: Arc::new(Semaphore::new(FETCHES_MAX)),
            tracking,
        });
        core.runtime.spawn(Arc::clone(&core).keep_time());
        for (host, connect) in hosts {
            core.add_host(host, connect);
        }
        core
    }

    pub(super) fn add_host(self: &Arc<Self>, host: HostId, connect: Arc<dyn Connect>) {
        let (peer, address) = (connect.peer(), connect.address());
        self.state.lock().connects.insert(host, connect);
        self.admit();
        self.event(SessionEvent::HostAdded { host, peer, address });
    }

    pub(super) fn remove_host(self: &Arc<Self>, host: HostId, ended: bool) {
        self.event(SessionEvent::HostRemoved { host, ended });
        self.state.lock().connects.remove(&host);
        self.admit();
    }

    /// Tells the blob store who may fetch.
    fn admit(&self) {
        let state = self.state.lock();
        if !state.conversation.session().is_closed() {
            let members: Vec<PeerId> = state.connects.values().map(|host| host.peer()).collect();
            self.blobs.admit(self.id, &members);
        }
    }

    pub(super) fn close(self: &Arc<Self>) {
        self.event(SessionEvent::Close);
        self.blobs.end(self.id);
        self.rearm.notify_one();
        let mut state = self.state.lock();
        state.links.clear();
        state.run = None;
    }

    pub(super) fn event(self: &Arc<Self>, event: SessionEvent) {
        self.with(|conversation, now_ms, actions| {
            conversation.handle(now_ms, Event::Session(event), actions);
        });
    }

    /// Lets the machine do something, and carries out what follows.
    pub(super) fn with<R>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Conversation, u64, &mut Vec<Action>) -> R,
    ) -> R {
        let state = self.state.lock();
        self.with_locked(state, change)
    }

    pub(super) fn with_locked<R>(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        change: impl FnOnce(&mut Conversation, u64, &mut Vec<Action>) -> R,
    ) -> R {
        let now_ms = self.now_ms();
        let mut actions = std::mem::take(&mut state.actions);
        let result = change(&mut state.conversation, now_ms, &mut actions);
        let mut broken = Vec::new();
        let mut notify = false;
        loop {
            for action in actions.drain(..) {
                notify |= self.perform(&mut state, action, &mut broken);
            }
            let Some(event) = broken.pop() else { break };
            state.conversation.handle(now_ms, Event::Session(event), &mut actions);
        }
        state.actions = actions;
        let wake_ms = state.conversation.wake_ms().unwrap_or(0);
        if wake_ms < state.armed_ms {
            state.armed_ms = wake_ms;
            self.rearm.notify_one();
        }
        let wake = state.deliver();
        let wakes = std::mem::take(&mut state.wakes);
        drop(state);
        if let Some(queue) = wake {
            queue.wake();
        }
        wakes.into_iter().for_each(PendingWake::run);
        if notify {
            self.changed.notify_all();
        }
        result
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Carries out one action; says whether somebody may wait for it.
    fn perform(
        self: &Arc<Self>,
        state: &mut State,
        action: Action,
        broken: &mut Vec<SessionEvent>,
    ) -> bool {
        match action {
            Action::Open { host, link } => {
                if let Some(connect) = state.connects.get(&host) {
                    let connect = Arc::clone(connect);
                    self.runtime.spawn(Arc::clone(self).open(host, link, connect));
                }
            }
            Action::Close { host, link } => {
                if state.links.get(&host).is_some_and(|streams| streams.link == link) {
                    state.links.remove(&host);
                }
            }
            Action::SendControl { host, link, frame } => {
                let frame = frame.to_bytes();
                self.send(state, host, link, broken, |streams| &mut streams.control, frame);
            }
            Action::SendTasks { host, link, point, tasks } => {
                let frame = HubWork::Tasks { point, tasks }.to_bytes();
                self.send(state, host, link, broken, |streams| &mut streams.work, frame);
            }
            Action::Recall { host, link, point, tasks } => {
                let frame = HubWork::Recall { point, tasks }.to_bytes();
                self.send(state, host, link, broken, |streams| &mut streams.work, frame);
            }
            Action::SendWork { host, link, frame } => {
                let frame = frame.to_bytes();
                self.send(state, host, link, broken, |streams| &mut streams.work, frame);
            }
            Action::Fetch { host, task, attempt, number, id, bytes } => {
                let Some(connect) = state.connects.get(&host) else { return false };
                let fetched = connect.fetch(self.id, id, bytes);
                let core = Arc::clone(self);
                self.runtime.spawn(async move {
                    let permit = Arc::clone(&core.fetches).acquire_owned().await;
                    let result = fetched.await.map_err(|error| error.to_string());
                    drop(permit);
                    core.with(|conversation, now_ms, actions| {
                        let event = Event::Fetched { task, attempt, number, result };
                        conversation.handle(now_ms, event, actions);
                    });
                });
            }
            Action::Release { id } => self.blobs.remove(self.id, id),
            Action::Deliver(delivery) => state.deliveries.push(delivery),
            Action::Defined(result) => {
                if result.is_err() {
                    self.release_definition(state);
                }
                if let Some(slot) = state.defining.take() {
                    // A slot is filled once: it is taken here.
                    let _ = slot.set(result);
                }
                return true;
            }
            Action::Concluded(_) => {
                self.release_definition(state);
                for slot in state.concluding.drain(..) {
                    slot.store(true, std::sync::atomic::Ordering::Release);
                }
                return true;
            }
            Action::HostUp { host, info } => {
                if let Some(tracking) = self.tracking.upgrade() {
                    tracking.up(host, info);
                }
            }
            Action::HostLost { host, reason, is_final } => {
                if let Some(tracking) = self.tracking.upgrade() {
                    tracking.lost(host, reason, is_final);
                }
            }
        }
        false
    }

    pub(super) fn release_definition(&self, state: &mut State) {
        for id in state.definition_blobs.drain(..) {
            self.blobs.remove(self.id, id);
        }
    }

    fn send(
        &self,
        state: &mut State,
        host: HostId,
        link: LinkId,
        broken: &mut Vec<SessionEvent>,
        stream: impl FnOnce(&mut Streams) -> &mut Outgoing,
        frame: Vec<u8>,
    ) {
        let Some(streams) = state.links.get_mut(&host) else { return };
        if streams.link != link {
            return;
        }
        match stream(streams).send(&self.runtime, frame) {
            Ok(wake) => {
                if !wake.is_none() {
                    state.wakes.push(wake);
                }
            }
            Err(closed) => {
                broken.push(SessionEvent::Broken { host, link, reason: closed.reason.to_string() });
            }
        }
    }

    async fn open(self: Arc<Self>, host: HostId, link: LinkId, connect: Arc<dyn Connect>) {
        let patience = Duration::from_millis(CONNECT_DEADLINE_MS);
        let opened = timeout(patience, connect.connect(self.id)).await;
        let failed = match opened {
            Ok(Ok(channel)) => return self.attach(host, link, channel),
            Ok(Err(ConnectError::Refused { reason })) => (reason, true),
            Ok(Err(ConnectError::Unreachable { reason })) => (reason, false),
            Err(_) => ("it did not accept the session in time".to_owned(), false),
        };
        let (reason, is_final) = failed;
        self.event(SessionEvent::OpenFailed { host, link, reason, is_final });
    }

    fn attach(self: &Arc<Self>, host: HostId, link: LinkId, channel: SessionChannel) {
        let (control_sender, control) = channel.control.split();
        let (work_sender, work) = channel.work.split();
        let mut state = self.state.lock();
        if !state.conversation.session().is_current(host, link) {
            return;
        }
        let receivers = [
            self.runtime.spawn(Arc::clone(self).receive_control(host, link, control)),
            self.runtime
                .spawn(directly(|direct| Arc::clone(self).receive_work(host, link, work, direct))),
        ];
        let streams = Streams {
            link,
            control: Outgoing::new(control_sender),
            work: Outgoing::new(work_sender),
            receivers: receivers.map(|task| task.abort_handle()),
        };
        state.links.insert(host, streams);
        self.with_locked(state, |conversation, now_ms, actions| {
            let event = SessionEvent::Opened { host, link };
            conversation.handle(now_ms, Event::Session(event), actions);
        });
    }

    async fn receive_control(self: Arc<Self>, host: HostId, link: LinkId, receiver: PipeReceiver) {
        self.receive(host, link, receiver, |frame: HostControl| {
            Event::Session(SessionEvent::Control { host, link, frame })
        })
        .await;
    }

    /// Results wake whoever waits for them from the thread that brings them.
    async fn receive_work(
        self: Arc<Self>,
        host: HostId,
        link: LinkId,
        receiver: PipeReceiver,
        direct: Arc<Direct>,
    ) {
        receiver.bring_to(&direct);
        drop(direct);
        self.receive(host, link, receiver, |frame: HostWork| Event::Work { host, link, frame })
            .await;
    }

    /// Gives the machine what a stream brings, in batches, until the stream ends.
    async fn receive<F: Frame + Send>(
        self: &Arc<Self>,
        host: HostId,
        link: LinkId,
        mut receiver: PipeReceiver,
        event: impl Fn(F) -> Event,
    ) {
        let mut frames = Vec::new();
        while receiver.recv_many(&mut frames, FRAMES_PER_TURN_BYTES).await.is_some() {
            let mut events = Vec::with_capacity(frames.len());
            let mut bad = None;
            for frame in frames.drain(..) {
                match F::from_bytes(&frame) {
                    Ok(frame) => events.push(event(frame)),
                    Err(error) => {
                        let reason = format!("it sent what is no frame: {error}");
                        bad = Some(SessionEvent::Broken { host, link, reason });
                        break;
                    }
                }
            }
            self.with(|conversation, now_ms, actions| {
                for event in events.into_iter().chain(bad.map(Event::Session)) {
                    conversation.handle(now_ms, event, actions);
                }
            });
        }
        let reason = receiver.closed_reason().map_or_else(String::new, |reason| reason.to_string());
        self.event(SessionEvent::Broken { host, link, reason });
    }

    /// Tells the machine when time has passed, until it is closed.
    async fn keep_time(self: Arc<Self>) {
        loop {
            let wake_ms = {
                let mut state = self.state.lock();
                let Some(wake_ms) = state.conversation.wake_ms() else { return };
                state.armed_ms = wake_ms;
                wake_ms
            };
            let due = self.started.checked_add(Duration::from_millis(wake_ms));
            tokio::select! {
                () = sleep_until_or_never(due) => {}
                () = self.rearm.notified() => continue,
            }
            self.event(SessionEvent::Tick);
        }
    }
}

async fn sleep_until_or_never(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

impl State {
    /// Queues what was delivered; returns the queue if somebody waits at it.
    fn deliver(&mut self) -> Option<Arc<CompletionQueue>> {
        if self.deliveries.is_empty() {
            return None;
        }
        let Some(run) = &self.run else {
            self.deliveries.clear();
            return None;
        };
        run.queue.push(run.tag, &mut self.deliveries).then(|| Arc::clone(&run.queue))
    }
}
