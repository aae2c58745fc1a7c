//! Arithmetic of floats, and runtime functions with a fast path in line.

use wasm_encoder::{BlockType, Instruction as I, MemArg, ValType};

use super::memory::{Own, field};
use super::{COMMON, Emitter, PENDING};
use crate::abi::{cell, common, layout, runtime_function};
use crate::ast::{Operator, Span};
use crate::ir::{Argument, Ex, Op as Ir};
use crate::link::Op;

/// Floats below this size are ints of 64 bits when rounded.
const INT_BOUND: f64 = 9.2e18;

impl Emitter<'_, '_> {
    pub(super) fn float2(&mut self, operator: Operator, left: &Ex, right: &Ex, span: Span) {
        self.lent(left);
        self.lent(right);
        match operator {
            Operator::Add => self.op(I::F64Add),
            Operator::Sub => self.op(I::F64Sub),
            Operator::Mul => self.op(I::F64Mul),
            _ => {
                let known = matches!(right.op, Ir::Float(value) if value != 0.0);
                if !known {
                    let divisor = self.scratch();
                    self.ops([I::LocalTee(divisor), I::F64Const(0.0.into()), I::F64Eq]);
                    self.fail_if(COMMON + common::FLOAT_DIVISION, span);
                    self.op(I::LocalGet(divisor));
                }
                self.op(I::F64Div);
            }
        }
    }

    /// Runtime functions whose common case is a few instructions.
    pub(super) fn inline_runtime(
        &mut self,
        expression: &Ex,
        name: &'static str,
        arguments: &[Argument],
    ) -> Option<Own> {
        match (name, arguments) {
            ("math_sqrt", [Argument::Ex(value)]) => {
                self.lent(value);
                let is_fresh = self.is_fresh(value);
                let x = if is_fresh { self.scratch() } else { self.temp(ValType::F64) };
                self.ops([I::LocalTee(x), I::F64Const(0.0.into()), I::F64Lt]);
                self.fail_if(COMMON + common::MATH_DOMAIN, expression.span);
                self.ops([I::LocalGet(x), I::F64Sqrt]);
                if !is_fresh {
                    self.give_back(x);
                }
                Some(Own::Free)
            }
            ("int_from_float", [Argument::Ex(value)]) => {
                self.rounded(expression.span, name, value, &[I::I64TruncF64S]);
                Some(Own::Free)
            }
            ("float_floor", [Argument::Ex(value)]) => {
                self.rounded(expression.span, name, value, &[I::F64Floor, I::I64TruncF64S]);
                Some(Own::Free)
            }
            ("float_ceil", [Argument::Ex(value)]) => {
                self.rounded(expression.span, name, value, &[I::F64Ceil, I::I64TruncF64S]);
                Some(Own::Free)
            }
            ("str_letter_at", [Argument::Ex(text), Argument::Ex(index), Argument::Num(code)]) => {
                self.letter_at(expression.span, text, index, *code)
            }
            ("list_append", [Argument::Ex(list), Argument::Ex(value)]) => {
                self.append(list, value, expression.span);
                Some(Own::Free)
            }
            _ => {
                debug_assert!(runtime_function(name).is_some(), "`{name}` is in the table");
                None
            }
        }
    }

    /// Whether a character of a text is one of ASCII: in line where all the text is.
    fn letter_at(&mut self, span: Span, text: &Ex, index: &Ex, code: u32) -> Option<Own> {
        let Ir::Local(local) = text.op else { return None };
        if !index.is_simple() {
            return None;
        }
        let text = self.places[local];
        let at = self.operand(index);
        let code = I::I32Const(code.cast_signed());
        self.push(at);
        self.ops([I::LocalGet(text), I::I64Load32U(field(layout::STR_CHARS)), I::I64LtU]);
        self.ops([I::LocalGet(text), I::I32Load(field(layout::STR_BYTES))]);
        self.ops([I::LocalGet(text), I::I32Load(field(layout::STR_CHARS)), I::I32Eq, I::I32And]);
        self.op(I::If(BlockType::Result(ValType::I32)));
        self.blocks.push(None);
        self.op(I::LocalGet(text));
        self.push(at);
        let byte = MemArg { align: 0, ..field(layout::STR_DATA) };
        self.ops([I::I32WrapI64, I::I32Add, I::I32Load8U(byte), code.clone(), I::I32Eq]);
        self.op(I::Else);
        self.op(I::LocalGet(text));
        self.push(at);
        self.op(code);
        self.mark(span);
        self.ops.push(Op::Runtime("str_letter_at"));
        let truth = self.temp(ValType::I32);
        self.ops([I::LocalTee(truth), I::I32Const(0), I::I32LtS]);
        self.fail_if(PENDING, span);
        self.op(I::LocalGet(truth));
        self.give_back(truth);
        self.blocks.pop();
        self.op(I::End);
        self.drop_operand(at);
        Some(Own::Free)
    }

    /// An int, in line where it has 64 bits for sure, else by the runtime.
    fn rounded(&mut self, span: Span, name: &'static str, value: &Ex, easy: &[I<'static>]) {
        self.lent(value);
        let is_fresh = self.is_fresh(value);
        let x = if is_fresh { self.scratch() } else { self.temp(ValType::F64) };
        self.op(I::LocalTee(x));
        self.ops([I::F64Abs, I::F64Const(INT_BOUND.into()), I::F64Lt]);
        self.op(I::If(BlockType::Result(ValType::I64)));
        self.blocks.push(None);
        self.op(I::LocalGet(x));
        self.ops(easy.iter().cloned());
        self.op(I::Else);
        self.op(I::LocalGet(x));
        self.seen(value);
        self.mark(span);
        self.ops.push(Op::Runtime(name));
        self.fail_if(PENDING, span);
        self.ops([I::I32Const(0), I::I64Load(field(cell::RET))]);
        self.blocks.pop();
        self.op(I::End);
        if !is_fresh {
            self.give_back(x);
        }
    }
}
