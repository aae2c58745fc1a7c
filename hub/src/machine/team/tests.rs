//! Who gets which message, and when ranks wait for ever.

use super::*;

const HOST: Keeper = (HostId(1), 1);

fn member() -> Member {
    let key = libp2p_identity::Keypair::ed25519_from_bytes([1; 32]).unwrap();
    Member::from(key.public().to_peer_id())
}

fn inline(value: u8) -> Payload {
    Payload::Inline(vec![value])
}

fn blob(value: u8) -> (Payload, ContentId) {
    let id = ContentId::of(&[value]);
    (Payload::Blob { id, bytes: 100_000 }, id)
}

/// A team whose ranks are the tasks from 10 on.
struct Driven {
    team: Team,
    number: u64,
}

impl Driven {
    fn new(size: u64) -> Self {
        Self { team: Team::new((10..10 + size).map(TaskId)), number: 0 }
    }

    fn send_as(
        &mut self,
        (source, destination, tag): (u32, u32, u32),
        message: Payload,
        confirm: bool,
    ) -> Result<Vec<Act>, String> {
        self.number += 1;
        let confirm = confirm.then_some(self.number);
        let (keeper, holder, mut acts) = (HOST, member(), Vec::new());
        let parcel = Parcel { source, destination, tag, message, keeper, holder, confirm };
        self.team.send(parcel, &mut acts)?;
        Ok(acts)
    }

    fn send(&mut self, source: u32, destination: u32, tag: u32, value: u8) -> Vec<Act> {
        self.send_as((source, destination, tag), inline(value), false).unwrap()
    }

    fn receive(&mut self, rank: u32, source: Option<u32>, tag: Option<u32>) -> Vec<Act> {
        self.number += 1;
        let mut acts = Vec::new();
        self.team.receive(rank, self.number, source, tag, &mut acts);
        acts
    }

    fn poll(&mut self, rank: u32, source: Option<u32>, tag: Option<u32>) -> Vec<Act> {
        self.number += 1;
        let mut acts = Vec::new();
        self.team.poll(rank, self.number, source, tag, &mut acts);
        acts
    }

    fn end(&mut self, rank: u32) -> Vec<Act> {
        let mut acts = Vec::new();
        self.team.end(rank, &mut acts);
        acts
    }

    /// What a rank receives at once.
    fn takes(&mut self, rank: u32, source: Option<u32>, tag: Option<u32>) -> (u32, u32, u8) {
        message(&self.receive(rank, source, tag))
    }

    fn deadlock(&self) -> String {
        self.team.deadlock().expect("ranks wait for ever").0
    }
}

/// The one message that is delivered: its source, tag and value.
fn message(acts: &[Act]) -> (u32, u32, u8) {
    match acts {
        [Act::Answer { answer: Answer::Message { source, tag, message, holder: None }, .. }] => {
            let Payload::Inline(value) = message else { panic!("{acts:?}") };
            (*source, *tag, value[0])
        }
        other => panic!("no message but {other:?}"),
    }
}

fn nothing(rank: u64, number: u64) -> Act {
    Act::Answer { task: TaskId(10 + rank), number, answer: Answer::Nothing }
}

#[test]
fn messages_of_one_rank_and_tag_keep_their_order() {
    let mut driven = Driven::new(3);
    for (value, (source, tag)) in (1..).zip([(0, 7), (1, 7), (0, 8), (0, 7), (1, 8), (0, 8)]) {
        assert_eq!(driven.send(source, 2, tag, value), []);
    }
    assert_eq!(driven.takes(2, Some(0), Some(8)), (0, 8, 3));
    assert_eq!(driven.takes(2, Some(0), Some(8)), (0, 8, 6));
    assert_eq!(driven.takes(2, Some(0), Some(7)), (0, 7, 1));
    assert_eq!(driven.takes(2, Some(1), None), (1, 7, 2));
    assert_eq!(driven.takes(2, None, Some(7)), (0, 7, 4));
    assert_eq!(driven.takes(2, None, None), (1, 8, 5));
}

#[test]
fn a_rank_that_waits_gets_the_first_message_that_suits() {
    let mut driven = Driven::new(3);
    assert_eq!(driven.receive(2, Some(1), Some(7)), []);
    assert_eq!(driven.send(0, 2, 7, 1), []);
    assert_eq!(driven.send(1, 2, 8, 2), []);
    let acts = driven.send(1, 2, 7, 3);
    assert_eq!(message(&acts), (1, 7, 3));
    let [Act::Answer { task: TaskId(12), number: 1, .. }] = acts[..] else { panic!("{acts:?}") };
    // What did not suit is there for whoever wants it, in the order it came.
    assert_eq!(driven.takes(2, None, None), (0, 7, 1));
    assert_eq!(driven.takes(2, None, None), (1, 8, 2));
    assert_eq!(driven.send(2, 2, 1, 4), []);
    assert_eq!(driven.takes(2, None, None), (2, 1, 4), "of its own");
}

#[test]
fn polling_does_not_wait() {
    let mut driven = Driven::new(2);
    assert_eq!(driven.poll(1, None, None), [nothing(1, 1)]);
    assert_eq!(driven.send(0, 1, 7, 1), []);
    assert_eq!(driven.poll(1, Some(0), Some(8)), [nothing(1, 3)]);
    assert_eq!(message(&driven.poll(1, Some(0), None)), (0, 7, 1));
    assert_eq!(driven.team.deadlock(), None);
}

#[test]
fn senders_wait_while_a_receiver_has_too_many_messages() {
    let mut driven = Driven::new(3);
    for _ in 1..INBOX_MESSAGES_MAX {
        assert_eq!(driven.send_as((0, 1, 0), inline(0), true).unwrap().len(), 1);
    }
    assert_eq!(driven.send_as((0, 1, 0), inline(0), true).unwrap(), []);
    let number = driven.number;
    assert_eq!(driven.send_as((2, 1, 0), inline(0), true).unwrap(), []);
    assert_eq!(driven.team.deadlock(), None, "the receiver may go on");
    // Other ranks have room.
    assert_eq!(driven.send_as((0, 2, 0), inline(0), false).unwrap(), []);
    driven.send_as((0, 1, 0), inline(0), true).unwrap();
    let again = driven.number;
    let acts: Vec<Act> = (0..3).flat_map(|_| driven.receive(1, None, None)).collect();
    let told: Vec<u64> = acts
        .iter()
        .filter_map(|act| match act {
            Act::Answer { number, answer: Answer::Nothing, .. } => Some(*number),
            _ => None,
        })
        .collect();
    assert_eq!(told, [again, number + 1]);
}

#[test]
fn senders_wait_while_a_receiver_has_too_many_bytes() {
    let mut driven = Driven::new(2);
    let large = || Payload::Inline(vec![0; MIB]);
    for _ in 1..INBOX_BYTES_MAX / MIB {
        assert_eq!(driven.send_as((0, 1, 0), large(), true).unwrap().len(), 1);
    }
    assert_eq!(driven.send_as((0, 1, 0), large(), true).unwrap(), []);
    let number = driven.number;
    assert!(driven.receive(1, None, None).contains(&nothing(0, number)));
    // What stays at its sender's host takes no room here.
    for _ in 0..10 {
        assert_eq!(driven.send_as((0, 1, 0), blob(1).0, false).unwrap(), []);
    }
}

#[test]
fn a_host_that_lets_ranks_send_without_end_breaks_the_rules() {
    let mut driven = Driven::new(2);
    let most = INBOX_MESSAGES_MAX + 2 * AHEAD_MESSAGES;
    (0..most).for_each(|_| assert_eq!(driven.send(0, 1, 0, 0), []));
    assert!(driven.send_as((0, 1, 0), blob(1).0, false).is_err());
    let mut driven = Driven::new(2);
    let most = (INBOX_BYTES_MAX + 2 * AHEAD_BYTES) / MIB;
    let large = || Payload::Inline(vec![0; MIB]);
    (0..most).for_each(|_| drop(driven.send_as((0, 1, 0), large(), false).unwrap()));
    assert!(driven.send_as((0, 1, 0), large(), false).is_err());
    assert!(driven.send_as((0, 2, 0), inline(0), false).is_err(), "there is no rank 2");
}

#[test]
fn what_is_large_is_freed_once_its_receiver_asks_again() {
    let mut driven = Driven::new(2);
    let (payload, id) = blob(1);
    driven.send_as((0, 1, 3), payload.clone(), false).unwrap();
    let acts = driven.receive(1, None, None);
    let holder = Some(member());
    let answer = Answer::Message { source: 0, tag: 3, message: payload, holder };
    assert_eq!(acts, [Act::Answer { task: TaskId(11), number: driven.number, answer }]);
    assert_eq!(driven.poll(1, None, None)[0], Act::Free { keeper: HOST, blob: id });
    assert_eq!(driven.poll(1, None, None).len(), 1, "once");
    // The same for one that sends next, or ends, or waited for the message.
    driven.receive(1, None, None);
    driven.send_as((0, 1, 3), blob(2).0, false).unwrap();
    assert_eq!(driven.send(1, 0, 3, 1), [Act::Free { keeper: HOST, blob: blob(2).1 }]);
    driven.receive(1, None, None);
    driven.send_as((0, 1, 3), blob(3).0, false).unwrap();
    assert_eq!(driven.end(1), [Act::Free { keeper: HOST, blob: blob(3).1 }]);
}

#[test]
fn messages_to_ranks_that_have_ended_are_freed() {
    let mut driven = Driven::new(2);
    driven.send_as((0, 1, 3), blob(1).0, false).unwrap();
    driven.send(0, 1, 3, 9);
    driven.send_as((0, 1, 4), blob(2).0, false).unwrap();
    let free = |value| Act::Free { keeper: HOST, blob: blob(value).1 };
    assert_eq!(driven.end(1), [free(1), free(2)]);
    assert_eq!(driven.send_as((0, 1, 3), blob(3).0, false).unwrap(), [free(3)]);
    let acts = driven.send_as((0, 1, 3), blob(4).0, true).unwrap();
    assert_eq!(acts, [free(4), nothing(0, driven.number)]);
    assert_eq!(driven.team.rank_of(TaskId(11)), Some(1));
    assert_eq!(driven.team.rank_of(TaskId(9)), None);
}

#[test]
fn a_team_whose_ranks_do_something_is_not_stuck() {
    let mut driven = Driven::new(3);
    assert_eq!(driven.team.deadlock(), None);
    driven.receive(0, Some(1), None);
    driven.receive(2, None, Some(3));
    assert_eq!(driven.team.deadlock(), None, "rank 1 may send to both");
    driven.receive(1, Some(2), None);
    assert_eq!(
        driven.deadlock(),
        "the ranks wait for ever: rank 0 waits for rank 1; rank 1 waits for rank 2; \
         rank 2 waits for any rank, tag 3"
    );
    // It is a fact, not an event: it is so until one of them has something.
    driven.send(1, 0, 5, 1);
    assert_eq!(driven.team.deadlock(), None);
}

#[test]
fn a_message_that_does_not_suit_wakes_nobody() {
    let mut driven = Driven::new(2);
    driven.send(0, 1, 5, 1);
    driven.receive(0, Some(1), Some(4));
    driven.receive(1, Some(0), Some(6));
    assert_eq!(
        driven.deadlock(),
        "the ranks wait for ever: rank 0 waits for rank 1, tag 4; rank 1 waits for rank 0, tag 6"
    );
}

#[test]
fn ranks_that_wait_for_those_that_have_ended_are_stuck_whatever_others_do() {
    let mut driven = Driven::new(4);
    driven.receive(1, Some(0), Some(2));
    driven.receive(2, Some(1), None);
    assert_eq!(driven.team.deadlock(), None);
    driven.end(0);
    // Rank 3 goes on, and can help neither.
    assert_eq!(
        driven.deadlock(),
        "the ranks wait for ever: rank 1 waits for rank 0, which has ended, tag 2; \
         rank 2 waits for rank 1"
    );
}

#[test]
fn two_ranks_that_wait_for_one_another_are_found_while_a_third_works() {
    let mut driven = Driven::new(3);
    driven.receive(0, Some(1), Some(COLLECTIVE_TAG));
    assert_eq!(driven.team.deadlock(), None);
    driven.receive(1, Some(0), None);
    assert_eq!(
        driven.deadlock(),
        "the ranks wait for ever: rank 0 is in a collective operation with rank 1; \
         rank 1 waits for rank 0"
    );
}

#[test]
fn who_waits_for_any_rank_is_stuck_once_no_other_goes_on() {
    let mut driven = Driven::new(3);
    driven.receive(0, None, None);
    driven.end(1);
    assert_eq!(driven.team.deadlock(), None);
    driven.end(2);
    assert_eq!(driven.deadlock(), "the ranks wait for ever: rank 0 waits for any rank");
    driven.end(0);
    assert_eq!(driven.team.deadlock(), None, "a team that has ended waits for nothing");
}

#[test]
fn a_rank_that_waits_for_itself_is_stuck() {
    let mut driven = Driven::new(2);
    driven.receive(1, Some(1), None);
    assert_eq!(driven.deadlock(), "the ranks wait for ever: rank 1 waits for rank 1");
}

#[test]
fn senders_that_wait_for_room_at_one_another_are_stuck() {
    let mut driven = Driven::new(2);
    for (source, destination) in [(0, 1), (1, 0)] {
        for _ in 1..INBOX_MESSAGES_MAX {
            driven.send(source, destination, 0, 0);
        }
    }
    assert_eq!(driven.send_as((0, 1, 0), inline(0), true).unwrap(), []);
    assert_eq!(driven.team.deadlock(), None);
    assert_eq!(driven.send_as((1, 0, 0), inline(0), true).unwrap(), []);
    assert_eq!(
        driven.deadlock(),
        "the ranks wait for ever: rank 0 cannot send to rank 1, which has too much to receive; \
         rank 1 cannot send to rank 0, which has too much to receive"
    );
    // Were one to end, the other could go on.
    assert_eq!(driven.end(1), [nothing(0, driven.number - 1)]);
    assert_eq!(driven.team.deadlock(), None);
}

#[test]
fn a_report_names_no_more_ranks_than_people_read() {
    let mut driven = Driven::new(100);
    (0..100).for_each(|rank| drop(driven.receive(rank, Some((rank + 1) % 100), None)));
    let text = driven.deadlock();
    assert!(text.contains("rank 15 waits") && !text.contains("rank 16 waits"), "{text}");
    assert!(text.ends_with("; and others"), "{text}");
}
