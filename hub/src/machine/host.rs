//! One host as a session sees it: its link, its lease, and how far it is with the current point.

use spm_protocol::PeerId;
use spm_protocol::frame::PrepareStep;
use spm_protocol::limits::{LEASE_DRIFT_PERCENT, LEASE_MS};

use super::LinkId;
use crate::limits::{RECONNECT_MAX_MS, RECONNECT_MIN_MS};

/// The streams to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// None; they are opened again at this time.
    Down {
        /// When.
        retry_ms: u64,
    },
    /// Being opened.
    Opening {
        /// Which life.
        link: LinkId,
        /// When they count as failed.
        until_ms: u64,
    },
    /// Open; the host's hello is awaited.
    Greeting {
        /// Which life.
        link: LinkId,
        /// When they count as failed.
        until_ms: u64,
    },
    /// Open and greeted.
    Up {
        /// Which life.
        link: LinkId,
        /// Since when.
        since_ms: u64,
    },
    /// The host will not talk to us, or left the pool.
    Barred,
}

impl Link {
    /// Which life it is, if there is one.
    pub fn id(self) -> Option<LinkId> {
        match self {
            Self::Opening { link, .. } | Self::Greeting { link, .. } | Self::Up { link, .. } => {
                Some(link)
            }
            Self::Down { .. } | Self::Barred => None,
        }
    }
}

/// How far a host is with the session's current point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It was not asked.
    Out,
    /// It was asked to prepare, and may take until this time.
    Preparing {
        /// When it counts as refused.
        until_ms: u64,
    },
    /// It would not.
    Refused,
    /// It is ready, and not committed.
    Prepared,
    /// It was told that it is in, and may take until this time to say that it is.
    Committed {
        /// When its link counts as failed.
        until_ms: u64,
    },
    /// The point is in force there.
    Online,
    /// It was told that the point is over, and may take until this time.
    Concluding {
        /// When its link counts as failed.
        until_ms: u64,
    },
}

impl Stage {
    /// Whether tasks of the point may be running there.
    pub fn may_run_tasks(self) -> bool {
        matches!(self, Self::Committed { .. } | Self::Online | Self::Concluding { .. })
    }
}

/// What a host says that it is busy with while tasks, or their run, wait for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// Index of a closure of the point.
    pub closure: u32,
    /// What it does.
    pub step: PrepareStep,
    /// How far it is with that, in thousandths, if it knows.
    pub permille: Option<u32>,
}

/// A host of a session.
#[derive(Debug, Clone)]
pub struct Host {
    /// Who it is.
    pub peer: PeerId,
    /// Where other hosts reach it, if they have to.
    pub address: Option<Vec<u8>>,
    /// Its streams.
    pub link: Link,
    /// How far it is.
    pub stage: Stage,
    /// Until when it may be working for this session, by our clock: its granted lease. None before the first.
    pub lease_until_ms: Option<u64>,
    /// The latest such time of links that broke.
    pub old_lease_until_ms: Option<u64>,
    /// When it counts as lost if it does not ask for its lease.
    pub silent_until_ms: u64,
    /// Tasks it may have at once, while online.
    pub slots: u32,
    /// Why it is not in, for people.
    pub reason: Option<String>,
    /// What it said last that it does, while it prepares a point, or a fallback.
    pub busy: Option<Busy>,
    links: u64,
    failures: u32,
}

impl Host {
    /// A host that is to be connected to at once.
    pub fn new(peer: PeerId, address: Option<Vec<u8>>, now_ms: u64) -> Self {
        Self {
            peer,
            address,
            link: Link::Down { retry_ms: now_ms },
            stage: Stage::Out,
            lease_until_ms: None,
            old_lease_until_ms: None,
            silent_until_ms: u64::MAX,
            slots: 1,
            reason: None,
            busy: None,
            links: 0,
            failures: 0,
        }
    }

    /// Whether it was ever tried in vain since it last worked.
    pub fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// Starts the next life of its streams.
    pub fn next_link(&mut self) -> LinkId {
        self.links += 1;
        LinkId(self.links)
    }

    /// Notes that its lease was answered now.
    pub fn grant_lease(&mut self, now_ms: u64) {
        let until_ms = lease_end_ms(now_ms);
        self.lease_until_ms = Some(until_ms);
        self.silent_until_ms = until_ms;
    }

    /// Notes that its streams are gone. What ran there may run on until its lease is over.
    pub fn lose_link(&mut self, now_ms: u64, reason: String) {
        if let Link::Up { since_ms, .. } = self.link
            && now_ms.saturating_sub(since_ms) >= RECONNECT_MAX_MS
        {
            self.failures = 0;
        }
        if self.stage.may_run_tasks() {
            self.old_lease_until_ms = self.old_lease_until_ms.max(self.lease_until_ms);
        }
        self.lease_until_ms = None;
        self.silent_until_ms = u64::MAX;
        self.stage = Stage::Out;
        self.busy = None;
        self.reason = Some(reason);
        let pause_ms =
            RECONNECT_MIN_MS.saturating_mul(1 << self.failures.min(16)).min(RECONNECT_MAX_MS);
        self.failures = self.failures.saturating_add(1);
        self.link = Link::Down { retry_ms: now_ms.saturating_add(pause_ms) };
    }
}

/// When a lease answered at `now_ms` is over, even by a host's clock that is [`LEASE_DRIFT_PERCENT`] slow.
///
/// The host counts from when it asked, which was earlier.
pub fn lease_end_ms(now_ms: u64) -> u64 {
    now_ms.saturating_add((LEASE_MS * 100).div_ceil(100 - LEASE_DRIFT_PERCENT))
}
