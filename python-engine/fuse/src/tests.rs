//! Small components of componentize-py's shape, fused.

use wasmparser::{Operator, Parser, Payload, Validator, WasmFeatures};

use crate::{FuseError, code, fuse};

/// Two libraries that share the memory and table of a third: `first` calls `second` by way of the table, as libraries do
/// that need each other, and finds a variable by a global that a linker would set.
const LINKED: &str = r#"(component
  (import "log" (func $log (param "value" u32)))
  (core module $imports
    (table (export "$imports") 1 1 funcref)
    (func (export "0") (param i32) local.get 0 i32.const 0 call_indirect (param i32)))
  (core module $environment
    (memory (export "memory") 1)
    (table (export "table") 4 funcref)
    (global (export "stack") (mut i32) (i32.const 4096))
    (global (export "base") i32 (i32.const 1024))
    (global (export "got") (mut i32) (i32.const 1040))
    (data (i32.const 1040) "\2a")
    (func (export "second") (param i32) (result i32)
      local.get 0 i32.const 2 call_indirect (param i32) (result i32)))
  (core module $first
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 4 funcref))
    (import "env" "stack" (global $stack (mut i32)))
    (import "env" "got" (global $got (mut i32)))
    (import "env" "second" (func $second (param i32) (result i32)))
    (import "log" "log" (func $log (param i32)))
    (func (export "run") (result i32)
      (global.set $stack (i32.sub (global.get $stack) (i32.const 16)))
      (call $log (i32.load (global.get $got)))
      (call $second (i32.load (global.get $got))))
    (func (export "idle")))
  (core module $second
    (import "env" "base" (global $base i32))
    (func (export "second") (param i32) (result i32)
      (i32.add (local.get 0) (global.get $base)))
    (global (export "place") i32 (i32.const 16)))
  (core module $begin
    (import "env" "table" (table 4 funcref))
    (import "second" "second" (func $second (param i32) (result i32)))
    (elem (i32.const 2) $second))
  (core module $filling
    (import "" "$imports" (table 1 1 funcref))
    (import "" "0" (func $log (param i32)))
    (elem (i32.const 0) $log))
  (core instance $imports (instantiate $imports))
  (core instance $environment (instantiate $environment))
  (core instance $outside (export "log" (func $imports "0")))
  (core instance $first (instantiate $first
    (with "env" (instance $environment)) (with "log" (instance $outside))))
  (core instance $second (instantiate $second (with "env" (instance $environment))))
  (core instance $begin (instantiate $begin
    (with "env" (instance $environment)) (with "second" (instance $second))))
  (alias core export $environment "memory" (core memory $memory))
  (core func $lowered (canon lower (func $log) (memory $memory)))
  (alias core export $imports "$imports" (core table $table))
  (core instance $fill (export "$imports" (table $table)) (export "0" (func $lowered)))
  (core instance (instantiate $filling (with "" (instance $fill))))
  (func $run (result u32) (canon lift (core func $first "run")))
  (export "run" (func $run))
)"#;

fn component(text: &str) -> Vec<u8> {
    let component = wat::parse_str(text).unwrap();
    Validator::new_with_features(WasmFeatures::all()).validate_all(&component).unwrap();
    component
}

fn fused(component: &[u8]) -> Result<Vec<u8>, FuseError> {
    fuse(component, &code(component)?)
}

/// The operators of each function of the module with a memory.
fn bodies(component: &[u8]) -> Vec<Vec<String>> {
    let mut bodies = Vec::new();
    let mut has_memory = false;
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::Version { .. } => has_memory = false,
            Payload::MemorySection(_) => has_memory = true,
            Payload::CodeSectionEntry(body) if has_memory => {
                let operators = body.get_operators_reader().unwrap();
                let names = operators.into_iter().map(|operator| match operator.unwrap() {
                    Operator::I32Const { value } => value.to_string(),
                    operator => {
                        let name = format!("{operator:?}");
                        name.split(' ').next().unwrap_or_default().to_owned()
                    }
                });
                bodies.push(names.collect());
            }
            _ => {}
        }
    }
    bodies
}

#[test]
fn libraries_become_one_module() {
    let fused = fused(&component(LINKED)).unwrap();
    Validator::new_with_features(WasmFeatures::all()).validate_all(&fused).unwrap();
    let run = "GlobalGet 16 I32Sub GlobalSet 1040 I32Load Call 1040 I32Load Call End";
    let second = "LocalGet 1024 I32Add End";
    let expected = [run, second].map(|body| body.split(' ').map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(bodies(&fused), expected, "addresses are constants, and nothing else is left");
}

#[test]
fn equal_components_make_equal_bytes() {
    let component = component(LINKED);
    assert_eq!(fused(&component).unwrap(), fused(&component).unwrap());
}

/// What is wrong with a component that was changed.
fn refusal(before: &str, after: &str) -> String {
    assert!(LINKED.contains(before), "`{before}` is not there");
    let error = fused(&component(&LINKED.replace(before, after))).unwrap_err();
    assert!(matches!(error, FuseError::Unlike { .. }), "{error}");
    error.to_string()
}

#[test]
fn what_would_change_meaning_is_refused() {
    let idle = r#"(func (export "idle"))"#;
    let cases = [
        (idle, r#"(func $idle (export "idle")) (start $idle)"#, "when they are instantiated"),
        ("(call $log (i32", "(table.set (i32.const 0) (ref.null func)) (call $log (i32", "a table"),
        (
            "(core instance $begin ",
            r#"(core instance (instantiate $second (with "env" (instance $environment))))
               (core instance $begin "#,
            "two instances",
        ),
        (
            r#"(memory (export "memory") 1)"#,
            r#"(memory (export "memory") 1) (memory 1)"#,
            "one memory",
        ),
    ];
    for (before, after, part) in cases {
        let refusal = refusal(before, after);
        assert!(refusal.contains(part), "{refusal}");
    }
}

#[test]
fn what_is_no_component_is_refused() {
    let module = wat::parse_str("(module)").unwrap();
    assert!(matches!(code(&module), Err(FuseError::Unlike { .. })));
    assert!(matches!(code(b"\0asm"), Err(FuseError::Invalid(_))));
}

/// Code for [`LINKED`] as an optimizer may write it: one function is gone, and there are names.
const OPTIMIZED: &str = r#"(module
  (import "outside" "0" (func $log (param i32)))
  (func $run (result i32)
    (call $log (i32.load (i32.const 1040)))
    (i32.add (i32.load (i32.const 1040)) (i32.const 1024)))
  (table 4 4 funcref)
  (memory (export "memory") 1)
  (export "function-2" (func $run)))"#;

#[test]
fn a_component_has_the_code_that_it_is_given_and_its_memory() {
    let fused = fuse(&component(LINKED), &wat::parse_str(OPTIMIZED).unwrap()).unwrap();
    let run = "1040 I32Load Call 1040 I32Load 1024 I32Add End";
    assert_eq!(bodies(&fused), [run.split(' ').map(str::to_owned).collect::<Vec<_>>()]);
    let (mut has_memory, mut data, mut names) = (false, 0, 0);
    for payload in Parser::new(0).parse_all(&fused) {
        match payload.unwrap() {
            Payload::Version { .. } => has_memory = false,
            Payload::MemorySection(_) => has_memory = true,
            Payload::DataSection(section) => {
                data += 1;
                let segment = section.into_iter().next().unwrap().unwrap();
                assert_eq!(segment.data, [42]);
            }
            Payload::CustomSection(_) if has_memory => names += 1,
            _ => {}
        }
    }
    assert_eq!((data, names), (1, 0));
}

#[test]
fn code_that_does_not_fit_is_refused() {
    let cases = [
        ("(export \"function-2\"", "(export \"function-3\"", "function-2"),
        ("(import \"outside\" \"0\"", "(import \"outside\" \"1\"", "1"),
        ("(func $run (result i32)", "(func $run (param i32) (result i32)", "parameter types"),
        ("(table 4 4 funcref)", "(memory (;1;) 1)", "multiple memories"),
    ];
    for (before, after, part) in cases {
        assert!(OPTIMIZED.contains(before), "`{before}` is not there");
        let code = wat::parse_str(OPTIMIZED.replace(before, after)).unwrap();
        match fuse(&component(LINKED), &code).unwrap_err() {
            FuseError::Unfit(cause) => assert!(cause.to_string().contains(part), "{cause}"),
            error => panic!("{error}"),
        }
    }
    let code = OPTIMIZED.replace("(table", "(data (i32.const 0) \"x\") (table");
    let refused = fuse(&component(LINKED), &wat::parse_str(code).unwrap());
    assert!(matches!(refused, Err(FuseError::Unlike { .. })));
}
