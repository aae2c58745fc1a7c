//! Tasks that ask, that improve a bound, whose results are kept, that make tasks, and that are ranks.

use spm_protocol::Arguments;
use spm_protocol::frame::{Answer, Member, Question, Spawned};
use spm_protocol::limits::{INLINE_BYTES_MAX, VALUE_BYTES_MAX};
use spm_protocol::outcome::Piece;
use spm_protocol::parts::grown;

use super::*;
use crate::completion::{Ask, Kept};
use crate::machine::TaskPiece;

const THREE: HostId = HostId(3);

impl Driven {
    fn submit_task(&mut self, task: NewTask) -> Vec<Action> {
        self.list.check_arguments(task.closure, &task.arguments).unwrap();
        self.list.submit(self.now_ms, task);
        let mut actions = Vec::new();
        self.list.pump(self.now_ms, &mut actions);
        assert_eq!(self.list.broken_invariant(), None);
        actions
    }

    fn submit_role(&mut self, role: Role) -> Vec<Action> {
        self.submit_task(NewTask { role, ..task() })
    }

    fn question(
        &mut self,
        host: HostId,
        (id, attempt, number): (u64, u32, u64),
        question: Question,
    ) -> Vec<Action> {
        let frame = HostWork::Asked { point: POINT, id: TaskId(id), attempt, number, question };
        self.does(Event::Work { host, frame })
    }

    fn asks(&mut self, host: HostId, key: (u64, u32, u64), value: u8) -> Vec<Action> {
        self.question(host, key, Question::Ask(Payload::Inline(vec![value])))
    }

    fn answer(&mut self, (id, attempt, number): (u64, u32, u64), value: u8) -> Option<Action> {
        let (payload, mut actions) = (Payload::Inline(vec![value]), Vec::new());
        let waits = self.list.answer(TaskId(id), attempt, number, payload, &mut actions);
        assert_eq!(waits, actions.len() == 1);
        actions.pop()
    }

    fn loses(&mut self, host: HostId) -> Vec<Action> {
        self.does(Event::HostOffline { host, reason: "gone".to_owned() })
    }

    fn gains(&mut self, host: HostId) -> Vec<Action> {
        self.does(Event::HostOnline { host, peer: peer(host.0), credits: 8, slots: 2 })
    }

    /// The kept results of a task that is submitted now, and run by `host`.
    fn keeps(&mut self, host: HostId, values: &[u8]) -> Vec<Kept> {
        let returns = Returns::KeptInParts(values.len() as u32);
        let id = self.list.next_task().0;
        let pinned = Some(host);
        self.submit_task(NewTask { returns, pinned, ..task() });
        let parts = values.iter().map(|value| part(*value)).collect();
        let actions = self.result(host, id, 1, Outcome::Kept(parts));
        match ended(&actions).pop() {
            Some((_, TaskOutcome::Kept(kept))) => kept,
            other => panic!("{other:?}"),
        }
    }

    fn team(&mut self, size: u32) -> Vec<Action> {
        let arguments = Payload::Inline(vec![0x80]);
        self.list.start_team(self.now_ms, 0, &arguments, size).unwrap();
        self.does(Event::Flush)
    }
}

fn task() -> NewTask {
    NewTask::new(0, 7, vec![0x80])
}

/// A part of a result that is too large to be sent.
fn part(value: u8) -> Payload {
    Payload::Blob { id: ContentId::of(&[value]), bytes: 1 << 20 }
}

/// A task that needs these.
fn needs(kept: &[Kept]) -> NewTask {
    let begin = TaskPiece::Bytes(vec![0x80 + kept.len() as u8].into());
    let pieces = std::iter::once(begin).chain(kept.iter().cloned().map(TaskPiece::Kept));
    NewTask { arguments: TaskArguments::Pieces(pieces.collect()), ..task() }
}

fn asked(actions: &[Action]) -> Vec<&Ask> {
    let asks = actions.iter().filter_map(|action| match action {
        Action::Deliver(Delivery::Ask(ask)) => Some(ask),
        _ => None,
    });
    asks.collect()
}

fn bounds(actions: &[Action]) -> Vec<(u32, f64)> {
    let bounds = actions.iter().filter_map(|action| match action {
        Action::Bound { host, bound } => Some((host.0, f64::from_bits(*bound))),
        _ => None,
    });
    bounds.collect()
}

fn freed(actions: &[Action]) -> Vec<(u32, ContentId)> {
    let frees = actions.iter().filter_map(|action| match action {
        Action::Free { host, blobs } => Some((host.0, blobs)),
        _ => None,
    });
    frees.flat_map(|(host, blobs)| blobs.iter().map(move |id| (host, *id))).collect()
}

fn is_misbehaved(actions: &[Action], host: HostId) -> bool {
    actions
        .iter()
        .any(|action| matches!(action, Action::Misbehaved { host: it, .. } if *it == host))
}

#[test]
fn a_question_is_delivered_and_answered_once() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit_role(Role::Asker);
    let actions = driven.asks(ONE, (1, 1, 1), 5);
    let [ask] = asked(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!((ask.task, ask.index, ask.attempt, ask.number), (TaskId(1), 7, 1, 1));
    assert_eq!((&ask.value[..], ask.host), (&[5][..], Some(peer(1))));
    assert_eq!(driven.answer((1, 1, 2), 0), None, "another question");
    assert_eq!(driven.answer((1, 2, 1), 0), None, "another attempt");
    assert_eq!(driven.answer((2, 1, 1), 0), None, "another task");
    let answer = Answer::Value(Payload::Inline(vec![6]));
    let expected = Action::Answer { host: ONE, task: TaskId(1), attempt: 1, number: 1, answer };
    assert_eq!(driven.answer((1, 1, 1), 6), Some(expected));
    assert_eq!(driven.answer((1, 1, 1), 6), None, "twice");
    // The next one.
    assert_eq!(asked(&driven.asks(ONE, (1, 1, 2), 5)).len(), 1);
    driven.returns(ONE, 1);
    assert_eq!(driven.answer((1, 1, 2), 0), None, "the task is over");
}

#[test]
fn a_task_has_one_question_at_a_time_and_only_if_it_may() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit_role(Role::Asker);
    driven.asks(ONE, (1, 1, 1), 5);
    assert!(is_misbehaved(&driven.asks(ONE, (1, 1, 2), 5), ONE));
    for (role, question) in [
        (Role::Independent, Question::Ask(Payload::Inline(vec![1]))),
        (Role::Branch, Question::Ask(Payload::Inline(vec![1]))),
        (Role::Asker, Question::Improve(0)),
        (Role::Asker, Question::Receive { source: None, tag: None }),
        (Role::Branch, Question::Poll { source: None, tag: None }),
    ] {
        let mut driven = Driven::new(rules(), &[ONE]);
        driven.submit_role(role);
        assert!(is_misbehaved(&driven.question(ONE, (1, 1, 1), question), ONE), "{role:?}");
    }
    // Numbers count from 1; 0 stands for the result.
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit_role(Role::Asker);
    assert!(is_misbehaved(&driven.asks(ONE, (1, 1, 0), 5), ONE));
}

#[test]
fn questions_of_lost_hosts_and_earlier_attempts_are_forgotten() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit_role(Role::Asker);
    driven.asks(ONE, (1, 1, 1), 5);
    assert_eq!(sent(&driven.loses(ONE)), [(2, 1, 2)]);
    assert_eq!(driven.answer((1, 1, 1), 6), None);
    driven.gains(ONE);
    assert_eq!(driven.asks(ONE, (1, 1, 2), 5), []);
    assert_eq!(driven.asks(ONE, (1, 2, 1), 5), [], "it is not there");
    assert_eq!(asked(&driven.asks(TWO, (1, 2, 1), 5)).len(), 1);
    assert!(driven.answer((1, 2, 1), 6).is_some());
}

#[test]
fn a_large_question_is_fetched_and_delivered_if_it_still_is_one() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit_role(Role::Asker);
    let (id, bytes) = (ContentId::of(b"question"), 70_000);
    let ask = || Question::Ask(Payload::Blob { id, bytes });
    let fetch =
        |host, attempt| Action::Fetch { host, task: TaskId(1), attempt, number: 3, id, bytes };
    let fetched = |attempt| Event::Fetched {
        task: TaskId(1),
        attempt,
        number: 3,
        result: Ok(Bytes::from("question")),
    };
    assert_eq!(driven.question(ONE, (1, 1, 3), ask()), [fetch(ONE, 1)]);
    driven.loses(ONE);
    assert_eq!(driven.question(TWO, (1, 2, 3), ask()), [fetch(TWO, 2)]);
    assert_eq!(driven.does(fetched(1)), []);
    assert_eq!(asked(&driven.does(fetched(2)))[0].value, "question");
    // It was delivered, and its answer is still to come; the next is another question.
    let number = 4;
    driven.answer((1, 2, 3), 6).unwrap();
    driven.question(TWO, (1, 2, number), ask());
    let (task, attempt, result) = (TaskId(1), 2, Err("no".to_owned()));
    let (host, answer) = (TWO, Answer::Nothing);
    let ends_it = Action::Answer { host, task, attempt, number, answer };
    assert_eq!(driven.does(Event::Fetched { task, attempt, number, result }), [ends_it]);
    driven.gains(ONE);
    // The host ends that attempt, the other tasks of the link go on, and the task is tried again.
    let fault = Outcome::HostFault("a message could not be fetched".to_owned());
    let again = driven.result(TWO, 1, 2, fault);
    assert!(again.iter().any(|action| matches!(action, Action::Send { .. })), "{again:?}");
    // No host may have the hub fetch more than a value can be.
    let large = Question::Ask(Payload::Blob { id, bytes: VALUE_BYTES_MAX as u64 + 1 });
    let misbehaved = [ONE, TWO].map(|host| driven.question(host, (1, 3, 1), large.clone()));
    let [one, two] = misbehaved;
    assert!(is_misbehaved(&one, ONE) || is_misbehaved(&two, TWO));
}

#[test]
fn large_answers_are_given_back_with_their_task() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit_role(Role::Asker);
    driven.asks(ONE, (1, 1, 1), 5);
    let id = ContentId::of(b"answer");
    let blob = Payload::Blob { id, bytes: 70_000 };
    assert!(driven.list.answer(TaskId(1), 1, 1, blob, &mut Vec::new()));
    assert_eq!(driven.returns(ONE, 1)[0], Action::Release { id });
}

#[test]
fn what_has_asked_is_tried_again_but_not_by_its_fallback() {
    let left = spm_protocol::Raised {
        trap: Some(spm_protocol::TrapCode::IntegerOverflow),
        ..spm_protocol::Raised::default()
    };
    let left = || Outcome::Raised(Payload::Inline(left.to_bytes()));
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit_role(Role::Asker);
    driven.submit_role(Role::Asker);
    driven.asks(ONE, (1, 1, 1), 5);
    assert_eq!(sent(&driven.result(ONE, 1, 1, Outcome::HostFault("no".into()))), [(1, 1, 2)]);
    let actions = driven.result(ONE, 1, 2, left());
    let [Action::Deliver(Delivery::Completion(completion))] = &actions[..] else {
        panic!("{actions:?}")
    };
    assert!(completion.unbacked.is_some() && !completion.is_deopt, "it had asked before");
    assert_eq!(sent(&driven.result(ONE, 2, 1, left())), [(1, 2, 2)], "it had not");
}

#[test]
fn the_bound_only_falls_and_all_hosts_are_told() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit_role(Role::Branch);
    let improve = |driven: &mut Driven, value: f64| {
        driven.question(ONE, (1, 1, 1), Question::Improve(value.to_bits()))
    };
    assert_eq!(bounds(&improve(&mut driven, 5.0)), [(2, 5.0)], "host 1 knows");
    for worse in [5.0, 6.0, f64::INFINITY, f64::NAN] {
        assert_eq!(improve(&mut driven, worse), []);
    }
    assert_eq!(bounds(&improve(&mut driven, -1.0)), [(2, -1.0)]);
    assert_eq!(bounds(&driven.gains(THREE)), [(3, -1.0)]);
    assert_eq!(bounds(&improve(&mut driven, f64::NEG_INFINITY)).len(), 2);
    driven.loses(THREE);
    assert_eq!(bounds(&driven.gains(THREE)), [(3, f64::NEG_INFINITY)]);
    assert!(driven.list.bound().is_infinite());
    driven.returns(ONE, 1);
    assert_eq!(improve(&mut driven, f64::NEG_INFINITY), [], "the task is over");
}

#[test]
fn a_result_that_is_kept_is_passed_on_by_its_place() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    let kept = driven.keeps(ONE, &[1, 2]);
    assert!(kept.iter().all(|kept| driven.list.is_there(kept)));
    let actions = driven.submit_task(needs(&kept[1..]));
    let Some(Action::Send { tasks, .. }) = actions.last() else { panic!("{actions:?}") };
    let (id, bytes) = (ContentId::of(&[2]), 1 << 20);
    let holder = Some(Member::from(peer(1)));
    let pieces = vec![Piece::Bytes(vec![0x81]), Piece::Blob { id, bytes, holder }];
    assert_eq!(tasks[0].arguments, Arguments::Pieces(pieces));
    // Small parts travel with the task.
    driven.submit_task(NewTask { returns: Returns::Kept, ..task() });
    let small = Outcome::Kept(vec![Payload::Inline(vec![9])]);
    let actions = driven.result(TWO, 3, 1, small);
    assert_eq!(freed(&actions), []);
    let kept = driven.list.kept(TWO, vec![Payload::Inline(vec![9])]);
    assert_eq!(kept, [Kept::Here(Bytes::from(vec![9]))]);
    assert!(driven.list.is_there(&kept[0]));
}

#[test]
fn what_is_kept_is_freed_when_it_is_released() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    let kept = driven.keeps(ONE, &[1, 2]);
    for kept in &kept {
        driven.list.release(kept);
    }
    let expected = [(1, ContentId::of(&[1])), (1, ContentId::of(&[2]))];
    assert_eq!(freed(&driven.does(Event::Flush)), expected);
    assert_eq!(driven.does(Event::Flush), []);
    // What was lost with its host is not freed in its next life, nor is what is here.
    let kept = driven.keeps(ONE, &[3]);
    driven.loses(ONE);
    driven.list.release(&kept[0]);
    driven.gains(ONE);
    assert!(!driven.list.is_there(&kept[0]));
    driven.list.release(&kept[0]);
    driven.list.release(&Kept::Here(Bytes::new()));
    assert_eq!(driven.does(Event::Flush), []);
}

#[test]
fn what_is_kept_for_nobody_is_freed() {
    // By a task that was cancelled.
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit_task(NewTask { returns: Returns::Kept, ..task() });
    driven.does(Event::Cancel { task: TaskId(1) });
    let actions = driven.result(ONE, 1, 1, Outcome::Kept(vec![part(1)]));
    assert_eq!(freed(&actions), [(1, ContentId::of(&[1]))]);
    // By one that was to keep something else, or nothing, or to give nothing away.
    for (returns, outcome, count) in [
        (Returns::Sent, Outcome::Kept(vec![part(1)]), 1),
        (Returns::Kept, Outcome::Kept(vec![part(1), part(1)]), 2),
        (Returns::Kept, Outcome::Kept(vec![]), 0),
        (Returns::KeptInParts(2), Outcome::Kept(vec![part(1)]), 1),
        (Returns::Kept, returned(1), 0),
        (Returns::KeptInParts(1), Outcome::Grown(Payload::Inline(vec![0x80, 1])), 0),
        (Returns::Sent, Outcome::Grown(Payload::Inline(vec![0x80, 1])), 0),
    ] {
        let mut driven = Driven::new(Rules { retries: 0, ..rules() }, &[ONE]);
        driven.submit_task(NewTask { returns, ..task() });
        let actions = driven.result(ONE, 1, 1, outcome);
        assert!(matches!(ended(&actions)[..], [(1, TaskOutcome::HostFault(_))]), "{actions:?}");
        assert_eq!(freed(&actions).len(), count);
    }
}

#[test]
fn a_task_whose_arguments_were_lost_ends_and_says_so() {
    let is_lost = |actions: &[Action], id| {
        let ended = ended(actions);
        matches!(ended[..], [(task, TaskOutcome::ArgumentLost(_))] if task == id)
    };
    let mut driven = Driven::new(Rules { ordered: false, ..rules() }, &[ONE, TWO]);
    let kept = driven.keeps(ONE, &[1]);
    // One at the other host is left in peace: it may have them already.
    driven.submit_task(NewTask { pinned: Some(TWO), ..needs(&kept) });
    driven.submit(6);
    driven.submit_task(needs(&kept));
    assert_eq!(driven.list.stats().waiting, 4);
    let actions = driven.loses(ONE);
    assert!(is_lost(&actions, 9), "{actions:?}");
    // If it has not, then its failure is not its host's.
    let actions = driven.result(TWO, 2, 1, Outcome::HostFault("cannot fetch".to_owned()));
    assert!(is_lost(&actions, 2), "{actions:?}");
    // Nor does it help that the host comes back.
    driven.gains(ONE);
    let actions = driven.submit_task(needs(&kept));
    assert!(is_lost(&actions, 10), "{actions:?}");
    assert_eq!(sent(&actions), []);
}

#[test]
fn what_cannot_be_fetched_is_lost_before_its_holders_lease_is_over() {
    let mut driven = Driven::new(Rules { ordered: false, ..rules() }, &[ONE, TWO]);
    let kept = driven.keeps(ONE, &[1]);
    driven.submit_task(NewTask { pinned: Some(TWO), ..needs(&kept) });
    let unfetched = format!("{UNFETCHED}: the holder does not answer");
    let actions = driven.result(TWO, 2, 1, Outcome::HostFault(unfetched.clone()));
    let lost = TaskOutcome::ArgumentLost(unfetched.clone());
    assert_eq!(ended(&actions), [(2, lost)]);
    // Any other fault is the host's, and so is this one if nothing was kept.
    driven.submit_task(NewTask { pinned: Some(TWO), ..needs(&kept) });
    let actions = driven.result(TWO, 3, 1, Outcome::HostFault("its disk is full".to_owned()));
    assert!(ended(&actions).is_empty(), "{actions:?}");
    driven.submit_task(NewTask { pinned: Some(TWO), ..task() });
    let actions = driven.result(TWO, 4, 1, Outcome::HostFault(unfetched));
    assert!(ended(&actions).is_empty(), "{actions:?}");
}

#[test]
fn a_task_that_is_given_back_looks_for_its_arguments_again() {
    let mut driven = Driven::new(Rules { ordered: false, ..rules() }, &[ONE, TWO, THREE]);
    let kept = driven.keeps(ONE, &[1]);
    driven.submit_task(NewTask { pinned: Some(TWO), ..needs(&kept) });
    driven.now_ms += RECALL_MIN_MS;
    assert_eq!(recalled(&driven.does(Event::Tick)), [(2, vec![2])]);
    driven.loses(ONE);
    let actions = gives_back(&mut driven, TWO, &[(2, 1)]);
    assert!(matches!(ended(&actions)[..], [(2, TaskOutcome::ArgumentLost(_))]), "{actions:?}");
}

#[test]
fn a_run_at_the_same_point_knows_what_the_one_before_was_kept() {
    let mut driven = Driven::new(rules(), &[ONE]);
    let old = driven.keeps(ONE, &[1]);
    driven.loses(ONE);
    driven.gains(ONE);
    let kept = driven.keeps(ONE, &[2]);
    let next = List::new(POINT, vec![None], driven.list.next_task(), rules());
    let before = std::mem::replace(&mut driven.list, next);
    driven.gains(ONE);
    driven.list.inherit(before);
    assert!(driven.list.is_there(&kept[0]) && !driven.list.is_there(&old[0]));
    // At another point, nothing is left of it.
    driven.list = List::new(Point(POINT.0 + 1), vec![None], driven.list.next_task(), rules());
    driven.gains(ONE);
    assert!(!driven.list.is_there(&kept[0]));
}

#[test]
fn tasks_of_a_higher_priority_go_first_and_others_in_order() {
    let mut driven = Driven::new(rules(), &[]);
    for priority in [0, 5, -3, 5, i64::MAX, 0, i64::MIN] {
        driven.submit_task(NewTask { priority, ..task() });
    }
    let mut order: Vec<u64> = driven.gains(ONE).iter().flat_map(sent_ids).collect();
    while let Some(last) = order.last().copied().filter(|_| order.len() < 7) {
        let done = order[order.len() - 2];
        order.extend(driven.returns(ONE, done).iter().flat_map(sent_ids));
        order.extend(driven.returns(ONE, last).iter().flat_map(sent_ids));
    }
    assert_eq!(order, [5, 2, 4, 1, 6, 3, 7]);
}

fn sent_ids(action: &Action) -> Vec<u64> {
    match action {
        Action::Send { tasks, .. } => tasks.iter().map(|task| task.id.0).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn priorities_of_floats_keep_their_order() {
    let ordered = [f64::NEG_INFINITY, -2.0, -1.5, -0.0, 0.0, 1e-300, 3.0, f64::INFINITY];
    let priorities = ordered.map(crate::priority_of);
    assert!(priorities.is_sorted());
}

#[test]
fn a_task_goes_where_most_of_its_arguments_are() {
    let mut driven = Driven::new(Rules { ordered: false, ..rules() }, &[ONE, TWO]);
    let there = driven.keeps(TWO, &[1, 2]);
    let here = driven.keeps(ONE, &[3]);
    let all = [here.clone(), there].concat();
    assert_eq!(sent(&driven.submit_task(needs(&all))), [(2, 3, 1)]);
    assert_eq!(sent(&driven.submit_task(needs(&here))), [(1, 4, 1)]);
    assert_eq!(sent(&driven.submit_task(needs(&all))), [(2, 5, 1)]);
    // What does not save much does not make it wait either: the slots there are busy.
    assert_eq!(sent(&driven.submit_task(needs(&all))), [(1, 6, 1)]);
    assert!(u64::from(u32::MAX) > INLINE_BYTES_MAX as u64);
}

#[test]
fn the_pieces_of_arguments_have_limits() {
    let driven = Driven::new(rules(), &[ONE]);
    let check = |pieces| driven.list.check_arguments(0, &TaskArguments::Pieces(pieces));
    let blob = |bytes| TaskPiece::Blob { id: ContentId::of(b""), bytes };
    let most = spm_protocol::limits::PIECES_MAX;
    assert_eq!(check(vec![blob(1); most]), Ok(()));
    let error = SubmitError::TooManyPieces { count: most + 1, limit: most };
    assert_eq!(check(vec![blob(1); most + 1]), Err(error));
    let bytes = spm_protocol::limits::PIECES_BYTES_MAX;
    let piece = |bytes| TaskPiece::Bytes(vec![0; bytes].into());
    assert_eq!(check(vec![piece(bytes)]), Ok(()));
    assert!(check(vec![piece(bytes), piece(1)]).is_err());
    assert_eq!(check(vec![blob(VALUE_BYTES_MAX as u64)]), Ok(()));
    assert!(check(vec![blob(VALUE_BYTES_MAX as u64), piece(1)]).is_err());
    assert!(check(vec![blob(u64::MAX), blob(u64::MAX)]).is_err());
}

#[test]
fn blobs_among_the_pieces_are_given_back_with_the_task() {
    let mut driven = Driven::new(rules(), &[ONE]);
    let id = ContentId::of(b"shared");
    let pieces = vec![TaskPiece::Blob { id, bytes: 6 }, TaskPiece::Blob { id, bytes: 6 }];
    driven.submit_task(NewTask { arguments: TaskArguments::Pieces(pieces), ..task() });
    let released = driven.returns(ONE, 1);
    assert_eq!(released[..2], [Action::Release { id }, Action::Release { id }]);
}

#[test]
fn tasks_that_were_made_come_with_what_was_returned() {
    let spawned = |count| {
        let one = Spawned { priority: 2.5f64.to_bits(), arguments: vec![0x81, 1] };
        vec![one; count]
    };
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit_role(Role::Branch);
    let payload = Payload::Inline(grown(spawned(3), &[0x2a]));
    let expected = TaskOutcome::Grown(Bytes::from(vec![0x2a]), spawned(3));
    assert_eq!(ended(&driven.result(ONE, 1, 1, Outcome::Grown(payload))), [(1, expected.clone())]);
    // By a blob.
    driven.submit_role(Role::Branch);
    let value = grown(spawned(3), &[0x2a]);
    let (id, bytes) = (ContentId::of(&value), value.len() as u64);
    driven.result(ONE, 2, 1, Outcome::Grown(Payload::Blob { id, bytes }));
    let result = Ok(Bytes::from(value));
    let fetched = Event::Fetched { task: TaskId(2), attempt: 1, number: 0, result };
    assert_eq!(ended(&driven.does(fetched)), [(2, expected)]);
    // What is malformed is the host's fault, and tried again.
    driven.submit_role(Role::Branch);
    let payload = Payload::Inline(vec![0x9f, 0xff]);
    assert_eq!(sent(&driven.result(ONE, 3, 1, Outcome::Grown(payload))), [(1, 3, 2)]);
}

/// For each rank of a team, its host and role.
fn ranks(actions: &[Action]) -> Vec<(u32, u32, u32, u32)> {
    let mut ranks = Vec::new();
    for action in actions {
        let Action::Send { host, tasks } = action else { continue };
        for task in tasks {
            let Role::Rank { rank, size, here } = task.role else { panic!("{task:?}") };
            assert_eq!(task.index, u64::from(rank));
            ranks.push((rank, host.0, size, here));
        }
    }
    ranks.sort_unstable();
    ranks
}

#[test]
fn a_team_is_placed_by_slots_all_at_once() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.does(Event::HostOnline { host: TWO, peer: peer(2), credits: 8, slots: 1 });
    let actions = driven.team(5);
    let expected = [(0, 1, 5, 4), (1, 1, 5, 4), (2, 2, 5, 1), (3, 1, 5, 4), (4, 1, 5, 4)];
    assert_eq!(ranks(&actions), expected);
}

#[test]
fn a_team_that_does_not_fit_is_not_begun() {
    let start = |driven: &mut Driven, size| {
        driven.list.start_team(0, 0, &Payload::Inline(Vec::new()), size)
    };
    let mut driven = Driven::new(rules(), &[]);
    let error = SubmitError::TeamTooLarge { size: 1, slots: 0, limit: 0 };
    assert_eq!(start(&mut driven, 1), Err(error));
    let mut driven = Driven::new(rules(), &[]);
    driven.does(Event::HostOnline { host: ONE, peer: peer(1), credits: 1000, slots: 2 });
    let error = SubmitError::TeamTooLarge { size: 33, slots: 2, limit: 32 };
    assert_eq!(start(&mut driven, 33), Err(error));
    assert_eq!(start(&mut driven, 32), Ok(()));
    // A host that takes few leaves the others more.
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.does(Event::HostOnline { host: TWO, peer: peer(2), credits: 1, slots: 1 });
    let hosts: Vec<u32> = ranks(&driven.team(9)).iter().map(|(_, host, ..)| *host).collect();
    assert_eq!(hosts, [1, 1, 2, 1, 1, 1, 1, 1, 1]);
    // No more than a host takes, or than the window has room for, or besides other tasks; of a closure that is there.
    let mut driven = Driven::new(rules(), &[ONE]);
    assert!(matches!(start(&mut driven, 9), Err(SubmitError::TeamTooLarge { size: 9, .. })));
    let mut driven = Driven::new(Rules { window_tasks: 3, ..rules() }, &[ONE]);
    assert_eq!(start(&mut driven, 4), Err(SubmitError::Full { window_tasks: 3 }));
    assert_eq!(start(&mut driven, 2), Ok(()));
    assert!(start(&mut driven, 1).is_err());
    let mut driven = Driven::new(rules(), &[ONE]);
    let large = Payload::Blob { id: ContentId::of(b""), bytes: 100_000 };
    let error = SubmitError::NoSuchClosure { closure: 2, count: 2 };
    assert_eq!(driven.list.start_team(0, 2, &large, 1), Err(error));
    driven.does(Event::CloseInput);
    assert_eq!(driven.list.start_team(0, 0, &large, 1), Err(SubmitError::Closed));
    assert_eq!(driven.list.held(), 0);
}

fn send_to(destination: u32, message: Payload) -> Question {
    Question::Send { destination, tag: 4, message, confirm: false }
}

#[test]
fn ranks_send_to_one_another_through_the_hub() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    assert_eq!(ranks(&driven.team(2)), [(0, 1, 2, 2), (1, 1, 2, 2)]);
    let receive = Question::Receive { source: Some(0), tag: None };
    assert_eq!(driven.question(ONE, (2, 1, 1), receive), []);
    let actions = driven.question(ONE, (1, 1, 1), send_to(1, part(1)));
    let holder = Some(Member::from(peer(1)));
    let answer = Answer::Message { source: 0, tag: 4, message: part(1), holder };
    let expected = Action::Answer { host: ONE, task: TaskId(2), attempt: 1, number: 1, answer };
    assert_eq!(actions, [expected]);
    let poll = Question::Poll { source: None, tag: None };
    let actions = driven.question(ONE, (2, 1, 2), poll);
    assert_eq!(freed(&actions), [(1, ContentId::of(&[1]))]);
    // What ranks that are gone have sent is freed, and nobody's.
    driven.does(Event::Cancel { task: TaskId(1) });
    let actions = driven.question(ONE, (1, 1, 2), send_to(1, part(2)));
    assert_eq!(actions, [Action::Free { host: ONE, blobs: vec![ContentId::of(&[2])] }]);
    assert!(is_misbehaved(
        &{
            let mut driven = Driven::new(rules(), &[ONE]);
            driven.team(2);
            driven.question(ONE, (1, 1, 1), send_to(2, part(1)))
        },
        ONE
    ));
}

#[test]
fn a_team_fails_as_one_and_its_ranks_are_not_tried_again() {
    for outcome in [
        Outcome::HostFault("no".to_owned()),
        Outcome::Raised(Payload::Inline(vec![0xa0])),
        Outcome::DeadlineHit(Vec::new()),
    ] {
        let mut driven = Driven::new(Rules { retry_deadline_hit: true, ..rules() }, &[ONE, TWO]);
        driven.team(4);
        driven.returns(ONE, 1);
        let actions = driven.result(ONE, 2, 1, outcome);
        let ended = ended(&actions);
        assert_eq!(ended.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(ended[1..].iter().all(|(_, outcome)| *outcome == TaskOutcome::Cancelled));
        assert_eq!(sent(&actions), []);
        let cancel = Action::Cancel { host: TWO, tasks: vec![TaskId(3), TaskId(4)] };
        assert!(actions.contains(&cancel), "{actions:?}");
        // Another may begin, in spite of what has not stopped yet.
        assert_eq!(ranks(&driven.team(2)).len(), 2);
    }
}

#[test]
fn a_team_ends_with_a_host_that_has_one_of_its_ranks() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.team(4);
    let actions = driven.question(ONE, (1, 1, 1), send_to(2, part(1)));
    assert_eq!(actions, []);
    let actions = driven.loses(TWO);
    assert_eq!(ended(&actions).len(), 4);
    let lost = TaskOutcome::HostLost("gone".to_owned());
    assert_eq!(ended(&actions)[2..], [(3, lost.clone()), (4, lost)]);
    // The message that nobody took is not kept any longer.
    assert_eq!(freed(&actions), [(1, ContentId::of(&[1]))]);
    assert_eq!(sent(&actions), []);
}

#[test]
fn what_was_sent_in_an_earlier_life_of_a_host_is_not_freed_in_this_one() {
    let mut driven = Driven::new(Rules { ordered: false, ..rules() }, &[ONE, TWO]);
    driven.team(3);
    // Ranks 0 and 1 are on host 1, and both end before it is lost; the team goes on without it.
    driven.question(ONE, (1, 1, 1), send_to(2, part(1)));
    driven.returns(ONE, 1);
    driven.returns(ONE, 2);
    assert_eq!(ended(&driven.loses(ONE)), []);
    driven.gains(ONE);
    let actions = driven.question(TWO, (3, 1, 1), Question::Receive { source: None, tag: None });
    assert_eq!(actions.len(), 1, "it is told, and will not get it");
    assert_eq!(freed(&driven.returns(TWO, 3)), []);
}

#[test]
fn a_deadlock_ends_a_team_and_says_who_waits_for_whom() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.team(3);
    let receive = |source| Question::Receive { source: Some(source), tag: None };
    assert_eq!(driven.question(ONE, (1, 1, 1), receive(1)), []);
    let actions = driven.question(ONE, (2, 1, 1), receive(0));
    let text = "the ranks wait for ever: rank 0 waits for rank 1; rank 1 waits for rank 0";
    let waits = TaskOutcome::Deadlock(text.to_owned());
    // The third rank is still at work: it is ended with its team, but does not wait.
    assert_eq!(ended(&actions), [(1, waits.clone()), (2, waits), (3, TaskOutcome::Cancelled)]);
    // The last rank that could have helped returns.
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.team(2);
    driven.question(ONE, (1, 1, 1), receive(1));
    let actions = driven.returns(ONE, 2);
    assert!(matches!(&ended(&actions)[..], [(1, TaskOutcome::Deadlock(text)), (2, _)]
        if text.contains("rank 0 waits for rank 1, which has ended")));
}
