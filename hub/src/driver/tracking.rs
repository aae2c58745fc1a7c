//! The tracker of a pool under its lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use spm_protocol::frame::HostInfo;

use crate::completion::{HostSnapshot, HostState};
use crate::connect::Connect;
use crate::machine::{HostId, Tracker};

#[derive(Default)]
pub(super) struct Tracking {
    state: Mutex<Tracked>,
    changed: Condvar,
}

#[derive(Default)]
struct Tracked {
    tracker: Tracker,
    connects: BTreeMap<HostId, Arc<dyn Connect>>,
}

impl Tracking {
    /// Adds a host, or finds it if it is known; then it is reached this way from now on.
    pub(super) fn add(&self, connect: Arc<dyn Connect>) -> HostId {
        let mut state = self.state.lock();
        let host = state.tracker.add(connect.peer());
        state.connects.insert(host, connect);
        host
    }

    pub(super) fn remove(&self, host: HostId) {
        let mut state = self.state.lock();
        state.tracker.remove(host);
        state.connects.remove(&host);
        self.changed.notify_all();
    }

    pub(super) fn find(&self, peer: spm_protocol::PeerId) -> Option<HostId> {
        self.state.lock().tracker.find(peer)
    }

    pub(super) fn connects(&self, only: Option<&[HostId]>) -> Vec<(HostId, Arc<dyn Connect>)> {
        let state = self.state.lock();
        let wanted = |host: &HostId| only.is_none_or(|only| only.contains(host));
        state
            .connects
            .iter()
            .filter(|(host, _)| wanted(host))
            .map(|(&host, connect)| (host, Arc::clone(connect)))
            .collect()
    }

    pub(super) fn hosts(&self, only: Option<&[HostId]>) -> Vec<HostSnapshot> {
        self.state.lock().snapshots(only).cloned().collect()
    }

    pub(super) fn up(&self, host: HostId, info: HostInfo) {
        self.state.lock().tracker.up(host, info);
        self.changed.notify_all();
    }

    pub(super) fn lost(&self, host: HostId, reason: String, is_final: bool) {
        self.state.lock().tracker.lost(host, reason, is_final);
        self.changed.notify_all();
    }

    /// Waits until `count` hosts are up, or none is being connected to for the first time.
    pub(super) fn wait_ready(
        &self,
        only: Option<&[HostId]>,
        count: usize,
        deadline: Option<Instant>,
    ) -> usize {
        let mut state = self.state.lock();
        loop {
            let up = state.snapshots(only).filter(|host| host.state == HostState::Up).count();
            let hope = state.snapshots(only).any(|host| host.state == HostState::Connecting);
            if up >= count || !hope {
                return up;
            }
            match deadline {
                Some(deadline) if self.changed.wait_until(&mut state, deadline).timed_out() => {
                    return up;
                }
                Some(_) => {}
                None => self.changed.wait(&mut state),
            }
        }
    }
}

impl Tracked {
    fn snapshots(&self, only: Option<&[HostId]>) -> impl Iterator<Item = &HostSnapshot> {
        let hosts = self.tracker.hosts().iter();
        hosts
            .filter(move |(host, _)| only.is_none_or(|only| only.contains(host)))
            .map(|(_, snapshot)| snapshot)
    }
}
