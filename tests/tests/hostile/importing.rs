//! What guests import: the log, the task, and WASI that grants nothing.

use spm_protocol::{Outcome, Payload, TrapCode};

use super::hub::{Closure, Hub, host, outcome_of};
use super::wat::Guest;

/// A guest that may print.
pub const LOG: Guest<'static> = Guest {
    fields: r#"(import "host" "print" (func $print (param i32 i32)))"#,
    call: "(call $print (local.get $pointer) (local.get $length)) (call $return (local.get $pointer) (local.get $length))",
    define: "(call $return (i32.const 0) (i32.const 0))",
    realloc: "(global.get $next) (global.set $next (i32.add (global.get $next) (local.get $size)))",
    pages: 1,
    imports: r#"(import "spm:closure/log@0.1.0" (instance $log (export "print" (func (param "text" (list u8))))))"#,
    with: r#"(core func $print (canon lower (func $log "print") (memory $heap)))
             (core instance $host (export "print" (func $print)))"#,
};

/// A guest that returns what a function without parameters, `function` of `interface`, gives as a 64-bit number.
fn asking(interface: &str, function: &str, result: &str) -> Vec<u8> {
    let imports = format!(
        r#"(import "{interface}" (instance $i (export "{function}" (func (result {result})))))"#
    );
    let with = format!(
        r#"(core func $ask (canon lower (func $i "{function}")))
           (core instance $host (export "ask" (func $ask)))"#
    );
    let core = if result == "u32" { "i32" } else { "i64" };
    let fields = format!(r#"(import "host" "ask" (func $ask (result {core})))"#);
    let widen = if result == "u32" { "(i64.extend_i32_u (call $ask))" } else { "(call $ask)" };
    let call =
        format!("(i64.store (i32.const 256) {widen}) (call $return (i32.const 256) (i32.const 8))");
    Guest { fields: &fields, call: &call, imports: &imports, with: &with, ..Guest::default() }
        .component()
}

fn number(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Returned(Payload::Inline(bytes)) => {
            u64::from_le_bytes(bytes[..].try_into().unwrap())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_printed_arrives_whole_and_in_order() {
    let host = host(1);
    let mut hub = Hub::online(&host, &[Closure::new(LOG.component())]);
    let text = "grüße ".repeat(5000);
    let result = hub.run(0, text.as_bytes());
    assert!(matches!(result.outcome, Outcome::Returned(_)), "{:?}", result.outcome);
    assert_eq!(String::from_utf8(hub.printed[&result.id].clone()).unwrap(), text);
    host.stop();
}

#[test]
fn output_of_a_task_that_traps_is_not_lost() {
    let host = host(1);
    let call = "(call $print (local.get $pointer) (local.get $length)) unreachable";
    let mut hub = Hub::online(&host, &[Closure::new(Guest { call, ..LOG }.component())]);
    let result = hub.run(0, b"last words");
    assert_eq!(hub.printed[&result.id], b"last words");
    host.stop();
}

#[test]
fn a_task_knows_its_index_attempt_and_seed() {
    let host = host(1);
    let closures = [("index", "u64"), ("attempt", "u32"), ("seed", "u64")]
        .map(|(function, result)| Closure::new(asking("spm:closure/task@0.1.0", function, result)));
    let mut hub = Hub::online(&host, &closures);
    let mut ask = |closure| {
        let mut task = hub.task(closure, b"");
        (task.index, task.attempt, task.seed) = (1 << 40, 3, u64::MAX);
        let result = hub.run_task(task);
        (number(&result.outcome), result.pure)
    };
    assert_eq!(ask(0), (1 << 40, true));
    assert_eq!(ask(1), (3, false), "another attempt would see another number");
    assert_eq!(ask(2), (u64::MAX, true));
    host.stop();
}

#[test]
fn wasi_answers_the_same_on_every_host() {
    let random = Closure::new(asking("wasi:random/random@0.2.0", "get-random-u64", "u64"));
    let clock = Closure::new(asking("wasi:clocks/monotonic-clock@0.2.6", "now", "u64"));
    let ask = |closure: &Closure, seed| {
        let host = host(1);
        let mut hub = Hub::online(&host, std::slice::from_ref(closure));
        let mut task = hub.task(0, b"");
        task.seed = seed;
        let answer = number(&hub.run_task(task).outcome);
        host.stop();
        answer
    };
    assert_eq!(ask(&random, 1), ask(&random, 1));
    assert_ne!(ask(&random, 1), ask(&random, 2));
    assert_eq!(ask(&clock, 1), ask(&clock, 2));
}

#[test]
fn wasi_that_is_not_granted_traps_when_it_is_called() {
    for (interface, function) in [
        ("wasi:sockets/instance-network@0.2.0", "instance-network"),
        ("wasi:cli/stdout@0.2.0", "get-number"),
    ] {
        let outcome = outcome_of(Closure::new(asking(interface, function, "u64")));
        assert!(matches!(outcome, Outcome::Trapped(TrapCode::ImportDenied, _)), "{outcome:?}");
    }
}

#[test]
fn a_guest_may_raise_from_anywhere() {
    let raising = Guest {
        imports: r#"(import "spm:closure/fault@0.1.0" (instance $fault (export "raise" (func (param "exception" (list u8))))))"#,
        with: r#"(core func $raise (canon lower (func $fault "raise") (memory $heap)))
                 (core instance $host (export "raise" (func $raise)))"#,
        fields: r#"(import "host" "raise" (func $raise (param i32 i32)))"#,
        call: "(call $raise (local.get $pointer) (local.get $length)) (unreachable)",
        ..Guest::default()
    };
    let host = host(1);
    let mut hub = Hub::online(&host, &[Closure::new(raising.component())]);
    let record = [0xa1, 0x00, 0x18, 0x40];
    let outcome = hub.run(0, &record).outcome;
    assert!(
        matches!(&outcome, Outcome::Raised(Payload::Inline(found)) if found[..] == record),
        "{outcome:?}"
    );
    // Whatever it says, it is bytes: they are the submitter's to read, within the limit of all exceptions.
    let outcome = hub.run(0, b"nonsense").outcome;
    assert!(
        matches!(&outcome, Outcome::Raised(Payload::Inline(found)) if found[..] == *b"nonsense"),
        "{outcome:?}"
    );
    let length = spm_protocol::limits::RAISED_BYTES_MAX + 1;
    let call = format!("(call $raise (i32.const 0) (i32.const {length})) (unreachable)");
    let endless = Guest { call: &call, pages: 17, ..raising };
    let mut hub = Hub::online(&host, &[Closure::new(endless.component())]);
    let outcome = hub.run(0, &[]).outcome;
    assert!(matches!(outcome, Outcome::Trapped(TrapCode::ResultLimit, _)), "{outcome:?}");
    host.stop();
}

/// A guest that ends its task with what it was given, and would return it twice otherwise.
const EXITS: Guest<'static> = Guest {
    fields: r#"(import "host" "exit" (func $exit (param i32 i32)))"#,
    call: "(call $exit (local.get $pointer) (local.get $length)) (call $return (local.get $pointer) (i32.const 0))",
    define: "(call $return (i32.const 0) (i32.const 0))",
    imports: r#"(import "spm:closure/program@0.1.0" (instance $program (export "exit" (func (param "value" (list u8))))))"#,
    with: r#"(core func $exit (canon lower (func $program "exit") (memory $heap)))
             (core instance $host (export "exit" (func $exit)))"#,
    ..LOG
};

#[test]
fn a_program_ends_its_task_with_a_result() {
    let host = host(1);
    let mut hub = Hub::online(&host, &[Closure::new(EXITS.component())]);
    for text in [&b"\x43abc"[..], b"\x40"] {
        match hub.run(0, text).outcome {
            Outcome::Returned(Payload::Inline(bytes)) => assert_eq!(bytes, text),
            other => panic!("{other:?}"),
        }
    }
    host.stop();
}

#[test]
fn nothing_ends_by_a_result_while_it_is_defined() {
    let exits = Guest {
        define: "(call $exit (local.get $pointer) (local.get $length)) (call $return (i32.const 0) (i32.const 0))",
        ..EXITS
    };
    let host = host(1);
    let closure = Closure { payload: Some(b"\x43abc".to_vec()), ..Closure::new(exits.component()) };
    let mut hub = Hub::online(&host, &[closure]);
    let outcome = hub.run(0, b"\x80").outcome;
    assert!(matches!(outcome, Outcome::Trapped(TrapCode::ImportDenied, _)), "{outcome:?}");
    host.stop();
}
