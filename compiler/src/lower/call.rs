//! Calls: of the user's functions, builtins, methods and module members.

use std::collections::BTreeMap;

use super::flow::SCOPED;
use super::iterate::Item;
use super::{Body, Function};
use crate::ast::{Expr, ExprKind, Span, StmtKind, Takes};
use crate::diagnostics::Code;
use crate::ir::{Ex, Op, St};
use crate::request::Captured;
use crate::ty::Ty;

/// Where the arguments of a call go: indices into its arguments, then its keywords.
#[derive(Default)]
pub(super) struct Bound {
    /// To each parameter.
    pub one: Vec<Option<usize>>,
    /// To `*args`.
    rest: Vec<usize>,
    /// To `**kwargs`.
    words: Vec<usize>,
}

impl Body<'_, '_> {
    pub(super) fn call(
        &mut self,
        expression: &Expr,
        function: &Expr,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
    ) -> Ex {
        let span = expression.span;
        let call = self.builtin_call(expression);
        let prints = call.is_some_and(|call| call.name == "print");
        let is_starred = |argument: &Expr| matches!(argument.kind, ExprKind::Starred(_));
        if arguments.iter().any(is_starred) && !prints {
            return self.spread(expression, function, arguments, keywords);
        }
        if let Some(call) = call {
            return self.builtin(expression, &call);
        }
        match &function.kind {
            ExprKind::Name(name) => {
                if let Some(dotted) = self.imports.get(name).cloned() {
                    return self.module_call(expression, &dotted, arguments, keywords);
                }
                if let Some(class) = self.named_class(function) {
                    let (before, values, named) = self.call_arguments(arguments, keywords);
                    let made = self.construct_class(class, values, named, span);
                    return Self::seq(before, made);
                }
                if let Some(value) = self.callable(function) {
                    let (statements, result) = self.capture(|this| {
                        let value = this.keep(value);
                        let (before, values, named) = this.call_arguments(arguments, keywords);
                        for statement in before {
                            this.push(statement);
                        }
                        this.call_value(value, &values, &named, span)
                    });
                    return Self::seq(statements, result);
                }
                if let Some(class) = self.exception_class(name) {
                    return self.exception_call(class, arguments, keywords, span);
                }
                if let Some(index) = self.inner_function(name) {
                    if self.is_async(index) {
                        self.arguments_for_problems(arguments, keywords);
                        let message = "inner functions cannot be coroutines";
                        return self.fail(Code::Expression, span, message, "define it outside");
                    }
                    let defined = self.defined(name, function.span);
                    let call = self.user_call(index, expression, name, arguments, keywords);
                    return match defined {
                        Some(defined) if !matches!(defined.op, Op::Local(_)) => {
                            Self::seq(vec![St::Eval(defined)], call)
                        }
                        _ => call,
                    };
                }
                if self.variable(name).is_some() {
                    let message = format!("`{name}` is a value, which cannot be called");
                    self.arguments_for_problems(arguments, keywords);
                    return self.fail(Code::Operand, span, message, "");
                }
                match self.captured(name) {
                    Some(Captured::Function(index)) if self.is_async(index) => {
                        self.arguments_for_problems(arguments, keywords);
                        let message = format!("the coroutine `{name}(...)` is never awaited");
                        let help = format!("write `await {name}(...)`");
                        self.fail(Code::Expression, span, message, &help)
                    }
                    Some(Captured::Function(index)) => {
                        self.user_call(index, expression, name, arguments, keywords)
                    }
                    Some(Captured::ModuleMember(dotted)) => {
                        self.module_call(expression, &dotted, arguments, keywords)
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
                if let Some(dotted) = self.library_member(function) {
                    return self.module_call(expression, &dotted, arguments, keywords);
                }
                if let Some(module) = self.module(base) {
                    let dotted = format!("{module}.{method}");
                    return self.module_call(expression, &dotted, arguments, keywords);
                }
                if let Some(class) = self.named_class(base) {
                    return self.class_method(class, method, arguments, keywords, span);
                }
                if let Some(found) = self.super_of(base) {
                    return self.super_method(found, method, arguments, keywords, span);
                }
                if let Some(class) = self.class_of_methods(base) {
                    return self.unbound_method(class, method, arguments, keywords, span);
                }
                self.method(base, method, arguments, keywords, span)
            }
            ExprKind::Lambda(lambda) => self.inline(lambda, arguments, keywords, span),
            ExprKind::Call { .. } if self.makes_function(function) => {
                self.made_function(expression, function, arguments, keywords)
            }
            ExprKind::Call { .. } | ExprKind::Subscript(..) => {
                let (statements, result) = self.capture(|this| {
                    let value = this.expr(function);
                    let value = this.keep(value);
                    let (before, values, named) = this.call_arguments(arguments, keywords);
                    for statement in before {
                        this.push(statement);
                    }
                    this.call_value(value, &values, &named, span)
                });
                Self::seq(statements, result)
            }
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

    /// A call with `*values` among its arguments: a tuple's items are arguments of their own.
    fn spread(
        &mut self,
        expression: &Expr,
        function: &Expr,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
    ) -> Ex {
        let span = expression.span;
        let (statements, value) = self.capture(|this| {
            let mut scope = BTreeMap::new();
            let mut spread = Vec::new();
            for (at, argument) in (1..).zip(arguments) {
                // All are evaluated here, in their order; lambdas are not values.
                if matches!(argument.kind, ExprKind::Lambda(_)) {
                    spread.push(argument.clone());
                    continue;
                }
                let starred =
                    if let ExprKind::Starred(inner) = &argument.kind { Some(inner) } else { None };
                let value = this.expr(starred.map_or(argument, |inner| inner));
                let value = this.copy(value);
                let values = match (starred, this.resolve(&value.ty)) {
                    (None, _) | (_, Ty::Error | Ty::Never) => vec![value],
                    (Some(_), Ty::Tuple(types)) => {
                        let items = types.into_iter().enumerate();
                        let item = |(index, ty): (usize, Ty)| {
                            Ex::new(Op::TupleGet(Box::new(value.clone()), index), ty, argument.span)
                        };
                        items.map(item).collect()
                    }
                    (Some(_), ty) => {
                        let shown = this.show(&ty);
                        let message = format!("`*` needs a tuple of known length, not `{shown}`");
                        let help = "pass the arguments one by one";
                        this.report(Code::Arguments, argument.span, message, help);
                        vec![Self::error(argument.span)]
                    }
                };
                for (item, value) in values.into_iter().enumerate() {
                    // Such a name cannot be written, so it hides nothing.
                    let name = format!("<argument {} {at} {item}>", expression.id);
                    let variable = SCOPED * 5 + argument.id as usize * 0x100 + item;
                    scope.insert(name.clone(), variable);
                    this.names.insert(variable, name.clone());
                    this.set_variable(variable, value);
                    spread.push(Expr { kind: ExprKind::Name(name), ..argument.clone() });
                }
            }
            let kind = ExprKind::Call {
                function: Box::new(function.clone()),
                arguments: spread,
                keywords: keywords.to_vec(),
            };
            let rewritten = Expr { kind, span, id: expression.id };
            this.scopes.push(scope);
            let value = this.expr(&rewritten);
            let value = this.keep(value);
            let scope = this.scopes.pop().unwrap_or_default();
            if let Some(env) = &mut this.env {
                env.retain(|variable, _| !scope.values().any(|inner| inner == variable));
            }
            value
        });
        Self::seq(statements, value)
    }

    /// Which argument goes to which parameter: index into arguments, then keywords.
    pub(super) fn bind(
        &mut self,
        function: &Function,
        arguments: usize,
        keywords: &[(String, Span)],
        span: Span,
    ) -> Option<Bound> {
        let name = &function.name;
        let mut bound = Bound::default();
        bound.one.resize(function.parameters.len(), None);
        let positional =
            function.parameters.iter().filter(|parameter| parameter.positional).count();
        let takes = |takes: Takes| function.parameters.iter().any(|it| it.takes == takes);
        if arguments > positional && !takes(Takes::Positional) {
            let were = if arguments == 1 { "was" } else { "were" };
            let plural = if positional == 1 { "" } else { "s" };
            let message = format!(
                "{name}() takes {positional} positional argument{plural} but {arguments} {were} given"
            );
            self.report(Code::Arguments, span, message, "");
            return None;
        }
        for (index, slot) in bound.one.iter_mut().enumerate().take(arguments.min(positional)) {
            *slot = Some(index);
        }
        bound.rest.extend(positional.min(arguments)..arguments);
        for (at, (keyword, place)) in keywords.iter().enumerate() {
            let target = function.parameters.iter().position(|p| p.keyword && p.name == *keyword);
            let message = match target {
                None if takes(Takes::Keywords) => {
                    bound.words.push(arguments + at);
                    continue;
                }
                None => format!("{name}() got an unexpected keyword argument '{keyword}'"),
                Some(target) if bound.one[target].is_some() => {
                    format!("{name}() got multiple values for argument '{keyword}'")
                }
                Some(target) => {
                    bound.one[target] = Some(arguments + at);
                    continue;
                }
            };
            self.report(Code::Arguments, *place, message, "");
            return None;
        }
        for (parameter, slot) in function.parameters.iter().zip(&bound.one) {
            if slot.is_none() && parameter.default.is_none() && parameter.takes == Takes::One {
                let kind = if parameter.positional { "positional" } else { "keyword-only" };
                let message =
                    format!("{name}() missing 1 required {kind} argument: '{}'", parameter.name);
                self.report(Code::Arguments, span, message, "");
                return None;
            }
        }
        Some(bound)
    }

    pub(super) fn user_call(
        &mut self,
        index: usize,
        place: &Expr,
        name: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
    ) -> Ex {
        let span = place.span;
        let functions = self.program.functions;
        if functions.get(index).is_none() {
            return self.fail(
                Code::UndefinedName,
                span,
                format!("name '{name}' is not defined"),
                "",
            );
        }
        let values: Vec<Ex> = arguments.iter().map(|argument| self.expr(argument)).collect();
        let named = keywords.iter().map(|(name, value)| (name.clone(), self.expr(value)));
        let named = named.collect();
        self.call_with(index, place.id, values, named, None, span)
    }

    /// A call of a function with values that were evaluated just now, in their order.
    pub(super) fn call_function(
        &mut self,
        index: usize,
        _name: &str,
        values: Vec<Ex>,
        named: Vec<(String, Ex)>,
        span: Span,
    ) -> Ex {
        // No other node begins where this one does and has arguments, too.
        let place = super::flow::SCOPED as u32 + span.start * 2;
        self.call_with(index, place, values, named, None, span)
    }

    /// A call of a function; of one within others, what it has of their variables may be given.
    pub(super) fn call_with(
        &mut self,
        index: usize,
        place: u32,
        arguments: Vec<Ex>,
        named: Vec<(String, Ex)>,
        captured: Option<Vec<Ex>>,
        span: Span,
    ) -> Ex {
        let functions = self.program.functions;
        let Some(callee) = functions.get(index) else { return Self::error(span) };
        let mut values = Vec::new();
        let mut before = Vec::new();
        let count = arguments.len();
        let has_words = !named.is_empty();
        let keywords: Vec<(String, Span)> =
            named.iter().map(|(name, value)| (name.clone(), value.span)).collect();
        for value in arguments.into_iter().chain(named.into_iter().map(|(_, value)| value)) {
            if has_words {
                // Evaluated in the order written, passed in that of the parameters.
                let (first, value) = self.temp(value);
                before.extend(first);
                values.push(value);
            } else {
                values.push(value);
            }
        }
        let Some(bound) = self.bind(&callee.ast, count, &keywords, span) else {
            return Self::error(span);
        };
        if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
            return Self::seq(before, trivial);
        }
        let mut ordered = Vec::new();
        for (parameter, slot) in callee.ast.parameters.iter().zip(&bound.one) {
            let value = match (slot, &parameter.default) {
                (Some(at), _) => values[*at].clone(),
                (None, Some(default)) => self.default_value(index, default, span),
                (None, None) if parameter.takes == Takes::Positional => {
                    let rest = bound.rest.iter().map(|at| Item::One(values[*at].clone()));
                    self.item_value(Item::Many(rest.collect()), span)
                }
                (None, None) if parameter.takes == Takes::Keywords => {
                    let words = bound
                        .words
                        .iter()
                        .map(|at| (keywords[at - count].0.as_str(), values[*at].clone()));
                    let (statements, words) = self.words(place, span, words.collect());
                    before.extend(statements);
                    words
                }
                (None, None) => Self::error(span),
            };
            if value.ty == Ty::Error {
                return value;
            }
            ordered.push(value);
        }
        for value in captured.unwrap_or_else(|| self.captured_values(index, span)) {
            if value.ty == Ty::Error {
                return value;
            }
            ordered.push(value);
        }
        let types = ordered.iter().map(|value| self.resolve(&value.ty)).collect();
        let instance = self.program.reach(index, types);
        self.called_from(instance, index, span);
        if callee.ast.yields {
            let made = self.new_generator(instance, ordered, span);
            return Self::seq(before, made);
        }
        let result = self.program.instances[instance].result.clone();
        let result = self.resolve(&result);
        Self::seq(before, Ex::new(Op::Call(instance, ordered), result, span))
    }

    /// Keyword arguments as a dict.
    fn words(&mut self, place: u32, span: Span, words: Vec<(&str, Ex)>) -> (Vec<St>, Ex) {
        if words.is_empty() {
            let ty = Ty::Dict(Box::new(Ty::Str), Box::new(Ty::Never));
            return (Vec::new(), Self::call_runtime("dict_new", Vec::new(), ty, span));
        }
        let dict = self.new_dict(place, span);
        self.capture(|this| {
            let dict = this.copy(dict);
            for (name, value) in words {
                let name = Self::text(name, span);
                let stored = this.dict_set(&dict, name, value, span);
                this.evaluate(stored);
            }
            dict
        })
    }

    /// A parameter's default, which Python evaluated once, when the function was defined.
    pub(super) fn default_value(&mut self, function: usize, default: &Expr, span: Span) -> Ex {
        if !constant(default) && self.program.functions[function].source.function().file != "<spm>"
        {
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
        let words: Vec<(String, Span)> =
            keywords.iter().map(|(name, value)| (name.clone(), value.span)).collect();
        let Some(bound) = self.bind(lambda, arguments.len(), &words, span) else {
            return Self::error(span);
        };
        let StmtKind::Return(Some(body)) = &lambda.body[0].kind else { return Self::error(span) };
        if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
            return trivial;
        }
        let (statements, value) = self.capture(|this| {
            let values: Vec<Ex> = values.into_iter().map(|value| this.copy(value)).collect();
            let mut scope = BTreeMap::new();
            for (parameter, slot) in lambda.parameters.iter().zip(bound.one) {
                let value = match (slot, &parameter.default) {
                    (Some(at), _) => values[at].clone(),
                    (None, Some(default)) => this.expr(default),
                    (None, None) => {
                        let message = "`*` and `**` parameters of a lambda are not supported here";
                        this.fail(Code::Parameters, parameter.span, message, "name the parameters")
                    }
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
