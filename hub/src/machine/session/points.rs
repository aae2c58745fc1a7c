//! What time, and hosts that come and go, mean for the current point.

use spm_protocol::PeerId;
use spm_protocol::frame::{HubControl, Member, MemberAddress};

use super::{Action, Phase, Session, members};
use crate::error::DefineError;
use crate::limits::{
    COMMIT_DEADLINE_MS, CONCLUDE_DEADLINE_MS, CONNECT_DEADLINE_MS, NO_HOSTS_GRACE_MS,
};
use crate::machine::HostId;
use crate::machine::host::{Busy, Host, Link, Stage};
use crate::options::Wait;

/// Where hosts listen, as far as that is known.
fn addresses<'a>(hosts: impl Iterator<Item = &'a Host>) -> Vec<MemberAddress> {
    let known = hosts.filter_map(|entry| {
        let address = entry.address.clone()?;
        Some(MemberAddress { member: Member::from(entry.peer), address })
    });
    known.collect()
}

impl Session {
    /// When [`super::Event::Tick`] is due next.
    pub fn wake_ms(&self) -> Option<u64> {
        if self.is_closed() {
            return None;
        }
        let mut wake_ms = u64::MAX;
        for entry in self.hosts.values() {
            wake_ms = wake_ms.min(match entry.link {
                Link::Down { retry_ms } => retry_ms,
                Link::Opening { until_ms, .. } | Link::Greeting { until_ms, .. } => until_ms,
                Link::Up { .. } => entry.silent_until_ms,
                Link::Barred => u64::MAX,
            });
            wake_ms = wake_ms.min(match entry.stage {
                Stage::Preparing { until_ms }
                | Stage::Committed { until_ms }
                | Stage::Concluding { until_ms } => until_ms,
                Stage::Out | Stage::Refused | Stage::Prepared | Stage::Online => u64::MAX,
            });
        }
        wake_ms = wake_ms.min(match self.phase {
            Phase::Waiting => self.old_leases_until_ms(),
            Phase::Preparing { until_ms, grace_until_ms } => {
                if self.seen_ms < grace_until_ms {
                    grace_until_ms
                } else {
                    until_ms
                }
            }
            Phase::Online { dark_since_ms: Some(dark_since_ms), is_told: false } => {
                let grace_until_ms = dark_since_ms.saturating_add(NO_HOSTS_GRACE_MS);
                if self.seen_ms < grace_until_ms {
                    grace_until_ms
                } else {
                    grace_until_ms.saturating_add(self.prepare_deadline_ms())
                }
            }
            Phase::Online { .. } | Phase::Offline | Phase::Concluding | Phase::Closed => u64::MAX,
        });
        Some(wake_ms)
    }

    /// Does all that is due.
    pub(super) fn pass_time(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        self.seen_ms = now_ms;
        self.expire(now_ms, actions);
        self.connect(now_ms, actions);
        if self.phase == Phase::Waiting && now_ms >= self.old_leases_until_ms() {
            let deadline_ms = self.prepare_deadline_ms();
            self.phase = Phase::Preparing {
                until_ms: now_ms.saturating_add(deadline_ms),
                grace_until_ms: now_ms.saturating_add(NO_HOSTS_GRACE_MS.min(deadline_ms)),
            };
        }
        if matches!(self.phase, Phase::Preparing { .. } | Phase::Online { .. }) {
            self.prepare(now_ms, actions);
        }
        self.decide(now_ms, actions);
        if matches!(self.phase, Phase::Online { .. }) {
            self.commit(now_ms, actions);
            self.look_for_hosts(now_ms, actions);
            self.announce(actions);
        }
    }

    /// Says that the point is in force once it is on every host that is in, if that is waited for.
    fn announce(&mut self, actions: &mut Vec<Action>) {
        let is_coming =
            |host: &Host| matches!(host.stage, Stage::Prepared | Stage::Committed { .. });
        if self.hosts.values().any(is_coming) {
            return;
        }
        if let Some(reasons) = self.announcing.take() {
            actions.push(Action::Defined(Ok((self.point, reasons))));
        }
    }

    /// Hosts that were asked to prepare and have not answered, and what they say that they do.
    pub fn awaited(&self) -> Vec<(PeerId, Option<Busy>)> {
        let hosts = self.hosts.values();
        let preparing = hosts.filter(|host| matches!(host.stage, Stage::Preparing { .. }));
        preparing.map(|host| (host.peer, host.busy)).collect()
    }

    /// Hosts that are online and prepare a fallback that tasks wait for, and what they say that they do.
    pub fn busy(&self) -> Vec<(PeerId, Busy)> {
        let online = self.hosts.values().filter(|host| host.stage == Stage::Online);
        online.filter_map(|host| Some((host.peer, host.busy?))).collect()
    }

    fn prepare_deadline_ms(&self) -> u64 {
        self.definition.as_ref().map_or(0, |definition| definition.options.deadline_ms)
    }

    fn expire(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let ids: Vec<HostId> = self.hosts.keys().copied().collect();
        for host in ids {
            let Some(entry) = self.hosts.get_mut(&host) else { continue };
            let reason = match (entry.link, entry.stage) {
                (Link::Opening { until_ms, .. }, _) if now_ms >= until_ms => {
                    "it did not accept the session in time"
                }
                (Link::Greeting { until_ms, .. }, _) if now_ms >= until_ms => {
                    "it did not answer the greeting in time"
                }
                (Link::Up { .. }, _) if now_ms >= entry.silent_until_ms => {
                    "it fell silent, and its lease is over"
                }
                (Link::Up { .. }, Stage::Committed { until_ms }) if now_ms >= until_ms => {
                    "it did not bring the point into force in time"
                }
                (Link::Up { .. }, Stage::Concluding { until_ms }) if now_ms >= until_ms => {
                    "it did not conclude the point in time"
                }
                (Link::Up { link, .. }, Stage::Preparing { until_ms }) if now_ms >= until_ms => {
                    entry.stage = Stage::Refused;
                    entry.reason = Some("it did not prepare in time".to_owned());
                    let frame = HubControl::Conclude { point: self.point };
                    actions.push(Action::Send { host, link, frame });
                    continue;
                }
                _ => continue,
            };
            self.lose(now_ms, host, reason.to_owned(), false, actions);
        }
    }

    fn connect(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        for (&host, entry) in &mut self.hosts {
            if matches!(entry.link, Link::Down { retry_ms } if now_ms >= retry_ms) {
                let link = entry.next_link();
                let until_ms = now_ms.saturating_add(CONNECT_DEADLINE_MS);
                entry.link = Link::Opening { link, until_ms };
                actions.push(Action::Open { host, link });
            }
        }
    }

    /// Asks every host that is up and was not asked yet.
    fn prepare(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let Some(definition) = &self.definition else { return };
        let deadline_ms = definition.options.deadline_ms;
        let peers: Vec<PeerId> = self.hosts.values().map(|entry| entry.peer).collect();
        let addresses = addresses(self.hosts.values());
        // Of two hosts, the one that was asked later looks for the other: so one of them stays.
        let mut asked: Vec<Member> = Vec::new();
        if definition.options.meets {
            let were_asked = self.hosts.values().filter(|host| {
                let is_to_be_in = matches!(
                    host.stage,
                    Stage::Preparing { .. }
                        | Stage::Prepared
                        | Stage::Committed { .. }
                        | Stage::Online
                );
                is_to_be_in && host.address.is_some()
            });
            asked.extend(were_asked.map(|host| Member::from(host.peer)));
        }
        for (&host, entry) in &mut self.hosts {
            let Link::Up { link, .. } = entry.link else { continue };
            if entry.stage != Stage::Out {
                continue;
            }
            entry.stage = Stage::Preparing { until_ms: now_ms.saturating_add(deadline_ms) };
            entry.busy = None;
            let frame = HubControl::Prepare {
                point: self.point,
                closures: definition.closures.clone(),
                members: members(self.hub, peers.iter().copied()),
                providers: definition.providers.clone(),
                deadline_ms,
                addresses: addresses.clone(),
                meet: asked.clone(),
            };
            actions.push(Action::Send { host, link, frame });
            if definition.options.meets && entry.address.is_some() {
                asked.push(Member::from(entry.peer));
            }
        }
    }

    /// Decides who is in, if enough hosts have answered.
    fn decide(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let Phase::Preparing { until_ms, grace_until_ms } = self.phase else { return };
        let Some(wait) = self.definition.as_ref().map(|definition| definition.options.wait) else {
            return;
        };
        let in_grace = now_ms < grace_until_ms;
        let prepared = self.hosts.values().filter(|host| host.stage == Stage::Prepared).count();
        let unanswered = self.hosts.values().any(|host| match host.link {
            Link::Down { .. } => in_grace && (prepared == 0 || wait == Wait::Strict),
            Link::Opening { .. } => in_grace || !host.has_failed(),
            Link::Greeting { .. } => true,
            Link::Up { .. } => matches!(host.stage, Stage::Preparing { .. } | Stage::Out),
            Link::Barred => false,
        }) && now_ms < until_ms;
        let is_in = match wait {
            Wait::ForOne if prepared > 0 => true,
            Wait::Strict if prepared == self.hosts.len() && prepared > 0 => true,
            Wait::Strict
                if self
                    .hosts
                    .values()
                    .any(|host| host.stage == Stage::Refused || host.link == Link::Barred) =>
            {
                false
            }
            _ if unanswered => return,
            Wait::ForOne | Wait::ForAll | Wait::Together => prepared > 0,
            Wait::Strict => false,
        };
        let out = self.hosts.values().filter(|host| host.stage != Stage::Prepared);
        let reasons: Vec<(PeerId, String)> = out
            .map(|host| {
                (host.peer, host.reason.clone().unwrap_or_else(|| "it is not ready yet".to_owned()))
            })
            .collect();
        if is_in {
            self.phase = Phase::Online { dark_since_ms: Some(now_ms), is_told: false };
            if wait == Wait::Together {
                self.announcing = Some(reasons);
            } else {
                actions.push(Action::Defined(Ok((self.point, reasons))));
            }
            return;
        }
        let was_refused = self.hosts.values().any(|host| host.stage == Stage::Refused);
        let error = if was_refused || prepared > 0 {
            DefineError::Refused { reasons }
        } else {
            DefineError::NoHosts { reasons }
        };
        self.phase = Phase::Offline;
        self.dismiss_all(now_ms, actions);
        for entry in self.hosts.values_mut() {
            // Nothing ran, and the next point replaces what was prepared: nobody waits for these.
            entry.stage = Stage::Out;
        }
        self.definition = None;
        actions.push(Action::Defined(Err(error)));
    }

    fn commit(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if !self.hosts.values().any(|host| host.stage == Stage::Prepared) {
            return;
        }
        let is_in = |host: &&Host| {
            matches!(host.stage, Stage::Prepared | Stage::Committed { .. } | Stage::Online)
        };
        let in_it = || self.hosts.values().filter(is_in);
        let frame = HubControl::Commit {
            point: self.point,
            members: members(self.hub, in_it().map(|host| host.peer)),
            addresses: addresses(in_it()),
        };
        for (&host, entry) in &mut self.hosts {
            let Link::Up { link, .. } = entry.link else { continue };
            match entry.stage {
                Stage::Prepared => {
                    let until_ms = now_ms.saturating_add(COMMIT_DEADLINE_MS);
                    entry.stage = Stage::Committed { until_ms };
                }
                // They may be asked by the new ones for what they keep, and ask them.
                Stage::Committed { .. } | Stage::Online => {}
                _ => continue,
            }
            actions.push(Action::Send { host, link, frame: frame.clone() });
        }
    }

    /// Notices when the point is online and no host is, and says so once that has lasted.
    fn look_for_hosts(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let deadline_ms = self.prepare_deadline_ms();
        let Phase::Online { dark_since_ms, is_told } = &mut self.phase else { return };
        if self.hosts.values().any(|host| host.stage == Stage::Online) {
            *dark_since_ms = None;
            *is_told = false;
            return;
        }
        let since_ms = *dark_since_ms.get_or_insert(now_ms);
        if *is_told {
            return;
        }
        let is_hopeless = self
            .hosts
            .values()
            .all(|host| host.link == Link::Barred || host.stage == Stage::Refused);
        let is_coming = self.hosts.values().any(|host| match host.link {
            Link::Down { .. } | Link::Barred => false,
            Link::Opening { .. } => !host.has_failed(),
            Link::Greeting { .. } => true,
            Link::Up { .. } => host.stage != Stage::Refused,
        });
        let patience_ms = if is_coming {
            NO_HOSTS_GRACE_MS.saturating_add(deadline_ms)
        } else {
            NO_HOSTS_GRACE_MS
        };
        if is_hopeless || now_ms >= since_ms.saturating_add(patience_ms) {
            *is_told = true;
            let reasons = self.hosts.values().map(|host| {
                (host.peer, host.reason.clone().unwrap_or_else(|| "it does not answer".to_owned()))
            });
            actions.push(Action::NoHosts { reasons: reasons.collect() });
        }
    }

    /// Tells every host that was asked that the point is over.
    pub(super) fn dismiss_all(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let until_ms = now_ms.saturating_add(CONCLUDE_DEADLINE_MS);
        for (&host, entry) in &mut self.hosts {
            let was_asked = !matches!(entry.stage, Stage::Out | Stage::Refused);
            match entry.link {
                Link::Up { link, .. } if was_asked => {
                    entry.stage = Stage::Concluding { until_ms };
                    let frame = HubControl::Conclude { point: self.point };
                    actions.push(Action::Send { host, link, frame });
                }
                _ => entry.stage = Stage::Out,
            }
        }
    }

    /// Ends the conclusion once no host that can be reached has anything left.
    pub(super) fn finish_concluding(&mut self, actions: &mut Vec<Action>) {
        let is_concluding = |stage| matches!(stage, Stage::Concluding { .. });
        if self.phase == Phase::Concluding
            && !self.hosts.values().any(|host| is_concluding(host.stage))
        {
            self.phase = Phase::Offline;
            self.definition = None;
            actions.push(Action::Concluded(self.point));
        }
    }
}
