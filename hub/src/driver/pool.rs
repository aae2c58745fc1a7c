//! A pool: hosts to run on, and what is known of them.

use std::sync::Arc;
use std::time::Duration;

use spm_protocol::PeerId;

use super::Session;
use crate::completion::HostSnapshot;
use crate::connect::Connect;

/// A handle to hosts. Clones are the same pool. Dropping the last clone and all sessions ends its tracker.
#[derive(Clone)]
pub struct Pool {}

impl Pool {
    /// What is known of each host, in the order they were added.
    pub fn hosts(&self) -> Vec<HostSnapshot> {
        todo!()
    }

    /// Waits until `count` hosts are up, or every host is either up or known not to be, or the time passed.
    /// Returns how many are up.
    pub fn wait_ready(&self, count: usize, timeout: Duration) -> usize {
        let _ = (count, timeout);
        todo!()
    }

    /// Adds a host. Open sessions bring it to their point before it gets a task. A host that is known already
    /// is connected to anew, if it was lost.
    pub fn add_host(&self, host: Arc<dyn Connect>) {
        let _ = host;
        todo!()
    }

    /// Takes a host out of the pool and of all its sessions. `ended` says that its process is known to have
    /// ended, so that nobody has to wait out its leases.
    pub fn remove_host(&self, peer: PeerId, ended: bool) {
        let _ = (peer, ended);
        todo!()
    }

    /// A pool of those of its hosts that are named. It shares what is known of them, not their sessions.
    pub fn select(&self, peers: &[PeerId]) -> Pool {
        let _ = peers;
        todo!()
    }

    /// Opens a session of its own on every host. Any number may be open at once; they share the hosts' slots.
    pub fn open_session(&self) -> Session {
        todo!()
    }

    /// Closes every session; what they run ends as cancelled. Further sessions are closed from the start.
    pub fn close(&self) {
        todo!()
    }
}
