//! Components that show a computed NaN, and components that do not.

use super::*;

/// A module with a memory, in a component, as a proof looks at it.
fn is_hidden(functions: &str) -> bool {
    let text = format!(
        "(component (core module (memory 1) (global $g (mut f64) (f64.const 0)) {functions}))"
    );
    are_hidden(&wat::parse_str(text).unwrap())
}

const REPLACE: &str = "local.tee $t f64.const nan local.get $t local.get $t f64.eq select";
const SUM: &str = "(f64.add (local.get $x) (local.get $x))";

fn store(value: &str) -> String {
    format!("(func (local $x f64) (local $t f64) i32.const 0 {value} f64.store)")
}

#[test]
fn a_computed_nan_must_be_replaced_before_it_is_seen() {
    assert!(!is_hidden(&store(SUM)));
    assert!(is_hidden(&store(&format!("{SUM} {REPLACE}"))));
    for seen in [
        "i64.reinterpret_f64 drop",
        "f64.const 1 f64.copysign drop",
        "f64.neg i64.reinterpret_f64 drop",
    ] {
        let function =
            |replace: &str| format!("(func (local $x f64) (local $t f64) {SUM} {replace} {seen})");
        assert_eq!(is_hidden(&function("")), seen.contains("copysign"), "{seen}");
        assert!(is_hidden(&function(REPLACE)), "{seen}");
    }
    // The sign that is copied is that of the second operand.
    assert!(!is_hidden(&format!("(func (local $x f64) f64.const 1 {SUM} f64.copysign drop)")));
    assert!(!is_hidden(&format!(
        "(func (local $x f64) {SUM} f64.const 1 f64.copysign i64.reinterpret_f64 drop)"
    )));
}

#[test]
fn all_arithmetic_makes_nans() {
    for operation in ["add", "sub", "mul", "div", "min", "max"] {
        for ty in ["f32", "f64"] {
            let float = format!("{ty}.const 0");
            assert!(!is_hidden(&format!(
                "(func i32.const 0 {float} {float} {ty}.{operation} {ty}.store)"
            )));
        }
    }
    for operation in ["sqrt", "ceil", "floor", "trunc", "nearest"] {
        for ty in ["f32", "f64"] {
            assert!(!is_hidden(&format!(
                "(func i32.const 0 {ty}.const 0 {ty}.{operation} {ty}.store)"
            )));
        }
    }
    assert!(!is_hidden("(func f64.const 0 f32.demote_f64 i32.reinterpret_f32 drop)"));
    assert!(!is_hidden("(func f32.const 0 f64.promote_f32 i64.reinterpret_f64 drop)"));
}

#[test]
fn what_is_only_moved_may_be_seen() {
    for value in [
        "f64.const nan:0xdead",
        "(f64.load (i32.const 8))",
        "(f64.neg (f64.load (i32.const 8)))",
        "(f64.reinterpret_i64 (i64.const -1))",
        "(f64.convert_i64_s (i64.const 3))",
        "local.get $x",
    ] {
        assert!(is_hidden(&store(value)), "{value}");
    }
}

#[test]
fn nans_are_followed_through_locals_and_loops() {
    // What a later turn stores, an earlier one computed.
    let body = |replace: &str| {
        format!(
            "(func (local $x f64) (local $y f64) (local $t f64)
               (loop (f64.store (i32.const 0) (local.get $y))
                     (local.set $y (local.get $x))
                     {SUM} {replace} local.set $x
                     (br_if 0 (i32.const 1))))"
        )
    };
    assert!(!is_hidden(&body("")));
    assert!(is_hidden(&body(REPLACE)));
}

#[test]
fn nans_are_followed_through_calls_and_globals() {
    let sum = format!("(func $sum (param $x f64) (result f64) {SUM})");
    let show = "(func $show (param f64) (f64.store (i32.const 0) (local.get 0)))";
    assert!(is_hidden(&format!("{sum} (func (drop (call $sum (f64.const 1))))")));
    assert!(!is_hidden(&format!("{sum} {}", store("(call $sum (f64.const 1))"))));
    assert!(is_hidden(&format!("{show} (func (call $show (f64.const 1)))")));
    assert!(!is_hidden(&format!("{show} (func (local $x f64) (call $show {SUM}))")));
    assert!(!is_hidden(&format!(
        "{} (func (local $x f64) (global.set $g {SUM}))",
        store("(global.get $g)")
    )));
    // A function that gives its own argument back, and calls itself.
    assert!(!is_hidden(&format!(
        "(func $f (param $x f64) (result f64) (call $f {SUM}) drop (f64.store (i32.const 0) (local.get $x)) local.get $x)"
    )));
}

#[test]
fn nans_are_followed_out_of_blocks() {
    for block in [
        format!("(block (result f64) {SUM})"),
        format!("(block (result f64) (br 0 {SUM}) )"),
        format!("(block (result f64) (drop (br_if 0 {SUM} (i32.const 1))) (f64.const 1))"),
        format!("(block (result f64) (br_table 0 0 {SUM} (i32.const 1)))"),
        format!("(if (result f64) (i32.const 1) (then {SUM}) (else (f64.const 1)))"),
        format!("(if (result f64) (i32.const 1) (then (f64.const 1)) (else {SUM}))"),
        format!("(select {SUM} (f64.const 1) (i32.const 1))"),
        format!("(select (f64.const 1) {SUM} (i32.const 1))"),
    ] {
        assert!(!is_hidden(&store(&block)), "{block}");
        assert!(is_hidden(&store(&block.replace(SUM, "(f64.const 1)"))), "{block}");
    }
    let early = format!("(func $f (param $x f64) (result f64) (return {SUM}))");
    assert!(!is_hidden(&format!("{early} {}", store("(call $f (f64.const 1))"))));
}

#[test]
fn only_the_whole_replacement_counts() {
    for wrong in [
        "local.tee $t f64.const nan local.get $t local.get $x f64.eq select",
        "local.tee $t f64.const nan local.get $x local.get $t f64.eq select",
        "local.tee $t f64.const nan local.get $t local.get $t f64.ne select",
        "local.tee $t local.get $t local.get $t local.get $t f64.eq select",
        "local.tee $t f64.const nan local.get $t local.get $t f64.eq drop i32.const 1 select",
    ] {
        assert!(!is_hidden(&store(&format!("{SUM} {wrong}"))), "{wrong}");
    }
}

#[test]
fn what_goes_to_others_is_seen_and_what_they_give_is_not_fresh() {
    let hidden = |functions: &str| {
        let text = format!("(component (core module {functions}))");
        are_hidden(&wat::parse_str(text).unwrap())
    };
    let imports = r#"(func $put (import "a" "put") (param i32 f64)) (func $get (import "a" "get") (result f64))
                     (memory 1) (table 1 funcref) (type $t (func (param f64) (result f64)))"#;
    let moved = "(call $put (i32.const 0) (call $get)) (f64.store (i32.const 0) (call $get))";
    assert!(hidden(&format!("{imports} (func {moved})")));
    let computed = "(f64.add (call $get) (call $get))";
    assert!(!hidden(&format!("{imports} (func (call $put (i32.const 0) {computed}))")));
    let replaced = format!("(local $t f64) i32.const 0 {computed} {REPLACE} call $put");
    assert!(hidden(&format!("{imports} (func {replaced})")));
    // Exported functions are called by others.
    let export =
        |value: &str| format!(r#"{imports} (func (export "f") (param f64) (result f64) {value})"#);
    assert!(hidden(&export("local.get 0")));
    assert!(!hidden(&export(computed)));
    // Functions of a table may be anybody's, or this module's own.
    let indirect = |value: &str, then: &str| {
        format!("{imports} (func {value} i32.const 0 call_indirect (type $t) {then})")
    };
    assert!(hidden(&indirect("f64.const 0", "drop")));
    assert!(!hidden(&indirect(computed, "drop")));
    assert!(!hidden(&indirect("f64.const 0", "i64.reinterpret_f64 drop")));
}

#[test]
fn what_is_not_known_is_not_proved() {
    for functions in [
        "(global (export \"g\") f64 (f64.const 0))",
        "(func (drop (f64x2.splat (f64.const 0))))",
        "(tag $e (param f64)) (func (throw $e (f64.const 0)))",
    ] {
        // Imports come first in a module.
        let text = format!("(component (core module {functions}))");
        assert!(!are_hidden(&wat::parse_str(text).unwrap()), "{functions}");
    }
    assert!(is_hidden("(func (export \"f\") (param i64) (result i32) i32.const 0)"));
    assert!(!are_hidden(b"no component"));
    // One module of several is enough to show it.
    let text = format!("(component (core module (memory 1) {}) (core module))", store(SUM));
    assert!(!are_hidden(&wat::parse_str(text).unwrap()));
}
