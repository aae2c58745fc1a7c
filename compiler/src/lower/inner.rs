//! Functions within functions, and lambdas that have a name.
//!
//! Each is compiled as a function of its own. The variables of the functions around it that it reads come to it as further
//! arguments of every call, as they are then: Python, too, looks them up when the function runs.

use std::collections::{BTreeMap, BTreeSet};

use super::flow::Set;
use super::{Body, Parsed};
use crate::ast::{
    Comparison, ComprehensionKind, Expr, ExprKind, Function, NodeId, Parameter, Span, Stmt,
    StmtKind, Takes,
};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::{Ex, Op, St};
use crate::names;
use crate::request::FunctionSource;
use crate::source::Source;
use crate::ty::Ty;

/// Where a function stands: the function around it, and its place in that.
pub(crate) type Place = (usize, Span);

/// A function within another, before it has its source.
pub(crate) struct Found {
    pub parent: usize,
    pub ast: Function,
    pub source: FunctionSource,
}

/// Finds the functions within functions, at any depth.
pub(crate) fn find(parsed: &[(Function, FunctionSource, Vec<Diagnostic>)]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (index, (ast, source, _)) in parsed.iter().enumerate() {
        collect(index, ast, source, &mut found);
    }
    let mut next = 0;
    while next < found.len() {
        let (ast, source) = (found[next].ast.clone(), found[next].source.clone());
        collect(parsed.len() + next, &ast, &source, &mut found);
        next += 1;
    }
    found
}

fn collect(parent: usize, ast: &Function, source: &FunctionSource, found: &mut Vec<Found>) {
    let mut add = |function: &Function| {
        let name = function.name.clone();
        let qualname = format!("{}.<locals>.{name}", source.qualname);
        let source = FunctionSource { name, qualname, ..source.clone() };
        found.push(Found { parent, ast: function.clone(), source });
    };
    let mut named = BTreeSet::new();
    each(&ast.body, &mut |_, function| {
        named.insert(function.name_span);
        add(function);
    });
    lambdas(&ast.body, &mut |lambda| {
        if !named.contains(&lambda.name_span) {
            add(lambda);
        }
    });
}

/// The name of the functions that generator expressions are.
const GENERATOR: &str = "<genexpr>";
/// What goes through a generator expression at once, so that it need not be a function.
const CONSUMERS: &[&str] = &[
    "Counter",
    "all",
    "any",
    "deque",
    "dict",
    "enumerate",
    "extend",
    "filter",
    "join",
    "list",
    "map",
    "max",
    "min",
    "next",
    "reduce",
    "set",
    "sorted",
    "sum",
    "tuple",
    "update",
    "zip",
];
/// The first of the nodes that stand around the expressions of such a function. None has as many of its own.
const GENERATOR_NODE: NodeId = 0x0030_0000;

/// What a generator expression evaluates when it is made, and what it goes through, with names in the place of these.
pub(super) fn eager(iter: &Expr) -> (Vec<&Expr>, Expr) {
    let name = |at: usize, of: &Expr| Expr { kind: ExprKind::Name(format!(".{at}")), ..of.clone() };
    if let ExprKind::Call { function, arguments, keywords } = &iter.kind
        && let ExprKind::Name(called) = &function.kind
        && matches!(called.as_str(), "enumerate" | "range" | "reversed" | "zip")
        && keywords.is_empty()
        && !arguments.iter().any(|argument| matches!(argument.kind, ExprKind::Starred(_)))
    {
        let named = arguments.iter().enumerate().map(|(at, of)| name(at, of)).collect();
        let kind =
            ExprKind::Call { function: function.clone(), arguments: named, keywords: Vec::new() };
        return (arguments.iter().collect(), Expr { kind, ..iter.clone() });
    }
    (vec![iter], name(0, iter))
}

/// The function that a generator expression is.
fn generator(expression: &Expr) -> Option<Function> {
    let ExprKind::Comprehension { kind: ComprehensionKind::Generator, element, clauses, .. } =
        &expression.kind
    else {
        return None;
    };
    let span = expression.span;
    let mut next = GENERATOR_NODE;
    let mut statement = |kind| {
        next += 1;
        Stmt { kind, span, id: next }
    };
    let (arguments, first) = eager(&clauses.first()?.iter);
    let parameters = arguments.iter().enumerate().map(|(at, argument)| Parameter {
        name: format!(".{at}"),
        span: argument.span,
        annotation: None,
        default: None,
        positional: true,
        keyword: false,
        takes: Takes::One,
    });
    let parameters = parameters.collect();
    let mut body = vec![statement(StmtKind::Yield((**element).clone()))];
    for (at, clause) in clauses.iter().enumerate().rev() {
        for test in clause.conditions.iter().rev() {
            let (test, orelse) = (test.clone(), Vec::new());
            body = vec![statement(StmtKind::If { test, body, orelse })];
        }
        let iter = if at == 0 { first.clone() } else { clause.iter.clone() };
        let (target, orelse) = (clause.target.clone(), Vec::new());
        body = vec![statement(StmtKind::For { target, iter, body, orelse })];
    }
    let name = GENERATOR.to_owned();
    Some(Function { name, parameters, is_async: false, yields: true, body, name_span: span })
}

/// Visits the lambdas in statements, those of functions and lambdas among them left out.
fn lambdas(body: &[Stmt], visit: &mut dyn FnMut(&Function)) {
    fn in_expression(expression: &Expr, visit: &mut dyn FnMut(&Function)) {
        if let ExprKind::Lambda(lambda) = &expression.kind {
            visit(lambda);
        }
        if let Some(generator) = generator(expression) {
            visit(&generator);
        }
        if let ExprKind::Call { function, arguments, .. } = &expression.kind
            && let ExprKind::Name(name) | ExprKind::Attribute(_, name) = &function.kind
            && let [only] = arguments.as_slice()
            && CONSUMERS.contains(&name.as_str())
            && let ExprKind::Comprehension { kind: ComprehensionKind::Generator, .. } = &only.kind
        {
            names::each_child(only, &mut |child| in_expression(child, visit));
            return;
        }
        names::each_child(expression, &mut |child| in_expression(child, visit));
    }
    for statement in body {
        names::each_expression(statement, &mut |expression| in_expression(expression, visit));
        names::blocks(statement, &mut |block| lambdas(block, visit));
    }
}

/// Visits the functions that statements give a name: the name, and the function.
fn each(body: &[Stmt], visit: &mut dyn FnMut(&str, &Function)) {
    for statement in body {
        match &statement.kind {
            StmtKind::Function(function) => visit(&function.name, function),
            StmtKind::Assign { targets, value } => {
                if let ([target], ExprKind::Lambda(lambda)) = (targets.as_slice(), &value.kind)
                    && let ExprKind::Name(name) = &target.kind
                {
                    visit(name, lambda);
                }
            }
            _ => {}
        }
        names::blocks(statement, &mut |block| each(block, visit));
    }
}

/// Which functions are within which, and what they need of one another.
pub(super) struct Nesting {
    /// For each function, the variables of those around it that it needs.
    pub captures: Vec<BTreeSet<String>>,
    /// For each function, the names of those within it that have one to themselves.
    named: Vec<BTreeMap<String, usize>>,
    locals: Vec<BTreeSet<String>>,
    /// For each function, the variables that several functions assign.
    pub cells: Vec<BTreeSet<String>>,
}

impl Nesting {
    pub(super) fn of(functions: &[Parsed<'_>]) -> Self {
        let named = (0..functions.len()).map(|parent| named(functions, parent)).collect();
        let locals = functions.iter().map(|function| names::locals(&function.ast)).collect();
        let mut nesting = {
            let none = vec![BTreeSet::new(); functions.len()];
            Self { captures: none.clone(), named, locals, cells: none }
        };
        if functions.iter().any(|function| function.place.is_some()) {
            nesting.find_captures(functions);
            nesting.find_cells(functions);
        }
        nesting
    }

    /// Until nothing changes: functions call one another.
    fn find_captures(&mut self, functions: &[Parsed<'_>]) {
        let free: Vec<_> = functions.iter().map(|function| names::free(&function.ast)).collect();
        let mut changed = true;
        while changed {
            changed = false;
            for (index, function) in functions.iter().enumerate() {
                if function.place.is_none() {
                    continue;
                }
                let mut needed = BTreeSet::new();
                for name in &free[index] {
                    self.add_needed(functions, index, name, &mut needed);
                }
                for (inner, other) in functions.iter().enumerate() {
                    if other.place.is_some_and(|(parent, _)| parent == index) {
                        needed.extend(self.captures[inner].iter().cloned());
                    }
                }
                needed.retain(|name| !self.locals[index].contains(name));
                changed |= needed != self.captures[index];
                self.captures[index] = needed;
            }
        }
    }

    fn find_cells(&mut self, functions: &[Parsed<'_>]) {
        let mut shared = BTreeSet::new();
        for (index, function) in functions.iter().enumerate() {
            let mut declared = BTreeSet::new();
            names::nonlocals(&function.ast.body, &mut declared);
            for name in declared {
                if let Some(owner) = self.owner(functions, index, &name) {
                    shared.insert((owner, name));
                }
            }
            // A generator reads them when it goes on, whatever they are then.
            let goes_on = function.ast.yields && function.ast.name != GENERATOR;
            for name in self.captures[index].iter().filter(|_| goes_on) {
                if let Some(owner) = self.owner(functions, index, name)
                    && names::assignments(&functions[owner].ast.body, name) > 0
                {
                    shared.insert((owner, name.clone()));
                }
            }
        }
        for index in 0..functions.len() {
            let names = self.captures[index].iter().chain(&self.locals[index]);
            let cells = names.filter(|name| {
                let owner = if self.locals[index].contains(*name) {
                    Some(index)
                } else {
                    self.owner(functions, index, name)
                };
                owner.is_some_and(|owner| shared.contains(&(owner, (*name).clone())))
            });
            self.cells[index] = cells.cloned().collect();
        }
    }

    /// The function around another whose variable a name is.
    fn owner(&self, functions: &[Parsed<'_>], index: usize, name: &str) -> Option<usize> {
        let mut around = functions[index].place;
        while let Some((parent, _)) = around {
            if self.locals[parent].contains(name) {
                return Some(parent);
            }
            around = functions[parent].place;
        }
        None
    }

    /// Adds what a free name of a function needs of the functions around it.
    fn add_needed(
        &self,
        functions: &[Parsed<'_>],
        index: usize,
        name: &str,
        needed: &mut BTreeSet<String>,
    ) {
        let mut around = functions[index].place;
        while let Some((parent, _)) = around {
            if let Some(inner) = self.named[parent].get(name) {
                needed.extend(self.captures[*inner].iter().cloned());
                return;
            }
            if self.locals[parent].contains(name) {
                needed.insert(name.to_owned());
                return;
            }
            around = functions[parent].place;
        }
    }
}

/// The functions within one that have a name to themselves.
fn named(functions: &[Parsed<'_>], parent: usize) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let mut several = BTreeSet::new();
    each(&functions[parent].ast.body, &mut |name, function| {
        let place = Some((parent, function.name_span));
        let index = functions.iter().position(|function| function.place == place);
        if let Some(index) = index
            && found.insert(name.to_owned(), index).is_some()
        {
            several.insert(name.to_owned());
        }
    });
    found.retain(|name, _| !several.contains(name));
    found
}

impl Body<'_, '_> {
    /// The function within this one, or around it, that a name stands for.
    pub(super) fn inner_function(&self, name: &str) -> Option<usize> {
        // A parameter or variable of a comprehension hides it.
        let hides = self.scopes.iter().skip(1).any(|scope| scope.contains_key(name));
        if hides {
            return None;
        }
        let (functions, nesting) = (self.program.functions, &self.program.nesting);
        let mut around = Some(self.function);
        while let Some(parent) = around {
            if let Some(found) = nesting.named[parent].get(name) {
                return Some(*found);
            }
            if nesting.locals[parent].contains(name) {
                return None;
            }
            around = functions[parent].place.map(|(parent, _)| parent);
        }
        None
    }

    /// `def` within a function.
    pub(super) fn define(&mut self, name: &str, function: &Function) {
        if self.inner_function(name).is_none() || self.is_assigned_too(name) {
            let message = format!("`{name}` stands for several functions or values");
            let help = "give each function a name of its own";
            self.report(Code::Statement, function.name_span, message, help);
        }
        for parameter in &function.parameters {
            if let Some(default) = parameter.default.as_ref().filter(|it| !is_constant(it)) {
                let message = "this default is not a constant";
                let help = "use a number, a str or None";
                self.report(Code::Parameters, default.span, message, help);
            }
        }
        if let Some(variable) = self.variable(name) {
            self.set_variable(variable, Ex::none(function.name_span));
        }
    }

    /// Whether a name is assigned otherwise than by its one function.
    fn is_assigned_too(&self, name: &str) -> bool {
        self.ast.parameters.iter().any(|parameter| parameter.name == name)
            || names::assignments(&self.ast.body, name) > 1
    }

    /// The values that a call of a function within this one passes beside its arguments.
    pub(super) fn captured_values(&mut self, function: usize, span: Span) -> Vec<Ex> {
        let names: Vec<String> = self.program.nesting.captures[function].iter().cloned().collect();
        let mut values = Vec::new();
        for name in names {
            let variable = self.scopes.first().and_then(|scope| scope.get(&name).copied());
            let state = variable.and_then(|variable| self.env.as_ref()?.get(&variable));
            let is_cell = variable.is_some_and(|variable| self.cells.contains_key(&variable));
            if !is_cell && !state.is_some_and(|state| state.set == Set::Always) {
                let message = format!("`{name}` may have no value when this function is called");
                let help = "assign it before the call on all paths";
                values.push(self.fail(Code::UndefinedName, span, message, help));
                continue;
            }
            match variable {
                Some(variable) if self.cells.contains_key(&variable) => {
                    let local = self.cells[&variable];
                    let ty = self.locals[local].ty.clone();
                    values.push(Ex::local(local, ty, span));
                }
                Some(variable) => values.push(self.get_variable(variable, span)),
                None => {}
            }
        }
        values
    }

    /// Whether the function that a name stands for is defined here: reading the name says so.
    pub(super) fn defined(&mut self, name: &str, span: Span) -> Option<Ex> {
        let own = self.scopes.first().and_then(|scope| scope.get(name).copied());
        let variable =
            own.filter(|_| self.program.nesting.named[self.function].contains_key(name))?;
        Some(self.get_variable(variable, span))
    }

    /// Makes the lists of variables that several functions assign. Those of functions around come as arguments, of
    /// which there are so many.
    pub(super) fn make_cells(&mut self, arguments: usize) {
        let parameters = self.ast.parameters.len();
        let captures = self.own_captures();
        for name in self.program.nesting.cells[self.function].clone() {
            let Some(variable) = self.variable(&name) else { continue };
            if let Some(at) = captures.iter().position(|known| *known == name) {
                if parameters + at < arguments {
                    let first = usize::from(self.generator.is_some());
                    self.cells.insert(variable, first + parameters + at);
                }
                continue;
            }
            let span = self.ast.name_span;
            let element = self.program.types.variable(self.instance as u32, variable as u32, 7);
            let ty = Ty::list(element);
            let local = self.fresh(&ty);
            self.push(St::Set(local, Ex::new(Op::NewList(Vec::new()), ty, span)));
            self.cells.insert(variable, local);
        }
    }

    /// Whether an argument is a variable that functions within this one assign.
    pub(super) fn is_own_cell(&self, argument: usize) -> bool {
        argument < self.ast.parameters.len() && self.cells.contains_key(&argument)
    }

    fn cell(&self, variable: usize, span: Span) -> Ex {
        let local = self.cells[&variable];
        let ty = self.resolve(&self.locals[local].ty);
        Ex::local(local, ty, span)
    }

    /// Reads a variable that several functions assign.
    pub(super) fn get_cell(&mut self, variable: usize, span: Span) -> Ex {
        let cell = self.cell(variable, span);
        let Ty::List(element) = &cell.ty else { return Self::error(span) };
        let element = self.element(element);
        let test = Self::int_compare(Comparison::Eq, Self::length(cell.clone()), Ex::int(0, span));
        let index = Box::new(Ex::int(0, span));
        let get = Op::ListGet { list: Box::new(cell), index, checked: false };
        let unbound = self.unbound(variable, span);
        if element == Ty::Never {
            return unbound;
        }
        let value = Ex::new(get, element, span);
        self.choose(test, unbound, value, span)
    }

    /// Assigns a variable that several functions assign.
    pub(super) fn set_cell(&mut self, variable: usize, value: Ex) {
        let span = value.span;
        let cell = self.cell(variable, span);
        let Ty::List(element) = cell.ty.clone() else { return };
        let value = self.keep(value);
        let value = self.fit(value, &element, "a variable", span);
        if matches!(value.ty, Ty::Error | Ty::Never) {
            self.evaluate(value);
            return;
        }
        let test = Self::int_compare(Comparison::Eq, Self::length(cell.clone()), Ex::int(0, span));
        let (append, ()) = self.capture(|this| {
            let added = this.append(&cell, value.clone(), span);
            this.evaluate(added);
        });
        let index = Ex::int(0, span);
        let set = St::ListSet { list: cell, index, value, checked: false };
        self.push(St::If(test, append, vec![set]));
    }

    /// The names of the variables that come with the calls of this function.
    pub(super) fn own_captures(&self) -> Vec<String> {
        self.program.nesting.captures[self.function].iter().cloned().collect()
    }
}

/// Whether a default is the same whenever it is evaluated, here and elsewhere.
pub(super) fn is_constant(default: &Expr) -> bool {
    match &default.kind {
        ExprKind::None
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Str(_)
        | ExprKind::Bytes(_) => true,
        ExprKind::Unary(_, value) => is_constant(value),
        ExprKind::Tuple(items) => items.iter().all(is_constant),
        _ => false,
    }
}

/// The functions of a request with those within them.
pub(crate) fn with_sources<'a>(
    outer: Vec<(Function, Source<'a>, Vec<Diagnostic>)>,
    found: &'a [Found],
) -> Vec<Parsed<'a>> {
    let mut parsed: Vec<Parsed<'a>> = Vec::new();
    for (globals, (ast, source, problems)) in outer.into_iter().enumerate() {
        parsed.push(Parsed { ast, source, problems, globals, place: None });
    }
    for inner in found {
        let globals = parsed[inner.parent].globals;
        let place = Some((inner.parent, inner.ast.name_span));
        let source = Source::new(&inner.source);
        // What is wrong with it was found in the function around it.
        let (ast, problems) = (inner.ast.clone(), Vec::new());
        parsed.push(Parsed { ast, source, problems, globals, place });
    }
    parsed
}
