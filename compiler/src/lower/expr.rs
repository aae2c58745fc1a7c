//! Expressions.

use super::Body;
use super::flow::AFTER;
use super::iterate::Item;
use crate::ast::{Expr, ExprKind, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Op, St};
use crate::request::Literal;
use crate::ty::Ty;

impl Body<'_, '_> {
    pub(super) fn expr(&mut self, expression: &Expr) -> Ex {
        self.within += 1;
        let value = self.expr_here(expression);
        self.within -= 1;
        value
    }

    fn expr_here(&mut self, expression: &Expr) -> Ex {
        let span = expression.span;
        if let Some(part) = self.exception_part(expression, None) {
            return part;
        }
        match &expression.kind {
            ExprKind::None => Ex::none(span),
            ExprKind::Bool(value) => Ex::bool(*value, span),
            ExprKind::Int(value) => Ex::int(*value, span),
            ExprKind::Float(value) => Ex::new(Op::Float(*value), Ty::Float, span),
            ExprKind::Str(text) => Self::text(text, span),
            ExprKind::Bytes(bytes) => {
                Ex::new(Op::Static(Literal::Bytes(bytes.clone())), Ty::Bytes, span)
            }
            ExprKind::Name(name) => self.name(name, span),
            ExprKind::And(parts) => self.and_or(expression, parts, true),
            ExprKind::Or(parts) => self.and_or(expression, parts, false),
            ExprKind::Not(inner) => {
                let value = self.expr(inner);
                let truth = self.truth(value);
                if matches!(truth.ty, Ty::Never | Ty::Error) { truth } else { Self::not(truth) }
            }
            ExprKind::Unary(operator, operand) => {
                let operand = self.expr(operand);
                self.unary(*operator, operand, span)
            }
            ExprKind::Binary(operator, left, right) => {
                let left = self.expr(left);
                let right = self.expr(right);
                self.binary(*operator, left, right, span)
            }
            ExprKind::Compare(left, rest) => self.comparison(left, rest, span),
            ExprKind::Conditional { test, body, orelse } => {
                self.conditional(expression, test, body, orelse)
            }
            ExprKind::Named(name, value) => self.walrus(name, value, span),
            ExprKind::Call { function, arguments, keywords } => {
                self.call(expression, function, arguments, keywords)
            }
            ExprKind::Attribute(base, name) => self.attribute(base, name, span),
            ExprKind::Subscript(base, index) => self.subscript(base, index, span),
            ExprKind::List(items) => self.list_display(expression, items),
            ExprKind::Tuple(items)
                if items.iter().any(|item| matches!(item.kind, ExprKind::Starred(_))) =>
            {
                self.tuple_of_parts(expression, items)
            }
            ExprKind::Tuple(_) => {
                let item = self.tuple_item(expression);
                self.item_value(item, span)
            }
            ExprKind::Set(items) => self.set_display(expression, items),
            ExprKind::Dict(items) => self.dict_display(expression, items),
            ExprKind::Comprehension { kind, element, value, clauses } => {
                self.comprehension(expression, *kind, element, value.as_deref(), clauses)
            }
            ExprKind::FString(parts) => self.fstring(parts, span),
            ExprKind::Slice(_) => {
                self.fail(Code::Expression, span, "a slice can only be used in `[...]`", "")
            }
            ExprKind::Lambda(lambda) => self.lambda_value(lambda, span),
            ExprKind::Await(awaited) => self.awaited(awaited, span),
            ExprKind::Starred(_) => {
                self.fail(Code::Expression, span, "`*` unpacking is not supported here", "")
            }
            ExprKind::Error => Self::error(span),
        }
    }

    /// The items of a tuple display, evaluated when the item is.
    pub(super) fn tuple_item(&mut self, expression: &Expr) -> Item {
        match &expression.kind {
            ExprKind::Tuple(items)
                if !items.iter().any(|item| matches!(item.kind, ExprKind::Starred(_))) =>
            {
                Item::Many(items.iter().map(|item| self.tuple_item(item)).collect())
            }
            _ => Item::One(self.expr(expression)),
        }
    }

    /// An item as one value: pairs become tuples.
    pub(super) fn item_value(&mut self, item: Item, span: Span) -> Ex {
        match item {
            Item::One(value) => value,
            Item::Many(items) => {
                let values: Vec<Ex> =
                    items.into_iter().map(|item| self.item_value(item, span)).collect();
                if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
                    return trivial;
                }
                let ty = Ty::Tuple(values.iter().map(|value| value.ty.clone()).collect());
                if values.is_empty() {
                    return Ex::new(Op::Static(Literal::Tuple(Vec::new())), ty, span);
                }
                Ex::new(Op::NewTuple(values), ty, span)
            }
        }
    }

    pub(super) fn name(&mut self, name: &str, span: Span) -> Ex {
        if let Some(index) = self.inner_function(name) {
            return self.function_value(index, span);
        }
        match self.variable(name) {
            Some(variable) if !self.imports.contains_key(name) => self.get_variable(variable, span),
            Some(_) => {
                let dotted = self.imports[name].clone();
                self.module_member(&dotted, span)
            }
            None => self.global(name, span),
        }
    }

    fn walrus(&mut self, name: &str, value: &Expr, span: Span) -> Ex {
        // Inside a comprehension the name belongs to the function.
        let Some(variable) = self.scopes.first().and_then(|scope| scope.get(name).copied()) else {
            return Self::error(span);
        };
        let (statements, ty) = self.capture(|this| {
            let value = this.expr(value);
            let ty = this.resolve(&value.ty);
            this.set_variable(variable, value);
            ty
        });
        if ty == Ty::Never {
            return Self::seq(statements, Self::unreachable(span));
        }
        let read = if self.cells.contains_key(&variable) {
            self.get_cell(variable, span)
        } else {
            let local = self.slot(variable, &ty);
            Ex::local(local, ty, span)
        };
        let copied = self.copy_of(read);
        Self::seq(statements, copied)
    }

    /// A reading of a local that later assignments do not change.
    fn copy_of(&mut self, read: Ex) -> Ex {
        if read.ty == Ty::Error {
            return read;
        }
        let (ty, span) = (read.ty.clone(), read.span);
        let copy = self.fresh(&ty);
        Self::seq(vec![St::Set(copy, read)], Ex::local(copy, ty, span))
    }

    /// Lowers one branch of an expression; what it assigns is led to `node`'s end.
    fn branch(&mut self, node: u32, lower: impl FnOnce(&mut Self) -> Ex) -> Ex {
        let (mut statements, value) = self.capture(|this| {
            let value = lower(this);
            if !this.has_walrus {
                return value;
            }
            if value.ty == Ty::Never {
                this.push(St::Eval(value));
                this.env = None;
                return Self::unreachable(Span::default());
            }
            let value = this.copy(value);
            this.flow_to(node, AFTER, value.span);
            value
        });
        if value.ty == Ty::Error {
            statements.clear();
        }
        Self::seq(statements, value)
    }

    fn conditional(&mut self, expression: &Expr, test: &Expr, body: &Expr, orelse: &Expr) -> Ex {
        let span = expression.span;
        let (condition, then, other) = self.condition(test);
        if matches!(condition.ty, Ty::Never | Ty::Error) {
            return condition;
        }
        if let Op::Bool(known) = condition.op {
            return self.expr(if known { body } else { orelse });
        }
        let before = self.env.clone();
        let then = self.branch(expression.id, |this| {
            this.narrow(&then, span);
            this.expr(body)
        });
        self.env.clone_from(&before);
        let other = self.branch(expression.id, |this| {
            this.narrow(&other, span);
            this.expr(orelse)
        });
        if self.has_walrus {
            self.enter(expression.id, AFTER);
        } else {
            self.env = before;
        }
        self.choose(condition, then, other, span)
    }

    /// `and` and `or`, which give one of their operands.
    fn and_or(&mut self, expression: &Expr, parts: &[Expr], is_and: bool) -> Ex {
        let span = expression.span;
        let Some((first, rest)) = parts.split_first() else { return Self::error(span) };
        let left = self.expr(first);
        if rest.is_empty() || matches!(left.ty, Ty::Never | Ty::Error) {
            for part in rest {
                // For the problems in it.
                if left.ty == Ty::Error {
                    self.expr(part);
                }
            }
            return left;
        }
        let (then, other) = self.narrowings(first);
        // A bool is its own truth: no need to keep it.
        let (before, left) = if left.ty == Ty::Bool { (Vec::new(), left) } else { self.temp(left) };
        let test = self.truth(left.clone());
        if let Op::Bool(known) = test.op
            && known != is_and
        {
            return Self::seq(before, left);
        }
        let env = self.env.clone();
        // Evaluating only the left operand leads to the end as well.
        let (mut statements, ()) = self.capture(|this| {
            if this.has_walrus {
                this.flow_to(expression.id + (rest.len() as u32) * 0x0100_0000, AFTER, span);
            }
        });
        let node = expression.id + (rest.len() as u32) * 0x0100_0000;
        let right = self.branch(node, |this| {
            this.narrow(if is_and { &then } else { &other }, span);
            if let [only] = rest { this.expr(only) } else { this.and_or(expression, rest, is_and) }
        });
        if self.has_walrus {
            self.enter(node, AFTER);
        } else {
            self.env = env;
        }
        // Of the left operand only what is false (true) remains; `x or 0` is no longer None.
        let kept = self.kept(left, is_and);
        let kept = Self::seq(std::mem::take(&mut statements), kept);
        let result = if is_and {
            self.choose(test, right, kept, span)
        } else {
            self.choose(test, kept, right, span)
        };
        Self::seq(before, result)
    }

    /// The left operand of `and` (`or`) where it is false (true): None is never true.
    fn kept(&mut self, left: Ex, is_and: bool) -> Ex {
        if left.ty == Ty::Bool {
            return Ex::bool(!is_and, left.span);
        }
        let Ty::Union(members) = self.resolve(&left.ty) else { return left };
        if is_and {
            return left;
        }
        let mut rest: Vec<Ty> = members.into_iter().filter(|member| *member != Ty::None).collect();
        let ty = if rest.len() == 1 { rest.remove(0) } else { Ty::Union(rest) };
        let span = left.span;
        Ex::new(Op::Project(Box::new(left)), ty, span)
    }

    fn list_display(&mut self, expression: &Expr, items: &[Expr]) -> Ex {
        let span = expression.span;
        if items.iter().any(|item| matches!(item.kind, ExprKind::Starred(_))) {
            return self.list_of_parts(expression, items);
        }
        let mut element = self.program.types.variable(self.instance as u32, expression.id, 0);
        let mut values = Vec::new();
        for item in items {
            let value = self.expr(item);
            if matches!(value.ty, Ty::Never | Ty::Error) {
                values.push(value);
                continue;
            }
            let value = self.fit(value, &element, "a list", item.span);
            element = self.resolve(&element);
            values.push(value);
        }
        if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
            return trivial;
        }
        Ex::new(Op::NewList(values), Ty::list(element), span)
    }

    /// `[a, *b]`.
    fn list_of_parts(&mut self, expression: &Expr, items: &[Expr]) -> Ex {
        let span = expression.span;
        let element = self.program.types.variable(self.instance as u32, expression.id, 0);
        let list = Ex::new(Op::NewList(Vec::new()), Ty::list(element), span);
        let (statements, list) = self.capture(|this| {
            let list = this.copy(list);
            for item in items {
                let add = |this: &mut Self, value: Ex| {
                    let added = this.append(&list, value, item.span);
                    this.evaluate(added);
                };
                if let ExprKind::Starred(part) = &item.kind {
                    this.for_each(part, &mut |this, item| {
                        let value = this.item_value(item, part.span);
                        add(this, value);
                    });
                } else {
                    let value = this.expr(item);
                    add(this, value);
                }
            }
            list
        });
        Self::seq(statements, list)
    }

    /// `(a, *b)`: of known length if all parts are.
    fn tuple_of_parts(&mut self, expression: &Expr, items: &[Expr]) -> Ex {
        let span = expression.span;
        let starred = |item: &&Expr| matches!(item.kind, ExprKind::Starred(_));
        let (_, is_known) = self.capture(|this| {
            let parts: Vec<&Expr> = items.iter().filter(starred).collect();
            parts.into_iter().all(|part| {
                let ExprKind::Starred(inner) = &part.kind else { return false };
                let value = this.expr(inner);
                matches!(this.resolve(&value.ty), Ty::Tuple(_) | Ty::Never | Ty::Error)
            })
        });
        if !is_known {
            let mut list = self.list_of_parts(expression, items);
            if let Ty::List(element) = self.resolve(&list.ty) {
                list.ty = Ty::VTuple(element);
            }
            return list;
        }
        let (before, values) = self.capture(|this| {
            let mut values = Vec::new();
            for item in items {
                let inner = if let ExprKind::Starred(inner) = &item.kind { inner } else { item };
                let value = this.expr(inner);
                let value = this.copy(value);
                match (this.resolve(&value.ty), starred(&item)) {
                    (Ty::Tuple(types), true) => {
                        for (index, ty) in types.into_iter().enumerate() {
                            let get = Op::TupleGet(Box::new(value.clone()), index);
                            values.push(Ex::new(get, ty, item.span));
                        }
                    }
                    _ => values.push(value),
                }
            }
            values
        });
        if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
            return Self::seq(before, trivial);
        }
        let ty = Ty::Tuple(values.iter().map(|value| value.ty.clone()).collect());
        Self::seq(before, Ex::new(Op::NewTuple(values), ty, span))
    }

    /// `{a, b}`. Python makes a set of three constants or more from a constant set, and so by merging
    /// two tables.
    fn set_display(&mut self, expression: &Expr, items: &[Expr]) -> Ex {
        let set = self.set_of_items(expression, items);
        let ty = self.resolve(&set.ty);
        if items.len() < 3 || !items.iter().all(is_constant) || ty == Ty::Error {
            return set;
        }
        let arguments = vec![Argument::Ex(set), Argument::Desc(ty.clone())];
        Self::runtime("set_copy", arguments, ty, expression.span)
    }

    /// A set of items that are added one by one.
    pub(super) fn set_of_items(&mut self, expression: &Expr, items: &[Expr]) -> Ex {
        let span = expression.span;
        let element = self.program.types.variable(self.instance as u32, expression.id, 0);
        let set = Self::call_runtime("set_new", Vec::new(), Ty::Set(Box::new(element)), span);
        let (statements, set) = self.capture(|this| {
            let set = this.copy(set);
            for item in items {
                let value = this.expr(item);
                let added = this.set_add(&set, value, item.span);
                this.evaluate(added);
            }
            set
        });
        Self::seq(statements, set)
    }

    fn dict_display(&mut self, expression: &Expr, items: &[(Expr, Expr)]) -> Ex {
        let span = expression.span;
        let dict = self.new_dict(expression.id, span);
        if items.is_empty() {
            return dict;
        }
        let (statements, dict) = self.capture(|this| {
            let dict = this.copy(dict);
            for (key, value) in items {
                let key = this.expr(key);
                let key = this.copy(key);
                let value = this.expr(value);
                let stored = this.dict_set(&dict, key, value, span);
                this.evaluate(stored);
            }
            dict
        });
        Self::seq(statements, dict)
    }

    pub(super) fn new_dict(&mut self, node: u32, span: Span) -> Ex {
        let key = self.program.types.variable(self.instance as u32, node, 0);
        let value = self.program.types.variable(self.instance as u32, node, 1);
        let ty = Ty::Dict(Box::new(key), Box::new(value));
        Self::call_runtime("dict_new", Vec::new(), ty, span)
    }
}

/// Whether Python's compiler knows the value of an expression.
fn is_constant(expression: &Expr) -> bool {
    match &expression.kind {
        ExprKind::None
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Str(_)
        | ExprKind::Bytes(_) => true,
        ExprKind::Tuple(items) => items.iter().all(is_constant),
        ExprKind::Unary(_, operand) | ExprKind::Not(operand) => is_constant(operand),
        ExprKind::Binary(_, left, right) => is_constant(left) && is_constant(right),
        _ => false,
    }
}
