//! When to dial bootstrap addresses again: a function from events to actions, without a clock.

use std::{collections::BTreeMap, time::Duration};

use libp2p::{Multiaddr, PeerId};

use crate::limits::{REDIAL_MAX, REDIAL_MIN};

/// What happened to a bootstrap address or the peer behind one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The address is to be kept connected.
    Added(Multiaddr),
    /// Dialling it led to this peer.
    Connected(Multiaddr, PeerId),
    /// Dialling it failed.
    Failed(Multiaddr),
    /// No connection to this peer is left.
    Disconnected(PeerId),
    /// Time went by.
    Tick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting { until_ms: u64 },
    Dialling,
    Connected(PeerId),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    state: State,
    pause: Duration,
}

/// The bootstrap addresses and what each is waiting for.
#[derive(Debug, Default)]
pub(crate) struct Redial {
    entries: BTreeMap<Multiaddr, Entry>,
}

impl Redial {
    /// Applies one event; appends the addresses to dial now.
    pub(crate) fn handle(&mut self, now_ms: u64, event: Event, dial: &mut Vec<Multiaddr>) {
        match event {
            Event::Added(address) => {
                let state = State::Waiting { until_ms: now_ms };
                self.entries.entry(address).or_insert(Entry { state, pause: REDIAL_MIN });
            }
            Event::Connected(address, peer) => {
                if let Some(entry) = self.entries.get_mut(&address) {
                    *entry = Entry { state: State::Connected(peer), pause: REDIAL_MIN };
                }
            }
            Event::Failed(address) => {
                if let Some(entry) = self.entries.get_mut(&address) {
                    entry.wait(now_ms);
                }
            }
            Event::Disconnected(peer) => {
                for entry in self.entries.values_mut() {
                    if entry.state == State::Connected(peer) {
                        entry.wait(now_ms);
                    }
                }
            }
            Event::Tick => {}
        }
        for (address, entry) in &mut self.entries {
            if matches!(entry.state, State::Waiting { until_ms } if until_ms <= now_ms) {
                entry.state = State::Dialling;
                dial.push(address.clone());
            }
        }
    }

    /// When the next [`Event::Tick`] is due.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.entries
            .values()
            .filter_map(|entry| match entry.state {
                State::Waiting { until_ms } => Some(until_ms),
                State::Dialling | State::Connected(_) => None,
            })
            .min()
    }
}

impl Entry {
    /// Waits, and longer the next time.
    fn wait(&mut self, now_ms: u64) {
        self.state =
            State::Waiting { until_ms: now_ms.saturating_add(self.pause.as_millis() as u64) };
        self.pause = (self.pause * 2).min(REDIAL_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    fn dialled(redial: &mut Redial, now_ms: u64, event: Event) -> Vec<Multiaddr> {
        let mut dial = Vec::new();
        redial.handle(now_ms, event, &mut dial);
        dial
    }

    #[test]
    fn a_new_address_is_dialled_at_once_and_once() {
        let mut redial = Redial::default();
        assert_eq!(dialled(&mut redial, 5, Event::Added(address(1))), [address(1)]);
        assert!(dialled(&mut redial, 6, Event::Added(address(1))).is_empty());
        assert!(dialled(&mut redial, 60_000, Event::Tick).is_empty());
        assert_eq!(redial.next_ms(), None);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_start_over_after_success() {
        let mut redial = Redial::default();
        let mut now_ms = 0;
        dialled(&mut redial, now_ms, Event::Added(address(1)));
        let mut pauses = Vec::new();
        for _ in 0..12 {
            assert!(dialled(&mut redial, now_ms, Event::Failed(address(1))).is_empty());
            let due = redial.next_ms().unwrap();
            pauses.push(due - now_ms);
            assert!(dialled(&mut redial, due - 1, Event::Tick).is_empty());
            assert_eq!(dialled(&mut redial, due, Event::Tick), [address(1)]);
            now_ms = due;
        }
        assert_eq!(pauses[..4], [250, 500, 1000, 2000]);
        assert_eq!(*pauses.last().unwrap(), REDIAL_MAX.as_millis() as u64);

        let peer = PeerId::random();
        dialled(&mut redial, now_ms, Event::Connected(address(1), peer));
        assert_eq!(redial.next_ms(), None);
        dialled(&mut redial, now_ms, Event::Disconnected(peer));
        assert_eq!(redial.next_ms(), Some(now_ms + 250));
    }

    #[test]
    fn losing_another_peer_changes_nothing() {
        let mut redial = Redial::default();
        dialled(&mut redial, 0, Event::Added(address(1)));
        dialled(&mut redial, 1, Event::Connected(address(1), PeerId::random()));
        dialled(&mut redial, 2, Event::Disconnected(PeerId::random()));
        assert_eq!(redial.next_ms(), None);
    }
}
