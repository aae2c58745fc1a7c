//! Building blocks: temporaries, unions taken apart and put together, truth, runtime calls.

use super::{Body, ElementKey};
use crate::ast::{Comparison, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Interval, Op, Raise, St, Unary};
use crate::request::Literal;
use crate::ty::Ty;

impl Body<'_, '_> {
    /// Stands in for what was reported.
    pub(super) fn error(span: Span) -> Ex {
        Ex::new(Op::None, Ty::Error, span)
    }

    /// Stands in for what control does not reach.
    pub(super) fn unreachable(span: Span) -> Ex {
        let raise = Raise::Deopt(crate::abi::deopt::TYPE_NOT_PROVED);
        Ex::new(Op::Raise(raise), Ty::Never, span)
    }

    /// Reports, and gives the stand-in.
    pub(super) fn fail(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: &str,
    ) -> Ex {
        self.report(code, span, message, help);
        Self::error(span)
    }

    /// What an operation on these comes to without looking further: an error, or never.
    pub(super) fn trivial(&self, operands: &[&Ex], span: Span) -> Option<Ex> {
        if operands.iter().any(|operand| operand.ty == Ty::Error) {
            return Some(Self::error(span));
        }
        let never = operands.iter().position(|operand| operand.ty == Ty::Never)?;
        let mut before: Vec<Ex> =
            operands[..=never].iter().map(|operand| (*operand).clone()).collect();
        let last = before.pop()?;
        let before = before.into_iter().map(St::Eval).collect();
        Some(Ex::new(Op::Seq(before, Box::new(last)), Ty::Never, span))
    }

    /// A call of a runtime function.
    pub(super) fn runtime(name: &'static str, arguments: Vec<Argument>, ty: Ty, span: Span) -> Ex {
        Ex::new(Op::Runtime(name, arguments), ty, span)
    }

    /// A call of a runtime function that takes values only.
    pub(super) fn call_runtime(name: &'static str, values: Vec<Ex>, ty: Ty, span: Span) -> Ex {
        Self::runtime(name, values.into_iter().map(Argument::Ex).collect(), ty, span)
    }

    pub(super) fn text(text: &str, span: Span) -> Ex {
        Ex::new(Op::Static(Literal::Str(text.to_owned())), Ty::Str, span)
    }

    pub(super) fn common(which: u32, span: Span) -> Ex {
        Ex::new(Op::Raise(Raise::Common(which)), Ty::Never, span)
    }

    /// A value that can be read again and again: what comes first, and the reading.
    pub(super) fn temp(&mut self, value: Ex) -> (Vec<St>, Ex) {
        let again = matches!(
            value.op,
            Op::Local(_) | Op::Int(_) | Op::Float(_) | Op::Bool(_) | Op::None | Op::Static(_)
        );
        if again || matches!(value.ty, Ty::Never | Ty::Error) {
            return (Vec::new(), value);
        }
        let span = value.span;
        let ty = self.resolve(&value.ty);
        let local = self.fresh(&ty);
        (vec![St::Set(local, value)], Ex::local(local, ty, span))
    }

    /// Puts a value aside now, in program order.
    pub(super) fn keep(&mut self, value: Ex) -> Ex {
        let (before, value) = self.temp(value);
        for statement in before {
            self.push(statement);
        }
        value
    }

    /// `statements; value`.
    pub(super) fn seq(statements: Vec<St>, value: Ex) -> Ex {
        if statements.is_empty() {
            return value;
        }
        let (ty, span) = (value.ty.clone(), value.span);
        Ex::new(Op::Seq(statements, Box::new(value)), ty, span)
    }

    /// `if test: then else: other`, of one type.
    pub(super) fn choose(&mut self, test: Ex, then: Ex, other: Ex, span: Span) -> Ex {
        if let Op::Bool(known) = test.op {
            return if known { then } else { other };
        }
        let ty = match self.program.types.join(&then.ty, &other.ty) {
            Ok(ty) => ty,
            Err(mismatch) => {
                let (left, right) = (self.show(&mismatch.left), self.show(&mismatch.right));
                let message = format!("the value is `{left}` in one case and `{right}` in another");
                return self.fail(Code::MixedTypes, span, message, "make the types equal");
            }
        };
        let then = self.coerce(then, &ty);
        let other = self.coerce(other, &ty);
        Ex::new(Op::If(Box::new(test), Box::new(then), Box::new(other)), ty, span)
    }

    pub(super) fn int_compare(comparison: Comparison, left: Ex, right: Ex) -> Ex {
        let span = left.span;
        Ex::new(Op::IntCompare(comparison, Box::new(left), Box::new(right)), Ty::Bool, span)
    }

    pub(super) fn float_compare(comparison: Comparison, left: Ex, right: Ex) -> Ex {
        let span = left.span;
        Ex::new(Op::FloatCompare(comparison, Box::new(left), Box::new(right)), Ty::Bool, span)
    }

    pub(super) fn not(value: Ex) -> Ex {
        let span = value.span;
        match value.op {
            Op::Bool(known) => Ex::bool(!known, span),
            Op::Not(inner) => *inner,
            _ => Ex::new(Op::Not(Box::new(value)), Ty::Bool, span),
        }
    }

    pub(super) fn length(value: Ex) -> Ex {
        let span = value.span;
        if let Ty::Tuple(items) = &value.ty {
            let count = Ex::int(items.len() as i64, span);
            return Self::seq(vec![St::Eval(value)], count);
        }
        let mut length = Ex::new(Op::Len(Box::new(value)), Ty::Int, span);
        length.range = Interval::new(0, i64::from(u32::MAX));
        length
    }

    /// An int or bool as an int.
    pub(super) fn to_int(value: Ex) -> Ex {
        let span = value.span;
        match (&value.ty, &value.op) {
            (Ty::Bool, Op::Bool(known)) => Ex::int(i64::from(*known), span),
            (Ty::Bool, _) => Ex::new(Op::BoolToInt(Box::new(value)), Ty::Int, span),
            _ => value,
        }
    }

    /// A number as a float, rounded as `CPython` does.
    pub(super) fn to_float(value: Ex) -> Ex {
        let span = value.span;
        match (&value.ty, &value.op) {
            (Ty::Float, _) => value,
            (Ty::Int, Op::Int(known)) => Ex::new(Op::Float(*known as f64), Ty::Float, span),
            _ => Ex::new(Op::IntToFloat(Box::new(Self::to_int(value))), Ty::Float, span),
        }
    }

    pub(super) fn unary_op(operator: Unary, operand: Ex) -> Ex {
        let (ty, span) = (operand.ty.clone(), operand.span);
        Ex::new(Op::Unary(operator, Box::new(operand)), ty, span)
    }

    /// Whether a value is true.
    pub(super) fn truth(&mut self, value: Ex) -> Ex {
        let span = value.span;
        let ty = self.resolve(&value.ty);
        match ty {
            Ty::Bool | Ty::Never | Ty::Error => value,
            Ty::Int => {
                if let Op::Int(known) = value.op {
                    return Ex::bool(known != 0, span);
                }
                Self::int_compare(Comparison::NotEq, value, Ex::int(0, span))
            }
            Ty::Float => {
                let zero = Ex::new(Op::Float(0.0), Ty::Float, span);
                Self::float_compare(Comparison::NotEq, value, zero)
            }
            Ty::None => Self::seq(vec![St::Eval(value)], Ex::bool(false, span)),
            Ty::Special(..) => {
                let length = self.len_of(value, span);
                Self::int_compare(Comparison::NotEq, length, Ex::int(0, span))
            }
            Ty::Object(_) => self.special_truth(value),
            Ty::Class(_) => Ex::bool(true, span),
            Ty::Function(..) => Self::seq(vec![St::Eval(value)], Ex::bool(true, span)),
            Ty::Exception(_) => Self::seq(vec![St::Eval(value)], Ex::bool(true, span)),
            Ty::Union(_) => self.split(value, &mut |body, member| body.truth(member)),
            _ => Self::int_compare(Comparison::NotEq, Self::length(value), Ex::int(0, span)),
        }
    }

    /// Does something with a value whose type may be a union: once for each member. Where that
    /// is an error for some members only, Python raises when it meets one, and so do we.
    pub(super) fn split(&mut self, value: Ex, action: &mut dyn FnMut(&mut Self, Ex) -> Ex) -> Ex {
        let ty = self.resolve(&value.ty);
        let Ty::Union(members) = ty.clone() else { return action(self, value) };
        let span = value.span;
        let (before, value) = self.temp(value);
        let reported = self.program.diagnostics.len();
        let mut failed = Vec::new();
        let mut arms = Vec::new();
        for member in &members {
            let start = self.program.diagnostics.len();
            let projected = Ex::new(Op::Project(Box::new(value.clone())), member.clone(), span);
            let (statements, arm) = self.capture(|body| action(body, projected));
            let mut arm = Self::seq(statements, arm);
            let found = self.program.diagnostics.split_off(start);
            if !found.is_empty() {
                let type_errors = found.iter().all(|problem| problem.code == Code::Operand);
                if type_errors {
                    let class = self.exception("TypeError");
                    arm = Self::raise(class, &found[0].message, span);
                } else {
                    self.program.diagnostics.extend(found.clone());
                }
                failed.push(found);
            }
            arms.push((member.kind(), arm));
        }
        if failed.len() == members.len() {
            self.program.diagnostics.truncate(reported);
            self.program.diagnostics.extend(failed.remove(0));
            return Self::error(span);
        }
        let Some((_, mut result)) = arms.pop() else { return Self::error(span) };
        for (kind, arm) in arms.into_iter().rev() {
            let test = Ex::new(Op::TagIs(Box::new(value.clone()), kind), Ty::Bool, span);
            result = self.choose(test, arm, result, span);
        }
        Self::seq(before, result)
    }

    /// Does something with two values whose types may be unions.
    pub(super) fn split2(
        &mut self,
        left: Ex,
        right: Ex,
        action: &mut dyn FnMut(&mut Self, Ex, Ex) -> Ex,
    ) -> Ex {
        let (mut before, left) = self.temp(left);
        let (more, right) = self.temp(right);
        before.extend(more);
        let result = self.split(left, &mut |body, left| {
            let right = right.clone();
            body.split(right, &mut |body, right| action(body, left.clone(), right))
        });
        Self::seq(before, result)
    }

    /// A value as a type that holds it.
    pub(super) fn coerce(&mut self, value: Ex, to: &Ty) -> Ex {
        let (from, to) = (self.resolve(&value.ty), self.resolve(to));
        let span = value.span;
        match (&from, &to) {
            _ if from == to => value,
            (Ty::Never | Ty::Error, _) | (_, Ty::Error) => value,
            (Ty::Union(members), Ty::Union(wider))
                if members.iter().any(|m| !wider.contains(m)) =>
            {
                let (before, value) = self.temp(value);
                let converted = self.split(value, &mut |body, member| {
                    let inner = body.coerce(member, &to);
                    if body.resolve(&inner.ty) == to { inner } else { body.inject(inner, &to) }
                });
                Self::seq(before, converted)
            }
            (_, Ty::Union(wider)) => {
                let member = wider.iter().find(|member| member.kind() == from.kind()).cloned();
                let value = match member {
                    Some(member) if !matches!(from, Ty::Union(_)) => self.coerce(value, &member),
                    _ => value,
                };
                self.inject(value, &to)
            }
            (Ty::Tuple(old), Ty::Tuple(new)) if old.len() == new.len() => {
                let (before, tuple) = self.temp(value);
                let items = old.iter().zip(new).enumerate().map(|(index, (old, new))| {
                    let item = Op::TupleGet(Box::new(tuple.clone()), index);
                    self.coerce(Ex::new(item, old.clone(), span), new)
                });
                let items = items.collect();
                Self::seq(before, Ex::new(Op::NewTuple(items), to.clone(), span))
            }
            // The types found so far do not fit yet: another run follows.
            _ => Ex::new(value.op, to, span),
        }
    }

    fn inject(&mut self, value: Ex, to: &Ty) -> Ex {
        let span = value.span;
        Ex::new(Op::Inject(Box::new(value)), to.clone(), span)
    }

    /// The type of an element: an element of what is always empty is never there.
    pub(super) fn element(&self, ty: &Ty) -> Ty {
        match self.resolve(ty) {
            Ty::Var(_) => Ty::Never,
            other => other,
        }
    }

    /// What identifies an element here in every run, also when types begin anew.
    fn element_key(&self, span: Span) -> ElementKey {
        let instance = &self.program.instances[self.instance];
        let parameters = instance.parameters.iter().map(|ty| self.resolve(ty)).collect();
        (self.function, parameters, span)
    }

    /// An element as the type that it came to have before types began anew.
    fn widened(&mut self, value: Ex, span: Span) -> Ex {
        if self.program.widened.is_empty() {
            return value;
        }
        let Some(wide) = self.program.widened.get(&self.element_key(span)).cloned() else {
            return value;
        };
        let value_ty = self.resolve(&value.ty);
        match self.program.types.join(&wide, &value_ty) {
            Ok(joined) if joined == wide && value_ty != Ty::Never => self.coerce(value, &wide),
            _ => value,
        }
    }

    /// Types begin anew if an element turned out wider than it first seemed: in a loop, `total` is an
    /// int before it is a float. Says whether they do.
    fn widen(&mut self, span: Span, wide: &Ty) -> bool {
        let key = self.element_key(span);
        if !wide.is_known() || self.program.widened.get(&key) == Some(wide) {
            return false;
        }
        self.program.widened.insert(key, wide.clone());
        self.program.begins_anew = true;
        true
    }

    /// Makes an element fit a container, or reports that it does not.
    pub(super) fn fit(&mut self, value: Ex, element: &Ty, what: &str, span: Span) -> Ex {
        let value = self.widened(value, span);
        if matches!(value.ty, Ty::Class(_) | Ty::NotImplemented) {
            let message = format!("{what} cannot hold a class");
            return self.fail(
                Code::MixedElements,
                span,
                message,
                "name the class where it is used",
            );
        }
        if let Ok(ty) = self.program.types.unify(element, &value.ty) {
            return self.coerce(value, &ty);
        }
        let element = self.resolve(element);
        let value_ty = self.resolve(&value.ty);
        // A tuple or an optional element may be widened to what the container holds.
        if let Ok(joined) = self.program.types.join(&element, &value_ty)
            && joined == element
        {
            return self.coerce(value, &element);
        }
        if let Ok(joined) = self.program.types.join(&element, &value_ty)
            && joined == value_ty
            && self.widen(span, &value_ty)
        {
            return Self::error(span);
        }
        let (old, new) = (self.show(&element), self.show(&value_ty));
        let message = format!("{what} of `{old}` cannot also hold `{new}`");
        let help = match (&element, &value_ty) {
            (Ty::Int | Ty::Bool, Ty::Float) => "make all elements floats, e.g. start from `0.0`",
            (Ty::Float, Ty::Int | Ty::Bool) => "convert it with `float(...)`",
            (Ty::Bool, Ty::Int) | (Ty::Int, Ty::Bool) => {
                "convert one with `int(...)` or `bool(...)`"
            }
            _ => "keep values of different types in different containers, or in tuples",
        };
        self.fail(Code::MixedElements, span, message, help)
    }
}
