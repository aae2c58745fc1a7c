//! Iteration: every `for` and comprehension is a counter, a condition and an item.

use super::Body;
use super::convert::BuiltinCall;
use crate::abi::{common, layout};
use crate::ast::{Comparison, Expr, ExprKind, Operator, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Interval, Label, LocalId, Op, St};
use crate::ty::{Special, Ty};

/// What an iteration gives: a value, or several that Python would make a tuple of.
#[derive(Debug, Clone)]
pub(super) enum Item {
    One(Ex),
    Many(Vec<Item>),
}

/// How to iterate over something.
pub(super) struct Plan {
    /// Before the loop.
    pub setup: Vec<St>,
    /// Whether there is another item.
    pub condition: Ex,
    /// At the start of each turn.
    pub first: Vec<St>,
    pub item: Item,
    /// At the end of each turn.
    pub step: Vec<St>,
    /// Leaves the loop as if there were no more items.
    pub exit: Label,
    /// Objects that the loop holds on to.
    pub owned: Vec<LocalId>,
    /// Setting up does not return.
    pub never: bool,
}

impl Plan {
    pub(super) fn new(setup: Vec<St>, condition: Ex, item: Ex, step: Vec<St>, exit: Label) -> Self {
        let (first, owned) = (Vec::new(), Vec::new());
        Self { setup, condition, first, item: Item::One(item), step, exit, owned, never: false }
    }
}

impl Body<'_, '_> {
    /// How to iterate over an expression; nothing if that was reported.
    pub(super) fn plan(&mut self, iterable: &Expr) -> Option<Plan> {
        let exit = self.label();
        self.plan_to(iterable, exit)
    }

    /// The same for the iterable of a `for` itself, where Python goes through a set of constants
    /// without making one for the program.
    pub(super) fn plan_loop(&mut self, iterable: &Expr) -> Option<Plan> {
        let ExprKind::Set(items) = &iterable.kind else { return self.plan(iterable) };
        let exit = self.label();
        let set = self.set_of_items(iterable, items);
        self.plan_value(set, exit)
    }

    pub(super) fn plan_to(&mut self, iterable: &Expr, exit: Label) -> Option<Plan> {
        let span = iterable.span;
        if let Some(call) = self.builtin_call(iterable) {
            match (call.name, call.arguments.len()) {
                ("range", 1..=3) => return self.plan_range(&call, exit, span),
                ("enumerate", 1 | 2) => return self.plan_enumerate(&call, exit, span),
                ("zip", 1..) => {
                    if let [Expr { kind: ExprKind::Starred(rows), .. }] = call.arguments {
                        return self.plan_columns(rows, exit, span);
                    }
                    return self.plan_zip(&call, exit, span);
                }
                ("reversed", 1) => return self.plan_reversed(&call, exit, span),
                _ => {}
            }
        }
        if let ExprKind::Call { function, arguments, keywords } = &iterable.kind
            && let (ExprKind::Attribute(base, method), [], []) =
                (&function.kind, arguments.as_slice(), keywords.as_slice())
            && matches!(method.as_str(), "keys" | "values" | "items")
        {
            let (setup, value) = self.capture(|this| this.expr(base));
            let value = self.bare(value);
            if let Ty::Dict(..) = self.resolve(&value.ty) {
                let mut plan = self.plan_table(value, method, exit, span);
                plan.setup.splice(0..0, setup);
                return Some(plan);
            }
        }
        let value = match self.constant_items(iterable) {
            Some(items) => items,
            None => self.expr(iterable),
        };
        self.plan_value(value, exit)
    }

    /// How to iterate over a value.
    pub(super) fn plan_value(&mut self, value: Ex, exit: Label) -> Option<Plan> {
        let span = value.span;
        let ty = self.resolve(&value.ty);
        match &ty {
            Ty::List(element) | Ty::VTuple(element) => {
                let element = self.element(element);
                Some(self.plan_list(value, &element, exit, span))
            }
            Ty::Str => Some(self.plan_str(value, exit, span)),
            Ty::Bytes => Some(self.plan_bytes(value, exit, span)),
            Ty::Dict(..) | Ty::Set(_) => Some(self.plan_table(value, "keys", exit, span)),
            Ty::Special(Special::Deque, _) => self.plan_deque(value, exit, span),
            Ty::Special(..) => {
                let value = self.bare(value);
                self.plan_value(value, exit)
            }
            Ty::Tuple(_) => {
                let list = self.tuple_to_list(value)?;
                self.plan_value(list, exit)
            }
            Ty::Class(class) => self.plan_class(*class as usize, exit, span),
            Ty::Object(family) if self.program.resumed.contains_key(&family.root) => {
                Some(self.plan_generator(value, exit, span))
            }
            Ty::Object(_) => {
                let iterated = self.iterated(value, span)?;
                match self.resolve(&iterated.ty) {
                    ty if self.has_special(&ty, "__next__") => {
                        Some(self.plan_next(iterated, exit, span))
                    }
                    Ty::Object(family) if !self.program.resumed.contains_key(&family.root) => {
                        let class = self.exception("TypeError");
                        let text =
                            format!("iter() returned non-iterator of type '{}'", family.name);
                        let raise = Self::raise(class, &text, span);
                        self.plan_value(Self::seq(vec![St::Eval(iterated)], raise), exit)
                    }
                    _ => self.plan_value(iterated, exit),
                }
            }
            Ty::Never => {
                let item = Self::unreachable(span);
                let mut plan =
                    Plan::new(vec![St::Eval(value)], Ex::bool(false, span), item, Vec::new(), exit);
                plan.never = true;
                Some(plan)
            }
            Ty::Error => None,
            Ty::Union(members) if matches!(members.as_slice(), [Ty::None, some] if *some != Ty::Error) =>
            {
                let some = members[1].clone();
                let raise = {
                    let class = self.exception("TypeError");
                    Self::raise(class, "'NoneType' object is not iterable", span)
                };
                let (before, value) = self.temp(value);
                let test = Op::TagIs(Box::new(value.clone()), Ty::None.kind());
                let test = Ex::new(test, Ty::Bool, span);
                let value = Ex::new(Op::Project(Box::new(value)), some, span);
                let value = self.choose(test, raise, value, span);
                self.plan_value(Self::seq(before, value), exit)
            }
            Ty::Union(_) => {
                let message = format!("cannot iterate over `{}`", self.show(&ty));
                let help = "test for the other type first, e.g. `if x is None: return`";
                self.report(Code::Operand, span, message, help);
                None
            }
            _ => {
                let message = format!("'{}' object is not iterable", ty.python_name());
                self.report(Code::Operand, span, message, "");
                None
            }
        }
    }

    /// A tuple's items in a list, of their common type.
    pub(super) fn tuple_to_list(&mut self, value: Ex) -> Option<Ex> {
        let span = value.span;
        let Ty::Tuple(types) = self.resolve(&value.ty) else { return Some(value) };
        let (before, tuple) = self.temp(value);
        let mut element = Ty::Never;
        for ty in &types {
            if let Ok(joined) = self.program.types.join(&element, ty) {
                element = joined;
            } else {
                let message = "the items of this tuple have types that one variable cannot hold";
                self.report(Code::MixedTypes, span, message, "name the items one by one");
                return None;
            }
        }
        let items = types.iter().enumerate().map(|(index, ty)| {
            let item = Op::TupleGet(Box::new(tuple.clone()), index);
            self.coerce(Ex::new(item, ty.clone(), span), &element)
        });
        let items = items.collect();
        Some(Self::seq(before, Ex::new(Op::NewList(items), Ty::list(element), span)))
    }

    fn counter(&mut self) -> LocalId {
        self.fresh(&Ty::Int)
    }

    fn step(local: LocalId, by: Ex, exit: Label) -> Vec<St> {
        vec![St::Step { local, by, exit }]
    }

    fn plan_range(&mut self, call: &BuiltinCall<'_>, exit: Label, span: Span) -> Option<Plan> {
        let (setup, bounds) = self.capture(|this| this.range_bounds(call));
        let [start, stop, step] = bounds?;
        let mut setup = setup;
        let counter = self.counter();
        let now = Ex::local(counter, Ty::Int, span);
        setup.push(St::Set(counter, start));
        let condition = match step.op {
            Op::Int(1..) => Self::int_compare(Comparison::Lt, now.clone(), stop),
            Op::Int(..=-1) => Self::int_compare(Comparison::Gt, now.clone(), stop),
            _ => {
                let zero = || Ex::int(0, span);
                let raise = St::Eval(Self::common(common::RANGE_STEP, span));
                let is_zero = Self::int_compare(Comparison::Eq, step.clone(), zero());
                setup.push(St::If(is_zero, vec![raise], Vec::new()));
                let up = Self::int_compare(Comparison::Lt, now.clone(), stop.clone());
                let down = Self::int_compare(Comparison::Gt, now.clone(), stop);
                let rising = Self::int_compare(Comparison::Gt, step.clone(), zero());
                self.choose(rising, up, down, span)
            }
        };
        Some(Plan::new(setup, condition, now, Self::step(counter, step, exit), exit))
    }

    /// Start, stop and step of a `range`, put aside.
    pub(super) fn range_bounds(&mut self, call: &BuiltinCall<'_>) -> Option<[Ex; 3]> {
        let mut values = Vec::new();
        for argument in call.arguments {
            let value = self.expr(argument);
            let value = self.index_value(value, argument.span);
            values.push(self.copy(value));
        }
        if values.iter().any(|value| value.ty == Ty::Error) {
            return None;
        }
        let span = call.span;
        let mut values = values.into_iter();
        let first = values.next()?;
        Some(match (values.next(), values.next()) {
            (None, _) => [Ex::int(0, span), first, Ex::int(1, span)],
            (Some(stop), None) => [first, stop, Ex::int(1, span)],
            (Some(stop), Some(step)) => [first, stop, step],
        })
    }

    fn plan_list(&mut self, value: Ex, element: &Ty, exit: Label, span: Span) -> Plan {
        let list_ty = self.resolve(&value.ty);
        let list = self.fresh(&list_ty);
        let counter = self.counter();
        let setup = vec![St::Set(list, value), St::Set(counter, Ex::int(0, span))];
        let list_ex = Ex::local(list, list_ty, span);
        let now = Ex::local(counter, Ty::Int, span);
        let length = Self::length(list_ex.clone());
        let condition = Self::int_compare(Comparison::Lt, now.clone(), length);
        let get = Op::ListGet { list: Box::new(list_ex), index: Box::new(now), checked: false };
        let item = Ex::new(get, element.clone(), span);
        let step = Self::step(counter, Ex::int(1, span), exit);
        let mut plan = Plan::new(setup, condition, item, step, exit);
        plan.owned.push(list);
        plan
    }

    fn plan_str(&mut self, value: Ex, exit: Label, span: Span) -> Plan {
        let text = self.fresh(&Ty::Str);
        let offset = self.fresh(&Ty::Raw);
        let item = self.fresh(&Ty::Str);
        let raw = |local| Ex::local(local, Ty::Raw, span);
        let text_ex = Ex::local(text, Ty::Str, span);
        let item_ex = Ex::local(item, Ty::Str, span);
        let zero = Ex::new(Op::Int(0), Ty::Raw, span);
        let setup = vec![St::Set(text, value), St::Set(offset, zero)];
        let end = Ex::new(Op::StrBytes(Box::new(text_ex.clone())), Ty::Raw, span);
        let condition = Op::RawLess(Box::new(raw(offset)), Box::new(end));
        let condition = Ex::new(condition, Ty::Bool, span);
        let at = Self::call_runtime("str_char_at", vec![text_ex, raw(offset)], Ty::Str, span);
        let width = Ex::new(Op::StrBytes(Box::new(item_ex.clone())), Ty::Raw, span);
        let next = Op::RawAdd(Box::new(raw(offset)), Box::new(width));
        let step = vec![St::Set(offset, Ex::new(next, Ty::Raw, span))];
        let mut plan = Plan::new(setup, condition, item_ex, step, exit);
        plan.first = vec![St::Set(item, at)];
        plan.owned.push(text);
        plan
    }

    fn plan_bytes(&mut self, value: Ex, exit: Label, span: Span) -> Plan {
        let bytes = self.fresh(&Ty::Bytes);
        let counter = self.counter();
        let setup = vec![St::Set(bytes, value), St::Set(counter, Ex::int(0, span))];
        let bytes_ex = Ex::local(bytes, Ty::Bytes, span);
        let now = Ex::local(counter, Ty::Int, span);
        let length = Self::length(bytes_ex.clone());
        let condition = Self::int_compare(Comparison::Lt, now.clone(), length);
        let mut item = Ex::new(Op::ByteAt(Box::new(bytes_ex), Box::new(now)), Ty::Int, span);
        item.range = Interval::new(0, 255);
        let step = Self::step(counter, Ex::int(1, span), exit);
        let mut plan = Plan::new(setup, condition, item, step, exit);
        plan.owned.push(bytes);
        plan
    }

    /// Over a dict or set: `keys`, `values` or `items`.
    fn plan_table(&mut self, value: Ex, what: &str, exit: Label, span: Span) -> Plan {
        let table_ty = self.resolve(&value.ty);
        let (key, element, changed) = match &table_ty {
            Ty::Dict(key, value) => (self.element(key), self.element(value), common::DICT_CHANGED),
            Ty::Set(element) => (self.element(element), Ty::Never, common::SET_CHANGED),
            _ => (Ty::Error, Ty::Error, common::SET_CHANGED),
        };
        let table = self.fresh(&table_ty);
        let cursor = self.fresh(&Ty::Raw);
        let size = self.counter();
        let table_ex = || Ex::local(table, table_ty.clone(), span);
        let raw = |local| Ex::local(local, Ty::Raw, span);
        let zero = || Ex::new(Op::Int(0), Ty::Raw, span);
        let setup = vec![
            St::Set(table, value),
            St::Set(cursor, zero()),
            St::Set(size, Self::length(table_ex())),
        ];
        let now = Self::length(table_ex());
        let same = Self::int_compare(Comparison::NotEq, now, Ex::local(size, Ty::Int, span));
        let check = St::If(same, vec![St::Eval(Self::common(changed, span))], Vec::new());
        let next = Self::call_runtime("table_next", vec![table_ex(), raw(cursor)], Ty::Raw, span);
        let advance = vec![check, St::Set(cursor, next)];
        let more = Op::RawLess(Box::new(zero()), Box::new(raw(cursor)));
        let condition = Self::seq(advance, Ex::new(more, Ty::Bool, span));
        let entry = Self::call_runtime("table_entry", vec![table_ex(), raw(cursor)], Ty::Raw, span);
        let slot = |offset, ty: &Ty| {
            Item::One(Ex::new(Op::Slot(Box::new(entry.clone()), offset), ty.clone(), span))
        };
        let key = slot(layout::ENTRY_KEY, &key);
        let element = slot(layout::ENTRY_VALUE, &element);
        let item = match what {
            "keys" => key,
            "values" => element,
            _ => Item::Many(vec![key, element]),
        };
        let item_ex = Ex::none(span);
        let mut plan = Plan::new(setup, condition, item_ex, Vec::new(), exit);
        plan.item = item;
        plan.owned.push(table);
        plan
    }

    fn plan_enumerate(&mut self, call: &BuiltinCall<'_>, exit: Label, span: Span) -> Option<Plan> {
        let mut plan = self.plan_to(&call.arguments[0], exit)?;
        let start = match call.arguments.get(1).or_else(|| call.keyword("start")) {
            Some(start) => {
                let (before, value) = self.capture(|this| {
                    let value = this.expr(start);
                    this.index_value(value, start.span)
                });
                plan.setup.extend(before);
                value
            }
            None => Ex::int(0, span),
        };
        let counter = self.counter();
        plan.setup.push(St::Set(counter, start));
        let now = Ex::local(counter, Ty::Int, span);
        // A count beyond 64 bits is as far away as it looks.
        let next = Op::Int2(Operator::Add, Box::new(now.clone()), Box::new(Ex::int(1, span)));
        plan.step.push(St::Set(counter, Ex::new(next, Ty::Int, span)));
        plan.item = Item::Many(vec![Item::One(now), plan.item]);
        Some(plan)
    }

    fn plan_zip(&mut self, call: &BuiltinCall<'_>, exit: Label, span: Span) -> Option<Plan> {
        let mut plans = Vec::new();
        for argument in call.arguments {
            plans.push(self.plan_to(argument, exit));
        }
        let plans = plans.into_iter().collect::<Option<_>>()?;
        Some(self.plan_together(plans, span))
    }

    /// How to iterate over several things side by side.
    pub(super) fn plan_together(&mut self, mut plans: Vec<Plan>, span: Span) -> Plan {
        let mut all = plans.remove(0);
        let mut items = vec![all.item];
        for plan in plans {
            all.setup.extend(plan.setup);
            // The first of the next iterable is fetched only if all before it had one.
            let mut condition = plan.condition;
            if !all.first.is_empty() {
                condition = Self::seq(std::mem::take(&mut all.first), condition);
            }
            all.condition = self.choose(all.condition, condition, Ex::bool(false, span), span);
            all.first = plan.first;
            items.push(plan.item);
            all.step.extend(plan.step);
            all.owned.extend(plan.owned);
            all.never |= plan.never;
        }
        all.item = Item::Many(items);
        all
    }

    fn plan_reversed(&mut self, call: &BuiltinCall<'_>, exit: Label, span: Span) -> Option<Plan> {
        let argument = &call.arguments[0];
        if let Some(range) = self.builtin_call(argument).filter(|call| call.name == "range") {
            let (setup, bounds) = self.capture(|this| this.range_bounds(&range));
            return self.plan_reversed_range(setup, bounds?, exit, span);
        }
        let mut value = self.expr(argument);
        let ty = self.resolve(&value.ty);
        value = match ty {
            Ty::Str => Self::call_runtime("str_to_list", vec![value], Ty::list(Ty::Str), span),
            Ty::Bytes => Self::call_runtime("bytes_to_list", vec![value], Ty::list(Ty::Int), span),
            Ty::Tuple(_) => self.tuple_to_list(value)?,
            Ty::Dict(key, _) => {
                let desc = Argument::Desc(self.resolve(&value.ty));
                let arguments = vec![Argument::Ex(value), desc];
                Self::runtime("table_keys", arguments, Ty::List(key), span)
            }
            _ => value,
        };
        let list_ty = self.resolve(&value.ty);
        let element = match &list_ty {
            Ty::List(element) | Ty::VTuple(element) => self.element(element),
            Ty::Never | Ty::Error => return self.plan_value(value, exit),
            _ => {
                let message = format!("'{}' object is not reversible", list_ty.python_name());
                self.report(Code::Operand, span, message, "");
                return None;
            }
        };
        let list = self.fresh(&list_ty);
        let counter = self.counter();
        let list_ex = Ex::local(list, list_ty, span);
        let now = Ex::local(counter, Ty::Int, span);
        let one = Ex::int(1, span);
        let last = Op::Int2(Operator::Sub, Box::new(Self::length(list_ex.clone())), Box::new(one));
        let setup = vec![St::Set(list, value), St::Set(counter, Ex::new(last, Ty::Int, span))];
        // As CPython's iterator does, stop where the list has become shorter.
        let there = Self::int_compare(Comparison::GtE, now.clone(), Ex::int(0, span));
        let within = Self::int_compare(Comparison::Lt, now.clone(), Self::length(list_ex.clone()));
        let condition = self.choose(there, within, Ex::bool(false, span), span);
        let get = Op::ListGet { list: Box::new(list_ex), index: Box::new(now), checked: false };
        let item = Ex::new(get, element, span);
        let step = Self::step(counter, Ex::int(-1, span), exit);
        let mut plan = Plan::new(setup, condition, item, step, exit);
        plan.owned.push(list);
        Some(plan)
    }

    fn plan_reversed_range(
        &mut self,
        mut setup: Vec<St>,
        bounds: [Ex; 3],
        exit: Label,
        span: Span,
    ) -> Option<Plan> {
        let [start, stop, step] = bounds;
        let counter = self.counter();
        let now = Ex::local(counter, Ty::Int, span);
        let int2 = |operator, left: Ex, right: Ex| {
            Ex::new(Op::Int2(operator, Box::new(left), Box::new(right)), Ty::Int, span)
        };
        let minus = Ex::int(-1, span);
        if let Op::Int(1) = step.op {
            // Counts down from `stop`, so that `stop - 1` is formed only above `start`.
            setup.push(St::Set(counter, stop));
            let condition = Self::int_compare(Comparison::Gt, now.clone(), start);
            let item = int2(Operator::Add, now, minus.clone());
            return Some(Plan::new(setup, condition, item, Self::step(counter, minus, exit), exit));
        }
        let Op::Int(by) = step.op else {
            let message =
                "`reversed` of a range with a step that is not a constant is not supported";
            self.report(Code::Expression, span, message, "write the step as a number");
            return None;
        };
        if by == 0 {
            setup.push(St::Eval(Self::common(common::RANGE_STEP, span)));
            let item = Self::unreachable(span);
            let mut plan = Plan::new(setup, Ex::bool(false, span), item, Vec::new(), exit);
            plan.never = true;
            return Some(plan);
        }
        let length = int2(Operator::Sub, stop, start.clone());
        let length = int2(Operator::Add, length, Ex::int(by - by.signum(), span));
        let count = int2(Operator::FloorDiv, length, step.clone());
        setup.push(St::Set(counter, count));
        let condition = Self::int_compare(Comparison::Gt, now.clone(), Ex::int(0, span));
        let index = int2(Operator::Add, now, minus.clone());
        let item = int2(Operator::Add, start, int2(Operator::Mul, index, step));
        Some(Plan::new(setup, condition, item, Self::step(counter, minus, exit), exit))
    }
}
