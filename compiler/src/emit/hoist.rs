//! Lists that a loop reads and cannot change: where their elements are, and how many, is looked up
//! once before the loop.
//!
//! That is a guess about rows (`a[i]` in a loop over `k`): if there is no such row, its length is
//! taken as 0, and every access goes the ordinary way, which raises in Python's order.

use std::collections::BTreeSet;

use wasm_encoder::{BlockType, Instruction as I, ValType};

use super::Emitter;
use super::memory::field;
use crate::abi::layout;
use crate::ir::{Argument, Ex, LocalId, Op as Ir, St};
use crate::ty::Ty;
use crate::visit;

/// A list that stays the same in a loop: a local, or the element of one at a local index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fixed {
    List(LocalId),
    Row(LocalId, LocalId),
}

/// A list whose place is known: Wasm locals of the first element's address, and the length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    fixed: Fixed,
    pub data: u32,
    pub length: u32,
}

/// What a loop does, as far as it matters here.
#[derive(Default)]
struct Survey {
    restless: bool,
    assigned: BTreeSet<LocalId>,
    read: BTreeSet<Fixed>,
}

impl Emitter<'_, '_> {
    /// Looks up what a loop will need. Returns how many were known before.
    pub(super) fn hoist(&mut self, condition: Option<&Ex>, body: &[St], step: &[St]) -> usize {
        let before = self.known.len();
        let mut survey = Survey::default();
        let mut parts = [body.to_vec(), step.to_vec(), Vec::new()];
        if let Some(condition) = condition {
            parts[2].push(St::Eval(condition.clone()));
        }
        for part in &mut parts {
            self.survey(part, &mut survey);
        }
        if survey.restless {
            return before;
        }
        for fixed in survey.read {
            let stays = match fixed {
                Fixed::List(list) => !survey.assigned.contains(&list),
                Fixed::Row(list, index) => {
                    !survey.assigned.contains(&list) && !survey.assigned.contains(&index)
                }
            };
            if stays && !self.known.iter().any(|known| known.fixed == fixed) {
                self.look_up(fixed);
            }
        }
        before
    }

    /// Forgets what was looked up for a loop that has ended.
    pub(super) fn forget(&mut self, before: usize) {
        for known in self.known.split_off(before) {
            self.give_back(known.data);
            self.give_back(known.length);
        }
    }

    fn look_up(&mut self, fixed: Fixed) {
        let (data, length) = (self.temp(ValType::I32), self.temp(ValType::I64));
        match fixed {
            Fixed::List(list) => {
                let list = self.places[list];
                self.ops([
                    I::LocalGet(list),
                    I::I32Load(field(layout::LIST_DATA)),
                    I::LocalSet(data),
                ]);
                self.ops([
                    I::LocalGet(list),
                    I::I64Load32U(field(layout::LEN)),
                    I::LocalSet(length),
                ]);
            }
            Fixed::Row(list, index) => {
                let (list, index) = (self.places[list], self.places[index]);
                self.ops([I::I64Const(0), I::LocalSet(length)]);
                self.ops([I::LocalGet(index), I::LocalGet(list)]);
                self.ops([I::I64Load32U(field(layout::LEN)), I::I64LtU]);
                self.op(I::If(BlockType::Empty));
                self.ops([I::LocalGet(list), I::I32Load(field(layout::LIST_DATA))]);
                self.ops([I::LocalGet(index), I::I32WrapI64, I::I32Const(3), I::I32Shl, I::I32Add]);
                self.ops([I::I32Load(field(0)), I::LocalTee(data)]);
                self.ops([I::I64Load32U(field(layout::LEN)), I::LocalSet(length)]);
                self.ops([
                    I::LocalGet(data),
                    I::I32Load(field(layout::LIST_DATA)),
                    I::LocalSet(data),
                ]);
                self.op(I::End);
            }
        }
        self.known.push(Known { fixed, data, length });
    }

    /// What is known about a list.
    pub(super) fn known(&self, list: &Ex) -> Option<Known> {
        let fixed = self.fixed(list)?;
        self.known.iter().copied().find(|known| known.fixed == fixed)
    }

    fn fixed(&self, list: &Ex) -> Option<Fixed> {
        if !matches!(list.ty, Ty::List(_) | Ty::VTuple(_)) {
            return None;
        }
        match &list.op {
            Ir::Local(local) => Some(Fixed::List(*local)),
            Ir::ListGet { list: outer, index, checked: true } => match (&outer.op, &index.op) {
                (Ir::Local(outer), Ir::Local(index)) => Some(Fixed::Row(*outer, *index)),
                _ => None,
            },
            _ => None,
        }
    }

    fn survey(&self, block: &mut [St], survey: &mut Survey) {
        for statement in block.iter_mut() {
            match statement {
                St::Set(local, _) => {
                    survey.assigned.insert(*local);
                    let local = &self.func.locals[*local];
                    // What goes with the old value may be a row.
                    survey.restless |= local.ty.is_counted() && !local.borrowed;
                }
                St::Step { local, .. } => {
                    survey.assigned.insert(*local);
                }
                St::Clear(local) => survey.restless |= self.func.locals[*local].ty.is_counted(),
                St::ListSet { list, value, .. } => {
                    survey.restless |= value.ty.is_counted();
                    survey.read.extend(self.fixed(list));
                }
                _ => {}
            }
            visit::expressions_of(statement, &mut |expression| {
                self.survey_expression(expression, survey)
            });
            visit::blocks_of(statement, &mut |block| self.survey(block, survey));
        }
    }

    fn survey_expression(&self, expression: &mut Ex, survey: &mut Survey) {
        match &mut expression.op {
            Ir::Call(..) | Ir::NewList(_) | Ir::NewTuple(_) | Ir::Lazy(_) => survey.restless = true,
            Ir::Runtime(name, arguments) => {
                let numbers =
                    ["int_", "float_", "math_"].iter().any(|start| name.starts_with(start));
                let counted = |argument: &Argument| matches!(argument, Argument::Ex(ex) if ex.ty.is_counted());
                survey.restless |=
                    !numbers || expression.ty.is_counted() || arguments.iter().any(counted);
            }
            Ir::ListGet { list, checked: true, .. } => survey.read.extend(self.fixed(list)),
            Ir::Seq(statements, _) => self.survey(statements, survey),
            _ => {}
        }
        visit::children_of(expression, &mut |child| self.survey_expression(child, survey));
    }
}
