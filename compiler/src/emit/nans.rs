//! NaNs that arithmetic makes differ between processors. Hosts replace them after every operation, unless they find
//! that the guest does so itself wherever their bits can be seen: in memory, as an integer, and by code of the runtime.
//! That is what is emitted here. NaNs that came from outside keep their bits on their way through locals and lists, as
//! they do in `CPython`.

use wasm_encoder::ValType;

use super::Emitter;
use crate::abi::{Returns, runtime_function};
use crate::ast::Operator;
use crate::ir::{Ex, Func, Op as Ir, Program, St, Unary};
use crate::link::replacement;
use crate::ty::Ty;
use crate::visit;

/// Which floats may be NaNs that arithmetic made.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    /// By function.
    locals: Vec<Vec<bool>>,
    /// By function.
    results: Vec<bool>,
    has_changed: bool,
}

impl Fresh {
    /// Of a whole program, to a fixed point.
    pub(super) fn of(program: &mut Program) -> Self {
        let sizes = program.functions.iter().map(|function| vec![false; function.locals.len()]);
        let mut fresh = Self {
            locals: sizes.collect(),
            results: vec![false; program.functions.len()],
            has_changed: true,
        };
        while fresh.has_changed {
            fresh.has_changed = false;
            for (number, function) in program.functions.iter_mut().enumerate() {
                fresh.function(number, function);
            }
        }
        fresh
    }

    fn function(&mut self, number: usize, function: &mut Func) {
        self.block(number, &mut function.body);
        visit::every_expression(&mut function.body, &mut |expression| match &mut expression.op {
            Ir::Seq(statements, _) => self.block(number, statements),
            Ir::Call(callee, arguments) => {
                for (index, argument) in arguments.iter().enumerate() {
                    if self.is_fresh(number, argument) {
                        let callee = self.locals.get_mut(*callee);
                        note(
                            callee.and_then(|locals| locals.get_mut(index)),
                            &mut self.has_changed,
                        );
                    }
                }
            }
            _ => {}
        });
    }

    /// Notes what statements assign and return, those in expressions left out.
    fn block(&mut self, number: usize, block: &mut [St]) {
        for statement in block {
            match statement {
                St::Set(local, value) if self.is_fresh(number, value) => {
                    note(self.locals[number].get_mut(*local), &mut self.has_changed);
                }
                St::Return(value) if self.is_fresh(number, value) => {
                    note(self.results.get_mut(number), &mut self.has_changed);
                }
                _ => {}
            }
            visit::blocks_of(statement, &mut |inner| self.block(number, inner));
        }
    }

    /// Whether an expression may be a NaN that arithmetic made.
    fn is_fresh(&self, function: usize, expression: &Ex) -> bool {
        if expression.ty != Ty::Float {
            return false;
        }
        match &expression.op {
            Ir::Float2(..) | Ir::Int2(Operator::Div, ..) => true,
            Ir::Unary(Unary::FloatNeg | Unary::FloatAbs, operand) => {
                self.is_fresh(function, operand)
            }
            Ir::Local(local) => self.locals[function].get(*local) == Some(&true),
            Ir::If(_, then, other) => {
                self.is_fresh(function, then) || self.is_fresh(function, other)
            }
            Ir::Seq(_, value) => self.is_fresh(function, value),
            Ir::Call(callee, _) => self.results.get(*callee) == Some(&true),
            // Other results come by way of memory.
            Ir::Runtime(name, _) => {
                *name == "math_sqrt"
                    || runtime_function(name)
                        .is_some_and(|function| function.returns == Returns::Float)
            }
            _ => false,
        }
    }

    /// Whether the function's result may be such a NaN.
    pub(super) fn is_result_fresh(&self, function: usize) -> bool {
        self.results.get(function) == Some(&true)
    }
}

fn note(place: Option<&mut bool>, has_changed: &mut bool) {
    if let Some(place) = place.filter(|place| !**place) {
        *place = true;
        *has_changed = true;
    }
}

impl Emitter<'_, '_> {
    /// The value on the stack will be seen: a NaN that arithmetic made is replaced.
    pub(super) fn seen(&mut self, value: &Ex) {
        if self.is_fresh(value) {
            let scratch = self.scratch();
            self.ops(replacement(scratch, true));
        }
    }

    /// Whether an expression may be a NaN that arithmetic made.
    pub(super) fn is_fresh(&self, value: &Ex) -> bool {
        self.module.fresh.is_fresh(self.index, value)
    }

    /// The Wasm local through which such NaNs may pass. It is never shared with other values, and holds one for a few
    /// instructions only.
    pub(super) fn scratch(&mut self) -> u32 {
        if let Some(scratch) = self.scratch {
            return scratch;
        }
        self.locals.push(ValType::F64);
        let scratch = self.locals.len() as u32 - 1;
        self.scratch = Some(scratch);
        scratch
    }
}
