//! Bounds of expressions from the bounds of their operands.

use super::{Analysis, State, merge};
use crate::ast::Operator;
use crate::ir::{Argument, Ex, Interval, Op, Unary};
use crate::ty::Ty;

/// Whether bounds fit an int.
pub(super) fn fits(low: i128, high: i128) -> bool {
    low >= i128::from(i64::MIN) && high <= i128::from(i64::MAX)
}

/// Bounds of what is left once values beyond 64 bits have left native code.
pub(super) fn clip(low: i128, high: i128) -> Interval {
    let clip = |value: i128| value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
    Interval::new(clip(low), clip(high))
}

impl Analysis {
    /// Visits an expression: notes its bounds, and applies its effects.
    pub(super) fn visit(&mut self, expression: &mut Ex, state: &mut State) -> Interval {
        let interval = self.bounds(expression, state);
        if expression.ty == Ty::Int {
            expression.range = interval;
        }
        interval
    }

    fn bounds(&mut self, expression: &mut Ex, state: &mut State) -> Interval {
        match &mut expression.op {
            Op::Int(value) => Interval::constant(*value),
            Op::Local(local) => self.local(*local, state),
            Op::BoolToInt(inner) => {
                self.visit(inner, state);
                Interval::new(0, 1)
            }
            Op::Len(inner) => {
                self.visit(inner, state);
                let length = self.facts.length(inner);
                length.map_or(Interval::new(0, i64::from(u32::MAX)), Interval::constant)
            }
            Op::ListGet { list, index, checked } => {
                self.visit(list, state);
                let at = self.visit(index, state);
                self.check(list, at, checked);
                Interval::FULL
            }
            Op::ByteAt(bytes, index) => {
                self.visit(bytes, state);
                self.visit(index, state);
                Interval::new(0, 255)
            }
            Op::Int2(operator, left, right) => {
                let a = self.visit(left, state);
                let b = self.visit(right, state);
                let (low, high) = int2(*operator, a, b);
                expression.proved = fits(low, high);
                let factor = if b.low == b.high { b.low } else { a.low };
                let constant = a.low == a.high || b.low == b.high;
                match operator {
                    // Beyond the multiples that fit, it has left native code.
                    Operator::Mul if constant && factor > 1 => {
                        let (least, most) =
                            (i64::MIN / factor * factor, i64::MAX / factor * factor);
                        clip(low.max(i128::from(least)), high.min(i128::from(most)))
                    }
                    _ => clip(low, high),
                }
            }
            Op::Unary(operator, operand) => {
                let a = self.visit(operand, state);
                let (low, high) = match operator {
                    Unary::IntNeg => (-i128::from(a.high), -i128::from(a.low)),
                    Unary::IntAbs => magnitude(a),
                    Unary::IntInvert => (-1 - i128::from(a.high), -1 - i128::from(a.low)),
                    Unary::FloatNeg | Unary::FloatAbs => return Interval::FULL,
                };
                expression.proved = fits(low, high);
                clip(low, high)
            }
            Op::If(test, then, other) => {
                self.visit(test, state);
                let mut yes = self.assume(test, true, state);
                let mut no = self.assume(test, false, state);
                let a = self.visit(then, &mut yes);
                let b = self.visit(other, &mut no);
                if then.ty == Ty::Never {
                    *state = no;
                    return b;
                }
                if other.ty == Ty::Never {
                    *state = yes;
                    return a;
                }
                *state = yes.join(&no);
                Interval::new(a.low.min(b.low), a.high.max(b.high))
            }
            Op::Seq(statements, value) => {
                // A value that is never reached keeps whatever it was given.
                let end = self.block(statements, Some(state.clone()));
                match merge(end, None) {
                    Some(end) => *state = end,
                    None => *state = State::default(),
                }
                self.visit(value, state)
            }
            Op::Runtime(name, arguments) => {
                for argument in arguments {
                    if let Argument::Ex(value) = argument {
                        self.visit(value, state);
                    }
                }
                match *name {
                    "str_ord" => Interval::new(0, 0x0010_FFFF),
                    "bytes_index" => Interval::new(0, 255),
                    "list_count" | "str_count" | "list_index" => {
                        Interval::new(0, i64::from(u32::MAX))
                    }
                    "math_isqrt" | "math_gcd" | "math_lcm" | "math_factorial" => {
                        Interval::new(0, i64::MAX)
                    }
                    _ => Interval::FULL,
                }
            }
            _ => {
                crate::visit::children_of(expression, &mut |child| {
                    self.visit(child, state);
                });
                Interval::FULL
            }
        }
    }
}

fn magnitude(a: Interval) -> (i128, i128) {
    let (low, high) = (i128::from(a.low), i128::from(a.high));
    let most = low.abs().max(high.abs());
    let least = if low <= 0 && high >= 0 { 0 } else { low.abs().min(high.abs()) };
    (least, most)
}

/// Bounds of the exact result.
fn int2(operator: Operator, a: Interval, b: Interval) -> (i128, i128) {
    let (al, ah) = (i128::from(a.low), i128::from(a.high));
    let (bl, bh) = (i128::from(b.low), i128::from(b.high));
    let full = (i128::from(i64::MIN), i128::from(i64::MAX));
    match operator {
        Operator::Add => (al + bl, ah + bh),
        Operator::Sub => (al - bh, ah - bl),
        Operator::Mul => {
            let corners = [al * bl, al * bh, ah * bl, ah * bh];
            let low = corners.iter().copied().fold(i128::MAX, i128::min);
            (low, corners.iter().copied().fold(i128::MIN, i128::max))
        }
        // Divided by a positive number an int comes closer to zero.
        Operator::FloorDiv if bl > 0 => {
            let corners =
                [al.div_euclid(bl), al.div_euclid(bh), ah.div_euclid(bl), ah.div_euclid(bh)];
            let low = corners.iter().copied().fold(i128::MAX, i128::min);
            (low, corners.iter().copied().fold(i128::MIN, i128::max))
        }
        Operator::Mod if bl > 0 => {
            if al >= 0 {
                (0, ah.min(bh - 1))
            } else {
                (0, bh - 1)
            }
        }
        Operator::BitAnd if al >= 0 || bl >= 0 => {
            let high = match (al >= 0, bl >= 0) {
                (true, true) => ah.min(bh),
                (true, false) => ah,
                _ => bh,
            };
            (0, high)
        }
        Operator::BitOr | Operator::BitXor if al >= 0 && bl >= 0 => {
            (0, mask(ah as u64 | bh as u64))
        }
        Operator::RShift if bl >= 0 => {
            let shift = |value: i128, by: i128| value >> by.min(63);
            let corners = [shift(al, bl), shift(al, bh), shift(ah, bl), shift(ah, bh)];
            let low = corners.iter().copied().fold(i128::MAX, i128::min);
            (low, corners.iter().copied().fold(i128::MIN, i128::max))
        }
        Operator::LShift if bl >= 0 && bh <= 62 => {
            let corners = [al << bl, al << bh, ah << bl, ah << bh];
            let low = corners.iter().copied().fold(i128::MAX, i128::min);
            (low, corners.iter().copied().fold(i128::MIN, i128::max))
        }
        Operator::LShift | Operator::Pow => (full.0 - 1, full.1 + 1),
        _ => full,
    }
}

/// The greatest number with no more bits than `value`.
fn mask(value: u64) -> i128 {
    i128::from(u64::MAX.checked_shr(value.leading_zeros()).unwrap_or(0))
}
