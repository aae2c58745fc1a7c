//! Lists of bools that never leave their function take one byte an element instead of eight.
//!
//! Such a list is made by `[False] * n`, held by one local, and only indexed, assigned to by index and measured. It is kept
//! as a `bytes` object is, which nobody else refers to, and which is therefore changed in place.

use std::collections::BTreeSet;

use crate::ir::{Argument, Ex, Func, LocalId, Op, St};
use crate::request::Literal;
use crate::ty::Ty;
use crate::visit;

/// Packs what can be packed in a function.
pub(crate) fn pack(function: &mut Func) {
    let bools = Ty::list(Ty::Bool);
    let locals = function.locals.iter().enumerate().skip(function.parameters.len());
    let mut packed: BTreeSet<LocalId> = locals
        .filter(|(_, local)| local.ty == bools && !local.borrowed)
        .map(|(number, _)| number)
        .collect();
    if packed.is_empty() {
        return;
    }
    leave_out(&mut function.body, &mut packed);
    for local in &packed {
        function.locals[*local].ty = Ty::Bytes;
    }
    rewrite(&mut function.body, &packed);
}

/// The value that a new list is filled with, and how many times.
fn filled(value: &Ex) -> Option<(bool, &Ex)> {
    let Op::Runtime("list_repeat", arguments) = &value.op else { return None };
    let [Argument::Ex(list), _, Argument::Ex(count)] = arguments.as_slice() else { return None };
    let Op::NewList(items) = &list.op else { return None };
    let [Ex { op: Op::Bool(item), .. }] = items.as_slice() else { return None };
    Some((*item, count))
}

/// Leaves out the locals that are used in any other way.
fn leave_out(block: &mut [St], packed: &mut BTreeSet<LocalId>) {
    for statement in block {
        match statement {
            St::Set(local, value) => {
                if filled(value).is_none() {
                    packed.remove(local);
                }
                leave_out_of(value, packed);
            }
            St::ListSet { list, index, value, .. } => {
                if !matches!(list.op, Op::Local(_)) {
                    leave_out_of(list, packed);
                }
                leave_out_of(index, packed);
                leave_out_of(value, packed);
            }
            _ => visit::expressions_of(statement, &mut |expression| {
                leave_out_of(expression, packed);
            }),
        }
        visit::blocks_of(statement, &mut |inner| leave_out(inner, packed));
    }
}

fn leave_out_of(expression: &mut Ex, packed: &mut BTreeSet<LocalId>) {
    match &mut expression.op {
        Op::Local(local) => {
            packed.remove(local);
        }
        Op::ListGet { list, index, .. } if matches!(list.op, Op::Local(_)) => {
            leave_out_of(index, packed);
        }
        Op::Len(list) if matches!(list.op, Op::Local(_)) => {}
        Op::Seq(statements, value) => {
            leave_out(statements, packed);
            leave_out_of(value, packed);
        }
        _ => visit::children_of(expression, &mut |child| leave_out_of(child, packed)),
    }
}

fn rewrite(block: &mut [St], packed: &BTreeSet<LocalId>) {
    for statement in block {
        if let St::Set(local, value) = statement
            && packed.contains(local)
            && let Some((item, count)) = filled(value)
        {
            let item = Op::Static(Literal::Bytes(vec![u8::from(item)]));
            let item = Ex::new(item, Ty::Bytes, value.span);
            let arguments = vec![Argument::Ex(item), Argument::Ex(count.clone())];
            *value = Ex::new(Op::Runtime("bytes_repeat", arguments), Ty::Bytes, value.span);
        }
        visit::expressions_of(statement, &mut |expression| rewrite_in(expression, packed));
        visit::blocks_of(statement, &mut |inner| rewrite(inner, packed));
    }
}

fn rewrite_in(expression: &mut Ex, packed: &BTreeSet<LocalId>) {
    match &mut expression.op {
        Op::Local(local) if packed.contains(local) => expression.ty = Ty::Bytes,
        Op::Seq(statements, _) => rewrite(statements, packed),
        _ => {}
    }
    visit::children_of(expression, &mut |child| rewrite_in(child, packed));
}
