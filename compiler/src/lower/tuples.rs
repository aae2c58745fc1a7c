//! Tuples without objects: comparison item by item, and iteration over constant ones.

use super::Body;
use super::captured::literal_type;
use crate::ast::{Comparison, Expr, ExprKind, Span, UnaryOperator};
use crate::ir::{Ex, Op};
use crate::request::Literal;
use crate::ty::Ty;

/// The longest tuples whose comparison is written out.
const WRITTEN_OUT_MAX: usize = 4;

impl Body<'_, '_> {
    /// Compares tuples of numbers and texts in place.
    pub(super) fn compare_tuples(
        &mut self,
        comparison: Comparison,
        left: &Ex,
        right: &Ex,
        span: Span,
    ) -> Option<Ex> {
        let (Ty::Tuple(a), Ty::Tuple(b)) = (self.resolve(&left.ty), self.resolve(&right.ty)) else {
            return None;
        };
        let plain = |ty: &Ty| matches!(ty, Ty::Int | Ty::Bool | Ty::Float | Ty::Str);
        if a != b || a.is_empty() || a.len() > WRITTEN_OUT_MAX || !a.iter().all(plain) {
            return None;
        }
        let (mut before, left) = self.temp(left.clone());
        let (more, right) = self.temp(right.clone());
        before.extend(more);
        let ends_equal = matches!(comparison, Comparison::Eq | Comparison::LtE | Comparison::GtE);
        let mut result = Ex::bool(ends_equal, span);
        for (index, ty) in a.iter().enumerate().rev() {
            let item = |tuple: &Ex| {
                Ex::new(Op::TupleGet(Box::new(tuple.clone()), index), ty.clone(), span)
            };
            result = self.items_differ(comparison, item(&left), item(&right), ty, result, span);
        }
        Some(Self::seq(before, result))
    }

    /// What a comparison comes to at two items: `rest` if they are equal.
    fn items_differ(
        &mut self,
        comparison: Comparison,
        x: Ex,
        y: Ex,
        ty: &Ty,
        rest: Ex,
        span: Span,
    ) -> Ex {
        let known = |comparison| match comparison {
            Comparison::Eq => Some(false),
            Comparison::NotEq => Some(true),
            _ => None,
        };
        match ty {
            Ty::Float => {
                let equal = Self::float_compare(Comparison::Eq, x.clone(), y.clone());
                let nan = |value: &Ex| {
                    Self::float_compare(Comparison::NotEq, value.clone(), value.clone())
                };
                let differ = match known(comparison) {
                    Some(known) => Ex::bool(known, span),
                    None => Self::float_compare(comparison, x.clone(), y.clone()),
                };
                // Python looks whether two NaNs are one object.
                let both = self.choose(nan(&x), nan(&y), Ex::bool(false, span), span);
                let unequal = self.choose(both, Self::unreachable(span), differ, span);
                self.choose(equal, rest, unequal, span)
            }
            Ty::Str => {
                let order = Self::call_runtime("str_compare", vec![x, y], Ty::Int, span);
                let (before, order) = self.temp(order);
                let zero = || Ex::int(0, span);
                let differ = match known(comparison) {
                    Some(known) => Ex::bool(known, span),
                    None => Self::int_compare(comparison, order.clone(), zero()),
                };
                let equal = Self::int_compare(Comparison::Eq, order, zero());
                let result = self.choose(equal, rest, differ, span);
                Self::seq(before, result)
            }
            _ => {
                let (x, y) = (Self::to_int(x), Self::to_int(y));
                let differ = match known(comparison) {
                    Some(known) => Ex::bool(known, span),
                    None => Self::int_compare(comparison, x.clone(), y.clone()),
                };
                let equal = Self::int_compare(Comparison::Eq, x, y);
                self.choose(equal, rest, differ, span)
            }
        }
    }

    /// A display of constants that is only iterated over, as static data.
    pub(super) fn constant_items(&mut self, iterable: &Expr) -> Option<Ex> {
        let (ExprKind::Tuple(items) | ExprKind::List(items)) = &iterable.kind else { return None };
        if items.is_empty() {
            return None;
        }
        let items = items.iter().map(literal).collect::<Option<Vec<_>>>()?;
        let list = Literal::List(items);
        let ty = literal_type(&list, &mut self.program.types).ok()?;
        Some(Ex::new(Op::Static(list), ty, iterable.span))
    }
}

fn literal(value: &Expr) -> Option<Literal> {
    let all = |items: &[Expr]| items.iter().map(literal).collect::<Option<Vec<_>>>();
    Some(match &value.kind {
        ExprKind::None => Literal::None,
        ExprKind::Bool(value) => Literal::Bool(*value),
        ExprKind::Int(value) => Literal::Int(*value),
        ExprKind::Float(value) => Literal::Float(*value),
        ExprKind::Str(text) => Literal::Str(text.clone()),
        ExprKind::Tuple(items) if !items.is_empty() => Literal::Tuple(all(items)?),
        ExprKind::Unary(UnaryOperator::Neg, value) => match literal(value)? {
            Literal::Int(value) => Literal::Int(value.checked_neg()?),
            Literal::Float(value) => Literal::Float(-value),
            _ => return None,
        },
        _ => return None,
    })
}
