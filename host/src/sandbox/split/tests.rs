//! Components of all shapes, and what is left of them.

use super::super::testing::{counter, interpreter};
use super::*;

fn parts(component: &str) -> Option<Split> {
    Split::new(&wat::parse_str(component).expect("the component is well-formed"))
}

fn globals(component: &str) -> Option<usize> {
    parts(component)?.globals.map(|globals| globals.len())
}

#[test]
fn what_is_left_is_valid_and_has_no_data() {
    let component = wat::parse_str(counter("")).unwrap();
    let split = Split::new(&component).unwrap();
    wasmparser::Validator::new().validate_all(&split.code).unwrap();
    assert_eq!(split.segments.len(), 2);
    let count = |bytes: &[u8]| bytes.windows(5).filter(|window| *window == b"image").count();
    assert_eq!((count(&component), count(&split.code)), (1, 0));
    assert_eq!(split.globals.unwrap().len(), 1);
}

#[test]
fn a_real_interpreter_is_taken_apart() {
    let Some(component) = interpreter() else { return };
    let split = Split::new(&component).expect("it has the shape of an interpreter");
    assert!(split.code.len() * 2 < component.len());
    let globals = split.globals.expect("its state is known");
    assert!((1..=GLOBALS_MAX).contains(&globals.len()));
    wasmparser::Validator::new().validate_all(&split.code).unwrap();
    assert!(split.can_poll, "it is one module");
    wasmparser::Validator::new().validate_all(&add_polls(&split.code).unwrap()).unwrap();
}

#[test]
fn code_polls_where_all_of_it_does() {
    let polls = |other: &str| {
        let component = format!(
            "(component
               (core module $m (memory (export \"memory\") 1) (data (i32.const 0) \"x\")
                 (func $f (export \"f\") (loop $l (br_if $l (i32.const 0)) (loop))))
               (core module $other (import \"m\" \"f\" (func $f)) (type $t (func)) {other})
               (core instance $m (instantiate $m))
               (core instance (instantiate $other (with \"m\" (instance $m)))))"
        );
        let split = parts(&component).expect("it has the shape of an interpreter");
        let polled = add_polls(&split.code);
        assert_eq!(polled.is_some(), split.can_poll, "{other}");
        if let Some(polled) = &polled {
            wasmparser::Validator::new().validate_all(polled).unwrap();
            let looks = polled.windows(6).filter(|at| *at == [0x28, 0x42, 1, 4, 4, 0x40]).count();
            assert_eq!(looks, 3, "a function and two loops");
        }
        split.can_poll
    };
    assert!(polls(""));
    assert!(polls("(func (call $f)) (func (if (i32.const 0) (then (call $f))))"));
    assert!(polls("(table 1 funcref) (func (call_indirect (type $t) (i32.const 0)))"));
    assert!(!polls("(func (loop))"), "a loop of another module");
    assert!(!polls("(func (call $f) (call $f))"), "a tree of calls");
    assert!(!polls("(func (return_call $f))"), "calls without a stack");
    assert!(!polls("(table 1 funcref) (func (return_call_indirect (type $t) (i32.const 0)))"));
}

#[test]
fn code_that_changes_a_table_is_no_state_that_is_known() {
    for code in [
        "(table.set (i32.const 0) (ref.null func))",
        "(drop (table.grow (ref.null func) (i32.const 1)))",
        "(table.fill (i32.const 0) (ref.null func) (i32.const 1))",
        "(table.copy (i32.const 0) (i32.const 1) (i32.const 1))",
        "(table.init $passive (i32.const 0) (i32.const 0) (i32.const 0))",
        "(elem.drop $passive)",
    ] {
        let fields = format!(
            "(table 2 funcref) (elem $passive func $change) (func $change (export \"change\") {code})"
        );
        assert_eq!(globals(&counter(&fields)), None, "{code}");
    }
}

#[test]
fn globals_count_if_something_may_set_them() {
    let with = |function: &str| {
        globals(&counter(&format!("(global $other (mut i32) (i32.const 0)) {function}")))
    };
    let set = "(global.set $other (i32.const 1))";
    assert_eq!(with(""), Some(1));
    assert_eq!(with(&format!("(func {set})")), Some(1), "nobody can call it");
    assert_eq!(with(&format!("(func $f {set} (call $f))")), Some(1), "only itself");
    assert_eq!(with(&format!("(func (export \"f\") {set})")), Some(2));
    assert_eq!(with(&format!("(func $f {set}) (func (export \"g\") (call $f))")), Some(2));
    assert_eq!(with(&format!("(func $f {set}) (start $f)")), Some(2));
    assert_eq!(
        with(&format!("(func $f {set}) (table 1 funcref) (elem (i32.const 0) $f)")),
        Some(2)
    );
    assert_eq!(
        with(&format!("(func $f {set}) (global funcref (ref.func $f))")),
        Some(2),
        "a reference of it may be called"
    );
    let long = "(global $long (mut i64) (i64.const 0)) (func (export \"f\") (global.set $long (i64.const 1)))";
    assert_eq!(globals(&counter(long)), None, "no i32");
}

#[test]
fn other_shapes_are_left_alone() {
    let module = |fields: &str| {
        format!("(component (core module $m {fields}) (core instance (instantiate $m)))")
    };
    assert!(parts(&module("(memory 1) (data (i32.const 0) \"x\")")).is_some());
    for (what, component) in [
        ("no memory", module("")),
        ("no data", module("(memory 1)")),
        ("two memories", module("(memory 1) (memory 1) (data (i32.const 0) \"x\")")),
        ("passive data", module("(memory 1) (data \"x\") (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)))")),
        ("data where a global says", module("(memory 1) (global i32 (i32.const 0)) (data (global.get 0) \"x\")")),
        ("data beyond the end", module("(memory 1) (data (i32.const 65536) \"x\")")),
        ("never instantiated", "(component (core module (memory 1) (data (i32.const 0) \"x\")))".to_owned()),
        (
            "instantiated twice",
            "(component (core module $m (memory 1) (data (i32.const 0) \"x\"))
               (core instance (instantiate $m)) (core instance (instantiate $m)))"
                .to_owned(),
        ),
        (
            "code within",
            format!("(component (component {}))", module("(memory 1) (data (i32.const 0) \"x\")")),
        ),
        (
            "a module of others",
            "(component (import \"m\" (core module $m)) (core module $own (memory 1) (data (i32.const 0) \"x\"))
               (core instance (instantiate $own)))"
                .to_owned(),
        ),
    ] {
        assert!(parts(&component).is_none(), "{what}");
    }
}
