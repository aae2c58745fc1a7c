//! Instances of the user's classes, the descriptors of their classes, and what the runtime asks of them.

use std::collections::BTreeMap;

use wasm_encoder::{BlockType, Instruction as I, MemArg, ValType};

use super::memory::{Own, field, slot_at};
use super::{Emitter, Module, PENDING};
use crate::abi::{cell, kind, layout, object};
use crate::ast::Span;
use crate::ir::{Callback, Ex, Op as Ir, Program};
use crate::link::{Blob, Op, UserFunction};
use crate::request::{Literal, Member};
use crate::ty::Ty;

/// What the runtime calls, by the names of its imports.
const COMPARE: &str = "compare";
const REPR: &str = "repr";
const STR: &str = "str";
const HASH: &str = "hash";

impl Module {
    /// The descriptor of a class.
    pub(super) fn class(&mut self, class: u32) -> u32 {
        if let Some(known) = self.class_blobs.get(&class) {
            return *known;
        }
        // The types of attributes may lead back here.
        let number = self.blob(Blob { bytes: Vec::new(), addresses: Vec::new() });
        self.class_blobs.insert(class, number);
        let known = self.classes.list[class as usize].clone();
        let form = match &known.source.enumeration {
            Some(_) => object::ENUMERATION,
            None if known.source.items.is_some() => object::NAMED_TUPLE,
            None => object::PLAIN,
        };
        let mut blob = Blob { bytes: form.to_le_bytes().to_vec(), addresses: Vec::new() };
        let word = |blob: &mut Blob, value: u32| blob.bytes.extend(value.to_le_bytes());
        let address = |blob: &mut Blob, of: u32| {
            blob.addresses.push((blob.bytes.len() as u32, of));
            blob.bytes.extend([0; 4]);
        };
        word(&mut blob, known.slots.len() as u32);
        for ty in &known.slots {
            let descriptor = self.descriptor(ty);
            address(&mut blob, descriptor);
        }
        let own_eq = known.source.items.is_some()
            || known.method("__eq__").is_some_and(|index| !self.glue.contains(&index));
        word(&mut blob, known.source.number | if own_eq { object::OWN_EQ } else { 0 });
        let members = known.source.enumeration.as_ref().map(|it| it.members.clone());
        if let Some(members) = members {
            word(&mut blob, members.len() as u32);
            for (at, (name, _)) in members.iter().enumerate() {
                let text = self.constant(&Literal::Str(name.clone()), &Ty::Str);
                let member = self.enum_member(class, at);
                address(&mut blob, text);
                address(&mut blob, member);
            }
        } else {
            word(&mut blob, known.fields.len() as u32);
            for field in &known.fields {
                let text = self.constant(&Literal::Str(field.name.clone()), &Ty::Str);
                address(&mut blob, text);
                word(&mut blob, field.slot as u32);
                word(&mut blob, field.flag.map_or(object::ALWAYS, |flag| flag as u32));
            }
        }
        self.blobs[number as usize] = blob;
        number
    }

    /// A member of an enumeration.
    pub(super) fn enum_member(&mut self, class: u32, at: usize) -> u32 {
        if let Some(known) = self.enum_blobs.get(&(class, at)) {
            return *known;
        }
        let number = self.blob(Blob { bytes: Vec::new(), addresses: Vec::new() });
        self.enum_blobs.insert((class, at), number);
        let known = self.classes.list[class as usize].clone();
        let members = known.source.enumeration.map(|it| it.members).unwrap_or_default();
        let (name, value) = members[at].clone();
        let mut slots = vec![(Literal::None, Ty::None); known.slots.len()];
        for field in &known.fields {
            let literal = if field.name.contains("name") {
                Literal::Str(name.clone())
            } else {
                value.clone()
            };
            let ty = known.slots[field.slot].clone();
            slots[field.slot] = (literal, ty);
        }
        let (items, types): (Vec<_>, Vec<_>) = slots.into_iter().unzip();
        let (bytes, addresses) = self.slots(&items, &types);
        let mut blob =
            Blob { bytes: layout::IMMORTAL.to_le_bytes().to_vec(), addresses: Vec::new() };
        let class = self.class(class);
        blob.addresses.push((object::CLASS, class));
        blob.bytes.extend([0; 4]);
        let start = blob.bytes.len() as u32;
        blob.bytes.extend(bytes);
        blob.addresses.extend(addresses.into_iter().map(|(at, of)| (at + start, of)));
        self.blobs[number as usize] = blob;
        number
    }
}

impl Emitter<'_, '_> {
    /// A new instance, all of whose slots are empty.
    pub(super) fn new_object(&mut self, class: u32, span: Span) -> Own {
        let count = self.module.classes.list[class as usize].slots.len();
        let descriptor = self.module.class(class);
        let made = self.temp(ValType::I32);
        self.op(I::I32Const(count as i32));
        self.mark(span);
        self.ops.push(Op::Runtime("tuple_new"));
        self.ops([I::LocalTee(made), I::I32Eqz]);
        self.fail_if(PENDING, span);
        self.op(I::LocalGet(made));
        self.ops.push(Op::Address(descriptor));
        self.ops([I::I32Store(field(object::CLASS)), I::LocalGet(made)]);
        self.give_back(made);
        Own::Owned
    }

    /// Whether the object is of one of the classes.
    pub(super) fn class_is(&mut self, value: &Ex, classes: &[u32]) {
        let mut kept = Vec::new();
        self.argument(value, &mut kept);
        let found = self.temp(ValType::I32);
        self.ops([I::I32Load(field(object::CLASS)), I::LocalSet(found)]);
        self.let_go(kept);
        for (index, class) in classes.iter().enumerate() {
            let descriptor = self.module.class(*class);
            self.op(I::LocalGet(found));
            self.ops.push(Op::Address(descriptor));
            self.op(I::I32Eq);
            if index > 0 {
                self.op(I::I32Or);
            }
        }
        self.give_back(found);
    }

    /// Sets an attribute. What it was before goes when the new value is in place.
    pub(super) fn field_set(&mut self, object: &Ex, slot: usize, value: &Ex) {
        let counted = value.ty.is_counted();
        let place = slot_at(slot);
        if let (Ir::Local(_), false, false) = (&object.op, counted, value.ty == Ty::Never) {
            // A local stays what it is while the value is computed.
            self.lent(object);
            self.lent(value);
            if value.ty == Ty::Float {
                self.seen(value);
                self.op(I::F64Store(MemArg { align: 3, ..place }));
            } else {
                self.to_slot(value);
                self.op(I::I64Store(MemArg { align: 3, ..place }));
            }
            return;
        }
        self.owned(value);
        if value.ty == Ty::Never {
            self.op(I::Unreachable);
            return;
        }
        self.to_slot(value);
        let new = self.temp(ValType::I64);
        self.op(I::LocalSet(new));
        let mut kept = Vec::new();
        self.argument(object, &mut kept);
        if object.ty == Ty::Never {
            self.op(I::Unreachable);
            return;
        }
        if counted {
            let holder = self.temp(ValType::I32);
            self.ops([I::LocalTee(holder), I::I32Load(place)]);
            self.ops([I::LocalGet(holder), I::LocalGet(new)]);
            self.op(I::I64Store(MemArg { align: 3, ..place }));
            self.release_object(&value.ty);
            self.give_back(holder);
        } else {
            self.op(I::LocalGet(new));
            self.op(I::I64Store(MemArg { align: 3, ..place }));
        }
        self.give_back(new);
        self.let_go(kept);
    }
}

/// Functions that the runtime calls, by their names there. `first` is the number of the first.
pub(super) fn callbacks(
    module: &Module,
    program: &Program,
    first: u32,
    recursion_limit: u32,
) -> (Vec<UserFunction>, BTreeMap<&'static str, u32>) {
    let mut functions = Vec::new();
    let mut names = BTreeMap::new();
    if program.classes.list.is_empty() {
        return (functions, names);
    }
    for (name, parameters) in [(COMPARE, 4), (REPR, 2), (STR, 2), (HASH, 2)] {
        names.insert(name, first + functions.len() as u32);
        let mut ops = Vec::new();
        for (callback, instance) in &program.callbacks {
            if let Some(test) = test(*callback, name) {
                ops.extend(test.into_iter().map(Op::Wasm));
                answer(module, program, *instance, name, recursion_limit, &mut ops);
            }
        }
        ops.extend([Op::Wasm(I::Unreachable), Op::Wasm(I::End)]);
        functions.push(UserFunction {
            params: vec![ValType::I32; parameters],
            results: vec![ValType::I32],
            locals: vec![ValType::I32, ValType::I32, ValType::I64],
            body: ops,
        });
    }
    (functions, names)
}

/// Whether a call is for a callback: of its family, and by its operator. Opens the block of the answer.
fn test(callback: Callback, name: &str) -> Option<Vec<I<'static>>> {
    let is_family = |root: u32, kind_at: u32| {
        vec![I::LocalGet(kind_at), I::I32Const((kind::OBJECT + root).cast_signed()), I::I32Eq]
    };
    let mut ops = match (callback, name) {
        (Callback::Compare(root, operator), COMPARE) => {
            let mut ops = is_family(root, 2);
            ops.extend([I::LocalGet(3), I::I32Const(operator.cast_signed()), I::I32Eq, I::I32And]);
            ops
        }
        (Callback::Repr(root), REPR)
        | (Callback::Str(root), STR)
        | (Callback::Hash(root), HASH) => is_family(root, 1),
        _ => return None,
    };
    ops.push(I::If(BlockType::Empty));
    Some(ops)
}

/// Calls an instance with the objects, and returns what the runtime is to get.
fn answer(
    module: &Module,
    program: &Program,
    instance: usize,
    name: &str,
    recursion_limit: u32,
    ops: &mut Vec<Op>,
) {
    let signature = &module.signatures[instance];
    let result = &program.functions[instance].result;
    let count = program.functions[instance].parameters.len() as u32;
    let (scratch, value, number) = if name == COMPARE { (4, 5, 6) } else { (2, 3, 4) };
    let kept = if *result == Ty::Int { number } else { value };
    let mut add = |instruction: I<'static>| ops.push(Op::Wasm(instruction));
    (0..count).for_each(|parameter| add(I::LocalGet(parameter)));
    if signature.depth {
        add(I::I32Const(recursion_limit.min(i32::MAX as u32).cast_signed()));
    }
    ops.push(Op::Call(instance as u32));
    let mut add = |instruction: I<'static>| ops.push(Op::Wasm(instruction));
    if signature.raises {
        add(I::LocalSet(scratch));
    }
    if *result != Ty::Never {
        add(I::LocalSet(kept));
    }
    if signature.raises {
        let failed = match name {
            COMPARE => -1,
            HASH => 1,
            _ => 0,
        };
        let instructions =
            [I::LocalGet(scratch), I::If(BlockType::Empty), I::I32Const(failed), I::Return, I::End];
        instructions.into_iter().for_each(&mut add);
    }
    if *result == Ty::Never {
        add(I::Unreachable);
    } else if name == HASH {
        let place = MemArg { offset: 0, align: 3, memory_index: 0 };
        let instructions = [
            I::I32Const(cell::RET.cast_signed()),
            I::LocalGet(kept),
            I::I64Store(place),
            I::I32Const(0),
            I::Return,
        ];
        instructions.into_iter().for_each(&mut add);
    } else {
        add(I::LocalGet(kept));
        add(I::Return);
    }
    add(I::End);
}

/// Functions that SPM wrote, whose `__eq__` knows no other types.
pub(super) fn glue(program: &Program, is_glue: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let members = program.classes.list.iter().flat_map(|class| class.source.members.values());
    let methods = members.filter_map(|member| match member {
        Member::Method(index) if is_glue(*index) => Some(*index),
        _ => None,
    });
    methods.collect()
}
