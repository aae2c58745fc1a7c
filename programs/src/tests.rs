//! What programs become, and which are refused.

use crate::{AdaptError, Adapted, adapt};

const HELLO: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
    (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))))"#;

fn adapted(text: &str) -> Result<Adapted, AdaptError> {
    adapt(&wat::parse_str(text).unwrap())
}

fn refusal(text: &str) -> String {
    adapted(text).unwrap_err().to_string()
}

#[test]
fn equal_programs_make_equal_components() {
    let component = adapted(HELLO).unwrap();
    assert_eq!(component, adapted(HELLO).unwrap());
    assert!(component.component.len() < 100_000, "{}", component.component.len());
}

/// The component for preview 2 that toolchains make of a program, with the adapter of wasmtime.
fn with_adapter(module: &[u8]) -> Vec<u8> {
    use wasi_preview1_component_adapter_provider::{
        WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    };
    wit_component::ComponentEncoder::default()
        .module(module)
        .unwrap()
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)
        .unwrap()
        .validate(true)
        .encode()
        .unwrap()
}

#[test]
fn a_program_is_taken_out_of_a_component_that_an_adapter_made_of_it() {
    let module = wat::parse_str(HELLO).unwrap();
    assert_eq!(adapt(&with_adapter(&module)).unwrap(), adapt(&module).unwrap());
}

const WORLD: &str = r"
    package test:command;
    world command {
        import wasi:cli/stdout@0.2.3;
        import wasi:sockets/tcp@0.2.3;
        export wasi:cli/run@0.2.3;
    }
    package wasi:cli@0.2.3 {
        interface stdout {
            use wasi:io/streams@0.2.3.{output-stream};
            get-stdout: func() -> output-stream;
        }
        interface run { run: func() -> result; }
    }
    package wasi:io@0.2.3 {
        interface streams {
            resource output-stream { blocking-write-and-flush: func(contents: list<u8>) -> result<_, u32>; }
        }
    }
    package wasi:sockets@0.2.3 {
        interface tcp { resource tcp-socket { is-listening: func() -> bool; } }
    }";

fn preview_2(version: &str, run: &str) -> String {
    format!(
        r#"(module
        (import "wasi:cli/stdout@{version}" "get-stdout" (func $get (result i32)))
        (import "wasi:io/streams@{version}" "[method]output-stream.blocking-write-and-flush"
            (func $write (param i32 i32 i32 i32)))
        (import "wasi:io/streams@{version}" "[resource-drop]output-stream" (func $drop (param i32)))
        (import "wasi:sockets/tcp@{version}" "[method]tcp-socket.is-listening"
            (func (param i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "hello\n")
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export "_initialize"))
        (func (export "wasi:cli/run@{version}#run") (result {run}) (local $out i32)
            (local.set $out (call $get))
            (call $write (local.get $out) (i32.const 16) (i32.const 6) (i32.const 32))
            (call $drop (local.get $out))
            ({run}.const 0)))"#
    )
}

#[test]
fn a_program_for_preview_2_is_taken_out_of_its_component() {
    let mut module = wat::parse_str(preview_2("0.2.3", "i32")).unwrap();
    let adapted = adapt(&module).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("command.wit", WORLD).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
    let encoder = wit_component::ComponentEncoder::default().module(&module).unwrap();
    assert_eq!(adapt(&encoder.validate(true).encode().unwrap()).unwrap(), adapted);
    // Whatever version of preview 2 it is for.
    assert!(adapt(&wat::parse_str(preview_2("0.2.0", "i32")).unwrap()).is_ok());
    for (version, run, reason) in [
        ("0.3.0", "i32", "`wasi:cli/stdout@0.3.0.get-stdout`"),
        ("0.2.0-rc-2023-11-10", "i32", "`wasi:cli/stdout@0.2.0-rc"),
        ("0.2.3", "i64", "no `run` of `wasi:cli`"),
    ] {
        let refused = refusal(&preview_2(version, run));
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn what_is_no_program_is_refused_and_told_what_to_do() {
    assert!(adapt(b"\x7fELF").unwrap_err().to_string().contains("--target wasm32-wasip1"));
    assert!(refusal("(component)").contains("it is a component without"));
    assert!(refusal("(module (memory 1))").contains("_start"));
    assert!(refusal(r#"(module (func (export "_start")))"#).contains("no memory"));
    let start = r#"(memory 1) (func (export "_start"))"#;
    let import = |name: &str, what: &str| {
        refusal(&format!(r#"(module (import "{name}" "f" ({what})) {start})"#))
    };
    assert!(import("env", "func").contains("`env.f`"));
    assert!(import("wasi_snapshot_preview1", "func").contains("`wasi_snapshot_preview1.f`"));
    assert!(import("env", "global i32").contains("`env.f`"));
    assert!(import("wasi:cli/stdout@0.2.0", "func").contains("`wasi:cli/stdout@0.2.0.f`"));
    assert!(import("wasi:http/types@0.2.0", "func").contains("`wasi:http/types@0.2.0.f`"));
    assert!(
        refusal(r#"(module (import "env" "m" (memory 1)) (func (export "_start")))"#)
            .contains("threads")
    );
    assert!(
        refusal(&format!(
            r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func)) {start})"#
        ))
        .contains("`sched_yield` with a type")
    );
}

#[test]
fn programs_may_have_segments_tables_and_a_start_function() {
    let component = adapted(
        r#"(module
            (memory (export "memory") 1)
            (table 1 funcref) (elem (i32.const 0) $run)
            (global $ran (mut i32) (i32.const 0))
            (data $text "text")
            (start $begin)
            (func $begin (global.set $ran (i32.const 1)))
            (func $run (memory.init $text (i32.const 0) (i32.const 0) (i32.const 4)) (data.drop $text))
            (func (export "_start") (call_indirect (i32.const 0))))"#,
    );
    let names: Vec<_> = component.unwrap().functions.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["begin", "run"]);
}
