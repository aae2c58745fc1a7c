//! From the typed program to Wasm.
//!
//! Every Python local is a Wasm local. A function that can raise returns a status after its value;
//! each place that can fail branches to a block of its own at the end of the function, so that the
//! straight path stays straight. Locals own what they refer to; expressions say whether they hand
//! over a reference or lend one (see [`memory`]).

mod arguments;
mod calls;
mod constants;
mod control;
mod expr;
mod floats;
mod hoist;
mod ints;
mod lists;
mod memory;
mod nans;
mod objects;
mod trust;
mod unwind;

use std::collections::BTreeMap;

use spm_protocol::lines::Site;
use wasm_encoder::{BlockType, Instruction as I, ValType};

use crate::abi::kind;
use crate::ast::Span;
use crate::classes::Classes;
use crate::ir::{Func, Label, Program};
use crate::link::{Blob, Entry, Op, UserFunction, UserModule, replacement};
use crate::lower::Parsed;
use crate::request::Request;
use crate::ty::Ty;
use crate::visit;

/// Failure codes: what to raise is in the low bits, the site above them.
const CODE_BITS: u32 = 6;
/// An exception is pending already.
pub(crate) const PENDING: u32 = 0;
/// First code of `raise_common`.
const COMMON: u32 = 1;
/// First code of `raise_deopt`.
const DEOPT: u32 = 41;

/// How a function is called.
#[derive(Debug, Clone)]
struct Signature {
    /// It returns a status.
    raises: bool,
    /// It takes the number of calls that may still nest.
    depth: bool,
    /// It can call itself, and so has to look at that number.
    recursive: bool,
}

/// The module being made.
struct Module {
    blobs: Vec<Blob>,
    descriptors: BTreeMap<Ty, u32>,
    constants: Vec<(constants::Key, u32)>,
    lazies: Vec<(crate::request::Literal, Ty, u32)>,
    sites: Vec<Site>,
    site_numbers: BTreeMap<(usize, Span), u32>,
    signatures: Vec<Signature>,
    fresh: nans::Fresh,
    /// Index of the function that raises by code.
    unwind: u32,
    classes: Classes,
    class_blobs: BTreeMap<u32, u32>,
    enum_blobs: BTreeMap<(u32, usize), u32>,
    /// Methods that SPM wrote.
    glue: Vec<usize>,
    /// Whether anything catches exceptions: what unwinds then gives back what it holds.
    catches: bool,
}

/// Emits the whole program.
pub(crate) fn emit(program: &mut Program, parsed: &[Parsed<'_>], request: &Request) -> UserModule {
    let signatures = calls::signatures(program);
    let catches = program.functions.iter_mut().any(|function| visit::catches(&mut function.body));
    let count = program.functions.len() as u32;
    let mut module = Module {
        blobs: Vec::new(),
        descriptors: BTreeMap::new(),
        constants: Vec::new(),
        lazies: Vec::new(),
        sites: Vec::new(),
        site_numbers: BTreeMap::new(),
        signatures,
        fresh: nans::Fresh::of(program),
        unwind: count,
        classes: program.classes.clone(),
        class_blobs: BTreeMap::new(),
        enum_blobs: BTreeMap::new(),
        glue: objects::glue(program, &|index| parsed[index].source.function().file == "<spm>"),
        catches,
    };
    for (literal, ty) in &program.lazies {
        let cell = module.blob(Blob { bytes: vec![0; 8], addresses: Vec::new() });
        module.lazies.push((literal.clone(), ty.clone(), cell));
    }
    let mut functions: Vec<UserFunction> = (0..program.functions.len())
        .map(|index| Emitter::new(&mut module, program, parsed, index).function())
        .collect();
    functions.push(unwind(catches));
    functions.push(entry(&mut module, &program.functions[0], request.recursion_limit));
    let (asked, callbacks) =
        objects::callbacks(&module, program, functions.len() as u32, request.recursion_limit);
    functions.extend(asked);
    let entry = &program.functions[0];
    let arguments = module.descriptor(&Ty::Tuple(entry.parameters.clone()));
    let result = module.descriptor(&entry.result);
    UserModule {
        functions,
        blobs: module.blobs,
        descriptors: module.descriptors.into_values().collect(),
        entry: Entry { function: count + 1, arguments, result, chains: catches },
        callbacks,
        recursion_limit: request.recursion_limit,
        line_functions: parsed.iter().map(|function| function.source.line_function()).collect(),
        sites: module.sites,
    }
}

/// Raises what a code says, and adds the frame.
fn unwind(catches: bool) -> UserFunction {
    let mask = (1 << CODE_BITS) - 1;
    let body = vec![
        I::LocalGet(0),
        I::I32Const(mask),
        I::I32And,
        I::LocalTee(1),
        I::If(BlockType::Empty),
        I::LocalGet(1),
        I::I32Const(DEOPT as i32),
        I::I32LtU,
        I::If(BlockType::Empty),
        I::LocalGet(1),
        I::I32Const(COMMON as i32),
        I::I32Sub,
    ];
    let body = body.into_iter().map(Op::Wasm);
    let again = [
        I::LocalGet(0),
        I::I32Const(unwind::AGAIN.cast_signed()),
        I::I32Eq,
        I::If(BlockType::Empty),
        I::Return,
        I::End,
    ];
    let again = again.into_iter().map(Op::Wasm).filter(|_| catches);
    let mut body: Vec<Op> = again.chain(body).collect();
    body.push(Op::Runtime("raise_common"));
    let rest = [I::Drop, I::Else, I::LocalGet(1), I::I32Const(DEOPT as i32 - 1), I::I32Sub];
    body.extend(rest.into_iter().map(Op::Wasm));
    body.push(Op::Runtime("raise_deopt"));
    let rest = [I::Drop, I::End, I::End, I::LocalGet(0), I::I32Const(CODE_BITS as i32), I::I32ShrU];
    body.extend(rest.into_iter().map(Op::Wasm));
    body.push(Op::Runtime("frame"));
    body.push(Op::Wasm(I::End));
    UserFunction {
        params: vec![ValType::I32],
        results: Vec::new(),
        locals: vec![ValType::I32],
        body,
    }
}

/// Calls the closure: unions come and go as objects, and the depth starts at its limit.
fn entry(module: &mut Module, function: &Func, recursion_limit: u32) -> UserFunction {
    let mut body = Vec::new();
    let params = function.parameters.iter().map(slot_type).collect::<Vec<_>>();
    let is_union = |ty: &Ty| matches!(ty, Ty::Union(_));
    for (index, ty) in function.parameters.iter().enumerate() {
        if let Some(kind) = memory::optional(ty) {
            body.extend(memory::tag_of_optional(index as u32, kind).map(Op::Wasm));
            body.push(Op::Wasm(I::LocalGet(index as u32)));
            body.push(Op::Wasm(I::I64ExtendI32U));
            continue;
        }
        body.push(Op::Wasm(I::LocalGet(index as u32)));
        if is_union(ty) {
            body.push(Op::Wasm(I::I32Load(memory::slot_at(0))));
            body.push(Op::Wasm(I::LocalGet(index as u32)));
            body.push(Op::Wasm(I::I64Load(memory::slot_at(1))));
        }
    }
    let signature = module.signatures[0].clone();
    if signature.depth {
        body.push(Op::Wasm(I::I32Const(recursion_limit.min(i32::MAX as u32).cast_signed())));
    }
    body.push(Op::Call(0));
    let mut locals = Vec::new();
    let first = params.len() as u32;
    if !signature.raises {
        body.push(Op::Wasm(I::I32Const(0)));
    }
    if memory::optional(&function.result).is_some() {
        // status, payload; then the object
        locals = vec![ValType::I32, ValType::I64];
        let ops = [
            I::LocalSet(first),
            I::LocalSet(first + 1),
            I::Drop,
            I::LocalGet(first + 1),
            I::I32WrapI64,
            I::LocalGet(first),
        ];
        body.extend(ops.into_iter().map(Op::Wasm));
    } else if is_union(&function.result) {
        // status, payload, tag; then the object
        locals = vec![ValType::I32, ValType::I64, ValType::I32, ValType::I32];
        for local in 0..3 {
            body.push(Op::Wasm(I::LocalSet(first + local)));
        }
        body.push(Op::Wasm(I::I32Const(2)));
        body.push(Op::Runtime("tuple_new"));
        let stores = [
            I::LocalTee(first + 3),
            I::LocalGet(first + 2),
            I::I64ExtendI32U,
            I::I64Store(memory::slot_at(0)),
            I::LocalGet(first + 3),
            I::LocalGet(first + 1),
            I::I64Store(memory::slot_at(1)),
            I::LocalGet(first + 3),
            I::LocalGet(first),
        ];
        body.extend(stores.into_iter().map(Op::Wasm));
    }
    if module.fresh.is_result_fresh(0) {
        // status; then a scratch
        locals = vec![ValType::I32, ValType::F64];
        body.push(Op::Wasm(I::LocalSet(first)));
        body.extend(replacement(first + 1, true).into_iter().map(Op::Wasm));
        body.push(Op::Wasm(I::LocalGet(first)));
    }
    if function.result == Ty::Never {
        // It cannot have returned but by raising.
        locals = vec![ValType::I32];
        let swap = [I::LocalSet(first), I::I32Const(0), I::LocalGet(first)];
        body.extend(swap.into_iter().map(Op::Wasm));
    }
    body.push(Op::Wasm(I::End));
    let results = vec![slot_type(&function.result), ValType::I32];
    UserFunction { params, results, locals, body }
}

/// The Wasm type of a value outside of locals.
fn slot_type(ty: &Ty) -> ValType {
    match ty {
        Ty::Int => ValType::I64,
        Ty::Float => ValType::F64,
        _ => ValType::I32,
    }
}

/// The Wasm types of a value in locals.
fn value_types(ty: &Ty) -> Vec<ValType> {
    match ty {
        Ty::Union(_) => vec![ValType::I32, ValType::I64],
        Ty::Never => Vec::new(),
        other => vec![slot_type(other)],
    }
}

impl Module {
    fn blob(&mut self, blob: Blob) -> u32 {
        self.blobs.push(blob);
        self.blobs.len() as u32 - 1
    }

    /// The descriptor of a type, shared by all who need it.
    fn descriptor(&mut self, ty: &Ty) -> u32 {
        if let Some(known) = self.descriptors.get(ty) {
            return *known;
        }
        let elements: Vec<Ty> = match ty {
            Ty::List(a) | Ty::Set(a) | Ty::VTuple(a) => vec![a.as_ref().clone()],
            Ty::Dict(a, b) => vec![a.as_ref().clone(), b.as_ref().clone()],
            Ty::Tuple(items) | Ty::Union(items) => items.clone(),
            _ => Vec::new(),
        };
        let is_optional = memory::optional(ty).is_some();
        let elements = elements.into_iter().skip(usize::from(is_optional)).collect::<Vec<_>>();
        if let Ty::Object(family) = ty {
            return self.family_descriptor(ty, family.root);
        }
        let kind = match ty {
            Ty::Never | Ty::Var(_) | Ty::Error | Ty::Class(_) | Ty::NotImplemented => kind::NONE,
            Ty::Union(_) if is_optional => kind::OPTIONAL,
            other => other.kind(),
        };
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend((elements.len() as u32).to_le_bytes());
        let mut addresses = Vec::new();
        for element in &elements {
            let descriptor = self.descriptor(element);
            addresses.push((bytes.len() as u32, descriptor));
            bytes.extend([0; 4]);
        }
        let number = self.blob(Blob { bytes, addresses });
        self.descriptors.insert(ty.clone(), number);
        number
    }

    /// The descriptor of a family: those of its classes.
    fn family_descriptor(&mut self, ty: &Ty, root: u32) -> u32 {
        let number = self.blob(Blob { bytes: Vec::new(), addresses: Vec::new() });
        // The types of attributes may lead back here.
        self.descriptors.insert(ty.clone(), number);
        let classes = self.classes.family(root);
        let mut bytes = ty.kind().to_le_bytes().to_vec();
        bytes.extend((classes.len() as u32).to_le_bytes());
        let mut addresses = Vec::new();
        for class in classes {
            let class = self.class(class as u32);
            addresses.push((bytes.len() as u32, class));
            bytes.extend([0; 4]);
        }
        self.blobs[number as usize] = Blob { bytes, addresses };
        number
    }
}

/// One function being emitted.
struct Emitter<'m, 'p> {
    module: &'m mut Module,
    program: &'p Program,
    parsed: &'p [Parsed<'p>],
    func: &'p Func,
    signature: Signature,
    ops: Vec<Op>,
    /// Types of the Wasm locals, parameters first.
    locals: Vec<ValType>,
    /// First Wasm local of each local.
    places: Vec<u32>,
    /// Wasm locals that can be used again.
    free: BTreeMap<u8, Vec<u32>>,
    /// Enclosing blocks, outermost first.
    blocks: Vec<Option<Label>>,
    /// Where failures lead, innermost last. The first is the function.
    frames: Vec<unwind::Frame>,
    frame_count: u32,
    /// References that wait on the stack or in Wasm locals.
    held: Vec<unwind::Held>,
    handlings: Vec<unwind::Handling>,
    depth_local: u32,
    /// Where results wait while locals are given back.
    result: u32,
    owned: Vec<usize>,
    /// Lists that the loops around do not change.
    known: Vec<hoist::Known>,
    /// Products that the loops around do not change.
    products: Vec<hoist::Product>,
    /// Addresses of elements, by list and index, in Wasm locals.
    addresses: Vec<((usize, usize), u32)>,
    /// What is computed counts only if this Wasm local is true, or false.
    guard: Option<(u32, bool)>,
    /// Number of the function.
    index: usize,
    /// What the version of a loop that is being emitted relies on.
    trust: Option<trust::Trust>,
    /// See [`Self::scratch`].
    scratch: Option<u32>,
}

impl<'m, 'p> Emitter<'m, 'p> {
    fn new(
        module: &'m mut Module,
        program: &'p Program,
        parsed: &'p [Parsed<'p>],
        index: usize,
    ) -> Self {
        let func = &program.functions[index];
        let signature = module.signatures[index].clone();
        let mut locals: Vec<ValType> = Vec::new();
        let mut places = Vec::new();
        for ty in &func.parameters {
            places.push(locals.len() as u32);
            locals.extend(value_types(ty));
        }
        let depth_local = locals.len() as u32;
        if signature.depth {
            locals.push(ValType::I32);
        }
        let mut owned = Vec::new();
        for (number, local) in func.locals.iter().enumerate().skip(func.parameters.len()) {
            places.push(locals.len() as u32);
            locals.extend(value_types(&local.ty));
            if local.ty.is_counted() && !local.borrowed {
                owned.push(number);
            }
        }
        Self {
            module,
            program,
            parsed,
            func,
            signature,
            ops: Vec::new(),
            locals,
            places,
            free: BTreeMap::new(),
            blocks: Vec::new(),
            frames: vec![unwind::Frame::default()],
            frame_count: 0,
            held: Vec::new(),
            handlings: Vec::new(),
            depth_local,
            result: 0,
            owned,
            known: Vec::new(),
            products: Vec::new(),
            addresses: Vec::new(),
            guard: None,
            index,
            trust: None,
            scratch: None,
        }
    }

    fn function(mut self) -> UserFunction {
        let mut params: Vec<ValType> = self.func.parameters.iter().flat_map(value_types).collect();
        if self.signature.depth {
            params.push(ValType::I32);
        }
        let mut results = value_types(&self.func.result);
        self.result = self.locals.len() as u32;
        if !self.owned.is_empty() {
            self.locals.extend(results.clone());
        }
        if self.signature.raises {
            results.push(ValType::I32);
        }
        self.body();
        let body = self.assemble();
        let locals = self.locals.split_off(params.len());
        UserFunction { params, results, locals, body }
    }

    /// The body inside its block for returning.
    fn body(&mut self) {
        let keeps = !self.owned.is_empty();
        if !keeps || !self.module.catches {
            self.check_depth();
        }
        if keeps {
            self.op(I::Block(BlockType::Empty));
            self.blocks.push(None);
        }
        let func = self.func;
        let status = (keeps && self.module.catches).then(|| self.giving_body());
        if status.is_none() {
            self.block(&func.body);
            self.op(I::Unreachable);
        }
        if keeps {
            self.blocks.pop();
            self.op(I::End);
            for local in self.owned.clone() {
                self.release_local(local);
            }
            for (index, _) in value_types(&func.result).iter().enumerate() {
                self.op(I::LocalGet(self.result + index as u32));
            }
            match status {
                Some(status) if self.signature.raises => {
                    self.ops([I::LocalGet(status), I::Return]);
                }
                _ => self.finish(),
            }
        }
    }

    fn check_depth(&mut self) {
        if self.signature.recursive {
            self.op(I::LocalGet(self.depth_local));
            self.op(I::I32Const(1));
            self.op(I::I32LtS);
            let span = self.func.span;
            self.fail_if(COMMON + crate::abi::common::RECURSION, span);
        }
    }

    /// A body whose failures lead to where its locals are given back. The Wasm local with its status.
    fn giving_body(&mut self) -> u32 {
        let status = self.temp(ValType::I32);
        let outer = std::mem::take(&mut self.ops);
        // The block that failures leave with their codes.
        self.blocks.push(None);
        self.check_depth();
        let func = self.func;
        self.block(&func.body);
        self.op(I::Unreachable);
        self.blocks.pop();
        let inner = std::mem::replace(&mut self.ops, outer);
        let frame = std::mem::take(&mut self.frames[0]);
        if frame.failures.is_empty() {
            self.op(I::Block(BlockType::Empty));
            self.ops.extend(inner);
            self.op(I::End);
        } else {
            self.blocks_of_failures(inner, &frame);
            self.ops.push(Op::Call(self.module.unwind));
            self.ops([I::I32Const(1), I::LocalSet(status)]);
        }
        status
    }

    /// Returns the value on the stack.
    fn finish(&mut self) {
        if self.signature.raises {
            self.op(I::I32Const(0));
        }
        self.op(I::Return);
    }

    /// Puts the failure blocks around the body.
    fn assemble(&mut self) -> Vec<Op> {
        // A guest that is stopped is stopped at the start of a function, or at the head of a loop.
        let mut ops = vec![Op::Site(self.site(self.func.span))];
        let inner = std::mem::take(&mut self.ops);
        let frame = std::mem::take(&mut self.frames[0]);
        if frame.failures.is_empty() {
            self.ops = inner;
        } else {
            self.blocks_of_failures(inner, &frame);
            self.ops.push(Op::Call(self.module.unwind));
            self.ops(value_types(&self.func.result).into_iter().map(memory::zero));
            self.ops([I::I32Const(1), I::Return]);
        }
        ops.append(&mut self.ops);
        ops.push(Op::Wasm(I::Unreachable));
        ops.push(Op::Wasm(I::End));
        ops
    }

    fn op(&mut self, instruction: I<'static>) {
        self.ops.push(Op::Wasm(instruction));
    }

    fn ops(&mut self, instructions: impl IntoIterator<Item = I<'static>>) {
        self.ops.extend(instructions.into_iter().map(Op::Wasm));
    }

    /// The number of a place in the source.
    fn site(&mut self, span: Span) -> u32 {
        let function = self.func.function;
        let key = (function, span);
        if let Some(known) = self.module.site_numbers.get(&key) {
            return *known;
        }
        let number = self.module.sites.len() as u32;
        let site = self.parsed[function].source.site(function as u32, span);
        self.module.sites.push(site);
        self.module.site_numbers.insert(key, number);
        number
    }

    /// Code from here on belongs to a place in the source.
    fn mark(&mut self, span: Span) {
        let site = self.site(span);
        self.ops.push(Op::Site(site));
    }

    /// Stands for the depth of the block that fails with a code.
    fn failure(&mut self, what: u32, span: Span) -> u32 {
        let code = self.site(span) << CODE_BITS | what;
        // What leaves native code is caught by nothing.
        self.failure_at(code, what < DEOPT)
    }

    /// Fails if the condition on the stack holds.
    fn fail_if(&mut self, what: u32, span: Span) {
        let depth = self.failure(what, span);
        self.op(I::BrIf(depth));
    }

    fn fail(&mut self, what: u32, span: Span) {
        let depth = self.failure(what, span);
        self.op(I::Br(depth));
    }

    fn overflow_if(&mut self, span: Span) {
        let overflow = DEOPT + crate::abi::deopt::INTEGER_OVERFLOW - 1;
        let Some((condition, truth)) = self.guard else { return self.fail_if(overflow, span) };
        // Hardly anything overflows: whether it counts is asked only then.
        self.op(I::If(BlockType::Empty));
        self.blocks.push(None);
        self.op(I::LocalGet(condition));
        if !truth {
            self.op(I::I32Eqz);
        }
        self.fail_if(overflow, span);
        self.blocks.pop();
        self.op(I::End);
    }

    /// A Wasm local to use for a while.
    fn temp(&mut self, ty: ValType) -> u32 {
        if let Some(local) = self.free.get_mut(&type_key(ty)).and_then(Vec::pop) {
            return local;
        }
        self.locals.push(ty);
        self.locals.len() as u32 - 1
    }

    fn give_back(&mut self, local: u32) {
        let ty = self.locals[local as usize];
        self.free.entry(type_key(ty)).or_default().push(local);
    }
}

fn type_key(ty: ValType) -> u8 {
    match ty {
        ValType::I32 => 0,
        ValType::I64 => 1,
        _ => 2,
    }
}
