//! From the syntax tree to the typed program: names, types and Python's rules.
//!
//! Types are found by running this pass until nothing changes. What survives from one run to the
//! next only grows: bindings of element types ([`Types`]), result types of functions, and the types
//! that variables have where paths meet ([`flow::Join`]). The last run, in which nothing changed,
//! is the one whose program and diagnostics count.

mod arith;
mod assign;
mod attempt;
mod builtins;
mod call;
mod callbacks;
mod captured;
mod collect;
mod columns;
mod compare;
mod comprehension;
mod construct;
mod convert;
mod dunder;
mod expr;
mod flow;
mod format;
mod functions;
mod generators;
pub(crate) mod inner;
mod iterate;
mod iterators;
mod library;
mod managed;
mod matching;
mod math;
mod methods;
mod narrow;
mod objects;
mod reduce;
mod special;
mod stmt;
mod stream;
mod strings;
mod subscript;
mod suspend;
mod task;
mod team;
mod tuples;
mod values;
mod with;

use std::collections::{BTreeMap, BTreeSet};

use crate::ast::{Function, NodeId, Span};
use crate::classes::Classes;
use crate::diagnostics::{Code, Diagnostic};
use crate::exceptions;
use crate::ir::{Callback, Func, InstanceId, Label, Local, LocalId, Program, St};
use crate::names;
use crate::request::{Literal, Request};
use crate::source::Source;
use crate::ty::{Ty, Types};
pub(crate) use callbacks::sources as callback_sources;
use flow::{Env, Join, JoinKey, VariableId};

/// Runs before we give up on finding the types. Each one finds at least one more.
const PASSES_MAX: usize = 200;
/// Specialisations of functions in one closure.
const INSTANCES_MAX: usize = 200;

/// A function of the request, parsed.
pub(crate) struct Parsed<'a> {
    pub ast: Function,
    pub source: Source<'a>,
    /// What is outside of the language. It counts if the function is reached: a class has methods that nobody calls.
    pub problems: Vec<Diagnostic>,
    /// Whose global names it reads: index into the request's functions.
    pub globals: usize,
    /// Where it stands in another function, if it does.
    pub place: Option<inner::Place>,
}

/// The typed program, with the types callers want to know.
pub(crate) struct Lowered {
    pub program: Program,
    pub types: Types,
    pub result: Ty,
}

/// A function for one list of parameter types.
struct Instance {
    function: usize,
    parameters: Vec<Ty>,
    result: Ty,
}

/// An element put into a container: function, types of its parameters, and place.
type ElementKey = (usize, Vec<Ty>, Span);

/// What is known of the whole program, across the runs.
struct Lowerer<'a> {
    request: &'a Request,
    functions: &'a [Parsed<'a>],
    types: Types,
    instances: Vec<Instance>,
    index: BTreeMap<(usize, Vec<Ty>), InstanceId>,
    joins: BTreeMap<JoinKey, Join>,
    /// Variables that need a flag to tell whether they are set.
    flagged: BTreeSet<(InstanceId, VariableId)>,
    changed: bool,
    diagnostics: Vec<Diagnostic>,
    lazies: Vec<(Literal, Ty)>,
    /// Instances reached in this run, in the order they were.
    reached: Vec<InstanceId>,
    /// Elements that turned out to have wider types than they first seemed to have.
    widened: BTreeMap<ElementKey, Ty>,
    classes: Classes,
    /// Types of attributes, by family and name.
    fields: BTreeMap<(u32, String), Ty>,
    /// What the runtime calls, and which instance that is.
    callbacks: BTreeMap<Callback, InstanceId>,
    /// The next run is to know nothing but `widened`.
    begins_anew: bool,
    library: library::Library,
    /// Whether there is a `try` in any function.
    catches: bool,
    nesting: inner::Nesting,
    /// The classes of generators, by the function that resumes them, and back.
    generators: BTreeMap<InstanceId, u32>,
    resumed: BTreeMap<u32, InstanceId>,
    /// The dicts of functions that keep their results: index into `lazies`.
    memos: BTreeMap<usize, usize>,
}

/// Types and lowers everything the entry reaches.
pub(crate) fn lower(
    request: &Request,
    functions: &[Parsed<'_>],
) -> Result<Lowered, Vec<Diagnostic>> {
    let mut lowerer = Lowerer {
        request,
        functions,
        types: Types::with(exceptions::Classes::of(request)),
        instances: Vec::new(),
        index: BTreeMap::new(),
        joins: BTreeMap::new(),
        flagged: BTreeSet::new(),
        changed: false,
        diagnostics: Vec::new(),
        lazies: Vec::new(),
        reached: Vec::new(),
        widened: BTreeMap::new(),
        classes: Classes::new(request, &functions.iter().map(|it| &it.ast).collect::<Vec<_>>()),
        fields: BTreeMap::new(),
        callbacks: BTreeMap::new(),
        begins_anew: false,
        library: library::Library::new(request),
        nesting: inner::Nesting::of(functions),
        generators: BTreeMap::new(),
        resumed: BTreeMap::new(),
        memos: BTreeMap::new(),
        catches: functions.iter().any(|function| names::catches(&function.ast.body))
            || generators::may_stop(functions),
    };
    lowerer.seed_fields();
    lowerer.check_parameters()?;
    for _ in 0..PASSES_MAX {
        let functions = lowerer.run();
        if lowerer.begins_anew {
            lowerer.begin_anew();
            continue;
        }
        if !lowerer.changed && !lowerer.types.changed {
            return lowerer.finish(functions);
        }
    }
    let entry = &functions[0];
    let message = "the types of this function could not be found out";
    let help = "annotate its empty lists and its parameters".to_owned();
    let code = Code::TooComplex;
    Err(vec![entry.source.diagnostic(code, entry.ast.name_span, message, Some(help))])
}

impl Lowerer<'_> {
    fn check_parameters(&self) -> Result<(), Vec<Diagnostic>> {
        let entry = &self.functions[0];
        if entry.ast.yields {
            let message = "a task cannot return a generator";
            let help = "let another function return a list of its items: `list(...)`".to_owned();
            let (code, span) = (Code::Expression, entry.ast.name_span);
            return Err(vec![entry.source.diagnostic(code, span, message, Some(help))]);
        }
        let wanted = entry.ast.parameters.len();
        if wanted != self.request.parameters.len() {
            let given = self.request.parameters.len();
            let message =
                format!("types were given for {given} parameters, but there are {wanted}");
            let span = entry.ast.name_span;
            return Err(vec![entry.source.diagnostic(Code::Parameters, span, message, None)]);
        }
        Ok(())
    }

    /// Forgets all types that were found.
    fn begin_anew(&mut self) {
        self.begins_anew = false;
        let exceptions = std::mem::take(&mut self.types.exceptions);
        self.types = Types::with(exceptions);
        self.instances.clear();
        self.index.clear();
        self.joins.clear();
        self.flagged.clear();
        self.library.forget_instances();
        self.fields.clear();
        self.classes.list.truncate(self.request.classes.len());
        self.generators.clear();
        self.resumed.clear();
        self.seed_fields();
    }

    /// One run over everything reachable.
    fn run(&mut self) -> Vec<(InstanceId, Func)> {
        self.changed = false;
        self.types.changed = false;
        self.diagnostics.clear();
        self.lazies.clear();
        self.memos.clear();
        self.reached.clear();
        self.callbacks.clear();
        let parameters = self.request.parameters.iter().map(|p| Ty::from(&p.value_type)).collect();
        self.reach(0, parameters);
        let mut done = Vec::new();
        while done.len() < self.reached.len() {
            let instance = self.reached[done.len()];
            let function = &self.functions[self.instances[instance].function];
            self.diagnostics.extend(function.problems.iter().cloned());
            done.push((instance, Body::new(self, instance).lower()));
            if let Some((_, function)) = done.last_mut() {
                self.reach_callbacks(&mut function.body);
            }
            if self.instances.len() > INSTANCES_MAX {
                break;
            }
        }
        done
    }

    /// The instance of a function for these types, made if need be.
    fn reach(&mut self, function: usize, parameters: Vec<Ty>) -> InstanceId {
        let key = (function, parameters);
        let instance = if let Some(known) = self.index.get(&key) {
            *known
        } else {
            let instance = self.instances.len();
            self.changed = true;
            let parameters = key.1.clone();
            self.instances.push(Instance { function, parameters, result: Ty::Never });
            self.index.insert(key, instance);
            instance
        };
        if !self.reached.contains(&instance) {
            self.reached.push(instance);
        }
        instance
    }

    fn finish(mut self, functions: Vec<(InstanceId, Func)>) -> Result<Lowered, Vec<Diagnostic>> {
        if self.instances.len() > INSTANCES_MAX {
            let entry = &self.functions[0];
            let message = format!("more than {INSTANCES_MAX} combinations of functions and types");
            let help = "a recursive function seems to call itself with ever new types".to_owned();
            let span = entry.ast.name_span;
            self.diagnostics.push(entry.source.diagnostic(
                Code::TooComplex,
                span,
                message,
                Some(help),
            ));
        }
        let mut functions = functions;
        self.suspend(&mut functions);
        let result = self.types.resolve(&self.instances[functions[0].0].result);
        if self.diagnostics.is_empty() {
            self.check_types(&functions);
            if self.holds_generator(&result) {
                let entry = &self.functions[0];
                let message = "a task cannot return a generator";
                let help = "return a list of its items: `list(...)`".to_owned();
                let code = Code::Expression;
                let span = entry.ast.name_span;
                self.diagnostics.push(entry.source.diagnostic(code, span, message, Some(help)));
            }
            if attempt::holds_exception(&result) {
                let entry = &self.functions[0];
                let message = "a task cannot return an exception";
                let help = "raise it, or return its text: `str(error)`".to_owned();
                let code = Code::Expression;
                let span = entry.ast.name_span;
                self.diagnostics.push(entry.source.diagnostic(code, span, message, Some(help)));
            }
        }
        if !self.diagnostics.is_empty() {
            return Err(self.diagnostics);
        }
        let result = self.types.resolve(&self.instances[functions[0].0].result);
        if result.has_function() {
            let entry = &self.functions[0];
            let message = "a task cannot return a function";
            let help = "call it, and return what it gives".to_owned();
            let span = entry.ast.name_span;
            let problem = entry.source.diagnostic(Code::Operand, span, message, Some(help));
            return Err(vec![problem]);
        }
        if result.has_special() {
            let entry = &self.functions[0];
            let message =
                "a deque, Counter, defaultdict or OrderedDict cannot be returned to the caller";
            let help = "return `list(...)` or `dict(...)` of it".to_owned();
            let span = entry.ast.name_span;
            let problem = entry.source.diagnostic(Code::Operand, span, message, Some(help));
            return Err(vec![problem]);
        }
        // Instances are numbered as they were first seen; the program numbers those that are left.
        let numbers: BTreeMap<InstanceId, InstanceId> =
            functions.iter().enumerate().map(|(new, (old, _))| (*old, new)).collect();
        let mut functions: Vec<Func> =
            functions.into_iter().map(|(_, function)| function).collect();
        for function in &mut functions {
            crate::visit::renumber_calls(&mut function.body, &numbers);
            special::erase(function, &self.types);
        }
        let callbacks = std::mem::take(&mut self.callbacks);
        let callbacks = callbacks.into_iter().map(|(what, old)| (what, numbers[&old])).collect();
        for (_, ty) in &mut self.lazies {
            *ty = self.types.resolve(ty).without_special();
        }
        let (fields, types) = (&self.fields, &self.types);
        self.classes.set_types(&|root, name| {
            fields
                .get(&(root, name.to_owned()))
                .map_or(Ty::Never, |ty| types.resolve(ty).without_special())
        });
        let classes = self.classes;
        let program = Program { functions, lazies: self.lazies, classes, callbacks };
        Ok(Lowered { program, types: self.types, result })
    }
}

impl Lowerer<'_> {
    /// Reports functions whose types stayed unknown without anything being wrong with them.
    fn check_types(&mut self, functions: &[(InstanceId, Func)]) {
        for (_, function) in functions {
            let unknown = function.result == Ty::Error
                || function.locals.iter().any(|local| local.ty == Ty::Error);
            if unknown {
                let parsed = &self.functions[function.function];
                let message = "a type in this function could not be found out";
                let problem =
                    parsed.source.diagnostic(Code::UnknownType, function.span, message, None);
                self.diagnostics.push(problem);
            }
            let mut body = function.body.clone();
            let mut problems = Vec::new();
            crate::visit::every_expression(&mut body, &mut |expression| {
                if self.misuses_generators(expression) {
                    let source = &self.functions[function.function].source;
                    let message = "this use of a generator or a function is not supported";
                    let help = "iterate over generators, and call functions".to_owned();
                    let code = Code::Expression;
                    let problem = source.diagnostic(code, expression.span, message, Some(help));
                    problems.push(problem);
                }
                if attempt::misuses_exceptions(expression) {
                    let source = &self.functions[function.function].source;
                    let message = "this use of an exception is not supported";
                    let help = "raise it, or keep its text: `str(error)`".to_owned();
                    let code = Code::Expression;
                    let problem = source.diagnostic(code, expression.span, message, Some(help));
                    problems.push(problem);
                }
            });
            self.diagnostics.append(&mut problems);
        }
    }
}

/// Where `break` and `continue` lead.
struct LoopFrame {
    node: NodeId,
    /// Of which copy of the statements of `finally` it is part.
    copy: u32,
    break_label: Label,
    continue_label: Label,
}

/// One function instance being lowered.
struct Body<'l, 'a> {
    program: &'l mut Lowerer<'a>,
    instance: InstanceId,
    function: usize,
    ast: &'a Function,
    locals: Vec<Local>,
    slots: BTreeMap<(VariableId, Ty), LocalId>,
    flags: BTreeMap<VariableId, LocalId>,
    names: BTreeMap<VariableId, String>,
    scopes: Vec<BTreeMap<String, VariableId>>,
    imports: BTreeMap<String, String>,
    /// Variables as they are here; nothing if control does not get here.
    env: Option<Env>,
    /// How many expressions are around.
    within: u32,
    out: Vec<St>,
    loops: Vec<LoopFrame>,
    labels: Label,
    /// With `:=`, reading a variable must copy it.
    has_walrus: bool,
    /// Bodies of `try` around, innermost last.
    protected: Vec<attempt::Protected>,
    /// Statements of `finally` to come, innermost last.
    finals: Vec<attempt::Finally>,
    /// The exceptions that are being handled, innermost last.
    handling: Vec<LocalId>,
    /// Which copy of the statements of `finally` this is.
    copy: u32,
    /// Variables that functions within this one, or around it, assign, too: lists of one item or none.
    cells: BTreeMap<VariableId, LocalId>,
    /// The type of the generator that this function resumes; it is the first local.
    generator: Option<Ty>,
}

impl<'l, 'a> Body<'l, 'a> {
    fn new(program: &'l mut Lowerer<'a>, instance: InstanceId) -> Self {
        let function = program.instances[instance].function;
        let parsed = &program.functions[function];
        let mut body = Self {
            program,
            instance,
            function,
            ast: &parsed.ast,
            locals: Vec::new(),
            slots: BTreeMap::new(),
            flags: BTreeMap::new(),
            names: BTreeMap::new(),
            scopes: Vec::new(),
            imports: BTreeMap::new(),
            env: Some(Env::default()),
            within: 0,
            out: Vec::new(),
            loops: Vec::new(),
            labels: 0,
            has_walrus: false,
            protected: Vec::new(),
            finals: Vec::new(),
            handling: Vec::new(),
            copy: 0,
            cells: BTreeMap::new(),
            generator: None,
        };
        body.collect_names();
        body
    }

    fn lower(mut self) -> Func {
        let mut parameters: Vec<Ty> = self.program.instances[self.instance].parameters.clone();
        if self.ast.yields {
            self.generator = Some(self.program.generator(self.instance));
        }
        self.bind_parameters(&parameters);
        if let Some(generator) = &self.generator {
            parameters = vec![generator.clone()];
        }
        let ast = self.ast;
        self.block(&ast.body);
        if self.env.is_some() {
            self.return_value(crate::ir::Ex::none(ast.name_span));
        }
        let result = self.program.instances[self.instance].result.clone();
        let result = self.program.types.resolve(&result);
        let parameters = parameters.iter().map(|ty| self.program.types.resolve(ty)).collect();
        let mut locals = self.locals;
        for local in &mut locals {
            local.ty = self.program.types.resolve(&local.ty);
        }
        let span = ast.name_span;
        let mut body = self.out;
        crate::visit::resolve_types(&mut body, &self.program.types);
        Func { function: self.function, parameters, result, locals, body, span }
    }

    fn report(&mut self, code: Code, span: Span, message: impl Into<String>, help: &str) {
        let help = (!help.is_empty()).then(|| help.to_owned());
        // What is wrong in a helper of ours is wrong where the user calls it.
        let (function, span) = self.user_place(span);
        let diagnostic =
            self.program.functions[function].source.diagnostic(code, span, message, help);
        self.program.diagnostics.push(diagnostic);
    }

    fn label(&mut self) -> Label {
        self.labels += 1;
        self.labels
    }

    fn resolve(&self, ty: &Ty) -> Ty {
        self.program.types.resolve(ty)
    }

    fn show(&self, ty: &Ty) -> String {
        self.program.types.show(ty)
    }
}
