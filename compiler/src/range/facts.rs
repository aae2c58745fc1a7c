//! What is known of a local from all its assignments together: that it only counts, or how long its list is.

use crate::ir::{Ex, Func, Interval, LocalId, Op, St};
use crate::ty::Ty;
use crate::visit;

/// What a counter begins with, at most.
const BEGIN_MAX: u64 = 1 << 31;
/// What is added to it at a time, at most.
const STEP_MAX: u64 = 4;
/// A counter gets as far as this in decades, one step in each cycle of a processor.
const COUNTER: Interval = Interval::new(-(1 << 62), 1 << 62);

/// By local.
pub(super) struct Facts {
    /// Bounds that it keeps to.
    bounds: Vec<Interval>,
    /// The number of elements, wherever it is set.
    lengths: Vec<Option<i64>>,
}

impl Facts {
    pub(super) fn of(function: &mut Func) -> Self {
        let count = function.locals.len();
        let parameters = function.parameters.len();
        let is_local = |(index, ty): (usize, bool)| ty && index >= parameters;
        let of_type = |is_it: fn(&Ty) -> bool| -> Vec<bool> {
            function.locals.iter().map(|local| is_it(&local.ty)).enumerate().map(is_local).collect()
        };
        let mut survey = Survey {
            counts: of_type(|ty| *ty == Ty::Int),
            is_list: of_type(|ty| matches!(ty, Ty::List(_))),
            lengths: vec![None; count],
        };
        survey.block(&mut function.body);
        visit::every_expression(&mut function.body, &mut |expression| survey.inner(expression));
        let bound = |counts: &bool| if *counts { COUNTER } else { Interval::FULL };
        let bounds = survey.counts.iter().map(bound).collect();
        let lengths = survey.lengths.iter().zip(&survey.is_list);
        let lengths = lengths.map(|(length, is_list)| length.filter(|_| *is_list)).collect();
        Self { bounds, lengths }
    }

    /// The part of bounds that a local keeps to.
    pub(super) fn within(&self, local: LocalId, interval: Interval) -> Interval {
        let known = self.bounds[local];
        Interval::new(
            interval.low.clamp(known.low, known.high),
            interval.high.clamp(known.low, known.high),
        )
    }

    /// The number of elements of a list, if it is always the same.
    pub(super) fn length(&self, list: &Ex) -> Option<i64> {
        match list.op {
            Op::Local(local) => self.lengths.get(local).copied().flatten(),
            _ => None,
        }
    }
}

struct Survey {
    counts: Vec<bool>,
    /// Whether it is a list that is read and written by index only.
    is_list: Vec<bool>,
    lengths: Vec<Option<i64>>,
}

impl Survey {
    /// Looks at statements, and at those in them, but not at those in expressions.
    fn block(&mut self, block: &mut [St]) {
        for statement in block {
            self.statement(statement);
            visit::blocks_of(statement, &mut |inner| self.block(inner));
        }
    }

    fn statement(&mut self, statement: &mut St) {
        match statement {
            St::Set(local, value) => {
                if self.counts[*local] && !counts(*local, value) {
                    self.counts[*local] = false;
                }
                if self.is_list[*local] {
                    self.set_list(*local, value);
                }
            }
            St::Step { local, by, .. } => {
                self.counts[*local] &= is_small(by, STEP_MAX);
            }
            St::Clear(local) => self.is_list[*local] = false,
            St::ListSet { list, index, value, .. } => {
                self.list_used(list);
                self.leaves(index);
                self.leaves(value);
            }
            _ => {}
        }
        if !matches!(statement, St::ListSet { .. }) {
            visit::expressions_of(statement, &mut |expression| self.leaves(expression));
        }
    }

    fn set_list(&mut self, local: LocalId, value: &Ex) {
        let Op::NewList(items) = &value.op else {
            self.is_list[local] = false;
            return;
        };
        let length = items.len() as i64;
        self.is_list[local] = self.lengths[local].is_none_or(|known| known == length);
        self.lengths[local] = Some(length);
    }

    /// A list that is indexed, or whose elements are counted.
    fn list_used(&mut self, list: &Ex) {
        if !matches!(list.op, Op::Local(_)) {
            self.leaves(list);
        }
    }

    /// The value of an expression goes where nobody looks; what its parts do is seen by [`Self::inner`].
    fn leaves(&mut self, expression: &Ex) {
        if let Op::Local(local) = expression.op {
            self.is_list[local] = false;
        }
    }

    /// Looks at an expression's parts.
    fn inner(&mut self, expression: &mut Ex) {
        match &mut expression.op {
            Op::ListGet { list, index, .. } => {
                self.list_used(list);
                self.leaves(index);
            }
            Op::Len(list) => self.list_used(list),
            Op::Seq(statements, value) => {
                self.leaves(value);
                let mut statements = std::mem::take(statements);
                self.block(&mut statements);
                if let Op::Seq(place, _) = &mut expression.op {
                    *place = statements;
                }
            }
            _ => visit::children_of(expression, &mut |child| self.leaves(child)),
        }
    }
}

/// Whether a value is that of a counter: small and constant, or what it was, and a little more or less.
fn counts(local: LocalId, value: &Ex) -> bool {
    match &value.op {
        Op::Int(_) => is_small(value, BEGIN_MAX),
        Op::Int2(crate::ast::Operator::Add | crate::ast::Operator::Sub, a, b) => {
            matches!(a.op, Op::Local(same) if same == local) && is_small(b, STEP_MAX)
        }
        _ => false,
    }
}

fn is_small(value: &Ex, most: u64) -> bool {
    matches!(value.op, Op::Int(value) if value.unsigned_abs() <= most)
}
