//! Calls of the user's functions, and what their signatures are.

use std::collections::BTreeSet;

use wasm_encoder::Instruction as I;

use super::memory::Own;
use super::{Emitter, PENDING, Signature};
use crate::abi::{Returns, runtime_function};
use crate::ast::Operator;
use crate::ir::{Ex, InstanceId, Op as Ir, Program, St, Unary};
use crate::link::Op;
use crate::ty::Ty;
use crate::visit;

/// What a function does by itself, and whom it calls.
#[derive(Default)]
struct Conduct {
    raises: bool,
    calls: BTreeSet<InstanceId>,
}

/// Finds out which functions can raise, and which can call themselves.
pub(super) fn signatures(program: &mut Program) -> Vec<Signature> {
    let mut conducts: Vec<Conduct> =
        program.functions.iter_mut().map(|function| conduct(&mut function.body)).collect();
    let count = conducts.len();
    let reach: Vec<BTreeSet<InstanceId>> =
        (0..count).map(|start| reachable(start, &conducts)).collect();
    let recursive: Vec<bool> = (0..count).map(|index| reach[index].contains(&index)).collect();
    for (conduct, recursive) in conducts.iter_mut().zip(&recursive) {
        conduct.raises |= *recursive;
    }
    let raises =
        |index: usize| conducts[index].raises || reach[index].iter().any(|at| conducts[*at].raises);
    let deep = |index: usize| recursive[index] || reach[index].iter().any(|at| recursive[*at]);
    (0..count)
        .map(|index| Signature {
            raises: raises(index),
            depth: deep(index),
            recursive: recursive[index],
        })
        .collect()
}

fn reachable(start: InstanceId, conducts: &[Conduct]) -> BTreeSet<InstanceId> {
    let mut found = BTreeSet::new();
    let mut open: Vec<InstanceId> = conducts[start].calls.iter().copied().collect();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(&conducts[next].calls);
        }
    }
    found
}

fn conduct(body: &mut [St]) -> Conduct {
    let mut conduct = Conduct::default();
    visit::every_expression(body, &mut |expression| {
        if let Ir::Call(callee, _) = expression.op {
            conduct.calls.insert(callee);
        }
        conduct.raises |= can_raise(expression);
    });
    conduct.raises |= stores(body);
    conduct
}

/// Whether checked stores are among the statements.
fn stores(body: &mut [St]) -> bool {
    let mut found = false;
    for statement in body.iter_mut() {
        found |= matches!(statement, St::ListSet { .. });
        visit::blocks_of(statement, &mut |block| found |= stores(block));
        visit::expressions_of(statement, &mut |expression| found |= stores_within(expression));
    }
    found
}

fn stores_within(expression: &mut Ex) -> bool {
    let mut found = false;
    if let Ir::Seq(statements, _) = &mut expression.op {
        found |= stores(statements);
    }
    visit::children_of(expression, &mut |child| found |= stores_within(child));
    found
}

fn can_raise(expression: &Ex) -> bool {
    match &expression.op {
        Ir::Int2(operator, _, right) => match operator {
            Operator::BitAnd | Operator::BitOr | Operator::BitXor => false,
            Operator::RShift | Operator::Mod | Operator::FloorDiv => {
                !matches!(right.op, Ir::Int(1..))
            }
            // The result of a division is a float, so that its proved range says nothing.
            Operator::Div | Operator::Pow => true,
            Operator::LShift => !expression.proved || !matches!(right.op, Ir::Int(_)),
            _ => !expression.proved,
        },
        Ir::Float2(operator, _, right) => {
            *operator == Operator::Div && !matches!(right.op, Ir::Float(value) if value != 0.0)
        }
        Ir::Unary(Unary::IntNeg | Unary::IntAbs, _) => !expression.proved,
        Ir::ListGet { checked, .. } => *checked,
        Ir::Raise(_) | Ir::NewException(_) | Ir::Lazy(_) => true,
        Ir::Runtime(name, _) => runtime_function(name).is_none_or(|function| {
            !matches!(
                function.returns,
                Returns::Nothing | Returns::Num | Returns::Int | Returns::Float
            )
        }),
        // There may be no memory left for them.
        Ir::NewObject(_) | Ir::NewTuple(_) | Ir::NewList(_) => true,
        _ => expression.ty == Ty::Never,
    }
}

impl Emitter<'_, '_> {
    pub(super) fn call(&mut self, expression: &Ex, callee: InstanceId, arguments: &[Ex]) -> Own {
        let mut kept = Vec::new();
        for argument in arguments {
            self.argument(argument, &mut kept);
            if argument.ty == Ty::Never {
                self.op(I::Unreachable);
                return Own::Free;
            }
        }
        let signature = self.module.signatures[callee].clone();
        if signature.depth {
            self.ops([I::LocalGet(self.depth_local), I::I32Const(1), I::I32Sub]);
        }
        self.mark(expression.span);
        self.ops.push(Op::Call(callee as u32));
        if signature.raises {
            self.fail_if(PENDING, expression.span);
        }
        self.let_go(kept);
        if expression.ty == Ty::Never {
            self.op(I::Unreachable);
            return Own::Free;
        }
        let result = &self.program.functions[callee].result;
        debug_assert_eq!(result, &expression.ty, "call results are resolved");
        if expression.ty.is_counted() { Own::Owned } else { Own::Free }
    }
}
