//! Instances of the user's classes: their attributes and methods, by the class that the header names.

use super::Body;
use crate::ast::{Expr, ExprKind, Span};
use crate::diagnostics::Code;
use crate::ir::{Ex, Op, Raise, St};
use crate::request::Member;
use crate::ty::Ty;

/// The file of functions that SPM writes, such as the `__init__` of dataclasses.
pub(super) const GLUE_FILE: &str = "<spm>";

/// What a name is to instances of some classes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning {
    /// An attribute in a slot, and the slot of its flag. If it is not set, the class's member counts.
    Field(usize, Option<usize>, Option<Member>),
    /// An attribute of the class. That of a `classmethod` is the class's own.
    Member(Member, Option<u32>),
    Missing,
}

/// Classes for which the same is to be done.
pub(super) type Groups<T> = Vec<(Vec<u32>, T)>;

impl Body<'_, '_> {
    /// Whether this is code that SPM wrote: it raises where the user's would be refused.
    pub(super) fn is_glue(&self) -> bool {
        self.program.functions[self.function].source.function().file == GLUE_FILE
    }

    /// What a name is to the classes of a family.
    pub(super) fn meanings(&self, root: u32, name: &str) -> Groups<Meaning> {
        let classes = &self.program.classes;
        let mut groups: Groups<Meaning> = Vec::new();
        for class in classes.family(root) {
            let number = class as u32;
            let class = &classes.list[class];
            let meaning = match (class.member(name), class.field(name)) {
                (Some(Member::Property(getter, setter)), _) => {
                    Meaning::Member(Member::Property(*getter, *setter), None)
                }
                (member, Some(field)) => {
                    let member = member.filter(|_| field.flag.is_some()).cloned();
                    Meaning::Field(field.slot, field.flag, member)
                }
                (Some(Member::Class(index)), None) => {
                    Meaning::Member(Member::Class(*index), Some(number))
                }
                (Some(member), None) => Meaning::Member(member.clone(), None),
                (None, None) => Meaning::Missing,
            };
            match groups.iter_mut().find(|(_, known)| *known == meaning) {
                Some((numbers, _)) => numbers.push(number),
                None => groups.push((vec![number], meaning)),
            }
        }
        groups
    }

    /// The special method of each class of a family.
    pub(super) fn special_methods(&self, root: u32, name: &str) -> Groups<Option<usize>> {
        let mut groups: Groups<Option<usize>> = Vec::new();
        for class in self.program.classes.family(root) {
            let method = self.program.classes.list[class].method(name);
            match groups.iter_mut().find(|(_, known)| *known == method) {
                Some((numbers, _)) => numbers.push(class as u32),
                None => groups.push((vec![class as u32], method)),
            }
        }
        groups
    }

    /// Whether any class of a family has a special method.
    pub(super) fn has_special(&self, ty: &Ty, name: &str) -> bool {
        let Ty::Object(family) = ty else { return false };
        self.special_methods(family.root, name).iter().any(|(_, method)| method.is_some())
    }

    /// Does for an object what is to be done for its class. It must be possible to read it again.
    pub(super) fn by_class<T>(
        &mut self,
        object: &Ex,
        groups: &Groups<T>,
        action: &mut dyn FnMut(&mut Self, &T) -> Ex,
    ) -> Ex {
        let span = object.span;
        if let [(_, only)] = groups.as_slice() {
            return action(self, only);
        }
        let mut arms = Vec::new();
        for (classes, what) in groups {
            let start = self.program.diagnostics.len();
            let env = self.env.clone();
            let (statements, arm) = self.capture(|this| action(this, what));
            self.env = env;
            let mut arm = Self::seq(statements, arm);
            let found = self.program.diagnostics.split_off(start);
            if let Some(first) = found.first().filter(|first| first.code == Code::Operand) {
                arm = Self::raise(self.exception("TypeError"), &first.message.clone(), span);
            } else {
                self.program.diagnostics.extend(found);
            }
            arms.push((classes.clone(), arm));
        }
        let Some((_, mut result)) = arms.pop() else { return Self::error(span) };
        for (classes, arm) in arms.into_iter().rev() {
            let test = Ex::new(Op::ClassIs(Box::new(object.clone()), classes), Ty::Bool, span);
            result = self.choose(test, arm, result, span);
        }
        result
    }

    /// The name of an object's class.
    pub(super) fn class_name(&mut self, object: &Ex, qualified: bool) -> Ex {
        let span = object.span;
        let Ty::Object(family) = self.resolve(&object.ty) else {
            let ty = self.resolve(&object.ty);
            return Self::text(ty.python_name(), span);
        };
        let classes = &self.program.classes;
        let groups: Groups<String> = classes
            .family(family.root)
            .into_iter()
            .map(|class| {
                let source = &classes.list[class].source;
                let name = if qualified { &source.qualname } else { &source.name };
                (vec![class as u32], name.clone())
            })
            .collect();
        self.by_class(object, &groups, &mut |_, name| Self::text(name, span))
    }

    /// Raises an exception whose text names classes of objects: `{}` stands for them, in order.
    pub(super) fn raise_naming(
        &mut self,
        class: &str,
        text: &str,
        objects: &[&Ex],
        span: Span,
    ) -> Ex {
        let mut parts = text.split("{}");
        let mut message = Self::text(parts.next().unwrap_or_default(), span);
        for (part, object) in parts.zip(objects) {
            let name = self.class_name(object, false);
            message = Self::call_runtime("str_concat", vec![message, name], Ty::Str, span);
            let part = Self::text(part, span);
            message = Self::call_runtime("str_concat", vec![message, part], Ty::Str, span);
        }
        let raise = Raise::Value(self.exception(class), Box::new(message));
        Ex::new(Op::Raise(raise), Ty::Never, span)
    }

    /// `object.name`.
    pub(super) fn attribute_of(&mut self, object: Ex, name: &str, span: Span) -> Ex {
        if let Some(trivial) = self.trivial(&[&object], span) {
            return trivial;
        }
        match self.resolve(&object.ty) {
            Ty::Union(_) => self.split(object, &mut |this, object| {
                if object.ty == Ty::None {
                    let text = format!("'NoneType' object has no attribute '{name}'");
                    return Self::raise(this.exception("AttributeError"), &text, span);
                }
                if !matches!(object.ty, Ty::Object(_) | Ty::Class(_) | Ty::Never | Ty::Error) {
                    let shown = object.ty.python_name();
                    let text = format!("'{shown}' object has no attribute '{name}'");
                    return Self::raise(this.exception("AttributeError"), &text, span);
                }
                this.attribute_of(object, name, span)
            }),
            Ty::Special(..) => self.special_attribute(object, name, span),
            Ty::Object(family) => {
                let (before, object) = self.temp(object);
                let groups = self.meanings(family.root, name);
                if groups.iter().all(|(_, meaning)| *meaning == Meaning::Missing) {
                    if name == "__class__" {
                        let class = self.class_of(&object, span);
                        return Self::seq(before, class);
                    }
                    let shown = &family.name;
                    let message = format!("'{shown}' object has no attribute '{name}'");
                    let help = "attributes are those that the class's methods set on `self`";
                    return self.fail(Code::Function, span, message, help);
                }
                let value = self.by_class(&object, &groups, &mut |this, meaning| {
                    this.meaning_of(&object, meaning, name, span)
                });
                Self::seq(before, value)
            }
            Ty::Class(class) => self.class_attribute(class as usize, name, span),
            ty => {
                let ty = self.show(&ty);
                let message = format!("the attribute `{name}` of `{ty}` is not supported");
                self.fail(Code::Function, span, message, "methods can only be called")
            }
        }
    }

    fn meaning_of(&mut self, object: &Ex, meaning: &Meaning, name: &str, span: Span) -> Ex {
        match meaning {
            Meaning::Field(slot, flag, member) => {
                let Ty::Object(family) = self.resolve(&object.ty) else { return Self::error(span) };
                let ty = self.field_type(family.root, name);
                let get = if ty == Ty::Never {
                    // Nothing was assigned yet, as far as is known.
                    Self::unreachable(span)
                } else {
                    Ex::new(Op::Field(Box::new(object.clone()), *slot), ty, span)
                };
                let Some(flag) = flag else { return get };
                let is_set = Ex::new(Op::Field(Box::new(object.clone()), *flag), Ty::Bool, span);
                let other = match member {
                    Some(member) => {
                        let meaning = Meaning::Member(member.clone(), None);
                        self.meaning_of(object, &meaning, name, span)
                    }
                    None => self.missing(object, name, span),
                };
                self.choose(is_set, get, other, span)
            }
            Meaning::Member(Member::Property(getter, _), _) => {
                self.call_function(*getter, name, vec![object.clone()], Vec::new(), span)
            }
            Meaning::Member(Member::Constant(literal), _) => self.literal(literal, name, span),
            Meaning::Member(Member::Unsupported { what, help }, _) => {
                let message = format!("the attribute `{name}` is {what}");
                let help = help.clone().unwrap_or_default();
                self.fail(Code::Function, span, message, &help)
            }
            Meaning::Member(..) => {
                let message = format!("the method `{name}` can only be called");
                self.fail(Code::Function, span, message, "call it here")
            }
            Meaning::Missing => self.missing(object, name, span),
        }
    }

    fn missing(&mut self, object: &Ex, name: &str, span: Span) -> Ex {
        let text = format!("'{{}}' object has no attribute '{name}'");
        self.raise_naming("AttributeError", &text, &[object], span)
    }

    /// The type of an attribute, as far as it is known.
    pub(super) fn field_type(&self, root: u32, name: &str) -> Ty {
        let key = (root, name.to_owned());
        self.program.fields.get(&key).map_or(Ty::Never, |ty| self.resolve(ty))
    }

    /// A value as the type of an attribute, which may become wider by it.
    pub(super) fn as_field(&mut self, root: u32, name: &str, value: Ex, span: Span) -> Ex {
        let known = self.field_type(root, name);
        let value_ty = self.resolve(&value.ty);
        if value_ty.members().iter().any(|ty| matches!(ty, Ty::Class(_) | Ty::NotImplemented)) {
            let message = format!("the attribute `{name}` cannot hold a class");
            return self.fail(Code::Statement, span, message, "name the class where it is used");
        }
        let Ok(joined) = self.program.types.join(&known, &value_ty) else {
            let (old, new) = (self.show(&known), self.show(&value_ty));
            let message = format!("the attribute `{name}` is `{old}` and cannot be `{new}`");
            let help = "use two attributes, or make the types equal";
            return self.fail(Code::MixedTypes, span, message, help);
        };
        if joined != self.field_type(root, name) {
            self.program.fields.insert((root, name.to_owned()), joined.clone());
            self.program.changed = true;
        }
        self.coerce(value, &joined)
    }

    /// `object.name = value`. Both were evaluated.
    pub(super) fn set_attribute(
        &mut self,
        object: &Ex,
        name: &str,
        value: &Ex,
        thaws: bool,
        span: Span,
    ) {
        if let Some(trivial) = self.trivial(&[object, value], span) {
            self.evaluate(trivial);
            return;
        }
        let family = match self.resolve(&object.ty) {
            Ty::Object(family) => family,
            Ty::Union(_) => {
                let (object, value) = (object.clone(), value.clone());
                let set = self.split(object, &mut |this, object| {
                    if object.ty == Ty::None {
                        let text = format!("'NoneType' object has no attribute '{name}'");
                        return Self::raise(this.exception("AttributeError"), &text, span);
                    }
                    let object = this.keep(object);
                    this.set_attribute(&object, name, &value, thaws, span);
                    if this.env.is_some() { Ex::none(span) } else { Self::unreachable(span) }
                });
                self.evaluate(set);
                return;
            }
            ty => {
                let what = if let Ty::Class(_) = ty { "a class" } else { "this value" };
                let message =
                    format!("assigning to the attribute `{name}` of {what} is not supported");
                let help = "values of builtin types and classes have no attributes that can be set";
                self.report(Code::Statement, span, message, help);
                return;
            }
        };
        if let Some(class) = self.without_room(family.root, name) {
            let message = format!("`{class}` has no room for the attribute `{name}`");
            let help = "add it to `__slots__`";
            self.report(Code::Statement, span, message, help);
            return;
        }
        let groups = self.meanings(family.root, name);
        let is_missing = |meaning: &Meaning| {
            matches!(meaning, Meaning::Missing | Meaning::Member(Member::Constant(_), _))
        };
        if groups.iter().all(|(_, meaning)| is_missing(meaning)) {
            let message = format!(
                "the attribute `{name}` of `{}` is assigned outside of its class only",
                family.name
            );
            let help = "assign it in `__init__`, so that instances have room for it";
            self.report(Code::Statement, span, message, help);
            return;
        }
        let set = self.by_class(object, &groups, &mut |this, meaning| {
            let (statements, ()) = this.capture(|this| {
                this.set_meaning(object, meaning, (family.root, name), value, thaws, span);
            });
            let end = match this.env.take() {
                Some(env) => {
                    this.env = Some(env);
                    Ex::none(span)
                }
                None => Self::unreachable(span),
            };
            Self::seq(statements, end)
        });
        self.evaluate(set);
    }

    fn set_meaning(
        &mut self,
        object: &Ex,
        meaning: &Meaning,
        (root, name): (u32, &str),
        value: &Ex,
        thaws: bool,
        span: Span,
    ) {
        match meaning {
            Meaning::Field(slot, flag, _) => {
                if self.is_frozen(root) && !thaws {
                    let message = format!("cannot assign to field '{name}'");
                    let help = "instances of a frozen dataclass do not change: make a new one";
                    self.report(Code::Statement, span, message, help);
                    return;
                }
                let value = self.as_field(root, name, value.clone(), span);
                if value.ty == Ty::Error {
                    return;
                }
                self.push(St::FieldSet { object: object.clone(), slot: *slot, value });
                if let Some(flag) = flag {
                    let value = Ex::bool(true, span);
                    self.push(St::FieldSet { object: object.clone(), slot: *flag, value });
                }
            }
            Meaning::Member(Member::Property(_, Some(setter)), _) => {
                let arguments = vec![object.clone(), value.clone()];
                let done = self.call_function(*setter, name, arguments, Vec::new(), span);
                self.evaluate(done);
            }
            Meaning::Member(Member::Property(_, None), _) => {
                let text = format!("property '{name}' of '{{}}' object has no setter");
                let raise = self.raise_naming("AttributeError", &text, &[object], span);
                self.evaluate(raise);
            }
            // Instances of this class have no room for it.
            _ => self.evaluate(Self::unreachable(span)),
        }
    }

    /// A class of a family whose `__slots__` leave an attribute out.
    fn without_room(&self, root: u32, name: &str) -> Option<String> {
        let classes = &self.program.classes;
        classes.family(root).into_iter().map(|class| &classes.list[class]).find_map(|class| {
            let slots = class.source.slots.as_ref()?;
            let is_left_out = class.field(name).is_some() && !slots.iter().any(|it| it == name);
            is_left_out.then(|| class.source.name.clone())
        })
    }

    fn is_frozen(&self, root: u32) -> bool {
        let classes = &self.program.classes;
        classes.family(root).iter().any(|class| classes.list[*class].source.frozen)
    }

    /// `object.method(values)`; the values were evaluated.
    pub(super) fn method_of_object(
        &mut self,
        object: Ex,
        method: &str,
        values: &[Ex],
        named: &[(String, Ex)],
        span: Span,
    ) -> Ex {
        let Ty::Object(family) = self.resolve(&object.ty) else { return Self::error(span) };
        let (before, object) = self.temp(object);
        let groups = self.meanings(family.root, method);
        if method == "_replace"
            && values.is_empty()
            && let Some(names) = self.items_of(&Ty::Object(family.clone()))
        {
            let mut named = named.to_vec();
            for name in names {
                if !named.iter().any(|(given, _)| *given == name) {
                    let kept = self.attribute_of(object.clone(), &name, span);
                    named.push((name, kept));
                }
            }
            let made = self.construct_class(family.root as usize, Vec::new(), named, span);
            return Self::seq(before, made);
        }
        if self.program.resumed.contains_key(&family.root) {
            let message = format!("`{method}` of a generator is not supported");
            return self.fail(Code::Function, span, message, "go through it, or call `next`");
        }
        if groups.iter().all(|(_, meaning)| *meaning == Meaning::Missing) {
            let message = format!("'{}' object has no attribute '{method}'", family.name);
            return self.fail(Code::Function, span, message, "");
        }
        let result = self.by_class(&object, &groups, &mut |this, meaning| {
            let mut all = values.to_vec();
            match meaning {
                Meaning::Member(Member::Method(index), _) => {
                    all.insert(0, object.clone());
                    this.call_function(*index, method, all, named.to_vec(), span)
                }
                Meaning::Member(Member::Static(index), _) => {
                    this.call_function(*index, method, all, named.to_vec(), span)
                }
                Meaning::Member(Member::Class(index), Some(class)) => {
                    all.insert(0, Ex::new(Op::None, Ty::Class(*class), span));
                    this.call_function(*index, method, all, named.to_vec(), span)
                }
                Meaning::Missing => this.missing(&object, method, span),
                Meaning::Member(Member::Unsupported { what, help }, _) => {
                    let message = format!("the method `{method}` is {what}");
                    let help = help.clone().unwrap_or_default();
                    this.fail(Code::Function, span, message, &help)
                }
                _ => {
                    let value = this.meaning_of(&object, meaning, method, span);
                    this.call_value(value, values, named, span)
                }
            }
        });
        Self::seq(before, result)
    }

    /// `value.method(values)`, of an object or a class.
    pub(super) fn call_method(
        &mut self,
        value: Ex,
        method: &str,
        values: &[Ex],
        named: &[(String, Ex)],
        span: Span,
    ) -> Ex {
        match self.resolve(&value.ty) {
            Ty::Class(class) => {
                self.method_of_class(class as usize, method, values.to_vec(), named.to_vec(), span)
            }
            _ => self.method_of_object(value, method, values, named, span),
        }
    }

    /// The object that a name stands for, if it can be called.
    pub(super) fn callable(&mut self, expression: &Expr) -> Option<Ex> {
        let ExprKind::Name(name) = &expression.kind else { return None };
        let variable = self.variable(name)?;
        let state = self.env.as_ref()?.get(&variable)?;
        let ty = self.resolve(&state.ty);
        let is_called = matches!(ty, Ty::Function(..)) || self.has_special(&ty, "__call__");
        is_called.then(|| self.expr(expression))
    }

    /// A call of a value: a class, or an object with `__call__`.
    pub(super) fn call_value(
        &mut self,
        value: Ex,
        values: &[Ex],
        named: &[(String, Ex)],
        span: Span,
    ) -> Ex {
        match self.resolve(&value.ty) {
            Ty::Class(class) => {
                self.construct_class(class as usize, values.to_vec(), named.to_vec(), span)
            }
            ty @ Ty::Object(_) if self.has_special(&ty, "__call__") => {
                self.method_of_object(value, "__call__", values, named, span)
            }
            Ty::Function(index, _) => self.call_known(index as usize, &value, values, named, span),
            Ty::Never | Ty::Error => value,
            ty => {
                let message = format!("'{}' object is not callable", ty.python_name());
                self.fail(Code::Operand, span, message, "")
            }
        }
    }

    /// Evaluates arguments in their order; nothing if one of them is not a value.
    pub(super) fn call_arguments(
        &mut self,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
    ) -> (Vec<St>, Vec<Ex>, Vec<(String, Ex)>) {
        let mut before = Vec::new();
        let mut values = Vec::new();
        for argument in arguments {
            let (statements, value) = self.capture(|this| {
                let value = this.expr(argument);
                this.keep(value)
            });
            before.extend(statements);
            values.push(value);
        }
        let mut named = Vec::new();
        for (name, argument) in keywords {
            let (statements, value) = self.capture(|this| {
                let value = this.expr(argument);
                this.keep(value)
            });
            before.extend(statements);
            named.push((name.clone(), value));
        }
        (before, values, named)
    }

    /// `super()`: the class whose members it finds, and the object.
    pub(super) fn super_of(&mut self, base: &Expr) -> Option<(Option<usize>, Ex)> {
        let ExprKind::Call { function, arguments, .. } = &base.kind else { return None };
        let is_super = matches!(&function.kind, ExprKind::Name(name)
            if name == "super" && self.variable(name).is_none());
        if !is_super || !arguments.is_empty() {
            return None;
        }
        let own = self.ast.parameters.first()?;
        let object = self.name(&own.name, base.span);
        let Some(crate::request::Captured::Class(class)) = self.captured("__class__") else {
            return None;
        };
        Some((self.program.classes.list[class].source.base, object))
    }

    /// `super().method(...)`.
    pub(super) fn super_method(
        &mut self,
        (base, object): (Option<usize>, Ex),
        method: &str,
        arguments: &[Expr],
        keywords: &[(String, Expr)],
        span: Span,
    ) -> Ex {
        let (before, mut values, named) = self.call_arguments(arguments, keywords);
        let member = base.and_then(|base| self.program.classes.list[base].member(method).cloned());
        let called = match member {
            Some(Member::Method(index) | Member::Class(index)) => {
                values.insert(0, object);
                self.call_function(index, method, values, named, span)
            }
            Some(Member::Static(index)) => self.call_function(index, method, values, named, span),
            None if matches!(method, "__init__" | "__post_init__" | "__init_subclass__")
                && values.is_empty() =>
            {
                Ex::none(span)
            }
            _ => {
                let message = format!("`super()` finds no method `{method}`");
                self.fail(Code::Function, span, message, "")
            }
        };
        Self::seq(before, called)
    }
}
