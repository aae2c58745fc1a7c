//! Arithmetic of ints: exact, or out of native code.

use wasm_encoder::{BlockType, Instruction as I, ValType};

use super::lists::Sum;
use super::memory::field;
use super::{COMMON, Emitter, PENDING};
use crate::abi::{cell, common};
use crate::ast::{Operator, Span};
use crate::ir::{Ex, Interval, Op as Ir, Unary};
use crate::link::Op;
use crate::ty::Ty;

/// Ints of at most this size are floats exactly.
const EXACT: i64 = 1 << 53;
/// The product of two ints within this of zero fits 64 bits.
const HALF: i64 = 1 << 31;

/// Where an operand is: it can be pushed as often as needed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operand {
    Local(u32),
    Temp(u32),
    Const(i64),
}

impl Emitter<'_, '_> {
    /// Evaluates an int so that it can be pushed repeatedly.
    pub(super) fn operand(&mut self, value: &Ex) -> Operand {
        match &value.op {
            Ir::Int(value) => Operand::Const(*value),
            Ir::Local(local) => Operand::Local(self.places[*local]),
            _ => {
                self.lent(value);
                let temp = self.temp(ValType::I64);
                self.op(I::LocalSet(temp));
                Operand::Temp(temp)
            }
        }
    }

    pub(super) fn push(&mut self, operand: Operand) {
        match operand {
            Operand::Local(local) | Operand::Temp(local) => self.op(I::LocalGet(local)),
            Operand::Const(value) => self.op(I::I64Const(value)),
        }
    }

    pub(super) fn drop_operand(&mut self, operand: Operand) {
        if let Operand::Temp(local) = operand {
            self.give_back(local);
        }
    }

    pub(super) fn int2(&mut self, expression: &Ex, operator: Operator, left: &Ex, right: &Ex) {
        let span = expression.span;
        let may_overflow = matches!(operator, Operator::Add | Operator::Sub | Operator::Mul);
        if may_overflow && !expression.proved && self.trusted_int(expression) {
            return;
        }
        match operator {
            Operator::BitAnd | Operator::BitOr | Operator::BitXor => {
                self.lent(left);
                self.lent(right);
                let narrow = expression.ty == Ty::Bool;
                self.op(match (operator, narrow) {
                    (Operator::BitAnd, true) => I::I32And,
                    (Operator::BitAnd, false) => I::I64And,
                    (Operator::BitOr, true) => I::I32Or,
                    (Operator::BitOr, false) => I::I64Or,
                    (_, true) => I::I32Xor,
                    (_, false) => I::I64Xor,
                });
            }
            Operator::Add | Operator::Sub | Operator::Mul if expression.proved => {
                self.lent(left);
                self.lent(right);
                self.op(match operator {
                    Operator::Add => I::I64Add,
                    Operator::Sub => I::I64Sub,
                    _ => I::I64Mul,
                });
            }
            Operator::Add | Operator::Sub => self.add_sub(operator, left, right, span),
            Operator::Mul => self.multiply(left, right, span),
            Operator::FloorDiv | Operator::Mod => self.floor_divide(operator, left, right, span),
            Operator::Div => self.true_divide(left, right, span),
            Operator::LShift | Operator::RShift => self.shift(operator, left, right, expression),
            Operator::Pow => self.slow("int_pow", left, right, span),
        }
    }

    /// The runtime's version.
    fn slow(&mut self, name: &'static str, left: &Ex, right: &Ex, span: Span) {
        self.lent(left);
        self.lent(right);
        self.slow_call(name, span);
    }

    /// The runtime's version, of the ints on the stack.
    fn slow_call(&mut self, name: &'static str, span: Span) {
        self.mark(span);
        self.ops.push(Op::Runtime(name));
        self.fail_if(PENDING, span);
        self.ops([I::I32Const(0), I::I64Load(field(cell::RET))]);
    }

    fn add_sub(&mut self, operator: Operator, left: &Ex, right: &Ex, span: Span) {
        let a = self.operand(left);
        let b = self.operand(right);
        let natural = (left.range.low >= 0, right.range.low >= 0);
        self.add_sub_operands(operator, a, b, natural, span);
        self.drop_operand(a);
        self.drop_operand(b);
    }

    /// The checked sum that an index is, of operands evaluated already.
    pub(super) fn checked_sum(&mut self, index: &Ex, sum: &Sum) {
        if let Ir::Int2(Operator::Add, left, right) = &index.op {
            let natural = (left.range.low >= 0, right.range.low >= 0);
            let first = if sum.product.is_some() { self.operand(left) } else { sum.first };
            self.add_sub_operands(Operator::Add, first, sum.second, natural, index.span);
            if sum.product.is_some() {
                self.drop_operand(first);
            }
        }
    }

    /// Adds or subtracts; `natural` says which operands cannot be negative.
    fn add_sub_operands(
        &mut self,
        operator: Operator,
        a: Operand,
        b: Operand,
        natural: (bool, bool),
        span: Span,
    ) {
        let result = self.temp(ValType::I64);
        self.push(a);
        self.push(b);
        self.op(if operator == Operator::Add { I::I64Add } else { I::I64Sub });
        self.op(I::LocalTee(result));
        match (operator, b, natural) {
            (_, Operand::Const(step), _) => {
                // Against a constant it suffices that the result lies on the right side.
                let grows = (step >= 0) == (operator == Operator::Add);
                self.push(a);
                self.op(if grows { I::I64LtS } else { I::I64GtS });
            }
            (Operator::Add, _, (_, true)) => {
                self.push(a);
                self.op(I::I64LtS);
            }
            (Operator::Add, _, (true, _)) => {
                self.push(b);
                self.op(I::I64LtS);
            }
            (Operator::Sub, _, (_, true)) => {
                self.push(a);
                self.op(I::I64GtS);
            }
            (Operator::Add, _, _) => {
                self.push(a);
                self.op(I::I64Xor);
                self.op(I::LocalGet(result));
                self.push(b);
                self.ops([I::I64Xor, I::I64And, I::I64Const(0), I::I64LtS]);
            }
            _ => {
                // a - b overflows if a and b differ in sign, and so do a and the result.
                self.push(a);
                self.op(I::I64Xor);
                self.push(a);
                self.push(b);
                self.ops([I::I64Xor, I::I64And, I::I64Const(0), I::I64LtS]);
            }
        }
        self.overflow_if(span);
        self.op(I::LocalGet(result));
        self.give_back(result);
    }

    fn multiply(&mut self, left: &Ex, right: &Ex, span: Span) {
        let (left, right) =
            if matches!(left.op, Ir::Int(_)) { (right, left) } else { (left, right) };
        if let Ir::Int(factor @ 2..) = right.op {
            // One comparison: shifted, the factors that fit are the smallest numbers.
            let a = self.operand(left);
            let (low, high) = (i64::MIN / factor, i64::MAX / factor);
            self.push(a);
            self.ops([I::I64Const(low), I::I64Sub, I::I64Const(high.wrapping_sub(low)), I::I64GtU]);
            self.overflow_if(span);
            self.push(a);
            if let 3 | 5 | 9 = factor {
                // An address is computed like that, in one cycle instead of three.
                self.push(a);
                self.ops([I::I64Const((factor - 1).trailing_zeros().into()), I::I64Shl, I::I64Add]);
            } else {
                self.ops([I::I64Const(factor), I::I64Mul]);
            }
            self.drop_operand(a);
            return;
        }
        let a = self.operand(left);
        let b = self.operand(right);
        let product = self.product(left, right);
        match product {
            Some(product) => self.op(I::LocalGet(product.fits)),
            None => self.small_factors(a, b),
        }
        self.op(I::If(BlockType::Result(ValType::I64)));
        self.blocks.push(None);
        if let Some(product) = product {
            self.op(I::LocalGet(product.value));
        } else {
            self.push(a);
            self.push(b);
            self.op(I::I64Mul);
        }
        self.op(I::Else);
        self.push(a);
        self.push(b);
        self.slow_call("int_mul", span);
        self.blocks.pop();
        self.op(I::End);
        self.drop_operand(a);
        self.drop_operand(b);
    }

    /// Pushes whether two factors are so small that their product fits.
    pub(super) fn small_factors(&mut self, a: Operand, b: Operand) {
        self.within(a, HALF);
        self.within(b, HALF);
        self.ops([I::I64Or, I::I64Const((HALF << 1) - 1), I::I64LeU]);
    }

    /// The operand plus a bound: less than twice the bound, unsigned, if it is within.
    fn within(&mut self, operand: Operand, bound: i64) {
        self.push(operand);
        self.ops([I::I64Const(bound), I::I64Add]);
    }

    fn floor_divide(&mut self, operator: Operator, left: &Ex, right: &Ex, span: Span) {
        let remainder = operator == Operator::Mod;
        if let Ir::Int(divisor @ 1..) = right.op {
            self.divide_by_constant(left, divisor, remainder);
            return;
        }
        let a = self.operand(left);
        let b = self.operand(right);
        if right.range.low > 0 {
            self.divide_positive(a, b, remainder, left.range.low >= 0);
        } else {
            self.push(b);
            self.ops([I::I64Const(0), I::I64GtS]);
            self.op(I::If(BlockType::Result(ValType::I64)));
            self.blocks.push(None);
            self.divide_positive(a, b, remainder, left.range.low >= 0);
            self.op(I::Else);
            self.push(a);
            self.push(b);
            self.slow_call(if remainder { "int_mod" } else { "int_floordiv" }, span);
            self.blocks.pop();
            self.op(I::End);
        }
        self.drop_operand(a);
        self.drop_operand(b);
    }

    /// Division by a divisor that is above zero.
    fn divide_positive(&mut self, a: Operand, b: Operand, remainder: bool, natural: bool) {
        self.push(a);
        self.push(b);
        if natural {
            self.op(if remainder { I::I64RemU } else { I::I64DivU });
            return;
        }
        let result = self.temp(ValType::I64);
        if remainder {
            self.ops([I::I64RemS, I::LocalTee(result), I::LocalGet(result)]);
            self.ops([I::I64Const(63), I::I64ShrS]);
            self.push(b);
            self.ops([I::I64And, I::I64Add]);
        } else {
            // Rounded towards zero, it is one too large where the remainder is negative.
            self.ops([I::I64DivS, I::LocalTee(result)]);
            self.push(a);
            self.op(I::LocalGet(result));
            self.push(b);
            self.ops([I::I64Mul, I::I64Sub, I::I64Const(63), I::I64ShrS, I::I64Add]);
        }
        self.give_back(result);
    }

    fn divide_by_constant(&mut self, left: &Ex, divisor: i64, remainder: bool) {
        if divisor.count_ones() == 1 {
            self.lent(left);
            if remainder {
                self.ops([I::I64Const(divisor - 1), I::I64And]);
            } else {
                self.ops([I::I64Const(i64::from(divisor.trailing_zeros())), I::I64ShrS]);
            }
            return;
        }
        let a = self.operand(left);
        self.divide_positive(a, Operand::Const(divisor), remainder, left.range.low >= 0);
        self.drop_operand(a);
    }

    fn true_divide(&mut self, left: &Ex, right: &Ex, span: Span) {
        let exact = |range: Interval| range.low >= -EXACT && range.high <= EXACT;
        let a = self.operand(left);
        let b = self.operand(right);
        let divide = |this: &mut Self| {
            this.push(a);
            this.op(I::F64ConvertI64S);
            this.push(b);
            this.ops([I::F64ConvertI64S, I::F64Div]);
        };
        if exact(left.range) && exact(right.range) {
            if right.range.low <= 0 && right.range.high >= 0 {
                self.push(b);
                self.op(I::I64Eqz);
                self.fail_if(COMMON + common::DIVISION, span);
            }
            divide(self);
        } else {
            self.within(a, EXACT);
            self.within(b, EXACT);
            self.ops([I::I64Or, I::I64Const((EXACT << 1) - 1), I::I64LeU]);
            self.push(b);
            self.ops([I::I64Const(0), I::I64Ne, I::I32And]);
            self.op(I::If(BlockType::Result(ValType::F64)));
            self.blocks.push(None);
            divide(self);
            self.op(I::Else);
            self.push(a);
            self.push(b);
            self.mark(span);
            self.ops.push(Op::Runtime("int_truediv"));
            self.fail_if(PENDING, span);
            self.ops([I::I32Const(0), I::F64Load(field(cell::RET))]);
            self.blocks.pop();
            self.op(I::End);
        }
        self.drop_operand(a);
        self.drop_operand(b);
    }

    fn shift(&mut self, operator: Operator, left: &Ex, right: &Ex, expression: &Ex) {
        let span = expression.span;
        match (operator, &right.op) {
            (Operator::RShift, Ir::Int(count @ 0..)) => {
                self.lent(left);
                self.ops([I::I64Const((*count).min(63)), I::I64ShrS]);
            }
            (Operator::LShift, Ir::Int(count @ 0..=62)) => {
                let a = self.operand(left);
                let result = self.temp(ValType::I64);
                self.push(a);
                self.ops([I::I64Const(*count), I::I64Shl]);
                if !expression.proved {
                    self.ops([I::LocalTee(result), I::I64Const(*count), I::I64ShrS]);
                    self.push(a);
                    self.op(I::I64Ne);
                    self.overflow_if(span);
                    self.op(I::LocalGet(result));
                }
                self.give_back(result);
                self.drop_operand(a);
            }
            (Operator::RShift, _) => {
                let a = self.operand(left);
                let b = self.operand(right);
                self.push(b);
                self.ops([I::I64Const(64), I::I64LtU]);
                self.op(I::If(BlockType::Result(ValType::I64)));
                self.blocks.push(None);
                self.push(a);
                self.push(b);
                self.op(I::I64ShrS);
                self.op(I::Else);
                self.push(a);
                self.push(b);
                self.slow_call("int_shr", span);
                self.blocks.pop();
                self.op(I::End);
                self.drop_operand(a);
                self.drop_operand(b);
            }
            _ => self.slow("int_shl", left, right, span),
        }
    }

    pub(super) fn unary(&mut self, expression: &Ex, operator: Unary, operand: &Ex) {
        match operator {
            Unary::FloatNeg => {
                self.lent(operand);
                self.op(I::F64Neg);
            }
            Unary::FloatAbs => {
                self.lent(operand);
                self.op(I::F64Abs);
            }
            Unary::IntInvert => {
                self.lent(operand);
                self.ops([I::I64Const(-1), I::I64Xor]);
            }
            Unary::IntNeg | Unary::IntAbs => {
                let a = self.operand(operand);
                if !expression.proved {
                    self.push(a);
                    self.ops([I::I64Const(i64::MIN), I::I64Eq]);
                    self.overflow_if(expression.span);
                }
                if operator == Unary::IntNeg {
                    self.op(I::I64Const(0));
                    self.push(a);
                    self.op(I::I64Sub);
                } else {
                    let sign = self.temp(ValType::I64);
                    self.push(a);
                    self.ops([I::I64Const(63), I::I64ShrS, I::LocalTee(sign)]);
                    self.push(a);
                    self.ops([I::I64Xor, I::LocalGet(sign), I::I64Sub]);
                    self.give_back(sign);
                }
                self.drop_operand(a);
            }
        }
    }
}
