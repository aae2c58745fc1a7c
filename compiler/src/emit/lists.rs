//! Lists: elements are read and written in line.

use wasm_encoder::{BlockType, Instruction as I, MemArg, ValType};

use super::hoist::Product;
use super::ints::Operand;
use super::memory::{Own, field};
use super::unwind;
use super::{COMMON, Emitter, PENDING};
use crate::abi::{common, layout};
use crate::ast::{Operator, Span};
use crate::ir::{Ex, LocalId, Op as Ir};
use crate::link::Op;
use crate::ty::Ty;

/// A list that can be pushed repeatedly: its Wasm local, and what to do with it after.
struct Held {
    local: u32,
    temporary: bool,
    owned: bool,
    /// One byte an element.
    packed: bool,
}

/// An index that is a sum, with its operands in place. The first may be a product, which counts
/// only if it fits.
pub(super) struct Sum {
    pub first: Operand,
    pub second: Operand,
    pub product: Option<Product>,
}

impl Emitter<'_, '_> {
    /// Evaluates a list. It is lent only if `next`, evaluated before it is used, cannot free it.
    fn hold(&mut self, list: &Ex, next: &[&Ex]) -> Held {
        if let Ir::Local(local) = list.op {
            return Held {
                local: self.places[local],
                temporary: false,
                owned: false,
                packed: is_packed(list),
            };
        }
        let calm = next.iter().all(|next| next.is_simple());
        let own = if calm { self.lent(list) } else { self.value(list) };
        let local = self.temp(ValType::I32);
        self.op(I::LocalSet(local));
        if own == Own::Owned {
            self.note_held(unwind::Held::Value(vec![local], list.ty.clone()));
        }
        Held { local, temporary: true, owned: own == Own::Owned, packed: is_packed(list) }
    }

    fn let_go_of(&mut self, held: &Held, ty: &Ty) {
        if held.owned {
            let is_it = |known: &unwind::Held| matches!(known, unwind::Held::Value(locals, _) if *locals == [held.local]);
            self.held.retain(|known| !is_it(known));
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
        let checked = checked.then_some((what, index.range.low >= 0));
        self.operand_address(list, at, checked, span);
        self.drop_operand(at);
    }

    /// Pushes the address of an element. If it is checked: what it fails with, and whether the
    /// index cannot be negative.
    fn operand_address(
        &mut self,
        list: &Held,
        at: Operand,
        checked: Option<(u32, bool)>,
        span: Span,
    ) {
        self.op(I::LocalGet(list.local));
        self.elements(list.packed);
        let packed = list.packed;
        let Some((what, natural)) = checked else {
            self.scaled(at, packed);
            return;
        };
        let length = I::I64Load32U(field(layout::LEN));
        match at {
            Operand::Const(value) if value < 0 => {
                let position = self.temp(ValType::I64);
                self.ops([I::I64Const(value), I::LocalGet(list.local), length.clone(), I::I64Add]);
                self.ops([I::LocalTee(position), I::I64Const(0), I::I64LtS]);
                self.fail_if(COMMON + what, span);
                self.scaled(Operand::Local(position), packed);
                self.give_back(position);
            }
            _ if natural => {
                self.push(at);
                self.ops([I::LocalGet(list.local), length, I::I64GeU]);
                self.fail_if(COMMON + what, span);
                self.scaled(at, packed);
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
                self.scaled(Operand::Local(position), packed);
                self.give_back(position);
            }
        }
    }

    /// From a list to the address of its elements, on the stack.
    pub(super) fn elements(&mut self, packed: bool) {
        if packed {
            self.ops([I::I32Const(layout::STR_DATA as i32), I::I32Add]);
        } else {
            self.op(I::I32Load(field(layout::LIST_DATA)));
        }
    }

    /// Adds an index to the address of the elements on the stack.
    fn scaled(&mut self, at: Operand, packed: bool) {
        let bytes = if packed { 1 } else { layout::SLOT_BYTES as i32 };
        match at {
            Operand::Const(0) => {}
            Operand::Const(value) => {
                self.ops([I::I32Const((value as i32).wrapping_mul(bytes)), I::I32Add]);
            }
            at => {
                self.push(at);
                self.op(I::I32WrapI64);
                self.add_scaled(packed);
            }
        }
    }

    /// Adds the index on the stack to the address below it.
    pub(super) fn add_scaled(&mut self, packed: bool) {
        if !packed {
            self.ops([I::I32Const(layout::SLOT_BYTES.trailing_zeros() as i32), I::I32Shl]);
        }
        self.op(I::I32Add);
    }

    /// Loads the element whose address is on the stack.
    fn load_element(&mut self, ty: &Ty, packed: bool) -> Own {
        if packed {
            self.op(I::I32Load8U(MemArg { align: 0, ..field(0) }));
            return Own::Free;
        }
        self.load_slot(ty, 0)
    }

    /// Pushes the address of an element of a list whose place is known; the ordinary way is left
    /// for indexes that are out of its range.
    fn known_address(&mut self, list: &Ex, index: &Ex, what: u32, span: Span) -> bool {
        if self.trusted_address(list, index) {
            return true;
        }
        let plain = matches!(index.op, Ir::Local(_) | Ir::Int(0..));
        // A row's own index is checked before the index into it is evaluated.
        let allowed = plain || matches!(list.op, Ir::Local(_)) && index.ty == Ty::Int;
        let Some(known) = self.known(list).filter(|_| allowed) else { return false };
        let place = match (&list.op, &index.op) {
            (Ir::Local(list), Ir::Local(index)) => Some((*list, *index)),
            _ => None,
        };
        let found = self.addresses.iter().find(|(known, _)| Some(*known) == place);
        if let Some((_, address)) = found {
            let address = *address;
            self.op(I::LocalGet(address));
            return true;
        }
        let sum = self.unchecked_sum(index);
        let at = match &sum {
            Some(sum) => {
                let at = self.temp(ValType::I64);
                self.push(sum.first);
                self.push(sum.second);
                self.ops([I::I64Add, I::LocalSet(at)]);
                Operand::Temp(at)
            }
            None => self.operand(index),
        };
        self.push(at);
        self.ops([I::LocalGet(known.length), I::I64LtU]);
        if let Some(product) = sum.as_ref().and_then(|sum| sum.product) {
            self.ops([I::LocalGet(product.fits), I::I32And]);
        }
        self.op(I::If(BlockType::Result(ValType::I32)));
        self.blocks.push(None);
        self.op(I::LocalGet(known.data));
        self.scaled(at, is_packed(list));
        self.op(I::Else);
        if let (Some(sum), Operand::Temp(at)) = (&sum, at) {
            self.checked_sum(index, sum);
            self.op(I::LocalSet(at));
        }
        let held = self.hold(list, &[]);
        self.operand_address(&held, at, Some((what, index.range.low >= 0)), span);
        self.let_go_of(&held, &list.ty);
        self.blocks.pop();
        self.op(I::End);
        self.drop_operand(at);
        if let Some(sum) = sum {
            if sum.product.is_none() {
                self.drop_operand(sum.first);
            }
            self.drop_operand(sum.second);
        }
        // What a row was looked up by is known only if it was.
        self.forget_addresses();
        if let Some(place) = place {
            let address = self.temp(ValType::I32);
            self.op(I::LocalTee(address));
            self.addresses.push((place, address));
        }
        true
    }

    /// Pushes the address of an element that is known to be there, of a list whose place is known.
    fn sure_address(&mut self, list: &Ex, index: &Ex) -> bool {
        let Some(known) = self.known(list).filter(|_| index.ty == Ty::Int) else { return false };
        let at = self.operand(index);
        self.op(I::LocalGet(known.data));
        self.scaled(at, is_packed(list));
        self.drop_operand(at);
        true
    }

    /// Pushes the address of an element of a list whose place is known, if it is.
    fn address(&mut self, list: &Ex, index: &Ex, checked: bool, what: u32, span: Span) -> bool {
        if checked {
            self.known_address(list, index, what, span)
        } else {
            self.sure_address(list, index)
        }
    }

    /// Forgets the addresses that depend on a local.
    pub(super) fn forget_address_of(&mut self, local: LocalId) {
        if self.addresses.iter().any(|((list, index), _)| *list == local || *index == local) {
            self.forget_addresses();
        }
    }

    /// Forgets addresses of elements, as control flow comes together or a local changes.
    pub(super) fn forget_addresses(&mut self) {
        for (_, address) in std::mem::take(&mut self.addresses) {
            self.give_back(address);
        }
    }

    /// The operands of an index that is a sum with a part that is not negative. If such a sum
    /// overflows, it comes out negative, and so is out of the range of every list.
    fn unchecked_sum(&mut self, index: &Ex) -> Option<Sum> {
        let Ir::Int2(Operator::Add, a, b) = &index.op else { return None };
        if index.proved || a.range.low < 0 && b.range.low < 0 {
            return None;
        }
        let product = match &a.op {
            Ir::Int2(Operator::Mul, left, right) if !a.proved => self.product(left, right),
            _ => None,
        };
        let first = match product {
            Some(product) => Operand::Temp(product.value),
            None => self.operand(a),
        };
        Some(Sum { first, second: self.operand(b), product })
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
        if expression.ty != Ty::Never && self.address(list, index, checked, what, span) {
            return self.load_element(&expression.ty, is_packed(list));
        }
        let held = self.hold(list, &[index]);
        self.element_address(&held, index, checked, what, span);
        let own = self.load_element(&expression.ty, held.packed);
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
        if !counted && self.address(list, index, checked, what, span) {
            self.store_number(value, is_packed(list));
            return;
        }
        let held = self.hold(list, &[index, value]);
        self.element_address(&held, index, checked, what, span);
        if !counted {
            self.store_number(value, held.packed);
            self.let_go_of(&held, &list.ty);
            return;
        }
        let address = self.temp(ValType::I32);
        self.op(I::LocalSet(address));
        self.owned(value);
        self.to_slot(value);
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
    fn store_number(&mut self, value: &Ex, packed: bool) {
        self.lent(value);
        if value.ty == Ty::Never {
            self.op(I::Unreachable);
        } else if packed {
            self.op(I::I32Store8(MemArg { align: 0, ..field(0) }));
        } else if value.ty == Ty::Float {
            self.seen(value);
            self.op(I::F64Store(field(0)));
        } else {
            self.to_slot(value);
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
        self.to_slot(value);
        let (slot, length) = (self.temp(ValType::I64), self.temp(ValType::I32));
        self.op(I::LocalSet(slot));
        self.note_slot(slot, &value.ty);
        self.ops([I::LocalGet(held.local), I::I32Load(field(layout::LEN)), I::LocalTee(length)]);
        self.ops([I::LocalGet(held.local), I::I32Load(field(layout::LIST_CAP)), I::I32GeU]);
        self.op(I::If(BlockType::Empty));
        self.blocks.push(None);
        self.op(I::LocalGet(held.local));
        self.mark(span);
        self.ops.push(Op::Runtime("list_grow"));
        self.fail_if(PENDING, span);
        self.let_go_of_slots(&[slot]);
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
            self.to_slot(item);
            let slot = self.temp(ValType::I64);
            self.op(I::LocalSet(slot));
            self.note_slot(slot, &item.ty);
            slots.push(slot);
        }
        let span = expression.span;
        let object = self.temp(ValType::I32);
        self.op(I::I32Const(items.len() as i32));
        self.mark(span);
        self.ops.push(Op::Runtime("list_zeros"));
        self.ops([I::LocalTee(object), I::I32Eqz]);
        self.fail_if(PENDING, span);
        self.let_go_of_slots(&slots);
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

/// Whether a list has one byte an element, see [`crate::pack`].
pub(super) fn is_packed(list: &Ex) -> bool {
    list.ty == Ty::Bytes
}

/// From the list to its index: what `CPython` marks for a store.
fn index_span(list: &Ex, index: &Ex) -> Span {
    Span { start: list.span.start, end: index.span.end.max(list.span.end) + 1 }
}
