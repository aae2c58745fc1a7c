//! Tasks that leave their closure, whose fallback is closure 1.

use spm_protocol::{Raised, TrapCode};

use super::*;
use crate::completion::Deopt;

fn left_because(trap: Option<TrapCode>) -> Vec<u8> {
    Raised { trap, ..Raised::default() }.to_bytes()
}

fn left() -> Outcome {
    Outcome::Raised(Payload::Inline(left_because(Some(TrapCode::IntegerOverflow))))
}

/// Tasks sent, as id, attempt, closure, index and seed.
fn sent_to(actions: &[Action]) -> Vec<(u64, u32, u32, u64, u64)> {
    let batches = actions.iter().filter_map(|action| match action {
        Action::Send { tasks, .. } => Some(tasks),
        _ => None,
    });
    batches
        .flatten()
        .map(|task| (task.id.0, task.attempt, task.closure, task.index, task.seed))
        .collect()
}

fn told(actions: &[Action]) -> Vec<&Deopt> {
    let told = actions.iter().filter_map(|action| match action {
        Action::Deliver(Delivery::Deopt(deopt)) => Some(deopt),
        _ => None,
    });
    told.collect()
}

fn completion(actions: &[Action]) -> &Completion {
    let completions = actions.iter().filter_map(|action| match action {
        Action::Deliver(Delivery::Completion(completion)) => Some(completion),
        _ => None,
    });
    completions.last().expect("a task ends")
}

#[test]
fn a_task_that_leaves_its_closure_is_run_by_the_fallback() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(1);
    let actions = driven.result(ONE, 1, 1, left());
    assert_eq!(sent_to(&actions), [(1, 2, 1, 0, 0)]);
    assert_eq!(ended(&actions), []);
    let deopt = told(&actions)[0];
    assert_eq!((deopt.task, deopt.index, deopt.closure), (TaskId(1), 0, 0));
    assert_eq!(deopt.record, left_because(Some(TrapCode::IntegerOverflow)));
    let actions = driven.result(ONE, 1, 2, returned(1));
    assert_eq!(ended(&actions), [value(1)]);
    let completion = completion(&actions);
    assert_eq!((completion.closure, completion.attempts, completion.is_deopt), (1, 2, true));
    let stats = driven.list.stats();
    assert_eq!((stats.deopts, stats.retries, stats.completed), (1, 0, 1));
    assert_eq!(stats.hosts[0].deopts, 1);
}

#[test]
fn what_leaves_a_closure_is_told_once_in_a_run() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(2);
    assert_eq!(told(&driven.result(ONE, 1, 1, left())).len(), 1);
    assert_eq!(told(&driven.result(ONE, 2, 1, left())), [] as [&Deopt; 0]);
    assert_eq!(driven.list.stats().deopts, 2);
}

#[test]
fn the_fallback_has_all_retries() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit(1);
    driven.result(ONE, 1, 1, left());
    let fault = || Outcome::HostFault("no memory".to_owned());
    // It may go where its closure was left, but rather goes elsewhere.
    assert_eq!(sent(&driven.result(TWO, 1, 2, fault())), [(1, 1, 3)]);
    assert_eq!(sent_to(&driven.result(ONE, 1, 3, fault())), [(1, 4, 1, 0, 0)]);
    let actions = driven.result(TWO, 1, 4, fault());
    assert_eq!(completion(&actions).outcome, TaskOutcome::HostFault("no memory".to_owned()));
    assert_eq!((driven.list.stats().retries, driven.list.stats().deopts), (2, 1));
}

#[test]
fn a_retry_may_leave_the_closure_as_well() {
    let mut driven = Driven::new(Rules { retries: 1, ..rules() }, &[ONE, TWO]);
    driven.submit(1);
    driven.does(Event::HostOffline { host: ONE, reason: "gone".to_owned() });
    assert_eq!(sent_to(&driven.result(TWO, 1, 2, left())), [(1, 3, 1, 0, 0)]);
    let actions = driven.does(Event::HostOffline { host: TWO, reason: "gone".to_owned() });
    // The only retry was the closure's.
    assert_eq!(completion(&actions).attempts, 3);
    assert_eq!(driven.list.stats().retries, 1);
}

#[test]
fn the_fallback_itself_is_not_left() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(1);
    driven.result(ONE, 1, 1, left());
    let actions = driven.result(ONE, 1, 2, left());
    assert!(matches!(completion(&actions).outcome, TaskOutcome::Raised(_)));
    assert_eq!(driven.list.stats().deopts, 1);
}

#[test]
fn tasks_may_go_to_the_fallback_at_once() {
    let mut driven = Driven::new(rules(), &[ONE]);
    let arguments = vec![0];
    let task = NewTask::new(1, 0, arguments);
    driven.list.check(1, 1).unwrap();
    assert_eq!(driven.list.check(2, 1), Err(SubmitError::NoSuchClosure { closure: 2, count: 2 }));
    driven.list.submit(0, task);
    driven.does(Event::Flush);
    let actions = driven.returns(ONE, 1);
    assert_eq!((completion(&actions).closure, completion(&actions).is_deopt), (1, false));
}

#[test]
fn other_traps_and_exceptions_are_final() {
    for trap in [None, Some(TrapCode::StackExhausted), Some(TrapCode::NumericRange)] {
        let mut driven = Driven::new(rules(), &[ONE]);
        driven.submit(1);
        let raised = Outcome::Raised(Payload::Inline(left_because(trap)));
        let actions = driven.result(ONE, 1, 1, raised);
        assert_eq!((completion(&actions).closure, completion(&actions).is_deopt), (0, false));
    }
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(1);
    let trapped = Outcome::Trapped(TrapCode::IntegerOverflow, Vec::new());
    assert_eq!(ended(&driven.result(ONE, 1, 1, trapped)).len(), 1);
}

#[test]
fn a_closure_without_fallback_is_not_left() {
    let mut driven = Driven::new(rules(), &[]);
    driven.list = List::new(POINT, vec![None, None], TaskId(1), rules());
    driven.does(Event::HostOnline { host: ONE, peer: peer(1), credits: 8, slots: 2 });
    driven.submit(1);
    let actions = driven.result(ONE, 1, 1, left());
    assert!(matches!(completion(&actions).outcome, TaskOutcome::Raised(_)));
    assert_eq!(told(&actions), [] as [&Deopt; 0]);
}

#[test]
fn what_was_printed_is_not_printed_again() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(1);
    driven.prints(ONE, 1, 1, "one ");
    let result = |attempt, outcome, output: &str| TaskResult {
        id: TaskId(1),
        attempt,
        outcome,
        run_us: 1,
        output: output.as_bytes().to_vec(),
        pure: true,
    };
    // Its end comes with the record, and is not shown yet.
    let actions = driven.results(ONE, vec![result(1, left(), "two ")]);
    assert_eq!(sent(&actions), [(1, 1, 2)]);
    assert_eq!(driven.prints(ONE, 1, 2, "one "), []);
    let actions = driven.results(ONE, vec![result(2, returned(1), "two three")]);
    assert_eq!(completion(&actions).output, b"two three");
}

#[test]
fn a_record_that_has_to_be_fetched_is_heeded_once_it_is_here() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(1);
    let record = left_because(Some(TrapCode::TypeNotProved));
    let (id, bytes) = (ContentId::of(&record), record.len() as u64);
    let actions = driven.result(ONE, 1, 1, Outcome::Raised(Payload::Blob { id, bytes }));
    assert_eq!(sent(&actions), []);
    let fetched =
        Event::Fetched { task: TaskId(1), attempt: 1, number: 0, result: Ok(record.into()) };
    assert_eq!(sent_to(&driven.does(fetched)), [(1, 2, 1, 0, 0)]);
    // A value that looks like a record is a value.
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(1);
    let value = Payload::Inline(left_because(Some(TrapCode::TypeNotProved)));
    let actions = driven.result(ONE, 1, 1, Outcome::Returned(value));
    assert_eq!(ended(&actions).len(), 1);
}

#[test]
fn a_task_on_its_way_to_the_fallback_can_be_cancelled() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(3);
    driven.result(ONE, 1, 1, left());
    let actions = driven.does(Event::Cancel { task: TaskId(1) });
    assert_eq!(ended(&actions), [(1, TaskOutcome::Cancelled)]);
    assert!(actions.contains(&Action::Cancel { host: ONE, tasks: vec![TaskId(1)] }));
    assert_eq!(completion(&actions).closure, 1);
    assert_eq!(driven.result(ONE, 1, 1, left()), [], "the attempt that was left is over");
}

fn unprepared() -> Outcome {
    Outcome::Unprepared("it has no such engine".to_owned())
}

#[test]
fn a_host_that_cannot_prepare_the_fallback_gets_no_more_of_its_tasks() {
    let mut driven = Driven::new(Rules { retries: 0, ..rules() }, &[ONE, TWO]);
    driven.submit(1);
    assert_eq!(sent(&driven.result(ONE, 1, 1, left())), [(2, 1, 2)]);
    // That was no attempt, and costs no retry.
    assert_eq!(sent(&driven.result(TWO, 1, 2, unprepared())), [(1, 1, 2)]);
    assert_eq!(sent(&driven.submit(1)), [(2, 2, 1)]);
    assert_eq!(sent(&driven.result(TWO, 2, 1, left())), [(1, 2, 2)]);
    let actions = driven.result(ONE, 1, 2, returned(1));
    assert_eq!(ended(&actions), [value(1)]);
    let completion = completion(&actions);
    assert_eq!((completion.is_deopt, completion.attempts), (true, 2));
    assert_eq!(completion.unbacked, None);
    assert_eq!(driven.list.broken_invariant(), None);
}

#[test]
fn where_no_host_can_prepare_it_a_task_ends_as_it_left() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(2);
    driven.result(ONE, 1, 1, left());
    let actions = driven.result(ONE, 1, 2, unprepared());
    let record = left_because(Some(TrapCode::IntegerOverflow));
    let end = completion(&actions);
    assert_eq!(end.outcome, TaskOutcome::Raised(record.into()));
    assert_eq!((end.closure, end.attempts, end.is_deopt), (0, 1, false));
    assert_eq!(end.unbacked.as_deref(), Some("it has no such engine"));
    assert_eq!(driven.list.stats().deopts, 0);
    // Nothing is sent for the next.
    let actions = driven.result(ONE, 2, 1, left());
    assert_eq!(sent(&actions), []);
    assert!(completion(&actions).unbacked.is_some());
    assert_eq!(driven.list.broken_invariant(), None);
}

#[test]
fn what_goes_to_it_at_once_ends_as_unprepared() {
    let mut driven = Driven::new(rules(), &[ONE]);
    for index in 0..2 {
        let arguments = vec![0];
        let task = NewTask::new(1, index, arguments);
        driven.list.submit(0, task);
        driven.does(Event::Flush);
        let actions = match index {
            0 => driven.result(ONE, 1, 1, unprepared()),
            _ => driven.does(Event::Flush),
        };
        if index == 0 {
            let why = "it has no such engine".to_owned();
            assert_eq!(ended(&actions), [(1, TaskOutcome::Unprepared(why))]);
        }
    }
    assert_eq!(driven.list.held(), 0, "the second was not sent at all");
}

#[test]
fn another_host_that_comes_may_prepare_it() {
    let mut driven = Driven::new(rules(), &[ONE, TWO]);
    driven.submit(1);
    driven.result(ONE, 1, 1, left());
    driven.does(Event::HostOffline { host: ONE, reason: "gone".to_owned() });
    let actions = driven.result(TWO, 1, 2, unprepared());
    assert!(completion(&actions).unbacked.is_some(), "nobody else is online");
    driven.submit(1);
    driven.does(Event::HostOnline { host: ONE, peer: peer(1), credits: 8, slots: 2 });
    driven.result(TWO, 2, 1, left());
    assert_eq!(ended(&driven.result(ONE, 2, 2, returned(2))), [value(2)]);
}

#[test]
fn what_waits_for_the_fallback_ends_with_the_last_host() {
    let mut driven = Driven::new(rules(), &[ONE]);
    driven.submit(1);
    driven.result(ONE, 1, 1, left());
    driven.does(Event::HostOffline { host: ONE, reason: "gone".to_owned() });
    let actions = driven.does(Event::NoHosts { reasons: Vec::new() });
    assert_eq!(ended(&actions), [(1, TaskOutcome::NoHosts(Vec::new()))]);
    assert!(completion(&actions).is_deopt);
}
