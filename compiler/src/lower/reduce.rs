//! `sum`, `min`, `max`, `any`, `all`: loops that keep one value.

use super::Body;
use super::convert::BuiltinCall;
use super::flow::{SCOPED, State};
use crate::abi::common;
use crate::ast::{Expr, Operator, Span};
use crate::diagnostics::Code;
use crate::ir::{Ex, St};
use crate::ty::Ty;

impl Body<'_, '_> {
    /// A variable that cannot be named, to keep a value whose type may change as a loop goes on.
    fn hidden(&mut self, place: &Expr, which: usize) -> usize {
        let variable = SCOPED * 3 + place.id as usize * 2 + which;
        self.names.insert(variable, "<value>".to_owned());
        variable
    }

    pub(super) fn forget(&mut self, variable: usize) -> Option<State> {
        self.env.as_mut().and_then(|env| env.remove(&variable))
    }

    pub(super) fn sum(&mut self, place: &Expr, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        let start = call.arguments.get(1).or_else(|| call.keyword("start"));
        let Some(iterable) = call.arguments.first() else {
            let message = "sum() takes at least 1 positional argument (0 given)";
            return self.fail(Code::Arguments, span, message, "");
        };
        let total = self.hidden(place, 0);
        let (statements, value) = self.capture(|this| {
            let first = match start {
                None => Ex::int(0, span),
                Some(start) => this.expr(start),
            };
            if first.ty == Ty::Str {
                let message = "sum() can't sum strings [use ''.join(seq) instead]";
                this.report(Code::Operand, span, message, "use `''.join(...)`");
            }
            if matches!(first.ty, Ty::Error) {
                return Self::error(span);
            }
            this.set_variable(total, first);
            this.for_each(iterable, &mut |this, item| {
                let item = this.item_value(item, span);
                // The total is read after the item was evaluated, and the item comes second.
                let item = this.keep(item);
                let old = this.get_variable(total, span);
                let new = this.binary(Operator::Add, old, item, span);
                this.set_variable(total, new);
            });
            if this.env.is_none() {
                return Self::unreachable(span);
            }
            let value = this.get_variable(total, span);
            let value = this.keep(value);
            this.forget(total);
            value
        });
        Self::seq(statements, value)
    }

    pub(super) fn any_all(&mut self, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        let [iterable] = call.arguments else {
            let message = format!("{}() takes exactly one argument", call.name);
            return self.fail(Code::Arguments, span, message, "");
        };
        let is_any = call.name == "any";
        let found = self.fresh(&Ty::Bool);
        let out = self.label();
        let before = self.env.clone();
        let (inner, ended) = self.capture(|this| {
            this.push(St::Set(found, Ex::bool(!is_any, span)));
            this.for_each(iterable, &mut |this, item| {
                let item = this.item_value(item, span);
                let truth = this.truth(item);
                if matches!(truth.ty, Ty::Never | Ty::Error) {
                    this.evaluate(truth);
                    return;
                }
                let stop = vec![St::Set(found, Ex::bool(is_any, span)), St::Br(out)];
                let (then, other) = if is_any { (stop, Vec::new()) } else { (Vec::new(), stop) };
                this.push(St::If(truth, then, other));
            });
            this.env.is_none()
        });
        let mut statements = Vec::new();
        if !self.has_walrus {
            self.env = before;
        }
        if ended && inner.is_empty() {
            return Self::unreachable(span);
        }
        statements.push(St::Block(out, inner));
        Self::seq(statements, Ex::local(found, Ty::Bool, span))
    }

    pub(super) fn extreme(&mut self, place: &Expr, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        let is_max = call.name == "max";
        let key = call.keyword("key");
        let default = call.keyword("default");
        if let Some((name, value)) =
            call.keywords.iter().find(|(name, _)| !matches!(name.as_str(), "key" | "default"))
        {
            let message = format!("{}() got an unexpected keyword argument '{name}'", call.name);
            return self.fail(Code::Arguments, value.span, message, "");
        }
        match call.arguments {
            [] => {
                let message = format!("{} expected at least 1 argument, got 0", call.name);
                self.fail(Code::Arguments, span, message, "")
            }
            [iterable] => self.extreme_of(place, iterable, is_max, key, default, span),
            several if key.is_none() => {
                let (statements, value) = self.capture(|this| {
                    let mut values = Vec::new();
                    for argument in several {
                        let value = this.expr(argument);
                        values.push(this.keep(value));
                    }
                    if let Some(trivial) = this.trivial(&values.iter().collect::<Vec<_>>(), span) {
                        return trivial;
                    }
                    let mut best = values.remove(0);
                    for value in values {
                        let test = this.better(is_max, value.clone(), best.clone(), span);
                        let chosen = this.choose(test, value, best, span);
                        best = this.keep(chosen);
                    }
                    best
                });
                Self::seq(statements, value)
            }
            _ => {
                let message = "`key` is supported with one iterable only";
                self.fail(Code::Arguments, span, message, "put the values in a list")
            }
        }
    }

    fn extreme_of(
        &mut self,
        place: &Expr,
        iterable: &Expr,
        is_max: bool,
        key: Option<&Expr>,
        default: Option<&Expr>,
        span: Span,
    ) -> Ex {
        let best = self.hidden(place, 0);
        let best_key = self.hidden(place, 1);
        let found = self.fresh(&Ty::Bool);
        let (statements, value) = self.capture(|this| {
            this.push(St::Set(found, Ex::bool(false, span)));
            let default = default.map(|default| {
                let value = this.expr(default);
                this.copy(value)
            });
            this.for_each(iterable, &mut |this, item| {
                let item = this.item_value(item, span);
                let item = this.copy(item);
                let rank = match key {
                    None => item.clone(),
                    Some(key) => {
                        let rank = this.apply(key, item.clone(), span);
                        this.copy(rank)
                    }
                };
                if matches!(rank.ty, Ty::Never | Ty::Error) || this.env.is_none() {
                    return;
                }
                let known = this.env.as_ref().is_some_and(|env| env.contains_key(&best));
                let first = Self::not(Ex::local(found, Ty::Bool, span));
                let better = if known {
                    let old = this.peek(if key.is_some() { best_key } else { best }, span);
                    let better = this.better(is_max, rank.clone(), old, span);
                    this.choose(first, Ex::bool(true, span), better, span)
                } else {
                    first
                };
                if better.ty != Ty::Bool {
                    this.evaluate(better);
                    return;
                }
                let before = this.env.clone();
                let node = place.id;
                let (then, ()) = this.capture(|this| {
                    this.push(St::Set(found, Ex::bool(true, span)));
                    this.set_variable(best, item);
                    if key.is_some() {
                        this.set_variable(best_key, rank);
                    }
                    this.flow_to(node, super::flow::AFTER, span);
                });
                this.env.clone_from(&before);
                let (other, ()) = this.capture(|this| this.flow_to(node, super::flow::AFTER, span));
                this.env = before;
                this.push(St::If(better, then, other));
                this.enter(node, super::flow::AFTER);
            });
            if this.env.is_none() {
                return Self::unreachable(span);
            }
            let known = this.env.as_ref().is_some_and(|env| env.contains_key(&best));
            let value = if known { this.peek(best, span) } else { Self::unreachable(span) };
            let empty = if let Some(default) = default {
                default
            } else {
                let which = if is_max { common::MAX_EMPTY } else { common::MIN_EMPTY };
                Self::common(which, span)
            };
            let test = Ex::local(found, Ty::Bool, span);
            let value = this.choose(test, value, empty, span);
            let value = this.keep(value);
            this.forget(best);
            this.forget(best_key);
            value
        });
        Self::seq(statements, value)
    }

    /// A hidden variable's value where it is known to be set.
    fn peek(&mut self, variable: usize, span: Span) -> Ex {
        let state = self.env.as_ref().and_then(|env| env.get(&variable)).cloned();
        match state {
            Some(state) if state.ty != Ty::Error => {
                let ty = self.resolve(&state.ty);
                let local = self.slot(variable, &ty);
                Ex::local(local, ty, span)
            }
            _ => {
                let message = "the items have types that cannot be compared";
                self.fail(Code::MixedTypes, span, message, "")
            }
        }
    }

    /// Calls what `key=` names with a value.
    pub(super) fn apply(&mut self, function: &Expr, value: Ex, span: Span) -> Ex {
        // The value becomes a name that no program can write.
        let variable = SCOPED * 4 + function.id as usize;
        let name = format!("<key {}>", function.id);
        self.names.insert(variable, name.clone());
        let mut scope = std::collections::BTreeMap::new();
        scope.insert(name.clone(), variable);
        self.set_variable(variable, value);
        self.scopes.push(scope);
        let argument =
            Expr { kind: crate::ast::ExprKind::Name(name), span, id: function.id + 0x1000_0000 };
        let call = Expr {
            kind: crate::ast::ExprKind::Call {
                function: Box::new(function.clone()),
                arguments: vec![argument],
                keywords: Vec::new(),
            },
            span: function.span,
            id: function.id + 0x2000_0000,
        };
        let result = self.expr(&call);
        self.scopes.pop();
        let result = self.keep(result);
        self.forget(variable);
        result
    }
}
