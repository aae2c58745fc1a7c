//! Tests of linking: what comes out is valid, small, and the same every time.

use std::collections::BTreeMap;

use spm_protocol::lines::{LineFunction, LineTable, SECTION, Site};
use wasm_encoder::{BlockType, Instruction as I, ValType};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

use super::{
    Blob, Entry, GuestError, LinkError, Op, UserFunction, UserModule, core_module, guest_component,
    link, runtime,
};
use crate::abi::{FUNCTIONS, cell, class, deopt, kind, layout};

fn descriptor(kind: u32, elements: &[u32]) -> Blob {
    let words = [kind, elements.len() as u32].into_iter().chain(elements.iter().map(|_| 0));
    Blob {
        bytes: words.flat_map(u32::to_le_bytes).collect(),
        addresses: elements
            .iter()
            .enumerate()
            .map(|(at, &blob)| (8 + at as u32 * 4, blob))
            .collect(),
    }
}

/// `def f(x: int) -> int:` with the given body; blob 0 describes int, blob 1 the arguments.
fn module(body: Vec<Op>) -> UserModule {
    UserModule {
        functions: vec![UserFunction {
            params: vec![ValType::I64],
            results: vec![ValType::I64, ValType::I32],
            locals: vec![ValType::I64],
            body,
        }],
        blobs: vec![descriptor(kind::INT, &[]), descriptor(kind::TUPLE, &[0])],
        descriptors: vec![0, 1],
        entry: Entry { function: 0, arguments: 1, result: 0, chains: false },
        callbacks: BTreeMap::new(),
        recursion_limit: 1000,
        line_functions: vec![LineFunction {
            name: "f".to_owned(),
            file: "f.py".to_owned(),
            first_line: 1,
            source: vec!["def f(x): return x + 1".to_owned()],
        }],
        sites: vec![Site { function: 0, line: 1, column: 17, end_line: 1, end_column: 22 }],
    }
}

/// `return x + 1`, checked for overflow.
fn increment() -> UserModule {
    module(vec![
        Op::Wasm(I::LocalGet(0)),
        Op::Wasm(I::I64Const(1)),
        Op::Site(0),
        Op::Wasm(I::I64Add),
        Op::Wasm(I::LocalTee(1)),
        Op::Wasm(I::LocalGet(0)),
        Op::Wasm(I::I64LtS),
        Op::Wasm(I::If(BlockType::Empty)),
        Op::Wasm(I::I32Const(deopt::INTEGER_OVERFLOW.cast_signed())),
        Op::Runtime("raise_deopt"),
        Op::Wasm(I::Drop),
        Op::Wasm(I::I32Const(0)),
        Op::Runtime("frame"),
        Op::Wasm(I::I64Const(0)),
        Op::Wasm(I::I32Const(1)),
        Op::Wasm(I::Return),
        Op::Wasm(I::End),
        Op::Wasm(I::LocalGet(1)),
        Op::Wasm(I::I32Const(0)),
        Op::Wasm(I::End),
    ])
}

/// Calls a runtime function with zeros, so that it is linked.
fn calling(names: impl Iterator<Item = &'static str>) -> UserModule {
    let mut body = Vec::new();
    for name in names {
        let function = crate::abi::runtime_function(name).expect("it is in the table");
        body.extend(function.params.iter().map(|(_, arg)| {
            Op::Wasm(match arg.val_type() {
                ValType::I64 => I::I64Const(0),
                ValType::F64 => I::F64Const(0.0.into()),
                _ => I::I32Const(0),
            })
        }));
        body.push(Op::Runtime(function.name));
        if function.returns.val_type().is_some() {
            body.push(Op::Wasm(I::Drop));
        }
    }
    body.extend([Op::Wasm(I::LocalGet(0)), Op::Wasm(I::I32Const(0)), Op::Wasm(I::End)]);
    module(body)
}

fn validate(component: &[u8]) {
    let mut validator = Validator::new_with_features(WasmFeatures::default());
    validator.validate_all(component).expect("the component is valid");
}

/// Names of what a component imports.
fn imports(component: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("the component is well-formed") {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(reader) if depth == 0 => {
                names.extend(
                    reader.into_iter().map(|import| import.expect("readable").name.name.to_owned()),
                );
            }
            _ => {}
        }
    }
    names
}

fn line_table(component: &[u8]) -> LineTable {
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CustomSection(section) = payload.expect("the component is well-formed")
            && section.name() == SECTION
        {
            return LineTable::from_bytes(section.data()).expect("the line table is readable");
        }
    }
    panic!("no line table");
}

#[test]
fn the_runtime_has_every_function_of_the_table_with_its_type() {
    for function in FUNCTIONS {
        let found = runtime::check_signature(function);
        assert_eq!(found, Ok(()), "`{}`", function.name);
    }
}

#[test]
fn a_small_closure_is_a_small_component() {
    let component = link(&increment()).expect("it links");
    validate(&component);
    assert!(component.len() < 6000, "{} bytes", component.len());
    assert_eq!(imports(&component), Vec::<String>::new());
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(link(&increment()).expect("it links"), link(&increment()).expect("it links"));
}

#[test]
fn all_of_the_runtime_links() {
    let component =
        link(&calling(FUNCTIONS.iter().map(|function| function.name))).expect("it links");
    validate(&component);
    let all = ["log", "task", "hub", "tree", "team"];
    assert_eq!(imports(&component), all.map(|name| format!("spm:closure/{name}@0.1.0")));
}

#[test]
fn a_closure_imports_no_more_than_it_uses() {
    for (name, used) in [
        ("print_flush", &["log"][..]),
        ("sleep_int", &["task"]),
        ("task_bound", &["task", "tree"]),
        ("hub_tell", &["task", "hub"]),
        ("team_rank", &["task", "team"]),
        ("team_allreduce", &["task", "team"]),
    ] {
        let component = link(&calling([name].into_iter())).expect("it links");
        let used: Vec<_> = used.iter().map(|name| format!("spm:closure/{name}@0.1.0")).collect();
        assert_eq!(imports(&component), used, "{name}");
    }
}

#[test]
fn messages_may_hold_dicts() {
    let mut with_dict = calling(["hub_tell"].into_iter());
    let flat = core_module::build(&with_dict).expect("it links").bytes.len();
    with_dict.blobs.push(descriptor(kind::DICT, &[0, 0]));
    with_dict.descriptors.push(2);
    let full = core_module::build(&with_dict).expect("it links").bytes.len();
    assert!(flat < full, "{flat}, {full}");
}

#[test]
fn each_function_links_alone() {
    for function in FUNCTIONS {
        validate(&link(&calling([function.name].into_iter())).expect("it links"));
    }
}

#[test]
fn closures_without_dicts_leave_their_code_out() {
    let names = ["value_repr", "compare", "release"].into_iter();
    let flat = core_module::build(&calling(names.clone())).expect("it links").bytes.len();
    let full = core_module::build(&calling(names.chain(["dict_new"]))).expect("it links");
    assert!(flat + 1000 < full.bytes.len(), "{flat}, {}", full.bytes.len());
}

#[test]
fn a_site_begins_at_the_instruction_after_its_mark() {
    let component = link(&increment()).expect("it links");
    let lines = line_table(&component);
    let [entry] = lines.entries[..] else { panic!("one site is marked") };
    // The body: one run of locals in 3 bytes, then `local.get 0` and `i64.const 1`.
    assert_eq!((entry.at.function, entry.at.offset, entry.site), (0, 7, 0));
    let frame = lines.frame_at(entry.at).expect("the place has a frame");
    assert_eq!((frame.line, frame.column, frame.function.as_str()), (1, 17, "f"));
}

#[test]
fn what_does_not_exist_is_named() {
    let end = || [Op::Wasm(I::I64Const(0)), Op::Wasm(I::I32Const(0)), Op::Wasm(I::End)];
    let with = |op: Op| link(&module([op].into_iter().chain(end()).collect()));
    assert!(matches!(with(Op::Runtime("no_such")), Err(LinkError::UnknownRuntime("no_such"))));
    assert!(matches!(with(Op::Call(7)), Err(LinkError::Missing { what: "function", index: 7 })));
    assert!(matches!(with(Op::Address(9)), Err(LinkError::Missing { what: "blob", index: 9 })));
    assert!(matches!(with(Op::Site(1)), Err(LinkError::Missing { what: "site", index: 1 })));
}

#[test]
fn numbers_of_exceptions_and_traps_are_the_protocols() {
    use spm_protocol::raised::builtin_exception;
    use spm_protocol::trap::TrapCode;
    for (name, number) in [
        ("AssertionError", class::ASSERTION_ERROR),
        ("IndexError", class::INDEX_ERROR),
        ("KeyError", class::KEY_ERROR),
        ("MemoryError", class::MEMORY_ERROR),
        ("OverflowError", class::OVERFLOW_ERROR),
        ("RecursionError", class::RECURSION_ERROR),
        ("RuntimeError", class::RUNTIME_ERROR),
        ("TypeError", class::TYPE_ERROR),
        ("ValueError", class::VALUE_ERROR),
        ("ZeroDivisionError", class::ZERO_DIVISION_ERROR),
    ] {
        assert_eq!(builtin_exception(name), Some(number), "{name}");
    }
    assert_eq!(deopt::INTEGER_OVERFLOW, TrapCode::IntegerOverflow as u32);
    assert_eq!(deopt::TYPE_NOT_PROVED, TrapCode::TypeNotProved as u32);
}

#[test]
fn blobs_hold_the_addresses_of_others() {
    let mut with_text = increment();
    let mut text = Vec::new();
    for word in [layout::IMMORTAL, 2, 2, 0] {
        text.extend(word.to_le_bytes());
    }
    text.extend(b"ab");
    with_text.blobs.push(Blob { bytes: text, addresses: Vec::new() });
    with_text.blobs.push(Blob { bytes: vec![1, 0, 0, 0], addresses: vec![(0, 2)] });
    let core = core_module::build(&with_text).expect("it links");
    let data = Parser::new(0).parse_all(&core.bytes).find_map(|payload| match payload {
        Ok(Payload::DataSection(reader)) => reader.into_iter().last(),
        _ => None,
    });
    let data = data.expect("there is data").expect("it is readable").data;
    let last = u32::from_le_bytes(data[data.len() - 4..].try_into().expect("four bytes"));
    // After the cells come two descriptors of 8 and 12 bytes, each aligned to 8.
    assert_eq!(last, cell::END + 8 + 16 + 1);
}

#[test]
fn a_module_of_another_language_becomes_a_component() {
    assert!(matches!(guest_component(b"wasm"), Err(GuestError::Invalid(_))));
    let empty = guest_component(b"\0asm\x01\0\0\0").unwrap_err().to_string();
    assert!(empty.starts_with("not a module of the world `spm:closure/guest`: "), "{empty}");
}

#[test]
fn the_guest_world_is_valid() {
    assert!(!super::component::encoded("guest").is_empty());
}
