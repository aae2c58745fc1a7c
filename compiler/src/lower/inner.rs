//! Functions within functions, and lambdas that have a name.
//!
//! Each is compiled as a function of its own. The variables of the functions around it that it reads come to it as further
//! arguments of every call, as they are then: Python, too, looks them up when the function runs.

use std::collections::{BTreeMap, BTreeSet};

use super::flow::Set;
use super::{Body, Parsed};
use crate::ast::{Expr, ExprKind, Function, Span, Stmt, StmtKind};
use crate::diagnostics::Code;
use crate::ir::Ex;
use crate::names;
use crate::request::FunctionSource;
use crate::source::Source;

/// Where a function stands: the function around it, and its place in that.
pub(crate) type Place = (usize, Span);

/// A function within another, before it has its source.
pub(crate) struct Found {
    pub parent: usize,
    pub ast: Function,
    pub source: FunctionSource,
}

/// Finds the functions within functions, at any depth.
pub(crate) fn find(parsed: &[(Function, FunctionSource)]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (index, (ast, source)) in parsed.iter().enumerate() {
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
    each(&ast.body, &mut |_, function| {
        let name = function.name.clone();
        let qualname = format!("{}.<locals>.{name}", source.qualname);
        let source = FunctionSource { name, qualname, ..source.clone() };
        found.push(Found { parent, ast: function.clone(), source });
    });
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
}

impl Nesting {
    pub(super) fn of(functions: &[Parsed<'_>]) -> Self {
        let named = (0..functions.len()).map(|parent| named(functions, parent)).collect();
        let locals = functions.iter().map(|function| names::locals(&function.ast)).collect();
        let mut nesting = Self { captures: vec![BTreeSet::new(); functions.len()], named, locals };
        if functions.iter().any(|function| function.place.is_some()) {
            nesting.find_captures(functions);
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
            if !state.is_some_and(|state| state.set == Set::Always) {
                let message = format!("`{name}` may have no value when this function is called");
                let help = "assign it before the call on all paths";
                values.push(self.fail(Code::UndefinedName, span, message, help));
                continue;
            }
            if let Some(variable) = variable {
                values.push(self.get_variable(variable, span));
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

    /// The names of the variables that come with the calls of this function.
    pub(super) fn own_captures(&self) -> Vec<String> {
        self.program.nesting.captures[self.function].iter().cloned().collect()
    }
}

/// Whether a default is the same whenever it is evaluated, here and elsewhere.
fn is_constant(default: &Expr) -> bool {
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
    outer: Vec<(Function, Source<'a>)>,
    found: &'a [Found],
) -> Vec<Parsed<'a>> {
    let mut parsed: Vec<Parsed<'a>> = Vec::new();
    for (globals, (ast, source)) in outer.into_iter().enumerate() {
        parsed.push(Parsed { ast, source, globals, place: None });
    }
    for inner in found {
        let globals = parsed[inner.parent].globals;
        let place = Some((inner.parent, inner.ast.name_span));
        let source = Source::new(&inner.source);
        parsed.push(Parsed { ast: inner.ast.clone(), source, globals, place });
    }
    parsed
}
