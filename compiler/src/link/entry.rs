//! The exports `call` and `define`, as functions like the user's own.

use wasm_encoder::{BlockType, Instruction, MemArg, ValType};

use super::data::Descriptor;
use super::{LinkError, Op, UserFunction, UserModule};
use crate::abi::{DEPTH_GLOBAL, cell, kind};

/// The local that holds a value of this kind.
fn local_type(kind: u32) -> ValType {
    match kind {
        kind::INT => ValType::I64,
        kind::FLOAT => ValType::F64,
        _ => ValType::I32,
    }
}

/// Reads what a runtime function left for its caller.
fn load_result(kind: u32) -> Op {
    let memarg = |align| MemArg { offset: u64::from(cell::RET), align, memory_index: 0 };
    Op::Wasm(match kind {
        kind::INT => Instruction::I64Load(memarg(3)),
        kind::FLOAT => Instruction::F64Load(memarg(3)),
        _ => Instruction::I32Load(memarg(2)),
    })
}

/// Goes to the end of the enclosing block if the status on the stack is a failure.
fn check() -> Op {
    Op::Wasm(Instruction::BrIf(0))
}

/// `define`: a native component carries all it needs, so there is nothing to do.
pub(super) fn define() -> UserFunction {
    let outcome = || Op::Wasm(Instruction::I32Const(cell::OUTCOME.cast_signed()));
    UserFunction {
        params: vec![ValType::I32, ValType::I32],
        results: vec![ValType::I32],
        locals: Vec::new(),
        body: vec![
            outcome(),
            Op::Wasm(Instruction::I32Const(0)),
            Op::Wasm(Instruction::I32Store(MemArg { offset: 0, align: 2, memory_index: 0 })),
            outcome(),
            Op::Wasm(Instruction::End),
        ],
    }
}

/// `call`: reads the arguments, calls the closure, hands over what became of it.
pub(super) fn call(module: &UserModule) -> Result<UserFunction, LinkError> {
    let parameters = Descriptor::new(module, module.entry.arguments)?.elements()?;
    let result = Descriptor::new(module, module.entry.result)?;
    let mut locals: Vec<ValType> =
        parameters.iter().map(|parameter| local_type(parameter.kind())).collect();
    // Parameters are locals 0 and 1: address and length of the arguments.
    let first = 2;
    let value = first + locals.len() as u32;
    let status = value + 1;
    locals.extend([local_type(result.kind()), ValType::I32]);

    let mut body = vec![
        Op::Wasm(Instruction::I32Const(module.recursion_limit.cast_signed())),
        Op::Wasm(Instruction::GlobalSet(DEPTH_GLOBAL)),
        Op::Wasm(Instruction::Block(BlockType::Empty)),
        Op::Wasm(Instruction::LocalGet(0)),
        Op::Wasm(Instruction::LocalGet(1)),
        Op::Wasm(Instruction::I32Const(parameters.len() as i32)),
        Op::Runtime("args_open"),
        check(),
    ];
    for (index, parameter) in parameters.iter().enumerate() {
        body.extend(read_argument(*parameter));
        body.push(check());
        body.push(Op::Wasm(Instruction::I32Const(0)));
        body.push(load_result(parameter.kind()));
        body.push(Op::Wasm(Instruction::LocalSet(first + index as u32)));
    }
    body.extend([
        Op::Wasm(Instruction::LocalGet(0)),
        Op::Wasm(Instruction::LocalGet(1)),
        Op::Runtime("args_close"),
        check(),
    ]);
    for index in 0..parameters.len() {
        body.push(Op::Wasm(Instruction::LocalGet(first + index as u32)));
    }
    body.extend([
        Op::Call(module.entry.function),
        Op::Wasm(Instruction::LocalSet(status)),
        Op::Wasm(Instruction::LocalSet(value)),
        Op::Wasm(Instruction::LocalGet(status)),
        check(),
    ]);
    body.extend(write_result(result, value, status));
    body.extend([
        Op::Wasm(Instruction::Return),
        Op::Wasm(Instruction::End),
        Op::Runtime(if module.entry.chains { "result_raised_chained" } else { "result_raised" }),
        Op::Wasm(Instruction::End),
    ]);
    Ok(UserFunction {
        params: vec![ValType::I32, ValType::I32],
        results: vec![ValType::I32],
        locals,
        body,
    })
}

/// Calls what reads an argument; simple types have functions of their own, as most closures
/// need no more.
fn read_argument(parameter: Descriptor<'_>) -> Vec<Op> {
    let name = match parameter.kind() {
        kind::INT => "arg_int",
        kind::FLOAT => "arg_float",
        kind::BOOL => "arg_bool",
        kind::NONE => "arg_none",
        kind::STR => "arg_str",
        kind::BYTES => "arg_bytes",
        _ => return vec![Op::Address(parameter.blob), Op::Runtime("arg_value")],
    };
    vec![Op::Runtime(name)]
}

/// Calls what writes the result, and gives the closure's reference to it back.
fn write_result(result: Descriptor<'_>, value: u32, record: u32) -> Vec<Op> {
    let get = |local| Op::Wasm(Instruction::LocalGet(local));
    let set = |local| Op::Wasm(Instruction::LocalSet(local));
    match result.kind() {
        kind::INT => vec![get(value), Op::Runtime("result_int")],
        kind::FLOAT => vec![get(value), Op::Runtime("result_float")],
        kind::BOOL => vec![get(value), Op::Runtime("result_bool")],
        kind::NONE => vec![Op::Runtime("result_none")],
        kind::STR | kind::BYTES => {
            let name = if result.kind() == kind::STR { "result_str" } else { "result_bytes" };
            vec![
                get(value),
                Op::Runtime(name),
                set(record),
                get(value),
                Op::Runtime("release_str"),
                get(record),
            ]
        }
        _ => vec![
            get(value),
            Op::Wasm(Instruction::I64ExtendI32U),
            Op::Address(result.blob),
            Op::Runtime("result_value"),
            set(record),
            get(value),
            Op::Address(result.blob),
            Op::Runtime("release"),
            get(record),
        ],
    }
}
