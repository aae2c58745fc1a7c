//! What a task knows of itself, and what it asks of its manager: `spm.task` and `spm.hub`. Members of `spm.team` have a file of
//! their own.

use super::Body;
use crate::ast::{Expr, ExprKind, Span, Takes};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Op, St};
use crate::ty::Ty;

/// What is known of a value that comes from elsewhere: only annotations can tell.
pub(super) enum Wanted {
    /// Nothing is.
    Unknown,
    /// It is not looked at.
    Nothing,
    /// It has this type, or native code is left.
    Type(Ty),
}

/// Arguments by the names of their parameters, evaluated in the order written.
pub(super) struct Bound<'e> {
    /// What is to be done first.
    pub before: Vec<St>,
    /// The values. None for what was not given, and for `op`, which is no value.
    pub values: Vec<Option<Ex>>,
    /// What was given for `op`.
    pub operation: Option<&'e Expr>,
}

impl Body<'_, '_> {
    /// A value that may come from a manager, of which this is wanted.
    pub(super) fn own_value(&mut self, expression: &Expr, wanted: &Wanted) -> Ex {
        if let ExprKind::Call { function, arguments, keywords } = &expression.kind
            && let Some(dotted) = self.member(function).filter(|name| name.starts_with("spm."))
        {
            return self.own_call(&dotted, arguments, keywords, wanted, expression.span);
        }
        if let Wanted::Type(ty) = wanted
            && let Some(part) = self.exception_part(expression, Some(ty))
        {
            return part;
        }
        self.expr(expression)
    }

    /// A member of `spm` that is not called.
    pub(super) fn own_member(&mut self, dotted: &str, span: Span) -> Ex {
        let (runtime, ty) = match dotted {
            "spm.task.index" => ("task_index", Ty::Int),
            "spm.task.attempt" => ("task_attempt", Ty::Int),
            "spm.task.seed" => ("task_seed", Ty::Int),
            "spm.task.bound" => ("task_bound", Ty::Float),
            "spm.team.rank" => ("team_rank", Ty::Int),
            "spm.team.size" => ("team_size", Ty::Int),
            "spm.ANY_SOURCE" | "spm.ANY_TAG" | "spm.team.ANY_SOURCE" | "spm.team.ANY_TAG" => {
                return Ex::int(-1, span);
            }
            _ => {
                let message = format!("`{dotted}` is not supported as a value");
                let help = if dotted.starts_with("spm.task.") {
                    "of `spm.task`, the native engine knows `index`, `attempt`, `seed` and `bound`"
                } else {
                    "functions can only be called, and operations be given as `op`"
                };
                return self.fail(Code::Function, span, message, help);
            }
        };
        Self::call_runtime(runtime, Vec::new(), ty, span)
    }

    /// A call of a member of `spm`.
    pub(super) fn own_call(
        &mut self,
        dotted: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        wanted: &Wanted,
        span: Span,
    ) -> Ex {
        match dotted {
            "spm.hub.ask" => self.ask(arguments, keywords, wanted, span),
            "spm.task.spawn" => self.spawn(arguments, keywords, span),
            "spm.task.improve" => {
                let Some(mut bound) =
                    self.bound(dotted, &[("value", true)], arguments, keywords, span)
                else {
                    return Self::error(span);
                };
                let Some(value) = bound.values.remove(0) else { return Self::error(span) };
                let value = self.real(value, span);
                let result = match self.trivial(&[&value], span) {
                    Some(trivial) => trivial,
                    None => Self::call_runtime("task_improve", vec![value], Ty::None, span),
                };
                Self::seq(bound.before, result)
            }
            "spm.team.Get_rank" => self.own_member("spm.team.rank", span),
            "spm.team.Get_size" => self.own_member("spm.team.size", span),
            _ => {
                if let Some(name) = dotted.strip_prefix("spm.team.") {
                    return self.team_call(name, arguments, keywords, wanted, span);
                }
                let message = format!("`{dotted}` cannot be called in the native engine");
                self.fail(Code::Function, span, message, super::task::KNOWN_MODULES)
            }
        }
    }

    /// Evaluates the arguments of a call; the parameters are named, and some must be given.
    pub(super) fn bound<'e>(
        &mut self,
        called: &str,
        parameters: &[(&str, bool)],
        arguments: &'e [Expr],
        keywords: &'e [(String, Expr)],
        span: Span,
    ) -> Option<Bound<'e>> {
        let mut bound = Bound {
            before: Vec::new(),
            values: parameters.iter().map(|_| None).collect(),
            operation: None,
        };
        let positional = arguments.iter().enumerate().map(|(at, value)| (Some(at), value));
        let named = keywords
            .iter()
            .map(|(name, value)| (parameters.iter().position(|(known, _)| known == name), value));
        let mut given = vec![false; parameters.len()];
        for (at, argument) in positional.chain(named) {
            let Some(at) = at.filter(|&at| given.get(at) == Some(&false)) else {
                let names: Vec<_> =
                    parameters.iter().map(|(name, _)| format!("`{name}`")).collect();
                let takes =
                    if names.is_empty() { "no arguments".to_owned() } else { names.join(", ") };
                let message = format!("in the native engine, `{called}` takes {takes}");
                self.report(Code::Arguments, argument.span, message, "");
                return None;
            };
            given[at] = true;
            if parameters[at].0 == "op" {
                bound.operation = Some(argument);
                continue;
            }
            let value = self.expr(argument);
            if self.resolve(&value.ty).has_special() {
                let message = "this class of `collections` cannot leave the closure";
                let help = "send `list(...)` or `dict(...)` of it";
                self.report(Code::Operand, argument.span, message, help);
                return None;
            }
            let (first, value) = self.temp(value);
            bound.before.extend(first);
            bound.values[at] = Some(value);
        }
        for ((name, is_required), given) in parameters.iter().zip(given) {
            if *is_required && !given {
                let message = format!("`{called}` needs the argument `{name}`");
                self.report(Code::Arguments, span, message, "");
                return None;
            }
        }
        Some(bound)
    }

    /// The type of what comes back, or a report that it is not known.
    pub(super) fn wanted_type(
        &mut self,
        called: &str,
        what: &str,
        wanted: &Wanted,
        span: Span,
    ) -> Option<Ty> {
        if let Wanted::Type(ty) = wanted
            && ty.is_known()
        {
            return Some(ty.clone());
        }
        let message = format!("the type of the {what} of `{called}` is not known");
        let help = format!("assign it with an annotation: `{what}: int = {called}(...)`");
        self.report(Code::UnknownType, span, message, &help);
        None
    }

    /// `spm.hub.ask(question)`.
    fn ask(
        &mut self,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        wanted: &Wanted,
        span: Span,
    ) -> Ex {
        let called = "spm.hub.ask";
        let bound = self.bound(called, &[("question", true)], arguments, keywords, span);
        let Some(mut bound) = bound else { return Self::error(span) };
        let Some(question) = bound.values.remove(0) else { return Self::error(span) };
        if let Some(trivial) = self.trivial(&[&question], span) {
            return Self::seq(bound.before, trivial);
        }
        let desc = Argument::Desc(question.ty.clone());
        let asked = if let Wanted::Nothing = wanted {
            Self::runtime("hub_tell", vec![Argument::Ex(question), desc], Ty::None, span)
        } else {
            let Some(answer) = self.wanted_type(called, "answer", wanted, span) else {
                return Self::error(span);
            };
            let arguments = vec![Argument::Ex(question), desc, Argument::Desc(answer.clone())];
            Self::runtime("hub_ask", arguments, answer, span)
        };
        Self::seq(bound.before, asked)
    }

    /// `spm.task.spawn(*arguments, priority=0.0)`: another task of the closure itself, so the arguments are of its types.
    fn spawn(&mut self, arguments: &[Expr], keywords: &[(String, Expr)], span: Span) -> Ex {
        let functions = self.program.functions;
        let entry = &functions[0].ast;
        let name = entry.name.clone();
        let wanted: Vec<Ty> =
            self.program.request.parameters.iter().map(|it| Ty::from(&it.value_type)).collect();
        let is_plain = entry.parameters.iter().all(|it| it.takes == Takes::One && it.positional);
        if !is_plain || arguments.len() > wanted.len() {
            let count = wanted.len();
            let message = format!("`{name}` takes {count} arguments, and is spawned with others");
            let help =
                "a task spawns tasks of its own closure: give the arguments of that, one by one";
            return self.fail(Code::Arguments, span, message, help);
        }
        let mut before = Vec::new();
        let mut values = Vec::new();
        for argument in arguments {
            let value = self.expr(argument);
            let (first, value) = self.temp(value);
            before.extend(first);
            values.push(value);
        }
        let mut priority = Ex::new(Op::Float(0.0), Ty::Float, span);
        for (keyword, value) in keywords {
            if keyword != "priority" {
                let message = format!("`spm.task.spawn` takes no keyword `{keyword}`");
                return self.fail(Code::Arguments, value.span, message, "pass it by position");
            }
            let value = self.expr(value);
            let (first, value) = self.temp(value);
            before.extend(first);
            priority = self.real(value, span);
        }
        for (parameter, _) in entry.parameters.iter().zip(&wanted).skip(values.len()) {
            let Some(default) = &parameter.default else {
                let message =
                    format!("`{name}` is spawned without its argument `{}`", parameter.name);
                return self.fail(Code::Arguments, span, message, "give all arguments");
            };
            let default = self.default_value(0, default, span);
            values.push(default);
        }
        let all: Vec<&Ex> = values.iter().chain([&priority]).collect();
        if let Some(trivial) = self.trivial(&all, span) {
            return Self::seq(before, trivial);
        }
        let mut row = Vec::new();
        for ((value, wanted), parameter) in values.into_iter().zip(&wanted).zip(&entry.parameters) {
            let Some(value) = self.spawned(value, wanted) else {
                let message = format!(
                    "`{name}` was compiled for another type of `{}` than it is spawned with",
                    parameter.name
                );
                let help = format!("make it `{}`", self.show(wanted));
                return self.fail(Code::Arguments, span, message, &help);
            };
            row.push(value);
        }
        let ty = Ty::Tuple(wanted);
        let row = Ex::new(Op::NewTuple(row), ty.clone(), span);
        let arguments = vec![Argument::Ex(row), Argument::Desc(ty), Argument::Ex(priority)];
        Self::seq(before, Self::runtime("task_spawn", arguments, Ty::None, span))
    }

    /// A value as one of the type that a parameter has, if it is one.
    fn spawned(&mut self, value: Ex, wanted: &Ty) -> Option<Ex> {
        let types = &mut self.program.types;
        let fits = types.unify(wanted, &value.ty).is_ok()
            || types.join(wanted, &value.ty).is_ok_and(|joined| joined == *wanted);
        fits.then(|| self.coerce(value, wanted))
    }
}
