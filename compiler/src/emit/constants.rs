//! Static data: strings and containers, made once.

use wasm_encoder::{BlockType, Instruction as I, ValType};

use super::memory::field;
use super::{Emitter, Module, PENDING};
use crate::abi::layout;
use crate::ast::Span;
use crate::link::{Blob, Op};
use crate::request::Literal;
use crate::ty::Ty;

/// What makes two constants the same: floats by their bits.
pub(super) type Key = String;

fn key(literal: &Literal, ty: &Ty) -> Key {
    // `Debug` of a float tells apart all but NaNs, and -0.0 from 0.0.
    format!("{literal:?} {ty:?}")
}

impl Module {
    /// The blob of an immortal object.
    pub(super) fn constant(&mut self, literal: &Literal, ty: &Ty) -> u32 {
        let key = key(literal, ty);
        if let Some((_, blob)) = self.constants.iter().find(|(known, _)| *known == key) {
            return *blob;
        }
        let blob = self.make_constant(literal, ty);
        self.constants.push((key, blob));
        blob
    }

    fn make_constant(&mut self, literal: &Literal, ty: &Ty) -> u32 {
        match literal {
            Literal::Str(text) => self.text(text.as_bytes(), text.chars().count()),
            Literal::Bytes(bytes) => self.text(bytes, bytes.len()),
            Literal::List(items) => {
                let element = match ty {
                    Ty::List(element) | Ty::VTuple(element) => element.as_ref().clone(),
                    _ => Ty::Never,
                };
                let types = vec![element; items.len()];
                let (slots, slot_addresses) = self.slots(items, &types);
                let head = layout::LIST_DATA + 4;
                let count = (items.len() as u32).to_le_bytes();
                let mut bytes = layout::IMMORTAL.to_le_bytes().to_vec();
                bytes.extend(count);
                bytes.extend(count);
                bytes.extend(head.to_le_bytes());
                bytes.extend(slots);
                let own = self.blobs.len() as u32;
                let mut addresses = vec![(layout::LIST_DATA, own)];
                addresses.extend(slot_addresses.into_iter().map(|(at, blob)| (at + head, blob)));
                self.blob(Blob { bytes, addresses })
            }
            Literal::Tuple(items) => {
                let types = match ty {
                    Ty::Tuple(types) => types.clone(),
                    _ => Vec::new(),
                };
                let (slots, addresses) = self.slots(items, &types);
                let mut bytes = layout::IMMORTAL.to_le_bytes().to_vec();
                bytes.resize(layout::TUPLE_SLOTS as usize, 0);
                bytes.extend(slots);
                let shift = |(at, blob)| (at + layout::TUPLE_SLOTS, blob);
                let addresses = addresses.into_iter().map(shift).collect();
                self.blob(Blob { bytes, addresses })
            }
            // Numbers are immediate, and tables are made when first used.
            _ => self.blob(Blob { bytes: Vec::new(), addresses: Vec::new() }),
        }
    }

    fn text(&mut self, data: &[u8], chars: usize) -> u32 {
        let mut bytes = layout::IMMORTAL.to_le_bytes().to_vec();
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend((chars as u32).to_le_bytes());
        bytes.resize(layout::STR_DATA as usize, 0);
        bytes.extend(data);
        self.blob(Blob { bytes, addresses: Vec::new() })
    }

    pub(super) fn slots(&mut self, items: &[Literal], types: &[Ty]) -> (Vec<u8>, Vec<(u32, u32)>) {
        let mut bytes = Vec::new();
        let mut addresses = Vec::new();
        for (item, ty) in items.iter().zip(types) {
            let slot = match item {
                Literal::Int(value) => value.cast_unsigned(),
                Literal::Float(value) => value.to_bits(),
                Literal::Bool(value) => u64::from(*value),
                Literal::None | Literal::BigInt(_) | Literal::Dict(_) | Literal::Set(_) => 0,
                _ => {
                    let blob = self.constant(item, ty);
                    addresses.push((bytes.len() as u32, blob));
                    0
                }
            };
            bytes.extend(slot.to_le_bytes());
        }
        (bytes, addresses)
    }
}

impl Emitter<'_, '_> {
    /// A constant that is made when it is first used, and then kept.
    pub(super) fn lazy(&mut self, index: usize, span: Span) {
        let (literal, ty, cell) = self.module.lazies[index].clone();
        let object = self.temp(ValType::I32);
        self.ops.push(Op::Address(cell));
        self.ops([I::I32Load(field(0)), I::LocalTee(object), I::I32Eqz]);
        self.op(I::If(BlockType::Empty));
        self.blocks.push(None);
        let made = self.build(&literal, &ty, span);
        self.ops([I::LocalGet(made), I::LocalSet(object)]);
        self.ops.push(Op::Address(cell));
        self.ops([I::LocalGet(object), I::I32Store(field(0))]);
        self.give_back(made);
        self.blocks.pop();
        self.op(I::End);
        self.op(I::LocalGet(object));
        self.give_back(object);
    }

    /// Makes a container in a temporary.
    fn build(&mut self, literal: &Literal, ty: &Ty, span: Span) -> u32 {
        let object = self.temp(ValType::I32);
        let make = |this: &mut Self, name: &'static str, count: Option<usize>| {
            if let Some(count) = count {
                this.op(I::I32Const(count as i32));
            }
            this.ops.push(Op::Runtime(name));
            this.ops([I::LocalTee(object), I::I32Eqz]);
            this.fail_if(PENDING, span);
        };
        match (literal, ty) {
            (Literal::Dict(items), Ty::Dict(key_ty, value_ty)) => {
                make(self, "dict_new", None);
                for (key, value) in items {
                    self.insert("dict_set", object, ty, &[(key, key_ty), (value, value_ty)], span);
                }
            }
            (Literal::Set(items), Ty::Set(element)) => {
                make(self, "set_new", None);
                for item in items {
                    self.insert("set_add", object, ty, &[(item, element)], span);
                }
            }
            (Literal::List(items), Ty::List(element)) => {
                make(self, "list_zeros", Some(items.len()));
                for (index, item) in items.iter().enumerate() {
                    self.ops([I::LocalGet(object), I::I32Load(field(layout::LIST_DATA))]);
                    self.member(item, element, span);
                    self.store_slot(index as u32 * layout::SLOT_BYTES);
                }
            }
            (Literal::Tuple(items), Ty::Tuple(types)) => {
                make(self, "tuple_new", Some(items.len()));
                for (index, (item, ty)) in items.iter().zip(types).enumerate() {
                    self.op(I::LocalGet(object));
                    self.member(item, ty, span);
                    self.store_slot(layout::TUPLE_SLOTS + index as u32 * layout::SLOT_BYTES);
                }
            }
            _ => {
                let blob = self.module.constant(literal, ty);
                self.ops.push(Op::Address(blob));
                self.op(I::LocalSet(object));
            }
        }
        object
    }

    fn insert(
        &mut self,
        name: &'static str,
        object: u32,
        ty: &Ty,
        members: &[(&Literal, &Box<Ty>)],
        span: Span,
    ) {
        self.op(I::LocalGet(object));
        let descriptor = self.module.descriptor(ty);
        self.ops.push(Op::Address(descriptor));
        for (literal, ty) in members {
            self.member(literal, ty, span);
        }
        self.ops.push(Op::Runtime(name));
        self.fail_if(PENDING, span);
    }

    /// Pushes a member's slot.
    fn member(&mut self, literal: &Literal, ty: &Ty, span: Span) {
        match literal {
            Literal::Int(value) => self.op(I::I64Const(*value)),
            Literal::Float(value) => self.op(I::I64Const(value.to_bits().cast_signed())),
            Literal::Bool(value) => self.op(I::I64Const(i64::from(*value))),
            Literal::None | Literal::BigInt(_) => self.op(I::I64Const(0)),
            _ => {
                let object = self.build(literal, ty, span);
                self.ops([I::LocalGet(object), I::I64ExtendI32U]);
                self.give_back(object);
            }
        }
    }
}
