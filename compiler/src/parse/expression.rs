//! Expressions: from the parser's tree to ours.

use ruff_python_ast as py;
use ruff_text_size::{Ranged, TextRange};

use super::{Converter, span};
use crate::ast::{
    Clause, Comparison, ComprehensionKind, Expr, ExprKind, FStringPart, Function, Operator,
    Parameter, Stmt, StmtKind, Takes, UnaryOperator,
};
use crate::diagnostics::Code;
use crate::instantiate;

impl Converter<'_> {
    pub(super) fn expression(&mut self, expression: &py::Expr) -> Expr {
        let range = expression.range();
        let kind = match expression {
            py::Expr::NoneLiteral(_) => ExprKind::None,
            py::Expr::BooleanLiteral(literal) => ExprKind::Bool(literal.value),
            py::Expr::NumberLiteral(literal) => return self.number(&literal.value, range, false),
            py::Expr::StringLiteral(literal) => ExprKind::Str(literal.value.to_str().to_owned()),
            py::Expr::BytesLiteral(literal) => ExprKind::Bytes(literal.value.bytes().collect()),
            py::Expr::Name(name) => ExprKind::Name(name.id.to_string()),
            py::Expr::BoolOp(operation) => {
                let values = self.expressions(&operation.values);
                match operation.op {
                    py::BoolOp::And => ExprKind::And(values),
                    py::BoolOp::Or => ExprKind::Or(values),
                }
            }
            py::Expr::UnaryOp(operation) => return self.unary(operation),
            py::Expr::BinOp(operation) => {
                let Some(operator) = self.operator(operation.op, range) else {
                    return self.expr(ExprKind::Error, range);
                };
                let left = self.boxed(&operation.left);
                ExprKind::Binary(operator, left, self.boxed(&operation.right))
            }
            py::Expr::Compare(comparison) => {
                let left = self.boxed(&comparison.left);
                let rest = comparison.ops.iter().zip(comparison.comparators.iter());
                let rest =
                    rest.map(|(op, right)| (convert_comparison(*op), self.expression(right)));
                ExprKind::Compare(left, rest.collect())
            }
            py::Expr::If(conditional) => ExprKind::Conditional {
                test: self.boxed(&conditional.test),
                body: self.boxed(&conditional.body),
                orelse: self.boxed(&conditional.orelse),
            },
            py::Expr::Named(named) => match named.target.as_ref() {
                py::Expr::Name(name) => {
                    ExprKind::Named(name.id.to_string(), self.boxed(&named.value))
                }
                _ => return self.refuse(range, "`:=` must assign to a name", ""),
            },
            py::Expr::Call(call) => return self.call(call),
            py::Expr::Attribute(attribute) => {
                let name = self.mangled(attribute.attr.as_str());
                ExprKind::Attribute(self.boxed(&attribute.value), name)
            }
            py::Expr::Subscript(subscript) => {
                let value = self.boxed(&subscript.value);
                ExprKind::Subscript(value, self.boxed(&subscript.slice))
            }
            py::Expr::Slice(slice) => {
                let parts = [&slice.lower, &slice.upper, &slice.step];
                ExprKind::Slice(parts.map(|part| part.as_ref().map(|part| self.boxed(part))))
            }
            py::Expr::List(list) => ExprKind::List(self.items(&list.elts)),
            py::Expr::Tuple(tuple) => ExprKind::Tuple(self.items(&tuple.elts)),
            py::Expr::Set(set) => ExprKind::Set(self.expressions(&set.elts)),
            py::Expr::Dict(dict) => return self.dict(dict),
            py::Expr::ListComp(comprehension) => self.comprehension(
                ComprehensionKind::List,
                &comprehension.elt,
                None,
                &comprehension.generators,
            ),
            py::Expr::SetComp(comprehension) => self.comprehension(
                ComprehensionKind::Set,
                &comprehension.elt,
                None,
                &comprehension.generators,
            ),
            py::Expr::Generator(generator) => self.comprehension(
                ComprehensionKind::Generator,
                &generator.elt,
                None,
                &generator.generators,
            ),
            py::Expr::DictComp(comprehension) => {
                let Some(key) = &comprehension.key else {
                    let message = "`**` in a dict comprehension is not supported";
                    return self.refuse(range, message, "write a loop");
                };
                self.comprehension(
                    ComprehensionKind::Dict,
                    key,
                    Some(&comprehension.value),
                    &comprehension.generators,
                )
            }
            py::Expr::FString(string) => ExprKind::FString(self.fstring(string)),
            py::Expr::Lambda(lambda) => ExprKind::Lambda(Box::new(self.lambda(lambda))),
            py::Expr::Await(awaited) => ExprKind::Await(self.boxed(&awaited.value)),
            py::Expr::Yield(given) if self.is_library() => {
                let name = ExprKind::Name(instantiate::YIELD.to_owned());
                let function = Box::new(self.expr(name, range));
                let arguments = given.value.iter().map(|value| self.expression(value)).collect();
                ExprKind::Call { function, arguments, keywords: Vec::new() }
            }
            py::Expr::Yield(_) | py::Expr::YieldFrom(_) => {
                self.yields = true;
                let message = "the value of `yield` is not supported";
                let help = "generators can be iterated over, but nothing can be sent to them";
                return self.refuse(range, message, help);
            }
            py::Expr::Starred(_) => {
                let message = "`*` unpacking is not supported here";
                return self.refuse(
                    range,
                    message,
                    "name the items one by one, or use `+` or a loop",
                );
            }
            py::Expr::EllipsisLiteral(_) => {
                return self.refuse(range, "`...` is not supported", "use `None` or `pass`");
            }
            py::Expr::TString(_) => {
                return self.refuse(range, "template strings are not supported", "use an f-string");
            }
            py::Expr::IpyEscapeCommand(_) => {
                return self.refuse(range, "IPython commands are not supported", "");
            }
        };
        self.expr(kind, range)
    }

    pub(super) fn boxed(&mut self, expression: &py::Expr) -> Box<Expr> {
        Box::new(self.expression(expression))
    }

    fn expressions(&mut self, expressions: &[py::Expr]) -> Vec<Expr> {
        expressions.iter().map(|expression| self.expression(expression)).collect()
    }

    /// The items of a list or tuple, of which some may be unpacked.
    fn items(&mut self, items: &[py::Expr]) -> Vec<Expr> {
        let item = |item: &py::Expr| match item {
            py::Expr::Starred(starred) => {
                let kind = ExprKind::Starred(self.boxed(&starred.value));
                self.expr(kind, starred.range)
            }
            plain => self.expression(plain),
        };
        items.iter().map(item).collect()
    }

    fn number(&mut self, number: &py::Number, range: TextRange, negated: bool) -> Expr {
        let kind = match number {
            py::Number::Int(int) => {
                let text = int.to_string();
                let parsed = parse_int(&text, negated);
                let Some(value) = parsed else {
                    let message = format!("the int `{text}` does not fit 64 bits");
                    let help =
                        "the native engine's ints are 64 bits; use a float, or engine=\"python\"";
                    self.report(Code::IntegerSize, range, message, help);
                    return self.expr(ExprKind::Error, range);
                };
                ExprKind::Int(value)
            }
            py::Number::Float(value) => ExprKind::Float(if negated { -value } else { *value }),
            py::Number::Complex { .. } => {
                let help = "keep the real and imaginary parts in two floats";
                return self.refuse(range, "complex numbers are not supported", help);
            }
        };
        self.expr(kind, range)
    }

    fn unary(&mut self, operation: &py::ExprUnaryOp) -> Expr {
        let range = operation.range;
        if let (py::UnaryOp::USub, py::Expr::NumberLiteral(literal)) =
            (operation.op, operation.operand.as_ref())
        {
            return self.number(&literal.value, range, true);
        }
        let operand = self.boxed(&operation.operand);
        let kind = match operation.op {
            py::UnaryOp::Not => ExprKind::Not(operand),
            py::UnaryOp::USub => ExprKind::Unary(UnaryOperator::Neg, operand),
            py::UnaryOp::UAdd => ExprKind::Unary(UnaryOperator::Pos, operand),
            py::UnaryOp::Invert => ExprKind::Unary(UnaryOperator::Invert, operand),
        };
        self.expr(kind, range)
    }

    pub(super) fn operator(
        &mut self,
        operator: py::Operator,
        range: TextRange,
    ) -> Option<Operator> {
        Some(match operator {
            py::Operator::Add => Operator::Add,
            py::Operator::Sub => Operator::Sub,
            py::Operator::Mult => Operator::Mul,
            py::Operator::Div => Operator::Div,
            py::Operator::Mod => Operator::Mod,
            py::Operator::Pow => Operator::Pow,
            py::Operator::LShift => Operator::LShift,
            py::Operator::RShift => Operator::RShift,
            py::Operator::BitOr => Operator::BitOr,
            py::Operator::BitXor => Operator::BitXor,
            py::Operator::BitAnd => Operator::BitAnd,
            py::Operator::FloorDiv => Operator::FloorDiv,
            py::Operator::MatMult => {
                let help = "write the loops over lists of floats";
                self.report(Code::Expression, range, "`@` is not supported", help);
                return None;
            }
        })
    }

    fn call(&mut self, call: &py::ExprCall) -> Expr {
        let range = call.range();
        let function = self.boxed(&call.func);
        let mut arguments = Vec::new();
        for argument in &call.arguments.args {
            if let py::Expr::Starred(starred) = argument {
                let kind = ExprKind::Starred(self.boxed(&starred.value));
                arguments.push(self.expr(kind, starred.range));
                continue;
            }
            arguments.push(self.expression(argument));
        }
        let mut keywords = Vec::new();
        for keyword in &call.arguments.keywords {
            let value = self.expression(&keyword.value);
            if let Some(name) = &keyword.arg {
                keywords.push((name.to_string(), value));
            } else {
                let help = "pass the arguments one by one";
                let message = "`**` in a call is not supported";
                self.report(Code::Expression, keyword.range, message, help);
            }
        }
        self.expr(ExprKind::Call { function, arguments, keywords }, range)
    }

    /// `{k: v, **other}` is `{k: v} | other`.
    fn dict(&mut self, dict: &py::ExprDict) -> Expr {
        let mut whole = None;
        let mut items = Vec::new();
        for item in &dict.items {
            let key = item.key.as_ref().map(|key| self.expression(key));
            let value = self.expression(&item.value);
            if let Some(key) = key {
                items.push((key, value));
                continue;
            }
            let left = self.merged(whole, &mut items, dict.range);
            whole = Some(self.either(left, value, dict.range));
        }
        if items.is_empty()
            && let Some(whole) = whole
        {
            return whole;
        }
        self.merged(whole, &mut items, dict.range)
    }

    /// What was there, and these items.
    fn merged(
        &mut self,
        whole: Option<Expr>,
        items: &mut Vec<(Expr, Expr)>,
        range: TextRange,
    ) -> Expr {
        let pairs = std::mem::take(items);
        match whole {
            Some(whole) if pairs.is_empty() => whole,
            Some(whole) => {
                let pairs = self.expr(ExprKind::Dict(pairs), range);
                self.either(whole, pairs, range)
            }
            None => self.expr(ExprKind::Dict(pairs), range),
        }
    }

    fn either(&mut self, left: Expr, right: Expr, range: TextRange) -> Expr {
        let kind = ExprKind::Binary(Operator::BitOr, Box::new(left), Box::new(right));
        self.expr(kind, range)
    }

    fn comprehension(
        &mut self,
        kind: ComprehensionKind,
        element: &py::Expr,
        value: Option<&py::Expr>,
        generators: &[py::Comprehension],
    ) -> ExprKind {
        let mut clauses = Vec::new();
        for generator in generators {
            if generator.is_async {
                let message = "`async for` is not supported";
                self.report(Code::Expression, generator.range, message, "use `for`");
            }
            clauses.push(Clause {
                target: self.expression(&generator.target),
                iter: self.expression(&generator.iter),
                conditions: self.expressions(&generator.ifs),
            });
        }
        let element = self.boxed(element);
        let value = value.map(|value| self.boxed(value));
        ExprKind::Comprehension { kind, element, value, clauses }
    }

    fn fstring(&mut self, string: &py::ExprFString) -> Vec<FStringPart> {
        let mut parts = Vec::new();
        for part in &string.value {
            match part {
                py::FStringPart::Literal(literal) => {
                    parts.push(FStringPart::Text(literal.value.to_string()));
                }
                py::FStringPart::FString(inner) => {
                    self.fstring_elements(&inner.elements, &mut parts);
                }
            }
        }
        parts
    }

    fn fstring_elements(
        &mut self,
        elements: &py::InterpolatedStringElements,
        parts: &mut Vec<FStringPart>,
    ) {
        for element in elements {
            match element {
                py::InterpolatedStringElement::Literal(literal) => {
                    parts.push(FStringPart::Text(literal.value.to_string()));
                }
                py::InterpolatedStringElement::Interpolation(hole) => {
                    let mut spec = Vec::new();
                    if let Some(format) = &hole.format_spec {
                        self.fstring_elements(&format.elements, &mut spec);
                    }
                    let mut conversion = match hole.conversion {
                        py::ConversionFlag::None => None,
                        py::ConversionFlag::Str => Some('s'),
                        py::ConversionFlag::Ascii => Some('a'),
                        py::ConversionFlag::Repr => Some('r'),
                    };
                    if let Some(debug) = &hole.debug_text {
                        parts.push(FStringPart::Text(debug.as_str().to_owned()));
                        if conversion.is_none() && spec.is_empty() {
                            conversion = Some('r');
                        }
                    }
                    let value = self.expression(&hole.expression);
                    parts.push(FStringPart::Value { value, conversion, spec });
                }
            }
        }
    }

    pub(super) fn lambda(&mut self, lambda: &py::ExprLambda) -> Function {
        let parameters = match &lambda.parameters {
            Some(parameters) => self.parameters(parameters),
            None => Vec::new(),
        };
        let body = self.expression(&lambda.body);
        let range = span(lambda.range);
        let body_span = body.span;
        let id = self.id();
        let body = vec![Stmt { kind: StmtKind::Return(Some(body)), span: body_span, id }];
        let name = "<lambda>".to_owned();
        Function { name, parameters, is_async: false, yields: false, body, name_span: range }
    }

    pub(super) fn parameters(&mut self, parameters: &py::Parameters) -> Vec<Parameter> {
        let mut all = Vec::new();
        self.parameter_group(&parameters.posonlyargs, true, false, &mut all);
        self.parameter_group(&parameters.args, true, true, &mut all);
        if let Some(parameter) = &parameters.vararg {
            all.push(self.rest(parameter, Takes::Positional));
        }
        self.parameter_group(&parameters.kwonlyargs, false, true, &mut all);
        if let Some(parameter) = &parameters.kwarg {
            all.push(self.rest(parameter, Takes::Keywords));
        }
        all
    }

    fn parameter_group(
        &mut self,
        group: &[py::ParameterWithDefault],
        positional: bool,
        keyword: bool,
        all: &mut Vec<Parameter>,
    ) {
        for parameter in group {
            all.push(Parameter {
                name: parameter.parameter.name.to_string(),
                span: span(parameter.range),
                annotation: parameter.parameter.annotation.as_ref().map(|a| self.hint(a)),
                default: parameter.default.as_ref().map(|value| self.expression(value)),
                positional,
                keyword,
                takes: Takes::One,
            });
        }
    }

    /// A parameter's annotation, which is a hint: what the language does not have says nothing, and is no problem.
    fn hint(&mut self, annotation: &py::Expr) -> Expr {
        let problems = self.diagnostics.len();
        let expression = self.expression(annotation);
        self.diagnostics.truncate(problems);
        expression
    }

    /// `*args` or `**kwargs`, whose annotation is that of each item.
    fn rest(&mut self, parameter: &py::Parameter, takes: Takes) -> Parameter {
        Parameter {
            name: parameter.name.to_string(),
            span: span(parameter.range),
            annotation: None,
            default: None,
            positional: false,
            keyword: false,
            takes,
        }
    }
}

fn parse_int(text: &str, negated: bool) -> Option<i64> {
    let (digits, radix) = match text.get(..2) {
        Some("0x" | "0X") => (&text[2..], 16),
        Some("0o" | "0O") => (&text[2..], 8),
        Some("0b" | "0B") => (&text[2..], 2),
        _ => (text, 10),
    };
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    let value = i128::from_str_radix(&digits, radix).ok()?;
    i64::try_from(if negated { -value } else { value }).ok()
}

fn convert_comparison(op: py::CmpOp) -> Comparison {
    match op {
        py::CmpOp::Eq => Comparison::Eq,
        py::CmpOp::NotEq => Comparison::NotEq,
        py::CmpOp::Lt => Comparison::Lt,
        py::CmpOp::LtE => Comparison::LtE,
        py::CmpOp::Gt => Comparison::Gt,
        py::CmpOp::GtE => Comparison::GtE,
        py::CmpOp::Is => Comparison::Is,
        py::CmpOp::IsNot => Comparison::IsNot,
        py::CmpOp::In => Comparison::In,
        py::CmpOp::NotIn => Comparison::NotIn,
    }
}
