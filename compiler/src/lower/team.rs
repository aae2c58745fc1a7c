//! `spm.team`: what ranks do, as far as the types of what they exchange are known.

use super::Body;
use super::managed::{Bound, Wanted};
use crate::abi::reduction;
use crate::ast::{Expr, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex};
use crate::ty::Ty;

/// What stands for any source, and any tag.
const ANY: i64 = -1;

impl Body<'_, '_> {
    /// A call of a member of `spm.team`.
    pub(super) fn team_call(
        &mut self,
        name: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        wanted: &Wanted,
        span: Span,
    ) -> Ex {
        let parameters: &[(&str, bool)] = match name {
            "send" => &[("obj", true), ("dest", true), ("tag", false)],
            "recv" => &[("source", false), ("tag", false)],
            "bcast" => &[("obj", true), ("root", false)],
            "scatter" | "gather" => &[("sendobj", true), ("root", false)],
            "allgather" => &[("sendobj", true)],
            "reduce" => &[("sendobj", true), ("op", false), ("root", false)],
            "allreduce" => &[("sendobj", true), ("op", false)],
            "barrier" => &[],
            _ => {
                let message = format!("`spm.team.{name}` is not supported in the native engine");
                let help = "it has send, recv, bcast, scatter, gather, allgather, reduce, allreduce, barrier";
                return self.fail(Code::Function, span, message, help);
            }
        };
        let called = format!("spm.team.{name}");
        let bound = self.bound(&called, parameters, arguments, keywords, span);
        let Some(bound) = bound else { return Self::error(span) };
        let given: Vec<&Ex> = bound.values.iter().flatten().collect();
        if let Some(trivial) = self.trivial(&given, span) {
            return Self::seq(bound.before, trivial);
        }
        let Bound { before, mut values, operation } = bound;
        let result = match name {
            "send" => self.team_send(&mut values, span),
            "recv" => self.team_recv(&mut values, wanted, span),
            "barrier" => Self::call_runtime("team_barrier", Vec::new(), Ty::None, span),
            "reduce" | "allreduce" => self.team_reduce(name, &mut values, operation, span),
            _ => self.team_share(name, &mut values, wanted, span),
        };
        Self::seq(before, result)
    }

    /// An int argument, or its default.
    fn number(&mut self, value: Option<Ex>, default: i64, span: Span) -> Ex {
        match value {
            Some(value) => self.index_value(value, span),
            None => Ex::int(default, span),
        }
    }

    fn team_send(&mut self, values: &mut Vec<Option<Ex>>, span: Span) -> Ex {
        let tag = self.number(values.pop().flatten(), 0, span);
        let destination = self.number(values.pop().flatten(), 0, span);
        let Some(value) = values.pop().flatten() else { return Self::error(span) };
        if let Some(trivial) = self.trivial(&[&destination, &tag], span) {
            return trivial;
        }
        let desc = Argument::Desc(value.ty.clone());
        let arguments =
            vec![Argument::Ex(value), desc, Argument::Ex(destination), Argument::Ex(tag)];
        Self::runtime("team_send", arguments, Ty::None, span)
    }

    fn team_recv(&mut self, values: &mut Vec<Option<Ex>>, wanted: &Wanted, span: Span) -> Ex {
        let tag = self.number(values.pop().flatten(), ANY, span);
        let source = self.number(values.pop().flatten(), ANY, span);
        if let Some(trivial) = self.trivial(&[&source, &tag], span) {
            return trivial;
        }
        if let Wanted::Nothing = wanted {
            return Self::call_runtime("team_skip", vec![source, tag], Ty::None, span);
        }
        let Some(ty) = self.wanted_type("spm.team.recv", "message", wanted, span) else {
            return Self::error(span);
        };
        let arguments = vec![Argument::Ex(source), Argument::Ex(tag), Argument::Desc(ty.clone())];
        Self::runtime("team_recv", arguments, ty, span)
    }

    /// Collectives that do not combine values.
    fn team_share(
        &mut self,
        name: &str,
        values: &mut Vec<Option<Ex>>,
        wanted: &Wanted,
        span: Span,
    ) -> Ex {
        let root = if name == "allgather" { None } else { values.pop().flatten() };
        let root = self.number(root, 0, span);
        let Some(value) = values.pop().flatten() else { return Self::error(span) };
        if let Some(trivial) = self.trivial(&[&root], span) {
            return trivial;
        }
        let ty = self.resolve(&value.ty);
        let (value, desc) = (Argument::Ex(value), Argument::Desc(ty.clone()));
        let root = Argument::Ex(root);
        match name {
            "bcast" => {
                // Ranks that are not the root often pass None, and the annotation says what comes.
                let result = match wanted {
                    Wanted::Type(wanted) if ty.members().contains(wanted) => wanted.clone(),
                    _ => ty,
                };
                let arguments = vec![value, desc, Argument::Desc(result.clone()), root];
                Self::runtime("team_bcast", arguments, result, span)
            }
            "scatter" => {
                let lists: Vec<Ty> =
                    ty.members().into_iter().filter(|it| *it != Ty::None).collect();
                let [Ty::List(item) | Ty::VTuple(item)] = &lists[..] else {
                    let message =
                        format!("`spm.team.scatter` of `{}` is not supported", self.show(&ty));
                    let help = "give it a list, or None on other ranks than the root";
                    return self.fail(Code::Operand, span, message, help);
                };
                let item = item.as_ref().clone();
                let arguments = vec![value, desc, Argument::Desc(item.clone()), root];
                Self::runtime("team_scatter", arguments, item, span)
            }
            "gather" => {
                let result = Ty::Union(vec![Ty::None, Ty::list(ty)]);
                let arguments = vec![value, desc, Argument::Desc(result.clone()), root];
                Self::runtime("team_gather", arguments, result, span)
            }
            _ => {
                let list = Ty::list(ty);
                let arguments = vec![value, desc, Argument::Desc(list.clone())];
                Self::runtime("team_allgather", arguments, list, span)
            }
        }
    }

    /// `reduce` and `allreduce`.
    fn team_reduce(
        &mut self,
        name: &str,
        values: &mut Vec<Option<Ex>>,
        operation: Option<&Expr>,
        span: Span,
    ) -> Ex {
        let is_all = name == "allreduce";
        let root = if is_all { None } else { values.pop().flatten() };
        let root = self.number(root, 0, span);
        let Some(value) = values.swap_remove(0) else { return Self::error(span) };
        if let Some(trivial) = self.trivial(&[&root], span) {
            return trivial;
        }
        let ty = self.resolve(&value.ty);
        let (known, shown) = match operation {
            None => (Some("SUM".to_owned()), "`SUM`".to_owned()),
            Some(expression) => {
                let member = self.member(expression);
                let known = member.and_then(|it| Some(it.strip_prefix("spm.team.")?.to_owned()));
                let shown = known.as_ref().map_or("a function".to_owned(), |it| format!("`{it}`"));
                (known, shown)
            }
        };
        let Some(operation) = known.as_deref().and_then(|known| reduction_of(known, &ty)) else {
            let shown_ty = self.show(&ty);
            let message = format!("`spm.team.{name}` of `{shown_ty}` by {shown} is not supported");
            let help =
                "numbers of one type, strs and lists combine, by the operations of `spm.team`";
            return self.fail(Code::Operand, span, message, help);
        };
        let is_number = ty.is_number();
        let (value, desc) = (Argument::Ex(value), Argument::Desc(ty.clone()));
        let operation = Argument::Num(operation);
        if is_all {
            let runtime = if is_number { "team_allreduce" } else { "team_allreduce_objects" };
            return Self::runtime(runtime, vec![value, desc, operation], ty, span);
        }
        let result = Ty::Union(vec![Ty::None, ty]);
        let runtime = if is_number { "team_reduce" } else { "team_reduce_objects" };
        let result_desc = Argument::Desc(result.clone());
        let arguments = vec![value, desc, result_desc, operation, Argument::Ex(root)];
        Self::runtime(runtime, arguments, result, span)
    }
}

/// The operation of this name on values of this type, where its result has that type too. (A sum of bools is an int, unless
/// there is one rank.)
fn reduction_of(name: &str, ty: &Ty) -> Option<u32> {
    match (name, ty) {
        ("SUM", Ty::Int | Ty::Float | Ty::Str | Ty::List(_)) => Some(reduction::SUM),
        ("PROD", Ty::Int | Ty::Float) => Some(reduction::PROD),
        ("MAX", Ty::Int | Ty::Float | Ty::Bool | Ty::Str) => Some(reduction::MAX),
        ("MIN", Ty::Int | Ty::Float | Ty::Bool | Ty::Str) => Some(reduction::MIN),
        ("BAND", Ty::Int | Ty::Bool) | ("LAND", Ty::Bool) => Some(reduction::BAND),
        ("BOR", Ty::Int | Ty::Bool) | ("LOR", Ty::Bool) => Some(reduction::BOR),
        _ => None,
    }
}
