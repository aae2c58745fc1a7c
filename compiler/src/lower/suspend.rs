//! Generator functions become functions that go on where they were.
//!
//! The function begins by reading from the generator those of its variables that it may need, and every `yield` writes them
//! back and returns. Each `yield` has a number, in the order of the program. To go on at one, all statements that contain
//! none are skipped until it is reached, and those that contain it are entered whatever their condition says: until then,
//! `target` is its number, and 0 from there on.

use std::collections::{BTreeMap, BTreeSet};

use super::Lowerer;
use super::generators::{ARGUMENTS, BEGINS, ENDED, ITEM, RUNS, STATE};
use crate::ast::{Comparison, Span};
use crate::diagnostics::Code;
use crate::exceptions;
use crate::ir::{Ex, Func, InstanceId, Local, LocalId, Op, Raise, St};
use crate::request::Literal;
use crate::ty::Ty;
use crate::visit;

/// Locals that are needed after a `yield` that comes before they are set again.
#[derive(Default)]
struct Needed {
    found: BTreeSet<LocalId>,
}

impl Needed {
    fn block(&mut self, block: &mut [St], set: &mut BTreeSet<LocalId>) {
        for statement in block {
            self.statement(statement, set);
        }
    }

    /// What is set after a block that may be left early, or not be entered at all.
    fn aside(&mut self, block: &mut [St], set: &mut BTreeSet<LocalId>) {
        let suspends = yields(block);
        let mut within = set.clone();
        if suspends {
            within.clear();
            set.clear();
        }
        self.block(block, &mut within);
    }

    fn statement(&mut self, statement: &mut St, set: &mut BTreeSet<LocalId>) {
        match statement {
            St::Set(local, value) => {
                self.expression(value, set);
                set.insert(*local);
            }
            St::Yield(value) => {
                self.expression(value, set);
                set.clear();
            }
            St::If(test, then, other) => {
                self.expression(test, set);
                let mut left = set.clone();
                self.block(then, &mut left);
                self.block(other, set);
                set.retain(|local| left.contains(local));
            }
            St::Block(_, body) => {
                let before = set.clone();
                let suspends = yields(body);
                self.block(body, set);
                set.retain(|local| before.contains(local) && !suspends);
            }
            St::Loop { condition, body, step, .. } => {
                if yields(body) {
                    set.clear();
                }
                if let Some(condition) = condition {
                    self.expression(condition, set);
                }
                let mut turn = set.clone();
                self.block(body, &mut turn);
                // `continue` leads here, too.
                let mut turn = set.clone();
                self.block(step, &mut turn);
            }
            St::Try { body, caught, handler } => {
                self.aside(body, set);
                let mut within = set.clone();
                within.insert(*caught);
                self.block(handler, &mut within);
            }
            St::Handling { exception, body, saved } => {
                self.read(*exception, set);
                set.insert(*saved);
                self.aside(body, set);
            }
            St::Step { local, by, .. } => {
                self.expression(by, set);
                self.read(*local, set);
                set.insert(*local);
            }
            St::Eval(_) | St::Return(_) | St::ListSet { .. } | St::FieldSet { .. } => {
                visit::expressions_of(statement, &mut |value| self.expression(value, set));
            }
            St::Br(_) | St::Clear(_) => {}
        }
    }

    fn expression(&mut self, expression: &mut Ex, set: &mut BTreeSet<LocalId>) {
        match &mut expression.op {
            Op::Local(local) => self.read(*local, set),
            Op::Seq(statements, value) => {
                self.block(statements, set);
                self.expression(value, set);
            }
            Op::If(test, then, other) => {
                self.expression(test, set);
                self.expression(then, &mut set.clone());
                self.expression(other, &mut set.clone());
            }
            _ => visit::children_of(expression, &mut |child| self.expression(child, set)),
        }
    }

    fn read(&mut self, local: LocalId, set: &BTreeSet<LocalId>) {
        if !set.contains(&local) {
            self.found.insert(local);
        }
    }
}

/// Whether a `yield` is among statements.
fn yields(block: &mut [St]) -> bool {
    block.iter_mut().any(|statement| {
        let mut found = matches!(statement, St::Yield(_));
        visit::blocks_of(statement, &mut |block| found |= yields(block));
        found
    })
}

/// A function while its statements are rewritten.
struct Split {
    /// The generator, its first local.
    object: Ex,
    target: LocalId,
    /// The number of the next `yield`.
    next: i64,
    /// Variables that are written back, and where.
    saved: Vec<(LocalId, usize, Ty)>,
    /// Where it cannot go on.
    refused: Vec<Span>,
    span: Span,
}

impl Split {
    fn target(&self) -> Ex {
        Ex::local(self.target, Ty::Int, self.span)
    }

    fn compared(&self, comparison: Comparison, with: i64) -> Ex {
        let other = Box::new(Ex::int(with, self.span));
        let compare = Op::IntCompare(comparison, Box::new(self.target()), other);
        Ex::new(compare, Ty::Bool, self.span)
    }

    /// Whether statements run in their order.
    fn is_on(&self) -> Ex {
        self.compared(Comparison::Eq, BEGINS)
    }

    fn set_field(&self, slot: usize, value: Ex) -> St {
        St::FieldSet { object: self.object.clone(), slot, value }
    }

    fn block(&mut self, block: Vec<St>) -> Vec<St> {
        let mut out = Vec::new();
        let mut plain = Vec::new();
        for mut statement in block {
            if !yields(std::slice::from_mut(&mut statement)) {
                plain.push(statement);
                continue;
            }
            if !plain.is_empty() {
                out.push(St::If(self.is_on(), std::mem::take(&mut plain), Vec::new()));
            }
            self.statement(statement, &mut out);
        }
        if out.is_empty() {
            return plain;
        }
        if !plain.is_empty() {
            out.push(St::If(self.is_on(), plain, Vec::new()));
        }
        out
    }

    /// A statement with a `yield` in it.
    fn statement(&mut self, statement: St, out: &mut Vec<St>) {
        let span = self.span;
        let entered = match statement {
            St::Yield(value) => {
                let number = self.next;
                self.next += 1;
                let mut leave = vec![self.set_field(ITEM, value)];
                for (local, slot, ty) in &self.saved {
                    leave.push(self.set_field(*slot, Ex::local(*local, ty.clone(), span)));
                }
                leave.push(self.set_field(STATE, Ex::int(number, span)));
                leave.push(St::Return(Ex::bool(true, span)));
                let here = self.compared(Comparison::Eq, number);
                let on = St::Set(self.target, Ex::int(BEGINS, span));
                let other = vec![St::If(here, vec![on], Vec::new())];
                out.push(St::If(self.is_on(), leave, other));
                return;
            }
            St::If(test, then, other) => {
                let then = self.block(then);
                let within = self.compared(Comparison::Lt, self.next);
                let other = self.block(other);
                let test = Op::If(Box::new(self.is_on()), Box::new(test), Box::new(within));
                St::If(Ex::new(test, Ty::Bool, span), then, other)
            }
            St::Block(label, body) => St::Block(label, self.block(body)),
            St::Loop { condition, body, step, span: at } => {
                let condition = condition.map(|condition| {
                    let yes = Box::new(Ex::bool(true, span));
                    let test = Op::If(Box::new(self.is_on()), Box::new(condition), yes);
                    Ex::new(test, Ty::Bool, at)
                });
                St::Loop { condition, body: self.block(body), step, span: at }
            }
            St::Try { body, caught, mut handler } => {
                if yields(&mut handler) {
                    self.refused.push(span);
                }
                St::Try { body: self.block(body), caught, handler }
            }
            other => {
                self.refused.push(span);
                other
            }
        };
        // Those behind it are not in it.
        out.push(St::If(self.compared(Comparison::Lt, self.next), vec![entered], Vec::new()));
    }
}

impl Lowerer<'_> {
    /// Makes functions that resume generators of generator functions.
    pub(super) fn suspend(&mut self, functions: &mut [(InstanceId, Func)]) {
        for (instance, function) in functions {
            if let Some(class) = self.generators.get(instance).copied() {
                self.suspend_one(class, function);
            }
        }
    }

    fn suspend_one(&mut self, class: u32, function: &mut Func) {
        let span = function.span;
        let arguments = self.instances[self.resumed[&class]].parameters.len();
        let mut needed = Needed::default();
        let mut set = BTreeSet::from([0]);
        needed.block(&mut function.body, &mut set);
        let mut wanted = 0;
        count(&mut function.body, &mut wanted);
        let mut slots = BTreeMap::new();
        let mut holds_exception = false;
        for local in needed.found.into_iter().filter(|local| *local != 0) {
            let ty = self.types.resolve(&function.locals[local].ty);
            holds_exception |= super::attempt::holds_exception(&ty);
            let slot = if local <= arguments {
                ARGUMENTS + local - 1
            } else {
                self.room(class, local, &ty)
            };
            function.locals[local].borrowed = false;
            slots.insert(local, (slot, ty));
        }
        let object = Ex::local(0, function.parameters[0].clone(), span);
        function.locals.push(Local { ty: Ty::Int, borrowed: false });
        let written = slots.iter().filter(|(local, _)| **local > arguments);
        let mut split = Split {
            object: object.clone(),
            target: function.locals.len() - 1,
            next: 1,
            saved: written.map(|(local, (slot, ty))| (*local, *slot, ty.clone())).collect(),
            refused: Vec::new(),
            span,
        };
        let body = split.block(std::mem::take(&mut function.body));
        let mut refused = split.refused.first().copied();
        if holds_exception || split.next - 1 != wanted {
            refused = refused.or(Some(span));
        }
        if let Some(span) = refused {
            let source = &self.functions[function.function].source;
            let message = "this generator cannot wait at its `yield`";
            let help = "keep exceptions, and what is within `except`, apart from it".to_owned();
            let problem = source.diagnostic(Code::Statement, span, message, Some(help));
            self.diagnostics.push(problem);
        }
        function.body = self.resuming(&split, &slots, body, function);
    }

    /// The whole function: whether it can go on, its variables, and its statements.
    fn resuming(
        &self,
        split: &Split,
        slots: &BTreeMap<LocalId, (usize, Ty)>,
        body: Vec<St>,
        function: &mut Func,
    ) -> Vec<St> {
        let span = split.span;
        let object = || Box::new(split.object.clone());
        let state = Ex::new(Op::Field(object(), STATE), Ty::Int, span);
        let text = Literal::Str("generator already executing".to_owned());
        let text = Ex::new(Op::Static(text), Ty::Str, span);
        let class = spm_protocol::raised::builtin_exception("ValueError").unwrap_or_default();
        let raise = Ex::new(Op::Raise(Raise::Value(class, Box::new(text))), Ty::Never, span);
        let over = St::If(
            split.compared(Comparison::Eq, ENDED),
            vec![St::Return(Ex::bool(false, span))],
            vec![St::Eval(raise)],
        );
        let mut out = vec![
            St::Set(split.target, state),
            St::If(split.compared(Comparison::Lt, BEGINS), vec![over], Vec::new()),
        ];
        for (local, (slot, ty)) in slots {
            let load = St::Set(*local, Ex::new(Op::Field(object(), *slot), ty.clone(), span));
            out.push(if let Ty::Union(_) = ty {
                // What was not set yet is no union.
                let zero = Box::new(Ex::new(Op::Int(0), Ty::Raw, span));
                let raw = Box::new(Ex::new(Op::Field(object(), *slot), Ty::Raw, span));
                let is_set = Ex::new(Op::RawLess(zero, raw), Ty::Bool, span);
                St::If(is_set, vec![load], Vec::new())
            } else {
                load
            });
        }
        out.push(split.set_field(STATE, Ex::int(RUNS, span)));
        if !self.catches {
            out.extend(body);
            return out;
        }
        function.locals.push(Local { ty: Ty::Exception(exceptions::BASE), borrowed: false });
        let caught = function.locals.len() - 1;
        let handler = self.ending(split, caught, function);
        out.push(St::Try { body, caught, handler });
        out
    }

    /// What becomes of an exception that a generator function raises.
    fn ending(&self, split: &Split, caught: LocalId, function: &mut Func) -> Vec<St> {
        let span = split.span;
        let builtin = |name| spm_protocol::raised::builtin_exception(name).unwrap_or_default();
        let (stop, error) = (builtin("StopIteration"), builtin("RuntimeError"));
        let exception = caught;
        let caught = Ex::local(exception, Ty::Exception(exceptions::BASE), span);
        let set = self.types.exceptions.set_of(&[stop]);
        let set = Ex::new(Op::Static(Literal::Bytes(set)), Ty::Bytes, span);
        let call = |name, values: Vec<Ex>, ty| {
            let arguments = values.into_iter().map(crate::ir::Argument::Ex).collect();
            Ex::new(Op::Runtime(name, arguments), ty, span)
        };
        let stops = call("exception_is", vec![caught.clone(), set], Ty::Bool);
        function.locals.push(Local { ty: Ty::Exception(error), borrowed: false });
        let made = function.locals.len() - 1;
        let text = Literal::Str("generator raised StopIteration".to_owned());
        let text = Box::new(Ex::new(Op::Static(text), Ty::Str, span));
        let new = Op::NewException(Raise::Value(error, text));
        let made_ex = Ex::local(made, Ty::Exception(error), span);
        function.locals.push(Local { ty: Ty::Raw, borrowed: false });
        let saved = function.locals.len() - 1;
        let replaced = vec![
            St::Set(made, Ex::new(new, Ty::Exception(error), span)),
            St::Eval(call("exception_from", vec![made_ex.clone(), caught.clone()], Ty::None)),
            St::Eval(Ex::new(Op::Raise(Raise::Object(Box::new(made_ex))), Ty::Never, span)),
        ];
        let replaced = vec![St::Handling { exception, saved, body: replaced }];
        let again = Ex::new(Op::Raise(Raise::Again(Box::new(caught))), Ty::Never, span);
        vec![
            split.set_field(STATE, Ex::int(ENDED, span)),
            St::If(stops, replaced, Vec::new()),
            St::Eval(again),
        ]
    }
}

/// How often statements yield, within expressions included.
fn count(block: &mut [St], found: &mut i64) {
    for statement in block {
        *found += i64::from(matches!(statement, St::Yield(_)));
        visit::expressions_of(statement, &mut |expression| within(expression, found));
        visit::blocks_of(statement, &mut |block| count(block, found));
    }
}

fn within(expression: &mut Ex, found: &mut i64) {
    if let Op::Seq(statements, _) = &mut expression.op {
        count(statements, found);
    }
    visit::children_of(expression, &mut |child| within(child, found));
}
