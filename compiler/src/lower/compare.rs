//! Comparisons: `<`, `==`, `is`, `in`, and chains of them.

use super::Body;
use crate::abi::op;
use crate::ast::{Comparison, Expr, Operator, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Op, St};
use crate::request::Literal;
use crate::ty::{Special, Ty};

/// Ints of at most this size are floats exactly.
const EXACT_INT_MAX: i64 = 1 << 53;

impl Body<'_, '_> {
    pub(super) fn comparison(
        &mut self,
        left: &Expr,
        rest: &[(Comparison, Expr)],
        span: Span,
    ) -> Ex {
        if let [(Comparison::In | Comparison::NotIn, right)] = rest
            && let Some(found) = self.in_range(left, right, span)
        {
            return if rest[0].0 == Comparison::In { found } else { Self::not(found) };
        }
        let left = self.expr(left);
        self.chain(left, rest, span)
    }

    fn chain(&mut self, left: Ex, rest: &[(Comparison, Expr)], span: Span) -> Ex {
        let Some(((comparison, right), rest)) = rest.split_first() else { return left };
        let right = self.expr(right);
        if rest.is_empty() {
            return self.compare(*comparison, left, right, span);
        }
        if let Some(trivial) = self.trivial(&[&left, &right], span) {
            return trivial;
        }
        // `a < b < c` evaluates `b` once, and `c` only if `a < b`.
        let (mut before, left) = self.temp(left);
        let (more, right) = self.temp(right);
        before.extend(more);
        let first = self.compare(*comparison, left, right.clone(), span);
        let first = self.truth(first);
        let env = self.env.clone();
        let (statements, second) = self.capture(|this| this.chain(right, rest, span));
        if !self.has_walrus {
            self.env = env;
        }
        let second = Self::seq(statements, second);
        if let Some(trivial) = self.trivial(&[&first], span) {
            return trivial;
        }
        let result = self.choose(first, second, Ex::bool(false, span), span);
        Self::seq(before, result)
    }

    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        left: Ex,
        right: Ex,
        span: Span,
    ) -> Ex {
        if let Some(trivial) = self.trivial(&[&left, &right], span) {
            return trivial;
        }
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        match comparison {
            Comparison::Is => self.identity(left, right, span),
            Comparison::IsNot => Self::not(self.identity(left, right, span)),
            Comparison::In => self.contains(right, left, span),
            Comparison::NotIn => {
                let found = self.contains(right, left, span);
                if matches!(found.ty, Ty::Bool) { Self::not(found) } else { found }
            }
            _ if matches!(a, Ty::Union(_)) || matches!(b, Ty::Union(_)) => {
                self.split2(left, right, &mut |this, left, right| {
                    this.compare(comparison, left, right, span)
                })
            }
            _ if self.is_special(&left, &right) => {
                self.object_compare(comparison, left, right, span)
            }
            _ if a.is_number() && b.is_number() => {
                self.compare_numbers(comparison, left, right, span)
            }
            _ => self.compare_objects(comparison, left, right, span),
        }
    }

    fn compare_numbers(&mut self, comparison: Comparison, left: Ex, right: Ex, span: Span) -> Ex {
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        match (a == Ty::Float, b == Ty::Float) {
            (true, true) => Self::float_compare(comparison, left, right),
            (false, false) => {
                let mut result =
                    Self::int_compare(comparison, Self::to_int(left), Self::to_int(right));
                result.span = span;
                result
            }
            (false, true) => {
                let left = Self::to_int(left);
                if exact(&left) {
                    return Self::float_compare(comparison, Self::to_float(left), right);
                }
                let op = operator(comparison);
                let arguments = vec![Argument::Ex(left), Argument::Ex(right), Argument::Num(op)];
                Self::runtime("int_compare_float", arguments, Ty::Bool, span)
            }
            (true, false) => {
                let right = Self::to_int(right);
                if exact(&right) {
                    return Self::float_compare(comparison, left, Self::to_float(right));
                }
                let (mut before, left) = self.temp(left);
                let (more, right) = self.temp(right);
                before.extend(more);
                let op = operator(comparison.swapped());
                let arguments = vec![Argument::Ex(right), Argument::Ex(left), Argument::Num(op)];
                let result = Self::runtime("int_compare_float", arguments, Ty::Bool, span);
                Self::seq(before, result)
            }
        }
    }

    fn compare_objects(&mut self, comparison: Comparison, left: Ex, right: Ex, span: Span) -> Ex {
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        let equality = matches!(comparison, Comparison::Eq | Comparison::NotEq);
        if matches!(a, Ty::Special(..)) || matches!(b, Ty::Special(..)) {
            return self.special_compare(comparison, left, right, span);
        }
        if a.has_special() || b.has_special() {
            return self.special_inside(&a, span);
        }
        if a == Ty::Str && b == Ty::Str {
            if equality {
                let equal = match (letter(&left), letter(&right)) {
                    (_, Some(code)) => Self::is_letter(left, code, span),
                    (Some(code), None) => Self::is_letter(right, code, span),
                    _ => Self::call_runtime("str_eq", vec![left, right], Ty::Bool, span),
                };
                return if comparison == Comparison::Eq { equal } else { Self::not(equal) };
            }
            let order = Self::call_runtime("str_compare", vec![left, right], Ty::Int, span);
            return Self::int_compare(comparison, order, Ex::int(0, span));
        }
        let same_kind = a.kind() == b.kind();
        if equality && !same_kind {
            // Values of different kinds are never equal.
            let before = vec![St::Eval(left), St::Eval(right)];
            return Self::seq(before, Ex::bool(comparison == Comparison::NotEq, span));
        }
        if equality && a == Ty::None {
            let before = vec![St::Eval(left), St::Eval(right)];
            return Self::seq(before, Ex::bool(comparison == Comparison::Eq, span));
        }
        let ordered = matches!(
            a,
            Ty::Str | Ty::Bytes | Ty::List(_) | Ty::Tuple(_) | Ty::VTuple(_) | Ty::Set(_)
        );
        if !equality && !(same_kind && ordered) {
            let (left, right) = (a.python_name(), b.python_name());
            let sign = comparison.text();
            let message =
                format!("'{sign}' not supported between instances of '{left}' and '{right}'");
            return self.fail(Code::Operand, span, message, "");
        }
        if let Some(compared) = self.compare_tuples(comparison, &left, &right, span) {
            return compared;
        }
        let arguments = vec![
            Argument::Ex(left),
            Argument::Desc(a),
            Argument::Ex(right),
            Argument::Desc(b),
            Argument::Num(operator(comparison)),
        ];
        Self::runtime("compare", arguments, Ty::Bool, span)
    }

    /// Whether a text is one character of ASCII; none is made for `text[index]`.
    fn is_letter(text: Ex, code: u32, span: Span) -> Ex {
        let code = Argument::Num(code);
        match text.op {
            Op::Runtime("str_index", mut arguments) => {
                arguments.push(code);
                let mut found = Self::runtime("str_letter_at", arguments, Ty::Bool, span);
                found.span = text.span;
                found
            }
            _ => Self::runtime("str_is_letter", vec![Argument::Ex(text), code], Ty::Bool, span),
        }
    }

    fn identity(&mut self, left: Ex, right: Ex, span: Span) -> Ex {
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        if matches!(a, Ty::Union(_)) || matches!(b, Ty::Union(_)) {
            return self
                .split2(left, right, &mut |this, left, right| this.identity(left, right, span));
        }
        if a.kind() != b.kind() {
            return Self::seq(effects([left, right]), Ex::bool(false, span));
        }
        match a {
            Ty::None => Self::seq(effects([left, right]), Ex::bool(true, span)),
            Ty::Bool => Self::int_compare(Comparison::Eq, Self::to_int(left), Self::to_int(right)),
            Ty::Class(_) => Self::seq(vec![St::Eval(left), St::Eval(right)], Ex::bool(true, span)),
            Ty::List(_)
            | Ty::Dict(..)
            | Ty::Set(_)
            | Ty::Special(..)
            | Ty::Object(_)
            | Ty::Exception(_) => {
                Ex::new(Op::Same(Box::new(left), Box::new(right)), Ty::Bool, span)
            }
            _ => {
                let name = a.python_name();
                let message = format!("the identity of a `{name}` is not defined");
                self.fail(Code::Expression, span, message, "use `==`")
            }
        }
    }

    /// `x in range(...)`, without a loop or an object.
    fn in_range(&mut self, left: &Expr, right: &Expr, span: Span) -> Option<Ex> {
        let call = self.builtin_call(right).filter(|call| call.name == "range")?;
        let left = self.expr(left);
        if !matches!(left.ty, Ty::Int | Ty::Bool) {
            return None;
        }
        let (mut before, value) = self.temp(Self::to_int(left));
        let (setup, bounds) = self.capture(|this| this.range_bounds(&call));
        let [start, stop, step] = bounds?;
        before.extend(setup);
        let Op::Int(by) = step.op else { return None };
        let (low, high) = match by {
            0 => {
                let raise = Self::common(crate::abi::common::RANGE_STEP, span);
                return Some(Self::seq(before, raise));
            }
            1.. => (Comparison::GtE, Comparison::Lt),
            _ => (Comparison::LtE, Comparison::Gt),
        };
        let above = Self::int_compare(low, value.clone(), start.clone());
        let mut inside = Self::int_compare(high, value.clone(), stop);
        if by.abs() != 1 {
            let offset = Op::Int2(Operator::Sub, Box::new(value), Box::new(start));
            let offset = Ex::new(offset, Ty::Int, span);
            let rest = Op::Int2(Operator::Mod, Box::new(offset), Box::new(step));
            let rest = Ex::new(rest, Ty::Int, span);
            let hit = Self::int_compare(Comparison::Eq, rest, Ex::int(0, span));
            inside = self.choose(inside, hit, Ex::bool(false, span), span);
        }
        let found = self.choose(above, inside, Ex::bool(false, span), span);
        Some(Self::seq(before, found))
    }

    /// `value in container`; the value is evaluated first.
    fn contains(&mut self, container: Ex, value: Ex, span: Span) -> Ex {
        let (mut before, value) = self.temp(value);
        let (more, container) = self.temp(container);
        before.extend(more);
        let ty = self.resolve(&container.ty);
        let value_ty = self.resolve(&value.ty);
        let found = match (&ty, &value_ty) {
            (Ty::Union(_), _) => self.split(container, &mut |this, container| {
                this.contains(container, value.clone(), span)
            }),
            (Ty::Special(Special::Deque, _), _) => {
                let values = vec![container, value];
                let found = self.special_operation(Special::Deque, "contains", values, span);
                found.unwrap_or_else(|| Self::error(span))
            }
            (Ty::Special(..), _) => {
                let container = self.bare(container);
                self.contains(container, value, span)
            }
            (Ty::Object(_), _) if self.program.is_generator(&ty) => {
                self.is_yielded(container, value.clone(), span)
            }
            (Ty::Object(_) | Ty::Class(_), _) => {
                self.special_contains(container, value.clone(), span)
            }
            (Ty::Set(_) | Ty::Dict(..) | Ty::Str | Ty::Bytes, Ty::Union(_)) => {
                self.split(value, &mut |this, value| this.contains(container.clone(), value, span))
            }
            (Ty::List(_) | Ty::VTuple(_), _) if ty.has_special() => self.special_inside(&ty, span),
            (Ty::List(_) | Ty::VTuple(_), _) => {
                let arguments = vec![
                    Argument::Ex(container),
                    Argument::Desc(ty.clone()),
                    Argument::Ex(value),
                    Argument::Desc(value_ty),
                ];
                Self::runtime("list_contains", arguments, Ty::Bool, span)
            }
            (Ty::Str, Ty::Str) => {
                Self::call_runtime("str_contains", vec![container, value], Ty::Bool, span)
            }
            (Ty::Bytes, Ty::Bytes) => {
                Self::call_runtime("bytes_contains", vec![container, value], Ty::Bool, span)
            }
            (Ty::Bytes, Ty::Int | Ty::Bool) => {
                let arguments = vec![container, Self::to_int(value)];
                Self::call_runtime("bytes_contains_int", arguments, Ty::Bool, span)
            }
            (Ty::Set(element) | Ty::Dict(element, _), _) => {
                let element = element.as_ref().clone();
                match self.as_key(value.clone(), &element, span) {
                    None => Ex::bool(false, span),
                    Some(key) if matches!(ty, Ty::Set(_)) => {
                        let arguments = vec![
                            Argument::Ex(container),
                            Argument::Desc(ty.clone()),
                            Argument::Ex(key),
                        ];
                        Self::runtime("set_contains", arguments, Ty::Bool, span)
                    }
                    Some(key) => {
                        let arguments = vec![
                            Argument::Ex(container),
                            Argument::Desc(ty.clone()),
                            Argument::Ex(key),
                        ];
                        let at = Self::runtime("dict_find", arguments, Ty::Raw, span);
                        let zero = Ex::new(Op::Int(0), Ty::Raw, span);
                        let less = Op::RawLess(Box::new(zero), Box::new(at));
                        Ex::new(less, Ty::Bool, span)
                    }
                }
            }
            (Ty::Tuple(items), _) => {
                let mut result = Ex::bool(false, span);
                for (index, item) in items.iter().enumerate().rev() {
                    let get = Op::TupleGet(Box::new(container.clone()), index);
                    let get = Ex::new(get, item.clone(), span);
                    let equal = self.compare(Comparison::Eq, get, value.clone(), span);
                    let equal = self.truth(equal);
                    if matches!(equal.ty, Ty::Error) {
                        return equal;
                    }
                    result = self.choose(equal, Ex::bool(true, span), result, span);
                }
                result
            }
            (Ty::Str, _) => {
                let name = value_ty.python_name();
                let message = format!("'in <string>' requires string as left operand, not {name}");
                self.fail(Code::Operand, span, message, "")
            }
            _ => {
                let message = format!("argument of type '{}' is not iterable", ty.python_name());
                self.fail(Code::Operand, span, message, "")
            }
        };
        Self::seq(before, found)
    }

    /// A value as a key to look up: nothing if no key can equal it.
    fn as_key(&mut self, value: Ex, element: &Ty, span: Span) -> Option<Ex> {
        let element = self.resolve(element);
        let value_ty = self.resolve(&value.ty);
        match (&element, &value_ty) {
            (Ty::Int, Ty::Bool) => Some(Self::to_int(value)),
            (Ty::Float, Ty::Int | Ty::Bool) if exact(&Self::to_int(value.clone())) => {
                Some(Self::to_float(value))
            }
            _ if element.is_number() && value_ty.is_number() && element != value_ty => {
                let (a, b) = (self.show(&element), self.show(&value_ty));
                let message = format!("cannot look up `{b}` among keys of type `{a}`");
                Some(self.fail(Code::Operand, span, message, "convert it first"))
            }
            _ => match self.program.types.unify(&element, &value_ty) {
                Ok(_) => Some(value),
                Err(_) => None,
            },
        }
    }
}

/// The code of a constant that is one character of ASCII.
fn letter(value: &Ex) -> Option<u32> {
    let Op::Static(Literal::Str(text)) = &value.op else { return None };
    match text.as_bytes() {
        [byte] => Some(u32::from(*byte)),
        _ => None,
    }
}

/// What evaluating values does beside giving them: of names and constants, nothing.
fn effects(values: [Ex; 2]) -> Vec<St> {
    let idle =
        |value: &Ex| matches!(value.op, Op::None | Op::Local(_) | Op::Int(_) | Op::Static(_));
    values.into_iter().filter(|value| !idle(value)).map(St::Eval).collect()
}

/// Whether an int is certainly a float exactly.
fn exact(value: &Ex) -> bool {
    match &value.op {
        Op::Int(known) => (-EXACT_INT_MAX..=EXACT_INT_MAX).contains(known),
        Op::BoolToInt(_) | Op::Len(_) => true,
        _ => false,
    }
}

pub(super) fn operator(comparison: Comparison) -> u32 {
    match comparison {
        Comparison::Lt => op::LT,
        Comparison::LtE => op::LE,
        Comparison::NotEq => op::NE,
        Comparison::Gt => op::GT,
        Comparison::GtE => op::GE,
        _ => op::EQ,
    }
}
