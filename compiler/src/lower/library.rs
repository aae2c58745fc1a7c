//! Calls of the standard library's functions that are templates, and functions that such calls make.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Body;
use super::comprehension::is_generator;
use super::flow::{SCOPED, VariableId};
use crate::ast::{Expr, ExprKind, Function, NodeId, Parameter, Span, Stmt, StmtKind, Takes};
use crate::diagnostics::Code;
use crate::instantiate::{Instantiation, Replacement};
use crate::ir::{Ex, InstanceId, Op};
use crate::library;
use crate::names;
use crate::parse;
use crate::request::{Captured, Request};
use crate::ty::Ty;

/// The first node of templates: functions of the user's have fewer.
const FIRST_NODE: NodeId = 0x0040_0000;

/// A template for one call.
pub(super) struct Expansion {
    pub body: Vec<Stmt>,
    scope: BTreeMap<String, VariableId>,
    /// Variables that get the values of arguments: of those given by position, then by name.
    values: Vec<Option<String>>,
    /// Those of them that are made lists, if they are ranges.
    sequences: BTreeSet<String>,
    /// Variables that get defaults.
    defaults: Vec<(String, Expr)>,
}

/// What is known of the library, across the runs.
pub(super) struct Library {
    helpers: BTreeMap<String, usize>,
    /// The first helper of ours among the functions.
    first: usize,
    /// By function, node and template: what a call becomes, or nothing if that was reported.
    expansions: BTreeMap<(usize, NodeId, String), Rc<Expansion>>,
    /// What factories of `defaultdict`s make, as text.
    pub factories: Vec<String>,
    hidden: BTreeMap<(usize, String), VariableId>,
    next_node: NodeId,
    next_variable: VariableId,
    /// Where the user's code calls an instance of a helper.
    called: BTreeMap<InstanceId, (usize, Span)>,
}

impl Library {
    pub(super) fn new(request: &Request) -> Self {
        let own = |function: &&crate::request::FunctionSource| function.file == library::FILE;
        let functions = request.functions.iter();
        let helpers = functions.clone().enumerate().filter(|(_, function)| own(function));
        Self {
            helpers: helpers.map(|(index, function)| (function.name.clone(), index)).collect(),
            first: functions.filter(|function| !own(function)).count(),
            expansions: BTreeMap::new(),
            factories: Vec::new(),
            hidden: BTreeMap::new(),
            next_node: FIRST_NODE,
            next_variable: SCOPED * 6,
            called: BTreeMap::new(),
        }
    }

    /// The number of a factory.
    pub(super) fn factory(&mut self, text: String) -> u32 {
        let known = self.factories.iter().position(|known| *known == text);
        let number = known.unwrap_or(self.factories.len());
        if known.is_none() {
            self.factories.push(text);
        }
        number as u32
    }

    /// A variable that is known by its name alone.
    pub(super) fn hidden(&mut self, function: usize, name: &str) -> VariableId {
        let next = self.next_variable;
        let variable = *self.hidden.entry((function, name.to_owned())).or_insert(next);
        if variable == next {
            self.next_variable += 1;
        }
        variable
    }

    pub(super) fn forget_instances(&mut self) {
        self.called.clear();
    }

    /// What a name of a template stands for that is none of its own.
    pub(super) fn captured(&self, name: &str) -> Captured {
        match self.helpers.get(name) {
            Some(index) => Captured::Function(*index),
            None if library::USED.contains(&name) => Captured::Module(name.to_owned()),
            None => Captured::Builtin(name.to_owned()),
        }
    }
}

impl Body<'_, '_> {
    /// Where the user's code leads to a place in this function: function and span.
    pub(super) fn user_place(&self, span: Span) -> (usize, Span) {
        if self.globals() < self.program.library.first {
            return (self.function, span);
        }
        self.program.library.called.get(&self.instance).copied().unwrap_or_default()
    }

    /// Remembers where a helper of ours is called first.
    pub(super) fn called_from(&mut self, instance: InstanceId, function: usize, span: Span) {
        if self.program.functions[function].globals >= self.program.library.first {
            let place = self.user_place(span);
            self.program.library.called.entry(instance).or_insert(place);
        }
    }

    /// The member of the library that an expression names.
    pub(super) fn library_member(&self, function: &Expr) -> Option<String> {
        let dotted = match &function.kind {
            ExprKind::Attribute(base, name) => match self.module(base) {
                Some(module) => format!("{module}.{name}"),
                None => format!("{}.{name}", self.member(base)?),
            },
            _ => self.member(function)?,
        };
        let dotted = library::canonical(&dotted).into_owned();
        let (module, _) = dotted.split_once('.')?;
        library::is_known(module).then_some(dotted)
    }

    /// A call of a library's function, if it is one.
    pub(super) fn library_call(
        &mut self,
        place: &Expr,
        dotted: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
    ) -> Option<Ex> {
        let dotted = library::canonical(dotted);
        if self.is_stream(place) {
            let message = format!("`{dotted}` can only be iterated over");
            let help = format!("use it in a `for` loop, or make a list: `list({dotted}(...))`");
            return Some(self.fail(Code::Function, place.span, message, &help));
        }
        if let Some(name) = dotted.strip_prefix("random.")
            && let Some(value) = self.random(name, arguments, keywords, place.span)
        {
            return Some(value);
        }
        if let Some(name) = dotted.strip_prefix("collections.") {
            return self.collection(place, name, arguments, keywords);
        }
        let text = library::function(&dotted)?;
        Some(self.template(place, &dotted, text, arguments, keywords))
    }

    /// What a template comes to.
    pub(super) fn template(
        &mut self,
        place: &Expr,
        name: &str,
        text: impl Into<Cow<'static, str>>,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
    ) -> Ex {
        let expansion = self.expansion(place, name, text.into(), arguments, keywords);
        let Some(expansion) = expansion else { return Self::error(place.span) };
        let before = self.env.clone();
        let (statements, value) = self.capture(|this| {
            this.with_arguments(&expansion, arguments, keywords, place.span, |this| {
                let Some((last, rest)) = expansion.body.split_last() else {
                    return Ex::none(place.span);
                };
                this.block(rest);
                if this.env.is_none() {
                    return Self::unreachable(place.span);
                }
                let StmtKind::Return(Some(value)) = &last.kind else {
                    this.statement(last);
                    return match this.env {
                        Some(_) => Ex::none(place.span),
                        None => Self::unreachable(place.span),
                    };
                };
                let value = this.expr(value);
                this.keep(value)
            })
        });
        // That it does not return is said by its type.
        if self.env.is_none() {
            self.env = before;
        }
        Self::seq(statements, value)
    }

    /// What the runtime does of `random`.
    fn random(
        &mut self,
        name: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Option<Ex> {
        let (runtime, ty, least, most) = match name {
            "random" => ("random_random", Ty::Float, 0, 0),
            "getrandbits" => ("random_bits", Ty::Int, 1, 1),
            "seed" => ("random_seed", Ty::None, 1, 1),
            "gauss" => ("random_gauss", Ty::Float, 0, 2),
            _ => return None,
        };
        if !keywords.is_empty() || arguments.len() < least || arguments.len() > most {
            let message = format!("`random.{name}` with these arguments is not supported");
            let help = if name == "seed" { "seed it with an int" } else { "" };
            return Some(self.fail(Code::Arguments, span, message, help));
        }
        let mut values: Vec<Ex> = arguments.iter().map(|argument| self.expr(argument)).collect();
        if let Some(trivial) = self.trivial(&values.iter().collect::<Vec<_>>(), span) {
            return Some(trivial);
        }
        if name == "seed" && !matches!(self.resolve(&values[0].ty), Ty::Int | Ty::Bool) {
            let message = "only an int can seed the generator here";
            return Some(self.fail(Code::Operand, span, message, "seed it with an int"));
        }
        for default in [0.0, 1.0].into_iter().skip(values.len()).take(most.saturating_sub(1) * 2) {
            values.push(Ex::new(Op::Float(default), Ty::Float, span));
        }
        let values = values.into_iter().map(|value| match name {
            "gauss" => self.real(value, span),
            _ => self.index_value(value, span),
        });
        let values = values.collect();
        Some(Self::call_runtime(runtime, values, ty, span))
    }

    /// Evaluates the arguments of a template, and runs `action` with its variables in scope.
    pub(super) fn with_arguments(
        &mut self,
        expansion: &Expansion,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
        action: impl FnOnce(&mut Self) -> Ex,
    ) -> Ex {
        let passed = arguments.iter().chain(keywords.iter().map(|(_, value)| value));
        let passed = expansion.values.iter().zip(passed);
        let passed = passed.filter_map(|(name, value)| Some((name.as_ref()?, value)));
        let defaults = expansion.defaults.iter().map(|(name, value)| (name, value));
        let mut failed = false;
        for (name, value) in passed.chain(defaults) {
            let is_range = self.builtin_call(value).is_some_and(|call| call.name == "range");
            let value = if is_range && expansion.sequences.contains(name) {
                self.list_from(value, value)
            } else {
                self.expr(value)
            };
            failed |= value.ty == Ty::Error;
            let variable = expansion.scope[name];
            self.names.insert(variable, name.clone());
            self.set_variable(variable, value);
        }
        if failed {
            return Self::error(span);
        }
        if self.env.is_none() {
            return Self::unreachable(span);
        }
        for (name, variable) in &expansion.scope {
            self.names.insert(*variable, name.clone());
        }
        self.scopes.push(expansion.scope.clone());
        let value = action(self);
        self.scopes.pop();
        if let Some(env) = &mut self.env {
            env.retain(|variable, _| !expansion.scope.values().any(|inner| inner == variable));
        }
        value
    }

    /// A template as a call needs it; nothing if the arguments do not fit, which is reported.
    pub(super) fn expansion(
        &mut self,
        place: &Expr,
        name: &str,
        text: Cow<'static, str>,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
    ) -> Option<Rc<Expansion>> {
        let key = (self.function, place.id, name.to_owned());
        if let Some(known) = self.program.library.expansions.get(&key) {
            return Some(Rc::clone(known));
        }
        let short = name.rsplit('.').next().unwrap_or(name);
        let (template, _) = parse::parse(&library::source_of(short, &text)).ok()?;
        let named: Vec<(String, Span)> =
            keywords.iter().map(|(name, value)| (name.clone(), value.span)).collect();
        let bound = self.bind(&template, arguments.len(), &named, place.span)?;
        let passed: Vec<&Expr> =
            arguments.iter().chain(keywords.iter().map(|(_, value)| value)).collect();
        let mut assigned = BTreeSet::new();
        names::assigned(&template.body, &mut assigned, &mut false);
        let mut expansion = Expansion {
            body: Vec::new(),
            scope: BTreeMap::new(),
            values: vec![None; passed.len()],
            sequences: BTreeSet::new(),
            defaults: Vec::new(),
        };
        let mut replacements = BTreeMap::new();
        let mut given = BTreeSet::new();
        for (parameter, slot) in template.parameters.iter().zip(&bound.one) {
            let value = match (slot, &parameter.default) {
                (Some(at), _) => {
                    given.insert(parameter.name.clone());
                    passed[*at]
                }
                (None, Some(default)) => default,
                (None, None) => continue,
            };
            let is_assigned = assigned.contains(&parameter.name);
            let replacement = self.replacement(parameter, value, is_assigned);
            let replacement = replacement.unwrap_or_else(|| {
                let own = self.own_name(&parameter.name, &mut expansion.scope);
                if kind_of(parameter) == "Seq" {
                    expansion.sequences.insert(own.clone());
                }
                match slot {
                    Some(at) => expansion.values[*at] = Some(own.clone()),
                    None => expansion.defaults.push((own.clone(), value.clone())),
                }
                Replacement::Variable(own)
            });
            replacements.insert(parameter.name.clone(), replacement);
        }
        for local in assigned {
            let scope = &mut expansion.scope;
            replacements
                .entry(local)
                .or_insert_with_key(|name| Replacement::Variable(self.own_name(name, scope)));
        }
        let mut body = template.body;
        Instantiation {
            names: &replacements,
            given: &given,
            span: place.span,
            next: &mut self.program.library.next_node,
            parameters: Vec::new(),
        }
        .block(&mut body);
        expansion.body = body;
        let expansion = Rc::new(expansion);
        self.program.library.expansions.insert(key, Rc::clone(&expansion));
        Some(expansion)
    }

    /// A name for a variable of a template's, which no program can write.
    fn own_name(&mut self, name: &str, scope: &mut BTreeMap<String, VariableId>) -> String {
        let variable = self.program.library.next_variable;
        self.program.library.next_variable += 1;
        let own = format!("<{name} {variable}>");
        scope.insert(own.clone(), variable);
        own
    }

    /// What stands for a parameter in a template, if it needs no variable.
    fn replacement(
        &self,
        parameter: &Parameter,
        value: &Expr,
        is_assigned: bool,
    ) -> Option<Replacement> {
        let kind = kind_of(parameter);
        let argument = || Some(Replacement::Argument(value.clone()));
        match &value.kind {
            _ if kind == "Call" => Some(Replacement::Callee(value.clone())),
            _ if kind == "Iter" && (is_generator(value) || self.is_lazy(value)) => argument(),
            _ if is_assigned => None,
            ExprKind::None | ExprKind::Bool(_) | ExprKind::Int(_) => argument(),
            ExprKind::Name(name) if self.variable(name).is_some() && !self.has_walrus => argument(),
            _ => None,
        }
    }

    /// Whether a call makes a function, which is then called: `itemgetter(1)`.
    pub(super) fn makes_function(&self, call: &Expr) -> bool {
        let ExprKind::Call { function, .. } = &call.kind else { return false };
        let member = self.library_member(function);
        matches!(member.as_deref(), Some("operator.itemgetter" | "functools.partial"))
    }

    /// Calls what `itemgetter(...)` or `partial(...)` makes.
    pub(super) fn made_function(
        &mut self,
        place: &Expr,
        maker: &Expr,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
    ) -> Ex {
        let ExprKind::Call { function, arguments: made, keywords: named } = &maker.kind else {
            return Self::error(place.span);
        };
        if let Some(value) = made.iter().chain(named.iter().map(|(_, it)| it)).find(|it| !plain(it))
        {
            let message = "what a function is made with must be a constant or a name here";
            return self.fail(Code::Expression, value.span, message, "use a lambda");
        }
        let span = place.span;
        let node = |kind, offset: NodeId| Expr { kind, span, id: place.id + offset * 0x0100_0000 };
        if self.library_member(function).as_deref() == Some("functools.partial") {
            let Some((function, before)) = made.split_first() else {
                let message = "type 'partial' takes at least one argument";
                return self.fail(Code::Arguments, span, message, "");
            };
            let kept = named.iter().filter(|(name, _)| !keywords.iter().any(|(it, _)| it == name));
            let kind = ExprKind::Call {
                function: Box::new(function.clone()),
                arguments: before.iter().chain(arguments).cloned().collect(),
                keywords: kept.chain(keywords).cloned().collect(),
            };
            return self.expr(&node(kind, 4));
        }
        if made.is_empty() || !named.is_empty() {
            let message = "itemgetter expected at least 1 argument, got 0";
            return self.fail(Code::Arguments, span, message, "");
        }
        let name = "<obj>".to_owned();
        let object = || node(ExprKind::Name(name.clone()), 5);
        let item = |index: &Expr| {
            node(ExprKind::Subscript(Box::new(object()), Box::new(index.clone())), 6)
        };
        let body = match made.as_slice() {
            [index] => item(index),
            several => node(ExprKind::Tuple(several.iter().map(item).collect()), 7),
        };
        let parameter = Parameter {
            name: name.clone(),
            span: maker.span,
            annotation: None,
            default: None,
            positional: true,
            keyword: false,
            takes: Takes::One,
        };
        let value = Stmt { kind: StmtKind::Return(Some(body)), span, id: 0 };
        let getter = Function {
            name: "itemgetter".to_owned(),
            parameters: vec![parameter],
            is_async: false,
            yields: false,
            body: vec![value],
            name_span: span,
        };
        self.inline(&getter, arguments, keywords, span)
    }

    /// A constant of `string`.
    pub(super) fn string_constant(&mut self, dotted: &str, span: Span) -> Ex {
        const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
        const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        const DIGITS: &str = "0123456789";
        const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
        const SPACE: &str = " \t\n\r\u{b}\u{c}";
        let text = match dotted {
            "string.ascii_lowercase" => LOWER.to_owned(),
            "string.ascii_uppercase" => UPPER.to_owned(),
            "string.ascii_letters" => format!("{LOWER}{UPPER}"),
            "string.digits" => DIGITS.to_owned(),
            "string.hexdigits" => format!("{DIGITS}abcdefABCDEF"),
            "string.octdigits" => "01234567".to_owned(),
            "string.punctuation" => PUNCTUATION.to_owned(),
            "string.whitespace" => SPACE.to_owned(),
            "string.printable" => format!("{DIGITS}{LOWER}{UPPER}{PUNCTUATION}{SPACE}"),
            _ => {
                let message = format!("`{dotted}` is not supported as a value");
                return self.fail(
                    Code::Function,
                    span,
                    message,
                    "of `string`, constants are known",
                );
            }
        };
        Self::text(&text, span)
    }
}

/// What a template's parameter is, by its annotation.
fn kind_of(parameter: &Parameter) -> &str {
    match parameter.annotation.as_ref().map(|annotation| &annotation.kind) {
        Some(ExprKind::Name(kind)) => kind,
        _ => "",
    }
}

/// Whether evaluating an expression again gives the same.
fn plain(expression: &Expr) -> bool {
    match &expression.kind {
        ExprKind::None
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Str(_)
        | ExprKind::Name(_)
        | ExprKind::Attribute(..)
        | ExprKind::Lambda(_) => true,
        ExprKind::Unary(_, value) => plain(value),
        _ => false,
    }
}
