//! Who owns which reference, and how values sit in slots.

use wasm_encoder::{BlockType, Instruction as I, MemArg, ValType};

use super::Emitter;
use crate::abi::{kind, layout};
use crate::ir::{Argument, Ex, LocalId, Op as Ir};
use crate::link::Op;
use crate::ty::Ty;

/// What an expression left on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// A reference that must be given back, or a value that is not counted.
    Owned,
    /// A reference that something else keeps.
    Lent,
    /// Static data, or not counted at all: nothing to give back.
    Free,
}

/// A field of an object.
pub(super) fn field(offset: u32) -> MemArg {
    MemArg { offset: u64::from(offset), align: 2, memory_index: 0 }
}

/// A slot of a tuple.
pub(super) fn slot_at(index: usize) -> MemArg {
    let offset = layout::TUPLE_SLOTS as usize + index * layout::SLOT_BYTES as usize;
    MemArg { offset: offset as u64, align: 2, memory_index: 0 }
}

pub(super) fn zero(ty: ValType) -> I<'static> {
    match ty {
        ValType::I64 => I::I64Const(0),
        ValType::F64 => I::F64Const(0.0.into()),
        _ => I::I32Const(0),
    }
}

/// The kind of the objects of an optional: `None` or an object of one family. In a slot it is the object's address, or 0.
pub(super) fn optional(ty: &Ty) -> Option<u32> {
    match ty {
        Ty::Union(members) => match members.as_slice() {
            [Ty::None, object @ Ty::Object(_)] => Some(object.kind()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a local, static data, or something a local holds on to is meant: it outlives the
/// expression it is used in.
fn is_stable(expression: &Ex) -> bool {
    match &expression.op {
        Ir::Local(_) | Ir::Static(_) | Ir::Lazy(_) => true,
        Ir::Seq(_, value) | Ir::Inject(value) | Ir::Project(value) => is_stable(value),
        Ir::If(_, then, other) => is_stable(then) && is_stable(other),
        _ => false,
    }
}

/// `text = text + more` as what may change the text in place.
fn appended(local: LocalId, value: &Ex) -> Option<Ex> {
    let Ir::Runtime("str_concat", arguments) = &value.op else { return None };
    match arguments.as_slice() {
        [Argument::Ex(Ex { op: Ir::Local(first), .. }), Argument::Ex(_)] if *first == local => {
            Some(Ex { op: Ir::Runtime("str_append", arguments.clone()), ..value.clone() })
        }
        _ => None,
    }
}

/// The tag of an optional whose object, or 0, is in a Wasm local.
pub(super) fn tag_of_optional(object: u32, tag: u32) -> [I<'static>; 5] {
    [
        I::I32Const(kind::NONE.cast_signed()),
        I::I32Const(tag.cast_signed()),
        I::LocalGet(object),
        I::I32Eqz,
        I::Select,
    ]
}

impl Emitter<'_, '_> {
    /// Emits an expression whose value may wait on the stack while others are evaluated.
    pub(super) fn value(&mut self, expression: &Ex) -> Own {
        let own = self.lent(expression);
        if own == Own::Lent && !is_stable(expression) {
            self.take_reference(&expression.ty);
            return Own::Owned;
        }
        own
    }

    /// Emits an expression whose reference the receiver takes over.
    pub(super) fn owned(&mut self, expression: &Ex) {
        if self.lent(expression) == Own::Lent {
            self.take_reference(&expression.ty);
        }
    }

    /// Emits an expression for its effect.
    pub(super) fn discard(&mut self, expression: &Ex) {
        let own = self.lent(expression);
        if expression.ty == Ty::Never {
            self.op(I::Unreachable);
            return;
        }
        if own == Own::Owned && expression.ty.is_counted() {
            self.release(&expression.ty);
            return;
        }
        for _ in super::value_types(&expression.ty) {
            self.op(I::Drop);
        }
    }

    /// Counts one more reference to the value on the stack, which stays there.
    pub(super) fn take_reference(&mut self, ty: &Ty) {
        if !ty.is_counted() {
            return;
        }
        if let Ty::Union(_) = ty {
            let (tag, payload) = self.set_pair();
            self.ops([I::LocalGet(tag), I::I32Const(kind::STR as i32), I::I32GeU]);
            self.op(I::If(BlockType::Empty));
            self.ops([I::LocalGet(payload), I::I32WrapI64]);
            self.ops.push(Op::Runtime("incref"));
            self.op(I::End);
            self.get_pair(tag, payload);
            return;
        }
        let (object, count) = (self.temp(ValType::I32), self.temp(ValType::I32));
        self.ops([I::LocalTee(object), I::If(BlockType::Empty), I::LocalGet(object)]);
        self.ops([I::LocalGet(object), I::I32Load(field(layout::RC)), I::LocalTee(count)]);
        // The count of static data is negative, and stays as it is.
        self.ops([I::LocalGet(count), I::I32Const(31), I::I32ShrS, I::I32Add]);
        self.ops([I::I32Const(1), I::I32Add, I::I32Store(field(layout::RC)), I::End]);
        self.op(I::LocalGet(object));
        self.give_back(object);
        self.give_back(count);
    }

    /// Gives back the reference on the stack.
    pub(super) fn release(&mut self, ty: &Ty) {
        match ty {
            Ty::Union(members) => {
                let (tag, payload) = self.set_pair();
                for member in members.iter().filter(|member| member.is_counted()) {
                    self.ops([I::LocalGet(tag), I::I32Const(member.kind() as i32), I::I32Eq]);
                    self.op(I::If(BlockType::Empty));
                    self.ops([I::LocalGet(payload), I::I32WrapI64]);
                    self.release(member);
                    self.op(I::End);
                }
                self.give_back(tag);
                self.give_back(payload);
            }
            _ => self.release_object(ty),
        }
    }

    /// Gives back the reference to the object on the stack; unions are in their boxes.
    pub(super) fn release_object(&mut self, ty: &Ty) {
        if matches!(ty, Ty::Str | Ty::Bytes | Ty::Exception(_)) {
            let is_text = !matches!(ty, Ty::Exception(_));
            self.ops.push(Op::Runtime(if is_text { "release_str" } else { "exception_release" }));
            return;
        }
        let descriptor = self.module.descriptor(ty);
        self.ops.push(Op::Address(descriptor));
        self.ops.push(Op::Runtime("release"));
    }

    /// Moves a union from the stack to two temporaries.
    pub(super) fn set_pair(&mut self) -> (u32, u32) {
        let (tag, payload) = (self.temp(ValType::I32), self.temp(ValType::I64));
        self.ops([I::LocalSet(payload), I::LocalSet(tag)]);
        (tag, payload)
    }

    /// Puts a union back on the stack, and the temporaries away.
    pub(super) fn get_pair(&mut self, tag: u32, payload: u32) {
        self.ops([I::LocalGet(tag), I::LocalGet(payload)]);
        self.give_back(tag);
        self.give_back(payload);
    }

    pub(super) fn get_local(&mut self, local: LocalId) {
        let place = self.places[local];
        for (offset, _) in super::value_types(&self.func.locals[local].ty).iter().enumerate() {
            self.op(I::LocalGet(place + offset as u32));
        }
    }

    /// Gives back what a local refers to; nothing is fine.
    pub(super) fn release_local(&mut self, local: LocalId) {
        let ty = self.func.locals[local].ty.clone();
        self.get_local(local);
        self.release(&ty);
    }

    /// Assigns an expression to a local.
    pub(super) fn set_local(&mut self, local: LocalId, value: &Ex) {
        if let Ir::Local(source) = value.op
            && source == local
        {
            return;
        }
        let declared = &self.func.locals[local];
        let mut counted = declared.ty.is_counted() && !declared.borrowed;
        if declared.borrowed {
            self.lent(value);
        } else if let Some(appended) = appended(local, value) {
            // What the local referred to has become its new value, or was given back.
            self.owned(&appended);
            counted = false;
        } else {
            self.owned(value);
        }
        if value.ty == Ty::Never {
            self.op(I::Unreachable);
            return;
        }
        if counted {
            // The old value goes only now: the new one may depend on it.
            self.release_local(local);
        }
        self.forget_address_of(local);
        let place = self.places[local];
        let count = super::value_types(&self.func.locals[local].ty).len() as u32;
        for offset in (0..count).rev() {
            self.op(I::LocalSet(place + offset));
        }
        self.trust_assigned(local, value);
    }

    /// The value, which is on the stack, as the contents of a slot. Unions must be owned.
    pub(super) fn to_slot(&mut self, value: &Ex) {
        match value.ty {
            Ty::Int | Ty::Never => {}
            Ty::Float => {
                self.seen(value);
                self.op(I::I64ReinterpretF64);
            }
            Ty::Union(_) => {
                self.box_union(&value.ty);
                self.op(I::I64ExtendI32U);
            }
            _ => self.op(I::I64ExtendI32U),
        }
    }

    /// A union on the stack as an object of two slots; an optional as its object.
    pub(super) fn box_union(&mut self, ty: &Ty) {
        let (tag, payload) = self.set_pair();
        if optional(ty).is_some() {
            self.ops([I::LocalGet(payload), I::I32WrapI64]);
            self.give_back(tag);
            self.give_back(payload);
            return;
        }
        let object = self.temp(ValType::I32);
        self.op(I::I32Const(2));
        self.ops.push(Op::Runtime("tuple_new"));
        self.ops([
            I::LocalTee(object),
            I::LocalGet(tag),
            I::I64ExtendI32U,
            I::I64Store(slot_at(0)),
            I::LocalGet(object),
            I::LocalGet(payload),
            I::I64Store(slot_at(1)),
            I::LocalGet(object),
        ]);
        self.give_back(tag);
        self.give_back(payload);
        self.give_back(object);
    }

    /// Loads the value of the slot whose address is on the stack; the container keeps it.
    pub(super) fn load_slot(&mut self, ty: &Ty, offset: u32) -> Own {
        let place = field(offset);
        match ty {
            Ty::Int => self.op(I::I64Load(MemArg { align: 3, ..place })),
            Ty::Float => self.op(I::F64Load(MemArg { align: 3, ..place })),
            Ty::Union(_) if optional(ty).is_some() => {
                let kind = optional(ty).unwrap_or_default();
                self.op(I::I32Load(place));
                self.unbox_optional(kind);
            }
            Ty::Union(_) => {
                let object = self.temp(ValType::I32);
                self.ops([I::I32Load(place), I::LocalTee(object), I::I32Load(slot_at(0))]);
                self.ops([I::LocalGet(object), I::I64Load(slot_at(1))]);
                self.give_back(object);
            }
            Ty::Never => self.ops([I::Drop, I::Unreachable]),
            _ => self.op(I::I32Load(place)),
        }
        if ty.is_counted() { Own::Lent } else { Own::Free }
    }

    /// Stores what `to_slot` made: address and slot are on the stack.
    pub(super) fn store_slot(&mut self, offset: u32) {
        self.op(I::I64Store(MemArg { align: 3, ..field(offset) }));
    }

    /// An optional from the address of its object, or 0, on the stack.
    fn unbox_optional(&mut self, kind: u32) {
        let object = self.temp(ValType::I32);
        self.op(I::LocalSet(object));
        self.ops(tag_of_optional(object, kind));
        self.ops([I::LocalGet(object), I::I64ExtendI32U]);
        self.give_back(object);
    }

    /// The value that a runtime function left for us, owned.
    pub(super) fn load_result_slot(&mut self, ty: &Ty) {
        self.op(I::I32Const(crate::abi::cell::RET as i32));
        if optional(ty).is_some() {
            self.load_slot(ty, 0);
        } else if let Ty::Union(_) = ty {
            self.op(I::I32Load(field(0)));
            self.unbox_owned(ty);
        } else {
            self.load_slot(ty, 0);
        }
    }

    /// The union in the owned object on the stack.
    fn unbox_owned(&mut self, ty: &Ty) {
        let object = self.temp(ValType::I32);
        self.ops([I::LocalTee(object), I::I32Load(slot_at(0))]);
        self.ops([I::LocalGet(object), I::I64Load(slot_at(1))]);
        self.take_reference(ty);
        self.op(I::LocalGet(object));
        self.release_object(ty);
        self.give_back(object);
    }
}
