//! Statements and control flow.

use wasm_encoder::{BlockType, Instruction as I, ValType};

use super::{Emitter, value_types};
use crate::ir::{Ex, Label, Op as Ir, St};
use crate::ty::Ty;

/// Conditions of at most this many operations are tested at the end of a loop again instead of
/// jumping back to the test.
const REPEATED_CONDITION_MAX: usize = 12;

impl Emitter<'_, '_> {
    pub(super) fn block(&mut self, statements: &[St]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &St) {
        match statement {
            St::Set(local, value) => self.set_local(*local, value),
            St::Eval(value) => self.discard(value),
            St::If(test, then, other) => {
                self.lent(test);
                self.op(I::If(BlockType::Empty));
                self.blocks.push(None);
                self.block(then);
                if !other.is_empty() {
                    self.op(I::Else);
                    self.block(other);
                }
                self.blocks.pop();
                self.op(I::End);
            }
            St::Block(label, body) => {
                if !jumps_to(body, *label) {
                    self.block(body);
                    return;
                }
                self.op(I::Block(BlockType::Empty));
                self.blocks.push(Some(*label));
                self.block(body);
                self.blocks.pop();
                self.op(I::End);
            }
            St::Loop { condition, body, step, span } => {
                self.turn(condition.as_ref(), body, step, *span);
            }
            St::Br(label) => self.jump(*label),
            St::Return(value) => self.give(value),
            St::ListSet { list, index, value, checked } => {
                self.list_set(list, index, value, *checked);
            }
            St::Step { local, by, exit } => self.step(*local, by, *exit),
            St::Clear(local) => {
                let local_ty = self.func.locals[*local].ty.clone();
                if local_ty.is_counted() && !self.func.locals[*local].borrowed {
                    self.release_local(*local);
                    let place = self.places[*local];
                    for (offset, ty) in value_types(&local_ty).into_iter().enumerate() {
                        self.op(super::memory::zero(ty));
                        self.op(I::LocalSet(place + offset as u32));
                    }
                }
            }
        }
    }

    fn jump(&mut self, label: Label) {
        let depth = self.blocks.iter().rev().position(|known| *known == Some(label));
        match depth {
            Some(depth) => self.op(I::Br(depth as u32)),
            // Lowering makes no jump to a label that does not enclose it.
            None => self.op(I::Unreachable),
        }
    }

    fn turn(&mut self, condition: Option<&Ex>, body: &[St], step: &[St], span: crate::ast::Span) {
        let before = self.hoist(condition, body, step);
        self.op(I::Block(BlockType::Empty));
        self.blocks.push(None);
        let repeat = condition.is_none_or(|condition| size(condition) <= REPEATED_CONDITION_MAX);
        if let (Some(condition), true) = (condition, repeat) {
            self.lent(condition);
            self.ops([I::I32Eqz, I::BrIf(0)]);
        }
        self.op(I::Loop(BlockType::Empty));
        self.blocks.push(None);
        self.mark(span);
        if let (Some(condition), false) = (condition, repeat) {
            self.lent(condition);
            self.ops([I::I32Eqz, I::BrIf(1)]);
        }
        self.block(body);
        self.block(step);
        match condition {
            Some(condition) if repeat => {
                self.lent(condition);
                self.op(I::BrIf(0));
            }
            _ => self.op(I::Br(0)),
        }
        self.blocks.pop();
        self.op(I::End);
        self.blocks.pop();
        self.op(I::End);
        self.forget(before);
    }

    fn give(&mut self, value: &Ex) {
        self.owned(value);
        if value.ty == Ty::Never {
            self.op(I::Unreachable);
            return;
        }
        if self.owned.is_empty() {
            self.finish();
            return;
        }
        let count = value_types(&self.func.result).len() as u32;
        for offset in (0..count).rev() {
            self.op(I::LocalSet(self.result + offset));
        }
        // The block for returning is the outermost.
        self.op(I::Br(self.blocks.len() as u32 - 1));
    }

    /// Moves a loop's counter on.
    fn step(&mut self, local: usize, by: &Ex, exit: Label) {
        let place = self.places[local];
        let unit = matches!(by.op, Ir::Int(-1..=1));
        if unit || by.proved {
            // One step from a counter that has not reached its bound cannot overflow.
            self.op(I::LocalGet(place));
            self.lent(by);
            self.ops([I::I64Add, I::LocalSet(place)]);
            return;
        }
        let (step, next) = (self.temp(ValType::I64), self.temp(ValType::I64));
        self.lent(by);
        self.ops([I::LocalTee(step), I::LocalGet(place), I::I64Add, I::LocalTee(next)]);
        self.ops([I::LocalGet(place), I::I64Xor, I::LocalGet(next), I::LocalGet(step), I::I64Xor]);
        self.ops([I::I64And, I::I64Const(0), I::I64LtS]);
        self.op(I::If(BlockType::Empty));
        self.blocks.push(None);
        self.jump(exit);
        self.blocks.pop();
        self.op(I::End);
        self.ops([I::LocalGet(next), I::LocalSet(place)]);
        self.give_back(step);
        self.give_back(next);
    }
}

/// Whether a jump to a label is among the statements. Blocks without one need not be.
fn jumps_to(statements: &[St], label: Label) -> bool {
    statements.iter().any(|statement| match statement {
        St::Br(target) => *target == label,
        St::Step { by, exit, .. } => {
            *exit == label && !(by.proved || matches!(by.op, Ir::Int(-1..=1)))
        }
        St::If(_, then, other) => jumps_to(then, label) || jumps_to(other, label),
        St::Block(_, body) => jumps_to(body, label),
        St::Loop { body, step, .. } => jumps_to(body, label) || jumps_to(step, label),
        // Jumps within expressions lead to blocks within them.
        St::Set(..) | St::Eval(_) | St::Return(_) | St::ListSet { .. } | St::Clear(_) => false,
    })
}

/// How many operations an expression has; statements count as many.
fn size(expression: &Ex) -> usize {
    match &expression.op {
        Ir::Seq(..) | Ir::Call(..) | Ir::NewList(_) | Ir::NewTuple(_) => REPEATED_CONDITION_MAX + 1,
        Ir::Int2(_, a, b)
        | Ir::Float2(_, a, b)
        | Ir::IntCompare(_, a, b)
        | Ir::FloatCompare(_, a, b)
        | Ir::RawAdd(a, b)
        | Ir::RawLess(a, b)
        | Ir::ListGet { list: a, index: b, .. } => 1 + size(a) + size(b),
        Ir::Unary(_, a) | Ir::Not(a) | Ir::BoolToInt(a) | Ir::IntToFloat(a) | Ir::Len(a) => {
            1 + size(a)
        }
        Ir::If(a, b, c) => 1 + size(a) + size(b) + size(c),
        Ir::Local(_) | Ir::Int(_) | Ir::Float(_) | Ir::Bool(_) => 1,
        _ => 6,
    }
}
