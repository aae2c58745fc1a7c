//! Special methods: operators, comparisons and builtins on instances of the user's classes.

use super::Body;
use crate::ast::{Comparison, Operator, Span, UnaryOperator};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Op, St};
use crate::ty::Ty;

/// What comes of an operation on two operands: its method, that of the other side, and how messages name it.
struct Binary<'a> {
    method: &'a str,
    reflected: &'a str,
    sign: &'a str,
}

impl Body<'_, '_> {
    /// Whether either operand is an object, so that its methods decide.
    pub(super) fn is_special(&self, left: &Ex, right: &Ex) -> bool {
        let is_object = |value: &Ex| matches!(self.resolve(&value.ty), Ty::Object(_));
        is_object(left) || is_object(right)
    }

    /// Calls a special method of an object; `NotImplemented` where a class has none.
    fn call_special(&mut self, object: &Ex, method: &str, values: &[Ex], span: Span) -> Ex {
        let Ty::Object(family) = self.resolve(&object.ty) else {
            return Ex::new(Op::None, Ty::NotImplemented, span);
        };
        let groups = self.special_methods(family.root, method);
        self.by_class(object, &groups, &mut |this, index| match index {
            Some(index) => {
                let mut all = values.to_vec();
                all.insert(0, object.clone());
                this.call_function(*index, method, all, Vec::new(), span)
            }
            None => Ex::new(Op::None, Ty::NotImplemented, span),
        })
    }

    /// A value, or what comes instead of `NotImplemented`.
    fn or_else(&mut self, value: Ex, other: &mut dyn FnMut(&mut Self) -> Ex) -> Ex {
        match self.resolve(&value.ty) {
            Ty::NotImplemented => {
                let (statements, other) = self.capture(|this| {
                    this.evaluate(value);
                    other(this)
                });
                Self::seq(statements, other)
            }
            Ty::Union(members) if members.contains(&Ty::NotImplemented) => {
                let span = value.span;
                let (statements, value) = self.temp(value);
                let mut rest: Vec<Ty> =
                    members.into_iter().filter(|it| *it != Ty::NotImplemented).collect();
                let ty = if rest.len() == 1 { rest.remove(0) } else { Ty::Union(rest) };
                let kind = Ty::NotImplemented.kind();
                let test = Ex::new(Op::TagIs(Box::new(value.clone()), kind), Ty::Bool, span);
                let kept = Ex::new(Op::Project(Box::new(value)), ty, span);
                let (more, other) = self.capture(|this| other(this));
                let other = Self::seq(more, other);
                let result = self.choose(test, other, kept, span);
                Self::seq(statements, result)
            }
            _ => value,
        }
    }

    /// Classes of left and right operands for which the right one's method has to be asked first: it derives from the
    /// left one's and overrides the method. That of dataclasses knows its own class only, so that the order is no matter.
    fn overriding(&self, left: &Ty, right: &Ty, reflected: &str) -> Vec<(u32, u32)> {
        let (Ty::Object(family), true) = (left, left == right) else { return Vec::new() };
        let classes = &self.program.classes;
        let is_glue = |index: usize| {
            self.program.functions[index].source.function().file == super::objects::GLUE_FILE
        };
        let mut found = Vec::new();
        let family = classes.family(family.root);
        for upper in &family {
            for lower in family.iter().filter(|lower| *lower != upper) {
                let own = classes.list[*lower].method(reflected);
                if classes.derives(*lower, *upper)
                    && own.is_some_and(|own| !is_glue(own))
                    && own != classes.list[*upper].method(reflected)
                {
                    found.push((*upper as u32, *lower as u32));
                }
            }
        }
        found
    }

    fn is_one_class(&self, left: &Ty, right: &Ty) -> bool {
        match (left, right) {
            (Ty::Object(a), Ty::Object(b)) => {
                a == b && self.program.classes.family(a.root).len() == 1
            }
            _ => false,
        }
    }

    /// An operation on two values, of which one is an object at least.
    fn two(
        &mut self,
        names: &Binary<'_>,
        left: Ex,
        right: Ex,
        span: Span,
        last: &mut dyn FnMut(&mut Self, &Ex, &Ex) -> Ex,
    ) -> Ex {
        let (mut before, left) = self.temp(left);
        let (more, right) = self.temp(right);
        before.extend(more);
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        let first = self.overriding(&a, &b, names.reflected);
        if !first.is_empty() {
            // The right operand's class derives from the left one's, and is asked before it.
            let mut test = Ex::bool(false, span);
            for (upper, lower) in first {
                let is = |value: &Ex, class: u32| {
                    Ex::new(Op::ClassIs(Box::new(value.clone()), vec![class]), Ty::Bool, span)
                };
                let both =
                    self.choose(is(&left, upper), is(&right, lower), Ex::bool(false, span), span);
                test = self.choose(both, Ex::bool(true, span), test, span);
            }
            let (statements, asked) = self.capture(|this| {
                let found =
                    this.call_special(&right, names.reflected, std::slice::from_ref(&left), span);
                this.or_else(found, &mut |this| {
                    let found =
                        this.call_special(&left, names.method, std::slice::from_ref(&right), span);
                    this.or_else(found, &mut |this| last(this, &left, &right))
                })
            });
            let asked = Self::seq(statements, asked);
            let (statements, usual) = self.capture(|this| {
                let found =
                    this.call_special(&left, names.method, std::slice::from_ref(&right), span);
                this.or_else(found, &mut |this| {
                    let found = this.call_special(
                        &right,
                        names.reflected,
                        std::slice::from_ref(&left),
                        span,
                    );
                    this.or_else(found, &mut |this| last(this, &left, &right))
                })
            });
            let usual = Self::seq(statements, usual);
            let result = self.choose(test, asked, usual, span);
            return Self::seq(before, result);
        }
        let same = self.is_one_class(&a, &b) && names.method != names.reflected;
        let found = self.call_special(&left, names.method, std::slice::from_ref(&right), span);
        let is_comparison = names.sign.starts_with(['<', '>', '=', '!']);
        let result = self.or_else(found, &mut |this| {
            if same && !is_comparison {
                return last(this, &left, &right);
            }
            let found =
                this.call_special(&right, names.reflected, std::slice::from_ref(&left), span);
            this.or_else(found, &mut |this| last(this, &left, &right))
        });
        Self::seq(before, result)
    }

    /// `left op right`, where one is an object at least.
    pub(super) fn object_binary(
        &mut self,
        operator: Operator,
        left: Ex,
        right: Ex,
        span: Span,
    ) -> Ex {
        let (left, right) = (self.as_number(left), self.as_number(right));
        if !self.is_special(&left, &right) {
            return self.binary(operator, left, right, span);
        }
        let (method, reflected) = operator_methods(operator);
        let sign = operator.text();
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        let shown = if operator == Operator::Pow { "** or pow()" } else { sign };
        if !self.has_special(&a, method) && !self.has_special(&b, reflected) {
            let (a, b) = (a.python_name(), b.python_name());
            let message = format!("unsupported operand type(s) for {shown}: '{a}' and '{b}'");
            return self.fail(Code::Operand, span, message, &format!("define `{method}`"));
        }
        let names = Binary { method, reflected, sign };
        let text = format!("unsupported operand type(s) for {shown}: '{{}}' and '{{}}'");
        self.two(&names, left, right, span, &mut |this, left, right| {
            this.raise_naming("TypeError", &text, &[left, right], span)
        })
    }

    /// `left op= right` by a method of the left operand; nothing if it has none.
    pub(super) fn special_in_place(
        &mut self,
        operator: Operator,
        left: &Ex,
        right: &Ex,
        span: Span,
    ) -> Option<Ex> {
        let (method, _) = operator_methods(operator);
        let method = format!("__i{}", &method[2..]);
        let ty = self.resolve(&left.ty);
        if !self.has_special(&ty, &method) {
            return None;
        }
        let (mut before, left) = self.temp(left.clone());
        let (more, right) = self.temp(right.clone());
        before.extend(more);
        let found = self.call_special(&left, &method, std::slice::from_ref(&right), span);
        let result = self.or_else(found, &mut |this| {
            this.object_binary(operator, left.clone(), right.clone(), span)
        });
        Some(Self::seq(before, result))
    }

    /// A comparison, where one operand is an object at least.
    pub(super) fn object_compare(
        &mut self,
        comparison: Comparison,
        left: Ex,
        right: Ex,
        span: Span,
    ) -> Ex {
        let (left, right) = (self.as_number(left), self.as_number(right));
        if !self.is_special(&left, &right) {
            return self.compare(comparison, left, right, span);
        }
        let method = comparison_method(comparison);
        let reflected = comparison_method(comparison.swapped());
        let sign = comparison.text();
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        match comparison {
            Comparison::Eq => {
                let names = Binary { method, reflected: method, sign };
                self.two(&names, left, right, span, &mut |_, left, right| {
                    same_object(left, right, span)
                })
            }
            Comparison::NotEq
                if !self.has_special(&a, "__ne__") && !self.has_special(&b, "__ne__") =>
            {
                // `__ne__` of `object` asks `__eq__`.
                let equal = self.object_compare(Comparison::Eq, left, right, span);
                let truth = self.truth(equal);
                if matches!(truth.ty, Ty::Never | Ty::Error) { truth } else { Self::not(truth) }
            }
            Comparison::NotEq => {
                let names = Binary { method, reflected: method, sign };
                self.two(&names, left, right, span, &mut |_, left, right| {
                    Self::not(same_object(left, right, span))
                })
            }
            _ => {
                let can = self.has_special(&a, method) || self.has_special(&b, reflected);
                if !can && !self.is_glue() {
                    let (a, b) = (a.python_name(), b.python_name());
                    let message =
                        format!("'{sign}' not supported between instances of '{a}' and '{b}'");
                    return self.fail(Code::Operand, span, message, &format!("define `{method}`"));
                }
                let names = Binary { method, reflected, sign };
                let text = format!("'{sign}' not supported between instances of '{{}}' and '{{}}'");
                self.two(&names, left, right, span, &mut |this, left, right| {
                    this.raise_naming("TypeError", &text, &[left, right], span)
                })
            }
        }
    }

    /// A special method without operands, if the object has it.
    pub(super) fn special_value(&mut self, object: &Ex, method: &str, span: Span) -> Option<Ex> {
        let ty = self.resolve(&object.ty);
        if !self.has_special(&ty, method) {
            return None;
        }
        let (before, object) = self.temp(object.clone());
        let value = self.method_of_object(object, method, &[], &[], span);
        Some(Self::seq(before, value))
    }

    pub(super) fn special_unary(&mut self, operator: UnaryOperator, operand: Ex, span: Span) -> Ex {
        let operand = self.as_number(operand);
        let ty = self.resolve(&operand.ty);
        if !matches!(ty, Ty::Object(_)) {
            return self.unary(operator, operand, span);
        }
        let (method, sign) = match operator {
            UnaryOperator::Neg => ("__neg__", "-"),
            UnaryOperator::Pos => ("__pos__", "+"),
            UnaryOperator::Invert => ("__invert__", "~"),
        };
        self.special_value(&operand, method, span).unwrap_or_else(|| {
            let message = format!("bad operand type for unary {sign}: '{}'", ty.python_name());
            self.fail(Code::Operand, span, message, &format!("define `{method}`"))
        })
    }

    /// Whether an object is true.
    pub(super) fn special_truth(&mut self, object: Ex) -> Ex {
        let span = object.span;
        let ty = self.resolve(&object.ty);
        if self.has_special(&ty, "__bool__") {
            let (before, object) = self.temp(object);
            let found = self.call_special(&object, "__bool__", &[], span);
            let truth = self.or_else(found, &mut |this| {
                this.special_value(&object, "__len__", span)
                    .map_or_else(|| Ex::bool(true, span), |length| this.truth(length))
            });
            return Self::seq(before, truth);
        }
        if self.has_special(&ty, "__len__") {
            let (before, object) = self.temp(object);
            let found = self.call_special(&object, "__len__", &[], span);
            let length = self.or_else(found, &mut |_| Ex::int(1, span));
            let truth = self.truth(length);
            return Self::seq(before, truth);
        }
        let number = self.as_number(object);
        if matches!(self.resolve(&number.ty), Ty::Object(_)) {
            return Self::seq(vec![St::Eval(number)], Ex::bool(true, span));
        }
        self.truth(number)
    }

    /// `len(object)`.
    pub(super) fn special_len(&mut self, object: &Ex, span: Span) -> Option<Ex> {
        let length = self.special_value(object, "__len__", span)?;
        if self.resolve(&length.ty) != Ty::Int {
            return Some(length);
        }
        let (before, length) = self.temp(length);
        let negative = Self::int_compare(Comparison::Lt, length.clone(), Ex::int(0, span));
        let class = self.exception("ValueError");
        let raise = Self::raise(class, "__len__() should return >= 0", span);
        let result = self.choose(negative, raise, length, span);
        Some(Self::seq(before, result))
    }

    /// `str(object)` or `repr(object)`.
    pub(super) fn special_str(&mut self, object: Ex, repr: bool, span: Span) -> Ex {
        let ty = self.resolve(&object.ty);
        let Ty::Object(family) = &ty else { return Self::error(span) };
        if let Some(enumeration) = self.enumeration(&ty) {
            let is_int = enumeration.is_int;
            let has_own = self.has_special(&ty, if repr { "__repr__" } else { "__str__" });
            if !has_own {
                return self.enum_text(object, repr, is_int, span);
            }
        }
        let (before, object) = self.temp(object);
        let methods: &[&str] = if repr { &["__repr__"] } else { &["__str__", "__repr__"] };
        let mut groups = self.special_methods(family.root, methods[0]);
        if let [_, second] = methods {
            for (classes, method) in &mut groups {
                if method.is_none() {
                    // All of a group have the same `__repr__`, or it is refused below.
                    let own = classes
                        .iter()
                        .map(|class| self.program.classes.list[*class as usize].method(second));
                    let own: Vec<_> = own.collect();
                    *method = own[0].filter(|_| own.iter().all(|it| *it == own[0]));
                }
            }
            if groups.iter().any(|(_, method)| method.is_none()) {
                groups = self.special_methods(family.root, second);
            }
        }
        let text = self.by_class(&object, &groups, &mut |this, method| match method {
            Some(index) => {
                this.call_function(*index, "__repr__", vec![object.clone()], Vec::new(), span)
            }
            None if this.is_glue() => {
                // The address that CPython would print is not known here.
                Self::unreachable(span)
            }
            None => {
                let message = format!(
                    "`{}` has no `__repr__`, and the text of its default holds an address",
                    this.resolve(&object.ty).python_name()
                );
                this.fail(Code::Function, span, message, "define `__repr__` or `__str__`")
            }
        });
        Self::seq(before, text)
    }

    /// The text of an enumeration's member.
    fn enum_text(&mut self, object: Ex, repr: bool, is_int: bool, span: Span) -> Ex {
        let (statements, text) = self.capture(|this| {
            let object = this.keep(object);
            if is_int && !repr {
                let value = this.attribute_of(object, "value", span);
                return this.str_of(value, false, span);
            }
            let Ty::Object(family) = this.resolve(&object.ty) else { return Self::error(span) };
            let concat = |a: Ex, b: Ex| Self::call_runtime("str_concat", vec![a, b], Ty::Str, span);
            let name = this.attribute_of(object.clone(), "name", span);
            let open = if repr { "<" } else { "" };
            let head = Self::text(&format!("{open}{}.", family.name), span);
            let mut text = concat(head, name);
            if repr {
                let value = this.attribute_of(object, "value", span);
                let value = this.str_of(value, true, span);
                text = concat(concat(text, Self::text(": ", span)), value);
                text = concat(text, Self::text(">", span));
            }
            text
        });
        Self::seq(statements, text)
    }

    /// `hash(value)`.
    pub(super) fn hash_of(&mut self, value: Ex, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        match &ty {
            Ty::Object(family) => {
                let number =
                    if self.items_of(&ty).is_some() { value } else { self.as_number(value) };
                if !matches!(self.resolve(&number.ty), Ty::Object(_)) {
                    return self.hash_of(number, span);
                }
                if let Some(found) = self.special_value(&number, "__hash__", span) {
                    let found = Self::to_int(found);
                    let (before, found) = self.temp(found);
                    // -1 says in CPython that there was an exception.
                    let test = Self::int_compare(Comparison::Eq, found.clone(), Ex::int(-1, span));
                    let result = self.choose(test, Ex::int(-2, span), found, span);
                    return Self::seq(before, result);
                }
                if self.has_no_hash(&ty) {
                    let message = format!("unhashable type: '{}'", family.name);
                    if self.is_glue() {
                        return Self::raise(self.exception("TypeError"), &message, span);
                    }
                    return self.fail(Code::Operand, span, message, "make the class frozen");
                }
                Self::call_runtime("object_address", vec![number], Ty::Int, span)
            }
            Ty::Never | Ty::Error => value,
            Ty::List(_) | Ty::Dict(..) | Ty::Set(_) => {
                let message = format!("unhashable type: '{}'", ty.python_name());
                self.fail(Code::Operand, span, message, "use a tuple")
            }
            _ => {
                let arguments = vec![Argument::Ex(value), Argument::Desc(ty)];
                Self::runtime("value_hash", arguments, Ty::Int, span)
            }
        }
    }

    /// Whether objects of a type cannot be keys.
    pub(super) fn has_no_hash(&self, ty: &Ty) -> bool {
        let Ty::Object(family) = ty else { return false };
        let classes = &self.program.classes;
        classes.family(family.root).iter().any(|class| {
            matches!(classes.list[*class].member("__hash__"), Some(crate::request::Member::Without))
        })
    }
}

fn same_object(left: &Ex, right: &Ex, span: Span) -> Ex {
    if left.ty == right.ty {
        return Ex::new(Op::Same(Box::new(left.clone()), Box::new(right.clone())), Ty::Bool, span);
    }
    Ex::bool(false, span)
}

fn comparison_method(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Lt => "__lt__",
        Comparison::LtE => "__le__",
        Comparison::Gt => "__gt__",
        Comparison::GtE => "__ge__",
        Comparison::NotEq => "__ne__",
        _ => "__eq__",
    }
}

fn operator_methods(operator: Operator) -> (&'static str, &'static str) {
    match operator {
        Operator::Add => ("__add__", "__radd__"),
        Operator::Sub => ("__sub__", "__rsub__"),
        Operator::Mul => ("__mul__", "__rmul__"),
        Operator::Div => ("__truediv__", "__rtruediv__"),
        Operator::FloorDiv => ("__floordiv__", "__rfloordiv__"),
        Operator::Mod => ("__mod__", "__rmod__"),
        Operator::Pow => ("__pow__", "__rpow__"),
        Operator::LShift => ("__lshift__", "__rlshift__"),
        Operator::RShift => ("__rshift__", "__rrshift__"),
        Operator::BitOr => ("__or__", "__ror__"),
        Operator::BitXor => ("__xor__", "__rxor__"),
        Operator::BitAnd => ("__and__", "__rand__"),
    }
}

impl Body<'_, '_> {
    /// `int(object)` and its kin, by the first of the methods that it has.
    pub(super) fn special_number(
        &mut self,
        object: Ex,
        methods: &[&str],
        wanted: &str,
        span: Span,
    ) -> Ex {
        let number = self.as_number(object);
        let ty = self.resolve(&number.ty);
        if !matches!(ty, Ty::Object(_)) {
            return if wanted == "float" { Self::to_float(number) } else { number };
        }
        let method = methods.iter().find(|method| self.has_special(&ty, method));
        if let Some(value) = method.and_then(|method| self.special_value(&number, method, span)) {
            return value;
        }
        let name = ty.python_name();
        let message = match wanted {
            "int" => format!(
                "int() argument must be a string, a bytes-like object or a real number, not '{name}'"
            ),
            "float" => format!("float() argument must be a string or a real number, not '{name}'"),
            _ => format!("'{name}' object cannot be interpreted as an integer"),
        };
        self.fail(Code::Operand, span, message, &format!("define `{}`", methods[0]))
    }

    /// `object[index]`.
    pub(super) fn object_item(&mut self, object: Ex, index: Ex, span: Span) -> Ex {
        let ty = self.resolve(&object.ty);
        if !self.has_special(&ty, "__getitem__") {
            let message = format!("'{}' object is not subscriptable", ty.python_name());
            return self.fail(Code::Operand, span, message, "define `__getitem__`");
        }
        let (mut before, object) = self.temp(object);
        let (more, index) = self.temp(index);
        before.extend(more);
        let item = self.method_of_object(object, "__getitem__", &[index], &[], span);
        Self::seq(before, item)
    }

    /// `value in object`; both can be read again.
    pub(super) fn special_contains(&mut self, container: Ex, value: Ex, span: Span) -> Ex {
        let ty = self.resolve(&container.ty);
        if self.has_special(&ty, "__contains__") {
            let found = self.method_of_object(container, "__contains__", &[value], &[], span);
            return self.truth(found);
        }
        let list = match ty {
            Ty::Class(class) => self.enum_members(class as usize, span),
            _ => self.iterator(container, span),
        };
        match list {
            Some(list) if self.program.is_generator(&self.resolve(&list.ty)) => {
                self.is_yielded(list, value, span)
            }
            Some(list) => self.compare(Comparison::In, value, list, span),
            None => Self::error(span),
        }
    }

    /// What an object's `__iter__` goes through.
    pub(super) fn iterated(&mut self, object: Ex, span: Span) -> Option<Ex> {
        if let Some(tuple) = self.as_tuple(object.clone()) {
            return Some(tuple);
        }
        let found = self.special_value(&object, "__iter__", span);
        let Some(found) = found else {
            let name = self.resolve(&object.ty).python_name().to_owned();
            let message = format!("'{name}' object is not iterable");
            let help = "define `__iter__` as `return iter(...)` of a list, dict, set, tuple or str";
            self.report(Code::Operand, span, message, help);
            return None;
        };
        (found.ty != Ty::Error).then_some(found)
    }

    /// `type(value)`.
    pub(super) fn type_of(&mut self, value: Ex, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        if let Ty::Object(_) = ty {
            return self.class_of(&value, span);
        }
        let message = "`type` is supported for instances of your own classes only";
        self.fail(Code::Function, span, message, "use `isinstance`")
    }

    /// `format(object, spec)`.
    pub(super) fn special_format(&mut self, object: Ex, spec: Ex, span: Span) -> Ex {
        let ty = self.resolve(&object.ty);
        if self.has_special(&ty, "__format__") {
            let (before, object) = self.temp(object);
            let text = self.method_of_object(object, "__format__", &[spec], &[], span);
            return Self::seq(before, text);
        }
        if let Some(enumeration) = self.enumeration(&ty) {
            let is_int = enumeration.is_int;
            let plain = if is_int {
                self.attribute_of(object, "value", span)
            } else {
                self.special_str(object, false, span)
            };
            return self.format_value(plain, spec, span);
        }
        let (mut before, object) = self.temp(object);
        let (more, spec) = self.temp(spec);
        before.extend(more);
        let length = Self::length(spec);
        let empty = Self::int_compare(Comparison::Eq, length, Ex::int(0, span));
        let text = self.special_str(object.clone(), false, span);
        let message = "unsupported format string passed to {}.__format__";
        let raise = self.raise_naming("TypeError", message, &[&object], span);
        let result = self.choose(empty, text, raise, span);
        Self::seq(before, result)
    }
}

impl Body<'_, '_> {
    /// Whether two values are equal as items of tuples are: also if they are one object.
    pub(super) fn same(&mut self, left: Ex, right: Ex, span: Span) -> Ex {
        let (mut before, left) = self.temp(left);
        let (more, right) = self.temp(right);
        before.extend(more);
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        let equal = self.compare(Comparison::Eq, left.clone(), right.clone(), span);
        let equal = self.truth(equal);
        let result = match (&a, &b) {
            (Ty::Float, Ty::Float) => {
                // Whether two NaNs are one object is not known here.
                let nan = |value: &Ex| {
                    Self::float_compare(Comparison::NotEq, value.clone(), value.clone())
                };
                let both = self.choose(nan(&left), nan(&right), Ex::bool(false, span), span);
                let leave = Self::unreachable(span);
                let unequal = self.choose(both, leave, Ex::bool(false, span), span);
                self.choose(equal, Ex::bool(true, span), unequal, span)
            }
            (Ty::Union(_), _) | (_, Ty::Union(_)) => {
                self.split2(left, right, &mut |this, left, right| this.same(left, right, span))
            }
            (Ty::Object(_), Ty::Object(_)) if a == b => {
                let same = same_object(&left, &right, span);
                self.choose(same, Ex::bool(true, span), equal, span)
            }
            _ => equal,
        };
        Self::seq(before, result)
    }

    /// Whether two values are instances of one class.
    pub(super) fn same_class(&mut self, left: Ex, right: Ex, span: Span) -> Ex {
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        let (Ty::Object(family), true) = (&a, a == b) else {
            return Self::seq(vec![St::Eval(left), St::Eval(right)], Ex::bool(false, span));
        };
        let classes = self.program.classes.family(family.root);
        if classes.len() == 1 {
            return Ex::bool(true, span);
        }
        let groups = classes.into_iter().map(|class| (vec![class as u32], class as u32)).collect();
        self.by_class(&left, &groups, &mut |_, class| {
            Ex::new(Op::ClassIs(Box::new(right.clone()), vec![*class]), Ty::Bool, span)
        })
    }
}
