//! `x[i]` and `x[a:b:c]`: reading, storing and deleting.

use super::Body;
use crate::abi::given;
use crate::ast::{Expr, ExprKind, Operator, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Op, Raise, St};
use crate::ty::Ty;

/// Start, stop, step, and which of them are given.
type Bounds = (Ex, Ex, Ex, u32);

impl Body<'_, '_> {
    pub(super) fn subscript(&mut self, base: &Expr, index: &Expr, span: Span) -> Ex {
        let base = self.expr(base);
        if let ExprKind::Slice(parts) = &index.kind {
            let mut before = Vec::new();
            let mut base = base;
            if parts
                .iter()
                .flatten()
                .any(|part| !matches!(part.kind, ExprKind::Int(_) | ExprKind::Name(_)))
            {
                (before, base) = self.temp(base);
            }
            let Some(bounds) = self.bounds(parts, span) else { return Self::error(span) };
            let result = self.split(base, &mut |this, base| this.slice(base, bounds.clone(), span));
            return Self::seq(before, result);
        }
        let index = self.expr(index);
        if let Some(trivial) = self.trivial(&[&base, &index], span) {
            return trivial;
        }
        if matches!(self.resolve(&base.ty), Ty::Union(_)) {
            return self.split2(base, index, &mut |this, base, index| this.item(base, index, span));
        }
        self.item(base, index, span)
    }

    /// `base[index]`.
    fn item(&mut self, base: Ex, index: Ex, span: Span) -> Ex {
        let ty = self.resolve(&base.ty);
        match &ty {
            Ty::List(element) | Ty::VTuple(element) => {
                let element = self.element(element);
                let index = self.index_of(index, &ty, span);
                if index.ty == Ty::Error {
                    return index;
                }
                let get =
                    Op::ListGet { list: Box::new(base), index: Box::new(index), checked: true };
                Ex::new(get, element, span)
            }
            Ty::Str => {
                let index = self.index_of(index, &ty, span);
                Self::call_runtime("str_index", vec![base, index], Ty::Str, span)
            }
            Ty::Bytes => {
                let index = self.index_of(index, &ty, span);
                Self::call_runtime("bytes_index", vec![base, index], Ty::Int, span)
            }
            Ty::Tuple(items) => self.tuple_item_at(base, items, index, span),
            Ty::Dict(key, value) => {
                let value = self.element(value);
                let optional = matches!(self.resolve(&index.ty), Ty::Union(_));
                let (before, base) = if optional { self.temp(base) } else { (Vec::new(), base) };
                let got = self.with_key(index, key, &mut |this, index| {
                    let index = this.key(index, key, span);
                    let arguments = vec![
                        Argument::Ex(base.clone()),
                        Argument::Desc(this.resolve(&ty)),
                        Argument::Ex(index),
                    ];
                    Self::runtime("dict_get", arguments, value.clone(), span)
                });
                Self::seq(before, got)
            }
            Ty::Never | Ty::Error => base,
            Ty::Object(_) => match self.as_tuple(base.clone()) {
                Some(tuple) => self.item(tuple, index, span),
                None => self.special_item(base, index, span),
            },
            Ty::Class(class) => {
                self.enum_by_name(*class as usize, index, span).unwrap_or_else(|| {
                    self.fail(Code::Operand, span, "'type' object is not subscriptable", "")
                })
            }
            _ => {
                let message = format!("'{}' object is not subscriptable", ty.python_name());
                self.fail(Code::Operand, span, message, "")
            }
        }
    }

    /// Looks up a key that may be None where no key is: then that raises `KeyError`.
    pub(super) fn with_key(
        &mut self,
        key: Ex,
        element: &Ty,
        lookup: &mut dyn FnMut(&mut Self, Ex) -> Ex,
    ) -> Ex {
        let element = self.resolve(element);
        let optional = matches!(self.resolve(&key.ty), Ty::Union(_));
        if !optional || matches!(element, Ty::Union(_) | Ty::Var(_) | Ty::Never | Ty::None) {
            return lookup(self, key);
        }
        self.split(key, &mut |this, key| {
            if key.ty == Ty::None {
                let (class, span) = (this.exception("KeyError"), key.span);
                let raise = Raise::Value(class, Box::new(Ex::none(span)));
                return Ex::new(Op::Raise(raise), Ty::Never, span);
            }
            lookup(this, key)
        })
    }

    /// A key as the type of a dict's keys.
    pub(super) fn key(&mut self, key: Ex, ty: &Ty, span: Span) -> Ex {
        self.fit(key, ty, "a dict with keys", span)
    }

    fn tuple_item_at(&mut self, base: Ex, items: &[Ty], index: Ex, span: Span) -> Ex {
        let count = items.len() as i64;
        let known = match index.op {
            Op::Int(value) => Some(value),
            Op::Bool(value) => Some(i64::from(value)),
            _ => None,
        };
        if let Some(value) = known {
            let at = if value < 0 { value + count } else { value };
            if at < 0 || at >= count {
                let raise = Self::common(crate::abi::common::TUPLE_INDEX, span);
                return Self::seq(vec![St::Eval(base)], raise);
            }
            let ty = items[at as usize].clone();
            return Ex::new(Op::TupleGet(Box::new(base), at as usize), ty, span);
        }
        let ty = self.resolve(&base.ty);
        let index = self.index_of(index, &ty, span);
        if items.iter().any(|item| *item != items[0]) {
            let message = "the index of a tuple of different types must be a constant";
            return self.fail(Code::Operand, span, message, "use a list, or a constant index");
        }
        let (mut before, base) = self.temp(base);
        let (more, index) = self.temp(index);
        before.extend(more);
        // A chain of comparisons: tuples are short.
        let mut result = Self::common(crate::abi::common::TUPLE_INDEX, span);
        for (at, item) in items.iter().enumerate().rev() {
            let at = at as i64;
            let equal = crate::ast::Comparison::Eq;
            let up = Self::int_compare(equal, index.clone(), Ex::int(at, span));
            let down = Self::int_compare(equal, index.clone(), Ex::int(at - count, span));
            let test = self.choose(up, Ex::bool(true, span), down, span);
            let get =
                Ex::new(Op::TupleGet(Box::new(base.clone()), at as usize), item.clone(), span);
            result = self.choose(test, get, result, span);
        }
        Self::seq(before, result)
    }

    /// An index, or the error that `CPython` raises for it.
    fn index_of(&mut self, index: Ex, base: &Ty, span: Span) -> Ex {
        let ty = self.resolve(&index.ty);
        match ty {
            Ty::Int | Ty::Error | Ty::Never => index,
            Ty::Bool => Self::to_int(index),
            Ty::Union(_) => self.split(index, &mut |this, index| this.index_of(index, base, span)),
            _ => {
                let what = match base {
                    Ty::Str => "string indices must be integers".to_owned(),
                    Ty::Bytes => {
                        format!("byte indices must be integers or slices, not {}", ty.python_name())
                    }
                    _ => format!(
                        "{} indices must be integers or slices, not {}",
                        base.python_name(),
                        ty.python_name()
                    ),
                };
                let what = if *base == Ty::Str {
                    format!("{what}, not '{}'", ty.python_name())
                } else {
                    what
                };
                self.fail(Code::Operand, span, what, "")
            }
        }
    }

    /// An int argument: what `__index__` accepts.
    pub(super) fn index_value(&mut self, value: Ex, span: Span) -> Ex {
        let ty = self.resolve(&value.ty);
        match ty {
            Ty::Int | Ty::Error | Ty::Never => value,
            Ty::Bool => Self::to_int(value),
            Ty::Object(_) => self.special_number(value, &["__index__"], "index", span),
            Ty::Union(_) => self.split(value, &mut |this, value| this.index_value(value, span)),
            _ => {
                let name = ty.python_name();
                let message = format!("'{name}' object cannot be interpreted as an integer");
                let help = if ty == Ty::Float { "use `int(...)` or `//`" } else { "" };
                self.fail(Code::Operand, span, message, help)
            }
        }
    }

    fn bounds(&mut self, parts: &[Option<Box<Expr>>; 3], span: Span) -> Option<Bounds> {
        let mut mask = 0;
        let mut values = Vec::new();
        for (part, bit) in parts.iter().zip([given::START, given::STOP, given::STEP]) {
            let value = match part {
                None => Ex::int(0, span),
                Some(part) => {
                    let value = self.expr(part);
                    if value.ty == Ty::None {
                        Ex::int(0, span)
                    } else {
                        mask |= bit;
                        self.index_value(value, part.span)
                    }
                }
            };
            if value.ty == Ty::Error {
                return None;
            }
            values.push(value);
        }
        let mut values = values.into_iter();
        Some((values.next()?, values.next()?, values.next()?, mask))
    }

    fn slice(&mut self, base: Ex, bounds: Bounds, span: Span) -> Ex {
        let ty = self.resolve(&base.ty);
        let (start, stop, step, mask) = bounds;
        let name = match &ty {
            Ty::List(_) | Ty::VTuple(_) => "list_slice",
            Ty::Str => "str_slice",
            Ty::Bytes => "bytes_slice",
            Ty::Tuple(items) => {
                return self.tuple_slice(base, &items.clone(), &(start, stop, step, mask), span);
            }
            Ty::Never | Ty::Error => return base,
            _ => {
                let message = format!("'{}' object is not subscriptable", ty.python_name());
                return self.fail(Code::Operand, span, message, "");
            }
        };
        let mut arguments = vec![Argument::Ex(base)];
        if name == "list_slice" {
            arguments.push(Argument::Desc(ty.clone()));
        }
        arguments.extend([start, stop, step].map(Argument::Ex));
        arguments.push(Argument::Num(mask));
        Self::runtime(name, arguments, ty, span)
    }

    fn tuple_slice(&mut self, base: Ex, items: &[Ty], bounds: &Bounds, span: Span) -> Ex {
        let (start, stop, step, mask) = bounds;
        let known = |value: &Ex| if let Op::Int(value) = value.op { Some(value) } else { None };
        let (Some(start), Some(stop), Some(step)) = (known(start), known(stop), known(step)) else {
            let message = "the bounds of a tuple's slice must be constants";
            return self.fail(Code::Expression, span, message, "use a list");
        };
        let step = if mask & given::STEP == 0 { 1 } else { step };
        if step == 0 {
            return Self::common(crate::abi::common::SLICE_STEP, span);
        }
        let count = items.len() as i64;
        let clip = |value: i64, present: u32, default: i64| {
            if mask & present == 0 {
                return default;
            }
            let value = if value < 0 { value + count } else { value };
            if step > 0 { value.clamp(0, count) } else { value.clamp(-1, count - 1) }
        };
        let (first, last) = if step > 0 { (0, count) } else { (count - 1, -1) };
        let (mut at, stop) = (clip(start, given::START, first), clip(stop, given::STOP, last));
        let (before, base) = self.temp(base);
        let mut values = Vec::new();
        while (step > 0 && at < stop) || (step < 0 && at > stop) {
            let get = Op::TupleGet(Box::new(base.clone()), at as usize);
            values.push(super::iterate::Item::One(Ex::new(get, items[at as usize].clone(), span)));
            at += step;
        }
        let tuple = self.item_value(super::iterate::Item::Many(values), span);
        Self::seq(before, tuple)
    }

    /// `base[index] = value`; the value is evaluated already.
    pub(super) fn store_subscript(&mut self, target: &Expr, base: &Expr, index: &Expr, value: Ex) {
        let span = target.span;
        let base = self.expr(base);
        if let ExprKind::Slice(parts) = &index.kind {
            let base = self.keep(base);
            let Some((start, stop, step, mask)) = self.bounds(parts, span) else { return };
            let ty = self.resolve(&base.ty);
            if !matches!(ty, Ty::List(_)) {
                self.no_item_assignment(&ty, span);
                return;
            }
            let Some(other) = self.as_list(value, span) else { return };
            let other = self.fit(other, &ty, "a list", span);
            let mut arguments = vec![Argument::Ex(base), Argument::Desc(ty)];
            arguments.extend([start, stop, step].map(Argument::Ex));
            arguments.extend([Argument::Num(mask), Argument::Ex(other)]);
            self.evaluate(Self::runtime("list_set_slice", arguments, Ty::None, span));
            return;
        }
        let index = self.expr(index);
        self.store(base, index, value, span);
    }

    fn store(&mut self, base: Ex, index: Ex, value: Ex, span: Span) {
        if let Some(trivial) = self.trivial(&[&base, &index, &value], span) {
            if trivial.ty == Ty::Never {
                self.evaluate(trivial);
            }
            return;
        }
        let ty = self.resolve(&base.ty);
        match &ty {
            Ty::List(element) => {
                let index = self.index_of(index, &ty, span);
                let value = self.fit(value, element, "a list", span);
                if index.ty == Ty::Error || value.ty == Ty::Error {
                    return;
                }
                self.push(St::ListSet { list: base, index, value, checked: true });
            }
            Ty::Dict(..) => {
                let stored = self.dict_set(&base, index, value, span);
                self.evaluate(stored);
            }
            Ty::Object(_) if self.has_special(&ty, "__setitem__") => {
                let stored = self.method_of_object(base, "__setitem__", &[index, value], &[], span);
                self.evaluate(stored);
            }
            _ => self.no_item_assignment(&ty, span),
        }
    }

    fn no_item_assignment(&mut self, ty: &Ty, span: Span) {
        if !matches!(ty, Ty::Error | Ty::Never) {
            let name = ty.python_name();
            let message = format!("'{name}' object does not support item assignment");
            let help = match ty {
                Ty::Union(_) => "test its type first, e.g. `if x is not None`",
                _ => "",
            };
            self.report(Code::Operand, span, message, help);
        }
    }

    /// `base[index] op= value`: base and index are evaluated once.
    pub(super) fn augmented_subscript(
        &mut self,
        target: &Expr,
        base: &Expr,
        index: &Expr,
        operator: Operator,
        value: &Expr,
        span: Span,
    ) {
        if matches!(index.kind, ExprKind::Slice(_)) {
            self.report(
                Code::Expression,
                span,
                "this operation on a slice is not supported",
                "write it out",
            );
            return;
        }
        let base = self.expr(base);
        // A row that stays in its list need not be counted while nothing else can run.
        let base = self.hold(base, &[index, value]);
        let index = self.expr(index);
        let index = self.keep(index);
        if let Some(trivial) = self.trivial(&[&base, &index], target.span) {
            if trivial.ty == Ty::Never {
                self.evaluate(trivial);
            }
            return;
        }
        let old = self.item(base.clone(), index.clone(), target.span);
        let old = if old.ty.is_counted() { self.keep(old) } else { old };
        let value = self.expr(value);
        if let Some(statement) = self.in_place(operator, &old, &value, span) {
            self.evaluate(statement);
            return;
        }
        let new = self.binary(operator, old, value, span);
        let new = self.keep(new);
        self.store(base, index, new, target.span);
    }

    /// Puts an object aside; borrowed from where it is, if that cannot change before what is
    /// evaluated next is stored.
    fn hold(&mut self, base: Ex, next: &[&Expr]) -> Ex {
        let held = self.keep(base);
        if let Op::Local(local) = held.op {
            let temporary = matches!(self.out.last(), Some(St::Set(set, source))
                if *set == local && source.is_simple() && matches!(source.op, Op::ListGet { .. } | Op::TupleGet(..)));
            if temporary && next.iter().all(|expression| quiet(expression)) {
                self.locals[local].borrowed = true;
            }
        }
        held
    }

    pub(super) fn delete_subscript(&mut self, target: &Expr, base: &Expr, index: &Expr) {
        let span = target.span;
        let base = self.expr(base);
        let ty = self.resolve(&base.ty);
        if let (ExprKind::Slice(parts), Ty::List(_)) = (&index.kind, &ty) {
            let base = self.keep(base);
            let Some((start, stop, step, mask)) = self.bounds(parts, span) else { return };
            let mut arguments = vec![Argument::Ex(base), Argument::Desc(ty)];
            arguments.extend([start, stop, step].map(Argument::Ex));
            arguments.push(Argument::Num(mask));
            self.evaluate(Self::runtime("list_del_slice", arguments, Ty::None, span));
            return;
        }
        let index = self.expr(index);
        if let Some(trivial) = self.trivial(&[&base, &index], span) {
            self.evaluate(trivial);
            return;
        }
        let (name, index) = match &ty {
            Ty::List(_) => ("list_del", self.index_of(index, &ty, span)),
            Ty::Dict(key, _) => ("dict_del", self.key(index, key, span)),
            Ty::Object(_) if self.has_special(&ty, "__delitem__") => {
                let done = self.method_of_object(base, "__delitem__", &[index], &[], span);
                self.evaluate(done);
                return;
            }
            _ => {
                let message =
                    format!("'{}' object doesn't support item deletion", ty.python_name());
                self.report(Code::Operand, span, message, "");
                return;
            }
        };
        let arguments = vec![Argument::Ex(base), Argument::Desc(ty), Argument::Ex(index)];
        self.evaluate(Self::runtime(name, arguments, Ty::None, span));
    }
}

/// Whether evaluating an expression can run no code that changes an object: names, numbers,
/// arithmetic and items only.
fn quiet(expression: &Expr) -> bool {
    match &expression.kind {
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Name(_) => true,
        ExprKind::Unary(_, value) => quiet(value),
        ExprKind::Binary(_, left, right) | ExprKind::Subscript(left, right) => {
            quiet(left) && quiet(right)
        }
        _ => false,
    }
}
