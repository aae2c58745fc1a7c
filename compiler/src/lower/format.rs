//! f-strings and `format`.

use super::Body;
use crate::ast::{FStringPart, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Op};
use crate::request::Literal;
use crate::ty::Ty;

impl Body<'_, '_> {
    pub(super) fn fstring(&mut self, parts: &[FStringPart], span: Span) -> Ex {
        let (statements, text) = self.capture(|this| {
            let mut whole: Option<Ex> = None;
            for part in parts {
                let text = match part {
                    FStringPart::Text(text) => Self::text(text, span),
                    FStringPart::Value { value, conversion, spec } => {
                        let hole = value.span;
                        let mut value = this.expr(value);
                        match conversion {
                            None => {}
                            Some('s') => value = this.str_of(value, false, hole),
                            Some('r') => value = this.str_of(value, true, hole),
                            Some(_) => {
                                return this.fail(
                                    Code::Expression,
                                    hole,
                                    "`!a` is not supported",
                                    "use `!r`",
                                );
                            }
                        }
                        if spec.is_empty() {
                            this.plain_format(value, hole)
                        } else {
                            let value = this.keep(value);
                            let spec = this.fstring(spec, hole);
                            this.format_value(value, spec, hole)
                        }
                    }
                };
                if matches!(text.ty, Ty::Error | Ty::Never) {
                    return text;
                }
                whole = Some(match whole {
                    None => text,
                    Some(before) => {
                        Self::call_runtime("str_concat", vec![before, text], Ty::Str, span)
                    }
                });
            }
            whole.unwrap_or_else(|| Self::text("", span))
        });
        Self::seq(statements, text)
    }

    /// `format(value)`.
    pub(super) fn plain_format(&mut self, value: Ex, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        match &ty {
            Ty::Object(_) if self.has_special(&ty, "__format__") => {
                let spec = Self::text("", span);
                self.special_format(value, spec, span)
            }
            Ty::Union(members) if members.iter().any(|ty| matches!(ty, Ty::Object(_))) => {
                self.split(value, &mut |this, value| this.plain_format(value, span))
            }
            _ => self.str_of(value, false, span),
        }
    }

    /// `format(value, spec)`.
    pub(super) fn format_value(&mut self, value: Ex, spec: Ex, span: Span) -> Ex {
        if let Some(trivial) = self.trivial(&[&value, &spec], span) {
            return trivial;
        }
        if spec.ty != Ty::Str {
            let name = self.resolve(&spec.ty).python_name().to_owned();
            let message = format!("format() argument 2 must be str, not {name}");
            return self.fail(Code::Operand, span, message, "");
        }
        if matches!(&spec.op, Op::Static(Literal::Str(text)) if text.is_empty()) {
            return self.plain_format(value, span);
        }
        let ty = self.resolve(&value.ty);
        match ty {
            Ty::Object(_) => self.special_format(value, spec, span),
            Ty::Int => Self::call_runtime("format_int", vec![value, spec], Ty::Str, span),
            Ty::Float => Self::call_runtime("format_float", vec![value, spec], Ty::Str, span),
            Ty::Str => Self::call_runtime("format_str", vec![value, spec], Ty::Str, span),
            Ty::Union(_) => {
                let (mut before, value) = self.temp(value);
                let (more, spec) = self.temp(spec);
                before.extend(more);
                let result = self
                    .split(value, &mut |this, value| this.format_value(value, spec.clone(), span));
                Self::seq(before, result)
            }
            _ => {
                let arguments = vec![Argument::Ex(value), Argument::Desc(ty), Argument::Ex(spec)];
                Self::runtime("value_format", arguments, Ty::Str, span)
            }
        }
    }
}
