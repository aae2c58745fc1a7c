//! `deque`, `Counter`, `defaultdict` and `OrderedDict`: lists and dicts with rules of their own.
//!
//! The type tells them apart while the program is lowered; then it is replaced by their layout. What they
//! do is in `library/collections.py`, and what they do not say is done as their layout does it.

use std::borrow::Cow;

use super::Body;
use super::iterate::{Item, Plan};
use crate::ast::{Comparison, Expr, ExprKind, Operator, Span};
use crate::diagnostics::Code;
use crate::instantiate::BUILTIN;
use crate::ir::{Argument, Ex, Func, Label, Op, St};
use crate::library;
use crate::ty::{Special, Ty, Types};
use crate::visit;

/// Methods of the layouts that do what Python's classes do.
const SHARED: &[&str] =
    &["get", "keys", "values", "items", "pop", "setdefault", "clear", "update", "copy"];

impl Body<'_, '_> {
    /// The class of a value, if it is one of `collections`.
    pub(super) fn special(&self, value: &Ex) -> Option<Special> {
        match self.resolve(&value.ty) {
            Ty::Special(special, _) => Some(special),
            _ => None,
        }
    }

    /// A value as its layout.
    pub(super) fn bare(&self, value: Ex) -> Ex {
        match self.resolve(&value.ty) {
            Ty::Special(_, inner) => Ex { ty: *inner, ..value },
            _ => value,
        }
    }

    fn wrap(&self, special: Special, value: Ex) -> Ex {
        if matches!(value.ty, Ty::Never | Ty::Error) {
            return value;
        }
        let ty = self.resolve(&value.ty);
        Ex { ty: Ty::Special(special, Box::new(ty)), ..value }
    }

    /// `deque(...)` and its kin.
    pub(super) fn collection(
        &mut self,
        place: &Expr,
        name: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
    ) -> Option<Ex> {
        let span = place.span;
        let (special, rest) = match name {
            "deque" => {
                let text = library::function("collections.deque")?;
                let made = self.template(place, "collections.deque", text, arguments, keywords);
                return Some(self.wrap(Special::Deque, made));
            }
            "Counter" => return Some(self.counter_of(place, arguments, keywords)),
            "OrderedDict" => (Special::Ordered, arguments),
            "defaultdict" => match arguments.split_first() {
                Some((factory, rest)) if !matches!(factory.kind, ExprKind::None) => {
                    let Some(text) = self.factory(factory) else {
                        let message = "this factory of a `defaultdict` is not supported";
                        let help = "use a builtin type, or a lambda of constants and those";
                        return Some(self.fail(Code::Expression, factory.span, message, help));
                    };
                    (Special::Default(self.program.library.factory(text)), rest)
                }
                Some((_, rest)) => (Special::Ordered, rest),
                None => (Special::Ordered, arguments),
            },
            _ => return None,
        };
        let special = if name == "defaultdict" && special == Special::Ordered {
            Special::Default(self.program.library.factory(String::new()))
        } else {
            special
        };
        if rest.is_empty() && keywords.is_empty() {
            let dict = self.new_dict(place.id, span);
            return Some(self.wrap(special, dict));
        }
        let dict = self.dict_call(place, rest, keywords);
        Some(self.wrap(special, dict))
    }

    /// `dict(...)` of these arguments.
    fn dict_call(&mut self, place: &Expr, arguments: &[Expr], keywords: &[(String, Expr)]) -> Ex {
        let node = |kind, offset| Expr { kind, span: place.span, id: place.id + offset };
        let function = Box::new(node(ExprKind::Name(format!("{BUILTIN}dict")), 0x0100_0000));
        let (arguments, keywords) = (arguments.to_vec(), keywords.to_vec());
        let made = self.expr(&node(ExprKind::Call { function, arguments, keywords }, 0x0200_0000));
        self.bare(made)
    }

    fn counter_of(&mut self, place: &Expr, arguments: &[Expr], keywords: &[(String, Expr)]) -> Ex {
        let is_counts = match (arguments, keywords) {
            ([], [_, ..]) => true,
            ([only], []) if !self.is_lazy(only) => self.is_mapping(only),
            _ => false,
        };
        let made = if is_counts {
            self.dict_call(place, arguments, keywords)
        } else {
            let text = library::function("collections.Counter").unwrap_or_default();
            self.template(place, "collections.Counter", text, arguments, keywords)
        };
        self.wrap(Special::Counter, made)
    }

    /// Whether an expression is a dict, by its type. What it comes to is thrown away.
    fn is_mapping(&mut self, expression: &Expr) -> bool {
        let (reported, env) = (self.program.diagnostics.len(), self.env.clone());
        let (_, value) = self.capture(|this| this.expr(expression));
        self.program.diagnostics.truncate(reported);
        self.env = env;
        let value = self.bare(value);
        matches!(self.resolve(&value.ty), Ty::Dict(..))
    }

    /// What a factory of a `defaultdict` makes, as text that means the same everywhere.
    fn factory(&self, factory: &Expr) -> Option<String> {
        if let ExprKind::Lambda(lambda) = &factory.kind {
            let crate::ast::StmtKind::Return(Some(value)) = &lambda.body.first()?.kind else {
                return None;
            };
            return if lambda.parameters.is_empty() { self.factory_value(value) } else { None };
        }
        Some(format!("{}()", self.factory_name(factory)?))
    }

    fn factory_name(&self, name: &Expr) -> Option<String> {
        const TYPES: &[&str] = &["int", "float", "str", "bool", "list", "dict", "set", "tuple"];
        if let Some(member) = self.library_member(name) {
            return member.starts_with("collections.").then_some(member);
        }
        let ExprKind::Name(name) = &name.kind else { return None };
        let known = TYPES.iter().find(|known| match name.strip_prefix(BUILTIN) {
            Some(name) => name == **known,
            None => self.is_builtin(name, known),
        })?;
        Some((*known).to_owned())
    }

    fn factory_value(&self, value: &Expr) -> Option<String> {
        let items = |items: &[Expr]| {
            let items = items.iter().map(|item| Some(self.factory_value(item)? + ","));
            items.collect::<Option<String>>()
        };
        Some(match &value.kind {
            ExprKind::None => "None".to_owned(),
            ExprKind::Bool(true) => "True".to_owned(),
            ExprKind::Bool(false) => "False".to_owned(),
            ExprKind::Int(value) => value.to_string(),
            ExprKind::Float(value) if value.is_finite() => format!("{value:?}"),
            ExprKind::Float(value) if *value > 0.0 => "float('inf')".to_owned(),
            ExprKind::Unary(crate::ast::UnaryOperator::Neg, value) => {
                format!("-{}", self.factory_value(value)?)
            }
            ExprKind::Str(text) if text.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ') => {
                format!("'{text}'")
            }
            ExprKind::List(values) => format!("[{}]", items(values)?),
            ExprKind::Tuple(values) => format!("({})", items(values)?),
            ExprKind::Dict(values) if values.is_empty() => "{}".to_owned(),
            ExprKind::Call { function, arguments, keywords } if keywords.is_empty() => {
                let function = self.factory_name(function)?;
                let arguments = arguments
                    .iter()
                    .map(|it| self.factory_name(it).or_else(|| self.factory_value(it)))
                    .collect::<Option<Vec<_>>>()?;
                format!("{function}({})", arguments.join(", "))
            }
            _ => return None,
        })
    }

    /// What a class does, with a value of it and others.
    pub(super) fn special_operation(
        &mut self,
        special: Special,
        operation: &str,
        values: Vec<Ex>,
        span: Span,
    ) -> Option<Ex> {
        if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
            return Some(trivial);
        }
        let text = self.operation_text(special, operation)?;
        let name = format!("{} {operation} {} {}", special.name(), span.start, span.end);
        Some(self.applied(&name, text, values, &[], &[], span))
    }

    fn operation_text(&self, special: Special, operation: &str) -> Option<Cow<'static, str>> {
        if let (Special::Default(factory), "getitem") = (special, operation) {
            let made = &self.program.library.factories[factory as usize];
            if made.is_empty() {
                return None;
            }
            let plain = matches!(made.as_str(), "int()" | "float()" | "str()" | "bool()")
                || made.parse::<f64>().is_ok();
            let body = if plain {
                format!("return self.setdefault(key, {made})")
            } else {
                format!("if key not in self:\n        self[key] = {made}\n    return self[key]")
            };
            return Some(Cow::Owned(format!("def getitem(self, key):\n    {body}\n")));
        }
        let name = format!("collections.{}_{operation}", special.name());
        library::function(&name).map(Cow::Borrowed)
    }

    /// Expands a template with values that are already there before the other arguments.
    fn applied(
        &mut self,
        name: &str,
        text: Cow<'static, str>,
        values: Vec<Ex>,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Ex {
        let before = self.env.clone();
        let (statements, value) = self.capture(|this| {
            let mut scope = std::collections::BTreeMap::new();
            let mut all = Vec::new();
            let (values, lent) = this.parts(values);
            for (at, value) in values.into_iter().enumerate() {
                let ty = this.resolve(&value.ty);
                let hidden = format!("<{name} {at}>");
                let variable = this.program.library.hidden(this.function, &hidden);
                this.names.insert(variable, hidden.clone());
                this.set_variable(variable, value);
                if at < lent && this.env.is_some() {
                    let local = this.slot(variable, &ty);
                    this.locals[local].borrowed = true;
                }
                scope.insert(hidden.clone(), variable);
                all.push(Expr { kind: ExprKind::Name(hidden), span, id: 0 });
            }
            if this.env.is_none() {
                return Self::unreachable(span);
            }
            all.extend(arguments.iter().cloned());
            this.scopes.push(scope.clone());
            let place = Expr { kind: ExprKind::Error, span, id: 0 };
            let value = this.template(&place, name, text, &all, keywords);
            let value = this.keep(value);
            this.scopes.pop();
            if let Some(env) = &mut this.env {
                env.retain(|variable, _| !scope.values().any(|inner| inner == variable));
            }
            value
        });
        // That it does not return is said by its type.
        if self.env.is_none() {
            self.env = before;
        }
        Self::seq(statements, value)
    }

    /// The first value is the object itself: its layout, or the two lists of a deque, which that keeps. Says
    /// how many are kept so.
    fn parts(&mut self, mut values: Vec<Ex>) -> (Vec<Ex>, usize) {
        let object = values.remove(0);
        let is_deque = self.special(&object) == Some(Special::Deque);
        let object = self.bare(object);
        let (Ty::Tuple(types), true) = (self.resolve(&object.ty), is_deque) else {
            values.insert(0, object);
            return (values, 0);
        };
        let object = self.keep(object);
        let lists = types
            .into_iter()
            .enumerate()
            .map(|(at, ty)| Ex::new(Op::TupleGet(Box::new(object.clone()), at), ty, object.span));
        let lists: Vec<Ex> = lists.collect();
        let kept = lists.len();
        (lists.into_iter().chain(values).collect(), kept)
    }

    /// A method of a class of `collections`.
    pub(super) fn special_method(
        &mut self,
        special: Special,
        object: Ex,
        method: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Ex {
        let counts = special == Special::Counter
            && matches!(method, "update" | "subtract")
            && matches!(arguments, [only] if !self.is_lazy(only) && self.is_mapping(only));
        let operation = if counts { format!("{method}_counts") } else { method.to_owned() };
        let public = !matches!(
            method,
            "getitem"
                | "setitem"
                | "delitem"
                | "len"
                | "list"
                | "contains"
                | "maxlen"
                | "repr"
                | "add"
                | "sub"
                | "or"
                | "and"
                | "eq"
        );
        let text = if public { self.operation_text(special, &operation) } else { None };
        if let Some(text) = text {
            let name = format!("{} {operation} {} {}", special.name(), span.start, span.end);
            let result = self.applied(&name, text, vec![object], arguments, keywords, span);
            return if method == "copy" { self.wrap(special, result) } else { result };
        }
        if special == Special::Deque || !SHARED.contains(&method) {
            let name = special.name();
            let message = format!("the method `{name}.{method}` is not supported");
            return self.fail(Code::Function, span, message, "");
        }
        let object = self.bare(object);
        let values: Vec<Ex> = arguments
            .iter()
            .map(|argument| {
                let value = self.expr(argument);
                self.bare(value)
            })
            .collect();
        let named: Vec<(&str, Ex)> =
            keywords.iter().map(|(name, value)| (name.as_str(), self.expr(value))).collect();
        let result = self.method_of(object, method, values, &named, span);
        if method == "copy" { self.wrap(special, result) } else { result }
    }

    /// `object.name` that is not called.
    pub(super) fn special_attribute(&mut self, object: Ex, name: &str, span: Span) -> Ex {
        let Some(special) = self.special(&object) else { return Self::error(span) };
        if (special, name) == (Special::Deque, "maxlen") {
            let found = self.special_operation(special, "maxlen", vec![object], span);
            return found.unwrap_or_else(|| Self::error(span));
        }
        let message = format!("the attribute `{name}` of `{}` is not supported", special.name());
        self.fail(Code::Function, span, message, "methods can only be called")
    }

    /// The elements of one, as a new list.
    pub(super) fn special_list(&mut self, value: Ex, span: Span) -> Option<Ex> {
        if self.special(&value)? == Special::Deque {
            return self.special_operation(Special::Deque, "list", vec![value], span);
        }
        let value = self.bare(value);
        self.as_list(value, span)
    }

    /// `repr(value)`.
    pub(super) fn special_repr(&mut self, value: Ex, span: Span) -> Ex {
        let Some(special) = self.special(&value) else { return Self::error(span) };
        if let Some(text) = self.special_operation(special, "repr", vec![value.clone()], span) {
            return text;
        }
        let Special::Default(factory) = special else { return Self::error(span) };
        let made = self.program.library.factories[factory as usize].clone();
        let shown = match made.strip_suffix("()") {
            None if made.is_empty() => "None".to_owned(),
            Some(name) if !name.contains('.') => format!("<class '{name}'>"),
            _ => {
                let message = "the text of this `defaultdict` is not supported";
                return self.fail(Code::Operand, span, message, "show a `dict(...)` of it");
            }
        };
        let inner = self.bare(value);
        let inner = self.str_of(inner, true, span);
        let head = Self::text(&format!("defaultdict({shown}, "), span);
        let text = Self::call_runtime("str_concat", vec![head, inner], Ty::Str, span);
        let end = Self::text(")", span);
        Self::call_runtime("str_concat", vec![text, end], Ty::Str, span)
    }

    /// `left == right` and `left != right`, where one is of `collections`.
    pub(super) fn special_compare(
        &mut self,
        comparison: Comparison,
        left: Ex,
        right: Ex,
        span: Span,
    ) -> Ex {
        let kinds = (self.special(&left), self.special(&right));
        let equality = matches!(comparison, Comparison::Eq | Comparison::NotEq);
        let both = kinds.0 == kinds.1;
        let deques = kinds.0 == Some(Special::Deque) || kinds.1 == Some(Special::Deque);
        match kinds {
            (Some(Special::Deque), Some(Special::Deque)) => {
                let (mut before, left) = self.temp(left);
                let (more, right) = self.temp(right);
                before.extend(more);
                let sides = (self.special_list(left, span), self.special_list(right, span));
                let (Some(left), Some(right)) = sides else { return Self::error(span) };
                let result = self.compare(comparison, left, right, span);
                Self::seq(before, result)
            }
            _ if !equality => {
                let name =
                    |this: &Self, value: &Ex| this.resolve(&value.ty).python_name().to_owned();
                let (a, b) = (name(self, &left), name(self, &right));
                let sign = comparison.text();
                let message =
                    format!("'{sign}' not supported between instances of '{a}' and '{b}'");
                self.fail(Code::Operand, span, message, "")
            }
            _ if deques => {
                let before = vec![St::Eval(left), St::Eval(right)];
                Self::seq(before, Ex::bool(comparison == Comparison::NotEq, span))
            }
            (Some(special @ (Special::Counter | Special::Ordered)), _) if both => {
                let right = self.bare(right);
                let equal = self.special_operation(special, "eq", vec![left, right], span);
                let equal = equal.unwrap_or_else(|| Self::error(span));
                let negated = comparison == Comparison::NotEq && equal.ty == Ty::Bool;
                if negated { Self::not(equal) } else { equal }
            }
            _ => {
                let (left, right) = (self.bare(left), self.bare(right));
                self.compare(comparison, left, right, span)
            }
        }
    }

    /// Reports what would compare such values within another.
    pub(super) fn special_inside(&mut self, ty: &Ty, span: Span) -> Ex {
        let shown = self.show(ty);
        let message =
            format!("comparing a `{shown}` with a class of `collections` in it is not supported");
        self.fail(Code::Operand, span, message, "compare the items one by one")
    }

    /// `+`, `-`, `|` and `&` of counters.
    pub(super) fn special_binary(
        &mut self,
        operator: Operator,
        left: &Ex,
        right: &Ex,
        span: Span,
    ) -> Option<Ex> {
        let special = self.special(left)?;
        let operation = match operator {
            Operator::Add => "add",
            Operator::Sub => "sub",
            Operator::BitOr => "or",
            Operator::BitAnd => "and",
            _ => return None,
        };
        if special != Special::Counter || self.special(right) != Some(Special::Counter) {
            return None;
        }
        let right = self.bare(right.clone());
        let made = self.special_operation(special, operation, vec![left.clone(), right], span)?;
        Some(self.wrap(special, made))
    }

    /// How to iterate over a deque: until its end as it then is; changes on the way raise.
    pub(super) fn plan_deque(&mut self, value: Ex, exit: Label, span: Span) -> Option<Plan> {
        let value = self.bare(value);
        let Ty::Tuple(parts) = self.resolve(&value.ty) else { return None };
        let [items_ty, state_ty] = parts.as_slice() else { return None };
        let Ty::List(element) = items_ty else { return None };
        let element = self.element(element);
        let tuple = self.fresh(&value.ty);
        let (items, state) = (self.fresh(items_ty), self.fresh(state_ty));
        let (counter, changes) = (self.fresh(&Ty::Int), self.fresh(&Ty::Int));
        let part = |at, ty: &Ty| {
            let tuple = Ex::local(tuple, value.ty.clone(), span);
            Ex::new(Op::TupleGet(Box::new(tuple), at), ty.clone(), span)
        };
        let get = |list: usize, ty: &Ty, index: Ex, element: Ty| {
            let list = Box::new(Ex::local(list, ty.clone(), span));
            Ex::new(Op::ListGet { list, index: Box::new(index), checked: false }, element, span)
        };
        let now = Ex::local(counter, Ty::Int, span);
        let setup = vec![
            St::Set(items, part(0, items_ty)),
            St::Set(state, part(1, state_ty)),
            St::Set(counter, get(state, state_ty, Ex::int(0, span), Ty::Int)),
            St::Set(changes, get(state, state_ty, Ex::int(1, span), Ty::Int)),
        ];
        let changed = Self::int_compare(
            Comparison::NotEq,
            get(state, state_ty, Ex::int(1, span), Ty::Int),
            Ex::local(changes, Ty::Int, span),
        );
        let class = self.exception("RuntimeError");
        let raise = Self::raise(class, "deque mutated during iteration", span);
        let check = St::If(changed, vec![St::Eval(raise)], Vec::new());
        let length = Self::length(Ex::local(items, items_ty.clone(), span));
        let more = Self::int_compare(Comparison::Lt, now.clone(), length);
        let condition = Self::seq(vec![check], more);
        let item = get(items, items_ty, now, element);
        let step = vec![St::Step { local: counter, by: Ex::int(1, span), exit }];
        let mut all = vec![St::Set(tuple, value.clone())];
        all.extend(setup);
        Some(Plan {
            setup: all,
            condition,
            first: Vec::new(),
            item: Item::One(item),
            step,
            exit,
            owned: vec![tuple, items, state],
            never: false,
        })
    }

    /// Raises `KeyError` as a dict does, for a class without a factory.
    pub(super) fn special_item(&mut self, base: Ex, index: Ex, span: Span) -> Ex {
        let Some(special) = self.special(&base) else { return Self::error(span) };
        let bare = self.bare(base.clone());
        match self.special_operation(special, "getitem", vec![base, index.clone()], span) {
            Some(value) => value,
            None => self.item(bare, index, span),
        }
    }
}

/// Replaces the classes of `collections` by their layouts.
pub(super) fn erase(function: &mut Func, types: &Types) {
    let layout = |ty: &mut Ty| *ty = types.resolve(ty).without_special();
    layout(&mut function.result);
    function.parameters.iter_mut().for_each(layout);
    function.locals.iter_mut().for_each(|local| layout(&mut local.ty));
    visit::every_expression(&mut function.body, &mut |expression| {
        layout(&mut expression.ty);
        if let Op::Runtime(_, arguments) = &mut expression.op {
            for argument in arguments {
                if let Argument::Desc(ty) = argument {
                    layout(ty);
                }
            }
        }
    });
}
