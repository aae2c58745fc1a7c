//! Walks over the typed program.

use std::collections::{BTreeMap, BTreeSet};

use crate::ir::{Argument, Ex, InstanceId, LocalId, Op, Raise, St};
use crate::ty::{Ty, Types};

/// Matches what is raised with a value.
macro_rules! raise {
    ($value:ident) => {
        Raise::Value(_, $value)
            | Raise::Arguments(_, $value)
            | Raise::Object($value)
            | Raise::Again($value)
    };
}

/// Calls `action` on the expressions directly in a statement.
pub(crate) fn expressions_of(statement: &mut St, action: &mut dyn FnMut(&mut Ex)) {
    match statement {
        St::Set(_, value)
        | St::Eval(value)
        | St::Return(value)
        | St::Yield(value)
        | St::Step { by: value, .. } => {
            action(value);
        }
        St::If(test, ..) => action(test),
        St::Loop { condition, .. } => condition.iter_mut().for_each(action),
        St::ListSet { list, index, value, .. } => {
            action(list);
            action(index);
            action(value);
        }
        St::FieldSet { object, value, .. } => {
            action(value);
            action(object);
        }
        St::Block(..) | St::Br(_) | St::Clear(_) | St::Try { .. } | St::Handling { .. } => {}
    }
}

/// Calls `action` on the blocks directly in a statement.
pub(crate) fn blocks_of(statement: &mut St, action: &mut dyn FnMut(&mut Vec<St>)) {
    match statement {
        St::If(_, then, other) => {
            action(then);
            action(other);
        }
        St::Block(_, body) | St::Handling { body, .. } => action(body),
        St::Try { body, handler, .. } => {
            action(body);
            action(handler);
        }
        St::Loop { body, step, .. } => {
            action(body);
            action(step);
        }
        _ => {}
    }
}

/// Calls `action` on the expressions directly in an expression, in the order of evaluation.
pub(crate) fn children_of(expression: &mut Ex, action: &mut dyn FnMut(&mut Ex)) {
    match &mut expression.op {
        Op::Int2(_, a, b)
        | Op::Float2(_, a, b)
        | Op::IntCompare(_, a, b)
        | Op::FloatCompare(_, a, b)
        | Op::Same(a, b)
        | Op::RawAdd(a, b)
        | Op::RawLess(a, b)
        | Op::ByteAt(a, b)
        | Op::ListGet { list: a, index: b, .. } => {
            action(a);
            action(b);
        }
        Op::Unary(_, a)
        | Op::Not(a)
        | Op::BoolToInt(a)
        | Op::IntToFloat(a)
        | Op::Len(a)
        | Op::StrBytes(a)
        | Op::TupleGet(a, _)
        | Op::Field(a, _)
        | Op::ClassIs(a, _)
        | Op::Slot(a, _)
        | Op::Inject(a)
        | Op::Project(a)
        | Op::TagIs(a, _)
        | Op::Seq(_, a)
        | Op::Raise(raise!(a))
        | Op::NewException(raise!(a)) => action(a),
        Op::If(a, b, c) => {
            action(a);
            action(b);
            action(c);
        }
        Op::Runtime(_, arguments) => {
            for argument in arguments {
                if let Argument::Ex(value) = argument {
                    action(value);
                }
            }
        }
        Op::Call(_, values) | Op::NewList(values) | Op::NewTuple(values) => {
            values.iter_mut().for_each(action);
        }
        Op::Int(_)
        | Op::Float(_)
        | Op::Bool(_)
        | Op::None
        | Op::Static(_)
        | Op::Lazy(_)
        | Op::Local(_)
        | Op::NewObject(_)
        | Op::EnumMember(..)
        | Op::Raise(_)
        | Op::NewException(_) => {}
    }
}

/// Calls `action` on every expression in a block, outer ones first.
pub(crate) fn every_expression(block: &mut [St], action: &mut dyn FnMut(&mut Ex)) {
    for statement in block {
        expressions_of(statement, &mut |expression| every_inner(expression, action));
        blocks_of(statement, &mut |block| every_expression(block, action));
    }
}

fn every_inner(expression: &mut Ex, action: &mut dyn FnMut(&mut Ex)) {
    action(expression);
    if let Op::Seq(statements, _) = &mut expression.op {
        every_expression(statements, action);
    }
    children_of(expression, &mut |child| every_inner(child, action));
}

/// Whether exceptions are caught among statements.
pub(crate) fn catches(block: &mut [St]) -> bool {
    block.iter_mut().any(|statement| {
        let mut found = matches!(statement, St::Try { .. });
        blocks_of(statement, &mut |inner| found |= catches(inner));
        expressions_of(statement, &mut |expression| found |= makes_exceptions(expression));
        found
    })
}

/// Whether an expression makes an exception that is an object.
fn makes_exceptions(expression: &mut Ex) -> bool {
    let mut found = matches!(expression.op, Op::NewException(_));
    if let Op::Seq(statements, _) = &mut expression.op {
        found |= catches(statements);
    }
    children_of(expression, &mut |child| found |= makes_exceptions(child));
    found
}

/// Adds the locals that statements assign.
pub(crate) fn assigned(block: &mut [St], locals: &mut BTreeSet<LocalId>) {
    for statement in block.iter_mut() {
        if let St::Set(local, _) | St::Step { local, .. } | St::Clear(local) = statement {
            locals.insert(*local);
        }
        blocks_of(statement, &mut |inner| assigned(inner, locals));
    }
    for statement in block {
        expressions_of(statement, &mut |expression| {
            every_inner(expression, &mut |inner| {
                if let Op::Seq(statements, _) = &mut inner.op {
                    assigned(statements, locals);
                }
            });
        });
    }
}

/// Gives calls the numbers of the functions that are left.
pub(crate) fn renumber_calls(block: &mut [St], numbers: &BTreeMap<InstanceId, InstanceId>) {
    every_expression(block, &mut |expression| {
        if let Op::Call(instance, _) = &mut expression.op {
            *instance = numbers.get(instance).copied().unwrap_or(*instance);
        }
    });
}

/// Replaces type variables by what they stand for.
pub(crate) fn resolve_types(block: &mut [St], types: &Types) {
    every_expression(block, &mut |expression| {
        expression.ty = types.resolve(&expression.ty);
        if let Op::Runtime(_, arguments) = &mut expression.op {
            for argument in arguments {
                if let Argument::Desc(ty) = argument {
                    let resolved: Ty = types.resolve(ty);
                    *ty = resolved;
                }
            }
        }
    });
}
