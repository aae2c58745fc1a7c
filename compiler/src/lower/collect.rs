//! `list`, `tuple`, `set`, `dict`, `sorted`, `bytes`: containers made from iterables.

use super::Body;
use super::comprehension::is_generator;
use super::convert::BuiltinCall;
use super::iterate::Item;
use crate::abi::setop;
use crate::ast::{Expr, ExprKind, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Op, St};
use crate::request::Literal;
use crate::ty::Ty;

impl Body<'_, '_> {
    pub(super) fn construct(&mut self, place: &Expr, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        if call.name == "sorted" {
            return self.sorted(place, call);
        }
        if call.arguments.len() > 1 || (!call.keywords.is_empty() && call.name != "dict") {
            let message = format!("{}() cannot be called with these arguments", call.name);
            return self.fail(Code::Arguments, span, message, "");
        }
        match (call.name, call.arguments.first()) {
            ("list", None) => {
                let element = self.program.types.variable(self.instance as u32, place.id, 0);
                Ex::new(Op::NewList(Vec::new()), Ty::list(element), span)
            }
            ("list", Some(iterable)) => self.list_from(place, iterable),
            ("tuple", None) => {
                Ex::new(Op::Static(Literal::Tuple(Vec::new())), Ty::Tuple(Vec::new()), span)
            }
            ("tuple", Some(iterable)) => self.tuple_from(place, iterable, span),
            ("set", argument) => self.set_from(place, argument, span),
            _ => self.dict_from(place, call),
        }
    }

    /// A new list of what an iterable gives.
    pub(super) fn list_from(&mut self, place: &Expr, iterable: &Expr) -> Ex {
        let span = place.span;
        if !self.is_lazy(iterable) {
            let value = self.expr(iterable);
            let ty = self.resolve(&value.ty);
            if let Ty::List(_) = ty {
                let arguments = vec![Argument::Ex(value), Argument::Desc(ty.clone())];
                return Self::runtime("list_copy", arguments, ty, span);
            }
            return self.as_list(value, span).unwrap_or_else(|| Self::error(span));
        }
        self.collect_list(place, |this, add| {
            this.for_each(iterable, &mut |this, item| add(this, item));
        })
    }

    /// Whether an expression is something that only a loop can go through.
    pub(super) fn is_lazy(&self, iterable: &Expr) -> bool {
        if is_generator(iterable) || self.is_stream(iterable) {
            return true;
        }
        if let Some(call) = self.builtin_call(iterable) {
            return matches!(
                call.name,
                "range" | "enumerate" | "zip" | "reversed" | "map" | "filter"
            );
        }
        if let ExprKind::Call { function, arguments, .. } = &iterable.kind
            && let ExprKind::Attribute(base, name) = &function.kind
        {
            return arguments.is_empty()
                && self.module(base).is_none()
                && matches!(name.as_str(), "items" | "keys" | "values");
        }
        false
    }

    fn tuple_from(&mut self, place: &Expr, iterable: &Expr, span: Span) -> Ex {
        if !self.is_lazy(iterable) {
            let value = self.expr(iterable);
            let ty = self.resolve(&value.ty);
            if matches!(ty, Ty::Tuple(_) | Ty::VTuple(_)) {
                return value;
            }
            let Some(list) = self.as_list(value, span) else { return Self::error(span) };
            return self.freeze(list, span);
        }
        let list = self.list_from(place, iterable);
        let mut list = list;
        if let Ty::List(element) = self.resolve(&list.ty) {
            list.ty = Ty::VTuple(element);
        }
        list
    }

    /// A copy of a list as a tuple of any length.
    fn freeze(&mut self, list: Ex, span: Span) -> Ex {
        let ty = self.resolve(&list.ty);
        let Ty::List(element) = ty.clone() else { return list };
        let arguments = vec![Argument::Ex(list), Argument::Desc(ty)];
        Self::runtime("list_copy", arguments, Ty::VTuple(element), span)
    }

    fn set_from(&mut self, place: &Expr, iterable: Option<&Expr>, span: Span) -> Ex {
        if let Some(iterable) = iterable
            && !self.is_lazy(iterable)
        {
            let value = self.expr(iterable);
            let ty = self.resolve(&value.ty);
            if let Ty::Set(_) = ty {
                let arguments = vec![Argument::Ex(value), Argument::Desc(ty.clone())];
                return Self::runtime("set_copy", arguments, ty, span);
            }
            if let Ty::Dict(key, _) = &ty {
                let (ty, op) = (Ty::Set(key.clone()), setop::UNION | setop::OF_DICT);
                let keys = self.as_list(value, span).unwrap_or_else(|| Self::error(span));
                let (mut statements, keys) = self.temp(keys);
                let set = Self::call_runtime("set_new", Vec::new(), ty.clone(), span);
                let (more, set) = self.temp(set);
                statements.extend(more);
                let mut arguments = vec![Argument::Ex(set.clone()), Argument::Desc(ty)];
                arguments.extend([Argument::Ex(keys), Argument::Num(op)]);
                let added = Self::runtime("set_update_items", arguments, Ty::None, span);
                statements.push(St::Eval(added));
                return Self::seq(statements, set);
            }
        }
        let element = self.program.types.variable(self.instance as u32, place.id, 0);
        let ty = Ty::Set(Box::new(element));
        let set = Self::call_runtime("set_new", Vec::new(), ty, span);
        let Some(iterable) = iterable else { return set };
        let (statements, set) = self.capture(|this| {
            let set = this.copy(set);
            this.for_each(iterable, &mut |this, item| {
                let value = this.item_value(item, span);
                let added = this.set_add(&set, value, span);
                this.evaluate(added);
            });
            set
        });
        Self::seq(statements, set)
    }

    fn dict_from(&mut self, place: &Expr, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        if let [only] = call.arguments
            && !self.is_lazy(only)
        {
            let value = self.expr(only);
            let value = self.bare(value);
            let ty = self.resolve(&value.ty);
            if let Ty::Dict(..) = ty {
                let arguments = vec![Argument::Ex(value), Argument::Desc(ty.clone())];
                return Self::runtime("table_copy", arguments, ty, span);
            }
        }
        let dict = self.new_dict(place.id, span);
        let (statements, dict) = self.capture(|this| {
            let dict = this.copy(dict);
            if let Some(iterable) = call.arguments.first() {
                this.for_each(iterable, &mut |this, item| {
                    let (key, value) = match item {
                        Item::Many(mut items) if items.len() == 2 => {
                            let value = items.pop();
                            let key = items.pop();
                            match (key, value) {
                                (Some(key), Some(value)) => {
                                    (this.item_value(key, span), this.item_value(value, span))
                                }
                                _ => return,
                            }
                        }
                        item => {
                            let pair = this.item_value(item, span);
                            let Ty::Tuple(types) = this.resolve(&pair.ty) else {
                                let message = "dict() needs pairs of a key and a value";
                                this.report(Code::Operand, span, message, "");
                                return;
                            };
                            let [key, value] = types.as_slice() else {
                                let message = "dict() needs pairs of a key and a value";
                                this.report(Code::Operand, span, message, "");
                                return;
                            };
                            let pair = this.keep(pair);
                            let get = |at, ty: &Ty| {
                                Ex::new(Op::TupleGet(Box::new(pair.clone()), at), ty.clone(), span)
                            };
                            (get(0, key), get(1, value))
                        }
                    };
                    let key = this.copy(key);
                    let stored = this.dict_set(&dict, key, value, span);
                    this.evaluate(stored);
                });
            }
            for (name, value) in call.keywords {
                let value = this.expr(value);
                let stored = this.dict_set(&dict, Self::text(name, span), value, span);
                this.evaluate(stored);
            }
            dict
        });
        Self::seq(statements, dict)
    }

    pub(super) fn bytes_of(&mut self, place: &Expr, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        let argument = &call.arguments[0];
        if self.is_lazy(argument) {
            let list = self.list_from(place, argument);
            return Self::call_runtime("bytes_from_list", vec![list], Ty::Bytes, span);
        }
        let value = self.expr(argument);
        let ty = self.resolve(&value.ty);
        match ty {
            Ty::Bytes | Ty::Never | Ty::Error => value,
            Ty::Int | Ty::Bool => {
                Self::call_runtime("bytes_zeros", vec![Self::to_int(value)], Ty::Bytes, span)
            }
            Ty::List(element) if *element == Ty::Int => {
                Self::call_runtime("bytes_from_list", vec![value], Ty::Bytes, span)
            }
            _ => {
                let message = format!("cannot convert '{}' object to bytes", ty.python_name());
                self.fail(Code::Operand, span, message, "pass an int or a list of ints")
            }
        }
    }

    fn sorted(&mut self, place: &Expr, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        let [iterable] = call.arguments else {
            return self.fail(Code::Arguments, span, "sorted expected 1 argument", "");
        };
        let list = self.list_from(place, iterable);
        if matches!(list.ty, Ty::Never | Ty::Error) {
            return list;
        }
        let (statements, list) = self.capture(|this| {
            let list = this.copy(list);
            let sorted = this.sort(&list, call.keywords, span);
            this.evaluate(sorted);
            list
        });
        Self::seq(statements, list)
    }

    /// `list.sort(key=, reverse=)`.
    pub(super) fn sort(&mut self, list: &Ex, keywords: &[(String, Expr)], span: Span) -> Ex {
        let mut key = None;
        let mut reverse = Ex::bool(false, span);
        for (name, value) in keywords {
            match name.as_str() {
                "key" if !matches!(value.kind, ExprKind::None) => key = Some(value),
                "key" => {}
                "reverse" => {
                    let value = self.expr(value);
                    let truth = self.truth(value);
                    reverse = self.keep(truth);
                }
                _ => {
                    let message = format!("sort() got an unexpected keyword argument '{name}'");
                    return self.fail(Code::Arguments, value.span, message, "");
                }
            }
        }
        let ty = self.resolve(&list.ty);
        let Ty::List(element) = &ty else { return Self::error(span) };
        if let Some(compare) = key.and_then(|key| self.comparison_of(key)) {
            return self.sort_by_comparison(list, compare, reverse, span);
        }
        let Some(key) = key else {
            if let Some(problem) = self.unordered(element, span) {
                return problem;
            }
            let arguments =
                vec![Argument::Ex(list.clone()), Argument::Desc(ty), Argument::Ex(reverse)];
            return Self::runtime("list_sort", arguments, Ty::None, span);
        };
        let capacity = Argument::Num(0);
        let rank = self.program.types.variable(self.instance as u32, key.id, 0);
        let keys = Self::runtime("list_new", vec![capacity], Ty::list(rank), span);
        let keys = self.copy(keys);
        let exit = self.label();
        if let Some(plan) = self.plan_value(list.clone(), exit) {
            self.for_loop(key.id, plan, &[], span, &mut |this, item| {
                let item = this.item_value(item, span);
                let rank = this.apply(key, item, span);
                let appended = this.append(&keys, rank, span);
                this.evaluate(appended);
            });
        }
        let keys_ty = self.resolve(&keys.ty);
        let arguments = vec![
            Argument::Ex(list.clone()),
            Argument::Ex(keys),
            Argument::Desc(keys_ty),
            Argument::Ex(reverse),
        ];
        Self::runtime("list_sort_by", arguments, Ty::None, span)
    }

    /// What `cmp_to_key(compare)` is given.
    fn comparison_of<'e>(&self, key: &'e Expr) -> Option<&'e Expr> {
        let ExprKind::Call { function, arguments, keywords } = &key.kind else { return None };
        let member = self.library_member(function)?;
        match arguments.as_slice() {
            [compare] if member == "functools.cmp_to_key" && keywords.is_empty() => Some(compare),
            _ => None,
        }
    }

    fn sort_by_comparison(&mut self, list: &Ex, compare: &Expr, reverse: Ex, span: Span) -> Ex {
        // The values become names that no program can write.
        let mut scope = std::collections::BTreeMap::new();
        let mut arguments = Vec::new();
        for (at, value) in (0..).zip([list.clone(), reverse]) {
            let variable = super::flow::SCOPED * 9 + compare.id as usize * 2 + at as usize;
            let name = format!("<sorted {} {at}>", compare.id);
            self.names.insert(variable, name.clone());
            scope.insert(name.clone(), variable);
            self.set_variable(variable, value);
            let id = compare.id + 0x1000_0000 + at;
            arguments.push(Expr { kind: ExprKind::Name(name), span, id });
        }
        arguments.push(compare.clone());
        let place = Expr { kind: ExprKind::None, span, id: compare.id + 0x2000_0000 };
        let text = crate::library::function("functools.sort_by_comparison").unwrap_or_default();
        let variables: Vec<usize> = scope.values().copied().collect();
        self.scopes.push(scope);
        let done = self.template(&place, "functools.sort_by_comparison", text, &arguments, &[]);
        self.scopes.pop();
        let done = self.keep(done);
        for variable in variables {
            self.forget(variable);
        }
        done
    }

    fn unordered(&mut self, element: &Ty, span: Span) -> Option<Ex> {
        let ty = self.resolve(element);
        let name = match ty {
            Ty::None | Ty::Dict(..) => ty.python_name(),
            Ty::Object(_)
                if !self.has_special(&ty, "__lt__")
                    && !self.has_special(&ty, "__gt__")
                    && self.items_of(&ty).is_none()
                    && !self.enumeration(&ty).is_some_and(|it| it.is_int) =>
            {
                ty.python_name()
            }
            Ty::Union(_) => {
                let message = format!("a list of `{}` cannot be sorted", self.show(&ty));
                return Some(self.fail(Code::Operand, span, message, "sort by a `key=`"));
            }
            _ => return None,
        };
        let message = format!("'<' not supported between instances of '{name}' and '{name}'");
        Some(self.fail(Code::Operand, span, message, "sort by a `key=`"))
    }
}
