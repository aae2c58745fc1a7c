//! The lease of a session, as its host counts it: from when a request was *sent*.

use std::collections::BTreeMap;

use spm_protocol::limits::{LEASE_MS, LEASE_RENEWAL_MS};

/// Requests remembered; an answer to an older one renews nothing.
const REQUESTS_MAX: usize = (2 * LEASE_MS / LEASE_RENEWAL_MS) as usize;

#[derive(Debug)]
pub(super) struct Lease {
    until_ms: u64,
    is_granted: bool,
    renewal_ms: u64,
    next_request: u64,
    sent_ms: BTreeMap<u64, u64>,
}

impl Lease {
    /// No lease yet, and [`LEASE_MS`] to get one.
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            until_ms: now_ms.saturating_add(LEASE_MS),
            is_granted: false,
            renewal_ms: now_ms,
            next_request: 1,
            sent_ms: BTreeMap::new(),
        }
    }

    pub(super) fn until_ms(&self) -> u64 {
        self.until_ms
    }

    /// When the next request is due.
    pub(super) fn renewal_ms(&self) -> u64 {
        self.renewal_ms
    }

    pub(super) fn is_granted(&self) -> bool {
        self.is_granted
    }

    /// The number of a request that is to be sent now, if one is due.
    pub(super) fn renew(&mut self, now_ms: u64) -> Option<u64> {
        if now_ms < self.renewal_ms {
            return None;
        }
        self.renewal_ms = now_ms.saturating_add(LEASE_RENEWAL_MS);
        let request = self.next_request;
        self.next_request += 1;
        self.sent_ms.insert(request, now_ms);
        if self.sent_ms.len() > REQUESTS_MAX {
            self.sent_ms.pop_first();
        }
        Some(request)
    }

    /// Takes the answer to a request. An answer to what was not asked grants nothing.
    pub(super) fn grant(&mut self, request: u64, lease_ms: u64) {
        let Some(sent_ms) = self.sent_ms.get(&request).copied() else {
            return;
        };
        self.sent_ms = self.sent_ms.split_off(&(request + 1));
        let until_ms = sent_ms.saturating_add(lease_ms.min(LEASE_MS));
        if self.is_granted {
            self.until_ms = self.until_ms.max(until_ms);
        } else {
            // Until now it was only the time to get a lease.
            self.until_ms = until_ms;
            self.is_granted = true;
        }
    }
}
