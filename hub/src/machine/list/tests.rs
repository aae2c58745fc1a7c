//! The `List` machine: events in, actions out.

mod deopt;
mod talk;

use spm_protocol::frame::TaskResult;
use spm_protocol::{Outcome, Payload};

use super::*;
use crate::limits::{CANCEL_DEADLINE_MS, LOOKAHEAD_US, RECALL_MIN_MS};

const POINT: Point = Point(3);
const ONE: HostId = HostId(1);
const TWO: HostId = HostId(2);

fn rules() -> Rules {
    Rules {
        ordered: true,
        window_tasks: 1000,
        retries: 2,
        retry_deadline_hit: false,
        task_deadline_ms: None,
        until_ms: None,
    }
}

fn peer(number: u32) -> PeerId {
    let key = libp2p_identity::Keypair::ed25519_from_bytes([number as u8; 32]).unwrap();
    key.public().to_peer_id()
}

struct Driven {
    list: List,
    now_ms: u64,
}

impl Driven {
    /// Hosts of two slots each, which take eight tasks.
    fn new(rules: Rules, hosts: &[HostId]) -> Self {
        let mut driven =
            Self { list: List::new(POINT, vec![Some(1), None], TaskId(1), rules), now_ms: 0 };
        for &host in hosts {
            let peer = peer(host.0);
            driven.does(Event::HostOnline { host, peer, credits: 8, slots: 2 });
        }
        driven
    }

    fn does(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.list.handle(self.now_ms, event, &mut actions);
        assert_eq!(self.list.broken_invariant(), None);
        actions
    }

    fn submit(&mut self, count: u64) -> Vec<Action> {
        for _ in 0..count {
            self.list.check(0, 1).unwrap();
            let index = self.list.next_task().0 - 1;
            let arguments = vec![index as u8];
            let task = NewTask::new(0, index, arguments);
            self.list.submit(self.now_ms, task);
        }
        let mut actions = Vec::new();
        self.list.pump(self.now_ms, &mut actions);
        assert_eq!(self.list.broken_invariant(), None);
        actions
    }

    fn result(&mut self, host: HostId, id: u64, attempt: u32, outcome: Outcome) -> Vec<Action> {
        let result = TaskResult {
            id: TaskId(id),
            attempt,
            outcome,
            run_us: 10_000,
            output: Vec::new(),
            pure: true,
        };
        self.results(host, vec![result])
    }

    fn results(&mut self, host: HostId, results: Vec<TaskResult>) -> Vec<Action> {
        self.does(Event::Work { host, frame: HostWork::Results { point: POINT, results } })
    }

    fn returns(&mut self, host: HostId, id: u64) -> Vec<Action> {
        self.result(host, id, 1, returned(id))
    }

    fn prints(&mut self, host: HostId, id: u64, attempt: u32, output: &str) -> Vec<Action> {
        let (id, output) = (TaskId(id), output.as_bytes().to_vec());
        self.does(Event::Work {
            host,
            frame: HostWork::Output { point: POINT, id, attempt, output },
        })
    }
}

fn returned(id: u64) -> Outcome {
    Outcome::Returned(Payload::Inline(vec![id as u8]))
}

/// Tasks sent, as host, id and attempt.
fn sent(actions: &[Action]) -> Vec<(u32, u64, u32)> {
    let batches = actions.iter().filter_map(|action| match action {
        Action::Send { host, tasks } => Some((host.0, tasks)),
        _ => None,
    });
    batches
        .flat_map(|(host, tasks)| tasks.iter().map(move |task| (host, task.id.0, task.attempt)))
        .collect()
}

/// Tasks completed.
fn ended(actions: &[Action]) -> Vec<(u64, TaskOutcome)> {
    let completions = actions.iter().filter_map(|action| match action {
        Action::Deliver(Delivery::Completion(completion)) => Some(completion),
        _ => None,
    });
    completions.map(|completion| (completion.task.0, completion.outcome.clone())).collect()
}

fn value(id: u64) -> (u64, TaskOutcome) {
    (id, TaskOutcome::Returned(vec![id as u8].into()))
}

#[test]
fn idle_slots_are_filled_evenly_and_no_further() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    let sent = sent(&driven.submit(10));
    let on_one = sent.iter().filter(|(host, ..)| *host == 1).count();
    assert_eq!((sent.len(), on_one), (4, 2));
}

/// Tasks asked back, as host and ids.
fn recalled(actions: &[Action]) -> Vec<(u32, Vec<u64>)> {
    let recalls = actions.iter().filter_map(|action| match action {
        Action::Recall { host, tasks } => Some((host.0, tasks)),
        _ => None,
    });
    recalls.map(|(host, tasks)| (host, tasks.iter().map(|id| id.0).collect())).collect()
}

/// A run in which `ONE` has tasks 1 and 3, `TWO` is idle again, and the first pause is over.
fn with_a_silent_host() -> (Driven, Vec<Action>) {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    assert_eq!(sent(&driven.submit(4)), [(1, 1, 1), (1, 3, 1), (2, 2, 1), (2, 4, 1)]);
    driven.returns(TWO, 2);
    assert_eq!(driven.list.wake_ms(), Some(RECALL_MIN_MS));
    driven.now_ms = RECALL_MIN_MS;
    driven.returns(TWO, 4);
    let actions = driven.does(Event::Tick);
    (driven, actions)
}

fn gives_back(driven: &mut Driven, host: HostId, tasks: &[(u64, u32)]) -> Vec<Action> {
    let tasks = tasks.iter().map(|&(id, attempt)| (TaskId(id), attempt)).collect();
    driven.does(Event::Work { host, frame: HostWork::Unstarted { point: POINT, tasks } })
}

#[test]
fn what_a_silent_host_has_not_started_goes_to_an_idle_one() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit(4);
    driven.returns(TWO, 2);
    driven.now_ms = RECALL_MIN_MS - 1;
    assert_eq!(recalled(&driven.does(Event::Tick)), []);
    driven.now_ms += 1;
    assert_eq!(recalled(&driven.does(Event::Tick)), [(1, vec![1, 3])]);
    // It is asked once, until it is sent more.
    driven.now_ms += 100 * RECALL_MIN_MS;
    assert_eq!(recalled(&driven.does(Event::Tick)), []);
    let actions = gives_back(&mut driven, ONE, &[(3, 1)]);
    assert_eq!(sent(&actions), [(2, 3, 1)]);
    // What it has started, it ends.
    assert_eq!(ended(&driven.returns(ONE, 1)), [value(1), value(2)]);
    driven.returns(TWO, 4);
    assert_eq!(ended(&driven.returns(TWO, 3)), [value(3), value(4)]);
    assert_eq!(driven.list.stats().hosts.iter().map(|host| host.sent).sum::<u64>(), 4);
}

#[test]
fn a_host_that_is_behind_gets_tasks_only_while_no_other_has_room() {
    let (mut driven, actions) = with_a_silent_host();
    assert_eq!(recalled(&actions), []);
    let actions = driven.does(Event::Tick);
    assert_eq!(recalled(&actions), []);
    // The tick before had it asked already.
    gives_back(&mut driven, ONE, &[(1, 1), (3, 1)]);
    let sent_on = sent(&driven.submit(3));
    assert_eq!(sent_on, [(1, 5, 1), (1, 6, 1)]);
    assert_eq!(ended(&driven.returns(TWO, 1)), [value(1), value(2)]);
    driven.returns(TWO, 3);
    driven.now_ms += 2 * RECALL_MIN_MS;
    assert_eq!(recalled(&driven.does(Event::Tick)), [(1, vec![5, 6])]);
    assert_eq!(sent(&gives_back(&mut driven, ONE, &[(6, 1)])), [(2, 6, 1)]);
    // One that ends a task is as good as the others again.
    driven.returns(ONE, 5);
    driven.returns(TWO, 6);
    driven.returns(TWO, 7);
    assert_eq!(sent(&driven.submit(1)), [(1, 8, 1)]);
}

#[test]
fn a_host_gives_back_only_what_it_is_asked_for() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit(2);
    let actions = gives_back(&mut driven, ONE, &[(1, 1)]);
    assert!(matches!(actions[..], [Action::Misbehaved { host: ONE, .. }]));
}

#[test]
fn what_was_cancelled_may_be_given_back_too() {
    let (mut driven, _) = with_a_silent_host();
    driven.does(Event::Cancel { task: TaskId(3) });
    assert_eq!(sent(&gives_back(&mut driven, ONE, &[(3, 1)])), []);
    assert_eq!(driven.list.credits(), [(ONE, 1, 8), (TWO, 0, 8)]);
    // A host that is alone is not asked.
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(2);
    assert_eq!(driven.list.wake_ms(), None);
}

#[test]
fn a_host_that_ends_a_task_gets_the_next() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit(10);
    let actions = driven.returns(ONE, 1);
    assert_eq!(ended(&actions), [value(1)]);
    assert_eq!(sent(&actions), [(1, 5, 1)]);
}

#[test]
fn short_tasks_are_sent_ahead_up_to_the_credits() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(100);
    let result = TaskResult {
        id: TaskId(1),
        attempt: 1,
        outcome: returned(1),
        run_us: LOOKAHEAD_US / 100,
        output: Vec::new(),
        pure: true,
    };
    assert_eq!(sent(&driven.results(ONE, vec![result])).len(), 7);
    assert_eq!(driven.list.credits(), [(ONE, 8, 8)]);
}

#[test]
fn completions_keep_the_order_of_submission() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit(3);
    let of_two = 2;
    assert_eq!(ended(&driven.returns(TWO, of_two)), []);
    assert_eq!(ended(&driven.returns(ONE, 1)), [value(1), value(2)]);
    assert_eq!(ended(&driven.returns(ONE, 3)), [value(3)]);
}

#[test]
fn completions_come_as_they_come_if_order_is_not_wanted() {
    let mut driven = Driven::new(Rules { ordered: false, ..rules() }, &[ONE, TWO]);
    driven.submit(3);
    assert_eq!(ended(&driven.returns(TWO, 2)), [value(2)]);
    assert_eq!(ended(&driven.returns(ONE, 1)), [value(1)]);
}

#[test]
fn tasks_of_a_lost_host_are_tried_elsewhere() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit(2);
    let actions = driven.does(Event::HostOffline { host: ONE, reason: "gone".to_owned() });
    assert_eq!(sent(&actions), [(2, 1, 2)]);
    // What the lost host still says is stale.
    assert_eq!(driven.returns(ONE, 1), []);
    assert_eq!(ended(&driven.result(TWO, 1, 2, returned(1))), [value(1)]);
}

#[test]
fn a_fault_is_retried_on_another_host_and_then_reported() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit(1);
    let fault = || Outcome::HostFault("no memory".to_owned());
    assert_eq!(sent(&driven.result(ONE, 1, 1, fault())), [(2, 1, 2)]);
    assert_eq!(sent(&driven.result(TWO, 1, 2, fault())), [(1, 1, 3)]);
    let expected = (1, TaskOutcome::HostFault("no memory".to_owned()));
    assert_eq!(ended(&driven.result(ONE, 1, 3, fault())), [expected]);
    assert_eq!(driven.list.stats().retries, 2);
}

#[test]
fn the_only_host_gets_its_own_failures_again() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(1);
    let refused = Outcome::Refused("busy".to_owned());
    assert_eq!(sent(&driven.result(ONE, 1, 1, refused)), [(1, 1, 2)]);
}

#[test]
fn a_deadline_is_final_unless_asked_otherwise() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(1);
    let hit = || Outcome::DeadlineHit(Vec::new());
    let expected = (1, TaskOutcome::DeadlineHit(Vec::new()));
    assert_eq!(ended(&driven.result(ONE, 1, 1, hit())), [expected]);
    let mut driven = Driven::new(Rules { retry_deadline_hit: true, ..rules() }, &[ONE]);
    driven.submit(1);
    assert_eq!(sent(&driven.result(ONE, 1, 1, hit())), [(1, 1, 2)]);
}

#[test]
fn results_count_once_and_only_for_their_attempt() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit(2);
    assert_eq!(driven.result(ONE, 1, 2, returned(1)), []);
    assert_eq!(driven.returns(TWO, 1), []);
    assert_eq!(ended(&driven.returns(ONE, 1)), [value(1)]);
    assert_eq!(driven.returns(ONE, 1), []);
    assert_eq!(driven.list.stats().dropped, 3);
}

#[test]
fn cancelling_ends_at_once_and_keeps_the_credit_until_the_host_says_so() {
    let mut driven = Driven::new(Rules { ordered: false, ..rules() }, &[ONE]);
    driven.submit(3);
    let actions = driven.does(Event::Cancel { task: TaskId(1) });
    assert_eq!(ended(&actions), [(1, TaskOutcome::Cancelled)]);
    assert!(actions.contains(&Action::Cancel { host: ONE, tasks: vec![TaskId(1)] }));
    assert_eq!(sent(&actions), []);
    assert_eq!(driven.list.credits(), [(ONE, 2, 8)]);
    let actions = driven.result(ONE, 1, 1, Outcome::Cancelled);
    assert_eq!(ended(&actions), []);
    assert_eq!(sent(&actions), [(1, 3, 1)]);
}

#[test]
fn a_host_that_does_not_stop_cancelled_tasks_is_dropped() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(1);
    driven.does(Event::Cancel { task: TaskId(1) });
    assert_eq!(driven.list.wake_ms(), Some(CANCEL_DEADLINE_MS));
    driven.now_ms = CANCEL_DEADLINE_MS;
    let actions = driven.does(Event::Tick);
    assert!(matches!(actions[..], [Action::Misbehaved { host: ONE, .. }]), "{actions:?}");
}

#[test]
fn cancelling_all_ends_all_and_finishes() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(5);
    let actions = driven.does(Event::CancelAll);
    assert_eq!(ended(&actions).len(), 5);
    assert_eq!(actions.last(), Some(&Action::Deliver(Delivery::Finished)));
    assert_eq!(driven.list.check(0, 1), Err(SubmitError::Closed));
}

#[test]
fn the_window_is_full_until_completions_are_taken() {
    let mut driven = Driven::new(Rules { window_tasks: 2, ..rules() }, &[ONE]);
    driven.submit(2);
    assert_eq!(driven.list.check(0, 1), Err(SubmitError::Full { window_tasks: 2 }));
    driven.returns(ONE, 1);
    assert_eq!(driven.list.room(), 0);
    driven.does(Event::Taken { count: 1 });
    assert_eq!(driven.list.room(), 1);
}

#[test]
fn output_is_shown_once_however_often_a_task_is_tried() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit(1);
    let shown = |actions: &[Action]| match actions {
        [Action::Deliver(Delivery::Output(output))] => output.output.clone(),
        [] => Vec::new(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown(&driven.prints(ONE, 1, 1, "abc")), b"abc");
    driven.does(Event::HostOffline { host: ONE, reason: "gone".to_owned() });
    assert_eq!(shown(&driven.prints(TWO, 1, 2, "ab")), b"");
    assert_eq!(shown(&driven.prints(TWO, 1, 2, "cd")), b"d");
    let result = TaskResult {
        id: TaskId(1),
        attempt: 2,
        outcome: returned(1),
        run_us: 1,
        output: b"e".to_vec(),
        pure: true,
    };
    let actions = driven.results(TWO, vec![result]);
    let [Action::Deliver(Delivery::Completion(completion))] = &actions[..] else {
        panic!("{actions:?}")
    };
    assert_eq!(completion.output, b"e");
}

#[test]
fn a_large_result_is_fetched_before_it_is_given_out() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit(1);
    let id = ContentId::of(b"large");
    let blob = || Outcome::Returned(Payload::Blob { id, bytes: 5 });
    let fetch = Action::Fetch { host: ONE, task: TaskId(1), attempt: 1, number: 0, id, bytes: 5 };
    assert_eq!(driven.result(ONE, 1, 1, blob()), [fetch]);
    let failed =
        Event::Fetched { task: TaskId(1), attempt: 1, number: 0, result: Err("gone".to_owned()) };
    assert_eq!(sent(&driven.does(failed)), [(2, 1, 2)]);
    driven.result(TWO, 1, 2, blob());
    let fetched =
        Event::Fetched { task: TaskId(1), attempt: 2, number: 0, result: Ok(Bytes::from("large")) };
    assert_eq!(ended(&driven.does(fetched)), [(1, TaskOutcome::Returned(Bytes::from("large")))]);
}

#[test]
fn without_hosts_tasks_fail_until_one_comes() {
    let mut driven = Driven::new(rules(), &[]);
    assert_eq!(driven.submit(1), []);
    let reasons = vec![(peer(1), "gone".to_owned())];
    let actions = driven.does(Event::NoHosts { reasons: reasons.clone() });
    assert_eq!(ended(&actions), [(1, TaskOutcome::NoHosts(reasons.clone()))]);
    assert_eq!(ended(&driven.submit(1)), [(2, TaskOutcome::NoHosts(reasons))]);
    driven.does(Event::HostOnline { host: ONE, peer: peer(1), credits: 8, slots: 2 });
    assert_eq!(sent(&driven.submit(1)), [(1, 3, 1)]);
}

#[test]
fn the_deadline_of_a_run_ends_what_is_left() {
    let mut driven = Driven::new(Rules { until_ms: Some(50), ..rules() }, &[ONE]);
    driven.submit(3);
    driven.returns(ONE, 1);
    driven.now_ms = 50;
    let actions = driven.does(Event::Tick);
    assert_eq!(ended(&actions), [(2, TaskOutcome::RunDeadline), (3, TaskOutcome::RunDeadline)]);
    assert_eq!(actions.last(), Some(&Action::Deliver(Delivery::Finished)));
}

#[test]
fn a_closed_input_finishes_after_the_last_completion() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(1);
    assert_eq!(driven.does(Event::CloseInput), []);
    let actions = driven.returns(ONE, 1);
    assert_eq!(ended(&actions), [value(1)]);
    assert_eq!(actions.last(), Some(&Action::Deliver(Delivery::Finished)));
    assert_eq!(driven.does(Event::CloseInput), []);
}

#[test]
fn submission_is_checked() {
    let driven = Driven::new(rules(), &[ONE]);
    let error = SubmitError::NoSuchClosure { closure: 2, count: 2 };
    assert_eq!(driven.list.check(2, 1), Err(error));
    let bytes = VALUE_BYTES_MAX + 1;
    let error = SubmitError::TooLarge { bytes, limit: VALUE_BYTES_MAX };
    assert_eq!(driven.list.check(0, bytes), Err(error));
}
