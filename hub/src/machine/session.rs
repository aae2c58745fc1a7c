//! Sequence points: who prepares, who is in, and when nothing of a point is left.
//!
//! ```text
//! Offline --define--> Waiting --old leases over--> Preparing --decision--> Online --conclude--> Concluding
//!    ^                                                 | nobody is in                               |
//!    +-------------------------------------------------+--------------------------------------------+
//! ```
//!
//! Hosts that come up while a point is online are brought to it one by one. Every state has an end: each wait
//! for a host has a deadline, and a silent host is lost when its lease is over.

mod points;

use std::collections::BTreeMap;

use spm_protocol::frame::{
    HostControl, HostInfo, HubControl, Member, PROTOCOL_VERSION, PrepareStep, Provider, Refusal,
};
use spm_protocol::limits::{LEASE_MS, TASKS_PER_SLOT_MAX};
use spm_protocol::{PeerId, Point, SignedManifest};

use super::host::{Busy, Host, Link, Stage, lease_end_ms};
use super::{HostId, LinkId};
use crate::error::{DefineError, SequenceError};
use crate::limits::{HELLO_DEADLINE_MS, REASONS_PER_HOST_MAX, SLOTS_MAX};
use crate::options::DefineOptions;

/// What is to be in force at a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The closures, signed for this session.
    pub closures: Vec<SignedManifest>,
    /// For each of them, the one that runs what it cannot: what its manifest says.
    pub fallbacks: Vec<Option<u32>>,
    /// Who has their blobs.
    pub providers: Vec<Provider>,
    /// Which hosts are waited for, and how long.
    pub options: DefineOptions,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A host joined the pool.
    HostAdded {
        /// The host.
        host: HostId,
        /// Who it is.
        peer: PeerId,
        /// Where other hosts reach it, if they have to.
        address: Option<Vec<u8>>,
    },
    /// A host left the pool.
    HostRemoved {
        /// The host.
        host: HostId,
        /// Its process is known to have ended, and all its work with it.
        ended: bool,
    },
    /// An [`Action::Open`] was carried out.
    Opened {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
    },
    /// An [`Action::Open`] failed.
    OpenFailed {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
        /// Why.
        reason: String,
        /// Trying again is of no use.
        is_final: bool,
    },
    /// A stream broke, or carried what is no frame, or what it may not.
    Broken {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
        /// How.
        reason: String,
    },
    /// A frame came on the control stream.
    Control {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
        /// The frame.
        frame: HostControl,
    },
    /// The session is to be closed.
    Close,
    /// Time passed; due at [`Session::wake_ms`].
    Tick,
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Open the streams to a host, then give [`Event::Opened`] or [`Event::OpenFailed`].
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
    Send {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
        /// The frame.
        frame: HubControl,
    },
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
    /// The point is in force on a host, which may be given tasks.
    HostOnline {
        /// The host.
        host: HostId,
        /// Which life of its streams.
        link: LinkId,
        /// Who it is.
        peer: PeerId,
        /// How many tasks it may have.
        credits: u32,
        /// How many of them it runs at once.
        slots: u32,
    },
    /// A host that was online is not any more, and what it ran is lost.
    HostOffline {
        /// The host.
        host: HostId,
        /// Why.
        reason: String,
    },
    /// While the point is online, no host is, and none is on its way.
    NoHosts {
        /// Why, for each host.
        reasons: Vec<(PeerId, String)>,
    },
    /// The definition ended: with the point and why each host that is out is out, or without a point.
    Defined(Result<(Point, Vec<(PeerId, String)>), DefineError>),
    /// The conclusion ended: no host that can be reached has anything left of the point.
    Concluded(Point),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Offline,
    /// Old leases have to end before hosts are asked.
    Waiting,
    Preparing {
        /// When hosts that have not answered are left out.
        until_ms: u64,
        /// Until when hosts that cannot be reached are hoped for.
        grace_until_ms: u64,
    },
    Online {
        /// Since when no host has been online.
        dark_since_ms: Option<u64>,
        /// The manager was told so.
        is_told: bool,
    },
    Concluding,
    Closed,
}

/// One session of a hub.
#[derive(Debug)]
pub struct Session {
    hub: PeerId,
    phase: Phase,
    /// The current point, or the last one.
    point: Point,
    definition: Option<Definition>,
    /// Why hosts are out of the point that is in force, which is told once all others are online.
    announcing: Option<Vec<(PeerId, String)>>,
    hosts: BTreeMap<HostId, Host>,
    /// Leases of hosts that are no longer in the pool.
    departed_until_ms: u64,
    /// When time passed last.
    seen_ms: u64,
    /// Tasks that each host is given at once, at most.
    slots_max: u32,
}

impl Session {
    /// A session without hosts.
    pub fn new(hub: PeerId) -> Self {
        Self {
            hub,
            phase: Phase::Offline,
            point: Point(0),
            definition: None,
            announcing: None,
            hosts: BTreeMap::new(),
            departed_until_ms: 0,
            seen_ms: 0,
            slots_max: SLOTS_MAX,
        }
    }

    /// Gives no host more tasks at once than this, and none ahead.
    pub fn limit_slots(&mut self, slots_max: u32) {
        self.slots_max = slots_max.clamp(1, SLOTS_MAX);
    }

    /// The point in force, if one is.
    pub fn online(&self) -> Option<Point> {
        matches!(self.phase, Phase::Online { .. }).then_some(self.point)
    }

    /// For each closure of the current point, the one that runs what it cannot.
    pub fn fallbacks(&self) -> &[Option<u32>] {
        self.definition.as_ref().map_or(&[], |definition| &definition.fallbacks)
    }

    /// The hosts, by id.
    pub fn hosts(&self) -> &BTreeMap<HostId, Host> {
        &self.hosts
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether `link` is the current life of the streams to `host`.
    pub fn is_current(&self, host: HostId, link: LinkId) -> bool {
        self.hosts.get(&host).is_some_and(|host| host.link.id() == Some(link))
    }

    /// Until when hosts that were lost may be working for a point of this session.
    pub fn old_leases_until_ms(&self) -> u64 {
        let hosts = self.hosts.values().filter_map(|host| host.old_lease_until_ms).max();
        hosts.unwrap_or(0).max(self.departed_until_ms)
    }

    /// Whether closures may be defined now.
    pub fn check_define(&self) -> Result<(), SequenceError> {
        let point = self.point;
        match self.phase {
            Phase::Offline => Ok(()),
            Phase::Waiting | Phase::Preparing { .. } => Err(SequenceError::Preparing { point }),
            Phase::Online { .. } => Err(SequenceError::DefineOnline { point }),
            Phase::Concluding => Err(SequenceError::Concluding { point }),
            Phase::Closed => Err(SequenceError::Closed),
        }
    }

    /// Starts bringing hosts to the next point.
    pub fn define(
        &mut self,
        now_ms: u64,
        definition: Definition,
        actions: &mut Vec<Action>,
    ) -> Result<Point, SequenceError> {
        self.check_define()?;
        self.point = Point(self.point.0 + 1);
        self.definition = Some(definition);
        self.phase = Phase::Waiting;
        self.pass_time(now_ms, actions);
        Ok(self.point)
    }

    /// Starts concluding the point in force. A definition under way is given up.
    pub fn conclude(
        &mut self,
        now_ms: u64,
        actions: &mut Vec<Action>,
    ) -> Result<Point, SequenceError> {
        if self.announcing.take().is_some() {
            actions.push(Action::Defined(Err(DefineError::Abandoned)));
        }
        match self.phase {
            Phase::Online { .. } => {}
            Phase::Offline => {
                actions.push(Action::Concluded(self.point));
                return Ok(self.point);
            }
            Phase::Waiting | Phase::Preparing { .. } => {
                actions.push(Action::Defined(Err(DefineError::Abandoned)));
            }
            Phase::Concluding => return Ok(self.point),
            Phase::Closed => return Err(SequenceError::Closed),
        }
        self.phase = Phase::Concluding;
        self.dismiss_all(now_ms, actions);
        self.finish_concluding(actions);
        Ok(self.point)
    }

    /// Takes in what happened at `now_ms`, and appends what is to be done about it.
    pub fn handle(&mut self, now_ms: u64, event: Event, actions: &mut Vec<Action>) {
        if self.is_closed() {
            return;
        }
        match event {
            Event::HostAdded { host, peer, address } => {
                self.hosts.insert(host, Host::new(peer, address, now_ms));
            }
            Event::HostRemoved { host, ended } => self.remove(now_ms, host, ended, actions),
            Event::Opened { host, link } => self.greet(now_ms, host, link, actions),
            Event::OpenFailed { host, link, reason, is_final } => {
                if self.is_current(host, link) {
                    self.lose(now_ms, host, reason, is_final, actions);
                }
            }
            Event::Broken { host, link, reason } => {
                if self.is_current(host, link) {
                    self.lose(now_ms, host, reason, false, actions);
                }
            }
            Event::Control { host, link, frame } => {
                if self.is_current(host, link) {
                    self.hear(now_ms, host, link, frame, actions);
                }
            }
            Event::Close => {
                self.close(actions);
                return;
            }
            Event::Tick => {}
        }
        self.pass_time(now_ms, actions);
    }

    fn greet(&mut self, now_ms: u64, host: HostId, link: LinkId, actions: &mut Vec<Action>) {
        let Some(entry) = self.hosts.get_mut(&host) else { return };
        if !matches!(entry.link, Link::Opening { link: current, .. } if current == link) {
            return;
        }
        entry.link = Link::Greeting { link, until_ms: now_ms.saturating_add(HELLO_DEADLINE_MS) };
        let frame = HubControl::Hello { version: PROTOCOL_VERSION, features: Vec::new() };
        actions.push(Action::Send { host, link, frame });
    }

    fn hear(
        &mut self,
        now_ms: u64,
        host: HostId,
        link: LinkId,
        frame: HostControl,
        actions: &mut Vec<Action>,
    ) {
        let current = self.point;
        let Some(entry) = self.hosts.get_mut(&host) else { return };
        let is_up = matches!(entry.link, Link::Up { .. });
        match frame {
            HostControl::Bye { reason } => self.lose(now_ms, host, reason, false, actions),
            HostControl::Hello { version, .. } if version != PROTOCOL_VERSION => {
                let reason = format!(
                    "it speaks version {version} of the protocol, this hub version {PROTOCOL_VERSION}: \
                     install the same SPM on both"
                );
                self.lose(now_ms, host, reason, true, actions);
            }
            HostControl::Hello { mut info, .. } if !is_up => {
                info.slots = info.slots.clamp(1, self.slots_max);
                entry.link = Link::Up { link, since_ms: now_ms };
                entry.slots = info.slots;
                entry.reason = None;
                entry.silent_until_ms = lease_end_ms(now_ms);
                actions.push(Action::HostUp { host, info });
            }
            HostControl::Hello { .. } => {
                self.lose(now_ms, host, "it greeted twice".to_owned(), false, actions);
            }
            _ if !is_up => {
                self.lose(now_ms, host, "it did not greet first".to_owned(), false, actions);
            }
            HostControl::LeaseRequest { request } => {
                entry.grant_lease(now_ms);
                let frame = HubControl::Lease { request, lease_ms: LEASE_MS };
                actions.push(Action::Send { host, link, frame });
            }
            HostControl::Prepared { point, .. } if point == current => {
                if let Stage::Preparing { .. } = entry.stage {
                    entry.stage = Stage::Prepared;
                    entry.busy = None;
                }
            }
            HostControl::Preparing { point, closure, step, permille } if point == current => {
                let is_over = step == PrepareStep::Compiling && permille == Some(1000);
                let permille = permille.map(|permille| permille.min(1000));
                if matches!(entry.stage, Stage::Preparing { .. } | Stage::Online) {
                    entry.busy = (!is_over).then_some(Busy { closure, step, permille });
                }
            }
            HostControl::Refused { point, refusals } if point == current => {
                if let Stage::Preparing { .. } = entry.stage {
                    entry.stage = Stage::Refused;
                    entry.reason = Some(reason_text(&refusals));
                }
            }
            HostControl::Online { point, credits } if point == current => {
                if let Stage::Committed { .. } = entry.stage {
                    entry.stage = Stage::Online;
                    let (peer, slots) = (entry.peer, entry.slots);
                    // A host runs what it is sent on all of its slots.
                    let is_limited = self.slots_max < SLOTS_MAX;
                    let ahead = if is_limited { 1 } else { TASKS_PER_SLOT_MAX };
                    let credits = credits.min(slots * ahead);
                    actions.push(Action::HostOnline { host, link, peer, credits, slots });
                }
            }
            HostControl::Concluded { point } if point == current => {
                if let Stage::Concluding { .. } = entry.stage {
                    entry.stage = Stage::Out;
                    self.finish_concluding(actions);
                }
            }
            // About a point that is over: stale.
            HostControl::Preparing { .. }
            | HostControl::Prepared { .. }
            | HostControl::Refused { .. }
            | HostControl::Online { .. }
            | HostControl::Concluded { .. } => {}
        }
    }

    fn lose(
        &mut self,
        now_ms: u64,
        host: HostId,
        reason: String,
        is_final: bool,
        actions: &mut Vec<Action>,
    ) {
        let Some(entry) = self.hosts.get_mut(&host) else { return };
        if let Some(link) = entry.link.id() {
            actions.push(Action::Close { host, link });
        }
        let was_online = entry.stage == Stage::Online;
        entry.lose_link(now_ms, reason.clone());
        if is_final {
            entry.link = Link::Barred;
        }
        if was_online && matches!(self.phase, Phase::Online { .. }) {
            actions.push(Action::HostOffline { host, reason: reason.clone() });
        }
        actions.push(Action::HostLost { host, reason, is_final });
        self.finish_concluding(actions);
    }

    fn remove(&mut self, now_ms: u64, host: HostId, ended: bool, actions: &mut Vec<Action>) {
        if let Some(link) = self.hosts.get(&host).and_then(|entry| entry.link.id()) {
            if !ended {
                actions.push(Action::Send { host, link, frame: HubControl::Bye });
            }
            let reason = if ended { "its process ended" } else { "it left the pool" };
            self.lose(now_ms, host, reason.to_owned(), true, actions);
        }
        if let Some(entry) = self.hosts.remove(&host)
            && let Some(until_ms) = entry.old_lease_until_ms
            && !ended
        {
            self.departed_until_ms = self.departed_until_ms.max(until_ms);
        }
    }

    fn close(&mut self, actions: &mut Vec<Action>) {
        if self.announcing.take().is_some() {
            actions.push(Action::Defined(Err(SequenceError::Closed.into())));
        }
        match self.phase {
            Phase::Waiting | Phase::Preparing { .. } => {
                actions.push(Action::Defined(Err(SequenceError::Closed.into())));
            }
            Phase::Concluding => actions.push(Action::Concluded(self.point)),
            Phase::Offline | Phase::Online { .. } | Phase::Closed => {}
        }
        for (&host, entry) in &mut self.hosts {
            if let Some(link) = entry.link.id() {
                if !matches!(entry.link, Link::Opening { .. }) {
                    actions.push(Action::Send { host, link, frame: HubControl::Bye });
                }
                actions.push(Action::Close { host, link });
            }
            entry.link = Link::Barred;
            entry.stage = Stage::Out;
        }
        self.phase = Phase::Closed;
    }
}

/// One text of all that a host holds against a point.
fn reason_text(refusals: &[Refusal]) -> String {
    let texts: Vec<_> = refusals
        .iter()
        .take(REASONS_PER_HOST_MAX)
        .map(|refusal| match refusal.closure {
            Some(closure) => format!("closure {closure}: {}", refusal.reason),
            None => refusal.reason.clone(),
        })
        .collect();
    if texts.is_empty() { "it gave no reason".to_owned() } else { texts.join("; ") }
}

fn members(hub: PeerId, peers: impl Iterator<Item = PeerId>) -> Vec<Member> {
    peers.chain([hub]).map(Member::from).collect()
}

#[cfg(test)]
mod tests;
