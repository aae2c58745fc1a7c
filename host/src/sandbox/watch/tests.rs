//! Guests that poll end when they must, whatever they do.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use parking_lot::Mutex;
use spm_protocol::{Outcome, TrapCode};

use super::super::{
    Definition, Ended, Keep, Kept, OutputSink, Profile, Ran, Sandbox, SandboxOptions, Stop,
    StopCause, TaskInput,
};

/// Longer than any task here may take before it ends.
const PATIENCE: Duration = Duration::from_mins(1);

/// What `call` does, by its first byte, and how. What follows it is a letter: it returns.
const ENDLESS: [(&str, &str); 12] = [
    ("an empty loop", "(loop $l (br $l))"),
    (
        "a loop that only counts",
        "(loop $l (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $l))",
    ),
    ("a loop that reads memory", "(loop $l (br_if $l (i32.eqz (i32.load (i32.const 128)))))"),
    ("a loop that writes memory", "(loop $l (i32.store (i32.const 128) (i32.const 0)) (br $l))"),
    (
        "a loop in one that ends",
        "(loop $o (loop $l (br_if $l (i32.eqz (local.get $n)))) (br_if $o (local.get $n)))",
    ),
    (
        "a loop around one that ends",
        "(loop $o
           (local.set $n (i32.const 9))
           (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
           (br $o))",
    ),
    (
        "a loop with a table of branches",
        "(loop $l (block $b (br_table $l $b $l (local.get $n))) (br $l))",
    ),
    ("a loop with a parameter", "(i32.const 1) (loop $l (param i32) (result i32) (br $l)) (drop)"),
    (
        "two ways into a loop",
        "(if (local.get $n) (then (loop $l (br $l))) (else (loop $l (br $l))))",
    ),
    ("a loop that calls", "(loop $l (drop (call $leaf (i32.const 1))) (br $l))"),
    ("a tree of calls", "(call $tree (i32.const 200))"),
    ("a tree of indirect calls", "(call $indirect (i32.const 200))"),
];

fn component() -> Vec<u8> {
    let cases = ENDLESS.iter().zip(0..).map(|((_, code), number)| {
        format!("(if (i32.eq (local.get $what) (i32.const {number})) (then {code}))")
    });
    let cases = cases.collect::<Vec<_>>().join("\n");
    let text = format!(
        r#"(component
          (import "spm:closure/log@0.1.0" (instance $log
            (export "print" (func (param "text" (list u8))))))
          (core module $shim
            (table (export "$imports") 1 1 funcref)
            (func (export "0") (param i32 i32)
              local.get 0 local.get 1 i32.const 0 call_indirect (param i32 i32)))
          (core module $m
            (import "host" "print" (func $print (param i32 i32)))
            (memory (export "memory") 2)
            (data (i32.const 16) "image")
            (global $count (mut i32) (i32.const 0))
            (table 1 1 funcref)
            (elem (i32.const 0) $indirect)
            (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func $tree (param $depth i32)
              (if (local.get $depth) (then
                (call $tree (i32.sub (local.get $depth) (i32.const 1)))
                (call $tree (i32.sub (local.get $depth) (i32.const 1))))))
            (func $indirect (param $depth i32)
              (if (local.get $depth) (then
                (call_indirect (param i32) (i32.sub (local.get $depth) (i32.const 1)) (i32.const 0))
                (call_indirect (param i32) (i32.sub (local.get $depth) (i32.const 1)) (i32.const 0)))))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "define") (param i32 i32) (result i32)
              (i32.store8 (i32.const 32) (i32.const 0)) (i32.const 32))
            (func (export "call") (param $at i32) (param $length i32) (result i32)
              (local $what i32) (local $n i32)
              (local.set $what (i32.load8_u (local.get $at)))
              (global.set $count (i32.add (global.get $count) (i32.const 1)))
              (call $print (i32.const 16) (i32.const 5))
              {cases}
              (if (i32.eq (local.get $what) (i32.const 116)) (then unreachable))
              (i32.store8 (i32.const 64) (global.get $count))
              (i32.store8 (i32.const 48) (i32.const 0))
              (i32.store (i32.const 52) (i32.const 64))
              (i32.store (i32.const 56) (i32.const 1))
              (i32.const 48)))
          (core module $fill
            (import "" "$imports" (table 1 1 funcref))
            (import "" "0" (func $print (param i32 i32)))
            (elem (i32.const 0) $print))
          (core instance $shim (instantiate $shim))
          (core instance $host (export "print" (func $shim "0")))
          (core instance $i (instantiate $m (with "host" (instance $host))))
          (core func $print (canon lower (func $log "print") (memory $i "memory")))
          (core instance $items
            (export "$imports" (table $shim "$imports")) (export "0" (func $print)))
          (core instance (instantiate $fill (with "" (instance $items))))
          (func (export "define") (param "payload" (list u8)) (result (result (error (list u8))))
            (canon lift (core func $i "define") (memory $i "memory") (realloc (func $i "realloc"))))
          (func (export "call") (param "arguments" (list u8)) (result (result (list u8) (error (list u8))))
            (canon lift (core func $i "call") (memory $i "memory") (realloc (func $i "realloc")))))"#
    );
    wat::parse_str(text).expect("the component is well-formed")
}

fn definition(options: SandboxOptions, is_fuelled: bool) -> Arc<Definition> {
    let sandbox = Sandbox::new(options.with(Profile::Python)).unwrap();
    Arc::new(sandbox.compile(&component(), is_fuelled).unwrap())
}

fn input(arguments: &[u8], deadline: Option<Duration>) -> TaskInput<'_> {
    TaskInput {
        payload: Some(b""),
        arguments,
        index: 0,
        attempt: 1,
        seed: 0,
        memory_bytes_max: 1 << 20,
        fuel: u64::MAX,
        deadline,
        sink: None,
        granted: None,
        channel: None,
    }
}

/// Runs a task in another thread, so that a guest that does not end fails its test.
fn run(
    definition: &Arc<Definition>,
    what: u8,
    deadline: Option<Duration>,
    stop: &Arc<StopCause>,
) -> Ran {
    let (definition, stop) = (Arc::clone(definition), Arc::clone(stop));
    let (sender, receiver) = channel();
    std::thread::Builder::new()
        .stack_size(super::super::THREAD_STACK_BYTES)
        .spawn(move || sender.send(Sandbox::run(&definition, &input(&[what], deadline), &stop)))
        .unwrap();
    let ran = receiver.recv_timeout(PATIENCE);
    ran.unwrap_or_else(|_| panic!("{:?} does not end", ENDLESS.get(what as usize)))
}

#[test]
fn whatever_does_not_end_is_ended() {
    for options in [SandboxOptions::in_process(), SandboxOptions::own_process()] {
        for is_fuelled in [false, true] {
            let definition = definition(options, is_fuelled);
            assert_eq!(definition.is_polled, !is_fuelled, "fuel is counted with epochs");
            for ((name, _), what) in ENDLESS.iter().zip(0..) {
                let deadline = Some(Duration::from_millis(20));
                let ran = run(&definition, what, deadline, &Arc::default());
                let Ended::Otherwise(Outcome::DeadlineHit(points)) = &ran.ended else {
                    panic!("{name}: {:?}", ran.ended);
                };
                assert!(!points.is_empty(), "{name}: it is known where it was");
                assert_eq!(ran.output, b"image", "{name}");
            }
        }
    }
}

#[test]
fn who_stops_a_task_ends_it() {
    let definition = definition(SandboxOptions::in_process(), false);
    let stop = Arc::new(StopCause::new());
    let stopping = Arc::clone(&stop);
    let sink = Arc::new(Printed(Mutex::default(), stopping));
    let task = TaskInput { sink: Some(sink.clone()), ..input(&[0], None) };
    // Output of a guest that loops is sent on, and its task is cancelled by whoever reads it.
    let ran = Sandbox::run(&definition, &task, &stop);
    assert_eq!(ran.ended, Ended::Otherwise(Outcome::Cancelled));
    assert_eq!(*sink.0.lock(), b"image");
    assert_eq!(ran.output, b"");
}

/// Stops its task once something is printed.
struct Printed(Mutex<Vec<u8>>, Arc<StopCause>);

impl OutputSink for Printed {
    fn write(&self, chunk: Vec<u8>) {
        self.0.lock().extend(chunk);
        self.1.stop(Stop::Cancelled);
    }
}

#[test]
fn a_flag_that_came_too_late_does_not_end_the_next_task() {
    let definition = definition(SandboxOptions::in_process(), false);
    let mut kept: Option<Kept> = None;
    let stop = Arc::new(StopCause::new());
    for count in 1..4 {
        let ran = Sandbox::run_in(&definition, &input(b"o", None), &stop, Keep::AsItIs, &mut kept);
        assert_eq!(ran.ended, Ended::Returned(vec![count]));
        let kept = kept.as_ref().expect("it is kept");
        let watch = kept.watch();
        watch.begin(&stop, Some(std::time::Instant::now()));
        assert!(!watch.look(std::time::Instant::now()), "the flag is raised");
    }
    let ran = Sandbox::run_in(&definition, &input(b"t", None), &stop, Keep::AsItIs, &mut kept);
    assert!(
        matches!(ran.ended, Ended::Otherwise(Outcome::Trapped(TrapCode::Unreachable, _))),
        "a trap of its own is no end that somebody wanted"
    );
    assert!(kept.is_none());
}
