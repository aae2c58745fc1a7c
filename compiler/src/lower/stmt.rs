//! Statements.

use super::Body;
use super::attempt::Parts;
use super::flow::{AFTER, BREAK, CONTINUE, HEAD};
use super::iterate::Plan;
use super::managed::Wanted;
use crate::ast::{Expr, ExprKind, NodeId, Span, Stmt, StmtKind};
use crate::diagnostics::Code;
use crate::ir::{Ex, Op, Raise, St};
use crate::ty::Ty;

impl Body<'_, '_> {
    pub(super) fn block(&mut self, statements: &[Stmt]) {
        for statement in statements {
            // What control cannot reach has no types, and cannot go wrong.
            if self.env.is_none() {
                return;
            }
            self.statement(statement);
        }
    }

    pub(super) fn statement(&mut self, statement: &Stmt) {
        let span = statement.span;
        match &statement.kind {
            StmtKind::Pass | StmtKind::Import { .. } => {}
            StmtKind::Nonlocal(names) => {
                let cells = &self.program.nesting.cells[self.function];
                if let Some(name) = names.iter().find(|name| !cells.contains(*name)).cloned() {
                    let message = format!("`{name}` is a variable outside of the closure");
                    let help = "return the value: tasks share no variables";
                    self.report(Code::Statement, span, message, help);
                }
            }
            StmtKind::Global(names) => {
                for name in names {
                    if crate::names::assignments(&self.ast.body, name) > 0 {
                        let message =
                            format!("`global {name}` is not supported where `{name}` is assigned");
                        let help = "return the value: tasks share no variables";
                        self.report(Code::Statement, span, message, help);
                    }
                }
            }
            StmtKind::Expr(expression) => {
                if let Some((object, name, value)) = crate::classes::object_setattr(expression) {
                    let object = self.expr(object);
                    let object = self.keep(object);
                    let value = self.expr(value);
                    let value = self.keep(value);
                    self.set_attribute(&object, name, &value, true, span);
                    return;
                }
                let value = self.own_value(expression, &Wanted::Nothing);
                self.evaluate(value);
            }
            StmtKind::Yield(value) => self.yield_statement(value),
            StmtKind::Assign { targets, value } => {
                if let ([target], ExprKind::Lambda(lambda)) = (targets.as_slice(), &value.kind)
                    && let ExprKind::Name(name) = &target.kind
                {
                    self.define(name, lambda);
                    return;
                }
                self.assignment(targets, value);
            }
            StmtKind::Match { subject, cases } => {
                self.match_statement(statement.id, subject, cases, span);
            }
            StmtKind::AugAssign { target, operator, value } => {
                self.augmented(target, *operator, value, span);
            }
            StmtKind::Annotated { target, annotation, value } => {
                if let Some(value) = value {
                    // A hint for empty containers, and for messages; never a conversion.
                    let hint = crate::names::annotation_type(annotation).map(|it| Ty::from(&it));
                    let wanted = hint.clone().map_or(Wanted::Unknown, Wanted::Type);
                    let value = self.own_value(value, &wanted);
                    if let Some(hint) = hint {
                        let _ = self.program.types.unify(&value.ty, &hint);
                    }
                    self.assign(target, value);
                }
            }
            StmtKind::If { test, body, orelse } => {
                self.if_statement(statement.id, test, span, &mut |this, taken| {
                    this.block(if taken { body } else { orelse });
                });
            }
            StmtKind::While { test, body, orelse } => {
                self.while_loop(statement.id, test, &mut |this| this.block(body), orelse, span);
            }
            StmtKind::For { target, iter, body, orelse } => {
                if self.for_map(statement, target, iter, body, orelse) {
                    return;
                }
                self.for_any(statement.id, iter, orelse, span, &mut |this, item| {
                    this.assign_item(target, item);
                    this.block(body);
                });
            }
            StmtKind::Break => self.jump(BREAK, span),
            StmtKind::Continue => self.jump(CONTINUE, span),
            StmtKind::Return(value) => {
                let value = match value {
                    Some(value) => self.expr(value),
                    None => Ex::none(span),
                };
                self.return_value(value);
            }
            StmtKind::Raise { exception, cause } => {
                self.raise_statement(exception.as_ref(), cause.as_ref(), span);
            }
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                let node = statement.id;
                self.try_statement(&Parts { node, span, body, handlers, orelse, finalbody });
            }
            StmtKind::With { manager, target, body, first } => {
                self.with_statement(manager, target.as_ref(), body, *first);
            }
            StmtKind::Assert { test, message } => self.assert(test, message.as_ref(), span),
            StmtKind::Delete(targets) => {
                for target in targets {
                    self.delete(target);
                }
            }
            StmtKind::Function(function) => {
                self.define(&function.name, function);
            }
        }
    }

    fn assignment(&mut self, targets: &[Expr], value: &Expr) {
        if let ([target], ExprKind::Tuple(_)) = (targets, &value.kind) {
            // `a, b = b, a` makes no tuple.
            let item = self.tuple_item(value);
            self.assign_item(target, item);
            return;
        }
        let mut value = self.expr(value);
        if targets.len() > 1 {
            value = self.copy(value);
        }
        for target in targets {
            self.assign(target, value.clone());
        }
    }

    pub(super) fn return_value(&mut self, value: Ex) {
        if self.env.is_none() {
            return;
        }
        let value = if self.generator.is_some() { self.end_generator(value) } else { value };
        self.leave_with(value);
    }

    /// Leaves with what the function returns, by way of the statements of `finally`.
    pub(super) fn leave_with(&mut self, value: Ex) {
        if self.env.is_none() {
            return;
        }
        let ty = self.resolve(&value.ty);
        if ty == Ty::Never {
            self.evaluate(value);
            return;
        }
        let known = self.program.instances[self.instance].result.clone();
        let joined = if let Ok(joined) = self.program.types.join(&known, &ty) {
            joined
        } else {
            let (left, right) = (self.show(&known), self.show(&ty));
            let message = format!("returns `{left}` in one place and `{right}` in another");
            self.report(Code::MixedTypes, value.span, message, "return values of one type");
            self.resolve(&known)
        };
        if joined != self.resolve(&known) {
            self.program.instances[self.instance].result = joined.clone();
            self.program.changed = true;
        }
        let value = self.coerce(value, &joined);
        if self.return_by_finally(&value) {
            return;
        }
        self.push(St::Return(value));
        self.env = None;
    }

    /// A conditional, whose branches `branch` lowers: the first if it is told so.
    pub(super) fn if_statement(
        &mut self,
        node: NodeId,
        test: &Expr,
        span: Span,
        branch: &mut dyn FnMut(&mut Self, bool),
    ) {
        let (condition, then, other) = self.condition(test);
        if let Op::Bool(known) = condition.op {
            self.narrow(if known { &then } else { &other }, span);
            branch(self, known);
            return;
        }
        if condition.ty == Ty::Never {
            self.evaluate(condition);
            return;
        }
        let before = self.env.clone();
        let (then, ()) = self.capture(|this| {
            this.narrow(&then, span);
            branch(this, true);
            this.flow_to(node, AFTER, span);
        });
        self.env = before.clone();
        let (other, ()) = self.capture(|this| {
            this.narrow(&other, span);
            branch(this, false);
            this.flow_to(node, AFTER, span);
        });
        self.env = before;
        self.push(St::If(condition, then, other));
        self.enter(node, AFTER);
    }

    pub(super) fn while_loop(
        &mut self,
        node: NodeId,
        test: &Expr,
        body: &mut dyn FnMut(&mut Self),
        orelse: &[Stmt],
        span: Span,
    ) {
        let (break_label, continue_label) = (self.label(), self.label());
        self.flow_to(node, HEAD, span);
        let (block, ()) = self.capture(|this| {
            this.enter(node, HEAD);
            let (condition, then, other) = this.condition(test);
            let at_exit = this.env.clone();
            if matches!(condition.op, Op::Bool(false)) {
                this.env = None;
            }
            let (inner, ()) = this.capture(|this| {
                let copy = this.copy;
                this.loops.push(super::LoopFrame { node, copy, break_label, continue_label });
                this.narrow(&then, span);
                body(this);
                this.flow_to(node, CONTINUE, span);
                this.loops.pop();
            });
            let (step, ()) = this.capture(|this| {
                this.enter(node, CONTINUE);
                this.flow_to(node, HEAD, span);
            });
            let forever = matches!(condition.op, Op::Bool(true));
            let condition = (!forever).then_some(condition);
            this.env.clone_from(&at_exit);
            this.push(St::Loop {
                condition,
                body: vec![St::Block(continue_label, inner)],
                step,
                span: test.span,
            });
            this.env = if forever { None } else { at_exit };
            this.narrow(&other, span);
            this.block(orelse);
            this.flow_to(node, BREAK, span);
        });
        // What follows the loop may be out of reach; the loop is not.
        self.out.push(St::Block(break_label, block));
        self.enter(node, BREAK);
    }

    /// A loop over what a plan gives.
    pub(super) fn for_loop(
        &mut self,
        node: NodeId,
        plan: Plan,
        orelse: &[Stmt],
        span: Span,
        body: &mut dyn FnMut(&mut Self, super::iterate::Item),
    ) {
        let (break_label, continue_label) = (self.label(), self.label());
        for statement in plan.setup {
            self.push(statement);
        }
        if plan.never {
            self.env = None;
            return;
        }
        self.flow_to(node, HEAD, span);
        let (block, ()) = self.capture(|this| {
            this.enter(node, HEAD);
            let at_exit = this.env.clone();
            let (inner, ()) = this.capture(|this| {
                let copy = this.copy;
                this.loops.push(super::LoopFrame { node, copy, break_label, continue_label });
                for statement in plan.first {
                    this.push(statement);
                }
                body(this, plan.item);
                this.flow_to(node, CONTINUE, span);
                this.loops.pop();
            });
            let (step, ()) = this.capture(|this| {
                this.enter(node, CONTINUE);
                for statement in plan.step {
                    this.push(statement);
                }
                this.flow_to(node, HEAD, span);
            });
            this.env.clone_from(&at_exit);
            let body = vec![St::Block(continue_label, inner)];
            let span_of_turn = plan.condition.span;
            let turn = St::Loop { condition: Some(plan.condition), body, step, span: span_of_turn };
            // Counters that cannot go on leave the loop here, as if they were done.
            this.push(St::Block(plan.exit, vec![turn]));
            this.env = at_exit;
            this.block(orelse);
            this.flow_to(node, BREAK, span);
        });
        self.out.push(St::Block(break_label, block));
        self.enter(node, BREAK);
        for local in plan.owned {
            self.push(St::Clear(local));
        }
    }

    pub(super) fn jump(&mut self, place: u8, span: Span) {
        if self.jump_by_finally(place, span) {
            return;
        }
        let Some(frame) = self.loops.last() else { return };
        let label = if place == BREAK { frame.break_label } else { frame.continue_label };
        let (node, copy) = (frame.node, frame.copy);
        self.flow_out(copy, node, place, span);
        self.push(St::Br(label));
        self.env = None;
    }

    fn assert(&mut self, test: &Expr, message: Option<&Expr>, span: Span) {
        let (condition, then, other) = self.condition(test);
        if condition.ty == Ty::Never {
            self.evaluate(condition);
            return;
        }
        let after = self.env.clone();
        let (failing, ()) = self.capture(|this| {
            this.narrow(&other, span);
            let class = this.exception("AssertionError");
            let raise = match message {
                None => Raise::Common(crate::abi::common::ASSERTION),
                Some(message) => {
                    let value = this.expr(message);
                    if matches!(value.ty, Ty::Never | Ty::Error) {
                        this.evaluate(value);
                        return;
                    }
                    Raise::Value(class, Box::new(value))
                }
            };
            this.evaluate(Ex::new(Op::Raise(raise), Ty::Never, span));
        });
        self.env = after;
        self.push(St::If(condition, Vec::new(), failing));
        self.narrow(&then, span);
    }

    fn delete(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Name(name) => {
                if let Some(variable) = self.variable(name) {
                    if self.cells.contains_key(&variable) {
                        let message = "deleting a variable that functions share is not supported";
                        self.report(Code::Statement, target.span, message, "assign None to it");
                        return;
                    }
                    let value = self.get_variable(variable, target.span);
                    if value.ty == Ty::Never || !matches!(value.op, Op::Local(_)) {
                        self.evaluate(value);
                    }
                    if self.env.is_some() {
                        self.unset_variable(variable, target.span);
                    }
                }
            }
            ExprKind::Subscript(base, index) => self.delete_subscript(target, base, index),
            ExprKind::Tuple(targets) | ExprKind::List(targets) => {
                for target in targets {
                    self.delete(target);
                }
            }
            ExprKind::Error => {}
            _ => self.report(Code::Statement, target.span, "this `del` is not supported", ""),
        }
    }
}
