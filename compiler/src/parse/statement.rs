//! Statements and functions: from the parser's tree to ours.

use ruff_python_ast as py;
use ruff_text_size::{Ranged, TextRange};

use super::{Converter, span};
use crate::ast::{ExprKind, Function, Handler, Stmt, StmtKind};
use crate::diagnostics::Code;

impl Converter<'_> {
    pub(super) fn function(&mut self, definition: &py::StmtFunctionDef) -> Function {
        if let Some(parameters) = &definition.type_params {
            let message = "type parameters are not supported";
            self.report(
                Code::Statement,
                parameters.range,
                message,
                "leave them out: types are inferred",
            );
        }
        let parameters = self.parameters(&definition.parameters);
        let around = std::mem::replace(&mut self.yields, false);
        let body = self.block(&definition.body);
        let yields = std::mem::replace(&mut self.yields, around);
        if yields && definition.is_async {
            let message = "asynchronous generators are not supported";
            self.report(Code::Statement, definition.name.range, message, "leave out `async`");
        }
        Function {
            name: definition.name.to_string(),
            parameters,
            is_async: definition.is_async,
            yields,
            body,
            name_span: span(definition.name.range),
        }
    }

    pub(super) fn block(&mut self, body: &[py::Stmt]) -> Vec<Stmt> {
        let mut statements = Vec::new();
        for statement in body {
            self.statement(statement, &mut statements);
        }
        statements
    }

    fn statement(&mut self, statement: &py::Stmt, out: &mut Vec<Stmt>) {
        let range = statement.range();
        let kind = match statement {
            // A string alone is a docstring or a comment.
            py::Stmt::Expr(expression) if expression.value.is_string_literal_expr() => {
                StmtKind::Pass
            }
            py::Stmt::Expr(expression) if expression.value.is_ellipsis_literal_expr() => {
                StmtKind::Pass
            }
            py::Stmt::Expr(expression) => self.alone(&expression.value),
            py::Stmt::Assign(assign) => {
                let value = self.expression(&assign.value);
                let targets = assign.targets.iter().map(|target| self.expression(target));
                StmtKind::Assign { targets: targets.collect(), value }
            }
            py::Stmt::AugAssign(assign) => {
                let Some(operator) = self.operator(assign.op, range) else { return };
                let target = self.expression(&assign.target);
                StmtKind::AugAssign { target, operator, value: self.expression(&assign.value) }
            }
            py::Stmt::AnnAssign(assign) => StmtKind::Annotated {
                target: self.expression(&assign.target),
                annotation: self.expression(&assign.annotation),
                value: assign.value.as_ref().map(|value| self.expression(value)),
            },
            py::Stmt::If(conditional) => self.conditional(
                &conditional.test,
                &conditional.body,
                &conditional.elif_else_clauses,
            ),
            py::Stmt::While(while_) => StmtKind::While {
                test: self.expression(&while_.test),
                body: self.block(&while_.body),
                orelse: self.block(&while_.orelse),
            },
            py::Stmt::For(for_) => {
                if for_.is_async {
                    self.report(
                        Code::Statement,
                        range,
                        "`async for` is not supported",
                        "use `for`",
                    );
                }
                StmtKind::For {
                    target: self.expression(&for_.target),
                    iter: self.expression(&for_.iter),
                    body: self.block(&for_.body),
                    orelse: self.block(&for_.orelse),
                }
            }
            py::Stmt::Break(_) => StmtKind::Break,
            py::Stmt::Continue(_) => StmtKind::Continue,
            py::Stmt::Pass(_) => StmtKind::Pass,
            py::Stmt::Return(return_) => {
                StmtKind::Return(return_.value.as_ref().map(|value| self.expression(value)))
            }
            py::Stmt::Raise(raise) => {
                let exception = raise.exc.as_ref().map(|exception| self.expression(exception));
                let cause = raise.cause.as_ref().map(|cause| self.expression(cause));
                StmtKind::Raise { exception, cause }
            }
            py::Stmt::Nonlocal(names) => {
                StmtKind::Nonlocal(names.names.iter().map(ToString::to_string).collect())
            }
            py::Stmt::Global(names) => {
                StmtKind::Global(names.names.iter().map(ToString::to_string).collect())
            }
            py::Stmt::Try(try_) => self.attempt(try_),
            py::Stmt::With(with) if !with.is_async => match self.with(with, &with.items) {
                Some(kind) => kind,
                None => return,
            },
            py::Stmt::Match(match_) => self.matching(match_),
            py::Stmt::Assert(assert) => StmtKind::Assert {
                test: self.expression(&assert.test),
                message: assert.msg.as_ref().map(|message| self.expression(message)),
            },
            py::Stmt::Delete(delete) => {
                let targets = delete.targets.iter().map(|target| self.expression(target));
                StmtKind::Delete(targets.collect())
            }
            py::Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).to_string();
                    self.import(name, alias.name.to_string(), alias.range, out);
                }
                return;
            }
            py::Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map_or("", |module| module.as_str());
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).to_string();
                    self.import(name, format!("{module}.{}", alias.name), alias.range, out);
                }
                return;
            }
            py::Stmt::FunctionDef(definition) => {
                for decorator in &definition.decorator_list {
                    let message = "decorators on inner functions are not supported";
                    self.report(
                        Code::Statement,
                        decorator.range,
                        message,
                        "call the function directly",
                    );
                }
                StmtKind::Function(Box::new(self.function(definition)))
            }
            other => {
                let (range, message, help) = unsupported(other);
                self.report(Code::Statement, range, message, help);
                self.look_inside(other);
                return;
            }
        };
        let id = self.id();
        out.push(Stmt { kind, span: span(range), id });
    }

    /// An expression that is a statement.
    fn alone(&mut self, expression: &py::Expr) -> StmtKind {
        let range = expression.range();
        match expression {
            py::Expr::Yield(given) if !self.is_library() => {
                self.yields = true;
                StmtKind::Yield(match &given.value {
                    Some(value) => self.expression(value),
                    None => self.expr(ExprKind::None, range),
                })
            }
            // Nothing is sent to generators, so that it is a loop.
            py::Expr::YieldFrom(given) => {
                self.yields = true;
                let iter = self.expression(&given.value);
                let name = format!("<item {}>", self.id());
                let target = self.expr(ExprKind::Name(name.clone()), range);
                let item = self.expr(ExprKind::Name(name), range);
                let (kind, id) = (StmtKind::Yield(item), self.id());
                let body = vec![Stmt { kind, span: span(range), id }];
                StmtKind::For { target, iter, body, orelse: Vec::new() }
            }
            other => StmtKind::Expr(self.expression(other)),
        }
    }

    fn import(&mut self, name: String, dotted: String, range: TextRange, out: &mut Vec<Stmt>) {
        let module = dotted.split('.').next().unwrap_or_default();
        let known = matches!(module, "math" | "time" | "asyncio" | "spm");
        if !(known || crate::library::is_known(module)) || dotted.ends_with('*') {
            let message = format!("`import {dotted}` is not supported inside a closure");
            self.report(Code::Statement, range, message, crate::library::IMPORTABLE);
        }
        let id = self.id();
        out.push(Stmt { kind: StmtKind::Import { name, dotted }, span: span(range), id });
    }

    fn conditional(
        &mut self,
        test: &py::Expr,
        body: &[py::Stmt],
        rest: &[py::ElifElseClause],
    ) -> StmtKind {
        let test = self.expression(test);
        let body = self.block(body);
        let orelse = match rest.split_first() {
            None => Vec::new(),
            Some((clause, rest)) => match &clause.test {
                None => self.block(&clause.body),
                Some(test) => {
                    let kind = self.conditional(test, &clause.body, rest);
                    let id = self.id();
                    vec![Stmt { kind, span: span(clause.range), id }]
                }
            },
        };
        StmtKind::If { test, body, orelse }
    }

    /// `with` of the first manager, around that of the others.
    fn with(&mut self, with: &py::StmtWith, items: &[py::WithItem]) -> Option<StmtKind> {
        let (item, rest) = items.split_first()?;
        let manager = self.expression(&item.context_expr);
        let target = item.optional_vars.as_ref().map(|target| self.expression(target));
        let first = self.id();
        self.next += 32;
        let body = if rest.is_empty() {
            self.block(&with.body)
        } else {
            let kind = self.with(with, rest)?;
            vec![Stmt { kind, span: span(with.range), id: self.id() }]
        };
        Some(StmtKind::With { manager, target, body, first })
    }

    fn attempt(&mut self, try_: &py::StmtTry) -> StmtKind {
        if try_.is_star {
            let message = "`except*` is not supported";
            let range = TextRange::at(try_.range.start(), 3.into());
            self.report(Code::Statement, range, message, "catch the exceptions one by one");
        }
        let body = self.block(&try_.body);
        let mut handlers = Vec::new();
        for py::ExceptHandler::ExceptHandler(handler) in &try_.handlers {
            handlers.push(Handler {
                classes: handler.type_.as_ref().map(|classes| self.expression(classes)),
                name: handler.name.as_ref().map(ToString::to_string),
                body: self.block(&handler.body),
                span: span(handler.range),
                id: self.id(),
            });
        }
        let orelse = self.block(&try_.orelse);
        StmtKind::Try { body, handlers, orelse, finalbody: self.block(&try_.finalbody) }
    }

    /// Reports what is wrong within a statement that is itself refused.
    fn look_inside(&mut self, statement: &py::Stmt) {
        if let py::Stmt::With(with) = statement {
            self.block(&with.body);
        }
    }
}

/// The place to point at, what to say, and what to do instead.
fn unsupported(statement: &py::Stmt) -> (TextRange, &'static str, &'static str) {
    let range = statement.range();
    let keyword = |length: u32| TextRange::at(range.start(), length.into());
    match statement {
        py::Stmt::With(_) => (keyword(5), "`async with` is not supported", "use `with`"),
        py::Stmt::ClassDef(class) => (
            class.name.range,
            "classes are not supported inside a closure",
            "use tuples, lists or dicts",
        ),
        py::Stmt::TypeAlias(_) => {
            (range, "`type` statements are not supported", "write the type out")
        }
        _ => (range, "this statement is not supported", ""),
    }
}
