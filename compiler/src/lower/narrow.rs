//! Conditions, and what they tell about the types of variables.

use super::Body;
use super::flow::{Set, State, VariableId};
use crate::ast::{Comparison, Expr, ExprKind, Span};
use crate::ir::{Ex, Op, St};
use crate::request::Captured;
use crate::ty::Ty;

/// Variables whose types are narrower on one side of a condition.
pub(super) type Narrowings = Vec<(VariableId, Ty)>;

impl Body<'_, '_> {
    /// A condition as a bool, and what holds if it is true and if it is false.
    pub(super) fn condition(&mut self, test: &Expr) -> (Ex, Narrowings, Narrowings) {
        let value = self.expr(test);
        let truth = self.truth(value);
        let (then, other) = self.narrowings(test);
        (truth, then, other)
    }

    pub(super) fn narrowings(&self, test: &Expr) -> (Narrowings, Narrowings) {
        match &test.kind {
            ExprKind::Not(inner) => {
                let (then, other) = self.narrowings(inner);
                (other, then)
            }
            ExprKind::And(parts) => {
                (parts.iter().flat_map(|part| self.narrowings(part).0).collect(), Vec::new())
            }
            ExprKind::Or(parts) => {
                (Vec::new(), parts.iter().flat_map(|part| self.narrowings(part).1).collect())
            }
            ExprKind::Compare(left, rest) => match (&left.kind, rest.as_slice()) {
                (ExprKind::Name(name), [(comparison, right)])
                    if matches!(right.kind, ExprKind::None) =>
                {
                    let (is, is_not) = self.divide(name, &|ty| Some(*ty == Ty::None));
                    match comparison {
                        Comparison::Is | Comparison::Eq => (is, is_not),
                        Comparison::IsNot | Comparison::NotEq => (is_not, is),
                        _ => (Vec::new(), Vec::new()),
                    }
                }
                _ => (Vec::new(), Vec::new()),
            },
            ExprKind::Name(name) => (self.divide(name, &|ty| Some(*ty != Ty::None)).0, Vec::new()),
            ExprKind::Call { function, arguments, .. } => {
                match (&function.kind, arguments.as_slice()) {
                    (ExprKind::Name(callee), [subject, classes])
                        if self.is_builtin(callee, "isinstance") =>
                    {
                        let ExprKind::Name(name) = &subject.kind else {
                            return (Vec::new(), Vec::new());
                        };
                        let names = self.class_names(classes).unwrap_or_default();
                        let own = self.own_classes(classes);
                        self.divide(name, &|ty| {
                            if is_instance(ty, &names) || self.is_int_member(ty, &names) {
                                return Some(true);
                            }
                            self.are_of_classes(ty, &own)
                        })
                    }
                    _ => (Vec::new(), Vec::new()),
                }
            }
            _ => (Vec::new(), Vec::new()),
        }
    }

    /// Whether a name stands for this builtin.
    pub(super) fn is_builtin(&self, name: &str, builtin: &str) -> bool {
        if self.variable(name).is_some() {
            return false;
        }
        match self.program.request.globals.get(self.function).and_then(|globals| globals.get(name))
        {
            Some(Captured::Builtin(found)) => found == builtin,
            Some(_) => false,
            None => name == builtin,
        }
    }

    /// The names in the second argument of `isinstance`.
    pub(super) fn class_names(&self, classes: &Expr) -> Option<Vec<String>> {
        match &classes.kind {
            ExprKind::Name(_) if self.named_class(classes).is_some() => Some(Vec::new()),
            ExprKind::Name(name) => Some(vec![name.clone()]),
            ExprKind::Tuple(items) => {
                let names = items.iter().map(|item| self.class_names(item));
                Some(names.collect::<Option<Vec<_>>>()?.concat())
            }
            _ => None,
        }
    }

    /// The classes of the user's in the second argument of `isinstance`.
    pub(super) fn own_classes(&self, classes: &Expr) -> Vec<usize> {
        match &classes.kind {
            ExprKind::Tuple(items) => {
                items.iter().flat_map(|item| self.own_classes(item)).collect()
            }
            _ => self.named_class(classes).into_iter().collect(),
        }
    }

    /// Whether objects of a type are ints (or tuples), and `int` (`tuple`) is among the names of classes.
    pub(super) fn is_int_member(&self, ty: &Ty, names: &[String]) -> bool {
        if names.iter().any(|name| name == "tuple") && self.items_of(ty).is_some() {
            return true;
        }
        names.iter().any(|name| name == "int")
            && self.enumeration(ty).is_some_and(|enumeration| enumeration.is_int)
    }

    /// A union variable's members by whether they have a property.
    fn divide(&self, name: &str, has: &dyn Fn(&Ty) -> Option<bool>) -> (Narrowings, Narrowings) {
        let none = (Vec::new(), Vec::new());
        let Some(variable) = self.variable(name) else { return none };
        let Some(state) = self.env.as_ref().and_then(|env| env.get(&variable)) else { return none };
        let Ty::Union(members) = self.resolve(&state.ty) else { return none };
        let side_of = |wanted: bool| -> Vec<Ty> {
            members.iter().filter(|ty| has(ty).is_none_or(|has| has == wanted)).cloned().collect()
        };
        let (yes, no) = (side_of(true), side_of(false));
        let side = |mut members: Vec<Ty>| match members.len() {
            0 => Vec::new(),
            1 => vec![(variable, members.remove(0))],
            _ => vec![(variable, Ty::Union(members))],
        };
        (side(yes), side(no))
    }

    /// Makes variables narrower from here on.
    pub(super) fn narrow(&mut self, narrowings: &Narrowings, span: Span) {
        for (variable, ty) in narrowings {
            let Some(state) = self.env.as_ref().and_then(|env| env.get(variable)).cloned() else {
                continue;
            };
            let from = self.resolve(&state.ty);
            if state.set != Set::Always || from == *ty || !matches!(from, Ty::Union(_)) {
                continue;
            }
            let source = self.slot(*variable, &from);
            let target = self.slot(*variable, ty);
            let value = Ex::local(source, from, span);
            let value = Ex::new(Op::Project(Box::new(value)), ty.clone(), span);
            self.push(St::Set(target, value));
            if let Some(env) = &mut self.env {
                env.insert(*variable, State { ty: ty.clone(), set: Set::Always });
            }
        }
    }
}

/// `isinstance` by the names of classes.
pub(super) fn is_instance(ty: &Ty, names: &[String]) -> bool {
    names.iter().any(|name| {
        name == "object"
            || !matches!(ty, Ty::Object(_)) && name == ty.python_name()
            || (name == "int" && *ty == Ty::Bool)
    })
}
