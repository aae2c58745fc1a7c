//! Classes themselves: making instances, what a class has, members of enumerations.

use super::{Body, iterate::Plan};
use crate::ast::{Comparison, Expr, ExprKind, Span};
use crate::diagnostics::Code;
use crate::ir::{Ex, Label, Op, St};
use crate::request::{Captured, Enumeration, Member};
use crate::ty::Ty;

impl Body<'_, '_> {
    /// The class that an expression names, if it names one.
    pub(super) fn named_class(&self, expression: &Expr) -> Option<usize> {
        let ExprKind::Name(name) = &expression.kind else { return None };
        if let Some(variable) = self.variable(name) {
            let state = self.env.as_ref()?.get(&variable)?;
            return match self.resolve(&state.ty) {
                Ty::Class(class) => Some(class as usize),
                _ => None,
            };
        }
        match self.captured(name) {
            Some(Captured::Class(class)) => Some(class),
            _ => None,
        }
    }

    /// The class of an object, as a value.
    pub(super) fn class_of(&mut self, object: &Ex, span: Span) -> Ex {
        let Ty::Object(family) = self.resolve(&object.ty) else { return Self::error(span) };
        if let [only] = self.program.classes.family(family.root).as_slice() {
            let class = Ex::new(Op::None, Ty::Class(*only as u32), span);
            return Self::seq(vec![St::Eval(object.clone())], class);
        }
        let message = format!("which class this `{}` is of is not known here", family.name);
        let help = "use `isinstance`, `type(x).__name__`, or a method of the class";
        self.fail(Code::Function, span, message, help)
    }

    /// `type(x).__name__`, where the class is not known when compiling.
    pub(super) fn name_of_class(&mut self, base: &Expr, name: &str, span: Span) -> Option<Ex> {
        if !matches!(name, "__name__" | "__qualname__") {
            return None;
        }
        let subject = match &base.kind {
            ExprKind::Attribute(inner, attribute) if attribute == "__class__" => inner,
            ExprKind::Call { function, arguments, .. } => {
                match (&function.kind, arguments.as_slice()) {
                    (ExprKind::Name(callee), [subject]) if self.is_builtin(callee, "type") => {
                        subject
                    }
                    _ => return None,
                }
            }
            _ => return None,
        };
        let object = self.expr(subject);
        if let Some(trivial) = self.trivial(&[&object], span) {
            return Some(trivial);
        }
        let (before, object) = self.temp(object);
        let text = self.split(object, &mut |this, object| {
            let object = this.keep(object);
            this.class_name(&object, name == "__qualname__")
        });
        Some(Self::seq(before, text))
    }

    /// `Class.name`.
    pub(super) fn class_attribute(&mut self, class: usize, name: &str, span: Span) -> Ex {
        let source = &self.program.classes.list[class].source;
        if let Some(enumeration) = &source.enumeration
            && let Some(at) = member_of(enumeration, name)
        {
            return self.enum_member(class, at, span);
        }
        match name {
            "__name__" => return Self::text(&source.name.clone(), span),
            "__qualname__" => return Self::text(&source.qualname.clone(), span),
            _ => {}
        }
        let shown = source.name.clone();
        match source.members.get(name).cloned() {
            Some(Member::Constant(literal)) => self.literal(&literal, name, span),
            Some(Member::Unsupported { what, help }) => {
                let message = format!("`{shown}.{name}` is {what}");
                self.fail(Code::Function, span, message, &help.unwrap_or_default())
            }
            Some(_) => {
                let message = format!("`{shown}.{name}` can only be called, not used as a value");
                self.fail(Code::Expression, span, message, "call it here")
            }
            None => {
                let message = format!("type object '{shown}' has no attribute '{name}'");
                self.fail(Code::Function, span, message, "")
            }
        }
    }

    /// `Class.method(...)`.
    pub(super) fn class_method(
        &mut self,
        class: usize,
        method: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Ex {
        let (before, values, named) = self.call_arguments(arguments, keywords);
        let called = self.method_of_class(class, method, values, named, span);
        Self::seq(before, called)
    }

    /// `Class.method(values)`.
    pub(super) fn method_of_class(
        &mut self,
        class: usize,
        method: &str,
        mut values: Vec<Ex>,
        named: Vec<(String, Ex)>,
        span: Span,
    ) -> Ex {
        let member = self.program.classes.list[class].source.members.get(method).cloned();
        match member {
            Some(Member::Method(index) | Member::Static(index)) => {
                self.call_function(index, method, values, named, span)
            }
            Some(Member::Class(index)) => {
                values.insert(0, Ex::new(Op::None, Ty::Class(class as u32), span));
                self.call_function(index, method, values, named, span)
            }
            None if method == "__init__" && values.len() == 1 => Ex::none(span),
            None if method == "_make" && values.len() == 1 && named.is_empty() => {
                let names = self.program.classes.list[class].source.items.clone();
                let count = names.map_or(0, |names| names.len());
                let value = values.remove(0);
                let items = match self.resolve(&value.ty) {
                    Ty::Tuple(items) if items.len() == count => items,
                    _ => {
                        let message = "`_make` needs a tuple of as many items as there are names";
                        return self.fail(Code::Arguments, span, message, "call the class");
                    }
                };
                let (before, tuple) = self.temp(value);
                let items = items
                    .into_iter()
                    .enumerate()
                    .map(|(at, ty)| Ex::new(Op::TupleGet(Box::new(tuple.clone()), at), ty, span));
                let made = self.construct_class(class, items.collect(), named, span);
                Self::seq(before, made)
            }
            _ => {
                let value = self.class_attribute(class, method, span);
                self.call_value(value, &values, &named, span)
            }
        }
    }

    /// A new instance.
    pub(super) fn construct_class(
        &mut self,
        class: usize,
        values: Vec<Ex>,
        named: Vec<(String, Ex)>,
        span: Span,
    ) -> Ex {
        let operands: Vec<&Ex> =
            values.iter().chain(named.iter().map(|(_, value)| value)).collect();
        if let Some(trivial) = self.trivial(&operands, span) {
            return trivial;
        }
        let source = &self.program.classes.list[class].source;
        if let Some(enumeration) = source.enumeration.clone() {
            return self.enum_lookup(class, &enumeration, values, span);
        }
        if let Some(Member::Unsupported { what, help }) = source.members.get("__new__").cloned() {
            let message = format!("`{}` {what}", source.name);
            return self.fail(Code::Function, span, message, &help.unwrap_or_default());
        }
        let init = source.members.get("__init__").cloned();
        let name = source.name.clone();
        let object =
            Ex::new(Op::NewObject(class as u32), self.program.classes.instance(class), span);
        let (statements, object) = self.capture(|this| {
            let values: Vec<Ex> = values.into_iter().map(|value| this.keep(value)).collect();
            let named: Vec<(String, Ex)> =
                named.into_iter().map(|(name, value)| (name, this.keep(value))).collect();
            match init {
                Some(Member::Method(init)) => {
                    let object = this.copy(object);
                    let mut all = values;
                    all.insert(0, object.clone());
                    let done = this.call_function(init, "__init__", all, named, span);
                    this.evaluate(done);
                    object
                }
                _ if values.is_empty() && named.is_empty() => object,
                _ => this.fail(Code::Arguments, span, format!("{name}() takes no arguments"), ""),
            }
        });
        if self.env.is_none() || object.ty == Ty::Error {
            return Self::seq(statements, object);
        }
        Self::seq(statements, object)
    }

    pub(super) fn enum_member(&mut self, class: usize, at: usize, span: Span) -> Ex {
        let ty = self.program.classes.instance(class);
        Ex::new(Op::EnumMember(class as u32, at), ty, span)
    }

    /// `Color(value)`.
    fn enum_lookup(
        &mut self,
        class: usize,
        enumeration: &Enumeration,
        mut values: Vec<Ex>,
        span: Span,
    ) -> Ex {
        if values.len() != 1 {
            let message = "an enumeration is called with one value";
            return self.fail(Code::Arguments, span, message, "");
        }
        let value = values.remove(0);
        if self.resolve(&value.ty) == self.program.classes.instance(class) {
            return value;
        }
        let qualname = self.program.classes.list[class].source.qualname.clone();
        let (statements, found) = self.capture(|this| {
            let value = this.keep(value);
            let shown = this.str_of(value.clone(), true, span);
            let tail = Self::text(&format!(" is not a valid {qualname}"), span);
            let text = Self::call_runtime("str_concat", vec![shown, tail], Ty::Str, span);
            let raise = crate::ir::Raise::Value(this.exception("ValueError"), Box::new(text));
            let mut found = Ex::new(Op::Raise(raise), Ty::Never, span);
            for (at, (name, literal)) in enumeration.members.iter().enumerate().rev() {
                let constant = this.literal(literal, name, span);
                let equal = this.compare(Comparison::Eq, value.clone(), constant, span);
                let equal = this.truth(equal);
                let member = this.enum_member(class, at, span);
                found = this.choose(equal, member, found, span);
            }
            found
        });
        Self::seq(statements, found)
    }

    /// `Color["RED"]`.
    pub(super) fn enum_by_name(&mut self, class: usize, name: Ex, span: Span) -> Option<Ex> {
        let enumeration = self.program.classes.list[class].source.enumeration.clone()?;
        if self.resolve(&name.ty) != Ty::Str {
            return None;
        }
        let (statements, found) = self.capture(|this| {
            let name = this.keep(name);
            let raise = crate::ir::Raise::Value(this.exception("KeyError"), Box::new(name.clone()));
            let mut found = Ex::new(Op::Raise(raise), Ty::Never, span);
            let members = enumeration.members.iter().enumerate().map(|(at, (name, _))| (name, at));
            let aliases = enumeration.aliases.iter().map(|(name, at)| (name, *at));
            for (known, at) in members.chain(aliases) {
                let known = Self::text(known, span);
                let equal = Self::call_runtime("str_eq", vec![name.clone(), known], Ty::Bool, span);
                let member = this.enum_member(class, at, span);
                found = this.choose(equal, member, found, span);
            }
            found
        });
        Some(Self::seq(statements, found))
    }

    /// The members of an enumeration as a list.
    pub(super) fn enum_members(&mut self, class: usize, span: Span) -> Option<Ex> {
        let enumeration = self.program.classes.list[class].source.enumeration.clone()?;
        let members = (0..enumeration.members.len()).map(|at| self.enum_member(class, at, span));
        let members = members.collect();
        let ty = Ty::list(self.program.classes.instance(class));
        Some(Ex::new(Op::NewList(members), ty, span))
    }

    /// How to iterate over a class.
    pub(super) fn plan_class(&mut self, class: usize, exit: Label, span: Span) -> Option<Plan> {
        if let Some(list) = self.enum_members(class, span) {
            return self.plan_value(list, exit);
        }
        self.report(Code::Operand, span, "'type' object is not iterable", "");
        None
    }

    /// The enumeration that a type is of.
    pub(super) fn enumeration(&self, ty: &Ty) -> Option<&Enumeration> {
        let Ty::Object(family) = ty else { return None };
        self.program.classes.list[family.root as usize].source.enumeration.as_ref()
    }

    /// What is known without looking at a value, which is evaluated for its effect.
    pub(super) fn known(value: Ex, truth: bool, span: Span) -> Ex {
        if value.is_simple() || matches!(&value.op, Op::Project(inner) if inner.is_simple()) {
            return Ex::bool(truth, span);
        }
        Self::seq(vec![St::Eval(value)], Ex::bool(truth, span))
    }

    /// The items of a named tuple, by the names of their attributes.
    pub(super) fn items_of(&self, ty: &Ty) -> Option<Vec<String>> {
        let Ty::Object(family) = ty else { return None };
        self.program.classes.list[family.root as usize].source.items.clone()
    }

    /// A named tuple as a tuple.
    pub(super) fn as_tuple(&mut self, value: Ex) -> Option<Ex> {
        let ty = self.resolve(&value.ty);
        let names = self.items_of(&ty)?;
        let span = value.span;
        let (statements, tuple) = self.capture(|this| {
            let value = this.keep(value);
            let items = names.iter().map(|name| this.attribute_of(value.clone(), name, span));
            let items: Vec<Ex> = items.collect();
            if let Some(trivial) = this.trivial(&items.iter().collect::<Vec<_>>(), span) {
                return trivial;
            }
            let ty = Ty::Tuple(items.iter().map(|item| item.ty.clone()).collect());
            Ex::new(Op::NewTuple(items), ty, span)
        });
        Some(Self::seq(statements, tuple))
    }

    /// A member of an `IntEnum` as the int that it is, a named tuple as a tuple; anything else as it is.
    pub(super) fn as_number(&mut self, value: Ex) -> Ex {
        let ty = self.resolve(&value.ty);
        if self.items_of(&ty).is_some() {
            return self.as_tuple(value.clone()).unwrap_or(value);
        }
        if !self.enumeration(&ty).is_some_and(|it| it.is_int) {
            return value;
        }
        let span = value.span;
        self.attribute_of(value, "value", span)
    }

    /// `isinstance(object, classes)` for an object of this type.
    pub(super) fn is_of_classes(&mut self, object: Ex, classes: &[usize], span: Span) -> Ex {
        let ty = self.resolve(&object.ty);
        let Ty::Object(family) = &ty else {
            return Self::known(object, false, span);
        };
        let all = self.program.classes.family(family.root);
        let fits: Vec<u32> = all
            .iter()
            .filter(|class| classes.iter().any(|from| self.program.classes.derives(**class, *from)))
            .map(|class| *class as u32)
            .collect();
        if fits.is_empty() || fits.len() == all.len() {
            return Self::known(object, !fits.is_empty(), span);
        }
        Ex::new(Op::ClassIs(Box::new(object), fits), Ty::Bool, span)
    }

    /// Whether objects of a type are of any of these classes; nothing if some are.
    pub(super) fn are_of_classes(&self, ty: &Ty, classes: &[usize]) -> Option<bool> {
        let Ty::Object(family) = ty else { return Some(false) };
        let all = self.program.classes.family(family.root);
        let fits = all.iter().filter(|class| {
            classes.iter().any(|from| self.program.classes.derives(**class, *from))
        });
        match fits.count() {
            0 => Some(false),
            count if count == all.len() => Some(true),
            _ => None,
        }
    }
}

fn member_of(enumeration: &Enumeration, name: &str) -> Option<usize> {
    let at = enumeration.members.iter().position(|(known, _)| known == name);
    at.or_else(|| enumeration.aliases.iter().find(|(known, _)| known == name).map(|(_, at)| *at))
}
