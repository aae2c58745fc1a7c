//! Generators: objects that hold the variables of a function while it waits at a `yield`.
//!
//! A generator function is compiled to the function that resumes it, which says whether there is an item and leaves that
//! in the generator. Its class has no name in the program: one for each function and types of its arguments. How the
//! function goes on where it was is in [`super::suspend`].

use super::iterate::Plan;
use super::{Body, Lowerer, Parsed};
use crate::ast::{Expr, Span, Stmt, StmtKind};
use crate::classes::{Class, Field};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, InstanceId, Label, LocalId, Op, Raise, St};
use crate::names;
use crate::request::ClassSource;
use crate::ty::Ty;

/// Where the function waits: the number of a `yield`, or one of these.
pub(super) const STATE: usize = 0;
/// What was yielded last.
pub(super) const ITEM: usize = 1;
/// The first argument.
pub(super) const ARGUMENTS: usize = 2;
/// It has not begun.
pub(super) const BEGINS: i64 = 0;
/// It has returned or raised.
pub(super) const ENDED: i64 = -1;
/// It is running.
pub(super) const RUNS: i64 = -2;

/// The name of the attribute that holds the item.
const ITEM_NAME: &str = "item";

/// Whether a generator may raise `StopIteration`, which becomes a `RuntimeError`.
pub(super) fn may_stop(functions: &[Parsed<'_>]) -> bool {
    let stops = |function: &Parsed<'_>| {
        let free = names::free(&function.ast);
        free.contains("next") || free.contains("StopIteration")
    };
    functions.iter().any(|function| function.ast.yields) && functions.iter().any(stops)
        || functions.iter().any(|function| function.ast.name == "__next__")
}

impl Lowerer<'_> {
    /// The type of the generators that an instance of a function resumes.
    pub(super) fn generator(&mut self, instance: InstanceId) -> Ty {
        if let Some(class) = self.generators.get(&instance) {
            return self.classes.instance(*class as usize);
        }
        let class = self.classes.list.len() as u32;
        let arguments = self.instances[instance].parameters.clone();
        let mut names = vec![("state".to_owned(), Ty::Int), (ITEM_NAME.to_owned(), Ty::Never)];
        names.extend(arguments.into_iter().enumerate().map(|(at, ty)| (format!("a{at}"), ty)));
        let mut fields = Vec::new();
        for (slot, (name, ty)) in names.into_iter().enumerate() {
            self.fields.insert((class, name.clone()), ty);
            fields.push(Field { name, slot, flag: None });
        }
        let name = "generator".to_owned();
        let source = ClassSource { qualname: name.clone(), name, ..ClassSource::default() };
        self.classes.list.push(Class { source, root: class, fields, slots: Vec::new() });
        // One that never ends does not return otherwise.
        self.instances[instance].result = Ty::Bool;
        self.generators.insert(instance, class);
        self.resumed.insert(class, instance);
        self.classes.instance(class as usize)
    }

    /// Room in a class of generators for a variable, and its slot.
    pub(super) fn room(&mut self, class: u32, local: LocalId, ty: &Ty) -> usize {
        let name = format!("v{local}");
        self.fields.insert((class, name.clone()), ty.clone());
        let fields = &mut self.classes.list[class as usize].fields;
        let slot = fields.len();
        fields.push(Field { name, slot, flag: None });
        slot
    }

    /// Whether values of a type are generators.
    pub(super) fn is_generator(&self, ty: &Ty) -> bool {
        matches!(ty, Ty::Object(family) if self.resumed.contains_key(&family.root))
    }

    /// Whether values of a type are or hold generators.
    pub(super) fn holds_generator(&self, ty: &Ty) -> bool {
        match ty {
            Ty::List(a) | Ty::Set(a) | Ty::VTuple(a) | Ty::Special(_, a) => self.holds_generator(a),
            Ty::Dict(a, b) => self.holds_generator(a) || self.holds_generator(b),
            Ty::Tuple(items) | Ty::Union(items) => {
                items.iter().any(|item| self.holds_generator(item))
            }
            other => self.is_generator(other),
        }
    }

    /// Whether an expression asks of a generator or function what only other values have: a text, an order, a hash.
    pub(super) fn misuses_generators(&self, expression: &Ex) -> bool {
        let holds = |ty: &Ty| ty.has_function() || self.holds_generator(ty);
        let (name, arguments) = match &expression.op {
            Op::Runtime(name, arguments) => (*name, arguments),
            Op::Raise(Raise::Value(_, value) | Raise::Arguments(_, value))
            | Op::NewException(Raise::Value(_, value) | Raise::Arguments(_, value)) => {
                return holds(&value.ty);
            }
            _ => return false,
        };
        let others = ["list_contains", "list_count", "list_index", "list_remove", "list_extreme"];
        let is_moved =
            name.starts_with("list_") && !name.starts_with("list_sort") && !others.contains(&name)
                || matches!(name, "incref" | "release");
        let is_table = name.starts_with("dict_") || name.starts_with("table_");
        arguments.iter().any(|argument| match argument {
            Argument::Desc(Ty::Dict(key, value)) if is_table && name != "table_equal" => {
                holds(key) || !matches!(**value, Ty::Object(_) | Ty::Function(..)) && holds(value)
            }
            Argument::Desc(ty) => !is_moved && holds(ty),
            _ => false,
        })
    }
}

impl Body<'_, '_> {
    /// A call of a generator function: its arguments, put aside for when it is resumed.
    pub(super) fn new_generator(
        &mut self,
        instance: InstanceId,
        values: Vec<Ex>,
        span: Span,
    ) -> Ex {
        let ty = self.program.generator(instance);
        let Ty::Object(family) = &ty else { return Self::error(span) };
        let object = self.fresh(&ty);
        let object_ex = Ex::local(object, ty.clone(), span);
        let made = Ex::new(Op::NewObject(family.root), ty.clone(), span);
        let (statements, ()) = self.capture(|this| {
            let values: Vec<Ex> = values.into_iter().map(|value| this.keep(value)).collect();
            this.push(St::Set(object, made));
            for (at, value) in values.into_iter().enumerate() {
                let object = object_ex.clone();
                this.push(St::FieldSet { object, slot: ARGUMENTS + at, value });
            }
        });
        Self::seq(statements, object_ex)
    }

    /// `yield value`.
    pub(super) fn yield_statement(&mut self, value: &Expr) {
        let span = value.span;
        let Some(Ty::Object(family)) = self.generator.clone() else {
            return;
        };
        if !self.handling.is_empty() || !self.finals.is_empty() {
            self.refuse_yield(span);
            return;
        }
        let value = self.expr(value);
        if matches!(self.resolve(&value.ty), Ty::Never | Ty::Error) {
            self.evaluate(value);
            return;
        }
        let value = self.as_field(family.root, ITEM_NAME, value, span);
        if value.ty != Ty::Error {
            self.push(St::Yield(value));
        }
    }

    /// A generator that is dropped while it waits there would have to run what follows.
    pub(super) fn refuse_yield(&mut self, span: Span) {
        let message = "`yield` is not supported within `except`, `with` or a `try` with `finally`";
        let help = "collect the items in a list, and yield them after it";
        self.report(Code::Statement, span, message, help);
    }

    /// What the function that resumes a generator returns when that ends.
    pub(super) fn end_generator(&mut self, value: Ex) -> Ex {
        let span = value.span;
        if self.resolve(&value.ty) != Ty::None && !matches!(value.ty, Ty::Never | Ty::Error) {
            let message = "a generator that returns a value is not supported";
            let help = "use `return` alone, which ends the items";
            self.report(Code::Statement, span, message, help);
        }
        if value.ty == Ty::Never {
            return value;
        }
        self.evaluate(value);
        if let Some(ty) = self.generator.clone() {
            let object = Ex::local(0, ty, span);
            let value = Ex::int(ENDED, span);
            self.push(St::FieldSet { object, slot: STATE, value });
        }
        Ex::bool(false, span)
    }

    /// The call that resumes a generator, and says whether there is an item.
    fn resume(&self, generator: &Ex) -> Ex {
        let span = generator.span;
        let Ty::Object(family) = self.resolve(&generator.ty) else { return Self::error(span) };
        let instance = self.program.resumed[&family.root];
        Ex::new(Op::Call(instance, vec![generator.clone()]), Ty::Bool, span)
    }

    /// What a generator yielded last.
    fn yielded(&self, generator: &Ex) -> Ex {
        let span = generator.span;
        let Ty::Object(family) = self.resolve(&generator.ty) else { return Self::error(span) };
        match self.field_type(family.root, ITEM_NAME) {
            Ty::Never => Self::unreachable(span),
            ty => Ex::new(Op::Field(Box::new(generator.clone()), ITEM), ty, span),
        }
    }

    /// How to iterate over a generator.
    pub(super) fn plan_generator(&mut self, value: Ex, exit: Label, span: Span) -> Plan {
        let ty = self.resolve(&value.ty);
        if let Ty::Object(family) = &ty {
            // It is resumed here, so that its function has to be there.
            self.reach_resumed(family.root);
        }
        let local = self.fresh(&ty);
        let generator = Ex::local(local, ty, span);
        let item = self.yielded(&generator);
        let condition = self.resume(&generator);
        let setup = vec![St::Set(local, value)];
        if item.ty == Ty::Never {
            let mut plan = Plan::new(setup, condition, item, Vec::new(), exit);
            plan.owned.push(local);
            return plan;
        }
        let kept = self.fresh(&item.ty);
        let kept_ex = Ex::local(kept, item.ty.clone(), span);
        let mut plan = Plan::new(setup, condition, kept_ex, Vec::new(), exit);
        plan.first = vec![St::Set(kept, item)];
        plan.owned.push(local);
        plan
    }

    /// A list of all that is left in a generator.
    pub(super) fn drained(&mut self, value: Ex, span: Span) -> Ex {
        // No other node begins where this one does and is gone through, too.
        let node = super::flow::SCOPED as u32 + span.start * 2;
        let element = self.program.types.variable(self.instance as u32, node, 6);
        let (statements, list) = self.capture(|this| {
            let generator = this.keep(value);
            if let Ty::Object(family) = this.resolve(&generator.ty) {
                this.reach_resumed(family.root);
            }
            let capacity = vec![Argument::Num(0)];
            let list = Self::runtime("list_new", capacity, Ty::list(element), span);
            let list = this.keep(list);
            let item = this.yielded(&generator);
            let (body, ()) = this.capture(|this| {
                let added =
                    if item.ty == Ty::Never { item } else { this.append(&list, item, span) };
                this.push(St::Eval(added));
            });
            let condition = Some(Ex { span, ..this.resume(&generator) });
            this.push(St::Loop { condition, body, step: Vec::new(), span });
            let ty = this.resolve(&list.ty);
            Ex { ty, ..list }
        });
        Self::seq(statements, list)
    }

    /// `value in generator`: what comes up to the value is gone.
    pub(super) fn is_yielded(&mut self, container: Ex, value: Ex, span: Span) -> Ex {
        let found = self.fresh(&Ty::Bool);
        let found_ex = || Ex::local(found, Ty::Bool, span);
        let (statements, ()) = self.capture(|this| {
            let generator = this.keep(container);
            if let Ty::Object(family) = this.resolve(&generator.ty) {
                this.reach_resumed(family.root);
            }
            let value = this.keep(value);
            this.push(St::Set(found, Ex::bool(false, span)));
            let (body, ()) = this.capture(|this| {
                let item = this.yielded(&generator);
                let is_it = match this.trivial(&[&item, &value], span) {
                    Some(trivial) => trivial,
                    None => this.same(item, value, span),
                };
                this.push(if is_it.ty == Ty::Bool {
                    St::Set(found, is_it)
                } else {
                    St::Eval(is_it)
                });
            });
            let more = Ex { span, ..this.resume(&generator) };
            let condition = this.choose(found_ex(), Ex::bool(false, span), more, span);
            this.push(St::Loop { condition: Some(condition), body, step: Vec::new(), span });
        });
        Self::seq(statements, found_ex())
    }

    fn reach_resumed(&mut self, class: u32) {
        let instance = self.program.resumed[&class];
        let (function, parameters) = {
            let instance = &self.program.instances[instance];
            (instance.function, instance.parameters.clone())
        };
        self.program.reach(function, parameters);
    }

    /// `next(generator)`, `next(generator, default)`.
    pub(super) fn next_of(&mut self, values: Vec<Ex>, span: Span) -> Ex {
        let mut values = values.into_iter();
        let Some(generator) = values.next() else { return Self::error(span) };
        let ty = self.resolve(&generator.ty);
        if self.has_special(&ty, "__next__") {
            return self.next_of_object(generator, values.next(), span);
        }
        if !self.program.is_generator(&ty) {
            let message = format!("`next` of `{}` is not supported", self.show(&ty));
            let help = "it takes generators, and what `iter` makes";
            return self.fail(Code::Operand, span, message, help);
        }
        if let Ty::Object(family) = &ty {
            self.reach_resumed(family.root);
        }
        let (mut before, generator) = self.temp(generator);
        let default = values.next().map(|default| {
            let (more, default) = self.temp(default);
            before.extend(more);
            default
        });
        let item = self.yielded(&generator);
        let other = default.unwrap_or_else(|| {
            let raise = Raise::Class(self.exception("StopIteration"));
            Ex::new(Op::Raise(raise), Ty::Never, span)
        });
        let test = Ex { span, ..self.resume(&generator) };
        let value = self.choose(test, item, other, span);
        Self::seq(before, value)
    }
}

/// Where statements yield first, those of functions among them left out.
pub(super) fn first_yield(body: &[Stmt]) -> Option<Span> {
    body.iter().find_map(|statement| {
        if let StmtKind::Yield(_) = &statement.kind {
            return Some(statement.span);
        }
        let mut found = None;
        names::blocks(statement, &mut |block| found = found.or_else(|| first_yield(block)));
        found
    })
}
