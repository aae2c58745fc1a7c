//! The `math` module.

use super::Body;
use super::managed::Wanted;
use crate::ast::{Comparison, Expr, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Op, Unary};
use crate::ty::Ty;

/// Functions of one float that give a float.
const FLOAT_TO_FLOAT: &[(&str, &str)] = &[
    ("sin", "math_sin"),
    ("cos", "math_cos"),
    ("tan", "math_tan"),
    ("asin", "math_asin"),
    ("acos", "math_acos"),
    ("atan", "math_atan"),
    ("sinh", "math_sinh"),
    ("cosh", "math_cosh"),
    ("tanh", "math_tanh"),
    ("asinh", "math_asinh"),
    ("acosh", "math_acosh"),
    ("atanh", "math_atanh"),
    ("exp", "math_exp"),
    ("exp2", "math_exp2"),
    ("expm1", "math_expm1"),
    ("log2", "math_log2"),
    ("log10", "math_log10"),
    ("log1p", "math_log1p"),
    ("sqrt", "math_sqrt"),
    ("cbrt", "math_cbrt"),
    ("degrees", "math_degrees"),
    ("radians", "math_radians"),
    ("gamma", "math_gamma"),
    ("lgamma", "math_lgamma"),
    ("erf", "math_erf"),
    ("erfc", "math_erfc"),
    ("ulp", "math_ulp"),
];

/// Functions of two floats that give a float.
const FLOATS_TO_FLOAT: &[(&str, &str)] = &[
    ("atan2", "math_atan2"),
    ("pow", "math_pow"),
    ("fmod", "math_fmod"),
    ("remainder", "math_remainder"),
    ("nextafter", "math_nextafter"),
];

/// Functions of ints that give an int.
const INTS_TO_INT: &[(&str, usize, &str)] = &[
    ("factorial", 1, "math_factorial"),
    ("isqrt", 1, "math_isqrt"),
    ("comb", 2, "math_comb"),
    ("perm", 2, "math_perm"),
];

impl Body<'_, '_> {
    /// A constant of a module.
    pub(super) fn module_member(&mut self, dotted: &str, span: Span) -> Ex {
        let value = match dotted {
            "math.pi" => std::f64::consts::PI,
            "math.e" => std::f64::consts::E,
            "math.tau" => std::f64::consts::TAU,
            "math.inf" => f64::INFINITY,
            "math.nan" => f64::NAN,
            _ if dotted.starts_with("spm.") => return self.own_member(dotted, span),
            _ if dotted.starts_with("string.") => return self.string_constant(dotted, span),
            _ => {
                let message = format!("`{dotted}` is not supported as a value");
                let help = if dotted.starts_with("math.") || dotted == "time.sleep" {
                    "functions of modules can only be called"
                } else {
                    super::task::KNOWN_MODULES
                };
                return self.fail(Code::Function, span, message, help);
            }
        };
        Ex::new(Op::Float(value), Ty::Float, span)
    }

    /// A call of a module's function.
    pub(super) fn module_call(
        &mut self,
        place: &Expr,
        dotted: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
    ) -> Ex {
        let span = place.span;
        if let Some(value) = self.library_call(place, dotted, arguments, keywords) {
            return value;
        }
        if dotted.starts_with("spm.") {
            return self.own_call(dotted, arguments, keywords, &Wanted::Unknown, span);
        }
        let values: Vec<Ex> = arguments.iter().map(|argument| self.expr(argument)).collect();
        let named: Vec<(&str, Ex)> =
            keywords.iter().map(|(name, value)| (name.as_str(), self.expr(value))).collect();
        let all: Vec<&Ex> = values.iter().chain(named.iter().map(|(_, value)| value)).collect();
        if let Some(trivial) = self.trivial(&all, span) {
            return trivial;
        }
        if dotted == "time.sleep" {
            return self.sleep(values, named.len(), span);
        }
        let Some(name) = dotted.strip_prefix("math.") else {
            return self.unknown_member(dotted, span);
        };
        self.math(name, values, &named, span)
    }

    fn math(&mut self, name: &str, values: Vec<Ex>, named: &[(&str, Ex)], span: Span) -> Ex {
        let one = |table: &[(&str, &'static str)]| {
            table.iter().find(|(known, _)| *known == name).map(|(_, runtime)| *runtime)
        };
        let count = values.len();
        if count == 1
            && named.is_empty()
            && let Some(runtime) = one(FLOAT_TO_FLOAT)
        {
            let values = self.reals(values, span);
            return self.float_call(runtime, values, Ty::Float, span);
        }
        if count == 2
            && named.is_empty()
            && let Some(runtime) = one(FLOATS_TO_FLOAT)
        {
            let values = self.reals(values, span);
            return self.float_call(runtime, values, Ty::Float, span);
        }
        let ints = INTS_TO_INT.iter().find(|(known, arity, _)| *known == name && *arity == count);
        if let (Some((_, _, runtime)), true) = (ints, named.is_empty()) {
            let values: Vec<Ex> =
                values.into_iter().map(|value| self.index_value(value, span)).collect();
            return self.float_call(runtime, values, Ty::Int, span);
        }
        self.math_special(name, values, named, span)
    }

    /// The coordinates of a tuple as floats.
    fn point(&mut self, value: Ex, span: Span) -> Ex {
        let Ty::Tuple(items) = self.resolve(&value.ty) else { return value };
        let (before, tuple) = self.temp(value);
        let items = items.into_iter().enumerate().map(|(index, item)| {
            self.real(Ex::new(Op::TupleGet(Box::new(tuple.clone()), index), item, span), span)
        });
        let items: Vec<Ex> = items.collect();
        if let Some(trivial) = self.trivial(&items.iter().collect::<Vec<_>>(), span) {
            return trivial;
        }
        Self::seq(before, Ex::new(Op::NewList(items), Ty::list(Ty::Float), span))
    }

    fn reals(&mut self, values: Vec<Ex>, span: Span) -> Vec<Ex> {
        values.into_iter().map(|value| self.real(value, span)).collect()
    }

    /// A runtime call, unless an argument is already wrong.
    fn float_call(&mut self, name: &'static str, values: Vec<Ex>, ty: Ty, span: Span) -> Ex {
        if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
            return trivial;
        }
        Self::call_runtime(name, values, ty, span)
    }

    /// Functions with a shape of their own.
    fn math_special(
        &mut self,
        name: &str,
        mut values: Vec<Ex>,
        named: &[(&str, Ex)],
        span: Span,
    ) -> Ex {
        let count = values.len();
        match (name, count) {
            ("floor" | "ceil" | "trunc", 1) => self.whole(name, values.remove(0), span),
            ("fabs", 1) => {
                let value = self.real(values.remove(0), span);
                if matches!(value.ty, Ty::Error) {
                    value
                } else {
                    Self::unary_op(Unary::FloatAbs, value)
                }
            }
            ("log", 1) => {
                let values = self.reals(values, span);
                self.float_call("math_log", values, Ty::Float, span)
            }
            ("log", 2) => {
                let values = self.reals(values, span);
                self.float_call("math_log_base", values, Ty::Float, span)
            }
            ("hypot", 2) => {
                let values = self.reals(values, span);
                self.float_call("math_hypot", values, Ty::Float, span)
            }
            ("hypot", _) => {
                let values = self.reals(values, span);
                let list = Ex::new(Op::NewList(values), Ty::list(Ty::Float), span);
                Self::call_runtime("math_hypot_list", vec![list], Ty::Float, span)
            }
            ("dist", 2) => {
                let mut lists = Vec::new();
                for value in values {
                    let value = self.point(value, span);
                    match self.as_list(value, span) {
                        Some(list) if self.resolve(&list.ty) == Ty::list(Ty::Float) => {
                            lists.push(list);
                        }
                        _ => {
                            let message = "`math.dist` needs two points of floats";
                            return self.fail(Code::Operand, span, message, "");
                        }
                    }
                }
                self.float_call("math_dist", lists, Ty::Float, span)
            }
            ("isnan" | "isinf" | "isfinite", 1) => self.classify(name, values.remove(0), span),
            ("copysign", 2) => {
                let values = self.reals(values, span);
                self.float_call("math_copysign", values, Ty::Float, span)
            }
            ("gcd" | "lcm", _) => {
                let runtime = if name == "gcd" { "math_gcd" } else { "math_lcm" };
                let start = Ex::int(i64::from(name == "lcm"), span);
                let mut result = start;
                for (at, value) in values.into_iter().enumerate() {
                    let value = self.index_value(value, span);
                    result = if at == 0 && count > 1 {
                        value
                    } else {
                        self.float_call(runtime, vec![result, value], Ty::Int, span)
                    };
                }
                result
            }
            ("ldexp", 2) => {
                let exponent = values.remove(1);
                let exponent = self.index_value(exponent, span);
                let value = self.real(values.remove(0), span);
                self.float_call("math_ldexp", vec![value, exponent], Ty::Float, span)
            }
            ("frexp" | "modf", 1) => {
                let value = self.real(values.remove(0), span);
                let (runtime, second) = if name == "frexp" {
                    ("math_frexp", Ty::Int)
                } else {
                    ("math_modf", Ty::Float)
                };
                self.float_call(runtime, vec![value], Ty::Tuple(vec![Ty::Float, second]), span)
            }
            ("isclose", 2) => {
                let mut values = self.reals(values, span);
                for (keyword, default) in [("rel_tol", 1e-9), ("abs_tol", 0.0)] {
                    let given = named.iter().find(|(name, _)| *name == keyword);
                    let value = match given {
                        Some((_, value)) => self.real(value.clone(), span),
                        None => Ex::new(Op::Float(default), Ty::Float, span),
                    };
                    values.push(value);
                }
                self.float_call("math_isclose", values, Ty::Bool, span)
            }
            ("fsum", 1) => {
                let Some(list) = self.as_list(values.remove(0), span) else {
                    return Self::error(span);
                };
                if self.resolve(&list.ty) != Ty::list(Ty::Float) {
                    return self.fail(
                        Code::Operand,
                        span,
                        "`math.fsum` needs a list of floats",
                        "",
                    );
                }
                self.float_call("math_fsum", vec![list], Ty::Float, span)
            }
            ("prod", 1) => self.product(values.remove(0), named, span),
            _ => {
                let message = format!("`math.{name}` with these arguments is not supported");
                self.fail(Code::Function, span, message, "")
            }
        }
    }

    fn whole(&mut self, name: &str, value: Ex, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        if matches!(ty, Ty::Int | Ty::Bool) {
            return Self::to_int(value);
        }
        let name = match name {
            "floor" => "float_floor",
            "ceil" => "float_ceil",
            _ => "int_from_float",
        };
        let value = self.real(value, span);
        self.float_call(name, vec![value], Ty::Int, span)
    }

    fn classify(&mut self, name: &str, value: Ex, span: Span) -> Ex {
        let value = self.real(value, span);
        if value.ty != Ty::Float {
            return value;
        }
        let (before, value) = self.temp(value);
        let infinity = Ex::new(Op::Float(f64::INFINITY), Ty::Float, span);
        let size = Self::unary_op(Unary::FloatAbs, value.clone());
        let test = match name {
            "isnan" => Self::float_compare(Comparison::NotEq, value.clone(), value),
            "isinf" => Self::float_compare(Comparison::Eq, size, infinity),
            _ => Self::float_compare(Comparison::Lt, size, infinity),
        };
        Self::seq(before, test)
    }

    fn product(&mut self, value: Ex, named: &[(&str, Ex)], span: Span) -> Ex {
        let Some(list) = self.as_list(value, span) else { return Self::error(span) };
        let start = named.iter().find(|(name, _)| *name == "start").map(|(_, value)| value.clone());
        let start = start.unwrap_or_else(|| Ex::int(1, span));
        let ty = self.resolve(&list.ty);
        if ty == Ty::list(Ty::Int) && matches!(start.ty, Ty::Int) {
            return Self::call_runtime("math_prod_int", vec![list, start], Ty::Int, span);
        }
        if ty != Ty::list(Ty::Float) {
            return self.fail(
                Code::Operand,
                span,
                "`math.prod` needs a list of ints or floats",
                "",
            );
        }
        if start.ty == Ty::Float {
            return Self::call_runtime("math_prod_float", vec![list, start], Ty::Float, span);
        }
        // Of no floats at all the product is the int.
        let (mut before, list) = self.temp(list);
        let (more, start) = self.temp(start);
        before.extend(more);
        let empty = Self::int_compare(Comparison::Eq, Self::length(list.clone()), Ex::int(0, span));
        let from = self.real(start.clone(), span);
        let arguments = vec![Argument::Ex(list), Argument::Ex(from)];
        let product = Self::runtime("math_prod_float", arguments, Ty::Float, span);
        let result = self.choose(empty, start, product, span);
        Self::seq(before, result)
    }
}
