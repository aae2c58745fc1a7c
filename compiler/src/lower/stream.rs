//! Streams: what `itertools` gives, where it is consumed. The consumer's code takes the place of `yield`.

use std::borrow::Cow;
use std::rc::Rc;

use super::comprehension::is_generator;
use super::convert::BuiltinCall;
use super::flow::{BREAK, CONTINUE};
use super::iterate::Item;
use super::library::Expansion;
use super::{Body, LoopFrame};
use crate::ast::{Expr, ExprKind, NodeId, Operator, Span, Stmt, StmtKind};
use crate::diagnostics::Code;
use crate::instantiate::YIELD;
use crate::ir::{Ex, Op, St};
use crate::library;
use crate::ty::Ty;

/// The longest tuples that are written out, one loop for each of their items.
const SIZE_MAX: i64 = 8;

/// Receives what a stream gives.
type Consumer<'c, 'l, 'a> = &'c mut dyn FnMut(&mut Body<'l, 'a>, Item);

/// A call of a stream: the template that it takes.
struct Call<'e> {
    name: String,
    text: Cow<'static, str>,
    arguments: &'e [Expr],
    keywords: Vec<(String, Expr)>,
}

impl<'l, 'a> Body<'l, 'a> {
    /// Whether an expression gives its items to code that takes the place of `yield`.
    pub(super) fn is_pushed(&self, iterable: &Expr) -> bool {
        is_generator(iterable) || self.map_or_filter(iterable).is_some() || self.is_stream(iterable)
    }

    /// Whether an expression calls for a stream, or for what goes through one.
    pub(super) fn is_stream(&self, iterable: &Expr) -> bool {
        if let Some(call) = self.builtin_call(iterable) {
            return match call.name {
                "enumerate" => call.arguments.first().is_some_and(|it| self.is_pushed(it)),
                "zip" => call.arguments.iter().any(|it| self.is_pushed(it)),
                _ => false,
            };
        }
        let ExprKind::Call { function, .. } = &iterable.kind else { return false };
        self.library_member(function).is_some_and(|name| is_stream_name(&name))
    }

    /// `for` over anything: `body` is lowered with each item.
    pub(super) fn for_any(
        &mut self,
        node: NodeId,
        iterable: &Expr,
        orelse: &[Stmt],
        span: Span,
        body: Consumer<'_, 'l, 'a>,
    ) {
        if !self.is_pushed(iterable) {
            if let Some(plan) = self.plan_loop(iterable) {
                self.for_loop(node, plan, orelse, span, body);
            } else {
                let error = Self::error(iterable.span);
                body(self, Item::One(error));
            }
            return;
        }
        let break_label = self.label();
        let (block, ()) = self.capture(|this| {
            this.for_each(iterable, &mut |this, item| {
                let continue_label = this.label();
                let (turn, ()) = this.capture(|this| {
                    let copy = this.copy;
                    this.loops.push(LoopFrame { node, copy, break_label, continue_label });
                    body(this, item);
                    this.flow_to(node, CONTINUE, span);
                    this.loops.pop();
                });
                this.out.push(St::Block(continue_label, turn));
                this.enter(node, CONTINUE);
            });
            this.block(orelse);
            this.flow_to(node, BREAK, span);
        });
        self.out.push(St::Block(break_label, block));
        self.enter(node, BREAK);
    }

    /// Goes through a stream.
    pub(super) fn run_stream(&mut self, iterable: &Expr, consumer: Consumer<'_, 'l, 'a>) {
        if let Some(call) = self.builtin_call(iterable) {
            if call.name == "enumerate" {
                self.enumerate_stream(&call, consumer);
            } else {
                self.zip_stream(iterable, &call, consumer);
            }
            return;
        }
        let ExprKind::Call { function, arguments, keywords } = &iterable.kind else { return };
        let Some(name) = self.library_member(function) else { return };
        let Some(call) = self.stream_call(name, arguments, keywords, iterable.span) else { return };
        let Call { name, text, arguments, keywords } = call;
        let Some(expansion) = self.expansion(iterable, &name, text, arguments, &keywords) else {
            return;
        };
        let span = iterable.span;
        let body: Rc<Expansion> = expansion;
        let value = self.with_arguments(&body, arguments, &keywords, span, |this| {
            this.stream_block(&body.body, consumer);
            Ex::none(span)
        });
        // An argument that is wrong was reported.
        let _ = value;
    }

    /// The template for a call.
    fn stream_call<'e>(
        &mut self,
        name: String,
        arguments: &'e [Expr],
        keywords: &'e [(String, Expr)],
        span: Span,
    ) -> Option<Call<'e>> {
        if let Some(starred) =
            arguments.iter().find(|argument| matches!(argument.kind, ExprKind::Starred(_)))
        {
            if let ("itertools.chain", [Expr { kind: ExprKind::Starred(_), .. }]) =
                (name.as_str(), arguments)
            {
                let help = "write `chain.from_iterable(...)`";
                self.report(Code::Arguments, starred.span, "`*` is not supported here", help);
            } else {
                self.report(Code::Arguments, starred.span, "`*` is not supported here", "");
            }
            return None;
        }
        let short = name.rsplit('.').next().unwrap_or_default().to_owned();
        let literal = |value: &Expr| match value.kind {
            ExprKind::Int(size @ 0..=SIZE_MAX) => Some(size as usize),
            _ => None,
        };
        let mut keywords = keywords.to_vec();
        let mut arguments = arguments;
        let many = |iterables: usize, size: usize| {
            Cow::Owned(library::stream_of_many(&short, iterables, size))
        };
        let text = match short.as_str() {
            "chain" => many(arguments.len(), 0),
            "zip_longest" => many(arguments.len(), 0),
            "product" => {
                let repeat = keywords.iter().position(|(name, _)| name == "repeat");
                let size = repeat.map_or(Some(1), |at| literal(&keywords[at].1));
                match size.filter(|size| size * arguments.len() <= SIZE_MAX as usize) {
                    Some(size) => {
                        keywords.retain(|(name, _)| name != "repeat");
                        many(arguments.len(), size)
                    }
                    None if arguments.len() == 1 => {
                        Cow::Borrowed(library::function("itertools.product_of")?)
                    }
                    None => {
                        let message = "`product` of so many iterables is not supported";
                        let help = "`repeat=` must be a small constant if there are several";
                        self.report(Code::Arguments, span, message, help);
                        return None;
                    }
                }
            }
            "permutations" | "combinations" | "combinations_with_replacement" => {
                let size = match arguments {
                    [_, size] => literal(size),
                    [_] => {
                        let named = keywords.iter().find(|(name, _)| name == "r");
                        named.and_then(|(_, size)| literal(size))
                    }
                    _ => None,
                };
                // Permutations of many items are found faster by their cycles.
                let most = if short == "permutations" { 3 } else { SIZE_MAX as usize };
                if let Some(size) = size.filter(|size| *size <= most) {
                    arguments = &arguments[..1];
                    keywords.clear();
                    many(1, size)
                } else {
                    Cow::Borrowed(library::function(&format!("{name}_of"))?)
                }
            }
            "islice" => match arguments.len() {
                2 => Cow::Borrowed(library::function("itertools.islice_to")?),
                _ => Cow::Borrowed(library::function("itertools.islice_of")?),
            },
            _ => Cow::Borrowed(library::function(&name)?),
        };
        Some(Call { name, text, arguments, keywords })
    }

    /// Statements of a template, with `consumer` for `yield`.
    fn stream_block(&mut self, statements: &[Stmt], consumer: Consumer<'_, 'l, 'a>) {
        for statement in statements {
            if self.env.is_none() {
                return;
            }
            self.stream_statement(statement, consumer);
        }
    }

    fn stream_statement(&mut self, statement: &Stmt, consumer: Consumer<'_, 'l, 'a>) {
        let span = statement.span;
        if let Some(value) = yielded(statement) {
            let item = self.tuple_item(value);
            consumer(self, item);
            return;
        }
        if !yields(statement) {
            self.statement(statement);
            return;
        }
        match &statement.kind {
            StmtKind::For { target, iter, body, .. } => {
                self.for_any(statement.id, iter, &[], span, &mut |this, item| {
                    this.assign_item(target, item);
                    this.stream_block(body, consumer);
                });
            }
            StmtKind::While { test, body, .. } => {
                let mut turn = |this: &mut Self| this.stream_block(body, consumer);
                self.while_loop(statement.id, test, &mut turn, &[], span);
            }
            StmtKind::If { test, body, orelse } => {
                self.if_statement(statement.id, test, span, &mut |this, taken| {
                    this.stream_block(if taken { body } else { orelse }, consumer);
                });
            }
            _ => {}
        }
    }

    fn enumerate_stream(&mut self, call: &BuiltinCall<'_>, consumer: Consumer<'_, 'l, 'a>) {
        let span = call.span;
        let counter = self.fresh(&Ty::Int);
        let start = match call.arguments.get(1).or_else(|| call.keyword("start")) {
            Some(start) => {
                let value = self.expr(start);
                self.index_value(value, start.span)
            }
            None => Ex::int(0, span),
        };
        self.push(St::Set(counter, start));
        let now = Ex::local(counter, Ty::Int, span);
        self.for_each(&call.arguments[0], &mut |this, item| {
            let count = this.fresh(&Ty::Int);
            this.push(St::Set(count, now.clone()));
            let next = Op::Int2(Operator::Add, Box::new(now.clone()), Box::new(Ex::int(1, span)));
            this.push(St::Set(counter, Ex::new(next, Ty::Int, span)));
            let count = Item::One(Ex::local(count, Ty::Int, span));
            consumer(this, Item::Many(vec![count, item]));
        });
    }

    /// `zip` with a stream in it: the stream leads, and the others follow.
    fn zip_stream(&mut self, place: &Expr, call: &BuiltinCall<'_>, consumer: Consumer<'_, 'l, 'a>) {
        let span = call.span;
        let leads = call.arguments.iter().position(|argument| self.is_pushed(argument));
        let Some(leads) = leads else { return };
        if let Some(other) = call.arguments[leads + 1..].iter().find(|it| self.is_pushed(it)) {
            let message = "`zip` of two such iterables is not supported";
            self.report(Code::Expression, other.span, message, "make a list of one: `list(...)`");
            return;
        }
        let exit = self.label();
        let mut plans = Vec::new();
        for (at, argument) in call.arguments.iter().enumerate() {
            if at == leads {
                continue;
            }
            let Some(mut plan) = self.plan_to(argument, exit) else { return };
            for statement in std::mem::take(&mut plan.setup) {
                self.push(statement);
            }
            if plan.never {
                self.env = None;
                return;
            }
            plans.push(plan);
        }
        let node = place.id;
        let (block, ()) = self.capture(|this| {
            this.for_each(&call.arguments[leads], &mut |this, item| {
                let item = this.keep_item(item);
                let mut items = vec![];
                for plan in &plans {
                    let before = this.env.clone();
                    let (leave, ()) = this.capture(|this| {
                        this.flow_to(node, BREAK, span);
                        this.push(St::Br(exit));
                    });
                    this.env = before;
                    this.push(St::If(plan.condition.clone(), Vec::new(), leave));
                    for statement in &plan.first {
                        this.push(statement.clone());
                    }
                    items.push(this.keep_item(plan.item.clone()));
                    for statement in &plan.step {
                        this.push(statement.clone());
                    }
                }
                items.insert(leads, item);
                consumer(this, Item::Many(items));
            });
            this.flow_to(node, BREAK, span);
        });
        self.out.push(St::Block(exit, block));
        self.enter(node, BREAK);
        for local in plans.into_iter().flat_map(|plan| plan.owned) {
            self.push(St::Clear(local));
        }
    }
}

/// Whether a member of the library is a stream.
fn is_stream_name(name: &str) -> bool {
    const MANY: &[&str] = &[
        "itertools.chain",
        "itertools.combinations",
        "itertools.combinations_with_replacement",
        "itertools.islice",
        "itertools.permutations",
        "itertools.product",
        "itertools.zip_longest",
    ];
    MANY.contains(&name) || library::function(name).is_some_and(|text| text.contains("yield "))
}

/// What a statement yields, if it is `yield value`.
fn yielded(statement: &Stmt) -> Option<&Expr> {
    let StmtKind::Expr(Expr { kind: ExprKind::Call { function, arguments, .. }, .. }) =
        &statement.kind
    else {
        return None;
    };
    let ExprKind::Name(name) = &function.kind else { return None };
    arguments.first().filter(|_| name == YIELD)
}

/// Whether a statement yields, or one within it.
fn yields(statement: &Stmt) -> bool {
    match &statement.kind {
        StmtKind::For { body, .. } | StmtKind::While { body, .. } => body.iter().any(yields),
        StmtKind::If { body, orelse, .. } => body.iter().chain(orelse).any(yields),
        _ => yielded(statement).is_some(),
    }
}
