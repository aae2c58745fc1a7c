//! The interfaces themselves, used by guests of a few instructions.

use std::sync::Arc;
use std::time::Duration;

use spm_host::sandbox::{Channel, Definition, Ended, Sandbox, SandboxOptions};
use spm_protocol::limits::VALUE_BYTES_MAX;
use spm_protocol::{Outcome, TrapCode};
use spm_tests::channels::{Farm, Task, Team, Template};

use crate::wat::Guest;

const IMPORTS: &str = r#"
  (import "spm:closure/task@0.1.0" (instance $task (export "manager" (func (result u32)))))
  (import "spm:closure/hub@0.1.0" (instance $hub
    (export "ask" (func (param "question" (list u8)) (result (list u8))))))
  (import "spm:closure/tree@0.1.0" (instance $tree
    (export "spawn" (func (param "arguments" (list u8)) (param "priority" f64)))
    (export "bound" (func (result f64)))
    (export "improve" (func (param "value" f64)))))
  (import "spm:closure/team@0.1.0" (instance $team
    (export "rank" (func (result u32)))
    (export "size" (func (result u32)))
    (export "send" (func (param "destination" u32) (param "tag" u32) (param "message" (list u8))))
    (export "receive" (func (param "source" s32) (param "tag" s64) (result (tuple u32 u32 (list u8)))))
    (export "poll" (func (param "source" s32) (param "tag" s64) (result (option (tuple u32 u32 (list u8))))))))
"#;

const WITH: &str = r#"
  (core func $manager (canon lower (func $task "manager")))
  (core func $ask (canon lower (func $hub "ask") (memory $heap) (realloc $realloc)))
  (core func $spawn (canon lower (func $tree "spawn") (memory $heap)))
  (core func $bound (canon lower (func $tree "bound")))
  (core func $improve (canon lower (func $tree "improve")))
  (core func $rank (canon lower (func $team "rank")))
  (core func $size (canon lower (func $team "size")))
  (core func $send (canon lower (func $team "send") (memory $heap)))
  (core func $receive (canon lower (func $team "receive") (memory $heap) (realloc $realloc)))
  (core func $poll (canon lower (func $team "poll") (memory $heap) (realloc $realloc)))
  (core instance $host
    (export "manager" (func $manager)) (export "ask" (func $ask)) (export "spawn" (func $spawn))
    (export "bound" (func $bound)) (export "improve" (func $improve)) (export "rank" (func $rank))
    (export "size" (func $size)) (export "send" (func $send)) (export "receive" (func $receive))
    (export "poll" (func $poll)))
"#;

const FIELDS: &str = r#"
  (import "host" "manager" (func $manager (result i32)))
  (import "host" "ask" (func $ask (param i32 i32 i32)))
  (import "host" "spawn" (func $spawn (param i32 i32 f64)))
  (import "host" "bound" (func $bound (result f64)))
  (import "host" "improve" (func $improve (param f64)))
  (import "host" "rank" (func $rank (result i32)))
  (import "host" "size" (func $size (result i32)))
  (import "host" "send" (func $send (param i32 i32 i32 i32)))
  (import "host" "receive" (func $receive (param i32 i64 i32)))
  (import "host" "poll" (func $poll (param i32 i64 i32)))
  (func $bytes (param $at i32) (result i32)
    (call $return (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))))
"#;

/// A guest whose `call` does this.
fn guest(call: &str) -> Definition {
    let pages = u32::try_from(VALUE_BYTES_MAX / 65536 + 2).unwrap();
    let guest =
        Guest { fields: FIELDS, call, imports: IMPORTS, with: WITH, pages, ..Guest::default() };
    Sandbox::new(SandboxOptions::in_process()).unwrap().compile(&guest.component(), false).unwrap()
}

fn trap(call: &str, channel: Option<Arc<dyn Channel>>) -> TrapCode {
    match Task::new(b"").run(&guest(call), channel).ended {
        Ended::Otherwise(Outcome::Trapped(code, _)) => code,
        other => panic!("{call}: {other:?}"),
    }
}

/// The value that `call` returns, and whether the task is pure.
fn value(call: &str, arguments: &[u8], channel: Option<Arc<dyn Channel>>) -> (Vec<u8>, bool) {
    let ran = Task::new(arguments).run(&guest(call), channel);
    match ran.ended {
        Ended::Returned(value) => (value, ran.is_pure),
        other => panic!("{call}: {other:?}"),
    }
}

fn farm() -> Arc<dyn Channel> {
    Arc::new(Farm(|question| [question, b"!".to_vec()].concat()))
}

fn template() -> Arc<dyn Channel> {
    Arc::new(Template::default())
}

fn team() -> Arc<dyn Channel> {
    Arc::new(Team::new(2)).rank(1)
}

const ASK: &str = "(call $ask (local.get $pointer) (local.get $length) (i32.const 64)) (call $bytes (i32.const 64))";
const MANAGER: &str = "(i32.store (i32.const 64) (call $manager)) \
                       (call $return (i32.const 64) (i32.const 4))";
const NOTHING: &str = "(call $return (i32.const 0) (i32.const 0))";

#[test]
fn a_task_knows_its_manager() {
    for (number, channel) in
        [(0, None), (1, Some(farm())), (2, Some(template())), (3, Some(team()))]
    {
        assert_eq!(value(MANAGER, b"", channel), (vec![number, 0, 0, 0], true));
    }
}

#[test]
fn what_another_manager_offers_traps() {
    let calls = [
        format!("(call $ask (i32.const 0) (i32.const 0) (i32.const 64)) {NOTHING}"),
        format!("(call $spawn (i32.const 0) (i32.const 0) (f64.const 0)) {NOTHING}"),
        format!("(drop (call $bound)) {NOTHING}"),
        format!("(call $improve (f64.const 0)) {NOTHING}"),
        format!("(drop (call $rank)) {NOTHING}"),
        format!("(drop (call $size)) {NOTHING}"),
        format!("(call $send (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) {NOTHING}"),
        format!("(call $receive (i32.const -1) (i64.const -1) (i32.const 64)) {NOTHING}"),
        format!("(call $poll (i32.const -1) (i64.const -1) (i32.const 64)) {NOTHING}"),
    ];
    for (at, call) in calls.iter().enumerate() {
        let is_of = [0, 1, 1, 1, 2, 2, 2, 2, 2][at];
        for (kind, channel) in
            [Some(farm()), Some(template()), Some(team()), None].into_iter().enumerate()
        {
            if kind != is_of {
                assert_eq!(trap(call, channel), TrapCode::ImportDenied, "{call}");
            }
        }
    }
}

#[test]
fn what_defines_a_closure_has_no_manager() {
    let define =
        "(if (call $manager) (then unreachable)) (call $return (i32.const 0) (i32.const 0))";
    let guest = Guest { fields: FIELDS, define, imports: IMPORTS, with: WITH, ..Guest::default() };
    let sandbox = Sandbox::new(SandboxOptions::in_process()).unwrap();
    let definition = sandbox.compile(&guest.component(), false).unwrap();
    let task = Task { payload: Some(b"payload"), ..Task::new(b"x") };
    assert_eq!(task.run(&definition, Some(farm())).ended, Ended::Returned(b"x".to_vec()));
}

#[test]
fn a_question_is_answered_and_the_task_is_not_pure() {
    assert_eq!(value(ASK, b"why", Some(farm())), (b"why!".to_vec(), false));
}

#[test]
fn tasks_make_tasks_and_share_a_bound() {
    let call = "(call $spawn (local.get $pointer) (local.get $length) (f64.const 2.5)) \
                (call $improve (f64.const 7)) (call $improve (f64.const 9)) \
                (f64.store (i32.const 64) (call $bound)) (call $return (i32.const 64) (i32.const 8))";
    let channel = Arc::new(Template::default());
    let (bound, is_pure) = value(call, b"child", Some(channel.clone()));
    assert_eq!(f64::from_le_bytes(bound.try_into().unwrap()).to_bits(), 7f64.to_bits());
    assert!(!is_pure);
    assert_eq!(*channel.spawned.lock(), [(b"child".to_vec(), 2.5)]);
    let call = format!("(call $spawn (i32.const 0) (i32.const 0) (f64.const 0)) {NOTHING}");
    assert!(value(&call, b"", Some(template())).1, "what it spawns is part of its outcome");
}

#[test]
fn ranks_exchange_messages() {
    // Each sends its arguments to the other, and returns what it got, behind its source and tag.
    let call = "(call $send (i32.sub (i32.const 1) (call $rank)) (i32.add (call $rank) (call $size)) \
                  (local.get $pointer) (local.get $length)) \
                (call $receive (i32.sub (i32.const 1) (call $rank)) (i64.const -1) (i32.const 64)) \
                (i32.store (i32.const 128) (i32.load (i32.const 64))) \
                (i32.store (i32.const 132) (i32.load (i32.const 68))) \
                (memory.copy (i32.const 136) (i32.load (i32.const 72)) (i32.load (i32.const 76))) \
                (call $return (i32.const 128) (i32.add (i32.const 8) (i32.load (i32.const 76))))";
    let results = Task::new(b"hello").run_team(&guest(call), 2);
    for (rank, ran) in results.into_iter().enumerate() {
        let other = u8::try_from(1 - rank).unwrap();
        let expected = [&[other, 0, 0, 0, other + 2, 0, 0, 0][..], b"hello"].concat();
        assert_eq!(ran.ended, Ended::Returned(expected));
        assert!(!ran.is_pure);
    }
    let call = "(call $poll (i32.const -1) (i64.const 4) (i32.const 64)) \
                (call $return (i32.const 64) (i32.const 1))";
    assert_eq!(value(call, b"", Some(team())), (vec![0], false));
}

#[test]
fn ranks_and_tags_that_there_are_none_of_trap() {
    for (source, tag) in [(2, 0), (-2, 0), (0, -2), (0, 1_i64 << 32)] {
        for function in ["receive", "poll"] {
            let call = format!(
                "(call ${function} (i32.const {source}) (i64.const {tag}) (i32.const 64)) {NOTHING}"
            );
            assert_eq!(trap(&call, Some(team())), TrapCode::AbiViolation);
        }
    }
    let call =
        format!("(call $send (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0)) {NOTHING}");
    assert_eq!(trap(&call, Some(team())), TrapCode::AbiViolation);
}

#[test]
fn messages_have_a_limit() {
    let length = VALUE_BYTES_MAX + 1;
    for (call, channel) in [
        (format!("(call $ask (i32.const 0) (i32.const {length}) (i32.const 64))"), Some(farm())),
        (
            format!("(call $spawn (i32.const 0) (i32.const {length}) (f64.const 0))"),
            Some(template()),
        ),
        (
            format!("(call $send (i32.const 0) (i32.const 0) (i32.const 0) (i32.const {length}))"),
            Some(team()),
        ),
    ] {
        assert_eq!(trap(&format!("{call} {NOTHING}"), channel), TrapCode::MessageLimit);
    }
}

#[test]
fn a_deadline_ends_a_wait_for_a_message() {
    let call = format!("(call $receive (i32.const -1) (i64.const -1) (i32.const 64)) {NOTHING}");
    let task = Task { deadline: Duration::from_millis(20), ..Task::new(b"") };
    let ended = task.run(&guest(&call), Some(team())).ended;
    assert!(matches!(ended, Ended::Otherwise(Outcome::DeadlineHit(_))), "{ended:?}");
}
