//! Iterators that are values: what `iter` makes, generator expressions that are not gone through where they stand, and
//! objects with `__next__`.

use super::Body;
use super::callbacks;
use super::comprehension::is_generator;
use super::convert::BuiltinCall;
use super::inner::eager;
use super::iterate::Plan;
use crate::ast::{Clause, Expr, ExprKind, Span};
use crate::diagnostics::Code;
use crate::exceptions;
use crate::ir::{Ex, Label, LocalId, Op, Raise, St};
use crate::names;
use crate::ty::Ty;

/// Our functions that make iterators.
const OF_VALUE: usize = 0;
const OF_TABLE: usize = 1;
const OF_RANGE: usize = 2;

impl Body<'_, '_> {
    /// `iter(value)`.
    pub(super) fn iter_of(&mut self, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        let argument = &call.arguments[0];
        if let Some(range) = self.builtin_call(argument).filter(|call| call.name == "range") {
            let (before, bounds) = self.capture(|this| this.range_bounds(&range));
            return match bounds {
                Some([_, _, step]) if matches!(step.op, Op::Int(0)) || !is_literal(&step) => {
                    let message = "`iter` of a range with such a step is not supported";
                    self.fail(Code::Expression, span, message, "write the step as a number")
                }
                Some(bounds) => {
                    let made = self.make_iterator(OF_RANGE, bounds.to_vec(), span);
                    Self::seq(before, made)
                }
                None => Self::error(span),
            };
        }
        let value = self.expr(argument);
        if let Some(trivial) = self.trivial(&[&value], span) {
            return trivial;
        }
        // A `for` goes through what `__iter__` returns.
        if self.ast.name == "__iter__" {
            return value;
        }
        self.iterator(value, span).unwrap_or_else(|| Self::error(span))
    }

    /// A value as an iterator; nothing if that was reported.
    pub(super) fn iterator(&mut self, value: Ex, span: Span) -> Option<Ex> {
        let ty = self.resolve(&value.ty);
        if self.program.is_generator(&ty) {
            return Some(value);
        }
        match &ty {
            Ty::Object(_) => {
                let found = self.iterated(value, span)?;
                match self.resolve(&found.ty) {
                    // It is gone through as its `__next__` says.
                    ty if self.has_special(&ty, "__next__") => {
                        Some(self.make_iterator(OF_VALUE, vec![found], span))
                    }
                    _ => self.iterator(found, span),
                }
            }
            Ty::Dict(..) | Ty::Set(_) => {
                let (before, table) = self.temp(value);
                let (size, text) = match ty {
                    Ty::Dict(..) => (Self::length(table.clone()), "dictionary"),
                    _ => (Self::length(table.clone()), "Set"),
                };
                let text = Self::text(&format!("{text} changed size during iteration"), span);
                let made = self.make_iterator(OF_TABLE, vec![table, size, text], span);
                Some(Self::seq(before, made))
            }
            Ty::Special(..) | Ty::Union(_) | Ty::Class(_) => {
                let message = format!("`iter` of `{}` is not supported", self.show(&ty));
                self.report(Code::Operand, span, message, "make a list of it: `list(...)`");
                None
            }
            Ty::List(_) | Ty::VTuple(_) | Ty::Tuple(_) | Ty::Str | Ty::Bytes => {
                Some(self.make_iterator(OF_VALUE, vec![value], span))
            }
            Ty::Never => Some(value),
            Ty::Error => None,
            _ => {
                let message = format!("'{}' object is not iterable", ty.python_name());
                self.report(Code::Operand, span, message, "");
                None
            }
        }
    }

    fn make_iterator(&mut self, which: usize, values: Vec<Ex>, span: Span) -> Ex {
        let function = self.program.request.functions.len() + callbacks::iterator(which);
        if self.program.functions.get(function).is_none() {
            return Self::error(span);
        }
        let place = super::flow::SCOPED as u32 + span.start * 2;
        self.call_with(function, place, values, Vec::new(), Some(Vec::new()), span)
    }

    /// A generator expression that something else goes through later.
    pub(super) fn generator_value(&mut self, expression: &Expr, clauses: &[Clause]) -> Option<Ex> {
        let span = expression.span;
        let place = Some((self.function, span));
        let index = self.program.functions.iter().position(|function| function.place == place)?;
        let function = &self.program.functions[index].ast;
        let hides = |name: &String| self.scopes.iter().skip(1).any(|it| it.contains_key(name));
        let hidden = names::free(function).into_iter().find(hides);
        if let Some(name) = hidden.or_else(|| self.unsettled(index)) {
            let message = format!("`{name}` may change before this generator goes on");
            let help = "make a list: `[...]`, or assign it once, outside of loops";
            return Some(self.fail(Code::Expression, span, message, help));
        }
        let first = &clauses.first()?.iter;
        let (arguments, _) = eager(first);
        if arguments.len() != 1 || !std::ptr::eq(arguments[0], first) {
            let call = self.builtin_call(first)?;
            let is_step = |step: &Expr| matches!(step.kind, ExprKind::Int(step) if step != 0);
            if call.name == "range" && !arguments.get(2).is_none_or(|step| is_step(step)) {
                return None;
            }
        }
        let mut before = Vec::new();
        let mut values = Vec::new();
        for argument in arguments {
            let (statements, value) = self.capture(|this| {
                let value = this.expr(argument);
                this.copy(value)
            });
            before.extend(statements);
            let ty = self.resolve(&value.ty);
            // Python asks them for their iterator now.
            let is_late = match &ty {
                Ty::Dict(..) | Ty::Set(_) | Ty::Special(..) | Ty::Union(_) => true,
                Ty::Object(_) => !self.program.is_generator(&ty),
                _ => false,
            };
            if is_late {
                let message = "a generator expression over this is not supported here";
                let help = "go through a list: `list(...)`";
                return Some(self.fail(Code::Expression, argument.span, message, help));
            }
            values.push(value);
        }
        let made = self.call_with(index, expression.id, values, Vec::new(), None, span);
        Some(Self::seq(before, made))
    }

    /// Calls `__next__`: whether there is an item, which is then in the local.
    fn asked(&mut self, object: &Ex, span: Span) -> (Ex, Option<LocalId>) {
        let (statements, value) =
            self.capture(|this| this.method_of_object(object.clone(), "__next__", &[], &[], span));
        let value = Self::seq(statements, value);
        let ty = self.resolve(&value.ty);
        let has = self.fresh(&Ty::Bool);
        let caught = self.fresh(&Ty::Exception(exceptions::BASE));
        let stop = self.exception("StopIteration");
        let exception = Ex::local(caught, Ty::Exception(exceptions::BASE), span);
        let stops = self.exception_is(exception.clone(), &[stop], span);
        let again = Op::Raise(Raise::Again(Box::new(exception)));
        let again = St::Eval(Ex::new(again, Ty::Never, span));
        let ended = vec![St::Set(has, Ex::bool(false, span)), St::Clear(caught)];
        let handler = vec![St::If(stops, ended, vec![again])];
        let (body, item) = if matches!(ty, Ty::Never | Ty::Error) {
            (vec![St::Eval(value)], None)
        } else {
            let item = self.fresh(&ty);
            (vec![St::Set(item, value)], Some(item))
        };
        let statements =
            vec![St::Set(has, Ex::bool(true, span)), St::Try { body, caught, handler }];
        (Self::seq(statements, Ex::local(has, Ty::Bool, span)), item)
    }

    /// Whether `next` asks for the first item of an expression that nothing else goes through.
    pub(super) fn finds_next(&self, call: &BuiltinCall<'_>) -> bool {
        let (generator, default) = match call.arguments {
            [generator] => (generator, None),
            [generator, default] => (generator, Some(default)),
            _ => return false,
        };
        // Nothing shows whether the default is evaluated before the items.
        let is_plain = default.is_none_or(|default| match &default.kind {
            ExprKind::None
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_) => true,
            ExprKind::Unary(_, value) => {
                matches!(value.kind, ExprKind::Int(_) | ExprKind::Float(_))
            }
            ExprKind::Name(name) => self.variable(name).is_some() && !self.has_walrus,
            _ => false,
        });
        is_plain && call.keywords.is_empty() && is_generator(generator)
    }

    /// `next(generator expression)`, which ends at the first item.
    pub(super) fn next_found(&mut self, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        let found = self.fresh(&Ty::Bool);
        let out = self.label();
        let before = self.env.clone();
        let mut first: Option<LocalId> = None;
        let (inner, ended) = self.capture(|this| {
            this.push(St::Set(found, Ex::bool(false, span)));
            this.for_each(&call.arguments[0], &mut |this, item| {
                let item = this.item_value(item, span);
                if matches!(this.resolve(&item.ty), Ty::Never | Ty::Error) || first.is_some() {
                    this.evaluate(item);
                    return;
                }
                let ty = this.resolve(&item.ty);
                let kept = this.fresh(&ty);
                first = Some(kept);
                this.push(St::Set(kept, item));
                this.push(St::Set(found, Ex::bool(true, span)));
                let more = Ex::bool(true, span);
                this.push(St::If(more, vec![St::Br(out)], Vec::new()));
            });
            this.env.is_none()
        });
        if !self.has_walrus {
            self.env = before;
        }
        if ended && inner.is_empty() {
            return Self::unreachable(span);
        }
        let item = self.item_of(first, span);
        let other = if let Some(default) = call.arguments.get(1) {
            self.expr(default)
        } else {
            let raise = Raise::Class(self.exception("StopIteration"));
            Ex::new(Op::Raise(raise), Ty::Never, span)
        };
        let test = Ex::local(found, Ty::Bool, span);
        let value = self.choose(test, item, other, span);
        Self::seq(vec![St::Block(out, inner)], value)
    }

    fn item_of(&self, item: Option<LocalId>, span: Span) -> Ex {
        match item {
            Some(item) => Ex::local(item, self.locals[item].ty.clone(), span),
            None => Self::unreachable(span),
        }
    }

    /// How to iterate over an object with `__next__`.
    pub(super) fn plan_next(&mut self, value: Ex, exit: Label, span: Span) -> Plan {
        let ty = self.resolve(&value.ty);
        let local = self.fresh(&ty);
        let object = Ex::local(local, ty, span);
        let (condition, item) = self.asked(&object, span);
        let asked = self.item_of(item, span);
        let setup = vec![St::Set(local, value)];
        let Some(item) = item else {
            let mut plan = Plan::new(setup, condition, asked, Vec::new(), exit);
            plan.owned.push(local);
            return plan;
        };
        let ty = self.locals[item].ty.clone();
        let kept = self.fresh(&ty);
        let mut plan = Plan::new(setup, condition, Ex::local(kept, ty, span), Vec::new(), exit);
        plan.first = vec![St::Set(kept, asked)];
        plan.owned.push(local);
        plan
    }

    /// `next(object)`, `next(object, default)`.
    pub(super) fn next_of_object(&mut self, object: Ex, default: Option<Ex>, span: Span) -> Ex {
        let Some(default) = default else {
            return self.method_of_object(object, "__next__", &[], &[], span);
        };
        let (mut before, object) = self.temp(object);
        let (more, default) = self.temp(default);
        before.extend(more);
        let (has, item) = self.asked(&object, span);
        let item = self.item_of(item, span);
        let value = self.choose(has, item, default, span);
        Self::seq(before, value)
    }
}

fn is_literal(value: &Ex) -> bool {
    matches!(value.op, Op::Int(_))
}
