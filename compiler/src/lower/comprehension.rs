//! Comprehensions and generator expressions, as the loops they stand for.

use std::collections::BTreeMap;

use super::Body;
use super::flow::SCOPED;
use super::iterate::Item;
use crate::ast::{Clause, ComprehensionKind, Expr, ExprKind, NodeId, Stmt};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, St};
use crate::ty::Ty;

impl Body<'_, '_> {
    pub(super) fn comprehension(
        &mut self,
        expression: &Expr,
        kind: ComprehensionKind,
        element: &Expr,
        value: Option<&Expr>,
        clauses: &[Clause],
    ) -> Ex {
        let span = expression.span;
        match kind {
            ComprehensionKind::Generator => {
                if let Some(value) = self.generator_value(expression, clauses) {
                    return value;
                }
                let help = "use a list comprehension, or pass it straight to sum, any, all, min, max, \
                            list, set, sorted or join";
                self.fail(
                    Code::Expression,
                    span,
                    "a generator expression is not supported here",
                    help,
                )
            }
            ComprehensionKind::List => self.collect_list(expression, |this, add| {
                this.clauses(clauses, &mut |this| {
                    let item = this.expr(element);
                    add(this, Item::One(item));
                });
            }),
            ComprehensionKind::Set => {
                let element_ty =
                    self.program.types.variable(self.instance as u32, expression.id, 0);
                let ty = Ty::Set(Box::new(element_ty));
                let set = Self::call_runtime("set_new", Vec::new(), ty, span);
                let (statements, set) = self.capture(|this| {
                    let set = this.copy(set);
                    this.clauses(clauses, &mut |this| {
                        let item = this.expr(element);
                        let added = this.set_add(&set, item, element.span);
                        this.evaluate(added);
                    });
                    set
                });
                Self::seq(statements, set)
            }
            ComprehensionKind::Dict => {
                let dict = self.new_dict(expression.id, span);
                let (statements, dict) = self.capture(|this| {
                    let dict = this.copy(dict);
                    this.clauses(clauses, &mut |this| {
                        let key = this.expr(element);
                        let key = this.copy(key);
                        let Some(value) = value else { return };
                        let value = this.expr(value);
                        let stored = this.dict_set(&dict, key, value, span);
                        this.evaluate(stored);
                    });
                    dict
                });
                Self::seq(statements, dict)
            }
        }
    }

    /// A new list, and what `fill` adds to it.
    pub(super) fn collect_list(
        &mut self,
        place: &Expr,
        fill: impl FnOnce(&mut Self, &mut dyn FnMut(&mut Self, Item)),
    ) -> Ex {
        let span = place.span;
        let element = self.program.types.variable(self.instance as u32, place.id, 0);
        let capacity = Argument::Num(0);
        let list = Self::runtime("list_new", vec![capacity], Ty::list(element.clone()), span);
        let before = self.env.clone();
        let (statements, (list, ended)) = self.capture(|this| {
            let list = this.copy(list);
            let target = list.clone();
            fill(this, &mut |this, item| {
                let value = this.item_value(item, span);
                let appended = this.append(&target, value, span);
                this.evaluate(appended);
            });
            (list, this.env.is_none())
        });
        if ended {
            self.env = before;
            return Self::seq(statements, Self::unreachable(span));
        }
        Self::seq(statements, list)
    }

    /// The loops and conditions of a comprehension around `body`.
    fn clauses(&mut self, clauses: &[Clause], body: &mut dyn FnMut(&mut Self)) {
        let Some((clause, rest)) = clauses.split_first() else {
            body(self);
            return;
        };
        if self.is_pushed(&clause.iter) {
            self.in_scope(clause, |this| {
                this.for_each(&clause.iter, &mut |this, item| {
                    this.assign_item(&clause.target, item);
                    this.conditions(&clause.conditions, clause.iter.id, 0, &mut |this| {
                        this.clauses(rest, body);
                    });
                });
            });
            return;
        }
        // The iterable is evaluated outside the new scope.
        let Some(plan) = self.plan_loop(&clause.iter) else {
            self.in_scope(clause, |this| {
                let error = Self::error(clause.iter.span);
                this.assign(&clause.target, error);
                this.clauses(rest, body);
            });
            return;
        };
        let span = clause.iter.span;
        self.in_scope(clause, |this| {
            this.for_loop(clause.iter.id, plan, &[], span, &mut |this, item| {
                this.assign_item(&clause.target, item);
                this.conditions(&clause.conditions, clause.iter.id, 0, &mut |this| {
                    this.clauses(rest, body);
                });
            });
        });
    }

    fn conditions(
        &mut self,
        conditions: &[Expr],
        node: NodeId,
        depth: u8,
        body: &mut dyn FnMut(&mut Self),
    ) {
        let Some((test, rest)) = conditions.split_first() else {
            body(self);
            return;
        };
        let (condition, then, _) = self.condition(test);
        let span = test.span;
        if condition.ty == Ty::Never {
            self.evaluate(condition);
            return;
        }
        let place = super::flow::AFTER + 1 + depth;
        let before = self.env.clone();
        let (inner, ()) = self.capture(|this| {
            this.narrow(&then, span);
            this.conditions(rest, node, depth + 1, body);
            this.flow_to(node, place, span);
        });
        self.env.clone_from(&before);
        let (other, ()) = self.capture(|this| this.flow_to(node, place, span));
        self.env = before;
        self.push(St::If(condition, inner, other));
        self.enter(node, place);
    }

    /// With the clause's targets as names of their own.
    fn in_scope(&mut self, clause: &Clause, action: impl FnOnce(&mut Self)) {
        let mut names = Vec::new();
        crate::names::targets(&clause.target, &mut names);
        let mut scope = BTreeMap::new();
        for (name, node) in names {
            let variable = *scope.entry(name.clone()).or_insert(SCOPED + node as usize);
            self.names.insert(variable, name);
        }
        self.scopes.push(scope);
        action(self);
        let scope = self.scopes.pop().unwrap_or_default();
        if let Some(env) = &mut self.env {
            env.retain(|variable, _| !scope.values().any(|inner| inner == variable));
        }
    }

    /// Runs `body` with each item of an iterable, generator expressions included.
    pub(super) fn for_each(&mut self, iterable: &Expr, body: &mut dyn FnMut(&mut Self, Item)) {
        if let ExprKind::Comprehension {
            kind: ComprehensionKind::Generator,
            element,
            clauses,
            ..
        } = &iterable.kind
        {
            self.clauses(clauses, &mut |this| {
                let item = this.tuple_item(element);
                body(this, item);
            });
            return;
        }
        if let Some(generator) = self.map_or_filter(iterable) {
            self.for_each(&generator, body);
            return;
        }
        if self.is_stream(iterable) {
            self.run_stream(iterable, body);
            return;
        }
        let Some(plan) = self.plan(iterable) else { return };
        self.for_loop(iterable.id, plan, &[], iterable.span, body);
    }

    /// `for target in map(f, xs)`. Says whether it was that.
    pub(super) fn for_map(
        &mut self,
        statement: &Stmt,
        target: &Expr,
        iter: &Expr,
        body: &[Stmt],
        orelse: &[Stmt],
    ) -> bool {
        let Some(generator) = self.map_or_filter(iter) else { return false };
        let ExprKind::Comprehension { element, clauses, .. } = &generator.kind else {
            return false;
        };
        let [clause] = clauses.as_slice() else { return false };
        if !clause.conditions.is_empty() {
            return false;
        }
        if let Some(plan) = self.plan(&clause.iter) {
            self.for_loop(statement.id, plan, orelse, statement.span, &mut |this, item| {
                this.in_scope(clause, |this| {
                    this.assign_item(&clause.target, item);
                    let value = this.expr(element);
                    this.assign(target, value);
                });
                this.block(body);
            });
        }
        true
    }

    /// `map(f, xs)` and `filter(f, xs)` as the generator expressions they equal.
    pub(super) fn map_or_filter(&self, iterable: &Expr) -> Option<Expr> {
        let call = self.builtin_call(iterable)?;
        if !matches!(call.name, "map" | "filter") || call.arguments.len() != 2 {
            return None;
        }
        let span = iterable.span;
        // Such a name cannot be written, so it hides nothing.
        let name = format!("<item {}>", iterable.id);
        let node = |kind, offset: u32| Expr { kind, span, id: iterable.id + offset * 0x0100_0000 };
        let item = node(ExprKind::Name(name.clone()), 1);
        let function = &call.arguments[0];
        let applied = match &function.kind {
            ExprKind::None => item.clone(),
            ExprKind::Lambda(_) | ExprKind::Name(_) | ExprKind::Attribute(..) => node(
                ExprKind::Call {
                    function: Box::new(function.clone()),
                    arguments: vec![item.clone()],
                    keywords: Vec::new(),
                },
                2,
            ),
            ExprKind::Call { .. } if self.makes_function(function) => node(
                ExprKind::Call {
                    function: Box::new(function.clone()),
                    arguments: vec![item.clone()],
                    keywords: Vec::new(),
                },
                2,
            ),
            _ => return None,
        };
        let (element, conditions) =
            if call.name == "map" { (applied, Vec::new()) } else { (item.clone(), vec![applied]) };
        let iter = call.arguments[1].clone();
        let clauses = vec![Clause { target: item, iter, conditions }];
        let kind = ExprKind::Comprehension {
            kind: ComprehensionKind::Generator,
            element: Box::new(element),
            value: None,
            clauses,
        };
        Some(node(kind, 3))
    }
}

pub(super) fn is_generator(expression: &Expr) -> bool {
    matches!(expression.kind, ExprKind::Comprehension { kind: ComprehensionKind::Generator, .. })
}
