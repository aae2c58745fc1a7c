//! Follows which hosts exist and what they are. Knows nothing of tasks.

use std::collections::BTreeMap;

use spm_protocol::PeerId;
use spm_protocol::frame::HostInfo;

use super::HostId;
use crate::completion::{HostSnapshot, HostState};

/// What is known of the hosts of a pool.
#[derive(Debug, Default)]
pub struct Tracker {
    hosts: BTreeMap<HostId, HostSnapshot>,
    next_host: u32,
}

impl Tracker {
    /// Adds a host, or finds it if it is known.
    pub fn add(&mut self, peer: PeerId) -> HostId {
        if let Some(host) = self.find(peer) {
            return host;
        }
        let host = HostId(self.next_host);
        self.next_host += 1;
        let snapshot = HostSnapshot { peer, info: None, state: HostState::Connecting, losses: 0 };
        self.hosts.insert(host, snapshot);
        host
    }

    /// The host that is this peer.
    pub fn find(&self, peer: PeerId) -> Option<HostId> {
        self.hosts.iter().find(|(_, snapshot)| snapshot.peer == peer).map(|(&host, _)| host)
    }

    /// Forgets a host.
    pub fn remove(&mut self, host: HostId) {
        self.hosts.remove(&host);
    }

    /// Notes that a host answers.
    pub fn up(&mut self, host: HostId, info: HostInfo) {
        if let Some(snapshot) = self.hosts.get_mut(&host) {
            snapshot.info = Some(info);
            snapshot.state = HostState::Up;
        }
    }

    /// Notes that a host does not.
    pub fn lost(&mut self, host: HostId, reason: String, is_final: bool) {
        if let Some(snapshot) = self.hosts.get_mut(&host) {
            if snapshot.state == HostState::Up {
                snapshot.losses += 1;
            }
            snapshot.state =
                if is_final { HostState::Refused { reason } } else { HostState::Lost { reason } };
        }
    }

    /// The hosts, in the order they were added.
    pub fn hosts(&self) -> &BTreeMap<HostId, HostSnapshot> {
        &self.hosts
    }
}
