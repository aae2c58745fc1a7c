//! Guests that break rules: every trap, and the canonical ABI.

use spm_protocol::outcome::CodePoint;
use spm_protocol::{Outcome, TrapCode};

use super::hub::{Closure, Hub, host, outcome_of};
use super::wat::{Guest, calling};

/// The code of the trap that a guest must end with.
fn trap_of(component: Vec<u8>) -> TrapCode {
    match outcome_of(Closure::new(component)) {
        Outcome::Trapped(code, _) => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_trap_has_its_code() {
    let table = "(table $t 2 funcref) (type $unit (func)) (func $other (param i32)) (elem (table $t) (i32.const 1) func $other)";
    let cases = [
        ("unreachable", TrapCode::Unreachable),
        ("(drop (i32.div_s (i32.const 1) (i32.const 0))) unreachable", TrapCode::DivideByZero),
        ("(drop (i32.rem_u (i32.const 1) (i32.const 0))) unreachable", TrapCode::DivideByZero),
        (
            "(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1))) unreachable",
            TrapCode::NumericRange,
        ),
        ("(drop (i32.trunc_f64_s (f64.const 1e300))) unreachable", TrapCode::NumericRange),
        ("(drop (i32.trunc_f64_s (f64.const nan))) unreachable", TrapCode::NumericRange),
        ("(drop (i32.load (i32.const -4))) unreachable", TrapCode::MemoryOutOfBounds),
        (
            "(i64.store offset=65535 (i32.const 0) (i64.const 0)) unreachable",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "(memory.fill (i32.const 65000) (i32.const 0) (i32.const 1000)) unreachable",
            TrapCode::MemoryOutOfBounds,
        ),
        ("(call_indirect $t (type $unit) (i32.const 9)) unreachable", TrapCode::TableOutOfBounds),
        ("(call_indirect $t (type $unit) (i32.const 0)) unreachable", TrapCode::BadIndirectCall),
        ("(call_indirect $t (type $unit) (i32.const 1)) unreachable", TrapCode::BadIndirectCall),
        ("(table.set $t (i32.const 9) (ref.null func)) unreachable", TrapCode::TableOutOfBounds),
    ];
    for (call, code) in cases {
        let guest = Guest { fields: table, call, ..Guest::default() };
        assert_eq!(trap_of(guest.component()), code, "{call}");
    }
}

#[test]
fn a_trap_says_where_in_the_code_it_was() {
    let fields = "(func $inner (param i32) (nop) (nop) unreachable) (func $outer (nop) (call $inner (i32.const 7)))";
    let component =
        Guest { fields, call: "(call $outer) (i32.const 0)", ..Guest::default() }.component();
    let Outcome::Trapped(TrapCode::Unreachable, points) = outcome_of(Closure::new(component))
    else {
        panic!("not that trap");
    };
    // The main module imports no function: 0 and 1 are the guest's, 2 is `$return`, 3 `define`, 4 `call`. A body begins
    // with its count of locals, a byte; then come one-byte `nop`s, and `i32.const 7` in two.
    let at = |function, offset| CodePoint { function, offset };
    assert_eq!(points, [at(0, 3), at(1, 4), at(4, 1)]);
}

#[test]
fn a_start_function_may_trap() {
    let fields = "(func $start unreachable) (start $start)";
    assert_eq!(trap_of(Guest { fields, ..Guest::default() }.component()), TrapCode::Unreachable);
}

#[test]
fn data_outside_memory_traps() {
    let fields = r#"(data (i32.const 65530) "more than six bytes")"#;
    assert_eq!(
        trap_of(Guest { fields, ..Guest::default() }.component()),
        TrapCode::MemoryOutOfBounds
    );
}

#[test]
fn garbage_from_realloc_breaks_the_abi() {
    for realloc in ["(i32.const -1)", "(i32.const 65535)", "(i32.const 0x7fffffff)"] {
        assert_eq!(
            trap_of(Guest { realloc, ..Guest::default() }.component()),
            TrapCode::AbiViolation,
            "{realloc}"
        );
    }
}

#[test]
fn realloc_may_trap() {
    let guest = Guest { realloc: "unreachable", ..Guest::default() };
    assert_eq!(trap_of(guest.component()), TrapCode::Unreachable);
}

#[test]
fn results_outside_memory_break_the_abi() {
    for call in [
        "(call $return (i32.const 65530) (i32.const 100))",
        "(call $return (i32.const -1) (i32.const 1))",
        "(call $return (i32.const 0) (i32.const -1))",
        "(i32.const 3)",
        "(i32.const 65532)",
        "(i32.const -4)",
        "(i32.store (i32.const 0) (i32.const 77)) (i32.const 0)",
    ] {
        assert_eq!(trap_of(calling(call)), TrapCode::AbiViolation, "{call}");
    }
}

#[test]
fn a_guest_raises_in_define_and_in_call() {
    let raise = |pointer: &str| {
        format!(
            "(i32.store (i32.const 0) (i32.const 1)) (i32.store (i32.const 4) {pointer}) \
             (i32.store (i32.const 8) (i32.const 3)) (i32.const 0)"
        )
    };
    let fields = r#"(data (i32.const 512) "one" "two")"#;
    let (define, call) = (raise("(i32.const 512)"), raise("(i32.const 515)"));
    let component = Guest { fields, define: &define, call: &call, ..Guest::default() }.component();
    let raised = |outcome| match outcome {
        Outcome::Raised(spm_protocol::Payload::Inline(raised)) => raised,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        raised(outcome_of(Closure::new(component.clone()))),
        b"two",
        "without a payload nothing is defined"
    );
    let mut defined = Closure::new(component);
    defined.payload = Some(b"payload".to_vec());
    assert_eq!(raised(outcome_of(defined)), b"one");
}

#[test]
fn instances_share_nothing() {
    // Each call returns the number of calls before it in the same instance.
    let call = "(i32.store (i32.const 256) (i32.add (i32.load (i32.const 256)) (i32.const 1))) \
                (call $return (i32.const 256) (i32.const 1))";
    let host = host(1);
    let mut hub = Hub::online(&host, &[Closure::new(calling(call))]);
    for _ in 0..100 {
        let outcome = hub.run(0, b"").outcome;
        assert_eq!(outcome, Outcome::Returned(spm_protocol::Payload::Inline(vec![1])));
    }
    host.stop();
}
