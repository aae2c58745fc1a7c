//! Names in a function: what it assigns, what it reads from outside, what its annotations say.

use std::collections::BTreeSet;

use crate::ast::{
    Clause, Expr, ExprKind, FStringPart, Function, NodeId, Operator, Pattern, Stmt, StmtKind,
};
use crate::diagnostics::Diagnostic;
use crate::parse;
use crate::request::FunctionSource;
use crate::types::ValueType;

/// The names a function reads from outside itself, sorted. A use of a module's member is the
/// dotted name (`math.sqrt`) as well as the plain one.
pub fn free_names(function: &FunctionSource) -> Result<BTreeSet<String>, Vec<Diagnostic>> {
    // What the language leaves out is reported by `compile`, with everything else.
    let (function, _) = parse::parse(function)?;
    let mut free = BTreeSet::new();
    free_in_function(&function, &mut free);
    Ok(free)
}

/// The types that a function's annotations name, for each positional parameter: its name, and its
/// type if there is an annotation the compiler knows.
pub fn annotations(
    function: &FunctionSource,
) -> Result<Vec<(String, Option<ValueType>)>, Vec<Diagnostic>> {
    let (function, _) = parse::parse(function)?;
    let positional = function.parameters.iter().filter(|parameter| parameter.positional);
    let types = positional.map(|parameter| {
        let ty = parameter.annotation.as_ref().and_then(annotation_type);
        (parameter.name.clone(), ty)
    });
    Ok(types.collect())
}

/// The type that an annotation names, if the compiler knows it.
pub(crate) fn annotation_type(annotation: &Expr) -> Option<ValueType> {
    match &annotation.kind {
        ExprKind::None => Some(ValueType::None),
        ExprKind::Str(text) => annotation_type(&parse::parse_annotation(text)?),
        ExprKind::Name(name) => match name.as_str() {
            "int" => Some(ValueType::Int),
            "float" => Some(ValueType::Float),
            "bool" => Some(ValueType::Bool),
            "str" => Some(ValueType::Str),
            "bytes" => Some(ValueType::Bytes),
            _ => None,
        },
        ExprKind::Attribute(_, name) => {
            annotation_type(&Expr { kind: ExprKind::Name(name.clone()), ..annotation.clone() })
        }
        ExprKind::Binary(Operator::BitOr, left, right) => {
            let mut members = Vec::new();
            for side in [left, right] {
                match annotation_type(side)? {
                    ValueType::Union(inner) => members.extend(inner),
                    other => members.push(other),
                }
            }
            Some(union(members))
        }
        ExprKind::Subscript(base, index) => generic(base, index),
        _ => None,
    }
}

fn union(mut members: Vec<ValueType>) -> ValueType {
    members.sort();
    members.dedup();
    if members.len() == 1 { members.remove(0) } else { ValueType::Union(members) }
}

fn generic(base: &Expr, index: &Expr) -> Option<ValueType> {
    let (ExprKind::Name(name) | ExprKind::Attribute(_, name)) = &base.kind else { return None };
    let arguments: Vec<&Expr> = match &index.kind {
        ExprKind::Tuple(items) => items.iter().collect(),
        _ => vec![index],
    };
    let types = || arguments.iter().map(|item| annotation_type(item)).collect::<Option<Vec<_>>>();
    let boxed = |item: &Expr| annotation_type(item).map(Box::new);
    match (name.as_str(), arguments.as_slice()) {
        ("list" | "List" | "Sequence", [item]) => Some(ValueType::List(boxed(item)?)),
        ("set" | "Set", [item]) => Some(ValueType::Set(boxed(item)?)),
        ("dict" | "Dict", [key, value]) => Some(ValueType::Dict(boxed(key)?, boxed(value)?)),
        ("tuple" | "Tuple", [item, rest]) if matches!(rest.kind, ExprKind::Error) => {
            Some(ValueType::VariadicTuple(boxed(item)?))
        }
        ("tuple" | "Tuple", _) => Some(ValueType::Tuple(types()?)),
        ("Optional", [item]) => Some(union(vec![annotation_type(item)?, ValueType::None])),
        ("Union", _) => Some(union(types()?)),
        _ => None,
    }
}

/// The names that a target assigns, with their nodes.
pub(crate) fn targets(target: &Expr, names: &mut Vec<(String, NodeId)>) {
    match &target.kind {
        ExprKind::Name(name) => names.push((name.clone(), target.id)),
        ExprKind::Tuple(items) | ExprKind::List(items) => {
            for item in items {
                targets(item, names);
            }
        }
        ExprKind::Starred(rest) => targets(rest, names),
        _ => {}
    }
}

/// The names that statements assign in their function's scope, and whether any does so by `:=`.
pub(crate) fn assigned(body: &[Stmt], names: &mut BTreeSet<String>, walrus: &mut bool) {
    let target = |target: &Expr, names: &mut BTreeSet<String>| {
        let mut found = Vec::new();
        targets(target, &mut found);
        names.extend(found.into_iter().map(|(name, _)| name));
    };
    for statement in body {
        each_expression(statement, &mut |expression| {
            walruses(expression, &mut |name| {
                names.insert(name.to_owned());
                *walrus = true;
            });
        });
        match &statement.kind {
            StmtKind::Assign { targets, .. } | StmtKind::Delete(targets) => {
                for one in targets {
                    target(one, names);
                }
            }
            StmtKind::AugAssign { target: one, .. } | StmtKind::Annotated { target: one, .. } => {
                target(one, names);
            }
            StmtKind::For { target: one, body, orelse, .. } => {
                target(one, names);
                assigned(body, names, walrus);
                assigned(orelse, names, walrus);
            }
            StmtKind::If { body, orelse, .. } | StmtKind::While { body, orelse, .. } => {
                assigned(body, names, walrus);
                assigned(orelse, names, walrus);
            }
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                for block in [body, orelse, finalbody] {
                    assigned(block, names, walrus);
                }
                for handler in handlers {
                    names.extend(handler.name.clone());
                    assigned(&handler.body, names, walrus);
                }
            }
            StmtKind::With { target: one, body, first, .. } => {
                if let Some(one) = one {
                    target(one, names);
                }
                names.extend(with_names(*first));
                assigned(body, names, walrus);
            }
            StmtKind::Match { cases, .. } => {
                for case in cases {
                    bound(&case.pattern, &mut |name| {
                        names.insert(name.to_owned());
                    });
                    assigned(&case.body, names, walrus);
                }
            }
            StmtKind::Import { name, .. } => {
                names.insert(name.clone());
            }
            StmtKind::Function(function) => {
                names.insert(function.name.clone());
            }
            _ => {}
        }
    }
}

/// The variables of a `with`: its manager, what that gave, and whether it was left by an exception.
pub(crate) fn with_names(first: NodeId) -> [String; 3] {
    ["manager", "entered", "raised"].map(|name| format!("<{name} {first}>"))
}

/// The names that a pattern binds.
fn bound(pattern: &Pattern, visit: &mut dyn FnMut(&str)) {
    match pattern {
        Pattern::Capture(inner, name) => {
            if let Some(inner) = inner {
                bound(inner, visit);
            }
            if let Some(name) = name {
                visit(name);
            }
        }
        Pattern::Class(_, inner) => inner.iter().for_each(|inner| bound(inner, visit)),
        Pattern::Instance { items, named, .. } => {
            for inner in items.iter().chain(named.iter().map(|(_, inner)| inner)) {
                bound(inner, visit);
            }
        }
        Pattern::Mapping { items, .. } => {
            for (_, inner) in items {
                bound(inner, visit);
            }
        }
        Pattern::Or(patterns, _) => {
            for inner in patterns {
                bound(inner, visit);
            }
        }
        Pattern::Sequence { items, star, .. } => {
            for item in items {
                bound(item, visit);
            }
            star.iter().filter_map(|(_, name)| name.as_ref()).for_each(|name| visit(name));
        }
        Pattern::Value(_) | Pattern::Same(_) | Pattern::Error => {}
    }
}

/// The expressions in a pattern.
fn in_pattern(pattern: &Pattern, visit: &mut dyn FnMut(&Expr)) {
    match pattern {
        Pattern::Value(value) | Pattern::Same(value) => visit(value),
        Pattern::Capture(inner, _) => inner.iter().for_each(|inner| in_pattern(inner, visit)),
        Pattern::Class(class, inner) => {
            visit(class);
            if let Some(inner) = inner {
                in_pattern(inner, visit);
            }
        }
        Pattern::Instance { class, items, named, .. } => {
            visit(class);
            for inner in items.iter().chain(named.iter().map(|(_, inner)| inner)) {
                in_pattern(inner, visit);
            }
        }
        Pattern::Mapping { items, .. } => {
            for (key, inner) in items {
                visit(key);
                in_pattern(inner, visit);
            }
        }
        Pattern::Or(patterns, _) | Pattern::Sequence { items: patterns, .. } => {
            for inner in patterns {
                in_pattern(inner, visit);
            }
        }
        Pattern::Error => {}
    }
}

/// The blocks of statements directly in a statement.
pub(crate) fn blocks(statement: &Stmt, visit: &mut dyn FnMut(&[Stmt])) {
    match &statement.kind {
        StmtKind::If { body, orelse, .. }
        | StmtKind::While { body, orelse, .. }
        | StmtKind::For { body, orelse, .. } => {
            visit(body);
            visit(orelse);
        }
        StmtKind::Try { body, handlers, orelse, finalbody } => {
            visit(body);
            for handler in handlers {
                visit(&handler.body);
            }
            visit(orelse);
            visit(finalbody);
        }
        StmtKind::Match { cases, .. } => cases.iter().for_each(|case| visit(&case.body)),
        StmtKind::With { body, .. } => visit(body),
        _ => {}
    }
}

/// The names that statements declare to be those of a function around.
pub(crate) fn nonlocals(body: &[Stmt], names: &mut BTreeSet<String>) {
    for statement in body {
        if let StmtKind::Nonlocal(found) = &statement.kind {
            names.extend(found.iter().cloned());
        }
        blocks(statement, &mut |block| nonlocals(block, names));
    }
}

/// The names of a function's own that its statements assign.
pub(crate) fn own(body: &[Stmt], names: &mut BTreeSet<String>, walrus: &mut bool) {
    let mut others = BTreeSet::new();
    nonlocals(body, &mut others);
    assigned(body, names, walrus);
    names.retain(|name| !others.contains(name));
}

/// The names of a function's parameters and variables.
pub(crate) fn locals(function: &Function) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    own(&function.body, &mut names, &mut false);
    names.extend(function.parameters.iter().map(|parameter| parameter.name.clone()));
    names
}

/// The names that a function reads from outside itself, those with dots left out.
pub(crate) fn free(function: &Function) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    free_in_function(function, &mut names);
    names.retain(|name| !name.contains('.'));
    names
}

/// In how many places statements assign a name, at least.
pub(crate) fn assignments(body: &[Stmt], name: &str) -> usize {
    let mut count = 0;
    for statement in body {
        let mut inner = 0;
        blocks(statement, &mut |block| inner += assignments(block, name));
        let mut all = BTreeSet::new();
        assigned(std::slice::from_ref(statement), &mut all, &mut false);
        count += if inner > 0 { inner } else { usize::from(all.contains(name)) };
    }
    count
}

/// Whether statements give a name no more than one value.
pub(crate) fn is_settled(body: &[Stmt], name: &str) -> bool {
    fn in_loop(body: &[Stmt], name: &str) -> bool {
        body.iter().any(|statement| {
            if matches!(statement.kind, StmtKind::For { .. } | StmtKind::While { .. }) {
                return assignments(std::slice::from_ref(statement), name) > 0;
            }
            let mut found = false;
            blocks(statement, &mut |block| found |= in_loop(block, name));
            found
        })
    }
    assignments(body, name) < 2 && !in_loop(body, name)
}

/// Whether a `try` is among statements.
pub(crate) fn catches(body: &[Stmt]) -> bool {
    body.iter().any(|statement| {
        let mut found = match &statement.kind {
            StmtKind::Try { .. } | StmtKind::With { .. } => true,
            StmtKind::Function(function) => catches(&function.body),
            _ => false,
        };
        blocks(statement, &mut |block| found |= catches(block));
        found
    })
}

fn walruses(expression: &Expr, found: &mut dyn FnMut(&str)) {
    if let ExprKind::Named(name, _) = &expression.kind {
        found(name);
    }
    each_child(expression, &mut |child| walruses(child, found));
}

/// The expressions directly in a statement, not those of statements within it.
pub(crate) fn each_expression(statement: &Stmt, visit: &mut dyn FnMut(&Expr)) {
    match &statement.kind {
        StmtKind::Expr(value) | StmtKind::Yield(value) | StmtKind::Return(Some(value)) => {
            visit(value);
        }
        StmtKind::Assign { targets, value } => {
            visit(value);
            targets.iter().for_each(visit);
        }
        StmtKind::AugAssign { target, value, .. } => {
            visit(target);
            visit(value);
        }
        StmtKind::Annotated { target, value, .. } => {
            visit(target);
            value.iter().for_each(visit);
        }
        StmtKind::If { test, .. } | StmtKind::While { test, .. } => visit(test),
        StmtKind::For { target, iter, .. } => {
            visit(target);
            visit(iter);
        }
        StmtKind::With { manager, target, .. } => {
            visit(manager);
            target.iter().for_each(visit);
        }
        StmtKind::Raise { exception, cause } => exception.iter().chain(cause).for_each(visit),
        StmtKind::Match { subject, cases } => {
            visit(subject);
            for case in cases {
                in_pattern(&case.pattern, visit);
                case.guard.iter().for_each(&mut *visit);
            }
        }
        StmtKind::Try { handlers, .. } => {
            handlers.iter().filter_map(|handler| handler.classes.as_ref()).for_each(visit);
        }
        StmtKind::Assert { test, message } => {
            visit(test);
            message.iter().for_each(visit);
        }
        StmtKind::Delete(targets) => targets.iter().for_each(visit),
        _ => {}
    }
}

/// The expressions directly in statements, those within them included.
pub(crate) fn each(body: &[Stmt], visit: &mut dyn FnMut(&Expr)) {
    for statement in body {
        each_expression(statement, visit);
        blocks(statement, &mut |block| each(block, visit));
        if let StmtKind::Function(function) = &statement.kind {
            each(&function.body, visit);
        }
    }
}

/// The expressions directly in an expression.
pub(crate) fn each_child(expression: &Expr, visit: &mut dyn FnMut(&Expr)) {
    match &expression.kind {
        ExprKind::And(items)
        | ExprKind::Or(items)
        | ExprKind::List(items)
        | ExprKind::Tuple(items)
        | ExprKind::Set(items) => items.iter().for_each(visit),
        ExprKind::Not(value)
        | ExprKind::Unary(_, value)
        | ExprKind::Named(_, value)
        | ExprKind::Await(value)
        | ExprKind::Starred(value)
        | ExprKind::Attribute(value, _) => visit(value),
        ExprKind::Binary(_, left, right) | ExprKind::Subscript(left, right) => {
            visit(left);
            visit(right);
        }
        ExprKind::Compare(left, rest) => {
            visit(left);
            for (_, right) in rest {
                visit(right);
            }
        }
        ExprKind::Conditional { test, body, orelse } => {
            visit(test);
            visit(body);
            visit(orelse);
        }
        ExprKind::Call { function, arguments, keywords } => {
            visit(function);
            arguments.iter().for_each(&mut *visit);
            for (_, value) in keywords {
                visit(value);
            }
        }
        ExprKind::Slice(parts) => parts.iter().flatten().for_each(|part| visit(part)),
        ExprKind::Dict(items) => {
            for (key, value) in items {
                visit(key);
                visit(value);
            }
        }
        ExprKind::Comprehension { element, value, clauses, .. } => {
            for Clause { target, iter, conditions } in clauses {
                visit(target);
                visit(iter);
                conditions.iter().for_each(&mut *visit);
            }
            visit(element);
            if let Some(value) = value {
                visit(value);
            }
        }
        ExprKind::FString(parts) => fstring_children(parts, visit),
        _ => {}
    }
}

fn fstring_children(parts: &[FStringPart], visit: &mut dyn FnMut(&Expr)) {
    for part in parts {
        if let FStringPart::Value { value, spec, .. } = part {
            visit(value);
            fstring_children(spec, visit);
        }
    }
}

fn free_in_function(function: &Function, free: &mut BTreeSet<String>) {
    let mut local = BTreeSet::new();
    own(&function.body, &mut local, &mut false);
    for parameter in &function.parameters {
        local.insert(parameter.name.clone());
        parameter.default.iter().for_each(|default| free_in(default, &BTreeSet::new(), free));
    }
    let mut inner = BTreeSet::new();
    free_in_block(&function.body, &local, &mut inner);
    free.extend(inner);
}

fn free_in_block(body: &[Stmt], local: &BTreeSet<String>, free: &mut BTreeSet<String>) {
    for statement in body {
        each_expression(statement, &mut |expression| free_in(expression, local, free));
        match &statement.kind {
            StmtKind::Function(function) => {
                let mut inner = BTreeSet::new();
                free_in_function(function, &mut inner);
                free.extend(inner.into_iter().filter(|name| !local.contains(first_part(name))));
            }
            _ => blocks(statement, &mut |block| free_in_block(block, local, free)),
        }
    }
}

fn first_part(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn free_in(expression: &Expr, local: &BTreeSet<String>, free: &mut BTreeSet<String>) {
    match &expression.kind {
        ExprKind::Name(name) if !local.contains(name) => {
            free.insert(name.clone());
        }
        ExprKind::Attribute(base, attribute) => {
            if let ExprKind::Name(name) = &base.kind
                && !local.contains(name)
            {
                free.insert(format!("{name}.{attribute}"));
            }
            free_in(base, local, free);
        }
        ExprKind::Lambda(function) => {
            let mut inner = BTreeSet::new();
            free_in_function(function, &mut inner);
            free.extend(inner.into_iter().filter(|name| !local.contains(first_part(name))));
        }
        ExprKind::Comprehension { clauses, .. } => {
            let mut scope = local.clone();
            for clause in clauses {
                let mut names = Vec::new();
                targets(&clause.target, &mut names);
                scope.extend(names.into_iter().map(|(name, _)| name));
            }
            // The first iterable alone is evaluated outside; names are rarely the same.
            if let Some(first) = clauses.first() {
                free_in(&first.iter, local, free);
            }
            each_child(expression, &mut |child| free_in(child, &scope, free));
        }
        _ => each_child(expression, &mut |child| free_in(child, local, free)),
    }
}
