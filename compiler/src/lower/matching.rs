//! `match`: each case is a test, names that are bound, and a guard.

use std::collections::BTreeMap;

use super::Body;
use super::flow::{AFTER, SCOPED};
use crate::ast::{Case, Comparison, Expr, ExprKind, Pattern, Span};
use crate::diagnostics::Code;
use crate::ir::{Label, Op, St};
use crate::request::{Literal, Member};
use crate::ty::{Special, Ty};

/// Where a case that does not match leads.
const NEXT: u8 = 10;

/// What a pattern asks of its subject, and what it gives names.
#[derive(Default)]
struct Asked {
    /// No value of the subject's type matches.
    never: bool,
    tests: Vec<Expr>,
    names: Vec<(String, Expr)>,
}

impl Body<'_, '_> {
    pub(super) fn match_statement(
        &mut self,
        node: u32,
        subject: &Expr,
        cases: &[Case],
        span: Span,
    ) {
        let is_variable =
            matches!(&subject.kind, ExprKind::Name(name) if self.variable(name).is_some());
        let mut scope = BTreeMap::new();
        let subject = if is_variable {
            subject.clone()
        } else {
            // Such a name cannot be written, so it hides nothing.
            let name = format!("<match {node}>");
            let variable = SCOPED * 8 + node as usize;
            self.names.insert(variable, name.clone());
            scope.insert(name.clone(), variable);
            let value = self.expr(subject);
            self.set_variable(variable, value);
            Expr { kind: ExprKind::Name(name), ..subject.clone() }
        };
        if self.env.is_none() {
            return;
        }
        self.scopes.push(scope);
        let end = self.label();
        let (whole, ()) = self.capture(|this| {
            for case in cases {
                if this.env.is_none() {
                    break;
                }
                let mut asked = Asked::default();
                this.pattern(&case.pattern, &subject, &mut asked);
                if asked.never {
                    continue;
                }
                let next = this.label();
                let (block, ()) = this.capture(|this| {
                    this.require(asked.tests, case, next);
                    for (name, value) in &asked.names {
                        if this.env.is_some() {
                            let value = this.expr(value);
                            if let Some(variable) = this.variable(name) {
                                this.set_variable(variable, value);
                            }
                        }
                    }
                    this.require(case.guard.iter().cloned().collect(), case, next);
                    this.block(&case.body);
                    this.flow_to(node, AFTER, span);
                    this.push(St::Br(end));
                });
                this.out.push(St::Block(next, block));
                this.enter(case.id, NEXT);
            }
            this.flow_to(node, AFTER, span);
        });
        self.out.push(St::Block(end, whole));
        self.enter(node, AFTER);
        if let Some(scope) = self.scopes.pop()
            && let Some(env) = &mut self.env
        {
            env.retain(|variable, _| !scope.values().any(|inner| inner == variable));
        }
    }

    /// Goes on only if all tests hold.
    fn require(&mut self, mut tests: Vec<Expr>, case: &Case, next: Label) {
        if self.env.is_none() || tests.is_empty() {
            return;
        }
        let test = if tests.len() == 1 {
            tests.remove(0)
        } else {
            let (span, id) = (case.span, tests[0].id + 0x0800_0000);
            Expr { kind: ExprKind::And(tests), span, id }
        };
        let (condition, then, other) = self.condition(&test);
        if condition.ty == Ty::Never {
            self.evaluate(condition);
            return;
        }
        if matches!(condition.op, Op::Bool(true)) {
            self.narrow(&then, case.span);
            return;
        }
        let before = self.env.clone();
        let (leaving, ()) = self.capture(|this| {
            this.narrow(&other, case.span);
            this.flow_to(case.id, NEXT, case.span);
            this.push(St::Br(next));
        });
        self.env = before;
        self.push(St::If(condition, Vec::new(), leaving));
        self.narrow(&then, case.span);
    }

    fn pattern(&mut self, pattern: &Pattern, subject: &Expr, asked: &mut Asked) {
        match pattern {
            Pattern::Value(value) => asked.tests.push(compare(subject, Comparison::Eq, value)),
            Pattern::Same(value) => asked.tests.push(compare(subject, Comparison::Is, value)),
            Pattern::Capture(inner, name) => {
                if let Some(inner) = inner {
                    self.pattern(inner, subject, asked);
                }
                if let Some(name) = name {
                    asked.names.push((name.clone(), subject.clone()));
                }
            }
            Pattern::Or(patterns, id) => self.alternatives(patterns, *id, subject, asked),
            Pattern::Instance { class, items, named, span, id } => {
                self.instance((class, items, named), (*span, *id), subject, asked);
            }
            Pattern::Mapping { items, span, id } => {
                self.mapping(items, (*span, *id), subject, asked);
            }
            Pattern::Class(class, inner) => {
                asked.tests.push(is_instance(subject, class));
                if let Some(inner) = inner {
                    self.pattern(inner, subject, asked);
                }
            }
            Pattern::Sequence { items, star, span, id } => {
                self.sequence(items, star.as_ref(), (*span, *id), subject, asked);
            }
            Pattern::Error => asked.never = true,
        }
    }

    fn alternatives(&mut self, patterns: &[Pattern], id: u32, subject: &Expr, asked: &mut Asked) {
        let mut parts = Vec::new();
        for pattern in patterns {
            let mut inner = Asked::default();
            self.pattern(pattern, subject, &mut inner);
            if inner.never {
                continue;
            }
            if let Some((name, _)) = inner.names.first() {
                let message =
                    format!("`{name}` is bound in an alternative, which is not supported");
                let help = "write a case for each, or bind with `(... | ...) as name`";
                self.report(Code::Statement, subject.span, message, help);
            }
            match inner.tests.len() {
                0 => return,
                1 => parts.extend(inner.tests),
                _ => {
                    let id = inner.tests[0].id + 0x0400_0000;
                    parts.push(Expr { kind: ExprKind::And(inner.tests), span: subject.span, id });
                }
            }
        }
        match parts.len() {
            0 => asked.never = true,
            1 => asked.tests.extend(parts),
            _ => asked.tests.push(Expr { kind: ExprKind::Or(parts), span: subject.span, id }),
        }
    }

    /// An instance of a class of the user's, whose attributes match.
    fn instance(
        &mut self,
        (class, items, named): (&Expr, &[Pattern], &[(String, Pattern)]),
        (span, id): (Span, u32),
        subject: &Expr,
        asked: &mut Asked,
    ) {
        let Some(known) = self.named_class(class) else {
            let message = "this class pattern is not supported";
            let help = "match builtin types such as `int()`, your own classes, and values";
            self.report(Code::Statement, span, message, help);
            asked.never = true;
            return;
        };
        let members = &self.program.classes.list[known].source.members;
        let names: Vec<String> = match members.get("__match_args__") {
            Some(Member::Constant(Literal::Tuple(names))) => {
                let text = |name: &Literal| match name {
                    Literal::Str(name) => Some(name.clone()),
                    _ => None,
                };
                names.iter().filter_map(text).collect()
            }
            _ => Vec::new(),
        };
        let is_property = |name: &String| matches!(members.get(name), Some(Member::Property(..)));
        let wanted = names.iter().take(items.len()).chain(named.iter().map(|(name, _)| name));
        let computed = wanted.clone().find(|name| is_property(name)).cloned();
        if items.len() > names.len() {
            let shown = &self.program.classes.list[known].source.name;
            let (accepts, given) = (names.len(), items.len());
            let message =
                format!("{shown}() accepts {accepts} positional sub-patterns ({given} given)");
            self.report(Code::Arguments, span, message, "name the attributes");
            asked.never = true;
            return;
        }
        if let Some(name) = computed {
            let message = format!("the property `{name}` in a pattern is not supported");
            self.report(Code::Statement, span, message, "test it in a guard: `if ...`");
            asked.never = true;
            return;
        }
        asked.tests.push(is_instance(subject, class));
        let items = names.iter().zip(items);
        let named = named.iter().map(|(name, pattern)| (name, pattern));
        for (at, (name, pattern)) in items.chain(named).enumerate() {
            let kind = ExprKind::Attribute(Box::new(subject.clone()), name.clone());
            let value = Expr { kind, span, id: id + 16 + 4 * at as u32 };
            self.pattern(pattern, &value, asked);
        }
    }

    /// A dict with keys, whose values match.
    fn mapping(
        &mut self,
        items: &[(Expr, Pattern)],
        (span, id): (Span, u32),
        subject: &Expr,
        asked: &mut Asked,
    ) {
        let (_, value) = self.capture(|this| this.expr(subject));
        match self.resolve(&value.ty) {
            Ty::Dict(..) => {}
            Ty::Special(special, _) if special != Special::Deque => {}
            ty @ Ty::Union(_) => {
                let message =
                    format!("a pattern for mappings of `{}` is not supported", self.show(&ty));
                let help = "test for the type first, e.g. `case None`, or `isinstance`";
                self.report(Code::Statement, span, message, help);
                asked.never = true;
                return;
            }
            _ => {
                asked.never = true;
                return;
            }
        }
        for (key, _) in items {
            let kind =
                ExprKind::Compare(Box::new(key.clone()), vec![(Comparison::In, subject.clone())]);
            asked.tests.push(Expr { kind, span: key.span, id: key.id + 0x0200_0000 });
        }
        for (at, (key, pattern)) in items.iter().enumerate() {
            let kind = ExprKind::Subscript(Box::new(subject.clone()), Box::new(key.clone()));
            let value = Expr { kind, span, id: id + 16 + 4 * at as u32 };
            self.pattern(pattern, &value, asked);
        }
    }

    fn sequence(
        &mut self,
        items: &[Pattern],
        star: Option<&(usize, Option<String>)>,
        (span, id): (Span, u32),
        subject: &Expr,
        asked: &mut Asked,
    ) {
        let (_, value) = self.capture(|this| this.expr(subject));
        let ty = self.resolve(&value.ty);
        let count = items.len();
        let node = |kind, offset: u32| Expr { kind, span, id: id + offset };
        match &ty {
            Ty::Tuple(types) => {
                let fits = if star.is_some() { types.len() >= count } else { types.len() == count };
                if !fits {
                    asked.never = true;
                    return;
                }
            }
            Ty::List(_) | Ty::VTuple(_) => {
                let len = node(ExprKind::Name("len".to_owned()), 0);
                let call = ExprKind::Call {
                    function: Box::new(len),
                    arguments: vec![subject.clone()],
                    keywords: Vec::new(),
                };
                let comparison = if star.is_some() { Comparison::GtE } else { Comparison::Eq };
                let wanted = node(ExprKind::Int(count as i64), 1);
                asked.tests.push(compare(&node(call, 2), comparison, &wanted));
            }
            Ty::Union(_) => {
                let message =
                    format!("a sequence pattern for `{}` is not supported", self.show(&ty));
                let help = "test for the type first, e.g. `case None`, or `isinstance`";
                self.report(Code::Statement, span, message, help);
                asked.never = true;
                return;
            }
            Ty::Object(_) if star.is_none() && self.items_of(&ty).is_some() => {
                let names = self.items_of(&ty).unwrap_or_default();
                if names.len() != count {
                    asked.never = true;
                    return;
                }
                for (index, (name, pattern)) in names.into_iter().zip(items).enumerate() {
                    let item = ExprKind::Attribute(Box::new(subject.clone()), name);
                    self.pattern(pattern, &node(item, 16 + 4 * index as u32), asked);
                }
                return;
            }
            Ty::Special(Special::Deque, _) | Ty::Object(_) => {
                let is_object = matches!(ty, Ty::Object(_));
                if !is_object || self.items_of(&ty).is_some() {
                    let message =
                        format!("this sequence pattern for `{}` is not supported", self.show(&ty));
                    self.report(Code::Statement, span, message, "make a list of it: `list(...)`");
                }
                asked.never = true;
                return;
            }
            // Text is no sequence here, and numbers are none.
            _ => {
                asked.never = true;
                return;
            }
        }
        let before = star.map_or(count, |(at, _)| *at);
        for (index, pattern) in items.iter().enumerate() {
            let at = match &ty {
                Ty::Tuple(types) if index >= before => (types.len() - count + index) as i64,
                _ if index < before => index as i64,
                _ => index as i64 - count as i64,
            };
            let offset = 16 + 4 * index as u32;
            let at = Box::new(node(ExprKind::Int(at), offset));
            let item = node(ExprKind::Subscript(Box::new(subject.clone()), at), offset + 1);
            self.pattern(pattern, &item, asked);
        }
        let Some((_, Some(name))) = star else { return };
        if !matches!(ty, Ty::List(_)) {
            let message =
                format!("`*{name}` in a pattern for `{}` is not supported", self.show(&ty));
            self.report(Code::Statement, span, message, "name the items one by one");
            return;
        }
        let bound = |at: i64, offset| Box::new(node(ExprKind::Int(at), offset));
        let after = (count - before) as i64;
        let stop = (after > 0).then(|| bound(-after, 3));
        let slice = node(ExprKind::Slice([Some(bound(before as i64, 4)), stop, None]), 5);
        let rest = ExprKind::Subscript(Box::new(subject.clone()), Box::new(slice));
        asked.names.push((name.clone(), node(rest, 6)));
    }
}

fn is_instance(subject: &Expr, class: &Expr) -> Expr {
    let isinstance = Expr { kind: ExprKind::Name("isinstance".to_owned()), ..class.clone() };
    let kind = ExprKind::Call {
        function: Box::new(isinstance),
        arguments: vec![subject.clone(), class.clone()],
        keywords: Vec::new(),
    };
    Expr { kind, ..class.clone() }
}

fn compare(subject: &Expr, comparison: Comparison, value: &Expr) -> Expr {
    let kind = ExprKind::Compare(Box::new(subject.clone()), vec![(comparison, value.clone())]);
    Expr { kind, span: value.span, id: value.id + 0x0200_0000 }
}
