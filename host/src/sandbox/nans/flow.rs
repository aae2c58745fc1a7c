//! Follows fresh floats through one function.

use wasmparser::{
    BlockType, ContType, FrameKind, FuncType, ModuleArity, Operator, RefType, SubType,
};

use super::{ModuleFacts, has_floats, is_float};

/// Locals of a function that is followed.
const LOCALS_MAX: usize = 50_000;

/// Operators of these proposals are known here; what is not is not proved.
macro_rules! is_known_proposal {
    (mvp) => {
        true
    };
    (sign_extension) => {
        true
    };
    (saturating_float_to_int) => {
        true
    };
    (bulk_memory) => {
        true
    };
    (reference_types) => {
        true
    };
    ($other:ident) => {
        false
    };
}

macro_rules! define_is_known {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        fn is_known(operator: &Operator<'_>) -> bool {
            match operator {
                $(Operator::$op { .. } => is_known_proposal!($proposal),)*
                _ => false,
            }
        }
    };
}
wasmparser::for_each_operator!(define_is_known);

/// Operators as far as they may be part of a replacement of NaNs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Tee(u32),
    Get(u32),
    Constant,
    Equal,
    Other,
}

/// A block that is not closed.
struct Frame {
    kind: FrameKind,
    ty: BlockType,
    /// Operands below it.
    height: usize,
    /// Whether what it leaves is fresh.
    results: Vec<bool>,
    /// Whether what an `if` was given is: what it leaves if there is no `else`.
    parameters: Vec<bool>,
    is_unreachable: bool,
}

/// What `operator_arity` asks.
struct Arity<'f, 'a> {
    module: &'f ModuleFacts<'a>,
    frames: &'f [Frame],
}

impl ModuleArity for Arity<'_, '_> {
    fn sub_type_at(&self, index: u32) -> Option<&SubType> {
        self.module.types.get(index as usize)
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, function: u32) -> Option<u32> {
        self.module.functions.get(function as usize).copied()
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        self.frames.len() as u32
    }

    fn label_block(&self, depth: u32) -> Option<(BlockType, FrameKind)> {
        let index = self.frames.len().checked_sub(depth as usize + 1)?;
        self.frames.get(index).map(|frame| (frame.ty, frame.kind))
    }
}

/// Follows the floats of a function, by number without imports, and notes where fresh ones go. Says whether none is
/// seen on the way; nothing if it cannot be followed.
pub(super) fn follow(module: &mut ModuleFacts<'_>, number: usize) -> Option<bool> {
    let ty = *module.functions.get(module.imports + number)?;
    let body = module.bodies.get(number)?.clone();
    let mut locals = std::mem::take(module.fresh.locals.get_mut(number)?);
    let mut has_floats = has_floats(module.func_type(ty)?);
    let mut count = module.func_type(ty)?.params().len();
    for group in body.get_locals_reader().ok()? {
        let (more, ty) = group.ok()?;
        count = count.checked_add(more as usize).filter(|count| *count <= LOCALS_MAX)?;
        has_floats |= is_float(ty);
    }
    locals.resize(count, false);
    let mut flow = Flow {
        module,
        number,
        locals,
        stack: Vec::new(),
        frames: Vec::new(),
        recent: [Step::Other; 5],
        hides: true,
        has_floats,
        has_changed: false,
    };
    flow.open(FrameKind::Block, BlockType::FuncType(ty), Vec::new())?;
    for operator in body.get_operators_reader().ok()? {
        flow.operator(&operator.ok()?)?;
    }
    let Flow { locals, hides, has_floats, has_changed, .. } = flow;
    module.fresh.locals[number] = locals;
    module.fresh.floatless[number] = !has_floats;
    module.fresh.has_changed |= has_changed;
    Some(hides)
}

struct Flow<'f, 'a> {
    module: &'f mut ModuleFacts<'a>,
    number: usize,
    /// Parameters and locals of the function.
    locals: Vec<bool>,
    stack: Vec<bool>,
    frames: Vec<Frame>,
    recent: [Step; 5],
    hides: bool,
    has_floats: bool,
    has_changed: bool,
}

impl Flow<'_, '_> {
    fn operator(&mut self, operator: &Operator<'_>) -> Option<()> {
        if !is_known(operator) {
            return None;
        }
        match operator {
            Operator::LocalGet { local_index } => {
                let fresh = *self.locals.get(*local_index as usize)?;
                self.push(fresh);
            }
            Operator::LocalSet { local_index } => {
                let fresh = self.pop()?;
                let place = self.locals.get_mut(*local_index as usize)?;
                note(place, fresh, &mut self.has_changed);
            }
            Operator::LocalTee { local_index } => {
                let fresh = self.pop()?;
                let place = self.locals.get_mut(*local_index as usize)?;
                note(place, fresh, &mut self.has_changed);
                self.push(fresh);
            }
            Operator::GlobalGet { global_index } => {
                let fresh = *self.module.fresh.globals.get(*global_index as usize)?;
                self.push(fresh);
                // Integers are never fresh.
                self.has_floats |= fresh;
            }
            Operator::GlobalSet { global_index } => {
                let fresh = self.pop()?;
                let place = self.module.fresh.globals.get_mut(*global_index as usize)?;
                note(place, fresh, &mut self.has_changed);
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                self.pop()?;
                let (no, yes) = (self.pop()?, self.pop()?);
                self.push((no || yes) && !self.is_replacement());
            }
            Operator::Block { blockty } => self.enter(FrameKind::Block, *blockty)?,
            Operator::Loop { blockty } => self.enter(FrameKind::Loop, *blockty)?,
            Operator::If { blockty } => {
                self.pop()?;
                self.enter(FrameKind::If, *blockty)?;
            }
            Operator::Else => {
                self.leave()?;
                let frame = self.frames.last_mut().filter(|frame| frame.kind == FrameKind::If)?;
                frame.kind = FrameKind::Else;
                frame.is_unreachable = false;
                self.stack.extend(frame.parameters.iter());
            }
            Operator::End => self.end()?,
            Operator::Br { relative_depth } => {
                self.jump(*relative_depth)?;
                self.stop()?;
            }
            Operator::BrIf { relative_depth } => {
                self.pop()?;
                self.jump(*relative_depth)?;
            }
            Operator::BrTable { targets } => {
                self.pop()?;
                for target in targets.targets() {
                    self.jump(target.ok()?)?;
                }
                self.jump(targets.default())?;
                self.stop()?;
            }
            Operator::Return => {
                let outermost = self.frames.len().checked_sub(1)?;
                self.jump(u32::try_from(outermost).ok()?)?;
                self.stop()?;
            }
            Operator::Unreachable => self.stop()?,
            Operator::Call { function_index } => self.call(*function_index)?,
            Operator::CallIndirect { type_index, .. } => {
                self.pop()?;
                let ty = self.module.func_type(*type_index)?;
                let (taken, left) = (ty.params().len(), ty.results());
                let has_floats = has_floats(ty);
                let results: Vec<bool> = left.iter().map(|ty| is_float(*ty)).collect();
                self.has_floats |= has_floats;
                self.hand_out(taken)?;
                // It may be any function of the table, of which nothing is known.
                self.stack.extend(results);
            }
            _ => self.number(operator)?,
        }
        self.remember(operator);
        Some(())
    }

    /// Operators that take and leave numbers.
    fn number(&mut self, operator: &Operator<'_>) -> Option<()> {
        match effect(operator) {
            Effect::Plain => self.plain(operator, false),
            Effect::Makes => {
                self.has_floats = true;
                self.plain(operator, true)
            }
            Effect::Keeps => {
                self.has_floats = true;
                let fresh = self.pop()?;
                self.push(fresh);
                Some(())
            }
            Effect::Shows => {
                self.has_floats = true;
                // The topmost operand: the float that is stored or reinterpreted, and the one whose sign is copied.
                let fresh = self.pop()?;
                self.hides &= !fresh;
                self.push(false);
                if !matches!(operator, Operator::F32Copysign | Operator::F64Copysign) {
                    return self.plain(operator, false);
                }
                self.pop()?;
                let fresh = self.pop()?;
                self.push(fresh);
                Some(())
            }
        }
    }

    fn plain(&mut self, operator: &Operator<'_>, fresh: bool) -> Option<()> {
        let arity = Arity { module: self.module, frames: &self.frames };
        let (taken, left) = operator.operator_arity(&arity)?;
        for _ in 0..taken {
            self.pop()?;
        }
        for _ in 0..left {
            self.push(fresh);
        }
        Some(())
    }

    fn call(&mut self, function: u32) -> Option<()> {
        let ty = self.module.type_of(function)?;
        let (taken, left) = (ty.params().len(), ty.results().len());
        self.has_floats |= has_floats(ty);
        let Some(callee) = (function as usize).checked_sub(self.module.imports) else {
            self.hand_out(taken)?;
            self.stack.extend(std::iter::repeat_n(false, left));
            return Some(());
        };
        let arguments = self.pop_many(taken)?;
        let places = if callee == self.number {
            &mut self.locals
        } else {
            self.module.fresh.locals.get_mut(callee)?
        };
        for (place, fresh) in places.iter_mut().zip(arguments) {
            note(place, fresh, &mut self.has_changed);
        }
        self.stack.extend(self.module.fresh.results.get(callee)?);
        Some(())
    }

    /// Takes arguments of a function that is not followed, and may look at them.
    fn hand_out(&mut self, count: usize) -> Option<()> {
        let arguments = self.pop_many(count)?;
        self.hides &= !arguments.contains(&true);
        Some(())
    }

    fn pop(&mut self) -> Option<bool> {
        let frame = self.frames.last()?;
        if self.stack.len() > frame.height {
            return self.stack.pop();
        }
        // After a jump there is whatever is needed, and nothing comes of it.
        frame.is_unreachable.then_some(false)
    }

    /// The topmost operands, in the order they were pushed.
    fn pop_many(&mut self, count: usize) -> Option<Vec<bool>> {
        let mut values: Vec<bool> = (0..count).map(|_| self.pop()).collect::<Option<_>>()?;
        values.reverse();
        Some(values)
    }

    fn push(&mut self, fresh: bool) {
        self.stack.push(fresh);
    }

    fn enter(&mut self, kind: FrameKind, ty: BlockType) -> Option<()> {
        let arity = Arity { module: self.module, frames: &self.frames };
        let (count, _) = arity.block_type_arity(ty)?;
        let parameters = self.pop_many(count as usize)?;
        self.open(kind, ty, parameters)
    }

    fn open(&mut self, kind: FrameKind, ty: BlockType, parameters: Vec<bool>) -> Option<()> {
        let arity = Arity { module: self.module, frames: &self.frames };
        let (_, results) = arity.block_type_arity(ty)?;
        let height = self.stack.len();
        // What comes back to the head of a loop is not known yet.
        let is_loop = kind == FrameKind::Loop;
        self.stack.extend(parameters.iter().map(|fresh| *fresh || is_loop));
        let results = vec![false; results as usize];
        self.frames.push(Frame { kind, ty, height, results, parameters, is_unreachable: false });
        Some(())
    }

    /// The end of a block's statements: what is on the stack is what it leaves.
    fn leave(&mut self) -> Option<()> {
        let values = self.pop_many(self.frames.last()?.results.len())?;
        let frame = self.frames.last_mut()?;
        join(&mut frame.results, &values);
        self.stack.truncate(frame.height);
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        self.leave()?;
        let mut frame = self.frames.pop()?;
        if frame.kind == FrameKind::If {
            join(&mut frame.results, &frame.parameters);
        }
        if self.frames.is_empty() {
            let places = self.module.fresh.results.get_mut(self.number)?;
            for (place, fresh) in places.iter_mut().zip(&frame.results) {
                note(place, *fresh, &mut self.has_changed);
            }
        }
        self.stack.extend(frame.results);
        Some(())
    }

    /// Notes what goes to a label with a jump; the values stay where they are.
    fn jump(&mut self, depth: u32) -> Option<()> {
        let index = self.frames.len().checked_sub(depth as usize + 1)?;
        // The parameters of a loop are taken as fresh anyway.
        if self.frames[index].kind == FrameKind::Loop {
            return Some(());
        }
        let values = self.pop_many(self.frames[index].results.len())?;
        join(&mut self.frames[index].results, &values);
        self.stack.extend(values);
        Some(())
    }

    /// Control does not get here.
    fn stop(&mut self) -> Option<()> {
        let frame = self.frames.last_mut()?;
        self.stack.truncate(frame.height);
        frame.is_unreachable = true;
        Some(())
    }

    fn remember(&mut self, operator: &Operator<'_>) {
        let step = match operator {
            Operator::LocalTee { local_index } => Step::Tee(*local_index),
            Operator::LocalGet { local_index } => Step::Get(*local_index),
            Operator::F32Const { .. } | Operator::F64Const { .. } => Step::Constant,
            Operator::F32Eq | Operator::F64Eq => Step::Equal,
            _ => Step::Other,
        };
        self.recent.rotate_left(1);
        self.recent[4] = step;
    }

    /// Whether the `select` that comes now takes a constant in place of a NaN:
    /// `local.tee x, f64.const c, local.get x, local.get x, f64.eq, select`.
    fn is_replacement(&self) -> bool {
        let [Step::Tee(tee), Step::Constant, Step::Get(a), Step::Get(b), Step::Equal] = self.recent
        else {
            return false;
        };
        tee == a && tee == b
    }
}

/// Notes something fresh where it goes.
fn note(place: &mut bool, fresh: bool, has_changed: &mut bool) {
    *has_changed |= fresh && !*place;
    *place |= fresh;
}

fn join(places: &mut [bool], values: &[bool]) {
    for (place, value) in places.iter_mut().zip(values) {
        *place |= value;
    }
}

/// What an operator has to do with the bits of a NaN.
enum Effect {
    /// Nothing: what it leaves is an integer, or a float whose bits are given.
    Plain,
    /// It makes NaNs.
    Makes,
    /// Its NaN is its operand's.
    Keeps,
    /// It shows what it is given.
    Shows,
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
        Operator::F32Store { .. }
        | Operator::F64Store { .. }
        | Operator::I32ReinterpretF32
        | Operator::I64ReinterpretF64
        | Operator::F32Copysign
        | Operator::F64Copysign => Effect::Shows,
        _ => Effect::Plain,
    }
}
