//! A pool: hosts to run on, and what is known of them.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use spm_protocol::{PeerId, SessionId};
use tokio::runtime::Handle;

use super::core::Core;
use super::tracking::Tracking;
use super::{Hub, Session};
use crate::completion::HostSnapshot;
use crate::connect::Connect;
use crate::machine::HostId;

/// A handle to hosts. Clones are the same pool. Dropping the last clone and all sessions ends its tracker.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
    /// The hosts it is limited to, if it was selected from another.
    only: Option<Arc<[HostId]>>,
    /// Tasks that each host is given at once, at most.
    slots_max: Option<u32>,
}

pub(super) struct Shared {
    hub: Hub,
    runtime: Handle,
    tracking: Arc<Tracking>,
    /// A session in which nothing is ever defined: it tells which hosts answer.
    presence: Arc<Core>,
    sessions: Mutex<Sessions>,
}

/// A session, and the hosts it is limited to.
type OpenSession = (Weak<Core>, Option<Arc<[HostId]>>);

#[derive(Default)]
struct Sessions {
    open: Vec<OpenSession>,
    closed: bool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.presence.close();
    }
}

impl Pool {
    pub(super) fn new(hub: Hub, runtime: Handle, hosts: Vec<Arc<dyn Connect>>) -> Self {
        let tracking = Arc::new(Tracking::default());
        for host in hosts {
            tracking.add(host);
        }
        let presence = Core::start(
            random_session(),
            &hub,
            runtime.clone(),
            tracking.connects(None),
            Arc::downgrade(&tracking),
            None,
        );
        let sessions = Mutex::default();
        let shared = Arc::new(Shared { hub, runtime, tracking, presence, sessions });
        Self { shared, only: None, slots_max: None }
    }

    /// What is known of each host, in the order they were added.
    pub fn hosts(&self) -> Vec<HostSnapshot> {
        let mut hosts = self.shared.tracking.hosts(self.only.as_deref());
        if let Some(slots_max) = self.slots_max {
            for info in hosts.iter_mut().filter_map(|host| host.info.as_mut()) {
                info.slots = info.slots.min(slots_max);
            }
        }
        hosts
    }

    /// Waits until `count` hosts are up, or every host is either up or known not to be, or the time passed.
    /// Returns how many are up.
    pub fn wait_ready(&self, count: usize, timeout: Duration) -> usize {
        let deadline = Instant::now().checked_add(timeout);
        self.shared.tracking.wait_ready(self.only.as_deref(), count, deadline)
    }

    /// Adds a host. Open sessions bring it to their point before it gets a task. A host that is known already
    /// is connected to anew, the way that is given now.
    pub fn add_host(&self, host: Arc<dyn Connect>) {
        let known = self.shared.tracking.find(host.peer());
        if let Some(known) = known {
            self.shared.each_session(known, |core| core.remove_host(known, false));
        }
        let connect = Arc::clone(&host);
        let id = self.shared.tracking.add(host);
        self.shared.each_session(id, |core| core.add_host(id, Arc::clone(&connect)));
    }

    /// Takes a host out of the pool and of all its sessions. `ended` says that its process is known to have
    /// ended, so that nobody has to wait out its leases.
    pub fn remove_host(&self, peer: PeerId, ended: bool) {
        let Some(host) = self.shared.tracking.find(peer) else { return };
        self.shared.each_session(host, |core| core.remove_host(host, ended));
        self.shared.tracking.remove(host);
    }

    /// A pool of those of its hosts that are named, each of which is given at most `slots_max` tasks at once. It shares
    /// what is known of them, not their sessions.
    #[must_use]
    pub fn select(&self, peers: &[PeerId], slots_max: Option<u32>) -> Pool {
        let tracking = &self.shared.tracking;
        let hosts = peers.iter().filter_map(|peer| tracking.find(*peer));
        let within = |host: &HostId| self.only.as_ref().is_none_or(|only| only.contains(host));
        let slots_max = self.slots_max.into_iter().chain(slots_max).min();
        let only = Some(hosts.filter(within).collect());
        Self { shared: Arc::clone(&self.shared), only, slots_max }
    }

    /// Opens a session of its own on every host. Any number may be open at once; they share the hosts' slots.
    pub fn open_session(&self) -> Session {
        let shared = &self.shared;
        let mut sessions = shared.sessions.lock();
        let hosts = if sessions.closed {
            Vec::new()
        } else {
            shared.tracking.connects(self.only.as_deref())
        };
        let core = Core::start(
            random_session(),
            &shared.hub,
            shared.runtime.clone(),
            hosts,
            Weak::new(),
            self.slots_max,
        );
        sessions.open.retain(|(core, _)| core.strong_count() > 0);
        sessions.open.push((Arc::downgrade(&core), self.only.clone()));
        let is_closed = sessions.closed;
        drop(sessions);
        if is_closed {
            core.close();
        }
        Session::new(core, shared.hub.clone(), Arc::clone(shared))
    }

    /// Closes every session; what they run ends as cancelled. Further sessions are closed from the start.
    pub fn close(&self) {
        let open = {
            let mut sessions = self.shared.sessions.lock();
            sessions.closed = true;
            std::mem::take(&mut sessions.open)
        };
        for core in open.iter().filter_map(|(core, _)| core.upgrade()) {
            core.close();
        }
        self.shared.presence.close();
    }
}

impl Shared {
    /// Does something to the tracker's session and to every open one that may use `host`.
    fn each_session(&self, host: HostId, act: impl Fn(&Arc<Core>)) {
        act(&self.presence);
        let cores: Vec<Arc<Core>> = {
            let sessions = self.sessions.lock();
            let may_use = |only: &Option<Arc<[HostId]>>| {
                only.as_ref().is_none_or(|only| only.contains(&host))
            };
            sessions
                .open
                .iter()
                .filter(|(_, only)| may_use(only))
                .filter_map(|(core, _)| core.upgrade())
                .collect()
        };
        cores.iter().for_each(act);
    }
}

fn random_session() -> SessionId {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    SessionId::from_bytes(bytes)
}
