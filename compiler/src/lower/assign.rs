//! Names, parameters and assignment targets.

use std::collections::BTreeSet;

use super::flow::VariableId;
use super::iterate::Item;
use super::{Body, Span};
use crate::abi::given;
use crate::ast::{Expr, ExprKind, Operator, Stmt, StmtKind};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Local, Op, Raise, St};
use crate::names;
use crate::ty::Ty;

impl Body<'_, '_> {
    /// Finds the function's local names: what it assigns anywhere.
    pub(super) fn collect_names(&mut self) {
        let mut assigned = BTreeSet::new();
        names::own(&self.ast.body, &mut assigned, &mut self.has_walrus);
        let mut scope = std::collections::BTreeMap::new();
        let parameters = self.ast.parameters.iter().map(|parameter| parameter.name.clone());
        for name in parameters.chain(self.own_captures()).chain(assigned) {
            let next = self.names.len();
            if *scope.entry(name.clone()).or_insert(next) == next {
                self.names.insert(next, name);
            }
        }
        for statement in &self.ast.body {
            self.collect_import(statement);
        }
        self.scopes.push(scope);
    }

    fn collect_import(&mut self, statement: &Stmt) {
        match &statement.kind {
            StmtKind::Import { name, dotted } => {
                self.imports.insert(name.clone(), dotted.clone());
            }
            StmtKind::If { body, orelse, .. }
            | StmtKind::While { body, orelse, .. }
            | StmtKind::For { body, orelse, .. } => {
                for statement in body.iter().chain(orelse) {
                    self.collect_import(statement);
                }
            }
            StmtKind::With { body, .. } => {
                for statement in body {
                    self.collect_import(statement);
                }
            }
            StmtKind::Match { cases, .. } => {
                for statement in cases.iter().flat_map(|case| &case.body) {
                    self.collect_import(statement);
                }
            }
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                let handled = handlers.iter().map(|handler| &handler.body);
                for statement in [body, orelse, finalbody].into_iter().chain(handled).flatten() {
                    self.collect_import(statement);
                }
            }
            _ => {}
        }
    }

    /// Parameters arrive in the first locals. One that is assigned to gets a local of its own,
    /// because the caller keeps what it passed.
    pub(super) fn bind_parameters(&mut self, types: &[Ty]) {
        if let Some(ty) = self.generator.clone() {
            self.locals.push(Local { ty, borrowed: true });
        }
        let first = self.locals.len();
        for ty in types {
            let ty = self.resolve(ty);
            self.locals.push(Local { ty, borrowed: true });
        }
        let mut assigned = BTreeSet::new();
        let mut walrus = false;
        names::own(&self.ast.body, &mut assigned, &mut walrus);
        self.make_cells(types.len());
        for (index, ty) in types.iter().enumerate() {
            let ty = self.resolve(ty);
            let parameter = self.ast.parameters.get(index);
            // What comes after the parameters are variables of functions around.
            let span = parameter.map_or(self.ast.name_span, |parameter| parameter.span);
            let is_assigned = |name: &String| assigned.contains(name) || self.is_own_cell(index);
            if parameter.is_none_or(|parameter| !is_assigned(&parameter.name)) {
                self.slots.insert((index, ty.clone()), first + index);
                let state = super::flow::State { ty, set: super::flow::Set::Always };
                if let Some(env) = &mut self.env {
                    env.insert(index, state);
                }
                continue;
            }
            let value = Ex::local(first + index, ty, span);
            self.set_variable(index, value);
        }
    }

    /// The variable that a name stands for here, if it is local.
    pub(super) fn variable(&self, name: &str) -> Option<VariableId> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name).copied())
    }

    /// Assigns a value to a target.
    pub(super) fn assign(&mut self, target: &Expr, value: Ex) {
        self.assign_item(target, Item::One(value));
    }

    /// Assigns what an iteration gives; pairs of `enumerate` and `zip` are not made into tuples if
    /// they are taken apart again.
    pub(super) fn assign_item(&mut self, target: &Expr, item: Item) {
        if self.env.is_none() {
            return;
        }
        match (&target.kind, item) {
            (ExprKind::Tuple(targets) | ExprKind::List(targets), item)
                if targets.iter().any(|target| matches!(target.kind, ExprKind::Starred(_))) =>
            {
                let value = self.item_value(item, target.span);
                self.unpack_rest(target, targets, value);
            }
            (ExprKind::Tuple(targets) | ExprKind::List(targets), Item::Many(items)) => {
                if targets.len() != items.len() {
                    self.wrong_count(target, targets.len(), items.len());
                    return;
                }
                // All are evaluated before the first is assigned.
                let items: Vec<Item> = items.into_iter().map(|item| self.keep_item(item)).collect();
                for (target, item) in targets.iter().zip(items) {
                    self.assign_item(target, item);
                }
            }
            (ExprKind::Tuple(targets) | ExprKind::List(targets), Item::One(value)) => {
                self.unpack(target, targets, value);
            }
            (ExprKind::Name(name), item) => {
                let value = self.item_value(item, target.span);
                if let Some(variable) = self.variable(name) {
                    self.set_variable(variable, value);
                }
            }
            (ExprKind::Subscript(base, index), item) => {
                let value = self.item_value(item, target.span);
                let value = self.keep(value);
                self.store_subscript(target, base, index, value);
            }
            (ExprKind::Error, item) => {
                let value = self.item_value(item, target.span);
                self.evaluate(value);
            }
            (ExprKind::Attribute(base, name), item) => {
                let value = self.item_value(item, target.span);
                let value = self.keep(value);
                let object = self.expr(base);
                let object = self.keep(object);
                self.set_attribute(&object, name, &value, false, target.span);
            }
            _ => self.report(Code::Statement, target.span, "this assignment is not supported", ""),
        }
    }

    pub(super) fn keep_item(&mut self, item: Item) -> Item {
        match item {
            // A local may be another target, so it is copied.
            Item::One(value) => Item::One(self.copy(value)),
            Item::Many(items) => {
                Item::Many(items.into_iter().map(|item| self.keep_item(item)).collect())
            }
        }
    }

    /// A value in a local of its own, safe from assignments to the variable it came from.
    pub(super) fn copy(&mut self, value: Ex) -> Ex {
        let constant =
            matches!(value.op, Op::Int(_) | Op::Float(_) | Op::Bool(_) | Op::None | Op::Static(_));
        let ty = self.resolve(&value.ty);
        if constant || ty == Ty::Error {
            return value;
        }
        let span = value.span;
        if ty == Ty::Never {
            self.evaluate(value);
            return Self::unreachable(span);
        }
        let local = self.fresh(&ty);
        self.push(St::Set(local, value));
        Ex::local(local, ty, span)
    }

    fn wrong_count(&mut self, target: &Expr, wanted: usize, found: usize) {
        let text = if found > wanted {
            format!("too many values to unpack (expected {wanted})")
        } else {
            format!("not enough values to unpack (expected {wanted}, got {found})")
        };
        let raise = Self::raise(self.exception("ValueError"), &text, target.span);
        self.evaluate(raise);
    }

    fn unpack(&mut self, target: &Expr, targets: &[Expr], value: Ex) {
        let span = target.span;
        let ty = self.resolve(&value.ty);
        match &ty {
            Ty::Tuple(types) => {
                if types.len() != targets.len() {
                    self.evaluate(value);
                    self.wrong_count(target, targets.len(), types.len());
                    return;
                }
                let tuple = self.keep(value);
                for (index, (target, ty)) in targets.iter().zip(types).enumerate() {
                    let item = Op::TupleGet(Box::new(tuple.clone()), index);
                    self.assign(target, Ex::new(item, ty.clone(), span));
                }
            }
            Ty::List(element) | Ty::VTuple(element) => {
                let element = self.element(element);
                let list = self.copy(value);
                let wanted = targets.len() as i64;
                let length = Self::length(list.clone());
                let test = |comparison| {
                    Self::int_compare(comparison, length.clone(), Ex::int(wanted, span))
                };
                let class = self.exception("ValueError");
                let text = format!("too many values to unpack (expected {wanted})");
                let many = St::Eval(Self::raise(class, &text, span));
                let few = self.too_few(&wanted.to_string(), length.clone(), span);
                self.push(St::If(test(crate::ast::Comparison::Gt), vec![many], Vec::new()));
                self.push(St::If(test(crate::ast::Comparison::Lt), vec![few], Vec::new()));
                for (index, target) in targets.iter().enumerate() {
                    let index = Ex::int(index as i64, span);
                    self.assign(target, Self::known_item(&list, index, &element, span));
                }
            }
            Ty::Str => {
                let list = Self::call_runtime("str_to_list", vec![value], Ty::list(Ty::Str), span);
                self.unpack(target, targets, list);
            }
            Ty::Object(_) if self.items_of(&ty).is_some() => {
                if let Some(tuple) = self.as_tuple(value) {
                    self.unpack(target, targets, tuple);
                }
            }
            Ty::Object(_) if self.program.is_generator(&ty) => {
                let list = self.drained(value, span);
                self.unpack(target, targets, list);
            }
            Ty::Object(_) => match self.iterator(value, span) {
                Some(iterator) => self.unpack(target, targets, iterator),
                None => self.assign_errors(targets, span),
            },
            Ty::Never => self.evaluate(value),
            Ty::Error => self.assign_errors(targets, span),
            _ => {
                let name = ty.python_name();
                let message = format!("cannot unpack non-iterable {name} object");
                self.report(Code::Operand, span, message, "");
                self.assign_errors(targets, span);
            }
        }
    }

    /// `a, *rest, b = value`.
    fn unpack_rest(&mut self, target: &Expr, targets: &[Expr], value: Ex) {
        let span = target.span;
        let stars = targets.iter().filter(|it| matches!(it.kind, ExprKind::Starred(_))).count();
        let first = targets.iter().position(|it| matches!(it.kind, ExprKind::Starred(_)));
        let (Some(before), 1) = (first, stars) else {
            self.report(Code::Syntax, span, "multiple starred expressions in assignment", "");
            return;
        };
        let after = targets.len() - before - 1;
        let Some(list) = self.as_list(value, span) else {
            self.assign_errors(targets, span);
            return;
        };
        if list.ty == Ty::Never {
            self.evaluate(list);
            return;
        }
        let list = self.copy(list);
        let ty = self.resolve(&list.ty);
        let Ty::List(element) = &ty else { return self.assign_errors(targets, span) };
        let element = self.element(element);
        let length = Self::length(list.clone());
        let wanted = Ex::int((before + after) as i64, span);
        let test = Self::int_compare(crate::ast::Comparison::Lt, length.clone(), wanted);
        let few = self.too_few(&format!("at least {}", before + after), length.clone(), span);
        self.push(St::If(test, vec![few], Vec::new()));
        // All are taken before the first is assigned.
        let mut values = Vec::new();
        for (index, target) in targets.iter().enumerate() {
            let value = if let ExprKind::Starred(_) = &target.kind {
                let mask = given::START | if after > 0 { given::STOP } else { 0 };
                let bounds = [before as i64, -(after as i64), 1].map(|at| Ex::int(at, span));
                let mut arguments = vec![Argument::Ex(list.clone()), Argument::Desc(ty.clone())];
                arguments.extend(bounds.map(Argument::Ex));
                arguments.push(Argument::Num(mask));
                Self::runtime("list_slice", arguments, ty.clone(), span)
            } else if index < before {
                Self::known_item(&list, Ex::int(index as i64, span), &element, span)
            } else {
                let from_end = (targets.len() - index) as i64;
                let at = Op::Int2(
                    Operator::Sub,
                    Box::new(length.clone()),
                    Box::new(Ex::int(from_end, span)),
                );
                Self::known_item(&list, Ex::new(at, Ty::Int, span), &element, span)
            };
            values.push(self.copy(value));
        }
        for (target, value) in targets.iter().zip(values) {
            let target = if let ExprKind::Starred(rest) = &target.kind { rest } else { target };
            self.assign(target, value);
        }
    }

    /// An element that is known to be there.
    fn known_item(list: &Ex, index: Ex, element: &Ty, span: Span) -> Ex {
        let get =
            Op::ListGet { list: Box::new(list.clone()), index: Box::new(index), checked: false };
        Ex::new(get, element.clone(), span)
    }

    fn assign_errors(&mut self, targets: &[Expr], span: Span) {
        for target in targets {
            self.assign(target, Self::error(span));
        }
    }

    fn too_few(&mut self, wanted: &str, length: Ex, span: Span) -> St {
        let digits = Self::call_runtime("int_str", vec![length], Ty::Str, span);
        let head =
            Self::text(&format!("not enough values to unpack (expected {wanted}, got "), span);
        let text = Self::call_runtime("str_concat", vec![head, digits], Ty::Str, span);
        let text =
            Self::call_runtime("str_concat", vec![text, Self::text(")", span)], Ty::Str, span);
        let raise = Raise::Value(self.exception("ValueError"), Box::new(text));
        St::Eval(Ex::new(Op::Raise(raise), Ty::Never, span))
    }

    /// `target op= value`.
    pub(super) fn augmented(
        &mut self,
        target: &Expr,
        operator: Operator,
        value: &Expr,
        span: Span,
    ) {
        match &target.kind {
            ExprKind::Name(name) => {
                let old = self.name(name, target.span);
                let value = self.expr(value);
                let Some(variable) = self.variable(name) else { return };
                if let Some(statement) = self.in_place(operator, &old, &value, span) {
                    self.evaluate(statement);
                    return;
                }
                let new = match self.special_in_place(operator, &old, &value, span) {
                    Some(new) => new,
                    None => self.binary(operator, old, value, span),
                };
                self.set_variable(variable, new);
            }
            ExprKind::Subscript(base, index) => {
                self.augmented_subscript(target, base, index, operator, value, span);
            }
            ExprKind::Attribute(base, name) => {
                let object = self.expr(base);
                let object = self.keep(object);
                let old = self.attribute_of(object.clone(), name, target.span);
                let old = self.keep(old);
                let value = self.expr(value);
                if let Some(statement) = self.in_place(operator, &old, &value, span) {
                    self.evaluate(statement);
                    return;
                }
                let new = self.binary(operator, old, value, span);
                let new = self.keep(new);
                self.set_attribute(&object, name, &new, false, target.span);
            }
            ExprKind::Error => {
                self.expr(value);
            }
            _ => self.report(Code::Statement, target.span, "this assignment is not supported", ""),
        }
    }
}
