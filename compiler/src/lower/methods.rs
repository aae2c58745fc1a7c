//! Methods of lists, dicts, sets and numbers. Those of strings are in `strings`.

use super::Body;
use crate::abi::{given, setop};
use crate::ast::{Comparison, Expr, ExprKind, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Op, St};
use crate::request::Captured;
use crate::ty::Ty;

impl Body<'_, '_> {
    pub(super) fn method(
        &mut self,
        base: &Expr,
        method: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Ex {
        let object = self.expr(base);
        if method == "sort"
            && let Ty::List(_) = self.resolve(&object.ty)
        {
            let (statements, sorted) = self.capture(|this| {
                let list = this.keep(object);
                this.sort(&list, keywords, span)
            });
            return Self::seq(statements, sorted);
        }
        if let Some(special) = self.special(&object) {
            return self.special_method(special, object, method, arguments, keywords, span);
        }
        if let ("join", [iterable], Ty::Str) = (method, arguments, &object.ty) {
            return self.join_strings(object, iterable, span);
        }
        if matches!(self.resolve(&object.ty), Ty::Object(_) | Ty::Class(_)) {
            let (statements, result) = self.capture(|this| {
                let object = this.keep(object);
                let (before, values, named) = this.call_arguments(arguments, keywords);
                for statement in before {
                    this.push(statement);
                }
                this.call_method(object, method, &values, &named, span)
            });
            return Self::seq(statements, result);
        }
        if let (Ty::Union(_), ()) = (self.resolve(&object.ty), ()) {
            return self.method_of_union(object, method, arguments, keywords, span);
        }
        let values: Vec<Ex> = arguments.iter().map(|argument| self.expr(argument)).collect();
        let named: Vec<(&str, Ex)> =
            keywords.iter().map(|(name, value)| (name.as_str(), self.expr(value))).collect();
        self.method_of(object, method, values, &named, span)
    }

    /// The builtin class that an expression names, as in `str.lower`.
    pub(super) fn class_of_methods(&self, base: &Expr) -> Option<&'static str> {
        const CLASSES: &[&str] =
            &["str", "bytes", "int", "bool", "float", "list", "tuple", "dict", "set"];
        let ExprKind::Name(name) = &base.kind else { return None };
        if self.variable(name).is_some() {
            return None;
        }
        let name = match self.captured(name) {
            Some(Captured::Builtin(name)) => name,
            Some(_) => return None,
            None => name.clone(),
        };
        CLASSES.iter().copied().find(|class| *class == name)
    }

    /// `str.lower(text)`.
    pub(super) fn unbound_method(
        &mut self,
        class: &str,
        method: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Ex {
        if let ("str", "join", [separator, iterable]) = (class, method, arguments) {
            let separator = self.expr(separator);
            if separator.ty == Ty::Str {
                return self.join_strings(separator, iterable, span);
            }
        }
        let mut values: Vec<Ex> = arguments.iter().map(|argument| self.expr(argument)).collect();
        let named: Vec<(&str, Ex)> =
            keywords.iter().map(|(name, value)| (name.as_str(), self.expr(value))).collect();
        if values.is_empty() {
            let message = format!("unbound method {class}.{method}() needs an argument");
            return self.fail(Code::Arguments, span, message, "");
        }
        let object = values.remove(0);
        let found = self.resolve(&object.ty);
        let fits = matches!(found, Ty::Never | Ty::Error)
            || found.python_name() == class
            || class == "int" && found == Ty::Bool;
        if !fits {
            let name = found.python_name();
            let message = format!(
                "descriptor '{method}' for '{class}' objects doesn't apply to a '{name}' object"
            );
            return self.fail(Code::Operand, span, message, "");
        }
        self.method_of(object, method, values, &named, span)
    }

    fn method_of_union(
        &mut self,
        object: Ex,
        method: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Ex {
        let (statements, result) = self.capture(|this| {
            let object = this.keep(object);
            let mut values = Vec::new();
            for argument in arguments {
                let value = this.expr(argument);
                values.push(this.keep(value));
            }
            let named: Vec<(&str, Ex)> =
                keywords.iter().map(|(name, value)| (name.as_str(), this.expr(value))).collect();
            this.split(object, &mut |this, object| {
                if object.ty == Ty::None {
                    let text = format!("'NoneType' object has no attribute '{method}'");
                    return Self::raise(this.exception("AttributeError"), &text, span);
                }
                this.method_of(object, method, values.clone(), &named, span)
            })
        });
        Self::seq(statements, result)
    }

    pub(super) fn method_of(
        &mut self,
        object: Ex,
        method: &str,
        values: Vec<Ex>,
        named: &[(&str, Ex)],
        span: Span,
    ) -> Ex {
        let mut operands: Vec<&Ex> = vec![&object];
        operands.extend(&values);
        operands.extend(named.iter().map(|(_, value)| value));
        if let Some(trivial) = self.trivial(&operands, span) {
            return trivial;
        }
        let ty = self.resolve(&object.ty);
        if ty.has_special() && matches!(method, "index" | "count" | "remove") {
            return self.special_inside(&ty, span);
        }
        if let Ty::Object(_) = ty {
            let named: Vec<(String, Ex)> =
                named.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            return self.method_of_object(object, method, &values, &named, span);
        }
        if let ((name, value), true) = (
            named.first().map_or(("", None), |(name, value)| (*name, Some(value))),
            !matches!(ty, Ty::Str | Ty::Bytes),
        ) && let Some(value) = value
        {
            let message = format!("{method}() got an unexpected keyword argument '{name}'");
            return self.fail(Code::Arguments, value.span, message, "");
        }
        let found = match &ty {
            Ty::List(element) => self.list_method(&object, &ty, element, method, &values, span),
            Ty::VTuple(_) if matches!(method, "index" | "count") => {
                self.search_list(&object, &ty, method, &values, span)
            }
            Ty::Tuple(_) if matches!(method, "index" | "count") => {
                let Some(list) = self.tuple_to_list(object.clone()) else {
                    return Self::error(span);
                };
                let ty = self.resolve(&list.ty);
                self.search_list(&list, &ty, method, &values, span)
            }
            Ty::Dict(key, value) => {
                let (key, value) = (key.as_ref().clone(), value.as_ref().clone());
                self.dict_method(&object, &ty, &key, &value, method, &values, span)
            }
            Ty::Set(element) => self.set_method(&object, &ty, element, method, &values, span),
            Ty::Str => self.str_method(&object, method, &values, named, span),
            Ty::Bytes => self.bytes_method(&object, method, &values, span),
            Ty::Int | Ty::Bool => self.int_method(&object, method, &values, span),
            Ty::Float if method == "is_integer" && values.is_empty() => {
                Some(Self::call_runtime("float_is_integer", vec![object.clone()], Ty::Bool, span))
            }
            _ => None,
        };
        found.unwrap_or_else(|| {
            let name = ty.python_name();
            let code = if matches!(ty, Ty::None) { Code::Operand } else { Code::Function };
            let message = if ty == Ty::None {
                format!("'{name}' object has no attribute '{method}'")
            } else {
                format!("the method `{name}.{method}` with these arguments is not supported")
            };
            self.fail(code, span, message, "")
        })
    }

    fn int_method(&mut self, object: &Ex, method: &str, values: &[Ex], span: Span) -> Option<Ex> {
        let runtime = match (method, values) {
            ("bit_length", []) => "int_bit_length",
            ("bit_count", []) => "int_bit_count",
            _ => return None,
        };
        Some(Self::call_runtime(runtime, vec![Self::to_int(object.clone())], Ty::Int, span))
    }

    fn list_method(
        &mut self,
        list: &Ex,
        ty: &Ty,
        element: &Ty,
        method: &str,
        values: &[Ex],
        span: Span,
    ) -> Option<Ex> {
        let desc = || Argument::Desc(ty.clone());
        let this = || Argument::Ex(list.clone());
        Some(match (method, values) {
            ("append", [value]) => self.append(list, value.clone(), span),
            ("extend", [other]) => {
                let other = self.as_list(other.clone(), span)?;
                self.extend(list, other, span)
            }
            ("insert", [index, value]) => {
                let index = self.index_value(index.clone(), span);
                let value = self.fit(value.clone(), element, "a list", span);
                Self::call_runtime("list_insert", vec![list.clone(), index, value], Ty::None, span)
            }
            ("pop", [] | [_]) => {
                let index = match values.first() {
                    Some(index) => self.index_value(index.clone(), span),
                    None => Ex::int(-1, span),
                };
                let element = self.element(element);
                Self::call_runtime("list_pop", vec![list.clone(), index], element, span)
            }
            ("remove", [value]) => {
                let value_desc = Argument::Desc(self.resolve(&value.ty));
                let arguments = vec![this(), desc(), Argument::Ex(value.clone()), value_desc];
                Self::runtime("list_remove", arguments, Ty::None, span)
            }
            ("reverse", []) => Self::runtime("list_reverse", vec![this()], Ty::None, span),
            ("copy", []) => Self::runtime("list_copy", vec![this(), desc()], ty.clone(), span),
            ("clear", []) => Self::runtime("list_clear", vec![this(), desc()], Ty::None, span),
            ("index" | "count", _) => return self.search_list(list, ty, method, values, span),
            _ => return None,
        })
    }

    fn search_list(
        &mut self,
        list: &Ex,
        ty: &Ty,
        method: &str,
        values: &[Ex],
        span: Span,
    ) -> Option<Ex> {
        let (value, bounds) = values.split_first()?;
        let mut arguments = vec![
            Argument::Ex(list.clone()),
            Argument::Desc(ty.clone()),
            Argument::Ex(value.clone()),
            Argument::Desc(self.resolve(&value.ty)),
        ];
        match (method, bounds) {
            ("count", []) => Some(Self::runtime("list_count", arguments, Ty::Int, span)),
            ("index", [] | [_] | [_, _]) => {
                let (bounds, mask) = self.search_bounds(bounds, span);
                arguments.extend(bounds.map(Argument::Ex));
                arguments.push(Argument::Num(mask));
                Some(Self::runtime("list_index", arguments, Ty::Int, span))
            }
            _ => None,
        }
    }

    /// Start and stop of a search, and which are given.
    pub(super) fn search_bounds(&mut self, bounds: &[Ex], span: Span) -> ([Ex; 2], u32) {
        let mut mask = 0;
        let mut bound = |at: usize, bit: u32| match bounds.get(at) {
            Some(value) if value.ty != Ty::None => {
                mask |= bit;
                self.index_value(value.clone(), span)
            }
            _ => Ex::int(0, span),
        };
        let both = [bound(0, given::START), bound(1, given::STOP)];
        (both, mask)
    }

    #[expect(clippy::too_many_arguments, reason = "a dict has two element types")]
    fn dict_method(
        &mut self,
        dict: &Ex,
        ty: &Ty,
        key_ty: &Ty,
        value_ty: &Ty,
        method: &str,
        values: &[Ex],
        span: Span,
    ) -> Option<Ex> {
        let desc = || Argument::Desc(ty.clone());
        let this = || Argument::Ex(dict.clone());
        let element = self.element(value_ty);
        Some(match (method, values) {
            ("get" | "pop", [key, rest @ ..]) if rest.len() < 2 => {
                let key = self.key(key.clone(), key_ty, span);
                if key.ty == Ty::Error {
                    return Some(key);
                }
                let ty = self.resolve(ty);
                if method == "pop" && rest.is_empty() {
                    let arguments = vec![this(), Argument::Desc(ty), Argument::Ex(key)];
                    return Some(Self::runtime("dict_pop", arguments, element, span));
                }
                let default = rest.first().cloned().unwrap_or_else(|| Ex::none(span));
                self.dict_get_or(dict, &ty, key, default, element, method == "pop", span)
            }
            ("setdefault", [key, value]) => {
                let key = self.key(key.clone(), key_ty, span);
                let value = self.fit(value.clone(), value_ty, "a dict with values", span);
                if key.ty == Ty::Error || value.ty == Ty::Error {
                    return Some(Self::error(span));
                }
                let element = self.element(value_ty);
                let desc = Argument::Desc(self.resolve(ty));
                let arguments = vec![this(), desc, Argument::Ex(key), Argument::Ex(value)];
                Self::runtime("dict_setdefault", arguments, element, span)
            }
            ("keys", []) => {
                Self::runtime("table_keys", vec![this(), desc()], Ty::list(key_ty.clone()), span)
            }
            ("values", []) => {
                Self::runtime("dict_values", vec![this(), desc()], Ty::list(value_ty.clone()), span)
            }
            ("items", []) => {
                let pair = Ty::Tuple(vec![key_ty.clone(), value_ty.clone()]);
                Self::runtime("dict_items", vec![this(), desc()], Ty::list(pair), span)
            }
            ("update", [other]) => {
                let other = self.fit(other.clone(), ty, "a dict", span);
                if other.ty == Ty::Error {
                    return Some(other);
                }
                let desc = Argument::Desc(self.resolve(ty));
                Self::runtime(
                    "dict_update",
                    vec![this(), desc, Argument::Ex(other)],
                    Ty::None,
                    span,
                )
            }
            ("popitem", []) => {
                let pair = Ty::Tuple(vec![key_ty.clone(), value_ty.clone()]);
                Self::runtime("dict_popitem", vec![this(), desc()], pair, span)
            }
            ("copy", []) => Self::runtime("table_copy", vec![this(), desc()], ty.clone(), span),
            ("clear", []) => Self::runtime("table_clear", vec![this(), desc()], Ty::None, span),
            _ => return None,
        })
    }

    /// `dict.get(key, default)`, and `pop` with a default.
    #[expect(clippy::too_many_arguments, reason = "what a lookup needs")]
    fn dict_get_or(
        &mut self,
        dict: &Ex,
        ty: &Ty,
        key: Ex,
        default: Ex,
        element: Ty,
        pop: bool,
        span: Span,
    ) -> Ex {
        let (mut before, dict) = self.temp(dict.clone());
        let (more, key) = self.temp(key);
        before.extend(more);
        let (more, default) = self.temp(default);
        before.extend(more);
        let base = || {
            vec![Argument::Ex(dict.clone()), Argument::Desc(ty.clone()), Argument::Ex(key.clone())]
        };
        let find = Self::runtime("dict_find", base(), Ty::Raw, span);
        let (more, at) = self.temp(find);
        before.extend(more);
        let zero = Ex::new(Op::Int(0), Ty::Raw, span);
        let test = Ex::new(Op::RawLess(Box::new(zero), Box::new(at.clone())), Ty::Bool, span);
        let found = if pop {
            Self::runtime("dict_pop", base(), element, span)
        } else {
            Ex::new(Op::Slot(Box::new(at), 0), element, span)
        };
        let result = self.choose(test, found, default, span);
        Self::seq(before, result)
    }

    fn set_method(
        &mut self,
        set: &Ex,
        ty: &Ty,
        element: &Ty,
        method: &str,
        values: &[Ex],
        span: Span,
    ) -> Option<Ex> {
        let this = || Argument::Ex(set.clone());
        let desc = || Argument::Desc(ty.clone());
        let operator = match method {
            "union" | "update" => Some(setop::UNION),
            "intersection" | "intersection_update" => Some(setop::INTERSECTION),
            "difference" | "difference_update" => Some(setop::DIFFERENCE),
            "symmetric_difference" | "symmetric_difference_update" => Some(setop::SYMMETRIC),
            _ => None,
        };
        Some(match (method, values) {
            ("add", [value]) => self.set_add(set, value.clone(), span),
            ("remove", [value]) if matches!(self.resolve(&value.ty), Ty::Union(_)) => {
                let (mut before, set) = self.temp(set.clone());
                let (more, value) = self.temp(value.clone());
                before.extend(more);
                let removed = self.with_key(value, element, &mut |this, value| {
                    let value = this.fit(value, element, "a set", span);
                    let desc = Argument::Desc(this.resolve(ty));
                    let arguments = vec![Argument::Ex(set.clone()), desc, Argument::Ex(value)];
                    Self::runtime("set_remove", arguments, Ty::None, span)
                });
                Self::seq(before, removed)
            }
            ("discard" | "remove", [value]) => {
                let value = self.fit(value.clone(), element, "a set", span);
                let arguments = vec![this(), Argument::Desc(self.resolve(ty)), Argument::Ex(value)];
                if method == "remove" {
                    Self::runtime("set_remove", arguments, Ty::None, span)
                } else {
                    let removed = Self::runtime("set_discard", arguments, Ty::Bool, span);
                    Self::seq(vec![St::Eval(removed)], Ex::none(span))
                }
            }
            ("pop", []) => {
                let element = self.element(element);
                Self::runtime("set_pop", vec![this(), desc()], element, span)
            }
            ("copy", []) => Self::runtime("set_copy", vec![this(), desc()], ty.clone(), span),
            ("clear", []) => Self::runtime("set_clear", vec![this(), desc()], Ty::None, span),
            ("issubset" | "issuperset" | "isdisjoint", [other]) => {
                let other = self.as_set(other.clone(), ty, span)?;
                if method == "isdisjoint" {
                    let arguments = vec![this(), desc(), Argument::Ex(other)];
                    return Some(Self::runtime("set_isdisjoint", arguments, Ty::Bool, span));
                }
                let comparison =
                    if method == "issubset" { Comparison::LtE } else { Comparison::GtE };
                self.compare(comparison, set.clone(), other, span)
            }
            (_, [other]) if operator.is_some() => {
                let in_place = method.ends_with("update");
                let other_ty = self.resolve(&other.ty);
                let mut op = operator.unwrap_or_default();
                // CPython goes through an iterable in its order, and knows how long a dict is.
                let (other, function) = if matches!(other_ty, Ty::Set(_)) {
                    let other = self.fit(other.clone(), ty, "a set", span);
                    (other, if in_place { "set_update" } else { "set_op" })
                } else {
                    if matches!(other_ty, Ty::Dict(..)) {
                        op |= setop::OF_DICT;
                    }
                    let items = self.as_list(other.clone(), span)?;
                    let list = Ty::List(Box::new(element.clone()));
                    let items = self.fit(items, &list, "a set", span);
                    (items, if in_place { "set_update_items" } else { "set_op_items" })
                };
                if other.ty == Ty::Error {
                    return Some(other);
                }
                let desc = Argument::Desc(self.resolve(ty));
                let arguments = vec![this(), desc, Argument::Ex(other), Argument::Num(op)];
                let result = if in_place { Ty::None } else { self.resolve(ty) };
                Self::runtime(function, arguments, result, span)
            }
            _ => return None,
        })
    }

    /// An argument of a set's method as a set of the same type.
    fn as_set(&mut self, value: Ex, ty: &Ty, span: Span) -> Option<Ex> {
        let value_ty = self.resolve(&value.ty);
        let value = if matches!(value_ty, Ty::Set(_)) {
            value
        } else {
            let list = self.as_list(value, span)?;
            let Ty::List(element) = self.resolve(&list.ty) else { return None };
            let set = Ty::Set(element);
            Self::runtime(
                "set_from_list",
                vec![Argument::Ex(list), Argument::Desc(set.clone())],
                set,
                span,
            )
        };
        Some(self.fit(value, ty, "a set", span))
    }
}
