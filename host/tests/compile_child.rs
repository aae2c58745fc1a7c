//! Compiling in a child process: what it makes runs, and what goes wrong there stays there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use spm_host::compile_child::{ChildCompiler, CompileChildError};
use spm_host::sandbox::{
    Artefact, Ended, Kind, Sandbox, SandboxOptions, StopCause, THREAD_STACK_BYTES, TaskInput,
};

fn compiler() -> ChildCompiler {
    ChildCompiler::new(Path::new(env!("CARGO_BIN_EXE_spm-host")))
}

/// A component whose `call` returns its arguments, beside `fields`.
fn echo(fields: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
          (core module $m
            (memory (export "memory") 1)
            {fields}
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "call") (param i32 i32) (result i32)
              (i32.store (i32.const 4) (local.get 0))
              (i32.store (i32.const 8) (local.get 1))
              (i32.const 0)))
          (core instance $i (instantiate $m))
          (func (export "define") (param "payload" (list u8)) (result (result (error (list u8))))
            (canon lift (core func $i "call") (memory $i "memory") (realloc (func $i "realloc"))))
          (func (export "call") (param "arguments" (list u8)) (result (result (list u8) (error (list u8))))
            (canon lift (core func $i "call") (memory $i "memory") (realloc (func $i "realloc")))))"#
    );
    wat::parse_str(text).expect("the guest is well-formed")
}

/// A component that takes the compiler seconds.
fn bomb() -> Vec<u8> {
    let step = "(local.set 0 (i64.add (i64.mul (local.get 0) (local.get 1)) (i64.rotl (local.get 1) (local.get 0))))";
    let function =
        format!("(func (param i64 i64) (result i64) {} (local.get 0))", step.repeat(5000));
    echo(&function.repeat(20))
}

fn runs(component: Vec<u8>, artefact: Vec<u8>, kind: Kind) -> Ended {
    let run = move || {
        let sandbox = Sandbox::new(SandboxOptions::own_process().with(kind.profile)).unwrap();
        let parts = sandbox.take_apart(&component).unwrap();
        // SAFETY: the child that made it runs our own binary.
        let definition =
            unsafe { sandbox.load(&parts, Artefact::Bytes(&artefact), kind.is_fuelled) }.unwrap();
        let input = TaskInput {
            payload: None,
            arguments: b"hello",
            index: 0,
            attempt: 1,
            seed: 0,
            memory_bytes_max: 1 << 20,
            fuel: 1000,
            deadline: None,
            sink: None,
            granted: None,
            channel: None,
        };
        Sandbox::run(&definition, &input, &Arc::new(StopCause::new())).ended
    };
    std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(run).unwrap().join().unwrap()
}

#[test]
fn what_a_child_compiles_runs_here() {
    let compiler = compiler();
    compiler.warm_up();
    let kinds = [
        Kind::small(false),
        Kind::small(true),
        Kind::python(false),
        Kind::python(true),
        Kind::scientific(),
    ];
    for kind in kinds.into_iter().chain(kinds) {
        let artefact = compiler.compile(&echo(""), kind).unwrap();
        assert_eq!(runs(echo(""), artefact, kind), Ended::Returned(b"hello".to_vec()));
    }
}

#[test]
fn invalid_components_have_a_reason() {
    let compiler = compiler();
    for _ in 0..3 {
        let error = compiler.compile(b"no component", Kind::small(false)).unwrap_err();
        assert!(
            matches!(&error, CompileChildError::Failed { reason } if !reason.is_empty()),
            "{error}"
        );
        // Nothing of it is left in the child, which is used again.
        assert!(compiler.compile(&echo(""), Kind::small(false)).is_ok());
    }
}

#[test]
fn compiling_too_long_ends_the_child() {
    let compiler = ChildCompiler::with_timeout(
        Path::new(env!("CARGO_BIN_EXE_spm-host")),
        Duration::from_millis(20),
    );
    let error = compiler.compile(&bomb(), Kind::small(false)).unwrap_err();
    assert!(matches!(error, CompileChildError::TimedOut { .. }), "{error}");
}

#[test]
fn a_compilation_that_nobody_wants_any_more_ends() {
    let looks = AtomicU32::new(0);
    let is_abandoned = || looks.fetch_add(1, Ordering::Relaxed) > 0;
    let error = compiler().compile_until(&bomb(), Kind::small(false), &is_abandoned).unwrap_err();
    assert!(
        matches!(&error, CompileChildError::Failed { reason } if reason.contains("nobody waits")),
        "{error}"
    );
}

#[test]
fn stopping_ends_a_compilation() {
    let compiler = Arc::new(compiler());
    let compiling = Arc::clone(&compiler);
    let bomb = bomb();
    let thread = std::thread::spawn(move || compiling.compile(&bomb, Kind::small(false)));
    compiler.stop();
    // Whether it was stopped before, while or after it compiled, nothing hangs.
    if let Err(error) = thread.join().unwrap() {
        assert!(
            matches!(&error, CompileChildError::Failed { reason } if reason == "the host stops"),
            "{error}"
        );
    }
}

#[test]
fn a_child_that_died_while_it_waited_is_replaced() {
    let compiler = compiler();
    compiler.warm_up();
    compiler.kill_spare();
    assert!(compiler.compile(&echo(""), Kind::small(false)).is_ok());
}

#[test]
fn a_missing_executable_is_said() {
    let error = ChildCompiler::new(Path::new("/nowhere/spm-host"))
        .compile(&echo(""), Kind::small(false))
        .unwrap_err();
    assert!(matches!(error, CompileChildError::Start(_)), "{error}");
}
