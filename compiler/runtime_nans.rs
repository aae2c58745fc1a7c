//! Finds where the guest runtime shows a NaN that arithmetic made: where one is stored, reinterpreted as an integer, or
//! gives its sign away. The linker puts the canonical NaN in its place there, as generated code does, so that hosts need
//! not do so after every operation. They prove it again for what they get, see `host/src/sandbox/nans.rs`.
//!
//! *Fresh* floats, whose NaNs are open, are followed through operands, locals, parameters and results of all functions, to
//! a fixed point. Arguments of exported functions come from generated code, which replaces before it calls.

use wasmparser::{
    BlockType, CompositeInnerType, ContType, FrameKind, FuncType, FunctionBody, ModuleArity,
    Operator, Parser, Payload, RefType, SubType, TypeRef, ValType,
};

/// A place in the code, and what is shown there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// Number of the function, imports left out.
    pub function: u32,
    /// In its body.
    pub offset: u32,
    pub bits: u32,
}

#[derive(Default)]
struct Module<'a> {
    types: Vec<SubType>,
    functions: Vec<u32>,
    imports: usize,
    /// Imports that are instructions, which make NaNs.
    instructions: Vec<usize>,
    bodies: Vec<FunctionBody<'a>>,
    /// By function, without imports: parameters and locals.
    locals: Vec<Vec<bool>>,
    /// By function, without imports.
    results: Vec<Vec<bool>>,
    has_changed: bool,
}

struct Frame {
    kind: FrameKind,
    ty: BlockType,
    height: usize,
    results: Vec<bool>,
    parameters: Vec<bool>,
    is_unreachable: bool,
}

struct Flow<'f, 'a> {
    module: &'f mut Module<'a>,
    locals: Vec<bool>,
    stack: Vec<bool>,
    frames: Vec<Frame>,
    /// Offset in the body, and bits.
    shown: Vec<(u32, u32)>,
}

struct Arity<'f, 'a>(&'f Module<'a>, &'f [Frame]);

impl ModuleArity for Arity<'_, '_> {
    fn sub_type_at(&self, index: u32) -> Option<&SubType> {
        self.0.types.get(index as usize)
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, function: u32) -> Option<u32> {
        self.0.functions.get(function as usize).copied()
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        self.1.len() as u32
    }

    fn label_block(&self, depth: u32) -> Option<(BlockType, FrameKind)> {
        let frame = self.1.get(self.1.len().checked_sub(depth as usize + 1)?)?;
        Some((frame.ty, frame.kind))
    }
}

/// Every place of the module where an open NaN is shown, in order.
pub fn find(module: &[u8]) -> Vec<Shown> {
    let mut found = Module::default();
    for payload in Parser::new(0).parse_all(module) {
        read(&mut found, payload.expect("the runtime is well-formed"));
    }
    for number in 0..found.bodies.len() {
        let ty = func_type(&found, found.functions[found.imports + number]);
        let (parameters, results) = (ty.params().len(), ty.results().len());
        found.locals.push(vec![false; parameters]);
        found.results.push(vec![false; results]);
    }
    loop {
        found.has_changed = false;
        let mut shown = Vec::new();
        for number in 0..found.bodies.len() {
            let places = follow(&mut found, number);
            shown.extend(places.into_iter().map(|(offset, bits)| Shown {
                function: number as u32,
                offset,
                bits,
            }));
        }
        if !found.has_changed {
            return shown;
        }
    }
}

fn read<'a>(module: &mut Module<'a>, payload: Payload<'a>) {
    match payload {
        Payload::TypeSection(groups) => {
            for group in groups {
                module.types.extend(group.expect("a type").into_types());
            }
        }
        Payload::ImportSection(imports) => {
            for import in imports.into_imports() {
                let import = import.expect("an import");
                if let TypeRef::Func(ty) = import.ty {
                    if import.module == "spm:instruction" {
                        module.instructions.push(module.imports);
                    }
                    module.functions.push(ty);
                    module.imports += 1;
                }
            }
        }
        Payload::FunctionSection(functions) => {
            module.functions.extend(functions.into_iter().map(|ty| ty.expect("a function")));
        }
        Payload::GlobalSection(globals) => {
            for global in globals {
                let ty = global.expect("a global").ty.content_type;
                assert!(!is_float(ty), "the runtime keeps no floats in globals");
            }
        }
        Payload::CodeSectionEntry(body) => module.bodies.push(body),
        _ => {}
    }
}

fn func_type<'m>(module: &'m Module<'_>, index: u32) -> &'m FuncType {
    match &module.types[index as usize].composite_type.inner {
        CompositeInnerType::Func(ty) => ty,
        _ => panic!("the runtime has no types but those of functions"),
    }
}

fn is_float(ty: ValType) -> bool {
    matches!(ty, ValType::F32 | ValType::F64 | ValType::V128)
}

fn follow(module: &mut Module<'_>, number: usize) -> Vec<(u32, u32)> {
    let body = module.bodies[number].clone();
    let mut locals = std::mem::take(&mut module.locals[number]);
    let ty = module.functions[module.imports + number];
    let mut count = func_type(module, ty).params().len();
    for group in body.get_locals_reader().expect("locals") {
        let (more, ty) = group.expect("locals");
        assert!(ty != ValType::V128, "the runtime has no vectors");
        count += more as usize;
    }
    locals.resize(count, false);
    let mut flow =
        Flow { module, locals, stack: Vec::new(), frames: Vec::new(), shown: Vec::new() };
    flow.open(FrameKind::Block, BlockType::FuncType(ty), Vec::new());
    let mut operators = body.get_operators_reader().expect("code");
    while !operators.eof() {
        let offset = operators.original_position() - body.range().start;
        let operator = operators.read().expect("an operator");
        flow.operator(number, offset as u32, &operator);
    }
    let Flow { locals, shown, .. } = flow;
    module.locals[number] = locals;
    shown
}

impl Flow<'_, '_> {
    fn operator(&mut self, number: usize, offset: u32, operator: &Operator<'_>) {
        match operator {
            Operator::LocalGet { local_index } => {
                self.stack.push(self.locals[*local_index as usize]);
            }
            Operator::LocalSet { local_index } => {
                let fresh = self.pop();
                note(&mut self.locals[*local_index as usize], fresh, &mut self.module.has_changed);
            }
            Operator::LocalTee { local_index } => {
                let fresh = self.pop();
                note(&mut self.locals[*local_index as usize], fresh, &mut self.module.has_changed);
                self.stack.push(fresh);
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                self.pop();
                let fresh = [self.pop(), self.pop()].contains(&true);
                self.stack.push(fresh);
            }
            Operator::Block { blockty } => self.enter(FrameKind::Block, *blockty),
            Operator::Loop { blockty } => self.enter(FrameKind::Loop, *blockty),
            Operator::If { blockty } => {
                self.pop();
                self.enter(FrameKind::If, *blockty);
            }
            Operator::Else => {
                self.leave();
                let frame = self.frames.last_mut().expect("an `if`");
                frame.kind = FrameKind::Else;
                frame.is_unreachable = false;
                self.stack.extend(&frame.parameters);
            }
            Operator::End => self.end(number),
            Operator::Br { relative_depth } => {
                self.jump(*relative_depth);
                self.stop();
            }
            Operator::BrIf { relative_depth } => {
                self.pop();
                self.jump(*relative_depth);
            }
            Operator::BrTable { targets } => {
                self.pop();
                for target in targets.targets() {
                    self.jump(target.expect("a target"));
                }
                self.jump(targets.default());
                self.stop();
            }
            Operator::Return => {
                self.jump(self.frames.len() as u32 - 1);
                self.stop();
            }
            Operator::Unreachable => self.stop(),
            Operator::Call { function_index } => self.call(number, *function_index),
            Operator::CallIndirect { type_index, .. } => {
                self.pop();
                let ty = func_type(self.module, *type_index);
                let (taken, left) = (ty.params().len(), ty.results().to_vec());
                self.hand_out(taken);
                self.stack.extend(left.into_iter().map(is_float));
            }
            _ => match effect(operator) {
                Effect::Plain => self.plain(operator, false),
                Effect::Makes => self.plain(operator, true),
                Effect::Keeps => {}
                Effect::Shows { bits, is_sign } => {
                    if self.pop() {
                        self.shown.push((offset, bits));
                    }
                    self.stack.push(false);
                    if is_sign {
                        // The rest is that of the other operand.
                        self.pop();
                    } else {
                        self.plain(operator, false);
                    }
                }
            },
        }
    }

    fn plain(&mut self, operator: &Operator<'_>, fresh: bool) {
        let arity = operator.operator_arity(&Arity(self.module, &self.frames));
        let (taken, left) = arity.expect("an operator that is known");
        for _ in 0..taken {
            self.pop();
        }
        self.stack.extend(std::iter::repeat_n(fresh, left as usize));
    }

    fn call(&mut self, number: usize, function: u32) {
        let ty = func_type(self.module, self.module.functions[function as usize]);
        let (taken, left) = (ty.params().len(), ty.results().len());
        if self.module.instructions.contains(&(function as usize)) {
            self.pop_many(taken);
            self.stack.extend(std::iter::repeat_n(true, left));
            return;
        }
        let Some(callee) = (function as usize).checked_sub(self.module.imports) else {
            self.hand_out(taken);
            self.stack.extend(std::iter::repeat_n(false, left));
            return;
        };
        let arguments = self.pop_many(taken);
        let places =
            if callee == number { &mut self.locals } else { &mut self.module.locals[callee] };
        for (place, fresh) in places.iter_mut().zip(arguments) {
            note(place, fresh, &mut self.module.has_changed);
        }
        self.stack.extend(&self.module.results[callee]);
    }

    fn hand_out(&mut self, count: usize) {
        let is_open = self.pop_many(count).contains(&true);
        assert!(!is_open, "the runtime gives no computed floats to functions that are not its own");
    }

    fn pop(&mut self) -> bool {
        let frame = self.frames.last().expect("a block");
        if self.stack.len() > frame.height {
            return self.stack.pop() == Some(true);
        }
        assert!(frame.is_unreachable, "an operand for each operator");
        false
    }

    fn pop_many(&mut self, count: usize) -> Vec<bool> {
        let mut values: Vec<bool> = (0..count).map(|_| self.pop()).collect();
        values.reverse();
        values
    }

    fn enter(&mut self, kind: FrameKind, ty: BlockType) {
        let (count, _) =
            Arity(self.module, &self.frames).block_type_arity(ty).expect("a block's type");
        let parameters = self.pop_many(count as usize);
        self.open(kind, ty, parameters);
    }

    fn open(&mut self, kind: FrameKind, ty: BlockType, parameters: Vec<bool>) {
        let (_, results) =
            Arity(self.module, &self.frames).block_type_arity(ty).expect("a block's type");
        let height = self.stack.len();
        // What comes back to the head of a loop is not known yet.
        let is_loop = kind == FrameKind::Loop;
        self.stack.extend(parameters.iter().map(|fresh| *fresh || is_loop));
        let results = vec![false; results as usize];
        self.frames.push(Frame { kind, ty, height, results, parameters, is_unreachable: false });
    }

    fn leave(&mut self) {
        let count = self.frames.last().expect("a block").results.len();
        let values = self.pop_many(count);
        let frame = self.frames.last_mut().expect("a block");
        join(&mut frame.results, &values);
        self.stack.truncate(frame.height);
    }

    fn end(&mut self, number: usize) {
        self.leave();
        let mut frame = self.frames.pop().expect("a block");
        if frame.kind == FrameKind::If {
            join(&mut frame.results, &frame.parameters);
        }
        if self.frames.is_empty() {
            let places = &mut self.module.results[number];
            for (place, fresh) in places.iter_mut().zip(&frame.results) {
                note(place, *fresh, &mut self.module.has_changed);
            }
        }
        self.stack.extend(frame.results);
    }

    fn jump(&mut self, depth: u32) {
        let index = self.frames.len() - 1 - depth as usize;
        if self.frames[index].kind != FrameKind::Loop {
            let values = self.pop_many(self.frames[index].results.len());
            join(&mut self.frames[index].results, &values);
            self.stack.extend(values);
        }
    }

    fn stop(&mut self) {
        let frame = self.frames.last_mut().expect("a block");
        self.stack.truncate(frame.height);
        frame.is_unreachable = true;
    }
}

fn note(place: &mut bool, fresh: bool, has_changed: &mut bool) {
    *has_changed |= fresh && !*place;
    *place |= fresh;
}

fn join(places: &mut [bool], values: &[bool]) {
    for (place, value) in places.iter_mut().zip(values) {
        *place |= value;
    }
}

enum Effect {
    Plain,
    Makes,
    Keeps,
    Shows { bits: u32, is_sign: bool },
}

fn effect(operator: &Operator<'_>) -> Effect {
    match operator {
        Operator::F32Add
        | Operator::F32Sub
        | Operator::F32Mul
        | Operator::F32Div
        | Operator::F32Min
        | Operator::F32Max
        | Operator::F32Sqrt
        | Operator::F32Ceil
        | Operator::F32Floor
        | Operator::F32Trunc
        | Operator::F32Nearest
        | Operator::F32DemoteF64
        | Operator::F64Add
        | Operator::F64Sub
        | Operator::F64Mul
        | Operator::F64Div
        | Operator::F64Min
        | Operator::F64Max
        | Operator::F64Sqrt
        | Operator::F64Ceil
        | Operator::F64Floor
        | Operator::F64Trunc
        | Operator::F64Nearest
        | Operator::F64PromoteF32 => Effect::Makes,
        Operator::F32Neg | Operator::F32Abs | Operator::F64Neg | Operator::F64Abs => Effect::Keeps,
        Operator::F32Store { .. } | Operator::I32ReinterpretF32 => {
            Effect::Shows { bits: 32, is_sign: false }
        }
        Operator::F64Store { .. } | Operator::I64ReinterpretF64 => {
            Effect::Shows { bits: 64, is_sign: false }
        }
        Operator::F32Copysign => Effect::Shows { bits: 32, is_sign: true },
        Operator::F64Copysign => Effect::Shows { bits: 64, is_sign: true },
        _ => Effect::Plain,
    }
}
