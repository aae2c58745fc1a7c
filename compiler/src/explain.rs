//! What the compiler found out, for people.

use std::fmt::Write as _;

use crate::ast::Operator;
use crate::ir::{Op, Program};
use crate::lower::Parsed;
use crate::ty::Types;
use crate::visit;

/// Types of every function, and how many overflow checks were proved unnecessary.
pub(crate) fn explain(program: &mut Program, parsed: &[Parsed<'_>], types: &Types) -> String {
    let mut text = String::new();
    for function in &mut program.functions {
        let parsed = &parsed[function.function];
        let names = parsed.ast.parameters.iter().map(|parameter| parameter.name.as_str());
        let parameters: Vec<String> = names
            .zip(&function.parameters)
            .map(|(name, ty)| format!("{name}: {}", types.show(ty)))
            .collect();
        let (mut proved, mut left) = (0, 0);
        visit::every_expression(&mut function.body, &mut |expression| {
            let arithmetic = matches!(
                expression.op,
                Op::Int2(Operator::Add | Operator::Sub | Operator::Mul | Operator::LShift, ..)
            );
            if arithmetic && expression.proved {
                proved += 1;
            } else if arithmetic {
                left += 1;
            }
        });
        let name = &parsed.source.function().qualname;
        let result = types.show(&function.result);
        // Writing to a String does not fail.
        let _ = writeln!(text, "{name}({}) -> {result}", parameters.join(", "));
        let _ = writeln!(text, "  overflow checks: {left}, proved unnecessary: {proved}");
    }
    text
}
