//! Counts what each peer holds, and hands out permits up to a limit.

use std::{collections::BTreeMap, sync::Arc};

use libp2p::PeerId;
use parking_lot::Mutex;

/// A limit per peer. Clones share the counts.
#[derive(Debug, Clone)]
pub(crate) struct PeerLimit {
    per_peer_max: usize,
    held: Arc<Mutex<BTreeMap<PeerId, usize>>>,
}

/// One unit of a peer's limit; given back when dropped.
#[derive(Debug)]
pub(crate) struct PeerPermit {
    peer: PeerId,
    held: Arc<Mutex<BTreeMap<PeerId, usize>>>,
}

impl PeerLimit {
    pub(crate) fn new(per_peer_max: usize) -> Self {
        Self { per_peer_max, held: Arc::default() }
    }

    /// A permit, unless the peer holds as many as it may.
    pub(crate) fn try_acquire(&self, peer: PeerId) -> Option<PeerPermit> {
        let mut held = self.held.lock();
        let count = held.entry(peer).or_insert(0);
        if *count >= self.per_peer_max {
            return None;
        }
        *count += 1;
        Some(PeerPermit { peer, held: Arc::clone(&self.held) })
    }
}

impl Drop for PeerPermit {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        if let Some(count) = held.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_has_its_own_limit_and_gets_permits_back() {
        let limit = PeerLimit::new(2);
        let (one, other) = (PeerId::random(), PeerId::random());
        let first = limit.try_acquire(one).unwrap();
        let second = limit.try_acquire(one).unwrap();
        assert!(limit.try_acquire(one).is_none());
        let third = limit.try_acquire(other).unwrap();
        drop(first);
        assert!(limit.try_acquire(one).is_some());
        drop((second, third));
        assert!(limit.held.lock().is_empty(), "peers without permits cost nothing");
    }
}
