//! Who is served blobs now, who waits, and who gives way. No I/O and no clock: times come in.
//!
//! Slots are few, and whoever is served decides how fast. So a member that takes its blob slower than
//! [`BLOB_RATE_MIN`] keeps its slot only while nobody waits for one; and among those who wait, the peer
//! that holds the fewest slots comes first. Who gave way may ask again, and goes on where it was.

use std::{collections::BTreeMap, time::Duration};

use libp2p::PeerId;

use crate::limits::{BLOB_GRACE, BLOB_RATE_MIN};

/// Serves and those who wait, each under the ticket it was given.
#[derive(Debug)]
pub(super) struct Turns {
    slots: usize,
    next_ticket: u64,
    waiting: BTreeMap<u64, PeerId>,
    serving: BTreeMap<u64, Serve>,
}

#[derive(Debug)]
struct Serve {
    peer: PeerId,
    since: Duration,
    bytes: u64,
    gives_way: bool,
}

/// What one who waits learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is served now.
    Yours,
    /// It waits on.
    Wait,
    /// It waits on; the serve with this ticket is to be broken off.
    GiveWay(u64),
}

impl Turns {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots, next_ticket: 0, waiting: BTreeMap::new(), serving: BTreeMap::new() }
    }

    /// A ticket for one who wants to be served.
    pub(super) fn enter(&mut self, peer: PeerId) -> u64 {
        self.next_ticket += 1;
        self.waiting.insert(self.next_ticket, peer);
        self.next_ticket
    }

    /// Whether it is the turn of `ticket`.
    pub(super) fn turn(&mut self, now: Duration, ticket: u64) -> Turn {
        let Some(&peer) = self.waiting.get(&ticket) else { return Turn::Wait };
        let mine = (self.held(peer), ticket);
        let ahead =
            self.waiting.iter().filter(|(other, peer)| (self.held(**peer), **other) < mine).count();
        if self.serving.len() + ahead < self.slots {
            self.waiting.remove(&ticket);
            self.serving.insert(ticket, Serve { peer, since: now, bytes: 0, gives_way: false });
            return Turn::Yours;
        }
        let leaving = self.serving.values().filter(|serve| serve.gives_way).count();
        if leaving > ahead {
            return Turn::Wait;
        }
        let slow = self.serving.iter_mut().filter(|(_, serve)| serve.is_slow(now));
        match slow.min_by_key(|(_, serve)| serve.rate(now)) {
            Some((slowest, serve)) => {
                serve.gives_way = true;
                Turn::GiveWay(*slowest)
            }
            None => Turn::Wait,
        }
    }

    /// Notes that so many more bytes went out.
    pub(super) fn sent(&mut self, ticket: u64, bytes: usize) {
        if let Some(serve) = self.serving.get_mut(&ticket) {
            serve.bytes += bytes as u64;
        }
    }

    /// Forgets a ticket: its serve is over, or it waits no longer.
    pub(super) fn leave(&mut self, ticket: u64) {
        self.waiting.remove(&ticket);
        self.serving.remove(&ticket);
    }

    fn held(&self, peer: PeerId) -> usize {
        self.serving.values().filter(|serve| serve.peer == peer).count()
    }
}

impl Serve {
    /// Bytes per second, since it began.
    fn rate(&self, now: Duration) -> u64 {
        let elapsed_ms = now.saturating_sub(self.since).as_millis().max(1);
        u64::try_from(u128::from(self.bytes) * 1000 / elapsed_ms).unwrap_or(u64::MAX)
    }

    fn is_slow(&self, now: Duration) -> bool {
        !self.gives_way
            && now.saturating_sub(self.since) >= BLOB_GRACE
            && self.rate(now) < BLOB_RATE_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(100);

    /// As many peers as there are slots, each served, and sent that many bytes.
    fn full(slots: usize, bytes: usize) -> (Turns, Vec<u64>) {
        let mut turns = Turns::new(slots);
        let tickets: Vec<_> = (0..slots).map(|_| turns.enter(PeerId::random())).collect();
        for ticket in &tickets {
            assert_eq!(turns.turn(START, *ticket), Turn::Yours);
            turns.sent(*ticket, bytes);
        }
        (turns, tickets)
    }

    #[test]
    fn slow_members_hold_no_slot_that_another_waits_for() {
        let (mut turns, slow) = full(64, 100);
        let quick = turns.enter(PeerId::random());
        assert_eq!(turns.turn(START, quick), Turn::Wait, "they have only begun");
        turns.sent(slow[7], 1);
        turns.sent(slow[3], 0);
        let later = START + BLOB_GRACE;
        let Turn::GiveWay(victim) = turns.turn(later, quick) else { panic!("nobody gives way") };
        assert!(slow.contains(&victim) && victim != slow[7]);
        assert_eq!(turns.turn(later, quick), Turn::Wait, "one gives way for one who waits");
        turns.leave(victim);
        let again = turns.enter(PeerId::random());
        assert!(matches!(turns.turn(later, again), Turn::GiveWay(_)), "the slot is not its");
        assert_eq!(turns.turn(later, quick), Turn::Yours);
    }

    #[test]
    fn members_that_keep_pace_are_not_disturbed() {
        let (mut turns, tickets) = full(4, BLOB_RATE_MIN as usize * 60);
        let other = turns.enter(PeerId::random());
        assert_eq!(turns.turn(START + Duration::from_mins(1), other), Turn::Wait);
        turns.leave(tickets[0]);
        assert_eq!(turns.turn(START + Duration::from_mins(1), other), Turn::Yours);
    }

    #[test]
    fn slow_members_are_served_while_nobody_waits() {
        let (mut turns, slow) = full(2, 1);
        turns.leave(slow[0]);
        let other = turns.enter(PeerId::random());
        assert_eq!(turns.turn(START + BLOB_GRACE * 100, other), Turn::Yours);
    }

    #[test]
    fn who_holds_fewest_slots_comes_first() {
        let mut turns = Turns::new(2);
        let (greedy, modest) = (PeerId::random(), PeerId::random());
        let held = [turns.enter(greedy), turns.enter(greedy)];
        for ticket in held {
            assert_eq!(turns.turn(START, ticket), Turn::Yours);
            turns.sent(ticket, usize::MAX / 2);
        }
        let (third, first) = (turns.enter(greedy), turns.enter(modest));
        turns.leave(held[0]);
        assert_eq!(turns.turn(START, third), Turn::Wait, "another has none");
        assert_eq!(turns.turn(START, first), Turn::Yours);
        turns.leave(first);
        assert_eq!(turns.turn(START, third), Turn::Yours);
    }

    #[test]
    fn who_leaves_is_forgotten() {
        let (mut turns, tickets) = full(2, 1);
        let waiting = turns.enter(PeerId::random());
        for ticket in tickets.into_iter().chain([waiting]) {
            turns.leave(ticket);
        }
        assert!(turns.waiting.is_empty() && turns.serving.is_empty());
    }
}
