//! Which attributes every instance has once it is made: those that `__init__` assigns before anything else can look.

use std::collections::BTreeSet;

use crate::ast::{Expr, ExprKind, Function, Stmt, StmtKind};
use crate::classes::{Class, above, mentions, object_setattr};
use crate::names;
use crate::request::{ClassSource, Member};

/// Methods within methods that are looked into.
const DEPTH_MAX: usize = 16;

/// What is known while a method of an instance that is being made is followed.
pub(crate) struct Assigned<'a> {
    class: &'a ClassSource,
    bases: &'a [Class],
    functions: &'a [&'a Function],
    /// Attributes that are set.
    set: BTreeSet<String>,
    /// Whether something may look at the instance that is not followed.
    escaped: bool,
    /// The methods that are followed, innermost last.
    methods: Vec<usize>,
}

impl<'a> Assigned<'a> {
    /// The attributes that are set for sure.
    pub(crate) fn by_init(
        class: &'a ClassSource,
        bases: &'a [Class],
        functions: &'a [&'a Function],
    ) -> BTreeSet<String> {
        if class.enumeration.is_some() {
            return class.fields.iter().map(|(name, _)| name.clone()).collect();
        }
        let mut assigned = Self {
            class,
            bases,
            functions,
            set: BTreeSet::new(),
            escaped: false,
            methods: Vec::new(),
        };
        if let Some(Member::Method(init)) = class.members.get("__init__") {
            assigned.method(*init);
        }
        assigned.set
    }

    /// Follows a method.
    fn method(&mut self, index: usize) {
        let Some(function) = self.functions.get(index).copied() else { return self.escape() };
        let Some(own) = function.parameters.first() else { return self.escape() };
        // The statements of a generator function run when it is gone through.
        if self.methods.len() == DEPTH_MAX || function.yields {
            return self.escape();
        }
        self.methods.push(index);
        self.block(&function.body, &own.name);
        self.methods.pop();
    }

    fn escape(&mut self) {
        self.escaped = true;
    }

    /// Follows statements. Says whether control gets to their end.
    fn block(&mut self, body: &[Stmt], own: &str) -> bool {
        for (index, statement) in body.iter().enumerate() {
            if self.escaped {
                return true;
            }
            match &statement.kind {
                StmtKind::Assign { targets, value } => {
                    self.value(value, own);
                    for target in targets {
                        self.target(target, own);
                    }
                }
                StmtKind::Annotated { target, value: Some(value), .. } => {
                    self.value(value, own);
                    self.target(target, own);
                }
                StmtKind::AugAssign { target, value, .. } => {
                    self.value(target, own);
                    self.value(value, own);
                }
                StmtKind::Expr(value) => {
                    if let Some((object, name, value)) = object_setattr(value) {
                        self.value(value, own);
                        if !self.escaped && is_name(object, own) {
                            self.set.insert(name.to_owned());
                        }
                    } else {
                        self.value(value, own);
                    }
                }
                StmtKind::If { test, body, orelse } => {
                    self.value(test, own);
                    if !self.branch(body, orelse, own) {
                        return false;
                    }
                }
                StmtKind::For { target, iter, body, orelse } => {
                    self.value(iter, own);
                    if mentions(target, own) {
                        self.escape();
                    }
                    self.turns(body, orelse, own);
                }
                StmtKind::While { test, body, orelse } => {
                    self.value(test, own);
                    self.turns(body, orelse, own);
                }
                StmtKind::Assert { test, .. } => self.value(test, own),
                StmtKind::Raise { exception, cause } => {
                    exception.iter().chain(cause).for_each(|value| self.value(value, own));
                    return false;
                }
                StmtKind::Return(value) => {
                    if let Some(value) = value {
                        self.value(value, own);
                    }
                    // What comes after the caller's `if` is not reached this way.
                    if index + 1 < body.len() || self.methods.len() > 1 {
                        self.escape();
                    }
                    return true;
                }
                StmtKind::Pass | StmtKind::Import { .. } | StmtKind::Annotated { .. } => {}
                _ => self.escape(),
            }
        }
        true
    }

    /// Follows both branches; set is what both have set.
    fn branch(&mut self, body: &[Stmt], orelse: &[Stmt], own: &str) -> bool {
        if returns(body) || returns(orelse) {
            self.escape();
            return true;
        }
        let before = self.set.clone();
        let first_ends = self.block(body, own);
        let (first, first_escaped) = (std::mem::replace(&mut self.set, before), self.escaped);
        self.escaped = false;
        let second_ends = self.block(orelse, own);
        self.escaped |= first_escaped;
        match (first_ends, second_ends) {
            (true, true) => self.set = self.set.intersection(&first).cloned().collect(),
            (true, false) => self.set = first,
            _ => {}
        }
        first_ends || second_ends
    }

    /// Follows what may run any number of times, and also not at all.
    fn turns(&mut self, body: &[Stmt], orelse: &[Stmt], own: &str) {
        if returns(body) || returns(orelse) {
            return self.escape();
        }
        let before = self.set.clone();
        self.block(body, own);
        self.set.clone_from(&before);
        self.block(orelse, own);
        self.set = before;
    }

    fn target(&mut self, target: &Expr, own: &str) {
        match &target.kind {
            ExprKind::Attribute(base, name) if is_name(base, own) => {
                if self.escaped {
                } else if let Some(Member::Property(_, setter)) = self.class.members.get(name) {
                    match setter {
                        Some(setter) => self.method(*setter),
                        None => self.escape(),
                    }
                } else {
                    self.set.insert(name.clone());
                }
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                for item in items {
                    self.target(item, own);
                }
            }
            ExprKind::Starred(rest) => self.target(rest, own),
            ExprKind::Name(name) if name == own => self.escape(),
            ExprKind::Name(_) => {}
            _ => self.value(target, own),
        }
    }

    /// Looks at what an expression does with the instance.
    fn value(&mut self, expression: &Expr, own: &str) {
        if self.escaped {
            return;
        }
        match &expression.kind {
            ExprKind::Name(name) if name == own => self.escape(),
            ExprKind::Lambda(_) => self.escape(),
            ExprKind::Call { function, arguments, keywords } => {
                let mut arguments = arguments.as_slice();
                let called = match &function.kind {
                    ExprKind::Attribute(base, name) if is_name(base, own) => {
                        Some((self.class.members.get(name), name))
                    }
                    ExprKind::Attribute(base, name) if is_super(base) => Some((None, name)),
                    ExprKind::Attribute(_, name)
                        if arguments.first().is_some_and(|first| is_name(first, own)) =>
                    {
                        arguments = &arguments[1..];
                        Some((None, name))
                    }
                    _ => None,
                };
                for argument in arguments.iter().chain(keywords.iter().map(|(_, value)| value)) {
                    self.value(argument, own);
                }
                match called {
                    None => self.value(function, own),
                    Some((Some(Member::Method(method)), _)) => self.method(*method),
                    Some((Some(Member::Static(_)), _)) => {}
                    Some((None, name)) => self.of_base(name),
                    Some(_) => self.escape(),
                }
            }
            ExprKind::Attribute(base, name) if is_name(base, own) => {
                match self.class.members.get(name) {
                    Some(Member::Property(getter, _)) => self.method(*getter),
                    _ if self.set.contains(name) => {}
                    Some(Member::Constant(_)) => {}
                    _ => self.escape(),
                }
            }
            _ => {
                let mut children = Vec::new();
                names::each_child(expression, &mut |child| children.push(child.clone()));
                for child in children {
                    self.value(&child, own);
                }
            }
        }
    }

    /// Follows the method that `super()` finds from here.
    fn of_base(&mut self, name: &str) {
        let current = self.methods.last().copied().unwrap_or_default();
        match above(self.class, self.bases, current).and_then(|base| base.member(name)) {
            Some(Member::Method(method)) => self.method(*method),
            _ => self.escape(),
        }
    }
}

fn is_name(expression: &Expr, name: &str) -> bool {
    matches!(&expression.kind, ExprKind::Name(found) if found == name)
}

fn is_super(expression: &Expr) -> bool {
    matches!(&expression.kind, ExprKind::Call { function, arguments, .. }
        if arguments.is_empty() && is_name(function, "super"))
}

/// Whether there is a `return` among statements.
fn returns(body: &[Stmt]) -> bool {
    body.iter().any(|statement| match &statement.kind {
        StmtKind::Return(_) | StmtKind::Break | StmtKind::Continue => true,
        StmtKind::If { body, orelse, .. }
        | StmtKind::While { body, orelse, .. }
        | StmtKind::For { body, orelse, .. } => returns(body) || returns(orelse),
        _ => false,
    })
}
