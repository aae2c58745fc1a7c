//! Arguments on their way to functions, and runtime calls.

use wasm_encoder::{Instruction as I, ValType};

use super::memory::{Own, field};
use super::unwind::Held;
use super::{Emitter, PENDING};
use crate::abi::{Arg, Returns, RuntimeFunction, cell, runtime_function};
use crate::ir::{Argument, Ex};
use crate::link::Op;
use crate::ty::Ty;

/// References that were made for a call and are given back after it: temporaries and types.
pub(super) type Kept = Vec<(Vec<u32>, Ty)>;

impl Emitter<'_, '_> {
    /// Emits an argument that the callee borrows.
    pub(super) fn argument(&mut self, argument: &Ex, kept: &mut Kept) {
        if self.value(argument) == Own::Owned {
            self.keep(&argument.ty, kept);
        }
    }

    /// Remembers to give back the value on the stack after the call.
    fn keep(&mut self, ty: &Ty, kept: &mut Kept) {
        if !ty.is_counted() {
            return;
        }
        let locals = if let Ty::Union(_) = ty {
            let (tag, payload) = self.set_pair();
            self.ops([I::LocalGet(tag), I::LocalGet(payload)]);
            vec![tag, payload]
        } else {
            let object = self.temp(ValType::I32);
            self.op(I::LocalTee(object));
            vec![object]
        };
        self.note_held(Held::Value(locals.clone(), ty.clone()));
        kept.push((locals, ty.clone()));
    }

    /// Gives back what was kept for a call.
    pub(super) fn let_go(&mut self, kept: Kept) {
        for (locals, ty) in kept {
            self.held.retain(|held| !matches!(held, Held::Value(known, _) if *known == locals));
            for local in &locals {
                self.op(I::LocalGet(*local));
            }
            if locals.len() == 1 {
                self.release_object(&ty);
            } else {
                self.release(&ty);
            }
            for local in locals {
                self.give_back(local);
            }
        }
    }

    pub(super) fn runtime(
        &mut self,
        expression: &Ex,
        name: &'static str,
        arguments: &[Argument],
    ) -> Own {
        if let Some(own) = self.inline_runtime(expression, name, arguments) {
            return own;
        }
        let Some(function) = runtime_function(name) else {
            // The linker reports the name.
            self.ops.push(Op::Runtime(name));
            self.op(I::Unreachable);
            return Own::Free;
        };
        self.call_runtime(expression, function, arguments)
    }

    pub(super) fn call_runtime(
        &mut self,
        expression: &Ex,
        function: &RuntimeFunction,
        arguments: &[Argument],
    ) -> Own {
        let mut kept = Vec::new();
        let mut taken = Vec::new();
        for (argument, (_, wanted)) in arguments.iter().zip(function.params) {
            match argument {
                Argument::Num(value) => self.op(match wanted {
                    Arg::Int | Arg::Slot | Arg::Take => I::I64Const(i64::from(*value)),
                    _ => I::I32Const(value.cast_signed()),
                }),
                Argument::Desc(ty) => {
                    let descriptor = self.module.descriptor(ty);
                    self.ops.push(Op::Address(descriptor));
                }
                Argument::Ex(value) => {
                    self.runtime_argument(value, *wanted, &mut kept);
                    if *wanted == Arg::Take && self.module.catches {
                        self.hold_slot(&value.ty);
                        taken.extend(self.held.last().filter(|_| value.ty.is_counted()).cloned());
                    }
                    if value.ty == Ty::Never {
                        self.op(I::Unreachable);
                        return Own::Free;
                    }
                }
            }
        }
        self.mark(expression.span);
        self.ops.push(Op::Runtime(function.name));
        // It has taken over what it takes.
        self.held.retain(|held| !taken.contains(held));
        for held in taken {
            if let Held::Slot(slot, _) = held {
                self.give_back(slot);
            }
        }
        self.returned(expression, function.returns, kept)
    }

    fn runtime_argument(&mut self, value: &Ex, wanted: Arg, kept: &mut Kept) {
        match wanted {
            Arg::Take => {
                self.owned(value);
                self.to_slot(value);
            }
            Arg::Slot if matches!(value.ty, Ty::Union(_)) => {
                self.owned(value);
                self.box_union(&value.ty);
                let object = self.temp(ValType::I32);
                self.op(I::LocalTee(object));
                self.note_held(Held::Value(vec![object], value.ty.clone()));
                kept.push((vec![object], value.ty.clone()));
                self.op(I::I64ExtendI32U);
            }
            Arg::Slot => {
                self.argument(value, kept);
                self.to_slot(value);
            }
            _ => {
                self.argument(value, kept);
                // The runtime may look at its bits.
                self.seen(value);
            }
        }
    }

    /// What a runtime function returned, as the expression's value.
    fn returned(&mut self, expression: &Ex, returns: Returns, kept: Kept) -> Own {
        let ty = &expression.ty;
        let span = expression.span;
        let never = *ty == Ty::Never;
        let own = match returns {
            Returns::Nothing => {
                self.let_go(kept);
                self.op(I::I32Const(0));
                Own::Free
            }
            Returns::Num => {
                self.let_go(kept);
                if *ty == Ty::Int {
                    self.op(I::I64ExtendI32S);
                }
                Own::Free
            }
            Returns::Int | Returns::Float => {
                self.let_go(kept);
                Own::Free
            }
            Returns::Ptr => {
                let object = self.temp(ValType::I32);
                self.ops([I::LocalTee(object), I::I32Eqz]);
                self.fail_if(PENDING, span);
                self.let_go(kept);
                self.op(I::LocalGet(object));
                self.give_back(object);
                Own::Owned
            }
            Returns::Truth => {
                let truth = self.temp(ValType::I32);
                self.ops([I::LocalTee(truth), I::I32Const(0), I::I32LtS]);
                self.fail_if(PENDING, span);
                self.let_go(kept);
                self.op(I::LocalGet(truth));
                self.give_back(truth);
                Own::Free
            }
            Returns::Status => {
                self.fail_if(PENDING, span);
                self.let_go(kept);
                self.op(I::I32Const(0));
                Own::Free
            }
            Returns::StatusInt
            | Returns::StatusFloat
            | Returns::StatusSlot
            | Returns::StatusLent => {
                self.fail_if(PENDING, span);
                self.result_cell(ty, returns, kept)
            }
            Returns::Raises => {
                self.op(I::Drop);
                self.fail(PENDING, span);
                Own::Free
            }
        };
        if never {
            self.op(I::Unreachable);
            return Own::Free;
        }
        own
    }

    /// The value in the result cell; giving back arguments must not lose it.
    fn result_cell(&mut self, ty: &Ty, returns: Returns, kept: Kept) -> Own {
        if *ty == Ty::Never {
            self.op(I::Unreachable);
            return Own::Free;
        }
        match returns {
            Returns::StatusSlot => {
                self.load_result_slot(ty);
                self.let_go(kept);
                Own::Owned
            }
            Returns::StatusLent => {
                self.op(I::I32Const(cell::RET as i32));
                let own = self.load_slot(ty, 0);
                if kept.is_empty() {
                    return own;
                }
                if own == Own::Lent {
                    self.take_reference(ty);
                }
                self.let_go(kept);
                if own == Own::Lent { Own::Owned } else { own }
            }
            _ => {
                self.op(I::I32Const(0));
                self.op(if *ty == Ty::Float {
                    I::F64Load(field(cell::RET))
                } else {
                    I::I64Load(field(cell::RET))
                });
                self.let_go(kept);
                Own::Free
            }
        }
    }
}
