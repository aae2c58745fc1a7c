//! What a task of a farm or template asks of its manager: the imports `hub` and `tree`.

use crate::buffer::Buffer;
use crate::encode;
use crate::mem::P;
use crate::message::{Bytes, FARM, TEMPLATE, is_of, read, written};
use crate::object::Desc;
use crate::raise::fail;
use crate::shared::class;
use crate::state::{ret_u64, status};

#[link(wasm_import_module = "spm:closure/hub@0.1.0")]
unsafe extern "C" {
    #[link_name = "ask"]
    safe fn host_ask(start: u32, length: u32, answer: &mut Bytes);
}

#[link(wasm_import_module = "spm:closure/tree@0.1.0")]
unsafe extern "C" {
    #[link_name = "spawn"]
    safe fn host_spawn(start: u32, length: u32, priority: f64);
    #[link_name = "bound"]
    safe fn host_bound() -> f64;
    #[link_name = "improve"]
    safe fn host_improve(value: f64);
}

fn ask(question: u64, desc: Desc) -> Option<Bytes> {
    if !is_of(FARM) {
        return fail(class::RUNTIME_ERROR, b"only tasks of an spm.Farm may ask the hub");
    }
    let question = written(question, desc)?;
    let mut answer = Bytes { start: 0, length: 0 };
    host_ask(question.start, question.length, &mut answer);
    question.free();
    Some(answer)
}

/// `answer: T = spm.hub.ask(question)`.
#[unsafe(no_mangle)]
pub extern "C" fn hub_ask(question: u64, desc: Desc, answer: Desc) -> i32 {
    ret_u64(ask(question, desc).and_then(|found| read(found.buffer(), answer)))
}

/// `spm.hub.ask(question)`, whose answer nobody looks at.
#[unsafe(no_mangle)]
pub extern "C" fn hub_tell(question: u64, desc: Desc) -> i32 {
    status(ask(question, desc).map(|answer| answer.free()))
}

fn spawn(arguments: P, desc: Desc, priority: f64) -> Option<()> {
    if !is_of(TEMPLATE) {
        return fail(class::RUNTIME_ERROR, b"only tasks of an spm.Template may spawn tasks");
    }
    let mut row = Buffer::new();
    encode::items(&mut row, arguments, desc)?;
    host_spawn(row.start, row.length, priority);
    row.free();
    Some(())
}

/// `spm.task.spawn(*arguments, priority=)`.
#[unsafe(no_mangle)]
pub extern "C" fn task_spawn(arguments: P, desc: Desc, priority: f64) -> i32 {
    status(spawn(arguments, desc, priority))
}

/// `spm.task.bound`.
#[unsafe(no_mangle)]
pub extern "C" fn task_bound() -> f64 {
    if is_of(TEMPLATE) { host_bound() } else { f64::INFINITY }
}

/// `spm.task.improve(value)`.
#[unsafe(no_mangle)]
pub extern "C" fn task_improve(value: f64) {
    if is_of(TEMPLATE) {
        host_improve(value);
    }
}
