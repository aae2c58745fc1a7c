//! Innermost loops whose indexes are sums and products of a counter and of what the loop does not change.
//!
//! Whether all of them stay inside their lists is tested once, before the loop, at the counter's two ends: in between they
//! lie in between. If they do, and all numbers involved are small, a version of the loop runs that checks neither indexes
//! nor overflow in them. If not, or if nobody knows, the ordinary version runs, and raises in Python's order.

use std::collections::BTreeSet;

use wasm_encoder::{BlockType, Instruction as I, ValType};

use super::Emitter;
use super::lists::is_packed;
use crate::ast::{Comparison, Operator};
use crate::ir::{Ex, LocalId, Op as Ir, St};
use crate::ty::Ty;
use crate::visit;

/// Bits of the numbers that indexes are made of, their sign left out.
const LEAF_BITS: u32 = 30;
/// Different indexes that are tested before a loop. More would take longer than they save.
const TESTS_MAX: usize = 8;
/// Operations of a derived local, those of the locals it is derived from included.
const DERIVED_MAX: usize = 24;

/// What a version of a loop may rely on.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    counter: LocalId,
    /// What the loop assigns.
    assigned: BTreeSet<LocalId>,
    /// Locals that are sums and products for the rest of the statements they are assigned in.
    derived: Vec<(LocalId, Ex)>,
    /// Locals that derived ones and the counter's copies are among: assigned at one place only.
    once: BTreeSet<LocalId>,
    /// Locals that are tested to be small.
    leaves: BTreeSet<LocalId>,
}

/// How an index depends on the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    /// How far from zero it can be.
    most: u128,
    moves: bool,
}

/// What has to hold before the loop.
struct Plan {
    trust: Trust,
    bound: Ex,
    by: Ex,
    /// Lists and indexes, with derived locals written out.
    tests: Vec<(Ex, Ex)>,
}

impl Trust {
    /// Whether an int is a sum or product of what is known, and how large it can be.
    fn shape(&self, value: &Ex) -> Option<Shape> {
        if value.ty != Ty::Int {
            return None;
        }
        let shape = match &value.op {
            Ir::Int(value) => Shape { most: value.unsigned_abs().into(), moves: false },
            Ir::Local(local) if *local == self.counter => {
                Shape { most: 1 << LEAF_BITS, moves: true }
            }
            Ir::Local(local) => {
                if let Some((_, value)) = self.derived.iter().find(|(derived, _)| derived == local)
                {
                    return self.shape(value);
                }
                let stays = !self.assigned.contains(local);
                return stays.then_some(Shape { most: 1 << LEAF_BITS, moves: false });
            }
            Ir::Int2(Operator::Add | Operator::Sub, a, b) => {
                let (a, b) = (self.shape(a)?, self.shape(b)?);
                Shape { most: a.most + b.most, moves: a.moves || b.moves }
            }
            Ir::Int2(Operator::Mul, a, b) => {
                let (a, b) = (self.shape(a)?, self.shape(b)?);
                if a.moves && b.moves {
                    return None;
                }
                Shape { most: a.most * b.most, moves: a.moves || b.moves }
            }
            _ => return None,
        };
        (shape.most <= i64::MAX as u128).then_some(shape)
    }

    /// How far from zero an int of known parts can be, if it fits: unlike an index, it need not lie in between while the
    /// counter moves.
    fn bound(&self, value: &Ex) -> Option<u128> {
        if value.ty != Ty::Int {
            return None;
        }
        let most = match &value.op {
            Ir::Local(local) => match self.derived.iter().find(|(derived, _)| derived == local) {
                Some((_, value)) => self.bound(value)?,
                None => self.shape(value)?.most,
            },
            Ir::Int(_) => self.shape(value)?.most,
            Ir::Int2(Operator::Add | Operator::Sub, a, b) => self.bound(a)? + self.bound(b)?,
            Ir::Int2(Operator::Mul, a, b) => self.bound(a)? * self.bound(b)?,
            Ir::Int2(Operator::FloorDiv, a, b) if power_of_two(b).is_some() => self.bound(a)?,
            _ => return None,
        };
        (most <= i64::MAX as u128).then_some(most)
    }

    /// An index with derived locals written out.
    fn expanded(&self, value: &Ex) -> Ex {
        let mut value = value.clone();
        if let Ir::Local(local) = value.op
            && let Some((_, derived)) = self.derived.iter().find(|(known, _)| *known == local)
        {
            return self.expanded(derived);
        }
        visit::children_of(&mut value, &mut |child| *child = self.expanded(child));
        value
    }

    /// Whether all that a sum or product is made of was tested.
    fn covers(&self, value: &Ex) -> bool {
        self.shape(value).is_some() && leaves(&self.expanded(value)).is_subset(&self.leaves)
    }

    /// Whether an int of tested parts fits.
    fn fits(&self, value: &Ex) -> bool {
        self.bound(value).is_some() && leaves(&self.expanded(value)).is_subset(&self.leaves)
    }

    /// Notes an assignment, for the statements that come after it in its block.
    fn assign(&mut self, local: LocalId, value: &Ex) {
        if self.once.contains(&local) && self.bound(value).is_some() {
            let value = self.expanded(value);
            if count(&value) <= DERIVED_MAX {
                self.derived.push((local, value));
            }
        }
    }
}

/// The binary logarithm of a constant.
fn power_of_two(value: &Ex) -> Option<u32> {
    match value.op {
        Ir::Int(value @ 1..) if value.count_ones() == 1 => Some(value.trailing_zeros()),
        _ => None,
    }
}

/// Operations of an int of known parts.
fn count(value: &Ex) -> usize {
    match &value.op {
        Ir::Int2(_, a, b) => 1 + count(a) + count(b),
        _ => 1,
    }
}

/// The locals in a sum or product.
fn leaves(value: &Ex) -> BTreeSet<LocalId> {
    let mut found = BTreeSet::new();
    collect_leaves(&mut value.clone(), &mut found);
    found
}

fn collect_leaves(value: &mut Ex, found: &mut BTreeSet<LocalId>) {
    if let Ir::Local(local) = value.op {
        found.insert(local);
    }
    visit::children_of(value, &mut |child| collect_leaves(child, found));
}

/// How often each local is assigned, and whether there are loops.
#[derive(Default)]
struct Assignments {
    once: BTreeSet<LocalId>,
    all: BTreeSet<LocalId>,
    has_loops: bool,
}

impl Assignments {
    fn note(&mut self, local: LocalId) {
        if self.all.insert(local) {
            self.once.insert(local);
        } else {
            self.once.remove(&local);
        }
    }

    fn block(&mut self, block: &mut [St]) {
        for statement in block {
            match statement {
                St::Set(local, _) | St::Step { local, .. } | St::Clear(local) => self.note(*local),
                St::Loop { .. } => self.has_loops = true,
                _ => {}
            }
            visit::expressions_of(statement, &mut |expression| self.expression(expression));
            visit::blocks_of(statement, &mut |inner| self.block(inner));
        }
    }

    fn expression(&mut self, expression: &mut Ex) {
        if let Ir::Seq(statements, _) = &mut expression.op {
            self.block(statements);
        }
        visit::children_of(expression, &mut |child| self.expression(child));
    }
}

impl Emitter<'_, '_> {
    /// Emits a loop in two versions, if that is of use; `emit` is told which is the one to be fast. What it does not change is looked up already.
    pub(super) fn versions(
        &mut self,
        condition: Option<&Ex>,
        body: &[St],
        step: &[St],
        emit: &mut dyn FnMut(&mut Self, bool),
    ) {
        // A loop inside of one that is trusted has its counters to itself.
        let outer = self.trust.take();
        if let Some(plan) = condition.and_then(|condition| self.plan(condition, body, step)) {
            self.test(&plan);
            self.op(I::If(BlockType::Empty));
            self.blocks.push(None);
            self.trust = Some(plan.trust);
            emit(self, true);
            self.trust = None;
            self.op(I::Else);
            emit(self, false);
            self.blocks.pop();
            self.op(I::End);
        } else {
            emit(self, true);
        }
        self.trust = outer;
    }

    fn plan(&self, condition: &Ex, body: &[St], step: &[St]) -> Option<Plan> {
        let Ir::IntCompare(Comparison::Lt, counter, bound) = &condition.op else { return None };
        let Ir::Local(counter) = counter.op else { return None };
        let [St::Step { local, by, .. }] = step else { return None };
        let mut assignments = Assignments::default();
        let mut body = body.to_vec();
        assignments.block(&mut body);
        if *local != counter || assignments.all.contains(&counter) || assignments.has_loops {
            return None;
        }
        let mut assigned = assignments.all;
        assigned.insert(counter);
        let trust = Trust {
            counter,
            assigned,
            derived: Vec::new(),
            once: assignments.once,
            leaves: BTreeSet::new(),
        };
        let fixed = |value: &Ex| match value.op {
            Ir::Int(_) => true,
            Ir::Local(local) => value.ty == Ty::Int && !trust.assigned.contains(&local),
            _ => false,
        };
        let rises = matches!(by.op, Ir::Int(1..)) || by.range.low > 0;
        if !fixed(bound) || !fixed(by) || !rises {
            return None;
        }
        let mut plan =
            Plan { trust, bound: bound.as_ref().clone(), by: by.clone(), tests: Vec::new() };
        self.collect(&mut body, &mut plan);
        plan.trust.derived.clear();
        if plan.tests.is_empty() || plan.tests.len() > TESTS_MAX {
            return None;
        }
        plan.trust.leaves.insert(counter);
        for value in [&plan.bound, &plan.by] {
            let small = match value.op {
                Ir::Int(value) => value.unsigned_abs() < 1 << LEAF_BITS,
                _ => true,
            };
            if !small {
                return None;
            }
            plan.trust.leaves.extend(leaves(value));
        }
        Some(plan)
    }

    /// Finds the indexes in a block, in the order in which it is emitted.
    fn collect(&self, block: &mut [St], plan: &mut Plan) {
        let known = plan.trust.derived.len();
        for statement in block {
            if let St::ListSet { list, index, checked: true, .. } = statement {
                self.collect_index(list, index, plan);
            }
            visit::expressions_of(statement, &mut |expression| {
                self.collect_from(expression, plan);
            });
            visit::blocks_of(statement, &mut |inner| self.collect(inner, plan));
            if let St::Set(local, value) = statement {
                plan.trust.assign(*local, value);
            }
        }
        plan.trust.derived.truncate(known);
    }

    fn collect_from(&self, expression: &mut Ex, plan: &mut Plan) {
        match &mut expression.op {
            Ir::ListGet { list, index, checked: true } => self.collect_index(list, index, plan),
            Ir::Seq(statements, _) => self.collect(statements, plan),
            _ => {}
        }
        // Sums are cheap to check; products are worth a test before the loop.
        let is_product = matches!(expression.op, Ir::Int2(Operator::Mul, ..));
        if is_product && !expression.proved && plan.trust.bound(expression).is_some() {
            plan.trust.leaves.extend(leaves(&plan.trust.expanded(expression)));
        }
        visit::children_of(expression, &mut |child| self.collect_from(child, plan));
    }

    fn collect_index(&self, list: &Ex, index: &Ex, plan: &mut Plan) {
        if self.known(list).is_none() || plan.trust.shape(index).is_none() {
            return;
        }
        let index = plan.trust.expanded(index);
        plan.trust.leaves.extend(leaves(&index));
        let same = |(known, at): &(Ex, Ex)| {
            self.known(known).map(|known| known.length)
                == self.known(list).map(|known| known.length)
                && is_same(at, &index)
        };
        if !plan.tests.iter().any(same) {
            plan.tests.push((list.clone(), index));
        }
    }

    /// Pushes whether the trusted version may run.
    fn test(&mut self, plan: &Plan) {
        for (number, leaf) in plan.trust.leaves.iter().enumerate() {
            self.ops([I::LocalGet(self.places[*leaf]), I::I64Const(1 << LEAF_BITS), I::I64Add]);
            if number > 0 {
                self.op(I::I64Or);
            }
        }
        self.ops([I::I64Const(1 << (LEAF_BITS + 1)), I::I64LtU]);
        let last = self.temp(ValType::I64);
        self.raw(&plan.bound);
        self.ops([I::I64Const(1), I::I64Sub, I::LocalSet(last)]);
        let counter = plan.trust.counter;
        for (list, index) in &plan.tests {
            let Some(known) = self.known(list) else { continue };
            let ends = [self.places[counter], last];
            let moves = plan.trust.shape(index).is_some_and(|shape| shape.moves);
            for end in ends.into_iter().take(if moves { 2 } else { 1 }) {
                let place = std::mem::replace(&mut self.places[counter], end);
                self.raw(index);
                self.places[counter] = place;
                self.ops([I::LocalGet(known.length), I::I64LtU, I::I32And]);
            }
        }
        self.give_back(last);
    }

    /// Pushes what cannot overflow.
    fn raw(&mut self, value: &Ex) {
        match &value.op {
            Ir::Int2(Operator::FloorDiv, a, b) => {
                self.raw(a);
                let by = power_of_two(b).unwrap_or_default();
                self.ops([I::I64Const(by.into()), I::I64ShrS]);
            }
            Ir::Int(value) => self.op(I::I64Const(*value)),
            Ir::Local(local) => self.op(I::LocalGet(self.places[*local])),
            Ir::Int2(operator, a, b) => {
                self.raw(a);
                self.raw(b);
                self.op(match operator {
                    Operator::Add => I::I64Add,
                    Operator::Sub => I::I64Sub,
                    _ => I::I64Mul,
                });
            }
            _ => self.op(I::Unreachable),
        }
    }

    /// Pushes the low half of a sum or product.
    fn raw_half(&mut self, value: &Ex) {
        match &value.op {
            Ir::Int(value) => self.op(I::I32Const(*value as i32)),
            Ir::Local(local) => self.ops([I::LocalGet(self.places[*local]), I::I32WrapI64]),
            Ir::Int2(operator, a, b) => {
                self.raw_half(a);
                self.raw_half(b);
                self.op(match operator {
                    Operator::Add => I::I32Add,
                    Operator::Sub => I::I32Sub,
                    _ => I::I32Mul,
                });
            }
            _ => self.op(I::Unreachable),
        }
    }

    /// Emits an int without checks, if it is trusted to fit.
    pub(super) fn trusted_int(&mut self, value: &Ex) -> bool {
        let trusted = self.trust.as_ref().is_some_and(|trust| trust.fits(value));
        if trusted {
            self.raw(value);
        }
        trusted
    }

    /// Pushes the address of an element, if its index is trusted to be in its list.
    pub(super) fn trusted_address(&mut self, list: &Ex, index: &Ex) -> bool {
        let Some(known) = self.known(list) else { return false };
        let trusted = self.trust.as_ref().is_some_and(|trust| trust.covers(index));
        if trusted {
            self.op(I::LocalGet(known.data));
            self.raw_half(index);
            self.add_scaled(is_packed(list));
        }
        trusted
    }

    /// Whether a counter's step is trusted not to overflow.
    pub(super) fn is_trusted_step(&self, local: LocalId) -> bool {
        self.trust.as_ref().is_some_and(|trust| trust.counter == local)
    }

    /// Notes an assignment that was emitted.
    pub(super) fn trust_assigned(&mut self, local: LocalId, value: &Ex) {
        if let Some(trust) = &mut self.trust {
            trust.assign(local, value);
        }
    }

    /// How much is derived: what is, in a block, is not after it.
    pub(super) fn trust_depth(&self) -> usize {
        self.trust.as_ref().map_or(0, |trust| trust.derived.len())
    }

    /// Forgets what was derived in a block.
    pub(super) fn trust_only(&mut self, depth: usize) {
        if let Some(trust) = &mut self.trust {
            trust.derived.truncate(depth);
        }
    }
}

/// Whether two sums or products are written the same way.
#[allow(clippy::many_single_char_names, reason = "two of each, side by side")]
fn is_same(a: &Ex, b: &Ex) -> bool {
    match (&a.op, &b.op) {
        (Ir::Int(a), Ir::Int(b)) => a == b,
        (Ir::Local(a), Ir::Local(b)) => a == b,
        (Ir::Int2(p, a, b), Ir::Int2(q, c, d)) => p == q && is_same(a, c) && is_same(b, d),
        _ => false,
    }
}
