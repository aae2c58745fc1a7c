//! Builtin functions.

use super::Body;
use super::convert::BuiltinCall;
use crate::ast::{Comparison, Expr, ExprKind, Operator, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, LocalId, Op, St, Unary};
use crate::ty::{Special, Ty};

/// The builtins that can be called.
const KNOWN: &[&str] = &[
    "abs",
    "all",
    "any",
    "bin",
    "bool",
    "bytes",
    "chr",
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "float",
    "format",
    "hash",
    "hex",
    "int",
    "isinstance",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "oct",
    "ord",
    "pow",
    "print",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
    "_memo",
    "_same",
    "_same_class",
    super::with::ENTER,
    super::with::EXIT,
    "issubclass",
];

/// Builtins of Python that are left out, and what to do instead.
const LEFT_OUT: &[(&str, &str)] = &[
    ("open", "pass the contents as an argument"),
    ("input", "pass the value as an argument"),
    ("eval", "write the expression out"),
    ("exec", "write the statements out"),
    ("compile", ""),
    ("getattr", ""),
    ("setattr", ""),
    ("hasattr", ""),
    ("id", ""),
    ("callable", ""),
    ("complex", "keep the real and imaginary parts in two floats"),
    ("bytearray", "use a list of ints, or bytes"),
    ("memoryview", "use bytes"),
    ("frozenset", "use a set, or a tuple as a key"),
    ("slice", "write the slice in `[...]`"),
    ("object", ""),
    ("super", ""),
    ("vars", ""),
    ("dir", ""),
    ("globals", ""),
    ("locals", ""),
    ("ascii", "use `repr`"),
];

/// The builtin's name for the life of the program, if it can be called.
pub(super) fn canonical(name: &str) -> Option<&'static str> {
    KNOWN.iter().copied().find(|known| *known == name)
}

pub(super) fn is_known(name: &str) -> bool {
    canonical(name).is_some() && !name.starts_with(['_', '<'])
}

pub(super) fn is_python_builtin(name: &str) -> bool {
    LEFT_OUT.iter().any(|(known, _)| *known == name)
}

/// What to do instead of calling a builtin that is left out.
pub(super) fn instead(name: &str) -> &'static str {
    LEFT_OUT.iter().find(|(known, _)| *known == name).map_or("", |(_, help)| help)
}

impl Body<'_, '_> {
    pub(super) fn builtin(&mut self, place: &Expr, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        // Those that take iterables or keywords look at the arguments themselves.
        match call.name {
            "print" => return self.print(call),
            "sum" => return self.sum(place, call),
            "min" | "max" => return self.extreme(place, call),
            "any" | "all" => return self.any_all(call),
            "list" | "tuple" | "set" | "dict" | "sorted" => return self.construct(place, call),
            "bytes" if call.arguments.len() == 1 => return self.bytes_of(place, call),
            "next" if self.finds_next(call) => return self.next_found(call),
            "iter" if call.arguments.len() == 1 => return self.iter_of(call),
            "isinstance" => return self.isinstance(call),
            "issubclass" => return self.issubclass(call),
            "range" | "enumerate" | "zip" | "reversed" | "map" | "filter" => {
                let message = format!("`{}` can only be iterated over", call.name);
                let help =
                    format!("use it in a `for` loop, or make a list: `list({}(...))`", call.name);
                return self.fail(Code::Function, span, message, &help);
            }
            _ => {}
        }
        let mut values = Vec::new();
        for argument in call.arguments {
            values.push(self.expr(argument));
        }
        for (keyword, value) in call.keywords {
            let position = match (call.name, keyword.as_str()) {
                ("round", "ndigits") | ("pow", "exp") | ("int", "base") => 1,
                ("round", "number") | ("pow", "base") => 0,
                ("pow", "mod") => 2,
                _ => usize::MAX,
            };
            if position != values.len() {
                let message =
                    format!("{}() got an unexpected keyword argument '{keyword}'", call.name);
                return self.fail(Code::Arguments, value.span, message, "");
            }
            values.push(self.expr(value));
        }
        if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
            return trivial;
        }
        self.simple_builtin(call.name, values, span)
    }

    /// Builtins of plain values.
    fn simple_builtin(&mut self, name: &str, mut values: Vec<Ex>, span: Span) -> Ex {
        let count = values.len();
        let mut next = || values.remove(0);
        match (name, count) {
            ("_memo", 0) if self.is_glue() => self.memo(span),
            ("_same", 2) if self.is_glue() => {
                let (left, right) = (next(), next());
                self.same(left, right, span)
            }
            ("_same_class", 2) if self.is_glue() => {
                let (left, right) = (next(), next());
                self.same_class(left, right, span)
            }
            ("hash", 1) => self.hash_of(next(), span),
            ("type", 1) => self.type_of(next(), span),
            (super::with::ENTER, 1) => self.entered(&next(), span),
            (super::with::EXIT, 1 | 2) => self.exited(&values, span),
            ("next", 1 | 2) => self.next_of(values, span),
            ("len", 1) => self.len_of(next(), span),
            ("abs", 1) => self.abs_of(next(), span),
            ("int", 0) => Ex::int(0, span),
            ("int", 1) => self.int_of(next(), span),
            ("int", 2) => {
                let (text, base) = (next(), next());
                let base = self.index_value(base, span);
                if text.ty != Ty::Str {
                    let message = "int() can't convert non-string with explicit base";
                    return self.fail(Code::Operand, span, message, "");
                }
                Self::call_runtime("int_parse", vec![text, base], Ty::Int, span)
            }
            ("float", 0) => Ex::new(Op::Float(0.0), Ty::Float, span),
            ("float", 1) => self.float_of(next(), span),
            ("bool", 0) => Ex::bool(false, span),
            ("bool", 1) => self.truth(next()),
            ("str", 0) => Self::text("", span),
            ("str", 1) => self.str_of(next(), false, span),
            ("repr", 1) => self.str_of(next(), true, span),
            ("format", 1) => self.plain_format(next(), span),
            ("format", 2) => {
                let (value, spec) = (next(), next());
                self.format_value(value, spec, span)
            }
            ("divmod", 2) => {
                let (left, right) = (next(), next());
                self.divmod(left, right, span)
            }
            ("pow", 2) => {
                let (left, right) = (next(), next());
                self.binary(Operator::Pow, left, right, span)
            }
            ("pow", 3) => {
                let values = [next(), next(), next()].map(|value| self.index_value(value, span));
                if values.iter().any(|value| value.ty == Ty::Error) {
                    return Self::error(span);
                }
                Self::call_runtime("int_pow_mod", values.into(), Ty::Int, span)
            }
            ("round", 1) => self.round_of(next(), None, span),
            ("round", 2) => {
                let (value, digits) = (next(), next());
                let digits = (digits.ty != Ty::None).then_some(digits);
                self.round_of(value, digits, span)
            }
            ("ord", 1) => {
                let value = next();
                if value.ty != Ty::Str {
                    let name = self.resolve(&value.ty).python_name().to_owned();
                    let message = format!("ord() expected string of length 1, but {name} found");
                    return self.fail(Code::Operand, span, message, "");
                }
                Self::call_runtime("str_ord", vec![value], Ty::Int, span)
            }
            ("chr", 1) => {
                let value = self.index_value(next(), span);
                Self::call_runtime("str_chr", vec![value], Ty::Str, span)
            }
            ("bin" | "oct" | "hex", 1) => {
                let value = self.index_value(next(), span);
                let base = match name {
                    "bin" => 2,
                    "oct" => 8,
                    _ => 16,
                };
                let arguments = vec![Argument::Ex(value), Argument::Num(base)];
                Self::runtime("int_base_str", arguments, Ty::Str, span)
            }
            _ => {
                let plural = if count == 1 { "" } else { "s" };
                let message = format!("{name}() cannot be called with {count} argument{plural}");
                self.fail(Code::Arguments, span, message, "")
            }
        }
    }

    pub(super) fn len_of(&mut self, value: Ex, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        match ty {
            Ty::Str
            | Ty::Bytes
            | Ty::List(_)
            | Ty::VTuple(_)
            | Ty::Tuple(_)
            | Ty::Dict(..)
            | Ty::Set(_) => Self::length(value),
            Ty::Special(Special::Deque, _) => {
                let length = self.special_operation(Special::Deque, "len", vec![value], span);
                length.unwrap_or_else(|| Self::error(span))
            }
            Ty::Special(..) => Self::length(self.bare(value)),
            Ty::Union(_) => self.split(value, &mut |this, value| this.len_of(value, span)),
            Ty::Class(class) => match self.enum_members(class as usize, span) {
                Some(list) => Self::length(list),
                None => self.fail(Code::Operand, span, "object of type 'type' has no len()", ""),
            },
            Ty::Object(_) if self.items_of(&ty).is_some() => {
                let count = self.items_of(&ty).map_or(0, |items| items.len());
                Self::seq(vec![St::Eval(value)], Ex::int(count as i64, span))
            }
            Ty::Object(_) if self.has_special(&ty, "__len__") => {
                self.special_len(&value, span).unwrap_or_else(|| Self::error(span))
            }
            _ => {
                let message = format!("object of type '{}' has no len()", ty.python_name());
                self.fail(Code::Operand, span, message, "")
            }
        }
    }

    pub(super) fn abs_of(&mut self, value: Ex, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        match ty {
            Ty::Int | Ty::Bool => {
                let mut result = Self::unary_op(Unary::IntAbs, Self::to_int(value));
                result.span = span;
                result
            }
            Ty::Float => Self::unary_op(Unary::FloatAbs, value),
            Ty::Object(_) if self.has_special(&ty, "__abs__") => {
                self.special_value(&value, "__abs__", span).unwrap_or_else(|| Self::error(span))
            }
            Ty::Union(_) => self.split(value, &mut |this, value| this.abs_of(value, span)),
            _ => {
                let message = format!("bad operand type for abs(): '{}'", ty.python_name());
                self.fail(Code::Operand, span, message, "")
            }
        }
    }

    fn round_of(&mut self, value: Ex, digits: Option<Ex>, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        let digits = digits.map(|digits| self.index_value(digits, span));
        match (ty, digits) {
            (Ty::Union(_), digits) => {
                let (before, digits) = match digits {
                    Some(digits) => {
                        let (before, digits) = self.temp(digits);
                        (before, Some(digits))
                    }
                    None => (Vec::new(), None),
                };
                let result = self
                    .split(value, &mut |this, value| this.round_of(value, digits.clone(), span));
                Self::seq(before, result)
            }
            (Ty::Int | Ty::Bool, None) => Self::to_int(value),
            (Ty::Int | Ty::Bool, Some(digits)) => {
                Self::call_runtime("int_round", vec![Self::to_int(value), digits], Ty::Int, span)
            }
            (Ty::Float, None) => Self::call_runtime("float_round", vec![value], Ty::Int, span),
            (Ty::Float, Some(digits)) => {
                Self::call_runtime("float_round_digits", vec![value, digits], Ty::Float, span)
            }
            (ty, _) => {
                let name = ty.python_name();
                let message = format!("type {name} doesn't define __round__ method");
                self.fail(Code::Operand, span, message, "")
            }
        }
    }

    fn isinstance(&mut self, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        let [subject, classes] = call.arguments else {
            return self.fail(Code::Arguments, span, "isinstance expected 2 arguments", "");
        };
        let Some(names) = self.class_names(classes) else {
            let message = "the second argument of `isinstance` must name classes";
            return self.fail(Code::Expression, classes.span, message, "");
        };
        let own = self.own_classes(classes);
        let value = self.expr(subject);
        self.split(value, &mut |this, value| {
            let ty = this.resolve(&value.ty);
            if let Ty::Exception(_) = ty {
                let classes = names.iter().filter_map(|name| this.exception_class(name));
                return this.exception_is(value, &classes.collect::<Vec<_>>(), span);
            }
            let known = super::narrow::is_instance(&ty, &names) || this.is_int_member(&ty, &names);
            if !known && matches!(ty, Ty::Object(_)) {
                return this.is_of_classes(value, &own, span);
            }
            Self::known(value, known, span)
        })
    }

    fn print(&mut self, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        let mut ends = Vec::new();
        for (keyword, _) in call.keywords {
            if !matches!(keyword.as_str(), "sep" | "end" | "flush") {
                let message = format!("the argument `{keyword}` of `print` is not supported");
                return self.fail(Code::Arguments, span, message, "output goes to the submitter");
            }
        }
        let (mut statements, values) = self.capture(|this| {
            let mut values = Vec::new();
            for argument in call.arguments {
                let value = match &argument.kind {
                    ExprKind::Starred(items) => this.list_from(argument, items),
                    _ => this.expr(argument),
                };
                values.push(this.keep(value));
            }
            for (keyword, default) in [("sep", " "), ("end", "\n")] {
                let end = match call.keyword(keyword) {
                    None => Self::text(default, span),
                    Some(value) if matches!(value.kind, ExprKind::None) => {
                        Self::text(default, span)
                    }
                    Some(value) => {
                        let value = this.expr(value);
                        this.keep(value)
                    }
                };
                if !matches!(end.ty, Ty::Str | Ty::Never | Ty::Error) {
                    let name = this.resolve(&end.ty).python_name().to_owned();
                    let message = format!("{keyword} must be None or a string, not {name}");
                    this.report(Code::Operand, span, message, "");
                }
                ends.push(end);
            }
            values
        });
        if let Some(trivial) = self.trivial(&values.iter().chain(&ends).collect::<Vec<_>>(), span) {
            return Self::seq(statements, trivial);
        }
        // Whether something was printed, where that is not known.
        let is_starred = |argument: &Expr| matches!(argument.kind, ExprKind::Starred(_));
        let begun = if call.arguments.iter().any(is_starred) { self.fresh(&Ty::Bool) } else { 0 };
        let (more, ()) = self.capture(|this| {
            let show = |this: &mut Self, text: Ex| {
                let shown = Self::call_runtime("print_text", vec![text], Ty::None, span);
                this.evaluate(shown);
            };
            let mut unpacked = false;
            for (index, (value, argument)) in values.into_iter().zip(call.arguments).enumerate() {
                if let ExprKind::Starred(_) = &argument.kind {
                    if !unpacked {
                        this.push(St::Set(begun, Ex::bool(index > 0, span)));
                    }
                    unpacked = true;
                    let exit = this.label();
                    let Some(plan) = this.plan_value(value, exit) else { continue };
                    this.for_loop(argument.id, plan, &[], span, &mut |this, item| {
                        let item = this.item_value(item, span);
                        let item = this.keep(item);
                        this.print_separator(begun, &ends[0], span);
                        let text = this.str_of(item, false, span);
                        show(this, text);
                    });
                    continue;
                }
                if unpacked {
                    this.print_separator(begun, &ends[0], span);
                } else if index > 0 {
                    show(this, ends[0].clone());
                }
                let text = this.str_of(value, false, span);
                show(this, text);
            }
            show(this, ends[1].clone());
            this.evaluate(Self::call_runtime("print_flush", Vec::new(), Ty::None, span));
        });
        statements.extend(more);
        Self::seq(statements, Ex::none(span))
    }

    /// The separator, unless nothing was printed yet.
    fn print_separator(&mut self, begun: LocalId, separator: &Ex, span: Span) {
        let shown = Self::call_runtime("print_text", vec![separator.clone()], Ty::None, span);
        let test = Ex::local(begun, Ty::Bool, span);
        self.push(St::If(test, vec![St::Eval(shown)], Vec::new()));
        self.push(St::Set(begun, Ex::bool(true, span)));
    }

    /// `left < right` as `min` and `max` use it, for two values of any type.
    pub(super) fn better(&mut self, is_max: bool, new: Ex, old: Ex, span: Span) -> Ex {
        let comparison = if is_max { Comparison::Gt } else { Comparison::Lt };
        self.compare(comparison, new, old, span)
    }
}
