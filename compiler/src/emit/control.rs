//! Statements and control flow.

use wasm_encoder::{BlockType, Instruction as I, ValType};

use super::{Emitter, value_types};
use crate::ast::{Comparison, Operator, Span};
use crate::ir::{Ex, Label, Op as Ir, St};
use crate::ty::Ty;
use crate::visit;

/// Conditions of at most this many operations are tested at the end of a loop again instead of
/// jumping back to the test.
const REPEATED_CONDITION_MAX: usize = 16;

/// Loops of at most this many operations are written out four times.
const COPIED_4_MAX: usize = 56;
/// Loops of at most this many operations are written out twice.
const COPIED_2_MAX: usize = 96;

/// Values of at most this many operations are computed even if they may not be needed.
const SELECTED_MAX: usize = 6;

impl Emitter<'_, '_> {
    pub(super) fn block(&mut self, statements: &[St]) {
        let depth = self.trust_depth();
        for statement in statements {
            self.statement(statement);
        }
        self.trust_only(depth);
    }

    fn statement(&mut self, statement: &St) {
        let held = self.held.len();
        self.one(statement);
        self.forget_slots(held);
    }

    fn one(&mut self, statement: &St) {
        match statement {
            St::Set(local, value) => self.set_local(*local, value),
            St::Eval(value) => self.discard(value),
            St::If(test, then, other) => {
                if let Some((local, then, other)) = selection(then, other) {
                    self.select(local, test, then, other);
                    return;
                }
                if is_composite(test) {
                    self.branch(test, then, other);
                    return;
                }
                self.lent(test);
                self.op(I::If(BlockType::Empty));
                self.blocks.push(None);
                self.block(then);
                self.forget_addresses();
                if !other.is_empty() {
                    self.op(I::Else);
                    self.block(other);
                    self.forget_addresses();
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
                self.forget_addresses();
                self.blocks.pop();
                self.op(I::End);
            }
            St::Loop { condition, body, step, span } => {
                self.turn(condition.as_ref(), body, step, *span);
            }
            St::Br(label) => self.jump(*label),
            St::Try { body, caught, handler } => self.attempt(body, *caught, handler),
            St::Handling { exception, saved, body } => self.handling(*exception, *saved, body),
            St::Return(value) => self.give(value),
            // No generator is left.
            St::Yield(value) => self.discard(value),
            St::ListSet { list, index, value, checked } => {
                self.list_set(list, index, value, *checked);
            }
            St::FieldSet { object, slot, value } => self.field_set(object, *slot, value),
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

    /// Computes both of two values, and sets a local to one. Which one is often hard to predict.
    fn select(&mut self, local: usize, test: &Ex, then: &Ex, other: &Ex) {
        self.selected(test, then, other);
        self.forget_address_of(local);
        self.op(I::LocalSet(self.places[local]));
    }

    /// Computes both of two values, and pushes one.
    pub(super) fn selected(&mut self, test: &Ex, then: &Ex, other: &Ex) {
        let condition = self.temp(ValType::I32);
        self.lent(test);
        self.op(I::LocalSet(condition));
        for (value, truth) in [(then, true), (other, false)] {
            let outer = self.guard.replace((condition, truth));
            self.lent(value);
            self.guard = outer;
        }
        self.ops([I::LocalGet(condition), I::Select]);
        self.give_back(condition);
    }

    fn jump(&mut self, label: Label) {
        match self.blocks.iter().rposition(|known| *known == Some(label)) {
            Some(at) => {
                self.leave_handlings(at);
                self.op(I::Br((self.blocks.len() - 1 - at) as u32));
            }
            // Lowering makes no jump to a label that does not enclose it.
            None => self.op(I::Unreachable),
        }
    }

    fn turn(&mut self, condition: Option<&Ex>, body: &[St], step: &[St], span: Span) {
        self.forget_addresses();
        let condition = condition.map(settled);
        let before = self.hoist(condition, body, step);
        self.versions(condition, body, step, &mut |this, is_trusted| {
            let copies = if is_trusted { copies(condition, body, step) } else { 1 };
            this.turns(condition, body, step, copies, span);
        });
        self.forget(before);
    }

    /// A loop, several turns of which are written out. At the head of a loop hosts look whether to stop it, and for that
    /// keep all that a loop carries from turn to turn in memory; from one turn that is written out to the next it
    /// stays in registers.
    fn turns(
        &mut self,
        condition: Option<&Ex>,
        body: &[St],
        step: &[St],
        copies: usize,
        span: Span,
    ) {
        self.op(I::Block(BlockType::Empty));
        self.blocks.push(None);
        let repeat = condition.is_none_or(|condition| size(condition) <= REPEATED_CONDITION_MAX);
        if let (Some(condition), true) = (condition, repeat) {
            self.jump_if(condition, false, 0);
        }
        self.forget_addresses();
        // A guest that is stopped is stopped at the head of a loop.
        self.mark(span);
        self.op(I::Loop(BlockType::Empty));
        self.blocks.push(None);
        if let (Some(condition), false) = (condition, repeat) {
            self.jump_if(condition, false, 1);
        }
        for _ in 1..copies {
            self.block(body);
            self.block(step);
            self.forget_addresses();
            if let Some(condition) = condition {
                self.jump_if(condition, false, 1);
            }
            self.forget_addresses();
        }
        self.block(body);
        self.block(step);
        match condition {
            Some(condition) if repeat => self.jump_if(condition, true, 0),
            _ => self.op(I::Br(0)),
        }
        self.blocks.pop();
        self.op(I::End);
        self.blocks.pop();
        self.op(I::End);
        self.forget_addresses();
    }

    /// An `if` whose test jumps by itself.
    fn branch(&mut self, test: &Ex, then: &[St], other: &[St]) {
        if !other.is_empty() {
            self.op(I::Block(BlockType::Empty));
            self.blocks.push(None);
        }
        self.op(I::Block(BlockType::Empty));
        self.blocks.push(None);
        self.jump_if(test, false, 0);
        self.block(then);
        self.forget_addresses();
        if !other.is_empty() {
            self.op(I::Br(1));
            self.blocks.pop();
            self.op(I::End);
            self.block(other);
            self.forget_addresses();
        }
        self.blocks.pop();
        self.op(I::End);
    }

    /// Jumps if a condition has a truth. What is left of a composite one is jumps, too, and no value.
    fn jump_if(&mut self, condition: &Ex, truth: bool, depth: u32) {
        match &condition.op {
            Ir::Not(inner) => self.jump_if(inner, !truth, depth),
            Ir::If(first, then, other) if is_composite(condition) => {
                // `and` goes on to its second part if the first is true, `or` if it is false.
                let is_and = matches!(other.op, Ir::Bool(false));
                let second = if is_and { then } else { other };
                if truth == is_and {
                    self.op(I::Block(BlockType::Empty));
                    self.blocks.push(None);
                    self.jump_if(first, !truth, 0);
                    self.forget_addresses();
                    self.jump_if(second, truth, depth + 1);
                    self.blocks.pop();
                    self.op(I::End);
                } else {
                    self.jump_if(first, truth, depth);
                    self.forget_addresses();
                    self.jump_if(second, truth, depth);
                }
                self.forget_addresses();
            }
            _ => {
                self.lent(condition);
                if !truth {
                    self.op(I::I32Eqz);
                }
                self.op(I::BrIf(depth));
            }
        }
    }

    fn give(&mut self, value: &Ex) {
        self.owned(value);
        if value.ty == Ty::Never {
            self.op(I::Unreachable);
            return;
        }
        self.leave_handlings(0);
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
        self.forget_addresses();
        let place = self.places[local];
        let unit = matches!(by.op, Ir::Int(-1..=1));
        if unit || by.proved || self.is_trusted_step(local) {
            // One step from a counter that has not reached its bound cannot overflow.
            self.op(I::LocalGet(place));
            self.lent(by);
            self.ops([I::I64Add, I::LocalSet(place)]);
            return;
        }
        if by.range.low >= 0 {
            let next = self.temp(ValType::I64);
            self.op(I::LocalGet(place));
            self.lent(by);
            self.ops([I::I64Add, I::LocalTee(next), I::LocalGet(place), I::I64LtS]);
            self.op(I::If(BlockType::Empty));
            self.blocks.push(None);
            self.jump(exit);
            self.blocks.pop();
            self.op(I::End);
            self.ops([I::LocalGet(next), I::LocalSet(place)]);
            self.give_back(next);
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

/// The arm of a condition whose test is known: the direction of a `range`.
fn settled(condition: &Ex) -> &Ex {
    let Ir::If(test, then, other) = &condition.op else { return condition };
    let Ir::IntCompare(Comparison::Gt, left, right) = &test.op else { return condition };
    if left.range.low > right.range.high {
        then
    } else if left.range.high <= right.range.low {
        other
    } else {
        condition
    }
}

/// How many turns of a loop are written out: several of small ones with no loop or call in them.
fn copies(condition: Option<&Ex>, body: &[St], step: &[St]) -> usize {
    let Some(condition) = condition.filter(|condition| size(condition) <= REPEATED_CONDITION_MAX)
    else {
        return 1;
    };
    let mut turn = [body, step, &[St::Eval(condition.clone())]].concat();
    let mut is_plain = true;
    let mut operations = 0;
    visit::every_expression(&mut turn, &mut |expression| {
        operations += 1;
        is_plain &= match &expression.op {
            Ir::Call(..) | Ir::Raise(_) | Ir::NewList(_) | Ir::NewTuple(_) | Ir::Lazy(_) => false,
            Ir::Runtime(name, _) => name.starts_with("math_") || name.starts_with("int_from"),
            Ir::Seq(statements, _) => !has_loops(statements),
            _ => !expression.ty.is_counted() || matches!(expression.op, Ir::Local(_)),
        };
    });
    if !is_plain || has_loops(&turn) || operations > COPIED_2_MAX {
        1
    } else if operations > COPIED_4_MAX {
        2
    } else {
        4
    }
}

fn has_loops(statements: &[St]) -> bool {
    statements.iter().any(|statement| match statement {
        St::Loop { .. } => true,
        // Those make for as much code.
        St::Try { .. } | St::Handling { .. } => true,
        St::If(_, then, other) => has_loops(then) || has_loops(other),
        St::Block(_, body) => has_loops(body),
        _ => false,
    })
}

/// Whether a condition is `a and b` or `a or b`.
fn is_composite(condition: &Ex) -> bool {
    let Ir::If(first, then, other) = &condition.op else { return false };
    let is_either = matches!(other.op, Ir::Bool(false)) || matches!(then.op, Ir::Bool(true));
    is_either && [condition, first, then, other].iter().all(|part| part.ty == Ty::Bool)
}

/// The local, and the values, of an `if` that does no more than set an int to one of two values
/// that are cheap to compute.
fn selection<'s>(then: &'s [St], other: &'s [St]) -> Option<(usize, &'s Ex, &'s Ex)> {
    let ([St::Set(local, a)], [St::Set(same, b)]) = (then, other) else { return None };
    (local == same && are_selected(a, b)).then_some((*local, a, b))
}

/// Whether one of two values is selected, instead of computed where it is needed: two cheap ints, or floats that are
/// there.
pub(super) fn are_selected(a: &Ex, b: &Ex) -> bool {
    let cheap = |value| is_total(value) && size(value) <= SELECTED_MAX;
    let is_there = |value: &Ex| matches!(value.op, Ir::Local(_) | Ir::Float(_));
    match (&a.ty, &b.ty) {
        (Ty::Int, Ty::Int) => cheap(a) && cheap(b),
        (Ty::Float, Ty::Float) => is_there(a) && is_there(b),
        _ => false,
    }
}

/// Whether computing an int has no effect but to find an overflow.
fn is_total(value: &Ex) -> bool {
    match &value.op {
        Ir::Int(_) | Ir::Local(_) => true,
        Ir::Int2(operator, a, b) => {
            let constant = |ex: &Ex| matches!(ex.op, Ir::Int(2..));
            let power = matches!(b.op, Ir::Int(by @ 1..) if by.count_ones() == 1);
            let total = match operator {
                Operator::Add
                | Operator::Sub
                | Operator::BitAnd
                | Operator::BitOr
                | Operator::BitXor => true,
                Operator::Mul => value.proved || constant(a) || constant(b),
                Operator::FloorDiv | Operator::Mod => power,
                _ => false,
            };
            total && is_total(a) && is_total(b)
        }
        _ => false,
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
        St::Block(_, body) | St::Handling { body, .. } => jumps_to(body, label),
        St::Try { body, handler, .. } => jumps_to(body, label) || jumps_to(handler, label),
        St::Loop { body, step, .. } => jumps_to(body, label) || jumps_to(step, label),
        // Jumps within expressions lead to blocks within them.
        St::Set(..)
        | St::Eval(_)
        | St::Return(_)
        | St::Yield(_)
        | St::ListSet { .. }
        | St::FieldSet { .. }
        | St::Clear(_) => false,
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
