//! `try`, and what is raised and caught.
//!
//! A handler finds the variables as they were where the body raised, which may be anywhere in it. So every assignment in
//! a body also leads to the handler: a variable whose type differs there is kept in both forms while the body runs.
//! The statements of `finally` are lowered once for each way out: to the end, by an exception, `return`, `break` and
//! `continue`.

use std::collections::BTreeMap;

use spm_protocol::raised::CLASS_TABLE_BASE;

use super::Body;
use super::flow::{AFTER, BREAK, CONTINUE, SCOPED, Set, State, VariableId};
use crate::ast::{Expr, ExprKind, Handler, NodeId, Span, Stmt};
use crate::diagnostics::Code;
use crate::exceptions;
use crate::ir::{Argument, Ex, Label, LocalId, Op, Raise, St};
use crate::request::{Captured, Literal};
use crate::ty::Ty;

/// Where a body raised.
const EXCEPT: u8 = 4;
/// On the way out through `finally`: by an exception, `return`, `break` and `continue`, and after it.
const FINALLY: u8 = 5;
const RETURN: u8 = 6;
const OUT_BREAK: u8 = 7;
const OUT_CONTINUE: u8 = 8;
const AFTER_FINALLY: u8 = 9;

/// Exceptions that are a set of others, or whose classes depend on their arguments.
const PECULIAR: &[&str] =
    &["BaseExceptionGroup", "UnicodeDecodeError", "UnicodeEncodeError", "UnicodeTranslateError"];

/// A body whose exceptions a handler sees.
#[derive(Clone, Copy)]
pub(super) struct Protected {
    node: NodeId,
    place: u8,
    copy: u32,
}

/// Ways out of a `try` with `finally`.
pub(super) struct Finally {
    node: NodeId,
    copy: u32,
    /// How many loops are around it.
    loops: usize,
    /// Those that were taken: which, where they lead, and what they return.
    ways: Vec<(u8, Label)>,
    returned: Option<LocalId>,
}

/// The statements of `try`.
pub(super) struct Parts<'s> {
    pub node: NodeId,
    pub span: Span,
    pub body: &'s [Stmt],
    pub handlers: &'s [Handler],
    pub orelse: &'s [Stmt],
    pub finalbody: &'s [Stmt],
}

impl Body<'_, '_> {
    pub(super) fn try_statement(&mut self, parts: &Parts<'_>) {
        if parts.finalbody.is_empty() {
            self.try_except(parts);
        } else {
            self.try_finally(parts);
        }
    }

    /// Statements whose exceptions lead to a handler.
    fn protect(
        &mut self,
        node: NodeId,
        place: u8,
        span: Span,
        action: impl FnOnce(&mut Self),
    ) -> Vec<St> {
        self.flow_to(node, place, span);
        self.protected.push(Protected { node, place, copy: self.copy });
        let (body, ()) = self.capture(action);
        self.protected.pop();
        body
    }

    fn try_except(&mut self, parts: &Parts<'_>) {
        let (node, span) = (parts.node, parts.span);
        if parts.handlers.is_empty() {
            self.block(parts.body);
            return;
        }
        self.check_yields(parts);
        let after = self.label();
        let caught = self.fresh(&Ty::Exception(exceptions::BASE));
        let (whole, ()) = self.capture(|this| {
            let body = this.protect(node, EXCEPT, span, |this| this.block(parts.body));
            let ended = this.env.take();
            this.enter(node, EXCEPT);
            let (handler, ()) = this.capture(|this| {
                for handler in parts.handlers {
                    this.handler(node, caught, handler, after);
                }
                let exception = Ex::local(caught, Ty::Exception(exceptions::BASE), span);
                let again = Op::Raise(Raise::Again(Box::new(exception)));
                this.evaluate(Ex::new(again, Ty::Never, span));
            });
            this.out.push(St::Try { body, caught, handler });
            this.env = ended;
            this.block(parts.orelse);
            this.flow_to(node, AFTER, span);
        });
        self.out.push(St::Block(after, whole));
        self.enter(node, AFTER);
    }

    /// Reports a `yield` where the end of a dropped generator would be caught.
    fn check_yields(&mut self, parts: &Parts<'_>) {
        let Some(span) = super::generators::first_yield(parts.body) else { return };
        let exit = self.exception("GeneratorExit");
        for handler in parts.handlers {
            let classes = match &handler.classes {
                None => vec![exceptions::BASE],
                Some(classes) => self.classes_of(classes).unwrap_or_default(),
            };
            let known = &self.program.types.exceptions;
            if classes.iter().any(|class| known.is_subclass(exit, *class)) {
                self.refuse_yield(span);
                return;
            }
        }
    }

    /// One `except`: if it takes the exception, control does not come back.
    fn handler(&mut self, node: NodeId, caught: LocalId, handler: &Handler, after: Label) {
        let span = handler.span;
        if self.env.is_none() {
            return;
        }
        let classes = match &handler.classes {
            None => vec![exceptions::BASE],
            Some(classes) => self.classes_of(classes).unwrap_or_default(),
        };
        let known = &self.program.types.exceptions;
        let common = classes.iter().copied().reduce(|a, b| known.common(a, b));
        let class = common.unwrap_or(exceptions::BASE);
        let before = self.env.clone();
        let (taken, ()) = self.capture(|this| {
            let saved = this.fresh(&Ty::Raw);
            let (body, ()) = this.capture(|this| {
                this.handling.push(caught);
                this.handler_body(caught, class, handler);
                this.handling.pop();
            });
            this.out.push(St::Handling { exception: caught, saved, body });
            this.push(St::Clear(caught));
            this.flow_to(node, AFTER, span);
            this.push(St::Br(after));
        });
        if classes.contains(&exceptions::BASE) {
            self.out.extend(taken);
            self.env = None;
            return;
        }
        self.env = before;
        let exception = Ex::local(caught, Ty::Exception(exceptions::BASE), span);
        let test = Self::call_runtime(
            "exception_is",
            vec![exception, self.class_set(&classes, span)],
            Ty::Bool,
            span,
        );
        self.push(St::If(test, taken, Vec::new()));
    }

    /// The name is a variable of the handler's own: Python deletes it however the handler ends.
    fn handler_body(&mut self, caught: LocalId, class: u32, handler: &Handler) {
        let span = handler.span;
        let Some(name) = &handler.name else {
            self.block(&handler.body);
            return;
        };
        if let Some(outer) = self.variable(name) {
            self.unset_variable(outer, span);
        }
        let variable = SCOPED * 7 + handler.id as usize;
        self.names.insert(variable, name.clone());
        self.scopes.push(BTreeMap::from([(name.clone(), variable)]));
        let ty = Ty::Exception(class);
        self.set_variable(variable, Ex::local(caught, ty, span));
        self.block(&handler.body);
        self.scopes.pop();
        self.unset_variable(variable, span);
    }

    /// The classes that an `except` or `isinstance` names.
    pub(super) fn classes_of(&mut self, classes: &Expr) -> Option<Vec<u32>> {
        match &classes.kind {
            ExprKind::Name(name) => {
                let found = self.exception_class(name);
                if found.is_none() {
                    let message =
                        format!("`{name}` is not a class of exceptions that is known here");
                    let help =
                        "name builtin exceptions, or classes that derive from one and add nothing";
                    self.report(Code::Statement, classes.span, message, help);
                }
                found.map(|class| vec![class])
            }
            ExprKind::Tuple(items) => {
                let found: Vec<_> = items.iter().map(|item| self.classes_of(item)).collect();
                Some(found.into_iter().collect::<Option<Vec<_>>>()?.concat())
            }
            ExprKind::Error => None,
            _ => {
                let help =
                    "name builtin exceptions, or classes that derive from one and add nothing";
                self.report(
                    Code::Statement,
                    classes.span,
                    "this does not name a class of exceptions",
                    help,
                );
                None
            }
        }
    }

    /// The class of exceptions that a name stands for.
    pub(super) fn exception_class(&self, name: &str) -> Option<u32> {
        if self.variable(name).is_some() {
            return None;
        }
        let captured = self.captured(name);
        let name = match &captured {
            Some(Captured::Builtin(builtin)) => builtin,
            Some(Captured::Exception { classes, .. }) => {
                return classes.first().map(|(number, _)| CLASS_TABLE_BASE + number);
            }
            Some(_) => return None,
            None => name,
        };
        exceptions::class(name)
    }

    fn try_finally(&mut self, parts: &Parts<'_>) {
        let (node, span) = (parts.node, parts.span);
        let after = self.label();
        let caught = self.fresh(&Ty::Exception(exceptions::BASE));
        let saved = self.fresh(&Ty::Raw);
        let (copy, loops) = (self.copy, self.loops.len());
        let frame = Finally { node, copy, loops, ways: Vec::new(), returned: None };
        self.finals.push(frame);
        let (mut whole, ()) = self.capture(|this| {
            let body = this.protect(node, FINALLY, span, |this| this.try_except(parts));
            let ended = this.env.take();
            this.enter(node, FINALLY);
            let (handler, ()) = this.capture(|this| {
                let (cleanup, ()) = this.capture(|this| {
                    this.handling.push(caught);
                    this.cleanup(FINALLY, parts.finalbody);
                    this.handling.pop();
                });
                this.out.push(St::Handling { exception: caught, saved, body: cleanup });
                let exception = Ex::local(caught, Ty::Exception(exceptions::BASE), span);
                let again = Op::Raise(Raise::Again(Box::new(exception)));
                this.evaluate(Ex::new(again, Ty::Never, span));
            });
            this.out.push(St::Try { body, caught, handler });
            this.env = ended;
            this.cleanup(0, parts.finalbody);
            this.flow_to(node, AFTER_FINALLY, span);
            this.push(St::Br(after));
        });
        let Some(frame) = self.finals.pop() else { return };
        for (way, label) in frame.ways {
            let mut out = vec![St::Block(label, whole)];
            self.enter(node, way);
            let (leaving, ()) = self.capture(|this| {
                this.cleanup(way, parts.finalbody);
                match (way, frame.returned) {
                    (OUT_BREAK, _) => this.jump(BREAK, span),
                    (OUT_CONTINUE, _) => this.jump(CONTINUE, span),
                    (_, Some(returned)) => {
                        let ty = this.locals[returned].ty.clone();
                        this.leave_with(Ex::local(returned, ty, span));
                    }
                    _ => {}
                }
            });
            out.extend(leaving);
            whole = out;
        }
        self.out.push(St::Block(after, whole));
        self.enter(node, AFTER_FINALLY);
    }

    /// One copy of the statements of `finally`, outside of what it cleans up after.
    fn cleanup(&mut self, way: u8, finalbody: &[Stmt]) {
        if self.env.is_none() {
            return;
        }
        let inner = match self.finals.last() {
            Some(frame) if way == 0 || way == FINALLY => Some(frame.node),
            _ => None,
        };
        // While the body's own ways out are still being collected, these statements are not among it.
        let frame = inner.and_then(|_| self.finals.pop());
        let copy = self.copy;
        self.copy = copy.wrapping_mul(11).wrapping_add(u32::from(way) + 1);
        self.block(finalbody);
        self.copy = copy;
        self.finals.extend(frame);
    }

    /// Leaves by way of the innermost `finally`, if there is one. Says whether there is.
    fn leave_by(&mut self, way: u8, span: Span) -> bool {
        let Some(frame) = self.finals.last() else { return false };
        let (node, copy) = (frame.node, frame.copy);
        let known = frame.ways.iter().find(|(known, _)| *known == way).map(|(_, label)| *label);
        let label = known.unwrap_or_else(|| self.label());
        if known.is_none()
            && let Some(frame) = self.finals.last_mut()
        {
            frame.ways.push((way, label));
        }
        self.flow_out(copy, node, way, span);
        self.push(St::Br(label));
        self.env = None;
        true
    }

    /// `return` within `try`: the value waits for the statements of `finally`.
    pub(super) fn return_by_finally(&mut self, value: &Ex) -> bool {
        let Some(frame) = self.finals.last() else { return false };
        let ty = self.resolve(&value.ty);
        let known = frame.returned.filter(|local| self.locals[*local].ty == ty);
        let returned = known.unwrap_or_else(|| self.fresh(&ty));
        if let Some(frame) = self.finals.last_mut() {
            frame.returned = Some(returned);
        }
        self.push(St::Set(returned, value.clone()));
        self.leave_by(RETURN, value.span)
    }

    /// `break` or `continue` out of `try`.
    pub(super) fn jump_by_finally(&mut self, place: u8, span: Span) -> bool {
        let around = self.finals.last().is_some_and(|frame| frame.loops >= self.loops.len());
        around && self.leave_by(if place == BREAK { OUT_BREAK } else { OUT_CONTINUE }, span)
    }

    /// Leads out of a copy of the statements of `finally`, to a place around it.
    pub(super) fn flow_out(&mut self, copy: u32, node: NodeId, place: u8, span: Span) {
        let here = std::mem::replace(&mut self.copy, copy);
        self.flow_to(node, place, span);
        self.copy = here;
    }

    /// Leads what was assigned to the handler of the body it was assigned in.
    pub(super) fn lead_to_handler(&mut self, variable: VariableId, span: Span) {
        let Some(to) = self.protected.last().copied() else { return };
        let Some(env) = self.env.as_ref().filter(|_| variable < SCOPED) else { return };
        let new = env.get(&variable).cloned();
        let key = (self.instance, to.copy, to.node, to.place);
        let mut join = self.program.joins.remove(&key).unwrap_or_default();
        let known = join.state(variable);
        let met = match (known.clone(), new.clone()) {
            (Some(known), Some(new)) => Some(self.meet_states(&known, &new)),
            (Some(known), None) if known.set == Set::Always => {
                Some(State { set: Set::Sometimes, ..known })
            }
            (Some(known), None) => Some(known),
            (None, Some(new)) if new.set == Set::Always => {
                Some(State { set: Set::Sometimes, ..new })
            }
            (None, new) => new,
        };
        if met != known {
            self.program.changed = true;
        }
        if let Some(met) = &met {
            join.set_state(variable, met.clone());
        }
        self.program.joins.insert(key, join);
        let (Some(new), Some(met)) = (new, met) else { return };
        let (from, to) = (self.resolve(&new.ty), self.resolve(&met.ty));
        if from == to
            || matches!(new.set, Set::Conflict(..))
            || matches!(met.set, Set::Conflict(..))
        {
            return;
        }
        let source = self.slot(variable, &from);
        let destination = self.slot(variable, &to);
        let value = self.coerce(Ex::local(source, from, span), &to);
        self.push(St::Set(destination, value));
    }

    /// `raise exception from cause`.
    pub(super) fn raise_statement(
        &mut self,
        exception: Option<&Expr>,
        cause: Option<&Expr>,
        span: Span,
    ) {
        let Some(exception) = exception else {
            let raise = match self.handling.last() {
                Some(caught) => {
                    let caught = Ex::local(*caught, Ty::Exception(exceptions::BASE), span);
                    Raise::Again(Box::new(caught))
                }
                None => Raise::Handled,
            };
            self.evaluate(Ex::new(Op::Raise(raise), Ty::Never, span));
            return;
        };
        let reported = self.program.diagnostics.len();
        let raise = self.raised(exception, span);
        let Some(raise) = raise else {
            if self.program.diagnostics.len() == reported {
                return;
            }
            self.env = None;
            return;
        };
        let cause = match cause {
            // Without a handler there is no context to hide.
            Some(cause) if !self.program.catches && matches!(cause.kind, ExprKind::None) => None,
            other => other,
        };
        let Some(cause) = cause else {
            self.evaluate(Ex::new(Op::Raise(raise), Ty::Never, span));
            return;
        };
        let made = self.made(raise, span);
        let made = self.copy(made);
        let cause_value = match self.class_alone(cause) {
            Some(class) => self.made(Raise::Class(class), cause.span),
            None => self.expr(cause),
        };
        if matches!(cause_value.ty, Ty::Never | Ty::Error) {
            self.evaluate(cause_value);
            self.env = None;
            return;
        }
        let from = self.split(cause_value, &mut |this, cause| match this.resolve(&cause.ty) {
            Ty::None | Ty::Exception(_) => {
                Self::call_runtime("exception_from", vec![made.clone(), cause], Ty::None, span)
            }
            _ => {
                let class = this.exception("TypeError");
                Self::raise(class, "exception causes must derive from BaseException", span)
            }
        });
        self.evaluate(from);
        let raise = Raise::Object(Box::new(made));
        self.evaluate(Ex::new(Op::Raise(raise), Ty::Never, span));
    }

    /// The exception class that an expression is.
    fn class_alone(&self, expression: &Expr) -> Option<u32> {
        match &expression.kind {
            ExprKind::Name(name) => self.exception_class(name),
            _ => None,
        }
    }

    /// What is to be raised as an object.
    fn made(&mut self, raise: Raise, span: Span) -> Ex {
        match raise {
            Raise::Object(exception) => *exception,
            raise => {
                let class = match &raise {
                    Raise::Class(class) | Raise::Value(class, _) | Raise::Arguments(class, _) => {
                        *class
                    }
                    _ => exceptions::BASE,
                };
                Ex::new(Op::NewException(raise), Ty::Exception(class), span)
            }
        }
    }

    /// What `raise` is given. Nothing if it is never reached, or was reported.
    fn raised(&mut self, exception: &Expr, span: Span) -> Option<Raise> {
        if let Some(class) = self.class_alone(exception) {
            self.check_peculiar(class, 0, exception.span);
            return Some(Raise::Class(class));
        }
        if let ExprKind::Call { function, arguments, keywords } = &exception.kind
            && let Some(class) = self.class_alone(function)
        {
            return match self.raise_of(class, arguments, keywords, span) {
                Ok(raise) => Some(raise),
                Err(other) => {
                    let is_never = other.ty == Ty::Never;
                    self.evaluate(other);
                    if !is_never {
                        self.env = None;
                    }
                    None
                }
            };
        }
        let value = match &exception.kind {
            ExprKind::Name(name) if self.variable(name).is_some() => self.expr(exception),
            ExprKind::Name(_) | ExprKind::Attribute(..) => {
                self.not_an_exception(exception.span);
                return None;
            }
            ExprKind::Call { function, .. } if matches!(function.kind, ExprKind::Attribute(..)) => {
                self.not_an_exception(exception.span);
                return None;
            }
            _ => self.expr(exception),
        };
        match self.resolve(&value.ty) {
            Ty::Exception(_) => Some(Raise::Object(Box::new(value))),
            Ty::Never | Ty::Error => {
                self.evaluate(value);
                self.env = None;
                None
            }
            Ty::Union(members) if members.iter().any(|it| matches!(it, Ty::Exception(_))) => {
                let raised = self.split(value, &mut |this, value| {
                    if let Ty::Exception(_) = this.resolve(&value.ty) {
                        return Ex::new(Op::Raise(Raise::Object(Box::new(value))), Ty::Never, span);
                    }
                    let class = this.exception("TypeError");
                    Self::raise(class, "exceptions must derive from BaseException", span)
                });
                self.evaluate(raised);
                self.env = None;
                None
            }
            _ => {
                self.not_an_exception(exception.span);
                None
            }
        }
    }

    fn not_an_exception(&mut self, span: Span) {
        let message = "this is not an exception that can be raised here";
        let help =
            "raise a builtin exception, or of a class that derives from one and adds nothing";
        self.report(Code::Statement, span, message, help);
    }

    /// Arguments of an exception, evaluated; or what they come to instead.
    fn raise_of(
        &mut self,
        class: u32,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Result<Raise, Ex> {
        if let Some((name, value)) = keywords.first() {
            let message = format!("the keyword argument `{name}` is not supported here");
            self.report(Code::Arguments, value.span, message, "");
        }
        self.check_peculiar(class, arguments.len(), span);
        let mut values = Vec::new();
        for argument in arguments {
            let value = self.expr(argument);
            let value =
                if values.is_empty() && arguments.len() == 1 { value } else { self.keep(value) };
            if let Ty::Exception(_) = self.resolve(&value.ty) {
                let message = "an exception as an argument of another is not supported";
                let help = "chain them with `raise ... from`, or pass `str(...)` of it";
                return Err(self.fail(Code::Arguments, argument.span, message, help));
            }
            if self.resolve(&value.ty).has_special() {
                let message = "an exception cannot carry this value";
                let help = "make text of it: `str(...)`";
                return Err(self.fail(Code::Operand, argument.span, message, help));
            }
            values.push(value);
        }
        let operands: Vec<&Ex> = values.iter().collect();
        if let Some(trivial) = self.trivial(&operands, span) {
            return Err(trivial);
        }
        Ok(match values.len() {
            0 => Raise::Class(class),
            1 => Raise::Value(class, Box::new(values.remove(0))),
            _ => {
                let ty = Ty::Tuple(values.iter().map(|value| value.ty.clone()).collect());
                let tuple = Ex::new(Op::NewTuple(values), ty, span);
                Raise::Arguments(class, Box::new(tuple))
            }
        })
    }

    /// Reports exceptions that are more than their class and arguments, where that would show.
    fn check_peculiar(&mut self, class: u32, arguments: usize, span: Span) {
        if !self.program.catches {
            return;
        }
        let classes = &self.program.types.exceptions;
        let is =
            |name: &&str| exceptions::class(name).is_some_and(|of| classes.is_subclass(class, of));
        let numbered = is(&"OSError") && arguments > 1;
        if numbered || PECULIAR.iter().any(&is) || is(&"ExceptionGroup") {
            let name = classes.name(class);
            let message = format!("`{name}` of these arguments is not supported beside `try`");
            let help = "give it a message alone, or raise another exception";
            self.report(Code::Arguments, span, message, help);
        }
    }

    /// `ValueError(...)` that is not raised at once.
    pub(super) fn exception_call(
        &mut self,
        class: u32,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Ex {
        match self.capture(|this| this.raise_of(class, arguments, keywords, span)) {
            (before, Ok(raise)) => {
                let made = self.made(raise, span);
                Self::seq(before, made)
            }
            (before, Err(other)) => Self::seq(before, other),
        }
    }

    /// `str(exception)`, or `repr(exception)`.
    pub(super) fn exception_text(&self, exception: Ex, repr: bool, span: Span) -> Ex {
        if repr {
            return Self::call_runtime(
                "exception_repr",
                vec![exception, self.class_names_text(span)],
                Ty::Str,
                span,
            );
        }
        let quoting = self.class_set(&[self.exception("KeyError")], span);
        Self::call_runtime("exception_str", vec![exception, quoting], Ty::Str, span)
    }

    /// Classes and all that derive from them.
    fn class_set(&self, classes: &[u32], span: Span) -> Ex {
        let bits = self.program.types.exceptions.set_of(classes);
        Ex::new(Op::Static(Literal::Bytes(bits)), Ty::Bytes, span)
    }

    /// The names of all classes.
    fn class_names_text(&self, span: Span) -> Ex {
        let names = self.program.types.exceptions.names();
        Ex::new(Op::Static(Literal::Bytes(names)), Ty::Bytes, span)
    }

    /// `isinstance(exception, classes)`
    pub(super) fn exception_is(&self, exception: Ex, classes: &[u32], span: Span) -> Ex {
        Self::call_runtime(
            "exception_is",
            vec![exception, self.class_set(classes, span)],
            Ty::Bool,
            span,
        )
    }

    /// `exception.args[index]`, `len(exception.args)`, `type(exception).__name__`: nothing if an expression is none of these.
    pub(super) fn exception_part(&mut self, expression: &Expr, guess: Option<&Ty>) -> Option<Ex> {
        let span = expression.span;
        match &expression.kind {
            ExprKind::Subscript(base, index) => {
                let exception = self.args_of(base)?;
                let exception = self.keep(exception);
                let index = self.expr(index);
                if let Some(trivial) = self.trivial(&[&index], span) {
                    return Some(trivial);
                }
                if !matches!(self.resolve(&index.ty), Ty::Int | Ty::Bool) {
                    let help = "index it by a number";
                    return Some(self.fail(
                        Code::Operand,
                        span,
                        "this use of `args` is not supported",
                        help,
                    ));
                }
                let index = Self::to_int(index);
                let ty = guess.cloned().unwrap_or(Ty::Str);
                let arguments =
                    vec![Argument::Ex(exception), Argument::Ex(index), Argument::Desc(ty.clone())];
                Some(Self::runtime("exception_argument", arguments, ty, span))
            }
            ExprKind::Call { function, arguments, keywords } if keywords.is_empty() => {
                let (ExprKind::Name(name), [argument]) = (&function.kind, arguments.as_slice())
                else {
                    return None;
                };
                if !self.is_builtin(name, "len") {
                    return None;
                }
                let exception = self.args_of(argument)?;
                Some(Self::call_runtime("exception_length", vec![exception], Ty::Int, span))
            }
            ExprKind::Attribute(base, name) if name == "__name__" || name == "__qualname__" => {
                let subject = match &base.kind {
                    ExprKind::Attribute(subject, class) if class == "__class__" => subject,
                    ExprKind::Call { function, arguments, .. } => {
                        match (&function.kind, arguments.as_slice()) {
                            (ExprKind::Name(name), [subject]) if self.is_builtin(name, "type") => {
                                subject
                            }
                            _ => return None,
                        }
                    }
                    ExprKind::Name(_) if self.is_told_class(base) => base,
                    _ => return None,
                };
                let exception = self.exception_named(subject)?;
                Some(Self::call_runtime(
                    "exception_name",
                    vec![exception, self.class_names_text(span)],
                    Ty::Str,
                    span,
                ))
            }
            _ => None,
        }
    }

    /// The exception whose `args` an expression is.
    fn args_of(&mut self, expression: &Expr) -> Option<Ex> {
        match &expression.kind {
            ExprKind::Attribute(base, name) if name == "args" => self.exception_named(base),
            _ => None,
        }
    }

    /// The exception in a variable.
    fn exception_named(&mut self, expression: &Expr) -> Option<Ex> {
        let ExprKind::Name(name) = &expression.kind else { return None };
        let variable = self.variable(name)?;
        let state = self.env.as_ref()?.get(&variable)?;
        matches!(self.resolve(&state.ty), Ty::Exception(_)).then(|| self.expr(expression))
    }
}

/// Whether values of a type are or hold exceptions.
pub(super) fn holds_exception(ty: &Ty) -> bool {
    match ty {
        Ty::Exception(_) => true,
        Ty::List(a) | Ty::Set(a) | Ty::VTuple(a) => holds_exception(a),
        Ty::Dict(a, b) => holds_exception(a) || holds_exception(b),
        Ty::Tuple(items) | Ty::Union(items) => items.iter().any(holds_exception),
        _ => false,
    }
}

/// Whether an expression puts an exception into a container, or asks of it what only values have.
pub(super) fn misuses_exceptions(expression: &Ex) -> bool {
    let inside = match &expression.ty {
        Ty::Exception(_) => false,
        Ty::Union(members) => {
            members.iter().any(|it| !matches!(it, Ty::Exception(_)) && holds_exception(it))
        }
        other => holds_exception(other),
    };
    let described =
        |argument: &Argument| matches!(argument, Argument::Desc(ty) if holds_exception(ty));
    inside || matches!(&expression.op, Op::Runtime(_, arguments) if arguments.iter().any(described))
}
