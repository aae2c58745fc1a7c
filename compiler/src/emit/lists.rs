//! Lists: elements are read and written in line.

use wasm_encoder::{BlockType, Instruction as I, ValType};

use super::ints::Operand;
use super::memory::{Own, field};
use super::{COMMON, Emitter, PENDING};
use crate::abi::{common, layout};
use crate::ast::Span;
use crate::ir::{Ex, Op as Ir};
use crate::link::Op;
use crate::ty::Ty;

/// A list that can be pushed repeatedly: its Wasm local, and what to do with it after.
struct Held {
    local: u32,
    temporary: bool,
    owned: bool,
}

impl Emitter<'_, '_> {
    /// Evaluates a list. It is lent only if `next`, evaluated before it is used, cannot free it.
    fn hold(&mut self, list: &Ex, next: &[&Ex]) -> Held {
        if let Ir::Local(local) = list.op {
            return Held { local: self.places[local], temporary: false, owned: false };
        }
        let calm = next.iter().all(|next| next.is_simple());
        let own = if calm { self.lent(list) } else { self.value(list) };
        let local = self.temp(ValType::I32);
        self.op(I::LocalSet(local));
        Held { local, temporary: true, owned: own == Own::Owned }
    }

    fn let_go_of(&mut self, held: &Held, ty: &Ty) {
        if held.owned {
            self.op(I::LocalGet(held.local));
            self.release(ty);
        }
        if held.temporary {
            self.give_back(held.local);
        }
    }

    /// Pushes the address of an element, which is checked to be there.
    fn element_address(&mut self, list: &Held, index: &Ex, checked: bool, what: u32, span: Span) {
        let at = self.operand(index);
        self.op(I::LocalGet(list.local));
        self.op(I::I32Load(field(layout::LIST_DATA)));
        if !checked {
            self.scaled(at);
            self.drop_operand(at);
            return;
        }
        let length = I::I64Load32U(field(layout::LEN));
        match at {
            Operand::Const(value) if value < 0 => {
                let position = self.temp(ValType::I64);
                self.ops([I::I64Const(value), I::LocalGet(list.local), length.clone(), I::I64Add]);
                self.ops([I::LocalTee(position), I::I64Const(0), I::I64LtS]);
                self.fail_if(COMMON + what, span);
                self.scaled(Operand::Local(position));
                self.give_back(position);
            }
            _ if index.range.low >= 0 => {
                self.push(at);
                self.ops([I::LocalGet(list.local), length, I::I64GeU]);
                self.fail_if(COMMON + what, span);
                self.scaled(at);
            }
            _ => {
                // A negative index is, unsigned, beyond any length.
                let position = self.temp(ValType::I64);
                self.push(at);
                self.ops([
                    I::LocalTee(position),
                    I::LocalGet(list.local),
                    length.clone(),
                    I::I64GeU,
                ]);
                self.op(I::If(BlockType::Empty));
                self.blocks.push(None);
                self.ops([
                    I::LocalGet(position),
                    I::LocalGet(list.local),
                    length.clone(),
                    I::I64Add,
                ]);
                self.ops([I::LocalTee(position), I::LocalGet(list.local), length, I::I64GeU]);
                self.fail_if(COMMON + what, span);
                self.blocks.pop();
                self.op(I::End);
                self.scaled(Operand::Local(position));
                self.give_back(position);
            }
        }
        self.drop_operand(at);
    }

    /// Adds an index, as slots, to the address on the stack.
    fn scaled(&mut self, at: Operand) {
        match at {
            Operand::Const(0) => {}
            Operand::Const(value) => {
                self.ops([I::I32Const(value as i32 * layout::SLOT_BYTES as i32), I::I32Add]);
            }
            at => {
                self.push(at);
                self.ops([I::I32WrapI64, I::I32Const(layout::SLOT_BYTES.trailing_zeros() as i32)]);
                self.ops([I::I32Shl, I::I32Add]);
            }
        }
    }

    /// Pushes the address of an element of a list whose place is known; the ordinary way is left
    /// for indexes that are out of its range.
    fn known_address(&mut self, list: &Ex, index: &Ex, what: u32, span: Span) -> bool {
        let plain = matches!(index.op, Ir::Local(_) | Ir::Int(0..));
        let Some(known) = self.known(list).filter(|_| plain) else { return false };
        let at = self.operand(index);
        self.push(at);
        self.ops([I::LocalGet(known.length), I::I64LtU]);
        self.op(I::If(BlockType::Result(ValType::I32)));
        self.blocks.push(None);
        self.op(I::LocalGet(known.data));
        self.scaled(at);
        self.op(I::Else);
        let held = self.hold(list, &[index]);
        self.element_address(&held, index, true, what, span);
        self.let_go_of(&held, &list.ty);
        self.blocks.pop();
        self.op(I::End);
        true
    }

    pub(super) fn list_get(
        &mut self,
        expression: &Ex,
        list: &Ex,
        index: &Ex,
        checked: bool,
    ) -> Own {
        let span = expression.span;
        let what =
            if matches!(list.ty, Ty::VTuple(_)) { common::TUPLE_INDEX } else { common::LIST_INDEX };
        if checked && expression.ty != Ty::Never && self.known_address(list, index, what, span) {
            return self.load_slot(&expression.ty, 0);
        }
        let held = self.hold(list, &[index]);
        self.element_address(&held, index, checked, what, span);
        let own = self.load_slot(&expression.ty, 0);
        if expression.ty == Ty::Never {
            return Own::Free;
        }
        if held.owned {
            self.take_reference(&expression.ty);
            self.let_go_of(&held, &list.ty);
            return if own == Own::Lent { Own::Owned } else { own };
        }
        self.let_go_of(&held, &list.ty);
        own
    }

    pub(super) fn list_set(&mut self, list: &Ex, index: &Ex, value: &Ex, checked: bool) {
        let (what, span) = (common::LIST_ASSIGN_INDEX, index_span(list, index));
        let counted = value.ty.is_counted();
        if !counted && checked && self.known_address(list, index, what, span) {
            self.store_number(value);
            return;
        }
        let held = self.hold(list, &[index, value]);
        self.element_address(&held, index, checked, what, span);
        if !counted {
            self.store_number(value);
            self.let_go_of(&held, &list.ty);
            return;
        }
        let address = self.temp(ValType::I32);
        self.op(I::LocalSet(address));
        self.owned(value);
        self.to_slot(&value.ty);
        let slot = self.temp(ValType::I64);
        self.op(I::LocalSet(slot));
        // The old element goes when the new one is in place.
        self.ops([I::LocalGet(address), I::I32Load(field(0))]);
        self.ops([I::LocalGet(address), I::LocalGet(slot)]);
        self.store_slot(0);
        self.release_object(&value.ty);
        self.give_back(address);
        self.give_back(slot);
        self.let_go_of(&held, &list.ty);
    }

    /// Stores what is not counted at the address on the stack.
    fn store_number(&mut self, value: &Ex) {
        self.lent(value);
        if value.ty == Ty::Never {
            self.op(I::Unreachable);
        } else if value.ty == Ty::Float {
            self.op(I::F64Store(field(0)));
        } else {
            self.to_slot(&value.ty);
            self.store_slot(0);
        }
    }

    pub(super) fn append(&mut self, list: &Ex, value: &Ex, span: Span) {
        let held = self.hold(list, &[value]);
        self.owned(value);
        if value.ty == Ty::Never {
            self.op(I::Unreachable);
            return;
        }
        self.to_slot(&value.ty);
        let (slot, length) = (self.temp(ValType::I64), self.temp(ValType::I32));
        self.op(I::LocalSet(slot));
        self.ops([I::LocalGet(held.local), I::I32Load(field(layout::LEN)), I::LocalTee(length)]);
        self.ops([I::LocalGet(held.local), I::I32Load(field(layout::LIST_CAP)), I::I32GeU]);
        self.op(I::If(BlockType::Empty));
        self.blocks.push(None);
        self.op(I::LocalGet(held.local));
        self.mark(span);
        self.ops.push(Op::Runtime("list_grow"));
        self.fail_if(PENDING, span);
        self.blocks.pop();
        self.op(I::End);
        self.ops([I::LocalGet(held.local), I::I32Load(field(layout::LIST_DATA))]);
        self.ops([I::LocalGet(length), I::I32Const(layout::SLOT_BYTES.trailing_zeros() as i32)]);
        self.ops([I::I32Shl, I::I32Add, I::LocalGet(slot)]);
        self.store_slot(0);
        self.ops([I::LocalGet(held.local), I::LocalGet(length), I::I32Const(1), I::I32Add]);
        self.op(I::I32Store(field(layout::LEN)));
        self.give_back(slot);
        self.give_back(length);
        self.let_go_of(&held, &list.ty);
        self.op(I::I32Const(0));
    }

    pub(super) fn new_list(&mut self, expression: &Ex, items: &[Ex]) -> Own {
        let mut slots = Vec::new();
        for item in items {
            self.owned(item);
            if item.ty == Ty::Never {
                self.op(I::Unreachable);
                return Own::Free;
            }
            self.to_slot(&item.ty);
            let slot = self.temp(ValType::I64);
            self.op(I::LocalSet(slot));
            slots.push(slot);
        }
        let span = expression.span;
        let object = self.temp(ValType::I32);
        self.op(I::I32Const(items.len() as i32));
        self.mark(span);
        self.ops.push(Op::Runtime("list_zeros"));
        self.ops([I::LocalTee(object), I::I32Eqz]);
        self.fail_if(PENDING, span);
        let data = self.temp(ValType::I32);
        if !slots.is_empty() {
            self.ops([
                I::LocalGet(object),
                I::I32Load(field(layout::LIST_DATA)),
                I::LocalSet(data),
            ]);
        }
        for (index, slot) in slots.into_iter().enumerate() {
            self.ops([I::LocalGet(data), I::LocalGet(slot)]);
            self.store_slot(index as u32 * layout::SLOT_BYTES);
            self.give_back(slot);
        }
        self.op(I::LocalGet(object));
        self.give_back(data);
        self.give_back(object);
        Own::Owned
    }
}

/// From the list to its index: what CPython marks for a store.
fn index_span(list: &Ex, index: &Ex) -> Span {
    Span { start: list.span.start, end: index.span.end.max(list.span.end) + 1 }
}
