//! Free names: captured constants, modules, and what cannot travel.

use super::Body;
use super::task::is_own;
use crate::ast::{Expr, ExprKind, Span};
use crate::diagnostics::Code;
use crate::instantiate::BUILTIN;
use crate::ir::{Ex, Op};
use crate::request::{Captured, Literal};
use crate::ty::{Mismatch, Ty, Types};

impl Body<'_, '_> {
    /// What a free name stands for.
    pub(super) fn captured(&self, name: &str) -> Option<Captured> {
        if let Some(known) = name.strip_prefix(BUILTIN) {
            return Some(self.program.library.captured(known));
        }
        let globals = self.program.request.globals.get(self.globals());
        globals.and_then(|globals| globals.get(name)).cloned()
    }

    /// Which of the request's functions has the global names that are read here.
    pub(super) fn globals(&self) -> usize {
        self.program.functions[self.function].globals
    }

    /// The value of a free name.
    pub(super) fn global(&mut self, name: &str, span: Span) -> Ex {
        match self.captured(name) {
            Some(Captured::Value(literal)) => self.constant(&literal, name, span),
            Some(Captured::EnumMember(class, at)) => self.enum_member(class, at, span),
            Some(Captured::Class(class)) => Ex::new(Op::None, Ty::Class(class as u32), span),
            Some(Captured::ModuleMember(dotted)) => self.module_member(&dotted, span),
            Some(Captured::Function(index)) => self.function_value(index, span),
            Some(Captured::Module(module)) => {
                let message =
                    format!("the module `{module}` can only be used as `{name}.something`");
                self.fail(Code::Global, span, message, "")
            }
            Some(Captured::Exception { .. }) => {
                let message = format!("the class `{name}` can only be raised and caught");
                self.fail(Code::Expression, span, message, "call it here")
            }
            Some(Captured::Unsupported { what, help }) => {
                let message = format!("`{name}` is {what}, which cannot travel to a host");
                self.fail(Code::Global, span, message, &help.unwrap_or_default())
            }
            Some(Captured::Builtin(builtin)) if builtin == "NotImplemented" => {
                Ex::new(Op::None, Ty::NotImplemented, span)
            }
            Some(Captured::Builtin(_)) => self.not_a_value(name, span),
            None if name == "NotImplemented" => Ex::new(Op::None, Ty::NotImplemented, span),
            None if super::builtins::is_known(name) => self.not_a_value(name, span),
            None => {
                let message = format!("name '{name}' is not defined");
                self.fail(Code::UndefinedName, span, message, "")
            }
        }
    }

    fn not_a_value(&mut self, name: &str, span: Span) -> Ex {
        let message = format!("the builtin `{name}` can only be called, not used as a value");
        self.fail(Code::Expression, span, message, "call it here")
    }

    /// `base.name` that is not called.
    pub(super) fn attribute(&mut self, base: &Expr, name: &str, span: Span) -> Ex {
        if let Some(module) = self.module(base) {
            return self.module_member(&format!("{module}.{name}"), span);
        }
        if let Some(text) = self.name_of_class(base, name, span) {
            return text;
        }
        let base = self.expr(base);
        self.attribute_of(base, name, span)
    }

    /// The module that an expression names.
    ///
    /// `spm.task`, `spm.hub` and `spm.team` count as some.
    pub(super) fn module(&self, base: &Expr) -> Option<String> {
        let name = match &base.kind {
            ExprKind::Name(name) => name,
            ExprKind::Attribute(inner, name) => {
                let dotted = format!("{}.{name}", self.module(inner)?);
                return is_own(&dotted).then_some(dotted);
            }
            _ => return None,
        };
        if let Some(dotted) = self.imports.get(name) {
            return (!dotted.contains('.') || is_own(dotted)).then(|| dotted.clone());
        }
        if self.variable(name).is_some() {
            return None;
        }
        match self.captured(name) {
            Some(Captured::Module(module)) => Some(module),
            Some(Captured::ModuleMember(dotted)) if is_own(&dotted) => Some(dotted),
            _ => None,
        }
    }

    /// The member of a module that an expression names: `time.sleep`.
    pub(super) fn member(&self, expression: &Expr) -> Option<String> {
        match &expression.kind {
            ExprKind::Attribute(base, name) => Some(format!("{}.{name}", self.module(base)?)),
            ExprKind::Name(name) => {
                if let Some(dotted) = self.imports.get(name) {
                    return Some(dotted.clone());
                }
                match self.captured(name) {
                    Some(Captured::ModuleMember(dotted)) if self.variable(name).is_none() => {
                        Some(dotted)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// A constant of a class.
    pub(super) fn literal(&mut self, literal: &Literal, name: &str, span: Span) -> Ex {
        self.constant(literal, name, span)
    }

    /// The dict in which a function of ours keeps results for as long as the task lasts.
    pub(super) fn memo(&mut self, span: Span) -> Ex {
        let place = self.function as u32;
        let mut part = |which| Box::new(self.program.types.variable(u32::MAX, place, which));
        let ty = Ty::Dict(part(0), part(1));
        let known = self.program.memos.get(&self.function).copied();
        let index = known.unwrap_or_else(|| {
            self.program.lazies.push((Literal::Dict(Vec::new()), ty.clone()));
            self.program.lazies.len() - 1
        });
        self.program.memos.insert(self.function, index);
        Ex::new(Op::Lazy(index), ty, span)
    }

    /// A captured value, in the component's data.
    fn constant(&mut self, literal: &Literal, name: &str, span: Span) -> Ex {
        let op = match literal {
            Literal::None => return Ex::none(span),
            Literal::Bool(value) => return Ex::bool(*value, span),
            Literal::Int(value) => return Ex::int(*value, span),
            Literal::Float(value) => return Ex::new(Op::Float(*value), Ty::Float, span),
            Literal::BigInt(_) => {
                let message = format!("the int in `{name}` does not fit 64 bits");
                let help =
                    "the native engine's ints are 64 bits; use a float, or engine=\"python\"";
                return self.fail(Code::IntegerSize, span, message, help);
            }
            other => other,
        };
        let ty = match literal_type(op, &mut self.program.types) {
            Ok(ty) => ty,
            Err(problem) => {
                let message = match problem {
                    Unfit::Mixed(mismatch) => {
                        let (a, b) = (self.show(&mismatch.left), self.show(&mismatch.right));
                        format!("`{name}` holds `{a}` and `{b}` in one container")
                    }
                    Unfit::BigInt => format!("an int in `{name}` does not fit 64 bits"),
                };
                let help = "make its elements one type, or keep them in tuples";
                return self.fail(Code::MixedElements, span, message, help);
            }
        };
        if holds_table(op) {
            let index = if let Some(index) = self
                .program
                .lazies
                .iter()
                .position(|(known, known_ty)| known == op && *known_ty == ty)
            {
                index
            } else {
                self.program.lazies.push((op.clone(), ty.clone()));
                self.program.lazies.len() - 1
            };
            return Ex::new(Op::Lazy(index), ty, span);
        }
        Ex::new(Op::Static(op.clone()), ty, span)
    }
}

/// Whether a constant is or holds a dict or set, whose layout the runtime alone knows.
fn holds_table(literal: &Literal) -> bool {
    match literal {
        Literal::Dict(_) | Literal::Set(_) => true,
        Literal::List(items) | Literal::Tuple(items) => items.iter().any(holds_table),
        _ => false,
    }
}

/// Why a constant has no type.
pub(crate) enum Unfit {
    Mixed(Mismatch),
    BigInt,
}

/// The type of a constant.
pub(crate) fn literal_type(literal: &Literal, types: &mut Types) -> Result<Ty, Unfit> {
    let mut all = |items: &mut dyn Iterator<Item = &Literal>| -> Result<Ty, Unfit> {
        let mut element = Ty::Never;
        for item in items {
            let ty = literal_type(item, types)?;
            element = types.unify(&element, &ty).map_err(Unfit::Mixed)?;
        }
        Ok(element)
    };
    Ok(match literal {
        Literal::None => Ty::None,
        Literal::Bool(_) => Ty::Bool,
        Literal::Int(_) => Ty::Int,
        Literal::BigInt(_) => return Err(Unfit::BigInt),
        Literal::Float(_) => Ty::Float,
        Literal::Str(_) => Ty::Str,
        Literal::Bytes(_) => Ty::Bytes,
        Literal::List(items) => Ty::list(all(&mut items.iter())?),
        Literal::Set(items) => Ty::Set(Box::new(all(&mut items.iter())?)),
        Literal::Dict(items) => {
            let key = all(&mut items.iter().map(|(key, _)| key))?;
            Ty::Dict(Box::new(key), Box::new(all(&mut items.iter().map(|(_, value)| value))?))
        }
        Literal::Tuple(items) => {
            let items = items.iter().map(|item| literal_type(item, types));
            Ty::Tuple(items.collect::<Result<_, _>>()?)
        }
    })
}
