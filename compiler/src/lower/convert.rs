//! `int()`, `float()`, `str()` and their kin, and calls of builtins as such.

use super::Body;
use crate::ast::{Expr, ExprKind, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, St};
use crate::request::Captured;
use crate::ty::Ty;

/// A call of a builtin by name.
#[derive(Clone, Copy)]
pub(super) struct BuiltinCall<'e> {
    pub name: &'e str,
    pub arguments: &'e [Expr],
    pub keywords: &'e [(String, Expr)],
    pub span: Span,
}

impl<'e> BuiltinCall<'e> {
    pub(super) fn keyword(&self, name: &str) -> Option<&'e Expr> {
        self.keywords.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }
}

impl Body<'_, '_> {
    /// The builtin that an expression calls, if it does.
    pub(super) fn builtin_call<'e>(&self, expression: &'e Expr) -> Option<BuiltinCall<'e>> {
        let ExprKind::Call { function, arguments, keywords } = &expression.kind else {
            return None;
        };
        let ExprKind::Name(name) = &function.kind else { return None };
        if self.variable(name).is_some() {
            return None;
        }
        let canonical = match self.captured(name) {
            Some(Captured::Builtin(builtin)) => super::builtins::canonical(&builtin)?,
            Some(_) => return None,
            None => super::builtins::canonical(name)?,
        };
        Some(BuiltinCall { name: canonical, arguments, keywords, span: expression.span })
    }

    /// `int(value)`.
    pub(super) fn int_of(&mut self, value: Ex, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        match ty {
            Ty::Int | Ty::Bool => Self::to_int(value),
            Ty::Float => Self::call_runtime("int_from_float", vec![value], Ty::Int, span),
            Ty::Str => {
                let base = Ex::int(10, span);
                Self::call_runtime("int_parse", vec![value, base], Ty::Int, span)
            }
            Ty::Object(_) => self.special_number(value, &["__int__", "__index__"], "int", span),
            Ty::Union(_) => self.split(value, &mut |this, value| this.int_of(value, span)),
            Ty::Never | Ty::Error => value,
            _ => {
                let name = ty.python_name();
                let message = format!(
                    "int() argument must be a string, a bytes-like object or a real number, not '{name}'"
                );
                self.fail(Code::Operand, span, message, "")
            }
        }
    }

    /// `float(value)`.
    pub(super) fn float_of(&mut self, value: Ex, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        match ty {
            Ty::Int | Ty::Bool | Ty::Float => Self::to_float(value),
            Ty::Str => Self::call_runtime("float_parse", vec![value], Ty::Float, span),
            Ty::Object(_) => self.special_number(value, &["__float__"], "float", span),
            Ty::Union(_) => self.split(value, &mut |this, value| this.float_of(value, span)),
            Ty::Never | Ty::Error => value,
            _ => {
                let name = ty.python_name();
                let message =
                    format!("float() argument must be a string or a real number, not '{name}'");
                self.fail(Code::Operand, span, message, "")
            }
        }
    }

    /// A float argument of a `math` function.
    pub(super) fn real(&mut self, value: Ex, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        match ty {
            Ty::Int | Ty::Bool | Ty::Float => Self::to_float(value),
            Ty::Union(_) => self.split(value, &mut |this, value| this.real(value, span)),
            Ty::Never | Ty::Error => value,
            _ => {
                let message = format!("must be real number, not {}", ty.python_name());
                self.fail(Code::Operand, span, message, "")
            }
        }
    }

    /// `str(value)`, or `repr(value)`.
    pub(super) fn str_of(&mut self, value: Ex, repr: bool, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        match ty {
            Ty::Str if !repr => value,
            Ty::Str => Self::call_runtime("str_repr", vec![value], Ty::Str, span),
            Ty::Int => Self::call_runtime("int_str", vec![value], Ty::Str, span),
            Ty::Float => Self::call_runtime("float_repr", vec![value], Ty::Str, span),
            Ty::Bool => Self::call_runtime("bool_str", vec![value], Ty::Str, span),
            Ty::Bytes => Self::call_runtime("bytes_repr", vec![value], Ty::Str, span),
            Ty::None => Self::seq(vec![St::Eval(value)], Self::text("None", span)),
            Ty::Object(_) => self.special_str(value, repr, span),
            Ty::Exception(_) => self.exception_text(value, repr, span),
            Ty::Union(_) => self.split(value, &mut |this, value| this.str_of(value, repr, span)),
            Ty::Special(..) => self.special_repr(value, span),
            _ if ty.has_special() => {
                let message = format!("the text of `{}` is not supported", self.show(&ty));
                self.fail(Code::Operand, span, message, "show its items one by one")
            }
            Ty::Never | Ty::Error => value,
            _ => {
                let name = if repr { "value_repr" } else { "value_str" };
                Self::runtime(name, vec![Argument::Ex(value), Argument::Desc(ty)], Ty::Str, span)
            }
        }
    }

    /// Any iterable value as a new list.
    pub(super) fn as_list(&mut self, value: Ex, span: Span) -> Option<Ex> {
        let ty = self.resolve(&value.ty);
        let desc = Argument::Desc(ty.clone());
        Some(match ty {
            Ty::List(_) | Ty::Never => value,
            Ty::VTuple(element) => {
                // Laid out as a list.
                let list = Ty::List(element);
                Self::runtime(
                    "list_copy",
                    vec![Argument::Ex(value), Argument::Desc(list.clone())],
                    list,
                    span,
                )
            }
            Ty::Str => Self::call_runtime("str_to_list", vec![value], Ty::list(Ty::Str), span),
            Ty::Bytes => Self::call_runtime("bytes_to_list", vec![value], Ty::list(Ty::Int), span),
            Ty::Dict(element, _) | Ty::Set(element) => Self::runtime(
                "table_keys",
                vec![Argument::Ex(value), desc],
                Ty::List(element),
                span,
            ),
            Ty::Tuple(_) => self.tuple_to_list(value)?,
            Ty::Special(..) => self.special_list(value, span)?,
            Ty::Class(class) => self.enum_members(class as usize, span)?,
            Ty::Object(_) if self.program.is_generator(&ty) => self.drained(value, span),
            Ty::Object(_) => {
                let iterator = self.iterator(value, span)?;
                self.drained(iterator, span)
            }
            Ty::Error => return None,
            _ => {
                let message = format!("'{}' object is not iterable", self.show(&ty));
                self.report(Code::Operand, span, message, "");
                return None;
            }
        })
    }

    /// `list.extend(other)`.
    pub(super) fn extend(&mut self, list: &Ex, other: Ex, span: Span) -> Ex {
        let ty = self.resolve(&list.ty);
        let other = self.fit(other, &ty, "a list", span);
        if other.ty == Ty::Error {
            return other;
        }
        let ty = self.resolve(&ty);
        let arguments = vec![Argument::Ex(list.clone()), Argument::Desc(ty), Argument::Ex(other)];
        Self::runtime("list_extend", arguments, Ty::None, span)
    }

    /// `list.append(value)`.
    pub(super) fn append(&mut self, list: &Ex, value: Ex, span: Span) -> Ex {
        if let Some(trivial) = self.trivial(&[&value], span) {
            return trivial;
        }
        let ty = self.resolve(&list.ty);
        let Ty::List(element) = &ty else { return Self::error(span) };
        let value = self.fit(value, element, "a list", span);
        if value.ty == Ty::Error {
            return value;
        }
        Self::call_runtime("list_append", vec![list.clone(), value], Ty::None, span)
    }

    /// `set.add(value)`.
    pub(super) fn set_add(&mut self, set: &Ex, value: Ex, span: Span) -> Ex {
        if let Some(trivial) = self.trivial(&[&value], span) {
            return trivial;
        }
        let ty = self.resolve(&set.ty);
        let Ty::Set(element) = &ty else { return Self::error(span) };
        if let Some(problem) = self.unhashable(&value, span) {
            return problem;
        }
        let value = self.fit(value, element, "a set", span);
        if value.ty == Ty::Error {
            return value;
        }
        let desc = Argument::Desc(self.resolve(&ty));
        let arguments = vec![Argument::Ex(set.clone()), desc, Argument::Ex(value)];
        Self::runtime("set_add", arguments, Ty::None, span)
    }

    /// `dict[key] = value`.
    pub(super) fn dict_set(&mut self, dict: &Ex, key: Ex, value: Ex, span: Span) -> Ex {
        if let Some(trivial) = self.trivial(&[&key, &value], span) {
            return trivial;
        }
        let ty = self.resolve(&dict.ty);
        let Ty::Dict(key_ty, value_ty) = &ty else { return Self::error(span) };
        if let Some(problem) = self.unhashable(&key, span) {
            return problem;
        }
        let key = self.fit(key, key_ty, "a dict with keys", span);
        let value = self.fit(value, value_ty, "a dict with values", span);
        if key.ty == Ty::Error || value.ty == Ty::Error {
            return Self::error(span);
        }
        let desc = Argument::Desc(self.resolve(&ty));
        let arguments =
            vec![Argument::Ex(dict.clone()), desc, Argument::Ex(key), Argument::Ex(value)];
        Self::runtime("dict_set", arguments, Ty::None, span)
    }

    fn unhashable(&mut self, value: &Ex, span: Span) -> Option<Ex> {
        let ty = self.resolve(&value.ty);
        if matches!(ty, Ty::List(_) | Ty::Dict(..) | Ty::Set(_) | Ty::Special(..))
            || self.has_no_hash(&ty)
        {
            let message = format!("unhashable type: '{}'", ty.python_name());
            return Some(self.fail(Code::Operand, span, message, "use a tuple"));
        }
        None
    }
}
