//! Bounds of ints: which operations cannot overflow, and which indexes are not negative.
//!
//! An abstract interpretation over the structured program. At a loop's head, bounds that a turn of
//! the loop changes are widened to the next of a few landmarks, so that two or three turns suffice;
//! conditions narrow the bounds of the locals they compare. The last visit of an expression is
//! under the widest bounds, and so what it notes is true for all turns.

mod facts;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};

use crate::ast::Comparison;
use crate::ir::{Ex, Func, Interval, Label, LocalId, Op, St};
use crate::ty::Ty;

/// Turns after which bounds are given up instead of widened further.
const TURNS_MAX: usize = 8;

/// Bounds that loops typically keep to.
const LANDMARKS: &[i64] = &[
    i64::MIN,
    -(1 << 53),
    -(1 << 31),
    -1,
    0,
    1,
    1 << 31,
    1 << 32,
    1 << 53,
    i64::MAX - 1,
    i64::MAX,
];

/// Bounds of the int locals; those that are missing can be anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct State {
    bounds: BTreeMap<LocalId, Interval>,
}

impl State {
    fn get(&self, local: LocalId) -> Interval {
        self.bounds.get(&local).copied().unwrap_or(Interval::FULL)
    }

    fn set(&mut self, local: LocalId, interval: Interval) {
        if interval == Interval::FULL {
            self.bounds.remove(&local);
        } else {
            self.bounds.insert(local, interval);
        }
    }

    fn join(&self, other: &Self) -> Self {
        let mut joined = Self::default();
        for (local, a) in &self.bounds {
            let b = other.get(*local);
            joined.set(*local, Interval::new(a.low.min(b.low), a.high.max(b.high)));
        }
        joined
    }

    /// Bounds that grew, moved out to the next landmark.
    fn widen(&self, new: &Self) -> Self {
        let mut wide = Self::default();
        for (local, old) in &self.bounds {
            let new = new.get(*local);
            let low = if new.low < old.low { below(new.low) } else { old.low };
            let high = if new.high > old.high { above(new.high) } else { old.high };
            wide.set(*local, Interval::new(low, high));
        }
        wide
    }
}

fn below(value: i64) -> i64 {
    LANDMARKS.iter().rev().copied().find(|mark| *mark <= value).unwrap_or(i64::MIN)
}

fn above(value: i64) -> i64 {
    LANDMARKS.iter().copied().find(|mark| *mark >= value).unwrap_or(i64::MAX)
}

/// Notes bounds and proofs in a function's expressions.
pub(crate) fn analyze(function: &mut Func) {
    let ints = function.locals.iter().map(|local| local.ty == Ty::Int).collect();
    let facts = facts::Facts::of(function);
    let mut analysis = Analysis { ints, facts, jumps: BTreeMap::new() };
    // Locals are zero before they are set, but are never read then.
    analysis.block(&mut function.body, Some(State::default()));
}

struct Analysis {
    /// Which locals are ints.
    ints: Vec<bool>,
    facts: facts::Facts,
    /// Bounds at the ends of blocks that are jumped to.
    jumps: BTreeMap<Label, State>,
}

impl Analysis {
    /// Bounds after statements; nothing if control does not get there.
    fn block(&mut self, statements: &mut [St], mut state: Option<State>) -> Option<State> {
        for statement in statements {
            // What control does not reach is not visited: it has no bounds, and is left unproved.
            state = self.statement(statement, state?);
        }
        state
    }

    fn statement(&mut self, statement: &mut St, mut state: State) -> Option<State> {
        match statement {
            St::Set(local, value) => {
                let interval = self.visit(value, &mut state);
                if value.ty == Ty::Never {
                    return None;
                }
                if self.ints.get(*local) == Some(&true) {
                    state.set(*local, interval);
                }
                Some(state)
            }
            St::Eval(value) => {
                self.visit(value, &mut state);
                (value.ty != Ty::Never).then_some(state)
            }
            St::Return(value) | St::Yield(value) => {
                self.visit(value, &mut state);
                None
            }
            St::If(test, then, other) => {
                self.visit(test, &mut state);
                let then = self.block(then, Some(self.assume(test, true, &state)));
                let other = self.block(other, Some(self.assume(test, false, &state)));
                merge(then, other)
            }
            St::Block(label, body) => {
                let outer = self.jumps.remove(label);
                let end = self.block(body, Some(state));
                let jumped = self.jumps.remove(label);
                if let Some(outer) = outer {
                    self.jumps.insert(*label, outer);
                }
                merge(end, jumped)
            }
            St::Br(label) => {
                let known = self.jumps.remove(label);
                let joined = merge(known, Some(state));
                if let Some(joined) = joined {
                    self.jumps.insert(*label, joined);
                }
                None
            }
            St::Loop { condition, body, step, .. } => {
                self.turn(condition.as_mut(), body, step, state)
            }
            St::ListSet { list, index, value, checked } => {
                self.visit(list, &mut state);
                let at = self.visit(index, &mut state);
                self.check(list, at, checked);
                self.visit(value, &mut state);
                Some(state)
            }
            St::FieldSet { object, value, .. } => {
                self.visit(value, &mut state);
                self.visit(object, &mut state);
                (value.ty != Ty::Never).then_some(state)
            }
            St::Step { local, by, exit } => {
                let interval = self.visit(by, &mut state);
                let now = self.local(*local, &state);
                let low = i128::from(now.low) + i128::from(interval.low);
                let high = i128::from(now.high) + i128::from(interval.high);
                by.proved = transfer::fits(low, high);
                if !by.proved {
                    let known = self.jumps.remove(exit);
                    if let Some(joined) = merge(known, Some(state.clone())) {
                        self.jumps.insert(*exit, joined);
                    }
                }
                state.set(*local, transfer::clip(low, high));
                Some(state)
            }
            St::Clear(_) => Some(state),
            St::Try { body, handler, .. } => {
                // Control comes to the handler from anywhere in the body.
                let mut assigned = BTreeSet::new();
                crate::visit::assigned(body, &mut assigned);
                let mut caught = state.clone();
                caught.bounds.retain(|local, _| !assigned.contains(local));
                let end = self.block(body, Some(state));
                merge(end, self.block(handler, Some(caught)))
            }
            St::Handling { body, .. } => self.block(body, Some(state)),
        }
    }

    fn turn(
        &mut self,
        mut condition: Option<&mut Ex>,
        body: &mut [St],
        step: &mut [St],
        entry: State,
    ) -> Option<State> {
        let mut head = entry;
        let jumps = self.jumps.clone();
        for turn in 0.. {
            // Jumps out of earlier turns, under narrower bounds, are among those of this one.
            self.jumps.clone_from(&jumps);
            let mut state = head.clone();
            let mut inside = state.clone();
            if let Some(condition) = condition.as_deref_mut() {
                self.visit(condition, &mut state);
                inside = self.assume(condition, true, &state);
            }
            let end = self.block(body, Some(inside));
            let end = end.and_then(|end| self.block(step, Some(end)));
            let next = match end {
                None => head.clone(),
                Some(end) => head.join(&end),
            };
            if next == head {
                return condition.as_deref().map(|condition| self.assume(condition, false, &state));
            }
            head = if turn < TURNS_MAX { head.widen(&next) } else { forget_changed(&head, &next) };
        }
        None
    }

    /// Bounds of a local.
    fn local(&self, local: LocalId, state: &State) -> Interval {
        self.facts.within(local, state.get(local))
    }

    /// Notes whether an index has to be checked, where the list's length is known.
    fn check(&self, list: &Ex, index: Interval, checked: &mut bool) {
        if let Some(length) = self.facts.length(list) {
            *checked = index.low < 0 || index.high >= length;
        }
    }

    /// The bounds if a condition is true, or false.
    fn assume(&self, test: &Ex, truth: bool, state: &State) -> State {
        let mut state = state.clone();
        self.narrow(test, truth, &mut state);
        state
    }

    fn narrow(&self, test: &Ex, truth: bool, state: &mut State) {
        match &test.op {
            Op::Not(inner) => self.narrow(inner, !truth, state),
            // `a and b` and `a or b`, as lowered.
            Op::If(first, second, other) if truth && matches!(other.op, Op::Bool(false)) => {
                self.narrow(first, true, state);
                self.narrow(second, true, state);
            }
            Op::If(first, then, other) if !truth && matches!(then.op, Op::Bool(true)) => {
                self.narrow(first, false, state);
                self.narrow(other, false, state);
            }
            Op::IntCompare(comparison, left, right) => {
                let comparison = if truth { *comparison } else { negated(*comparison) };
                self.compare(comparison, left, right.range, state);
                self.compare(comparison.swapped(), right, left.range, state);
            }
            _ => {}
        }
    }

    /// What `local <comparison> other` says about the local.
    fn compare(&self, comparison: Comparison, left: &Ex, other: Interval, state: &mut State) {
        let Op::Local(local) = left.op else { return };
        if self.ints.get(local) != Some(&true) {
            return;
        }
        let now = self.local(local, state);
        let narrowed = match comparison {
            Comparison::Lt => Interval::new(now.low, now.high.min(other.high.saturating_sub(1))),
            Comparison::LtE => Interval::new(now.low, now.high.min(other.high)),
            Comparison::Gt => Interval::new(now.low.max(other.low.saturating_add(1)), now.high),
            Comparison::GtE => Interval::new(now.low.max(other.low), now.high),
            Comparison::Eq => Interval::new(now.low.max(other.low), now.high.min(other.high)),
            _ => now,
        };
        // Bounds that cross mean that control does not get here: any bounds are true.
        if narrowed.low <= narrowed.high {
            state.set(local, narrowed);
        }
    }
}

fn merge(a: Option<State>, b: Option<State>) -> Option<State> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.join(&b)),
        (a, b) => a.or(b),
    }
}

fn forget_changed(old: &State, new: &State) -> State {
    let mut kept = State::default();
    for (local, interval) in &old.bounds {
        if new.get(*local) == *interval {
            kept.set(*local, *interval);
        }
    }
    kept
}

fn negated(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Lt => Comparison::GtE,
        Comparison::LtE => Comparison::Gt,
        Comparison::Gt => Comparison::LtE,
        Comparison::GtE => Comparison::Lt,
        Comparison::Eq => Comparison::NotEq,
        Comparison::NotEq => Comparison::Eq,
        other => other,
    }
}

#[cfg(test)]
mod tests;
