//! Arithmetic, by the types of the operands.

use super::Body;
use crate::abi::{common, setop};
use crate::ast::{Comparison, Operator, Span, UnaryOperator};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Op, St, Unary};
use crate::ty::Ty;

impl Body<'_, '_> {
    pub(super) fn unary(&mut self, operator: UnaryOperator, operand: Ex, span: Span) -> Ex {
        if let Some(trivial) = self.trivial(&[&operand], span) {
            return trivial;
        }
        let ty = self.resolve(&operand.ty);
        match (operator, &ty) {
            (_, Ty::Union(_)) => {
                self.split(operand, &mut |this, operand| this.unary(operator, operand, span))
            }
            (_, Ty::Object(_)) => self.special_unary(operator, operand, span),
            (UnaryOperator::Pos, Ty::Int | Ty::Float) => operand,
            (UnaryOperator::Pos, Ty::Bool) => Self::to_int(operand),
            (UnaryOperator::Neg, Ty::Float) => {
                if let Op::Float(value) = operand.op {
                    return Ex::new(Op::Float(-value), Ty::Float, span);
                }
                Ex::new(Op::Unary(Unary::FloatNeg, Box::new(operand)), Ty::Float, span)
            }
            (UnaryOperator::Neg, Ty::Int | Ty::Bool) => {
                let operand = Self::to_int(operand);
                if let Op::Int(value) = operand.op
                    && let Some(negated) = value.checked_neg()
                {
                    return Ex::int(negated, span);
                }
                Ex::new(Op::Unary(Unary::IntNeg, Box::new(operand)), Ty::Int, span)
            }
            (UnaryOperator::Invert, Ty::Int | Ty::Bool) => {
                let operand = Self::to_int(operand);
                Ex::new(Op::Unary(Unary::IntInvert, Box::new(operand)), Ty::Int, span)
            }
            _ => {
                let sign = match operator {
                    UnaryOperator::Neg => "-",
                    UnaryOperator::Pos => "+",
                    UnaryOperator::Invert => "~",
                };
                let message = format!("bad operand type for unary {sign}: '{}'", ty.python_name());
                self.fail(Code::Operand, span, message, "")
            }
        }
    }

    pub(super) fn binary(&mut self, operator: Operator, left: Ex, right: Ex, span: Span) -> Ex {
        if let Some(trivial) = self.trivial(&[&left, &right], span) {
            return trivial;
        }
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        if matches!(a, Ty::Union(_)) || matches!(b, Ty::Union(_)) {
            return self.split2(left, right, &mut |this, left, right| {
                this.binary(operator, left, right, span)
            });
        }
        if self.is_special(&left, &right) {
            return self.object_binary(operator, left, right, span);
        }
        if a.is_number() && b.is_number() {
            let floats = a == Ty::Float || b == Ty::Float;
            return if floats {
                self.float_binary(operator, left, right, span)
            } else {
                self.int_binary(operator, left, right, span)
            };
        }
        if let Some(made) = self.special_binary(operator, &left, &right, span) {
            return made;
        }
        self.container_binary(operator, left, right, span)
    }

    fn unsupported(
        &mut self,
        operator: Operator,
        a: &Ty,
        b: &Ty,
        augmented: bool,
        span: Span,
    ) -> Ex {
        let equals = if augmented { "=" } else { "" };
        let sign = match operator {
            Operator::Pow if !augmented => "** or pow()",
            _ => operator.text(),
        };
        let (left, right) = (a.python_name(), b.python_name());
        let message = match (operator, a, b) {
            (Operator::Add, Ty::Str, _) => {
                format!("can only concatenate str (not \"{right}\") to str")
            }
            (Operator::Add, Ty::List(_), _) => {
                format!("can only concatenate list (not \"{right}\") to list")
            }
            (Operator::Add, Ty::Tuple(_) | Ty::VTuple(_), _) => {
                format!("can only concatenate tuple (not \"{right}\") to tuple")
            }
            (Operator::Mul, Ty::Str | Ty::List(_) | Ty::Tuple(_) | Ty::Bytes, _) => {
                format!("can't multiply sequence by non-int of type '{right}'")
            }
            _ => format!("unsupported operand type(s) for {sign}{equals}: '{left}' and '{right}'"),
        };
        let help = match (operator, a, b) {
            (Operator::Mod, Ty::Str | Ty::Bytes, _) => "use an f-string",
            (Operator::Add, Ty::Str, _) => "convert it with `str(...)`",
            _ => "",
        };
        self.fail(Code::Operand, span, message, help)
    }

    fn float_binary(&mut self, operator: Operator, left: Ex, right: Ex, span: Span) -> Ex {
        let names = (self.resolve(&left.ty), self.resolve(&right.ty));
        match operator {
            Operator::Add | Operator::Sub | Operator::Mul | Operator::Div => {
                let (left, right) = (Self::to_float(left), Self::to_float(right));
                Ex::new(Op::Float2(operator, Box::new(left), Box::new(right)), Ty::Float, span)
            }
            Operator::FloorDiv | Operator::Mod => {
                let (left, right) = (Self::to_float(left), Self::to_float(right));
                let name = if operator == Operator::Mod { "float_mod" } else { "float_floordiv" };
                Self::call_runtime(name, vec![left, right], Ty::Float, span)
            }
            Operator::Pow => self.float_power(left, right, span),
            _ => self.unsupported(operator, &names.0, &names.1, false, span),
        }
    }

    fn float_power(&mut self, left: Ex, right: Ex, span: Span) -> Ex {
        let square = matches!(right.op, Op::Int(2)) || matches!(right.op, Op::Float(2.0));
        let (left, right) = (Self::to_float(left), Self::to_float(right));
        if !square {
            return Self::call_runtime("float_pow", vec![left, right], Ty::Float, span);
        }
        // A product that is finite is what `pow` gives; the rest may have to raise.
        let (mut before, base) = self.temp(left);
        let product = Op::Float2(Operator::Mul, Box::new(base.clone()), Box::new(base.clone()));
        let (more, product) = self.temp(Ex::new(product, Ty::Float, span));
        before.extend(more);
        let infinity = Ex::new(Op::Float(f64::INFINITY), Ty::Float, span);
        let finite = Self::float_compare(Comparison::Lt, product.clone(), infinity);
        let exact = Self::call_runtime("float_pow", vec![base, right], Ty::Float, span);
        let result = self.choose(finite, product, exact, span);
        Self::seq(before, result)
    }

    fn int_binary(&mut self, operator: Operator, left: Ex, right: Ex, span: Span) -> Ex {
        let bits = matches!(operator, Operator::BitAnd | Operator::BitOr | Operator::BitXor);
        if bits && left.ty == Ty::Bool && right.ty == Ty::Bool {
            return Ex::new(Op::Int2(operator, Box::new(left), Box::new(right)), Ty::Bool, span);
        }
        let (left, right) = (Self::to_int(left), Self::to_int(right));
        if let (Op::Int(a), Op::Int(b)) = (&left.op, &right.op)
            && let Some(value) = fold(operator, *a, *b)
        {
            return Ex::int(value, span);
        }
        match (operator, &right.op) {
            (Operator::Div, _) => {
                Ex::new(Op::Int2(operator, Box::new(left), Box::new(right)), Ty::Float, span)
            }
            (Operator::Pow, Op::Int(2)) => {
                let (before, base) = self.temp(left);
                let product = Op::Int2(Operator::Mul, Box::new(base.clone()), Box::new(base));
                Self::seq(before, Ex::new(product, Ty::Int, span))
            }
            (Operator::Pow, Op::Int(..=-1)) => {
                Self::call_runtime("int_pow_float", vec![left, right], Ty::Float, span)
            }
            (Operator::Pow, _) => Self::call_runtime("int_pow", vec![left, right], Ty::Int, span),
            _ => Ex::new(Op::Int2(operator, Box::new(left), Box::new(right)), Ty::Int, span),
        }
    }

    fn container_binary(&mut self, operator: Operator, left: Ex, right: Ex, span: Span) -> Ex {
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        let whole = |ty: &Ty| matches!(ty, Ty::Int | Ty::Bool);
        match (operator, &a, &b) {
            (Operator::Add, Ty::Str, Ty::Str) => {
                Self::call_runtime("str_concat", vec![left, right], Ty::Str, span)
            }
            (Operator::Add, Ty::Bytes, Ty::Bytes) => {
                Self::call_runtime("bytes_concat", vec![left, right], Ty::Bytes, span)
            }
            (Operator::Add, Ty::List(_), Ty::List(_))
            | (Operator::Add, Ty::VTuple(_), Ty::VTuple(_)) => {
                let right = self.fit(right, &a, "a list", span);
                if right.ty == Ty::Error {
                    return right;
                }
                let a = self.resolve(&a);
                let arguments =
                    vec![Argument::Ex(left), Argument::Desc(a.clone()), Argument::Ex(right)];
                Self::runtime("list_concat", arguments, a, span)
            }
            (Operator::Add, Ty::Tuple(first), Ty::Tuple(second)) => {
                let (mut before, left) = self.temp(left);
                let (more, right) = self.temp(right);
                before.extend(more);
                let mut items = Vec::new();
                for (tuple, types) in [(left, first), (right, second)] {
                    for (index, ty) in types.iter().enumerate() {
                        let get = Op::TupleGet(Box::new(tuple.clone()), index);
                        items.push(super::iterate::Item::One(Ex::new(get, ty.clone(), span)));
                    }
                }
                let tuple = self.item_value(super::iterate::Item::Many(items), span);
                Self::seq(before, tuple)
            }
            (Operator::Mul, _, count) if whole(count) => self.repeat(left, right, span),
            (Operator::Mul, count, _) if whole(count) => {
                let (before, count) = self.temp(left);
                let repeated = self.repeat(right, count, span);
                Self::seq(before, repeated)
            }
            (_, Ty::Set(_), Ty::Set(_)) if set_operator(operator).is_some() => {
                let right = self.fit(right, &a, "a set", span);
                let (a, op) = (self.resolve(&a), set_operator(operator).unwrap_or_default());
                let mut arguments = vec![Argument::Ex(left), Argument::Desc(a.clone())];
                arguments.extend([Argument::Ex(right), Argument::Num(op)]);
                Self::runtime("set_op", arguments, a, span)
            }
            (Operator::BitOr, Ty::Dict(..), Ty::Dict(..)) => {
                let right = self.fit(right, &a, "a dict", span);
                let a = self.resolve(&a);
                let desc = || Argument::Desc(a.clone());
                let (mut before, left) = self.temp(left);
                let (more, right) = self.temp(right);
                before.extend(more);
                let copy =
                    Self::runtime("table_copy", vec![Argument::Ex(left), desc()], a.clone(), span);
                let (more, copy) = self.temp(copy);
                before.extend(more);
                let arguments = vec![Argument::Ex(copy.clone()), desc(), Argument::Ex(right)];
                before.push(St::Eval(Self::runtime("dict_update", arguments, Ty::None, span)));
                Self::seq(before, copy)
            }
            _ => self.unsupported(operator, &a, &b, false, span),
        }
    }

    /// `sequence * count`.
    fn repeat(&mut self, sequence: Ex, count: Ex, span: Span) -> Ex {
        let ty = self.resolve(&sequence.ty);
        let count = Self::to_int(count);
        match &ty {
            Ty::Str => Self::call_runtime("str_repeat", vec![sequence, count], Ty::Str, span),
            Ty::Bytes => Self::call_runtime("bytes_repeat", vec![sequence, count], Ty::Bytes, span),
            Ty::List(_) | Ty::VTuple(_) => {
                let arguments =
                    vec![Argument::Ex(sequence), Argument::Desc(ty.clone()), Argument::Ex(count)];
                Self::runtime("list_repeat", arguments, ty, span)
            }
            Ty::Tuple(items) => {
                let Op::Int(times @ 0..=64) = count.op else {
                    let message = "a tuple can only be repeated a small constant number of times";
                    return self.fail(Code::Operand, span, message, "use a list");
                };
                let (before, tuple) = self.temp(sequence);
                let mut values = Vec::new();
                for _ in 0..times {
                    for (index, item) in items.iter().enumerate() {
                        let get = Op::TupleGet(Box::new(tuple.clone()), index);
                        values.push(super::iterate::Item::One(Ex::new(get, item.clone(), span)));
                    }
                }
                let tuple = self.item_value(super::iterate::Item::Many(values), span);
                Self::seq(before, tuple)
            }
            _ => self.unsupported(Operator::Mul, &ty, &Ty::Int, false, span),
        }
    }

    /// Augmented assignments that change the object instead of making a new one.
    pub(super) fn in_place(
        &mut self,
        operator: Operator,
        old: &Ex,
        value: &Ex,
        span: Span,
    ) -> Option<Ex> {
        if matches!(value.ty, Ty::Never | Ty::Error) {
            return None;
        }
        let a = self.resolve(&old.ty);
        let desc = || Argument::Desc(a.clone());
        match (operator, &a) {
            (Operator::Add, Ty::List(_)) => {
                let Some(other) = self.as_list(value.clone(), span) else {
                    return Some(Self::error(span));
                };
                Some(self.extend(old, other, span))
            }
            (Operator::Mul, Ty::List(_)) => {
                let count = self.index_value(value.clone(), span);
                let arguments = vec![Argument::Ex(old.clone()), desc(), Argument::Ex(count)];
                Some(Self::runtime("list_repeat_in_place", arguments, Ty::None, span))
            }
            (_, Ty::Set(_)) if matches!(self.resolve(&value.ty), Ty::Set(_)) => {
                let op = set_operator(operator)?;
                let value = self.fit(value.clone(), &a, "a set", span);
                let a = self.resolve(&a);
                let mut arguments = vec![Argument::Ex(old.clone()), Argument::Desc(a)];
                arguments.extend([Argument::Ex(value), Argument::Num(op)]);
                Some(Self::runtime("set_update", arguments, Ty::None, span))
            }
            (Operator::BitOr, Ty::Dict(..)) if matches!(self.resolve(&value.ty), Ty::Dict(..)) => {
                let value = self.fit(value.clone(), &a, "a dict", span);
                let a = self.resolve(&a);
                let arguments =
                    vec![Argument::Ex(old.clone()), Argument::Desc(a), Argument::Ex(value)];
                Some(Self::runtime("dict_update", arguments, Ty::None, span))
            }
            _ => None,
        }
    }

    /// `divmod(a, b)` as two values.
    pub(super) fn divmod(&mut self, left: Ex, right: Ex, span: Span) -> Ex {
        if let Some(trivial) = self.trivial(&[&left, &right], span) {
            return trivial;
        }
        let (a, b) = (self.resolve(&left.ty), self.resolve(&right.ty));
        if matches!(a, Ty::Union(_)) || matches!(b, Ty::Union(_)) {
            return self
                .split2(left, right, &mut |this, left, right| this.divmod(left, right, span));
        }
        if !a.is_number() || !b.is_number() {
            let (left, right) = (a.python_name(), b.python_name());
            let message =
                format!("unsupported operand type(s) for divmod(): '{left}' and '{right}'");
            return self.fail(Code::Operand, span, message, "");
        }
        let (mut before, left) = self.temp(left);
        let (more, right) = self.temp(right);
        before.extend(more);
        if a == Ty::Float || b == Ty::Float {
            let zero = Ex::new(Op::Float(0.0), Ty::Float, span);
            let test = Self::float_compare(Comparison::Eq, Self::to_float(right.clone()), zero);
            let raise = St::Eval(Self::common(common::FLOAT_DIVMOD, span));
            before.push(St::If(test, vec![raise], Vec::new()));
        }
        let quotient = self.binary(Operator::FloorDiv, left.clone(), right.clone(), span);
        let remainder = self.binary(Operator::Mod, left, right, span);
        let ty = Ty::Tuple(vec![quotient.ty.clone(), remainder.ty.clone()]);
        Self::seq(before, Ex::new(Op::NewTuple(vec![quotient, remainder]), ty, span))
    }
}

fn set_operator(operator: Operator) -> Option<u32> {
    match operator {
        Operator::BitOr => Some(setop::UNION),
        Operator::BitAnd => Some(setop::INTERSECTION),
        Operator::Sub => Some(setop::DIFFERENCE),
        Operator::BitXor => Some(setop::SYMMETRIC),
        _ => None,
    }
}

/// Constant folding, where the result is an int of 64 bits.
fn fold(operator: Operator, a: i64, b: i64) -> Option<i64> {
    match operator {
        Operator::Add => a.checked_add(b),
        Operator::Sub => a.checked_sub(b),
        Operator::Mul => a.checked_mul(b),
        Operator::Pow => a.checked_pow(u32::try_from(b).ok()?),
        Operator::LShift if (0..63).contains(&b) => a.checked_mul(1 << b),
        Operator::RShift if (0..64).contains(&b) => Some(a >> b),
        Operator::BitAnd => Some(a & b),
        Operator::BitOr => Some(a | b),
        Operator::BitXor => Some(a ^ b),
        Operator::FloorDiv if b > 0 => Some(a.div_euclid(b)),
        Operator::Mod if b > 0 => Some(a.rem_euclid(b)),
        _ => None,
    }
}
