//! What a loop cannot change, worked out once before it: where the elements of its lists are, and
//! how many; and products of locals.
//!
//! The place of a list is a guess about rows (`a[i]` in a loop over `k`): if there is no such row, its length is
//! taken as 0, and every access goes the ordinary way, which raises in Python's order.

use std::collections::BTreeSet;

use wasm_encoder::{BlockType, Instruction as I, ValType};

use super::Emitter;
use super::ints::Operand;
use super::lists::is_packed;
use super::memory::field;
use crate::abi::layout;
use crate::ast::Operator;
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

/// A product of two locals that stay the same in a loop: Wasm locals of its value, and of whether
/// the factors are so small that the value is right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product {
    factors: (LocalId, LocalId),
    pub value: u32,
    pub fits: u32,
}

/// How much was known before a loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    lists: usize,
    products: usize,
}

/// What a loop does, as far as it matters here.
#[derive(Default)]
struct Survey {
    restless: bool,
    assigned: BTreeSet<LocalId>,
    read: BTreeSet<Fixed>,
    multiplied: BTreeSet<(LocalId, LocalId)>,
}

impl Emitter<'_, '_> {
    /// Works out what a loop will need. Returns how much was known before.
    pub(super) fn hoist(&mut self, condition: Option<&Ex>, body: &[St], step: &[St]) -> Before {
        let before = Before { lists: self.known.len(), products: self.products.len() };
        let mut survey = Survey::default();
        let mut parts = [body.to_vec(), step.to_vec(), Vec::new()];
        if let Some(condition) = condition {
            parts[2].push(St::Eval(condition.clone()));
        }
        for part in &mut parts {
            self.survey(part, &mut survey);
        }
        for factors in &survey.multiplied {
            let stays =
                !survey.assigned.contains(&factors.0) && !survey.assigned.contains(&factors.1);
            if stays && !self.products.iter().any(|known| known.factors == *factors) {
                self.multiply_before(*factors);
            }
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

    /// Forgets what was worked out for a loop that has ended.
    pub(super) fn forget(&mut self, before: Before) {
        for known in self.known.split_off(before.lists) {
            self.give_back(known.data);
            self.give_back(known.length);
        }
        for product in self.products.split_off(before.products) {
            self.give_back(product.value);
            self.give_back(product.fits);
        }
    }

    fn multiply_before(&mut self, factors: (LocalId, LocalId)) {
        let (value, fits) = (self.temp(ValType::I64), self.temp(ValType::I32));
        let (a, b) = (self.places[factors.0], self.places[factors.1]);
        self.small_factors(Operand::Local(a), Operand::Local(b));
        self.op(I::LocalSet(fits));
        self.ops([I::LocalGet(a), I::LocalGet(b), I::I64Mul, I::LocalSet(value)]);
        self.products.push(Product { factors, value, fits });
    }

    /// The product of two expressions, if it was worked out before the loop.
    pub(super) fn product(&self, left: &Ex, right: &Ex) -> Option<Product> {
        let (Ir::Local(a), Ir::Local(b)) = (&left.op, &right.op) else { return None };
        self.products.iter().copied().find(|known| known.factors == (*a, *b))
    }

    fn look_up(&mut self, fixed: Fixed) {
        let (data, length) = (self.temp(ValType::I32), self.temp(ValType::I64));
        match fixed {
            Fixed::List(list) => {
                let packed = self.func.locals[list].ty == Ty::Bytes;
                let list = self.places[list];
                self.op(I::LocalGet(list));
                self.elements(packed);
                self.op(I::LocalSet(data));
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
        if !matches!(list.ty, Ty::List(_) | Ty::VTuple(_)) && !is_packed(list) {
            return None;
        }
        match &list.op {
            Ir::Local(local) => Some(Fixed::List(*local)),
            Ir::ListGet { list: outer, index, .. } => match (&outer.op, &index.op) {
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
                    survey.restless |= holds_objects(&local.ty) && !local.borrowed;
                }
                St::Step { local, .. } => {
                    survey.assigned.insert(*local);
                }
                St::Clear(local) => survey.restless |= holds_objects(&self.func.locals[*local].ty),
                St::FieldSet { value, .. } => survey.restless |= value.ty.is_counted(),
                St::ListSet { list, value, .. } => {
                    survey.restless |= value.ty.is_counted();
                    survey.read.extend(self.fixed(list));
                }
                _ => {}
            }
            visit::expressions_of(statement, &mut |expression| {
                self.survey_expression(expression, survey);
            });
            visit::blocks_of(statement, &mut |block| self.survey(block, survey));
        }
    }

    fn survey_expression(&self, expression: &mut Ex, survey: &mut Survey) {
        match &mut expression.op {
            Ir::Call(..) | Ir::NewList(_) | Ir::NewTuple(_) | Ir::NewObject(_) | Ir::Lazy(_) => {
                survey.restless = true;
            }
            // Exceptions hold none of a task's objects.
            Ir::Runtime(name, _) if name.starts_with("exception_") => {}
            Ir::Runtime(name, arguments) => {
                let numbers =
                    ["int_", "float_", "math_"].iter().any(|start| name.starts_with(start));
                let counted = |argument: &Argument| matches!(argument, Argument::Ex(ex) if ex.ty.is_counted());
                survey.restless |=
                    !numbers || expression.ty.is_counted() || arguments.iter().any(counted);
            }
            Ir::Int2(Operator::Mul, a, b) if !expression.proved => {
                if let (Ir::Local(a), Ir::Local(b)) = (&a.op, &b.op) {
                    survey.multiplied.insert((*a, *b));
                }
            }
            Ir::ListGet { list, .. } => survey.read.extend(self.fixed(list)),
            Ir::Seq(statements, _) => self.survey(statements, survey),
            _ => {}
        }
        visit::children_of(expression, &mut |child| self.survey_expression(child, survey));
    }
}

/// Whether giving a value back can free a list.
fn holds_objects(ty: &Ty) -> bool {
    ty.is_counted() && !matches!(ty, Ty::Exception(_))
}
