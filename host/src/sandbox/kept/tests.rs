//! A task in an instance that others used before finds what it would find in a fresh one.

use std::sync::Arc;

use spm_protocol::{Outcome, TrapCode};

use super::super::testing::counter;
use super::super::{Ended, Keep, Kept, Ran, Sandbox, SandboxOptions, StopCause, TaskInput};
use super::*;

fn definition(is_fuelled: bool) -> Definition {
    let options = SandboxOptions::in_process().with(Profile::Python);
    let component = wat::parse_str(counter("")).expect("the component is well-formed");
    Sandbox::new(options).unwrap().compile(&component, is_fuelled).unwrap()
}

/// Tasks of one closure, one after the other.
struct Tasks<'a> {
    definition: &'a Definition,
    payload: &'a [u8],
    keep: Keep,
    kept: Option<Kept>,
    fuel: u64,
}

impl<'a> Tasks<'a> {
    fn new(definition: &'a Definition, payload: &'a [u8], keep: Keep) -> Self {
        Self { definition, payload, keep, kept: None, fuel: 0 }
    }

    fn run(&mut self, arguments: &[u8], attempt: u32) -> Ran {
        let input = TaskInput {
            payload: Some(self.payload),
            arguments,
            index: 5,
            attempt,
            seed: 9,
            memory_bytes_max: 1 << 20,
            fuel: self.fuel,
            deadline: None,
            sink: None,
            granted: None,
            channel: None,
        };
        let stop = Arc::new(StopCause::new());
        Sandbox::run_in(self.definition, &input, &stop, self.keep, &mut self.kept)
    }

    fn value(&mut self, arguments: &[u8]) -> Vec<u8> {
        match self.run(arguments, 1).ended {
            Ended::Returned(value) => value,
            other => panic!("{other:?}"),
        }
    }
}

const FRESH: [u8; 6] = [1, 9, 1, 4, b'x', 4];

#[test]
fn a_task_finds_a_restored_instance_as_a_fresh_one() {
    let definition = definition(false);
    let mut restored = Tasks::new(&definition, b"x", Keep::Restored);
    let mut fresh = Tasks::new(&definition, b"x", Keep::Nothing);
    for arguments in ["state", "print", "state", "write", "read", "clock", "clock", "grow", "state"]
    {
        let ran = restored.run(arguments.as_bytes(), 1);
        let expected = fresh.run(arguments.as_bytes(), 1);
        assert_eq!(
            (ran.ended, ran.output, ran.is_pure),
            (expected.ended, expected.output, expected.is_pure),
            "{arguments}"
        );
        assert!(fresh.kept.is_none());
    }
    assert_eq!(fresh.value(b"state"), FRESH);
}

#[test]
fn instances_are_used_again_where_that_can_be() {
    let definition = definition(false);
    let mut tasks = Tasks::new(&definition, b"x", Keep::Restored);
    let can_scan = PageMap::get().is_some();
    for arguments in ["state", "write", "print"] {
        tasks.run(arguments.as_bytes(), 1);
        let kept = tasks.kept.take();
        assert_eq!(kept.is_some(), can_scan, "{arguments}");
        tasks.kept = kept.and_then(Kept::ready);
        assert_eq!(tasks.kept.is_some(), can_scan, "{arguments}");
    }
    if can_scan {
        let bytes = tasks.kept.as_ref().unwrap().bytes();
        assert!((1..1 << 20).contains(&bytes), "{bytes}");
    }
    // Memory does not shrink.
    tasks.run(b"grow", 1);
    assert!(tasks.kept.take().and_then(Kept::ready).is_none());
    // What trapped may be in any state.
    let trapped = tasks.run(b"trap", 1);
    assert!(matches!(trapped.ended, Ended::Otherwise(Outcome::Trapped(TrapCode::Unreachable, _))));
    assert!(tasks.kept.is_none());
}

#[test]
fn an_instance_left_as_it_is_goes_on() {
    let definition = definition(false);
    let mut tasks = Tasks::new(&definition, b"x", Keep::AsItIs);
    assert_eq!(tasks.value(b"state"), FRESH);
    assert_eq!(tasks.value(b"state"), [2, 10, 1, 5, b'x', 4]);
    assert_eq!(tasks.value(b"grow"), [3, 11, 1, 6, b'x', 5]);
    assert!(!tasks.run(b"state", 1).is_pure);
    assert_eq!(tasks.run(b"print", 1).output, b"xprint");
    tasks.run(b"trap", 1);
    assert!(tasks.kept.is_none());
    assert_eq!(tasks.value(b"state"), FRESH);
}

#[test]
fn what_define_printed_is_every_tasks() {
    let definition = definition(false);
    for keep in [Keep::Nothing, Keep::Restored] {
        let mut tasks = Tasks::new(&definition, b"x", keep);
        for _ in 0..3 {
            assert_eq!(tasks.run(b"print", 1).output, b"xprint");
        }
    }
}

#[test]
fn define_does_not_see_which_task_it_is_for() {
    let definition = definition(false);
    let mut tasks = Tasks::new(&definition, b"seed", Keep::Nothing);
    assert_eq!(tasks.value(b"defined"), [0], "the seed");
    // It did see that there are attempts, so it may be another closure each time.
    let mut tasks = Tasks::new(&definition, b"attempt", Keep::Restored);
    assert!(!tasks.run(b"state", 1).is_pure);
    assert!(tasks.kept.is_none());
    let mut tasks = Tasks::new(&definition, b"x", Keep::Restored);
    for attempt in 1..4 {
        let ran = tasks.run(b"attempt", attempt);
        assert_eq!((ran.ended, ran.is_pure), (Ended::Returned(vec![attempt as u8]), false));
        assert!(tasks.run(b"state", attempt).is_pure);
    }
}

#[test]
fn a_closure_that_cannot_be_defined_raises_in_each_task() {
    let definition = definition(false);
    for keep in [Keep::Restored, Keep::AsItIs] {
        let mut tasks = Tasks::new(&definition, b"no", keep);
        for _ in 0..2 {
            assert_eq!(tasks.run(b"state", 1).ended, Ended::Raised(b"no".to_vec()));
            assert!(tasks.kept.is_none());
        }
    }
}

#[test]
fn fuel_is_counted_as_in_a_fresh_instance() {
    let definition = definition(true);
    let outcomes = |keep| {
        let mut tasks = Tasks::new(&definition, b"x", keep);
        let run = |fuel| {
            tasks.fuel = fuel;
            // The instance is there before the task that is looked at.
            tasks.run(b"state", 1);
            let ended = tasks.run(b"state", 1).ended;
            tasks.fuel = 100_000;
            tasks.run(b"state", 1);
            ended
        };
        (1..400).map(run).collect::<Vec<_>>()
    };
    let fresh = outcomes(Keep::Nothing);
    assert!(matches!(fresh[0], Ended::Otherwise(Outcome::OutOfFuel(_))));
    assert_eq!(fresh[398], Ended::Returned(FRESH.to_vec()));
    let kinds = |outcomes: &[Ended]| {
        outcomes.iter().map(|ended| matches!(ended, Ended::Returned(_))).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&outcomes(Keep::Restored)), kinds(&fresh));
}
