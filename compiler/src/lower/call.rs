//! Calls: of the user's functions, builtins, methods and module members.

use super::{Body, Function};
use crate::ast::{Expr, ExprKind, Span, StmtKind};
use crate::diagnostics::Code;
use crate::ir::{Ex, Op};
use crate::request::Captured;
use crate::ty::Ty;

impl Body<'_, '_> {
    pub(super) fn call(
        &mut self,
        expression: &Expr,
        function: &Expr,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
    ) -> Ex {
        let span = expression.span;
        if let Some(call) = self.builtin_call(expression) {
            return self.builtin(expression, &call);
        }
        match &function.kind {
            ExprKind::Name(name) => {
                if let Some(dotted) = self.imports.get(name).cloned() {
                    return self.module_call(&dotted, arguments, keywords, span);
                }
                if self.variable(name).is_some() {
                    let message = format!("`{name}` is a value, which cannot be called");
                    self.arguments_for_problems(arguments, keywords);
                    return self.fail(Code::Operand, span, message, "");
                }
                match self.captured(name) {
                    Some(Captured::Function(index)) => {
                        self.user_call(index, name, arguments, keywords, span)
                    }
                    Some(Captured::ModuleMember(dotted)) => {
                        self.module_call(&dotted, arguments, keywords, span)
                    }
                    Some(Captured::Builtin(builtin)) => {
                        self.arguments_for_problems(arguments, keywords);
                        let message = format!("the builtin `{builtin}` is not supported");
                        let help = super::builtins::instead(&builtin);
                        self.fail(Code::Function, function.span, message, help)
                    }
                    Some(_) => {
                        self.arguments_for_problems(arguments, keywords);
                        self.global(name, function.span)
                    }
                    None => {
                        self.arguments_for_problems(arguments, keywords);
                        self.unknown_function(name, function.span)
                    }
                }
            }
            ExprKind::Attribute(base, method) => {
                if let Some(module) = self.module(base) {
                    let dotted = format!("{module}.{method}");
                    return self.module_call(&dotted, arguments, keywords, span);
                }
                self.method(base, method, arguments, keywords, span)
            }
            ExprKind::Lambda(lambda) => self.inline(lambda, arguments, keywords, span),
            ExprKind::Error => {
                self.arguments_for_problems(arguments, keywords);
                Self::error(span)
            }
            _ => {
                self.arguments_for_problems(arguments, keywords);
                let message = "only functions can be called";
                self.fail(Code::Expression, function.span, message, "call a function by its name")
            }
        }
    }

    fn unknown_function(&mut self, name: &str, span: Span) -> Ex {
        if super::builtins::is_python_builtin(name) {
            let message = format!("the builtin `{name}` is not supported");
            return self.fail(Code::Function, span, message, super::builtins::instead(name));
        }
        self.fail(Code::UndefinedName, span, format!("name '{name}' is not defined"), "")
    }

    fn arguments_for_problems(&mut self, arguments: &[Expr], keywords: &[(String, Expr)]) {
        for argument in arguments {
            if !matches!(argument.kind, ExprKind::Lambda(_)) {
                self.expr(argument);
            }
        }
        for (_, value) in keywords {
            if !matches!(value.kind, ExprKind::Lambda(_)) {
                self.expr(value);
            }
        }
    }

    /// Which argument goes to which parameter: index into arguments, then keywords.
    fn bind(
        &mut self,
        function: &Function,
        arguments: usize,
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Option<Vec<Option<usize>>> {
        let name = &function.name;
        let mut bound: Vec<Option<usize>> = vec![None; function.parameters.len()];
        let positional =
            function.parameters.iter().filter(|parameter| parameter.positional).count();
        if arguments > positional {
            let were = if arguments == 1 { "was" } else { "were" };
            let plural = if positional == 1 { "" } else { "s" };
            let message = format!(
                "{name}() takes {positional} positional argument{plural} but {arguments} {were} given"
            );
            self.report(Code::Arguments, span, message, "");
            return None;
        }
        for (index, slot) in bound.iter_mut().enumerate().take(arguments) {
            *slot = Some(index);
        }
        for (at, (keyword, value)) in keywords.iter().enumerate() {
            let target = function.parameters.iter().position(|p| p.keyword && p.name == *keyword);
            let message = match target {
                None => format!("{name}() got an unexpected keyword argument '{keyword}'"),
                Some(target) if bound[target].is_some() => {
                    format!("{name}() got multiple values for argument '{keyword}'")
                }
                Some(target) => {
                    bound[target] = Some(arguments + at);
                    continue;
                }
            };
            self.report(Code::Arguments, value.span, message, "");
            return None;
        }
        for (parameter, slot) in function.parameters.iter().zip(&bound) {
            if slot.is_none() && parameter.default.is_none() {
                let message = format!(
                    "{name}() missing 1 required positional argument: '{}'",
                    parameter.name
                );
                self.report(Code::Arguments, span, message, "");
                return None;
            }
        }
        Some(bound)
    }

    fn user_call(
        &mut self,
        index: usize,
        name: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Ex {
        let functions = self.program.functions;
        let Some(callee) = functions.get(index) else {
            return self.fail(
                Code::UndefinedName,
                span,
                format!("name '{name}' is not defined"),
                "",
            );
        };
        let mut values = Vec::new();
        let mut before = Vec::new();
        let all = arguments.iter().chain(keywords.iter().map(|(_, value)| value));
        for argument in all {
            let value = self.expr(argument);
            if keywords.is_empty() {
                values.push(value);
            } else {
                // Evaluated in the order written, passed in that of the parameters.
                let (first, value) = self.temp(value);
                before.extend(first);
                values.push(value);
            }
        }
        let Some(bound) = self.bind(&callee.ast, arguments.len(), keywords, span) else {
            return Self::error(span);
        };
        if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
            return Self::seq(before, trivial);
        }
        let mut ordered = Vec::new();
        for (parameter, slot) in callee.ast.parameters.iter().zip(bound) {
            let value = match (slot, &parameter.default) {
                (Some(at), _) => values[at].clone(),
                (None, Some(default)) => self.default_value(index, default, span),
                (None, None) => Self::error(span),
            };
            if value.ty == Ty::Error {
                return value;
            }
            ordered.push(value);
        }
        let types = ordered.iter().map(|value| self.resolve(&value.ty)).collect();
        let instance = self.program.reach(index, types);
        let result = self.program.instances[instance].result.clone();
        let result = self.resolve(&result);
        Self::seq(before, Ex::new(Op::Call(instance, ordered), result, span))
    }

    /// A parameter's default, which Python evaluated once, when the function was defined.
    fn default_value(&mut self, function: usize, default: &Expr, span: Span) -> Ex {
        if !constant(default) {
            let source = &self.program.functions[function].source;
            let message = "this default is not a constant";
            let help = "use a number, a str, None, or a name for one of them".to_owned();
            let problem = source.diagnostic(Code::Parameters, default.span, message, Some(help));
            self.program.diagnostics.push(problem);
            return Self::error(span);
        }
        let here = std::mem::replace(&mut self.function, function);
        let scopes = std::mem::take(&mut self.scopes);
        let imports = std::mem::take(&mut self.imports);
        let mut value = self.expr(default);
        self.function = here;
        self.scopes = scopes;
        self.imports = imports;
        value.span = span;
        value
    }

    /// A lambda called where it stands: its parameters become names of their own.
    pub(super) fn inline(
        &mut self,
        lambda: &Function,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Ex {
        let mut values = Vec::new();
        let all = arguments.iter().chain(keywords.iter().map(|(_, value)| value));
        for argument in all {
            values.push(self.expr(argument));
        }
        let Some(bound) = self.bind(lambda, arguments.len(), keywords, span) else {
            return Self::error(span);
        };
        let StmtKind::Return(Some(body)) = &lambda.body[0].kind else { return Self::error(span) };
        if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
            return trivial;
        }
        let (statements, value) = self.capture(|this| {
            let values: Vec<Ex> = values.into_iter().map(|value| this.copy(value)).collect();
            let mut scope = std::collections::BTreeMap::new();
            for (parameter, slot) in lambda.parameters.iter().zip(bound) {
                let value = match (slot, &parameter.default) {
                    (Some(at), _) => values[at].clone(),
                    (None, Some(default)) => this.expr(default),
                    (None, None) => Self::error(span),
                };
                // Columns tell parameters apart, and stay below the numbers of nodes times two.
                let variable = super::flow::SCOPED * 2 + parameter.span.start as usize;
                scope.insert(parameter.name.clone(), variable);
                this.names.insert(variable, parameter.name.clone());
                this.set_variable(variable, value);
            }
            this.scopes.push(scope);
            let value = this.expr(body);
            let value = this.keep(value);
            let scope = this.scopes.pop().unwrap_or_default();
            if let Some(env) = &mut this.env {
                env.retain(|variable, _| !scope.values().any(|inner| inner == variable));
            }
            value
        });
        Self::seq(statements, value)
    }
}

/// Whether an expression has the same value whenever it is evaluated, and none that can change.
fn constant(expression: &Expr) -> bool {
    match &expression.kind {
        ExprKind::None
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Str(_)
        | ExprKind::Bytes(_)
        | ExprKind::Name(_)
        | ExprKind::Attribute(..) => true,
        ExprKind::Tuple(items) => items.iter().all(constant),
        ExprKind::Unary(_, value) => constant(value),
        ExprKind::Binary(_, left, right) => constant(left) && constant(right),
        _ => false,
    }
}
