//! A template's body for one call: names, places and nodes of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::ast::{Expr, ExprKind, NodeId, Span, Stmt, StmtKind};

/// What a name of a template becomes.
pub(crate) enum Replacement {
    /// A variable of its own.
    Variable(String),
    /// What the call passes.
    Argument(Expr),
    /// What the call passes to be called.
    Callee(Expr),
}

/// Begins names that stand for builtins and helpers, whatever the user calls so.
pub(crate) const BUILTIN: &str = "<lib>";
/// The function that `yield` calls.
pub(crate) const YIELD: &str = "<yield>";

pub(crate) struct Instantiation<'t> {
    pub names: &'t BTreeMap<String, Replacement>,
    /// Parameters that the call passes.
    pub given: &'t BTreeSet<String>,
    /// Of the call.
    pub span: Span,
    pub next: &'t mut NodeId,
    /// Parameters of the lambdas around a place.
    pub parameters: Vec<String>,
}

impl Instantiation<'_> {
    fn id(&mut self) -> NodeId {
        *self.next += 1;
        *self.next
    }

    pub(crate) fn block(&mut self, statements: &mut [Stmt]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &mut Stmt) {
        statement.span = self.span;
        statement.id = self.id();
        match &mut statement.kind {
            StmtKind::Expr(value) | StmtKind::Return(Some(value)) => self.expression(value),
            StmtKind::Assign { targets, value } => {
                self.expression(value);
                self.expressions(targets);
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expression(target);
                self.expression(value);
            }
            StmtKind::If { test, body, orelse } | StmtKind::While { test, body, orelse } => {
                self.expression(test);
                self.block(body);
                self.block(orelse);
            }
            StmtKind::For { target, iter, body, orelse } => {
                self.expression(iter);
                self.expression(target);
                self.block(body);
                self.block(orelse);
            }
            StmtKind::Raise { exception, cause } => {
                exception.iter_mut().chain(cause).for_each(|value| self.expression(value));
            }
            StmtKind::Delete(targets) => self.expressions(targets),
            _ => {}
        }
    }

    fn expressions(&mut self, expressions: &mut [Expr]) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    /// What is known of a parameter before the program runs: whether it is None, or given.
    fn known(&self, expression: &Expr) -> Option<bool> {
        let is_none = |value: &Expr| {
            let ExprKind::Name(name) = &value.kind else { return None };
            match self.names.get(name)? {
                Replacement::Argument(argument) => match argument.kind {
                    ExprKind::None => Some(true),
                    ExprKind::Name(_) => None,
                    _ => Some(false),
                },
                Replacement::Callee(callee) => Some(matches!(callee.kind, ExprKind::None)),
                Replacement::Variable(_) => None,
            }
        };
        match &expression.kind {
            ExprKind::Compare(left, rest) => match rest.as_slice() {
                [(operator, Expr { kind: ExprKind::None, .. })] => match operator {
                    crate::ast::Comparison::Is => is_none(left),
                    crate::ast::Comparison::IsNot => is_none(left).map(|known| !known),
                    _ => None,
                },
                _ => None,
            },
            ExprKind::Call { function, arguments, .. } => match (&function.kind, &arguments[..]) {
                (ExprKind::Name(name), [Expr { kind: ExprKind::Name(of), .. }])
                    if name == "given" =>
                {
                    Some(self.given.contains(of))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn expression(&mut self, expression: &mut Expr) {
        expression.span = self.span;
        expression.id = self.id();
        if let Some(known) = self.known(expression) {
            expression.kind = ExprKind::Bool(known);
            return;
        }
        match &mut expression.kind {
            ExprKind::Name(name) => match self.names.get(name) {
                Some(Replacement::Variable(own)) => name.clone_from(own),
                Some(Replacement::Argument(argument) | Replacement::Callee(argument)) => {
                    // Constants and names are new nodes; others are what they are in the call.
                    let simple = matches!(
                        argument.kind,
                        ExprKind::None | ExprKind::Bool(_) | ExprKind::Int(_) | ExprKind::Name(_)
                    );
                    let id = if simple { expression.id } else { argument.id };
                    *expression = Expr { id, ..argument.clone() };
                }
                None if name == YIELD || self.parameters.contains(name) => {}
                None => *name = format!("{BUILTIN}{name}"),
            },
            ExprKind::And(items)
            | ExprKind::Or(items)
            | ExprKind::List(items)
            | ExprKind::Tuple(items)
            | ExprKind::Set(items) => self.expressions(items),
            ExprKind::Not(value)
            | ExprKind::Unary(_, value)
            | ExprKind::Starred(value)
            | ExprKind::Attribute(value, _) => self.expression(value),
            ExprKind::Binary(_, left, right) | ExprKind::Subscript(left, right) => {
                self.expression(left);
                self.expression(right);
            }
            ExprKind::Compare(left, rest) => {
                self.expression(left);
                for (_, right) in rest {
                    self.expression(right);
                }
            }
            ExprKind::Conditional { test, body, orelse } => {
                self.expression(test);
                self.expression(body);
                self.expression(orelse);
            }
            ExprKind::Call { function, arguments, keywords } => {
                self.expression(function);
                self.expressions(arguments);
                for (_, value) in keywords {
                    self.expression(value);
                }
            }
            ExprKind::Slice(parts) => {
                parts.iter_mut().flatten().for_each(|part| self.expression(part));
            }
            ExprKind::Lambda(lambda) => {
                for parameter in &mut lambda.parameters {
                    parameter.span = self.span;
                    self.parameters.push(parameter.name.clone());
                }
                self.block(&mut lambda.body);
                self.parameters.clear();
            }
            ExprKind::Comprehension { element, clauses, .. } => {
                for clause in clauses {
                    self.expression(&mut clause.iter);
                    self.expression(&mut clause.target);
                    self.expressions(&mut clause.conditions);
                }
                self.expression(element);
            }
            _ => {}
        }
    }
}
