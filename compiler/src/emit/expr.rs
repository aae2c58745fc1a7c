//! Expressions.

use wasm_encoder::{BlockType, Instruction as I, MemArg, ValType};

use super::control::are_selected;
use super::memory::{Own, field, slot_at};
use super::unwind::Held;
use super::{COMMON, DEOPT, Emitter, PENDING, value_types};
use crate::abi::layout;
use crate::ast::{Comparison, Span};
use crate::ir::{Argument, Ex, Op as Ir, Raise};
use crate::link::Op;
use crate::ty::Ty;

impl Emitter<'_, '_> {
    /// Emits an expression. A lent reference holds only until other code runs.
    pub(super) fn lent(&mut self, expression: &Ex) -> Own {
        let held = self.held.len();
        let own = self.expression(expression);
        self.forget_slots(held);
        own
    }

    fn expression(&mut self, expression: &Ex) -> Own {
        let span = expression.span;
        match &expression.op {
            Ir::Int(value) if expression.ty == Ty::Raw => self.op(I::I32Const(*value as i32)),
            Ir::Int(value) => self.op(I::I64Const(*value)),
            Ir::Float(value) => self.op(I::F64Const((*value).into())),
            Ir::Bool(value) => self.op(I::I32Const(i32::from(*value))),
            Ir::None => self.op(I::I32Const(0)),
            Ir::Static(literal) => {
                let blob = self.module.constant(literal, &expression.ty);
                self.ops.push(Op::Address(blob));
            }
            Ir::Lazy(index) => {
                self.lazy(*index, span);
                return Own::Lent;
            }
            Ir::Local(local) => {
                self.get_local(*local);
                return if expression.ty.is_counted() { Own::Lent } else { Own::Free };
            }
            Ir::Int2(operator, left, right) => self.int2(expression, *operator, left, right),
            Ir::Float2(operator, left, right) => self.float2(*operator, left, right, span),
            Ir::Unary(operator, operand) => self.unary(expression, *operator, operand),
            Ir::IntCompare(comparison, left, right) => {
                self.lent(left);
                self.lent(right);
                self.op(int_comparison(*comparison));
            }
            Ir::FloatCompare(comparison, left, right) => {
                self.lent(left);
                self.lent(right);
                self.op(float_comparison(*comparison));
            }
            Ir::Same(left, right) => {
                let mut kept = Vec::new();
                self.argument(left, &mut kept);
                self.argument(right, &mut kept);
                self.op(I::I32Eq);
                self.let_go(kept);
            }
            Ir::Not(value) => {
                self.lent(value);
                self.op(I::I32Eqz);
            }
            Ir::BoolToInt(value) => {
                self.lent(value);
                self.op(I::I64ExtendI32U);
            }
            Ir::IntToFloat(value) => {
                self.lent(value);
                self.op(I::F64ConvertI64S);
            }
            Ir::If(test, then, other) => return self.choice(expression, test, then, other),
            Ir::Seq(statements, value) => {
                self.block(statements);
                return self.lent(value);
            }
            Ir::Runtime(name, arguments) => return self.runtime(expression, name, arguments),
            Ir::Call(callee, arguments) => return self.call(expression, *callee, arguments),
            Ir::Len(value) => self.length(value),
            Ir::StrBytes(value) => {
                let mut kept = Vec::new();
                self.argument(value, &mut kept);
                self.op(I::I32Load(field(layout::STR_BYTES)));
                self.let_go(kept);
            }
            Ir::ListGet { list, index, checked } => {
                return self.list_get(expression, list, index, *checked);
            }
            Ir::TupleGet(tuple, index) | Ir::Field(tuple, index) => {
                return self.tuple_get(expression, tuple, *index);
            }
            Ir::NewObject(class) => return self.new_object(*class, span),
            Ir::ClassIs(value, classes) => self.class_is(value, classes),
            Ir::EnumMember(class, at) => {
                let blob = self.module.enum_member(*class, *at);
                self.ops.push(Op::Address(blob));
            }
            Ir::ByteAt(bytes, index) => {
                self.lent(bytes);
                self.lent(index);
                self.ops([I::I32WrapI64, I::I32Add]);
                let place = MemArg { align: 0, ..field(layout::STR_DATA) };
                self.op(I::I64Load8U(place));
            }
            Ir::Slot(address, offset) => {
                self.lent(address);
                return self.load_slot(&expression.ty, *offset);
            }
            Ir::NewList(items) => return self.new_list(expression, items),
            Ir::NewTuple(items) => return self.new_tuple(items, span),
            Ir::Inject(value) => return self.inject(value, &expression.ty),
            Ir::Project(value) => {
                let own = self.lent(value);
                self.project(&value.ty, &expression.ty);
                return if expression.ty.is_counted() { own } else { Own::Free };
            }
            Ir::TagIs(value, tag) => {
                self.lent(value);
                self.ops([I::Drop, I::I32Const(*tag as i32), I::I32Eq]);
            }
            Ir::RawAdd(left, right) => {
                self.lent(left);
                self.lent(right);
                self.op(I::I32Add);
            }
            Ir::RawLess(left, right) => {
                self.lent(left);
                self.lent(right);
                self.op(I::I32LtU);
            }
            Ir::Raise(raise) => self.raise(raise, span),
            Ir::NewException(raise) => return self.new_exception(raise, span),
        }
        Own::Free
    }

    /// A conditional expression. Unions need two values, which blocks cannot give.
    fn choice(&mut self, expression: &Ex, test: &Ex, then: &Ex, other: &Ex) -> Own {
        if test.ty == Ty::Bool && are_selected(then, other) {
            self.selected(test, then, other);
            return Own::Free;
        }
        let ty = &expression.ty;
        let counted = ty.is_counted();
        let lent = counted && self.stays_lent(then) && self.stays_lent(other);
        self.lent(test);
        if test.ty == Ty::Never {
            self.op(I::Unreachable);
            return Own::Free;
        }
        let types = value_types(ty);
        let block = match types.as_slice() {
            [one] => BlockType::Result(*one),
            _ => BlockType::Empty,
        };
        let pair: Vec<u32> = if types.len() == 2 {
            types.iter().map(|ty| self.temp(*ty)).collect()
        } else {
            Vec::new()
        };
        self.op(I::If(block));
        self.blocks.push(None);
        for (index, arm) in [then, other].into_iter().enumerate() {
            if index == 1 {
                self.op(I::Else);
            }
            if lent || !counted {
                self.lent(arm);
            } else {
                self.owned(arm);
            }
            if arm.ty == Ty::Never {
                self.op(I::Unreachable);
            }
            for local in pair.iter().rev() {
                self.op(I::LocalSet(*local));
            }
            self.forget_addresses();
        }
        self.blocks.pop();
        self.op(I::End);
        for local in pair {
            self.op(I::LocalGet(local));
            self.give_back(local);
        }
        if *ty == Ty::Never {
            self.op(I::Unreachable);
        }
        match (counted, lent) {
            (false, _) => Own::Free,
            (true, true) => Own::Lent,
            (true, false) => Own::Owned,
        }
    }

    /// Whether an arm reads a local, or does not return.
    fn stays_lent(&self, arm: &Ex) -> bool {
        arm.ty == Ty::Never
            || match &arm.op {
                Ir::Local(_) | Ir::Static(_) => true,
                Ir::Project(value) | Ir::Inject(value) => {
                    matches!(value.op, Ir::Local(_) | Ir::None)
                }
                _ => false,
            }
    }

    /// The number of elements of the object.
    fn length(&mut self, value: &Ex) {
        let mut kept = Vec::new();
        if self.lent(value) == Own::Owned {
            let object = self.temp(ValType::I32);
            self.op(I::LocalTee(object));
            self.note_held(Held::Value(vec![object], value.ty.clone()));
            kept.push((vec![object], value.ty.clone()));
        }
        if value.ty == Ty::Never {
            self.op(I::Unreachable);
            return;
        }
        let offset = if value.ty == Ty::Str { layout::STR_CHARS } else { layout::LEN };
        self.op(I::I64Load32U(field(offset)));
        self.let_go(kept);
    }

    fn tuple_get(&mut self, expression: &Ex, tuple: &Ex, index: usize) -> Own {
        let offset = slot_at(index).offset as u32;
        if self.lent(tuple) != Own::Owned {
            return self.load_slot(&expression.ty, offset);
        }
        let object = self.temp(ValType::I32);
        self.op(I::LocalTee(object));
        let own = self.load_slot(&expression.ty, offset);
        self.take_reference(&expression.ty);
        self.op(I::LocalGet(object));
        self.release(&tuple.ty);
        self.give_back(object);
        if own == Own::Lent { Own::Owned } else { own }
    }

    fn new_tuple(&mut self, items: &[Ex], span: Span) -> Own {
        let mut slots = Vec::new();
        for item in items {
            self.owned(item);
            if item.ty == Ty::Never {
                self.op(I::Unreachable);
                return Own::Free;
            }
            self.to_slot(item);
            let slot = self.temp(ValType::I64);
            self.op(I::LocalSet(slot));
            self.note_slot(slot, &item.ty);
            slots.push(slot);
        }
        let object = self.temp(ValType::I32);
        self.op(I::I32Const(items.len() as i32));
        self.mark(span);
        self.ops.push(Op::Runtime("tuple_new"));
        self.ops([I::LocalTee(object), I::I32Eqz]);
        self.fail_if(PENDING, span);
        self.let_go_of_slots(&slots);
        for (index, slot) in slots.into_iter().enumerate() {
            self.ops([I::LocalGet(object), I::LocalGet(slot)]);
            self.op(I::I64Store(MemArg { align: 3, ..slot_at(index) }));
            self.give_back(slot);
        }
        self.op(I::LocalGet(object));
        self.give_back(object);
        Own::Owned
    }

    /// A value as a union, or a union as a wider one: tags are the same in all.
    fn inject(&mut self, value: &Ex, to: &Ty) -> Own {
        if let Ty::Union(_) = value.ty {
            return self.lent(value);
        }
        self.op(I::I32Const(value.ty.kind() as i32));
        let own = self.lent(value);
        match value.ty {
            Ty::Never => {
                self.op(I::Unreachable);
                return Own::Free;
            }
            Ty::Int => {}
            Ty::Float => {
                self.seen(value);
                self.op(I::I64ReinterpretF64);
            }
            _ => self.op(I::I64ExtendI32U),
        }
        // Static data needs no counting, and what is not counted none either.
        if own == Own::Free && to.is_counted() { Own::Owned } else { own }
    }

    /// The union on the stack as the member (or narrower union) it is.
    fn project(&mut self, from: &Ty, to: &Ty) {
        if matches!(to, Ty::Union(_)) || !matches!(from, Ty::Union(_)) {
            return;
        }
        let payload = self.temp(ValType::I64);
        self.ops([I::LocalSet(payload), I::Drop, I::LocalGet(payload)]);
        self.give_back(payload);
        match to {
            Ty::Int => {}
            Ty::Float => self.op(I::F64ReinterpretI64),
            Ty::Never => self.op(I::Unreachable),
            _ => self.op(I::I32WrapI64),
        }
    }

    fn raise(&mut self, raise: &Raise, span: Span) {
        match raise {
            Raise::Common(which) => self.fail(COMMON + which, span),
            Raise::Deopt(reason) => self.fail(DEOPT + reason - 1, span),
            Raise::Again(exception) => {
                self.set_pending(
                    "exception_again",
                    vec![Argument::Ex((**exception).clone())],
                    span,
                );
                self.fail_again();
            }
            Raise::Handled => self.reraise(span),
            _ => {
                let Some((name, arguments)) = raised(raise) else { return };
                if self.module.catches {
                    self.set_pending(name, arguments, span);
                    self.fail(PENDING, span);
                } else {
                    let call = Ex::new(Ir::Runtime(name, arguments.clone()), Ty::Never, span);
                    self.runtime(&call, name, &arguments);
                }
            }
        }
        self.op(I::Unreachable);
    }
}

/// The function that sets an exception pending, and its arguments.
pub(super) fn raised(raise: &Raise) -> Option<(&'static str, Vec<Argument>)> {
    let class = |class: &u32| Argument::Num(*class);
    Some(match raise {
        Raise::Class(which) => ("raise_none", vec![class(which)]),
        Raise::Value(which, value) if value.ty == Ty::Str => {
            ("raise_str", vec![class(which), Argument::Ex((**value).clone())])
        }
        Raise::Value(which, value) => {
            let desc = Argument::Desc(value.ty.clone());
            ("raise_value", vec![class(which), Argument::Ex((**value).clone()), desc])
        }
        Raise::Arguments(which, tuple) => {
            let desc = Argument::Desc(tuple.ty.clone());
            ("raise_args", vec![class(which), Argument::Ex((**tuple).clone()), desc])
        }
        Raise::Object(exception) => ("exception_raise", vec![Argument::Ex((**exception).clone())]),
        Raise::Common(_) | Raise::Deopt(_) | Raise::Again(_) | Raise::Handled => return None,
    })
}

fn int_comparison(comparison: Comparison) -> I<'static> {
    match comparison {
        Comparison::Lt => I::I64LtS,
        Comparison::LtE => I::I64LeS,
        Comparison::Gt => I::I64GtS,
        Comparison::GtE => I::I64GeS,
        Comparison::NotEq | Comparison::IsNot => I::I64Ne,
        _ => I::I64Eq,
    }
}

fn float_comparison(comparison: Comparison) -> I<'static> {
    match comparison {
        Comparison::Lt => I::F64Lt,
        Comparison::LtE => I::F64Le,
        Comparison::Gt => I::F64Gt,
        Comparison::GtE => I::F64Ge,
        Comparison::NotEq | Comparison::IsNot => I::F64Ne,
        _ => I::F64Eq,
    }
}
