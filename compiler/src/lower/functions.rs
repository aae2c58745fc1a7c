//! Functions as values: which one it is is part of the type, so that functions are compiled for the functions that they are
//! given. What such a value holds is what its function needs of the variables around it, as they are when it is made.

use super::Body;
use super::inner::is_constant;
use crate::ast::{Function, Span};
use crate::diagnostics::Code;
use crate::ir::{Ex, Op};
use crate::names;
use crate::request::Literal;
use crate::ty::Ty;

impl Body<'_, '_> {
    /// A lambda that is not called where it stands.
    pub(super) fn lambda_value(&mut self, lambda: &Function, span: Span) -> Ex {
        let hides = |name: &String| self.scopes.iter().skip(1).any(|it| it.contains_key(name));
        if let Some(name) = names::free(lambda).into_iter().find(hides) {
            let message = format!("this lambda cannot have `{name}`, which changes around it");
            let help = "pass it as an argument, or write a loop";
            return self.fail(Code::Expression, span, message, help);
        }
        let place = Some((self.function, lambda.name_span));
        let found = self.program.functions.iter().position(|function| function.place == place);
        let Some(index) = found else {
            let help = "call the code directly, or define a function at the top of the file";
            return self.fail(Code::Expression, span, "a lambda is not supported here", help);
        };
        self.function_value(index, span)
    }

    /// A function that is not called here.
    pub(super) fn function_value(&mut self, index: usize, span: Span) -> Ex {
        let function = &self.program.functions[index];
        if function.ast.is_async {
            let name = function.ast.name.clone();
            let message = format!("the coroutine function `{name}` can only be called");
            return self.fail(
                Code::Expression,
                span,
                message,
                &format!("write `await {name}(...)`"),
            );
        }
        if function.place.is_some() {
            let defaults = function.ast.parameters.iter().filter_map(|it| it.default.as_ref());
            if let Some(default) = defaults.into_iter().find(|default| !is_constant(default)) {
                let span = default.span;
                let message = "this default is not a constant";
                return self.fail(Code::Parameters, span, message, "use a number, a str or None");
            }
            if let Some(name) = self.unsettled(index) {
                let message = format!("`{name}` may change before this function is called");
                let help = "pass it as an argument, or assign it once, outside of loops";
                return self.fail(Code::Expression, span, message, help);
            }
        }
        let values = self.captured_values(index, span);
        if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
            return trivial;
        }
        let tuple = Ty::Tuple(values.iter().map(|value| self.resolve(&value.ty)).collect());
        let ty = Ty::Function(index as u32, Box::new(tuple));
        let op = if values.is_empty() {
            Op::Static(Literal::Tuple(Vec::new()))
        } else {
            Op::NewTuple(values)
        };
        Ex::new(op, ty, span)
    }

    /// A variable that a function reads and that may get another value, without being shared.
    pub(super) fn unsettled(&self, index: usize) -> Option<String> {
        let (functions, nesting) = (self.program.functions, &self.program.nesting);
        nesting.captures[index].iter().find_map(|name| {
            let mut around = functions[index].place;
            while let Some((parent, _)) = around {
                if nesting.cells[parent].contains(name) {
                    return None;
                }
                let ast = &functions[parent].ast;
                let is_parameter = ast.parameters.iter().any(|it| it.name == *name);
                let changes = if is_parameter {
                    names::assignments(&ast.body, name) > 0
                } else {
                    !names::is_settled(&ast.body, name)
                };
                if changes {
                    return Some(name.clone());
                }
                around = functions[parent].place;
            }
            None
        })
    }

    /// A call of a function that is a value.
    pub(super) fn call_known(
        &mut self,
        index: usize,
        function: &Ex,
        values: &[Ex],
        named: &[(String, Ex)],
        span: Span,
    ) -> Ex {
        let Ty::Function(_, inner) = self.resolve(&function.ty) else { return Self::error(span) };
        let Ty::Tuple(types) = *inner else { return Self::error(span) };
        let (before, function) = self.temp(function.clone());
        let captured = types
            .into_iter()
            .enumerate()
            .map(|(at, ty)| Ex::new(Op::TupleGet(Box::new(function.clone()), at), ty, span));
        let captured = captured.collect();
        // No other node begins where this one does and has arguments, too.
        let place = super::flow::SCOPED as u32 + span.start * 2;
        let value =
            self.call_with(index, place, values.to_vec(), named.to_vec(), Some(captured), span);
        Self::seq(before, value)
    }
}
