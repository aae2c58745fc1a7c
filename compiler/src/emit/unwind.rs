//! What fails: where it leads to, and what is given back on the way.
//!
//! Each place that can fail jumps to a block of its own, which says with which code, and goes on to what is around: a
//! `try`, what notes which exception is being handled, or the function. How many such blocks there are is known only when
//! the code that jumps to them is there, so those jumps are written as [`place`] and numbered by [`wrapped`].

use wasm_encoder::{BlockType, Instruction as I, ValType};

use super::expr::raised;
use super::memory::Own;
use super::{Emitter, PENDING};
use crate::abi::{Returns, runtime_function};
use crate::ast::Span;
use crate::ir::{Argument, Ex, LocalId, Op as Ir, Raise, St};
use crate::link::Op;
use crate::request::Literal;
use crate::ty::Ty;

/// The code of what is pending, and has its frame already.
pub(super) const AGAIN: u32 = u32::MAX;

/// What `exception_reraise` returns if nothing is handled.
const RERAISED_NOTHING: i32 = 2;

const PLACE: u32 = 1 << 31;
const FRAME_SHIFT: u32 = 19;

/// A reference that waits for others to be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// In Wasm locals, as a value.
    Value(Vec<u32>, Ty),
    /// In a Wasm local, as a slot.
    Slot(u32, Ty),
}

/// A place that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub code: u32,
    pub held: Vec<Held>,
}

/// Code whose failures lead to one place.
#[derive(Debug, Default)]
pub(super) struct Frame {
    id: u32,
    /// How much was held when it began.
    base: usize,
    pub failures: Vec<Failure>,
}

/// Statements that handle an exception.
pub(super) struct Handling {
    /// The Wasm local with what was handled before.
    saved: u32,
    /// How many blocks are around it.
    blocks: usize,
}

/// Stands for the depth of the block of a failure.
fn place(frame: u32, failure: usize) -> u32 {
    PLACE | frame << FRAME_SHIFT | failure as u32
}

/// Numbers the jumps to the failures of a frame, which has so many, and those that lead out of it.
pub(super) fn wrapped(ops: Vec<Op>, frame: &Frame) -> Vec<Op> {
    let (count, own) = (frame.failures.len() as u32, PLACE | frame.id << FRAME_SHIFT);
    let mut depth = 0;
    let target = |to: u32, depth: u32| {
        if to & !((1 << FRAME_SHIFT) - 1) == own {
            depth + (to - own)
        } else if to < PLACE && to >= depth {
            to + count
        } else {
            to
        }
    };
    let renumber = |op: Op| {
        match &op {
            Op::Wasm(I::Block(_) | I::Loop(_) | I::If(_)) => depth += 1,
            Op::Wasm(I::End) => depth -= 1,
            Op::Wasm(I::Br(to)) => return Op::Wasm(I::Br(target(*to, depth))),
            Op::Wasm(I::BrIf(to)) => return Op::Wasm(I::BrIf(target(*to, depth))),
            _ => {}
        }
        op
    };
    ops.into_iter().map(renumber).collect()
}

impl Emitter<'_, '_> {
    /// Stands for the depth of the block that fails with a code.
    pub(super) fn failure_at(&mut self, code: u32, can_catch: bool) -> u32 {
        let index = if can_catch { self.frames.len() - 1 } else { 0 };
        let frame = &mut self.frames[index];
        let held = if can_catch { self.held[frame.base..].to_vec() } else { Vec::new() };
        let failure = Failure { code, held };
        let known = frame.failures.iter().position(|known| *known == failure);
        let at = known.unwrap_or_else(|| {
            frame.failures.push(failure);
            frame.failures.len() - 1
        });
        place(frame.id, at)
    }

    /// Notes a reference that is to be given back if what follows fails.
    pub(super) fn note_held(&mut self, held: Held) {
        if self.module.catches {
            self.held.push(held);
        }
    }

    /// Keeps a copy of the slot on the stack, so that it can be given back if what follows fails.
    pub(super) fn hold_slot(&mut self, ty: &Ty) {
        if self.module.catches && ty.is_counted() {
            let slot = self.temp(ValType::I64);
            self.op(I::LocalTee(slot));
            self.held.push(Held::Slot(slot, ty.clone()));
        }
    }

    /// Notes a slot in a Wasm local.
    pub(super) fn note_slot(&mut self, slot: u32, ty: &Ty) {
        if ty.is_counted() {
            self.note_held(Held::Slot(slot, ty.clone()));
        }
    }

    /// Something else has taken over what is in these slots.
    pub(super) fn let_go_of_slots(&mut self, slots: &[u32]) {
        self.held.retain(|held| !matches!(held, Held::Slot(slot, _) if slots.contains(slot)));
    }

    /// Calls what sets an exception pending, and gives its arguments back.
    pub(super) fn set_pending(&mut self, name: &'static str, arguments: Vec<Argument>, span: Span) {
        let Some(function) = runtime_function(name) else { return };
        let call = Ex::new(Ir::Runtime(name, arguments.clone()), Ty::None, span);
        let mut function = *function;
        function.returns = Returns::Num;
        let held = self.held.len();
        self.call_runtime(&call, &function, &arguments);
        self.forget_slots(held);
        self.op(I::Drop);
    }

    /// Goes on to fail with what is pending, which has its frame.
    pub(super) fn fail_again(&mut self) {
        let again = self.failure_at(AGAIN, true);
        self.op(I::Br(again));
    }

    /// `raise` where only those who called know what is handled.
    pub(super) fn reraise(&mut self, span: Span) {
        if self.module.catches {
            self.ops.push(Op::Runtime("exception_reraise"));
            self.ops([I::I32Const(RERAISED_NOTHING), I::I32Eq]);
            self.fail_if(PENDING, span);
            self.fail_again();
            return;
        }
        let class = Argument::Num(crate::abi::class::RUNTIME_ERROR);
        let text = Literal::Str("No active exception to reraise".to_owned());
        let text = Argument::Ex(Ex::new(Ir::Static(text), Ty::Str, span));
        self.set_pending("raise_str", vec![class, text], span);
        self.fail(PENDING, span);
    }

    /// An exception that is made, and perhaps raised later.
    pub(super) fn new_exception(&mut self, raise: &Raise, span: Span) -> Own {
        if let Some((name, arguments)) = raised(raise) {
            self.set_pending(name, arguments, span);
        }
        let made = self.temp(ValType::I32);
        self.ops.push(Op::Runtime("exception_made"));
        self.ops([I::LocalTee(made), I::I32Eqz]);
        self.fail_if(PENDING, span);
        self.op(I::LocalGet(made));
        self.give_back(made);
        Own::Owned
    }

    /// Forgets what was held since, and gives back the Wasm locals that are of no more use.
    pub(super) fn forget_slots(&mut self, before: usize) {
        for held in self.held.split_off(before.min(self.held.len())) {
            if let Held::Slot(slot, _) = held {
                self.give_back(slot);
            }
        }
    }

    /// Emits code around the blocks of its failures; what comes after has their code on the stack.
    pub(super) fn blocks_of_failures(&mut self, code: Vec<Op>, frame: &Frame) {
        let count = frame.failures.len() as u32;
        self.op(I::Block(BlockType::Result(ValType::I32)));
        for _ in 0..count {
            self.op(I::Block(BlockType::Empty));
        }
        self.ops.extend(wrapped(code, frame));
        for (index, failure) in frame.failures.iter().enumerate() {
            self.op(I::End);
            for held in failure.held.iter().rev() {
                match held {
                    Held::Value(locals, ty) => {
                        self.ops(locals.iter().map(|local| I::LocalGet(*local)));
                        if locals.len() == 1 {
                            self.release_object(ty);
                        } else {
                            self.release(ty);
                        }
                    }
                    Held::Slot(slot, ty) => {
                        self.ops([I::LocalGet(*slot), I::I32WrapI64]);
                        self.release_object(ty);
                    }
                }
            }
            self.op(I::I32Const(failure.code.cast_signed()));
            self.op(I::Br(count - 1 - index as u32));
        }
        self.op(I::End);
    }

    /// Emits code, and where its failures lead, which has their code on the stack.
    fn guarded(&mut self, code: impl FnOnce(&mut Self), landing: impl FnOnce(&mut Self)) {
        self.forget_addresses();
        let outer = std::mem::take(&mut self.ops);
        self.frame_count += 1;
        let frame = Frame { id: self.frame_count, base: self.held.len(), failures: Vec::new() };
        self.frames.push(frame);
        // One to go on after, one for failures.
        self.blocks.extend([None, None]);
        code(self);
        self.op(I::Br(1));
        self.forget_addresses();
        let frame = self.frames.pop().unwrap_or_default();
        self.blocks.pop();
        let inner = std::mem::replace(&mut self.ops, outer);
        self.op(I::Block(BlockType::Empty));
        if frame.failures.is_empty() {
            self.op(I::Block(BlockType::Empty));
            self.ops.extend(inner);
            self.op(I::End);
        } else {
            self.blocks_of_failures(inner, &frame);
            self.ops.push(Op::Call(self.module.unwind));
            landing(self);
        }
        self.blocks.pop();
        self.op(I::End);
        self.forget_addresses();
    }

    /// `try` with one handler for all that can be caught.
    pub(super) fn attempt(&mut self, body: &[St], caught: LocalId, handler: &[St]) {
        self.guarded(
            |this| this.block(body),
            |this| {
                let exception = this.temp(ValType::I32);
                this.ops.push(Op::Runtime("exception_take"));
                this.ops([I::LocalTee(exception), I::I32Eqz]);
                let leave = this.failure_at(AGAIN, false);
                this.op(I::BrIf(leave));
                this.release_local(caught);
                this.ops([I::LocalGet(exception), I::LocalSet(this.places[caught])]);
                this.give_back(exception);
                this.block(handler);
            },
        );
    }

    /// Statements that handle an exception, which is the context of what they raise.
    pub(super) fn handling(&mut self, exception: LocalId, saved: LocalId, body: &[St]) {
        let saved = self.places[saved];
        self.op(I::LocalGet(self.places[exception]));
        self.ops.push(Op::Runtime("exception_handle"));
        self.op(I::LocalSet(saved));
        self.handlings.push(Handling { saved, blocks: self.blocks.len() });
        self.guarded(
            |this| this.block(body),
            |this| {
                this.restore(saved);
                let outer = this.failure_at(AGAIN, true);
                this.op(I::Br(outer));
            },
        );
        self.handlings.pop();
        self.restore(saved);
    }

    fn restore(&mut self, saved: u32) {
        self.op(I::LocalGet(saved));
        self.ops.push(Op::Runtime("exception_handle"));
        self.op(I::Drop);
    }

    /// Code goes on where only so many blocks are around: what was handled there is handled again.
    pub(super) fn leave_handlings(&mut self, blocks: usize) {
        let left = self.handlings.iter().find(|handling| handling.blocks > blocks);
        if let Some(saved) = left.map(|handling| handling.saved) {
            self.restore(saved);
        }
    }
}
